package console

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"inboxbot/bot/history"
)

// numbersData is what came of the messages of a time.
type numbersData struct {
	history.Numbers
	Periods  []period
	Period   period
	Account  string // "": all account links
	Accounts []string
	CSV      string // the address of the same figures
	Charts   []chart
	Rows     []numbersRow
	Causes   []share
	Guards   []share
	Links    []linkRow
	Total    int // messages that came to an end
}

// period is a stretch of time up to now.
type period struct {
	Name, Words string
	days        int // 0: the last 24 hours
}

var periods = []period{{"day", "24 hours", 0}, {"week", "7 days", 7}, {"month", "30 days", 30}}

// since is when the period begins: where it is told by the day, at a midnight.
func (p period) since(now time.Time) time.Time {
	if p.days == 0 {
		return now.Add(-24 * time.Hour)
	}
	return time.Date(now.Year(), now.Month(), now.Day()+1-p.days, 0, 0, 0, 0, now.Location())
}

// share is one of several causes or guards, and how often it was.
type share struct {
	Name string
	N    int
	Part float64 // of all, 0 to 1
}

// linkRow is one account link's part.
type linkRow struct {
	Account string
	history.Ends
}

// numbersRow is one hour or day.
type numbersRow struct {
	When string
	history.Ends
}

func (c *Console) numbers(w http.ResponseWriter, r *http.Request, v *visit) error {
	d := c.numbersOf(r.URL.Query())
	c.render(w, r, v, page{Title: "Numbers", Template: "numbers", Data: d})
	return nil
}

func (c *Console) numbersOf(q url.Values) numbersData {
	d := numbersData{Periods: periods, Period: periods[0], Account: line(100, q.Get("account"))}
	if i := slices.IndexFunc(periods, func(p period) bool { return p.Name == q.Get("for") }); i >= 0 {
		d.Period = periods[i]
	}
	now := c.Now().In(c.Zone)
	d.Numbers = c.Log.Numbers(d.Period.since(now), now.Add(time.Second), d.Account)
	d.Total = d.Answered + d.HandedOver + d.LeftAlone
	_, d.Accounts = c.known()
	d.CSV = "/numbers.csv?" + url.Values{"for": {d.Period.Name}, "account": {d.Account}}.Encode()
	d.Causes, d.Guards = shares(d.ByCause, d.HandedOver), shares(d.ByGuard, d.LeftAlone)
	for name, ends := range d.ByAccount {
		d.Links = append(d.Links, linkRow{name, ends})
	}
	slices.SortFunc(d.Links, func(a, b linkRow) int { return cmp.Compare(a.Account, b.Account) })
	for _, b := range d.Buckets {
		d.Rows = append(d.Rows, numbersRow{b.From.Format(d.layout()), b.Ends})
	}
	d.Charts = d.charts()
	return d
}

// layout is how an hour or a day is written.
func (d *numbersData) layout() string {
	if d.PerBucket == time.Hour {
		return "Mon 15:04"
	}
	return "Mon 2 Jan"
}

// shares are the most frequent first.
func shares[K ~string](counts map[K]int, all int) []share {
	var out []share
	for name, n := range maps.All(counts) {
		out = append(out, share{string(name), n, float64(n) / float64(max(1, all))})
	}
	slices.SortFunc(out, func(a, b share) int { return cmp.Or(cmp.Compare(b.N, a.N), cmp.Compare(a.Name, b.Name)) })
	return out
}

// numbersCSV is the figures of every hour or day, for spreadsheets. No field holds
// what others wrote.
func (c *Console) numbersCSV(w http.ResponseWriter, r *http.Request, _ *visit) error {
	d := c.numbersOf(r.URL.Query())
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="inboxbot-%s-%s.csv"`, d.Period.Name, d.To.Format(time.DateOnly)))
	out := csv.NewWriter(w)
	_ = out.Write([]string{ // or whoever asked is gone
		"from", "answered", "handed_over", "left_alone", "answered_p50_seconds", "answered_p95_seconds", "tokens_in", "tokens_cached", "tokens_out", "usd",
	})
	for _, b := range d.Buckets {
		seconds := func(t time.Duration) string {
			if b.Answer.N == 0 {
				return ""
			}
			return strconv.FormatFloat(t.Seconds(), 'f', 3, 64)
		}
		_ = out.Write([]string{
			b.From.Format(time.RFC3339), strconv.Itoa(b.Answered), strconv.Itoa(b.HandedOver), strconv.Itoa(b.LeftAlone), seconds(b.Answer.P50), seconds(b.Answer.P95),
			strconv.Itoa(b.Tokens.In), strconv.Itoa(b.Tokens.Cached), strconv.Itoa(b.Tokens.Out), strconv.FormatFloat(b.USD, 'f', 6, 64),
		})
	}
	out.Flush()
	return nil
}

// chart is bars over time, drawn without a script: what a bar says in a title, the
// table below says in figures.
type chart struct {
	ID, Title, Sum string
	Desc           string // for those who do not see it
	Top            string // what the highest possible bar means
	First, Last    string
	Width          int
	Bars           []bar
}

// bar is one of a chart 100 high. Behind, if any, stands behind it.
type bar struct {
	X, Y, H float64
	Behind  float64 // the height of a second bar
	BehindY float64
	Title   string
}

const barWidth = 10

// series is one figure of every bucket.
type series struct {
	id, title, sum string
	value, behind  func(history.Ends) float64
	words          func(history.Ends) string
	top            func(float64) string
}

func (d *numbersData) charts() []chart {
	whole := func(f float64) string { return count(int(f)) }
	secs := func(f float64) string { return took(time.Duration(f * float64(time.Second))) }
	all := []series{
		{"answered", "Answered", count(d.Answered), func(e history.Ends) float64 { return float64(e.Answered) }, nil, func(e history.Ends) string { return count(e.Answered) }, whole},
		{"handed", "Handed over", count(d.HandedOver), func(e history.Ends) float64 { return float64(e.HandedOver) }, nil, func(e history.Ends) string { return count(e.HandedOver) }, whole},
		{"left", "Left alone", count(d.LeftAlone), func(e history.Ends) float64 { return float64(e.LeftAlone) }, nil, func(e history.Ends) string { return count(e.LeftAlone) }, whole},
		{
			"wait", "Wait until answered", spreadWords(d.Answer), func(e history.Ends) float64 { return e.Answer.P50.Seconds() },
			func(e history.Ends) float64 { return e.Answer.P95.Seconds() }, func(e history.Ends) string { return spreadWords(e.Answer) }, secs,
		},
		{"tokens", "Tokens", count(d.Tokens.Total()), func(e history.Ends) float64 { return float64(e.Tokens.Total()) }, nil, func(e history.Ends) string { return count(e.Tokens.Total()) }, whole},
	}
	if d.USD > 0 {
		all = append(all, series{"money", "Cost", money(d.USD), func(e history.Ends) float64 { return e.USD }, nil, func(e history.Ends) string { return money(e.USD) }, money})
	}
	same := d.highest(all[:3]) // three kinds of end on one scale, so that they can be compared
	var out []chart
	for i, s := range all {
		top := d.highest(all[i : i+1])
		if i < 3 {
			top = same
		}
		out = append(out, d.chart(s, top))
	}
	return out
}

func (d *numbersData) highest(all []series) float64 {
	top := 0.0
	for _, s := range all {
		for _, b := range d.Buckets {
			top = max(top, s.value(b.Ends))
			if s.behind != nil {
				top = max(top, s.behind(b.Ends))
			}
		}
	}
	return top
}

func (d *numbersData) chart(s series, top float64) chart {
	c := chart{ID: s.id, Title: s.title, Sum: s.sum, Top: s.top(top), Width: max(1, len(d.Buckets)) * barWidth}
	best, at := -1.0, ""
	for i, b := range d.Buckets {
		when := b.From.Format(d.layout())
		v := s.value(b.Ends)
		one := bar{X: float64(i*barWidth + 1), H: height(v, top), Title: when + ": " + s.words(b.Ends)}
		if s.behind != nil {
			one.Behind = height(s.behind(b.Ends), top)
		}
		one.Y, one.BehindY = 100-one.H, 100-one.Behind
		if v > best {
			best, at = v, one.Title
		}
		c.Bars = append(c.Bars, one)
	}
	if n := len(d.Buckets); n > 0 {
		c.First, c.Last = d.Buckets[0].From.Format(d.layout()), d.Buckets[n-1].From.Format(d.layout())
		c.Desc = fmt.Sprintf("%d bars from %s to %s. The highest: %s.", n, c.First, c.Last, at)
	}
	return c
}

// height is that of a bar, so that one can be seen wherever there is anything.
func height(v, top float64) float64 {
	if v <= 0 || top <= 0 {
		return 0
	}
	return float64(int(max(1, 100*v/top)*100)) / 100
}

// spreadWords is a spread in words.
func spreadWords(s history.Spread) string {
	if s.N == 0 {
		return "none"
	}
	return "half in " + took(s.P50) + ", 95 % in " + took(s.P95)
}

// sheet is a table of Ends.
type sheet struct {
	Caption, First string
	Rows           []numbersRow
}

// RowsSheet is every hour or day.
func (d numbersData) RowsSheet() sheet {
	return sheet{"What came of the messages of every hour or day", "From", d.Rows}
}

// LinksSheet is every account link.
func (d numbersData) LinksSheet() sheet {
	s := sheet{Caption: "What came of the messages to every account", First: "Account"}
	for _, l := range d.Links {
		s.Rows = append(s.Rows, numbersRow{"@" + cmp.Or(l.Account, "unknown"), l.Ends})
	}
	return s
}

// took is a span with a tenth of a second where that matters.
func took(d time.Duration) string {
	if d >= time.Second && d < 10*time.Second {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return span(d)
}
