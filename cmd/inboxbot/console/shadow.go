package console

import (
	"net/http"
	"net/url"
	"slices"

	"inboxbot/bot/history"
)

// shadowData is how often drafts that nobody saw would have said what people did.
type shadowData struct {
	Periods   []period
	Period    period
	Guards    []shadowGuard
	Compared  int
	SameFacts int
	Alone     int  // drafts to which nobody answered anything
	Shadowing bool // this bot works in the shadow
}

// shadowGuard is one guard's part, with what is furthest apart.
type shadowGuard struct {
	history.Agreement
	Cases []shadowCase
}

// shadowCase is a draft beside an answer; without the words when they are no
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
	cases := 0
	for _, a := range c.Log.Shadow(history.Filter{From: d.Period.since(c.Now().In(c.Zone))}) {
		d.Compared += a.Compared
		d.SameFacts += a.SameFacts
		d.Alone += a.Unanswered
		g := shadowGuard{Agreement: a}
		for _, e := range a.Worst {
			one := shadowCase{Entry: e}
			if cases++; cases <= mostCases {
				if detail, err := c.detail(r.Context(), e.ID); err == nil {
					one.Words = detail.Shadow
				}
			}
			g.Cases = append(g.Cases, one)
		}
		d.Guards = append(d.Guards, g)
	}
	return d
}
