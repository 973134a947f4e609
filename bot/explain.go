package bot

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"inboxbot/bot/draftcheck"
)

// Explain takes one thread through the stations up to the outcome and prints
// what each of them says. Nothing is claimed, recorded or sent; the model is
// asked only when ask is true. Its output shows what outsiders wrote: it is for
// the team's eyes.
func (b *Bot) Explain(ctx context.Context, threadID string, ask bool, w io.Writer) error {
	row, err := b.Inbox.GetThread(ctx, threadID)
	if err != nil {
		return fmt.Errorf("thread %s: %w", threadID, err)
	}
	records, err := b.Ledger.Records(ctx, []string{threadID})
	if err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	gen := b.Generation()
	conv, err := b.read(ctx, row, records[threadID])
	if conv == nil {
		return err
	}
	e := &explanation{w: w}
	e.conversation(conv)
	e.record(conv)
	if err != nil {
		e.section("verdict")
		e.line("handoff: %v", err)
		return e.err
	}
	return e.rest(ctx, b, &gen, conv, ask)
}

func (e *explanation) rest(ctx context.Context, b *Bot, gen *Generation, conv *Conversation, ask bool) error {
	t := thinker{cfg: b.cfg, gen: gen}
	if ask {
		t = b.thinker(gen)
	}
	th := Thought{Verdict: b.judge(gen, conv)}
	e.verdict(gen, th.Verdict)
	if th.Verdict.Outcome.Action != Reply {
		return e.err
	}
	if err := t.build(conv, &th); err != nil {
		e.section("prompt")
		e.line("handoff: the prompt cannot be built: %v", err)
		return e.err
	}
	e.prompt(th.Prompt)
	if ask {
		th, err := t.think(ctx, conv, th.Verdict)
		if err != nil {
			return fmt.Errorf("model: %w", err)
		}
		e.decision(t, th)
	}
	return e.err
}

// explanation prints sections of indented lines and remembers the first error.
type explanation struct {
	w   io.Writer
	err error
}

func (e *explanation) printf(format string, args ...any) {
	if e.err == nil {
		_, e.err = fmt.Fprintf(e.w, format, args...)
	}
}

func (e *explanation) section(name string)             { e.printf("%s\n", name) }
func (e *explanation) line(format string, args ...any) { e.printf("  "+format+"\n", args...) }

func (e *explanation) conversation(c *Conversation) {
	e.section("conversation")
	p := &c.Thread.Prospect
	e.line("thread     %s with @%s (%s), through @%s", c.Thread.ID, oneLine(p.Username), oneLine(p.DisplayName), oneLine(c.Account.Username))
	e.line("taken at   %s", c.Now.UTC().Format(time.RFC3339))
	e.line("tags       %s", orNone(strings.Join(c.Tags, ", ")))
	e.line("status     %s", orNone(c.Status))
	e.line("assignee   %s", orNone(c.Assignee))
	if c.More {
		e.line("turns      older ones are not shown")
	}
	for _, t := range c.Turns {
		who := string(t.Side)
		if t.Writer != WriterNone {
			who += ", " + string(t.Writer)
		}
		text := oneLine(t.Text)
		if len(t.Media) > 0 {
			text = strings.TrimSpace(text + " [" + strings.Join(t.Media, ", ") + "]")
		}
		e.line("%s  %-15s %s", t.At.UTC().Format("2006-01-02 15:04:05"), who, text)
	}
	e.line("unanswered %d, waiting %s", len(c.Unanswered()), c.Waiting().Round(time.Second))
}

func (e *explanation) record(c *Conversation) {
	e.section("record")
	r := c.Record
	if r.State == StateNone {
		e.line("none: the bot has not met this thread")
		return
	}
	e.line("%s about message %s, by guard %s: %s", r.State, r.MessageID, orNone(r.Guard), orNone(r.Reason))
	if r.Generation != "" {
		e.line("generation %s", r.Generation)
	}
	if n := len(r.Own); n > 0 {
		e.line("%d messages of the bot, %d of them within 24 hours", n, c.RepliesToday())
	}
}

func (e *explanation) verdict(gen *Generation, v Verdict) {
	e.section("verdict (generation " + gen.Hash + ")")
	for _, c := range v.Checks {
		switch {
		case c.Err != nil:
			e.line("%-20s failed: %s", c.Guard, oneLine(c.Err.Error()))
		case c.Fired:
			e.line("%-20s FIRED", c.Guard)
		default:
			e.line("%-20s no", c.Guard)
		}
	}
	e.line("=> %s by %s: %s", v.Outcome.Action, v.Guard, orNone(v.Outcome.Reason))
}

func (e *explanation) prompt(p Prompt) {
	e.section(fmt.Sprintf("prompt %s (about %d tokens, %d turns left out)", p.Template, p.Tokens, p.Dropped))
	for line := range strings.Lines(p.System) {
		e.line("system     %s", visible(line))
	}
	for _, m := range p.Chat {
		for line := range strings.Lines(m.Text) {
			e.line("%-10s %s", m.Role, visible(line))
		}
	}
}

func (e *explanation) decision(t thinker, th Thought) {
	d := th.Decision
	e.section(fmt.Sprintf("decision (%d tokens)", th.Tokens.Total()))
	if d.Action != "" {
		e.line("%s, confidence %.2f, language %s: %s", d.Action, d.Confidence, orNone(oneLine(d.Language)), orNone(oneLine(d.Reason)))
	}
	for line := range strings.Lines(d.Reply) {
		e.line("| %s", visible(line))
	}
	for _, c := range th.Verdict.Checks {
		if c.Fired {
			e.line("%-20s FIRED", c.Guard)
		}
	}
	e.draftChecks(t.gen, th)
	e.line("=> %s by %s: %s", th.Verdict.Outcome.Action, th.Verdict.Guard, orNone(oneLine(th.Verdict.Outcome.Reason)))
}

// draftChecks prints what each of the bot's own checks says of a draft.
func (e *explanation) draftChecks(gen *Generation, th Thought) {
	if th.Decision.Action != Reply {
		return
	}
	e.section("the bot's own checks of the draft")
	for _, name := range draftcheck.Names {
		said := "nothing"
		for _, f := range th.Findings {
			if f.Check == name {
				said = fmt.Sprintf("%s: %q", f.Detail, oneLine(f.Span))
				break
			}
		}
		mode := cmp.Or(gen.DraftChecks[name], draftcheck.On)
		if mode != draftcheck.On {
			said = string(mode) + "; " + said
		}
		e.line("%-20s %s", name, said)
	}
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// visible is a line without what would move a terminal's cursor.
func visible(line string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return -1
		}
		return r
	}, line)
}
