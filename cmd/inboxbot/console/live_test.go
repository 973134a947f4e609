package console

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"inboxbot/bot"
	"inboxbot/bot/history"
)

// viewer is a browser that watches the first page, on a connection that may be stuck.
type viewer struct {
	header http.Header
	stuck  chan struct{} // nil: it takes everything at once

	mu   sync.Mutex
	text strings.Builder
}

func (v *viewer) Header() http.Header { return v.header }
func (v *viewer) WriteHeader(int)     {}
func (v *viewer) Flush()              {}

func (v *viewer) Write(p []byte) (int, error) {
	if v.stuck != nil {
		<-v.stuck
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.text.Write(p)
}

func (v *viewer) got() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.text.String()
}

// watch has a viewer look until the test ends, and returns what ends it.
func (w *world) watch(v *viewer) (gone chan struct{}) {
	r := httptest.NewRequestWithContext(w.t.Context(), http.MethodGet, "/events", http.NoBody)
	r.Host, r.RemoteAddr = w.host, w.remote
	if w.cookie != nil {
		r.AddCookie(w.cookie)
	}
	v.header, gone = http.Header{}, make(chan struct{})
	go func() {
		defer close(gone)
		w.ServeHTTP(v, r)
	}()
	return gone
}

// running runs the console until the test ends.
func (w *world) running() {
	ctx, stop := context.WithCancel(w.t.Context())
	done := make(chan struct{})
	go func() { _ = w.Run(ctx); close(done) }()
	w.t.Cleanup(func() { stop(); <-done })
}

func TestLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.running()
		v := &viewer{}
		w.watch(v)
		time.Sleep(refreshEvery)
		synctest.Wait()
		if got := v.got(); !strings.Contains(got, "event: headline\n") || !strings.Contains(got, "All is well: nobody waits for the bot.") {
			t.Errorf("at first: %s", got)
		}

		before := len(v.got())
		w.decided(decision("t1", "ann", bot.Reply, func(e *history.Entry) { e.Reply = "Hello,\n\nevent: forged\ndata: x" }))
		time.Sleep(refreshEvery)
		synctest.Wait()
		news := v.got()[before:]
		if !strings.Contains(news, "event: feed\n") || !strings.Contains(news, "@ann") {
			t.Errorf("no decision in %s", news)
		}
		if strings.Contains(news, "event: headline") {
			t.Error("the headline was told again though nothing changed")
		}
		if strings.Contains(news, "\nevent: forged") || strings.Contains(news, "\ndata: x\n") {
			t.Errorf("somebody's words made an event: %s", news)
		}

		// Who comes later begins with what the others know.
		late := &viewer{}
		w.watch(late)
		synctest.Wait()
		if got := late.got(); !strings.Contains(got, "All is well") || !strings.Contains(got, "@ann") {
			t.Errorf("a late viewer: %s", got)
		}
	})
}

// A viewer that takes nothing is dropped; the others and the bot do not notice.
func TestSlowViewer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.running()
		slow, quick := &viewer{stuck: make(chan struct{})}, &viewer{}
		gone := w.watch(slow)
		w.watch(quick)
		for i := range 20 {
			began := time.Now()
			w.decided(decision(fmt.Sprintf("t%d", i), "ann", bot.Reply))
			if took := time.Since(began); took != 0 {
				t.Fatalf("a decision waited %v for a viewer", took)
			}
			time.Sleep(refreshEvery)
			synctest.Wait()
		}
		if n := len(w.hub.viewers); n != 1 {
			t.Errorf("%d viewers are left, want the quick one", n)
		}
		if got := strings.Count(quick.got(), "event: feed\n"); got != 20 {
			t.Errorf("the quick one was told %d times", got)
		}
		close(slow.stuck)
		<-gone
	})
}

func TestMostViewers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		for range mostViewers {
			w.watch(&viewer{})
		}
		synctest.Wait()
		rec := w.get("/events")
		if rec.Code != http.StatusServiceUnavailable || rec.Header().Get("Retry-After") == "" {
			t.Errorf("one more: %d", rec.Code)
		}
		if got := w.get("/").Code; got != http.StatusOK {
			t.Errorf("the page itself: %d", got)
		}
	})
}

// Who stays on the page is not let in for longer than the session lasts.
func TestStreamEndsWithTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, withTokens)
		w.logIn(readerToken)
		gone := w.watch(&viewer{})
		time.Sleep(sessionFor - 2*time.Second)
		synctest.Wait()
		select {
		case <-gone:
			t.Fatal("it ended early")
		default:
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		select {
		case <-gone:
		default:
			t.Error("it goes on")
		}
	})
}

// Over a real connection: the stream arrives while it goes on, and ends when the
// browser leaves.
func TestStreamOverTheNetwork(t *testing.T) {
	w := newWorld(t)
	w.running()
	server := httptest.NewServer(w)
	defer server.Close()
	res, err := server.Client().Get(server.URL + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if got := res.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Errorf("Content-Type %q", got)
	}
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		if strings.Contains(lines.Text(), "All is well") {
			return
		}
	}
	t.Error("the stream ended without a headline")
}
