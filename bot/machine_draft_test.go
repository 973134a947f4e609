package bot_test

// Drafts, which people approve, reject or take over: what the store keeps of one,
// what people do, and what a worker does about it.

// The states of a draft. One that was withdrawn or sent is as good as none.
const (
	draftNone uint8 = iota
	draftWaiting
	draftApproved
	draftRejected
	draftGiven // a person has the thread
	draftExpired
)

var draftStates = [...]string{"", "waits", "is approved", "is rejected", "is given up for a person", "has expired"}

// draft is bot.Draft.
type draft struct {
	state uint8
	mid   uint8 // the message it answers
	late  bool  // approved when it had been overtaken
}

func (d draft) pending() bool { return d.state == draftWaiting || d.state == draftApproved }

func (d *draft) withdraw() {
	if d.pending() {
		*d = draft{}
	}
}

// await is the move to waiting for people. It needs no lease.
func (e *entry) await(mid uint8) bool {
	e.wait(mid)
	if e.mid != mid || e.state != recWaiting && e.state != recRetry {
		return false
	}
	e.awaits = true
	return true
}

// mayHaveDraft says that there is a draft to look up: one that waits, or one whose
// send certainly did not happen.
func (e entry) mayHaveDraft() bool { return e.awaits || e.state == recRetry }

// overtaken says that the draft answers nothing any more, as worker i has it: the
// thread it has read is answered or a person's, or its record is about another
// message and knows of no draft.
func (w *world) overtaken(i uint8) bool {
	a := &w.workers[i]
	if a.rec.mayHaveDraft() {
		return a.at == atNoticed || a.at == atGiving
	}
	return a.rec.state == recWaiting && w.rec.draft.mid != a.rec.mid
}

// settled says that no draft waits, and none that was approved has come to nothing:
// it was sent, or somebody of the team has the thread. A store that forgot may keep
// one that waits in vain.
func (m *machine) settled(w *world) bool {
	switch d := w.rec.draft; {
	case w.memory != whole:
		return true
	case d.state == draftApproved:
		return w.said(d.mid) > 0 || w.tagged || w.count(msgP) > 0
	default:
		return d.state != draftWaiting
	}
}

// --- people ---

func drafts(m *machine) bool { return m.drafts }

// decide is what people do about a draft that waits, once. Nobody can call back
// what has begun.
func decide(to uint8) func(*machine, *world) bool {
	return func(m *machine, w *world) bool {
		d := &w.rec.draft
		if d.state != draftWaiting && (d.state != draftApproved || to == draftApproved || !m.decidesTwice) {
			return false
		}
		newest, place := w.newest(w.size)
		changed := newest != d.mid || countOf(w.thread[place:w.size], msgP) > 0
		d.state, d.late = to, to == draftApproved && m.reads == freshReads && changed
		for i := range w.workers {
			if a := &w.workers[i]; to != draftApproved && a.mid == d.mid && (a.at == atApproved || a.at == atLooked) {
				a.words = wordsRejected
			}
		}
		return true
	}
}

// --- a worker ---

// lookUnasked is the look where no draft has to be approved.
func (m *machine) lookUnasked(w *world, i, view uint8) bool { return !m.drafts && m.look(w, i, view) }

// recordDraft and keepDraft put a draft before people, in place of whatever draft the
// thread has. The record comes first: what it does not wait for, nobody looks up.
func (m *machine) recordDraft(w *world, i, _ uint8) bool {
	a := &w.workers[i]
	first := a.at == atDrafted
	a.at = atDone
	if w.rec.await(a.mid) && first {
		a.at = atAsking
	}
	return m.drafts && first != m.keepsFirst
}

func (m *machine) keepDraft(w *world, i, _ uint8) bool {
	a := &w.workers[i]
	first := a.at == atDrafted
	a.at = atDone
	if w.holder == i || m.keepsUnleased { // else it is refused, and the attempt over
		w.rec.draft = draft{state: draftWaiting, mid: a.mid}
		if first {
			a.at = atAsking
		}
	}
	return m.drafts && first == m.keepsFirst
}

// readHeld is a read after which the draft cannot be withdrawn: the store does not
// answer, or another draft has taken its place.
func (m *machine) readHeld(w *world, i, view uint8) bool {
	a := &w.workers[i]
	m.judge(w, i, view)
	held := w.overtaken(i) && w.rec.draft.pending()
	if !m.leavesHeld {
		a.at = atDone
	}
	return held
}

// lookUp goes on with the draft as people have left it. One for another message than
// the newest is withdrawn, and the thread judged afresh.
func (m *machine) lookUp(w *world, i, _ uint8) bool {
	a, d := &w.workers[i], &w.rec.draft
	switch {
	case d.state == draftApproved && d.mid != a.mid && m.sendsAnyDraft:
		a.at, a.words = atApproved, wordsUnasked
	case d.state == draftNone, d.mid != a.mid:
		d.withdraw()
		a.at = atDrafted
	case d.state == draftWaiting:
		a.at = atDone
	case d.state == draftApproved && d.late:
		a.at, a.words = atApproved, wordsOvertaken
	case d.state == draftApproved:
		a.at = atApproved
	case d.state == draftRejected:
		a.at = atRejected
	default:
		a.at = atGiving
	}
	return true
}

// lookUpHeld is a lookUp whose withdrawal fails.
func (m *machine) lookUpHeld(w *world, i, _ uint8) bool {
	a, d := &w.workers[i], &w.rec.draft
	a.at = atDone
	if m.leavesHeld {
		a.at = atDrafted
	}
	return d.pending() && d.mid != a.mid
}

// expire gives a person the thread that nobody decided about, and withdraw judges it
// afresh. Both need the draft to wait still.
func (m *machine) expire(w *world, i, _ uint8) bool {
	a, d := &w.workers[i], &w.rec.draft
	waits := d.state == draftWaiting && d.mid == a.mid
	a.at, d.state = atGiving, draftExpired
	return waits && !m.neverExpires
}

func (m *machine) withdraw(w *world, i, _ uint8) bool {
	a, d := &w.workers[i], &w.rec.draft
	waits := d.state == draftWaiting && d.mid == a.mid
	d.withdraw()
	a.at = atDrafted
	return waits
}
