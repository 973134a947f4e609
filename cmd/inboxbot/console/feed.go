package console

import (
	"fmt"
	"slices"
	"time"

	"inboxbot/bot"
	"inboxbot/bot/history"
)

// item is a decision as people read it: "Answered @ann after 14 s".
type item struct {
	history.Entry
	Did   string // Answered, Would hand over, …
	How   string // after 14 s; may be empty
	Words string // what was said, or why; data from outside
}

// news are the decisions worth telling of: who only pauses for the prospect to
// finish writing has decided nothing.
func (c *Console) news() []item {
	newest, _ := c.Log.Query(history.Filter{Limit: 3 * feedLength})
	newest = slices.DeleteFunc(newest, func(e history.Entry) bool { return e.Outcome == bot.Wait && e.Guard == "settling" })
	return items(newest[:min(feedLength, len(newest))])
}

func items(entries []history.Entry) []item {
	var out []item
	for _, e := range entries {
		out = append(out, itemOf(e))
	}
	return out
}

func itemOf(e history.Entry) item {
	it := item{Entry: e, Words: e.Reason}
	sent := e.Mode == "live" || e.Mode == "draft"
	switch {
	case e.Outcome == bot.Reply && sent:
		it.Did, it.Words = "Answered", e.Reply
		it.How = "after " + span(time.Duration(e.WaitedMS)*time.Millisecond)
	case e.Outcome == bot.Reply:
		it.Did, it.Words = "Would answer", e.Reply
	case e.Outcome == bot.Handoff && sent:
		it.Did = "Handed over"
	case e.Outcome == bot.Handoff:
		it.Did = "Would hand over"
	case e.Outcome == bot.Wait && e.Reply != "":
		it.Did, it.How, it.Words = "Drafted", "for approval", e.Reply
	case e.Outcome == bot.Wait:
		it.Did = "Waits"
	default:
		it.Did = "Left alone"
	}
	return it
}

// Who is the person it was about.
func (it item) Who() string { return "@" + line(30, it.Prospect) }

// Said reports whether Words are the bot's to the prospect, and not a reason.
func (it item) Said() bool { return it.Reply != "" && it.Words == it.Reply }

// Result is the outcome in a word.
func (it item) Result() string { return outcomeWord(it.Outcome) }

func outcomeWord(o bot.Action) string {
	switch o {
	case bot.Reply:
		return "answered"
	case bot.Handoff:
		return "handed over"
	case bot.Skip:
		return "left alone"
	case bot.Wait:
		return "waits"
	}
	return string(o)
}

// Facts are what else is known of the decision, a few words each.
func (it item) Facts() []string {
	var facts []string
	if it.ElapsedMS > 0 {
		facts = append(facts, "in "+span(time.Duration(it.ElapsedMS)*time.Millisecond))
	}
	if n := it.Tokens.Total(); n > 0 {
		facts = append(facts, fmt.Sprintf("%d tokens in, %d out", it.Tokens.In, it.Tokens.Out))
	}
	if it.Tokens.Cached > 0 {
		facts = append(facts, fmt.Sprintf("%d of them cached", it.Tokens.Cached))
	}
	if it.USD > 0 {
		facts = append(facts, money(it.USD))
	}
	if it.Confidence > 0 {
		facts = append(facts, fmt.Sprintf("confidence %.2f", it.Confidence))
	}
	if it.Language != "" {
		facts = append(facts, "language "+line(20, it.Language))
	}
	return append(facts, it.Mode, "rules "+it.Generation)
}
