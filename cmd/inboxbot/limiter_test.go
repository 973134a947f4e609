package main

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
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
