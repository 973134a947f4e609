package prompts

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"text/template"
	"time"
)

// maxText bounds what a function returns, in bytes, and maxArgs what it takes:
// without them a loop over {{$x = print $x $x}} would fill the memory long before
// anything is written.
const (
	maxText = 64 << 10
	maxArgs = 64
)

var errTooLong = fmt.Errorf("the text is over %d bytes", maxText)

// functions are what templates can call beside the language's own. None reads
// anything but its arguments and the set's files. Those of fmt replace the
// language's own, which know no bounds.
func functions(files map[string]string, zone *time.Location) template.FuncMap {
	return template.FuncMap{
		"lower":   onText(strings.ToLower),
		"upper":   onText(strings.ToUpper),
		"trim":    onText(strings.TrimSpace),
		"join":    join,
		"default": orDefault,
		"date": func(layout string, t time.Time) (string, error) {
			if t.IsZero() {
				return "", nil
			}
			return bounded(t.In(zone).Format(layout))
		},
		"include": func(name string) (string, error) {
			if s, ok := files[name]; ok {
				return s, nil
			}
			// The name may come from the conversation, so it is not repeated.
			return "", fmt.Errorf("there is no such file%s", known(files))
		},
		"print": func(args ...any) (string, error) {
			args, err := printable(args)
			if err != nil {
				return "", err
			}
			return bounded(fmt.Sprint(args...))
		},
		"println": func(args ...any) (string, error) {
			args, err := printable(args)
			if err != nil {
				return "", err
			}
			return bounded(fmt.Sprintln(args...))
		},
		"printf": func(format string, args ...any) (string, error) {
			args, err := printable(args)
			if err != nil {
				return "", err
			}
			if wide.MatchString(format) {
				return "", errors.New("a width has at most three digits")
			}
			text := fmt.Sprintf(format, args...)
			if strings.Contains(text, "%!") && !strings.Contains(fmt.Sprint(args...), "%!") {
				return "", errors.New("the verbs do not fit the values behind the format: %s is for texts, %d for numbers, one for each value, and %% is a percent sign")
			}
			return bounded(text)
		},
	}
}

// wide matches a width or precision that is long or comes from an argument.
var wide = regexp.MustCompile(`%[-+# 0]*(?:\[\d+\])?(?:\d{4}|\d*\.\d{4}|\*|\d*\.(?:\[\d+\])?\*)`)

func bounded(s string) (string, error) {
	if len(s) > maxText {
		return "", errTooLong
	}
	return s, nil
}

// onText makes f work on every kind of text and keep the kind, so that what
// prints between fences still does.
func onText(f func(string) string) func(any) (any, error) {
	return func(v any) (any, error) {
		switch v := v.(type) {
		case string:
			return bounded(f(v))
		case Untrusted:
			s, err := bounded(f(string(v)))
			return Untrusted(s), err
		case Quoted:
			s, err := bounded(f(string(v)))
			return Quoted(s), err
		default:
			return nil, fmt.Errorf("want text, not %T", v)
		}
	}
}

func join(sep string, list []string) (string, error) {
	size := max(0, len(list)-1) * len(sep)
	for _, s := range list {
		size += len(s)
	}
	if size > maxText {
		return "", errTooLong
	}
	return strings.Join(list, sep), nil
}

func orDefault(other, v any) any {
	if truth, _ := template.IsTrue(v); truth {
		return v
	}
	return other
}

// printable checks what is to be formatted and turns text of others into its
// fenced form before a verb gets at it: "%#v" would show what is inside.
func printable(args []any) ([]any, error) {
	if len(args) > maxArgs {
		return nil, fmt.Errorf("at most %d values at once", maxArgs)
	}
	out := slices.Clone(args)
	for i, v := range out {
		switch v := v.(type) {
		case Untrusted:
			out[i] = v.String()
		case Quoted:
			out[i] = v.String()
		case internal:
			return nil, errInternal
		case string, bool, int, float64, byte, rune, []string, time.Time, time.Month, time.Weekday, time.Duration:
		default:
			return nil, fmt.Errorf("cannot print %T, only its fields", v)
		}
	}
	return out, nil
}

// signature is what the checker knows of a function.
type signature struct {
	min, max int            // number of arguments; max -1: any
	in       []reflect.Type // nil: not known or anything
	out      reflect.Type   // nil: depends
}

// signatures of every function a template may call. The language's html, js,
// urlquery and call are missing on purpose: they have no use in a prompt.
func signatures(funcs template.FuncMap) map[string]signature {
	var (
		boolean = reflect.TypeFor[bool]()
		integer = reflect.TypeFor[int]()
	)
	out := map[string]signature{
		"and":   {min: 1, max: -1},
		"or":    {min: 1, max: -1},
		"not":   {min: 1, max: 1, out: boolean},
		"eq":    {min: 2, max: -1, out: boolean},
		"ne":    {min: 2, max: 2, out: boolean},
		"lt":    {min: 2, max: 2, out: boolean},
		"le":    {min: 2, max: 2, out: boolean},
		"gt":    {min: 2, max: 2, out: boolean},
		"ge":    {min: 2, max: 2, out: boolean},
		"len":   {min: 1, max: 1, out: integer},
		"index": {min: 1, max: -1},
		"slice": {min: 1, max: 4},
	}
	for name, f := range maps.All(funcs) {
		t := reflect.TypeOf(f)
		sig := signature{min: t.NumIn(), max: t.NumIn(), out: known1(t.Out(0))}
		if t.IsVariadic() {
			sig.min, sig.max = t.NumIn()-1, -1
		}
		for i := range sig.min {
			sig.in = append(sig.in, known1(t.In(i)))
		}
		out[name] = sig
	}
	return out
}

// known1 is t, or nil for an interface: anything.
func known1(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Interface {
		return nil
	}
	return t
}
