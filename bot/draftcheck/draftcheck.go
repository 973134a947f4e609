// Package draftcheck looks for what must not be sent in a text that a machine
// wrote: without a model, the same every time, and naming the words it minds.
//
// [Run] makes all checks. Each family has a file: leftovers.go, leak.go, dictated.go
// (words that the prospect put into our mouth; disguise.go reads them in base64 and
// the like, madetoorder.go knows texts that they told us how to make), links.go, numbers.go and dates.go (what a text claims; claims.go looks it up in what the
// model was given, legible.go reads the digits of other scripts), repeat.go, language.go and promise.go. Words of languages are
// tables beside the check that reads them; wording is matched by pattern.go. A
// check that is wrong belongs into testdata/corpus.yaml as a row first.
package draftcheck

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf16"
)

// Mode says what follows from a finding of a check.
type Mode string

// The modes. A check that no rule file names is On.
const (
	On  Mode = "on"  // a person gets the thread
	Log Mode = "log" // it is told of, and the text is sent
	Off Mode = "off" // it is not made
)

// Names are the checks in the order they are made. Rule files switch them by
// these names.
var Names = []string{
	"length",       // longer than X or the operator allows, in UTF-16 units
	"leftovers",    // of templates, JSON, tool calls, thinking
	"prompt-leak",  // the canary, or a run of words of the system text
	"dictated",     // what the prospect told us to say
	"links",        // and e-mail addresses, phone numbers, prices, percentages and
	"emails",       // dates that stand nowhere in what the model was given
	"phones",       //
	"prices",       //
	"percentages",  //
	"dates",        // times of day too
	"repeat",       // nearly what we said last
	"same-to-many", // what many others were told
	"language",     // not the prospect's
	"promise",      // to get back, which nobody will keep
}

// Input is a text to be sent and what it is judged against. All of it is data.
type Input struct {
	Text string
	// Handoff says that a person takes over after this message: it may promise so.
	Handoff bool
	// Max is the longest the text may be, in UTF-16 units; 0: X's 10,000.
	Max int
	// Given is what the model was given besides the conversation: system text,
	// facts, the prospect's profile. Instructions, Facts and Profile need not stand here
	// again.
	Given []string
	// Profile is what the prospect wrote about themselves, and what else may quote
	// them: known, unless it tells us what to say.
	Profile []string
	// Private is what only the team may read, such as its notes about the prospect.
	Private []string
	// Facts are the parts of the system text that are there to be repeated, such as
	// the files it includes. Without them, a text that
	// repeats a fact worded like an order ("never say ...") is held.
	Facts []string
	// Instructions is the system text, which must not be repeated; Canary is a
	// mark in it that stands nowhere else. Both count for nothing when empty.
	Instructions, Canary string
	// Inbound and Outbound are the texts of the conversation, oldest first.
	Inbound, Outbound []string
	// Language is the prospect's language as the model names it (BCP 47), "" when
	// it did not.
	Language string
	// SameTo is how many other prospects were sent the same text of late.
	SameTo int
	// Now is when the text is sent. Its day, the one before and the one after may
	// be named.
	Now time.Time
}

// Finding is one thing that a check minds.
type Finding struct {
	Check  string // its name
	Span   string // the words it minds, as they stand in the text; long ones are cut
	Detail string // what is wrong with them, one line
}

// maxFindings bounds what one check finds: a person needs a few examples.
const maxFindings = 5

// Run makes every check that modes do not switch off and returns what they find,
// at most a few of each, in the order of Names. Modes other than On, Log and Off
// count as On. The time it takes grows with the texts in a straight line.
func Run(in Input, modes map[string]Mode) []Finding {
	d := newDraft(in)
	var found []Finding
	for _, c := range checks {
		if modes[c.name] == Off {
			continue
		}
		own := 0
		for _, f := range c.run(d) {
			f.Check = c.name
			if own == maxFindings || told(found, f) {
				continue
			}
			own++
			found = append(found, f)
		}
	}
	return found
}

// told reports whether the check has minded the words of f already.
func told(found []Finding, f Finding) bool {
	return slices.ContainsFunc(found, func(o Finding) bool { return o.Check == f.Check && strings.Contains(o.Span, f.Span) })
}

// checks has an entry for each of Names, in their order.
var checks = []struct {
	name string
	run  func(*draft) []Finding
}{
	{"length", tooLong},
	{"leftovers", leftovers},
	{"prompt-leak", promptLeak},
	{"dictated", dictated},
	{"links", unknownLinks},
	{"emails", unknownEmails},
	{"phones", unknownPhones},
	{"prices", unknownPrices},
	{"percentages", unknownPercentages},
	{"dates", unknownDates},
	{"repeat", repeats},
	{"same-to-many", sameToMany},
	{"language", wrongLanguage},
	{"promise", promises},
}

// draft is a text to be judged, with what its checks share.
type draft struct {
	Input
	words []word

	claims *claims         // of Text, as written on purpose
	given  func() *sources // what Text may repeat; read when there is something to look up
	theirs func() *theirs  // what the prospect told us to say
	orders func() []word   // of Instructions
}

func newDraft(in Input) *draft {
	d := &draft{Input: in, words: wordsOf(in.Text)}
	d.claims = read(in.Text, strict)
	d.given = sync.OnceValue(d.readGiven)
	d.theirs = sync.OnceValue(d.readTheirs)
	d.orders = sync.OnceValue(func() []word { return wordsOf(in.Instructions) })
	return d
}

// xMax is the most that X takes, in UTF-16 units.
const xMax = 10_000

func tooLong(d *draft) []Finding {
	most := d.Max
	if most <= 0 || most > xMax {
		most = xMax
	}
	units, cut := 0, -1
	for i, r := range d.Text {
		if units += max(1, utf16.RuneLen(r)); units > most && cut < 0 {
			cut = i
		}
	}
	if cut < 0 {
		return nil
	}
	return []Finding{{
		Span:   shorten(d.Text[cut:]),
		Detail: fmt.Sprintf("%d UTF-16 units long, %d are allowed", units, most),
	}}
}
