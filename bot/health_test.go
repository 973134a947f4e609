package bot_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"inboxbot/bot"
	"inboxbot/inboxapi"
	"inboxbot/inboxapi/inboxapitest"
)

// runs starts a bot of the scene and stops it with the test.
func (w *scene) runs() *bot.Bot {
	w.t.Helper()
	b := w.start()
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	w.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("run: %v", err)
		}
	})
	return b
}

func TestHealthTellsWhatIsWrongAndThatItIsOver(t *testing.T) {
	var away atomic.Bool
	for _, row := range []struct {
		name   string
		breaks func(w *scene) (mend func())
		ill    func(h bot.Health) bool
	}{
		{"the store does not answer", func(w *scene) func() {
			w.store.Fail(errors.New("connection refused"))
			return func() { w.store.Fail(nil) }
		}, func(h bot.Health) bool { return h.StoreErr != nil && h.Leads }},
		{"the token is refused", func(w *scene) func() {
			return w.sim.Inject(inboxapitest.Fault{Kind: inboxapitest.FailBefore, Status: 401, Probability: 1})
		}, func(h bot.Health) bool { return h.TokenRefused != nil && h.SweepErr != nil }},
		{"Inbox does not answer", func(w *scene) func() {
			return w.sim.Inject(inboxapitest.Fault{Kind: inboxapitest.ResetBefore, Probability: 1})
		}, func(h bot.Health) bool { return h.SweepErr != nil && h.TokenRefused == nil }},
		{"the model does not answer", func(w *scene) func() {
			away.Store(true)
			w.thread("hi")
			return func() { away.Store(false) }
		}, func(h bot.Health) bool {
			return h.ModelDown > 2*time.Minute && h.Waiting == 1 && h.OldestUnanswered >= h.ModelDown
		}},
		{"the team has paused the bot", func(w *scene) func() {
			w.sw.(*paused).on.Store(true)
			w.thread("hi")
			return func() { w.sw.(*paused).on.Store(false) }
		}, func(h bot.Health) bool {
			return h.Paused != "" && h.Waiting == 1 && h.OldestUnanswered > 2*time.Minute // who waits is not hidden by the pause
		}},
		{"an account link is offline", func(w *scene) func() {
			id := w.sim.AddAccount(inboxapi.AccountLink{Username: "second"}).ID
			w.sim.SetAccountStatus(id, "offline")
			return func() { w.sim.SetAccountStatus(id, "active") }
		}, func(h bot.Health) bool { return len(h.AccountsOffline) == 1 && h.AccountsOffline[0] == "second" }},
	} {
		t.Run(row.name, func(t *testing.T) {
			inScene(t, func(w *scene) {
				t := w.t
				w.sw = &paused{}
				w.model = modelOf(func() (string, error) {
					if away.Load() {
						return "", bot.ErrModelUnavailable
					}
					return answer("ok"), nil
				})
				w.thread("hello") // lists are read for a thread
				b := w.runs()
				time.Sleep(time.Minute)
				if h := b.Health(); row.ill(h) || b.Ready() != nil || h.LastSweep.IsZero() || !h.Leads {
					t.Fatalf("before: %+v, ready: %v", h, b.Ready())
				}
				mend := row.breaks(w)
				for range 20 { // it is wrong all the time, not now and then
					time.Sleep(7 * time.Second)
				}
				time.Sleep(5 * time.Minute)
				for range 100 {
					time.Sleep(time.Second)
					synctest.Wait()
					if h := b.Health(); !row.ill(h) {
						t.Fatalf("broken: %+v", h)
					}
				}
				mend()
				time.Sleep(6 * time.Minute)
				if h := b.Health(); row.ill(h) || b.Ready() != nil {
					t.Errorf("mended: %+v, ready: %v", h, b.Ready())
				}
			})
		})
	}
}

func TestHealthCountsSendsInDoubt(t *testing.T) {
	inScene(t, func(w *scene) {
		th := w.thread("hi")
		w.sim.Inject(inboxapitest.Fault{Kind: inboxapitest.FailAfter, Operation: "threads.thread.messages.create", Times: 1})
		var unreadable atomic.Value
		w.sim.OnSend(func(inboxapi.Thread, inboxapi.Message) {
			unreadable.Store(w.sim.Inject(inboxapitest.Fault{Kind: inboxapitest.FailBefore, Operation: "threads.thread.messages.list"}))
		})
		b := w.runs()
		time.Sleep(20 * time.Second)
		if h := b.Health(); h.InDoubt != 1 || h.DoubtfulSends != 1 {
			t.Errorf("the answer to a send was lost: %+v", h)
		}
		unreadable.Load().(func())()
		time.Sleep(2 * time.Minute)
		w.said(th.ID, "ok")
		if h := b.Health(); h.InDoubt != 0 || h.DoubtfulSends != 1 {
			t.Errorf("it was found in the thread: %+v", h)
		}
	})
}
