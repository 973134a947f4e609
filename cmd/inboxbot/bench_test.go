package main

import (
	"bytes"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"inboxbot/inboxapi/inboxapitest"
)

// offLimits is a stage in real time whose model takes no time and whom nothing
// holds back: what is left is the bot's own work.
func offLimits(b *testing.B, env ...string) *stage {
	b.Helper()
	s := openStage(b, setting{env: append(env, "LOG_LEVEL=error"), unpaced: true}, "")
	b.Cleanup(s.close)
	s.asks("the first")
	s.once() // the directory, the scripts and the connections are there
	return s
}

// waiting fills the inbox with n new threads that wait, and puts the others away.
func (s *stage) waiting(n int) []string {
	for _, th := range s.sim.Threads() {
		if !th.Done {
			s.sim.Archive(th.ID, true)
		}
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
			for b.Loop() {
				b.StopTimer()
				s.waiting(batch.size)
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

// BenchmarkBareHTTP makes the requests of BenchmarkHandleThread one after the
// other and nothing else: a list, and the messages, the look and the send of each
// thread; in a burst the look is a list page for eight of them.
func BenchmarkBareHTTP(b *testing.B) {
	for _, batch := range batches {
		b.Run(batch.name, func(b *testing.B) {
			s := offLimits(b)
			client := s.sim.HTTPClient()
			defer client.CloseIdleConnections()
			s.sim.ResetCounts()
			replies := 0
			for b.Loop() {
				b.StopTimer()
				ids := s.waiting(batch.size)
				b.StartTimer()
				ask(b, client, http.MethodGet, "/threads?inbox=default&limit=100", "")
				for i, id := range ids {
					ask(b, client, http.MethodGet, "/threads/"+id+"/messages?limit=100", "")
					if batch.size == 1 {
						ask(b, client, http.MethodGet, "/threads/"+id+"/messages?limit=100", "")
					} else if i%8 == 0 {
						ask(b, client, http.MethodGet, "/threads?inbox=default&limit=100", "")
					}
					ask(b, client, http.MethodPost, "/threads/"+id+"/messages", `{"content":"ok"}`)
				}
				replies += batch.size
			}
			perThread(b, replies, s.requests())
		})
	}
}

func perThread(b *testing.B, replies, requests int) {
	b.ReportMetric(float64(replies)/b.Elapsed().Seconds(), "threads/s")
	b.ReportMetric(float64(requests)/float64(replies), "requests/reply")
}

func ask(b *testing.B, client *http.Client, method, path, body string) {
	var content io.Reader
	if body != "" {
		content = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(b.Context(), method, inboxapitest.BaseURL+path, content)
	if err != nil {
		b.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+stageToken)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := client.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK || !bytes.HasPrefix(answer, []byte("{")) {
		b.Fatalf("%s %s: %s %.200s %v", method, path, res.Status, answer, err)
	}
}
