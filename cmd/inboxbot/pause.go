package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os/user"
	"strings"

	"inboxbot/bot/redisstore"
)

// teamFlag lets a bot be stopped while Inbox, which says whose token it is, is away
// or answers nobody because the team's requests are used up.
type teamFlag struct {
	Team string `placeholder:"ID" help:"The team's ID, as in the bot's log line \"started\": then Inbox is not asked for it."`
}

// open opens the Redis of the team. The caller closes it.
func (f teamFlag) open(ctx context.Context, p *process) (*redisstore.Store, error) {
	n := needInbox
	if f.Team != "" {
		n = 0
	}
	cfg, err := readConfig(ctx, p.environ, n)
	if err != nil {
		return nil, err
	}
	store, err := openRedis(ctx, cfg, f.Team, "")
	if errors.Is(err, errNoTeam) {
		return nil, fmt.Errorf("%w; with --team ID it is not asked", err)
	} else if err != nil {
		return nil, err
	}
	if decided, err := store.LogBefore(ctx, "", 1); f.Team != "" && err == nil && len(decided) == 0 {
		fmt.Fprintf(p.stderr, "note: no bot that sends has decided anything for team %s in this Redis: is the ID right?\n", clip(f.Team, 60))
	}
	return store, nil
}

type pauseCmd struct {
	teamFlag
	Reason []string `arg:"" optional:"" help:"Why, for the team, in as many words as it takes."`
}

// Run stops every process of the bot within two seconds, until resume, also over
// restarts.
func (c *pauseCmd) Run(ctx context.Context, p *process) error {
	store, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer store.Close()
	reason := cmp.Or(strings.Join(c.Reason, " "), "no reason given")
	if err := store.SetPaused(ctx, clip(reason, 200), operator()); err != nil {
		return err
	}
	fmt.Fprintln(p.stdout, "paused: nothing is sent until inboxbot resume; what is begun finishes")
	return nil
}

type resumeCmd struct{ teamFlag }

// Run takes pause back.
func (c *resumeCmd) Run(ctx context.Context, p *process) error {
	store, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer store.Close()
	if err := store.Resume(ctx); err != nil {
		return err
	}
	fmt.Fprintln(p.stdout, "resumed")
	return nil
}

// operator is the name of who runs this command, for the team to read.
func operator() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return clip(u.Username, 60)
	}
	return "somebody"
}

// openTeamStore opens the Redis that the running bot uses, for a command that
// talks to it. The caller closes it.
func openTeamStore(ctx context.Context, p *process) (Config, *redisstore.Store, error) {
	cfg, err := readConfig(ctx, p.environ, needInbox)
	if err != nil {
		return cfg, nil, err
	}
	store, err := openRedis(ctx, cfg, "", "")
	return cfg, store, err
}

// openModeStore is openTeamStore for what bots of this BOT_MODE keep apart.
func openModeStore(ctx context.Context, p *process) (Config, *redisstore.Store, error) {
	cfg, err := readConfig(ctx, p.environ, needInbox)
	if err != nil {
		return cfg, nil, err
	}
	store, err := openRedis(ctx, cfg, "", cfg.namespace())
	return cfg, store, err
}

// errNoTeam says that Inbox does not tell whose token it is.
var errNoTeam = errors.New("inbox")

// openRedis opens the Redis that cfg names, as the team's, whose ID Inbox is asked
// for when it is "". The caller closes it.
func openRedis(ctx context.Context, cfg Config, team, namespace string) (*redisstore.Store, error) {
	if !cfg.RedisURL.Set() {
		return nil, newConfigError([]string{"REDIS_URL: not set: set it to the Redis of the bot, through which this command reaches it; a bot without one is out of reach and can only be stopped"})
	}
	if team == "" {
		_, asked, err := askInbox(ctx, cfg)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errNoTeam, err)
		}
		team = asked.ID
	}
	store, err := redisstore.Open(ctx, redisstore.Options{URL: cfg.RedisURL.Reveal(), Team: team, Namespace: namespace, Lease: cfg.Lease()})
	if err != nil {
		return nil, fmt.Errorf("REDIS_URL: %w", err)
	}
	return store, nil
}
