package console

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"inboxbot/bot"
)

func TestFirstPage(t *testing.T) {
	w := newWorld(t)
	w.decided(decision("t1", "ann", bot.Reply))
	rec := w.get("/")
	for _, want := range []string{"All is well: nobody waits.", "Answered @ann after 14 s", "ab12cd34ef56", "Kestrel Coffee"} {
		if !strings.Contains(rec.Body.String(), want) {
			t.Errorf("no %q in\n%s", want, rec.Body)
		}
	}
	if rec.Code != http.StatusOK {
		t.Errorf("status %d", rec.Code)
	}
}

func TestPauseIsKeptWithItsReason(t *testing.T) {
	w := newWorld(t)
	if rec := w.post("/pause", url.Values{"reason": {"wrong price list"}, "back": {"/"}}); rec.Code != http.StatusSeeOther {
		t.Fatalf("status %d\n%s", rec.Code, rec.Body)
	}
	reason, _, paused, err := w.store.Paused(t.Context())
	if err != nil || !paused || !strings.Contains(reason, "wrong price list") || !strings.Contains(reason, "console on this machine") {
		t.Errorf("paused %v %q, %v", paused, reason, err)
	}
	if got := w.get("/").Body.String(); !strings.Contains(got, "wrong price list") {
		t.Errorf("the page does not say why:\n%s", got)
	}
	w.post("/resume", nil)
	if _, _, paused, _ := w.store.Paused(t.Context()); paused {
		t.Error("still paused")
	}
}
