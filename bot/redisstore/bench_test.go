package redisstore_test

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"inboxbot/bot"
	"inboxbot/bot/history"
	"inboxbot/bot/redisstore"
)

// stores runs a benchmark on miniredis and on a real server.
func stores(b *testing.B, f func(*testing.B, *redisstore.Store)) {
	b.Run("miniredis", func(b *testing.B) {
		_, c := mini(b)
		f(b, open(b, redisstore.Options{Client: c, Team: "team", Fresh: true}))
	})
	b.Run("redis", func(b *testing.B) {
		f(b, open(b, redisstore.Options{URL: startRedis(b).url(), Team: "team", Fresh: true}))
	})
}

// BenchmarkClaim is a claim and its release.
func BenchmarkClaim(b *testing.B) {
	stores(b, func(b *testing.B, s *redisstore.Store) {
		ctx := b.Context()
		for b.Loop() {
			l, err := s.Claim(ctx, "thread")
			if err != nil {
				b.Fatal(err)
			}
			if err := s.Release(ctx, l); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkReply is all a reply asks of the store: claim, intent, sent, release.
func BenchmarkReply(b *testing.B) {
	stores(b, func(b *testing.B, s *redisstore.Store) {
		n := 0
		for b.Loop() {
			n++
			reply(b.Context(), b, s, fmt.Sprint("thread-", n))
		}
	})
}

func reply(ctx context.Context, b *testing.B, s *redisstore.Store, thread string, tags ...string) {
	b.Helper()
	l, err := s.Claim(ctx, thread)
	if err != nil {
		b.Fatal(err)
	}
	next := intent("k3m9x2q7v5b8n1c4z6j0h2t9")
	next.Seen = tags
	if err := s.Advance(ctx, l, next, time.Minute); err != nil {
		b.Fatal(err)
	}
	next.State, next.SentID = bot.StateSent, "p8w4y1s6d3f7g0r5u2e9i4o1"
	next.SentSum, next.Generation = "5f2b1a9c7d3e4f60", "b1946ac92492d234"
	if err := s.Advance(ctx, l, next, 0); err != nil {
		b.Fatal(err)
	}
	if err := s.Release(ctx, l); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkRecords reads the records of one list page, and of ten.
func BenchmarkRecords(b *testing.B) {
	for _, n := range []int{100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			stores(b, func(b *testing.B, s *redisstore.Store) {
				ids := make([]string, n)
				for i := range ids {
					ids[i] = fmt.Sprint("thread-", i)
					reply(b.Context(), b, s, ids[i])
				}
				for b.Loop() {
					if _, err := s.Records(b.Context(), ids); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}

func BenchmarkBudget(b *testing.B) {
	stores(b, func(b *testing.B, s *redisstore.Store) {
		budget := s.Budget(redisstore.Quota{})
		for b.Loop() {
			if _, err := budget.Take(b.Context(), 1, redisstore.PriorityPost); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkMemory fills a real server with 100,000 terminal records as a reply
// leaves them, with IDs as long as Inbox's (24 characters), and reports what one takes: as Redis counts its memory, which
// includes the key, the expiry and the allocator's rounding. Prospects have no
// tags, three, or as many as a record remembers.
func BenchmarkMemory(b *testing.B) {
	for _, tags := range []int{0, 3, bot.SeenMax} {
		b.Run(fmt.Sprintf("%d tags", tags), func(b *testing.B) { memory(b, tags) })
	}
}

func memory(b *testing.B, tags int) {
	seen := make([]string, tags)
	for i := range seen {
		seen[i] = fmt.Sprint("needs-human-", i)
	}
	url := startRedis(b).url()
	c := redis.NewClient(must(redis.ParseURL(url)))
	defer c.Close()
	const records = 100_000
	for b.Loop() {
		s := open(b, redisstore.Options{URL: url, Team: "a5t7m2x9c4v1b6n3q8z0k7j2", Fresh: true})
		before := usedMemory(b, c)
		var workers sync.WaitGroup
		for w := range 8 {
			workers.Go(func() {
				for i := w; i < records; i += 8 {
					reply(b.Context(), b, s, fmt.Sprintf("tz4a298xw76a%012d", i), seen...)
				}
			})
		}
		workers.Wait()
		if b.Failed() {
			return
		}
		if n := must(c.DBSize(b.Context()).Result()); n < records {
			b.Fatalf("%d keys", n)
		}
		b.ReportMetric(float64(usedMemory(b, c)-before)/records, "B/record")
		if err := c.FlushAll(b.Context()).Err(); err != nil {
			b.Fatal(err)
		}
	}
}

func usedMemory(b *testing.B, c *redis.Client) int {
	info := must(c.Info(b.Context(), "memory").Result())
	return must(strconv.Atoi(regexp.MustCompile(`used_memory:(\d+)`).FindStringSubmatch(info)[1]))
}

// BenchmarkLogAppend appends decisions one by one, and by the 50 as a Writer does.
func BenchmarkLogAppend(b *testing.B) {
	for _, n := range []int{1, 50} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			stores(b, func(b *testing.B, s *redisstore.Store) {
				count := 0
				for b.Loop() {
					items := make([]history.Item, n)
					for i := range items {
						count++
						items[i] = typical(count)
					}
					if err := s.LogAppendAll(b.Context(), items); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(count)/b.Elapsed().Seconds(), "entries/s")
			})
		})
	}
}

// typical is a decision with a prompt as long as the shipped one with some facts.
func typical(i int) history.Item {
	item := decision(fmt.Sprintf("tz4a298xw76a%012d", i/2), fmt.Sprintf("mz4a298xw76a%012d", i), bot.Reply)
	item.Entry.Person = history.Person{
		Prospect: fmt.Sprint("prospect_", i/2), ProspectID: fmt.Sprint(1_700_000_000_000 + i/2),
		Asked:  fmt.Sprint("Hi there, I ordered the Guji last week and wonder how long shipping to Austria takes, number ", i),
		Reason: "shipping times stand in the facts",
		Reply:  "Hello! Parcels to Austria take 3 to 5 working days and cost 8,90 EUR; yours should be with you by Friday at the latest.",
	}
	text := must(os.ReadFile("../../prompts/system.tmpl"))
	item.Detail.System = string(text) + noise(300, uint64(i))
	item.Detail.Asked, item.Detail.Reply = item.Entry.Asked, item.Entry.Reply
	for range 20 {
		item.Detail.Checks = append(item.Detail.Checks, history.Check{Guard: "person-took-over"})
	}
	return item
}

// BenchmarkLogMemory fills a real server with 50,000 decisions and reports what one
// takes, its detail apart, and how many details fit into the room they have.
func BenchmarkLogMemory(b *testing.B) {
	const entries = 50_000
	for _, row := range []struct {
		name    string
		details bool
	}{{"entries", false}, {"with-details", true}} {
		b.Run(row.name, func(b *testing.B) {
			url := startRedis(b).url()
			c := redis.NewClient(must(redis.ParseURL(url)))
			defer c.Close()
			for b.Loop() {
				s := open(b, redisstore.Options{URL: url, Team: "a5t7m2x9c4v1b6n3q8z0k7j2", Fresh: true})
				before := usedMemory(b, c)
				for i := 0; i < entries; i += 50 {
					items := make([]history.Item, 50)
					for j := range items {
						if items[j] = typical(i + j); !row.details {
							items[j].Detail = history.Detail{}
						}
					}
					if err := s.LogAppendAll(b.Context(), items); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(usedMemory(b, c)-before)/entries, "B/entry")
				b.ReportMetric(float64(must(c.HLen(b.Context(), "inboxbot:{a5t7m2x9c4v1b6n3q8z0k7j2}:log:details").Result())), "details")
				if err := c.FlushAll(b.Context()).Err(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
