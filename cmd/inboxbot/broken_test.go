package main

import (
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestBroken: each file of testdata/broken is a rule file or a directory of
// templates that an author got wrong, and what `inboxbot check` tells them. Read
// them in review as somebody who has to put the file right.
func TestBroken(t *testing.T) {
	for kind, least := range map[string]int{"rules": 30, "prompts": 20} {
		files, err := filepath.Glob("testdata/broken/" + kind + "-*.txtar")
		if err != nil || len(files) < least {
			t.Fatalf("%d golden files about %s, %v", len(files), kind, err)
		}
		for _, file := range files {
			t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { checkBroken(t, file) })
		}
	}
}

func checkBroken(t *testing.T, file string) {
	file, err := filepath.Abs(file)
	if err != nil {
		t.Fatal(err)
	}
	a, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want := &a.Files[len(a.Files)-1]
	if want.Name != "want" {
		t.Fatalf("the last file is %s", want.Name)
	}
	t.Chdir(t.TempDir())
	environ := []string{}
	for _, f := range a.Files[:len(a.Files)-1] {
		name, data := unquoted(t, f)
		if name == "rules.yaml" {
			environ = append(environ, "BOT_RULES=rules.yaml")
		} else {
			environ = append(environ, "BOT_PROMPTS=prompts")
		}
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var out, errs strings.Builder
	if code := run(t.Context(), []string{"check"}, environ, &out, &errs); code != exitUsage || out.Len() > 0 {
		t.Errorf("exit status %d, want %d; on stdout %q", code, exitUsage, out.String())
	}
	got := errs.String()
	if *update {
		want.Data = []byte(got)
		if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got != string(want.Data) {
		t.Errorf("got:\n%s\nwant:\n%s", got, want.Data)
	}
}

// unquoted returns a file of an archive. One named NAME.quoted holds what cannot be
// seen: each line is a text in quotes with Go's escapes, and xN repeats it.
func unquoted(t *testing.T, f txtar.File) (name string, data []byte) {
	name, quoted := strings.CutSuffix(f.Name, ".quoted")
	if !quoted {
		return name, f.Data
	}
	for line := range strings.Lines(string(f.Data)) {
		text, times, repeated := strings.Cut(strings.TrimSpace(line), `" x`)
		n := 1
		var err error
		if repeated {
			text += `"`
			if n, err = strconv.Atoi(times); err != nil {
				t.Fatal(err)
			}
		}
		if text, err = strconv.Unquote(text); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		data = append(data, strings.Repeat(text, n)...)
	}
	return name, data
}
