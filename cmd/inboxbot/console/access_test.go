package console

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"inboxbot/bot"
)

// gone is a request whose sender does not wait for more than the beginning.
func gone(r *http.Request) {
	ctx, cancel := context.WithCancel(r.Context())
	cancel()
	*r = *r.WithContext(ctx)
}

func TestWhoMayDoWhat(t *testing.T) {
	const ok, elsewhere, lost, forbidden, missing = 200, 303, 401, 403, 404
	for _, row := range []struct {
		do     string
		status [3]int // of nobody, the reader, the operator
	}{
		{"GET /", [3]int{elsewhere, ok, ok}},
		{"GET /threads", [3]int{elsewhere, ok, ok}},
		{"GET /threads/t1", [3]int{elsewhere, ok, ok}},
		{"GET /threads/t1/explain", [3]int{elsewhere, ok, ok}},
		{"POST /threads/t1/explain", [3]int{lost, forbidden, ok}},
		{"GET /events", [3]int{lost, ok, ok}},
		{"GET /decisions/1-0", [3]int{elsewhere, missing, missing}},
		{"GET /leave?url=https://example.com", [3]int{elsewhere, ok, ok}},
		{"GET /numbers", [3]int{elsewhere, ok, ok}},
		{"GET /numbers.csv", [3]int{elsewhere, ok, ok}},
		{"GET /shadow", [3]int{elsewhere, ok, ok}},
		{"GET /rules", [3]int{elsewhere, ok, ok}},
		{"GET /rules?when=true", [3]int{elsewhere, ok, ok}},
		{"GET /rules/edit", [3]int{elsewhere, forbidden, ok}},
		{"POST /rules/edit", [3]int{lost, forbidden, 422}},
		{"POST /rules/rollback", [3]int{lost, forbidden, 400}},
		{"GET /rules/diff?from=aaaa&to=bbbb", [3]int{elsewhere, missing, missing}},
		{"GET /drafts", [3]int{elsewhere, ok, ok}},
		{"POST /drafts/t1", [3]int{lost, forbidden, 400}},
		{"POST /pause", [3]int{lost, forbidden, elsewhere}},
		{"POST /resume", [3]int{lost, forbidden, elsewhere}},
		{"POST /logout", [3]int{lost, elsewhere, elsewhere}},
		{"GET /nowhere", [3]int{elsewhere, missing, missing}},
		{"POST /nowhere", [3]int{lost, missing, missing}},
		{"GET /login", [3]int{ok, elsewhere, elsewhere}},
		{"GET /assets/console.css", [3]int{ok, ok, ok}},
		{"GET /assets/nothing.css", [3]int{missing, missing, missing}},
	} {
		for i, token := range []string{"", readerToken, operatorToken} {
			t.Run(row.do+" "+[]string{"nobody", "reader", "operator"}[i], func(t *testing.T) {
				w := newWorld(t, withTokens, published)
				w.bot.talk("t1", "ann", bot.Turn{ID: "m1", Text: "hello", Side: bot.SideProspect})
				if token != "" {
					w.logIn(token)
				}
				method, path, _ := strings.Cut(row.do, " ")
				var rec *httptest.ResponseRecorder
				switch {
				case method == http.MethodPost:
					rec = w.post(path, url.Values{"reason": {"prices"}})
				case path == "/events":
					rec = w.get(path, gone)
				default:
					rec = w.get(path)
				}
				if rec.Code != row.status[i] {
					t.Errorf("status %d, want %d", rec.Code, row.status[i])
				}
			})
		}
	}
}

// Who may only read sees no button that would be refused.
func TestReaderSeesNoButtons(t *testing.T) {
	w := newWorld(t, withTokens)
	w.bot.talk("t1", "ann", bot.Turn{ID: "m1", Text: "hello", Side: bot.SideProspect})
	w.logIn(readerToken)
	for _, path := range []string{"/", "/threads/t1"} {
		body := w.get(path).Body.String()
		for _, button := range []string{`action="/pause"`, `action="/resume"`, "hx-post"} {
			if strings.Contains(body, button) {
				t.Errorf("%s has %s", path, button)
			}
		}
	}
}

// Every way a form can come from somewhere else than a page of the session.
func TestForgedForms(t *testing.T) {
	origin := func(site, origin string) func(*http.Request) {
		return func(r *http.Request) {
			r.Header.Del("Sec-Fetch-Site")
			if site != "" {
				r.Header.Set("Sec-Fetch-Site", site)
			}
			if origin != "" {
				r.Header.Set("Origin", origin)
			}
		}
	}
	w := newWorld(t, withTokens)
	w.logIn(operatorToken)
	right := w.csrf()
	w.logIn(operatorToken) // another session of the same person
	other := w.csrf()
	for _, row := range []struct {
		name, csrf string
		from       func(*http.Request)
		want       int
	}{
		{"its own", other, origin("same-origin", ""), http.StatusSeeOther},
		{"its own, over plain http, where browsers tell the origin alone", other, origin("", "http://localhost:8080"), http.StatusSeeOther},
		{"without the token", "", origin("same-origin", ""), http.StatusForbidden},
		{"a made-up token", "x", origin("same-origin", ""), http.StatusForbidden},
		{"the token of another session", right, origin("same-origin", ""), http.StatusForbidden},
		{"from another site", other, origin("cross-site", "https://evil.example"), http.StatusForbidden},
		{"from another port", other, origin("same-site", "http://localhost:9999"), http.StatusForbidden},
		{"from another site, by an old browser", other, origin("", "https://evil.example"), http.StatusForbidden},
		{"from a frame without an origin", other, origin("", "null"), http.StatusForbidden},
	} {
		t.Run(row.name, func(t *testing.T) {
			form := url.Values{"reason": {row.name}, "csrf": {row.csrf}}
			if got := w.post("/pause", form, row.from).Code; got != row.want {
				t.Errorf("status %d, want %d", got, row.want)
			}
			_, _, paused, _ := w.store.Paused(t.Context())
			if paused != (row.want == http.StatusSeeOther) {
				t.Errorf("paused: %v", paused)
			}
			_ = w.store.Resume(t.Context())
		})
	}
}

// A name that another site points here opens nothing while nobody has to log in.
func TestHostOnThisMachine(t *testing.T) {
	for host, want := range map[string]int{
		"localhost:8080": 200, "LOCALHOST": 200, "127.0.0.1:8080": 200, "127.8.9.10": 200, "[::1]:8080": 200, "[::1]": 200,
		"evil.example": 403, "127.0.0.1.evil.example:8080": 403, "localhost.evil.example": 403, "192.168.1.5:8080": 403, "": 403,
	} {
		w := newWorld(t)
		w.host = host
		if got := w.get("/").Code; got != want {
			t.Errorf("%q: status %d, want %d", host, got, want)
		}
	}
	for _, header := range proxied {
		if got := newWorld(t).get("/", func(r *http.Request) { r.Header.Set(header, "x") }).Code; got != http.StatusForbidden {
			t.Errorf("through a proxy that says %s: status %d", header, got)
		}
	}
	w := newWorld(t, withTokens)
	w.host = "bot.team.example"
	w.logIn(operatorToken)
	if got := w.get("/").Code; got != http.StatusOK {
		t.Errorf("with a token: status %d", got)
	}
}

func TestWhereAConsoleIs(t *testing.T) {
	for _, row := range []struct {
		addr, token string
		ok          bool
	}{
		{"127.0.0.1:8080", "", true},
		{"localhost:8080", "", true},
		{"[::1]:8080", "", true},
		{":8080", "", false},
		{"0.0.0.0:8080", "", false},
		{"[::]:8080", "", false},
		{"10.0.0.5:8080", "", false},
		{"bot.local:8080", "", false},
		{":8080", operatorToken, true},
	} {
		w := newWorld(t)
		o := w.Options
		o.Addr, o.Token = row.addr, row.token
		if _, err := New(o); (err == nil) != row.ok {
			t.Errorf("%q: %v", row.addr, err)
		}
	}
}

func TestCookie(t *testing.T) {
	w := newWorld(t, withTokens)
	https := func(r *http.Request) { r.Header.Set("X-Forwarded-Proto", "https") }
	for _, row := range []struct {
		by   []func(*http.Request)
		want string
	}{
		{nil, "Path=/; Max-Age=43199; HttpOnly; SameSite=Strict"},
		{[]func(*http.Request){https}, "Path=/; Max-Age=43199; HttpOnly; Secure; SameSite=Strict"},
	} {
		rec := w.do(http.MethodPost, "/login", url.Values{"token": {operatorToken}}, row.by...)
		if _, got, _ := strings.Cut(rec.Header().Get("Set-Cookie"), "; "); got != row.want {
			t.Errorf("%q, want %q", got, row.want)
		}
	}
}

// A session is over after 12 hours and when its token is changed; it is known by
// replicas and after restarts; it cannot be made or raised.
func TestSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		k := keys{operator: keyOf(operatorToken, operator), reader: keyOf(readerToken, reader)}
		s := newSession(reader, now)
		sealed := k.seal(s)
		raised := strings.Replace(sealed, "reader", "operator", 1)
		longer := strings.Replace(sealed, fmt.Sprint(s.expires.Unix()), fmt.Sprint(s.expires.Unix()+1), 1)
		for _, row := range []struct {
			name, cookie string
			by           keys
			after        time.Duration
			want         bool
		}{
			{"its own", sealed, k, 0, true},
			{"a replica", sealed, newKeys(operatorToken, readerToken), 0, true},
			{"just before its end", sealed, k, 12*time.Hour - time.Second, true},
			{"at its end", sealed, k, 12 * time.Hour, false},
			{"the token was changed", sealed, newKeys(operatorToken, "another-reader-token"), 0, false},
			{"readers are let in no more", sealed, newKeys(operatorToken, ""), 0, false},
			{"another role", raised, k, 0, false},
			{"a later end", longer, k, 0, false},
			{"no role", "." + sealed, k, 0, false},
			{"nothing", "", k, 0, false},
			{"dots", "...", k, 0, false},
		} {
			got, ok := row.by.open(row.cookie, now.Add(row.after))
			if ok != row.want || ok && got != s {
				t.Errorf("%s: %v %+v", row.name, ok, got)
			}
		}
	})
}

func FuzzSession(f *testing.F) {
	k := newKeys(operatorToken, readerToken)
	good := k.seal(newSession(operator, time.Now()))
	f.Add(good)
	f.Add(strings.Replace(good, "operator", "reader", 1))
	f.Add("operator.99999999999.x.y")
	f.Add("operator.-1..")
	f.Fuzz(func(t *testing.T, cookie string) {
		if s, ok := k.open(cookie, time.Now()); ok && k.seal(s) != cookie {
			t.Errorf("%q opens as %+v", cookie, s)
		}
	})
}

// Logging out ends the session, also for whoever has copied the cookie.
func TestLogOut(t *testing.T) {
	w := newWorld(t, withTokens)
	w.logIn(operatorToken)
	copied := w.cookie
	w.post("/logout", nil)
	w.cookie = copied
	if got := w.get("/").Code; got != http.StatusSeeOther {
		t.Errorf("status %d", got)
	}
}

func TestLoginLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, withTokens)
		try := func(remote, token string) int {
			w.remote = remote
			return w.do(http.MethodPost, "/login", url.Values{"token": {token}}).Code
		}
		const home, other = "198.51.100.7:1000", "203.0.113.9:1000"
		var got []int
		for range 4 {
			got = append(got, try(home, "wrong"))
		}
		if want := []int{401, 401, 401, 429}; !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
		if got := try(home, operatorToken); got != 429 {
			t.Errorf("the right token during the delay: %d", got)
		}
		if got := try(other, operatorToken); got != 303 {
			t.Errorf("another address: %d", got)
		}
		// The delay grows: 1, 2, 4 seconds and so on, to a minute.
		for _, wait := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
			time.Sleep(wait*time.Second - time.Millisecond)
			if got := try(home, "wrong"); got != 429 {
				t.Fatalf("before %d s: %d", wait, got)
			}
			time.Sleep(time.Millisecond)
			if got := try(home, "wrong"); got != 401 {
				t.Fatalf("after %d s: %d", wait, got)
			}
		}
		time.Sleep(time.Minute)
		if got := try(home, operatorToken); got != 303 {
			t.Errorf("the right token after the delay: %d", got)
		}

		// Many addresses together may try 60 times a minute; who has logged in before
		// is not kept out by them.
		time.Sleep(time.Hour)
		refused := 0
		for i := range 200 {
			if try(fmt.Sprintf("192.0.2.%d:1", i), "wrong") == 429 {
				refused++
			}
		}
		if refused != 140 {
			t.Errorf("%d of 200 refused, want 140", refused)
		}
		if got := try(home, operatorToken); got != 303 {
			t.Errorf("a known address among them: %d", got)
		}
	})
}

// A /64 is one person; 10,000 addresses are all that is remembered.
func TestLoginMemory(t *testing.T) {
	l, now := newLogins(), time.Now()
	for i := range 5 {
		l.begin(fmt.Sprintf("2001:db8::%d", i), now)
	}
	if len(l.from) != 1 || l.begin("2001:db8::ffff", now) == 0 {
		t.Errorf("%d networks", len(l.from))
	}
	for i := range 3 * mostAddresses {
		l.begin(fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255), now.Add(time.Duration(i)*time.Second))
	}
	if len(l.from) > mostAddresses {
		t.Errorf("%d addresses are remembered", len(l.from))
	}
}

// What was typed as a token is neither shown nor logged.
func TestTokensAreNotTold(t *testing.T) {
	w := newWorld(t, withTokens)
	const typo = "operator-token-012345678O"
	rec := w.do(http.MethodPost, "/login", url.Values{"token": {typo}})
	w.logIn(operatorToken)
	for _, token := range []string{typo, operatorToken, readerToken} {
		if strings.Contains(rec.Body.String()+w.get("/").Body.String()+w.log.String(), token) {
			t.Errorf("%q is told", token)
		}
	}
	if !strings.Contains(w.log.String(), `audit="login refused" address=127.0.0.1`) {
		t.Errorf("log: %s", w.log)
	}
}

func TestNextIsHere(t *testing.T) {
	for next, want := range map[string]string{
		"/threads?person=ann": "/threads?person=ann", "": "/", "threads": "/",
		"//evil.example": "/", "/\\evil.example": "/", "https://evil.example": "/", "/\t/evil.example": "/", "/a\r\nSet-Cookie: x": "/",
	} {
		w := newWorld(t, withTokens)
		rec := w.do(http.MethodPost, "/login", url.Values{"token": {operatorToken}, "next": {next}})
		if got := rec.Header().Get("Location"); got != want {
			t.Errorf("%q leads to %q, want %q", next, got, want)
		}
	}
}

// Everything a person does is in the log, with who and where.
func TestAudit(t *testing.T) {
	w := newWorld(t, withTokens)
	w.remote = "203.0.113.9:1234"
	w.bot.talk("t1", "ann", bot.Turn{ID: "m1", Text: "hello", Side: bot.SideProspect})
	w.logIn(operatorToken)
	w.post("/pause", url.Values{"reason": {"prices\nlevel=ERROR msg=forged"}})
	w.post("/resume", nil)
	w.post("/threads/t1/explain", nil)
	w.post("/logout", nil)
	for _, want := range []string{
		`audit="log in" who=operator address=203.0.113.9`,
		`audit="pause: prices level=ERROR msg=forged" who=operator`,
		`audit=resume who=operator`,
		`audit="explain with the model" who=operator address=203.0.113.9 thread=t1`,
		`audit="log out" who=operator`,
	} {
		if !strings.Contains(w.log.String(), want) {
			t.Errorf("no %s in\n%s", want, w.log)
		}
	}
}
