package bot_test

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"inboxbot/bot"
	"inboxbot/inboxapi"
)

// endless is an Inbox whose lists go on for ever.
type endless struct {
	bot.Inbox
	pages int
}

func (e *endless) ListThreads(ctx context.Context, q inboxapi.ThreadQuery) (*inboxapi.ThreadPage, error) {
	if e.pages++; e.pages > 5000 {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	next := &inboxapi.Cursor{ID: strconv.Itoa(e.pages), Timestamp: time.Now().Format(time.RFC3339)}
	if q.Cursor != nil {
		return &inboxapi.ThreadPage{Next: next, Asked: time.Now()}, nil
	}
	page, err := e.Inbox.ListThreads(ctx, q)
	if err == nil {
		page.Next = next
	}
	return page, err
}

// A list that never ends, ends a sweep with an error that says so, and whoever is on
// it is answered all the same.
func TestASweepEndsWhereListsDoNot(t *testing.T) {
	inScene(t, func(w *scene) {
		e := &endless{}
		w.deps = func(d *bot.Deps) { e.Inbox, d.Inbox = d.Inbox, e }
		th := w.thread("do you ship to Austria?")
		b := w.start()
		ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
		defer cancel()
		if err := b.Run(ctx); err != nil {
			t.Error(err)
		}
		w.said(th.ID, "ok")
		if err := b.Ready(); err == nil || !strings.Contains(err.Error(), "no end after 1000 pages") {
			t.Errorf("ready: %v, want that the lists have no end", err)
		}
		if e.pages > 5000 {
			t.Errorf("%d pages asked for within a minute", e.pages)
		}
	})
}
