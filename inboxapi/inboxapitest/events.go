package inboxapitest

import (
	"encoding/json"
	"slices"
	"time"

	"inboxbot/inboxapi"
)

// Events are kept for 7 days, as the API documents, but no more than about the
// newest maxEvents, so that a simulation that runs for weeks stays small.
const (
	eventRetention = 7 * 24 * time.Hour
	maxEvents      = 5_000
)

// eventLog is what happened, oldest first. Data is encoded when it is asked for,
// so it must not share anything that changes.
type eventLog struct {
	events []event
	seq    int64
}

type event struct {
	inboxapi.Event
	data any
}

func (s *Server) record(kind string, data any) {
	l := &s.events
	l.seq++
	l.events = append(l.events, event{data: data, Event: inboxapi.Event{
		ID: s.newID(), Seq: l.seq, TeamID: s.team.ID, Type: kind, Timestamp: s.now(), Version: "1.0",
	}})
	if len(l.events) >= 2*maxEvents {
		l.events = slices.Clone(l.events[maxEvents:])
	}
}

func (s *Server) recordThread(kind string, t *thread) {
	s.record(kind, map[string]any{"thread": s.eventThread(t)})
}

// recordMessage shows X's user ID as the author of an inbound message: events
// differ from the rest of the API in that.
func (s *Server) recordMessage(kind string, t *thread, m *message) {
	shown := m.Message
	if m.inbound {
		shown.AuthorID = t.prospect.PlatformID
	}
	s.record(kind, map[string]any{"message": wireMessageOf(shown), "thread": s.eventThread(t)})
}

func (s *Server) recordDeletion(t *thread, m *message) {
	t.row = nil
	s.record("message.deleted", map[string]any{"messageId": m.ID, "threadId": t.ID})
}

func (s *Server) recordReaction(kind string, t *thread, m *message, reaction json.RawMessage) {
	s.record(kind, map[string]any{"messageId": m.ID, "threadId": t.ID, "reaction": reaction})
}

func (s *Server) recordProspect(kind string, p *prospect) {
	s.record(kind, map[string]any{"prospect": reducedProspectOf(p.Prospect)})
}

// eventThread is a thread as events carry it, with a reduced prospect.
func (s *Server) eventThread(t *thread) any {
	type reducedThread struct {
		wireThread
		Prospect reducedProspect `json:"prospect"`
	}
	return reducedThread{wireThreadOf(s.view(t)), reducedProspectOf(t.prospect.Prospect)}
}

// GET /events
func (s *Server) listEvents(c *call) ([]byte, error) {
	q := c.query()
	after := q.integer("afterSeq", 0, 0, 1<<53-1)
	limit := int(q.integer("limit", 100, 1, 1000))
	if q.err != nil {
		return nil, q.err
	}
	oldest := s.now().Add(-eventRetention)
	type wireEvent struct {
		inboxapi.Event
		Timestamp stamp           `json:"timestamp"`
		Data      json.RawMessage `json:"data"`
	}
	page := struct {
		Events  []wireEvent `json:"events"`
		HasMore bool        `json:"hasMore"`
		LastSeq *int64      `json:"lastSeq"`
	}{Events: []wireEvent{}}
	from, _ := slices.BinarySearchFunc(s.events.events, after+1, func(e event, seq int64) int {
		return int(min(max(e.Seq-seq, -1), 1))
	})
	for _, e := range s.events.events[from:] {
		if e.Timestamp.Before(oldest) {
			continue
		}
		if len(page.Events) == limit {
			page.HasMore = true
			break
		}
		page.Events = append(page.Events, wireEvent{e.Event, stamp(e.Timestamp), encode(e.data)})
		page.LastSeq = new(e.Seq)
	}
	return encode(page), nil
}
