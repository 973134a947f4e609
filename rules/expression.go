package rules

import (
	"errors"
	"fmt"
	"reflect"
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
	passes  int           // over each byte it reads, at most
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
		return nil, []finding{explain(err, src, env)}
	}
	if f := refusePatterns(tree.Node); f != nil {
		return nil, f // before the checker compiles them
	}
	_, typeErr := checker.Check(tree, cfg)
	in := inspect(tree.Node, hours)
	if typeErr == nil {
		in.findings = append(in.findings, in.doubts...)
	} else if !in.refused {
		in.once(explain(typeErr, src, env))
	}
	if len(in.findings) > 0 {
		return nil, in.findings
	}
	program, err := expr.Compile(src, options...)
	if err != nil {
		return nil, []finding{explain(err, src, env)}
	}
	return &expression{program, in.reads, in.passes, partsOf(tree.Node, env, hours)}, nil
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
		if "rules."+t.Name() == typeName {
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
