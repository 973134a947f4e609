package console

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"inboxbot/bot"
	"inboxbot/bot/history"
	"inboxbot/inboxapi"
)

// threadsData is a page of the log and the form that asked for it.
type threadsData struct {
	Form     search
	Outcomes []choice
	Causes   []choice
	Times    []since
	Guards   []string // of the newest decisions, to choose from
	Accounts []string
	Found    []item
	Older    string // the address of the next page, "" on the last
	First    string // the address of the first page, "" on it
}

// choice is one of a list to choose from.
type choice struct{ Name, Words string }

// search is what the form asks for, as its fields hold it.
type search struct{ Person, Outcome, Guard, Cause, Account, Text, Since, Before string }

// since is a stretch of time up to now.
type since struct {
	Name, Words string
	D           time.Duration
}

var times = []since{
	{"", "any time", 0},
	{"1h", "the last hour", time.Hour},
	{"24h", "the last 24 hours", 24 * time.Hour},
	{"7d", "the last 7 days", 7 * 24 * time.Hour},
	{"30d", "the last 30 days", 30 * 24 * time.Hour},
}

const threadsPage = 50

func searchOf(q url.Values) search {
	get := func(name string) string { return line(100, q.Get(name)) }
	return search{get("person"), get("outcome"), get("guard"), get("cause"), get("account"), get("text"), get("since"), get("before")}
}

// filter is what the log is asked for. A value that is none of those the form
// offers finds nothing, as it should.
func (s search) filter(now time.Time) history.Filter {
	f := history.Filter{
		Person: s.Person, Outcome: bot.Action(s.Outcome), Guard: s.Guard, Cause: bot.Cause(s.Cause),
		Account: s.Account, Text: s.Text, Before: s.Before, Limit: threadsPage,
	}
	for _, t := range times {
		if t.Name == s.Since && t.D > 0 {
			f.From = now.Add(-t.D)
		}
	}
	return f
}

// address is that of the page after the decision with the ID before.
func (s search) address(before string) string {
	q := url.Values{}
	for name, value := range map[string]string{
		"person": s.Person, "outcome": s.Outcome, "guard": s.Guard, "cause": s.Cause, "account": s.Account, "text": s.Text, "since": s.Since, "before": before,
	} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return "/threads?" + q.Encode()
}

// Any reports whether anything is asked for.
func (s search) Any() bool { s.Before = ""; return s != search{} }

func (c *Console) threads(w http.ResponseWriter, r *http.Request, v *visit) error {
	s := searchOf(r.URL.Query())
	found, more := c.Log.Query(s.filter(c.Now()))
	d := threadsData{Form: s, Times: times, Found: items(found)}
	for _, o := range []bot.Action{bot.Reply, bot.Handoff, bot.Skip, bot.Wait} {
		d.Outcomes = append(d.Outcomes, choice{string(o), outcomeWord(o)})
	}
	for _, why := range bot.Causes {
		d.Causes = append(d.Causes, choice{string(why), string(why)})
	}
	d.Guards, d.Accounts = c.known()
	if more {
		d.Older = s.address(found[len(found)-1].ID)
	}
	if s.Before != "" {
		d.First = s.address("")
	}
	c.render(w, r, v, page{Title: "Threads", Template: "threads", Data: d})
	return nil
}

// known are the guards and the account links of the newest decisions.
func (c *Console) known() (guards, accounts []string) {
	newest, _ := c.Log.Query(history.Filter{Limit: 1000})
	for _, e := range newest {
		guards, accounts = append(guards, e.Guard), append(accounts, e.Account)
	}
	tidy := func(all []string) []string {
		slices.Sort(all)
		return slices.DeleteFunc(slices.Compact(all), func(s string) bool { return s == "" })
	}
	return tidy(guards), tidy(accounts)
}

// threadData is one thread: what was said, with the decisions where they were made.
type threadData struct {
	ID         string
	Prospect   string
	Account    string
	Tags       []string
	Status     string
	Assignee   string
	Turns      []turnData
	More       bool       // there are older messages
	Unread     string     // why there is no transcript
	Earlier    []decided  // about messages that are not shown
	Older      bool       // there are more decisions than are shown
	Waiting    *bot.Draft // a draft that waits for approval
	Now        time.Time
	AskAllowed bool
}

// turnData is a message and what was decided about it.
type turnData struct {
	bot.Turn
	Who     string
	Decided []decided
}

// decided is a decision; with Open, how it came about is shown at once.
type decided struct {
	item
	Detail *history.Detail
	Open   bool
}

const (
	threadDecisions = 50
	readTimeout     = 10 * time.Second
)

func (c *Console) thread(w http.ResponseWriter, r *http.Request, v *visit) error {
	id := r.PathValue("id")
	entries, older := c.Log.Query(history.Filter{Thread: id, Limit: threadDecisions})
	d := threadData{ID: id, Older: older, Now: c.Now()}
	conv, why := c.transcript(r.Context(), id)
	if conv == nil && len(entries) == 0 {
		return problem(http.StatusNotFound, "Nothing is known of this thread. %s", why)
	}
	d.Unread = why
	if len(entries) > 0 {
		d.Prospect, d.Account = entries[0].Prospect, entries[0].Account
	}
	all := c.decisions(r, entries)
	if conv != nil {
		d.from(conv)
		all = d.place(all)
	}
	d.Earlier = all
	d.AskAllowed = v.Operator()
	c.render(w, r, v, page{Title: "@" + line(30, d.Prospect), Template: "thread", Data: d})
	return nil
}

// decisions are the entries, the newest one, or the one the address names, with
// how it came about.
func (c *Console) decisions(r *http.Request, entries []history.Entry) []decided {
	open := r.URL.Query().Get("open")
	var all []decided
	for i, e := range entries {
		one := decided{item: itemOf(e)}
		if e.ID == open || open == "" && i == 0 {
			one.Open = true
			if d, err := c.detail(r.Context(), e.ID); err == nil {
				one.Detail = &d
			}
		}
		all = append(all, one)
	}
	return all
}

// transcript reads the thread, unless much was asked of late. why says what is
// wrong, "" when nothing is.
func (c *Console) transcript(ctx context.Context, id string) (conv *bot.Conversation, why string) {
	if !c.asks.may() {
		return nil, "Much was looked at in a short time, and every look costs requests that answering needs. Reload in a few seconds."
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	conv, err := c.Bot.Conversation(ctx, id)
	switch {
	case err == nil:
		return conv, ""
	case notFound(err):
		return nil, "Inbox does not have it (any more)."
	case conv != nil:
		return conv, "Not all messages can be read."
	}
	c.Logger.Warn("console transcript", "thread", id, "err", err)
	return nil, "Inbox did not give the messages just now. Reload to try again; the log says more."
}

// from takes over what was read.
func (d *threadData) from(conv *bot.Conversation) {
	d.Prospect, d.Account = conv.Thread.Prospect.Username, cmp.Or(conv.Account.Username, d.Account)
	d.Tags, d.Status, d.Assignee, d.More = conv.Tags, conv.Status, conv.Assignee, conv.More
	for _, t := range conv.Turns {
		d.Turns = append(d.Turns, turnData{Turn: t, Who: whoWrote(t, d.Prospect)})
	}
}

// place puts the decisions behind the messages they are about, the oldest first,
// and returns those about none of them.
func (d *threadData) place(all []decided) []decided {
	at := map[string]int{}
	for i, t := range d.Turns {
		at[t.ID] = i
	}
	var rest []decided
	for _, one := range all {
		if i, ok := at[one.Message]; ok {
			d.Turns[i].Decided = slices.Insert(d.Turns[i].Decided, 0, one)
		} else {
			rest = append(rest, one)
		}
	}
	return rest
}

// whoWrote names the hand behind a message.
func whoWrote(t bot.Turn, prospect string) string {
	switch t.Side {
	case bot.SideProspect:
		return "@" + line(30, prospect)
	case bot.SideUnknown:
		return "Nobody knows who"
	case bot.SideOurs:
	}
	switch t.Writer {
	case bot.WriterBot:
		return "This bot"
	case bot.WriterAPI:
		return "Another tool"
	case bot.WriterPerson:
		return "A person in Inbox"
	case bot.WriterPersonX:
		return "A person in X"
	case bot.WriterCampaign:
		return "A campaign"
	case bot.WriterUnsure, bot.WriterNone:
	}
	return "Our side, by an unknown hand"
}

func (c *Console) detail(ctx context.Context, id string) (history.Detail, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return c.Details.LogDetail(ctx, id)
}

// decision is how one decision came about: a part of a page for htmx, which puts
// it where it belongs, and the thread's page with it open for everybody else.
func (c *Console) decision(w http.ResponseWriter, r *http.Request, v *visit) error {
	e, ok := c.Log.Entry(r.PathValue("id"))
	if !ok {
		return problem(http.StatusNotFound, "This decision is not kept any more.")
	}
	if r.Header.Get("HX-Request") == "" {
		http.Redirect(w, r, "/threads/"+url.PathEscape(e.Thread)+"?open="+url.QueryEscape(e.ID)+"#d"+e.ID, http.StatusSeeOther)
		return nil
	}
	one := decided{item: itemOf(e), Open: true}
	if d, err := c.detail(r.Context(), e.ID); err == nil {
		one.Detail = &d
	}
	return c.part(w, "how", one)
}

// explainData is what explain printed.
type explainData struct {
	ID, Prospect, Text string
	Asked              bool
	AskAllowed         bool
	CSRF               string
}

// explain shows what the command prints. Asking the model too is for operators: it
// costs money.
func (c *Console) explain(w http.ResponseWriter, r *http.Request, v *visit) error {
	id, ask := r.PathValue("id"), r.Method == http.MethodPost
	if !c.asks.may() {
		return problem(http.StatusTooManyRequests, "Much was looked at in a short time, and every look costs requests that answering needs. Try again in a few seconds.")
	}
	if ask {
		c.audit(v, "explain with the model", id)
	}
	timeout := readTimeout
	if ask {
		timeout = 2 * time.Minute // the model's own time is shorter
	}
	ctx, cancel := context.WithTimeout(r.Context(), timeout)
	defer cancel()
	var text strings.Builder
	if err := c.Bot.Explain(ctx, id, ask, &text); notFound(err) {
		return problem(http.StatusNotFound, "Inbox does not have this thread (any more).")
	} else if err != nil && text.Len() == 0 {
		return err
	}
	d := explainData{ID: id, Text: text.String(), Asked: ask, AskAllowed: v.Operator(), CSRF: v.CSRF}
	if newest, _ := c.Log.Query(history.Filter{Thread: id, Limit: 1}); len(newest) > 0 {
		d.Prospect = newest[0].Prospect
	}
	if r.Header.Get("HX-Request") != "" {
		return c.part(w, "explained", d)
	}
	c.render(w, r, v, page{Title: "Explain", Template: "explain", Data: d})
	return nil
}

func notFound(err error) bool { return errors.Is(err, inboxapi.ErrNotFound) }
