package rules

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/checker"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"
)

// expression is a compiled `when`.
type expression struct {
	program *vm.Program
	reads   reads
	parts   func() []part // the named ones; see partsOf
}

// finding is something wrong with an expression, offset characters into it.
type finding struct {
	offset        int
	message, hint string
}

// The most an expression may be. Word lists are the longest there are.
const (
	maxExpression = 4 << 10 // bytes
	maxNodes      = 200     // of the syntax tree
)

// compile compiles the expression src against env (Env{} or CheckEnv{}), which
// decides the names it may use. hours are the names open knows. It returns
// either an expression or at least one finding.
func compile(src string, env any, hours []string) (*expression, []finding) {
	if len(src) > maxExpression {
		return nil, []finding{{0, fmt.Sprintf("the expression is longer than %d bytes", maxExpression), "split it over several guards"}}
	}
	options := []expr.Option{
		expr.Env(env),
		expr.AsBool(),
		expr.WarnOnAny(), // an untyped result would count nil as false
		expr.MaxNodes(maxNodes),
		expr.DisableBuiltin("now"), // a verdict depends on the snapshot alone
	}
	cfg := conf.CreateNew()
	for _, o := range options {
		o(cfg)
	}
	tree, err := parser.ParseWithConfig(src, cfg)
	if err != nil {
		return nil, []finding{explain(err, env)}
	}
	if f := refusePatterns(tree.Node); f != nil {
		return nil, f // before the checker compiles them
	}
	_, typeErr := checker.Check(tree, cfg)
	in := inspect(tree.Node, hours)
	switch {
	case typeErr == nil:
		in.findings = append(in.findings, in.doubts...)
	case !in.refused:
		in.findings = append(in.findings, explain(typeErr, env))
	}
	if len(in.findings) > 0 {
		return nil, in.findings
	}
	program, err := expr.Compile(src, options...)
	if err != nil {
		return nil, []finding{explain(err, env)}
	}
	return &expression{program, in.reads, partsOf(tree.Node, env, hours)}, nil
}

var (
	unknownName  = regexp.MustCompile(`^unknown name (\S+)$`)
	unknownField = regexp.MustCompile(`^type (\S+) has no (field|method) (\S+)$`)
	wrongResult  = regexp.MustCompile(`^expected bool, but got (.+)$`)
	wrongToken   = regexp.MustCompile(`^unexpected token (\w+)(?:\("(.*)"\))?$`)
	ourType      = regexp.MustCompile(`\brules\.([A-Z]\w*)`)
)

// explain puts an error of the expression language into a rule author's words.
func explain(err error, env any) finding {
	f := finding{message: err.Error()}
	if e := (*file.Error)(nil); errors.As(err, &e) {
		f.offset, f.message = e.From, e.Message
	}
	f.message = ourType.ReplaceAllStringFunc(f.message, func(t string) string { return strings.ToLower(t[len("rules."):]) })
	switch m := f.message; {
	case unknownName.MatchString(m):
		name := unknownName.FindStringSubmatch(m)[1]
		f.message, f.hint = fmt.Sprintf("unknown name %q", name), hintName(name, env)
	case unknownField.MatchString(m):
		p := unknownField.FindStringSubmatch(m)
		f.message, f.hint = fmt.Sprintf("%s has no %s %q", friendly(p[1]), p[2], p[3]), didYouMean(p[3], members(p[1], env))
	case wrongResult.MatchString(m):
		t := wrongResult.FindStringSubmatch(m)[1]
		f.message, f.hint = "the expression must be true or false, but it is "+friendly(t), hintResult(t)
	case wrongToken.MatchString(m):
		p := wrongToken.FindStringSubmatch(m)
		f.message, f.hint = hintToken(p[1], p[2])
	case strings.HasPrefix(m, "literal not terminated"):
		f.message = "a quote is not closed"
	case m == "invalid char escape":
		f.hint = "write \\\\ for a backslash, or put the text in backquotes"
	case strings.Contains(m, "mismatched types") && strings.Contains(m, "time.Duration"):
		f.hint = `lengths of time are written duration("2m30s")`
	case strings.Contains(m, "exceeds maximum allowed nodes"):
		f.message, f.hint = fmt.Sprintf("the expression has more than %d parts", maxNodes), "split it over several guards"
	}
	f.message = strings.Join(strings.Fields(f.message), " ")
	return f
}

func hintName(name string, env any) string {
	if name == "draft" {
		return "only checks know the draft"
	}
	if hint := didYouMean(name, append(names(env), slices.Sorted(builtins())...)); hint != "" {
		return hint
	}
	return "known names: " + strings.Join(names(env), ", ")
}

func hintResult(t string) string {
	switch {
	case t == "string":
		return `compare it, for instance with == "text" or contains "text"`
	case strings.HasPrefix(t, "[]"):
		return "ask for its length, for instance len(...) > 0"
	case strings.HasPrefix(t, "func("):
		return `call it, for instance tagged("VIP")`
	}
	return "compare it with something"
}

func hintToken(kind, value string) (message, hint string) {
	switch {
	case kind == "EOF":
		return "the expression ends too early", ""
	case value == "=":
		return `unexpected "="`, "== compares"
	case value == "&" || value == "|":
		return fmt.Sprintf("unexpected %q", value), "write and, or"
	case kind == "Identifier":
		return fmt.Sprintf("unexpected %q", clip(value)), "operators between texts are contains, startsWith, endsWith, matches, in, =="
	}
	return fmt.Sprintf("unexpected %q", clip(value)), ""
}

// friendly names a type as rule authors know it.
func friendly(t string) string {
	switch t {
	case "string":
		return "a text"
	case "int", "float64":
		return "a number"
	case "time.Time":
		return "a time"
	case "time.Duration":
		return "a length of time"
	case "[]string":
		return "a list of texts"
	case "nil":
		return "nil"
	case "unknown", "any", "interface {}":
		return "sometimes something else"
	}
	if strings.HasPrefix(t, "[]") {
		return "a list"
	}
	if strings.HasPrefix(t, "func(") {
		return "a function"
	}
	return t
}

// names returns the names env gives to expressions, in the order of the type.
func names(env any) []string { return fieldNames(reflect.TypeOf(env)) }

func fieldNames(t reflect.Type) []string {
	var out []string
	for f := range t.Fields() {
		if f.Anonymous {
			out = append(out, fieldNames(f.Type)...)
		} else if name := f.Tag.Get("expr"); name != "" {
			out = append(out, name)
		}
	}
	return out
}

// members returns what can stand behind the dot of a value of the named type.
func members(typeName string, env any) []string {
	switch typeName {
	case "time.Time", "time.Duration", "time.Weekday", "time.Month":
		return timeMethods
	}
	for _, t := range structs(reflect.TypeOf(env)) {
		if strings.EqualFold(t.Name(), typeName) {
			return fieldNames(t)
		}
	}
	return nil
}

// structs returns the types of the structs among t's fields.
func structs(t reflect.Type) []reflect.Type {
	var out []reflect.Type
	for f := range t.Fields() {
		switch {
		case f.Type.Kind() != reflect.Struct || f.Type == reflect.TypeFor[time.Time]():
		case f.Anonymous:
			out = append(out, structs(f.Type)...)
		default:
			out = append(out, f.Type)
		}
	}
	return out
}

// failure is where an expression failed while it ran, and what may be said about
// it. What the library says may quote the conversation ("cannot parse ..."),
// which has no place in an error, so only what is known not to passes.
func failure(err error) (offset int, reason string) {
	reason = "cannot be evaluated with this conversation"
	e := (*file.Error)(nil)
	if !errors.As(err, &e) {
		return 0, reason
	}
	for _, known := range []string{"index out of range", "memory budget exceeded", "runtime error: integer divide by zero"} {
		if strings.HasPrefix(e.Message, known) {
			reason = known
		}
	}
	return e.From, reason
}
