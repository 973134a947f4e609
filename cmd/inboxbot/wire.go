package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"inboxbot/bot"
	"inboxbot/bot/history"
	"inboxbot/bot/openaichat"
	"inboxbot/bot/redisstore"
	"inboxbot/cmd/inboxbot/traces"
	"inboxbot/inboxapi"
	"inboxbot/prompts"
	"inboxbot/rules"
)

// loaded is a generation and what the wiring needs to know of it.
type loaded struct {
	bot.Generation
	canReply bool
	from     source
	rules    *rules.Set
	prompts  *prompts.Set
}

// lacks returns a *configError that names what a command with the needs n cannot
// reply with by the generation, or nil.
func (l loaded) lacks(cfg Config, n need) error {
	if n&needReplier == 0 || !l.canReply {
		return nil
	}
	return cfg.lacks(needModel)
}

// farewell has the rule file choose and the templates word what a prospect is told
// when a person takes over.
func farewell(set *rules.Set, templates *prompts.Set) func(*bot.Conversation, bot.Outcome, string) (name, text string, err error) {
	return func(c *bot.Conversation, o bot.Outcome, guard string) (name, text string, err error) {
		if name = set.Say(c, o); name != "" {
			text, err = templates.Message(c, name, guard)
		}
		return name, text, err
	}
}

// tryOn rehearses the generation on real conversations: a guard that cannot be
// evaluated or a template that cannot be rendered would hand such people over.
func (l loaded) tryOn(recent []*bot.Conversation) error {
	var problems []string
	add := func(c *bot.Conversation, err error) {
		if len(problems) < 20 {
			problems = append(problems, fmt.Sprintf("%v (tried on thread %s)", err, c.Thread.ID))
		}
	}
	for _, c := range recent {
		for _, check := range l.rules.JudgeAll(c) {
			if check.Err != nil {
				add(c, check.Err)
			}
		}
		for _, err := range l.prompts.Try(c) {
			add(c, err)
		}
	}
	return newConfigError(problems)
}

// load reads rules and prompts as one generation. Its error is a *configError
// with every problem of both.
func (s source) load(cfg Config) (loaded, error) {
	if s.prompts == nil {
		return loaded{}, newConfigError([]string{s.unread.Error()}) // there is nothing at all
	}
	var problems []string
	templates, err := prompts.Load(s.prompts, s.promptsName, prompts.Options{Timezone: cfg.Location()})
	if err != nil {
		problems = append(problems, err.Error())
	}
	known, names := func(string) bool { return true }, []string(nil)
	hasMessage := known
	if templates != nil && err == nil {
		known, names, hasMessage = templates.Has, templates.Names(), templates.HasMessage
	}
	var set *rules.Set
	if err = s.unread; err == nil {
		set, err = rules.Load(s.rulesName, s.rules, rules.Options{
			Timezone: cfg.Location(), HandoffTag: cfg.HandoffTag, Prompts: known, PromptNames: names, Messages: hasMessage,
		})
	}
	if err != nil {
		problems = append(problems, err.Error())
	}
	if len(problems) > 0 {
		return loaded{}, newConfigError(problems)
	}
	sum := sha256.Sum256([]byte(set.Hash() + "\n" + templates.Hash()))
	l := loaded{
		Generation: bot.Generation{
			Hash: cmp.Or(s.published, hex.EncodeToString(sum[:6])), Guards: set, Prompter: templates, HandoffTags: set.HandoffTags(),
			DraftChecks: set.DraftChecks(), Approves: set.Approves(), Farewell: farewell(set, templates),
		},
		canReply: set.CanReply(), from: s, rules: set, prompts: templates,
	}
	return l, l.test(cfg)
}

// testConfig is the bot's as tests of a rule file have it. The settling is left out:
// it would be about a test's clock.
func (c Config) testConfig() bot.Config {
	out := c.botConfig()
	out.Settle = -1
	return out
}

// test runs the tests of the rule file that ask for the whole bot: its own guards,
// and its own checks of a draft.
func (l loaded) test(cfg Config) error {
	c := cfg.testConfig()
	var problems []string
	for _, f := range l.rules.Test(rules.Whole{
		Judge: func(conv *bot.Conversation) bot.Verdict { return bot.Judge(c, l.Generation, conv) },
		Review: func(conv *bot.Conversation, v bot.Verdict, d bot.Decision) bot.Verdict {
			return bot.RehearseDraft(c, l.Generation, conv, v, d).Verdict
		},
	}) {
		problems = append(problems, f.Error())
	}
	return newConfigError(problems)
}

// newLogger logs to stderr, so that stdout stays for people.
func newLogger(cfg Config, stderr io.Writer) *slog.Logger {
	o := &slog.HandlerOptions{Level: cfg.LogLevel}
	if cfg.LogFormat == "text" {
		return slog.New(slog.NewTextHandler(stderr, o))
	}
	return slog.New(slog.NewJSONHandler(stderr, o))
}

// botConfig is what the environment says in the bot's own terms. Where the bot's
// zero value means a default, a zero of the operator's is said as "none".
func (c Config) botConfig() bot.Config {
	none := func(d time.Duration) time.Duration {
		if d == 0 {
			return -1
		}
		return d
	}
	return bot.Config{
		Live: c.Live(), Approve: c.Mode == modeDraft, Shadow: c.Mode == modeShadow, DraftTTL: c.DraftTTL, Every: c.PollInterval, Concurrency: c.Concurrency,
		ModelTimeout: c.ModelTimeout, ModelPatience: c.ModelPatience,
		Settle: none(c.Settle), SettleMax: none(c.SettleMax), TakeoverPause: none(c.TakeoverPause), MaxAge: c.MaxAge,
		AnswerRequests: c.AnswerRequests, MaxReplies: c.MaxReplies, HandoffTag: c.HandoffTag,
		QuotaShare: c.QuotaShare, MaxReplyChars: c.MaxReplyChars, Zone: c.Location(),
		Prices: bot.Prices{Input: c.PriceInput, Cached: c.PriceCached, Output: c.PriceOutput},
		Budget: bot.Budget{Tokens: c.MaxTokensPerDay, USD: c.MaxUSDPerDay},
	}
}

// parts is everything a command wires together.
type parts struct {
	cfg    Config
	log    *slog.Logger
	reg    *prometheus.Registry
	client *inboxapi.Client
	team   inboxapi.Team
	store  *redisstore.Store
	live   *generations
	model  bot.Model
	close  func()
	told   *history.Writer                    // to the decision log
	limits atomic.Pointer[inboxapi.RateLimit] // what Inbox last said of them
	traces *traces.Traces                     // nil: none

	reserve func(context.Context) (bool, error) // pays for a send; nil: nothing is to be paid

	webhooks http.RoundTripper // to who hears of alerts; nil: the network
}

// wiring is what differs between commands.
type wiring struct {
	fresh   bool     // the store has never served this team
	dial    dialFunc // to the Inbox API, nil: the network
	unpaced bool     // the API has no limits to stay within

	// What only tests want otherwise: times that are shorter than the configuration
	// allows, and a quota that is not teamQuota.
	store   func(*redisstore.Options)
	quota   *redisstore.Quota
	timeout time.Duration // of an attempt at the Inbox API, 0: the client's own
}

type dialFunc = func(ctx context.Context, network, addr string) (net.Conn, error)

// wire connects to Inbox, the store and the model as cfg says. gen is in force; one
// that is to come from Redis is zero, and comes with w.live.begin or w.live.follow.
func wire(ctx context.Context, cfg Config, gen loaded, p *process, o wiring) (*parts, error) {
	w := &parts{cfg: cfg, log: newLogger(cfg, p.stderr), reg: prometheus.NewRegistry(), close: func() {}}
	for _, warning := range cfg.Warnings() {
		w.log.Warn(warning)
	}
	var err error
	registerProcess(w.reg)
	counted, budget := newAPIMetrics(w.reg, &w.limits), newLimiter()
	api := inboxapi.Options{
		BaseURL: cfg.InboxBaseURL, Token: cfg.InboxToken.Reveal(), UserAgent: "inboxbot/" + version, Dial: o.dial, Observe: counted.observe,
		Timeout: o.timeout,
	}
	if !o.unpaced {
		w.reserve, api.Limiter = budget.Reserve, budget
		api.Observe = func(seen inboxapi.Observation) { counted.observe(seen); budget.observe(ctx, seen) }
	}
	if w.client, err = inboxapi.New(api); err != nil {
		return nil, fmt.Errorf("inbox: %w", err)
	}
	if w.team, err = teamOf(ctx, w.client, w.log); err != nil {
		return nil, err
	}
	if err := w.openStore(ctx, o); err != nil {
		return nil, err
	}
	w.live = newGenerations(cfg, originOf(cfg, w.store, w.log), gen, w.log)
	w.reg.MustRegister(w.live)
	w.keepLog(ctx)
	budget.budget.Store(w.store.Budget(*cmp.Or(o.quota, &teamQuota)))
	if cfg.OpenAIModel != "" {
		if w.model, err = newModel(cfg); err != nil {
			return nil, err
		}
	}
	return w, w.openTraces(ctx)
}

// openTraces has handled threads traced, if anybody listens.
func (w *parts) openTraces(ctx context.Context) error {
	if w.cfg.TraceEndpoint == "" {
		return nil
	}
	t, err := traces.New(ctx, traces.Options{
		Endpoint: w.cfg.TraceEndpoint, Content: w.cfg.TraceContent, Version: version, Model: w.cfg.OpenAIModel, ModelURL: w.cfg.OpenAIBaseURL, Log: w.log,
	})
	if err != nil {
		return err
	}
	w.log.Info("handled threads are traced", "host", t.Host(), "texts", w.cfg.TraceContent)
	rest := w.close
	w.traces, w.close = t, func() { t.Close(ctx); rest() }
	return nil
}

// newModel returns the model that cfg names.
func newModel(cfg Config) (*openaichat.Client, error) {
	m, err := openaichat.New(openaichat.Options{
		BaseURL: cfg.OpenAIBaseURL, APIKey: cfg.OpenAIKey.Reveal(), Model: cfg.OpenAIModel,
		Format: cfg.ResponseFormat, Timeout: cfg.ModelTimeout,
	})
	if err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	return m, nil
}

// teamOf asks whose token it is, patiently: a bot that starts while Inbox is
// down waits for it. A refused token will not get better by waiting.
func teamOf(ctx context.Context, client *inboxapi.Client, log *slog.Logger) (inboxapi.Team, error) {
	for pause := time.Second; ; pause = min(time.Minute, 2*pause) {
		team, err := client.Team(ctx)
		switch {
		case err == nil:
			return *team, nil
		case errors.Is(err, inboxapi.ErrUnauthorized), errors.Is(err, inboxapi.ErrForbidden):
			return inboxapi.Team{}, newConfigError([]string{"INBOX_API_TOKEN: Inbox refuses it: " + err.Error()})
		case errors.Is(err, inboxapi.ErrMalformed), errors.Is(err, inboxapi.ErrNotFound):
			return inboxapi.Team{}, newConfigError([]string{"INBOX_API_BASE_URL: this is not the Inbox API: " + err.Error()})
		}
		log.Error("inbox cannot be reached, trying again", "err", err, "in", pause.String())
		select {
		case <-ctx.Done():
			return inboxapi.Team{}, ctx.Err()
		case <-time.After(pause):
		}
	}
}

// namespace is the part of the store that bots of this mode use.
func (c Config) namespace() string {
	switch c.Mode {
	case modeDry:
		return "dry"
	case modeShadow:
		return "shadow"
	}
	return ""
}

// openStore opens Redis, or the embedded store. A dry run keeps its records
// apart, so that going live finds none of its would-be replies.
func (w *parts) openStore(ctx context.Context, how wiring) error {
	o := redisstore.Options{
		URL: w.cfg.RedisURL.Reveal(), Team: w.team.ID, Namespace: w.cfg.namespace(),
		Lease: w.cfg.Lease(), LogKeep: time.Duration(w.cfg.LedgerDays) * day, Fresh: how.fresh || !w.cfg.Live(), Logger: w.log,
	}
	if how.store != nil {
		how.store(&o)
	}
	var err error
	if w.cfg.RedisURL.Set() {
		w.store, err = redisstore.Open(ctx, o)
		if err != nil {
			return fmt.Errorf("REDIS_URL: %w", err)
		}
		w.close = func() { _ = w.store.Close() } // nothing is under way any more
		for _, warning := range w.store.Warnings(ctx) {
			w.log.Warn("redis: " + warning)
		}
		return nil
	}
	w.log.Warn("REDIS_URL is empty: the store is embedded and in memory. What was sent is forgotten at exit; run one process only.")
	w.store, w.close, err = redisstore.Embedded(ctx, o)
	return err
}

// keepLog has decisions appended to the log, until w.close: what is decided while
// the bot stops is written too.
func (w *parts) keepLog(ctx context.Context) {
	lost := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "inboxbot_log_left_out_total", Help: "Decisions that did not get into the decision log because the store was away.",
	})
	w.reg.MustRegister(lost)
	w.told = history.NewWriter(w.store, w.log, func(n int) { lost.Add(float64(n)) })
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.told.Run(ctx)
	}()
	rest := w.close
	w.close = func() {
		stop()
		<-done
		rest()
	}
}

// newBot builds the bot of these parts; handled may be nil.
func (w *parts) newBot(handled func(bot.Handled)) (*bot.Bot, error) {
	return w.build(w.deps(handled), w.cfg.botConfig())
}

// deps is what the bot of these parts stands on; handled may be nil.
func (w *parts) deps(handled func(bot.Handled)) bot.Deps {
	tell := func(h bot.Handled) {
		w.told.Handled(h)
		if handled != nil {
			handled(h)
		}
	}
	d := bot.Deps{
		Inbox: w.client, Claims: w.store, Ledger: w.store, Model: w.model,
		Drafts: w.store, Purse: w.store, Echoes: w.store, Behind: w.store,
		Generation: w.live.current, Refused: w.live.refused,
		Team: w.team, Logger: w.log, Metrics: bot.NewMetrics(w.reg),
		Leader: w.store, Switch: pauseSwitch{w.store}, Reserve: w.reserve,
		Memory:  &wary{store: w.store, log: w.log, looked: time.Now()},
		Handled: tell, Now: w.client.Now,
	}
	if w.cfg.RedisURL.Set() { // an embedded store is this process's memory, which has it already
		d.Shelf = w.store
	}
	if w.traces != nil {
		d = w.traces.Deps(d)
	}
	return d
}

func (w *parts) build(deps bot.Deps, c bot.Config) (*bot.Bot, error) {
	b, err := bot.New(deps, c)
	if err == nil {
		recent := b.Recent
		w.live.recent.Store(&recent)
	}
	return b, err
}

// pauseSwitch is the store's pause as the bot asks for it.
type pauseSwitch struct{ store *redisstore.Store }

// Paused implements bot.Switch.
func (s pauseSwitch) Paused(ctx context.Context) (string, time.Time, bool, error) {
	return s.store.Paused(ctx)
}
