package inboxapitest

import (
	"encoding/json"
	"time"

	"inboxbot/inboxapi"
)

// The types here are the JSON of the API: what the client's types hold, with
// every field the document requires, nulls included, and times in milliseconds.
// A field declared beside an embedded struct replaces the embedded one.

// stamp is a time as the API writes it.
type stamp time.Time

// MarshalJSON implements json.Marshaler.
func (t stamp) MarshalJSON() ([]byte, error) {
	return time.Time(t).UTC().AppendFormat(nil, `"2006-01-02T15:04:05.000Z"`), nil
}

func stampOf(t *time.Time) *stamp { return (*stamp)(t) }

var null = json.RawMessage("null")

func orNull(m json.RawMessage) json.RawMessage {
	if len(m) == 0 {
		return null
	}
	return m
}

type wireThread struct {
	inboxapi.Thread
	LastMessageTimestamp  *stamp           `json:"lastMessageTimestamp"`
	ComputedSortTimestamp *stamp           `json:"computedSortTimestamp"`
	CreatedAt             stamp            `json:"createdAt"`
	LastMessage           *wireLastMessage `json:"lastMessage"`
	Prospect              wireProspect     `json:"prospect"`
}

type wireLastMessage struct {
	inboxapi.LastMessage
	CreatedAt stamp `json:"createdAt"`
}

func wireThreadOf(t inboxapi.Thread) wireThread {
	w := wireThread{
		Thread:                t,
		LastMessageTimestamp:  stampOf(t.LastMessageTimestamp),
		ComputedSortTimestamp: stampOf(t.ComputedSortTimestamp),
		CreatedAt:             stamp(t.CreatedAt),
		Prospect:              wireProspectOf(t.Prospect),
	}
	if t.LastMessage != nil {
		w.LastMessage = &wireLastMessage{*t.LastMessage, stamp(t.LastMessage.CreatedAt)}
	}
	return w
}

type wireProspect struct {
	inboxapi.Prospect
	PlatformCreatedAt *stamp          `json:"platformCreatedAt"`
	FirstSeenAt       *stamp          `json:"firstSeenAt"`
	LastUpdatedAt     *stamp          `json:"lastUpdatedAt"`
	LastEnrichedAt    *stamp          `json:"lastEnrichedAt"`
	LastActiveAt      *stamp          `json:"lastActiveAt"`
	PlatformData      json.RawMessage `json:"platformData"`
	Context           wireContext     `json:"context"`
}

type wireContext struct {
	inboxapi.ProspectContext
	Threads []wireProspectThread `json:"threads,omitempty"`
}

type wireProspectThread struct {
	inboxapi.ProspectThread
	LastMessageTimestamp *stamp `json:"lastMessageTimestamp"`
	CreatedAt            stamp  `json:"createdAt"`
}

func wireProspectOf(p inboxapi.Prospect) wireProspect {
	w := wireProspect{
		Prospect:          p,
		PlatformCreatedAt: stampOf(p.PlatformCreatedAt),
		FirstSeenAt:       stampOf(p.FirstSeenAt),
		LastUpdatedAt:     stampOf(p.LastUpdatedAt),
		LastEnrichedAt:    stampOf(p.LastEnrichedAt),
		LastActiveAt:      stampOf(p.LastActiveAt),
		PlatformData:      orNull(p.PlatformData),
		Context:           wireContext{ProspectContext: p.Context},
	}
	if w.Context.Tags == nil {
		w.Context.Tags = []string{}
	}
	for _, t := range p.Context.Threads {
		w.Context.Threads = append(w.Context.Threads,
			wireProspectThread{t, stampOf(t.LastMessageTimestamp), stamp(t.CreatedAt)})
	}
	return w
}

// reducedProspect is the part of a prospect that events carry.
type reducedProspect struct {
	Platform    string      `json:"platform"`
	PlatformID  string      `json:"platformId"`
	ExternalID  *string     `json:"externalId"`
	DisplayName string      `json:"displayName"`
	Username    string      `json:"username"`
	Image       *string     `json:"image"`
	Context     wireContext `json:"context"`
}

func reducedProspectOf(p inboxapi.Prospect) reducedProspect {
	return reducedProspect{
		p.Platform, p.PlatformID, p.ExternalID, p.DisplayName, p.Username, p.Image,
		wireProspectOf(p).Context,
	}
}

type wireMessage struct {
	inboxapi.Message
	CreatedAt         stamp             `json:"createdAt"`
	UpdatedAt         *stamp            `json:"updatedAt"`
	DeletedAt         *stamp            `json:"deletedAt"`
	PlatformDeletedAt *stamp            `json:"platformDeletedAt"`
	ReplyData         json.RawMessage   `json:"replyData"`
	ForwardData       json.RawMessage   `json:"forwardData"`
	Entities          json.RawMessage   `json:"entities"`
	Attachment        json.RawMessage   `json:"attachment"`
	Reactions         []json.RawMessage `json:"reactions"`
}

func wireMessageOf(m inboxapi.Message) wireMessage {
	w := wireMessage{
		Message:           m,
		CreatedAt:         stamp(m.CreatedAt),
		UpdatedAt:         stampOf(m.UpdatedAt),
		DeletedAt:         stampOf(m.DeletedAt),
		PlatformDeletedAt: stampOf(m.PlatformDeletedAt),
		ReplyData:         orNull(m.ReplyData),
		ForwardData:       orNull(m.ForwardData),
		Entities:          orNull(m.Entities),
		Attachment:        orNull(m.Attachment),
		Reactions:         m.Reactions,
	}
	if w.Reactions == nil {
		w.Reactions = []json.RawMessage{}
	}
	return w
}

type wireTeam struct {
	inboxapi.Team
	CreatedAt stamp  `json:"createdAt"`
	UpdatedAt *stamp `json:"updatedAt"`
}

type wireAccount struct {
	inboxapi.AccountLink
	CreatedAt stamp  `json:"createdAt"`
	SyncedAt  *stamp `json:"syncedAt"`
}

type wireMember struct {
	inboxapi.Member
	CreatedAt stamp  `json:"createdAt"`
	UpdatedAt *stamp `json:"updatedAt"`
}

func wireMemberOf(m inboxapi.Member) wireMember {
	return wireMember{m, stamp(m.CreatedAt), stampOf(m.UpdatedAt)}
}

type wireStatus struct {
	inboxapi.Status
	CreatedAt stamp `json:"createdAt"`
}

func wireStatusOf(s inboxapi.Status) wireStatus { return wireStatus{s, stamp(s.CreatedAt)} }

// wireCursor points at the last row of a page.
type wireCursor struct {
	ID        string `json:"id"`
	Timestamp stamp  `json:"timestamp"`
}
