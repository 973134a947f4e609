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

// heldDrafts are drafts of a process that is held up before it keeps one, or cut off
// from the store when it moves one.
type heldDrafts struct {
	*bottest.Store
	before func()
	move   func() error
}

func (d heldDrafts) KeepDraft(ctx context.Context, draft bot.Draft) error {
	if d.before != nil {
		d.before()
	}
	return d.Store.KeepDraft(ctx, draft)
}

func (d heldDrafts) MoveDraft(ctx context.Context, thread, id string, to bot.DraftState) error {
	if d.move != nil {
		if err := d.move(); err != nil {
			return err
		}
	}
	return d.Store.MoveDraft(ctx, thread, id, to)
}

// with makes the processes started from now on use these drafts.
func (w *scene) with(d heldDrafts) {
	d.Store = w.store
	w.deps = func(deps *bot.Deps) { deps.Drafts = d }
}

// noneWaits checks that no person is asked about a thread.
func (w *scene) noneWaits(thread string) {
	w.t.Helper()
	if d := w.draft(thread); d.State == bot.DraftWaiting {
		w.t.Errorf("the draft %q still waits for a person, the record is %q", d.Text, w.state(thread))
	}
}

func (w *scene) state(thread string) bot.State {
	records, err := w.store.Records(w.t.Context(), []string{thread})
	if err != nil {
		w.t.Fatal(err)
	}
	return records[thread].State
}

// A process that was stopped between the model's answer and the draft, for longer
// than its lease, must not ask people once more about what they have approved.
func TestFoundDraftOfALostLease(t *testing.T) {
	inScene(t, func(w *scene) {
		w.approving()
		th := w.thread("when do you open?")
		w.with(heldDrafts{before: func() { time.Sleep(10 * time.Minute) }})
		defer w.inBackground()()
		time.Sleep(5 * time.Minute) // it has lost its lease, and does not know
		w.with(heldDrafts{})
		defer w.inBackground()()
		time.Sleep(time.Minute)
		w.decide(th.ID, bot.DraftApproved, "")
		time.Sleep(time.Minute)
		w.said(th.ID, "ok")
		time.Sleep(time.Hour)
		w.noneWaits(th.ID)
	})
}

// The store does not answer when a draft is withdrawn, and does when the thread is
// recorded as answered.
func TestFoundDraftThatCouldNotBeWithdrawn(t *testing.T) {
	inScene(t, func(w *scene) {
		w.approving()
		th := w.thread("when do you open?")
		failing := 1
		w.with(heldDrafts{move: func() error {
			if failing--; failing >= 0 {
				return errors.New("i/o timeout")
			}
			return nil
		}})
		stop := w.inBackground()
		time.Sleep(time.Minute)
		w.sim.Write(th.ID, inboxapitest.PersonInInbox, "At nine.")
		time.Sleep(3 * time.Hour)
		w.noneWaits(th.ID)
		stop()
	})
}

// A person takes a thread while no process runs, and the prospect writes more: the
// thread is still theirs.
func TestFoundThreadGivenToAPersonIsAnswered(t *testing.T) {
	inScene(t, func(w *scene) {
		w.rules.judge = func(c *bot.Conversation) bot.Verdict {
			last, _ := c.Last()
			return bot.Verdict{Guard: "test", Outcome: bot.Outcome{Action: bot.Reply, Approve: strings.Contains(last.Text, "wholesale")}}
		}
		w.gen = func(g *bot.Generation) { g.Approves = true }
		w.with(heldDrafts{})
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

// The bot says the same words twice, and the second time they are not delivered.
func TestFoundUndeliveredReplyWithTheSameWords(t *testing.T) {
	for _, row := range []struct {
		name  string
		apart time.Duration
	}{{"within two minutes", time.Minute}, {"a day later", 24 * time.Hour}} {
		t.Run(row.name, func(t *testing.T) {
			inScene(t, func(w *scene) {
				th := w.thread("are you open today?")
				sent := 0
				w.sim.OnSend(func(_ inboxapi.Thread, m inboxapi.Message) {
					if sent++; sent == 2 {
						time.AfterFunc(20*time.Second, func() { w.sim.FailMessage(th.ID, m.ID) })
					}
				})
				stop := w.inBackground()
				time.Sleep(row.apart)
				w.sim.Receive(th.ID, "and now?")
				time.Sleep(30 * time.Minute)
				stop()
				w.said(th.ID, "ok", "ok")
				if tags := strings.Join(w.sim.TagNames(th.ID), ","); tags != "needs-human" {
					t.Errorf("tags %q, and nobody knows that the prospect waits", tags)
				}
			})
		})
	}
}

// The store forgets while a reply is on its way, and learns of the next message
// before that reply is recorded.
func TestFoundMessageBehindAReplyThatTheStoreForgot(t *testing.T) {
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
			t.Errorf("said %q, nobody was told, the record is %q", w.sent(th.ID), w.state(th.ID))
		}
	})
}
