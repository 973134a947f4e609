package bot

import (
	"context"
	"fmt"
	"strings"
	"time"

	"inboxbot/inboxapi"
)

// A person gives a thread back by taking its tag off, and the API does not tell when
// that was. What people wrote before does not keep the bot from answering, what they
// write afterwards does: then the thread is theirs again. So the ledger keeps up to
// which message a thread was seen with its tag, and what a person wrote later than
// that counts as written after it was given back.

// mayBeHeld picks the rows that people may hold just now, once for each newest message
// and the tags it is seen with.
func (b *Bot) mayBeHeld(page *inboxapi.ThreadPage) (rows []*inboxapi.Thread) {
	for i := range page.Threads {
		row := &page.Threads[i]
		m, tags := row.LastMessage, row.Prospect.Context.Tags
		if m == nil || len(tags) == 0 {
			continue
		}
		if ago := b.Now().Sub(m.CreatedAt); ago >= 0 && ago < b.cfg.TakeoverPause && b.said.first(saidHeld+row.ID, m.ID+" "+strings.Join(sorted(tags), " ")) {
			rows = append(rows, row)
		}
	}
	return rows
}

const saidHeld = "held "

// hold keeps of the rows that people do hold with which message they were seen. Where
// the store cannot be asked, for err or by itself, the next list shows them once more.
func (b *Bot) hold(ctx context.Context, rows []*inboxapi.Thread, records map[string]Record, err error) {
	held := map[string]time.Time{}
	for _, row := range rows {
		if r, at := records[row.ID], row.LastMessage.CreatedAt; r.heldBy(row) && at.After(r.HeldAt) {
			held[row.ID] = at
		}
	}
	if len(held) > 0 {
		if err = b.Ledger.Hold(ctx, held); err != nil {
			b.complain("redis", fmt.Errorf("hold: %w", err))
		}
	}
	if err == nil {
		return
	}
	for _, row := range rows {
		b.said.forget(saidHeld + row.ID)
	}
}
