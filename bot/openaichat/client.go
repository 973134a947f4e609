// Package openaichat is bot.Model on any server that speaks OpenAI's chat
// completions: OpenAI itself, OpenRouter, vLLM, Ollama, llama.cpp and their kin.
//
// Read Client.Complete first: it asks, repeats what may pass, and adds up the
// tokens. request.go is what goes out, exchange.go one HTTP exchange, answer.go
// what comes back, clean.go how its text is laid bare, error.go what can go wrong
// and what a caller may rely on then.
package openaichat

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"
	"unicode"

	"github.com/cenkalti/backoff/v5"
	openai "github.com/sashabaranov/go-openai"

	"inboxbot/bot"
)

// The values of Options.Format.
const (
	FormatJSONSchema = "json_schema" // the server holds the model to the decision's schema
	FormatJSONObject = "json_object" // the server holds the model to JSON of some shape
	FormatText       = "text"        // nothing is asked of the server; the prompt alone says JSON
)

const (
	defaultBaseURL  = "https://api.openai.com/v1"
	defaultTimeout  = 45 * time.Second
	defaultReply    = 1000
	defaultRetries  = 2
	defaultMaxBody  = 4 << 20
	shortestAttempt = time.Second // no model answers in less; an attempt with less time left is not begun

	// thinkingTokens is the room for a model that thinks before it answers: what
	// it thinks counts against the limit of its answer.
	thinkingTokens = 8000
)

// Options says which model is asked, and how. The names in brackets are the
// variables that operators know the fields by; errors use them.
type Options struct {
	BaseURL string // up to and without /chat/completions; default OpenAI's [OPENAI_BASE_URL]
	APIKey  string // may be empty for local servers [OPENAI_API_KEY]
	Model   string // required [OPENAI_MODEL]
	Format  string // json_schema (default), json_object or text [OPENAI_RESPONSE_FORMAT]

	Timeout        time.Duration     // for one attempt, default 45s; ctx's deadline holds besides [BOT_MODEL_TIMEOUT]
	MaxReplyTokens int               // of an answer, thinking not counted; default 1000
	Retries        int               // attempts after the first, default 2; negative: none
	MaxBody        int64             // bytes of an answer, default 4 MiB; a longer one is ErrInvalid
	Transport      http.RoundTripper // nil: a transport of its own
	Observe        func(Observation) // told of every attempt; nil: nobody. Must not block
}

// Observation is one attempt as a metric wants it.
type Observation struct {
	Duration time.Duration // until the whole body was read
	Status   int           // HTTP status, 0 when no answer came
	Err      error         // nil, or an *Error
	Retry    bool          // an earlier attempt for the same prompt went before
}

// Client is a bot.Model. It is safe for concurrent use.
type Client struct {
	opts  Options
	api   openai.ClientConfig
	http  *http.Client
	shape atomic.Pointer[shape] // what the model is known to accept
}

var _ bot.Model = (*Client)(nil)

// New returns a client; it asks nothing of the network. Its error names every
// option that is wrong, by its variable, and no value.
func New(o Options) (*Client, error) {
	o = o.withDefaults()
	if err := o.check(); err != nil {
		return nil, err
	}
	if o.Transport == nil {
		o.Transport = newTransport()
	}
	c := &Client{opts: o, api: openai.DefaultConfig(o.APIKey)}
	c.api.BaseURL = o.BaseURL
	c.http = &http.Client{
		Transport: o.Transport,
		Timeout:   o.Timeout,
		// A redirected POST would carry the conversation to an address nobody configured.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	c.shape.Store(firstShape(o))
	return c, nil
}

func (o Options) withDefaults() Options {
	o.BaseURL = strings.TrimRight(strings.TrimSpace(o.BaseURL), "/")
	o.APIKey, o.Model, o.Format = strings.TrimSpace(o.APIKey), strings.TrimSpace(o.Model), strings.TrimSpace(o.Format)
	if o.BaseURL == "" {
		o.BaseURL = defaultBaseURL
	}
	if o.Format == "" {
		o.Format = FormatJSONSchema
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.MaxReplyTokens <= 0 {
		o.MaxReplyTokens = defaultReply
	}
	if o.Retries == 0 {
		o.Retries = defaultRetries
	}
	o.Retries = max(0, o.Retries)
	if o.MaxBody <= 0 {
		o.MaxBody = defaultMaxBody
	}
	if o.Observe == nil {
		o.Observe = func(Observation) {}
	}
	return o
}

func (o Options) check() error {
	var errs []error
	if o.Model == "" {
		errs = append(errs, errors.New("OPENAI_MODEL is empty"))
	}
	if !slices.Contains([]string{FormatJSONSchema, FormatJSONObject, FormatText}, o.Format) {
		errs = append(errs, errors.New("OPENAI_RESPONSE_FORMAT is none of json_schema, json_object, text"))
	}
	if strings.ContainsFunc(o.APIKey, func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsGraphic(r) }) {
		errs = append(errs, errors.New("OPENAI_API_KEY has characters that no HTTP header can carry"))
	}
	return errors.Join(append(errs, checkURL(o.BaseURL))...)
}

// checkURL never quotes raw, which may hold a password.
func checkURL(raw string) error {
	u, err := url.Parse(raw)
	switch {
	case err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "":
		return errors.New("OPENAI_BASE_URL is not an http or https address")
	case u.User != nil:
		return errors.New("OPENAI_BASE_URL holds a user or password; a key goes in OPENAI_API_KEY")
	case u.RawQuery != "" || u.Fragment != "":
		return errors.New("OPENAI_BASE_URL has a query or fragment")
	case strings.HasSuffix(u.Path, "/chat/completions"):
		return errors.New("OPENAI_BASE_URL ends in /chat/completions; it stops before that")
	}
	return nil
}

// newTransport is the default transport, made for a process that runs for months
// and asks one server: it keeps a connection per worker, and notices one that
// died without a word, which HTTP/2 would go on using for a quarter of an hour.
func newTransport() http.RoundTripper {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost = 32
	t.HTTP2 = &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 10 * time.Second}
	return t
}

// Complete asks the model and blocks until its answer is whole. What may pass
// (see ErrUnavailable, ErrInvalid) is asked again, after the pause the server
// names or a growing one of our own, as long as ctx leaves time for it; without a
// deadline in ctx, that is at most Timeout for every attempt allowed.
//
// Its error is always an *Error. The tokens of all attempts are in the
// completion, with an error too.
func (c *Client) Complete(ctx context.Context, p bot.Prompt) (bot.Completion, error) {
	left := time.Duration(c.opts.Retries+1) * c.opts.Timeout
	if deadline, ok := ctx.Deadline(); ok {
		left = time.Until(deadline)
	}
	shortest := min(shortestAttempt, c.opts.Timeout/2)
	if ctx.Err() != nil {
		return bot.Completion{}, unreachable(context.Cause(ctx))
	} else if left <= shortest {
		return bot.Completion{}, &Error{Kind: ErrUnavailable, Message: "no time left to ask", cause: context.DeadlineExceeded}
	}

	var spent bot.Tokens
	var last *Error
	known := c.shape.Load()
	s, tries := *known, 0
	attempt := func() (bot.Completion, error) {
		var done bot.Completion
		done, last = c.attempt(ctx, p, s, tries > 0)
		tries++
		spent = spent.Add(done.Tokens)
		if last == nil {
			return done, nil
		}
		next, adapts := s.after(last, c.opts)
		s = next
		switch {
		case !adapts && !last.again:
			return done, backoff.Permanent(last)
		case last.RetryAfter > 0:
			return done, errors.Join(last, &backoff.RetryAfterError{Duration: last.RetryAfter})
		}
		return done, last
	}
	done, err := backoff.Retry(ctx, attempt,
		backoff.WithBackOff(&backoff.ExponentialBackOff{
			InitialInterval: 500 * time.Millisecond, RandomizationFactor: 0.5, Multiplier: 2, MaxInterval: 10 * time.Second,
		}),
		backoff.WithMaxTries(uint(c.opts.Retries)+1),
		backoff.WithMaxElapsedTime(left-shortest))
	done.Tokens = spent
	if err != nil {
		return bot.Completion{Model: done.Model, Tokens: spent}, last.under(ctx)
	}
	if s != *known {
		c.shape.CompareAndSwap(known, &s) // it worked: the next prompt starts with it
	}
	return done, nil
}

// attempt asks once. The completion holds the tokens with an error too.
func (c *Client) attempt(ctx context.Context, p bot.Prompt, s shape, retry bool) (bot.Completion, *Error) {
	req, failure := c.request(p, s)
	if failure != nil {
		return bot.Completion{}, failure
	}
	ctx, cancel := context.WithTimeout(ctx, c.opts.Timeout)
	defer cancel()

	start := time.Now()
	x := &exchange{http: c.http, max: c.opts.MaxBody}
	resp, err := x.client(c.api).CreateChatCompletion(ctx, req)
	done, failure := c.read(x, resp, err)
	o := Observation{Duration: time.Since(start), Status: x.status, Retry: retry}
	if failure != nil {
		failure.scrub(c.opts.APIKey, p)
		o.Err = failure
	}
	c.opts.Observe(o)
	return done, failure
}

// Ping reports whether the server and the model answer: it looks the model up
// and, where the server cannot tell, asks it for a single token. It repeats
// nothing. Its error is as Complete's.
func (c *Client) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.opts.Timeout)
	defer cancel()

	x := &exchange{http: c.http, max: c.opts.MaxBody}
	found, err := x.client(c.api).GetModel(ctx, url.PathEscape(c.opts.Model))
	if err == nil && x.status == http.StatusOK && found.ID != "" {
		return nil
	}
	if x.status == 0 || x.status == http.StatusUnauthorized {
		if _, failure := c.read(x, openai.ChatCompletionResponse{}, err); failure != nil {
			failure.scrub(c.opts.APIKey, bot.Prompt{})
			return failure
		}
	}
	return c.askOneToken(ctx)
}

func (c *Client) askOneToken(ctx context.Context) error {
	s := *c.shape.Load()
	s.limit = 1
	if s.reasons {
		s.limit = 16 // the least OpenRouter takes for such models
	}
	p := bot.Prompt{System: "This is a test of the connection.", Chat: []bot.ChatMessage{{Role: bot.RoleUser, Text: "Say ok."}}}
	req, failure := c.request(p, s)
	if failure != nil {
		return failure // unreachable: this prompt has a message
	}
	x := &exchange{http: c.http, max: c.opts.MaxBody}
	resp, err := x.client(c.api).CreateChatCompletion(ctx, req)
	if err == nil && x.status == http.StatusOK && len(resp.Choices) > 0 {
		return nil // one token is no decision, but it is an answer
	}
	_, failure = c.read(x, resp, err)
	if failure == nil {
		return nil // unreachable: without a choice there is a failure
	}
	failure.scrub(c.opts.APIKey, p)
	return fmt.Errorf("ask for one token: %w", failure)
}
