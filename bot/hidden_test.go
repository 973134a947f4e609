package bot_test

import (
	"strings"
	"testing"
	"time"

	"inboxbot/bot"
	"inboxbot/inboxapi"
	"inboxbot/inboxapi/inboxapitest"
)

// A message that came while the reply to an earlier one was on its way stands before
// that reply. When the store forgets which message the reply was for, a person gets
// the thread; one in which nobody can be hidden is left as it is.
func TestWhoIsHiddenBehindAForgottenReply(t *testing.T) {
	later := func(w *scene, th inboxapi.Thread) {
		time.AfterFunc(6*time.Second, func() { w.sim.Receive(th.ID, "and to Norway?") }) // between two sweeps; the send takes 9 seconds
	}
	for _, row := range []struct {
		name  string
		scene func(w *scene, th inboxapi.Thread)
		found bool
	}{
		{"written while the reply was on its way", func(w *scene, th inboxapi.Thread) {
			later(w, th)
			w.during(20 * time.Second)
			w.store.Wipe()
		}, true},
		{"found, and told to wait for opening hours", func(w *scene, th inboxapi.Thread) {
			w.rules.judge = func(c *bot.Conversation) bot.Verdict {
				if last, _ := c.Last(); last.Text == "and to Norway?" {
					return bot.Verdict{Guard: "closed", Outcome: bot.Outcome{Action: bot.Wait, Reason: "closed"}}
				}
				return alwaysReply(c)
			}
			later(w, th)
			w.during(3 * time.Hour)
			w.store.Wipe()
		}, true},
		{"nothing but what was answered", func(w *scene, _ inboxapi.Thread) {
			w.during(20 * time.Second)
			w.store.Wipe()
		}, false},
		{"two messages, answered long after the second", func(w *scene, th inboxapi.Thread) {
			w.sim.Receive(th.ID, "and to Norway?")
			time.Sleep(time.Minute)
			w.during(20 * time.Second)
			w.store.Wipe()
		}, false},
		{"two messages, answered together once they had settled", func(w *scene, th inboxapi.Thread) {
			w.cfg.Settle = 15 * time.Second
			w.sim.Receive(th.ID, "and to Norway?")
			w.during(10 * time.Minute)
			w.store.Wipe()
		}, false},
		{"a person has the thread already", func(w *scene, th inboxapi.Thread) {
			later(w, th)
			w.during(20 * time.Second)
			w.sim.TagProspect(th.ID, "needs-human")
			w.store.Wipe()
		}, false},
		{"a person wrote last", func(w *scene, th inboxapi.Thread) {
			later(w, th)
			w.during(20 * time.Second)
			w.sim.Write(th.ID, inboxapitest.PersonInInbox, "To Norway too.")
			w.store.Wipe()
		}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			inScene(t, func(w *scene) {
				w.deps = func(d *bot.Deps) { d.Memory = w.store }
				th := w.thread("do you ship to Austria?")
				stop := w.sim.Inject(inboxapitest.Fault{Operation: opSend, Kind: inboxapitest.Slow, Delay: 9 * time.Second, Times: 1})
				row.scene(w, th)
				stop()
				before := w.sim.Requests()["threads.thread.messages.list"]
				w.during(10 * time.Minute)
				w.said(th.ID, "ok") // and nothing more
				tagged := len(w.sim.TagNames(th.ID)) > 0
				if row.found {
					w.outcome(th.ID, bot.Handoff, "hidden")
				} else if w.last(th.ID).Guard == "hidden" {
					t.Errorf("handed over: %s", w.last(th.ID).Reason)
				}
				if row.found && !tagged {
					t.Error("nobody is told")
				}
				if n := w.sim.Requests()["threads.thread.messages.list"] - before; n > 2 {
					t.Errorf("%d reads of the thread's messages, want 2 at most: for who may be hidden, and for who else may answer", n)
				}
			})
		})
	}
}

// Sweeps that are made one by one, on a schedule, find them too.
func TestOneSweepFindsWhoIsHidden(t *testing.T) {
	inScene(t, func(w *scene) {
		w.deps = func(d *bot.Deps) { d.Memory = w.store }
		th := w.thread("do you ship to Austria?")
		w.sim.Inject(inboxapitest.Fault{Operation: opSend, Kind: inboxapitest.Slow, Delay: 9 * time.Second, Times: 1})
		time.AfterFunc(6*time.Second, func() { w.sim.Receive(th.ID, "and to Norway?") })
		w.once()
		w.store.Wipe()
		for range 10 {
			time.Sleep(time.Minute)
			w.once()
		}
		w.said(th.ID, "ok")
		w.outcome(th.ID, bot.Handoff, "hidden")
	})
}

// A bot whose store never forgot anything looks behind nobody.
func TestNobodyIsLookedForWithoutALoss(t *testing.T) {
	inScene(t, func(w *scene) {
		w.deps = func(d *bot.Deps) { d.Memory = w.store }
		for range 20 {
			w.thread("do you ship to Austria?")
		}
		w.during(10 * time.Minute)
		before := w.sim.Requests()["threads.thread.messages.list"]
		w.during(10 * time.Minute)
		if n := w.sim.Requests()["threads.thread.messages.list"] - before; n > 0 {
			t.Errorf("%d reads of answered threads", n)
		}
	})
}

// What makes the bot wait after a loss is said where an operator looks.
func TestAQuarantineIsTold(t *testing.T) {
	inScene(t, func(w *scene) {
		w.deps = func(d *bot.Deps) { d.Memory = w.store }
		w.store.Wipe()
		th := w.thread("do you ship to Austria?")
		b := w.start()
		ctx, stop := w.context()
		done := make(chan error, 1)
		go func() { done <- b.Run(ctx) }()
		time.Sleep(30 * time.Second)
		if err := b.Ready(); err == nil || !strings.Contains(err.Error(), "nothing is sent for 2m") {
			t.Errorf("ready says %v", err)
		}
		w.said(th.ID)
		time.Sleep(3 * time.Minute)
		if err := b.Ready(); err != nil {
			t.Errorf("ready says %v after the quarantine", err)
		}
		w.said(th.ID, "ok")
		stop()
		<-done
	})
}

// After a loss every thread that was answered of late is read once, by whichever
// process, however often one is started; after another loss, once more.
func TestALossIsLookedBehindOnce(t *testing.T) {
	inScene(t, func(w *scene) {
		w.deps = func(d *bot.Deps) { d.Memory, d.Behind = w.store, w.store }
		for range 50 {
			w.thread("do you ship to Austria?")
		}
		w.during(2 * time.Hour)
		for range 2 {
			w.store.Wipe()
			w.sim.ResetCounts()
			for range 4 {
				w.during(10 * time.Minute)
				w.once()
			}
			if n := w.sim.Requests()[opMessages]; n != 50 {
				t.Errorf("%d reads of messages after a loss, want one for each thread", n)
			}
		}
	})
}

// The store forgets while a reply is on its way, and learns of the next message
// before that reply is recorded.
func TestMessageBehindAReplyThatTheStoreForgot(t *testing.T) {
	inScene(t, func(w *scene) {
		w.deps = func(d *bot.Deps) { d.Memory = w.store }
		defer w.sim.Inject(inboxapitest.Fault{Operation: opSend, Kind: inboxapitest.Slow, Delay: 9 * time.Second, Times: 1})()
		th := w.thread("do you ship to Austria?")
		stop := w.inBackground()
		time.Sleep(3 * time.Second)
		w.store.Wipe()
		w.sim.Receive(th.ID, "and to Norway?")
		time.Sleep(30 * time.Minute)
		stop()
		if tags := w.sim.TagNames(th.ID); len(tags) == 0 && len(w.sent(th.ID)) < 2 {
			t.Errorf("said %q, and nobody was told", w.sent(th.ID))
		}
	})
}
