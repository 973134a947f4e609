package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"inboxbot/bot"
	"inboxbot/bot/redisstore"
)

// The world of the property tests: workers that follow the protocol of claim,
// look, begin, send and record on the real scripts, against an API that may show
// a message late, lose it, or lose its answer. Whatever the order of their steps,
// crashes, pauses and wipes, no inbound message is answered twice, and every
// thread can be brought to an end.

const (
	worldLease  = 120 * time.Second
	worldSend   = 10 * time.Second
	worldSettle = 30 * time.Second // D: how late a message becomes visible at most
	worldQuiet  = worldLease + worldSend + worldSettle
)

// act is one thing that happens. It is drawn as numbers before the world starts,
// so that it can be shrunk and shown.
type act struct {
	Kind   string
	Worker int
	Fate   string        // step: what becomes of a send, if the step is one
	Pause  time.Duration // pause
}

const (
	sentNow  = "sent"
	sentLate = "sent late, answer lost" // visible only after worldSettle
	sentLost = "never sent, answer lost"
	refused  = "refused" // certainly not sent
)

// acts are what may happen. A list beginning with many steps makes threads go
// somewhere.
func acts() *rapid.Generator[[]act] {
	one := rapid.Custom(func(t *rapid.T) act {
		return act{
			Kind: rapid.SampledFrom([]string{
				"step", "step", "step", "step", "step", "step", "step", "step", "step", "step",
				"pause", "pause", "crash", "inbound", "wipe", "failover",
			}).Draw(t, "kind"),
			Worker: rapid.IntRange(0, 2).Draw(t, "worker"),
			Fate:   rapid.SampledFrom([]string{sentNow, sentLate, sentLost, refused}).Draw(t, "fate"),
			Pause: rapid.SampledFrom([]time.Duration{
				time.Second, worldSettle, worldLease / 2, worldLease, worldQuiet - worldLease/2, worldQuiet,
			}).Draw(t, "pause"),
		}
	})
	return rapid.SliceOfN(one, 10, 60)
}

// weakness is one thing a worker leaves out.
type weakness string

const (
	none           weakness = ""
	noBegin        weakness = "sends without begin"
	resends        weakness = "sends again when a send is not found"
	anyGeneration  weakness = "begins with leases of the quarantine"
	noQuarantine   weakness = "store without quarantine"
	forgetsRetries weakness = "takes every failed send for certainly not sent"
)

// outbound is a message of ours.
type outbound struct {
	id      string
	about   string
	visible time.Time // when the thread shows it; zero: never
}

// world is one thread of the API, its clock, and the workers.
type world struct {
	t       *testing.T
	weak    weakness
	store   *redisstore.Store
	mini    *miniredis.Miniredis
	workers [3]worker

	inbound []bot.Turn // oldest first
	sends   []outbound
	wiped   bool
}

// worker is where one worker stands in the protocol.
type worker struct {
	next  string // "" (claim), look, begin, send, record, release
	lease bot.Lease
	mid   bot.Turn
	state bot.State // what to record
	sent  string
}

func (w *world) receive() {
	n := len(w.inbound)
	w.inbound = append(w.inbound, bot.Turn{ID: fmt.Sprintf("in-%d", n), At: time.Now().UTC()})
}

func (w *world) newest() bot.Turn { return w.inbound[len(w.inbound)-1] }

// found returns our message that a send about mid became, if the thread shows it.
func (w *world) found(mid string) (outbound, bool) {
	for _, o := range w.sends {
		if o.about == mid && !o.visible.IsZero() && !o.visible.After(time.Now()) {
			return o, true
		}
	}
	return outbound{}, false
}

// answered reports whether the thread shows a message that came after mid and is
// not known as the bot's own.
func (w *world) answered(mid bot.Turn, own map[string]time.Time) bool {
	for _, o := range w.sends {
		if _, known := own[o.id]; !known && !o.visible.IsZero() && !o.visible.After(time.Now()) && !o.visible.Before(mid.At) {
			return true
		}
	}
	return false
}

// step lets a worker do its next thing, which is one I/O.
func (w *world) step(i int, fate string) error {
	k, ctx := &w.workers[i], context.Background()
	switch k.next {
	case "":
		l, err := w.store.Claim(ctx, thread)
		if errors.Is(err, bot.ErrHeld) {
			return nil
		} else if err != nil {
			return err
		}
		k.lease, k.mid = l, w.newest()
		switch r := l.Record; {
		case r.State == bot.StateIntent:
			k.next = "reconcile"
		case r.State == bot.StateHanding:
			k.state, k.next = bot.StateHandoff, "record"
			k.mid = bot.Turn{ID: r.MessageID, At: r.MessageAt}
		case r.Done(k.mid.ID, k.mid.At):
			k.next = "close"
		default:
			k.next = "look"
		}
	case "close":
		r := k.lease.Record
		k.next = "release"
		if w.newest().ID != r.MessageID {
			return nil
		}
		return ignore(w.store.Advance(ctx, k.lease, bot.Record{State: r.State, MessageID: r.MessageID, MessageAt: r.MessageAt}, 0))
	case "look":
		k.mid, k.next = w.newest(), "begin"
		if w.answered(k.mid, k.lease.Record.Own) {
			k.state, k.next = bot.StateAnswered, "record"
		}
		if w.weak == noBegin {
			k.next = "send"
		}
	case "begin":
		err := w.store.Advance(ctx, w.begins(k.lease), bot.Record{
			State: bot.StateIntent, MessageID: k.mid.ID, MessageAt: k.mid.At, Text: "answer to " + k.mid.ID,
		}, worldSettle)
		k.next = "send"
		if err != nil {
			k.next = "release"
		}
		return ignore(err)
	case "send":
		w.send(k, fate)
	case "reconcile":
		w.reconcile(k)
	case "record":
		err := w.store.Advance(ctx, k.lease, bot.Record{
			State: k.state, MessageID: k.mid.ID, MessageAt: k.mid.At, SentID: k.sent, Tag: "needs-human",
		}, 0)
		if k.next = "release"; k.state == bot.StateHanding && err == nil {
			k.state, k.next = bot.StateHandoff, "record"
		}
		return ignore(err)
	case "release":
		l := k.lease
		*k = worker{}
		return w.store.Release(ctx, l)
	}
	return nil
}

// begins is the lease a worker begins with: its own, unless it is weak.
func (w *world) begins(l bot.Lease) bot.Lease {
	if w.weak == anyGeneration {
		l.Generation = w.mini.HGet("inboxbot:{team}:gen", "gen")
	}
	return l
}

// send is the fence and the POST.
func (w *world) send(k *worker, fate string) {
	k.next = "record"
	if k.lease.Left(time.Now()) < worldSend+worldSend/5 {
		k.next = "release" // stays an intent: a fence that closed is not told from a cut
		return
	}
	o := outbound{id: fmt.Sprintf("out-%d", len(w.sends)), about: k.mid.ID}
	switch k.state = bot.StateSent; fate {
	case refused:
		k.state = bot.StateRetry
		return
	case sentNow:
		o.visible, k.sent = time.Now(), o.id
	case sentLate:
		o.visible = time.Now().Add(worldSend + worldSettle)
	}
	if fate == sentLate || fate == sentLost {
		k.next = "release"
		if w.weak == forgetsRetries {
			k.state, k.next = bot.StateRetry, "record"
		}
	}
	w.sends = append(w.sends, o)
}

func (w *world) reconcile(k *worker) {
	r := k.lease.Record
	k.mid, k.next = bot.Turn{ID: r.MessageID, At: r.MessageAt}, "record"
	if o, ok := w.found(r.MessageID); ok {
		k.state, k.sent = bot.StateSent, o.id
	} else if time.Since(r.At) <= worldSend+worldSettle {
		k.next = "release"
	} else if k.state = bot.StateHanding; w.weak == resends {
		k.next = "send"
	}
}

// ignore drops the answers a store may well give.
func ignore(err error) error {
	if errors.Is(err, bot.ErrLeaseLost) || errors.Is(err, bot.ErrRecorded) || errors.Is(err, bot.ErrQuarantine) {
		return nil
	}
	return err
}

const thread = "thread"

// play lets the acts happen in a bubble and returns which promise was broken.
func play(t *testing.T, weak weakness, acts []act) (broken error) {
	synctest.Test(t, func(t *testing.T) {
		m, c := mini(t)
		w := &world{t: t, weak: weak, mini: m, store: openWorld(t, weak, c)}
		w.receive()
		for _, a := range acts {
			if broken = w.happen(a); broken != nil {
				return
			}
			time.Sleep(time.Millisecond)
		}
		broken = w.finish()
	})
	return broken
}

func openWorld(t *testing.T, weak weakness, c redis.UniversalClient) *redisstore.Store {
	o := redisstore.Options{Client: c, Team: "team", Fresh: true, Lease: worldLease, Send: worldSend, Quarantine: worldQuiet}
	if weak == noQuarantine {
		o.Quarantine = time.Millisecond
	}
	return open(t, o)
}

func (w *world) happen(a act) error {
	switch a.Kind {
	case "step":
		if err := w.step(a.Worker, a.Fate); err != nil {
			return err
		}
	case "pause":
		time.Sleep(a.Pause)
	case "crash":
		w.workers[a.Worker] = worker{}
	case "inbound":
		if len(w.inbound) < 4 {
			w.receive()
		}
	case "failover": // a replica took over that has the claims, but not what was written last
		w.mini.Del("inboxbot:{team}:r:" + thread)
		w.mini.Del("inboxbot:{team}:open")
		w.mini.HSet("inboxbot:{team}:gen", "rid", "another server")
		return w.lost()
	case "wipe":
		w.mini.FlushAll()
		return w.lost()
	}
	return w.safe()
}

func (w *world) lost() error {
	w.wiped = true
	// Somebody notices at once, as the workers of a running bot do.
	if l, err := w.store.Claim(context.Background(), "another"); err == nil {
		return w.store.Release(context.Background(), l)
	}
	return w.safe()
}

// safe is the promise S. While the store keeps its memory not even a send that
// was lost is repeated; once it lost it, no message that arrives is.
func (w *world) safe() error {
	posts, shown := map[string]int{}, map[string]int{}
	for _, o := range w.sends {
		posts[o.about]++
		if !o.visible.IsZero() {
			shown[o.about]++
		}
	}
	for mid, n := range posts {
		if shown[mid] > 1 || n > 1 && !w.wiped {
			return fmt.Errorf("%s was answered %d times, %d of which are shown", mid, n, shown[mid])
		}
	}
	return nil
}

// finish is the promise L: all workers die, everything heals, and one that comes
// back brings the thread to an end, safely.
func (w *world) finish() error {
	w.workers = [3]worker{}
	time.Sleep(worldQuiet + worldLease)
	for range 60 {
		if err := w.happen(act{Kind: "step", Fate: sentNow}); err != nil {
			return err
		}
		time.Sleep(time.Second)
	}
	records, err := w.store.Records(context.Background(), []string{thread})
	if err != nil {
		return err
	}
	if r, mid := records[thread], w.newest(); !r.Done(mid.ID, mid.At) {
		return fmt.Errorf("%s is lost: the record is %q about %q", mid.ID, r.State, r.MessageID)
	}
	due, err := w.store.Due(context.Background(), 10)
	if err == nil && len(due) > 0 {
		err = fmt.Errorf("%v still due at the end", due)
	}
	return err
}

func TestNeverTwiceNobodyLost(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		happened := acts().Draw(rt, "acts")
		if err := play(t, none, happened); err != nil {
			rt.Fatal(err)
		}
	})
}

// TestPropertyTestSees proves that the test above can fail: each weakness is found
// by the very same worlds.
func TestPropertyTestSees(t *testing.T) {
	for _, row := range []struct {
		weak  weakness
		from  int   // where the search begins: near where it ended last
		world []act // instead of a search: too rare to be met by chance
	}{
		{noBegin, 0, nil},
		{resends, 120, nil},
		{forgetsRetries, 180, nil},
		{noQuarantine, 700, nil},
		{anyGeneration, 0, lookInTheQuarantine},
	} {
		t.Run(string(row.weak), func(t *testing.T) {
			if row.world != nil {
				if err := play(t, none, row.world); err != nil {
					t.Errorf("the store as it is: %v", err)
				}
				if err := play(t, row.weak, row.world); err == nil || !strings.Contains(err.Error(), "answered") {
					t.Errorf("not found: %v", err)
				}
				return
			}
			worlds := acts()
			for seed := row.from; seed < row.from+1000; seed++ {
				if err := play(t, row.weak, worlds.Example(seed)); err != nil && strings.Contains(err.Error(), "answered") {
					t.Logf("world %d: %v", seed, err)
					return
				} else if err != nil {
					t.Fatalf("world %d: %v", seed, err)
				}
			}
			t.Error("not found in 1,000 worlds")
		})
	}
}

// lookInTheQuarantine: a worker has begun when the store forgets it, and sends as
// late as it may. Another looks before that shows, and begins when the quarantine
// is over.
var lookInTheQuarantine = []act{
	{Kind: "step"}, // claim
	{Kind: "step"}, // look
	{Kind: "step"}, // begin
	{Kind: "wipe"},
	{Kind: "pause", Pause: worldLease - 2*worldSend},
	{Kind: "step", Fate: sentLate},
	{Kind: "step", Worker: 1}, // claim
	{Kind: "step", Worker: 1}, // look
	{Kind: "pause", Pause: worldQuiet - worldLease + 2*worldSend},
	{Kind: "step", Worker: 1},                // begin
	{Kind: "step", Worker: 1, Fate: sentNow}, // send
}

// TestStoresAgree makes the same moves in the store on Redis and in the plain one
// of bottest: written apart, they must say the same and keep the same.
func TestStoresAgree(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		moves := rapid.SliceOfN(rapid.Custom(drawMove), 5, 60).Draw(rt, "moves")
		var differ error
		synctest.Test(t, func(t *testing.T) { differ = compare(t, moves) })
		if differ != nil {
			rt.Fatal(differ)
		}
	})
}
