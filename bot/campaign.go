package bot

import (
	"context"
	"fmt"
	"slices"
	"time"

	"inboxbot/inboxapi"
)

// A message that a campaign sends to many answers nobody, and in a list it hides
// whoever wrote before it: such a thread is read, once for each message of a
// campaign, when whatever came just before it can be seen too.

// Campaigns remembers behind which messages of campaigns the bot has found nobody,
// so that a process that starts does not read all of them again. What is forgotten
// costs a request for each.
type Campaigns interface {
	// CampaignsRead returns those of the threads whose message, the value, was kept.
	CampaignsRead(ctx context.Context, messages map[string]string) ([]string, error)
	// KeepCampaignRead keeps a thread's message, for d, in place of one before it.
	KeepCampaignRead(ctx context.Context, thread, message string, d time.Duration) error
}

// isCampaigns reports whether a row's newest message is one that a campaign sent to
// many: somebody may wait behind it. It does so once for each such message, and for
// none so old that who waits behind it is too old too.
func (b *Bot) isCampaigns(row *inboxapi.Thread) bool {
	m := row.LastMessage
	return m.CampaignID != nil && b.Now().Sub(m.CreatedAt) <= b.cfg.MaxAge && b.said.first("campaign "+row.ID, m.ID)
}

// untilBehind is how long from now a row is read that may hide somebody: behind a
// campaign's message, as late as a second look after a send of ours.
func (b *Bot) untilBehind(row *inboxapi.Thread) time.Duration {
	if row.LastMessage.CampaignID == nil {
		return 0
	}
	return max(0, b.cfg.FollowUp-b.Now().Sub(row.LastMessage.CreatedAt))
}

// notRead leaves out the rows whose campaign's message some process has read behind.
func (b *Bot) notRead(ctx context.Context, rows []*inboxapi.Thread) []*inboxapi.Thread {
	messages := map[string]string{}
	for _, row := range rows {
		if row.LastMessage.CampaignID != nil {
			messages[row.ID] = row.LastMessage.ID
		}
	}
	if b.Campaigns == nil || len(messages) == 0 {
		return rows
	}
	read, err := b.Campaigns.CampaignsRead(ctx, messages)
	if err != nil {
		b.complain("redis", fmt.Errorf("campaigns: %w", err))
	}
	for _, thread := range read {
		delete(messages, thread)
	}
	return slices.DeleteFunc(rows, func(row *inboxapi.Thread) bool {
		return row.LastMessage.CampaignID != nil && messages[row.ID] == ""
	})
}

// keepRead keeps that nobody waits behind the campaign's message which is the
// thread's newest.
func (h *handling) keepRead(ctx context.Context) {
	newest, ok := h.conv.newest()
	if !ok || h.bot.Campaigns == nil || newest.Writer != WriterCampaign || len(h.conv.Unanswered()) > 0 {
		return
	}
	if err := h.bot.Campaigns.KeepCampaignRead(ctx, h.c.thread, newest.ID, h.bot.cfg.MaxAge); err != nil {
		h.bot.complain("redis", fmt.Errorf("campaigns: %w", err))
	}
}
