package console

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"inboxbot/bot"
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

// connect serves the world over a connection in memory, by a server that gives up
// on requests which do not arrive, and returns the browser's end.
func (w *world) connect() net.Conn {
	w.t.Helper()
	browser, end := net.Pipe()
	l := one{make(chan net.Conn, 1), make(chan struct{})}
	l.conns <- end
	srv := &http.Server{Handler: w, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second}
	done := make(chan struct{})
	go func() { _ = srv.Serve(l); close(done) }()
	w.t.Cleanup(func() { _ = browser.Close(); _ = srv.Close(); <-done })
	return browser
}

// ask sends a request as a browser does and returns the answer to it.
func (w *world) ask(conn net.Conn, method, path string, form url.Values) *http.Response {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, "http://localhost:8080"+path, strings.NewReader(form.Encode()))
	if err != nil {
		w.t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r.AddCookie(w.cookie)
	go func() {
		if err := r.Write(conn); err != nil {
			w.t.Error(err)
		}
	}()
	res, err := http.ReadResponse(bufio.NewReader(conn), r)
	if err != nil {
		w.t.Fatal(err)
	}
	return res
}

// A form has to arrive in time; what is asked for with it may take longer than that.
func TestAnAnswerTakesLongerThanItsForm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.bot.talk("t1", "ann", bot.Turn{Side: bot.SideProspect, Text: "how much is it?"})
		w.bot.thinks = 100 * time.Second
		form := url.Values{"csrf": {w.csrf()}}
		conn := w.connect()
		res := w.ask(conn, http.MethodPost, "/threads/t1/explain", form)
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusOK || !strings.Contains(string(body), "how much is it?") {
			t.Errorf("%d, %v: %.200s", res.StatusCode, err, body)
		}
	})
}

// Who watches is told for as long as the session lasts, until it is logged out of.
func TestStreamOutlivesItsRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, withTokens)
		w.logIn(operatorToken)
		conn := w.connect()
		res := w.ask(conn, http.MethodGet, "/events", nil)
		defer res.Body.Close()
		lines, pings, ended := bufio.NewScanner(res.Body), 0, make(chan struct{})
		go func() {
			for lines.Scan() {
				if strings.HasPrefix(lines.Text(), ": still here") {
					pings++
				}
			}
			close(ended)
		}()
		time.Sleep(10*pingEvery + time.Second)
		synctest.Wait()
		if pings != 10 {
			t.Errorf("%d signs of life within ten times their distance", pings)
		}
		w.post("/logout", nil)
		select {
		case <-ended:
		case <-time.After(2 * pingEvery):
			t.Error("it goes on for somebody who has logged out")
		}
	})
}
