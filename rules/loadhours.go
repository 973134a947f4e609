package rules

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// allHours reads the file's hours. Hours with a problem are known all the same,
// so that guards are not blamed for it.
func (l *loader) allHours(e entry) {
	if e.value == nil {
		return
	}
	entries, ok := l.entries(e.value, "hours")
	if !ok {
		return
	}
	for i, h := range entries {
		switch {
		case i == maxHours:
			l.report(h.at, "", "more than %d hours", maxHours)
			return
		case !saneName.MatchString(h.key) || utf8.RuneCountInString(h.key) > maxName:
			l.report(h.at, "use letters, digits, - and _", "%q is no name for hours", clip(h.key))
		default:
			l.set.hours[h.key] = l.oneHours(h)
		}
	}
}

func (l *loader) oneHours(e entry) *hours {
	h := &hours{}
	entries, _ := l.entries(e.value, "hours")
	var spans []span
	given := map[time.Weekday]position{}
	for _, e := range entries {
		if e.key == "closed" {
			h.closed = l.closed(e)
			continue
		}
		days, err := parseDays(e.key)
		if err != nil {
			l.report(e.at, hintDay(e.key), "%v", err)
			continue
		}
		windows := l.windows(e)
		for _, d := range days {
			if before, ok := given[d]; ok {
				l.report(e.at, fmt.Sprintf("line %d has them already", before.line), "the hours of %s are given twice", weekdays[(d+6)%7])
				continue
			}
			given[d] = e.at
			for _, w := range windows {
				start := int(d+6) % 7 * day
				spans = append(spans, span{start + w.from, start + w.to, w.at, w.text})
				h.days[d] = append(h.days[d], window{w.from, w.to})
			}
		}
	}
	for _, s := range overlaps(spans) {
		l.report(s.at, "", "%q overlaps with the window before it", clip(s.text))
	}
	return h
}

func hintDay(key string) string {
	if hint := didYouMean(key, []string{"closed"}); hint != "" {
		return hint
	}
	if day, ok := nearestDays(key); ok {
		return fmt.Sprintf("did you mean %q?", day)
	}
	return "days are " + strings.Join(weekdays, ", ") + ", ranges such as mon-fri, and closed"
}

// nearestDays turns "Monday - friday" into mon-fri.
func nearestDays(key string) (string, bool) {
	parts := strings.Split(strings.NewReplacer("–", "-", "..", "-", " to ", "-").Replace(strings.ToLower(key)), "-")
	for i, p := range parts {
		p = strings.TrimSpace(p)
		full := slices.IndexFunc(weekdayNames[:], func(name string) bool { return len(p) > 1 && strings.HasPrefix(name, p) })
		if full < 0 {
			full = slices.IndexFunc(weekdayNames[:], func(name string) bool { return len(p) > 3 && distance(p, name) < 3 })
		}
		if full < 0 {
			return "", false
		}
		parts[i] = weekdayNames[full][:3]
	}
	return strings.Join(parts, "-"), len(parts) < 3
}

// windows reads the windows of a day, whose spans count from midnight.
func (l *loader) windows(e entry) []span {
	var out []span
	for i, n := range l.list(e, e.key) {
		if i == maxWindows {
			l.report(at(n), "", "more than %d in %s", maxWindows, clip(e.key))
			break
		}
		s, ok := l.scalar(entry{e.key, at(n), n})
		if !ok {
			continue
		}
		w, err := parseWindow(s)
		if err != nil {
			l.report(at(n), `for instance "09:00-17:30", or "00:00-24:00" for the whole day`, "%v", err)
			continue
		}
		out = append(out, span{w.from, w.to, at(n), s})
	}
	return out
}

func (l *loader) closed(e entry) []dateRange {
	var out []dateRange
	for i, n := range l.list(e, e.key) {
		if i == maxWindows {
			l.report(at(n), "", "more than %d in %s", maxWindows, clip(e.key))
			break
		}
		s, ok := l.scalar(entry{e.key, at(n), n})
		if !ok {
			continue
		}
		r, err := parseDates(s)
		if err != nil {
			l.report(at(n), `for instance "2026-12-25" or "2026-12-31..2027-01-01"`, "%v", err)
			continue
		}
		out = append(out, r)
	}
	return out
}
