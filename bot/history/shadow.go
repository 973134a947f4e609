package history

import (
	"cmp"
	"slices"

	"inboxbot/bot"
)

// Shadow is how what the bot would have done about a message compares with what
// people did: a draft that nobody saw with their answer, if there is one.
type Shadow struct {
	Guard      string     `json:"guard"`                // that decided
	Would      bot.Action `json:"would,omitempty"`      // handoff or skip; reply when it is missing
	Unanswered bool       `json:"unanswered,omitempty"` // nobody answered

	// The rest is about a reply that a person answered instead, zero for all else.
	SameFacts bool    `json:"sameFacts"`        // both hold the same numbers, prices, dates, links and addresses
	Added     int     `json:"added,omitempty"`  // facts that only the person's answer has
	Left      int     `json:"left,omitempty"`   // facts that only the draft has
	Likeness  float64 `json:"likeness"`         // share of words that both have, 0 to 1
	Length    int     `json:"length,omitempty"` // of the person's answer in percent of the draft's
}

// SameOutcome is bot.Comparison's.
func (s *Shadow) SameOutcome() bool { return s.Unanswered == (s.Would == bot.Skip) }

// drafted reports whether there are two texts to compare.
func (s *Shadow) drafted() bool { return s.Would == "" && !s.Unanswered }

// missed reports whether a person answered what the bot would have left alone.
func (s *Shadow) missed() bool { return s.Would == bot.Skip && !s.Unanswered }

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
	s := &Shadow{Guard: clip(c.Guard), Unanswered: c.Answer == ""}
	if c.Would != bot.Reply {
		s.Would = c.Would
	}
	if !s.drafted() {
		return s, &Compared{Draft: words.cut(c.Draft), Answer: words.cut(c.Answer)}
	}
	s.SameFacts, s.Added, s.Left, s.Likeness = c.SameFacts(), len(c.Added), len(c.Left), finite(c.Likeness)
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

// Agreement is how often one guard would have had the bot do and say what people
// did.
type Agreement struct {
	Guard string

	Decided     int     // the messages it decided about, as far as it is known what people did
	SameOutcome int     // see Shadow
	HandedOver  int     // it would have, whatever people did
	Unanswered  int     // it would have answered or handed over, and nobody answered
	Missed      int     // it would have left alone, and a person answered
	Misses      []Entry // the newest of these, the newest first

	Compared  int // drafts with an answer
	SameFacts int
	Likeness  float64 // the median
	Length    int     // the median, of the answers in percent of the drafts
	Worst     []Entry // those furthest apart, the furthest first
}

// Same is the share of the compared that hold the same facts, 0 to 1.
func (a Agreement) Same() float64 { return part(a.SameFacts, a.Compared) }

// Agreed is the share of the decided that has the same outcome, 0 to 1.
func (a Agreement) Agreed() float64 { return part(a.SameOutcome, a.Decided) }

func part(n, of int) float64 { return float64(n) / float64(max(1, of)) }

// CasesShown is how many an Agreement names of those missed, and of the
// comparisons furthest apart.
const CasesShown = 5

// Agree groups comparisons by guard, the guard with the most first. Entries
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
		return cmp.Or(cmp.Compare(b.Decided, a.Decided), cmp.Compare(a.Guard, b.Guard))
	})
	return out
}

func agreementOf(guard string, decided []*Entry) Agreement {
	a := Agreement{Guard: guard, Decided: len(decided)}
	var all, missed []*Entry
	for _, e := range decided {
		s := e.Shadow
		switch {
		case s.SameOutcome():
			a.SameOutcome++
		case s.missed():
			missed = append(missed, e)
		default:
			a.Unanswered++
		}
		if s.Would == bot.Handoff {
			a.HandedOver++
		}
		if s.drafted() {
			all = append(all, e)
		}
	}
	a.Missed, a.Compared = len(missed), len(all)
	slices.SortStableFunc(missed, func(a, b *Entry) int { return b.At.Compare(a.At) })
	for _, e := range missed[:min(CasesShown, len(missed))] {
		a.Misses = append(a.Misses, *e)
	}
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
	for _, e := range all[:min(CasesShown, len(all))] {
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

// Shadow is how the bot and people agreed where f asks for it, newest or not; its
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
