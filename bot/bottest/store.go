// Package bottest has working stand-ins for what a bot.Bot is built from: a
// Store in memory and a Model that follows a script. Everything follows
// time.Now, so tests can run in a testing/synctest bubble.
package bottest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"inboxbot/bot"
)

var (
	_ bot.Claims  = (*Store)(nil)
	_ bot.Holders = (*Store)(nil)
	_ bot.Ledger  = (*Store)(nil)
)

// StoreOptions tune a Store. The zero value has a lease of 120 s, sends of 10 s
// and a quarantine, after Wipe only, of 160 s.
type StoreOptions struct {
	Lease, Send, Quarantine time.Duration
}

// Store is bot.Claims and bot.Ledger in memory, by the same rules as the store on
// Redis (see storetest): the plainest form of them there is.
type Store struct {
	opts StoreOptions

	mu      sync.Mutex
	fail    error
	count   int // of tokens and generations
	gen     string
	until   time.Time // end of the quarantine
	claims  map[string]claim
	records map[string]record
	open    map[string]time.Time // by thread, when it is due
	beside
}

type claim struct {
	token string
	ends  time.Time
}

// record is a bot.Record and what only a store needs to know.
type record struct {
	bot.Record
	moved    string          // the token of the move that may be repeated
	newer    time.Time       // when a newer message came while this one was promised something
	finished map[string]bool // messages of the same instant that had their turn
}

// NewStore returns an empty store.
func NewStore(o StoreOptions) *Store {
	o.Lease = cmp.Or(o.Lease, 120*time.Second)
	o.Send = cmp.Or(o.Send, 10*time.Second)
	o.Quarantine = cmp.Or(o.Quarantine, o.Lease+o.Send+30*time.Second)
	s := &Store{opts: o}
	s.forget()
	return s
}

func (s *Store) forget() {
	s.gen = fmt.Sprintf("generation-%d", s.next())
	s.claims, s.records, s.open = map[string]claim{}, map[string]record{}, map[string]time.Time{}
	s.beside = newBeside()
}

func (s *Store) next() int {
	s.count++
	return s.count
}

// Fail makes every call return err, wrapped, until it is called with nil.
func (s *Store) Fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = err
}

// Wipe loses everything, as a Redis restarted empty does: the quarantine begins.
func (s *Store) Wipe() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget()
	s.until = time.Now().Add(s.opts.Quarantine)
}

// enter locks the store, unless it is to fail.
func (s *Store) enter(ctx context.Context, what string) (func(), error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("store %s: %w", what, err)
	}
	s.mu.Lock()
	if s.fail != nil {
		defer s.mu.Unlock()
		return nil, fmt.Errorf("store %s: %w", what, s.fail)
	}
	return s.mu.Unlock, nil
}

// Claim implements bot.Claims.
func (s *Store) Claim(ctx context.Context, threadID string) (bot.Lease, error) {
	leave, err := s.enter(ctx, "claim")
	if err != nil {
		return bot.Lease{}, err
	}
	defer leave()
	now := time.Now()
	if c, ok := s.claims[threadID]; ok && now.Before(c.ends) {
		return bot.Lease{}, bot.ErrHeld
	}
	token := fmt.Sprintf("token-%d", s.next())
	s.claims[threadID] = claim{token, now.Add(s.opts.Lease)}
	l := bot.Lease{
		Thread: threadID, Token: token, Generation: s.gen, Taken: now, TTL: s.opts.Lease,
		Quarantine: max(0, s.until.Sub(now)), StoreNow: now.UTC().Truncate(time.Millisecond), Record: s.record(threadID),
	}
	if l.Quarantine > 0 {
		l.Generation += "/quarantine" // begins nothing, not even later
	}
	return l, nil
}

// Holder implements bot.Holders. Tokens do not say whose they are, so it is always
// the same process.
func (s *Store) Holder(ctx context.Context, threadID string) (process string, left time.Duration, err error) {
	leave, err := s.enter(ctx, "holder")
	if err != nil {
		return "", 0, err
	}
	defer leave()
	if left = time.Until(s.claims[threadID].ends); left <= 0 {
		return "", 0, nil
	}
	return "some", left, nil
}

// Forgot implements bot.Memory.
func (s *Store) Forgot(ctx context.Context) (last bot.Loss, ever bool, err error) {
	leave, err := s.enter(ctx, "forgot")
	if err != nil {
		return bot.Loss{}, false, err
	}
	defer leave()
	if s.until.IsZero() {
		return bot.Loss{}, false, nil
	}
	return bot.Loss{Ago: time.Since(s.until.Add(-s.opts.Quarantine)), Quarantine: max(0, time.Until(s.until))}, true, nil
}

// Release implements bot.Claims.
func (s *Store) Release(ctx context.Context, l bot.Lease) error {
	leave, err := s.enter(ctx, "release")
	if err != nil {
		return err
	}
	defer leave()
	if s.claims[l.Thread].token == l.Token {
		delete(s.claims, l.Thread)
	}
	return nil
}

// Records implements bot.Ledger.
func (s *Store) Records(ctx context.Context, threadIDs []string) (map[string]bot.Record, error) {
	leave, err := s.enter(ctx, "records")
	if err != nil {
		return nil, err
	}
	defer leave()
	records := make(map[string]bot.Record, len(threadIDs))
	for _, id := range threadIDs {
		records[id] = s.record(id)
	}
	return records, nil
}

// record returns a copy that shares nothing.
func (s *Store) record(threadID string) bot.Record {
	r := s.records[threadID].Record
	r.Thread, r.Own, r.Seen = threadID, maps.Clone(r.Own), slices.Clone(r.Seen)
	return r
}

// Due implements bot.Ledger.
func (s *Store) Due(ctx context.Context, limit int) ([]string, error) {
	leave, err := s.enter(ctx, "due")
	if err != nil {
		return nil, err
	}
	defer leave()
	now := time.Now()
	var due []string
	for id, at := range s.open {
		if !at.After(now) {
			due = append(due, id)
		}
	}
	slices.SortFunc(due, func(a, b string) int {
		return cmp.Or(s.open[a].Compare(s.open[b]), strings.Compare(a, b))
	})
	return due[:min(max(limit, 0), len(due))], nil
}

// Postpone implements bot.Ledger.
func (s *Store) Postpone(ctx context.Context, threadID string, d time.Duration) error {
	leave, err := s.enter(ctx, "postpone")
	if err != nil {
		return err
	}
	defer leave()
	if _, ok := s.open[threadID]; ok {
		s.open[threadID] = time.Now().Add(d)
	}
	return nil
}

// Open returns the threads that are open, due or not, sorted.
func (s *Store) Open() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.open))
}

// Advance implements bot.Ledger.
func (s *Store) Advance(ctx context.Context, l bot.Lease, next bot.Record, again time.Duration) error {
	leave, err := s.enter(ctx, "advance")
	if err != nil {
		return err
	}
	defer leave()
	if l.Thread == "" || next.MessageID == "" {
		return fmt.Errorf("store advance to %s: no thread or message id", next.State)
	}
	m := move{s: s, l: l, next: next, rec: s.records[l.Thread], now: time.Now()}
	m.look()
	if m.same && m.rec.State == next.State && m.rec.moved != "" && m.rec.moved == l.Token && next.State != bot.StateIntent {
		return nil // a repeat
	}
	done, err := m.allowed()
	if err != nil || done {
		if errors.Is(err, bot.ErrRecorded) {
			m.note()
		}
		return err
	}
	m.do(again)
	if next.State == bot.StateSent && m.live(0) {
		delete(s.claims, l.Thread)
	}
	return nil
}

// Note implements bot.Ledger.
func (s *Store) Note(ctx context.Context, notes []bot.Note) error {
	var errs []error
	for _, n := range notes {
		n.Record.State = bot.StateWaiting
		errs = append(errs, s.Advance(ctx, bot.Lease{Thread: n.Record.Thread}, n.Record, n.Again))
	}
	return errors.Join(errs...)
}

// Hold implements bot.Ledger.
func (s *Store) Hold(ctx context.Context, held map[string]time.Time) error {
	leave, err := s.enter(ctx, "hold")
	if err != nil {
		return err
	}
	defer leave()
	for thread, at := range held {
		if r, ok := s.records[thread]; ok && ms(at).After(r.HeldAt) {
			r.HeldAt = ms(at)
			s.records[thread] = r
		}
	}
	return nil
}

// move is one Advance under way.
type move struct {
	s    *Store
	l    bot.Lease
	next bot.Record
	rec  record
	now  time.Time

	same, newer bool // how next's message stands to the record's
	promised    bool // the record says that a send or a person is on its way
	free        bool // the record may be taken over
}

func (m *move) look() {
	r := m.rec
	m.same = r.MessageID == m.next.MessageID
	m.newer = !m.same && !r.finished[m.next.MessageID] &&
		(r.MessageID == "" || !ms(m.next.MessageAt).Before(r.MessageAt))
	m.promised = r.State == bot.StateIntent || r.State == bot.StateHanding
	m.free = !m.promised && (m.newer || m.same && !r.State.Terminal())
}

// live reports whether the lease is the claim and lasts for d more.
func (m *move) live(d time.Duration) bool {
	c, ok := m.s.claims[m.l.Thread]
	return ok && c.token == m.l.Token && m.now.Before(c.ends) && c.ends.Sub(m.now) >= d
}

// allowed reports whether the move may be made, or has been.
func (m *move) allowed() (done bool, err error) {
	ok := false
	switch state := m.rec.State; m.next.State {
	case bot.StateIntent:
		return m.begin()
	case bot.StateSent:
		ok = m.free || m.same && (m.promised || state == bot.StateSent || state == bot.StateAnswered)
	case bot.StateAnswered:
		if !m.live(0) {
			return false, bot.ErrLeaseLost
		}
		ok = m.free || m.same && (m.promised || state == bot.StateAnswered)
	case bot.StateRetry:
		if m.same && state == bot.StateRetry {
			return false, nil // only the due time changes
		}
		ok = m.same && state == bot.StateIntent && m.rec.moved == m.l.Token
		if ok && !m.live(0) {
			return false, bot.ErrLeaseLost
		}
	case bot.StateHanding, bot.StateSkipped:
		ok = m.free || m.same && state == bot.StateIntent
		if m.same && state == bot.StateSkipped && m.next.State == state {
			return false, nil
		}
		if !m.live(0) {
			return false, bot.ErrLeaseLost
		}
	case bot.StateHandoff:
		ok = m.same && (state == bot.StateHanding || state == bot.StateHandoff)
	case bot.StateWaiting:
		ok = m.free
	case bot.StateNone:
		fallthrough
	default:
		return false, fmt.Errorf("store advance: %q is not a state to move to", m.next.State)
	}
	if !ok {
		return false, bot.ErrRecorded
	}
	return false, nil
}

func (m *move) begin() (done bool, err error) {
	opts := m.s.opts
	switch mine := m.rec.moved == m.l.Token; {
	case !m.live(opts.Send + opts.Send/5):
		return false, bot.ErrLeaseLost
	case strings.TrimSuffix(m.l.Generation, "/quarantine") != m.s.gen:
		return false, bot.ErrLeaseLost
	case m.now.Before(m.s.until):
		return false, bot.ErrQuarantine
	case m.l.Generation != m.s.gen:
		return false, bot.ErrLeaseLost
	case m.same && m.rec.State == bot.StateIntent && mine:
		return true, nil
	case m.same && m.rec.State == bot.StateRetry && mine:
		return false, bot.ErrLeaseLost // a lease begins a message once
	case !m.free:
		return false, bot.ErrRecorded
	}
	return false, nil
}

// note keeps what a refused move still told: our own messages, and that a newer
// one came.
func (m *move) note() {
	added := m.added()
	maps.DeleteFunc(added, func(id string, _ time.Time) bool { _, known := m.rec.Own[id]; return known })
	fresh := len(added) > 0 && m.rec.State != bot.StateNone
	if m.promised && m.newer && m.next.MessageAt.After(m.rec.newer) {
		m.rec.newer, fresh = m.next.MessageAt, true
	}
	if fresh {
		m.rec.Own = m.own()
		m.s.records[m.l.Thread] = m.rec
	}
}

func (m *move) do(again time.Duration) {
	rec, old, token := record{Record: m.next}, m.rec, m.l.Token
	r := &rec.Record
	r.Thread, r.At, r.Token = m.l.Thread, ms(m.now), ""
	r.MessageAt, r.SeenAt, r.LookedAt = ms(r.MessageAt), ms(r.SeenAt), ms(r.LookedAt)
	if r.State != bot.StateIntent {
		r.Asked = 0 // but see keep
	}
	r.Unarchived = r.Unarchived && r.State == bot.StateWaiting
	r.HandedAt, r.HeldAt = ms(r.HandedAt), old.HeldAt // which is Hold's alone
	r.Own, r.Seen = m.own(), old.WithSeen(r.Seen...)
	if r.State != bot.StateSent {
		r.SentID = ""
	}
	r.SentID = cmp.Or(r.SentID, old.SentID)
	r.EndedID, r.EndedAt = old.EndedID, old.EndedAt
	if !m.same && old.State.Terminal() {
		r.EndedID, r.EndedAt = old.MessageID, old.MessageAt
	}
	m.keep(&rec)
	if r.State != bot.StateIntent {
		r.Text, r.Base, r.LookedAt = "", "", time.Time{}
	}
	if r.State != bot.StateHanding && r.State != bot.StateIntent {
		r.Tag, r.Assign, r.Say = "", "", ""
	}
	retried := m.same && old.State == bot.StateRetry && (r.State == bot.StateRetry || r.State == bot.StateWaiting)
	switch {
	case retried:
		r.State, rec.moved = bot.StateRetry, old.moved
	case r.State == bot.StateIntent:
		r.Token, rec.moved = token, token
	case r.State == bot.StateRetry, r.State == bot.StateHanding:
		rec.moved = token
	}
	due, open := m.now.Add(again), again > 0 || !r.State.Terminal() && r.State != bot.StateWaiting && !retried
	switch {
	case old.newer.IsZero():
	case r.State.Terminal():
		due, open, rec.moved = m.now, true, token
	case r.State == bot.StateHanding:
		rec.newer = old.newer
	}
	m.s.records[r.Thread] = rec
	if open {
		m.s.open[r.Thread] = due
	} else {
		delete(m.s.open, r.Thread)
	}
}

// keep carries over what the record knows of the same message.
func (m *move) keep(rec *record) {
	r, old := &rec.Record, m.rec
	r.SentSum, r.HandedTag = cmp.Or(r.SentSum, old.SentSum), cmp.Or(r.HandedTag, old.HandedTag)
	if r.HandedAt.IsZero() {
		r.HandedAt = old.HandedAt
	}
	if !m.same {
		if old.MessageID != "" && old.MessageAt.Equal(r.MessageAt) {
			rec.finished = maps.Clone(old.finished)
			if rec.finished == nil {
				rec.finished = map[string]bool{}
			}
			rec.finished[old.MessageID] = true
		}
		return
	}
	rec.finished = old.finished
	r.MessageAt = old.MessageAt
	r.Guard, r.Reason = cmp.Or(r.Guard, old.Guard), cmp.Or(r.Reason, old.Reason)
	r.Asked, r.Unarchived = cmp.Or(r.Asked, old.Asked), !r.State.Terminal() && (r.Unarchived || old.Unarchived)
	r.Generation, r.Cause = cmp.Or(r.Generation, old.Generation), cmp.Or(r.Cause, old.Cause)
	if r.SeenAt.IsZero() {
		r.SeenAt = old.SeenAt
	}
}

// own is what is known of our own messages, with what next adds: the 64 newest.
func (m *move) own() map[string]time.Time {
	all := m.added()
	maps.Copy(all, m.rec.Own)
	ids := slices.SortedFunc(maps.Keys(all), func(a, b string) int { return all[b].Compare(all[a]) })
	for _, id := range ids[min(64, len(ids)):] {
		delete(all, id)
	}
	if len(all) == 0 {
		return nil
	}
	return all
}

// added are the messages of our own that next tells of.
func (m *move) added() map[string]time.Time {
	all := map[string]time.Time{}
	if m.next.State == bot.StateSent && m.next.SentID != "" {
		all[m.next.SentID] = ms(m.now)
	}
	for id, at := range m.next.Own {
		if !at.IsZero() {
			all[id] = ms(at)
		}
	}
	return all
}

// ms is t as the store on Redis keeps it.
func ms(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Millisecond)
}
