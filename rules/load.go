package rules

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"

	"inboxbot/bot"
)

// Options is what a rule file is read against.
type Options struct {
	// PromptNames are the templates there are, for a hint at what `prompt:` meant.
	PromptNames []string
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
	maxKeys     = 10_000
	maxProblems = 50 // that are reported
)

// Load reads a rule file. name stands for it in messages. The error is a
// Problems that holds every problem found, of very many the first 50, and then
// there is no Set. What YAML itself cannot read is one problem.
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

// loader reads one rule file and collects what is wrong with it.
type loader struct {
	*source
	options  Options
	problems Problems
	names    map[string]position // of guards and checks
	set      *Set
}

// report adds a problem. What the message quotes of the file cannot break its line.
func (l *loader) report(p position, hint, format string, args ...any) {
	if len(l.problems) < maxProblems {
		message := fmt.Sprintf(format, args...)
		p.line = min(p.line, len(l.lines))
		l.problems = append(l.problems, Problem{l.name, p.line, p.column, printable(message), printable(hint)})
	}
}

func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '\uFFFD'
	}, s)
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
		l.report(at(e.value), l.hintPrompt(name), "there is no template %q", clip(name)+".tmpl")
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
	return compiled, func(offset int) string { return fmt.Sprintf("%s:%s", l.name, place(offset)) }
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
