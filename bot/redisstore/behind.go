package redisstore

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"inboxbot/bot"
)

var _ bot.Behind = (*Store)(nil)

// LookedBehind returns the last look that was kept of each of the threads. See
// bot.Behind.
func (s *Store) LookedBehind(ctx context.Context, threads []string) (map[string]bot.Looked, error) {
	looked := map[string]bot.Looked{}
	for some := range slices.Chunk(threads, batch) {
		keys := make([]string, len(some))
		for i, thread := range some {
			keys[i] = s.lookedKey(thread)
		}
		kept, err := s.rdb.MGet(ctx, keys...).Result()
		if err != nil {
			return nil, fmt.Errorf("redis looked behind: %w", err)
		}
		for i, thread := range some {
			text, _ := kept[i].(string)
			at, message, _ := strings.Cut(text, " ")
			if ms, err := strconv.ParseInt(at, 10, 64); err == nil {
				looked[thread] = bot.Looked{MessageID: message, At: time.UnixMilli(ms).UTC()}
			}
		}
	}
	return looked, nil
}

// KeepLooked keeps a thread's look for d. See bot.Behind.
func (s *Store) KeepLooked(ctx context.Context, thread string, l bot.Looked, d time.Duration) error {
	text := strconv.FormatInt(l.At.UnixMilli(), 10) + " " + l.MessageID
	if err := s.rdb.Set(ctx, s.lookedKey(thread), text, max(time.Second, d)).Err(); err != nil {
		return fmt.Errorf("redis looked behind: %w", err)
	}
	return nil
}

func (s *Store) lookedKey(thread string) string { return s.key("looked:" + thread) }
