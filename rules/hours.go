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
	y, m, d := t.Date()
	today := time.Date(y, m, d, 0, 0, 0, 0, time.UTC) // a date: without a zone every day has 24 hours
	minute := t.Hour()*60 + t.Minute()
	return h.within(today, minute) || h.within(today.AddDate(0, 0, -1), minute+day)
}

func (h *hours) within(date time.Time, minute int) bool {
	for _, r := range h.closed {
		if !date.Before(r.from) && !date.After(r.to) {
			return false
		}
	}
	return slices.ContainsFunc(h.days[date.Weekday()], func(w window) bool {
		return w.from <= minute && minute < w.to
	})
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
