package main

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"inboxbot/bot"
)

// wary is the store's memory as the bot asks for it. Whenever the store has lost it,
// what about it may break the bot's promises is looked at again and said in the log:
// another server than the one that was looked at last may have taken over.
type wary struct {
	store interface {
		bot.Memory
		Warnings(ctx context.Context) []string
	}
	log *slog.Logger

	mu     sync.Mutex
	looked time.Time // at the warnings: at start, or later
}

// Forgot implements bot.Memory.
func (w *wary) Forgot(ctx context.Context) (last bot.Loss, ever bool, err error) {
	last, ever, err = w.store.Forgot(ctx)
	if err == nil && ever && w.due(time.Now(), last.Ago) {
		for _, warning := range w.store.Warnings(ctx) {
			w.log.Warn("redis: " + warning)
		}
	}
	return last, ever, err
}

// due reports whether a loss that long ago is one since the warnings were looked at,
// at most once a minute.
func (w *wary) due(now time.Time, ago time.Duration) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	since := now.Sub(w.looked)
	if ago >= since || since < time.Minute {
		return false
	}
	w.looked = now
	return true
}
