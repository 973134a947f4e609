package bottest_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"inboxbot/bot"
	"inboxbot/bot/bottest"
	"inboxbot/bot/bottest/storetest"
)

func TestStore(t *testing.T) {
	storetest.InBubble(t, func(*testing.T) storetest.World {
		o := bottest.StoreOptions{Lease: 120 * time.Second, Send: 10 * time.Second, Quarantine: 160 * time.Second}
		s := bottest.NewStore(o)
		return storetest.World{Store: s, Lease: o.Lease, Send: o.Send, Quarantine: o.Quarantine, Wipe: s.Wipe}
	})
}

func TestStoreBeside(t *testing.T) {
	storetest.BesideInBubble(t, func(*testing.T) storetest.Beside { return bottest.NewStore(bottest.StoreOptions{}) })
}

func TestStoreFails(t *testing.T) {
	s, down := bottest.NewStore(bottest.StoreOptions{}), errors.New("connection refused")
	l, err := s.Claim(t.Context(), "thread")
	if err != nil {
		t.Fatal(err)
	}
	s.Fail(down)
	if _, err := s.Claim(t.Context(), "other"); !errors.Is(err, down) {
		t.Errorf("claim: %v", err)
	}
	if err := s.Release(t.Context(), l); !errors.Is(err, down) {
		t.Errorf("release: %v", err)
	}
	s.Fail(nil)
	if err := s.Release(t.Context(), l); err != nil {
		t.Errorf("release: %v", err)
	}
}

func TestModel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := bottest.NewModel(func(p bot.Prompt) (string, error) { return "about " + p.Template, nil })
		m.Delay(time.Minute)
		start := time.Now()
		c, err := m.Complete(t.Context(), bot.Prompt{Template: "pricing", System: "12345678"})
		if err != nil || c.Text != "about pricing" || c.Tokens.Prompt != 2 {
			t.Errorf("completion %+v, %v", c, err)
		}
		if took := time.Since(start); took != time.Minute {
			t.Errorf("took %s", took)
		}

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := m.Complete(ctx, bot.Prompt{Template: "late"}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("past its deadline: %v", err)
		}
		if p := m.Prompts(); len(p) != 2 || p[1].Template != "late" {
			t.Errorf("prompts %+v", p)
		}
	})
}
