package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"inboxbot/bot"
	"inboxbot/bot/history"
	"inboxbot/bot/redisstore"
)

type logCmd struct {
	Follow  bool          `short:"f" help:"Go on with decisions as they are made, until told to stop."`
	Since   time.Duration `help:"Only decisions of the last 90m, 2h and so on."`
	Person  string        `help:"Part of a username, or an ID on X."`
	Outcome string        `help:"reply, handoff, skip or wait."`
	Guard   string        `help:"The guard or check that decided."`
	Cause   string        `help:"Why a person got it, such as not-in-facts."`
	Thread  string        `help:"ID of a thread."`
	JSON    bool          `name:"json" help:"One JSON object a line, for machines."`
	N       int           `short:"n" default:"50" help:"Most decisions of the past that are shown."`
}

// Run prints what the bot decided, the newest last. It reads what bots of the same
// BOT_MODE wrote: dry runs keep a log of their own.
func (c *logCmd) Run(ctx context.Context, p *process) error {
	filter, err := c.filter(time.Now())
	if err != nil {
		return err
	}
	cfg, store, err := openModeStore(ctx, p)
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }() // nothing is under way
	show := c.printer(p.stdout, cfg.Location())
	past, last, err := pastEntries(ctx, store, filter, c.N)
	if err != nil {
		return err
	}
	for _, e := range slices.Backward(past) {
		show(e)
	}
	if last == "" {
		fmt.Fprintf(p.stderr, "no decisions are kept of BOT_MODE=%s; a dry run and a live bot keep logs of their own\n", cfg.Mode)
	}
	if !c.Follow {
		return nil
	}
	return followEntries(ctx, store, last, p.stderr, func(e history.Entry) {
		if filter.Match(&e) {
			show(e)
		}
	})
}

// filter is what the flags ask for. Its error is a *configError.
func (c *logCmd) filter(now time.Time) (history.Filter, error) {
	var problems []string
	outcomes := []string{string(bot.Reply), string(bot.Handoff), string(bot.Skip), string(bot.Wait)}
	if c.Outcome != "" && !slices.Contains(outcomes, c.Outcome) {
		problems = append(problems, "--outcome: "+notOneOf(c.Outcome, outcomes...))
	}
	var causes []string
	for _, cause := range bot.Causes {
		causes = append(causes, string(cause))
	}
	if c.Cause != "" && !slices.Contains(causes, c.Cause) {
		problems = append(problems, "--cause: "+notOneOf(c.Cause, causes...))
	}
	if c.N < 0 || c.Since < 0 {
		problems = append(problems, "--since and -n: write a number above 0")
	}
	f := history.Filter{
		Person: c.Person, Outcome: bot.Action(c.Outcome), Guard: c.Guard, Cause: bot.Cause(c.Cause), Thread: c.Thread,
	}
	if c.Since > 0 {
		f.From = now.Add(-c.Since)
	}
	return f, newConfigError(problems)
}

// clocks is how far the API's clock and Redis's may be apart.
const clocks = time.Hour

// pastEntries reads backwards until it has n entries that match, the newest first.
// last is the ID to follow from, "" when nothing is kept at all.
func pastEntries(ctx context.Context, store *redisstore.Store, f history.Filter, n int) (found []history.Entry, last string, err error) {
	for before := ""; ; {
		page, err := store.LogBefore(ctx, before, 500)
		if err != nil || len(page) == 0 {
			return found, last, err
		}
		if last == "" {
			last = page[0].ID
		}
		for _, e := range page {
			if len(found) >= n || e.Outcome != "" && e.At.Before(f.From.Add(-clocks)) {
				return found, last, nil
			}
			if e.Outcome != "" && f.Match(&e) {
				found = append(found, e)
			}
		}
		before = page[len(page)-1].ID
	}
}

const logEvery = 500 * time.Millisecond

// followEntries hands every decision after last to show until ctx ends, those
// made up to then included. While the store is away it waits, and says so once.
func followEntries(ctx context.Context, store *redisstore.Store, last string, complain io.Writer, show func(history.Entry)) error {
	const page = 500
	reading := context.WithoutCancel(ctx)
	for ended, away := false, false; ; {
		once, cancel := context.WithTimeout(reading, 3*time.Second)
		entries, err := store.LogAfter(once, last, page)
		cancel()
		if err != nil && !away {
			fmt.Fprintln(complain, "waiting for Redis:", err)
		}
		away = err != nil
		for _, e := range entries {
			if last = e.ID; e.Outcome != "" {
				show(e)
			}
		}
		switch {
		case len(entries) == page:
			continue
		case ended:
			return nil
		}
		select {
		case <-ctx.Done():
			ended = true
		case <-time.After(logEvery):
		}
	}
}

// printer prints entries as people or machines read them.
func (c *logCmd) printer(w io.Writer, zone *time.Location) func(history.Entry) {
	if c.JSON {
		enc := json.NewEncoder(w)
		return func(e history.Entry) { _ = enc.Encode(e) } // nobody reads any more
	}
	return func(e history.Entry) { _, _ = io.WriteString(w, entryLines(e, zone)) }
}

// entryLines is one decision in two lines, and a reply in as many as it has.
func entryLines(e history.Entry, zone *time.Location) string {
	var b strings.Builder
	asked := clip(e.Asked, 80)
	if asked == "" {
		asked = "(no text)"
	}
	fmt.Fprintf(&b, "%s %-8s @%-15s %s\n", e.At.In(zone).Format("Jan _2 15:04:05"), outcomeWords[e.Outcome], clip(e.Prospect, 30), asked)
	var facts []string
	if e.Cause != "" {
		facts = append(facts, clip(string(e.Cause), 30))
	}
	if e.Outcome == bot.Reply {
		facts = append(facts, "after "+short(time.Duration(e.WaitedMS)*time.Millisecond))
	}
	if n := e.Tokens.Total(); n > 0 {
		facts = append(facts, fmt.Sprintf("%d tokens", n))
	}
	if e.Mode != "live" {
		facts = append(facts, clip(e.Mode, 20))
	}
	told := ""
	if len(facts) > 0 {
		told = " (" + strings.Join(facts, ", ") + ")"
	}
	fmt.Fprintf(&b, "%25s%s: %s%s\n", "", clip(e.Guard, 60), clip(e.Reason, 120), told)
	for line := range strings.Lines(e.Reply) {
		fmt.Fprintf(&b, "%25s> %s\n", "", clip(line, 300))
	}
	return b.String()
}

// short is d as people say it: to the second, to the minute past an hour.
func short(d time.Duration) string {
	if d >= time.Hour {
		return strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
	}
	return d.Round(time.Second).String()
}
