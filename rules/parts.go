package rules

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"

	"inboxbot/bot"
)

// Parts implements bot.Tracer. It returns nil for a name that no guard and no
// check of the file has.
func (s *Set) Parts(c *bot.Conversation, d *bot.Decision, guard string) []bot.Part {
	env := CheckEnv{Env: s.env(c)}
	if d != nil {
		env.Draft = draftOf(*d)
	}
	over := overlong(&env)
	if g := find(s.guards, guard); g != nil {
		return s.parts(g, c, env.Env, over, true)
	}
	if g := find(s.checks, guard); g != nil {
		return s.parts(g, c, env, over, d != nil)
	}
	return nil
}

func find(guards []guard, name string) *guard {
	i := slices.IndexFunc(guards, func(g guard) bool { return g.name == name })
	if i < 0 {
		return nil
	}
	return &guards[i]
}

func (s *Set) parts(g *guard, c *bot.Conversation, env any, over reads, drafted bool) []bot.Part {
	parts := g.when.parts()
	out := make([]bot.Part, len(parts))
	for i, p := range parts {
		out[i] = bot.Part{Expr: p.text, Value: s.worthOf(p, c, env, over, drafted)}
	}
	return out
}

// part is a named part of an expression.
type part struct {
	text string
	expression
}

// worthOf is the value of p as people read it, or why there is none.
func (s *Set) worthOf(p part, c *bot.Conversation, env any, over reads, drafted bool) (value string) {
	defer func() {
		if recover() != nil {
			value = "cannot be shown" // unreachable: the library recovers, and show knows every type
		}
	}()
	switch {
	case p.program == nil:
		return "cannot be shown" // unreachable: it is part of what compiles
	case p.unread(c):
		return "needs the messages"
	case p.reads&readsDraft != 0 && !drafted:
		return "needs a draft"
	case over&p.reads != 0:
		return "too long to be judged"
	}
	v, err := expr.Run(p.program, env)
	if err != nil {
		_, reason := failure(err)
		return reason
	}
	return s.show(v)
}

// maxShown is how much of a value is shown, in characters.
const maxShown = 200

// show is v as people read it. What outsiders wrote is in quotes, without anything
// that moves a cursor, and cut.
func (s *Set) show(v any) string {
	switch v := v.(type) {
	case nil:
		return "nothing"
	case string:
		return shown(v)
	case time.Duration:
		if v >= bot.Never {
			return "never"
		}
		return bot.Brief(v.Round(time.Second))
	case time.Time:
		return v.In(s.zone).Format("Mon 2006-01-02 15:04:05")
	}
	if r := reflect.ValueOf(v); r.Kind() == reflect.Slice {
		return s.showList(r)
	}
	// A number, true or false, or all of prospect.
	quoted := strconv.Quote(fmt.Sprintf("%+v", v))
	return clipTo(quoted[1:len(quoted)-1], maxShown)
}

func (s *Set) showList(r reflect.Value) string {
	var items []string
	room := maxShown
	for i := range r.Len() {
		item := s.show(r.Index(i).Interface())
		if room -= utf8.RuneCountInString(item); room < 0 && i > 0 {
			items = append(items, fmt.Sprintf("and %d more", r.Len()-i))
			break
		}
		items = append(items, item)
	}
	return "[" + strings.Join(items, ", ") + "]"
}

// shown is a text in quotes, cut to maxShown.
func shown(s string) string {
	n := 0
	for i := range s {
		if n++; n > maxShown {
			return strconv.Quote(s[:i]) + "…"
		}
	}
	return strconv.Quote(s)
}

func clipTo(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

// partsOf finds the named parts of a checked tree, in the order they stand there,
// each once. They are looked for when they are first asked for.
func partsOf(root ast.Node, env any, hours []string) func() []part {
	return sync.OnceValue(func() []part {
		f := &partFinder{locals: map[string]bool{}}
		f.walk(root)
		out := make([]part, len(f.found))
		for i, n := range f.found {
			out[i] = part{text: n.String()}
			program, err := expr.Compile(n.String(), expr.Env(env), expr.DisableBuiltin("now"))
			if err == nil {
				out[i].expression = expression{program: program, reads: inspect(n, hours).reads}
			}
		}
		return out
	})
}

// partFinder collects the outermost named parts of an expression that mean
// something alone: not what a loop or let has named.
type partFinder struct {
	found  []ast.Node
	locals map[string]bool
}

func (f *partFinder) walk(n ast.Node) {
	switch n := n.(type) {
	case nil:
	case *ast.IdentifierNode:
		f.add(n)
	case *ast.ChainNode:
		f.orParts(n, n.Node)
	case *ast.MemberNode:
		f.orParts(n, n.Node, n.Property)
	case *ast.CallNode:
		f.call(n)
	case *ast.BuiltinNode:
		if n.Name == "len" {
			f.orParts(n, n.Arguments...)
			return
		}
		f.walkAll(n.Arguments...)
	case *ast.UnaryNode:
		f.walk(n.Node)
	case *ast.BinaryNode:
		f.walkAll(n.Left, n.Right)
	case *ast.SliceNode:
		f.walkAll(n.Node, n.From, n.To)
	case *ast.ConditionalNode:
		f.walkAll(n.Cond, n.Exp1, n.Exp2)
	case *ast.VariableDeclaratorNode:
		f.walk(n.Value)
		f.locals[n.Name] = true
		f.walk(n.Expr)
	case *ast.SequenceNode:
		f.walkAll(n.Nodes...)
	case *ast.ArrayNode:
		f.walkAll(n.Nodes...)
	case *ast.PredicateNode:
		f.walk(n.Node)
	}
}

func (f *partFinder) walkAll(nodes ...ast.Node) {
	for _, n := range nodes {
		f.walk(n)
	}
}

// call adds a call of a function of ours, or of a method of a named time.
func (f *partFinder) call(n *ast.CallNode) {
	switch callee := n.Callee.(type) {
	case *ast.IdentifierNode:
		f.orParts(n, n.Arguments...)
	case *ast.MemberNode:
		f.orParts(n, append([]ast.Node{callee.Node}, n.Arguments...)...)
	}
}

// orParts adds n if it means something alone, else the parts within it.
func (f *partFinder) orParts(n ast.Node, parts ...ast.Node) {
	if f.simple(parts...) {
		f.add(n)
		return
	}
	f.walkAll(parts...)
}

// simple reports whether nodes are names, members and constants.
func (f *partFinder) simple(nodes ...ast.Node) bool {
	for _, n := range nodes {
		ok := true
		switch n := n.(type) {
		case *ast.IdentifierNode:
			ok = !f.locals[n.Value]
		case *ast.ChainNode:
			ok = f.simple(n.Node)
		case *ast.MemberNode:
			ok = f.simple(n.Node, n.Property)
		case *ast.CallNode:
			ok = f.simple(n.Arguments...) && f.simpleCallee(n.Callee)
		case *ast.BuiltinNode:
			ok = (n.Name == "duration" || n.Name == "date" || n.Name == "len") && f.simple(n.Arguments...)
		case *ast.IntegerNode, *ast.FloatNode, *ast.StringNode, *ast.BoolNode, *ast.NilNode:
		default:
			ok = false
		}
		if !ok {
			return false
		}
	}
	return true
}

func (f *partFinder) simpleCallee(n ast.Node) bool {
	if m, ok := n.(*ast.MemberNode); ok {
		return f.simple(m.Node)
	}
	_, ok := n.(*ast.IdentifierNode)
	return ok
}

func (f *partFinder) add(n ast.Node) {
	if id, ok := n.(*ast.IdentifierNode); ok && f.locals[id.Value] {
		return
	}
	text := n.String()
	if !slices.ContainsFunc(f.found, func(o ast.Node) bool { return o.String() == text }) {
		f.found = append(f.found, n)
	}
}
