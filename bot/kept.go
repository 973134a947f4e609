package bot

import (
	"bytes"
	lru "container/list"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"inboxbot/inboxapi"
)

// Bounds of what is kept of conversations.
const (
	keptBytes = 16 << 20 // texts and what stands around them, all threads together
	guesses   = 2        // in a row: the second has what the look at the first has read, and each costs a completion
)

// KeptFor is how long what was read of a thread is kept to be guessed from.
const KeptFor = time.Hour

// kept is what was read of the threads that were active last. The next message in
// one of them costs its look and its send and no reading before: what stands here
// and in the list row is taken for the thread's history, which the look confirms.
// It is in this process's memory; beneath it is the Shelf that all processes share.
type kept struct {
	mu      sync.Mutex
	threads map[string]*lru.Element
	order   *lru.List // of *keptThread, the one changed last in front
	bytes   int
}

type keptThread struct {
	id      string
	page    inboxapi.MessagePage // as it would be read now, newest first
	lacks   string               // the ID of a message that came and of which nothing else is known: there is no page then
	shelved bool                 // the shelf has this page, or was given it
	at      time.Time
	bytes   int
}

func newKept() *kept {
	return &kept{threads: map[string]*lru.Element{}, order: lru.New()}
}

// read keeps a page that was read.
func (k *kept) read(thread string, page *inboxapi.MessagePage) {
	k.mu.Lock()
	defer k.mu.Unlock()
	old := k.threads[thread]
	k.drop(old)
	if len(page.Malformed) > 0 || page.IsSyncing || len(page.Messages) == 0 {
		return // there is more to it than what was read
	}
	t := &keptThread{id: thread, page: *page}
	t.page.Messages = make([]inboxapi.Message, len(page.Messages), len(page.Messages)+4)
	for i, m := range page.Messages {
		m.ReplyData, m.ForwardData, m.Entities, m.Reactions = nil, nil, nil, nil
		t.page.Messages[i] = m
	}
	t.shelved = old != nil && valueOf(old).shelved && slices.EqualFunc(valueOf(old).page.Messages, t.page.Messages, sameMessage)
	k.put(t)
}

// sameMessage reports whether all that is shelved of two messages is the same.
func sameMessage(a, b inboxapi.Message) bool {
	return a.ID == b.ID && a.Content == b.Content && a.AuthorID == b.AuthorID && a.CreatedAt.Equal(b.CreatedAt) && equal(a.Origin, b.Origin) &&
		equal(a.CampaignID, b.CampaignID) && bytes.Equal(a.Attachment, b.Attachment) && a.IsEdited == b.IsEdited && a.Live() == b.Live() && a.Failed == b.Failed
}

// found keeps a page from the shelf, and reports false when that is from before
// what is known here to have come.
func (k *kept) found(thread string, page *inboxapi.MessagePage) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	e, ok := k.threads[thread]
	if ok && valueOf(e).lacks != "" && !has(page.Messages, valueOf(e).lacks) {
		return false
	}
	k.drop(e)
	k.put(&keptThread{id: thread, page: *page, shelved: true})
	return true
}

// toShelve returns what is kept of a thread, if it is to go on the shelf.
func (k *kept) toShelve(thread string) (inboxapi.MessagePage, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	e, ok := k.threads[thread]
	if !ok || valueOf(e).shelved || valueOf(e).lacks != "" || valueOf(e).bytes > shelfMost {
		return inboxapi.MessagePage{}, false
	}
	valueOf(e).shelved = true
	return valueOf(e).page, true
}

func has(messages []inboxapi.Message, id string) bool {
	return slices.ContainsFunc(messages, func(m inboxapi.Message) bool { return m.ID == id })
}

// wrote adds a message to a thread that is kept: one that was sent, or that a list
// row shows.
func (k *kept) wrote(thread string, m inboxapi.Message) {
	k.mu.Lock()
	defer k.mu.Unlock()
	e, ok := k.threads[thread]
	if !ok || valueOf(e).lacks != "" {
		return
	}
	t := valueOf(e)
	if m.ID == "" || has(t.page.Messages, m.ID) || !m.CreatedAt.After(t.page.Messages[0].CreatedAt) {
		return
	}
	k.drop(e)
	t.shelved = false
	t.page.Messages = slices.Insert(slices.Clip(t.page.Messages), 0, m)
	if len(t.page.Messages) > transcriptLimit {
		t.page.Messages, t.page.Next = t.page.Messages[:transcriptLimit], &inboxapi.Cursor{}
	}
	k.put(t)
}

// unlessKnown forgets the messages of a thread whose newest is another one: what
// that is, only the thread's messages tell.
func (k *kept) unlessKnown(thread, newest string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	e, ok := k.threads[thread]
	if !ok || valueOf(e).lacks == "" && valueOf(e).page.Messages[0].ID == newest {
		return
	}
	k.drop(e)
	k.put(&keptThread{id: thread, lacks: newest})
}

// of returns what is kept of a row's thread, when its newest message is the row's.
func (k *kept) of(row *inboxapi.Thread) (inboxapi.MessagePage, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	e, ok := k.threads[row.ID]
	if !ok || row.LastMessage == nil {
		return inboxapi.MessagePage{}, false
	}
	t := valueOf(e)
	if t.lacks != "" {
		return inboxapi.MessagePage{}, false
	}
	m := t.page.Messages[0]
	if m.ID != row.LastMessage.ID || m.Content != row.LastMessage.Content || time.Since(t.at) > KeptFor {
		return inboxapi.MessagePage{}, false
	}
	return t.page, true // its messages are never changed, only replaced
}

func (k *kept) put(t *keptThread) {
	t.at, t.bytes = time.Now(), 400
	for i := range t.page.Messages {
		m := &t.page.Messages[i]
		t.bytes += 400 + len(m.Content) + len(m.Attachment)
	}
	k.threads[t.id] = k.order.PushFront(t)
	k.bytes += t.bytes
	for last := k.order.Back(); k.bytes > keptBytes || time.Since(valueOf(last).at) > KeptFor; last = k.order.Back() {
		k.drop(last)
	}
}

func (k *kept) drop(e *lru.Element) {
	if e == nil {
		return
	}
	t := valueOf(e)
	k.order.Remove(e)
	delete(k.threads, t.id)
	k.bytes -= t.bytes
}

func valueOf(e *lru.Element) *keptThread {
	t, _ := e.Value.(*keptThread)
	return t
}

// sawRow adds what a row shows to what is kept of its thread. A row does not say
// what travels with a message; the look does.
func (b *Bot) sawRow(row *inboxapi.Thread) {
	m := row.LastMessage
	if m == nil {
		return
	}
	if m.Content == "" || b.dir.sideOf(m.AuthorID, row) != SideProspect {
		b.kept.unlessKnown(row.ID, m.ID)
		return
	}
	b.kept.wrote(row.ID, inboxapi.Message{
		ID: m.ID, ThreadID: row.ID, Content: m.Content, AuthorID: m.AuthorID, CreatedAt: m.CreatedAt, UserID: m.UserID, CampaignID: m.CampaignID,
	})
}

// guess is the row's thread as it probably is, at no request, when that is one
// that gets a reply: only then a look follows that will confirm it. With several
// threads of one page at hand nothing is guessed, for they share their looks.
func (b *Bot) guess(ctx context.Context, h *handling, row *inboxapi.Thread) (*Conversation, bool) {
	if h.c.wrong >= guesses || b.work.ofPage(b.work.page(h.c)) >= listLookFrom {
		return nil, false
	}
	b.sawRow(row)
	rec := &h.lease.Record
	page, ok := b.kept.of(row)
	if ok = ok && !rec.misses(page.Messages); !ok { // another process wrote last, or this one before it began
		page, ok = b.fromShelf(ctx, row, rec)
	}
	if !ok || b.dir.sideOf(page.Messages[0].AuthorID, row) != SideProspect {
		return nil, false
	}
	conv, err := b.fromRow(ctx, row, h.lease.Record)
	if err != nil {
		return nil, false // the reading that follows says why
	}
	b.withMessages(conv, &page)
	conv.guessed = true
	if b.isStale(conv, &page) {
		return nil, false
	}
	return conv, b.judge(h.gen, conv).Outcome.Action == Reply
}

// confirm makes sure of a guessed conversation before anything but a reply comes
// of it. With a result, it was not so.
func (h *handling) confirm(ctx context.Context) (result, bool) {
	if h.conv == nil || !h.conv.guessed {
		return result{}, false
	}
	_, err := h.bot.lookAtMessages(ctx, h.c, h.conv, nil)
	switch {
	case err == nil:
		return result{}, false
	case errors.Is(err, errOvertaken):
		return h.overtaken(ctx), true
	}
	return h.bot.failed(ctx, h.c, "inbox", err), true
}

// asRead reports whether a guess was right: all that guards and prompts read of its
// messages is as it was read.
func asRead(guess *Conversation, page *inboxapi.MessagePage, turns []Turn) bool {
	more := page.Next != nil || page.IsSyncing
	return guess.More == more && slices.EqualFunc(guess.Turns, turns, sameTurn)
}

func sameTurn(a, b Turn) bool {
	return a.ID == b.ID && a.Text == b.Text && a.At.Equal(b.At) && a.Side == b.Side && a.Writer == b.Writer &&
		a.Edited == b.Edited && slices.Equal(a.Media, b.Media)
}
