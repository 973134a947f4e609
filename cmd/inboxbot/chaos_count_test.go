package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"inboxbot/inboxapi"
)

// tally is what became of every message, by the simulated API's own records.
type tally struct {
	inbound int
	sent    int // messages of ours, sent through the API
	skipped int // left alone because the model said so

	twice []finding // more than one message of ours names this one
	// lost: no answer, nobody on our side wrote after it, not handed over, not
	// skipped.
	lost []finding
	// hidden is lost but for a message of ours standing after it that answers an
	// older one: whoever reads lists alone takes it for answered.
	hidden []finding
	odd    []string // what the harness itself cannot explain
}

// finding is one message with which something is wrong.
type finding struct {
	thread, number string
}

func (f finding) String() string { return f.number + " in " + f.thread }

// spoken is one message of a thread as the harness reads it.
type spoken struct {
	inbound, bot bool
	number       string // of an inbound message, or of the one that a message of the bot answers
	skip         bool   // nothing to answer, as the model or a person of the team says
	at           time.Time
}

func hear(m *inboxapi.Message, th *inboxapi.Thread) spoken {
	s := spoken{number: askedNumber.FindString(m.Content), at: m.CreatedAt}
	s.inbound = m.AuthorID != th.AccountLinkID
	s.skip = s.inbound && strings.Contains(m.Content, nothingToAnswer)
	s.bot = !s.inbound && m.Origin != nil && *m.Origin == inboxapi.OriginAPI
	return s
}

// count goes through every thread.
func (w *chaosWorld) count() tally {
	var t tally
	for _, th := range w.api.Threads() {
		transcript := w.api.Transcript(th.ID)
		all := make([]spoken, len(transcript))
		for i := range transcript {
			all[i] = hear(&transcript[i], &th)
			all[i].skip = all[i].skip || all[i].inbound && w.left(all[i].number)
		}
		t.countThread(th.ID, all, w.isHanded(th.ID))
	}
	stored := 0
	for _, r := range w.api.Log() {
		if r.Operation == "threads.thread.messages.create" && r.Persisted {
			stored++
		}
	}
	if stored != t.sent {
		t.odd = append(t.odd, fmt.Sprintf("the API stored %d messages by its log, %d by its threads", stored, t.sent))
	}
	return t
}

func (t *tally) countThread(thread string, all []spoken, handed bool) {
	place, answers := map[string]int{}, map[string]int{}
	for i, m := range all {
		switch {
		case m.inbound:
			t.inbound++
			place[m.number] = i
		case m.bot:
			t.sent++
			answers[m.number]++
		}
	}
	for number, n := range answers {
		if _, ok := place[number]; !ok {
			t.odd = append(t.odd, fmt.Sprintf("a message answers %q, which nobody asked in %s", number, thread))
		}
		if n > 1 {
			t.twice = append(t.twice, finding{thread, number})
		}
	}
	for i, m := range all {
		if !m.inbound || handed {
			continue
		}
		f := finding{thread, m.number}
		switch behindOurs, covered := cover(all, i, place); {
		case m.skip && !covered:
			t.skipped++
		case covered:
		case behindOurs:
			t.hidden = append(t.hidden, f)
		default:
			t.lost = append(t.lost, f)
		}
	}
}

// cover looks for what took care of the inbound message at i: an answer to it or
// to a newer one, wherever it stands; a person who wrote after it; a newer one
// that needs no answer. Else behindOurs says whether a message of the bot stands
// after it.
func cover(all []spoken, i int, place map[string]int) (behindOurs, covered bool) {
	for j, m := range all {
		switch {
		case m.bot && place[m.number] >= i,
			j > i && !m.inbound && !m.bot,
			j > i && m.skip:
			return false, true
		case j > i && m.bot:
			behindOurs = true
		}
	}
	return behindOurs, all[i].skip && !behindOurs && i == len(all)-1
}

// story is everything known of a thread, in order: its messages, what the API
// was asked about it, what the processes logged about it, and what the harness
// did meanwhile.
func (w *chaosWorld) story(f finding, fleet *chaosFleet, d *diary) string {
	var lines []entry
	var first, last time.Time
	for _, m := range w.api.Transcript(f.thread) {
		if first.IsZero() {
			first = m.CreatedAt
		}
		last = m.CreatedAt
		who := "ours"
		if th, _ := w.api.Thread(f.thread); m.AuthorID != th.AccountLinkID {
			who = "prospect"
		}
		lines = append(lines, entry{m.CreatedAt, "message", fmt.Sprintf("%s %s: %s", m.ID, who, m.Content)})
	}
	for _, r := range w.api.Log() {
		if r.ThreadID == f.thread {
			lines = append(lines, entry{r.At, "api", fmt.Sprintf("%s status=%d fault=%q persisted=%t message=%s", r.Operation, r.Status, r.Fault, r.Persisted, r.MessageID)})
		}
	}
	for _, line := range fleet.logged(f.thread) {
		stamp, rest, _ := strings.Cut(strings.TrimPrefix(line, "time="), " ")
		at, _ := time.Parse(time.RFC3339Nano, stamp)
		lines = append(lines, entry{at, "bot", rest})
	}
	d.mu.Lock()
	for _, e := range d.entries {
		if e.at.After(first.Add(-10*time.Second)) && e.at.Before(last.Add(20*time.Second)) {
			lines = append(lines, e)
		}
	}
	d.mu.Unlock()
	slices.SortStableFunc(lines, func(a, b entry) int { return a.at.Compare(b.at) })
	var b strings.Builder
	fmt.Fprintf(&b, "the story of %s:\n", f)
	for _, e := range lines {
		fmt.Fprintf(&b, "  %s %-8s %s\n", e.at.UTC().Format("15:04:05.000"), e.what, e.text)
	}
	return b.String()
}
