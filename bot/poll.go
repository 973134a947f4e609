package bot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"inboxbot/inboxapi"
)

// Threads lists and reads threads.
type Threads interface {
	ListThreads(ctx context.Context, q inboxapi.ThreadQuery) (*inboxapi.ThreadPage, error)
	GetThread(ctx context.Context, id string) (*inboxapi.Thread, error)
}

// Leader decides which of several processes polls. It saves requests; safety
// does not rest on it.
type Leader interface {
	// Lead takes or renews the leadership for ttl and reports who has it.
	Lead(ctx context.Context, ttl time.Duration) (bool, error)
}

const (
	pageSize     = 100              // rows a request, the API's most
	maxPages     = 1000             // of a view in one sweep: 100,000 threads that somebody wrote in within MaxAge
	sweepOverlap = 2 * time.Minute  // how far behind the watermark a walk goes on
	deepEvery    = 15 * time.Minute // how often a walk goes to the horizon
	leaderTTL    = 15 * time.Second
	dueBatch     = 200
)

// views are the lists a sweep walks. The view no-reply is a part of default, and
// what it means is documented both ways: the newest message's author decides, so
// listing it as well would only cost requests.
func (b *Bot) views() []inboxapi.View {
	if b.cfg.AnswerRequests {
		return []inboxapi.View{inboxapi.ViewDefault, inboxapi.ViewRequests}
	}
	return []inboxapi.View{inboxapi.ViewDefault}
}

// leads reports whether this process polls. Without the store every process
// does: reading and judging go on, nothing is sent.
func (b *Bot) leads(ctx context.Context) bool {
	if b.Leader == nil {
		return true
	}
	lead, err := b.Leader.Lead(ctx, leaderTTL)
	if err == nil {
		b.state.leading(lead)
	} else if ctx.Err() == nil {
		b.complain("redis", fmt.Errorf("leader: %w", err))
	}
	return lead || err != nil
}

// sideViews are walked now and then: whether a message reopens an archived thread
// is not documented, and what waits among the requests should be told of even when
// the bot does not answer it.
func (b *Bot) sideViews() []inboxapi.View {
	if b.cfg.AnswerRequests {
		return []inboxapi.View{inboxapi.ViewArchived}
	}
	return []inboxapi.View{inboxapi.ViewArchived, inboxapi.ViewRequests}
}

// sweep walks the views, newest first, and makes a candidate of every thread
// that may wait for us. A walk ends at the first page that lies wholly behind
// what was walked before; a deep one, made now and then, at the first page too
// old to be answered, so that what changed without a message is seen too.
func (b *Bot) sweep(ctx context.Context) error {
	deep := b.state.deepDue(time.Now())
	for _, view := range b.views() {
		if err := b.walk(ctx, view, deep); err != nil {
			return fmt.Errorf("view %s: %w", view, err)
		}
	}
	if deep {
		b.state.deepDone(time.Now())
	}
	b.work.wake()
	return nil
}

// glance walks the side views to the horizon: in one of them a hundred threads may
// come before somebody who waits, all between two glances.
func (b *Bot) glance(ctx context.Context) error {
	for _, view := range b.sideViews() {
		if err := b.walk(ctx, view, true); err != nil {
			return fmt.Errorf("view %s: %w", view, err)
		}
	}
	return nil
}

func (b *Bot) walk(ctx context.Context, view inboxapi.View, deep bool) error {
	horizon := b.Now().Add(-b.cfg.MaxAge - sweepOverlap)
	until := horizon
	if mark := b.state.watermark(view).Add(-sweepOverlap); !deep && mark.After(horizon) {
		until = mark
	}
	var newest time.Time
	ref := pageRef{view: view}
	walked := map[pageRef]bool{}
	for {
		walked[ref] = true
		page, readAt, err := b.pages.read(ctx, b.Inbox, ref)
		if err != nil {
			return err
		}
		if err := b.consider(ctx, page, readAt, ref); err != nil {
			return err
		}
		youngest := youngestOf(page)
		if youngest.After(newest) {
			newest = youngest
		}
		if page.Next == nil || len(page.Threads) > 0 && youngest.Before(until) {
			break
		}
		next := pageRef{view: view, cursor: *page.Next}
		switch {
		case walked[next]:
			return fmt.Errorf("the cursor %s comes again", next.cursor.ID)
		case len(walked) >= maxPages:
			return fmt.Errorf("no end after %d pages, %d threads of the last %s each: what is listed further back is not seen", maxPages, pageSize, b.cfg.MaxAge)
		}
		ref = next
	}
	if now := b.Now(); newest.After(now) { // else what comes until then is thought to be seen
		newest = now
	}
	b.state.setWatermark(view, newest)
	return nil
}

func youngestOf(page *inboxapi.ThreadPage) time.Time {
	var youngest time.Time
	for i := range page.Threads {
		if at := page.Threads[i].SortTime(); at.After(youngest) {
			youngest = at
		}
	}
	return youngest
}

// consider judges the rows of a page as far as rows go. What that brings to
// silence costs no request; the rest becomes work.
func (b *Bot) consider(ctx context.Context, page *inboxapi.ThreadPage, readAt time.Time, ref pageRef) error {
	rows, hiding, err := b.waitingRows(ctx, page, readAt)
	if err != nil {
		return err
	}
	hiding = b.notLooked(ctx, hiding)
	ids := b.unreadable(page.Malformed)
	garbled := len(ids)
	held := b.mayBeHeld(page)
	if len(rows)+len(hiding)+garbled+len(held) == 0 {
		return nil
	}
	for _, row := range slices.Concat(rows, hiding, held) {
		ids = append(ids, row.ID)
	}
	records, err := b.Ledger.Records(ctx, ids)
	if err != nil {
		// Judging goes on; nothing is sent without a claim.
		b.complain("redis", fmt.Errorf("records: %w", err))
	}
	b.state.storeAnswered(err)
	b.hold(ctx, held, records, err)
	gen := b.Generation()
	noStore := err != nil
	var judged judgedRows
	var errs []error
	for _, row := range rows {
		c := &candidate{thread: row.ID, row: row, readAt: readAt, page: ref, record: records[row.ID], due: time.Now()}
		errs = append(errs, b.judgeRow(ctx, &gen, c, noStore, &judged)) // should it fail, the others can be judged all the same
	}
	b.write(ctx, judged.notes...)
	for _, c := range judged.work {
		b.work.offer(c)
	}
	for _, row := range hiding {
		later := b.untilBehind(row)
		b.work.offer(&candidate{
			thread: row.ID, row: row, readAt: readAt, page: ref, record: records[row.ID],
			due: time.Now().Add(later), parked: later > 0, behind: true,
		})
	}
	for _, id := range ids[:garbled] {
		b.work.offer(&candidate{thread: id, record: records[id], due: time.Now(), behind: true})
	}
	return errors.Join(errs...)
}

// judgedRows is what judging rows brings: notes, and work to be offered once they
// are written.
type judgedRows struct {
	notes []Note
	work  []*candidate
}

func (j *judgedRows) note(n Note, ok bool) {
	if ok {
		j.notes = append(j.notes, n)
	}
}

// unreadable picks the threads that have to be read themselves because their list
// row cannot be decoded: every rowPause, for the list does not tell whether anything
// has changed in them.
func (b *Bot) unreadable(rows []inboxapi.MalformedRow) (threads []string) {
	for _, bad := range rows {
		err := fmt.Errorf("thread %s: its list row cannot be read: %w", bad.ID, bad.Err)
		switch {
		case bad.ID == "": // nobody can tell which it is
			b.complain("row", err)
		case b.said.first("row "+bad.ID, b.Now().Truncate(rowPause).String()):
			b.complain("row "+bad.ID, err)
			threads = append(threads, bad.ID)
		}
	}
	return threads
}

// rowPause is how often a thread is read whose list row cannot be.
const rowPause = time.Hour

// waitingRows picks the rows whose newest message is not ours, and those behind
// whose newest message somebody may be hidden.
func (b *Bot) waitingRows(ctx context.Context, page *inboxapi.ThreadPage, readAt time.Time) (rows, hiding []*inboxapi.Thread, err error) {
	if len(page.Threads) == 0 {
		return nil, nil, nil
	}
	// Before any row is taken for one that is read once: it would be missed if this failed.
	if err := b.dir.refreshAccounts(ctx, directoryAge); err != nil {
		return nil, nil, err
	}
	for i := range page.Threads {
		row := &page.Threads[i]
		if row.LastMessage == nil {
			continue
		}
		b.sawRow(row)
		if b.dir.sideOf(row.LastMessage.AuthorID, row) != SideOurs {
			rows = append(rows, row)
			continue
		}
		b.suspect(row)
		if _, ok := b.work.has(row.ID); ok {
			b.work.hurry(row.ID, row, readAt) // somebody answered what we held for later
		} else if b.mayHide(row) || b.isCampaigns(row) {
			hiding = append(hiding, row)
		}
	}
	return rows, hiding, nil
}

// judgeRow decides from a list row whether a thread is work, and for when. With
// noStore it writes nothing down.
func (b *Bot) judgeRow(ctx context.Context, gen *Generation, c *candidate, noStore bool, judged *judgedRows) error {
	last := c.row.LastMessage
	if c.record.Done(last.ID, last.CreatedAt) {
		if !b.shadowing() { // there the thread is kept for the answer of a person
			b.work.drop(c.thread, c.row, c.readAt)
		}
		return nil
	}
	conv, err := b.fromRow(ctx, c.row, c.record)
	if err != nil {
		return err
	}
	v := b.judge(gen, conv)
	drafted := c.record.awaits() && b.Drafts != nil
	asked := drafted && c.record.MessageID == last.ID
	mayHave := drafted || c.record.State == StateRetry && c.record.approved() || c.record.State == StateWaiting && !c.record.closed() && b.drafts(gen)
	switch {
	case mayHave && v.final(conv) && v.Outcome.Action == Skip: // its draft is withdrawn, or was approved and is sent all the same
	case asked:
		c.due, c.parked = time.Now().Add(draftLook), true
	case v.final(conv) && v.Outcome.Action == Skip && !b.leaves(v):
		b.work.drop(c.thread, c.row, c.readAt)
		if b.report(ctx, gen, conv, Thought{Verdict: v}, 0, nil) && !noStore {
			b.close(ctx, Lease{Thread: c.thread, Record: c.record})
		}
		return nil
	case v.final(conv):
		again := b.again(conv, v)
		c.due, c.parked = time.Now().Add(again), true
		b.report(ctx, gen, conv, Thought{Verdict: v}, 0, nil)
		if !noStore {
			judged.note(b.noteOf(conv, v, again))
		}
	case noStore:
	case c.record.State != StateIntent && c.record.State != StateHanding:
		judged.note(b.noteOf(conv, v, time.Millisecond))
	}
	judged.work = append(judged.work, c)
	return nil
}

// fading reports whether a thread that a guard makes wait has to be noted again
// lest it grow too old: an outage ages messages, also one of our account on X,
// opening hours do not.
func (b *Bot) fading(c *Conversation, v Verdict) bool {
	outage := v.Guard == guardModelDown || v.Guard == safetyOffline
	return v.Outcome.Action == Wait && !outage && c.Now.Sub(c.Record.SeenAt) > b.cfg.notedAnew()
}

// notedAnew is how long a guard makes a thread wait before it is noted again.
func (c Config) notedAnew() time.Duration { return c.MaxAge / 4 }

// note writes into the ledger that a message was seen and waits, once per
// message. From then on it is open: whatever becomes of this process or of the
// API's lists, it will be looked at again.
func (b *Bot) note(ctx context.Context, c *Conversation, v Verdict, again time.Duration) {
	if n, ok := b.noteOf(c, v, again); ok {
		b.write(ctx, n)
	}
}

func (b *Bot) write(ctx context.Context, notes ...Note) {
	if len(notes) == 0 {
		return
	}
	if err := b.Ledger.Note(ctx, notes); err != nil {
		b.complain("redis", fmt.Errorf("note: %w", err))
	}
}

// noteOf is what note writes, if anything is new.
func (b *Bot) noteOf(c *Conversation, v Verdict, again time.Duration) (n Note, isNew bool) {
	last, ok := c.about()
	if !ok || last.ID == "" {
		return
	}
	leaves := b.leaves(v)
	waits := v.Outcome.Action == Wait && (c.Record.closed() || c.Record.outage() != (v.Guard == guardModelDown))
	news := v.final(c) && (leaves != c.Record.leftAlone() || waits)
	if r := c.Record; r.State == StateWaiting && r.MessageID == last.ID && !b.fading(c, v) && !news {
		return
	}
	if c.Record.MessageID != last.ID {
		b.Metrics.seen.Observe(max(0, c.Now.Sub(last.At)).Seconds())
	}
	next := Record{
		Thread: c.Thread.ID, State: StateWaiting,
		MessageID: last.ID, MessageAt: last.At, SeenAt: c.Now,
		Guard: v.Guard, Reason: v.Outcome.Reason, Seen: c.Record.WithSeen(c.Tags...),
		Unarchived: !c.Thread.Done && newestID(&c.Thread) == last.ID, // a row from before the message does not tell
	}
	switch r := c.Record; {
	case leaves:
		next.Reason = leftAlone
	case r.MessageID == last.ID && (r.awaits() || r.approved()): // it tells whose words are to be sent
		next.Reason = r.Reason
	}
	if r := c.Record; r.State == StateWaiting && !r.SeenAt.IsZero() && !b.fading(c, v) {
		next.SeenAt = r.SeenAt // the message before it waits still
	}
	return Note{next, again}, true
}

// closedReason is the reason of a record whose message was left alone: it is not open,
// until a guard makes it wait after all.
const closedReason = "left alone"

func (r Record) closed() bool { return r.State == StateWaiting && r.Reason == closedReason }

// outage reports whether r's message waits for a model that is away, since r.At.
func (r Record) outage() bool { return r.State == StateWaiting && r.Guard == guardModelDown }

// close takes a thread that is deliberately left alone off the open list.
func (b *Bot) close(ctx context.Context, l Lease) {
	switch r := l.Record; {
	case r.State == StateNone, r.State == StateIntent, r.State == StateHanding:
	case r.State.Terminal() && l.Token == "": // its second look is to come
	default:
		if r.State == StateWaiting {
			r.Reason = closedReason
		}
		if err := b.Ledger.Advance(ctx, l, r, 0); err != nil {
			b.complain("redis", fmt.Errorf("close: %w", err))
		}
	}
}

// collectDue makes candidates of the open threads whose time has come: after a
// restart, from other processes, and for a second look.
func (b *Bot) collectDue(ctx context.Context) {
	due, err := b.Ledger.Due(ctx, dueBatch)
	b.state.storeAnswered(err)
	if err != nil {
		if ctx.Err() == nil {
			b.complain("redis", fmt.Errorf("due: %w", err))
		}
		return
	}
	var unknown []string
	for _, id := range due {
		if in, ok := b.work.has(id); !ok {
			unknown = append(unknown, id)
		} else if in > time.Second && b.work.call(id) {
			continue // somebody decided about its draft
		} else if in > time.Second {
			if err := b.Ledger.Postpone(ctx, id, in); err != nil {
				b.complain("redis", fmt.Errorf("postpone: %w", err))
			}
		}
	}
	if len(unknown) == 0 {
		return
	}
	records, err := b.Ledger.Records(ctx, unknown)
	if err != nil {
		b.complain("redis", fmt.Errorf("records: %w", err))
		return
	}
	rows := b.rowsFor(ctx, unknown)
	for _, id := range unknown {
		c := &candidate{thread: id, record: records[id], due: time.Now()}
		if listed, ok := rows[id]; ok {
			c.row, c.readAt, c.page = listed.row, listed.readAt, listed.page
		}
		b.work.offer(c)
	}
}

// rowsFor reads one list page when that is cheaper than a request per thread.
func (b *Bot) rowsFor(ctx context.Context, ids []string) map[string]listed {
	ref := pageRef{view: inboxapi.ViewDefault}
	if len(ids) >= listLookFrom {
		if _, _, err := b.pages.fresh(ctx, b.Inbox, ref, 10*time.Second); err != nil {
			b.complain("inbox", err)
		}
	}
	rows := map[string]listed{}
	for _, id := range ids {
		if l, ok := b.pages.row(id, 10*time.Second); ok {
			rows[id] = l
		}
	}
	return rows
}
