package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"inboxbot/bot"
	"inboxbot/bot/bottest"
	"inboxbot/inboxapi"
	"inboxbot/inboxapi/inboxapitest"
)

// stage is a simulated Inbox with the program wired to it as run wires it: real
// rules, prompts, store, client and request budget. Only the model is scripted.
type stage struct {
	t     testing.TB
	sim   *inboxapitest.Server
	model *bottest.Model
	parts *parts
	log   *logBook
	dial  dialFunc // to the API

	mu      sync.Mutex
	handled []bot.Handled
}

// setting is how a stage differs from the default: live, nothing settles, the
// built-in rules and prompts, a model that replies "ok".
type setting struct {
	env   []string
	rules string // a rule file's text; "": the built-in one
	model func(bot.Prompt) (string, error)
	sim   inboxapitest.Options
	wrap  func(testing.TB, http.Handler) http.Handler // around the API, for the test's own errors

	before func(*inboxapitest.Server) // fills the inbox before anything is wired

	socket  bool // the API is behind a socket of the machine; no bubble can wait for that
	unpaced bool // neither the API's limits nor the bot's budget: all of it happens at once
}

// onStage runs a test in a synctest bubble: an hour of the bot's takes no time.
func onStage(t *testing.T, o setting, f func(s *stage)) {
	t.Helper()
	file := ruleFile(t, o)
	synctest.Test(t, func(t *testing.T) {
		if o.wrap != nil {
			o.sim.Wrap = func(h http.Handler) http.Handler { return o.wrap(t, h) }
		}
		s := openStage(t, o, file)
		defer s.close()
		f(s)
	})
}

// ruleFile writes the setting's rules where BOT_RULES can name them.
func ruleFile(t testing.TB, o setting) string {
	t.Helper()
	if o.rules == "" {
		return ""
	}
	file := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(file, []byte(o.rules), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func openStage(t testing.TB, o setting, ruleFile string) *stage {
	t.Helper()
	if o.model == nil {
		o.model = func(bot.Prompt) (string, error) { return decided(bot.Decision{Action: bot.Reply, Reply: "ok"}), nil }
	}
	if o.unpaced {
		o.sim.Limits = inboxapitest.Limits{Minute: -1, Hour: -1, Day: -1}
	}
	s := &stage{t: t, sim: inboxapitest.New(o.sim), model: bottest.NewModel(o.model), log: &logBook{}}
	s.dial = s.sim.Dial
	if o.socket {
		api := http.Handler(s.sim)
		if o.wrap != nil {
			api = o.wrap(t, api)
		}
		s.dial = onSocket(t, api)
	}
	if o.before != nil {
		o.before(s.sim)
	}
	env := []string{
		"INBOX_API_TOKEN=" + stageToken, "INBOX_API_BASE_URL=" + inboxapitest.BaseURL,
		"BOT_MODE=live", "BOT_SETTLE=0s", "BOT_HTTP_ADDR=", "BOT_RULES=" + ruleFile,
	}
	cfg, err := readConfig(t.Context(), append(env, o.env...), needInbox)
	if err != nil {
		t.Fatal(err)
	}
	src, err := configured(cfg)
	if err != nil {
		t.Fatal(err)
	}
	gen, err := src.load(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s.parts, err = wire(t.Context(), cfg, gen, &process{stdout: io.Discard, stderr: s.log}, wiring{dial: s.dial, fresh: true, unpaced: o.unpaced})
	if err != nil {
		t.Fatal(err)
	}
	s.parts.model = s.model
	s.sim.ResetCounts()
	return s
}

// onSocket serves h on a socket of the machine until the test ends, and dials it.
func onSocket(t testing.TB, h http.Handler) dialFunc {
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", server.Listener.Addr().String())
	}
}

const stageToken = "stage-token-4f1b"

func (s *stage) close() {
	s.t.Helper()
	s.parts.close()
	s.sim.Close()
	if strings.Contains(s.log.String(), stageToken) {
		s.t.Error("the log shows the token")
	}
}

// start builds another process's bot over the same store and API.
func (s *stage) start() *bot.Bot {
	s.t.Helper()
	s.parts.reg = prometheus.NewRegistry()
	b, err := s.parts.newBot(func(h bot.Handled) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.handled = append(s.handled, h)
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return b
}

// once is one run --once.
func (s *stage) once() {
	s.t.Helper()
	if err := s.start().Once(s.t.Context()); err != nil {
		s.t.Errorf("once: %v", err)
	}
}

// during is one run that is stopped after d.
func (s *stage) during(d time.Duration) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context()) // as a signal does; a deadline would show in the log
	defer cancel()
	time.AfterFunc(d, cancel)
	if err := s.start().Run(ctx); err != nil {
		s.t.Errorf("run: %v", err)
	}
}

// asks adds a thread in which a new prospect has written the texts.
func (s *stage) asks(texts ...string) string {
	return s.threadOf(inboxapitest.NewThread{}, texts...)
}

func (s *stage) threadOf(n inboxapitest.NewThread, texts ...string) string {
	th := s.sim.AddThread(n)
	for _, text := range texts {
		s.sim.Receive(th.ID, text)
	}
	return th.ID
}

// sent returns what the bot said in a thread.
func (s *stage) sent(thread string) []string {
	var texts []string
	for _, m := range s.sim.Transcript(thread) {
		if m.Origin != nil && *m.Origin == inboxapi.OriginAPI {
			texts = append(texts, m.Content)
		}
	}
	return texts
}

// told returns what was told of a thread, in order.
func (s *stage) told(thread string) []bot.Handled {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []bot.Handled
	for _, h := range s.handled {
		if h.Thread == thread {
			all = append(all, h)
		}
	}
	return all
}

// outcome is the last thing told of a thread, zero when it is nothing.
func (s *stage) outcome(thread string) bot.Handled {
	if all := s.told(thread); len(all) > 0 {
		return all[len(all)-1]
	}
	return bot.Handled{}
}

// story is what was told of a thread, in short.
func (s *stage) story(thread string) string {
	var told []string
	for _, h := range s.told(thread) {
		told = append(told, fmt.Sprintf("%s by %s (%s)", h.Outcome, h.Guard, h.Reason))
	}
	return "told: " + strings.Join(told, ", ")
}

// handedOver reports whether a person finds the thread by its tag.
func (s *stage) handedOver(thread string) bool {
	return slices.Contains(s.sim.TagNames(thread), s.parts.cfg.HandoffTag)
}

// requests sums what the API counted.
func (s *stage) requests() int {
	n := 0
	for _, c := range s.sim.Requests() {
		n += c
	}
	return n
}

// decided is a decision as a model writes it, sure unless it says otherwise.
func decided(d bot.Decision) string {
	if d.Confidence == 0 {
		d.Confidence = 0.9
	}
	text, err := json.Marshal(d)
	if err != nil {
		panic(err) // unreachable: strings and a finite number
	}
	return string(text)
}

// logBook keeps the log.
type logBook struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// complaints returns the log's lines above info, each "message: err", and an
// error when a line is not the JSON that one record makes: then something from
// outside broke out of it.
func (l *logBook) complaints() ([]string, error) {
	var lines []string
	for line := range strings.Lines(l.String()) {
		var r struct {
			Level slog.Level `json:"level"`
			Msg   string     `json:"msg"`
			Err   string     `json:"err"`
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			return lines, fmt.Errorf("log line %q: %w", line, err)
		}
		if r.Level > slog.LevelInfo {
			lines = append(lines, r.Msg+": "+r.Err)
		}
	}
	return lines, nil
}

// mangled lets change rewrite the body of every answer 200 to an operation's
// path: what a broken proxy or a careless release does.
func mangled(on func() bool, suffix string, change func(string) string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, suffix) || !on() {
				next.ServeHTTP(w, r)
				return
			}
			answer := &kept{header: w.Header(), status: http.StatusOK}
			next.ServeHTTP(answer, r)
			body := answer.body.String()
			if answer.status == http.StatusOK {
				body = change(body)
			}
			w.Header().Del("Content-Length")
			w.WriteHeader(answer.status)
			_, _ = io.WriteString(w, body) // a client that left needs no answer
		})
	}
}

// kept is an answer held back.
type kept struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (k *kept) Header() http.Header         { return k.header }
func (k *kept) WriteHeader(status int)      { k.status = status }
func (k *kept) Write(p []byte) (int, error) { return k.body.Write(p) }
