package rules

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"inboxbot/bot"
)

// Options is what a rule file is read against.
type Options struct {
	// Timezone is where now and open have their wall clock; nil is UTC.
	Timezone *time.Location
	// HandoffTag is the tag of conversations whose guard names none.
	HandoffTag string
	// Prompts reports whether there is a template of this name. When it is nil,
	// `prompt:` is not checked.
	Prompts func(name string) bool
}

// The most a rule file may be.
const (
	maxFile     = 1 << 20 // bytes
	maxGuards   = 500     // guards and checks together
	maxHours    = 50
	maxWindows  = 400 // of one line of hours, closed dates too
	maxDepth    = 16  // of lists and mappings within each other
	maxIndent   = 100 // of a line, in characters
	maxProblems = 50  // that are reported
)

// Load reads a rule file. name stands for it in messages. The error is a
// Problems that holds every problem found, and then there is no Set.
func Load(name string, src []byte, o Options) (*Set, error) {
	if o.Timezone == nil {
		o.Timezone = time.UTC
	}
	l := &loader{
		options: o,
		source:  newSource(name, normalized(src)),
		names:   map[string]position{},
		set:     &Set{fallback: bot.Skip, hours: map[string]*hours{}, zone: o.Timezone, hash: hash(src)},
	}
	if root := l.parse(src); root != nil {
		l.file(root)
	}
	if len(l.problems) > 0 {
		return nil, l.problems.sorted()
	}
	l.set.tags = l.handoffTags()
	return l.set, nil
}

// normalized returns src with the line ends and without the byte order mark that
// some editors add.
func normalized(src []byte) string {
	return strings.ReplaceAll(strings.TrimPrefix(string(src), "\ufeff"), "\r\n", "\n")
}

// loader reads one rule file and collects what is wrong with it.
type loader struct {
	*source
	options  Options
	problems Problems
	names    map[string]position // of guards and checks
	set      *Set
}

func (l *loader) report(p position, hint, format string, args ...any) {
	if len(l.problems) < maxProblems {
		l.problems = append(l.problems, Problem{l.source.name, p.line, p.column, fmt.Sprintf(format, args...), hint})
	}
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
	case len(src) > maxFile:
		l.report(position{1, 1}, "", "the file is larger than %d bytes", maxFile)
		return nil
	case !utf8.ValidString(l.text):
		l.report(l.invalidUTF8(), "save it as UTF-8", "the file is not UTF-8")
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
		l.report(position{1, 1}, "start with version: 1", "the file is empty")
		return nil
	}
	if len(docs) > 1 {
		l.report(at(docs[1].Body), "", "a rule file holds one document")
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
		}
	}
	return l.shallow(tokens)
}

// shallow refuses deep nesting: the parser's time grows with its square.
func (l *loader) shallow(tokens token.Tokens) bool {
	flow := 0            // [ and { that are open
	dashes, keys := 0, 0 // one after the other, each within the one before
	line := 0
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
		case token.CommentType:
			newLine = false
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
	hint := ""
	if line := l.line(p.line); strings.Contains(line, "when:") || strings.Contains(line, "reason:") {
		hint = "put the whole text in quotes, or on its own line below `when: |`"
	} else if strings.Contains(line, "\t") {
		hint = "YAML indents with spaces, not tabs"
	}
	l.report(p, hint, "this is not YAML: %s", strings.Join(strings.Fields(strings.ReplaceAll(message, "\t", `\t`)), " "))
}

func (l *loader) line(n int) string {
	if n < 1 || n > len(l.lines) {
		return ""
	}
	line, _, _ := strings.Cut(l.text[l.lines[n-1]:], "\n")
	return line
}

// file reads the whole rule file.
func (l *loader) file(root ast.Node) {
	f, ok := l.fields(root, "a rule file", "version", "hours", "guards", "default", "checks")
	if !ok {
		return
	}
	l.version(f["version"], root)
	l.allHours(f["hours"]) // first: guards name them
	l.set.guards = l.guards(f["guards"], guardKind)
	l.set.checks = l.guards(f["checks"], checkKind)
	if e, ok := f["default"]; ok {
		l.set.fallback = l.action(e, guardActions)
	}
}

func (l *loader) version(e entry, root ast.Node) {
	switch {
	case e.value == nil:
		l.report(at(root), "start with version: 1", "version is missing")
	case e.value.GetToken().Value != "1" || e.value.Type() != ast.IntegerType:
		l.report(at(e.value), "version: 1 is the only one", "unknown version")
	}
}

// kind is what guards and checks differ in.
type kind struct {
	key     string // of the file
	one     string
	env     any
	actions []bot.Action
}

var (
	guardActions = []bot.Action{bot.Reply, bot.Handoff, bot.Skip, bot.Wait}
	guardKind    = kind{"guards", "a guard", Env{}, guardActions}
	// A check does not wait: the model would be asked again at every sweep.
	checkKind = kind{"checks", "a check", CheckEnv{}, []bot.Action{bot.Handoff, bot.Skip}}
)

func (l *loader) guards(e entry, k kind) []guard {
	var out []guard
	for _, n := range l.list(e, k.key) {
		if len(l.names) == maxGuards {
			l.report(at(n), "", "more than %d guards and checks", maxGuards)
			break
		}
		if g, ok := l.guard(n, k); ok {
			out = append(out, g)
		}
	}
	return out
}

// guard reads one guard or check. What is wrong is reported; ok tells whether g
// can be used.
func (l *loader) guard(n ast.Node, k kind) (g guard, ok bool) {
	f, ok := l.fields(n, k.one, "name", "when", "then", "reason", "tag", "assign", "prompt")
	if !ok {
		return guard{}, false
	}
	for _, key := range []string{"name", "when", "then"} {
		if _, ok := f[key]; !ok {
			l.report(at(n), "", "%s needs %s", k.one, key)
		}
	}
	g.name = l.guardName(f["name"])
	g.outcome = bot.Outcome{
		Action: l.action(f["then"], k.actions),
		Reason: l.words(f["reason"], maxReason),
		Tag:    l.words(f["tag"], maxTag),
		Assign: l.words(f["assign"], maxTag),
		Prompt: l.prompt(f["prompt"]),
	}
	l.onlyWith(bot.Handoff, g.outcome.Action, f["tag"], f["assign"])
	l.onlyWith(bot.Reply, g.outcome.Action, f["prompt"])
	if g.outcome.Reason == "" {
		g.outcome.Reason = fmt.Sprintf("guard %q fired", g.name)
	}
	g.when, g.at = l.when(f["when"], k.env)
	return g, g.when != nil
}

// The longest texts, in characters. Tags are the API's limit.
const (
	maxName   = 64
	maxReason = 500
	maxTag    = 255
)

// reserved are the names of what decides besides the guards of a file: its
// default, and the bot's own guards. Logs and metrics could not tell them apart.
var reserved = []string{
	nobody, "not-our-turn", "unknown-author", "own-account", "request", "syncing", "account-offline", "too-old",
	"handed-over", "person-took-over", "settling", "cap-reached",
}

var saneName = regexp.MustCompile(`^[\pL\pN][\pL\pN._-]*$`)

// guardName reads a name that logs and messages can show as it is.
func (l *loader) guardName(e entry) string {
	name := l.words(e, maxName)
	before, taken := l.names[name]
	switch {
	case name == "":
		return ""
	case !saneName.MatchString(name):
		l.report(at(e.value), "use letters, digits, - and _", "%q is no name for a guard", clip(name))
	case slices.Contains(reserved, name):
		l.report(at(e.value), "choose another", "the name %q is the bot's own", name)
	case taken:
		l.report(at(e.value), fmt.Sprintf("line %d has it already", before.line), "the name %q is taken", name)
	default:
		l.names[name] = at(e.value)
	}
	return name
}

func (l *loader) action(e entry, known []bot.Action) bot.Action {
	s := l.words(e, maxName)
	if s == "" || slices.Contains(known, bot.Action(s)) {
		return bot.Action(s)
	}
	names := make([]string, len(known))
	for i, a := range known {
		names[i] = string(a)
	}
	hint := didYouMean(s, names)
	if hint == "" {
		hint = "known: " + strings.Join(names, ", ")
	}
	if slices.Contains(guardActions, bot.Action(s)) {
		l.report(at(e.value), hint, "a check cannot %s", s)
	} else {
		l.report(at(e.value), hint, "unknown outcome %q", clip(s))
	}
	return ""
}

func (l *loader) prompt(e entry) string {
	name := l.words(e, maxName)
	if name != "" && l.options.Prompts != nil && !l.options.Prompts(name) {
		l.report(at(e.value), "", "there is no template %q", clip(name)+".tmpl")
	}
	return name
}

// onlyWith reports the keys that mean nothing with this action.
func (l *loader) onlyWith(needed, action bot.Action, entries ...entry) {
	for _, e := range entries {
		if e.value != nil && action != "" && action != needed {
			l.report(e.at, fmt.Sprintf("it belongs to then: %s", needed), "%q means nothing with then: %s", e.key, action)
		}
	}
}

// when compiles an expression; nil when it is missing or wrong, which is reported.
func (l *loader) when(e entry, env any) (*expression, func(int) string) {
	if e.value == nil {
		return nil, nil
	}
	src, ok := l.scalar(e)
	if !ok {
		return nil, nil
	}
	place := l.place(e.value, src)
	compiled, findings := compile(src, env, slices.Sorted(maps.Keys(l.set.hours)))
	for _, f := range findings {
		if f.hint == "" && l.comment(place(utf8.RuneCountInString(src))) {
			f.hint = "a # behind a blank starts a YAML comment: put the whole expression in quotes or below `when: |`"
		}
		l.report(place(f.offset), f.hint, "%s", f.message)
	}
	return compiled, func(offset int) string { return fmt.Sprintf("%s:%s", l.source.name, place(offset)) }
}

// comment reports whether a comment follows p on its line.
func (l *loader) comment(p position) bool {
	return strings.HasPrefix(strings.TrimLeft(l.text[l.offset(p):], " \t"), "#")
}

func (l *loader) handoffTags() []string {
	tags := []string{}
	if l.options.HandoffTag != "" {
		tags = append(tags, l.options.HandoffTag)
	}
	for _, g := range slices.Concat(l.set.guards, l.set.checks) {
		if g.outcome.Tag != "" {
			tags = append(tags, g.outcome.Tag)
		}
	}
	slices.Sort(tags)
	return slices.Compact(tags)
}

// allHours reads the file's hours. Hours with a problem are known all the same,
// so that guards are not blamed for it.
func (l *loader) allHours(e entry) {
	if e.value == nil {
		return
	}
	entries, ok := l.entries(e.value, "hours")
	if !ok {
		return
	}
	for i, h := range entries {
		switch {
		case i == maxHours:
			l.report(h.at, "", "more than %d hours", maxHours)
			return
		case !saneName.MatchString(h.key) || utf8.RuneCountInString(h.key) > maxName:
			l.report(h.at, "use letters, digits, - and _", "%q is no name for hours", clip(h.key))
		default:
			l.set.hours[h.key] = l.oneHours(h)
		}
	}
}

func (l *loader) oneHours(e entry) *hours {
	h := &hours{}
	entries, _ := l.entries(e.value, "hours")
	var spans []span
	given := map[time.Weekday]position{}
	for _, e := range entries {
		if e.key == "closed" {
			h.closed = l.closed(e)
			continue
		}
		days, err := parseDays(e.key)
		if err != nil {
			l.report(e.at, hintDay(e.key), "%v", err)
			continue
		}
		windows := l.windows(e)
		for _, d := range days {
			if before, ok := given[d]; ok {
				l.report(e.at, fmt.Sprintf("line %d has them already", before.line), "the hours of %s are given twice", weekdays[(d+6)%7])
				continue
			}
			given[d] = e.at
			for _, w := range windows {
				start := int(d+6) % 7 * day
				spans = append(spans, span{start + w.from, start + w.to, w.at, w.text})
				h.days[d] = append(h.days[d], window{w.from, w.to})
			}
		}
	}
	for _, s := range overlaps(spans) {
		l.report(s.at, "", "%q overlaps with the window before it", clip(s.text))
	}
	return h
}

func hintDay(key string) string {
	if hint := didYouMean(key, append([]string{"closed"}, weekdays...)); hint != "" {
		return hint
	}
	return "days are " + strings.Join(weekdays, ", ") + ", ranges such as mon-fri, and closed"
}

// windows reads the windows of a day, whose spans count from midnight.
func (l *loader) windows(e entry) []span {
	var out []span
	for i, n := range l.list(e, e.key) {
		if i == maxWindows {
			l.report(at(n), "", "more than %d in %s", maxWindows, clip(e.key))
			break
		}
		s, ok := l.scalar(entry{e.key, at(n), n})
		if !ok {
			continue
		}
		w, err := parseWindow(s)
		if err != nil {
			l.report(at(n), `for instance "09:00-17:30", or "00:00-24:00" for the whole day`, "%v", err)
			continue
		}
		out = append(out, span{w.from, w.to, at(n), s})
	}
	return out
}

func (l *loader) closed(e entry) []dateRange {
	var out []dateRange
	for i, n := range l.list(e, e.key) {
		if i == maxWindows {
			l.report(at(n), "", "more than %d in %s", maxWindows, clip(e.key))
			break
		}
		s, ok := l.scalar(entry{e.key, at(n), n})
		if !ok {
			continue
		}
		r, err := parseDates(s)
		if err != nil {
			l.report(at(n), `for instance "2026-12-25" or "2026-12-31..2027-01-01"`, "%v", err)
			continue
		}
		out = append(out, r)
	}
	return out
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
	}
	return "a text"
}
