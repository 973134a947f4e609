package openaichat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"inboxbot/bot"
)

const decision = `{"action":"reply","reply":"We open at 9.","confidence":0.9,"reason":"hours"}`

// answer is what the fake does with one request.
type answer func(w http.ResponseWriter, r *http.Request)

// fake is a chat completions server that answers with its script, the last entry
// again and again. It speaks real HTTP over pipes instead of sockets, so that it
// works where a test's clock is not the real one.
type fake struct {
	script []answer
	models answer // GET /models/…; nil: 404

	mu    sync.Mutex
	seen  []seen
	conns chan net.Conn
	done  chan struct{}
}

// seen is a request as the fake got it.
type seen struct {
	method, path, auth string
	at                 time.Time
	body               map[string]any
	raw                string
}

// start runs f until the test ends and returns the way to it.
func (f *fake) start(t *testing.T) http.RoundTripper {
	f.conns, f.done = make(chan net.Conn), make(chan struct{})
	srv := &http.Server{Handler: f}
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		if err := srv.Serve(f); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			t.Errorf("fake: %v", err)
		}
	}()
	tr := &http.Transport{DialContext: f.dial}
	t.Cleanup(func() {
		tr.CloseIdleConnections()
		if err := srv.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		<-stopped
	})
	return tr
}

func (f *fake) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case f.conns <- theirs:
		return ours, nil
	case <-f.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Accept, Close and Addr make f the listener of its own server.
func (f *fake) Accept() (net.Conn, error) {
	select {
	case c := <-f.conns:
		return c, nil
	case <-f.done:
		return nil, net.ErrClosed
	}
}

func (f *fake) Close() error {
	select {
	case <-f.done:
	default:
		close(f.done)
	}
	return nil
}

func (f *fake) Addr() net.Addr { return &net.UnixAddr{Name: "fake", Net: "pipe"} }

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	s := seen{method: r.Method, path: r.URL.EscapedPath(), auth: r.Header.Get("Authorization"), at: time.Now(), raw: string(raw)}
	if len(raw) > 0 && json.Unmarshal(raw, &s.body) != nil {
		http.Error(w, "not JSON", http.StatusBadRequest)
		return
	}
	f.mu.Lock()
	chats := 0
	for _, earlier := range f.seen {
		if earlier.method == http.MethodPost {
			chats++
		}
	}
	f.seen = append(f.seen, s)
	f.mu.Unlock()
	switch {
	case r.Method == http.MethodGet && f.models != nil:
		f.models(w, r)
	case r.Method == http.MethodGet:
		http.NotFound(w, r)
	default:
		f.script[min(chats, len(f.script)-1)](w, r)
	}
}

// requests returns what was asked of the fake so far.
func (f *fake) requests() []seen {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.seen)
}

// send answers with status and body, and headers as name, value, name, value…
func send(status int, body string, headers ...string) answer {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

const usage = `"usage":{"prompt_tokens":100,"completion_tokens":20,"total_tokens":120,"prompt_tokens_details":{"cached_tokens":64}}`

// chat is a completion with text as its content.
func chat(text string) answer {
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return choice(`{"role":"assistant","content":`+string(quoted)+`}`, "stop")
}

// choice is a completion with one choice.
func choice(message, finish string) answer {
	return send(http.StatusOK, fmt.Sprintf(
		`{"id":"c1","object":"chat.completion","created":1,"model":"m-2026","choices":[{"index":0,"message":%s,"finish_reason":%q}],%s}`,
		message, finish, usage))
}

// problemAnswer is an error as OpenAI sends it.
func problemAnswer(status int, code, message string, headers ...string) answer {
	return send(status, fmt.Sprintf(`{"error":{"message":%q,"type":"some_error","param":null,"code":%q}}`, message, code), headers...)
}

// hang answers only once the client is gone.
func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// hangUp cuts the connection after some of the body.
func hangUp(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "500")
	_, _ = io.WriteString(w, `{"choices":[{"message":{"content":"{\"acti`)
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// endless never stops sending.
func endless(w http.ResponseWriter, _ *http.Request) {
	_, _ = io.WriteString(w, `{"choices":[{"message":{"content":"`)
	for {
		if _, err := io.WriteString(w, strings.Repeat("x", 1<<16)); err != nil {
			return
		}
	}
}

// question is a prompt like those of the bot.
func question() bot.Prompt {
	return bot.Prompt{
		System: "You answer for Juniper Street Coffee. Opening hours: 9 to 6.",
		Chat: []bot.ChatMessage{
			{Role: bot.RoleUser, Text: "Hello, this is Margarethe Ollenbusch"},
			{Role: bot.RoleAssistant, Text: "How can we help?"},
			{Role: bot.RoleUser, Text: "When do you open tomorrow?"},
		},
	}
}

const testKey = "sk-test-0123456789abcdefghij"

// newClient returns a client of f, with change applied to its options.
func newClient(t *testing.T, f *fake, change func(*Options)) *Client {
	t.Helper()
	o := Options{BaseURL: "http://model.example/v1/", APIKey: testKey, Model: "local-7b", Transport: f.start(t)}
	if change != nil {
		change(&o)
	}
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
