package console

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed all:templates assets
var files embed.FS

// pages are the templates by name, each with the layout around it.
type pages map[string]*template.Template

// page is what a handler has shown.
type page struct {
	Title    string
	Template string // the name of its file, without .html
	Status   int    // 0: 200
	Problem  string // what is wrong with what was entered, shown on top
	Data     any    // .Data of the template
}

// frame is what the layout and every template see.
type frame struct {
	page
	Path    string
	Tabs    []tab
	Visit   *visit // nil: not logged in
	Team    string
	Mode    string
	Pause   pauseState
	Notice  string
	Version string // of the assets
}

type tab struct {
	Name, Path string
	Here       bool
}

// tabs are the pages of the navigation, in its order; one that view does not serve
// is left out.
var tabs = []tab{
	{Name: "Now", Path: "/"},
	{Name: "Threads", Path: "/threads"},
	{Name: "Drafts", Path: "/drafts"},
	{Name: "Rules", Path: "/rules"},
	{Name: "Numbers", Path: "/numbers"},
	{Name: "Shadow", Path: "/shadow"},
}

// notices are what a page says after something was done, by the name that back
// puts into the address: nothing else can be put there.
var notices = map[string]string{
	"paused":  "Paused. Nothing is sent until somebody resumes; what had begun finishes.",
	"resumed": "Resumed. The bot goes on with what waits.",

	"approved":  "Approved. It is sent within seconds, unless the thread has changed meanwhile.",
	"rejected":  "Rejected. The bot leaves the thread alone.",
	"handoff":   "Handed over. A person gets the thread within seconds.",
	"published": "Published. It is in force for every process within two seconds.",
	"back":      "Rolled back. The earlier generation is in force for every process within two seconds.",
	"saved":     "The change is kept. The draft still waits.",
}

// parsePages reads every template of a page with the layout and the parts, whose
// names begin with _.
func (c *Console) parsePages() (pages, error) {
	base, err := template.New("").Funcs(c.funcs()).ParseFS(files, "templates/_*.html")
	if err != nil {
		return nil, err
	}
	names, err := fs.Glob(files, "templates/[a-z]*.html")
	if err != nil {
		return nil, err
	}
	all := pages{"": base}
	for _, name := range names {
		t, err := template.Must(base.Clone()).ParseFS(files, name)
		if err != nil {
			return nil, err
		}
		all[strings.TrimSuffix(path.Base(name), ".html")] = t
	}
	return all, nil
}

// render answers with a whole page. v is nil for somebody who is not logged in.
func (c *Console) render(w http.ResponseWriter, r *http.Request, v *visit, p page) {
	f := frame{page: p, Path: r.URL.Path, Visit: v, Team: c.Team, Mode: c.Mode, Version: assetVersion}
	if v != nil {
		f.Notice = notices[r.URL.Query().Get("done")]
		f.Pause = c.pauseState(r.Context())
		f.Tabs = c.tabs(r.URL.Path)
	}
	t := c.pages[p.Template]
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, "layout", f); err != nil {
		c.Logger.Error("console page", "page", p.Template, "err", err)
		http.Error(w, "This page could not be made; the log says why.", http.StatusInternalServerError)
		return
	}
	c.write(w, p.Status, b.Bytes())
}

// part renders a template without the layout, as htmx asks for it.
func (c *Console) part(w http.ResponseWriter, name string, data any) error {
	b, err := c.fragment(name, data)
	if err == nil {
		c.write(w, http.StatusOK, b)
	}
	return err
}

func (c *Console) fragment(name string, data any) ([]byte, error) {
	var b bytes.Buffer
	err := c.pages[""].ExecuteTemplate(&b, name, data)
	return harmless(b.Bytes()), err
}

func (c *Console) write(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if status != 0 {
		w.WriteHeader(status)
	}
	_, _ = w.Write(harmless(body)) // or whoever asked is gone
}

func (c *Console) tabs(here string) []tab {
	var out []tab
	for _, t := range tabs {
		t.Here = here == t.Path || t.Path != "/" && strings.HasPrefix(here, t.Path+"/")
		if c.shown[t.Path] {
			out = append(out, t)
		}
	}
	return out
}

// failure is an error with words for the person in front of the page.
type failure struct {
	status int
	words  string
}

func (f *failure) Error() string { return f.words }

// problem is the error of a handler that tells the visitor what to do.
func problem(status int, words string, args ...any) error {
	return &failure{status, fmt.Sprintf(words, args...)}
}

// fail shows an error as a page. One that is not a problem is logged, and shown
// without its words: they may hold what strangers wrote.
func (c *Console) fail(w http.ResponseWriter, r *http.Request, v *visit, err error) {
	if r.Context().Err() != nil {
		return // nobody is there to be told
	}
	f, ok := errors.AsType[*failure](err)
	if !ok {
		c.Logger.Error("console", "path", r.URL.Path, "err", err)
		f = &failure{http.StatusBadGateway, "That did not work: what the console needs did not answer as it should. The log says more; try again in a moment."}
		if errors.Is(err, context.DeadlineExceeded) {
			f.words = "That took too long and was given up. Try again in a moment."
		}
	}
	c.render(w, r, v, page{Title: http.StatusText(f.status), Template: "problem", Status: f.status, Data: f.words})
}

// refuse answers somebody who may not see a page.
func (c *Console) refuse(w http.ResponseWriter, r *http.Request, status int, words string) {
	c.render(w, r, nil, page{Title: http.StatusText(status), Template: "problem", Status: status, Data: words})
}

func (c *Console) unknown(http.ResponseWriter, *http.Request, *visit) error {
	return problem(http.StatusNotFound, "There is no such page.")
}

// back sends the browser to a page of the console, which shows the notice of this
// name.
func (c *Console) back(w http.ResponseWriter, r *http.Request, to, notice string) {
	at, fragment, _ := strings.Cut(localPath(to), "#")
	sign := "?"
	if strings.Contains(at, "?") {
		sign = "&"
	}
	if at += sign + "done=" + notice; fragment != "" {
		at += "#" + fragment
	}
	http.Redirect(w, r, at, http.StatusSeeOther)
}

// asset serves style and script. Their address changes with them.
func (c *Console) asset(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	http.ServeFileFS(w, r, files, "assets/"+path.Base(r.PathValue("name")))
}

// assetVersion tells one build's assets from another's.
var assetVersion = func() string {
	sum := sha256.New()
	for _, name := range []string{"console.css", "console.js", "htmx.min.js", "sse.min.js"} {
		data, err := files.ReadFile("assets/" + name)
		if err != nil {
			panic(err) // unreachable: it is part of the binary
		}
		sum.Write(data)
	}
	return hex.EncodeToString(sum.Sum(nil)[:6])
}()

func (c *Console) funcs() template.FuncMap {
	return template.FuncMap{
		"span":    span,
		"took":    took,
		"ago":     func(t time.Time) string { return ago(t, c.Now()) },
		"clock":   func(t time.Time) string { return clock(t.In(c.Zone), c.Now().In(c.Zone)) },
		"stamp":   func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"line":    line,
		"why":     waitWords,
		"pieces":  pieces,
		"money":   money,
		"count":   count,
		"part":    func(n, all int) float64 { return float64(n) / float64(max(1, all)) },
		"percent": func(f float64) string { return fmt.Sprintf("%.0f %%", 100*f) },
	}
}
