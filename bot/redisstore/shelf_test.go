package redisstore_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"

	"inboxbot/bot"
	"inboxbot/bot/redisstore"
)

// talk is an active thread with n messages as long as such messages are, in turn
// the prospect's and ours.
func talk(thread string, n int) bot.Shelved {
	s := bot.Shelved{Thread: thread, ProspectID: fmt.Sprint(rand.N(int64(1) << 60))}
	said := [2][]string{{
		"Hi there, I ordered the Guji last week and wonder how long shipping to Austria takes?",
		"Thanks! And can I still change the address, I am moving on Friday",
		"ok great", "Do you have a decaf that is good for a moka pot?", "What does it cost with shipping?",
	}, {
		"Hello! Parcels to Austria take 3 to 5 working days and cost 8,90 EUR; yours should be with you by Friday at the latest.",
		"You can change the address until the parcel is packed: write to us with the order number and we will see to it.",
		"Happy to help!", "Yes: the Huila decaf, ground a little coarser than for espresso. It is 11,50 EUR for 250 g.",
	}}
	by := [2]string{s.ProspectID, fmt.Sprintf("accz4a298xw76a%010d", 7)}
	at := time.Date(2026, 11, 24, 14, 10, 0, 123e6, time.UTC)
	for i := n - 1; i >= 0; i-- {
		m := bot.ShelvedMessage{
			ID: id24(), Author: by[i%2], At: at.Add(time.Duration(i) * 77777 * time.Millisecond), Origin: [2]string{"external", "api"}[i%2],
			Text: said[i%2][i/2%len(said[i%2])],
		}
		s.Messages = append(s.Messages, m)
	}
	return s
}

func id24() string {
	var raw [12]byte
	for i := range raw {
		raw[i] = byte(rand.N(256))
	}
	return hex.EncodeToString(raw[:])
}

// TestShelfOfAnotherVersion: what this version did not write, to the last byte, is
// as good as nothing, and no error: it goes within the hour.
func TestShelfOfAnotherVersion(t *testing.T) {
	const whole = `{"v":1,"prospect":"1700","messages":[{"id":"m","text":"hi","by":"1700","at":"2026-11-24T14:10:00Z"}]}`
	onBoth(t, func(t *testing.T, o redisstore.Options) {
		s, ctx, c := open(t, o), t.Context(), clientOf(t, o)
		for _, row := range []struct {
			name, text string
			read       bool
		}{
			{"this version's", redisstore.Deflate(whole), true},
			{"a newer version's", redisstore.Deflate(strings.Replace(whole, `"v":1`, `"v":2`, 1)), false},
			{"no version", redisstore.Deflate(strings.Replace(whole, `"v":1,`, ``, 1)), false},
			{"a field more", redisstore.Deflate(strings.Replace(whole, `"text"`, `"secret":true,"text"`, 1)), false},
			{"something behind it", redisstore.Deflate(whole + "{}"), false},
			{"half of it", redisstore.Deflate(whole[:60]), false},
			{"half of what is deflated", redisstore.Deflate(whole)[:40], false},
			{"no messages", redisstore.Deflate(`{"v":1,"prospect":"1700","messages":[]}`), false},
			{"another type", redisstore.Deflate(strings.Replace(whole, `"m"`, `7`, 1)), false},
			{"a bomb", redisstore.Deflate(strings.Replace(whole, "hi", strings.Repeat("x", 8<<20), 1)), false},
			{"not deflated", whole, false},
			{"null", redisstore.Deflate("null"), false},
			{"empty", "", false},
			{"noise", "\x00\xff\x13", false},
		} {
			if err := s.Shelve(ctx, talk("thread", 2)); err != nil {
				t.Fatal(err)
			}
			if err := c.HSet(ctx, "inboxbot:{team}:shelf", "thread", row.text).Err(); err != nil {
				t.Fatal(err)
			}
			got, err := s.Shelved(ctx, "thread")
			if read := len(got.Messages) > 0; err != nil || read != row.read || !read && !reflect.DeepEqual(got, bot.Shelved{}) {
				t.Errorf("%s: %.200v, %v", row.name, got, err)
			}
		}
	})
}

// FuzzShelved: nothing that may stand on the shelf makes a panic, and what is read
// is written as it was.
func FuzzShelved(f *testing.F) {
	f.Add("thread", `{"v":1,"prospect":"1700","more":true,"messages":[{"id":"m","text":"hi","by":"1700","at":"2026-11-24T14:10:00Z","media":["image"]}]}`)
	f.Add("", `{"v":1,"messages":[{}]}`)
	f.Add("t", `{"V":1,"Messages":[{"at":"9999-12-31T23:59:59.999999999+23:59"}]}`)
	_, c := mini(f)
	s, err := redisstore.Open(f.Context(), redisstore.Options{Client: c, Team: "team", Fresh: true})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, thread, plain string) {
		kept, ok := redisstore.ReadShelved(thread, plain)
		if !ok || thread == "" {
			return
		}
		if err := s.Shelve(context.Background(), kept); err != nil {
			t.Skip("JSON reads times that it does not write")
		}
		if got, err := s.Shelved(context.Background(), thread); err != nil || fmt.Sprint(got) != fmt.Sprint(kept) {
			t.Errorf("shelved %+v, read %+v, %v", kept, got, err)
		}
	})
}

// TestShelfIsBounded: however many threads are active, the shelf takes what it may
// and no more; those shelved first go first, and what is shelved again counts once.
func TestShelfIsBounded(t *testing.T) {
	onBoth(t, func(t *testing.T, o redisstore.Options) {
		const most = 100_000
		o.ShelfBytes = most
		s, ctx, c := open(t, o), t.Context(), clientOf(t, o)
		for i := range 300 {
			if err := s.Shelve(ctx, talk(fmt.Sprint("thread-", i%200), 1+i%20)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Millisecond)
		}
		texts := must(c.HGetAll(ctx, "inboxbot:{team}:shelf").Result())
		sum := 0
		for _, text := range texts {
			sum += len(text) + 300
		}
		used := must(c.Get(ctx, "inboxbot:{team}:shelf:bytes").Int())
		if used != sum || used > most || used < most*8/10 {
			t.Errorf("%d bytes are counted and %d there, want the same and at most %d", used, sum, most)
		}
		if n := must(c.ZCard(ctx, "inboxbot:{team}:shelf:at").Result()); int(n) != len(texts) || len(texts) < 50 {
			t.Errorf("%d threads by time, %d by name", n, len(texts))
		}
		for thread, kept := range map[string]bool{"thread-99": true, "thread-90": true, "thread-100": false, "thread-150": false} {
			if _, there := texts[thread]; there != kept {
				t.Errorf("%s is kept: %t, want %t", thread, there, kept)
			}
		}
		for _, key := range []string{"shelf", "shelf:at", "shelf:bytes"} {
			if left := must(c.PTTL(ctx, "inboxbot:{team}:"+key).Result()); left <= 0 || left > bot.KeptFor {
				t.Errorf("%s expires in %s", key, left)
			}
		}
	})
}

// TestShelfDropsTheOld: while others are written, what is older than an hour goes.
func TestShelfDropsTheOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c := mini(t)
		s, ctx := open(t, redisstore.Options{Client: c, Team: "team", Fresh: true}), t.Context()
		for i := range 4 * 60 {
			if err := s.Shelve(ctx, talk(fmt.Sprint("thread-", i), 2)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
		}
		if n := must(c.HLen(ctx, "inboxbot:{team}:shelf").Result()); n != 60 {
			t.Errorf("%d threads are there, want those of an hour", n)
		}
		time.Sleep(bot.KeptFor)
		if left := must(c.Keys(ctx, "*shelf*").Result()); len(left) > 0 {
			t.Errorf("an hour after the last: %v", left)
		}
	})
}

// BenchmarkShelve is what an answered thread costs besides, and what the next
// message in it costs another process.
func BenchmarkShelve(b *testing.B) {
	stores(b, func(b *testing.B, s *redisstore.Store) {
		kept := talk("thread", 10)
		b.Run("shelve", func(b *testing.B) {
			for b.Loop() {
				if err := s.Shelve(b.Context(), kept); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("shelved", func(b *testing.B) {
			for b.Loop() {
				if got := must(s.Shelved(b.Context(), "thread")); len(got.Messages) != 10 {
					b.Fatal(got)
				}
			}
		})
	})
}

// BenchmarkShelfMemory fills a real server with threads of so many messages and
// reports what one takes, as Redis counts its memory, and then what the shelf takes
// when 100,000 threads are active.
func BenchmarkShelfMemory(b *testing.B) {
	fill := func(b *testing.B, c *redis.Client, s *redisstore.Store, threads, messages int) (perThread float64, kept int64) {
		before := usedMemory(b, c)
		for i := range threads {
			if err := s.Shelve(b.Context(), talk(fmt.Sprintf("tz4a298xw76a%012d", i), messages)); err != nil {
				b.Fatal(err)
			}
		}
		kept = must(c.HLen(b.Context(), "inboxbot:{team}:shelf").Result())
		perThread = float64(usedMemory(b, c)-before) / float64(kept)
		return perThread, kept
	}
	for _, row := range []struct{ threads, messages int }{{10_000, 2}, {10_000, 10}, {100_000, 10}} {
		b.Run(fmt.Sprintf("%d threads of %d messages", row.threads, row.messages), func(b *testing.B) {
			url := startRedis(b).url()
			c := redis.NewClient(must(redis.ParseURL(url)))
			defer c.Close()
			s := open(b, redisstore.Options{URL: url, Team: "team", Fresh: true})
			for b.Loop() {
				perThread, kept := fill(b, c, s, row.threads, row.messages)
				b.ReportMetric(perThread, "B/thread")
				b.ReportMetric(float64(kept), "kept")
				b.ReportMetric(perThread*float64(kept)/(1<<20), "MiB")
				if err := c.FlushAll(b.Context()).Err(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
