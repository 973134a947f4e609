package bot_test

import (
	"strings"
	"testing"
	"time"

	"inboxbot/bot"
	"inboxbot/bot/bottest"
	"inboxbot/inboxapi/inboxapitest"
)

// A message list that lags behind the thread list shows a thread as it was
// before its newest message. That is no sign of somebody else having answered:
// taken for one, the message would never be looked at again.
func TestAMessageListThatLagsLosesNobody(t *testing.T) {
	for _, row := range []struct {
		name   string
		before func(w *scene, thread string)
		said   []string
	}{
		{"nothing is listed yet", func(*scene, string) {}, []string{"ok"}},
		{"our last answer is listed as the newest", func(w *scene, thread string) {
			w.sim.Write(thread, inboxapitest.OtherAPIClient, "as we said", inboxapitest.At(time.Now().Add(-time.Hour)))
		}, []string{"as we said", "ok"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			inScene(t, func(w *scene) {
				th := w.sim.AddThread(inboxapitest.NewThread{})
				row.before(w, th.ID)
				w.sim.Receive(th.ID, "hi")
				stop := w.sim.Inject(inboxapitest.Fault{
					Operation: "threads.thread.messages.list", Kind: inboxapitest.StaleMessages, Delay: 20 * time.Second,
				})
				defer stop()
				w.during(10 * time.Minute)
				w.said(th.ID, row.said...)
			})
		})
	}
}

// What a person has answered keeps the bot silent as soon as the thread list shows it,
// though the message list lags.
func TestAnAnswerThatOnlyTheThreadListShows(t *testing.T) {
	for _, row := range []struct {
		name    string
		waiting int           // threads
		settles time.Duration // from the start of the bot, when the prospect wrote 13 s ago
		thinks  time.Duration
		answers time.Duration
	}{
		{"before the thread is read", 1, 12 * time.Second, 0, 2 * time.Second},
		{"while the model thinks", 1, 0, 10 * time.Second, 2 * time.Second},
		{"while the model thinks about many", 4, 0, 9 * time.Second, 7 * time.Second},
	} {
		t.Run(row.name, func(t *testing.T) {
			inScene(t, func(w *scene) {
				w.cfg.Settle = 13*time.Second + row.settles
				w.model = bottest.NewModel(func(p bot.Prompt) (string, error) {
					if strings.Contains(p.Chat[0].Text, "Spain") {
						time.Sleep(time.Second) // the others are still waiting when the one is looked at
					}
					return answer("ok"), nil
				})
				w.model.Delay(row.thinks)
				th := w.thread("do you ship to Austria?")
				for range row.waiting - 1 {
					w.thread("do you ship to Spain?")
				}
				defer w.sim.Inject(inboxapitest.Fault{Operation: opMessages, Kind: inboxapitest.StaleMessages, ThreadID: th.ID, Delay: 12 * time.Second})()
				time.Sleep(13 * time.Second)
				stop := w.inBackground()
				time.Sleep(row.answers)
				w.sim.Write(th.ID, inboxapitest.PersonInX, "Robin here. We do.")
				time.Sleep(10 * time.Minute)
				stop()
				w.said(th.ID)
				if tags := w.sim.TagNames(th.ID); len(tags) > 0 {
					t.Errorf("it has the tags %q", tags)
				}
			})
		})
	}
}
