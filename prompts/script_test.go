package prompts_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"inboxbot/bot"
	"inboxbot/inboxapi"
)

// at is when every conversation of these tests is looked at, a Tuesday.
var at = time.Date(2026, time.March, 3, 14, 5, 0, 0, time.UTC)

// script is a conversation as people write one down, a line per fact, and what
// to ask of the set:
//
//	prospect jane "Jane Doe"
//	bio      Baker in Lyon
//	us       Hello!
//	them     Hi, are you open?
//	them+image+video
//	answered 2 3          message 2 was answered by message 3, a reply of the bot
//
// Messages are numbered from 1, a minute apart. A text in double quotes has Go's
// escapes; xN after it repeats it N times.
type script struct {
	about    *bot.Conversation
	template string
	guard    string
	tokens   int
}

func parseScript(t testing.TB, text string) script {
	t.Helper()
	s := script{guard: "default", about: &bot.Conversation{Now: at, Read: true}}
	c := s.about
	c.Team = inboxapi.Team{Name: "Crumb & Co", Currency: "EUR"}
	c.Account = inboxapi.AccountLink{Username: "crumbandco", Status: inboxapi.AccountActive}
	p := &c.Thread.Prospect
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		value = unquote(strings.TrimSpace(value))
		who, media, _ := strings.Cut(key, "+")
		turn := bot.Turn{ID: strconv.Itoa(len(c.Turns) + 1), Text: value}
		if media != "" {
			turn.Media = strings.Split(media, "+")
		}
		switch who {
		case "":
		case "prospect":
			name, display, _ := strings.Cut(value, " ")
			p.Username, p.DisplayName = name, unquote(display)
		case "bio":
			p.Bio = &value
		case "location":
			p.Location = &value
		case "notes":
			p.Context.Notes = &value
		case "tags":
			c.Tags = strings.Split(value, ", ")
		case "status":
			c.Status = value
		case "more":
			c.More = true
		case "tokens":
			s.tokens, _ = strconv.Atoi(value)
		case "template":
			s.template = value
		case "guard":
			s.guard = value
		case "answered":
			c.Record.State = bot.StateSent
			fmt.Sscan(value, &c.Record.MessageID, &c.Record.SentID)
		case "them":
			turn.Side = bot.SideProspect
			c.Turns = append(c.Turns, turn)
		case "us":
			turn.Side, turn.Writer = bot.SideOurs, bot.WriterBot
			c.Turns = append(c.Turns, turn)
		case "unknown":
			turn.Side = bot.SideUnknown
			c.Turns = append(c.Turns, turn)
		default:
			t.Fatalf("a script has no line %q", line)
		}
	}
	for i := range c.Turns {
		c.Turns[i].At = at.Add(time.Duration(i-len(c.Turns)) * time.Minute)
	}
	return s
}

func unquote(s string) string {
	end := strings.LastIndexByte(s, '"')
	if !strings.HasPrefix(s, `"`) || end == 0 {
		return s
	}
	text, err := strconv.Unquote(s[:end+1])
	if err != nil {
		return s
	}
	if n, err := strconv.Atoi(strings.TrimPrefix(strings.TrimSpace(s[end+1:]), "x")); err == nil {
		text = strings.Repeat(text, n)
	}
	return text
}

// chatText writes chat messages one after the other, as golden files have them.
func chatText(chat []bot.ChatMessage) string {
	var b strings.Builder
	for _, m := range chat {
		fmt.Fprintf(&b, "%s: %s\n", m.Role, strings.ReplaceAll(m.Text, "\n", "\n    "))
	}
	return b.String()
}
