package bot

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"inboxbot/inboxapi"
)

// Switch is the team's way to stop every process of the bot.
type Switch interface {
	// Paused reports whether the bot is paused, by whom and why, and since when.
	Paused(ctx context.Context) (reason string, since time.Time, paused bool, err error)
}

// status is what this process knows of its own well-being.
type status struct {
	mu       sync.Mutex
	marks    map[inboxapi.View]time.Time
	deep     time.Time
	lastOK   time.Time // the last sweep without an error
	sweepErr error
	storeErr error
	refused  error     // Inbox does not take our token
	retryAt  time.Time // when it is asked again whether it does
	pausedBy string
	askedAt  time.Time // when the switch was last asked
	said     map[string]time.Time
}

func (s *status) watermark(v inboxapi.View) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.marks[v]
}

func (s *status) setWatermark(v inboxapi.View, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.marks == nil {
		s.marks = map[inboxapi.View]time.Time{}
	}
	if at.After(s.marks[v]) {
		s.marks[v] = at
	}
}

func (s *status) deepDue(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.deep.IsZero() || now.Sub(s.deep) >= deepEvery
}

func (s *status) deepDone(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deep = now
}

func (s *status) swept(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweepErr = err
	switch {
	case err == nil:
		s.lastOK, s.refused = time.Now(), nil
	case errors.Is(err, inboxapi.ErrUnauthorized), errors.Is(err, inboxapi.ErrForbidden):
		s.refused, s.retryAt = err, time.Now().Add(refusedPause)
	}
}

func (s *status) refuse(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused, s.retryAt = err, time.Now().Add(refusedPause)
}

// refusedPause is how long a refused token is not used for threads.
const refusedPause = time.Minute

// isRefused reports whether no work should be begun. After a pause one thread may
// find out whether the token is taken again; a process that polls finds out by
// itself.
func (s *status) isRefused() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refused == nil {
		return false
	}
	if time.Now().After(s.retryAt) {
		s.refused = nil
	}
	return s.refused != nil
}

func (s *status) storeAnswered(err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.storeErr = err
}

// Ready says why the bot is not doing its work, nil when it is. A paused bot and
// one whose token is refused are not ready; both are alive.
func (b *Bot) Ready() error {
	s := &b.state
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	switch {
	case s.refused != nil:
		errs = append(errs, fmt.Errorf("Inbox refuses INBOX_API_TOKEN: %w", s.refused))
	case s.sweepErr != nil:
		errs = append(errs, fmt.Errorf("last sweep: %w", s.sweepErr))
	case s.lastOK.IsZero() && b.Leader == nil:
		errs = append(errs, errors.New("no sweep has been made yet"))
	}
	if s.storeErr != nil {
		errs = append(errs, fmt.Errorf("REDIS_URL: %w", s.storeErr))
	}
	if down := b.model.downFor(time.Now()); down > 0 {
		errs = append(errs, fmt.Errorf("the model has been out of reach for %s", down.Round(time.Second)))
	}
	if s.pausedBy != "" {
		errs = append(errs, errors.New(s.pausedBy))
	}
	return errors.Join(errs...)
}

func (s *status) isPaused() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pausedBy != ""
}

// lastPaused returns the switch's last answer and whether it still counts.
func (s *status) lastPaused() (reason string, fresh bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pausedBy, time.Since(s.askedAt) < pauseAge
}

// pauseAge is for how long the switch's answer serves every thread of the
// process: a pause holds sends back so much later at most.
const pauseAge = 500 * time.Millisecond

// paused asks the switch. A switch that cannot be asked is on: nothing is sent
// without the store anyway.
func (b *Bot) paused(ctx context.Context) (string, bool) {
	if b.Switch == nil {
		return "", false
	}
	if reason, fresh := b.state.lastPaused(); fresh {
		return reason, reason != ""
	}
	reason, since, paused, err := b.Switch.Paused(ctx)
	switch {
	case err != nil:
		return "cannot tell whether the bot is paused", true
	case paused:
		reason = fmt.Sprintf("paused since %s: %s", since.UTC().Format("2006-01-02 15:04 UTC"), oneLine(reason))
	default:
		reason = ""
	}
	b.state.mu.Lock()
	b.state.pausedBy, b.state.askedAt = reason, time.Now()
	b.state.mu.Unlock()
	return reason, paused
}

// complain logs what is wrong outside of any one thread, at most once a minute
// for each part that is wrong.
func (b *Bot) complain(part string, err error) {
	b.Metrics.trouble.WithLabelValues(partOf(part)).Inc()
	b.state.mu.Lock()
	if b.state.said == nil || len(b.state.said) > 1000 {
		b.state.said = map[string]time.Time{}
	}
	quiet := time.Since(b.state.said[part]) < time.Minute
	if !quiet {
		b.state.said[part] = time.Now()
	}
	b.state.mu.Unlock()
	if !quiet {
		b.Logger.Error(partOf(part)+" trouble", "err", err)
	}
}

// partOf is the part's name without the thread it may go on with.
func partOf(part string) string {
	for i := range part {
		if part[i] == ' ' {
			return part[:i]
		}
	}
	return part
}
