package history

import (
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"inboxbot/bot"
)

// Filter says which entries are wanted. What is zero asks for nothing.
type Filter struct {
	Person  string // part of the username, in any case, or the whole ID on X
	Thread  string
	Account string
	Outcome bot.Action
	Guard   string
	Cause   bot.Cause
	Mode    string
	From    time.Time // at that time or later
	To      time.Time // before that time
	Text    string    // part of what was asked, replied or given as the reason, in any case

	Before string // only entries before that with this ID: the last of the page before
	Limit  int    // most entries of a page, default 50
}

const defaultLimit = 50

// Match reports whether f asks for e. Before and Limit are not looked at.
func (f Filter) Match(e *Entry) bool {
	m := f.matcher()
	return m.match(e)
}

// matcher is a Filter made ready for many entries.
type matcher struct {
	Filter
	id     string // the person, as an ID on X
	person needle
	text   needle
}

func (f Filter) matcher() matcher {
	name := strings.TrimPrefix(f.Person, "@")
	return matcher{f, name, newNeedle(name), newNeedle(f.Text)}
}

func (m *matcher) match(e *Entry) bool {
	f := &m.Filter
	switch {
	case f.Outcome != "" && e.Outcome != f.Outcome,
		f.Thread != "" && e.Thread != f.Thread,
		f.Account != "" && e.Account != f.Account,
		f.Guard != "" && e.Guard != f.Guard,
		f.Cause != "" && e.Cause != f.Cause,
		f.Mode != "" && e.Mode != f.Mode,
		!f.From.IsZero() && e.At.Before(f.From),
		!f.To.IsZero() && !e.At.Before(f.To),
		f.Person != "" && e.ProspectID != m.id && !m.person.in(e.Prospect):
		return false
	}
	return f.Text == "" || m.text.in(e.Asked) || m.text.in(e.Reply) || m.text.in(e.Reason)
}

// Query returns the newest entries that f asks for, the newest first, and whether
// there are more: ask for those with Before set to the last one's ID.
func (v *View) Query(f Filter) (found []Entry, more bool) {
	limit := f.Limit
	if limit <= 0 {
		limit = defaultLimit
	}
	m, chunks := f.matcher(), v.snapshot()
	for _, c := range slices.Backward(chunks) {
		for i := len(c) - 1; i >= 0; i-- { // an iterator would copy every entry
			e := &c[i]
			if f.Before != "" && !After(f.Before, e.ID) || !m.match(e) {
				continue
			}
			if len(found) == limit {
				return found, true
			}
			found = append(found, *e)
		}
	}
	return found, false
}

// needle is a text to be found in others, whatever the case. Letters whose cases
// differ in length in UTF-8 are only found as they are written.
type needle struct {
	text    string
	at      int // where its rarest letter stands, and that letter's first byte in both cases
	low, up byte
}

// common are letters from the most frequent on, as they are in many languages.
const common = "etaoinsrhldcumfpgwybvk"

func newNeedle(text string) needle {
	n, best := needle{text: text}, -1
	for i, r := range text {
		rank := strings.IndexRune(common, unicode.ToLower(r))
		switch {
		case r == ' ':
			rank = 0
		case rank < 0:
			rank = len(common)
		}
		if rank >= best {
			best, n.at = rank, i
			n.low, n.up = string(unicode.ToLower(r))[0], string(unicode.ToUpper(r))[0]
		}
		if r == utf8.RuneError && n.at == i { // as it stands, if it is no UTF-8
			n.low, n.up = text[i], text[i]
		}
	}
	return n
}

// in reports whether the needle stands in s.
func (n *needle) in(s string) bool {
	return n.inWith(s, n.low) || n.up != n.low && n.inWith(s, n.up)
}

// inWith looks at every place where the rarest letter stands in one case.
func (n *needle) inWith(s string, letter byte) bool {
	if len(n.text) > len(s) {
		return false
	}
	last := len(s) - len(n.text)
	for from := 0; from <= last; {
		i := strings.IndexByte(s[from+n.at:last+n.at+1], letter)
		if i < 0 {
			return false
		}
		if from += i; strings.EqualFold(s[from:from+len(n.text)], n.text) {
			return true
		}
		from++
	}
	return false
}
