package bot

import (
	"context"
	"fmt"
	"slices"
	"time"

	"inboxbot/inboxapi"
)

// Somebody may wait behind a message of ours that is the newest of a thread: behind
// what a campaign sent to many, which answers nobody, and behind a reply that the
// store forgot (see hidden.go). A list does not show it, so such a thread is read,
// once for each such message.

// Behind remembers behind which messages of ours the bot has looked and found nobody
// who waits, so that a process that starts does not read all of them again. What is
// forgotten costs a request for each.
type Behind interface {
	// LookedBehind returns the last look that was kept of each of the threads.
	LookedBehind(ctx context.Context, threads []string) (map[string]Looked, error)
	// KeepLooked keeps a thread's look, for d, in place of the one before it.
	KeepLooked(ctx context.Context, thread string, l Looked, d time.Duration) error
}

// Looked is a look behind a message.
type Looked struct {
	MessageID string
	At        time.Time // on the API's clock, in milliseconds
}

// isCampaigns reports whether a row's newest message is one that a campaign sent to
// many: somebody may wait behind it. It does so once for each such message, and for
// none so old that who waits behind it is too old too.
func (b *Bot) isCampaigns(row *inboxapi.Thread) bool {
	m := row.LastMessage
	return m.CampaignID != nil && b.Now().Sub(m.CreatedAt) <= b.cfg.MaxAge && b.said.first("campaign "+row.ID, m.ID)
}

// untilBehind is how long from now a row is read that may hide somebody: behind a
// campaign's message, as late as a second look after a send of ours, for what came
// just before it may be listed just after it.
func (b *Bot) untilBehind(row *inboxapi.Thread) time.Duration {
	if row.LastMessage.CampaignID == nil {
		return 0
	}
	return max(0, b.cfg.FollowUp-b.Now().Sub(row.LastMessage.CreatedAt))
}

// notLooked leaves out the rows that some process has looked behind, and where a
// reply was forgotten, has done so since.
func (b *Bot) notLooked(ctx context.Context, rows []*inboxapi.Thread) []*inboxapi.Thread {
	if b.Behind == nil || len(rows) == 0 {
		return rows
	}
	threads := make([]string, len(rows))
	for i, row := range rows {
		threads[i] = row.ID
	}
	looked, err := b.Behind.LookedBehind(ctx, threads)
	if err != nil {
		b.complain("redis", fmt.Errorf("looked behind: %w", err))
	}
	return slices.DeleteFunc(rows, func(row *inboxapi.Thread) bool {
		l, m := looked[row.ID], row.LastMessage
		return l.MessageID == m.ID && (m.CampaignID != nil || !b.state.beforeLoss(l.At))
	})
}

// keepLooked keeps that nobody waits any more behind the thread's newest message, once
// whatever came just before a campaign's can be seen.
func (h *handling) keepLooked(ctx context.Context) {
	if h.bot.Behind == nil || h.conv == nil || !h.conv.Read {
		return
	}
	newest, ok := h.conv.newest()
	if !ok || newest.Writer != WriterCampaign && h.conv.forgotten == 0 {
		return
	}
	if left := h.bot.cfg.FollowUp - h.conv.Now.Sub(newest.At); newest.Writer == WriterCampaign && !h.bot.cfg.isDue(left) {
		return // read early, for another reason
	}
	if err := h.bot.Behind.KeepLooked(ctx, h.c.thread, Looked{newest.ID, h.conv.Now}, h.bot.cfg.MaxAge); err != nil {
		h.bot.complain("redis", fmt.Errorf("looked behind: %w", err))
	}
}
