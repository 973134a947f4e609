package main

import (
	"context"
	"fmt"
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
	if testing.Short() {
		t.Skip("short")
	}
	const threads = 1000
	synctest.Test(t, func(t *testing.T) {
		sim := inboxapitest.New(inboxapitest.Options{})
		defer sim.Close()
		for i := range threads {
			th := sim.AddThread(inboxapitest.NewThread{})
			sim.Receive(th.ID, fmt.Sprintf("question %d", i))
			time.Sleep(time.Second)
		}
		answered := 0
		sim.OnSend(func(inboxapi.Thread, inboxapi.Message) { answered++ })

		store, closeStore, err := redisstore.Embedded(t.Context(), redisstore.Options{Team: sim.Team().ID})
		if err != nil {
			t.Fatal(err)
		}
		defer closeStore()
		budget := newLimiter()
		budget.budget.Store(store.Budget(redisstore.Quota{}))
		client, err := inboxapi.New(inboxapi.Options{
			BaseURL: inboxapitest.BaseURL, Token: "t", Dial: sim.Dial, Limiter: budget, Observe: budget.observe,
		})
		if err != nil {
			t.Fatal(err)
		}
		gen, err := demoSource().load(Config{Timezone: "UTC", HandoffTag: "needs-human"})
		if err != nil {
			t.Fatal(err)
		}
		gen.Guards = answerAll{}
		b, err := bot.New(bot.Deps{
			Inbox: client, Claims: store, Ledger: store, Team: sim.Team(), Leader: store, Now: client.Now,
			Generation: func() bot.Generation { return gen.Generation },
			Model: bottest.NewModel(func(bot.Prompt) (string, error) {
				return `{"action":"reply","reply":"yes","confidence":1,"reason":"known"}`, nil
			}),
		}, bot.Config{Live: true, Settle: -1})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- b.Run(ctx) }()
		for answered < threads && time.Since(began) < 15*time.Minute {
			time.Sleep(time.Second)
		}
		took := time.Since(began)
		requests := sim.Requests()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		total := 0
		for _, n := range requests {
			total += n
		}
		t.Logf("%d answered in %s, %.2f requests a reply, %d refused: %v", answered, took, float64(total)/float64(answered), sim.Rejected(), requests)
		if answered != threads || took > 8*time.Minute {
			t.Errorf("%d of %d answered in %s, want all in at most 8m", answered, threads, took)
		}
		if n := sim.Rejected(); n > 0 {
			t.Errorf("%d requests were refused for the quota", n)
		}
		if twice := sim.AnsweredTwice(); len(twice) > 0 {
			t.Errorf("%d messages answered twice", len(twice))
		}
	})
}

// answerAll lets the model answer everything.
type answerAll struct{}

func (answerAll) Judge(*bot.Conversation) bot.Verdict {
	return bot.Verdict{Guard: "default", Outcome: bot.Outcome{Action: bot.Reply}}
}

func (answerAll) Review(*bot.Conversation, bot.Decision) bot.Verdict {
	return bot.Verdict{Outcome: bot.Outcome{Action: bot.Reply}}
}
