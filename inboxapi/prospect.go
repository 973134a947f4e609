package inboxapi

import (
	"encoding/json"
	"time"
)

// Prospect is the other party of a thread: an X profile and what the team keeps
// about it. It has no ID of its own: ExternalID is what paths call prospectId.
type Prospect struct {
	Platform          string          `json:"platform"`
	PlatformID        string          `json:"platformId"`
	ExternalID        *string         `json:"externalId"` // the Inbox ID; nil: not imported, the prospect endpoints cannot address it
	DocumentID        *float64        `json:"documentId"`
	DisplayName       string          `json:"displayName"`
	Username          string          `json:"username"` // no @; compare case-insensitively
	Handle            string          `json:"handle"`
	Image             *string         `json:"image"`
	ImageNormalized   *string         `json:"imageNormalized"`
	Bio               *string         `json:"bio"`
	Location          *string         `json:"location"`
	ProfileURL        string          `json:"profileUrl"`
	WebsiteURL        *string         `json:"websiteUrl"`
	WebsiteDomain     *string         `json:"websiteDomain"`
	Verified          string          `json:"verified"`    // none, verified, business, government; open
	ProfileType       string          `json:"profileType"` // personal, business, government; open
	IsProtected       bool            `json:"isProtected"`
	FollowerCount     float64         `json:"followerCount"`
	FollowingCount    float64         `json:"followingCount"`
	PostCount         float64         `json:"postCount"`
	EngagementCount   *float64        `json:"engagementCount"`
	ListedCount       *float64        `json:"listedCount"`
	PlatformCreatedAt *time.Time      `json:"platformCreatedAt"`
	FirstSeenAt       *time.Time      `json:"firstSeenAt"`
	LastUpdatedAt     *time.Time      `json:"lastUpdatedAt"`
	LastEnrichedAt    *time.Time      `json:"lastEnrichedAt"`
	LastActiveAt      *time.Time      `json:"lastActiveAt"`
	Source            string          `json:"source"`
	IsFresh           bool            `json:"isFresh"`
	IsStale           bool            `json:"isStale"`
	Confidence        float64         `json:"confidence"`
	PlatformData      json.RawMessage `json:"platformData,omitempty"`
	Context           ProspectContext `json:"context"`
}

// ProspectContext is what the team keeps about a prospect, across all threads.
type ProspectContext struct {
	Tags       []string         `json:"tags"` // tag IDs
	StatusID   *string          `json:"statusId"`
	Valuation  *float64         `json:"valuation"` // in the team's currency
	Notes      *string          `json:"notes"`
	AssigneeID *string          `json:"assigneeId,omitempty"` // newer API pages only
	Threads    []ProspectThread `json:"threads,omitempty"`    // only from the prospect endpoints
}

// ProspectThread is one thread of a prospect, across all account links.
type ProspectThread struct {
	ID                   string     `json:"id"`
	AccountLinkID        string     `json:"accountLinkId"`
	LastMessageTimestamp *time.Time `json:"lastMessageTimestamp"`
	CreatedAt            time.Time  `json:"createdAt"`
}
