package redisstore

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// Priority says how urgent a request to the API is.
type Priority int

// The priorities, most urgent first. Each leaves a share of the budget to those
// before it: 10 % from PriorityLook on, so that what has begun can be finished.
const (
	PriorityReconcile Priority = iota // finding out or recording what became of a send
	PriorityPost                      // sending
	PriorityTag                       // handing over
	PriorityLook                      // the look before a send
	PriorityHistory                   // reading a conversation
	PriorityList                      // polling
)

// floors is which share of every bucket a priority leaves alone. A bucket that is
// short hovers at the floor of those who take from it, so a lower floor wins.
var floors = [...]float64{0, 0.03, 0.06, 0.10, 0.20, 0.30}

// Window is one of the API's quotas: how many requests in a sliding window, and
// how many of them may come at once.
type Window struct {
	Quota int
	Burst int // 0: a share that suits the window
}

// Quota is what the API allows the whole team. Zero windows have the documented
// quotas: 300 a minute, 10,000 an hour, 100,000 a day.
type Quota struct{ Minute, Hour, Day Window }

// Budget is the team's request budget, shared by all its replicas and by dry
// runs. A token bucket that fills with (Quota - Burst) / window and holds Burst
// admits at most Quota in any window. It is no promise: other users of the same
// quota are only seen through the API's answers, see Seen.
type Budget struct {
	s       *Store
	windows []any // quota, burst, ms: minute, hour, day
	minute  int   // its quota

	mu   sync.Mutex
	told time.Time // when Redis last heard what the API said
}

// Budget returns the team's budget for the quota.
func (s *Store) Budget(q Quota) *Budget {
	b := &Budget{s: s, minute: or(q.Minute.Quota, 300)}
	// Bursts: a small one for the minute, where rate matters, and large ones
	// for the hour and the day, where busy hours are followed by idle ones. With
	// 10 busy hours a day a third is what lets most of the day's quota be used.
	for _, w := range []struct {
		Window
		quota int
		share int
		width time.Duration
	}{
		{q.Minute, 300, 20, time.Minute},
		{q.Hour, 10_000, 3, time.Hour},
		{q.Day, 100_000, 3, 24 * time.Hour},
	} {
		quota := or(w.Quota, w.quota)
		burst := or(w.Burst, max(quota/w.share, 10))
		burst = max(1, min(burst, quota/2))
		b.windows = append(b.windows, quota, burst, ms(w.width))
	}
	return b
}

func or(n, other int) int {
	if n > 0 {
		return n
	}
	return other
}

// Take takes n requests from the budget, all or none. It does not block: a wait
// above 0 says that nothing was taken and when to ask again. To keep a look and
// its send from being cut apart, take both at once. When its answer is lost the
// requests count as taken.
func (b *Budget) Take(ctx context.Context, n int, p Priority) (wait time.Duration, err error) {
	floor := floors[min(max(int(p), 0), len(floors)-1)]
	args := append([]any{n, floor}, b.windows...)
	left, err := asInt(takeScript.Run(ctx, b.s.rdb,
		[]string{b.s.teamKey("rl"), b.s.teamKey("own"), b.s.teamKey("pause")}, args...).Result())
	if err != nil {
		return 0, fmt.Errorf("redis budget: %w", err)
	}
	return time.Duration(left) * time.Millisecond, nil
}

// Seen tells the budget what an answer of the API said: requests remaining of
// limit (headers X-RateLimit-Remaining and -Limit). The window is the one with
// that limit, else the minute. What others use of the minute is learned from it
// and left to them. Redis hears of it at most once a second while plenty remain.
func (b *Budget) Seen(ctx context.Context, remaining, limit int) error {
	if limit <= 0 || remaining < 0 || !b.worthTelling(remaining, limit) {
		return nil
	}
	args := append([]any{remaining, limit}, b.windows...)
	if err := seenScript.Run(ctx, b.s.rdb, []string{b.s.teamKey("rl"), b.s.teamKey("own")}, args...).Err(); err != nil {
		return fmt.Errorf("redis budget: %w", err)
	}
	return nil
}

func (b *Budget) worthTelling(remaining, limit int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if remaining > limit/4 && time.Since(b.told) < time.Second {
		return false
	}
	b.told = time.Now()
	return true
}

// Pause keeps all replicas from asking the API for d and up to a tenth more, as
// it demanded with Retry-After. A longer pause that is on already stays.
func (b *Budget) Pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	d += time.Duration(rand.Int64N(int64(d)/10 + 1))
	if _, err := b.s.run(ctx, pauseScript, []string{b.s.teamKey("pause")}, max(1, ms(d))); err != nil {
		return fmt.Errorf("redis budget pause: %w", err)
	}
	return nil
}
