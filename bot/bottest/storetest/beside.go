package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"inboxbot/bot"
)

// Beside is what a store keeps besides claims and records.
type Beside interface {
	Store
	bot.Drafts
	bot.Purse
	bot.Echoes
	bot.Shelf
	bot.Behind
	WaitingDrafts(ctx context.Context, limit int) ([]bot.Draft, error)
	DecideDraft(ctx context.Context, thread, id string, to bot.DraftState, final, by string) error
	EditDraft(ctx context.Context, thread, id, text, by string) error
}

// BesideInBubble runs the suite of what a store keeps besides claims and records,
// every test on a new store in a testing/synctest bubble of its own.
func BesideInBubble(t *testing.T, store func(*testing.T) Beside) {
	for _, test := range slices.Concat(drafts(), draftsInTime(), spending(), echoes(), echoesInTime(), shelf(), shelfInTime(), behind(), behindInTime()) {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test.run(&beside{t, store(t)}) })
		})
	}
}

// BesideInRealTime runs what of the suite needs no waiting, its tests in parallel.
func BesideInRealTime(t *testing.T, store func(*testing.T) Beside) {
	for _, test := range slices.Concat(drafts(), spending(), echoes(), shelf(), behind()) {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.run(&beside{t, store(t)})
		})
	}
}

type besideTest struct {
	name string
	run  func(*beside)
}

type beside struct {
	*testing.T
	Beside
}

var draftMade = time.Date(2026, 11, 24, 14, 10, 0, 0, time.UTC)

func draft(id, thread string, state bot.DraftState) bot.Draft {
	return bot.Draft{
		ID: id, Thread: thread, MessageID: "message-" + id, State: state, Text: "It is 20 €.",
		Prospect: "mira_koch", ProspectID: "1700", Account: "kestrelcoffee", Asked: "How much?\n\"Really\"?",
		Reason: "asked for the price", Guard: "pricing", Generation: "b1946ac92492",
		MadeAt: draftMade, Until: draftMade.Add(24 * time.Hour),
	}
}

func (b *beside) keep(d bot.Draft) {
	b.Helper()
	if err := b.KeepDraft(b.Context(), bot.Lease{}, d); err != nil {
		b.Fatalf("keep draft: %v", err)
	}
}

func (b *beside) claim(thread string) bot.Lease {
	b.Helper()
	l, err := b.Claim(b.Context(), thread)
	if err != nil {
		b.Fatalf("claim: %v", err)
	}
	return l
}

func (b *beside) draft(thread string) bot.Draft {
	b.Helper()
	d, err := b.Draft(b.Context(), thread)
	if err != nil {
		b.Fatalf("draft: %v", err)
	}
	return d
}

func (b *beside) waiting(limit int) []string {
	b.Helper()
	all, err := b.WaitingDrafts(b.Context(), limit)
	if err != nil {
		b.Fatalf("waiting drafts: %v", err)
	}
	ids := []string{}
	for _, d := range all {
		ids = append(ids, d.ID)
	}
	return ids
}

func (b *beside) want(what string, err, want error) {
	b.Helper()
	if !errors.Is(err, want) {
		b.Fatalf("%s: %v, want %v", what, err, want)
	}
}

// open makes a thread open and due in an hour, as one whose draft waits is.
func (b *beside) open(thread string) {
	b.Helper()
	r := bot.Record{State: bot.StateWaiting, MessageID: "m", MessageAt: draftMade}
	if err := b.Advance(b.Context(), bot.Lease{Thread: thread}, r, time.Hour); err != nil {
		b.Fatal(err)
	}
}

func (b *beside) isDue(thread string) bool {
	b.Helper()
	due, err := b.Due(b.Context(), 10)
	if err != nil {
		b.Fatal(err)
	}
	return slices.Contains(due, thread)
}

// draftMoves says which moves of a draft a store makes; a repeated one counts.
const draftMoves = `
	           waiting approved rejected handoff withdrawn expired sent shadow compared
	waiting    yes     yes      yes      yes     yes       yes     no   no     no
	approved   no      yes      no       no      yes       no      yes  no     no
	rejected   no      no       yes      no      no        no      no   no     no
	handoff    no      no       no       yes     no        no      no   no     no
	withdrawn  no      no       no       no      yes       no      no   no     no
	expired    no      no       no       no      no        yes     no   no     no
	sent       no      no       no       no      no        no      yes  no     no
	shadow     no      no       no       no      no        no      no   yes    yes
	compared   no      no       no       no      no        no      no   no     yes`

func drafts() []besideTest {
	tests := []besideTest{
		{"draft/none", func(b *beside) {
			if d := b.draft("thread"); d != (bot.Draft{}) {
				b.Fatalf("draft %+v of a thread that has none", d)
			}
			b.want("move of none", b.MoveDraft(b.Context(), "thread", "", bot.DraftWithdrawn), bot.ErrRecorded)
			b.want("decision about none", b.DecideDraft(b.Context(), "thread", "one", bot.DraftApproved, "", "robin"), bot.ErrRecorded)
		}},
		{"draft/kept as it is", func(b *beside) {
			want := draft("one", "thread", bot.DraftWaiting)
			want.Final, want.By, want.DecidedAt = "It is 21 €.", "robin", draftMade.Add(time.Minute)
			b.keep(want)
			if got := b.draft("thread"); got != want {
				b.Fatalf("draft\n%+v, want\n%+v", got, want)
			}
		}},
		{"draft/a newer one takes its place", func(b *beside) {
			old := draft("one", "thread", bot.DraftWaiting)
			old.Final = "edited"
			b.keep(old)
			b.keep(draft("two", "thread", bot.DraftWaiting))
			if d := b.draft("thread"); d.ID != "two" || d.Final != "" {
				b.Fatalf("draft %+v", d)
			}
			b.want("move of the old one", b.MoveDraft(b.Context(), "thread", "one", bot.DraftWithdrawn), bot.ErrRecorded)
			b.want("decision about the old one", b.DecideDraft(b.Context(), "thread", "one", bot.DraftApproved, "", "robin"), bot.ErrRecorded)
			if got := b.waiting(10); !slices.Equal(got, []string{"two"}) {
				b.Fatalf("waiting %v", got)
			}
		}},
		{"draft/kept again, what became of it stays", func(b *beside) {
			b.keep(draft("one", "thread", bot.DraftWaiting))
			b.want("decision", b.DecideDraft(b.Context(), "thread", "one", bot.DraftRejected, "", "robin"), nil)
			b.keep(draft("one", "thread", bot.DraftWaiting))
			if d := b.draft("thread"); d.State != bot.DraftRejected || d.By != "robin" {
				b.Fatalf("draft %+v", d)
			}
			if got := b.waiting(10); len(got) != 0 {
				b.Fatalf("waiting %v", got)
			}
		}},
		{"draft/one that comes after its lease takes no place", func(b *beside) {
			late := b.claim("thread")
			b.want("release", b.Release(b.Context(), late), nil)
			b.want("keep, released", b.KeepDraft(b.Context(), late, draft("none", "thread", bot.DraftWaiting)), bot.ErrLeaseLost)
			l := b.claim("thread")
			b.want("keep", b.KeepDraft(b.Context(), l, draft("one", "thread", bot.DraftWaiting)), nil)
			b.want("decision", b.DecideDraft(b.Context(), "thread", "one", bot.DraftApproved, "", "robin"), nil)
			b.want("keep, claimed by another", b.KeepDraft(b.Context(), late, draft("late", "thread", bot.DraftWaiting)), bot.ErrLeaseLost)
			if d := b.draft("thread"); d.ID != "one" || d.State != bot.DraftApproved {
				b.Fatalf("draft %+v", d)
			}
			b.want("keep another", b.KeepDraft(b.Context(), l, draft("two", "thread", bot.DraftWaiting)), nil)
			b.want("release", b.Release(b.Context(), l), nil)
			b.want("keep again, released", b.KeepDraft(b.Context(), l, draft("two", "thread", bot.DraftWaiting)), nil)
			if got := b.waiting(10); !slices.Equal(got, []string{"two"}) {
				b.Fatalf("waiting %v", got)
			}
		}},
		{"draft/waiting ones, the oldest first", func(b *beside) {
			for i, state := range []bot.DraftState{bot.DraftWaiting, bot.DraftShadow, bot.DraftWaiting, bot.DraftApproved, bot.DraftWaiting} {
				d := draft(fmt.Sprint(i), fmt.Sprint("thread-", i), state)
				d.MadeAt = draftMade.Add(-time.Duration(i) * time.Minute)
				b.keep(d)
			}
			if got := b.waiting(10); !slices.Equal(got, []string{"4", "2", "0"}) {
				b.Fatalf("waiting %v", got)
			}
			if got := b.waiting(1); !slices.Equal(got, []string{"4"}) {
				b.Fatalf("the first that waits: %v", got)
			}
			b.want("move", b.MoveDraft(b.Context(), "thread-2", "2", bot.DraftExpired), nil)
			if got := b.waiting(10); !slices.Equal(got, []string{"4", "0"}) {
				b.Fatalf("waiting after one expired: %v", got)
			}
		}},
		{"draft/approved with other words", func(b *beside) {
			b.keep(draft("one", "thread", bot.DraftWaiting))
			b.open("thread")
			b.want("decision", b.DecideDraft(b.Context(), "thread", "one", bot.DraftApproved, "It is 21 €.", "robin"), nil)
			d := b.draft("thread")
			if d.State != bot.DraftApproved || d.Words() != "It is 21 €." || d.Text != "It is 20 €." || d.By != "robin" || d.DecidedAt.IsZero() {
				b.Fatalf("draft %+v", d)
			}
			if !b.isDue("thread") {
				b.Fatal("the thread is not due at once")
			}
			if got := b.waiting(10); len(got) != 0 {
				b.Fatalf("waiting %v", got)
			}
			b.want("a second decision", b.DecideDraft(b.Context(), "thread", "one", bot.DraftRejected, "", "kim"), bot.ErrRecorded)
			b.want("a late edit", b.EditDraft(b.Context(), "thread", "one", "no", "kim"), bot.ErrRecorded)
			if d := b.draft("thread"); d.State != bot.DraftApproved || d.By != "robin" || d.Words() != "It is 21 €." {
				b.Fatalf("draft after a second decision %+v", d)
			}
		}},
		{"draft/edited, then approved as it stands", func(b *beside) {
			b.keep(draft("one", "thread", bot.DraftWaiting))
			b.want("edit", b.EditDraft(b.Context(), "thread", "one", "It is 22 €.", "kim"), nil)
			if d := b.draft("thread"); d.State != bot.DraftWaiting || d.Words() != "It is 22 €." || d.By != "" {
				b.Fatalf("draft %+v", d)
			}
			b.want("decision", b.DecideDraft(b.Context(), "thread", "one", bot.DraftApproved, "", "robin"), nil)
			if d := b.draft("thread"); d.Words() != "It is 22 €." || d.State != bot.DraftApproved {
				b.Fatalf("draft %+v", d)
			}
		}},
		{"draft/edited back to the model's words", func(b *beside) {
			b.keep(draft("one", "thread", bot.DraftWaiting))
			for _, text := range []string{"It is 22 €.", "It is 20 €."} {
				b.want("edit", b.EditDraft(b.Context(), "thread", "one", text, "kim"), nil)
			}
			if d := b.draft("thread"); d.Final != "" {
				b.Fatalf("draft %+v", d)
			}
		}},
		{"draft/a decision opens no thread that has ended", func(b *beside) {
			b.keep(draft("one", "thread", bot.DraftWaiting))
			b.want("decision", b.DecideDraft(b.Context(), "thread", "one", bot.DraftRejected, "", "robin"), nil)
			if b.isDue("thread") {
				b.Fatal("the thread is due")
			}
		}},
	}
	return append(tests, draftCells()...)
}

func draftCells() []besideTest {
	var tests []besideTest
	for _, c := range cells(draftMoves) {
		tests = append(tests, besideTest{"draft/from " + c.row + " to " + c.column, func(b *beside) {
			b.keep(draft("one", "thread", bot.DraftState(c.row)))
			err := b.MoveDraft(b.Context(), "thread", "one", bot.DraftState(c.column))
			want, state := error(nil), c.column
			if c.cell == "no" {
				want, state = bot.ErrRecorded, c.row
			}
			b.want("move", err, want)
			if got := b.draft("thread").State; got != bot.DraftState(state) {
				b.Fatalf("the draft is %s, want %s", got, state)
			}
		}})
	}
	return tests
}

func spending() []besideTest {
	return []besideTest{
		{"purse/days are counted apart", func(b *beside) {
			for _, row := range []struct {
				day        string
				add, comes bot.Spent
			}{
				{"2026-11-24", bot.Spent{}, bot.Spent{}},
				{"2026-11-24", bot.Spent{Tokens: 1000, MicroUSD: 1200}, bot.Spent{Tokens: 1000, MicroUSD: 1200}},
				{"2026-11-24", bot.Spent{Tokens: 500}, bot.Spent{Tokens: 1500, MicroUSD: 1200}},
				{"2026-11-25", bot.Spent{MicroUSD: 7}, bot.Spent{MicroUSD: 7}},
				{"2026-11-24", bot.Spent{}, bot.Spent{Tokens: 1500, MicroUSD: 1200}},
			} {
				got, err := b.Spend(b.Context(), row.day, row.add)
				if err != nil || got != row.comes {
					b.Fatalf("%s, %+v more: %+v, %v, want %+v", row.day, row.add, got, err, row.comes)
				}
			}
		}},
		{"purse/what is no day is refused", func(b *beside) {
			for _, day := range []string{"", "today", "2026-13-01", "24.11.2026", "2026-11-24 "} {
				if _, err := b.Spend(b.Context(), day, bot.Spent{Tokens: 1}); err == nil {
					b.Errorf("%q is taken for a day", day)
				}
			}
		}},
	}
}

func (b *beside) echo(sum, thread string, want int) {
	b.Helper()
	if got, err := b.Echo(b.Context(), sum, thread); err != nil || got != want {
		b.Fatalf("text %s for %s: %d others, %v, want %d", sum, thread, got, err, want)
	}
}

func echoes() []besideTest {
	return []besideTest{
		{"echo/counts other threads once", func(b *beside) {
			b.echo("hello", "a", 0)
			b.echo("hello", "a", 0)
			b.echo("hello", "b", 1)
			b.echo("hello", "c", 2)
			b.echo("hello", "a", 2)
			b.echo("bye", "d", 0)
		}},
		{"echo/at most 100", func(b *beside) {
			for i := range 150 {
				b.echo("hello", fmt.Sprint("thread-", i), min(i, 100))
			}
			b.echo("hello", "thread-3", 100)
		}},
	}
}

func echoesInTime() []besideTest {
	return []besideTest{
		{"echo/forgets after a day", func(b *beside) {
			b.echo("hello", "a", 0)
			time.Sleep(23 * time.Hour)
			b.echo("hello", "b", 1)
			time.Sleep(2 * time.Hour)
			b.echo("hello", "c", 1)
			time.Sleep(25 * time.Hour)
			b.echo("hello", "c", 0)
		}},
	}
}

func draftsInTime() []besideTest {
	return []besideTest{
		{"draft/none is kept when its lease has ended by itself", func(b *beside) {
			l := b.claim("thread")
			time.Sleep(121 * time.Second)
			b.want("keep", b.KeepDraft(b.Context(), l, draft("one", "thread", bot.DraftWaiting)), bot.ErrLeaseLost)
			if d := b.draft("thread"); d.ID != "" {
				b.Fatalf("draft %+v", d)
			}
		}},
	}
}

// cell is one cell of a matrix of words.
type cell struct{ row, column, cell string }

// cells are the cells of a matrix, row by row; its first line names the columns.
func cells(matrix string) []cell {
	rows := strings.Split(strings.TrimSpace(matrix), "\n")
	columns := strings.Fields(rows[0])
	var all []cell
	for _, row := range rows[1:] {
		words := strings.Fields(row)
		for i, column := range columns {
			all = append(all, cell{words[0], column, words[i+1]})
		}
	}
	return all
}
