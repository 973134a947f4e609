package openaichat

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"inboxbot/bot"
)

// What an *Error is of. Each error of this package matches exactly one of them.
var (
	// ErrUnavailable: no answer now; the same prompt may be answered later. The
	// network, a timeout, a rate limit, a server's own trouble.
	ErrUnavailable = errors.New("the model is unavailable")
	// ErrNoCredit: the account's money or quota is used up. It passes, but only
	// once somebody pays, so it is not asked again here.
	ErrNoCredit = errors.New("the model account is out of credit")
	// ErrRejected: the configuration is wrong; nothing will be answered until it
	// is changed. The message names the variable.
	ErrRejected = errors.New("the model server rejects the request")
	// ErrRefused: the model, a filter or a limit will not have this prompt answered.
	ErrRefused = errors.New("the model refuses to answer")
	// ErrInvalid: something came back that is no answer: an empty one, one that
	// was cut off, an error page with status 200. Asking once more may help.
	ErrInvalid = errors.New("the model's answer is unusable")
)

// Error says why there is no completion. Its text holds neither the key nor
// anything of the prompt, and of the server's words at most a line.
type Error struct {
	Kind       error         // one of the package's sentinels
	Status     int           // HTTP, 0 if no answer came
	Code       string        // the server's name for it, "" if it has none
	Message    string        // one line; ours, or the server's
	Hint       string        // what the operator can do, with the variable's name; may be empty
	RetryAfter time.Duration // 0 if the server did not say

	cause        error
	again        bool // the same request may be answered at once
	unheard      bool // the model was not asked, though Kind does not say so
	cut          bool // the limit of tokens was too low
	refusedShape bool // the model knows other fields for limit and temperature
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Kind.Error())
	if e.Status != 0 && e.Status != http.StatusOK {
		fmt.Fprintf(&b, ": status %d", e.Status)
	}
	if e.Code != "" {
		fmt.Fprintf(&b, " (%s)", e.Code)
	}
	if e.Message != "" {
		b.WriteString(": " + e.Message)
	}
	if e.Hint != "" {
		b.WriteString("; " + e.Hint)
	}
	return b.String()
}

// Unwrap makes an Error match its Kind and what the network said.
func (e *Error) Unwrap() []error {
	if e.cause == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.cause}
}

// Is reports whether e matches bot.ErrModelUnavailable too: the model was not
// heard about this prompt, because it is out of reach, out of credit or set up wrongly.
func (e *Error) Is(target error) bool {
	return target == bot.ErrModelUnavailable &&
		(e.unheard || slices.Contains([]error{ErrUnavailable, ErrNoCredit, ErrRejected}, e.Kind))
}

// under returns e, saying too that ctx ended if it did.
func (e *Error) under(ctx context.Context) *Error {
	if ctx.Err() == nil || e.cause != nil {
		return e
	}
	ended := *e // e may be with an observer already
	ended.cause = context.Cause(ctx)
	return &ended
}

// unreachable is the error for an exchange that the network, or our own deadline, ended.
func unreachable(err error) *Error {
	e := &Error{Kind: ErrUnavailable, cause: err, again: true}
	if inner := (*url.Error)(nil); errors.As(err, &inner) {
		e.cause = inner.Err // without the address, which may be private
	}
	var timeout net.Error
	switch {
	case errors.Is(err, context.Canceled):
		e.Message, e.again = "given up", false
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		e.Message, e.Hint = "no answer in time", "BOT_MODEL_TIMEOUT is how long one call may take"
		e.cause = context.DeadlineExceeded // also when it was the dialer's or the client's own
	default:
		e.Message, e.Hint = oneLine(e.cause.Error(), messageLen), "is OPENAI_BASE_URL right?"
	}
	return e
}

// unasked is the error for a request that the library itself refused to send.
func unasked(err error) *Error {
	return &Error{Kind: ErrRejected, Message: oneLine(err.Error(), messageLen), Hint: "check OPENAI_MODEL", cause: err}
}

// rejected reads an answer outside 2xx, or an error that came with status 200
// and says which status it should have had.
func rejected(status int, h http.Header, p problem, format string) *Error {
	e := &Error{Status: status, Code: p.name(), Message: p.message, RetryAfter: retryAfter(h, time.Now())}
	switch {
	case p.filtered():
		e.Kind = ErrRefused
		e.Message = "" // filters quote what they object to
	case status == http.StatusRequestEntityTooLarge || p.tooLong():
		e.Kind, e.Hint = ErrRefused, "the prompt is too long for OPENAI_MODEL"
	case status == http.StatusPaymentRequired || p.broke():
		e.Kind, e.Hint = ErrNoCredit, "the account that OPENAI_API_KEY belongs to must be topped up"
	case status == http.StatusTooManyRequests || status >= 500 || status == http.StatusRequestTimeout ||
		status == http.StatusConflict || status == http.StatusTooEarly:
		e.Kind, e.again = ErrUnavailable, true
	default:
		e.Kind, e.Hint = ErrRejected, p.hint(status, format)
		e.refusedShape = p.refusesShape()
		if status == http.StatusUnauthorized {
			e.Message = "" // it may quote the key
		}
	}
	return e
}

// retryAfter reads how long the server asks us to wait: retry-after-ms, which
// OpenAI and Azure send, or Retry-After in seconds or as a date (RFC 9110, 10.2.3).
func retryAfter(h http.Header, now time.Time) time.Duration {
	const most = 24 * time.Hour // also keeps the sum below from overflowing
	if ms, err := strconv.ParseFloat(h.Get("Retry-After-Ms"), 64); err == nil && ms > 0 {
		return time.Duration(min(ms, float64(most.Milliseconds())) * float64(time.Millisecond))
	}
	v := strings.TrimSpace(h.Get("Retry-After"))
	if s, err := strconv.ParseFloat(v, 64); err == nil && s > 0 {
		return time.Duration(min(s, most.Seconds()) * float64(time.Second))
	}
	if at, err := http.ParseTime(v); err == nil {
		return min(max(0, at.Sub(now)), most)
	}
	return 0
}

const (
	messageLen = 300 // runes of a server's message
	// quotedRun is how many bytes in a row a message may share with the prompt or
	// the key: fewer are words of the language, more are a quote.
	quotedRun = 16
	quotedAll = 4 // a text of the prospect at least this long is not quoted whole
)

// scrub takes out of e what the server may have quoted back at us.
func (e *Error) scrub(key string, p bot.Prompt) {
	quoted := len(key) >= 8 && quotes(e.Message, oneLine(key, len(key)), 8)
	quoted = quoted || quotes(e.Message, oneLine(p.System, len(p.System)), quotedRun)
	for _, m := range p.Chat {
		quoted = quoted || quotes(e.Message, oneLine(m.Text, len(m.Text)), quotedAll)
	}
	if quoted || strings.Contains(e.Message, `\u`) { // escaped, it cannot be compared
		e.Message = "(the server's message quotes what it was sent, and is left out)"
	}
}

// quotes reports whether message holds a run of text, or all of a text that is at
// least whole bytes long.
func quotes(message, text string, whole int) bool {
	if len(text) >= whole && strings.Contains(message, text) {
		return true
	}
	for i := 0; i+quotedRun <= len(message); i++ {
		if strings.Contains(text, message[i:i+quotedRun]) {
			return true
		}
	}
	return false
}

// oneLine returns s on one line without control and invisible characters, cut
// after most runes.
func oneLine(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
	s = strings.Join(strings.Fields(s), " ")
	n := 0
	for i := range s {
		if n++; n > most {
			return s[:i] + "…"
		}
	}
	return s
}
