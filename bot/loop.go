package bot

import (
	"fmt"
	"time"
)

// The loop guard knows two machines talking to each other by what people do not
// do. The figures leave room for a quick, repetitive person.
const (
	loopWindow   = 30 * time.Minute // what is looked back at
	loopSame     = 3                // near-same messages, each answered by the bot
	loopQuick    = 3                // answers to the bot in a row that nobody could have typed
	loopPingPong = 12               // exchanges with the bot alone
	// People type 5 characters a second when they are quick; reading what they
	// answer to takes a second at least.
	typingRate   = 15 // characters a second that no person types
	readingPause = time.Second
)

// looping stops two bots that answer each other.
func looping(_ *judge, c *Conversation) (Outcome, bool) {
	o := Outcome{Action: Handoff, Cause: CauseLoop}
	switch rounds := c.exchanges(); {
	case sameWords(rounds) >= loopSame:
		o.Reason = fmt.Sprintf("loop: the prospect has written nearly the same %d times", sameWords(rounds))
	case tooQuick(rounds) >= loopQuick:
		o.Reason = fmt.Sprintf("loop: %d answers in a row came faster than people type", tooQuick(rounds))
	case len(rounds) >= loopPingPong:
		o.Reason = fmt.Sprintf("loop: %d exchanges with the bot alone within %s", len(rounds), Brief(loopWindow))
	default:
		return Outcome{}, false
	}
	return o, true
}

// exchange is the prospect writing right after the bot did.
type exchange struct {
	text  string
	after time.Duration
}

// exchanges returns the newest run of the prospect answering the bot, newest
// first; anybody else of our side ends it.
func (c *Conversation) exchanges() []exchange {
	var rounds []exchange
	since, back := c.givenBack() // what came before was the reason of a handoff that is over
	turns := c.toThem()
	for i := len(turns) - 1; i > 0; i-- {
		t, before := turns[i], turns[i-1]
		if c.Now.Sub(t.At) > loopWindow || back && t.At.Before(since) || t.Side == SideOurs && t.Writer != WriterBot {
			break
		}
		if t.Side == SideProspect && before.Writer == WriterBot {
			rounds = append(rounds, exchange{t.Text, t.At.Sub(before.At)})
		}
	}
	return rounds
}

// sameWords is how many of the exchanges have the newest one's words, or nearly.
func sameWords(rounds []exchange) int {
	if len(rounds) == 0 || folded(rounds[0].text) == "" {
		return 0
	}
	n := 0
	for _, r := range rounds {
		if alike(rounds[0].text, r.text) {
			n++
		}
	}
	return n
}

// tooQuick is how many of the newest exchanges in a row nobody could have typed.
func tooQuick(rounds []exchange) int {
	for i, r := range rounds {
		if r.after >= readingPause+time.Duration(len([]rune(r.text)))*time.Second/typingRate {
			return i
		}
	}
	return len(rounds)
}

// alike reports whether nine in ten of the character triples of two texts are
// the same, so that a counter or a date in a canned answer does not hide it.
func alike(a, b string) bool {
	x, y := triples(folded(a)), triples(folded(b))
	if len(x) == 0 || len(y) == 0 {
		return folded(a) == folded(b)
	}
	common := 0
	for t := range x {
		if y[t] {
			common++
		}
	}
	return float64(2*common) >= 0.9*float64(len(x)+len(y))
}

func triples(s string) map[[3]rune]bool {
	r := []rune(s)
	if len(r) > 2000 {
		r = r[:2000]
	}
	set := make(map[[3]rune]bool, len(r))
	for i := 0; i+2 < len(r); i++ {
		set[[3]rune{r[i], r[i+1], r[i+2]}] = true
	}
	return set
}
