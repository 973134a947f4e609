package console

import (
	"fmt"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"inboxbot/bot"
	"inboxbot/bot/history"
	"inboxbot/cmd/inboxbot/browsertest"
)

// attack is what strangers put into every field that they can fill: script, HTML,
// the end of what may stand around it, a template, and what has no place to break.
const attack = `</textarea></title>"'><script>owned=1</script><img src=x onerror=alert(1)><a href="javascript:alert(2)">x</a>{{.Visit.CSRF}}` +
	`<svg onload=alert(3)> https://evil.example/?a="><script>alert(4)</script> `

// unbroken is a word without an end.
var unbroken = strings.Repeat("Donaudampfschiff", 20)

// attacked is a console all of whose texts that come from outside the team are an
// attack, those of the team's files and of the model included.
func attacked(t *testing.T) *world {
	w := newWorld(t, published)
	w.bot.set(bot.Health{Leads: true, LastSweep: time.Now(), Waiting: 3, OldestUnanswered: 4 * time.Minute, AccountsOffline: []string{attack, unbroken}})
	text := attack + unbroken
	at := time.Now().Add(-time.Hour)
	conv := w.bot.talk("t1", attack,
		bot.Turn{ID: "m0", At: at, Text: text, Side: bot.SideOurs, Writer: bot.WriterCampaign},
		bot.Turn{ID: "m-t1", At: at, Text: text, Side: bot.SideProspect, Media: []string{attack, unbroken}, Edited: true},
		bot.Turn{ID: "m2", At: at, Text: text, Side: bot.SideOurs, Writer: bot.WriterPersonX},
		bot.Turn{ID: "m3", At: at, Text: text, Side: bot.SideUnknown})
	conv.Tags, conv.Status, conv.Assignee = []string{attack, unbroken}, text, text
	conv.Thread.Prospect.DisplayName, conv.Thread.Prospect.Bio = text, &text
	for i, o := range []bot.Action{bot.Reply, bot.Handoff, bot.Skip, bot.Wait} {
		e := decision(fmt.Sprint("t", i+1), attack, o, func(e *history.Entry) {
			e.Asked, e.Reason, e.Reply, e.Account, e.Language, e.Template = text, text, text, attack, text, "wholesale"
			e.Tokens, e.USD, e.ModelMS = history.Tokens{In: 1200, Out: 80}, 0.004, 800
		})
		w.keep(e, history.Detail{
			Asked: text, Draft: text, Reply: text, System: "Bio: " + text + "\nLocation: " + text + "\nNotes: " + text, Chat: []history.Turn{{Role: "user", Text: text}},
			Checks:   []history.Check{{Guard: "vip"}, {Guard: "default", Fired: true}, {Guard: unbroken, Err: text}},
			Findings: []history.Finding{{Check: "facts", Span: text, Detail: text}},
		})
	}
	shadow := decision("t5", attack, bot.Skip, func(e *history.Entry) {
		e.Guard, e.Mode, e.Shadow = "shadow", "shadow", &history.Shadow{Guard: "default", Added: 1, Left: 1, Likeness: 0.2, Length: 140}
	})
	w.keep(shadow, history.Detail{Shadow: &history.Compared{Draft: text, Answer: text, Added: []string{attack, unbroken}, Left: []string{attack}}})
	shadow.Asked, shadow.Shadow = text, &history.Shadow{Guard: "default", Would: bot.Skip}
	w.keep(shadow, history.Detail{Shadow: &history.Compared{Answer: text}})
	for i := range 3 {
		d := w.wait(fmt.Sprint("t", i+1), attack, text, time.Hour)
		d.Asked, d.Reason = text, text
		if err := w.store.KeepDraft(t.Context(), bot.Lease{}, d); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.store.EditDraft(t.Context(), "t2", "draft-t2", text+" edited", attack); err != nil {
		t.Fatal(err)
	}
	w.publish("first", map[string]string{"rules.yaml": shelfRules, "system.tmpl": "Be kind."})
	w.publish(text[:200], map[string]string{"rules.yaml": shelfRules, "system.tmpl": text})
	return w
}

// pagesShown is every page there is, by its address.
func pagesShown(w *world) []string {
	history, err := w.store.History(w.t.Context())
	if err != nil || len(history) != 2 {
		w.t.Fatalf("%d generations, %v", len(history), err)
	}
	return []string{
		"/", "/threads", "/threads?outcome=skip&person=nobody", "/threads/t1", "/threads/t2", "/threads/t1/explain", "/drafts", "/rules",
		"/rules?when=" + url.QueryEscape(`last.text contains "x" and len(texts) > 0`), "/rules?when=lst", "/rules/edit",
		"/rules/diff?from=" + history[1].Hash + "&to=" + history[0].Hash,
		"/numbers", "/numbers?for=month", "/shadow?for=month", "/leave?url=" + url.QueryEscape("https://evil.example/"+unbroken),
	}
}

// tells are the pages with what strangers wrote.
var tells = map[string]bool{
	"/": true, "/threads": true, "/threads/t1": true, "/threads/t2": true, "/threads/t1/explain": true, "/drafts": true,
	"/rules": true, "/rules/edit": true, "/shadow?for=month": true,
}

// TestPagesInABrowser reads every page as somebody would, on a telephone and at a
// desk, by day and by night, while strangers attack in every field.
func TestPagesInABrowser(t *testing.T) {
	for _, row := range []struct {
		width  int64
		scheme string
	}{{400, "light"}, {400, "dark"}, {1400, "light"}, {1400, "dark"}} {
		t.Run(fmt.Sprint(row.width, " ", row.scheme), func(t *testing.T) {
			w := attacked(t)
			w.asks.limit.SetLimit(1000)
			server := httptest.NewServer(w.Console)
			t.Cleanup(server.Close)
			b := browsertest.Open(t, server.URL)
			b.View(row.width, row.scheme)
			for _, path := range pagesShown(w) {
				b.Visit(path)
				b.Until(`document.readyState === 'complete'`)
				b.Eval(`document.querySelectorAll('details:not(.pause)').forEach(d => d.open = true)`)
				b.Until(`!document.querySelector('.htmx-request')`)
				b.Wants(row.scheme, `matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'`)
				if tells[path] {
					b.Wants("true", `document.body.textContent.includes('"\'><script>owned=1</script>')`)
				}
				b.Wants("undefined", `typeof owned`)
				b.Wants("0", `document.querySelectorAll('img, iframe, object, script:not([src^="/assets/"]), a[href^="javascript"], [onerror], [onload]').length`)
				b.Fits(t, path)
				b.Accessible(t, path)
				b.Quiet(t, path)
			}
		})
	}
}

// focused says what has the focus, as a screen reader would.
const focused = `(() => { const e = document.activeElement; return (e.ariaLabel || e.labels?.[0]?.textContent || e.textContent || e.tagName).trim().slice(0, 40) })()`

// readable is whether the draft that has the focus has been there for a moment.
const readable = `!('fresh' in document.activeElement.dataset)`

// TestKeyboardAlone works through the console without a mouse.
func TestKeyboardAlone(t *testing.T) {
	w := newWorld(t)
	for i, name := range []string{"ann", "bo", "cem"} {
		w.wait(fmt.Sprint("t", i+1), name, "It is 5 EUR.", time.Duration(5-i)*time.Hour)
	}
	server := httptest.NewServer(w.Console)
	t.Cleanup(server.Close)
	b := browsertest.Open(t, server.URL)
	b.View(1400, "light")

	// Tab goes through the page as it reads, and what has the focus can be seen.
	b.Visit("/")
	for _, want := range []string{"Skip to the content", "Now", "Threads", "Drafts", "Rules", "Numbers", "Shadow", "Pause…", "See the drafts", "All decisions"} {
		b.Press(browsertest.Tab)
		b.Wants(want, focused)
		b.Until(`(() => { const e = document.activeElement, r = e.getBoundingClientRect(), s = getComputedStyle(e); return r.top >= 0 && r.width > 0 && s.outlineStyle !== 'none' })()`)
	}
	b.Visit("/")
	b.Press(browsertest.Tab + browsertest.Enter)
	b.Wants("main", `document.activeElement.id`)

	// The first draft is changed and sent, the second rejected, the third handed over.
	b.Visit("/drafts")
	b.Press("j")
	b.Wants("ddraft-t1", `document.activeElement.id`)
	b.Press("jjjk")
	b.Wants("ddraft-t2", `document.activeElement.id`)
	b.Press("k")
	b.Press("e")
	b.Wants("xdraft-t1", `document.activeElement.id`)
	b.Press(" arh jk") // letters, where somebody types
	b.Wants("true", `document.activeElement.value.includes(' arh jk')`)
	b.Press(browsertest.Escape)
	b.Wants("ddraft-t1", `document.activeElement.id`)
	b.Press("a")
	b.Reads("Approved.")
	b.Until(`document.activeElement.id === 'ddraft-t2'`) // and on to the next
	b.Until(readable)
	b.Eval(`document.activeElement.dataset.fresh = ''`) // as it was a moment ago
	b.Press("a")                                        // twice, by mistake
	b.Eval(`delete document.activeElement.dataset.fresh`)
	b.Press("r")
	b.Reads("Rejected.")
	b.Until(`document.activeElement.id === 'ddraft-t3'`)
	b.Until(readable)
	b.Press("h")
	b.Reads("Handed over.")
	b.Reads("Nothing waits for approval")
	for thread, want := range map[string]bot.DraftState{"t1": bot.DraftApproved, "t2": bot.DraftRejected, "t3": bot.DraftHandoff} {
		if d := w.draft(thread); d.State != want {
			t.Errorf("draft of %s is %s, want %s", thread, d.State, want)
		}
	}
	if d := w.draft("t1"); !strings.HasPrefix(d.Final, "arh jk") {
		t.Errorf("approved %q", d.Final)
	}

	// Pause: Escape closes what Enter opened.
	b.Eval(`document.querySelector('details.pause summary').focus()`)
	b.Press(browsertest.Enter)
	b.Until(`document.activeElement.id === 'pause-reason'`)
	b.Press(browsertest.Escape)
	b.Wants("Pause…", focused)
	b.Press(browsertest.Enter)
	b.Until(`document.activeElement.id === 'pause-reason'`)
	b.Press("lunch" + browsertest.Enter)
	b.Reads("Paused just now: lunch")
	b.Quiet(t, "by keyboard")
}

// TestWithoutScript reads and decides where a browser runs no script.
func TestWithoutScript(t *testing.T) {
	w := newWorld(t)
	w.decided(decision("t1", "ann", bot.Reply))
	w.wait("t2", "bo", "It is 5 EUR.", time.Hour)
	server := httptest.NewServer(w.Console)
	t.Cleanup(server.Close)
	b := browsertest.Open(t, server.URL)
	b.WithoutScript()
	b.Visit("/")
	b.Reads("Answered @ann after 14 s")
	b.Visit("/threads/t1")
	b.Reads("How it came about")
	b.Visit("/drafts")
	b.Fill("textarea", "It is 6 EUR.")
	b.Click("[value=approve]")
	b.Reads("Approved.")
	if d := w.draft("t2"); d.State != bot.DraftApproved || d.Final != "It is 6 EUR." {
		t.Errorf("%s with %q", d.State, d.Final)
	}
}
