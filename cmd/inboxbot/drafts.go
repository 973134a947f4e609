package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf16"

	"inboxbot/bot"
	"inboxbot/bot/redisstore"
)

type draftsCmd struct {
	Approve string `help:"Send the draft of this thread." placeholder:"THREAD" xor:"decision"`
	Reject  string `help:"Leave this thread alone." placeholder:"THREAD" xor:"decision"`
	Handoff string `help:"Give this thread to a person." placeholder:"THREAD" xor:"decision"`
	Text    string `help:"With --approve: send this instead of the draft."`
}

// Run lists the drafts that wait for approval, or decides about one.
func (c *draftsCmd) Run(ctx context.Context, p *process) error {
	if c.Text != "" && c.Approve == "" {
		return newConfigError([]string{"--text: belongs to --approve"})
	}
	cfg, store, err := openTeamStore(ctx, p)
	if err != nil {
		return err
	}
	defer store.Close()
	switch {
	case c.Approve != "":
		return c.decide(ctx, p, cfg, store, c.Approve, bot.DraftApproved)
	case c.Reject != "":
		return c.decide(ctx, p, cfg, store, c.Reject, bot.DraftRejected)
	case c.Handoff != "":
		return c.decide(ctx, p, cfg, store, c.Handoff, bot.DraftHandoff)
	}
	return listDrafts(ctx, p, store)
}

func (c *draftsCmd) decide(ctx context.Context, p *process, cfg Config, store *redisstore.Store, thread string, to bot.DraftState) error {
	if n := len(utf16.Encode([]rune(c.Text))); n > cfg.MaxReplyChars {
		return newConfigError([]string{fmt.Sprintf("--text: %d characters are more than BOT_MAX_REPLY_CHARS (%d)", n, cfg.MaxReplyChars)})
	}
	d, err := store.Draft(ctx, thread)
	if err != nil {
		return err
	}
	if d.ID == "" {
		return fmt.Errorf("no draft waits in thread %s", clip(thread, 60))
	}
	if err := store.DecideDraft(ctx, thread, d.ID, to, c.Text, operator()); err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "%s: the bot goes on with it within seconds, unless the thread has changed meanwhile\n", to)
	return nil
}

func listDrafts(ctx context.Context, p *process, store *redisstore.Store) error {
	drafts, err := store.WaitingDrafts(ctx, 100)
	if err != nil {
		return err
	}
	for _, d := range drafts {
		fmt.Fprintf(p.stdout, "%s  @%s, until %s\n", d.Thread, clip(d.Prospect, 30), d.Until.UTC().Format(time.DateTime+" UTC"))
		for line := range strings.Lines(d.Asked) {
			fmt.Fprintf(p.stdout, "  < %s\n", clip(line, 300))
		}
		for _, line := range slices.Collect(strings.Lines(d.Words())) {
			fmt.Fprintf(p.stdout, "  > %s\n", clip(line, 300))
		}
	}
	if len(drafts) == 0 {
		fmt.Fprintln(p.stdout, "no draft waits for approval")
	}
	return nil
}
