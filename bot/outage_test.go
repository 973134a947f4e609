package bot_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"inboxbot/bot"
	"inboxbot/inboxapi"
	"inboxbot/inboxapi/inboxapitest"
)

// That the operator's patience with the model is over is said once in an outage.
func TestTheEndOfPatienceIsSaidOnce(t *testing.T) {
	inScene(t, func(w *scene) {
		var down atomic.Bool
		w.model = modelOf(func() (string, error) {
			if down.Load() {
				return "", bot.ErrModelUnavailable
			}
			return answer("ok"), nil
		})
		var lines bytes.Buffer
		w.deps = func(d *bot.Deps) { d.Logger = slog.New(slog.NewTextHandler(&lines, nil)) }
		go func() {
			for i := range 18 { // the model is away every second half hour
				down.Store(i/3%2 == 0)
				w.thread("hi")
				time.Sleep(10 * time.Minute)
			}
		}()
		w.during(3 * time.Hour)
		if n := bytes.Count(lines.Bytes(), []byte("BOT_MODEL_PATIENCE")); n != 3 {
			t.Errorf("said %d times in 3 outages", n)
		}
	})
}

// An hour without one of what the bot stands on, or without all of it: everybody is
// answered afterwards, or has gone to a person where the model was what was missing,
// and what is wrong is said in one log line a minute for each part at most.
func TestAnOutageOfAnHour(t *testing.T) {
	for name, away := range map[string]struct {
		model, store, inbox bool
		tagged              bool
	}{
		"the model":    {model: true, tagged: true},
		"the store":    {store: true},
		"Inbox":        {inbox: true},
		"all together": {model: true, store: true, inbox: true},
	} {
		t.Run(name, func(t *testing.T) {
			inScene(t, func(w *scene) {
				var down atomic.Bool
				down.Store(true)
				w.model = modelOf(func() (string, error) {
					if away.model && down.Load() {
						return "", bot.ErrModelUnavailable
					}
					return answer("ok"), nil
				})
				mend := func() {}
				if away.inbox {
					mend = w.sim.Inject(inboxapitest.Fault{Kind: inboxapitest.ResetBefore, Probability: 1})
				}
				if away.store {
					w.store.Fail(errors.New("connection refused"))
				}
				var lines bytes.Buffer
				w.deps = func(d *bot.Deps) { d.Logger = slog.New(slog.NewTextHandler(&lines, nil)) }
				var threads []inboxapi.Thread
				for range 20 {
					threads = append(threads, w.thread("hi"))
				}
				go func() {
					time.Sleep(time.Hour)
					down.Store(false)
					w.store.Fail(nil)
					mend()
				}()
				w.during(70 * time.Minute)
				for _, th := range threads {
					if tagged := len(w.sim.TagNames(th.ID)) > 0; tagged != away.tagged {
						t.Errorf("handed to a person: %t, want %t", tagged, away.tagged)
					} else if !tagged {
						w.said(th.ID, "ok")
					}
				}
				said := map[string]int{} // by minute and message
				for line := range bytes.Lines(lines.Bytes()) {
					stamp, message, _ := bytes.Cut(bytes.TrimPrefix(line, []byte("time=")), []byte(" level="))
					message, _, _ = bytes.Cut(message, []byte(" err="))
					if at, err := time.Parse(time.RFC3339Nano, string(stamp)); err == nil && !bytes.Contains(message, []byte("msg=handled")) {
						said[at.Truncate(time.Minute).Format("15:04 ")+string(message)]++
					}
				}
				for what, n := range said {
					if n > 1 {
						t.Errorf("%d times within a minute: %s", n, what)
					}
				}
				if len(said) == 0 {
					t.Error("nothing was said of it")
				}
			})
		})
	}
}

// chair is what the one that leads sits on, until its time is over.
type chair struct {
	mu   sync.Mutex
	who  string
	ends time.Time
}

type sitter struct {
	*chair
	name string
}

func (s sitter) Lead(_ context.Context, ttl time.Duration) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if s.who == s.name || !now.Before(s.ends) {
		s.who, s.ends = s.name, now.Add(ttl)
	}
	return s.who == s.name, nil
}

// severed is an Inbox whose lists one process alone cannot read, while err is set.
type severed struct {
	bot.Inbox
	err atomic.Pointer[error]
}

func (s *severed) ListThreads(ctx context.Context, q inboxapi.ThreadQuery) (*inboxapi.ThreadPage, error) {
	if err := s.err.Load(); err != nil {
		return nil, *err
	}
	return s.Inbox.ListThreads(ctx, q)
}

// The process that polls cannot any more, and another one could.
func TestAProcessThatCannotPollLeavesItToAnother(t *testing.T) {
	for name, err := range map[string]error{
		"its token was revoked, the other has the new one": &inboxapi.Error{Status: 401, Message: "unauthorized"},
		"its network is down":                              errors.New("no route to host"),
	} {
		t.Run(name, func(t *testing.T) {
			inScene(t, func(w *scene) {
				lead, cut := &chair{}, &severed{Inbox: w.client()}
				ctx, stop := w.context()
				var both sync.WaitGroup
				polls := w.through(cut, sitter{lead, "one"}, w.model)
				both.Go(func() { _ = polls.Run(ctx) })
				time.Sleep(time.Minute)
				both.Go(func() { _ = w.through(w.client(), sitter{lead, "other"}, w.model).Run(ctx) })
				time.Sleep(time.Minute)
				cut.err.Store(&err)
				th := w.thread("are you open today?")
				time.Sleep(5 * time.Minute)
				w.said(th.ID, "ok")
				if polls.Ready() == nil {
					t.Error("the process that cannot poll is ready")
				}
				cut.err.Store(nil)
				time.Sleep(5 * time.Minute)
				if err := polls.Ready(); err != nil {
					t.Errorf("the process that can poll again is not ready: %v", err)
				}
				stop()
				both.Wait()
			})
		})
	}
}

// How long the model has been away is known to the next process too: sweeps that are
// made one by one, on a schedule, and a bot that is restarted often.
func TestPatienceOutlastsTheProcess(t *testing.T) {
	for _, row := range []struct {
		name   string
		away   time.Duration // since the message
		night  time.Duration // the rules say wait from the fifth minute until then
		answer bool
	}{
		{"for long", time.Hour, 0, false},
		{"for a moment", 5 * time.Minute, 0, true},
		{"in the evening and for a moment in the morning", 122 * time.Minute, 2 * time.Hour, true},
		{"in the evening and for long in the morning", 4 * time.Hour, 2 * time.Hour, false},
	} {
		for name, process := range map[string]func(w *scene){
			"sweep by sweep": func(w *scene) { _ = w.start().Once(w.t.Context()) },
			"restarted":      func(w *scene) { w.during(3 * time.Minute) },
		} {
			t.Run(row.name+", "+name, func(t *testing.T) {
				inScene(t, func(w *scene) {
					began := time.Now()
					w.rules.judge = func(c *bot.Conversation) bot.Verdict {
						if now := time.Since(began); now > 5*time.Minute && now < row.night {
							return bot.Verdict{Guard: "closed", Outcome: bot.Outcome{Action: bot.Wait, Reason: "closed"}}
						}
						return alwaysReply(c)
					}
					w.model = modelOf(func() (string, error) {
						if time.Since(began) < row.away {
							return "", bot.ErrModelUnavailable
						}
						return answer("ok"), nil
					})
					th := w.thread("do you ship to Austria?")
					for time.Since(began) < row.night+15*time.Minute {
						process(w)
						time.Sleep(time.Minute)
					}
					if row.answer {
						w.said(th.ID, "ok")
					} else {
						w.outcome(th.ID, bot.Handoff, "model-down")
					}
				})
			})
		}
	}
}
