package console

import (
	"time"

	"golang.org/x/time/rate"
)

// asks bounds what looking costs: every transcript and explanation is two requests
// of the team's quota, which answering needs.
type asks struct{ limit *rate.Limiter }

const mostAsks = 20 // at once

func newAsks() *asks { return &asks{rate.NewLimiter(rate.Every(2*time.Second), mostAsks)} }

// may reports whether something may be asked now.
func (a *asks) may() bool { return a.limit.Allow() }
