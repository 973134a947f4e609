package bot_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"inboxbot/bot"
	"inboxbot/inboxapi"
	"inboxbot/inboxapi/inboxapitest"
)

func TestAnswersOnceHoweverOftenItLooks(t *testing.T) {
	inScene(t, func(w *scene) {
		th := w.thread("do you ship to Austria?")
		w.once()
		w.once()
		w.during(time.Hour)
		w.said(th.ID, "ok")
		w.outcome(th.ID, bot.Reply, "default")
	})
}

func TestABurstGetsOneReplyAfterItHasSettled(t *testing.T) {
	inScene(t, func(w *scene) {
		w.cfg.Settle, w.cfg.SettleMax = 15*time.Second, time.Minute
		th := w.thread("hello")
		go func() {
			for _, text := range []string{"I have", "a question", "about decaf"} {
				time.Sleep(9 * time.Second)
				w.sim.Receive(th.ID, text)
			}
		}()
		w.during(5 * time.Minute)
		w.said(th.ID, "ok")
		if p := w.model.Prompts(); len(p) != 1 || len(p[0].Chat) != 4 {
			t.Errorf("the model saw %d prompts, the first of %d messages; want 1 of 4", len(p), len(p[0].Chat))
		}
	})
}

func TestSettlingIsBounded(t *testing.T) {
	inScene(t, func(w *scene) {
		w.cfg.Settle, w.cfg.SettleMax = 15*time.Second, time.Minute
		th := w.thread("hello")
		start := time.Now()
		go func() {
			for range 20 { // somebody who never stops typing
				time.Sleep(10 * time.Second)
				w.sim.Receive(th.ID, "and")
			}
		}()
		var first time.Time
		w.sim.OnSend(func(inboxapi.Thread, inboxapi.Message) {
			if first.IsZero() {
				first = time.Now()
			}
		})
		w.during(4 * time.Minute)
		if took := first.Sub(start); first.IsZero() || took > 75*time.Second {
			t.Errorf("the first reply came after %v, want within SettleMax and a sweep", took)
		}
	})
}

func TestADraftIsThrownAway(t *testing.T) {
	for name, meanwhile := range map[string]func(*scene, inboxapi.Thread){
		"the prospect writes again": func(w *scene, th inboxapi.Thread) { w.sim.Receive(th.ID, "oh, and one more thing") },
		"a person answers":          func(w *scene, th inboxapi.Thread) { w.sim.Write(th.ID, inboxapitest.PersonInInbox, "I am on it") },
		"a person answers in X":     func(w *scene, th inboxapi.Thread) { w.sim.Write(th.ID, inboxapitest.PersonInX, "I am on it") },
		"the message is edited": func(w *scene, th inboxapi.Thread) {
			w.sim.EditMessage(th.ID, w.sim.Transcript(th.ID)[0].ID, "do you ship to Iceland?")
		},
		"the message is deleted": func(w *scene, th inboxapi.Thread) {
			w.sim.DeleteMessage(th.ID, w.sim.Transcript(th.ID)[0].ID)
		},
		"it is tagged for a person": func(w *scene, th inboxapi.Thread) { w.sim.TagProspect(th.ID, "needs-human") },
	} {
		t.Run(name, func(t *testing.T) {
			inScene(t, func(w *scene) {
				th := w.thread("do you ship to Austria?")
				w.model.Delay(40 * time.Second)
				go func() {
					time.Sleep(20 * time.Second) // the model is thinking
					meanwhile(w, th)
					w.model.Delay(time.Second)
				}()
				w.during(30 * time.Second)
				w.said(th.ID) // the first draft never
			})
		})
	}
}

func TestAPersonWhoTookOverIsNotTalkedOver(t *testing.T) {
	inScene(t, func(w *scene) {
		th := w.thread("my grinder is broken")
		w.sim.Write(th.ID, inboxapitest.PersonInInbox, "Robin here, what does it do?")
		w.sim.Receive(th.ID, "nothing at all")
		w.during(23 * time.Hour)
		w.said(th.ID)
		w.outcome(th.ID, bot.Wait, "person-took-over")
	})
}

func TestAnswersWhenThePersonForgot(t *testing.T) {
	inScene(t, func(w *scene) {
		th := w.thread("my grinder is broken")
		w.sim.Write(th.ID, inboxapitest.PersonInInbox, "Robin here, what does it do?")
		w.sim.Receive(th.ID, "nothing at all")
		w.during(25 * time.Hour) // past BOT_TAKEOVER_PAUSE: nobody is lost
		w.said(th.ID, "ok")
	})
}

func TestSafetyGuards(t *testing.T) {
	type at = func(*scene) inboxapi.Thread
	add := func(n inboxapitest.NewThread, texts ...string) at {
		return func(w *scene) inboxapi.Thread {
			th := w.sim.AddThread(n)
			for _, text := range texts {
				w.sim.Receive(th.ID, text)
			}
			return th
		}
	}
	for _, row := range []struct {
		name  string
		world at
		want  bot.Action
		guard string
	}{
		{"older messages are being imported", add(inboxapitest.NewThread{Syncing: true}, "hi"), bot.Wait, "syncing"},
		{"already handed over", add(inboxapitest.NewThread{Tags: []string{"Needs-Human"}}, "hi"), bot.Skip, "handed-over"},
		{"handed over by a guard's own tag", add(inboxapitest.NewThread{Tags: []string{"vip-waiting"}}, "hi"), bot.Skip, "handed-over"},
		{"its account is offline", func(w *scene) inboxapi.Thread {
			th := w.thread("hi")
			w.sim.SetAccountStatus(th.AccountLinkID, "offline")
			return th
		}, bot.Wait, "account-offline"},
		{"too old when first seen", func(w *scene) inboxapi.Thread {
			th := w.thread("hi")
			time.Sleep(25 * time.Hour)
			return th
		}, bot.Skip, "too-old"},
		{"nobody knows who wrote", func(w *scene) inboxapi.Thread {
			th := w.thread()
			w.sim.Receive(th.ID, "hi", inboxapitest.By("someoneelse"))
			return th
		}, bot.Handoff, "unknown-author"},
		{"two accounts of the team talk to each other", func(w *scene) inboxapi.Thread {
			other := w.sim.AddAccount(inboxapi.AccountLink{Username: "sister"})
			brother := w.sim.AddAccount(inboxapi.AccountLink{Username: "brother"})
			th := w.sim.AddThread(inboxapitest.NewThread{Account: other.ID, Profile: func(p *inboxapi.Prospect) {
				p.PlatformID = brother.PlatformID
			}})
			w.sim.Receive(th.ID, "hello sister")
			return th
		}, bot.Skip, "own-account"},
	} {
		t.Run(row.name, func(t *testing.T) {
			inScene(t, func(w *scene) {
				w.sim.AddAccount(inboxapi.AccountLink{})
				th := row.world(w)
				w.once()
				w.outcome(th.ID, row.want, row.guard)
				w.said(th.ID)
			})
		})
	}
}

func TestWhatSitsInOtherViewsIsSeenInTime(t *testing.T) {
	inScene(t, func(w *scene) {
		request := w.sim.AddThread(inboxapitest.NewThread{Request: true})
		w.sim.Receive(request.ID, "hi")
		archived := w.thread("hi")
		w.sim.Archive(archived.ID, true)
		w.during(10 * time.Minute)
		w.outcome(request.ID, bot.Skip, "request")
		w.said(request.ID)
		w.said(archived.ID, "ok")

		w.cfg.AnswerRequests = true
		w.during(time.Minute)
		w.said(request.ID, "ok")
	})
}

func TestCapOfReplies(t *testing.T) {
	inScene(t, func(w *scene) {
		w.cfg.MaxReplies = 3
		th := w.thread()
		for range 5 {
			w.sim.Receive(th.ID, "and?")
			w.once()
			time.Sleep(time.Minute)
		}
		w.said(th.ID, "ok", "ok", "ok")
		if tags := w.sim.TagNames(th.ID); strings.Join(tags, ",") != "needs-human" {
			t.Errorf("tags %q, want needs-human", tags)
		}
	})
}

func TestHandoff(t *testing.T) {
	inScene(t, func(w *scene) {
		robin := w.sim.AddMember(inboxapi.Member{Email: "robin@example.com"})
		th := w.sim.AddThread(inboxapitest.NewThread{Tags: []string{"VIP"}, Notes: "Met at the fair.\n"})
		w.sim.Receive(th.ID, "call me")
		w.rules.judge = guard("VIP", bot.Outcome{Action: bot.Handoff, Reason: "VIPs get a person", Tag: "vip-waiting", Assign: "Robin@example.com"})
		w.once()
		w.said(th.ID)
		if tags := strings.Join(w.sim.TagNames(th.ID), ","); tags != "VIP,vip-waiting" {
			t.Errorf("tags %s", tags)
		}
		got, _ := w.sim.Thread(th.ID)
		if got.AssigneeID == nil || *got.AssigneeID != robin.ID {
			t.Errorf("not assigned to Robin")
		}
		notes := *w.sim.Prospect(th.ID).Context.Notes
		if !strings.HasPrefix(notes, "Met at the fair.\n[inboxbot ") || !strings.HasSuffix(notes, "handed over (rule): VIPs get a person\n  They wrote: \"call me\"") {
			t.Errorf("notes %q", notes)
		}
		before := w.sim.Requests()["prospects.update"]
		w.during(time.Hour)
		if after := w.sim.Requests()["prospects.update"]; after != before {
			t.Errorf("the prospect was updated %d times more", after-before)
		}
	})
}

func TestModelDecides(t *testing.T) {
	for _, row := range []struct {
		name    string
		answers []string // the model's, in order; the last is repeated
		want    bot.Action
		asked   int
	}{
		{"a person should answer", []string{decision(bot.Decision{Action: bot.Handoff, Confidence: 1, Reason: "asks for one"})}, bot.Handoff, 1},
		{"nothing to answer", []string{decision(bot.Decision{Action: bot.Skip, Confidence: 1, Reason: "thanks"})}, bot.Skip, 1},
		{"nonsense, then sense", []string{"hello!", answer("ok")}, bot.Reply, 2},
		{"nonsense twice", []string{"hello!"}, bot.Handoff, 2},
		{"an empty reply twice", []string{answer("  ")}, bot.Handoff, 2},
	} {
		t.Run(row.name, func(t *testing.T) {
			inScene(t, func(w *scene) {
				n := 0
				w.model = modelOf(func() (string, error) {
					n++
					return row.answers[min(n, len(row.answers))-1], nil
				})
				th := w.thread("hi")
				w.once()
				w.once()
				if h := w.last(th.ID); h.Outcome != row.want {
					t.Errorf("outcome %s (%s), want %s", h.Outcome, h.Reason, row.want)
				}
				if n != row.asked {
					t.Errorf("the model was asked %d times, want %d", n, row.asked)
				}
			})
		})
	}
}

func TestAModelOutageWaitsAndThenHandsOver(t *testing.T) {
	inScene(t, func(w *scene) {
		down := true
		w.model = modelOf(func() (string, error) {
			if down {
				return "", bot.ErrModelUnavailable
			}
			return answer("ok"), nil
		})
		early := w.thread("hi")
		w.during(9 * time.Minute)
		w.outcome(early.ID, bot.Wait, "model-down")
		down = false
		w.during(2 * time.Minute)
		w.said(early.ID, "ok")

		down = true
		late := w.thread("anybody there?")
		w.during(12 * time.Minute)
		w.outcome(late.ID, bot.Handoff, "model-down")
		w.said(late.ID)
	})
}

func TestChecksReviewTheDraft(t *testing.T) {
	inScene(t, func(w *scene) {
		w.rules.review = func(_ *bot.Conversation, d bot.Decision) bot.Verdict {
			if strings.Contains(d.Reply, "free") {
				return bot.Verdict{Guard: "no-gifts", Outcome: bot.Outcome{Action: bot.Handoff, Reason: "promises a gift"}}
			}
			return bot.Verdict{Outcome: bot.Outcome{Action: bot.Reply}}
		}
		w.model = modelOf(func() (string, error) { return answer("it is free"), nil })
		th := w.thread("hi")
		w.once()
		w.outcome(th.ID, bot.Handoff, "no-gifts")
		w.said(th.ID)
	})
}

func TestADryRunSendsNothingAndGoingLiveStartsAfresh(t *testing.T) {
	inScene(t, func(w *scene) {
		th := w.thread("hi")
		tagged := w.sim.AddThread(inboxapitest.NewThread{Tags: []string{"VIP"}})
		w.sim.Receive(tagged.ID, "hi")
		w.rules.judge = guard("VIP", bot.Outcome{Action: bot.Handoff, Reason: "VIP"})
		w.cfg.Live = false
		w.during(10 * time.Minute)
		w.outcome(th.ID, bot.Reply, "default")
		for op, n := range w.sim.Requests() {
			if strings.Contains(op, "create") || strings.Contains(op, "update") || strings.Contains(op, "typing") {
				t.Errorf("a dry run made %d requests %s", n, op)
			}
		}
		if n := len(w.model.Prompts()); n != 1 {
			t.Errorf("the model was asked %d times about one message", n)
		}
	})
}

// A reply of the bot that lands behind a message it has not seen answers what was
// asked before, not that message.
func TestAMessageHiddenByALateReplyIsAnswered(t *testing.T) {
	inScene(t, func(w *scene) {
		th := w.thread("first")
		remove := w.sim.Inject(inboxapitest.Fault{Operation: opSend, Kind: inboxapitest.LateCommit, Delay: 5 * time.Second, Times: 1})
		defer remove()
		go func() {
			time.Sleep(2 * time.Second)
			w.sim.Receive(th.ID, "second")
		}()
		w.during(10 * time.Minute)
		w.said(th.ID, "ok", "ok")
	})
}

const opSend = "threads.thread.messages.create"

func TestASendInDoubtIsNeverRepeated(t *testing.T) {
	for _, row := range []struct {
		name  string
		fault inboxapitest.Fault
		want  []string
		human bool
	}{
		{"500 after it was stored", inboxapitest.Fault{Kind: inboxapitest.FailAfter}, []string{"ok"}, false},
		{"500 before it was stored", inboxapitest.Fault{Kind: inboxapitest.FailBefore}, nil, true},
		{"reset after it was stored", inboxapitest.Fault{Kind: inboxapitest.ResetAfter}, []string{"ok"}, false},
		{"reset before it was stored", inboxapitest.Fault{Kind: inboxapitest.ResetBefore}, nil, true},
		{"no answer at all", inboxapitest.Fault{Kind: inboxapitest.HangAfter}, []string{"ok"}, false},
		{"stored seconds later", inboxapitest.Fault{Kind: inboxapitest.LateCommit, Delay: 8 * time.Second}, []string{"ok"}, false},
		{"429", inboxapitest.Fault{Kind: inboxapitest.RateLimit, Delay: 20 * time.Second}, []string{"ok"}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			inScene(t, func(w *scene) {
				th := w.thread("hi")
				row.fault.Operation, row.fault.Times = opSend, 1
				defer w.sim.Inject(row.fault)()
				w.during(10 * time.Minute)
				w.said(th.ID, row.want...)
				human := strings.Contains(strings.Join(w.sim.TagNames(th.ID), ","), "needs-human")
				if human != row.human {
					t.Errorf("handed to a person: %v, want %v", human, row.human)
				}
				if open := w.store.Open(); len(open) > 0 {
					t.Errorf("still open: %v", open)
				}
			})
		})
	}
}

func TestWithoutItsStoreNothingIsSent(t *testing.T) {
	inScene(t, func(w *scene) {
		th := w.thread("hi")
		w.store.Fail(errors.New("connection refused"))
		go func() {
			time.Sleep(30 * time.Minute)
			w.said(th.ID)
			w.store.Fail(nil)
		}()
		w.during(40 * time.Minute)
		w.said(th.ID, "ok")
	})
}

func TestWhenInboxIsDownEverythingWaits(t *testing.T) {
	inScene(t, func(w *scene) {
		th := w.thread("hi")
		remove := w.sim.Inject(inboxapitest.Fault{Kind: inboxapitest.FailBefore, Probability: 1})
		go func() {
			time.Sleep(time.Hour)
			remove()
		}()
		w.during(70 * time.Minute)
		w.said(th.ID, "ok")
	})
}

func TestReadyTellsWhatIsWrong(t *testing.T) {
	inScene(t, func(w *scene) {
		w.thread("hi")
		b := w.start()
		if err := b.Ready(); err == nil {
			t.Error("ready before the first sweep")
		}
		done := make(chan error)
		ctx, cancel := w.context()
		go func() { done <- b.Run(ctx) }()
		time.Sleep(time.Minute)
		if err := b.Ready(); err != nil {
			t.Errorf("not ready: %v", err)
		}
		w.store.Fail(errors.New("connection refused"))
		time.Sleep(10 * time.Second)
		if err := b.Ready(); err == nil || !strings.Contains(err.Error(), "REDIS_URL") {
			t.Errorf("the store is down and readiness says %v", err)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestStopsWhenTheTokenIsRefused(t *testing.T) {
	inScene(t, func(w *scene) {
		w.thread("hi")
		remove := w.sim.Inject(inboxapitest.Fault{Kind: inboxapitest.FailBefore, Status: 401, Probability: 1})
		b := w.start()
		ctx, cancel := w.context()
		done := make(chan error)
		go func() { done <- b.Run(ctx) }()
		time.Sleep(time.Minute)
		if err := b.Ready(); err == nil || !strings.Contains(err.Error(), "INBOX_API_TOKEN") {
			t.Errorf("readiness says %v, want the variable's name", err)
		} else if strings.Contains(err.Error(), "secret-token") {
			t.Errorf("readiness shows the token: %v", err)
		}
		remove()
		time.Sleep(5 * time.Minute)
		if err := b.Ready(); err != nil {
			t.Errorf("the token works again and readiness says %v", err)
		}
		cancel()
		<-done
	})
}

// paused is a switch that a test turns.
type paused struct{ on atomic.Bool }

func (p *paused) Paused(context.Context) (string, time.Time, bool, error) {
	return "stock-taking", time.Unix(0, 0), p.on.Load(), nil
}

func TestPauseStopsSendingAtOnceAndLosesNobody(t *testing.T) {
	inScene(t, func(w *scene) {
		sw := &paused{}
		w.sw = sw
		w.model.Delay(30 * time.Second)
		th := w.thread("hi")
		b := w.start()
		ctx, cancel := w.context()
		done := make(chan error)
		go func() { done <- b.Run(ctx) }()
		time.Sleep(10 * time.Second)
		sw.on.Store(true) // while the model thinks
		time.Sleep(time.Hour)
		w.said(th.ID)
		if err := b.Ready(); err == nil || !strings.Contains(err.Error(), "stock-taking") {
			t.Errorf("readiness says %v, want the reason of the pause", err)
		}
		sw.on.Store(false)
		time.Sleep(5 * time.Minute)
		w.said(th.ID, "ok")
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestEverythingDownAtOnceForAnHour(t *testing.T) {
	inScene(t, func(w *scene) {
		var threads []inboxapi.Thread
		for range 50 {
			threads = append(threads, w.thread("hi"))
		}
		var back atomic.Bool
		w.model = modelOf(func() (string, error) {
			if !back.Load() {
				return "", bot.ErrModelUnavailable
			}
			return answer("ok"), nil
		})
		remove := w.sim.Inject(inboxapitest.Fault{Kind: inboxapitest.ResetBefore, Probability: 1})
		w.store.Fail(errors.New("connection refused"))
		go func() {
			time.Sleep(time.Hour)
			w.store.Fail(nil)
			time.Sleep(time.Minute)
			remove()
			time.Sleep(time.Minute)
			back.Store(true)
		}()
		before := w.sim.Requests()["threads.list"]
		w.during(90 * time.Minute)
		for _, th := range threads {
			w.said(th.ID, "ok")
		}
		if n := w.sim.Requests()["threads.list"] - before; n > 800 {
			t.Errorf("%d list requests in 90 minutes, most of them in vain", n)
		}
	})
}
