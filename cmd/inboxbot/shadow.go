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

// Run tells, per guard, how often bots with BOT_MODE=shadow would have said what
// people did, whatever BOT_MODE is here.
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

// shadowGuard is how one guard's drafts compare with what people answered.
type shadowGuard struct {
	Guard      string       `json:"guard"`
	Compared   int          `json:"compared"`
	Unanswered int          `json:"unanswered"` // beside these, with a draft that nobody answered anything to
	SameFacts  int          `json:"sameFacts"`
	Likeness   float64      `json:"likeness"`      // median
	Length     int          `json:"lengthPercent"` // median, of the answers
	Worst      []shadowCase `json:"worst"`
}

// shadowCase is one draft beside an answer. The words are no longer kept when both
// are empty.
type shadowCase struct {
	At       time.Time `json:"at"`
	Thread   string    `json:"thread"`
	Prospect string    `json:"prospect"`
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
		g := shadowGuard{Guard: a.Guard, Compared: a.Compared, Unanswered: a.Unanswered, SameFacts: a.SameFacts, Likeness: a.Likeness, Length: a.Length, Worst: []shadowCase{}}
		for _, e := range a.Worst {
			one, err := shadowCaseOf(ctx, store, e)
			if err != nil {
				return r, err
			}
			g.Worst = append(g.Worst, one)
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

func shadowCaseOf(ctx context.Context, store *redisstore.Store, e history.Entry) (shadowCase, error) {
	c := shadowCase{At: e.At, Thread: e.Thread, Prospect: e.Prospect, Likeness: e.Shadow.Likeness}
	d, err := store.LogDetail(ctx, e.ID)
	if err != nil && !errors.Is(err, redisstore.ErrNoDetail) {
		return c, err
	}
	if d.Shadow != nil {
		c.Compared = *d.Shadow
	}
	return c, nil
}

// print writes r for people.
func (r shadowReport) print(w io.Writer, zone *time.Location) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "GUARD\tCOMPARED\tSAME FACTS\tWORDS ALIKE\tANSWER'S LENGTH\tNOBODY ANSWERED")
	for _, g := range r.Guards {
		fmt.Fprintf(table, "%s\t%d\t%d (%d %%)\t%.0f %%\t%d %%\t%d\n",
			clip(g.Guard, 60), g.Compared, g.SameFacts, 100*g.SameFacts/max(1, g.Compared), 100*g.Likeness, g.Length, g.Unanswered)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString("\nwords alike and length (of what people answered, beside the draft) are medians\n")
	for _, g := range r.Guards {
		if len(g.Worst) > 0 {
			fmt.Fprintf(&b, "\n%s, furthest apart:\n", clip(g.Guard, 60))
		}
		for _, c := range g.Worst {
			c.print(&b, zone)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (c shadowCase) print(b *strings.Builder, zone *time.Location) {
	fmt.Fprintf(b, "  %s  @%s  %s\n", c.At.In(zone).Format("Jan _2 15:04"), clip(c.Prospect, 30), clip(c.Thread, 60))
	if c.Draft == "" && c.Answer == "" {
		b.WriteString("    the words are not kept any more\n")
		return
	}
	for _, side := range []struct{ who, text string }{{"bot", c.Draft}, {"person", c.Answer}} {
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
