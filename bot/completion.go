package bot

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
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

// ask has the model decide, and the checks review its draft. It returns an error
// only when the model could not be asked.
func (h *handling) ask(ctx context.Context) (Outcome, error) {
	o := h.verdict.Outcome
	if h.bot.Model == nil {
		return Outcome{Action: Handoff, Reason: "no model is configured"}, nil
	}
	var err error
	h.prompt, err = h.gen.Prompter.Prompt(h.conv, o.Prompt, h.verdict.Guard)
	if err != nil {
		h.bot.Logger.Error("prompt", "thread", h.c.thread, "template", o.Prompt, "err", err)
		return Outcome{Action: Handoff, Reason: "the prompt cannot be built: " + oneLine(err.Error())}, nil
	}
	d, err := h.decide(ctx, h.prompt)
	h.bot.model.heard(err)
	switch {
	case errors.Is(err, ErrModelUnavailable), err != nil && ctx.Err() != nil:
		return Outcome{}, err
	case err != nil:
		return Outcome{Action: Handoff, Reason: "the model gave no usable answer: " + oneLine(err.Error())}, nil
	}
	return h.review(d), nil
}

// decide asks for a decision, and once more when the answer is none.
func (h *handling) decide(ctx context.Context, p Prompt) (Decision, error) {
	d, err := h.complete(ctx, p)
	if err == nil || errors.Is(err, ErrModelUnavailable) || ctx.Err() != nil {
		return d, err
	}
	again := p
	again.System += "\n\nYour previous answer could not be used. Answer with the one JSON object that was asked for, and nothing else."
	return h.complete(ctx, again)
}

func (h *handling) complete(ctx context.Context, p Prompt) (Decision, error) {
	ctx, cancel := context.WithTimeout(ctx, h.bot.cfg.ModelTimeout)
	defer cancel()
	began := time.Now()
	c, err := h.bot.Model.Complete(ctx, p)
	h.tokens = h.tokens.Add(c.Tokens)
	h.bot.Metrics.model(time.Since(began), c.Tokens, err)
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("%w: %w", ErrModelUnavailable, err)
		}
		return Decision{}, err
	}
	return ParseDecision(c.Text)
}

// review turns a decision into an outcome; a check that objects hands over.
func (h *handling) review(d Decision) Outcome {
	reason := oneLine(d.Reason)
	switch d.Action {
	case Handoff:
		return Outcome{Action: Handoff, Reason: "the model asks for a person: " + reason}
	case Skip:
		return Outcome{Action: Skip, Reason: "nothing to answer: " + reason}
	case Reply, Wait: // ParseDecision lets no Wait through
	}
	v := h.gen.Guards.Review(h.conv, d)
	h.verdict.Checks = append(h.verdict.Checks, v.Checks...)
	if v.Outcome.Action != Reply {
		h.verdict.Guard = v.Guard
		return v.Outcome
	}
	if reason == "" {
		reason = "answered"
	}
	return Outcome{Action: Reply, Reason: reason, Text: d.Reply}
}

// modelDown keeps a thread whose model could not be asked, until the outage has
// lasted longer than the operator's patience: then a person gets it.
func (h *handling) modelDown(ctx context.Context, err error) result {
	b := h.bot
	if ctx.Err() != nil {
		return result{again: time.Second}
	}
	b.complain("model", err)
	if down := max(b.model.downFor(time.Now()), b.work.failingFor(h.c)); down > b.cfg.ModelPatience {
		h.verdict.Guard = guardModelDown
		b.complain("patience", errors.New("the model has been away for longer than BOT_MODEL_PATIENCE: waiting threads go to people"))
		return h.handOff(ctx, Outcome{Action: Handoff, Reason: "the model has been out of reach for " + down.Round(time.Second).String()})
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
		m.since, m.tries = time.Time{}, 0
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
