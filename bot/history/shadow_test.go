package history_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"inboxbot/bot"
	"inboxbot/bot/history"
)

// compared is the log's account of a draft held against what a person answered.
func compared(guard, draft, answer string) (history.Entry, history.Detail) {
	c := bot.Compare(draft, answer)
	c.Guard = guard
	return history.Of(bot.Handled{
		Thread: "t1", Message: "m1", At: noon, Outcome: bot.Skip, Guard: "shadow", Mode: "shadow", Shadow: &c,
	})
}

func TestOfComparison(t *testing.T) {
	e, d := compared("pricing", "It is 9 EUR.", "It is 12 EUR, see https://kestrel.example/prices")
	if s := e.Shadow; s.Guard != "pricing" || s.SameFacts || s.Added != 2 || s.Left != 1 || s.Length != 400 {
		t.Errorf("entry %+v", s)
	}
	if c := d.Shadow; c.Draft != "It is 9 EUR." || !slices.Equal(c.Added, []string{"12", "https://kestrel.example/prices"}) || !slices.Equal(c.Left, []string{"9"}) {
		t.Errorf("detail %+v", c)
	}
	text, err := json.Marshal(e)
	if err != nil || strings.Contains(string(text), "EUR") {
		t.Errorf("the entry holds the words: %s, %v", text, err)
	}
}

// TestOfComparisonIsBounded: a person's answer may be as long as X allows, many
// times.
func TestOfComparisonIsBounded(t *testing.T) {
	var many strings.Builder
	for i := range 30_000 {
		many.WriteString(strings.Repeat("7", i%9+1))
		many.WriteString(strings.Repeat("\x00", i%3))
		many.WriteString(" ")
	}
	_, d := compared(strings.Repeat("g", 1000), many.String(), strings.Repeat("é ", 200_000))
	text, err := json.Marshal(d)
	if err != nil || len(text) > 500_000 || len(d.Shadow.Left) > 50 {
		t.Errorf("%d bytes, %d facts, %v", len(text), len(d.Shadow.Left), err)
	}
}

// TestAgreeOnOutcomes: whether a person answered is held against what the bot would
// have done, whatever that was.
func TestAgreeOnOutcomes(t *testing.T) {
	v := history.NewView(0)
	for _, c := range []bot.Comparison{
		{Would: bot.Reply, Draft: "At nine.", Answer: "At nine."},
		{Would: bot.Reply, Draft: "At nine."},
		{Would: bot.Handoff, Answer: "Let me see."},
		{Would: bot.Handoff},
		{Would: bot.Skip},
		{Would: bot.Skip, Answer: "You are welcome!"},
		{Would: bot.Skip, Answer: "And you!"},
	} {
		if c.Would == bot.Reply {
			c = bot.Compare(c.Draft, c.Answer)
		}
		c.Guard = "default"
		e, d := history.Of(bot.Handled{Thread: "t1", Message: "m1", At: noon.Add(time.Duration(v.Len()) * time.Minute), Outcome: bot.Skip, Guard: "shadow", Mode: "shadow", Shadow: &c})
		if e.Shadow.SameOutcome() != c.SameOutcome() || d.Shadow.Answer != c.Answer {
			t.Errorf("%+v is %+v, %+v in the log", c, e.Shadow, d.Shadow)
		}
		e.ID = entry(v.Len()).ID
		v.Add(e)
	}
	got := v.Shadow(history.Filter{})
	if len(got) != 1 {
		t.Fatalf("guards: %+v", got)
	}
	a := got[0]
	if a.Decided != 7 || a.SameOutcome != 3 || a.HandedOver != 2 || a.Unanswered != 2 || a.Missed != 2 || a.Compared != 1 || a.SameFacts != 1 {
		t.Errorf("%+v", a)
	}
	if len(a.Misses) != 2 || !a.Misses[0].At.After(a.Misses[1].At) {
		t.Errorf("missed: %s", ids(a.Misses))
	}
}

func TestAgree(t *testing.T) {
	v := history.NewView(0)
	add := func(guard, draft, answer string) {
		e, _ := compared(guard, draft, answer)
		e.ID, e.Account = entry(v.Len()).ID, "kestrelcoffee"
		v.Add(e)
	}
	add("default", "Thanks a lot!", "Thanks a lot!")
	add("pricing", "It is 9 EUR.", "It is 9 EUR.")
	add("pricing", "It is 9 EUR.", "It is 12 EUR, or 20 with shipping.")
	add("pricing", "It is 9 EUR.", "That would be 9 EUR")
	add("pricing", "It is 9 EUR.", "It is 9 EUR, thanks")
	add("pricing", "It is 9 EUR.", "") // nobody answered
	v.Add(entry(v.Len()))              // compares nothing

	got := v.Shadow(history.Filter{From: noon, Account: "kestrelcoffee"})
	if len(got) != 2 || got[0].Guard != "pricing" || got[1].Guard != "default" {
		t.Fatalf("guards: %+v", got)
	}
	p := got[0]
	if p.Compared != 4 || p.Unanswered != 1 || p.SameFacts != 3 || p.Likeness < 0.3 || p.Likeness > 0.9 {
		t.Errorf("pricing: %+v", p)
	}
	if len(p.Worst) != 3 || p.Worst[0].Shadow.SameFacts || p.Worst[1].Shadow.Likeness > p.Worst[2].Shadow.Likeness {
		t.Errorf("worst: %s", ids(p.Worst))
	}
	if d := got[1]; d.SameFacts != 1 || d.Likeness != 1 || len(d.Worst) != 0 {
		t.Errorf("word for word: %+v", d)
	}
	if n := v.Numbers(noon.Add(-time.Hour), noon.Add(time.Hour), ""); n.LeftAlone != 0 || n.Answered != 1 {
		t.Errorf("comparisons are counted as ends: %+v", n.Count)
	}
	if got := v.Shadow(history.Filter{From: noon.Add(time.Second)}); len(got) != 0 {
		t.Errorf("later: %+v", got)
	}
	if got := v.Shadow(history.Filter{Account: "other"}); len(got) != 0 {
		t.Errorf("of another account link: %+v", got)
	}
}
