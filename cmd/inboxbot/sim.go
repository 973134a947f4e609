package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"inboxbot/inboxapi/inboxapitest"
)

type simCmd struct {
	Addr  string `default:"127.0.0.1:8089" help:"Address to listen on."`
	Token string `help:"The only token it accepts. Empty: any."`
	Empty bool   `help:"Start without the demo's conversations."`
}

// Run serves the simulated Inbox API, with the demo's conversations in it, until
// it is told to stop. It is for trying clients and configurations, not for
// keeping anything: all of it is in memory.
func (c *simCmd) Run(ctx context.Context, p *process) error {
	if _, port, err := net.SplitHostPort(c.Addr); err != nil || !isPort(port) {
		return newConfigError([]string{"--addr: " + showValue(c.Addr) + " is not an address: write host:port, such as 127.0.0.1:8089"})
	}
	sim := inboxapitest.New(inboxapitest.Options{Token: c.Token, Seed: 1})
	defer sim.Close()
	if !c.Empty {
		openShop(sim, time.Now())
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", c.Addr)
	if err != nil {
		return fmt.Errorf("sim: %w", err)
	}
	fmt.Fprintf(p.stdout, "INBOX_API_BASE_URL=http://%s/api/v1\n", l.Addr())
	srv := &http.Server{Handler: sim, ReadHeaderTimeout: 5 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = srv.Close() })
	defer stop()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("sim: %w", err)
	}
	return nil
}
