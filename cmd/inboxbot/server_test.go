package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// one is a listener with one connection.
type one struct {
	conns chan net.Conn
	ended chan struct{}
}

func (l one) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.ended:
		return nil, net.ErrClosed
	}
}

func (l one) Close() error   { close(l.ended); return nil }
func (l one) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8080} }

// Who sends half a request, and who takes no answer, does not hold a connection
// for ever.
func TestConnectionsEnd(t *testing.T) {
	for _, c := range []struct {
		name, sent string
		reads      bool
	}{
		{"half a head", "GET / HTTP/1.1\r\nHost: localhost\r\nX-Sl", true},
		{"half a body", "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\na=", true},
		{"no answer taken", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", false},
		{"nothing more", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := newServer(t.Context(), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					fmt.Fprintln(w, "an answer")
				}))
				browser, end := net.Pipe()
				l, closed := one{make(chan net.Conn, 1), make(chan struct{})}, make(chan struct{})
				srv.ConnState = func(_ net.Conn, s http.ConnState) {
					if s == http.StateClosed {
						close(closed)
					}
				}
				l.conns <- end
				done := make(chan struct{})
				go func() { _ = srv.Serve(l); close(done) }()
				if _, err := io.WriteString(browser, c.sent); err != nil {
					t.Error(err)
				}
				if c.reads {
					go func() { _, _ = io.Copy(io.Discard, browser) }()
				}
				select {
				case <-closed:
				case <-time.After(10 * time.Minute):
					t.Error("the connection is held for ten minutes")
				}
				_ = browser.Close()
				_ = srv.Close()
				<-done
			})
		})
	}
}
