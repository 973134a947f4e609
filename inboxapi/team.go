package inboxapi

import (
	"encoding/json"
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
