package bot_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"inboxbot/bot"
	"inboxbot/inboxapi"
	"inboxbot/inboxapi/inboxapitest"
)

// running runs a bot with metrics of its own while f does.
func (w *scene) running(f func(ctx context.Context, b *bot.Bot)) {
	w.t.Helper()
	w.deps = func(d *bot.Deps) { d.Metrics = bot.NewMetrics(prometheus.NewRegistry()) }
	b := w.start()
	ctx, stop := context.WithCancel(w.t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	f(ctx, b)
	stop()
	if err := <-done; err != nil {
		w.t.Error(err)
	}
}

// A prospect who writes again after days is answered by the same bot. Took it its
// own old words for another tool's, it would raise the alarm that a second
// deployment answers too, and its rules would count none of its replies.
func TestABotKnowsItsOwnWordsAfterDays(t *testing.T) {
	inScene(t, func(w *scene) {
		w.running(func(ctx context.Context, b *bot.Bot) {
			th := w.thread("how much is it?")
			for _, again := range []string{"and to Spain?", "and back?"} {
				time.Sleep(72 * time.Hour)
				w.sim.Receive(th.ID, again)
			}
			time.Sleep(time.Hour)
			w.said(th.ID, "ok", "ok", "ok")
			conv, err := b.Conversation(ctx, th.ID)
			if err != nil {
				t.Error(err)
				return
			}
			for _, turn := range conv.Turns {
				if turn.Side == bot.SideOurs && turn.Writer != bot.WriterBot {
					t.Errorf("%s wrote %q at %s, by what the ledger knows", turn.Writer, turn.Text, turn.At)
				}
			}
			if n := b.Health().ForeignReplies; n > 0 {
				t.Errorf("%d replies of another client were seen, and there is none", n)
			}
		})
	})
}

// What another client sends is news while it is new: the ledger forgets, and what
// is old may have been this bot's own.
func TestAnotherClientIsNoticedWhileItAnswers(t *testing.T) {
	for _, c := range []struct {
		name  string
		later time.Duration // until the prospect writes again and the thread is read
		want  int
	}{{"today", time.Hour, 1}, {"long ago", 30 * time.Hour, 0}} {
		t.Run(c.name, func(t *testing.T) {
			inScene(t, func(w *scene) {
				w.running(func(_ context.Context, b *bot.Bot) {
					th := w.thread()
					time.Sleep(time.Minute)
					w.sim.Write(th.ID, inboxapitest.OtherAPIClient, "hello from elsewhere")
					time.Sleep(c.later)
					w.sim.Receive(th.ID, "hi")
					time.Sleep(time.Minute)
					if n := b.Health().ForeignReplies; n != c.want {
						t.Errorf("%d replies of another client were seen, want %d", n, c.want)
					}
				})
			})
		})
	}
}

// Should X's own copy of a message be listed beside it, it is nobody else's words, also
// once the bot has said something newer.
func TestABotKnowsCopiesOfItsWords(t *testing.T) {
	inScene(t, func(w *scene) {
		said := 0
		w.model = modelOf(func() (string, error) { said++; return answer(fmt.Sprintf("answer number %d", said)), nil })
		w.sim.OnSend(func(th inboxapi.Thread, m inboxapi.Message) {
			time.AfterFunc(10*time.Second, func() { w.sim.Write(th.ID, inboxapitest.PersonInX, m.Content) })
		})
		stop := w.inBackground()
		th := w.thread("how much is it?")
		for _, again := range []string{"and to Spain?", "and back?"} {
			time.Sleep(10 * time.Minute)
			w.sim.Receive(th.ID, again)
		}
		time.Sleep(10 * time.Minute)
		stop()
		w.said(th.ID, "answer number 1", "answer number 2", "answer number 3")
	})
}

// Who writes in Inbox is a person and has the thread, though it be in the bot's words:
// beside its reply, or in the place of one that is in doubt.
func TestAPersonWritesTheBotsWords(t *testing.T) {
	for _, row := range []struct {
		name  string
		fault inboxapitest.Kind // of the bot's send, "": none
		said  []string
	}{
		{"soon after it", "", []string{"We do."}},
		{"its send is in doubt, and was lost", inboxapitest.FailBefore, nil},
		{"its send is in doubt, and arrives behind theirs", inboxapitest.LateCommit, []string{"We do."}},
	} {
		t.Run(row.name, func(t *testing.T) {
			inScene(t, func(w *scene) {
				w.model = modelOf(func() (string, error) { return answer("We do."), nil })
				if row.fault != "" {
					defer w.sim.Inject(inboxapitest.Fault{Operation: opSend, Kind: row.fault, Delay: 20 * time.Second, Times: 1})()
				}
				stop := w.inBackground()
				th := w.thread("do you ship to Austria?")
				time.Sleep(10 * time.Second)
				w.sim.Write(th.ID, inboxapitest.PersonInInbox, "We do.")
				time.Sleep(10 * time.Minute)
				w.sim.Receive(th.ID, "thanks! And to Spain?")
				time.Sleep(10 * time.Minute)
				stop()
				w.said(th.ID, row.said...)
				w.outcome(th.ID, bot.Wait, "person-took-over")
			})
		})
	}
}
