package rules

import (
	"errors"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"inboxbot/bot"
)

// FuzzLoad reads any file. It is either refused with places that are in the file,
// or makes a Set that judges every conversation without a panic, twice the same.
func FuzzLoad(f *testing.F) {
	f.Add(Default())
	f.Add([]byte(designExample))
	for _, name := range must(filepath.Glob("testdata/broken/*.txtar"))(f) {
		f.Add(must(txtar.ParseFile(name))(f).Files[0].Data)
	}
	conversations := func() []*bot.Conversation {
		return []*bot.Conversation{
			conv(), conv(says("")), conv(says("I want a refund", "\xff\x00")), conv(says("a"), answered(bot.WriterPerson, 0), says("b")),
			conv(says("a"), row), conv(says("a"), answered(bot.WriterBot, 0), row),
		}
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		if len(src) > 20_000 {
			return // TestFileBombs has the large ones
		}
		s, err := Load("rules.yaml", src, Options{})
		if err != nil {
			checkProblems(t, src, err)
			return
		}
		for _, c := range conversations() {
			v := s.Judge(c)
			checkVerdict(t, c, v)
			if again := s.Judge(c); again.Guard != v.Guard || again.Outcome != v.Outcome {
				t.Errorf("%+v, then %+v", v, again)
			}
			checkVerdict(t, c, s.Review(c, bot.Decision{Action: bot.Reply, Reply: "Yes", Confidence: 0.5}))
			s.Say(c, v.Outcome)
		}
		s.Test(Whole{s.Judge, s.afterDraft})
	})
}

// FuzzLoadCases reads any file of cases. It is refused with places that are in the
// file, or every case reads back as it was when it is written again.
func FuzzLoadCases(f *testing.F) {
	f.Add([]byte("name: it\ngiven: {message: Hi, now: 2026-11-23T22:15:00.5, draft: {text: a}, thread: {createdAt: 2026-11-23T22:15:00+01:00}}\nexpect: {outcome: draft, say: none}"))
	f.Add([]byte("- name: it\n  given:\n    messages: [{text: a, ago: 3h}, {from: bot, at: 2026-11-25T11:59, text: |-\n      b}]\n  expect: {guard: x}"))
	f.Add([]byte("name: it\ngiven: {messages: [{text: a}, {from: bot}], record: {state: sent, message: 1, sent: 2, seenAt: 2026-11-25 11:59}, seen: [VIP], repliesToday: 3, account: {status: unlinked}}\nexpect: {guard: x}"))
	f.Add(NewCase("it", conv(says("a\nb", "\x00"), hasTags("VIP")), bot.Verdict{Guard: "default"}).YAML())
	s := load(f, Options{}, "default: reply")
	f.Fuzz(func(t *testing.T, src []byte) {
		if len(src) > 20_000 {
			return
		}
		cases, err := LoadCases("case.yaml", src)
		if err != nil {
			checkProblems(t, src, err)
			return
		}
		for _, c := range cases {
			checkVerdict(t, c.Conversation(s.zone), s.Judge(c.Conversation(s.zone)))
			for _, yaml := range [][]byte{c.YAML(), c.ShortYAML()} {
				again, err := LoadCases("case.yaml", yaml)
				if err != nil || len(again) != 1 {
					t.Fatalf("%v\n%s", err, yaml)
				}
				if a := again[0]; a.Name != c.Name || a.Expect != c.Expect || !reflect.DeepEqual(a.Conversation(s.zone), c.Conversation(s.zone)) {
					t.Errorf("got %+v\nwas %+v\n%s", a.Given, c.Given, yaml)
				}
			}
		}
	})
}

// FuzzExpression compiles any expression, as what people type is seldom YAML.
func FuzzExpression(f *testing.F) {
	for _, src := range []string{
		`tagged("VIP")`, `not open("h")`, "last.text matches `(?i)price`", `any(texts, {let t = lower(#); t contains "a"})`,
		`now.Hour() in 9..17`, `waiting > duration("2m")`, `texts[3] == "a"`, `1 / 0 > 1`, `last?.media == nil`, `if true {false} else {true}`,
		`texts | filter(len(#) > 3) | len() > 0`, `(find(texts, # == "x") ?? "none") == "none"`, `"a" in prospect`, `[1, nil, "a"] == []`,
		`now.Format("") == ""`, `prospect == prospect`, `sum([1, 2.5]) > 3`, `$env`, `::len(texts) > 1`, `b"abc" == nil`,
	} {
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src string) {
		when, findings := compile(src, Env{}, []string{"h"})
		if (when == nil) == (len(findings) == 0) {
			t.Fatalf("%v and %v", when, findings)
		}
		for _, p := range findings {
			if p.message == "" || p.offset < 0 || p.offset > len(src) {
				t.Errorf("%+v", p)
			}
		}
		if when == nil {
			return
		}
		s := load(t, Options{}, "hours: {h: {mon-fri: ['09:00-17:00']}}")
		s.guards = []guard{{name: "it", when: when, at: func(int) string { return "here" }, outcome: bot.Outcome{Action: bot.Reply, Reason: "it"}}}
		for _, c := range []*bot.Conversation{conv(), conv(says("a", "b"), hasTags("VIP")), crowd()} {
			checkVerdict(t, c, s.Judge(c))
			for _, p := range s.Parts(c, nil, "it") {
				if p.Expr == "" || p.Value == "" || strings.ContainsAny(p.Value, "\n\x1b") {
					t.Errorf("%+v", p)
				}
			}
		}
	})
}

func checkProblems(t *testing.T, src []byte, err error) {
	t.Helper()
	var problems Problems
	if !errors.As(err, &problems) || len(problems) == 0 {
		t.Fatalf("not a list of problems: %#v", err)
	}
	lines := strings.Split(normalized(src), "\n")
	for _, p := range problems {
		if p.Message == "" || p.Line < 1 || p.Column < 1 || p.Line > len(lines) {
			t.Errorf("problem without a place: %+v", p)
		}
		line := p.Error()
		if p.Detail != "" { // of a test: lines of its own
			line = strings.ReplaceAll(line, "\n    ", "")
		}
		if strings.ContainsAny(line, "\n\r\x00\x1b") {
			t.Errorf("not one clean line: %q", p.Error())
		}
	}
}

func checkVerdict(t *testing.T, c *bot.Conversation, v bot.Verdict) {
	t.Helper()
	if v.Unread() {
		if c.Read {
			t.Errorf("unread, though it has been read: %+v", v)
		}
		return
	}
	if v.Guard == "" || v.Outcome.Reason == "" || v.Outcome.Action == "" {
		t.Errorf("not a whole verdict: %+v", v)
	}
	for _, check := range v.Checks {
		if check.Err != nil && v.Outcome.Action != bot.Handoff {
			t.Errorf("%v led to %s", check.Err, v.Outcome.Action)
		}
	}
}

// must makes a helper of a call that seldom fails.
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// designExample is the example of the documentation.
const designExample = `version: 1
hours:                        # days or ranges of days; 00:00-24:00 is the whole day, [] is closed
  business:
    mon-fri: ["09:00-12:30", "13:30-18:00"]
    sat: ["10:00-14:00"]
    closed: ["2026-12-25", "2026-12-31..2027-01-01"]
guards:                       # top to bottom, the first that fires decides
  - name: vip
    when: tagged("VIP")
    then: handoff             # reply | handoff | skip | wait
    reason: VIPs get a person
    tag: vip-waiting          # handoff: instead of BOT_HANDOFF_TAG
    assign: robin@example.com # handoff: a member's email or id
  - name: closed
    when: not open("business")
    then: wait                # asked again at every sweep
  - name: pricing
    when: last.text matches "(?i)price|cost"
    then: reply
    prompt: pricing           # prompts/pricing.tmpl
default: reply                # when no guard fires; skip when the line is missing
checks:                       # the same language over the model's draft
  - name: unsure
    when: draft.confidence < 0.6
    then: handoff
`
