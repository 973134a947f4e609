package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"inboxbot/bot/history"
	"inboxbot/bot/redisstore"
)

type shadowCmd struct {
	Since time.Duration `default:"168h" help:"Only what was compared in the last 24h, 168h and so on."`
	JSON  bool          `name:"json" help:"One JSON object, for machines."`
}

// Run tells, per guard, how often bots with BOT_MODE=shadow would have done and said
// what people did, whatever BOT_MODE is here.
func (c *shadowCmd) Run(ctx context.Context, p *process) error {
	if c.Since <= 0 {
		return newConfigError([]string{"--since: write how far to look back, such as 168h"})
	}
	cfg, err := readConfig(ctx, p.environ, needInbox)
	if err != nil {
		return err
	}
	cfg.Mode = modeShadow
	store, err := openRedis(ctx, cfg, "", cfg.namespace())
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }() // nothing is under way
	r, err := shadowReportOf(ctx, store, time.Now().Add(-c.Since))
	switch {
	case err != nil:
		return err
	case c.JSON:
		enc := json.NewEncoder(p.stdout)
		enc.SetEscapeHTML(false)
		return enc.Encode(r)
	case len(r.Guards) == 0:
		fmt.Fprintf(p.stderr, "nothing was compared in the last %s: let a bot run with BOT_MODE=shadow while people answer\n", short(c.Since))
		return nil
	}
	return r.print(p.stdout, cfg.Location())
}

// shadowReport is what the command tells.
type shadowReport struct {
	Since  time.Time     `json:"since"`
	Guards []shadowGuard `json:"guards"`
}

// shadowGuard is how what one guard would have had the bot do and say compares with
// what people did.
type shadowGuard struct {
	Guard       string       `json:"guard"`
	Decided     int          `json:"decided"` // messages, as far as it is known what people did
	SameOutcome int          `json:"sameOutcome"`
	HandedOver  int          `json:"handedOver"` // by the bot, whatever people did
	Unanswered  int          `json:"unanswered"` // not left alone by the bot, and nobody answered
	Missed      int          `json:"missed"`     // left alone by the bot, and a person answered
	Compared    int          `json:"compared"`   // drafts with an answer
	SameFacts   int          `json:"sameFacts"`
	Likeness    float64      `json:"likeness"`      // median
	Length      int          `json:"lengthPercent"` // median, of the answers
	Worst       []shadowCase `json:"worst"`
	Misses      []shadowCase `json:"misses"`
}

// shadowCase is one draft beside an answer, or an answer to what the bot would have
// left alone. The words are no longer kept when both are empty.
type shadowCase struct {
	At       time.Time `json:"at"`
	Thread   string    `json:"thread"`
	Prospect string    `json:"prospect"`
	Asked    string    `json:"asked"`
	Likeness float64   `json:"likeness"`
	history.Compared
}

// shadowReportOf reads the log back to since, and the words of what is furthest
// apart.
func shadowReportOf(ctx context.Context, store *redisstore.Store, since time.Time) (shadowReport, error) {
	r := shadowReport{Since: since.UTC().Truncate(time.Second), Guards: []shadowGuard{}}
	var found []*history.Entry
	for before := ""; ; {
		page, err := store.LogBefore(ctx, before, 1000)
		if err != nil {
			return r, err
		}
		for i := range page {
			if e := &page[i]; e.Shadow != nil && !e.At.Before(since) {
				found = append(found, e)
			}
		}
		if len(page) == 0 || olderThan(page, since.Add(-clocks)) {
			break
		}
		before = page[len(page)-1].ID
	}
	for _, a := range history.Agree(found) {
		g := shadowGuard{
			Guard: a.Guard, Decided: a.Decided, SameOutcome: a.SameOutcome, HandedOver: a.HandedOver, Unanswered: a.Unanswered, Missed: a.Missed,
			Compared: a.Compared, SameFacts: a.SameFacts, Likeness: a.Likeness, Length: a.Length,
		}
		var err, err2 error
		g.Worst, err = shadowCasesOf(ctx, store, a.Worst)
		g.Misses, err2 = shadowCasesOf(ctx, store, a.Misses)
		if err := errors.Join(err, err2); err != nil {
			return r, err
		}
		r.Guards = append(r.Guards, g)
	}
	return r, nil
}

// olderThan reports whether the last decision of a page is from before t.
func olderThan(page []history.Entry, t time.Time) bool {
	for _, e := range slices.Backward(page) {
		if e.Outcome != "" {
			return e.At.Before(t)
		}
	}
	return false
}

func shadowCasesOf(ctx context.Context, store *redisstore.Store, entries []history.Entry) ([]shadowCase, error) {
	all := []shadowCase{}
	for _, e := range entries {
		c := shadowCase{At: e.At, Thread: e.Thread, Prospect: e.Prospect, Asked: e.Asked, Likeness: e.Shadow.Likeness}
		d, err := store.LogDetail(ctx, e.ID)
		if err != nil && !errors.Is(err, redisstore.ErrNoDetail) {
			return nil, err
		}
		if d.Shadow != nil {
			c.Compared = *d.Shadow
		}
		all = append(all, c)
	}
	return all, nil
}

// print writes r for people.
func (r shadowReport) print(w io.Writer, zone *time.Location) error {
	var b strings.Builder
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "GUARD\tDECIDED\tSAME OUTCOME\tHANDED OVER\tNOBODY ANSWERED\tLEFT ALONE, ANSWERED")
	drafts := 0
	for _, g := range r.Guards {
		fmt.Fprintf(table, "%s\t%d\t%s\t%d\t%d\t%d\n", clip(g.Guard, 60), g.Decided, share(g.SameOutcome, g.Decided), g.HandedOver, g.Unanswered, g.Missed)
		drafts += g.Compared
	}
	_ = table.Flush() // into memory
	b.WriteString("\nthe outcome is the same where a person answered what the bot would have answered or handed over,\nand nobody what it would have left alone\n")
	if drafts > 0 {
		b.WriteString("\n")
		fmt.Fprintln(table, "GUARD\tDRAFTS WITH AN ANSWER\tSAME FACTS\tWORDS ALIKE\tANSWER'S LENGTH")
	}
	for _, g := range r.Guards {
		if g.Compared > 0 {
			fmt.Fprintf(table, "%s\t%d\t%s\t%.0f %%\t%d %%\n", clip(g.Guard, 60), g.Compared, share(g.SameFacts, g.Compared), 100*g.Likeness, g.Length)
		}
	}
	_ = table.Flush()
	if drafts > 0 {
		b.WriteString("\nwords alike and length (of what people answered, beside the draft) are medians\n")
	}
	for _, g := range r.Guards {
		if len(g.Misses) > 0 {
			fmt.Fprintf(&b, "\n%s, left alone by the bot and answered by a person:\n", clip(g.Guard, 60))
		}
		for _, c := range g.Misses {
			c.print(&b, zone, "asked", c.Asked)
		}
		if len(g.Worst) > 0 {
			fmt.Fprintf(&b, "\n%s, furthest apart:\n", clip(g.Guard, 60))
		}
		for _, c := range g.Worst {
			c.print(&b, zone, "bot", c.Draft)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func share(n, of int) string { return fmt.Sprintf("%d (%d %%)", n, 100*n/max(1, of)) }

// print writes c for people: what a person answered, beside other words.
func (c shadowCase) print(b *strings.Builder, zone *time.Location, who, text string) {
	fmt.Fprintf(b, "  %s  @%s  %s\n", c.At.In(zone).Format("Jan _2 15:04"), clip(c.Prospect, 30), clip(c.Thread, 60))
	if c.Draft == "" && c.Answer == "" {
		b.WriteString("    the words are not kept any more\n")
		return
	}
	for _, side := range []struct{ who, text string }{{who, text}, {"person", c.Answer}} {
		for line := range strings.Lines(side.text) {
			fmt.Fprintf(b, "    %-6s > %s\n", side.who, clip(line, 300))
		}
	}
	for _, side := range []struct {
		who   string
		facts []string
	}{{"bot", c.Left}, {"person", c.Added}} {
		if len(side.facts) > 0 {
			fmt.Fprintf(b, "    only the %s: %s\n", side.who, clip(strings.Join(side.facts, ", "), 300))
		}
	}
}
