package rules

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"strings"
	"time"

	"inboxbot/bot"
	"inboxbot/inboxapi"
)

// Env holds the names a guard may use. They are our contract with rule authors:
// a name may be added, never renamed. Expressions are checked against these
// types when a rule file is loaded.
//
// Names that a row of the thread list answers cost no request: now, thread,
// prospect, account, weekday, repliesToday, every function, and text and at of
// last. The others need the thread's messages, which are fetched when the first
// guard that uses one is reached. Names lists them all.
//
// Of the language: division is that of floating point, so x / 0 is infinite and no
// error; % 0 and an index past the end are errors, and hand the conversation over;
// date("2026-12-24") is midnight UTC, and its third argument names another zone.
type Env struct {
	// When the conversation was read, on the API's clock, in the bot's time zone.
	Now time.Time `expr:"now"`
	// The day of the week in the bot's time zone: "monday" to "sunday".
	Weekday string `expr:"weekday"`
	// The direct message thread.
	Thread Thread `expr:"thread"`
	// The other party, and what the team keeps about it.
	Prospect Prospect `expr:"prospect"`
	// The X account of ours that the thread belongs to.
	Account Account `expr:"account"`
	// The newest message of the prospect. When there is none, its text is "".
	Last Message `expr:"last"`
	// How long the prospect's oldest unanswered message has waited, 0 when none does.
	Waiting time.Duration `expr:"waiting"`
	// How many messages of the prospect wait for an answer.
	Unanswered int `expr:"unanswered"`
	// How many messages the prospect wrote, among those that were read.
	Inbound int `expr:"inbound"`
	// How many messages our side wrote, people and bots, among those that were read.
	Outbound int `expr:"outbound"`
	// How many messages this bot wrote, among those that were read.
	Replies int `expr:"replies"`
	// How many messages this bot sent into the thread in the last 24 hours.
	RepliesToday int `expr:"repliesToday"`
	// The texts of the messages that wait for an answer, oldest first.
	Texts []string `expr:"texts"`
	// How long ago a person on our side last wrote; 100 years if never.
	HumanAgo time.Duration `expr:"humanAgo"`
	// Whether the prospect has any of the named tags, in upper or lower case.
	Tagged func(names ...string) bool `expr:"tagged"`
	// Whether the bot has ever noted any of the named tags on the prospect, in upper
	// or lower case, even if it was removed since.
	Seen func(names ...string) bool `expr:"seen"`
	// Whether the named hours of the rule file are open now.
	Open func(hours string) bool `expr:"open"`
	// Whether the named hours of the rule file are not open now.
	Closed func(hours string) bool `expr:"closed"`
	// Why the named hours are not open now, and when they open next, for instance
	// "after 18:00, opens Monday 2026-11-30 09:00"; "" when they are open.
	ClosedBecause func(hours string) string `expr:"closedBecause"`
	// Whether the prospect is among so many of a hundred, always the same ones: a
	// larger percentage only adds to them. A name makes another choice of them, so
	// that two experiments do not meet the same prospects: rollout(10, "new-tone").
	Rollout func(percent float64, experiment ...string) bool `expr:"rollout"`
}

// CheckEnv holds the names a check may use: those of a guard, and the draft.
type CheckEnv struct {
	Env `expr:"-"`
	// What the model answered.
	Draft Draft `expr:"draft"`
}

// Thread is the direct message thread as expressions see it.
type Thread struct {
	// Its ID in Inbox.
	ID string `expr:"id"`
	// Whether a member of the team is assigned.
	Assigned bool `expr:"assigned"`
	// The assigned member's email, "" if none or unknown.
	Assignee string `expr:"assignee"`
	// Whether it is a message request of somebody unknown.
	Request bool `expr:"request"`
	// Whether older messages are still being imported.
	Syncing bool `expr:"syncing"`
	// Whether it is an encrypted X Chat.
	Encrypted bool `expr:"encrypted"`
	// When it was created in Inbox.
	CreatedAt time.Time `expr:"createdAt"`
}

// Prospect is the other party as expressions see it. What X or the team did not
// say is "" or 0.
type Prospect struct {
	// The name on X, without @.
	Username string `expr:"username"`
	// The display name.
	Name string `expr:"name"`
	// The profile's description.
	Bio string `expr:"bio"`
	// The place the profile names.
	Location string `expr:"location"`
	// The profile's link.
	Website string `expr:"website"`
	// How many accounts follow it.
	Followers int `expr:"followers"`
	// How many accounts it follows.
	Following int `expr:"following"`
	// Whether X has verified it in any way: a person, a business or a government.
	Verified bool `expr:"verified"`
	// Whether its posts are protected.
	Protected bool `expr:"protected"`
	// The names of its tags.
	Tags []string `expr:"tags"`
	// The name of its status, the stage of the pipeline.
	Status string `expr:"status"`
	// What the team thinks it is worth, in the team's currency.
	Valuation float64 `expr:"valuation"`
	// The team's notes.
	Notes string `expr:"notes"`
}

// Account is an X account of ours as expressions see it.
type Account struct {
	// The name on X, without @.
	Username string `expr:"username"`
	// The display name.
	Name string `expr:"name"`
	// Whether Inbox is connected to it: neither signed out nor paused.
	Online bool `expr:"online"`
}

// Message is a message of the prospect as expressions see it.
type Message struct {
	// What it says; "" when it holds only media.
	Text string `expr:"text"`
	// When it was written.
	At time.Time `expr:"at"`
	// The kinds of what came with the text, such as "image".
	Media []string `expr:"media"`
	// Whether the prospect changed it after sending.
	Edited bool `expr:"edited"`
}

// Draft is the model's decision as expressions see it.
type Draft struct {
	// What would be sent.
	Text string `expr:"text"`
	// How sure the model is, from 0 to 1.
	Confidence float64 `expr:"confidence"`
	// What the model would do: reply, handoff or skip.
	Action string `expr:"action"`
	// Why, one line for the team.
	Reason string `expr:"reason"`
}

func draftOf(d bot.Decision) Draft { return Draft{d.Reply, d.Confidence, string(d.Action), d.Reason} }

// env returns what the expressions of s see of c.
func (s *Set) env(c *bot.Conversation) Env {
	now := c.Now.In(s.zone)
	unanswered := c.Unanswered()
	e := Env{
		Now:           now,
		Weekday:       weekdayNames[now.Weekday()],
		Thread:        s.thread(c),
		Prospect:      prospect(c),
		Account:       Account{c.Account.Username, c.Account.Name, c.Account.Status == inboxapi.AccountActive},
		Waiting:       c.Waiting(),
		Unanswered:    len(unanswered),
		Inbound:       c.Count(func(t bot.Turn) bool { return t.Side == bot.SideProspect }),
		Outbound:      c.Count(func(t bot.Turn) bool { return t.Side == bot.SideOurs }),
		Replies:       c.Count(func(t bot.Turn) bool { return t.Writer == bot.WriterBot }),
		RepliesToday:  c.RepliesToday(),
		Texts:         make([]string, len(unanswered)),
		HumanAgo:      c.HumanAgo(),
		Tagged:        func(names ...string) bool { return tagged(c.Tags, names) },
		Seen:          func(names ...string) bool { return tagged(c.Tags, names) || tagged(c.Record.Seen, names) },
		Open:          func(name string) bool { return s.hours[name].open(now) },
		Closed:        func(name string) bool { return !s.hours[name].open(now) },
		Rollout:       func(percent float64, experiment ...string) bool { return rollout(c, percent, experiment) },
		ClosedBecause: func(name string) string { return s.hours[name].closedBecause(now) },
	}
	for i, t := range unanswered {
		e.Texts[i] = t.Text
	}
	if t, ok := c.Last(); ok {
		e.Last = Message{t.Text, t.At.In(s.zone), t.Media, t.Edited}
	}
	return e
}

func (s *Set) thread(c *bot.Conversation) Thread {
	t := &c.Thread
	return Thread{
		ID:        t.ID,
		Assigned:  t.AssigneeID != nil,
		Assignee:  c.Assignee,
		Request:   t.IsRequest,
		Syncing:   t.IsSyncing,
		Encrypted: t.Variant == inboxapi.VariantXChat,
		CreatedAt: t.CreatedAt.In(s.zone),
	}
}

func prospect(c *bot.Conversation) Prospect {
	p := &c.Thread.Prospect
	out := Prospect{
		Username:  p.Username,
		Name:      p.DisplayName,
		Bio:       text(p.Bio),
		Location:  text(p.Location),
		Website:   text(p.WebsiteURL),
		Followers: count(p.FollowerCount),
		Following: count(p.FollowingCount),
		Verified:  p.Verified != "" && p.Verified != "none",
		Protected: p.IsProtected,
		Tags:      c.Tags,
		Status:    c.Status,
		Notes:     text(p.Context.Notes),
	}
	if p.Context.Valuation != nil {
		out.Valuation = *p.Context.Valuation
	}
	return out
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// count reads a JSON number as a count; the API declares counts as numbers, not
// integers, and a conversion out of range would be anything.
func count(n float64) int {
	if !(n > 0) { // also NaN
		return 0
	}
	return int(min(n, math.MaxInt32))
}

func tagged(tags, names []string) bool {
	for _, tag := range tags {
		for _, name := range names {
			if strings.EqualFold(strings.TrimSpace(tag), strings.TrimSpace(name)) {
				return true
			}
		}
	}
	return false
}

var weekdayNames = [...]string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"} // by time.Weekday

// rollout reports whether the prospect of c is among the percentage. It depends on
// who they are on X alone, so every process and generation agrees, in whatever
// thread. Somebody without an ID is among all of them only.
func rollout(c *bot.Conversation, percent float64, experiment []string) bool {
	id := c.Thread.Prospect.PlatformID
	if id == "" {
		return percent >= 100
	}
	sum := sha256.Sum256([]byte(strings.Join(experiment, "\x00") + "\x00" + id))
	const whole = 1 << 53 // what a float64 tells apart
	return float64(binary.BigEndian.Uint64(sum[:])>>11)/whole*100 < percent
}

// The most that one expression may have to read. A direct message has at most
// 10,000 characters (X's limit), each at most 4 bytes in UTF-8, so these are met
// by what is hardly a message: then the guard fails, and a person looks at it.
const (
	maxText  = 40_000 // bytes: one text, or all texts of a list together
	maxItems = 200    // of a list
)

// overlong returns which parts of e are larger than an expression may have to read.
func overlong(e *CheckEnv) reads {
	var over reads
	if len(e.Last.Text) > maxText || oversize(e.Last.Media) {
		over |= readsLast
	}
	if oversize(e.Texts) {
		over |= readsTexts
	}
	p := &e.Prospect
	if len(p.Notes) > maxText {
		over |= readsNotes
	}
	profile := len(p.Username) + len(p.Name) + len(p.Bio) + len(p.Location) + len(p.Website) + len(p.Status) +
		len(e.Thread.ID) + len(e.Thread.Assignee) + len(e.Account.Username) + len(e.Account.Name)
	if len(p.Tags) > maxItems || profile+total(p.Tags) > maxText {
		over |= readsProfile
	}
	if len(e.Draft.Text)+len(e.Draft.Reason)+len(e.Draft.Action) > maxText {
		over |= readsDraft
	}
	return over
}

func oversize(list []string) bool { return len(list) > maxItems || total(list) > maxText }

func total(list []string) int {
	n := 0
	for _, s := range list {
		n += len(s)
	}
	return n
}

// String names the first part in r.
func (r reads) String() string {
	switch {
	case r&readsLast != 0:
		return "the last message"
	case r&readsTexts != 0:
		return "the unanswered messages"
	case r&readsNotes != 0:
		return "the team's notes"
	case r&readsProfile != 0:
		return "the profile"
	}
	return "the draft"
}
