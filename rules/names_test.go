package rules

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

// TestMeanings: rule authors read the comments of Env, so every name has one, and
// it is sentences.
func TestMeanings(t *testing.T) {
	for _, n := range Names() {
		t.Run(n.Name, func(t *testing.T) {
			if len(n.Meaning) < 10 || !strings.HasSuffix(n.Meaning, ".") || strings.ToUpper(n.Meaning[:1]) != n.Meaning[:1] {
				t.Errorf("its meaning is %q, want sentences", n.Meaning)
			}
		})
	}
}

// TestNameTable is a name of each kind as authors are told of it.
func TestNameTable(t *testing.T) {
	all := Names()
	for _, want := range []Name{
		{Name: "now", Type: "time"},
		{Name: "weekday", Type: "text"},
		{Name: "waiting", Type: "duration", Request: true},
		{Name: "unanswered", Type: "number", Request: true},
		{Name: "repliesToday", Type: "number"},
		{Name: "texts", Type: "list of texts", Request: true},
		{Name: "last", Type: "group"},
		{Name: "last.text", Type: "text"},
		{Name: "last.edited", Type: "true/false", Request: true},
		{Name: "prospect.valuation", Type: "number"},
		{Name: "tagged", Type: "function (names text...) true/false"},
		{Name: "closedBecause", Type: "function (hours text) text"},
		{Name: "rollout", Type: "function (percent number, experiment text...) true/false"},
		{Name: "draft.confidence", Type: "number", Check: true},
	} {
		i := slices.IndexFunc(all, func(n Name) bool { return n.Name == want.Name })
		if i < 0 {
			t.Errorf("%s is missing", want.Name)
			continue
		}
		want.Meaning = all[i].Meaning
		if all[i] != want {
			t.Errorf("got %+v, want %+v", all[i], want)
		}
	}
}

// TestNamesAreUsable: the table has the names that expressions may use, all of
// them, and says truly which need the messages.
func TestNamesAreUsable(t *testing.T) {
	var roots []string
	for _, n := range Names() {
		if !strings.Contains(n.Name, ".") {
			roots = append(roots, n.Name)
		}
		if n.Group() {
			continue
		}
		use := "let x = " + n.Name + "; true"
		if arguments, ok := map[string]string{"tagged": `"a"`, "seen": `"a"`, "rollout": "1"}[n.Name]; ok {
			use = n.Name + "(" + arguments + ")"
		} else if strings.HasPrefix(n.Type, "function") {
			use = "let x = " + n.Name + `("h"); true`
		}
		e, problems := compile(use, CheckEnv{}, []string{"h"})
		if problems != nil {
			t.Errorf("%s: %v", use, problems)
			continue
		}
		if got := e.reads&readsMessages != 0; got != n.Request {
			t.Errorf("%s: reads messages: %v, the table says %v", n.Name, got, n.Request)
		}
		if _, problems := compile(use, Env{}, []string{"h"}); (problems != nil) != n.Check {
			t.Errorf("%s: guards know it: %v, the table says %v", n.Name, problems == nil, !n.Check)
		}
	}
	if want := names(CheckEnv{}); !slices.Equal(roots, want) {
		t.Errorf("names\n got %v\nwant %v", roots, want)
	}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[CheckEnv]()) {
		if f.IsExported() && f.Tag.Get("expr") == "" {
			t.Errorf("%s has no name in expressions", f.Name)
		}
	}
}
