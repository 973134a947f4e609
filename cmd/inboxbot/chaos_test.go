package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"inboxbot/bot/redisstore"
)

// The chaos tests run three bot processes, which are this test binary started
// again, on a real Redis with a replica and on the simulated API behind a real
// socket. People write, four sends in ten go wrong in seven ways, reads fail and
// lag behind, processes are killed at random and at the worst points, put to
// sleep for more than a lease and restarted, the team pauses and resumes the bot,
// and Redis is wiped and failed over to a replica that lags. Then all that ends, and every message is counted by
// the API's own records. One that was answered twice, or that nobody took care
// of, fails the test with its story.
//
// A short run is part of go test. A long one, the same in rounds of 80 s with a
// seed each:
//
//	go test ./cmd/inboxbot -run 'TestChaos$' -v -timeout 30m -chaos.long 10m -chaos.seed 301
//
// and the naive bot under the same load:
//
//	go test ./cmd/inboxbot -run TestChaosNaive -v -timeout 30m -chaos.long 2m
//
// Start reading at chaosRound; chaos_child_test.go is what runs in a process,
// chaos_world_test.go who writes, chaos_count_test.go what is counted.
var (
	chaosLong = flag.Duration("chaos.long", 0, "how long the chaos lasts in all; 0: a short round")
	chaosSeed = flag.Uint64("chaos.seed", 1, "the first round's seed; the next have the next")
	chaosRate = flag.Float64("chaos.rate", 12, "inbound messages a second")
)

const chaosRoundTime = 80 * time.Second

// plan is one round.
type plan struct {
	seed    uint64
	naive   bool
	threads int
	chaos   time.Duration   // people write and things go wrong
	settle  time.Duration   // at most until everything is taken care of
	wipes   []time.Duration // when Redis is killed and comes back empty
	fails   []time.Duration // when its replica takes over
	outage  time.Duration   // when the model goes away for a while; 0: never
}

func chaosPlans(naive bool) []plan {
	if *chaosLong == 0 {
		p := plan{seed: *chaosSeed, naive: naive, threads: 100, chaos: 22 * time.Second, settle: 30 * time.Second}
		if !naive {
			p.wipes = []time.Duration{2 * time.Second}
		}
		return []plan{p}
	}
	var plans []plan
	for left, seed := *chaosLong, *chaosSeed; left > 0; left, seed = left-chaosRoundTime, seed+1 {
		p := plan{seed: seed, naive: naive, threads: 250, chaos: chaosRoundTime, settle: 2 * time.Minute}
		if !naive {
			p.wipes = []time.Duration{10 * time.Second, 58 * time.Second}
			p.fails = []time.Duration{34 * time.Second}
			p.outage = 46 * time.Second
		}
		plans = append(plans, p)
	}
	return plans
}

// TestChaos: nothing is answered twice, nobody is lost.
func TestChaos(t *testing.T) {
	needRedis(t)
	if testing.Short() {
		t.Skip("short")
	}
	t.Parallel()
	var sum totals
	for _, p := range chaosPlans(false) {
		t.Run(fmt.Sprintf("seed %d", p.seed), func(t *testing.T) {
			r := chaosRound(t, p)
			sum.add(r)
			t.Log(r)
			for _, f := range append(append(r.twice, r.lost...), r.hidden...) {
				t.Errorf("%s", r.world.story(f, r.fleet, r.diary))
			}
			for _, odd := range r.odd {
				t.Error(odd)
			}
			for _, late := range r.unheeded {
				t.Errorf("sent though the bot was paused: %s", late)
			}
			if r.inbound < 50 || r.kills < 3 || r.naps < 1 || r.inDoubtSends < 5 {
				t.Errorf("too gentle to say anything: %s", r)
			}
		})
	}
	t.Log("in all: ", sum)
}

// TestChaosNaive: the same load finds a lock with a mark after the send wanting.
func TestChaosNaive(t *testing.T) {
	needRedis(t)
	if testing.Short() {
		t.Skip("short")
	}
	t.Parallel()
	var sum totals
	for _, p := range chaosPlans(true) {
		t.Run(fmt.Sprintf("seed %d", p.seed), func(t *testing.T) {
			r := chaosRound(t, p)
			sum.add(r)
			t.Log(r)
			for _, odd := range r.odd {
				t.Error(odd)
			}
		})
	}
	t.Log("in all: ", sum)
	if sum.twice == 0 {
		t.Error("the naive bot answered nothing twice: the chaos is too gentle")
	}
}

// round is what one round came to.
type round struct {
	tally
	plan  plan
	world *chaosWorld
	fleet *chaosFleet
	diary *diary

	kills, naps, restarts, wipes, fails int
	stops                               int      // how often the team paused the bot
	unheeded                            []string // sends while it was paused
	handed, handedInDoubt, inDoubtSends int
	settled                             time.Duration
}

func (r *round) String() string {
	return fmt.Sprintf("seed %d: %d inbound, %d sent, %d answered twice, %d lost, %d hidden; %d handed over, %d of them in doubt; "+
		"%d skipped, %d hidden by a loss of Redis; %d sends in doubt, %d kills, %d pauses, %d restarts, %d wipes, %d failovers, %d times paused by the team; settled in %s",
		r.plan.seed, r.inbound, r.sent, len(r.twice), len(r.lost), len(r.hidden), r.handed, r.handedInDoubt,
		r.skipped, len(r.forgotten), r.inDoubtSends, r.kills, r.naps, r.restarts, r.wipes, r.fails, r.stops, r.settled.Round(100*time.Millisecond))
}

// totals are the figures of several rounds.
type totals struct {
	rounds, inbound, sent, twice, lost, hidden, forgotten, handed, inDoubt, kills, naps, restarts, wipes, fails, stops int
}

func (s *totals) add(r *round) {
	s.rounds++
	s.inbound += r.inbound
	s.sent += r.sent
	s.twice += len(r.twice)
	s.lost += len(r.lost)
	s.hidden += len(r.hidden)
	s.forgotten += len(r.forgotten)
	s.handed += r.handed
	s.inDoubt += r.handedInDoubt
	s.kills += r.kills
	s.naps += r.naps
	s.restarts += r.restarts
	s.wipes += r.wipes
	s.fails += r.fails
	s.stops += r.stops
}

func (s totals) String() string {
	return fmt.Sprintf("%d rounds, %d inbound, %d sent, %d answered twice, %d lost, %d hidden; %d handed over, %d of them in doubt (%.1f %% of inbound); "+
		"%d hidden by a loss of Redis; %d kills, %d pauses, %d restarts, %d wipes, %d failovers, %d times paused by the team",
		s.rounds, s.inbound, s.sent, s.twice, s.lost, s.hidden, s.handed, s.inDoubt, 100*float64(s.inDoubt)/float64(max(1, s.inbound)),
		s.forgotten, s.kills, s.naps, s.restarts, s.wipes, s.fails, s.stops)
}

// chaosRound is one round: chaos, then peace, then the count.
func chaosRound(t *testing.T, p plan) *round {
	w, d := newChaosWorld(t, p.seed, p.threads), &diary{}
	store := startRedisPair(t)
	team := w.api.Team().ID
	ours := foundStore(t, store.url(), team)
	down := filepath.Join(t.TempDir(), "model-down")
	f := startFleet(t, 3, chaosSpec{API: w.base, Redis: store.url(), Seed: p.seed, Naive: p.naive, Kill: 0.004, Stop: 0.001, Down: down})
	r := &round{plan: p, world: w, fleet: f, diary: d}

	w.misbehave()
	ctx, cancel := context.WithTimeout(t.Context(), p.chaos)
	defer cancel()
	var trouble sync.WaitGroup
	trouble.Go(func() { w.live(ctx, *chaosRate) })
	trouble.Go(func() { f.harass(ctx, d) })
	trouble.Go(func() { harassRedis(ctx, p, store, d) })
	trouble.Go(func() { harassModel(ctx, p, down, d) })
	trouble.Go(func() { harassTeam(ctx, p, ours, d) })
	trouble.Wait()

	w.hush()
	w.api.ClearFaults()
	d.note("peace", "nobody writes any more, nothing goes wrong any more")
	began, replaced := time.Now(), time.Time{}
	for !r.isSettled(store, team) && time.Since(began) < p.settle {
		// New processes know only what is written down.
		if time.Since(replaced) > 2*chaosLease {
			f.replace()
			replaced = time.Now()
		}
		time.Sleep(500 * time.Millisecond)
	}
	r.settled = time.Since(began)
	f.end()
	r.total()
	if p.naive {
		return r
	}
	open, err := store.open(team)
	if err != nil {
		r.odd = append(r.odd, err.Error())
	}
	for _, thread := range open {
		r.odd = append(r.odd, fmt.Sprintf("still open after %s of peace: %s", r.settled, w.story(finding{thread, "a thread"}, f, d)))
	}
	return r
}

// foundStore makes this the first time that the Redis serves the team, so that
// the fleet begins without a quarantine. After a wipe nobody says so.
func foundStore(t *testing.T, url, team string) *redisstore.Store {
	t.Helper()
	o := chaosStore(url, team)
	o.Fresh = true
	s, err := redisstore.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// isSettled reports whether there is nothing left to do and nothing done lately.
func (r *round) isSettled(store *redisPair, team string) bool {
	var last time.Time
	for _, q := range r.world.api.Log() {
		if q.Operation == "threads.thread.messages.create" {
			last = q.At
		}
	}
	if time.Since(last) < chaosSend+chaosLate {
		return false
	}
	if r.plan.naive {
		return len(r.world.count(nil).lost) == 0
	}
	open, err := store.open(team)
	return err == nil && len(open) == 0 && len(r.world.count(nil).lost) == 0
}

// total counts.
func (r *round) total() {
	losses := append(r.diary.times("wipe"), r.diary.times("failover")...)
	r.tally = r.world.count(losses)
	for _, thread := range r.world.threads {
		r.world.countHanded(thread)
	}
	r.handed, r.handedInDoubt = r.world.handedOver()
	r.kills = len(r.diary.times("kill")) + len(r.fleet.logged("killed at a point"))
	r.naps = len(r.diary.times("pause")) + len(r.fleet.logged("stopped at a point"))
	r.restarts = len(r.diary.times("restart"))
	r.wipes, r.fails = len(r.diary.times("wipe")), len(r.diary.times("failover"))
	r.stops = len(r.diary.times("stop"))
	paused := heeded(r.diary)
	for _, q := range r.world.api.Log() {
		if q.Operation != "threads.thread.messages.create" {
			continue
		}
		if q.Fault != "" && q.Status != 429 {
			r.inDoubtSends++
		}
		for _, span := range paused {
			if q.At.After(span.from) && q.At.Before(span.until) {
				r.unheeded = append(r.unheeded, fmt.Sprintf("thread %s at %s, in the pause from %s", q.ThreadID, q.At, span.from))
			}
		}
	}
	for _, sign := range []string{"panic: ", "DATA RACE", "fatal error: "} {
		if lines := r.fleet.logged(sign); len(lines) > 0 {
			r.odd = append(r.odd, fmt.Sprintf("a process logged %q: %s", sign, strings.Join(r.fleet.logged(""), "\n")))
		}
	}
}

// harassRedis takes Redis's memory away at the planned times.
func harassRedis(ctx context.Context, p plan, store *redisPair, d *diary) {
	began, lasting := time.Now(), context.WithoutCancel(ctx) // what is begun is finished
	wipes, fails := p.wipes, p.fails
	for len(wipes)+len(fails) > 0 {
		wipe := len(fails) == 0 || len(wipes) > 0 && wipes[0] < fails[0]
		next := &fails
		if wipe {
			next = &wipes
		}
		if pause(ctx, time.Until(began.Add((*next)[0]))) != nil {
			return
		}
		*next = (*next)[1:]
		if lag := newDice(p.seed).between(300*time.Millisecond, 1500*time.Millisecond); !wipe {
			d.note("cut off", "the replica, for %s", lag)
			if store.failOver(lasting, lag) {
				d.note("failover", "to what the replica knew %s ago", lag)
				continue
			}
		}
		d.note("wipe", "Redis is killed")
		store.wipe(lasting, newDice(p.seed).between(100*time.Millisecond, 1500*time.Millisecond))
		d.note("empty", "Redis is back, empty")
	}
}

// harassTeam pauses the bot for a while, now and then, with the command's means.
func harassTeam(ctx context.Context, p plan, store *redisstore.Store, d *diary) {
	if p.naive {
		return
	}
	dice := newDice(p.seed + 2)
	for pause(ctx, dice.between(p.chaos/10, p.chaos/4)) == nil {
		if err := store.SetPaused(ctx, "chaos", "the team"); err != nil {
			continue // Redis is away, and nothing is sent either
		}
		d.note("stop", "the team pauses the bot")
		_ = pause(ctx, dice.between(time.Second, max(2*time.Second, p.chaos/13)))
		d.note("resume", "the team resumes the bot")
		for store.Resume(context.WithoutCancel(ctx)) != nil {
			time.Sleep(100 * time.Millisecond)
		}
	}
}

type span struct{ from, until time.Time }

// heeded are the times in which no send should begin: from when every process
// must have heard of a pause, and the last look made before it has grown too old,
// until the bot is resumed, or Redis forgets that it is paused.
func heeded(d *diary) []span {
	d.mu.Lock()
	defer d.mu.Unlock()
	var spans []span
	var began time.Time
	for _, e := range d.entries {
		switch e.what {
		case "stop":
			began = e.at
		case "resume", "wipe", "cut off":
			if from := began.Add(3 * time.Second); !began.IsZero() && from.Before(e.at) {
				spans = append(spans, span{from, e.at})
			}
			began = time.Time{}
		}
	}
	return spans
}

// harassModel takes the model away for longer than the bots' patience.
func harassModel(ctx context.Context, p plan, down string, d *diary) {
	if p.outage == 0 || pause(ctx, p.outage) != nil {
		return
	}
	d.note("model", "is out of reach")
	if err := os.WriteFile(down, nil, 0o600); err != nil {
		return
	}
	_ = pause(ctx, 10*time.Second)
	_ = os.Remove(down)
	d.note("model", "is back")
}
