package bot

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"inboxbot/inboxapi"
)

// Whatever happens to candidates in whatever order, the answers that come from
// the places they are kept in are those of a look at every one of them.
func TestWorkKnowsItsCandidatesWithoutLookingAtAll(t *testing.T) {
	for seed := range uint64(50) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // repeatable, not secret
			w := newWork()
			for step := range 300 {
				somethingHappens(w, r)
				if err := lookAtAll(w); err != nil {
					t.Fatalf("seed %d, step %d: %v", seed, step, err)
				}
			}
		})
	}
}

var somePages = []pageRef{{}, {view: inboxapi.ViewDefault}, {view: inboxapi.ViewNoReply}}

// somethingHappens is one event in the life of a bot's work.
func somethingHappens(w *work, r *rand.Rand) {
	now := time.Now()
	thread := fmt.Sprint(r.IntN(12))
	row := &inboxapi.Thread{ID: thread, LastMessage: &inboxapi.LastMessage{
		ID: fmt.Sprint(r.IntN(3)), CreatedAt: now.Add(-time.Duration(r.IntN(60)) * time.Second),
	}}
	switch r.IntN(9) {
	case 0, 1, 2:
		c := &candidate{thread: thread, page: somePages[r.IntN(3)], due: now.Add(time.Duration(r.IntN(5)-1) * time.Second), parked: r.IntN(2) == 0}
		if r.IntN(4) > 0 {
			c.row, c.readAt = row, now
		}
		w.offer(c)
	case 3:
		w.next(now)
	case 4, 5:
		for c := range w.busy {
			var err error
			if r.IntN(2) == 0 {
				err = errNotMoved
			}
			w.done(c, result{again: time.Duration(r.IntN(3)) * time.Second, parked: r.IntN(2) == 0, err: err})
			return
		}
	case 6:
		w.hurry(thread, row, now)
	case 7:
		for c := range w.busy {
			w.learn(c, row)
			w.recorded(c, Record{State: StateSent, MessageID: row.LastMessage.ID})
			return
		}
		w.drop(thread, row, now)
	case 8:
		time.Sleep(time.Second)
	}
}

// lookAtAll compares what w answers with what a look at every candidate finds.
func lookAtAll(w *work) error {
	now, due := time.Now(), time.Minute
	unsettled, busy, ready := 0, 0, 0
	pages := map[pageRef]int{}
	var urgent *candidate
	for _, c := range w.all {
		isReady := !c.busy && !c.due.After(now)
		if c.unsettled() {
			unsettled++
		}
		if c.busy {
			busy++
		} else {
			due = max(0, min(due, c.due.Sub(now)))
		}
		if isReady {
			ready++
		}
		if isReady && (urgent == nil || c.before(urgent)) {
			urgent = c
		}
		if c.row != nil && (c.busy || isReady) {
			pages[c.page]++
		}
	}
	got := []any{w.unsettled(), w.inHand(), w.atHand(), w.untilDue(now)}
	want := []any{unsettled, busy, busy + ready, due}
	for _, ref := range somePages {
		got, want = append(got, w.ofPage(ref)), append(want, pages[ref])
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		return fmt.Errorf("unsettled, in hand, at hand, until due, of each page: %v, want %v", got, want)
	}
	if urgent != nil && (len(w.ready.all) == 0 || urgent.before(w.ready.all[0])) {
		return fmt.Errorf("thread %s is more urgent than what comes next", urgent.thread)
	}
	return nil
}
