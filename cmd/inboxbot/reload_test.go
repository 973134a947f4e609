package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"inboxbot/bot"
	"inboxbot/inboxapi/inboxapitest"
)

// inForce is how long after a good edit it must be in force.
const inForce = 2 * time.Second

// edition is what an author's directory holds: a rule file and templates, all of
// them with the edition's number. What is cut off behind its first guard is a good
// rule file too, of a bot that leaves everybody alone.
func edition(n int) map[string]string {
	return map[string]string{
		"rules.yaml": fmt.Sprintf(`version: 1
guards:
  - name: rare-%[1]d
    when: unanswered > 1000
    then: skip
  - name: edition-%[1]d
    when: unanswered >= 0
    then: reply
    prompt: answer
`, n),
		"prompts/system.tmpl": fmt.Sprintf("Edition %d. Be short.\n", n),
		"prompts/answer.tmpl": fmt.Sprintf("{{template \"_house.tmpl\" .}}Answer edition %d. {{include \"facts.md\"}}\n", n),
		"prompts/_house.tmpl": fmt.Sprintf("House edition %d.\n", n),
		"prompts/facts.md":    fmt.Sprintf("Facts edition %d.\n", n),
	}
}

// faults are the ways of authors to break an edition, and what they are told.
var faults = []struct {
	name string
	do   func(files map[string]string)
	want string
}{
	{"an unknown name", change("rules.yaml", "unanswered >= 0", "unansweredd >= 0"), `rules.yaml:7:11: unknown name "unansweredd"; did you mean "unanswered"?`},
	{"no condition", change("rules.yaml", "unanswered >= 0", "unanswered + 1"), "rules.yaml:7:"},
	{"half a line", change("rules.yaml", "    then: reply\n    prompt: answer\n", "    then: re"), "rules.yaml:8:11: unknown outcome"},
	{"tabs", change("rules.yaml", "    then: reply", "\tthen: reply"), "rules.yaml:8:"},
	{"a prompt that is not there", change("rules.yaml", "prompt: answer", "prompt: anwser"), "rules.yaml:9:13: there is no template"},
	{"an empty rule file", func(files map[string]string) { files["rules.yaml"] = "" }, "rules.yaml:1:1: the file is empty"},
	{"no rule file", func(files map[string]string) { delete(files, "rules.yaml") }, "rules.yaml: no such file"},
	{"no system.tmpl", func(files map[string]string) { delete(files, "prompts/system.tmpl") }, "system.tmpl:1:1: every set needs this file"},
	{"a template that does not end", change("prompts/answer.tmpl", "Answer", "{{if .Guard}}Answer"), "answer.tmpl:1:29: "},
	{"an unknown field", change("prompts/answer.tmpl", "Answer", "{{.Prospect.Nam}}"), "answer.tmpl:1:"},
	{"a part that is not there", func(files map[string]string) { delete(files, "prompts/_house.tmpl") }, "answer.tmpl:1:"},
	{"a template that is no text", change("prompts/answer.tmpl", "Answer", "Ans\x00wer"), "answer.tmpl:1:1: not a text file"},
	{"both at once", func(files map[string]string) {
		change("rules.yaml", "unanswered >= 0", "unansweredd >= 0")(files)
		change("prompts/answer.tmpl", "Answer", "{{.Prospect.Nam}}")(files)
	}, `rules.yaml:7:11: unknown name "unansweredd"`},
}

func change(file, from, to string) func(map[string]string) {
	return func(files map[string]string) {
		text := strings.Replace(files[file], from, to, 1)
		if text == files[file] {
			panic("nothing to change in " + file)
		}
		files[file] = text
	}
}

// author changes files below a directory in one of the ways in which programs do.
type author struct {
	t      testing.TB
	base   string
	volume bool // the files are links, as in a mounted ConfigMap
	swaps  int

	wrote time.Time     // last
	gap   time.Duration // the longest between two writes of one edit
}

// writes marks a write.
func (a *author) writes() {
	now := time.Now()
	if !a.wrote.IsZero() {
		a.gap = max(a.gap, now.Sub(a.wrote))
	}
	a.wrote = now
}

func newAuthor(t testing.TB, volume bool, files map[string]string) *author {
	a := &author{t: t, base: t.TempDir(), volume: volume}
	if volume {
		a.swap(files)
		a.must(os.Symlink("..data/rules.yaml", filepath.Join(a.base, "rules.yaml")))
		a.must(os.Symlink("..data/prompts", filepath.Join(a.base, "prompts")))
		return a
	}
	a.must(os.Mkdir(filepath.Join(a.base, "prompts"), 0o700))
	for name, text := range files {
		a.must(os.WriteFile(filepath.Join(a.base, name), []byte(text), 0o600))
	}
	return a
}

func (a *author) must(err error) {
	a.t.Helper()
	if err != nil {
		a.t.Error(err)
	}
}

// config names the author's files.
func (a *author) config() Config {
	return Config{RulesFile: filepath.Join(a.base, "rules.yaml"), PromptsDir: filepath.Join(a.base, "prompts"), HandoffTag: "needs-human"}
}

// manners are how files change. Each leaves exactly files.
var manners = []struct {
	name string
	save func(a *author, files map[string]string)
}{
	{"in place", func(a *author, files map[string]string) {
		a.each(files, func(path, text string) { a.must(os.WriteFile(path, []byte(text), 0o600)) })
	}},
	{"in pieces", func(a *author, files map[string]string) {
		a.each(files, func(path, text string) {
			f, err := os.Create(path)
			a.must(err)
			for piece := range slices.Chunk([]byte(text), 48) {
				_, err := f.Write(piece)
				a.must(err)
				a.writes()
				time.Sleep(2 * time.Millisecond) // the writer's own pace
			}
			a.must(f.Close())
		})
	}},
	{"renamed over", func(a *author, files map[string]string) {
		a.each(files, func(path, text string) {
			a.must(os.WriteFile(path+".tmp", []byte(text), 0o600))
			a.must(os.Rename(path+".tmp", path))
		})
	}},
	{"backup first", func(a *author, files map[string]string) {
		a.each(files, func(path, text string) {
			_ = os.Rename(path, path+"~")
			a.must(os.WriteFile(path, []byte(text), 0o600))
			_ = os.Remove(path + "~")
		})
	}},
	{"deleted first", func(a *author, files map[string]string) {
		a.each(files, func(path, text string) {
			_ = os.Remove(path)
			a.must(os.WriteFile(path, []byte(text), 0o600))
		})
	}},
	{"a new directory", func(a *author, files map[string]string) {
		a.writes()
		a.must(os.RemoveAll(filepath.Join(a.base, "prompts")))
		a.must(os.Mkdir(filepath.Join(a.base, "prompts"), 0o700))
		a.each(files, func(path, text string) { a.must(os.WriteFile(path, []byte(text), 0o600)) })
	}},
}

// each saves the files one by one, the rules first, and deletes the others.
func (a *author) each(files map[string]string, save func(path, text string)) {
	for name := range edition(0) {
		if _, ok := files[name]; !ok {
			_ = os.Remove(filepath.Join(a.base, name))
			a.writes()
		}
	}
	names := slices.SortedFunc(maps.Keys(files), func(a, b string) int { return strings.Compare(b, a) })
	for _, name := range names { // the rules first
		save(filepath.Join(a.base, name), files[name])
		a.writes()
	}
}

// swap points the volume's link at a new directory, as Kubernetes does.
func (a *author) swap(files map[string]string) {
	a.swaps++
	dir := filepath.Join(a.base, fmt.Sprintf("..%d", a.swaps))
	a.must(os.MkdirAll(filepath.Join(dir, "prompts"), 0o700))
	for name, text := range files {
		a.must(os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	a.must(os.Symlink(filepath.Base(dir), filepath.Join(a.base, "..data_tmp")))
	a.must(os.Rename(filepath.Join(a.base, "..data_tmp"), filepath.Join(a.base, "..data")))
	a.must(os.RemoveAll(filepath.Join(a.base, fmt.Sprintf("..%d", a.swaps-1))))
}

// save makes files what there is, in a manner of chance.
func (a *author) save(rng *rand.Rand, files map[string]string) {
	a.wrote = time.Time{}
	if a.volume {
		a.swap(files)
		return
	}
	manners[rng.IntN(len(manners))].save(a, files)
}

// startGenerations follows the author's files until the test ends.
func startGenerations(t testing.TB, a *author, log io.Writer) *generations {
	t.Helper()
	cfg := a.config()
	cfg.OpenAIModel = "some-model"
	src, err := configured(cfg)
	if err != nil {
		t.Fatal(err)
	}
	first, err := src.load(cfg)
	if err != nil {
		t.Fatal(err)
	}
	to := slog.New(slog.NewJSONHandler(log, nil))
	g := newGenerations(cfg, files{cfg, to}, first, to)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- g.follow(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("follow: %v", err)
		}
	})
	return g
}

var editionOf = regexp.MustCompile(`dition[- ](\d+)`)

// waitingQuestion is a conversation that every edition answers.
func waitingQuestion() *bot.Conversation {
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	return &bot.Conversation{Now: now, Read: true, Turns: []bot.Turn{{ID: "m1", Text: "Hi", At: now.Add(-time.Minute), Side: bot.SideProspect}}}
}

// editionIn returns the edition a generation is of, seen from the outside as a
// thread sees it, or an error when it is of more than one or not whole.
func editionIn(gen bot.Generation) (string, error) {
	c := waitingQuestion()
	v := gen.Guards.Judge(c)
	if v.Outcome.Action != bot.Reply {
		return "", fmt.Errorf("half a rule file: %s by %s", v.Outcome.Action, v.Guard)
	}
	p, err := gen.Prompter.Prompt(c, v.Outcome.Prompt, v.Guard)
	if err != nil {
		return "", err
	}
	found := editionOf.FindAllStringSubmatch(v.Guard+" "+p.System, -1)
	if len(found) != 4 { // guard, part, template, facts
		return "", fmt.Errorf("half a template: %q", p.System)
	}
	for _, f := range found {
		if f[1] != found[0][1] {
			return "", fmt.Errorf("guard %s with system text %q", v.Guard, p.System)
		}
	}
	return found[0][1], nil
}

// lateness measures how late this machine wakes those who sleep, so that a limit
// in time can allow for it. It returns the worst so far.
func lateness(t testing.TB) func() time.Duration {
	var worst atomic.Int64
	go func() {
		const nap = 10 * time.Millisecond
		for t.Context().Err() == nil {
			began := time.Now()
			time.Sleep(nap)
			worst.Store(max(worst.Load(), int64(time.Since(began)-nap)))
		}
	}()
	return func() time.Duration { return time.Duration(worst.Load()) }
}

// witness watches the generations of one author.
type witness struct {
	g     *generations
	bad   sync.Map // editions that are broken
	slow  atomic.Bool
	looks atomic.Int64
}

// thread takes generations and works with each for a while, until ctx ends.
func (w *witness) thread(ctx context.Context, t *testing.T, rng *rand.Rand) {
	for ctx.Err() == nil {
		gen := w.g.current()
		before, err := editionIn(gen)
		if _, bad := w.bad.Load(before); bad {
			err = fmt.Errorf("edition %s is in force and broken", before)
		}
		if err == nil {
			select {
			case <-ctx.Done():
			case <-time.After(time.Duration(300+rng.IntN(600)) * time.Millisecond):
			}
			var after string
			if after, err = editionIn(gen); err == nil && after != before {
				err = fmt.Errorf("edition %s became %s in a thread's hands", before, after)
			}
		}
		w.looks.Add(1)
		if err != nil && !w.slow.Load() {
			t.Errorf("generation %s: %v", gen.Hash, err)
			return
		}
	}
}

// arrives waits until the saved edition is in force, or refused if it is broken.
func (w *witness) arrives(edition string, broken bool, limit time.Duration) (time.Duration, error) {
	began := time.Now()
	for {
		now, _ := editionIn(w.g.current())
		refused := w.g.refused()
		switch tried := w.g.value.Status().Tried; {
		case !broken && now == edition && refused == nil, broken && now != edition && refused != nil && tried.After(began):
			return time.Since(began), nil
		case time.Since(began) > limit:
			return 0, fmt.Errorf("edition %s (broken: %v) after %v: in force is %s, refused: %w", edition, broken, limit, now, refused)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// TestAThousandEditsUnderWork is 20 authors who each save 50 times, well and
// badly, in every manner, while 200 threads take generations and work with them.
func TestAThousandEditsUnderWork(t *testing.T) {
	const authors, edits, threads = 20, 50, 10
	late := lateness(t)
	var mu sync.Mutex
	var good, bad, looks, slow int
	var slowest time.Duration
	var all sync.WaitGroup
	for n := range authors {
		all.Go(func() {
			rng := rand.New(rand.NewPCG(1, uint64(n)))
			a := newAuthor(t, n%5 == 4, edition(0))
			w := &witness{g: startGenerations(t, a, io.Discard)}
			ctx, cancel := context.WithCancel(t.Context())
			var working sync.WaitGroup
			for i := range threads {
				working.Go(func() { w.thread(ctx, t, rand.New(rand.NewPCG(uint64(n), uint64(i)))) })
			}
			defer working.Wait()
			defer cancel()
			for i := 1; i <= edits && !t.Failed(); i++ {
				files, broken, number := edition(i), rng.IntN(5) < 2, fmt.Sprint(i)
				if broken {
					faults[rng.IntN(len(faults))].do(files)
					w.bad.Store(number, true)
				}
				a.save(rng, files)
				// An author whom the machine held up for so long between two writes left
				// half an edition at rest, which nobody can tell from a whole one.
				if a.gap > 150*time.Millisecond {
					w.slow.Store(true)
				}
				var took time.Duration
				if i == edits || rng.IntN(4) == 0 {
					var err error
					if took, err = w.arrives(number, broken, inForce+5*late()); err != nil {
						t.Errorf("author %d: %v", n, err)
					}
				} else {
					time.Sleep(time.Duration(rng.IntN(60)) * time.Millisecond) // the author's own pace
				}
				mu.Lock()
				if broken {
					bad++
				} else {
					good, slowest = good+1, max(slowest, took)
				}
				mu.Unlock()
			}
			mu.Lock()
			defer mu.Unlock()
			looks += int(w.looks.Load())
			if w.slow.Load() {
				slow++
			}
		})
	}
	all.Wait()
	t.Logf("%d good and %d bad edits; the slowest good one was in force after %v; threads looked %d times; the machine woke sleepers up to %v late and held up %d authors of %d",
		good, bad, slowest.Round(time.Millisecond), looks, late().Round(time.Millisecond), slow, authors)
	if looks < 1000 {
		t.Errorf("threads looked %d times only: that proves nothing", looks)
	}
	if slow > authors/2 {
		t.Skip("this machine is too busy to tell")
	}
}

func TestEveryMannerOfSavingIsFollowed(t *testing.T) {
	late := lateness(t)
	save := map[string]func(*author, map[string]string){"a volume's link": (*author).swap}
	for _, m := range manners {
		save[m.name] = m.save
	}
	for name, save := range save {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAuthor(t, name == "a volume's link", edition(0))
			w := &witness{g: startGenerations(t, a, io.Discard)}
			for i, broken := range []bool{false, true, true, false} {
				number := fmt.Sprint(i + 1)
				files := edition(i + 1)
				if broken {
					faults[0].do(files)
				}
				save(a, files)
				if _, err := w.arrives(number, broken, inForce+5*late()); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func TestABrokenEditionNamesEveryProblem(t *testing.T) {
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			files := edition(7)
			f.do(files)
			a := newAuthor(t, false, files)
			src, _ := configured(a.config())
			_, err := src.load(a.config())
			if err == nil || !strings.Contains(err.Error(), f.want) {
				t.Errorf("load says %v, want %q", err, f.want)
			}
			if f.name == "both at once" && (err == nil || !strings.Contains(err.Error(), "answer.tmpl:1:")) {
				t.Errorf("load says %v, and nothing of the template", err)
			}
		})
	}
}

// TestWhatIsTooMuch holds the bounds of reading against those of proving: what is
// cut off by reading must never pass for the whole.
func TestWhatIsTooMuch(t *testing.T) {
	tests := []struct {
		name string
		do   func(a *author)
		want string
	}{
		{"a rule file without end", func(a *author) {
			a.must(os.WriteFile(filepath.Join(a.base, "rules.yaml"), append([]byte(edition(1)["rules.yaml"]), bytes.Repeat([]byte("#\n"), maxRulesRead)...), 0o600))
		}, "rules.yaml:1:1: the file is larger than"},
		{"facts without end", func(a *author) {
			a.must(os.WriteFile(filepath.Join(a.base, "prompts/facts.md"), bytes.Repeat([]byte("fact\n"), maxPromptRead), 0o600))
		}, "facts.md:1:1: larger than"},
		{"templates without end", func(a *author) {
			for i := range maxPrompts + 50 {
				a.must(os.WriteFile(filepath.Join(a.base, fmt.Sprintf("prompts/more%d.md", i)), nil, 0o600))
			}
		}, "a set has at most"},
		{"a directory named like a template", func(a *author) {
			a.must(os.Mkdir(filepath.Join(a.base, "prompts/more.tmpl"), 0o700))
		}, "more.tmpl:1:1: not a regular file"},
		{"a link to nowhere", func(a *author) {
			a.must(os.Symlink("nowhere", filepath.Join(a.base, "prompts/more.tmpl")))
		}, "more.tmpl:1:1: no such file"},
		{"a name that is not UTF-8", func(a *author) {
			if os.WriteFile(filepath.Join(a.base, "prompts/caf\xe9.md"), nil, 0o600) != nil {
				a.t.Skip("this file system takes no such name")
			}
		}, `the name "caf\xe9.md" is not UTF-8`},
		{"no prompts at all", func(a *author) { a.must(os.RemoveAll(filepath.Join(a.base, "prompts"))) }, "no such file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := newAuthor(t, false, edition(1))
			sound, _ := configured(a.config())
			if _, err := sound.load(a.config()); err != nil {
				t.Fatal(err)
			}
			tt.do(a)
			src, _ := configured(a.config())
			if _, err := src.load(a.config()); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("load says %v, want %q", err, tt.want)
			}
			if src.hash == sound.hash {
				t.Error("the hash is that of the sound files")
			}
		})
	}
}

// TestGenerationsSaysWhatItDoes is about one log line for each content that is
// tried, however often it is saved, and about what a generation keeps.
func TestGenerationsSaysWhatItDoes(t *testing.T) {
	var log bytes.Buffer // settled is called from here only
	a := newAuthor(t, false, edition(1))
	cfg := a.config()
	cfg.OpenAIModel = "some-model"
	src, _ := configured(cfg)
	first, err := src.load(cfg)
	if err != nil {
		t.Fatal(err)
	}
	g := newGenerations(cfg, files{}, first, slog.New(slog.NewJSONHandler(&log, nil)))
	since := g.value.Status().Loaded

	broken, second := edition(1), edition(2)
	faults[0].do(broken)
	steps := []struct {
		name, edition string
		files         map[string]string
		message       string
		refused       bool
	}{
		{"broken", "1", broken, "generation refused", true},
		{"repaired to what it was", "1", edition(1), "generation restored", false},
		{"a new edition", "2", second, "generation in force", false},
	}
	for _, step := range steps {
		before := g.current().Hash
		manners[0].save(a, step.files)
		s, _ := configured(cfg)
		log.Reset()
		g.settle(s, needReplier)
		var line struct {
			Msg, Generation, Before string
			Problems                []string
		}
		if err := json.Unmarshal(log.Bytes(), &line); err != nil || line.Msg != step.message || line.Generation != g.current().Hash {
			t.Errorf("%s: the log says %q (%v), want one line %q of generation %s", step.name, log.String(), err, step.message, g.current().Hash)
		}
		if step.refused != (len(line.Problems) == 1) || line.Msg == "generation in force" && line.Before != before {
			t.Errorf("%s: the log says %q", step.name, log.String())
		}
		if err := g.refused(); (err != nil) != step.refused {
			t.Errorf("%s: refused is %v", step.name, err)
		}
		if now, err := editionIn(g.current()); now != step.edition {
			t.Errorf("%s: edition %s is in force, want %s (%v)", step.name, now, step.edition, err)
		}
		if kept := g.value.Status().Loaded.Equal(since); kept != (step.edition == "1") {
			t.Errorf("%s: loaded at %v, first at %v", step.name, g.value.Status().Loaded, since)
		}
	}
}

func TestABotWithoutAModelTakesNoRulesThatReply(t *testing.T) {
	quiet := map[string]string{}
	for name, text := range edition(1) {
		quiet[name] = strings.NewReplacer("then: reply", "then: skip", "    prompt: answer\n", "").Replace(text)
	}
	a := newAuthor(t, false, quiet)
	src, _ := configured(a.config())
	first, err := src.load(a.config())
	if err != nil {
		t.Fatal(err)
	}
	g := newGenerations(a.config(), files{}, first, slog.New(slog.DiscardHandler))
	manners[0].save(a, edition(2))
	src, _ = configured(a.config())
	g.settle(src, needReplier)
	if err := g.refused(); err == nil || !strings.Contains(err.Error(), "OPENAI_MODEL") || g.current().Hash != first.Hash {
		t.Errorf("refused is %v with %s in force, want OPENAI_MODEL named and %s", err, g.current().Hash, first.Hash)
	}
}

func TestBuiltInRulesAreNotFollowed(t *testing.T) {
	src, err := configured(Config{})
	if err != nil || src.hash != "" {
		t.Fatalf("built-in files have the hash %q, error %v", src.hash, err)
	}
	g := newGenerations(Config{}, files{}, loaded{from: src}, slog.New(slog.DiscardHandler))
	if err := g.follow(t.Context()); err != nil { // does not block
		t.Error(err)
	}
}

func TestALoaderThatPanicsIsARefusal(t *testing.T) {
	a := newAuthor(t, false, edition(1))
	src, _ := configured(a.config())
	first, err := src.load(a.config())
	if err != nil {
		t.Fatal(err)
	}
	g := newGenerations(a.config(), files{}, first, slog.New(slog.DiscardHandler))
	src.prompts = panicking{}
	g.settle(src, needReplier)
	if err := g.refused(); err == nil || !strings.Contains(err.Error(), "panic") || g.current().Hash != first.Hash {
		t.Errorf("refused is %v, want a panic named and the first generation in force", err)
	}
}

// panicking stands for a fault in a loader that we do not know of.
type panicking struct{}

func (panicking) Open(string) (fs.File, error) { panic("a fault") }

// TestARunningBotShowsARefusedEdit is the operator's and the author's view: run,
// /readyz, /metrics and the log.
func TestARunningBotShowsARefusedEdit(t *testing.T) {
	sim := inboxapitest.New(inboxapitest.Options{Seed: 1})
	defer sim.Close()
	inbox := httptest.NewServer(sim)
	defer inbox.Close()
	a := newAuthor(t, false, edition(1))
	addr := freeAddr(t)
	environ := []string{
		"INBOX_API_TOKEN=some-token", "INBOX_API_BASE_URL=" + inbox.URL + "/api/v1", "OPENAI_MODEL=some-model", "OPENAI_BASE_URL=" + inbox.URL + "/v1",
		"BOT_RULES=" + a.config().RulesFile, "BOT_PROMPTS=" + a.config().PromptsDir, "BOT_HTTP_ADDR=" + addr,
	}
	var stderr logBook
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	go func() { ended <- run(ctx, []string{"run"}, environ, io.Discard, &stderr) }()
	defer func() {
		cancel()
		if code := <-ended; code != exitDone {
			t.Errorf("run ended with %d: %s", code, stderr.String())
		}
	}()

	wait := func(what, page string, ok func(status int, body string) bool) {
		t.Helper()
		for until := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
			status, body, err := fetched(t.Context(), "http://"+addr+page)
			if err == nil && ok(status, body) {
				return
			}
			if time.Now().After(until) {
				t.Fatalf("%s: %s says %d %s (%v)", what, page, status, body, err)
			}
		}
	}
	has := func(parts ...string) func(int, string) bool {
		return func(_ int, body string) bool {
			return !slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(body, p) })
		}
	}
	ready := func(status int, _ string) bool { return status == http.StatusOK }

	wait("at the start", "/readyz", ready)
	wait("at the start", "/metrics", has("inboxbot_generation_refused 0", "inboxbot_generation_info{hash=", "inboxbot_generation_loaded_timestamp_seconds"))

	broken := edition(2)
	faults[len(faults)-1].do(broken)
	manners[2].save(a, broken)
	wait("broken", "/readyz", func(status int, body string) bool {
		return status == http.StatusServiceUnavailable && has("rules.yaml:7:11: unknown name", "answer.tmpl:1:", "stays in force")(status, body)
	})
	wait("broken", "/metrics", has("inboxbot_generation_refused 1", "inboxbot_ready 0"))
	wait("broken", "/healthz", ready)

	manners[2].save(a, edition(3))
	wait("repaired", "/readyz", ready)
	wait("repaired", "/metrics", has("inboxbot_generation_refused 0", "inboxbot_ready 1"))
	if n := strings.Count(stderr.String(), `"generation refused"`); n != 1 {
		t.Errorf("the log has %d lines of a refused generation, want 1:\n%s", n, stderr.String())
	}
	if n := strings.Count(stderr.String(), `"generation in force"`); n != 1 {
		t.Errorf("the log has %d lines of a new generation, want 1:\n%s", n, stderr.String())
	}
}

// freeAddr returns an address on this machine that nobody listens on.
func freeAddr(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// fetched returns the status and text of a page.
func fetched(ctx context.Context, url string) (int, string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body), err
}

// BenchmarkReadFiles is what following costs once a second: a rule file and ten
// templates, read and hashed.
func BenchmarkReadFiles(b *testing.B) {
	files := edition(1)
	for i := range 6 {
		files[fmt.Sprintf("prompts/more%d.md", i)] = strings.Repeat("A fact about the shop.\n", 200)
	}
	a := newAuthor(b, false, files)
	cfg := a.config()
	for b.Loop() {
		if _, err := configured(cfg); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkProve is what an edit costs: reading, proving and hashing.
func BenchmarkProve(b *testing.B) {
	a := newAuthor(b, false, edition(1))
	cfg := a.config()
	for b.Loop() {
		src, err := configured(cfg)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := src.load(cfg); err != nil {
			b.Fatal(err)
		}
	}
}
