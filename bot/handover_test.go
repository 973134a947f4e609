package bot_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"inboxbot/bot"
	"inboxbot/inboxapi"
	"inboxbot/inboxapi/inboxapitest"
)

// farewell says goodbye to everybody who is handed over.
func farewell(g *bot.Generation) {
	g.Farewell = func(*bot.Conversation, bot.Outcome, string) (name, text string, err error) {
		return "goodbye", "A colleague will answer you here.", nil
	}
}

// asks hands over whoever asks for a person.
func asks(c *bot.Conversation) bot.Verdict {
	for _, t := range c.Unanswered() {
		if strings.Contains(t.Text, "human") {
			return bot.Verdict{Guard: "asks", Outcome: bot.Outcome{Action: bot.Handoff, Cause: bot.CauseAsked, Reason: "wants a person"}}
		}
	}
	return alwaysReply(c)
}

// Whatever becomes of the message that tells the prospect, it is sent once at most
// and a person gets the thread.
func TestProspectIsToldOnceThatAPersonTakesOver(t *testing.T) {
	for _, row := range []struct {
		name  string
		fault inboxapitest.Fault
		told  int
	}{
		{"all is well", inboxapitest.Fault{Kind: inboxapitest.Slow, Delay: time.Millisecond}, 1},
		{"it arrives, the answer is lost", inboxapitest.Fault{Kind: inboxapitest.ResetAfter}, 1},
		{"it arrives late", inboxapitest.Fault{Kind: inboxapitest.LateCommitHang, Delay: 8 * time.Second}, 1},
		{"it never arrives", inboxapitest.Fault{Kind: inboxapitest.ResetBefore}, 0},
		{"it fails", inboxapitest.Fault{Kind: inboxapitest.FailBefore}, 0},
		{"it is refused", inboxapitest.Fault{Kind: inboxapitest.FailBefore, Status: 403}, 0},
		{"too many requests", inboxapitest.Fault{Kind: inboxapitest.RateLimit}, 0}, // a person is not kept waiting for a second try
	} {
		t.Run(row.name, func(t *testing.T) {
			inScene(t, func(w *scene) {
				w.rules.judge, w.gen = asks, farewell
				th := w.thread("a human please")
				row.fault.Operation, row.fault.Times = opSend, 1
				if row.fault.Probability == 0 {
					row.fault.Probability = 1
				}
				defer w.sim.Inject(row.fault)()
				w.during(5 * time.Minute)
				w.said(th.ID, []string{"A colleague will answer you here."}[:row.told]...)
				w.outcome(th.ID, bot.Handoff, "asks")
				if tags := strings.Join(w.sim.TagNames(th.ID), ","); tags != "needs-human" {
					t.Errorf("tags %q", tags)
				}
				if notes := *w.sim.Prospect(th.ID).Context.Notes; strings.Count(notes, "handed over (asked for person): wants a person") != 1 {
					t.Errorf("notes %q", notes)
				}
			})
		})
	}
}

// What a person writes about the prospect stays, also when they write it while the
// bot is about to add its note and the API stumbles.
func TestNotesOfPeopleStay(t *testing.T) {
	for _, row := range []struct {
		name  string
		fault inboxapitest.Fault
	}{
		{"all is well", inboxapitest.Fault{Kind: inboxapitest.Slow, Delay: time.Millisecond}},
		{"the API fails", inboxapitest.Fault{Kind: inboxapitest.FailBefore}},
		{"the connection breaks", inboxapitest.Fault{Kind: inboxapitest.ResetBefore}},
		{"the note arrives, the answer is lost", inboxapitest.Fault{Kind: inboxapitest.ResetAfter}},
		{"too many requests", inboxapitest.Fault{Kind: inboxapitest.RateLimit}},
	} {
		t.Run(row.name, func(t *testing.T) {
			inScene(t, func(w *scene) {
				w.rules.judge = asks
				th := w.thread("a human please")
				w.sim.SetNotes(th.ID, "Met at the fair.")
				row.fault.Operation, row.fault.Times, row.fault.Probability = "prospects.update", 1, 1
				defer w.sim.Inject(row.fault)()
				go func() {
					time.Sleep(400 * time.Millisecond) // the first attempt has failed, no other been made
					before := *w.sim.Prospect(th.ID).Context.Notes
					w.sim.SetNotes(th.ID, before+"\nRobin: wants the oak table.")
				}()
				w.during(5 * time.Minute)
				notes := *w.sim.Prospect(th.ID).Context.Notes
				for _, want := range []string{"Met at the fair.", "Robin: wants the oak table.", "handed over (asked for person): wants a person"} {
					if strings.Count(notes, want) != 1 {
						t.Errorf("%q does not stand once in the notes %q", want, notes)
					}
				}
				if tags := strings.Join(w.sim.TagNames(th.ID), ","); tags != "needs-human" {
					t.Errorf("tags %q", tags)
				}
			})
		})
	}
}

// A process that dies between the message and the tag leaves the rest to the next.
func TestHandoffGoesOnAfterAKill(t *testing.T) {
	inScene(t, func(w *scene) {
		w.rules.judge, w.gen = asks, farewell
		th := w.thread("a human please")
		ctx, kill := w.context()
		w.sim.OnSend(func(inboxapi.Thread, inboxapi.Message) { kill(); w.store.Fail(context.Canceled) })
		_ = w.start().Run(ctx)
		w.store.Fail(nil)
		w.during(5 * time.Minute)
		w.said(th.ID, "A colleague will answer you here.")
		if tags := strings.Join(w.sim.TagNames(th.ID), ","); tags != "needs-human" {
			t.Errorf("tags %q", tags)
		}
	})
}

// What is sent as a farewell goes through the bot's own checks, and threads in
// doubt get none.
func TestNoFarewell(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(w *scene)
	}{
		{"the message has a hole", func(w *scene) {
			w.gen = func(g *bot.Generation) {
				g.Farewell = func(*bot.Conversation, bot.Outcome, string) (name, text string, err error) {
					return "goodbye", "Dear {{name}}, a colleague answers.", nil
				}
			}
		}},
		{"nobody knows who wrote", func(w *scene) {
			w.rules.judge = func(*bot.Conversation) bot.Verdict {
				return bot.Verdict{Guard: "doubt", Outcome: bot.Outcome{Action: bot.Handoff, Cause: bot.CauseDoubt}}
			}
		}},
		{"the bot is paused", func(w *scene) { w.sw = &pausing{after: 0} }},
	} {
		t.Run(row.name, func(t *testing.T) {
			inScene(t, func(w *scene) {
				w.rules.judge, w.gen = asks, farewell
				row.change(w)
				th := w.thread("a human please")
				w.during(5 * time.Minute)
				w.said(th.ID)
			})
		})
	}
}

// Where people approve every reply, nothing else is sent either; explain says so.
func TestFarewellWherePeopleApprove(t *testing.T) {
	const says = "A colleague will answer you here."
	for _, row := range []struct {
		name      string
		approve   bool // every reply, or what a guard has approved
		said      []string
		explained string
	}{
		{"every reply", true, nil, "message to the prospect: goodbye\n  none: in draft mode nothing is sent that nobody approved\n"},
		{"what a guard names", false, []string{says}, "message to the prospect: goodbye\n  | " + says},
	} {
		t.Run(row.name, func(t *testing.T) {
			inScene(t, func(w *scene) {
				w.approving()
				w.cfg.Approve = row.approve
				w.rules.judge = asks
				w.gen = func(g *bot.Generation) {
					farewell(g)
					g.Approves = true
				}
				th := w.thread("a human please")
				var explained strings.Builder
				if err := w.start().Explain(w.t.Context(), th.ID, false, &explained); err != nil {
					t.Fatal(err)
				}
				if !strings.Contains(explained.String(), row.explained) {
					t.Errorf("explained as\n%s\nwant %s", explained.String(), row.explained)
				}
				w.during(5 * time.Minute)
				w.said(th.ID, row.said...)
				w.outcome(th.ID, bot.Handoff, "asks")
				if tags := strings.Join(w.sim.TagNames(th.ID), ","); tags != "needs-human" {
					t.Errorf("tags %q", tags)
				}
			})
		})
	}
}

// pausing pauses after so many questions.
type pausing struct {
	mu    sync.Mutex
	after int
}

func (p *pausing) Paused(context.Context) (string, time.Time, bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.after--
	return "stock-taking", time.Unix(0, 0), p.after < 0, nil
}

// Taking the tag away gives a thread back at once: the bot reads what the person
// said, and the reason of that time does not count again.
func TestGivenBack(t *testing.T) {
	inScene(t, func(w *scene) {
		w.rules.judge = asks
		th := w.thread("a human please")
		w.during(time.Minute)
		w.sim.Write(th.ID, inboxapitest.PersonInInbox, "Hello, this is Robin. It is sorted out.")
		w.sim.Receive(th.ID, "thanks. And when do you open?")
		w.during(time.Minute)
		w.said(th.ID) // it has the tag
		w.sim.UntagProspect(th.ID, "needs-human")
		w.during(2 * time.Minute)
		w.said(th.ID, "ok")
		last := w.model.Prompts()[0].Chat
		if text := last[1].Text; !strings.Contains(text, "this is Robin") {
			t.Errorf("the model was not shown what the person said: %q", text)
		}

		w.sim.Receive(th.ID, "and on Fridays?")
		w.during(2 * time.Minute)
		w.said(th.ID, "ok", "ok") // what the person said was before that still

		// From then on a person who writes takes over as ever.
		w.sim.Write(th.ID, inboxapitest.PersonInInbox, "By the way, Robin again.")
		w.sim.Receive(th.ID, "nice, and on Sundays?")
		w.during(10 * time.Minute)
		w.said(th.ID, "ok", "ok")
		w.outcome(th.ID, bot.Wait, "person-took-over")
	})
}

// What a person writes after the thread was given back makes it theirs again: the bot
// cannot tell when the tag was taken off, but up to which message it was there.
func TestGivenBackAndThenAPersonWrites(t *testing.T) {
	type step func(w *scene, thread string)
	writes := func(w *scene, thread string) {
		w.sim.Write(thread, inboxapitest.PersonInInbox, "Robin here. Which order is it?")
	}
	untags := func(w *scene, thread string) { w.sim.UntagProspect(thread, "needs-human") }
	pause := func(d time.Duration) step { return func(w *scene, _ string) { w.during(d) } }
	away := func(d time.Duration) step { return func(*scene, string) { time.Sleep(d) } }
	for _, row := range []struct {
		name  string
		steps []step
		said  []string // within ten minutes of the prospect's next message
	}{
		{"taken off, then written", []step{pause(time.Minute), untags, pause(time.Minute), writes}, nil},
		{"taken off and written at once", []step{pause(time.Minute), untags, writes}, nil},
		{"taken off and written while no process runs", []step{untags, away(time.Hour), writes, away(time.Hour)}, nil},
		{"written, then taken off", []step{writes, pause(time.Minute), untags}, []string{"ok"}},
		{"written, seen, and taken off while no process runs", []step{writes, pause(10 * time.Second), away(time.Hour), untags, away(time.Hour)}, []string{"ok"}},
		{"written and taken off while no process runs: nobody can tell", []step{writes, away(time.Hour), untags, away(time.Hour)}, nil},
		{"written and taken off and written again", []step{writes, pause(time.Minute), untags, writes}, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			inScene(t, func(w *scene) {
				w.rules.judge = asks
				th := w.thread("a human please")
				w.during(time.Minute)
				time.Sleep(time.Minute)
				for _, s := range row.steps {
					s(w, th.ID)
				}
				w.sim.Receive(th.ID, "number 1234")
				w.during(10 * time.Minute)
				w.said(th.ID, row.said...)
				if len(row.said) > 0 {
					return
				}
				w.outcome(th.ID, bot.Wait, "person-took-over")
				w.during(24 * time.Hour) // past BOT_TAKEOVER_PAUSE: nobody is lost
				w.said(th.ID, "ok")
			})
		})
	}
}

// That a person wrote while they held a thread is kept also when the first list that
// shows it comes at a bad moment.
func TestHeldIsKeptLater(t *testing.T) {
	for _, row := range []struct {
		name  string
		begin func(w *scene, thread string) (end func())
	}{
		{"Redis is away", func(w *scene, _ string) func() {
			w.during(time.Minute)
			w.store.Fail(errors.New("away"))
			return func() { w.store.Fail(nil) }
		}},
		{"the tag cannot be given yet, and they have another", func(w *scene, thread string) func() {
			w.sim.AddTag("lead")
			w.sim.TagProspect(thread, "lead")
			return w.sim.Inject(inboxapitest.Fault{Operation: "prospects.update", Kind: inboxapitest.FailBefore, Status: 500, Probability: 1})
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			inScene(t, func(w *scene) {
				w.rules.judge = asks
				th := w.thread("a human please")
				end := row.begin(w, th.ID)
				stop := w.inBackground()
				time.Sleep(time.Minute)
				w.sim.Write(th.ID, inboxapitest.PersonInInbox, "Robin here. It is sorted out.")
				time.Sleep(2 * time.Minute)
				end()
				time.Sleep(time.Hour)
				w.sim.UntagProspect(th.ID, "needs-human")
				time.Sleep(time.Minute)
				w.sim.Receive(th.ID, "thanks. And when do you open?")
				time.Sleep(10 * time.Minute)
				stop()
				w.said(th.ID, "ok")
			})
		})
	}
}

// More that is written while the tag is on its way is listed without it, and belongs to
// a person all the same.
func TestMoreIsWrittenWhileTheTagIsOnItsWay(t *testing.T) {
	inScene(t, func(w *scene) {
		w.rules.judge = asks
		defer w.sim.Inject(inboxapitest.Fault{Operation: "prospects.update", Kind: inboxapitest.Slow, Delay: 9 * time.Second, Probability: 1})()
		stop := w.inBackground()
		th := w.thread("a human please")
		time.Sleep(4 * time.Second)
		w.sim.Receive(th.ID, "and when do you open?")
		time.Sleep(10 * time.Minute)
		stop()
		w.said(th.ID)
		w.outcome(th.ID, bot.Skip, "handed-over")
	})
}

// So it does where one process hands over and another lists what is written meanwhile.
func TestMoreIsWrittenWhileAnotherProcessHandsOver(t *testing.T) {
	inScene(t, func(w *scene) {
		w.rules.judge = asks
		w.cfg.Every = 20 * time.Second
		defer w.sim.Inject(inboxapitest.Fault{Operation: "prospects.update", Kind: inboxapitest.Slow, Delay: 9 * time.Second, Probability: 1})()
		th := w.thread()
		stopOne := w.inBackground()
		time.Sleep(5 * time.Second)
		stopOther := w.inBackground()
		time.Sleep(14 * time.Second)
		w.sim.Receive(th.ID, "a human please") // the one lists it after 1 s, the tag is there after 10 s
		time.Sleep(5 * time.Second)
		w.sim.Receive(th.ID, "and when do you open?") // the other lists it after 1 s
		time.Sleep(10 * time.Minute)
		stopOne()
		stopOther()
		w.said(th.ID)
		w.outcome(th.ID, bot.Skip, "handed-over")
	})
}

// A tag that gets another name in Inbox gives nobody back.
func TestTheHandoffTagIsRenamedInInbox(t *testing.T) {
	inScene(t, func(w *scene) {
		w.rules.judge = asks
		th := w.thread("a human please")
		w.during(time.Minute)
		w.sim.RenameTag("needs-human", "waits for us")
		w.sim.Receive(th.ID, "when do you open?")
		w.during(10 * time.Minute)
		w.said(th.ID)
		w.sim.UntagProspect(th.ID, "waits for us")
		w.during(10 * time.Minute)
		w.said(th.ID, "ok")
	})
}

// Without the tag ever having been there, its absence says nothing.
func TestNotGivenBack(t *testing.T) {
	inScene(t, func(w *scene) {
		w.rules.judge = asks
		th := w.thread("a human please")
		defer w.sim.Inject(inboxapitest.Fault{Operation: "prospects.update", Kind: inboxapitest.FailBefore, Status: 403, Probability: 1})()
		w.during(time.Minute)
		w.sim.Write(th.ID, inboxapitest.PersonInInbox, "Hello, this is Robin.")
		w.sim.Receive(th.ID, "thanks. And when do you open?")
		w.during(10 * time.Minute)
		w.said(th.ID)
		w.outcome(th.ID, bot.Wait, "person-took-over")
	})
}

// The replies before a handoff do not count against a thread given back.
func TestGivenBackAfterTheCap(t *testing.T) {
	inScene(t, func(w *scene) {
		w.cfg.MaxReplies = 2
		th := w.thread("one")
		for range 2 {
			w.during(time.Minute)
			w.sim.Receive(th.ID, "more")
		}
		w.during(time.Minute)
		w.outcome(th.ID, bot.Handoff, "cap-reached")
		w.sim.UntagProspect(th.ID, "needs-human")
		w.sim.Receive(th.ID, "still there?")
		w.during(time.Minute)
		w.said(th.ID, "ok", "ok", "ok")
	})
}

// The note says what the bot knows besides the reason, and no word of a draft that
// was not sent: to the next prompt the notes are facts.
func TestNoteSumsUp(t *testing.T) {
	inScene(t, func(w *scene) {
		w.model = modelOf(func() (string, error) {
			return decision(bot.Decision{Action: bot.Reply, Reply: "About 9 euros.", Confidence: 0.2, Reason: "asks what shipping costs"}), nil
		})
		w.rules.review = func(*bot.Conversation, bot.Decision) bot.Verdict {
			return bot.Verdict{Guard: "unsure", Outcome: bot.Outcome{Action: bot.Handoff, Reason: "the model is not sure"}}
		}
		th := w.thread("hello", "what is shipping?")
		time.Sleep(time.Minute)
		w.once()
		w.outcome(th.ID, bot.Handoff, "unsure")
		notes := ""
		if p := w.sim.Prospect(th.ID).Context.Notes; p != nil {
			notes = *p
		}
		want := "[inboxbot 2000-01-01 00:01 UTC] handed over (rule): the model is not sure\n" +
			"  They wrote: \"hello / what is shipping?\"\n" +
			"  the model: asks what shipping costs; 2 messages since 2000-01-01 00:00 UTC"
		if notes != want {
			t.Errorf("the note is\n%s\nwant\n%s", notes, want)
		}
	})
}
