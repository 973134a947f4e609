package prompts

import (
	"math"
	"strconv"
	"strings"
	"time"

	"inboxbot/bot"
	"inboxbot/inboxapi"
)

// Data is what a template sees as {{.}}: a copy of the conversation that cannot
// do anything. Texts that are not known are "", numbers 0.
type Data struct {
	Now      time.Time // the snapshot's time, in the team's time zone
	Thread   Thread
	Prospect Prospect
	Account  Account
	Team     Team
	Guard    string // the guard that decided to reply, "default" when none did
}

// Thread is the DM conversation as the Inbox API has it.
type Thread struct {
	ID         string
	Assignee   string    // the assigned member's email
	Request    bool      // a message request: the team has not accepted it
	CreatedAt  time.Time // in the team's time zone
	Unanswered int       // messages that wait for the answer asked for
	Inbound    int       // messages of the prospect that were read
	Outbound   int       // messages of ours that were read
}

// Prospect is the other party. Untrusted and Quoted fields were written by them, or
// may repeat what they wrote; Tags, Status and Valuation by the team.
type Prospect struct {
	Username  string // without @; letters, digits and _ only, whatever the API sent
	Name      Quoted
	Bio       Untrusted
	Location  Untrusted
	Website   Untrusted
	Followers int
	Following int
	Verified  bool // by X in any way: person, business or government
	Protected bool
	Tags      []string
	Status    string
	Valuation int       // in Team.Currency, rounded
	Notes     Untrusted // the team's, in several lines; the bot's own may quote the prospect
}

// Account is the X account that speaks for us.
type Account struct {
	Username string // without @
	Name     string
	Online   bool
}

// Team is whose inbox it is.
type Team struct {
	Name     string
	Currency string // of Prospect.Valuation, such as "USD"
}

// The fence around Untrusted text. A system text should say what it means.
const (
	fenceOpen  = "<prospect-data>"
	fenceClose = "</prospect-data>"
)

// Untrusted is text from outside the team. It compares and counts as what was
// written, and prints between fences that it cannot open or close itself:
//
//	<prospect-data>Baker in Lyon</prospect-data>
//
// Empty text prints nothing.
type Untrusted string

// String returns the text between fences.
func (u Untrusted) String() string {
	if u == "" {
		return ""
	}
	return fenceOpen + noTags.Replace(strings.ToValidUTF8(string(u), "")) + fenceClose
}

// Quoted is a name from outside the team: one line that prints in double quotes.
// An empty name prints nothing.
type Quoted string

// String returns the name in double quotes.
func (q Quoted) String() string {
	if q == "" {
		return ""
	}
	return strconv.Quote(noTags.Replace(strings.ToValidUTF8(string(q), "")))
}

// Bounds of the fields, in estimated tokens. They are above what X allows (50
// characters of name, 160 of bio, 30 of location) and make the size of a system
// text independent of whose conversation it is about.
const (
	maxName   = 40
	maxLine   = 60
	maxBio    = 250
	maxNotes  = 800
	maxTag    = 15
	maxTags   = 30 // tags, not tokens
	maxHandle = 50 // characters; X allows 15
)

func newData(c *bot.Conversation, guard string, zone *time.Location) Data {
	p := &c.Thread.Prospect
	return Data{
		Now: inZone(c.Now, zone),
		Thread: Thread{
			ID:         ours(c.Thread.ID, maxLine),
			Assignee:   ours(c.Assignee, maxLine),
			Request:    c.Thread.IsRequest,
			CreatedAt:  inZone(c.Thread.CreatedAt, zone),
			Unanswered: len(c.Unanswered()),
			Inbound:    c.Count(func(t bot.Turn) bool { return t.Side == bot.SideProspect }),
			Outbound:   c.Count(func(t bot.Turn) bool { return t.Side == bot.SideOurs }),
		},
		Prospect: Prospect{
			Username:  handle(p.Username),
			Name:      Quoted(short(oneLine(p.DisplayName), maxName)),
			Bio:       Untrusted(cut(clean(text(p.Bio)), maxBio)),
			Location:  Untrusted(short(oneLine(text(p.Location)), maxLine)),
			Website:   Untrusted(short(oneLine(text(p.WebsiteURL)), maxLine)),
			Followers: whole(p.FollowerCount),
			Following: whole(p.FollowingCount),
			Verified:  p.Verified != "" && p.Verified != "none",
			Protected: p.IsProtected,
			Tags:      tags(c.Tags),
			Status:    ours(c.Status, maxLine),
			Valuation: valuation(p.Context.Valuation),
			Notes:     Untrusted(cut(clean(text(p.Context.Notes)), maxNotes)),
		},
		Account: Account{
			Username: handle(c.Account.Username),
			Name:     ours(c.Account.Name, maxName),
			Online:   c.Account.Status == inboxapi.AccountActive,
		},
		Team:  Team{Name: ours(c.Team.Name, maxName), Currency: ours(c.Team.Currency, maxTag)},
		Guard: ours(guard, maxLine),
	}
}

// inZone leaves the zero time alone, so that templates can ask for it.
func inZone(t time.Time, zone *time.Location) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.Round(0).In(zone)
}

// ours prepares one line that the team wrote. It is no fence's business, but it
// must not look like one.
func ours(s string, limit int) string { return short(noTags.Replace(oneLine(s)), limit) }

func tags(names []string) []string {
	var out []string
	for _, n := range names[:min(len(names), maxTags)] {
		out = append(out, ours(n, maxTag))
	}
	return out
}

// handle keeps what X allows in a username.
func handle(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == '_' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' {
			return r
		}
		return -1
	}, s)
	return s[:min(len(s), maxHandle)]
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func valuation(v *float64) int {
	if v == nil {
		return 0
	}
	return whole(*v)
}

// whole rounds a JSON number; what is none becomes 0.
func whole(f float64) int {
	if math.IsNaN(f) || math.Abs(f) > 1e15 {
		return 0
	}
	return int(math.Round(f))
}
