package bot_test

import (
	"testing"
	"time"

	"inboxbot/bot"
)

// What a sweep has seen while the model thinks is known to the look before the send,
// also where the row leads to silence and is no work any more.
func TestASweepTellsTheLookOfATag(t *testing.T) {
	for _, row := range []struct {
		name string
		tag  string
		want int // messages sent
	}{
		{"the tag that hands over", "needs-human", 0},
		{"a guard's own tag", "vip-waiting", 0},
		{"one that a rule leaves alone", "muted", 0},
		{"one that says nothing", "newsletter", 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			inScene(t, func(w *scene) {
				w.rules.judge = guard("muted", bot.Outcome{Action: bot.Skip})
				th := w.thread("do you ship to Austria?")
				w.model.Delay(25 * time.Second) // its row is new enough to count, read again or not
				go func() {
					time.Sleep(15 * time.Second)
					w.sim.TagProspect(th.ID, row.tag)
				}()
				w.during(10 * time.Minute)
				if got := w.sent(th.ID); len(got) != row.want {
					t.Errorf("sent %q, want %d messages", got, row.want)
				}
			})
		})
	}
}
