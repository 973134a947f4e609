package redisstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// alertsKept is how long what was told of a problem is remembered: longer than any
// pause between two reminders.
const alertsKept = 7 * 24 * time.Hour

// SaveAlerts keeps what the replica that leads has told the team, for the one
// that leads next. A dry run keeps its own.
func (s *Store) SaveAlerts(ctx context.Context, state []byte) error {
	if err := s.rdb.Set(ctx, s.key("alerts"), state, alertsKept).Err(); err != nil {
		return fmt.Errorf("redis save alerts: %w", err)
	}
	return nil
}

// LoadAlerts returns what SaveAlerts kept last, nil when that was nothing.
func (s *Store) LoadAlerts(ctx context.Context) ([]byte, error) {
	state, err := s.rdb.Get(ctx, s.key("alerts")).Bytes()
	switch {
	case errors.Is(err, redis.Nil):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("redis load alerts: %w", err)
	}
	return state, nil
}
