package rules

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// validator is the schema as an editor uses it.
func validator(t testing.TB) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("rules.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	return c.MustCompile("rules.schema.json")
}

func validate(t testing.TB, s *jsonschema.Schema, file string) error {
	t.Helper()
	data, err := yaml.YAMLToJSON([]byte(file))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(doc)
}

// TestSchemaIsDraft7: editors need it to be one.
func TestSchemaIsDraft7(t *testing.T) {
	if s := validator(t); s.DraftVersion != 7 {
		t.Errorf("it is draft %d", s.DraftVersion)
	}
	if bytes.Contains(Schema(), []byte("null")) {
		t.Error("a part of the schema is missing")
	}
}

// everyKey is a rule file with every key there is.
const everyKey = `version: 1
hours:
  business:
    mon-fri: ["09:00-12:30", 13:30-18:00]
    Sat: ["10:00 - 14:00"]
    sun: []
    closed: ["2026-12-25", 2026-12-31..2027-01-01]
  night: {fri-sun: ["22:00-02:00"], tue: ["00:00-24:00"]}
guards:
  - {name: vip, when: tagged("VIP"), then: handoff, reason: VIPs get a person, tag: vip, assign: robin@example.com, cause: policy, say: vip}
  - {name: "Größe.2_x", when: true, then: reply, prompt: pricing}
  - name: drafted
    when: |
      any(texts, # contains "a")
    then: draft
    prompt: pricing
default: draft
checks:
  - {name: unsure, when: draft.confidence < 0.6, then: handoff}
handoffs:
  - {causes: [asked-for-person, in-doubt], outside: business, say: closed}
  - {during: business, say: none}
draft-checks: {links: "off", promise: log, length: on}
tests:
  - name: VIPs get a person
    given:
      now: 2026-11-23T22:15:00
      message: Hello
      prospect: {username: jane, tags: [VIP], followers: 12, verified: true, valuation: 99.5, id: "7"}
      account: {username: us, status: paused}
      thread: {request: true, createdAt: 2026-11-20T12:00:00+01:00}
      repliesToday: "3"
      seen: [VIP]
      draft: {text: Hi, confidence: 0.4, action: reply}
    expect: {outcome: handoff, guard: vip, say: vip}
  - name: several messages
    given:
      messages:
        - {from: us, text: Hi, ago: 26h}
        - {text: "", media: [image], at: 2026-11-25T11:00:00, edited: true}
    expect: {outcome: reply, guard: Größe.2_x}
`

func TestSchemaAccepts(t *testing.T) {
	s := validator(t)
	for name, file := range map[string]string{"the shipped rules": string(Default()), "every key": everyKey, "the least": "version: 1"} {
		if err := validate(t, s, file); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := Load("rules.yaml", []byte(file), Options{HandoffTag: "needs-human"}); err != nil {
			t.Errorf("%s: an editor takes what Load refuses: %v", name, err)
		}
	}
	demo, err := os.ReadFile("../cmd/inboxbot/demo/rules.yaml")
	if err != nil {
		t.Skip("the demo's rules are not here:", err)
	}
	if err := validate(t, s, string(demo)); err != nil {
		t.Errorf("the demo's rules: %v", err)
	}
}

// TestSchemaRefuses is what an editor underlines while an author types: each file
// is everyKey with one thing changed. Load refuses all of them too.
func TestSchemaRefuses(t *testing.T) {
	s := validator(t)
	for _, tt := range []struct{ name, was, is string }{
		{"no version", "version: 1\n", ""},
		{"another version", "version: 1\n", "version: 2\n"},
		{"a version in quotes", "version: 1\n", "version: \"1\"\n"},
		{"an unknown key of the file", "guards:\n", "guard: []\nguards:\n"},
		{"an unknown key of a guard", "reason:", "resaon:"},
		{"an unknown key of a check", "then: handoff}\nhandoffs", "then: handoff, whne: true}\nhandoffs"},
		{"a guard without a name", "name: vip, ", ""},
		{"a guard without when", `when: tagged("VIP"), `, ""},
		{"a guard without then", "then: handoff, reason", "reason"},
		{"a name with a space", "name: vip,", "name: my vip,"},
		{"a name that is a number", "name: vip,", "name: 7,"},
		{"a name that is much too long", "name: vip,", "name: " + strings.Repeat("v", 65) + ","},
		{"a misspelt outcome", "then: handoff, reason", "then: hand-off, reason"},
		{"YAML's no as an outcome", "default: draft", "default: no"},
		{"a misspelt default", "default: draft", "default: repyl"},
		{"a check that replies", "then: handoff}\nhandoffs", "then: reply}\nhandoffs"},
		{"an unknown cause", "cause: policy", "cause: politics"},
		{"a tag with a reply", "then: reply, prompt: pricing", "then: reply, tag: vip"},
		{"a prompt with a handoff", "tag: vip,", "prompt: pricing,"},
		{"a reason that is empty", "reason: VIPs get a person", `reason: ""`},
		{"when is a list", "when: true", "when: [true]"},
		{"when is a number", "when: true", "when: 1"},
		{"guards is a mapping", "checks:\n  - ", "checks:\n    "},
		{"an unknown day", "mon-fri: [", "mon-fry: ["},
		{"a day in full", "Sat: [", "saturday: ["},
		{"a time without its zero", "09:00-12:30", "9:00-12:30"},
		{"a time that is not", "09:00-12:30", "09:00-25:30"},
		{"a window without its end", "09:00-12:30", "09:00"},
		{"one window without its list", `["10:00 - 14:00"]`, `"10:00 - 14:00"`},
		{"a date the other way round", "2026-12-25", "25.12.2026"},
		{"hours with a bad name", "night: {", "at night: {"},
		{"an unknown mode", "promise: log", "promise: warn"},
		{"an unknown check of drafts", "promise: log", "promises: log"},
		{"an unknown cause of a handoff", "in-doubt]", "doubt]"},
		{"a handoff that says nothing", "outside: business, say: closed", "outside: business"},
		{"a test that expects nothing known", "outcome: handoff", "outcome: hand-off"},
		{"a test without a name", "name: several messages\n    ", ""},
		{"a test with an unknown name", "followers: 12", "folowers: 12"},
		{"a test with a wrong type", "verified: true", "verified: 1"},
		{"a test at no time", "now: 2026-11-23T22:15:00", "now: yesterday"},
		{"a length of time without a unit", "ago: 26h", "ago: 26"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if strings.Count(everyKey, tt.was) != 1 {
				t.Fatalf("%q stands %d times in the file", tt.was, strings.Count(everyKey, tt.was))
			}
			file := strings.Replace(everyKey, tt.was, tt.is, 1)
			if err := validate(t, s, file); err == nil {
				t.Error("the schema accepts it")
			}
			if _, err := Load("rules.yaml", []byte(file), Options{}); err == nil {
				t.Error("Load accepts it")
			}
		})
	}
}

// TestSchemaKnowsEveryKey: what Load takes, the editor offers. Load tells its keys
// when it meets one that is far from all.
func TestSchemaKnowsEveryKey(t *testing.T) {
	keys := func(in schema, path ...string) []string {
		for _, p := range path {
			switch next := in[p].(type) {
			case schema:
				in = next
			default:
				t.Fatalf("the schema has no %s", strings.Join(path, "."))
			}
		}
		return slices.Sorted(maps.Keys(in))
	}
	all := fileSchema()
	for _, tt := range []struct {
		of, file string
		known    []string
	}{
		{"the file", "zzzzzzzzzzzz: 1", keys(all, "properties")},
		{"a guard", "guards: [{zzzzzzzzzzzz: 1}]", keys(all, "properties", "guards", "items", "properties")},
		{"a check", "checks: [{zzzzzzzzzzzz: 1}]", keys(all, "properties", "checks", "items", "properties")},
		{"a handoff", "handoffs: [{zzzzzzzzzzzz: 1}]", keys(all, "properties", "handoffs", "items", "properties")},
		{"the checks of drafts", "draft-checks: {zzzzzzzzzzzz: 1}", keys(all, "properties", "draft-checks", "properties")},
		{"a test", "tests: [{zzzzzzzzzzzz: 1}]", keys(all, "properties", "tests", "items", "properties")},
		{"what is expected", "tests: [{expect: {zzzzzzzzzzzz: 1}}]", keys(all, "properties", "tests", "items", "properties", "expect", "properties")},
		{"what is given", "tests: [{given: {zzzzzzzzzzzz: 1}}]", keys(all, "properties", "tests", "items", "properties", "given", "properties")},
		{"a given prospect", "tests: [{given: {prospect: {zzzzzzzzzzzz: 1}}}]", keys(all, "properties", "tests", "items", "properties", "given", "properties", "prospect", "properties")},
		{"a given account", "tests: [{given: {account: {zzzzzzzzzzzz: 1}}}]", keys(all, "properties", "tests", "items", "properties", "given", "properties", "account", "properties")},
		{"a given thread", "tests: [{given: {thread: {zzzzzzzzzzzz: 1}}}]", keys(all, "properties", "tests", "items", "properties", "given", "properties", "thread", "properties")},
		{"a given draft", "tests: [{given: {draft: {zzzzzzzzzzzz: 1}}}]", keys(all, "properties", "tests", "items", "properties", "given", "properties", "draft", "properties")},
		{"a given record", "tests: [{given: {record: {zzzzzzzzzzzz: 1}}}]", keys(all, "properties", "tests", "items", "properties", "given", "properties", "record", "properties")},
		{"a given team", "tests: [{given: {team: {zzzzzzzzzzzz: 1}}}]", keys(all, "properties", "tests", "items", "properties", "given", "properties", "team", "properties")},
		{"a given message", "tests: [{given: {messages: [{zzzzzzzzzzzz: 1}]}}]", keys(all, "properties", "tests", "items", "properties", "given", "properties", "messages", "items", "properties")},
	} {
		t.Run(tt.of, func(t *testing.T) {
			_, err := Load("rules.yaml", []byte("version: 1\n"+tt.file), Options{})
			var problems Problems
			if !errors.As(err, &problems) {
				t.Fatalf("Load says %v", err)
			}
			for _, p := range problems {
				m := regexp.MustCompile(`^known keys: (.*)$`).FindStringSubmatch(p.Hint)
				if m == nil || !strings.Contains(p.Message, "zzzzzzzzzzzz") {
					continue
				}
				for key := range strings.SplitSeq(m[1], ", ") {
					if !slices.Contains(tt.known, key) {
						t.Errorf("the schema does not know %s", key)
					}
				}
			}
		})
	}
}
