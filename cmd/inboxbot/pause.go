package main

import (
	"context"
	"fmt"
	"os/user"

	"inboxbot/bot/redisstore"
)

type pauseCmd struct {
	Reason string `arg:"" optional:"" help:"Why, for the team." default:"no reason given"`
}

// Run stops every process of the bot within two seconds, until resume, also over
// restarts.
func (c *pauseCmd) Run(ctx context.Context, p *process) error {
	_, store, err := openTeamStore(ctx, p)
	if err != nil {
		return err
	}
	defer store.Close()
	if err := store.SetPaused(ctx, clip(c.Reason, 200), operator()); err != nil {
		return err
	}
	fmt.Fprintln(p.stdout, "paused: nothing is sent until inboxbot resume; what is begun finishes")
	return nil
}

type resumeCmd struct{}

// Run takes pause back.
func (resumeCmd) Run(ctx context.Context, p *process) error {
	_, store, err := openTeamStore(ctx, p)
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
	store, err := teamStore(ctx, cfg)
	return cfg, store, err
}

// teamStore opens the Redis that cfg names, as the team's. The caller closes it.
func teamStore(ctx context.Context, cfg Config) (*redisstore.Store, error) {
	return openNamespace(ctx, cfg, "")
}

func openNamespace(ctx context.Context, cfg Config, namespace string) (*redisstore.Store, error) {
	if !cfg.RedisURL.Set() {
		return nil, newConfigError([]string{"REDIS_URL: not set: set it to the Redis of the bot, through which this command reaches it; a bot without one is out of reach and can only be stopped"})
	}
	team, err := askInbox(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("inbox: %w", err)
	}
	store, err := redisstore.Open(ctx, redisstore.Options{
		URL: cfg.RedisURL.Reveal(), Team: team.ID, Namespace: namespace, Lease: cfg.Lease(),
	})
	if err != nil {
		return nil, fmt.Errorf("REDIS_URL: %w", err)
	}
	return store, nil
}

// openTeam opens the Redis that a running bot of the same environment uses, and
// the part of it that bots of this BOT_MODE use. The caller closes it.
func openTeam(ctx context.Context, p *process) (Config, *redisstore.Store, error) {
	cfg, err := readConfig(ctx, p.environ, needInbox)
	if err != nil {
		return cfg, nil, err
	}
	store, err := openNamespace(ctx, cfg, cfg.namespace())
	return cfg, store, err
}
