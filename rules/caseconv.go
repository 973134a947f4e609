package rules

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"inboxbot/bot"
	"inboxbot/inboxapi"
)

// wallClock is the location of a time that is one of the bot's zone, whichever
// that is.
var wallClock = time.FixedZone("BOT_TIMEZONE", 0)

// in returns the instant t is when the bot's zone is zone.
func in(zone *time.Location, t time.Time) time.Time {
	if t.Location() != wallClock {
		return t
	}
	y, m, d := t.Date()
	return time.Date(y, m, d, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), zone)
}

// caseNow is when a case is read that does not say: a working day, at noon.
var caseNow = time.Date(2026, 11, 25, 12, 0, 0, 0, wallClock)

// Conversation returns the conversation of c, which has been read. zone is that of
// the times without an offset; nil is UTC. IDs that c does not name are made up,
// the same every time.
func (c Case) Conversation(zone *time.Location) *bot.Conversation {
	zone = cmp.Or(zone, time.UTC)
	g := &c.Given
	out := &bot.Conversation{
		Now:      in(zone, g.Now),
		Read:     true,
		More:     g.More,
		Tags:     g.Prospect.Tags,
		Status:   g.Prospect.Status,
		Assignee: g.Thread.Assignee,
		Account:  g.Account.link(),
		Team:     inboxapi.Team{ID: "team", Name: g.Team.Name, Currency: g.Team.Currency},
	}
	if g.Now.IsZero() {
		out.Now = in(zone, caseNow)
	}
	out.Thread = g.thread(zone, out.Now)
	out.Turns = g.turns(zone, out.Now)
	out.Record = g.record(zone, out)
	return out
}

func (g *Given) thread(zone *time.Location, now time.Time) inboxapi.Thread {
	t := inboxapi.Thread{
		ID:            g.Thread.ID,
		AccountLinkID: "account",
		CreatedAt:     in(zone, g.Thread.CreatedAt),
		IsRequest:     g.Thread.Request,
		IsSyncing:     g.Thread.Syncing,
		Status:        inboxapi.StatusActive,
		Variant:       inboxapi.VariantUnencrypted,
		Prospect:      g.Prospect.inbox(),
	}
	if t.CreatedAt.IsZero() {
		t.CreatedAt = now.AddDate(0, 0, -7)
	}
	if g.Thread.Encrypted {
		t.Variant = inboxapi.VariantXChat
	}
	if g.Thread.Assigned || g.Thread.Assignee != "" {
		t.AssigneeID = new("member")
	}
	return t
}

func (p *CaseProspect) inbox() inboxapi.Prospect {
	out := inboxapi.Prospect{
		PlatformID:     cmp.Or(p.ID, "x-"+strings.ToLower(p.Username)),
		Username:       p.Username,
		DisplayName:    p.Name,
		Bio:            known(p.Bio),
		Location:       known(p.Location),
		WebsiteURL:     known(p.Website),
		FollowerCount:  float64(p.Followers),
		FollowingCount: float64(p.Following),
		Verified:       "none",
		IsProtected:    p.Protected,
	}
	out.Context.Notes = known(p.Notes)
	if p.Verified {
		out.Verified = "verified"
	}
	if p.Valuation != 0 {
		out.Context.Valuation = &p.Valuation
	}
	return out
}

// known is s as the API has it: null when there is none.
func known(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func (a *CaseAccount) link() inboxapi.AccountLink {
	link := inboxapi.AccountLink{ID: "account", Username: a.Username, Name: a.Name, Status: inboxapi.AccountActive}
	switch {
	case a.Status == unlinked:
		link.ID, link.Status = "", ""
	case a.Status != "":
		link.Status = a.Status
	case !a.Online:
		link.Status = inboxapi.AccountPaused
	}
	return link
}

// turnID is what the message with a number is called.
func turnID(number int) string {
	if number <= 0 {
		return ""
	}
	return fmt.Sprint("m", number)
}

func (g *Given) turns(zone *time.Location, now time.Time) []bot.Turn {
	messages := g.Messages
	if g.Message != "" {
		messages = []CaseMessage{{From: fromProspect, Text: g.Message, Ago: unset}}
	}
	turns := make([]bot.Turn, len(messages))
	next := now
	for i := len(messages) - 1; i >= 0; i-- {
		m := &messages[i]
		next = m.at(zone, now, next)
		turns[i] = bot.Turn{ID: turnID(i + 1), Text: m.Text, At: next, Side: bot.SideProspect, Media: m.Media, Edited: m.Edited}
		if writer, ours := writers[m.From]; ours {
			turns[i].Side, turns[i].Writer = bot.SideOurs, writer
		} else if m.From == fromUnknown {
			turns[i].Side = bot.SideUnknown
		}
	}
	return turns
}

// at is when m was written, before next at the latest if it does not say.
func (m *CaseMessage) at(zone *time.Location, now, next time.Time) time.Time {
	switch {
	case !m.At.IsZero():
		return in(zone, m.At)
	case m.Ago != unset:
		return now.Add(-m.Ago)
	}
	return next.Add(-time.Minute)
}

// record is what the ledger would know of c, which has its turns.
func (g *Given) record(zone *time.Location, c *bot.Conversation) bot.Record {
	r := &g.Record
	written := func(number int, at time.Time) time.Time {
		if at.IsZero() && number > 0 && number <= len(c.Turns) {
			return c.Turns[number-1].At
		}
		return in(zone, at)
	}
	out := bot.Record{
		Thread:    c.Thread.ID,
		State:     bot.State(r.State),
		MessageID: turnID(r.Message),
		MessageAt: written(r.Message, r.At),
		SeenAt:    in(zone, r.SeenAt),
		EndedID:   turnID(r.Ended),
		EndedAt:   written(r.Ended, r.EndedAt),
		SentID:    turnID(r.Sent),
		Own:       g.own(c),
		Seen:      g.Seen,
	}
	if out.MessageID == "" && out.State != bot.StateNone {
		out.MessageID = "gone"
	}
	if n := r.SentText; n > 0 && n <= len(c.Turns) {
		out.SentSum = bot.Fingerprint(c.Turns[n-1].Text)
	}
	return out
}

// own is when the bot sent its messages: those it wrote among the turns, the
// newest first, and more that were not read, up to the number of today's.
func (g *Given) own(c *bot.Conversation) map[string]time.Time {
	own := map[string]time.Time{}
	left := g.RepliesToday
	for _, t := range slices.Backward(c.Turns) {
		if t.Writer != bot.WriterBot || isToday(c.Now, t.At) && left == 0 {
			continue
		}
		own[t.ID] = t.At
		if isToday(c.Now, t.At) && left > 0 {
			left--
		}
	}
	for n := range max(0, left) {
		own[fmt.Sprint("unread", n+1)] = c.Now.Add(-time.Hour)
	}
	return own
}

func isToday(now, at time.Time) bool { return now.Sub(at) < 24*time.Hour }

// NewCase writes down c, which has been read, and the verdict about it. Of the
// record it keeps what verdicts depend on; IDs of messages become numbers, and
// bytes that are not UTF-8 the replacement character.
func NewCase(name string, c *bot.Conversation, v bot.Verdict) Case {
	out := blankCase()
	out.Name = caseName(name)
	out.Expect = Expect{Outcome: outcomeOf(v.Outcome), Guard: v.Guard}
	p := &c.Thread.Prospect
	g := &out.Given
	g.Now = c.Now.UTC().Round(0)
	g.More = c.More
	g.Prospect = CaseProspect{prospect(c), p.PlatformID}
	g.Prospect.Tags = slices.Clone(c.Tags)
	g.Account = accountOf(&c.Account)
	g.Thread = Thread{
		ID: c.Thread.ID, Assigned: c.Thread.AssigneeID != nil, Assignee: c.Assignee,
		Request: c.Thread.IsRequest, Syncing: c.Thread.IsSyncing, Encrypted: c.Thread.Variant == inboxapi.VariantXChat,
		CreatedAt: c.Thread.CreatedAt.UTC(),
	}
	g.Team = CaseTeam{c.Team.Name, c.Team.Currency}
	g.Seen = slices.Clone(c.Record.Seen)
	sent := c.Count(func(t bot.Turn) bool { return t.Writer == bot.WriterBot && isToday(c.Now, t.At) })
	if n := c.RepliesToday(); n != sent {
		g.RepliesToday = min(n, maxCaseItems)
	}
	for _, t := range c.Turns {
		g.Messages = append(g.Messages, messageOf(c.Now, t))
	}
	g.Record = recordOf(c)
	return out
}

// InSeconds is c with its times in whole seconds: now and dates cut off, ages rounded.
func (c Case) InSeconds() Case {
	g := &c.Given
	g.Messages = slices.Clone(g.Messages)
	times := []*time.Time{&g.Now, &g.Thread.CreatedAt, &g.Record.At, &g.Record.SeenAt, &g.Record.EndedAt}
	for i := range g.Messages {
		m := &g.Messages[i]
		if m.Ago != unset {
			m.Ago = m.Ago.Round(time.Second)
		}
		times = append(times, &m.At)
	}
	for _, t := range times {
		*t = t.Truncate(time.Second)
	}
	return c
}

// caseName makes name one line of a length that a case may have.
func caseName(name string) string {
	r := []rune(strings.Join(strings.Fields(printable(name)), " "))
	return cmp.Or(strings.TrimSpace(string(r[:min(len(r), maxCaseName)])), "a conversation")
}

// outcomeOf is the word of rule files for o.
func outcomeOf(o bot.Outcome) string {
	if o.Action == bot.Reply && o.Approve {
		return draft
	}
	return string(o.Action)
}

func accountOf(a *inboxapi.AccountLink) CaseAccount {
	out := CaseAccount{Account: Account{a.Username, a.Name, a.Status == inboxapi.AccountActive}}
	switch {
	case a.ID == "":
		out.Online, out.Status = false, unlinked
	case !out.Online && a.Status != inboxapi.AccountPaused:
		out.Status = a.Status
	}
	return out
}

// longAgo is how old a message is that gets a date instead of an age.
const longAgo = 48 * time.Hour

func messageOf(now time.Time, t bot.Turn) CaseMessage {
	m := CaseMessage{From: fromProspect, Text: t.Text, Ago: now.Sub(t.At), Media: slices.Clone(t.Media), Edited: t.Edited}
	if m.Ago < 0 || m.Ago >= longAgo {
		m.Ago, m.At = unset, t.At.UTC()
	}
	switch t.Side {
	case bot.SideUnknown:
		m.From = fromUnknown
	case bot.SideOurs:
		m.From = string(cmp.Or(t.Writer, bot.WriterUnsure))
	case bot.SideProspect:
	}
	return m
}

func recordOf(c *bot.Conversation) CaseRecord {
	r := &c.Record
	number := func(is func(bot.Turn) bool) int { return slices.IndexFunc(c.Turns, is) + 1 }
	out := CaseRecord{
		State:   string(r.State),
		Message: number(func(t bot.Turn) bool { return t.ID == r.MessageID }),
		Ended:   number(func(t bot.Turn) bool { return t.ID == r.EndedID }),
		Sent:    number(func(t bot.Turn) bool { return t.ID == r.SentID }),
		SeenAt:  r.SeenAt.UTC(),
	}
	out.SentText = number(func(t bot.Turn) bool {
		return r.SentSum != "" && t.Writer == bot.WriterBot && bot.Fingerprint(t.Text) == r.SentSum
	})
	unless := func(number int, at time.Time) time.Time {
		if number > 0 && c.Turns[number-1].At.Equal(at) {
			return time.Time{}
		}
		return at.UTC()
	}
	out.At, out.EndedAt = unless(out.Message, r.MessageAt), unless(out.Ended, r.EndedAt)
	return out
}
