package inboxapitest

import (
	"net/http"
	"strconv"
	"time"
)

// Limits is how many requests of the team are served in each sliding window.
// Zero values are the real API's 300, 10,000 and 100,000; a negative value
// lifts that limit.
type Limits struct{ Minute, Hour, Day int }

// limiter counts in true sliding windows: it remembers the time of every request
// served within the last day. Requests it rejects do not count.
type limiter struct {
	windows [3]window
	served  []time.Time // ascending
}

// window is one of the limits. served[from:] is what lies inside it.
type window struct {
	length time.Duration
	limit  int // negative: none
	from   int
}

func (l *limiter) init(limits Limits) {
	l.windows = [3]window{
		{length: time.Minute, limit: limits.Minute},
		{length: time.Hour, limit: limits.Hour},
		{length: 24 * time.Hour, limit: limits.Day},
	}
	for i, standard := range [3]int{300, 10_000, 100_000} {
		if l.windows[i].limit == 0 {
			l.windows[i].limit = standard
		}
	}
}

// quota is what the rate limit headers of one response say.
type quota struct {
	limit     int // negative: no limit, no headers
	remaining int
	reset     time.Time
	wait      time.Duration // until the request would be served; zero: it is
}

// take counts one request at now if all windows have room. The quota returned
// describes the minute, or the window with the longest wait if one has no room.
func (l *limiter) take(now time.Time) quota {
	l.slide(now)
	bit := -1
	var wait time.Duration
	for i, w := range l.windows {
		if w.limit < 0 || len(l.served)-w.from < w.limit {
			continue
		}
		// Room comes when the request that is limit places from the end leaves.
		if d := l.leaves(w).Sub(now); bit < 0 || d > wait {
			bit, wait = i, d
		}
	}
	if bit >= 0 {
		q := l.quota(l.windows[bit], now)
		q.wait = wait
		return q
	}
	l.served = append(l.served, now)
	return l.quota(l.windows[0], now)
}

// leaves is when the request that keeps w full is out of it.
func (l *limiter) leaves(w window) time.Time {
	return l.served[len(l.served)-w.limit].Add(w.length)
}

func (l *limiter) quota(w window, now time.Time) quota {
	q := quota{limit: w.limit, remaining: max(0, w.limit-(len(l.served)-w.from)), reset: now.Add(w.length)}
	if w.from < len(l.served) {
		q.reset = l.served[w.from].Add(w.length)
	}
	return q
}

// slide moves the windows to now: a request exactly a window's length ago is out.
func (l *limiter) slide(now time.Time) {
	for i := range l.windows {
		w := &l.windows[i]
		for w.from < len(l.served) && !l.served[w.from].After(now.Add(-w.length)) {
			w.from++
		}
	}
	gone := l.windows[len(l.windows)-1].from
	if gone < 1024 || gone < len(l.served)/2 {
		return
	}
	l.served = append(l.served[:0], l.served[gone:]...)
	for i := range l.windows {
		l.windows[i].from -= gone
	}
}

// setHeaders writes q as the API's documentation has it: Reset in Unix seconds,
// Retry-After in whole seconds, both rounded up.
func (q quota) setHeaders(h http.Header) {
	if q.limit >= 0 {
		h.Set("X-RateLimit-Limit", strconv.Itoa(q.limit))
		h.Set("X-RateLimit-Remaining", strconv.Itoa(q.remaining))
		h.Set("X-RateLimit-Reset", strconv.FormatInt(q.reset.Add(time.Second-1).Unix(), 10))
	}
	if q.wait > 0 {
		h.Set("Retry-After", strconv.Itoa(wholeSeconds(q.wait)))
	}
}

// wholeSeconds rounds d up, to at least one second.
func wholeSeconds(d time.Duration) int {
	return max(1, int((d+time.Second-1)/time.Second))
}
