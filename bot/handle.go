package bot

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"inboxbot/inboxapi"
)

// handle takes one thread through every station, in order, and says when to
// look at it again.
func (b *Bot) handle(ctx context.Context, c *candidate) result {
	gen := b.Generation()
	lease, err := b.Claims.Claim(ctx, c.thread)
	if errors.Is(err, ErrHeld) {
		return result{again: heldPause + rand.N(heldPause)}
	} else if err != nil {
		return b.failed(ctx, c, "redis", fmt.Errorf("claim: %w", err))
	}
	if lease.Record.State == StateNone {
		lease.Record.SeenAt = c.seen // the store may have forgotten that it waits
	}
	h := &handling{bot: b, c: c, gen: &gen, lease: lease, started: time.Now()}
	defer h.release(ctx)
	defer h.costs.Wait()

	switch lease.Record.State {
	case StateIntent: // somebody may have sent: never again
		return h.reconcile(ctx)
	case StateHanding:
		return h.finishHandoff(ctx)
	default: // it is judged below
	}
	if again := h.untilSecondLook(); again > 0 && h.showsOurs() {
		b.postpone(ctx, c.thread, again)
		return result{again: again, parked: true}
	}

	// Everything up to the send ends while the lease certainly lasts.
	until := time.Now().Add(lease.Left(time.Now()) - b.cfg.Send - b.cfg.lookTime())
	work, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	awaits, err := h.hasDraft(work)
	if err != nil {
		return b.failed(ctx, c, "redis", err)
	}
	if !awaits {
		if r, ok := h.judgeRow(work); ok {
			return r
		}
	}
	// A second look after a send asks the model nothing, unless it finds somebody.
	asks := !b.looksBack(lease.Record) && !awaits
	if o, stop := h.mayReply(ctx); stop { // nor read what it could not answer
		return result{again: o.again, parked: true, held: asks}
	}
	if asks && !b.model.mayAsk(time.Now(), b.cfg.ModelPatience) {
		return result{again: modelProbe}
	}
	ctx, end := h.trace(ctx)
	defer end()
	work, cancel = context.WithDeadline(ctx, until)
	defer cancel()
	switch err := h.converse(work, asks && lease.Record.State != StateRetry); {
	case errors.Is(err, inboxapi.ErrNotFound):
		return h.gone(ctx, err)
	case errors.Is(err, errUnreadable):
		h.verdict.Guard = "unreadable"
		return h.handOff(ctx, Outcome{Action: Handoff, Cause: CauseDoubt, Reason: errUnreadable.Error()})
	case err != nil:
		return b.failed(ctx, c, "inbox", err)
	}

	if m, ok := h.conv.newest(); ok && m.Side != SideOurs && lease.Record.Done(m.ID, m.At) {
		if b.looksBack(lease.Record) {
			return h.secondLook(ctx)
		}
		b.close(ctx, lease) // another process was quicker
		return result{}
	}
	if awaits {
		if r, ok := h.decided(work); ok {
			return r
		}
	}
	if len(h.conv.Unanswered()) > 0 {
		b.work.found(c)
	}
	h.verdict = b.judge(&gen, h.conv)
	if asks && h.verdict.Outcome.Action != Reply {
		b.model.notAsked()
	}
	switch o := h.verdict.Outcome; o.Action {
	case Skip:
		if len(h.conv.Unanswered()) == 0 {
			h.keepLooked(ctx)
		}
		return h.skip(ctx, o)
	case Wait:
		return h.wait(ctx, b.again(h.conv, h.verdict))
	case Handoff:
		return h.handOff(ctx, o)
	case Reply: // goes on below
	}

	if r, stop := h.outOfTime(work); stop {
		return r
	}
	if r, stop := h.unaffordable(ctx); stop {
		return r
	}
	if err := h.ask(work); err != nil { // the model is out of reach; what it answered, however odd, is an outcome
		return h.modelDown(ctx, err)
	}
	o := h.verdict.Outcome
	if o.Action != Reply || h.wantsApproval(o) {
		if r, stop := h.confirm(work); stop {
			return r
		}
	}
	switch o.Action {
	case Skip:
		return h.skipForGood(ctx, o)
	case Handoff:
		return h.handOff(ctx, o)
	case Reply, Wait: // a model cannot say wait
	}
	if h.wantsApproval(o) {
		return h.keepDraft(ctx, o)
	}
	return h.reply(ctx, o)
}

const heldPause = 2 * time.Second

// trace begins what a tracing system shows of the thread.
func (h *handling) trace(ctx context.Context) (context.Context, func()) {
	if h.bot.Trace == nil {
		return ctx, func() {}
	}
	ctx, end := h.bot.Trace(ctx, h.c.thread)
	return ctx, func() {
		v := h.verdict
		end(Handled{
			Thread: h.c.thread, Outcome: v.Outcome.Action, Guard: v.Guard, Cause: v.Outcome.Cause, Mode: h.bot.mode(), Generation: h.gen.Hash,
			Tokens: h.thought.Tokens, USD: h.bot.cfg.Prices.USD(h.thought.Tokens), Elapsed: time.Since(h.started),
		})
	}
}

// handling is one thread on its way through the stations.
type handling struct {
	bot      *Bot
	c        *candidate
	gen      *Generation
	lease    Lease
	conv     *Conversation
	verdict  Verdict
	thought  Thought
	compared *Comparison // with what a person answered
	until    time.Time   // when the draft to come expires at the latest, as one before it would have; zero: in its own time
	started  time.Time
	costs    sync.WaitGroup // the day's account, being written
	released bool           // the lease was given up with the last move
}

// judgeRow judges what the list row tells, when it is new enough to be a verdict
// that costs no request: a thread that goes on waiting for opening hours. Whether
// one whose newest message is ours has something hidden only its messages tell.
func (h *handling) judgeRow(ctx context.Context) (result, bool) {
	if row, _ := h.bot.work.row(h.c); row == nil {
		return result{}, false
	}
	row, err := h.row(ctx, rowMost)
	if err != nil || row.LastMessage == nil || h.bot.dir.sideOf(row.LastMessage.AuthorID, row) != SideProspect {
		return result{}, false // what is wrong shows again when the thread is read
	}
	conv, err := h.bot.fromRow(ctx, row, h.lease.Record)
	if err != nil {
		return h.bot.failed(ctx, h.c, "inbox", err), true
	}
	v := h.bot.judge(h.gen, conv)
	leaves := h.bot.leaves(v) && !h.shadowOver()
	if !v.final(conv) || v.Outcome.Action != Wait && !leaves || v.Guard == safetySettling {
		return result{}, false
	}
	h.conv, h.verdict = conv, v
	if leaves {
		return h.leave(ctx), true
	}
	return h.wait(ctx, h.bot.again(conv, v)), true
}

// converse reads the thread and its messages, or where it may, and what is kept
// of the thread allows for it, guesses them.
func (h *handling) converse(ctx context.Context, mayGuess bool) error {
	most := rowMost
	switch row, _ := h.bot.work.row(h.c); {
	case row == nil:
	case h.mayBeTagged(row):
		most = 0
	case h.bot.Now().Sub(row.SortTime()) > h.bot.cfg.MaxAge:
		most = rowAge // what is decided is decided for good: no list will show the thread again
	}
	row, err := h.row(ctx, most)
	if err != nil {
		return fmt.Errorf("thread: %w", err)
	}
	if mayGuess {
		if conv, ok := h.bot.guess(ctx, h, row); ok {
			h.conv = conv
			return nil
		}
	}
	h.c.wrong = 0
	conv, err := h.bot.read(ctx, row, h.lease.Record)
	h.conv = conv
	if err == nil {
		h.bot.noticeLag(h.c, conv)
		h.bot.recent.add(conv)
	}
	return err
}

// mayBeTagged reports whether a row without the tag of its thread's handoff may have been
// listed before another process gave it: one that was given back looks the same.
func (h *handling) mayBeTagged(row *inboxapi.Thread) bool {
	r := &h.lease.Record
	return r.HandedTag != "" && !r.heldBy(row) && h.bot.Now().Sub(r.HandedAt) < rowMost
}

// rowMost is how old a row may be that makes a thread wait. Lists are walked as far
// back as messages are answered; a thread that waits for longer, for opening hours or
// a tag to go, is read itself.
const rowMost = time.Hour

// row is the thread's row, read for it alone when no list has shown it for so long. A
// thread that cannot be decoded, however often it is read, is known by its ID alone:
// then nobody can tell who wrote what is not ours, and a person gets it.
func (h *handling) row(ctx context.Context, most time.Duration) (*inboxapi.Thread, error) {
	if row, readAt := h.bot.work.row(h.c); row != nil && time.Since(readAt) <= most {
		return row, nil
	}
	row, err := h.bot.Inbox.GetThread(ctx, h.c.thread)
	if errors.Is(err, inboxapi.ErrMalformed) && h.c.tries >= malformedTries {
		return &inboxapi.Thread{ID: h.c.thread}, nil
	} else if err != nil {
		return nil, err
	}
	h.bot.work.learn(h.c, row)
	return row, nil
}

// malformedTries is how often a thread has to come back garbled: once alone may be a
// page of something between us and Inbox.
const malformedTries = 3

// later is why a thread that should be answered has to wait all the same.
type later struct {
	Outcome
	guard string
	again time.Duration
}

// mayReply asks what has nothing to do with the thread itself: whether the store
// may begin anything yet, and whether the team has stopped the bot.
func (h *handling) mayReply(ctx context.Context) (later, bool) {
	if q := h.lease.Quarantine; q > 0 {
		return later{Outcome{Action: Wait, Reason: "the store lost its memory; sends may be on their way still"}, "quarantine", q}, true
	}
	if reason, paused := h.bot.paused(ctx); paused {
		return later{Outcome{Action: Wait, Reason: reason}, "paused", pausedPause}, true
	}
	return later{}, false
}

// pausedPause is how soon a thread is looked at again while the bot is paused.
const pausedPause = 2 * time.Second

// skip leaves the thread alone without a word in the ledger: it costs nothing to
// judge it again. Only what the ledger holds open is closed.
func (h *handling) skip(ctx context.Context, o Outcome) result {
	r := h.lease.Record
	switch {
	case h.bot.leaves(h.verdict):
		return h.leave(ctx)
	case h.verdict.Guard == safetyTurn && h.bot.looksBack(r):
		return h.secondLook(ctx)
	}
	if newest, _ := h.conv.newest(); h.verdict.Guard == safetyTurn && newest.Writer == WriterCampaign && r.State == StateNone {
		return result{} // nothing that could be told: nobody has written, or people have answered
	}
	if h.verdict.Guard == safetyTurn && (r.State == StateWaiting || r.State == StateRetry) {
		if newest, _ := h.conv.newest(); newest.At.Before(r.MessageAt) {
			h.bot.close(ctx, h.lease) // taken back, or not listed yet: then the lists will name it again
			return result{}
		}
		if r.leftAlone() {
			return h.compare(ctx)
		}
		o.Reason = "somebody else answered"
		h.verdict.Outcome = o
		r.State, r.Reason = StateAnswered, o.Reason
		h.advance(ctx, r, 0)
	} else {
		h.bot.close(ctx, h.lease)
	}
	h.report(ctx)
	return result{}
}

// secondLook is the look at a thread some time after our reply. Somebody may have
// written while it was on its way, if what was read is new enough to show the reply;
// and what Inbox accepted may not have been delivered. Whoever comes here early, as
// another process does that was about to answer too, leaves it to its time.
func (h *handling) secondLook(ctx context.Context) result {
	b, r := h.bot, h.lease.Record
	if b.shadowing() {
		return h.compare(ctx)
	}
	said := h.conv.toThem()
	if lost := h.conv.undelivered; lost.ID != "" && (len(said) == 0 || said[len(said)-1].Side != SideOurs) {
		return h.doubtReply(ctx, lost, "the reply was accepted and then not delivered")
	}
	if n := len(said); n > 0 && said[n-1].ID == r.SentID && r.Asked > 0 && h.conv.asked(r.MessageAt.Add(-b.cfg.MaxAge)) > r.Asked {
		return h.doubtReply(ctx, said[n-1], "a message was listed after our reply that was written before it: the reply does not answer it")
	}
	again := h.untilSecondLook()
	if again <= 0 && !h.shows(r.SentID) && b.Now().Sub(r.Own[r.SentID]) < secondLookFor {
		again = waitPause
	}
	if again > 0 {
		b.postpone(ctx, h.c.thread, again)
		return result{again: again, parked: true}
	}
	h.advance(ctx, r, 0)
	h.shelve(ctx)
	return result{}
}

// doubtReply hands over a thread whose last reply answers not all it should. What that
// was to has come to its end: a person gets the thread for the reply, which is newer.
func (h *handling) doubtReply(ctx context.Context, reply Turn, reason string) result {
	h.lease.Record.MessageID, h.lease.Record.MessageAt = reply.ID, reply.At
	return h.inDoubt(ctx, reason)
}

// untilSecondLook is how long the look after our reply has time.
func (h *handling) untilSecondLook() time.Duration {
	r, most := &h.lease.Record, h.bot.cfg.FollowUp
	left := min(most, most-h.bot.Now().Sub(r.Own[r.SentID]))
	if h.bot.cfg.isDue(left) {
		return 0
	}
	return left
}

// isDue reports whether a second look has so little time left that it may be made now:
// two clocks differ a little, and each look costs a request.
func (c Config) isDue(left time.Duration) bool { return left < c.FollowUp/20 }

// showsOurs reports whether the list row shows the very reply that the record
// knows: another process has sent it, and nothing has come since.
func (h *handling) showsOurs() bool {
	row, _ := h.bot.work.row(h.c)
	r := &h.lease.Record
	return r.State == StateSent && row != nil && newestID(row) == r.SentID
}

// secondLookFor is how long a thread is looked at again for our reply to show up.
const secondLookFor = 10 * time.Minute

// shows reports whether the conversation has a turn with the ID; it need not be
// there when the ID was never learned.
func (h *handling) shows(id string) bool {
	return strings.HasPrefix(id, unknownID) ||
		slices.ContainsFunc(h.conv.Turns, func(t Turn) bool { return t.ID == id })
}

// skipForGood records that the model found nothing to answer, so that it is not
// asked again about the same message.
func (h *handling) skipForGood(ctx context.Context, o Outcome) result {
	r := h.next(StateSkipped, o)
	again := h.bot.shadowAgain("")
	if !h.advance(ctx, r, again) {
		return h.bot.failed(ctx, h.c, "redis", errNotMoved)
	}
	h.report(ctx)
	return result{again: again, parked: true}
}

// wait leaves the thread open.
func (h *handling) wait(ctx context.Context, again time.Duration) result {
	h.c.seen = h.conv.Record.SeenAt
	if n, ok := h.bot.noteOf(h.conv, h.verdict, again); ok {
		h.bot.write(ctx, n)
		h.c.seen = n.Record.SeenAt
	}
	h.bot.postpone(ctx, h.c.thread, again)
	h.report(ctx)
	return result{again: again, parked: true}
}

// gone: Inbox does not know the thread. It was deleted, and nobody is there to be
// answered, or Inbox errs: so it is asked again, less and less often, for as long as
// messages are answered, and where a send is in doubt, for a while.
func (h *handling) gone(ctx context.Context, err error) result {
	b, r := h.bot, h.lease.Record
	most := b.cfg.MaxAge
	if r.State == StateIntent {
		most = goneFor
	}
	switch {
	case r.State != StateNone && h.lease.StoreNow.Sub(r.At) < most:
		again := min(time.Hour, 5*time.Second<<min(h.c.tries, 10))
		b.postpone(ctx, h.c.thread, again)
		return result{again: again, parked: true, err: err}
	case r.State == StateIntent:
		r.State, r.Reason, r.Text = StateAnswered, "the thread is gone", ""
		h.advance(ctx, r, 0)
	default:
		b.close(ctx, h.lease)
	}
	b.Logger.Warn("thread is gone", "thread", h.c.thread)
	return result{}
}

// goneFor is how long a send in doubt is looked up in a thread that Inbox does not know.
const goneFor = 30 * time.Minute

// next is a record of this handling's message in another state.
func (h *handling) next(s State, o Outcome) Record {
	last, _ := h.conv.about()
	if r := h.lease.Record; r.MessageID != "" && !r.State.Terminal() && !r.Newer(last.ID, last.At) {
		last.ID, last.At = r.MessageID, r.MessageAt // the newest has been taken back; what is decided covers it
	}
	seen := h.conv.Now
	if r := h.lease.Record; !r.SeenAt.IsZero() && !r.State.Terminal() {
		seen = r.SeenAt
	}
	return Record{
		Thread:     h.c.thread,
		State:      s,
		MessageID:  last.ID,
		MessageAt:  last.At,
		SeenAt:     seen,
		Guard:      h.verdict.Guard,
		Reason:     o.Reason,
		Generation: h.gen.Hash,
		SentSum:    h.lease.Record.SentSum,
		HandedAt:   h.lease.Record.HandedAt,
		HandedTag:  h.lease.Record.HandedTag,
		Seen:       h.lease.Record.WithSeen(h.conv.Tags...),
	}
}

// advance moves the record and reports whether it was moved. What keeps it from
// moving is not the caller's to mend: the thread stays open as it was.
func (h *handling) advance(ctx context.Context, r Record, again time.Duration) bool {
	return h.tryAdvance(ctx, r, again) == nil
}

func (h *handling) tryAdvance(ctx context.Context, r Record, again time.Duration) error {
	ctx, cancel := lasting(ctx, ledgerTimeout)
	defer cancel()
	err := h.bot.Ledger.Advance(ctx, h.lease, r, again)
	switch {
	case errors.Is(err, ErrLeaseLost), errors.Is(err, ErrRecorded), errors.Is(err, ErrQuarantine):
		h.bot.Logger.Info("record not moved", "thread", h.c.thread, "state", string(r.State), "err", err)
		return err
	case err != nil:
		h.bot.complain("redis", fmt.Errorf("record %s: %w", r.State, err))
		return err
	}
	h.lease.Record = r
	h.bot.work.recorded(h.c, r)
	h.released = h.released || r.State == StateSent
	return nil
}

// errNotMoved is why a thread has no outcome though one was decided: its record
// could not be moved. What kept it was logged.
var errNotMoved = errors.New("the record could not be moved")

const ledgerTimeout = 3 * time.Second

// lasting is a context that outlives ctx by at most d: what was begun is finished
// also when the process is told to stop.
func lasting(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), d)
}

func (h *handling) release(ctx context.Context) {
	if h.released {
		return
	}
	ctx, cancel := lasting(ctx, ledgerTimeout)
	defer cancel()
	if err := h.bot.Claims.Release(ctx, h.lease); err != nil {
		h.bot.complain("redis", fmt.Errorf("release: %w", err))
	}
}

// failed keeps a thread for another try: nothing was decided.
func (b *Bot) failed(ctx context.Context, c *candidate, what string, err error) result {
	if ctx.Err() != nil {
		return result{again: time.Second}
	}
	again := min(time.Minute, time.Second<<min(c.tries, 6))
	var api *inboxapi.Error
	if errors.As(err, &api) && api.RetryAfter > 0 {
		again = api.RetryAfter
	}
	return b.failedFor(ctx, what, err, again)
}

func (b *Bot) failedFor(ctx context.Context, what string, err error, again time.Duration) result {
	if ctx.Err() == nil {
		b.complain(what, err)
	}
	if errors.Is(err, inboxapi.ErrUnauthorized) {
		b.state.refuse(err)
	}
	return result{again: again + rand.N(again/4+1), err: err}
}
