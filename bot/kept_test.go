package bot_test

import (
	"testing"
	"time"

	"inboxbot/inboxapi/inboxapitest"
)

// What one message of an active thread costs: its look and its send. What the
// list row cannot tell is found at the look, and costs a draft.
func TestAnActiveThreadCostsItsLookAndItsSend(t *testing.T) {
	const messages, create, row = "threads.thread.messages.list", "threads.thread.messages.create", "threads.thread.get"
	for _, test := range []struct {
		name     string
		meantime func(w *scene, thread string) // after the first reply
		asked    map[string]int                // requests about the thread from then on
		models   int                           // completions
	}{
		{"one message", func(w *scene, id string) {
			w.sim.Receive(id, "and on sundays?")
		}, map[string]int{messages: 1, create: 1, row: 0}, 1},
		{"two messages between two sweeps", func(w *scene, id string) {
			w.sim.Receive(id, "and on sundays?")
			w.sim.Receive(id, "in Berlin I mean")
		}, map[string]int{messages: 2, create: 1, row: 1}, 2},
		{"a person has answered in between", func(w *scene, id string) {
			w.sim.Receive(id, "and on sundays?")
			w.sim.Write(id, inboxapitest.PersonInInbox, "from ten")
			w.sim.Receive(id, "thanks, and where?")
		}, map[string]int{messages: 2, create: 0, row: 1}, 1},
		{"a picture", func(w *scene, id string) {
			w.sim.Receive(id, "")
		}, map[string]int{messages: 2, create: 1, row: 0}, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			inScene(t, func(w *scene) {
				w.cfg.FollowUp = time.Hour
				w.cfg.TakeoverPause = time.Hour
				ctx, stop := w.context()
				done := make(chan error, 1)
				b := w.start()
				go func() { done <- b.Run(ctx) }()
				defer func() { stop(); <-done }()
				id := w.thread("are you open on saturdays?").ID
				time.Sleep(time.Minute)
				w.sim.ResetCounts()
				asked := len(w.model.Prompts())
				test.meantime(w, id)
				time.Sleep(time.Minute)
				got := w.sim.Requests()
				for op, n := range test.asked {
					if got[op] != n {
						t.Errorf("%s: %d requests, want %d (%v)", op, got[op], n, got)
					}
				}
				if n := len(w.model.Prompts()) - asked; n != test.models {
					t.Errorf("the model was asked %d times, want %d", n, test.models)
				}
			})
		})
	}
}
