package draftcheck_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"inboxbot/bot/draftcheck"
)

// typical is a draft of 1 kB against a system text of 8 kB and twenty turns, put
// together from the corpus.
func typical(tb testing.TB) draftcheck.Input {
	tb.Helper()
	var h houses
	var rows []draft
	readYAML(tb, "testdata/houses.yaml", &h)
	readYAML(tb, "testdata/corpus.yaml", &rows)
	var facts, text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(h.Houses)) {
		facts.WriteString(h.Houses[name])
	}
	in := draftcheck.Input{Canary: h.Canary, Language: "en", Now: h.Now}
	for _, row := range rows {
		if row.Want != "" || row.Lang != "en" || len(row.In) == 0 {
			continue
		}
		if text.Len() < 1000 {
			text.WriteString(row.Text + "\n")
		}
		if len(in.Inbound) < 10 {
			in.Inbound, in.Outbound = append(in.Inbound, row.In[0]), append(in.Outbound, "For us: "+row.Text)
		}
	}
	in.Text, in.Facts = text.String(), []string{facts.String()}
	in.Instructions = h.Instructions + facts.String()
	in.Given = []string{in.Instructions + strings.Repeat("We answer in the language of the person who asks, as plainly as we can.\n", (8000-len(in.Instructions))/72)}
	return in
}

func BenchmarkTypical(b *testing.B) {
	in := typical(b)
	b.Logf("text %d bytes, given %d bytes, %d turns", len(in.Text), len(in.Given[0]), len(in.Inbound)+len(in.Outbound))
	b.ReportAllocs()
	for b.Loop() {
		draftcheck.Run(in, nil)
	}
}

func BenchmarkShort(b *testing.B) {
	in := typical(b)
	in.Text = "Yes, the showroom is open on Saturdays. Would you like to come by?"
	b.ReportAllocs()
	for b.Loop() {
		draftcheck.Run(in, nil)
	}
}

// The longest that is ever judged: 40 kB of draft, 100 kB given.
func BenchmarkLongest(b *testing.B) {
	in := typical(b)
	in.Text = strings.Repeat("[a](b) {c 1.2.3 +49 30 12 @x.de <y ", 40_000/36)
	in.Given = []string{strings.Repeat("12.3 4-5 6/7 +8 (9) a@b.c d.e/f 10:11 §%$ ", 100_000/43)}
	b.ReportAllocs()
	for b.Loop() {
		draftcheck.Run(in, nil)
	}
}
