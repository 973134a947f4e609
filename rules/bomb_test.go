package rules

import (
	"fmt"
	"regexp/syntax"
	"runtime"
	"strings"
	"testing"
	"time"

	"inboxbot/bot"
)

// worst is the conversation that expressions have most to read of: every text as
// long as it may be, made of the letters the patterns below are slow with.
func worst() *bot.Conversation {
	half := strings.Repeat("a", maxText/2)
	return conv(
		says(half, strings.Repeat("a", maxText/2)),
		hasTags(strings.Split(strings.Repeat("tag,", maxItems-1)+"tag", ",")...),
		func(c *bot.Conversation) {
			c.Thread.Prospect.Bio = new(half)
			c.Thread.Prospect.Context.Notes = new(strings.Repeat("a", maxText))
		},
	)
}

// crowd is the worst conversation for loops: as many messages as a list may have.
func crowd() *bot.Conversation {
	c := worst()
	c.Turns = nil
	says(strings.Split(strings.Repeat(strings.Repeat("a", maxText/maxItems-1)+"\n", maxItems-1)+"a", "\n")...)(c)
	return c
}

// TestBombs are expressions made to take all the time or memory there is. Each
// must be refused, or be harmless: within a second and 64 MB, over the worst
// conversations there can be.
func TestBombs(t *testing.T) {
	doubled := "let a0 = [1, 1]; "
	for i := range 20 {
		doubled += fmt.Sprintf("let a%d = [a%d, a%d]; ", i+1, i, i)
	}
	long := func(part, join string, n int) string { return strings.Join(repeated(part, n), join) }
	for _, tt := range []struct {
		name, when string
		refused    bool
	}{
		{"a text added to itself", `let a = last.text + last.text; let b = a + a; let c = b + b; c == ""`, true},
		{"added in a loop", `reduce(1..33, #acc + #acc, "xxxxxxxxxx") == ""`, true},
		{"added by sum", `sum(texts) == ""`, true},
		{"added by sum of what a loop says", `sum(texts, last.text) == ""`, true},
		{"added by sum through any", `sum(texts, # == "a" ? 1 : last.text) == 1`, true},
		{"added without a type", `(find([1, "a"], # == 1) + last.text) == ""`, true},
		{"added through a condition", `let a = unanswered > 1 ? 1 : "a"; a + a == ""`, true},
		{"repeated", `repeat(last.text, 1000000000) == ""`, true},
		{"joined", `join(texts, last.text) == ""`, true},
		{"joined by a map", `join(map(1..1000, last.text)) == ""`, true},
		{"replaced", `replace(last.text, "a", last.text) == ""`, true},
		{"split", `len(split(last.text, "")) > 3`, true},
		{"a range", `len(1..100000000) > 3`, true},
		{"a range behind in that is not constant", `1 in 1..int(1e9) + unanswered`, true},
		{"a range of a range", `count(1..1000, count(1..1000, count(1..1000, true) > 3) > 3) > 3`, true},
		{"grouped", `len(groupBy(texts, #)) > 1`, true},
		{"as JSON", `toJSON($env) == ""`, true},
		{"as text", `string(texts) == ""`, true},
		{"base64", `toBase64(toBase64(last.text)) == ""`, true},
		{"lists of lists", doubled + "a20 == a20", true},
		{"maps of maps", `let a = {"x": 1}; let b = {"a": a, "b": a}; b == b`, true},
		{"concatenated lists", `len(concat(texts, texts)) > 1`, true},
		{"flattened", `len(flatten([texts, texts])) > 1`, true},
		{"sorted", `sort(texts) == texts`, true},
		{"the environment", `$env == $env`, true},
		{"three loops", `any(texts, any(texts, any(texts, # == "b")))`, true},
		{"three loops through a pipe", `texts | filter(texts | filter(texts | filter(# == "b") | len() > 1) | len() > 1) | len() > 1`, true},
		{"two loops over long texts", `any(texts, any(texts, # contains last.text))`, true},
		{"a pattern per tag", `any(prospect.tags, last.text matches "(a?){100}b")`, true},
		{"a pattern from outside", `last.text matches prospect.bio`, true},
		{"a pattern put together", `last.text matches "(" + prospect.bio + ")"`, true},
		{"a huge pattern", `last.text matches "((a?){30}){30}"`, true},
		{"a huge pattern, flat", `last.text matches "` + long(`(a?){999}`, "", 100) + `"`, true},
		{"huge classes", `last.text matches "` + long(`\\pL{1000}`, "", 300) + `"`, true},
		{"many patterns", long(`last.text matches "(a?){90}b"`, " or ", 20), true},
		{"a pattern beyond the library", `last.text matches "(a{1000}){1000}"`, true},
		{"a long expression", long("unanswered > 1", " or ", 1000), true},
		{"a deep expression", strings.Repeat("(", 4000) + "true" + strings.Repeat(")", 4000), true},
		{"a deep expression that fits", strings.Repeat("(", 2000) + "true" + strings.Repeat(")", 2000), false},
		{"many nots", strings.Repeat("not ", 300) + "true", true},
		{"many nots that fit", strings.Repeat("not ", 190) + "true", false},
		{"trimmed by a long text", `trim(last.text, prospect.notes) == ""`, true},
		{"the largest pattern that is allowed", `last.text matches "(a?){240}b"`, false},
		{"the largest pattern over the list", `any(texts, # matches "(a?){240}b")`, false},
		{"a slow pattern", `last.text matches "(a*)*(a*)*(a*)*b"`, false},
		{"lower and upper, over and over", long(`lower(upper(lower(upper(last.text)))) == "b"`, " or ", 20), false},
		{"lower in two loops", `any(texts, {let t = lower(#); any(["b", "c", "d"], # == t)})`, false},
		{"a loop in a loop", `any(["b", "c", "d"], {let w = #; any(texts, lower(#) contains w)})`, false},
		{"the same list twice", `any(prospect.tags, # in texts)`, false},
		{"a large literal", `last.text in [` + long(`"b"`, ", ", 150) + `]`, false},
		{"powers", `2 ** 2 ** 2 ** 2 ** 2 ** 2 > 1`, false},
		{"a range behind in", `unanswered in 1..1000000000`, false},
		{"a format", `now.Format("` + strings.Repeat("Monday", 500) + `") == ""`, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before, start := allocated(), time.Now()
			s, err := Load("rules.yaml", []byte("version: 1\nguards:\n"+guardLine("it", tt.when, bot.Skip)), Options{})
			harmless(t, "load", before, start)
			if refused := err != nil; refused != tt.refused {
				t.Fatalf("refused is %v, want %v: %v", refused, tt.refused, err)
			}
			if s == nil {
				return
			}
			for name, c := range map[string]*bot.Conversation{"long texts": worst(), "many texts": crowd()} {
				before, start := allocated(), time.Now()
				s.Judge(c)
				harmless(t, name, before, start)
			}
		})
	}
}

// harmless reports what took longer than a second, or more than 64 MB.
func harmless(t *testing.T, what string, before uint64, start time.Time) {
	t.Helper()
	took, used := time.Since(start), allocated()-before
	t.Logf("%s: %v, %d KB", what, took, used>>10)
	if took > slower*time.Second || used > 64<<20 {
		t.Errorf("%s took %v and %d MB", what, took, used>>20)
	}
}

func repeated(s string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = s
	}
	return out
}

// allocated is what has been allocated since the start, freed or not.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// TestPatternSize holds the estimate against what patterns compile to.
func TestPatternSize(t *testing.T) {
	for _, p := range []string{
		"", "a", "refund|lawyer", "(?i)refund|lawyer", `\b(a|b)+c*?\d{2,5}$`, "(a?){240}b", "((a{2}){3}){4}", "[a-z]{0,9}", "x{5,}", "x{0}", `\pL{100}`,
		"(?s).*", "(a|b|c|dd|ee)", "^$", "a{3}?", "(?:a|b)?", "(?i)straße|ſ",
	} {
		re, err := syntax.Parse(p, syntax.Perl)
		if err != nil {
			t.Fatal(err)
		}
		prog, err := syntax.Compile(re.Simplify())
		if err != nil {
			t.Fatal(err)
		}
		if got := patternSize(p); got+4 < len(prog.Inst) || got > 2*len(prog.Inst)+4 {
			t.Errorf("%q: estimated %d, compiles to %d", p, got, len(prog.Inst))
		}
	}
}

// TestFileBombs are files made to take all the time, memory or stack there is.
func TestFileBombs(t *testing.T) {
	times := func(s string, bytes int) string { return strings.Repeat(s, bytes/len(s)) }
	indented := &strings.Builder{}
	for i := 0; indented.Len() < maxFile-2000; i++ {
		indented.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	const size = (maxFile - 100) / (1 + slower/8) // less with the race detector
	for name, src := range map[string]string{
		"open lists":        times("[", size),
		"open mappings":     times("{a: ", size),
		"lists":             times("[", size/2) + times("]", size/2),
		"dashes":            times("- ", size),
		"question marks":    times("? ", size),
		"tags":              times("!a ", size),
		"anchors":           times("&a ", size),
		"aliases":           "a: &a [x]\n" + times("- *a\n", size),
		"indentation":       indented.String(),
		"keys":              times("a: b\n", size),
		"colons":            times("a: ", size),
		"plain text":        "a: " + times("x\n  ", size),
		"block":             "a: |\n" + times("  x\n", size),
		"quoted":            `a: "` + times(`\n`, size) + `"`,
		"comments":          times("# x\n", size),
		"carriage returns":  times("\r", size),
		"spaces":            times(" ", size),
		"documents":         times("---\n", size),
		"one long list":     "version: 1\nguards: [" + times("a, ", size) + "]",
		"guards":            "version: 1\nguards:\n" + times("- {name: a, then: skip, when: last.text contains \"a\"}\n", size),
		"one long name":     "version: 1\nguards:\n- {name: " + times("a", size) + "}",
		"one long key":      times("a", size) + ": 1",
		"one long window":   "version: 1\nhours: {a: {mon: [\"" + times("0", size) + "\"]}}",
		"windows":           "version: 1\nhours: {a: {mon-sun: [" + times("00:00-24:00, ", size) + "]}}",
		"tests":             "version: 1\ntests: [" + times("{name: a, given: {message: a}, expect: {guard: a}}, ", size) + "]",
		"test messages":     "version: 1\ntests: [{name: a, given: {messages: [" + times("{text: a}, ", size) + "]}}]",
		"test tags":         "version: 1\ntests: [{name: a, given: {prospect: {tags: [" + times("a, ", size) + "]}}}]",
		"closed":            "version: 1\nhours: {a: {closed: [" + times("2026-01-01, ", size) + "]}}",
		"hours":             "version: 1\nhours:\n" + times("  a: {}\n", size),
		"unknown keys":      "version: 1\n" + times("guard: 1\n", size),
		"nothing":           "",
		"zeros":             times("\x00", size),
		"not UTF-8":         "version: 1\n\xff\xfe",
		"a megabyte and on": times(" ", maxFile+1),
	} {
		t.Run(name, func(t *testing.T) {
			start, before := time.Now(), allocated()
			if _, err := Load("rules.yaml", []byte(src), Options{}); err == nil {
				t.Error("it was read without a problem")
			} else if n := len(err.Error()); n > 64<<10 {
				t.Errorf("%d bytes of problems", n)
			}
			took, used := time.Since(start), allocated()-before
			t.Logf("%v, %d MB", took, used>>20)
			if took > 10*slower*time.Second || used > 1<<30 {
				t.Errorf("took %v and %d MB", took, used>>20)
			}
		})
	}
}

// TestWorkOfAFile is a file whose guards are each within bounds. Together they must
// be too, or a bot that proves the file never gets through with it: 450 guards over
// 200 long tests took longer than anybody waited.
func TestWorkOfAFile(t *testing.T) {
	file := func(guards, tests int) []byte {
		b := &strings.Builder{}
		b.WriteString("version: 1\nguards:\n")
		for i := range guards {
			b.WriteString(guardLine(fmt.Sprint("g", i), "last.text matches `(a?){90}b`", bot.Skip) + "\n")
		}
		b.WriteString("default: reply\ntests:\n")
		for i := range tests {
			fmt.Fprintf(b, "  - {name: t%d, given: {message: %s}, expect: {outcome: reply}}\n", i, strings.Repeat("a", 4000))
		}
		return []byte(b.String())
	}
	for _, tt := range []struct {
		guards, tests int
		want          string
	}{
		{100, 1, ""},
		{300, 1, "the guards and checks up to here may take too long together: "},
		{100, 20, "the tests up to here may take too long: "},
	} {
		_, err := Load("rules.yaml", file(tt.guards, tt.tests), Options{})
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n")) {
			t.Errorf("%d guards, %d tests: %v, want %q", tt.guards, tt.tests, err, tt.want)
		}
	}
}
