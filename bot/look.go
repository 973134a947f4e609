package bot

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"inboxbot/inboxapi"
)

// errOvertaken says that the thread is not as it was judged: somebody wrote,
// edited, deleted, tagged or took it over. The draft is thrown away.
var errOvertaken = errors.New("the thread has changed since it was judged")

const (
	// lookAge is how old a look may be when the message is sent.
	lookAge = 2 * time.Second
	// lookSlack is what lies between a look and its send at most, for the look to
	// serve another send.
	lookSlack = 300 * time.Millisecond
	// gatherTime is how long a draft waits at most for others to be looked at with,
	// when requests are short. With requests to spare it does not wait at all.
	gatherTime = 8 * time.Second
	// listLookFrom is from how many candidates of one page on that page is read
	// again instead of each thread's messages.
	listLookFrom = 3
	// rowAge is how old a row may be for its tags and assignee to count.
	rowAge = 30 * time.Second
	// listDistrust is how long the lists are not looked at after one lagged.
	listDistrust = 10 * time.Minute
)

// look is what the thread looked like right before the send.
type look struct {
	at   time.Time // this process's clock, when the request left
	api  time.Time // the API's clock
	base string    // the newest message
}

// lookAgain makes sure that the thread is still as conv has it, in every
// respect the verdict stood on, or returns errOvertaken. One list page is the
// look for all its threads; a thread that it shows otherwise, or not at all, or not all
// of what is asked, is looked at itself.
func (b *Bot) lookAgain(ctx context.Context, c *candidate, conv *Conversation, short bool) (look, error) {
	ref := b.work.page(c)
	if conv.guessed || !conv.rowTells() || !b.pages.trusted() || b.work.ofPage(ref) < listLookFrom {
		return b.lookAtMessages(ctx, c, conv, nil)
	}
	if short {
		b.gather(ctx, c, ref)
	}
	for _, age := range []time.Duration{lookAge - lookSlack, time.Since(conv.readAt)} {
		page, readAt, err := b.pages.fresh(ctx, b.Inbox, ref.lookRef(), age)
		if err != nil {
			break
		}
		row := rowOf(page, c.thread)
		switch {
		case row == nil && readAt.Before(conv.readAt):
			continue // the page is older than what it should confirm
		case row == nil: // among those who wait it is no more where somebody has answered
			if row, err = b.Inbox.GetThread(ctx, c.thread); err != nil {
				return look{}, fmt.Errorf("look: %w", err)
			}
			return b.lookAtMessages(ctx, c, conv, row)
		case !sameNewest(row, conv):
			return b.lookAtMessages(ctx, c, conv, row)
		case !sameContext(row, &conv.Thread):
			return look{}, errOvertaken
		}
		newest, _ := conv.newest()
		return look{at: readAt, api: b.Now().Add(-time.Since(readAt)), base: newest.ID}, nil
	}
	return b.lookAtMessages(ctx, c, conv, nil)
}

// gather waits a moment for others of c's page to come to their look, so that
// one request serves them all.
func (b *Bot) gather(ctx context.Context, c *candidate, ref pageRef) {
	together := b.pages.join(ref)
	// A draft that waits is no work: its place goes to another thread meanwhile,
	// for up to as many again as work at once.
	if b.work.gathered(ref) <= b.cfg.Concurrency {
		<-b.slots
		b.work.wake()
		defer func() { b.slots <- struct{}{} }()
	}
	for until := time.Now().Add(gatherTime); time.Now().Before(until) && b.work.othersThinking(c); {
		select {
		case <-ctx.Done():
			return
		case <-together:
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
	b.pages.release(ref, together)
}

// lookAtMessages is the look at one thread alone: at its messages, and at its row
// where that is too old for its tags and assignee to count. A row that has just been
// listed may be given.
func (b *Bot) lookAtMessages(ctx context.Context, c *candidate, conv *Conversation, row *inboxapi.Thread) (look, error) {
	l := look{api: b.Now()}
	readAt := time.Now()
	if row == nil {
		row, readAt = b.work.row(c)
	}
	if row == nil || time.Since(readAt) > rowAge {
		fresh, err := b.Inbox.GetThread(ctx, c.thread)
		if err != nil {
			return look{}, fmt.Errorf("look: %w", err)
		}
		row = fresh
	}
	if !sameContext(row, &conv.Thread) {
		return look{}, errOvertaken
	}
	page, err := b.Inbox.ListMessages(ctx, c.thread, inboxapi.MessageQuery{Limit: transcriptLimit})
	if err != nil {
		return look{}, fmt.Errorf("look: %w", err)
	}
	b.kept.read(c.thread, page)
	turns := b.dir.turnsOf(page.Messages, &conv.Thread, &conv.Record)
	lost := b.dir.undelivered(page.Messages, &conv.Thread, &conv.Record)
	if len(page.Malformed) > 0 || b.lags(page, row) || !sameTurns(conv.Turns, turns) || lost.ID != conv.undelivered.ID || conv.guessed && !asRead(conv, page, turns) {
		if conv.guessed {
			c.wrong++
		}
		return look{}, errOvertaken
	}
	if conv.guessed {
		conv.guessed, conv.readAt, c.wrong = false, page.Asked, 0
		b.recent.add(conv)
	}
	// What a slow API shows is as old as its answer; nothing newer can be had.
	if took := time.Since(page.Asked); took > b.cfg.Send {
		return look{}, fmt.Errorf("look: the answer took %s", took.Round(time.Second))
	}
	l.at = time.Now()
	if len(page.Messages) > 0 {
		l.base = page.Messages[0].ID
	}
	return l, nil
}

// sameTurns reports whether the newest turns are the same messages with the same
// words. The older end may differ: what is read is one page.
func sameTurns(judged, now []Turn) bool {
	n := min(len(judged), len(now))
	if n == 0 || len(judged) != len(now) && n < transcriptLimit {
		return false
	}
	same := func(a, b Turn) bool { return a.ID == b.ID && a.Text == b.Text && a.Side == b.Side }
	return slices.EqualFunc(judged[len(judged)-n:], now[len(now)-n:], same)
}

// rowTells reports whether a row shows all that is asked: of an earlier message it would
// not tell that it was edited or taken back.
func (c *Conversation) rowTells() bool {
	newest, _ := c.newest()
	waiting := c.Unanswered()
	return len(waiting) == 1 && waiting[0].ID == newest.ID
}

func sameNewest(row *inboxapi.Thread, conv *Conversation) bool {
	newest, ok := conv.newest()
	m := row.LastMessage
	return ok && m != nil && m.ID == newest.ID && m.Content == newest.Text
}

// sameContext reports whether what guards read from a row is unchanged.
func sameContext(a, b *inboxapi.Thread) bool {
	x, y := &a.Prospect.Context, &b.Prospect.Context
	return equal(a.AssigneeID, b.AssigneeID) && a.Done == b.Done &&
		slices.Equal(sorted(x.Tags), sorted(y.Tags)) && equal(x.StatusID, y.StatusID)
}

func sorted(tags []string) []string {
	tags = slices.Clone(tags)
	slices.Sort(tags)
	return tags
}

func equal[T comparable](a, b *T) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// noticeLag compares a list row with the messages read after it: a message that
// was there when the list was read, and that the row does not have, means that
// lists lag, and they are not trusted as a look for a while.
func (b *Bot) noticeLag(c *candidate, conv *Conversation) {
	row, readAt := b.work.row(c)
	newest, ok := conv.newest()
	if row == nil || row.LastMessage == nil || !ok || row.LastMessage.ID == newest.ID {
		return
	}
	listed := conv.Now.Add(-time.Since(readAt))
	if newest.At.After(row.LastMessage.CreatedAt) && newest.At.Before(listed.Add(-lookAge)) {
		b.pages.distrust()
		b.Metrics.listLag.Inc()
	}
}

// pageRef names one page of a view: the rows behind cursor. Read again it holds
// the same rows less those that moved to the front, so that it can be looked at
// as often as needed.
type pageRef struct {
	view   inboxapi.View
	cursor inboxapi.Cursor
}

// lookRef is where the rows of the page are looked for. Behind a cursor they stay;
// from the first page of all threads those just answered push them away, but not
// from the first page of those that wait, if that is what no-reply means.
func (p pageRef) lookRef() pageRef {
	if p == (pageRef{view: inboxapi.ViewDefault}) {
		p.view = inboxapi.ViewNoReply
	}
	return p
}

// pages remembers the list pages read last.
type pages struct {
	mu       sync.Mutex
	seen     map[pageRef]*pageRead
	together map[pageRef]chan struct{} // by page, for those who gather
	polled   atomic.Int64              // pages read to find work
	until    time.Time
}

type pageRead struct {
	turn chan struct{} // held while the page is read, so that it is read once for all who wait
	page *inboxapi.ThreadPage
	at   time.Time // when the request left
}

type listed struct {
	row    *inboxapi.Thread
	readAt time.Time
	page   pageRef
}

func newPages() *pages {
	return &pages{seen: map[pageRef]*pageRead{}, together: map[pageRef]chan struct{}{}}
}

// read reads a page to find work, and remembers it.
func (p *pages) read(ctx context.Context, api Threads, ref pageRef) (*inboxapi.ThreadPage, time.Time, error) {
	p.polled.Add(1)
	return p.fresh(ctx, api, ref, 0)
}

// fresh returns a page that was read at most age ago.
func (p *pages) fresh(ctx context.Context, api Threads, ref pageRef, age time.Duration) (*inboxapi.ThreadPage, time.Time, error) {
	r := p.slot(ref)
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-ctx.Done():
		return nil, time.Time{}, ctx.Err()
	}
	if r.page != nil && time.Since(r.at) < age {
		return r.page, r.at, nil
	}
	q := inboxapi.ThreadQuery{View: ref.view, Limit: pageSize}
	if ref.cursor != (inboxapi.Cursor{}) {
		q.Cursor = &ref.cursor
	}
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	page, err := api.ListThreads(ctx, q)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("list: %w", err)
	}
	for i := range page.Threads {
		page.Threads[i].Prospect.PlatformData = nil // large, and nothing here reads it
	}
	r.page, r.at = page, page.Asked
	return page, r.at, nil
}

// join returns a channel that is closed when those who wait to look at a page
// stop waiting for more.
func (p *pages) join(ref pageRef) chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	ch, ok := p.together[ref]
	if !ok {
		ch = make(chan struct{})
		p.together[ref] = ch
	}
	return ch
}

func (p *pages) release(ref pageRef, ch chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.together[ref] == ch {
		delete(p.together, ref)
		close(ch)
	}
}

// listTimeout bounds one list request with its retries, so that a long
// Retry-After is told instead of slept through.
const listTimeout = 30 * time.Second

// keptPages is how many pages are remembered: 100,000 rows' worth would be too
// many, and older ones are of no use as a look.
const keptPages = 200

func (p *pages) slot(ref pageRef) *pageRead {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r, ok := p.seen[ref]; ok {
		return r
	}
	if len(p.seen) >= keptPages {
		clear(p.seen)
	}
	r := &pageRead{turn: make(chan struct{}, 1)}
	p.seen[ref] = r
	return r
}

// row finds a thread among the pages read at most age ago.
func (p *pages) row(thread string, age time.Duration) (listed, bool) {
	p.mu.Lock()
	refs := maps.Clone(p.seen)
	p.mu.Unlock()
	for ref, r := range refs {
		select {
		case r.turn <- struct{}{}:
		default:
			continue // just being read
		}
		page, at := r.page, r.at
		<-r.turn
		if page == nil || time.Since(at) > age {
			continue
		}
		if row := rowOf(page, thread); row != nil {
			return listed{row, at, ref}, true
		}
	}
	return listed{}, false
}

func rowOf(page *inboxapi.ThreadPage, thread string) *inboxapi.Thread {
	for i := range page.Threads {
		if page.Threads[i].ID == thread {
			return &page.Threads[i]
		}
	}
	return nil
}

func (p *pages) distrust() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.until = time.Now().Add(listDistrust)
}

func (p *pages) trusted() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Now().After(p.until)
}
