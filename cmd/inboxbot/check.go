package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"inboxbot/bot"
	"inboxbot/bot/redisstore"
	"inboxbot/inboxapi"
)

type checkCmd struct {
	Online bool `help:"Also ask Inbox, Redis and the model."`
}

// Run prints every problem of the configuration, the rules and the prompts, and
// with --online of what they talk to.
func (c *checkCmd) Run(ctx context.Context, p *process) error {
	var n need
	if c.Online {
		n = needInbox | needReplier
	}
	cfg, gen, err := prepare(ctx, p.environ, n)
	if err == nil && cfg.FromRedis() {
		gen, err = loadPublished(ctx, cfg, n)
	}
	if err != nil {
		return err
	}
	for _, warning := range cfg.Warnings() {
		fmt.Fprintln(p.stdout, "note:   ", warning)
	}
	fmt.Fprintf(p.stdout, "ok: %s and %s, generation %s\n", gen.from.rulesName, gen.from.promptsName, gen.Hash)
	if !c.Online {
		return nil
	}
	return checkOnline(ctx, cfg, gen, p)
}

// checkOnline asks each service one question and prints every answer.
func checkOnline(ctx context.Context, cfg Config, gen loaded, p *process) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute+cfg.ModelTimeout)
	defer cancel()
	failed := 0
	say := func(what string, err error, ok string) {
		if err != nil {
			failed++
			fmt.Fprintf(p.stdout, "failed: %s: %v\n", what, err)
			return
		}
		fmt.Fprintf(p.stdout, "ok: %s: %s\n", what, ok)
	}
	client, team, inboxErr := askInbox(ctx, cfg)
	say("Inbox", inboxErr, "team "+clip(team.Name, 60))
	if cfg.RedisURL.Set() {
		warnings, err := askRedis(ctx, cfg, team.ID)
		say("Redis", err, "answers")
		for _, warning := range warnings {
			fmt.Fprintln(p.stdout, "note:    Redis:", warning)
		}
		if err == nil && inboxErr == nil {
			switch found, err := askForOthers(ctx, cfg, gen, client, team); {
			case err != nil:
				fmt.Fprintln(p.stdout, "note:    could not tell whether another deployment answers this team's threads:", err)
			case found != nil:
				fmt.Fprintln(p.stdout, "note:   ", found)
			}
		}
	}
	if cfg.OpenAIModel != "" {
		say("model", askModel(ctx, cfg, gen), cfg.OpenAIModel+" answers, in the form the bot needs")
	}
	if failed > 0 {
		return fmt.Errorf("%d of the services cannot be used", failed)
	}
	return nil
}

func askInbox(ctx context.Context, cfg Config) (*inboxapi.Client, inboxapi.Team, error) {
	client, err := inboxapi.New(inboxapi.Options{BaseURL: cfg.InboxBaseURL, Token: cfg.InboxToken.Reveal(), Retries: -1})
	if err != nil {
		return nil, inboxapi.Team{}, err
	}
	team, err := client.Team(ctx)
	if errors.Is(err, inboxapi.ErrUnauthorized) || errors.Is(err, inboxapi.ErrForbidden) {
		return nil, inboxapi.Team{}, fmt.Errorf("INBOX_API_TOKEN is refused: %w", err)
	} else if err != nil {
		return nil, inboxapi.Team{}, err
	}
	return client, *team, nil
}

// askForOthers looks for replies that a bot which keeps its records in another Redis
// may have sent. It writes nothing.
func askForOthers(ctx context.Context, cfg Config, gen loaded, client *inboxapi.Client, team inboxapi.Team) (found, err error) {
	store, err := openRedis(ctx, cfg, team.ID, "")
	if err != nil {
		return nil, err
	}
	defer store.Close()
	b, err := bot.New(bot.Deps{
		Inbox: client, Claims: store, Ledger: store, Team: team, Now: client.Now,
		Generation: func() bot.Generation { return gen.Generation },
	}, cfg.botConfig())
	if err != nil {
		return nil, err
	}
	return b.Foreign(ctx)
}

// askRedis opens the store as a dry run does, and returns what of it may hurt a
// bot that is live.
func askRedis(ctx context.Context, cfg Config, team string) (warnings []string, err error) {
	if team == "" {
		team = "check"
	}
	store, err := redisstore.Open(ctx, redisstore.Options{URL: cfg.RedisURL.Reveal(), Team: team, Namespace: "dry", Fresh: true})
	if err != nil {
		return nil, err
	}
	defer store.Close()
	return store.Warnings(ctx), store.Ping(ctx)
}

// askModel has the model answer a made-up message by the prompt in force. One that
// is there, and answers in another form than it should, would hand everybody over.
func askModel(ctx context.Context, cfg Config, gen loaded) error {
	model, err := newModel(cfg)
	if err == nil {
		err = model.Ping(ctx)
	}
	if err != nil {
		return err
	}
	asked := time.Now()
	prompt, err := gen.Prompter.Prompt(&bot.Conversation{
		Now: asked, Read: true, Turns: []bot.Turn{{ID: "1", Text: "Hello! When are you open?", At: asked, Side: bot.SideProspect}},
	}, "", "default")
	if err != nil {
		return err
	}
	answer, err := model.Complete(ctx, prompt)
	if err != nil {
		return err
	}
	if _, err = bot.ParseDecision(answer.Text); err != nil {
		return fmt.Errorf("%w; another OPENAI_RESPONSE_FORMAT or another OPENAI_MODEL may do better", err)
	}
	return nil
}
