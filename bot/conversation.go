package bot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"inboxbot/inboxapi"
)

// Messages reads what was said in a thread.
type Messages interface {
	ListMessages(ctx context.Context, threadID string, q inboxapi.MessageQuery) (*inboxapi.MessagePage, error)
}

// transcriptLimit is how many messages of a thread are read, one page of the API
// at its largest.
const transcriptLimit = 100

// errUnreadable says that messages of a thread are there but do not decode.
// Nobody can tell what they say, so a person must look.
var errUnreadable = errors.New("messages of the thread cannot be read")

// errStale says that the API shows a thread as it was before what is known to
// wait in it. It will catch up.
var errStale = errors.New("the thread's messages lag behind what is known of it")

// Side says who a turn speaks for.
type Side string

// The sides of a conversation. An author who matches neither party is
// SideUnknown, and nothing is ever sent into such a conversation.
const (
	SideUnknown  Side = "unknown"
	SideOurs     Side = "ours"
	SideProspect Side = "prospect"
)

// Writer says which hand wrote a turn of our side.
type Writer string

// The writers of our side. WriterNone is what turns of other sides have.
const (
	WriterNone     Writer = ""
	WriterBot      Writer = "bot"      // this bot, known by its own ledger
	WriterAPI      Writer = "api"      // another client of the API
	WriterPerson   Writer = "person"   // a person in Inbox
	WriterPersonX  Writer = "person-x" // a person, or a tool, in X itself
	WriterCampaign Writer = "campaign"
	WriterUnsure   Writer = "unsure" // ours, but a legacy row does not say whose hand: counts as a person
)

// Turn is one live message of the conversation. Deleted messages and failed
// sends are not turns; neither are reactions.
type Turn struct {
	ID     string
	Text   string
	At     time.Time
	Side   Side
	Writer Writer
	Media  []string // kinds of what travels with the text, such as "image"; never nil-significant
	Edited bool

	ahead bool // it is dated in the future; At is when it was noticed
}

// Conversation is a thread, its messages and what the team knows about the
// prospect, frozen at one instant. Every station sees the same one, and a
// verdict depends on nothing else, the clock included.
type Conversation struct {
	Now      time.Time // when it was taken, on the API's clock
	Thread   inboxapi.Thread
	Account  inboxapi.AccountLink // the account link the thread belongs to; zero when the team has it no more
	Team     inboxapi.Team
	Tags     []string // the names of the prospect's tags
	Status   string   // the name of the prospect's status, or ""
	Assignee string   // the assigned member's email, or "" (also when the member is unknown: see Thread.AssigneeID)

	// Read says that the thread's messages have been read. Without it Turns
	// holds at most the newest message as the list row has it, and the counts
	// below are those of that one message.
	Read  bool
	Turns []Turn // oldest first
	More  bool   // the thread has older messages than Turns holds

	Record Record // what the ledger knows of this thread

	readAt  time.Time // this process's clock when its messages were read
	guessed bool      // Turns are what was known before, and the list row's: a look has to confirm them

	forgotten   time.Duration // see Bot.forgotten, for our newest message; 0: whom it answers is known
	undelivered Turn          // the bot's last reply, when it was accepted and then not delivered; zero: that is not so
}

// Last returns the newest inbound turn.
func (c *Conversation) Last() (Turn, bool) {
	for _, t := range slices.Backward(c.Turns) {
		if t.Side == SideProspect {
			return t, true
		}
	}
	return Turn{}, false
}

// Unanswered returns the inbound turns that wait for us, oldest first: those
// after the last turn of ours that answered. A reply of this bot to an earlier
// message that arrived behind a newer one did not answer the newer one, so that
// one still waits (see Record.SentID); and a campaign's message answers nobody.
func (c *Conversation) Unanswered() []Turn {
	var waiting []Turn
	id, at := c.Record.ended()
	for _, t := range slices.Backward(c.Turns) {
		if len(waiting) == 0 && t.Writer == WriterCampaign {
			continue
		}
		if t.Side == SideOurs && c.overtaken(t) {
			continue // ours, but an answer to what was asked before the turns after it
		}
		if t.Side != SideProspect || t.ID == id || t.At.Before(at) {
			break
		}
		waiting = append(waiting, t)
	}
	slices.Reverse(waiting)
	return waiting
}

// asked is how many of the prospect's messages stand where the record's Asked were:
// up to the message it is about, none from before since.
func (c *Conversation) asked(since time.Time) (n int) {
	r := &c.Record
	about := slices.IndexFunc(c.Turns, func(t Turn) bool { return t.ID == r.MessageID })
	for _, t := range slices.Backward(c.Turns[:about+1]) {
		if t.Side != SideProspect || t.ID == r.EndedID || t.At.Before(r.EndedAt) || t.At.Before(since) {
			break
		}
		n++
	}
	return n
}

// overtaken reports whether t is the bot's reply to a message that has come to
// its end, while the prospect has written something newer.
func (c *Conversation) overtaken(t Turn) bool {
	copied := t.Writer == WriterBot && c.Record.SentSum != "" && Fingerprint(t.Text) == c.Record.SentSum
	if t.ID == "" || t.ID != c.Record.SentID && !copied {
		return false
	}
	last, ok := c.Last()
	id, at := c.Record.ended()
	return ok && last.ID != id && !last.At.Before(at)
}

// Waiting is how long the oldest unanswered inbound message has waited, 0 when
// none does.
func (c *Conversation) Waiting() time.Duration {
	if w := c.Unanswered(); len(w) > 0 {
		return max(0, c.Now.Sub(w[0].At))
	}
	return 0
}

// Never is what HumanAgo returns when no person on our side ever wrote: 100
// years, far above any threshold a guard would compare it with.
const Never = 100 * 365 * 24 * time.Hour

// HumanAgo is how long ago a person on our side last wrote, in Inbox or in X.
func (c *Conversation) HumanAgo() time.Duration {
	if t, ok := c.human(); ok {
		return max(0, c.Now.Sub(t.At))
	}
	return Never
}

// human is the newest turn of a person on our side.
func (c *Conversation) human() (Turn, bool) {
	for _, t := range slices.Backward(c.Turns) {
		if w := t.Writer; w == WriterPerson || w == WriterPersonX || w == WriterUnsure {
			return t, true
		}
	}
	return Turn{}, false
}

// Count returns how many turns keep is true for.
func (c *Conversation) Count(keep func(Turn) bool) int {
	n := 0
	for _, t := range c.Turns {
		if keep(t) {
			n++
		}
	}
	return n
}

// RepliesToday is how many messages this bot sent into the thread in the 24
// hours before Now, by its own ledger.
func (c *Conversation) RepliesToday() int { return c.repliesSince(time.Time{}) }

// repliesSince is RepliesToday without the replies up to since.
func (c *Conversation) repliesSince(since time.Time) int {
	n := 0
	for _, at := range c.Record.Own {
		if c.Now.Sub(at) < 24*time.Hour && at.After(since) {
			n++
		}
	}
	return n
}

// givenBack reports whether a person has given the thread back since the bot last
// handed it over: the tag that was given then is gone.
func (c *Conversation) givenBack() (handed time.Time, back bool) {
	return c.Record.HandedAt, c.Record.HandedTag != "" && !c.Record.heldBy(&c.Thread)
}

// heldBy reports whether the thread's prospect has the tag that it was handed over
// with.
func (r *Record) heldBy(th *inboxapi.Thread) bool {
	return r.HandedTag != "" && slices.Contains(th.Prospect.Context.Tags, r.HandedTag)
}

// fromRow freezes what a list row tells about a thread.
func (b *Bot) fromRow(ctx context.Context, row *inboxapi.Thread, rec Record) (*Conversation, error) {
	if err := b.dir.ready(ctx, row); err != nil {
		return nil, err
	}
	account, _ := b.dir.account(row.AccountLinkID)
	c := &Conversation{
		Now:      b.Now(),
		Thread:   *row,
		Account:  account,
		Team:     b.dir.team,
		Tags:     b.dir.tagNames(row.Prospect.Context.Tags),
		Status:   b.dir.statusName(row.Prospect.Context.StatusID),
		Assignee: b.dir.memberEmail(row.AssigneeID),
		Record:   rec,
	}
	if m := row.LastMessage; m != nil {
		t := Turn{ID: m.ID, Text: m.Content, Side: b.dir.sideOf(m.AuthorID, row)}
		t.At, t.ahead = b.dir.timeOf(m.ID, m.CreatedAt, &rec)
		if t.Side == SideOurs {
			// A row has no origin: who of us wrote is for the messages to say.
			t.Writer = writerOf(&inboxapi.Message{ID: m.ID, Content: m.Content, CreatedAt: m.CreatedAt, CampaignID: m.CampaignID}, &rec)
		}
		c.Turns = []Turn{t}
	}
	return c, nil
}

// read adds the thread's messages to what its row told. It costs one request.
func (b *Bot) read(ctx context.Context, row *inboxapi.Thread, rec Record) (*Conversation, error) {
	c, err := b.fromRow(ctx, row, rec)
	if err != nil {
		return nil, err
	}
	page, err := b.Inbox.ListMessages(ctx, row.ID, inboxapi.MessageQuery{Limit: transcriptLimit})
	if err != nil {
		return nil, fmt.Errorf("messages: %w", err)
	}
	b.kept.read(row.ID, page)
	b.withMessages(c, page)
	if len(page.Malformed) > 0 {
		c.addUnread(b.dir, page.Malformed[0].ID)
		return c, fmt.Errorf("%w: %w", errUnreadable, page.Malformed[0].Err)
	}
	if b.isStale(c, page) {
		return c, errStale
	}
	if last, ok := c.newest(); ok && last.Side == SideUnknown {
		// An account linked a moment ago would look like a stranger.
		if err := b.dir.refreshAccounts(ctx, directoryPause); err != nil {
			return nil, err
		}
		b.withMessages(c, page)
	}
	return c, nil
}

// isStale reports whether page is from before the message that is known to wait:
// it would look as if somebody had taken the message back, or answered it. So it is
// from before the row's message, which may be the answer of a person. After
// Config.Visible, the longest the API may lag, it has indeed been taken back.
func (b *Bot) isStale(c *Conversation, page *inboxapi.MessagePage) bool {
	r := c.Record
	if b.lags(page, &c.Thread) {
		return true
	}
	if r.State != StateWaiting && r.State != StateRetry || c.Now.Sub(r.MessageAt) >= b.cfg.Visible {
		return false
	}
	return len(page.Messages) == 0 || page.Messages[0].CreatedAt.Before(r.MessageAt)
}

// lags reports whether page is from before the newest message that a row shows.
func (b *Bot) lags(page *inboxapi.MessagePage, row *inboxapi.Thread) bool {
	m := row.LastMessage
	if m == nil || has(page.Messages, m.ID) {
		return false
	}
	ago := b.Now().Sub(m.CreatedAt)
	return ago >= 0 && ago < b.cfg.Visible && (len(page.Messages) == 0 || page.Messages[0].CreatedAt.Before(m.CreatedAt))
}

// addUnread makes the message that could not be read a turn, so that what is
// decided is recorded about it: as the list row has it, or by its ID alone, also
// where all that could be read has come to its end.
func (c *Conversation) addUnread(dir *directory, id string) {
	t := Turn{ID: id, At: c.Now, Side: SideUnknown}
	if m := c.Thread.LastMessage; m != nil {
		t = Turn{ID: m.ID, Text: m.Content, At: m.CreatedAt, Side: dir.sideOf(m.AuthorID, &c.Thread)}
	}
	if newest, ok := c.newest(); !ok || t.At.After(newest.At) {
		c.Turns = append(c.Turns, t)
	}
	if last, _ := c.about(); c.Record.Done(last.ID, last.At) {
		c.Turns = append(c.Turns, Turn{ID: id, At: c.Now, Side: SideUnknown})
	}
}

func (b *Bot) withMessages(c *Conversation, page *inboxapi.MessagePage) {
	c.Now = b.Now()
	c.Read, c.readAt = true, page.Asked
	c.Turns = b.dir.turnsOf(page.Messages, &c.Thread, &c.Record)
	c.More = page.Next != nil || page.IsSyncing
	if said := c.toThem(); len(said) > 0 {
		// A reply of the bot's own that is not the record's last was recorded when the
		// store had forgotten which message it was for.
		t := said[len(said)-1]
		if known := t.ID == c.Record.SentID || Fingerprint(t.Text) == c.Record.SentSum; t.Writer == WriterAPI || t.Writer == WriterUnsure || t.Writer == WriterBot && !known {
			c.forgotten = b.forgotten(t.At)
		}
	}
	c.undelivered = b.dir.undelivered(page.Messages, &c.Thread, &c.Record)
	b.noticeForeign(c)
	c.Thread.IsSyncing = c.Thread.IsSyncing || page.IsSyncing
}

// about is the message a decision is about: the newest inbound one, or the newest
// of all when nobody can tell who wrote that.
func (c *Conversation) about() (Turn, bool) {
	newest, ok := c.newest()
	if last, inbound := c.Last(); inbound && newest.Side != SideUnknown {
		return last, true
	}
	return newest, ok
}

// newest returns the newest turn of either side.
func (c *Conversation) newest() (Turn, bool) {
	if len(c.Turns) == 0 {
		return Turn{}, false
	}
	return c.Turns[len(c.Turns)-1], true
}

// toThem returns the turns without what campaigns sent last: that was said to many
// people, whatever this one had written.
func (c *Conversation) toThem() []Turn {
	n := len(c.Turns)
	for n > 0 && c.Turns[n-1].Writer == WriterCampaign {
		n--
	}
	return c.Turns[:n]
}

// recentMost is how many conversations Recent returns at most.
const recentMost = 50

// recent keeps the newest conversation of each of the last threads.
type recent struct {
	mu  sync.Mutex
	all []*Conversation // newest last
}

func (r *recent) add(c *Conversation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = slices.DeleteFunc(r.all, func(old *Conversation) bool { return old.Thread.ID == c.Thread.ID })
	r.all = append(r.all, c)
	if extra := len(r.all) - recentMost; extra > 0 {
		r.all = slices.Delete(r.all, 0, extra)
	}
}

// Recent returns the conversations this process has read last, the newest last,
// at most 50 and one per thread. They are what new rules and prompts are tried on.
// They must not be changed.
func (b *Bot) Recent() []*Conversation {
	b.recent.mu.Lock()
	defer b.recent.mu.Unlock()
	return slices.Clone(b.recent.all)
}
