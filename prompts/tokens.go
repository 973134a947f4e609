package prompts

import (
	"strings"
	"unicode/utf8"

	"github.com/clipperhouse/uax29/v2/graphemes"
)

// perMessage is what a chat message costs beside its text: role and separators
// (OpenAI counts 3 and 1 more for a name; others count up to 4).
const perMessage = 4

// estimate is how many tokens a model will count for s, roughly and rather too
// many. A real tokenizer adds 12 MB to the program and is right for one family
// of models only.
//
// Measured against OpenAI's o200k_base and cl100k_base (the latter is close to
// what Llama 3 and Qwen count): 91 English support conversations 1.16 and 1.14
// times the real count; 21 other languages 0.9 to 5.6 times o200k_base and 0.7
// (Amharic) to 2.1 times cl100k_base, JSON 1.06, numbers and links 0.9. What
// nobody can pronounce (slang, base64) is counted at half. So a prompt may cost
// twice the budget in the very worst case: leave that much of the model's
// context free.
func estimate(s string) int { return tokens(quarters(s)) }

func tokens(quarters int) int { return (quarters + 3) / 4 }

// quarters is the estimate in quarters of a token, in which it is additive: the
// parts of a text cost together what the text costs.
func quarters(s string) int {
	n := 0
	for _, r := range s {
		n += weight(r)
	}
	return n
}

// weight is the cost of one rune in quarters of a token.
func weight(r rune) int {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', r == ' ', r == '\n':
		return 1
	case r < 0x80: // digits, punctuation
		return 2
	case r < 0x800, 0x2000 <= r && r < 0x2070: // Latin with marks, Greek, Cyrillic, Hebrew, Arabic; typographic quotes
		return 4
	case 0x3000 <= r && r < 0xA000, 0xAC00 <= r && r < 0xD7B0, 0xFF00 <= r && r < 0xFFF0: // Chinese, Japanese, Korean
		return 5
	case r < 0x10000: // the scripts tokenizers know least
		return 8
	default: // emoji, rare ideographs
		return 12
	}
}

// cutMark stands for what was taken out of the middle of a text.
const cutMark = "\n[cut]\n"

// cut returns s, or its beginning and end around cutMark when s is estimated at
// more than limit tokens. What it returns is within the limit, if that leaves
// room for the mark. It never splits what a reader sees as one character, except
// one that is larger than the limit by itself.
func cut(s string, limit int) string {
	if len(s) <= limit || quarters(s) <= 4*limit { // no byte costs more than a token
		return s
	}
	room := 4*limit - quarters(cutMark)
	if room <= 0 {
		return strings.TrimSpace(cutMark)
	}
	head := prefix(s, room/2)
	return head + cutMark + suffix(s[len(head):], room-quarters(head))
}

// prefix returns the longest beginning of s that ends between characters and
// costs at most q quarters; when the first character costs more, as many of its
// runes as fit.
func prefix(s string, q int) string {
	end, used := 0, 0
	for g := graphemes.FromString(s); g.Next(); end = g.End() {
		if used += quarters(g.Value()); used > q {
			break
		}
	}
	if end > 0 {
		return s[:end]
	}
	for i, r := range s {
		if q -= weight(r); q < 0 {
			return s[:i]
		}
	}
	return s
}

// suffix returns the longest end of s that begins between characters and costs
// at most q quarters. s begins between characters.
func suffix(s string, q int) string {
	at := len(s)
	for at > 0 {
		r, n := utf8.DecodeLastRuneInString(s[:at])
		if q -= weight(r); q < 0 {
			break
		}
		at -= n
	}
	// Only from a known boundary can the next one be told: flags, for one, are
	// pairs of letters. So this walks all of s; 300 KB take some milliseconds.
	g := graphemes.FromString(s)
	for g.Next() {
		if g.Start() >= at {
			return s[g.Start():]
		}
	}
	return ""
}

// short bounds a text of one line: its beginning and an ellipsis.
func short(s string, limit int) string {
	if len(s) <= limit || quarters(s) <= 4*limit {
		return s
	}
	return prefix(s, 4*limit-quarters("…")) + "…"
}
