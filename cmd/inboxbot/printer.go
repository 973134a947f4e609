package main

import (
	"fmt"
	"io"
	"maps"
	"strings"
	"sync"

	"inboxbot/bot"
)

// printer writes a readable block per handled thread. What outsiders wrote is
// cut to one line and cannot move the cursor.
type printer struct {
	mu sync.Mutex
	w  io.Writer
	n  map[bot.Action]int
}

func newPrinter(w io.Writer) *printer { return &printer{w: w, n: map[bot.Action]int{}} }

var outcomeWords = map[bot.Action]string{
	bot.Reply:   "REPLY",
	bot.Handoff: "HANDOFF",
	bot.Skip:    "SKIP",
	bot.Wait:    "WAIT",
}

// handled prints one thread: who, what they asked, the outcome, the guard and
// its reason, and the reply.
func (p *printer) handled(h bot.Handled) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.n[h.Outcome]++
	asked := clip(h.Asked, 90)
	if asked == "" {
		asked = "(no text)"
	}
	fmt.Fprintf(p.w, "%-8s @%-15s %s\n", outcomeWords[h.Outcome], clip(h.Prospect, 30), asked)
	fmt.Fprintf(p.w, "%9s%s: %s%s\n", "", h.Guard, clip(h.Reason, 120), cost(h))
	for line := range strings.Lines(h.Reply) {
		fmt.Fprintf(p.w, "%9s> %s\n", "", clip(line, 300))
	}
}

func cost(h bot.Handled) string {
	if h.Tokens.Total() == 0 {
		return ""
	}
	return fmt.Sprintf(" (%d tokens)", h.Tokens.Total())
}

// dryRun is handled, saying that nothing was sent.
func (p *printer) dryRun(h bot.Handled) {
	if h.Outcome == bot.Reply {
		h.Reason += " [dry run: not sent]"
	}
	p.handled(h)
}

// counts returns how many threads had each outcome.
func (p *printer) counts() map[bot.Action]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.n)
}

// clip makes s fit for one line of a terminal: no control characters, and at
// most n characters.
func clip(s string, n int) string {
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f && r <= 0xa0 }), " ")
	s = strings.Map(func(r rune) rune {
		if r >= 0x200b && r <= 0x200f || r >= 0x2028 && r <= 0x202e || r >= 0x2060 && r <= 0x2069 || r == 0xfeff {
			return -1
		}
		return r
	}, s)
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}
