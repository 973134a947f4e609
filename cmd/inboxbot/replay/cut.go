package replay

import (
	"fmt"
	"strings"
	"time"

	"inboxbot/bot"
)

// cut takes the conversations apart where the prospect had written and our side
// had not yet, and adds them to r.
func (p *player) cut(past Corpus, r *Report) []*Cut {
	var all []*Cut
	for _, whole := range past.Past {
		c := newConversation(whole)
		for i, t := range whole.Turns {
			if t.Side != bot.SideProspect || i+1 < len(whole.Turns) && whole.Turns[i+1].Side == bot.SideProspect {
				continue
			}
			then := asOf(whole, i, p.Settle)
			c.Cuts = append(c.Cuts, &Cut{
				ID: fmt.Sprintf("%s#%d", c.ID, len(c.Cuts)+1), Turn: i, At: then.Now, Said: saidIn(then), then: then,
			})
		}
		if len(c.Cuts) > 0 {
			r.Conversations = append(r.Conversations, c)
			all = append(all, c.Cuts...)
		}
	}
	return all
}

// asOf is the conversation as it was once turn i had settled. What the ledger
// knew then is made up from the turns: the bot's own messages, and no more.
func asOf(whole *bot.Conversation, i int, settle time.Duration) *bot.Conversation {
	c := *whole
	c.Read = true
	c.Turns = whole.Turns[: i+1 : i+1]
	c.Now = c.Turns[i].At.Add(settle)
	c.Record = bot.Record{Thread: c.Thread.ID, Own: map[string]time.Time{}}
	for _, t := range c.Turns {
		if t.Writer == bot.WriterBot {
			c.Record.Own[t.ID] = t.At
		}
	}
	return &c
}

// saidIn is what waits for an answer, in one text.
func saidIn(c *bot.Conversation) string {
	var texts []string
	for _, t := range c.Unanswered() {
		texts = append(texts, words(t))
	}
	return strings.Join(texts, "\n")
}

// words are a turn's text and the kinds of its media.
func words(t bot.Turn) string {
	if len(t.Media) == 0 {
		return t.Text
	}
	return strings.TrimSpace(t.Text + " [" + strings.Join(t.Media, ", ") + "]")
}
