package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"inboxbot/bot"
)

// Where anybody could reach it and no token is set there is no console, and the log
// says why.
func TestNoConsoleWithoutToken(t *testing.T) {
	var log strings.Builder
	w := &parts{cfg: Config{HTTPAddr: "0.0.0.0:8080"}, log: slog.New(slog.NewTextHandler(&log, nil))}
	if pages, runs := w.console(nil); pages != nil || runs != nil {
		t.Error("there is a console")
	}
	if !strings.Contains(log.String(), "BOT_CONSOLE_TOKEN is not set") {
		t.Errorf("log: %s", log.String())
	}
}

// BenchmarkHandleThreadWatched is BenchmarkHandleThread's burst while people watch
// the console's first page, each over a connection of their own, by turns with the
// same while nobody does, on a real Redis. It counts the time of the processor that
// this process takes, the browsers' part included: time on the clock depends more on
// what else the machine does.
func BenchmarkHandleThreadWatched(b *testing.B) {
	if _, err := exec.LookPath("redis-server"); err != nil {
		b.Skip("redis-server is not installed")
	}
	for _, viewers := range []int{20, 100} {
		b.Run(fmt.Sprintf("%d viewers", viewers), func(b *testing.B) {
			redis := startRedis(b.Context(), b, freePort(b), "")
			w := &watchedStage{stage: offLimits(b, 0, "BOT_HTTP_ADDR=127.0.0.1:0", "REDIS_URL=redis://"+redis.addr())}
			w.bot = w.start()
			pages, runs := w.parts.console(w.bot)
			ctx, stop := context.WithCancel(b.Context())
			var group sync.WaitGroup
			for _, run := range runs {
				group.Go(func() { _ = run(ctx) })
			}
			server := httptest.NewServer(pages)
			var alone, watched time.Duration
			n := 0
			for b.Loop() {
				alone += w.bursts(b)
				ctx, leave := context.WithCancel(ctx)
				var all sync.WaitGroup
				for range viewers {
					all.Go(func() { watch(ctx, b, server.URL+"/events") })
				}
				watched += w.bursts(b) + w.bursts(b)
				leave()
				all.Wait()
				alone += w.bursts(b) // so that neither always comes later
				n += 2 * burstsByTurns
			}
			perThread := func(d time.Duration) float64 { return float64(d.Microseconds()) / float64(n*burstSize) }
			b.ReportMetric(perThread(alone), "µs/thread-alone")
			b.ReportMetric(perThread(watched), "µs/thread-watched")
			b.ReportMetric(100*(watched.Seconds()/alone.Seconds()-1), "%-more")
			stop()
			group.Wait()
			server.Close()
		})
	}
}

const (
	burstSize     = 100
	burstsByTurns = 25 // takes longer than the page stays as it is
)

type watchedStage struct {
	*stage
	bot *bot.Bot
	ids []string
}

// bursts is how much of the processor some bursts take, the filling of the inbox
// left out.
func (w *watchedStage) bursts(b *testing.B) (took time.Duration) {
	for range burstsByTurns {
		w.ids = w.waiting(burstSize, w.ids)
		began := processor(b)
		if err := w.bot.Once(b.Context()); err != nil {
			b.Fatal(err)
		}
		took += processor(b) - began
	}
	return took
}

// processor is the time of the processor that this process has taken.
func processor(b *testing.B) time.Duration {
	b.Helper()
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// watch reads a stream until ctx ends.
func watch(ctx context.Context, b *testing.B, url string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		b.Error(err)
		return
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return // it was over before it began
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); ctx.Err() == nil {
		b.Errorf("the stream ended: %v", err)
	}
}
