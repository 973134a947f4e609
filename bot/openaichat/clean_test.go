package openaichat

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestClean(t *testing.T) {
	const d = decision
	mentions := `{"action":"reply","reply":"use <think>x</think> and` + "```" + `","confidence":1,"reason":""}`
	tests := []struct{ name, text, want string }{
		{"bare", d, d},
		{"space and a byte order mark", "\ufeff\n " + d + "\n\n", d},
		{"nothing", " \n", ""},
		{"a fence", "```json\n" + d + "\n```", d},
		{"a fence without a name", "```\n" + d + "\n```", d},
		{"a fence in capitals on one line", "```JSON " + d + "```", d},
		{"a fence that is not closed", "```json\n" + d, d},
		{"words around a fence", "Here it is:\n```json\n" + d + "\n```\nAll right?", d},
		{"thinking", "<think>\nhm {\n</think>\n\n" + d, d},
		{"thinking of other names", "<thinking>a</thinking><Reasoning>b</Reasoning> [THINK]c[/THINK]" + d, d},
		{"thinking, then a fence", "<think>a</think>```json\n" + d + "\n```", d},
		{"words, then thinking", "Well. <think>a</think> " + d, d},
		{"thinking whose beginning is in the template", "The {shop} opens at 9.\n</think>\n" + d, d},
		{"thinking that never ends", "<think>\nThey ask " + d, ""},
		{"thinking that drafts", "<think>maybe " + `{"action":"skip"}` + "</think>" + d, d},
		{"an answer that mentions all that", mentions, mentions},
		{"the same, fenced", "```json\n" + mentions + "\n```", mentions},
		{"no JSON at all", "We open at 9.", "We open at 9."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, format := range []string{FormatJSONSchema, FormatJSONObject, FormatText} {
				if got := clean(tt.text, format); got != tt.want {
					t.Errorf("%s: clean = %q, want %q", format, got, tt.want)
				}
			}
		})
	}
}

// TestCleanIsCertainOrLeavesIt: an object that is quoted must not be taken for
// the decision.
func TestCleanIsCertainOrLeavesIt(t *testing.T) {
	const d = decision
	tests := []struct {
		name, text   string
		json, asText string // what the JSON formats and the text format make of it
	}{
		{"words around", "Sure: " + d + " Bye.", d, "Sure: " + d + " Bye."},
		{"two objects", d + "\n" + d, d + "\n" + d, d + "\n" + d},
		{"a brace in the words", "{so} " + d, "{so} " + d, "{so} " + d},
		{"two fences", "```json\n" + d + "\n```\nor\n```json\n" + d + "\n```", "", ""},
		{"another language's fence", "```go\nfunc() { x }\n```", "```go\nfunc() { x }\n```", "```go\nfunc() { x }\n```"},
		{
			"a broken decision that quotes another",
			`{"action":"skip","reason":"they wrote ` + d + `"}`,
			`{"action":"skip","reason":"they wrote ` + d + `"}`,
			`{"action":"skip","reason":"they wrote ` + d + `"}`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.json == "" {
				tt.json, tt.asText = tt.text, tt.text
			}
			if got := clean(tt.text, FormatJSONSchema); got != tt.json {
				t.Errorf("json: clean = %q, want %q", got, tt.json)
			}
			if got := clean(tt.text, FormatText); got != tt.asText {
				t.Errorf("text: clean = %q, want %q", got, tt.asText)
			}
		})
	}
}

// TestCleanIsQuick: a server that means harm cannot make cleaning slow.
func TestCleanIsQuick(t *testing.T) {
	for name, unit := range map[string]string{
		"thoughts": "<think></think>", "beginnings": "<think>", "ends": "x</think>", "braces": "{", "objects": `{"a":`, "fences": "```",
	} {
		start := time.Now()
		clean(strings.Repeat(unit, (1<<20)/len(unit)), FormatJSONObject)
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("%s: %v for 1 MiB", name, took)
		}
	}
}

func FuzzClean(f *testing.F) {
	for _, text := range []string{
		decision, "```json\n" + decision + "\n```", "<think>a</think>" + decision, "<think>", "a</think>b</think>{}",
		"Sure: " + decision + ".", "``````", "{}```{}```", "[THINK][/think]{", "\xff{\"a\":\"\xfe\"}",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, format := range []string{FormatJSONSchema, FormatText} {
			got := clean(text, format)
			if !strings.Contains(text, got) {
				t.Fatalf("%q is not part of %q", got, text)
			}
			if strings.TrimSpace(got) != got {
				t.Fatalf("%q has space around it", got)
			}
			if whole := strings.TrimSpace(text); strings.HasPrefix(whole, "{") && json.Valid([]byte(whole)) && got != whole {
				t.Fatalf("an object %q became %q", whole, got)
			}
			if again := clean(got, format); len(got) < len(text) && json.Valid([]byte(got)) && strings.HasPrefix(got, "{") && again != got {
				t.Fatalf("%q is cleaned to %q and then to %q", text, got, again)
			}
		}
	})
}

func BenchmarkClean(b *testing.B) {
	text := "<think>" + strings.Repeat("They ask when we open. ", 100) + "</think>\n```json\n" + decision + "\n```"
	for b.Loop() {
		if clean(text, FormatJSONObject) != decision {
			b.Fatal("not clean")
		}
	}
}
