// Package prompts turns a conversation into what a model is asked: a system text
// from a template that the team wrote, and the transcript as chat messages.
//
// A [Set] is loaded from one directory. NAME.tmpl, in the language of
// [text/template], makes the system text of the prompt NAME; system.tmpl is
// required. NAME.say.tmpl is no prompt but a message to the prospect, sent as it
// is when a person takes over. Files that begin with an underscore hold parts for {{template}};
// NAME.md holds text for {{include "NAME.md"}}, which goes in as it is. What
// templates see is [Data]; beside the language's own and, or, not, the
// comparisons, len, index, slice, print, println and printf they have
//
//	lower upper trim TEXT        keep an Untrusted text untrusted
//	join SEPARATOR LIST          {{.Prospect.Tags | join ", "}}
//	default OTHER VALUE          {{.Prospect.Status | default "none"}}
//	date LAYOUT TIME             {{.Now | date "Monday 15:04"}}, Go's layouts
//	include FILE                 {{include "facts.md"}}
//
// Load proves a set before anybody depends on it: every field, function, part
// and file that any branch names is looked up, and every template is rendered
// with conversations that are complete, empty and hostile. What a set renders is
// bounded in size and in steps, so a loop that got out of hand is an error too.
// What a template chooses by its data, such as a file named after .Guard, is
// proven for the guard "default" only.
//
// What people outside the team wrote never becomes an instruction: profile text
// prints between fences that it cannot close ([Untrusted]), messages travel as
// chat messages and never in the system text, and characters that only a model
// would see are taken out of both.
//
// In messages the prospect's texts print plain instead, without links and mentions.
//
// Start reading at [Set.Prompt] and [Set.Message]; transcript.go decides what the model gets of a
// long conversation, load.go and check.go what a broken template is told.
package prompts

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"text/template"
	"time"

	"inboxbot/bot"
)

// DefaultMaxTokens is the budget of a prompt when Options do not say.
const DefaultMaxTokens = 8000

// minMaxTokens is the smallest budget that leaves a transcript any sense.
const minMaxTokens = 500

// Options tune a Set. The zero value is ready to use.
type Options struct {
	Timezone  *time.Location // what templates show times in, default UTC
	MaxTokens int            // for system text and transcript together, estimated; default DefaultMaxTokens
}

func (o Options) withDefaults() (Options, error) {
	if o.Timezone == nil {
		o.Timezone = time.UTC
	}
	if o.MaxTokens == 0 {
		o.MaxTokens = DefaultMaxTokens
	}
	if o.MaxTokens < minMaxTokens {
		return o, fmt.Errorf("a budget of %d tokens is too small for a prompt, the least is %d", o.MaxTokens, minMaxTokens)
	}
	return o, nil
}

// Errors of Set.Prompt beside ErrNothingToAnswer.
var (
	ErrUnknownTemplate = errors.New("unknown template")
	ErrOverBudget      = errors.New("the text is over the token budget by itself")
)

//go:embed *.tmpl *.md
var shipped embed.FS

// Default returns the templates that the program ships: a start to copy and fill
// in, whose facts.md holds no facts yet.
func Default() fs.FS { return shipped }

// Set is a directory of templates that has been proven. It does not change and
// serves any number of goroutines.
type Set struct {
	options  Options
	tmpl     *template.Template
	names    []string // of templates that make prompts, without .tmpl, sorted
	messages []string // of templates that make messages, without .say.tmpl, sorted
	facts    []string // the texts of the *.md files
	sites    sites
	hash     string
	spent    *int // while the set is proven: counts what its templates do
}

var _ bot.Prompter = (*Set)(nil)

// Has reports whether the set can make the prompt name; "" is system.
func (s *Set) Has(name string) bool {
	_, found := slices.BinarySearch(s.names, promptName(name))
	return found
}

// Names returns the prompts the set can make, sorted, for a caller that has to
// say what an author may have meant.
func (s *Set) Names() []string { return slices.Clone(s.names) }

// Hash is the SHA-256 of the files' names and contents in hex. Sets with the same
// hash and options make the same prompts.
func (s *Set) Hash() string { return s.hash }

// Prompt renders the named template ("" for system) about c, and c's turns as
// chat messages, together within Options.MaxTokens as far as tokens can be
// estimated. The chat begins and ends with the user and the roles take turns.
//
// Errors match ErrUnknownTemplate, ErrNothingToAnswer (no inbound message waits)
// and ErrOverBudget. Any other is a template that failed on this conversation
// though it passed Load; it names file, line and column and quotes nothing that
// a prospect wrote.
func (s *Set) Prompt(c *bot.Conversation, template, guard string) (bot.Prompt, error) {
	name := promptName(template)
	if !s.Has(name) {
		return bot.Prompt{}, fmt.Errorf("%w %q%s", ErrUnknownTemplate, name, didYouMean(name, slices.Values(s.names)))
	}
	p := bot.Prompt{Template: name, Facts: s.facts}
	var err error
	if p.System, p.Tokens, err = s.system(name, newData(c, guard, s.options.Timezone)); err != nil {
		return bot.Prompt{}, fmt.Errorf("prompt %s: %w", name, err)
	}
	if p.Chat, p.Dropped, err = transcript(c, s.options.MaxTokens-p.Tokens); err != nil {
		return bot.Prompt{}, err
	}
	for _, m := range p.Chat {
		p.Tokens += estimate(m.Text) + perMessage
	}
	return p, nil
}

// system renders a system text and estimates what it costs as a message.
func (s *Set) system(name string, d Data) (text string, tokens int, err error) {
	// A token is estimated at no more than four bytes. White space around the
	// text is not sent, so there may be more.
	if text, err = s.render(name+tmplExt, d, 4*s.options.MaxTokens+8<<10); err != nil {
		return "", 0, err
	}
	// One that leaves less than an eighth for what was said would make a bot
	// that does not listen.
	most := s.options.MaxTokens * 7 / 8
	if tokens = estimate(text) + perMessage; tokens > most {
		return "", 0, fmt.Errorf("%w: %d tokens of at most %d", ErrOverBudget, tokens, most)
	}
	return text, tokens, nil
}

// render executes a template file with data, to at most so many bytes, and returns
// what it wrote without the space around it.
func (s *Set) render(file string, data any, most int) (string, error) {
	out := meter{bytes: most, work: maxWork}
	if s.spent != nil {
		defer func() { *s.spent += maxWork - out.work }()
	}
	if err := s.tmpl.ExecuteTemplate(&out, file, data); err != nil {
		if err = explainExec(err); errors.Is(err, errTooMuch) || errors.Is(err, ErrOverBudget) {
			return "", &stuck{s.sites[out.last], err}
		}
		return "", err
	}
	return strings.TrimSpace(out.text.String()), nil
}

func promptName(name string) string {
	if name == "" {
		return "system"
	}
	return name
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
