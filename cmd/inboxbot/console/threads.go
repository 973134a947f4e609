package console

import (
	"net/http"
	"net/url"
	"slices"
	"time"

	"inboxbot/bot"
	"inboxbot/bot/history"
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
