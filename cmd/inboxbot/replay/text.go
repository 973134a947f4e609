package replay

import (
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"

	"inboxbot/bot"
)

// line makes s fit for one line of a terminal: no control characters, none that
// turn text around or hide, and at most n characters.
func line(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r <= ' ', r >= 0x7f && r <= 0xa0, r == 0x2028, r == 0x2029:
			return ' '
		case r == 0xad, r == 0x61c, r >= 0x200b && r <= 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x2060 && r <= 0x206f, r == 0xfeff, r >= 0xfff9 && r <= 0xfffb, r >= 0xe0000 && r <= 0xe0fff:
			return -1
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}

// shown is how many changed cuts WriteText lists.
const shown = 20

// WriteText prints a report for people: all of it, or the first changed cuts.
// What outsiders wrote is cut to lines and cannot move the cursor.
func WriteText(w io.Writer, r *Report, all bool) error {
	t := &text{w: w, r: r}
	t.head()
	t.outcomes()
	t.costs()
	if r.Candidate != nil {
		t.changes()
	}
	for _, side := range r.sides() {
		t.guards(side)
	}
	t.own()
	t.list(all)
	return t.err
}

// text prints and remembers the first error.
type text struct {
	w   io.Writer
	r   *Report
	err error
}

func (t *text) line(format string, args ...any) {
	if t.err == nil {
		_, t.err = fmt.Fprintln(t.w, strings.TrimRight(fmt.Sprintf(format, args...), " "))
	}
}

func (t *text) head() {
	r := t.r
	t.line("%d conversations from %s: %d cuts (points at which the prospect waits for an answer) in %.0f ms", len(r.Conversations), line(r.Source, 120), r.Cuts, r.JudgedMS)
	for _, note := range r.Notes {
		t.line("note: %s", line(note, 400))
	}
	if r.Interrupted {
		t.line("note: it was stopped before its end: what is missing is not counted, replies that were not asked for stand as the guards left them")
	}
	for i, side := range r.sides() {
		t.line("%-10s %s, generation %s", roles[i], line(side.Name, 200), side.Hash)
	}
}

// roles are what the sides are called.
var roles = []string{"current", "candidate"}

func (r *Report) sides() []*Total {
	if r.Candidate == nil {
		return []*Total{r.Current}
	}
	return []*Total{r.Current, r.Candidate}
}

func (t *text) outcomes() {
	t.line("\n%-12s%s", "outcome", t.row(func(_ *Total, role string) string { return role }))
	for _, name := range Outcomes {
		t.line("%-12s%s", name, t.row(func(side *Total, _ string) string { return fmt.Sprint(side.Outcomes[name]) }))
	}
}

// row is a cell for each side.
func (t *text) row(cell func(side *Total, role string) string) string {
	var cells strings.Builder
	for i, side := range t.r.sides() {
		fmt.Fprintf(&cells, "%12s", cell(side, roles[i]))
	}
	return cells.String()
}

func (t *text) costs() {
	r := t.r
	if !r.Asked {
		t.line("%-12s%s  (estimated, if the model were asked)", "tokens in", t.row(func(s *Total, _ string) string { return fmt.Sprint(s.PromptTokens) }))
		if r.Prices.Input > 0 {
			t.line("%-12s%s  (estimated, answers not counted)", "USD in", t.row(func(s *Total, _ string) string { return usd(float64(s.PromptTokens) * r.Prices.Input / 1e6) }))
		}
		return
	}
	t.line("%-12s%s", "tokens in", t.row(func(s *Total, _ string) string { return fmt.Sprint(s.Spent.Prompt) }))
	t.line("%-12s%s", "tokens out", t.row(func(s *Total, _ string) string { return fmt.Sprint(s.Spent.Completion) }))
	if r.Prices != (Prices{}) {
		t.line("%-12s%s", "USD", t.row(func(s *Total, _ string) string { return usd(s.Spent.USD) }))
	}
	t.line("%-12s%s", "objections", t.row(func(s *Total, _ string) string { return fmt.Sprint(sum(s.Checks)) }))
	for i, side := range r.sides() {
		for _, c := range side.Checks {
			t.line("  %s objected to %d drafts (%s)", c.Name, c.Cuts, roles[i])
		}
	}
	spent := fmt.Sprintf("this replay used %d tokens in, %d out", r.Spent.Prompt, r.Spent.Completion)
	if r.Prices != (Prices{}) {
		spent += ", " + usd(r.Spent.USD) + " USD"
	}
	t.line("%s", spent)
	if r.ModelErrors > 0 {
		t.line("%d cuts have no answer: the model could not be asked (%s)", r.ModelErrors, r.firstError())
	}
}

func usd(v float64) string { return fmt.Sprintf("%.4f", v) }

func sum(tallies []Tally) int {
	n := 0
	for _, t := range tallies {
		n += t.Cuts
	}
	return n
}

func (r *Report) firstError() string {
	for c := range r.cuts() {
		for _, a := range c.answers {
			if a.Error != "" {
				return a.Error
			}
		}
	}
	return "" // unreachable: asked when there is one
}

// cuts are all cuts of the report.
func (r *Report) cuts() iter.Seq2[*Cut, *Conversation] {
	return func(yield func(*Cut, *Conversation) bool) {
		for _, conv := range r.Conversations {
			for _, c := range conv.Cuts {
				if !yield(c, conv) {
					return
				}
			}
		}
	}
}

func (t *text) changes() {
	r := t.r
	t.line("\n%d of %d cuts change outcome", r.Changed, r.Cuts)
	for _, way := range r.Ways() {
		t.line("%6d  %s -> %s", way.Cuts, way.From, way.To)
		for _, c := range way.By {
			t.line("%14d  %s -> %s", c.Cuts, c.FromGuard, c.ToGuard)
		}
	}
	if r.Otherwise > 0 {
		t.line("%d more keep their outcome, by another guard, template, tag, assignee or message", r.Otherwise)
	}
	if r.Texts > 0 {
		t.line("%d more are answered in other words", r.Texts)
	}
}

func (t *text) guards(side *Total) {
	t.line("\n%-32s%8s%9s", "guards of "+line(ruleFile(side.Name), 21), "fired", "decided")
	for _, g := range side.Guards {
		t.line("%-32s%8d%9d  %s", clipName(g.Name), g.Fired, g.Decided, g.remark())
	}
}

// ruleFile is the part of a side's name that is about rules.
func ruleFile(name string) string {
	rules, _, _ := strings.Cut(name, " and ")
	return rules
}

func clipName(s string) string { return line(s, 31) }

// remark says what is odd about a guard.
func (g Guard) remark() string {
	var said []string
	switch g.Finding {
	case Never, Always:
		said = append(said, string(g.Finding))
	case Shadowed:
		said = append(said, "always shadowed by "+strings.Join(g.By, ", "))
	}
	if g.Failed > 0 {
		said = append(said, fmt.Sprintf("cannot be evaluated about %d cuts", g.Failed))
	}
	return strings.Join(said, "; ")
}

func (t *text) own() {
	var names []string
	for _, side := range t.r.sides() {
		for _, own := range side.Own {
			if !slices.Contains(names, own.Name) {
				names = append(names, own.Name)
			}
		}
	}
	switch {
	case len(names) == 0:
		return
	case t.r.OwnGuards:
		t.line("\nthe bot's own guards decided these cuts:")
	default:
		t.line("\nthe bot's own guards would have decided these cuts before yours; --own-guards lets them:")
	}
	for _, name := range names {
		t.line("  %-22s%s", name, t.row(func(side *Total, _ string) string { return fmt.Sprint(count(side.Own, name)) }))
	}
}

func count(tallies []Tally, name string) int {
	for _, t := range tallies {
		if t.Name == name {
			return t.Cuts
		}
	}
	return 0
}

// list prints the cuts that change, those that change their outcome first, or,
// with nothing to compare, those a model answered.
func (t *text) list(all bool) {
	var listed []*Cut
	for _, wanted := range []func(*Cut) bool{
		func(c *Cut) bool { return c.Change == Outcome },
		func(c *Cut) bool { return c.Change == Otherwise || c.Change == Text },
		func(c *Cut) bool { return c.Candidate == nil && (c.Current.Asked || c.Current.Error != "") },
	} {
		for c := range t.r.cuts() {
			if wanted(c) {
				listed = append(listed, c)
			}
		}
	}
	left := 0
	if len(listed) > shown && !all {
		listed, left = listed[:shown], len(listed)-shown
	}
	for _, c := range listed {
		t.cut(c)
	}
	if left > 0 {
		t.line("\n%d more: --all lists them, --html FILE makes a page of them", left)
	}
}

func (t *text) cut(c *Cut) {
	t.line("\n%s  %s", line(c.ID, 60), quoted(c.Said, 110))
	for i, a := range c.answers {
		t.line("  %-10s %s", roles[i], a.summary())
		if a.Draft != "" && (len(c.answers) == 1 || c.Current.Draft != c.Candidate.Draft) {
			t.line("  %-10s > %s", "", line(a.Draft, 300))
		}
		if a.Error != "" {
			t.line("  %-10s ! %s", "", a.Error)
		}
	}
}

// summary is an answer in a line.
func (a *Answer) summary() string {
	s := fmt.Sprintf("%s by %s", a.Outcome, a.Guard)
	if a.Outcome == string(bot.Reply) && a.Template != "" && a.Template != "system" {
		s += ", template " + a.Template
	}
	if a.Reason != "" {
		s += ": " + line(a.Reason, 120)
	}
	return s
}

func quoted(s string, n int) string { return "“" + line(s, n) + "”" }
