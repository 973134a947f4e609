package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"inboxbot/bot"
	"inboxbot/bot/live"
)

// generations holds the generation in force and lets a new one in when the files
// that rules and prompts come from have changed, have come to rest, and are good
// as a whole. What is broken changes nothing, and refused says what is wrong.
type generations struct {
	cfg   Config
	log   *slog.Logger
	value live.Value[loaded]
	start loaded
}

// newGenerations puts first in force.
func newGenerations(cfg Config, first loaded, log *slog.Logger) *generations {
	g := &generations{cfg: cfg, log: log, start: first}
	_ = g.value.Load(func() (loaded, error) { return first, nil })
	return g
}

// current returns the generation in force. A thread asks once and keeps it.
func (g *generations) current() bot.Generation { return g.value.Get().Generation }

// refused says what is wrong with the files as they are now, nil when what is in
// force was made from them.
func (g *generations) refused() error {
	s := g.value.Status()
	if s.Err == nil {
		return nil
	}
	return fmt.Errorf("rules and prompts were changed and are refused, generation %s stays in force:\n%w", s.Value.Hash, s.Err)
}

// follow follows the files until ctx ends. Built-in ones do not change.
func (g *generations) follow(ctx context.Context) error {
	if g.start.from.hash == "" {
		return nil
	}
	files := live.Files[source]{
		Dirs: directories(g.cfg),
		From: g.start.from.hash,
		Read: func() (source, string) {
			s, _ := configured(g.cfg) // the error is kept in s: load reports it
			return s, s.hash
		},
		Settled: g.settled,
		Deaf: func(err error) {
			g.log.Warn("no notice of changed files: they are looked at once a second instead", "err", err)
		},
	}
	files.Run(ctx)
	return nil
}

// settled tries a new source.
func (g *generations) settled(s source) {
	before := g.current().Hash
	err := g.value.Load(func() (loaded, error) {
		next, err := g.try(s)
		if err == nil && next.Hash == before {
			return loaded{}, live.ErrSame
		}
		return next, err
	})
	switch now := g.current().Hash; {
	case err != nil:
		g.log.Error("generation refused", "generation", before, "problems", problemLines(err))
	case now != before:
		g.log.Info("generation in force", "generation", now, "before", before)
	default:
		g.log.Info("generation restored on disk", "generation", now)
	}
}

// try makes a generation of s, as the start would have: a bot that was started
// without a model does not take rules that reply.
func (g *generations) try(s source) (next loaded, err error) {
	defer func() {
		if p := recover(); p != nil { // unreachable as far as we know: what proves authors' files must not end the bot
			err = fmt.Errorf("proving rules and prompts ended in a panic: %v", p)
		}
	}()
	next, err = s.load(g.cfg)
	if err == nil && next.canReply {
		err = g.cfg.lacks(needModel)
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
		"1 while the rules and prompts on disk are broken and an older generation is in force.", nil, nil)
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
	s := g.value.Status()
	broken := 0.0
	if s.Err != nil {
		broken = 1
	}
	ch <- prometheus.MustNewConstMetric(generationInfo, prometheus.GaugeValue, 1, s.Value.Hash)
	ch <- prometheus.MustNewConstMetric(generationRefused, prometheus.GaugeValue, broken)
	ch <- prometheus.MustNewConstMetric(generationLoaded, prometheus.GaugeValue, float64(s.Loaded.UnixMilli())/1000)
}
