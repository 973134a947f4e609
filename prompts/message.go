package prompts

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/clipperhouse/uax29/v2/graphemes"
	"golang.org/x/text/unicode/norm"

	"inboxbot/bot"
)

// sayExt ends the names of templates that make messages to the prospect:
//
//	closed.say.tmpl
//	Thanks{{with .Prospect.Name}}, {{.}}{{end}}! We are back {{if eq .Now.Weekday.String "Friday"}}on Monday{{else}}tomorrow{{end}} at nine.
const sayExt = ".say" + tmplExt

const (
	maxMessage = 1000 // characters of a message
	maxPlain   = 60   // characters of a text from outside within one
)

// Errors of Set.Message beside ErrUnknownTemplate.
var (
	ErrMessageTooLong = fmt.Errorf("the message is over %d characters", maxMessage)
	ErrMessageEmpty   = errors.New("the message is empty")
)

// HasMessage reports whether the set can make the message name.
func (s *Set) HasMessage(name string) bool {
	_, found := slices.BinarySearch(s.messages, name)
	return found
}

// Messages returns the messages the set can make, sorted.
func (s *Set) Messages() []string { return slices.Clone(s.messages) }

// Message renders NAME.say.tmpl about c: a message to the prospect, to be sent as
// it is, without space around it and at most 1,000 characters long. guard is what
// decided.
//
// Errors match ErrUnknownTemplate, ErrMessageTooLong and ErrMessageEmpty. Any
// other is a template that failed on this conversation though it passed Load; it
// quotes nothing that a prospect wrote.
func (s *Set) Message(c *bot.Conversation, name, guard string) (string, error) {
	if !s.HasMessage(name) {
		return "", fmt.Errorf("%w %q%s", ErrUnknownTemplate, name+sayExt, didYouMean(name, slices.Values(s.messages)))
	}
	text, err := s.message(name, c, guard)
	if err != nil {
		return "", fmt.Errorf("message %s: %w", name, err)
	}
	return text, nil
}

func (s *Set) message(name string, c *bot.Conversation, guard string) (string, error) {
	text, err := s.render(name+sayExt, newMessageData(c, guard, s.options.Timezone), utf8.UTFMax*maxMessage+8<<10)
	if at, ok := errors.AsType[*stuck](err); ok && errors.Is(err, ErrOverBudget) {
		err = &stuck{at.site, ErrMessageTooLong}
	}
	switch n := utf8.RuneCountInString(text); {
	case err != nil:
		return "", err
	case text == "":
		return "", ErrMessageEmpty
	case n > maxMessage:
		return "", fmt.Errorf("%w: it has %d", ErrMessageTooLong, n)
	case strings.Contains(text, internalMark):
		return "", errInternal
	}
	return strings.ToValidUTF8(text, ""), nil
}

// Try renders every prompt and message of the set about c, a conversation that
// has been read, and returns what fails, each error naming its template: before
// the set takes over, with conversations that a sample did not foresee. Where
// nothing of c waits for an answer, its transcript is left out. The errors quote
// nothing that a prospect wrote.
func (s *Set) Try(c *bot.Conversation) []error {
	var errs []error
	for _, name := range s.names {
		switch p, err := s.Prompt(c, name, tried); {
		case errors.Is(err, ErrNothingToAnswer):
		case err != nil:
			errs = append(errs, err)
		case p.System == "":
			errs = append(errs, fmt.Errorf("prompt %s: it renders to nothing", name))
		}
	}
	for _, name := range s.messages {
		if _, err := s.Message(c, name, tried); err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// tried is the guard that templates are tried with.
const tried = "default"

// messageData is what a message template sees as {{.}}: the fields of Data. What
// people outside the team wrote is plain text there, fit for a message of ours,
// and the team's notes can be asked for but not printed.
type messageData struct {
	Now      time.Time
	Thread   Thread
	Prospect messageProspect
	Account  Account
	Team     Team
	Guard    string
}

type messageProspect struct {
	Username  string
	Name      string
	Bio       string
	Location  string
	Website   string
	Followers int
	Following int
	Verified  bool
	Protected bool
	Tags      []string
	Status    string
	Valuation int
	Notes     internal
}

func newMessageData(c *bot.Conversation, guard string, zone *time.Location) messageData {
	d := newData(c, guard, zone)
	from, p := &c.Thread.Prospect, d.Prospect
	return messageData{
		Now: d.Now, Thread: d.Thread, Account: d.Account, Team: d.Team, Guard: d.Guard,
		Prospect: messageProspect{
			Username: p.Username, Name: plain(from.DisplayName),
			Bio: plain(text(from.Bio)), Location: plain(text(from.Location)), Website: plain(text(from.WebsiteURL)),
			Followers: p.Followers, Following: p.Following, Verified: p.Verified, Protected: p.Protected,
			Tags: p.Tags, Status: p.Status, Valuation: p.Valuation, Notes: internal(p.Notes),
		},
	}
}

// internal is text of the team that no prospect may read.
type internal string

// internalMark is what internal text prints, wherever a template got it from: a
// noncharacter, which is in no text. A message with one is never sent.
const internalMark = "\ufdd0"

var errInternal = errors.New("the team's notes are not for the prospect: a message can ask whether there are any, not print them")

// String returns internalMark, or "" of nothing.
func (i internal) String() string {
	if i == "" {
		return ""
	}
	return internalMark
}

// plain makes text from outside fit for a message of ours: one short line without
// what only a machine would see, and without words that X would make a link or a
// mention of, which would speak in our name.
func plain(s string) string {
	s = unreadable.Replace(clean(s))
	s = strings.Join(slices.DeleteFunc(strings.Fields(s), leadsAway), " ")
	if utf8.RuneCountInString(s) <= maxPlain {
		return s
	}
	end, used := 0, 0
	for g := graphemes.FromString(s); g.Next(); end = g.End() {
		if used += utf8.RuneCountInString(g.Value()); used >= maxPlain { // one is left for the ellipsis
			break
		}
	}
	return strings.TrimSpace(s[:end]) + "…"
}

var unreadable = strings.NewReplacer(internalMark, "", string(utf8.RuneError), "")

// away is what X makes a link or a mention of, and schemes that others do: @name,
// www.name, name.tld, 1.2.3.4, scheme:rest. X takes wide forms of the signs too.
var away = regexp.MustCompile(`(?i)@|//|\bwww\.|[-_\pL\pM\pN]\.[-_]?\pL[-_\pL\pN]|\pN\.\pN+\.\pN|。[a-z]{2}|\pL:[^\s)]`)

func leadsAway(word string) bool { return away.MatchString(norm.NFKC.String(word)) }
