package bot_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"inboxbot/inboxapi"
	"inboxbot/inboxapi/inboxapitest"
)

// A message that Inbox shows late may stand before our reply, where no list shows
// it: the second look finds it. Another process that comes upon the thread right
// after the reply must not take that look for made, for the one that replied may
// stop before it is due.
func TestAnotherProcessLeavesTheSecondLookToItsTime(t *testing.T) {
	inScene(t, func(w *scene) {
		w.model = modelOf(func() (string, error) {
			time.Sleep(5 * time.Second)
			return answer("ok"), nil
		})
		th := w.thread("first")
		var once sync.Once
		w.sim.OnSend(func(_ inboxapi.Thread, m inboxapi.Message) {
			go once.Do(func() {
				time.Sleep(30 * time.Second)
				w.sim.Receive(th.ID, "second", inboxapitest.At(m.CreatedAt.Add(-time.Second)))
			})
		})
		replies, stop := w.start(), time.Now().Add(20*time.Second)
		go func() {
			ctx, cancel := context.WithDeadline(w.t.Context(), stop)
			defer cancel()
			if err := replies.Run(ctx); err != nil {
				t.Error(err)
			}
		}()
		time.Sleep(time.Second)
		w.during(10 * time.Minute)
		w.said(th.ID, "ok", "ok")
	})
}

// A reply that Inbox accepted and did not deliver has answered nobody. Nothing in
// the lists shows that; the second look does, and a person gets the thread.
func TestAReplyThatWasNotDeliveredGoesToAPerson(t *testing.T) {
	for _, row := range []struct {
		name  string
		after func(w *scene, thread string)
		tags  []string
	}{
		{"nobody has answered", func(*scene, string) {}, []string{"needs-human"}},
		{"a person has answered", func(w *scene, thread string) {
			w.sim.Write(thread, inboxapitest.PersonInInbox, "until six")
		}, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			inScene(t, func(w *scene) {
				th := w.thread("are you open today?")
				w.sim.OnSend(func(_ inboxapi.Thread, m inboxapi.Message) {
					go func() {
						time.Sleep(20 * time.Second)
						w.sim.FailMessage(th.ID, m.ID)
						row.after(w, th.ID)
					}()
				})
				w.during(10 * time.Minute)
				w.said(th.ID, "ok") // once
				if tags := w.sim.TagNames(th.ID); !slices.Equal(tags, row.tags) {
					t.Errorf("tags %q, want %q", tags, row.tags)
				}
			})
		})
	}
}
