package console

import (
	"context"
	"net/http"
	"strings"
	"time"

	"inboxbot/bot/history"
)

// explainData is what explain printed.
type explainData struct {
	ID, Prospect, Text string
	Asked              bool // the model too
}

// askTimeout is for the model to answer as well, which may take BOT_MODEL_TIMEOUT.
const askTimeout = 2 * time.Minute

// explain shows what the command prints. Asking the model too is for operators: it
// costs money.
func (c *Console) explain(w http.ResponseWriter, r *http.Request, v *visit) error {
	id, ask := r.PathValue("id"), r.Method == http.MethodPost
	if !c.asks.may() {
		return problem(http.StatusTooManyRequests, "Much was looked at in a short time, and every look costs requests that answering needs. Try again in a few seconds.")
	}
	timeout := readTimeout
	if ask {
		timeout = askTimeout
		c.audit(v, "explain with the model", id)
	}
	ctx, cancel := context.WithTimeout(r.Context(), timeout)
	defer cancel()
	var text strings.Builder
	if err := c.Bot.Explain(ctx, id, ask, &text); notFound(err) {
		return problem(http.StatusNotFound, "Inbox does not have this thread (any more).")
	} else if err != nil && text.Len() == 0 {
		return err
	}
	d := explainData{ID: id, Text: text.String(), Asked: ask}
	if newest, _ := c.Log.Query(history.Filter{Thread: id, Limit: 1}); len(newest) > 0 {
		d.Prospect = newest[0].Prospect
	}
	if r.Header.Get("HX-Request") != "" {
		return c.part(w, "explained", d)
	}
	c.render(w, r, v, page{Title: "Explain", Template: "explain", Data: d})
	return nil
}
