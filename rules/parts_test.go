package rules

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"inboxbot/bot"
)

// TestParts is what people are shown of a guard's expression.
func TestParts(t *testing.T) {
	long := strings.Repeat("é", 300)
	c := conv(says("one", "I want a \"REFUND\"\n\x1b[31mnow\u202e"), hasTags("VIP", "gold"), func(c *bot.Conversation) {
		c.Thread.Prospect.Bio = &long
		c.Turns[1].Media = []string{"image"}
	}, answered(bot.WriterPerson, 30*time.Second))
	for _, tt := range []struct {
		when string
		want []string
	}{
		{`tagged("VIP") and prospect.followers > 1000`, []string{`tagged("VIP") = true`, `prospect.followers = 0`}},
		{`not open("h") or thread.request`, []string{`open("h") = false`, `thread.request = false`}},
		{`last.text contains "REFUND"`, []string{`last.text = "I want a \"REFUND\"\n\x1b[31mnow\u202e"`}},
		{`lower(trim(last.text)) contains "refund"`, []string{`last.text = "I want a \"REFUND\"\n\x1b[31mnow\u202e"`}},
		{`prospect.bio == ""`, []string{`prospect.bio = "` + long[:400] + `"…`}},
		{`waiting > duration("2m") and humanAgo < duration("1h")`, []string{`waiting = 0s`, `humanAgo = 30s`}},
		{`now.Hour() in 9..17 and now > date("2026-01-01")`, []string{`now.Hour() = 13`, `now = Wed 2026-11-25 13:00:00`}},
		{`now - last.at > duration("1m")`, []string{`now = Wed 2026-11-25 13:00:00`, `last.at = Wed 2026-11-25 12:59:00`}},
		{`len(texts) > 1 and "image" in last.media`, []string{`len(texts) = 0`, `last.media = ["image"]`}},
		{`any(prospect.tags, # startsWith "v" or last.edited)`, []string{`prospect.tags = ["VIP", "gold"]`, `last.edited = false`}},
		{`let t = lower(last.text); t contains "a" and len(t) > 3 and inbound > 1`, []string{`last.text = "I want a \"REFUND\"\n\x1b[31mnow\u202e"`, `inbound = 2`}},
		{`inbound > 1 and (inbound < 9 or inbound == outbound)`, []string{`inbound = 2`, `outbound = 1`}},
		{`last?.text == "a"`, []string{`last?.text = "I want a \"REFUND\"\n\x1b[31mnow\u202e"`}},
		{`texts[3] == "a"`, []string{`texts[3] = index out of range`}},
		{`prospect.tags[inbound - 2] == "VIP"`, []string{`prospect.tags = ["VIP", "gold"]`, `inbound = 2`}},
		{`last.text[0:inbound] == "I "`, []string{`last.text = "I want a \"REFUND\"\n\x1b[31mnow\u202e"`, `inbound = 2`}},
		{`if unanswered > 1 { outbound > 0 } else { false }`, []string{`unanswered = 0`, `outbound = 1`}},
		{`any(["a", "b"], {let w = #; any(texts, # contains w)})`, []string{`texts = []`}},
		{`true`, nil},
	} {
		t.Run(tt.when, func(t *testing.T) {
			s := load(t, Options{Timezone: zone(t, "Europe/Berlin")}, "hours: {h: {}}", "guards:", guardLine("it", tt.when, bot.Skip))
			got := partLines(s.Parts(c, nil, "it"))
			if !slices.Equal(got, tt.want) {
				t.Errorf("got  %s\nwant %s", strings.Join(got, "\n     "), strings.Join(tt.want, "\n     "))
			}
		})
	}
}

func partLines(parts []bot.Part) []string {
	var out []string
	for _, p := range parts {
		out = append(out, p.Expr+" = "+p.Value)
	}
	return out
}

// TestPartsWithout is what is shown of parts that have no value.
func TestPartsWithout(t *testing.T) {
	s := load(t, Options{}, "guards:", guardLine("it", `thread.request or len(texts) > 1`, bot.Skip), guardLine("flood", `any(texts, # == "a")`, bot.Skip),
		"checks:", guardLine("unsure", `draft.confidence < 0.5 and draft.text != last.text`, bot.Skip))
	draft := &bot.Decision{Action: bot.Reply, Reply: "Hi\x00", Confidence: 0.25}
	for _, tt := range []struct {
		name  string
		c     *bot.Conversation
		d     *bot.Decision
		guard string
		want  string
	}{
		{"a row", conv(says("a"), row), nil, "it", "[thread.request = false len(texts) = needs the messages]"},
		{"a flood", conv(says(strings.Repeat("a", maxText+1))), nil, "flood", "[texts = too long to be judged]"},
		{"a check", conv(says("a")), draft, "unsure", `[draft.confidence = 0.25 draft.text = "Hi\x00" last.text = "a"]`},
		{"no draft", conv(says("a")), nil, "unsure", `[draft.confidence = needs a draft draft.text = needs a draft last.text = "a"]`},
		{"a guard of the bot", conv(says("a")), nil, "settling", "[]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := fmt.Sprint(partLines(s.Parts(tt.c, tt.d, tt.guard))); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// TestShow is how values read.
func TestShow(t *testing.T) {
	s := load(t, Options{})
	for _, tt := range []struct {
		value any
		want  string
	}{
		{2*time.Hour + 3*time.Minute, "2h3m"},
		{90 * time.Second, "1m30s"},
		{1500 * time.Millisecond, "2s"},
		{48 * time.Hour, "48h"},
		{bot.Never, "never"},
		{noon, "Wed 2026-11-25 12:00:00"},
		{3.5, "3.5"},
		{nil, "nothing"},
		{[]string{"a", strings.Repeat("b", 195), "c", "d"}, `["a", "` + strings.Repeat("b", 195) + `", and 2 more]`},
		{[]any{1, "x", nil}, `[1, "x", nothing]`},
		{Account{Username: "a\x1b"}, `{Username:a\x1b Name: Online:false}`},
	} {
		if got := s.show(tt.value); got != tt.want {
			t.Errorf("%v: got %s, want %s", tt.value, got, tt.want)
		}
	}
}

// TestJudgeAll asks every guard, whatever the others say.
func TestJudgeAll(t *testing.T) {
	s := load(t, Options{}, "guards:", guardLine("always", "true", bot.Skip), guardLine("shadowed", `tagged("VIP")`, bot.Handoff),
		guardLine("fails", `texts[9] == ""`, bot.Reply), guardLine("never", `last.text == "x"`, bot.Wait))
	for _, tt := range []struct {
		name string
		c    *bot.Conversation
		want string
	}{
		{"read", conv(says("a"), hasTags("VIP")), "always+ shadowed+ fails! never-"},
		{"a row", conv(says("a"), row), "always+ shadowed- fails? never-"},
		{"a row that is ours", conv(says("a"), answered(bot.WriterBot, 0), row), "always+ shadowed- fails? never?"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, c := range s.JudgeAll(tt.c) {
				mark := "-"
				switch {
				case c.Unread:
					mark = "?"
				case c.Err != nil && c.Fired:
					mark = "!"
				case c.Fired:
					mark = "+"
				}
				got = append(got, c.Guard+mark)
			}
			if s := strings.Join(got, " "); s != tt.want {
				t.Errorf("got %s, want %s", s, tt.want)
			}
		})
	}
}
