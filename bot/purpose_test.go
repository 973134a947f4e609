package bot_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"inboxbot/bot"
	"inboxbot/inboxapi"
	"inboxbot/inboxapi/inboxapitest"
)

// purposes is a limiter that holds nothing back and notes what is asked of it.
type purposes struct {
	mu  sync.Mutex
	all []string
}

func (p *purposes) Wait(ctx context.Context, op string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if op == opMessages || op == opThread {
		p.all = append(p.all, op+" "+string(bot.PurposeOf(ctx)))
	}
	return nil
}

// A limiter learns what a thread and its messages are read for.
func TestALimiterLearnsWhatARequestIsFor(t *testing.T) {
	inScene(t, func(w *scene) {
		var asked purposes
		w.deps = func(d *bot.Deps) {
			client, err := inboxapi.New(inboxapi.Options{BaseURL: inboxapitest.BaseURL, Token: "secret-token", Dial: w.sim.Dial, Limiter: &asked})
			if err != nil {
				t.Fatal(err)
			}
			d.Inbox = client
		}
		w.thread("do you ship to Austria?")
		w.sim.Inject(inboxapitest.Fault{Operation: opSend, Kind: inboxapitest.ResetBefore, Times: 1})
		w.during(10 * time.Second)
		w.during(time.Minute) // another process finds the send in doubt, and hands over
		asked.all = slices.Compact(asked.all)
		want := []string{opMessages + " ", opMessages + " look", opMessages + " reconcile"}
		if !slices.Equal(asked.all, want) {
			t.Errorf("asked for %q, want %q", asked.all, want)
		}
	})
}

// A worker whose send gets no request goes on to another thread while its own waits.
func TestAWorkerDoesNotWaitForEverForARequest(t *testing.T) {
	inScene(t, func(w *scene) {
		w.cfg.Concurrency = 1
		var asked int
		w.deps = func(d *bot.Deps) {
			d.Reserve = func(ctx context.Context) (bool, error) {
				if asked++; asked == 1 {
					<-ctx.Done()
					return true, ctx.Err()
				}
				return false, nil
			}
		}
		first, second := w.thread("one"), w.thread("two")
		w.during(5 * time.Minute)
		w.said(first.ID, "ok")
		w.said(second.ID, "ok")
	})
}
