package bot_test

import (
	"context"
	"testing"
	"time"

	"inboxbot/bot"
	"inboxbot/inboxapi"
	"inboxbot/inboxapi/inboxapitest"
)

// What a sweep has seen while the model thinks is known to the look before the send,
// also where the row leads to silence and is no work any more.
func TestASweepTellsTheLookOfATag(t *testing.T) {
	for _, row := range []struct {
		name string
		tag  string
		want int // messages sent
	}{
		{"the tag that hands over", "needs-human", 0},
		{"a guard's own tag", "vip-waiting", 0},
		{"one that a rule leaves alone", "muted", 0},
		{"one that says nothing", "newsletter", 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			inScene(t, func(w *scene) {
				w.rules.judge = guard("muted", bot.Outcome{Action: bot.Skip})
				th := w.thread("do you ship to Austria?")
				w.model.Delay(25 * time.Second) // its row is new enough to count, read again or not
				go func() {
					time.Sleep(15 * time.Second)
					w.sim.TagProspect(th.ID, row.tag)
				}()
				w.during(10 * time.Minute)
				if got := w.sent(th.ID); len(got) != row.want {
					t.Errorf("sent %q, want %d messages", got, row.want)
				}
			})
		})
	}
}

// The prospect is shown that somebody writes only where a reply may follow at once.
func TestTyping(t *testing.T) {
	for _, row := range []struct {
		name string
		set  func(w *scene)
		want int // signals in nine minutes
	}{
		{"a reply follows", func(*scene) {}, 1},
		{"people approve every reply", (*scene).approving, 0},
		{"people approve this one", func(w *scene) {
			w.deps = func(d *bot.Deps) { d.Drafts = w.store }
			w.gen = func(g *bot.Generation) { g.Approves = true }
			w.rules.judge = func(*bot.Conversation) bot.Verdict {
				return bot.Verdict{Guard: "wholesale", Outcome: bot.Outcome{Action: bot.Reply, Approve: true}}
			}
		}, 0},
		{"the model is away, which the first try finds out", func(w *scene) {
			w.model = modelOf(func() (string, error) { return "", bot.ErrModelUnavailable })
		}, 1},
		{"there is no request for it until the model has answered", func(w *scene) {
			w.deps = func(d *bot.Deps) { d.Inbox = slowTyping{d.Inbox, 2500 * time.Millisecond} }
		}, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			inScene(t, func(w *scene) {
				row.set(w)
				w.model.Delay(2 * time.Second)
				th := w.thread("do you ship to Austria?")
				w.sim.ChangeThread(th.ID, func(t *inboxapi.Thread) { t.Variant = inboxapi.VariantXChat })
				// The send takes its time: a signal that was late would come beside it.
				defer w.sim.Inject(inboxapitest.Fault{Operation: opSend, Kind: inboxapitest.SlowAfter, Delay: 2 * time.Second})()
				w.during(9 * time.Minute)
				if got := w.sim.Requests()[opTyping]; got != row.want {
					t.Errorf("%d signals, want %d", got, row.want)
				}
			})
		})
	}
}

const opTyping = "threads.thread.typing"

// slowTyping is an Inbox whose limiter lets signals wait.
type slowTyping struct {
	bot.Inbox
	wait time.Duration
}

func (s slowTyping) Typing(ctx context.Context, thread string) (inboxapi.TypingResult, error) {
	select {
	case <-ctx.Done():
		return inboxapi.TypingResult{}, ctx.Err()
	case <-time.After(s.wait):
	}
	return s.Inbox.Typing(ctx, thread)
}
