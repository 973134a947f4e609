package main

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"inboxbot/bot"
	"inboxbot/bot/redisstore"
	"inboxbot/cmd/inboxbot/console"
	"inboxbot/rules"
)

// rulebook is the rules and prompts of this process, for the console.
type rulebook struct{ *generations }

// Texts implements console.Rules.
func (g rulebook) Texts() (files map[string]string, where string) {
	now := g.value.Get()
	src, where := now.from, "They are "+now.from.rulesName+" and "+now.from.promptsName+"; an edit there is in force within two seconds."
	switch {
	case g.cfg.FromRedis() && now.Guards == nil:
		src, _ = configured(Config{})
		where = "Nothing is published yet. The files below are the built-in ones, to begin with."
	case g.cfg.FromRedis():
		where = "It is published in Redis, for every process of the team."
	case now.from.hash == "":
		where = "It is built into the program. BOT_RULES and BOT_PROMPTS name files of your own."
	}
	files, err := src.texts()
	if err != nil {
		where += " They cannot be shown just now: " + err.Error()
	}
	return files, where
}

// Try implements console.Rules.
func (g rulebook) Try(when string, check bool) (*rules.Trial, error) {
	set := g.value.Get().rules
	if set == nil {
		return nil, errors.New("there are no rules in force whose hours and time zone it could be tried with")
	}
	return set.Try(when, check)
}

// pressroom publishes rules and prompts from the console.
type pressroom struct {
	*generations
	*redisstore.Store
}

// Check implements console.Publisher.
func (p pressroom) Check(files map[string]string, hash string) console.Checked {
	for name := range files {
		if name != rulesFile && !isPrompt(name) || strings.ContainsAny(name, `/\`) {
			return console.Checked{Problems: fmt.Sprintf("%q: a generation has %s, templates (NAME.tmpl) and texts (NAME.md), nothing else", clip(name, 80), rulesFile)}
		}
	}
	if n := sizeOf(files); n > redisstore.MaxGeneration {
		return console.Checked{Problems: fmt.Sprintf("%d KB of rules and prompts: a generation is at most %d KB", n>>10, redisstore.MaxGeneration>>10)}
	}
	src := publishedSource(hash, files)
	src.rulesName, src.promptsName = rulesFile, "prompts"
	src.back = hash != ""
	next, err := p.try(src, needReplier)
	if err != nil {
		return console.Checked{Hash: hash, Problems: err.Error()}
	}
	out := console.Checked{Hash: next.Hash}
	if now := p.value.Get(); now.rules != nil {
		out.Tried, out.Changes = changes(now.rules, next.rules, p.lately())
	}
	return out
}

// lately are the conversations this process has read last.
func (g *generations) lately() []*bot.Conversation {
	if recent := g.recent.Load(); recent != nil {
		return (*recent)()
	}
	return nil
}

// changes are the conversations that the authors' guards of two generations decide
// otherwise.
func changes(now, next *rules.Set, recent []*bot.Conversation) (tried int, out []console.Change) {
	for _, c := range recent {
		before, after := verdictWords(now.Judge(c)), verdictWords(next.Judge(c))
		if before == after {
			continue
		}
		one := console.Change{Thread: c.Thread.ID, Prospect: c.Thread.Prospect.Username, Before: before, After: after}
		if last, ok := c.Last(); ok {
			one.Asked = last.Text
		}
		out = append(out, one)
	}
	return len(recent), out
}

// verdictWords is what a verdict comes to: the action and the guard.
func verdictWords(v bot.Verdict) string {
	action := cmp.Or(string(v.Outcome.Action), "needs the messages")
	if v.Outcome.Approve {
		action = "draft"
	}
	if v.Outcome.Prompt != "" {
		action += " with " + v.Outcome.Prompt
	}
	return action + ", guard " + v.Guard
}

// publisher is where the console publishes, nil where rules and prompts are files.
func (w *parts) publisher() console.Publisher {
	if w.cfg.FromRedis() {
		return pressroom{w.live, w.store}
	}
	return nil
}
