package main

import (
	"context"
	crand "crypto/rand"
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
	chaosDraftTTL   = 6 * time.Second
)

const chaosTag = "needs-human"

// chaosRules are few: what guards decide is tested elsewhere.
const chaosRules = `version: 1
guards:
  - name: asks-for-a-person
    when: last.text matches "may I talk to a person"
    then: handoff
    reason: asks for a person, by REASON
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
	Rules string // path of the rule file
	Mode  string // BOT_MODE
	Paced bool   // keep to the quota that a team really has
	Lease time.Duration
	Seed  uint64
	Naive bool    // run the naive bot
	Kill  float64 // the chance to be killed at each named point
	Stop  float64 // the chance to be stopped there for a while
	Down  string  // while this file exists the model is out of reach
}

// environ is the environment of a process, and of commands about the fleet.
func (s chaosSpec) environ() []string {
	return []string{
		"INBOX_API_TOKEN=chaos", "INBOX_API_BASE_URL=" + s.API, "REDIS_URL=" + s.Redis,
		"OPENAI_MODEL=moody", "OPENAI_BASE_URL=http://127.0.0.1:9/v1", // moodyModel answers instead
		"OPENAI_PRICE_INPUT=1", "OPENAI_PRICE_OUTPUT=2", "BOT_MAX_TOKENS_PER_DAY=1000000000", "BOT_MAX_USD_PER_DAY=10000",
		"BOT_MODE=" + s.Mode, "BOT_RULES=" + s.Rules, "BOT_HTTP_ADDR=", "BOT_HANDOFF_TAG=" + chaosTag,
		"BOT_POLL_INTERVAL=300ms", "BOT_CONCURRENCY=8", "BOT_MODEL_TIMEOUT=2s", "BOT_MODEL_PATIENCE=8s",
		"BOT_SETTLE=0s", "BOT_TAKEOVER_PAUSE=2s", "BOT_MAX_REPLIES_PER_THREAD=10000", "LOG_FORMAT=text",
	}
}

// hasten shortens what the environment does not let be configured.
func (s chaosSpec) hasten(c bot.Config) bot.Config {
	c.EveryMax, c.FollowUp = 600*time.Millisecond, chaosImpatience
	c.Send, c.Visible, c.DraftTTL = chaosSend, chaosVisible, chaosDraftTTL
	if !s.Paced {
		c.QuotaShare = 1000
	}
	return c
}

// quota is the team's, nil for the one it really has.
func (s chaosSpec) quota() *redisstore.Quota {
	if s.Paced {
		return nil
	}
	wide := redisstore.Window{Quota: 10_000_000, Burst: 500}
	return &redisstore.Quota{Minute: wide, Hour: wide, Day: wide}
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

// runChaosBot is what inboxbot run does, wired by the same code, with short times
// and with perils between the parts. Only the model is not the one it wires.
func runChaosBot(ctx context.Context, p *perils) error {
	environ := p.spec.environ()
	cfg, gen, err := prepare(ctx, environ, needInbox|needReplier)
	if err != nil {
		return err
	}
	w, err := wire(ctx, cfg, gen, &process{environ, io.Discard, os.Stderr}, wiring{
		store: func(o *redisstore.Options) { *o = withChaosTimes(*o, p.spec.Lease) }, quota: p.spec.quota(), timeout: 2 * time.Second,
	})
	if err != nil {
		return err
	}
	defer w.close()
	w.log = p.log
	d := w.deps(nil)
	d.Inbox, d.Claims, d.Ledger = perilousInbox{w.client, p}, perilousClaims{w.store, p}, perilousLedger{w.store, p}
	d.Drafts, d.Leader, d.Model = perilousDrafts{w.store, p}, hastyLeader{w.store}, moodyModel{p}
	b, err := w.build(d, p.spec.hasten(cfg.botConfig()))
	if err != nil {
		return err
	}
	return serve(ctx, cfg, w, b)
}

func withChaosTimes(o redisstore.Options, lease time.Duration) redisstore.Options {
	o.Lease, o.Send, o.Quarantine = lease, chaosSend, lease+chaosQuarantine-chaosLease
	return o
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
	l.p.at("before the record "+string(next.State), lease.Thread)
	err := l.Ledger.Advance(ctx, lease, next, again)
	if err != nil {
		l.p.log.Info("not recorded", "thread", lease.Thread, "state", string(next.State), "err", err)
	}
	l.p.at("after the record "+string(next.State), lease.Thread)
	return err
}

func (l perilousLedger) Note(ctx context.Context, notes []bot.Note) error {
	for i := range notes {
		notes[i].Again = min(notes[i].Again, chaosImpatience)
	}
	return l.Ledger.Note(ctx, notes)
}

func (l perilousLedger) Postpone(ctx context.Context, thread string, d time.Duration) error {
	// At random, or the process that holds the thread for longer would always be
	// the first to find it due.
	return l.Ledger.Postpone(ctx, thread, min(d, l.p.dice.between(chaosImpatience/4, chaosImpatience)))
}

// perilousDrafts tells which drafts were moved: what was withdrawn may not be sent.
type perilousDrafts struct {
	bot.Drafts
	p *perils
}

func (d perilousDrafts) KeepDraft(ctx context.Context, l bot.Lease, draft bot.Draft) error {
	d.p.at("before the draft", draft.Thread)
	err := d.Drafts.KeepDraft(ctx, l, draft)
	d.p.at("after the draft", draft.Thread)
	return err
}

func (d perilousDrafts) MoveDraft(ctx context.Context, thread, id string, to bot.DraftState) error {
	err := d.Drafts.MoveDraft(ctx, thread, id, to)
	if err == nil {
		d.p.log.Info("draft moved", "thread", thread, "draft", id, "to", string(to))
	}
	d.p.at("after the draft was moved", thread)
	return err
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
	reply := answerTo(askedNumber.FindString(asked)) + " " + newMark()
	text, err := json.Marshal(bot.Decision{Action: bot.Reply, Reply: reply, Confidence: 0.9, Reason: "scripted"})
	return bot.Completion{Text: string(text), Model: "moody", Tokens: bot.Tokens{Prompt: prompt.Tokens, Completion: 20}}, err
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

// newMark makes one draft unlike any other. It has no digits, which might be a
// price.
func newMark() string {
	letters := strings.NewReplacer("2", "p", "3", "q", "4", "r", "5", "s", "6", "t", "7", "u")
	return "mark-" + strings.ToLower(letters.Replace(crand.Text()[:16]))
}

var markOf = regexp.MustCompile(`mark-[a-z]{16}`)

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
