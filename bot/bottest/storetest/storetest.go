// Package storetest is what every store of claims and records must do, as one
// test suite: the table of moves, the table of crashes, and what is kept. Start
// reading at the matrices.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"inboxbot/bot"
)

// Store is what is tested.
type Store interface {
	bot.Claims
	bot.Holders
	bot.Ledger
}

// World is a new, empty store outside any quarantine, and the time it lives in.
type World struct {
	Store                   Store
	Lease, Send, Quarantine time.Duration
	Wipe                    func() // the store loses its memory; nil: cannot be done
}

// InBubble runs the suite, every test in a testing/synctest bubble of its own.
func InBubble(t *testing.T, world func(*testing.T) World) {
	run(t, func(t *testing.T, f func(*testing.T)) { synctest.Test(t, f) }, world)
}

// InRealTime runs the suite by the machine's clock, its tests in parallel. Leases
// should last a few seconds: longer than a pause of the machine, short enough to
// be waited for.
func InRealTime(t *testing.T, world func(*testing.T) World) {
	run(t, func(t *testing.T, f func(*testing.T)) { t.Parallel(); f(t) }, world)
}

func run(t *testing.T, in func(*testing.T, func(*testing.T)), world func(*testing.T) World) {
	for _, test := range slices.Concat(moves(), leases(), crashes(), kept()) {
		t.Run(test.name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				test.run(&suite{T: t, World: world(t), now: time.Now().UTC().Truncate(time.Millisecond)})
			})
		})
	}
}

type test struct {
	name string
	run  func(*suite)
}

type suite struct {
	*testing.T
	World
	now time.Time // when the newest message of the tests came
}

const thread = "thread-1"

// message returns a record about one of the tests' messages, to be moved to.
// There are three in a row, and twins of the same instant.
func (s *suite) message(id string, state bot.State) bot.Record {
	at := map[string]time.Time{
		"old": s.now.Add(-time.Minute), "this": s.now, "twin": s.now, "new": s.now.Add(time.Minute),
	}[id]
	if at.IsZero() {
		s.Fatalf("no message %q", id)
	}
	r := bot.Record{State: state, MessageID: id, MessageAt: at, Guard: "pricing", Reason: "asked for it"}
	switch state {
	case bot.StateIntent:
		r.Text, r.Base, r.LookedAt = "It is 20 €.", "base-"+id, s.now.Add(time.Second)
	case bot.StateHanding:
		r.Tag, r.Assign = "needs-human", "robin@example.com"
	case bot.StateSent:
		r.SentID = "our-" + id
	case bot.StateNone, bot.StateWaiting, bot.StateRetry, bot.StateHandoff, bot.StateAnswered, bot.StateSkipped:
	}
	return r
}

func (s *suite) claim() bot.Lease {
	s.Helper()
	l, err := s.Store.Claim(s.Context(), thread)
	if err != nil {
		s.Fatalf("claim: %v", err)
	}
	return l
}

func (s *suite) release(l bot.Lease) {
	s.Helper()
	if err := s.Store.Release(s.Context(), l); err != nil {
		s.Fatalf("release: %v", err)
	}
}

// move makes a move that must give want.
func (s *suite) move(l bot.Lease, next bot.Record, again time.Duration, want error) {
	s.Helper()
	if err := s.Store.Advance(s.Context(), l, next, again); !errors.Is(err, want) {
		s.Fatalf("%s about %q: %v, want %v", next.State, next.MessageID, err, want)
	}
}

func (s *suite) record() bot.Record {
	s.Helper()
	records, err := s.Store.Records(s.Context(), []string{thread})
	if err != nil {
		s.Fatalf("records: %v", err)
	}
	return records[thread]
}

func (s *suite) due() bool {
	s.Helper()
	due, err := s.Store.Due(s.Context(), 10)
	if err != nil {
		s.Fatalf("due: %v", err)
	}
	return slices.Contains(due, thread)
}

// bring leads the thread to a state about message "this" and returns the lease
// that did it, which is still live.
func (s *suite) bring(state bot.State) bot.Lease {
	s.Helper()
	l := s.claim()
	path := map[bot.State][]bot.State{
		bot.StateNone:     {},
		bot.StateWaiting:  {bot.StateWaiting},
		bot.StateIntent:   {bot.StateIntent},
		bot.StateRetry:    {bot.StateIntent, bot.StateRetry},
		bot.StateHanding:  {bot.StateHanding},
		bot.StateSent:     {bot.StateIntent, bot.StateSent},
		bot.StateHandoff:  {bot.StateHanding, bot.StateHandoff},
		bot.StateAnswered: {bot.StateAnswered},
		bot.StateSkipped:  {bot.StateSkipped},
	}[state]
	for _, to := range path {
		s.move(l, s.message("this", to), 0, nil)
	}
	if got := s.record().State; got != state {
		s.Fatalf("brought to %q, want %q", got, state)
	}
	return l
}

// The matrices: what becomes of a move about a message, by where the record about
// "this" stands. yes: it is made; no: ErrRecorded; lease: ErrLeaseLost. A lease
// that is asked for is a new one.
const (
	aboutTheSame = `
		          waiting intent retry handing handoff sent answered skipped
		waiting   yes     yes    no    yes     no      yes  yes      yes
		intent    no      no     no    yes     no      yes  yes      yes
		retry     yes     yes    yes   yes     no      yes  yes      yes
		handing   no      no     no    no      yes     yes  yes      no
		sent      no      no     no    no      no      yes  no       no
		handoff   no      no     no    no      yes     no   no       no
		answered  no      no     no    no      no      yes  yes      no
		skipped   no      no     no    no      no      no   no       yes`
	aboutANewer = `
		          waiting intent retry handing handoff sent answered skipped
		none      yes     yes    no    yes     no      yes  yes      yes
		waiting   yes     yes    no    yes     no      yes  yes      yes
		intent    no      no     no    no      no      no   no       no
		retry     yes     yes    no    yes     no      yes  yes      yes
		handing   no      no     no    no      no      no   no       no
		sent      yes     yes    no    yes     no      yes  yes      yes
		handoff   yes     yes    no    yes     no      yes  yes      yes
		answered  yes     yes    no    yes     no      yes  yes      yes
		skipped   yes     yes    no    yes     no      yes  yes      yes`
	aboutAnOlder = `
		          waiting intent retry handing handoff sent answered skipped
		waiting   no      no     no    no      no      no   no       no
		intent    no      no     no    no      no      no   no       no
		retry     no      no     no    no      no      no   no       no
		handing   no      no     no    no      no      no   no       no
		sent      no      no     no    no      no      no   no       no
		handoff   no      no     no    no      no      no   no       no
		answered  no      no     no    no      no      no   no       no
		skipped   no      no     no    no      no      no   no       no`
	withoutALease = `
		          waiting intent retry handing handoff sent answered skipped
		none      yes     lease  no    lease   no      yes  lease    lease
		waiting   yes     lease  no    lease   no      yes  lease    lease
		intent    no      lease  no    lease   no      yes  lease    lease
		retry     yes     lease  yes   lease   no      yes  lease    lease
		handing   no      lease  no    lease   yes     yes  lease    lease
		sent      no      lease  no    lease   no      yes  lease    lease`
)

func moves() []test {
	var tests []test
	for _, m := range []struct{ about, message, matrix string }{
		{"the same message", "this", aboutTheSame},
		{"a newer message", "new", aboutANewer},
		{"an older message", "old", aboutAnOlder},
		{"the same message without a lease", "this", withoutALease},
	} {
		rows := strings.Split(strings.TrimSpace(m.matrix), "\n")
		columns := strings.Fields(rows[0])
		for _, row := range rows[1:] {
			cells := strings.Fields(row)
			from := bot.State(strings.TrimSuffix(cells[0], "none"))
			for i, to := range columns {
				tests = append(tests, test{
					name: fmt.Sprintf("move/%s about %s/%s", cells[0], m.about, to),
					run: func(s *suite) {
						s.cell(from, bot.State(to), m.message, cells[i+1], m.matrix == withoutALease)
					},
				})
			}
		}
	}
	return tests
}

// cell is one cell of a matrix.
func (s *suite) cell(from, to bot.State, message, want string, leaseless bool) {
	first := s.bring(from)
	s.release(first)
	l := bot.Lease{Thread: thread}
	if !leaseless {
		l = s.claim()
	}
	before, again := s.record(), time.Millisecond
	if to.Terminal() {
		again = 0
	}
	s.move(l, s.message(message, to), again, map[string]error{
		"yes": nil, "no": bot.ErrRecorded, "lease": bot.ErrLeaseLost,
	}[want])
	after := s.record()
	if want != "yes" {
		if after.State != before.State || after.MessageID != before.MessageID {
			s.Fatalf("refused, but the record is now %q about %q", after.State, after.MessageID)
		}
		return
	}
	if from == bot.StateRetry && to == bot.StateWaiting && message == "this" {
		to = bot.StateRetry // seen again, it still certainly was not sent
	}
	if after.State != to || after.MessageID != message {
		s.Fatalf("the record is %q about %q, want %q about %q", after.State, after.MessageID, to, message)
	}
	time.Sleep(2 * time.Millisecond)
	if open := s.due(); open == to.Terminal() {
		s.Fatalf("open: %t in state %q", open, to)
	}
}

// leases are the tests of who may move, and how often.
func leases() []test {
	return []test{
		{"lease/held by another", func(s *suite) {
			l := s.claim()
			if _, err := s.Store.Claim(s.Context(), thread); !errors.Is(err, bot.ErrHeld) {
				s.Fatalf("second claim: %v, want ErrHeld", err)
			}
			if l.TTL != s.Lease || l.Quarantine != 0 || l.Token == "" || l.Generation == "" || l.StoreNow.IsZero() || l.Taken.IsZero() {
				s.Fatalf("lease %+v lacks something", l)
			}
		}},
		{"lease/whose it is can be asked without claiming", func(s *suite) {
			asked := func() (string, time.Duration) {
				process, left, err := s.Store.Holder(s.Context(), thread)
				if err != nil {
					s.Fatalf("holder: %v", err)
				}
				return process, left
			}
			if process, left := asked(); process != "" || left != 0 {
				s.Fatalf("a thread that nobody claimed is held by %q for %v", process, left)
			}
			l := s.claim()
			if process, left := asked(); process == "" || process == l.Token || left <= 0 || left > s.Lease {
				s.Fatalf("held by %q for %v, want a process for at most %v", process, left, s.Lease)
			}
			s.release(l)
			if process, left := asked(); process != "" || left != 0 {
				s.Fatalf("released, and held by %q for %v", process, left)
			}
		}},
		{"lease/of one thread leaves the others free", func(s *suite) {
			s.claim()
			if _, err := s.Store.Claim(s.Context(), "thread-2"); err != nil {
				s.Fatalf("claim of another thread: %v", err)
			}
		}},
		{"lease/tokens are new for every claim", func(s *suite) {
			l := s.claim()
			s.release(l)
			if again := s.claim(); again.Token == l.Token {
				s.Fatal("the token came again")
			}
		}},
		{"lease/released is free", func(s *suite) {
			s.release(s.claim())
			s.claim()
		}},
		{"lease/released twice leaves the next holder alone", func(s *suite) {
			l := s.claim()
			s.release(l)
			s.claim()
			s.release(l)
			if _, err := s.Store.Claim(s.Context(), thread); !errors.Is(err, bot.ErrHeld) {
				s.Fatalf("claim: %v, want ErrHeld", err)
			}
		}},
		{"lease/released begins nothing", func(s *suite) {
			l := s.claim()
			s.release(l)
			s.move(l, s.message("this", bot.StateIntent), 0, bot.ErrLeaseLost)
		}},
		{"lease/of another thread begins nothing", func(s *suite) {
			l := s.claim()
			l.Thread = "thread-2"
			s.move(l, s.message("this", bot.StateIntent), 0, bot.ErrLeaseLost)
		}},
		{"lease/of an unknown generation begins nothing", func(s *suite) {
			l := s.claim()
			l.Generation += "x"
			s.move(l, s.message("this", bot.StateIntent), 0, bot.ErrLeaseLost)
			s.move(l, s.message("this", bot.StateHanding), 0, nil)
		}},
		{"lease/with less left than a send takes begins nothing", func(s *suite) {
			l := s.claim()
			time.Sleep(s.Lease - s.Send)
			s.move(l, s.message("this", bot.StateIntent), 0, bot.ErrLeaseLost)
		}},
		{"lease/ended is lost, and the next one is granted", func(s *suite) {
			l := s.claim()
			time.Sleep(s.Lease + 10*time.Millisecond)
			s.move(l, s.message("this", bot.StateHanding), 0, bot.ErrLeaseLost)
			s.claim()
			s.move(l, s.message("this", bot.StateIntent), 0, bot.ErrLeaseLost)
		}},
		{"lease/begins a message once", func(s *suite) {
			l := s.bring(bot.StateRetry)
			s.move(l, s.message("this", bot.StateIntent), 0, bot.ErrLeaseLost)
			s.release(l)
			s.move(s.claim(), s.message("this", bot.StateIntent), 0, nil)
		}},
		{"lease/of a seen message still begins once", func(s *suite) {
			l := s.bring(bot.StateRetry)
			s.move(bot.Lease{Thread: thread}, s.message("this", bot.StateWaiting), 0, nil)
			s.move(l, s.message("this", bot.StateIntent), 0, bot.ErrLeaseLost)
		}},
		{"repeat/every move by the same lease", func(s *suite) {
			l := s.claim()
			for _, state := range []bot.State{bot.StateWaiting, bot.StateIntent, bot.StateHanding, bot.StateHandoff} {
				for range 3 {
					s.move(l, s.message("this", state), 0, nil)
				}
			}
		}},
		{"repeat/retry and sent", func(s *suite) {
			l := s.bring(bot.StateRetry)
			s.move(l, s.message("this", bot.StateRetry), 0, nil)
			s.release(l)
			s.move(l, s.message("this", bot.StateRetry), 0, nil)
			next := s.claim()
			s.move(next, s.message("this", bot.StateIntent), 0, nil)
			s.move(next, s.message("this", bot.StateSent), 0, nil)
			s.move(next, s.message("this", bot.StateSent), 0, nil)
		}},
		{"repeat/late retry does not take back the next begin", func(s *suite) {
			first := s.bring(bot.StateRetry)
			s.release(first)
			second := s.claim()
			s.move(second, s.message("this", bot.StateIntent), 0, nil)
			s.move(first, s.message("this", bot.StateRetry), 0, bot.ErrRecorded)
			if r := s.record(); r.State != bot.StateIntent || r.Token != second.Token {
				s.Fatalf("record %+v, want the second intent", r)
			}
		}},
		{"repeat/late begin after the end", func(s *suite) {
			l := s.bring(bot.StateSkipped)
			s.move(l, s.message("this", bot.StateIntent), 0, bot.ErrRecorded)
		}},
		{"lease/of a reply ends with it", func(s *suite) {
			l := s.bring(bot.StateSent)
			s.move(l, s.message("new", bot.StateIntent), 0, bot.ErrLeaseLost)
			next := s.claim()
			s.move(l, s.message("this", bot.StateSent), 0, nil) // said again, it takes nobody's
			s.release(l)
			s.move(next, s.message("new", bot.StateIntent), 0, nil)
		}},
		{"late/retry after the lease ended", func(s *suite) {
			l := s.bring(bot.StateIntent)
			s.release(l)
			s.move(l, s.message("this", bot.StateRetry), 0, bot.ErrLeaseLost)
			if got := s.record().State; got != bot.StateIntent {
				s.Fatalf("state %q, want intent", got)
			}
		}},
		{"twins/of one instant have their turn once each", func(s *suite) {
			s.release(s.bring(bot.StateSent))
			l := s.claim()
			s.move(l, s.message("twin", bot.StateIntent), 0, nil)
			s.move(l, s.message("twin", bot.StateSent), 0, nil)
			s.release(l)
			l = s.claim()
			s.move(l, s.message("this", bot.StateIntent), 0, bot.ErrRecorded)
			s.move(l, s.message("twin", bot.StateIntent), 0, bot.ErrRecorded)
			s.move(l, s.message("new", bot.StateIntent), 0, nil)
		}},
		{"nonsense/is refused, not recorded", func(s *suite) {
			l := s.claim()
			for _, next := range []bot.Record{
				{},
				{State: "sending", MessageID: "this"},
				{State: bot.StateIntent},
				{State: bot.StateNone, MessageID: "this"},
			} {
				if err := s.Store.Advance(s.Context(), l, next, 0); err == nil {
					s.Errorf("a move to %+v was made", next)
				}
			}
			if r := s.record(); r.State != bot.StateNone {
				s.Errorf("record %+v", r)
			}
		}},
	}
}

// crashes are the rows of the crash table: what the next worker finds and may do
// when one dies at some point.
func crashes() []test {
	return []test{
		{"crash/after the claim", func(s *suite) {
			s.claim()
			time.Sleep(s.Lease / 2)
			if _, err := s.Store.Claim(s.Context(), thread); !errors.Is(err, bot.ErrHeld) {
				s.Fatalf("claim at half time: %v, want ErrHeld", err)
			}
			time.Sleep(s.Lease/2 + 10*time.Millisecond)
			l := s.claim()
			if l.Record.State != bot.StateNone {
				s.Fatalf("record %+v, want none", l.Record)
			}
			s.move(l, s.message("this", bot.StateIntent), 0, nil)
		}},
		{"crash/after begin: the next worker finds what may have been sent, and sends nothing", func(s *suite) {
			dead := s.bring(bot.StateIntent)
			s.release(dead) // stands for its end
			l := s.claim()
			want := s.message("this", bot.StateIntent)
			if r := l.Record; r.State != bot.StateIntent || r.Token != dead.Token || r.Text != want.Text ||
				r.Base != want.Base || !r.LookedAt.Equal(want.LookedAt) || r.At.IsZero() {
				s.Fatalf("record %+v, want %+v", r, want)
			}
			s.move(l, s.message("this", bot.StateIntent), 0, bot.ErrRecorded)
			s.move(l, s.message("new", bot.StateIntent), 0, bot.ErrRecorded)
			s.move(l, s.message("this", bot.StateHanding), 0, nil)
			s.move(l, s.message("this", bot.StateHandoff), 0, nil)
		}},
		{"crash/after the send: the next worker finds it in the thread", func(s *suite) {
			s.release(s.bring(bot.StateIntent))
			s.move(s.claim(), s.message("this", bot.StateSent), 0, nil)
			if r := s.record(); r.SentID != "our-this" || r.Own["our-this"].IsZero() || r.Text != "" {
				s.Fatalf("record %+v", r)
			}
		}},
		{"crash/slow worker learns that it sent after a person was asked", func(s *suite) {
			slow := s.bring(bot.StateIntent)
			s.release(slow)
			l := s.claim()
			s.move(l, s.message("this", bot.StateHanding), 0, nil)
			s.move(slow, s.message("this", bot.StateSent), 0, nil)
			s.move(l, s.message("this", bot.StateHandoff), 0, bot.ErrRecorded)
		}},
		{"crash/slow worker learns that it sent after a person has it", func(s *suite) {
			slow := s.bring(bot.StateIntent)
			s.release(slow)
			l := s.claim()
			s.move(l, s.message("this", bot.StateHanding), 0, nil)
			s.move(l, s.message("this", bot.StateHandoff), 0, nil)
			s.move(slow, s.message("this", bot.StateSent), 0, bot.ErrRecorded)
			if r := s.record(); r.State != bot.StateHandoff || r.Own["our-this"].IsZero() {
				s.Fatalf("record %+v, want handoff that knows our message", r)
			}
		}},
		{"crash/before the tag: the next worker tags again", func(s *suite) {
			s.release(s.bring(bot.StateHanding))
			l := s.claim()
			if r := l.Record; r.State != bot.StateHanding || r.Tag != "needs-human" || r.Assign != "robin@example.com" || r.Text != "" {
				s.Fatalf("record %+v", r)
			}
			s.move(l, s.message("this", bot.StateHandoff), 0, nil)
			if r := s.record(); r.Tag != "" || r.Assign != "" {
				s.Fatalf("record %+v still holds the tag", r)
			}
		}},
		{"crash/before the release: a terminal record and a claim that ends", func(s *suite) {
			s.bring(bot.StateSkipped)
			if _, err := s.Store.Claim(s.Context(), thread); !errors.Is(err, bot.ErrHeld) {
				s.Fatalf("claim: %v, want ErrHeld", err)
			}
			time.Sleep(s.Lease + 10*time.Millisecond)
			if l := s.claim(); !l.Record.Done("this", s.now) {
				s.Fatalf("record %+v, want done", l.Record)
			}
		}},
		{"crash/of the store: leases are void, nothing begins, people can be asked", func(s *suite) {
			if s.Wipe == nil {
				s.Skip("this store cannot be wiped")
			}
			before := s.claim()
			s.Wipe()
			s.move(before, s.message("this", bot.StateIntent), 0, bot.ErrLeaseLost)
			l := s.claim()
			if l.Quarantine <= 0 || l.Quarantine > s.Quarantine {
				s.Fatalf("quarantine %s, want up to %s", l.Quarantine, s.Quarantine)
			}
			if strings.HasPrefix(l.Generation, before.Generation) {
				s.Fatalf("the generation %q outlived the store", l.Generation)
			}
			s.move(l, s.message("this", bot.StateIntent), 0, bot.ErrQuarantine)
			s.move(l, s.message("this", bot.StateWaiting), 0, nil)
			s.move(l, s.message("this", bot.StateHanding), 0, nil)
		}},
		{"crash/of the store: the quarantine ends for leases granted after it", func(s *suite) {
			if s.Wipe == nil {
				s.Skip("this store cannot be wiped")
			}
			s.Wipe()
			l := s.claim()
			time.Sleep(l.Quarantine - s.Lease/2)
			s.release(l)
			early := s.claim()
			time.Sleep(s.Lease/2 + 10*time.Millisecond)
			s.move(early, s.message("this", bot.StateIntent), 0, bot.ErrLeaseLost)
			s.release(early)
			l = s.claim()
			if l.Quarantine != 0 {
				s.Fatalf("quarantine %s, want none", l.Quarantine)
			}
			s.move(l, s.message("this", bot.StateIntent), 0, nil)
		}},
		{"crash/of the store: it tells that it forgot, and since when", func(s *suite) {
			memory, ok := s.Store.(bot.Memory)
			if s.Wipe == nil || !ok {
				s.Skip("this store cannot be wiped, or asked")
			}
			if loss, ever, err := memory.Forgot(s.Context()); ever || err != nil {
				s.Fatalf("a new store forgot: %+v, %v", loss, err)
			}
			s.Wipe()
			loss, ever, err := memory.Forgot(s.Context())
			if !ever || loss.Ago > s.Quarantine/2 || loss.Quarantine < s.Quarantine/2 || err != nil {
				s.Fatalf("forgot: %v, %+v, %v; want just now", ever, loss, err)
			}
			l := s.claim()
			time.Sleep(s.Quarantine + 10*time.Millisecond)
			loss, ever, err = memory.Forgot(s.Context())
			if !ever || loss.Ago < s.Quarantine || loss.Quarantine != 0 || err != nil {
				s.Fatalf("forgot: %v, %+v, %v; want %s ago at least", ever, loss, err, s.Quarantine)
			}
			s.release(l)
			if l := s.claim(); l.Quarantine != 0 {
				s.Fatalf("being asked began another quarantine: %s", l.Quarantine)
			}
		}},
		{"crash/of the store: what was sent is taken as a fact", func(s *suite) {
			if s.Wipe == nil {
				s.Skip("this store cannot be wiped")
			}
			l := s.bring(bot.StateIntent)
			s.Wipe()
			s.move(l, s.message("this", bot.StateSent), 0, nil)
			if r := s.record(); !r.Done("this", s.now) {
				s.Fatalf("record %+v, want done", r)
			}
		}},
	}
}

// kept are the tests of what a store remembers, and of what is due.
func kept() []test {
	return []test{
		{"kept/nothing of a thread never seen", func(s *suite) {
			r := s.record()
			if r.Thread != thread || r.State != bot.StateNone || r.MessageID != "" || !r.MessageAt.IsZero() || r.Own != nil {
				s.Fatalf("record %+v", r)
			}
		}},
		{"kept/when a message was last seen fit to be judged", func(s *suite) {
			first := s.message("this", bot.StateWaiting)
			first.SeenAt = s.now.Add(time.Second)
			s.move(bot.Lease{Thread: thread}, first, 0, nil)
			later := s.message("this", bot.StateWaiting)
			later.SeenAt, later.Reason = s.now.Add(time.Hour), "still closed"
			s.move(bot.Lease{Thread: thread}, later, 0, nil)
			if r := s.record(); !r.SeenAt.Equal(later.SeenAt) || r.Reason != "still closed" {
				s.Fatalf("record %+v", r)
			}
			s.move(s.claim(), s.message("this", bot.StateIntent), 0, nil)
			if r := s.record(); !r.SeenAt.Equal(later.SeenAt) {
				s.Fatalf("record %+v after begin", r)
			}
			newer := s.message("new", bot.StateWaiting)
			newer.SeenAt = s.now.Add(2 * time.Hour)
			s.move(bot.Lease{Thread: thread}, s.message("this", bot.StateSent), 0, nil)
			s.move(bot.Lease{Thread: thread}, newer, 0, nil)
			if r := s.record(); !r.SeenAt.Equal(newer.SeenAt) {
				s.Fatalf("record %+v of the newer message", r)
			}
		}},
		{"kept/why, unless a later move says otherwise", func(s *suite) {
			next := s.message("this", bot.StateIntent)
			next.Generation = "f00d"
			l := s.claim()
			s.move(l, next, 0, nil)
			s.move(l, bot.Record{State: bot.StateSent, MessageID: "this", MessageAt: s.now, SentSum: "sum"}, 0, nil)
			s.move(l, s.message("this", bot.StateSent), 0, nil)
			if r := s.record(); r.SentSum != "sum" || r.Guard != "pricing" || r.Reason != "asked for it" || r.Generation != "f00d" {
				s.Fatalf("record %+v", r)
			}
			s.move(l, s.message("new", bot.StateWaiting), 0, nil)
			if got := s.record().SentSum; got != "sum" {
				s.Fatalf("sum %q after a newer message", got)
			}
		}},
		{"kept/tags seen, through ends and newer messages", func(s *suite) {
			s.sees(s.message("this", bot.StateWaiting), []string{"VIP", "naïve {{x}}\r\n", "st"}, "VIP", "naïve {{x}}\r\n", "st")
			s.sees(s.message("this", bot.StateAnswered), []string{"needs-human", "VIP"}, "naïve {{x}}\r\n", "st", "needs-human", "VIP")
			s.sees(s.message("new", bot.StateWaiting), nil, "naïve {{x}}\r\n", "st", "needs-human", "VIP")
			s.sees(s.message("new", bot.StateWaiting), []string{"", "st", "st"}, "naïve {{x}}\r\n", "needs-human", "VIP", "st")
		}},
		{"kept/the 20 tags seen last", func(s *suite) {
			var many []string
			for i := range 30 {
				many = append(many, fmt.Sprintf("tag-%02d", i))
			}
			s.sees(s.message("this", bot.StateWaiting), many, many[10:]...)
			s.sees(s.message("this", bot.StateWaiting), []string{"one more"}, append(many[11:], "one more")...)
			s.sees(s.message("this", bot.StateWaiting), []string{"tag-11"}, append(many[12:], "one more", "tag-11")...)
		}},
		{"kept/what a handoff was for, and when", func(s *suite) {
			l := s.claim()
			next := s.message("this", bot.StateHanding)
			next.Cause, next.Say, next.HandedAt, next.HandedTag = bot.CauseAsked, "goodbye", s.now.Add(time.Second), "needs-human"
			s.move(l, next, 0, nil)
			if r := s.record(); r.Cause != bot.CauseAsked || r.Say != "goodbye" || !r.HandedAt.Equal(next.HandedAt) || r.HandedTag != "needs-human" {
				s.Fatalf("record %+v", r)
			}
			s.move(l, s.message("this", bot.StateHandoff), 0, nil)
			if r := s.record(); r.Cause != bot.CauseAsked || r.Say != "" || !r.HandedAt.Equal(next.HandedAt) || r.HandedTag != "needs-human" {
				s.Fatalf("record %+v once handed over", r)
			}
			newer := s.message("new", bot.StateIntent)
			newer.Say = "sorry"
			s.move(l, newer, 0, nil)
			if r := s.record(); r.Cause != "" || r.Say != "sorry" || !r.HandedAt.Equal(next.HandedAt) || r.HandedTag != "needs-human" {
				s.Fatalf("record %+v of the newer message", r)
			}
			newer = s.message("new", bot.StateHanding)
			newer.Cause, newer.HandedAt, newer.HandedTag = bot.CauseLoop, s.now.Add(time.Hour), "loop"
			s.move(l, newer, 0, nil)
			if r := s.record(); r.Cause != bot.CauseLoop || r.Say != "" || !r.HandedAt.Equal(newer.HandedAt) || r.HandedTag != "loop" {
				s.Fatalf("record %+v handed over again", r)
			}
		}},
		{"kept/up to which message people held the thread", func(s *suite) {
			hold := func(at time.Time) {
				s.Helper()
				if err := s.Store.Hold(s.Context(), map[string]time.Time{thread: at, "thread-unknown": at}); err != nil {
					s.Fatal(err)
				}
			}
			is := func(want time.Time) {
				s.Helper()
				records, err := s.Store.Records(s.Context(), []string{thread, "thread-unknown"})
				if got := records[thread].HeldAt; err != nil || !got.Equal(want) {
					s.Fatalf("held until %v, want %v (%v)", got, want, err)
				}
				if r := records["thread-unknown"]; !r.HeldAt.IsZero() || r.State != bot.StateNone {
					s.Fatalf("a thread never seen: %+v", r)
				}
			}
			hold(s.now)
			is(time.Time{}) // nothing is known of it
			l := s.claim()
			s.move(l, s.message("this", bot.StateHanding), 0, nil)
			s.move(l, s.message("this", bot.StateHandoff), 0, nil)
			hold(s.now)
			is(s.now)
			hold(s.now.Add(-time.Minute))
			is(s.now)
			s.move(l, s.message("new", bot.StateWaiting), time.Minute, nil)
			is(s.now)
			hold(s.now.Add(time.Minute))
			is(s.now.Add(time.Minute))
			if r := s.record(); r.State != bot.StateWaiting || r.MessageID != s.message("new", bot.StateWaiting).MessageID {
				s.Fatalf("it moved: %+v", r)
			}
		}},
		{"kept/any text as it is", func(s *suite) {
			next := s.message("this", bot.StateIntent)
			next.Text = "naïve {{.Secret}}\r\n\x00\xff 'redis.call' \U0001F600 " + strings.Repeat("x", 100_000)
			s.move(s.claim(), next, 0, nil)
			if r := s.record(); r.Text != next.Text {
				s.Fatalf("text of %d bytes came back with %d", len(next.Text), len(r.Text))
			}
		}},
		{"kept/our own messages, newest 64 of 48 hours", func(s *suite) {
			l := s.claim()
			next := s.message("this", bot.StateSent)
			next.Own = map[string]time.Time{"ancient": time.Now().Add(-49 * time.Hour)}
			for i := range 70 {
				next.Own[fmt.Sprintf("own-%02d", i)] = time.Now().Add(-time.Duration(70-i) * time.Minute).UTC().Truncate(time.Millisecond)
			}
			s.move(l, next, 0, nil)
			r := s.record()
			if len(r.Own) != 64 || r.Own["our-this"].IsZero() || !r.Own["ancient"].IsZero() || !r.Own["own-06"].IsZero() {
				s.Fatalf("%d own messages: %v", len(r.Own), slices.Sorted(maps.Keys(r.Own)))
			}
			if !r.Own["own-69"].Equal(next.Own["own-69"]) {
				s.Errorf("own-69 at %v, want %v", r.Own["own-69"], next.Own["own-69"])
			}
			s.move(l, s.message("new", bot.StateWaiting), 0, nil)
			if got := s.record().Own; len(got) != 64 {
				s.Errorf("%d own messages after a newer inbound one", len(got))
			}
		}},
		{"kept/our own message, even when the news of it comes late", func(s *suite) {
			slow := s.bring(bot.StateIntent)
			s.move(slow, s.message("this", bot.StateAnswered), 0, nil)
			s.move(slow, s.message("new", bot.StateWaiting), 0, nil)
			s.move(slow, s.message("this", bot.StateSent), 0, bot.ErrRecorded)
			if r := s.record(); r.MessageID != "new" || r.Own["our-this"].IsZero() {
				s.Fatalf("record %+v", r)
			}
		}},
		{"kept/many threads in one call", func(s *suite) {
			var ids []string
			for i := range 1500 {
				ids = append(ids, fmt.Sprintf("many-%d", i))
			}
			s.move(bot.Lease{Thread: ids[7]}, s.message("this", bot.StateSent), 0, nil)
			s.move(bot.Lease{Thread: ids[1207]}, s.message("this", bot.StateWaiting), 0, nil)
			records, err := s.Store.Records(s.Context(), ids)
			if err != nil {
				s.Fatal(err)
			}
			if len(records) != len(ids) || records[ids[7]].State != bot.StateSent ||
				records[ids[1207]].State != bot.StateWaiting || records[ids[8]].State != bot.StateNone {
				s.Fatalf("%d records", len(records))
			}
		}},
		{"kept/many notes in one call, those that are refused apart", func(s *suite) {
			sent := bot.Lease{Thread: "sent"}
			s.move(sent, s.message("this", bot.StateSent), 0, nil)
			var notes []bot.Note
			for i := range 250 {
				id := fmt.Sprintf("many-%d", i)
				if i == 120 {
					id = sent.Thread
				}
				note := bot.Note{Record: s.message("this", bot.StateWaiting), Again: time.Millisecond}
				note.Record.Thread, note.Record.Seen = id, []string{id}
				notes = append(notes, note)
			}
			notes[7].Record.MessageID = ""
			for range 2 { // the second time as when the answer to the first got lost
				if err := s.Store.Note(s.Context(), notes); !errors.Is(err, bot.ErrRecorded) || len(err.(interface{ Unwrap() []error }).Unwrap()) != 2 {
					s.Fatalf("noted: %v", err)
				}
				time.Sleep(2 * time.Millisecond)
				due, err := s.Store.Due(s.Context(), 1000)
				if err != nil || len(due) != 248 {
					s.Fatalf("%d due, %v", len(due), err)
				}
				records, err := s.Store.Records(s.Context(), []string{"many-7", "many-8", "many-249", "sent"})
				if err != nil || records["many-7"].State != bot.StateNone || records["sent"].State != bot.StateSent {
					s.Fatalf("records %v, %v", records, err)
				}
				for _, id := range []string{"many-8", "many-249"} {
					if r := records[id]; r.State != bot.StateWaiting || r.Guard != "pricing" || !slices.Equal(r.Seen, []string{id}) {
						s.Fatalf("record %+v", r)
					}
				}
			}
			if err := s.Store.Note(s.Context(), nil); err != nil {
				s.Fatalf("nothing noted: %v", err)
			}
		}},
		{"due/in time and in order", func(s *suite) {
			for i, id := range []string{"late", "early", "middle"} {
				again := []time.Duration{s.Lease, time.Millisecond, s.Lease / 2}[i]
				s.move(bot.Lease{Thread: id}, s.message("this", bot.StateWaiting), again, nil)
			}
			time.Sleep(2 * time.Millisecond)
			s.wantDue("early")
			time.Sleep(s.Lease/2 + 10*time.Millisecond)
			s.wantDue("early", "middle")
			if err := s.Store.Postpone(s.Context(), "early", s.Lease); err != nil {
				s.Fatal(err)
			}
			s.wantDue("middle")
			time.Sleep(s.Lease/2 + 10*time.Millisecond)
			s.wantDue("middle", "late")
		}},
		{"due/a limit takes the longest due", func(s *suite) {
			for i := range 5 {
				s.move(bot.Lease{Thread: fmt.Sprint(i)}, s.message("this", bot.StateWaiting), time.Millisecond, nil)
				time.Sleep(2 * time.Millisecond)
			}
			due, err := s.Store.Due(s.Context(), 2)
			if err != nil || !slices.Equal(due, []string{"0", "1"}) {
				s.Fatalf("due %v, %v", due, err)
			}
			if none, err := s.Store.Due(s.Context(), 0); err != nil || len(none) != 0 {
				s.Fatalf("limit 0: %v, %v", none, err)
			}
		}},
		{"due/postponing opens nothing", func(s *suite) {
			if err := s.Store.Postpone(s.Context(), thread, 0); err != nil {
				s.Fatal(err)
			}
			s.bring(bot.StateSent)
			if err := s.Store.Postpone(s.Context(), thread, 0); err != nil {
				s.Fatal(err)
			}
			s.wantDue()
		}},
		{"due/a follow-up of a terminal record, until it is closed", func(s *suite) {
			l := s.claim()
			s.move(l, s.message("this", bot.StateSkipped), s.Lease/2, nil)
			s.wantDue()
			time.Sleep(s.Lease/2 + 10*time.Millisecond)
			s.wantDue(thread)
			s.move(l, s.message("this", bot.StateSkipped), 0, nil)
			s.wantDue()
		}},
		{"due/what is left alone is closed", func(s *suite) {
			seen := bot.Lease{Thread: thread}
			s.move(seen, s.message("this", bot.StateWaiting), time.Millisecond, nil)
			time.Sleep(2 * time.Millisecond)
			s.wantDue(thread)
			s.move(seen, s.message("this", bot.StateWaiting), 0, nil)
			s.wantDue()
			s.release(s.bring(bot.StateRetry)) // a new retry stays open, whatever again says
			s.wantDue(thread)
			s.move(seen, s.message("this", bot.StateRetry), 0, nil)
			s.wantDue()
		}},
		{"due/a promise stays open, whatever again says", func(s *suite) {
			l := s.bring(bot.StateIntent)
			s.wantDue(thread)
			s.move(l, s.message("this", bot.StateHanding), 0, nil)
			s.wantDue(thread)
		}},
		{"due/a message that came while we sent stays", func(s *suite) {
			l := s.bring(bot.StateIntent)
			s.move(bot.Lease{Thread: thread}, s.message("new", bot.StateWaiting), 0, bot.ErrRecorded)
			s.move(l, s.message("this", bot.StateSent), 0, nil)
			s.wantDue(thread)
			s.move(l, s.message("this", bot.StateSent), 0, nil) // a repeat closes nothing
			s.wantDue(thread)
			s.release(l)
			s.move(s.claim(), s.message("this", bot.StateSent), 0, nil) // but somebody who looked may
			s.wantDue()
		}},
		{"due/a message that came while we handed over stays", func(s *suite) {
			l := s.bring(bot.StateIntent)
			s.move(bot.Lease{Thread: thread}, s.message("new", bot.StateWaiting), 0, bot.ErrRecorded)
			s.move(l, s.message("this", bot.StateHanding), 0, nil)
			s.move(l, s.message("this", bot.StateHandoff), 0, nil)
			s.wantDue(thread)
		}},
		{"ctx/ended is an error and does nothing", func(s *suite) {
			ctx, cancel := context.WithCancel(s.Context())
			cancel()
			if _, err := s.Store.Claim(ctx, thread); err == nil || errors.Is(err, bot.ErrHeld) {
				s.Fatalf("claim: %v", err)
			}
			s.claim()
		}},
	}
}

// sees makes a move that tells of the prospect's tags; want is what the record
// names then.
func (s *suite) sees(next bot.Record, tags []string, want ...string) {
	s.Helper()
	next.Seen = tags
	l := s.claim()
	s.move(l, next, 0, nil)
	s.release(l)
	if got := s.record().Seen; !slices.Equal(got, want) {
		s.Fatalf("seen %q, want %q", got, want)
	}
}

func (s *suite) wantDue(want ...string) {
	s.Helper()
	due, err := s.Store.Due(s.Context(), 100)
	if err != nil {
		s.Fatalf("due: %v", err)
	}
	if !slices.Equal(due, want) {
		s.Fatalf("due %v, want %v", due, want)
	}
}
