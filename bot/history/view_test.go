package history_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"inboxbot/bot"
	"inboxbot/bot/history"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// entry is the i-th decision of a day, a second after the one before.
func entry(i int) history.Entry {
	return history.Entry{
		ID: fmt.Sprintf("%d-0", 1000+i), At: noon.Add(time.Duration(i) * time.Second), Thread: fmt.Sprint("t", i%3), Message: fmt.Sprint("m", i),
		Account: "kestrelcoffee", Outcome: bot.Reply, Guard: "default", Mode: "live",
		Person: history.Person{Prospect: "mira_koch", ProspectID: "1700", Asked: "How long?", Reply: "Two days.", Reason: "shipping"},
	}
}

func ids(entries []history.Entry) string {
	var all []string
	for _, e := range entries {
		all = append(all, strings.TrimSuffix(e.ID, "-0"))
	}
	return strings.Join(all, " ")
}

func TestQuery(t *testing.T) {
	v := history.NewView(0)
	add := func(i int, change func(*history.Entry)) {
		e := entry(i)
		change(&e)
		v.Add(e)
	}
	add(0, func(*history.Entry) {})
	add(1, func(e *history.Entry) {
		e.Outcome, e.Cause, e.Guard, e.Prospect, e.ProspectID = bot.Handoff, bot.CauseAsked, "vip", "Carlos.RV", "1800"
		e.Asked, e.Reply = "¿Cuánto cuesta el ENVÍO?", ""
	})
	add(2, func(e *history.Entry) {
		e.Outcome, e.Mode, e.Account, e.Reason = bot.Skip, "draft", "other", "we wrote LAST"
	})
	add(3, func(e *history.Entry) { e.Outcome, e.Prospect, e.ProspectID = bot.Wait, "", "1900" })
	for _, row := range []struct {
		name string
		f    history.Filter
		want string
	}{
		{"all, the newest first", history.Filter{}, "1003 1002 1001 1000"},
		{"part of a name in any case", history.Filter{Person: "@carlos"}, "1001"},
		{"an ID on X", history.Filter{Person: "1700"}, "1002 1000"},
		{"part of an ID is not enough", history.Filter{Person: "170"}, ""},
		{"thread", history.Filter{Thread: "t0"}, "1003 1000"},
		{"outcome", history.Filter{Outcome: bot.Skip}, "1002"},
		{"cause", history.Filter{Cause: bot.CauseAsked}, "1001"},
		{"guard", history.Filter{Guard: "vip"}, "1001"},
		{"part of a guard is not enough", history.Filter{Guard: "vi"}, ""},
		{"mode", history.Filter{Mode: "draft"}, "1002"},
		{"account link", history.Filter{Account: "other"}, "1002"},
		{"from, that second included", history.Filter{From: noon.Add(2 * time.Second)}, "1003 1002"},
		{"to, that second excluded", history.Filter{To: noon.Add(2 * time.Second)}, "1001 1000"},
		{"text asked, in any case and script", history.Filter{Text: "el envío"}, "1001"},
		{"text replied", history.Filter{Text: "TWO DAYS"}, "1003 1002 1000"},
		{"text of the reason", history.Filter{Text: "wrote last"}, "1002"},
		{"text nowhere", history.Filter{Text: "how long??"}, ""},
		{"several at once", history.Filter{Person: "mira", Outcome: bot.Reply, Text: "long"}, "1000"},
		{"before another", history.Filter{Before: "1002-0"}, "1001 1000"},
	} {
		found, more := v.Query(row.f)
		if got := ids(found); got != row.want || more {
			t.Errorf("%s: %q, more: %t, want %q", row.name, got, more, row.want)
		}
	}
	if e, ok := v.Entry("1001-0"); !ok || e.Prospect != "Carlos.RV" {
		t.Errorf("one entry: %+v, %t", e, ok)
	}
	if _, ok := v.Entry("1001-1"); ok {
		t.Error("an entry that is none")
	}
}

func TestQueryPages(t *testing.T) {
	v := history.NewView(0)
	for i := range 2345 {
		v.Add(entry(i))
	}
	f, all := history.Filter{Thread: "t1", Limit: 100}, []history.Entry(nil)
	for pages := 1; ; pages++ {
		found, more := v.Query(f)
		all = append(all, found...)
		if !more {
			if pages != 8 || len(all) != 782 {
				t.Errorf("%d entries on %d pages", len(all), pages)
			}
			break
		}
		f.Before = found[len(found)-1].ID
	}
	if !slices.IsSortedFunc(all, func(a, b history.Entry) int { return b.At.Compare(a.At) }) {
		t.Error("not the newest first")
	}
}

// FuzzText: what a lower-cased text holds is found, and nothing else is.
func FuzzText(f *testing.F) {
	for _, row := range [][2]string{{"How LONG?", "long"}, {"", ""}, {"ENVÍO", "envío"}, {"aab", "ab"}, {"Über", "über"}, {"x", "longer"}, {"РУ", "ру"}} {
		f.Add(row[0], row[1])
	}
	f.Fuzz(func(t *testing.T, text, part string) {
		got := history.Filter{Text: part}.Match(&history.Entry{Person: history.Person{Asked: text}})
		if strings.Contains(text, part) && !got {
			t.Fatalf("%q is not found in %q", part, text)
		}
		ascii := func(s string) bool { return !strings.ContainsFunc(s, func(r rune) bool { return r > 126 }) }
		if want := strings.Contains(strings.ToLower(text), strings.ToLower(part)); ascii(text+part) && got != want {
			t.Fatalf("%q in %q: %t, want %t", part, text, got, want)
		}
	})
}

// TestViewKeepsTheNewest is a view of ten, and of marks and entries of another version.
func TestViewKeepsTheNewest(t *testing.T) {
	v := history.NewView(10)
	for i := range 35 {
		v.Add(entry(i), history.Entry{ID: fmt.Sprintf("%d-1", 1000+i)})
		if found, _ := v.Query(history.Filter{Limit: 100}); len(found) < min(i+1, 10) || len(found) > 20 {
			t.Fatalf("after %d: %d entries", i+1, len(found))
		}
	}
	found, _ := v.Query(history.Filter{Limit: 10})
	if got := ids(found); got != "1034 1033 1032 1031 1030 1029 1028 1027 1026 1025" {
		t.Errorf("held: %s", got)
	}
	v.Add(history.Entry{ID: "2000-0", Erased: []string{"1034-0", "1030-0", "1-0"}})
	found, _ = v.Query(history.Filter{Limit: 5})
	if got := ids(found); got != "1033 1032 1031 1029 1028" {
		t.Errorf("after a mark: %s", got)
	}
	v.Add(entry(1035))
	if e, ok := v.Entry("2035-0"); !ok || e.Message != "m1035" {
		t.Errorf("after a mark, a new entry: %+v", e)
	}
}

// logbook is a Source that can be away.
type logbook struct {
	mu      sync.Mutex
	entries []history.Entry
	down    error
}

func (l *logbook) write(entries ...history.Entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = append(l.entries, entries...)
}

func (l *logbook) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = err
}

func (l *logbook) LogAfter(_ context.Context, id string, limit int) ([]history.Entry, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down != nil {
		return nil, l.down
	}
	i := 0
	for id != "" && i < len(l.entries) && !history.After(l.entries[i].ID, id) {
		i++
	}
	return slices.Clone(l.entries[i:min(i+limit, len(l.entries))]), nil
}

func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		book, v := &logbook{}, history.NewView(0)
		for i := range 2500 {
			book.write(entry(i))
		}
		done := make(chan error)
		go func() { done <- v.Follow(ctx, book) }()
		synctest.Wait()
		if ready, err := v.State(); !ready || err != nil || v.Len() != 2500 {
			t.Fatalf("%d entries at once, ready %t, %v", v.Len(), ready, err)
		}
		down := errors.New("connection refused")
		book.fail(down)
		time.Sleep(time.Second)
		if ready, err := v.State(); !ready || !errors.Is(err, down) {
			t.Errorf("while the store is away: ready %t, %v", ready, err)
		}
		book.fail(nil)
		book.write(entry(2500))
		feed := v.Subscribe(ctx)
		time.Sleep(time.Second)
		synctest.Wait()
		if _, err := v.State(); v.Len() != 2501 || err != nil {
			t.Errorf("%d entries after it came back, %v", v.Len(), err)
		}
		if e := <-feed; e.Message != "m2500" {
			t.Errorf("fed %+v", e)
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestSubscribersNeverHoldUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := history.NewView(0)
		ctx, stop := context.WithCancel(t.Context())
		slow, quick := v.Subscribe(ctx), v.Subscribe(t.Context())
		got := make(chan int)
		go func() {
			n := 0
			for range quick {
				if n++; n == 1000 {
					got <- n
				}
			}
		}()
		for i := range 1000 {
			v.Add(entry(i))
			synctest.Wait()
		}
		if n := <-got; n != 1000 {
			t.Errorf("the quick one got %d", n)
		}
		stop()
		synctest.Wait()
		n := 0
		for range slow { // closed: it ends
			n++
		}
		if n == 0 || n >= 1000 {
			t.Errorf("the slow one got %d", n)
		}
		v.Add(entry(1000)) // nobody is told who has left
	})
}

// TestReadersSeeWhole: readers, a writer and a subscriber at once, for -race.
func TestReadersSeeWhole(t *testing.T) {
	v := history.NewView(2000)
	ctx, stop := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for ctx.Err() == nil {
				found, _ := v.Query(history.Filter{Text: "days", Limit: 3000})
				for i := 1; i < len(found); i++ {
					if !history.After(found[i-1].ID, found[i].ID) {
						t.Errorf("%s before %s", found[i-1].ID, found[i].ID)
						return
					}
				}
				v.Numbers(noon, noon.Add(time.Hour), "")
				for range v.Subscribe(ctx) {
					break
				}
			}
		})
	}
	for i := range 6000 {
		v.Add(entry(i))
		if i%500 == 0 {
			v.Add(history.Entry{ID: fmt.Sprintf("%d-1", 1000+i), Erased: []string{fmt.Sprintf("%d-0", 1000+i-3)}})
		}
	}
	stop()
	readers.Wait()
}

func TestNumbers(t *testing.T) {
	v := history.NewView(0)
	add := func(at time.Duration, outcome bot.Action, guard string, cause bot.Cause, waited int64, account string) {
		e := entry(v.Len())
		e.At, e.Outcome, e.Guard, e.Cause, e.WaitedMS, e.ElapsedMS, e.Account = noon.Add(at), outcome, guard, cause, waited, waited/10, account
		e.Tokens, e.USD = history.Tokens{In: 100, Out: 10}, 0.25
		if outcome == bot.Reply {
			e.ModelMS = waited / 100
		}
		v.Add(e)
	}
	add(-time.Hour, bot.Reply, "default", "", 999_000, "kestrelcoffee") // before
	add(time.Minute, bot.Wait, "settling", "", 1000, "kestrelcoffee")
	for i := range 20 {
		add(2*time.Minute, bot.Reply, "default", "", int64(i+1)*1000, "kestrelcoffee")
	}
	add(61*time.Minute, bot.Handoff, "vip", bot.CauseRule, 5000, "kestrelcoffee")
	add(62*time.Minute, bot.Handoff, "model-down", bot.CauseModel, 5000, "other")
	add(63*time.Minute, bot.Skip, "handed-over", "", 5000, "kestrelcoffee")
	add(3*time.Hour, bot.Reply, "default", "", 999_000, "kestrelcoffee") // after

	n := v.Numbers(noon, noon.Add(3*time.Hour), "")
	if n.Answered != 20 || n.HandedOver != 2 || n.LeftAlone != 1 || n.Tokens.Total() != 24*110 || n.USD != 6 {
		t.Errorf("counted %+v", n.Count)
	}
	if n.ByCause[bot.CauseRule] != 1 || n.ByCause[bot.CauseModel] != 1 || n.ByGuard["handed-over"] != 1 || len(n.ByGuard) != 1 {
		t.Errorf("by cause %v, by guard %v", n.ByCause, n.ByGuard)
	}
	if want := (history.Spread{N: 20, P50: 10 * time.Second, P95: 19 * time.Second}); n.Answer != want {
		t.Errorf("until answered %+v, want %+v", n.Answer, want)
	}
	if n.Work.N != 23 || n.Work.P50 != 900*time.Millisecond {
		t.Errorf("work %+v", n.Work)
	}
	if want := (history.Spread{N: 20, P50: 100 * time.Millisecond, P95: 190 * time.Millisecond}); n.Model != want {
		t.Errorf("the model %+v, want %+v", n.Model, want)
	}
	if k, o := n.ByAccount["kestrelcoffee"], n.ByAccount["other"]; len(n.ByAccount) != 2 || k.Answered != 20 || k.HandedOver != 1 ||
		k.Answer != n.Answer || o.HandedOver != 1 || o.Answer.N != 0 || o.USD != 0.25 {
		t.Errorf("by account link: %+v", n.ByAccount)
	}
	if n.PerBucket != time.Hour || len(n.Buckets) != 3 || n.Buckets[0].Answered != 20 || n.Buckets[1].HandedOver != 2 ||
		n.Buckets[2].Count != (history.Count{}) || n.Buckets[0].Answer.P95 != 19*time.Second || !n.Buckets[1].From.Equal(noon.Add(time.Hour)) {
		t.Errorf("buckets of %s: %+v", n.PerBucket, n.Buckets)
	}
	if !n.Since.IsZero() {
		t.Errorf("since %s, but the view reaches back", n.Since)
	}
	if n := v.Numbers(noon, noon.Add(3*time.Hour), "other"); n.HandedOver != 1 || n.Answered != 0 {
		t.Errorf("of one account link: %+v", n.Count)
	}
	if n := v.Numbers(noon.AddDate(0, 0, -30), noon.Add(24*time.Hour), ""); n.PerBucket != 24*time.Hour || len(n.Buckets) != 32 || !n.Since.Equal(noon.Add(-time.Hour)) {
		t.Errorf("a month: %d buckets of %s since %s", len(n.Buckets), n.PerBucket, n.Since)
	}
	if n := history.NewView(0).Numbers(noon, noon, ""); n.Answered != 0 || len(n.Buckets) != 0 {
		t.Errorf("of nothing: %+v", n)
	}
}

// TestNumbersByTheCalendar: days begin at midnight where people are, also when the
// clocks change, and hours where zones are off by half of one.
func TestNumbersByTheCalendar(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	from := time.Date(2026, 10, 23, 15, 0, 0, 0, berlin)
	n := history.NewView(0).Numbers(from, from.AddDate(0, 0, 4), "")
	for i, b := range n.Buckets {
		if h := b.From.Hour(); h != 0 || b.From.Day() != 23+i {
			t.Errorf("day %d begins %s", i, b.From)
		}
	}
	india := time.FixedZone("IST", 5*3600+1800)
	n = history.NewView(0).Numbers(time.Date(2026, 11, 24, 9, 20, 0, 0, india), time.Date(2026, 11, 24, 11, 0, 0, 0, india), "")
	if len(n.Buckets) != 2 || n.Buckets[0].From.Minute() != 0 || n.Buckets[0].From.Hour() != 9 {
		t.Errorf("hours in India: %+v", n.Buckets)
	}
}

// crowd fills a view as a month of a busy team does.
func crowd(n int) *history.View {
	v, dice := history.NewView(n), rand.New(rand.NewPCG(1, 2))
	guards := []string{"default", "vip", "not-our-turn", "handed-over", "pricing", "draft-links"}
	outcomes := []bot.Action{bot.Reply, bot.Reply, bot.Handoff, bot.Skip}
	for i := range n {
		who := dice.IntN(n / 3)
		e := history.Entry{
			ID: fmt.Sprintf("%d-0", 1_763_000_000_000+i*25_000), At: noon.Add(time.Duration(i) * 25 * time.Second),
			Thread: fmt.Sprintf("tz4a298xw76a%012d", who), Message: fmt.Sprintf("mz4a298xw76a%012d", i), Account: "kestrelcoffee",
			Outcome: outcomes[dice.IntN(4)], Guard: guards[dice.IntN(6)], Mode: "live", Generation: "b1946ac92492",
			WaitedMS: dice.Int64N(90_000), ElapsedMS: dice.Int64N(4000), Tokens: history.Tokens{In: 1200, Cached: 900, Out: 60}, USD: 0.0012,
			Template: "system", Confidence: 0.9, Language: "en",
			Person: history.Person{
				Prospect: fmt.Sprintf("prospect_%d", who), ProspectID: fmt.Sprint(1_700_000_000_000 + who),
				Asked:  "Hi there, I ordered the Guji last week and wonder how long shipping to Austria takes, number " + fmt.Sprint(i),
				Reason: "shipping times stand in the facts",
				Reply:  "Hello! Parcels to Austria take 3 to 5 working days and cost 8,90 EUR; yours should be with you by Friday at the latest.",
			},
		}
		v.Add(e)
	}
	return v
}

// BenchmarkQuery asks 100,000 entries; the last two find nothing and look at all.
func BenchmarkQuery(b *testing.B) {
	v := crowd(100_000)
	for _, row := range []struct {
		name string
		f    history.Filter
	}{
		{"newest", history.Filter{}},
		{"outcome", history.Filter{Outcome: bot.Handoff}},
		{"person", history.Filter{Person: "prospect_777"}},
		{"text-common", history.Filter{Text: "austria"}},
		{"person-nobody", history.Filter{Person: "Zebra"}},
		{"thread-none", history.Filter{Thread: "none"}},
		{"text-nowhere", history.Filter{Text: "Australia"}},
	} {
		b.Run(row.name, func(b *testing.B) {
			for b.Loop() {
				v.Query(row.f)
			}
		})
	}
}

// BenchmarkNumbers counts 100,000 entries of a month.
func BenchmarkNumbers(b *testing.B) {
	v := crowd(100_000)
	for b.Loop() {
		v.Numbers(noon, noon.AddDate(0, 1, 0), "")
	}
}

func BenchmarkAdd(b *testing.B) {
	v, i := history.NewView(0), 0
	for b.Loop() {
		v.Add(entry(i))
		i++
	}
}

// BenchmarkViewMemory reports what 100,000 entries take, their texts included.
func BenchmarkViewMemory(b *testing.B) {
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	for b.Loop() {
		before := heap()
		v := crowd(100_000)
		b.ReportMetric(float64(heap()-before)/1e6, "MB/100,000")
		runtime.KeepAlive(v)
	}
}
