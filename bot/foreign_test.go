package bot_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"inboxbot/bot"
	"inboxbot/bot/bottest"
	"inboxbot/inboxapi/inboxapitest"
)

// A second deployment on another Redis shows, before anything is sent, by replies
// that came through the API and that the ledger does not know.
func TestAtTheStartSomebodyElseMayBeAnswering(t *testing.T) {
	answered := func(w *scene, by inboxapitest.Hand) {
		th := w.thread("do you ship to Austria?")
		w.sim.Write(th.ID, by, "Yes, within a week.")
	}
	for _, row := range []struct {
		name  string
		have  func(w *scene)
		says  bool
		reads int // of threads, before the person who waits gets an answer
	}{
		{"nobody has answered anybody", func(*scene) {}, false, 0},
		{"another client of the API answered a minute ago", func(w *scene) { answered(w, inboxapitest.OtherAPIClient); time.Sleep(time.Minute) }, true, 1},
		{"it answered many", func(w *scene) {
			for range 30 {
				answered(w, inboxapitest.OtherAPIClient)
			}
			time.Sleep(time.Minute)
		}, true, 5},
		{"it answered two hours ago", func(w *scene) { answered(w, inboxapitest.OtherAPIClient); time.Sleep(2 * time.Hour) }, false, 0},
		{"people answer", func(w *scene) { answered(w, inboxapitest.PersonInInbox); time.Sleep(time.Minute) }, false, 1},
		{"a campaign wrote to many", func(w *scene) { answered(w, inboxapitest.Campaign); time.Sleep(time.Minute) }, false, 0},
		{"a process before this one answered, on this Redis", func(w *scene) { w.thread("hello?"); w.once(); time.Sleep(time.Minute) }, false, 0},
		{"nothing is sent in a dry run", func(w *scene) { answered(w, inboxapitest.OtherAPIClient); time.Sleep(time.Minute); w.cfg.Live = false }, false, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			inScene(t, func(w *scene) {
				row.have(w)
				w.thread("are you open today?")
				var said strings.Builder
				log := slog.New(slog.NewTextHandler(&said, nil))
				w.deps = func(d *bot.Deps) { d.Logger = log }
				w.sim.ResetCounts()
				reads := 0
				w.model = bottest.NewModel(func(bot.Prompt) (string, error) {
					log.Info("ASKED")
					reads = w.sim.Requests()[opMessages] - 1 // of the thread that waits
					return answer("ok"), nil
				})
				w.during(30 * time.Second)
				before, _, _ := strings.Cut(said.String(), "ASKED")
				if got := strings.Contains(before, "not known to this Redis"); got != row.says {
					t.Errorf("said %v, want %v:\n%s", got, row.says, said.String())
				}
				if got := strings.Count(said.String(), "not known to this Redis"); got > 1 {
					t.Errorf("said %d times", got)
				}
				if reads != row.reads {
					t.Errorf("%d threads read besides, want %d", reads, row.reads)
				}
			})
		})
	}
}

// The look at the start is the same as the question of a check.
func TestForeign(t *testing.T) {
	inScene(t, func(w *scene) {
		th := w.thread("do you ship to Austria?")
		w.once()
		time.Sleep(time.Minute)
		b := w.start()
		if found, err := b.Foreign(w.t.Context()); found != nil || err != nil {
			t.Errorf("after our own reply: %v, %v", found, err)
		}
		w.sim.Receive(th.ID, "and to Norway?")
		w.sim.Write(th.ID, inboxapitest.OtherAPIClient, "Yes.")
		time.Sleep(time.Minute)
		found, err := w.start().Foreign(w.t.Context())
		if err != nil || !strings.Contains(fmt.Sprint(found), "1 seen, one in thread "+th.ID) {
			t.Errorf("after another client's: %v, %v", found, err)
		}
	})
}
