// Package history is the log of decisions as people read it: what the bot did
// about each message, and why.
//
// Start at Entry, one decision, and Of, which makes it. A Writer takes entries to
// a store without ever slowing the bot; a View follows the store and answers
// questions about what was decided, in memory, beside any number of replicas.
// Package redisstore keeps the log.
package history

import (
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"inboxbot/bot"
)

// Entry is one decision about one message.
//
// One without an Outcome tells of no decision. It is a mark that the entries
// named in Erased are gone, or one that this version cannot read; readers pass
// over it.
type Entry struct {
	ID         string     `json:"id,omitempty"` // its place in the log, given by the store; later ones are greater, see After
	At         time.Time  `json:"at,omitzero"`  // on the API's clock
	Thread     string     `json:"thread,omitempty"`
	Message    string     `json:"message,omitempty"` // the newest inbound message it was about
	Account    string     `json:"account,omitempty"` // the username of the account link
	Outcome    bot.Action `json:"outcome,omitempty"`
	Cause      bot.Cause  `json:"cause,omitempty"` // of a handoff
	Guard      string     `json:"guard,omitempty"`
	Mode       string     `json:"mode,omitempty"`
	Generation string     `json:"generation,omitempty"`
	WaitedMS   int64      `json:"waitedMs,omitempty"`  // since the message was written
	ElapsedMS  int64      `json:"elapsedMs,omitempty"` // work on it, the model included
	ModelMS    int64      `json:"modelMs,omitempty"`   // the model's part of it, all calls together; 0 when it was not asked
	Tokens     Tokens     `json:"tokens,omitzero"`
	USD        float64    `json:"usd,omitempty"`
	Template   string     `json:"template,omitempty"` // of the prompt; "" when the model was not asked
	Confidence float64    `json:"confidence,omitempty"`
	Language   string     `json:"language,omitempty"` // of the prospect's messages, as the model names it
	// Findings are the names of the bot's own checks that minded something in the
	// draft; Detail has the words.
	Findings []string `json:"findings,omitempty"`
	Shadow   *Shadow  `json:"shadow,omitempty"` // set when what the bot would have done was held against what people did

	Person

	Erased []string `json:"erased,omitempty"`
}

// Person is what of an Entry names or quotes somebody. All of it is data from
// outside. It is what is erased when a person is to be forgotten.
type Person struct {
	Prospect   string `json:"prospect,omitempty"` // the username, no @
	ProspectID string `json:"prospectId,omitempty"`
	Asked      string `json:"asked,omitempty"` // at most 300 characters, Detail has all of it
	Reason     string `json:"reason,omitempty"`
	Reply      string `json:"reply,omitempty"` // what was sent, or would have been; cut like Asked
}

// Tokens are the model's tokens. Cached is the part of In that its server had.
type Tokens struct {
	In     int `json:"in,omitempty"`
	Cached int `json:"cached,omitempty"`
	Out    int `json:"out,omitempty"`
}

// Total is what t amounts to.
func (t Tokens) Total() int { return t.In + t.Out }

// Detail is what an Entry leaves out for its size. It is kept for as long as
// there is room.
type Detail struct {
	Asked    string    `json:"asked,omitempty"`
	Draft    string    `json:"draft,omitempty"` // the model's words, sent or not
	Reply    string    `json:"reply,omitempty"`
	System   string    `json:"system,omitempty"` // the prompt, as the model got it
	Chat     []Turn    `json:"chat,omitempty"`
	Dropped  int       `json:"dropped,omitempty"` // turns the prompt left out for its token budget
	Checks   []Check   `json:"checks,omitempty"`  // every guard and check that was asked, in order
	Findings []Finding `json:"findings,omitempty"`
	Shadow   *Compared `json:"shadow,omitempty"`
}

// Turn is one turn of the prompt.
type Turn struct {
	Role string `json:"role"` // user or assistant
	Text string `json:"text"`
}

// Check is what one guard or check said.
type Check struct {
	Guard string `json:"guard"`
	Fired bool   `json:"fired,omitempty"`
	Err   string `json:"err,omitempty"`
}

// Finding is what one of the bot's own checks minds in a draft.
type Finding struct {
	Check  string `json:"check"`
	Span   string `json:"span"`
	Detail string `json:"detail"`
}

// Item is an entry and its detail on their way into the log.
type Item struct {
	Entry  Entry
	Detail Detail
}

// Bounds of what is kept of one decision.
const (
	longestText = 300      // characters of a text in an Entry
	longestPart = 64 << 10 // bytes of the prompt, and of the other texts of a Detail together
	mostChecks  = 200
)

// Of is the log's account of a handled thread.
func Of(h bot.Handled) (Entry, Detail) {
	th := h.Thought
	e := Entry{
		At: sane(h.At), Thread: h.Thread, Message: h.Message, Account: h.Account,
		Outcome: h.Outcome, Cause: h.Cause, Guard: h.Guard, Mode: h.Mode, Generation: h.Generation,
		WaitedMS: h.Waited.Milliseconds(), ElapsedMS: h.Elapsed.Milliseconds(), ModelMS: th.Took.Milliseconds(),
		Tokens: Tokens{h.Tokens.Prompt, h.Tokens.Cached, h.Tokens.Completion}, USD: finite(h.USD),
		Template: th.Prompt.Template, Confidence: finite(th.Decision.Confidence), Language: th.Decision.Language,
		Person: Person{
			Prospect: clip(h.Prospect), ProspectID: clip(h.ProspectID),
			Asked: clip(h.Asked), Reason: clip(h.Reason), Reply: clip(h.Reply),
		},
	}
	words := room(longestPart)
	d := Detail{
		Asked: words.cut(h.Asked), Reply: words.cut(h.Reply), Draft: words.cut(th.Decision.Reply), Dropped: th.Prompt.Dropped,
	}
	e.Shadow, d.Shadow = shadowOf(h.Shadow, &words)
	prompt := room(longestPart)
	d.System = prompt.cut(th.Prompt.System)
	for i, m := range th.Prompt.Chat {
		if prompt == 0 {
			d.Dropped += len(th.Prompt.Chat) - i
			break
		}
		d.Chat = append(d.Chat, Turn{string(m.Role), prompt.cut(m.Text)})
	}
	for _, c := range th.Verdict.Checks[:min(mostChecks, len(th.Verdict.Checks))] {
		d.Checks = append(d.Checks, checkOf(c))
	}
	for _, f := range th.Findings {
		e.Findings = append(e.Findings, f.Check)
		d.Findings = append(d.Findings, Finding{f.Check, words.cut(f.Span), f.Detail})
	}
	return e, d
}

// finite is f, or 0 where JSON has no word for it.
func finite(f float64) float64 {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return 0
	}
	return f
}

// sane is t, or no time where JSON has no word for it.
func sane(t time.Time) time.Time {
	if y := t.Year(); y < 0 || y > 9999 {
		return time.Time{}
	}
	return t.UTC()
}

func checkOf(c bot.Check) Check {
	out := Check{Guard: c.Guard, Fired: c.Fired}
	if c.Err != nil {
		out.Err = clip(c.Err.Error())
	}
	return out
}

// room is how many bytes are left for texts.
type room int

// cut returns as much of s as there is room for, saying what is missing.
func (r *room) cut(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= int(*r) {
		*r -= room(len(s))
		return s
	}
	end := int(*r)
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	*r = 0
	return fmt.Sprintf("%s\n[%d bytes more were not kept]", s[:end], len(s)-end)
}

// clip is the beginning of s, at most longestText characters.
func clip(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	n := 0
	for i := range s {
		if n++; n > longestText {
			return s[:i] + "…"
		}
	}
	return s
}

// After reports whether the entry with the ID a came after that with b. IDs are
// two numbers, 1763000000000-0; whatever is none comes before all that are.
func After(a, b string) bool {
	a1, a2 := place(a)
	b1, b2 := place(b)
	return a1 > b1 || a1 == b1 && a2 > b2
}

// place reads an ID, (0, 0) for what is none.
func place(id string) (ms, n uint64) {
	i := 0
	for ; i < len(id) && id[i] >= '0' && id[i] <= '9'; i++ {
		ms = ms*10 + uint64(id[i]-'0')
	}
	if i == len(id) || id[i] != '-' {
		return 0, 0
	}
	for i++; i < len(id) && id[i] >= '0' && id[i] <= '9'; i++ {
		n = n*10 + uint64(id[i]-'0')
	}
	if i != len(id) {
		return 0, 0
	}
	return ms, n
}
