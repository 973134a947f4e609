package bot

import (
	"context"
	"strings"
	"sync"
	"time"
)

// Handled is one thread brought to an outcome, as it is told to people.
type Handled struct {
	Thread     string
	Message    string // the ID of the message it was about
	Prospect   string // the username; an outsider's words, like Asked
	Asked      string // the newest inbound text
	Outcome    Action
	Reason     string
	Cause      Cause // of a handoff
	Guard      string
	Reply      string // what was sent, or would have been
	Mode       string // live, draft, shadow or dry-run
	Generation string
	At         time.Time     // on the API's clock
	Waited     time.Duration // since the message was written
	Elapsed    time.Duration
	Tokens     Tokens
	USD        float64 // what the tokens cost, 0 when no prices are known

	ProspectID string // the prospect's ID on X, which no renaming changes
	Account    string // the username of the account link
	Thought    Thought
	Shadow     *Comparison // set when what the bot would have done has been held against what people did
}

// report tells of the handled thread.
func (h *handling) report(ctx context.Context) {
	h.thought.Verdict = h.verdict
	h.bot.report(ctx, h.gen, h.conv, h.thought, time.Since(h.started), h.compared)
}

// report tells of a handled thread: one log line, the metrics, and whoever
// listens. What was said before about the same message is not said again; it
// returns whether it had anything to tell.
func (b *Bot) report(ctx context.Context, gen *Generation, c *Conversation, th Thought, took time.Duration, compared *Comparison) bool {
	v := th.Verdict
	if c == nil || v.Guard == safetyTurn && c.Record.State.Terminal() {
		return false // it was told when it was done
	}
	last, ok := c.Last()
	if !ok {
		last, _ = c.newest()
	}
	if !b.said.first(c.Thread.ID, last.ID+string(v.Outcome.Action)+v.Guard) {
		return false
	}
	out := Handled{
		Thread: c.Thread.ID, Message: last.ID, Prospect: c.Thread.Prospect.Username, Asked: last.Text,
		Outcome: v.Outcome.Action, Reason: v.Outcome.Reason, Guard: v.Guard, Reply: v.Outcome.Text,
		Cause: v.Outcome.Cause, Mode: b.mode(), Generation: gen.Hash, Elapsed: took, Tokens: th.Tokens, USD: b.cfg.Prices.USD(th.Tokens),
		At: b.Now(), Waited: max(0, c.Now.Sub(last.At)),
		ProspectID: c.Thread.Prospect.PlatformID, Account: c.Account.Username, Thought: th, Shadow: compared,
	}
	b.Metrics.handledThread(out)
	b.Logger.InfoContext(ctx, "handled", "thread", out.Thread, "message", out.Message,
		"outcome", string(out.Outcome), "reason", oneLine(out.Reason), "guard", out.Guard, "mode", out.Mode,
		"generation", out.Generation, "ms", took.Milliseconds(), "tokens", out.Tokens.Total())
	if b.Handled != nil {
		b.Handled(out)
	}
	return true
}

func (b *Bot) mode() string {
	switch {
	case b.cfg.Live && b.cfg.Approve:
		return "draft"
	case b.cfg.Live:
		return "live"
	case b.cfg.Shadow:
		return "shadow"
	}
	return "dry-run"
}

// saidLimit bounds what is remembered as said; past it some of it may be said
// once more.
const saidLimit = 50_000

// said remembers what was last reported of each thread.
type said struct {
	mu   sync.Mutex
	last map[string]string
}

func newSaid() *said { return &said{last: map[string]string{}} }

func (s *said) first(thread, what string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if before, ok := s.last[thread]; ok && before == what {
		return false
	}
	if len(s.last) >= saidLimit {
		clear(s.last)
	}
	s.last[thread] = what
	return true
}

// forget lets what was last said of a thread be said again.
func (s *said) forget(thread string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.last, thread)
}

// Brief is d as people write it: 24h, not 24h0m0s.
func Brief(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
