package rules

import (
	"time"

	"inboxbot/bot"
)

// Case is a conversation written down, and what should come of it. It is an entry
// of the rule file's tests, or stands in a file of its own. LoadCases, Load and
// NewCase make cases; keys that are left out have defaults, and YAML writes a case
// so that it reads back the same.
type Case struct {
	Name   string `yaml:"name"`
	Given  Given  `yaml:"given"`
	Expect Expect `yaml:"expect"`

	file string
	at   position // of what is expected
}

// Given is a conversation as a case writes it. Times have an offset, or are those
// of a wall clock in the bot's time zone.
type Given struct {
	// When it is read. Default: Wednesday, 25 November 2026, 12:00.
	Now time.Time `yaml:"now"`
	// Who writes to us, which account of ours, in which thread.
	Prospect CaseProspect `yaml:"prospect"`
	Account  CaseAccount  `yaml:"account"`
	Thread   Thread       `yaml:"thread"`
	Team     CaseTeam     `yaml:"team"`
	// One message of the prospect. It stands for a list of one.
	Message string `yaml:"message"`
	// What was written, oldest first.
	Messages []CaseMessage `yaml:"messages"`
	// Whether the thread has older messages than these.
	More bool `yaml:"more"`
	// How many messages this bot sent in the last 24 hours. Default: those of the
	// messages that it wrote in that time.
	RepliesToday int `yaml:"repliesToday"`
	// The names of tags the prospect has had.
	Seen []string `yaml:"seen"`
	// What the bot knows of the thread. Default: nothing.
	Record CaseRecord `yaml:"record"`
	// What the model answered, when the checks are to be tested.
	Draft *Draft `yaml:"draft"`
}

// CaseProspect is the other party. Its tags and status are names.
type CaseProspect struct {
	Prospect
	// Its ID on X. Default: one that belongs to the username.
	ID string `yaml:"id"`
}

// CaseAccount is the X account of ours that the thread belongs to.
type CaseAccount struct {
	Account
	// Why it is not online, as the Inbox API says it; "unlinked" when the team has it
	// no more. Default: paused.
	Status string `yaml:"status"`
}

// CaseTeam is the team, as prompts name it.
type CaseTeam struct {
	Name     string `yaml:"name"`
	Currency string `yaml:"currency"`
}

// CaseMessage is a message of either side. One that says neither ago nor at is a
// minute older than the next, the last one a minute old.
type CaseMessage struct {
	// Who wrote it. Default: prospect.
	From string `yaml:"from"`
	Text string `yaml:"text"`
	// How long before now it was written.
	Ago time.Duration `yaml:"ago"`
	// When it was written, instead of ago.
	At time.Time `yaml:"at"`
	// The kinds of what came with the text, such as "image".
	Media  []string `yaml:"media"`
	Edited bool     `yaml:"edited"`
}

// CaseRecord is what the bot knows of the thread. Messages are named by their
// number in the list, counted from 1; 0 is none of them.
type CaseRecord struct {
	// What became of the message: waiting, sent, handoff, answered, skipped, or one
	// of the other states of a record.
	State string `yaml:"state"`
	// The prospect's message that it is about.
	Message int `yaml:"message"`
	// When that one was written. Default: the time of the message.
	At time.Time `yaml:"at"`
	// When the bot first saw it.
	SeenAt time.Time `yaml:"seenAt"`
	// The newest message of the prospect that was done with before, and when it was
	// written. Default: the time of the message.
	Ended   int       `yaml:"ended"`
	EndedAt time.Time `yaml:"endedAt"`
	// The message of ours that was sent last.
	Sent int `yaml:"sent"`
	// A message with the text that was sent last.
	SentText int `yaml:"sentText"`
}

// Expect is what should come of a conversation. What is "" may be anything.
type Expect struct {
	// reply, draft, handoff, skip or wait.
	Outcome string `yaml:"outcome"`
	// The guard or check that decides; "default" when none does.
	Guard string `yaml:"guard"`
	// The message to the prospect at a handoff; "none" when nothing is said.
	Say string `yaml:"say"`
}

// The words of a case that are not free, by key.
var caseWords = map[string][]string{
	"from":    {"prospect", "us", "person", "person-x", "bot", "campaign", "api", "unsure", "unknown"},
	"outcome": guardActions,
	"action":  {string(bot.Reply), string(bot.Handoff), string(bot.Skip)},
	"state": {
		string(bot.StateWaiting), string(bot.StateIntent), string(bot.StateRetry), string(bot.StateHanding),
		string(bot.StateSent), string(bot.StateHandoff), string(bot.StateAnswered), string(bot.StateSkipped),
	},
}

const (
	fromProspect = "prospect"
	fromUnknown  = "unknown"
	unlinked     = "unlinked"
)

// writers are the writers of our side, as cases name them.
var writers = map[string]bot.Writer{
	"us": bot.WriterPerson, "person": bot.WriterPerson, "person-x": bot.WriterPersonX, "bot": bot.WriterBot,
	"campaign": bot.WriterCampaign, "api": bot.WriterAPI, "unsure": bot.WriterUnsure,
}

// unset is a number or length of time that a case does not say.
const unset = -1

// blankCase has what a case means that says nothing.
func blankCase() Case {
	return Case{Given: Given{
		Prospect:     CaseProspect{Prospect: Prospect{Username: "ann"}},
		Account:      CaseAccount{Account: Account{Username: "us", Online: true}},
		Thread:       Thread{ID: "thread"},
		RepliesToday: unset,
	}}
}

func blankMessage() CaseMessage { return CaseMessage{From: fromProspect, Ago: unset} }

func blankDraft() Draft { return Draft{Confidence: 1, Action: string(bot.Reply)} }
