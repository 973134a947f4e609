package prompts

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	zwnj = '\u200c' // zero-width non-joiner
	zwj  = '\u200d' // zero-width joiner

	// maxMarks is how many combining marks may follow each other. No language
	// needs more (UAX #15, Stream-Safe Text Format); "zalgo" text does.
	maxMarks = 30
)

// clean returns s as a person would see it: valid UTF-8 without control,
// zero-width, bidirectional and tag characters, which carry instructions that
// nobody reads but the model. Line ends become \n. The joiners that spelling
// and emoji need are kept. clean(clean(s)) is clean(s).
func clean(s string) string {
	if isPlain(s) {
		return s
	}
	s = strings.ToValidUTF8(s, string(utf8.RuneError))
	var b strings.Builder
	b.Grow(len(s))
	var prev rune // the rune written last
	marks := 0
	for i, r := range s {
		next, _ := utf8.DecodeRuneInString(s[i+utf8.RuneLen(r):])
		switch {
		case r == '\r' && next == '\n':
			continue
		case r == '\r', r == '\u0085', r == '\u2028', r == '\u2029':
			r = '\n'
		case r == '\n', r == '\t':
		case r == zwj, r == zwnj:
			if !joins(prev, next) {
				continue
			}
		case r == '\ufe0e', r == '\ufe0f': // text or emoji presentation of the rune before
			if prev == 0 || unicode.IsSpace(prev) || unicode.Is(unicode.Variation_Selector, prev) {
				continue
			}
		case isHidden(r):
			continue
		}
		if marks++; !unicode.In(r, unicode.Mn, unicode.Me) {
			marks = 0
		} else if marks > maxMarks {
			continue
		}
		b.WriteRune(r)
		prev = r
	}
	return b.String()
}

func isPlain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c >= 0x7f || c < ' ' && c != '\n' {
			return false
		}
	}
	return true
}

// isHidden reports whether r draws nothing by itself: controls, formats, fillers,
// tags and the variation selectors that clean does not know a use for.
func isHidden(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) &&
		!unicode.Is(unicode.Prepended_Concatenation_Mark, r) // Arabic number signs are formats that show
}

// joining are the scripts that spell with joiners.
var joining = []*unicode.RangeTable{
	unicode.Arabic, unicode.Syriac, unicode.Nko, unicode.Mongolian, unicode.Devanagari, unicode.Bengali,
	unicode.Gurmukhi, unicode.Gujarati, unicode.Oriya, unicode.Tamil, unicode.Telugu, unicode.Kannada,
	unicode.Malayalam, unicode.Sinhala, unicode.Khmer, unicode.Myanmar, unicode.Tibetan,
}

// joins reports whether a joiner between prev and next means something: in an
// emoji sequence, or inside a word of a script that spells with joiners.
func joins(prev, next rune) bool {
	return isEmoji(prev) && isEmoji(next) || unicode.In(prev, joining...) && unicode.In(next, joining...)
}

func isEmoji(r rune) bool {
	return r >= 0x2000 && unicode.In(r, unicode.So, unicode.Sk, unicode.Sm) || r == '\ufe0f'
}

// oneLine is clean for what has no lines: runs of white space become one space.
func oneLine(s string) string {
	return strings.Join(strings.Fields(clean(s)), " ")
}

// noTags takes the angle brackets out of profile text, so that nothing in it can
// open or close a fence.
var noTags = strings.NewReplacer(
	"<", "‹", "\uff1c", "‹", "\ufe64", "‹", "\u27e8", "‹", "\u2329", "‹", "\u3008", "‹",
	">", "›", "\uff1e", "›", "\ufe65", "›", "\u27e9", "›", "\u232a", "›", "\u3009", "›",
)

var (
	// imitation is what looks like a marker of ours (see transcript.go), or the
	// beginning of one.
	imitation = regexp.MustCompile(`(?i)[\[［【⟦〔]([ \t]*(?:media[ \t]*:|cut\b|empty message|we wrote first|\d*[ \t]*earlier messages?\b)[^\[［【⟦〔\]］】⟧〕\n]*)[\]］】⟧〕]?`)
	// special is what chat templates of local models set between turns, and
	// our own fence. A server that tokenizes it as such would let the prospect
	// speak for the system.
	special = regexp.MustCompile(`(?i)<[ \t]*[|｜]|[|｜][ \t]*>|<<[ \t]*/?[ \t]*sys[ \t]*>>|<[ \t]*/?[ \t]*(?:start_of_turn|end_of_turn|s|bos|eos|think|tool_call|prospect-data)[ \t]*/?>|\[[ \t]*/?[ \t]*inst[ \t]*\]`)

	noBrackets = strings.NewReplacer("<", "‹", ">", "›", "[", "(", "]", ")")
)

// defuse keeps the text of a turn from passing for anything but words: not for a
// marker of ours, not for a control token. Other brackets stay as they are.
func defuse(s string) string {
	if !strings.ContainsAny(s, "[<|［【⟦〔｜") {
		return s
	}
	s = special.ReplaceAllStringFunc(s, noBrackets.Replace)
	return imitation.ReplaceAllString(s, "($1)")
}
