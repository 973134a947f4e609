package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"inboxbot/bot"
	"inboxbot/bot/redisstore"
)

// The chaos tests run three bot processes, which are this test binary started
// again and wired as inboxbot run wires itself, on a real Redis with a replica
// and on the simulated API behind a real socket. People write, four sends in ten
// go wrong in seven ways, reads fail and lag behind, processes are killed at
// random and at the worst points, put to sleep for more than a lease and
// restarted, the team pauses and resumes the bot, rules are edited, well and
// badly, and Redis is wiped and failed over to a replica that lags. Then all that
// ends, and every message is counted by the API's own records. One that was
// answered twice, or that nobody took care of, fails the test with its story.
//
// A short run is part of go test. The long one, in rounds of 80 s with a seed
// each, one test after the other:
//
//	go test ./cmd/inboxbot -run Chaos -v -parallel 1 -timeout 90m -chaos.long 10m -chaos.seed 301
//
// The flag is how long TestChaos takes; the others take a half of it or less.
// Their last lines, "in all", hold the figures.
//
// Start reading at chaosRound; chaos_child_test.go is what runs in a process,
// chaos_world_test.go who writes, chaos_desk_test.go who approves drafts, and
// chaos_count_test.go what is counted.
var (
	chaosLong = flag.Duration("chaos.long", 0, "how long TestChaos lasts in all; 0: a short round of each")
	chaosSeed = flag.Uint64("chaos.seed", 1, "the first round's seed; the next have the next")
	chaosRate = flag.Float64("chaos.rate", 12, "inbound messages a second, where requests are not scarce")
)

const chaosRoundTime = 80 * time.Second

// plan is one round.
type plan struct {
	seed    uint64
	threads int
	rate    float64         // inbound messages a second
	chaos   time.Duration   // people write and things go wrong
	settle  time.Duration   // at most until everything is taken care of
	wipes   []time.Duration // when Redis is killed and comes back empty
	fails   []time.Duration // when its replica takes over
	outage  time.Duration   // when the model goes away for a while; 0: never
	pauses  []time.Duration // when the team stops the bot

	naive    bool // a naive bot
	sentinel bool // the replica is found by sentinels
	paced    bool // the API has the limits that it really has
	desk     desk // who approves drafts; deskless: nobody has to
	spare    bool // left out when a round before has found something wrong
}

// lease is how long a claim lasts. Where requests are scarce, work waits for them.
func (p plan) lease() time.Duration {
	if p.paced {
		return 4 * chaosLease
	}
	return chaosLease
}

// gap is how long nothing happens to a process, at most. Every start costs requests.
func (p plan) gap() time.Duration {
	if p.paced {
		return 10 * time.Second
	}
	return 1800 * time.Millisecond
}

// desk is who decides about drafts.
type desk int

const (
	deskless  desk = iota
	deskStore      // people, as inboxbot drafts does
	deskNaive      // a script that sends what it approves
)

// shortRound is one for every run of the tests.
func shortRound() plan {
	return plan{
		seed: *chaosSeed, threads: 100, rate: *chaosRate, chaos: 20 * time.Second, settle: 45 * time.Second,
		pauses: []time.Duration{6 * time.Second}, wipes: []time.Duration{14 * time.Second}, // then there is a quarantine
	}
}

// rounds are one short round, or in a long run as many long ones as last for
// that share of it, as change has them.
func rounds(share float64, change func(p *plan, long bool)) []plan {
	if *chaosLong == 0 {
		p := shortRound()
		change(&p, false)
		return []plan{p}
	}
	var plans []plan
	for left, seed := time.Duration(share*float64(*chaosLong)), *chaosSeed; left > 0; left, seed = left-chaosRoundTime, seed+1 {
		p := plan{
			seed: seed, threads: 250, rate: *chaosRate, chaos: chaosRoundTime, settle: 2 * time.Minute,
			wipes: []time.Duration{10 * time.Second, 58 * time.Second}, fails: []time.Duration{34 * time.Second},
			outage: 46 * time.Second, pauses: []time.Duration{22 * time.Second, 70 * time.Second},
		}
		change(&p, true)
		plans = append(plans, p)
	}
	return plans
}

// TestChaos: nothing is answered twice, nobody is lost.
func TestChaos(t *testing.T) {
	testChaos(t, rounds(1, func(*plan, bool) {}))
}

// TestChaosDrafts: the same while people approve, edit and reject drafts. What is
// sent was approved, in the words that were approved, once.
func TestChaosDrafts(t *testing.T) {
	sum := testChaos(t, rounds(0.5, func(p *plan, long bool) {
		p.desk = deskStore
		if !long {
			p.pauses = nil
		}
	}))
	if sum.approved < 10 || sum.edited < 1 || sum.rejected+sum.handedDrafts < 1 || sum.late < 1 || sum.withdrawn+sum.expired < 1 {
		t.Errorf("too gentle to say anything: %s", sum.desk())
	}
}

// TestChaosSentinel: Redis is one of two, and sentinels choose. The one they choose
// has missed what was written last.
func TestChaosSentinel(t *testing.T) {
	sum := testChaos(t, rounds(0.25, func(p *plan, long bool) {
		p.sentinel, p.wipes, p.fails, p.pauses = true, nil, []time.Duration{9 * time.Second}, nil
		if long {
			p.fails = []time.Duration{8 * time.Second, 33 * time.Second, 58 * time.Second}
		}
	}))
	if sum.fails == 0 {
		t.Error("no failover has happened")
	}
}

// TestChaosPaced: the same within the 300 requests a minute that a team has.
func TestChaosPaced(t *testing.T) {
	if *chaosLong == 0 {
		t.Skip("a minute's limit takes longer than a short round to say anything: -chaos.long")
	}
	sum := testChaos(t, rounds(0.1, func(p *plan, _ bool) {
		p.paced, p.threads, p.rate, p.wipes, p.fails = true, 60, 1, []time.Duration{20 * time.Second}, nil
	}))
	if sum.refused > 0 {
		t.Errorf("%d requests were refused by the API's limits", sum.refused)
	}
}

// testChaos runs rounds in which the bot must keep what it promises.
func testChaos(t *testing.T, plans []plan) totals {
	return runChaos(t, plans, func(t *testing.T, r *round) {
		for _, f := range slices.Concat(r.twice, r.lost, r.hidden) {
			t.Errorf("%s", r.world.story(f, r.fleet, r.diary))
		}
		for _, f := range r.wrong {
			t.Errorf("%s: %s", f.what, r.world.story(f.finding, r.fleet, r.diary))
		}
		for _, thread := range r.whilePaused {
			t.Errorf("sent while paused: %s", r.world.story(finding{thread, "a thread"}, r.fleet, r.diary))
		}
		if r.inbound < 50 || r.sent < 10 || r.kills < 3 || r.naps < 1 || r.inDoubtSends < 1 || *chaosLong > 0 && r.handed < 1 {
			t.Errorf("too gentle to say anything: %s", r)
		}
	})
}

// TestChaosNaive: the same load finds a lock with a mark after the send wanting.
func TestChaosNaive(t *testing.T) {
	sum := runChaos(t, untilSeen(rounds(0.25, func(p *plan, _ bool) {
		p.naive, p.wipes, p.fails, p.outage, p.pauses = true, nil, nil, 0, nil
	})), func(*testing.T, *round) {})
	if sum.twice == 0 {
		t.Error("the naive bot answered nothing twice: the chaos is too gentle")
	}
}

// TestChaosNaiveApprover: and it finds an approver wanting that sends the draft
// itself.
func TestChaosNaiveApprover(t *testing.T) {
	sum := runChaos(t, untilSeen(rounds(0.1, func(p *plan, long bool) {
		p.desk, p.wipes, p.fails, p.outage, p.pauses = deskNaive, nil, nil, 0, nil
		if !long {
			p.chaos, p.settle = 10*time.Second, time.Second
		}
	})), func(*testing.T, *round) {})
	if sum.twice == 0 || sum.wrong == 0 {
		t.Errorf("the naive approver sent nothing twice, or nothing that it should not have: the chaos is too gentle: %s", sum.desk())
	}
}

// untilSeen adds rounds that are left out once one before them has found something
// wrong: a few seconds of chaos may find nothing.
func untilSeen(plans []plan) []plan {
	for range 2 {
		p := plans[len(plans)-1]
		p.seed++
		p.spare = true
		plans = append(plans, p)
	}
	return plans
}

func runChaos(t *testing.T, plans []plan, judge func(*testing.T, *round)) totals {
	needRedis(t)
	if testing.Short() {
		t.Skip("short")
	}
	t.Parallel()
	var sum totals
	for _, p := range plans {
		if p.spare && sum.twice > 0 && (p.desk == deskless || sum.wrong > 0) {
			break
		}
		t.Run(fmt.Sprintf("seed %d", p.seed), func(t *testing.T) {
			r := chaosRound(t, p)
			sum.add(r)
			t.Log(r)
			for _, odd := range r.odd {
				t.Error(odd)
			}
			judge(t, r)
		})
	}
	t.Log("in all: ", sum)
	if plans[0].desk != deskless {
		t.Log("in all: ", sum.desk())
	}
	return sum
}

// round is what one round came to.
type round struct {
	tally
	deskTally
	plan  plan
	world *chaosWorld
	fleet *chaosFleet
	diary *diary
	store chaosRedis
	desk  *chaosDesk // nil: nobody approves

	kills, naps, restarts, wipes, fails int
	pauses, swaps, refused              int
	whilePaused                         []string // threads
	handed, handedInDoubt, inDoubtSends int
	logged                              int64 // decisions in the log of decisions
	spent                               bot.Spent
	settled                             time.Duration
}

func (r *round) String() string {
	var one totals
	one.add(r)
	return fmt.Sprintf("seed %d: %s; settled in %s", r.plan.seed, one, r.settled.Round(100*time.Millisecond))
}

// totals are the figures of several rounds.
type totals struct {
	rounds, inbound, sent, twice, lost, hidden, skipped, handed, inDoubt, inDoubtSends int
	kills, naps, restarts, wipes, fails, pauses, whilePaused, swaps, refused           int
	logged, tokens                                                                     int64

	drafts, approved, edited, rejected, handedDrafts, late, withdrawn, expired, draftsSent, wrong int
}

func (s *totals) add(r *round) {
	s.rounds++
	for to, n := range map[*int]int{
		&s.inbound: r.inbound, &s.sent: r.sent, &s.twice: len(r.twice), &s.lost: len(r.lost), &s.hidden: len(r.hidden),
		&s.skipped: r.skipped, &s.handed: r.handed, &s.inDoubt: r.handedInDoubt, &s.inDoubtSends: r.inDoubtSends,
		&s.kills: r.kills, &s.naps: r.naps, &s.restarts: r.restarts, &s.wipes: r.wipes, &s.fails: r.fails,
		&s.pauses: r.pauses, &s.whilePaused: len(r.whilePaused), &s.swaps: r.swaps, &s.refused: r.refused,
		&s.drafts: r.drafts, &s.approved: r.approved, &s.edited: r.edited, &s.rejected: r.rejected, &s.handedDrafts: r.handedDrafts,
		&s.late: r.late, &s.withdrawn: r.withdrawn, &s.expired: r.expired, &s.draftsSent: r.draftsSent, &s.wrong: len(r.wrong),
	} {
		*to += n
	}
	s.logged += r.logged
	s.tokens += r.spent.Tokens
}

func (s totals) String() string {
	return fmt.Sprintf("%d rounds, %d inbound, %d sent, %d answered twice, %d lost, %d hidden; %d handed over, %d of them in doubt (%.1f %% of inbound); "+
		"%d skipped; %d sends in doubt, %d kills, %d naps, %d restarts, %d wipes, %d failovers, "+
		"%d pauses (%d sent meanwhile), %d edits of the rules, %d requests refused by the API's limits; %d decisions logged and %d tokens counted since the last wipe",
		s.rounds, s.inbound, s.sent, s.twice, s.lost, s.hidden, s.handed, s.inDoubt, 100*float64(s.inDoubt)/float64(max(1, s.inbound)),
		s.skipped, s.inDoubtSends, s.kills, s.naps, s.restarts, s.wipes, s.fails,
		s.pauses, s.whilePaused, s.swaps, s.refused, s.logged, s.tokens)
}

// desk are the figures of drafts.
func (s totals) desk() string {
	return fmt.Sprintf("%d drafts seen; %d approved, %d of them edited, %d rejected, %d given to a person, %d decided too late; "+
		"%d withdrawn, %d expired; %d sent, %d that should not have been",
		s.drafts, s.approved, s.edited, s.rejected, s.handedDrafts, s.late, s.withdrawn, s.expired, s.draftsSent, s.wrong)
}

// chaosRound is one round: chaos, then peace, then the count.
func chaosRound(t *testing.T, p plan) *round {
	r := &round{plan: p, world: newChaosWorld(t, p), diary: &diary{}}
	w, d := r.world, r.diary
	r.store = startRedisPair(t)
	if p.sentinel {
		r.store = startSentinels(t)
	}
	team := w.api.Team().ID
	openChaosStore(t, redisstore.Options{URL: r.store.url(), Team: team, Fresh: true}) // after a wipe nobody says that it is
	dir := t.TempDir()
	spec := chaosSpec{
		API: w.base, Redis: r.store.url(), Rules: filepath.Join(dir, "rules.yaml"), Mode: modeLive, Lease: p.lease(),
		Seed: p.seed, Naive: p.naive, Paced: p.paced, Kill: 0.004, Stop: 0.001, Down: filepath.Join(dir, "model-down"),
	}
	if p.desk != deskless {
		spec.Mode = modeDraft
		r.desk = openDesk(t, p, spec, team)
		w.left = r.desk.isLeft
	}
	editRules(t, spec.Rules, "rules 0")
	r.fleet = startFleet(t, 3, spec)

	w.misbehave()
	ctx, cancel := context.WithTimeout(t.Context(), p.chaos)
	defer cancel()
	var trouble sync.WaitGroup
	trouble.Go(func() { w.live(ctx, p.rate) })
	trouble.Go(func() { r.fleet.harass(ctx, p.gap(), d) })
	trouble.Go(func() { harassRedis(ctx, p, r.store, d) })
	trouble.Go(func() { harassModel(ctx, p, spec.Down, d) })
	trouble.Go(func() { harassTeam(ctx, t, p, spec, d) })
	trouble.Go(func() { harassRules(ctx, t, p, spec.Rules, d) })
	stopDesk := r.desk.work(t.Context())
	trouble.Wait()

	w.hush()
	w.api.ClearFaults()
	d.note("peace", "nobody writes any more, nothing goes wrong any more")
	began, replaced := time.Now(), time.Time{}
	for !r.isSettled(team) && time.Since(began) < p.settle {
		// A process keeps second looks to itself for minutes; the next one finds
		// them due.
		if time.Since(replaced) > 2*p.lease() {
			r.fleet.replace()
			replaced = time.Now()
		}
		time.Sleep(500 * time.Millisecond)
	}
	r.settled = time.Since(began)
	stopDesk()
	r.fleet.end()
	r.total()
	if p.naive || p.desk == deskNaive {
		return r
	}
	r.askStore(t, team)
	open, err := r.store.open(team)
	if err != nil {
		r.odd = append(r.odd, err.Error())
	}
	for _, thread := range open {
		r.odd = append(r.odd, fmt.Sprintf("still open after %s of peace: %s", r.settled, w.story(finding{thread, "a thread"}, r.fleet, d)))
	}
	return r
}

func openChaosStore(t *testing.T, o redisstore.Options) *redisstore.Store {
	t.Helper()
	s, err := redisstore.Open(t.Context(), withChaosTimes(o, chaosLease))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

const chaosPost = "threads.thread.messages.create"

// isSettled reports whether there is nothing left to do and nothing done lately.
func (r *round) isSettled(team string) bool {
	var last time.Time
	for _, q := range r.world.api.Log() {
		if q.Operation == chaosPost {
			last = q.At
		}
	}
	if time.Since(last) < chaosSend+chaosLate {
		return false
	}
	if r.plan.naive {
		return len(r.world.count().lost) == 0
	}
	open, err := r.store.open(team)
	return err == nil && len(open) == 0 && len(r.world.count().lost) == 0
}

// total counts.
func (r *round) total() {
	r.tally = r.world.count()
	if r.desk != nil {
		r.deskTally = r.desk.count(r.world, r.fleet)
	}
	for _, thread := range r.world.threads {
		r.world.countHanded(thread)
	}
	r.handed, r.handedInDoubt = r.world.handedOver()
	r.kills = len(r.diary.times("kill")) + len(r.fleet.logged("killed at a point"))
	r.naps = len(r.diary.times("nap")) + len(r.fleet.logged("stopped at a point"))
	r.restarts = len(r.diary.times("restart"))
	r.wipes, r.fails = len(r.diary.times("wipe")), len(r.diary.times("failover"))
	r.pauses, r.swaps = len(r.diary.times("paused")), len(r.diary.times("rules"))
	for _, q := range r.world.api.Log() {
		switch {
		case q.Status == 429 && q.Fault == "":
			r.refused++
		case q.Operation != chaosPost:
		case q.Fault != "" && q.Status != 429:
			r.inDoubtSends++
		}
		if q.Operation == chaosPost && r.diary.isPaused(q.At) {
			r.whilePaused = append(r.whilePaused, q.ThreadID)
		}
	}
	for _, sign := range []string{"panic: ", "DATA RACE", "fatal error: "} {
		if lines := r.fleet.logged(sign); len(lines) > 0 {
			r.odd = append(r.odd, fmt.Sprintf("a process logged %q: %s", sign, strings.Join(r.fleet.logged(""), "\n")))
		}
	}
}

// askStore asks Redis what it was told beside the records: the log of decisions
// and what the model cost.
func (r *round) askStore(t *testing.T, team string) {
	s := openChaosStore(t, redisstore.Options{URL: r.store.url(), Team: team})
	for before := ""; ; {
		page, err := s.LogBefore(t.Context(), before, 1000)
		if err != nil {
			r.odd = append(r.odd, err.Error())
		}
		if len(page) == 0 {
			break
		}
		r.logged += int64(len(page))
		before = page[len(page)-1].ID
	}
	var err error
	if r.spent, err = s.Spend(t.Context(), time.Now().UTC().Format(time.DateOnly), bot.Spent{}); err != nil {
		r.odd = append(r.odd, err.Error())
	}
	if r.logged == 0 || r.spent.Tokens == 0 || r.spent.MicroUSD == 0 {
		r.odd = append(r.odd, fmt.Sprintf("%d decisions are logged, %+v is spent: something is not wired", r.logged, r.spent))
	}
	waiting, err := s.WaitingDrafts(t.Context(), 1000)
	if err != nil {
		r.odd = append(r.odd, err.Error())
	}
	for _, d := range waiting { // no thread is open any more
		r.odd = append(r.odd, "a draft waits that nobody will come back to: "+r.world.story(finding{d.Thread, markOf.FindString(d.Text)}, r.fleet, r.diary))
	}
}

// harassRedis takes Redis's memory away at the planned times.
func harassRedis(ctx context.Context, p plan, store chaosRedis, d *diary) {
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
			d.note("cut off", "in vain: the replica had not caught up")
			if p.sentinel {
				continue
			}
		}
		d.note("wipe", "Redis is killed")
		store.wipe(lasting, newDice(p.seed).between(100*time.Millisecond, 1500*time.Millisecond))
		d.note("empty", "Redis is back, empty")
	}
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

// harassTeam is the team stopping the bot and letting it go on, by the commands.
func harassTeam(ctx context.Context, t *testing.T, p plan, spec chaosSpec, d *diary) {
	began, dice := time.Now(), newDice(p.seed+2)
	for _, at := range p.pauses {
		if pause(ctx, time.Until(began.Add(at))) != nil {
			return
		}
		if command(ctx, spec, "pause", "chaos") != exitDone {
			continue // Redis is away: whoever stops the bot is told so
		}
		d.note("paused", "by the team")
		_ = pause(ctx, dice.between(3500*time.Millisecond, 5500*time.Millisecond)) // it is resumed in any case
		d.note("resuming", "by the team")
		for began := time.Now(); command(context.WithoutCancel(ctx), spec, "resume") != exitDone; time.Sleep(200 * time.Millisecond) {
			if time.Since(began) > 20*time.Second {
				t.Error("inboxbot resume has been failing for 20 s")
				return
			}
		}
	}
}

// command runs inboxbot in this process, in the environment of the fleet.
func command(ctx context.Context, spec chaosSpec, args ...string) int {
	var out strings.Builder
	return run(ctx, args, spec.environ(), &out, &out)
}

// pauseReach is how soon a pause has reached everybody.
const pauseReach = 2 * time.Second

// isPaused reports whether nobody may begin to send at the time. What Redis loses
// while the bot is paused, it loses the pause with.
func (d *diary) isPaused(at time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	var since time.Time
	for _, e := range d.entries {
		if e.at.After(at) {
			break
		}
		switch e.what {
		case "paused":
			since = e.at
		case "resuming", "cut off", "wipe":
			since = time.Time{}
		}
	}
	return !since.IsZero() && at.Sub(since) > pauseReach
}

// harassRules is a rule author at work: most edits are good, some are not.
func harassRules(ctx context.Context, t *testing.T, p plan, path string, d *diary) {
	dice := newDice(p.seed + 3)
	for n := 1; pause(ctx, dice.between(time.Second, 5*time.Second)) == nil; n++ {
		if dice.float() < 0.3 {
			d.note("rules", "are broken by edit %d", n)
			writeRules(t, path, "version: 1\nguards: [")
			_ = pause(ctx, dice.between(300*time.Millisecond, time.Second)) // then they are mended in any case
		}
		d.note("rules", "are edited, %d", n)
		editRules(t, path, fmt.Sprintf("rules %d", n))
	}
}

// editRules puts the rules in force once more, with another reason.
func editRules(t *testing.T, path, reason string) {
	writeRules(t, path, strings.ReplaceAll(chaosRules, "REASON", reason))
}

// writeRules replaces the rule file as editors do.
func writeRules(t *testing.T, path, text string) {
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		t.Error(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Error(err)
	}
}
