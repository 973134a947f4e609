package main

import (
	"cmp"
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
	Approve string `help:"Send this draft, named as in the list." placeholder:"DRAFT" xor:"decision"`
	Reject  string `help:"Leave this draft's thread alone." placeholder:"DRAFT" xor:"decision"`
	Handoff string `help:"Give this draft's thread to a person." placeholder:"DRAFT" xor:"decision"`
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

func (c *draftsCmd) decide(ctx context.Context, p *process, cfg Config, store *redisstore.Store, name string, to bot.DraftState) error {
	if n := len(utf16.Encode([]rune(c.Text))); n > cfg.MaxReplyChars {
		return newConfigError([]string{fmt.Sprintf("--text: %d characters are more than BOT_MAX_REPLY_CHARS (%d)", n, cfg.MaxReplyChars)})
	}
	d, err := draftNamed(ctx, store, name)
	if err != nil {
		return err
	}
	words := "" // what is rejected keeps what it has
	if to == bot.DraftApproved {
		words = cmp.Or(c.Text, d.Words()) // also should somebody change them this very moment
	}
	if err := store.DecideDraft(ctx, d.Thread, d.ID, to, words, operator()); err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "%s: the bot goes on with it within seconds, unless the thread has changed meanwhile\n", to)
	return nil
}

// draftName names a draft with its words, so that nobody decides about words that
// they have not read.
func draftName(d bot.Draft) string {
	return d.ID[:min(6, len(d.ID))] + bot.Fingerprint(d.Words())[:6]
}

// draftNamed is the waiting draft with that name.
func draftNamed(ctx context.Context, store *redisstore.Store, name string) (bot.Draft, error) {
	drafts, err := store.WaitingDrafts(ctx, allDrafts)
	if err != nil {
		return bot.Draft{}, err
	}
	i := slices.IndexFunc(drafts, func(d bot.Draft) bool { return draftName(d) == name })
	if i < 0 {
		return bot.Draft{}, fmt.Errorf("no draft %s waits: it has been decided about, withdrawn or changed since it was listed; list again with inboxbot drafts", clip(name, 60))
	}
	return drafts[i], nil
}

// allDrafts is more than people ever let wait.
const allDrafts = 10_000

func listDrafts(ctx context.Context, p *process, store *redisstore.Store) error {
	drafts, err := store.WaitingDrafts(ctx, 100)
	if err != nil {
		return err
	}
	for _, d := range drafts {
		fmt.Fprintf(p.stdout, "%s  @%s in thread %s, until %s\n", draftName(d), clip(d.Prospect, 30), d.Thread, d.Until.UTC().Format(time.DateTime+" UTC"))
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
