package rules

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// hours is when a team is there, by the wall clock of its time zone.
//
// A window belongs to the day it starts on: 22:00-02:00 on fri is Friday night,
// and runs into Saturday whatever Saturday's own hours are. On a closed date no
// window starts. When clocks go forward, the hour that does not exist is never
// open; when they go back, the hour that comes twice is open twice.
type hours struct {
	days   [7][]window // by time.Weekday
	closed []dateRange
}

// window is a part of a day in minutes since midnight, the end left out. An end
// past 24:00 is on the next day.
type window struct{ from, to int }

// dateRange holds its first and last day, and the days between.
type dateRange struct{ from, to time.Time } // midnight UTC

const day = 24 * 60 // minutes

// open reports whether t, by its own location's wall clock, is within the hours.
func (h *hours) open(t time.Time) bool {
	today, minute := dateOf(t), t.Hour()*60+t.Minute()
	return h.within(today, minute) || h.within(today.AddDate(0, 0, -1), minute+day)
}

// dateOf returns the date of t by its own wall clock, as midnight UTC: without a
// zone every day has 24 hours.
func dateOf(t time.Time) time.Time {
	y, m, d := t.Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

func (h *hours) within(date time.Time, minute int) bool {
	return !h.closedOn(date) && slices.ContainsFunc(h.days[date.Weekday()], func(w window) bool {
		return w.from <= minute && minute < w.to
	})
}

func (h *hours) closedOn(date time.Time) bool {
	return slices.ContainsFunc(h.closed, func(r dateRange) bool { return !date.Before(r.from) && !date.After(r.to) })
}

// ClosedBecause says why the named hours of the rule file are not open at the
// time, and when they open next, by the wall clock of Options.Timezone. It is ""
// when they are open, and when the file has no such hours.
func (s *Set) ClosedBecause(name string, at time.Time) string {
	h, ok := s.hours[name]
	if !ok {
		return ""
	}
	return h.closedBecause(at.In(s.zone))
}

// closedBecause says why the hours are not open at t and when they open next; ""
// when they are open.
func (h *hours) closedBecause(t time.Time) string {
	if h.open(t) {
		return ""
	}
	reason := h.reason(t)
	next, ok := h.next(t)
	switch {
	case !ok:
		return reason + ", does not open within a year"
	case sameDate(t, next):
		return reason + next.Format(", opens 15:04")
	}
	return reason + next.Format(", opens Monday 2006-01-02 15:04")
}

// reason says what of the hours closes t, which is not within them.
func (h *hours) reason(t time.Time) string {
	date, minute := dateOf(t), t.Hour()*60+t.Minute()
	windows := slices.SortedFunc(slices.Values(h.days[date.Weekday()]), func(a, b window) int { return a.from - b.from })
	after := slices.IndexFunc(windows, func(w window) bool { return w.from > minute })
	switch {
	case h.closedOn(date):
		return "closed on " + date.Format(time.DateOnly)
	case len(windows) == 0:
		return "closed on " + date.Weekday().String() + "s"
	case after < 0:
		return "after " + clock(windows[len(windows)-1].to)
	case after == 0:
		return "before " + clock(windows[0].from)
	}
	return "between " + clock(windows[after-1].to) + " and " + clock(windows[after].from)
}

// next returns when the hours open next after t, which is not within them. Going
// from minute to minute gets the days right on which clocks change.
func (h *hours) next(t time.Time) (time.Time, bool) {
	end := t.AddDate(1, 0, 0)
	for t = t.Truncate(time.Minute); !h.open(t); {
		switch date := dateOf(t); {
		case t.After(end):
			return time.Time{}, false
		case h.starts(date), h.starts(date.AddDate(0, 0, -1)):
			t = t.Add(time.Minute)
		default:
			t = midnight(t)
		}
	}
	return t, true
}

// starts reports whether any window belongs to the date.
func (h *hours) starts(date time.Time) bool {
	return len(h.days[date.Weekday()]) > 0 && !h.closedOn(date)
}

// midnight returns the first instant of the day after t's, which is not 00:00
// where clocks change then.
func midnight(t time.Time) time.Time {
	y, m, d := t.Date()
	next := time.Date(y, m, d+1, 0, 0, 0, 0, t.Location())
	for sameDate(t, next) {
		next = next.Add(time.Minute)
	}
	return next
}

func sameDate(a, b time.Time) bool { return dateOf(a).Equal(dateOf(b)) }

// clock writes minutes since midnight as a time of day.
func clock(minute int) string {
	if minute > day {
		minute -= day
	}
	return fmt.Sprintf("%02d:%02d", minute/60, minute%60)
}

var weekdays = []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}

// parseDays reads "sat" or "mon-fri". A range may pass the end of the week.
func parseDays(s string) ([]time.Weekday, error) {
	from, to, isRange := strings.Cut(strings.ToLower(s), "-")
	if !isRange {
		to = from
	}
	first, last := slices.Index(weekdays, from), slices.Index(weekdays, to)
	if first < 0 || last < 0 {
		return nil, fmt.Errorf("unknown day %q", clip(s))
	}
	var days []time.Weekday
	for i := first; ; i = (i + 1) % 7 {
		days = append(days, time.Weekday((i+1)%7)) // time.Weekday starts with Sunday
		if i == last {
			return days, nil
		}
	}
}

// parseWindow reads "09:00-12:30". 24:00 is the end of the day, and an end at or
// before the start is on the next day.
func parseWindow(s string) (window, error) {
	from, to, ok := strings.Cut(s, "-")
	if !ok {
		return window{}, fmt.Errorf("%q is no window of time", clip(s))
	}
	w := window{}
	var err error
	if w.from, err = parseMinute(strings.TrimSpace(from)); err != nil {
		return window{}, err
	}
	if w.to, err = parseMinute(strings.TrimSpace(to)); err != nil {
		return window{}, err
	}
	switch {
	case w.from == day:
		return window{}, fmt.Errorf("a window cannot start at 24:00")
	case w.from == w.to:
		return window{}, fmt.Errorf("the window %q is empty", clip(s))
	case w.to < w.from:
		w.to += day
	}
	return w, nil
}

// parseMinute reads HH:MM from 00:00 to 24:00 as minutes since midnight.
func parseMinute(s string) (int, error) {
	if s == "24:00" {
		return day, nil
	}
	t, err := time.Parse("15:04", s)
	if err != nil || len(s) != len("15:04") {
		return 0, fmt.Errorf("%q is no time of day", clip(s))
	}
	return t.Hour()*60 + t.Minute(), nil
}

// parseDates reads "2026-12-25" or "2026-12-31..2027-01-01".
func parseDates(s string) (dateRange, error) {
	first, last, isRange := strings.Cut(s, "..")
	if !isRange {
		last = first
	}
	from, err := time.Parse(time.DateOnly, strings.TrimSpace(first))
	if err != nil {
		return dateRange{}, fmt.Errorf("%q is no date", clip(first))
	}
	to, err := time.Parse(time.DateOnly, strings.TrimSpace(last))
	if err != nil {
		return dateRange{}, fmt.Errorf("%q is no date", clip(last))
	}
	if to.Before(from) {
		return dateRange{}, fmt.Errorf("%q ends before it starts", clip(s))
	}
	return dateRange{from, to}, nil
}

// span is a window's place in the week, in minutes since Monday 00:00, and where
// the file has it.
type span struct {
	from, to int
	at       position
	text     string
}

// overlaps returns every span that starts before the one before it has ended.
func overlaps(spans []span) []span {
	slices.SortStableFunc(spans, func(a, b span) int { return a.from - b.from })
	end := 0
	for _, s := range spans {
		end = max(end, s.to-7*day) // what runs from Sunday into Monday
	}
	var out []span
	for _, s := range spans {
		if s.from < end {
			out = append(out, s)
		}
		end = max(end, s.to)
	}
	return out
}
