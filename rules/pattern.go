package rules

import (
	"errors"
	"fmt"
	"regexp/syntax"
	"strings"

	"github.com/expr-lang/expr/ast"
)

// refusePatterns finds the patterns below n that are not constant, not valid or
// too large, before anything compiles them.
func refusePatterns(n ast.Node) []finding {
	p := &patterns{}
	ast.Walk(&n, p)
	return p.findings
}

type patterns struct{ findings []finding }

// Visit implements ast.Visitor.
func (p *patterns) Visit(n *ast.Node) {
	b, ok := (*n).(*ast.BinaryNode)
	if !ok || b.Operator != "matches" {
		return
	}
	pattern, ok := b.Right.(*ast.StringNode)
	if !ok {
		p.findings = append(p.findings, finding{b.Right.Location().From, "matches needs its pattern in quotes", "contains looks for any text"})
		return
	}
	if _, err := syntax.Parse(pattern.Value, syntax.Perl); err != nil {
		message, hint := explainPattern(err)
		p.findings = append(p.findings, finding{pattern.Location().From, message, hint})
		return
	}
	if i := strings.IndexAny(pattern.Value, "\b\a\f\v\x00"); i >= 0 {
		p.findings = append(p.findings, finding{
			pattern.Location().From, fmt.Sprintf("the pattern holds %q, a character that nobody types", pattern.Value[i]),
			`in quotes write \\ for a backslash: "\\bprice\\b", or put the pattern in backquotes`,
		})
		return
	}
	if size := patternSize(pattern.Value); size > maxPasses {
		p.findings = append(p.findings, finding{
			pattern.Location().From, fmt.Sprintf("the pattern is too large: %d steps, at most %d", size, maxPasses),
			"split it over several guards, or repeat less",
		})
	}
}

// explainPattern says what is wrong with a pattern.
func explainPattern(err error) (message, hint string) {
	e, ok := errors.AsType[*syntax.Error](err)
	if !ok {
		return "this is no pattern: " + clip(err.Error()), "" // unreachable: the parser has no other errors
	}
	message = fmt.Sprintf("this is no pattern: %s in `%s`", e.Code, clip(e.Expr))
	switch {
	case strings.HasPrefix(e.Expr, "(?"):
		return message, "patterns are those of Go (RE2), which do not look ahead or behind"
	case e.Code == syntax.ErrMissingParen || e.Code == syntax.ErrUnexpectedParen:
		return message, `a bracket that is meant as such is written \( or \)`
	case e.Code == syntax.ErrMissingRepeatArgument:
		return message, "any text at all is .*"
	case e.Code == syntax.ErrInvalidRepeatSize:
		return message, "at most 1000 times"
	}
	return message, "patterns are those of Go (RE2)"
}

// patternSize is how many instructions pattern compiles to, about, without
// compiling it.
func patternSize(pattern string) int {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return 0 // refused by refusePatterns
	}
	return 2 + regexpSize(re)
}

func regexpSize(re *syntax.Regexp) int {
	size := 0
	for _, sub := range re.Sub {
		size += regexpSize(sub)
	}
	switch re.Op {
	case syntax.OpLiteral:
		size = len(re.Rune)
	case syntax.OpConcat:
	case syntax.OpAlternate:
		size += len(re.Sub) - 1
	case syntax.OpCapture, syntax.OpStar:
		size += 2
	case syntax.OpRepeat:
		size = size*max(1, re.Min, re.Max) + max(1, re.Max-re.Min)
	default:
		size++
	}
	return min(size, maxPasses*maxItems)
}
