package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"inboxbot/inboxapi"
	"inboxbot/inboxapi/inboxapitest"
)

// offLimits is a stage in real time whose model takes no time and whom nothing
// holds back: what is left is the bot's own work. Its API is behind a socket, as
// a Redis is.
func offLimits(b *testing.B, env ...string) *stage {
	b.Helper()
	s := openStage(b, setting{env: append(env, "LOG_LEVEL=error"), unpaced: true, socket: true}, "")
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

var batches = []struct {
	name string
	size int
}{{"one", 1}, {"burst of 100", 100}}

// BenchmarkHandleThread is a sweep and everything after it, up to the record, for
// threads that wait: against the simulated API in this process, on the embedded
// store and on a real Redis. Compare it with BenchmarkBareHTTP.
func BenchmarkHandleThread(b *testing.B) {
	b.Run("embedded", func(b *testing.B) { handleThreads(b) })
	b.Run("redis", func(b *testing.B) {
		if _, err := exec.LookPath("redis-server"); err != nil {
			b.Skip("redis-server is not installed")
		}
		redis := startRedis(b.Context(), b, freePort(b), "")
		handleThreads(b, "REDIS_URL=redis://"+redis.addr())
	})
}

func handleThreads(b *testing.B, env ...string) {
	for _, batch := range batches {
		b.Run(batch.name, func(b *testing.B) {
			s := offLimits(b, env...)
			bot := s.start()
			s.sim.ResetCounts()
			replies := 0
			var ids []string
			for b.Loop() {
				b.StopTimer()
				ids = s.waiting(batch.size, ids)
				b.StartTimer()
				if err := bot.Once(b.Context()); err != nil {
					b.Fatal(err)
				}
				replies += batch.size
			}
			if n := s.sim.Requests()[sendOp]; n != replies {
				b.Fatalf("%d replies to %d threads", n, replies)
			}
			b.Logf("%d replies: %s", replies, s.operations())
			perThread(b, replies, s.requests())
		})
	}
}

// BenchmarkBareHTTP makes the requests of BenchmarkHandleThread, as many at once
// as the bot does, reads and decodes the same answers, and does nothing else: a
// list, and the messages, the look and the send of each thread; in a burst the
// look is one more list page for all of them.
func BenchmarkBareHTTP(b *testing.B) {
	for _, batch := range batches {
		b.Run(batch.name, func(b *testing.B) {
			s := offLimits(b)
			bare := &bareClient{b: b, http: &http.Client{Transport: &http.Transport{DialContext: s.dial, MaxIdleConnsPerHost: 64}}}
			defer bare.http.CloseIdleConnections()
			s.sim.ResetCounts()
			replies := 0
			var ids []string
			for b.Loop() {
				b.StopTimer()
				ids = s.waiting(batch.size, ids)
				b.StartTimer()
				bare.answer(ids)
				replies += batch.size
			}
			perThread(b, replies, s.requests())
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

func perThread(b *testing.B, replies, requests int) {
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
