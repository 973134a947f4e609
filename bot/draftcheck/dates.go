package draftcheck

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// date is a day of the calendar. One that can be read in two ways ("5/6") has
// both readings.
type date struct {
	place
	readings []day3
}

// day3 is a month, a day and a year; a day or a year that was not named is 0.
type day3 struct{ month, day, year int }

func (a day3) same(b day3) bool {
	return a.month == b.month && (a.day == b.day || a.day == 0) && (a.year == b.year || a.year == 0 || b.year == 0)
}

var monthNames = monthTable(
	`january jan januar janvier janv enero ene gennaio gen janeiro januari stycznia styczeń января січня يناير ocak`,
	`february feb februar février févr fév febrero febbraio fevereiro fev februari lutego luty февраля лютого فبراير شباط şubat`,
	`march mar märz mrz mars marzo março maart marca marzec марта березня مارس آذار mart`,
	`april apr avril avr abril abr aprile kwietnia kwiecień апреля квітня أبريل نيسان ابريل nisan`,
	`may mai mayo maggio mag maio mei maja maj мая травня مايو أيار mayıs`,
	`june jun juni juin junio giugno giu junho czerwca czerwiec июня червня يونيو حزيران haziran`,
	`july jul juli juillet juil julio luglio lug julho lipca lipiec июля липня يوليو يوليه تموز temmuz`,
	`august aug août agosto ago augustus sierpnia sierpień августа серпня أغسطس آب ağustos`,
	`september sep sept septembre septiembre settembre set setembro września wrzesień сентября вересня سبتمبر أيلول eylül`,
	`october oct oktober okt octobre octubre ottobre ott outubro out października październik октября жовтня أكتوبر ekim`,
	`november nov novembre noviembre novembro listopada listopad ноября листопада نوفمبر kasım`,
	`december dec dezember dez décembre déc diciembre dic dicembre dezembro grudnia grudzień декабря грудня ديسمبر aralık`,
)

func monthTable(lines ...string) map[string]int {
	months := map[string]int{}
	for i, line := range lines {
		for w := range strings.FieldsSeq(line) {
			months[fold(w)] = i + 1
		}
	}
	return months
}

// Months that are other words as well: beside a number they need a capital, or,
// after the day, a word such as "de".
var (
	alsoWords  = setOf(`may march mar mai mars set out ago gen mag maj marca`)
	alsoBehind = setOf(`may march mar set out ago`)
)

// onDay are words before a day that is written in digits alone.
var onDay = setOf(`on by until till before after from since for am bis vom zum ab den le du au avant dès el del desde hasta antes dia até il dal entro op vanaf tot od do dnia
	monday tuesday wednesday thursday friday saturday sunday mon tue wed thu fri sat sun montag dienstag mittwoch donnerstag freitag samstag sonntag mo di mi fr sa so`)

// inParts are words before numbers that count versions and chapters.
var inParts = setOf(`version versions v firmware release update ios android macos chapter section kapitel abschnitt punkt chapitre capítulo capitolo hoofdstuk wersja wersji`)

// date reads a day that begins at i.
func (s *scan) date(i int) (from, to int) {
	if s.inWord(i) {
		return 0, 0
	}
	for _, form := range []func(int) ([]day3, int, int){s.numericDate, s.cjkDate, s.dayMonth, s.monthDay, s.monthYear} {
		readings, from, to := form(i)
		readings = slices.DeleteFunc(readings, func(d day3) bool { return d.month < 1 || d.month > 12 || d.day > 31 })
		if len(readings) > 0 {
			s.claims.dates = append(s.claims.dates, date{s.place(from, to), readings})
			return from, to
		}
	}
	return 0, 0
}

// numericDate reads 2026-12-25, 25.12.2026, 25.12., 12/25 and the like.
func (s *scan) numericDate(i int) (readings []day3, from, to int) {
	sep := s.at(i + 1)
	if sep.kind != symbol || !strings.Contains("./-", sep.text) {
		return nil, 0, 0
	}
	at := func(k int) int { // "25. 12. 2026"
		if sep.text == "." {
			return s.skip(k)
		}
		return k
	}
	second := at(i + 2)
	a, b := s.at(i), s.at(second)
	if b.kind != digits || len(b.text) > 2 {
		return nil, 0, 0
	}
	if len(a.text) == 4 {
		if s.at(second+1).text == sep.text && s.number(second+2, 2) > 0 {
			return []day3{{s.number(second, 2), s.number(second+2, 2), s.number(i, 4)}}, i, second + 3
		}
		return nil, 0, 0
	}
	m, n := s.number(i, 2), s.number(second, 2)
	if m < 1 || n < 1 {
		return nil, 0, 0
	}
	to = second + 1
	year := 0
	if s.at(to).text == sep.text {
		third := at(to + 1)
		if y := s.at(third); y.kind == digits && (len(y.text) == 4 || len(y.text) == 2 && sep.text != "-") {
			year, to = s.number(third, 4), third+1
			if year < 100 {
				year += 2000
			}
		} else if y.kind == digits {
			return nil, 0, 0 // a version, a score
		}
	}
	if year != 0 && year < 1900 || year == 0 && !s.meansDay(i, second, sep.text) {
		return nil, 0, 0
	}
	if sep.text == "." {
		if year == 0 && s.is(to, ".") {
			to++
		}
		return []day3{{n, m, year}}, i, to
	}
	return []day3{{n, m, year}, {m, n, year}}, i, to
}

// meansDay decides whether two numbers without a year are a day: "25.12." and
// "on 5/6", not "24/7", "2/3" or "version 1.2".
func (s *scan) meansDay(first, second int, sep string) bool {
	before := s.back(first - 1)
	named := onDay[s.word(before)]
	a, b := s.number(first, 2), s.number(second, 2)
	if inParts[s.word(before)] {
		return false
	}
	leading := s.at(first).text[0] == '0' || s.at(second).text[0] == '0'
	switch sep {
	case ".":
		after := s.is(second+1, ".")
		money := s.currency(s.skip(second+1)) | s.currency(before)
		return b <= 12 && money == 0 && (named && (after || a > 9 || leading) || after && (s.as == loose || a > 9 || leading))
	case "/":
		always := a == 24 && b == 7
		return s.as == loose || !always && (a <= 12 || b <= 12) && (named || leading || a > 12 && b >= 10)
	}
	return false
}

// cjkDate reads 2026年12月25日 and 12월 25일.
func (s *scan) cjkDate(i int) (readings []day3, from, to int) {
	year, m := 0, i
	if hasPrefix(s.at(i+1), "年", "년") {
		year, m = s.number(i, 4), s.skip(i+2)
	}
	if !hasPrefix(s.at(m+1), "月", "월") {
		return nil, 0, 0
	}
	d := s.skip(m + 2)
	if !hasPrefix(s.at(d+1), "日", "号", "일") {
		return nil, 0, 0
	}
	return []day3{{s.number(m, 2), max(0, s.number(d, 2)), year}}, i, d + 2
}

func hasPrefix(t tok, any ...string) bool {
	return t.kind == letters && slices.ContainsFunc(any, func(p string) bool { return strings.HasPrefix(t.text, p) })
}

var (
	ordinals   = setOf(`st nd rd th er ere e º ª o a`)
	ofTheMonth = setOf(`of de d del do di`)
)

// afterDay is the piece after a day's ordinal.
func (s *scan) afterDay(i int) int {
	if next := s.at(i); next.kind == letters && next.start() == s.at(i-1).end() && ordinals[s.word(i)] || s.is(i, ".ºª") {
		return i + 1
	}
	return i
}

// dayMonth reads "25 December 2026", "25. Dezember", "le 25 déc.".
func (s *scan) dayMonth(i int) (readings []day3, from, to int) {
	day := s.number(i, 2)
	if day < 1 || day > 31 {
		return nil, 0, 0
	}
	m := s.skip(s.afterDay(i + 1))
	of := ofTheMonth[s.word(m)]
	if of {
		m = s.skip(m + 1)
		if s.is(m, "'’") {
			m++
		}
	}
	month := monthNames[s.word(m)]
	if month == 0 || alsoBehind[s.word(m)] && !of && !s.capital(m) {
		return nil, 0, 0
	}
	year, to := s.yearAfter(m + 1)
	readings = []day3{{month, day, year}}
	from = i
	if first := s.rangeStart(i); first >= 0 {
		s.claims.dates = append(s.claims.dates, date{s.place(first, to), []day3{{month, s.number(first, 2), year}}})
		from = first
	}
	return readings, from, to
}

// rangeStart is the piece of the first day of "24 to 26 December", or -1.
func (s *scan) rangeStart(i int) int {
	first := s.before(i - 1)
	if first >= 0 && s.is(first, ".") {
		first--
	}
	if n := s.number(first, 2); first >= 0 && n >= 1 && n <= 31 {
		return first
	}
	return -1
}

// yearAfter reads a year that follows a month.
func (s *scan) yearAfter(i int) (year, to int) {
	k := i
	if s.is(k, ".,") {
		k++
	}
	k = s.skip(k)
	if ofTheMonth[s.word(k)] {
		k = s.skip(k + 1)
	}
	if t := s.at(k); t.kind == digits && len(t.text) == 4 && (t.text[:2] == "19" || t.text[:2] == "20") {
		return s.number(k, 4), k + 1
	}
	return 0, i
}

// monthDay reads "Dec 25th, 2026".
func (s *scan) monthDay(i int) (readings []day3, from, to int) {
	m := s.back(i - 1)
	if s.is(m, ".") {
		m--
	}
	month := s.monthBefore(m)
	day := s.number(i, 2)
	if month == 0 || day < 1 || day > 31 {
		return nil, 0, 0
	}
	end := s.afterDay(i + 1)
	if s.is(i+1, ".") {
		end = i + 1 // the end of a sentence
	}
	year, to := s.yearAfter(end)
	if next := s.between(end); next > 0 && s.word(s.skip(end)) != "and" {
		if last := s.number(next, 2); last > day && last <= 31 && s.at(next+1).kind != letters {
			s.claims.dates = append(s.claims.dates, date{s.place(m, next+1), []day3{{month, last, 0}}})
			to = next + 1
		}
	}
	return []day3{{month, day, year}}, m, to
}

func (s *scan) monthBefore(m int) int {
	w := s.word(m)
	if alsoWords[w] && !s.capital(m) {
		return 0
	}
	return monthNames[w]
}

func (s *scan) capital(i int) bool {
	first, _ := utf8.DecodeRuneInString(s.at(i).text)
	return unicode.IsUpper(first)
}

// monthYear reads "March 2027".
func (s *scan) monthYear(i int) (readings []day3, from, to int) {
	t := s.at(i)
	if len(t.text) != 4 || t.text[:2] != "20" {
		return nil, 0, 0
	}
	m := s.back(i - 1)
	if ofTheMonth[s.word(m)] {
		m = s.back(m - 1)
	}
	if month := s.monthBefore(m); month != 0 {
		return []day3{{month, 0, s.number(i, 4)}}, m, i + 1
	}
	return nil, 0, 0
}

func unknownDates(d *draft) []Finding {
	found := unknown(d, "a date that stands nowhere in what the model was given",
		func(c *claims) []date { return c.dates },
		func(x date) place { return x.place },
		func(mine, given date) bool {
			return slices.ContainsFunc(mine.readings, func(r day3) bool { return slices.ContainsFunc(given.readings, r.same) })
		})
	return append(found, unknown(d, "a time of day that stands nowhere in what the model was given",
		func(c *claims) []clock { return c.times },
		func(t clock) place { return t.place },
		clock.same)...)
}

// clock is a time of day.
type clock struct {
	place
	minutes int  // since midnight
	either  bool // before or after noon
}

func (a clock) same(b clock) bool {
	return a.minutes == b.minutes || (a.either || b.either) && (a.minutes-b.minutes)%(12*60) == 0
}

var (
	ofClock = setOf(`uhr uur heures heure horas hs godz часов`)
	// ofClockDense may be an hour long, too, when these follow.
	ofClockDense = setOf(`時 시`)
	lasting      = []string{"間", "간"}
	// atHour are words before an hour without a unit, where what follows is no word.
	atHour = setOf(`alle dalle las às ore godz`)
	// aboutHour are words before an hour with an h, which may be a duration else.
	aboutHour = setOf(`à às as las alle dès vers jusqu um at from until`)
)

// clock reads a time of day that begins at i.
func (s *scan) clock(i int) (from, to int) {
	hour := s.number(i, 2)
	if before := s.at(i - 1); hour < 0 || hour > 24 || s.inWord(i) || before.end() == s.at(i).start() && before.kind == symbol && strings.Contains(".,:+#$€£", before.text) {
		return 0, 0
	}
	minute, to, sure := s.minutesAfter(i)
	c := clock{minutes: hour * 60 % (24 * 60)}
	if minute > 59 || hour == 24 && minute > 0 {
		return 0, 0
	}
	c.minutes += minute
	if end, pm := s.noon(to); end > 0 && hour >= 1 && hour <= 12 {
		c.minutes = (hour%12+12*boolInt(pm))*60 + minute
		to, sure = end, true
	} else {
		c.either = hour >= 1 && hour <= 12
		if k := s.skip(to); ofClock[s.word(k)] || ofClockDense[s.word(k)] && !hasPrefix(s.at(k+1), lasting...) {
			to, sure = k+1, true
			if half := s.at(to); s.number(to, 2) >= 0 && s.number(to, 2) < 60 && hasPrefix(s.at(to+1), "分", "분") {
				c.minutes, to = c.minutes+s.number(to, 2), to+2
			} else if hasPrefix(half, "半") {
				c.minutes, to = c.minutes+30, to+1
			}
		} else if k := s.skip(to); s.word(k) == "h" {
			sure = sure || s.as == loose || aboutHour[s.word(s.back(i-1))] && hour != 24
			to = k + 1
		}
	}
	if !sure && !s.meansHour(i, to) {
		return 0, 0
	}
	c.place = s.place(i, to)
	s.claims.times = append(s.claims.times, c)
	return i, to
}

// minutesAfter reads ":30", "h30" or, before a unit, ".30". It is sure when
// nothing but a time is written so.
func (s *scan) minutesAfter(i int) (minute, to int, sure bool) {
	mm := s.at(i + 2)
	two := mm.kind == digits && len(mm.text) == 2 && mm.start() == s.at(i+1).end()
	adjoining := s.at(i+1).start() == s.at(i).end()
	switch {
	case !two || !adjoining:
		return 0, i + 1, false
	case s.is(i+1, ":"):
		to = i + 3
		if s.is(to, ":") && len(s.at(to+1).text) == 2 && s.at(to+1).kind == digits {
			to += 2
		}
		return s.number(i+2, 2), to, true
	case s.word(i+1) == "h":
		return s.number(i+2, 2), i + 3, true
	case s.is(i+1, "."):
		if k := s.skip(i + 3); ofClock[s.word(k)] || s.isNoon(k) {
			return s.number(i+2, 2), i + 3, true
		}
	}
	return 0, i + 1, false
}

// afterAm are words after a German "am".
var afterAm = setOf(`tag montag dienstag mittwoch donnerstag freitag samstag sonntag wochenende morgen abend nachmittag vormittag stück ende anfang besten selben gleichen nächsten`)

func (s *scan) isNoon(i int) bool {
	end, _ := s.noon(i)
	return end > 0
}

// noon reads "am", "p.m." and the like at i, or 0.
func (s *scan) noon(i int) (end int, pm bool) {
	i = s.skip(i)
	switch w := s.word(i); w {
	case "am", "pm":
		if afterAm[s.word(s.skip(i+1))] {
			return 0, false
		}
		return i + 1, w == "pm"
	case "صباحا", "مساء", "ظهرا", "عصرا":
		return i + 1, w != "صباحا"
	case "a", "p":
		if s.is(i+1, ".") && s.word(i+2) == "m" {
			return i + 3, w == "p"
		}
	}
	return 0, false
}

// meansHour decides about an hour without a unit.
func (s *scan) meansHour(i, to int) bool {
	if s.as == loose { // "10-16 Uhr", "Saturdays 10-14", "9 to 5"
		next, before := s.between(to), s.before(i-1)
		return next > 0 && s.number(next, 2) >= 0 && s.number(next, 2) <= 24 ||
			before >= 0 && (s.at(before).kind == taken || s.number(before, 2) >= 0 && s.number(before, 2) <= 24) ||
			atHour[s.word(s.back(i-1))]
	}
	return atHour[s.word(s.back(i-1))] && s.at(s.skip(to)).kind != letters && s.at(s.skip(to)).kind != digits
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
