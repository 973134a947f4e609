// Package rules judges conversations by the rule file that rule authors write:
// guards, top to bottom, decide what happens with a conversation, and checks
// decide about the model's draft.
//
// Start with rules.yaml, the rule file we ship; then Env, the names that
// expressions may use; then Judge. Load reads a rule file and refuses one with
// any problem, naming each with its place. Case is a conversation written down, as
// the file's tests have them.
package rules

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/expr-lang/expr"

	"inboxbot/bot"
	"inboxbot/bot/draftcheck"
)

//go:embed rules.yaml
var shipped []byte

// Default returns the rule file that is used when an operator names none.
func Default() []byte { return slices.Clone(shipped) }

// Set is a rule file that was read without a problem. It implements bot.Guards,
// never changes, and may be used by many goroutines.
type Set struct {
	guards   []guard
	checks   []guard
	fallback bot.Outcome // when no guard fires
	handoffs []message
	drafts   map[string]draftcheck.Mode
	cases    []Case
	hours    map[string]*hours
	zone     *time.Location
	tags     []string
	hash     string
}

var (
	_ bot.Guards = (*Set)(nil)
	_ bot.Tracer = (*Set)(nil)
)

// guard is one rule: a guard over a conversation, or a check over a draft.
type guard struct {
	name    string
	when    *expression
	at      func(offset int) string // the file's place of a character of when
	outcome bot.Outcome
	failed  bot.Cause // of the handoff when it cannot be evaluated
}

// Judge asks the guards from top to bottom; the first that fires decides, and
// the file's default when none does. A guard that cannot be evaluated hands the
// conversation over. When c has not been read, judging stops at the first guard
// that needs what only the messages tell (see Env).
func (s *Set) Judge(c *bot.Conversation) bot.Verdict {
	env := CheckEnv{Env: s.env(c)}
	over := overlong(&env)
	names := any(env.Env) // boxed once for all guards
	v := bot.Verdict{Checks: make([]bot.Check, 0, len(s.guards))}
	for i := range s.guards {
		g := &s.guards[i]
		if g.when.unread(c) {
			v.Guard = g.name
			v.Checks = append(v.Checks, bot.Check{Guard: g.name, Unread: true})
			return v
		}
		if g.ask(&v, names, over) {
			return v
		}
	}
	v.Guard, v.Outcome = nobody, s.fallback
	return v
}

// JudgeAll returns every guard's own answer, in order, whatever the others say:
// for finding guards that never fire, always fire or come too late to decide. One
// that needs the messages of a conversation that has not been read is Unread.
func (s *Set) JudgeAll(c *bot.Conversation) []bot.Check {
	env := CheckEnv{Env: s.env(c)}
	over := overlong(&env)
	names := any(env.Env)
	out := make([]bot.Check, len(s.guards))
	for i := range s.guards {
		g := &s.guards[i]
		if out[i] = (bot.Check{Guard: g.name, Unread: g.when.unread(c)}); !out[i].Unread {
			fired, err := g.fires(names, over)
			out[i].Fired, out[i].Err = fired || err != nil, err
		}
	}
	return out
}

// Review asks the checks about the model's draft of an answer to c, which has
// been read. The first that fires decides; Outcome.Action is Reply, with the
// draft as its Text, when none does. A check that cannot be evaluated hands the
// conversation over.
func (s *Set) Review(c *bot.Conversation, d bot.Decision) bot.Verdict {
	env := CheckEnv{s.env(c), draftOf(d)}
	over := overlong(&env)
	names := any(env)
	v := bot.Verdict{Checks: make([]bot.Check, 0, len(s.checks))}
	for i := range s.checks {
		g := &s.checks[i]
		if g.when.unread(c) {
			g.fail(&v, errors.New("the conversation has not been read"))
			return v
		}
		if g.ask(&v, names, over) {
			return v
		}
	}
	v.Guard = nobody
	v.Outcome = bot.Outcome{Action: bot.Reply, Reason: "no check fired", Text: d.Reply}
	return v
}

// nobody is what decided when no guard did.
const nobody = "default"

// CanReply reports whether any conversation can get a reply, so that a model is
// needed.
func (s *Set) CanReply() bool {
	return s.fallback.Action == bot.Reply || slices.ContainsFunc(s.guards, func(g guard) bool { return g.outcome.Action == bot.Reply })
}

// Approves reports whether any conversation can get a reply that a person has to
// approve first.
func (s *Set) Approves() bool {
	return s.fallback.Approve || slices.ContainsFunc(s.guards, func(g guard) bool { return g.outcome.Approve })
}

// HandoffTags returns the tags that a conversation handed over may get, sorted:
// those that guards and checks name, and Options.HandoffTag.
func (s *Set) HandoffTags() []string { return slices.Clone(s.tags) }

// Guards returns the names of the guards, in the order they are asked.
func (s *Set) Guards() []string { return namesOf(s.guards) }

// Checks returns the names of the checks, in the order they are asked.
func (s *Set) Checks() []string { return namesOf(s.checks) }

func namesOf(guards []guard) []string {
	names := make([]string, len(guards))
	for i, g := range guards {
		names[i] = g.name
	}
	return names
}

// DraftChecks returns what the file says about the bot's own checks of a draft, by
// their names; one that it does not name is on.
func (s *Set) DraftChecks() map[string]draftcheck.Mode { return maps.Clone(s.drafts) }

// Hash returns the SHA-256 of the rule file, in hexadecimal.
func (s *Set) Hash() string { return s.hash }

func hash(src []byte) string {
	sum := sha256.Sum256(src)
	return hex.EncodeToString(sum[:])
}

// ask adds g's answer to v and reports whether it decided.
func (g *guard) ask(v *bot.Verdict, env any, over reads) bool {
	fired, err := g.fires(env, over)
	if err != nil {
		g.fail(v, err)
		return true
	}
	v.Checks = append(v.Checks, bot.Check{Guard: g.name, Fired: fired})
	if fired {
		v.Guard, v.Outcome = g.name, g.outcome
	}
	return fired
}

// fires evaluates g. Its error says nothing of what is in the conversation.
func (g *guard) fires(env any, over reads) (fired bool, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%s: panic while it was evaluated", g.at(0)) // unreachable: the library recovers
		}
	}()
	if part := over & g.when.reads; part != 0 {
		return false, fmt.Errorf("%s: too long to be judged: %s", g.at(0), part)
	}
	result, err := expr.Run(g.when.program, env)
	if err != nil {
		offset, reason := failure(err)
		return false, fmt.Errorf("%s: %s", g.at(offset), reason)
	}
	fired, ok := result.(bool)
	if !ok {
		return false, fmt.Errorf("%s: neither true nor false", g.at(0)) // unreachable: the types are checked
	}
	return fired, nil
}

// fail makes v hand over because g could not be evaluated: never a reply by a
// rule that nobody knows the answer of.
func (g *guard) fail(v *bot.Verdict, err error) {
	v.Checks = append(v.Checks, bot.Check{Guard: g.name, Fired: true, Err: err})
	v.Guard = g.name
	v.Outcome = bot.Outcome{Action: bot.Handoff, Cause: g.failed, Reason: fmt.Sprintf("guard %q failed: %v", g.name, err)}
}

// unread reports whether e needs more of c than has been read. A list row has
// the text and time of the prospect's newest message only when no message of
// ours came after it.
func (e *expression) unread(c *bot.Conversation) bool {
	if c.Read {
		return false
	}
	if e.reads&readsMessages != 0 {
		return true
	}
	_, ok := c.Last()
	return e.reads&readsLast != 0 && !ok
}
