package inboxapi

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/url"
	"time"
)

// Message origins of API v1. An origin is not a direction: "external" covers
// both what the prospect wrote and what somebody on our side wrote in X itself.
const (
	OriginInternal = "internal" // written in Inbox
	OriginExternal = "external" // written in X
	OriginAPI      = "api"      // sent with an API token, not necessarily ours
)

// Message is one direct message of a thread.
type Message struct {
	ID                string            `json:"id"`
	TeamID            string            `json:"teamId"`
	ThreadID          string            `json:"threadId"`
	Platform          string            `json:"platform"`
	PlatformID        *string           `json:"platformId"` // X's message ID, nil when just sent
	Content           string            `json:"content"`    // empty for media-only messages
	AuthorID          string            `json:"authorId"`   // an account link ID, or the prospect's external ID
	UserID            *string           `json:"userId"`     // the Inbox user who wrote it in Inbox: a user ID, not a member ID
	CampaignID        *string           `json:"campaignId"`
	Origin            *string           `json:"origin"` // nil on legacy rows
	CreatedAt         time.Time         `json:"createdAt"`
	UpdatedAt         *time.Time        `json:"updatedAt"`
	ReplyData         json.RawMessage   `json:"replyData,omitempty"`
	ForwardData       json.RawMessage   `json:"forwardData,omitempty"`
	Entities          json.RawMessage   `json:"entities,omitempty"`
	Attachment        json.RawMessage   `json:"attachment,omitempty"`
	Reactions         []json.RawMessage `json:"reactions"`
	IsEncrypted       *bool             `json:"isEncrypted"`
	IsEdited          bool              `json:"isEdited"`
	DeletedAt         *time.Time        `json:"deletedAt"`         // deleted in Inbox
	PlatformDeletedAt *time.Time        `json:"platformDeletedAt"` // deleted on X
	Failed            bool              `json:"failed,omitempty"`  // a send that was accepted and then not delivered
}

// Live reports whether m still stands in the thread: neither deleted in Inbox
// nor on X, and not a send of ours that failed.
func (m *Message) Live() bool {
	return m.DeletedAt == nil && m.PlatformDeletedAt == nil && !m.Failed
}

func messageID(m *Message) string { return m.ID }

// MessageQuery selects messages of a thread.
type MessageQuery struct {
	Cursor *Cursor // nil: from the newest message
	Limit  int     // rows of a page, 1 to 100; default 100
}

// MessagePage is one page of a thread's messages.
type MessagePage struct {
	Messages  []Message      // newest first, deleted ones included
	Malformed []MalformedRow // rows that could not be decoded
	Next      *Cursor        // nil: there are no older ones, or none are imported yet (IsSyncing)
	IsSyncing bool           // older messages are still being imported and may appear
	Date      time.Time      // the response's Date header, or zero
	Asked     time.Time      // this process's clock when the request left: the page is no older
}

// ListMessages returns one page of a thread's messages, newest first.
//
// API: GET /threads/{threadId}/messages
func (c *Client) ListMessages(ctx context.Context, threadID string, q MessageQuery) (*MessagePage, error) {
	path, err := idPath("/threads", threadID, "messages")
	if err != nil {
		return nil, err
	}
	k := call{op: "threads.thread.messages.list", method: "GET", path: path, query: url.Values{}}
	setPage(k.query, q.Cursor, q.Limit)
	res, err := c.do(ctx, k)
	if err != nil {
		return nil, err
	}
	page, err := decodeMessagePage(res.body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", k, err)
	}
	page.Date, page.Asked = res.date, res.asked
	return page, nil
}

type messageShape[Rows any] struct {
	Messages   Rows            `json:"messages"`
	NextCursor json.RawMessage `json:"nextCursor"`
	IsSyncing  bool            `json:"isSyncing"`
}

// decodeMessagePage reads a page as decodeThreadPage does.
func decodeMessagePage(body []byte) (*MessagePage, error) {
	var whole messageShape[[]Message]
	if json.Unmarshal(body, &whole) == nil && whole.Messages != nil && all(whole.Messages, messageID) {
		if next, err := decodeCursor(whole.NextCursor); err == nil {
			return &MessagePage{Messages: whole.Messages, Next: next, IsSyncing: whole.IsSyncing}, nil
		}
	}
	var shape messageShape[json.RawMessage]
	if err := decode(body, &shape); err != nil {
		return nil, err
	}
	page := MessagePage{IsSyncing: shape.IsSyncing}
	var err error
	if page.Messages, page.Malformed, err = decodeRows(shape.Messages, messageID); err != nil {
		return nil, fmt.Errorf("messages: %w", err)
	}
	if page.Next, err = decodeCursor(shape.NextCursor); err != nil {
		return nil, err
	}
	return &page, nil
}

// Messages walks over the messages of a thread from the newest to the oldest,
// with the errors of Threads.
//
// API: GET /threads/{threadId}/messages
func (c *Client) Messages(ctx context.Context, threadID string, q MessageQuery) iter.Seq2[*Message, error] {
	return walk(q.Cursor, messageID, func(at *Cursor) ([]Message, []MalformedRow, *Cursor, error) {
		p, err := c.ListMessages(ctx, threadID, MessageQuery{Cursor: at, Limit: q.Limit})
		if err != nil {
			return nil, nil, nil, err
		}
		return p.Messages, p.Malformed, p.Next, nil
	})
}

// NewMessage is a message to send.
type NewMessage struct {
	Content          string // 1 to 10,000 characters; X counts them, so stay under it in UTF-16 units
	ReplyToMessageID string // "": no reply to one message
	// NotAfter is the fence: no byte of the request is written after this
	// instant, by the monotonic and by the wall clock. Zero: none. What the API
	// does with a request that left in time is beyond it.
	NotAfter time.Time
}

// SendMessage posts a message to a thread and returns it as the API stored it.
//
// It is not idempotent, the API has no key that would make it so, and it is
// tried once: repeating it after a timeout may send twice. An error matches
// ErrNotSent when nothing left, is an *Error when the API refused, and otherwise
// says nothing about what happened: ask Ambiguous.
//
// Any 2xx is a success. When its body cannot be read the message holds what is
// known, perhaps nothing but ThreadID and Content: an empty ID is not a failure.
//
// ctx bounds the whole call; without a deadline Options.Timeout does.
//
// API: POST /threads/{threadId}/messages
func (c *Client) SendMessage(ctx context.Context, threadID string, m NewMessage) (*Message, error) {
	path, err := idPath("/threads", threadID, "messages")
	if err != nil {
		return nil, notSent(err)
	}
	k := call{op: "threads.thread.messages.create", method: "POST", path: path, body: struct {
		Content          string `json:"content"`
		ReplyToMessageID string `json:"replyToMessageId,omitempty"`
	}{m.Content, m.ReplyToMessageID}}
	if m.Content == "" {
		return nil, notSent(fmt.Errorf("%s: %w: no content", k, ErrInvalid))
	}
	res, err := c.send(ctx, k, m.NotAfter)
	if err != nil {
		return nil, err
	}
	var sent Message
	_ = decode(res.body, &sent) // what can be read is enough: it is sent
	if sent.ID == "" {
		sent.ID = rowID(res.body)
	}
	if sent.Content == "" {
		sent.Content = m.Content
	}
	if sent.ThreadID == "" {
		sent.ThreadID = threadID
	}
	return &sent, nil
}

// What TypingResult.Status can be. The set is open.
const (
	TypingSent    = "sent"
	TypingSkipped = "skipped"
)

// TypingResult says whether the other party was shown that we are writing.
type TypingResult struct {
	Status string `json:"status"`           // TypingSent or TypingSkipped
	Reason string `json:"reason,omitempty"` // of skipped: rateLimited, typingDisabled, unsupported, outboundDisabled; open
}

// Typing shows the other party for a moment that we are writing, where the
// thread supports it (VariantXChat). It is tried once and costs a request of the
// quota.
//
// API: POST /threads/{threadId}/typing
func (c *Client) Typing(ctx context.Context, threadID string) (TypingResult, error) {
	path, err := idPath("/threads", threadID, "typing")
	if err != nil {
		return TypingResult{}, err
	}
	k := call{op: "threads.thread.typing", method: "POST", path: path, body: struct{}{}}
	res, err := c.attempt(ctx, k)
	if err != nil {
		return TypingResult{}, err
	}
	var r TypingResult
	if err := decode(res.body, &r); err != nil {
		return TypingResult{}, fmt.Errorf("%s: %w", k, err)
	}
	return r, nil
}
