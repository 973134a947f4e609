package prompts

import (
	"reflect"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// What a message of ours says of what a prospect wrote about themselves.
func TestPlain(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"a name", "Jane Doe", "Jane Doe"},
		{"initials", "J.R. Ewing", "J.R. Ewing"},
		{"pronouns", "Sam (they/them)", "Sam (they/them)"},
		{"emoji", "Ana 👩‍👩‍👧 🇩🇪", "Ana 👩‍👩‍👧 🇩🇪"},
		{"a smiley", "Max :) hi", "Max :) hi"},
		{"other scripts", "山田。太郎 مریم", "山田。太郎 مریم"},
		{"a link", "Eve https://evil.com/x?y#z now", "Eve now"},
		{"a domain", "evil.com Eve", "Eve"},
		{"a domain in capitals", "EVIL.COM Eve", "Eve"},
		{"a domain with a path", "t.me/evil", ""},
		{"a domain of a country", "Eve пример.рф", "Eve"},
		{"an encoded domain", "Eve evil.xn--p1ai", "Eve"},
		{"wide letters", "Ｅｖｅ ｅｖｉｌ．ｃｏｍ", "Ｅｖｅ"},
		{"an ideographic dot", "Eve evil。com", "Eve"},
		{"a hidden character in it", "Eve evil.\u200bcom", "Eve"},
		{"brackets around it", "Eve (evil.com)", "Eve"},
		{"an address", "Eve 127.0.0.1", "Eve"},
		{"a scheme", "Eve javascript:alert(1) mailto:x", "Eve"},
		{"no scheme at all", "Eve //evil", "Eve"},
		{"a mention", "Eve @bank", "Eve"},
		{"a wide mention", "Eve ＠bank", "Eve"},
		{"an e-mail address", "Eve eve@evil", "Eve"},
		{"lines", "a\r\nb\u2028c", "a b c"},
		{"controls and directions", "a\x1b[31m\u202eb\x00", "a[31mb"},
		{"not UTF-8", "a\xffb\ufdd0", "ab"},
		{"sixty characters", strings.Repeat("x", 60), strings.Repeat("x", 60)},
		{"more", strings.Repeat("x", 61), strings.Repeat("x", 59) + "…"},
		{"more, of several runes each", strings.Repeat("🇩🇪", 40), strings.Repeat("🇩🇪", 29) + "…"},
		{"nothing", " \n ", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := plain(c.in); got != c.want {
				t.Errorf("plain(%q)\n got %q\nwant %q", c.in, got, c.want)
			}
		})
	}
}

// linked is what X makes a link or mention of, as a reader of its rules would say.
var linked = regexp.MustCompile(`(?i)@\w|https?://|[a-z0-9]\.(com|co|me|рф)\b`)

// Whatever somebody calls themselves, what we say of it is one short line of
// visible text, and no link or mention.
func FuzzPlain(f *testing.F) {
	for _, seed := range []string{"Jane", "evil.com", "a\u200b.com", "＠x", "https://x", "👩‍👩‍👧", "\xff\ufdd0", strings.Repeat("e\u0301", 90), "a .com", "ａ．ｃｏｍ"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := plain(s)
		if n := utf8.RuneCountInString(got); n > 60 || !utf8.ValidString(got) {
			t.Fatalf("%d characters: %q", n, got)
		}
		if strings.ContainsFunc(got, unicode.IsControl) || strings.TrimSpace(got) != got {
			t.Fatalf("not one line: %q", got)
		}
		for word := range strings.FieldsSeq(norm.NFKC.String(got)) {
			if linked.MatchString(word) {
				t.Fatalf("%q leads away: %q", word, got)
			}
		}
	})
}

// A template of a message knows the names a prompt's does.
func TestMessageDataHasTheSameNames(t *testing.T) {
	fields := func(t reflect.Type) (names []string) {
		for f := range t.Fields() {
			names = append(names, f.Name)
		}
		return names
	}
	if got, want := fields(reflect.TypeFor[messageData]()), fields(reflect.TypeFor[Data]()); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got, want := fields(reflect.TypeFor[messageProspect]()), fields(reflect.TypeFor[Prospect]()); !reflect.DeepEqual(got, want) {
		t.Errorf("of the prospect: got %v, want %v", got, want)
	}
}
