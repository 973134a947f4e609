package rules

import (
	"fmt"
	"slices"
	"strings"

	"inboxbot/bot"
)

// Failure is a test of the rule file that did not come out as expected. Its
// Problem stands at what was expected and says what came instead.
type Failure struct { //nolint:errname // as Problem
	Problem
	Case Case
	Got  bot.Verdict
}

// Tests returns the tests of the rule file.
func (s *Set) Tests() []Case { return slices.Clone(s.cases) }

// Whole is the bot around a rule file, for tests that no file can answer for.
type Whole struct {
	// Judge is everything before the model, the bot's own guards included.
	Judge func(*bot.Conversation) bot.Verdict
	// Review is everything behind it: what becomes of the draft d of a conversation
	// with the verdict v. The checks it adds include the bot's own.
	Review func(c *bot.Conversation, v bot.Verdict, d bot.Decision) bot.Verdict
}

// Test runs the tests of the rule file that are about more than its own guards and
// checks, and returns those that fail: tests that expect one of the bot's own
// guards, and tests of a draft, which has to pass the bot's own checks too. Load has
// run the others, where a file has to be right whatever bot reads it.
func (s *Set) Test(w Whole) []Failure {
	var out []Failure
	for _, c := range s.cases {
		ofBot, ofDraft := ofTheBot(c.Expect.Guard), c.Given.Draft != nil && len(c.Conversation(s.zone).Unanswered()) > 0
		judge := s.Judge
		switch {
		case ofBot && !isDraftCheck(c.Expect.Guard):
			judge = w.Judge
		case !ofBot && !ofDraft:
			continue
		}
		if f, failed := s.try(c, judge, w.Review); failed {
			out = append(out, f)
		}
	}
	return out
}

// ofTheBot reports whether a test that expects this guard asks for more than the
// rule file.
func ofTheBot(guard string) bool { return guard != nobody && isReserved(guard) }

// try runs a test as the bot would go on: the checks are asked about the draft of
// a conversation that is to be answered.
func (s *Set) try(c Case, judge func(*bot.Conversation) bot.Verdict, review func(*bot.Conversation, bot.Verdict, bot.Decision) bot.Verdict) (Failure, bool) {
	conv := c.Conversation(s.zone)
	v := judge(conv)
	d := c.decision()
	if d != nil && v.Outcome.Action == bot.Reply {
		v = review(conv, v, *d)
	}
	say := silence
	if v.Outcome.Action == bot.Handoff {
		if name := s.Say(conv, v.Outcome); name != "" {
			say = name
		}
	}
	want, got := c.Expect, Expect{outcomeOf(v.Outcome), v.Guard, say}
	if (want.Outcome == "" || want.Outcome == got.Outcome) && (want.Guard == "" || want.Guard == got.Guard) && (want.Say == "" || want.Say == got.Say) {
		return Failure{}, false
	}
	f := Failure{Case: c, Got: v}
	f.Problem = Problem{
		File: c.file, Line: c.at.line, Column: c.at.column,
		Message: printable(fmt.Sprintf("the test %q expects %s, but got %s", clip(c.Name), want, got.like(want))),
		Detail:  s.detail(conv, d, v, want.Guard),
	}
	return f, true
}

// size is about how many bytes guards and checks can read of c.
func (c Case) size() int {
	p := &c.Given.Prospect
	n := len(p.Bio) + len(p.Notes) + len(p.Name) + len(p.Location) + len(p.Website) + total(p.Tags)
	for _, m := range c.Given.Messages {
		n += len(m.Text)
	}
	if d := c.Given.Draft; d != nil {
		n += len(d.Text) + len(d.Reason)
	}
	return n + len(c.Given.Message)
}

// decision is the draft of c as the model would have given it; nil without one.
func (c Case) decision() *bot.Decision {
	d := c.Given.Draft
	if d == nil {
		return nil
	}
	return &bot.Decision{Action: bot.Action(d.Action), Reply: d.Text, Confidence: d.Confidence, Reason: d.Reason}
}

func (s *Set) afterDraft(c *bot.Conversation, v bot.Verdict, d bot.Decision) bot.Verdict {
	if d.Action != bot.Reply {
		v.Outcome = bot.Outcome{Action: d.Action, Reason: "the model says so: " + d.Reason}
		if d.Action == bot.Handoff {
			v.Outcome.Cause = bot.CauseFacts
		}
		return v
	}
	r := s.Review(c, d)
	v.Checks = append(v.Checks, r.Checks...)
	if r.Outcome.Action != bot.Reply {
		v.Guard, v.Outcome = r.Guard, r.Outcome
	}
	return v
}

// String returns e as people say it: handoff by "vip", saying "away".
func (e Expect) String() string {
	var parts []string
	if e.Outcome != "" {
		parts = append(parts, e.Outcome)
	}
	if e.Guard != "" {
		parts = append(parts, fmt.Sprintf("by %q", e.Guard))
	}
	s := strings.Join(parts, " ")
	if e.Say != "" {
		s += fmt.Sprintf(", saying %q", e.Say)
	}
	return strings.TrimPrefix(s, ", ")
}

// like is e without the message, if none was expected.
func (e Expect) like(want Expect) Expect {
	if want.Say == "" {
		e.Say = ""
	}
	return e
}

// maxDetail is how many lines tell how an outcome came about.
const maxDetail = 60

// detail tells what every guard said that was asked, and what the one that decided
// and the one that should have decided were worth.
func (s *Set) detail(c *bot.Conversation, d *bot.Decision, v bot.Verdict, wanted string) string {
	var lines []string
	asked := false
	for _, check := range v.Checks {
		lines = append(lines, said(check))
		if check.Guard == v.Guard && isReserved(v.Guard) {
			lines = append(lines, "    "+printable(v.Outcome.Reason))
		}
		if check.Guard == v.Guard || check.Guard == wanted {
			lines = append(lines, s.worth(c, d, check.Guard)...)
		}
		asked = asked || check.Guard == wanted
	}
	if wanted != "" && !asked && wanted != nobody {
		lines = append(lines, fmt.Sprintf("%-20s not asked", printable(wanted)))
		lines = append(lines, s.worth(c, d, wanted)...)
	}
	if n := len(lines) - maxDetail; n > 0 {
		lines = append([]string{fmt.Sprintf("(%d lines left out)", n)}, lines[n:]...)
	}
	return strings.Join(lines, "\n")
}

// said is a check as a line of text. Its error says nothing of what outsiders wrote.
func said(c bot.Check) string {
	switch name := printable(c.Guard); {
	case c.Err != nil:
		return fmt.Sprintf("%-20s failed: %s", name, printable(c.Err.Error()))
	case c.Fired:
		return fmt.Sprintf("%-20s FIRED", name)
	default:
		return fmt.Sprintf("%-20s no", name)
	}
}

func (s *Set) worth(c *bot.Conversation, d *bot.Decision, name string) []string {
	var lines []string
	for _, p := range s.Parts(c, d, name) {
		lines = append(lines, fmt.Sprintf("    %s = %s", printable(p.Expr), p.Value))
	}
	return lines
}

// maxTestSteps is what the tests of a file may take, in steps of a guard over a
// byte of their texts: about ten seconds, if all is made to be slow. A bot
// that proves an edit must be through with it while its author waits.
const maxTestSteps = 1_000_000_000

// failures runs the tests of the file that was read.
func (l *loader) failures() Problems {
	steps := 0
	for _, c := range l.set.cases {
		if steps += (l.passes + 1) * c.size(); steps > maxTestSteps {
			l.report(c.at, "shorten the texts of the tests, or look for fewer words",
				"the tests up to here may take too long: %d million steps of guards over their texts, at most %d million", steps/1e6, maxTestSteps/1_000_000)
			return l.problems
		}
	}
	var out Problems
	for _, c := range l.set.cases {
		if f, failed := l.set.try(c, l.set.Judge, l.set.afterDraft); failed && !ofTheBot(c.Expect.Guard) && len(out) < maxProblems {
			out = append(out, f.Problem)
		}
	}
	return out
}
