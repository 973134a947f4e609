package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"

	"inboxbot/bot"
	"inboxbot/bot/bottest/storetest"
	"inboxbot/bot/history"
	"inboxbot/bot/redisstore"
)

func TestBesideMiniredis(t *testing.T) {
	storetest.BesideInBubble(t, func(t *testing.T) storetest.Beside {
		_, c := mini(t)
		return open(t, redisstore.Options{Client: c, Team: "team", Fresh: true})
	})
}

func TestBesideRedis(t *testing.T) {
	url := startRedis(t).url()
	var teams atomic.Int64
	t.Run("suite", func(t *testing.T) {
		storetest.BesideInRealTime(t, func(t *testing.T) storetest.Beside {
			return open(t, redisstore.Options{URL: url, Team: fmt.Sprintf("team-%d", teams.Add(1)), Fresh: true})
		})
	})
}

func waiting(thread string) bot.Draft {
	return bot.Draft{
		ID: "one", Thread: thread, MessageID: "m", State: bot.DraftWaiting, Text: "It is 20 €.", Prospect: "mira_koch", ProspectID: "1700",
		MadeAt: time.UnixMilli(1_763_000_000_000).UTC(), Until: time.UnixMilli(1_763_086_400_000).UTC(),
	}
}

func TestDraftTooLate(t *testing.T) {
	onBoth(t, func(t *testing.T, o redisstore.Options) {
		s, ctx := open(t, o), t.Context()
		decide := func(id string, to bot.DraftState) error { return s.DecideDraft(ctx, "thread", id, to, "", "robin") }
		var late *redisstore.DecidedError
		if err := decide("one", bot.DraftApproved); !errors.As(err, &late) || err.Error() != "the draft is not kept any more" {
			t.Errorf("about no draft: %v", err)
		}
		if err := s.KeepDraft(ctx, bot.Lease{}, waiting("thread")); err != nil {
			t.Fatal(err)
		}
		if err := decide("other", bot.DraftApproved); !errors.As(err, &late) || !late.Gone || err.Error() != "another draft has taken its place" {
			t.Errorf("about another draft: %v", err)
		}
		if err := decide("one", bot.DraftSent); err == nil || errors.Is(err, bot.ErrRecorded) {
			t.Errorf("a person cannot say that it is sent: %v", err)
		}
		if err := decide("one", bot.DraftApproved); err != nil {
			t.Fatal(err)
		}
		if err := decide("one", bot.DraftRejected); !errors.As(err, &late) || late.Draft.State != bot.DraftApproved || err.Error() != "the draft is approved already, by robin" {
			t.Errorf("a second decision: %v", err)
		}
	})
}

func TestDraftEdits(t *testing.T) {
	onBoth(t, func(t *testing.T, o redisstore.Options) {
		s, ctx := open(t, o), t.Context()
		if err := s.KeepDraft(ctx, bot.Lease{}, waiting("thread")); err != nil {
			t.Fatal(err)
		}
		for i := range 24 {
			if err := s.EditDraft(ctx, "thread", "one", fmt.Sprintf("It is %d €, \"net\".\n", i), "kim"); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.DecideDraft(ctx, "thread", "one", bot.DraftApproved, "It is 30 €.", "robin"); err != nil {
			t.Fatal(err)
		}
		edits := must(s.DraftEdits(ctx, "thread", "one"))
		if len(edits) != 20 || edits[0].Text != "It is 5 €, \"net\".\n" || edits[19].Text != "It is 30 €." || edits[19].By != "robin" || edits[0].At.IsZero() {
			t.Errorf("%d edits: %+v", len(edits), edits)
		}
		if edits := must(s.DraftEdits(ctx, "thread", "two")); len(edits) != 0 {
			t.Errorf("edits of another draft: %+v", edits)
		}
		newer := waiting("thread")
		newer.ID = "two"
		if err := s.KeepDraft(ctx, bot.Lease{}, newer); err != nil {
			t.Fatal(err)
		}
		if edits := must(s.DraftEdits(ctx, "thread", "two")); len(edits) != 0 {
			t.Errorf("edits of a draft that took the place of another: %+v", edits)
		}
		for _, text := range []string{"", string(make([]byte, 30_001))} {
			if err := s.EditDraft(ctx, "thread", "two", text, "kim"); err == nil || errors.Is(err, bot.ErrRecorded) {
				t.Errorf("words of %d bytes: %v", len(text), err)
			}
		}
	})
}

func TestDraftsExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c := mini(t)
		s, ctx := open(t, redisstore.Options{Client: c, Team: "team", Fresh: true}), t.Context()
		for _, thread := range []string{"decided", "waiting"} {
			if err := s.KeepDraft(ctx, bot.Lease{}, waiting(thread)); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.DecideDraft(ctx, "decided", "one", bot.DraftRejected, "", "robin"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(6 * 24 * time.Hour)
		if d := must(s.Draft(ctx, "decided")); d.State != bot.DraftRejected {
			t.Errorf("after 6 days %+v", d)
		}
		time.Sleep(2 * 24 * time.Hour)
		if d := must(s.Draft(ctx, "decided")); d.ID != "" {
			t.Errorf("after 8 days %+v", d)
		}
		if got := must(s.WaitingDrafts(ctx, 10)); len(got) != 1 {
			t.Errorf("waiting after 8 days: %v", got)
		}
		time.Sleep(23 * 24 * time.Hour)
		if got := must(s.WaitingDrafts(ctx, 10)); len(got) != 0 {
			t.Errorf("waiting after a month: %v", got)
		}
		if keys := must(c.Keys(ctx, "*drafts*").Result()); len(keys) != 0 {
			t.Errorf("left: %v", keys)
		}
	})
}

// TestBesideAnswerLost: what a call did is not done twice when its answer got lost.
func TestBesideAnswerLost(t *testing.T) {
	srv := startRedis(t)
	o := must(redis.ParseURL(srv.url()))
	var cut atomic.Bool
	var between atomic.Value // a func() to be called before a lost answer is asked for again
	between.Store(func() {})
	c := redis.NewClient(&redis.Options{
		MaxRetries: -1, ContextTimeoutEnabled: true, DisableIdentity: true, Protocol: 2,
		Dialer: func(ctx context.Context, _, _ string) (net.Conn, error) {
			if f, ok := between.Load().(func()); ok {
				f()
			}
			conn, err := (&net.Dialer{}).DialContext(ctx, "unix", o.Addr)
			return &cutConn{Conn: conn, cut: &cut}, err
		},
	})
	defer c.Close()
	s, ctx := open(t, redisstore.Options{Client: c, Team: "team", Fresh: true}), t.Context()
	// The scripts are known to the server, so that each call is one question.
	_ = must(s.Spend(ctx, "2026-11-24", bot.Spent{Tokens: 1}))
	_ = s.EditDraft(ctx, "none", "one", "x", "kim")
	appendAll(t, s, decision("a", "m0", bot.Reply))
	if err := s.KeepDraft(ctx, bot.Lease{}, waiting("thread")); err != nil {
		t.Fatal(err)
	}

	lost := func(what string, call func() error) {
		t.Helper()
		cut.Store(true)
		if err := call(); err != nil || cut.Load() {
			t.Fatalf("%s: %v, cut: %t", what, err, !cut.Load())
		}
	}
	lost("spend", func() error { _, err := s.Spend(ctx, "2026-11-24", bot.Spent{Tokens: 10}); return err })
	if got := must(s.Spend(ctx, "2026-11-24", bot.Spent{})); got.Tokens != 11 {
		t.Errorf("spent %+v, want 11 tokens", got)
	}
	lost("edit", func() error { return s.EditDraft(ctx, "thread", "one", "It is 21 €.", "kim") })
	lost("decide", func() error { return s.DecideDraft(ctx, "thread", "one", bot.DraftApproved, "", "robin") })
	lost("move", func() error { return s.MoveDraft(ctx, "thread", "one", bot.DraftSent) })
	// A draft is kept, the answer is lost, and somebody decides before it is kept again.
	meanwhile := open(t, redisstore.Options{URL: srv.url(), Team: "team"})
	between.Store(func() {
		between.Store(func() {})
		if err := meanwhile.DecideDraft(ctx, "other", "one", bot.DraftRejected, "", "robin"); err != nil {
			t.Error(err)
		}
	})
	lost("keep", func() error { return s.KeepDraft(ctx, bot.Lease{}, waiting("other")) })
	if d := must(s.Draft(ctx, "other")); d.State != bot.DraftRejected || d.By != "robin" {
		t.Errorf("a draft that was decided about and kept again: %+v", d)
	}
	if edits := must(s.DraftEdits(ctx, "thread", "one")); len(edits) != 1 {
		t.Errorf("edits %+v", edits)
	}
	lost("append", func() error { return s.LogAppend(ctx, decision("a", "m1", bot.Reply).Entry, history.Detail{}) })
	if got := messages(everything(t, s)); got != "m0 m1" {
		t.Errorf("log %s", got)
	}
}
