package main

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"inboxbot/bot"
	"inboxbot/bot/redisstore"
)

// Without a budget to share, a process paces itself, and says in its own words that
// a request would have to wait for longer than it has.
func TestAProcessAlonePacesItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter()
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		for i := range aloneBurst {
			if err := l.Wait(ctx, "threads.list"); err != nil {
				t.Fatalf("request %d: %v", i, err)
			}
		}
		if err := l.Wait(ctx, "threads.list"); !errors.Is(err, errNoBudget) {
			t.Errorf("one more at once: %v, want %v", err, errNoBudget)
		}
		began := time.Now()
		if err := l.Wait(t.Context(), "threads.list"); err != nil || time.Since(began) != 400*time.Millisecond {
			t.Errorf("one that may wait: %v after %s, want none after 400ms", err, time.Since(began))
		}
		stopped, stop := context.WithCancel(t.Context())
		stop()
		if err := l.Wait(stopped, "threads.list"); !errors.Is(err, context.Canceled) {
			t.Errorf("told to stop: %v, want %v", err, context.Canceled)
		}
	})
}

// When requests are short, what has been begun comes first: a list of messages is
// admitted by what it is read for.
func TestWhatIsBegunComesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, end, err := redisstore.Embedded(t.Context(), redisstore.Options{Team: "t"})
		if err != nil {
			t.Fatal(err)
		}
		defer end()
		l, budget := newLimiter(), store.Budget(redisstore.Quota{Minute: redisstore.Window{Quota: 300, Burst: 100}})
		drain := func(p redisstore.Priority) { // down to what p leaves to those before it
			for {
				if wait, err := budget.Take(t.Context(), 1, p); err != nil || wait > 0 {
					return
				}
			}
		}
		const messages = "threads.thread.messages.list"
		now := func(purpose bot.Purpose, op string) bool {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			return l.take(ctx, budget, priority(purpose, op)) == nil
		}
		for _, step := range []struct {
			drainedBy redisstore.Priority
			purpose   bot.Purpose
			op        string
			admitted  bool
		}{
			{redisstore.PriorityHistory, bot.ForAnything, messages, false},
			{redisstore.PriorityHistory, bot.ForLook, messages, true},
			{redisstore.PriorityLook, bot.ForLook, messages, false},
			{redisstore.PriorityLook, bot.ForHandover, "threads.thread.get", true},
			{redisstore.PriorityTag, bot.ForHandover, "threads.thread.get", false},
			{redisstore.PriorityTag, bot.ForLook, "threads.thread.messages.create", true},
			{redisstore.PriorityPost, bot.ForLook, "threads.thread.messages.create", false},
			{redisstore.PriorityPost, bot.ForReconcile, messages, true},
			{redisstore.PriorityReconcile, bot.ForReconcile, messages, false},
		} {
			drain(step.drainedBy)
			if got := now(step.purpose, step.op); got != step.admitted {
				t.Errorf("%s for %q with what priority %d leaves: admitted %t, want %t", step.op, step.purpose, step.drainedBy, got, step.admitted)
			}
		}
	})
}
