// Package bot answers the threads of an inbox that wait for us, and hands to a
// person what a person should answer.
//
// Read handle.go first: it takes one thread through every station, in order.
// The stations are files, named for what they produce:
//
//	poll.go          which threads wait for us, and what is due again
//	conversation.go  the thread, its messages and its people, frozen
//	author.go        who wrote a message
//	verdict.go       every guard's answer; the bot's own safety guards come first
//	loop.go          one of those: two machines that answer each other
//	hidden.go        another: who may stand behind a reply that the store forgot
//	behind.go        and behind what a campaign sent to many
//	foreign.go       whether somebody else answers the same threads
//	claim.go         the right to act on a thread alone
//	prompt.go        what goes to the model
//	completion.go    what came back, read as a decision
//	budget.go        what that cost, and what it may
//	outcome.go       reply, handoff, skip or wait
//	look.go          whether the thread is still as it was judged
//	draft.go         a draft that waits for a person's approval
//	shadow.go        what the bot would have done beside what people did
//	effect.go        the API calls that carry an outcome out, at most once
//	handover.go      those of a handoff: the tag, the note, a word to the prospect
//	reconcile.go     what became of a send whose answer was lost
//	purpose.go       which of these a request is for
//	ledger.go        what was intended and how it ended
//	report.go        what is told of it: a log line, metrics, whoever listens
//	explain.go       the same stations up to the outcome, printed instead of done
//
// Beside them, work.go holds the candidates of this process, directory.go the
// team's lists, kept.go and shelf.go what was last read of active threads; status.go
// says whether the bot does its work.
//
// A record of a thread moves like this; the names are the States of ledger.go:
//
//	            claim           begin               201, or seen in the thread
//	(none) ──────────► claimed ───────► intent ─────────────────────► sent
//	  ▲  ▲                │               │ certainly not sent
//	  │  └──── retry ◄────┼───────────────┤
//	  │                   │ a person      │ in doubt and not to be seen
//	  │                   ▼               ▼
//	 waiting            handing ◄─────────┘ ──tag there──► handoff
//
// One POST at most leaves between begin and the end of an intent, whoever
// crashes: nothing ever sends for a message whose intent exists.
package bot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"inboxbot/bot/draftcheck"
	"inboxbot/inboxapi"
)

// Inbox is what the bot asks of the Inbox API, station by station.
// *inboxapi.Client is one.
type Inbox interface {
	Threads
	Messages
	Directory
	Sender
	Handover
}

// Generation is one version of rules and prompts. A thread is handled with one
// generation from its verdict to its end.
type Generation struct {
	Hash        string // of everything it was made from
	Guards      Guards
	Prompter    Prompter
	HandoffTags []string // every tag its guards hand over with
	// DraftChecks says what follows from the bot's own checks of a draft, by their
	// names in package draftcheck; one that is missing is on.
	DraftChecks map[string]draftcheck.Mode
	Approves    bool // whether a guard of its has drafts approved by people
	// Farewell chooses and words what the prospect is told when o hands c over: the
	// name and the text of a message, both "" for none. nil: never any.
	Farewell func(c *Conversation, o Outcome, guard string) (name, text string, err error)
}

// Deps is what a Bot cannot do without.
type Deps struct {
	Inbox      Inbox
	Claims     Claims
	Ledger     Ledger
	Model      Model             // may be nil when no guard can reply; a reply is then handed over
	Generation func() Generation // the one in force
	Team       inboxapi.Team     // whose inbox it is
	Logger     *slog.Logger
	Metrics    *Metrics // nil: counted nowhere

	// Refused says why what people last wrote is not the generation in force; the
	// bot is not ready then. nil: that cannot be.
	Refused func() error

	// The rest is for several processes on one store; nil means alone.
	Leader Leader
	Switch Switch
	Memory Memory // nil: the store forgets nothing
	Drafts Drafts // nil: nothing waits for approval
	Purse  Purse
	Echoes Echoes
	Behind Behind // nil: what was looked behind is kept in memory alone
	Shelf  Shelf  // nil: what was read of a thread is kept in memory alone
	// Reserve takes the request that a send will need out of the team's quota,
	// before the look: so that the look is not too old by the time the send is
	// admitted. It blocks until there is one, or ctx ends, and reports whether
	// requests are short. What was reserved and not used serves the next. nil:
	// sends are not held back.
	Reserve func(ctx context.Context) (short bool, err error)

	// Trace begins what a tracing system shows of a thread that is about to be read:
	// all that follows gets its context. end is called once, with what came of it: all
	// of a Handled that is nobody's words or name. nil: nothing is traced.
	Trace func(ctx context.Context, thread string) (_ context.Context, end func(Handled))
	// Handled is told of every handled thread, after its log line. nil: nobody.
	Handled func(Handled)
	// Now is the API's clock. nil: time.Now.
	Now func() time.Time
}

// Config tunes a Bot. The zero value is a dry run with the defaults named here.
type Config struct {
	Live           bool          // carry outcomes out; false only logs them
	Approve        bool          // every reply waits for a person's approval first; nothing else is sent
	Shadow         bool          // not Live: keep what would be done, and compare it with what people do
	DraftTTL       time.Duration // how long a draft waits for approval before a person gets the thread, default 24h
	Every          time.Duration // shortest time between sweeps, default 5s
	EveryMax       time.Duration // longest, when nothing happens, default 60s
	Concurrency    int           // threads in work at once, default 8
	ModelTimeout   time.Duration // for one model call, default 45s
	ModelPatience  time.Duration // a model outage longer than this hands threads over, default 10m
	Settle         time.Duration // quiet time before an answer, default 15s; negative: none
	SettleMax      time.Duration // bound of Settle, from the oldest unanswered message, default 60s
	TakeoverPause  time.Duration // silence after a person wrote, default 24h
	MaxAge         time.Duration // messages older than this when first seen are left alone, default 24h
	AnswerRequests bool
	MaxReplies     int           // per thread and 24 h, default 25
	MaxReplyChars  int           // UTF-16 units of a reply, default and most 10,000
	HandoffTag     string        // default needs-human
	Send           time.Duration // deadline of one POST, default 10s
	Visible        time.Duration // how long a POST may take to become visible, default 30s
	FollowUp       time.Duration // a replied thread is looked at again after this: a message may have come while the reply was on its way; default 2m
	QuotaShare     float64       // of the team's requests a day, for polling; default 0.5

	Prices Prices
	Budget Budget
	Zone   *time.Location // where a day of the budget begins, default UTC
}

func (c Config) withDefaults() Config {
	set := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	set(&c.Every, 5*time.Second)
	set(&c.EveryMax, 60*time.Second)
	set(&c.ModelTimeout, 45*time.Second)
	set(&c.ModelPatience, 10*time.Minute)
	set(&c.Settle, 15*time.Second)
	set(&c.SettleMax, 60*time.Second)
	set(&c.TakeoverPause, 24*time.Hour)
	set(&c.MaxAge, 24*time.Hour)
	set(&c.DraftTTL, 24*time.Hour)
	set(&c.Send, 10*time.Second)
	set(&c.Visible, 30*time.Second)
	set(&c.FollowUp, 2*time.Minute)
	if c.Concurrency <= 0 {
		c.Concurrency = 8
	}
	if c.MaxReplies <= 0 {
		c.MaxReplies = 25
	}
	if c.HandoffTag == "" {
		c.HandoffTag = "needs-human"
	}
	if c.QuotaShare <= 0 {
		c.QuotaShare = 0.5
	}
	if c.Zone == nil {
		c.Zone = time.UTC
	}
	c.EveryMax = max(c.EveryMax, c.Every)
	return c
}

// Bot brings every thread that waits for us to its outcome.
type Bot struct {
	Deps
	cfg Config

	dir   *directory
	pages *pages
	work  *work
	model *modelHealth
	said  *said
	state status
	began time.Time // on the API's clock
	slots chan struct{}

	account account
	recent  recent
	kept    *kept
	atStart startLook

	background sync.WaitGroup // typing signals and the like
}

// New returns a bot that has done nothing yet.
func New(d Deps, cfg Config) (*Bot, error) {
	switch {
	case d.Inbox == nil, d.Claims == nil, d.Ledger == nil, d.Generation == nil:
		return nil, errors.New("bot: Inbox, Claims, Ledger and Generation are required")
	}
	if d.Logger == nil {
		d.Logger = slog.New(slog.DiscardHandler)
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Metrics == nil {
		d.Metrics = NewMetrics(nil)
	}
	cfg = cfg.withDefaults()
	b := &Bot{
		Deps:  d,
		cfg:   cfg,
		dir:   newDirectory(d.Inbox, d.Team),
		pages: newPages(),
		kept:  newKept(),
		work:  newWork(),
		model: &modelHealth{},
		said:  newSaid(),
		began: d.Now(),
		slots: make(chan struct{}, cfg.Concurrency),
	}
	b.dir.now = d.Now
	d.Metrics.watch(b)
	return b, nil
}

// Run sweeps the inbox until ctx ends, then lets begun effects finish and
// returns nil. It returns an error only when the bot cannot start: the team
// behind the token could not be learned for a reason that will not pass.
func (b *Bot) Run(ctx context.Context) error {
	var workers sync.WaitGroup
	defer b.background.Wait()
	defer workers.Wait()
	polls := b.newRhythm()
	for {
		b.lookAround(ctx, polls)
		b.start(ctx, &workers)
		select {
		case <-ctx.Done():
			return nil
		case <-b.work.woken():
		case <-time.After(b.untilNext(polls, len(b.slots) < cap(b.slots))):
		}
	}
}

// Once makes one sweep and brings every candidate to its outcome: work that is
// in doubt is seen through to its end. It returns the first error that kept a
// thread from its outcome.
func (b *Bot) Once(ctx context.Context) error {
	defer b.background.Wait()
	b.remember(ctx)
	if err := b.sweep(ctx); err != nil {
		return fmt.Errorf("sweep: %w", err)
	}
	b.lookForForeign(ctx)
	b.collectDue(ctx)
	var workers sync.WaitGroup
	defer workers.Wait()
	for {
		b.start(ctx, &workers)
		left := b.work.unsettled()
		if left == 0 {
			return errors.Join(b.work.failures()...)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-b.work.woken():
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// start gives due candidates to free workers, the longest waiting first.
func (b *Bot) start(ctx context.Context, workers *sync.WaitGroup) {
	for ctx.Err() == nil && len(b.slots) < cap(b.slots) && !b.state.isRefused() {
		c := b.work.next(time.Now())
		if c == nil {
			return
		}
		b.slots <- struct{}{}
		workers.Go(func() {
			defer func() { <-b.slots; b.work.wake() }()
			b.work.done(c, b.handle(ctx, c))
		})
	}
}

// untilNext is how long nothing can be due for, or be begun.
func (b *Bot) untilNext(polls *rhythm, free bool) time.Duration {
	if !free || b.state.isRefused() {
		return max(10*time.Millisecond, time.Until(polls.due))
	}
	return max(10*time.Millisecond, min(time.Until(polls.due), b.work.untilDue(time.Now())))
}

// lookAround sweeps when it is time to, and asks the ledger what is due again.
func (b *Bot) lookAround(ctx context.Context, polls *rhythm) {
	if now := time.Now(); !now.Before(polls.due) {
		polls.due = now.Add(time.Second)
		polls.lead = !polls.yields(now) && b.leads(ctx)
		b.paused(ctx)
		b.remember(ctx)
		b.collectDue(ctx)
	}
	if now := time.Now(); !polls.lead && polls.failing.IsZero() || now.Before(polls.next) || now.Before(polls.busy) && b.work.atHand() > b.cfg.Concurrency {
		return
	}
	before := b.work.arrivals()
	asked := b.pages.polled.Load()
	err := b.sweep(ctx)
	if now := time.Now(); err == nil && !now.Before(polls.side) {
		polls.side = now.Add(deepEvery)
		err = b.glance(ctx)
	}
	if err != nil && ctx.Err() == nil {
		b.complain("inbox", err)
	}
	b.state.swept(err)
	if err == nil {
		b.lookForForeign(ctx)
	}
	polls.after(b.work.arrivals() > before, err, time.Now())
	polls.pay(b.pages.polled.Load()-asked, time.Now())
	if b.work.atHand() > backlog*b.cfg.Concurrency {
		polls.busy = time.Now().Add(backlogPause)
	}
}

// While more work is at hand than the workers can begin, looking for more of it
// only takes requests away from answering. Once they can begin all of it, it is
// looked for again: other processes may have done the rest.
const (
	backlog      = 4 // threads per worker
	backlogPause = time.Minute
)

// rhythm is when to look again: at the shortest interval while messages come,
// slower when none do, slower still when the API refuses.
type rhythm struct {
	min, max time.Duration
	every    time.Duration
	next     time.Time     // the next sweep
	busy     time.Time     // until then none while there is a backlog
	due      time.Time     // the next question what the ledger holds open
	side     time.Time     // the next glance at the side views
	price    time.Duration // what a request costs of the share of the quota
	paid     time.Time     // up to when the requests so far have used it
	lead     bool          // this process is the one that polls
	// Since when sweeps fail; zero: they do not. Then they are tried on, whoever leads:
	// else nobody would know when this process can sweep again.
	failing time.Time
}

// requestsADay is the team's daily quota (Inbox FAQ, "Rate limits").
const requestsADay = 100_000

func (b *Bot) newRhythm() *rhythm {
	price := time.Duration(float64(24*time.Hour+2*pollCredit) / (b.cfg.QuotaShare * requestsADay))
	// A sweep in which nothing changed costs one request a view.
	least := max(b.cfg.Every, time.Duration(len(b.views()))*price)
	return &rhythm{min: least, max: max(b.cfg.EveryMax, least), every: least, side: time.Now().Add(b.cfg.EveryMax), price: price}
}

// pollCredit is how much of the share that was not used is kept for sweeps of many
// pages. As much again is how far one may go beyond it.
const pollCredit = time.Hour

// pay puts the next sweep off until the share of the quota has paid for n requests.
func (r *rhythm) pay(n int64, now time.Time) {
	if credit := now.Add(-pollCredit); r.paid.Before(credit) {
		r.paid = credit
	}
	r.paid = r.paid.Add(time.Duration(n) * r.price)
	if r.next.Before(r.paid) {
		r.next = r.paid
	}
}

// yields reports whether a process whose sweeps fail leaves the lead to another one, as
// it does now and then: there they may not fail, for it has another token or network.
func (r *rhythm) yields(now time.Time) bool {
	return !r.failing.IsZero() && now.Sub(r.failing)%(leadPatience+yieldFor) >= leadPatience
}

const (
	leadPatience = time.Minute
	yieldFor     = leaderTTL + 5*time.Second
)

func (r *rhythm) after(arrived bool, err error, now time.Time) {
	var refused *inboxapi.Error
	switch {
	case err == nil:
		r.failing = time.Time{}
	case r.failing.IsZero():
		r.failing = now
	}
	switch {
	case errors.As(err, &refused) && refused.RetryAfter > 0:
		r.next = now.Add(refused.RetryAfter)
		return
	case err != nil:
		r.every = min(r.max, 2*r.every)
	case arrived:
		r.every = r.min
	default:
		r.every = min(r.max, r.every+r.every/8)
	}
	r.next = now.Add(r.every)
}
