package bot_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"inboxbot/bot"
	"inboxbot/inboxapi"
	"inboxbot/inboxapi/inboxapitest"
)

// A message that Inbox shows late may stand before our reply, where no list shows
// it: the second look finds it. Another process that comes upon the thread right
// after the reply must not take that look for made, for the one that replied may
// stop before it is due.
func TestAnotherProcessLeavesTheSecondLookToItsTime(t *testing.T) {
	inScene(t, func(w *scene) {
		w.model = modelOf(func() (string, error) {
			time.Sleep(5 * time.Second)
			return answer("ok"), nil
		})
		th := w.thread("first")
		var once sync.Once
		w.sim.OnSend(func(_ inboxapi.Thread, m inboxapi.Message) {
			go once.Do(func() {
				time.Sleep(30 * time.Second)
				w.sim.Receive(th.ID, "second", inboxapitest.At(m.CreatedAt.Add(-time.Second)))
			})
		})
		replies, stop := w.start(), time.Now().Add(20*time.Second)
		go func() {
			ctx, cancel := context.WithDeadline(w.t.Context(), stop)
			defer cancel()
			if err := replies.Run(ctx); err != nil {
				t.Error(err)
			}
		}()
		time.Sleep(time.Second)
		w.during(10 * time.Minute)
		w.said(th.ID, "ok", "ok")
	})
}

// A message that is listed after the reply and was written before the one it answers is
// in no list, and was not in what the model read: a person gets the thread.
func TestAMessageIsListedLateBeforeTheAnswered(t *testing.T) {
	const late = "order 4711 came broken, I want my money back"
	for _, row := range []struct {
		name   string
		before func(w *scene, th inboxapi.Thread) // the conversation so far
		at     time.Duration                      // when it was written, counted from the first of what is answered
		after  func(w *scene, th inboxapi.Thread) // the reply
		tags   []string
	}{
		{"before all of it", nil, -2 * time.Second, nil, []string{"needs-human"}},
		{"in the midst of it", nil, time.Second, nil, []string{"needs-human"}},
		{"behind what needed no answer", func(w *scene, th inboxapi.Thread) {
			w.model = modelOf(func() (string, error) { return decision(bot.Decision{Action: bot.Skip, Confidence: 1}), nil })
			w.sim.Receive(th.ID, "thanks")
			w.during(time.Minute)
			w.model = modelOf(func() (string, error) { return answer("ok"), nil })
		}, -2 * time.Second, nil, []string{"needs-human"}},
		{"a person has written since", nil, -2 * time.Second, func(w *scene, th inboxapi.Thread) {
			w.sim.Write(th.ID, inboxapitest.PersonInInbox, "I see. I am on it.")
		}, nil},
		{"it is from before what a person answered", func(w *scene, th inboxapi.Thread) {
			w.cfg.TakeoverPause = time.Second
			w.sim.Write(th.ID, inboxapitest.PersonInInbox, "Hello!")
			time.Sleep(time.Second)
		}, -2 * time.Second, nil, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			inScene(t, func(w *scene) {
				w.cfg.Settle = 15 * time.Second
				th := w.thread()
				if row.before != nil {
					row.before(w, th)
				}
				written := time.Now().Add(row.at)
				w.sim.Receive(th.ID, "hello?")
				time.Sleep(2 * time.Second)
				w.sim.Receive(th.ID, "do you hear?")
				time.AfterFunc(time.Minute, func() {
					w.sim.Receive(th.ID, late, inboxapitest.At(written))
					if row.after != nil {
						row.after(w, th)
					}
				})
				w.during(3 * time.Hour)
				w.said(th.ID, "ok")
				if tags := w.sim.TagNames(th.ID); !slices.Equal(tags, row.tags) {
					t.Errorf("tags %q, want %q", tags, row.tags)
				}
			})
		})
	}
}

// A reply costs one second look, not one that comes a moment early and another.
func TestTheSecondLookIsOne(t *testing.T) {
	inScene(t, func(w *scene) {
		th := w.thread("are you open today?")
		w.during(10 * time.Minute)
		w.said(th.ID, "ok")
		if n := w.sim.Requests()[opMessages]; n != 3 {
			t.Errorf("its messages were read %d times, want 3: the history, the look and the second look", n)
		}
	})
}

// A reply that Inbox accepted and did not deliver has answered nobody. Nothing in
// the lists shows that; the second look does, and a person gets the thread.
func TestAReplyThatWasNotDeliveredGoesToAPerson(t *testing.T) {
	for _, row := range []struct {
		name  string
		after func(w *scene, thread string)
		tags  []string
	}{
		{"nobody has answered", func(*scene, string) {}, []string{"needs-human"}},
		{"a person has answered", func(w *scene, thread string) {
			w.sim.Write(thread, inboxapitest.PersonInInbox, "until six")
		}, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			inScene(t, func(w *scene) {
				th := w.thread("are you open today?")
				w.sim.OnSend(func(_ inboxapi.Thread, m inboxapi.Message) {
					go func() {
						time.Sleep(20 * time.Second)
						w.sim.FailMessage(th.ID, m.ID)
						row.after(w, th.ID)
					}()
				})
				w.during(10 * time.Minute)
				w.said(th.ID, "ok") // once
				if tags := w.sim.TagNames(th.ID); !slices.Equal(tags, row.tags) {
					t.Errorf("tags %q, want %q", tags, row.tags)
				}
			})
		})
	}
}

// A reply that turns out late not to have been delivered is noticed when the prospect
// writes again: a person gets the thread, once, and the model never reads the reply as
// said.
func TestAReplyThatTurnsOutLateNotToBeDelivered(t *testing.T) {
	for _, row := range []struct {
		name  string
		after func(w *scene, thread string) // before the prospect writes again
		said  []string                      // that stands in the thread in the end
		tags  []string                      // before it is given back
	}{
		{"nobody has seen to it", func(*scene, string) {}, []string{"ok", "ok"}, []string{"needs-human"}},
		{"a person has answered", func(w *scene, thread string) {
			w.sim.Write(thread, inboxapitest.PersonInX, "until six")
			time.Sleep(25 * time.Hour) // and does not come back
		}, []string{"ok", "ok", "ok"}, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			inScene(t, func(w *scene) {
				th := w.thread("are you open today?")
				stop := w.inBackground()
				time.Sleep(10 * time.Minute) // the second look is over
				failed := w.sim.Transcript(th.ID)[1]
				w.sim.FailMessage(th.ID, failed.ID)
				row.after(w, th.ID)
				w.sim.Receive(th.ID, "hello?")
				time.Sleep(10 * time.Minute)
				if tags := w.sim.TagNames(th.ID); !slices.Equal(tags, row.tags) {
					t.Errorf("tags %q, want %q", tags, row.tags)
				}
				w.sim.UntagProspect(th.ID, "needs-human") // given back
				time.Sleep(10 * time.Minute)
				w.sim.Receive(th.ID, "anybody?")
				time.Sleep(10 * time.Minute)
				stop()
				w.said(th.ID, row.said...)
				last := w.model.Prompts()[len(w.model.Prompts())-1]
				for i, m := range last.Chat {
					if i == 1 && m.Role == bot.RoleAssistant && m.Text == failed.Content {
						t.Errorf("the model reads as said what was never delivered: %+v", last.Chat)
					}
				}
			})
		})
	}
}

// inBackground runs a bot until stop is called.
func (w *scene) inBackground() (stop func()) {
	ctx, cancel := w.context()
	done := make(chan error)
	go func() { done <- w.start().Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("run: %v", err)
		}
	}
}

// The bot says the same words twice, and the second time they are not delivered.
func TestUndeliveredReplyWithTheSameWords(t *testing.T) {
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
