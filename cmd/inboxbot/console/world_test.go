package console

import (
	"context"
	"fmt"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"inboxbot/bot"
	"inboxbot/bot/history"
	"inboxbot/bot/redisstore"
	"inboxbot/inboxapi"
)

// The tokens of a world that has some.
const (
	operatorToken = "operator-token-0123456789"
	readerToken   = "reader-token-0123456789"
)

// world is a console with everything around it: a store in memory, a view that
// tests add to, and a bot that says what it is told to say.
type world struct {
	*Console
	t     *testing.T
	bot   *fakeBot
	store *redisstore.Store
	view  *history.View
	gen   Generation
	log   *logged

	remote string // who makes the requests
	host   string
	cookie *http.Cookie
}

// newWorld is a console on this machine, where nobody has to log in.
func newWorld(t *testing.T, change ...func(*Options)) *world {
	t.Helper()
	store, done, err := redisstore.Embedded(t.Context(), redisstore.Options{Team: "team"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(done)
	w := &world{
		t: t, bot: &fakeBot{}, store: store, view: history.NewView(0), log: &logged{},
		gen: Generation{Hash: "ab12cd34ef56", Since: time.Now().Add(-time.Hour)}, remote: "127.0.0.1:40000", host: "localhost:8080",
	}
	w.bot.set(bot.Health{Leads: true, LastSweep: time.Now()})
	o := Options{
		Rules: shelf{}, Bot: w.bot, Switch: store, Details: store, Drafts: store, Log: w.view,
		Generation: func() Generation { return w.gen },
		Quota:      func() Quota { return Quota{Remaining: 231, Limit: 300} },
		Team:       "Kestrel Coffee", Mode: "live", Zone: time.UTC, SLO: 15 * time.Minute, Now: time.Now,
		Addr: "127.0.0.1:8080", Logger: slog.New(slog.NewTextHandler(w.log, nil)),
	}
	for _, f := range change {
		f(&o)
	}
	if w.Console, err = New(o); err != nil {
		t.Fatal(err)
	}
	return w
}

// withTokens is a console that anybody may reach and that asks for a token.
func withTokens(o *Options) {
	o.Addr, o.Token, o.ReadToken = "0.0.0.0:8080", operatorToken, readerToken
}

// get asks for a page as a browser would.
func (w *world) get(path string, change ...func(*http.Request)) *httptest.ResponseRecorder {
	w.t.Helper()
	return w.do(http.MethodGet, path, nil, change...)
}

// post fills in the form that a page of the session holds and sends it.
func (w *world) post(path string, form url.Values, change ...func(*http.Request)) *httptest.ResponseRecorder {
	w.t.Helper()
	if form == nil {
		form = url.Values{}
	}
	if !form.Has("csrf") {
		form.Set("csrf", w.csrf())
	}
	return w.do(http.MethodPost, path, form, change...)
}

func (w *world) do(method, path string, form url.Values, change ...func(*http.Request)) *httptest.ResponseRecorder {
	w.t.Helper()
	var body io.Reader = http.NoBody
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r := httptest.NewRequestWithContext(w.t.Context(), method, path, body)
	r.Host, r.RemoteAddr = w.host, w.remote
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if w.cookie != nil {
		r.AddCookie(w.cookie)
	}
	for _, f := range change {
		f(r)
	}
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, r)
	for _, c := range rec.Result().Cookies() {
		w.cookie = c
	}
	return rec
}

var csrfField = regexp.MustCompile(`name="csrf" value="([^"]+)"`)

// csrf is the token that the session's forms hold, "" when its pages have none.
func (w *world) csrf() string {
	w.t.Helper()
	if m := csrfField.FindStringSubmatch(w.get("/").Body.String()); m != nil {
		return m[1]
	}
	return ""
}

var (
	block = regexp.MustCompile(`</?(p|li|td|th|dt|dd|div|option)\b[^>]*>`)
	tag   = regexp.MustCompile(`<[^>]*>`)
	space = regexp.MustCompile(`\s+`)
)

// words is what a page says, without its tags, on one line.
func words(rec *httptest.ResponseRecorder) string {
	text := tag.ReplaceAllString(block.ReplaceAllString(rec.Body.String(), " "), "")
	return space.ReplaceAllString(html.UnescapeString(text), " ")
}

// logIn begins a session.
func (w *world) logIn(token string) {
	w.t.Helper()
	if rec := w.do(http.MethodPost, "/login", url.Values{"token": {token}}); rec.Code != http.StatusSeeOther {
		w.t.Fatalf("log in: %d\n%s", rec.Code, rec.Body)
	}
}

// decided adds decisions to the log, both what is seen at once and the details.
func (w *world) decided(entries ...history.Entry) {
	w.t.Helper()
	for _, e := range entries {
		w.keep(e, history.Detail{Asked: e.Asked, Draft: e.Reply, Reply: e.Reply})
	}
}

// keep adds one decision with its details and brings the view up to date.
func (w *world) keep(e history.Entry, d history.Detail) {
	w.t.Helper()
	if err := w.store.LogAppend(w.t.Context(), e, d); err != nil {
		w.t.Fatal(err)
	}
	last := ""
	if newest, _ := w.view.Query(history.Filter{Limit: 1}); len(newest) > 0 {
		last = newest[0].ID
	}
	entries, err := w.store.LogAfter(w.t.Context(), last, 1000)
	if err != nil {
		w.t.Fatal(err)
	}
	w.view.Add(entries...)
}

// decision is an entry with all that a decision has.
func decision(thread, prospect string, o bot.Action, change ...func(*history.Entry)) history.Entry {
	e := history.Entry{
		At: time.Now(), Thread: thread, Message: "m-" + thread, Account: "kestrelcoffee", Outcome: o, Guard: "default",
		Mode: "live", Generation: "ab12cd34ef56", WaitedMS: 14_000, ElapsedMS: 900,
		Person: history.Person{Prospect: prospect, ProspectID: "x-" + prospect, Asked: "How much is shipping?", Reason: "shipping", Reply: "It is 5 EUR."},
	}
	for _, f := range change {
		f(&e)
	}
	return e
}

// fakeBot says what tests tell it to.
type fakeBot struct {
	mu     sync.Mutex
	health bot.Health
	convs  map[string]*bot.Conversation
	reads  int // requests it would have made
	err    error
	asked  int // times the model was asked
	thinks time.Duration
}

func (b *fakeBot) set(h bot.Health) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.health = h
}

// talk makes a thread that can be read.
func (b *fakeBot) talk(thread, prospect string, turns ...bot.Turn) *bot.Conversation {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := &bot.Conversation{
		Now: time.Now(), Read: true, Turns: turns,
		Thread:  inboxapi.Thread{ID: thread, Prospect: inboxapi.Prospect{Username: prospect}},
		Account: inboxapi.AccountLink{Username: "kestrelcoffee"},
	}
	if b.convs == nil {
		b.convs = map[string]*bot.Conversation{}
	}
	b.convs[thread] = c
	return c
}

func (b *fakeBot) Health() bot.Health {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.health
}

func (b *fakeBot) Conversation(_ context.Context, thread string) (*bot.Conversation, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reads += 2
	if c, ok := b.convs[thread]; ok {
		return c, b.err
	}
	return nil, fmt.Errorf("thread %s: %w", thread, inboxapi.ErrNotFound)
}

func (b *fakeBot) Explain(ctx context.Context, thread string, ask bool, w io.Writer) error {
	c, err := b.Conversation(ctx, thread)
	if err != nil {
		return err
	}
	if ask {
		b.mu.Lock()
		b.asked++
		b.mu.Unlock()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(b.thinks):
		}
	}
	for _, t := range c.Turns {
		fmt.Fprintf(w, "  %s: %s\n", t.Side, t.Text)
	}
	return nil
}

func (b *fakeBot) Recent() []*bot.Conversation {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []*bot.Conversation
	for _, c := range b.convs {
		all = append(all, c)
	}
	return all
}

// logged is what the console told the log.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
