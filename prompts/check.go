package prompts

import (
	"cmp"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strings"
	"text/template"
	"text/template/parse"
	"time"
)

// check looks up every name in every template, in branches that no sample
// reaches too: text/template itself resolves a name when it gets there.
func (l *loader) check(funcs template.FuncMap) {
	c := &checker{loader: l, funcs: signatures(funcs), seen: map[visit]bool{}, used: map[string]bool{}}
	for _, file := range sortedKeys(l.tmpls) {
		if t, ok := l.trees[file]; ok && !strings.HasPrefix(file, partial) {
			c.template(t, dataOf(file))
		}
	}
	for _, name := range sortedKeys(l.trees) {
		if !c.used[name] { // a part that nothing uses yet: what it gets is not known
			c.template(l.trees[name], nil)
		}
	}
}

// dataOf returns the type of what the template of a file gets.
func dataOf(file string) reflect.Type {
	if strings.HasSuffix(file, sayExt) {
		return reflect.TypeFor[messageData]()
	}
	return reflect.TypeFor[Data]()
}

// checker walks templates with the types of what they handle. A nil type is one
// that is not known, about which nothing is said.
type checker struct {
	*loader
	funcs map[string]signature
	seen  map[visit]bool
	used  map[string]bool // templates walked
	path  []string        // templates that are being walked

	// Of the template being walked:
	file string
	vars []variable
}

type visit struct {
	template string
	dot      reflect.Type
}

type variable struct {
	name string // with its $
	typ  reflect.Type
}

// noData is the type of dot in a template that was called without an argument.
type noData struct{}

func (c *checker) template(t *parse.Tree, dot reflect.Type) {
	v := visit{t.Name, dot}
	if c.seen[v] {
		return
	}
	c.seen[v] = true
	c.used[t.Name] = true

	file, vars := c.file, c.vars
	c.path = append(c.path, t.Name)
	c.file, c.vars = t.ParseName, []variable{{"$", dot}}
	c.list(t.Root, dot)
	c.path = c.path[:len(c.path)-1]
	c.file, c.vars = file, vars
}

func (c *checker) list(list *parse.ListNode, dot reflect.Type) {
	if list == nil {
		return
	}
	outer := len(c.vars)
	for _, n := range list.Nodes {
		c.node(n, dot)
	}
	c.vars = c.vars[:outer]
}

func (c *checker) node(n parse.Node, dot reflect.Type) {
	outer := len(c.vars)
	switch n := n.(type) {
	case *parse.ActionNode:
		if printed := c.pipe(n.Pipe, dot); printed == reflect.TypeFor[internal]() && len(n.Pipe.Decl) == 0 {
			c.at(n.Pipe, "%v", errInternal)
		} else if printed != nil && printed.Kind() == reflect.Struct && printed != reflect.TypeFor[time.Time]() && len(n.Pipe.Decl) == 0 && printed != reflect.TypeFor[noData]() {
			c.at(n.Pipe, "the %s cannot be printed as a whole, only its fields: %s", describe(printed), strings.Join(slices.Collect(members(printed)), " "))
		}
		return // what it declares lives on in the list
	case *parse.IfNode:
		c.pipe(n.Pipe, dot)
		c.list(n.List, dot)
		c.list(n.ElseList, dot)
	case *parse.WithNode:
		inner := c.pipe(n.Pipe, dot)
		c.list(n.List, inner)
		c.list(n.ElseList, dot)
	case *parse.RangeNode:
		c.list(n.List, c.rangeOver(n.Pipe, dot))
		c.vars = c.vars[:outer]
		c.list(n.ElseList, dot)
	case *parse.TemplateNode:
		c.call(n, dot)
	}
	c.vars = c.vars[:outer]
}

// rangeOver checks the pipe of a range and returns the type of its elements.
func (c *checker) rangeOver(p *parse.PipeNode, dot reflect.Type) reflect.Type {
	outer := len(c.vars)
	over := c.pipe(p, dot)
	var elem reflect.Type
	switch {
	case over == nil:
	case over.Kind() == reflect.Slice:
		elem = over.Elem()
	case over.Kind() == reflect.Int:
		elem = over
	default:
		c.at(p, "range wants a list, and this is %s", describe(over))
	}
	if p.IsAssign {
		return elem
	}
	// The pipe declared its variables as if they held the list.
	for i := range c.vars[outer:] {
		v := &c.vars[outer+i]
		switch {
		case i == 1 || len(c.vars)-outer == 1:
			v.typ = elem
		default:
			v.typ = reflect.TypeFor[int]()
		}
	}
	return elem
}

// call checks {{template "name" pipe}} and the template it names.
func (c *checker) call(n *parse.TemplateNode, dot reflect.Type) {
	arg := reflect.TypeFor[noData]()
	if n.Pipe != nil {
		arg = c.pipe(n.Pipe, dot)
	}
	t, ok := c.trees[n.Name]
	switch {
	case !ok:
		c.at(n, "there is no template %q%s", n.Name, didYouMean(n.Name, slices.Values(sortedKeys(c.trees))))
	case slices.Contains(c.path, n.Name):
		c.at(n, "template %q uses itself: %s", n.Name, strings.Join(append(c.path[slices.Index(c.path, n.Name):], n.Name), " -> "))
	default:
		c.template(t, arg)
	}
}

// pipe checks a pipeline, declares its variables and returns its type.
func (c *checker) pipe(p *parse.PipeNode, dot reflect.Type) reflect.Type {
	if p == nil {
		return nil
	}
	var value reflect.Type
	for i, cmd := range p.Cmds {
		value = c.command(cmd, dot, value, i > 0)
	}
	for _, v := range p.Decl {
		if !p.IsAssign {
			c.vars = append(c.vars, variable{v.Ident[0], value})
			continue
		}
		if old := c.variable(v.Ident[0]); old != nil && old.typ != value {
			old.typ = nil // which of the two it holds depends on the way taken
		}
	}
	return value
}

// command checks one command of a pipeline. piped says that the value of the
// command before it, of type last, is its last argument.
func (c *checker) command(cmd *parse.CommandNode, dot, last reflect.Type, piped bool) reflect.Type {
	id, ok := cmd.Args[0].(*parse.IdentifierNode)
	if !ok {
		value := c.arg(cmd.Args[0], dot)
		for _, a := range cmd.Args[1:] {
			c.arg(a, dot) // of a method
		}
		return value
	}
	var args []reflect.Type
	for _, a := range cmd.Args[1:] {
		args = append(args, c.arg(a, dot))
	}
	if piped {
		args = append(args, last)
	}
	return c.function(id, cmd, args)
}

func (c *checker) function(id *parse.IdentifierNode, cmd *parse.CommandNode, args []reflect.Type) reflect.Type {
	sig, ok := c.funcs[id.Ident]
	if !ok {
		c.at(id, "there is no function %s%s", id.Ident, c.hintFunction(id.Ident))
		return nil
	}
	switch {
	case len(args) < sig.min, sig.max >= 0 && len(args) > sig.max:
		c.at(id, "%s takes %s, not %d", id.Ident, sig.arity(), len(args))
		return sig.out
	case id.Ident == "include":
		c.include(cmd)
	case id.Ident == "date":
		c.layout(cmd)
	}
	for i, in := range sig.in {
		if in != nil && args[i] != nil && !args[i].AssignableTo(in) {
			c.at(id, "argument %d of %s is %s, want %s", i+1, id.Ident, describe(args[i]), describe(in))
		}
	}
	return sig.out
}

// hintFunction says what a name that is no function was probably meant to be.
func (c *checker) hintFunction(name string) string {
	field, isField := nearestFold(name, members(dataOf(c.file)))
	ours, isKeyword := keywords[name]
	switch {
	case isField:
		return fmt.Sprintf(", fields begin with a dot: .%s", field)
	case isKeyword:
		return ", write " + ours
	case c.texts[name+textExt] != "":
		return fmt.Sprintf(", the names of files stand in quotes: %q", name+textExt)
	case name == "now":
		return ", did you mean .Now?"
	}
	return didYouMean(name, slices.Values(sortedKeys(c.funcs)))
}

// nearestFold returns the name that is the same in upper or lower case.
func nearestFold(name string, known iter.Seq[string]) (string, bool) {
	for k := range known {
		if strings.EqualFold(k, name) {
			return k, true
		}
	}
	return "", false
}

// layout refuses a constant layout that shows nothing of a time, as those of other
// languages do: they would be printed as they are.
func (c *checker) layout(cmd *parse.CommandNode) {
	if len(cmd.Args) < 2 {
		return
	}
	layout, ok := cmd.Args[1].(*parse.StringNode)
	other := sampleTime.AddDate(1, 1, 1).Add(61*time.Minute + time.Second)
	if ok && sampleTime.Format(layout.Text) == other.Format(layout.Text) {
		c.at(layout, `%q shows nothing of a time, write it as 2 January 2006, 15:04 would be: "02.01.2006", "15:04", "Monday"`, layout.Text)
	}
}

func (s signature) arity() string {
	switch {
	case s.max < 0:
		return fmt.Sprintf("at least %d arguments", s.min)
	case s.min != s.max:
		return fmt.Sprintf("%d to %d arguments", s.min, s.max)
	case s.min == 1:
		return "1 argument"
	}
	return fmt.Sprintf("%d arguments", s.min)
}

// include checks a file named by a constant; others show when they run.
func (c *checker) include(cmd *parse.CommandNode) {
	if len(cmd.Args) < 2 {
		return
	}
	if name, ok := cmd.Args[1].(*parse.StringNode); ok {
		if _, ok := c.texts[name.Text]; !ok {
			hint := didYouMean(name.Text, slices.Values(sortedKeys(c.texts)))
			if len(c.texts) == 0 {
				hint = known(c.texts)
			}
			c.at(name, "there is no file %q to include%s", name.Text, hint)
		}
	}
}

// arg checks one operand and returns its type.
func (c *checker) arg(n parse.Node, dot reflect.Type) reflect.Type {
	switch n := n.(type) {
	case *parse.DotNode:
		return dot
	case *parse.FieldNode:
		return c.fields(n, dot, n.Ident, "")
	case *parse.VariableNode:
		v := c.variable(n.Ident[0])
		if v == nil {
			return nil // of a range, in its else: it holds the empty list there
		}
		return c.fields(n, v.typ, n.Ident[1:], n.Ident[0])
	case *parse.ChainNode:
		return c.fields(n, c.arg(n.Node, dot), n.Field, "")
	case *parse.PipeNode:
		outer := len(c.vars)
		t := c.pipe(n, dot)
		c.vars = c.vars[:outer]
		return t
	case *parse.IdentifierNode: // a function without arguments, as an argument
		return c.function(n, &parse.CommandNode{Args: []parse.Node{n}}, nil)
	case *parse.StringNode:
		return reflect.TypeFor[string]()
	case *parse.BoolNode:
		return reflect.TypeFor[bool]()
	case *parse.NumberNode:
		if strings.HasPrefix(n.Text, "'") { // a letter is a number to text/template
			c.at(n, `texts stand in double quotes, not %s`, n.Text)
		}
	}
	return nil // numbers fit several types
}

// variable returns the innermost variable of that name.
func (c *checker) variable(name string) *variable {
	for i := range slices.Backward(c.vars) {
		if c.vars[i].name == name {
			return &c.vars[i]
		}
	}
	return nil
}

// fields follows names from type t. prefix is what stands before them.
func (c *checker) fields(n parse.Node, t reflect.Type, names []string, prefix string) reflect.Type {
	for i, name := range names {
		if t == nil {
			return nil
		}
		next, ok := member(t, name)
		if !ok {
			offset := nameOffset(c.tmpls[c.file], n, prefix, names, i)
			c.problemAt(c.file, offset, "%s", c.noField(t, prefix, names[:i], name))
			return nil
		}
		t = next
	}
	return t
}

// member returns the type of a field or of a method's result.
func member(t reflect.Type, name string) (reflect.Type, bool) {
	if m, ok := t.MethodByName(name); ok {
		return known1(m.Type.Out(0)), m.Type.NumOut() > 0
	}
	if t.Kind() == reflect.Struct {
		if f, ok := t.FieldByName(name); ok && f.IsExported() {
			return known1(f.Type), true
		}
	}
	return nil, false
}

func (c *checker) noField(t reflect.Type, prefix string, before []string, name string) string {
	owner := strings.Join(append([]string{prefix}, before...), ".")
	switch {
	case t == reflect.TypeFor[noData]():
		return fmt.Sprintf(`there is no .%s here: this template was called without data, write {{template "..." .}}`, name)
	case t.Kind() != reflect.Struct || t.NumField() == 0:
		hint := ""
		if whole := c.vars[0].typ; owner == "" && whole != nil {
			if _, ok := member(whole, name); ok {
				hint = fmt.Sprintf(", did you mean $.%s?", name)
			}
		}
		return fmt.Sprintf("%s is %s and has no field %s%s", cmp.Or(owner, "this"), describe(t), name, hint)
	}
	return fmt.Sprintf("there is no %s.%s%s", owner, name, c.hintField(t, owner, name))
}

// hintField says where a field is that t does not have: in with and range, and in
// a part that was given less, the dot is not what it is elsewhere.
func (c *checker) hintField(t reflect.Type, owner, name string) string {
	whole, isWhole := c.vars[0].typ, false
	if whole != nil && whole != t {
		_, isWhole = member(whole, name)
	}
	_, everywhere := member(dataOf(c.file), name)
	switch {
	case owner == "" && isWhole:
		return fmt.Sprintf(", did you mean $.%s?", name)
	case owner == "" && everywhere && t == whole:
		return fmt.Sprintf(" in the %s that this template was called with: call it with $", describe(t))
	}
	return didYouMean(name, members(t))
}

func members(t reflect.Type) iter.Seq[string] {
	return func(yield func(string) bool) {
		for f := range t.Fields() {
			if f.IsExported() && !yield(f.Name) {
				return
			}
		}
		for m := range t.Methods() {
			if !yield(m.Name) {
				return
			}
		}
	}
}

// nameOffset is where names[i] stands. A chain's own position is the dot of its
// second part where it has one.
func nameOffset(text string, n parse.Node, prefix string, names []string, i int) int {
	at := int(n.Position())
	whole := prefix + "." + strings.Join(names, ".")
	for _, start := range []int{at, at - len(prefix), at - len("."+names[0])} {
		if start >= 0 && start <= len(text) && strings.HasPrefix(text[start:], whole) {
			return start + len(prefix) + len(strings.Join(names[:i], ".")) + min(i, 1) + 1
		}
	}
	return at
}

// describe names a type as a prompt author knows it.
func describe(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[Untrusted](), reflect.TypeFor[Quoted]():
		return "text of the prospect"
	case reflect.TypeFor[noData]():
		return "nothing"
	}
	switch k := t.Kind(); {
	case k == reflect.String:
		return "text"
	case k == reflect.Bool:
		return "true or false"
	case k == reflect.Int:
		return "a number"
	case k == reflect.Slice:
		return "a list"
	case t == reflect.TypeFor[time.Time]():
		return "a time"
	}
	return strings.ToLower(strings.TrimPrefix(t.Name(), "message"))
}

func (c *checker) at(n parse.Node, format string, args ...any) {
	c.problemAt(c.file, int(n.Position()), format, args...)
}
