package rules

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestBroken reads testdata/broken: rule files and every problem they have, with
// its place and what was meant.
func TestBroken(t *testing.T) {
	files, err := filepath.Glob("testdata/broken/*.txtar")
	if err != nil || len(files) < 15 {
		t.Fatalf("%d golden files, %v", len(files), err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(name)
			if err != nil || len(a.Files) != 2 {
				t.Fatalf("%s: want two files, rules.yaml and want: %v", name, err)
			}
			_, err = Load("rules.yaml", a.Files[0].Data, Options{
				Prompts:  func(name string) bool { return name == "pricing" },
				Messages: func(name string) bool { return name == "away" },
			})
			if err == nil {
				t.Fatal("it was read without a problem")
			}
			got := err.Error() + "\n"
			if *update {
				a.Files[1].Data = []byte(got)
				if err := os.WriteFile(name, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if want := string(a.Files[1].Data); got != want {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}
