package console

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"inboxbot/bot"
	"inboxbot/bot/redisstore"
	"inboxbot/rules"
)

const shelfRules = "version: 1\nhours: {business: {mon-fri: [\"09:00-18:00\"]}}\ndefault: skip\n"

// shelf is rules and prompts that nobody edits here.
type shelf struct{}

func (shelf) Texts() (map[string]string, string) {
	return map[string]string{"rules.yaml": shelfRules, "system.tmpl": "You answer for <Kestrel>.", "facts.md": "Open 9 to 18."}, "They are rules.yaml and prompts."
}

func (shelf) Try(when string, check bool) (*rules.Trial, error) {
	set, err := rules.Load("rules.yaml", []byte(shelfRules), rules.Options{})
	if err != nil {
		return nil, err
	}
	return set.Try(when, check)
}

// press publishes into the store; what it proves of files is their rules alone.
type press struct{ *redisstore.Store }

func (p press) Check(files map[string]string, hash string) Checked {
	if _, err := rules.Load("rules.yaml", []byte(files["rules.yaml"]), rules.Options{}); err != nil {
		return Checked{Problems: err.Error()}
	}
	sum := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(sum, "%q %q", name, files[name])
	}
	if hash == "" {
		hash = hex.EncodeToString(sum.Sum(nil))[:12]
	}
	return Checked{Hash: hash, Tried: 2, Changes: []Change{{"t1", "ann", "how much?", "skip, guard default", "reply, guard pricing"}}}
}

// published is a console whose rules are published.
func published(o *Options) {
	if store, ok := o.Drafts.(*redisstore.Store); ok {
		o.Publisher = press{store}
	}
}

// publish puts files in force as the command does.
func (w *world) publish(message string, files map[string]string) string {
	w.t.Helper()
	hash := press{w.store}.Check(files, "").Hash
	if _, err := w.store.Publish(w.t.Context(), redisstore.Published{Hash: hash, By: "robin", Message: message}, files, redisstore.Any); err != nil {
		w.t.Fatal(err)
	}
	return hash
}

func TestRulesPage(t *testing.T) {
	w := newWorld(t)
	w.gen.Refused = errors.New("rules.yaml:3:1: unknown key \"guads\"; did you mean \"guards\"?")
	rec := w.get("/rules")
	got := words(rec)
	for _, want := range []string{"Generation ab12cd34ef56 is in force, since 60 min ago", "They are rules.yaml and prompts.", `did you mean "guards"?`, "system.tmpl", "You answer for <Kestrel>.", "default: skip"} {
		if !strings.Contains(got, want) {
			t.Errorf("lacks %q:\n%s", want, got)
		}
	}
	if strings.Contains(got, "Edit") || strings.Contains(got, "What was in force") || w.get("/rules/edit").Code != http.StatusNotFound {
		t.Errorf("files are edited where they are:\n%s", got)
	}
	if strings.Index(got, "rules.yaml 3 lines") > strings.Index(got, "facts.md") {
		t.Errorf("the rules are not the first file:\n%s", got)
	}
}

// TestRulesComeIntoForce: what is published and what this process works with differ
// for up to two seconds, and for as long as it refuses the newest.
func TestRulesComeIntoForce(t *testing.T) {
	w := newWorld(t, published)
	first := w.publish("the first", map[string]string{"rules.yaml": shelfRules, "system.tmpl": "Be kind."})
	second := w.publish("shorter", map[string]string{"rules.yaml": shelfRules, "system.tmpl": "Be brief."})
	coming := "Generation " + second + " is coming into force, within two seconds."
	for _, row := range []struct {
		name       string
		gen        Generation
		want, lack []string
	}{
		{"it is coming", Generation{Hash: first}, []string{"Generation " + first + " is in force", coming, second + " coming into force", first + " in force"}, []string{second + " in force"}},
		{"it is there", Generation{Hash: second}, []string{"Generation " + second + " is in force", second + " in force"}, []string{"coming into force", first + " in force"}},
		{"it is refused", Generation{Hash: first, Refused: errors.New("no such template")}, []string{"Generation " + first + " is in force", first + " in force", "refused"}, []string{"coming into force", second + " in force"}},
		{"it is the first", Generation{}, []string{"No generation is in force yet.", coming}, []string{first + " in force"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			w.gen = row.gen
			got := words(w.get("/rules"))
			for _, want := range row.want {
				if !strings.Contains(got, want) {
					t.Errorf("lacks %q:\n%s", want, got)
				}
			}
			for _, lack := range row.lack {
				if strings.Contains(got, lack) {
					t.Errorf("has %q:\n%s", lack, got)
				}
			}
		})
	}
}

// TestTryExpression: for whom an expression fires, and what it read.
func TestTryExpression(t *testing.T) {
	for _, row := range []struct {
		name, query string
		want        []string
	}{
		{"a guard", "kind=guard&when=" + url.QueryEscape(`last.text contains "refund"`), []string{
			"It fires for 1 of 2 conversations.", `fires · @ann I want a refund`, `last.text = "I want a refund"`, `does not fire · @bo`,
		}},
		{"a check", "kind=check&draft=No+refunds&when=" + url.QueryEscape(`draft.text contains "refund"`), []string{"It fires for 2 of 2", `draft.text = "No refunds"`}},
		{"a misspelt name", "when=" + url.QueryEscape("true and\r\n lst.text == \"\""), []string{`Line 2, column 2: unknown name "lst"; did you mean "last"?`}},
		{"hours that there are not", "when=" + url.QueryEscape(`open("buziness")`), []string{`did you mean "business"?`}},
		{"what fails while it runs", "when=" + url.QueryEscape(`texts[7] == "a"`), []string{"It fires for 0 of 2", "For 2 it cannot be evaluated.", "index out of range", "would hand the thread over"}},
		{"nothing", "when=", []string{"there is no expression"}},
		{"far too much", "when=" + strings.Repeat("a", 5000), []string{"longer than an expression may be"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t)
			w.bot.talk("t1", "ann", bot.Turn{ID: "m1", Text: "I want a refund", Side: bot.SideProspect, At: time.Now()})
			w.bot.talk("t2", "bo", bot.Turn{ID: "m2", Text: "hello", Side: bot.SideProspect, At: time.Now()})
			got := words(w.get("/rules?" + row.query))
			for _, want := range row.want {
				if !strings.Contains(got, want) {
					t.Errorf("lacks %q:\n%s", want, got)
				}
			}
		})
	}
	if got := words(newWorld(t).get("/rules?when=true")); !strings.Contains(got, "No conversation has been read yet") {
		t.Errorf("nobody has written: %s", got)
	}
}

// form is the edit form as a page of the console holds it.
func (w *world) form(expected string, files ...string) url.Values {
	f := url.Values{"expected": {expected}}
	for i := 0; i < len(files); i += 2 {
		f.Set(fmt.Sprint("name", i/2), files[i])
		f.Set(fmt.Sprint("text", i/2), files[i+1])
	}
	return f
}

func TestPublish(t *testing.T) {
	old := map[string]string{"rules.yaml": shelfRules, "system.tmpl": "Hello"}
	for _, row := range []struct {
		name   string
		change func(f url.Values)
		status int
		says   string
		files  map[string]string // in force afterwards
	}{
		{"a good change", func(f url.Values) { f.Set("text1", "Hello,\r\nfriend") }, 303, "", map[string]string{"rules.yaml": shelfRules, "system.tmpl": "Hello,\nfriend"}},
		{"checked only", func(f url.Values) { f.Set("text1", "Bye"); f.Set("do", "check") }, 200, "Good: it would be generation", old},
		{"what the check shows", func(f url.Values) { f.Set("text1", "Bye"); f.Set("do", "check") }, 200, "@ann how much? skip, guard default becomes reply, guard pricing", old},
		{"the change itself", func(f url.Values) { f.Set("text1", "Bye"); f.Set("do", "check") }, 200, "@@ -1,1 +1,1 @@ -Hello", old},
		{"a new file", func(f url.Values) { f.Set("name2", "pricing.tmpl"); f.Set("text2", "Prices") }, 303, "", map[string]string{"rules.yaml": shelfRules, "system.tmpl": "Hello", "pricing.tmpl": "Prices"}},
		{"a file deleted", func(f url.Values) { f.Set("gone1", "on") }, 303, "", map[string]string{"rules.yaml": shelfRules}},
		{"broken", func(f url.Values) { f.Set("text0", "version: 1\ndefault: skp\n") }, 422, `rules.yaml:2:10: unknown outcome "skp"; did you mean "skip"?`, old},
		{"without a reason", func(f url.Values) { f.Set("text1", "Bye"); f.Set("message", " ") }, 422, "Say for the team", old},
		{"no name", func(f url.Values) { f.Set("text2", "lost words") }, 422, "A file has text and no name. Nothing was published.", old},
		{"a name twice", func(f url.Values) { f.Set("name2", "system.tmpl"); f.Set("text2", "x") }, 422, "Two files are named system.tmpl", old},
		{"a name with a path", func(f url.Values) { f.Set("name2", "../x.tmpl"); f.Set("text2", "x") }, 502, "", old},
		{"no change", func(url.Values) {}, 409, "Nothing is different from what is in force", old},
		{"without saying what it replaces", func(f url.Values) { f.Set("expected", "*"); f.Set("text1", "Bye") }, 422, "open it again", old},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, published)
			hash := w.publish("the first", old)
			f := w.form(hash, "rules.yaml", shelfRules, "system.tmpl", "Hello")
			f.Set("do", "publish")
			f.Set("message", "a friendlier tone")
			row.change(f)
			rec := w.post("/rules/edit", f)
			if got := words(rec); rec.Code != row.status || !strings.Contains(got, row.says) {
				t.Errorf("status %d, want %d with %q:\n%s", rec.Code, row.status, row.says, got)
			}
			now, err := w.store.InForce(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			files, err := w.store.Files(t.Context(), now.Hash)
			if err != nil || !maps.Equal(files, row.files) {
				t.Errorf("in force: %q, %v", files, err)
			}
			if row.status == 303 && (now.Message != "a friendlier tone" || now.By != "console on this machine" || !strings.Contains(w.log.String(), "publish "+now.Hash)) {
				t.Errorf("history %+v, audit %s", now, w.log)
			}
			if row.status == 422 && row.name != "without saying what it replaces" && !strings.Contains(rec.Body.String(), `value="`+hash+`"`) {
				t.Error("the form lost what it is to replace")
			}
		})
	}
}

// TestPublishOvertaken: what somebody else published meanwhile is not overwritten
// unawares, and nothing written is lost.
func TestPublishOvertaken(t *testing.T) {
	w := newWorld(t, published)
	first := w.publish("the first", map[string]string{"rules.yaml": shelfRules, "system.tmpl": "Hello"})
	if got := w.get("/rules/edit").Body.String(); !strings.Contains(got, `name="expected" value="`+first+`"`) || !strings.Contains(got, "\nHello</textarea>") {
		t.Errorf("the form:\n%s", got)
	}
	second := w.publish("robin's", map[string]string{"rules.yaml": shelfRules, "system.tmpl": "Ahoy"})
	f := w.form(first, "rules.yaml", shelfRules, "system.tmpl", "My careful words")
	f.Set("do", "publish")
	f.Set("message", "mine")
	rec := w.post("/rules/edit", f)
	if got := words(rec); rec.Code != 409 || !strings.Contains(got, "Meanwhile generation "+second+" was put in force in place of "+first) || !strings.Contains(got, "My careful words") {
		t.Errorf("%d\n%s", rec.Code, got)
	}
	if !strings.Contains(rec.Body.String(), `name="expected" value="`+second+`"`) {
		t.Error("publishing again would be refused for ever")
	}
	if now, _ := w.store.InForce(t.Context()); now.Hash != second {
		t.Errorf("in force: %+v", now)
	}
}

func TestHistoryAndRollback(t *testing.T) {
	w := newWorld(t, published)
	first := w.publish("the first", map[string]string{"rules.yaml": shelfRules, "system.tmpl": "Hello"})
	second := w.publish("shorter", map[string]string{"rules.yaml": shelfRules, "hi.tmpl": "Hi\u202e"})
	w.gen = Generation{Hash: second}
	got := words(w.get("/rules"))
	for _, want := range []string{second + " in force", "robin shorter what changed", first, "robin the first the first Return to this generation"} {
		if !strings.Contains(got, want) {
			t.Errorf("lacks %q:\n%s", want, got)
		}
	}
	diff := words(w.get("/rules/diff?from=" + first + "&to=" + second))
	for _, want := range []string{"hi.tmpl new", `+Hi\u{202e}`, "system.tmpl gone", "-Hello"} {
		if !strings.Contains(diff, want) {
			t.Errorf("the change lacks %q:\n%s", want, diff)
		}
	}
	if strings.Contains(diff, "rules.yaml") {
		t.Errorf("what did not change is shown:\n%s", diff)
	}
	if rec := w.post("/rules/rollback", url.Values{"hash": {first}, "expected": {first}}); rec.Code != 409 || !strings.Contains(words(rec), "Meanwhile generation "+second) {
		t.Errorf("overtaken: %d", rec.Code)
	}
	if rec := w.post("/rules/rollback", url.Values{"hash": {"abcdef"}, "expected": {second}}); rec.Code != 404 {
		t.Errorf("unknown: %d", rec.Code)
	}
	if rec := w.post("/rules/rollback", url.Values{"hash": {first}, "expected": {second}}); rec.Code != 303 || rec.Header().Get("Location") != "/rules?done=back" {
		t.Errorf("%d to %s", rec.Code, rec.Header().Get("Location"))
	}
	if now, _ := w.store.InForce(t.Context()); now.Hash != first || !now.Back {
		t.Errorf("in force: %+v", now)
	}
	if rec := w.post("/rules/rollback", url.Values{"hash": {first}, "expected": {first}}); rec.Code != 409 {
		t.Errorf("again: %d", rec.Code)
	}
}

func TestHistoryTellsWhatAProcessRefuses(t *testing.T) {
	w := newWorld(t, published)
	first := w.publish("the first", map[string]string{"rules.yaml": shelfRules})
	second := w.publish("shorter", map[string]string{"rules.yaml": shelfRules, "hi.tmpl": "Hi"})
	back := redisstore.Published{Hash: first, By: "process QX4", Message: "hi.tmpl:1: no such field (tried on thread t1)", Back: true, Refused: true}
	if _, err := w.store.Publish(t.Context(), back, map[string]string{"rules.yaml": shelfRules}, second); err != nil {
		t.Fatal(err)
	}
	want := "process QX4 taken back to, refuses " + second + ": hi.tmpl:1: no such field (tried on thread t1) what changed"
	if got := words(w.get("/rules")); !strings.Contains(got, want) {
		t.Errorf("lacks %q:\n%s", want, got)
	}
}

// TestRulesAreHarmless: what stands in files, messages and threads is text.
func TestRulesAreHarmless(t *testing.T) {
	w := newWorld(t, published)
	w.bot.talk("t1", evil, bot.Turn{ID: "m1", Text: evil, Side: bot.SideProspect, At: time.Now()})
	clean := strings.ReplaceAll(evil, "\x00", "")
	a := w.publish(clean, map[string]string{"rules.yaml": shelfRules + "# " + strings.NewReplacer("\x1b", "", "\u202e", "").Replace(clean), "evil.md": clean})
	b := w.publish(clean, map[string]string{"rules.yaml": shelfRules, "<b id=x>.md": clean})
	for _, path := range []string{"/rules", "/rules?when=last.text+!=+%22%22", "/rules/edit", "/rules/diff?from=" + a + "&to=" + b} {
		rec := w.get(path)
		if isHarmless(t, path, rec.Body.String()); rec.Code != 200 {
			t.Errorf("%s: %d", path, rec.Code)
		}
	}
	f := w.form(b, "rules.yaml", evil, evil, evil)
	f.Set("message", evil)
	isHarmless(t, "publish", w.post("/rules/edit", f).Body.String())
}
