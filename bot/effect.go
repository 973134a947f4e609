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

// Handover speaks to the team.
type Handover interface {
	CreateTag(ctx context.Context, name, color string) (*inboxapi.Tag, error)
	Prospect(ctx context.Context, id string) (*inboxapi.Prospect, error)
	UpdateProspectContext(ctx context.Context, id string, u inboxapi.ContextUpdate) (*inboxapi.Prospect, error)
	UpdateThread(ctx context.Context, id string, u inboxapi.ThreadUpdate) (*inboxapi.Thread, error)
}

// sendMargin is what a lease must last beyond a send's deadline, 2 s of 10 s. The
// store asks for the same.
func (c Config) sendMargin() time.Duration { return c.Send / 5 }

// lookTime is what the look before the send and a margin take at most, 7 s.
func (c Config) lookTime() time.Duration { return c.Send * 7 / 10 }

// reply sends o's text, at most once for the message it answers. It looks, then
// records its intent, then sends; an attempt whose answer is lost is looked up
// in the thread, and goes to a person when it is not to be found there: better
// than a message read twice.
func (h *handling) reply(ctx context.Context, o Outcome) result {
	b := h.bot
	short, err := b.reserve(ctx)
	if err != nil {
		return h.unsendable(ctx, fmt.Errorf("reserve: %w", err))
	}
	lookCtx, cancel := context.WithTimeout(ctx, b.cfg.lookTime()+gatherTime)
	defer cancel()
	looked, err := b.lookAgain(lookCtx, h.c, h.conv, short)
	for try := 0; err == nil && time.Since(looked.at) > lookAge && try < 3; try++ { // it took too long to come here
		looked, err = b.lookAgain(lookCtx, h.c, h.conv, false)
	}
	switch {
	case errors.Is(err, errOvertaken):
		return h.overtaken(ctx)
	case err != nil:
		return h.unsendable(ctx, fmt.Errorf("look: %w", err))
	case ctx.Err() != nil:
		return result{again: time.Second}
	case time.Since(looked.at) > lookAge:
		return h.unsendable(ctx, errors.New("the look before the send takes too long"))
	}
	if later, stop := h.mayReply(ctx); stop { // it may have been paused since the thread was taken up
		h.verdict.Guard, h.verdict.Outcome = later.guard, later.Outcome
		return h.wait(ctx, later.again)
	}

	intent := h.next(StateIntent, o)
	intent.Token, intent.Text, intent.Base, intent.LookedAt = h.lease.Token, o.Text, looked.base, looked.api
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
	sent, err := h.send(ctx, o.Text, looked.at.Add(lookAge))
	return h.settle(ctx, intent, sent, err)
}

// reserve takes the send's request out of the quota, and reports whether requests
// are short.
func (b *Bot) reserve(ctx context.Context) (short bool, err error) {
	if b.Reserve == nil {
		return false, nil
	}
	return b.Reserve(ctx)
}

// overtaken throws the draft away: what it answered is not what stands there.
func (h *handling) overtaken(ctx context.Context) result {
	h.bot.Metrics.overtaken.Inc()
	h.bot.Logger.Info("draft thrown away: the thread has changed meanwhile", "thread", h.c.thread)
	if row, err := h.bot.Inbox.GetThread(ctx, h.c.thread); err == nil {
		h.bot.work.learn(h.c, row)
	}
	return result{again: 50 * time.Millisecond}
}

func (h *handling) takeBack(ctx context.Context, intent Record, again time.Duration) {
	intent.State = StateRetry
	intent.Text, intent.Base = "", ""
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
	at := m.CreatedAt
	if at.IsZero() {
		at = b.Now()
	}
	id := m.ID
	if id == "" { // a dry run, or a 2xx whose body could not be read
		id = unknownID + r.MessageID
	}
	again := b.cfg.FollowUp
	if !b.cfg.Live {
		again = 0
	}
	text := r.Text
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
	h.report(ctx)
	return result{again: again, parked: true}
}

// handOff gives the thread to a person: first the record, so that whoever takes
// over finishes it, then the tag, the assignee and the note.
func (h *handling) handOff(ctx context.Context, o Outcome) result {
	h.verdict.Outcome = o
	r := h.next(StateHanding, o)
	r.Tag, r.Assign = o.Tag, o.Assign
	if r.Tag == "" {
		r.Tag = h.bot.cfg.HandoffTag
	}
	if !h.advance(ctx, r, 10*time.Second) {
		return h.bot.failed(ctx, h.c, "redis", errNotMoved)
	}
	return h.finishHandoff(ctx)
}

// finishHandoff does what a record in the state handing still asks for. All of
// it may be repeated.
func (h *handling) finishHandoff(ctx context.Context) result {
	b := h.bot
	r := h.lease.Record
	if b.cfg.Live {
		tell, cancel := context.WithTimeout(ctx, tellTimeout)
		err := h.tellTeam(tell, r)
		cancel()
		var refused *inboxapi.Error
		switch {
		case errors.As(err, &refused) && permanent(refused.Status):
			// No request will ever tag this prospect. The operator must hear of it,
			// for nobody sees the thread by its tag.
			b.Metrics.untagged.Inc()
			b.Logger.Error("handed over without its tag", "thread", h.c.thread, "reason", r.Reason, "err", err)
		case err != nil:
			return b.failed(ctx, h.c, "inbox", fmt.Errorf("handoff: %w", err))
		default:
			r.Seen = r.WithSeen(r.Tag)
		}
	}
	r.State = StateHandoff
	if !h.advance(ctx, r, 0) {
		return h.bot.failed(ctx, h.c, "redis", errNotMoved)
	}
	if h.conv == nil { // begun by another try, or by a worker that died
		h.verdict = Verdict{Guard: r.Guard, Outcome: Outcome{Action: Handoff, Reason: r.Reason}}
		if row, _ := b.work.row(h.c); row != nil {
			h.conv, _ = b.fromRow(ctx, row, r) // only to be told of
		}
	}
	h.report(ctx)
	return result{}
}

// tellTimeout bounds the requests of a handoff; what is left is done at the next
// try.
const tellTimeout = 30 * time.Second

// permanent reports whether a refusal will be the same next time.
func permanent(status int) bool {
	switch status {
	case 400, 403, 404, 409, 413, 422:
		return true
	}
	return false
}

// tellTeam tags the prospect, appends a note to what the team wrote, and assigns
// the thread. The note is written from what stands there at that moment; the API
// has no way to append.
func (h *handling) tellTeam(ctx context.Context, r Record) error {
	b := h.bot
	row, _ := b.work.row(h.c)
	if row == nil {
		fresh, err := b.Inbox.GetThread(ctx, h.c.thread)
		if err != nil {
			return err
		}
		b.work.learn(h.c, fresh)
		row = fresh
	}
	if err := h.tag(ctx, row, r); err != nil {
		return errors.Join(err, h.assign(ctx, row, r.Assign))
	}
	return h.assign(ctx, row, r.Assign)
}

// tag gives the prospect r's tag and note.
func (h *handling) tag(ctx context.Context, row *inboxapi.Thread, r Record) error {
	b := h.bot
	if row.Prospect.ExternalID == nil {
		return &inboxapi.Error{Status: 404, Message: "the prospect has no Inbox ID and cannot be tagged"}
	}
	tag, err := b.ensureTag(ctx, r.Tag)
	if err != nil {
		return err
	}
	prospect, err := b.Inbox.Prospect(ctx, *row.Prospect.ExternalID)
	if err != nil {
		return fmt.Errorf("prospect: %w", err)
	}
	update := inboxapi.ContextUpdate{AddTags: []string{tag}}
	if notes, changed := withNote(prospect.Context.Notes, noteOf(r)); changed {
		update.Notes = inboxapi.Set(notes)
	}
	if _, err := b.Inbox.UpdateProspectContext(ctx, *row.Prospect.ExternalID, update); err != nil {
		return fmt.Errorf("tag: %w", err)
	}
	return nil
}

func (h *handling) assign(ctx context.Context, row *inboxapi.Thread, name string) error {
	if name == "" {
		return nil
	}
	m, ok, err := h.bot.dir.member(ctx, name)
	switch {
	case err != nil:
		return err
	case !ok:
		h.bot.Logger.Error("no such member to assign", "thread", h.c.thread, "member", name)
		return nil
	case row.AssigneeID != nil && *row.AssigneeID == m.ID:
		return nil
	}
	_, err = h.bot.Inbox.UpdateThread(ctx, row.ID, inboxapi.ThreadUpdate{Assignee: inboxapi.Set(m.ID)})
	var refused *inboxapi.Error
	if errors.As(err, &refused) && permanent(refused.Status) {
		h.bot.Logger.Error("handed over without its assignee", "thread", h.c.thread, "member", name, "err", err)
		return nil // the tag shows it to the team
	} else if err != nil {
		return fmt.Errorf("assign: %w", err)
	}
	return nil
}

// noteOf is the line that tells the team why a thread is theirs. It depends on
// the record alone, so that it is found again when the handoff is repeated.
func noteOf(r Record) string {
	return fmt.Sprintf("[inboxbot %s] handed over: %s", r.MessageAt.UTC().Format("2006-01-02 15:04 UTC"), oneLine(r.Reason))
}

// withNote appends line to what the team wrote, unless it stands there already.
func withNote(notes *string, line string) (string, bool) {
	switch {
	case notes == nil || strings.TrimSpace(*notes) == "":
		return line, true
	case strings.Contains(*notes, line):
		return *notes, false
	}
	return strings.TrimRight(*notes, "\n") + "\n" + line, true
}

// ensureTag returns the ID of the tag with that name, and creates it when the
// team has none. Two that create it at once end with the one that came first.
func (b *Bot) ensureTag(ctx context.Context, name string) (string, error) {
	for _, age := range []time.Duration{directoryAge, directoryPause} {
		if err := b.dir.refreshTags(ctx, age); err != nil {
			return "", err
		}
		if id, ok := b.dir.tagID(name); ok {
			return id, nil
		}
	}
	tag, err := b.Inbox.CreateTag(ctx, name, "")
	if err == nil {
		return tag.ID, errors.Join(b.dir.refreshTags(ctx, 0))
	}
	if refreshErr := b.dir.refreshTags(ctx, 0); refreshErr != nil {
		return "", refreshErr
	}
	if id, ok := b.dir.tagID(name); ok {
		return id, nil
	}
	return "", fmt.Errorf("create tag %q: %w", name, err)
}

// typing shows the prospect that somebody is writing, where X can show it and
// the bot has little to do: a signal costs a request of the team's quota. It is
// never in the way.
func (b *Bot) typing(ctx context.Context, c *Conversation) {
	off := c.Thread.TypingEnabled != nil && !*c.Thread.TypingEnabled
	if !b.cfg.Live || off || c.Thread.Variant != inboxapi.VariantXChat || b.work.inHand() > 2 {
		return
	}
	b.background.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
		defer cancel()
		if _, err := b.Inbox.Typing(ctx, c.Thread.ID); err != nil {
			b.Logger.Debug("typing", "thread", c.Thread.ID, "err", err)
		}
	})
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
