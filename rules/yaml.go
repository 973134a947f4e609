package rules

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// normalized returns src with the line ends and without the byte order mark that
// some editors add.
func normalized(src []byte) string {
	return strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(strings.TrimPrefix(string(src), "\ufeff"))
}

// parse returns the file's one mapping, or nil when there is none to look at.
func (l *loader) parse(src []byte) (root ast.Node) {
	defer func() {
		if recover() != nil {
			root = nil
			l.report(position{1, 1}, "", "this cannot be read as YAML")
		}
	}()
	switch {
	case len(src) > l.most:
		l.report(position{1, 1}, "", "the file is larger than %d bytes", l.most)
		return nil
	case !utf8.ValidString(l.text):
		l.report(l.invalidUTF8(), "save it as UTF-8", "the file is not UTF-8")
		return nil
	case l.foreign():
		return nil
	case !l.simple(lexer.Tokenize(l.text)):
		return nil
	}
	f, err := parser.ParseBytes([]byte(l.text), 0, parser.AllowDuplicateMapKey())
	if err != nil {
		l.syntax(err)
		return nil
	}
	docs := slices.DeleteFunc(f.Docs, func(d *ast.DocumentNode) bool { return d.Body == nil })
	if len(docs) == 0 {
		l.report(position{1, 1}, l.start, "the file is empty")
		return nil
	}
	if len(docs) > 1 {
		l.report(at(docs[1].Body), "", "%s holds one document", l.what)
	}
	return docs[0].Body
}

func (l *loader) invalidUTF8() position {
	for i, r := range l.text {
		if _, size := utf8.DecodeRuneInString(l.text[i:]); r == utf8.RuneError && size == 1 {
			return l.position(i)
		}
	}
	return position{1, 1} // unreachable: the text is not valid
}

// simple refuses the parts of YAML that a rule file does not need and that let a
// small file become a large one.
func (l *loader) simple(tokens token.Tokens) bool {
	for _, tk := range tokens {
		p := position{tk.Position.Line, tk.Position.Column}
		switch tk.Type {
		case token.AnchorType, token.AliasType, token.MergeKeyType:
			l.report(p, "write it out, or quote it", "anchors and aliases are not available in rule files")
			return false
		case token.TagType:
			l.report(p, `to negate, write not; to start a text with "!", quote it`, "YAML tags are not available in rule files")
			return false
		case token.DirectiveType, token.MappingKeyType:
			l.report(p, "quote it, if it is part of a text", "%q is not available in rule files", clip(strings.TrimSpace(tk.Value)))
			return false
		default:
		}
	}
	return l.shallow(tokens)
}

// shallow refuses deep nesting and endless mappings: the parser's time grows with
// the square of both.
func (l *loader) shallow(tokens token.Tokens) bool {
	flow := 0            // [ and { that are open
	dashes, keys := 0, 0 // one after the other, each within the one before
	allKeys, line := 0, 0
	for _, tk := range tokens {
		p := position{tk.Position.Line, tk.Position.Column}
		newLine := flow == 0 && p.line != line
		if line = p.line; newLine {
			dashes, keys = 0, 0
		}
		switch tk.Type {
		case token.SequenceStartType, token.MappingStartType:
			flow++
			keys = 0
		case token.SequenceEndType, token.MappingEndType:
			flow--
			keys = 0
		case token.CollectEntryType:
			keys = 0
		case token.SequenceEntryType:
			dashes++
		case token.MappingValueType:
			keys++
			allKeys++
		case token.CommentType:
			newLine = false
		default:
		}
		if allKeys > maxKeys {
			l.report(p, "", "the file has more than %d keys", maxKeys)
			return false
		}
		if max(flow, dashes, keys) > maxDepth || newLine && p.column > maxIndent {
			l.report(p, "", "lists and mappings are nested too deeply")
			return false
		}
	}
	return true
}

// syntax reports what the YAML parser said.
func (l *loader) syntax(err error) {
	p, message := position{1, 1}, err.Error()
	if e := (*yaml.SyntaxError)(nil); errors.As(err, &e) {
		message = e.Message
		if e.Token != nil && e.Token.Position != nil {
			p = position{e.Token.Position.Line, e.Token.Position.Column}
		}
	}
	hint := l.hintSyntax(p.line)
	if strings.Contains(message, "must be specified") || strings.Contains(message, "not found") {
		hint = "a bracket is not closed"
	}
	l.report(p, hint, "this is not YAML: %s", strings.Join(strings.Fields(strings.ReplaceAll(message, "\t", `\t`)), " "))
}

var (
	gluedKey = regexp.MustCompile(`^[ ]*(?:-[ ]+)?([A-Za-z][\w-]*):[^\s:]`)
	anyKey   = regexp.MustCompile(`^[ ]*([A-Za-z][\w-]*):(?:\s|$)`)
)

// hintSyntax guesses from the line what the parser stumbled over.
func (l *loader) hintSyntax(n int) string {
	line, next := l.line(n), l.line(n+1)
	indent := func(s string) int { return len(s) - len(strings.TrimLeft(s, " -")) }
	glued, key := gluedKey.FindStringSubmatch(line), anyKey.FindStringSubmatch(line)
	_, value, _ := strings.Cut(line, ":")
	switch {
	case strings.Contains(line[:len(line)-len(strings.TrimLeft(line, " \t"))], "\t"):
		return "YAML indents with spaces, not tabs"
	case glued != nil:
		return fmt.Sprintf("a space belongs behind the colon: %s: ...", glued[1])
	case strings.Count(line, `"`)%2 == 1:
		return "a quote is not closed"
	case strings.ContainsAny(value, `"':#@%&*`+"`"):
		return "put the whole text in quotes, or on its own line below `when: |`"
	case anyKey.MatchString(next) && indent(next) > indent(line):
		return fmt.Sprintf("line %d is indented further than this one: keys of one guard start in one column", n+1)
	case key != nil:
		return "keys of one guard start in one column, behind the - of the first"
	}
	return ""
}

// foreign refuses what is no YAML at all, in words that say what it is.
func (l *loader) foreign() bool {
	switch marker := strings.Index("\n"+l.text, "\n<<<<<<< "); {
	case strings.ContainsRune(l.text, 0):
		l.report(position{1, 1}, "save it as text in UTF-8", "the file is not text")
	case strings.HasPrefix(strings.TrimSpace(l.text), "<") && marker != 0:
		l.report(position{1, 1}, "", "this is a web page or XML, not YAML")
	case marker >= 0:
		l.report(l.position(marker), "keep one of the two versions, and delete the lines with <<<<<<<, ======= and >>>>>>>", "a merge left both versions here")
	default:
		return false
	}
	return true
}

func (l *loader) line(n int) string {
	if n < 1 || n > len(l.lines) {
		return ""
	}
	line, _, _ := strings.Cut(l.text[l.lines[n-1]:], "\n")
	return line
}

// entry is a key of a mapping and its value. A missing one is the zero entry.
type entry struct {
	key   string
	at    position
	value ast.Node
}

// fields reads a mapping that may have the known keys.
func (l *loader) fields(n ast.Node, what string, known ...string) (map[string]entry, bool) {
	entries, ok := l.entries(n, what)
	out := map[string]entry{}
	for _, e := range entries {
		if !slices.Contains(known, e.key) {
			hint := didYouMean(e.key, known)
			if hint == "" {
				hint = "known keys: " + strings.Join(known, ", ")
			}
			l.report(e.at, hint, "unknown key %q", clip(e.key))
			continue
		}
		out[e.key] = e
	}
	return out, ok
}

// entries reads a mapping with any keys, each once.
func (l *loader) entries(n ast.Node, what string) ([]entry, bool) {
	m, ok := n.(ast.MapNode)
	if !ok {
		l.report(at(n), "", "%s must be a mapping of keys to values, not %s", what, describe(n))
		return nil, false
	}
	var out []entry
	seen := map[string]position{}
	for it := m.MapRange(); it.Next(); {
		key := it.Key()
		e := entry{key.GetToken().Value, at(key), it.Value()}
		if before, ok := seen[e.key]; ok {
			l.report(e.at, fmt.Sprintf("line %d has it already", before.line), "the key %q is given twice", clip(e.key))
			continue
		}
		seen[e.key] = e.at
		out = append(out, e)
	}
	return out, true
}

// list reads a list; a missing entry is an empty one.
func (l *loader) list(e entry, what string) []ast.Node {
	if e.value == nil {
		return nil
	}
	s, ok := e.value.(*ast.SequenceNode)
	if !ok {
		l.report(at(e.value), "put it in [ ], or on lines that start with -", "%s must be a list, not %s", clip(what), describe(e.value))
		return nil
	}
	return s.Values
}

// words reads a text of one line, at most so many characters long. It is "" when
// it is missing or wrong, which is reported.
func (l *loader) words(e entry, most int) string {
	if e.value == nil {
		return ""
	}
	switch e.value.Type() {
	case ast.StringType, ast.LiteralType:
	default:
		l.report(at(e.value), "put it in quotes", "%s must be a text, not %s", e.key, describe(e.value))
		return ""
	}
	s, _ := l.scalar(e)
	switch s = strings.TrimSpace(s); {
	case s == "":
		l.report(at(e.value), "", "%s is empty", e.key)
	case strings.ContainsFunc(s, unicode.IsControl):
		l.report(at(e.value), "", "%s must be one line of text", e.key)
		return ""
	case utf8.RuneCountInString(s) > most:
		l.report(at(e.value), "", "%s is longer than %d characters", e.key, most)
		return ""
	}
	return s
}

// scalar reads any single value as the text it is written as.
func (l *loader) scalar(e entry) (string, bool) {
	switch n := e.value.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.BoolNode, *ast.IntegerNode, *ast.FloatNode:
		return n.GetToken().Value, true
	case *ast.NullNode:
		l.report(e.at, "", "%s is empty", clip(e.key))
	default:
		l.report(at(e.value), "put it in quotes", "%s must be a single value, not %s", clip(e.key), describe(e.value))
	}
	return "", false
}

// describe says what n is, as people call it.
func describe(n ast.Node) string {
	switch n.Type() {
	case ast.MappingType, ast.MappingValueType:
		return "a mapping"
	case ast.SequenceType:
		return "a list"
	case ast.NullType:
		return "nothing"
	case ast.BoolType:
		return "true or false"
	case ast.IntegerType, ast.FloatType, ast.InfinityType, ast.NanType:
		return "a number"
	default:
		return "a text"
	}
}
