package replay

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"inboxbot/bot"
	"inboxbot/inboxapi"
)

// A line of a file of conversations is a JSON object:
//
//	{"id": "a1", "messages": [
//	  {"from": "prospect", "text": "Do you ship to Austria?"},
//	  {"from": "us", "text": "We do.", "by": "person", "at": "2026-03-03T14:05:00Z"}]}
//
// Keys of the object that are not ours are somebody's notes and mean nothing;
// a message takes no others.
type fileConversation struct {
	ID       string            `json:"id"`       // default: the number of its line
	At       string            `json:"at"`       // of its first message
	Prospect fileProspect      `json:"prospect"` // as far as rules ask for it
	Messages []json.RawMessage `json:"messages"` // oldest first
}

type fileProspect struct {
	Username string   `json:"username"` // without @
	Name     string   `json:"name"`
	Tags     []string `json:"tags"`
	Status   string   `json:"status"`
}

type fileMessage struct {
	From  string   `json:"from"` // prospect or us
	By    string   `json:"by"`   // of us: bot (default), person or campaign
	Text  string   `json:"text"`
	Media []string `json:"media"` // kinds of what came with it, such as image
	At    string   `json:"at"`    // default: a minute after the one before
}

// The times of a file that has none: a Tuesday afternoon, a message a minute.
const apart = time.Minute

func afternoon(zone *time.Location) time.Time {
	return time.Date(2026, time.March, 3, 14, 0, 0, 0, zone)
}

// The most that is read and told of a file.
const (
	maxLine     = 8 << 20 // bytes
	maxProblems = 20
)

// Problems are what is wrong with a file, one each, with their line.
type Problems []string

// Error returns all problems, one a line.
func (p Problems) Error() string { return strings.Join(p, "\n") }

// ReadFile reads conversations, one JSON object a line. name stands for the file
// in messages, zone is where made-up times have their wall clock. Its error is
// r's, or Problems.
func ReadFile(name string, r io.Reader, zone *time.Location) (Corpus, error) {
	f := &file{name: name, start: afternoon(zone), ids: map[string]int{}}
	in := bufio.NewReaderSize(r, 64<<10)
	for len(f.problems) < maxProblems {
		text, err := f.next(in)
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return Corpus{}, fmt.Errorf("%s: %w", name, err)
		}
		if text = bytes.TrimSpace(text); len(text) > 0 {
			f.conversation(text)
		}
	}
	if len(f.past) == 0 && len(f.problems) == 0 {
		f.problems = Problems{name + ": no conversations in it: write one JSON object a line, with id and messages"}
	}
	if len(f.problems) > 0 {
		return Corpus{}, f.problems
	}
	c := Corpus{Name: name, Past: f.past}
	if f.madeUp {
		c.Notes = append(c.Notes, "messages without a time are taken as written on "+f.start.Format("Monday, 2 January 2006")+", from 14:00, a minute apart")
	}
	return c, nil
}

// file is one file being read.
type file struct {
	name     string
	start    time.Time
	n        int // of the line
	ids      map[string]int
	madeUp   bool
	past     []*bot.Conversation
	problems Problems
}

func (f *file) problem(format string, args ...any) {
	f.problems = append(f.problems, fmt.Sprintf("%s:%d", f.name, f.n)+fmt.Sprintf(format, args...))
}

// next returns the next line, nothing in place of one that is too long, which is
// reported.
func (f *file) next(in *bufio.Reader) ([]byte, error) {
	var text []byte
	f.n++
	for size := 0; ; {
		part, err := in.ReadSlice('\n')
		if size += len(part); size <= maxLine {
			text = append(text, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil && (size == 0 || !errors.Is(err, io.EOF)):
			return nil, err
		case size > maxLine:
			f.problem(": the line is longer than %d MiB: write one conversation a line", maxLine>>20)
			return nil, nil
		}
		if f.n == 1 {
			text = bytes.TrimPrefix(text, []byte("\ufeff"))
		}
		return text, nil
	}
}

// conversation adds what a line says.
func (f *file) conversation(text []byte) {
	var c fileConversation
	if text[0] == '[' {
		f.problem(":1: a JSON array: write one object a line; jq -c '.[]' FILE makes them of an array")
		return
	}
	if err := json.Unmarshal(text, &c); err != nil {
		f.problem("%s", unreadable(text, err))
		return
	}
	if c.ID == "" {
		c.ID = fmt.Sprintf("line-%d", f.n)
	}
	if before, taken := f.ids[c.ID]; taken {
		f.problem(": the id %q is that of line %d already: give each conversation its own", line(c.ID, 60), before)
		return
	}
	f.ids[c.ID] = f.n
	if len(c.Messages) == 0 {
		f.problem(`: no messages: write "messages": [{"from": "prospect", "text": "..."}]`)
		return
	}
	if turns, ok := f.turns(c); ok {
		f.past = append(f.past, made(c, turns))
	}
}

// unreadable says where a line is no JSON object of ours, and why.
func unreadable(text []byte, err error) string {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		at := min(int(syntax.Offset), len(text))
		return fmt.Sprintf(":%d: not JSON: %s: write one JSON object a line", max(1, len([]rune(string(text[:at])))), line(syntax.Error(), 100))
	}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && wrong.Field != "" {
		return fmt.Sprintf(": %q is a JSON %s, which it cannot be: it takes %s", wrong.Field, wrong.Value, taken(wrong))
	} else if ok {
		return fmt.Sprintf(": a JSON %s: write one JSON object a line, with id and messages", wrong.Value)
	}
	return ": " + line(err.Error(), 200)
}

// taken names what a key takes, in JSON's words.
func taken(wrong *json.UnmarshalTypeError) string {
	switch kind := wrong.Type.Kind().String(); kind {
	case "string":
		return "a text"
	case "slice":
		return "a list"
	}
	return "an object"
}

// turns reads the messages of a conversation.
func (f *file) turns(c fileConversation) ([]bot.Turn, bool) {
	sound := true
	wrong := func(format string, args ...any) {
		f.problem(format, args...)
		sound = false
	}
	at, err := moment(c.At, f.start)
	if err != nil {
		wrong(": %v", err)
	}
	var turns []bot.Turn
	for i, raw := range c.Messages {
		if i > 0 {
			at = at.Add(apart)
		}
		m, err := f.message(raw)
		if err == nil {
			at, err = moment(m.At, at)
		}
		if err != nil {
			wrong(": message %d: %v", i+1, err)
			continue
		}
		if n := len(turns); n > 0 && at.Before(turns[n-1].At) {
			wrong(": message %d: it is older than the one before: write the oldest first", i+1)
		}
		f.madeUp = f.madeUp || c.At == "" && m.At == ""
		turns = append(turns, m.turn(i, at))
	}
	return turns, sound
}

// moment is the time that s names, or otherwise when it names none.
func moment(s string, otherwise time.Time) (time.Time, error) {
	if s == "" {
		return otherwise, nil
	}
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return otherwise, fmt.Errorf(`"at" is %q: write a time such as 2026-03-03T14:05:00Z`, line(s, 40))
	}
	return at, nil
}

// message reads one message and refuses what it does not know.
func (f *file) message(raw json.RawMessage) (fileMessage, error) {
	var m fileMessage
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&m); err != nil {
		if key, unknown := strings.CutPrefix(err.Error(), "json: unknown field "); unknown {
			return m, fmt.Errorf("unknown key %s: a message has from, text, by, media and at", line(key, 60))
		}
		return m, errors.New(strings.TrimPrefix(unreadable(raw, err), ": "))
	}
	switch {
	case m.From != "prospect" && m.From != "us":
		return m, fmt.Errorf(`"from" is %q: write "prospect" or "us"`, line(m.From, 40))
	case m.Text == "" && len(m.Media) == 0:
		return m, errors.New(`neither text nor media: write "text": "..." or "media": ["image"]`)
	case m.From == "prospect" && m.By != "":
		return m, errors.New(`"by" says who of us wrote it, and this is the prospect's: leave it out`)
	case m.By != "" && m.By != "bot" && m.By != "person" && m.By != "campaign":
		return m, fmt.Errorf(`"by" is %q: write "bot", "person" or "campaign"`, line(m.By, 40))
	}
	return m, nil
}

func (m fileMessage) turn(i int, at time.Time) bot.Turn {
	t := bot.Turn{ID: fmt.Sprintf("m%d", i+1), Text: m.Text, At: at, Media: m.Media, Side: bot.SideProspect}
	if m.From == "us" {
		t.Side, t.Writer = bot.SideOurs, bot.WriterBot
		if m.By != "" {
			t.Writer = bot.Writer(m.By)
		}
	}
	return t
}

// made is a conversation as the inbox would have shown it, as far as the file
// tells.
func made(c fileConversation, turns []bot.Turn) *bot.Conversation {
	const account = "us"
	name := c.Prospect.Username
	if name == "" {
		name = c.ID
	}
	return &bot.Conversation{
		Thread: inboxapi.Thread{
			ID: c.ID, CreatedAt: turns[0].At, Status: inboxapi.StatusActive, Variant: inboxapi.VariantUnencrypted, AccountLinkID: account,
			Prospect: inboxapi.Prospect{Username: name, DisplayName: c.Prospect.Name, PlatformID: "x-" + c.ID},
		},
		Account: inboxapi.AccountLink{ID: account, Username: account, Status: inboxapi.AccountActive},
		Tags:    c.Prospect.Tags, Status: c.Prospect.Status,
		Read: true, Turns: turns,
	}
}
