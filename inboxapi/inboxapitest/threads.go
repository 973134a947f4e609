package inboxapitest

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"time"

	"inboxbot/inboxapi"
)

// compareKeys orders rows by time, then by ID.
func compareKeys(at time.Time, id string, bt time.Time, bid string) int {
	return cmp.Or(at.Compare(bt), strings.Compare(id, bid))
}

// place is where a key is, or belongs, in s.order.
func (s *Server) place(at time.Time, id string) (int, bool) {
	return slices.BinarySearchFunc(s.order, struct{}{}, func(t *thread, _ struct{}) int {
		return compareKeys(*t.ComputedSortTimestamp, t.ID, at, id)
	})
}

// enlist puts a thread into the order lists are in, delist takes it out. Its sort
// time must not change while it is listed.
func (s *Server) enlist(t *thread) {
	i, _ := s.place(*t.ComputedSortTimestamp, t.ID)
	s.order = slices.Insert(s.order, i, t)
}

func (s *Server) delist(t *thread) {
	if i, ok := s.place(*t.ComputedSortTimestamp, t.ID); ok {
		s.order = slices.Delete(s.order, i, i+1)
	}
}

// threadPage is what a list request asks for.
type threadPage struct {
	filter    func(*thread) bool
	from      *cursor
	inclusive bool // the row at from is shown again
	ascending bool
	limit     int
	latest    time.Time // rows are shown as they were then; zero: as they are
}

// GET /threads
func (s *Server) listThreads(c *call) ([]byte, error) {
	q := c.query()
	page := threadPage{
		from:  q.cursor(),
		limit: int(q.integer("limit", 20, 1, 100)),
	}
	switch order := q.text("filters[sortOrder]"); order {
	case "asc":
		page.ascending = true
	case "desc":
	default:
		if q.has("filters[sortOrder]") {
			q.fail("filters[sortOrder]")
		}
	}
	switch c.fault.Kind {
	case LaggingList:
		page.latest = s.now().Add(-c.fault.Delay)
	case DuplicateRow:
		page.inclusive = page.from != nil && page.limit > 1
	default: // not of lists
	}
	page.filter = s.threadFilter(q, page.latest)
	if q.err != nil {
		return nil, q.err
	}
	return s.encodePage(page), nil
}

// encodePage walks the threads from the cursor on and writes the page.
func (s *Server) encodePage(page threadPage) []byte {
	order := s.order
	if !page.latest.IsZero() {
		order = s.orderAt(page.latest)
	}
	var body bytes.Buffer
	body.WriteString(`{"threads":[`)
	var last *thread
	more, n := false, 0
	for t := range s.walk(order, page) {
		if !page.filter(t) {
			continue
		}
		if n == page.limit {
			more = true
			break
		}
		if n > 0 {
			body.WriteByte(',')
		}
		body.Write(s.row(t, page.latest))
		last = t
		n++
	}
	body.WriteString(`],"nextCursor":`)
	if more {
		body.Write(encode(wireCursor{last.ID, stamp(sortTime(last, page.latest))}))
	} else {
		body.Write(null)
	}
	body.WriteByte('}')
	return body.Bytes()
}

// walk yields the threads of an ascending order that come after the page's cursor.
func (s *Server) walk(order []*thread, page threadPage) func(yield func(*thread) bool) {
	return func(yield func(*thread) bool) {
		step, i := -1, len(order)-1
		if page.ascending {
			step, i = 1, 0
		}
		if page.from != nil {
			at, found := slices.BinarySearchFunc(order, page.from, func(t *thread, from *cursor) int {
				return compareKeys(sortTime(t, page.latest), t.ID, from.at, from.id)
			})
			switch {
			case found && page.inclusive:
				i = at
			case found && page.ascending:
				i = at + 1
			case page.ascending:
				i = at
			default:
				i = at - 1
			}
		}
		for ; i >= 0 && i < len(order); i += step {
			if !yield(order[i]) {
				return
			}
		}
	}
}

// orderAt is the order as it was at a time.
func (s *Server) orderAt(latest time.Time) []*thread {
	order := slices.DeleteFunc(slices.Clone(s.order), func(t *thread) bool { return t.CreatedAt.After(latest) })
	slices.SortFunc(order, func(a, b *thread) int {
		return compareKeys(sortTime(a, latest), a.ID, sortTime(b, latest), b.ID)
	})
	return order
}

// sortTime is a thread's sort key, as it was at latest unless that is zero.
func sortTime(t *thread, latest time.Time) time.Time {
	if latest.IsZero() {
		return *t.ComputedSortTimestamp
	}
	for _, m := range slices.Backward(t.messages) {
		if !m.CreatedAt.After(latest) {
			return m.CreatedAt
		}
	}
	return t.CreatedAt
}

// row is the thread's JSON, as it was at latest unless that is zero. It is kept
// until the thread or its prospect changes.
func (s *Server) row(t *thread, latest time.Time) []byte {
	if !latest.IsZero() {
		v := s.view(t)
		v.LastMessage, v.LastMessageTimestamp = nil, nil
		v.ComputedSortTimestamp = new(sortTime(t, latest))
		if m := s.lastMessage(t, latest); m != nil {
			v.LastMessage, v.LastMessageTimestamp = lastMessageOf(m), v.ComputedSortTimestamp
		}
		return encode(wireThreadOf(v))
	}
	if t.row == nil {
		t.row = encode(wireThreadOf(s.view(t)))
	}
	return t.row
}

// threadFilter reads view, account links and filters of a list request. Inside one
// filter anything chosen will do; all filters must agree. Unknown IDs match
// nothing.
func (s *Server) threadFilter(q *query, latest time.Time) func(*thread) bool {
	view := s.viewFilter(q, latest)
	accounts := q.idList("accountLinkIds")
	tags := q.chosen("tags", "noTags")
	statuses := q.chosen("statuses", "noStatus")
	assignees := q.chosen("assignees", "noAssignee")
	campaigns := q.chosen("campaigns", "noCampaign")
	return func(t *thread) bool {
		return view(t) &&
			(len(accounts) == 0 || slices.Contains(accounts, t.AccountLinkID)) &&
			tags(t.prospect.Context.Tags...) &&
			statuses(optional(t.prospect.Context.StatusID)...) &&
			assignees(optional(t.AssigneeID)...) &&
			campaigns(t.campaigns...)
	}
}

func optional(id *string) []string {
	if id == nil {
		return nil
	}
	return []string{*id}
}

// chosen reads one filter: the IDs selected, or none at all.
func (q *query) chosen(name, none string) func(ids ...string) bool {
	selected := q.list("filters[" + name + "][selectedIds]")
	wantNone := q.flag("filters[" + name + "][" + none + "]")
	return func(ids ...string) bool {
		if len(selected) == 0 && !wantNone {
			return true
		}
		return wantNone && len(ids) == 0 ||
			slices.ContainsFunc(ids, func(id string) bool { return slices.Contains(selected, id) })
	}
}

// viewFilter reads the view of a list request.
func (s *Server) viewFilter(q *query, latest time.Time) func(*thread) bool {
	inDefault := func(t *thread) bool {
		return !t.Done && !t.IsRequest && t.Status == inboxapi.StatusActive
	}
	view := q.text("inbox")
	if !q.has("inbox") {
		if s.opts.InboxOmittedMeansAll {
			return func(*thread) bool { return true }
		}
		view = string(inboxapi.ViewDefault)
	}
	switch inboxapi.View(view) {
	case inboxapi.ViewDefault:
		return inDefault
	case inboxapi.ViewNoReply:
		return func(t *thread) bool { return inDefault(t) && s.noReply(t, latest) }
	case inboxapi.ViewRequests:
		return func(t *thread) bool { return !t.Done && t.IsRequest }
	case inboxapi.ViewArchived:
		return func(t *thread) bool { return t.Done }
	}
	q.fail("inbox")
	return nil
}

// noReply reports whether a thread belongs into the view of that name.
func (s *Server) noReply(t *thread, latest time.Time) bool {
	m := s.lastMessage(t, latest)
	if m == nil {
		return false
	}
	inbound := m.inbound
	if r := t.reaction; s.opts.NoReplyCountsReactions && r != nil {
		inbound = r.inbound
	}
	return inbound != s.opts.NoReplyMeansTheirTurn
}

// GET /threads/{threadId}
func (s *Server) getThread(c *call) ([]byte, error) {
	t, err := s.thread(c)
	if err != nil {
		return nil, err
	}
	return s.row(t, time.Time{}), nil
}

// PATCH /threads/{threadId}
func (s *Server) updateThread(c *call) ([]byte, error) {
	t, err := s.thread(c)
	if err != nil {
		return nil, err
	}
	f := c.object()
	var done bool
	f.into("done", &done, false)
	assignee := f.id("assigneeId", false, true)
	if f.err != nil {
		return nil, f.err
	}
	if assignee != "" && s.member(assignee) < 0 {
		return nil, notFound("NOT_FOUND", "Member", assignee)
	}
	if f.has("done") {
		s.archive(t, done)
	}
	if f.has("assigneeId") {
		s.assign(t, nilIfEmpty(assignee))
	}
	return s.row(t, time.Time{}), nil
}

func nilIfEmpty(id string) *string {
	if id == "" {
		return nil
	}
	return &id
}

func (s *Server) archive(t *thread, done bool) {
	if t.Done == done {
		return
	}
	t.Done, t.row = done, nil
	if done {
		s.recordThread("thread.archived", t)
	} else {
		s.recordThread("thread.unarchived", t)
	}
}

func (s *Server) assign(t *thread, memberID *string) {
	if t.AssigneeID == memberID || t.AssigneeID != nil && memberID != nil && *t.AssigneeID == *memberID {
		return
	}
	t.AssigneeID, t.row = memberID, nil
	if memberID == nil {
		s.recordThread("thread.unassigned", t)
	} else {
		s.recordThread("thread.assigned", t)
	}
}

// DELETE /threads/{threadId}
func (s *Server) deleteThread(c *call) ([]byte, error) {
	t, err := s.thread(c)
	if err != nil {
		return nil, err
	}
	if f := c.object(); f.err != nil {
		return nil, f.err
	}
	s.recordThread("thread.deleted", t)
	s.delist(t)
	delete(s.threads, t.ID)
	t.prospect.threads = slices.DeleteFunc(t.prospect.threads, func(o *thread) bool { return o == t })
	return null, nil
}

// typingThrottle is the shortest time between two typing indicators of a thread,
// as API v2 has it.
const typingThrottle = 2500 * time.Millisecond

// POST /threads/{threadId}/typing
func (s *Server) typing(c *call) ([]byte, error) {
	t, err := s.thread(c)
	if err != nil {
		return nil, err
	}
	if f := c.object(); f.err != nil {
		return nil, f.err
	}
	reason := ""
	switch now := s.now(); {
	case t.Variant != inboxapi.VariantXChat:
		reason = "unsupported"
	case t.TypingEnabled != nil && !*t.TypingEnabled:
		reason = "typingDisabled"
	case !t.typedAt.IsZero() && now.Sub(t.typedAt) < typingThrottle:
		reason = "rateLimited"
	default:
		t.typedAt = now
		s.record("thread.typing", map[string]any{"threadId": t.ID, "senderPlatformId": s.platformIDOf(t.AccountLinkID)})
		return encode(map[string]string{"status": "sent"}), nil
	}
	return encode(map[string]string{"status": "skipped", "reason": reason}), nil
}

// PATCH /threads/{threadId}/settings
func (s *Server) settings(c *call) ([]byte, error) {
	t, err := s.thread(c)
	if err != nil {
		return nil, err
	}
	f := c.object()
	var enabled *bool
	f.into("typingIndicatorsEnabled", &enabled, true)
	if f.err != nil {
		return nil, f.err
	}
	if f.has("typingIndicatorsEnabled") {
		t.TypingEnabled, t.row = enabled, nil
	}
	return encode(map[string]any{"threadId": t.ID, "typingIndicatorsEnabled": t.TypingEnabled}), nil
}

// POST /threads
func (s *Server) createThread(c *call) ([]byte, error) {
	f := c.object()
	accountID, p, err := s.recipient(f, true)
	if err != nil {
		return nil, err
	}
	t := p.threadOf(accountID)
	if t == nil {
		t = s.addThread(accountID, p, time.Time{})
	}
	return s.row(t, time.Time{}), nil
}

// recipient reads the pair of account link and prospect a body names. A prospect
// named by a platform ID nobody has met is made up, as X knows them.
func (s *Server) recipient(f *fields, patternedExternalID bool) (accountLinkID string, p *prospect, err error) {
	accountLinkID = f.id("accountLinkId", true, false)
	platformID := f.text("externalPlatformId", false, 1, 0)
	var externalID string
	if patternedExternalID {
		externalID = f.id("externalId", false, false)
	} else {
		externalID = f.text("externalId", false, 1, 0)
	}
	switch {
	case f.err != nil:
		return "", nil, f.err
	case platformID == "" && externalID == "":
		return "", nil, badRequest("externalPlatformId or externalId is required")
	case s.account(accountLinkID) < 0:
		return "", nil, notFound("NOT_FOUND", "Account link", accountLinkID)
	case externalID != "":
		if p = s.byExtID[externalID]; p == nil {
			return "", nil, notFound("PROSPECT_NOT_FOUND", "Prospect", externalID)
		}
	default:
		if p = s.people[platformID]; p == nil {
			p = s.newProspect("x" + platformID)
			p.PlatformID = platformID
			s.keepProspect(p)
		}
	}
	return accountLinkID, p, nil
}

// GET /threads/lookup
func (s *Server) lookupThread(c *call) ([]byte, error) {
	q := c.query()
	q.required("accountLinkId")
	accountID, externalID, platformID := q.id("accountLinkId"), q.id("externalId"), q.text("externalPlatformId")
	if q.err == nil && externalID == "" && platformID == "" {
		q.err = badRequest("externalPlatformId or externalId is required")
	}
	if q.err != nil {
		return nil, q.err
	}
	p := s.people[platformID]
	if externalID != "" {
		p = s.byExtID[externalID]
	}
	if p == nil {
		return null, nil
	}
	t := p.threadOf(accountID)
	if t == nil {
		return null, nil
	}
	return s.row(t, time.Time{}), nil
}

// GET /threads/lookup-by-username
func (s *Server) lookupUsername(c *call) ([]byte, error) {
	q := c.query()
	name, accounts := q.required("username"), q.idList("accountLinkIds")
	if q.err != nil {
		return nil, q.err
	}
	var rows [][]byte
	if p := s.personNamed(name); p != nil {
		for _, t := range p.threads {
			if len(accounts) == 0 || slices.Contains(accounts, t.AccountLinkID) {
				rows = append(rows, s.row(t, time.Time{}))
			}
		}
	}
	return slices.Concat([]byte("["), bytes.Join(rows, []byte(",")), []byte("]")), nil
}
