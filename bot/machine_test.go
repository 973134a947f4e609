package bot_test

import (
	"flag"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// machine is one variant of the protocol in one kind of world. The zero value is
// the design: one inbound message, two workers, kills and pauses at any moment,
// leases that expire, POSTs that fail, get lost or commit late, answers of the
// store that get lost, a model that replies, refuses, waits or wants a person.
//
// What no variant covers, and other tests or the operator have to: more than two
// workers, two inbound messages and one thread (nothing is shared between threads
// but the budget); what the words say, edits and deletions, of drafts too; a 201
// without a readable body, which leaves the ID of our reply unknown; clocks of
// different speed (the fence asks two of them) and the instants between the fence
// and the first byte; the order of list pages and the watermark; due dates, which
// are taken to come at any time; the note in a record that a newer message waits,
// which only ever makes more threads due; the rate budget; a fair scheduler; two
// deployments on different stores; tags that people give or take away, and the
// guard that they took over; the guard for what a forgetful store hides; what a
// handoff tells the prospect; campaigns and shadow drafts; drafts that only some
// replies wait for, and a thread that people take while the prospect writes more;
// a reply that old reads show as delivered.
type machine struct {
	// What the world may do besides.
	second   bool // the prospect writes M2, at any moment
	person   bool // somebody else answers once, at any moment
	sameText bool // the model drafts the same words for M1 and M2
	endless  bool // a POST may commit however late: there is no D
	drafts   bool // every reply waits for a person's approval
	fails    failing
	reads    staleness
	store    failure

	// What is left out, or done in a weaker way.
	plainLock       bool // SET NX PX and DEL: no token is ever compared
	noIntent        bool // nothing is written before the POST; the answer is marked after it
	noLook          bool // the thread is not read again before the send
	noFence         bool // no clock is asked when the POST is about to leave
	lateDeadline    bool // the deadline counts from after BEGIN, the fence asks for the lease, and reconcile concludes D after BEGIN, from others' messages at once
	resend          resending
	lastIsOurs      bool // reconcile takes any last message of ours for our reply
	listOnly        bool // what the list shows is all that is ever looked at
	noFollowUp      bool // there is no second look after a send
	blindFollowUp   bool // the second look ends though our own reply is not to be seen in it
	forgetsOwn      bool // our late reply counts as an answer as soon as the record is about the next message
	answersUnleased bool // ANSWERED needs no lease
	noQuarantine    bool
	briefQuarantine bool // S + D: long enough for a send, not for a lease that may still send
	keepsOldClaims  bool // BEGIN asks for the claim and the quarantine, not for the generation
	ignoresFailed   bool // what Inbox accepted is taken for delivered
	sendsAnyDraft   bool // an approved draft is sent whatever it answers
	decidesTwice    bool // people may take an approval back, whatever has become of it
	neverExpires    bool // a draft waits for as long as nobody decides
	keepsUnleased   bool // a draft is put before people without the lease
	keepsFirst      bool // a draft is put before people, and then the record says that it waits
	leavesHeld      bool // a draft that cannot be withdrawn is left as it is, and the thread judged
	notesOnly       bool // a refused SENT leaves the ID of our reply, and not that it was the last
	mistakesCopies  bool // an earlier reply with the same words is taken for a copy of the last
}

type staleness uint8

const (
	freshReads  staleness = iota
	staleByD              // a read or list row may miss what was committed less than D ago; a reply, what was posted less than S + D ago
	staleAtWill           // a read or list row may show the thread as it was at any time
)

type failure uint8

const (
	storeKeeps failure = iota // the store forgets nothing
	storeWiped                // it comes back empty, any number of times
	storeLags                 // a replica that stopped following at any moment takes over, any number of times, with or without the claim
)

type resending uint8

const (
	resendNever resending = iota
	resendAtOnce
	resendAfterQuiet
	resendFailed // at once, what was accepted and not delivered
)

type failing uint8

const (
	failsNever  failing = iota // what Inbox accepts is delivered
	failsInTime                // or turns out not to be while the thread is to be read once more
	failsAtWill                // or at any time
)

// variant is a row of the table: a machine and the verdict on it.
type variant struct {
	name  string
	m     machine
	want  string
	large bool // only with -checker.full
}

// The design, in every kind of world. What it asks of the code beyond the states:
// the POST's deadline is set before BEGIN is asked for, and S + D after BEGIN
// nothing of it can still appear, so that reconcile concludes from silence or from
// others' messages no earlier; a reply that the record knows as ours answers
// nothing newer, whatever the record is about by then; ANSWERED needs the lease;
// the second look ends only when it sees our reply, delivered; a lease granted in
// quarantine begins nothing; a draft is put before people under the lease, once the
// record waits for it, and a thread is not judged while it has a draft that should be
// withdrawn and is not. Each has its row among the weakened machines.
var designs = []variant{
	{"the design", machine{}, safeAndLive, false},
	{"reads stale by D", machine{reads: staleByD}, safeAndLive, false},
	{"reads stale at will", machine{reads: staleAtWill}, safeAndLive, false},
	{"store wiped", machine{store: storeWiped}, safeAndLive, false},
	{"store lags", machine{store: storeLags}, safeAndLive, false},
	{"store wiped, reads stale by D", machine{store: storeWiped, reads: staleByD}, safeAndLive, false},
	{"no bound on late commits", machine{second: true, endless: true}, safeAndLive, false},
	{"M2", machine{second: true}, safeAndLive, false},
	{"M2, reads stale by D", machine{second: true, reads: staleByD}, safeAndLive, false},
	{"M2, reads stale at will", machine{second: true, reads: staleAtWill}, safeAndLive, false},
	{"M2, the same words twice", machine{second: true, sameText: true}, safeAndLive, false},
	{"M2, somebody else answers, the same words twice", machine{second: true, person: true, sameText: true}, safeAndLive, false},
	{"M2, somebody else answers, reads stale by D", machine{second: true, person: true, reads: staleByD}, safeAndLive, true},
	{"M2, store wiped", machine{second: true, store: storeWiped}, safeAndLive, false},
	{"M2, store wiped, reads stale by D", machine{second: true, store: storeWiped, reads: staleByD}, safeAndLive, true},
	{"M2, store lags", machine{second: true, store: storeLags}, safeAndLive, true},
	{"M2, store lags, reads stale by D", machine{second: true, store: storeLags, reads: staleByD}, safeAndLive, true},

	{"drafts", machine{drafts: true}, safeAndLive, false},
	{"drafts, somebody else answers", machine{drafts: true, person: true}, safeAndLive, false},
	{"drafts, reads stale by D", machine{drafts: true, reads: staleByD}, safeAndLive, false},
	{"drafts, reads stale at will", machine{drafts: true, reads: staleAtWill}, safeAndLive, false},
	{"drafts, store wiped", machine{drafts: true, store: storeWiped}, safeAndLive, false},
	{"drafts, store wiped, reads stale by D", machine{drafts: true, store: storeWiped, reads: staleByD}, safeAndLive, false},
	{"drafts, store wiped, somebody else answers", machine{drafts: true, store: storeWiped, person: true}, safeAndLive, false},
	{"drafts, store lags", machine{drafts: true, store: storeLags}, safeAndLive, true},
	{"drafts, store lags, reads stale by D", machine{drafts: true, store: storeLags, reads: staleByD}, safeAndLive, true},
	{"drafts, M2", machine{drafts: true, second: true}, safeAndLive, false},
	{"drafts, M2, reads stale by D", machine{drafts: true, second: true, reads: staleByD}, safeAndLive, false},
	{"drafts, M2, the same words twice", machine{drafts: true, second: true, sameText: true}, safeAndLive, false},
	{"drafts, M2, somebody else answers", machine{drafts: true, second: true, person: true}, safeAndLive, false},
	{"drafts, M2, somebody else answers, reads stale by D", machine{drafts: true, second: true, person: true, reads: staleByD}, safeAndLive, true},
	{"drafts, M2, store wiped", machine{drafts: true, second: true, store: storeWiped}, safeAndLive, false},
	{"drafts, M2, store wiped, reads stale by D", machine{drafts: true, second: true, store: storeWiped, reads: staleByD}, safeAndLive, true},

	{"a reply fails", machine{fails: failsInTime}, safeAndLive, false},
	{"a reply fails, reads stale by D", machine{fails: failsInTime, reads: staleByD}, safeAndLive, false},
	{"a reply fails, somebody else answers", machine{fails: failsInTime, person: true}, safeAndLive, false},
	{"a reply fails, M2", machine{fails: failsInTime, second: true}, safeAndLive, false},
	{"a reply fails, M2, reads stale by D", machine{fails: failsInTime, second: true, reads: staleByD}, safeAndLive, false},
	{"a reply fails, M2, the same words twice", machine{fails: failsInTime, second: true, sameText: true}, safeAndLive, false},
	{"a reply fails, M2, the same words twice, reads stale by D", machine{fails: failsInTime, second: true, sameText: true, reads: staleByD}, safeAndLive, false},
	{"a reply fails late, M2, the same words twice", machine{fails: failsAtWill, second: true, sameText: true}, safeAndLive, false},
	{"a reply fails, M2, somebody else answers", machine{fails: failsInTime, second: true, person: true}, safeAndLive, false},
	{"a reply fails, M2, somebody else answers, reads stale by D", machine{fails: failsInTime, second: true, person: true, reads: staleByD}, safeAndLive, true},
	{"a reply fails late, M2", machine{fails: failsAtWill, second: true}, safeAndLive, false},
	{"a reply fails, drafts", machine{fails: failsInTime, drafts: true}, safeAndLive, false},
	{"a reply fails late, drafts, M2", machine{fails: failsAtWill, drafts: true, second: true}, safeAndLive, false},
}

// What the design does not promise: a rule of it broken, or an assumption.
var limits = []variant{
	{"store wiped, no bound on late commits", machine{store: storeWiped, endless: true}, doubleSend, false},
	{"store wiped, reads stale at will", machine{store: storeWiped, reads: staleAtWill}, doubleSend, false},
	{"somebody else answers, reads stale at will", machine{second: true, person: true, reads: staleAtWill}, lostThread, true},

	// What was not delivered is no answer, and only the store knows that it was ours.
	{"a reply fails, store wiped", machine{fails: failsInTime, store: storeWiped}, doubleSend, false},
	{"a reply fails, store lags", machine{fails: failsInTime, store: storeLags}, doubleSend, false},
}

// What the search has found in the code, all of it mended. A draft that was kept
// before a kill is taken up as it stands.
var found = []variant{
	{"a draft is kept without the lease", machine{drafts: true, keepsUnleased: true}, sentRejected, false},
	{"a draft is kept before the record waits for it", machine{drafts: true, keepsFirst: true}, deadDraft, false},
	{"a draft that cannot be withdrawn is left", machine{drafts: true, person: true, leavesHeld: true}, deadDraft, false},
	{"drafts, all three", machine{drafts: true, second: true, keepsUnleased: true, keepsFirst: true, leavesHeld: true}, sentRejected, false},
	{"a reply fails, an earlier one has its words", machine{fails: failsInTime, second: true, sameText: true, mistakesCopies: true}, lostThread, false},
	{"store wiped, a refused reply is not the last", machine{second: true, store: storeWiped, notesOnly: true}, answeredByNone, false},
}

// The design with something left out, and what that is good for. Those that stay
// safe say in which world the part is not needed.
var weakened = []variant{
	{"a plain lock, marked after the send", machine{plainLock: true, noIntent: true, noLook: true}, doubleSend, false},
	{"no intent, the token checked", machine{noIntent: true, noLook: true}, doubleSend, false},
	{"no intent, the token checked, a look", machine{noIntent: true}, doubleSend, false},

	{"resent at once", machine{resend: resendAtOnce}, doubleSend, false},
	{"resent after quiet time, no fence", machine{resend: resendAfterQuiet, noFence: true}, doubleSend, false},
	{"resent after quiet time", machine{resend: resendAfterQuiet}, safeAndLive, false},
	{"resent after quiet time, late deadline", machine{resend: resendAfterQuiet, lateDeadline: true}, doubleSend, false},
	{"resent after quiet time, reads stale at will", machine{resend: resendAfterQuiet, reads: staleAtWill}, doubleSend, false},

	{"no look", machine{second: true, noLook: true}, safeAndLive, false},
	{"no fence", machine{second: true, noFence: true}, safeAndLive, false},
	{"no fence, store wiped", machine{store: storeWiped, noFence: true}, doubleSend, false},
	{"no quarantine", machine{store: storeWiped, noQuarantine: true}, doubleSend, false},
	{"a quarantine, old claims not void", machine{store: storeLags, keepsOldClaims: true}, doubleSend, false},
	{"a quarantine, old claims not void, late deadline", machine{store: storeWiped, keepsOldClaims: true, lateDeadline: true}, doubleSend, false},
	{"a quarantine of S + D", machine{store: storeWiped, briefQuarantine: true}, safeAndLive, false},
	{"a quarantine of S + D, late deadline", machine{store: storeWiped, briefQuarantine: true, lateDeadline: true}, doubleSend, false},

	{"the last message is ours", machine{second: true, lastIsOurs: true}, sentByNobody, false},
	{"the last message is inbound", machine{second: true, listOnly: true}, lostThread, false},
	{"no second look", machine{second: true, noFollowUp: true}, lostThread, false},
	{"a blind second look", machine{second: true, blindFollowUp: true}, safeAndLive, false},
	{"a blind second look, reads stale by D", machine{second: true, blindFollowUp: true, reads: staleByD}, lostThread, false},
	{"our late reply forgotten", machine{second: true, forgetsOwn: true}, answeredByNone, false},
	{"answered without a lease", machine{second: true, answersUnleased: true}, lostThread, false},

	{"late deadline", machine{second: true, lateDeadline: true}, safeAndLive, false},
	{"late deadline, store wiped", machine{store: storeWiped, lateDeadline: true}, safeAndLive, false},
	{"late deadline, the same words twice", machine{second: true, sameText: true, lateDeadline: true}, sentByNobody, false},
	{"late deadline, somebody else answers", machine{second: true, person: true, lateDeadline: true}, lostThread, false},

	{"drafts, no look", machine{drafts: true, second: true, noLook: true}, sentOvertaken, false},
	{"drafts, no look, somebody else answers", machine{drafts: true, person: true, noLook: true}, sentOvertaken, false},
	{"drafts, no intent", machine{drafts: true, noIntent: true}, doubleSend, false},
	{"drafts, no quarantine", machine{drafts: true, store: storeWiped, noQuarantine: true}, doubleSend, false},
	{"drafts, old claims not void", machine{drafts: true, store: storeLags, keepsOldClaims: true}, sentRejected, false},
	{"drafts, approvals taken back", machine{drafts: true, decidesTwice: true}, sentRejected, false},
	{"drafts, any approval will do", machine{drafts: true, second: true, sendsAnyDraft: true}, sentUnasked, false},
	{"drafts that never expire", machine{drafts: true, neverExpires: true}, lostThread, false},

	{"a reply fails, resent", machine{fails: failsInTime, resend: resendFailed}, doubleSend, false},
	{"a reply fails, nobody minds", machine{fails: failsInTime, ignoresFailed: true}, lostThread, false},
	{"a reply fails, nobody minds when M2 comes", machine{fails: failsAtWill, second: true, ignoresFailed: true}, sentPastFailed, false},
	{"a reply fails, no second look", machine{fails: failsInTime, noFollowUp: true}, lostThread, false},
}

// variants are all rows.
var variants = slices.Concat(designs, limits, found, weakened)

var checkerFull = flag.Bool("checker.full", false, "search the machines with many millions of worlds too")

// skipRaced skips what one goroutine walks through, in ten times the time under the
// race detector. .ci/run runs it without.
func skipRaced(t *testing.T) {
	t.Helper()
	if raced {
		t.Skip("the checker shares nothing between goroutines: run it without -race")
	}
}

// TestMachine searches every world that each machine can reach. A verdict other
// than the expected one comes with the shortest way to the world that shows it.
func TestMachine(t *testing.T) {
	skipRaced(t)
	t.Parallel()
	for _, row := range variants {
		t.Run(row.name, func(t *testing.T) {
			if row.large && !*checkerFull {
				t.Skip("millions of worlds: only with -checker.full")
			}
			t.Parallel()
			start := time.Now()
			f := row.m.search().run()
			t.Logf("%d worlds, %d steps deep, %v: %s", f.worlds, f.depth, time.Since(start).Round(time.Millisecond), f.verdict)
			if strings.Contains(f.story, brokenStory) {
				t.Errorf("two worlds were taken for one:\n%s", f.story)
			}
			if f.verdict != row.want {
				t.Fatalf("%s, want %s, after these steps ((!) is a fault):\n%s", f.verdict, row.want, f.story)
			}
			if testing.Verbose() && f.story != "" {
				t.Logf("the shortest way there ((!) is a fault):\n%s", f.story)
			}
		})
	}
}

// TestMachineMergesOnlyAlikeWorlds searches small machines without taking any two
// worlds for one: the verdicts must be the same.
func TestMachineMergesOnlyAlikeWorlds(t *testing.T) {
	skipRaced(t)
	t.Parallel()
	for _, row := range variants {
		if row.m.second || row.m.store != storeKeeps {
			continue
		}
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := row.m.search()
			s.full = true
			if f := s.run(); f.verdict != row.want {
				t.Errorf("%s, want %s:\n%s", f.verdict, row.want, f.story)
			} else {
				t.Logf("%d worlds: %s", f.worlds, f.verdict)
			}
		})
	}
}

// TestMachineMeetsEverything makes sure that the verdicts are about something:
// every step is taken and every state of a record is reached.
func TestMachineMeetsEverything(t *testing.T) {
	t.Parallel()
	taken := map[string]bool{}
	var reached [len(recStates)]bool
	for _, m := range []machine{
		{second: true, reads: staleAtWill},
		{person: true},
		{store: storeWiped},
		{store: storeLags, keepsOldClaims: true}, // ends early, and large otherwise
		{resend: resendAtOnce},
		{drafts: true, second: true},
		{drafts: true, keepsFirst: true},
		{fails: failsAtWill, second: true},
	} {
		s := m.search()
		s.run()
		maps.Copy(taken, s.taken)
		for state := range reached {
			reached[state] = reached[state] || s.reached[state]
		}
	}
	for _, s := range worldSteps {
		if !taken[s.what] {
			t.Errorf("it never happens that %s", s.what)
		}
	}
	for at := range workerSteps {
		for _, s := range workerSteps[at] {
			if !taken[s.what] {
				t.Errorf("no worker ever %s", s.what)
			}
		}
	}
	for state, ok := range reached {
		if !ok {
			t.Errorf("no record is ever %q", recStates[state])
		}
	}
}

func BenchmarkMachine(b *testing.B) {
	m := machine{second: true}
	worlds := 0
	for b.Loop() {
		worlds += m.search().run().worlds
	}
	b.ReportMetric(float64(worlds)/b.Elapsed().Seconds(), "worlds/s")
}
