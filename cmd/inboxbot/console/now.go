package console

import (
	"context"
	"net/http"
	"time"

	"inboxbot/bot"
	"inboxbot/bot/history"
)

// nowData is the first page. It holds no form: it is rendered once for everybody
// who looks.
type nowData struct {
	Headline headline
	Signs    []sign // what the bot needs, each with how it is
	Today    history.Numbers
	Waiting  int
	Oldest   time.Duration
	Feed     []item
	Deeds    []deed
	Behind   bool // the log cannot be followed
}

func (c *Console) now(w http.ResponseWriter, r *http.Request, v *visit) error {
	c.render(w, r, v, page{Title: "Now", Template: "now", Data: c.nowData(r.Context())})
	return nil
}

// nowEvents are the parts of the first page, for those who watch it.
func (c *Console) nowEvents(ctx context.Context) []event {
	d := c.nowData(ctx)
	var all []event
	for _, name := range []string{"headline", "status", "feed"} {
		html, err := c.fragment(name, d)
		if err != nil {
			c.Logger.Error("console page", "page", name, "err", err)
			continue
		}
		all = append(all, event{name, html})
	}
	return all
}

const feedLength = 20

func (c *Console) nowData(ctx context.Context) nowData {
	h, now := c.Bot.Health(), c.Now().In(c.Zone)
	midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, c.Zone)
	newest, _ := c.Log.Query(history.Filter{Limit: feedLength})
	_, behind := c.Log.State()
	return nowData{
		Headline: c.headline(h, c.pauseState(ctx)),
		Signs:    c.signs(h),
		Today:    c.Log.Numbers(midnight, now.Add(time.Second), ""),
		Waiting:  h.Waiting, Oldest: h.OldestUnanswered,
		Feed: items(newest), Deeds: c.audits.all(), Behind: behind != nil,
	}
}

// item is a decision as the feed tells it.
type item struct {
	history.Entry
	Sentence string
}

func items(entries []history.Entry) []item {
	var out []item
	for _, e := range entries {
		out = append(out, item{e, sentence(e)})
	}
	return out
}

// sentence says what was decided, without whose words it was about.
func sentence(e history.Entry) string {
	who := "@" + line(30, e.Prospect)
	sent := e.Mode == "live" || e.Mode == "draft"
	switch {
	case e.Outcome == bot.Reply && sent:
		return "Answered " + who + " after " + span(time.Duration(e.WaitedMS)*time.Millisecond)
	case e.Outcome == bot.Reply:
		return "Would answer " + who
	case e.Outcome == bot.Handoff && sent:
		return "Handed over " + who
	case e.Outcome == bot.Handoff:
		return "Would hand over " + who
	case e.Outcome == bot.Wait:
		return "Waits with " + who
	}
	return "Left " + who + " alone"
}
