package bot_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"inboxbot/bot"
)

// purse is a Purse in memory.
type purse struct {
	mu   sync.Mutex
	days map[string]bot.Spent
	err  error
}

func (p *purse) Spend(_ context.Context, day string, s bot.Spent) (bot.Spent, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.days == nil {
		p.days = map[string]bot.Spent{}
	}
	sum := p.days[day]
	sum.Tokens, sum.MicroUSD = sum.Tokens+s.Tokens, sum.MicroUSD+s.MicroUSD
	p.days[day] = sum
	return sum, p.err
}

// Past the day's budget people get what the bot would have answered; the next day,
// in the team's time zone, it answers again.
func TestBudget(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name   string
		budget bot.Budget
		reason string
	}{
		{"tokens", bot.Budget{Tokens: 50}, "the day's 50 tokens are used up"},
		{"money", bot.Budget{USD: 0.05}, "the day's 0.05 USD are used up"},
	} {
		t.Run(row.name, func(t *testing.T) {
			inScene(t, func(w *scene) {
				p := &purse{}
				w.deps = func(d *bot.Deps) { d.Purse = p }
				w.cfg.Budget, w.cfg.Zone = row.budget, berlin
				w.cfg.Prices = bot.Prices{Input: 1000, Output: 1000} // a thousandth of a dollar a token
				first := w.thread(strings.Repeat("long story. ", 20))
				w.once()
				w.said(first.ID, "ok")
				if h := w.last(first.ID); h.USD < 0.05 || h.USD > 1 {
					t.Errorf("it cost %v USD", h.USD)
				}
				second := w.thread("and me?")
				w.once()
				w.said(second.ID)
				w.outcome(second.ID, bot.Handoff, "budget")
				if h := w.last(second.ID); h.Reason != row.reason || h.Cause != bot.CauseCap {
					t.Errorf("handed over: %s (%s), want %s", h.Reason, h.Cause, row.reason)
				}

				time.Sleep(23*time.Hour + time.Minute) // the bubble began at midnight UTC, an hour into Berlin's day
				third := w.thread("a new day")
				w.once()
				w.said(third.ID, "ok")
			})
		})
	}
}

// At 80 % of the day's budget the operator is told, once a process, and the bot goes
// on answering; a process that starts later knows what the others have spent.
func TestBudgetWarnsInTime(t *testing.T) {
	inScene(t, func(w *scene) {
		p, log := &purse{}, &strings.Builder{}
		w.deps = func(d *bot.Deps) {
			d.Purse, d.Logger = p, slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelWarn}))
		}
		w.cfg.Budget.Tokens = 1000
		day := time.Now().UTC().Format(time.DateOnly)
		p.days = map[string]bot.Spent{day: {Tokens: 700}} // by other processes
		first := w.thread("hi")
		w.once()
		w.said(first.ID, "ok")
		if log.Len() > 0 {
			t.Errorf("told too early: %s", log)
		}

		p.days[day] = bot.Spent{Tokens: 800}
		second, third := w.thread("and me?"), w.thread("and us?")
		w.once()
		w.said(second.ID, "ok")
		w.said(third.ID, "ok")
		if n := strings.Count(log.String(), "most of the day's budget is used"); n != 1 {
			t.Errorf("told %d times: %s", n, log)
		}

		p.days[day] = bot.Spent{Tokens: 1000}
		last := w.thread("me too")
		w.once()
		w.said(last.ID)
		w.outcome(last.ID, bot.Handoff, "budget")
	})
}

// Costs that cannot be counted are not made.
func TestBudgetWithoutStore(t *testing.T) {
	inScene(t, func(w *scene) {
		p := &purse{err: errors.New("connection refused")}
		w.deps = func(d *bot.Deps) { d.Purse = p }
		w.cfg.Budget.Tokens = 1000
		th := w.thread("hi")
		w.during(time.Minute)
		w.said(th.ID)
		if n := len(w.model.Prompts()); n != 0 {
			t.Errorf("the model was asked %d times", n)
		}
		p.mu.Lock()
		p.err = nil
		p.mu.Unlock()
		w.during(2 * time.Minute)
		w.said(th.ID, "ok")
	})
}
