package draftcheck_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"syscall"
	"testing"

	"inboxbot/bot/draftcheck"
)

func TestModes(t *testing.T) {
	in := draftcheck.Input{Text: "Hi {{name}}, it is $5 at evil.example"}
	names := func(found []draftcheck.Finding) (names []string) {
		for _, f := range found {
			names = append(names, f.Check)
		}
		return names
	}
	for _, row := range []struct {
		name  string
		modes map[string]draftcheck.Mode
		want  []string
	}{
		{"a check is on when nobody says otherwise", nil, []string{"leftovers", "links", "prices"}},
		{"one that is only logged is told of", map[string]draftcheck.Mode{"links": draftcheck.Log}, []string{"leftovers", "links", "prices"}},
		{"one that is off is silent", map[string]draftcheck.Mode{"links": draftcheck.Off}, []string{"leftovers", "prices"}},
		{"a mode nobody knows counts as on", map[string]draftcheck.Mode{"links": "perhaps"}, []string{"leftovers", "links", "prices"}},
	} {
		if got := names(draftcheck.Run(in, row.modes)); !slices.Equal(got, row.want) {
			t.Errorf("%s: got %v, want %v", row.name, got, row.want)
		}
	}
}

// What counts as the same when a draft is compared with what the model was given.
func TestSameFact(t *testing.T) {
	for _, row := range []struct {
		check, given, text string
		held               bool
	}{
		{"prices", "8,90 €", "EUR 8.90", false},
		{"prices", "8.9 EUR", "€8,90", false},
		{"prices", "1.290 EUR", "€1,290.00", false},
		{"prices", "1.290 EUR", "1,29 €", false}, // the dot can be meant either way
		{"prices", "1 290,50 zł", "1290.50 PLN", false},
		{"prices", "CHF 1'290", "1290 Franken", false},
		{"prices", "$10k", "10,000 USD", false},
		{"prices", "CA$20", "20 CAD", false},
		{"prices", "20 EUR", "20 USD", true},
		{"prices", "20 EUR", "200 EUR", true},
		{"prices", "20 people", "20 EUR", true},
		{"prices", "all prices in EUR: mug 20, plate 30", "the mug is 20 €", false},
		{"prices", "room 20, prices on request", "20 €", true},
		{"prices", "nothing", "from 10 to 20 EUR", true},
		{"percentages", "10 %", "ten, that is 10%", false},
		{"percentages", "10 percent", "10,0 %", false},
		{"percentages", "10 EUR", "10 %", true},
		{"links", "https://www.shop.example/", "shop.example", false},
		{"links", "shop.example", "HTTP://SHOP.EXAMPLE/sale?x=1", false},
		{"links", "shop.example", "help.shop.example", false},
		{"links", "mail us: hi@shop.example", "www.shop.example", false},
		{"links", "shop.example", "myshop.example", true},
		{"links", "shop.example", "shop.example.evil.test", true},
		{"links", "x.com/us", "x.com/them", true},
		{"links", "x.com/us", "x.com/us/status/1", false},
		{"links", "nothing", "evil (dot) com/pay", true},
		{"links", "nothing", "connect the dots. In the end it is easy", false},
		{"emails", "hi@shop.example", "Hi@Shop.Example.", false},
		{"emails", "hi@shop.example", "hi (at) shop.example", false},
		{"emails", "hi@shop.example", "sales@shop.example", true},
		{"emails", "hi@shop.example", "hi [at] shop [dot] com", true},
		{"phones", "+49 30 123 45-67", "030/1234567", false},
		{"phones", "0049 (0)30 1234567", "+49301234567", false},
		{"phones", "030 1234567", "030 1234568", true},
		{"phones", "nothing", "call 112233", true},
		{"phones", "nothing", "about 1 200 000 visitors in 2024-2025, sizes 36 38 40 42", false},
		{"dates", "25.12.", "Dec 25th", false},
		{"dates", "25 December 2026", "2026-12-25", false},
		{"dates", "2026-12-25", "12/25", false},
		{"dates", "05/06/2026", "6 May", false}, // either order
		{"dates", "24 to 26 December", "until December 24", false},
		{"dates", "Dec 1–5", "5 Dec", false},
		{"dates", "25 December 2026", "25 December 2027", true},
		{"dates", "25 December", "in December 2026", false},
		{"dates", "nothing", "on 1/2", true},
		{"dates", "nothing", "1/2 a cup, 24/7, 16:9, v1.2. You may 5 times. 5 out of 10", false},
		{"dates", "nothing", "today or tomorrow", false},
		{"dates", "12月25日", "25 December", false},
		{"dates", "9:30", "at 9.30 Uhr", false},
		{"dates", "21:30", "9:30 pm", false},
		{"dates", "9-17 Uhr", "until 5 p.m.", false},
		{"dates", "9 to 5", "9am", false},
		{"dates", "9:00-17:00", "at 18h30", true},
		{"dates", "9:00-17:00", "within 24h or 48h", false},
		{"dates", "9 am", "9 pm", true},
		{"prices", "٣٢٠ درهم", "320 درهمًا", false},
		{"prices", "３，２００円", "¥3,200", false},
		{"prices", "1万円", "10,000円です", false},
		{"prices", "1万2000円", "12,000円", false},
		{"prices", "税込2,800円", "800円", true},
		{"prices", "5元", "5 yuan", false},
		{"percentages", "خصم ١٥٪", "15%", false},
		{"percentages", "2割引", "20%", false},
		{"phones", "075-555-0142", "電話は０７５－５５５－０１４２", false},
		{"links", "shop.example", "ｓｈｏｐ．ｅｘａｍｐｌｅ", false},
		{"emails", "hi@shop.example", "ｈｉ＠ｓｈｏｐ．ｅｘａｍｐｌｅ", false},
		{"dates", "٢٥ ديسمبر", "25 December", false},
		{"dates", "11時〜18時", "from 11:00 to 18:00", false},
		{"dates", "من ١٠ صباحًا", "10 am", false},
	} {
		in := draftcheck.Input{Text: row.text, Given: []string{row.given}}
		held := false
		for _, f := range draftcheck.Run(in, nil) {
			held = held || f.Check == row.check
		}
		if held != row.held {
			t.Errorf("%s: %q given %q: held %v, want %v", row.check, row.text, row.given, held, row.held)
		}
	}
}

// A person must find what is minded, so the words come as they stand.
func TestSpan(t *testing.T) {
	for text, want := range map[string]string{
		"It is EUR 5, ok?":                "EUR 5",
		"Go to https://Evil.example/A).":  "https://Evil.example/A",
		"Call +1 (415) 555-0132 now":      "+1 (415) 555-0132",
		"Come on Friday, May 5th, 2027!":  "May 5th, 2027",
		"Sure, I'll get back to you soon": "I'll get back",
		"Write to a (at) evil (dot) com":  "a (at) evil (dot) com",
		"Hi <name>":                       "<name>",
		"価格は３，２００円です":                     "３，２００円",
		"السعر ٣٢٠ درهم فقط":              "٣٢٠ درهم",
	} {
		found := draftcheck.Run(draftcheck.Input{Text: text}, nil)
		if len(found) != 1 || found[0].Span != want {
			t.Errorf("%q: got %+v, want the span %q", text, found, want)
		}
	}
}

// Facts are quoted, orders are not; the caller says which is which.
func TestLeakNeedsFactsToldApart(t *testing.T) {
	const fact = "Never put oak in the dishwasher, the wood would crack."
	in := draftcheck.Input{Text: "No! " + fact, Instructions: "You answer for a shop.\n" + fact}
	if found := draftcheck.Run(in, nil); len(found) != 0 {
		t.Errorf("a fact is no order to the model: %+v", found)
	}
	in.Instructions = "Tell nobody, and never mention the list of\nwholesale prices to anybody who asks."
	in.Text = "I never mention the list of wholesale prices to anybody"
	if found := draftcheck.Run(in, nil); len(found) != 1 || found[0].Check != "prompt-leak" {
		t.Errorf("a wrapped order was repeated: %+v", found)
	}
	in.Facts = []string{in.Instructions}
	if found := draftcheck.Run(in, nil); len(found) != 0 {
		t.Errorf("what is a fact may be repeated: %+v", found)
	}
	in = draftcheck.Input{Text: "Happy to help, our workshop is closed until further notice", Instructions: `If asked about repairs, say "Happy to help, our workshop is closed until further notice".`}
	if found := draftcheck.Run(in, nil); len(found) != 0 {
		t.Errorf("a wording in quotes is there to be used: %+v", found)
	}
}

func FuzzRun(f *testing.F) {
	var h houses
	var rows []draft
	readYAML(f, "testdata/houses.yaml", &h)
	readYAML(f, "testdata/corpus.yaml", &rows)
	for _, d := range rows {
		f.Add(d.Text, h.Houses[d.House], strings.Join(d.In, "\n"), strings.Join(d.Out, "\n"), d.Lang, h.Canary, d.Max)
	}
	f.Add("\xff1.\xff2.\u0301 5 \u202e €", "\xff", "\u0301", "", "x-", "\xff", -1)
	f.Add("\xff٣\xff１：０ ＠ ١٢٪ 1万2000円 10時半", "３", "", "", "", "", 9)
	f.Add("1/1/1-1.1.1:1h1 am 1 am +(1) 1年1月1日 1,- 1k", "1–1 1 bis 1", "", "", "", "", 1)
	f.Fuzz(func(t *testing.T, text, given, inbound, outbound, language, canary string, most int) {
		in := draftcheck.Input{
			Text: text, Max: most, Given: []string{given}, Instructions: given, Canary: canary,
			Inbound: []string{inbound}, Outbound: []string{outbound}, Language: language, SameTo: most,
		}
		found := draftcheck.Run(in, nil)
		last := 0
		for _, f := range found {
			at := slices.Index(draftcheck.Names, f.Check)
			if at < last {
				t.Errorf("%q is unknown or out of order", f.Check)
			}
			last = at
			if f.Span == "" || !strings.Contains(text, f.Span) {
				t.Errorf("%s: the span %q does not stand in %q", f.Check, f.Span, text)
			}
			if f.Detail == "" || strings.ContainsAny(f.Detail, "\n\r") {
				t.Errorf("%s: the detail %q is not one line", f.Check, f.Detail)
			}
		}
		if again := draftcheck.Run(in, nil); !slices.Equal(found, again) {
			t.Errorf("twice the same, two answers: %+v, %+v", found, again)
		}
		off := map[string]draftcheck.Mode{}
		for _, name := range draftcheck.Names {
			off[name] = draftcheck.Off
		}
		if found := draftcheck.Run(in, off); len(found) != 0 {
			t.Errorf("all checks are off, and yet %+v", found)
		}
	})
}

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
		if facts.Len() < 4000 {
			facts.WriteString(h.Houses[name])
		}
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
	run(b, in)
}

func BenchmarkShort(b *testing.B) {
	in := typical(b)
	in.Text = "Yes, the showroom is open on Saturdays. Would you like to come by?"
	run(b, in)
}

// The longest that is ever judged, of what there is most to read in: 40 kB of
// draft, 100 kB given.
func BenchmarkLongest(b *testing.B) {
	in := typical(b)
	in.Text = strings.Repeat("[a](b) {c 1.2.3 +49 30 12 @x.de <y ", 40_000/36)
	in.Given = []string{strings.Repeat("12.3 4-5 6/7 +8 (9) a@b.c d.e/f 10:11 §%$ ", 100_000/43)}
	run(b, in)
}

// Known claims against claims, each of them another one.
func BenchmarkClaims(b *testing.B) {
	var text, given strings.Builder
	for i := 0; text.Len() < 40_000; i++ {
		fmt.Fprintf(&text, "%d@b.de ", i)
	}
	for i := 100_000; given.Len() < 100_000; i++ {
		fmt.Fprintf(&given, "%d@b.de ", i%6000)
	}
	run(b, draftcheck.Input{Text: text.String(), Given: []string{given.String()}})
}

// run adds the processor time to the usual figures: on a busy machine it says
// more than the clock.
func run(b *testing.B, in draftcheck.Input) {
	b.ReportAllocs()
	before := cpu(b)
	for b.Loop() {
		draftcheck.Run(in, nil)
	}
	b.ReportMetric(float64(cpu(b)-before)/float64(b.N), "cpu-ns/op")
}

func cpu(b *testing.B) int64 {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}
