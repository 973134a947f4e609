package inboxapi

import (
	"errors"
	"net"
	"sync/atomic"
	"time"
)

var errFence = errors.New("the time for sending has passed")

// fence stands between one send and its connection: past notAfter nothing more
// of the request is written. A process can be paused between any check of the
// time in code and the write that follows; the later the check, the fewer late
// requests, and this is the last line of Go before the kernel.
type fence struct {
	notAfter time.Time   // zero: never passes
	wrote    atomic.Bool // bytes of the request may have left
	struck   atomic.Bool // a write was refused
}

// passed asks both clocks: the monotonic one stops while a machine sleeps, the
// wall clock can be set back.
func (f *fence) passed() bool {
	if f.notAfter.IsZero() {
		return false
	}
	now := time.Now()
	return !now.Before(f.notAfter) || !now.Round(0).Before(f.notAfter.Round(0))
}

// held reports whether the fence struck before the first byte.
func (f *fence) held() bool { return f.struck.Load() && !f.wrote.Load() }

// fencedConn is a connection of the send transport. It carries one request at a
// time, each armed with its own fence, which takes the place of the last one.
type fencedConn struct {
	net.Conn
	fence atomic.Pointer[fence]
}

// arm puts f before everything that is written from now on, until the next arm.
// The write deadline holds back what a full send buffer would let out late.
func (c *fencedConn) arm(f *fence) {
	c.fence.Store(f)
	_ = c.SetWriteDeadline(f.notAfter) // a connection that refuses one is still fenced by Write
}

func (c *fencedConn) Write(p []byte) (int, error) {
	f := c.fence.Load()
	if f == nil { // before the first request: the TLS handshake, a proxy's CONNECT
		return c.Conn.Write(p)
	}
	if f.passed() {
		f.struck.Store(true)
		return 0, errFence
	}
	f.wrote.Store(true)
	return c.Conn.Write(p)
}

// fencedUnder finds the fencedConn below the TLS layers of conn.
func fencedUnder(conn net.Conn) (*fencedConn, bool) {
	for {
		switch c := conn.(type) {
		case *fencedConn:
			return c, true
		case interface{ NetConn() net.Conn }:
			conn = c.NetConn()
		default:
			return nil, false
		}
	}
}
