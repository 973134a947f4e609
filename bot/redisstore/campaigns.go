package redisstore

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"inboxbot/bot"
)

var _ bot.Campaigns = (*Store)(nil)

// CampaignsRead returns those of the threads whose message was kept. See bot.Campaigns.
func (s *Store) CampaignsRead(ctx context.Context, messages map[string]string) ([]string, error) {
	var read []string
	for threads := range slices.Chunk(slices.Sorted(maps.Keys(messages)), batch) {
		keys := make([]string, len(threads))
		for i, thread := range threads {
			keys[i] = s.campaignKey(thread)
		}
		kept, err := s.rdb.MGet(ctx, keys...).Result()
		if err != nil {
			return nil, fmt.Errorf("redis campaigns: %w", err)
		}
		for i, thread := range threads {
			if kept[i] == messages[thread] {
				read = append(read, thread)
			}
		}
	}
	return read, nil
}

// KeepCampaignRead keeps a thread's message for d. See bot.Campaigns.
func (s *Store) KeepCampaignRead(ctx context.Context, thread, message string, d time.Duration) error {
	if err := s.rdb.Set(ctx, s.campaignKey(thread), message, max(time.Second, d)).Err(); err != nil {
		return fmt.Errorf("redis campaigns: %w", err)
	}
	return nil
}

func (s *Store) campaignKey(thread string) string { return s.key("read:" + thread) }
