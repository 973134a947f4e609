package rules

import (
	_ "embed"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"slices"
	"strings"
	"sync"
)

// Name is a name that expressions may use.
type Name struct {
	Name    string // as in expressions: last.text
	Type    string // as authors say it: a text, true/false, function (names text...) true/false
	Meaning string // sentences
	// Request says that it needs the thread's messages: one request, when the first
	// guard that uses one is reached.
	Request bool
	Check   bool // only checks know it
}

// Group reports whether n is not a value itself but what stands before the dot of
// the names that follow it.
func (n Name) Group() bool { return n.Type == group }

const group = "group"

//go:embed env.go
var envSource string

// Names returns every name expressions may use, in the order of Env and CheckEnv,
// a group followed by its members. The meanings are the comments of their fields.
func Names() []Name { return slices.Clone(allNames()) }

var allNames = sync.OnceValue(func() []Name {
	file, err := parser.ParseFile(token.NewFileSet(), "env.go", envSource, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		panic(err) // unreachable: it was compiled
	}
	d := documentation{}
	ast.Inspect(file, d.read)
	guards := d.names(reflect.TypeFor[Env](), "")
	checks := d.names(reflect.TypeFor[CheckEnv](), "")
	for i := range checks {
		checks[i].Check = !slices.Contains(guards, checks[i])
	}
	return checks
})

// Functions returns the functions of the expression language that guards may use
// beside those of Names, sorted.
func Functions() []string { return slices.Sorted(builtins()) }

// TimeMethods returns the methods of times and durations that guards may call,
// sorted: now.Hour() in 9..17.
func TimeMethods() []string { return slices.Clone(timeMethods) }

// documentation is the fields of env.go by type and name.
type documentation map[[2]string]*ast.Field

// read takes in the fields of a type.
func (d documentation) read(n ast.Node) bool {
	t, ok := n.(*ast.TypeSpec)
	if !ok {
		return true
	}
	if s, ok := t.Type.(*ast.StructType); ok {
		for _, f := range s.Fields.List {
			for _, name := range f.Names {
				d[[2]string{t.Name.Name, name.Name}] = f
			}
		}
	}
	return false
}

// names lists the fields of t, which stand behind the prefix.
func (d documentation) names(t reflect.Type, prefix string) []Name {
	var out []Name
	for f := range t.Fields() {
		if f.Anonymous {
			out = append(out, d.names(f.Type, prefix)...)
			continue
		}
		field := d[[2]string{t.Name(), f.Name}]
		n := Name{Name: prefix + f.Tag.Get("expr"), Type: typeName(f.Type, field), Meaning: strings.Join(strings.Fields(field.Doc.Text()), " ")}
		if n.Group() {
			out = append(append(out, n), d.names(f.Type, n.Name+".")...)
			continue
		}
		n.Request = needsMessages(n.Name)
		out = append(out, n)
	}
	return out
}

// needsMessages reports whether a list row does not hold what the name means.
func needsMessages(name string) bool {
	r, ok := memberReads[name]
	if !ok {
		root, _, _ := strings.Cut(name, ".")
		r = rootReads[root]
	}
	return r&readsMessages != 0
}

// typeName names a type as authors say it. field has the names of a function's
// parameters.
func typeName(t reflect.Type, field *ast.Field) string {
	switch {
	case t.Kind() == reflect.Func:
		return signature(t, field)
	case t.Kind() == reflect.Struct && !isNumeric(t):
		return group
	case t.Kind() == reflect.Bool:
		return "true/false"
	}
	name := friendly(t.String()) // "a text"
	_, name, _ = strings.Cut(name, " ")
	return strings.Replace(name, "length of time", "duration", 1)
}

func signature(t reflect.Type, field *ast.Field) string {
	var in []string
	names := field.Type.(*ast.FuncType).Params.List
	for i := range t.NumIn() {
		param, dots := t.In(i), ""
		if t.IsVariadic() && i == t.NumIn()-1 {
			param, dots = param.Elem(), "..."
		}
		in = append(in, fmt.Sprintf("%s %s%s", names[i].Names[0].Name, typeName(param, nil), dots))
	}
	return fmt.Sprintf("function (%s) %s", strings.Join(in, ", "), typeName(t.Out(0), nil))
}
