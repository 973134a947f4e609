package alert

import (
	"context"
	"log/slog"
	"net/http"
	"time"
)

const (
	beatEvery = time.Minute
	beatLook  = 5 * time.Second // how often it is asked whether the bot is well
)

// Heartbeat asks a URL once a minute for as long as the bot is well. Whoever
// watches that URL hears of everything that keeps the bot from telling so itself:
// the process is gone, the machine, its network, or it is not ready.
type Heartbeat struct {
	URL    string      // a secret: whoever has it can feign life. It is in no error and no log
	Well   func() bool // must not block
	Logger *slog.Logger

	Transport http.RoundTripper // nil: http.DefaultTransport
	Count     func(sent bool)   // told of every attempt; may be nil
}

// Run beats until ctx ends, and returns nil.
func (h *Heartbeat) Run(ctx context.Context) error {
	c := newCourier(h.URL, "heartbeat", h.Transport, h.Logger, h.Count)
	c.pause.MaxInterval = beatEvery
	tick := time.NewTicker(beatLook)
	defer tick.Stop()
	var last time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		now := time.Now()
		if now.Sub(last) < beatEvery || !c.mayTry(now) || !h.Well() {
			continue
		}
		if c.deliver(ctx, nil, "") {
			last = now
		}
	}
}
