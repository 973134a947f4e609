package draftcheck

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// word is a run of letters and digits. An apostrophe or a hyphen ends one:
// "I'll" is "i", "ll".
type word struct {
	low        string // in lower case, without accents
	start, end int    // in the text
	sentence   int    // which one it stands in, from 0
}

func wordsOf(text string) []word {
	words := make([]word, 0, len(text)/6+1)
	sentence, start := 0, -1
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		in := inWord(r)
		switch {
		case in && start < 0:
			start = i
		case !in && start >= 0:
			words = append(words, word{fold(text[start:i]), start, i, sentence})
			start = -1
		}
		i += n
		if endsSentence(text[:i-n], r, text[i:]) {
			sentence++
		}
	}
	if start >= 0 {
		words = append(words, word{fold(text[start:]), start, len(text), sentence})
	}
	return words
}

func inWord(r rune) bool {
	if r < utf8.RuneSelf {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
	}
	return unicode.In(r, unicode.L, unicode.M, unicode.N)
}

func isNumber(w word) bool { return w.low != "" && '0' <= w.low[0] && w.low[0] <= '9' }

// endsSentence reports whether r, between before and after, does. A line that was
// wrapped goes on in the next.
func endsSentence(before string, r rune, after string) bool {
	switch r {
	case '\n':
		last, _ := utf8.DecodeLastRuneInString(before)
		next, _ := utf8.DecodeRuneInString(after)
		return last != ',' && !inWord(last) || !inWord(next)
	case '。', '！', '？':
		return true
	case '.', '!', '?', '…':
		return after == "" || after[0] == ' ' || after[0] == '\n'
	}
	return false
}

// fold is a word in lower case, in plain letters and without accents, so that it is
// found however it was typed.
func fold(s string) string {
	plain := true
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			plain = false
			break
		}
	}
	s = strings.ToLower(s)
	if plain {
		return s
	}
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, strings.ToLower(norm.NFKD.String(s)))
}

// folded is a text's words with a space between.
func folded(words []word) string {
	var b strings.Builder
	for i, w := range words {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(w.low)
	}
	return b.String()
}

// set is a table of words, written with spaces between.
type set map[string]bool

func setOf(words ...string) set {
	s := set{}
	for _, line := range words {
		for w := range strings.FieldsSeq(line) {
			s[fold(w)] = true
		}
	}
	return s
}

// maxSpan bounds what a finding quotes, in bytes.
const maxSpan = 120

// shorten cuts a span at a character, without adding to it: it still stands in
// the text.
func shorten(s string) string {
	if len(s) <= maxSpan {
		return s
	}
	end := maxSpan
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end]
}
