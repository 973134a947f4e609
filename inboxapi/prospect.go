package inboxapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
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

// prospectID tells a prospect from an empty object: one that is not imported has
// no Inbox ID, but it always has X's.
func prospectID(p *Prospect) string {
	if p.ExternalID != nil && *p.ExternalID != "" {
		return *p.ExternalID
	}
	return p.PlatformID
}

// Prospect returns a prospect by its Inbox ID (Prospect.ExternalID), with the
// threads of all account links in its context.
//
// API: GET /prospects/{prospectId}
func (c *Client) Prospect(ctx context.Context, id string) (*Prospect, error) {
	path, err := idPath("/prospects", id)
	if err != nil {
		return nil, err
	}
	k := call{op: "prospects.get", method: "GET", path: path}
	res, err := c.do(ctx, k)
	if err != nil {
		return nil, err
	}
	return decodeOne(k, res, prospectID)
}

// LookupProspect returns a prospect by its X user ID, ErrNotFound when the team
// never had to do with it (the API answers null, not 404).
//
// API: GET /prospects/lookup
func (c *Client) LookupProspect(ctx context.Context, platformID string) (*Prospect, error) {
	k := call{op: "prospects.lookup", method: "GET", path: "/prospects/lookup"}
	if platformID == "" {
		return nil, fmt.Errorf("%s: %w: no platform ID", k, ErrInvalid)
	}
	k.query = url.Values{"platformId": {platformID}}
	return lookup(ctx, c, k, prospectID)
}

// ContextUpdate changes what the team keeps about a prospect; what is absent
// stays.
type ContextUpdate struct {
	Notes      Optional[string]  `json:"notes,omitzero"` // replaces the whole note: read it first to add to it
	Valuation  Optional[float64] `json:"valuation,omitzero"`
	StatusID   Optional[string]  `json:"statusId,omitzero"`
	AddTags    []string          `json:"addTags,omitempty"`    // tag IDs; one that is there already changes nothing
	RemoveTags []string          `json:"removeTags,omitempty"` // tag IDs; none may also be in AddTags
	AssigneeID Optional[string]  `json:"assigneeId,omitzero"`  // a member ID, for every thread of the prospect
}

// UpdateProspectContext changes what the team keeps about a prospect (by Inbox
// ID) and returns the prospect as it is then. A change of the note is one attempt:
// repeated, it would be written over what somebody wrote in between, so read the
// note again before the next.
//
// API: PATCH /prospects/{prospectId}/context
func (c *Client) UpdateProspectContext(ctx context.Context, id string, u ContextUpdate) (*Prospect, error) {
	path, err := idPath("/prospects", id, "context")
	if err != nil {
		return nil, err
	}
	k := call{op: "prospects.update", method: "PATCH", path: path, body: u}
	for _, tag := range u.AddTags {
		if slices.Contains(u.RemoveTags, tag) { // the API does not say which would win
			return nil, fmt.Errorf("%s: %w: tag %.40q both added and removed", k, ErrInvalid, tag)
		}
	}
	try := c.do
	if !u.Notes.IsZero() {
		try = c.attempt
	}
	res, err := try(ctx, k)
	if err != nil {
		return nil, err
	}
	return decodeOne(k, res, prospectID)
}
