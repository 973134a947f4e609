package inboxapitest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"
	"time"
)

// Dial connects to s in memory, whatever network and address are named: the
// DialContext of a client's transport. A real http.Server answers at the other
// end, so that clients meet timeouts, resets and half-read bodies as they do on
// a socket. Waiting on such a connection is durable blocking in a synctest
// bubble. After Close the error is net.ErrClosed.
func (s *Server) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return s.listener.dial(s.front)
}

// listener hands one end of every dialled connection to an http.Server.
type listener struct {
	mu     sync.Mutex
	cond   *sync.Cond // signals queue, closed and open
	queue  []net.Conn
	server *http.Server // nil until the first dial
	served sync.WaitGroup
	open   int // connections the http.Server has not let go of
	closed bool
}

func (l *listener) init() { l.cond = sync.NewCond(&l.mu) }

func (l *listener) dial(h http.Handler) (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, net.ErrClosed
	}
	if l.server == nil {
		server := &http.Server{
			Handler:           h,
			ReadHeaderTimeout: time.Minute,
			ErrorLog:          log.New(io.Discard, "", 0),
			ConnState:         l.track,
		}
		l.server = server
		l.served.Go(func() { _ = server.Serve(l) }) // always ErrServerClosed
	}
	client, remote := newPipe()
	l.queue = append(l.queue, remote)
	l.cond.Broadcast()
	return client, nil
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.queue) == 0 && !l.closed {
		l.cond.Wait()
	}
	if l.closed {
		return nil, net.ErrClosed
	}
	conn := l.queue[0]
	l.queue = l.queue[1:]
	return conn, nil
}

// track counts the connections in the http.Server's hands.
func (l *listener) track(_ net.Conn, state http.ConnState) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch state {
	case http.StateNew:
		l.open++
	case http.StateClosed, http.StateHijacked:
		l.open--
		l.cond.Broadcast()
	case http.StateActive, http.StateIdle:
	}
}

// Close implements net.Listener: no more connections are accepted.
func (l *listener) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for _, conn := range l.queue {
		_ = conn.Close()
	}
	l.queue = nil
	l.cond.Broadcast()
	return nil
}

// Addr implements net.Listener.
func (l *listener) Addr() net.Addr { return addr{} }

// close ends every connection and waits for their goroutines.
func (l *listener) close() error {
	err := l.Close()
	l.mu.Lock()
	server := l.server
	l.mu.Unlock()
	if server == nil {
		return err
	}
	err = server.Close()
	l.served.Wait()
	_ = server.Close() // again, for a connection accepted during the first
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.open > 0 {
		l.cond.Wait()
	}
	return err
}

type addr struct{}

func (addr) Network() string { return "memory" }
func (addr) String() string  { return "inbox.test:80" }

// pipeBuffer is how much one end may write before the other reads, about what a
// socket takes.
const pipeBuffer = 256 << 10

// newPipe returns both ends of a connection in memory. Unlike net.Pipe it is
// buffered, so two ends that both write first do not wait for each other, and
// one end can reset it.
func newPipe() (client, server *conn) {
	a, b := newHalf(), newHalf()
	return &conn{in: a, out: b}, &conn{in: b, out: a}
}

// conn is one end of a pipe.
type conn struct{ in, out *half }

func (c *conn) Read(p []byte) (int, error)  { return c.in.read(p) }
func (c *conn) Write(p []byte) (int, error) { return c.out.write(p) }
func (c *conn) LocalAddr() net.Addr         { return addr{} }
func (c *conn) RemoteAddr() net.Addr        { return addr{} }

// Close lets the peer read what was written, then gives it io.EOF.
func (c *conn) Close() error {
	c.in.end(net.ErrClosed, syscall.EPIPE)
	c.out.end(io.EOF, net.ErrClosed)
	return nil
}

// reset drops what was written and gives the peer a connection reset.
func (c *conn) reset() {
	c.in.end(net.ErrClosed, syscall.ECONNRESET)
	c.out.mu.Lock()
	c.out.buf.Reset()
	c.out.mu.Unlock()
	c.out.end(syscall.ECONNRESET, net.ErrClosed)
}

func (c *conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

func (c *conn) SetReadDeadline(t time.Time) error {
	c.in.setDeadline(&c.in.readers, t)
	return nil
}

func (c *conn) SetWriteDeadline(t time.Time) error {
	c.out.setDeadline(&c.out.writers, t)
	return nil
}

// half carries bytes one way.
type half struct {
	mu       sync.Mutex
	cond     *sync.Cond
	buf      bytes.Buffer
	readErr  error // what the reader gets once buf is empty
	writeErr error // what the writer gets
	readers  deadline
	writers  deadline
}

// deadline is when one side of a half stops waiting; the timer wakes it.
type deadline struct {
	at    time.Time
	timer *time.Timer
}

func (d *deadline) passed() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

func newHalf() *half {
	h := &half{}
	h.cond = sync.NewCond(&h.mu)
	return h
}

func (h *half) read(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case errors.Is(h.readErr, net.ErrClosed):
			return 0, h.readErr
		case h.readers.passed():
			return 0, os.ErrDeadlineExceeded
		case h.buf.Len() > 0:
			h.cond.Broadcast() // room for the writer
			return h.buf.Read(p)
		case h.readErr != nil:
			return 0, h.readErr
		case len(p) == 0:
			return 0, nil
		}
		h.cond.Wait()
	}
}

func (h *half) write(p []byte) (n int, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case h.writeErr != nil:
			return n, h.writeErr
		case h.writers.passed():
			return n, os.ErrDeadlineExceeded
		case len(p) == 0:
			return n, nil
		}
		if room := min(len(p), pipeBuffer-h.buf.Len()); room > 0 {
			h.buf.Write(p[:room])
			p, n = p[room:], n+room
			h.cond.Broadcast()
			continue
		}
		h.cond.Wait()
	}
}

// end gives both sides their errors from now on. The first end wins.
func (h *half) end(read, write error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	// A side that closed itself is told so, whatever the other side did before.
	if h.readErr == nil || errors.Is(read, net.ErrClosed) {
		h.readErr = read
	}
	if h.writeErr == nil || errors.Is(write, net.ErrClosed) {
		h.writeErr = write
	}
	for _, d := range []*deadline{&h.readers, &h.writers} {
		if d.timer != nil {
			d.timer.Stop()
		}
	}
	h.cond.Broadcast()
}

func (h *half) setDeadline(d *deadline, t time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	d.at = t
	if wait := time.Until(t); !t.IsZero() && wait > 0 {
		d.timer = time.AfterFunc(wait, func() {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.cond.Broadcast()
		})
	}
	h.cond.Broadcast()
}
