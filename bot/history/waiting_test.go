package history

import (
	"fmt"
	"testing"
	"time"

	"inboxbot/bot"
)

// The newest decision about a thread is the one that counts.
func TestWaiting(t *testing.T) {
	start := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	at := func(minute int) time.Time { return start.Add(time.Duration(minute) * time.Minute) }
	v := NewView(0)
	for i, e := range []struct {
		thread, guard string
		outcome       bot.Action
		draft         string
	}{
		{"long-ago", "closed", bot.Wait, ""},
		{"answered", "settling", bot.Wait, ""},
		{"ann", "closed", bot.Wait, ""},
		{"bob", "closed", bot.Wait, ""},
		{"answered", "default", bot.Reply, ""},
		{"cem", "default", bot.Wait, "It is 5 EUR."},
	} {
		entry := Entry{ID: fmt.Sprintf("%d-0", i+1), At: at(i), Thread: e.thread, Guard: e.guard, Outcome: e.outcome}
		entry.Reply, entry.Reason = e.draft, e.thread+" has to"
		v.Add(entry)
	}
	got := v.Waiting(at(1))
	want := []Waiting{{"closed", 2, 0, "bob has to", at(2)}, {"default", 1, 1, "", at(5)}}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
