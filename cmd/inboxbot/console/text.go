package console

import (
	"bytes"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// span is how long something took or takes, as people say it, cut to whole units.
func span(d time.Duration) string {
	switch d = max(d, 0); {
	case d < time.Second && d > 0:
		return fmt.Sprintf("%d ms", max(1, d.Milliseconds()))
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", d/time.Hour)
	}
	return fmt.Sprintf("%d days", d/(24*time.Hour))
}

func ago(t, now time.Time) string {
	if t.IsZero() {
		return "never"
	}
	if d := now.Sub(t); d >= time.Second {
		return span(d) + " ago"
	}
	return "just now"
}

// clock is t as people write it: without the day when that is today's.
func clock(t, now time.Time) string {
	switch {
	case t.Format(time.DateOnly) == now.Format(time.DateOnly):
		return t.Format("15:04:05")
	case t.Year() == now.Year():
		return t.Format("2 Jan 15:04")
	}
	return t.Format("2 Jan 2006")
}

// count is n with its thousands apart.
func count(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "\u202f" + s[i:]
	}
	return s
}

func money(usd float64) string {
	if usd > 0 && usd < 0.01 {
		return fmt.Sprintf("$%.4f", usd)
	}
	return fmt.Sprintf("$%.2f", usd)
}

// harmless takes out of a page what could move its other text about, in whichever
// field a stranger has put it: control characters, and those that turn the
// direction of writing for more than a letter.
func harmless(page []byte) []byte {
	return bytes.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && unicode.IsControl(r) || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return -1
		}
		return r
	}, page)
}

// line is a text on one line, at most n characters.
func line(n int, s string) string {
	s = strings.Join(strings.Fields(string(harmless([]byte(s)))), " ")
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
