package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// healthTimeout bounds one health check; container engines give it more.
const healthTimeout = 3 * time.Second

// healthcheck asks the bot that listens on addr (as BOT_HTTP_ADDR has it) for
// /healthz and returns nil if it is well. It is the image's HEALTHCHECK, where
// there is no shell and no curl: only this binary.
func healthcheck(ctx context.Context, addr string) error {
	if addr == "" {
		return errors.New("health check: BOT_HTTP_ADDR is empty, so nothing listens: set it to an address such as 127.0.0.1:8080")
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("health check: %w", err)
	}
	// An address to listen on everywhere is not one to connect to.
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip == netip.IPv4Unspecified() {
		host = "127.0.0.1"
	} else if err == nil && ip == netip.IPv6Unspecified() {
		host = "::1"
	}
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/healthz", nil)
	if err != nil {
		return fmt.Errorf("health check: %w", err)
	}
	// No proxy: the bot is on this machine, whatever HTTP_PROXY says.
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("health check: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("health check: /healthz answered %s", resp.Status)
	}
	return nil
}
