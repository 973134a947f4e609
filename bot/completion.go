package bot

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"inboxbot/bot/draftcheck"
)

// ErrModelUnavailable matches the errors of a Model that say nothing about the
// thread: it is down, slow, out of credit or set up wrongly. Such a thread waits;
// every other error is an answer of a kind, and a person gets the thread.
var ErrModelUnavailable = errors.New("the model is unavailable")

// Tokens is what one or more completions used. Cached is the part of Prompt that
// the server took from its cache.
type Tokens struct {
	Prompt, Cached, Completion int
}

// Add returns the sum of t and u.
func (t Tokens) Add(u Tokens) Tokens {
	return Tokens{t.Prompt + u.Prompt, t.Cached + u.Cached, t.Completion + u.Completion}
}

// Total is what t amounts to.
func (t Tokens) Total() int { return t.Prompt + t.Completion }

// Completion is what came back from the model: the text of its answer with
// fences and thinking removed, not yet read as a decision.
type Completion struct {
	Text   string
	Model  string // the model that answered, as the server names it
	Tokens Tokens
}

// Model completes prompts. Complete blocks until the answer is whole, retries
// what may pass within ctx's deadline, and reports tokens even with an error
// where the server counted some. Its errors match ErrModelUnavailable where they
// say nothing about the thread.
type Model interface {
	Complete(ctx context.Context, p Prompt) (Completion, error)
}

// Decision is the model's answer as data. Its JSON names are a contract with
// every prompt and model.
type Decision struct {
	Action     Action  `json:"action"` // reply, handoff or skip
	Reply      string  `json:"reply"`
	Confidence float64 `json:"confidence"` // 0 to 1
	Reason     string  `json:"reason"`     // one line for the team
	// Language is that of the prospect's messages (BCP 47), "" when the model does
	// not say. Cause is why a person should answer: CauseAsked, CauseFacts or
	// CausePolicy, "" when the model does not say. Both may be missing.
	Language string `json:"language,omitempty"`
	Cause    Cause  `json:"cause,omitempty"`
}

// Thought is what should happen with a conversation, and how that came about.
type Thought struct {
	Verdict  Verdict              // the guards', with the checks of the draft added; its Outcome is the final one
	Prompt   Prompt               // zero when none was built
	Decision Decision             // zero when the model gave none
	Findings []draftcheck.Finding // what the bot's own checks mind in the draft, those that are only logged included
	Tokens   Tokens
	Took     time.Duration // all calls of the model together

	guards  int  // how many of Verdict's checks were made before the draft
	checked bool // the bot's own checks were made
}

// RehearseFrom takes a conversation, with a verdict about it, through the stations
// up to its outcome. Nothing is claimed, recorded or sent. Where the verdict is a
// reply, the prompt is built, and the model is asked unless m is nil. An error means
// that the model could not be asked; what came before it is returned too.
func RehearseFrom(ctx context.Context, cfg Config, gen Generation, m Model, c *Conversation, v Verdict) (Thought, error) {
	t := thinker{cfg: cfg.withDefaults(), gen: &gen, model: m}
	if m != nil || v.Outcome.Action != Reply {
		return t.think(ctx, c, v)
	}
	th := Thought{Verdict: v}
	if err := t.build(c, &th); err != nil {
		th.Verdict.Outcome = unbuilt(err)
	}
	return th, nil
}

// RehearseDraft is RehearseFrom with d in the place of the model's decision. The
// bot's own checks that were made are among the verdict's.
func RehearseDraft(cfg Config, gen Generation, c *Conversation, v Verdict, d Decision) Thought {
	t := thinker{cfg: cfg.withDefaults(), gen: &gen}
	th := Thought{Verdict: v, guards: len(v.Checks), Decision: d}
	if err := t.build(c, &th); err != nil {
		th.Verdict.Outcome = unbuilt(err)
		return th
	}
	t.review(c, &th, nil)
	for _, name := range draftcheck.Names {
		mode := gen.DraftChecks[name]
		if th.checked && mode != draftcheck.Off {
			minds := slices.ContainsFunc(th.Findings, func(f draftcheck.Finding) bool { return f.Check == name })
			th.Verdict.Checks = append(th.Verdict.Checks, Check{Guard: guardDraft + name, Fired: minds && mode != draftcheck.Log})
		}
	}
	return th
}

// thinker makes a draft of a conversation that is to be answered, and checks it.
type thinker struct {
	cfg    Config
	gen    *Generation
	model  Model
	called func(took time.Duration, t Tokens, err error)               // told of every call of the model; may be nil
	sameTo func(ctx context.Context, c *Conversation, text string) int // how many others got the same text of late; may be nil
}

// think has the model decide about a conversation whose verdict is a reply, and
// the checks review its draft. It returns an error only when the model could not
// be asked.
func (t thinker) think(ctx context.Context, c *Conversation, v Verdict) (Thought, error) {
	th := Thought{Verdict: v, guards: len(v.Checks)}
	if v.Outcome.Action != Reply {
		return th, nil
	}
	if t.model == nil {
		th.Verdict.Outcome = Outcome{Action: Handoff, Cause: CauseModel, Reason: "no model is configured"}
		return th, nil
	}
	if err := t.build(c, &th); err != nil {
		th.Verdict.Outcome = unbuilt(err)
		return th, nil
	}
	d, err := t.decide(ctx, &th)
	switch {
	case errors.Is(err, ErrModelUnavailable), err != nil && ctx.Err() != nil:
		return th, err
	case err != nil:
		th.Verdict.Outcome = Outcome{Action: Handoff, Cause: CauseModel, Reason: "the model gave no usable answer: " + oneLine(err.Error())}
		return th, nil
	}
	th.Decision = d
	t.review(c, &th, func() int { return t.echoes(ctx, c, d.Reply) })
	return th, nil
}

func unbuilt(err error) Outcome {
	return Outcome{Action: Handoff, Cause: CauseRule, Reason: "the prompt cannot be built: " + oneLine(err.Error())}
}

// build makes the prompt that the verdict asks for.
func (t thinker) build(c *Conversation, th *Thought) (err error) {
	th.Prompt, err = t.gen.Prompter.Prompt(c, th.Verdict.Outcome.Prompt, th.Verdict.Guard)
	if err == nil {
		th.Prompt.System += "\n\nInternal mark, never to be written: " + canary(t.gen)
	}
	return err
}

// canary is a word that stands in the system text alone: a draft that holds it
// repeats its instructions. It is the same for a whole generation, so that
// servers can go on caching prompts.
func canary(gen *Generation) string {
	sum := sha256.Sum256([]byte("canary " + gen.Hash))
	return "im-" + hex.EncodeToString(sum[:5])
}

// decide asks for a decision, and once more when the answer is none.
func (t thinker) decide(ctx context.Context, th *Thought) (Decision, error) {
	d, err := t.complete(ctx, th, th.Prompt)
	if err == nil || errors.Is(err, ErrModelUnavailable) || ctx.Err() != nil {
		return d, err
	}
	again := th.Prompt
	again.System += "\n\nYour previous answer could not be used. Answer with the one JSON object that was asked for, and nothing else."
	return t.complete(ctx, th, again)
}

func (t thinker) complete(ctx context.Context, th *Thought, p Prompt) (Decision, error) {
	ctx, cancel := context.WithTimeout(ctx, t.cfg.ModelTimeout)
	defer cancel()
	began := time.Now()
	c, err := t.model.Complete(ctx, p)
	th.Tokens = th.Tokens.Add(c.Tokens)
	th.Took += time.Since(began)
	if t.called != nil {
		t.called(time.Since(began), c.Tokens, err)
	}
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("%w: %w", ErrModelUnavailable, err)
		}
		return Decision{}, err
	}
	return ParseDecision(c.Text)
}

// review turns a decision into an outcome. A check that objects hands over: first
// those of the rule file, then the bot's own. sameTo is how many others got the same
// text of late; it is asked once the former are content. nil: nobody.
func (t thinker) review(c *Conversation, th *Thought, sameTo func() int) {
	d := th.Decision
	reason := oneLine(d.Reason)
	approve := th.Verdict.Outcome.Approve
	switch d.Action {
	case Handoff:
		cause := d.Cause
		if cause == "" {
			cause = CauseFacts
		}
		th.Verdict.Outcome = Outcome{Action: Handoff, Cause: cause, Reason: "the model asks for a person: " + reason}
		return
	case Skip:
		th.Verdict.Outcome = Outcome{Action: Skip, Reason: "nothing to answer: " + reason}
		return
	case Reply, Wait: // ParseDecision lets no Wait through
	}
	v := t.gen.Guards.Review(c, d)
	th.Verdict.Checks = append(th.Verdict.Checks, v.Checks...)
	if v.Outcome.Action != Reply {
		th.Verdict.Guard, th.Verdict.Outcome = v.Guard, v.Outcome
		return
	}
	in := draftcheck.Input{Text: d.Reply, Language: d.Language}
	if sameTo != nil {
		in.SameTo = sameTo()
	}
	th.Findings, th.checked = t.findings(c, th.Prompt, in), true
	if f, found := t.objection(th.Findings); found {
		th.Verdict.Guard = guardDraft + f.Check
		th.Verdict.Outcome = Outcome{Action: Handoff, Cause: CauseCheck, Reason: fmt.Sprintf("the draft: %s: %q", f.Detail, oneLine(f.Span))}
		return
	}
	if reason == "" {
		reason = "answered"
	}
	th.Verdict.Outcome = Outcome{Action: Reply, Reason: reason, Text: d.Reply, Approve: approve}
}

// guardDraft begins the name that one of the bot's own checks of a draft has where
// guards are named.
const guardDraft = "draft-"

// findings has the bot's own checks read a text that is to be sent to c's
// prospect. What in has not, the conversation and the prompt tell.
func (t thinker) findings(c *Conversation, p Prompt, in draftcheck.Input) []draftcheck.Finding {
	in.Max, in.Now = t.cfg.MaxReplyChars, c.Now
	if !in.Handoff { // the message of a handoff is the team's own words
		in.Instructions, in.Facts, in.Canary = p.System, p.Facts, canary(t.gen)
	}
	profile := &c.Thread.Prospect
	in.Given = []string{p.System, c.Account.Username, c.Account.Name, c.Team.Name, profile.Username}
	in.Profile = []string{profile.DisplayName}
	in.Profile = append(in.Profile, c.Tags...)
	for _, s := range []*string{profile.Bio, profile.Location, profile.WebsiteURL, profile.Context.Notes} {
		if s != nil {
			in.Profile = append(in.Profile, *s)
		}
	}
	if notes := profile.Context.Notes; notes != nil {
		in.Private = []string{*notes}
	}
	for _, turn := range c.Turns {
		if turn.Side == SideOurs {
			in.Outbound = append(in.Outbound, turn.Text)
		} else {
			in.Inbound = append(in.Inbound, turn.Text)
		}
	}
	return draftcheck.Run(in, t.gen.DraftChecks)
}

// echoes is how many others got the same text of late.
func (t thinker) echoes(ctx context.Context, c *Conversation, text string) int {
	if t.sameTo == nil {
		return 0
	}
	return t.sameTo(ctx, c, text)
}

// objection is the first finding that keeps a draft from being sent.
func (t thinker) objection(found []draftcheck.Finding) (draftcheck.Finding, bool) {
	for _, f := range found {
		if t.gen.DraftChecks[f.Check] != draftcheck.Log {
			return f, true
		}
	}
	return draftcheck.Finding{}, false
}

// ask has a thread thought about, while the prospect is shown that somebody is
// writing, and remembers what the model's answer says of the model.
func (h *handling) ask(ctx context.Context) error {
	b := h.bot
	defer h.typing(ctx)()
	th, err := b.thinker(h.gen).think(ctx, h.conv, h.verdict)
	if th.Tokens != (Tokens{}) {
		h.costs.Go(func() { // nothing of this thread depends on the sum
			if _, err := b.spent(ctx, th.Tokens); err != nil {
				b.complain("redis", fmt.Errorf("costs: %w", err))
			}
		})
		b.Metrics.usd.Add(b.cfg.Prices.USD(th.Tokens))
	}
	if th.Prompt.Template != "" && b.Model != nil {
		b.model.heard(err)
	}
	h.thought, h.verdict = th, th.Verdict
	if h.verdict.Outcome.Action == Handoff && th.Prompt.Template == "" && b.Model != nil {
		b.Logger.Error("prompt", "thread", h.c.thread, "reason", h.verdict.Outcome.Reason)
	}
	return err
}

func (b *Bot) thinker(gen *Generation) thinker {
	return thinker{cfg: b.cfg, gen: gen, model: b.Model, called: b.Metrics.model, sameTo: b.sameTo}
}

// sameTo is how many other prospects of late a text was drafted for.
func (b *Bot) sameTo(ctx context.Context, c *Conversation, text string) int {
	if b.Echoes == nil {
		return 0
	}
	n, err := b.Echoes.Echo(ctx, Fingerprint(text), c.Thread.ID)
	if err != nil {
		b.complain("redis", fmt.Errorf("echoes: %w", err)) // nothing is sent without the store anyway
	}
	return n
}

// modelDown keeps a thread whose model could not be asked, until the outage has
// lasted longer than the operator's patience: then a person gets it.
func (h *handling) modelDown(ctx context.Context, err error) result {
	b := h.bot
	if ctx.Err() != nil {
		return result{again: time.Second}
	}
	b.complain("model", err)
	down := max(b.model.downFor(time.Now()), b.work.failingFor(h.c))
	if last, _ := h.conv.about(); h.lease.Record.outage() && h.lease.Record.MessageID == last.ID { // as this process or one before it has noted
		down = max(down, h.lease.StoreNow.Sub(h.lease.Record.At))
	}
	if down > b.cfg.ModelPatience {
		h.verdict.Guard = guardModelDown
		if b.model.gaveUp(b.cfg.ModelPatience, time.Now()) {
			b.complain("patience", errors.New("the model has been away for longer than BOT_MODEL_PATIENCE: waiting threads go to people"))
		}
		return h.handOff(ctx, Outcome{Action: Handoff, Cause: CauseModel, Reason: "the model has been out of reach for " + down.Round(time.Second).String()})
	}
	again := min(time.Minute, 5*time.Second<<min(h.c.tries, 4))
	h.verdict.Guard = guardModelDown
	h.verdict.Outcome = Outcome{Action: Wait, Reason: "the model is out of reach"}
	b.note(ctx, h.conv, h.verdict, again)
	h.report(ctx)
	return result{again: again, err: err}
}

// modelHealth remembers since when the model has not answered.
type modelHealth struct {
	mu    sync.Mutex
	since time.Time
	tries int       // in a row that failed
	asked time.Time // when a thread was last let through to find out
	told  bool      // that this outage has lasted longer than the operator's patience
}

// gaveUp reports, once in an outage, that it has lasted longer than patience.
func (m *modelHealth) gaveUp(patience time.Duration, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.told || m.since.IsZero() || now.Sub(m.since) <= patience {
		return false
	}
	m.told = true
	return true
}

// modelProbe is how often one thread finds out whether the model is back.
const modelProbe = 5 * time.Second

// modelTries is how many failures in a row mean that the model is away: one
// alone keeps no other thread waiting.
const modelTries = 3

// mayAsk reports whether a thread may go on to the model. While the model is away
// one at a time finds out whether it is back; past the operator's patience all go
// on, to people.
func (m *modelHealth) mayAsk(now time.Time, patience time.Duration) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.tries < modelTries || now.Sub(m.since) > patience {
		return true
	}
	if now.Sub(m.asked) < modelProbe {
		return false
	}
	m.asked = now
	return true
}

// notAsked gives back what mayAsk allowed: a thread that came to its outcome
// without the model has found out nothing.
func (m *modelHealth) notAsked() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked = time.Time{}
}

func (m *modelHealth) heard(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case errors.Is(err, context.Canceled):
	case !errors.Is(err, ErrModelUnavailable):
		m.since, m.tries, m.told = time.Time{}, 0, false
	case m.since.IsZero():
		m.since, m.tries = time.Now(), 1
	default:
		m.tries++
	}
}

// downFor is how long the model has not answered, 0 when it did last.
func (m *modelHealth) downFor(now time.Time) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.since.IsZero() {
		return 0
	}
	return now.Sub(m.since)
}

// oneLine makes s fit for a log line and a note: one line, no control
// characters, at most 300 characters.
func oneLine(s string) string {
	clean := strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\r', r == '\t':
			return ' '
		case r < ' ', r >= 0x7f && r < 0xa0, r >= 0x200b && r <= 0x200f, r >= 0x2028 && r <= 0x202e, r >= 0x2060 && r <= 0x2069, r == 0xfeff:
			return -1
		}
		return r
	}, s)
	clean = strings.Join(strings.Fields(clean), " ")
	if runes := []rune(clean); len(runes) > 300 {
		return string(runes[:299]) + "…"
	}
	return clean
}
