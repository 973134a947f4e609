package openaichat

import (
	"bytes"
	"errors"
	"io"
	"net/http"

	openai "github.com/sashabaranov/go-openai"
)

var errTooLong = errors.New("the answer is longer than the limit")

// exchange carries one request of the library and keeps what came back. The
// library bounds no body, and drops what tells an error page from an answer.
type exchange struct {
	http *http.Client
	max  int64

	status int // 0 until the server answered
	header http.Header
	body   []byte
	err    error // the network's, or errTooLong
}

// client returns the library's client for this one exchange.
func (x *exchange) client(cfg openai.ClientConfig) *openai.Client {
	cfg.HTTPClient = x
	return openai.NewClientWithConfig(cfg)
}

// Do sends req and reads the body to its end, at most max bytes of it.
func (x *exchange) Do(req *http.Request) (*http.Response, error) {
	resp, err := x.http.Do(req)
	if err != nil {
		x.err = err
		return nil, err
	}
	defer resp.Body.Close()
	x.status, x.header = resp.StatusCode, resp.Header
	x.body, x.err = io.ReadAll(io.LimitReader(resp.Body, x.max+1))
	if x.err == nil && int64(len(x.body)) > x.max {
		x.err = errTooLong
	}
	if x.err != nil {
		return nil, x.err
	}
	resp.Body = io.NopCloser(bytes.NewReader(x.body))
	return resp, nil
}
