package replay

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
)

//go:embed page.html
var pageText string

//go:embed page.css
var pageStyle string

//go:embed page.js
var pageScript string

// pageTemplate escapes by context whatever a report holds. Only pageHead is taken
// as it is: it is made of this program's own files.
var pageTemplate = template.Must(template.New("page").Parse(pageText))

// pageHead is style, script, and a policy that lets the page have these two and
// nothing else: whatever a stranger wrote into it cannot run, load or send.
var pageHead = func() template.HTML {
	sum := func(s string) string {
		h := sha256.Sum256([]byte(s))
		return "'sha256-" + base64.StdEncoding.EncodeToString(h[:]) + "'"
	}
	policy := "default-src 'none'; base-uri 'none'; form-action 'none'; style-src " + sum(pageStyle) + "; script-src " + sum(pageScript)
	return template.HTML(`<meta http-equiv="Content-Security-Policy" content="` + policy + `">` + //nolint:gosec // constants of this package
		"\n<style>" + pageStyle + "</style>\n<script>" + pageScript + "</script>")
}()

// maxOnPage is how many conversations a page shows: a browser has to hold them.
const maxOnPage = 500

// WritePage writes the report as one HTML file that asks nobody for anything.
// Conversations in which something changes come first.
func WritePage(w io.Writer, r *Report) error {
	p := pageView{Head: pageHead, Report: r, Role: roles}
	sorted := slices.Clone(r.Conversations)
	slices.SortStableFunc(sorted, func(a, b *Conversation) int { return b.changed() - a.changed() })
	if len(sorted) > maxOnPage {
		p.Left, sorted = len(sorted)-maxOnPage, sorted[:maxOnPage]
	}
	for _, c := range sorted {
		p.Conversations = append(p.Conversations, c.view())
	}
	p.Guards = r.deciders()
	return pageTemplate.Execute(w, p)
}

// changed is how many cuts of a conversation change outcome.
func (c *Conversation) changed() int {
	n := 0
	for _, cut := range c.Cuts {
		if cut.Change == Outcome {
			n++
		}
	}
	return n
}

// pageView is what the template sees.
type pageView struct {
	Head          template.HTML
	Report        *Report
	Role          []string
	Guards        []string // to filter by
	Conversations []conversationView
	Left          int
}

// Sides are the totals, current first.
func (p pageView) Sides() []*Total { return p.Report.sides() }

// Rows are the outcomes with their counts and shares.
func (p pageView) Rows() []outcomeRow {
	var rows []outcomeRow
	for _, name := range Outcomes {
		row := outcomeRow{Name: name}
		for _, side := range p.Sides() {
			row.Cuts = append(row.Cuts, side.Outcomes[name])
		}
		rows = append(rows, row)
	}
	return rows
}

// Ms is how long the judging took.
func (p pageView) Ms() string { return fmt.Sprintf("%.0f ms", p.Report.JudgedMS) }

// Priced reports whether the model's prices are known.
func (p pageView) Priced() bool { return p.Report.Prices != Prices{} }

// USD shows an amount.
func (p pageView) USD(v float64) string { return usd(v) }

// Objections is how many drafts a side's checks objected to.
func (p pageView) Objections(t *Total) int { return sum(t.Checks) }

type outcomeRow struct {
	Name string
	Cuts []int
}

// Remark says what is odd about a guard.
func (g Guard) Remark() string { return g.remark() }

// deciders are the guards that decided or fired, of both sides, in order.
func (r *Report) deciders() []string {
	var names []string
	for _, side := range r.sides() {
		for _, g := range side.Guards {
			if g.Fired > 0 && !slices.Contains(names, g.Name) {
				names = append(names, g.Name)
			}
		}
		for _, t := range slices.Concat(side.Own, side.Checks) {
			if !slices.Contains(names, t.Name) {
				names = append(names, t.Name)
			}
		}
	}
	return names
}

type conversationView struct {
	*Conversation
	First   string // the prospect's first words
	Changes int
	Steps   []stepView
}

// stepView is a turn, and the cut behind it if there is one.
type stepView struct {
	Turn
	Who  string
	Time string
	Side string // them, us, nobody
	Cut  *cutView
}

type cutView struct {
	*Cut
	N       int
	Way     string
	Guards  string // names between commas, for the filter
	Answers []answerView
}

type answerView struct {
	*Answer
	Role string
	Also string // the guards that fired besides the one that decided
}

func (c *Conversation) view() conversationView {
	v := conversationView{Conversation: c, Changes: c.changed()}
	cuts := map[int]*cutView{}
	for n, cut := range c.Cuts {
		cuts[cut.Turn] = cut.view(n + 1)
	}
	for i, t := range c.Turns {
		s := stepView{Turn: t, Who: writers[t.By], Time: t.At.Format("2 Jan 2006 15:04"), Side: "us", Cut: cuts[i]}
		switch t.By {
		case "prospect":
			s.Side, s.Who = "them", "@"+c.Prospect
		case "unknown":
			s.Side = "nobody"
		}
		if v.First == "" && s.Side == "them" {
			v.First = line(t.Text, 120)
		}
		v.Steps = append(v.Steps, s)
	}
	return v
}

// writers are who wrote a turn, for people.
var writers = map[string]string{
	"bot": "the bot", "api": "another API client", "person": "a person in Inbox", "person-x": "a person in X",
	"campaign": "a campaign", "unsure": "us, nobody knows who", "unknown": "nobody knows who",
}

func (c *Cut) view(n int) *cutView {
	v := &cutView{Cut: c, N: n}
	var guards []string
	for i, a := range c.answers {
		also := slices.DeleteFunc(slices.Clone(a.Fired), func(g string) bool { return g == a.decider() })
		v.Answers = append(v.Answers, answerView{a, roles[i], strings.Join(also, ", ")})
		guards = append(guards, a.Guard, a.Own, a.Check)
		guards = append(guards, a.Fired...)
	}
	v.Guards = "," + strings.Join(guards, ",") + ","
	if c.Change == Outcome {
		a, b := c.compared()
		v.Way = a.name + "-" + b.name
	}
	return v
}
