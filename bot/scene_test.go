package bot_test

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"inboxbot/bot"
	"inboxbot/bot/bottest"
	"inboxbot/inboxapi"
	"inboxbot/inboxapi/inboxapitest"
)

// scene is a simulated inbox and the bot that serves it, inside a synctest
// bubble: time passes only when everybody waits.
type scene struct {
	t     *testing.T
	sim   *inboxapitest.Server
	store *bottest.Store
	model *bottest.Model
	rules *rulesOf
	cfg   bot.Config
	sw    bot.Switch
	deps  func(*bot.Deps)       // changes what a process is given, nil: nothing
	gen   func(*bot.Generation) // changes the generation, nil: nothing

	mu      sync.Mutex
	handled []bot.Handled
}

// inScene runs a test in a bubble, with a world in which every thread is
// answered with "ok" unless the test changes model or rules.
func inScene(t *testing.T, f func(w *scene)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &scene{
			t:     t,
			sim:   inboxapitest.New(inboxapitest.Options{}),
			store: bottest.NewStore(bottest.StoreOptions{}),
			model: bottest.NewModel(func(bot.Prompt) (string, error) { return answer("ok"), nil }),
			rules: &rulesOf{judge: alwaysReply},
			cfg:   bot.Config{Live: true, Settle: -1},
		}
		defer w.sim.Close()
		f(w)
	})
}

// answer is a decision to reply.
func answer(text string) string {
	return decision(bot.Decision{Action: bot.Reply, Reply: text, Confidence: 0.9, Reason: "known"})
}

func decision(d bot.Decision) string {
	text, err := json.Marshal(d)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// start builds a bot of the world as it is now. Every call is another process.
func (w *scene) start() *bot.Bot {
	w.t.Helper()
	client, err := inboxapi.New(inboxapi.Options{BaseURL: inboxapitest.BaseURL, Token: "secret-token", Dial: w.sim.Dial})
	if err != nil {
		w.t.Fatal(err)
	}
	deps := bot.Deps{
		Inbox: client, Claims: w.store, Ledger: w.store, Model: w.model, Team: w.sim.Team(),
		Generation: func() bot.Generation {
			g := bot.Generation{Hash: "g1", Guards: w.rules, Prompter: plainPrompts{}, HandoffTags: []string{"vip-waiting"}}
			if w.gen != nil {
				w.gen(&g)
			}
			return g
		},
		Shelf:  w.store,
		Switch: w.sw,
		Logger: slog.New(slog.NewTextHandler(w.t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})),
		Handled: func(h bot.Handled) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.handled = append(w.handled, h)
		},
	}
	if w.deps != nil {
		w.deps(&deps)
	}
	b, err := bot.New(deps, w.cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}

// once runs one bot for one sweep.
func (w *scene) once() {
	w.t.Helper()
	if err := w.start().Once(w.t.Context()); err != nil {
		w.t.Fatalf("once: %v", err)
	}
}

// during runs one bot for d, and stops it.
func (w *scene) during(d time.Duration) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), d)
	defer cancel()
	if err := w.start().Run(ctx); err != nil {
		w.t.Fatalf("run: %v", err)
	}
}

// thread adds a thread in which the prospect has said the texts.
func (w *scene) thread(texts ...string) inboxapi.Thread {
	t := w.sim.AddThread(inboxapitest.NewThread{})
	for _, text := range texts {
		w.sim.Receive(t.ID, text)
	}
	return t
}

// sent returns what the bot said in a thread.
func (w *scene) sent(thread string) []string {
	texts := []string{}
	for _, m := range w.sim.Transcript(thread) {
		if m.Origin != nil && *m.Origin == inboxapi.OriginAPI {
			texts = append(texts, m.Content)
		}
	}
	return texts
}

// said checks what the bot said in a thread, in all.
func (w *scene) said(thread string, want ...string) {
	w.t.Helper()
	got := w.sent(thread)
	if strings.Join(got, "|") != strings.Join(want, "|") {
		w.t.Errorf("the bot said %q, want %q", got, want)
	}
}

// last returns what was last told of a thread.
func (w *scene) last(thread string) bot.Handled {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, h := range slices.Backward(w.handled) {
		if h.Thread == thread {
			return h
		}
	}
	w.t.Errorf("nothing was told of thread %s", thread)
	return bot.Handled{}
}

// outcome checks the last outcome of a thread and the guard that decided it.
func (w *scene) outcome(thread string, want bot.Action, guard string) {
	w.t.Helper()
	if h := w.last(thread); h.Outcome != want || h.Guard != guard {
		w.t.Errorf("outcome %s by %s (%s), want %s by %s", h.Outcome, h.Guard, h.Reason, want, guard)
	}
}

// rulesOf are guards as Go functions.
type rulesOf struct {
	judge  func(*bot.Conversation) bot.Verdict
	review func(*bot.Conversation, bot.Decision) bot.Verdict
}

func (r *rulesOf) Judge(c *bot.Conversation) bot.Verdict { return r.judge(c) }

func (r *rulesOf) Review(c *bot.Conversation, d bot.Decision) bot.Verdict {
	if r.review == nil {
		return bot.Verdict{Outcome: bot.Outcome{Action: bot.Reply}}
	}
	return r.review(c, d)
}

func alwaysReply(*bot.Conversation) bot.Verdict {
	return bot.Verdict{Guard: "default", Outcome: bot.Outcome{Action: bot.Reply}}
}

// guard fires for prospects that have the tag.
func guard(tag string, o bot.Outcome) func(*bot.Conversation) bot.Verdict {
	return func(c *bot.Conversation) bot.Verdict {
		if slices.Contains(c.Tags, tag) {
			return bot.Verdict{Guard: tag, Outcome: o}
		}
		return alwaysReply(c)
	}
}

// plainPrompts hand the transcript over as it is.
type plainPrompts struct{}

func (plainPrompts) Prompt(c *bot.Conversation, template, _ string) (bot.Prompt, error) {
	p := bot.Prompt{Template: cmp.Or(template, "system"), System: "be brief"}
	for _, t := range c.Turns {
		role := bot.RoleUser
		if t.Side == bot.SideOurs {
			role = bot.RoleAssistant
		}
		p.Chat = append(p.Chat, bot.ChatMessage{Role: role, Text: t.Text})
	}
	return p, nil
}

func modelOf(f func() (string, error)) *bottest.Model {
	return bottest.NewModel(func(bot.Prompt) (string, error) { return f() })
}

func (w *scene) context() (context.Context, context.CancelFunc) {
	return context.WithCancel(w.t.Context())
}
