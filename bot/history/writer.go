package history

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"inboxbot/bot"
)

// Appender is where a Writer takes entries.
type Appender interface {
	// LogAppendAll appends items in order, all or none. The same items may be
	// appended again when it is not known whether they arrived.
	LogAppendAll(ctx context.Context, items []Item) error
}

// Bounds of a Writer.
const (
	queueLength   = 2000 // decisions; their prompts are in memory that long
	batchLength   = 50
	batchTime     = 50 * time.Millisecond // that a decision waits for others to be appended with
	appendTimeout = 3 * time.Second
	retryLeast    = 250 * time.Millisecond
	retryMost     = 10 * time.Second
	complainEvery = time.Minute
)

// Writer takes decisions to the log behind the bot's back: handing one in never
// blocks and never fails. What finds no room while the store is away is counted
// and left out.
type Writer struct {
	to     Appender
	log    *slog.Logger
	lost   func(n int)
	queue  chan bot.Handled
	missed atomic.Int64 // since the last complaint
	told   time.Time    // when that was
}

// NewWriter returns a Writer that does nothing until it runs. lost is told how
// many decisions were left out, each once; nil: nobody.
func NewWriter(to Appender, log *slog.Logger, lost func(n int)) *Writer {
	if lost == nil {
		lost = func(int) {}
	}
	return &Writer{to: to, log: log, lost: lost, queue: make(chan bot.Handled, queueLength)}
}

// Handled hands a decision in. It returns at once.
func (w *Writer) Handled(h bot.Handled) {
	select {
	case w.queue <- h:
	default:
		w.leaveOut(1)
	}
}

func (w *Writer) leaveOut(n int) {
	w.missed.Add(int64(n))
	w.lost(n)
}

// Run appends what is handed in until ctx ends, then what is left, for at most
// ten seconds more.
func (w *Writer) Run(ctx context.Context) {
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case h := <-w.queue:
			w.keep(ctx, w.batch(ctx, h))
		}
	}
	w.flush(ctx)
}

// batch is h and what comes soon after it; once ctx has ended, what is there already.
func (w *Writer) batch(ctx context.Context, h bot.Handled) []Item {
	ctx, cancel := context.WithTimeout(ctx, batchTime)
	defer cancel()
	items := []Item{itemOf(h)}
	for len(items) < batchLength {
		select {
		case h := <-w.queue:
			items = append(items, itemOf(h))
		case <-ctx.Done():
			if len(w.queue) == 0 {
				return items
			}
		}
	}
	return items
}

func itemOf(h bot.Handled) Item {
	e, d := Of(h)
	return Item{e, d}
}

// keep appends items, patiently until ctx ends and then once more.
func (w *Writer) keep(ctx context.Context, items []Item) {
	for pause := retryLeast; ; pause = min(retryMost, 2*pause) {
		last := ctx.Err() != nil
		err := w.try(ctx, items)
		w.complain(err)
		switch {
		case err == nil:
			return
		case last:
			w.leaveOut(len(items))
			return
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

// try appends items once; what is begun when the program ends is finished.
func (w *Writer) try(ctx context.Context, items []Item) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), appendTimeout)
	defer cancel()
	return w.to.LogAppendAll(ctx, items)
}

// flush empties the queue at the end.
func (w *Writer) flush(ctx context.Context) {
	end := time.Now().Add(appendTimeout)
	for len(w.queue) > 0 {
		items := w.batch(ctx, <-w.queue)
		err := errLate
		if time.Now().Before(end) {
			err = w.try(ctx, items)
		}
		if err != nil {
			w.leaveOut(len(items))
			end = time.Time{}
		}
	}
	w.told = time.Time{}
	w.complain(nil)
}

var errLate = errors.New("no time is left")

// complain says once a minute at most that the log cannot be written, and what
// was left out of it.
func (w *Writer) complain(err error) {
	if err == nil && w.missed.Load() == 0 || time.Since(w.told) < complainEvery {
		return
	}
	w.told = time.Now()
	attrs := []any{"left_out", w.missed.Swap(0)}
	if err != nil {
		attrs = append(attrs, "err", err)
	}
	w.log.Error("decision log", attrs...)
}
