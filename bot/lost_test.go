package bot_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"inboxbot/bot"
	"inboxbot/inboxapi"
	"inboxbot/inboxapi/inboxapitest"
)

// A message hidden behind our late reply must survive a wait at its second look:
// the wait must not make the ledger forget which reply of ours was the late one.
func TestAMessageHiddenByALateReplySurvivesAWait(t *testing.T) {
	for _, row := range []struct {
		name   string
		settle time.Duration
		closed bool // the rules say wait for ten minutes
	}{
		{"no wait at all", -1, false},
		{"it has to settle", 15 * time.Second, false},
		{"out of hours at the second look", -1, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			inScene(t, func(w *scene) {
				w.cfg.Settle = row.settle
				start := time.Now()
				w.rules.judge = func(c *bot.Conversation) bot.Verdict {
					if at := time.Since(start); row.closed && at > 5*time.Second && at < 10*time.Minute {
						return bot.Verdict{Guard: "closed", Outcome: bot.Outcome{Action: bot.Wait, Reason: "closed"}}
					}
					return alwaysReply(c)
				}
				th := w.thread("first")
				defer w.sim.Inject(inboxapitest.Fault{Operation: opSend, Kind: inboxapitest.Slow, Delay: 9 * time.Second, Times: 1})()
				go func() {
					time.Sleep(max(0, row.settle) + 2*time.Second)
					w.sim.Receive(th.ID, "second")
				}()
				w.during(20 * time.Minute)
				w.said(th.ID, "ok", "ok")
			})
		})
	}
}

// A prospect who takes the newest message back leaves the older ones to be
// answered, once, and without asking the model again and again.
func TestTheNewestMessageOfABurstIsTakenBack(t *testing.T) {
	for name, after := range map[string]time.Duration{
		"before it is answered":      5 * time.Second,
		"after it has been answered": 40 * time.Second,
	} {
		t.Run(name, func(t *testing.T) {
			inScene(t, func(w *scene) {
				w.cfg.Settle = 15 * time.Second
				th := w.thread("do you ship to Austria?")
				time.Sleep(time.Second)
				second := w.sim.Receive(th.ID, "forget it")
				go func() {
					time.Sleep(after)
					w.sim.DeleteMessage(th.ID, second.ID)
				}()
				w.during(10 * time.Minute)
				w.said(th.ID, "ok")
				if n := len(w.model.Prompts()); n > 2 {
					t.Errorf("the model was asked %d times within 10 minutes", n)
				}
				if open := w.store.Open(); len(open) > 0 {
					t.Errorf("still open: %v", open)
				}
			})
		})
	}
}

// A member that cannot be assigned must not keep the tag from the prospect.
func TestARefusedAssignmentStillTags(t *testing.T) {
	inScene(t, func(w *scene) {
		w.sim.AddMember(inboxapi.Member{Email: "robin@example.com"})
		th := w.thread("call me")
		w.rules.judge = func(*bot.Conversation) bot.Verdict {
			return bot.Verdict{Guard: "vip", Outcome: bot.Outcome{Action: bot.Handoff, Reason: "VIP", Assign: "robin@example.com"}}
		}
		defer w.sim.Inject(inboxapitest.Fault{Operation: "threads.thread.update", Kind: inboxapitest.FailBefore, Status: 422})()
		w.once()
		if tags := strings.Join(w.sim.TagNames(th.ID), ","); tags != "needs-human" {
			t.Errorf("tags %q, want needs-human", tags)
		}
	})
}

// What was seen before a long outage is not answered days later.
func TestALongOutageDoesNotAnswerDaysLater(t *testing.T) {
	inScene(t, func(w *scene) {
		w.cfg.Settle = 15 * time.Second
		th := w.thread("are you open today?")
		w.during(5 * time.Second) // seen, settling; then the process is gone
		time.Sleep(72 * time.Hour)
		w.during(10 * time.Minute)
		w.said(th.ID)
	})
}

// follower never polls.
type follower struct{}

func (follower) Lead(context.Context, time.Duration) (bool, error) { return false, nil }
