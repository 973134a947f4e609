package bot_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"inboxbot/bot"
	"inboxbot/bot/bottest"
)

// How many calls of the model fail before it is well again, and how soon how
// many have an answer all the same.
func TestAModelThatStumblesKeepsNobodyWaitingForLong(t *testing.T) {
	for _, row := range []struct {
		name   string
		fails  int
		within time.Duration
		want   int
	}{
		{"one call: only its own thread waits", 1, 3 * time.Second, 19},
		{"down, and well again when asked whether it is", 8, time.Minute, 20},
	} {
		t.Run(row.name, func(t *testing.T) {
			inScene(t, func(w *scene) {
				w.cfg.Concurrency = 1
				var threads []string
				for i := range 20 {
					threads = append(threads, w.thread(fmt.Sprintf("question %d", i)).ID)
				}
				calls := 0
				w.model = bottest.NewModel(func(bot.Prompt) (string, error) {
					if calls++; calls <= row.fails {
						return "", fmt.Errorf("%w: %w", bot.ErrModelUnavailable, errors.New("stumbled"))
					}
					return answer("ok"), nil
				})
				w.during(row.within)
				answered := 0
				for _, th := range threads {
					answered += len(w.sent(th))
				}
				if answered != row.want {
					t.Errorf("%d of %d threads answered within %s, want %d", answered, len(threads), row.within, row.want)
				}
			})
		})
	}
}
