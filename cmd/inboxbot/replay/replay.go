// Package replay has rules and prompts judge conversations of the past, and a
// candidate beside them, so that their authors know what a change would have
// done. Nothing is ever sent.
//
// Start at Run: it cuts conversations where the prospect had written (cut.go),
// judges and answers the cuts (answer.go), and counts what came of them
// (report.go). ReadFile and ReadInbox are where conversations come from; WriteText
// and WritePage show a Report to people, and its JSON to machines.
package replay

import (
	"context"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"inboxbot/bot"
)

// Corpus is conversations of the past. Their turns are oldest first; what their
// clocks and records say is not used.
type Corpus struct {
	Name  string // where they are from, for people
	Past  []*bot.Conversation
	Notes []string // what was made up or left out, for people
}

// Side is a generation to judge with.
type Side struct {
	Name string // for people
	bot.Generation
	// JudgeAll returns every guard's own answer, whatever the others say.
	JudgeAll func(*bot.Conversation) []bot.Check
}

// Options are what Run goes by, besides the conversations and the generations.
type Options struct {
	Config bot.Config
	Settle time.Duration // how long after the newest message a cut is judged
	// OwnGuards has the bot's own guards decide too, as they would have in the
	// inbox. Without it they are counted apart: they say nothing about the rules.
	OwnGuards bool
	Model     bot.Model                    // nil: nobody is asked for answers
	Prices    Prices                       // of the model
	Progress  func(what string, n, of int) // may be nil; never called twice at a time
}

// Prices are what a model costs, in USD per million tokens. What a server has
// cached is counted as if it had not: the figures are rather too high.
type Prices struct {
	Input  float64 `json:"input"`
	Output float64 `json:"output"`
}

func (p Prices) usd(t bot.Tokens) float64 {
	return (float64(t.Prompt)*p.Input + float64(t.Completion)*p.Output) / 1e6
}

// Run judges every cut of the corpus with current and, unless it is nil, with
// candidate, and has the model answer those that are to be answered. When ctx
// ends it reports what it has until then.
func Run(ctx context.Context, past Corpus, current Side, candidate *Side, o Options) *Report {
	began := time.Now()
	p := &player{Options: o, sides: []Side{current}}
	if candidate != nil {
		p.sides = append(p.sides, *candidate)
	}
	r := newReport(past, p.sides, o)
	cuts := p.cut(past, r)
	p.each(ctx, "judging", runtime.GOMAXPROCS(0), cuts, func(_ context.Context, c *Cut) { p.judge(c) })
	r.JudgedMS = float64(time.Since(began).Microseconds()) / 1000
	if o.Model != nil {
		p.each(ctx, "asking", max(1, o.Config.Concurrency), cuts, p.ask)
	}
	r.Interrupted = ctx.Err() != nil
	r.count(cuts, p.sides, o.Prices)
	return r
}

// player is one run.
type player struct {
	Options
	sides []Side
}

// each does something with every cut, so many at a time, until ctx ends.
func (p *player) each(ctx context.Context, what string, workers int, cuts []*Cut, do func(context.Context, *Cut)) {
	var group errgroup.Group
	group.SetLimit(workers)
	var done atomic.Int64
	for _, c := range cuts {
		if ctx.Err() != nil {
			break
		}
		if p.Progress != nil {
			p.Progress(what, int(done.Load()), len(cuts))
		}
		group.Go(func() error {
			do(ctx, c)
			done.Add(1)
			return nil
		})
	}
	_ = group.Wait() // nothing of it fails
	if p.Progress != nil {
		p.Progress(what, int(done.Load()), len(cuts))
	}
}
