package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"inboxbot/rules"
)

type schemaCmd struct{}

// Run prints the JSON Schema of the rule file.
func (schemaCmd) Run(p *process) error {
	_, err := p.stdout.Write(rules.Schema())
	return err
}

type envCmd struct{}

// Run prints the names that expressions of the rule file may use.
func (envCmd) Run(p *process) error {
	_, err := io.WriteString(p.stdout, nameTable(rules.Names()))
	return err
}

// The columns of the table of names, for a terminal of tableWidth characters.
const (
	tableWidth = 100
	nameWidth  = 32
	typeWidth  = 14
)

// nameTable writes names in groups: the plain ones, those behind a dot, the
// functions, and what only checks know.
func nameTable(names []rules.Name) string {
	var b strings.Builder
	b.WriteString(wrapped(`Names for "when" in the rule file. Those marked * need the thread's messages: one API request, when the first guard that uses one is reached. The others cost no request.`, 0))
	section(&b, "The conversation", names, func(n rules.Name) bool {
		return !n.Group() && !isFunction(n) && !strings.Contains(n.Name, ".")
	})
	for _, g := range names {
		if !g.Group() {
			continue
		}
		title := fmt.Sprintf("%s: %s", g.Name, g.Meaning)
		if g.Check {
			title += " Only in checks."
		}
		section(&b, title, names, func(n rules.Name) bool { return strings.HasPrefix(n.Name, g.Name+".") })
	}
	section(&b, "Functions", names, isFunction)
	b.WriteString(`
Of the language
  and or not  == != < <= > >=  + - * / %  in  contains startsWith endsWith matches  ?: ?? if let
`)
	b.WriteString(wrapped("of texts, numbers and lists: "+strings.Join(rules.Functions(), " "), 2))
	b.WriteString(wrapped("of times and durations, as now.Hour(): "+strings.Join(rules.TimeMethods(), " "), 2))
	b.WriteString(`
Examples
  any(texts, # matches ` + "`(?i)price|cost`" + `)
  waiting > duration("2h30m") and closed("business")
  now > date("2026-12-24") and weekday in ["saturday", "sunday"]
`)
	return b.String()
}

func isFunction(n rules.Name) bool { return strings.HasPrefix(n.Type, "function ") }

func section(b *strings.Builder, title string, names []rules.Name, has func(rules.Name) bool) {
	b.WriteString("\n" + wrapped(title, 0))
	for _, n := range names {
		if !has(n) {
			continue
		}
		name, typ := n.Name, n.Type
		if isFunction(n) {
			name, typ = call(n)
		}
		if n.Request {
			name += " *"
		}
		indent := 2 + nameWidth + typeWidth
		meaning := strings.TrimLeft(wrapped(n.Meaning, indent), " ")
		fmt.Fprintf(b, "  %-*s%-*s%s", nameWidth, name, typeWidth, typ, meaning)
	}
}

// call writes a function as it is called, and what it returns.
func call(n rules.Name) (name, typ string) {
	in, out, _ := strings.Cut(strings.TrimPrefix(n.Type, "function ("), ") ")
	var params []string
	for p := range strings.SplitSeq(in, ", ") {
		param, kind, _ := strings.Cut(p, " ")
		if strings.HasSuffix(kind, "...") {
			param += "..."
		}
		params = append(params, param)
	}
	return fmt.Sprintf("%s(%s)", n.Name, strings.Join(params, ", ")), out
}

// wrapped breaks text between words into lines within tableWidth, each indented.
func wrapped(text string, indent int) string {
	var b strings.Builder
	column := 0
	for word := range strings.FieldsSeq(text) {
		width := utf8.RuneCountInString(word)
		switch {
		case column == 0:
			b.WriteString(strings.Repeat(" ", indent))
			column = indent
		case column+1+width > tableWidth:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			column = indent
		default:
			b.WriteString(" ")
			column++
		}
		b.WriteString(word)
		column += width
	}
	return b.String() + "\n"
}
