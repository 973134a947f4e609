package storetest

import (
	"maps"
	"slices"
	"time"

	"inboxbot/bot"
)

func (b *beside) look(thread, message string, at time.Time) {
	b.Helper()
	if err := b.KeepLooked(b.Context(), thread, bot.Looked{MessageID: message, At: at}, time.Hour); err != nil {
		b.Fatalf("keep looked: %v", err)
	}
}

// looked checks what is known of all threads.
func (b *beside) looked(want map[string]bot.Looked, threads ...string) {
	b.Helper()
	got, err := b.LookedBehind(b.Context(), slices.Concat(threads, slices.Sorted(maps.Keys(want))))
	if err != nil || !maps.Equal(got, want) {
		b.Fatalf("looked behind: %v, %v, want %v", got, err, want)
	}
}

func behind() []besideTest {
	return []besideTest{
		{"behind/nothing", func(b *beside) {
			b.looked(nil)
			b.looked(nil, "thread", "other")
		}},
		{"behind/the last look of each thread", func(b *beside) {
			b.look("thread", "message", draftMade)
			b.look("other", "before", draftMade)
			b.look("other", "after", draftMade.Add(time.Millisecond))
			b.looked(map[string]bot.Looked{
				"thread": {MessageID: "message", At: draftMade},
				"other":  {MessageID: "after", At: draftMade.Add(time.Millisecond)},
			}, "third")
		}},
	}
}

func behindInTime() []besideTest {
	return []besideTest{
		{"behind/for as long as was asked", func(b *beside) {
			b.look("thread", "message", draftMade)
			time.Sleep(time.Hour - time.Second)
			b.looked(map[string]bot.Looked{"thread": {MessageID: "message", At: draftMade}})
			time.Sleep(2 * time.Second)
			b.looked(nil, "thread")
		}},
	}
}
