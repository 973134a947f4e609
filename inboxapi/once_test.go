package inboxapi_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"inboxbot/inboxapi"
)

// resetting is an HTTP/2 server that takes every request whole and then resets its
// stream with code, as a proxy does that has lost its server, but the last of so many,
// which it answers.
func resetting(t *testing.T, code uint32, times int64, body string) (c *inboxapi.Client, requests *atomic.Int64) {
	t.Helper()
	certified := httptest.NewTLSServer(nil)
	t.Cleanup(certified.Close)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: certified.TLS.Certificates, NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	requests = new(atomic.Int64)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go reset(conn, requests, code, times, body)
		}
	}()
	if c, err = inboxapi.New(inboxapi.Options{BaseURL: "https://" + l.Addr().String(), Token: testToken, Retries: -1}); err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(certified.Certificate())
	inboxapi.Trust(c, &tls.Config{RootCAs: roots})
	t.Cleanup(c.CloseIdleConnections)
	return c, requests
}

// Frames of HTTP/2, RFC 9113 section 6.
const (
	frameData, frameHeaders, frameReset, frameSettings = 0, 1, 3, 4

	endStream, endHeaders, ack = 1, 4, 1
)

func reset(conn net.Conn, requests *atomic.Int64, code uint32, times int64, body string) {
	defer conn.Close()
	write := func(kind, flags byte, stream uint32, payload []byte) {
		head := []byte{0, byte(len(payload) >> 8), byte(len(payload)), kind, flags, 0, 0, 0, 0}
		binary.BigEndian.PutUint32(head[5:], stream)
		_, _ = conn.Write(append(head, payload...))
	}
	if _, err := io.ReadFull(conn, make([]byte, len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))); err != nil {
		return
	}
	write(frameSettings, 0, 0, nil)
	for {
		head := make([]byte, 9)
		if _, err := io.ReadFull(conn, head); err != nil {
			return
		}
		size, kind, flags, stream := int64(head[0])<<16|int64(head[1])<<8|int64(head[2]), head[3], head[4], binary.BigEndian.Uint32(head[5:])
		if _, err := io.CopyN(io.Discard, conn, size); err != nil {
			return
		}
		switch {
		case kind == frameSettings && flags&ack == 0:
			write(frameSettings, ack, 0, nil)
		case kind != frameData && kind != frameHeaders, flags&endStream == 0:
		case requests.Add(1) < times:
			write(frameReset, 0, stream, binary.BigEndian.AppendUint32(nil, code))
		default:
			write(frameHeaders, endHeaders, stream, []byte{0x88}) // :status 200
			write(frameData, endStream, stream, []byte(body))
		}
	}
}

// What is to be asked once leaves once, also where net/http would ask again: it
// does over HTTP/2 when the stream is reset after the request was taken.
func TestOnceOverHTTP2(t *testing.T) {
	for _, row := range []struct {
		name string
		body string
		call func(context.Context, *inboxapi.Client) error
		want int64 // requests
	}{
		{"a change of the note", aPerson, func(ctx context.Context, c *inboxapi.Client) error {
			_, err := c.UpdateProspectContext(ctx, "px1", inboxapi.ContextUpdate{Notes: inboxapi.Set("pays late")})
			return err
		}, 1},
		{"a typing signal", `{"status":"sent"}`, func(ctx context.Context, c *inboxapi.Client) error {
			_, err := c.Typing(ctx, "th1")
			return err
		}, 1},
		{"a new tag", `{"id":"t1","name":"VIP"}`, func(ctx context.Context, c *inboxapi.Client) error {
			_, err := c.CreateTag(ctx, "VIP", "")
			return err
		}, 1},
		{"what may be repeated", aThread, func(ctx context.Context, c *inboxapi.Client) error {
			_, err := c.GetThread(ctx, "th1")
			return err
		}, 2},
	} {
		t.Run(row.name, func(t *testing.T) {
			const protocolError = 1
			c, requests := resetting(t, protocolError, 2, row.body)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			err := row.call(ctx, c)
			if n := requests.Load(); n != row.want || (err == nil) != (row.want == 2) {
				t.Errorf("%d requests, want %d (%v)", n, row.want, err)
			}
		})
	}
}

// A message leaves once also when its kept connection is reset under it, which
// net/http answers by asking again where it may: its request can be rewound.
func TestSendOnceOverTCP(t *testing.T) {
	for _, row := range []struct {
		name  string
		takes int  // bytes of the second request that the API reads before it resets the connection; 0: all
		full  bool // the API answers half of a status line first
	}{
		{"before a byte is read", 1, false},
		{"in the middle of it", 100, false},
		{"when all of it is there", 0, false},
		{"in the middle of the answer", 0, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			var connections, requests atomic.Int64
			go func() {
				for {
					conn, err := l.Accept()
					if err != nil {
						return
					}
					connections.Add(1)
					go func() {
						defer conn.Close()
						r := bufio.NewReader(conn)
						if !took(r) {
							return
						}
						requests.Add(1)
						fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(aMessage), aMessage)
						if row.takes > 0 {
							_, _ = io.CopyN(io.Discard, r, int64(row.takes))
						} else if took(r) {
							requests.Add(1)
						}
						if row.full {
							_, _ = io.WriteString(conn, "HTTP/1.1 2")
							time.Sleep(20 * time.Millisecond)
						}
						if tcp, ok := conn.(*net.TCPConn); ok {
							_ = tcp.SetLinger(0) // a close is a reset
						}
					}()
				}
			}()
			c, err := inboxapi.New(inboxapi.Options{BaseURL: "http://" + l.Addr().String(), Token: testToken, Dial: new(net.Dialer).DialContext})
			if err != nil {
				t.Fatal(err)
			}
			defer c.CloseIdleConnections()
			send := func() error {
				_, err := c.SendMessage(t.Context(), "th1", inboxapi.NewMessage{Content: strings.Repeat("long ", 1000)})
				return err
			}
			if err := send(); err != nil {
				t.Fatal(err)
			}
			if err := send(); fateOf(err) != unknown {
				t.Errorf("%s (%v), want %s", fateOf(err), err, unknown)
			}
			if n := connections.Load(); n != 1 || requests.Load() > 2 {
				t.Errorf("%d requests over %d connections, want 2 at most over 1", requests.Load(), n)
			}
		})
	}
}

// took reads one request whole.
func took(r *bufio.Reader) bool {
	req, err := http.ReadRequest(r)
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, req.Body)
	return err == nil
}
