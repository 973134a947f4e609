package alert

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	mostTold  = 12  // problems in one message
	longest   = 300 // characters of a problem's text, and of what to do
	plainSize = 4000
)

// compose writes what is due as a body of the format, and names its type.
func compose(f Format, source string, due []telling) (body []byte, contentType string) {
	lines := []string{"inboxbot, " + harmless(source)}
	for i, t := range due {
		if i == mostTold {
			lines = append(lines, fmt.Sprintf("and %d more: see /readyz and /metrics", len(due)-mostTold))
			break
		}
		lines = append(lines, line(t))
	}
	text := strings.Join(lines, "\n")
	if f == Plain {
		return []byte(clip(text, plainSize)), "text/plain; charset=utf-8"
	}
	return slackBody(text, source, due), "application/json"
}

// line is one problem as people read it.
func line(t telling) string {
	text, do := harmless(t.Text), harmless(t.Do)
	switch t.stage {
	case still:
		return fmt.Sprintf("🟠 STILL WRONG after %s: %s. %s", Span(t.lasts), text, do)
	case over:
		return fmt.Sprintf("🟢 OVER after %s: %s", Span(t.lasts), text)
	case started:
	}
	again := ""
	if t.Back > 0 {
		again = " AGAIN"
	}
	return fmt.Sprintf("🔴 WRONG%s: %s. %s", again, text, do)
}

// message is what Slack and Mattermost take; they read text and ignore the rest.
type message struct {
	Text   string  `json:"text"`
	Unfurl bool    `json:"unfurl_links"`
	Source string  `json:"source"`
	Alerts []field `json:"alerts"`
}

type field struct {
	Name    string    `json:"name"`
	State   stage     `json:"state"`
	Text    string    `json:"text"`
	Do      string    `json:"do,omitempty"`
	Since   time.Time `json:"since"`
	Seconds int       `json:"lasted_seconds"`
}

func slackBody(text, source string, due []telling) []byte {
	m := message{Text: escape.Replace(text), Source: harmless(source)}
	for _, t := range due {
		f := field{Name: t.Name, State: t.stage, Text: harmless(t.Text), Since: t.Since.UTC(), Seconds: int(t.lasts.Seconds())}
		if t.stage != over {
			f.Do = harmless(t.Do)
		}
		m.Alerts = append(m.Alerts, f)
	}
	body, err := json.Marshal(m)
	if err != nil {
		return []byte(`{"text":"inboxbot: something is wrong, see /readyz"}`) // unreachable: texts and numbers
	}
	return body
}

// escape is what Slack asks for: no text can be a mention, a link or a command.
var escape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// harmless makes s fit for a line: no line breaks, nothing unseen, nobody called
// by an @, and of a bounded length.
func harmless(s string) string {
	s = strings.ToValidUTF8(s, "?")
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r): // control and format characters, those that turn text around too
			return -1
		}
		return r
	}, s)
	s = clip(strings.Join(strings.Fields(s), " "), longest)
	return strings.ReplaceAll(s, "@", "@\u200b") // neither Slack nor Mattermost reads a name behind it
}

// clip shortens s to n characters.
func clip(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}

// Span is how long d is, as people say it.
func Span(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh %dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd %dh", int(d.Hours())/24, int(d.Hours())%24)
}
