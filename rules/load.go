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
	"inboxbot/bot/draftcheck"
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
	// Messages is the same for the templates of messages to the prospect, which
	// `say:` names.
	Messages func(name string) bool
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

	// What the guards and checks of a file take together for one conversation, in
	// passes (see inspect.go): seconds, if all is made to be slow. The shipped ones
	// are 1,500.
	maxFilePasses = 50_000
)

// Load reads a rule file and runs its tests. name stands for it in messages. The
// error is a Problems that holds every problem found, of very many the first 50,
// and then there is no Set. What YAML itself cannot read is one problem; tests run
// when nothing else is wrong.
func Load(name string, src []byte, o Options) (*Set, error) {
	if o.Timezone == nil {
		o.Timezone = time.UTC
	}
	l := &loader{
		options: o,
		source:  newSource(name, normalized(src)),
		most:    maxFile,
		what:    "a rule file",
		start:   "start with version: 1",
		names:   map[string]position{},
		set:     &Set{fallback: bot.Outcome{Action: bot.Skip, Reason: noGuard}, hours: map[string]*hours{}, zone: o.Timezone, hash: hash(src)},
	}
	if root := l.parse(src); root != nil {
		l.file(root)
	}
	l.set.tags = l.handoffTags()
	if len(l.problems) == 0 { // else there is no Set to test
		l.problems = l.failures()
	}
	if len(l.problems) > 0 {
		return nil, l.problems.sorted()
	}
	return l.set, nil
}

// loader reads one rule file and collects what is wrong with it.
type loader struct {
	*source
	options  Options
	most     int    // bytes of the file
	what     string // is in the file
	start    string // how such a file starts
	problems Problems
	names    map[string]position // of guards and checks
	passes   int                 // of guards and checks together
	set      *Set
}

// full reports whether more problems would not be told of.
func (l *loader) full() bool { return len(l.problems) >= maxProblems }

// report adds a problem. What the message quotes of the file cannot break its line.
func (l *loader) report(p position, hint, format string, args ...any) {
	if !l.full() {
		message := fmt.Sprintf(format, args...)
		p.line = min(p.line, len(l.lines))
		l.problems = append(l.problems, Problem{File: l.name, Line: p.line, Column: p.column, Message: printable(message), Hint: printable(hint)})
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
	f, ok := l.fields(root, "a rule file", "version", "hours", "guards", "default", "checks", "handoffs", "draft-checks", "tests")
	if !ok {
		return
	}
	l.version(f["version"], root)
	l.allHours(f["hours"]) // first: guards name them
	l.set.guards = l.guards(f["guards"], guardKind)
	l.set.checks = l.guards(f["checks"], checkKind)
	if e, ok := f["default"]; ok {
		l.set.fallback = l.outcome(e, guardKind)
		l.set.fallback.Reason = noGuard
	}
	l.set.handoffs = l.messages(f["handoffs"])
	l.set.drafts = l.draftChecks(f["draft-checks"])
	l.set.cases = l.tests(f["tests"])
}

const noGuard = "no guard fired"

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
	actions []string
	cause   bot.Cause // of their handoffs
}

var (
	guardActions = []string{string(bot.Reply), draft, string(bot.Handoff), string(bot.Skip), string(bot.Wait)}
	guardKind    = kind{"guards", "a guard", Env{}, guardActions, bot.CauseRule}
	// A check does not wait: the model would be asked again at every sweep.
	checkKind = kind{"checks", "a check", CheckEnv{}, []string{string(bot.Handoff), string(bot.Skip)}, bot.CauseCheck}
)

// draft is the outcome of a reply that a person has to approve.
const draft = "draft"

func (l *loader) guards(e entry, k kind) []guard {
	var out []guard
	for _, n := range l.list(e, k.key) {
		if len(l.names) == maxGuards {
			l.report(at(n), "", "more than %d guards and checks", maxGuards)
			break
		}
		g, ok := l.guard(n, k)
		if !ok {
			continue
		}
		out = append(out, g)
		if l.passes += g.when.passes; l.passes > maxFilePasses {
			l.report(at(n), "look for fewer words, or repeat less",
				"the guards and checks up to here may take too long together: %d steps for each byte they read, at most %d", l.passes, maxFilePasses)
			break
		}
	}
	return out
}

// guard reads one guard or check. What is wrong is reported; ok tells whether g
// can be used.
func (l *loader) guard(n ast.Node, k kind) (g guard, ok bool) {
	f, ok := l.fields(n, k.one, "name", "when", "then", "reason", "tag", "assign", "prompt", "cause", "say")
	if !ok {
		return guard{}, false
	}
	for _, key := range []string{"name", "when", "then"} {
		if _, ok := f[key]; !ok {
			l.report(at(n), "", "%s needs %s", k.one, key)
		}
	}
	g.name = l.guardName(f["name"])
	g.failed = k.cause
	g.outcome = l.outcome(f["then"], k)
	g.outcome.Reason = l.words(f["reason"], maxReason)
	g.outcome.Tag = l.words(f["tag"], maxTag)
	g.outcome.Assign = l.words(f["assign"], maxTag)
	g.outcome.Prompt = l.prompt(f["prompt"])
	g.outcome.Say = l.say(f["say"])
	if e, ok := f["cause"]; ok {
		g.outcome.Cause = l.cause(e)
	}
	l.onlyWith(bot.Handoff, g.outcome.Action, f["tag"], f["assign"], f["cause"], f["say"])
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
// default, and the bot itself. Logs and metrics could not tell them apart.
var reserved = []string{
	nobody, "not-our-turn", "unknown-author", "own-account", "request", "syncing", "account-offline", "too-old",
	"archived-since", "handed-over", "person-took-over", "undelivered", "settling", "loop", "hidden", "cap-reached",
	"quarantine", "paused", "model-down", "in-doubt", "send-refused", "cannot-send", "unreadable", "budget", "draft-check", "foreign",
}

// isReserved reports whether name is the bot's own, or that of one of its checks of
// a draft.
func isReserved(name string) bool {
	return slices.Contains(reserved, name) || isDraftCheck(name)
}

func isDraftCheck(name string) bool {
	check, ok := strings.CutPrefix(name, "draft-")
	return ok && slices.Contains(draftcheck.Names, check)
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
	case isReserved(name):
		l.report(at(e.value), "choose another", "the name %q is the bot's own", name)
	case taken:
		l.report(at(e.value), fmt.Sprintf("line %d has it already", before.line), "the name %q is taken", name)
	default:
		l.names[name] = at(e.value)
	}
	return name
}

// outcome reads what a guard, a check or the default leads to.
func (l *loader) outcome(e entry, k kind) bot.Outcome {
	s, ok := l.oneOf(e, "outcome", k.actions)
	switch {
	case !ok:
		return bot.Outcome{}
	case s == draft:
		return bot.Outcome{Action: bot.Reply, Approve: true}
	case s == string(bot.Handoff):
		return bot.Outcome{Action: bot.Handoff, Cause: k.cause}
	}
	return bot.Outcome{Action: bot.Action(s)}
}

// oneOf reads one of the known words. One that is missing is not ok either, without
// a report.
func (l *loader) oneOf(e entry, what string, known []string) (string, bool) {
	s := l.words(e, maxName)
	if s == "" || slices.Contains(known, s) {
		return s, s != ""
	}
	hint := didYouMean(s, known)
	if hint == "" {
		hint = "known: " + strings.Join(known, ", ")
	}
	if what == "outcome" && slices.Contains(guardActions, s) {
		l.report(at(e.value), hint, "a check cannot %s", s)
	} else {
		l.report(at(e.value), hint, "unknown %s %q", what, clip(s))
	}
	return "", false
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
