package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"inboxbot/bot/redisstore"
	"inboxbot/inboxapi"
)

type forgetCmd struct {
	Username string `arg:"" optional:"" help:"On X, with or without @."`
	ID       string `name:"id" help:"The ID on X, which no renaming changes; with or instead of a username."`
	Yes      bool   `help:"Erase. Without it, only what would be erased is shown."`
}

// Run erases what the bot keeps of a person, and proves it.
func (c *forgetCmd) Run(ctx context.Context, p *process) error {
	who := redisstore.Who{Name: strings.TrimPrefix(strings.TrimSpace(c.Username), "@"), ID: strings.TrimSpace(c.ID)}
	if who.Name == "" && who.ID == "" {
		return newConfigError([]string{"forget: nobody is named: write a username, or --id and an ID on X"})
	}
	cfg, store, err := openModeStore(ctx, p)
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }() // nothing is under way
	if err := askThreads(ctx, cfg, &who); err != nil {
		fmt.Fprintf(p.stderr, "Inbox could not be asked for the threads: what Redis alone knows is looked for: %v\n", err)
	}
	known, err := store.Known(ctx, who)
	if err != nil {
		return err
	}
	describe(p.stdout, known)
	if !c.Yes {
		fmt.Fprintln(p.stdout, "nothing was erased; --yes erases it")
		return nil
	}
	gone, err := store.Forget(ctx, who)
	if errors.Is(err, redisstore.ErrUnderWay) {
		return fmt.Errorf("not everything could be erased: %w", err)
	} else if err != nil {
		return err
	}
	return prove(p.stdout, gone)
}

// askThreads adds what Inbox knows of the person to who: a thread may be in the
// ledger and its decisions not in the log any more. The name counts only while
// the ID on X is the same.
func askThreads(ctx context.Context, cfg Config, who *redisstore.Who) error {
	if who.Name == "" {
		return nil
	}
	client, err := inboxapi.New(inboxapi.Options{BaseURL: cfg.InboxBaseURL, Token: cfg.InboxToken.Reveal(), Retries: -1})
	if err != nil {
		return err
	}
	threads, err := client.LookupThreadsByUsername(ctx, who.Name)
	for _, th := range threads {
		if id := th.Prospect.PlatformID; who.ID == "" || id == who.ID {
			who.ID = id
			who.Threads = append(who.Threads, th.ID)
		}
	}
	return err
}

func describe(w io.Writer, f redisstore.Forgotten) {
	var names []string
	for _, n := range f.Names {
		names = append(names, "@"+clip(n, 30))
	}
	for _, id := range f.IDs {
		names = append(names, "X "+clip(id, 30))
	}
	fmt.Fprintf(w, "%s: %s\n", strings.Join(names, ", "), counted(f))
	if len(f.IDs) > 1 {
		fmt.Fprintln(w, "more than one person had this name: --id names one of them")
	}
}

func counted(f redisstore.Forgotten) string {
	return fmt.Sprintf("%s in the log, %s, %s with a reason, %s of a repeated text, the last messages of %s, in %s",
		someOf(f.Entries, "decision"), someOf(f.Drafts, "draft"), someOf(f.Records, "record"), someOf(f.Echoes, "note"),
		someOf(f.Shelved, "active thread"), someOf(len(f.Threads), "thread"))
}

func someOf(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// prove prints what was erased, what was looked through afterwards, and what it
// still holds. Something left is an error: somebody has to look at it.
func prove(w io.Writer, f redisstore.Forgotten) error {
	fmt.Fprintf(w, "erased: %s\n", counted(f))
	fmt.Fprintf(w, "searched for every name, ID and text of theirs: %s, %s, %d bytes\n",
		someOf(f.Searched.Keys, "key"), someOf(f.Searched.Values, "value"), f.Searched.Bytes)
	if len(f.Threads) > 0 {
		fmt.Fprintf(w, "kept: the records of %s as states, times and IDs, so that no message is answered twice\n", someOf(len(f.Threads), "thread"))
	}
	fmt.Fprintln(w, "not reached: Redis's own files until their next rewrite (BGREWRITEAOF, BGSAVE) and copies of them, the bot's log on stderr, Inbox and X")
	if len(f.Left) == 0 {
		fmt.Fprintln(w, "nothing is left")
		return nil
	}
	const most = 20
	for _, place := range f.Left[:min(most, len(f.Left))] {
		fmt.Fprintf(w, "left: %s %s holds the person's %s\n", clip(place.Key, 100), clip(place.Field, 60), place.What)
	}
	own := slices.ContainsFunc(f.Left, func(p redisstore.Place) bool { return !strings.HasPrefix(p.Key, "log:") && p.Key != "shelf" })
	hint := "what others wrote about them, most likely: forget those people too, or wait for BOT_LEDGER_DAYS, an hour for what is in shelf"
	if own {
		hint = "look at them with redis-cli"
	}
	return fmt.Errorf("something is left in %s: %s", someOf(len(f.Left), "place"), hint)
}
