package redisstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"inboxbot/bot"
)

var (
	_ bot.Memory  = (*Store)(nil)
	_ bot.Holders = (*Store)(nil)
)

var (
	errNoThread = errors.New("no thread id")
	// errChanged is returned when a connection to another server was made while
	// a claim was being asked for, and scripts may not ask who they run on.
	errChanged = errors.New("another server answered")
)

// Claim grants a lease of Options.Lease, or returns bot.ErrHeld. See bot.Claims.
//
// A lease granted in the quarantine begins nothing, not even later: what its
// holder has read may be older than a send the store forgot.
func (s *Store) Claim(ctx context.Context, threadID string) (bot.Lease, error) {
	if threadID == "" {
		return bot.Lease{}, fmt.Errorf("redis claim: %w", errNoThread)
	}
	l := bot.Lease{
		Thread: threadID,
		Token:  s.replica + ":" + rand.Text(),
		TTL:    s.opts.Lease,
		Taken:  time.Now(),
	}
	rid := s.runID.Load()
	answer, err := s.run(ctx, claimScript,
		[]string{s.claimKey(threadID), s.recordKey(threadID), s.key("gen")},
		l.Token, ms(s.opts.Lease), *rid, ms(s.opts.Quarantine))
	if err != nil {
		return bot.Lease{}, fmt.Errorf("redis claim: %w", err)
	}
	if s.changedSince(rid) {
		return bot.Lease{}, fmt.Errorf("redis claim: %w", errChanged)
	}
	return l, readClaim(answer, &l)
}

// readClaim reads the claim script's answer into l.
func readClaim(answer any, l *bot.Lease) error {
	parts, ok := answer.([]any)
	if ok && len(parts) == 1 && parts[0] == "held" {
		return bot.ErrHeld
	}
	if !ok || len(parts) != 5 {
		return fmt.Errorf("redis claim: %w", errAnswer)
	}
	var texts [3]string
	for i := range texts {
		texts[i], _ = parts[i+1].(string)
	}
	left, err1 := strconv.ParseInt(texts[1], 10, 64)
	now, err2 := strconv.ParseInt(texts[2], 10, 64)
	flat, ok := parts[4].([]any)
	if err1 != nil || err2 != nil || !ok {
		return fmt.Errorf("redis claim: %w", errAnswer)
	}
	l.Generation = texts[0]
	l.Quarantine = time.Duration(left) * time.Millisecond
	l.StoreNow = time.UnixMilli(now).UTC()
	l.Record = readRecord(l.Thread, fieldsOf(flat))
	return nil
}

// Release gives the lease up. Releasing a lease that has ended does nothing.
func (s *Store) Release(ctx context.Context, l bot.Lease) error {
	if _, err := s.run(ctx, releaseScript, []string{s.claimKey(l.Thread)}, l.Token); err != nil {
		return fmt.Errorf("redis release: %w", err)
	}
	return nil
}

// Holder returns the Replica of the process that holds the thread. See bot.Holders.
func (s *Store) Holder(ctx context.Context, threadID string) (process string, left time.Duration, err error) {
	both := s.rdb.Pipeline()
	token, ttl := both.Get(ctx, s.claimKey(threadID)), both.PTTL(ctx, s.claimKey(threadID))
	_, err = both.Exec(ctx)
	switch {
	case errors.Is(err, redis.Nil):
		return "", 0, nil
	case err != nil:
		return "", 0, fmt.Errorf("redis holder: %w", err)
	}
	if left = ttl.Val(); left <= 0 {
		return "", 0, nil // it has ended between the two
	}
	process, _, _ = strings.Cut(token.Val(), ":")
	return process, left, nil
}

// Forgot reports whether this Redis has ever lost what it knew of the team, and how
// long ago that was noticed. A first deployment that was not said to be one counts:
// what an earlier life did is not known. See bot.Memory.
func (s *Store) Forgot(ctx context.Context) (last bot.Loss, ever bool, err error) {
	rid := s.runID.Load()
	answer, err := s.run(ctx, forgotScript, []string{s.key("gen")}, rand.Text(), *rid, ms(s.opts.Quarantine))
	if err == nil && s.changedSince(rid) {
		err = errChanged
	}
	if err != nil {
		return bot.Loss{}, false, fmt.Errorf("redis forgot: %w", err)
	}
	parts, ok := answer.([]any)
	if !ok || len(parts) != 2 {
		return bot.Loss{}, false, fmt.Errorf("redis forgot: %w", errAnswer)
	}
	ago, err1 := asInt(parts[0], nil)
	left, err2 := asInt(parts[1], nil)
	if err := errors.Join(err1, err2); err != nil || ago < 0 {
		return bot.Loss{}, false, err
	}
	return bot.Loss{Ago: time.Duration(ago) * time.Millisecond, Quarantine: time.Duration(left) * time.Millisecond}, true, nil
}

// changedSince reports whether the server's identity may have been out of date
// when it was handed to a script as rid.
func (s *Store) changedSince(rid *string) bool {
	return !s.scriptRunID && *s.runID.Load() != *rid
}

func (s *Store) claimKey(threadID string) string  { return s.key("c:" + threadID) }
func (s *Store) recordKey(threadID string) string { return s.key("r:" + threadID) }
