package bot

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Check is one guard's answer about one conversation.
type Check struct {
	Guard string
	Fired bool
	Err   error // the guard could not be evaluated; it counts as fired, and a person gets the thread
	// Unread says that the guard was not evaluated because it needs the messages
	// and the conversation has none yet. It is the last check of its verdict.
	Unread bool
}

// Part is a named part of a guard's expression and what it was worth, as shown to
// people: last.text, tagged("VIP"). Value quotes what outsiders wrote.
type Part struct {
	Expr, Value string
}

// Tracer is a Guards that can say what its guards read.
type Tracer interface {
	// Parts returns the named parts of the guard's or check's expression with what
	// they were worth, in the order they stand there, each once. d is the draft of
	// a check, else nil.
	Parts(c *Conversation, d *Decision, guard string) []Part
	// JudgeAll returns every guard's own answer, in order, whatever the others say.
	JudgeAll(c *Conversation) []Check
}

// Verdict is every check that was made, in order, and what follows from them.
type Verdict struct {
	Outcome Outcome
	Guard   string // the guard or check that decided; "default" when none fired
	Checks  []Check
}

// Unread reports whether the judging stopped at a guard that needs the
// conversation's messages, which have not been read. Outcome means nothing then.
func (v Verdict) Unread() bool {
	return len(v.Checks) > 0 && v.Checks[len(v.Checks)-1].Unread
}

// Guards judges conversations by what rule authors wrote. An implementation
// depends on the conversation alone, never on a clock of its own, and turns
// whatever goes wrong while judging into a Handoff that names the guard.
type Guards interface {
	// Judge asks the guards from top to bottom; the first that fires decides.
	// When c has not been read, it stops at the first guard that needs messages.
	Judge(c *Conversation) Verdict
	// Review asks the checks about the model's draft. Outcome.Action is Reply
	// when no check objects.
	Review(c *Conversation, d Decision) Verdict
}

// safety is one of the bot's own guards. They come before every guard of the
// rule file, and cannot be switched off.
type safety struct {
	name  string
	needs bool // the thread's messages
	judge func(j *judge, c *Conversation) (Outcome, bool)
}

// judge is what a verdict depends on besides the conversation.
type judge struct {
	cfg Config
	gen *Generation
	own func(platformID string) bool // whether an account on X is one of the team's
}

// The bot's own guards, in the order they are asked.
var safeties = []safety{
	{safetyHidden, true, hidden},
	{safetyTurn, false, notOurTurn},
	{"unknown-author", false, unknownAuthor},
	{"own-account", false, ownAccount},
	{"request", false, request},
	{"syncing", false, syncing},
	{safetyOffline, false, accountOffline},
	{"too-old", false, tooOld},
	{"archived-since", false, archivedSince},
	{"handed-over", false, handedOver},
	{safetyTookOver, true, personTookOver},
	{"undelivered", true, undelivered},
	{safetySettling, false, settling},
	{safetyLoop, true, looping},
	{"cap-reached", false, capReached},
}

const (
	safetyTurn     = "not-our-turn"
	safetyOffline  = "account-offline"
	safetySettling = "settling"
	safetyLoop     = "loop"
	safetyTookOver = "person-took-over"
	guardModelDown = "model-down" // no guard, but named like one where the model decided nothing
)

// judge asks the bot's own guards and then the rule author's. Of a conversation
// that has not been read it asks what a row can answer; its verdict then counts
// only where it leads to silence (see Verdict.final).
func (b *Bot) judge(gen *Generation, c *Conversation) Verdict {
	j := judge{cfg: b.cfg, gen: gen, own: b.dir.isOwnPlatformID}
	return j.verdict(c)
}

// Judge is the verdict about a conversation of the past, or one that an author
// made up, by the bot's own guards as cfg sets them and then gen's.
func Judge(cfg Config, gen Generation, c *Conversation) Verdict {
	j := judge{cfg: cfg.withDefaults(), gen: &gen, own: func(string) bool { return false }}
	return j.verdict(c)
}

func (j *judge) verdict(c *Conversation) Verdict {
	own, fired := j.ownGuards(c)
	if fired {
		return own
	}
	v := j.gen.Guards.Judge(c)
	v.Checks = append(own.Checks, v.Checks...)
	return v
}

// ownGuards asks the bot's own guards, and reports whether one fired.
func (j *judge) ownGuards(c *Conversation) (Verdict, bool) {
	checks := make([]Check, 0, 2*len(safeties)) // with room for the guards of a rule file
	for _, s := range safeties {
		if s.needs && !c.Read {
			continue
		}
		o, fired := s.judge(j, c)
		checks = append(checks, Check{Guard: s.name, Fired: fired})
		if fired {
			return Verdict{Outcome: o, Guard: s.name, Checks: checks}, true
		}
	}
	return Verdict{Checks: checks}, false
}

// final reports whether v may be acted upon without reading c's messages: it
// leads to silence, and the row was enough to know. Whatever speaks, to the
// prospect or to a person of the team, is judged on the messages themselves.
func (v Verdict) final(c *Conversation) bool {
	if c.Read {
		return true
	}
	return !v.Unread() && (v.Outcome.Action == Skip || v.Outcome.Action == Wait)
}

func notOurTurn(_ *judge, c *Conversation) (Outcome, bool) {
	newest, ok := c.newest()
	switch {
	case !ok:
		return Outcome{Action: Skip, Reason: "no messages"}, true
	case newest.Side == SideUnknown:
		return Outcome{}, false
	case len(c.Unanswered()) > 0:
		return Outcome{}, false
	case newest.Side == SideProspect:
		return Outcome{Action: Skip, Reason: "done before: " + string(c.Record.State)}, true
	}
	return Outcome{Action: Skip, Reason: "we wrote last"}, true
}

func unknownAuthor(_ *judge, c *Conversation) (Outcome, bool) {
	newest, _ := c.newest()
	last, _ := c.about()
	ended, _ := c.Record.ended()
	switch {
	case last.ahead && ended != "" && last.ID != c.Record.MessageID:
		return Outcome{Action: Handoff, Cause: CauseDoubt, Reason: "the newest message is dated in the future: it may have been answered already"}, true
	case newest.Side == SideUnknown:
		return Outcome{Action: Handoff, Cause: CauseDoubt, Reason: "cannot tell who wrote the newest message"}, true
	case newest.At.IsZero(), newest.ID == "":
		return Outcome{Action: Handoff, Cause: CauseDoubt, Reason: "the newest message has no time or no id"}, true
	}
	return Outcome{}, false
}

func ownAccount(j *judge, c *Conversation) (Outcome, bool) {
	return Outcome{Action: Skip, Reason: "the other party is an account of this team"},
		j.own(c.Thread.Prospect.PlatformID)
}

func request(j *judge, c *Conversation) (Outcome, bool) {
	return Outcome{Action: Skip, Reason: "a message request"}, c.Thread.IsRequest && !j.cfg.AnswerRequests
}

// syncPatience is how long older messages may go on being imported before a
// person should have a look, unless the message is noted anew before that.
const syncPatience = time.Hour

func syncing(j *judge, c *Conversation) (Outcome, bool) {
	if !c.Thread.IsSyncing {
		return Outcome{}, false
	}
	patience := min(syncPatience, j.cfg.notedAnew())
	if r := c.Record; !r.State.Terminal() && !r.SeenAt.IsZero() && c.Now.Sub(r.SeenAt) > patience {
		return Outcome{Action: Handoff, Cause: CauseUnavailable, Reason: "its older messages are still being imported"}, true
	}
	return Outcome{Action: Wait, Reason: "older messages are being imported"}, true
}

func accountOffline(j *judge, c *Conversation) (Outcome, bool) {
	switch r := &c.Record; {
	case c.Account.ID == "" && r.State == StateWaiting && !r.awaits() && c.Now.Sub(r.SeenAt) <= j.cfg.MaxAge: // it may be linked again
		return Outcome{Action: Wait, Reason: "its account is not linked to the team just now"}, true
	case c.Account.ID == "":
		return Outcome{Action: Skip, Reason: "its account is not linked to the team any more"}, true
	case c.Account.Status == "active", c.Account.Status == "":
		return Outcome{}, false
	}
	return Outcome{Action: Wait, Reason: fmt.Sprintf("the account @%s is %s", c.Account.Username, c.Account.Status)}, true
}

// tooOld leaves a message to people that is older than MaxAge when it is first
// seen, or that nobody could judge for as long: the bot or what it needs was
// away. One that waits for opening hours does not grow too old; see note.
func tooOld(j *judge, c *Conversation) (Outcome, bool) {
	last, ok := c.Last()
	if !ok {
		return Outcome{}, false
	}
	if r := c.Record; r.awaits() || r.State == StateRetry && r.approved() { // for a person, who has been asked
		return Outcome{}, false
	}
	if c.Record.leftAlone() && c.Record.MessageID == last.ID { // decided, while people have time to answer
		return Outcome{}, false
	}
	since := last.At
	if r := c.Record; !r.State.Terminal() && r.SeenAt.After(since) {
		since = r.SeenAt
	}
	return Outcome{Action: Skip, Reason: "nobody has looked at it for more than " + Brief(j.cfg.MaxAge)},
		c.Now.Sub(since) > j.cfg.MaxAge
}

// archivedSince leaves a message to people that was in the inbox when it was noted and
// has been archived since, with nobody having written after it: they want no answer. One
// that came into an archived thread is answered, for whether that takes the thread out
// of the archive is not documented; and a campaign archives what it writes to.
func archivedSince(_ *judge, c *Conversation) (Outcome, bool) {
	newest, _ := c.newest()
	r := &c.Record
	if r.awaits() || r.leftAlone() { // a person decides about it, or is looked at in the shadow
		return Outcome{}, false
	}
	return Outcome{Action: Skip, Reason: "it was archived while it waited"},
		c.Thread.Done && r.Unarchived && !r.State.Terminal() && newest.Side == SideProspect && newest.ID == r.MessageID
}

// handedOver leaves a thread to people while the prospect has a tag that hands over,
// or the one the thread was handed over with: the rules may give another by now, and
// the team another name to it.
func handedOver(j *judge, c *Conversation) (Outcome, bool) {
	for _, tag := range c.Tags {
		same := func(other string) bool { return strings.EqualFold(tag, other) }
		if same(j.cfg.HandoffTag) || slices.ContainsFunc(j.gen.HandoffTags, same) {
			return Outcome{Action: Skip, Reason: "the prospect has the tag " + tag}, true
		}
	}
	return Outcome{Action: Skip, Reason: "the prospect has the tag of its handoff"}, c.Record.heldBy(&c.Thread)
}

func personTookOver(j *judge, c *Conversation) (Outcome, bool) {
	if j.cfg.Shadow && !j.cfg.Live {
		return Outcome{}, false // people answer everything; what the bot would have said is the question
	}
	reason := "a person wrote less than " + Brief(j.cfg.TakeoverPause) + " ago"
	if since, back := c.givenBack(); back {
		last, _ := c.human()
		if !last.At.After(since) || !last.At.After(c.Record.HeldAt) {
			return Outcome{}, false // what the person wrote was before they gave it back
		}
		reason += ", perhaps after the thread was given back"
	}
	return Outcome{Action: Wait, Reason: reason}, c.HumanAgo() < j.cfg.TakeoverPause
}

// undelivered gives a thread to a person in which the bot's last reply was accepted
// and then not delivered, when the prospect writes again before anybody has seen to
// it: the next one may fare the same.
func undelivered(_ *judge, c *Conversation) (Outcome, bool) {
	lost := c.undelivered
	seen := c.Record.HandedAt.After(lost.At) || slices.ContainsFunc(c.Turns, func(t Turn) bool {
		return t.Side == SideOurs && t.Writer != WriterCampaign && t.At.After(lost.At)
	})
	return Outcome{Action: Handoff, Cause: CauseDoubt, Reason: "the bot's last reply was accepted and then not delivered"}, lost.ID != "" && !seen
}

// settling waits for the prospect to finish: a burst of messages gets one reply.
func settling(j *judge, c *Conversation) (Outcome, bool) {
	last, ok := c.Last()
	if !ok || c.Now.Sub(last.At) >= j.cfg.Settle {
		return Outcome{}, false
	}
	return Outcome{Action: Wait, Reason: "the prospect may still be writing"}, c.waited() < j.cfg.SettleMax
}

// waited is Waiting also for a conversation that has not been read: a row holds
// the newest message alone, but the ledger knows when the first was seen.
func (c *Conversation) waited() time.Duration {
	if seen := c.Record.SeenAt; !c.Read && !seen.IsZero() && !c.Record.State.Terminal() {
		return max(c.Waiting(), c.Now.Sub(seen))
	}
	return c.Waiting()
}

func capReached(j *judge, c *Conversation) (Outcome, bool) {
	n := c.RepliesToday()
	if since, back := c.givenBack(); back {
		n = c.repliesSince(since)
	}
	return Outcome{Action: Handoff, Cause: CauseCap, Reason: fmt.Sprintf("%d replies of the bot within 24 hours", n)}, n >= j.cfg.MaxReplies
}

// again is how long a wait lasts at least: to the moment the guard that said it
// can change its mind by itself, else a while.
func (b *Bot) again(c *Conversation, v Verdict) time.Duration {
	last, _ := c.Last()
	if v.Outcome.Action == Skip { // see leaves
		return shadowLook
	}
	switch v.Guard {
	case safetySettling:
		quiet := b.cfg.Settle - c.Now.Sub(last.At)
		bound := b.cfg.SettleMax - c.waited()
		return max(min(quiet, bound), 100*time.Millisecond)
	case safetyTookOver:
		// In time to be noted anew too, see fading.
		return max(min(b.cfg.TakeoverPause-c.HumanAgo(), b.cfg.MaxAge/8), time.Second)
	}
	return waitPause
}

// waitPause is how often a thread that a guard makes wait is judged again
// without anything having changed in it. It costs no request.
const waitPause = 30 * time.Second
