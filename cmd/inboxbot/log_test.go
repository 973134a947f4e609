package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"inboxbot/bot"
	"inboxbot/bot/history"
	"inboxbot/bot/redisstore"
)

func TestEntryLines(t *testing.T) {
	at := time.Date(2026, 11, 4, 14, 10, 5, 0, time.UTC)
	for _, row := range []struct {
		name string
		e    history.Entry
		want string
	}{
		{"a reply", history.Entry{
			At: at, Outcome: bot.Reply, Guard: "default", Mode: "live", WaitedMS: 21_400, Tokens: history.Tokens{In: 800, Out: 32},
			Person: history.Person{Prospect: "mira_koch", Asked: "Do you ship to Austria?", Reason: "shipping", Reply: "Yes.\nTwo days."},
		}, `
Nov  4 15:10:05 REPLY    @mira_koch       Do you ship to Austria?
                         default: shipping (after 21s, 832 tokens)
                         > Yes.
                         > Two days.
`},
		{"a handoff of a dry run", history.Entry{
			At: at, Outcome: bot.Handoff, Guard: "unsure", Mode: "dry-run", Cause: bot.CauseFacts,
			Person: history.Person{Prospect: "bo", Reason: "the facts do not say"},
		}, `
Nov  4 15:10:05 HANDOFF  @bo              (no text)
                         unsure: the facts do not say (not-in-facts, dry-run)
`},
		{"what moves the cursor, forges a line or turns the text around", history.Entry{
			At: at, Outcome: bot.Skip, Guard: "g\x1b[2J", Mode: "live",
			Person: history.Person{Prospect: "a\nb", Asked: "hi\x1b]0;x\x07\r\nNov  4 REPLY @boss \u202egnp.exe", Reason: "r\u2028\u009b1A"},
		}, `
Nov  4 15:10:05 SKIP     @a b             hi ]0;x Nov 4 REPLY @boss gnp.exe
                         g [2J: r 1A
`},
	} {
		t.Run(row.name, func(t *testing.T) {
			zone := time.FixedZone("CET", 3600)
			if got := entryLines(row.e, zone); got != strings.TrimPrefix(row.want, "\n") {
				t.Errorf("got\n%swant%s", got, row.want)
			}
		})
	}
}

func TestShort(t *testing.T) {
	for d, want := range map[time.Duration]string{
		400 * time.Millisecond: "0s", 21_400 * time.Millisecond: "21s", 4*time.Minute + 6*time.Second: "4m6s",
		2*time.Hour + 10*time.Second: "2h0m", 26*time.Hour + 31*time.Minute: "26h31m",
	} {
		if got := short(d); got != want {
			t.Errorf("%s: %s, want %s", d, got, want)
		}
	}
}

// TestLogFollows: decisions are shown within a second of being made, and those of
// the last moment too.
func TestLogFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, end, err := redisstore.Embedded(t.Context(), redisstore.Options{Team: "team"})
		if err != nil {
			t.Fatal(err)
		}
		defer end()
		decide := func(thread string) {
			e := history.Entry{At: time.Now(), Thread: thread, Message: "m", Outcome: bot.Skip, Guard: "default", Person: history.Person{Prospect: thread}}
			if err := store.LogAppend(t.Context(), e, history.Detail{}); err != nil {
				t.Fatal(err)
			}
		}
		decide("before")
		past, last, err := pastEntries(t.Context(), store, history.Filter{}, 10)
		if err != nil || len(past) != 1 {
			t.Fatalf("past %v, %v", past, err)
		}
		ctx, stop := context.WithCancel(t.Context())
		var shown, complaints bytes.Buffer
		done := make(chan error)
		go func() {
			done <- followEntries(ctx, store, last, &complaints, func(e history.Entry) { shown.WriteString(e.Prospect + " ") })
		}()
		decide("first")
		time.Sleep(time.Second)
		synctest.Wait()
		if shown.String() != "first " {
			t.Errorf("after a second: %q", shown.String())
		}
		decide("last")
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if shown.String() != "first last " || complaints.Len() > 0 {
			t.Errorf("shown %q, complaints %q", shown.String(), complaints.String())
		}
	})
}

// TestPastEntriesStop: what is older than asked for is not read.
func TestPastEntriesStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, end, err := redisstore.Embedded(t.Context(), redisstore.Options{Team: "team"})
		if err != nil {
			t.Fatal(err)
		}
		defer end()
		for i := range 6 {
			e := history.Entry{
				At: time.Now(), Thread: string(rune('a' + i)), Message: "m", Outcome: bot.Skip, Guard: []string{"vip", "default"}[i%2],
			}
			if err := store.LogAppend(t.Context(), e, history.Detail{}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Hour)
		}
		for _, row := range []struct {
			name string
			f    history.Filter
			n    int
			want string
		}{
			{"the newest", history.Filter{}, 2, "fe"},
			{"all", history.Filter{}, 100, "fedcba"},
			{"of one guard", history.Filter{Guard: "vip"}, 2, "ec"},
			{"of the last three and a half hours", history.Filter{From: time.Now().Add(-210 * time.Minute)}, 100, "fed"},
			{"none", history.Filter{}, 0, ""},
		} {
			found, last, err := pastEntries(t.Context(), store, row.f, row.n)
			got := ""
			for _, e := range found {
				got += e.Thread
			}
			if err != nil || got != row.want || last == "" {
				t.Errorf("%s: %q from %q, %v, want %q", row.name, got, last, err, row.want)
			}
		}
	})
}
