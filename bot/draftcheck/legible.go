package draftcheck

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// moved are the places where a text became shorter when it was made legible: from
// here on, a byte stood by so many bytes later.
type moved []struct{ from, by int }

// back is where p stands in the original.
func (m moved) back(p place) place {
	original := func(at int) int {
		i, found := slices.BinarySearchFunc(m, at, func(e struct{ from, by int }, at int) int { return e.from - at })
		if !found {
			i--
		}
		if i < 0 {
			return at
		}
		return at + m[i].by
	}
	return place{original(p.start), original(p.end)}
}

// legible is a text with the digits and signs of all scripts as ASCII has them:
// "٣٢٠" and "３２０" are 320. Nothing else changes.
func legible(text string) (string, moved) {
	if !strings.ContainsFunc(text, func(r rune) bool { return r == '：' || asASCII(r) != r }) {
		return text, nil
	}
	var b strings.Builder
	var m moved
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		plain := asASCII(r)
		if next, _ := utf8.DecodeRuneInString(text[i+n:]); r == '：' && unicode.IsDigit(next) {
			plain = ':'
		}
		if plain == r {
			b.WriteString(text[i : i+n])
		} else {
			b.WriteRune(plain)
			m = append(m, struct{ from, by int }{b.Len(), i + n - b.Len()})
		}
		i += n
	}
	return b.String(), m
}

// fullWidth are the signs that numbers and addresses are made of. Others end them.
const fullWidth = "．，－＋％＄＠／＿（）"

func asASCII(r rune) rune {
	switch {
	case r < 0x0660:
		return r
	case r == '٫':
		return '.'
	case r == '٬':
		return ','
	case strings.ContainsRune(fullWidth, r) || r >= 'Ａ' && r <= 'ｚ' && unicode.IsLetter(r):
		return r - '！' + '!'
	case unicode.Is(unicode.Nd, r):
		return digitOf(r)
	}
	return r
}

// digitOf is a decimal digit as ASCII has it. Unicode keeps those of a script
// together, nought first.
func digitOf(r rune) rune {
	for _, t := range unicode.Nd.R16 {
		if uint32(r) >= uint32(t.Lo) && uint32(r) <= uint32(t.Hi) {
			return '0' + (r-rune(t.Lo))%10
		}
	}
	for _, t := range unicode.Nd.R32 {
		if uint32(r) >= t.Lo && uint32(r) <= t.Hi {
			return '0' + (r-rune(t.Lo))%10
		}
	}
	return r // unreachable: every decimal digit is in one of the tables
}
