package console

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// role is what somebody may do.
type role string

const (
	nobody   role = ""
	reader   role = "reader"
	operator role = "operator"
)

const (
	sessionFor = 12 * time.Hour
	maxForm    = 8 << 20 // bytes; the text of a generation, escaped, fits
)

// visit is one request by somebody who may make it.
type visit struct {
	Role    role
	Address string // without the port
	CSRF    string // what a form of this session has to bring back

	session string
	expires time.Time
	local   bool // nobody has to log in
}

// Operator reports whether the visitor may change anything.
func (v *visit) Operator() bool { return v.Role == operator }

// Local reports whether nobody has to log in, or can log out.
func (v *visit) Local() bool { return v.local }

// By names the visitor to the team.
func (v *visit) By() string {
	if v.local {
		return "console on this machine"
	}
	return string(v.Role) + " at " + v.Address
}

// handler answers one request. Its error becomes a page; nothing was written then.
type handler func(w http.ResponseWriter, r *http.Request, v *visit) error

// view serves a page to everybody who is logged in. The navigation shows a page
// only if it is served.
func (c *Console) view(pattern string, h handler) {
	if path, ok := strings.CutPrefix(pattern, "GET "); ok {
		c.shown[strings.TrimSuffix(path, "{$}")] = true
	}
	c.read(pattern, h)
}

// act serves what changes something to operators alone. The form has been parsed
// and its CSRF token is right.
func (c *Console) act(pattern string, h handler) {
	c.read(pattern, func(w http.ResponseWriter, r *http.Request, v *visit) error {
		if !v.Operator() {
			return problem(http.StatusForbidden, "You are logged in with the token that may only read. Log in with BOT_CONSOLE_TOKEN to do this.")
		}
		return h(w, r, v)
	})
}

func (c *Console) read(pattern string, h handler) {
	c.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		v := c.visitor(w, r)
		if v == nil {
			c.sendToLogin(w, r)
			return
		}
		err := c.rightForm(w, r, v)
		if err == nil {
			err = h(w, r, v)
		}
		if err != nil {
			c.fail(w, r, v, err)
		}
	})
}

// rightForm refuses a form that no page of this session made.
func (c *Console) rightForm(w http.ResponseWriter, r *http.Request, v *visit) error {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return nil
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		if _, long := errors.AsType[*http.MaxBytesError](err); long {
			return problem(http.StatusRequestEntityTooLarge, "That is too much text. Nothing was changed.")
		}
		return problem(http.StatusBadRequest, "The form could not be read. Nothing was changed.")
	}
	if !same(r.PostForm.Get("csrf"), v.CSRF) {
		return problem(http.StatusForbidden, "This form is from an older session. Nothing was changed: go back, reload the page and try again.")
	}
	return nil
}

// visitor is who makes the request, nil when they have to log in.
func (c *Console) visitor(w http.ResponseWriter, r *http.Request) *visit {
	s, ok := c.keys.open(cookieOf(r, c.cookieName()), time.Now())
	ok = ok && !c.ended.has(s.id)
	local := c.Token == ""
	if !ok && local {
		s = newSession(operator, time.Now())
		c.setCookie(w, r, s)
		ok = true
	}
	if !ok {
		return nil
	}
	return &visit{Role: s.role, Address: addressOf(r), CSRF: c.keys.csrf(s), session: s.id, expires: s.expires, local: local}
}

// sendToLogin sends who is not logged in to where that can be done, and from there
// back to what they wanted to see.
func (c *Console) sendToLogin(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet || r.Header.Get("HX-Request") != "" || r.URL.Path == "/events" {
		c.refuse(w, r, http.StatusUnauthorized, "You are not logged in any more. Nothing was changed.")
		return
	}
	to := "/login"
	if next := r.URL.RequestURI(); next != "/" {
		to += "?next=" + url.QueryEscape(next)
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// session is what the cookie says. Nothing is kept of it here: replicas and
// restarts know it again by the token it was signed with.
type session struct {
	role    role
	id      string
	expires time.Time
}

func newSession(as role, now time.Time) session {
	return session{as, rand.Text(), now.Add(sessionFor).Truncate(time.Second)}
}

// ended are the sessions that were logged out of in this process, until they would
// have expired.
type ended struct {
	mu  sync.Mutex
	ids map[string]time.Time
}

func (e *ended) add(v *visit) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ids == nil {
		e.ids = map[string]time.Time{}
	}
	maps.DeleteFunc(e.ids, func(_ string, expires time.Time) bool { return time.Now().After(expires) })
	e.ids[v.session] = v.expires
}

func (e *ended) has(id string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	_, ok := e.ids[id]
	return ok
}

// keys sign sessions. A changed token ends the sessions it began.
type keys map[role][]byte

func newKeys(token, readToken string) keys {
	if token == "" {
		token = rand.Text() // this process alone
	}
	k := keys{operator: keyOf(token, operator)}
	if readToken != "" {
		k[reader] = keyOf(readToken, reader)
	}
	return k
}

func keyOf(token string, as role) []byte {
	key, err := hkdf.Key(sha256.New, []byte(token), nil, "inboxbot console session, "+string(as), sha256.Size)
	if err != nil {
		panic(err) // unreachable: only a key longer than any hash allows fails
	}
	return key
}

func (k keys) sign(as role, what string) string {
	mac := hmac.New(sha256.New, k[as])
	mac.Write([]byte(what))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func (k keys) csrf(s session) string { return k.sign(s.role, "form "+s.id) }

// seal writes a session as role.expiry.id.signature.
func (k keys) seal(s session) string {
	text := string(s.role) + "." + strconv.FormatInt(s.expires.Unix(), 10) + "." + s.id
	return text + "." + k.sign(s.role, "session "+text)
}

// open reads what seal wrote, unless it has expired or was written by others.
func (k keys) open(sealed string, now time.Time) (session, bool) {
	parts := strings.Split(sealed, ".")
	if len(parts) != 4 || len(k[role(parts[0])]) == 0 {
		return session{}, false
	}
	as := role(parts[0])
	if !same(parts[3], k.sign(as, "session "+strings.Join(parts[:3], "."))) {
		return session{}, false
	}
	unix, err := strconv.ParseInt(parts[1], 10, 64)
	s := session{as, parts[2], time.Unix(unix, 0)}
	return s, err == nil && now.Before(s.expires)
}

// same compares without telling how much of it is right.
func same(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// cookieName holds the port where nobody logs in: a browser sends a machine's
// cookies to all its ports, and two bots there would end each other's sessions.
func (c *Console) cookieName() string {
	_, port, _ := net.SplitHostPort(c.Addr)
	if c.Token != "" || port == "" {
		return "inboxbot"
	}
	return "inboxbot-" + port
}

func (c *Console) setCookie(w http.ResponseWriter, r *http.Request, s session) {
	http.SetCookie(w, &http.Cookie{
		Name: c.cookieName(), Value: c.keys.seal(s), Path: "/", MaxAge: int(time.Until(s.expires).Seconds()),
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: byHTTPS(r),
	})
}

// byHTTPS reports whether the browser came by https. A header that anybody could
// have sent is believed here alone: a wrong one makes the browser keep the cookie
// to itself.
func byHTTPS(r *http.Request) bool {
	return r.TLS != nil || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
}

func cookieOf(r *http.Request, name string) string {
	if c, err := r.Cookie(name); err == nil {
		return c.Value
	}
	return ""
}

// addressOf is where the request came from: of a proxy, its own address.
func addressOf(r *http.Request) string {
	if a, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		return a.Addr().Unmap().WithZone("").String()
	}
	return "an unknown address"
}

// proxied are headers that proxies add. One on this machine would let everybody in
// who reaches it.
var proxied = []string{"Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip", "Cf-Connecting-Ip"}

// fromHere reports whether r comes straight from a browser on this machine, under
// a name of this machine: another name may have been made to point here, for a page
// of another site to read everything through it.
func fromHere(r *http.Request) bool {
	through := func(header string) bool { return r.Header.Get(header) != "" }
	return isLoopback(r.Host) && !slices.ContainsFunc(proxied, through)
}

// NeedsToken reports whether a console at addr, a BOT_HTTP_ADDR, is one that other
// machines may reach, which New refuses to serve without a token.
func NeedsToken(addr string) bool { return !isLoopback(addr) }

// isLoopback reports whether host, with or without a port, is this machine itself.
func isLoopback(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if strings.EqualFold(host, "localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}
