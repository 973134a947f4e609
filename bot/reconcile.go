package bot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"inboxbot/inboxapi"
)

// reconcilePause is how often a send in doubt is looked up.
const reconcilePause = 3 * time.Second

// inDoubtFor is how long after its intent a send may still turn up: its first byte
// leaves lookAge after that at the latest, its deadline and the time to become
// visible come on top.
func (c Config) inDoubtFor() time.Duration { return lookAge + c.Send + c.Visible }

// reconcile finds out what became of a send whose answer nobody has: in this
// process, in one that died, or in one that sleeps. It never sends. Our message
// is known by its words and by being newer than what stood there at the look
// before the send, never by being the last of our side.
func (h *handling) reconcile(ctx context.Context) result {
	b := h.bot
	r := h.lease.Record
	if !b.cfg.Live { // a dry run that was cut off: it would have been sent
		return h.sent(ctx, r, &inboxapi.Message{})
	}
	ctx = forPurpose(ctx, ForReconcile)
	page, err := b.Inbox.ListMessages(ctx, h.c.thread, inboxapi.MessageQuery{Limit: transcriptLimit})
	if errors.Is(err, inboxapi.ErrNotFound) {
		return h.gone(ctx, err)
	} else if err != nil {
		return b.failed(ctx, h.c, "inbox", fmt.Errorf("reconcile: %w", err))
	}
	row, err := h.row(ctx, rowMost)
	if err != nil {
		return b.failed(ctx, h.c, "inbox", fmt.Errorf("reconcile: %w", err))
	}
	h.conv, err = b.fromRow(ctx, row, r)
	if err != nil {
		return b.failed(ctx, h.c, "inbox", err)
	}
	b.withMessages(h.conv, page)
	h.verdict = Verdict{Guard: r.Guard, Outcome: Outcome{Action: Reply, Reason: r.Reason, Text: r.Text}}
	if r.Say != "" {
		h.verdict.Outcome.Action, h.verdict.Outcome.Cause = Handoff, r.Cause
	}

	age := h.lease.StoreNow.Sub(r.At)
	switch m, found := b.findSent(page.Messages, row, r); {
	case found && m.Failed:
		return h.inDoubt(ctx, "the reply was accepted and then not delivered")
	case found && r.mayHaveSent(m):
		b.Metrics.seenAfter.Observe(age.Seconds())
		return h.sent(ctx, r, m)
	case age <= b.cfg.inDoubtFor(): // also when other words stand there: ours may still come
		again := min(reconcilePause, b.cfg.inDoubtFor()-age+100*time.Millisecond)
		b.postpone(ctx, h.c.thread, again)
		return result{again: again}
	case r.Say != "": // a person gets it either way, for the reason there was
		return h.handFrom(ctx, r)
	case found && h.conv.writtenBefore(m, r):
		return h.inDoubt(ctx, "another message of ours stands in the thread, behind one that it may not have answered")
	case found:
		// Somebody wrote, or something rewrote our words: answered either way.
		r.State, r.Reason, r.Text = StateAnswered, "another message of ours stands in the thread", ""
		if !h.advance(ctx, r, 0) {
			return h.bot.failed(ctx, h.c, "redis", errNotMoved)
		}
		h.verdict.Outcome = Outcome{Action: Skip, Reason: r.Reason}
		h.report(ctx)
		return result{}
	}
	return h.inDoubt(ctx, "the reply was sent in doubt: it may have arrived")
}

// inDoubt hands over a thread whose reply may or may not have arrived.
func (h *handling) inDoubt(ctx context.Context, reason string) result {
	r := h.lease.Record
	if r.Say != "" {
		return h.handFrom(ctx, r)
	}
	r.State, r.Reason, r.Tag, r.Assign = StateHanding, reason, h.bot.cfg.HandoffTag, ""
	r.Guard, r.Cause = "in-doubt", CauseDoubt
	r.HandedAt = h.bot.Now()
	h.verdict = Verdict{Guard: r.Guard, Outcome: Outcome{Action: Handoff, Cause: CauseDoubt, Reason: reason}}
	if !h.advance(ctx, r, 10*time.Second) {
		return h.bot.failed(ctx, h.c, "redis", errNotMoved)
	}
	return h.finishHandoff(ctx)
}

// findSent finds the message of ours, no campaign's, that came after the look of r's
// intent. One with our words is preferred to one with others: that is ours, unless a
// person wrote it in Inbox.
func (b *Bot) findSent(newestFirst []inboxapi.Message, row *inboxapi.Thread, r Record) (*inboxapi.Message, bool) {
	var other *inboxapi.Message
	for i := range newestFirst {
		m := &newestFirst[i]
		if m.ID == r.Base || m.CreatedAt.Before(r.LookedAt.Add(-2*time.Second)) {
			break
		}
		_, earlier := r.Own[m.ID]
		if earlier || m.CampaignID != nil || b.dir.sideOf(m.AuthorID, row) != SideOurs || m.DeletedAt != nil {
			continue
		}
		if r.mayHaveSent(m) {
			return m, true
		}
		other = m
	}
	return other, other != nil
}

// mayHaveSent reports whether m, of our side, may be what the intent sent.
func (r *Record) mayHaveSent(m *inboxapi.Message) bool {
	return folded(m.Content) == folded(r.Text) && originOf(m) != inboxapi.OriginInternal
}

// writtenBefore reports whether the prospect wrote after the message of r and before
// m of our side, which no person wrote who would have read it.
func (c *Conversation) writtenBefore(m *inboxapi.Message, r Record) bool {
	if w := writerOf(m, &r); w == WriterPerson || w == WriterPersonX {
		return false
	}
	return slices.ContainsFunc(c.Turns, func(t Turn) bool {
		return t.Side == SideProspect && r.Newer(t.ID, t.At) && t.At.Before(m.CreatedAt)
	})
}

func (b *Bot) postpone(ctx context.Context, thread string, d time.Duration) {
	ctx, cancel := lasting(ctx, ledgerTimeout)
	defer cancel()
	if err := b.Ledger.Postpone(ctx, thread, d); err != nil {
		b.complain("redis", fmt.Errorf("postpone: %w", err))
	}
}
