package inboxapitest

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestPipeEnds(t *testing.T) {
	for name, tt := range map[string]struct {
		end              func(a, b *conn)
		read, write, own error // what b gets, and what a gets of its own end
		left             string
	}{
		"peer closes": {func(a, _ *conn) { _ = a.Close() }, io.EOF, syscall.EPIPE, net.ErrClosed, "said"},
		"peer resets": {func(a, _ *conn) { a.reset() }, syscall.ECONNRESET, syscall.ECONNRESET, net.ErrClosed, ""},
		"both close":  {func(a, b *conn) { _, _ = a.Close(), b.Close() }, net.ErrClosed, net.ErrClosed, net.ErrClosed, ""},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := newPipe()
			if _, err := io.WriteString(a, "said"); err != nil {
				t.Fatal(err)
			}
			tt.end(a, b)
			var left bytes.Buffer
			buf := make([]byte, 3)
			n, err := b.Read(buf)
			for ; err == nil; n, err = b.Read(buf) {
				left.Write(buf[:n])
			}
			if !errors.Is(err, tt.read) || left.String() != tt.left {
				t.Errorf("read %q, %v, want %q, %v", left.String(), err, tt.left, tt.read)
			}
			if _, err := b.Write([]byte("x")); !errors.Is(err, tt.write) {
				t.Errorf("write: %v, want %v", err, tt.write)
			}
			if _, err := a.Read(buf); !errors.Is(err, tt.own) {
				t.Errorf("own read: %v, want %v", err, tt.own)
			}
			if _, err := a.Write(buf); !errors.Is(err, tt.own) {
				t.Errorf("own write: %v, want %v", err, tt.own)
			}
		})
	}
}

// Deadlines wake readers and writers that wait, and can be lifted again.
func TestPipeDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newPipe()
		defer func() { _, _ = a.Close(), b.Close() }()
		begin := time.Now()
		_ = a.SetDeadline(begin.Add(time.Minute))
		if _, err := a.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(begin) != time.Minute {
			t.Errorf("read: %v after %v", err, time.Since(begin))
		}
		if _, err := a.Write([]byte("x")); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("write after the deadline: %v", err)
		}
		_ = a.SetDeadline(time.Time{})
		n, err := a.Write(make([]byte, pipeBuffer)) // full now
		if n != pipeBuffer || err != nil {
			t.Errorf("write: %d, %v", n, err)
		}
		_ = a.SetWriteDeadline(time.Now().Add(time.Second))
		if n, err := a.Write([]byte("more")); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("write into a full pipe: %d, %v", n, err)
		}
		_ = a.SetWriteDeadline(time.Time{})
		go func() { _, _ = io.Copy(io.Discard, b) }()
		if n, err := a.Write(make([]byte, 3*pipeBuffer)); n != 3*pipeBuffer || err != nil {
			t.Errorf("write while the peer reads: %d, %v", n, err)
		}
	})
}

// Another goroutine can end a wait, as http.Server does to take a connection over.
func TestPipeDeadlineInThePast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newPipe()
		defer func() { _, _ = a.Close(), b.Close() }()
		got := make(chan error)
		go func() {
			_, err := a.Read(make([]byte, 1))
			got <- err
		}()
		synctest.Wait()
		_ = a.SetReadDeadline(time.Unix(1, 0))
		if err := <-got; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error(err)
		}
	})
}
