package bot_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"inboxbot/bot"
	"inboxbot/bot/bottest"
	"inboxbot/inboxapi"
	"inboxbot/inboxapi/inboxapitest"
)

// approving makes every reply of the scene wait for a person.
func (w *scene) approving() {
	w.cfg.Approve = true
	w.deps = func(d *bot.Deps) { d.Drafts = w.store }
}

// decide is a person of the team deciding about a thread's draft.
func (w *scene) decide(thread string, to bot.DraftState, final string) {
	w.t.Helper()
	d := w.draft(thread)
	if err := w.store.DecideDraft(w.t.Context(), thread, d.ID, to, final, "robin"); err != nil {
		w.t.Fatalf("decide: %v", err)
	}
}

func (w *scene) draft(thread string) bot.Draft {
	w.t.Helper()
	d, err := w.store.Draft(w.t.Context(), thread)
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

// What a person decides is done at once, and once.
func TestDraftIsDecided(t *testing.T) {
	for _, row := range []struct {
		name   string
		to     bot.DraftState
		final  string
		said   []string
		want   bot.Action
		guard  string
		end    bot.DraftState
		tagged bool
	}{
		{"approved", bot.DraftApproved, "", []string{"ok"}, bot.Reply, "default", bot.DraftSent, false},
		{"edited and approved", bot.DraftApproved, "ok, and have a nice day", []string{"ok, and have a nice day"}, bot.Reply, "default", bot.DraftSent, false},
		{"rejected", bot.DraftRejected, "", nil, bot.Skip, "approval", bot.DraftRejected, false},
		{"given to a person", bot.DraftHandoff, "", nil, bot.Handoff, "approval", bot.DraftHandoff, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			inScene(t, func(w *scene) {
				w.approving()
				th := w.thread("when do you open?")
				ctx, stop := w.context()
				done := make(chan error)
				go func() { done <- w.start().Run(ctx) }()
				time.Sleep(time.Minute)
				w.said(th.ID)
				w.outcome(th.ID, bot.Wait, "default")
				if d := w.draft(th.ID); d.State != bot.DraftWaiting || d.Text != "ok" || d.Asked != "when do you open?" {
					t.Errorf("draft %+v", d)
				}
				w.decide(th.ID, row.to, row.final)
				time.Sleep(5 * time.Second)
				w.said(th.ID, row.said...)
				w.outcome(th.ID, row.want, row.guard)
				time.Sleep(48 * time.Hour)
				w.said(th.ID, row.said...)
				if d := w.draft(th.ID); d.State != row.end {
					t.Errorf("the draft is %s, want %s", d.State, row.end)
				}
				if tags := w.sim.TagNames(th.ID); (len(tags) > 0) != row.tagged {
					t.Errorf("tags %q", tags)
				}
				if n := len(w.model.Prompts()); n != 1 {
					t.Errorf("the model was asked %d times", n)
				}
				stop()
				<-done
			})
		})
	}
}

// A draft stands only while the thread says what it answered: whatever happens
// meanwhile, it is withdrawn, and approving it comes too late.
func TestDraftIsWithdrawn(t *testing.T) {
	for _, row := range []struct {
		name   string
		happen func(w *scene, th inboxapi.Thread)
		drafts int // made in all
	}{
		{"the prospect writes more", func(w *scene, th inboxapi.Thread) { w.sim.Receive(th.ID, "and on Sundays?") }, 2},
		{"a person answers", func(w *scene, th inboxapi.Thread) { w.sim.Write(th.ID, inboxapitest.PersonInInbox, "At nine.") }, 1},
		{"a person takes it over by the tag", func(w *scene, th inboxapi.Thread) { w.sim.TagProspect(th.ID, "needs-human") }, 1},
		{"the question is edited", func(w *scene, th inboxapi.Thread) {
			w.sim.EditMessage(th.ID, w.sim.Transcript(th.ID)[0].ID, "when do you close?")
		}, 2},
		{"the rules change", func(w *scene, _ inboxapi.Thread) {
			w.rules.judge = func(*bot.Conversation) bot.Verdict {
				return bot.Verdict{Guard: "quiet", Outcome: bot.Outcome{Action: bot.Skip}}
			}
		}, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			inScene(t, func(w *scene) {
				w.approving()
				th := w.thread("when do you open?")
				w.during(time.Minute)
				first := w.draft(th.ID)
				row.happen(w, th)
				w.during(3 * time.Hour)
				if err := w.store.DecideDraft(t.Context(), th.ID, first.ID, bot.DraftApproved, "", "robin"); err == nil {
					t.Error("the draft can still be approved")
				}
				w.during(time.Hour)
				w.said(th.ID)
				if n := len(w.model.Prompts()); n != row.drafts {
					t.Errorf("%d drafts were made, want %d", n, row.drafts)
				}
			})
		})
	}
}

// The draft of a guard that wants approval is overtaken by a message that is dealt
// with in another way: nobody is left with a draft that waits for nothing.
func TestDraftOfAGuardIsOvertaken(t *testing.T) {
	later := func(o bot.Outcome) func(*bot.Conversation) bot.Verdict {
		return func(c *bot.Conversation) bot.Verdict {
			if last, ok := c.Last(); !ok || last.Text == "do you do wholesale?" {
				return bot.Verdict{Guard: "test", Outcome: bot.Outcome{Action: bot.Reply, Approve: true}}
			}
			return bot.Verdict{Guard: "test", Outcome: o}
		}
	}
	for _, row := range []struct {
		name  string
		later bot.Outcome
		sent  int
	}{
		{"answered at once", bot.Outcome{Action: bot.Reply}, 1},
		{"handed over", bot.Outcome{Action: bot.Handoff, Reason: "money back"}, 0},
		{"left alone", bot.Outcome{Action: bot.Skip, Reason: "assigned"}, 0},
		{"made to wait", bot.Outcome{Action: bot.Wait, Reason: "closed"}, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			inScene(t, func(w *scene) {
				w.rules.judge = later(row.later)
				w.gen = func(g *bot.Generation) { g.Approves = true }
				w.deps = func(d *bot.Deps) { d.Drafts = w.store }
				th := w.thread("do you do wholesale?")
				w.during(time.Minute)
				if d := w.draft(th.ID); d.State != bot.DraftWaiting {
					t.Fatalf("the draft is %q", d.State)
				}
				w.sim.Receive(th.ID, "and what does shipping cost?")
				w.during(10 * time.Minute)
				if d := w.draft(th.ID); d.State != bot.DraftWithdrawn {
					t.Errorf("the draft is %q", d.State)
				}
				if got := w.sent(th.ID); len(got) != row.sent {
					t.Errorf("sent %q", got)
				}
			})
		})
	}
}

// Approved and overtaken in the same moment: the draft is not sent.
func TestApprovedDraftIsOvertaken(t *testing.T) {
	inScene(t, func(w *scene) {
		w.approving()
		th := w.thread("when do you open?")
		w.during(time.Minute)
		w.decide(th.ID, bot.DraftApproved, "")
		w.sim.Write(th.ID, inboxapitest.PersonInInbox, "At nine.")
		w.during(time.Hour)
		w.said(th.ID)
		if d := w.draft(th.ID); d.State != bot.DraftWithdrawn {
			t.Errorf("the draft is %s", d.State)
		}
	})
}

// Approved, and to be tried again: by then a person may have taken the thread, which
// withdraws the draft. A guard of the rules does not.
func TestApprovedDraftIsOvertakenBeforeItIsTriedAgain(t *testing.T) {
	for _, row := range []struct {
		name   string
		happen func(w *scene, thread string)
		state  bot.DraftState
		said   []string
	}{
		{"a person takes it over by the tag", func(w *scene, id string) { w.sim.TagProspect(id, "needs-human") }, bot.DraftWithdrawn, nil},
		{"a person answers", func(w *scene, id string) { w.sim.Write(id, inboxapitest.PersonInX, "At nine.") }, bot.DraftWithdrawn, nil},
		{"a guard leaves it alone", func(w *scene, id string) { w.sim.TagProspect(id, "quiet") }, bot.DraftSent, []string{"ok"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			inScene(t, func(w *scene) {
				w.sim.AddTag("needs-human")
				w.rules.judge = guard("quiet", bot.Outcome{Action: bot.Skip})
				w.approving()
				th := w.thread("when do you open?")
				stop := w.inBackground()
				time.Sleep(time.Minute)
				defer w.sim.Inject(inboxapitest.Fault{Operation: opSend, Kind: inboxapitest.RateLimit, Times: 1, Delay: 40 * time.Second})()
				w.decide(th.ID, bot.DraftApproved, "")
				time.Sleep(10 * time.Second)
				row.happen(w, th.ID)
				time.Sleep(time.Hour)
				w.sim.UntagProspect(th.ID, "needs-human")
				if d := w.draft(th.ID); d.State != row.state {
					t.Errorf("the draft is %s, want %s", d.State, row.state)
				}
				time.Sleep(time.Hour)
				stop()
				w.said(th.ID, row.said...)
			})
		})
	}
}

// Nobody decided: a person gets the thread, also when it was all too long ago for
// the bot to answer.
func TestDraftExpires(t *testing.T) {
	inScene(t, func(w *scene) {
		w.approving()
		w.cfg.DraftTTL = 30 * time.Hour
		th := w.thread("when do you open?")
		w.during(31 * time.Hour)
		w.said(th.ID)
		w.outcome(th.ID, bot.Handoff, "approval")
		if d := w.draft(th.ID); d.State != bot.DraftExpired {
			t.Errorf("the draft is %s", d.State)
		}
		if tags := strings.Join(w.sim.TagNames(th.ID), ","); tags != "needs-human" {
			t.Errorf("tags %q", tags)
		}
	})
}

// A draft that nobody approves goes to a person in time, also when opening hours end
// before: it is not made anew each morning with another day to wait. What a person
// approves in the night is sent in the night.
func TestADraftOutlastsTheNight(t *testing.T) {
	for _, row := range []struct {
		name   string
		happen func(w *scene, th inboxapi.Thread) // in the night
		then   []string                           // said before it is day
		want   bot.Action
		guard  string
	}{
		{"nobody approves it", func(*scene, inboxapi.Thread) {}, nil, bot.Handoff, "approval"},
		{"a person approves it in the night", func(w *scene, th inboxapi.Thread) {
			w.decide(th.ID, bot.DraftApproved, "")
		}, []string{"ok"}, bot.Reply, "default"},
	} {
		t.Run(row.name, func(t *testing.T) {
			inScene(t, func(w *scene) {
				w.approving()
				w.rules.judge = func(c *bot.Conversation) bot.Verdict {
					if hour := c.Now.Hour(); hour < 9 || hour >= 18 {
						return bot.Verdict{Guard: "closed", Outcome: bot.Outcome{Action: bot.Wait, Reason: "closed"}}
					}
					return alwaysReply(c)
				}
				time.Sleep(15 * time.Hour) // the bubble begins at midnight
				th := w.thread("do you ship to Austria?")
				w.during(5 * time.Hour)
				row.happen(w, th)
				w.during(time.Minute)
				w.said(th.ID, row.then...)
				w.during(24 * time.Hour)
				w.said(th.ID, row.then...)
				w.outcome(th.ID, row.want, row.guard)
				if n := len(w.model.Prompts()); n != 1 {
					t.Errorf("the model was asked %d times, want one draft", n)
				}
			})
		})
	}
}

// A person who held a thread beyond its draft's time and gives it back wants it answered:
// there is a draft anew, with its own time.
func TestGivenBackAfterTheDraftsTime(t *testing.T) {
	inScene(t, func(w *scene) {
		w.approving()
		th := w.thread("when do you open?")
		stop := w.inBackground()
		time.Sleep(time.Hour)
		w.sim.TagProspect(th.ID, "vip-waiting")
		time.Sleep(22*time.Hour + 50*time.Minute)
		w.sim.UntagProspect(th.ID, "vip-waiting")
		time.Sleep(5 * time.Hour)
		if d := w.draft(th.ID); d.State != bot.DraftWaiting {
			t.Errorf("its draft is %q, want one that waits", d.State)
		}
		stop()
		if tags := w.sim.TagNames(th.ID); len(tags) > 0 {
			t.Errorf("tags %q, want none", tags)
		}
	})
}

// A prospect who writes on takes no time from the person who is to answer: a draft
// about what an earlier one was about expires when that one would have.
func TestWritingOnDoesNotPutOffAPerson(t *testing.T) {
	closedFrom := func(from, to time.Duration) func(w *scene) {
		return func(w *scene) {
			start := time.Now()
			w.rules.judge = func(c *bot.Conversation) bot.Verdict {
				if since := c.Now.Sub(start); since >= from && since < to {
					return bot.Verdict{Guard: "closed", Outcome: bot.Outcome{Action: bot.Wait, Reason: "closed"}}
				}
				return alwaysReply(c)
			}
		}
	}
	always := func(*scene) {}
	slowModel := func(w *scene) {
		w.model = modelOf(func() (string, error) { time.Sleep(time.Second); return answer("ok"), nil })
	}
	for _, row := range []struct {
		name   string
		world  func(w *scene)
		writes []time.Duration // after the first message
		until  time.Duration
		want   bot.Action
		end    bot.DraftState
		drafts int
	}{
		{"every 5 hours", always, []time.Duration{5 * time.Hour}, 7 * time.Hour, bot.Handoff, bot.DraftExpired, 2},
		{"every 100 minutes", always, []time.Duration{100 * time.Minute, 200 * time.Minute, 300 * time.Minute}, 7 * time.Hour, bot.Handoff, bot.DraftExpired, 4},
		{"not before its time", always, []time.Duration{5 * time.Hour}, 350 * time.Minute, bot.Wait, bot.DraftWaiting, 2},
		{"a minute before the end", always, []time.Duration{6*time.Hour - 2*time.Second}, 7 * time.Hour, bot.Handoff, bot.DraftExpired, 2},
		{"so late that the model thinks to the end", slowModel, []time.Duration{6 * time.Hour}, 7 * time.Hour, bot.Handoff, bot.DraftExpired, 2},
		{"out of hours, which last beyond the end", closedFrom(4*time.Hour, 8*time.Hour), []time.Duration{5 * time.Hour}, 9 * time.Hour, bot.Handoff, bot.DraftWithdrawn, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			inScene(t, func(w *scene) {
				w.approving()
				w.cfg.DraftTTL = 6 * time.Hour
				row.world(w)
				th := w.thread("do you ship to Austria?")
				start := time.Now()
				for _, after := range row.writes {
					w.during(time.Until(start.Add(after)))
					w.sim.Receive(th.ID, "hello?")
				}
				w.during(time.Until(start.Add(row.until)))
				w.said(th.ID)
				h := w.last(th.ID)
				if h.Outcome != row.want || h.Outcome == bot.Handoff && (h.Guard != "approval" || h.Reason != "nobody approved the draft within 6h") {
					t.Errorf("%s by %s (%s), want %s", h.Outcome, h.Guard, h.Reason, row.want)
				}
				if tagged := len(w.sim.TagNames(th.ID)) > 0; tagged != (row.want == bot.Handoff) {
					t.Errorf("tags %q", w.sim.TagNames(th.ID))
				}
				if d := w.draft(th.ID); d.State != row.end {
					t.Errorf("the draft is %s, want %s", d.State, row.end)
				}
				if n := len(w.model.Prompts()); n != row.drafts {
					t.Errorf("%d drafts were made, want %d", n, row.drafts)
				}
			})
		})
	}
}

// A draft about what comes after an answer has all of its time.
func TestADraftAfterAnAnswerHasItsOwnTime(t *testing.T) {
	for _, row := range []struct {
		name   string
		answer func(w *scene, th inboxapi.Thread)
		said   []string
	}{
		{"the draft was approved", func(w *scene, th inboxapi.Thread) { w.decide(th.ID, bot.DraftApproved, "") }, []string{"ok"}},
		{"the draft was rejected", func(w *scene, th inboxapi.Thread) { w.decide(th.ID, bot.DraftRejected, "") }, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			inScene(t, func(w *scene) {
				w.approving()
				w.cfg.DraftTTL = 6 * time.Hour
				th := w.thread("do you ship to Austria?")
				w.during(time.Hour)
				row.answer(w, th)
				w.during(5 * time.Hour)
				w.sim.Receive(th.ID, "and to Spain?")
				w.during(330 * time.Minute)
				w.said(th.ID, row.said...)
				if d := w.draft(th.ID); d.State != bot.DraftWaiting {
					t.Errorf("the draft is %s", d.State)
				}
				w.during(2 * time.Hour)
				w.outcome(th.ID, bot.Handoff, "approval")
			})
		})
	}
}

// A send that certainly did not happen is tried again; nobody approves twice.
func TestApprovedDraftIsRetried(t *testing.T) {
	for _, after := range []time.Duration{time.Minute, 24*time.Hour - 2*time.Second} {
		t.Run("approved after "+after.String(), func(t *testing.T) { approvedDraftIsRetried(t, after) })
	}
}

func approvedDraftIsRetried(t *testing.T, after time.Duration) {
	t.Helper()
	inScene(t, func(w *scene) {
		w.approving()
		th := w.thread("when do you open?")
		w.during(after)
		defer w.sim.Inject(inboxapitest.Fault{Operation: opSend, Kind: inboxapitest.RateLimit, Times: 2, Probability: 1, Delay: 2 * time.Minute})()
		w.decide(th.ID, bot.DraftApproved, "")
		w.during(10 * time.Minute)
		w.said(th.ID, "ok")
		if n := len(w.model.Prompts()); n != 1 {
			t.Errorf("the model was asked %d times", n)
		}
		if d := w.draft(th.ID); d.State != bot.DraftSent {
			t.Errorf("the draft is %s", d.State)
		}
	})
}

// An approved draft whose answer is lost is looked up, never sent again.
func TestApprovedDraftInDoubt(t *testing.T) {
	inScene(t, func(w *scene) {
		w.approving()
		th := w.thread("when do you open?")
		w.during(time.Minute)
		defer w.sim.Inject(inboxapitest.Fault{Operation: opSend, Kind: inboxapitest.ResetAfter, Times: 1, Probability: 1})()
		w.decide(th.ID, bot.DraftApproved, "")
		w.during(10 * time.Minute)
		w.said(th.ID, "ok")
		if d := w.draft(th.ID); d.State != bot.DraftSent {
			t.Errorf("the draft is %s", d.State)
		}
	})
}

// A draft that waits costs next to nothing.
func TestWaitingDraftCostsFewRequests(t *testing.T) {
	inScene(t, func(w *scene) {
		w.approving()
		for range 10 {
			w.thread("hi")
		}
		w.during(time.Minute)
		w.sim.ResetCounts()
		w.during(4 * time.Hour)
		r := w.sim.Requests()
		if n := r[opMessages] + r[opThread]; n > 10*5 {
			t.Errorf("10 drafts cost %d requests in four hours", n)
		}
	})
}

// A process may be killed between keeping a draft and noting in the ledger that it
// waits. The draft is as good as any other: it is decided about, or withdrawn when
// it is overtaken; none is left waiting for good.
func TestDraftOfAProcessThatWasKilled(t *testing.T) {
	for _, row := range []struct {
		name   string
		happen func(w *scene, th inboxapi.Thread)
		end    bot.DraftState
		said   []string
		asked  int
	}{
		{"nothing happens", func(*scene, inboxapi.Thread) {}, bot.DraftWaiting, nil, 1},
		{"it is approved", func(w *scene, th inboxapi.Thread) { w.decide(th.ID, bot.DraftApproved, "") }, bot.DraftSent, []string{"ok"}, 1},
		{"it is rejected", func(w *scene, th inboxapi.Thread) { w.decide(th.ID, bot.DraftRejected, "") }, bot.DraftRejected, nil, 1},
		{"a person answers in Inbox", func(w *scene, th inboxapi.Thread) { w.sim.Write(th.ID, inboxapitest.PersonInInbox, "At nine.") }, bot.DraftWithdrawn, nil, 1},
		{"the prospect writes more", func(w *scene, th inboxapi.Thread) { w.sim.Receive(th.ID, "and on Sundays?") }, bot.DraftWaiting, nil, 2},
		{"the rules change", func(w *scene, _ inboxapi.Thread) {
			w.rules.judge = func(*bot.Conversation) bot.Verdict {
				return bot.Verdict{Guard: "quiet", Outcome: bot.Outcome{Action: bot.Skip}}
			}
		}, bot.DraftWithdrawn, nil, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			inScene(t, func(w *scene) {
				w.approving()
				kept := w.deps
				w.deps = func(d *bot.Deps) {
					kept(d)
					d.Drafts = killed{d.Drafts, w.store}
				}
				th := w.thread("when do you open?")
				w.during(10 * time.Second)
				w.store.Fail(nil)
				w.deps = kept
				if d := w.draft(th.ID); d.State != bot.DraftWaiting {
					t.Fatalf("the draft is %q", d.State)
				}
				row.happen(w, th)
				w.during(20 * time.Hour)
				w.said(th.ID, row.said...)
				if d := w.draft(th.ID); d.State != row.end {
					t.Errorf("the draft is %s, want %s", d.State, row.end)
				}
				if n := len(w.model.Prompts()); n != row.asked {
					t.Errorf("the model was asked %d times, want %d", n, row.asked)
				}
			})
		})
	}
}

// killed are the drafts of a process that reaches nothing any more once it has kept one.
type killed struct {
	bot.Drafts
	store *bottest.Store
}

func (k killed) KeepDraft(ctx context.Context, l bot.Lease, d bot.Draft) error {
	err := k.Drafts.KeepDraft(ctx, l, d)
	k.store.Fail(errors.New("killed"))
	return err
}

// A process that was stopped for longer than its lease keeps its draft when another
// one has long answered: nobody may be asked about it.
func TestDraftOfAProcessThatSleptTooLong(t *testing.T) {
	inScene(t, func(w *scene) {
		w.approving()
		kept := w.deps
		w.deps = func(d *bot.Deps) {
			kept(d)
			d.Drafts = asleep{d.Drafts, 10 * time.Minute}
		}
		th := w.thread("when do you open?")
		ctx, stop := w.context()
		done := make(chan error)
		run := func(b *bot.Bot) { done <- b.Run(ctx) }
		go run(w.start())
		time.Sleep(5 * time.Minute) // its lease has ended
		w.deps = kept
		go run(w.start())
		time.Sleep(time.Minute)
		w.decide(th.ID, bot.DraftApproved, "")
		time.Sleep(10 * time.Minute)
		w.said(th.ID, "ok")
		if d := w.draft(th.ID); d.State == bot.DraftWaiting {
			t.Errorf("a draft waits about what was answered: %+v", d)
		}
		stop()
		<-done
		<-done
	})
}

// The same before the draft of another is sent: what a person has approved stays.
func TestApprovedDraftBesideOneOfAProcessThatSlept(t *testing.T) {
	inScene(t, func(w *scene) {
		w.approving()
		kept := w.deps
		w.deps = func(d *bot.Deps) {
			kept(d)
			d.Drafts = asleep{d.Drafts, 10 * time.Minute}
		}
		th := w.thread("when do you open?")
		stop := w.inBackground()
		time.Sleep(5 * time.Minute) // its lease has ended
		w.deps = kept
		w.during(time.Minute)
		w.decide(th.ID, bot.DraftApproved, "at nine")
		time.Sleep(5 * time.Minute) // it wakes, and keeps its draft
		stop()
		w.during(10 * time.Minute)
		w.said(th.ID, "at nine")
	})
}

// asleep are the drafts of a process that stops for a while before it keeps one.
type asleep struct {
	bot.Drafts
	d time.Duration
}

func (a asleep) KeepDraft(ctx context.Context, l bot.Lease, d bot.Draft) error {
	time.Sleep(a.d)
	return a.Drafts.KeepDraft(ctx, l, d)
}

// Where people approve replies, a thread that is left alone costs a read once.
func TestLeftAloneAmongDrafts(t *testing.T) {
	inScene(t, func(w *scene) {
		w.approving()
		open := time.Now().Add(time.Hour)
		w.rules.judge = func(c *bot.Conversation) bot.Verdict {
			if c.Now.Before(open) {
				return bot.Verdict{Guard: "closed", Outcome: bot.Outcome{Action: bot.Wait, Reason: "closed"}}
			}
			return bot.Verdict{Guard: "quiet", Outcome: bot.Outcome{Action: bot.Skip, Reason: "quiet"}}
		}
		w.thread("when do you open?")
		w.during(20 * time.Hour)
		if n := w.sim.Requests()[opMessages]; n > 2 {
			t.Errorf("its messages were read %d times", n)
		}
	})
}

// The store does not answer when a draft is withdrawn, and does when the thread is
// recorded as answered.
func TestDraftThatCouldNotBeWithdrawn(t *testing.T) {
	inScene(t, func(w *scene) {
		w.approving()
		th := w.thread("when do you open?")
		kept := w.deps
		w.deps = func(d *bot.Deps) {
			kept(d)
			d.Drafts = &unmoved{Drafts: d.Drafts}
		}
		stop := w.inBackground()
		time.Sleep(time.Minute)
		w.sim.Write(th.ID, inboxapitest.PersonInInbox, "At nine.")
		time.Sleep(3 * time.Hour)
		if d := w.draft(th.ID); d.State != bot.DraftWithdrawn {
			t.Errorf("the draft is %s", d.State)
		}
		stop()
	})
}

// A person takes a thread while no process runs, and the prospect writes more: the
// thread is still theirs.
func TestAThreadTakenWhileNoProcessRuns(t *testing.T) {
	inScene(t, func(w *scene) {
		w.rules.judge = func(c *bot.Conversation) bot.Verdict {
			last, _ := c.Last()
			return bot.Verdict{Guard: "test", Outcome: bot.Outcome{Action: bot.Reply, Approve: strings.Contains(last.Text, "wholesale")}}
		}
		w.gen = func(g *bot.Generation) { g.Approves = true }
		w.deps = func(d *bot.Deps) { d.Drafts = w.store }
		th := w.thread("do you do wholesale?")
		w.during(time.Minute)
		w.decide(th.ID, bot.DraftHandoff, "")
		w.sim.Receive(th.ID, "hello?")
		w.during(10 * time.Minute)
		w.said(th.ID)
		if tags := strings.Join(w.sim.TagNames(th.ID), ","); tags != "needs-human" {
			t.Errorf("tags %q", tags)
		}
	})
}

// unmoved are drafts that the store cannot move the first time.
type unmoved struct {
	bot.Drafts
	tried bool
}

func (u *unmoved) MoveDraft(ctx context.Context, thread, id string, to bot.DraftState) error {
	if !u.tried {
		u.tried = true
		return errors.New("i/o timeout")
	}
	return u.Drafts.MoveDraft(ctx, thread, id, to)
}

// The same for a draft that the prospect has overtaken, beside replies that need none.
func TestOvertakenDraftThatCouldNotBeWithdrawn(t *testing.T) {
	inScene(t, func(w *scene) {
		w.rules.judge = func(c *bot.Conversation) bot.Verdict {
			last, _ := c.Last()
			return bot.Verdict{Guard: "test", Outcome: bot.Outcome{Action: bot.Reply, Approve: strings.Contains(last.Text, "wholesale")}}
		}
		w.gen = func(g *bot.Generation) { g.Approves = true }
		w.deps = func(d *bot.Deps) { d.Drafts = &unmoved{Drafts: w.store} }
		th := w.thread("do you do wholesale?")
		w.during(time.Minute)
		w.sim.Receive(th.ID, "and when do you open?")
		w.during(10 * time.Minute)
		w.said(th.ID, "ok")
		if d := w.draft(th.ID); d.State != bot.DraftWithdrawn {
			t.Errorf("the draft is %s", d.State)
		}
	})
}
