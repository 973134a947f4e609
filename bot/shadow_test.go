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
