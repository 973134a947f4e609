package rules

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"inboxbot/bot"
)

// TestTry: an expression on conversations, before it stands in a file.
func TestTry(t *testing.T) {
	s := load(t, Options{}, "hours: {business: {mon-fri: [\"09:00-18:00\"]}}")
	c := conv(says("I want a REFUND"), hasTags("VIP"))
	for _, tt := range []struct {
		when  string
		check bool
		fired bool
		parts []string
	}{
		{`tagged("VIP") and open("business")`, false, true, []string{`tagged("VIP") = true`, `open("business") = true`}},
		{`last.text contains "refund"`, false, false, []string{`last.text = "I want a REFUND"`}},
		{"lower(last.text)\n  contains \"refund\"", false, true, []string{`last.text = "I want a REFUND"`}},
		{`draft.confidence < 0.6`, true, true, []string{`draft.confidence = 0.5`}},
	} {
		trial, err := s.Try(tt.when, tt.check)
		if err != nil {
			t.Errorf("%s: %v", tt.when, err)
			continue
		}
		fired, parts, err := trial.On(c, bot.Decision{Action: bot.Reply, Reply: "Sure", Confidence: 0.5})
		if fired != tt.fired || err != nil || !slices.Equal(partLines(parts), tt.parts) {
			t.Errorf("%s: %t, %v, %v", tt.when, fired, err, partLines(parts))
		}
	}
}

// TestTryProblems: what is wrong is told where it is and with what was meant.
func TestTryProblems(t *testing.T) {
	s := load(t, Options{}, "hours: {business: {mon-fri: [\"09:00-18:00\"]}}")
	for _, tt := range []struct {
		when  string
		check bool
		want  string
	}{
		{`lst.text == "a"`, false, `expression:1:1: unknown name "lst"; did you mean "last"?`},
		{"inbound > 1 and\n  lst.text == \"a\"", false, `expression:2:3: unknown name "lst"; did you mean "last"?`},
		{`open("buziness")`, false, `expression:1:6: unknown hours "buziness"; did you mean "business"?`},
		{`draft.confidence < 0.6`, false, `expression:1:1: unknown name "draft"`},
		{`inbound`, false, `expression:1:1: `},
		{" \n", false, `expression:1:1: there is no expression; such as last.text contains "refund"`},
		{"last.text == \"\u202e\x1b[2J", false, `expression:1:20: a quote is not closed`},
	} {
		_, err := s.Try(tt.when, tt.check)
		var all Problems
		if !errors.As(err, &all) || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%q: got %v, want %s", tt.when, err, tt.want)
		}
	}
}

// TestTryFails: what cannot be evaluated says where, and nothing of what was said.
func TestTryFails(t *testing.T) {
	s := load(t, Options{}, "default: skip")
	trial, err := s.Try("true and\n texts[3] == \"a\"", false)
	if err != nil {
		t.Fatal(err)
	}
	if fired, _, err := trial.On(conv(says("a secret")), bot.Decision{}); fired || err == nil || err.Error() != "expression:2:7: index out of range" {
		t.Errorf("%t, %v", fired, err)
	}
	if _, _, err := trial.On(conv(says("hi"), row), bot.Decision{}); !errors.Is(err, ErrUnread) {
		t.Errorf("unread: %v", err)
	}
}

// FuzzTry: whatever is typed, it is compiled or refused with a place.
func FuzzTry(f *testing.F) {
	for _, seed := range []string{`tagged("VIP")`, "a\n\nb", `"\`, "lst.text == 1", "\xff\x00", strings.Repeat("(", 300), `let t = last.text; t matches "x"`} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	s := load(f, Options{}, "default: skip")
	c := conv(says("hello"))
	f.Fuzz(func(t *testing.T, when string, check bool) {
		trial, err := s.Try(when, check)
		if all, ok := errors.AsType[Problems](err); ok {
			for _, p := range all {
				if p.Line < 1 || p.Column < 1 || p.Message == "" {
					t.Errorf("%q: %+v", when, p)
				}
			}
			return
		}
		if err != nil {
			t.Fatalf("%q: %v", when, err)
		}
		_, _, _ = trial.On(c, bot.Decision{})
	})
}
