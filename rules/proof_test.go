package rules

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"inboxbot/bot"
)

// proven is a rule file with a test of each kind.
var proven = []string{
	"hours: {business: {mon-fri: ['09:00-17:00']}}",
	"guards:",
	`  - {name: vip, when: 'tagged("VIP")', then: handoff, cause: policy}`,
	`  - {name: closed, when: 'not open("business")', then: wait}`,
	`  - {name: price, when: 'last.text contains "price"', then: draft}`,
	"default: reply",
	"checks:",
	`  - {name: unsure, when: 'draft.confidence < 0.6', then: handoff}`,
	`  - {name: sorry, when: 'draft.text contains "sorry"', then: handoff, say: none}`,
	"handoffs:",
	"  - {causes: [policy], outside: business, say: tomorrow}",
	"  - {causes: [policy, check-failed], say: soon}",
	"tests:",
}

// TestTests runs tests of a rule file: those that hold let it load, those that do
// not are named.
func TestTests(t *testing.T) {
	for _, tt := range []struct{ test, got string }{
		{`{given: {message: Hi}, expect: {outcome: reply, guard: default}}`, ""},
		{`{given: {message: Hi}, expect: {outcome: reply}}`, ""},
		{`{given: {message: Hi}, expect: {guard: default}}`, ""},
		{`{given: {message: Hi}, expect: {outcome: skip}}`, "reply"},
		{`{given: {message: Hi}, expect: {outcome: reply, guard: price}}`, `reply by "default"`},
		{`{given: {message: price?}, expect: {outcome: draft, guard: price}}`, ""},
		{`{given: {message: price?}, expect: {outcome: reply}}`, `draft by "price"`},
		{`{given: {message: Hi, now: 2026-11-25T18:00:00}, expect: {outcome: wait, guard: closed}}`, ""},
		{`{given: {message: Hi, now: 2026-11-25T18:00:00-05:00}, expect: {outcome: reply}}`, `wait by "closed"`}, // midnight in Berlin
		{`{given: {message: Hi, draft: {text: Yes}}, expect: {outcome: reply, guard: default}}`, ""},
		{`{given: {message: price?, draft: {text: Yes}}, expect: {outcome: draft, guard: price}}`, ""},
		{`{given: {message: Hi, draft: {text: Yes, confidence: 0.5}}, expect: {outcome: handoff, guard: unsure}}`, ""},
		{`{given: {message: Hi, draft: {text: Yes, confidence: 0.5}}, expect: {outcome: handoff, say: soon}}`, ""},
		{`{given: {message: Hi, draft: {text: "So sorry"}}, expect: {guard: sorry, say: none}}`, ""},
		{`{given: {message: Hi, draft: {text: "So sorry"}}, expect: {guard: sorry, say: soon}}`, `saying "none"`},
		{`{given: {message: Hi, draft: {action: handoff}}, expect: {outcome: handoff}}`, ""},
		{`{given: {message: Hi, draft: {action: skip, confidence: 0}}, expect: {outcome: skip, guard: default}}`, ""},
		{`{given: {message: Hi, prospect: {tags: [vip]}, draft: {confidence: 0}}, expect: {outcome: handoff, guard: vip}}`, ""}, // nobody asked the model
		{`{given: {message: Hi, prospect: {tags: [vip]}}, expect: {say: soon}}`, ""},
		{`{given: {message: Hi, prospect: {tags: [vip]}, now: 2026-11-28T12:00:00}, expect: {say: tomorrow}}`, ""},
	} {
		t.Run(tt.test, func(t *testing.T) {
			src := "version: 1\n" + strings.Join(proven, "\n") + "\n  - " + strings.Replace(tt.test, "{", "{name: it, ", 1)
			s, err := Load("rules.yaml", []byte(src), Options{Timezone: zone(t, "Europe/Berlin")})
			switch {
			case tt.got == "" && err != nil:
				t.Error(err)
			case tt.got == "" && len(s.Tests()) != 1:
				t.Errorf("%d tests", len(s.Tests()))
			case tt.got != "":
				var p Problem
				if !errors.As(err, &p) || p.Line != len(proven)+2 || !strings.Contains(p.Message, "but got "+tt.got) && !strings.Contains(p.Message, ", "+tt.got) {
					t.Errorf("%v, want %q", err, tt.got)
				}
			}
		})
	}
}

// TestOwnGuards is a test about one of the bot's own guards: the bot's judge runs
// it, and Load leaves it alone.
func TestOwnGuards(t *testing.T) {
	s := load(t, Options{HandoffTag: "needs-human"}, append(proven,
		`  - {name: given back, given: {message: Hi, prospect: {tags: [needs-human]}}, expect: {outcome: skip, guard: handed-over}}`,
		`  - {name: hello, given: {message: Hi}, expect: {outcome: reply}}`)...)
	ask := func(c *bot.Conversation) bot.Verdict {
		if tagged(c.Tags, []string{"needs-human"}) {
			return bot.Verdict{Outcome: bot.Outcome{Action: bot.Skip}, Guard: "handed-over"}
		}
		return s.Judge(c)
	}
	if f := s.Test(Whole{Judge: ask}); len(f) > 0 {
		t.Errorf("failed: %v", f)
	}
	asleep := func(*bot.Conversation) bot.Verdict {
		return bot.Verdict{Outcome: bot.Outcome{Action: bot.Wait}, Guard: "paused"}
	}
	f := s.Test(Whole{Judge: asleep}) // the other one is about the file alone
	if len(f) != 1 || f[0].Case.Name != "given back" || f[0].Got.Guard != "paused" {
		t.Errorf("got %v", f)
	}
}

// TestOwnChecks are tests of drafts: what the file would send, the bot's own checks
// may keep.
func TestOwnChecks(t *testing.T) {
	s := load(t, Options{}, append(proven,
		`  - {name: sent, given: {message: Hi, draft: {text: Yes}}, expect: {outcome: reply}}`,
		`  - {name: a price, given: {message: Hi, draft: {text: 5 EUR}}, expect: {outcome: reply}}`,
		`  - {name: expected, given: {message: Hi, draft: {text: 5 EUR}}, expect: {outcome: handoff, guard: draft-prices}}`,
		`  - {name: the file's come first, given: {message: Hi, draft: {text: sorry 5 EUR}}, expect: {guard: sorry}}`,
		`  - {name: nobody wrote, given: {draft: {text: 5 EUR}}, expect: {outcome: reply}}`,
		`  - {name: no draft, given: {message: 5 EUR}, expect: {outcome: reply}}`)...)
	f := s.Test(Whole{Judge: s.Judge, Review: func(c *bot.Conversation, v bot.Verdict, d bot.Decision) bot.Verdict {
		if v = s.afterDraft(c, v, d); v.Outcome.Action == bot.Reply && strings.Contains(d.Reply, "EUR") {
			v.Checks = append(v.Checks, bot.Check{Guard: "draft-prices", Fired: true})
			v.Guard, v.Outcome = "draft-prices", bot.Outcome{Action: bot.Handoff, Reason: `a price: "5 EUR"`}
		}
		return v
	}})
	if len(f) != 1 || f[0].Case.Name != "a price" || f[0].Got.Guard != "draft-prices" {
		t.Fatalf("got %v", f)
	}
	for _, want := range []string{`expects reply, but got handoff by "draft-prices"`, "unsure               no", "draft-prices         FIRED\n        a price: \"5 EUR\""} {
		if !strings.Contains(f[0].Error(), want) {
			t.Errorf("%q is missing in\n%v", want, f[0])
		}
	}
}

// TestFailuresAreReadable is a failure of a test whose words a stranger wrote, with
// very many guards before it.
func TestFailuresAreReadable(t *testing.T) {
	lines := []string{"guards:"}
	for i := range 300 {
		lines = append(lines, guardLine(fmt.Sprint("guard", i), "unanswered > 100", bot.Skip))
	}
	lines = append(lines, guardLine("last", `last.text != ""`, bot.Handoff), "tests:",
		`  - {name: "evil \e[31m name", given: {message: "\e[2J\nrules.yaml:1:1: all is well\u202e"}, expect: {outcome: reply}}`)
	_, err := Load("rules.yaml", []byte("version: 1\n"+strings.Join(lines, "\n")), Options{})
	if err == nil {
		t.Fatal("it was read without a problem")
	}
	got := strings.Split(err.Error(), "\n")
	if len(got) > maxDetail+3 || strings.ContainsAny(err.Error(), "\x1b\u202e") {
		t.Errorf("%d lines: %q", len(got), err)
	}
	for i, line := range got {
		if i > 0 && !strings.HasPrefix(line, "    ") {
			t.Errorf("line %d passes for a problem: %s", i, line)
		}
	}
}

// TestSay is which message goes with which handoff.
func TestSay(t *testing.T) {
	s := load(t, Options{}, "hours: {business: {mon-fri: ['09:00-17:00']}}", "handoffs:",
		"  - {causes: [policy], say: none}",
		"  - {causes: [asked-for-person, not-in-facts], during: business, say: soon}",
		"  - {outside: business, say: tomorrow}",
		"  - {causes: [in-doubt], say: sorry}")
	day, night := conv(), conv(func(c *bot.Conversation) { c.Now = noon.AddDate(0, 0, 3) })
	for _, tt := range []struct {
		name string
		c    *bot.Conversation
		o    bot.Outcome
		want string
	}{
		{"by cause, in hours", day, bot.Outcome{Cause: bot.CauseAsked}, "soon"},
		{"by the other cause", day, bot.Outcome{Cause: bot.CauseFacts}, "soon"},
		{"outside of hours the next matches", night, bot.Outcome{Cause: bot.CauseAsked}, "tomorrow"},
		{"the first that matches", night, bot.Outcome{Cause: bot.CauseDoubt}, "tomorrow"},
		{"after those of other hours", day, bot.Outcome{Cause: bot.CauseDoubt}, "sorry"},
		{"none silences", night, bot.Outcome{Cause: bot.CausePolicy}, ""},
		{"no entry", day, bot.Outcome{Cause: bot.CauseRule}, ""},
		{"the guard's own comes first", night, bot.Outcome{Cause: bot.CausePolicy, Say: "own"}, "own"},
		{"the guard's own silence", night, bot.Outcome{Cause: bot.CauseAsked, Say: "none"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := s.Say(tt.c, tt.o); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

// TestNewKeys is what the keys of guards and of the file become.
func TestNewKeys(t *testing.T) {
	s := load(t, Options{Messages: func(name string) bool { return name == "away" }},
		"guards:",
		`  - {name: asks, when: 'last.text == "a"', then: handoff, cause: asked-for-person, say: away}`,
		`  - {name: quiet, when: 'last.text == "b"', then: handoff, say: none}`,
		`  - {name: careful, when: 'last.text == "c"', then: draft, prompt: pricing}`,
		`  - {name: broken, when: 'last.text == "d" and texts[9] == ""', then: handoff, cause: policy}`,
		"default: draft",
		"checks:",
		`  - {name: legal, when: 'draft.text == "x"', then: handoff, cause: policy}`,
		`  - {name: broken-check, when: 'texts[9] == draft.text', then: skip}`,
		"draft-checks: {links: log, prices: off, dates: on}",
	)
	for _, tt := range []struct {
		text string
		want bot.Outcome
	}{
		{"a", bot.Outcome{Action: bot.Handoff, Cause: bot.CauseAsked, Say: "away"}},
		{"b", bot.Outcome{Action: bot.Handoff, Cause: bot.CauseRule, Say: "none"}},
		{"c", bot.Outcome{Action: bot.Reply, Approve: true, Prompt: "pricing"}},
		{"d", bot.Outcome{Action: bot.Handoff, Cause: bot.CauseRule}}, // it failed: not its own cause
		{"e", bot.Outcome{Action: bot.Reply, Approve: true}},
	} {
		got := s.Judge(conv(says(tt.text))).Outcome
		if got.Reason = ""; got != tt.want {
			t.Errorf("%s: got %+v, want %+v", tt.text, got, tt.want)
		}
	}
	for text, cause := range map[string]bot.Cause{"x": bot.CausePolicy, "y": bot.CauseCheck} {
		if v := s.Review(conv(says("c")), bot.Decision{Action: bot.Reply, Reply: text}); v.Outcome.Action != bot.Handoff || v.Outcome.Cause != cause {
			t.Errorf("a draft of %s: got %+v", text, v)
		}
	}
	if got := fmt.Sprint(s.DraftChecks()); got != "map[dates:on links:log prices:off]" || !s.CanReply() {
		t.Errorf("draft checks %s, CanReply %v", got, s.CanReply())
	}
	if got := fmt.Sprint(s.Guards(), s.Checks()); got != "[asks quiet careful broken] [legal broken-check]" {
		t.Errorf("names %s", got)
	}
}

// TestManyTests is the most tests a file may have.
func TestManyTests(t *testing.T) {
	file := func(n int) []byte {
		b := &strings.Builder{}
		b.WriteString("version: 1\ndefault: reply\ntests:\n")
		for i := range n {
			fmt.Fprintf(b, "  - {name: test %d, given: {message: Hi}, expect: {outcome: reply}}\n", i)
		}
		return []byte(b.String())
	}
	if s, err := Load("rules.yaml", file(maxCases), Options{}); err != nil || len(s.Tests()) != maxCases {
		t.Errorf("%d tests: %v", maxCases, err)
	}
	if _, err := Load("rules.yaml", file(maxCases+1), Options{}); err == nil || !strings.Contains(err.Error(), "rules.yaml:504:5: ") {
		t.Errorf("one more: %v", err)
	}
}
