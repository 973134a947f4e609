package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"

	"inboxbot/bot"
	"inboxbot/bot/history"
	"inboxbot/bot/redisstore"
)

// decision is one about a message of a thread of mira's.
func decision(thread, message string, outcome bot.Action) history.Item {
	e := history.Entry{
		At: time.Date(2026, 11, 24, 14, 10, 0, 0, time.UTC), Thread: thread, Message: message, Account: "kestrelcoffee",
		Outcome: outcome, Guard: "default", Mode: "live", Generation: "b1946ac92492", WaitedMS: 21_000, ElapsedMS: 1_830,
		Tokens: history.Tokens{In: 1120, Cached: 900, Out: 45}, USD: 0.0012, Template: "system", Confidence: 0.9, Language: "en",
		Person: history.Person{Prospect: "mira_koch", ProspectID: "1700", Asked: "How long does shipping take?", Reason: "shipping times", Reply: "Two days."},
	}
	return history.Item{Entry: e, Detail: history.Detail{
		System: "You answer for Kestrel Coffee.", Draft: "Two days.",
		Chat: []history.Turn{{Role: "user", Text: "How long does shipping take?"}}, Checks: []history.Check{{Guard: "vip"}},
	}}
}

func appendAll(t testing.TB, s *redisstore.Store, items ...history.Item) {
	t.Helper()
	if err := s.LogAppendAll(t.Context(), items); err != nil {
		t.Fatal(err)
	}
}

// everything reads the log from its beginning, a few entries at a time.
func everything(t testing.TB, s *redisstore.Store) []history.Entry {
	t.Helper()
	var all []history.Entry
	for last := ""; ; {
		page, err := s.LogAfter(t.Context(), last, 3)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			return all
		}
		all, last = append(all, page...), page[len(page)-1].ID
	}
}

func messages(entries []history.Entry) string {
	var ids []string
	for _, e := range entries {
		ids = append(ids, e.Message)
	}
	return strings.Join(ids, " ")
}

// onBoth runs a test of the log on miniredis in a bubble and on a real server.
func onBoth(t *testing.T, f func(t *testing.T, o redisstore.Options)) {
	t.Run("miniredis", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			_, c := mini(t)
			f(t, redisstore.Options{Client: c, Team: "team", Fresh: true})
		})
	})
	t.Run("redis", func(t *testing.T) {
		f(t, redisstore.Options{URL: startRedis(t).url(), Team: "team", Fresh: true})
	})
}

func TestLogKeepsWhatWasDecided(t *testing.T) {
	onBoth(t, func(t *testing.T, o redisstore.Options) {
		s := open(t, o)
		if all := everything(t, s); len(all) != 0 {
			t.Fatalf("an empty log has %d entries", len(all))
		}
		items := []history.Item{
			decision("a", "m1", bot.Wait), decision("a", "m1", bot.Reply), decision("b", "m2", bot.Handoff),
			decision("c", "m3", bot.Skip), decision("a", "m4", bot.Reply),
		}
		appendAll(t, s, items[:2]...)
		appendAll(t, s, items[2:]...)
		all := everything(t, s)
		if got := messages(all); got != "m1 m1 m2 m3 m4" {
			t.Fatalf("messages %s", got)
		}
		for i, e := range all {
			want := items[i].Entry
			want.ID = e.ID
			if fmt.Sprint(e) != fmt.Sprint(want) {
				t.Errorf("entry %d:\n%+v, want\n%+v", i, e, want)
			}
			d, err := s.LogDetail(t.Context(), e.ID)
			if err != nil || fmt.Sprint(d) != fmt.Sprint(items[i].Detail) {
				t.Errorf("detail %d: %+v, %v", i, d, err)
			}
			if i > 0 && !history.After(e.ID, all[i-1].ID) {
				t.Errorf("%s does not come after %s", e.ID, all[i-1].ID)
			}
		}
		newest := must(s.LogBefore(t.Context(), "", 2))
		older := must(s.LogBefore(t.Context(), newest[1].ID, 2))
		if got := messages(newest) + " " + messages(older); got != "m4 m3 m2 m1" {
			t.Errorf("backwards: %s", got)
		}
		if _, err := s.LogDetail(t.Context(), "1-1"); !errors.Is(err, redisstore.ErrNoDetail) {
			t.Errorf("detail of nothing: %v", err)
		}
	})
}

// TestLogTellsOnce: a process that starts looks at every thread again, and what it
// finds was told before.
func TestLogTellsOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, o redisstore.Options) {
		s, restarted := open(t, o), open(t, o)
		appendAll(t, s, decision("a", "m1", bot.Skip), decision("b", "m2", bot.Skip))
		appendAll(t, restarted, decision("a", "m1", bot.Skip), decision("b", "m3", bot.Skip))
		appendAll(t, restarted, decision("b", "m3", bot.Handoff))
		if got := messages(everything(t, s)); got != "m1 m2 m3 m3" {
			t.Errorf("messages %s", got)
		}
		// A batch whose answer got lost, and its repetition.
		batch := []history.Item{decision("c", "m4", bot.Wait), decision("c", "m4", bot.Reply)}
		appendAll(t, s, batch...)
		appendAll(t, s, batch...)
		if got := messages(everything(t, s)); got != "m1 m2 m3 m3 m4 m4" {
			t.Errorf("messages %s", got)
		}
	})
}

func TestLogNamespaces(t *testing.T) {
	onBoth(t, func(t *testing.T, o redisstore.Options) {
		dry := o
		dry.Namespace = "dry"
		appendAll(t, open(t, dry), decision("a", "m1", bot.Reply))
		if all := everything(t, open(t, o)); len(all) != 0 {
			t.Errorf("a dry run's decisions are among the live ones: %v", all)
		}
	})
}

func TestLogIsBounded(t *testing.T) {
	t.Run("by number", func(t *testing.T) {
		onBoth(t, func(t *testing.T, o redisstore.Options) {
			o.LogEntries = 5
			s := open(t, o)
			for i := range 30 {
				appendAll(t, s, decision(fmt.Sprint("thread-", i), fmt.Sprint("m", i), bot.Reply))
			}
			if got := messages(everything(t, s)); got != "m25 m26 m27 m28 m29" {
				t.Errorf("messages %s", got)
			}
			o.LogEntries = 2 // made smaller
			s = open(t, o)
			appendAll(t, s, decision("x", "m30", bot.Reply))
			if got := messages(everything(t, s)); got != "m29 m30" {
				t.Errorf("messages %s", got)
			}
			for key, want := range map[string]int64{"log:words": 2, "log:details": 2, "log:last": 2} {
				if n := must(clientOf(t, o).HLen(t.Context(), "inboxbot:{team}:"+key).Result()); n != want {
					t.Errorf("%s has %d fields, want %d", key, n, want)
				}
			}
		})
	})
	t.Run("by bytes of details, the oldest go", func(t *testing.T) {
		onBoth(t, func(t *testing.T, o redisstore.Options) {
			o.LogDetails = 2000
			s := open(t, o)
			for i := range 20 {
				item := decision(fmt.Sprint("thread-", i), fmt.Sprint("m", i), bot.Reply)
				item.Detail.System = noise(600, uint64(i))
				appendAll(t, s, item)
			}
			var kept []string
			for _, e := range everything(t, s) {
				if _, err := s.LogDetail(t.Context(), e.ID); err == nil {
					kept = append(kept, e.Message)
				}
			}
			if len(kept) < 2 || len(kept) > 3 || kept[len(kept)-1] != "m19" || !slices.IsSorted(kept) {
				t.Errorf("details are kept of %v", kept)
			}
			c, sum := clientOf(t, o), 0
			for _, v := range must(c.HVals(t.Context(), "inboxbot:{team}:log:details").Result()) {
				sum += len(v)
			}
			if told := must(c.HGet(t.Context(), "inboxbot:{team}:log:state", "bytes").Int()); told != sum || sum > 2000 {
				t.Errorf("%d bytes of details, counted as %d", sum, told)
			}
		})
	})
	t.Run("by age", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			_, c := mini(t)
			s := open(t, redisstore.Options{Client: c, Team: "team", Fresh: true, LogKeep: 48 * time.Hour})
			appendAll(t, s, decision("a", "m1", bot.Reply))
			time.Sleep(47 * time.Hour)
			appendAll(t, s, decision("b", "m2", bot.Reply))
			if got := messages(everything(t, s)); got != "m1 m2" {
				t.Errorf("after 47 h: %s", got)
			}
			time.Sleep(2 * time.Hour)
			appendAll(t, s, decision("c", "m3", bot.Reply))
			if got := messages(everything(t, s)); got != "m2 m3" {
				t.Errorf("after 49 h: %s", got)
			}
			time.Sleep(49 * time.Hour) // the bot is switched off
			if keys := must(c.Keys(t.Context(), "*log*").Result()); len(keys) != 0 {
				t.Errorf("still there: %v", keys)
			}
		})
	})
}

// clientOf is a client of the server that o names.
func clientOf(t testing.TB, o redisstore.Options) redis.UniversalClient {
	if o.Client != nil {
		return o.Client
	}
	c := redis.NewClient(must(redis.ParseURL(o.URL)))
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// noise is text that no compression makes shorter than half.
func noise(n int, seed uint64) string {
	var b strings.Builder
	for x := seed*2654435761 + 12345; b.Len() < n; {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		b.WriteByte('!' + byte(x%90))
	}
	return b.String()
}

// TestLogOfAnotherVersion: what stands in the log and is not understood is passed
// over, and what comes after it is read.
func TestLogOfAnotherVersion(t *testing.T) {
	onBoth(t, func(t *testing.T, o redisstore.Options) {
		s, c, ctx := open(t, o), clientOf(t, o), context.Background()
		appendAll(t, s, decision("a", "m1", bot.Reply))
		for _, row := range []map[string]any{
			{"e": "{"},
			{"e": `[1]`},
			{"e": `{"at":"yesterday"}`},
			{"future": "1"},
			{"e": `{"outcome":7}`},
			{"e": `{"outcome":"reply","message":"new","color":"blue"}`, "t": "a", "z": "1"},
		} {
			if err := c.XAdd(ctx, &redis.XAddArgs{Stream: "inboxbot:{team}:log", Values: row}).Err(); err != nil {
				t.Fatal(err)
			}
		}
		last := everything(t, s)
		if err := c.HSet(ctx, "inboxbot:{team}:log:words", last[0].ID, "{{").Err(); err != nil {
			t.Fatal(err)
		}
		if err := c.HSet(ctx, "inboxbot:{team}:log:details", last[0].ID, "garbage").Err(); err != nil {
			t.Fatal(err)
		}
		appendAll(t, s, decision("b", "m2", bot.Reply))
		view := history.NewView(0)
		all := everything(t, s)
		view.Add(all...)
		got, _ := view.Query(history.Filter{})
		if messages(got) != "m2 new m1" || len(all) != 8 {
			t.Errorf("messages %s of %d rows", messages(got), len(all))
		}
		if got[2].Person != (history.Person{}) {
			t.Errorf("words out of garbage: %+v", got[2].Person)
		}
		if _, err := s.LogDetail(ctx, all[0].ID); !errors.Is(err, redisstore.ErrNoDetail) {
			t.Errorf("detail out of garbage: %v", err)
		}
	})
}

// FuzzReadEntry: whatever stands in the log, reading it neither fails nor panics,
// and keeps its place.
func FuzzReadEntry(f *testing.F) {
	f.Add(`{"at":"2026-11-24T14:10:00Z","outcome":"reply","tokens":{"in":1}}`, `{"prospect":"mira_koch"}`, "detail")
	f.Add(`{"erased":["1-0"]}`, "", "")
	f.Add(`{"outcome":"reply","erased":7}`, `[]`, "\x00")
	f.Fuzz(func(t *testing.T, facts, words, detail string) {
		e := redisstore.ReadEntry("7-1", facts, words)
		if e.ID != "7-1" {
			t.Fatalf("entry %+v", e)
		}
		v := history.NewView(3)
		v.Add(e)
		v.Query(history.Filter{Text: words, Person: facts})
		v.Numbers(time.Unix(0, 0), time.Unix(1e9, 0), "")
		if d, err := redisstore.ReadDetail(detail); err != nil && !errors.Is(err, redisstore.ErrNoDetail) {
			t.Fatalf("detail %+v, %v", d, err)
		}
	})
}
