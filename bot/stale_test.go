package bot_test

import (
	"testing"
	"time"

	"inboxbot/inboxapi/inboxapitest"
)

// A message list that lags behind the thread list shows a thread as it was
// before its newest message. That is no sign of somebody else having answered:
// taken for one, the message would never be looked at again.
func TestAMessageListThatLagsLosesNobody(t *testing.T) {
	for _, row := range []struct {
		name   string
		before func(w *scene, thread string)
		said   []string
	}{
		{"nothing is listed yet", func(*scene, string) {}, []string{"ok"}},
		{"our last answer is listed as the newest", func(w *scene, thread string) {
			w.sim.Write(thread, inboxapitest.OtherAPIClient, "as we said", inboxapitest.At(time.Now().Add(-time.Hour)))
		}, []string{"as we said", "ok"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			inScene(t, func(w *scene) {
				th := w.sim.AddThread(inboxapitest.NewThread{})
				row.before(w, th.ID)
				w.sim.Receive(th.ID, "hi")
				stop := w.sim.Inject(inboxapitest.Fault{
					Operation: "threads.thread.messages.list", Kind: inboxapitest.StaleMessages, Delay: 20 * time.Second,
				})
				defer stop()
				w.during(10 * time.Minute)
				w.said(th.ID, row.said...)
			})
		})
	}
}
