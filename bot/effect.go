package bot

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"html"
	"regexp"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"inboxbot/inboxapi"
)

// Sender speaks to a prospect.
type Sender interface {
	SendMessage(ctx context.Context, threadID string, m inboxapi.NewMessage) (*inboxapi.Message, error)
	Typing(ctx context.Context, threadID string) (inboxapi.TypingResult, error)
}

// sendMargin is what a lease must last beyond a send's deadline, 2 s of 10 s. The
// store asks for the same.
func (c Config) sendMargin() time.Duration { return c.Send / 5 }

// lookTime is what the look before the send and a margin take at most, 7 s.
func (c Config) lookTime() time.Duration { return c.Send * 7 / 10 }

// reply sends o's text, at most once for the message it answers.
func (h *handling) reply(ctx context.Context, o Outcome) result {
	if r, stop := h.stopped(ctx); stop { // while the model thought
		return r
	}
	looked, err := h.look(ctx)
	switch {
	case errors.Is(err, errOvertaken):
		return h.overtaken(ctx)
	case err != nil:
		return h.unsendable(ctx, err)
	case ctx.Err() != nil:
		return result{again: time.Second}
	}
	if r, stop := h.stopped(ctx); stop { // while it waited for its request
		return r
	}
	intent := h.next(StateIntent, o)
	intent.Asked = len(h.conv.Unanswered())
	intent.Text = o.Text
	return h.deliver(ctx, intent, looked)
}

// stopped leaves the thread waiting when nothing may be sent now: because of the team
// or the store, or because a guard says by now that it should wait. What a person has
// approved is past the guards.
func (h *handling) stopped(ctx context.Context) (result, bool) {
	if later, stop := h.mayReply(ctx); stop {
		h.verdict.Guard, h.verdict.Outcome = later.guard, later.Outcome
		return h.wait(ctx, later.again), true
	}
	now := *h.conv
	now.Now = h.bot.Now()
	if h.thought.Prompt.Template == "" || now.Now.Sub(h.conv.Now) < time.Second { // as good as now
		return result{}, false
	}
	v := h.bot.judge(h.gen, &now)
	if v.Outcome.Action != Wait {
		return result{}, false
	}
	h.verdict = v
	return h.wait(ctx, h.bot.again(&now, v)), true
}

// look makes sure, with a request reserved for the send, that the thread is still
// as it was judged. A look that took too long to count is an error.
func (h *handling) look(ctx context.Context) (look, error) {
	b := h.bot
	short, err := h.reserve(ctx)
	if err != nil {
		return look{}, fmt.Errorf("reserve: %w", err)
	}
	ctx, cancel := context.WithTimeout(forPurpose(ctx, ForLook), b.cfg.lookTime()+gatherTime)
	defer cancel()
	looked, err := b.lookAgain(ctx, h.c, h.conv, short)
	for try := 0; err == nil && time.Since(looked.at) > lookAge && try < 3; try++ { // it took too long to come here
		looked, err = b.lookAgain(ctx, h.c, h.conv, false)
	}
	switch {
	case err != nil:
		return look{}, err
	case time.Since(looked.at) > lookAge:
		return look{}, errors.New("the look before the send takes too long")
	}
	return looked, nil
}

// deliver records the intent and sends its text. An attempt whose answer is lost
// is looked up in the thread, and goes to a person when it is not to be found
// there: better than a message read twice.
func (h *handling) deliver(ctx context.Context, intent Record, looked look) result {
	b := h.bot
	h.c.thrown = 0
	intent.Token, intent.Base, intent.LookedAt = h.lease.Token, looked.base, looked.api
	if !h.advance(ctx, intent, b.cfg.Visible) {
		// Nothing has been sent. Should the intent have been written all the same,
		// it is taken back here, or else a person gets the thread.
		h.takeBack(ctx, intent, time.Second)
		return h.unsendable(ctx, errors.New("the intent to send could not be recorded"))
	}
	if left := h.lease.Left(time.Now()); left < b.cfg.Send+b.cfg.sendMargin() {
		h.takeBack(ctx, intent, time.Second)
		return h.unsendable(ctx, errors.New("the lease ends too soon"))
	}
	sent, err := h.send(ctx, intent.Text, looked.at.Add(lookAge))
	return h.settle(ctx, intent, sent, err)
}

// reserve takes the send's request out of the quota, and reports whether requests
// are short. It waits no longer than the lease would allow for the send: the worker is
// another thread's then.
func (h *handling) reserve(ctx context.Context) (short bool, err error) {
	b := h.bot
	if b.Reserve == nil {
		return false, nil
	}
	left := h.lease.Left(time.Now()) - b.cfg.lookTime() - b.cfg.Send - b.cfg.sendMargin()
	ctx, cancel := context.WithTimeout(ctx, left)
	defer cancel()
	return b.Reserve(ctx)
}

// overtaken throws the draft away: what it answered is not what stands there.
func (h *handling) overtaken(ctx context.Context) result {
	h.bot.Metrics.overtaken.Inc()
	h.bot.Logger.Info("draft thrown away: the thread has changed meanwhile", "thread", h.c.thread)
	if row, err := h.bot.Inbox.GetThread(ctx, h.c.thread); err == nil {
		h.bot.work.learn(h.c, row)
	}
	if h.c.thrown++; h.c.thrown > overtakenMost {
		return h.unsendable(ctx, errOvertaken)
	}
	return result{again: 50 * time.Millisecond}
}

// overtakenMost is how many drafts in a row may be overtaken before one more counts
// as a failure: somebody never stops writing, or Inbox shows the thread another way
// at each look. Every draft asks the model.
const overtakenMost = 5

func (h *handling) takeBack(ctx context.Context, intent Record, again time.Duration) {
	intent.State = StateRetry
	intent.Text, intent.Base, intent.Tag, intent.Assign, intent.Say = "", "", "", "", ""
	h.advance(ctx, intent, again)
}

// send posts the message once. No byte of it leaves after notAfter, when the look
// is too old to count, so a process that was stopped in between sends nothing
// when it wakes.
func (h *handling) send(ctx context.Context, text string, notAfter time.Time) (*inboxapi.Message, error) {
	if !h.bot.cfg.Live {
		return &inboxapi.Message{}, nil
	}
	ctx, cancel := lasting(ctx, h.bot.cfg.Send)
	defer cancel()
	return h.bot.Inbox.SendMessage(ctx, h.c.thread, inboxapi.NewMessage{Content: text, NotAfter: notAfter})
}

// settle records what became of the one POST.
func (h *handling) settle(ctx context.Context, intent Record, sent *inboxapi.Message, err error) result {
	b := h.bot
	var refused *inboxapi.Error
	isRefusal := errors.As(err, &refused)
	switch {
	case err == nil:
		return h.sent(ctx, intent, sent)
	case inboxapi.Ambiguous(err):
		b.Metrics.inDoubt.Inc()
		b.Logger.Warn("send in doubt, will be looked up", "thread", h.c.thread, "err", err)
		return result{again: reconcilePause}
	case isRefusal && (refused.Status == 429 || refused.Status == 401):
		if refused.Status == 401 {
			b.state.refuse(err)
		}
		again := max(refused.RetryAfter, 5*time.Second)
		h.takeBack(ctx, intent, again)
		return b.failedFor(ctx, "inbox", fmt.Errorf("send: %w", err), again)
	case isRefusal && intent.Say != "":
		b.Logger.Error("the prospect could not be told that a person takes over", "thread", h.c.thread, "err", err)
		return h.handFrom(ctx, intent)
	case isRefusal:
		h.verdict.Guard = "send-refused"
		o := Outcome{Action: Handoff, Cause: CauseUnavailable, Reason: "Inbox refused the reply: " + oneLine(refused.Message)}
		h.verdict.Outcome = o
		return h.handOff(ctx, o)
	}
	h.takeBack(ctx, intent, time.Second) // certainly not sent
	return h.unsendable(ctx, fmt.Errorf("send: %w", err))
}

// unsendable keeps a thread whose draft could not be sent, with growing pauses:
// every try asks the model anew. When that has gone on for longer than the
// operator's patience, a person gets it.
func (h *handling) unsendable(ctx context.Context, err error) result {
	b := h.bot
	if down := b.work.failingFor(h.c); ctx.Err() == nil && down > b.cfg.ModelPatience {
		h.verdict.Guard = "cannot-send"
		return h.handOff(ctx, Outcome{Action: Handoff, Cause: CauseUnavailable, Reason: "no reply could be sent for " + down.Round(time.Second).String()})
	}
	r := b.failed(ctx, h.c, "inbox", err)
	r.again = max(r.again, min(2*time.Minute, 5*time.Second<<min(h.c.tries, 5)))
	return r
}

// unknownID begins what stands for the ID of a message of ours that was never
// learned.
const unknownID = "unknown:"

// sent records the fact that our reply is in the thread.
func (h *handling) sent(ctx context.Context, r Record, m *inboxapi.Message) result {
	b := h.bot
	if r.Say != "" {
		return h.told(ctx, r, m)
	}
	b.kept.wrote(r.Thread, *m)
	at, _ := b.dir.timeOf(m.ID, m.CreatedAt, &r)
	if at.IsZero() {
		at = b.Now()
	}
	id := m.ID
	if id == "" { // a dry run, or a 2xx whose body could not be read
		id = unknownID + r.MessageID
	}
	again := b.cfg.FollowUp
	text := r.Text
	switch {
	case b.shadowing() && h.conv != nil:
		again = shadowLook
		h.keepShadow(ctx, r, text)
	case !b.cfg.Live:
		again = 0
	}
	r.State, r.SentID, r.Own = StateSent, id, map[string]time.Time{id: at}
	r.SentSum, r.Text, r.Base = Fingerprint(text), "", ""
	for range 3 {
		err := h.tryAdvance(ctx, r, again)
		if err == nil || errors.Is(err, ErrRecorded) {
			break
		}
		// A fact: it is said again, and found in the thread should that fail too.
		time.Sleep(time.Second)
	}
	h.verdict.Outcome.Text = text
	h.draftSent(ctx, r)
	h.report(ctx)
	h.shelve(ctx)
	return result{again: again, parked: true}
}

// typing shows the prospect that somebody is writing, where X can show it, what is
// written may be sent at once and the bot has little to do: a signal costs a request
// of the team's quota. It is never in the way, and does not leave after stop.
func (h *handling) typing(ctx context.Context) (stop func()) {
	b, c := h.bot, h.conv
	off := c.Thread.TypingEnabled != nil && !*c.Thread.TypingEnabled
	waits := h.wantsApproval(h.verdict.Outcome) || b.model.downFor(time.Now()) > 0
	if !b.cfg.Live || off || waits || c.Thread.Variant != inboxapi.VariantXChat || b.work.inHand() > 2 {
		return func() {}
	}
	ctx, stop = context.WithTimeout(ctx, 3*time.Second)
	b.background.Go(func() {
		defer stop()
		if _, err := b.Inbox.Typing(ctx, c.Thread.ID); err != nil {
			b.Logger.Debug("typing", "thread", c.Thread.ID, "err", err)
		}
	})
	return stop
}

var markup = regexp.MustCompile(`<[^<>]*>`)

// Fingerprint is a short hash of a message's words: two texts that differ in
// white space, Unicode form or markup alone have the same.
func Fingerprint(text string) string {
	sum := sha256.Sum256([]byte(folded(text)))
	return hex.EncodeToString(sum[:8])
}

// folded is text as it may come back from X: composed, unescaped, without markup
// and with white space folded.
func folded(text string) string {
	text = html.UnescapeString(markup.ReplaceAllString(text, " "))
	return strings.Join(strings.Fields(norm.NFC.String(text)), " ")
}
