package bot_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"inboxbot/bot"
	"inboxbot/inboxapi"
	"inboxbot/inboxapi/inboxapitest"
)

// garbled is an Inbox whose lists have rows that cannot be decoded, those of the
// thread; and asked for it alone, it answers as badly as often as bad says.
type garbled struct {
	bot.Inbox
	thread string
	bad    int
}

func (g *garbled) ListThreads(ctx context.Context, q inboxapi.ThreadQuery) (*inboxapi.ThreadPage, error) {
	page, err := g.Inbox.ListThreads(ctx, q)
	if err != nil {
		return nil, err
	}
	var rows []inboxapi.Thread
	for _, row := range page.Threads {
		if row.ID == g.thread {
			page.Malformed = append(page.Malformed, inboxapi.MalformedRow{ID: row.ID, Err: inboxapi.ErrMalformed})
			continue
		}
		rows = append(rows, row)
	}
	page.Threads = rows
	return page, nil
}

func (g *garbled) GetThread(ctx context.Context, id string) (*inboxapi.Thread, error) {
	if id == g.thread && g.bad > 0 {
		g.bad--
		return nil, fmt.Errorf("threads.get: %w", inboxapi.ErrMalformed)
	}
	return g.Inbox.GetThread(ctx, id)
}

// Whoever wrote into a thread whose list row cannot be decoded gets an answer where
// the thread itself can be, and else a person hears of the thread by its name.
func TestARowThatCannotBeDecodedLosesNobody(t *testing.T) {
	const always = 1 << 30
	for _, row := range []struct {
		name     string
		bad      int
		scene    func(w *scene, th inboxapi.Thread)
		said     []string
		guard    string // that handed over, "" for none
		untagged int
	}{
		{"the thread alone can be read", 0, func(*scene, inboxapi.Thread) {}, []string{"ok"}, "", 0},
		{"so it can in time", 2, func(*scene, inboxapi.Thread) {}, []string{"ok"}, "", 0},
		{"and the prospect writes again", 0, func(w *scene, th inboxapi.Thread) {
			go func() {
				time.Sleep(time.Hour)
				w.sim.Receive(th.ID, "and to Norway?")
			}()
		}, []string{"ok", "ok"}, "", 0},
		{"nor can the thread", always, func(*scene, inboxapi.Thread) {}, nil, "unknown-author", 1},
		{"nor can the thread, in which we wrote last", always, func(w *scene, th inboxapi.Thread) {
			w.sim.Write(th.ID, inboxapitest.PersonInInbox, "We do.")
		}, nil, "", 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			inScene(t, func(w *scene) {
				var log bytes.Buffer
				th := w.thread("do you ship to Austria?")
				g := &garbled{thread: th.ID, bad: row.bad}
				w.deps = func(d *bot.Deps) {
					g.Inbox, d.Inbox = d.Inbox, g
					d.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))
				}
				row.scene(w, th)
				b := w.start()
				ctx, cancel := context.WithTimeout(w.t.Context(), 3*time.Hour)
				defer cancel()
				if err := b.Run(ctx); err != nil {
					w.t.Fatal(err)
				}
				w.said(th.ID, row.said...)
				if row.guard != "" {
					w.outcome(th.ID, bot.Handoff, row.guard)
				}
				if n := b.Health().UntaggedHandoffs; n != row.untagged {
					t.Errorf("%d handed over without a tag, want %d", n, row.untagged)
				}
				if n := strings.Count(log.String(), "handed over without its tag"); n != row.untagged {
					t.Errorf("said %d times that nobody can find the thread by its tag:\n%s", n, log.String())
				}
				if n := strings.Count(log.String(), "row trouble"); n == 0 || n > 4 {
					t.Errorf("said %d times in three hours that the row cannot be read:\n%s", n, log.String())
				}
				if n := w.sim.Requests()[opMessages]; n > 10 {
					t.Errorf("its messages were read %d times in three hours", n)
				}
			})
		})
	}
}
