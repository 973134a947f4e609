// Package live keeps the last good version of something that is loaded again and
// again, such as rules and prompts that people edit while the bot answers.
//
// [Value] holds the version in force; [Files] tells when files have changed and
// come to rest, which is when to load them.
package live

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// ErrSame is what a load returns when it would load what is in force already: that
// stays, as old as it is, and nothing is wrong.
var ErrSame = errors.New("live: the same version")

// Value holds a T. Reading never waits for a load and never sees half of one; a
// load that fails leaves what was there. The zero value is empty. All methods may
// be called by several goroutines at once. A Value must not be copied.
type Value[T any] struct {
	loading sync.Mutex // one load at a time, so that the newest one wins
	status  atomic.Pointer[Status[T]]
}

// Status is the version in force and how the newest load ended, read together.
type Status[T any] struct {
	Value  T
	Loaded time.Time // when Value was loaded; zero: nothing was yet, Value is the zero T
	Tried  time.Time // when a load last ended, well or not; zero: none has
	Err    error     // of the newest load; nil: what it loaded is in force
}

// Get returns the version in force, the zero T before the first good load. Work
// that must not see two versions calls it once and keeps what it got.
func (v *Value[T]) Get() T { return v.Status().Value }

// Status returns the version in force and how things stand.
func (v *Value[T]) Status() Status[T] {
	if s := v.status.Load(); s != nil {
		return *s
	}
	return Status[T]{}
}

// Load calls load and puts what it returns in force. If load fails, Load returns
// its error, Status shows it, and the version in force stays. A load that returns
// ErrSame is a good one that changes nothing. Loads run one at a time: a second
// caller waits for the first.
func (v *Value[T]) Load(load func() (T, error)) error {
	v.loading.Lock()
	defer v.loading.Unlock()

	value, err := load()
	next := v.Status()
	next.Tried, next.Err = time.Now(), err
	switch {
	case err == nil:
		next.Value, next.Loaded = value, next.Tried
	case errors.Is(err, ErrSame):
		next.Err = nil
	}
	v.status.Store(&next)
	return next.Err
}
