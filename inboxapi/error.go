package inboxapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// What errors of this package match under errors.Is. The first seven are
// statuses of the API; ErrInvalid also stands for what was refused here before
// any request was made, and ErrNotFound for a lookup that matched nothing.
var (
	ErrUnauthorized = errors.New("unauthorized") // 401: the token is missing, wrong or revoked
	ErrForbidden    = errors.New("forbidden")    // 403: another team's, or not in the plan
	ErrNotFound     = errors.New("not found")    // 404
	ErrConflict     = errors.New("conflict")     // 409
	ErrRateLimited  = errors.New("rate limited") // 429: not processed, see Error.RetryAfter
	ErrInvalid      = errors.New("invalid")      // 400, 413, 422
	ErrServer       = errors.New("server error") // 5xx

	// ErrMalformed is a 2xx response that is not what the API describes: HTML,
	// JSON of another shape, cut off, or longer than Options.MaxBody.
	ErrMalformed = errors.New("malformed response")

	// ErrNotSent is a send of which certainly no byte reached the API: the
	// request could not be built, the limiter refused it, no connection was
	// obtained, or the fence struck before the first byte.
	ErrNotSent = errors.New("not sent")
)

// Error is an API response outside 2xx.
type Error struct {
	Method, Path string        // Path is relative to the base URL and has no query
	Status       int           // HTTP status
	Code         string        // the API's own code such as THREAD_NOT_FOUND, may be empty; for logs
	Message      string        // as the API put it, on one line, at most 300 characters, may be empty
	RetryAfter   time.Duration // how long the API wants to be left alone, 0 if it did not say
}

// Error names the request, the status and what the API said about it.
func (e *Error) Error() string {
	s := fmt.Sprintf("%s %s: %d", e.Method, e.Path, e.Status)
	if e.Code != "" {
		s += " " + e.Code
	} else if t := http.StatusText(e.Status); t != "" {
		s += " " + t
	}
	if e.Message != "" {
		s += ": " + e.Message
	}
	return s
}

// Is reports whether target is the sentinel of e's status.
func (e *Error) Is(target error) bool {
	switch e.Status {
	case http.StatusUnauthorized:
		return target == ErrUnauthorized
	case http.StatusForbidden:
		return target == ErrForbidden
	case http.StatusNotFound:
		return target == ErrNotFound
	case http.StatusConflict:
		return target == ErrConflict
	case http.StatusTooManyRequests:
		return target == ErrRateLimited
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return target == ErrInvalid
	}
	return e.Status >= 500 && target == ErrServer
}

// Ambiguous reports whether a failed send may have reached the prospect all the
// same, now or a little later. Such a send must not be repeated: look for it in
// the thread, and ask a person when it cannot be found.
//
//	nil                                        no: it was sent
//	ErrNotSent                                 no: it did not leave
//	4xx other than 408, 409 and 425            no: the API refused it (429 too)
//	everything else: 408, 409, 425, 3xx, 5xx,  yes
//	timeout, reset, EOF, cancelled
//
// An error that is not of this package counts as everything else.
func Ambiguous(err error) bool {
	if err == nil || errors.Is(err, ErrNotSent) {
		return false
	}
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return true
	}
	switch e.Status {
	case http.StatusRequestTimeout, http.StatusConflict, http.StatusTooEarly:
		return true
	}
	return e.Status < 400 || e.Status > 499
}

// maxErrorBody is how much of an error response is read, in bytes.
const maxErrorBody = 64 << 10

// What an Error keeps of the API's words, in characters.
const (
	maxErrorMessage = 300
	maxErrorCode    = 60
)

// minSecret is the length from which a token is taken for a secret that must not
// be echoed; a shorter one, of a test, would be found in any sentence.
const minSecret = 8

// newError reads the body of a response outside 2xx. Three shapes of JSON are in
// use (error as an object, error as a string, flat), and proxies answer in HTML.
func newError(method, path string, status int, body []byte, token string) *Error {
	e := &Error{Method: method, Path: path, Status: status}
	var shape struct {
		Error   json.RawMessage `json:"error"`
		Code    json.RawMessage `json:"code"`
		Message json.RawMessage `json:"message"`
	}
	if json.Unmarshal(body, &shape) != nil {
		e.Message = oneLine(plainMessage(body), token, maxErrorMessage)
		return e
	}
	code, message := text(shape.Code), text(shape.Message)
	var nested struct {
		Code    json.RawMessage `json:"code"`
		Message json.RawMessage `json:"message"`
	}
	if plain := text(shape.Error); plain != "" {
		if code == "" {
			code = plain
		} else if message == "" {
			message = plain
		}
	} else if json.Unmarshal(shape.Error, &nested) == nil {
		code = firstNonEmpty(text(nested.Code), code)
		message = firstNonEmpty(text(nested.Message), message)
	}
	e.Code = oneLine(code, token, maxErrorCode)
	e.Message = oneLine(message, token, maxErrorMessage)
	return e
}

// text is a JSON string's or number's text, "" for anything else.
func text(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	var n json.Number
	if json.Unmarshal(raw, &n) == nil {
		return n.String()
	}
	return ""
}

func firstNonEmpty(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// plainMessage is what a body that is not JSON says: the title of a page, or the
// text itself.
func plainMessage(body []byte) string {
	if !isHTML(body) {
		return string(body)
	}
	lower := bytes.ToLower(body)
	if len(lower) == len(body) { // else the offsets below would not be body's
		if _, rest, ok := bytes.Cut(lower, []byte("<title>")); ok {
			if title, _, ok := bytes.Cut(rest, []byte("</title>")); ok {
				start := len(body) - len(rest)
				return "HTML page: " + string(body[start:start+len(title)])
			}
		}
	}
	return "HTML page"
}

func isHTML(body []byte) bool {
	return bytes.HasPrefix(bytes.TrimSpace(body), []byte("<"))
}

// oneLine makes words from outside fit for an error or a log: no control or
// invisible characters, no token, at most limit characters.
func oneLine(s, token string, limit int) string {
	if len(token) >= minSecret {
		s = strings.ReplaceAll(s, token, "[token]")
	}
	s = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(s, "\uFFFD"))
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > limit {
		s = string(r[:limit]) + "…"
	}
	return s
}

// maxRetryAfter keeps a nonsensical number from overflowing a Duration. It is
// far above the day that the longest quota window lasts.
const maxRetryAfter = 30 * 24 * time.Hour

// retryAfter is how long h asks us to wait: Retry-After in seconds or as a date,
// else, for 429, the time until the quota resets. The vendor documents seconds;
// hours of them are legitimate. now is the API's clock.
func retryAfter(h http.Header, status int, now time.Time) time.Duration {
	v := strings.TrimSpace(h.Get("Retry-After"))
	if s, err := strconv.ParseFloat(v, 64); err == nil {
		return seconds(s)
	}
	if at, err := http.ParseTime(v); err == nil {
		return min(max(0, at.Sub(now)), maxRetryAfter)
	}
	if status == http.StatusTooManyRequests {
		if at := resetTime(h, now); !at.IsZero() {
			return min(max(0, at.Sub(now)), maxRetryAfter)
		}
	}
	return 0
}

// seconds is s as a Duration within [0, maxRetryAfter], rounded up to a
// millisecond.
func seconds(s float64) time.Duration {
	switch {
	case math.IsNaN(s) || s <= 0:
		return 0
	case s >= maxRetryAfter.Seconds():
		return maxRetryAfter
	}
	return time.Duration(math.Ceil(s*1000)) * time.Millisecond
}

// rateLimit reads the X-RateLimit headers, nil when they do not say how many
// requests are left.
func rateLimit(h http.Header, now time.Time) *RateLimit {
	remaining, err := strconv.Atoi(strings.TrimSpace(h.Get("X-RateLimit-Remaining")))
	if err != nil {
		return nil
	}
	limit, err := strconv.Atoi(strings.TrimSpace(h.Get("X-RateLimit-Limit")))
	if err != nil {
		limit = 0
	}
	return &RateLimit{Limit: max(0, limit), Remaining: max(0, remaining), Reset: resetTime(h, now)}
}

// resetTime reads X-RateLimit-Reset: Unix seconds as documented, or, when the
// number is too small for that, seconds from now.
func resetTime(h http.Header, now time.Time) time.Time {
	n, err := strconv.ParseInt(strings.TrimSpace(h.Get("X-RateLimit-Reset")), 10, 64)
	switch {
	case err != nil || n < 0:
		return time.Time{}
	case n > 1e12: // milliseconds, as JavaScript counts
		return time.UnixMilli(n)
	case n > 1e9:
		return time.Unix(n, 0)
	}
	return now.Add(seconds(float64(n)))
}
