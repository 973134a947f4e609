package history_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"inboxbot/bot"
	"inboxbot/bot/history"
)

// store is an Appender that can be away or slow.
type store struct {
	mu    sync.Mutex
	kept  []string
	calls int
	down  error
	slow  time.Duration
}

func (s *store) LogAppendAll(ctx context.Context, items []history.Item) error {
	s.mu.Lock()
	s.calls++
	slow, down := s.slow, s.down
	s.mu.Unlock()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(slow):
	}
	if down != nil {
		return down
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, item := range items {
		s.kept = append(s.kept, item.Entry.Message)
	}
	return nil
}

func (s *store) be(down error, slow time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down, s.slow = down, slow
}

func (s *store) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kept
}

// writing is a Writer that runs, in a bubble.
type writing struct {
	*history.Writer
	store *store
	log   bytes.Buffer
	lost  int
	stop  func() // and wait
	n     int
}

func newWriting(t *testing.T) *writing {
	w := &writing{store: &store{}}
	w.Writer = history.NewWriter(w.store, slog.New(slog.NewTextHandler(&w.log, nil)), func(n int) { w.lost += n })
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); w.Run(ctx) }()
	w.stop = func() { cancel(); <-done }
	return w
}

// handle hands n decisions in.
func (w *writing) handle(n int) {
	for range n {
		w.Handled(bot.Handled{Message: fmt.Sprint("m", w.n), Outcome: bot.Reply})
		w.n++
	}
}

// check fails unless the kept decisions are all that were handed in, in order, but
// for those that were lost.
func (w *writing) check(t *testing.T, wantLost int) {
	t.Helper()
	kept := w.store.all()
	if w.lost != wantLost || len(kept)+w.lost != w.n {
		t.Fatalf("%d handed in, %d kept, %d lost, want %d lost", w.n, len(kept), w.lost, wantLost)
	}
	for i, m := range kept {
		if wantLost == 0 && m != fmt.Sprint("m", i) {
			t.Fatalf("%s in place of m%d", m, i)
		}
	}
}

func TestWriterKeepsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWriting(t)
		w.handle(1)
		time.Sleep(time.Second)
		w.check(t, 0)
		w.handle(500)
		w.stop() // what is still in the queue is written first
		w.check(t, 0)
		if w.store.calls > 20 {
			t.Errorf("%d calls for 501 decisions", w.store.calls)
		}
		if w.log.Len() > 0 {
			t.Errorf("log %s", w.log.String())
		}
	})
}

func TestWriterAppendsTogetherWhatComesSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWriting(t)
		for range 10 {
			w.handle(1)
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Second)
		w.check(t, 0)
		if w.store.calls != 1 {
			t.Errorf("%d calls for ten decisions within 10 ms", w.store.calls)
		}
		w.stop()
	})
}

func TestWriterOutlastsAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWriting(t)
		w.store.be(errors.New("connection refused"), 0)
		for range 600 { // ten minutes
			w.handle(2)
			time.Sleep(time.Second)
		}
		w.store.be(nil, 0)
		time.Sleep(30 * time.Second)
		w.stop()
		w.check(t, 0)
		if n := strings.Count(w.log.String(), "connection refused"); n < 9 || n > 11 {
			t.Errorf("%d lines in ten minutes:\n%s", n, w.log.String())
		}
	})
}

func TestWriterLeavesOutWhatFindsNoRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWriting(t)
		w.store.be(nil, time.Hour) // hangs
		w.handle(1)
		time.Sleep(time.Second) // that one is on its way
		began := time.Now()
		w.handle(2010)
		if took := time.Since(began); took != 0 {
			t.Errorf("handing in took %s", took)
		}
		if w.lost != 10 {
			t.Errorf("%d lost, want 10", w.lost)
		}
		w.store.be(nil, 0)
		time.Sleep(time.Minute)
		w.stop()
		w.check(t, 10)
		if !strings.Contains(w.log.String(), "left_out=10") {
			t.Errorf("log %s", w.log.String())
		}
	})
}

func TestWriterEndsSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWriting(t)
		w.store.be(nil, time.Hour)
		w.handle(700)
		synctest.Wait()
		began := time.Now()
		w.stop()
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("the end took %s", took)
		}
		w.check(t, 700)
		if !strings.Contains(w.log.String(), "left_out=") {
			t.Errorf("log %s", w.log.String())
		}
	})
}

// BenchmarkHandled is what a decision costs the worker that made it.
func BenchmarkHandled(b *testing.B) {
	s := &store{}
	w := history.NewWriter(s, slog.New(slog.DiscardHandler), nil)
	ctx, stop := context.WithCancel(b.Context())
	defer stop()
	go w.Run(ctx)
	h := handled()
	for b.Loop() {
		w.Handled(h)
	}
}
