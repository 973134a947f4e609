package rules

import (
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"inboxbot/bot"
)

// YAML returns c as an entry of a rule file's tests, indented by two blanks, which
// LoadCases reads too and reads back as c. What outsiders wrote stays text in it.
func (c Case) YAML() []byte { return c.yaml(true) }

// ShortYAML is YAML without what is as it is when a case does not say.
func (c Case) ShortYAML() []byte { return c.yaml(false) }

func (c Case) yaml(whole bool) []byte {
	w := &yamlWriter{whole: whole}
	blank := blankCase()
	w.entries("  - ", "    ", w.node(reflect.ValueOf(c), reflect.ValueOf(blank)).list)
	return []byte(w.String())
}

// yamlNode is a value to be written.
type yamlNode struct {
	key    string // in a mapping
	scalar string // as it stands in a line
	block  string // the text it stands for, when it reads better in lines of its own
	list   []yamlNode
	kind   byte // one of the constants below
}

const (
	yamlScalar  = 's'
	yamlList    = '['
	yamlMapping = '{'
)

// maxLine is how long a line with a list or mapping in brackets may be, in characters.
const maxLine = 110

type yamlWriter struct {
	strings.Builder
	whole bool
}

// node is v as YAML. blank is what v is when a case does not say; it may be
// invalid for the items of a list.
func (w *yamlWriter) node(v, blank reflect.Value) yamlNode {
	switch value := v.Interface().(type) {
	case time.Time:
		layout := time.RFC3339Nano
		if value.Location() == wallClock {
			layout = "2006-01-02T15:04:05.999999999"
		}
		return yamlNode{kind: yamlScalar, scalar: value.Format(layout)}
	case time.Duration:
		return yamlNode{kind: yamlScalar, scalar: bot.Brief(value)}
	case *Draft:
		return w.node(reflect.ValueOf(*value), reflect.ValueOf(blankDraft()))
	case CaseMessage:
		return w.mapping(v, reflect.ValueOf(blankMessage()))
	}
	switch v.Kind() {
	case reflect.Struct:
		return w.mapping(v, blank)
	case reflect.Slice:
		n := yamlNode{kind: yamlList}
		for i := range v.Len() {
			n.list = append(n.list, w.node(v.Index(i), reflect.Value{}))
		}
		return n
	case reflect.String:
		return text2yaml(v.String())
	case reflect.Float64:
		return yamlNode{kind: yamlScalar, scalar: strconv.FormatFloat(v.Float(), 'f', -1, 64)}
	case reflect.Bool:
		return yamlNode{kind: yamlScalar, scalar: strconv.FormatBool(v.Bool())}
	default:
		return yamlNode{kind: yamlScalar, scalar: strconv.FormatInt(v.Int(), 10)}
	}
}

func (w *yamlWriter) mapping(v, blank reflect.Value) yamlNode {
	n := yamlNode{kind: yamlMapping}
	keys, fields := keyed(v)
	_, blanks := keyed(blank)
	for i, key := range keys {
		if w.leaveOut(v.Type(), key, fields[i], blanks[i]) {
			continue
		}
		field := w.node(fields[i], blanks[i])
		if field.kind == yamlMapping && len(field.list) == 0 {
			continue
		}
		field.key = key
		n.list = append(n.list, field)
	}
	return n
}

// leaveOut reports whether a field need not be written: it says nothing, or it is
// what a short case does not say.
func (w *yamlWriter) leaveOut(of reflect.Type, key string, v, blank reflect.Value) bool {
	same := reflect.DeepEqual(v.Interface(), blank.Interface()) || v.Kind() == reflect.Slice && v.Len() == 0
	if key == "from" || !same {
		return false
	}
	switch of {
	case reflect.TypeFor[CaseProspect](), reflect.TypeFor[CaseAccount](), reflect.TypeFor[Thread]():
		return !w.whole || v.Type() == timeType || key == "status" && v.String() == "" && of == reflect.TypeFor[CaseAccount]()
	}
	return v.Kind() != reflect.Struct || v.Type() == timeType
}

// entries writes the fields of a mapping, one a line or more.
func (w *yamlWriter) entries(first, indent string, fields []yamlNode) {
	lead := first
	for _, n := range fields {
		w.entry(lead+n.key+":", indent, n)
		lead = indent
	}
}

// entry writes what follows a key or a dash.
func (w *yamlWriter) entry(lead, indent string, n yamlNode) {
	line, ok := n.inline()
	if ok && (n.kind == yamlScalar || utf8.RuneCountInString(lead)+1+utf8.RuneCountInString(line) <= maxLine) && n.key != "given" {
		w.WriteString(lead + " " + line + "\n")
		return
	}
	switch n.kind {
	case yamlScalar:
		w.WriteString(lead + " |-\n")
		for line := range strings.Lines(n.block) {
			if line = strings.TrimSuffix(line, "\n"); line != "" {
				w.WriteString(indent + "  " + line)
			}
			w.WriteString("\n")
		}
	case yamlMapping:
		w.WriteString(lead + "\n")
		w.entries(indent+"  ", indent+"  ", n.list)
	case yamlList:
		w.WriteString(lead + "\n")
		for _, item := range n.list {
			w.item(indent+"  ", item)
		}
	}
}

func (w *yamlWriter) item(indent string, n yamlNode) {
	if line, ok := n.inline(); ok && (n.kind == yamlScalar || utf8.RuneCountInString(indent+line)+2 <= maxLine) {
		w.WriteString(indent + "- " + line + "\n")
		return
	}
	if n.kind == yamlMapping {
		w.entries(indent+"- ", indent+"  ", n.list)
		return
	}
	w.entry(indent+"-", indent, n)
}

// inline returns n as it stands in a line, unless a part of it reads better in
// lines of its own.
func (n yamlNode) inline() (string, bool) {
	if n.kind == yamlScalar {
		return n.scalar, n.block == ""
	}
	parts := make([]string, len(n.list))
	for i, p := range n.list {
		s, ok := p.inline()
		if !ok {
			return "", false
		}
		if parts[i] = s; n.kind == yamlMapping {
			parts[i] = p.key + ": " + s
		}
	}
	joined := strings.Join(parts, ", ")
	if n.kind == yamlMapping {
		return "{" + joined + "}", true
	}
	return "[" + joined + "]", true
}

// plainText is text that YAML, also between brackets, takes for nothing else.
var plainText = regexp.MustCompile(`^[\pL]([\pL\pN ._@/-]*[\pL\pN])?$`)

// notText are words that some readers of YAML take for true, false or nothing.
var notText = []string{"true", "false", "yes", "no", "on", "off", "y", "n", "null"}

// text2yaml writes any text so that it is read back as it is; bytes that are not
// UTF-8 become the replacement character.
func text2yaml(s string) yamlNode {
	s = strings.ToValidUTF8(s, "\uFFFD")
	n := yamlNode{kind: yamlScalar, scalar: s}
	if !plainText.MatchString(s) || slices.Contains(notText, strings.ToLower(s)) {
		n.scalar = quote(s)
	}
	if strings.Contains(s, "\n") && blockable(s) {
		n.block = s
	}
	return n
}

// blockable reports whether s can stand below |-, every character as it is.
func blockable(s string) bool {
	for line := range strings.SplitSeq(s, "\n") {
		if strings.TrimRight(line, " ") != line {
			return false
		}
	}
	printable := !strings.ContainsFunc(s, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) })
	return printable && !strings.HasPrefix(s, " ") && !strings.HasPrefix(s, "\n") && !strings.HasSuffix(s, "\n")
}

// quote writes s in double quotes; what does not print is escaped.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r > 0xFFFF:
			b.WriteString(`\U` + hexadecimal(r, 8))
		default:
			b.WriteString(`\u` + hexadecimal(r, 4))
		}
	}
	b.WriteByte('"')
	return b.String()
}

func hexadecimal(r rune, digits int) string {
	s := strconv.FormatInt(int64(r), 16)
	return strings.Repeat("0", digits-len(s)) + s
}
