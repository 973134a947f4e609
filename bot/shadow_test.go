package bot_test

import (
	"slices"
	"testing"
	"time"

	"inboxbot/bot"
	"inboxbot/bot/draftcheck"
	"inboxbot/inboxapi/inboxapitest"
)

// In shadow mode nobody sees a draft; when a person answers, both are kept side by
// side. People who answer do not silence it.
func TestShadow(t *testing.T) {
	inScene(t, func(w *scene) {
		w.cfg.Live, w.cfg.Shadow = false, true
		w.deps = func(d *bot.Deps) { d.Drafts = w.store }
		w.gen = func(g *bot.Generation) {
			g.DraftChecks = map[string]draftcheck.Mode{"dates": draftcheck.Off, "repeat": draftcheck.Off}
		}
		w.model = modelOf(func() (string, error) { return answer("We open at 9:00 and close at 18:00."), nil })
		th := w.thread("when do you open?")
		ctx, stop := w.context()
		defer stop()
		done := make(chan error, 1)
		go func() { done <- w.start().Run(ctx) }()
		time.Sleep(time.Minute)
		w.sim.Write(th.ID, inboxapitest.PersonInInbox, "We open at 9:00, see https://example.com/hours")
		time.Sleep(2 * time.Minute)
		w.said(th.ID)
		h := w.last(th.ID)
		if h.Shadow == nil {
			t.Fatalf("nothing was compared: %+v", h)
		}
		if c := h.Shadow; c.Guard != "default" || c.Answer != "We open at 9:00, see https://example.com/hours" ||
			!slices.Equal(c.Added, []string{"https://example.com/hours"}) || !slices.Equal(c.Left, []string{"18:00"}) {
			t.Errorf("compared: %+v", c)
		}
		w.sim.Receive(th.ID, "and on Sundays?")
		time.Sleep(2 * time.Minute)
		stop()
		<-done
		w.sim.Write(th.ID, inboxapitest.PersonInX, "We open at 9:00 and close at 18:00.")
		w.during(7 * time.Hour) // another process, which has seen no list change
		if c := w.last(th.ID).Shadow; c == nil || !c.SameFacts() || c.Likeness != 1 {
			t.Errorf("compared: %+v; draft %+v; told %s by %s", c, w.draft(th.ID), w.last(th.ID).Outcome, w.last(th.ID).Guard)
		}
		if r := w.sim.Requests(); r[opSend] != 0 || r["prospects.update"] != 0 {
			t.Errorf("a shadow wrote: %v", r)
		}
	})
}

// A person may take their time, and so may nobody: that is another outcome.
func TestShadowWaitsForAnAnswer(t *testing.T) {
	for _, row := range []struct {
		name  string
		after time.Duration // the person answers, 0: never
	}{{"after an hour", time.Hour}, {"the next day", 30 * time.Hour}, {"never", 0}} {
		t.Run(row.name, func(t *testing.T) {
			inScene(t, func(w *scene) {
				w.cfg.Live, w.cfg.Shadow = false, true
				w.deps = func(d *bot.Deps) { d.Drafts = w.store }
				w.model = modelOf(func() (string, error) { return answer("Yes, we are."), nil })
				th := w.thread("are you open?")
				ctx, stop := w.context()
				defer stop()
				done := make(chan error, 1)
				go func() { done <- w.start().Run(ctx) }()
				time.Sleep(row.after)
				want := ""
				if row.after > 0 {
					want = "Yes, until six."
					w.sim.Write(th.ID, inboxapitest.PersonInInbox, want)
				}
				time.Sleep(56*time.Hour - row.after)
				if c := w.last(th.ID).Shadow; c == nil || c.Draft != "Yes, we are." || c.Answer != want {
					t.Errorf("compared: %+v, want the answer %q", c, want)
				}
				if d := w.draft(th.ID); d.State != bot.DraftCompared {
					t.Errorf("the draft is %s", d.State)
				}
				stop()
				<-done
			})
		})
	}
}

// In the shadow every decision about a message is held against what people do, a
// handoff and a skip too. Where nobody answers it costs a look now and then, not
// one a sweep.
func TestShadowOutcomes(t *testing.T) {
	unread := func(c *bot.Conversation) bot.Verdict {
		v := guard("VIP", bot.Outcome{Action: bot.Skip})(c)
		if !c.Read {
			v.Checks = []bot.Check{{Guard: v.Guard, Unread: true}}
		}
		return v
	}
	decides := func(d bot.Decision) string { d.Confidence, d.Reason = 0.9, "so"; return decision(d) }
	for _, row := range []struct {
		name   string
		judge  func(*bot.Conversation) bot.Verdict
		model  string
		answer time.Duration // when a person answers, 0: never
		guard  string
		would  bot.Action
		same   bool
		reads  int // at most
	}{
		{"handed over by a guard, answered", guard("VIP", bot.Outcome{Action: bot.Handoff}), "", time.Hour, "VIP", bot.Handoff, true, 2},
		{"handed over by a guard, not answered", guard("VIP", bot.Outcome{Action: bot.Handoff}), "", 0, "VIP", bot.Handoff, false, 10},
		{"handed over by the model, answered", alwaysReply, decides(bot.Decision{Action: bot.Handoff, Cause: bot.CauseAsked}), time.Hour, "default", bot.Handoff, true, 2},
		{"left alone by the model, answered", alwaysReply, decides(bot.Decision{Action: bot.Skip}), time.Hour, "default", bot.Skip, false, 2},
		{"left alone by a guard, answered the next day", guard("VIP", bot.Outcome{Action: bot.Skip}), "", 26 * time.Hour, "VIP", bot.Skip, false, 1},
		{"left alone by a guard, not answered", guard("VIP", bot.Outcome{Action: bot.Skip}), "", 0, "VIP", bot.Skip, true, 1},
		{"left alone by a guard that reads messages, answered", unread, "", 7 * time.Hour, "VIP", bot.Skip, false, 3},
	} {
		t.Run(row.name, func(t *testing.T) {
			inScene(t, func(w *scene) {
				w.cfg.Live, w.cfg.Shadow = false, true
				w.deps = func(d *bot.Deps) { d.Drafts = w.store }
				w.rules.judge = row.judge
				w.model = modelOf(func() (string, error) { return row.model, nil })
				th := w.sim.AddThread(inboxapitest.NewThread{Tags: []string{"VIP"}})
				w.sim.Receive(th.ID, "are you open?")
				ctx, stop := w.context()
				defer stop()
				done := make(chan error, 1)
				go func() { done <- w.start().Run(ctx) }()
				want := ""
				if row.answer > 0 {
					time.Sleep(row.answer)
					want = "Yes, until six."
					w.sim.Write(th.ID, inboxapitest.PersonInInbox, want)
					time.Sleep(10 * time.Minute)
				} else {
					time.Sleep(54 * time.Hour)
				}
				stop()
				<-done
				var told []bot.Comparison
				for _, h := range w.handled {
					if h.Shadow != nil {
						told = append(told, *h.Shadow)
					}
				}
				if len(told) != 1 {
					t.Fatalf("compared %d times: %+v; last: %+v", len(told), told, w.last(th.ID))
				}
				if c := told[0]; c.Guard != row.guard || c.Would != row.would || c.Answer != want || c.SameOutcome() != row.same {
					t.Errorf("compared: %+v, same outcome: %v", c, c.SameOutcome())
				}
				if n := w.sim.Requests()[opMessages]; n > row.reads {
					t.Errorf("it was read %d times", n)
				}
			})
		})
	}
}

// Who archives without an answer what the bot would have left alone does the same.
func TestShadowLeftAloneAndArchived(t *testing.T) {
	inScene(t, func(w *scene) {
		w.cfg.Live, w.cfg.Shadow = false, true
		w.deps = func(d *bot.Deps) { d.Drafts = w.store }
		w.rules.judge = guard("VIP", bot.Outcome{Action: bot.Skip})
		th := w.sim.AddThread(inboxapitest.NewThread{Tags: []string{"VIP"}})
		w.sim.Receive(th.ID, "thanks")
		time.AfterFunc(time.Hour, func() { w.sim.Archive(th.ID, true) })
		w.during(54 * time.Hour)
		if c := w.last(th.ID).Shadow; c == nil || c.Guard != "VIP" || !c.SameOutcome() {
			t.Errorf("compared: %+v; last: %+v", c, w.last(th.ID))
		}
	})
}

// What says nothing about the message is not held against anything: a skip by the
// bot's own guards, a person who is asked because the model is away.
func TestShadowLeavesOut(t *testing.T) {
	for _, row := range []struct {
		name    string
		thread  inboxapitest.NewThread
		model   error
		guard   string
		outcome bot.Action
	}{
		{"a message request", inboxapitest.NewThread{Request: true}, nil, "request", bot.Skip},
		{"handed over before", inboxapitest.NewThread{Tags: []string{"needs-human"}}, nil, "handed-over", bot.Skip},
		{"the model is away", inboxapitest.NewThread{}, bot.ErrModelUnavailable, "model-down", bot.Handoff},
	} {
		t.Run(row.name, func(t *testing.T) {
			inScene(t, func(w *scene) {
				w.cfg.Live, w.cfg.Shadow = false, true
				w.deps = func(d *bot.Deps) { d.Drafts = w.store }
				w.model = modelOf(func() (string, error) { return answer("ok"), row.model })
				th := w.sim.AddThread(row.thread)
				w.sim.Receive(th.ID, "are you open?")
				ctx, stop := w.context()
				defer stop()
				done := make(chan error, 1)
				go func() { done <- w.start().Run(ctx) }()
				time.Sleep(time.Hour)
				w.outcome(th.ID, row.outcome, row.guard)
				w.sim.Write(th.ID, inboxapitest.PersonInInbox, "Yes, until six.")
				time.Sleep(8 * time.Hour)
				stop()
				<-done
				for _, h := range w.handled {
					if h.Shadow != nil {
						t.Errorf("compared: %+v", h.Shadow)
					}
				}
			})
		})
	}
}

// A guard that leaves a message alone may change its mind, in the shadow as
// anywhere: then there is a draft to compare.
func TestShadowJudgesAgainWhatIsLeftAlone(t *testing.T) {
	inScene(t, func(w *scene) {
		w.cfg.Live, w.cfg.Shadow = false, true
		w.deps = func(d *bot.Deps) { d.Drafts = w.store }
		w.rules.judge = guard("VIP", bot.Outcome{Action: bot.Skip})
		th := w.sim.AddThread(inboxapitest.NewThread{Tags: []string{"VIP"}})
		w.sim.Receive(th.ID, "are you open?")
		ctx, stop := w.context()
		defer stop()
		done := make(chan error, 1)
		go func() { done <- w.start().Run(ctx) }()
		time.Sleep(time.Hour)
		w.outcome(th.ID, bot.Skip, "VIP")
		w.sim.UntagProspect(th.ID, "VIP")
		time.Sleep(time.Hour)
		w.outcome(th.ID, bot.Reply, "default")
		w.sim.Write(th.ID, inboxapitest.PersonInX, "ok")
		time.Sleep(time.Hour)
		stop()
		<-done
		if c := w.last(th.ID).Shadow; c == nil || c.Would != bot.Reply || !c.SameOutcome() {
			t.Errorf("compared: %+v", c)
		}
	})
}

func TestCompare(t *testing.T) {
	for _, row := range []struct {
		name, draft, answer string
		same                bool
		likeness            float64 // at least
	}{
		{"the same price, written otherwise", "It costs 8,90 EUR.", "That is 8.90 EUR", true, 0.1},
		{"another price", "It costs 8,90 EUR.", "It costs 9,90 EUR.", false, 0.3},
		{"no facts", "Thanks a lot!", "thanks a lot", true, 1},
		{"nothing", "", "", true, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			if c := bot.Compare(row.draft, row.answer); c.SameFacts() != row.same || c.Likeness < row.likeness {
				t.Errorf("%+v", c)
			}
		})
	}
}
