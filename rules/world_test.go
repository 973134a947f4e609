package rules

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"inboxbot/bot"
	"inboxbot/inboxapi"
)

// noon is when the conversations of these tests are read: a Wednesday.
var noon = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// conv returns a conversation that has been read, changed by what it is about.
func conv(about ...func(*bot.Conversation)) *bot.Conversation {
	c := &bot.Conversation{
		Now:     noon,
		Read:    true,
		Account: inboxapi.AccountLink{Username: "acme", Name: "Acme", Status: inboxapi.AccountActive},
		Thread: inboxapi.Thread{
			ID: "t1", CreatedAt: noon.Add(-48 * time.Hour),
			Prospect: inboxapi.Prospect{Username: "jane", DisplayName: "Jane", Verified: "none"},
		},
	}
	for _, f := range about {
		f(c)
	}
	return c
}

// says adds messages of the prospect, the newest a minute old.
func says(texts ...string) func(*bot.Conversation) {
	return func(c *bot.Conversation) {
		for i, text := range texts {
			c.Turns = append(c.Turns, bot.Turn{
				ID: fmt.Sprint("m", len(c.Turns)), Text: text, Side: bot.SideProspect,
				At: noon.Add(-time.Duration(len(texts)-i) * time.Minute),
			})
		}
	}
}

// answered adds a message of ours.
func answered(by bot.Writer, ago time.Duration) func(*bot.Conversation) {
	return func(c *bot.Conversation) {
		c.Turns = append(c.Turns, bot.Turn{ID: fmt.Sprint("m", len(c.Turns)), Text: "Hello", At: noon.Add(-ago), Side: bot.SideOurs, Writer: by})
	}
}

func with(f func(*bot.Conversation)) func(*bot.Conversation) { return f }

func hasTags(tags ...string) func(*bot.Conversation) {
	return func(c *bot.Conversation) { c.Tags = tags }
}

// row makes it the conversation of a list row: messages have not been read.
func row(c *bot.Conversation) {
	c.Read = false
	if n := len(c.Turns); n > 0 {
		c.Turns = c.Turns[n-1:]
	}
}

// load reads a rule file that has no problem.
func load(t testing.TB, o Options, lines ...string) *Set {
	t.Helper()
	s, err := Load("rules.yaml", []byte("version: 1\n"+strings.Join(lines, "\n")+"\n"), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// guardLine is a guard with this expression, in the file's flow style.
func guardLine(name, when string, then bot.Action) string {
	return fmt.Sprintf("  - {name: %s, then: %s, when: '%s'}", name, then, strings.ReplaceAll(when, "'", "''"))
}
