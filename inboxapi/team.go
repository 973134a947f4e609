package inboxapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"time"
)

// Team is the team an API token belongs to.
type Team struct {
	ID                 string     `json:"id"`
	Name               string     `json:"name"`
	Slug               string     `json:"slug"`
	Image              *string    `json:"image"`
	CreatedAt          time.Time  `json:"createdAt"`
	UpdatedAt          *time.Time `json:"updatedAt"`
	Currency           string     `json:"currency"` // of valuations
	AllowSupportAccess bool       `json:"allowSupportAccess"`
}

// Account link statuses of API v1. The set is open.
const (
	AccountActive  = "active"
	AccountOffline = "offline" // X signed the account out
	AccountPaused  = "paused"
)

// AccountLink is an X account that speaks for the team.
type AccountLink struct {
	ID         string     `json:"id"`
	Platform   string     `json:"platform"`
	PlatformID string     `json:"platformId"`
	Name       string     `json:"name"`
	Username   string     `json:"username"`
	Image      string     `json:"image"`
	CreatedAt  time.Time  `json:"createdAt"`
	Status     string     `json:"status"`
	SyncedAt   *time.Time `json:"syncedAt"` // nil until the first full sync is done
}

// Member is a teammate. ID is what assignees hold; UserID is what messages hold.
type Member struct {
	ID        string     `json:"id"`
	UserID    string     `json:"userId"`
	Name      *string    `json:"name"`
	Email     string     `json:"email"`
	Image     *string    `json:"image"`
	Role      string     `json:"role"` // owner, admin, user; open
	CreatedAt time.Time  `json:"createdAt"`
	UpdatedAt *time.Time `json:"updatedAt"`
}

// Tag is a label a prospect can have any number of.
type Tag struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Color string `json:"color"`
}

// Status is a stage of the team's pipeline; a prospect has at most one.
type Status struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Color     *string   `json:"color"`
	CreatedAt time.Time `json:"createdAt"`
}

// Event is one entry of the team's event log, kept for 7 days. Data is shaped by
// Type; in API v1 it uses other author ids than the rest: use an event only as a
// hint that something changed, then read it again.
type Event struct {
	ID        string          `json:"id"`
	Seq       int64           `json:"seq"` // ascending within a team, gaps are possible
	TeamID    string          `json:"teamId"`
	Type      string          `json:"type"`
	Timestamp time.Time       `json:"timestamp"`
	Version   string          `json:"version"`
	Data      json.RawMessage `json:"data,omitempty"`
}

// Team returns the team the token belongs to: the cheapest call that tells
// whether the token is good.
//
// API: GET /team
func (c *Client) Team(ctx context.Context) (*Team, error) {
	k := call{op: "team.get", method: "GET", path: "/team"}
	res, err := c.do(ctx, k)
	if err != nil {
		return nil, err
	}
	return decodeOne(k, res, func(t *Team) string { return t.ID })
}

// AccountLinks returns the X accounts of the team. One that was unlinked is
// gone, though messages still hold its ID.
//
// With broken rows this and the other lists below return the rows that could be
// read and an error that matches ErrMalformed.
//
// API: GET /account-links
func (c *Client) AccountLinks(ctx context.Context) ([]AccountLink, error) {
	return list(ctx, c, "accountLinks.list", "/account-links", func(a *AccountLink) string { return a.ID })
}

// Members returns the teammates.
//
// API: GET /members
func (c *Client) Members(ctx context.Context) ([]Member, error) {
	return list(ctx, c, "members.list", "/members", func(m *Member) string { return m.ID })
}

// Tags returns the team's tags.
//
// API: GET /tags
func (c *Client) Tags(ctx context.Context) ([]Tag, error) {
	return list(ctx, c, "tags.list", "/tags", tagID)
}

// Statuses returns the stages of the team's pipeline, in its order.
//
// API: GET /statuses
func (c *Client) Statuses(ctx context.Context) ([]Status, error) {
	return list(ctx, c, "statuses.list", "/statuses", func(s *Status) string { return s.ID })
}

// list reads a list that has no pages.
func list[T any](ctx context.Context, c *Client, op, path string, id func(*T) string) ([]T, error) {
	k := call{op: op, method: "GET", path: path}
	res, err := c.do(ctx, k)
	if err != nil {
		return nil, err
	}
	return decodeFlat(k, res, id)
}

func tagID(t *Tag) string { return t.ID }

// CreateTag creates a tag. Its name has 1 to 255 characters and is the team's
// only one: a second is ErrConflict, whatever the case of its letters. color is
// a palette name or #rrggbb, "" leaves the choice to the API.
//
// It is tried once. After a failure list the tags: it may be there.
//
// API: POST /tags
func (c *Client) CreateTag(ctx context.Context, name, color string) (*Tag, error) {
	k := call{op: "tags.create", method: "POST", path: "/tags", body: struct {
		Name  string `json:"name"`
		Color string `json:"color,omitempty"`
	}{name, color}}
	if name == "" {
		return nil, fmt.Errorf("%s: %w: no name", k, ErrInvalid)
	}
	res, err := c.attempt(ctx, k)
	if err != nil {
		return nil, err
	}
	return decodeOne(k, res, tagID)
}

// EventQuery selects events.
type EventQuery struct {
	AfterSeq *int64 // only later ones; nil: from the oldest the API keeps
	Limit    int    // 1 to 1,000; default 100
}

// EventPage is one page of the event log, in ascending order of Seq.
type EventPage struct {
	Events    []Event
	Malformed []MalformedRow // rows that could not be decoded
	HasMore   bool
	LastSeq   *int64 // the next EventQuery.AfterSeq; nil when the page is empty: keep the one before
}

// Events returns one page of the team's event log. Whether it is filled for a
// team without webhooks is not documented: use it to be quicker, never as the
// only source.
//
// API: GET /events
func (c *Client) Events(ctx context.Context, q EventQuery) (*EventPage, error) {
	k := call{op: "events.list", method: "GET", path: "/events", query: url.Values{}}
	if q.AfterSeq != nil {
		k.query.Set("afterSeq", strconv.FormatInt(*q.AfterSeq, 10))
	}
	if q.Limit != 0 {
		k.query.Set("limit", strconv.Itoa(q.Limit))
	}
	res, err := c.do(ctx, k)
	if err != nil {
		return nil, err
	}
	page, err := decodeEventPage(res.body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", k, err)
	}
	return page, nil
}

func decodeEventPage(body []byte) (*EventPage, error) {
	var shape struct {
		Events  json.RawMessage `json:"events"`
		HasMore bool            `json:"hasMore"`
		LastSeq *int64          `json:"lastSeq"`
	}
	if err := decode(body, &shape); err != nil {
		return nil, err
	}
	page := EventPage{HasMore: shape.HasMore, LastSeq: shape.LastSeq}
	var err error
	page.Events, page.Malformed, err = decodeRows(shape.Events, func(e *Event) string { return e.ID })
	if err != nil {
		return nil, fmt.Errorf("events: %w", err)
	}
	return &page, nil
}
