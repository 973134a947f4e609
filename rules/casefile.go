package rules

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// The most a case may be. A thread is read to its newest 100 messages.
const (
	maxCases     = 500
	maxCaseFile  = 8 << 20 // bytes: 100 messages of the longest kind
	maxCaseName  = 200     // characters
	maxCaseItems = 1000    // of a list
)

// LoadCases reads a file of one case or a list of cases, as YAML writes them, with
// the strictness of Load: the error is a Problems. Guards that cases name are not
// looked up.
func LoadCases(name string, src []byte) ([]Case, error) {
	l := &loader{
		source: newSource(name, normalized(src)),
		most:   maxCaseFile,
		what:   "a file of cases",
		start:  "start with name: and given:",
		set:    &Set{},
	}
	var cases []Case
	if root := l.parse(src); root != nil {
		nodes := []ast.Node{root}
		if s, ok := root.(*ast.SequenceNode); ok {
			nodes = s.Values
		}
		cases = l.caseList(nodes, "a case")
	}
	if len(l.problems) > 0 {
		return nil, l.problems.sorted()
	}
	return cases, nil
}

// tests reads the tests of a rule file, whose guards are known.
func (l *loader) tests(e entry) []Case {
	known := append(slices.Sorted(maps.Keys(l.names)), reserved...)
	cases := l.caseList(l.list(e, "tests"), "a test")
	for _, c := range cases {
		guard := c.Expect.Guard
		if guard == "" || slices.Contains(known, guard) || isReserved(guard) {
			continue
		}
		l.report(c.at, didYouMean(guard, known), "the test %q expects a guard that is not there: %q", clip(c.Name), clip(guard))
	}
	return cases
}

// caseList reads cases, of which one is called one.
func (l *loader) caseList(nodes []ast.Node, one string) []Case {
	var cases []Case
	taken := map[string]position{}
	for i, n := range nodes {
		if i == maxCases {
			l.report(at(n), "", "%s too many: there can be %d", one, maxCases)
			break
		}
		c, ok := l.oneCase(n, one)
		if before, twice := taken[c.Name]; twice && c.Name != "" {
			l.report(at(n), fmt.Sprintf("line %d has it already", before.line), "the name %q is taken", clip(c.Name))
		}
		taken[c.Name] = at(n)
		if ok {
			cases = append(cases, c)
		}
	}
	return cases
}

// oneCase reads a case; ok tells whether it can be used.
func (l *loader) oneCase(n ast.Node, one string) (c Case, ok bool) {
	before := len(l.problems)
	c = blankCase()
	r := &caseReader{loader: l, one: one, places: map[any]position{}}
	r.fill(reflect.ValueOf(&c).Elem(), entry{one, at(n), n})
	c.file, c.at = l.name, r.places[&c.Expect]
	if l.full() || len(l.problems) > before {
		return c, false
	}
	r.check(&c, at(n))
	return c, len(l.problems) == before
}

// check reports what is wrong between the keys of a case.
func (r *caseReader) check(c *Case, start position) {
	g := &c.Given
	require := func(field any, key string) {
		if _, ok := r.places[field]; !ok {
			r.report(start, "", "%s needs %s", r.one, key)
		}
	}
	require(&c.Name, "name")
	if p, ok := r.places[&c.Name]; ok && c.Name != caseName(c.Name) {
		r.report(p, "", "the name of %s is one line of at most %d characters", r.one, maxCaseName)
	}
	require(&c.Expect, "expect")
	if p, ok := r.places[&c.Expect]; ok && c.Expect == (Expect{}) {
		r.report(p, "", "expect needs an outcome or a guard")
	}
	if p, ok := r.places[&g.Message]; ok && g.Message == "" {
		r.report(p, `for media alone: messages: [{text: "", media: [image]}]`, "message is empty")
	} else if ok && r.has(&g.Messages) {
		r.report(p, "put it at the end of messages", "%s has either message or messages", r.one)
	}
	r.accountState(&g.Account)
	r.order(g)
	r.numbers(g)
}

func (r *caseReader) has(field any) bool {
	_, ok := r.places[field]
	return ok
}

func (r *caseReader) accountState(a *CaseAccount) {
	if p, ok := r.places[&a.Status]; ok && a.Online {
		if r.has(&a.Online) {
			r.report(p, "leave out online", "an account has either online or status")
		}
		a.Online = a.Status == "active"
	}
}

// order reports messages that are not given oldest first.
func (r *caseReader) order(g *Given) {
	for i := range g.Messages {
		if m := &g.Messages[i]; m.Ago != unset && !m.At.IsZero() {
			r.report(r.places[&m.At], "leave one of them out", "a message has either ago or at")
			return
		}
	}
	turns := (Case{Given: *g}).Conversation(r.set.zone).Turns
	for i := 1; i < len(turns); i++ {
		if turns[i].At.Before(turns[i-1].At) {
			r.report(r.places[&g.Messages[i]], "put the oldest first", "this message is older than the one before it")
			return
		}
	}
}

// numbers reports numbers of messages that are not there, and too many replies.
func (r *caseReader) numbers(g *Given) {
	most := len(g.Messages)
	if g.Message != "" {
		most = 1
	}
	for _, n := range []*int{&g.Record.Message, &g.Record.Ended, &g.Record.Sent, &g.Record.SentText} {
		if *n < 0 || *n > most {
			r.report(r.places[n], "messages are counted from 1", "there is no message %d", *n)
		}
	}
	if g.RepliesToday > maxCaseItems {
		r.report(r.places[&g.RepliesToday], "", "repliesToday is more than %d", maxCaseItems)
	}
}

// caseReader reads the parts of a case into its types: one reader for all of them,
// so that a name that Env gets can be given in a case as well.
type caseReader struct {
	*loader
	one    string           // what a case is called: a test, in a rule file
	places map[any]position // of values, by the pointer to their field
}

// keyOf is the key of a field in a case; "" when it has none.
func keyOf(f reflect.StructField) string {
	return cmp.Or(f.Tag.Get("yaml"), f.Tag.Get("expr"))
}

// keyed returns the fields of a struct that have keys, those of embedded structs
// too, in their order.
func keyed(v reflect.Value) (keys []string, fields []reflect.Value) {
	for _, f := range reflect.VisibleFields(v.Type()) {
		if key := keyOf(f); key != "" && !f.Anonymous {
			keys = append(keys, key)
			fields = append(fields, v.FieldByIndex(f.Index))
		}
	}
	return keys, fields
}

var (
	timeType     = reflect.TypeFor[time.Time]()
	durationType = reflect.TypeFor[time.Duration]()
)

// fill reads e into v, which holds what a missing e means.
func (r *caseReader) fill(v reflect.Value, e entry) {
	if r.full() {
		return
	}
	switch t := v.Type(); {
	case t == timeType:
		read(r, v, e, parseTime)
	case t == durationType:
		read(r, v, e, parseAge)
	case t.Kind() == reflect.Pointer:
		r.draft(v, e)
	case t.Kind() == reflect.Struct:
		r.mapping(v, e)
	case t.Kind() == reflect.Slice:
		r.items(v, e)
	case t.Kind() == reflect.String:
		r.text(v, e)
	case t.Kind() == reflect.Bool:
		if b, ok := e.value.(*ast.BoolNode); ok {
			v.SetBool(b.Value)
		} else {
			r.report(at(e.value), "", "%s must be true or false, not %s", e.key, describe(e.value))
		}
	case t.Kind() == reflect.Int:
		read(r, v, e, parseCount)
	case t.Kind() == reflect.Float64:
		read(r, v, e, parseNumber)
	}
}

func (r *caseReader) mapping(v reflect.Value, e entry) {
	keys, fields := keyed(v)
	got, ok := r.fields(e.value, e.key, keys...)
	if !ok {
		return
	}
	for i, key := range keys {
		if e, ok := got[key]; ok {
			r.places[fields[i].Addr().Interface()] = e.at
			r.fill(fields[i], e)
		}
	}
}

// draft reads the draft, the only part of a case that may be missing as a whole.
func (r *caseReader) draft(v reflect.Value, e entry) {
	d := blankDraft()
	r.mapping(reflect.ValueOf(&d).Elem(), e)
	if d.Confidence < 0 || d.Confidence > 1 {
		r.report(r.places[&d.Confidence], "it is a number from 0 to 1", "confidence cannot be %v", d.Confidence)
	}
	v.Set(reflect.ValueOf(&d))
}

func (r *caseReader) items(v reflect.Value, e entry) {
	nodes := r.list(e, e.key)
	if len(nodes) > maxCaseItems {
		r.report(at(nodes[maxCaseItems]), "", "%s has more than %d entries", e.key, maxCaseItems)
		return
	}
	if len(nodes) == 0 {
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(nodes), len(nodes)))
	for i, n := range nodes {
		item := v.Index(i)
		if m, ok := reflect.TypeAssert[*CaseMessage](item.Addr()); ok {
			*m = blankMessage()
			r.places[m] = at(n)
			r.fill(item, entry{"a message", at(n), n})
			continue
		}
		r.fill(item, entry{"an entry of " + e.key, at(n), n})
	}
}

// text reads any text, of several lines too, or one of the words of a key.
func (r *caseReader) text(v reflect.Value, e entry) {
	if words, closed := caseWords[e.key]; closed {
		s, _ := r.oneOf(e, e.key, words)
		v.SetString(s)
		return
	}
	switch e.value.Type() {
	case ast.StringType, ast.LiteralType:
		s, _ := r.scalar(e)
		v.SetString(s)
	default:
		r.report(at(e.value), "put it in quotes", "%s must be a text, not %s", e.key, describe(e.value))
	}
}

// read reads a single value that is written without quotes or with them.
func read[T any](r *caseReader, v reflect.Value, e entry, parse func(string) (T, string)) {
	s, ok := r.scalar(e)
	if !ok {
		return
	}
	value, hint := parse(strings.TrimSpace(s))
	if hint != "" {
		r.report(at(e.value), hint, "%s cannot be %q", e.key, clip(s))
		return
	}
	v.Set(reflect.ValueOf(value))
}

var timeLayouts = []string{"2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04"}

func parseTime(s string) (time.Time, string) {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t.UTC(), ""
	}
	for _, layout := range timeLayouts {
		if t, err := time.ParseInLocation(layout, s, wallClock); err == nil {
			return t, ""
		}
	}
	return time.Time{}, "for instance 2026-11-23T22:15:00, or 2026-11-23T22:15:00+01:00 for another zone than BOT_TIMEZONE"
}

func parseAge(s string) (time.Duration, string) {
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return 0, "for instance 90s, 2m, 1h30m, 48h"
	}
	return d, ""
}

func parseCount(s string) (int, string) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > math.MaxInt32 {
		return 0, "it is a whole number, 0 or more"
	}
	return n, ""
}

func parseNumber(s string) (float64, string) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
		return 0, "it is a number"
	}
	return f, ""
}
