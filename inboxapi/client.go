// Package inboxapi is a client for version 1 of the Inbox API
// (https://inboxapp.com), through which a team reads and answers the direct
// messages its X accounts receive.
//
// Start with New. A Client lists threads (Threads, ListThreads), reads their
// messages (Messages, ListMessages), sends (SendMessage) and keeps what the team
// knows about the other party (UpdateProspectContext). One Client serves a whole
// process and is safe for concurrent use.
//
// What a caller can rely on:
//
//   - Reads and PATCHes are repeated with backoff when that can help: after 429,
//     5xx and network errors. A message is POSTed once; see SendMessage and
//     Ambiguous for what its errors say.
//   - Redirects are not followed: a 3xx is an *Error.
//   - Responses are data from outside: bounded in size, decoded tolerantly
//     (unknown fields and values pass, missing ones are zero), and one broken row
//     does not lose the rest of a list.
//   - Errors match the package's sentinels under errors.Is and never hold the
//     token.
//
// The file call.go is the way of one request; error.go says what can go wrong.
package inboxapi

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// DefaultBaseURL is where version 1 of the API lives.
const DefaultBaseURL = "https://inboxapp.com/api/v1"

// Defaults of Options.
const (
	defaultTimeout   = 15 * time.Second
	defaultMaxBody   = 16 << 20
	defaultRetries   = 4 // five tries in all, the vendor's recommendation
	defaultUserAgent = "inboxapi-go/1"
)

// sendIdle is how long an unused connection for sends is kept. It stays under
// the 5 s after which a Node server, of the common ones the most impatient,
// closes its side: a send on a connection that the server is just closing is one
// whose fate nobody knows.
const sendIdle = 4 * time.Second

// clockTolerance is the difference between the API's clock and ours below which
// there is none: the Date header counts whole seconds, and the way takes time.
const clockTolerance = 2 * time.Second

// Options says how a Client reaches the API. Only Token is required.
type Options struct {
	// BaseURL is http or https, without credentials, query or fragment.
	// Default DefaultBaseURL.
	BaseURL string
	// Token is the team's API token; space around it is dropped. It travels in
	// the Authorization header and nowhere else.
	Token string
	// UserAgent default "inboxapi-go/1".
	UserAgent string
	// Timeout bounds one attempt of a call, its body included. It also bounds a
	// send whose context has no deadline. Default 15s.
	Timeout time.Duration
	// MaxBody is how many bytes of a response are read, after decompression.
	// Default 16 MiB.
	MaxBody int64
	// Retries is how many attempts follow the first one of a GET or PATCH that
	// failed in a way that may pass. Default 4; negative: none.
	Retries int
	// Dial opens connections to the API's address. Nil: net.Dialer, through the
	// proxy the environment names, if any.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Limiter is asked before every attempt. Nil: none.
	Limiter Limiter
	// Observe is told about every attempt after it ended, in the goroutine that
	// made it: it must be quick and safe for concurrent use. Nil: nobody is.
	Observe func(Observation)
}

// Limiter holds requests back so that the team's quota lasts: 300 a minute,
// 10,000 an hour and 100,000 a day for all its tokens together.
type Limiter interface {
	// Wait blocks until a request of the operation (an operationId of the API's
	// description, such as "threads.list") may leave. An error ends the call; a
	// send is then one that matches ErrNotSent.
	Wait(ctx context.Context, op string) error
}

// Observation is what one attempt looked like from outside.
type Observation struct {
	Operation  string        // operationId, such as "threads.list"
	Status     int           // HTTP status, 0 when there was no response
	Err        error         // what the attempt ended with, nil for 2xx that was read whole
	Duration   time.Duration // from before the request was made until its body was read
	RateLimit  *RateLimit    // nil: the response did not say
	RetryAfter time.Duration // as in Error
	Date       time.Time     // the response's Date header, zero without one
}

// RateLimit is what the X-RateLimit headers say. Which of the three windows they
// describe is not documented when the hour's or the day's is the binding one.
type RateLimit struct {
	Limit     int       // requests allowed in the window, 0: not said
	Remaining int       // requests left in the window
	Reset     time.Time // when it starts over, zero: not said
}

// Client talks to the API for one team.
type Client struct {
	opts   Options
	base   string                        // without a trailing slash
	token  func() string                 // a function, so that printing a Client does not print it
	reads  *http.Transport               // everything but messages
	sends  *http.Transport               // messages, behind the fence
	offset atomic.Int64                  // nanoseconds the API's clock is ahead of ours
	last   atomic.Pointer[time.Duration] // what the last response said of that
}

// New returns a Client. It makes no request; Team is the cheapest call that
// tells whether the token is good.
func New(o Options) (*Client, error) {
	if o.BaseURL == "" {
		o.BaseURL = DefaultBaseURL
	}
	base, err := checkBaseURL(o.BaseURL)
	if err != nil {
		return nil, err
	}
	o.Token = strings.TrimSpace(o.Token)
	if o.Token == "" {
		return nil, errors.New("inboxapi: the token is empty")
	}
	if !headerSafe(o.Token) || strings.Contains(o.Token, " ") {
		return nil, errors.New("inboxapi: the token holds characters that a header cannot carry")
	}
	if o.UserAgent == "" {
		o.UserAgent = defaultUserAgent
	}
	if !headerSafe(o.UserAgent) {
		return nil, errors.New("inboxapi: the user agent holds characters that a header cannot carry")
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.MaxBody <= 0 {
		o.MaxBody = defaultMaxBody
	}
	if o.Retries == 0 {
		o.Retries = defaultRetries
	}
	o.Retries = max(0, o.Retries)
	proxy := http.ProxyFromEnvironment
	if o.Dial != nil {
		proxy = nil // Dial reaches the API itself
	} else {
		o.Dial = (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 15 * time.Second}).DialContext
	}
	token := o.Token
	o.Token = ""
	return &Client{
		opts:  o,
		base:  base,
		token: func() string { return token },
		reads: readTransport(o.Dial, proxy),
		sends: sendTransport(o.Dial, proxy),
	}, nil
}

// CloseIdleConnections closes the connections no request is using.
func (c *Client) CloseIdleConnections() {
	c.reads.CloseIdleConnections()
	c.sends.CloseIdleConnections()
}

// Now is the time on the API's clock: ours, corrected by what the Date headers
// of quick responses said when that is more than 2 seconds away from it. Ages of
// messages are counted on this clock.
func (c *Client) Now() time.Time {
	return time.Now().Add(time.Duration(c.offset.Load()))
}

// learnClock takes the offset of the API's clock from a response that was asked
// for at sent and whose header arrived at got. The Date header was made between
// the two and is cut to the second, so a slow response says nothing. One response
// alone may come from a machine whose clock is wrong: after the first, what is not our
// own time has to be said twice in a row.
func (c *Client) learnClock(date, sent, got time.Time) {
	took := got.Sub(sent)
	if date.IsZero() || took < 0 || took > clockTolerance {
		return
	}
	offset := date.Add(time.Second / 2).Sub(sent.Round(0).Add(took / 2))
	if offset.Abs() <= clockTolerance {
		offset = 0
	}
	last := c.last.Swap(&offset)
	if offset == 0 || last == nil || (offset-*last).Abs() <= clockTolerance {
		c.offset.Store(int64(offset))
	}
}

type (
	dialFunc  = func(ctx context.Context, network, addr string) (net.Conn, error)
	proxyFunc = func(*http.Request) (*url.URL, error)
)

func readTransport(dial dialFunc, proxy proxyFunc) *http.Transport {
	return &http.Transport{
		Proxy:                  proxy,
		DialContext:            dial,
		ForceAttemptHTTP2:      true,
		MaxIdleConnsPerHost:    32, // the default of 2 makes concurrent readers dial again and again
		IdleConnTimeout:        90 * time.Second,
		TLSHandshakeTimeout:    10 * time.Second,
		MaxResponseHeaderBytes: 1 << 20,
		// Without pings a dead HTTP/2 connection is used until the kernel gives up.
		HTTP2: &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 10 * time.Second},
	}
}

// sendTransport is for messages alone. It speaks HTTP/1.1 only, where a request
// is the next bytes of one connection, so that a fence can stand in that
// connection's Write.
func sendTransport(dial dialFunc, proxy proxyFunc) *http.Transport {
	t := &http.Transport{
		Proxy: proxy,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := dial(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return &fencedConn{Conn: conn}, nil
		},
		MaxIdleConnsPerHost:    32,
		IdleConnTimeout:        sendIdle,
		TLSHandshakeTimeout:    10 * time.Second,
		MaxResponseHeaderBytes: 1 << 20,
		Protocols:              new(http.Protocols),
	}
	t.Protocols.SetHTTP1(true)
	return t
}

// checkBaseURL returns s without trailing slashes. Its errors do not quote s,
// which may hold credentials.
func checkBaseURL(s string) (string, error) {
	u, err := url.Parse(strings.TrimSpace(s))
	switch {
	case err != nil:
		return "", errors.New("inboxapi: the base URL cannot be read")
	case u.User != nil:
		return "", errors.New("inboxapi: the base URL holds credentials; the token has its own option")
	case u.Scheme != "http" && u.Scheme != "https":
		return "", errors.New("inboxapi: the base URL is neither http nor https")
	case u.Hostname() == "":
		return "", errors.New("inboxapi: the base URL has no host")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "", fmt.Errorf("inboxapi: the base URL %s://%s has a query or a fragment", u.Scheme, u.Host)
	}
	return strings.TrimRight(u.String(), "/"), nil
}

// headerSafe reports whether s is printable ASCII.
func headerSafe(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
