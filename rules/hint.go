package rules

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/file"
)

// place is where in an expression something is wrong.
type place struct {
	src    []rune
	offset int // in characters
	env    any
}

// before returns the character before the place.
func (p place) before() rune { return p.at(p.offset - 1) }

// at returns a character of the expression, 0 outside of it.
func (p place) at(i int) rune {
	if i < 0 || i >= len(p.src) {
		return 0
	}
	return p.src[i]
}

// complaints are what the expression language says, and how to say it to a rule
// author: m holds the parts of the pattern. The first that matches decides.
var complaints = []struct {
	pattern *regexp.Regexp
	explain func(m []string, at place) (message, hint string)
}{
	{regexp.MustCompile(`^unknown name (\S+)$`), explainName},
	{regexp.MustCompile(`^type (\S+) has no (field|method) (\S+)$`), explainMember},
	{regexp.MustCompile(`^expected bool, but got (.+)$`), explainResult},
	{regexp.MustCompile(`^unexpected token (\w+)(?:\("(.*)"\))?$`), explainToken},
	{regexp.MustCompile(`^invalid operation: (\S+) \(mismatched types (.+) and (.+)\)$`), explainOperation},
	{regexp.MustCompile(`^invalid operation: (\S+) \(mismatched type (.+)\)$`), explainUnary},
	{regexp.MustCompile(`^cannot use (.+) as argument \(type (.+)\) to call (\S+)$`), explainArgument},
	{regexp.MustCompile(`^(not enough|too many) arguments to call (\S+)$`), func(m []string, _ place) (string, string) {
		return m[0], usage(m[2])
	}},
	{regexp.MustCompile(`^(\S+) is not callable$`), func(m []string, _ place) (string, string) {
		return "this is " + friendly(m[1]) + " and cannot be called", "leave out the ( ) behind it"
	}},
	{regexp.MustCompile(`^literal not terminated`), func([]string, place) (string, string) {
		return "a quote is not closed", ""
	}},
	{regexp.MustCompile(`^invalid char escape$`), func(m []string, _ place) (string, string) {
		return m[0], `write \\ for a backslash, or put the text in backquotes`
	}},
	{regexp.MustCompile(`^unrecognized character: U\+(\w+)`), explainCharacter},
	{regexp.MustCompile(`^bad number syntax: "(.*)"`), explainNumber},
	{regexp.MustCompile(`exceeds maximum allowed nodes`), func([]string, place) (string, string) {
		return fmt.Sprintf("the expression has more than %d parts", maxNodes), "split it over several guards"
	}},
}

// explain puts an error of the expression language into a rule author's words.
func explain(err error, src string, env any) finding {
	f := finding{message: err.Error()}
	if e := (*file.Error)(nil); errors.As(err, &e) {
		f.offset, f.message = e.From, strings.TrimSpace(e.Message)
	}
	for _, c := range complaints {
		if m := c.pattern.FindStringSubmatch(f.message); m != nil {
			f.message, f.hint = c.explain(m, place{[]rune(src), f.offset, env})
			break
		}
	}
	f.message = strings.Join(strings.Fields(f.message), " ")
	return f
}

// synonyms are what other systems call the names of guards.
var synonyms = map[string]string{
	"message": "last", "msg": "last", "user": "prospect", "contact": "prospect", "customer": "prospect",
	"sender": "prospect", "lead": "prospect", "profile": "prospect", "today": "now", "time": "now", "day": "weekday",
	"hour": "now.Hour()", "length": "len", "size": "len", "yes": "true", "no": "false", "on": "true", "off": "false",
	"isOpen": "open", "hasTag": "tagged", "random": "rollout", "percent": "rollout",
}

func explainName(m []string, at place) (message, hint string) {
	name := m[1]
	message = fmt.Sprintf("unknown name %q", name)
	known := append(names(at.env), slices.Sorted(builtins())...)
	known = append(known, "true", "false", "not", "and", "or", "contains", "matches")
	var full []string // the names it is the end of
	for _, n := range Names() {
		if strings.HasSuffix(n.Name, "."+name) && slices.Contains(known, strings.TrimSuffix(n.Name, "."+name)) {
			full = append(full, n.Name)
		}
	}
	switch hint = didYouMean(name, known); {
	case name == "draft":
		return message, "only checks know the draft"
	case synonyms[name] != "":
		return message, fmt.Sprintf("did you mean %q?", synonyms[name])
	case len(full) > 0:
		return message, fmt.Sprintf("did you mean %s?", strings.Join(full, " or "))
	case hint != "":
		return message, hint
	}
	return message, "known names: " + strings.Join(names(at.env), ", ")
}

// idioms are what members of texts and lists are in other languages, and how to
// write them here.
var idioms = map[string]string{
	"contains": `between the two: last.text contains "price"`, "includes": `between the two: last.text contains "price"`,
	"startswith": `between the two: last.text startsWith "a"`, "endswith": `between the two: last.text endsWith "a"`,
	"matches": "between the two: last.text matches `pattern`", "match": "between the two: last.text matches `pattern`",
	"length": "len(...)", "len": "len(...)", "size": "len(...)", "count": "len(...)",
	"lower": "lower(...)", "tolower": "lower(...)", "tolowercase": "lower(...)",
	"upper": "upper(...)", "toupper": "upper(...)", "touppercase": "upper(...)", "trim": "trim(...)", "strip": "trim(...)",
}

func explainMember(m []string, at place) (message, hint string) {
	owner, name := m[1], m[3]
	hint = didYouMean(name, members(owner, at.env))
	idiom, isIdiom := idioms[strings.ToLower(name)]
	switch {
	case hint != "":
	case strings.HasPrefix(owner, "rules.") && slices.Contains(names(at.env), name):
		hint = fmt.Sprintf("%s stands alone, without a name before it", name)
	case isIdiom && (owner == "string" || strings.HasPrefix(owner, "[]")):
		hint = "write it " + idiom
		if strings.Contains(idiom, "(") {
			hint = "write " + idiom
		}
	}
	return fmt.Sprintf("%s has no %s %q", nameOf(owner, at.env), m[2], name), hint
}

// nameOf is what the author calls a value of the type: its name, where only one
// has that type.
func nameOf(typeName string, env any) string {
	bare, ours := strings.CutPrefix(typeName, "rules.")
	if !ours {
		return friendly(typeName)
	}
	for _, f := range reflect.VisibleFields(reflect.TypeOf(env)) {
		if f.Type.Name() == bare {
			return f.Tag.Get("expr")
		}
	}
	return strings.ToLower(bare)
}

func explainResult(m []string, _ place) (message, hint string) {
	t := m[1]
	message = "the expression must be true or false, but it is " + friendly(t)
	switch {
	case t == "string":
		return message, `compare it, for instance with == "text" or contains "text"`
	case strings.HasPrefix(t, "[]"):
		return message, "ask for its length, for instance len(...) > 0"
	case strings.HasPrefix(t, "func("):
		return message, `call it, for instance tagged("VIP")`
	}
	return message, "compare it with something"
}

const (
	hintLength = `lengths of time are written duration("2m30s")`
	hintClock  = `for times of day now.Hour() in 9..17, for dates now > date("2026-12-24")`
	hintWords  = "operators between texts are contains, startsWith, endsWith, matches, in, =="
)

func explainToken(m []string, at place) (message, hint string) {
	kind, value := m[1], m[2]
	message = fmt.Sprintf("unexpected %q", clip(value))
	lower := strings.ToLower(value)
	switch {
	case kind == "EOF":
		return "the expression ends too early", ""
	case value == "=" && at.at(at.offset+1) == '~':
		return message, "matches compares with a pattern"
	case value == "=":
		return message, "== compares"
	case value == ">" && at.before() == '<':
		return message, "!= is the opposite of =="
	case at.before() == '%':
		return message, "percentages are plain numbers"
	case value == ":":
		return message, hintClock
	case value == "&":
		return message, "write and, or"
	case value == "." && slices.Contains(at.src[:min(at.offset, len(at.src))], '|'):
		return message, "write or; | hands a value on to a function"
	case lower != value && slices.Contains([]string{"and", "or", "not", "in"}, lower):
		return message, fmt.Sprintf("did you mean %q?", lower)
	case value == "is":
		return message, "== compares"
	case value == "then":
		return message, "leave out the if: the expression itself is true or false; a guard's outcome stands in its own line, then:"
	case value == "/":
		return message, "patterns stand in backquotes: last.text matches `(?i)price`"
	case value == "," && isDigit(at.before()) && isDigit(at.at(at.offset+1)):
		return message, "numbers have no commas: 1000, and a dot before fractions: 0.5"
	case kind == "Operator" && idioms[lower] != "":
		return message, "write it " + idioms[lower]
	case kind == "Identifier":
		return message, hintWords
	}
	return message, ""
}

func isDigit(r rune) bool { return r >= '0' && r <= '9' }

func explainOperation(m []string, _ place) (message, hint string) {
	operator, left, right := m[1], m[2], m[3]
	either := func(t string) bool { return left == t || right == t }
	lists := strings.HasPrefix(left, "[]") || strings.HasPrefix(right, "[]")
	switch {
	case strings.HasPrefix(left, "func(") || strings.HasPrefix(right, "func("):
		hint = "call it: put () behind it"
	case either("time.Weekday"):
		hint = `for instance weekday == "saturday"`
	case either("time.Duration"):
		hint = hintLength
	case either("time.Time"):
		hint = hintClock
	case operator == "and" || operator == "or" || operator == "&&" || operator == "||":
		if left == "bool" {
			left = right
		}
		return fmt.Sprintf("%s wants true or false on both sides, not %s", operator, friendly(left)),
			`write both sides in full: last.text == "a" or last.text == "b"`
	case lists && either("string"):
		hint = `for instance "VIP" in prospect.tags, or any(texts, # contains "price")`
	case operator == "in":
		hint = `for instance now.Hour() in 9..17, or prospect.status in ["New", "Open"]`
	case either("string") && (either("int") || either("float64")):
		hint = "numbers stand without quotes, texts in quotes"
	}
	return fmt.Sprintf("%s does not fit between %s and %s", operator, friendly(left), friendly(right)), hint
}

func explainUnary(m []string, _ place) (message, hint string) {
	return fmt.Sprintf("%s does not fit before %s", m[1], friendly(m[2])), "not turns true into false: not thread.assigned"
}

func explainArgument(m []string, _ place) (message, hint string) {
	return fmt.Sprintf("%s wants %s here, not %s", m[3], friendly(m[2]), friendly(m[1])), usage(m[3])
}

// usage is how a function is called.
func usage(function string) string {
	examples := map[string]string{
		"tagged": `tagged("VIP", "gold")`, "seen": `seen("VIP")`, "open": `open("business")`, "closed": `closed("business")`,
		"closedBecause": `closedBecause("business") contains "closed on"`, "rollout": `rollout(10) or rollout(10, "new-tone")`,
		"duration": `duration("2h30m")`, "date": `date("2026-12-24")`, "len": "len(texts)", "lower": "lower(last.text)",
	}
	if e, ok := examples[function]; ok {
		return "for instance " + e
	}
	return ""
}

// thousands are what people write behind a number for its zeros.
var thousands = map[string]string{"k": "000", "K": "000", "m": "000000", "M": "000000"}

func explainNumber(m []string, _ place) (message, hint string) {
	digits := strings.TrimRightFunc(m[1], func(r rune) bool { return r < '0' || r > '9' })
	message = fmt.Sprintf("%q is no number", clip(m[1]))
	if zeros := thousands[strings.TrimPrefix(m[1], digits)]; zeros != "" && digits != "" && !strings.Contains(digits, ".") {
		return message, "write " + clip(digits+zeros)
	}
	return message, hintLength
}

func explainCharacter(m []string, _ place) (message, hint string) {
	n, _ := strconv.ParseInt(m[1], 16, 32) // 0 is no character of the cases below
	message = fmt.Sprintf("unexpected character %q", rune(n))
	switch {
	case strings.ContainsRune("“”„‟«»", rune(n)):
		return message, `write straight quotes: "`
	case strings.ContainsRune("‘’‚‛´", rune(n)):
		return message, "write straight quotes: '"
	case n == '~':
		return message, "matches compares with a pattern"
	}
	return message, hintWords
}

// friendly names a type as rule authors know it.
func friendly(t string) string {
	switch t {
	case "string":
		return "a text"
	case "int", "float64":
		return "a number"
	case "bool":
		return "true or false"
	case "time.Time":
		return "a time"
	case "time.Duration":
		return "a length of time"
	case "time.Weekday":
		return "a day of the week"
	case "time.Month":
		return "a month"
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
	return strings.ToLower(strings.TrimPrefix(t, "rules."))
}

// hintPrompt names the template that was probably meant.
func (l *loader) hintPrompt(name string) string {
	bare := strings.TrimSuffix(name, ".tmpl")
	hint := didYouMean(bare, l.options.PromptNames)
	switch {
	case hint != "":
		return hint
	case len(l.options.PromptNames) > 0:
		return "there are " + clip(strings.Join(l.options.PromptNames, ", "))
	}
	return ""
}
