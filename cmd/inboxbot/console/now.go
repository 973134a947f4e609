package console

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"inboxbot/bot/history"
)

// nowData is the first page. It holds no form: it is rendered once for everybody
// who looks.
type nowData struct {
	Headline headline
	Manner   string // what it does not do, "" when it answers
	Signs    []sign // what the bot needs, each with how it is
	Today    history.Numbers
	Waiting  int               // people who should have an outcome and have none
	Oldest   time.Duration     // how long the first of them has waited
	Waits    []history.Waiting // people who wait because a guard says so
	Feed     []item
	Deeds    []deed
	Behind   bool // the log cannot be followed
	Reading  bool // it has not been read to its end yet
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

const (
	feedLength = 20
	waitsBack  = 48 * time.Hour // who was told to wait before that is forgotten here
)

// manners say what a mode leaves out.
var manners = map[string]string{
	"dry-run": "This is a dry run: outcomes are decided and shown here, nothing is sent, tagged or written.",
	"shadow":  "It works in the shadow: drafts are kept and compared with what people answer, nothing is sent.",
	"draft":   "Replies wait for a person's approval before they are sent.",
}

// waitWords say what the people wait for whom a guard has wait, "" for those whose
// draft waits for approval.
func waitWords(w history.Waiting) string {
	return cmp.Or(guardWords[w.Guard], w.Reason)
}

// guardWords are waitWords of the bot's own guards.
var guardWords = map[string]string{
	"settling":         "for the prospect to finish writing",
	"person-took-over": "a person took over",
	"account-offline":  "for the account to be online again",
	"syncing":          "for Inbox to import the thread",
}

func (c *Console) nowData(ctx context.Context) nowData {
	h, now := c.Bot.Health(), c.Now().In(c.Zone)
	midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, c.Zone)
	ready, behind := c.Log.State()
	pause := c.pauseState(ctx)
	return nowData{
		Headline: c.headline(h, pause, c.draftSign(ctx, pause)), Manner: manners[c.Mode],
		Signs:   c.signs(h),
		Today:   c.Log.Numbers(midnight, now.Add(time.Second), ""),
		Waiting: h.Waiting, Oldest: h.OldestUnanswered,
		Waits: c.Log.Waiting(now.Add(-waitsBack)),
		Feed:  c.news(), Deeds: c.audits.all(), Behind: behind != nil, Reading: !ready,
	}
}
