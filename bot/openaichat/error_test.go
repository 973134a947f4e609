package openaichat

import (
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"inboxbot/bot"
)

// TestErrorsQuoteNothing: a server's message is shown only as far as it holds
// nothing that was sent to it.
func TestErrorsQuoteNothing(t *testing.T) {
	prompt := bot.Prompt{
		System: "You answer for a small shop that nobody else knows.",
		Chat: []bot.ChatMessage{
			{Role: bot.RoleUser, Text: "My card is\n4111 1111 1111 1111,\u202e thanks"},
			{Role: bot.RoleUser, Text: "Käse"},
			{Role: bot.RoleUser, Text: "no"},
		},
	}
	tests := []struct {
		name, message string
		shown         bool
	}{
		{"its own words", "model 'x' does not support response_format", true},
		{"a short word they share", "no", true},
		{"a run of the conversation", `invalid value: "4111 1111 1111 1111"`, false},
		{"a run across a line end", "invalid value: My card is 4111 1111", false},
		{"a short message whole", `cannot parse "Käse"`, false},
		{"escaped", `cannot parse "K\u00e4se"`, false},
		{"the system text", "too long: You answer for a small shop that…", false},
		{"the key", "bad key " + testKey, false},
		{"most of the key", "bad key " + testKey[4:24], false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := &Error{Kind: ErrRejected, Message: oneLine(tt.message, messageLen)}
			e.scrub(testKey, prompt)
			if shown := strings.Contains(e.Error(), oneLine(tt.message, messageLen)); shown != tt.shown {
				t.Errorf("shown: %v, want %v: %v", shown, tt.shown, e)
			}
		})
	}
}

func TestOneLine(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"plain", "model not found", "model not found"},
		{"line ends and colours", "a\r\n\x1b[31mlevel=error\x00 b", "a [31mlevel=error b"},
		{"invisible", "a\u202eb\u200bc\u2028d", "a b c d"},
		{"not UTF-8", "a\xffb", "a\ufffdb"},
		{"long", strings.Repeat("ä", 12), strings.Repeat("ä", 10) + "…"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := oneLine(tt.in, 10); tt.name == "long" && got != tt.want {
				t.Errorf("oneLine = %q, want %q", got, tt.want)
			} else if got := oneLine(tt.in, 100); tt.name != "long" && got != tt.want {
				t.Errorf("oneLine = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	tests := []struct {
		name, value string
		want        time.Duration
	}{
		{"nothing", "", 0},
		{"seconds", "12", 12 * time.Second},
		{"a date", "Mon, 23 Nov 2026 12:01:00 GMT", time.Minute},
		{"a date gone by", "Mon, 23 Nov 2026 11:00:00 GMT", 0},
		{"negative", "-3", 0},
		{"words", "soon", 0},
		{"not a number", "NaN", 0},
		{"for ever", "1e300", 24 * time.Hour},
		{"infinity", "Inf", 24 * time.Hour},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := retryAfter(http.Header{"Retry-After": {tt.value}}, now); got != tt.want {
				t.Errorf("retryAfter = %v, want %v", got, tt.want)
			}
		})
	}
}

// FuzzReadProblem: whatever a server sends instead of an answer becomes one
// harmless line.
func FuzzReadProblem(f *testing.F) {
	for _, body := range []string{
		`{"error":{"message":"x","type":"y","code":"z","param":"messages[0]"}}`, `{"error":"x"}`, `{"error":null}`, `{"error":{}}`,
		`{"detail":[{"loc":["body"],"msg":"x"}]}`, `{"message":["a","b"],"code":400}`, `[{"error":{"code":400}}]`, `[]`, `null`, `<html>`,
		`{"error":{"code":1e400,"message":{"msg":"a\u0000b\u202e"}}}`, `{"error":{"metadata":{"raw":"x","reasons":[]}}}`,
	} {
		f.Add([]byte(body), 400)
	}
	f.Fuzz(func(t *testing.T, body []byte, status int) {
		p, _ := readProblem(body)
		e := rejected(status, http.Header{}, p, FormatJSONSchema)
		e.scrub(testKey, question())
		text := e.Error()
		odd := func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }
		if e.Kind == nil || !utf8.ValidString(text) || strings.ContainsFunc(text, odd) || utf8.RuneCountInString(text) > messageLen+300 {
			t.Fatalf("%q", text)
		}
	})
}
