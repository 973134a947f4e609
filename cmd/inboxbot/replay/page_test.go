package replay_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"inboxbot/bot"
	"inboxbot/bot/bottest"
	"inboxbot/cmd/inboxbot/replay"
)

// attack is what a stranger may write anywhere.
const attack = `</div></details><script>window.owned=true;console.error("owned")</script><img src="http://evil.example/x.png" onerror="window.owned=true">` +
	"\u202e\x1b[31m" + `{{.Head}} <style>*{display:none}</style>`

// hostile is a corpus with attack in every field a stranger, a model or a file
// can fill, and one text that nothing can be wrapped in.
func hostile(t testing.TB) replay.Corpus {
	t.Helper()
	quoted, err := json.Marshal(attack)
	if err != nil {
		t.Fatal(err)
	}
	line := fmt.Sprintf(`{"id":%[1]s,"prospect":{"username":%[1]s,"name":%[1]s,"tags":[%[1]s],"status":%[1]s},"messages":[`+
		`{"from":"prospect","text":%[1]s,"media":[%[1]s]},{"from":"us","text":%[1]s},{"from":"prospect","text":%[2]q}]}`, quoted, "price "+strings.Repeat("m", 3000))
	c, err := replay.ReadFile(attack, strings.NewReader(line), time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// attacked is a report about the sample and hostile, with a model that answers
// with attack too.
func attacked(t testing.TB) *replay.Report {
	t.Helper()
	past := sample(t)
	bad := hostile(t)
	past.Name, past.Notes = bad.Name, append(past.Notes, attack)
	past.Past = append(past.Past, bad.Past...)
	model := bottest.NewModel(func(p bot.Prompt) (string, error) {
		if strings.Contains(p.System, "window.owned") {
			return "", fmt.Errorf("%s: %w", attack, bot.ErrModelUnavailable)
		}
		return decide(bot.Decision{Action: bot.Reply, Reply: attack, Reason: attack, Confidence: 0.9})
	})
	next := side(t, "tomorrow.yaml", tomorrow)
	next.Name = attack
	return replay.Run(t.Context(), past, side(t, "today.yaml", today), &next, replay.Options{Settle: 15 * time.Second, Model: model})
}

func pageOf(t testing.TB, r *replay.Report) string {
	t.Helper()
	var page bytes.Buffer
	if err := replay.WritePage(&page, r); err != nil {
		t.Fatal(err)
	}
	return page.String()
}

func TestPageShowsTextAsText(t *testing.T) {
	page := pageOf(t, attacked(t))
	for _, what := range []string{"<script", "<style", "<img"} {
		want := map[string]int{"<script": 1, "<style": 1, "<img": 0}[what]
		if got := strings.Count(page, what); got != want {
			t.Errorf("%q stands %d times in the page, want %d", what, got, want)
		}
	}
	if n := strings.Count(page, "&lt;script&gt;"); n < 10 {
		t.Errorf("the attack is shown as text %d times, want it in every field", n)
	}
	for _, what := range []string{"http://", "https://", " src=", " href=", "@import", "url("} {
		if shown := strings.ReplaceAll(page, "http://evil.example", ""); strings.Contains(strings.ReplaceAll(shown, "img src=", ""), what) {
			t.Errorf("the page can ask somebody for something: %q", what)
		}
	}
}

// The page never holds more conversations than a browser can.
func TestPageIsBounded(t *testing.T) {
	past := sample(t)
	one := past.Past[0]
	for len(past.Past) < 600 {
		past.Past = append(past.Past, one)
	}
	page := pageOf(t, replay.Run(t.Context(), past, side(t, "today.yaml", today), nil, replay.Options{}))
	if n := strings.Count(page, `<details class="conversation">`); n != 500 {
		t.Errorf("%d conversations, want 500", n)
	}
	if !strings.Contains(page, "100 more conversations are left out") {
		t.Error("the page does not say what is left out")
	}
}

// What is printed cannot move a terminal's cursor, hide itself or forge a line.
func TestTextIsHarmless(t *testing.T) {
	var out bytes.Buffer
	if err := replay.WriteText(&out, attacked(t), true); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(out.String(), "\x1b\r\u202e") {
		t.Errorf("control characters in\n%q", out.String())
	}
	for l := range strings.Lines(out.String()) {
		if n := len([]rune(l)); n > 500 {
			t.Errorf("a line of %d characters", n)
		}
	}
}

func TestTextListsTheFirstChanges(t *testing.T) {
	past := sample(t)
	one := past.Past[0]
	for len(past.Past) < 60 {
		past.Past = append(past.Past, one)
	}
	next := side(t, "tomorrow.yaml", tomorrow)
	r := replay.Run(t.Context(), past, side(t, "today.yaml", today), &next, replay.Options{})
	for _, row := range []struct {
		all  bool
		want int
	}{{false, 20}, {true, r.Changed + r.Otherwise}} {
		var out bytes.Buffer
		if err := replay.WriteText(&out, r, row.all); err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(out.String(), "\n  candidate "); got != row.want {
			t.Errorf("all=%v: %d cuts listed, want %d", row.all, got, row.want)
		}
		if more := strings.Contains(out.String(), " more: --all lists them"); more == row.all {
			t.Errorf("all=%v: says that there are more: %v", row.all, more)
		}
	}
}
