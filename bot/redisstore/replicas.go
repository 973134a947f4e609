package redisstore

import (
	"context"
	"fmt"
	"time"
)

// Replica is what this process is called among its like, for people: it stands in
// what the process writes for the others.
func (s *Store) Replica() string { return s.replica }

// Lead makes this replica the one that polls for ttl, or extends its time, and
// reports whether it is. Two replicas may believe it for a moment when one is
// paused: leading saves requests, it does not make anything safe.
func (s *Store) Lead(ctx context.Context, ttl time.Duration) (bool, error) {
	n, err := asInt(s.run(ctx, leadScript, []string{s.key("lead")}, s.replica, max(1, ms(ttl))))
	if err != nil {
		return false, fmt.Errorf("redis lead: %w", err)
	}
	return n == 1, nil
}

// Resign lets another replica lead at once. It does nothing for one that does
// not lead.
func (s *Store) Resign(ctx context.Context) error {
	if _, err := s.run(ctx, releaseScript, []string{s.key("lead")}, s.replica); err != nil {
		return fmt.Errorf("redis resign: %w", err)
	}
	return nil
}

// SetPaused tells all replicas, dry runs included, to send nothing until Resume,
// restarts of anything included. Saying it again changes reason and by, not
// since when.
func (s *Store) SetPaused(ctx context.Context, reason, by string) error {
	if _, err := s.run(ctx, stopScript, []string{s.teamKey("stop")}, reason, by); err != nil {
		return fmt.Errorf("redis pause: %w", err)
	}
	return nil
}

// Resume takes SetPaused back.
func (s *Store) Resume(ctx context.Context) error {
	if err := s.rdb.Del(ctx, s.teamKey("stop")).Err(); err != nil {
		return fmt.Errorf("redis resume: %w", err)
	}
	return nil
}

// Paused reports whether the bot is told to send nothing, since when on Redis's
// clock, and why: the reason, and in brackets by whom if that is known.
func (s *Store) Paused(ctx context.Context) (reason string, since time.Time, ok bool, err error) {
	h, err := s.rdb.HGetAll(ctx, s.teamKey("stop")).Result()
	if err != nil {
		return "", time.Time{}, false, fmt.Errorf("redis paused: %w", err)
	}
	if len(h) == 0 {
		return "", time.Time{}, false, nil
	}
	reason = h["reason"]
	if h["by"] != "" {
		reason += " (" + h["by"] + ")"
	}
	return reason, readMS(h["since"]), true, nil
}
