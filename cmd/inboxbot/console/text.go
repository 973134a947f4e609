package console

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// span is how long something took or takes, as people say it.
func span(d time.Duration) string {
	switch d = max(d, 0); {
	case d < time.Second && d > 0:
		return fmt.Sprintf("%d ms", max(1, d.Milliseconds()))
	case d < 2*time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < 2*time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	case d < 48*time.Hour:
		return fmt.Sprintf("%.0f h", d.Hours())
	}
	return fmt.Sprintf("%.0f days", d.Hours()/24)
}

func ago(t, now time.Time) string {
	if t.IsZero() {
		return "never"
	}
	if d := now.Sub(t); d >= time.Second {
		return span(d.Truncate(time.Second)) + " ago"
	}
	return "just now"
}

func money(usd float64) string {
	if usd > 0 && usd < 0.01 {
		return fmt.Sprintf("$%.4f", usd)
	}
	return fmt.Sprintf("$%.2f", usd)
}

// plain takes out of a stranger's text what could move other text about: control
// characters, and those that turn the direction of writing.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\t':
			return r
		case unicode.IsControl(r), r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0x200e, r == 0x200f, r == 0x61c, r == 0xfeff:
			return -1
		case r == 0x2028, r == 0x2029:
			return '\n'
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

// line is plain text on one line, at most n characters.
func line(n int, s string) string {
	s = strings.Join(strings.Fields(plain(s)), " ")
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}

// piece is a stretch of a text: words, or the address of a page elsewhere.
type piece struct {
	Text string
	Link string // where it leads, "" for words
}

var webAddress = regexp.MustCompile(`(?i)\b(?:https?://|www\.)[^\s<>"'` + "`" + `]+`)

// pieces cuts a text at the addresses in it. They are shown as they stand, and
// opened through a page that says where they lead.
func pieces(s string) []piece {
	s = plain(s)
	var out []piece
	from := 0
	for _, at := range webAddress.FindAllStringIndex(s, -1) {
		end := at[0] + len(strings.TrimRight(s[at[0]:at[1]], ".,;:!?)]}"))
		link := outside(s[at[0]:end])
		if link == nil {
			continue
		}
		if at[0] > from {
			out = append(out, piece{Text: s[from:at[0]]})
		}
		out = append(out, piece{s[at[0]:end], link.String()})
		from = end
	}
	if from < len(s) {
		out = append(out, piece{Text: s[from:]})
	}
	return out
}

// outside reads a web address, nil if it is none that may be opened.
func outside(s string) *url.URL {
	if !strings.Contains(s, "://") {
		s = "https://" + s
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || len(s) > 2000 || (u.Scheme != "http" && u.Scheme != "https") {
		return nil
	}
	return u
}
