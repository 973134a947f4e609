package bot

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"inboxbot/inboxapi"
)

// Shelf keeps what was last read of active threads where every process finds it,
// also one that has just started. Nothing rests on it: a look confirms what comes
// from here, so that what is lost, old or wrong costs a request or a completion and
// never a wrong reply.
type Shelf interface {
	// Shelve keeps a thread's messages in place of what is kept of it, for KeptFor
	// at most: when room is short, those kept longest go first.
	Shelve(ctx context.Context, s Shelved) error
	// Shelved returns what is kept of a thread: a zero Shelved when that is nothing,
	// or nothing this version can read.
	Shelved(ctx context.Context, thread string) (Shelved, error)
}

// Shelved is one page of a thread's messages, newest first, with what guards and
// prompts may read of them.
type Shelved struct {
	Thread     string           `json:"-"`
	ProspectID string           `json:"prospect"`       // on X: whose words they are, for who is to erase them
	More       bool             `json:"more,omitempty"` // there are older ones
	Messages   []ShelvedMessage `json:"messages"`
}

// ShelvedMessage is a message as far as turns are made of it.
type ShelvedMessage struct {
	ID       string    `json:"id"`
	Text     string    `json:"text,omitempty"`
	Author   string    `json:"by"`
	At       time.Time `json:"at"`
	Origin   string    `json:"origin,omitempty"`
	Campaign bool      `json:"campaign,omitempty"`
	Media    []string  `json:"media,omitempty"` // kinds of what travels with the text
	Edited   bool      `json:"edited,omitempty"`
	Deleted  bool      `json:"deleted,omitempty"`
	Failed   bool      `json:"failed,omitempty"`
}

const (
	shelfMost    = 64 << 10 // bytes of one thread, as kept counts them; a bigger one is read again
	shelfTimeout = time.Second
)

// shelve puts what is kept of the thread on the shelf, unless it is there. Nobody
// waits for it.
func (h *handling) shelve(ctx context.Context) {
	b := h.bot
	if b.Shelf == nil || h.conv == nil {
		return
	}
	page, ok := b.kept.toShelve(h.c.thread)
	if !ok {
		return
	}
	s := shelvedOf(h.c.thread, &page)
	s.ProspectID = h.conv.Thread.Prospect.PlatformID
	b.background.Go(func() {
		ctx, cancel := lasting(ctx, shelfTimeout)
		defer cancel()
		if err := b.Shelf.Shelve(ctx, s); err != nil {
			b.complain("redis", fmt.Errorf("shelf: %w", err))
		}
	})
}

// fromShelf returns what the shelf has of a row's thread, when that may be all up
// to the row's message.
func (b *Bot) fromShelf(ctx context.Context, row *inboxapi.Thread, rec *Record) (inboxapi.MessagePage, bool) {
	m := row.LastMessage
	lately := b.Now().Sub(rec.Own[rec.SentID]) < KeptFor // else nothing can be there
	if b.Shelf == nil || !lately || m == nil || m.Content == "" || b.dir.sideOf(m.AuthorID, row) != SideProspect {
		return inboxapi.MessagePage{}, false
	}
	ctx, cancel := context.WithTimeout(ctx, shelfTimeout)
	defer cancel()
	s, err := b.Shelf.Shelved(ctx, row.ID)
	if err != nil {
		b.complain("redis", fmt.Errorf("shelf: %w", err))
		return inboxapi.MessagePage{}, false
	}
	page, ok := s.page()
	if !ok || rec.misses(page.Messages) || !b.kept.found(row.ID, &page) {
		return inboxapi.MessagePage{}, false
	}
	b.sawRow(row)
	return b.kept.of(row)
}

// misses reports whether our last message is not among the messages, by ID or as a
// copy of it: they are from before it, then. One that was sent days ago, or in a
// dry run, is not looked for.
func (r *Record) misses(messages []inboxapi.Message) bool {
	if r.Own[r.SentID].IsZero() || strings.HasPrefix(r.SentID, unknownID) {
		return false
	}
	return !slices.ContainsFunc(messages, func(m inboxapi.Message) bool { return m.ID == r.SentID }) &&
		!slices.ContainsFunc(messages, func(m inboxapi.Message) bool { return r.isCopyOfOurs(&m) })
}

func shelvedOf(thread string, page *inboxapi.MessagePage) Shelved {
	s := Shelved{Thread: thread, More: page.Next != nil, Messages: make([]ShelvedMessage, len(page.Messages))}
	for i := range page.Messages {
		m := &page.Messages[i]
		to := ShelvedMessage{
			ID: m.ID, Text: m.Content, Author: m.AuthorID, At: m.CreatedAt.UTC(), Campaign: m.CampaignID != nil, Media: mediaOf(m.Attachment),
			Edited: m.IsEdited, Deleted: m.DeletedAt != nil || m.PlatformDeletedAt != nil, Failed: m.Failed,
		}
		if m.Origin != nil {
			to.Origin = *m.Origin
		}
		if to.Deleted {
			to.Text = "" // a turn is made of none of it
		}
		s.Messages[i] = to
	}
	return s
}

// page is what was shelved as a page of the API, and false when it is none: it is
// taken for what it says only if each message is whole, newer than the next, and
// there once.
func (s *Shelved) page() (inboxapi.MessagePage, bool) {
	if len(s.Messages) == 0 || len(s.Messages) > transcriptLimit {
		return inboxapi.MessagePage{}, false
	}
	page := inboxapi.MessagePage{Messages: make([]inboxapi.Message, len(s.Messages))}
	if s.More {
		page.Next = &inboxapi.Cursor{}
	}
	ids := map[string]bool{}
	for i, m := range s.Messages {
		if m.ID == "" || m.Author == "" || m.At.IsZero() || ids[m.ID] || i > 0 && m.At.After(s.Messages[i-1].At) {
			return inboxapi.MessagePage{}, false
		}
		ids[m.ID] = true
		to := inboxapi.Message{
			ID: m.ID, ThreadID: s.Thread, Content: m.Text, AuthorID: m.Author, CreatedAt: m.At, IsEdited: m.Edited, Failed: m.Failed,
		}
		if m.Origin != "" {
			to.Origin = &m.Origin
		}
		if m.Campaign {
			to.CampaignID = new(string)
		}
		if m.Deleted {
			to.DeletedAt = &m.At
		}
		to.Attachment = attachmentOf(m.Media)
		page.Messages[i] = to
	}
	return page, true
}

// attachmentOf is an attachment that mediaOf names so.
func attachmentOf(kinds []string) json.RawMessage {
	if len(kinds) == 0 {
		return nil
	}
	items := make([]map[string]string, len(kinds))
	for i, kind := range kinds {
		items[i] = map[string]string{"type": kind}
	}
	text, err := json.Marshal(items)
	if err != nil {
		return nil // unreachable: texts can be encoded
	}
	return text
}
