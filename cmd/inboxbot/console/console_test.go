package console

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"inboxbot/bot"
	"inboxbot/bot/history"
)

func TestFirstPage(t *testing.T) {
	w := newWorld(t)
	w.decided(
		decision("t1", "ann", bot.Reply),
		decision("t2", "bob", bot.Handoff, func(e *history.Entry) { e.Guard, e.Reason, e.Reply = "money-back", "about money back", "" }),
		decision("t3", "cem", bot.Wait, func(e *history.Entry) { e.Guard, e.Reason, e.Reply = "closed", "the shop is closed", "" }),
		decision("t4", "dee", bot.Wait),
		decision("t5", "eve", bot.Wait, func(e *history.Entry) { e.Guard, e.Reply = "settling", "" }),
	)
	got := words(w.get("/"))
	for _, want := range []string{
		"All is well: nobody waits for the bot.", "Kestrel Coffee live", "generation ab12cd34ef56 since", "231 of 300 left",
		"Answered today 1 half of them within 14 s", "Handed over today 1",
		"Answered @ann after 14 s: It is 5 EUR. guard default",
		"Handed over @bob: about money back guard money-back",
		"Waits @cem: the shop is closed guard closed",
		"Drafted @dee for approval: It is 5 EUR.",
		"default 1 draft to approve 1", "closed the shop is closed 1",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "@eve") {
		t.Error("the feed tells of who is still writing")
	}
}

// The first line says how the bot is, the worst first.
func TestHeadline(t *testing.T) {
	healthy := bot.Health{Leads: true, LastSweep: time.Now()}
	for _, row := range []struct {
		name   string
		change func(*bot.Health)
		world  func(*world)
		level  level
		text   string
	}{
		{"well", func(*bot.Health) {}, nil, well, "All is well: nobody waits for the bot."},
		{"somebody waits", func(h *bot.Health) { h.Waiting, h.OldestUnanswered = 2, 34*time.Second }, nil, well, "All is well: nobody has waited longer than 40 s."},
		{
			"too long", func(h *bot.Health) { h.Waiting, h.OldestUnanswered = 3, 20*time.Minute }, nil, urgent,
			"Look here: somebody has waited for 20 min, and 3 wait in all.",
		},
		{"the token is refused", func(h *bot.Health) { h.TokenRefused = errors.New("401") }, nil, urgent, "Look here: Inbox does not take the token"},
		{"the model is down", func(h *bot.Health) { h.ModelDown = 5 * time.Minute }, nil, urgent, "Look here: the model has not answered for 5 min."},
		{"Redis is away", func(h *bot.Health) { h.StoreErr = errors.New("dial") }, nil, urgent, "Look here: Redis does not answer, so nothing is sent."},
		{"an account is offline", func(h *bot.Health) { h.AccountsOffline = []string{"kestrel"} }, nil, urgent, "Look here: the account @kestrel is offline: its threads wait."},
		{"two are", func(h *bot.Health) { h.AccountsOffline = []string{"a", "b"} }, nil, urgent, "Look here: 2 accounts are offline: @a, @b."},
		{"a send is in doubt", func(h *bot.Health) { h.InDoubt = 1 }, nil, mind, "Mind this: whether one message arrived is being looked up"},
		{"the budget is nearly used", func(h *bot.Health) { h.USDUsed = 0.85 }, nil, mind, "Mind this: 85 % of the day's budget of money is used."},
		{"the budget is used", func(h *bot.Health) { h.TokensUsed = 1 }, nil, urgent, "Look here: the day's budget of tokens is used up"},
		{"a sweep failed", func(h *bot.Health) { h.SweepErr = errors.New("503") }, nil, mind, "Mind this: the inbox could not be read at the last try"},
		{"the loop stands still", func(h *bot.Health) { h.LastSweep = time.Now().Add(-time.Hour) }, nil, urgent, "Look here: the inbox was last read 60 min ago."},
		{"it has just started", func(h *bot.Health) { h.LastSweep = time.Time{} }, nil, mind, "Starting: the inbox has not been read yet."},
		{"another process polls", func(h *bot.Health) { h.Leads, h.LastSweep = false, time.Time{} }, nil, well, "All is well here; another process reads the inbox."},
		{
			"an edit is refused", func(*bot.Health) {}, func(w *world) { w.gen.Refused = errors.New("line 3") }, mind,
			"Mind this: the newest rules or prompts are broken; ab12cd34ef56 stays in force.",
		},
		{"no rules at all", func(*bot.Health) {}, func(w *world) { w.gen = Generation{} }, urgent, "Look here: there are no rules and prompts to answer by."},
		{"paused", func(*bot.Health) {}, func(w *world) { w.post("/pause", url.Values{"reason": {"prices"}}) }, mind, "Paused: nothing is sent."},
		{
			"paused while somebody waits", func(h *bot.Health) { h.Waiting, h.OldestUnanswered = 1, time.Hour },
			func(w *world) { w.post("/pause", url.Values{"reason": {"prices"}}) }, urgent, "Look here: paused, and somebody has waited for 60 min.",
		},
		{
			"drafts wait", func(*bot.Health) {},
			func(w *world) { w.wait("t1", "ann", "ok", time.Minute); w.wait("t2", "bob", "ok", time.Second) }, well, "2 drafts wait for approval.",
		},
		{
			"a draft waits too long", func(*bot.Health) {}, func(w *world) { w.wait("t1", "ann", "ok", 39*time.Minute) }, mind,
			"Mind this: 1 draft waits for approval, the first for 40 min. See the drafts",
		},
		{
			"the worst comes first", func(h *bot.Health) { h.InDoubt, h.ModelDown = 1, time.Hour }, nil, urgent,
			"Look here: the model has not answered for 60 min.",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t)
			h := healthy
			row.change(&h)
			w.bot.set(h)
			if row.world != nil {
				row.world(w)
			}
			rec := w.get("/")
			if !strings.Contains(words(rec), row.text) {
				t.Errorf("no %q in\n%s", row.text, words(rec))
			}
			if !strings.Contains(rec.Body.String(), `class="big `+string(row.level)+`"`) {
				t.Errorf("not shown as %s", row.level)
			}
		})
	}
}

func TestPauseIsKeptWithItsReason(t *testing.T) {
	w := newWorld(t)
	rec := w.post("/pause", url.Values{"reason": {"wrong price list"}, "back": {"/threads"}})
	if to := rec.Header().Get("Location"); rec.Code != http.StatusSeeOther || to != "/threads?done=paused" {
		t.Fatalf("%d to %q", rec.Code, to)
	}
	reason, _, paused, err := w.store.Paused(t.Context())
	if err != nil || !paused || reason != "wrong price list (console on this machine)" {
		t.Errorf("paused %v %q, %v", paused, reason, err)
	}
	for _, path := range []string{"/", "/threads", "/nowhere"} {
		if got := words(w.get(path)); !strings.Contains(got, "wrong price list") || !strings.Contains(got, "Resume") {
			t.Errorf("%s does not say why, or has no way back:\n%s", path, got)
		}
	}
	if got := words(w.get("/threads?done=paused")); !strings.Contains(got, notices["paused"]) {
		t.Errorf("no notice in %s", got)
	}
	w.post("/resume", nil)
	if _, _, paused, _ := w.store.Paused(t.Context()); paused {
		t.Error("still paused")
	}
}

func TestPauseNeedsAReason(t *testing.T) {
	for reason, want := range map[string]int{
		"": 422, "   ": 422, "\u202e": 422, strings.Repeat("x", 201): 422, strings.Repeat("ä", 200): 303,
	} {
		w := newWorld(t)
		rec := w.post("/pause", url.Values{"reason": {reason}})
		_, _, paused, _ := w.store.Paused(t.Context())
		if rec.Code != want || paused != (want == 303) {
			t.Errorf("%q: status %d, paused %v", reason, rec.Code, paused)
		}
	}
}

// A notice is one of ours, whatever stands in the address.
func TestNoticesAreOurs(t *testing.T) {
	w := newWorld(t)
	if got := words(w.get("/?done=Your+account+is+closed")); strings.Contains(got, "account is closed") {
		t.Error(got)
	}
}

// While Redis is away the pages that need it say so, and nothing hangs.
func TestStoreAway(t *testing.T) {
	w := newWorld(t)
	w.decided(decision("t1", "ann", bot.Reply))
	w.bot.talk("t1", "ann", bot.Turn{ID: "m-t1", Text: "hello", Side: bot.SideProspect})
	if err := w.store.Close(); err != nil {
		t.Fatal(err)
	}
	w.Switch = away{}
	for path, want := range map[string]string{
		"/":           "nobody can tell whether the bot is paused",
		"/threads":    "It is 5 EUR.", // what the view holds is there all the same
		"/threads/t1": "hello",
	} {
		rec := w.get(path)
		if rec.Code != http.StatusOK || !strings.Contains(words(rec), want) {
			t.Errorf("%s: %d\n%s", path, rec.Code, words(rec))
		}
	}
	if rec := w.post("/pause", url.Values{"reason": {"x"}}); rec.Code != http.StatusBadGateway || strings.Contains(rec.Body.String(), "secret") {
		t.Errorf("%d\n%s", rec.Code, words(rec))
	}
}

// Every answer forbids what a page does not need, errors and files included.
func TestHeaders(t *testing.T) {
	want := map[string]string{
		"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
		"X-Content-Type-Options":  "nosniff",
		"Referrer-Policy":         "same-origin",
		"Cache-Control":           "no-store",
	}
	open := newWorld(t)
	open.bot.talk("t1", "ann", bot.Turn{ID: "m1", Text: "hello", Side: bot.SideProspect})
	closed := newWorld(t, withTokens)
	stranger := newWorld(t)
	stranger.host = "evil.example"
	for _, row := range []struct {
		w    *world
		path string
	}{
		{open, "/"},
		{open, "/threads"},
		{open, "/threads/t1"},
		{open, "/threads/t1/explain"},
		{open, "/threads/none"},
		{open, "/drafts"},
		{open, "/rules"},
		{open, "/numbers"},
		{open, "/numbers.csv"},
		{open, "/shadow"},
		{open, "/leave?url=https://example.com"},
		{open, "/leave?url=javascript:alert(1)"},
		{open, "/nowhere"},
		{closed, "/"},
		{closed, "/login"},
		{stranger, "/"},
		{open, "/assets/console.css"},
	} {
		h := row.w.get(row.path).Header()
		for name, value := range want {
			if strings.HasPrefix(row.path, "/assets/") && name == "Cache-Control" {
				value = "public, max-age=31536000, immutable"
			}
			if got := h.Get(name); got != value {
				t.Errorf("%s: %s is %q", row.path, name, got)
			}
		}
	}
}

// evil is what a stranger may write into any field.
const evil = `"'><b id=owned onclick=alert(1)>` + "`{{.}}</script><script>alert(2)</script>\u202e\x00\x1b[2J javascript:alert(3) <img src=x onerror=alert(4)>"

// Whatever strangers wrote is text, in every field of every page.
func TestHostileData(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Team = evil })
	e := decision("t1", evil, bot.Handoff, func(e *history.Entry) {
		e.Asked, e.Reason, e.Reply, e.Guard, e.Account, e.Template, e.Language, e.ProspectID = evil, evil, evil, evil, evil, evil, evil, evil
		e.Cause, e.Mode, e.Generation, e.Findings = bot.Cause(evil), evil, evil, []string{evil}
	})
	w.keep(e, history.Detail{
		Asked: evil, Draft: evil, Reply: evil, System: evil, Chat: []history.Turn{{Role: evil, Text: evil}},
		Checks: []history.Check{{Guard: evil, Err: evil}, {Guard: evil, Fired: true}}, Findings: []history.Finding{{Check: evil, Span: evil, Detail: evil}},
	})
	e.Shadow = &history.Shadow{Guard: evil}
	e.Message = "another"
	w.keep(e, history.Detail{Asked: evil, Shadow: &history.Compared{Draft: evil, Answer: evil, Added: []string{evil}, Left: []string{evil}}})
	c := w.bot.talk("t1", evil,
		bot.Turn{ID: "m-t1", Text: evil, Side: bot.SideProspect, Media: []string{evil}, Edited: true},
		bot.Turn{ID: "m2", Text: evil, Side: bot.SideOurs, Writer: bot.WriterCampaign},
		bot.Turn{ID: "m3", Text: evil, Side: bot.SideUnknown})
	c.Tags, c.Status, c.Assignee, c.Account.Username = []string{evil}, evil, evil, evil
	w.bot.talk("t2", evil, bot.Turn{ID: "m4", Text: evil, Side: bot.SideProspect})
	w.gen = Generation{Hash: evil, Refused: errors.New(evil)}
	w.bot.set(bot.Health{Leads: true, SweepErr: errors.New(evil), AccountsOffline: []string{evil, evil}, Waiting: 1})
	if err := w.store.SetPaused(t.Context(), evil, evil); err != nil {
		t.Fatal(err)
	}
	w.post("/resume", nil)
	w.post("/pause", url.Values{"reason": {evil}})
	entries, _ := w.view.Query(history.Filter{})
	q := url.QueryEscape(evil)
	paths := []string{
		"/rules", "/rules?when=true", "/rules?kind=check&when=" + q + "&draft=" + q, "/", "/numbers", "/numbers?for=month&account=" + q, "/numbers?for=" + q, "/shadow?for=" + q, "/shadow", "/threads", "/threads/t1", "/threads/t2", "/threads/t1/explain", "/threads/" + url.PathEscape("x"+evil), "/leave?url=" + q, "/?done=" + q,
		"/leave?url=https://" + q, "/leave?url=" + url.QueryEscape("https://example.com/"+evil), "/threads/t1?open=" + q, "/decisions/" + q, "/" + q,
		"/threads?person=" + q + "&text=" + q + "&guard=" + q + "&outcome=" + q + "&cause=" + q + "&since=" + q + "&account=" + q + "&before=" + q,
	}
	for _, path := range paths {
		isHarmless(t, path, w.get(path).Body.String())
	}
	htmx := func(r *http.Request) { r.Header.Set("HX-Request", "true") }
	isHarmless(t, "a decision", w.get("/decisions/"+entries[0].ID, htmx).Body.String())
	isHarmless(t, "explain", w.post("/threads/t1/explain", nil, htmx).Body.String())
	for _, e := range w.nowEvents(t.Context()) {
		isHarmless(t, "event "+e.name, string(e.html))
	}
	login := newWorld(t, withTokens, func(o *Options) { o.Team = evil })
	isHarmless(t, "login", login.get("/login?next="+q).Body.String())
}

var (
	quoted    = regexp.MustCompile(`="[^"]*"`)
	ourScript = regexp.MustCompile(`<script defer src="/assets/[a-z.]+js\?v=[0-9a-f]+"></script>`)
	handlers  = regexp.MustCompile(`(?i)<[^>]*\s(on[a-z]+|style)\s*=`)
	awayLink  = regexp.MustCompile(`(?i)(href|src|action)="\s*(javascript|data|https?|//)[^"]*"`)
)

// isHarmless fails when a page holds markup that a stranger wrote.
func isHarmless(t *testing.T, what, page string) {
	t.Helper()
	page = ourScript.ReplaceAllString(page, "")
	page = strings.Replace(page, `<link rel="icon" href="data:,">`, "", 1)
	for _, wrong := range []string{"<b id", "<script", "<img", "\x1b", "\x00", "\u202e"} {
		if strings.Contains(page, wrong) {
			t.Errorf("%s: holds %q", what, wrong)
		}
	}
	if m := handlers.FindString(quoted.ReplaceAllString(page, "=")); m != "" {
		t.Errorf("%s: a tag runs something: %s", what, m)
	}
	if m := awayLink.FindString(page); m != "" && !strings.HasPrefix(what, "/leave") {
		t.Errorf("%s: leads away: %s", what, m)
	}
}

// A page for a link says where it leads; what is no web address leads nowhere.
func TestLeave(t *testing.T) {
	for _, row := range []struct {
		link   string
		status int
		says   string
	}{
		{"https://example.com/a?b=c", 200, "belongs to example.com, and"},
		{"http://example.com", 200, "http://example.com"},
		{"https://kestrel.example@evil.example/login", 200, "belongs to evil.example, and"},
		{"javascript:alert(1)", 400, "not the address of a web page"},
		{"data:text/html,x", 400, "not the address of a web page"},
		{"/threads", 400, "not the address of a web page"},
		{"", 400, "not the address of a web page"},
		{"https://", 400, "not the address of a web page"},
	} {
		w := newWorld(t)
		rec := w.get("/leave?url=" + url.QueryEscape(row.link))
		if rec.Code != row.status || !strings.Contains(words(rec), row.says) {
			t.Errorf("%q: %d %s", row.link, rec.Code, words(rec))
		}
		if strings.Contains(rec.Body.String(), `href="https://kestrel`) {
			t.Errorf("%q: the link keeps what stood before the @", row.link)
		}
	}
}

// A form that is too large is refused before it is read to its end.
func TestFormBound(t *testing.T) {
	w := newWorld(t)
	if got := w.post("/pause", url.Values{"reason": {strings.Repeat("x", maxForm)}}).Code; got != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d", got)
	}
}

// away is a switch whose store does not answer.
type away struct{ Switch }

var errAway = errors.New("dial redis://secret@host")

func (away) Paused(context.Context) (string, time.Time, bool, error) {
	return "", time.Time{}, false, errAway
}
func (away) SetPaused(context.Context, string, string) error { return errAway }

// TestClocks: what this machine and Redis have kept the time of is shown on the
// API's clock, which may be months off, as the demo's is.
func TestClocks(t *testing.T) {
	w := newWorld(t, published, func(o *Options) {
		o.Now = func() time.Time { return time.Now().AddDate(0, -3, 0).Add(300 * time.Millisecond) }
	})
	w.publish("first", map[string]string{"rules.yaml": shelfRules, "system.tmpl": "Be kind."})
	if err := w.store.SetPaused(t.Context(), "lunch", "robin"); err != nil {
		t.Fatal(err)
	}
	got := words(w.get("/rules"))
	for _, want := range []string{"in force, since 60 min ago", "Paused just now: lunch"} {
		if !strings.Contains(got, want) {
			t.Errorf("lacks %q:\n%s", want, got)
		}
	}
	if other := time.Now().UTC().Format("2 Jan "); strings.Contains(got, other) {
		t.Errorf("holds the date of another clock, %q:\n%s", other, got)
	}
}
