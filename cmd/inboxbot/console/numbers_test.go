package console

import (
	"encoding/csv"
	"fmt"
	"strings"
	"testing"
	"time"

	"inboxbot/bot"
	"inboxbot/bot/history"
)

// afternoon is when the shop of these tests looks at its numbers.
var afternoon = time.Date(2026, 11, 24, 15, 30, 0, 0, time.UTC)

// shopDay is a console whose log holds what the shop did lately.
func shopDay(t *testing.T) *world {
	w := newWorld(t, func(o *Options) { o.Now = func() time.Time { return afternoon } })
	n := 0
	add := func(ago time.Duration, o bot.Action, change func(*history.Entry)) {
		e := decision(fmt.Sprint("t", n), "ann", o)
		e.ID, e.At = fmt.Sprintf("%d-0", n+1), afternoon.Add(-ago)
		n++
		change(&e)
		w.view.Add(e)
	}
	none := func(*history.Entry) {}
	add(20*24*time.Hour, bot.Reply, none)
	add(3*24*time.Hour, bot.Handoff, func(e *history.Entry) { e.Cause = bot.CauseAsked })
	for i := range 10 {
		add(2*time.Hour, bot.Reply, func(e *history.Entry) {
			e.WaitedMS, e.ModelMS, e.Tokens, e.USD = int64(i+1)*2000, 700, history.Tokens{In: 1000, Cached: 100, Out: 50}, 0.01
		})
	}
	add(time.Hour, bot.Handoff, func(e *history.Entry) { e.Cause, e.Account = bot.CauseFacts, "kestrelroast" })
	add(time.Hour, bot.Skip, func(e *history.Entry) { e.Guard = "person-took-over" })
	add(time.Minute, bot.Wait, none) // has not come to an end
	return w
}

func TestNumbersPage(t *testing.T) {
	w := shopDay(t)
	for _, row := range []struct {
		path string
		want []string
		not  []string
	}{
		{"/numbers", []string{
			"Answered 10 83 %", "Handed over 1 8 %", "Left alone 1 8 %", "Wait until answered 10 s half, 95 % in 20 s", "The model took 700 ms",
			"Tokens 10\u202f500 $0.10", "not-in-facts 1 100 %", "person-took-over 1 100 %", "@kestrelcoffee 10 0 1", "@kestrelroast 0 1 0", "25 hours as a table", "Tue 13:00 10 0 0 10 s 20 s",
		}, []string{"asked-for-person", "is not counted"}},
		{"/numbers?for=week", []string{"Handed over 2 ", "asked-for-person 1 50 %", "7 days as a table", "Sat 21 Nov 0 1 0 – –", "Wed 18 Nov"}, []string{"is not counted"}},
		{"/numbers?for=month", []string{"Answered 11 ", "30 days as a table", "The decision log begins 4 Nov 15:30"}, nil},
		{"/numbers?account=kestrelroast", []string{"Answered 0", "Handed over 1 100 %", "Wait until answered –"}, []string{"@kestrelcoffee"}},
		{"/numbers?for=century", []string{"25 hours as a table"}, nil},
	} {
		rec := w.get(row.path)
		got := words(rec)
		for _, want := range row.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s lacks %q:\n%s", row.path, want, got)
			}
		}
		for _, not := range row.not {
			if strings.Contains(got, not) {
				t.Errorf("%s holds %q:\n%s", row.path, not, got)
			}
		}
	}
}

// TestCharts: a bar is as high as its figure, and those who do not see it are told.
func TestCharts(t *testing.T) {
	d := shopDay(t).numbersOf(nil)
	if len(d.Charts) != 6 || len(d.Charts[0].Bars) != 25 {
		t.Fatalf("%d charts, %d bars", len(d.Charts), len(d.Charts[0].Bars))
	}
	answered, handed, wait := d.Charts[0], d.Charts[1], d.Charts[3]
	if b := answered.Bars[22]; b.H != 100 || b.Y != 0 || b.Title != "Tue 13:00: 10" {
		t.Errorf("ten answered: %+v", b)
	}
	if b := handed.Bars[23]; b.H != 10 || b.Y != 90 {
		t.Errorf("one handed over, on the scale of all ends: %+v", b)
	}
	if b := answered.Bars[3]; b.H != 0 {
		t.Errorf("nothing answered: %+v", b)
	}
	if b := wait.Bars[22]; b.H != 50 || b.Behind != 100 || b.Title != "Tue 13:00: half in 10 s, 95 % in 20 s" {
		t.Errorf("waits: %+v", b)
	}
	if want := "25 bars from Mon 15:00 to Tue 15:00. The highest: Tue 13:00: 10."; answered.Desc != want {
		t.Errorf("told %q, want %q", answered.Desc, want)
	}
	page := shopDay(t).get("/numbers").Body.String()
	if n := strings.Count(page, "<svg role=\"img\""); n != 6 || strings.Contains(page, "ZgotmplZ") {
		t.Errorf("%d drawings", n)
	}
}

func TestNumbersCSV(t *testing.T) {
	w := shopDay(t)
	rec := w.get("/numbers.csv?for=day")
	if got := rec.Header().Get("Content-Disposition"); got != `attachment; filename="inboxbot-day-2026-11-24.csv"` {
		t.Error(got)
	}
	rows, err := csv.NewReader(rec.Body).ReadAll()
	if err != nil || len(rows) != 26 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	if got, want := strings.Join(rows[23], " "), "2026-11-24T13:00:00Z 10 0 0 10.000 20.000 10000 1000 500 0.100000"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got, want := strings.Join(rows[1], ","), "2026-11-23T15:00:00Z,0,0,0,,,0,0,0,0.000000"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestEmptyNumbers: a bot that has done nothing yet has a page all the same.
func TestEmptyNumbers(t *testing.T) {
	got := words(newWorld(t).get("/numbers"))
	for _, want := range []string{"Answered 0", "Wait until answered –", "Nobody was.", "None did."} {
		if !strings.Contains(got, want) {
			t.Errorf("lacks %q:\n%s", want, got)
		}
	}
}

func TestShadowPage(t *testing.T) {
	w := newWorld(t)
	if got := words(w.get("/shadow")); !strings.Contains(got, "Nothing was compared") || !strings.Contains(got, "BOT_MODE=shadow") {
		t.Errorf("nothing: %s", got)
	}
	price := func(answer string) bot.Comparison { return bot.Compare("It is 9 EUR.", answer) }
	for i, c := range []bot.Comparison{
		price("It is 9 EUR."), price("It is 9 EUR."), price("It is 12 EUR, see https://kestrel.example"), price(""),
		{Would: bot.Handoff, Answer: "Of course."},
		{Would: bot.Skip, Answer: "See https://kestrel.example/monday"},
	} {
		c.Guard = "pricing"
		e, d := history.Of(bot.Handled{
			Thread: fmt.Sprint("t", i), Message: "m", Prospect: "ann", Asked: "thx", At: time.Now(), Outcome: bot.Skip, Guard: "shadow", Mode: "shadow", Shadow: &c,
		})
		w.keep(e, d)
	}
	got := words(w.get("/shadow"))
	for _, want := range []string{
		"Same outcome 67 % 4 of 6 messages", "Same facts 67 % 2 of 3 drafts", "Nobody answered 1 where", "Only a person answered 1 where",
		"pricing 6 4 (67 %) 1 1 1", "pricing 3 2 (67 %) 100 % 100 %", "Left alone by the botthx What a person answeredSee https://kestrel.example/monday", "Furthest apart: pricing", "It is 9 EUR. Only here: 9", "It is 12 EUR, see https://kestrel.example",
		"Only here: 12, https://kestrel.example",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("lacks %q:\n%s", want, got)
		}
	}
	if strings.Contains(w.get("/shadow").Body.String(), `href="https://kestrel`) {
		t.Error("a link leads away at once")
	}
}
