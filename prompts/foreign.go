package prompts

import (
	"regexp"
	"strconv"
	"strings"
)

// keywords are what other template languages write for ours.
var keywords = map[string]string{
	"elif": "else if", "elseif": "else if", "elsif": "else if", "endif": "end", "endfor": "end", "endwith": "end",
	"for": "range", "foreach": "range", "each": "range", "unless": "if not", "set": "$name := value", "assign": "$name := value",
}

// The word may have the signs before it that other languages put there.
var keyword = regexp.MustCompile(`\{\{-?\s*[#/]?(elif|elseif|elsif|endif|endfor|endwith|for|foreach|each|unless|set|assign)\b`)

// marked is a block as other languages open and close it: {{#if x}} {{/if}}.
var marked = regexp.MustCompile(`\{\{-?\s*([#/^])(if|with|range)\b`)

// foreignTag is an action as other languages write it: {% if x %}. It would be read
// as text.
var foreignTag = regexp.MustCompile(`\{%-?\s*\w[^{}]*%\}`)

// complaints are what text/template says of a template it cannot parse, and how
// to say it to an author. The first that matches decides.
var complaints = []struct {
	pattern *regexp.Regexp
	say     string // $1 is the pattern's part
}{
	{regexp.MustCompile(`^unclosed action`), "this is never closed: }} is missing"},
	{regexp.MustCompile(`^unclosed comment`), "this comment is never closed: write {{/* and */}}"},
	{regexp.MustCompile(`^bad character U\+007D`), "this is never closed: }} is missing"},
	{regexp.MustCompile(`^unexpected "[/#]" in command`), "comments are written {{/* like this */}}, without a space before /*"},
	{regexp.MustCompile(`^comment ends before closing delimiter`), "comments are written {{/* like this */}}, without a space behind */"},
	{regexp.MustCompile(`^unexpected ">" in`), "there is no > here, write gt A B (greater) or ge A B (greater or equal)"},
	{regexp.MustCompile(`^unexpected "<" in`), "there is no < here, write lt A B (less) or le A B (less or equal)"},
	{regexp.MustCompile(`^unexpected <define> in command`), "a define does not stand within another block"},
	{regexp.MustCompile(`^unclosed left paren`), "a ( is not closed"},
	{regexp.MustCompile(`^unexpected right paren|^unexpected "\)"`), "there is nothing for this ) to close"},
	{regexp.MustCompile(`^unexpected "=" in|^expected :=`), `there is no = or == here, write eq A B`},
	{regexp.MustCompile(`^unexpected "&" in`), "there is no && here, write and A B"},
	{regexp.MustCompile(`^unexpected "!" in`), "there is no ! here, write not A or ne A B"},
	{regexp.MustCompile(`^illegal number syntax: "([-+])"|^unexpected "([*%])" in`), "templates do not calculate"},
	{regexp.MustCompile(`^malformed character constant: (.*)$`), `texts stand in double quotes, not $1`},
	{regexp.MustCompile(`^unrecognized character in action: U\+20[01]\w '([“”„‘’‚])'`), `texts stand in straight quotes ("), not $1`},
	{regexp.MustCompile(`^unterminated (?:quoted|raw quoted) string`), "a quote is not closed"},
	{regexp.MustCompile(`^unterminated character constant`), `texts stand in double quotes (")`},
	{regexp.MustCompile(`^undefined variable "\$([A-Z]\w*)"`), "there is no variable $$$1; fields begin with a dot: .$1"},
	{regexp.MustCompile(`^undefined variable "(.*)"`), "there is no variable $1; it is made by {{$1 := ...}} before"},
	{regexp.MustCompile(`^unexpected \{\{end\}\}`), "there is nothing to end here: it is an {{end}} too many"},
	{regexp.MustCompile(`^unexpected \{\{else\}\}`), "there is no if, with or range that this else belongs to"},
	{regexp.MustCompile(`^missing value for (\w+)`), "$1 of what? it needs a value"},
}

// failures are what text/template says of a template that fails while it runs, and
// how to say it to an author.
var failures = []struct {
	pattern *regexp.Regexp
	say     string
}{
	{regexp.MustCompile(`^error calling index: .*out of range`), "there is nothing at this place, or not always: put it within {{if ...}} or {{with ...}}, or use range"},
	{regexp.MustCompile(`^error calling slice: .*out of range`), "it is shorter than that, or not always: ask its len before"},
	{regexp.MustCompile(`^error calling (\w+): incompatible types for comparison: .*`), "$1 compares a text with a text and a number with a number: texts stand in quotes, numbers without"},
	{regexp.MustCompile(`^error calling (\w+): (.*)$`), "$1: $2"},
}

var startedAt = regexp.MustCompile(`started at .*:(\d+)$`)

// explainParse says what is wrong with a template that text/template does not
// parse, and where. offset is its own idea of the place.
func explainParse(text string, offset int, problem string) (at int, explained string) {
	if m := keyword.FindStringSubmatchIndex(text); m != nil {
		word := text[m[2]:m[3]]
		return m[2], "there is no " + word + " here, write " + keywords[word]
	}
	if m := marked.FindStringSubmatchIndex(text); m != nil && strings.Contains(problem, "unexpected") {
		sign, word := text[m[2]:m[3]], text[m[4]:m[5]]
		if sign == "/" {
			return m[2], "there is no /" + word + " here, write end"
		}
		return m[2], "there is no " + sign + word + " here, write " + word
	}
	if open := unclosed(text); problem == "unexpected EOF" && open >= 0 {
		return open, "this is never closed: {{end}} is missing"
	}
	if m := startedAt.FindStringSubmatch(problem); m != nil {
		line, _ := strconv.Atoi(m[1])
		offset = lastOpened(text, line)
	}
	for _, c := range complaints {
		if m := c.pattern.FindStringSubmatchIndex(problem); m != nil {
			return offset, string(c.pattern.ExpandString(nil, c.say, problem, m))
		}
	}
	return offset, problem
}

// lastOpened is where the last action of a line begins.
func lastOpened(text string, line int) int {
	start := 0
	for range line - 1 {
		start += strings.IndexByte(text[start:], '\n') + 1
	}
	rest, _, _ := strings.Cut(text[start:], "\n")
	return start + max(0, strings.LastIndex(rest, "{{"))
}
