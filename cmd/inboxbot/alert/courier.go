package alert

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
)

const (
	deliverWithin = 10 * time.Second
	complainEvery = time.Minute
	longestPause  = time.Hour // that a server may ask for
)

// courier delivers to one URL, which is a secret. It tries as often as it is
// told to, and says when that makes sense.
type courier struct {
	url, what  string
	client     *http.Client
	log        *slog.Logger
	count      func(sent bool)
	pause      *backoff.ExponentialBackOff
	next       time.Time // before that, trying makes no sense
	complained time.Time
}

func newCourier(address, what string, transport http.RoundTripper, log *slog.Logger, count func(bool)) *courier {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval, pause.MaxInterval = 10*time.Second, 5*time.Minute
	return &courier{
		url: address, what: what, log: log, count: count, pause: pause,
		client: &http.Client{
			Timeout:   deliverWithin,
			Transport: transport,
			// A redirected POST would become a GET, and the address of a secret URL would be told on.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

func (c *courier) mayTry(now time.Time) bool { return !now.Before(c.next) }

// deliver makes one attempt, a GET when there is no body, and reports whether it
// arrived.
func (c *courier) deliver(ctx context.Context, body []byte, contentType string) bool {
	wait, err := c.attempt(ctx, body, contentType)
	if ctx.Err() != nil {
		return err == nil // the process stops: nobody's fault
	}
	if c.count != nil {
		c.count(err == nil)
	}
	now := time.Now()
	if err == nil {
		c.pause.Reset()
		c.next = now.Add(apart)
		return true
	}
	c.next = now.Add(max(c.pause.NextBackOff(), min(wait, longestPause)))
	if now.Sub(c.complained) >= complainEvery {
		c.complained = now
		c.log.Error(c.what+" not delivered", "err", c.withoutURL(err), "again", c.next.Sub(now).Round(time.Second).String())
	}
	return false
}

func (c *courier) attempt(ctx context.Context, body []byte, contentType string) (wait time.Duration, err error) {
	method := http.MethodPost
	if body == nil {
		method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(ctx, method, c.url, bytes.NewReader(body))
	if err != nil {
		return 0, errors.New("the URL cannot be used")
	}
	if body != nil {
		req.Header.Set("Content-Type", contentType)
	}
	req.Header.Set("User-Agent", "inboxbot")
	res, err := c.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10)) // so that the connection can be used again
	if res.StatusCode/100 == 2 {
		return 0, nil
	}
	seconds, _ := strconv.Atoi(res.Header.Get("Retry-After"))
	return time.Duration(max(0, min(seconds, 1<<20))) * time.Second, fmt.Errorf("answered %s", http.StatusText(res.StatusCode)+" "+strconv.Itoa(res.StatusCode))
}

// withoutURL is what went wrong, without any part of the URL but its host.
func (c *courier) withoutURL(err error) string {
	if failed, ok := errors.AsType[*url.Error](err); ok {
		err = failed.Err
	}
	text := err.Error()
	u, parseErr := url.Parse(c.url)
	if parseErr != nil {
		return "the URL cannot be used"
	}
	password, _ := u.User.Password()
	for _, secret := range []string{c.url, u.RequestURI(), u.Path, u.RawQuery, password} {
		if len(secret) > 1 {
			text = strings.ReplaceAll(text, secret, "[redacted]")
		}
	}
	return clip(text, longest)
}
