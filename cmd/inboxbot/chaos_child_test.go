package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	"inboxbot/bot"
	"inboxbot/bot/redisstore"
	"inboxbot/inboxapi"
	"inboxbot/prompts"
	"inboxbot/rules"
)

// The bot's times under chaos, a tenth or so of the defaults. What they must
// keep to is in package redisstore: the quarantine outlasts a send (chaosSend),
// its latest commit (chaosLate) and what reads lag behind (chaosStale); so does
// the time after which a send in doubt goes to a person.
const (
	chaosLease      = 4 * time.Second
	chaosSend       = time.Second
	chaosLate       = 3500 * time.Millisecond
	chaosStale      = time.Second
	chaosVisible    = 6 * time.Second
	chaosQuarantine = 8 * time.Second
	chaosImpatience = 3 * time.Second
	chaosThinking   = 1200 * time.Millisecond // the model's slowest answer
)

const chaosTag = "needs-human"

// chaosRules are few: what guards decide is tested elsewhere.
const chaosRules = `version: 1
guards:
  - name: asks-for-a-person
    when: last.text matches "may I talk to a person"
    then: handoff
    reason: asks for a person
default: reply
checks:
  - name: unsure
    when: draft.confidence < 0.6
    then: handoff
    reason: the model is not sure
`

// chaosSpec is what a process of the fleet is told.
type chaosSpec struct {
	Name  string
	API   string // base URL
	Redis string // URL
	Seed  uint64
	Naive bool    // run the naive bot
	Kill  float64 // the chance to be killed at each named point
	Stop  float64 // the chance to be stopped there for a while
	Down  string  // while this file exists the model is out of reach
}

// chaosEnv holds a chaosSpec in JSON, in the environment of a process of the
// fleet and of no other.
const chaosEnv = "INBOXBOT_CHAOS_PROCESS"

// chaosChild runs this process as one of the fleet, when it was started as one.
func chaosChild() (code int, ran bool) {
	raw := os.Getenv(chaosEnv)
	if raw == "" {
		return 0, false
	}
	var spec chaosSpec
	if err := json.Unmarshal([]byte(raw), &spec); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitUsage, true
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	go func() { // the test holds the other end: without it nobody would end this process
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(exitFailed)
	}()
	p := &perils{
		spec: spec,
		dice: newDice(spec.Seed),
		log:  slog.New(slog.NewTextHandler(os.Stderr, nil)).With("process", fmt.Sprintf("%s/%d", spec.Name, os.Getpid())),
	}
	p.log.Info("started")
	do := runChaosBot
	if spec.Naive {
		do = runNaiveBot
	}
	if err := do(ctx, p); err != nil && ctx.Err() == nil {
		p.log.Error("ended", "err", err)
		return exitFailed, true
	}
	p.log.Info("stopped in order")
	return exitDone, true
}

// runChaosBot wires the real parts as wire does, with short times, and with
// perils between them.
func runChaosBot(ctx context.Context, p *perils) error {
	budget := newLimiter()
	client, err := inboxapi.New(inboxapi.Options{
		BaseURL: p.spec.API, Token: "chaos", Timeout: 2 * time.Second,
		Limiter: budget, Observe: func(o inboxapi.Observation) {
			o.RetryAfter /= 10 // as all times are: one refusal keeps the whole fleet away
			budget.observe(ctx, o)
		},
	})
	if err != nil {
		return err
	}
	team, err := client.Team(ctx)
	if err != nil {
		return err
	}
	store, err := redisstore.Open(ctx, chaosStore(p.spec.Redis, team.ID))
	if err != nil {
		return err
	}
	defer store.Close()
	budget.budget.Store(store.Budget(chaosQuota))
	set, err := rules.Load("chaos.yaml", []byte(chaosRules), rules.Options{
		Timezone: time.UTC, HandoffTag: chaosTag, Prompts: func(string) bool { return true },
	})
	if err != nil {
		return err
	}
	templates, err := prompts.Load(prompts.Default(), "built-in prompts", prompts.Options{})
	if err != nil {
		return err
	}
	b, err := bot.New(bot.Deps{
		Inbox:  perilousInbox{client, p},
		Claims: perilousClaims{store, p},
		Ledger: perilousLedger{store, p},
		Model:  moodyModel{p},
		Generation: func() bot.Generation {
			return bot.Generation{Hash: set.Hash(), Guards: set, Prompter: templates, HandoffTags: set.HandoffTags()}
		},
		Team:    *team,
		Logger:  p.log,
		Leader:  hastyLeader{store},
		Switch:  pauseSwitch{store},
		Reserve: budget.Reserve,
		Now:     client.Now,
	}, bot.Config{
		Live: true, Every: 300 * time.Millisecond, EveryMax: 600 * time.Millisecond, QuotaShare: 1000,
		Concurrency: 8, ModelTimeout: 2 * time.Second, ModelPatience: 8 * time.Second,
		Settle: -1, TakeoverPause: 2 * time.Second, MaxReplies: 10_000,
		HandoffTag: chaosTag, Send: chaosSend, Visible: chaosVisible, FollowUp: chaosImpatience,
	})
	if err != nil {
		return err
	}
	return b.Run(ctx)
}

// chaosQuota is more than the fleet asks for: what holds it back is that a
// refusal keeps every process away from the API, and a Redis that is gone.
var chaosQuota = redisstore.Quota{
	Minute: redisstore.Window{Quota: 60_000, Burst: 10_000},
	Hour:   redisstore.Window{Quota: 3_600_000, Burst: 600_000},
	Day:    redisstore.Window{Quota: 86_400_000, Burst: 6_000_000},
}

func chaosStore(url, team string) redisstore.Options {
	return redisstore.Options{URL: url, Team: team, Lease: chaosLease, Send: chaosSend, Quarantine: chaosQuarantine}
}

// perils are what may happen to a process at points that have a name.
type perils struct {
	spec chaosSpec
	dice *dice
	log  *slog.Logger
}

// at survives, or dies as by kill -9, or sleeps through what may be more than a
// lease. Its log lines tell a thread's story; see story.
func (p *perils) at(point, thread string) {
	switch r := p.dice.float(); {
	case r < p.spec.Kill:
		p.log.Warn("killed at a point", "point", point, "thread", thread)
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // dead any moment
	case r < p.spec.Kill+p.spec.Stop:
		d := p.dice.between(chaosLease/8, 2*chaosLease)
		p.log.Warn("stopped at a point", "point", point, "thread", thread, "for", d.String())
		waker := exec.Command("sh", "-c", fmt.Sprintf("sleep %.2f; kill -CONT %d", d.Seconds(), os.Getpid()))
		if err := waker.Start(); err == nil {
			_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
			_ = waker.Wait()
		}
	default:
		p.log.Info("step", "point", point, "thread", thread)
	}
}

type perilousInbox struct {
	bot.Inbox
	p *perils
}

func (i perilousInbox) ListMessages(ctx context.Context, thread string, q inboxapi.MessageQuery) (*inboxapi.MessagePage, error) {
	page, err := i.Inbox.ListMessages(ctx, thread, q)
	i.p.at("after reading the messages", thread)
	return page, err
}

func (i perilousInbox) SendMessage(ctx context.Context, thread string, m inboxapi.NewMessage) (*inboxapi.Message, error) {
	i.p.at("before the POST", thread)
	sent, err := i.Inbox.SendMessage(ctx, thread, m)
	i.p.log.Info("sent", "thread", thread, "text", m.Content, "err", err)
	i.p.at("after the POST", thread)
	return sent, err
}

func (i perilousInbox) UpdateProspectContext(ctx context.Context, id string, u inboxapi.ContextUpdate) (*inboxapi.Prospect, error) {
	i.p.at("before the tag", "")
	got, err := i.Inbox.UpdateProspectContext(ctx, id, u)
	i.p.at("after the tag", "")
	return got, err
}

type perilousClaims struct {
	bot.Claims
	p *perils
}

func (c perilousClaims) Claim(ctx context.Context, thread string) (bot.Lease, error) {
	c.p.at("before the claim", thread)
	l, err := c.Claims.Claim(ctx, thread)
	if err == nil {
		c.p.log.Info("claimed", "thread", thread, "state", string(l.Record.State), "quarantine", l.Quarantine.String())
		c.p.at("after the claim", thread)
	}
	return l, err
}

func (c perilousClaims) Release(ctx context.Context, l bot.Lease) error {
	c.p.at("before the release", l.Thread)
	return c.Claims.Release(ctx, l)
}

// perilousLedger also shortens what a thread waits for a guard, which the bot does
// not let be configured.
type perilousLedger struct {
	bot.Ledger
	p *perils
}

func (l perilousLedger) Advance(ctx context.Context, lease bot.Lease, next bot.Record, again time.Duration) error {
	if next.State == bot.StateWaiting {
		return l.Ledger.Advance(ctx, lease, next, min(again, chaosImpatience))
	}
	l.p.at("before the record "+string(next.State), lease.Thread)
	err := l.Ledger.Advance(ctx, lease, next, again)
	if err != nil {
		l.p.log.Info("not recorded", "thread", lease.Thread, "state", string(next.State), "err", err)
	}
	l.p.at("after the record "+string(next.State), lease.Thread)
	return err
}

func (l perilousLedger) Postpone(ctx context.Context, thread string, d time.Duration) error {
	// At random, or the process that holds the thread for longer would always be
	// the first to find it due.
	return l.Ledger.Postpone(ctx, thread, min(d, l.p.dice.between(chaosImpatience/4, chaosImpatience)))
}

// hastyLeader does not leave the fleet without a poller for as long as the bot's
// own term when its leader is killed every few seconds.
type hastyLeader struct{ bot.Leader }

func (l hastyLeader) Lead(ctx context.Context, ttl time.Duration) (bool, error) {
	return l.Leader.Lead(ctx, min(ttl, 2*time.Second))
}

// moodyModel takes its time and answers the newest thing the prospect asked,
// by its number. Now and then it is out of reach, talks nonsense, or would
// rather have a person answer.
type moodyModel struct{ p *perils }

func (m moodyModel) Complete(ctx context.Context, prompt bot.Prompt) (bot.Completion, error) {
	if err := pause(ctx, m.p.dice.between(0, chaosThinking)); err != nil {
		return bot.Completion{}, err
	}
	asked := newestAsked(prompt)
	_, down := os.Stat(m.p.spec.Down)
	switch r := m.p.dice.float(); {
	case down == nil, r < 0.03:
		return bot.Completion{}, fmt.Errorf("%w: scripted", bot.ErrModelUnavailable)
	case r < 0.08:
		return bot.Completion{Text: "As a language model I would say: yes."}, nil
	case r < 0.09:
		return bot.Completion{Text: `{"action":"handoff","reply":"","confidence":0.9,"reason":"scripted"}`}, nil
	case strings.Contains(asked, nothingToAnswer):
		return bot.Completion{Text: `{"action":"skip","reply":"","confidence":0.9,"reason":"scripted"}`}, nil
	}
	text, err := json.Marshal(bot.Decision{Action: bot.Reply, Reply: answerTo(askedNumber.FindString(asked)), Confidence: 0.9, Reason: "scripted"})
	return bot.Completion{Text: string(text)}, err
}

// nothingToAnswer in a message has the model skip it.
const nothingToAnswer = "(that is all)"

var askedNumber = regexp.MustCompile(`ask-\d+`)

// newestAsked is the newest numbered message of the prospect in a prompt.
func newestAsked(p bot.Prompt) string {
	text := p.Chat[len(p.Chat)-1].Text
	return text[max(0, strings.LastIndex(text, "ask-")):]
}

// answerTo names the message it answers, so that whose answer a message is can
// be read off the thread.
func answerTo(number string) string { return "re: " + number + ", of course" }

// pause waits for d, or returns ctx's error.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// dice are random numbers for several goroutines. The same seed throws the same
// numbers, though who throws next is up to the scheduler.
type dice struct {
	mu sync.Mutex
	r  *rand.Rand
}

func newDice(seed uint64) *dice { return &dice{r: rand.New(rand.NewPCG(seed, 2))} }

func (d *dice) float() float64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.r.Float64()
}

func (d *dice) n(n int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.r.IntN(n)
}

func (d *dice) between(least, most time.Duration) time.Duration {
	return least + time.Duration(d.float()*float64(most-least))
}
