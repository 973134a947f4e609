package bottest

import (
	"context"
	"slices"
	"sync"
	"time"

	"inboxbot/bot"
)

var _ bot.Model = (*Model)(nil)

// Model answers prompts by a script and remembers them.
type Model struct {
	answer func(bot.Prompt) (string, error)

	mu      sync.Mutex
	delay   time.Duration
	prompts []bot.Prompt
}

// NewModel returns a model that answers with what answer returns. Answer may be
// called from several goroutines at once.
func NewModel(answer func(bot.Prompt) (string, error)) *Model {
	return &Model{answer: answer}
}

// Delay makes every later completion take d, or end with its context.
func (m *Model) Delay(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.delay = d
}

// Prompts returns the prompts so far, in the order they came.
func (m *Model) Prompts() []bot.Prompt {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.prompts)
}

// Complete implements bot.Model. Tokens are a quarter of the bytes, as the
// estimate of a prompt is.
func (m *Model) Complete(ctx context.Context, p bot.Prompt) (bot.Completion, error) {
	m.mu.Lock()
	delay := m.delay
	m.prompts = append(m.prompts, p)
	m.mu.Unlock()

	wait := time.NewTimer(delay)
	defer wait.Stop()
	select {
	case <-ctx.Done():
		return bot.Completion{Model: "scripted"}, ctx.Err()
	case <-wait.C:
	}
	size := len(p.System)
	for _, c := range p.Chat {
		size += len(c.Text)
	}
	text, err := m.answer(p)
	return bot.Completion{
		Text:   text,
		Model:  "scripted",
		Tokens: bot.Tokens{Prompt: size / 4, Completion: len(text) / 4},
	}, err
}
