package inboxapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// View is one of the Inbox views a thread list can be taken from. The set is
// open: the API may add views. A view is a hint about which threads to look at,
// never a statement about who wrote last (the vendor's texts contradict each
// other about "no-reply"): decide by the author of the newest message.
type View string

// The views of API v1.
const (
	ViewDefault  View = "default"  // active threads: not archived, not a request
	ViewNoReply  View = "no-reply" // the part of default that awaits a reply
	ViewRequests View = "requests" // message requests of unknown people
	ViewArchived View = "archived" // threads marked as done
)

// Thread variants and statuses of API v1. Both sets are open.
const (
	VariantUnencrypted = "unencrypted"
	VariantXChat       = "xChat" // both sides have written; typing works only here

	StatusActive = "active"
	StatusIdle   = "idle" // hidden from the inbox
)

// Thread is one DM conversation between an account link and a prospect.
type Thread struct {
	ID                    string       `json:"id"`
	Platform              string       `json:"platform"`
	PlatformID            *string      `json:"platformId"` // X's conversation ID, nil until the first message exists
	Done                  bool         `json:"done"`       // archived
	AssigneeID            *string      `json:"assigneeId"` // a member ID, not a user ID
	LastMessageTimestamp  *time.Time   `json:"lastMessageTimestamp"`
	ComputedSortTimestamp *time.Time   `json:"computedSortTimestamp"` // last message, else creation: the sort key of lists
	CreatedAt             time.Time    `json:"createdAt"`             // created in Inbox
	Status                string       `json:"status"`
	Variant               string       `json:"variant"`
	AccountLinkID         string       `json:"accountLinkId"` // our side
	IsSyncing             bool         `json:"isSyncing"`     // older messages are still being imported
	IsRequest             bool         `json:"isRequest"`
	TypingEnabled         *bool        `json:"typingIndicatorsEnabled"` // nil: the team's default
	LastMessage           *LastMessage `json:"lastMessage"`             // nil when the thread has no message
	Prospect              Prospect     `json:"prospect"`
}

// LastMessage is the excerpt of a thread's newest message that lists carry. It
// has no origin, no edit and no deletion stamp.
type LastMessage struct {
	ID         string    `json:"id"`
	Content    string    `json:"content"`
	AuthorID   string    `json:"authorId"`
	CreatedAt  time.Time `json:"createdAt"`
	UserID     *string   `json:"userId"`
	CampaignID *string   `json:"campaignId"`
}

// SortTime is the time lists are ordered by: the sort timestamp, else the last
// message's, else the thread's creation.
func (t *Thread) SortTime() time.Time {
	switch {
	case t.ComputedSortTimestamp != nil:
		return *t.ComputedSortTimestamp
	case t.LastMessageTimestamp != nil:
		return *t.LastMessageTimestamp
	case t.LastMessage != nil:
		return t.LastMessage.CreatedAt
	}
	return t.CreatedAt
}

func threadID(t *Thread) string { return t.ID }

// ThreadQuery selects threads. Its filters are joined by AND.
type ThreadQuery struct {
	View           View     // default ViewDefault; the API declares no default of its own
	AccountLinkIDs []string // none: all accounts
	Tags           Filter   // of the prospect
	Statuses       Filter   // of the prospect
	Assignees      Filter   // member IDs
	Campaigns      Filter
	Ascending      bool    // oldest first instead of newest first
	Cursor         *Cursor // nil: from the start
	Limit          int     // rows of a page, 1 to 100; default 100
}

// Filter keeps what has any of IDs, or, with None, what has none at all. The API
// does not say what both together do. The zero value keeps everything.
type Filter struct {
	IDs  []string
	None bool
}

func (f Filter) set(q url.Values, name, none string) {
	setIDs(q, "filters["+name+"][selectedIds]", f.IDs)
	if f.None {
		q.Set("filters["+name+"]["+none+"]", "true")
	}
}

// setIDs encodes a list with indexes: a single bare element would be taken for a
// scalar.
func setIDs(q url.Values, name string, ids []string) {
	for i, id := range ids {
		q.Set(name+"["+strconv.Itoa(i)+"]", id)
	}
}

func (tq ThreadQuery) values() url.Values {
	q := url.Values{}
	view := tq.View
	if view == "" {
		view = ViewDefault
	}
	q.Set("inbox", string(view))
	setIDs(q, "accountLinkIds", tq.AccountLinkIDs)
	tq.Tags.set(q, "tags", "noTags")
	tq.Statuses.set(q, "statuses", "noStatus")
	tq.Assignees.set(q, "assignees", "noAssignee")
	tq.Campaigns.set(q, "campaigns", "noCampaign")
	if tq.Ascending {
		q.Set("filters[sortOrder]", "asc")
	}
	setPage(q, tq.Cursor, tq.Limit)
	return q
}

// ThreadPage is one page of a thread list.
type ThreadPage struct {
	Threads   []Thread       // in the API's order
	Malformed []MalformedRow // rows that could not be decoded
	Next      *Cursor        // nil: this is the last page, however short the others were
	Date      time.Time      // the response's Date header, or zero
	Asked     time.Time      // this process's clock when the request left: the page is no older
}

// ListThreads returns one page. A walk over pages is no snapshot: a thread that
// gets a message meanwhile moves to the front.
//
// API: GET /threads
func (c *Client) ListThreads(ctx context.Context, q ThreadQuery) (*ThreadPage, error) {
	k := call{op: "threads.list", method: "GET", path: "/threads", query: q.values()}
	res, err := c.do(ctx, k)
	if err != nil {
		return nil, err
	}
	page, err := decodeThreadPage(res.body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", k, err)
	}
	page.Date, page.Asked = res.date, res.asked
	return page, nil
}

type threadShape[Rows any] struct {
	Threads    Rows            `json:"threads"`
	NextCursor json.RawMessage `json:"nextCursor"`
}

// decodeThreadPage reads most pages at once, and one that has something wrong with
// it row by row.
func decodeThreadPage(body []byte) (*ThreadPage, error) {
	var whole threadShape[[]Thread]
	if json.Unmarshal(body, &whole) == nil && whole.Threads != nil && all(whole.Threads, threadID) {
		if next, err := decodeCursor(whole.NextCursor); err == nil {
			return &ThreadPage{Threads: whole.Threads, Next: next}, nil
		}
	}
	var shape threadShape[json.RawMessage]
	if err := decode(body, &shape); err != nil {
		return nil, err
	}
	var page ThreadPage
	var err error
	if page.Threads, page.Malformed, err = decodeRows(shape.Threads, threadID); err != nil {
		return nil, fmt.Errorf("threads: %w", err)
	}
	if page.Next, err = decodeCursor(shape.NextCursor); err != nil {
		return nil, err
	}
	return &page, nil
}

// Threads walks over all threads q selects, page by page as the loop goes on.
// Every thread comes once. A row that cannot be decoded comes as an error that
// matches ErrMalformed, and the walk goes on; any other error is the last thing
// yielded. A walk that ends without an error has seen the end of the list.
//
// API: GET /threads
func (c *Client) Threads(ctx context.Context, q ThreadQuery) iter.Seq2[*Thread, error] {
	return walk(q.Cursor, threadID, func(at *Cursor) ([]Thread, []MalformedRow, *Cursor, error) {
		q := q
		q.Cursor = at
		p, err := c.ListThreads(ctx, q)
		if err != nil {
			return nil, nil, nil, err
		}
		return p.Threads, p.Malformed, p.Next, nil
	})
}

// GetThread returns a thread by its Inbox ID. One that is deleted, and X's own
// ID, are ErrNotFound.
//
// API: GET /threads/{threadId}
func (c *Client) GetThread(ctx context.Context, id string) (*Thread, error) {
	path, err := idPath("/threads", id)
	if err != nil {
		return nil, err
	}
	k := call{op: "threads.thread.get", method: "GET", path: path}
	res, err := c.do(ctx, k)
	if err != nil {
		return nil, err
	}
	return decodeOne(k, res, threadID)
}

// LookupQuery names the thread between an account link and a person.
type LookupQuery struct {
	AccountLinkID      string // required
	ExternalPlatformID string // the person's X user ID; this or
	ExternalID         string // their Inbox ID (Prospect.ExternalID)
}

// LookupThread returns the thread q names, ErrNotFound when there is none (the
// API answers null, not 404).
//
// API: GET /threads/lookup
func (c *Client) LookupThread(ctx context.Context, q LookupQuery) (*Thread, error) {
	k := call{op: "threads.lookup", method: "GET", path: "/threads/lookup", query: url.Values{}}
	for name, v := range map[string]string{
		"accountLinkId": q.AccountLinkID, "externalPlatformId": q.ExternalPlatformID, "externalId": q.ExternalID,
	} {
		if v != "" {
			k.query.Set(name, v)
		}
	}
	if q.AccountLinkID == "" || len(k.query) < 2 {
		return nil, fmt.Errorf("%s: %w: it takes an account link and a person", k, ErrInvalid)
	}
	return lookup(ctx, c, k, threadID)
}

// lookup makes a call that answers null for "no match".
func lookup[T any](ctx context.Context, c *Client, k call, id func(*T) string) (*T, error) {
	res, err := c.do(ctx, k)
	if err != nil {
		return nil, err
	}
	if string(bytes.TrimSpace(res.body)) == "null" {
		return nil, fmt.Errorf("%s: %w", k, ErrNotFound)
	}
	return decodeOne(k, res, id)
}

// LookupThreadsByUsername returns the threads with the person of an X username,
// one per account link (of accountLinkIDs, if any are given). None is no error.
// With broken rows it returns the others and an error that matches ErrMalformed.
//
// API: GET /threads/lookup-by-username
func (c *Client) LookupThreadsByUsername(ctx context.Context, username string, accountLinkIDs ...string) ([]Thread, error) {
	k := call{op: "threads.lookupByUsername", method: "GET", path: "/threads/lookup-by-username"}
	username = strings.TrimPrefix(username, "@")
	if username == "" {
		return nil, fmt.Errorf("%s: %w: no username", k, ErrInvalid)
	}
	k.query = url.Values{"username": {username}}
	setIDs(k.query, "accountLinkIds", accountLinkIDs)
	res, err := c.do(ctx, k)
	if err != nil {
		return nil, err
	}
	return decodeFlat(k, res, threadID)
}

// ThreadUpdate changes a thread; what is absent stays.
type ThreadUpdate struct {
	Done     *bool            `json:"done,omitempty"`      // true archives, false reopens; nil: absent
	Assignee Optional[string] `json:"assigneeId,omitzero"` // a member ID
}

// UpdateThread changes a thread and returns it as it is then. It may be repeated.
//
// API: PATCH /threads/{threadId}
func (c *Client) UpdateThread(ctx context.Context, id string, u ThreadUpdate) (*Thread, error) {
	path, err := idPath("/threads", id)
	if err != nil {
		return nil, err
	}
	k := call{op: "threads.thread.update", method: "PATCH", path: path, body: u}
	res, err := c.do(ctx, k)
	if err != nil {
		return nil, err
	}
	return decodeOne(k, res, threadID)
}
