package rules

import (
	"fmt"
	"iter"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"

	"inboxbot/bot"
)

// An expression cannot be interrupted while it runs, and the library bounds
// neither its time nor its memory: texts that are added to themselves end the
// process. So inspect admits only what is bounded by what it reads, and adds up
// how much that can be:
//
//   - nothing makes a text longer or a list larger than what is there;
//   - lists hold single values, so there are no trees of shared lists;
//   - patterns are constant; RE2 needs at most one step per instruction and byte;
//   - a loop over a list runs maxItems times at most.
//
// The unit is a pass: one step for each byte of maxText. A guard of maxPasses
// takes about a third of a second with a pattern and a text made to be slow
// (TestBombs); looking for 20 words of six letters is about 140.
const (
	maxPasses = 1000
	maxLoops  = 2 // within each other
)

// reads is what of the conversation an expression reads.
type reads uint8

const (
	readsMessages reads = 1 << iota // something a list row does not hold
	readsLast                       // the newest inbound message
	readsTexts
	readsProfile
	readsNotes
	readsDraft
)

// rootReads is what a name reads when it is not a member that memberReads knows.
var rootReads = map[string]reads{
	"thread":     readsProfile,
	"account":    readsProfile,
	"prospect":   readsProfile | readsNotes,
	"last":       readsLast | readsMessages,
	"waiting":    readsMessages,
	"unanswered": readsMessages,
	"inbound":    readsMessages,
	"outbound":   readsMessages,
	"replies":    readsMessages,
	"texts":      readsMessages | readsTexts,
	"humanAgo":   readsMessages,
	"draft":      readsDraft,
}

var memberReads = map[string]reads{
	"last.text":          readsLast,
	"last.at":            readsLast,
	"prospect.notes":     readsNotes,
	"prospect.username":  readsProfile,
	"prospect.name":      readsProfile,
	"prospect.bio":       readsProfile,
	"prospect.location":  readsProfile,
	"prospect.website":   readsProfile,
	"prospect.tags":      readsProfile,
	"prospect.status":    readsProfile,
	"prospect.followers": 0,
	"prospect.following": 0,
	"prospect.verified":  0,
	"prospect.protected": 0,
	"prospect.valuation": 0,
}

// Functions of the language that guards may use, and how many arguments they
// take. Those that take a predicate are loops.
var (
	functions = map[string]int{
		"len": 1, "lower": 1, "upper": 1, "trim": 1, "trimPrefix": 2, "trimSuffix": 2,
		"hasPrefix": 2, "hasSuffix": 2, "indexOf": 2, "lastIndexOf": 2,
		"abs": 1, "ceil": 1, "floor": 1, "round": 1, "int": 1, "float": 1, "min": 2, "max": 2,
		"duration": 1, "date": 3,
	}
	loops = []string{"all", "none", "any", "one", "filter", "find", "findIndex", "findLast", "findLastIndex", "count", "sum"}
)

// timeMethods are the methods of times and lengths of time that depend on
// nothing else. Local would depend on the machine.
var timeMethods = []string{
	"Abs", "Add", "AddDate", "After", "Before", "Compare", "Day", "Equal", "Format", "Hour", "Hours", "IsZero",
	"Milliseconds", "Minute", "Minutes", "Month", "Round", "Second", "Seconds", "String", "Sub", "Truncate", "UTC",
	"Unix", "Weekday", "Year", "YearDay",
}

// builtins returns the names of the functions that guards may use.
func builtins() iter.Seq[string] {
	return func(yield func(string) bool) {
		for name := range maps.Keys(functions) {
			if !yield(name) {
				return
			}
		}
		slices.Values(loops)(yield)
	}
}

// extent says how much text a value can hold.
type extent int

const (
	small extent = iota // numbers, times, what the rule file itself spells out
	item                // an item of a list whose items together hold at most maxText
	full                // up to maxText
)

// loop is a loop that the inspector is in.
type loop struct {
	times int
	item  extent // of #
}

// local is a value that let named.
type local struct {
	extent extent
	depth  int  // in how many loops it was named
	loop   loop // over it, if it is a list
}

// inspector walks a checked syntax tree once.
type inspector struct {
	hours    []string
	findings []finding // whatever the types are
	doubts   []finding // unless the types are wrong anyway
	refused  bool      // a finding is about something that is not available at all
	reads    reads
	passes   int
	loops    []loop
	locals   map[string]local // by let
}

// inspect returns what the tree reads, and every construct that guards may not
// use. The tree's types may be incomplete, where the checker found an error.
func inspect(root ast.Node, hours []string) *inspector {
	in := &inspector{hours: hours, locals: map[string]local{}}
	in.walk(root)
	if in.passes > maxPasses {
		in.refuse(root, "split it over several guards, or look for fewer words",
			"the expression may take too long: %d steps for each byte it reads, at most %d", in.passes, maxPasses)
	}
	return in
}

// once adds a finding, unless there is one about the same place already.
func (in *inspector) once(f finding) {
	if !slices.ContainsFunc(in.findings, func(other finding) bool { return other.offset == f.offset }) {
		in.findings = append(in.findings, f)
	}
}

func (in *inspector) refuse(n ast.Node, hint, format string, args ...any) {
	in.findings = append(in.findings, finding{n.Location().From, fmt.Sprintf(format, args...), hint})
}

// doubt refuses what only the types tell.
func (in *inspector) doubt(n ast.Node, hint, format string, args ...any) {
	in.doubts = append(in.doubts, finding{n.Location().From, fmt.Sprintf(format, args...), hint})
}

// deny refuses what does not exist for guards, whatever its types.
func (in *inspector) deny(n ast.Node, hint, format string, args ...any) {
	in.refused = true
	in.refuse(n, hint, format, args...)
}

func (in *inspector) walk(n ast.Node) {
	switch n := n.(type) {
	case *ast.NilNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.StringNode, *ast.PointerNode:
	case *ast.IdentifierNode:
		in.identifier(n)
	case *ast.UnaryNode:
		in.walk(n.Node)
	case *ast.BinaryNode:
		in.binary(n)
	case *ast.ChainNode:
		in.walk(n.Node)
	case *ast.MemberNode:
		in.member(n)
	case *ast.SliceNode:
		in.walkAll(n.Node, n.From, n.To)
		in.charge(1, n.Node)
	case *ast.CallNode:
		in.call(n)
	case *ast.BuiltinNode:
		in.builtin(n)
	case *ast.ConditionalNode:
		in.walkAll(n.Cond, n.Exp1, n.Exp2)
	case *ast.VariableDeclaratorNode:
		in.walk(n.Value)
		in.locals[n.Name] = local{in.extent(n.Value), len(in.loops), in.over(n.Value)}
		in.walk(n.Expr)
	case *ast.SequenceNode:
		in.walkAll(n.Nodes...)
	case *ast.ArrayNode:
		in.array(n)
	case *ast.MapNode:
		in.deny(n, "", "maps are not available in guards")
	default:
		in.deny(n, "", "this is not available in guards")
	}
}

func (in *inspector) walkAll(nodes ...ast.Node) {
	for _, n := range nodes {
		if n != nil {
			in.walk(n)
		}
	}
}

func (in *inspector) identifier(n *ast.IdentifierNode) {
	if n.Value == "$env" {
		in.deny(n, "name what you mean", "$env is not available in guards")
	}
	if n.Type().Kind() == reflect.Func {
		in.doubt(n, fmt.Sprintf("call it: %s(...)", n.Value), "%s is a function", n.Value)
	}
	in.reads |= rootReads[n.Value]
}

func (in *inspector) member(n *ast.MemberNode) {
	if n.Type().Kind() == reflect.Func {
		in.doubt(n, "call it with ()", "this is a function")
	}
	root, isName := n.Node.(*ast.IdentifierNode)
	property, isConst := n.Property.(*ast.StringNode)
	if isName && isConst {
		if r, ok := memberReads[root.Value+"."+property.Value]; ok {
			in.reads |= r
			return
		}
	}
	in.walkAll(n.Node, n.Property)
}

func (in *inspector) call(n *ast.CallNode) {
	switch callee := n.Callee.(type) {
	case *ast.IdentifierNode:
		in.ownFunction(n, callee.Value)
	case *ast.MemberNode:
		method, ok := callee.Property.(*ast.StringNode)
		if !ok || !slices.Contains(timeMethods, method.Value) {
			in.doubt(n, "methods of times: "+strings.Join(timeMethods, ", "), "this method is not available in guards")
		}
		in.walk(callee.Node)
	default:
		in.deny(n, "", "this cannot be called")
	}
	in.walkAll(n.Arguments...)
}

func (in *inspector) ownFunction(n *ast.CallNode, name string) {
	switch name {
	case "tagged", "seen":
		in.reads |= readsProfile
		in.add(len(n.Arguments), full) // each is compared with every tag
		in.tagNames(n, name)
	case "open", "closed", "closedBecause":
		in.hoursOf(n, name)
	case "rollout":
		in.rollout(n)
	}
}

// tagNames refuses tags that nobody can have.
func (in *inspector) tagNames(n *ast.CallNode, function string) {
	if len(n.Arguments) == 0 {
		in.refuse(n, "name at least one tag, "+usage(function), "%s() is never true", function)
	}
	for _, a := range n.Arguments {
		if text, ok := a.(*ast.StringNode); ok && strings.TrimSpace(text.Value) == "" {
			in.refuse(a, usage(function), "no tag has an empty name")
		}
		if in.noName(a) {
			in.refuse(a, usage(function), "%s needs its tags in quotes", function)
		}
	}
}

// noName reports whether n looks like a name but is none that any expression has.
func (in *inspector) noName(n ast.Node) bool {
	id, ok := n.(*ast.IdentifierNode)
	if !ok {
		return false
	}
	_, isLocal := in.locals[id.Value]
	return !isLocal && !slices.Contains(names(CheckEnv{}), id.Value)
}

// words are the names whose value is one of a few.
var words = map[string][]string{
	"weekday":      weekdayNames[:],
	"draft.action": {string(bot.Reply), string(bot.Handoff), string(bot.Skip)},
}

// word refuses a comparison of a name with a text that it never is.
func (in *inspector) word(name ast.Node, with ...ast.Node) {
	key := ""
	switch n := name.(type) {
	case *ast.IdentifierNode:
		key = n.Value
	case *ast.MemberNode:
		key = n.String()
	}
	known, ok := words[key]
	if !ok {
		return
	}
	for _, w := range with {
		text, ok := w.(*ast.StringNode)
		if !ok || slices.Contains(known, text.Value) {
			continue
		}
		hint := didYouMean(text.Value, known)
		if i := slices.IndexFunc(known, func(k string) bool { return strings.HasPrefix(k, strings.ToLower(text.Value)) }); hint == "" && i >= 0 && text.Value != "" {
			hint = fmt.Sprintf("did you mean %q?", known[i])
		}
		if hint == "" {
			hint = "it is one of " + strings.Join(known, ", ")
		}
		in.refuse(w, hint, "%s is never %q", key, clip(text.Value))
	}
}

// rollout wants constants: who is chosen must not depend on the conversation.
func (in *inspector) rollout(n *ast.CallNode) {
	const hint = `for instance rollout(10) or rollout(10, "new-tone")`
	if len(n.Arguments) > 2 {
		in.refuse(n.Arguments[2], hint, "rollout takes a percentage and the name of one experiment")
	}
	for i, a := range n.Arguments[:min(len(n.Arguments), 2)] {
		percent, isNumber := number(a)
		name, isText := a.(*ast.StringNode)
		switch {
		case i == 0 && !isNumber:
			in.doubt(a, hint, "rollout needs its percentage as a number")
		case i == 0 && (percent < 0 || percent > 100):
			in.refuse(a, hint, "a percentage is from 0 to 100")
		case i == 1 && in.noName(a):
			in.refuse(a, hint, "rollout needs the name of its experiment in quotes")
		case i == 1 && !isText:
			in.doubt(a, hint, "rollout needs the name of its experiment in quotes")
		case i == 1 && strings.TrimSpace(name.Value) == "":
			in.refuse(a, hint, "the experiment has no name")
		}
	}
}

func number(n ast.Node) (value float64, ok bool) {
	switch n := n.(type) {
	case *ast.IntegerNode:
		return float64(n.Value), true
	case *ast.FloatNode:
		return n.Value, true
	case *ast.UnaryNode:
		value, ok = number(n.Node)
		return -value, ok && n.Operator == "-"
	}
	return 0, false
}

func (in *inspector) hoursOf(n *ast.CallNode, function string) {
	if len(n.Arguments) != 1 {
		return // the checker says so
	}
	name, ok := n.Arguments[0].(*ast.StringNode)
	switch {
	case !ok:
		in.refuse(n.Arguments[0], fmt.Sprintf("for instance %s(%q)", function, "business"), "%s needs the name of its hours in quotes", function)
	case slices.Contains(in.hours, name.Value):
	case len(in.hours) == 0:
		in.refuse(name, "add them under hours:", "unknown hours %q: the file has none", clip(name.Value))
	default:
		hint := didYouMean(name.Value, in.hours)
		if hint == "" {
			hint = "known hours: " + clip(strings.Join(in.hours, ", "))
		}
		in.refuse(name, hint, "unknown hours %q", clip(name.Value))
	}
}

func (in *inspector) binary(n *ast.BinaryNode) {
	switch n.Operator {
	case "+":
		if !isNumeric(n.Left.Type()) || !isNumeric(n.Right.Type()) {
			in.doubt(n, "look for the parts one by one", "+ adds numbers and times, not texts")
		}
	case "..":
		in.deny(n, "for instance now.Hour() in 9..17", "a range can only stand behind in")
	case "matches":
		if pattern, ok := n.Right.(*ast.StringNode); ok {
			in.charge(patternSize(pattern.Value), n.Left)
		}
	case "==", "!=":
		in.word(n.Left, n.Right)
		in.word(n.Right, n.Left)
		in.charge(1, n.Left, n.Right)
	case "in":
		if r, ok := n.Right.(*ast.BinaryNode); ok && r.Operator == ".." && isInt(r.Left) && isInt(r.Right) {
			in.walk(n.Left) // compiled to two comparisons
			return
		}
		if n.Right.Type().Kind() == reflect.Struct {
			in.doubt(n.Right, `for instance "VIP" in prospect.tags`, "in looks into a list")
		}
		if list, ok := n.Right.(*ast.ArrayNode); ok {
			in.word(n.Left, list.Nodes...)
		}
		in.charge(1, n.Left, n.Right)
	default:
		in.charge(1, n.Left, n.Right)
	}
	in.walkAll(n.Left, n.Right)
}

func (in *inspector) builtin(n *ast.BuiltinNode) {
	if slices.Contains(loops, n.Name) {
		in.loop(n)
		return
	}
	most, ok := functions[n.Name]
	switch {
	case !ok:
		in.deny(n, "`inboxbot env` lists the functions that are", "%s is not available in guards", n.Name)
		return
	case len(n.Arguments) > most:
		in.refuse(n, "", "%s takes at most %d here", n.Name, most)
	case n.Name == "duration" || n.Name == "date":
		in.constant(n)
	}
	in.charge(1, n.Arguments...)
	in.walkAll(n.Arguments...)
}

// constant evaluates duration and date of constants, so that a bad one is found
// when the file is loaded.
func (in *inspector) constant(n *ast.BuiltinNode) {
	for _, a := range n.Arguments {
		if _, ok := a.(*ast.StringNode); !ok {
			in.refuse(a, usage(n.Name), "%s takes only texts in quotes", n.Name)
			return
		}
	}
	if _, err := expr.Eval(n.String(), nil); err != nil && len(n.Arguments) > 0 {
		hint := `for instance duration("90s"), duration("2h30m"), duration("48h")`
		if n.Name == "date" {
			hint = `for instance date("2026-12-24") or date("2026-12-24 18:00", "2006-01-02 15:04", "Europe/Berlin")`
		}
		in.refuse(n.Arguments[0], hint, "this is no %s", n.Name)
	}
}

func (in *inspector) loop(n *ast.BuiltinNode) {
	if len(n.Arguments) == 0 {
		return // the checker says so
	}
	list := n.Arguments[0]
	in.walk(list)
	if len(in.loops) == maxLoops {
		in.deny(n, "", "more than %d loops within each other", maxLoops)
		return
	}
	in.loops = append(in.loops, in.over(list))
	for _, a := range n.Arguments[1:] {
		if p, ok := a.(*ast.PredicateNode); ok {
			in.walk(p.Node)
		} else {
			in.walk(a)
		}
	}
	in.loops = in.loops[:len(in.loops)-1]
	if n.Name == "sum" && !isNumeric(n.Type()) {
		in.doubt(n, "for instance sum(texts, len(#))", "sum adds numbers, not texts")
	}
}

// over describes a loop over list.
func (in *inspector) over(list ast.Node) loop {
	switch list := list.(type) {
	case *ast.ArrayNode:
		return loop{len(list.Nodes), in.extent(list)}
	case *ast.IdentifierNode:
		if l, ok := in.locals[list.Value]; ok {
			return l.loop
		}
	}
	return loop{maxItems, item}
}

func (in *inspector) array(n *ast.ArrayNode) {
	for _, e := range n.Nodes {
		if _, ok := e.(*ast.NilNode); !ok && !isSingle(e.Type()) {
			in.doubt(e, "", "a list can only hold single values: texts, numbers, times")
		}
		in.walk(e)
	}
}

// charge adds the passes of an operation that looks at each byte of its operands
// the given number of times.
func (in *inspector) charge(passes int, operands ...ast.Node) {
	in.add(passes, in.extent(operands...))
}

func (in *inspector) add(passes int, over extent) {
	if over == small {
		return
	}
	for i, l := range in.loops {
		if over == item && i == len(in.loops)-1 {
			break // over all items together it reads the list once
		}
		passes = min(passes*l.times, maxPasses*maxItems)
	}
	in.passes = min(in.passes+passes, maxPasses*maxItems)
}

// extent returns how much text the values of nodes can hold, at most.
func (in *inspector) extent(nodes ...ast.Node) extent {
	most := small
	for _, n := range nodes {
		most = max(most, in.extentOf(n))
	}
	return most
}

func (in *inspector) extentOf(n ast.Node) extent {
	if n == nil || isNumeric(n.Type()) || n.Type().Kind() == reflect.Bool {
		return small
	}
	switch n := n.(type) {
	case *ast.StringNode:
		return small
	case *ast.PointerNode:
		if len(in.loops) > 0 {
			return in.loops[len(in.loops)-1].item
		}
	case *ast.IdentifierNode:
		if l, ok := in.locals[n.Value]; ok && (l.extent != item || l.depth == len(in.loops)) {
			return l.extent
		}
	case *ast.ArrayNode:
		return in.extent(n.Nodes...)
	case *ast.BuiltinNode:
		if _, ok := functions[n.Name]; ok {
			return in.extent(n.Arguments...)
		}
	case *ast.SliceNode:
		return in.extent(n.Node)
	}
	return full
}

func isInt(n ast.Node) bool {
	if u, ok := n.(*ast.UnaryNode); ok && u.Operator == "-" {
		n = u.Node
	}
	_, ok := n.(*ast.IntegerNode)
	return ok
}

// isNumeric reports whether t is a number, a time or a length of time.
func isNumeric(t reflect.Type) bool {
	if t == reflect.TypeFor[time.Time]() {
		return true
	}
	return t.Kind() >= reflect.Int && t.Kind() <= reflect.Float64
}

// isSingle reports whether values of t hold no other values.
func isSingle(t reflect.Type) bool {
	return isNumeric(t) || t.Kind() == reflect.String || t.Kind() == reflect.Bool
}
