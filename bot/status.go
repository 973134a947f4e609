package bot

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
	leads    bool      // as the store last said
	askedAt  time.Time // when the switch was last asked
	forgotAt time.Time // when the store lost its memory, on the API's clock
	quietTo  time.Time // until when nothing may be begun for that
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
	case isTokenRefusal(err):
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

// Health is what this process of the bot knows of its own well-being at one
// instant. Of several processes on one store the one that Leads polls: the others
// know of Inbox only what their own threads told them.
type Health struct {
	Leads        bool          // as the store last said; a process alone always does
	LastSweep    time.Time     // the last that went well, zero: none yet
	SweepErr     error         // how the last sweep failed
	TokenRefused error         // Inbox does not take the token; nothing is done meanwhile
	StoreErr     error         // the store does not answer; nothing is sent meanwhile
	Paused       string        // by whom and why, in the team's words; "": not paused
	Quarantine   time.Duration // for how long nothing is begun yet, after the store lost its memory

	ModelDown        time.Duration // for how long it has not answered
	Waiting          int           // threads that should have come to an outcome and have not
	OldestUnanswered time.Duration // how long the first of them has waited
	InDoubt          int           // sends of which this process does not know yet whether they arrived
	AccountsOffline  []string      // usernames of the account links that cannot send, sorted
	TokensUsed       float64       // share of the day's budget of tokens, 1 being all of it; 0 without one
	USDUsed          float64       // share of the day's budget of money

	// What has happened in this process since it started.
	DoubtfulSends, LoopsStopped, UntaggedHandoffs, ForeignReplies int
}

// Health tells how the bot is. It does not block.
func (b *Bot) Health() Health {
	h := b.state.health()
	h.Leads = h.Leads || b.Leader == nil
	h.ModelDown = b.model.downFor(time.Now())
	h.OldestUnanswered, h.Waiting = b.work.oldest(b.Now())
	h.InDoubt = b.work.inDoubt()
	h.TokensUsed, h.USDUsed = b.BudgetUsed()
	for _, a := range b.dir.allAccounts() {
		if a.Status != "active" {
			h.AccountsOffline = append(h.AccountsOffline, a.Username)
		}
	}
	slices.Sort(h.AccountsOffline)
	m := b.Metrics
	h.DoubtfulSends, h.LoopsStopped = m.inDoubt.count(), int(m.loops.Load())
	h.UntaggedHandoffs, h.ForeignReplies = m.untagged.count(), m.foreign.count()
	return h
}

func (s *status) health() Health {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := Health{
		Leads: s.leads, LastSweep: s.lastOK, SweepErr: s.sweepErr,
		TokenRefused: s.refused, StoreErr: s.storeErr, Paused: s.pausedBy, Quarantine: max(0, time.Until(s.quietTo)),
	}
	if h.TokenRefused == nil && isTokenRefusal(s.sweepErr) {
		h.TokenRefused = s.sweepErr // not taken back by letting one thread try again
	}
	return h
}

func isTokenRefusal(err error) bool {
	return errors.Is(err, inboxapi.ErrUnauthorized) || errors.Is(err, inboxapi.ErrForbidden)
}

// Ready says why the bot is not doing its work, nil when it is. A paused bot, one
// whose token is refused and one whose newest rules are refused are not ready; all
// are alive.
func (b *Bot) Ready() error {
	h := b.Health()
	var errs []error
	if b.Refused != nil {
		errs = append(errs, b.Refused())
	}
	switch {
	case h.TokenRefused != nil:
		errs = append(errs, fmt.Errorf("Inbox refuses INBOX_API_TOKEN: %w", h.TokenRefused))
	case h.SweepErr != nil:
		errs = append(errs, fmt.Errorf("last sweep: %w", h.SweepErr))
	case h.LastSweep.IsZero() && b.Leader == nil:
		errs = append(errs, errors.New("no sweep has been made yet"))
	}
	if h.StoreErr != nil {
		errs = append(errs, fmt.Errorf("REDIS_URL: %w", h.StoreErr))
	}
	if h.Quarantine > 0 {
		errs = append(errs, errQuarantined(h.Quarantine))
	}
	if h.ModelDown > 0 {
		errs = append(errs, fmt.Errorf("the model has been out of reach for %s", h.ModelDown.Round(time.Second)))
	}
	if h.Paused != "" {
		errs = append(errs, errors.New(h.Paused))
	}
	return errors.Join(errs...)
}

func (s *status) leading(lead bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leads = lead
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
