package console

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// loginData is what the login page shows.
type loginData struct{ Next string }

func (c *Console) loginForm(w http.ResponseWriter, r *http.Request) {
	if c.visitor(w, r) != nil {
		http.Redirect(w, r, localPath(r.FormValue("next")), http.StatusSeeOther)
		return
	}
	c.showLogin(w, r, http.StatusOK, "")
}

func (c *Console) showLogin(w http.ResponseWriter, r *http.Request, status int, problem string) {
	c.render(w, r, nil, page{
		Title: "Log in", Template: "login", Status: status, Problem: problem, Data: loginData{localPath(r.FormValue("next"))},
	})
}

// login lets in whoever knows a token. What was tried is never shown or logged.
func (c *Console) login(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	if err := r.ParseForm(); err != nil {
		c.showLogin(w, r, http.StatusBadRequest, "The form could not be read.")
		return
	}
	address := addressOf(r)
	if wait := c.logins.begin(address, time.Now()); wait > 0 {
		seconds := max(1, int(wait.Round(time.Second).Seconds()))
		w.Header().Set("Retry-After", fmt.Sprint(seconds))
		c.showLogin(w, r, http.StatusTooManyRequests, fmt.Sprintf("Too many attempts. Try again in %d s.", seconds))
		return
	}
	as := c.roleOf(strings.TrimSpace(r.PostForm.Get("token")))
	if as == nobody {
		c.Logger.Warn("audit", "audit", "login refused", "address", address)
		c.showLogin(w, r, http.StatusUnauthorized, "That is not a token of this console. It is the value of BOT_CONSOLE_TOKEN or BOT_CONSOLE_READ_TOKEN.")
		return
	}
	c.logins.succeeded(address)
	s := newSession(as, time.Now())
	c.setCookie(w, r, s)
	c.audit(&visit{Role: as, Address: address}, "log in", "")
	http.Redirect(w, r, localPath(r.PostForm.Get("next")), http.StatusSeeOther)
}

// roleOf compares with both tokens, whichever is right.
func (c *Console) roleOf(token string) role {
	operates, reads := same(token, c.Token), same(token, c.ReadToken)
	switch {
	case token == "":
		return nobody
	case operates && c.Token != "":
		return operator
	case reads && c.ReadToken != "":
		return reader
	}
	return nobody
}

func (c *Console) logout(w http.ResponseWriter, r *http.Request, v *visit) error {
	http.SetCookie(w, &http.Cookie{
		Name: c.cookieName(), Path: "/", MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: byHTTPS(r),
	})
	c.ended.add(v)
	c.audit(v, "log out", "")
	http.Redirect(w, r, "/login", http.StatusSeeOther)
	return nil
}

// localPath is next if it is an address of this console, else the first page.
func localPath(next string) string {
	if !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\r\n\t") {
		return "/"
	}
	return next
}

// logins holds attempts to log in back: those of one address with a delay that
// grows, those of all addresses together by their number. An address from which
// somebody has logged in before is not kept out by what others do.
type logins struct {
	mu   sync.Mutex
	from map[string]*attempts
	all  *rate.Limiter
}

type attempts struct {
	failed int
	until  time.Time // nothing is tried before
	known  bool      // somebody has logged in from here
}

const (
	freeAttempts   = 3
	longestDelay   = time.Minute
	forgetAfter    = 15 * time.Minute
	mostAddresses  = 10_000
	attemptsMinute = 60 // of all addresses
)

func newLogins() *logins {
	return &logins{from: map[string]*attempts{}, all: rate.NewLimiter(rate.Every(time.Minute/attemptsMinute), attemptsMinute)}
}

// begin counts an attempt as failed until succeeded is called, so that many at
// once are no way around the delay. It returns how long to wait instead.
func (l *logins) begin(address string, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.of(address, now)
	if a.until.After(now) {
		return a.until.Sub(now)
	}
	if !a.known && !l.all.AllowN(now, 1) {
		return time.Second
	}
	if a.failed++; a.failed >= freeAttempts {
		a.until = now.Add(min(longestDelay, time.Second<<min(a.failed-freeAttempts, 10)))
	}
	return 0
}

func (l *logins) of(address string, now time.Time) *attempts {
	key := network(address)
	a, ok := l.from[key]
	switch {
	case !ok && len(l.from) >= mostAddresses:
		l.forget(now)
		fallthrough
	case !ok:
		a = &attempts{}
		if len(l.from) < mostAddresses {
			l.from[key] = a
		}
	case !a.until.IsZero() && now.Sub(a.until) > forgetAfter:
		*a = attempts{known: a.known}
	}
	return a
}

// forget makes room: those go that have not tried for a while.
func (l *logins) forget(now time.Time) {
	for key, a := range l.from {
		if now.Sub(a.until) > forgetAfter {
			delete(l.from, key)
		}
	}
}

func (l *logins) succeeded(address string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.from) < mostAddresses || l.from[network(address)] != nil {
		l.from[network(address)] = &attempts{known: true}
	}
}

// network is what one person has at once: an address, of IPv6 a /64.
func network(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil || a.Is4() {
		return address
	}
	p, _ := a.Prefix(64)
	return p.String()
}
