package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"inboxbot/bot"
	"inboxbot/bot/live"
	"inboxbot/bot/redisstore"
)

// origin is where rules and prompts come from.
type origin interface {
	// read returns them as they are now, be they good, broken or missing. Its
	// error says that they could not be asked for at all.
	read(ctx context.Context) (source, error)
	// follow tells settled of every source that differs from the one before, the
	// first of which has the hash from, and once more of one that settled returns an
	// error for. It blocks until ctx ends.
	follow(ctx context.Context, from string, settled func(source) error)
	// takeBack has every process that follows this origin answer by what stays in
	// force here, in place of refused, which fails on conversations that only this
	// process has read.
	takeBack(ctx context.Context, refused source, stays loaded, why error) error
}

// originOf is the origin that cfg names.
func originOf(cfg Config, store *redisstore.Store, log *slog.Logger) origin {
	if cfg.FromRedis() {
		return published{store, log}
	}
	return files{cfg, log}
}

// generations holds the generation in force and lets a new one in when what rules
// and prompts come from has changed and is good as a whole. What is broken changes
// nothing, and refused says what is wrong.
type generations struct {
	cfg    Config
	log    *slog.Logger
	origin origin
	value  live.Value[loaded]
	tried  string        // hash of the source that was tried last
	begun  chan struct{} // closed when there is a generation in force
	begins sync.Once
	recent atomic.Pointer[func() []*bot.Conversation] // what a new generation is tried on

	takenBack atomic.Pointer[error] // that of the source that was tried last
}

// newGenerations puts first in force, unless it is zero.
func newGenerations(cfg Config, from origin, first loaded, log *slog.Logger) *generations {
	g := &generations{cfg: cfg, log: log, origin: from, tried: first.from.hash, begun: make(chan struct{})}
	if first.Guards != nil {
		_ = g.value.Load(func() (loaded, error) { return first, nil })
		g.begins.Do(func() { close(g.begun) })
	}
	return g
}

// begin puts in force what the origin has now, unless there is a generation
// already. Its error says why there is none.
func (g *generations) begin(ctx context.Context, n need) error {
	if g.current().Guards != nil {
		return nil
	}
	s, err := g.origin.read(ctx)
	if err != nil {
		g.log.Error("rules and prompts cannot be read", "err", err)
		return g.value.Load(func() (loaded, error) { return loaded{}, err })
	}
	return g.settle(s, n)
}

// wait blocks until there is a generation in force, and reports whether that came
// before ctx ended.
func (g *generations) wait(ctx context.Context) bool {
	select {
	case <-g.begun:
		return true
	case <-ctx.Done():
		return false
	}
}

// current returns the generation in force, the zero one before there is one. A
// thread asks once and keeps it.
func (g *generations) current() bot.Generation { return g.value.Get().Generation }

// status is how things stand. Its Err is also of rules and prompts that a process
// took back, although what is in force here is the newest again.
func (g *generations) status() live.Status[loaded] {
	s := g.value.Status()
	if taken := g.takenBack.Load(); s.Err == nil && taken != nil {
		s.Err = *taken
	}
	return s
}

// refused says what is wrong with rules and prompts as they are now, nil when what
// is in force was made from them.
func (g *generations) refused() error {
	switch s := g.status(); {
	case s.Err == nil && s.Loaded.IsZero():
		return errors.New("rules and prompts have not been read yet")
	case s.Err == nil:
		return nil
	case s.Loaded.IsZero():
		return fmt.Errorf("there are no rules and prompts to answer by:\n%w", s.Err)
	default:
		return fmt.Errorf("rules and prompts were changed and are refused, generation %s stays in force:\n%w", s.Value.Hash, s.Err)
	}
}

// follow keeps up with the origin until ctx ends.
func (g *generations) follow(ctx context.Context) error {
	g.origin.follow(ctx, g.tried, func(s source) error {
		err := g.settle(s, needReplier)
		if why, ok := errors.AsType[unfit](err); ok {
			return g.origin.takeBack(ctx, s, g.value.Get(), why)
		}
		return nil
	})
	return nil
}

// settle tries a source and returns why it is not in force. That is logged once,
// also where the same source is tried again.
func (g *generations) settle(s source, n need) error {
	before, again := g.current().Hash, s.hash == g.tried
	g.tried = s.hash
	err := g.value.Load(func() (loaded, error) {
		next, err := g.try(s, n)
		if err == nil && next.Hash == before {
			return loaded{}, live.ErrSame
		}
		return next, err
	})
	g.takenBack.Store(&s.takenBack)
	switch now := g.current().Hash; {
	case err != nil && again:
		return err
	case err != nil:
		g.log.Error("generation refused", "generation", before, "problems", problemLines(err))
		return err
	case now != before:
		g.log.Info("generation in force", "generation", now, "before", before)
	default:
		g.log.Info("generation restored", "generation", now)
	}
	if s.takenBack != nil {
		g.log.Error("generation taken back", "generation", s.published, "err", s.takenBack)
	}
	g.begins.Do(func() { close(g.begun) })
	return nil
}

// unfit is the error of a generation that is good as such and fails on conversations
// this process has read.
type unfit struct{ error }

// Unwrap is for errors.As.
func (u unfit) Unwrap() error { return u.error }

// try makes a generation of s, as the start would have: a bot that was started
// without a model does not take rules that reply.
func (g *generations) try(s source, n need) (next loaded, err error) {
	defer func() {
		if p := recover(); p != nil { // unreachable as far as we know: what proves authors' files must not end the bot
			err = fmt.Errorf("proving rules and prompts ended in a panic: %v", p)
		}
	}()
	next, err = s.load(g.cfg)
	if err == nil {
		err = next.lacks(g.cfg, n)
	}
	if err == nil && !s.back {
		if err = next.tryOn(g.lately()); err != nil {
			err = unfit{err}
		}
	}
	return next, err
}

// problemLines returns a log line's worth of problems, one each.
func problemLines(err error) []string {
	const most = 50
	lines := strings.Split(err.Error(), "\n")
	if rest := len(lines) - most; rest > 0 {
		lines = append(lines[:most], fmt.Sprintf("and %d more", rest))
	}
	return lines
}

var (
	generationInfo = prometheus.NewDesc("inboxbot_generation_info",
		"1 for the generation of rules and prompts in force.", []string{"hash"}, nil)
	generationRefused = prometheus.NewDesc("inboxbot_generation_refused",
		"1 while the newest rules and prompts are broken or were taken back, or there are none, so that an older generation is in force or none.", nil, nil)
	generationLoaded = prometheus.NewDesc("inboxbot_generation_loaded_timestamp_seconds",
		"When the generation in force was loaded.", nil, nil)
)

// Describe implements prometheus.Collector.
func (g *generations) Describe(ch chan<- *prometheus.Desc) {
	ch <- generationInfo
	ch <- generationRefused
	ch <- generationLoaded
}

// Collect implements prometheus.Collector. All it tells is of one instant.
func (g *generations) Collect(ch chan<- prometheus.Metric) {
	s := g.status()
	broken := 0.0
	if s.Err != nil {
		broken = 1
	}
	ch <- prometheus.MustNewConstMetric(generationRefused, prometheus.GaugeValue, broken)
	if s.Loaded.IsZero() {
		return
	}
	ch <- prometheus.MustNewConstMetric(generationInfo, prometheus.GaugeValue, 1, s.Value.Hash)
	ch <- prometheus.MustNewConstMetric(generationLoaded, prometheus.GaugeValue, float64(s.Loaded.UnixMilli())/1000)
}
