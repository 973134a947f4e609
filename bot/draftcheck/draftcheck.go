// Package draftcheck looks for what must not be sent in a text that a machine
// wrote: without a model, the same every time, and naming the words it minds.
package draftcheck

import "time"

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
	"links",        // and e-mail addresses, phone numbers, prices, percentages and
	"emails",       // dates that stand nowhere in what the model was given
	"phones",       //
	"prices",       //
	"percentages",  //
	"dates",        //
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
	// facts, the prospect's profile.
	Given []string
	// Facts are the parts of the system text that are there to be repeated, such as
	// the files it includes. They count as Given too. Without them, a text that
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
	Now    time.Time
}

// Finding is one thing that a check minds.
type Finding struct {
	Check  string // its name
	Span   string // the words it minds, as they stand in the text
	Detail string // what is wrong with them, one line
}

// Run makes every check that modes do not switch off and returns what they find,
// in the order of Names.
func Run(in Input, modes map[string]Mode) []Finding {
	return nil
}
