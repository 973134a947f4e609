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
	store, err := teamStore(ctx, p)
	if err != nil {
		return err
	}
	by := "somebody"
	if u, err := user.Current(); err == nil && u.Username != "" {
		by = u.Username
	}
	if err := store.SetPaused(ctx, clip(c.Reason, 200), clip(by, 60)); err != nil {
		return err
	}
	fmt.Fprintln(p.stdout, "paused: nothing is sent until inboxbot resume; what is begun finishes")
	return nil
}

type resumeCmd struct{}

// Run takes pause back.
func (resumeCmd) Run(ctx context.Context, p *process) error {
	store, err := teamStore(ctx, p)
	if err != nil {
		return err
	}
	if err := store.Resume(ctx); err != nil {
		return err
	}
	fmt.Fprintln(p.stdout, "resumed")
	return nil
}

// teamStore opens the Redis that the running bot uses.
func teamStore(ctx context.Context, p *process) (*redisstore.Store, error) {
	_, store, err := openTeam(ctx, p)
	return store, err
}

// openTeam opens the Redis that a running bot of the same environment uses, and
// the part of it that bots of this BOT_MODE use.
func openTeam(ctx context.Context, p *process) (Config, *redisstore.Store, error) {
	cfg, err := readConfig(ctx, p.environ, needInbox)
	if err != nil {
		return cfg, nil, err
	}
	if !cfg.RedisURL.Set() {
		return cfg, nil, newConfigError([]string{"REDIS_URL: not set: a bot with an embedded store cannot be reached from here; stop its process instead"})
	}
	team, err := askInbox(ctx, cfg)
	if err != nil {
		return cfg, nil, fmt.Errorf("inbox: %w", err)
	}
	store, err := redisstore.Open(ctx, redisstore.Options{
		URL: cfg.RedisURL.Reveal(), Team: team.ID, Namespace: cfg.namespace(), Lease: cfg.Lease(),
	})
	if err != nil {
		return cfg, nil, fmt.Errorf("REDIS_URL: %w", err)
	}
	return cfg, store, nil
}
