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
	switch {
	case f.Outcome != "" && e.Outcome != f.Outcome,
		f.Thread != "" && e.Thread != f.Thread,
		f.Account != "" && e.Account != f.Account,
		f.Guard != "" && e.Guard != f.Guard,
		f.Cause != "" && e.Cause != f.Cause,
		f.Mode != "" && e.Mode != f.Mode,
		!f.From.IsZero() && e.At.Before(f.From),
		!f.To.IsZero() && !e.At.Before(f.To),
		f.Person != "" && !f.isPerson(e):
		return false
	}
	return f.Text == "" || containsFold(e.Asked, f.Text) || containsFold(e.Reply, f.Text) || containsFold(e.Reason, f.Text)
}

func (f Filter) isPerson(e *Entry) bool {
	name := strings.TrimPrefix(f.Person, "@")
	return e.ProspectID == name || containsFold(e.Prospect, name)
}

// Query returns the newest entries that f asks for, the newest first, and whether
// there are more: ask for those with Before set to the last one's ID.
func (v *View) Query(f Filter) (found []Entry, more bool) {
	limit := f.Limit
	if limit <= 0 {
		limit = defaultLimit
	}
	for _, c := range slices.Backward(v.snapshot()) {
		for i := range slices.Backward(c) {
			e := &c[i]
			if f.Before != "" && !After(f.Before, e.ID) || !f.Match(e) {
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

// containsFold reports whether part stands in s, whatever the case. Letters whose
// cases differ in length in UTF-8 are only found as they are written.
func containsFold(s, part string) bool {
	if part == "" {
		return true
	}
	first, _ := utf8.DecodeRuneInString(part)
	low, up := string(unicode.ToLower(first)), string(unicode.ToUpper(first))
	a, b := low[0], up[0]
	for i := 0; i+len(part) <= len(s); i++ {
		if c := s[i]; (c == a || c == b) && strings.EqualFold(s[i:i+len(part)], part) {
			return true
		}
	}
	return false
}
