package bot_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"inboxbot/bot"
)

// A pause reaches what waits for its turn to send: under a backlog that is a
// minute and more after it was judged.
func TestPauseWhileASendWaitsForItsRequest(t *testing.T) {
	const waits = 30 * time.Second // for the team's quota
	for _, tt := range []struct {
		name    string
		outcome bot.Outcome
		pausing time.Duration // after the start
		want    int           // messages sent
	}{
		{"not paused", bot.Outcome{Action: bot.Reply}, 0, 1},
		{"a reply", bot.Outcome{Action: bot.Reply}, waits / 2, 0},
		{"not paused, a word at a handoff", bot.Outcome{Action: bot.Handoff, Cause: bot.CauseAsked}, 0, 1},
		{"a word at a handoff", bot.Outcome{Action: bot.Handoff, Cause: bot.CauseAsked}, waits / 2, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inScene(t, func(w *scene) {
				w.rules.judge = func(*bot.Conversation) bot.Verdict { return bot.Verdict{Guard: "test", Outcome: tt.outcome} }
				w.gen = func(g *bot.Generation) {
					g.Farewell = func(*bot.Conversation, bot.Outcome, string) (name, text string, err error) {
						return "goodbye", "A person will answer you here.", nil
					}
				}
				w.sw = pausedFrom{time.Now().Add(tt.pausing), tt.pausing > 0}
				w.deps = func(d *bot.Deps) {
					d.Reserve = func(ctx context.Context) (bool, error) {
						select {
						case <-ctx.Done():
							return false, ctx.Err()
						case <-time.After(waits):
							return false, nil
						}
					}
				}
				th := w.thread("how do I descale it?")
				w.during(3 * waits / 2)
				if got := w.sent(th.ID); len(got) != tt.want {
					t.Errorf("sent %q, want %d messages", got, tt.want)
				}
			})
		})
	}
}

// pausedFrom is a switch that somebody turns at a time.
type pausedFrom struct {
	at time.Time
	on bool
}

func (p pausedFrom) Paused(context.Context) (string, time.Time, bool, error) {
	return "a test", p.at, p.on && !time.Now().Before(p.at), nil
}

// After a pause what is too old by then is left to people, and all else is answered.
func TestAPauseOfMoreThanADay(t *testing.T) {
	inScene(t, func(w *scene) {
		sw := &paused{}
		w.sw = sw
		sw.on.Store(true)
		stop := w.inBackground()
		old := w.thread("are you open today?")
		time.Sleep(20 * time.Hour)
		young := w.thread("do you ship to Austria?")
		time.Sleep(5 * time.Hour)
		sw.on.Store(false)
		time.Sleep(5 * time.Minute)
		stop()
		w.said(old.ID)
		w.outcome(old.ID, bot.Skip, "too-old")
		w.said(young.ID, "ok")
	})
}

// What was approved is sent after the pause, unless it is as old by then as what is left
// to people.
func TestApprovedBeforeALongPause(t *testing.T) {
	for _, row := range []struct {
		pause time.Duration
		said  []string
		state bot.DraftState
		tags  string
	}{
		{3 * time.Hour, []string{"ok"}, bot.DraftSent, ""},
		{5 * time.Hour, nil, bot.DraftWithdrawn, "needs-human"},
	} {
		t.Run(row.pause.String(), func(t *testing.T) {
			inScene(t, func(w *scene) {
				sw := &paused{}
				w.sw = sw
				w.approving()
				w.cfg.MaxAge = 4 * time.Hour
				th := w.thread("are you open today?")
				stop := w.inBackground()
				time.Sleep(time.Minute)
				sw.on.Store(true)
				time.Sleep(time.Minute)
				w.decide(th.ID, bot.DraftApproved, "")
				time.Sleep(row.pause)
				sw.on.Store(false)
				time.Sleep(5 * time.Minute)
				stop()
				w.said(th.ID, row.said...)
				if d := w.draft(th.ID); d.State != row.state {
					t.Errorf("the draft is %s, want %s", d.State, row.state)
				}
				if tags := strings.Join(w.sim.TagNames(th.ID), " "); tags != row.tags {
					t.Errorf("tags %q, want %q", tags, row.tags)
				}
			})
		})
	}
}
