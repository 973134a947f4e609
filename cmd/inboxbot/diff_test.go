package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestADiffCanBeApplied: what diff prints turns the one text into the other, each of
// its hunks standing where it says and as long as it says.
func TestADiffCanBeApplied(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		line := rapid.SampledFrom([]string{"a", "refund", "  - name: x", "@@ -1 +1 @@", "+++ to/f", "", "then: skip", "\\ ", "ü", "last\r"})
		lines := rapid.SliceOfN(line, 0, 60).Draw(t, "old")
		var edited []string
		for _, l := range lines {
			switch rapid.IntRange(0, 15).Draw(t, "edit") {
			case 0: // gone
			case 1:
				edited = append(edited, l, line.Draw(t, "added"))
			case 2:
				edited = append(edited, line.Draw(t, "changed"))
			default:
				edited = append(edited, l)
			}
		}
		old, now := strings.Join(lines, "\n"), strings.Join(edited, "\n")
		var out strings.Builder
		if err := printDiff(&out, side{"from", map[string]string{"f": old}}, side{"to", map[string]string{"f": now}}); err != nil {
			t.Fatal(err)
		}
		if old == now {
			return
		}
		text := strings.ReplaceAll(out.String(), `\u{000d}`, "\r")
		_, hunks, _ := strings.Cut(text, "\n+++ to/f\n")
		if got, err := applied(old, hunks); err != nil || got != now {
			t.Fatalf("from %q it makes %q (%v), want %q:\n%s", old, got, err, now, text)
		}
	})
}

var hunkHead = regexp.MustCompile(`^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@$`)

// applied is text with the hunks of a unified diff applied, none of which may be off
// by a line.
func applied(text, hunks string) (string, error) {
	const noEnd = "\n\\ No newline at end of file"
	old := strings.SplitAfter(text, "\n")
	var out []string
	at, left, right := 0, 0, 0 // in old; what the hunk still has of each side
	rows := strings.SplitAfter(strings.ReplaceAll(hunks, noEnd, "\x00"), "\n")
	for _, row := range rows {
		kind, rest, ends := row, "", strings.HasSuffix(row, "\x00\n")
		if row != "" {
			kind, rest = row[:1], row[1:]
		}
		if ends {
			rest = strings.TrimSuffix(rest, "\x00\n")
		}
		switch kind {
		case "":
		case "@":
			if left+right != 0 {
				return "", fmt.Errorf("the hunk before %q is too short", row)
			}
			m := hunkHead.FindStringSubmatch(strings.TrimSuffix(row, "\n"))
			if m == nil {
				return "", fmt.Errorf("no head of a hunk: %q", row)
			}
			var from, to int
			for i, n := range []*int{&from, &left, &to, &right} {
				*n = 1 // as diff leaves it out
				if m[i+1] != "" {
					_, _ = fmt.Sscan(m[i+1], n)
				}
			}
			for ; at < from-1; at++ {
				out = append(out, old[at])
			}
			if right > 0 && to != len(out)+1 || right == 0 && to != len(out) {
				return "", fmt.Errorf("%q stands at line %d", row, len(out)+1)
			}
		case " ", "-":
			if at >= len(old) || old[at] != rest {
				return "", fmt.Errorf("%q is not line %d", row, at+1)
			}
			at, left = at+1, left-1
			if kind == " " {
				out, right = append(out, rest), right-1
			}
		case "+":
			out, right = append(out, rest), right-1
		default:
			return "", fmt.Errorf("no line of a diff: %q", row)
		}
	}
	if left+right != 0 {
		return "", fmt.Errorf("the last hunk is too short by %d and %d", left, right)
	}
	return strings.Join(append(out, old[at:]...), ""), nil
}

// TestADiffSaysWhatDiffSays is the shipped rule file with one word misspelt at
// several places, some of them near each other.
func TestADiffSaysWhatDiffSays(t *testing.T) {
	tool, err := exec.LookPath("diff")
	if err != nil {
		t.Skip("no diff in PATH")
	}
	src, err := configured(Config{})
	if err != nil {
		t.Fatal(err)
	}
	old := string(src.rules)
	now := strings.ReplaceAll(old, "refund", "refnd")
	dir := t.TempDir()
	for name, text := range map[string]string{"a": old, "b": now} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	said, _ := exec.CommandContext(t.Context(), tool, "-u", filepath.Join(dir, "a"), filepath.Join(dir, "b")).Output() // its status says that they differ
	var out strings.Builder
	if err := printDiff(&out, side{"a", map[string]string{rulesFile: old}}, side{"b", map[string]string{rulesFile: now}}); err != nil {
		t.Fatal(err)
	}
	heads := regexp.MustCompile(`(?m)^@@.*$`)
	got, want := heads.FindAllString(out.String(), -1), heads.FindAllString(string(said), -1)
	if len(want) < 3 || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("hunks at %q, diff -u says %q", got, want)
	}
}
