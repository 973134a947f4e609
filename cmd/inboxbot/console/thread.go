package console

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"inboxbot/bot"
	"inboxbot/bot/history"
	"inboxbot/inboxapi"
)

// threadData is one thread: what was said, with the decisions where they were made.
type threadData struct {
	ID       string
	Prospect string
	Account  string
	Tags     []string
	Status   string
	Assignee string
	Turns    []turnData
	More     bool      // there are older messages
	Unread   string    // why there is no transcript, or not all of it
	Earlier  []decided // about messages that are not shown
	Older    bool      // there are more decisions than are shown
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
	d := threadData{ID: id, Older: older}
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

func notFound(err error) bool { return errors.Is(err, inboxapi.ErrNotFound) }
