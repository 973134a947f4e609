package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"inboxbot/cmd/inboxbot/browsertest"
	"inboxbot/inboxapi"
	"inboxbot/inboxapi/inboxapitest"
)

const walkToken = "a token for the walk"

// walked is the demo, served as it is to newcomers, with a browser at its console.
type walked struct {
	*demo
	*browsertest.Browser
	t *testing.T
}

// openToWalk has the bot at work until the test ends. Nobody writes but the test.
func openToWalk(t *testing.T, change func(*shop)) *walked {
	t.Helper()
	addr := freeAddr(t)
	b := browsertest.Open(t, "http://"+addr)
	cfg, err := demoConfig(t.Context(), []string{"BOT_HTTP_ADDR=" + addr, "BOT_CONSOLE_TOKEN=" + walkToken, "BOT_SETTLE=0s", "BOT_POLL_INTERVAL=100ms"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	d, err := openDemo(ctx, cfg, &process{stdout: io.Discard, stderr: t.Output()})
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	change(d.shop)
	done := make(chan error, 1)
	go func() { done <- serve(ctx, cfg, d.parts, d.bot) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		d.close()
	})
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if status, _, err := fetched(ctx, "http://"+addr+"/readyz"); err == nil && status == http.StatusOK {
			break
		} else if time.Now().After(end) {
			t.Fatalf("not ready: %d, %v", status, err)
		}
	}
	return &walked{d, b, t}
}

// logIn goes through the form.
func (w *walked) logIn() {
	w.t.Helper()
	w.Visit("/")
	w.Reads("Console token")
	w.Accessible(w.t, "/login")
	w.Fits(w.t, "/login")
	w.Fill("#token", walkToken)
	w.Press(browsertest.Enter)
	w.Reads("What it just did")
}

// thread is the ID of a person's thread.
func (w *walked) thread(username string) string {
	w.t.Helper()
	for _, t := range w.shop.sim.Threads() {
		if t.Prospect.Username == username {
			return t.ID
		}
	}
	w.t.Fatalf("no thread of %s", username)
	return ""
}

// sent are the words that this bot has sent to a person.
func (w *walked) sent(username string) (all []string) {
	w.t.Helper()
	for _, m := range w.shop.sim.Transcript(w.thread(username)) {
		if m.Origin != nil && *m.Origin == inboxapi.OriginAPI {
			all = append(all, m.Content)
		}
	}
	return all
}

// hears waits until the bot has sent a person something, once.
func (w *walked) hears(username, want string) {
	w.t.Helper()
	end := time.Now().Add(patience)
	for len(w.sent(username)) == 0 && time.Now().Before(end) {
		time.Sleep(20 * time.Millisecond)
	}
	if got := w.sent(username); len(got) != 1 || !strings.Contains(got[0], want) {
		w.t.Errorf("%s was sent %q, want %q once", username, got, want)
	}
}

// asks is somebody new writing.
func (w *walked) asks(username, text string) {
	t := w.shop.sim.AddThread(inboxapitest.NewThread{Username: username})
	w.shop.sim.Receive(t.ID, text)
}

// draftOf is the selector of the draft that waits for a person's approval.
func (w *walked) draftOf(username string) string {
	w.t.Helper()
	id := w.Eval(`[...document.querySelectorAll('.waiting')].find(d => d.querySelector('h2').textContent.trim() === "@` + username + `")?.id`)
	return fmt.Sprintf("[id=%q]", id)
}

// TestWalk is the first hour of an operator: the whole bot, in a browser.
func TestWalk(t *testing.T) {
	w := openToWalk(t, func(*shop) {})
	w.View(1400, "light")
	w.logIn()
	w.Reads("All is well")

	// Why was somebody left alone?
	w.Click("nav a[href='/threads']")
	w.At("/threads")
	w.Reads("Outcome")
	w.Eval(`document.getElementById('outcome').value = 'skip'`)
	w.Click(".search button")
	w.At("outcome=skip")
	w.Reads("@sofie.dk")
	w.Wants("false", `document.body.innerText.includes('@mira_koch')`)
	w.Click(`a[href^="/threads/` + w.thread("sofie.dk") + `"]`)
	w.Reads("Left alone: guard assigned, a teammate has this thread")
	w.Reads("can you send the offer?")
	w.Click(`form[hx-get$="/explain"] button`)
	w.Reads("Explained just now")
	w.Quiet(t, "a thread")

	// A draft is edited and sent, and another is handed over.
	w.Click("nav a[href='/drafts']")
	w.At("/drafts")
	w.Reads("@kiezcafe")
	draft := w.draftOf("kiezcafe")
	w.Wants("true", `document.querySelector('`+draft+` textarea').value.includes('wholesale starts at 5 kg a month')`)
	w.Fill(draft+" textarea", "Hello! We would love to. How many kilos a month?\nRobin")
	w.Wants("54", `document.querySelector('`+draft+` output').textContent`)
	w.Click(draft + " [value=approve]")
	w.Reads("Approved. It is sent within seconds")
	w.hears("kiezcafe", "Hello! We would love to. How many kilos a month?\nRobin")
	w.Reads("@nordic.notes")
	w.Click(w.draftOf("nordic.notes") + " [value=handoff]")
	w.Reads("Handed over. A person gets the thread within seconds.")
	w.Reads("Nothing waits for approval")
	w.Visit("/threads/" + w.thread("kiezcafe"))
	w.Reads("This bot")
	w.Reads("How many kilos a month?")
	w.Quiet(t, "drafts")

	// Pause: who asks now waits.
	w.Click("details.pause summary")
	w.Fill("#pause-reason", "stocktaking until four")
	w.Click("details.pause .stop")
	w.Reads("Paused. Nothing is sent until somebody resumes")
	w.Reads("stocktaking until four")
	w.asks("late_lena", "Do you ship to Austria?")
	w.Visit("/")
	w.Until(`document.querySelector('.headline').innerText.includes('Paused')`)
	w.Until(`parseInt(document.querySelector('.figures dd').innerText) === 1`) // she waits
	if got := w.sent("late_lena"); got != nil {
		t.Errorf("paused, and %q was sent", got)
	}
	w.Click(".paused button")
	w.Reads("Resumed. The bot goes on with what waits.")
	w.hears("late_lena", "8.90 EUR within the EU")
	w.Reads("@late_lena after") // by itself, in the feed

	// A price is edited: first with a mistake, which changes nothing.
	w.Click("nav a[href='/rules']")
	w.At("/rules")
	w.Click("a[href='/rules/edit']")
	w.Reads("A new file")
	facts := `[...document.querySelectorAll('fieldset')].find(f => f.querySelector('legend').textContent === 'facts.md').querySelector('textarea')`
	rules := strings.ReplaceAll(facts, "facts.md", "rules.yaml")
	w.Eval(rules + `.value = ` + rules + `.value.replace('tagged("VIP")', 'taged("VIP")')`)
	w.Eval(facts + `.value = ` + facts + `.value.replace('EU 8.90 EUR', 'EU 7.50 EUR')`)
	w.Fill("#message", "cheaper to the EU")
	w.Click("button[value=publish]")
	w.Reads(`did you mean "tagged"?`)
	w.Eval(rules + `.value = ` + rules + `.value.replace('taged("VIP")', 'tagged("VIP")')`)
	w.Click("button[value=check]")
	w.Reads("Good: it would be generation")
	w.Reads("EU 7.50 EUR")
	w.Accessible(t, "/rules/edit, checked")
	w.Click("button[value=publish]")
	w.Reads("Published. It is in force for every process within two seconds.")
	w.inForce("cheaper to the EU")
	w.asks("newly_noah", "Do you ship to Austria?")
	w.hears("newly_noah", "7.50 EUR within the EU")

	// And back.
	w.Visit("/rules")
	w.Click("form[action='/rules/rollback'] button")
	w.Reads("Rolled back. The earlier generation is in force")
	w.inForce("rolled back to")
	w.asks("again_ayse", "Do you ship to Austria?")
	w.hears("again_ayse", "8.90 EUR within the EU")

	w.Click("form[action='/logout'] button")
	w.At("/login")
	w.Reads("Console token")
	w.Visit("/drafts")
	w.Reads("Console token")
	for _, twice := range w.shop.sim.AnsweredTwice() {
		t.Errorf("answered twice: %q", twice.Inbound.Content)
	}
}

// inForce waits until the newest generation of the history, whose reason this is,
// is the one this process answers by.
func (w *walked) inForce(why string) {
	w.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		past, err := w.parts.store.History(w.t.Context())
		if err != nil {
			w.t.Fatal(err)
		}
		if w.parts.live.current().Hash == past[0].Hash {
			w.Visit("/rules")
			w.Reads("in force, since")
			w.Wants("true", `document.querySelector('.past tbody tr').innerText.includes(`+fmt.Sprintf("%q", why)+`)`)
			return
		}
	}
	w.t.Fatalf("what was published is not in force")
}

// foreign is what a stranger puts into a field of this name.
func foreign(field string) string {
	return `</textarea><b class="injected">` + field + `</b><img src=x onerror="alert('` + field + `')"><script>owned=1</script>`
}

// TestStrangersInABrowser: script and HTML come in by the Inbox API, in every field
// that a stranger or a teammate can fill, and go through the whole bot to the pages.
func TestStrangersInABrowser(t *testing.T) {
	var thread string
	w := openToWalk(t, func(s *shop) {
		name, location, site := foreign("name"), foreign("location"), "https://evil.example/"+foreign("site")
		th := s.sim.AddThread(inboxapitest.NewThread{
			Username: foreign("username"), Name: name, Bio: foreign("bio"), Tags: []string{foreign("tag")}, Status: foreign("status"), Notes: foreign("notes"),
			Profile: func(p *inboxapi.Prospect) { p.Location, p.WebsiteURL, p.FollowerCount = &location, &site, 70_000 }, // many listen: a draft
		})
		s.sim.Receive(th.ID, "is there a tasting this month? "+foreign("text"), inboxapitest.Media(foreign("media")))
		thread = th.ID
	})
	w.View(1400, "light")
	w.logIn()
	for _, page := range []struct {
		path  string
		shown []string // words that have to stand there
	}{
		{"/", []string{`@</textarea><b class="injected`}},
		{"/threads", []string{foreign("text")}},
		{"/drafts", []string{foreign("text")}},
		// The prompt, which is there too, has had its brackets changed.
		{"/threads/" + thread, []string{foreign("text"), foreign("status")[:50], foreign("tag")[:50], `‹b class="injected"›bio`, `›location`, `›name`}},
		{"/threads/" + thread + "/explain", []string{foreign("text")}},
		{"/rules?when=prospect.bio+contains+%22b%22", []string{foreign("text")[:50], `\">bio</b>`}},
		{"/numbers", nil},
		{"/shadow", nil},
	} {
		w.Visit(page.path)
		w.Eval(`document.querySelectorAll('details:not(.pause)').forEach(d => d.open = true)`)
		w.Until(`!document.querySelector('.htmx-request')`)
		for _, want := range page.shown {
			w.Until(fmt.Sprintf(`document.body.textContent.includes(%q)`, want)) // the bot takes a moment to come to the thread
		}
		w.Wants("0", `document.querySelectorAll('.injected, img, script:not([src^="/assets/"])').length`)
		w.Wants("undefined", "typeof owned")
		w.Fits(t, page.path)
		w.Quiet(t, page.path)
	}
}
