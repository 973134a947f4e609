package bot

import (
	"container/heap"
	"fmt"
	"slices"
	"sort"
	"sync"
	"time"

	"inboxbot/inboxapi"
)

// candidate is a thread that may wait for us.
type candidate struct {
	thread string
	row    *inboxapi.Thread // nil: known from the ledger alone
	readAt time.Time        // this process's clock, when row was read
	page   pageRef          // where row was listed
	record Record           // as last seen; only a claim makes it certain
	seen   time.Time        // Record.SeenAt while a guard makes it wait, should the store forget it; its worker's alone

	due      time.Time // this process's clock
	busy     bool      // a worker has it
	parked   bool      // its outcome for now is to wait
	held     bool      // it waits for us all the same: the bot is paused, or may not begin yet
	looking  bool      // its worker has come to the look before the send
	unsure   bool      // its worker looks up a send in doubt
	arrived  bool      // something was heard of it while a worker had it
	tries    int       // failed attempts in a row
	failing  time.Time // since when
	failures error     // the last one's
	behind   bool      // somebody may be hidden behind our newest message
	wrong    int       // guesses at its messages in a row that a look has refuted; its worker's alone
	thrown   int       // drafts in a row that a look has overtaken; its worker's alone

	in *queue // where it waits, and at which place; nil: a worker has it
	at int
}

// result is where a worker left a candidate.
type result struct {
	again  time.Duration // 0: finished, forget it
	parked bool          // it waits because a guard says so, not because work is left
	held   bool          // parked, and nobody but us is the reason
	err    error         // why it could not be brought to an outcome this time
}

// work is every candidate of this process: those due, those waiting and those in
// the hands of a worker. What must survive the process is in the ledger.
//
// A candidate is in one of three places, by what it says of itself: with a worker,
// ready, or asleep until it is due. Whatever changes one goes through change, so
// that no question needs a look at all of them.
type work struct {
	mu     sync.Mutex
	all    map[string]*candidate
	busy   map[*candidate]bool
	ready  queue                           // the most urgent first
	asleep queue                           // the soonest due first
	pages  map[pageRef]map[*candidate]bool // busy and ready ones with a row, by the page that lists them
	open   int                             // how many have not come to an outcome
	heard  int                             // candidates that were new
	bell   chan struct{}
}

func newWork() *work {
	return &work{
		all: map[string]*candidate{}, busy: map[*candidate]bool{}, pages: map[pageRef]map[*candidate]bool{},
		ready:  queue{before: (*candidate).before},
		asleep: queue{before: func(c, d *candidate) bool { return c.due.Before(d.due) }},
		bell:   make(chan struct{}, 1),
	}
}

// change changes a candidate and puts it where it belongs then.
func (w *work) change(c *candidate, now time.Time, f func()) {
	w.take(c)
	f()
	w.put(c, now)
}

// put adds a candidate to the places it belongs to.
func (w *work) put(c *candidate, now time.Time) {
	w.all[c.thread] = c
	if c.unsettled() {
		w.open++
	}
	switch {
	case c.busy:
		w.busy[c] = true
	case c.due.After(now):
		heap.Push(&w.asleep, c)
		return
	default:
		heap.Push(&w.ready, c)
	}
	if c.row == nil {
		return
	}
	if w.pages[c.page] == nil {
		w.pages[c.page] = map[*candidate]bool{}
	}
	w.pages[c.page][c] = true
}

// take removes a candidate from all places.
func (w *work) take(c *candidate) {
	delete(w.all, c.thread)
	if c.unsettled() {
		w.open--
	}
	delete(w.busy, c)
	if c.in != nil {
		heap.Remove(c.in, c.at)
	}
	if page := w.pages[c.page]; page[c] {
		delete(page, c)
		if len(page) == 0 {
			delete(w.pages, c.page)
		}
	}
}

// rouse makes those ready whose time has come.
func (w *work) rouse(now time.Time) {
	for len(w.asleep.all) > 0 && !w.asleep.all[0].due.After(now) {
		c := w.asleep.all[0]
		w.take(c)
		w.put(c, now)
	}
}

// unsettled reports whether the candidate has not come to an outcome.
func (c *candidate) unsettled() bool { return c.busy || !c.parked && c.tries < maxTries }

// queue is a heap of candidates, each of which knows its place in it.
type queue struct {
	all    []*candidate
	before func(c, d *candidate) bool
}

// Len implements heap.Interface, as the next four do.
func (q *queue) Len() int           { return len(q.all) }
func (q *queue) Less(i, j int) bool { return q.before(q.all[i], q.all[j]) }

func (q *queue) Swap(i, j int) {
	q.all[i], q.all[j] = q.all[j], q.all[i]
	q.all[i].at, q.all[j].at = i, j
}

func (q *queue) Push(x any) {
	c, _ := x.(*candidate)
	c.in, c.at = q, len(q.all)
	q.all = append(q.all, c)
}

func (q *queue) Pop() any {
	last := len(q.all) - 1
	c := q.all[last]
	q.all[last] = nil
	q.all = q.all[:last]
	c.in = nil
	return c
}

// wake tells the bot that something may be due or a worker is free.
func (w *work) wake() {
	select {
	case w.bell <- struct{}{}:
	default:
	}
}

func (w *work) woken() <-chan struct{} { return w.bell }

// offer adds a candidate, or brings what is known of it up to date. One that a
// worker has is looked at again when the worker is done.
func (w *work) offer(c *candidate) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	old, ok := w.all[c.thread]
	if !ok {
		w.put(c, now)
		w.heard++
		return
	}
	w.change(old, now, func() { w.update(old, c) })
}

// update brings a candidate up to date.
func (w *work) update(old, c *candidate) {
	seen := old.row
	if c.row != nil {
		changed := old.row == nil || newestID(old.row) != newestID(c.row)
		old.row, old.readAt = c.row, c.readAt
		if changed {
			w.heard++
			old.page = c.page // else it is still behind the cursor it was first found behind
			old.arrived = old.busy
			old.due, old.parked = c.due, c.parked
			old.behind = c.behind
		}
	}
	// What a guard makes wait goes on waiting while its row stays as it is: the row
	// alone does not show why, and each look at the messages costs a request.
	waits := old.parked && seen != nil && c.row != nil && newestID(seen) == newestID(c.row) && sameContext(seen, c.row)
	if c.due.Before(old.due) && !old.busy && old.tries == 0 && !waits {
		old.due, old.parked = c.due, c.parked
	}
	old.record = c.record
}

func newestID(row *inboxapi.Thread) string {
	if row.LastMessage == nil {
		return ""
	}
	return row.LastMessage.ID
}

// has reports whether the thread is a candidate, and in how long it is due.
func (w *work) has(thread string) (in time.Duration, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c, ok := w.all[thread]
	if !ok {
		return 0, false
	}
	if c.busy {
		return 5 * time.Second, true
	}
	return time.Until(c.due), true
}

// hurry makes a candidate due now whose newest message is ours and not the one
// this bot sent: what was held for later has been answered by somebody.
func (w *work) hurry(thread string, row *inboxapi.Thread, readAt time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c, ok := w.all[thread]
	if !ok || newestID(row) == c.record.SentID {
		return
	}
	now := time.Now()
	w.change(c, now, func() {
		if c.row == nil || newestID(c.row) != newestID(row) {
			c.due = now
		}
		c.row, c.readAt = row, readAt
	})
}

// call makes a candidate due now whose draft waits for a person, and reports
// whether it does: the ledger names it when somebody has decided.
func (w *work) call(thread string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	c, ok := w.all[thread]
	if !ok || c.busy || !c.record.awaits() {
		return false
	}
	now := time.Now()
	w.change(c, now, func() { c.due = now })
	return true
}

// recorded keeps what a worker wrote into the ledger.
func (w *work) recorded(c *candidate, r Record) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c.record = r // a worker has it: no place depends on its record
}

// found keeps that somebody waits behind our newest message, so that the candidate
// is one of those who wait.
func (w *work) found(c *candidate) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c.behind = false // a worker has it: no place depends on it
}

// drop forgets a candidate. While a worker has it, that one's look needs the row that
// says why. One behind whose newest message somebody may be hidden is nowhere else, and
// a row that says there is nothing to do may be from before that message: it stays
// until its messages have been read.
func (w *work) drop(thread string, row *inboxapi.Thread, readAt time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c, ok := w.all[thread]
	switch {
	case !ok:
	case c.busy:
		w.change(c, time.Now(), func() { c.row, c.readAt = row, readAt })
	case c.behind:
	default:
		w.take(c)
	}
}

// next gives out the due candidate whose prospect has waited longest, or nil.
func (w *work) next(now time.Time) *candidate {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rouse(now)
	if len(w.ready.all) == 0 {
		return nil
	}
	c := w.ready.all[0]
	w.change(c, now, func() {
		c.busy, c.arrived, c.looking = true, false, false
		c.unsure = c.record.State == StateIntent
	})
	return c
}

// before reports whether c is more urgent than d. Somebody who waits comes before
// a second look at an answered thread.
func (c *candidate) before(d *candidate) bool {
	if x, y := c.secondLook(), d.secondLook(); x != y {
		return y
	}
	return c.waitsSince().Before(d.waitsSince())
}

// secondLook reports whether nothing is known of the thread but our own reply.
func (c *candidate) secondLook() bool {
	if c.behind {
		return true
	}
	if c.record.State != StateSent {
		return false
	}
	if c.row == nil || c.row.LastMessage == nil {
		return true
	}
	m := c.row.LastMessage
	return m.ID == c.record.SentID || !c.record.Newer(m.ID, m.CreatedAt)
}

func (c *candidate) waitsSince() time.Time {
	if c.row != nil && c.row.LastMessage != nil {
		return c.row.LastMessage.CreatedAt
	}
	return c.record.MessageAt
}

// done takes a candidate back from its worker.
func (w *work) done(c *candidate, r result) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	w.take(c)
	c.busy, c.parked, c.held, c.failures = false, r.parked, r.held, r.err
	switch {
	case r.err == nil:
		c.tries, c.failing = 0, time.Time{}
	case c.tries == 0:
		c.tries, c.failing = 1, now
	default:
		c.tries++
	}
	switch {
	case c.arrived:
		c.due, c.parked = now, false
	case r.again <= 0:
		return // finished
	default:
		c.due = now.Add(r.again)
	}
	w.put(c, now)
}

// failingFor is how long every attempt at a candidate has failed: others may
// succeed meanwhile, when it is something about this one.
func (w *work) failingFor(c *candidate) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c.failing.IsZero() {
		return 0
	}
	return time.Since(c.failing)
}

// maxTries is how often Once tries a thread that fails before it gives up on it.
const maxTries = 4

// unsettled is how many candidates have not come to an outcome.
func (w *work) unsettled() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.open
}

// failures names every candidate that could not be brought to an outcome.
func (w *work) failures() []error {
	w.mu.Lock()
	defer w.mu.Unlock()
	var errs []error
	for _, c := range w.all {
		if c.tries >= maxTries {
			errs = append(errs, fmt.Errorf("thread %s: %w", c.thread, c.failures))
		}
	}
	sort.Slice(errs, func(i, j int) bool { return errs[i].Error() < errs[j].Error() })
	return errs
}

// arrivals counts what was heard for the first time.
func (w *work) arrivals() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.heard
}

// untilDue is how long the next candidate is away, at most a minute.
func (w *work) untilDue(now time.Time) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rouse(now)
	switch {
	case len(w.ready.all) > 0:
		return 0
	case len(w.asleep.all) > 0:
		return min(time.Minute, w.asleep.all[0].due.Sub(now))
	}
	return time.Minute
}

// oldest is how long the candidate that waits longest has waited for us, threads
// that a guard makes wait left out, and how many wait. People wait for a paused bot
// as for one that is slow.
func (w *work) oldest(now time.Time) (age time.Duration, waiting int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.all {
		if at := c.waitsSince(); (!c.parked || c.held) && !c.behind && !at.IsZero() {
			waiting++
			age = max(age, now.Sub(at))
		}
	}
	return age, waiting
}

// inDoubt is how many candidates have a send that may have arrived or not. One
// whose worker is just sending is not in doubt yet.
func (w *work) inDoubt() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, c := range w.all {
		if c.record.State == StateIntent && (!c.busy || c.unsure) {
			n++
		}
	}
	return n
}

// row returns the newest row known of a candidate, also while a worker has it.
func (w *work) row(c *candidate) (*inboxapi.Thread, time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return c.row, c.readAt
}

// ofPage is how many candidates of a list page are in work or due.
func (w *work) ofPage(ref pageRef) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rouse(time.Now())
	return len(w.pages[ref])
}

// learn keeps a row that was read for the candidate alone.
func (w *work) learn(c *candidate, row *inboxapi.Thread) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	w.change(c, now, func() { c.row, c.readAt, c.page = row, now, pageRef{} })
}

// tagged adds a tag that was given to the candidate's row: one that was listed in the
// meantime has not got it.
func (w *work) tagged(c *candidate, tag string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c.row == nil {
		return
	}
	row := *c.row // others read that
	tags := &row.Prospect.Context.Tags
	if !slices.Contains(*tags, tag) {
		*tags = append(slices.Clone(*tags), tag)
	}
	c.row = &row // no place depends on its tags
}

// othersThinking marks c as having come to its look, and reports whether workers
// have others of its page that have not.
func (w *work) othersThinking(c *candidate) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	c.looking = true
	for o := range w.busy {
		if !o.looking && o.page == c.page {
			return true
		}
	}
	return false
}

// atHand is how many candidates are due or in work.
func (w *work) atHand() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rouse(time.Now())
	return len(w.busy) + len(w.ready.all)
}

// inHand is how many candidates workers have.
func (w *work) inHand() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.busy)
}

// page is where a candidate was listed.
func (w *work) page(c *candidate) pageRef {
	w.mu.Lock()
	defer w.mu.Unlock()
	return c.page
}

// gathered is how many candidates of a page have come to their look.
func (w *work) gathered(ref pageRef) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for c := range w.busy {
		if c.looking && c.page == ref {
			n++
		}
	}
	return n
}
