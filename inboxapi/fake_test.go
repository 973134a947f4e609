package inboxapi_test

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"inboxbot/inboxapi"
)

const testToken = "ibt_a-token-nobody-may-see"

// wire is an in-memory network with one server on it. Unlike sockets it works in
// a synctest bubble.
type wire struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newWire() *wire {
	return &wire{conns: make(chan net.Conn), done: make(chan struct{})}
}

func (w *wire) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case w.conns <- server:
		return client, nil
	case <-w.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (w *wire) Accept() (net.Conn, error) {
	select {
	case c := <-w.conns:
		return c, nil
	case <-w.done:
		return nil, net.ErrClosed
	}
}

func (w *wire) Close() error   { w.once.Do(func() { close(w.done) }); return nil }
func (w *wire) Addr() net.Addr { return &net.TCPAddr{} }

// serve runs h on a wire until the test ends.
func serve(t testing.TB, h http.HandlerFunc) *wire {
	t.Helper()
	w := newWire()
	srv := &http.Server{Handler: h, ErrorLog: log.New(io.Discard, "", 0)}
	go srv.Serve(w)
	t.Cleanup(func() { srv.Close() })
	return w
}

// client is a client of the server on w. change may adjust its options.
func client(t testing.TB, w *wire, change ...func(*inboxapi.Options)) *inboxapi.Client {
	t.Helper()
	o := inboxapi.Options{BaseURL: "http://inbox.test/api/v1", Token: testToken, Dial: w.Dial}
	for _, f := range change {
		f(&o)
	}
	c, err := inboxapi.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

// once makes a client take the first answer for the last.
func once(o *inboxapi.Options) { o.Retries = -1 }

// says answers every request with status and body.
func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

// inTurn answers the first request with the first handler and so on; the last
// one answers all that follow.
func inTurn(hs ...http.HandlerFunc) http.HandlerFunc {
	var served atomic.Int64
	return func(w http.ResponseWriter, r *http.Request) {
		hs[min(int(served.Add(1)), len(hs))-1](w, r)
	}
}

// hangUp closes the connection without an answer.
func hangUp(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// counted counts the requests that reach h.
func counted(n *atomic.Int64, h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		n.Add(1)
		h(w, r)
	}
}

const (
	aThread  = `{"id":"th1","platform":"twitter","accountLinkId":"al1","lastMessage":{"id":"m1","content":"hi","authorId":"px1","createdAt":"2026-11-10T18:03:16.000Z"},"prospect":{"platformId":"77","username":"jo"}}`
	aMessage = `{"id":"m9","threadId":"th1","content":"Hello!","authorId":"al1","origin":"api","createdAt":"2026-11-10T18:03:16.000Z","reactions":[]}`
	aPerson  = `{"platformId":"77","externalId":"px1","username":"jo","context":{"tags":["t1"],"notes":null}}`
)
