package main

import (
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"inboxbot/inboxapi"
	"inboxbot/inboxapi/inboxapitest"
)

// offLimits is a stage in real time whose model takes no time and whom nothing
// holds back: what is left is the bot's own work. Its API is behind a socket, as
// a Redis is.
func offLimits(b *testing.B, latency time.Duration, env ...string) *stage {
	b.Helper()
	s := openStage(b, setting{
		env: append(env, "LOG_LEVEL=error"), unpaced: true, socket: true, wrap: far(latency),
		sim: inboxapitest.Options{Seed: rand.Uint64()}, // other threads than those a shared Redis knows already
	}, "")
	b.Cleanup(s.close)
	s.asks("the first")
	s.once() // the directory, the scripts and the connections are there
	return s
}

// waiting fills the inbox with n new threads that wait, and puts those of done
// away.
func (s *stage) waiting(n int, done []string) []string {
	for _, id := range done {
		s.sim.Archive(id, true)
	}
	ids := make([]string, n)
	for i := range ids {
		ids[i] = s.asks("do you ship to Austria?")
	}
	return ids
}

// batches are how many wait at once, and how long the API takes over each request:
// no time at all, so that both sides are bound by the processor, which they share
// with the API and with Redis; 2 ms, which is less than a request over the internet
// and TLS takes anywhere; or as long as an API far away does.
var batches = []struct {
	name    string
	size    int
	latency time.Duration
}{
	{"one", 1, 0},
	{"burst of 100", 100, 0},
	{"one, API of 2 ms", 1, 2 * time.Millisecond},
	{"burst of 100, API of 2 ms", 100, 2 * time.Millisecond},
	{"one, API of 20 ms", 1, 20 * time.Millisecond},
	{"burst of 100, API of 20 ms", 100, 20 * time.Millisecond},
}

// far is an API that takes its time over every request.
func far(latency time.Duration) func(testing.TB, http.Handler) http.Handler {
	return func(_ testing.TB, api http.Handler) http.Handler {
		if latency == 0 {
			return api
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(latency)
			api.ServeHTTP(w, r)
		})
	}
}

// BenchmarkHandleThread is a sweep and everything after it, up to the record, for
// threads that wait: against the simulated API in this process, on the embedded
// store and on a real Redis. Compare it with BenchmarkBareHTTP.
func BenchmarkHandleThread(b *testing.B) {
	b.Run("embedded", func(b *testing.B) { handleThreads(b, nil) })
	b.Run("redis", func(b *testing.B) {
		if _, err := exec.LookPath("redis-server"); err != nil {
			b.Skip("redis-server is not installed")
		}
		redis := startRedis(b.Context(), b, freePort(b), "")
		handleThreads(b, redis, "REDIS_URL=redis://"+redis.addr())
	})
}

// handleThreads counts the time of the processor too, that of the store's server,
// if it is another process, included: on a busy machine the ratio of two such times
// says more than that of two speeds.
func handleThreads(b *testing.B, redis *redisServer, env ...string) {
	for _, batch := range batches {
		b.Run(batch.name, func(b *testing.B) {
			s := offLimits(b, batch.latency, env...)
			bot := s.start()
			s.sim.ResetCounts()
			replies := 0
			var took time.Duration
			var ids []string
			for b.Loop() {
				b.StopTimer()
				ids = s.waiting(batch.size, ids)
				began := processor(b)
				theirs := redis.processor(b)
				b.StartTimer()
				if err := bot.Once(b.Context()); err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				took += redis.processor(b) - theirs
				took += processor(b) - began
				b.StartTimer()
				replies += batch.size
			}
			if n := s.sim.Requests()[sendOp]; n != replies {
				b.Fatalf("%d replies to %d threads", n, replies)
			}
			b.Logf("%d replies: %s", replies, s.operations())
			perThread(b, replies, s.requests(), took)
		})
	}
}

// processor is the time of the processor that the server has taken; none is one
// in this process.
func (s *redisServer) processor(b *testing.B) time.Duration {
	if s == nil {
		return 0
	}
	b.Helper()
	info, err := s.rdb.InfoMap(b.Context(), "cpu").Result()
	if err != nil {
		b.Fatal(err)
	}
	var took time.Duration
	for _, key := range []string{"used_cpu_user", "used_cpu_sys"} {
		d, err := time.ParseDuration(info["CPU"][key] + "s")
		if err != nil {
			b.Fatal(err)
		}
		took += d
	}
	return took
}

// BenchmarkBareHTTP makes the requests of BenchmarkHandleThread, as many at once
// as the bot does, reads and decodes the same answers, and does nothing else: a
// list, and the messages, the look and the send of each thread; in a burst the
// look is one more list page for all of them.
func BenchmarkBareHTTP(b *testing.B) {
	for _, batch := range batches {
		b.Run(batch.name, func(b *testing.B) {
			s := offLimits(b, batch.latency)
			bare := &bareClient{b: b, http: &http.Client{Transport: &http.Transport{DialContext: s.dial, MaxIdleConnsPerHost: 64}}}
			defer bare.http.CloseIdleConnections()
			s.sim.ResetCounts()
			replies := 0
			var took time.Duration
			var ids []string
			for b.Loop() {
				b.StopTimer()
				ids = s.waiting(batch.size, ids)
				began := processor(b)
				b.StartTimer()
				bare.answer(ids)
				b.StopTimer()
				took += processor(b) - began
				b.StartTimer()
				replies += batch.size
			}
			perThread(b, replies, s.requests(), took)
		})
	}
}

// bareClient is what is left of a bot without guards, prompts, records and claims.
type bareClient struct {
	b    *testing.B
	http *http.Client
}

// answer answers the threads, as many at once as a bot does by default.
func (c *bareClient) answer(ids []string) {
	c.list()
	look := func(id string) { c.messages(id) }
	if len(ids) > 1 {
		look = func(string) {}
		defer c.list()
	}
	var workers errgroup.Group
	workers.SetLimit(8)
	for _, id := range ids {
		workers.Go(func() error {
			c.messages(id)
			look(id)
			var sent inboxapi.Message
			c.ask(http.MethodPost, "/threads/"+id+"/messages", `{"content":"ok"}`, &sent)
			return nil
		})
	}
	_ = workers.Wait() // what fails ends the benchmark
}

func (c *bareClient) list() {
	var page struct{ Threads []inboxapi.Thread }
	c.ask(http.MethodGet, "/threads?inbox=default&limit=100", "", &page)
}

func (c *bareClient) messages(id string) {
	var page struct{ Messages []inboxapi.Message }
	c.ask(http.MethodGet, "/threads/"+id+"/messages?limit=100", "", &page)
}

func perThread(b *testing.B, replies, requests int, took time.Duration) {
	b.ReportMetric(float64(took.Microseconds())/float64(replies), "cpu-µs/reply")
	b.ReportMetric(float64(replies)/b.Elapsed().Seconds(), "threads/s")
	b.ReportMetric(float64(requests)/float64(replies), "requests/reply")
}

func (c *bareClient) ask(method, path, body string, into any) {
	var content io.Reader
	if body != "" {
		content = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(c.b.Context(), method, inboxapitest.BaseURL+path, content)
	if err != nil {
		c.b.Error(err)
		return
	}
	req.Header.Set("Authorization", "Bearer "+stageToken)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := c.http.Do(req)
	if err != nil {
		c.b.Error(err)
		return
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err == nil {
		err = json.Unmarshal(answer, into)
	}
	if err != nil || res.StatusCode != http.StatusOK {
		c.b.Errorf("%s %s: %s %.200s %v", method, path, res.Status, answer, err)
	}
}

// BenchmarkStart is everything from reading the configuration to the end of the
// first sweep of an inbox with 100 threads in which nobody waits: rules, prompts
// and their tests, the connection to a real Redis, the team's directory, one list.
func BenchmarkStart(b *testing.B) {
	if _, err := exec.LookPath("redis-server"); err != nil {
		b.Skip("redis-server is not installed")
	}
	redis := startRedis(b.Context(), b, freePort(b), "")
	for b.Loop() {
		b.StopTimer()
		o := setting{env: []string{"LOG_LEVEL=error", "REDIS_URL=redis://" + redis.addr()}, unpaced: true, socket: true}
		o.before = func(sim *inboxapitest.Server) {
			for range 100 {
				sim.Write(sim.AddThread(inboxapitest.NewThread{}).ID, inboxapitest.PersonInInbox, "Hello")
			}
			b.StartTimer()
		}
		s := openStage(b, o, "")
		if err := s.start().Once(b.Context()); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		s.close()
		b.StartTimer()
	}
}
