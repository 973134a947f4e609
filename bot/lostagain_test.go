package bot_test

import (
	"testing"
	"time"

	"inboxbot/bot"
	"inboxbot/inboxapi/inboxapitest"
)

// A thread whose older messages never end being imported goes to a person, however
// short the time is after which messages are too old.
func TestAnImportWithoutEndGoesToAPerson(t *testing.T) {
	for _, maxAge := range []time.Duration{24 * time.Hour, 3 * time.Hour, 20 * time.Minute} {
		t.Run(bot.Brief(maxAge), func(t *testing.T) {
			inScene(t, func(w *scene) {
				w.cfg.MaxAge = maxAge
				th := w.sim.AddThread(inboxapitest.NewThread{Syncing: true})
				w.sim.Receive(th.ID, "do you ship to Austria?")
				w.during(3 * time.Hour)
				w.outcome(th.ID, bot.Handoff, "syncing")
			})
		})
	}
}
