package bot

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"inboxbot/bot/draftcheck"
	"inboxbot/inboxapi"
)

// Handover speaks to the team.
type Handover interface {
	CreateTag(ctx context.Context, name, color string) (*inboxapi.Tag, error)
	Prospect(ctx context.Context, id string) (*inboxapi.Prospect, error)
	UpdateProspectContext(ctx context.Context, id string, u inboxapi.ContextUpdate) (*inboxapi.Prospect, error)
	UpdateThread(ctx context.Context, id string, u inboxapi.ThreadUpdate) (*inboxapi.Thread, error)
}

// handOff gives the thread to a person: first the record, so that whoever takes
// over finishes it, then the tag, the assignee and the note.
func (h *handling) handOff(ctx context.Context, o Outcome) result {
	o.Tag = cmp.Or(o.Tag, h.bot.cfg.HandoffTag)
	o.Cause = cmp.Or(o.Cause, CauseRule)
	h.verdict.Outcome = o
	if r, begun := h.farewell(ctx, o); begun {
		return r
	}
	if r, overtaken := h.answeredMeanwhile(ctx, o); overtaken {
		return r
	}
	r := h.next(StateHanding, o)
	r.Tag, r.Assign, r.Cause = o.Tag, o.Assign, o.Cause
	r.HandedAt = h.bot.Now()
	if !h.advance(ctx, r, 10*time.Second) {
		return h.bot.failed(ctx, h.c, "redis", errNotMoved)
	}
	return h.finishHandoff(ctx)
}

// answeredMeanwhile makes sure that nobody has answered, or changed what was asked,
// while the model thought, or has taken the thread since its row was listed; with a
// result, somebody has. What cannot be looked at goes to a person, and so does a reply
// that cannot be sent.
func (h *handling) answeredMeanwhile(ctx context.Context, o Outcome) (result, bool) {
	b := h.bot
	switch {
	case o.Cause == CauseUnavailable:
		return result{}, false
	case h.thought.Prompt.Template == "":
		if row, err := h.row(forPurpose(ctx, ForLook), rowAge); err == nil && !sameContext(row, &h.conv.Thread) {
			return h.overtaken(ctx), true
		}
		return result{}, false
	case h.conv.guessed:
		return h.confirm(ctx)
	case time.Since(h.conv.readAt) <= lookAge:
		return result{}, false
	}
	inTime, cancel := context.WithTimeout(forPurpose(ctx, ForLook), b.cfg.lookTime())
	defer cancel()
	if _, err := b.lookAgain(inTime, h.c, h.conv, false); errors.Is(err, errOvertaken) {
		return h.overtaken(ctx), true
	}
	return result{}, false
}

// farewell tells the prospect that a person takes over, where the rule file has
// a message for it, and reports whether that was begun: the handoff then follows
// from it, whatever becomes of the message. It goes the way of a reply, so it is
// sent once at most. A thread that is in doubt gets none, nor does any where nothing
// is sent that nobody approved; and no message is worth keeping a person waiting:
// what is in its way leaves it out.
func (h *handling) farewell(ctx context.Context, o Outcome) (result, bool) {
	b := h.bot
	name, text := h.farewellText(o)
	if name == "" {
		return result{}, false
	}
	inTime, cancel := context.WithTimeout(ctx, h.lease.Left(time.Now())-b.cfg.Send-b.cfg.sendMargin()) // what the handoff needs of the lease is left
	looked, err := h.look(inTime)
	cancel()
	switch {
	case errors.Is(err, errOvertaken):
		return h.overtaken(ctx), true
	case err != nil, ctx.Err() != nil:
		b.Logger.Warn("handed over without a word to the prospect", "thread", h.c.thread, "err", err)
		return result{}, false
	}
	if _, stop := h.mayReply(ctx); stop { // while it waited for its request
		return result{}, false
	}
	intent := h.next(StateIntent, o)
	intent.Text, intent.Say, intent.Tag, intent.Assign, intent.Cause = text, name, o.Tag, o.Assign, o.Cause
	return h.deliver(ctx, intent, looked), true
}

// farewellText is what to tell the prospect, "" for nothing.
func (h *handling) farewellText(o Outcome) (name, text string) {
	b := h.bot
	doubtful := o.Cause == CauseDoubt || o.Cause == CauseLoop || o.Cause == CauseUnavailable
	if h.gen.Farewell == nil || b.cfg.Approve || doubtful || h.conv == nil || !h.conv.Read || h.lease.Record.State == StateRetry || len(h.conv.Unanswered()) == 0 {
		return "", ""
	}
	name, text, err := h.gen.Farewell(h.conv, o, h.verdict.Guard)
	if err != nil {
		b.Logger.Error("handed over without a word to the prospect", "thread", h.c.thread, "message", name, "err", err)
		return "", ""
	}
	if name == "" {
		return "", ""
	}
	t := b.thinker(h.gen)
	found := t.findings(h.conv, Prompt{System: text}, draftcheck.Input{Text: text, Handoff: true})
	if f, bad := t.objection(found); bad {
		b.Logger.Error("handed over without a word to the prospect", "thread", h.c.thread, "message", name, "check", f.Check, "detail", f.Detail)
		return "", ""
	}
	return name, text
}

// told goes on with the handoff once the prospect has been told of it.
func (h *handling) told(ctx context.Context, intent Record, m *inboxapi.Message) result {
	id := m.ID
	at, _ := h.bot.dir.timeOf(m.ID, m.CreatedAt, &intent)
	if id == "" {
		id = unknownID + intent.MessageID
	}
	if at.IsZero() {
		at = h.bot.Now()
	}
	intent.Own = map[string]time.Time{id: at}
	intent.SentSum = Fingerprint(intent.Text)
	h.verdict.Outcome.Text = intent.Text
	return h.handFrom(ctx, intent)
}

// handFrom hands over what a record in the state intent was to tell of.
func (h *handling) handFrom(ctx context.Context, r Record) result {
	r.State, r.Text, r.Base, r.LookedAt = StateHanding, "", "", time.Time{}
	r.Tag = cmp.Or(r.Tag, h.bot.cfg.HandoffTag)
	r.HandedAt = h.bot.Now()
	h.verdict.Guard = r.Guard
	h.verdict.Outcome = Outcome{Action: Handoff, Reason: r.Reason, Cause: r.Cause, Tag: r.Tag, Text: h.verdict.Outcome.Text}
	if !h.advance(ctx, r, 10*time.Second) {
		return h.bot.failed(ctx, h.c, "redis", errNotMoved)
	}
	return h.finishHandoff(ctx)
}

// finishHandoff does what a record in the state handing still asks for. All of
// it may be repeated.
func (h *handling) finishHandoff(ctx context.Context) result {
	b := h.bot
	r := h.lease.Record
	if b.cfg.Live {
		tell, cancel := context.WithTimeout(forPurpose(ctx, ForHandover), tellTimeout)
		given, err := h.tellTeam(tell, r)
		cancel()
		var refused *inboxapi.Error
		switch {
		case errors.As(err, &refused) && permanent(refused.Status):
			// No request will ever tag this prospect. The operator must hear of it,
			// for nobody sees the thread by its tag.
			b.Metrics.untagged.Inc()
			b.Logger.Error("handed over without its tag", "thread", h.c.thread, "reason", r.Reason, "err", err)
		case err != nil:
			return b.failed(ctx, h.c, "inbox", fmt.Errorf("handoff: %w", err))
		default:
			r.Seen, r.HandedTag = r.WithSeen(r.Tag), given
			b.work.tagged(h.c, given)
		}
	}
	r.State = StateHandoff
	again := b.shadowAgain(r.Cause)
	if !h.advance(ctx, r, again) {
		return h.bot.failed(ctx, h.c, "redis", errNotMoved)
	}
	h.keepLooked(ctx)
	if h.conv == nil { // begun by another try, or by a worker that died
		h.verdict = Verdict{Guard: r.Guard, Outcome: Outcome{Action: Handoff, Reason: r.Reason, Cause: r.Cause}}
		if row, _ := b.work.row(h.c); row != nil {
			h.conv, _ = b.fromRow(ctx, row, r) // only to be told of
		}
	}
	h.report(ctx)
	return result{again: again, parked: true}
}

// tellTimeout bounds the requests of a handoff; what is left is done at the next
// try.
const tellTimeout = 30 * time.Second

// permanent reports whether a refusal will be the same next time.
func permanent(status int) bool {
	switch status {
	case 400, 403, 404, 409, 413, 422:
		return true
	}
	return false
}

// tellTeam tags the prospect, appends a note to what the team wrote, and assigns
// the thread. The note is written from what stands there at that moment; the API
// has no way to append. It returns the ID of the tag.
func (h *handling) tellTeam(ctx context.Context, r Record) (tag string, err error) {
	row, err := h.row(ctx, rowMost)
	if err != nil {
		return "", err
	}
	tag, err = h.tag(ctx, row, r)
	return tag, errors.Join(err, h.assign(ctx, row, r.Assign))
}

// noteAge is how old the notes may be that a note is appended to, waiting for a
// request included: a person may be writing too.
const noteAge = 10 * time.Second

// tagAgainFor is how long after it was decided a handoff is tagged again whose note
// stands there: both came in one request, and later a tag that is missing has been
// taken away by a person.
const tagAgainFor = time.Minute

// tag gives the prospect r's tag and note, and returns the tag's ID.
func (h *handling) tag(ctx context.Context, row *inboxapi.Thread, r Record) (string, error) {
	b := h.bot
	if row.Prospect.ExternalID == nil {
		return "", &inboxapi.Error{Status: 404, Message: "the prospect has no Inbox ID and cannot be tagged"}
	}
	id := *row.Prospect.ExternalID
	for again := false; ; again = true {
		tag, err := b.ensureTag(ctx, r.Tag)
		if err != nil {
			return "", err
		}
		err = h.tagAndNote(ctx, id, tag, r)
		var refused *inboxapi.Error
		switch {
		case err == nil:
			return tag, nil
		case !errors.As(err, &refused), !permanent(refused.Status):
			return "", err
		case !again && b.dir.refreshTags(ctx, 0) == nil && !b.dir.hasTag(tag):
			continue // somebody has deleted the tag since the list was read: it is made anew
		}
		if alone := h.update(ctx, id, tag, inboxapi.ContextUpdate{}); alone != nil {
			return "", alone
		}
		// It was the note that the API did not take, for its length perhaps.
		b.Logger.Error("handed over without its note", "thread", h.c.thread, "reason", r.Reason, "err", err)
		return tag, nil
	}
}

// tagAndNote gives the prospect the tag, by its ID, and appends the note to the
// notes as they are just now.
func (h *handling) tagAndNote(ctx context.Context, prospectID, tag string, r Record) error {
	prospect, err := h.bot.Inbox.Prospect(ctx, prospectID)
	if err != nil {
		return fmt.Errorf("prospect: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, noteAge)
	defer cancel()
	var update inboxapi.ContextUpdate
	head, note := h.noteOf(r)
	notes, changed := withNote(prospect.Context.Notes, head, note)
	switch {
	case changed:
		update.Notes = inboxapi.Set(notes)
	case h.conv == nil && h.bot.Now().Sub(r.HandedAt) > tagAgainFor:
		return nil
	}
	return h.update(ctx, prospectID, tag, update)
}

// update gives the prospect the tag, and what else u changes. What the API does with a
// tag that is gone is not documented: that it is there the answer has to show.
func (h *handling) update(ctx context.Context, prospectID, tag string, u inboxapi.ContextUpdate) error {
	u.AddTags = []string{tag}
	tagged, err := h.bot.Inbox.UpdateProspectContext(ctx, prospectID, u)
	if err != nil {
		return fmt.Errorf("tag: %w", err)
	}
	if tagged != nil && !slices.Contains(tagged.Context.Tags, tag) {
		return &inboxapi.Error{Status: http.StatusUnprocessableEntity, Message: "the prospect was updated and has not got the tag"}
	}
	return nil
}

// assign gives the thread to a member, unless somebody has taken it since it was
// judged, or, when a handoff is repeated, since it was handed over.
func (h *handling) assign(ctx context.Context, row *inboxapi.Thread, name string) error {
	if name == "" {
		return nil
	}
	row = h.rowNow(ctx, row)
	var judged *string
	if h.conv != nil {
		judged = h.conv.Thread.AssigneeID
	}
	m, ok, err := h.bot.dir.member(ctx, name)
	switch {
	case err != nil:
		return err
	case !ok:
		h.bot.Logger.Error("no such member to assign", "thread", h.c.thread, "member", name)
		return nil
	case row.AssigneeID != nil && *row.AssigneeID == m.ID:
		return nil
	case row.AssigneeID != nil && !equal(row.AssigneeID, judged):
		h.bot.Logger.Info("somebody else has taken the thread", "thread", h.c.thread, "member", name)
		return nil
	}
	_, err = h.bot.Inbox.UpdateThread(ctx, row.ID, inboxapi.ThreadUpdate{Assignee: inboxapi.Set(m.ID)})
	var refused *inboxapi.Error
	if errors.As(err, &refused) && permanent(refused.Status) {
		h.bot.Logger.Error("handed over without its assignee", "thread", h.c.thread, "member", name, "err", err)
		return nil // the tag shows it to the team
	} else if err != nil {
		return fmt.Errorf("assign: %w", err)
	}
	return nil
}

// rowNow is the thread's row as it is now, or as it was when it cannot be read.
func (h *handling) rowNow(ctx context.Context, was *inboxapi.Thread) *inboxapi.Thread {
	b := h.bot
	if row, readAt := b.work.row(h.c); row != nil && time.Since(readAt) <= lookAge {
		return row
	}
	row, err := b.Inbox.GetThread(ctx, h.c.thread)
	if err != nil {
		return was
	}
	b.work.learn(h.c, row)
	return row
}

// noteOf is what tells the team why a thread is theirs: when, why, and what was
// asked. Its first words depend on the record alone, so that it is found again
// when the handoff is repeated.
func (h *handling) noteOf(r Record) (head, note string) {
	head = fmt.Sprintf("[inboxbot %s] handed over (%s)", cmp.Or(r.HandedAt, r.MessageAt).UTC().Format("2006-01-02 15:04 UTC"), strings.ReplaceAll(string(r.Cause), "-", " "))
	note = head + ": " + oneLine(r.Reason)
	if h.conv == nil {
		return head, note
	}
	var asked []string
	for _, t := range h.conv.Unanswered() {
		asked = append(asked, oneLine(t.Text))
	}
	if text := strings.TrimSpace(strings.Join(asked, " / ")); text != "" {
		note += fmt.Sprintf("\n  They wrote: %q", clipped(text, 200))
	}
	if s := h.summary(r); s != "" {
		note += "\n  " + s
	}
	return head, note
}

// summary is what the bot can add to the reason. A draft that is not sent is no part
// of it: the notes are facts to the next prompt, and a wrong price in them would be
// taken for one.
func (h *handling) summary(r Record) string {
	var parts []string
	if said := oneLine(h.thought.Decision.Reason); said != "" && !strings.Contains(r.Reason, said) {
		parts = append(parts, "the model: "+clipped(said, 200))
	}
	if waiting := h.conv.Unanswered(); len(waiting) > 1 {
		parts = append(parts, fmt.Sprintf("%d messages since %s", len(waiting), waiting[0].At.UTC().Format("2006-01-02 15:04 UTC")))
	}
	if n := h.conv.RepliesToday(); n > 0 {
		parts = append(parts, fmt.Sprintf("%d replies of the bot in the last 24 hours", n))
	}
	return strings.Join(parts, "; ")
}

// clipped is s with at most n characters.
func clipped(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}

// withNote appends note to what the team wrote, unless one with its head stands
// there already.
func withNote(notes *string, head, note string) (string, bool) {
	switch {
	case notes == nil || strings.TrimSpace(*notes) == "":
		return note, true
	case strings.Contains(*notes, head):
		return *notes, false
	}
	return strings.TrimRight(*notes, "\n") + "\n" + note, true
}

// ensureTag returns the ID of the tag with that name, and creates it when the
// team has none. Two that create it at once end with the one that came first.
func (b *Bot) ensureTag(ctx context.Context, name string) (string, error) {
	for _, age := range []time.Duration{directoryAge, directoryPause} {
		if err := b.dir.refreshTags(ctx, age); err != nil {
			return "", err
		}
		if id, ok := b.dir.tagID(name); ok {
			return id, nil
		}
	}
	tag, err := b.Inbox.CreateTag(ctx, name, "")
	if err == nil {
		return tag.ID, errors.Join(b.dir.refreshTags(ctx, 0))
	}
	if refreshErr := b.dir.refreshTags(ctx, 0); refreshErr != nil {
		return "", refreshErr
	}
	if id, ok := b.dir.tagID(name); ok {
		return id, nil
	}
	return "", fmt.Errorf("create tag %q: %w", name, err)
}
