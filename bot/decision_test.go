package bot

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestParseDecision(t *testing.T) {
	tests := []struct {
		name, text string
		want       Decision
	}{
		{
			"reply", `{"action":"reply","reply":"We open at 9.","confidence":0.9,"reason":"in the facts"}`,
			Decision{Action: Reply, Reply: "We open at 9.", Confidence: 0.9, Reason: "in the facts"},
		},
		{
			"handoff without reply and reason", `{"action":"handoff","confidence":1}`,
			Decision{Action: Handoff, Confidence: 1},
		},
		{
			"skip with nulls", `{"action":"skip","reply":null,"confidence":0,"reason":null}`,
			Decision{Action: Skip},
		},
		{
			"space around", "\n {\"action\":\"skip\",\"confidence\":0.5}\r\n",
			Decision{Action: Skip, Confidence: 0.5},
		},
		{
			"a key of its own", `{"action":"skip","confidence":0.5,"notes":{"action":"reply"}}`,
			Decision{Action: Skip, Confidence: 0.5},
		},
		{
			"language and cause", `{"action":"handoff","confidence":0.5,"language":" pt-BR","cause":"not-in-facts"}`,
			Decision{Action: Handoff, Confidence: 0.5, Language: "pt-br", Cause: CauseFacts},
		},
		{
			"a hint that is none", `{"action":"handoff","confidence":0.5,"language":["de"],"cause":"loop"}`,
			Decision{Action: Handoff, Confidence: 0.5},
		},
		{
			"a language that is a sentence", `{"action":"skip","confidence":0.5,"language":"<b>German</b>, I think"}`,
			Decision{Action: Skip, Confidence: 0.5},
		},
		{
			"line ends and control characters", `{"action":"reply","reply":" Hi\r\nthere\rfriend\u0000\u001b[31m\t! \n","confidence":0.5,"reason":"two\nlines\u0007"}`,
			Decision{Action: Reply, Reply: "Hi\nthere\nfriend[31m\t!", Confidence: 0.5, Reason: "two lines"},
		},
		{
			"emoji of several characters stay whole", `{"action":"reply","reply":"👩‍👧 \ud83d\ude00","confidence":0.5}`,
			Decision{Action: Reply, Reply: "👩‍👧 😀", Confidence: 0.5},
		},
		{
			"quotes and braces in the reply", `{"action":"reply","reply":"{\"action\":\"skip\"}","confidence":0.5}`,
			Decision{Action: Reply, Reply: `{"action":"skip"}`, Confidence: 0.5},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseDecision(tt.text)
			if err != nil || got != tt.want {
				t.Errorf("ParseDecision = %+v, %v; want %+v", got, err, tt.want)
			}
		})
	}
}

func TestParseDecisionRefuses(t *testing.T) {
	tests := []struct{ name, text, says string }{
		{"nothing", ``, "not one JSON object"},
		{"prose", `Sure, I can help.`, "not one JSON object"},
		{"half an object", `{"action":"reply","reply":"We op`, "not one JSON object"},
		{"an object and more", `{"action":"skip","confidence":1} and that is why`, "not one JSON object"},
		{"two objects", `{"action":"skip","confidence":1}{"action":"reply","reply":"x","confidence":1}`, "not one JSON object"},
		{"a list", `[{"action":"skip","confidence":1}]`, "not an object"},
		{"null", `null`, "not an object"},
		{"a string", `"reply"`, "not an object"},
		{"an empty object", `{}`, "action is missing"},
		{"no action", `{"reply":"hello","confidence":1}`, "action is missing"},
		{"another action", `{"action":"refund","reply":"done","confidence":1}`, "none of reply, handoff, skip"},
		{"wait, which only guards may say", `{"action":"wait","confidence":1}`, "none of reply, handoff, skip"},
		{"an action in capitals", `{"action":"REPLY","reply":"x","confidence":1}`, "none of reply, handoff, skip"},
		{"an action that is a list", `{"action":["reply"],"reply":"x","confidence":1}`, "none of reply, handoff, skip"},
		{"an action that is null", `{"action":null,"reply":"x","confidence":1}`, "none of reply, handoff, skip"},
		{"a key in capitals", `{"Action":"reply","reply":"x","confidence":1}`, "action is missing"},
		{"a key twice", `{"action":"handoff","action":"reply","reply":"x","confidence":1}`, "occurs twice"},
		{"a key twice, once escaped", `{"action":"handoff","\u0061ction":"reply","reply":"x","confidence":1}`, "occurs twice"},
		{"a reply without text", `{"action":"reply","reply":"","confidence":1}`, "without text"},
		{"a reply of nothing one can see", `{"action":"reply","reply":" \n\u0000\u200b\u2060 ","confidence":1}`, "without text"},
		{"a reply missing", `{"action":"reply","confidence":1}`, "without text"},
		{"a reply that is an object", `{"action":"reply","reply":{"text":"x"},"confidence":1}`, "reply is not a text"},
		{"half an emoji", `{"action":"reply","reply":"hi \ud83d","confidence":1}`, "broken character"},
		{"no confidence", `{"action":"reply","reply":"x"}`, "confidence is missing"},
		{"confidence null", `{"action":"reply","reply":"x","confidence":null}`, "not a number from 0 to 1"},
		{"confidence as a text", `{"action":"reply","reply":"x","confidence":"0.9"}`, "not a number from 0 to 1"},
		{"confidence in percent", `{"action":"reply","reply":"x","confidence":90}`, "not a number from 0 to 1"},
		{"confidence below 0", `{"action":"reply","reply":"x","confidence":-0.1}`, "not a number from 0 to 1"},
		{"confidence beyond any number", `{"action":"reply","reply":"x","confidence":1e999}`, "not a number from 0 to 1"},
		{"confidence NaN", `{"action":"reply","reply":"x","confidence":NaN}`, "not one JSON object"},
		{"invalid UTF-8", "{\"action\":\"reply\",\"reply\":\"\xff\",\"confidence\":1}", "not UTF-8"},
		{"very long", `{"action":"reply","reply":"` + strings.Repeat("x", maxDecision) + `","confidence":1}`, "longer than"},
		{"very deep", strings.Repeat("[", 20000) + strings.Repeat("]", 20000), "not one JSON object"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseDecision(tt.text)
			if !errors.Is(err, ErrDecision) || !strings.Contains(fmt.Sprint(err), tt.says) {
				t.Errorf("error = %v, want one that says %q", err, tt.says)
			}
			if got != (Decision{}) {
				t.Errorf("decision %+v with an error", got)
			}
		})
	}
}

func TestParseDecisionSaysAllThatIsWrong(t *testing.T) {
	_, err := ParseDecision(`{"action":"x","confidence":7,"reply":1}`)
	for _, want := range []string{"action", "confidence", "reply is not"} {
		if !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("error %q does not mention %q", err, want)
		}
	}
}

func TestParseDecisionBoundsTheReason(t *testing.T) {
	d, err := ParseDecision(`{"action":"skip","confidence":1,"reason":"` + strings.Repeat("é", 2*maxReason) + `"}`)
	if n := utf8.RuneCountInString(d.Reason); err != nil || n != maxReason+1 {
		t.Errorf("reason of %d characters, %v; want %d and an ellipsis", n, err, maxReason)
	}
}

func FuzzParseDecision(f *testing.F) {
	f.Add(`{"action":"reply","reply":"We open at 9.","confidence":0.9,"reason":"in the facts"}`)
	f.Add(`{"action":"reply","reply":"\ud83d\u0000\r\n","confidence":1e-9}`)
	f.Add(`{"action":"wait","confidence":1}`)
	f.Add(`{"a":1,"a":2}`)
	f.Add(`{"action":"skip","confidence":1}{}`)
	f.Add("{\"action\":\"\xff\"}")
	f.Fuzz(func(t *testing.T, text string) {
		d, err := ParseDecision(text)
		if err != nil {
			if !errors.Is(err, ErrDecision) || d != (Decision{}) {
				t.Fatalf("refused with %+v, %v", d, err)
			}
			return
		}
		switch d.Action {
		case Reply:
			if !strings.ContainsFunc(d.Reply, isVisible) {
				t.Fatalf("reply %q says nothing", d.Reply)
			}
		case Handoff, Skip:
		case Wait:
			fallthrough
		default:
			t.Fatalf("action %q", d.Action)
		}
		if !(d.Confidence >= 0 && d.Confidence <= 1) {
			t.Fatalf("confidence %v", d.Confidence)
		}
		odd := func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }
		if !utf8.ValidString(d.Reply) || strings.ContainsFunc(d.Reply, odd) || strings.ContainsAny(d.Reason, "\r\n") {
			t.Fatalf("reply %q, reason %q", d.Reply, d.Reason)
		}
	})
}

func BenchmarkParseDecision(b *testing.B) {
	text := `{"action":"reply","reply":"` + strings.Repeat("We open at 9 and close at 6. ", 20) + `","confidence":0.9,"reason":"in the facts"}`
	for b.Loop() {
		if _, err := ParseDecision(text); err != nil {
			b.Fatal(err)
		}
	}
}
