package bot_test

import (
	"cmp"
	"fmt"
	"strings"

	"inboxbot/bot"
)

// The protocol as a person can read it. This file is the world: the API, the
// store, time, and what can go wrong without a worker's doing. What a worker does
// is in machine_worker_test.go, drafts and the people who decide about them in
// machine_draft_test.go, the variants and what is claimed of them in
// machine_test.go, the search in machine_search_test.go.

// Time passes in ticks, and only by the step "time passes": between two ticks any
// number of steps fit, and a worker that is not chosen is a worker that is
// paused. Each length below is one of the design's, shrunk to the smallest
// numbers that keep the order of the real ones (lease 120 s, send 10 s, visible
// 30 s): 2*send < lease, visible < lease, send + visible < lease. Nothing says "no
// send is in flight any more" or "the quarantine has done its work": what the
// timers are good for is for the search to find out.
const (
	leaseTicks      = 3                                     // L: a claim, from the moment it is granted
	sendTicks       = 1                                     // S: the deadline of one POST
	visibleTicks    = 1                                     // D: a POST that is over is seen within this, or never
	flightTicks     = sendTicks + visibleTicks              // how long a POST that has left may still commit
	quarantineTicks = leaseTicks + sendTicks + visibleTicks // Q = L + S + D
)

// The messages of a thread. Replies are numbered as what they answer.
const (
	msgNone uint8 = iota
	msgM1
	msgM2
	msgR1
	msgR2
	msgP  // somebody else's answer: a person, another client
	msgF1 // a reply that was accepted and then not delivered
	msgF2
)

var msgNames = [...]string{"", "M1", "M2", "R1", "R2", "P", "F1", "F2"}

func replyTo(mid uint8) uint8 { return mid + (msgR1 - msgM1) }

func failedReplyTo(mid uint8) uint8 { return mid + (msgF1 - msgM1) }

func isInbound(msg uint8) bool { return msg == msgM1 || msg == msgM2 }

func delivered(msg uint8) uint8 { return msg - (msgF1 - msgR1) }

func isFailed(msg uint8) bool { return msg == msgF1 || msg == msgF2 }

// The states of an entry, by index into recStates.
const (
	recNone uint8 = iota
	recWaiting
	recIntent
	recRetry
	recHanding
	recSent
	recHandoff
	recAnswered
	recSkipped
)

var recStates = [...]bot.State{
	bot.StateNone, bot.StateWaiting, bot.StateIntent, bot.StateRetry, bot.StateHanding,
	bot.StateSent, bot.StateHandoff, bot.StateAnswered, bot.StateSkipped,
}

var recTerminal = func() (t [len(recStates)]bool) {
	for i, s := range recStates {
		t[i] = s.Terminal()
	}
	return t
}()

// Who holds the claim, or whose token an intent carries: the worker of that
// index, in the attempt it is at, or one of these.
const (
	nobody uint8 = iota + 2
	bygone       // an attempt that is over
)

// entry is what the store keeps of the thread: bot.Record, its place in the open
// set, and its draft.
type entry struct {
	state  uint8
	mid    uint8 // the inbound message it is about
	base   uint8 // intent: how many messages the look before the send showed
	age    uint8 // intent: ticks since BEGIN, as far as they are asked for
	token  uint8 // intent: whose
	open   bool  // it is due again, whatever the list shows
	own    uint8 // how R1 is known by its ID as ours
	awaits bool  // waiting, retry: a draft waits for a person
	draft  draft // has a key of its own
}

// How R1 is known: not, as one of Record.Own alone, or as the last reply too, which
// is what Record.SentID and SentSum tell.
const (
	ownUnknown uint8 = iota
	ownNoted
	ownLast
)

// done is bot.Record.Done.
func (e entry) done(mid uint8) bool { return recTerminal[e.state] && mid <= e.mid }

// promised says that there is something to see through before anything else.
func (e entry) promised() bool { return e.state == recIntent || e.state == recHanding }

// free says that mid may take the entry over: it promises nothing, and has not
// ended for mid or a newer message.
func (e entry) free(mid uint8) bool { return !e.promised() && mid >= e.mid && !e.done(mid) }

// set moves the entry and forgets what belonged to the state before. Which replies
// are ours stays, and the draft.
func (e *entry) set(state, mid uint8, open bool) {
	*e = entry{state: state, mid: mid, token: bygone, open: open, own: e.own, draft: e.draft}
}

// wait is the move to waiting. It needs no lease and does not cover a retry of
// the same message, which says more.
func (e *entry) wait(mid uint8) bool {
	if !e.free(mid) || e.mid == mid && (e.state == recWaiting || e.state == recRetry) {
		return false
	}
	e.set(recWaiting, mid, true)
	return true
}

// lastReply is the reply of ours that is known by its ID, the newest.
func (e entry) lastReply() uint8 {
	switch {
	case e.state == recSent:
		return replyTo(e.mid)
	case e.own == ownLast:
		return msgR1
	}
	return msgNone
}

// memory says what the store remembers.
type memory uint8

const (
	whole    memory = iota // everything
	lost                   // not everything, and no script has noticed yet
	restored               // not everything, but a new generation has begun
)

// world is one state of everything there is.
type world struct {
	// The API. What is in the thread stays there.
	thread [6]uint8
	size   uint8    // of the thread
	hidden [6]uint8 // staleByD: ticks in which a read may miss it
	strays [2]uint8 // POSTs that nobody waits for: ticks in which they may commit; by mid-1

	// The store.
	rec        entry
	holder     uint8 // of the claim
	deadLeft   uint8 // holder bygone: ticks until the claim expires
	quarantine uint8 // ticks left
	memory     memory
	behind     bool  // storeLags: the replica has stopped following
	replica    entry // and this is what it has

	tagged  bool // a person was told
	workers [2]attempt
}

func newWorld() world {
	w := world{holder: nobody, rec: entry{token: bygone}, replica: entry{token: bygone}}
	w.append(msgM1, 0)
	return w
}

func (w *world) append(msg, hidden uint8) bool {
	w.thread[w.size], w.hidden[w.size] = msg, hidden
	w.size++
	return true
}

func (w *world) last() uint8 { return w.thread[w.size-1] }

func (w *world) count(msg uint8) int { return countOf(w.thread[:w.size], msg) }

// said counts the replies to mid that Inbox has accepted.
func (w *world) said(mid uint8) int { return w.count(replyTo(mid)) + w.count(failedReplyTo(mid)) }

// place is where msg stands in the thread, or size.
func (w *world) place(msg uint8) uint8 {
	for i := range w.size {
		if w.thread[i] == msg {
			return i
		}
	}
	return w.size
}

func countOf(thread []uint8, msg uint8) (n int) {
	for _, x := range thread {
		if x == msg {
			n++
		}
	}
	return n
}

// newest is the newest inbound message among the first view ones, and its place.
func (w *world) newest(view uint8) (mid, place uint8) {
	for i := view - 1; i > 0; i-- {
		if isInbound(w.thread[i]) {
			return w.thread[i], i
		}
	}
	return msgM1, 0
}

// shortest is the length of the shortest view that a read may show: every read
// shows the thread as it is or, with stale reads, as it once was.
func (m *machine) shortest(w *world) uint8 {
	n := w.size
	switch m.reads {
	case freshReads:
	case staleByD:
		for n > 1 && w.hidden[n-1] > 0 {
			n--
		}
	case staleAtWill:
		return 1
	}
	return n
}

// answeredIn says that a view shows an answer to its newest inbound message: any
// message of our side that is not known to be our own late reply to an older one.
// What was not delivered is no message.
func (m *machine) answeredIn(w *world, view uint8, rec entry) bool {
	_, place := w.newest(view)
	for _, msg := range w.thread[place+1 : view] {
		if isFailed(msg) {
			if !m.ignoresFailed {
				continue
			}
			msg = delivered(msg)
		}
		if own := msg == msgR1 && rec.own == ownLast && (!m.forgetsOwn || rec.state == recSent); !own {
			return true
		}
	}
	return false
}

// failedIn says that a view shows our last reply as not delivered, and nobody of
// our side has written since. What has its words and no ID that is known may be a
// copy of it.
func (m *machine) failedIn(w *world, view uint8, rec entry) bool {
	last, failed := rec.lastReply(), false
	if last == msgNone {
		return false
	}
	for i := view; i > 0; i-- {
		msg := w.thread[i-1]
		known := (msg == msgR1 || msg == msgF1) && rec.own != ownUnknown && !m.mistakesCopies
		switch copied := m.sameText && !known; {
		case isInbound(msg):
		case isFailed(msg):
			failed = failed || delivered(msg) == last || copied
		case !failed, msg == last, msg != msgP && copied:
			return false
		}
	}
	return failed
}

// --- what happens without a worker ---

// worldStep is one thing that may happen. A fault is what a healthy world does
// not do, and what must not be needed to save a thread.
type worldStep struct {
	what  string
	fault bool
	in    func(m *machine) bool           // in whose worlds it happens at all
	do    func(m *machine, w *world) bool // false: it cannot happen now
}

func inAny(*machine) bool { return true }

var worldSteps = []worldStep{
	{"time passes", false, inAny, (*machine).tick},
	{"the prospect writes M2", true, func(m *machine) bool { return m.second }, writes(msgM2)},
	{"somebody else answers: P", true, func(m *machine) bool { return m.person }, writes(msgP)},
	// Sweeps write it down without a claim: from then on the open set names it.
	{"a sweep notes that the last message waits: WAITING", false, inAny, func(_ *machine, w *world) bool {
		last := w.last()
		return isInbound(last) && w.rec.wait(last)
	}},
	{"a POST for M1 that nobody waits for commits", true, inAny, strayCommits(msgM1)},
	{"a POST for M2 that nobody waits for commits", true, func(m *machine) bool { return m.second }, strayCommits(msgM2)},
	{"the reply to M1 turns out not to be delivered", true, mayFail, replyFails(msgM1)},
	{"the reply to M2 turns out not to be delivered", true, func(m *machine) bool { return m.second && mayFail(m) }, replyFails(msgM2)},
	{"people approve the draft", true, drafts, decide(draftApproved)},
	{"people reject the draft", true, drafts, decide(draftRejected)},
	{"people take the thread, instead of the draft", true, drafts, decide(draftGiven)},
	{"the store comes back empty", true, func(m *machine) bool { return m.store == storeWiped }, func(_ *machine, w *world) bool {
		return w.failOver(entry{token: bygone}, false)
	}},
	{"the replica falls behind", true, mayLag, func(_ *machine, w *world) bool {
		was := w.behind
		w.behind, w.replica = true, w.rec
		return !was
	}},
	{"the replica takes over without the claim", true, mayLag, func(_ *machine, w *world) bool {
		return w.behind && w.failOver(w.replica, false)
	}},
	{"the replica takes over with the claim", true, mayLag, func(_ *machine, w *world) bool {
		return w.behind && w.failOver(w.replica, true)
	}},
}

func mayLag(m *machine) bool { return m.store == storeLags }

// writes adds a message that comes once, of its own accord.
func writes(msg uint8) func(*machine, *world) bool {
	return func(m *machine, w *world) bool {
		return w.count(msg) == 0 && w.append(msg, m.hide(visibleTicks))
	}
}

// hide is for how long what is committed now may be missed by reads.
func (m *machine) hide(ticks uint8) uint8 {
	if m.reads == staleByD {
		return ticks
	}
	return 0
}

func strayCommits(mid uint8) func(*machine, *world) bool {
	return func(m *machine, w *world) bool {
		left := w.strays[mid-1]
		w.strays[mid-1] = 0
		return left > 0 && w.append(replyTo(mid), m.hide(left))
	}
}

func mayFail(m *machine) bool { return m.fails != failsNever }

// replyFails marks a reply as not delivered: a fact of the API, that no list shows.
func replyFails(mid uint8) func(*machine, *world) bool {
	return func(m *machine, w *world) bool {
		if w.count(replyTo(mid)) == 0 || m.fails == failsInTime && !w.lookAhead() {
			return false
		}
		w.thread[w.place(replyTo(mid))] = failedReplyTo(mid)
		return true
	}
}

// lookAhead says that the thread will be read once more.
func (w *world) lookAhead() bool {
	return w.rec.open && w.workers[0].at != atClosing && w.workers[1].at != atClosing
}

// failOver replaces the store's memory, as often as it likes. Every lease granted
// before carries a generation that is not the store's any more.
func (w *world) failOver(rec entry, keepClaim bool) bool {
	w.memory, w.rec, w.quarantine = lost, rec, 0
	w.behind, w.replica = false, entry{token: bygone}
	if !keepClaim {
		w.holder, w.deadLeft = nobody, 0
	}
	for i := range w.workers {
		w.workers[i].void = true
	}
	return true
}

// tick is the only step that moves a clock. It cannot be taken when none runs.
//
//go:norace
func (m *machine) tick(w *world) bool {
	ran := false
	down := func(ticks *uint8) bool {
		if *ticks == 0 {
			return false
		}
		*ticks--
		ran = true
		return *ticks == 0
	}
	ages := func(e *entry) {
		if e.state == recIntent && e.age < m.patience() {
			e.age++
			ran = true
		}
	}
	for i := range w.workers {
		a := &w.workers[i]
		if a.at == atIdle {
			continue
		}
		if down(&a.left) && w.holder == uint8(i) {
			w.holder = nobody // SET PX
		}
		if a.at == atBegun || !m.endless {
			down(&a.flight)
		}
		ages(&a.rec)
	}
	if down(&w.deadLeft) {
		w.holder = nobody
	}
	if !m.endless {
		down(&w.strays[0])
		down(&w.strays[1])
	}
	if m.reads == staleByD {
		for i := range w.size {
			down(&w.hidden[i])
		}
	}
	down(&w.quarantine)
	ages(&w.rec)
	ages(&w.replica)
	return ran
}

// --- what is claimed ---

// The verdicts. A machine is live when no reachable world has lostThread or
// deadDraft, and safe when none has any other.
const (
	safeAndLive    = "safe, live"
	doubleSend     = "DOUBLE SEND"
	sentByNobody   = "MARKED SENT BUT NOT SENT"
	answeredByNone = "MARKED ANSWERED BUT NOT ANSWERED"
	lostThread     = "LOST THREAD"
	sentUnasked    = "SENT WITHOUT APPROVAL"
	sentOvertaken  = "SENT THOUGH OVERTAKEN WHEN APPROVED"
	sentRejected   = "SENT THOUGH REJECTED"
	sentPastFailed = "SENT AFTER ONE THAT WAS NOT DELIVERED"
	deadDraft      = "A DRAFT WAITS FOR NOTHING"
)

// What is wrong with what a worker sends.
const (
	wordsFine uint8 = iota
	wordsUnasked
	wordsOvertaken
	wordsRejected
	wordsPastFailed
)

var wordsBroken = [...]string{"", sentUnasked, sentOvertaken, sentRejected, sentPastFailed}

// broken names the property of safety that w breaks, or "".
func (w *world) broken() string {
	if w.said(msgM1) > 1 || w.said(msgM2) > 1 {
		return doubleSend
	}
	for i := range w.workers {
		switch a := &w.workers[i]; {
		case a.at == atPosted && a.words != wordsFine:
			return wordsBroken[a.words]
		case a.at == atNoticed && a.mid == msgM2 && a.rec.own != ownUnknown && !w.tagged && w.count(msgP)+w.said(msgM2) == 0:
			return answeredByNone // what it takes for an answer, it knows as our reply to M1
		}
	}
	switch w.rec.state {
	case recSent:
		if w.said(w.rec.mid) == 0 {
			return sentByNobody
		}
	case recAnswered:
		others := w.count(msgP) > 0 || w.tagged || w.memory != whole
		if !others && w.said(w.rec.mid) == 0 {
			return answeredByNone
		}
	}
	return ""
}

// handled says that the newest inbound message has come to an end that nobody
// needs to touch again.
func (m *machine) handled(w *world) bool {
	newest, place := w.newest(w.size)
	after := w.thread[place+1 : w.size]
	switch {
	case m.fails == failsInTime && w.rec.state == recSent && w.count(failedReplyTo(newest)) > 0:
		return countOf(after, msgP) > 0
	case w.rec.done(newest):
		return true
	case w.rec.state == recHandoff:
		return true // the tag keeps the bot out: a person has the thread, what comes next included
	case w.rec.open:
		return false
	}
	// Somebody answered before there was anything to record. Once the store has
	// forgotten what it knew, any message of ours counts as that: the weaker
	// promise after a loss.
	return countOf(after, msgP) > 0 || w.memory != whole && len(after) > 0
}

// --- worlds that are the same ---

// forget clears what no later step asks for, so that worlds that behave the same
// are the same.
//
//go:norace
func (m *machine) forget(w *world) {
	for i := range w.workers {
		a := &w.workers[i]
		if w.holder != uint8(i) && (a.at != atBegun || !m.fencedByLease()) {
			a.left = 0
		}
		if a.at != atLooked {
			a.base = 0
		}
		if a.at != atPosted && (a.at != atBegun || !m.fencedByDeadline()) {
			a.flight = 0
		}
		switch a.at {
		case atClaimed, atDrafted, atDoubting, atNoticed, atDeciding, atApproved:
			a.rec.token, a.rec.open = 0, false
			a.rec.awaits = a.rec.awaits && a.at == atClaimed
		default:
			a.rec = entry{}
		}
		switch a.at {
		case atClaimed, atDrafted, atLooked, atDeciding, atApproved:
		default:
			a.void = false
		}
		if !a.sends() && a.at != atPosted {
			a.words = wordsFine
		}
		if a.at == atClaimed || a.at == atDone {
			a.mid = 0
		}
	}
	if w.holder != bygone {
		w.deadLeft = 0
	}
}

// canonical is w or its mirror image, in which the workers have changed places:
// they are alike.
//
//go:norace
func (w *world) canonical() world {
	a, b := &w.workers[0], &w.workers[1]
	if a.at < b.at {
		return *w
	}
	c := w.mirrored()
	if a.at > b.at || cmp.Or(a.compare(b), cmp.Compare(w.holder, c.holder),
		cmp.Compare(w.rec.token, c.rec.token), cmp.Compare(w.replica.token, c.replica.token)) > 0 {
		return c
	}
	return *w
}

//go:norace
func (w *world) mirrored() world {
	c := *w
	c.workers[0], c.workers[1] = c.workers[1], c.workers[0]
	for _, who := range []*uint8{&c.holder, &c.rec.token, &c.replica.token} {
		if *who < nobody {
			*who = 1 - *who
		}
	}
	return c
}

// compare orders attempts by everything they are.
func (a *attempt) compare(b *attempt) int {
	bit := func(b bool) uint8 {
		if b {
			return 1
		}
		return 0
	}
	return cmp.Or(
		cmp.Compare(a.at, b.at), cmp.Compare(a.mid, b.mid), cmp.Compare(a.base, b.base), cmp.Compare(a.left, b.left),
		cmp.Compare(a.flight, b.flight), cmp.Compare(bit(a.committed), bit(b.committed)), cmp.Compare(bit(a.void), bit(b.void)),
		cmp.Compare(a.rec.state, b.rec.state), cmp.Compare(a.rec.mid, b.rec.mid), cmp.Compare(a.rec.base, b.rec.base),
		cmp.Compare(a.rec.age, b.rec.age), cmp.Compare(a.rec.token, b.rec.token),
		cmp.Compare(bit(a.rec.open), bit(b.rec.open)), cmp.Compare(a.rec.own, b.rec.own),
		cmp.Compare(bit(a.rec.awaits), bit(b.rec.awaits)), cmp.Compare(a.words, b.words),
	)
}

// --- in words ---

// String is the world in one line: the thread, the record, the claim, the timers.
func (w *world) String() string {
	var b strings.Builder
	for _, msg := range w.thread[:w.size] {
		b.WriteString(msgNames[msg] + " ")
	}
	fmt.Fprintf(&b, "| %s", w.rec)
	switch w.holder {
	case nobody:
	case bygone:
		fmt.Fprintf(&b, ", a dead claim for %d", w.deadLeft)
	default:
		fmt.Fprintf(&b, ", %s has the claim for %d", workerNames[w.holder], w.workers[w.holder].left)
	}
	if w.quarantine > 0 {
		fmt.Fprintf(&b, ", quarantine for %d", w.quarantine)
	}
	return b.String()
}

func (e entry) String() string {
	var b strings.Builder
	switch e.state {
	case recNone:
		b.WriteString("no record")
	case recIntent:
		fmt.Fprintf(&b, "intent %s since %d", msgNames[e.mid], e.age)
	default:
		fmt.Fprintf(&b, "%s %s", recStates[e.state], msgNames[e.mid])
	}
	if e.awaits {
		b.WriteString(" for approval")
	}
	if e.open {
		b.WriteString(", open")
	}
	if e.draft.state != draftNone {
		fmt.Fprintf(&b, ", a draft for %s %s", msgNames[e.draft.mid], draftStates[e.draft.state])
	}
	return b.String()
}

var workerNames = [...]string{"A", "B"}
