package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"inboxbot/bot"
	"inboxbot/inboxapi"
	"inboxbot/inboxapi/inboxapitest"
	"inboxbot/prompts"
)

// demoFiles are the rules and prompts of the demo's shop.
//
//go:embed demo
var demoFiles embed.FS

type demoCmd struct {
	Once bool `help:"Bring every conversation to its outcome and exit."`
}

// demoStart is when the demo's clock starts: a Tuesday afternoon in Berlin, when
// the shop is open and it is night in Tokyo.
var demoStart = time.Date(2026, 11, 24, 14, 10, 0, 0, time.UTC)

// Run is the bot in live mode against the simulated Inbox API, in this process:
// no account, no key, no network.
func (c *demoCmd) Run(ctx context.Context, p *process) error {
	cfg, err := demoConfig(ctx, p.environ)
	if err != nil {
		return err
	}
	began := time.Now()
	sim := inboxapitest.New(inboxapitest.Options{Seed: 1, Limits: inboxapitest.Limits{Minute: -1, Hour: -1, Day: -1}, Now: func() time.Time { return demoStart.Add(time.Since(began)) }})
	defer sim.Close()
	shop := openShop(sim, demoStart)

	gen, err := demoSource().load(cfg)
	if err != nil {
		return err
	}
	w, err := wire(ctx, cfg, gen, p, wiring{dial: sim.Dial, fresh: true, unpaced: true})
	if err != nil {
		return err
	}
	defer w.close()
	model := "a scripted model; set OPENAI_MODEL to ask a real one"
	if w.model == nil {
		w.model = scriptedModel{}
	} else {
		model = cfg.OpenAIModel + " at " + cfg.OpenAIBaseURL
	}
	out := newPrinter(p.stdout)
	b, err := w.newBot(out.handled)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "Kestrel Coffee, Tuesday 15:10 in Berlin: %d conversations, a simulated Inbox, %s.\nEach is shown with the guard that decided and why.\n\n", len(demoThreads), model)
	if c.Once {
		if err := b.Once(ctx); err != nil {
			return err
		}
		return summary(p, sim, out)
	}
	if cfg.HTTPAddr != "" {
		fmt.Fprintf(p.stdout, "Health and metrics: http://%s/readyz and /metrics. Stop with Ctrl-C.\n\n", cfg.HTTPAddr)
	}
	go shop.goOn(ctx)
	if err := serve(ctx, cfg, w, b); err != nil {
		return err
	}
	return summary(p, sim, out)
}

// demoConfig is the environment's, with what the demo embeds in place of what it
// names, a shorter settle time, and a quiet log.
func demoConfig(ctx context.Context, environ []string) (Config, error) {
	set := func(name string) bool {
		return slices.ContainsFunc(environ, func(kv string) bool { return strings.HasPrefix(kv, name+"=") })
	}
	environ = slices.DeleteFunc(slices.Clone(environ), func(kv string) bool {
		return strings.HasPrefix(kv, "REDIS_URL=") || strings.HasPrefix(kv, "INBOX_API_") || strings.HasPrefix(kv, "BOT_MODE=") || strings.HasPrefix(kv, "BOT_SOURCE=")
	})
	defaults := map[string]string{
		"LOG_LEVEL": "error", "LOG_FORMAT": "text", "BOT_SETTLE": "10s", "BOT_POLL_INTERVAL": "1s",
		"BOT_TIMEZONE": "Europe/Berlin", "BOT_HTTP_ADDR": "",
	}
	for name, value := range defaults {
		if !set(name) {
			environ = append(environ, name+"="+value)
		}
	}
	cfg, err := readConfig(ctx, append(environ, "BOT_MODE=live", "INBOX_API_TOKEN=demo", "INBOX_API_BASE_URL="+inboxapitest.BaseURL), needInbox)
	cfg.warnings = nil
	return cfg, err
}

// demoSource is the demo's rules, and the shipped prompts with the shop's facts.
func demoSource() source {
	text, err := demoFiles.ReadFile("demo/rules.yaml")
	upper, subErr := fs.Sub(demoFiles, "demo/prompts")
	if err := errors.Join(err, subErr); err != nil {
		panic(err) // unreachable: both are part of the binary
	}
	return source{rulesName: "demo/rules.yaml", promptsName: "demo/prompts", rules: text, prompts: overlay{upper, prompts.Default()}}
}

// overlay is lower with the files of upper in front.
type overlay struct{ upper, lower fs.FS }

// Open implements fs.FS.
func (o overlay) Open(name string) (fs.File, error) {
	if f, err := o.upper.Open(name); err == nil && name != "." {
		return f, nil
	}
	return o.lower.Open(name)
}

// ReadDir implements fs.ReadDirFS.
func (o overlay) ReadDir(name string) ([]fs.DirEntry, error) {
	upper, err := fs.ReadDir(o.upper, name)
	if err != nil {
		return nil, err
	}
	lower, err := fs.ReadDir(o.lower, name)
	if err != nil {
		return nil, err
	}
	for _, e := range lower {
		if !slices.ContainsFunc(upper, func(u fs.DirEntry) bool { return u.Name() == e.Name() }) {
			upper = append(upper, e)
		}
	}
	return upper, nil
}

// shop is the demo's world.
type shop struct {
	sim     *inboxapitest.Server
	threads []string // IDs, in the order of demoThreads
}

// openShop builds the shop as it is at now.
func openShop(sim *inboxapitest.Server, now time.Time) *shop {
	s := &shop{sim: sim}
	sim.AddAccount(inboxapi.AccountLink{Username: "kestrelcoffee", Name: "Kestrel Coffee"})
	robin := "Robin"
	sim.AddMember(inboxapi.Member{Name: &robin, Email: "robin@kestrel.example"})
	for _, d := range demoThreads {
		n := inboxapitest.NewThread{
			Username: d.username, Name: d.name, Bio: d.bio, Tags: d.tags, Request: d.request,
			CreatedAt: now.Add(-80 * time.Hour),
			Profile: func(p *inboxapi.Prospect) {
				p.FollowerCount = d.followers
				if d.location != "" {
					p.Location = &d.location
				}
			},
		}
		if d.assigned {
			n.Assignee = "robin@kestrel.example"
		}
		t := sim.AddThread(n)
		s.threads = append(s.threads, t.ID)
		for _, l := range d.lines {
			s.say(t.ID, l, now.Add(-l.ago))
		}
	}
	return s
}

func (s *shop) say(thread string, l line, at time.Time) {
	opts := []inboxapitest.MessageOption{inboxapitest.At(at)}
	switch l.by {
	case them:
		if l.media != "" {
			opts = append(opts, inboxapitest.Media(l.media))
		}
		s.sim.Receive(thread, l.text, opts...)
	case usInInbox:
		s.sim.Write(thread, inboxapitest.PersonInInbox, l.text, opts...)
	case usInX:
		s.sim.Write(thread, inboxapitest.PersonInX, l.text, opts...)
	case campaign:
		s.sim.Write(thread, inboxapitest.Campaign, l.text, opts...)
	}
}

// goOn lets prospects write on, one every few seconds, until ctx ends.
func (s *shop) goOn(ctx context.Context) {
	for round := 0; ; round++ {
		for i, d := range demoThreads {
			text := ""
			switch {
			case round < len(d.later):
				text = d.later[round]
			case round > 0 && len(d.later) > 0:
				text = moreQuestions[(round+i)%len(moreQuestions)]
			default:
				continue
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(6 * time.Second):
			}
			s.sim.Receive(s.threads[i], text)
		}
	}
}

// summary ends the demo with what can be counted.
func summary(p *process, sim *inboxapitest.Server, out *printer) error {
	n := out.counts()
	sent := sim.Requests()["threads.thread.messages.create"]
	requests := 0
	for _, c := range sim.Requests() {
		requests += c
	}
	_, err := fmt.Fprintf(p.stdout, "\n%d answered, %d handed to a person, %d left alone, %d waiting. %d messages sent, %d people answered twice, %d requests to the API.\n",
		n[bot.Reply], n[bot.Handoff], n[bot.Skip], n[bot.Wait], sent, len(sim.AnsweredTwice()), requests)
	return err
}

// scriptedModel answers the demo's conversations from a list of phrases.
type scriptedModel struct{}

// Complete implements bot.Model.
func (scriptedModel) Complete(ctx context.Context, p bot.Prompt) (bot.Completion, error) {
	select {
	case <-ctx.Done():
		return bot.Completion{}, ctx.Err()
	case <-time.After(80 * time.Millisecond): // as long as it takes to look thoughtful
	}
	var asked strings.Builder
	for i := len(p.Chat) - 1; i >= 0 && p.Chat[i].Role == bot.RoleUser; i-- {
		asked.WriteString(strings.ToLower(p.Chat[i].Text) + "\n")
	}
	d := bot.Decision{Action: bot.Handoff, Confidence: 0.6, Reason: "the facts do not say"}
	for _, s := range scripted {
		if strings.Contains(asked.String(), s.words) {
			d = bot.Decision{Action: s.action, Reply: s.reply, Confidence: s.sure, Reason: s.reason}
			break
		}
	}
	text, err := encodeDecision(d)
	return bot.Completion{Text: text, Model: "scripted", Tokens: bot.Tokens{Prompt: p.Tokens, Completion: 12 + len(d.Reply)/4}}, err
}
