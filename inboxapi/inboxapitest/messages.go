package inboxapitest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"time"
	"unicode/utf8"

	"inboxbot/inboxapi"
)

// maxContent is X's limit for a direct message. The API's documentation does not
// say of what; characters are counted here, as API v2 counts.
const maxContent = 10_000

// GET /threads/{threadId}/messages
func (s *Server) listMessages(c *call) ([]byte, error) {
	t, err := s.thread(c)
	if err != nil {
		return nil, err
	}
	q := c.query()
	from, limit := q.cursor(), int(q.integer("limit", 50, 1, 100))
	if q.err != nil {
		return nil, q.err
	}
	page, more := s.messagePage(t, c.fault, from, limit)
	var body bytes.Buffer
	body.WriteString(`{"teamId":"` + s.team.ID + `","threadId":"` + t.ID + `","messages":[`)
	for i, m := range page {
		if i > 0 {
			body.WriteByte(',')
		}
		body.Write(encode(wireMessageOf(m.Message)))
	}
	body.WriteString(`],"nextCursor":`)
	if more {
		last := page[len(page)-1]
		body.Write(encode(wireCursor{last.ID, stamp(last.CreatedAt)}))
	} else {
		body.Write(null)
	}
	body.WriteString(`,"isSyncing":`)
	body.Write(encode(t.IsSyncing))
	body.WriteByte('}')
	return body.Bytes(), nil
}

// messagePage returns up to limit messages that are older than the cursor, newest
// first, and whether there are more.
func (s *Server) messagePage(t *thread, f chosen, from *cursor, limit int) (page []*message, more bool) {
	for _, m := range slices.Backward(t.messages) {
		switch {
		case s.opts.DropsDeleted && (m.DeletedAt != nil || m.PlatformDeletedAt != nil):
			continue
		case f.Kind == StaleMessages && m.CreatedAt.After(s.now().Add(-f.Delay)):
			continue
		}
		if from != nil {
			order := compareKeys(m.CreatedAt, m.ID, from.at, from.id)
			again := order == 0 && f.Kind == DuplicateRow && limit > 1
			if order >= 0 && !again {
				continue
			}
		}
		if len(page) == limit {
			return page, true
		}
		page = append(page, m)
	}
	return page, false
}

// POST /threads/{threadId}/messages
func (s *Server) createMessage(c *call) ([]byte, error) {
	t, err := s.thread(c)
	if err != nil {
		return nil, err
	}
	f := c.object()
	content := f.text("content", true, 1, 0)
	replyTo := f.id("replyToMessageId", false, false)
	if f.err != nil {
		return nil, f.err
	}
	m, err := s.send(c, t, content, replyTo)
	if err != nil {
		return nil, err
	}
	return encode(wireMessageOf(m.Message)), nil
}

// send stores a message of ours, unless the account link, the recipient or the
// content stand in the way.
func (s *Server) send(c *call, t *thread, content, replyTo string) (*message, error) {
	i := s.account(t.AccountLinkID)
	switch {
	case utf8.RuneCountInString(content) > maxContent:
		return nil, statusError(http.StatusUnprocessableEntity, "Message is longer than 10000 characters")
	case i < 0:
		return nil, statusError(http.StatusConflict, "Account is not linked")
	case s.accounts[i].Status != inboxapi.AccountActive:
		return nil, statusError(http.StatusConflict, "Account is "+s.accounts[i].Status)
	case replyTo != "" && t.message(replyTo) == nil:
		return nil, notFound("NOT_FOUND", "Message", replyTo)
	case !s.opts.OutboundAddOn && !t.wrote(true):
		return nil, statusError(http.StatusForbidden, "Outbound messages are not enabled for this team")
	}
	m := s.newMessage(t, content)
	m.AuthorID = t.AccountLinkID
	m.UserID = new(s.tokenUser())
	m.Origin = new(inboxapi.OriginAPI)
	m.request, m.answers = true, c.answers
	if s.opts.SentWithoutPlatformID {
		m.PlatformID = nil
	}
	if replyTo != "" {
		m.ReplyData = encode(map[string]string{"messageId": replyTo})
	}
	s.addMessage(t, m)
	s.stored(c, t, m)
	return m, nil
}

// POST /threads/messages
func (s *Server) quickSend(c *call) ([]byte, error) {
	f := c.object()
	content := f.text("content", true, 1, 0)
	accountID, p, err := s.recipient(f, false)
	if err != nil {
		return nil, err
	}
	t := p.threadOf(accountID)
	if t == nil && !s.opts.OutboundAddOn {
		return nil, statusError(http.StatusForbidden, "Outbound messages are not enabled for this team")
	} else if t == nil {
		t = s.addThread(accountID, p, time.Time{})
	}
	c.entry.ThreadID, c.answers = t.ID, t.newestInbound()
	m, err := s.send(c, t, content, "")
	if err != nil {
		return nil, err
	}
	return encode(map[string]any{
		"message": wireMessageOf(m.Message),
		"thread":  map[string]any{"id": t.ID, "platformId": t.PlatformID},
	}), nil
}

// threadMessage returns the message the path names.
func (s *Server) threadMessage(c *call) (*thread, *message, error) {
	t, err := s.thread(c)
	if err != nil {
		return nil, nil, err
	}
	id, err := c.pathID("messageId")
	if err != nil {
		return nil, nil, err
	}
	m := t.message(id)
	if m == nil {
		return nil, nil, notFound("NOT_FOUND", "Message", id)
	}
	return t, m, nil
}

// ours refuses what works only on messages of ours in X Chat threads.
func ours(t *thread, m *message) error {
	if t.Variant != inboxapi.VariantXChat {
		return statusError(http.StatusConflict, "Only supported in X Chat threads")
	}
	if m.inbound {
		return statusError(http.StatusForbidden, "Not a message of this account")
	}
	return nil
}

// PATCH /threads/{threadId}/messages/{messageId}
func (s *Server) editMessage(c *call) ([]byte, error) {
	t, m, err := s.threadMessage(c)
	if err != nil {
		return nil, err
	}
	f := c.object()
	content := f.text("content", true, 1, 0)
	if f.err != nil {
		return nil, f.err
	}
	if err := ours(t, m); err != nil {
		return nil, err
	}
	s.edit(t, m, content)
	return encode(map[string]any{
		"success": true, "messageId": m.ID, "content": content, "editedAt": stampOf(m.UpdatedAt),
	}), nil
}

// deletion is how a message went.
type deletion struct {
	At     time.Time
	Type   string // self or all
	Author *string
	Origin *string
}

// DELETE /threads/{threadId}/messages/{messageId}
func (s *Server) deleteMessage(c *call) ([]byte, error) {
	t, m, err := s.threadMessage(c)
	if err != nil {
		return nil, err
	}
	f := c.object()
	forAll := true
	f.into("deleteForAll", &forAll, false)
	if f.err != nil {
		return nil, f.err
	}
	if t.Variant != inboxapi.VariantXChat {
		return nil, ours(t, m)
	}
	now := s.now()
	m.DeletedAt = &now
	m.deletion = &deletion{
		At: now, Type: "self", Origin: new(inboxapi.OriginAPI),
		Author: new(s.platformIDOf(t.AccountLinkID)),
	}
	if forAll {
		m.deletion.Type = "all"
	}
	s.recordDeletion(t, m)
	return encode(map[string]any{"success": true, "messageId": m.ID, "deletedAt": stamp(now)}), nil
}

// GET /threads/{threadId}/messages/{messageId}/history
func (s *Server) history(c *call) ([]byte, error) {
	_, m, err := s.threadMessage(c)
	if err != nil {
		return nil, err
	}
	type version struct {
		wireMessage
		CampaignStepID *string `json:"campaignStepId"`
		EditOrigin     *string `json:"editOrigin"`
		ExpandedData   *string `json:"expandedData"`

		// A version has none of these, so they take the place of the message's.
		UpdatedAt         *stamp `json:"updatedAt,omitempty"`
		IsEdited          *bool  `json:"isEdited,omitempty"`
		DeletedAt         *stamp `json:"deletedAt,omitempty"`
		PlatformDeletedAt *stamp `json:"platformDeletedAt,omitempty"`
	}
	var versions []version
	for _, v := range append(slices.Clone(m.versions), m.Message) {
		versions = append(versions, version{wireMessage: wireMessageOf(v)})
	}
	var gone any
	if d := m.deletion; d != nil {
		gone = map[string]any{
			"deletedAt": stamp(d.At), "deletionType": d.Type,
			"deletionAuthorPlatformId": d.Author, "origin": d.Origin,
		}
	}
	return encode(map[string]any{"versions": versions, "deletion": gone}), nil
}

// POST .../reactions/reactions
func (s *Server) addReaction(c *call) ([]byte, error) {
	t, m, err := s.threadMessage(c)
	if err != nil {
		return nil, err
	}
	f := c.object()
	emoji := f.text("emoji", true, 1, 0)
	if f.err != nil {
		return nil, f.err
	}
	s.react(t, m, emoji, false)
	return encode(map[string]any{"success": true, "messageId": m.ID}), nil
}

// DELETE .../reactions/reactions. A reaction that is not there is taken back all
// the same.
func (s *Server) removeReaction(c *call) ([]byte, error) {
	t, m, err := s.threadMessage(c)
	if err != nil {
		return nil, err
	}
	f := c.object()
	emoji := f.text("emoji", true, 1, 0)
	if f.err != nil {
		return nil, f.err
	}
	sender := s.platformIDOf(t.AccountLinkID)
	var left []json.RawMessage
	for _, raw := range m.Reactions {
		var r struct{ Emoji, SenderPlatformID string }
		if json.Unmarshal(raw, &r) == nil && r.Emoji == emoji && r.SenderPlatformID == sender {
			s.recordReaction("message.reactionRemoved", t, m, raw)
			continue
		}
		left = append(left, raw)
	}
	m.Reactions = left
	if r := t.reaction; r != nil && !r.inbound && r.Emoji == emoji {
		t.reaction = nil
	}
	return encode(map[string]any{"success": true, "messageId": m.ID}), nil
}
