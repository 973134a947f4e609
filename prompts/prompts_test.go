package prompts_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/tools/txtar"
	"pgregory.net/rapid"

	"inboxbot/bot"
	"inboxbot/prompts"
)

var update = flag.Bool("update", false, "rewrite the golden prompts")

func load(t testing.TB, fsys fs.FS, o prompts.Options) *prompts.Set {
	t.Helper()
	s, err := prompts.Load(fsys, "prompts", o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Each file of testdata/golden is a conversation and the prompt made of it, by
// the shipped templates unless it brings files of its own. Read them in review:
// what changes there changes what the model is told.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/golden/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no golden files", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			ar, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var input txtar.File
			got := &txtar.Archive{Comment: ar.Comment}
			own := fstest.MapFS{}
			for _, f := range ar.Files {
				switch {
				case f.Name == "conversation":
					input = f
					got.Files = append(got.Files, f)
				case strings.HasSuffix(f.Name, ".tmpl"), strings.HasSuffix(f.Name, ".md"):
					own[f.Name] = &fstest.MapFile{Data: f.Data}
					got.Files = append(got.Files, f)
				}
			}
			s := parseScript(t, string(input.Data))
			fsys := prompts.Default()
			if len(own) > 0 {
				fsys = own
			}
			p, err := load(t, fsys, prompts.Options{MaxTokens: s.tokens}).Prompt(s.about, s.template, s.guard)
			if err != nil {
				t.Fatal(err)
			}
			got.Files = append(
				got.Files,
				txtar.File{Name: "prompt", Data: fmt.Appendf(nil, "template %s, %d tokens, %d dropped\n", p.Template, p.Tokens, p.Dropped)},
				txtar.File{Name: "system", Data: []byte(p.System + "\n")},
				txtar.File{Name: "chat", Data: []byte(chatText(p.Chat))},
			)
			if *update {
				if err := os.WriteFile(file, txtar.Format(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if g, w := string(txtar.Format(got)), string(txtar.Format(ar)); g != w {
				t.Errorf("the prompt has changed; if that is meant, go test ./prompts -update\n%s", firstDifference(g, w))
			}
		})
	}
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return fmt.Sprintf("line %d\n got %q\nwant %q", i+1, g[i], w[i])
		}
	}
	return fmt.Sprintf("got %d lines, want %d", len(g), len(w))
}

func TestShipped(t *testing.T) {
	s := load(t, prompts.Default(), prompts.Options{})
	if !s.Has("") || !s.Has("system") || s.Has("_partials") || s.Has("facts") || s.Has("pricing") {
		t.Errorf("Has: names are %v, want system alone", s.Names())
	}
	p, err := s.Prompt(parseScript(t, "them Hi").about, "", "default")
	if err != nil {
		t.Fatal(err)
	}
	if p.Tokens > 900 {
		t.Errorf("a greeting costs %d tokens, the shipped template should stay under 900", p.Tokens)
	}
	for _, word := range []string{`"action"`, `"reply"`, `"confidence"`, `"reason"`, `"handoff"`, `"skip"`} {
		if !strings.Contains(p.System, word) {
			t.Errorf("the decision's %s is not described", word)
		}
	}
}

func TestHash(t *testing.T) {
	hash := func(files ...string) string {
		fsys := fstest.MapFS{"system.tmpl": {Data: []byte("Hello")}}
		for i := 0; i < len(files); i += 2 {
			fsys[files[i]] = &fstest.MapFile{Data: []byte(files[i+1])}
		}
		return load(t, fsys, prompts.Options{}).Hash()
	}
	base := hash()
	for _, c := range []struct {
		name  string
		other string
		same  bool
	}{
		{"the same files", hash(), true},
		{"a file that is not ours", hash("README.txt", "x", ".system.tmpl.swp", "x"), true},
		{"another text", hash("system.tmpl", "Hello!"), false},
		{"one more file", hash("faq.md", ""), false},
		{"another name", hash("facts.md", ""), false},
	} {
		if (c.other == base) != c.same {
			t.Errorf("%s: same hash is %v, want %v", c.name, !c.same, c.same)
		}
	}
	if a, b := hash("a.md", "", "b.md", "x"), hash("a.md", "x", "b.md", ""); a == b {
		t.Error("texts that changed places hash the same")
	}
}

func TestPromptErrors(t *testing.T) {
	const bio = "the secret of the prospect"
	s := load(t, fstest.MapFS{
		"system.tmpl":  {Data: []byte("Hello")},
		"pricing.tmpl": {Data: []byte("Prices")},
		"tags.tmpl":    {Data: []byte("\n{{if eq .Guard \"vip\"}}{{index .Prospect.Tags 3}}{{end}}x")},
		"range.tmpl":   {Data: []byte(`{{if eq .Guard "vip"}}{{range (or .Prospect.Bio "")}}{{end}}{{end}}x`)},
		"include.tmpl": {Data: []byte(`{{if eq .Guard "vip"}}{{include (print .Prospect.Bio)}}{{end}}x`)},
		"loop.tmpl":    {Data: []byte(`{{if eq .Guard "vip"}}{{range 4000000}}{{range 400}}{{end}}{{end}}{{end}}x`)},
		"big.tmpl":     {Data: []byte(`{{if eq .Guard "vip"}}{{range 9000}}word {{end}}{{end}}x`)},
	}, prompts.Options{})
	for _, c := range []struct {
		name, script, want string
		is                 error
	}{
		{"no such template", "them Hi\ntemplate pricng", `unknown template "pricng", did you mean pricing?`, prompts.ErrUnknownTemplate},
		{"nothing was said", "", "no message waits for an answer", prompts.ErrNothingToAnswer},
		{"we spoke last", "them Hi\nus Hello", "no message waits for an answer", prompts.ErrNothingToAnswer},
		{"somebody unknown spoke last", "them Hi\nunknown Hello", "no message waits for an answer", prompts.ErrNothingToAnswer},
		{"fails for this one", "them Hi\ntemplate tags\nguard vip", "prompt tags: tags.tmpl:2:25: there is nothing at this place, or not always: put it within {{if ...}} or {{with ...}}, or use range", nil},
		{"quotes nobody in a range", "them Hi\ntemplate range\nguard vip\nbio " + bio, "prompt range: range.tmpl:1:44: range can't iterate over this", nil},
		{"quotes nobody in an include", "them Hi\ntemplate include\nguard vip\nbio " + bio, "prompt include: include.tmpl:1:25: include: there is no such file, there is none at all", nil},
		{"a loop without end", "them Hi\ntemplate loop\nguard vip", "prompt loop: it does not come to an end: is there a loop over a large number?", nil},
		{"grows over the budget", "them Hi\ntemplate big\nguard vip", "prompt big: the text is over the token budget by itself", prompts.ErrOverBudget},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := parseScript(t, c.script)
			p, err := s.Prompt(in.about, in.template, in.guard)
			if err == nil {
				t.Fatalf("a prompt was made: %q", p.System)
			}
			if c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("%v does not match its sentinel", err)
			}
			if !strings.HasPrefix(err.Error(), c.want) || strings.Contains(err.Error(), bio) {
				t.Errorf("error\n got %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestZone(t *testing.T) {
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Skip("no time zones on this machine:", err)
	}
	s := load(t, fstest.MapFS{"system.tmpl": {Data: []byte(`{{.Now | date "Mon 15:04"}} {{.Now.Hour}} {{date "Mon" .Thread.CreatedAt}}.`)}}, prompts.Options{Timezone: zone})
	p, err := s.Prompt(parseScript(t, "them Hi").about, "", "")
	if want := "Tue 09:05 9 ."; err != nil || p.System != want {
		t.Errorf("got %q, %v, want %q", p.System, err, want)
	}
}

// A set is used by many threads at once; the race detector watches.
func TestConcurrent(t *testing.T) {
	s := load(t, prompts.Default(), prompts.Options{})
	in := parseScript(t, "prospect jane\nbio x\nthem Hi")
	want, err := s.Prompt(in.about, "", "default")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if p, err := s.Prompt(in.about, "", "default"); err != nil || p.System != want.System {
				t.Errorf("got another prompt: %v", err)
			}
		})
	}
	wg.Wait()
}

// checkPrompt states what is true of every prompt, whatever was said.
func checkPrompt(t interface {
	Helper()
	Fatalf(string, ...any)
}, p bot.Prompt, maxTokens int,
) {
	t.Helper()
	if p.Tokens > maxTokens {
		t.Fatalf("%d tokens, the budget is %d", p.Tokens, maxTokens)
	}
	if len(p.Chat)%2 == 0 {
		t.Fatalf("%d chat messages: they do not begin and end with the user", len(p.Chat))
	}
	for i, m := range p.Chat {
		if want := []bot.Role{bot.RoleUser, bot.RoleAssistant}[i%2]; m.Role != want {
			t.Fatalf("chat message %d is the %s's, want %s", i, m.Role, want)
		}
		if strings.TrimSpace(m.Text) == "" {
			t.Fatalf("chat message %d is empty", i)
		}
	}
}

// What a long conversation loses, and what it never does.
func TestTranscript(t *testing.T) {
	s := load(t, fstest.MapFS{"system.tmpl": {Data: []byte("Answer.")}}, prompts.Options{MaxTokens: 500})
	for _, c := range []struct {
		name, script string
		begin, end   string // of the chat
		dropped, cut int    // messages left out, messages cut
	}{
		{"short", "them one\nus two\nthem three", "user: one\n", "user: three\n", 0, 0},
		{"something has to go", "them one\nus \"word \" x300\nthem \"word \" x350", "user: [2 earlier messages left out]\n    word", "word\n", 2, 0},
		{"one is counted in the singular", "us one\nthem \"word \" x377", "user: [1 earlier message left out]\n    word", "word\n", 1, 0},
		{"nobody has counted those that were not read", "more\nus one\nthem \"word \" x377", "user: [earlier messages left out]\n    word", "word\n", 1, 0},
		{"long ones before are cut, not skipped", "them \"word \" x5000\nus \"word \" x5000\nthem three", "user: word word", "user: three\n", 0, 2},
		{"of what waits the long one is cut", "them one\nthem \"word \" x5000\nthem three", "user: one\n    word", "word\n    three\n", 0, 1},
		{"a burst over the budget keeps its end", strings.Repeat("them \"word \" x20\n", 100) + "them last", "user: [84 earlier messages left out]\n    word", "word\n    last\n", 84, 0},
		{"a burst of long ones too", strings.Repeat("them \"word \" x200\n", 100) + "them last", "user: [91 earlier messages left out]\n    word", "    last\n", 91, 9},
		{"sides that repeat are joined", "us one\nus two\nthem three\nthem four", "user: [we wrote first]\nassistant: one\n    two\nuser: three", "four\n", 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := s.Prompt(parseScript(t, c.script).about, "", "")
			if err != nil {
				t.Fatal(err)
			}
			checkPrompt(t, p, 500)
			all := chatText(p.Chat)
			if !strings.HasPrefix(all, c.begin) || !strings.HasSuffix(all, c.end) {
				t.Errorf("the chat is %.60q ... %q\nwant %q ... %q", all, all[max(0, len(all)-30):], c.begin, c.end)
			}
			if n := strings.Count(all, "[cut]"); p.Dropped != c.dropped || n != c.cut {
				t.Errorf("%d dropped and %d cut, want %d and %d", p.Dropped, n, c.dropped, c.cut)
			}
		})
	}
}

// Any conversation within any budget: the prompt keeps to it, and every message
// is either in it or counted as dropped.
func TestAnyConversation(t *testing.T) {
	fsys := fstest.MapFS{"system.tmpl": {Data: []byte("Answer {{.Prospect.Name}}.")}}
	sets := map[int]*prompts.Set{}
	for _, n := range []int{500, 700, 1000, 8000} {
		sets[n] = load(t, fsys, prompts.Options{MaxTokens: n})
	}
	rapid.Check(t, func(t *rapid.T) {
		budget := rapid.SampledFrom([]int{500, 700, 1000, 8000}).Draw(t, "budget")
		c := &bot.Conversation{Now: at}
		for i := range rapid.IntRange(1, 60).Draw(t, "turns") {
			side := rapid.SampledFrom([]bot.Side{bot.SideProspect, bot.SideOurs}).Draw(t, "side")
			text := rapid.SampledFrom([]string{"short", "", "\u200b", "\xff", "é́́ 👩‍👩‍👧‍👧 مرحبا"}).Draw(t, "text")
			text = strings.Repeat(text, rapid.SampledFrom([]int{1, 1, 10, 300, 5000}).Draw(t, "times"))
			c.Turns = append(c.Turns, bot.Turn{ID: fmt.Sprint(i), Text: fmt.Sprintf("#%d# %s", i, text), Side: side})
		}
		c.Turns = append(c.Turns, bot.Turn{ID: "last", Text: "#last#", Side: bot.SideProspect})
		p, err := sets[budget].Prompt(c, "", "default")
		if err != nil {
			t.Fatalf("no prompt: %v", err)
		}
		checkPrompt(t, p, budget)
		all := chatText(p.Chat)
		kept := strings.Count(all, "#")/2 + strings.Count(all, "#")%2
		if kept+p.Dropped < len(c.Turns) || p.Dropped > len(c.Turns)-1 {
			t.Fatalf("%d turns, %d kept, %d dropped", len(c.Turns), kept, p.Dropped)
		}
		if !strings.Contains(all, "#last#") {
			t.Fatalf("the newest message is missing")
		}
	})
}

// Every conversation of the shared corpus, cut wherever the prospect wrote, fits
// whole into the default budget.
func TestCorpus(t *testing.T) {
	f, err := os.Open("../../shared/data/conversations.jsonl")
	if err != nil {
		t.Skip("the corpus ../shared/data/conversations.jsonl is not here")
	}
	defer f.Close()
	s := load(t, prompts.Default(), prompts.Options{})
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	made := 0
	for lines.Scan() {
		var in struct {
			ID       string
			Messages []struct{ From, Text string }
		}
		if err := json.Unmarshal(lines.Bytes(), &in); err != nil {
			t.Fatal(err)
		}
		c := &bot.Conversation{Now: at}
		for i, m := range in.Messages {
			turn := bot.Turn{ID: fmt.Sprint(i), Text: m.Text, Side: bot.SideOurs, Writer: bot.WriterPerson}
			if m.From == "prospect" {
				turn.Side, turn.Writer = bot.SideProspect, bot.WriterNone
			}
			c.Turns = append(c.Turns, turn)
			if turn.Side != bot.SideProspect {
				continue
			}
			p, err := s.Prompt(c, "", "default")
			if err != nil {
				t.Fatalf("%s: %v", in.ID, err)
			}
			checkPrompt(t, p, prompts.DefaultMaxTokens)
			if p.Dropped > 0 {
				t.Errorf("%s: %d messages dropped", in.ID, p.Dropped)
			}
			made++
		}
	}
	t.Logf("%d prompts", made)
}

func BenchmarkPrompt50(b *testing.B) {
	s := load(b, prompts.Default(), prompts.Options{})
	var text strings.Builder
	text.WriteString("prospect jane \"Jane Doe\"\nbio Baker in Lyon\ntags VIP\nnotes Asked for samples.\n")
	for range 25 {
		text.WriteString("us Of course. We deliver on weekdays, and the shop is open from nine to five.\n")
		text.WriteString("them Thanks! Could you tell me whether the sourdough is made with rye as well?\n")
	}
	in := parseScript(b, text.String())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Prompt(in.about, "", "default"); err != nil {
			b.Fatal(err)
		}
	}
}

// A message far over X's own limit, as an API that does not keep it could send.
func BenchmarkPromptGiant(b *testing.B) {
	s := load(b, prompts.Default(), prompts.Options{})
	in := parseScript(b, `them "Où est ma commande 👩‍👩‍👧‍👧? " x7500`)
	b.SetBytes(int64(len(in.about.Turns[0].Text)))
	for b.Loop() {
		if _, err := s.Prompt(in.about, "", "default"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		load(b, prompts.Default(), prompts.Options{})
	}
}
