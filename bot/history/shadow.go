package history

import (
	"cmp"
	"slices"

	"inboxbot/bot"
)

// Shadow is how a draft that nobody saw compares with what a person answered to
// the same messages.
type Shadow struct {
	Guard     string  `json:"guard"`            // that had the bot reply
	SameFacts bool    `json:"sameFacts"`        // both hold the same numbers, prices, dates, links and addresses
	Added     int     `json:"added,omitempty"`  // facts that only the person's answer has
	Left      int     `json:"left,omitempty"`   // facts that only the draft has
	Likeness  float64 `json:"likeness"`         // share of words that both have, 0 to 1
	Length    int     `json:"length,omitempty"` // of the person's answer in percent of the draft's
	// Unanswered is another outcome: the bot would have answered, and nobody did. All
	// else is zero then.
	Unanswered bool `json:"unanswered,omitempty"`
}

// Compared are the words of a Shadow.
type Compared struct {
	Draft  string   `json:"draft,omitempty"`
	Answer string   `json:"answer,omitempty"`
	Added  []string `json:"added,omitempty"`
	Left   []string `json:"left,omitempty"`
}

// mostFacts is how many facts of each side are kept of one comparison.
const mostFacts = 50

// shadowOf is c in the log, its texts bounded by words.
func shadowOf(c *bot.Comparison, words *room) (*Shadow, *Compared) {
	if c == nil {
		return nil, nil
	}
	if c.Answer == "" {
		return &Shadow{Guard: clip(c.Guard), Unanswered: true}, &Compared{Draft: words.cut(c.Draft)}
	}
	s := &Shadow{Guard: clip(c.Guard), SameFacts: c.SameFacts(), Added: len(c.Added), Left: len(c.Left), Likeness: finite(c.Likeness)}
	if n := len([]rune(c.Draft)); n > 0 {
		s.Length = len([]rune(c.Answer)) * 100 / n
	}
	d := &Compared{Draft: words.cut(c.Draft), Answer: words.cut(c.Answer)}
	for _, f := range c.Added[:min(mostFacts, len(c.Added))] {
		d.Added = append(d.Added, clip(f))
	}
	for _, f := range c.Left[:min(mostFacts, len(c.Left))] {
		d.Left = append(d.Left, clip(f))
	}
	return s, d
}

// Agreement is how often the drafts of one guard would have said what people did.
type Agreement struct {
	Guard      string
	Compared   int // with an answer
	Unanswered int // the drafts beside these, to which nobody answered anything
	SameFacts  int
	Likeness   float64 // the median
	Length     int     // the median, of the answers in percent of the drafts
	Worst      []Entry // those furthest apart, the furthest first
}

// Same is the share of the compared that hold the same facts, 0 to 1.
func (a Agreement) Same() float64 { return float64(a.SameFacts) / float64(max(1, a.Compared)) }

// WorstShown is how many of the comparisons furthest apart an Agreement names.
const WorstShown = 5

// Agree groups comparisons by guard, the guard with most of them first. Entries
// that compare nothing are passed over.
func Agree(entries []*Entry) []Agreement {
	groups := map[string][]*Entry{}
	for _, e := range entries {
		if e.Shadow != nil {
			groups[e.Shadow.Guard] = append(groups[e.Shadow.Guard], e)
		}
	}
	var out []Agreement
	for guard, all := range groups {
		out = append(out, agreementOf(guard, all))
	}
	slices.SortFunc(out, func(a, b Agreement) int {
		return cmp.Or(cmp.Compare(b.Compared, a.Compared), cmp.Compare(a.Guard, b.Guard))
	})
	return out
}

func agreementOf(guard string, drafts []*Entry) Agreement {
	all := slices.DeleteFunc(slices.Clone(drafts), func(e *Entry) bool { return e.Shadow.Unanswered })
	a := Agreement{Guard: guard, Compared: len(all), Unanswered: len(drafts) - len(all)}
	if a.Compared == 0 {
		return a
	}
	likeness, length := make([]float64, len(all)), make([]int, len(all))
	for i, e := range all {
		likeness[i], length[i] = e.Shadow.Likeness, e.Shadow.Length
		if e.Shadow.SameFacts {
			a.SameFacts++
		}
	}
	a.Likeness, a.Length = median(likeness), median(length)
	slices.SortStableFunc(all, further)
	for _, e := range all[:min(WorstShown, len(all))] {
		if !e.Shadow.SameFacts || e.Shadow.Likeness < 1 {
			a.Worst = append(a.Worst, *e)
		}
	}
	return a
}

// further puts what is further apart first: other facts before other words.
func further(a, b *Entry) int {
	if a.Shadow.SameFacts != b.Shadow.SameFacts {
		if b.Shadow.SameFacts {
			return -1
		}
		return 1
	}
	return cmp.Or(cmp.Compare(b.Shadow.Added+b.Shadow.Left, a.Shadow.Added+a.Shadow.Left), cmp.Compare(a.Shadow.Likeness, b.Shadow.Likeness))
}

// median is the middle of all, which are put in order; the lower one of two.
func median[T cmp.Ordered](all []T) T {
	slices.Sort(all)
	return all[(len(all)-1)/2]
}

// Shadow is how drafts and answers agreed that f asks for, newest or not; its
// Before and Limit are not looked at.
func (v *View) Shadow(f Filter) []Agreement {
	m := f.matcher()
	var found []*Entry
	for _, c := range v.snapshot() {
		for i := range c {
			if e := &c[i]; e.Shadow != nil && m.match(e) {
				found = append(found, e)
			}
		}
	}
	return Agree(found)
}
