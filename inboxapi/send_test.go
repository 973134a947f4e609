package inboxapi_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"inboxbot/inboxapi"
)

// fate is what a caller may conclude from a failed send.
type fate string

const (
	sent    fate = "sent"
	refused fate = "refused by the API"
	never   fate = "never left"
	unknown fate = "unknown"
)

func fateOf(err error) fate {
	var e *inboxapi.Error
	switch {
	case err == nil:
		return sent
	case inboxapi.Ambiguous(err) == errors.Is(err, inboxapi.ErrNotSent):
		if !errors.As(err, &e) || inboxapi.Ambiguous(err) {
			return "contradictory"
		}
		return refused
	case inboxapi.Ambiguous(err):
		return unknown
	}
	return never
}

// Every row of the table that says what a failed POST means, made to happen.
func TestSendClassification(t *testing.T) {
	read := func(h http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			h(w, r)
		}
	}
	tests := []struct {
		name string
		api  http.HandlerFunc
		want fate
	}{
		{"a message", says(200, aMessage), sent},
		{"201", says(201, aMessage), sent},
		{"204 without a body", read(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }), sent},
		{"200 and HTML", says(200, `<html>`), sent},
		{"200 and null", says(200, `null`), sent},
		{"200 and nonsense", says(200, `{"id":7,"content":[]}`), sent},
		{"200 and an error object", says(200, `{"error":{"code":"INTERNAL"}}`), sent},
		{"200, body cut off", read(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, `{"id":"m9"`)
		}), sent},
		{"200, body without end", read(func(w http.ResponseWriter, r *http.Request) {
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}), sent},
		{"400", says(400, ``), refused},
		{"401", says(401, ``), refused},
		{"403", says(403, ``), refused},
		{"404", says(404, ``), refused},
		{"413", says(413, ``), refused},
		{"422", says(422, ``), refused},
		{"429", says(429, ``), refused},
		{"401 before the request is read", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) }, refused},
		{"408", says(408, ``), unknown},
		{"409", says(409, ``), unknown},
		{"425", says(425, ``), unknown},
		{"500", says(500, ``), unknown},
		{"502 and HTML", says(502, `<html>`), unknown},
		{"302", read(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) }), unknown},
		{"307", read(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}), unknown},
		{"308 to nowhere", read(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "http://[::1")
			w.WriteHeader(308)
		}), unknown},
		{"connection closed after the request", read(hangUp), unknown},
		{"connection closed before it is read", hangUp, unknown},
		{"no answer", read(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }), unknown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var n atomic.Int64
				c := client(t, serve(t, counted(&n, tt.api)))
				m, err := c.SendMessage(t.Context(), "th1", inboxapi.NewMessage{Content: "Hello!"})
				if got := fateOf(err); got != tt.want {
					t.Errorf("%s (%v), want %s", got, err, tt.want)
				}
				if err == nil && (m.Content != "Hello!" || m.ThreadID != "th1") {
					t.Errorf("message %+v does not say what was sent where", m)
				}
				if got := n.Load(); got != 1 {
					t.Errorf("%d requests for one message", got)
				}
			})
		})
	}
}

func TestSendReturnsTheMessage(t *testing.T) {
	c := client(t, serve(t, says(200, aMessage)))
	m, err := c.SendMessage(t.Context(), "th1", inboxapi.NewMessage{Content: "Hello!"})
	if err != nil || m.ID != "m9" || m.AuthorID != "al1" || *m.Origin != inboxapi.OriginAPI {
		t.Errorf("message %+v, %v", m, err)
	}
	// What can be read of a message that cannot be read whole.
	for _, body := range []string{
		`{"content":"as stored","isEdited":"?","id":"m9"}`,
		`{"content":"as stored","createdAt":"?","id":"m9"}`,
		`{"content":"as stored","createdAt":"?","id":9}`,
	} {
		c = client(t, serve(t, says(200, body)))
		m, err = c.SendMessage(t.Context(), "th1", inboxapi.NewMessage{Content: "Hello!"})
		if err != nil || !strings.HasSuffix(m.ID, "9") || m.Content != "as stored" {
			t.Errorf("%s: message %+v, %v", body, m, err)
		}
	}
}

// A send that finds no connection did not happen.
func TestSendWithoutConnection(t *testing.T) {
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	notTLS := httptest.NewServer(http.NotFoundHandler())
	defer notTLS.Close()
	strange := httptest.NewUnstartedServer(http.NotFoundHandler())
	strange.Config.ErrorLog = log.New(io.Discard, "", 0)
	strange.StartTLS() // with a certificate nobody trusts
	defer strange.Close()

	tests := []struct {
		name, url string
		gone      bool // the caller, before the send
		dial      func(context.Context, string, string) (net.Conn, error)
	}{
		{"nobody listens", closed.URL, false, nil},
		{"no such host", "http://inbox.invalid", false, (&net.Dialer{}).DialContext}, // and so through no proxy
		{"not TLS", "https" + strings.TrimPrefix(notTLS.URL, "http"), false, nil},
		{"a strange certificate", strange.URL, false, nil},
		{"the caller is gone", notTLS.URL, true, nil},
		{"the dialer fails", notTLS.URL, false, func(context.Context, string, string) (net.Conn, error) {
			return nil, errors.New("no route")
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := inboxapi.New(inboxapi.Options{BaseURL: tt.url, Token: testToken, Dial: tt.dial})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if tt.gone {
				cancel()
			}
			_, err = c.SendMessage(ctx, "th1", inboxapi.NewMessage{Content: "hi"})
			if got := fateOf(err); got != never {
				t.Errorf("%s (%v), want %s", got, err, never)
			}
			if strings.Contains(fmt.Sprint(err), testToken) {
				t.Errorf("the error shows the token: %v", err)
			}
		})
	}
}

// A dial that takes too long is no send, and ends with the context.
func TestSendDialHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := client(t, newWire()) // nobody accepts
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		start := time.Now()
		_, err := c.SendMessage(ctx, "th1", inboxapi.NewMessage{Content: "hi"})
		if got := fateOf(err); got != never || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s (%v), want %s", got, err, never)
		}
		if took := time.Since(start); took != 10*time.Second {
			t.Errorf("took %s", took)
		}
	})
}

// A redirect leads nobody away: neither the message nor the token.
func TestRedirectIsNotFollowed(t *testing.T) {
	var reached atomic.Int64
	elsewhere := httptest.NewServer(counted(&reached, says(200, aMessage)))
	defer elsewhere.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		c := client(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, status)
		}))
		var e *inboxapi.Error
		if _, err := c.SendMessage(t.Context(), "th1", inboxapi.NewMessage{Content: "hi"}); !errors.As(err, &e) || e.Status != status {
			t.Errorf("send: %v, want %d", err, status)
		}
		if _, err := c.Team(t.Context()); !errors.As(err, &e) || e.Status != status {
			t.Errorf("team: %v, want %d", err, status)
		}
	}
	if n := reached.Load(); n != 0 {
		t.Errorf("%d requests followed", n)
	}
}

// spy is a Dial that keeps the bytes the client writes, and may be slow.
type spy struct {
	dial  func(context.Context, string, string) (net.Conn, error)
	delay time.Duration // before a connection is there
	slow  time.Duration // after each write, inside the connection
	mu    sync.Mutex
	wrote []byte
	dials int
}

func (s *spy) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	time.Sleep(s.delay)
	conn, err := s.dial(ctx, network, addr)
	s.mu.Lock()
	s.dials++
	s.mu.Unlock()
	return &spyConn{conn, s}, err
}

func (s *spy) written() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return string(s.wrote)
}

type spyConn struct {
	net.Conn
	s *spy
}

func (c *spyConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.s.mu.Lock()
	c.s.wrote = append(c.s.wrote, p[:n]...)
	c.s.mu.Unlock()
	time.Sleep(c.s.slow)
	return n, err
}

// No byte of a request leaves after NotAfter.
func TestFence(t *testing.T) {
	tests := []struct {
		name     string
		dial     time.Duration // how long a connection takes
		notAfter time.Duration // from now; 0: no fence
		wall     bool          // NotAfter without a monotonic reading, as from a store
		want     fate
	}{
		{"in time", 0, time.Second, false, sent},
		{"in time, after a slow dial", 9 * time.Second, 10 * time.Second, false, sent},
		{"at the very instant", 5 * time.Second, 5 * time.Second, false, never},
		{"no fence", 9 * time.Second, 0, false, sent},
		{"too late before it began", 0, -time.Nanosecond, false, never},
		{"just before it", 5*time.Second - 1, 5 * time.Second, false, sent},
		{"too late when connected", 6 * time.Second, 5 * time.Second, false, never},
		{"too late by the wall clock", 6 * time.Second, 5 * time.Second, true, never},
		{"in time by the wall clock", 4 * time.Second, 5 * time.Second, true, sent},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := serve(t, says(200, aMessage))
				s := &spy{dial: w.Dial, delay: tt.dial}
				c := client(t, w, func(o *inboxapi.Options) { o.Dial = s.Dial })
				m := inboxapi.NewMessage{Content: "Hello!"}
				if tt.notAfter != 0 {
					m.NotAfter = time.Now().Add(tt.notAfter)
				}
				if tt.wall {
					m.NotAfter = m.NotAfter.Round(0)
				}
				_, err := c.SendMessage(t.Context(), "th1", m)
				if got := fateOf(err); got != tt.want {
					t.Errorf("%s (%v), want %s", got, err, tt.want)
				}
				if got := s.written(); (got != "") != (tt.want == sent) {
					t.Errorf("%d bytes left", len(got))
				}
			})
		})
	}
}

// A connection that is kept carries the next request under that one's own fence.
func TestFenceOnKeptConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := serve(t, says(200, aMessage))
		s := &spy{dial: w.Dial}
		c := client(t, w, func(o *inboxapi.Options) { o.Dial = s.Dial })
		send := func(fence time.Duration) error {
			m := inboxapi.NewMessage{Content: "hi"}
			if fence != 0 {
				m.NotAfter = time.Now().Add(fence)
			}
			_, err := c.SendMessage(t.Context(), "th1", m)
			return err
		}
		for i, fence := range []time.Duration{time.Second, time.Second, 0, time.Second} {
			if err := send(fence); err != nil {
				t.Fatalf("send %d: %v", i, err)
			}
			time.Sleep(2 * time.Second) // the last fence has passed, the next one has not
		}
		if s.dials != 1 {
			t.Errorf("%d connections, want the same one throughout", s.dials)
		}
		time.Sleep(10 * time.Second)
		if err := send(time.Second); err != nil || s.dials != 2 {
			t.Errorf("after a pause: %v, %d connections; want a new one", err, s.dials)
		}
	})
}

// A fence that passes while the request is on its way stops the rest, and what
// happened to it is unknown.
func TestFenceMidway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWire()
		t.Cleanup(func() { w.Close() })
		go func() {
			conn, err := w.Accept()
			if err != nil {
				return
			}
			// Takes the start of the request and no more; the rest waits in the pipe.
			io.ReadFull(conn, make([]byte, 100))
			time.Sleep(time.Minute)
			rest, _ := io.ReadAll(conn)
			if len(rest) > 0 {
				t.Errorf("%d bytes came after the fence", len(rest))
			}
		}()
		c := client(t, w)
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		_, err := c.SendMessage(ctx, "th1", inboxapi.NewMessage{
			Content:  strings.Repeat("long ", 10_000),
			NotAfter: start.Add(5 * time.Second),
		})
		if got := fateOf(err); got != unknown {
			t.Errorf("%s (%v), want %s", got, err, unknown)
		}
		if took := time.Since(start); took != 5*time.Second {
			t.Errorf("took %s", took)
		}
		time.Sleep(2 * time.Minute)
	})
}

// A second write that comes too late is refused though the first was in time.
func TestFenceBetweenWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := serve(t, says(200, aMessage))
		s := &spy{dial: w.Dial, slow: 3 * time.Second}
		c := client(t, w, func(o *inboxapi.Options) { o.Dial = s.Dial })
		content := strings.Repeat("long ", 10_000) // more than one buffer
		_, err := c.SendMessage(t.Context(), "th1", inboxapi.NewMessage{Content: content, NotAfter: time.Now().Add(2 * time.Second)})
		if got := fateOf(err); got != unknown {
			t.Errorf("%s (%v), want %s", got, err, unknown)
		}
		if got := s.written(); got == "" || len(got) >= len(content) {
			t.Errorf("%d bytes left, want the first write and no more", len(got))
		}
	})
}

// The fence is found below TLS, and lets the handshake pass.
func TestFenceUnderTLS(t *testing.T) {
	var n atomic.Int64
	srv := httptest.NewUnstartedServer(counted(&n, says(200, aMessage)))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())

	late := make(chan struct{})
	s := &spy{dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
		<-late
		return (&net.Dialer{}).DialContext(ctx, network, addr)
	}}
	c, err := inboxapi.New(inboxapi.Options{BaseURL: srv.URL, Token: testToken, Dial: s.Dial})
	if err != nil {
		t.Fatal(err)
	}
	inboxapi.Trust(c, &tls.Config{RootCAs: roots})
	defer c.CloseIdleConnections()

	notAfter := time.Now().Add(50 * time.Millisecond)
	time.AfterFunc(time.Until(notAfter)+10*time.Millisecond, func() { close(late) })
	_, err = c.SendMessage(t.Context(), "th1", inboxapi.NewMessage{Content: "hi", NotAfter: notAfter})
	if got := fateOf(err); got != never || n.Load() != 0 {
		t.Errorf("%s (%v), %d requests; want %s", got, err, n.Load(), never)
	}
	if s.written() == "" {
		t.Error("no handshake was made, so this shows nothing")
	}
	m := inboxapi.NewMessage{Content: "hi", NotAfter: time.Now().Add(time.Minute)}
	if _, err := c.SendMessage(t.Context(), "th1", m); err != nil || n.Load() != 1 {
		t.Errorf("in time: %v, %d requests", err, n.Load())
	}
	if _, err := c.SendMessage(t.Context(), "th1", m); err != nil || n.Load() != 2 || s.dials != 2 {
		t.Errorf("on the kept connection: %v, %d requests, %d connections", err, n.Load(), s.dials)
	}
}

// Messages go over HTTP/1.1, where the fence stands; reads take HTTP/2.
func TestProtocols(t *testing.T) {
	var mu sync.Mutex
	protos := map[string]string{}
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		protos[r.Method] = r.Proto
		mu.Unlock()
		says(200, aThread)(w, r)
	}))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	c, err := inboxapi.New(inboxapi.Options{BaseURL: srv.URL, Token: testToken})
	if err != nil {
		t.Fatal(err)
	}
	inboxapi.Trust(c, &tls.Config{RootCAs: roots})
	defer c.CloseIdleConnections()
	if _, err := c.GetThread(t.Context(), "th1"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.SendMessage(t.Context(), "th1", inboxapi.NewMessage{Content: "hi"}); err != nil {
		t.Fatal(err)
	}
	if protos["GET"] != "HTTP/2.0" || protos["POST"] != "HTTP/1.1" {
		t.Errorf("protocols %v", protos)
	}
}

// A kept connection that the API has closed is noticed, and the message goes
// over a new one, once.
func TestSendAfterTheAPIClosedAnIdleConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int64
		w := newWire()
		srv := &http.Server{Handler: counted(&n, says(200, aMessage)), IdleTimeout: time.Second}
		go srv.Serve(w)
		t.Cleanup(func() { srv.Close() })
		s := &spy{dial: w.Dial}
		c := client(t, w, func(o *inboxapi.Options) { o.Dial = s.Dial })
		for range 2 {
			if _, err := c.SendMessage(t.Context(), "th1", inboxapi.NewMessage{Content: "hi"}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * time.Second) // the server's patience is over
		}
		if n.Load() != 2 || s.dials != 2 {
			t.Errorf("%d requests over %d connections, want 2 over 2", n.Load(), s.dials)
		}
	})
}

// When the API closes a kept connection under the request, what became of the
// message is unknown, and it is not sent again.
func TestSendOnADyingConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var requests atomic.Int64
		w := newWire()
		t.Cleanup(func() { w.Close() })
		go func() {
			for {
				conn, err := w.Accept()
				if err != nil {
					return
				}
				go func() {
					defer conn.Close()
					r := bufio.NewReader(conn)
					for first := true; ; first = false {
						req, err := http.ReadRequest(r)
						if err != nil {
							return
						}
						io.Copy(io.Discard, req.Body)
						requests.Add(1)
						if !first {
							return // took it, and says nothing
						}
						fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(aMessage), aMessage)
					}
				}()
			}
		}()
		c := client(t, w)
		send := func() error {
			_, err := c.SendMessage(t.Context(), "th1", inboxapi.NewMessage{Content: "hi"})
			return err
		}
		if err := send(); err != nil {
			t.Fatal(err)
		}
		if got := fateOf(send()); got != unknown {
			t.Errorf("%s, want %s", got, unknown)
		}
		if n := requests.Load(); n != 2 {
			t.Errorf("the API got %d requests for 2 messages", n)
		}
	})
}

// A caller who leaves after the request left does not know; one who leaves
// before does.
func TestSendCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		c := client(t, serve(t, func(_ http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			cancel()
			<-r.Context().Done()
		}))
		_, err := c.SendMessage(ctx, "th1", inboxapi.NewMessage{Content: "hi"})
		if got := fateOf(err); got != unknown || !errors.Is(err, context.Canceled) {
			t.Errorf("%s (%v), want %s", got, err, unknown)
		}
	})
}

func BenchmarkSendMessage(b *testing.B) {
	srv := httptest.NewServer(says(200, aMessage))
	defer srv.Close()
	m := inboxapi.NewMessage{Content: strings.Repeat("some words ", 15)}
	for name, fenced := range map[string]bool{"fenced": true, "no fence": false} {
		b.Run(name, func(b *testing.B) {
			c, err := inboxapi.New(inboxapi.Options{BaseURL: srv.URL, Token: testToken})
			if err != nil {
				b.Fatal(err)
			}
			defer c.CloseIdleConnections()
			b.ReportAllocs()
			for b.Loop() {
				if fenced {
					m.NotAfter = time.Now().Add(time.Minute)
				}
				if _, err := c.SendMessage(b.Context(), "th1", m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("bare net/http", func(b *testing.B) {
		hc := &http.Client{}
		defer hc.CloseIdleConnections()
		b.ReportAllocs()
		for b.Loop() {
			body := strings.NewReader(`{"content":"` + m.Content + `"}`)
			res, err := hc.Post(srv.URL+"/threads/th1/messages", "application/json", body)
			if err != nil {
				b.Fatal(err)
			}
			io.Copy(io.Discard, res.Body)
			res.Body.Close()
		}
	})
}
