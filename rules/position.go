package rules

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// position is a place in a file, both counted from 1, the column in characters.
type position struct{ line, column int }

// at returns where n starts.
func at(n ast.Node) position {
	switch n := n.(type) {
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return at(n.Values[0])
		}
	case *ast.MappingValueNode:
		return at(n.Key)
	}
	if tk := n.GetToken(); tk != nil && tk.Position != nil {
		return position{tk.Position.Line, tk.Position.Column}
	}
	return position{1, 1}
}

// source is the text of a file, with "\n" at the end of lines.
type source struct {
	name  string
	text  string
	lines []int // where each line starts
}

func newSource(name, text string) *source {
	s := &source{name: name, text: text, lines: []int{0}}
	for i := range len(text) {
		if text[i] == '\n' {
			s.lines = append(s.lines, i+1)
		}
	}
	return s
}

// offset returns where in the text p is.
func (s *source) offset(p position) int {
	if p.line < 1 || p.line > len(s.lines) {
		return len(s.text)
	}
	i := s.lines[p.line-1]
	for n := 1; n < p.column && i < len(s.text); n++ {
		_, size := utf8.DecodeRuneInString(s.text[i:])
		i += size
	}
	return i
}

// position is the opposite of offset.
func (s *source) position(offset int) position {
	line, exact := slices.BinarySearch(s.lines, offset)
	if !exact {
		line-- // in the line that starts before
	}
	return position{line + 1, utf8.RuneCountInString(s.text[s.lines[line]:offset]) + 1}
}

// place returns a function that tells where in the file each character of the
// text scalar n is, which has the given value once YAML's quotes, escapes,
// indentation and folding are undone.
func (s *source) place(n ast.Node, value string) func(character int) position {
	start := at(n)
	style := byte(0)
	switch tk := n.GetToken(); {
	case n.Type() == ast.LiteralType:
		style, start = '|', position{start.line + 1, 1}
	case tk.Type == token.SingleQuoteType:
		style = '\''
	case tk.Type == token.DoubleQuoteType:
		style = '"'
	}
	return func(character int) position {
		return s.position(s.find(s.offset(start), style, value, character))
	}
}

func (s *source) find(from int, style byte, value string, character int) int {
	w := &scalar{text: s.text, style: style, next: from}
	switch style {
	case '|':
		w.indent = blockIndent(s.text[from:])
		w.lineStart = true
	case '"', '\'':
		w.next++
	}
	for _, r := range value {
		here := w.step(r)
		if character == 0 {
			return here
		}
		character--
	}
	return min(w.next, len(s.text)) // behind the last character
}

// scalar walks a YAML scalar beside the value it stands for.
type scalar struct {
	text      string
	style     byte // | for blocks, a quote, 0 for plain
	indent    int  // of a block
	next      int
	lineStart bool
}

// step returns where the value's next character r is, and moves behind it.
func (w *scalar) step(r rune) int {
	for w.next < len(w.text) {
		w.skipIndent()
		rest := w.text[w.next:]
		here := w.next
		c, size := utf8.DecodeRuneInString(rest)
		switch {
		case w.style == '"' && strings.HasPrefix(rest, "\\\n"):
			w.next, w.lineStart = w.next+2, true
			continue
		case w.style == '"' && c == '\\':
			w.next += escapeLen(rest)
			return here
		case w.style == '\'' && strings.HasPrefix(rest, "''"):
			w.next += 2
			return here
		case c == '\n':
			w.next, w.lineStart = w.next+1, true
			if r == ' ' || r == '\n' {
				return here
			}
		case c == r && !w.endsLine(rest):
			w.next += size
			return here
		case c == ' ' || c == '\t':
			w.next++
		default:
			return here // unreachable: the value is not what the text says
		}
	}
	return len(w.text)
}

// endsLine reports whether only blanks stand before the end of the line, which
// YAML drops outside of blocks.
func (w *scalar) endsLine(rest string) bool {
	trimmed := strings.TrimLeft(rest, " \t")
	return w.style != '|' && len(trimmed) < len(rest) && strings.HasPrefix(trimmed, "\n")
}

func (w *scalar) skipIndent() {
	if !w.lineStart {
		return
	}
	w.lineStart = false
	for n := 0; w.next < len(w.text) && (w.style != '|' || n < w.indent); n++ {
		if c := w.text[w.next]; c != ' ' && (c != '\t' || w.style == '|') {
			return
		}
		w.next++
	}
}

// blockIndent returns the indentation of the first line of text that is not blank.
func blockIndent(text string) int {
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) != "" {
			return len(line) - len(strings.TrimLeft(line, " "))
		}
	}
	return 0
}

// escapeLen is the length of the escape that s starts with.
func escapeLen(s string) int {
	if len(s) < 2 {
		return len(s)
	}
	n := 2
	switch s[1] {
	case 'x':
		n = 4
	case 'u':
		n = 6
	case 'U':
		n = 10
	}
	return min(n, len(s))
}

// String returns p as it stands behind a file's name.
func (p position) String() string { return fmt.Sprintf("%d:%d", p.line, p.column) }
