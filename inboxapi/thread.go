package inboxapi

import "time"

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
