package console

import (
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0 s", 0: "0 s", 300 * time.Microsecond: "1 ms", 900 * time.Millisecond: "900 ms", 14 * time.Second: "14 s",
		90 * time.Second: "90 s", 119*time.Second + 999*time.Millisecond: "119 s", 20 * time.Minute: "20 min", 90 * time.Minute: "90 min",
		5 * time.Hour: "5 h", 47*time.Hour + 59*time.Minute: "47 h", 50 * time.Hour: "2 days", 30 * 24 * time.Hour: "30 days",
	} {
		if got := span(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}

func TestClock(t *testing.T) {
	now := time.Date(2026, 11, 24, 15, 10, 0, 0, time.UTC)
	for at, want := range map[time.Time]string{
		now.Add(-time.Minute):                   "15:09:00",
		now.Add(-24 * time.Hour):                "23 Nov 15:10",
		now.AddDate(-1, 0, 0):                   "24 Nov 2025",
		now.Truncate(24 * time.Hour):            "00:00:00",
		now.Add(-15*time.Hour - 11*time.Minute): "23 Nov 23:59",
	} {
		if got := clock(at, now); got != want {
			t.Errorf("%v is %q, want %q", at, got, want)
		}
	}
}

// shown writes pieces as text[link].
func shown(all []piece) string {
	var b strings.Builder
	for _, p := range all {
		b.WriteString(p.Text)
		if p.Link != "" {
			b.WriteString("[" + p.Link + "]")
		}
	}
	return b.String()
}

func TestPieces(t *testing.T) {
	for text, want := range map[string]string{
		"no link":                             "no link",
		"see https://a.example/b?c.":          "see https://a.example/b?c[https://a.example/b?c].",
		"(www.a.example)":                     "(www.a.example[https://www.a.example])",
		"HTTP://A.EXAMPLE!":                   "HTTP://A.EXAMPLE[http://A.EXAMPLE]!",
		"javascript:alert(1)":                 "javascript:alert(1)",
		"https://":                            "https://",
		"https://a b":                         "https://a[https://a] b",
		"https://%zz":                         "https://%zz",
		"ftp://a.example":                     "ftp://a.example",
		"https://a.example https://b.example": "https://a.example[https://a.example] https://b.example[https://b.example]",
	} {
		if got := shown(pieces(text)); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// No text is lost or changed by the links in it, and a link is a web address.
func FuzzPieces(f *testing.F) {
	for _, seed := range []string{"see https://a.example/b.", "www.a.example)", "https://a@b:c/%", "http://[::1]:80/", evil, "\xff www.x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var all strings.Builder
		for _, p := range pieces(text) {
			all.WriteString(p.Text)
			if p.Link == "" {
				continue
			}
			if u, err := url.Parse(p.Link); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
				t.Errorf("%q leads to %q", text, p.Link)
			}
		}
		if all.String() != text {
			t.Errorf("%q became %q", text, all.String())
		}
	})
}
