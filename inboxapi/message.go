package inboxapi

import (
	"encoding/json"
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
