package console

import (
	"context"
	"fmt"
	"strings"
	"time"

	"inboxbot/bot"
)

// level is how bad something is. Pages show it by colour, sign and words.
type level string

const (
	well   level = "well"
	mind   level = "mind" // somebody should know
	urgent level = "urgent"
)

// headline is the bot's well-being in one sentence.
type headline struct {
	Level level
	Text  string
	More  []string // what else there is to say
	Todo  string   // the drafts that wait for approval, in words
}

// sign is one thing the bot needs or does, and how that is.
type sign struct {
	Name  string
	Level level
	Text  string
	Share float64 // of a bound, for a bar; negative: there is no bound
}

// headline puts the worst first. It tells what this process knows: of several, the
// one that polls knows who waits for the bot. Who waits for the team to approve a
// draft waits too.
func (c *Console) headline(h bot.Health, p pauseState, drafts sign) headline {
	one := c.wellBeing(h, p)
	one.Todo = drafts.Text
	if one.Level == well && drafts.Level == mind {
		return headline{Level: mind, Text: "Mind this: " + drafts.Text, Todo: "See the drafts"}
	}
	return one
}

// wellBeing is the headline without the drafts.
func (c *Console) wellBeing(h bot.Health, p pauseState) headline {
	var urgents, minds []string
	for _, s := range append(c.signs(h), c.waits(h, p)...) {
		switch s.Level {
		case urgent:
			urgents = append(urgents, s.Text)
		case mind:
			minds = append(minds, s.Text)
		case well:
		}
	}
	switch {
	case len(urgents) > 0:
		return headline{Level: urgent, Text: "Look here: " + urgents[0], More: append(urgents[1:], minds...)}
	case p.On:
		return headline{Level: mind, Text: "Paused: nothing is sent.", More: minds}
	case len(minds) > 0:
		return headline{Level: mind, Text: "Mind this: " + minds[0], More: minds[1:]}
	case h.LastSweep.IsZero() && h.Leads:
		return headline{Level: mind, Text: "Starting: the inbox has not been read yet."}
	case !h.Leads && h.Waiting == 0:
		return headline{Level: well, Text: "All is well here; another process reads the inbox."}
	case h.Waiting == 0:
		return headline{Level: well, Text: "All is well: nobody waits for the bot."}
	}
	return headline{Level: well, Text: "All is well: nobody has waited longer than " + span(roundUp(h.OldestUnanswered)) + "."}
}

// roundUp keeps a sentence from changing with every second.
func roundUp(d time.Duration) time.Duration {
	step := 10 * time.Second
	if d >= time.Minute {
		step = time.Minute
	}
	return (d + step - 1).Truncate(step)
}

// waits says whether people wait too long.
func (c *Console) waits(h bot.Health, p pauseState) []sign {
	if h.OldestUnanswered < c.SLO || h.Waiting == 0 {
		return nil
	}
	text := fmt.Sprintf("somebody has waited for %s.", span(h.OldestUnanswered))
	if h.Waiting > 1 {
		text = fmt.Sprintf("somebody has waited for %s, and %d wait in all.", span(h.OldestUnanswered), h.Waiting)
	}
	if p.On {
		text = "paused, and " + text
	}
	return []sign{{Level: urgent, Text: text}}
}

// mostDrafts is how many drafts are counted.
const mostDrafts = 100

// draftSign says how many people wait for the team to approve a draft, nothing when
// none do or that cannot be told.
func (c *Console) draftSign(ctx context.Context, p pauseState) sign {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	if p.Unknown {
		return sign{Level: well}
	}
	found, err := c.Drafts.WaitingDrafts(ctx, mostDrafts)
	if err != nil || len(found) == 0 {
		return sign{Level: well}
	}
	oldest := c.Now().Sub(found[0].MadeAt)
	s := sign{Level: well, Text: "1 draft waits for approval"}
	if n := len(found); n > 1 {
		s.Text = fmt.Sprintf("%d drafts wait for approval", n)
		if n == mostDrafts {
			s.Text = fmt.Sprintf("%d drafts or more wait for approval", n)
		}
	}
	if oldest >= c.SLO {
		s.Level = mind
		s.Text += ", the first for " + span(roundUp(oldest))
	}
	s.Text += "."
	return s
}

const (
	modelAway = time.Minute
	sweepLate = 15 * time.Minute
)

// signs are what the bot depends on.
func (c *Console) signs(h bot.Health) []sign {
	all := []sign{c.inboxSign(h), modelSign(h), storeSign(h), accountSign(h), doubtSign(h), c.generationSign()}
	return append(append(all, budgetSigns(h)...), c.quotaSign())
}

func (c *Console) inboxSign(h bot.Health) sign {
	s := sign{Name: "Inbox", Level: well, Share: -1}
	switch {
	case h.TokenRefused != nil:
		s.Level, s.Text = urgent, "Inbox does not take the token, so nothing is read or answered. Set INBOX_API_TOKEN to a new one and restart."
	case h.SweepErr != nil:
		s.Level, s.Text = mind, "the inbox could not be read at the last try; messages wait meanwhile."
	case !h.Leads:
		s.Text = "read by another process"
	case h.LastSweep.IsZero():
		s.Text = "not read yet"
	case time.Since(h.LastSweep) > sweepLate:
		s.Level, s.Text = urgent, "the inbox was last read "+ago(h.LastSweep, time.Now())+"."
	default:
		s.Text = "read " + ago(h.LastSweep, time.Now())
	}
	return s
}

func modelSign(h bot.Health) sign {
	switch {
	case h.ModelDown > modelAway:
		return sign{"Model", urgent, "the model has not answered for " + span(h.ModelDown) + ".", -1}
	case h.ModelDown > 0:
		return sign{"Model", mind, "the model did not answer the last time.", -1}
	}
	return sign{"Model", well, "no trouble", -1}
}

func storeSign(h bot.Health) sign {
	if h.StoreErr != nil {
		return sign{"Redis", urgent, "Redis does not answer, so nothing is sent.", -1}
	}
	if h.Quarantine > 0 {
		return sign{"Redis", mind, "nothing is sent for " + span(roundUp(h.Quarantine)) + ": Redis does not know what was sent before, for it was emptied, failed over, or is new to this team.", -1}
	}
	return sign{"Redis", well, "answers", -1}
}

func accountSign(h bot.Health) sign {
	switch n := len(h.AccountsOffline); n {
	case 0:
		return sign{"Account links", well, "online", -1}
	case 1:
		return sign{"Account links", urgent, "the account @" + line(30, h.AccountsOffline[0]) + " is offline: its threads wait.", -1}
	default:
		return sign{"Account links", urgent, fmt.Sprintf("%d accounts are offline: %s.", n, line(120, "@"+strings.Join(h.AccountsOffline, ", @"))), -1}
	}
}

func (c *Console) generationSign() sign {
	g := c.generation()
	switch {
	case g.Hash == "":
		return sign{"Rules and prompts", urgent, "there are no rules and prompts to answer by.", -1}
	case g.Refused != nil:
		return sign{"Rules and prompts", mind, "the newest rules or prompts are broken; " + g.Hash + " stays in force.", -1}
	}
	return sign{"Rules and prompts", well, "generation " + g.Hash + " since " + g.Since.In(c.Zone).Format("2 Jan 15:04"), -1}
}

func doubtSign(h bot.Health) sign {
	switch n := h.InDoubt; n {
	case 0:
		return sign{"Sends", well, "none in doubt", -1}
	case 1:
		return sign{"Sends", mind, "whether one message arrived is being looked up; it is not sent again meanwhile.", -1}
	default:
		return sign{"Sends", mind, fmt.Sprintf("whether %d messages arrived is being looked up; they are not sent again meanwhile.", n), -1}
	}
}

// budgetSigns are those of the budgets there are.
func budgetSigns(h bot.Health) []sign {
	var all []sign
	for _, b := range []struct {
		what string
		used float64
	}{{"tokens", h.TokensUsed}, {"money", h.USDUsed}} {
		switch {
		case b.used >= 1:
			all = append(all, sign{"Budget of " + b.what, urgent, "the day's budget of " + b.what + " is used up: people get every message until midnight.", b.used})
		case b.used >= 0.8:
			all = append(all, sign{"Budget of " + b.what, mind, fmt.Sprintf("%.0f %% of the day's budget of %s is used.", 100*b.used, b.what), b.used})
		case b.used > 0:
			all = append(all, sign{"Budget of " + b.what, well, fmt.Sprintf("%.0f %% used today", 100*b.used), b.used})
		}
	}
	if len(all) == 0 {
		return []sign{{"Budget", well, "none is set, or nothing of it is used today", -1}}
	}
	return all
}

func (c *Console) quotaSign() sign {
	q := c.Quota()
	if q.Limit <= 0 {
		return sign{"API requests", well, "Inbox has not told of a limit", -1}
	}
	used := 1 - float64(q.Remaining)/float64(q.Limit)
	return sign{"API requests", well, fmt.Sprintf("%d of %d left in this window", q.Remaining, q.Limit), used}
}
