package console

import (
	"net/http"
	"net/url"
	"slices"

	"inboxbot/bot/history"
)

// shadowData is how often the bot would have done and said what people did.
type shadowData struct {
	Periods   []period
	Period    period
	Guards    []shadowGuard
	All       history.Agreement // the counts of all guards together
	Shadowing bool              // this bot works in the shadow
}

// shadowGuard is one guard's part, with the words of what is furthest apart and of
// what it would have missed.
type shadowGuard struct {
	history.Agreement
	Apart, Misses []shadowCase
}

// shadowCase is a person's answer beside a draft, or beside nothing; without the words when they are no
// longer kept.
type shadowCase struct {
	history.Entry
	Words *history.Compared
}

// mostCases bounds what the page reads of the store.
const mostCases = 40

func (c *Console) shadow(w http.ResponseWriter, r *http.Request, v *visit) error {
	c.render(w, r, v, page{Title: "Shadow", Template: "shadow", Data: c.shadowOf(r, r.URL.Query())})
	return nil
}

func (c *Console) shadowOf(r *http.Request, q url.Values) shadowData {
	d := shadowData{Periods: periods, Period: periods[1], Shadowing: c.Mode == "shadow"}
	if i := slices.IndexFunc(d.Periods, func(p period) bool { return p.Name == q.Get("for") }); i >= 0 {
		d.Period = d.Periods[i]
	}
	left := mostCases
	for _, a := range c.Log.Shadow(history.Filter{From: d.Period.since(c.Now().In(c.Zone))}) {
		d.All.Decided += a.Decided
		d.All.SameOutcome += a.SameOutcome
		d.All.Unanswered += a.Unanswered
		d.All.Missed += a.Missed
		d.All.Compared += a.Compared
		d.All.SameFacts += a.SameFacts
		d.Guards = append(d.Guards, shadowGuard{a, c.casesOf(r, a.Worst, &left), c.casesOf(r, a.Misses, &left)})
	}
	return d
}

// casesOf reads the words of comparisons, as long as some are left to be read.
func (c *Console) casesOf(r *http.Request, entries []history.Entry, left *int) []shadowCase {
	var cases []shadowCase
	for _, e := range entries {
		one := shadowCase{Entry: e}
		if *left--; *left >= 0 {
			if detail, err := c.detail(r.Context(), e.ID); err == nil {
				one.Words = detail.Shadow
			}
		}
		cases = append(cases, one)
	}
	return cases
}
