package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"inboxbot/bot"
	"inboxbot/bot/bottest"
	"inboxbot/bot/redisstore"
	"inboxbot/inboxapi"
	"inboxbot/inboxapi/inboxapitest"
)

// A backlog of 1,000 waiting threads under the API's 300 requests a minute: all
// are answered in at most 8 minutes without one refusal that the bot itself
// caused. Two requests a reply would take 7.0 at best.
func TestBacklogUnderTheLimits(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("short")
	}
	const threads = 1000
	synctest.Test(t, func(t *testing.T) {
		f := newReplicas(t, inboxapitest.Limits{}, threads)
		began := time.Now()
		stop := f.start(bot.Config{Live: true, Settle: -1})
		f.until(threads, 15*time.Minute)
		took := time.Since(began)
		requests, total := f.sim.Requests(), 0
		stop()
		for _, n := range requests {
			total += n
		}
		t.Logf("%d answered in %s, %.2f requests a reply, %d refused: %v",
			f.answered.Load(), took, float64(total)/threads, f.sim.Rejected(), requests)
		if f.answered.Load() != threads || took > 8*time.Minute {
			t.Errorf("%d of %d answered in %s, want all in at most 8m", f.answered.Load(), threads, took)
		}
		if n := f.sim.Rejected(); n > 0 {
			t.Errorf("%d requests were refused for the quota", n)
		}
		f.nobodyTwice()
	})
}

// Three processes on one store, one of them restarted every three seconds, 1,000
// threads that write while it goes on: nobody is answered twice, nobody is lost.
func TestRollingRestart(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("short")
	}
	threads := int64(1000)
	if raced {
		threads = 300
	}
	synctest.Test(t, func(t *testing.T) {
		f := newReplicas(t, inboxapitest.Limits{Minute: -1, Hour: -1, Day: -1}, int(threads/2))
		f.model.Delay(700 * time.Millisecond)
		cfg := bot.Config{Live: true, Settle: -1, Every: time.Second}
		stops := []func(){f.start(cfg), f.start(cfg), f.start(cfg)}
		for i := 0; f.answered.Load() < threads && i < 200; i++ {
			for range 20 {
				if int64(f.threads) < threads {
					f.addThread()
				}
			}
			time.Sleep(3 * time.Second)
			stops[i%3]()
			stops[i%3] = f.start(cfg)
		}
		f.until(threads, 10*time.Minute)
		for _, stop := range stops {
			stop()
		}
		if n := f.answered.Load(); n != threads {
			t.Errorf("%d replies to %d threads", n, threads)
		}
		if lost := f.sim.Unanswered(); len(lost) > 0 {
			t.Errorf("%d threads lost, the first is %s", len(lost), lost[0].ID)
		}
		f.nobodyTwice()
		t.Logf("%d restarts", f.starts-3)
	})
}

// replicas is any number of bots on one simulated inbox and one store, inside a
// synctest bubble. Every thread has one message that waits.
type replicas struct {
	t        *testing.T
	sim      *inboxapitest.Server
	store    *redisstore.Store
	model    *bottest.Model
	gen      bot.Generation
	threads  int
	starts   int
	limited  bool // the API's own limits, and a budget to stay within them
	answered atomic.Int64
}

func newReplicas(t *testing.T, limits inboxapitest.Limits, threads int) *replicas {
	t.Helper()
	f := &replicas{t: t, sim: inboxapitest.New(inboxapitest.Options{Limits: limits}), limited: limits == inboxapitest.Limits{}}
	for range threads {
		f.addThread()
		time.Sleep(time.Second)
	}
	f.sim.OnSend(func(inboxapi.Thread, inboxapi.Message) { f.answered.Add(1) })
	store, closeStore, err := redisstore.Embedded(t.Context(), redisstore.Options{Team: f.sim.Team().ID})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		closeStore()
		_ = f.sim.Close()
	})
	gen, err := demoSource().load(Config{Timezone: "UTC", HandoffTag: "needs-human"})
	if err != nil {
		t.Fatal(err)
	}
	f.store, f.gen = store, gen.Generation
	f.gen.Guards = answerAll{}
	f.model = bottest.NewModel(func(bot.Prompt) (string, error) {
		return `{"action":"reply","reply":"yes","confidence":1,"reason":"known"}`, nil
	})
	return f
}

func (f *replicas) addThread() {
	f.threads++
	f.sim.Receive(f.sim.AddThread(inboxapitest.NewThread{}).ID, fmt.Sprintf("question %d", f.threads))
}

// start runs one more bot; what it returns stops it and waits for its end.
func (f *replicas) start(cfg bot.Config) (stop func()) {
	f.t.Helper()
	f.starts++
	budget := newLimiter()
	budget.budget.Store(f.store.Budget(teamQuota))
	o := inboxapi.Options{BaseURL: inboxapitest.BaseURL, Token: "t", Dial: f.sim.Dial}
	if f.limited {
		o.Limiter = budget
		o.Observe = func(seen inboxapi.Observation) { budget.observe(f.t.Context(), seen) }
	}
	client, err := inboxapi.New(o)
	if err != nil {
		f.t.Fatal(err)
	}
	b, err := bot.New(bot.Deps{
		Inbox: client, Claims: f.store, Ledger: f.store, Team: f.sim.Team(), Model: f.model, Now: client.Now,
		Generation: func() bot.Generation { return f.gen }, Reserve: budget.Reserve,
	}, cfg)
	if err != nil {
		f.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(f.t.Context())
	done := make(chan error)
	go func() { done <- b.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			f.t.Error(err)
		}
		client.CloseIdleConnections()
	}
}

func (f *replicas) until(answered int64, within time.Duration) {
	for began := time.Now(); f.answered.Load() < answered && time.Since(began) < within; {
		time.Sleep(time.Second)
	}
}

func (f *replicas) nobodyTwice() {
	f.t.Helper()
	if twice := f.sim.AnsweredTwice(); len(twice) > 0 {
		f.t.Errorf("%d messages answered twice", len(twice))
	}
}

// answerAll lets the model answer everything.
type answerAll struct{}

func (answerAll) Judge(*bot.Conversation) bot.Verdict {
	return bot.Verdict{Guard: "default", Outcome: bot.Outcome{Action: bot.Reply}}
}

func (answerAll) Review(*bot.Conversation, bot.Decision) bot.Verdict {
	return bot.Verdict{Outcome: bot.Outcome{Action: bot.Reply}}
}

// TestABacklogThatIsDoneIsNotWaitedFor: nothing new is looked for while many wait,
// and at once again when they have been answered.
func TestABacklogThatIsDoneIsNotWaitedFor(t *testing.T) {
	onStage(t, setting{unpaced: true, env: []string{"BOT_CONCURRENCY=2"}}, func(s *stage) {
		for range 40 {
			s.asks("Hi")
		}
		asked := make(chan string, 1)
		time.AfterFunc(15*time.Second, func() { asked <- s.asks("Hello") })
		s.during(30 * time.Second)
		late := <-asked
		if got := s.sent(late); len(got) != 1 {
			t.Errorf("who wrote after a backlog was done was sent %q within 15s; %s", got, s.story(late))
		}
	})
}
