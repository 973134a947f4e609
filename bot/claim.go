package bot

import (
	"context"
	"errors"
	"time"
)

// Errors of Claims and Ledger. Stores return them wrapped or bare; whatever else
// a store returns means that it could not be reached or did not understand.
var (
	ErrHeld       = errors.New("claimed by another worker")
	ErrLeaseLost  = errors.New("the lease has ended or is void")
	ErrQuarantine = errors.New("the store is in quarantine after losing its memory")
	ErrRecorded   = errors.New("already recorded")
)

// Lease is the right to act on one thread for a while, and the record as it was
// when the right was granted. It proves itself by Token, which is new for every
// claim, and is void once Generation is not the store's any more (the store was
// failed over or wiped).
type Lease struct {
	Thread     string
	Token      string
	Generation string
	Quarantine time.Duration // how long nothing may be begun yet; 0: now
	StoreNow   time.Time     // the store's clock at the claim
	Taken      time.Time     // this process's clock from before the claim was asked for, with its monotonic reading
	TTL        time.Duration // the lease ends at Taken + TTL at the earliest
	Record     Record
}

// Left is how long the lease certainly lasts, by the monotonic and by the wall
// clock, whichever is less: a machine that slept stops the first, not the second.
func (l Lease) Left(now time.Time) time.Duration {
	mono := l.TTL - now.Sub(l.Taken)
	wall := l.TTL - now.Round(0).Sub(l.Taken.Round(0))
	return min(mono, wall)
}

// Holders tells people who works on a thread. A store that is Claims may be it too.
type Holders interface {
	// Holder returns what the process is called that holds the thread now, and how
	// long it does so at most; "" when nobody does. It claims nothing, and what it
	// says may be over when it is read.
	Holder(ctx context.Context, threadID string) (process string, left time.Duration, err error)
}

// Claims grants the right to act on a thread to one worker at a time.
type Claims interface {
	// Claim grants a lease of the configured length, or returns ErrHeld. A claim
	// whose answer got lost may be repeated by the store itself, with the same
	// token; it never blocks for another worker.
	Claim(ctx context.Context, threadID string) (Lease, error)
	// Release gives the lease up. Releasing a lease that has ended does nothing.
	Release(ctx context.Context, l Lease) error
}
