package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
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
// the console's first page, each over a connection of their own.
func BenchmarkHandleThreadWatched(b *testing.B) {
	for _, viewers := range []int{0, 20, 100} {
		b.Run(fmt.Sprintf("%d viewers", viewers), func(b *testing.B) {
			s := offLimits(b, "BOT_HTTP_ADDR=127.0.0.1:0")
			bot := s.start()
			pages, runs := s.parts.console(bot)
			ctx, stop := context.WithCancel(b.Context())
			var group sync.WaitGroup
			for _, run := range runs {
				group.Go(func() { _ = run(ctx) })
			}
			server := httptest.NewServer(pages)
			for range viewers {
				group.Go(func() { watch(ctx, b, server.URL+"/events") })
			}
			const size = 100
			replies := 0
			for b.Loop() {
				b.StopTimer()
				s.waiting(size)
				b.StartTimer()
				if err := bot.Once(b.Context()); err != nil {
					b.Fatal(err)
				}
				replies += size
			}
			b.ReportMetric(float64(replies)/b.Elapsed().Seconds(), "threads/s")
			stop()
			group.Wait()
			server.Close()
		})
	}
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
