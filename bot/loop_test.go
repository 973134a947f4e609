package bot_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"inboxbot/bot"
	"inboxbot/inboxapi"
)

// Each row is somebody at the other end of the thread: what they write after the
// bot's n-th reply, and how long they take.
func TestLoopGuard(t *testing.T) {
	for _, row := range []struct {
		name   string
		writes func(n int) string
		after  time.Duration
		rounds int
		loop   string // in the reason; "": no loop
	}{
		{"another bot with a canned answer", func(n int) string {
			return fmt.Sprintf("Thank you for your message! We will be back to you within 24 hours. (ticket %d)", n)
		}, 20 * time.Second, 10, "nearly the same"},
		{"another bot with a quick model", func(n int) string {
			return strings.Repeat(fmt.Sprintf("%d or %d, ", n*7919, n*n*104729), 9)
		}, 2 * time.Second, 10, "faster than people type"},
		{"another bot with a slow model", func(n int) string {
			return fmt.Sprintf("%d is what %c wanted to say about %d", n*7919, 'a'+n, n*n*31)
		}, 40 * time.Second, 20, "exchanges with the bot alone"},
		{"a person with short questions", func(n int) string {
			return []string{"hi", "do you ship to Austria", "and decaf?", "which one would you take", "ok cool", "price?"}[n%6]
		}, 25 * time.Second, 6, ""},
		{"a person who repeats themselves over hours", func(int) string { return "any news?" }, 40 * time.Minute, 6, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			inScene(t, func(w *scene) {
				n := 0
				w.sim.OnSend(func(th inboxapi.Thread, _ inboxapi.Message) {
					if n++; n < row.rounds {
						go func() {
							time.Sleep(row.after)
							w.sim.Receive(th.ID, row.writes(n))
						}()
					}
				})
				th := w.thread(row.writes(0))
				w.during(time.Duration(row.rounds) * (row.after + 30*time.Second))
				if row.loop == "" {
					if got := len(w.sent(th.ID)); got != row.rounds {
						t.Errorf("%d replies, want %d: %+v", got, row.rounds, w.last(th.ID))
					}
					return
				}
				w.outcome(th.ID, bot.Handoff, "loop")
				if h := w.last(th.ID); !strings.Contains(h.Reason, row.loop) {
					t.Errorf("reason %q, want %q in it", h.Reason, row.loop)
				}
			})
		})
	}
}
