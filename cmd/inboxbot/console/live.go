package console

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

const (
	mostViewers  = 100
	refreshEvery = 2 * time.Second
	pingEvery    = 15 * time.Second
	viewerBuffer = 8 // events a slow viewer may be behind before it is dropped
	writeTimeout = 5 * time.Second
)

var errFull = errors.New("too many viewers")

// hub tells everybody who looks at the first page what has changed. It renders
// once for all of them; one that does not keep up is dropped, and its browser
// comes back by itself. Handling never waits for it.
type hub struct {
	console *Console

	mu      sync.Mutex
	viewers map[chan event]bool
	last    map[string]event // what the viewers were told last, by name
}

// event is a part of the first page as it is now.
type event struct {
	name string
	html []byte
}

func newHub(c *Console) *hub {
	return &hub{console: c, viewers: map[chan event]bool{}, last: map[string]event{}}
}

// run renders while somebody looks, until ctx ends.
func (h *hub) run(ctx context.Context) error {
	tick := time.NewTicker(refreshEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if !h.watched() {
			continue
		}
		for _, e := range h.console.nowEvents(ctx) {
			h.tell(e)
		}
	}
}

// watched reports whether anybody looks. While nobody does, what was told grows old.
func (h *hub) watched() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.viewers) == 0 {
		clear(h.last)
	}
	return len(h.viewers) > 0
}

// tell hands e, if it is news, to every viewer that has room for it and drops the
// others.
func (h *hub) tell(e event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if bytes.Equal(h.last[e.name].html, e.html) {
		return
	}
	h.last[e.name] = e
	for v := range h.viewers {
		select {
		case v <- e:
		default:
			delete(h.viewers, v)
			close(v)
		}
	}
}

// join returns what a new viewer reads from, to begin with what the others have
// been told. It is closed when the viewer does not keep up.
func (h *hub) join() (<-chan event, func(), error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.viewers) >= mostViewers {
		return nil, nil, errFull
	}
	v := make(chan event, viewerBuffer)
	for _, e := range h.last {
		v <- e // there is room: the page has fewer parts
	}
	h.viewers[v] = true
	return v, func() { h.leave(v) }, nil
}

func (h *hub) leave(v chan event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.viewers[v] {
		delete(h.viewers, v)
		close(v)
	}
}

// events is the stream of what changes on the first page, until the session ends.
func (c *Console) events(w http.ResponseWriter, r *http.Request, v *visit) error {
	feed, leave, err := c.hub.join()
	if err != nil {
		w.Header().Set("Retry-After", "30")
		return problem(http.StatusServiceUnavailable, "%d people look at this page already. It still works: reload it to see what is new.", mostViewers)
	}
	defer leave()
	ctx, cancel := context.WithDeadline(r.Context(), v.expires)
	defer cancel()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // proxies would hold it back
	s := stream{w: w, to: http.NewResponseController(w)}
	defer s.done()
	s.write("retry: 5000\n\n")
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	for s.err == nil {
		select {
		case <-ctx.Done():
			return nil
		case <-ping.C:
			if c.ended.has(v.session) {
				return nil
			}
			s.write(": still here\n\n")
		case e, ok := <-feed:
			if !ok {
				return nil // too slow
			}
			s.event(e)
		}
	}
	return nil
}

// stream writes events and gives up on a connection that takes none.
type stream struct {
	w   http.ResponseWriter
	to  *http.ResponseController
	err error
}

func (s *stream) event(e event) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "event: %s\n", e.name)
	for l := range bytes.Lines(e.html) {
		if l = bytes.TrimSpace(l); len(l) > 0 {
			fmt.Fprintf(&b, "data: %s\n", l)
		}
	}
	b.WriteByte('\n')
	s.write(b.String())
}

// done lets the connection be used for something else.
func (s *stream) done() { _ = s.to.SetWriteDeadline(time.Time{}) }

func (s *stream) write(text string) {
	if s.err == nil {
		s.err = s.to.SetWriteDeadline(time.Now().Add(writeTimeout))
	}
	if errors.Is(s.err, http.ErrNotSupported) {
		s.err = nil // a recorder in a test
	}
	if s.err == nil {
		_, s.err = s.w.Write([]byte(text))
	}
	if s.err == nil {
		s.err = s.to.Flush()
	}
}
