package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"inboxbot/bot"
)

type runCmd struct {
	Once  bool `help:"Make one sweep, bring every candidate to its outcome, and exit."`
	Fresh bool `help:"This Redis has never served this team: skip the quarantine that covers sends of an earlier life."`
}

// Run is the bot.
func (c *runCmd) Run(ctx context.Context, p *process) error {
	cfg, gen, err := prepare(ctx, p.environ, needInbox|needReplier)
	if err != nil {
		return err
	}
	attended := func() {}
	if !c.Once && cfg.HTTPAddr != "" {
		attended = attend(ctx, cfg.HTTPAddr)
	}
	w, err := wire(ctx, cfg, gen, p, wiring{fresh: c.Fresh})
	attended()
	switch {
	case errors.Is(err, context.Canceled) && !c.Once:
		return nil // told to stop, and nothing is begun
	case err != nil:
		return err
	}
	defer w.close()
	if err := w.live.begin(ctx, needReplier); err != nil && c.Once {
		return err
	}
	var handled func(bot.Handled)
	if !cfg.Live() {
		handled = newPrinter(p.stdout).dryRun
	}
	b, err := w.newBot(handled)
	if err != nil {
		return err
	}
	w.log.Info("started", "version", version, "team", w.team.ID, "process", w.store.Replica(), "mode", cfg.Mode, "generation", w.live.current().Hash,
		"redis", cfg.RedisURL.Set(), "model", cfg.OpenAIModel)
	if c.Once {
		return oneSweep(ctx, b)
	}
	return serve(ctx, cfg, w, b)
}

// oneSweep is all that run --once does. Threads that the bot may not begin with now have come to no
// outcome: who runs this on a schedule has to hear of it.
func oneSweep(ctx context.Context, b *bot.Bot) error {
	if err := b.Once(ctx); err != nil {
		return err
	}
	switch h := b.Health(); {
	case h.Waiting == 0:
		return nil
	case h.Paused != "":
		return fmt.Errorf("%d threads still wait: %s", h.Waiting, h.Paused)
	case h.Quarantine > 0:
		return fmt.Errorf("%d threads still wait, run again in %s: Redis is new to this team or lost its memory, and nothing is begun until then", h.Waiting, h.Quarantine.Round(time.Second))
	default:
		return fmt.Errorf("%d threads still wait; run again", h.Waiting)
	}
}

// attend answers at addr while there is no bot yet: alive and not ready, for as long
// as Inbox keeps it waiting. The function it returns ends that and leaves addr free.
func attend(ctx context.Context, addr string) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		starting := func() error { return errors.New("starting: Inbox has not answered yet") }
		_ = serveHTTP(ctx, addr, handler(prometheus.NewRegistry(), starting, nil)) // an address that cannot be had, serve tells
	}()
	return func() { cancel(); <-done }
}

// serve runs the bot and its HTTP side until ctx ends, and then for as long as
// what was begun needs, at most BOT_SHUTDOWN_TIMEOUT.
func serve(ctx context.Context, cfg Config, w *parts, b *bot.Bot) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		if !w.live.wait(ctx) {
			return nil // stopped before there was anything to answer by
		}
		return b.Run(ctx)
	})
	group.Go(func() error { return w.live.follow(ctx) })
	if cfg.HTTPAddr != "" {
		pages, follow := w.console(b)
		for _, f := range follow {
			group.Go(func() error { return f(ctx) })
		}
		group.Go(func() error { return serveHTTP(ctx, cfg.HTTPAddr, handler(w.reg, b.Ready, pages)) })
	}
	for _, watch := range w.watchers(b, b.Ready) {
		group.Go(func() error { return watch(ctx) })
	}
	done := make(chan error, 1)
	go func() { done <- group.Wait() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	w.log.Info("stopping: finishing what is begun", "timeout", cfg.ShutdownTimeout.String())
	select {
	case err := <-done:
		return err
	case <-time.After(cfg.ShutdownTimeout):
		return fmt.Errorf("not finished within BOT_SHUTDOWN_TIMEOUT (%s): what was begun is looked up at the next start", cfg.ShutdownTimeout)
	}
}

// prepare reads the configuration and, where they are files, rules and prompts, so
// that everything that is wrong is told at once. Where they come from Redis, gen is
// zero: they can be read when the parts are wired.
func prepare(ctx context.Context, environ []string, n need) (cfg Config, gen loaded, err error) {
	cfg, err = readConfig(ctx, environ, n)
	if cfg.FromRedis() {
		return cfg, gen, err
	}
	if config, ok := errors.AsType[*configError](err); ok && config.about("BOT_RULES", "BOT_PROMPTS") {
		return cfg, gen, err // there is nothing where it should be, which is said once
	}
	src, srcErr := configured(cfg)
	if srcErr == nil {
		gen, srcErr = src.load(cfg)
	}
	if srcErr == nil {
		srcErr = gen.lacks(cfg, n)
	}
	return cfg, gen, joinConfig(err, srcErr)
}

// joinConfig makes one list of two errors' problems.
func joinConfig(errs ...error) error {
	var problems []string
	for _, err := range errs {
		var config *configError
		switch {
		case err == nil:
		case errors.As(err, &config):
			problems = append(problems, config.problems...)
		default:
			problems = append(problems, err.Error())
		}
	}
	return newConfigError(problems)
}
