package replay

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"inboxbot/bot"
)

// judge asks the guards of both sides about a cut, and builds the prompts of
// those that reply.
func (p *player) judge(c *Cut) {
	answers := make([]*Answer, len(p.sides))
	for i, side := range p.sides {
		answers[i] = p.answer(side, c.then)
	}
	c.answers, c.Current = answers, answers[0]
	if len(answers) == 2 {
		c.Candidate = answers[1]
	}
	c.Change = c.kind()
}

// answer is what one side says of a conversation before a model is asked.
func (p *player) answer(side Side, c *bot.Conversation) *Answer {
	a := &Answer{Fired: []string{}}
	guards := &reached{Guards: side.Guards}
	gen := side.Generation
	gen.Guards = guards
	v := bot.Judge(p.Config, gen, c)
	if !guards.yes { // one of the bot's own decided
		a.Own = v.Guard
		if !p.OwnGuards {
			v = side.Guards.Judge(c)
		}
	}
	a.verdict, a.all = v, side.JudgeAll(c)
	for _, check := range a.all {
		switch {
		case check.Err != nil:
			a.Failed = append(a.Failed, check.Guard+": "+check.Err.Error())
		case check.Fired:
			a.Fired = append(a.Fired, check.Guard)
		}
	}
	// Without a model nothing of it can fail: a prompt that cannot be built is a verdict.
	th, _ := bot.RehearseFrom(context.Background(), p.Config, side.Generation, nil, c, v)
	a.verdict.Outcome = th.Verdict.Outcome
	a.take(th)
	a.judged = a.outcome()
	return a
}

// reached notices whether the guards of a rule file were asked.
type reached struct {
	bot.Guards
	yes bool
}

// Judge implements bot.Guards.
func (r *reached) Judge(c *bot.Conversation) bot.Verdict {
	r.yes = true
	return r.Guards.Judge(c)
}

// take is what came of a rehearsal.
func (a *Answer) take(th bot.Thought) {
	o := th.Verdict.Outcome
	a.Outcome, a.Guard, a.Reason = outcomeName(o), th.Verdict.Guard, o.Reason
	a.Tag, a.Assign, a.Say = o.Tag, o.Assign, o.Say
	a.Template, a.PromptTokens = th.Prompt.Template, th.Prompt.Tokens
	a.Draft, a.Confidence = th.Decision.Reply, th.Decision.Confidence
	if th.Decision.Action == bot.Reply && o.Action != bot.Reply {
		a.Check = th.Verdict.Guard
	}
}

// ask has the model answer a cut for each side that replies. When it cannot be
// asked for both, what the guards said stands.
func (p *player) ask(ctx context.Context, c *Cut) {
	m := &memo{model: p.Model, known: map[string]bot.Completion{}}
	for i, a := range c.answers {
		if a.verdict.Outcome.Action != bot.Reply || ctx.Err() != nil {
			continue
		}
		gen := p.sides[i].Generation
		gen.Hash = p.sides[0].Hash // a mark in the prompt follows it: prompts that are the same otherwise must be the same
		th, err := bot.RehearseFrom(ctx, p.Config, gen, m, c.then, a.verdict)
		switch {
		case ctx.Err() != nil:
			continue
		case err != nil:
			a.Error = line(err.Error(), 300)
		default:
			a.Asked = true
			a.take(th)
		}
		a.Spent = p.spent(th.Tokens)
	}
	c.spent = p.spent(m.tokens)
	c.Change = c.kind()
}

func (p *player) spent(t bot.Tokens) Spent { return Spent{t.Prompt, t.Completion, p.Prices.usd(t)} }

// memo asks a model the same thing once: what a candidate does not change is not
// paid for twice, and does not differ by chance.
type memo struct {
	model  bot.Model
	known  map[string]bot.Completion
	tokens bot.Tokens // that were really used
}

// Complete implements bot.Model.
func (m *memo) Complete(ctx context.Context, p bot.Prompt) (bot.Completion, error) {
	key, err := json.Marshal(p)
	if err != nil {
		return bot.Completion{}, err // unreachable: texts and numbers
	}
	if c, ok := m.known[string(key)]; ok {
		return c, nil
	}
	c, err := m.model.Complete(ctx, p)
	m.tokens = m.tokens.Add(c.Tokens)
	if err == nil {
		m.known[string(key)] = c
	}
	return c, err
}

// outcome is how an answer is compared.
type outcome struct {
	name  string
	guard string
	how   string // the template of a reply; tag, assignee and message of a handoff
}

func (a *Answer) outcome() outcome {
	if a.Outcome == string(bot.Handoff) {
		return outcome{a.Outcome, a.Guard, strings.Join([]string{a.Tag, a.Assign, a.Say}, "\x00")}
	}
	return outcome{a.Outcome, a.Guard, a.Template}
}

// compared is both answers: with the model's part where it answered for every
// side that replies, else as the guards left them.
func (c *Cut) compared() (current, candidate outcome) {
	if slices.ContainsFunc(c.answers, func(a *Answer) bool { return a.verdict.Outcome.Action == bot.Reply && !a.Asked }) {
		return c.answers[0].judged, c.answers[1].judged
	}
	return c.answers[0].outcome(), c.answers[1].outcome()
}

// kind says how the candidate's answer differs.
func (c *Cut) kind() Kind {
	if len(c.answers) < 2 {
		return ""
	}
	a, b := c.compared()
	switch {
	case a.name != b.name:
		return Outcome
	case a != b:
		return Otherwise
	case c.Current.Draft != c.Candidate.Draft:
		return Text
	}
	return ""
}
