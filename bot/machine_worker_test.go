package bot_test

// Where a worker is in its attempt.
const (
	atIdle        uint8 = iota
	atClaimed           // has the lease; the record was none, waiting, retry or terminal
	atDrafted           // has read the thread and asked the model about mid
	atLooked            // has looked again: mid is the newest, nobody answered, base messages
	atBegun             // the intent is written, the POST has not left
	atPosted            // the POST has left
	atAccepted          // knows that the reply to mid is in the thread
	atRefused           // knows that the POST did not happen
	atDoubting          // has the lease of a thread whose record is intent
	atDoubtful          // weakened: will record that mid may be sent again
	atNoticed           // has seen that somebody else answered
	atGiving            // will hand mid to a person
	atTagging           // has recorded handing, or found it: the tag is next
	atClosing           // the second look found nothing new
	atUndelivered       // has seen that the reply to mid was not delivered
	atAsking            // has recorded that a draft waits, or kept it: the other is next
	atDeciding          // has read a thread whose draft waits, or was not sent
	atApproved          // has the words that people approved for mid
	atRejected          // knows that people rejected them
	atDone              // will release
	places
)

// attempt is one worker with one lease, from CLAIM to RELEASE.
type attempt struct {
	at        uint8
	mid       uint8 // the inbound message it is about
	base      uint8 // atLooked: how many messages it saw
	left      uint8 // ticks of the lease left, by the worker's own clock
	flight    uint8 // atBegun, atPosted: ticks in which the POST may still commit
	committed bool  // atPosted: it has
	words     uint8 // atApproved to atPosted: what is wrong with what it sends
	void      bool  // the lease can begin nothing: its generation is not the store's, or it was granted in quarantine
	rec       entry // the record as the lease has it: it is not read again
}

// sends says that the worker has words that it may send.
func (a *attempt) sends() bool { return a.at == atApproved || a.at == atLooked || a.at == atBegun }

// workerStep is one I/O of a worker: a Lua transition, an API call, or what comes
// of one. A step that reads the thread is tried with every view it may be shown;
// any but the newest is a fault. Faults are also a model that does not reply:
// silence and people are no proof that the bot can do its work.
type workerStep struct {
	what  string
	fault bool
	reads bool
	do    func(m *machine, w *world, i, view uint8) bool // false: it cannot happen now
}

// workerSteps is what a worker may do, by where it is. A kill is possible
// everywhere (machine.kill).
var workerSteps = [places][]workerStep{
	// poll and CLAIM. What the record is decides what the lease is for.
	atIdle: {
		{what: "takes the thread and claims it", do: (*machine).claimFound},
		{what: "takes the thread for what an old list row shows, and claims it", fault: true, do: (*machine).claimMistaken},
	},

	// GET messages, guards, model.
	atClaimed: {
		{what: "reads the thread and asks the model", reads: true, do: (*machine).read},
		{what: "reads the thread, and cannot withdraw the draft", fault: true, reads: true, do: (*machine).readHeld},
	},
	atDrafted: {
		{what: "looks again", reads: true, do: (*machine).lookUnasked},
		{what: "records that a draft waits: WAITING", do: (*machine).recordDraft},
		{what: "keeps a draft, and will record that it waits", do: (*machine).keepDraft},
		{what: "is told that a person should answer", fault: true, do: goTo(atGiving)},
		{what: "is told that there is nothing to answer: SKIPPED", fault: true, do: (*machine).recordSkipped},
		{what: "is told to wait: WAITING", fault: true, do: (*machine).recordWaiting},
	},

	// Drafts: what is asked of people, and what they decided.
	atAsking: {
		{what: "keeps the draft that waits", do: (*machine).keepDraft},
		{what: "records that the draft it has kept waits: WAITING", do: (*machine).recordDraft},
	},
	atDeciding: {
		{what: "looks up what people decided", do: (*machine).lookUp},
		{what: "finds that nobody decided in time", do: (*machine).expire},
		{what: "withdraws the draft, for the rules have changed", fault: true, do: (*machine).withdraw},
		{what: "cannot withdraw the draft, which is for another message", fault: true, do: (*machine).lookUpHeld},
	},
	atApproved: {{what: "looks again, for what was approved", reads: true, do: (*machine).look}},
	atRejected: {{what: "records that people left it alone: SKIPPED", do: (*machine).recordSkipped}},

	// BEGIN, the fence, one POST.
	atLooked: {
		{what: "records its intent: BEGIN", do: (*machine).begin},
		{what: "records its intent, does not hear so, and repeats it", fault: true, do: beginUnheard(atLooked)},
		{what: "records its intent, does not hear so, and takes it back", fault: true, do: beginUnheard(atRefused)},
		{what: "is refused by BEGIN", do: (*machine).beginRefused},
	},
	atBegun: {
		{what: "sends: POST", do: (*machine).post},
		{what: "is stopped by the fence", do: (*machine).stopAtFence},
	},

	// What comes of the POST: 2xx, a definite failure, or doubt.
	atPosted: {
		{what: "has its POST commit", do: (*machine).commit},
		{what: "is answered 201", do: (*machine).hear201},
		{what: "is answered that the POST did not happen", fault: true, do: (*machine).hearRefusal},
		{what: "gets no answer to a POST that has committed or still may", fault: true, do: (*machine).hearNothing},
		{what: "gets no answer to a POST that never will", do: (*machine).giveUp},
	},
	atAccepted: {{what: "records SENT", do: (*machine).recordSent}},
	atRefused: {
		{what: "records RETRY", do: (*machine).recordRetry},
		{what: "will not try again: a person", fault: true, do: goTo(atGiving)},
	},

	// Reconcile.
	atDoubting: {{what: "reads the thread: what became of the send?", reads: true, do: (*machine).reconcile}},
	atDoubtful: {{what: "records that it may be sent again", do: (*machine).recordDoubtful}},
	atNoticed:  {{what: "records ANSWERED", do: (*machine).recordAnswered}},

	// HPEND, then the tag and HANDOFF. The last two are one step: giving a tag twice
	// changes nothing, so a kill between them leaves what a kill before them leaves.
	atGiving: {{what: "records HANDING", do: (*machine).recordHanding}},
	atUndelivered: {
		{what: "records HANDING, for the reply was not delivered", do: (*machine).recordUndelivered},
	},
	atTagging: {{what: "gives the tag and records HANDOFF", do: (*machine).recordHandoff}},

	// The end of the second look, and RELEASE.
	atClosing: {{what: "closes the record", do: (*machine).recordClosed}},
	atDone:    {{what: "releases the claim", do: (*machine).release}},
}

func goTo(at uint8) func(*machine, *world, uint8, uint8) bool {
	return func(_ *machine, w *world, i, _ uint8) bool {
		w.workers[i].at = at
		return true
	}
}

// kill is kill -9 at any moment: the claim stays until it expires, a POST on its
// way goes on, and the worker starts anew with another token.
func (m *machine) kill(w *world, i uint8) {
	w.leavePost(i)
	w.endAttempt(i)
}

// leavePost leaves the POST of worker i, if it has one that may commit, to itself.
// One per message is enough: where a second may be left alone, both may commit.
func (w *world) leavePost(i uint8) {
	a := &w.workers[i]
	if a.at == atPosted && !a.committed {
		w.strays[a.mid-1] = max(w.strays[a.mid-1], a.flight)
	}
	a.flight, a.committed = 0, false
}

// endAttempt makes the token of worker i nobody's.
func (w *world) endAttempt(i uint8) {
	if w.holder == i {
		w.holder, w.deadLeft = bygone, w.workers[i].left
	}
	for _, e := range []*entry{&w.rec, &w.replica} {
		if e.token == i {
			e.token = bygone
		}
	}
	w.workers[i] = attempt{}
}

// --- poll and CLAIM ---

// waits says that a sweep finds the thread: the open set names it, or its list
// row, which shows nothing but the last message, has an inbound one that the
// record is not done with.
func (m *machine) waits(w *world, last uint8) bool {
	return w.rec.open && !m.listOnly || isInbound(last) && !w.rec.done(last)
}

func (m *machine) claimFound(w *world, i, _ uint8) bool {
	return m.waits(w, w.last()) && m.claim(w, i)
}

func (m *machine) claimMistaken(w *world, i, _ uint8) bool {
	newest, _ := w.newest(w.size)
	return m.reads != freshReads && newest != w.last() && m.waits(w, newest) && m.claim(w, i)
}

// claim is SET NX PX with a new token. The script also compares run ids: one that
// is not the stored one starts a generation and its quarantine.
func (m *machine) claim(w *world, i uint8) bool {
	if w.holder != nobody {
		return false
	}
	if w.memory == lost {
		w.memory, w.quarantine = restored, m.quarantine()
	}
	w.holder = i
	rec := w.rec
	rec.draft = draft{} // has a key of its own
	w.workers[i] = attempt{
		at: atClaimed, left: leaseTicks, mid: rec.mid, rec: rec,
		// What the store forgot may still arrive. A look now would be too early,
		// however late BEGIN comes; such a lease can reconcile and tag, no more.
		void: w.quarantine > 0,
	}
	switch {
	case w.rec.state == recIntent:
		w.workers[i].at = atDoubting
	case w.rec.state == recHanding:
		w.workers[i].at = atTagging
	case m.drafts && w.quarantine > 0:
		w.workers[i].at = atDone // people are not asked either
	}
	return true
}

func (m *machine) quarantine() uint8 {
	switch {
	case m.noQuarantine:
		return 0
	case m.briefQuarantine:
		return sendTicks + visibleTicks
	}
	return quarantineTicks
}

// --- conversation, verdict, completion, and the look ---

// read takes the snapshot: is there anything to answer? A draft that it shows to be
// overtaken is withdrawn.
func (m *machine) read(w *world, i, view uint8) bool {
	m.judge(w, i, view)
	if w.overtaken(i) {
		w.rec.draft.withdraw()
	}
	return true
}

func (m *machine) judge(w *world, i, view uint8) {
	a := &w.workers[i]
	a.mid, _ = w.newest(view)
	seen := countOf(w.thread[:view], replyTo(a.rec.mid))+countOf(w.thread[:view], failedReplyTo(a.rec.mid)) > 0
	failed := m.failedIn(w, view, a.rec)
	switch {
	case a.rec.state == recSent && a.rec.done(a.mid) && failed && m.resend == resendFailed:
		a.at = atDoubtful
	case a.rec.state == recSent && a.rec.done(a.mid) && failed && !m.ignoresFailed:
		a.at = atUndelivered
	case a.rec.state == recSent && !seen && !m.blindFollowUp:
		a.at = atDone // our reply is not to be seen yet, so what stands before it need not be either
	case a.rec.done(a.mid):
		a.at = atClosing
	case !m.noLook && m.answeredIn(w, view, a.rec):
		a.at = atNoticed
	case failed && !m.ignoresFailed:
		a.at = atGiving
	case m.drafts && a.rec.mayHaveDraft():
		a.at = atDeciding
	default:
		a.at = atDrafted
	}
}

// look is the second read. mid must still be the newest inbound message, and
// nobody may have answered it, else the draft is thrown away.
func (m *machine) look(w *world, i, view uint8) bool {
	a := &w.workers[i]
	newest, _ := w.newest(view)
	failed := m.failedIn(w, view, a.rec)
	a.at, a.base = atLooked, view
	if !m.noLook && (newest != a.mid || m.answeredIn(w, view, a.rec) || failed && !m.ignoresFailed) {
		a.at = atDone
	} else if failed {
		a.words = wordsPastFailed
	}
	return true
}

// --- BEGIN and the POST ---

// mayBegin is the precondition of BEGIN: the claim is this lease's and lasts for a
// send, the generation is the store's, the quarantine is over, the record is free
// or is the intent of this very lease, whose answer got lost.
func (m *machine) mayBegin(w *world, i uint8) bool {
	a := &w.workers[i]
	switch {
	case m.plainLock:
		return true
	case w.holder != i, a.left < sendTicks, a.void && !m.keepsOldClaims, w.quarantine > 0:
		return false
	case w.rec.state == recIntent:
		return w.rec.token == i && w.rec.mid == a.mid
	}
	return w.rec.free(a.mid)
}

func (m *machine) begin(w *world, i, _ uint8) bool {
	if !m.mayBegin(w, i) {
		return false
	}
	a := &w.workers[i]
	a.at, a.flight = atBegun, flightTicks // the deadline, if it is the intent's
	if !m.noIntent {
		w.rec.set(recIntent, a.mid, true)
		w.rec.base, w.rec.token = a.base, i
	}
	return true
}

// beginUnheard is a BEGIN that took effect and whose answer got lost. The worker
// may ask again, with the same token, or take back what it may have written.
func beginUnheard(then uint8) func(*machine, *world, uint8, uint8) bool {
	return func(m *machine, w *world, i, view uint8) bool {
		if m.noIntent || !m.begin(w, i, view) {
			return false
		}
		w.workers[i].at = then
		return true
	}
}

func (m *machine) beginRefused(w *world, i, _ uint8) bool {
	w.workers[i].at = atDone
	return !m.mayBegin(w, i)
}

func (m *machine) unfenced() bool         { return m.noFence || m.plainLock }
func (m *machine) fencedByLease() bool    { return m.lateDeadline && !m.unfenced() }
func (m *machine) fencedByDeadline() bool { return !m.lateDeadline && !m.unfenced() }

// mayPost is the fence, asked when the POST is about to leave. The deadline was
// set before BEGIN was asked for, and BEGIN made sure that the lease lasts until
// then; a late deadline is set here, if the lease lasts until that.
func (m *machine) mayPost(a *attempt) bool {
	switch {
	case m.fencedByDeadline():
		return a.flight > visibleTicks
	case m.fencedByLease():
		return a.left >= sendTicks
	}
	return true
}

// post is the fence and the first byte on the connection in one step: the fence is
// asked in the connection's Write, and what is left of a gap there is measured,
// not modelled.
func (m *machine) post(w *world, i, _ uint8) bool {
	a := &w.workers[i]
	if !m.mayPost(a) {
		return false
	}
	a.at = atPosted
	if !m.fencedByDeadline() {
		a.flight = flightTicks
	}
	return true
}

// stopAtFence is as certain as no connection: nothing left us.
func (m *machine) stopAtFence(w *world, i, _ uint8) bool {
	a := &w.workers[i]
	a.at = atRefused
	return !m.mayPost(a)
}

func (m *machine) commit(w *world, i, _ uint8) bool {
	a := &w.workers[i]
	if a.committed || a.flight == 0 {
		return false
	}
	a.committed = true
	return w.append(replyTo(a.mid), m.hide(a.flight))
}

func (m *machine) hear201(w *world, i, _ uint8) bool {
	a := &w.workers[i]
	heard := a.committed
	a.at, a.committed = atAccepted, false
	return heard
}

func (m *machine) hearRefusal(w *world, i, _ uint8) bool {
	a := &w.workers[i]
	a.at = atRefused
	return a.flight > 0 && !a.committed
}

// hearNothing is a timeout, a reset, a 5xx: the intent stays as it is.
func (m *machine) hearNothing(w *world, i, _ uint8) bool {
	a := &w.workers[i]
	if a.flight == 0 && !a.committed {
		return false
	}
	w.leavePost(i)
	a.at = atDone
	return true
}

func (m *machine) giveUp(w *world, i, _ uint8) bool {
	a := &w.workers[i]
	a.at = atDone
	return a.flight == 0 && !a.committed
}

// --- reconcile ---

// patience is how long after its intent a reply that is not to be seen counts as
// never sent, and what others wrote as an answer.
func (m *machine) patience() uint8 {
	if m.lateDeadline {
		return visibleTicks
	}
	return flightTicks
}

// reconcile looks for our reply among what the look before the send did not show,
// and knows it by its words.
func (m *machine) reconcile(w *world, i, view uint8) bool {
	a := &w.workers[i]
	found, failed, others := false, false, false
	for place := a.rec.base; place < view; place++ {
		msg := w.thread[place]
		switch known := msg == msgR1 && a.rec.own != ownUnknown; {
		case msg == replyTo(a.mid), msg == msgR1 && m.sameText && !known:
			found = true
		case isFailed(msg):
			failed = failed || msg != msgF1 || a.rec.own == ownUnknown
		case !isInbound(msg) && !known:
			others = true
		}
	}
	quiet := a.rec.age >= m.patience()
	a.at = atDone // looked up again when it is due
	switch {
	case found, failed && m.ignoresFailed, m.lastIsOurs && !isInbound(w.thread[view-1]):
		a.at = atAccepted
	case failed && m.resend == resendFailed:
		a.at = atDoubtful
	case failed:
		a.at = atUndelivered
	case m.resend == resendAtOnce, m.resend == resendAfterQuiet && quiet:
		a.at = atDoubtful
	case others && (quiet || m.lateDeadline):
		a.at = atNoticed
	case quiet:
		a.at = atGiving
	}
	return true
}

// --- the moves of the ledger; one that is refused ends the attempt ---

// recordSent is a fact: it needs no lease, and a record that promised this message
// or took our reply for somebody else's is moved. A second look keeps it open:
// what the prospect wrote before our reply arrived is hidden behind it in every
// list. Even refused, it leaves the ID of our reply in the record.
func (m *machine) recordSent(w *world, i, _ uint8) bool {
	a := &w.workers[i]
	a.at = atDone
	own := ownLast
	if m.notesOnly {
		own = ownNoted
	}
	if a.mid == msgM1 && w.rec.state != recNone {
		w.rec.own = max(w.rec.own, own)
	}
	same := w.rec.mid == a.mid && (w.rec.promised() || w.rec.state == recSent || w.rec.state == recAnswered)
	if same || w.rec.free(a.mid) {
		w.rec.set(recSent, a.mid, !m.noFollowUp)
		if a.mid == msgM1 {
			w.rec.own = ownLast
		}
	}
	return true
}

// recordRetry moves this lease's own intent.
func (m *machine) recordRetry(w *world, i, _ uint8) bool {
	a := &w.workers[i]
	a.at = atDone
	if w.holder == i && w.rec.state == recIntent && w.rec.token == i && w.rec.mid == a.mid {
		w.rec.set(recRetry, a.mid, true)
	}
	return true
}

// recordDoubtful is what weakened machines do instead of asking a person.
func (m *machine) recordDoubtful(w *world, i, _ uint8) bool {
	a := &w.workers[i]
	a.at = atDone
	if w.holder == i && (w.rec.state == recIntent || w.rec.state == recSent) && w.rec.mid == a.mid {
		w.rec.set(recRetry, a.mid, true)
	}
	return true
}

// recordAnswered ends what the lease found open. It needs the lease: nobody else
// can be sure that what looks like somebody else's answer is not what another
// worker sent meanwhile.
func (m *machine) recordAnswered(w *world, i, _ uint8) bool {
	a := &w.workers[i]
	mid := a.rec.mid
	a.at = atDone
	switch a.rec.state {
	case recIntent, recWaiting, recRetry:
		same := w.rec.mid == mid && (w.rec.promised() || w.rec.state == recAnswered)
		if (same || w.rec.free(mid)) && (w.holder == i || m.answersUnleased) {
			w.rec.set(recAnswered, mid, false)
		}
	case recSent:
		w.rec.close(mid)
	}
	return true
}

// recordClosed is the fact SENT once more, this time for good.
func (m *machine) recordClosed(w *world, i, _ uint8) bool {
	w.workers[i].at = atDone
	w.rec.close(w.workers[i].mid)
	return true
}

func (e *entry) close(mid uint8) {
	if e.state == recSent && e.mid == mid {
		e.open = false
	}
}

// mayEnd is the precondition of handing and skipped: the claim is this lease's,
// and the record is free or the intent of this message.
func (w *world) mayEnd(i uint8) bool {
	mid := w.workers[i].mid
	return w.holder == i && (w.rec.free(mid) || w.rec.state == recIntent && w.rec.mid == mid)
}

func (m *machine) recordHanding(w *world, i, _ uint8) bool {
	a := &w.workers[i]
	a.at = atDone
	if w.mayEnd(i) {
		w.rec.set(recHanding, a.mid, true)
		a.at = atTagging
	}
	return true
}

// recordUndelivered hands over for a reply that was not delivered: that of the
// intent, or the last one, which is newer than all that stood before it.
func (m *machine) recordUndelivered(w *world, i, _ uint8) bool {
	a := &w.workers[i]
	a.at = atDone
	newer := !w.rec.promised() && (w.rec.mid <= a.mid || w.place(failedReplyTo(a.mid)) > w.place(w.rec.mid))
	if w.holder == i && (newer || w.rec.state == recIntent && w.rec.mid == a.mid) {
		a.mid = max(a.mid, w.rec.mid)
		w.rec.set(recHanding, a.mid, true)
		a.at = atTagging
	}
	return true
}

func (m *machine) recordHandoff(w *world, i, _ uint8) bool {
	a := &w.workers[i]
	a.at = atDone
	w.tagged = true
	if w.rec.state == recHanding && w.rec.mid == a.mid {
		w.rec.set(recHandoff, a.mid, false)
	}
	return true
}

func (m *machine) recordSkipped(w *world, i, _ uint8) bool {
	w.workers[i].at = atDone
	if w.mayEnd(i) {
		w.rec.set(recSkipped, w.workers[i].mid, false)
	}
	return true
}

func (m *machine) recordWaiting(w *world, i, _ uint8) bool {
	w.workers[i].at = atDone
	w.rec.wait(w.workers[i].mid)
	return true
}

// release deletes the claim if it is this lease's. The plain lock does not ask.
func (m *machine) release(w *world, i, _ uint8) bool {
	if w.holder == i || m.plainLock {
		w.holder, w.deadLeft = nobody, 0
	}
	w.endAttempt(i)
	return true
}
