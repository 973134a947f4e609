package draftcheck

import (
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// encoded are runs of letters that are no word, a name or a link: base64 or the
// digits of bytes. A pattern would try every run once per letter.
func encoded(text string) []place {
	var all []place
	for start := 0; start < len(text) && len(all) < maxFindings; {
		end := start
		for end < len(text) && inCode(text[end]) {
			end++
		}
		if end-start >= shortestCode {
			for most := min(end+2, len(text)); end < most && text[end] == '='; end++ { // what fills base64 up
			}
			all = append(all, place{start, end})
		}
		start = max(end, start+1)
	}
	return all
}

func inCode(c byte) bool {
	return c < utf8.RuneSelf && inWord(rune(c)) || strings.IndexByte("+/_-", c) >= 0
}

// decoded are the texts that stand encoded in a text.
func decoded(text string) []string {
	var all []string
	for _, run := range encoded(text) {
		if plain, ok := decode(text[run.start:run.end]); ok {
			all = append(all, plain)
		}
	}
	return all
}

// mirrored is a text with its letters turned by thirteen, and backwards. Doing so
// twice gives the text again, so what is hidden can be held against what it hides
// from either side.
func mirrored(text string) []string {
	if len(text) > xMax {
		text = text[:xMax]
	}
	runes := []rune(text)
	slices.Reverse(runes)
	return []string{strings.Map(turned, text), string(runes)}
}

// plainly is a text without what nobody sees in it, and its letters in their plain
// form: those of mathematics and of full width are the same to who reads them.
func plainly(text string) string {
	return norm.NFKC.String(strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Variation_Selector, r) {
			return -1
		}
		return r
	}, text))
}

// decode returns the text that a run stands for, if it is one.
func decode(run string) (string, bool) {
	bare := strings.TrimRight(run, "=")
	for _, by := range []func(string) ([]byte, error){
		hex.DecodeString, base64.RawStdEncoding.DecodeString, base64.RawURLEncoding.DecodeString,
	} {
		if data, err := by(bare); err == nil && utf8.Valid(data) && !slices.ContainsFunc([]rune(string(data)), unprintableRune) {
			return string(data), true
		}
	}
	return "", false
}

func unprintableRune(r rune) bool { return !unicode.IsPrint(r) && !unicode.IsSpace(r) }

// turned is the letter thirteen places on.
func turned(r rune) rune {
	switch {
	case 'a' <= r && r <= 'z':
		return 'a' + (r-'a'+13)%26
	case 'A' <= r && r <= 'Z':
		return 'A' + (r-'A'+13)%26
	}
	return r
}

const (
	shortestCode = 16 // letters in a row that may be one
	longestCode  = 32 // letters and digits in a row that a person would copy
	spelledOut   = 12 // words in a row of one letter each
)

// scrambled finds what a person cannot read as it stands: encoded text, words
// spelled letter by letter, and words of letters that only look like others.
func (d *draft) scrambled() []Finding {
	var found []Finding
	for _, at := range encoded(d.Text) {
		span := d.Text[at.start:at.end]
		if len(span) > longestCode && strings.ContainsAny(span, "0123456789=") && !d.quotes(span) && !d.inLink(at.start) {
			found = append(found, Finding{Span: shorten(span), Detail: "encoded text, not a message"})
		}
	}
	run := 0
	for i, w := range d.words {
		switch r, n := utf8.DecodeRuneInString(w.low); {
		case n == len(w.low) && unicode.IsLetter(r) && r < firstCJK:
			run++
		default:
			run = 0
		}
		if run == spelledOut {
			found = append(found, Finding{Span: shorten(d.Text[d.words[i-run+1].start:w.end]), Detail: "words spelled letter by letter"})
		}
		if twoAlphabets(w.low) && !d.quotes(d.Text[w.start:w.end]) {
			found = append(found, Finding{Span: shorten(d.Text[w.start:w.end]), Detail: "a word of letters from two alphabets"})
		}
	}
	return found
}

// inLink reports whether a link of the text covers at. What it may lead to, another
// check says.
func (d *draft) inLink(at int) bool {
	return slices.ContainsFunc(d.claims.links, func(l link) bool { return l.start <= at && at < l.end })
}

// twoAlphabets reports whether a word has letters that look like those beside them.
func twoAlphabets(word string) bool {
	latin, other := false, false
	for _, r := range word {
		latin = latin || unicode.Is(unicode.Latin, r)
		other = other || unicode.In(r, unicode.Cyrillic, unicode.Greek)
	}
	return latin && other
}
