package console

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"inboxbot/bot"
)

// wait puts a draft up for approval, as old as ago.
func (w *world) wait(thread, prospect, text string, ago time.Duration) bot.Draft {
	w.t.Helper()
	now := time.Now()
	d := bot.Draft{
		ID: "draft-" + thread, Thread: thread, MessageID: "m-" + thread, State: bot.DraftWaiting, Text: text, Prospect: prospect,
		Account: "kestrelcoffee", Asked: "How much is shipping?", Reason: "shipping stands in the facts", Guard: "default",
		MadeAt: now.Add(-ago), Until: now.Add(24*time.Hour - ago + time.Minute),
	}
	if err := w.store.KeepDraft(w.t.Context(), bot.Lease{}, d); err != nil {
		w.t.Fatal(err)
	}
	return d
}

func (w *world) draft(thread string) bot.Draft {
	w.t.Helper()
	d, err := w.store.Draft(w.t.Context(), thread)
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

func TestDraftsPage(t *testing.T) {
	w := newWorld(t)
	if got := words(w.get("/drafts")); !strings.Contains(got, "Nothing waits for approval") || !strings.Contains(got, "then: draft") {
		t.Errorf("nothing: %s", got)
	}
	w.wait("t2", "bo", "Two days.", time.Hour)
	w.wait("t1", "ann", "It is 5 EUR 🙂", 3*time.Hour)
	w.bot.talk("t1", "ann",
		bot.Turn{ID: "m0", Text: "Welcome to the shop", Side: bot.SideOurs, Writer: bot.WriterCampaign},
		bot.Turn{ID: "m-t1", Text: "Is shipping dear?", Side: bot.SideProspect})
	got := words(w.get("/drafts"))
	for _, want := range []string{
		"@ann", "21 h left", "A campaign", "Welcome to the shop", "Is shipping dear?", "It is 5 EUR 🙂", "14 of 10", "How much is shipping?", "j next",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("lacks %q:\n%s", want, got)
		}
	}
	if strings.Index(got, "@ann") > strings.Index(got, "@bo") {
		t.Errorf("the oldest is not the first:\n%s", got)
	}
	if strings.Contains(got, "Something was written since") {
		t.Errorf("nothing was written since:\n%s", got)
	}
	w.bot.talk("t1", "ann",
		bot.Turn{ID: "m-t1", Text: "Is shipping dear?", Side: bot.SideProspect}, bot.Turn{ID: "m2", Text: "Hello?", Side: bot.SideProspect})
	if got := words(w.get("/drafts")); !strings.Contains(got, "Something was written since: the bot will withdraw this draft") {
		t.Errorf("overtaken:\n%s", got)
	}
}

// TestDecide: what each button does, and where the page goes on.
func TestDecide(t *testing.T) {
	for _, row := range []struct {
		name, do, text string
		status         int
		state          bot.DraftState
		final          string
		to             string // where the browser is sent
		says           string // when it is not
	}{
		{"approve as it stands", "approve", "It is 5 EUR.", 303, bot.DraftApproved, "", "/drafts?done=approved#ddraft-t2", ""},
		{"line ends are the browser's", "approve", "It is 5 EUR.\r\n", 303, bot.DraftApproved, "", "/drafts?done=approved#ddraft-t2", ""},
		{"edit and approve", "approve", "It is 6 EUR.\r\nBye", 303, bot.DraftApproved, "It is 6 EUR.\nBye", "/drafts?done=approved#ddraft-t2", ""},
		{"keep the change", "save", "It is 6 EUR.", 303, bot.DraftWaiting, "It is 6 EUR.", "/drafts?done=saved#ddraft-t1", ""},
		{"reject", "reject", "changed, and of no use", 303, bot.DraftRejected, "", "/drafts?done=rejected#ddraft-t2", ""},
		{"reject without words", "reject", "", 303, bot.DraftRejected, "", "/drafts?done=rejected#ddraft-t2", ""},
		{"hand over", "handoff", "", 303, bot.DraftHandoff, "", "/drafts?done=handoff#ddraft-t2", ""},
		{"nothing to send", "approve", " \r\n ", 422, bot.DraftWaiting, "", "", "There are no words to send"},
		{"too long, as X counts", "approve", strings.Repeat("🙂", 51), 422, bot.DraftWaiting, "", "", "That is too long: 102 characters as X counts them, and at most 100"},
		{"just not too long", "approve", strings.Repeat("🙂", 50), 303, bot.DraftApproved, strings.Repeat("🙂", 50), "/drafts?done=approved#ddraft-t2", ""},
		{"no button", "send", "It is 5 EUR.", 400, bot.DraftWaiting, "", "", "Use one of the buttons"},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, func(o *Options) { o.MaxReply = 100 })
			w.wait("t1", "ann", "It is 5 EUR.", time.Hour)
			w.wait("t2", "bo", "Two days.", time.Minute)
			rec := w.post("/drafts/t1", url.Values{"draft": {"draft-t1"}, "next": {"draft-t2"}, "do": {row.do}, "text": {row.text}})
			d := w.draft("t1")
			if rec.Code != row.status || d.State != row.state || d.Final != row.final || rec.Header().Get("Location") != row.to {
				t.Errorf("status %d to %q, draft %s with %q", rec.Code, rec.Header().Get("Location"), d.State, d.Final)
			}
			if got := words(rec); !strings.Contains(got, row.says) {
				t.Errorf("lacks %q:\n%s", row.says, got)
			}
			if row.status == 422 && row.text != "" && !strings.Contains(rec.Body.String(), strings.TrimSpace(row.text)+"</textarea>") {
				t.Errorf("what was entered is gone:\n%s", rec.Body)
			}
			if row.status == 303 && !strings.Contains(w.log.String(), "thread=t1") {
				t.Errorf("audit: %s", w.log)
			}
			if other := w.draft("t2"); other.State != bot.DraftWaiting {
				t.Errorf("the other draft is %s", other.State)
			}
		})
	}
}

// TestDecideTooLate: a draft that was decided about elsewhere, or withdrawn, says
// so, and nobody's words are lost.
func TestDecideTooLate(t *testing.T) {
	for _, row := range []struct {
		name   string
		before func(w *world)
		says   string
	}{
		{"approved elsewhere", func(w *world) {
			_ = w.store.DecideDraft(w.t.Context(), "t1", "draft-t1", bot.DraftApproved, "", "robin")
		}, "the draft is approved already, by robin"},
		{"handed over elsewhere", func(w *world) {
			_ = w.store.DecideDraft(w.t.Context(), "t1", "draft-t1", bot.DraftHandoff, "", "robin")
		}, "somebody handed the thread over already, by robin"},
		{"withdrawn", func(w *world) {
			_ = w.store.MoveDraft(w.t.Context(), "t1", "draft-t1", bot.DraftWithdrawn)
		}, "was withdrawn, because the prospect or a person of the team wrote meanwhile"},
		{"expired", func(w *world) { _ = w.store.MoveDraft(w.t.Context(), "t1", "draft-t1", bot.DraftExpired) }, "the draft had expired"},
		{"replaced by another", func(w *world) {
			d := w.draft("t1")
			d.ID, d.Text = "newer", "A newer draft"
			_ = w.store.KeepDraft(w.t.Context(), bot.Lease{}, d)
		}, "another draft has taken its place"},
	} {
		t.Run(row.name, func(t *testing.T) {
			for _, do := range []string{"approve", "save", "reject"} {
				w := newWorld(t)
				w.wait("t1", "ann", "It is 5 EUR.", time.Hour)
				row.before(w)
				was := w.draft("t1")
				rec := w.post("/drafts/t1", url.Values{"draft": {"draft-t1"}, "do": {do}, "text": {"My own careful words"}})
				got := words(rec)
				if rec.Code != http.StatusConflict || !strings.Contains(got, row.says) || !strings.Contains(got, "My own careful words") {
					t.Errorf("%s: %d\n%s", do, rec.Code, got)
				}
				if now := w.draft("t1"); now.State != was.State || now.Final != was.Final || now.Text != was.Text {
					t.Errorf("%s: the draft changed from %+v to %+v", do, was, now)
				}
			}
		})
	}
}

// TestEditsAreShown: every change is kept beside what the model wrote.
func TestEditsAreShown(t *testing.T) {
	w := newWorld(t)
	w.wait("t1", "ann", "It is 5 EUR.", time.Hour)
	for _, text := range []string{"It is 6 EUR.", "It is 7 EUR."} {
		w.post("/drafts/t1", url.Values{"draft": {"draft-t1"}, "do": {"save"}, "text": {text}})
	}
	got := words(w.get("/drafts"))
	for _, want := range []string{"2 changes", "The model It is 5 EUR.", "console on this machine", "It is 6 EUR.", "It is 7 EUR."} {
		if !strings.Contains(got, want) {
			t.Errorf("lacks %q:\n%s", want, got)
		}
	}
}

func TestReaderCannotDecide(t *testing.T) {
	w := newWorld(t, withTokens)
	w.wait("t1", "ann", "It is 5 EUR.", time.Hour)
	w.logIn(readerToken)
	if got := w.get("/drafts").Body.String(); strings.Contains(got, "<textarea") || strings.Contains(got, "Approve") || !strings.Contains(got, "It is 5 EUR.") {
		t.Errorf("a reader's page:\n%s", got)
	}
	if rec := w.post("/drafts/t1", url.Values{"draft": {"draft-t1"}, "do": {"approve"}, "text": {"x"}}); rec.Code != http.StatusForbidden || w.draft("t1").State != bot.DraftWaiting {
		t.Errorf("a reader decided: %d", rec.Code)
	}
}

func TestDraftsAreHarmless(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.MaxReply = 20 })
	d := w.wait("t1", evil, evil, time.Hour)
	d.Account, d.Asked, d.Reason, d.Guard = evil, evil, evil, evil
	if err := w.store.KeepDraft(t.Context(), bot.Lease{}, d); err != nil {
		t.Fatal(err)
	}
	if err := w.store.EditDraft(t.Context(), "t1", d.ID, evil, evil); err != nil {
		t.Fatal(err)
	}
	isHarmless(t, "drafts", w.get("/drafts").Body.String())
	w.bot.talk("t1", evil, bot.Turn{ID: "m-t1", Text: evil, Side: bot.SideProspect, Media: []string{evil}})
	isHarmless(t, "drafts with turns", w.get("/drafts").Body.String())
	form := url.Values{"draft": {d.ID}, "do": {"approve"}, "text": {evil}, "next": {evil}}
	isHarmless(t, "too long", w.post("/drafts/t1", form).Body.String())
	form.Set("draft", "another")
	form.Set("text", "<b id=x>")
	isHarmless(t, "too late", w.post("/drafts/t1", form).Body.String())
}

// TestManyDrafts: the oldest are shown, and that there are more is said.
func TestManyDrafts(t *testing.T) {
	w := newWorld(t)
	for i := range draftsShown + 5 {
		w.wait(fmt.Sprint("t", i), fmt.Sprint("p", i), "Two days.", time.Duration(100-i)*time.Minute)
	}
	page := w.get("/drafts")
	if n := strings.Count(page.Body.String(), "<article"); n != draftsShown || !strings.Contains(words(page), "There are more than are shown here") {
		t.Errorf("%d drafts", n)
	}
}
