package history_test

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"inboxbot/bot"
	"inboxbot/bot/draftcheck"
	"inboxbot/bot/history"
)

// handled is a reply to mira with all there can be of it.
func handled() bot.Handled {
	tokens := bot.Tokens{Prompt: 1120, Cached: 900, Completion: 45}
	return bot.Handled{
		Thread: "t1", Message: "m1", Prospect: "mira_koch", ProspectID: "1700", Account: "kestrelcoffee",
		Asked: "How long does shipping take?", Outcome: bot.Handoff, Reason: "the draft: a price", Cause: bot.CauseCheck, Guard: "draft-prices",
		Mode: "live", Generation: "b1946ac92492", At: time.Date(2026, 11, 24, 14, 10, 0, 0, time.UTC),
		Waited: 21 * time.Second, Elapsed: 1830 * time.Millisecond, Tokens: tokens, USD: 0.0012,
		Thought: bot.Thought{
			Verdict: bot.Verdict{Checks: []bot.Check{{Guard: "vip"}, {Guard: "broken", Fired: true, Err: errors.New("no such name")}}},
			Prompt: bot.Prompt{Template: "system", System: "You answer.", Dropped: 2, Chat: []bot.ChatMessage{
				{Role: bot.RoleUser, Text: "Hi"}, {Role: bot.RoleAssistant, Text: "Hello!"},
			}},
			Decision: bot.Decision{Action: bot.Reply, Reply: "It is 9 EUR.", Confidence: 0.8, Language: "en"},
			Findings: []draftcheck.Finding{{Check: "prices", Span: "9 EUR", Detail: "stands nowhere"}},
			Tokens:   tokens,
		},
	}
}

func TestOf(t *testing.T) {
	e, d := history.Of(handled())
	gotEntry, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	const wantEntry = `{"at":"2026-11-24T14:10:00Z","thread":"t1","message":"m1","account":"kestrelcoffee","outcome":"handoff","cause":"check-failed",` +
		`"guard":"draft-prices","mode":"live","generation":"b1946ac92492","waitedMs":21000,"elapsedMs":1830,"tokens":{"in":1120,"cached":900,"out":45},` +
		`"usd":0.0012,"template":"system","confidence":0.8,"language":"en","findings":["prices"],` +
		`"prospect":"mira_koch","prospectId":"1700","asked":"How long does shipping take?","reason":"the draft: a price"}`
	if string(gotEntry) != wantEntry {
		t.Errorf("entry\n%s, want\n%s", gotEntry, wantEntry)
	}
	gotDetail, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	const wantDetail = `{"asked":"How long does shipping take?","draft":"It is 9 EUR.","system":"You answer.",` +
		`"chat":[{"role":"user","text":"Hi"},{"role":"assistant","text":"Hello!"}],"dropped":2,` +
		`"checks":[{"guard":"vip"},{"guard":"broken","fired":true,"err":"no such name"}],` +
		`"findings":[{"check":"prices","span":"9 EUR","detail":"stands nowhere"}]}`
	if string(gotDetail) != wantDetail {
		t.Errorf("detail\n%s, want\n%s", gotDetail, wantDetail)
	}
}

// TestOfIsBounded: whatever somebody writes, an entry stays small and a detail
// within its bounds, and both can be kept.
func TestOfIsBounded(t *testing.T) {
	h := handled()
	h.Asked, h.Reply, h.Reason = strings.Repeat("é", 400_000), strings.Repeat("\x00", 10_000), strings.Repeat("r\xff", 5000)
	h.USD, h.Thought.Decision.Confidence = math.NaN(), math.Inf(1)
	h.At = time.Date(12000, 1, 1, 0, 0, 0, 0, time.UTC)
	h.Thought.Prompt.System = strings.Repeat("ü", 20_000)
	for range 10_000 {
		h.Thought.Prompt.Chat = append(h.Thought.Prompt.Chat, bot.ChatMessage{Role: bot.RoleUser, Text: strings.Repeat("long ", 100)})
		h.Thought.Verdict.Checks = append(h.Thought.Verdict.Checks, bot.Check{Guard: "many"})
	}
	e, d := history.Of(h)
	text, err := json.Marshal(e)
	if err != nil || len(text) > 6000 {
		t.Errorf("an entry of %d bytes, %v", len(text), err)
	}
	if !strings.HasSuffix(e.Asked, "é…") || utf8.RuneCountInString(e.Asked) != 301 {
		t.Errorf("asked: %d characters", utf8.RuneCountInString(e.Asked))
	}
	text, err = json.Marshal(d)
	if err != nil || len(text) > 250_000 {
		t.Errorf("a detail of %d bytes, %v", len(text), err)
	}
	if !strings.HasSuffix(d.Asked, "\n[734464 bytes more were not kept]") || d.Dropped < 9_900 || len(d.Checks) != 200 {
		t.Errorf("detail: asked ends in %q, %d turns dropped, %d checks", d.Asked[len(d.Asked)-40:], d.Dropped, len(d.Checks))
	}
}

func TestAfter(t *testing.T) {
	for _, row := range []struct {
		a, b string
		want bool
	}{
		{"2-0", "1-0", true},
		{"1-1", "1-0", true},
		{"10-0", "9-9", true},
		{"1-0", "1-0", false},
		{"1-0", "1-1", false},
		{"1763000000000-0", "", true},
		{"", "1-0", false},
		{"nonsense", "1-0", false},
		{"1-0x", "0-5", false},
	} {
		if got := history.After(row.a, row.b); got != row.want {
			t.Errorf("%q after %q: %t", row.a, row.b, got)
		}
	}
}

// FuzzOf: whatever comes from outside, a decision can be kept and read again.
func FuzzOf(f *testing.F) {
	f.Add("mira_koch", "How much?", "It is 20 €.", "asked for the price", "vip", 0.9)
	f.Add("a\x00b", "\xff\xfe", "\u2028</script>", strings.Repeat("€", 700), "", math.NaN())
	f.Fuzz(func(t *testing.T, prospect, asked, reply, reason, guard string, number float64) {
		h := handled()
		h.Prospect, h.Asked, h.Reply, h.Reason, h.Guard, h.USD = prospect, asked, reply, reason, guard, number
		h.Thought.Decision.Reply, h.Thought.Prompt.System, h.Thought.Decision.Confidence = reply, asked+reason, number
		e, d := history.Of(h)
		text, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		var again history.Entry
		if err := json.Unmarshal(text, &again); err != nil || again.Person != e.Person {
			t.Fatalf("%v: %+v, want %+v", err, again.Person, e.Person)
		}
		if _, err := json.Marshal(d); err != nil {
			t.Fatal(err)
		}
		history.NewView(2).Add(e)
	})
}
