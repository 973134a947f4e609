package bot_test

import (
	"cmp"
	"fmt"
	"strings"

	"inboxbot/bot"
)

// This file is the protocol as a person can read it: what is in the API and in
// the store, and every step the world and two workers can make. machine_test.go
// has the variants and what is claimed of them, machine_search_test.go the search.
//
// Time passes in ticks and only by the step "time passes": between two ticks any
// number of steps fit, and a worker that is not chosen is a worker that is
// paused. So every constant below is a real length of the design, shrunk to the
// smallest numbers that keep the order of the real ones (lease 120 s, send 10 s,
// late 30 s): send < lease/2, late < lease, send + late < lease. Nothing says "no
// send is in flight any more" or "the quarantine has done its work": what the
// timers are good for is for the search to find out.
const (
	leaseTicks      = 3                                  // a claim, from the moment it is granted
	sendTicks       = 1                                  // the deadline of one POST
	lateTicks       = 1                                  // a POST that is over commits and is seen within this, or never
	flightTicks     = sendTicks + lateTicks              // from the POST leaving us
	quarantineTicks = leaseTicks + sendTicks + lateTicks // Q = L + S + D
	followUpTicks   = flightTicks + 1                    // from SENT to the second look
)

// machine is one variant of the protocol in one kind of world. The zero value is
// the design, in a world with one inbound message, crashes, pauses, lost and late
// answers, but without what the first group adds.
type machine struct {
	// What else the world may do.
	second   bool // the prospect writes a second message, at any time
	person   bool // somebody else answers once, in Inbox or in X, at any time
	sameText bool // the model drafts the same words for both messages
	endless  bool // a POST may commit any time later: there is no bound D
	stale    staleness
	failover failover

	// What is done better than the design asks for.
	deadline bool // the POST's deadline is set before BEGIN is asked for, not after, and reconcile waits S + D before it concludes anything but SENT
	seesOwn  bool // the second look closes the record only when it sees our reply

	// What is left out or done otherwise.
	plainLock        bool // SET NX PX, DEL: no token is compared anywhere
	noIntent         bool // nothing is written before the POST, the answer is marked after it
	noLook           bool // the thread is not read again before the send
	noFence          bool // no clock is asked before the POST leaves
	resend           resend
	lastIsOurs       bool // reconcile takes any last message of ours for our reply
	listOnly         bool // the API's list is the only way to find a thread
	noFollowUp       bool // a sent record is closed at once
	hastyFollowUp    bool // the second look may come at once
	forgetsOwn       bool // our late reply is known as ours only while the record says sent
	noQuarantine     bool
	briefQuarantine  bool // S + D: long enough for a send, not for a lease that may still send
	answeredUnleased bool // ANSWERED is recorded as a fact, whoever has the claim
	keepsOldClaims   bool // BEGIN does not compare generations
}

type staleness uint8

const (
	fresh     staleness = iota // a read shows what is committed
	staleD                     // a read may miss what was committed less than D ago (a reply: what was posted less than S+D ago)
	staleEver                  // a read may show any older state of the thread
)

type failover uint8

const (
	steady  failover = iota // the store forgets nothing
	wiped                   // it comes back empty, once
	lagging                 // a replica that fell behind at any moment takes over, once, with or without the claim
)

type resend uint8

const (
	never      resend = iota
	atOnce            // as soon as the reply is not to be seen
	afterQuiet        // when it is not to be seen D after the intent
)

// A message of the thread. Inbound messages are numbered, and so are the replies
// the bot makes to them: replyTo(inbound1) is reply1.
const (
	nothing uint8 = iota
	inbound1
	inbound2
	reply1
	reply2
	somebody // somebody else's answer: a person, another client
)

func replyTo(mid uint8) uint8 { return mid + 2 }

func inbound(m uint8) bool { return m == inbound1 || m == inbound2 }

var messageNames = [...]string{"", "M1", "M2", "R1", "R2", "P"}

// A record's state: an index into states, which are the bot's own.
const (
	none uint8 = iota
	waiting
	intent
	retry
	handing
	sent
	handoff
	answered
	skipped
)

var states = [...]bot.State{
	none: bot.StateNone, waiting: bot.StateWaiting, intent: bot.StateIntent, retry: bot.StateRetry, handing: bot.StateHanding,
	sent: bot.StateSent, handoff: bot.StateHandoff, answered: bot.StateAnswered, skipped: bot.StateSkipped,
}

var terminal = func() (t [len(states)]bool) {
	for i, s := range states {
		t[i] = s.Terminal()
	}
	return t
}()

// Who holds the claim, or whose token an intent carries: a worker by index in the
// attempt it is at, or nobody, or an attempt that is over.
const (
	nobody uint8 = iota + 2
	gone
)

// record is what the store keeps of the thread.
type record struct {
	state uint8
	mid   uint8 // the inbound message it is about
	base  uint8 // intent: how many messages the look before the send showed
	age   uint8 // intent, sent: ticks since then, as far as they are asked for
	token uint8 // intent: whose
	open  bool  // it is in the open set: due again, whatever the list shows
	own   bool  // the ledger knows the ID of reply1
}

// free reports whether mid may take the record over: it promises nothing, and has
// not ended for mid or a newer message.
func (r record) free(mid uint8) bool {
	return !r.promised() && mid >= r.mid && !r.done(mid)
}

// promised says that the record has something to see through before anything else.
func (r record) promised() bool { return r.state == intent || r.state == handing }

// done is bot.Record.Done.
func (r record) done(mid uint8) bool { return terminal[r.state] && mid <= r.mid }

// Where a worker is in its attempt.
const (
	idle     uint8 = iota
	claimed        // has the lease; the record was none, waiting, retry or terminal
	drafted        // has read the thread and asked the model about mid
	looked         // has looked again: mid is the newest, nobody answered, base messages
	begun          // intent is written, the POST has not left
	posted         // the POST has left
	accepted       // knows that the reply to mid is in the thread
	refused        // knows that the POST did not happen
	doubting       // has the lease of a thread whose record is intent
	noticed        // has seen that somebody else answered mid
	giving         // will hand mid to a person
	tagging        // has recorded handing, or found it: the tag is next
	closing        // the second look found nothing new
	doubtful       // weakened: will record that mid may be sent again
	done           // will release
	places
)

// worker is one attempt of one worker.
type worker struct {
	at        uint8
	mid       uint8
	base      uint8  // looked: how many messages it saw
	left      uint8  // ticks of the lease left, by its own clock
	flight    uint8  // posted: ticks in which the POST may still commit
	committed bool   // posted: it has
	void      bool   // the lease may begin nothing: it is of an older generation, or was granted in quarantine
	rec       record // claimed, drafted, doubting: the record as the lease had it
}

// world is one state of everything. It is comparable, and canonical() makes
// worlds that differ in what cannot matter equal.
type world struct {
	// The API. A committed message is in the thread for good.
	thread [6]uint8
	hidden [6]uint8    // staleD: ticks in which a read may miss it
	strays [2][2]uint8 // POSTs that nobody waits for: ticks in which they may commit, by mid-1

	// The store.
	rec        record
	holder     uint8 // of the claim
	deadLeft   uint8 // holder gone: ticks until the claim expires
	quarantine uint8 // ticks left
	failed     failoverStage
	behind     bool   // lagging: the replica has stopped following
	replica    record // what it has

	tagged  bool // the prospect has the tag: a person knows
	workers [2]worker
}

type failoverStage uint8

const (
	whole    failoverStage = iota
	unknown                // the memory is lost and no script has noticed yet
	detected               // a new generation
)

func newWorld() world {
	w := world{holder: nobody}
	w.append(inbound1, 0)
	w.rec.token, w.replica.token = gone, gone
	return w
}

// --- what can be read off a world ---

func (w *world) size() uint8 {
	for i, m := range w.thread {
		if m == nothing {
			return uint8(i)
		}
	}
	return uint8(len(w.thread))
}

func (w *world) count(m uint8) (n int) {
	for _, x := range w.thread {
		if x == m {
			n++
		}
	}
	return n
}

func (w *world) last() uint8 { return w.thread[w.size()-1] }

// newest is the newest inbound message among the first view ones, and its place.
func (w *world) newest(view uint8) (mid, place uint8) {
	for i := view; i > 0; i-- {
		if m := w.thread[i-1]; inbound(m) {
			return m, i - 1
		}
	}
	return nothing, 0 // unreachable: every view shows M1
}

// answeredIn reports whether a view shows an answer to its newest inbound message
// that is not our own late reply to an older one. A reply the ledger does not
// know may be anybody's, so it counts.
func (m *machine) answeredIn(w *world, view uint8, rec record) bool {
	_, place := w.newest(view)
	for _, x := range w.thread[place+1 : view] {
		own := x == reply1 && rec.own && (!m.forgetsOwn || rec.state == sent)
		if !own {
			return true
		}
	}
	return false
}

func (w *world) append(x, hidden uint8) {
	n := w.size()
	w.thread[n], w.hidden[n] = x, hidden
}

// shortest is the length of the shortest view a read may show: every read shows
// the thread as it is or, in a stale world, as it once was.
func (m *machine) shortest(w *world) uint8 {
	n := w.size()
	switch m.stale {
	case staleD:
		for i := n; i > 0; i-- {
			if w.hidden[i-1] == 0 {
				return i
			}
		}
	case staleEver:
		return 1
	}
	return n
}

// patience is how long after its intent a reply that is not to be seen counts as
// never sent.
func (m *machine) patience() uint8 {
	if m.deadline {
		return flightTicks
	}
	return lateTicks
}

// --- steps of the world ---

// worldStep is something that happens without a worker. fault marks what a
// healthy world does not do, or what must not be needed to save a thread.
type worldStep struct {
	what  string
	fault bool
	do    func(m *machine, w *world) bool
}

var worldSteps = []worldStep{
	{"time passes", false, (*machine).tick},
	{"the prospect writes M2", true, func(m *machine, w *world) bool {
		if !m.second || w.count(inbound2) > 0 {
			return false
		}
		w.append(inbound2, m.hide(lateTicks))
		return true
	}},
	{"somebody else answers: P", true, func(m *machine, w *world) bool {
		if !m.person || w.count(somebody) > 0 {
			return false
		}
		w.append(somebody, m.hide(lateTicks))
		return true
	}},
	// Sweeps write it down without a claim: from then on the open set names it.
	{"a sweep notes that the last message waits: WAITING", false, func(_ *machine, w *world) bool {
		last := w.last()
		return inbound(last) && w.rec.wait(last)
	}},
	{"a POST for M1 that nobody waits for commits", true, strayCommits(inbound1, 0)},
	{"a later POST for M1 that nobody waits for commits", true, strayCommits(inbound1, 1)},
	{"a POST for M2 that nobody waits for commits", true, strayCommits(inbound2, 0)},
	{"a later POST for M2 that nobody waits for commits", true, strayCommits(inbound2, 1)},
	{"the replica falls behind", true, func(m *machine, w *world) bool {
		if m.failover != lagging || w.behind {
			return false
		}
		w.behind, w.replica = true, w.rec
		return true
	}},
	{"the store comes back empty", true, func(m *machine, w *world) bool {
		return m.failover == wiped && w.failOver(record{token: gone}, false)
	}},
	{"the replica takes over, the claim is lost", true, func(_ *machine, w *world) bool {
		return w.behind && w.failOver(w.replica, false)
	}},
	{"the replica takes over, the claim is kept", true, func(_ *machine, w *world) bool {
		return w.behind && w.failOver(w.replica, true)
	}},
}

func (m *machine) hide(ticks uint8) uint8 {
	if m.stale == staleD {
		return ticks
	}
	return 0
}

func strayCommits(mid, which uint8) func(*machine, *world) bool {
	return func(m *machine, w *world) bool {
		stray := &w.strays[mid-1][which]
		if *stray == 0 {
			return false
		}
		w.append(replyTo(mid), m.hide(*stray))
		*stray = 0
		return true
	}
}

// failOver replaces the store's memory. Leases granted before carry a generation
// that is not the store's any more.
func (w *world) failOver(rec record, keepClaim bool) bool {
	if w.failed == unknown {
		return false // nothing but the old memory to lose, and nothing was added to it
	}
	w.failed, w.rec, w.quarantine = unknown, rec, 0
	w.behind, w.replica = false, record{token: gone}
	if !keepClaim {
		w.holder, w.deadLeft = nobody, 0
	}
	for i := range w.workers {
		w.workers[i].void = w.workers[i].at != idle
	}
	return true
}

// tick is the only step that moves a clock.
func (m *machine) tick(w *world) bool {
	before := *w
	for i := range w.workers {
		a := &w.workers[i]
		down(&a.left)
		if a.left == 0 && w.holder == uint8(i) {
			w.holder = nobody // PX
		}
		if !m.endless || a.at == begun {
			down(&a.flight)
		}
	}
	down(&w.deadLeft)
	if w.deadLeft == 0 && w.holder == gone {
		w.holder = nobody
	}
	if !m.endless {
		for i := range w.strays {
			down(&w.strays[i][0])
			down(&w.strays[i][1])
		}
	}
	for i := range w.hidden {
		down(&w.hidden[i])
	}
	down(&w.quarantine)
	for _, r := range []*record{&w.rec, &w.replica, &w.workers[0].rec, &w.workers[1].rec} {
		switch r.state {
		case intent:
			r.age = min(r.age+1, m.patience())
		case sent:
			r.age = min(r.age+1, followUpTicks)
		}
	}
	return *w != before
}

func down(n *uint8) {
	if *n > 0 {
		*n--
	}
}

// --- steps of a worker ---

// workerStep is one I/O of a worker that is at a place: a Lua transition, an API
// call, or what becomes of one. Steps that read the thread are tried with every
// view the world may show; any but the newest is a fault.
type workerStep struct {
	at    uint8
	what  string
	fault bool
	reads bool
	do    func(m *machine, w *world, i, view uint8) bool
}

var workerSteps = [places][]workerStep{
	// CLAIM. Its script notices a new run id, and the lease says what comes next.
	idle: {
		{what: "takes the thread and claims it", do: func(m *machine, w *world, i, _ uint8) bool {
			return m.waits(w, w.last()) && m.claim(w, i)
		}},
		{what: "takes the thread for what an old list row shows and claims it", fault: true, do: func(m *machine, w *world, i, _ uint8) bool {
			newest, _ := w.newest(w.size())
			return m.stale != fresh && newest != w.last() && m.waits(w, newest) && m.claim(w, i)
		}},
	},

	// GET messages, guards, model. A guard that says wait, a model that is down or
	// wants a person or says there is nothing to answer are not what saves a
	// thread, so they count as faults.
	claimed: {{what: "reads the thread and asks the model", reads: true, do: (*machine).read}},
	drafted: {
		{what: "looks again", reads: true, do: (*machine).look},
		{what: "is told that a person should answer", fault: true, do: goTo(giving)},
		{what: "is told there is nothing to answer: SKIPPED", fault: true, do: (*machine).recordSkipped},
		{what: "is told to wait: WAITING", fault: true, do: (*machine).recordWaiting},
	},

	// BEGIN, the fence, one POST.
	looked: {
		{what: "records its intent: BEGIN", do: (*machine).begin},
		{what: "records its intent, does not hear so, and repeats it", fault: true, do: beginUnheard(looked)},
		{what: "records its intent, does not hear so, and takes it back", fault: true, do: beginUnheard(refused)},
		{what: "is refused by BEGIN", do: (*machine).beginRefused},
	},
	begun: {
		{what: "sends: POST", do: (*machine).post},
		{what: "is stopped by the fence", do: (*machine).stopAtFence},
	},

	// What becomes of the POST.
	posted: {
		{what: "has its POST commit", do: (*machine).commit},
		{what: "is answered 201", do: func(_ *machine, w *world, i, _ uint8) bool {
			a := &w.workers[i]
			was := a.committed
			a.at, a.committed = accepted, false
			return was
		}},
		{what: "is answered that the POST did not happen", fault: true, do: func(_ *machine, w *world, i, _ uint8) bool {
			a := &w.workers[i]
			a.at = refused
			return a.flight > 0 && !a.committed
		}},
		{what: "gets no answer, the POST may still commit", fault: true, do: func(_ *machine, w *world, i, _ uint8) bool {
			a := &w.workers[i]
			return (a.flight > 0 || a.committed) && w.abandon(i, done)
		}},
		{what: "gives up on a POST that will not commit", do: func(_ *machine, w *world, i, _ uint8) bool {
			a := &w.workers[i]
			a.at = done
			return a.flight == 0 && !a.committed
		}},
	},
	accepted: {{what: "records SENT", do: (*machine).recordSent}},
	refused: {
		{what: "records RETRY", do: (*machine).recordRetry},
		{what: "will not try again: a person", fault: true, do: goTo(giving)},
	},

	// Reconcile, when the record is intent.
	doubting: {{what: "reads the thread to find out what became of the send", reads: true, do: (*machine).reconcile}},
	noticed:  {{what: "records ANSWERED", do: (*machine).recordAnswered}},
	doubtful: {{what: "records that it may be sent again", do: (*machine).recordDoubt}},

	// Handing over: HPEND, then the tag (a set: repeating it changes nothing) and
	// HANDOFF in one step, because a crash between them leaves what a crash before
	// them leaves: handing, and a tag to be given again.
	giving:  {{what: "records HANDING", do: (*machine).recordHanding}},
	tagging: {{what: "gives the tag and records HANDOFF", do: (*machine).recordHandoff}},

	// The second look after a send, and RELEASE.
	closing: {{what: "closes the record", do: (*machine).recordClosed}},
	done:    {{what: "releases the claim", do: (*machine).release}},
}

// crash is kill -9 at any place: the claim stays until it expires, a POST on its
// way goes on, and the worker starts anew with another token.
func (m *machine) crash(w *world, i uint8) bool {
	return w.workers[i].at != idle && w.abandon(i, idle)
}

// abandon leaves a POST of worker i, if there is one, to itself. Two per message
// are as many as it takes to answer twice.
func (w *world) abandon(i, at uint8) bool {
	a := &w.workers[i]
	if a.at == posted && !a.committed && a.flight > 0 {
		s := &w.strays[a.mid-1]
		switch {
		case s[0] == 0:
			s[0] = a.flight
		case s[1] == 0:
			s[1] = a.flight
		}
	}
	a.at, a.flight, a.committed = at, 0, false
	if at == idle {
		w.forget(i)
	}
	return true
}

// forget ends the attempt of worker i: its token is nobody's any more.
func (w *world) forget(i uint8) {
	if w.holder == i {
		w.holder, w.deadLeft = gone, w.workers[i].left
	}
	for _, r := range []*record{&w.rec, &w.replica} {
		if r.token == i {
			r.token = gone
		}
	}
	w.workers[i] = worker{}
}

func goTo(at uint8) func(*machine, *world, uint8, uint8) bool {
	return func(_ *machine, w *world, i, _ uint8) bool {
		w.workers[i].at = at
		return true
	}
}

// waits reports whether a sweep finds the thread: the open set names it and it is
// due, or its list row, which shows the last message alone, is an inbound message
// that the record is not done with.
func (m *machine) waits(w *world, last uint8) bool {
	due := w.rec.state != sent || w.rec.age >= followUpTicks || m.hastyFollowUp
	return w.rec.open && due && !m.listOnly || inbound(last) && !w.rec.done(last)
}

// claim is CLAIM: SET NX PX with a new token, and the record as it is now.
func (m *machine) claim(w *world, i uint8) bool {
	if w.holder != nobody {
		return false
	}
	m.detect(w)
	w.holder = i
	a := &w.workers[i]
	*a = worker{at: claimed, left: leaseTicks, mid: w.rec.mid, rec: w.rec}
	switch w.rec.state {
	case intent:
		a.at = doubting
	case handing:
		a.at = tagging
	}
	// What the store forgot may still arrive: a look now would be too early,
	// however late BEGIN comes. Such a lease can reconcile and tag, and no more.
	a.void = w.quarantine > 0
	return true
}

// detect is what CLAIM does first: a run id that is not the stored one starts a
// generation and its quarantine.
func (m *machine) detect(w *world) {
	if w.failed != unknown {
		return
	}
	w.failed = detected
	switch {
	case m.noQuarantine:
	case m.briefQuarantine:
		w.quarantine = sendTicks + lateTicks
	default:
		w.quarantine = quarantineTicks
	}
}

// read takes the snapshot and says what it is good for.
func (m *machine) read(w *world, i, view uint8) bool {
	a := &w.workers[i]
	a.mid, _ = w.newest(view)
	switch {
	case m.seesOwn && a.rec.state == sent && !shows(w.thread[:view], replyTo(a.rec.mid)):
		a.at = done // our reply is not to be seen, so what stands before it need not be either
	case a.rec.done(a.mid):
		a.at = closing
	case !m.noLook && m.answeredIn(w, view, a.rec):
		a.at = noticed
	default:
		a.at = drafted
	}
	return true
}

func shows(thread []uint8, x uint8) bool {
	for _, y := range thread {
		if x == y {
			return true
		}
	}
	return false
}

// look is the second read: mid must still be the newest inbound message, and
// nobody may have answered it; else the draft is thrown away.
func (m *machine) look(w *world, i, view uint8) bool {
	a := &w.workers[i]
	newest, _ := w.newest(view)
	a.at, a.base = looked, view
	if !m.noLook && (newest != a.mid || m.answeredIn(w, view, a.rec)) {
		a.at = done
	}
	return true
}

// mayBegin is the precondition of BEGIN, in the order of the Lua: the claim is
// mine and lasts for a send, the generation is the store's, the quarantine is
// over, the record allows it.
func (m *machine) mayBegin(w *world, i uint8) bool {
	a := &w.workers[i]
	if m.plainLock {
		return true
	}
	if w.holder != i || a.left < sendTicks || a.void && !m.keepsOldClaims || w.quarantine > 0 {
		return false
	}
	again := w.rec.state == intent && w.rec.token == i && w.rec.mid == a.mid // its answer was lost
	return again || w.rec.free(a.mid)
}

func (m *machine) begin(w *world, i, _ uint8) bool {
	if !m.mayBegin(w, i) {
		return false
	}
	a := &w.workers[i]
	a.at = begun
	if m.deadline {
		a.flight = flightTicks
	}
	if !m.noIntent {
		w.rec.set(intent, a.mid)
		w.rec.base, w.rec.token, w.rec.age, w.rec.open = a.base, i, 0, true
	}
	return true
}

// set moves the record and forgets what belonged to the state before. Whether it
// is open, and which replies are ours, stays.
func (r *record) set(state, mid uint8) {
	*r = record{state: state, mid: mid, token: gone, open: r.open, own: r.own}
}

func beginUnheard(then uint8) func(*machine, *world, uint8, uint8) bool {
	return func(m *machine, w *world, i, view uint8) bool {
		if m.noIntent || !m.begin(w, i, view) {
			return false
		}
		w.workers[i].at, w.workers[i].flight = then, 0
		return true
	}
}

func (m *machine) beginRefused(w *world, i, _ uint8) bool {
	w.workers[i].at = done
	return !m.mayBegin(w, i)
}

// mayPost is the fence: the lease lasts for a send.
func (m *machine) mayPost(a *worker) bool {
	switch {
	case m.noFence, m.plainLock:
		return true
	case m.deadline:
		return a.flight > lateTicks
	}
	return a.left >= sendTicks
}

// post is the fence and the first byte on the connection. They are one step: the
// fence is asked in the connection's Write, and what is left between is the
// residual window that is measured, not modelled.
func (m *machine) post(w *world, i, _ uint8) bool {
	a := &w.workers[i]
	if !m.mayPost(a) {
		return false
	}
	a.at = posted
	if !m.deadline {
		a.flight = flightTicks
	}
	return true
}

// stopAtFence is as certain as no connection: nothing left us.
func (m *machine) stopAtFence(w *world, i, _ uint8) bool {
	a := &w.workers[i]
	a.at = refused
	return !m.mayPost(a)
}

func (m *machine) commit(w *world, i, _ uint8) bool {
	a := &w.workers[i]
	if a.committed || a.flight == 0 {
		return false
	}
	w.append(replyTo(a.mid), m.hide(a.flight))
	a.committed = true
	return true
}

// reconcile finds out what became of an intent: by the recorded text among the
// messages the look did not show.
func (m *machine) reconcile(w *world, i, view uint8) bool {
	a := &w.workers[i]
	var after []uint8
	if view > a.rec.base {
		after = w.thread[a.rec.base:view]
	}
	var found, others bool
	for _, x := range after {
		same := x == replyTo(a.mid) || m.sameText && x == reply1 && !a.rec.own
		found = found || same
		others = others || !inbound(x) && !same && !(x == reply1 && a.rec.own)
	}
	quiet := a.rec.age >= m.patience()
	a.at = done // and reconciled again when it is due
	switch {
	case m.lastIsOurs && !inbound(w.thread[view-1]), found:
		a.at = accepted
	case m.resend == atOnce, m.resend == afterQuiet && quiet:
		a.at = doubtful
	case others && (quiet || !m.deadline):
		a.at = noticed
	case quiet:
		a.at = giving
	}
	return true
}

// --- the moves of the ledger; each may be refused, and is then over ---

// recordSent is a fact: it needs no lease. A follow-up keeps it open: what the
// prospect wrote before our reply arrived is hidden behind it in the list. Even
// refused, it leaves the ID of our reply in the record.
func (m *machine) recordSent(w *world, i, _ uint8) bool {
	a := &w.workers[i]
	a.at = done
	w.rec.own = w.rec.own || a.mid == inbound1 && w.rec.state != none
	same := w.rec.mid == a.mid && (w.rec.promised() || w.rec.state == sent || w.rec.state == answered)
	if same || w.rec.free(a.mid) || m.noIntent && w.rec.mid <= a.mid {
		w.rec.set(sent, a.mid)
		w.rec.open = !m.noFollowUp && !m.noIntent
		w.rec.own = w.rec.own || a.mid == inbound1
	}
	return true
}

// recordRetry moves this lease's own intent.
func (m *machine) recordRetry(w *world, i, _ uint8) bool {
	a := &w.workers[i]
	a.at = done
	if w.holder == i && w.rec.state == intent && w.rec.token == i && w.rec.mid == a.mid {
		w.rec.set(retry, a.mid)
	}
	return true
}

// recordDoubt is what the weakened variants do instead of asking a person.
func (m *machine) recordDoubt(w *world, i, _ uint8) bool {
	a := &w.workers[i]
	a.at = done
	if w.holder == i && w.rec.state == intent && w.rec.mid == a.mid {
		w.rec.set(retry, a.mid)
	}
	return true
}

// recordAnswered ends what the lease found open: an answer of somebody else's is
// there. It needs the lease: only who has it knows that the message it takes for
// somebody else's is not what another worker sent meanwhile.
func (m *machine) recordAnswered(w *world, i, _ uint8) bool {
	a := &w.workers[i]
	mid := a.rec.mid
	a.at = done
	switch a.rec.state {
	case intent, waiting, retry:
		same := w.rec.mid == mid && (w.rec.promised() || w.rec.state == answered)
		if (same || w.rec.free(mid)) && (w.holder == i || m.answeredUnleased) {
			w.rec.set(answered, mid)
			w.rec.open = false
		}
	case sent:
		return m.close(w, mid)
	}
	return true
}

// mayEnd is the precondition of handing and skipped: the claim is mine, and the
// record may be taken over or is the intent of this message.
func (w *world) mayEnd(i uint8) bool {
	mid := w.workers[i].mid
	return w.holder == i && (w.rec.free(mid) || w.rec.state == intent && w.rec.mid == mid)
}

func (m *machine) recordHanding(w *world, i, _ uint8) bool {
	a := &w.workers[i]
	a.at = done
	if w.mayEnd(i) {
		w.rec.set(handing, a.mid)
		w.rec.open, a.at = true, tagging
	}
	return true
}

func (m *machine) recordHandoff(w *world, i, _ uint8) bool {
	w.workers[i].at = done
	w.tagged = true
	if w.rec.state == handing && w.rec.mid == w.workers[i].mid {
		w.rec.set(handoff, w.rec.mid)
		w.rec.open = false
	}
	return true
}

func (m *machine) recordSkipped(w *world, i, _ uint8) bool {
	w.workers[i].at = done
	if w.mayEnd(i) {
		w.rec.set(skipped, w.workers[i].mid)
		w.rec.open = false
	}
	return true
}

func (m *machine) recordWaiting(w *world, i, _ uint8) bool {
	w.workers[i].at = done
	w.rec.wait(w.workers[i].mid)
	return true
}

// wait needs no lease. It does not cover a retry of the same message, which says
// more.
func (r *record) wait(mid uint8) bool {
	if !r.free(mid) || r.mid == mid && (r.state == waiting || r.state == retry) {
		return false
	}
	r.set(waiting, mid)
	r.open = true
	return true
}

func (m *machine) recordClosed(w *world, i, _ uint8) bool {
	w.workers[i].at = done
	return m.close(w, w.workers[i].mid)
}

// close is the fact SENT once more, this time without a date.
func (m *machine) close(w *world, mid uint8) bool {
	if w.rec.state == sent && w.rec.mid == mid {
		w.rec.open = false
	}
	return true
}

// release deletes the claim if it is this attempt's. The plain lock does not ask.
func (m *machine) release(w *world, i, _ uint8) bool {
	if w.holder == i || m.plainLock {
		w.holder, w.deadLeft = nobody, 0
	}
	w.forget(i)
	return true
}

// --- what is claimed ---

// The verdicts.
const (
	safeAndLive   = "safe, live"
	doubleSend    = "DOUBLE SEND"
	misattributed = "MARKED SENT BUT NOT SENT"
	misanswered   = "MARKED ANSWERED BUT NOBODY ANSWERED"
	lostThread    = "LOST THREAD"
)

// broken names the property of safety that w breaks, or "".
func (m *machine) broken(w *world) string {
	switch {
	case w.count(reply1) > 1, w.count(reply2) > 1:
		return doubleSend
	case w.rec.state == sent && w.count(replyTo(w.rec.mid)) == 0:
		return misattributed
	case w.rec.state == answered && !w.tagged && w.failed == whole && w.count(somebody)+w.count(replyTo(w.rec.mid)) == 0:
		return misanswered
	}
	return ""
}

// handled reports whether the newest inbound message has come to an end that
// nobody needs to touch again.
func (m *machine) handled(w *world) bool {
	newest, place := w.newest(w.size())
	if w.rec.done(newest) || w.rec.state == handoff {
		return true
	}
	if w.rec.open {
		return false
	}
	after := w.thread[place+1 : w.size()]
	// A person answered before the bot had anything to record, or the store forgot
	// what it knew: then whatever is ours after the newest message answered it.
	return shows(after, somebody) || w.failed != whole && len(after) > 0
}

// --- the graph ---

// edge is one step and the world after it.
type edge struct {
	who   uint8 // the worker, or nobody
	what  string
	fault bool
	to    world
}

// next appends every step that w allows to out.
func (m *machine) next(w *world, out []edge) []edge {
	for k := range worldSteps {
		s := &worldSteps[k]
		to := *w
		if s.do(m, &to) {
			out = append(out, edge{nobody, s.what, s.fault, to})
		}
	}
	for i := range uint8(len(w.workers)) {
		at := w.workers[i].at
		for k := range workerSteps[at] {
			s := &workerSteps[at][k]
			full := w.size()
			view := full
			if s.reads {
				view = m.shortest(w)
			}
			for ; view <= full; view++ {
				to := *w
				if s.do(m, &to, i, view) {
					out = append(out, edge{i, s.what, s.fault || view < full, to})
				}
			}
		}
		to := *w
		if m.crash(&to, i) {
			out = append(out, edge{i, "is killed", true, to})
		}
	}
	for k := range out {
		m.forgetWhatCannotMatter(&out[k].to)
	}
	return out
}

// forgetWhatCannotMatter clears what no later step asks for, so that worlds that
// behave the same are the same.
func (m *machine) forgetWhatCannotMatter(w *world) {
	for i := range w.workers {
		a := &w.workers[i]
		if w.holder != uint8(i) && (a.at != begun || m.noFence || m.plainLock || m.deadline) {
			a.left = 0
		}
		if a.at != looked {
			a.base = 0
		}
		if a.at != claimed && a.at != drafted && a.at != doubting && a.at != noticed {
			a.rec = record{}
		}
		a.rec.token, a.rec.open = 0, false
		if a.at > looked && a.at != doubting || m.failover == steady {
			a.void = false
		}
		if a.at != posted && a.at != begun {
			a.flight = 0
		}
		if a.at == done || a.at == claimed {
			a.mid = 0
		}
	}
	for i := range w.strays {
		if s := &w.strays[i]; s[0] < s[1] {
			s[0], s[1] = s[1], s[0]
		}
	}
	if w.holder != gone {
		w.deadLeft = 0
	}
}

// canonical is w or its mirror image with the workers' places changed, whichever
// comes first: the workers are alike.
func (w *world) canonical() world {
	c := *w
	c.workers[0], c.workers[1] = c.workers[1], c.workers[0]
	for _, who := range []*uint8{&c.holder, &c.rec.token, &c.replica.token} {
		if *who < nobody {
			*who = 1 - *who
		}
	}
	if cmp.Or(w.workers[0].compare(w.workers[1]), cmp.Compare(w.holder, c.holder),
		cmp.Compare(w.rec.token, c.rec.token), cmp.Compare(w.replica.token, c.replica.token)) <= 0 {
		return *w
	}
	return c
}

// compare orders workers by everything they are.
func (a worker) compare(b worker) int {
	return cmp.Or(cmp.Compare(a.packed(), b.packed()), cmp.Compare(a.rec.packed(), b.rec.packed()))
}

func (a worker) packed() uint64 {
	return pack(a.at, a.mid, a.base, a.left, a.flight, bit(a.committed), bit(a.void))
}

func (r record) packed() uint64 {
	return pack(r.state, r.mid, r.base, r.age, r.token, bit(r.open), bit(r.own))
}

func pack(fields ...uint8) (p uint64) {
	for _, f := range fields {
		p = p<<8 | uint64(f)
	}
	return p
}

func bit(b bool) uint8 {
	if b {
		return 1
	}
	return 0
}

// String is the world in one line: the thread, the record, the claim, the timers.
func (w *world) String() string {
	var b strings.Builder
	for i, x := range w.thread[:w.size()] {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(messageNames[x])
	}
	fmt.Fprintf(&b, " | %s", w.rec)
	switch w.holder {
	case nobody:
	case gone:
		fmt.Fprintf(&b, ", a dead claim for %d", w.deadLeft)
	default:
		fmt.Fprintf(&b, ", %s has the claim for %d", workerName(w.holder), w.workers[w.holder].left)
	}
	if w.quarantine > 0 {
		fmt.Fprintf(&b, ", quarantine %d", w.quarantine)
	}
	return b.String()
}

func (r record) String() string {
	s := string(states[r.state])
	if s == "" {
		s = "no record"
	} else {
		s += " " + messageNames[r.mid]
	}
	if r.state == intent {
		s += fmt.Sprintf(" since %d", r.age)
	}
	if r.open {
		s += ", open"
	}
	return s
}

func workerName(i uint8) string { return string('A' + rune(i)) }
