package main

import (
	"bytes"
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"inboxbot/bot"
)

// forgetful is a store that lost its memory at a time, and that warns.
type forgetful struct{ lost time.Time }

func (f *forgetful) Forgot(context.Context) (last bot.Loss, ever bool, err error) {
	return bot.Loss{Ago: time.Since(f.lost)}, !f.lost.IsZero(), nil
}

func (*forgetful) Warnings(context.Context) []string {
	return []string{"maxmemory-policy is allkeys-lru"}
}

// A server that has taken over is looked at again, and what is wrong with it is said
// once for each loss and once a minute at most.
func TestAServerThatTookOverIsLookedAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lines bytes.Buffer
		store := &forgetful{lost: time.Now().Add(-time.Hour)} // before the start, which has warned
		w := &wary{store: store, log: slog.New(slog.NewTextHandler(&lines, nil)), looked: time.Now()}
		after := func(d time.Duration) (warnings int) {
			for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(time.Second) {
				if _, ever, err := w.Forgot(t.Context()); !ever || err != nil {
					t.Errorf("forgot: %t, %v", ever, err)
				}
			}
			return bytes.Count(lines.Bytes(), []byte("allkeys-lru"))
		}
		if n := after(time.Hour); n != 0 {
			t.Errorf("warned %d times of what the start has told", n)
		}
		store.lost = time.Now()
		if n := after(10 * time.Minute); n != 1 {
			t.Errorf("warned %d times after a loss, want once", n)
		}
		for range 20 { // a server that is killed again and again
			store.lost = time.Now()
			after(10 * time.Second)
		}
		if n := after(time.Hour); n < 3 || n > 6 {
			t.Errorf("warned %d times in all, want about once a minute in 3 minutes of losses", n)
		}
	})
}
