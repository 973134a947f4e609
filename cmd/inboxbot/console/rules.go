package console

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/rogpeppe/go-internal/diff"

	"inboxbot/bot"
	"inboxbot/bot/redisstore"
	"inboxbot/rules"
)

// Rules are the rules and prompts of this process.
type Rules interface {
	// Texts are the files in force by name, and where people find them, in words.
	Texts() (files map[string]string, where string)
	// Try compiles an expression as a guard's, or a check's, with the hours in force.
	// Its error is a rules.Problems, or says that there is nothing to try it with.
	Try(when string, check bool) (*rules.Trial, error)
}

// Publisher keeps generations of rules and prompts that are not files.
type Publisher interface {
	History(ctx context.Context) ([]redisstore.Published, error)
	Files(ctx context.Context, hash string) (map[string]string, error)
	// Check proves files as `inboxbot publish` does, and tries those of a new
	// generation on the conversations read last, so that going back is always
	// possible. hash is what an earlier one is called, "" for a new one.
	Check(files map[string]string, hash string) Checked
	// Publish puts files in force while the generation expected is. See
	// redisstore.Store.Publish.
	Publish(ctx context.Context, g redisstore.Published, files map[string]string, expected string) (before string, err error)
}

// Checked is what came of a check.
type Checked struct {
	Hash     string
	Problems string // a line each, "" when there are none
	Tried    int    // conversations
	Changes  []Change
}

// Change is a conversation whose outcome a new generation changes.
type Change struct {
	Thread, Prospect, Asked string
	Before, After           string // outcome and guard
}

// rulesData is what is in force and what was.
type rulesData struct {
	Generation Generation
	Coming     string // the hash of a newer one that is published and not yet in force here
	Where      string
	Files      []file
	Past       []pastData
	Editable   bool
	Trial      *trialData
	When       string
	Check      bool
	Draft      string
	Recent     int
}

// file is one of a generation.
type file struct {
	Name, Text string
	Lines      int
}

// pastData is an entry of the history.
type pastData struct {
	redisstore.Published
	InForce bool // in this process
	Coming  bool // published, and not yet in force here
	Who     string
}

// trialData is what an expression said of the conversations read last.
type trialData struct {
	Problems []rules.Problem
	Failure  string // why it could not be tried at all
	Tried    int
	Fired    int
	Unread   int
	Failed   int
	Stopped  bool // it took too long to try it on all
	Rows     []trialRow
}

// trialRow is one conversation; one that the expression fires for comes first.
type trialRow struct {
	Thread, Prospect, Asked string
	Fired                   bool
	Err                     string
	Parts                   []bot.Part
}

const (
	longestTry = 4 << 10 // bytes, of an expression
	tryFor     = 2 * time.Second
)

func (c *Console) rules(w http.ResponseWriter, r *http.Request, v *visit) error {
	var past []redisstore.Published
	if c.Publisher != nil {
		var err error
		if past, err = c.past(r.Context()); err != nil {
			return err
		}
	}
	d := rulesData{Generation: c.generation(), Editable: c.Publisher != nil && v.Operator()}
	d.show(past, c.shownAt)
	texts, where := c.Rules.Texts()
	d.Files, d.Where = filesOf(texts), where
	recent := c.Bot.Recent()
	d.Recent = len(recent)
	q := r.URL.Query()
	d.When, d.Check, d.Draft = entered(q.Get("when")), q.Get("kind") == "check", entered(q.Get("draft"))
	if q.Has("when") {
		d.Trial = c.try(d.When, d.Check, d.Draft, recent)
	}
	c.render(w, r, v, page{Title: "Rules and prompts", Template: "rules", Data: d})
	return nil
}

// show tells of the history, the newest first. This process follows it within two
// seconds, unless it refuses the newest.
func (d *rulesData) show(past []redisstore.Published, shownAt func(time.Time) time.Time) {
	now, known := d.Generation, false
	for i, p := range past {
		p.At = shownAt(p.At)
		one := pastData{Published: p, Who: cmp.Or(p.By, "somebody"), InForce: !known && p.Hash == now.Hash}
		known = known || one.InForce
		if one.Coming = i == 0 && !one.InForce && now.Refused == nil; one.Coming {
			d.Coming = p.Hash
		}
		d.Past = append(d.Past, one)
	}
}

func (c *Console) past(ctx context.Context) ([]redisstore.Published, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return c.Publisher.History(ctx)
}

// filesOf are the files, the rules first.
func filesOf(texts map[string]string) []file {
	var out []file
	for name, text := range texts {
		out = append(out, file{name, text, strings.Count(strings.TrimSuffix(text, "\n"), "\n") + 1})
	}
	slices.SortFunc(out, func(a, b file) int {
		return cmp.Or(cmp.Compare(rank(a.Name), rank(b.Name)), cmp.Compare(a.Name, b.Name))
	})
	return out
}

func rank(name string) int {
	if strings.HasSuffix(name, ".yaml") {
		return 0
	}
	return 1
}

// try says of every conversation what the expression says of it.
func (c *Console) try(when string, check bool, draft string, recent []*bot.Conversation) *trialData {
	d := &trialData{}
	if len(when) > longestTry {
		d.Failure = "That is longer than an expression may be."
		return d
	}
	trial, err := c.Rules.Try(when, check)
	if problems, ok := errors.AsType[rules.Problems](err); ok {
		d.Problems = problems
		return d
	} else if err != nil {
		d.Failure = err.Error()
		return d
	}
	decision := bot.Decision{Action: bot.Reply, Reply: draft, Confidence: 0.9, Reason: "tried in the console"}
	end := time.Now().Add(tryFor)
	for _, conv := range slices.Backward(recent) {
		if d.Stopped = time.Now().After(end); d.Stopped {
			break
		}
		d.add(conv, trial, decision)
	}
	slices.SortStableFunc(d.Rows, func(a, b trialRow) int { return b.weight() - a.weight() })
	return d
}

func (r trialRow) weight() int {
	switch {
	case r.Fired:
		return 2
	case r.Err != "":
		return 1
	}
	return 0
}

func (d *trialData) add(conv *bot.Conversation, trial *rules.Trial, decision bot.Decision) {
	fired, parts, err := trial.On(conv, decision)
	row := trialRow{Thread: conv.Thread.ID, Prospect: conv.Thread.Prospect.Username, Fired: fired, Parts: parts}
	if last, ok := conv.Last(); ok {
		row.Asked = last.Text
	}
	d.Tried++
	switch {
	case errors.Is(err, rules.ErrUnread):
		d.Unread++
		row.Err = "needs the messages, which were not read"
	case err != nil:
		d.Failed++
		row.Err = "cannot be evaluated (" + err.Error() + "): in a rule file it would hand the thread over"
	case fired:
		d.Fired++
	}
	d.Rows = append(d.Rows, row)
}

// diffData is what changed between two generations.
type diffData struct {
	From, To string
	Files    []fileDiff
}

// fileDiff is the change of one file.
type fileDiff struct {
	Name  string
	What  string // new, gone or changed
	Lines []diffLine
}

// diffLine is a line as diff -u has it, its first character included.
type diffLine struct{ Kind, Text string }

var hashShape = regexp.MustCompile(`^[0-9a-f]{4,64}$`)

func (c *Console) diff(w http.ResponseWriter, r *http.Request, v *visit) error {
	from, to := r.URL.Query().Get("from"), r.URL.Query().Get("to")
	if !hashShape.MatchString(from) || !hashShape.MatchString(to) {
		return problem(http.StatusNotFound, "There is no such generation.")
	}
	a, err := c.filesOf(r.Context(), from)
	if err != nil {
		return err
	}
	b, err := c.filesOf(r.Context(), to)
	if err != nil {
		return err
	}
	c.render(w, r, v, page{Title: "What changed", Template: "diff", Data: diffData{from, to, diffOf(a, b)}})
	return nil
}

func (c *Console) filesOf(ctx context.Context, hash string) (map[string]string, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	texts, err := c.Publisher.Files(ctx, hash)
	if errors.Is(err, redisstore.ErrNoText) {
		return nil, problem(http.StatusNotFound, "The text of generation %s is not kept any more.", hash)
	}
	return texts, err
}

// diffOf is the change of every file that differs.
func diffOf(a, b map[string]string) []fileDiff {
	all := maps.Clone(a)
	maps.Copy(all, b)
	var out []fileDiff
	for _, f := range filesOf(all) {
		old, had := a[f.Name]
		now, has := b[f.Name]
		if had == has && old == now {
			continue
		}
		d := fileDiff{Name: f.Name, What: "changed"}
		switch {
		case !had:
			d.What = "new"
		case !has:
			d.What = "gone"
		}
		for l := range strings.Lines(Hunks(old, now)) {
			d.Lines = append(d.Lines, diffLine{kindOf(l), seen(strings.TrimSuffix(l, "\n"))})
		}
		out = append(out, d)
	}
	return out
}

// Hunks is what changed from one text to another, as diff -u has it below its first
// two lines.
func Hunks(old, now string) string {
	text := diff.Diff("", []byte(old), "", []byte(now))
	_, hunks, _ := strings.Cut(string(text), "\n+++ \n")
	return hunks
}

func kindOf(l string) string {
	switch l[0] {
	case '+':
		return "added"
	case '-':
		return "removed"
	case '@':
		return "at"
	}
	return "same"
}

// seen is a line whose every character is seen: what hides or turns the direction
// of writing is escaped.
func seen(l string) string {
	var b strings.Builder
	for _, r := range l {
		if r == '\t' || unicode.IsPrint(r) {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, "\\u{%04x}", r)
		}
	}
	return b.String()
}

// editData is a generation in the making.
type editData struct {
	Files    []editFile
	Expected string // the generation it is to replace, "" for none
	Message  string
	Checked  *Checked
	Diff     []fileDiff // from the one in force
}

// editFile is one file as a form has it.
type editFile struct {
	file
	Gone bool
	Wide int // rows of its field
	N    int
}

const (
	mostFiles    = 300 // more than a generation has
	longestWhy   = 200 // characters
	publishFor   = 10 * time.Second
	fieldRowsMin = 8
	fieldRowsMax = 30
)

func (c *Console) edit(w http.ResponseWriter, r *http.Request, v *visit) error {
	past, err := c.past(r.Context())
	if err != nil {
		return err
	}
	d := editData{}
	texts, _ := c.Rules.Texts()
	if len(past) > 0 {
		d.Expected = past[0].Hash
		if texts, err = c.filesOf(r.Context(), d.Expected); err != nil {
			return err
		}
	}
	for _, f := range filesOf(texts) {
		d.Files = append(d.Files, editFile{file: f})
	}
	d.show(c, w, r, v, 0, "")
	return nil
}

// show renders the form, with an empty file at its end for a new one.
func (d *editData) show(c *Console, w http.ResponseWriter, r *http.Request, v *visit, status int, wrong string) {
	d.Files = append(slices.Clone(d.Files), editFile{})
	for i := range d.Files {
		f := &d.Files[i]
		f.N, f.Wide = i, min(fieldRowsMax, max(fieldRowsMin, strings.Count(f.Text, "\n")+2))
	}
	c.render(w, r, v, page{Title: "Edit rules and prompts", Template: "edit", Status: status, Problem: wrong, Data: d})
}

// editOf reads the form.
func editOf(form url.Values) editData {
	d := editData{Expected: form.Get("expected"), Message: line(longestWhy+1, form.Get("message"))}
	for i := range mostFiles {
		at := fmt.Sprint(i)
		name, text := strings.TrimSpace(form.Get("name"+at)), entered(form.Get("text"+at))
		if name == "" && strings.TrimSpace(text) == "" {
			continue
		}
		d.Files = append(d.Files, editFile{file: file{Name: name, Text: text}, Gone: form.Has("gone" + at)})
	}
	return d
}

// texts are the files that are to be, or why they cannot.
func (d *editData) texts() (map[string]string, string) {
	out := map[string]string{}
	for _, f := range d.Files {
		switch _, twice := out[f.Name]; {
		case f.Gone:
		case f.Name == "":
			return nil, "A file has text and no name."
		case twice:
			return nil, fmt.Sprintf("Two files are named %s.", line(80, f.Name))
		default:
			out[f.Name] = f.Text
		}
	}
	return out, ""
}

// publish checks what was edited and, if that is asked for, puts it in force.
func (c *Console) publish(w http.ResponseWriter, r *http.Request, v *visit) error {
	d := editOf(r.PostForm)
	texts, wrong := d.texts()
	if d.Expected != "" && !hashShape.MatchString(d.Expected) {
		wrong = "The form does not say which generation it is to replace: open it again."
	}
	if wrong != "" {
		d.show(c, w, r, v, http.StatusUnprocessableEntity, wrong+" Nothing was published.")
		return nil
	}
	checked := c.Publisher.Check(texts, "")
	d.Checked = &checked
	if before, err := c.filesOf(r.Context(), d.Expected); err == nil {
		d.Diff = diffOf(before, texts)
	}
	if checked.Problems != "" {
		d.show(c, w, r, v, http.StatusUnprocessableEntity, "It has problems and is not in force; they are listed below.")
		return nil
	}
	if r.PostForm.Get("do") != "publish" {
		d.show(c, w, r, v, 0, "")
		return nil
	}
	if n := len([]rune(d.Message)); n == 0 || n > longestWhy {
		d.show(c, w, r, v, http.StatusUnprocessableEntity, fmt.Sprintf("Say for the team, in at most %d characters, why you change it. Nothing was published.", longestWhy))
		return nil
	}
	return c.putInForce(w, r, v, &d, texts)
}

func (c *Console) putInForce(w http.ResponseWriter, r *http.Request, v *visit, d *editData, texts map[string]string) error {
	ctx, cancel := context.WithTimeout(r.Context(), publishFor)
	defer cancel()
	now, err := c.Publisher.Publish(ctx, redisstore.Published{Hash: d.Checked.Hash, By: v.By(), Message: d.Message}, texts, d.Expected)
	switch {
	case errors.Is(err, redisstore.ErrInForce):
		d.show(c, w, r, v, http.StatusConflict, "Nothing is different from what is in force.")
	case errors.Is(err, redisstore.ErrOvertaken):
		was := d.Expected
		d.Expected = now
		d.show(c, w, r, v, http.StatusConflict, fmt.Sprintf("Meanwhile generation %s was put in force in place of %s: nothing was published. "+
			"What you wrote is below, the change from the new one too; publishing now replaces it.", cmp.Or(now, "none"), cmp.Or(was, "none")))
	case err != nil:
		return err
	default:
		c.audit(v, "publish "+d.Checked.Hash+": "+d.Message, "")
		c.back(w, r, "/rules", "published")
	}
	return nil
}

// rollback puts an earlier generation in force again, if it is still good today.
func (c *Console) rollback(w http.ResponseWriter, r *http.Request, v *visit) error {
	hash, expected := r.PostForm.Get("hash"), r.PostForm.Get("expected")
	if !hashShape.MatchString(hash) || !hashShape.MatchString(expected) {
		return problem(http.StatusBadRequest, "The form does not say which generation to return to. Nothing was changed.")
	}
	texts, err := c.filesOf(r.Context(), hash)
	if err != nil {
		return err
	}
	if checked := c.Publisher.Check(texts, hash); checked.Problems != "" {
		return problem(http.StatusUnprocessableEntity, "Generation %s stays where it is: today it is refused. Nothing was changed.\n%s", hash, checked.Problems)
	}
	ctx, cancel := context.WithTimeout(r.Context(), publishFor)
	defer cancel()
	now, err := c.Publisher.Publish(ctx, redisstore.Published{Hash: hash, By: v.By(), Back: true}, texts, expected)
	switch {
	case errors.Is(err, redisstore.ErrInForce):
		return problem(http.StatusConflict, "Generation %s is in force already.", hash)
	case errors.Is(err, redisstore.ErrOvertaken):
		return problem(http.StatusConflict, "Meanwhile generation %s was put in force. Nothing was changed: look at the list again.", now)
	case err != nil:
		return err
	}
	c.audit(v, "roll back to "+hash, "")
	c.back(w, r, "/rules", "back")
	return nil
}
