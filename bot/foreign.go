package bot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"inboxbot/inboxapi"
)

// Two deployments for one team on two Redis servers cannot see each other's records:
// either may answer what the other has just answered. No lock can keep them apart,
// for Inbox is all they share. What shows is replies that came through the API and
// that the ledger does not know: those of the last hour are looked for once, before
// this process sends anything, and those that come later are noticed as threads are
// read.

const (
	foreignFor     = 24 * time.Hour // for so long one counts: the ledger forgets in the end, and that may have been the bot's own
	foreignAtStart = time.Hour      // how old one may be that is looked for at the start
	foreignReads   = 5              // most threads that are read for that
)

var errForeign = errors.New("another client of the Inbox API answers threads too; if that is a second inboxbot, both must share one REDIS_URL")

// noticeForeign tells of replies that another client of the API sent of late, while
// this bot was live. What was sent before the store lost its memory may have been
// this bot's, too.
func (b *Bot) noticeForeign(c *Conversation) {
	for _, t := range c.Turns {
		isNew := c.Now.Sub(t.At) < foreignFor && t.At.After(b.began) && !b.state.beforeLoss(t.At)
		if t.Writer == WriterAPI && b.cfg.Live && isNew && b.said.first("foreign "+t.ID, "") {
			b.Metrics.foreign.Inc()
			b.complain("foreign", errForeign)
		}
	}
}

// startLook is what this process has seen of the replies that were sent before it
// began. Only the goroutine that sweeps uses it.
type startLook struct {
	rows []*inboxapi.Thread // whose newest message may be such a reply, the newest first
	done bool
}

// suspect keeps a row whose newest message is ours, if that may be another client's.
func (b *Bot) suspect(row *inboxapi.Thread) {
	if !b.atStart.done && b.cfg.Live && b.mayBeForeign(row) {
		b.atStart.rows = append(b.atStart.rows, row)
	}
}

func (b *Bot) mayBeForeign(row *inboxapi.Thread) bool {
	m := row.LastMessage
	return m.CampaignID == nil && m.CreatedAt.Before(b.began) && b.began.Sub(m.CreatedAt) <= foreignAtStart
}

// lookForForeign says, once, whether somebody else seems to answer this team's threads.
func (b *Bot) lookForForeign(ctx context.Context) {
	if b.atStart.done {
		return
	}
	rows := b.atStart.rows
	b.atStart = startLook{done: true}
	ctx, cancel := context.WithTimeout(ctx, foreignPatience)
	defer cancel()
	switch found, err := b.foreignIn(ctx, rows); {
	case err != nil:
		b.Logger.Warn("could not tell whether another deployment answers this team's threads", "err", err)
	case found != nil:
		b.complain("foreign", found)
	}
}

// foreignPatience is how long the first sends wait for this look.
const foreignPatience = 10 * time.Second

// Foreign looks for replies of the last hour that came through the API and that the
// ledger does not know, as a bot does when it starts, and returns an error that says
// so and what to do; nil when there are none. It costs a list request, and up to five
// reads if there are threads that the ledger does not know the last reply of.
func (b *Bot) Foreign(ctx context.Context) (found, err error) {
	page, err := b.Inbox.ListThreads(ctx, inboxapi.ThreadQuery{View: inboxapi.ViewDefault, Limit: pageSize})
	if err == nil {
		err = b.dir.refreshAccounts(ctx, directoryAge)
	}
	if err != nil {
		return nil, err
	}
	var rows []*inboxapi.Thread
	for i := range page.Threads {
		row := &page.Threads[i]
		if m := row.LastMessage; m != nil && b.dir.sideOf(m.AuthorID, row) == SideOurs && b.mayBeForeign(row) {
			rows = append(rows, row)
		}
	}
	return b.foreignIn(ctx, rows)
}

// foreignIn reads the first of the rows whose newest message the ledger does not know.
func (b *Bot) foreignIn(ctx context.Context, rows []*inboxapi.Thread) (found, err error) {
	if len(rows) == 0 {
		return nil, nil
	}
	ids := make([]string, len(rows))
	for i, row := range rows {
		ids[i] = row.ID
	}
	records, err := b.Ledger.Records(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("records: %w", err)
	}
	var replies, reads int
	var example string
	for _, row := range rows {
		rec := records[row.ID]
		if _, own := rec.Own[row.LastMessage.ID]; own || rec.State == StateIntent { // its reply may be the one
			continue
		}
		if reads++; reads > foreignReads {
			break
		}
		page, err := b.Inbox.ListMessages(ctx, row.ID, inboxapi.MessageQuery{Limit: transcriptLimit})
		if errors.Is(err, inboxapi.ErrNotFound) {
			continue
		} else if err != nil {
			return nil, fmt.Errorf("messages: %w", err)
		}
		theirs := slices.DeleteFunc(b.dir.turnsOf(page.Messages, row, &rec), func(t Turn) bool {
			return t.Writer != WriterAPI || b.began.Sub(t.At) > foreignAtStart
		})
		if replies += len(theirs); len(theirs) > 0 && example == "" {
			example = row.ID
		}
	}
	if replies == 0 {
		return nil, nil
	}
	return fmt.Errorf("replies of the last hour came through the Inbox API and are not known to this Redis (%d seen, one in thread %s): "+
		"it was emptied or is new to this team, or another client of the API answers too; "+
		"if that is a second inboxbot, stop one or give both the same REDIS_URL, for two of them answer twice", replies, example), nil
}
