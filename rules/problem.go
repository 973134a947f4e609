package rules

import (
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong with a rule file. It reads as
//
//	rules.yaml:12:9: unknown key "whne"; did you mean "when"?
type Problem struct { //nolint:errname // a list of them reads as what it is
	File         string
	Line, Column int    // counted from 1, the column in characters
	Message      string // what is wrong
	Hint         string // what was probably meant, or how to put it right; may be empty
	Detail       string // of a test that failed: how its outcome came about, in lines
}

// Error returns the problem as one line that editors and terminals can jump from.
// The lines of Detail follow it, indented.
func (p Problem) Error() string {
	s := fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.Message)
	if p.Hint != "" {
		s += "; " + p.Hint
	}
	if p.Detail != "" {
		s += "\n    " + strings.ReplaceAll(p.Detail, "\n", "\n    ")
	}
	return s
}

// Problems is every problem of a rule file, from top to bottom. Load returns it
// as its error.
type Problems []Problem //nolint:errname // as Problem

// Error returns one line per problem, and the details of tests that failed.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap lets errors.As find each Problem.
func (ps Problems) Unwrap() []error {
	errs := make([]error, len(ps))
	for i, p := range ps {
		errs[i] = p
	}
	return errs
}

// sorted returns ps in the order of the file, without repetitions.
func (ps Problems) sorted() Problems {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	return slices.Compact(ps)
}

// didYouMean returns a hint that names the known name nearest to got, or "" when
// none is near.
func didYouMean(got string, known []string) string {
	if name, ok := nearest(got, known); ok {
		return fmt.Sprintf("did you mean %q?", name)
	}
	return ""
}

// nearest returns the known name that a typing mistake could have turned into
// got: one edit for short names, a third of the letters for long ones; else one
// that got leaves letters out of, or goes on behind.
func nearest(got string, known []string) (string, bool) {
	if len(got) > 64 {
		return "", false
	}
	best, bestDistance := "", max(1, len(got)/3)+1
	for _, name := range known {
		if d := distance(strings.ToLower(got), strings.ToLower(name)); d < bestDistance {
			best, bestDistance = name, d
		}
	}
	if best != "" {
		return best, true
	}
	i := slices.IndexFunc(known, func(name string) bool {
		return shortens(got, name) || shortens(name, got) && strings.HasPrefix(got, name)
	})
	if i < 0 {
		return "", false
	}
	return known[i], true
}

// shortens reports whether short has three letters or more, at least half of
// those of long, in their order and from its first.
func shortens(short, long string) bool {
	if len(short) < 3 || len(long) < len(short) || 2*len(short) < len(long) || short[0] != long[0] {
		return false
	}
	for i := range len(long) {
		if short != "" && short[0] == long[i] {
			short = short[1:]
		}
	}
	return short == ""
}

// distance is how many letters must be added, removed, replaced or swapped with
// their neighbour to turn a into b (optimal string alignment).
func distance(a, b string) int {
	s, t := []rune(a), []rune(b)
	before, row := make([]int, len(t)+1), make([]int, len(t)+1)
	for j := range row {
		row[j] = j
	}
	for i := range s {
		next := make([]int, len(t)+1)
		next[0] = i + 1
		for j := range t {
			cost := 1
			if s[i] == t[j] {
				cost = 0
			}
			next[j+1] = min(row[j]+cost, row[j+1]+1, next[j]+1)
			if i > 0 && j > 0 && s[i] == t[j-1] && s[i-1] == t[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, row = row, next
	}
	return row[len(t)]
}

// clip shortens what a file holds to what fits a message.
func clip(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}
