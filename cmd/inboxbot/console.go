package main

import (
	"context"
	"net/http"

	"inboxbot/bot"
	"inboxbot/bot/history"
	"inboxbot/cmd/inboxbot/console"
)

// console returns what is served at / of BOT_HTTP_ADDR and what has to run for it,
// or nil and a line of the log that says why there is none.
func (w *parts) console(b *bot.Bot) (http.Handler, []func(context.Context) error) {
	view := history.NewView(history.DefaultKeep)
	c, err := console.New(console.Options{
		Bot: b, Switch: w.store, Details: w.store, Drafts: w.store, Log: view,
		Rules: rulebook{w.live}, Publisher: w.publisher(),
		Generation: w.live.told, Quota: w.quota,
		Team: w.team.Name, Mode: w.cfg.Mode, Zone: w.cfg.Location(), SLO: w.cfg.AnswerSLO, MaxReply: w.cfg.MaxReplyChars, Now: w.client.Now,
		Addr: w.cfg.HTTPAddr, Token: w.cfg.ConsoleToken.Reveal(), ReadToken: w.cfg.ConsoleReadToken.Reveal(),
		Logger: w.log,
	})
	if err != nil {
		w.log.Warn("there is no console", "err", err)
		return nil, nil
	}
	follow := func(ctx context.Context) error { return view.Follow(ctx, w.store) }
	return c, []func(context.Context) error{c.Run, follow}
}

// told is the generation in force, for people.
func (g *generations) told() console.Generation {
	s := g.status()
	return console.Generation{Hash: s.Value.Hash, Since: s.Loaded, Refused: s.Err}
}

// quota is what Inbox last said of the team's requests.
func (w *parts) quota() console.Quota {
	if r := w.limits.Load(); r != nil {
		return console.Quota{Remaining: r.Remaining, Limit: r.Limit}
	}
	return console.Quota{}
}
