package console

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"inboxbot/bot"
	"inboxbot/bot/history"
)

func TestSearch(t *testing.T) {
	w := newWorld(t)
	w.decided(
		decision("t1", "ann", bot.Reply),
		decision("t2", "Annabel", bot.Handoff, func(e *history.Entry) { e.Cause, e.Guard = bot.CauseFacts, "unsure" }),
		decision("t3", "bob", bot.Skip, func(e *history.Entry) { e.Asked = "unsubscribe me" }),
		decision("t4", "cem", bot.Wait, func(e *history.Entry) { e.Account = "other"; e.At = e.At.Add(-3 * time.Hour) }),
	)
	who := regexp.MustCompile(`@(ann|Annabel|bob|cem)\b`)
	for _, row := range []struct{ query, want string }{
		{"", "@cem @bob @Annabel @ann"},
		{"person=ann", "@Annabel @ann"},
		{"person=@ann", "@Annabel @ann"},
		{"person=x-bob", "@bob"},
		{"outcome=handoff", "@Annabel"},
		{"cause=not-in-facts", "@Annabel"},
		{"guard=unsure", "@Annabel"},
		{"text=UNSUB", "@bob"},
		{"account=other", "@cem"},
		{"since=1h", "@bob @Annabel @ann"},
		{"since=24h&person=c", "@cem"},
		{"outcome=nonsense", ""},
		{"person=nobody", ""},
	} {
		rec := w.get("/threads?" + row.query)
		_, rows, _ := strings.Cut(rec.Body.String(), "<tbody>")
		if got := strings.Join(who.FindAllString(rows, -1), " "); got != row.want {
			t.Errorf("%s: %q, want %q", row.query, got, row.want)
		}
		if row.want == "" && !strings.Contains(words(rec), "No decision is like that.") {
			t.Errorf("%s: does not say that nothing was found", row.query)
		}
	}
}

// Pages by ID show every decision once, also while new ones come.
func TestPaging(t *testing.T) {
	w := newWorld(t)
	for i := range 120 {
		w.decided(decision(fmt.Sprintf("t%03d", i), "ann", bot.Reply))
	}
	thread := regexp.MustCompile(`href="/threads/(t\d+)\?`)
	older := regexp.MustCompile(`href="([^"]+)" rel="next"`)
	var seen []string
	for next, pages := "/threads?person=ann", 0; next != ""; pages++ {
		if pages > 3 {
			t.Fatal("no end")
		}
		body := w.get(next).Body.String()
		for _, m := range thread.FindAllStringSubmatch(body, -1) {
			seen = append(seen, m[1])
		}
		next = ""
		if m := older.FindStringSubmatch(body); m != nil {
			next = strings.ReplaceAll(m[1], "&amp;", "&")
		}
		w.decided(decision("new", "bob", bot.Reply))
	}
	slices.Reverse(seen)
	if len(seen) != 120 || !slices.IsSorted(seen) || len(slices.Compact(seen)) != 120 {
		t.Errorf("%d: %v", len(seen), seen)
	}
}

func TestThread(t *testing.T) {
	w := newWorld(t)
	at := time.Now().Add(-time.Hour)
	turn := func(id, text string, side bot.Side, by bot.Writer) bot.Turn {
		at = at.Add(time.Minute)
		return bot.Turn{ID: id, Text: text, At: at, Side: side, Writer: by}
	}
	w.bot.talk("t1", "ann",
		turn("m1", "Hello", bot.SideOurs, bot.WriterCampaign),
		turn("m2", "How much is it?", bot.SideProspect, ""),
		turn("m3", "It is 5 EUR.", bot.SideOurs, bot.WriterBot),
		turn("m4", "See https://kestrel.example/a.", bot.SideOurs, bot.WriterPerson),
		turn("m5", "one", bot.SideOurs, bot.WriterPersonX),
		turn("m6", "two", bot.SideOurs, bot.WriterAPI),
		turn("m7", "three", bot.SideOurs, bot.WriterUnsure),
		turn("m8", "four", bot.SideUnknown, ""),
	)
	w.keep(decision("t1", "ann", bot.Skip, func(e *history.Entry) { e.Message, e.Asked = "m0", "an old question" }), history.Detail{})
	w.keep(
		decision("t1", "ann", bot.Reply, func(e *history.Entry) {
			e.Message, e.Tokens, e.USD, e.Confidence, e.Language, e.Template = "m2", history.Tokens{In: 873, Cached: 512, Out: 30}, 0.0012, 0.95, "en", "pricing"
		}),
		history.Detail{
			Draft: "It is 5 EUR.", System: "You are the shop.", Chat: []history.Turn{{Role: "user", Text: "How much is it?"}}, Dropped: 3,
			Checks:   []history.Check{{Guard: "vip"}, {Guard: "pricing", Fired: true}, {Guard: "odd", Err: "index out of range"}},
			Findings: []history.Finding{{Check: "prices", Span: "5 EUR", Detail: "a price that stands nowhere"}},
		})
	rec := w.get("/threads/t1")
	got := words(rec)
	for _, want := range []string{
		"A campaign", "@ann", "This bot", "A person in Inbox", "A person in X", "Another tool", "Our side, by an unknown hand", "Nobody knows who",
		"Answered after 14 s: guard default, shipping",
		"in 900 ms · 873 tokens in, 30 out · 512 of them cached · $0.0012 · confidence 0.95 · language en · live · rules ab12cd34ef56",
		"vip did not fire", "pricing fired", "odd failed: index out of range", "prices: a price that stands nowhere 5 EUR",
		"The prompt (pricing)", "You are the shop.", "3 older turns were left out.",
		"Decisions about other messages", "an old question",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q", want)
		}
	}
	if t.Failed() {
		t.Log(got)
	}
	// The decision stands between the question and the answer.
	body := rec.Body.String()
	if q, d, a := strings.Index(body, "How much is it?"), strings.Index(body, "after 14 s"), strings.Index(body, "This bot"); q > d || d > a {
		t.Error("the decision is not where it was made")
	}
	// A link is text, and a way out through the warning.
	if !strings.Contains(body, `https://kestrel.example/a<a class="out" href="/leave?url=https%3a%2f%2fkestrel.example%2fa">`) {
		t.Error("the link is not shown as text with a way out beside it")
	}
}

// How an earlier decision came about is fetched when it is asked for: by htmx into
// the page, otherwise as a page.
func TestEarlierDecision(t *testing.T) {
	w := newWorld(t)
	w.bot.talk("t1", "ann", bot.Turn{ID: "m-t1", Text: "hi", Side: bot.SideProspect})
	w.keep(decision("t1", "ann", bot.Skip), history.Detail{Draft: "the first draft"})
	w.keep(decision("t1", "ann", bot.Reply), history.Detail{Draft: "the second draft"})
	entries, _ := w.view.Query(history.Filter{})
	first := entries[1].ID
	if got := words(w.get("/threads/t1")); strings.Contains(got, "the first draft") || !strings.Contains(got, "the second draft") {
		t.Errorf("not just the newest is open:\n%s", got)
	}
	rec := w.get("/decisions/"+first, func(r *http.Request) { r.Header.Set("HX-Request", "true") })
	if got := words(rec); !strings.Contains(got, "the first draft") || strings.Contains(got, "inboxbot") {
		t.Errorf("for htmx: %s", got)
	}
	rec = w.get("/decisions/" + first)
	if to := rec.Header().Get("Location"); to != "/threads/t1?open="+first+"#d"+first {
		t.Errorf("leads to %q", to)
	}
	if got := words(w.get("/threads/t1?open=" + first)); !strings.Contains(got, "the first draft") {
		t.Errorf("without script: %s", got)
	}
}

func TestThreadThatCannotBeRead(t *testing.T) {
	for _, row := range []struct {
		name    string
		arrange func(*world)
		status  int
		says    []string
	}{
		{"never heard of", func(*world) {}, 404, []string{"Nothing is known of this thread."}},
		{"deleted in Inbox", func(w *world) { w.decided(decision("t1", "ann", bot.Reply)) }, 200, []string{"Inbox does not have it", "How much is shipping?", "Answered"}},
		{
			"Inbox is away", func(w *world) {
				w.decided(decision("t1", "ann", bot.Reply))
				w.bot.convs, w.bot.err = map[string]*bot.Conversation{"t1": nil}, errors.New("503 from https://secret.example")
			}, 200, []string{"Inbox did not give the messages just now.", "Answered"},
		},
		{
			"messages that do not decode", func(w *world) {
				w.bot.talk("t1", "ann", bot.Turn{ID: "m1", Text: "the newest", Side: bot.SideProspect})
				w.bot.err = errors.New("malformed")
			}, 200, []string{"Not all messages can be read.", "the newest"},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t)
			row.arrange(w)
			rec := w.get("/threads/t1")
			if rec.Code != row.status {
				t.Errorf("status %d", rec.Code)
			}
			for _, want := range row.says {
				if !strings.Contains(words(rec), want) {
					t.Errorf("no %q in %s", want, words(rec))
				}
			}
			if strings.Contains(rec.Body.String(), "secret.example") {
				t.Error("the page shows the error")
			}
		})
	}
}

// What the command prints, now; the model is asked only by an operator who says so.
func TestExplain(t *testing.T) {
	w := newWorld(t)
	w.bot.talk("t1", "ann", bot.Turn{ID: "m1", Text: "hello <b>", Side: bot.SideProspect})
	if got := words(w.get("/threads/t1/explain")); !strings.Contains(got, "prospect: hello <b>") || w.bot.asked != 0 {
		t.Errorf("asked %d times: %s", w.bot.asked, got)
	}
	if got := words(w.post("/threads/t1/explain", nil)); !strings.Contains(got, "the model asked too") || w.bot.asked != 1 {
		t.Errorf("asked %d times: %s", w.bot.asked, got)
	}
	if got := w.get("/threads/none/explain").Code; got != http.StatusNotFound {
		t.Errorf("a thread that is not there: %d", got)
	}
	w.post("/threads/t1/explain", url.Values{"csrf": {"forged"}})
	if w.bot.asked != 1 {
		t.Error("a forged form has asked the model")
	}
}

// However often pages are loaded, answering keeps its requests.
func TestLookingIsBounded(t *testing.T) {
	w := newWorld(t)
	w.bot.talk("t1", "ann", bot.Turn{ID: "m1", Text: "hello", Side: bot.SideProspect})
	w.decided(decision("t1", "ann", bot.Reply))
	for range 100 {
		w.get("/threads/t1")
	}
	if most := 2 * (mostAsks + 5); w.bot.reads > most { // with what a slow machine is granted meanwhile
		t.Errorf("%d requests, want at most %d", w.bot.reads, most)
	}
	rec := w.get("/threads/t1")
	if got := words(rec); rec.Code != http.StatusOK || !strings.Contains(got, "Much was looked at") || !strings.Contains(got, "Answered") {
		t.Errorf("%d %s", rec.Code, got)
	}
	if got := w.get("/threads/t1/explain").Code; got != http.StatusTooManyRequests {
		t.Errorf("explain: %d", got)
	}
}
