package inboxapi_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"inboxbot/inboxapi"
)

func TestErrorBodies(t *testing.T) {
	tests := []struct {
		name, body    string
		code, message string
	}{
		{
			"documented", `{"error":{"code":"THREAD_NOT_FOUND","message":"Thread with ID 'x' not found","status":404}}`,
			"THREAD_NOT_FOUND", "Thread with ID 'x' not found",
		},
		{
			"old", `{"error":"Unauthorized","message":"Invalid or missing authentication token"}`,
			"Unauthorized", "Invalid or missing authentication token",
		},
		{
			"the framework's", `{"defined":false,"code":"BAD_REQUEST","status":400,"message":"Input validation failed","data":{"issues":[]}}`,
			"BAD_REQUEST", "Input validation failed",
		},
		{"a code and a sentence", `{"code":"TOO_LONG","error":"content is too long"}`, "TOO_LONG", "content is too long"},
		{"a code that is a number", `{"error":{"code":1234,"message":"no"}}`, "1234", "no"},
		{"nulls", `{"error":null,"message":null,"code":null}`, "", ""},
		{"other types", `{"error":[1],"message":{"a":1},"code":true}`, "", ""},
		{"an array", `["no"]`, "", `["no"]`},
		{"text", `upstream connect error`, "", "upstream connect error"},
		{"HTML with a title", "\n<!DOCTYPE html><html><HEAD><Title>502 Bad\nGateway</TITLE></html>", "", "HTML page: 502 Bad Gateway"},
		{"HTML without", `<html><body>oops</body></html>`, "", "HTML page"},
		{"HTML with an endless title", `<title>oops`, "", "HTML page"},
		{"nothing", ``, "", ""},
		{"a line of a log", `{"message":"no\n2026-11-10 level=INFO handled\u001b[31m\u202e\u0000"}`, "", "no 2026-11-10 level=INFO handled [31m"},
		{"the token", `{"error":{"code":"BAD ` + testToken + `","message":"unknown token ` + testToken + `!"}}`, "BAD [token]", "unknown token [token]!"},
		{"invalid UTF-8", "{\"message\":\"a\xffb\"}", "", "a\uFFFDb"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := client(t, serve(t, says(418, tt.body)), once)
			_, err := c.GetThread(t.Context(), "th1")
			var e *inboxapi.Error
			if !errors.As(err, &e) {
				t.Fatalf("error %v, want an *Error", err)
			}
			if e.Code != tt.code || e.Message != tt.message {
				t.Errorf("code %q message %q, want %q and %q", e.Code, e.Message, tt.code, tt.message)
			}
			if e.Method != "GET" || e.Path != "/threads/th1" || e.Status != 418 {
				t.Errorf("%+v is not about GET /threads/th1 and 418", e)
			}
		})
	}
}

func TestErrorText(t *testing.T) {
	tests := []struct {
		e    inboxapi.Error
		want string
	}{
		{
			inboxapi.Error{Method: "GET", Path: "/threads/x", Status: 404, Code: "THREAD_NOT_FOUND", Message: "no such thread"},
			"GET /threads/x: 404 THREAD_NOT_FOUND: no such thread",
		},
		{inboxapi.Error{Method: "GET", Path: "/team", Status: 502}, "GET /team: 502 Bad Gateway"},
		{inboxapi.Error{Method: "GET", Path: "/team", Status: 599}, "GET /team: 599"},
	}
	for _, tt := range tests {
		if got := tt.e.Error(); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}

// Each status matches its own sentinel and no other.
func TestSentinels(t *testing.T) {
	sentinels := []error{
		inboxapi.ErrUnauthorized, inboxapi.ErrForbidden, inboxapi.ErrNotFound, inboxapi.ErrConflict,
		inboxapi.ErrRateLimited, inboxapi.ErrInvalid, inboxapi.ErrServer, inboxapi.ErrMalformed, inboxapi.ErrNotSent,
	}
	tests := map[int]error{
		301: nil, 400: inboxapi.ErrInvalid, 401: inboxapi.ErrUnauthorized, 403: inboxapi.ErrForbidden, 404: inboxapi.ErrNotFound,
		408: nil, 409: inboxapi.ErrConflict, 413: inboxapi.ErrInvalid, 418: nil, 422: inboxapi.ErrInvalid, 425: nil,
		429: inboxapi.ErrRateLimited, 500: inboxapi.ErrServer, 503: inboxapi.ErrServer, 599: inboxapi.ErrServer,
	}
	for status, want := range tests {
		err := fmt.Errorf("wrapped: %w", &inboxapi.Error{Status: status})
		for _, s := range sentinels {
			if got, match := errors.Is(err, s), errors.Is(want, s); got != match {
				t.Errorf("%d is %v: %v", status, s, got)
			}
		}
	}
}

func TestAmbiguous(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want bool
	}{
		{"sent", nil, false},
		{"not sent", fmt.Errorf("%w: %w", inboxapi.ErrNotSent, io.EOF), false},
		{"connection lost", io.EOF, true},
		{"anything else", errors.New("?"), true},
	}
	for _, status := range []int{400, 401, 403, 404, 410, 413, 422, 429, 499} {
		tests = append(tests, struct {
			name string
			err  error
			want bool
		}{fmt.Sprint(status), fmt.Errorf("send: %w", &inboxapi.Error{Status: status}), false})
	}
	for _, status := range []int{301, 307, 408, 409, 425, 500, 502, 503, 504, 599, 600} {
		tests = append(tests, struct {
			name string
			err  error
			want bool
		}{fmt.Sprint(status), fmt.Errorf("send: %w", &inboxapi.Error{Status: status}), true})
	}
	for _, tt := range tests {
		if got := inboxapi.Ambiguous(tt.err); got != tt.want {
			t.Errorf("%s: ambiguous %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 10, 18, 0, 0, 0, time.UTC)
	const after, reset = "Retry-After", "X-RateLimit-Reset"
	tests := []struct {
		name   string
		status int
		header map[string]string
		want   time.Duration
	}{
		{"seconds", 429, map[string]string{after: "60"}, time.Minute},
		{"hours of them", 429, map[string]string{after: "7200"}, 2 * time.Hour},
		{"a fraction", 429, map[string]string{after: "1.5"}, 1500 * time.Millisecond},
		{"a date", 503, map[string]string{after: "Tue, 10 Nov 2026 18:00:42 GMT"}, 42 * time.Second},
		{"a date gone by", 503, map[string]string{after: "Tue, 10 Nov 2026 17:00:00 GMT"}, 0},
		{"with a reset", 429, map[string]string{after: "5", reset: "1794333700"}, 5 * time.Second},
		{"only a reset, Unix time", 429, map[string]string{reset: "1794333630"}, 30 * time.Second},
		{"only a reset, milliseconds", 429, map[string]string{reset: "1794333630000"}, 30 * time.Second},
		{"only a reset, seconds to go", 429, map[string]string{reset: "30"}, 30 * time.Second},
		{"only a reset gone by", 429, map[string]string{reset: "1794333500"}, 0},
		{"a reset of a response that is not 429", 503, map[string]string{reset: "30"}, 0},
		{"nothing", 429, nil, 0},
		{"negative", 429, map[string]string{after: "-5"}, 0},
		{"not a number", 429, map[string]string{after: "NaN"}, 0},
		{"endless", 429, map[string]string{after: "Inf"}, 30 * 24 * time.Hour},
		{"more than a Duration holds", 429, map[string]string{after: "99999999999999999999"}, 30 * 24 * time.Hour},
		{"words", 429, map[string]string{after: "soon"}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := http.Header{}
			for k, v := range tt.header {
				h.Set(k, v)
			}
			if got := inboxapi.RetryAfter(h, tt.status, now); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

// What an Error shows is short, on one line, and does not hold the token.
func FuzzError(f *testing.F) {
	for _, body := range []string{
		`{"error":{"code":"THREAD_NOT_FOUND","message":"Thread with ID 'x' not found","status":404}}`,
		`{"error":"Unauthorized","message":"Invalid or missing authentication token"}`,
		`{"defined":false,"code":"NOT_FOUND","status":404,"message":"Not Found"}`,
		`<html><title>` + testToken + `</title>`,
		"{\"message\":\"" + testToken + "\\n\\u0000\xff\"}",
		`{"message":"` + strings.Repeat("long ", 200) + `"}`,
		"<\u0130<title>x</title>", // lower case of U+0130 is longer than itself
		``, `null`, `[]`, `"`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		e := inboxapi.NewError("GET", "/threads", 500, body, testToken)
		s := e.Error()
		if !utf8.ValidString(s) || utf8.RuneCountInString(s) > 500 {
			t.Errorf("%d characters, valid %v", utf8.RuneCountInString(s), utf8.ValidString(s))
		}
		if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("unprintable: %q", s)
		}
		if strings.Contains(s, testToken) {
			t.Errorf("the token is shown: %q", s)
		}
	})
}
