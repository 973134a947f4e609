package rules

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestPlaces writes texts in every style YAML has, and asks where in the file the
// character ^ of the value is: there must be one at that place.
func TestPlaces(t *testing.T) {
	for _, tt := range []struct{ name, yaml string }{
		{"plain", "when: last.text ^ x"},
		{"plain behind other scripts", "{name: é日本🙂, when: last.text ^ x}"},
		{"plain over lines", "when: last.text\n  and  x\n\n  or ^ x"},
		{"plain on the next line", "when:\n  last.text ^ x"},
		{"single quotes", "when: 'it''s ''^'' x'"},
		{"single quotes over lines", "when: 'a   \n   b ''\n\n  ^ x'"},
		{"double quotes", `when: "\"é\" \\ ^ x"`},
		{"every escape", `when: "\x41\u00e9\U0001F642\n\t\0 ^"`},
		{"double quotes over lines", "when: \"a \\\n     b\n\n  \\  c ^ x\""},
		{"literal", "when: |\n  é\n    a\n\n  ^ x"},
		{"literal without its last line end", "when: |-\n  a ^"},
		{"literal with all line ends", "when: |+\n  a ^\n\n"},
		{"literal with its indentation said", "when: |2\n    a ^\n"},
		{"literal with a comment", "when: | # why\n  a ^\n"},
		{"folded", "when: >\n  a\n  b\n\n  c\n    d\n  ^ x"},
		{"folded and stripped", "when: >-\n  a\n  b ^"},
		{"Windows line ends", "when: |\r\n  a\r\n  b ^ x\r\n"},
		{"a byte order mark", "\ufeffwhen: a ^"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := &loader{source: newSource("f", normalized([]byte(tt.yaml))), most: maxFile}
			root := l.parse([]byte(tt.yaml))
			if root == nil {
				t.Fatal(l.problems)
			}
			entries, _ := l.entries(root, "it")
			when := entries[len(entries)-1]
			value, ok := l.scalar(when)
			if !ok {
				t.Fatal(l.problems)
			}
			before, _, found := strings.Cut(value, "^")
			if !found {
				t.Fatalf("no ^ in %q", value)
			}
			p := l.place(when.value, value)(utf8.RuneCountInString(before))
			line := []rune(l.line(p.line))
			if p.column > len(line) || line[p.column-1] != '^' {
				t.Errorf("%s is not the ^ of\n%s", p, l.text)
			}
		})
	}
}

func TestNearest(t *testing.T) {
	known := []string{"name", "when", "then", "reason", "tag", "assign", "prompt"}
	for _, tt := range []struct{ got, want string }{
		{"whne", "when"},
		{"When", "when"},
		{"resaon", "reason"},
		{"tags", "tag"},
		{"assgin", "assign"},
		{"promptt", "prompt"},
		{"weekday", ""},
		{"", ""},
		{"x", ""},
		{strings.Repeat("when", 1000), ""},
	} {
		if got, _ := nearest(tt.got, known); got != tt.want {
			t.Errorf("nearest(%.20q) is %q, want %q", tt.got, got, tt.want)
		}
	}
}

func TestManyProblems(t *testing.T) {
	src := &strings.Builder{}
	src.WriteString("version: 1\nguards:\n")
	for i := range 200 {
		fmt.Fprintf(src, "  - {name: g%d, then: nothing, when: true}\n", i)
	}
	_, err := Load("rules.yaml", []byte(src.String()), Options{})
	if n := strings.Count(err.Error(), "\n") + 1; n != maxProblems {
		t.Errorf("%d lines of problems, want %d", n, maxProblems)
	}
}
