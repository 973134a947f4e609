// Package console is what a person of the team looks at: whether the bot is well,
// what it just did and why, and how to stop it. Pages are rendered here and work
// without JavaScript; with it, what is live comes by server-sent events.
//
// Start at Options, New and routes. access.go says who may do what, render.go how
// a page is made; every page has a file and a template of its name. A page is
// added with view and act in routes, a handler, and templates/NAME.html.
package console

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"inboxbot/bot"
	"inboxbot/bot/history"
	"inboxbot/bot/redisstore"
)

// Bot is the bot of this process.
type Bot interface {
	Health() bot.Health
	// Conversation reads a thread. It costs two requests to the Inbox API.
	Conversation(ctx context.Context, thread string) (*bot.Conversation, error)
	// Explain writes what every station says of a thread, and asks the model if ask
	// is true.
	Explain(ctx context.Context, thread string, ask bool, w io.Writer) error
	// Recent are the conversations read last, the newest last.
	Recent() []*bot.Conversation
}

// Switch stops every process of the bot.
type Switch interface {
	Paused(ctx context.Context) (reason string, since time.Time, paused bool, err error)
	SetPaused(ctx context.Context, reason, by string) error
	Resume(ctx context.Context) error
}

// Details keeps what the log leaves out.
type Details interface {
	LogDetail(ctx context.Context, id string) (history.Detail, error)
}

// Drafts are those that wait for a person.
type Drafts interface {
	WaitingDrafts(ctx context.Context, limit int) ([]bot.Draft, error)
	DecideDraft(ctx context.Context, thread, id string, to bot.DraftState, final, by string) error
	EditDraft(ctx context.Context, thread, id, text, by string) error
	DraftEdits(ctx context.Context, thread, id string) ([]redisstore.DraftEdit, error)
	Draft(ctx context.Context, thread string) (bot.Draft, error)
}

// Generation is which rules and prompts are in force.
type Generation struct {
	Hash    string // "": none yet
	Since   time.Time
	Refused error // why newer ones are not
}

// Quota is what the Inbox API's last answer said of the team's requests.
type Quota struct{ Remaining, Limit int } // Limit 0: nothing was said yet

// Options are what the console shows and whom it lets in. All but the tokens,
// Publisher, Quota and Logger are required.
type Options struct {
	Bot        Bot
	Switch     Switch
	Details    Details
	Drafts     Drafts
	Log        *history.View
	Generation func() Generation
	Rules      Rules
	Publisher  Publisher // nil: rules and prompts are files, which nobody edits here
	Quota      func() Quota

	Team string         // its name, for people
	Mode string         // BOT_MODE
	Zone *time.Location // times are shown in it
	SLO  time.Duration  // how long a message may wait before that is bad

	MaxReply int // UTF-16 units of a reply that a person approves; 0: what X takes
	Now      func() time.Time

	Addr      string // BOT_HTTP_ADDR: only a loopback address needs no token
	Token     string // lets an operator in; "": nobody has to log in
	ReadToken string // lets somebody in who may only read; "": nobody

	Logger *slog.Logger // hears of everything a person does, under the key audit
}

// longestReply is what X takes, in UTF-16 units.
const longestReply = 10_000

// ErrNoToken is returned for a console that anybody could reach.
var ErrNoToken = errors.New("no console: BOT_HTTP_ADDR can be reached from other machines and BOT_CONSOLE_TOKEN is not set")

// Console serves the pages. Run has to be running for what is live.
type Console struct {
	Options
	mux     *http.ServeMux
	pages   pages
	keys    keys
	logins  *logins
	origins *http.CrossOriginProtection
	audits  audits
	hub     *hub
	asks    *asks
	shown   map[string]bool // paths of the pages there are
	ended   ended
}

// New returns a console, or ErrNoToken.
func New(o Options) (*Console, error) {
	if o.Token == "" && !isLoopback(o.Addr) {
		return nil, ErrNoToken
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Quota == nil {
		o.Quota = func() Quota { return Quota{} }
	}
	if o.MaxReply <= 0 {
		o.MaxReply = longestReply
	}
	c := &Console{
		Options: o, mux: http.NewServeMux(), keys: newKeys(o.Token, o.ReadToken),
		logins: newLogins(), origins: http.NewCrossOriginProtection(), asks: newAsks(), shown: map[string]bool{},
	}
	c.hub = newHub(c)
	var err error
	if c.pages, err = c.parsePages(); err != nil {
		return nil, err
	}
	c.routes()
	return c, nil
}

// routes is every address the console answers.
func (c *Console) routes() {
	c.mux.Handle("GET /assets/{name}", http.HandlerFunc(c.asset))
	c.mux.HandleFunc("GET /login", c.loginForm)
	c.mux.HandleFunc("POST /login", c.login)
	c.read("POST /logout", c.logout)
	c.read("/", c.unknown)

	c.view("GET /{$}", c.now)
	c.view("GET /events", c.events)
	c.view("GET /leave", c.leave)
	c.view("GET /threads", c.threads)
	c.view("GET /threads/{id}", c.thread)
	c.view("GET /threads/{id}/explain", c.explain)
	c.act("POST /threads/{id}/explain", c.explain)
	c.view("GET /decisions/{id}", c.decision)
	c.view("GET /drafts", c.drafts)
	c.act("POST /drafts/{thread}", c.decide)
	c.view("GET /rules", c.rules)
	if c.Publisher != nil {
		c.view("GET /rules/diff", c.diff)
		c.act("GET /rules/edit", c.edit)
		c.act("POST /rules/edit", c.publish)
		c.act("POST /rules/rollback", c.rollback)
	}
	c.view("GET /numbers", c.numbers)
	c.view("GET /numbers.csv", c.numbersCSV)
	c.view("GET /shadow", c.shadow)
	c.act("POST /pause", c.pause)
	c.act("POST /resume", c.resume)
}

// shownAt is when a page says that something was, of which this machine or Redis
// has kept the time: pages show the API's clock, which may be quite another.
func (c *Console) shownAt(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	if apart := time.Until(c.Now()); apart.Abs() > time.Minute {
		return t.Add(apart.Round(time.Second))
	}
	return t
}

func (c *Console) generation() Generation {
	g := c.Generation()
	g.Since = c.shownAt(g.Since)
	return g
}

// Run keeps what is live up to date until ctx ends, which is all it returns for.
func (c *Console) Run(ctx context.Context) error { return c.hub.run(ctx) }

// ServeHTTP answers a request. Nothing is answered to somebody who was led here by
// another site.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	guardHeaders(w.Header())
	if c.Token == "" && !fromHere(r) {
		c.refuse(w, r, http.StatusForbidden, "This console is open at localhost only, without a proxy. To reach it in another way, set BOT_CONSOLE_TOKEN.")
		return
	}
	if err := c.origins.Check(r); err != nil {
		c.refuse(w, r, http.StatusForbidden, "Another site sent this. Open the console itself and try again.")
		return
	}
	c.mux.ServeHTTP(w, r)
}

// guardHeaders say that a page holds nothing but its own, goes nowhere and is kept
// nowhere.
func guardHeaders(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "+
		"form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	// Other sites learn nothing. no-referrer would hide from ourselves, too, who sends
	// a form: over plain http, Origin is all there is to tell.
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
}
