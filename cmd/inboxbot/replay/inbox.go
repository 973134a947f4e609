package replay

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"inboxbot/bot"
	"inboxbot/inboxapi"
)

// Inbox is what is asked of the Inbox API. *inboxapi.Client is one; give it a
// Budget as its limiter.
type Inbox interface {
	bot.Messages
	bot.Directory
	Team(ctx context.Context) (*inboxapi.Team, error)
	Threads(ctx context.Context, q inboxapi.ThreadQuery) iter.Seq2[*inboxapi.Thread, error]
	Now() time.Time
}

// Budget bounds what a replay takes of the Inbox API. It implements
// inboxapi.Limiter and lets nothing pass that would change anything.
type Budget struct {
	left atomic.Int64
	pace *rate.Limiter
}

// A minute of the API's has 300 requests for all who share the token; a bot that
// runs meanwhile needs most of them.
const (
	paceRate  = 2 // a second
	paceBurst = 60
)

// NewBudget allows so many requests, retries included.
func NewBudget(requests int) *Budget {
	b := &Budget{pace: rate.NewLimiter(paceRate, paceBurst)}
	b.left.Store(int64(requests))
	return b
}

// Errors of a Budget.
var (
	ErrBudget  = errors.New("the request budget is used up")
	errNotRead = errors.New("a replay changes nothing")
)

var reads = []string{
	"team.get", "accountLinks.list", "members.list", "tags.list", "statuses.list", "threads.list", "threads.thread.messages.list",
}

// Wait implements inboxapi.Limiter.
func (b *Budget) Wait(ctx context.Context, op string) error {
	switch {
	case !slices.Contains(reads, op):
		return fmt.Errorf("%s: %w", op, errNotRead)
	case b.left.Add(-1) < 0:
		return ErrBudget
	}
	return b.pace.Wait(ctx)
}

// ReadInbox reads the account's conversations, the newest first, until there are
// no more, the client's Budget is used up, ctx ends or the API fails; what was
// left out stands in the notes. It is an error when nothing was read at all. read
// is told after each conversation.
//
// A thread costs a request and gives its newest 100 messages; lists of threads
// cost one for 100.
func ReadInbox(ctx context.Context, inbox Inbox, views []inboxapi.View, read func(n int)) (Corpus, error) {
	team, err := inbox.Team(ctx)
	if err != nil {
		return Corpus{}, err
	}
	l := &library{reader: bot.NewReader(inbox, *team, inbox.Now), read: read}
	l.corpus.Name = "the inbox of " + line(team.Name, 60)
	err = l.fill(ctx, inbox, views)
	if err != nil && len(l.corpus.Past) == 0 {
		return Corpus{}, err
	}
	l.note(err)
	return l.corpus, nil
}

// library is the inbox being read.
type library struct {
	reader *bot.Reader
	read   func(n int)
	corpus Corpus

	longer, broken, silent int // threads with older messages, unreadable ones, those without a message of the prospect
}

func (l *library) fill(ctx context.Context, inbox Inbox, views []inboxapi.View) error {
	seen := map[string]bool{}
	for th, err := range newestFirst(ctx, inbox, views) {
		switch {
		case errors.Is(err, inboxapi.ErrMalformed) && th == nil:
			l.broken++
			continue
		case err != nil:
			return err
		case seen[th.ID]:
			continue
		case th.LastMessage == nil:
			l.silent++
			continue
		}
		seen[th.ID] = true
		if err := l.add(ctx, th); err != nil {
			return err
		}
	}
	return nil
}

// add reads one thread. Its error ends the reading.
func (l *library) add(ctx context.Context, th *inboxapi.Thread) error {
	c, err := l.reader.Read(ctx, th)
	switch {
	case errors.Is(err, inboxapi.ErrNotFound), errors.Is(err, inboxapi.ErrMalformed):
		l.broken++
		return nil
	case err != nil:
		return err
	}
	if _, wrote := c.Last(); !wrote {
		l.silent++
		return nil
	}
	for i := range c.Turns { // there is no ledger to tell them apart
		if c.Turns[i].Writer == bot.WriterAPI {
			c.Turns[i].Writer = bot.WriterBot
		}
	}
	if c.More {
		l.longer++
	}
	l.corpus.Past = append(l.corpus.Past, c)
	l.read(len(l.corpus.Past))
	return nil
}

// note says what was left out, why the reading ended, and what cannot be known.
func (l *library) note(err error) {
	say := func(format string, args ...any) {
		l.corpus.Notes = append(l.corpus.Notes, fmt.Sprintf(format, args...))
	}
	oldest := "" // of what was read
	if n := len(l.corpus.Past); n > 0 {
		last, _ := l.corpus.Past[n-1].Last()
		oldest = last.At.UTC().Format("2006-01-02")
	}
	switch {
	case errors.Is(err, ErrBudget):
		say("the request budget is used up: threads that were quiet since %s are left out; --requests reads more", oldest)
	case err != nil:
		say("reading ended early: threads that were quiet since %s are left out: %s", oldest, line(err.Error(), 200))
	}
	if l.longer > 0 {
		say("of %d threads only the newest 100 messages were read", l.longer)
	}
	if l.broken > 0 {
		say("%d threads could not be read and are left out", l.broken)
	}
	if l.silent > 0 {
		say("%d threads without a message of the prospect are left out", l.silent)
	}
	say("profile, tags, status and assignee are those of today; what was sent through the API counts as the bot's own")
}

// newestFirst walks over the threads of several views, the most recently active
// first. It asks for a page when it comes to it.
func newestFirst(ctx context.Context, inbox Inbox, views []inboxapi.View) iter.Seq2[*inboxapi.Thread, error] {
	return func(yield func(*inboxapi.Thread, error) bool) {
		var heads []*head
		for _, v := range views {
			next, stop := iter.Pull2(inbox.Threads(ctx, inboxapi.ThreadQuery{View: v}))
			defer stop()
			h := &head{next: next}
			if h.advance() {
				heads = append(heads, h)
			}
		}
		for len(heads) > 0 {
			i := newest(heads)
			if !yield(heads[i].thread, heads[i].err) {
				return
			}
			if !heads[i].advance() {
				heads = slices.Delete(heads, i, i+1)
			}
		}
	}
}

// head is the next thread of a view.
type head struct {
	next   func() (*inboxapi.Thread, error, bool)
	thread *inboxapi.Thread
	err    error
}

func (h *head) advance() (ok bool) {
	h.thread, h.err, ok = h.next()
	return ok
}

// newest is which of heads comes next: one with an error does at once.
func newest(heads []*head) int {
	best := 0
	for i, h := range heads {
		if h.err != nil {
			return i
		}
		if h.thread.SortTime().After(heads[best].thread.SortTime()) {
			best = i
		}
	}
	return best
}
