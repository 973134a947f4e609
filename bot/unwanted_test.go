package bot_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"inboxbot/bot"
	"inboxbot/bot/bottest"
	"inboxbot/bot/draftcheck"
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

// An earlier one of the messages that are answered may be edited or taken back while the
// model thinks, which no list shows: it is seen also where one list is the look for many.
func TestAnEarlierMessageIsChangedWhereManyWait(t *testing.T) {
	for _, row := range []struct {
		name    string
		happens func(w *scene, thread, first string)
		said    string
	}{
		{"nothing happens", func(*scene, string, string) {}, "to: my card is 4711 / do you ship?"},
		{"it is edited", func(w *scene, thread, first string) { w.sim.EditMessage(thread, first, "hi") }, "to: hi / do you ship?"},
		{"it is taken back", func(w *scene, thread, first string) { w.sim.DeleteMessage(thread, first) }, "to: do you ship?"},
	} {
		t.Run(row.name, func(t *testing.T) {
			inScene(t, func(w *scene) {
				w.model = bottest.NewModel(func(p bot.Prompt) (string, error) {
					var texts []string
					for _, m := range p.Chat {
						texts = append(texts, m.Text)
					}
					if len(texts) == 1 {
						time.Sleep(time.Second) // the others are still waiting when the one is looked at
					}
					return answer("to: " + strings.Join(texts, " / ")), nil
				})
				w.model.Delay(4 * time.Second)
				w.gen = func(g *bot.Generation) {
					g.DraftChecks = map[string]draftcheck.Mode{}
					for _, name := range draftcheck.Names {
						g.DraftChecks[name] = draftcheck.Off
					}
				}
				th := w.thread("my card is 4711", "do you ship?")
				for range 4 {
					w.thread("do you ship?")
				}
				stop := w.inBackground()
				time.Sleep(2 * time.Second)
				row.happens(w, th.ID, w.sim.Transcript(th.ID)[0].ID)
				time.Sleep(time.Minute)
				stop()
				w.said(th.ID, row.said)
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

// Who has been answered by a person while the model thought is not handed to one.
func TestAHandoffIsThrownAwayToo(t *testing.T) {
	handoff := decision(bot.Decision{Action: bot.Handoff, Reason: "not in the facts", Confidence: 1})
	for _, row := range []struct {
		name    string
		says    string // the model, "": it is away for longer than the operator's patience
		happens func(w *scene, thread string)
		handed  bool
	}{
		{"a person answers", handoff, func(w *scene, id string) { w.sim.Write(id, inboxapitest.PersonInInbox, "I am on it") }, false},
		{"a person answers in X", handoff, func(w *scene, id string) { w.sim.Write(id, inboxapitest.PersonInX, "I am on it") }, false},
		{"the message is taken back", handoff, func(w *scene, id string) { w.sim.DeleteMessage(id, w.sim.Transcript(id)[0].ID) }, false},
		{"a person answers, a check minds the draft", answer("That is 99 EUR."), func(w *scene, id string) {
			w.sim.Write(id, inboxapitest.PersonInX, "I am on it")
		}, false},
		{"a person answers, the model talks nonsense", "la la la", func(w *scene, id string) {
			w.sim.Write(id, inboxapitest.PersonInInbox, "I am on it")
		}, false},
		{"a person answers, the model is away", "", func(w *scene, id string) { w.sim.Write(id, inboxapitest.PersonInX, "I am on it") }, false},
		{"nothing happens", handoff, func(*scene, string) {}, true},
		{"nothing happens, the model is away", "", func(*scene, string) {}, true},
		{"Inbox does not let us look", handoff, func(w *scene, _ string) {
			w.sim.Inject(inboxapitest.Fault{Operation: opMessages, Kind: inboxapitest.FailBefore})
		}, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			inScene(t, func(w *scene) {
				w.cfg.ModelPatience = time.Second
				w.model = modelOf(func() (string, error) {
					if row.says == "" {
						return "", bot.ErrModelUnavailable
					}
					return row.says, nil
				})
				w.model.Delay(20 * time.Second)
				th := w.thread("do you ship to Austria?")
				go func() {
					time.Sleep(10 * time.Second)
					if row.says == "" { // the second try is the one that gives up
						time.Sleep(25 * time.Second)
					}
					row.happens(w, th.ID)
				}()
				w.during(10 * time.Minute)
				tags, notes := w.sim.TagNames(th.ID), w.sim.Prospect(th.ID).Context.Notes
				if handed := len(tags) > 0 || notes != nil; handed != row.handed {
					t.Errorf("handed over: %v, want %v: tags %q", handed, row.handed, tags)
				}
				w.said(th.ID)
			})
		})
	}
}

// Nor is one to whom a person has seen while the thread waited for a guard, which the
// lists that are walked now and then have not shown yet.
func TestAGuardsHandoffIsThrownAwayToo(t *testing.T) {
	for _, row := range []struct {
		name    string
		happens func(w *scene, thread string)
		handed  bool
	}{
		{"a person archives it", func(w *scene, id string) { w.sim.Archive(id, true) }, false},
		{"nothing happens", func(*scene, string) {}, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			inScene(t, func(w *scene) {
				var open atomic.Bool
				w.rules.judge = func(c *bot.Conversation) bot.Verdict {
					if open.Load() {
						return asks(c)
					}
					return bot.Verdict{Guard: "closed", Outcome: bot.Outcome{Action: bot.Wait}}
				}
				th := w.thread("a human please")
				stop := w.inBackground()
				time.Sleep(32 * time.Minute)
				row.happens(w, th.ID)
				time.Sleep(5 * time.Minute)
				open.Store(true)
				time.Sleep(10 * time.Minute)
				stop()
				if tags := w.sim.TagNames(th.ID); len(tags) > 0 != row.handed {
					t.Errorf("it has the tags %q", tags)
				}
			})
		})
	}
}

// A handoff takes nothing from the person who has the thread by now.
func TestAHandoffLeavesTheThreadToWhoHasIt(t *testing.T) {
	const update, assign = "prospects.update", "threads.thread.update"
	takes := func(w *scene, id string) { w.sim.Assign(id, "kim@example.com") }
	for _, row := range []struct {
		name     string
		fault    inboxapitest.Fault        // of the first try
		happens  func(w *scene, id string) // while the model thinks
		killed   time.Duration             // for how long the process is gone after the first try; 0: it is not
		later    func(w *scene, id string) // meanwhile
		tags     string
		assignee string
	}{
		{name: "nobody has it", tags: "needs-human", assignee: "robin@example.com"},
		{name: "somebody has taken it while the model thought", happens: takes, tags: "needs-human", assignee: "kim@example.com"},
		{
			name: "the tag arrives, the answer is lost", fault: inboxapitest.Fault{Operation: update, Kind: inboxapitest.ResetAfter},
			tags: "needs-human", assignee: "robin@example.com",
		},
		{
			name: "killed before the tag", fault: inboxapitest.Fault{Operation: update, Kind: inboxapitest.HangBefore},
			killed: 3 * time.Hour, tags: "needs-human", assignee: "robin@example.com",
		},
		{
			name: "killed before the tag, somebody takes it", fault: inboxapitest.Fault{Operation: update, Kind: inboxapitest.HangBefore},
			killed: 3 * time.Hour, later: takes, tags: "needs-human", assignee: "kim@example.com",
		},
		{
			name: "killed before it was assigned", fault: inboxapitest.Fault{Operation: assign, Kind: inboxapitest.HangBefore},
			killed: 3 * time.Hour, tags: "needs-human", assignee: "robin@example.com",
		},
		{
			name: "killed when all was done, and given back", fault: inboxapitest.Fault{Operation: assign, Kind: inboxapitest.HangAfter},
			killed: 3 * time.Hour, later: func(w *scene, id string) {
				takes(w, id)
				w.sim.UntagProspect(id, "needs-human")
			}, tags: "", assignee: "kim@example.com",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			inScene(t, func(w *scene) {
				for _, email := range []string{"robin@example.com", "kim@example.com"} {
					w.sim.AddMember(inboxapi.Member{Email: email})
				}
				w.rules.review = func(*bot.Conversation, bot.Decision) bot.Verdict {
					return bot.Verdict{Guard: "vip", Outcome: bot.Outcome{Action: bot.Handoff, Assign: "robin@example.com"}}
				}
				w.model.Delay(4 * time.Second) // no sweep tells of it meanwhile
				th := w.thread("do you ship to Austria?")
				if row.fault.Times = 1; row.fault.Kind != "" {
					defer w.sim.Inject(row.fault)()
				}
				if row.happens != nil {
					time.AfterFunc(3*time.Second, func() { row.happens(w, th.ID) })
				}
				if row.killed > 0 {
					w.during(6 * time.Second)
					time.Sleep(row.killed)
				}
				if row.later != nil {
					row.later(w, th.ID)
				}
				w.during(10 * time.Minute)
				if tags := strings.Join(w.sim.TagNames(th.ID), ","); tags != row.tags {
					t.Errorf("tags %q, want %q", tags, row.tags)
				}
				if got := w.assignee(th.ID); got != row.assignee {
					t.Errorf("assigned to %q, want %q", got, row.assignee)
				}
				if notes := *w.sim.Prospect(th.ID).Context.Notes; strings.Count(notes, "handed over") != 1 {
					t.Errorf("notes %q", notes)
				}
			})
		})
	}
}

// assignee is the email of who has a thread, "" for nobody.
func (w *scene) assignee(thread string) string {
	now, _ := w.sim.Thread(thread)
	for _, m := range w.sim.Members() {
		if now.AssigneeID != nil && m.ID == *now.AssigneeID {
			return m.Email
		}
	}
	return ""
}

// The draft of a process that was stopped for longer than its lease does not take the
// place of one that a person has decided about.
func TestADraftThatComesTooLate(t *testing.T) {
	for _, row := range []struct {
		name   string
		decide bot.DraftState
		said   []string
	}{
		{"approved and sent meanwhile", bot.DraftApproved, []string{"ok"}},
		{"rejected meanwhile", bot.DraftRejected, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			inScene(t, func(w *scene) {
				w.approving()
				var asked atomic.Int32
				w.model = modelOf(func() (string, error) {
					if asked.Add(1) == 1 {
						time.Sleep(10 * time.Minute) // stopped: its deadlines are not kept
						return answer("an old story"), nil
					}
					return answer("ok"), nil
				})
				th := w.thread("do you ship to Austria?")
				stopped := make(chan struct{})
				go func() { w.during(15 * time.Minute); close(stopped) }()
				time.Sleep(time.Second)
				done := make(chan struct{})
				go func() { w.during(30 * time.Minute); close(done) }()
				time.Sleep(5 * time.Minute)
				w.decide(th.ID, row.decide, "")
				<-stopped
				<-done
				if d := w.draft(th.ID); d.Text != "ok" || d.State == bot.DraftWaiting {
					t.Errorf("the draft is %q, %s", d.Text, d.State)
				}
				w.said(th.ID, row.said...)
			})
		})
	}
}

// A guard that makes threads wait counts at the send too: closing time may come while
// the model thinks or a send waits for its request.
func TestClosingTimeBeforeTheSend(t *testing.T) {
	const closes = 30 * time.Second // after the start
	for _, row := range []struct {
		name            string
		thinks, waits   time.Duration
		approved        bool
		want, atOpening int // messages sent by then
	}{
		{name: "in time", thinks: 20 * time.Second, want: 1, atOpening: 1},
		{name: "while the model thinks", thinks: 40 * time.Second, want: 0, atOpening: 1},
		{name: "while the send waits for its request", waits: 40 * time.Second, want: 0, atOpening: 1},
		{name: "a person approves it after closing", approved: true, want: 1, atOpening: 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			inScene(t, func(w *scene) {
				start := time.Now()
				w.rules.judge = func(c *bot.Conversation) bot.Verdict {
					if since := c.Now.Sub(start); since > closes && since < time.Hour {
						return bot.Verdict{Guard: "closed", Outcome: bot.Outcome{Action: bot.Wait}}
					}
					return alwaysReply(c)
				}
				w.model.Delay(row.thinks)
				w.deps = func(d *bot.Deps) {
					d.Reserve = func(context.Context) (bool, error) { time.Sleep(row.waits); return false, nil }
					if row.approved {
						w.cfg.Approve, d.Drafts = true, w.store
					}
				}
				th := w.thread("do you ship to Austria?")
				if row.approved {
					w.during(closes / 2)
					w.decide(th.ID, bot.DraftApproved, "")
					time.Sleep(closes)
				}
				w.during(10 * time.Minute)
				if got := w.sent(th.ID); len(got) != row.want {
					t.Errorf("sent %q by closing time, want %d messages", got, row.want)
				}
				time.Sleep(time.Hour)
				w.during(10 * time.Minute)
				if got := w.sent(th.ID); len(got) != row.atOpening {
					t.Errorf("sent %q at opening time, want %d messages", got, row.atOpening)
				}
			})
		})
	}
}

// Who was handed over waits for a person until the tag is taken away, also when the
// rules of today give another one.
func TestHandedOverByTheRulesOfYesterday(t *testing.T) {
	for _, row := range []struct {
		name  string
		tag   string // it was given
		today func(w *scene)
	}{
		{"the guard gives no tag of its own any more", "vip-waiting", func(w *scene) {
			w.gen = func(g *bot.Generation) { g.HandoffTags = nil }
		}},
		{"the bot's tag has another name", "needs-human", func(w *scene) { w.cfg.HandoffTag = "for-people" }},
	} {
		t.Run(row.name, func(t *testing.T) {
			inScene(t, func(w *scene) {
				w.rules.judge = func(*bot.Conversation) bot.Verdict {
					return bot.Verdict{Guard: "vip", Outcome: bot.Outcome{Action: bot.Handoff, Tag: row.tag}}
				}
				th := w.thread("I want a refund")
				w.during(time.Minute)
				w.rules.judge = alwaysReply
				row.today(w)
				w.sim.Receive(th.ID, "is anybody there?")
				w.during(10 * time.Minute)
				w.said(th.ID)
				w.outcome(th.ID, bot.Skip, "handed-over")
				w.sim.UntagProspect(th.ID, row.tag)
				w.during(10 * time.Minute)
				w.said(th.ID, "ok")
			})
		})
	}
}

// A bot that sends at once leaves the drafts of one beside it, on the same store, to
// the people who were asked.
func TestALiveBotBesideOneThatAsks(t *testing.T) {
	for _, row := range []struct {
		name  string
		to    bot.DraftState
		final string
		fault inboxapitest.Kind // of the first send
		said  []string
	}{
		{"nobody has decided", bot.DraftWaiting, "", "", nil},
		{"approved", bot.DraftApproved, "", "", []string{"draft"}},
		{"rejected", bot.DraftRejected, "", "", nil},
		{"given to a person", bot.DraftHandoff, "", "", nil},
		{"approved, too many requests", bot.DraftApproved, "draft, edited", inboxapitest.RateLimit, []string{"draft, edited"}},
		{"approved, the answer is lost", bot.DraftApproved, "draft, edited", inboxapitest.ResetAfter, []string{"draft, edited"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			inScene(t, func(w *scene) {
				w.model = modelOf(func() (string, error) { return answer("draft"), nil })
				w.approving()
				th := w.thread("do you ship to Austria?")
				w.during(time.Minute)
				asks := w.start()
				w.cfg.Approve = false
				w.model = modelOf(func() (string, error) { return answer("at once"), nil })
				live := w.start()
				ctx, stop := w.context()
				var both sync.WaitGroup
				for _, b := range []*bot.Bot{live, asks} {
					both.Go(func() { _ = b.Run(ctx) })
				}
				time.Sleep(2 * time.Hour)
				if row.fault != "" {
					defer w.sim.Inject(inboxapitest.Fault{Operation: opSend, Kind: row.fault, Times: 1, Delay: 20 * time.Second})()
				}
				if row.to != bot.DraftWaiting {
					w.decide(th.ID, row.to, row.final)
				}
				time.Sleep(2 * time.Hour)
				w.said(th.ID, row.said...)
				if d := w.draft(th.ID); d.State != row.to && (d.State != bot.DraftSent || row.said == nil) {
					t.Errorf("the draft is %s", d.State)
				}
				stop()
				both.Wait()
			})
		})
	}
}

// What was approved is sent in the words that were approved, also where it has to wait
// and a bot that sends at once goes on with it.
func TestALiveBotGoesOnWithWhatWasApproved(t *testing.T) {
	inScene(t, func(w *scene) {
		w.model = modelOf(func() (string, error) { return answer("draft"), nil })
		w.approving()
		th := w.thread("do you ship to Austria?")
		stop := w.inBackground()
		time.Sleep(time.Minute)
		defer w.sim.Inject(inboxapitest.Fault{Operation: opSend, Kind: inboxapitest.RateLimit, Times: 1, Delay: 40 * time.Second})()
		w.decide(th.ID, bot.DraftApproved, "draft, edited")
		time.Sleep(10 * time.Second)
		stop()
		w.cfg.Approve = false
		w.model = modelOf(func() (string, error) { return answer("at once"), nil })
		var open atomic.Bool
		w.rules.judge = func(c *bot.Conversation) bot.Verdict {
			if open.Load() {
				return alwaysReply(c)
			}
			return bot.Verdict{Guard: "closed", Outcome: bot.Outcome{Action: bot.Wait, Reason: "closed"}}
		}
		stop = w.inBackground()
		time.Sleep(time.Hour)
		open.Store(true)
		time.Sleep(time.Hour)
		stop()
		w.said(th.ID, "draft, edited")
		if d := w.draft(th.ID); d.State != bot.DraftSent {
			t.Errorf("the draft is %s", d.State)
		}
	})
}

// Who archives a thread that waits wants no answer to it; whoever writes after that, or
// into the archive, is answered.
func TestWhatIsArchivedWhileItWaitsIsLeftAlone(t *testing.T) {
	type step func(w *scene, thread string)
	archive := func(w *scene, thread string) { w.sim.Archive(thread, true) }
	reopen := func(w *scene, thread string) { w.sim.Archive(thread, false) }
	write := func(w *scene, thread string) { w.sim.Receive(thread, "do you ship to Norway?") }
	campaign := func(w *scene, thread string) { w.sim.Write(thread, inboxapitest.Campaign, "Our new Aricha is here.") }
	for _, row := range []struct {
		name   string
		steps  []step // in the night, an hour apart
		answer bool
		guard  string
	}{
		{"nobody does anything", nil, true, "default"},
		{"archived", []step{archive}, false, "archived-since"},
		{"archived and reopened", []step{archive, reopen}, true, "default"},
		{"archived, and they write again", []step{archive, write}, true, "default"},
		{"a campaign archives what it writes to", []step{campaign, archive}, true, "default"},
	} {
		t.Run(row.name, func(t *testing.T) {
			inScene(t, func(w *scene) {
				w.rules.judge = func(c *bot.Conversation) bot.Verdict {
					if hour := c.Now.Hour(); hour < 9 { // the bubble begins at midnight
						return bot.Verdict{Guard: "closed", Outcome: bot.Outcome{Action: bot.Wait, Reason: "closed"}}
					}
					return alwaysReply(c)
				}
				th := w.thread("do you ship to Austria?")
				stop := w.inBackground()
				for _, s := range row.steps {
					time.Sleep(time.Hour)
					s(w, th.ID)
				}
				time.Sleep(10 * time.Hour)
				stop()
				if got := len(w.sent(th.ID)) > 0; got != row.answer {
					t.Errorf("answered: %t, want %t", got, row.answer)
				}
				if h := w.last(th.ID); h.Guard != row.guard {
					t.Errorf("decided by %s (%s), want %s", h.Guard, h.Reason, row.guard)
				}
			})
		})
	}
	t.Run("while the model thinks", func(t *testing.T) {
		inScene(t, func(w *scene) {
			w.model.Delay(60 * time.Second)
			th := w.thread("thanks")
			time.AfterFunc(20*time.Second, func() { w.sim.Archive(th.ID, true) })
			w.during(time.Hour)
			w.said(th.ID)
			w.outcome(th.ID, bot.Skip, "archived-since")
		})
	})
}

// Who archives a message whose draft they have decided about has decided all the same.
func TestADraftIsDecidedAndItsThreadArchived(t *testing.T) {
	for _, row := range []struct {
		to   bot.DraftState
		said []string
		tags []string
	}{
		{bot.DraftApproved, []string{"ok"}, nil},
		{bot.DraftHandoff, nil, []string{"needs-human"}},
		{bot.DraftRejected, nil, nil},
	} {
		t.Run(string(row.to), func(t *testing.T) {
			inScene(t, func(w *scene) {
				w.approving()
				th := w.thread("when do you open?")
				w.during(time.Minute)
				w.decide(th.ID, row.to, "")
				w.sim.Archive(th.ID, true)
				w.during(3 * time.Hour)
				w.said(th.ID, row.said...)
				if tags := w.sim.TagNames(th.ID); !slices.Equal(tags, row.tags) {
					t.Errorf("tags %q, want %q", tags, row.tags)
				}
			})
		})
	}
}
