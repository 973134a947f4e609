package inboxapi

import "crypto/tls"

// Trust makes c use cfg for TLS: the servers of the tests have certificates of
// their own making.
func Trust(c *Client, cfg *tls.Config) {
	c.reads.TLSClientConfig = cfg.Clone()
	c.sends.TLSClientConfig = cfg.Clone()
}

// What fuzz tests and benchmarks reach without a connection.
var (
	DecodeThreadPage  = decodeThreadPage
	DecodeMessagePage = decodeMessagePage
	DecodeEventPage   = decodeEventPage
	NewError          = newError
	RetryAfter        = retryAfter
)
