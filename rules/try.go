package rules

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"inboxbot/bot"
)

// Trial is an expression that is looked at before it is written into a file.
type Trial struct {
	set   *Set
	guard guard
	check bool
}

// Try compiles the `when` of a guard, or of a check of drafts, with the hours and
// the time zone of s. Its error is a Problems: line and column are those of the
// expression.
func (s *Set) Try(when string, check bool) (*Trial, error) {
	env := any(Env{})
	if check {
		env = CheckEnv{}
	}
	if strings.TrimSpace(when) == "" {
		return nil, Problems{{File: tried, Line: 1, Column: 1, Message: "there is no expression", Hint: `such as last.text contains "refund"`}}
	}
	at := func(offset int) (line, column int) {
		before := []rune(when)
		before = before[:min(offset, len(before))]
		line, column = 1, 1
		for _, r := range before {
			if column++; r == '\n' {
				line, column = line+1, 1
			}
		}
		return line, column
	}
	compiled, findings := compile(when, env, slices.Sorted(maps.Keys(s.hours)))
	if len(findings) > 0 {
		var all Problems
		for _, f := range findings {
			line, column := at(f.offset)
			all = append(all, Problem{File: tried, Line: line, Column: column, Message: printable(f.message), Hint: printable(f.hint)})
		}
		return nil, all.sorted()
	}
	place := func(offset int) string {
		line, column := at(offset)
		return fmt.Sprintf("%s:%d:%d", tried, line, column)
	}
	return &Trial{s, guard{name: tried, when: compiled, at: place}, check}, nil
}

// tried is the file of an expression that stands in none.
const tried = "expression"

// ErrUnread is returned for a conversation of which only the row of a list is
// known, where an expression needs the messages.
var ErrUnread = errors.New("the messages have not been read")

// On is what the expression says of c and, for a check, of the draft d, with the
// values it read. Its error says nothing of what is in the conversation; in a rule
// file it would hand the conversation over.
func (t *Trial) On(c *bot.Conversation, d bot.Decision) (fired bool, parts []bot.Part, err error) {
	env := CheckEnv{Env: t.set.env(c), Draft: draftOf(d)}
	over := overlong(&env)
	names := any(env.Env)
	if t.check {
		names = env
	}
	parts = t.set.parts(&t.guard, c, names, over, true)
	if t.guard.when.unread(c) {
		return false, parts, ErrUnread
	}
	fired, err = t.guard.fires(names, over)
	return fired, parts, err
}
