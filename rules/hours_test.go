package rules

import (
	"testing"
	"time"

	"inboxbot/bot"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

// TestHours asks open at instants around what is special about them: ends of
// windows, midnight, closed dates, and both daylight-saving changes.
func TestHours(t *testing.T) {
	const week = `hours:
  business:
    mon-fri: ["09:00-12:30", "13:30-18:00"]
    sat: ["10:00-14:00"]
    closed: ["2026-12-25", "2026-12-31..2027-01-01"]
  always:
    mon-sun: ["00:00-24:00"]
  never:
    mon: []
  night:
    fri: ["22:00-02:00"]
    sun: ["23:00-24:00"]
    mon: ["18:00-00:00"]
    closed: ["2026-12-25"]
  weekend:
    sat-mon: ["08:00-20:00"]
  early:
    sun: ["01:00-04:00"]
  gap:
    sun: ["02:00-03:00"]`
	for _, tt := range []struct {
		name, zone, hours, at string
		want                  bool
	}{
		{"before the first window", "Europe/Berlin", "business", "2026-11-25T08:59:59+01:00", false},
		{"its start is in", "Europe/Berlin", "business", "2026-11-25T09:00:00+01:00", true},
		{"its last second", "Europe/Berlin", "business", "2026-11-25T12:29:59+01:00", true},
		{"its end is out", "Europe/Berlin", "business", "2026-11-25T12:30:00+01:00", false},
		{"the second window", "Europe/Berlin", "business", "2026-11-25T13:30:00+01:00", true},
		{"after it", "Europe/Berlin", "business", "2026-11-25T18:00:00+01:00", false},
		{"Saturday has its own", "Europe/Berlin", "business", "2026-11-28T13:59:00+01:00", true},
		{"Sunday has none", "Europe/Berlin", "business", "2026-11-29T11:00:00+01:00", false},
		{"the zone decides, not UTC", "Europe/Berlin", "business", "2026-11-25T08:30:00Z", true},
		{"in New York it is night", "America/New_York", "business", "2026-11-25T08:30:00Z", false},
		{"another date there", "America/New_York", "never", "2026-11-25T08:30:00Z", false},

		{"a closed date", "Europe/Berlin", "business", "2026-12-25T10:00:00+01:00", false},
		{"the day before", "Europe/Berlin", "business", "2026-12-24T10:00:00+01:00", true},
		{"the first of a closed range", "Europe/Berlin", "business", "2026-12-31T10:00:00+01:00", false},
		{"the last of a closed range", "Europe/Berlin", "business", "2027-01-01T10:00:00+01:00", false},
		{"closed by the local date", "America/New_York", "business", "2026-12-26T01:00:00Z", false},
		{"open again", "Europe/Berlin", "business", "2027-01-04T10:00:00+01:00", true},

		{"the whole day starts at midnight", "Europe/Berlin", "always", "2026-11-25T00:00:00+01:00", true},
		{"and ends at the next", "Europe/Berlin", "always", "2026-11-25T23:59:59+01:00", true},
		{"an empty list is closed", "Europe/Berlin", "never", "2026-11-23T12:00:00+01:00", false},

		{"past midnight, before", "Europe/Berlin", "night", "2026-11-27T21:59:00+01:00", false},
		{"past midnight, the evening", "Europe/Berlin", "night", "2026-11-27T23:00:00+01:00", true},
		{"past midnight, the morning after", "Europe/Berlin", "night", "2026-11-28T01:59:00+01:00", true},
		{"past midnight, over", "Europe/Berlin", "night", "2026-11-28T02:00:00+01:00", false},
		{"not the morning of its own day", "Europe/Berlin", "night", "2026-11-27T01:00:00+01:00", false},
		{"24:00 is the end of the day", "Europe/Berlin", "night", "2026-11-29T23:59:00+01:00", true},
		{"24:00 is not the next day", "Europe/Berlin", "night", "2026-11-30T00:00:00+01:00", false},
		{"00:00 as an end is midnight", "Europe/Berlin", "night", "2026-11-30T23:59:00+01:00", true},
		{"00:00 as an end is out", "Europe/Berlin", "night", "2026-12-01T00:00:00+01:00", false},
		{"a closed date closes its own night, evening", "Europe/Berlin", "night", "2026-12-25T23:00:00+01:00", false},
		{"a closed date closes its own night, morning after", "Europe/Berlin", "night", "2026-12-26T01:00:00+01:00", false},

		{"a range around the weekend, Sunday", "Europe/Berlin", "weekend", "2026-11-29T09:00:00+01:00", true},
		{"a range around the weekend, Monday", "Europe/Berlin", "weekend", "2026-11-30T09:00:00+01:00", true},
		{"a range around the weekend, Tuesday", "Europe/Berlin", "weekend", "2026-12-01T09:00:00+01:00", false},

		// Berlin, 29 March 2026: 02:00 becomes 03:00. 25 October: 03:00 becomes 02:00.
		{"Berlin, forward: before", "Europe/Berlin", "early", "2026-03-29T01:59:59+01:00", true},
		{"Berlin, forward: one second on it is 03:00", "Europe/Berlin", "early", "2026-03-29T03:00:00+02:00", true},
		{"Berlin, forward: 04:00 comes an hour early", "Europe/Berlin", "early", "2026-03-29T02:00:00Z", false},
		{"Berlin, forward: the hour that is not", "Europe/Berlin", "gap", "2026-03-29T01:00:00Z", false},
		{"Berlin, back: the first 02:30", "Europe/Berlin", "gap", "2026-10-25T02:30:00+02:00", true},
		{"Berlin, back: the second 02:30", "Europe/Berlin", "gap", "2026-10-25T02:30:00+01:00", true},
		{"Berlin, back: 03:00", "Europe/Berlin", "gap", "2026-10-25T03:00:00+01:00", false},
		{"Berlin: the day after a change", "Europe/Berlin", "business", "2026-03-30T07:00:00Z", true},

		// New York, 8 March 2026: 02:00 becomes 03:00. 1 November: 02:00 becomes 01:00.
		{"New York, forward: the hour that is not", "America/New_York", "gap", "2026-03-08T07:00:00Z", false},
		{"New York, forward: 03:00", "America/New_York", "early", "2026-03-08T07:00:00Z", true},
		{"New York, back: the first 01:30", "America/New_York", "early", "2026-11-01T05:30:00Z", true},
		{"New York, back: the second 01:30", "America/New_York", "early", "2026-11-01T06:30:00Z", true},
		{"New York, back: 00:59", "America/New_York", "early", "2026-11-01T04:59:00Z", false},
		{"New York, back: the last minute", "America/New_York", "early", "2026-11-01T08:59:00Z", true},
		{"New York, back: 04:00", "America/New_York", "early", "2026-11-01T09:00:00Z", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := load(t, Options{Timezone: zone(t, tt.zone)}, week, "guards:", guardLine("it", `open("`+tt.hours+`")`, bot.Skip), "default: reply")
			now, err := time.Parse(time.RFC3339, tt.at)
			if err != nil {
				t.Fatal(err)
			}
			if got := s.Judge(conv(func(c *bot.Conversation) { c.Now = now })).Checks[0].Fired; got != tt.want {
				t.Errorf("open is %v at %s, want %v", got, now.In(s.zone), tt.want)
			}
		})
	}
}
