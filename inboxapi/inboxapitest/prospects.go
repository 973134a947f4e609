package inboxapitest

import "slices"

// person returns the prospect the path names by external ID.
func (s *Server) person(c *call) (*prospect, error) {
	id, err := c.pathID("prospectId")
	if err != nil {
		return nil, err
	}
	p, ok := s.byExtID[id]
	if !ok {
		return nil, notFound("PROSPECT_NOT_FOUND", "Prospect", id)
	}
	return p, nil
}

// GET /prospects/{prospectId}
func (s *Server) getProspect(c *call) ([]byte, error) {
	p, err := s.person(c)
	if err != nil {
		return nil, err
	}
	return encode(wireProspectOf(s.profile(p))), nil
}

// GET /prospects/lookup
func (s *Server) lookupProspect(c *call) ([]byte, error) {
	q := c.query()
	id := q.required("platformId")
	if q.err != nil {
		return nil, q.err
	}
	p, ok := s.people[id]
	if !ok {
		return null, nil
	}
	return encode(wireProspectOf(s.profile(p))), nil
}

// PATCH /prospects/{prospectId}/context. Tags are added before others are taken
// away; assignee and archiving apply to all threads of the prospect.
func (s *Server) updateProspect(c *call) ([]byte, error) {
	p, err := s.person(c)
	if err != nil {
		return nil, err
	}
	f := c.object()
	var notes *string
	var valuation *float64
	var done bool
	f.into("notes", &notes, true)
	f.into("valuation", &valuation, true)
	f.into("done", &done, false)
	status, assignee := f.id("statusId", false, true), f.id("assigneeId", false, true)
	add, remove := f.ids("addTags"), f.ids("removeTags")
	if f.err == nil {
		f.err = s.known(status, assignee, add)
	}
	if f.err != nil {
		return nil, f.err
	}
	if f.has("notes") {
		p.Context.Notes = notes
		s.changedProspect(p, "prospect.notesChanged")
	}
	if f.has("valuation") {
		p.Context.Valuation = valuation
		s.changedProspect(p, "prospect.valuationChanged")
	}
	if f.has("statusId") {
		p.Context.StatusID = nilIfEmpty(status)
		s.changedProspect(p, "prospect.statusChanged")
	}
	s.changeTags(p, add, remove)
	for _, t := range p.threads {
		if f.has("assigneeId") {
			s.assign(t, nilIfEmpty(assignee))
		}
		if f.has("done") {
			s.archive(t, done)
		}
	}
	return encode(wireProspectOf(s.profile(p))), nil
}

// known refuses references to what the team does not have.
func (s *Server) known(status, member string, tags []string) error {
	if status != "" && s.status(status) < 0 {
		return notFound("NOT_FOUND", "Status", status)
	}
	if member != "" && s.member(member) < 0 {
		return notFound("NOT_FOUND", "Member", member)
	}
	for _, id := range tags {
		if s.tag(id) < 0 {
			return notFound("NOT_FOUND", "Tag", id)
		}
	}
	return nil
}

// changeTags adds and removes tags; one that is already there, or not there, is no
// change.
func (s *Server) changeTags(p *prospect, add, remove []string) {
	tags := slices.Clone(p.Context.Tags)
	for _, id := range add {
		if !slices.Contains(tags, id) {
			tags = append(tags, id)
		}
	}
	tags = slices.DeleteFunc(tags, func(id string) bool { return slices.Contains(remove, id) })
	if slices.Equal(tags, p.Context.Tags) {
		return
	}
	p.Context.Tags = tags
	s.changedProspect(p, "prospect.tagsChanged")
}

// changedProspect renews what lists show of a prospect and records why.
func (s *Server) changedProspect(p *prospect, event string) {
	for _, t := range p.threads {
		t.row = nil
	}
	s.recordProspect(event, p)
}
