package bot

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"inboxbot/bot/draftcheck"
)

// Conversation reads a thread as the bot would judge it. It costs two requests.
// With an error that says the messages cannot be read, what is known is returned
// all the same.
func (b *Bot) Conversation(ctx context.Context, threadID string) (*Conversation, error) {
	row, err := b.Inbox.GetThread(ctx, threadID)
	if err != nil {
		return nil, fmt.Errorf("thread %s: %w", threadID, err)
	}
	records, err := b.Ledger.Records(ctx, []string{threadID})
	if err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	return b.read(ctx, row, records[threadID])
}

// Explain takes one thread through the stations up to the outcome and prints
// what each of them says. Nothing is claimed, recorded or sent; the model is
// asked only when ask is true. Its output shows what outsiders wrote: it is for
// the team's eyes.
func (b *Bot) Explain(ctx context.Context, threadID string, ask bool, w io.Writer) error {
	conv, err := b.Conversation(ctx, threadID)
	if conv == nil {
		return err
	}
	gen := b.Generation()
	holders, _ := b.Claims.(Holders)
	e := &explanation{w: w, judge: judge{cfg: b.cfg, gen: &gen, own: b.dir.isOwnPlatformID}, thinker: b.thinker(&gen), ask: ask, holders: holders}
	return e.all(ctx, conv, err)
}

// ExplainCase is Explain for a conversation that was written down, as cfg and gen
// would have it judged. The model is asked unless m is nil.
func ExplainCase(ctx context.Context, cfg Config, gen Generation, m Model, c *Conversation, w io.Writer) error {
	cfg = cfg.withDefaults()
	e := &explanation{
		w: w, judge: judge{cfg: cfg, gen: &gen, own: func(string) bool { return false }},
		thinker: thinker{cfg: cfg, gen: &gen, model: m}, ask: m != nil,
	}
	return e.all(ctx, c, nil)
}

// explanation prints sections of indented lines and remembers the first error.
type explanation struct {
	w       io.Writer
	judge   judge
	thinker thinker
	ask     bool
	holders Holders // nil: nobody can say who holds the thread
	err     error
}

func (e *explanation) all(ctx context.Context, c *Conversation, unreadable error) error {
	e.conversation(c)
	e.claim(ctx, c.Thread.ID)
	e.record(c)
	if unreadable != nil {
		e.section("verdict")
		e.line("handoff: %v", unreadable)
		return e.err
	}
	th := Thought{Verdict: e.judge.verdict(c)}
	e.verdict(c, th.Verdict)
	if th.Verdict.Outcome.Action != Reply {
		e.farewell(c, th.Verdict)
		return e.err
	}
	if err := e.thinker.build(c, &th); err != nil {
		e.section("prompt")
		e.line("handoff: the prompt cannot be built: %v", err)
		return e.err
	}
	e.prompt(th.Prompt)
	if !e.ask {
		e.section("the model was not asked: --ask does, and shows what the checks say of its draft; nothing is sent")
		return e.err
	}
	th, err := e.thinker.think(ctx, c, th.Verdict)
	if err != nil {
		return fmt.Errorf("model: %w", err)
	}
	e.decision(c, th)
	e.farewell(c, th.Verdict)
	return e.err
}

// farewell prints what the prospect would be told of a handoff.
func (e *explanation) farewell(c *Conversation, v Verdict) {
	gen := e.judge.gen
	if v.Outcome.Action != Handoff || gen.Farewell == nil {
		return
	}
	switch name, text, err := gen.Farewell(c, v.Outcome, v.Guard); {
	case name != "" && e.judge.cfg.Approve:
		e.section("message to the prospect: " + name)
		e.line("none: in draft mode nothing is sent that nobody approved")
	case err != nil:
		e.section("message to the prospect")
		e.line("none: %s", oneLine(err.Error()))
	case name != "":
		e.section("message to the prospect: " + name)
		for line := range strings.Lines(text) {
			e.line("| %s", visible(line))
		}
	}
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
	name := ""
	if p.DisplayName != "" {
		name = " (" + oneLine(p.DisplayName) + ")"
	}
	e.line("thread     %s with @%s%s, through @%s", c.Thread.ID, oneLine(p.Username), name, oneLine(c.Account.Username))
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

// claim prints whether a process works on the thread at this moment.
func (e *explanation) claim(ctx context.Context, threadID string) {
	if e.holders == nil {
		return
	}
	e.section("claim")
	switch process, left, err := e.holders.Holder(ctx, threadID); {
	case err != nil:
		e.line("not known: %s", oneLine(err.Error()))
	case process == "":
		e.line("none: nobody holds the thread now")
	default:
		e.line("process %s holds the thread now, for %s at most", oneLine(process), max(left, time.Second).Round(time.Second))
	}
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

func (e *explanation) verdict(c *Conversation, v Verdict) {
	e.section("verdict (generation " + e.judge.gen.Hash + ")")
	for _, check := range v.Checks {
		e.check(c, nil, check)
	}
	e.notAsked(c, v)
	cause := ""
	if v.Outcome.Action == Handoff {
		cause = fmt.Sprintf(" (%s)", v.Outcome.Cause)
	}
	e.line("=> %s%s by %s: %s", v.Outcome.Action, cause, v.Guard, orNone(v.Outcome.Reason))
}

// notAsked prints the guards of the rule file that come after the one that decided,
// and what they would have said.
func (e *explanation) notAsked(c *Conversation, v Verdict) {
	all, ok := e.judge.gen.Guards.(Tracer)
	if !ok {
		return
	}
	for _, check := range all.JudgeAll(c) {
		said := "would have said no"
		switch {
		case slices.ContainsFunc(v.Checks, func(asked Check) bool { return asked.Guard == check.Guard }):
			continue
		case check.Err != nil:
			said = "would have failed: " + oneLine(check.Err.Error())
		case check.Fired:
			said = "would have fired"
		}
		e.line("%-20s not asked, %s", check.Guard, said)
	}
}

// check prints what a guard or check said, and what its expression read.
func (e *explanation) check(c *Conversation, d *Decision, check Check) {
	said := "no"
	switch {
	case check.Err != nil:
		said = "failed: " + oneLine(check.Err.Error())
	case check.Fired:
		said = "FIRED"
	}
	e.line("%-20s %s", check.Guard, said)
	tracer, ok := e.judge.gen.Guards.(Tracer)
	if !ok {
		return
	}
	for _, p := range tracer.Parts(c, d, check.Guard) {
		e.line("%20s   %s = %s", "", p.Expr, p.Value)
	}
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

func (e *explanation) decision(conv *Conversation, th Thought) {
	d := th.Decision
	e.section(fmt.Sprintf("decision (%d tokens)", th.Tokens.Total()))
	if d.Action != "" {
		e.line("%s, confidence %.2f, language %s: %s", d.Action, d.Confidence, orNone(oneLine(d.Language)), orNone(oneLine(d.Reason)))
	}
	for line := range strings.Lines(d.Reply) {
		e.line("| %s", visible(line))
	}
	for _, check := range th.Verdict.Checks[th.guards:] {
		e.check(conv, &d, check)
	}
	e.draftChecks(e.judge.gen, th)
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
