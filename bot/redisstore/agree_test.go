package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"inboxbot/bot"
	"inboxbot/bot/bottest"
	"inboxbot/bot/redisstore"
)

// storeMove is one call, made in both stores.
type storeMove struct {
	Call    string
	Lease   int // which of the leases so far; -1: none
	State   bot.State
	Message int // several share an instant
	Again   time.Duration
	Own     bool
}

func drawMove(t *rapid.T) storeMove {
	return storeMove{
		Call: rapid.SampledFrom([]string{
			"claim", "claim", "release", "advance", "advance", "advance", "advance", "advance", "note", "hold", "postpone", "sleep", "wipe",
		}).Draw(t, "call"),
		Lease: rapid.IntRange(-1, 3).Draw(t, "lease"),
		State: rapid.SampledFrom([]bot.State{
			bot.StateWaiting, bot.StateIntent, bot.StateIntent, bot.StateIntent, bot.StateRetry, bot.StateHanding,
			bot.StateHandoff, bot.StateSent, bot.StateAnswered, bot.StateSkipped, "nonsense",
		}).Draw(t, "state"),
		Message: rapid.IntRange(0, 5).Draw(t, "message"),
		Again:   rapid.SampledFrom([]time.Duration{0, time.Second, time.Hour}).Draw(t, "again"),
		Own:     rapid.Bool().Draw(t, "own"),
	}
}

// compare returns the first difference between the stores.
func compare(t *testing.T, moves []storeMove) error {
	m, c := mini(t)
	onRedis := open(t, redisstore.Options{Client: c, Team: "team", Fresh: true})
	plain := bottest.NewStore(bottest.StoreOptions{})
	var leases [][2]bot.Lease // the newest first
	ctx, start := context.Background(), time.Now()
	for i, move := range moves {
		l := [2]bot.Lease{{Thread: thread}, {Thread: thread}}
		if move.Lease >= 0 && move.Lease < len(leases) {
			l = leases[move.Lease]
		}
		var errs [2]error
		switch move.Call {
		case "claim":
			a, err1 := onRedis.Claim(ctx, thread)
			b, err2 := plain.Claim(ctx, thread)
			if errs = [2]error{err1, err2}; err1 == nil && err2 == nil {
				if a.Quarantine != b.Quarantine {
					return fmt.Errorf("move %d: quarantine %s and %s", i, a.Quarantine, b.Quarantine)
				}
				leases = slices.Insert(leases, 0, [2]bot.Lease{a, b})
			}
		case "release":
			errs = [2]error{onRedis.Release(ctx, l[0]), plain.Release(ctx, l[1])}
		case "advance":
			next := moved(move, start)
			errs = [2]error{onRedis.Advance(ctx, l[0], next, move.Again), plain.Advance(ctx, l[1], next, move.Again)}
		case "note":
			next := moved(move, start)
			next.Thread, next.State = thread, bot.StateWaiting
			notes := []bot.Note{{Record: next, Again: move.Again}}
			errs = [2]error{onRedis.Note(ctx, notes), plain.Note(ctx, notes)}
		case "hold":
			held := map[string]time.Time{thread: start.Add(move.Again)}
			errs = [2]error{onRedis.Hold(ctx, held), plain.Hold(ctx, held)}
		case "postpone":
			errs = [2]error{onRedis.Postpone(ctx, thread, move.Again), plain.Postpone(ctx, thread, move.Again)}
		case "sleep":
			time.Sleep([]time.Duration{time.Second, 60 * time.Second, 111 * time.Second, 160 * time.Second, time.Hour, 49 * time.Hour}[move.Message])
		case "wipe":
			m.FlushAll()
			plain.Wipe()
			// Both notice at once.
			_, _ = onRedis.Claim(ctx, "another")
			_, _ = plain.Claim(ctx, "another")
		}
		if a, b := kind(errs[0]), kind(errs[1]); a != b {
			return fmt.Errorf("move %d, %+v: %q and %q", i, move, a, b)
		}
		if err := same(ctx, onRedis, plain); err != nil {
			return fmt.Errorf("after move %d, %+v: %w", i, move, err)
		}
		time.Sleep(time.Millisecond)
	}
	return nil
}

func moved(m storeMove, start time.Time) bot.Record {
	r := bot.Record{
		State: m.State, MessageID: fmt.Sprint("m", m.Message), MessageAt: start.Add(time.Duration(m.Message/2) * time.Second),
		Guard: string("g" + m.State), Text: "text", Base: "base", LookedAt: start, Tag: "tag", Assign: "robin",
		SentID: fmt.Sprint("o", m.Message), Generation: "f00d", Asked: m.Message, Unarchived: m.Own,
	}
	if m.Message%2 == 0 {
		r.SentSum = fmt.Sprint("sum", m.Message)
		r.Cause, r.Say, r.HandedAt, r.HandedTag = bot.CauseLoop, "sorry", start.Add(time.Duration(m.Message)*time.Hour), fmt.Sprint("tag", m.Message)
	}
	for i := range 5 * m.Message {
		r.Seen = append(r.Seen, fmt.Sprint("seen", (i*m.Message)%37))
	}
	if m.Own {
		r.SeenAt, r.Own = time.Now(), map[string]time.Time{"own": time.Now()}
	}
	return r
}

func kind(err error) string {
	for _, sentinel := range []error{bot.ErrHeld, bot.ErrLeaseLost, bot.ErrQuarantine, bot.ErrRecorded} {
		if errors.Is(err, sentinel) {
			return sentinel.Error()
		}
	}
	if err != nil {
		return "other"
	}
	return ""
}

// same compares what both stores know of the thread.
func same(ctx context.Context, a, b bot.Ledger) error {
	ra, err1 := a.Records(ctx, []string{thread})
	rb, err2 := b.Records(ctx, []string{thread})
	da, err3 := a.Due(ctx, 10)
	db, err4 := b.Due(ctx, 10)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return err
	}
	x, y := ra[thread], rb[thread]
	if (x.Token == "") != (y.Token == "") {
		return fmt.Errorf("tokens %q and %q", x.Token, y.Token)
	}
	x.Token, y.Token = "", ""
	if !reflect.DeepEqual(x, y) {
		return fmt.Errorf("records\n%+v\n%+v", x, y)
	}
	if !slices.Equal(da, db) {
		return fmt.Errorf("due %v and %v", da, db)
	}
	return nil
}
