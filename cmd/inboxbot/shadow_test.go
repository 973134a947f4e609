package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"inboxbot/bot"
	"inboxbot/bot/history"
	"inboxbot/bot/redisstore"
)

// TestShadowReport: what people answered beside what the bot would have said, back
// to a time and no further.
func TestShadowReport(t *testing.T) {
	store, end, err := redisstore.Embedded(t.Context(), redisstore.Options{Team: "team", Namespace: "shadow"})
	if err != nil {
		t.Fatal(err)
	}
	defer end()
	now, n := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC), 0
	add := func(ago time.Duration, guard string, c bot.Comparison) {
		c.Guard = guard
		h := bot.Handled{
			Thread: fmt.Sprint("t", n), Message: "m", Prospect: "mira\x1b[2J_koch", Asked: "thx\x1b[2J", At: now.Add(-ago), Outcome: bot.Skip, Guard: "shadow", Mode: "shadow", Shadow: &c,
		}
		n++
		e, d := history.Of(h)
		if err := store.LogAppend(t.Context(), e, d); err != nil {
			t.Fatal(err)
		}
	}
	compare := func(ago time.Duration, guard, draft, answer string) { add(ago, guard, bot.Compare(draft, answer)) }
	compare(200*time.Hour, "pricing", "too old", "to be told")
	for range 1200 { // more than a page of the log
		compare(3*time.Hour, "default", "Thanks a lot!", "Thanks a lot!")
	}
	compare(2*time.Hour, "pricing", "It is 9 EUR.", "It is 9 EUR.")
	compare(time.Hour, "pricing", "It is 9 EUR.\nAll the best", "It is 12 EUR.\x07\nBye")

	for range 3 {
		compare(time.Hour, "pricing", "It is 9 EUR.", "") // nobody answered
	}
	compare(time.Hour, "quiet", "Thanks!", "")
	add(time.Hour, "vip", bot.Comparison{Would: bot.Handoff, Answer: "Of course."})
	add(time.Hour, "vip", bot.Comparison{Would: bot.Handoff})
	add(time.Hour, "thanks", bot.Comparison{Would: bot.Skip})
	add(time.Hour, "thanks", bot.Comparison{Would: bot.Skip, Answer: "See you on Monday\x07"})

	r, err := shadowReportOf(t.Context(), store, now.Add(-168*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := r.print(&b, time.UTC); err != nil {
		t.Fatal(err)
	}
	const want = `GUARD    DECIDED  SAME OUTCOME  HANDED OVER  NOBODY ANSWERED  LEFT ALONE, ANSWERED
default  1200     1200 (100 %)  0            0                0
pricing  5        2 (40 %)      0            3                0
thanks   2        1 (50 %)      0            0                1
vip      2        1 (50 %)      2            1                0
quiet    1        0 (0 %)       0            1                0

the outcome is the same where a person answered what the bot would have answered or handed over,
and nobody what it would have left alone

GUARD    DRAFTS WITH AN ANSWER  SAME FACTS    WORDS ALIKE  ANSWER'S LENGTH
default  1200                   1200 (100 %)  100 %        100 %
pricing  2                      1 (50 %)      33 %         72 %

words alike and length (of what people answered, beside the draft) are medians

pricing, furthest apart:
  Nov 24 11:00  @mira [2J_koch  t1202
    bot    > It is 9 EUR.
    bot    > All the best
    person > It is 12 EUR.
    person > Bye
    only the bot: 9
    only the person: 12

thanks, left alone by the bot and answered by a person:
  Nov 24 11:00  @mira [2J_koch  t1210
    asked  > thx [2J
    person > See you on Monday
`
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
}
