package draftcheck

import (
	"maps"
	"slices"
	"strings"
)

// patterns finds wordings in a text. One is written as words with spaces between;
// "a|b" stands for either, "*" for up to four words of the same sentence that do
// not deny it, "!a|b" ends one that must not go on so, and a name in capitals is
// the alternatives it was given.
type patterns map[string][]pattern // by each word that can be their first

type pattern []element

type element struct {
	words []string // any of these
	gap   bool     // instead: some words or none
	not   bool     // instead: none of these
}

// maxGap is how many words a gap spans.
const maxGap = 4

// denials end a gap: "we will never call you" is not "we will call you".
var denials = setOf(`not never no t nie nicht kein keine keinen ne pas jamais nunca jamas nao não mai non niet nooit geen nigdy`)

// compile reads lines of patterns. names stands for alternatives by their names.
func compile(names map[string]string, lines string) patterns {
	p := patterns{}
	for line := range strings.Lines(lines) {
		var one pattern
		for field := range strings.FieldsSeq(line) {
			if all, ok := names[field]; ok {
				field = all
			}
			if field == "*" {
				one = append(one, element{gap: true})
				continue
			}
			field, not := strings.CutPrefix(field, "!")
			var words []string
			for w := range strings.SplitSeq(field, "|") {
				words = append(words, fold(w))
			}
			one = append(one, element{words: words, not: not})
		}
		if len(one) == 0 {
			continue
		}
		for _, first := range one[0].words {
			p[first] = append(p[first], one)
		}
	}
	return p
}

// merged has the patterns of all of them.
func merged(all ...patterns) patterns {
	sum := patterns{}
	for _, p := range all {
		for first := range maps.Keys(p) {
			sum[first] = append(sum[first], p[first]...)
		}
	}
	return sum
}

// hit is where a pattern was found: words[from:to].
type hit struct{ from, to int }

// find returns where patterns stand in words; hits do not overlap.
func (p patterns) find(words []word) []hit {
	var hits []hit
	for i := 0; i < len(words); i++ {
		for _, one := range p[words[i].low] {
			if to := one.match(words, i); to > 0 {
				hits = append(hits, hit{i, to})
				i = to - 1
				break
			}
		}
	}
	return hits
}

// match returns where the pattern ends when it begins at words[at], 0 when it
// does not.
func (p pattern) match(words []word, at int) int {
	for k, e := range p {
		if e.gap {
			return p[k+1:].afterGap(words, at)
		}
		if e.not {
			if at < len(words) && slices.Contains(e.words, words[at].low) {
				return 0
			}
			continue
		}
		if at == len(words) || at > 0 && k > 0 && words[at].sentence != words[at-1].sentence || !slices.Contains(e.words, words[at].low) {
			return 0
		}
		at++
	}
	return at
}

func (p pattern) afterGap(words []word, at int) int {
	for skip := 0; skip <= maxGap && at+skip < len(words); skip++ {
		if words[at+skip].sentence != words[at-1].sentence {
			return 0
		}
		if to := p.match(words, at+skip); to > 0 {
			return to
		}
		if denials[words[at+skip].low] {
			return 0
		}
	}
	return 0
}

// span is the text of a hit.
func (h hit) span(text string, words []word) string {
	return shorten(text[words[h.from].start:words[h.to-1].end])
}
