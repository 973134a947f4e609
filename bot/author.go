package bot

import (
	"encoding/json"
	"slices"
	"sort"
	"time"

	"inboxbot/inboxapi"
)

// sideOf says who a message of th speaks for, by its author alone.
//
// The API has no direction. The vendor documents a prospect's author ID in three
// ways, and an account link that was unlinked keeps its old messages, so "not one
// of ours" is not enough to call somebody the prospect: whoever matches neither
// party is unknown, and an unknown author is never answered.
func (d *directory) sideOf(authorID string, th *inboxapi.Thread) Side {
	if authorID == "" {
		return SideUnknown
	}
	switch p := &th.Prospect; {
	case authorID == th.AccountLinkID:
		return SideOurs
	case p.ExternalID != nil && authorID == *p.ExternalID, authorID == p.PlatformID:
		return SideProspect
	case d.isAccount(authorID):
		return SideOurs
	}
	return SideUnknown
}

// writerOf says which hand wrote a message of our side. campaignId comes before
// userId, and userId says nothing about API sends: only our own ledger knows
// what this bot sent.
func writerOf(m *inboxapi.Message, rec *Record) Writer {
	origin := originOf(m)
	_, own := rec.Own[m.ID]
	switch {
	case m.CampaignID != nil:
		return WriterCampaign
	case own, m.ID != "" && m.ID == rec.SentID:
		return WriterBot
	case rec.isCopyOfOurs(m):
		return WriterBot
	case origin == inboxapi.OriginAPI:
		return WriterAPI
	case origin == inboxapi.OriginInternal:
		return WriterPerson
	case origin == inboxapi.OriginExternal:
		return WriterPersonX
	}
	return WriterUnsure
}

// originOf is where a message was written, "" where a legacy row does not say.
func originOf(m *inboxapi.Message) string {
	if m.Origin == nil {
		return ""
	}
	return *m.Origin
}

// copyWindow is how far apart a message of ours and a second listing of it, under
// another ID or origin, may lie: X's own copy is synced within seconds, and a
// person who pastes our very words hours later is a person. So is at any time who
// writes them in Inbox: no copy of ours is listed as written there.
const copyWindow = 2 * 60 // seconds

func (r *Record) isCopyOfOurs(m *inboxapi.Message) bool {
	if r.SentSum == "" || originOf(m) == inboxapi.OriginInternal || Fingerprint(m.Content) != r.SentSum {
		return false
	}
	for _, at := range r.Own {
		if d := m.CreatedAt.Sub(at).Seconds(); d > -copyWindow && d < copyWindow {
			return true
		}
	}
	return false
}

// knowCopies makes the bot's what is a second listing of a message of its own among the
// turns: of the words of earlier ones the record knows nothing.
func (r *Record) knowCopies(turns []Turn) {
	for i := range turns {
		t := &turns[i]
		if t.Side != SideOurs || t.Writer == WriterBot || t.Writer == WriterCampaign || t.Writer == WriterPerson {
			continue
		}
		if slices.ContainsFunc(turns, func(own Turn) bool {
			_, ok := r.Own[own.ID]
			return ok && t.At.Sub(own.At).Abs() < copyWindow*time.Second && folded(t.Text) == folded(own.Text)
		}) {
			t.Writer = WriterBot
		}
	}
}

// turnsOf turns messages, newest first as the API lists them, into turns, oldest
// first. What is deleted or was never delivered is left out.
func (d *directory) turnsOf(messages []inboxapi.Message, th *inboxapi.Thread, rec *Record) []Turn {
	turns := make([]Turn, 0, len(messages))
	for i := len(messages) - 1; i >= 0; i-- {
		m := &messages[i]
		if !m.Live() {
			continue
		}
		t := Turn{
			ID:     m.ID,
			Text:   m.Content,
			At:     m.CreatedAt,
			Side:   d.sideOf(m.AuthorID, th),
			Media:  mediaOf(m.Attachment),
			Edited: m.IsEdited,
		}
		if t.Side == SideOurs {
			t.Writer = writerOf(m, rec)
		}
		turns = append(turns, t)
	}
	// The API lists newest first; two messages of one millisecond keep its order.
	sortByTime(turns)
	rec.knowCopies(turns)
	var next time.Time // of the turn ahead that comes after
	for i := len(turns) - 1; i >= 0; i-- {
		t := &turns[i]
		if t.At, t.ahead = d.timeOf(t.ID, t.At, rec); !t.ahead {
			continue
		}
		if !next.IsZero() && next.Before(t.At) {
			t.At = next
		}
		next = t.At
	}
	if !next.IsZero() {
		sortByTime(turns)
	}
	return turns
}

func sortByTime(turns []Turn) {
	sort.SliceStable(turns, func(i, j int) bool { return turns[i].At.Before(turns[j].At) })
}

// aheadMost is how far ahead of the API's clock a message may be dated for that to
// be taken for a clock's error.
const aheadMost = time.Minute

// timeOf is when a message was written: as it says, unless that is still to come.
// Such a message has just come, or when the record says that it was noticed; as it
// says, it would hold up its thread until then.
func (d *directory) timeOf(id string, at time.Time, rec *Record) (_ time.Time, ahead bool) {
	if d.now == nil {
		return at, false
	}
	own := rec.Own[id]
	switch now := d.now(); {
	case !at.After(now.Add(aheadMost)):
		return at, false
	case !own.IsZero() && !own.After(now):
		return own, true
	case id == rec.MessageID && !rec.MessageAt.After(now):
		return rec.MessageAt, true
	case id == rec.EndedID && !rec.EndedAt.After(now):
		return rec.EndedAt, true
	default:
		return now, true
	}
}

// undelivered returns the bot's last reply when all there is of it, under whatever
// ID it is listed, was not delivered.
func (d *directory) undelivered(messages []inboxapi.Message, th *inboxapi.Thread, rec *Record) (lost Turn) {
	for i := range messages {
		m := &messages[i]
		_, own := rec.Own[m.ID] // under its own ID: an earlier reply, perhaps with the same words
		if d.sideOf(m.AuthorID, th) != SideOurs || m.ID != rec.SentID && (own || !rec.isCopyOfOurs(m)) {
			continue
		}
		if !m.Failed {
			return Turn{}
		}
		lost = Turn{ID: m.ID, At: m.CreatedAt, Side: SideOurs}
	}
	return lost
}

// mediaOf names what travels with a message. The API leaves an attachment's
// shape open, so this takes a "type" or "kind" where there is one and the name
// of the only field otherwise, and never fails: something is there, or nothing.
func mediaOf(attachment json.RawMessage) []string {
	var v any
	if len(attachment) == 0 || json.Unmarshal(attachment, &v) != nil || v == nil {
		return nil
	}
	var kinds []string
	items, isList := v.([]any)
	if !isList {
		items = []any{v}
	}
	for _, item := range items {
		kinds = append(kinds, mediaKind(item))
	}
	return kinds
}

func mediaKind(item any) string {
	fields, ok := item.(map[string]any)
	if !ok || len(fields) == 0 {
		return "media"
	}
	for _, key := range []string{"type", "kind", "mediaType"} {
		if s, ok := fields[key].(string); ok && wordOnly(s) {
			return s
		}
	}
	if len(fields) == 1 {
		for key := range fields {
			if wordOnly(key) {
				return key
			}
		}
	}
	return "media"
}

// wordOnly reports whether s is a short plain word. The kind of an attachment
// goes into prompts, so it must not be able to say more than that.
func wordOnly(s string) bool {
	if s == "" || len(s) > 20 {
		return false
	}
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r != '_' && r != '-' {
			return false
		}
	}
	return true
}
