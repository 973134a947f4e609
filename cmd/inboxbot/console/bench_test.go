package console

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"inboxbot/bot"
	"inboxbot/bot/history"
	"inboxbot/bot/redisstore"
)

// crowded is a console whose log holds 100,000 decisions of a month about 20,000
// threads.
func crowded(b *testing.B) *Console {
	b.Helper()
	store, done, err := redisstore.Embedded(b.Context(), redisstore.Options{Team: "team"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(done)
	view, now, rng := history.NewView(0), time.Now(), rand.New(rand.NewPCG(1, 2))
	outcomes := []bot.Action{bot.Reply, bot.Reply, bot.Handoff, bot.Skip, bot.Wait}
	for i := range 100_000 {
		n := rng.IntN(20_000)
		e := decision(fmt.Sprint("thread-", n), fmt.Sprint("person", n), outcomes[rng.IntN(len(outcomes))])
		e.ID = fmt.Sprintf("%d-0", i+1)
		e.At = now.Add(-time.Duration(100_000-i) * 26 * time.Second)
		e.Guard = fmt.Sprint("guard-", rng.IntN(20))
		e.ModelMS, e.Account = rng.Int64N(3000), fmt.Sprint("account", n%5)
		if e.Outcome == bot.Skip {
			e.Shadow = &history.Shadow{Guard: e.Guard, SameFacts: n%3 > 0, Likeness: rng.Float64()}
		}
		view.Add(e)
	}
	fake := &fakeBot{}
	fake.set(bot.Health{Leads: true, LastSweep: now})
	for i := range 30 {
		thread := fmt.Sprint("thread-", i)
		fake.talk(thread, fmt.Sprint("person", i), bot.Turn{ID: "m-" + thread, Text: "hello", Side: bot.SideProspect})
		d := bot.Draft{ID: thread, Thread: thread, MessageID: "m-" + thread, State: bot.DraftWaiting, Text: "Two days.", Prospect: "p", MadeAt: now, Until: now.Add(time.Hour)}
		if err := store.KeepDraft(b.Context(), bot.Lease{}, d); err != nil {
			b.Fatal(err)
		}
	}
	fake.talk("thread-1", "person1", bot.Turn{ID: "m-thread-1", Text: "hello", Side: bot.SideProspect})
	c, err := New(Options{
		Rules: shelf{}, Bot: fake, Switch: store, Details: store, Drafts: store, Log: view,
		Generation: func() Generation { return Generation{Hash: "ab12cd34ef56"} },
		Mode:       "live", Zone: time.UTC, SLO: time.Hour, Now: time.Now, Addr: "127.0.0.1:8080",
	})
	if err != nil {
		b.Fatal(err)
	}
	c.asks.limit.SetLimit(1e9)
	return c
}

// BenchmarkPages: every page at the server with 100,000 decisions in the log, the
// embedded store included.
func BenchmarkPages(b *testing.B) {
	c := crowded(b)
	for _, path := range []string{
		"/", "/threads", "/threads?person=person19999", "/threads?text=nobody+said+this", "/threads?outcome=handoff&guard=guard-7&since=7d",
		"/threads?before=50-0", "/threads/thread-1", "/drafts", "/rules", "/rules?when=inbound+%3E+0", "/numbers", "/numbers?for=month", "/numbers.csv?for=month", "/shadow?for=month",
	} {
		b.Run(path, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, path, http.NoBody)
				r.Host = "localhost"
				rec := httptest.NewRecorder()
				if c.ServeHTTP(rec, r); rec.Code != http.StatusOK {
					b.Fatal(rec.Code)
				}
			}
		})
	}
}

// BenchmarkLive is what all viewers together cost every two seconds.
func BenchmarkLive(b *testing.B) {
	c := crowded(b)
	b.ReportAllocs()
	for b.Loop() {
		if got := c.nowEvents(b.Context()); len(got) != 3 {
			b.Fatal(len(got))
		}
	}
}
