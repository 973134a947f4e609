package bot

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// DraftState is where a draft that is not sent at once stands.
type DraftState string

// The states of a draft. Only a waiting draft can be decided about, and only an
// approved one is sent.
const (
	DraftWaiting   DraftState = "waiting"   // for a person of the team
	DraftApproved  DraftState = "approved"  // to be sent, if the thread is still as it was
	DraftRejected  DraftState = "rejected"  // the thread is left alone
	DraftHandoff   DraftState = "handoff"   // a person of the team answers instead
	DraftWithdrawn DraftState = "withdrawn" // overtaken: the prospect or a person wrote meanwhile
	DraftExpired   DraftState = "expired"   // nobody decided in time; a person gets the thread
	DraftSent      DraftState = "sent"
	DraftShadow    DraftState = "shadow"   // nobody is asked: it is kept to be compared with what a person answers
	DraftCompared  DraftState = "compared" // that was done, or no answer came
)

// Next are the states that a draft may move to from s.
func (s DraftState) Next() []DraftState {
	switch s {
	case DraftWaiting:
		return []DraftState{DraftApproved, DraftRejected, DraftHandoff, DraftWithdrawn, DraftExpired}
	case DraftApproved:
		return []DraftState{DraftSent, DraftWithdrawn}
	case DraftShadow:
		return []DraftState{DraftCompared}
	case DraftRejected, DraftHandoff, DraftWithdrawn, DraftExpired, DraftSent, DraftCompared:
	}
	return nil
}

// Draft is a reply that waits for a person's approval. There is one per thread
// and message; a newer one of the thread takes its place.
type Draft struct {
	ID        string // new for every draft
	Thread    string
	MessageID string // the newest inbound message it answers
	State     DraftState
	Text      string // as the model wrote it
	Final     string // as a person edited it, "" when unchanged

	Prospect, ProspectID, Account string // for people: who it is for
	Asked                         string // the texts it answers, a line each
	Reason, Guard, Generation     string
	MadeAt, Until                 time.Time // on the API's clock; a waiting draft expires at Until

	By        string // who decided, and when
	DecidedAt time.Time
}

// Words is what would be sent.
func (d Draft) Words() string {
	if d.Final != "" {
		return d.Final
	}
	return d.Text
}

// Drafts keeps drafts, one per thread.
type Drafts interface {
	// Draft returns a thread's draft, a zero Draft when there is none.
	Draft(ctx context.Context, thread string) (Draft, error)
	// KeepDraft puts d in place of whatever draft the thread has. The same draft may
	// be kept again: what became of it since stays. Once l has ended it returns
	// ErrLeaseLost: the draft there may be another process's, and decided about. A
	// zero l is not asked after.
	KeepDraft(ctx context.Context, l Lease, d Draft) error
	// MoveDraft moves the draft with this ID to a state that Next allows. The same
	// move may be repeated. It returns ErrRecorded when the draft is elsewhere by
	// now, or another one has taken its place.
	MoveDraft(ctx context.Context, thread, id string, to DraftState) error
}

// Spent is what the model has cost on one day.
type Spent struct {
	Tokens   int64
	MicroUSD int64 // millionths of a dollar
}

// Purse counts what the model costs, for all processes of the team.
type Purse interface {
	// Spend adds s to the day's account and returns what it comes to; a zero s only
	// asks. Days are named by their date, 2006-01-02, and forgotten after a month.
	Spend(ctx context.Context, day string, s Spent) (Spent, error)
}

// Echoes remembers to whom a text was said.
type Echoes interface {
	// Echo notes that the text with this Fingerprint is for the thread, and returns
	// how many other threads it was for within the last 24 hours, at most 100.
	Echo(ctx context.Context, sum, thread string) (others int, err error)
}

// awaitsApproval is the reason of a record whose draft waits for a person.
const awaitsApproval = "a draft waits for approval"

// draftLook is how often a thread whose draft waits is looked at though nobody has
// decided and no list shows a change. It costs a request.
const draftLook = time.Hour

// guardApproval is named where a person's decision about a draft decides.
const guardApproval = "approval"

// awaits reports whether r's message has a draft that waits for a person.
func (r Record) awaits() bool {
	return (r.State == StateWaiting || r.State == StateRetry) && r.Reason == awaitsApproval
}

// approvedBy begins the reason of a record whose words a person has approved.
const approvedBy = "approved by "

func (r Record) approved() bool { return strings.HasPrefix(r.Reason, approvedBy) }

// isDrafts reports whether r's words may be those of a draft that people approve: the
// bot that sends, or tries again, need not be the one that asked them.
func (h *handling) isDrafts(r Record) bool {
	return h.bot.drafts(h.gen) || h.bot.Drafts != nil && r.approved()
}

// mayHaveDraft reports whether r's message may have a draft of the kind that
// people approve: one that waits, or one whose send certainly did not happen.
func (h *handling) mayHaveDraft(r Record) bool {
	return h.bot.Drafts != nil && r.awaits() || r.State == StateRetry && h.isDrafts(r)
}

// drafts reports whether people may be asked to approve replies at all.
func (b *Bot) drafts(gen *Generation) bool {
	return b.Drafts != nil && (b.cfg.Approve || gen.Approves)
}

// wantsApproval reports whether drafts go to people, by the mode or by the guard.
func (h *handling) wantsApproval(o Outcome) bool {
	return h.bot.Drafts != nil && h.bot.cfg.Live && (h.bot.cfg.Approve || o.Approve)
}

// decided goes on with a thread whose draft waits for a person, and reports false
// when the draft is overtaken and the thread has to be judged afresh. A person's
// approval overrides the rule author's guards, never the bot's own.
func (h *handling) decided(ctx context.Context) (result, bool) {
	b := h.bot
	d, err := b.Drafts.Draft(ctx, h.c.thread)
	if err != nil {
		return b.failed(ctx, h.c, "redis", fmt.Errorf("draft: %w", err)), true
	}
	if r, current := h.stillTrue(ctx, d); !current {
		return r, r != (result{})
	}
	h.verdict.Guard = guardApproval
	switch d.State {
	case DraftWaiting:
		return h.undecided(ctx, d)
	case DraftApproved:
		if h.lease.StoreNow.Sub(d.DecidedAt) > b.cfg.MaxAge {
			return h.unsentFor(ctx, d), true
		}
		h.verdict.Guard = d.Guard
		o := Outcome{Action: Reply, Reason: approvedBy + oneLine(d.By), Text: d.Words()}
		h.verdict.Outcome = o
		return h.reply(ctx, o), true
	case DraftRejected:
		o := Outcome{Action: Skip, Reason: "draft rejected by " + oneLine(d.By)}
		h.verdict.Outcome = o
		return h.skipForGood(ctx, o), true
	case DraftHandoff:
		return h.handOff(ctx, Outcome{Action: Handoff, Cause: CauseDraft, Reason: "given to a person by " + oneLine(d.By)}), true
	case DraftExpired:
		return h.expired(ctx), true
	case DraftWithdrawn, DraftSent, DraftShadow, DraftCompared:
	}
	return result{}, false
}

// stillTrue reports whether d answers what stands in the thread, and no guard of
// the bot's own keeps it from being sent. A draft that is overtaken is withdrawn.
// With a result, the thread waits for something that passes.
func (h *handling) stillTrue(ctx context.Context, d Draft) (result, bool) {
	last, _ := h.conv.about()
	same := d.MessageID == last.ID && d.Asked == asked(h.conv)
	j := judge{cfg: h.bot.cfg, gen: h.gen, own: h.bot.dir.isOwnPlatformID}
	v, fired := j.ownGuards(h.conv)
	passes := fired && v.Outcome.Action == Wait && v.Guard != safetyTookOver
	switch {
	case !same:
	case passes && d.State == DraftWaiting && !d.Until.After(h.conv.Now): // it is not sent any more
		return result{}, true
	case passes:
		h.verdict = v
		return h.wait(ctx, h.bot.again(h.conv, v)), false
	case !fired:
		return result{}, true
	}
	if d.State == DraftHandoff && !fired && d.unheard(h.lease.Record) {
		return result{}, true // a person has taken the thread, whatever the prospect has written since
	}
	if d.State == DraftWaiting || d.State == DraftApproved {
		if !h.moveDraft(ctx, d, DraftWithdrawn) {
			return result{again: time.Second}, false
		}
		h.bot.Logger.Info("draft withdrawn: it does not answer what stands in the thread now", "thread", h.c.thread, "guard", v.Guard)
	}
	return result{}, false
}

// hasDraft reports whether the record's message has, or may have, a draft of the kind
// that people approve. What is in the ledger tells, but for a process that was killed
// between keeping a draft and noting that it waits. A draft about an earlier message,
// of which what is in the ledger now knows nothing, is withdrawn.
func (h *handling) hasDraft(ctx context.Context) (bool, error) {
	b, r := h.bot, h.lease.Record
	switch {
	case h.mayHaveDraft(r):
		return true, nil
	case r.State != StateWaiting || !b.drafts(h.gen):
		return false, nil
	}
	d, err := b.Drafts.Draft(ctx, h.c.thread)
	if err != nil {
		return false, fmt.Errorf("draft: %w", err)
	}
	switch d.State {
	case DraftWaiting, DraftApproved:
		if d.MessageID == r.MessageID {
			return true, nil
		}
		if !h.moveDraft(ctx, d, DraftWithdrawn) { // else it would wait for nothing once the thread is done
			return false, errors.New("the draft about an earlier message could not be withdrawn")
		}
		b.Logger.Info("draft withdrawn: the prospect has written since", "thread", h.c.thread)
	case DraftRejected, DraftExpired:
		return d.MessageID == r.MessageID, nil
	case DraftHandoff:
		return d.unheard(r), nil
	case DraftWithdrawn, DraftSent, DraftShadow, DraftCompared:
	}
	return false, nil
}

// unheard reports whether the ledger has not heard what was decided about d.
func (d Draft) unheard(r Record) bool {
	ended, at := r.ended()
	return d.MessageID != ended && d.MadeAt.After(at)
}

// undecided keeps a draft waiting, until its time is over or the rules of today
// would not have it. A guard that would have the thread wait lets it: opening hours
// end every evening, and a draft made anew in the morning would never expire.
func (h *handling) undecided(ctx context.Context, d Draft) (result, bool) {
	b := h.bot
	judged := b.judge(h.gen, h.conv).Outcome.Action
	switch left := d.Until.Sub(h.conv.Now); {
	case left <= 0:
		if !h.moveDraft(ctx, d, DraftExpired) {
			return result{again: time.Second}, true // somebody decided this very moment
		}
		return h.expired(ctx), true
	case judged != Reply && judged != Wait:
		if !h.moveDraft(ctx, d, DraftWithdrawn) {
			return result{again: time.Second}, true
		}
		return result{}, false
	default:
		return h.awaitDecision(ctx, d, left), true
	}
}

// expired gives the thread to a person, for nobody approved what was drafted.
func (h *handling) expired(ctx context.Context) result {
	h.verdict.Guard = guardApproval
	return h.handOff(ctx, Outcome{Action: Handoff, Cause: CauseDraft, Reason: fmt.Sprintf("nobody approved the draft within %s", Brief(h.bot.cfg.DraftTTL))})
}

// unsentFor gives the thread to a person, for what was approved could not be sent: the
// bot was paused, perhaps. By now it may say what is true no more.
func (h *handling) unsentFor(ctx context.Context, d Draft) result {
	if !h.moveDraft(ctx, d, DraftWithdrawn) {
		return result{again: time.Second}
	}
	reason := fmt.Sprintf("the draft was approved by %s and not sent within %s", oneLine(d.By), Brief(h.bot.cfg.MaxAge))
	return h.handOff(ctx, Outcome{Action: Handoff, Cause: CauseDraft, Reason: reason})
}

// outOfTime sets until when people may approve the draft to come. While a message
// that an earlier draft was about is unanswered, and more has been written since, that
// is no later than it was then: who writes on every few hours would never be given to a
// person. With a result, it is over, and no draft is made.
func (h *handling) outOfTime(ctx context.Context) (result, bool) {
	b := h.bot
	if !h.wantsApproval(h.verdict.Outcome) {
		return result{}, false
	}
	d, err := b.Drafts.Draft(ctx, h.c.thread)
	if err != nil {
		return b.failed(ctx, h.c, "redis", fmt.Errorf("draft: %w", err)), true
	}
	offered := d.State == DraftWaiting || d.State == DraftApproved || d.State == DraftWithdrawn || d.State == DraftExpired
	waiting := h.conv.Unanswered()
	if i := slices.IndexFunc(waiting, func(t Turn) bool { return t.ID == d.MessageID }); !offered || i < 0 || i == len(waiting)-1 {
		return result{}, false
	}
	if h.until = d.Until; d.Until.After(b.Now()) {
		return result{}, false
	}
	b.model.notAsked()
	if r, stop := h.confirm(ctx); stop {
		return r, true
	}
	return h.expired(ctx), true
}

// keepDraft puts a draft before people.
func (h *handling) keepDraft(ctx context.Context, o Outcome) result {
	b := h.bot
	d := h.newDraft(o.Text, o.Reason)
	if !h.until.IsZero() && h.until.Before(d.Until) {
		d.Until = h.until
	}
	if err := b.Drafts.KeepDraft(ctx, h.lease, d); err != nil {
		return b.failed(ctx, h.c, "redis", fmt.Errorf("draft: %w", err))
	}
	h.verdict.Outcome = Outcome{Action: Wait, Reason: awaitsApproval, Text: o.Text}
	h.report(ctx)
	return h.awaitDecision(ctx, d, d.Until.Sub(b.Now()))
}

// newDraft is a draft that waits for a person.
func (h *handling) newDraft(text, reason string) Draft {
	b := h.bot
	last, _ := h.conv.about()
	return Draft{
		ID: newDraftID(), Thread: h.c.thread, MessageID: last.ID, State: DraftWaiting, Text: text,
		Prospect: h.conv.Thread.Prospect.Username, ProspectID: h.conv.Thread.Prospect.PlatformID, Account: h.conv.Account.Username,
		Asked: asked(h.conv), Reason: reason, Guard: h.verdict.Guard, Generation: h.gen.Hash,
		MadeAt: b.Now(), Until: b.Now().Add(b.cfg.DraftTTL),
	}
}

// awaitDecision leaves the thread open until somebody decides about d.
func (h *handling) awaitDecision(ctx context.Context, d Draft, left time.Duration) result {
	b := h.bot
	again := max(min(left, draftLook), time.Second) // else it would not be open any more
	h.verdict.Guard = cmp.Or(h.verdict.Guard, guardApproval)
	if err := h.tryAdvance(ctx, h.next(StateWaiting, Outcome{Reason: awaitsApproval}), again); err != nil {
		if errors.Is(err, ErrRecorded) { // another process was quicker: nobody would come back to this draft
			h.moveDraft(ctx, d, DraftWithdrawn)
		}
		return b.failed(ctx, h.c, "redis", errNotMoved)
	}
	b.postpone(ctx, h.c.thread, again)
	// Who decided between the two lines above made the thread due, in vain.
	if now, err := b.Drafts.Draft(ctx, h.c.thread); err != nil || now.ID != d.ID || now.State != DraftWaiting {
		again = time.Second
	}
	return result{again: again, parked: true}
}

// moveDraft reports whether d was moved. A draft that cannot be moved is found
// where it is at the next look.
func (h *handling) moveDraft(ctx context.Context, d Draft, to DraftState) bool {
	ctx, cancel := lasting(ctx, ledgerTimeout)
	defer cancel()
	err := h.bot.Drafts.MoveDraft(ctx, d.Thread, d.ID, to)
	if err != nil && !errors.Is(err, ErrRecorded) {
		h.bot.complain("redis", fmt.Errorf("draft: %w", err))
	}
	return err == nil
}

// draftSent ends the draft whose words have been sent.
func (h *handling) draftSent(ctx context.Context, r Record) {
	if !h.isDrafts(r) {
		return
	}
	ctx, cancel := lasting(ctx, ledgerTimeout)
	defer cancel()
	d, err := h.bot.Drafts.Draft(ctx, h.c.thread)
	if err == nil && d.MessageID == r.MessageID && d.State == DraftApproved {
		h.moveDraft(ctx, d, DraftSent)
	}
}

// asked is everything that waits for an answer: a draft stands only while that is
// what the thread says.
func asked(c *Conversation) string {
	var texts []string
	for _, t := range c.Unanswered() {
		texts = append(texts, t.Text)
	}
	return strings.Join(texts, "\n")
}

func newDraftID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
