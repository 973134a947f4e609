package inboxapitest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"inboxbot/inboxapi"
)

// The methods of this file are what happens outside the API: people link
// accounts, write, tag, archive. They panic when a thread, message, member or
// account link they name does not exist, which is a mistake in the test.

// Hand says who writes in our side's name without being the API's client under
// test.
type Hand int

// The hands of our side, and what their messages show.
const (
	PersonInInbox  Hand = iota // origin internal, userId set
	PersonInX                  // origin external, userId null
	Campaign                   // origin internal, userId null, campaignId set
	OtherAPIClient             // origin api
	LegacyRow                  // origin null, userId null
)

// thread is one thread of the world. Its embedded Thread has no prospect: that
// is shared by all threads with the same person.
type thread struct {
	inboxapi.Thread
	prospect  *prospect
	messages  []*message // ascending by time and ID
	campaigns []string   // that wrote here
	reaction  *reaction  // the newest since the newest message
	typedAt   time.Time  // last typing indicator
	row       []byte     // its JSON, nil after a change
}

// prospect is one person, with all their threads. Its context's Threads stay nil.
type prospect struct {
	inboxapi.Prospect
	legacyID string
	threads  []*thread
}

// message is one message and what the API does not show of it.
type message struct {
	inboxapi.Message
	inbound  bool
	request  bool // sent by a request to this Server
	answers  string
	versions []inboxapi.Message // before each edit, oldest first
	deletion *deletion
}

// MessageOption tells Receive or Write more about a message.
type MessageOption func(*message)

// At sets when the message was written, to the millisecond. Without it a message
// is written now, and at least a millisecond after the thread's newest.
func At(t time.Time) MessageOption {
	return func(m *message) { m.CreatedAt = t.UTC().Truncate(time.Millisecond) }
}

// Media attaches a medium of the given kind, such as "image", "video" or "audio".
// With an empty text the message is media only.
func Media(kind string) MessageOption {
	return func(m *message) {
		m.Attachment = encode(map[string]any{"type": kind, "url": "https://pbs.twimg.com/media/" + m.ID})
	}
}

// By sets authorId to any id, such as that of an account link long removed.
func By(authorID string) MessageOption {
	return func(m *message) { m.AuthorID = authorID }
}

// AddAccount links an X account to the team. Empty fields get plausible values.
func (s *Server) AddAccount(a inboxapi.AccountLink) inboxapi.AccountLink {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addAccount(a)
}

func (s *Server) addAccount(a inboxapi.AccountLink) inboxapi.AccountLink {
	n := len(s.accounts) + 1
	fill(&a.ID, s.newID)
	fill(&a.PlatformID, s.newPlatformID)
	a.Platform = cmp.Or(a.Platform, "twitter")
	a.Username = cmp.Or(a.Username, fmt.Sprintf("acme%d", n))
	a.Name = cmp.Or(a.Name, a.Username)
	a.Image = cmp.Or(a.Image, "https://pbs.twimg.com/profile_images/"+a.PlatformID)
	a.Status = cmp.Or(a.Status, inboxapi.AccountActive)
	if a.CreatedAt.IsZero() {
		a.CreatedAt = s.now().AddDate(0, -1, 0)
		a.SyncedAt = new(a.CreatedAt.Add(time.Hour))
	}
	s.accounts = append(s.accounts, a)
	return a
}

// SetAccountStatus is X signing an account out, or somebody bringing it back.
func (s *Server) SetAccountStatus(accountLinkID, status string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.mustAccount(accountLinkID)
	s.accounts[i].Status = status
}

// RemoveAccount unlinks an account. Its threads and messages stay.
func (s *Server) RemoveAccount(accountLinkID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.mustAccount(accountLinkID)
	s.accounts = slices.Delete(s.accounts, i, i+1)
}

// AddMember lets a teammate join. Empty fields get plausible values.
func (s *Server) AddMember(m inboxapi.Member) inboxapi.Member {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addMember(m)
}

func (s *Server) addMember(m inboxapi.Member) inboxapi.Member {
	n := len(s.members) + 1
	fill(&m.ID, s.newID)
	fill(&m.UserID, s.newID)
	if m.Name == nil {
		m.Name = new(fmt.Sprintf("Member %d", n))
	}
	m.Email = cmp.Or(m.Email, fmt.Sprintf("member%d@example.com", n))
	if n == 1 {
		m.Role = cmp.Or(m.Role, "owner")
	}
	m.Role = cmp.Or(m.Role, "user")
	if m.CreatedAt.IsZero() {
		m.CreatedAt = s.now().AddDate(0, -1, 0)
	}
	s.members = append(s.members, m)
	return m
}

// AddTag adds a tag to the team, or returns the one of that name.
func (s *Server) AddTag(name string) inboxapi.Tag {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addTag(name)
}

func (s *Server) addTag(name string) inboxapi.Tag {
	if i := s.tagNamed(name); i >= 0 {
		return s.tags[i]
	}
	tag := inboxapi.Tag{ID: s.newID(), Name: name, Color: "blue"}
	s.tags = append(s.tags, tag)
	return tag
}

// AddStatus adds a stage at the end of the team's pipeline, or returns the one of
// that name.
func (s *Server) AddStatus(name string) inboxapi.Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addStatus(name)
}

func (s *Server) addStatus(name string) inboxapi.Status {
	if i := s.statusNamed(name); i >= 0 {
		return s.statuses[i]
	}
	status := inboxapi.Status{ID: s.newID(), Name: name, Color: new("blue"), CreatedAt: s.now()}
	s.statuses = append(s.statuses, status)
	return status
}

// NewThread describes a thread to add. The zero value is a thread of the team's
// first account link with somebody new, empty, active and nobody's.
type NewThread struct {
	Account  string // account link ID; "": the first, which is linked when there is none
	Username string // of the prospect; an existing one is the same person in another thread
	Name     string
	Bio      string
	Profile  func(*inboxapi.Prospect) // changes the rest of a new prospect's profile

	Tags     []string // names, created when missing
	Status   string   // name of a pipeline stage, created when missing
	Notes    string
	Assignee string // member ID or email

	Request        bool
	Syncing        bool
	Idle           bool
	Archived       bool
	NullExternalID bool // the prospect is not imported
	NullPlatformID bool // the thread has no platformId
	CreatedAt      time.Time
}

// AddThread adds a thread. A pair of account link and prospect has only one: if
// it is there already it is returned unchanged.
func (s *Server) AddThread(n NewThread) inboxapi.Thread {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n.Account == "" {
		if len(s.accounts) == 0 {
			s.addAccount(inboxapi.AccountLink{})
		}
		n.Account = s.accounts[0].ID
	}
	s.mustAccount(n.Account)
	n.Username = cmp.Or(n.Username, fmt.Sprintf("prospect%d", len(s.people)+1))
	p := s.personNamed(n.Username)
	if p == nil {
		p = s.addProspect(n)
	}
	if t := p.threadOf(n.Account); t != nil {
		return s.view(t)
	}
	t := s.addThread(n.Account, p, n.CreatedAt)
	t.IsRequest, t.IsSyncing, t.Done = n.Request, n.Syncing, n.Archived
	if n.Idle {
		t.Status = inboxapi.StatusIdle
	}
	if n.NullPlatformID {
		t.PlatformID = nil
	}
	if n.Assignee != "" {
		t.AssigneeID = new(s.mustMember(n.Assignee))
	}
	return s.view(t)
}

// addProspect adds the person a NewThread describes.
func (s *Server) addProspect(n NewThread) *prospect {
	p := s.newProspect(n.Username)
	p.DisplayName = cmp.Or(n.Name, p.DisplayName)
	if n.Bio != "" {
		p.Bio = new(n.Bio)
	}
	if n.NullExternalID {
		p.ExternalID = nil
	}
	if n.Profile != nil {
		n.Profile(&p.Prospect)
	}
	for _, name := range n.Tags {
		p.Context.Tags = append(p.Context.Tags, s.addTag(name).ID)
	}
	if n.Status != "" {
		p.Context.StatusID = new(s.addStatus(n.Status).ID)
	}
	if n.Notes != "" {
		p.Context.Notes = new(n.Notes)
	}
	s.keepProspect(p)
	return p
}

// newProspect makes up a person; keepProspect makes them part of the world.
func (s *Server) newProspect(username string) *prospect {
	now := s.now()
	id := s.newPlatformID()
	return &prospect{legacyID: "user_" + s.newID(), Prospect: inboxapi.Prospect{
		Platform:     "twitter",
		PlatformID:   id,
		ExternalID:   new(s.newID()),
		DisplayName:  username,
		Username:     username,
		Handle:       "@" + username,
		ProfileURL:   "https://x.com/" + username,
		Verified:     "none",
		ProfileType:  "personal",
		FirstSeenAt:  &now,
		Source:       "live",
		IsFresh:      true,
		Confidence:   1,
		PlatformData: platformData,

		LastUpdatedAt: &now,
	}}
}

func (s *Server) keepProspect(p *prospect) {
	s.people[p.PlatformID] = p
	s.byName[strings.ToLower(p.Username)] = p
	if p.ExternalID != nil {
		s.byExtID[*p.ExternalID] = p
	}
	s.recordProspect("prospect.created", p)
}

var platformData = json.RawMessage(`{"isVerifiedBlue":false,"isVerifiedGold":false,"isVerifiedGray":false,` +
	`"professionalCategory":null,"urlEntities":[],"bannerUrl":null,"tweetsCount":0,"favoritesCount":0,"rawData":null}`)

// addThread adds an active thread without messages. A zero created means now.
func (s *Server) addThread(accountLinkID string, p *prospect, created time.Time) *thread {
	if created.IsZero() {
		created = s.now()
	}
	created = created.UTC().Truncate(time.Millisecond)
	t := &thread{prospect: p, Thread: inboxapi.Thread{
		ID:                    s.newID(),
		Platform:              "twitter",
		CreatedAt:             created,
		ComputedSortTimestamp: &created,
		Status:                inboxapi.StatusActive,
		Variant:               inboxapi.VariantUnencrypted,
		AccountLinkID:         accountLinkID,
	}}
	if i := s.account(accountLinkID); i >= 0 {
		t.PlatformID = new(conversationID(s.accounts[i].PlatformID, p.PlatformID))
	}
	p.threads = append(p.threads, t)
	s.threads[t.ID] = t
	s.enlist(t)
	s.recordThread("thread.created", t)
	return t
}

// Receive is the prospect writing. It reopens an archived thread unless a switch
// says otherwise.
func (s *Server) Receive(threadID, text string, opts ...MessageOption) inboxapi.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.mustThread(threadID)
	m := s.newMessage(t, text)
	m.inbound = true
	m.AuthorID = s.authorID(t.prospect)
	m.Origin = new(inboxapi.OriginExternal)
	for _, opt := range opts {
		opt(m)
	}
	s.addMessage(t, m)
	return m.Message
}

// Write is our side writing, but not through this API's client under test. It does
// not reach OnSend hooks.
func (s *Server) Write(threadID string, by Hand, text string, opts ...MessageOption) inboxapi.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.mustThread(threadID)
	m := s.newMessage(t, text)
	m.AuthorID = t.AccountLinkID
	switch by {
	case PersonInInbox:
		m.Origin = new(inboxapi.OriginInternal)
		m.UserID = new(s.tokenUser())
	case PersonInX:
		m.Origin = new(inboxapi.OriginExternal)
	case Campaign:
		m.Origin = new(inboxapi.OriginInternal)
		m.CampaignID = new(s.newID())
	case OtherAPIClient:
		m.Origin = new(inboxapi.OriginAPI)
		m.UserID = new(s.tokenUser())
	case LegacyRow:
	}
	for _, opt := range opts {
		opt(m)
	}
	s.addMessage(t, m)
	return m.Message
}

// newMessage returns a message of the thread that is not in it yet.
func (s *Server) newMessage(t *thread, text string) *message {
	at := s.now()
	if n := len(t.messages); n > 0 && !at.After(t.messages[n-1].CreatedAt) {
		at = t.messages[n-1].CreatedAt.Add(time.Millisecond)
	}
	return &message{Message: inboxapi.Message{
		ID:          s.newID(),
		TeamID:      s.team.ID,
		ThreadID:    t.ID,
		Platform:    "twitter",
		PlatformID:  new(s.newPlatformID()),
		Content:     text,
		CreatedAt:   at,
		IsEncrypted: new(t.Variant == inboxapi.VariantXChat),
		Entities:    null,
		Attachment:  null,
	}}
}

// addMessage puts m where its time belongs and lets the thread follow.
func (s *Server) addMessage(t *thread, m *message) {
	i, _ := slices.BinarySearchFunc(t.messages, m, func(a, b *message) int {
		return compareKeys(a.CreatedAt, a.ID, b.CreatedAt, b.ID)
	})
	t.messages = slices.Insert(t.messages, i, m)
	t.reaction = nil
	if m.CampaignID != nil && !slices.Contains(t.campaigns, *m.CampaignID) {
		t.campaigns = append(t.campaigns, *m.CampaignID)
	}
	if m.inbound {
		t.Done = t.Done && s.opts.InboundStaysArchived
	} else {
		t.IsRequest = false
	}
	if t.wrote(true) && t.wrote(false) {
		t.Variant = inboxapi.VariantXChat
	}
	s.lift(t)
	s.recordMessage("message.created", t, m)
}

// lift sets a thread's times and place after its messages changed.
func (s *Server) lift(t *thread) {
	at := t.CreatedAt
	if n := len(t.messages); n > 0 {
		at = t.messages[n-1].CreatedAt
		t.LastMessageTimestamp = &at
	}
	if !at.Equal(*t.ComputedSortTimestamp) {
		s.delist(t)
		t.ComputedSortTimestamp = &at
		s.enlist(t)
	}
	t.row = nil
}

// wrote reports whether a side has a message in the thread.
func (t *thread) wrote(inbound bool) bool {
	return slices.ContainsFunc(t.messages, func(m *message) bool { return m.inbound == inbound })
}

// EditMessage is a message being edited by its author in X.
func (s *Server) EditMessage(threadID, messageID, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.mustThread(threadID)
	s.edit(t, s.mustMessage(t, messageID), text)
}

func (s *Server) edit(t *thread, m *message, text string) {
	m.versions = append(m.versions, m.Message)
	m.Content, m.IsEdited, m.UpdatedAt = text, true, new(s.now())
	t.row = nil
	s.recordMessage("message.edited", t, m)
}

// DeleteMessage is a message being deleted for everybody in X. Its row stays in
// lists, stamped, unless Switches.DropsDeleted.
func (s *Server) DeleteMessage(threadID, messageID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.mustThread(threadID)
	m := s.mustMessage(t, messageID)
	m.PlatformDeletedAt = new(s.now())
	m.deletion = &deletion{At: *m.PlatformDeletedAt, Type: "all", Origin: new(inboxapi.OriginExternal)}
	s.recordDeletion(t, m)
}

// FailMessage marks a message as not delivered after all.
func (s *Server) FailMessage(threadID, messageID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.mustThread(threadID)
	s.mustMessage(t, messageID).Failed = true
	t.row = nil
}

// React is somebody reacting to a message in X: the prospect, or our side.
func (s *Server) React(threadID, messageID, emoji string, byProspect bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.mustThread(threadID)
	s.react(t, s.mustMessage(t, messageID), emoji, byProspect)
}

// reaction is one reaction to a message.
type reaction struct {
	Emoji            string `json:"emoji"`
	SenderPlatformID string `json:"senderPlatformId"`
	CreatedAt        stamp  `json:"createdAt"`
	inbound          bool
}

func (s *Server) react(t *thread, m *message, emoji string, inbound bool) {
	r := &reaction{Emoji: emoji, SenderPlatformID: t.prospect.PlatformID, CreatedAt: stamp(s.now()), inbound: inbound}
	if !inbound {
		r.SenderPlatformID = s.platformIDOf(t.AccountLinkID)
	}
	// A new slice: copies of the message were given away.
	raw := json.RawMessage(encode(r))
	m.Reactions = append(slices.Clip(m.Reactions), raw)
	t.reaction = r
	s.recordReaction("message.reactionAdded", t, m, raw)
}

// TagProspect gives the thread's prospect a tag, created when missing.
func (s *Server) TagProspect(threadID, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := s.addTag(name).ID
	s.changeTags(s.mustThread(threadID).prospect, []string{id}, nil)
}

// UntagProspect takes a tag from the thread's prospect.
func (s *Server) UntagProspect(threadID, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := s.tagNamed(name); i >= 0 {
		s.changeTags(s.mustThread(threadID).prospect, nil, []string{s.tags[i].ID})
	}
}

// RenameTag gives one of the team's tags another name.
func (s *Server) RenameTag(name, to string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := s.tagNamed(name); i >= 0 {
		s.tags[i].Name = to
		s.record("tag.updated", map[string]any{"tag": s.tags[i]})
	}
}

// SetNotes replaces the notes about the thread's prospect; "" clears them.
func (s *Server) SetNotes(threadID, notes string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.mustThread(threadID).prospect
	p.Context.Notes = nil
	if notes != "" {
		p.Context.Notes = &notes
	}
	s.changedProspect(p, "prospect.notesChanged")
}

// Assign gives a thread to a member, by ID or email; "" gives it to nobody.
func (s *Server) Assign(threadID, member string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.mustThread(threadID)
	if member == "" {
		s.assign(t, nil)
		return
	}
	s.assign(t, new(s.mustMember(member)))
}

// Archive marks a thread as done, or reopens it.
func (s *Server) Archive(threadID string, done bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.archive(s.mustThread(threadID), done)
}

// SetSyncing says whether older messages of a thread are still being imported.
func (s *Server) SetSyncing(threadID string, syncing bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.mustThread(threadID)
	t.IsSyncing, t.row = syncing, nil
}

// ChangeThread changes anything of a thread's own fields that no other method
// covers. Messages, times and the prospect cannot be changed this way.
func (s *Server) ChangeThread(threadID string, change func(*inboxapi.Thread)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.mustThread(threadID)
	changed := t.Thread
	change(&changed)
	changed.ID, changed.CreatedAt = t.ID, t.CreatedAt
	changed.LastMessageTimestamp, changed.ComputedSortTimestamp = t.LastMessageTimestamp, t.ComputedSortTimestamp
	changed.LastMessage, changed.Prospect = nil, inboxapi.Prospect{}
	t.Thread, t.row = changed, nil
}

// ChangeProspect changes anything of the profile of a thread's prospect, as X would:
// the username, the bio. IDs and context cannot be changed this way.
func (s *Server) ChangeProspect(threadID string, change func(*inboxapi.Prospect)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.mustThread(threadID).prospect
	changed := p.Prospect
	change(&changed)
	changed.PlatformID, changed.ExternalID, changed.Context = p.PlatformID, p.ExternalID, p.Context
	delete(s.byName, strings.ToLower(p.Username))
	p.Prospect = changed
	s.byName[strings.ToLower(p.Username)] = p
	s.changedProspect(p, "prospect.enriched")
}

// OnSend calls f after every message that a request stored, with the thread as it
// then is. Calls are made outside the Server's lock, each in the goroutine that
// stored the message and before its request is answered.
func (s *Server) OnSend(f func(inboxapi.Thread, inboxapi.Message)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hooks = append(s.hooks, f)
}

// Team returns the team.
func (s *Server) Team() inboxapi.Team {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.team
}

// Accounts returns the account links, oldest first.
func (s *Server) Accounts() []inboxapi.AccountLink {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.accounts)
}

// Members returns the members, oldest first.
func (s *Server) Members() []inboxapi.Member {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.members)
}

// Tags returns the team's tags, oldest first.
func (s *Server) Tags() []inboxapi.Tag {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.tags)
}

// Threads returns all threads of all views, the most recent first.
func (s *Server) Threads() []inboxapi.Thread {
	s.mu.Lock()
	defer s.mu.Unlock()
	threads := make([]inboxapi.Thread, 0, len(s.order))
	for _, t := range slices.Backward(s.order) {
		threads = append(threads, s.view(t))
	}
	return threads
}

// Thread returns a thread, and whether it is there.
func (s *Server) Thread(id string) (inboxapi.Thread, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.threads[id]
	if !ok {
		return inboxapi.Thread{}, false
	}
	return s.view(t), true
}

// Prospect returns the prospect of a thread, with all their threads.
func (s *Server) Prospect(threadID string) inboxapi.Prospect {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.profile(s.mustThread(threadID).prospect)
}

// TagNames returns the names of the tags a thread's prospect has.
func (s *Server) TagNames(threadID string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for _, id := range s.mustThread(threadID).prospect.Context.Tags {
		if i := s.tag(id); i >= 0 {
			names = append(names, s.tags[i].Name)
		}
	}
	return names
}

// Transcript returns all messages of a thread, deleted and failed ones too,
// oldest first.
func (s *Server) Transcript(threadID string) []inboxapi.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.mustThread(threadID)
	messages := make([]inboxapi.Message, len(t.messages))
	for i, m := range t.messages {
		messages[i] = m.Message
	}
	return messages
}

// view is a thread as the API shows it, with nothing of it shared that changes.
func (s *Server) view(t *thread) inboxapi.Thread {
	v := t.Thread
	v.Prospect = t.prospect.Prospect
	v.Prospect.Context.Tags = slices.Clone(t.prospect.Context.Tags)
	if m := s.lastMessage(t, time.Time{}); m != nil {
		v.LastMessage = lastMessageOf(m)
	}
	return v
}

func lastMessageOf(m *message) *inboxapi.LastMessage {
	return &inboxapi.LastMessage{
		ID: m.ID, Content: m.Content, AuthorID: m.AuthorID, CreatedAt: m.CreatedAt,
		UserID: m.UserID, CampaignID: m.CampaignID,
	}
}

// lastMessage is what a list row shows: the newest message not deleted, or with a
// switch the newest of all. A later than zero leaves out what came after it.
func (s *Server) lastMessage(t *thread, latest time.Time) *message {
	for _, m := range slices.Backward(t.messages) {
		if !latest.IsZero() && m.CreatedAt.After(latest) {
			continue
		}
		if s.opts.LastMessageMayBeGone || (m.DeletedAt == nil && m.PlatformDeletedAt == nil) {
			return m
		}
	}
	return nil
}

// profile is a prospect as the prospect endpoints show it.
func (s *Server) profile(p *prospect) inboxapi.Prospect {
	v := p.Prospect
	v.Context.Tags = slices.Clone(p.Context.Tags)
	for _, t := range p.threads {
		v.Context.Threads = append(v.Context.Threads, inboxapi.ProspectThread{
			ID: t.ID, AccountLinkID: t.AccountLinkID,
			LastMessageTimestamp: t.LastMessageTimestamp, CreatedAt: t.CreatedAt,
		})
	}
	return v
}

// authorID is what the prospect's messages carry.
func (s *Server) authorID(p *prospect) string {
	switch {
	case s.opts.ProspectAuthor == AuthorLegacy:
		return p.legacyID
	case s.opts.ProspectAuthor == AuthorPlatform, p.ExternalID == nil:
		return p.PlatformID
	}
	return *p.ExternalID
}

// tokenUser is the Inbox user behind API tokens and behind people in Inbox: the
// first member's.
func (s *Server) tokenUser() string {
	if len(s.members) > 0 {
		return s.members[0].UserID
	}
	return s.tokenID
}

func (p *prospect) threadOf(accountLinkID string) *thread {
	for _, t := range p.threads {
		if t.AccountLinkID == accountLinkID {
			return t
		}
	}
	return nil
}

func (s *Server) personNamed(username string) *prospect {
	return s.byName[strings.ToLower(username)]
}

func (s *Server) account(id string) int {
	return slices.IndexFunc(s.accounts, func(a inboxapi.AccountLink) bool { return a.ID == id })
}

func (s *Server) platformIDOf(accountLinkID string) string {
	if i := s.account(accountLinkID); i >= 0 {
		return s.accounts[i].PlatformID
	}
	return ""
}

func (s *Server) tag(id string) int {
	return slices.IndexFunc(s.tags, func(t inboxapi.Tag) bool { return t.ID == id })
}

func (s *Server) tagNamed(name string) int {
	return slices.IndexFunc(s.tags, func(t inboxapi.Tag) bool { return strings.EqualFold(t.Name, name) })
}

func (s *Server) status(id string) int {
	return slices.IndexFunc(s.statuses, func(t inboxapi.Status) bool { return t.ID == id })
}

func (s *Server) statusNamed(name string) int {
	return slices.IndexFunc(s.statuses, func(t inboxapi.Status) bool { return strings.EqualFold(t.Name, name) })
}

func (s *Server) member(id string) int {
	return slices.IndexFunc(s.members, func(m inboxapi.Member) bool { return m.ID == id })
}

func (s *Server) mustAccount(id string) int {
	i := s.account(id)
	if i < 0 {
		panic("inboxapitest: no account link " + id)
	}
	return i
}

// mustMember returns the ID of the member with that ID or email.
func (s *Server) mustMember(idOrEmail string) string {
	for _, m := range s.members {
		if m.ID == idOrEmail || strings.EqualFold(m.Email, idOrEmail) {
			return m.ID
		}
	}
	panic("inboxapitest: no member " + idOrEmail)
}

func (s *Server) mustThread(id string) *thread {
	t, ok := s.threads[id]
	if !ok {
		panic("inboxapitest: no thread " + id)
	}
	return t
}

func (s *Server) mustMessage(t *thread, id string) *message {
	m := t.message(id)
	if m == nil {
		panic("inboxapitest: no message " + id + " in thread " + t.ID)
	}
	return m
}

func (t *thread) message(id string) *message {
	for _, m := range slices.Backward(t.messages) {
		if m.ID == id {
			return m
		}
	}
	return nil
}

func fill(field *string, value func() string) {
	if *field == "" {
		*field = value()
	}
}
