package inboxapitest

import (
	"cmp"
	"net/http"
	"slices"

	"inboxbot/inboxapi"
)

// GET /team
func (s *Server) getTeam(*call) ([]byte, error) {
	return encode(wireTeam{s.team, stamp(s.team.CreatedAt), stampOf(s.team.UpdatedAt)}), nil
}

// GET /account-links
func (s *Server) listAccounts(*call) ([]byte, error) {
	list := make([]wireAccount, len(s.accounts))
	for i, a := range s.accounts {
		list[i] = wireAccount{a, stamp(a.CreatedAt), stampOf(a.SyncedAt)}
	}
	return encode(list), nil
}

// GET /members
func (s *Server) listMembers(*call) ([]byte, error) {
	list := make([]wireMember, len(s.members))
	for i, m := range s.members {
		list[i] = wireMemberOf(m)
	}
	return encode(list), nil
}

// GET /members/{memberId}
func (s *Server) getMember(c *call) ([]byte, error) {
	i, err := s.find(c, "memberId", "Member", s.member)
	if err != nil {
		return nil, err
	}
	return encode(wireMemberOf(s.members[i])), nil
}

// find returns the place of what the path names.
func (s *Server) find(c *call, param, what string, index func(id string) int) (int, error) {
	id, err := c.pathID(param)
	if err != nil {
		return 0, err
	}
	i := index(id)
	if i < 0 {
		return 0, notFound("NOT_FOUND", what, id)
	}
	return i, nil
}

// GET /tags
func (s *Server) listTags(*call) ([]byte, error) {
	return encode(slices.Concat([]inboxapi.Tag{}, s.tags)), nil
}

// GET /tags/{tagId}
func (s *Server) getTag(c *call) ([]byte, error) {
	i, err := s.find(c, "tagId", "Tag", s.tag)
	if err != nil {
		return nil, err
	}
	return encode(s.tags[i]), nil
}

// label is the body that tags and statuses are made and changed with.
type label struct {
	name  string
	color *string
}

// label reads a label. Names are unique in the team, whatever their case; self is
// the place of the one being changed, or -1.
func (c *call) label(named func(string) int, self int) (label, error) {
	f := c.object()
	l := label{name: f.text("name", self < 0, 1, 255)}
	f.into("color", &l.color, true)
	if f.err != nil {
		return label{}, f.err
	}
	if i := named(l.name); l.name != "" && i >= 0 && i != self {
		return label{}, statusError(http.StatusConflict, "The name is taken")
	}
	return l, nil
}

// POST /tags
func (s *Server) createTag(c *call) ([]byte, error) {
	l, err := c.label(s.tagNamed, -1)
	if err != nil {
		return nil, err
	}
	tag := inboxapi.Tag{ID: s.newID(), Name: l.name, Color: "blue"}
	if l.color != nil {
		tag.Color = *l.color
	}
	s.tags = append(s.tags, tag)
	s.record("tag.created", map[string]any{"tag": tag})
	return encode(tag), nil
}

// PATCH /tags/{tagId}
func (s *Server) updateTag(c *call) ([]byte, error) {
	i, err := s.find(c, "tagId", "Tag", s.tag)
	if err != nil {
		return nil, err
	}
	l, err := c.label(s.tagNamed, i)
	if err != nil {
		return nil, err
	}
	tag := &s.tags[i]
	tag.Name = cmp.Or(l.name, tag.Name)
	if l.color != nil {
		tag.Color = *l.color
	}
	s.record("tag.updated", map[string]any{"tag": *tag})
	return encode(*tag), nil
}

// DELETE /tags/{tagId}
func (s *Server) deleteTag(c *call) ([]byte, error) {
	i, err := s.find(c, "tagId", "Tag", s.tag)
	if err != nil {
		return nil, err
	}
	if f := c.object(); f.err != nil {
		return nil, f.err
	}
	tag := s.tags[i]
	for _, p := range s.people {
		s.changeTags(p, nil, []string{tag.ID})
	}
	s.tags = slices.Delete(s.tags, i, i+1)
	s.record("tag.deleted", map[string]any{"tag": tag})
	return null, nil
}

// GET /statuses
func (s *Server) listStatuses(*call) ([]byte, error) {
	list := make([]wireStatus, len(s.statuses))
	for i, status := range s.statuses {
		list[i] = wireStatusOf(status)
	}
	return encode(list), nil
}

// GET /statuses/{statusId}
func (s *Server) getStatus(c *call) ([]byte, error) {
	i, err := s.find(c, "statusId", "Status", s.status)
	if err != nil {
		return nil, err
	}
	return encode(wireStatusOf(s.statuses[i])), nil
}

// POST /statuses
func (s *Server) createStatus(c *call) ([]byte, error) {
	l, err := c.label(s.statusNamed, -1)
	if err != nil {
		return nil, err
	}
	status := inboxapi.Status{ID: s.newID(), Name: l.name, Color: l.color, CreatedAt: s.now()}
	s.statuses = append(s.statuses, status)
	s.record("status.created", map[string]any{"status": wireStatusOf(status)})
	return encode(wireStatusOf(status)), nil
}

// PATCH /statuses/{statusId}
func (s *Server) updateStatus(c *call) ([]byte, error) {
	i, err := s.find(c, "statusId", "Status", s.status)
	if err != nil {
		return nil, err
	}
	l, err := c.label(s.statusNamed, i)
	if err != nil {
		return nil, err
	}
	status := &s.statuses[i]
	status.Name = cmp.Or(l.name, status.Name)
	if l.color != nil {
		status.Color = l.color
	}
	s.record("status.updated", map[string]any{"status": wireStatusOf(*status)})
	return encode(wireStatusOf(*status)), nil
}

// DELETE /statuses/{statusId}
func (s *Server) deleteStatus(c *call) ([]byte, error) {
	i, err := s.find(c, "statusId", "Status", s.status)
	if err != nil {
		return nil, err
	}
	if f := c.object(); f.err != nil {
		return nil, f.err
	}
	status := s.statuses[i]
	for _, p := range s.people {
		if p.Context.StatusID != nil && *p.Context.StatusID == status.ID {
			p.Context.StatusID = nil
			s.changedProspect(p, "prospect.statusChanged")
		}
	}
	s.statuses = slices.Delete(s.statuses, i, i+1)
	s.record("status.deleted", map[string]any{"status": wireStatusOf(status)})
	return null, nil
}

// GET /colors, /tags/colors, /statuses/colors: the pairs the documentation names.
func (s *Server) colors(*call) ([]byte, error) {
	type color struct {
		Name string `json:"name"`
		Hex  string `json:"hex"`
	}
	return encode([]color{{"red", "#ef4444"}, {"blue", "#3b82f6"}, {"green", "#22c55e"}}), nil
}
