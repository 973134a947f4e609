package history

import (
	"cmp"
	"slices"
	"time"

	"inboxbot/bot"
)

// Waiting is how many people wait because one guard says so.
type Waiting struct {
	Guard  string
	N      int
	Drafts int       // of them, those whose draft waits for a person's approval
	Reason string    // why the newest of the others waits; data from outside
	Oldest time.Time // when the first of them was told to
}

// Waiting counts the threads about which the newest decision since then is to
// wait, by the guard that said so, most of them first.
func (v *View) Waiting(since time.Time) []Waiting {
	seen := map[string]bool{}
	by := map[string]*Waiting{}
	for _, c := range slices.Backward(v.snapshot()) {
		for i := len(c) - 1; i >= 0; i-- {
			e := &c[i]
			if e.At.Before(since) || seen[e.Thread] {
				continue
			}
			seen[e.Thread] = true
			if e.Outcome != bot.Wait {
				continue
			}
			w := by[e.Guard]
			if w == nil {
				w = &Waiting{Guard: e.Guard}
				by[e.Guard] = w
			}
			w.N++
			if e.Reply != "" {
				w.Drafts++
			} else if w.N-w.Drafts == 1 {
				w.Reason = e.Reason
			}
			w.Oldest = e.At // older ones come later
		}
	}
	var all []Waiting
	for _, w := range by {
		all = append(all, *w)
	}
	slices.SortFunc(all, func(a, b Waiting) int { return cmp.Or(b.N-a.N, cmp.Compare(a.Guard, b.Guard)) })
	return all
}
