package openaichat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"inboxbot/bot"
)

// TestServers is what servers do, and what becomes of it.
func TestServers(t *testing.T) {
	part := func(s string) string { return strings.ReplaceAll(s, `"`, `\"`) }
	tests := []struct {
		name   string
		script []answer
		format string

		want     string // the completion's text; with err: what its text says
		err      error
		requests int
		tokens   int  // of all attempts
		person   bool // with err: a person should get the thread, it is no use to wait
	}{
		{name: "an answer", script: []answer{chat(decision)}, want: decision, requests: 1, tokens: 120},
		{name: "an answer, json_object", format: FormatJSONObject, script: []answer{chat(decision)}, want: decision, requests: 1, tokens: 120},
		{name: "an answer, text", format: FormatText, script: []answer{chat(decision)}, want: decision, requests: 1, tokens: 120},
		{name: "fenced", script: []answer{chat("```json\n" + decision + "\n```")}, want: decision, requests: 1, tokens: 120},
		{name: "thinking first", script: []answer{chat("<think>9? Yes {9}.</think>\n" + decision)}, want: decision, requests: 1, tokens: 120},
		{name: "words around", script: []answer{chat("Here you go: " + decision + " Anything else?")}, want: decision, requests: 1, tokens: 120},
		{
			name: "content in parts, one of them thinking", want: decision, requests: 1, tokens: 120,
			script: []answer{choice(`{"role":"assistant","content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]},{"type":"text","text":"`+
				part(decision[:20])+`"},{"type":"text","text":"`+part(decision[20:])+`"}]}`, "stop")},
		},
		{
			name: "reasoning beside the content", want: decision, requests: 1, tokens: 120,
			script: []answer{choice(`{"role":"assistant","reasoning_content":"hm","reasoning":"hm","content":"`+part(decision)+`"}`, "stop")},
		},
		{
			name: "no usage", want: decision, requests: 1,
			script: []answer{send(200, `{"choices":[{"message":{"role":"assistant","content":"`+part(decision)+`"},"finish_reason":null}],"usage":null,"error":null}`)},
		},
		{
			name: "a usage that cannot be", want: decision, requests: 1,
			script: []answer{send(200, `{"choices":[{"message":{"content":"`+part(decision)+`"}}],"usage":{"prompt_tokens":-5,"completion_tokens":-1,"prompt_tokens_details":{"cached_tokens":9}}}`)},
		},

		{name: "no choices", script: []answer{send(200, `{"choices":[],`+usage+`}`)}, err: ErrInvalid, want: "no choices", requests: 3, tokens: 360, person: true},
		{name: "no choices, then an answer", script: []answer{send(200, `{"choices":[]}`), chat(decision)}, want: decision, requests: 2, tokens: 120},
		{name: "empty content", script: []answer{chat("")}, err: ErrInvalid, want: "an empty answer", requests: 3, tokens: 360, person: true},
		{name: "null content", script: []answer{choice(`{"content":null}`, "stop")}, err: ErrInvalid, want: "an empty answer", requests: 3, tokens: 360, person: true},
		{name: "nothing but thinking", script: []answer{chat("<think>Let me see")}, err: ErrInvalid, want: "an empty answer", requests: 3, tokens: 360, person: true},
		{name: "cut twice, with room to think", script: []answer{choice(`{"content":"{\"act"}`, "length")}, err: ErrInvalid, want: "cut off", requests: 2, tokens: 240, person: true},
		{name: "cut, then whole with room to think", script: []answer{choice(`{"content":""}`, "length"), chat(decision)}, want: decision, requests: 2, tokens: 240},
		{name: "given up half-way", script: []answer{choice(`{"content":"{\"act"}`, "error"), chat(decision)}, want: decision, requests: 2, tokens: 240},
		{name: "a refusal", script: []answer{choice(`{"refusal":"I will not tell Margarethe"}`, "stop")}, err: ErrRefused, want: "refuses", requests: 1, tokens: 120, person: true},
		{name: "a filter took the answer", script: []answer{choice(`{"content":""}`, "content_filter")}, err: ErrRefused, want: "refuses", requests: 1, tokens: 120, person: true},
		{name: "a filter took the prompt", script: []answer{problemAnswer(400, "content_filter", "flagged: Margarethe")}, err: ErrRefused, want: "status 400 (content_filter)", requests: 1, person: true},
		{
			name: "a filter took the prompt, OpenRouter", err: ErrRefused, want: "refuses", requests: 1, person: true,
			script: []answer{send(403, `{"error":{"code":403,"message":"flagged","metadata":{"reasons":["x"],"flagged_input":"Margarethe"}}}`)},
		},
		{name: "the prompt is too long", script: []answer{problemAnswer(400, "context_length_exceeded", "maximum context length is 8192")}, err: ErrRefused, want: "too long for OPENAI_MODEL", requests: 1, person: true},

		{name: "an empty body", script: []answer{send(200, "")}, err: ErrInvalid, want: "an empty body", requests: 3, person: true},
		{name: "half a body", script: []answer{send(200, `{"choices":[{"message":{"con`)}, err: ErrInvalid, want: "not all of one", requests: 3, person: true},
		{name: "a stream nobody asked for", script: []answer{send(200, "data: {\"choices\":[]}\n\n")}, err: ErrInvalid, want: "no chat completion", requests: 3, person: true},
		{name: "a web page", script: []answer{send(200, "<!doctype html><html>Sign in</html>", "Content-Type", "text/html")}, err: ErrInvalid, want: "check OPENAI_BASE_URL", requests: 1},
		{name: "an error with status 200", script: []answer{send(200, `{"error":"model runner stopped"}`)}, err: ErrInvalid, want: "model runner stopped", requests: 3, person: true},
		{name: "an error with status 200 that has its own, OpenRouter", script: []answer{send(200, `{"error":{"code":502,"message":"Provider returned error","metadata":{"raw":"overloaded"}}}`), chat(decision)}, want: decision, requests: 2, tokens: 120},
		{name: "a wrong key with status 200", script: []answer{send(200, `{"error":{"code":401,"message":"No auth"}}`)}, err: ErrRejected, want: "check OPENAI_API_KEY", requests: 1},
		{name: "out of credit with status 200", script: []answer{send(200, `{"error":{"type":"insufficient_quota","message":"pay"}}`)}, err: ErrNoCredit, want: "topped up", requests: 1},
		{name: "filtered with status 200", script: []answer{send(200, `{"error":{"code":"content_filter","message":"Margarethe"}}`)}, err: ErrRefused, want: "content_filter", requests: 1, person: true},
		{name: "an endless body", script: []answer{endless}, err: ErrInvalid, want: "longer than the limit", requests: 1, person: true},

		{name: "a server's own trouble", script: []answer{problemAnswer(500, "server_error", "oops")}, err: ErrUnavailable, want: "status 500 (server_error): oops", requests: 3},
		{name: "trouble, then an answer", script: []answer{problemAnswer(500, "x", "oops"), send(503, "<html>busy</html>"), chat(decision)}, want: decision, requests: 3, tokens: 120},
		{name: "a connection that ends early", script: []answer{hangUp, chat(decision)}, want: decision, requests: 2, tokens: 120},
		{name: "a rate limit", script: []answer{problemAnswer(429, "rate_limit_exceeded", "slow down", "Retry-After", "7"), chat(decision)}, want: decision, requests: 2, tokens: 120},
		{name: "out of credit", script: []answer{problemAnswer(429, "insufficient_quota", "You exceeded your current quota", "Retry-After", "1")}, err: ErrNoCredit, want: "topped up", requests: 1},
		{name: "out of credit, DeepSeek", script: []answer{send(402, `{"error":{"message":"Insufficient Balance"}}`)}, err: ErrNoCredit, want: "topped up", requests: 1},
		{name: "out of credit, Anthropic", script: []answer{problemAnswer(400, "invalid_request_error", "Your credit balance is too low")}, err: ErrNoCredit, want: "topped up", requests: 1},
		{name: "no answer in time", script: []answer{hang}, err: ErrUnavailable, want: "no answer in time", requests: 3},

		{name: "a wrong key", script: []answer{problemAnswer(401, "invalid_api_key", "Incorrect API key provided: "+testKey)}, err: ErrRejected, want: "check OPENAI_API_KEY", requests: 1},
		{name: "a key without the right", script: []answer{problemAnswer(403, "", "Country not supported")}, err: ErrRejected, want: "what OPENAI_API_KEY may use", requests: 1},
		{name: "an unknown model", script: []answer{problemAnswer(404, "model_not_found", "The model `x` does not exist")}, err: ErrRejected, want: "check OPENAI_MODEL", requests: 1},
		{name: "an unknown model, Ollama", script: []answer{send(404, `{"error":"model \"x\" not found, try pulling it first"}`)}, err: ErrRejected, want: "check OPENAI_MODEL", requests: 1},
		{name: "an unknown model, OpenRouter", script: []answer{send(400, `{"error":{"message":"x is not a valid model ID","code":400}}`)}, err: ErrRejected, want: "check OPENAI_MODEL", requests: 1},
		{name: "a wrong address", script: []answer{send(404, "404 page not found", "Content-Type", "text/plain")}, err: ErrRejected, want: "check OPENAI_BASE_URL", requests: 1},
		{name: "a redirect is not followed", script: []answer{send(307, "", "Location", "http://elsewhere.example/")}, err: ErrRejected, want: "check OPENAI_BASE_URL", requests: 1},
		{name: "json_schema unknown, DeepSeek", script: []answer{send(400, `{"error":{"message":"This response_format type is unavailable now","type":"invalid_request_error","param":null,"code":"invalid_request_error"}}`)}, err: ErrRejected, want: "OPENAI_RESPONSE_FORMAT=json_object", requests: 1},
		{name: "json_schema unknown, FastAPI", script: []answer{send(422, `{"detail":[{"loc":["body"],"msg":"Input should be 'text' or 'json_object'","input":"Margarethe"}]}`)}, err: ErrRejected, want: "OPENAI_RESPONSE_FORMAT=json_object", requests: 1},
		{name: "json_object unknown", format: FormatJSONObject, script: []answer{problemAnswer(400, "", "'response_format' is not supported")}, err: ErrRejected, want: "OPENAI_RESPONSE_FORMAT=text", requests: 1},
		{name: "an error in a list, Google", script: []answer{send(400, `[{"error":{"code":400,"message":"Bad model","status":"INVALID_ARGUMENT"}}]`)}, err: ErrRejected, want: "Bad model", requests: 1},
		{name: "max_tokens refused by a model whose name does not tell", script: []answer{problemAnswer(400, "unsupported_parameter", "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."), chat(decision)}, want: decision, requests: 2, tokens: 120},
		{name: "a temperature refused likewise", script: []answer{problemAnswer(400, "unsupported_value", "Unsupported value: 'temperature' does not support 0.2"), chat(decision)}, want: decision, requests: 2, tokens: 120},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{script: tt.script}
				c := newClient(t, f, func(o *Options) { o.Format = tt.format; o.MaxBody = 1 << 20 })
				got, err := c.Complete(t.Context(), question())
				if n := len(f.requests()); n != tt.requests {
					t.Errorf("%d requests, want %d", n, tt.requests)
				}
				if n := got.Tokens.Total(); n != tt.tokens {
					t.Errorf("%d tokens, want %d", n, tt.tokens)
				}
				if tt.err == nil {
					if err != nil || got.Text != tt.want {
						t.Errorf("Complete = %q, %v; want %q", got.Text, err, tt.want)
					}
					return
				}
				if !errors.Is(err, tt.err) || !strings.Contains(fmt.Sprint(err), tt.want) {
					t.Fatalf("error = %v, want %v that says %q", err, tt.err, tt.want)
				}
				if waits := errors.Is(err, bot.ErrModelUnavailable); waits == tt.person {
					t.Errorf("the thread waits: %v, want %v", waits, !tt.person)
				}
				for _, secret := range []string{testKey, "Margarethe", "Juniper", "When do you"} {
					if strings.Contains(err.Error(), secret) {
						t.Errorf("error %q holds %q", err, secret)
					}
				}
			})
		})
	}
}

func TestRequest(t *testing.T) {
	prompt := question()
	prompt.Chat = append(prompt.Chat,
		bot.ChatMessage{Role: bot.RoleAssistant, Text: ""},
		bot.ChatMessage{Role: bot.RoleUser, Text: " \n"},
		bot.ChatMessage{Role: bot.RoleUser, Text: "Or on Sunday?"})
	tests := []struct {
		name, model, format string
		want                map[string]any // fields of the body; nil: absent
	}{
		{"a local model", "llama-3", FormatJSONSchema, map[string]any{"model": "llama-3", "max_tokens": 1000.0, "temperature": 0.2, "max_completion_tokens": nil, "stream": false}},
		{"a reasoning model", "gpt-5-mini", FormatJSONSchema, map[string]any{"max_tokens": nil, "temperature": nil, "max_completion_tokens": 9000.0}},
		{"one behind a gateway", "openai/o4-mini", FormatJSONSchema, map[string]any{"max_tokens": nil, "temperature": nil, "max_completion_tokens": 9000.0}},
		{"a fine-tuned one", "ft:gpt-5-mini:acme", FormatJSONSchema, map[string]any{"max_tokens": nil, "max_completion_tokens": 9000.0}},
		{"json_object", "m", FormatJSONObject, map[string]any{"response_format": map[string]any{"type": "json_object"}}},
		{"text", "m", FormatText, map[string]any{"response_format": nil}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{script: []answer{chat(decision)}}
				c := newClient(t, f, func(o *Options) { o.Model, o.Format = tt.model, tt.format })
				if _, err := c.Complete(t.Context(), prompt); err != nil {
					t.Fatal(err)
				}
				r := f.requests()[0]
				if r.path != "/v1/chat/completions" || r.auth != "Bearer "+testKey {
					t.Errorf("path %q, Authorization %q", r.path, r.auth)
				}
				for k, want := range tt.want {
					if got, err := json.Marshal(r.body[k]); err != nil || string(got) != mustJSON(t, want) {
						t.Errorf("%s = %s, want %s", k, got, mustJSON(t, want))
					}
				}
				checkMessages(t, r.body["messages"], tt.format)
			})
		})
	}
}

// checkMessages wants TestRequest's prompt: roles that alternate, no empty
// content, and JSON mentioned where OpenAI wants it.
func checkMessages(t *testing.T, got any, format string) {
	t.Helper()
	var roles, texts []string
	for _, m := range got.([]any) {
		fields := m.(map[string]any)
		content, _ := fields["content"].(string)
		if content == "" || len(fields) != 2 {
			t.Errorf("message %v: want role and content, and no more", fields)
		}
		roles, texts = append(roles, fields["role"].(string)), append(texts, content)
	}
	if got := strings.Join(roles, " "); got != "system user assistant user" {
		t.Fatalf("roles: %s", got)
	}
	if want := "When do you open tomorrow?\n\nOr on Sunday?"; texts[3] != want {
		t.Errorf("last message %q, want %q", texts[3], want)
	}
	if instructed := strings.Contains(texts[0], jsonInstruction); instructed != (format != FormatJSONSchema) {
		t.Errorf("system message says how the JSON looks: %v", instructed)
	}
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestSchema holds the schema against bot.Decision and the rules of OpenAI's
// strict mode.
func TestSchema(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{script: []answer{chat(decision)}}
		if _, err := newClient(t, f, nil).Complete(t.Context(), question()); err != nil {
			t.Fatal(err)
		}
		format := f.requests()[0].body["response_format"].(map[string]any)
		wrapper := format["json_schema"].(map[string]any)
		if format["type"] != "json_schema" || wrapper["strict"] != true || wrapper["name"] != "decision" {
			t.Errorf("response_format = %v", format)
		}
		schema := wrapper["schema"].(map[string]any)
		var fields map[string]any
		if err := json.Unmarshal([]byte(mustJSON(t, bot.Decision{Language: "en", Cause: bot.CauseFacts})), &fields); err != nil {
			t.Fatal(err)
		}
		properties := schema["properties"].(map[string]any)
		if len(properties) != len(fields) || len(schema["required"].([]any)) != len(fields) || schema["additionalProperties"] != false {
			t.Errorf("schema %v does not hold exactly the fields of a decision", schema)
		}
		for name := range fields {
			if properties[name] == nil {
				t.Errorf("schema lacks %q", name)
			}
		}
		if got := mustJSON(t, properties["action"].(map[string]any)["enum"]); got != mustJSON(t, []bot.Action{bot.Reply, bot.Handoff, bot.Skip}) {
			t.Errorf("actions %s", got)
		}
	})
}

func TestNothingToAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{script: []answer{chat(decision)}}
		c := newClient(t, f, nil)
		_, err := c.Complete(t.Context(), bot.Prompt{System: "You answer.", Chat: []bot.ChatMessage{{Role: bot.RoleUser, Text: " "}}})
		if !errors.Is(err, ErrRefused) || len(f.requests()) != 0 {
			t.Errorf("%v after %d requests", err, len(f.requests()))
		}
	})
}

// TestModelOfAnotherKind: the library knows that this one does not chat.
func TestModelOfAnotherKind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{script: []answer{chat(decision)}}
		c := newClient(t, f, func(o *Options) { o.Model = "text-davinci-003" })
		_, err := c.Complete(t.Context(), question())
		if !errors.Is(err, ErrRejected) || !strings.Contains(fmt.Sprint(err), "OPENAI_MODEL") || len(f.requests()) != 0 {
			t.Errorf("%v after %d requests", err, len(f.requests()))
		}
	})
}

func TestRetryAfterIsObeyed(t *testing.T) {
	tests := []struct {
		name, header, value string
		want                time.Duration
	}{
		{"seconds", "Retry-After", "7", 7 * time.Second},
		{"part of a second", "Retry-After", "0.25", 250 * time.Millisecond},
		{"milliseconds", "Retry-After-Ms", "1500", 1500 * time.Millisecond},
		{"a date", "Retry-After", "Sat, 01 Jan 2000 00:00:09 GMT", 9 * time.Second}, // synctest begins at midnight
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{script: []answer{problemAnswer(429, "rate_limit_exceeded", "slow", tt.header, tt.value), chat(decision)}}
				c := newClient(t, f, nil)
				if _, err := c.Complete(t.Context(), question()); err != nil {
					t.Fatal(err)
				}
				r := f.requests()
				if got := r[1].at.Sub(r[0].at); got != tt.want {
					t.Errorf("asked again after %v, want %v", got, tt.want)
				}
			})
		})
	}
}

// TestDeadline: what cannot end in time is not begun.
func TestDeadline(t *testing.T) {
	tests := []struct {
		name     string
		script   []answer
		left     time.Duration
		requests int
		took     time.Duration // at most
		after    time.Duration // the error's RetryAfter
	}{
		{"no time left at all", []answer{chat(decision)}, 0, 0, 0, 0},
		{"too little time left", []answer{chat(decision)}, 900 * time.Millisecond, 0, 0, 0},
		{"no time for the pause the server asks for", []answer{problemAnswer(429, "", "slow", "Retry-After", "60")}, 45 * time.Second, 1, 0, time.Minute},
		{"no time for a second attempt", []answer{hang}, 45 * time.Second, 1, 45 * time.Second, 0},
		{"time for two", []answer{hang}, 60 * time.Second, 2, 60 * time.Second, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{script: tt.script}
				c := newClient(t, f, nil)
				ctx, cancel := context.WithTimeout(t.Context(), tt.left)
				defer cancel()
				start := time.Now()
				_, err := c.Complete(ctx, question())
				var e *Error
				if !errors.As(err, &e) || !errors.Is(err, ErrUnavailable) || !errors.Is(err, bot.ErrModelUnavailable) {
					t.Fatalf("error = %v", err)
				}
				if n := len(f.requests()); n != tt.requests {
					t.Errorf("%d requests, want %d", n, tt.requests)
				}
				if took := time.Since(start); took > tt.took {
					t.Errorf("took %v, want at most %v", took, tt.took)
				}
				if e.RetryAfter != tt.after {
					t.Errorf("RetryAfter = %v, want %v", e.RetryAfter, tt.after)
				}
			})
		})
	}
}

func TestCanceled(t *testing.T) {
	for name, script := range map[string]answer{"while the model thinks": hang, "between two attempts": problemAnswer(429, "", "slow", "Retry-After", "30")} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newClient(t, &fake{script: []answer{script}}, nil)
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(10*time.Second, cancel)
				start := time.Now()
				_, err := c.Complete(ctx, question())
				if !errors.Is(err, context.Canceled) {
					t.Errorf("error = %v, want one that matches context.Canceled", err)
				}
				if took := time.Since(start); took != 10*time.Second {
					t.Errorf("returned after %v", took)
				}
			})
		})
	}
}

func TestTimeoutMatchesDeadlineExceeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, &fake{script: []answer{hang}}, func(o *Options) { o.Retries = -1; o.Timeout = time.Second })
		if _, err := c.Complete(t.Context(), question()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error = %v, want one that matches context.DeadlineExceeded", err)
		}
	})
}

func TestNobodyListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	c, err := New(Options{BaseURL: "http://" + addr + "/secret-path/v1", Model: "m", Retries: -1})
	if err != nil {
		t.Fatal(err)
	}
	for name, ask := range map[string]func() error{
		"Complete": func() error { _, err := c.Complete(t.Context(), question()); return err },
		"Ping":     func() error { return c.Ping(t.Context()) },
	} {
		err := ask()
		if !errors.Is(err, ErrUnavailable) || !strings.Contains(fmt.Sprint(err), "OPENAI_BASE_URL") || strings.Contains(fmt.Sprint(err), "secret-path") {
			t.Errorf("%s: error = %v", name, err)
		}
	}
}

// TestDefaultTransport asks a server on a real socket.
func TestDefaultTransport(t *testing.T) {
	f := &fake{script: []answer{chat(decision)}}
	srv := httptest.NewServer(f)
	t.Cleanup(srv.Close)
	c, err := New(Options{BaseURL: srv.URL + "/v1", Model: "m"})
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.Complete(t.Context(), question())
	if err != nil || got.Text != decision || got.Model != "m-2026" || got.Tokens != (bot.Tokens{Prompt: 100, Cached: 64, Completion: 20}) {
		t.Errorf("Complete = %+v, %v", got, err)
	}
	if auth := f.requests()[0].auth; auth != "" {
		t.Errorf("without a key, Authorization = %q", auth)
	}
}

// TestLearns: a shape that worked is what the next prompt starts with.
func TestLearns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{script: []answer{
			problemAnswer(400, "unsupported_parameter", "Use 'max_completion_tokens' instead."), chat(decision), chat(decision),
		}}
		c := newClient(t, f, nil)
		for range 2 {
			if _, err := c.Complete(t.Context(), question()); err != nil {
				t.Fatal(err)
			}
		}
		r := f.requests()
		if len(r) != 3 || r[0].body["max_tokens"] == nil || r[2].body["max_completion_tokens"] != 9000.0 || r[2].body["temperature"] != nil {
			t.Errorf("%d requests, the last %v", len(r), r[len(r)-1].body)
		}
	})
}

func TestObserve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []Observation
		slow := func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(3 * time.Second)
			chat(decision)(w, r)
		}
		f := &fake{script: []answer{hangUp, problemAnswer(503, "", "busy"), slow}}
		c := newClient(t, f, func(o *Options) { o.Observe = func(ob Observation) { got = append(got, ob) } })
		if _, err := c.Complete(t.Context(), question()); err != nil {
			t.Fatal(err)
		}
		want := []Observation{{Status: 200}, {Status: 503, Retry: true}, {Status: 200, Retry: true, Duration: 3 * time.Second}}
		if len(got) != len(want) {
			t.Fatalf("%d observations: %v", len(got), got)
		}
		for i, w := range want {
			g := got[i]
			if g.Status != w.Status || g.Retry != w.Retry || g.Duration != w.Duration || (g.Err == nil) != (i == 2) {
				t.Errorf("observation %d: %+v, want %+v", i, g, w)
			}
		}
	})
}

func TestConcurrentPrompts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{script: []answer{choice(`{"content":""}`, "length"), chat(decision)}}
		c := newClient(t, f, nil)
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				if _, err := c.Complete(t.Context(), question()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	})
}

func TestPing(t *testing.T) {
	found := send(200, `{"id":"local-7b","object":"model"}`)
	tests := []struct {
		name     string
		models   answer
		chat     answer
		err      error
		says     string
		requests int
	}{
		{"the server knows the model", found, nil, nil, "", 1},
		{"no list of models, but it answers", nil, choice(`{"content":"o"}`, "length"), nil, "", 2},
		{"a web page for a model, but it answers", send(200, "<html>"), chat("ok"), nil, "", 2},
		{"the key may not list models, but ask", problemAnswer(403, "", "no"), chat("ok"), nil, "", 2},
		{"a wrong key", problemAnswer(401, "invalid_api_key", "Incorrect API key: "+testKey), nil, ErrRejected, "OPENAI_API_KEY", 1},
		{"a wrong model", nil, problemAnswer(404, "model_not_found", "no such model"), ErrRejected, "OPENAI_MODEL", 2},
		{"a format it does not know", nil, problemAnswer(400, "", "response_format is unknown"), ErrRejected, "OPENAI_RESPONSE_FORMAT=json_object", 2},
		{"no money", nil, problemAnswer(429, "insufficient_quota", "pay"), ErrNoCredit, "topped up", 2},
		{"a web site", send(200, "<html>"), send(200, "<html>"), ErrInvalid, "OPENAI_BASE_URL", 2},
		{"down, and not asked again", nil, send(503, ""), ErrUnavailable, "503", 2},
		{"silent", hang, nil, ErrUnavailable, "no answer in time", 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{models: tt.models, script: []answer{tt.chat}}
				err := newClient(t, f, nil).Ping(t.Context())
				if !errors.Is(err, tt.err) || !strings.Contains(fmt.Sprint(err), tt.says) {
					t.Errorf("Ping = %v, want %v that says %q", err, tt.err, tt.says)
				}
				if strings.Contains(fmt.Sprint(err), testKey) {
					t.Errorf("error %q holds the key", err)
				}
				if n := len(f.requests()); n != tt.requests {
					t.Errorf("%d requests, want %d", n, tt.requests)
				}
			})
		})
	}
}

func TestPingEscapesTheModel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{models: send(200, `{"id":"x"}`), script: []answer{chat("ok")}}
		c := newClient(t, f, func(o *Options) { o.Model = "meta/llama 3?x" })
		if err := c.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := f.requests()[0].path; got != "/v1/models/meta%2Fllama%203%3Fx" {
			t.Errorf("path %q", got)
		}
	})
}

func TestNewNamesWhatIsWrong(t *testing.T) {
	tests := []struct {
		name string
		o    Options
		want []string
	}{
		{"no model", Options{}, []string{"OPENAI_MODEL"}},
		{"an unknown format", Options{Model: "m", Format: "xml"}, []string{"OPENAI_RESPONSE_FORMAT"}},
		{"an address without scheme", Options{Model: "m", BaseURL: "localhost:11434/v1"}, []string{"OPENAI_BASE_URL"}},
		{"an address with a password", Options{Model: "m", BaseURL: "https://joe:hunter2@host/v1"}, []string{"OPENAI_BASE_URL"}},
		{"an address nobody can read", Options{Model: "m", BaseURL: "http://hunter2 host/%zz"}, []string{"OPENAI_BASE_URL"}},
		{"an address with the key in it", Options{Model: "m", BaseURL: "https://host/v1?key=hunter2"}, []string{"OPENAI_BASE_URL"}},
		{"an address that goes too far", Options{Model: "m", BaseURL: "https://host/v1/chat/completions/"}, []string{"/chat/completions"}},
		{"a key with a line end in it", Options{Model: "m", APIKey: "hunter2\nx"}, []string{"OPENAI_API_KEY"}},
		{"everything", Options{Format: "x", BaseURL: "x", APIKey: "ä"}, []string{"OPENAI_MODEL", "OPENAI_RESPONSE_FORMAT", "OPENAI_BASE_URL", "OPENAI_API_KEY"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := New(tt.o)
			for _, want := range tt.want {
				if !strings.Contains(fmt.Sprint(err), want) {
					t.Errorf("error %v does not name %s", err, want)
				}
			}
			if strings.Contains(fmt.Sprint(err), "hunter2") {
				t.Errorf("error %v holds a secret", err)
			}
		})
	}
	if _, err := New(Options{Model: "m", APIKey: " key\n"}); err != nil {
		t.Errorf("a key from a file that ends in a line end: %v", err)
	}
}

// BenchmarkComplete is the price of the client itself: the server is in the process.
func BenchmarkComplete(b *testing.B) {
	srv := httptest.NewServer(&fakeOnce{answer: chat(decision)})
	defer srv.Close()
	c, err := New(Options{BaseURL: srv.URL, Model: "m"})
	if err != nil {
		b.Fatal(err)
	}
	p := question()
	for b.Loop() {
		if _, err := c.Complete(b.Context(), p); err != nil {
			b.Fatal(err)
		}
	}
}

// fakeOnce answers always the same and remembers nothing.
type fakeOnce struct{ answer answer }

func (f *fakeOnce) ServeHTTP(w http.ResponseWriter, r *http.Request) { f.answer(w, r) }
