package main

import (
	"context"
	"crypto/rand"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"inboxbot/bot"
	"inboxbot/bot/redisstore"
	"inboxbot/cmd/inboxbot/console"
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
	if !c.Once {
		cfg = withConsole(ctx, cfg)
		if err := canListen(ctx, cfg.HTTPAddr); cfg.HTTPAddr != "" && err != nil {
			return fmt.Errorf("BOT_HTTP_ADDR: %w: name another, or none, and a free one is taken", err)
		}
	}
	d, err := openDemo(ctx, cfg, p)
	if err != nil {
		return err
	}
	defer d.close()
	fmt.Fprintf(p.stdout, "Kestrel Coffee, Tuesday 15:10 in Berlin: %d conversations, %d of them waiting for an answer. A simulated Inbox, %s.\nEach of these is shown with the guard that decided and why.\n\n",
		len(demoThreads), waitingThreads(), d.model)
	if c.Once {
		if err := d.bot.Once(ctx); err != nil {
			return err
		}
		return d.summary()
	}
	fmt.Fprint(p.stdout, invitation(cfg))
	go d.shop.goOn(ctx, demoPace)
	if err := serve(ctx, cfg, d.parts, d.bot); err != nil {
		return err
	}
	return d.summary()
}

// demo is the shop, open, with the bot that answers for it.
type demo struct {
	shop  *shop
	parts *parts
	bot   *bot.Bot
	model string // in words
	out   *printer
	to    io.Writer
	close func()
}

// openDemo opens the shop. Its rules and prompts are published in the embedded
// store, as those of a team are in Redis, so that people edit them in the console.
func openDemo(ctx context.Context, cfg Config, p *process) (d *demo, err error) {
	began := time.Now()
	sim := inboxapitest.New(inboxapitest.Options{Seed: 1, Team: "Kestrel Coffee", Limits: inboxapitest.Limits{Minute: -1, Hour: -1, Day: -1}, Now: func() time.Time { return demoStart.Add(time.Since(began)) }})
	d = &demo{shop: openShop(sim, demoStart), out: newPrinter(p.stdout), to: p.stdout, close: func() { _ = sim.Close() }}
	defer func() {
		if err != nil {
			d.close()
		}
	}()
	d.model = cfg.OpenAIModel + " at " + cfg.OpenAIBaseURL
	isScripted := cfg.OpenAIModel == ""
	if isScripted {
		d.model = "a scripted model; set OPENAI_MODEL to ask a real one"
		cfg.OpenAIModel, cfg.OpenAIBaseURL = "scripted", "http://127.0.0.1" // nobody is asked there
	}
	cfg.Source = "redis"
	if d.parts, err = wire(ctx, cfg, loaded{}, p, wiring{dial: sim.Dial, fresh: true, unpaced: true}); err != nil {
		return d, err
	}
	d.close = func() { d.parts.close(); _ = sim.Close() }
	if isScripted {
		d.parts.model = scriptedModel{}
	}
	if err := d.stock(ctx); err != nil {
		return d, err
	}
	d.bot, err = d.parts.newBot(d.out.handled)
	return d, err
}

// stock puts the shop's rules and prompts in force.
func (d *demo) stock(ctx context.Context) error {
	src := demoSource()
	gen, err := src.load(d.parts.cfg)
	if err != nil {
		return err
	}
	texts, err := src.texts()
	if err != nil {
		return err
	}
	first := redisstore.Published{Hash: gen.Hash, By: "Robin", Message: "the rules and prompts of the shop"}
	if _, err := d.parts.store.Publish(ctx, first, texts, redisstore.Any); err != nil {
		return err
	}
	return d.parts.live.begin(ctx, needReplier)
}

// withConsole has the console served where nothing else is, unless the environment
// says where. Who reaches the demo from another machine needs a token: one is made
// up where there is none.
func withConsole(ctx context.Context, cfg Config) Config {
	if cfg.HTTPAddr == freeAddress {
		cfg.HTTPAddr = freeFrom(ctx, 8080)
	}
	if cfg.HTTPAddr != "" && console.NeedsToken(cfg.HTTPAddr) && !cfg.ConsoleToken.Set() {
		cfg.ConsoleToken = NewSecret(rand.Text())
	}
	return cfg
}

// freeAddress is where the console is when nobody says where: at a free port.
const freeAddress = "127.0.0.1:0"

// freeFrom is the first address of this machine from port on that is free, or the
// one with that port, whose error says more, when none of twenty is.
func freeFrom(ctx context.Context, port int) string {
	at := func(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
	for n := range 20 {
		if canListen(ctx, at(port+n)) == nil {
			return at(port + n)
		}
	}
	return at(port)
}

// canListen tells why nothing can be served at addr, nil when it can.
func canListen(ctx context.Context, addr string) error {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	return l.Close()
}

// invitation says where the console is and what to try there.
func invitation(cfg Config) string {
	if cfg.HTTPAddr == "" {
		return ""
	}
	addr := cfg.HTTPAddr
	if host, port, _ := net.SplitHostPort(addr); host == "" {
		addr = net.JoinHostPort("localhost", port)
	}
	said := "Open the console: http://" + addr + "/\n"
	if console.NeedsToken(cfg.HTTPAddr) {
		said += "It asks for a token: " + cfg.ConsoleToken.Reveal() + "\n"
	}
	return said + "Approve a draft, hand one over, pause. Under Rules, Edit, change a price in facts.md and see the next answer change. Stop with Ctrl-C.\n\n"
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
		"BOT_TIMEZONE": "Europe/Berlin", "BOT_HTTP_ADDR": freeAddress,
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

// demoPace is how often somebody writes while the demo goes on.
const demoPace = 6 * time.Second

// goOn lets people write, one at a time, until ctx ends: those of the demo's day go
// on when they were answered, else somebody new comes, without end.
func (s *shop) goOn(ctx context.Context, pace time.Duration) {
	tick := time.NewTicker(pace)
	defer tick.Stop()
	said := make([]int, len(demoThreads)) // of what each of them writes later
	for n := 0; ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if !s.writeOn(said) {
			s.newcomer(n)
			n++
		}
	}
}

// writeOn has the first person write on who has more to say and was answered, or
// was not done. It reports whether there is one.
func (s *shop) writeOn(said []int) bool {
	for i, d := range demoThreads {
		if said[i] == len(d.later) {
			continue
		}
		messages := s.sim.Transcript(s.threads[i])
		if last := messages[len(messages)-1]; d.notDone || last.Origin != nil && *last.Origin == inboxapi.OriginAPI {
			s.sim.Receive(s.threads[i], d.later[said[i]])
			said[i]++
			return true
		}
	}
	return false
}

// newcomer is somebody who writes for the first time.
func (s *shop) newcomer(n int) {
	name := moreNames[n%len(moreNames)]
	t := s.sim.AddThread(inboxapitest.NewThread{Username: fmt.Sprintf("%s_%d", strings.ToLower(name), n+1), Name: name})
	s.sim.Receive(t.ID, moreQuestions[n%len(moreQuestions)])
}

// summary ends the demo with what can be counted.
func (d *demo) summary() error {
	n := d.out.counts()
	sent := d.shop.sim.Requests()["threads.thread.messages.create"]
	requests := 0
	for _, c := range d.shop.sim.Requests() {
		requests += c
	}
	_, err := fmt.Fprintf(d.to, "\n%d answered, %d handed to a person, %d left alone, %d waiting. %d messages sent, %d people answered twice, %d requests to the API.\n",
		n[bot.Reply], n[bot.Handoff], n[bot.Skip], n[bot.Wait], sent, len(d.shop.sim.AnsweredTwice()), requests)
	return err
}

// scriptedModel answers the demo's conversations from a list of phrases. What it
// says of prices it takes from the prompt, as a model would.
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
			if reply, known := withFacts(s.reply, strings.Join(p.Facts, "\n")); known {
				d = bot.Decision{Action: s.action, Reply: reply, Confidence: s.sure, Reason: s.reason, Cause: scriptedCauses[s.words]}
			}
			break
		}
	}
	text, err := json.Marshal(d)
	return bot.Completion{Text: string(text), Model: "scripted", Tokens: bot.Tokens{Prompt: p.Tokens, Completion: 12 + len(d.Reply)/4}}, err
}

// factsOf finds in the shop's facts what the script names in braces.
var factsOf = map[string]*regexp.Regexp{
	"eu":       regexp.MustCompile(`EU (\d[\d.]* EUR)`),
	"japan":    regexp.MustCompile(`Japan and USA (\d[\d.]* EUR)`),
	"germany":  regexp.MustCompile(`Germany (\d[\d.]* EUR)`),
	"free":     regexp.MustCompile(`free from (\d[\d.]* EUR)`),
	"aricha":   regexp.MustCompile(`Aricha \(.*?(\d[\d.]* EUR)`),
	"decaf":    regexp.MustCompile(`Night Shift \(.*?(\d[\d.]* EUR)`),
	"saturday": regexp.MustCompile(`Saturday (\d+:\d+ to \d+:\d+)`),
	"returns":  regexp.MustCompile(`within (\d+ days)`),
}

var inBraces = regexp.MustCompile(`\{(\w+)(,?)\}`)

// withFacts puts the facts into a reply, with a decimal comma where it asks for
// one, and reports whether all of them are known.
func withFacts(reply, facts string) (filled string, known bool) {
	known = true
	filled = inBraces.ReplaceAllStringFunc(reply, func(name string) string {
		m := inBraces.FindStringSubmatch(name)
		found := factsOf[m[1]].FindStringSubmatch(facts)
		if found == nil {
			known = false
			return name
		}
		if m[2] != "" {
			return strings.ReplaceAll(found[1], ".", ",")
		}
		return found[1]
	})
	return filled, known
}
