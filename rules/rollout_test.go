package rules

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"inboxbot/bot"
)

// fires tells whether a guard fires, and fails the test when it cannot be asked.
func fires(t testing.TB, s *Set, c *bot.Conversation) bool {
	t.Helper()
	check := s.Judge(c).Checks[0]
	if check.Err != nil || check.Unread {
		t.Fatalf("it was not asked: %+v", check)
	}
	return check.Fired
}

func TestWeekday(t *testing.T) {
	for i, want := range []string{"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"} {
		s := load(t, Options{Timezone: zone(t, "Asia/Tokyo")}, "guards:", guardLine("it", `weekday == "`+want+`"`, bot.Skip))
		// 23 November 2026 is a Monday; at 20:00 UTC on Sunday it has begun in Tokyo.
		at := time.Date(2026, 11, 22+i, 20, 0, 0, 0, time.UTC)
		if !fires(t, s, conv(row, func(c *bot.Conversation) { c.Now = at })) {
			t.Errorf("%s is not %s in Tokyo", at, want)
		}
	}
}

// The reasons are read by people: in notes, in explain, in messages to prospects.
func TestClosedBecause(t *testing.T) {
	const lines = `hours:
  business:
    mon-fri: ["13:30-18:00", "09:00-12:30"]
    sat: ["10:00-14:00"]
    closed: ["2026-12-25", "2026-12-31..2027-01-03"]
  night:
    fri: ["22:00-02:00"]
  never: {}
  shut:
    mon-sun: ["00:00-24:00"]
    closed: ["2026-01-01..2030-12-31"]
  always:
    mon-sun: ["00:00-24:00"]
  early:
    sun: ["02:15-05:00"]
  repeated:
    sun: ["02:00-02:30"]`
	for _, tt := range []struct{ name, hours, at, want string }{
		{"open", "business", "2026-11-25T09:00:00+01:00", ""},
		{"before it opens", "business", "2026-11-25T08:59:59+01:00", "before 09:00, opens 09:00"},
		{"over lunch", "business", "2026-11-25T12:30:00+01:00", "between 12:30 and 13:30, opens 13:30"},
		{"in the evening", "business", "2026-11-25T18:00:00+01:00", "after 18:00, opens Thursday 2026-11-26 09:00"},
		{"on Saturday afternoon", "business", "2026-11-28T14:00:00+01:00", "after 14:00, opens Monday 2026-11-30 09:00"},
		{"on Sunday", "business", "2026-11-29T11:00:00+01:00", "closed on Sundays, opens Monday 2026-11-30 09:00"},
		{"at Christmas, on a Friday", "business", "2026-12-25T11:00:00+01:00", "closed on 2026-12-25, opens Saturday 2026-12-26 10:00"},
		{"in a closed range", "business", "2027-01-01T11:00:00+01:00", "closed on 2027-01-01, opens Monday 2027-01-04 09:00"},
		{"a night, before", "night", "2026-11-27T21:59:00+01:00", "before 22:00, opens 22:00"},
		{"a night, its second half", "night", "2026-11-28T01:00:00+01:00", ""},
		{"a night, over", "night", "2026-11-28T02:00:00+01:00", "closed on Saturdays, opens Friday 2026-12-04 22:00"},
		{"no hours at all", "never", "2026-11-25T12:00:00+01:00", "closed on Wednesdays, does not open within a year"},
		{"closed for years", "shut", "2026-11-25T12:00:00+01:00", "closed on 2026-11-25, does not open within a year"},
		{"opens at midnight after years", "shut", "2030-12-31T12:00:00+01:00", "closed on 2030-12-31, opens Wednesday 2031-01-01 00:00"},
		{"never closed", "always", "2026-11-25T00:00:00+01:00", ""},
		{"by the zone, not UTC", "business", "2026-11-25T17:30:00Z", "after 18:00, opens Thursday 2026-11-26 09:00"},
		{"hours the file does not have", "other", "2026-11-25T17:30:00Z", ""},
		// Berlin, 29 March 2026: 02:00 becomes 03:00. 25 October: 03:00 becomes 02:00.
		{"it opens in the hour that is not", "early", "2026-03-29T01:59:00+01:00", "before 02:15, opens 03:00"},
		{"the hour comes twice", "repeated", "2026-10-25T02:30:00+02:00", "after 02:30, opens 02:00"},
		{"and is over", "repeated", "2026-10-25T02:30:00+01:00", "after 02:30, opens Sunday 2026-11-01 02:00"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			now, err := time.Parse(time.RFC3339, tt.at)
			if err != nil {
				t.Fatal(err)
			}
			file := append(strings.Split(lines, "\n"), "  other: {}")
			if tt.hours == "other" {
				file = strings.Split(lines, "\n")
			}
			s := load(t, Options{Timezone: zone(t, "Europe/Berlin")}, append(file, "default: reply")...)
			if got := s.ClosedBecause(tt.hours, now); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// Guards see the same as ClosedBecause: closed is the opposite of open, and the
// reason is there exactly when it is closed.
func TestClosedAgreesWithOpen(t *testing.T) {
	s := load(t, Options{Timezone: zone(t, "Europe/Berlin")}, `hours: {h: {mon-fri: ["09:00-12:30", "22:00-02:00"], closed: ["2026-10-26"]}}`,
		"guards:", guardLine("it", `closed("h") == open("h") or (closedBecause("h") == "") != open("h")`, bot.Skip))
	for at := time.Date(2026, 10, 23, 0, 0, 0, 0, time.UTC); at.Month() < 11; at = at.Add(17 * time.Minute) {
		if fires(t, s, conv(row, func(c *bot.Conversation) { c.Now = at })) {
			t.Fatalf("they do not agree at %s", at)
		}
		// What it promises is true: it is closed until then, and open at that time.
		h := s.hours["h"]
		local := at.In(s.zone)
		if next, ok := h.next(local); !h.open(local) && (!ok || !h.open(next) || h.open(next.Add(-time.Minute)) || next.Before(local)) {
			t.Fatalf("at %s it opens at %s: %v", local, next, ok)
		}
	}
}

// who returns a conversation with the prospect of that ID on X.
func who(id string) *bot.Conversation {
	return conv(row, func(c *bot.Conversation) { c.Thread.Prospect.PlatformID = id })
}

// TestRollout: who is chosen depends on the prospect alone, growing adds, and about
// as many are chosen as was asked for.
func TestRollout(t *testing.T) {
	const prospects = 10_000
	chosen := func(call string) map[string]bool {
		s := load(t, Options{}, "guards:", guardLine("it", call, bot.Skip))
		in := map[string]bool{}
		for i := range prospects {
			if id := fmt.Sprint(1_500_000_000 + i*7919); fires(t, s, who(id)) {
				in[id] = true
			}
		}
		return in
	}
	before := chosen("rollout(0)")
	for _, percent := range []float64{0.5, 1, 10, 12.5, 50, 99, 100} {
		now := chosen(fmt.Sprintf("rollout(%v)", percent))
		for id := range before {
			if !now[id] {
				t.Fatalf("%s fell out when it grew to %v %%", id, percent)
			}
		}
		// Four standard deviations: the sample is always the same, so this cannot flicker.
		want := prospects * percent / 100
		if off := math.Abs(float64(len(now)) - want); off > 4*math.Sqrt(want*(1-percent/100))+1e-9 {
			t.Errorf("rollout(%v) chose %d of %d", percent, len(now), prospects)
		}
		before = now
	}
	if n := len(chosen("rollout(0)")); n != 0 {
		t.Errorf("rollout(0) chose %d", n)
	}

	a, b := chosen(`rollout(50, "new-tone")`), chosen(`rollout(50, "prices")`)
	both := 0
	for id := range a {
		if b[id] {
			both++
		}
	}
	if both < prospects/4-175 || both > prospects/4+175 { // four standard deviations
		t.Errorf("two experiments share %d of %d prospects, want about a quarter", both, prospects)
	}
}

// The choice is part of what people depend on: another version of the bot must
// not put its prospects into other halves.
func TestRolloutIsForEver(t *testing.T) {
	for _, tt := range []struct {
		id, call string
		want     bool
	}{
		{"44196397", "rollout(21)", false},
		{"44196397", "rollout(22)", true},
		{"44196397", `rollout(99, "new-tone")`, false},
		{"783214", "rollout(33)", false},
		{"783214", "rollout(34)", true},
		{"783214", `rollout(10, "new-tone")`, false},
		{"783214", `rollout(11, "new-tone")`, true},
		{"1234567890123456789", `rollout(90, "new-tone")`, false},
		{"1234567890123456789", `rollout(91, "new-tone")`, true},
		{"", "rollout(99.9)", false}, // nobody knows who it is
		{"", "rollout(100)", true},
	} {
		s := load(t, Options{}, "guards:", guardLine("it", tt.call, bot.Skip))
		if got := fires(t, s, who(tt.id)); got != tt.want {
			t.Errorf("%s of %q is %v, want %v", tt.call, tt.id, got, tt.want)
		}
	}
	// The thread, the time and what else is known do not matter.
	s := load(t, Options{}, "guards:", guardLine("it", "rollout(50)", bot.Skip))
	c := who("1500000001")
	want := fires(t, s, c)
	c.Thread.ID, c.Now, c.Thread.Prospect.Username, c.Tags = "other", c.Now.AddDate(1, 0, 0), "renamed", []string{"VIP"}
	if fires(t, s, c) != want {
		t.Error("it depends on more than the prospect")
	}
}

func TestSeen(t *testing.T) {
	noted := func(tags ...string) func(*bot.Conversation) {
		return func(c *bot.Conversation) { c.Record.Seen = tags }
	}
	for _, tt := range []struct {
		name, when string
		c          *bot.Conversation
		want       bool
	}{
		{"has it now", `seen("VIP")`, conv(row, hasTags("vip")), true},
		{"had it", `seen("VIP")`, conv(row, noted("Vip")), true},
		{"had it, and has it no more", `seen("VIP") and not tagged("VIP")`, conv(row, noted("VIP"), hasTags("other")), true},
		{"never had it", `seen("VIP")`, conv(row, noted("gold"), hasTags("other")), false},
		{"any of several", `seen("VIP", "gold")`, conv(row, noted("gold")), true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := load(t, Options{}, "guards:", guardLine("it", tt.when, bot.Skip))
			if got := fires(t, s, tt.c); got != tt.want {
				t.Errorf("fired %v, want %v", got, tt.want)
			}
		})
	}
}
