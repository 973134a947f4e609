package bot_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"inboxbot/bot"
	"inboxbot/inboxapi"
	"inboxbot/inboxapi/inboxapitest"
)

const (
	opMessages = "threads.thread.messages.list"
	opThread   = "threads.thread.get"
)

// replica is another process of the same bot; lead nil means that it polls.
func (w *scene) replica(lead bot.Leader, model bot.Model) *bot.Bot {
	return w.through(w.client(), lead, model)
}

func (w *scene) client() *inboxapi.Client {
	w.t.Helper()
	client, err := inboxapi.New(inboxapi.Options{BaseURL: inboxapitest.BaseURL, Token: "secret-token", Dial: w.sim.Dial})
	if err != nil {
		w.t.Fatal(err)
	}
	return client
}

// through is a process of the bot that sees the API through inbox.
func (w *scene) through(inbox bot.Inbox, lead bot.Leader, model bot.Model) *bot.Bot {
	w.t.Helper()
	b, err := bot.New(bot.Deps{
		Inbox: inbox, Claims: w.store, Ledger: w.store, Model: model, Team: w.sim.Team(), Leader: lead,
		Generation: func() bot.Generation {
			return bot.Generation{Hash: "g1", Guards: w.rules, Prompter: plainPrompts{}, HandoffTags: []string{"vip-waiting"}}
		},
		Logger: slog.New(slog.NewTextHandler(w.t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})),
	}, w.cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}

// A guard that a row decides costs nothing while it makes a thread wait.
func TestWaitingForOpeningHoursCostsNoRequests(t *testing.T) {
	inScene(t, func(w *scene) {
		w.rules.judge = func(*bot.Conversation) bot.Verdict {
			return bot.Verdict{Guard: "closed", Outcome: bot.Outcome{Action: bot.Wait, Reason: "closed"}}
		}
		for range 10 {
			w.thread("hi")
		}
		w.during(time.Hour)
		r := w.sim.Requests()
		if n := r[opMessages] + r[opThread]; n > 20 {
			t.Errorf("10 threads that wait for opening hours cost %d requests in an hour (%d messages, %d threads)", n, r[opMessages], r[opThread])
		}
	})
}

type stopped struct{}

func (stopped) Paused(context.Context) (string, time.Time, bool, error) {
	return "stock-taking", time.Unix(0, 0), true, nil
}

func TestAPausedBotLeavesTheAPIAlone(t *testing.T) {
	inScene(t, func(w *scene) {
		w.sw = stopped{}
		for range 10 {
			w.thread("hi")
		}
		w.during(time.Hour)
		r := w.sim.Requests()
		if n := r[opMessages] + r[opThread]; n > 600 {
			t.Errorf("10 threads of a paused bot cost %d requests in an hour", n)
		}
	})
}

// An API that answers after more than two seconds must not make the bot ask the
// model for ever.
func TestASlowAPIDoesNotBurnTokens(t *testing.T) {
	inScene(t, func(w *scene) {
		th := w.thread("hi")
		defer w.sim.Inject(inboxapitest.Fault{Operation: opMessages, Kind: inboxapitest.Slow, Delay: 2500 * time.Millisecond})()
		w.during(30 * time.Minute)
		if n := len(w.model.Prompts()); n > 10 {
			t.Errorf("the model was asked %d times within 30 minutes; the thread heard %q and has the tags %q",
				n, w.sent(th.ID), w.sim.TagNames(th.ID))
		}
	})
}

// Two processes, one of which polls: what one has handed over the other lets go.
func TestAHandedOverThreadIsLetGoByEveryReplica(t *testing.T) {
	inScene(t, func(w *scene) {
		th := w.thread()
		w.sim.Receive(th.ID, "hi", inboxapitest.By("someoneelse")) // unknown author: handed over
		defer w.sim.Inject(inboxapitest.Fault{Operation: opMessages, Kind: inboxapitest.Slow, Delay: 3 * time.Second})()
		ctx, cancel := context.WithTimeout(w.t.Context(), 10*time.Minute)
		defer cancel()
		done := make(chan error, 2)
		go func() { done <- w.replica(nil, w.model).Run(ctx) }()
		time.Sleep(500 * time.Millisecond) // the leader has noted it and is reading
		go func() { done <- w.replica(follower{}, w.model).Run(ctx) }()
		<-done
		<-done
		if n := w.sim.Requests()[opMessages]; n > 20 {
			t.Errorf("one thread handed over cost %d message requests in 10 minutes", n)
		}
	})
}

// One 401 must not stop a replica that does not poll for ever.
func TestAFollowerRecoversFromARefusedToken(t *testing.T) {
	inScene(t, func(w *scene) {
		th := w.thread("hi")
		w.sw = stopped{}
		note, cancelNote := context.WithTimeout(w.t.Context(), 3*time.Second)
		defer cancelNote()
		w.cfg.Settle = time.Minute // the leader only notes it, and goes away
		_ = w.start().Run(note)
		w.sw, w.cfg.Settle = nil, -1
		w.sim.Inject(inboxapitest.Fault{Operation: opMessages, Kind: inboxapitest.FailBefore, Status: 401, Times: 1})
		ctx, cancel := context.WithTimeout(w.t.Context(), time.Hour)
		defer cancel()
		_ = w.replica(follower{}, w.model).Run(ctx)
		w.said(th.ID, "ok")
	})
}

// A thread that is deleted while its send is in doubt comes to an end.
func TestAThreadThatIsGoneWithASendInDoubt(t *testing.T) {
	inScene(t, func(w *scene) {
		th := w.thread("hi")
		w.sim.Inject(inboxapitest.Fault{Operation: opSend, Kind: inboxapitest.FailBefore, Times: 1})
		w.during(2 * time.Second)
		defer w.sim.Inject(inboxapitest.Fault{ThreadID: th.ID, Kind: inboxapitest.FailBefore, Status: 404})()
		w.during(time.Hour)
		if open := w.store.Open(); len(open) > 0 {
			t.Errorf("still open after an hour: %v, %d message requests", open, w.sim.Requests()[opMessages])
		}
	})
}

// blurred is an API whose newest message of every thread cannot be decoded.
type blurred struct{ *inboxapi.Client }

func (b blurred) ListMessages(ctx context.Context, thread string, q inboxapi.MessageQuery) (*inboxapi.MessagePage, error) {
	page, err := b.Client.ListMessages(ctx, thread, q)
	if err == nil && len(page.Messages) > 0 {
		page.Malformed = append(page.Malformed, inboxapi.MalformedRow{ID: page.Messages[0].ID, Err: inboxapi.ErrMalformed})
		page.Messages = page.Messages[1:]
	}
	return page, err
}

// A thread whose newest message cannot be read goes to a person, once, also when
// the message before it has been answered.
func TestAnUnreadableMessageIsHandedOver(t *testing.T) {
	inScene(t, func(w *scene) {
		answered, fresh := w.thread("hi"), w.thread()
		w.during(5 * time.Minute)
		w.said(answered.ID, "ok")
		w.sim.Receive(answered.ID, "and?")
		w.sim.Receive(fresh.ID, "hello")
		before := w.sim.Requests()[opMessages]
		ctx, cancel := context.WithTimeout(w.t.Context(), 10*time.Minute)
		defer cancel()
		_ = w.through(blurred{w.client()}, nil, w.model).Run(ctx)
		for _, th := range []inboxapi.Thread{answered, fresh} {
			if tags := w.sim.TagNames(th.ID); len(tags) != 1 {
				t.Errorf("tags %q, want needs-human", tags)
			}
		}
		if n := w.sim.Requests()[opMessages] - before; n > 20 {
			t.Errorf("%d message requests in 10 minutes", n)
		}
	})
}

// lateList is an API whose first list answer after arm is on its way for a while.
type lateList struct {
	*inboxapi.Client
	arm   <-chan struct{}
	delay time.Duration
}

func (l lateList) ListThreads(ctx context.Context, q inboxapi.ThreadQuery) (*inboxapi.ThreadPage, error) {
	page, err := l.Client.ListThreads(ctx, q)
	select {
	case <-l.arm:
		time.Sleep(l.delay)
	default:
	}
	return page, err
}

// A list read before our reply landed, and judged after it was recorded, names a
// message that hides behind the reply. It must not be taken for answered.
func TestAListAnswerOvertakenByOurReplyLosesNobody(t *testing.T) {
	inScene(t, func(w *scene) {
		th := w.thread("first")
		arm := make(chan struct{}, 1)
		defer w.sim.Inject(inboxapitest.Fault{Operation: opSend, Kind: inboxapitest.Slow, Delay: 8 * time.Second, Times: 1})()
		go func() {
			time.Sleep(2 * time.Second) // the POST is on its way
			w.sim.Receive(th.ID, "second")
			arm <- struct{}{}
		}()
		ctx, cancel := context.WithTimeout(w.t.Context(), 20*time.Minute)
		defer cancel()
		_ = w.through(lateList{w.client(), arm, 6 * time.Second}, nil, w.model).Run(ctx)
		w.said(th.ID, "ok", "ok")
	})
}

// For the race detector: a sweep hears of a thread while its worker thinks.
func TestASweepWhileAWorkerThinks(t *testing.T) {
	inScene(t, func(w *scene) {
		th := w.thread("hi")
		w.model.Delay(20 * time.Second)
		go func() {
			time.Sleep(3 * time.Second)
			w.sim.Receive(th.ID, "and?")
		}()
		w.during(2 * time.Minute)
		w.said(th.ID, "ok")
	})
}

// Polling keeps to its share of the day's quota, deep walks and side views included,
// also when that is little for so many threads.
func TestPollingKeepsToItsShare(t *testing.T) {
	inScene(t, func(w *scene) {
		w.cfg.QuotaShare, w.cfg.Every = 0.005, time.Second // 500 requests
		w.rules.judge = func(*bot.Conversation) bot.Verdict {
			return bot.Verdict{Guard: "leave", Outcome: bot.Outcome{Action: bot.Skip}}
		}
		for range 150 {
			w.thread("hi")
		}
		w.during(24 * time.Hour)
		if n := w.sim.Requests()["threads.list"]; n > 500 || n < 400 {
			t.Errorf("%d list requests in a day, want up to 500", n)
		}
	})
}
