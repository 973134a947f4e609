package replay

import "strings"

// line makes s fit for one line of a terminal: no control characters, none that
// turn text around or hide, and at most n characters.
func line(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r <= ' ', r >= 0x7f && r <= 0xa0, r == 0x2028, r == 0x2029:
			return ' '
		case r == 0xad, r == 0x61c, r >= 0x200b && r <= 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x2060 && r <= 0x206f, r == 0xfeff, r >= 0xfff9 && r <= 0xfffb, r >= 0xe0000 && r <= 0xe0fff:
			return -1
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}
