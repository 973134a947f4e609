package inboxapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/cenkalti/backoff/v5"
)

// call is one request of an operation, before its attempts.
type call struct {
	op     string // operationId
	method string
	path   string // below the base URL, IDs escaped
	query  url.Values
	body   any // encoded as JSON; nil: none
}

func (c call) String() string { return c.method + " " + c.path }

// response is what the API answered.
type response struct {
	ok   bool      // 2xx
	body []byte    // valid UTF-8; empty unless ok and read whole
	date time.Time // the API's Date header, or zero

	asked time.Time // when the request left, on this process's clock
}

// idPath is /prefix/id/suffix... with id escaped. An empty ID, or one that would
// change the path's meaning, is refused here: "/threads//messages" may be
// another endpoint's.
func idPath(prefix, id string, suffix ...string) (string, error) {
	if strings.Trim(id, ".") == "" {
		return "", fmt.Errorf("%w: no ID in %s/{id}", ErrInvalid, prefix)
	}
	return strings.Join(append([]string{prefix, url.PathEscape(id)}, suffix...), "/"), nil
}

// newRequest builds the request of one attempt.
func (c *Client) newRequest(ctx context.Context, k call) (*http.Request, error) {
	var body io.Reader
	if k.body != nil {
		raw, err := json.Marshal(k.body)
		if err != nil {
			return nil, fmt.Errorf("%s: %w: %w", k, ErrInvalid, err)
		}
		body = bytes.NewReader(raw)
	}
	target := c.base + k.path
	if len(k.query) > 0 {
		target += "?" + k.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, k.method, target, body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", k, err)
	}
	req.Header.Set("Authorization", "Bearer "+c.token())
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", c.opts.UserAgent)
	if k.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

// do makes a GET or PATCH, repeated while that can help. It blocks for as long
// as the API asks to be left alone (Retry-After), unless ctx would end before:
// then it returns the API's error at once.
func (c *Client) do(ctx context.Context, k call) (*response, error) {
	pause := backoff.ExponentialBackOff{ // the vendor's recommendation: 1 s base, 60 s cap
		InitialInterval:     time.Second,
		RandomizationFactor: backoff.DefaultRandomizationFactor,
		Multiplier:          2,
		MaxInterval:         time.Minute,
	}
	pause.Reset()
	for tries := 0; ; tries++ {
		resp, err := c.attempt(ctx, k)
		if err == nil {
			return resp, nil
		}
		if tries >= c.opts.Retries || !transient(err) || ctx.Err() != nil {
			return nil, err
		}
		wait := pause.NextBackOff()
		if e, ok := errors.AsType[*Error](err); ok {
			wait += e.RetryAfter // plus the jitter: everybody was told the same second
		}
		if end, ok := ctx.Deadline(); ok && time.Until(end) <= wait {
			return nil, err
		}
		if !sleep(ctx, wait) {
			return nil, fmt.Errorf("%w; then %w", err, context.Cause(ctx))
		}
	}
}

// attempt is one attempt of k on the transport for reads, within
// Options.Timeout. It is all there is to a POST that is not a message.
func (c *Client) attempt(ctx context.Context, k call) (*response, error) {
	if err := c.admit(ctx, k); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.opts.Timeout)
	defer cancel()
	req, err := c.newRequest(ctx, k)
	if err != nil {
		return nil, &permanentError{err}
	}
	req.GetBody = nil // with it net/http repeats by itself what HTTP/2 reset, a change that was made included
	return c.exchange(c.reads, req, k)
}

// admit asks the limiter.
func (c *Client) admit(ctx context.Context, k call) error {
	if c.opts.Limiter == nil {
		return nil
	}
	if err := c.opts.Limiter.Wait(ctx, k.op); err != nil {
		return &permanentError{fmt.Errorf("%s: limiter: %w", k, err)}
	}
	return nil
}

// exchange makes one HTTP request and reads its response, which is nil when none
// came. Whatever is not a 2xx read whole is an error: an *Error for every other
// status.
// It asks the transport itself: an http.Client would follow redirects, and a 307
// carries a message, and the token with it, to wherever it points.
func (c *Client) exchange(rt http.RoundTripper, req *http.Request, k call) (*response, error) {
	sent := time.Now()
	res, err := rt.RoundTrip(req)
	if err != nil {
		err = fmt.Errorf("%s: %w", k, err)
		c.observe(Observation{Operation: k.op, Err: err, Duration: time.Since(sent)})
		return nil, err
	}
	defer res.Body.Close()
	date, _ := http.ParseTime(res.Header.Get("Date")) // zero when missing or unreadable
	c.learnClock(date, sent, time.Now())

	now := c.Now()
	seen := Observation{
		Operation:  k.op,
		Status:     res.StatusCode,
		RateLimit:  rateLimit(res.Header, now),
		RetryAfter: retryAfter(res.Header, res.StatusCode, now),
		Date:       date,
	}
	out := &response{ok: succeeded(res), date: date, asked: sent}
	out.body, err = c.readBody(res, k)
	seen.Err, seen.Duration = err, time.Since(sent)
	if e, ok := errors.AsType[*Error](err); ok {
		e.RetryAfter = seen.RetryAfter
	}
	c.observe(seen)
	return out, err
}

func succeeded(res *http.Response) bool { return res.StatusCode >= 200 && res.StatusCode <= 299 }

// readBody reads a 2xx body, or returns the *Error of any other response.
func (c *Client) readBody(res *http.Response, k call) ([]byte, error) {
	if !succeeded(res) {
		body, _ := io.ReadAll(io.LimitReader(res.Body, maxErrorBody)) // what can be read of it
		return nil, newError(k.method, k.path, res.StatusCode, body, c.token())
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, c.opts.MaxBody+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w: cut off after %d bytes: %w", k, ErrMalformed, len(body), err)
	}
	if int64(len(body)) > c.opts.MaxBody {
		return nil, &permanentError{fmt.Errorf("%s: %w: more than %d bytes", k, ErrMalformed, c.opts.MaxBody)}
	}
	if !utf8.Valid(body) {
		body = bytes.ToValidUTF8(body, []byte("\uFFFD"))
	}
	return body, nil
}

func (c *Client) observe(o Observation) {
	if c.opts.Observe != nil {
		c.opts.Observe(o)
	}
}

// send makes the one attempt of a message. Its errors match ErrNotSent when
// certainly nothing reached the API; see Ambiguous for the others. A 2xx is no
// error, whatever became of its body: the response is empty then.
func (c *Client) send(ctx context.Context, k call, notAfter time.Time) (*response, error) {
	if err := c.admit(ctx, k); err != nil {
		return nil, notSent(err)
	}
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.opts.Timeout)
		defer cancel()
	}
	f := &fence{notAfter: notAfter}
	if f.passed() {
		return nil, notSent(fmt.Errorf("%s: %w", k, errFence))
	}
	// Only a connection that was never obtained proves that nothing left:
	// httptrace's WroteHeaders comes after the bytes do.
	var gotConn atomic.Bool
	req, err := c.newRequest(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) {
			gotConn.Store(true)
			if conn, ok := fencedUnder(info.Conn); ok { // always: sendTransport dials nothing else
				conn.arm(f)
			}
		},
	}), k)
	if err != nil {
		return nil, notSent(err)
	}
	res, err := c.exchange(c.sends, req, k)
	if res != nil && res.ok {
		return res, nil
	}
	if !gotConn.Load() || f.held() {
		return nil, notSent(err)
	}
	return nil, err
}

func notSent(err error) error { return fmt.Errorf("%w: %w", ErrNotSent, err) }

// permanentError marks a failure that no repetition can mend.
type permanentError struct{ err error }

func (e *permanentError) Error() string { return e.err.Error() }
func (e *permanentError) Unwrap() error { return e.err }

// transient reports whether a GET or PATCH that failed with err may succeed when
// it is repeated.
func transient(err error) bool {
	if _, ok := errors.AsType[*permanentError](err); ok {
		return false
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Status == http.StatusTooManyRequests || e.Status >= 500
	}
	return true
}

// sleep waits for d and reports whether ctx lasted that long.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
