package main

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"inboxbot/rules"
)

// The table of names has a row for each, with what it means, and fits a terminal.
func TestNameTable(t *testing.T) {
	table := nameTable(rules.Names())
	words := strings.Join(strings.Fields(table), " ")
	for _, n := range rules.Names() {
		row := "\n  " + n.Name
		if n.Group() {
			row = "\n" + n.Name + ": "
		}
		if strings.Count(table, row+" ")+strings.Count(table, row+"(") < 1 && !n.Group() {
			t.Errorf("%s has no row", n.Name)
		}
		if n.Request != strings.Contains(table, "\n  "+n.Name+" * ") {
			t.Errorf("%s: whether it costs a request is wrong", n.Name)
		}
		if first := strings.Fields(n.Meaning)[:3]; !strings.Contains(words, strings.Join(first, " ")) {
			t.Errorf("%s: its meaning is missing", n.Name)
		}
	}
	for line := range strings.Lines(table) {
		if n := utf8.RuneCountInString(line) - 1; n > 100 || strings.HasSuffix(line, " \n") {
			t.Errorf("%d characters, or blanks at the end: %q", n, line)
		}
	}
}

// Both commands work where nothing is configured, or all of it wrong.
func TestNamesNeedNoConfiguration(t *testing.T) {
	for _, command := range []string{"env", "schema"} {
		var out, errs strings.Builder
		if code := run(t.Context(), []string{command}, []string{"BOT_MODE=nonsense", "BOT_RULES=nowhere"}, &out, &errs); code != exitDone || errs.Len() > 0 {
			t.Errorf("%s: exit status %d: %s", command, code, errs.String())
		}
		if command == "schema" && !json.Valid([]byte(out.String())) {
			t.Error("the schema is not JSON")
		}
	}
}
