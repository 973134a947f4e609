package draftcheck

import (
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"
)

// claims are what a text states that can be looked up.
type claims struct {
	links    []link
	emails   []email
	phones   []phone
	prices   []price
	percents []number
	dates    []date
	times    []clock

	bare func() bare // what else may be a price; read when nothing better is found
}

// reading is how a text is read: a draft claims only what is certainly meant; what
// the model was given may be meant in every way it can be read.
type reading bool

const (
	strict reading = false
	loose  reading = true
)

// place is where a claim stands in a text.
type place struct{ start, end int }

// read finds the claims of a text. What one kind has taken no other reads: a date
// is no phone number.
func read(original string, as reading) *claims {
	text, moved := legible(original)
	c := &claims{bare: func() bare { return bare{} }}
	hasDigit := strings.ContainsAny(text, "0123456789")
	if !hasDigit && !strings.ContainsAny(text, ".@:/[({") && !mayHideDots(text) {
		return c
	}
	s := &scan{text: text, moved: moved, toks: tokens(text), as: as, claims: c}
	s.readLinks()
	if hasDigit {
		s.each(s.date)
		s.each(s.clock)
		s.each(s.percent)
		s.each(s.price)
		s.each(s.phone)
	}
	c.bare = sync.OnceValue(s.readBare)
	return c
}

// sources are the claims that a draft may repeat.
type sources struct {
	told *claims // by the team: system text, facts, profile
	said *claims // in the conversation, save what the prospect told us to say
}

func (d *draft) readGiven() *sources {
	told := slices.Concat(d.Given, d.Facts)
	if d.Instructions != "" && !slices.Contains(told, d.Instructions) {
		told = append(told, d.Instructions)
	}
	for _, text := range d.Profile { // it stands in the system text too
		before, _, found := demanded(text)
		for i := range told {
			if found {
				told[i] = strings.ReplaceAll(told[i], text, before)
			}
		}
		told = append(told, before)
	}
	s := &sources{
		told: read(strings.Join(unique(told), "\n"), loose),
		said: read(strings.Join(slices.Concat(d.theirs().free, d.Outbound), "\n"), loose),
	}
	if !d.Now.IsZero() {
		for _, day := range []time.Time{d.Now.AddDate(0, 0, -1), d.Now, d.Now.AddDate(0, 0, 1)} {
			s.told.dates = append(s.told.dates, date{readings: []day3{{int(day.Month()), day.Day(), day.Year()}}})
		}
	}
	return s
}

// unique drops texts that are part of another: facts mostly stand in the system
// text.
func unique(texts []string) []string {
	var kept []string
	for _, t := range texts {
		if !slices.ContainsFunc(kept, func(k string) bool { return strings.Contains(k, t) }) {
			kept = append(kept, t)
		}
	}
	return kept
}

// unknown returns a finding for each claim that has no like in the sources.
func unknown[C any](d *draft, detail string, of func(*claims) []C, at func(C) place, same func(mine, given C) bool) []Finding {
	var found []Finding
	for _, mine := range of(d.claims) {
		given := d.given()
		like := func(g C) bool { return same(mine, g) }
		if slices.ContainsFunc(of(given.told), like) || slices.ContainsFunc(of(given.said), like) {
			continue
		}
		p := at(mine)
		found = append(found, Finding{Span: shorten(d.Text[p.start:p.end]), Detail: detail})
	}
	return found
}

// tok is a piece of a text: letters of one script family, digits, white space or
// one other character.
type tok struct {
	text string
	at   uint32 // where it begins
	kind kind
}

func (t tok) start() int { return int(t.at) }
func (t tok) end() int   { return int(t.at) + len(t.text) }

type kind uint8

const (
	symbol kind = iota
	letters
	digits
	space // within a line; the end of a line is a symbol
	taken // by a claim
)

func tokens(text string) []tok {
	toks := make([]tok, 0, len(text)*2/5+8)
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		k := kindOf(r)
		end := i + n
		counts := i > 0 && units[r] && (kindBefore(toks) == digits || units[runeBefore(text, i)])
		for k != symbol && !counts && end < len(text) {
			next, m := utf8.DecodeRuneInString(text[end:])
			if kindOf(next) != k || k == letters && (next >= firstCJK) != (r >= firstCJK) {
				break
			}
			end += m
		}
		toks = append(toks, tok{text[i:end], uint32(i), k})
		i = end
	}
	return toks
}

// units are a piece of their own after a number, since no space parts them from
// the word that follows: ten-thousands and the like, money, tenths off, hours.
var units = map[rune]bool{'万': true, '萬': true, '만': true, '千': true, '천': true, '円': true, '圓': true, '元': true, '块': true, '塊': true, '원': true, '割': true, '時': true, '시': true}

func kindBefore(toks []tok) kind {
	if len(toks) == 0 {
		return symbol
	}
	return toks[len(toks)-1].kind
}

func runeBefore(text string, i int) rune {
	r, _ := utf8.DecodeLastRuneInString(text[:i])
	return r
}

// firstCJK begins the scripts that put no space between a number and its unit.
const firstCJK = 0x2E80

func kindOf(r rune) kind {
	switch {
	case '0' <= r && r <= '9':
		return digits
	case r == ' ' || r == '\t' || r == '\u00a0' || r == '\u202f' || r == '\u2009':
		return space
	case r < utf8.RuneSelf:
		if 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' {
			return letters
		}
		return symbol
	case unicode.IsLetter(r) || unicode.Is(unicode.M, r):
		return letters
	}
	return symbol
}

// scan reads claims off the pieces of a text.
type scan struct {
	text   string // legible
	moved  moved
	toks   []tok
	as     reading
	claims *claims
}

// each offers every number to f, which returns the piece after the claim it found
// there, or 0.
func (s *scan) each(f func(i int) (from, to int)) {
	for i := 0; i < len(s.toks); i++ {
		if s.toks[i].kind != digits {
			continue
		}
		if from, to := f(i); to > 0 {
			s.take(from, to)
			i = to - 1
		}
	}
}

func (s *scan) take(from, to int) {
	for i := from; i < to; i++ {
		s.toks[i].kind = taken
	}
}

func (s *scan) place(from, to int) place {
	return s.moved.back(place{s.toks[from].start(), s.toks[to-1].end()})
}

// at is the piece at i; outside the text, a line's end.
func (s *scan) at(i int) tok {
	if i < 0 || i >= len(s.toks) {
		return tok{text: "\n"}
	}
	return s.toks[i]
}

// is reports whether the piece at i is one of the symbols.
func (s *scan) is(i int, symbols string) bool {
	t := s.at(i)
	return t.kind == symbol && strings.Contains(symbols, t.text)
}

// word is the piece at i without case and accents, "" when it is no letters.
func (s *scan) word(i int) string {
	if t := s.at(i); t.kind == letters {
		return fold(t.text)
	}
	return ""
}

// inWord reports whether the piece at i goes on a word, as in "v2". Scripts of the
// East put no space before a number, and Arabic joins "for" to it.
func (s *scan) inWord(i int) bool {
	before := s.at(i - 1)
	return before.kind == letters && before.end() == s.at(i).start() && runeBefore(before.text, len(before.text)) < firstUnspaced
}

// firstUnspaced begins the scripts whose letters may touch a number.
const firstUnspaced = 0x0590

// number is the value of the digits at i when there are at most most of them, or
// -1.
func (s *scan) number(i, most int) int {
	t := s.at(i)
	if t.kind != digits || len(t.text) > most || most > 9 {
		return -1
	}
	n := 0
	for _, c := range []byte(t.text) {
		n = 10*n + int(c-'0')
	}
	return n
}

// skip is i, or the piece after it when there is a space.
func (s *scan) skip(i int) int {
	if s.at(i).kind == space {
		return i + 1
	}
	return i
}

// back is i, or the piece before it when there is a space.
func (s *scan) back(i int) int {
	if s.at(i).kind == space {
		return i - 1
	}
	return i
}

// joins are what stands between the ends of a range.
var joins = setOf(`to till until through and bis und à a au et y al e às ate até do i en tot إلى حتى`)

// between returns the piece after a range's dash or word at i, or 0.
func (s *scan) between(i int) int {
	i = s.skip(i)
	if s.is(i, "-–—~〜～") || joins[s.word(i)] {
		return s.skip(i + 1)
	}
	return 0
}

// before returns the piece before a range's dash or word that ends at i, or -1.
func (s *scan) before(i int) int {
	i = s.back(i)
	if s.is(i, "-–—~〜～") || joins[s.word(i)] {
		return s.back(i - 1)
	}
	return -1
}
