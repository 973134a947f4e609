package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets the test binary be a process of the chaos tests, and inboxbot
// itself when a script runs it.
func TestMain(m *testing.M) {
	if code, ran := chaosChild(); ran {
		os.Exit(code)
	}
	testscript.Main(m, map[string]func(){"inboxbot": main})
}

// What the README's table says of a command, the command line takes: every command
// has a row, and every flag of a row is one of its commands'.
func TestCommandsAreDocumented(t *testing.T) {
	parser, err := kong.New(&cli{}, kong.Name("inboxbot"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(readFile(t, "../../README.md"), "\n## Commands\n")
	table, _, _ = strings.Cut(table, "\n## ")
	rows := regexp.MustCompile(`(?m)^\| (.*?) \|`).FindAllStringSubmatch(table, -1)
	for _, command := range parser.Model.Leaves(true) {
		var row string
		for _, r := range rows {
			if regexp.MustCompile("`" + command.Name + "[` ]").MatchString(r[1]) {
				row = r[1]
			}
		}
		if row == "" {
			t.Errorf("%s has no row", command.Name)
		}
		for _, span := range codeSpan.FindAllStringSubmatch(row, -1) {
			if name, _, _ := strings.Cut(span[1], " "); name != command.Name {
				continue
			}
			for _, named := range regexp.MustCompile(`--([a-z-]+)(?: ([^]\s]+))?`).FindAllStringSubmatch(span[1], -1) {
				i := slices.IndexFunc(command.Flags, func(f *kong.Flag) bool { return f.Name == named[1] })
				switch {
				case i < 0:
					t.Errorf("%s has no --%s", command.Name, named[1])
				case command.Flags[i].IsBool() == (named[2] != ""):
					t.Errorf("%s --%s is shown with %q", command.Name, named[1], named[2])
				case command.Flags[i].PlaceHolder != "" && command.Flags[i].PlaceHolder != named[2]:
					t.Errorf("%s --%s takes a %s, not a %s", command.Name, named[1], command.Flags[i].PlaceHolder, named[2])
				}
			}
		}
	}
}

// What a command ends with, a script reads from its status and a person from one line.
func TestStatus(t *testing.T) {
	for _, row := range []struct {
		err  error
		code int
		says string
	}{
		{nil, exitDone, ""},
		{errors.New("redis: away"), exitFailed, "inboxbot: redis: away\n"},
		{fmt.Errorf("sweep: %w", context.Canceled), exitFailed, "inboxbot: stopped before it was done\n"},
		{newConfigError([]string{"BOT_MODE: a", "BOT_RULES: b"}), exitUsage, "BOT_MODE: a\nBOT_RULES: b\n"},
	} {
		var stderr strings.Builder
		if code := status(row.err, &stderr); code != row.code || stderr.String() != row.says {
			t.Errorf("%v: status %d and %q, want %d and %q", row.err, code, stderr.String(), row.code, row.says)
		}
	}
}
