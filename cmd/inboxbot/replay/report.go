package replay

import (
	"cmp"
	"slices"
	"time"

	"inboxbot/bot"
)

// Report is what a replay found. Its JSON names are a contract: names may be
// added, never changed.
type Report struct {
	Version       int             `json:"version"`     // of this shape: 1
	Source        string          `json:"source"`      // where the conversations are from
	Notes         []string        `json:"notes"`       // what was made up or left out, for people
	JudgedMS      float64         `json:"judgedMs"`    // how long the judging took, prompts included
	Asked         bool            `json:"asked"`       // whether a model was asked
	Interrupted   bool            `json:"interrupted"` // it was stopped: some cuts may be missing answers
	OwnGuards     bool            `json:"ownGuards"`   // whether the bot's own guards decided too
	Prices        Prices          `json:"pricesUSDPerMillionTokens"`
	Cuts          int             `json:"cuts"`
	Current       *Total          `json:"current"`
	Candidate     *Total          `json:"candidate,omitempty"`  // missing when there is none, like all that compares
	Changed       int             `json:"changed"`              // cuts with another outcome
	Otherwise     int             `json:"sameOutcomeOtherwise"` // same outcome, but by another guard, template, tag or assignee
	Texts         int             `json:"sameOutcomeOtherText"` // same outcome in the same way, but the model wrote another text
	Changes       []Change        `json:"changes"`              // what Changed is made of, the most frequent first
	Spent         Spent           `json:"spent"`                // on the model; the same prompt of both sides was asked once
	ModelErrors   int             `json:"modelErrors"`          // cuts whose answer is missing because the model could not be asked
	Conversations []*Conversation `json:"conversations"`
}

// Outcomes are the names of outcomes here: those of package bot, with a reply
// that a person is to approve first apart.
var Outcomes = []string{string(bot.Reply), approve, string(bot.Handoff), string(bot.Skip), string(bot.Wait)}

const approve = "draft"

func outcomeName(o bot.Outcome) string {
	if o.Action == bot.Reply && o.Approve {
		return approve
	}
	return string(o.Action)
}

// Total is what came of all cuts with one generation.
type Total struct {
	Name         string         `json:"name"`
	Hash         string         `json:"generation"`
	Outcomes     map[string]int `json:"outcomes"`      // by Outcomes
	Guards       []Guard        `json:"guards"`        // of the rule file, in its order; the last is "default"
	Own          []Tally        `json:"botsOwnGuards"` // those of the bot's own that would have decided
	Checks       []Tally        `json:"checks"`        // those that objected to drafts
	PromptTokens int            `json:"promptTokens"`  // an estimate for all prompts of replies
	Spent        Spent          `json:"spent"`         // as if each prompt had been asked
}

// Guard is how one guard did.
type Guard struct {
	Name    string   `json:"guard"`
	Fired   int      `json:"fired"`   // cuts about which it says yes, whoever decided
	Decided int      `json:"decided"` // cuts that it decided
	Failed  int      `json:"failed"`  // cuts about which it cannot be evaluated
	Finding Finding  `json:"finding,omitempty"`
	By      []string `json:"shadowedBy,omitempty"` // the guards that decided wherever it fired
}

// Finding is what an author should know of a guard.
type Finding string

// The findings.
const (
	Never    Finding = "never fires"
	Always   Finding = "always fires"
	Shadowed Finding = "shadowed" // it fires only where an earlier one has decided
)

// Tally counts what somebody else than a guard of the rule file objected to.
type Tally struct {
	Name string `json:"name"`
	Cuts int    `json:"cuts"`
}

// Change is one way in which outcomes change.
type Change struct {
	From      string `json:"from"`
	To        string `json:"to"`
	FromGuard string `json:"fromGuard"`
	ToGuard   string `json:"toGuard"`
	Cuts      int    `json:"cuts"`
}

// Spent is what a model cost.
type Spent struct {
	Prompt     int     `json:"promptTokens"`
	Completion int     `json:"completionTokens"`
	USD        float64 `json:"usd"` // 0 when no prices are known
}

// Conversation is one conversation of the past.
type Conversation struct {
	ID       string `json:"id"`
	Prospect string `json:"prospect"` // the name on X
	Turns    []Turn `json:"turns"`
	Cuts     []*Cut `json:"cuts"`
}

// Turn is one message.
type Turn struct {
	At   time.Time `json:"at"`
	By   string    `json:"by"` // prospect, unknown, or who of our side: bot, api, person, person-x, campaign, unsure
	Text string    `json:"text"`
}

// Cut is a conversation up to a point where the prospect had written.
type Cut struct {
	ID        string    `json:"id"`   // CONVERSATION#NUMBER
	Turn      int       `json:"turn"` // the last of Conversation.Turns that was there, from 0
	At        time.Time `json:"at"`   // when it is judged
	Said      string    `json:"said"` // what waits for an answer
	Current   *Answer   `json:"current"`
	Candidate *Answer   `json:"candidate,omitempty"`
	Change    Kind      `json:"change,omitempty"`

	then    *bot.Conversation
	spent   Spent
	answers []*Answer // Current and Candidate
}

// Kind says how a candidate's answer differs.
type Kind string

// The kinds of change. "" is none.
const (
	Outcome   Kind = "outcome"
	Otherwise Kind = "otherwise" // another guard, template, tag or assignee
	Text      Kind = "text"      // another text of the model
)

// Answer is what one generation does with a cut.
type Answer struct {
	Outcome  string   `json:"outcome"`
	Guard    string   `json:"guard"` // that decided; "default" when none fired; a check that objected
	Reason   string   `json:"reason"`
	Template string   `json:"template,omitempty"` // of a reply
	Tag      string   `json:"tag,omitempty"`      // of a handoff
	Assign   string   `json:"assign,omitempty"`
	Say      string   `json:"say,omitempty"`          // the message to the prospect that a handoff names
	Fired    []string `json:"fired"`                  // every guard of the rule file that says yes, in order
	Failed   []string `json:"failed,omitempty"`       // those that cannot be evaluated, with the reason
	Own      string   `json:"botsOwnGuard,omitempty"` // one of the bot's own that would have decided before

	PromptTokens int     `json:"promptTokens,omitempty"` // an estimate
	Asked        bool    `json:"asked"`                  // the model was asked and answered
	Draft        string  `json:"draft,omitempty"`        // what it wrote, also when a check objected
	Confidence   float64 `json:"confidence,omitempty"`
	Check        string  `json:"check,omitempty"` // that objected to the draft
	Spent        Spent   `json:"spent"`
	Error        string  `json:"error,omitempty"` // why the model could not be asked

	verdict bot.Verdict // before the model was asked
	judged  outcome     // the same, to be compared
	all     []bot.Check // every guard's own answer
}

func newReport(past Corpus, sides []Side, o Options) *Report {
	r := &Report{
		Version: 1, Source: past.Name, Notes: past.Notes, Asked: o.Model != nil, OwnGuards: o.OwnGuards, Prices: o.Prices,
		Changes: []Change{}, Conversations: []*Conversation{},
	}
	if r.Notes == nil {
		r.Notes = []string{}
	}
	return r
}

func newConversation(c *bot.Conversation) *Conversation {
	out := &Conversation{ID: c.Thread.ID, Prospect: c.Thread.Prospect.Username}
	for _, t := range c.Turns {
		by := string(t.Writer)
		if t.Side != bot.SideOurs {
			by = string(t.Side)
		}
		out.Turns = append(out.Turns, Turn{t.At, by, words(t)})
	}
	return out
}

// count sums up what became of the cuts. One that was not judged is left out.
func (r *Report) count(cuts []*Cut, sides []Side, prices Prices) {
	cuts = slices.DeleteFunc(slices.Clone(cuts), func(c *Cut) bool { return c.answers == nil })
	for _, c := range r.Conversations {
		c.Cuts = slices.DeleteFunc(c.Cuts, func(c *Cut) bool { return c.answers == nil })
	}
	r.Conversations = slices.DeleteFunc(r.Conversations, func(c *Conversation) bool { return len(c.Cuts) == 0 })
	r.Cuts = len(cuts)
	totals := make([]*Total, len(sides))
	for i, side := range sides {
		totals[i] = total(side, cuts, i)
	}
	r.Current = totals[0]
	if len(sides) == 2 {
		r.Candidate = totals[1]
		r.compare(cuts)
	}
	for _, c := range cuts {
		r.Spent = r.Spent.add(c.spent)
		if slices.ContainsFunc(c.answers, func(a *Answer) bool { return a.Error != "" }) {
			r.ModelErrors++
		}
	}
}

func (s Spent) add(t Spent) Spent {
	return Spent{s.Prompt + t.Prompt, s.Completion + t.Completion, s.USD + t.USD}
}

// compare counts what the candidate changes.
func (r *Report) compare(cuts []*Cut) {
	ways := map[Change]int{}
	for _, c := range cuts {
		switch c.Change {
		case Outcome:
			r.Changed++
			a, b := c.compared()
			ways[Change{From: a.name, To: b.name, FromGuard: a.guard, ToGuard: b.guard}]++
		case Otherwise:
			r.Otherwise++
		case Text:
			r.Texts++
		}
	}
	for way, n := range ways {
		way.Cuts = n
		r.Changes = append(r.Changes, way)
	}
	slices.SortFunc(r.Changes, func(a, b Change) int {
		return cmp.Or(b.Cuts-a.Cuts, cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To), cmp.Compare(a.FromGuard, b.FromGuard), cmp.Compare(a.ToGuard, b.ToGuard))
	})
}

// total sums up one side.
func total(side Side, cuts []*Cut, i int) *Total {
	t := &Total{Name: side.Name, Hash: side.Hash, Outcomes: map[string]int{}}
	for _, name := range Outcomes {
		t.Outcomes[name] = 0
	}
	own, checks := map[string]int{}, map[string]int{}
	for _, c := range cuts {
		a := c.answers[i]
		t.Outcomes[a.Outcome]++
		t.PromptTokens += a.PromptTokens
		t.Spent = t.Spent.add(a.Spent)
		own[a.Own]++
		checks[a.Check]++
	}
	t.Own, t.Checks = ranked(own), ranked(checks)
	t.Guards = guards(cuts, i)
	return t
}

// ranked lists counts, the highest first; what has no name was nobody.
func ranked(counts map[string]int) []Tally {
	out := []Tally{}
	for name, n := range counts {
		if name != "" {
			out = append(out, Tally{name, n})
		}
	}
	slices.SortFunc(out, func(a, b Tally) int { return cmp.Or(b.Cuts-a.Cuts, cmp.Compare(a.Name, b.Name)) })
	return out
}

// Way is a change of outcome, whichever guards made it.
type Way struct {
	From, To string
	Cuts     int
	By       []Change
}

// Ways are the changes by outcome, the most frequent first.
func (r *Report) Ways() []*Way {
	var ways []*Way
	for _, c := range r.Changes {
		i := slices.IndexFunc(ways, func(w *Way) bool { return w.From == c.From && w.To == c.To })
		if i < 0 {
			i = len(ways)
			ways = append(ways, &Way{From: c.From, To: c.To})
		}
		ways[i].Cuts += c.Cuts
		ways[i].By = append(ways[i].By, c)
	}
	slices.SortStableFunc(ways, func(a, b *Way) int { return b.Cuts - a.Cuts })
	return ways
}
