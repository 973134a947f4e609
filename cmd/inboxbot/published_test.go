package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"inboxbot/bot"
	"inboxbot/bot/bottest"
	"inboxbot/bot/redisstore"
	"inboxbot/inboxapi"
	"inboxbot/inboxapi/inboxapitest"
)

// fleet is three processes of a bot whose rules and prompts come from Redis, under
// work, and the author who publishes for them.
type fleet struct {
	t        *testing.T
	sim      *inboxapitest.Server
	environ  []string
	replicas []*parts
	author   *author
	store    *redisstore.Store
	late     func() time.Duration

	good     map[string]string // edition by the hash it was published under
	resting  atomic.Bool       // no new prospects write
	mu       sync.Mutex
	handled  []bot.Handled
	slowest  time.Duration
	last     string // hash of the newest good edition
	stopAll  context.CancelFunc
	finished sync.WaitGroup
}

const (
	fleetReplicas = 3
	fleetThreads  = 200 // in work at any time
)

func newFleet(t *testing.T) *fleet {
	t.Helper()
	needRedis(t)
	f := &fleet{
		t: t, good: map[string]string{}, late: lateness(t), author: newAuthor(t, false, edition(0)),
		sim: inboxapitest.New(inboxapitest.Options{Seed: 4, Limits: inboxapitest.Limits{Minute: -1, Hour: -1, Day: -1}}),
	}
	inbox := httptest.NewServer(f.sim)
	t.Cleanup(func() { inbox.Close(); _ = f.sim.Close() })
	redis := startRedis(t.Context(), t, freePort(t), "")
	f.environ = []string{
		"INBOX_API_TOKEN=some-token", "INBOX_API_BASE_URL=" + inbox.URL + "/api/v1", "REDIS_URL=redis://" + redis.addr(),
		"OPENAI_MODEL=some-model", "OPENAI_BASE_URL=" + inbox.URL + "/v1", "BOT_SOURCE=redis", "BOT_MODE=live", "BOT_SETTLE=0s", "BOT_HTTP_ADDR=", "BOT_POLL_INTERVAL=500ms",
		fmt.Sprintf("BOT_CONCURRENCY=%d", fleetThreads/fleetReplicas+1),
	}
	if out, code := f.publish(); code != exitDone {
		t.Fatalf("publish: %s", out)
	}
	cfg, err := readConfig(t.Context(), f.environ, needInbox)
	if err != nil {
		t.Fatal(err)
	}
	if f.store, err = openRedis(t.Context(), cfg, "", ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.store.Close() })
	f.sim.OnSend(func(inboxapi.Thread, inboxapi.Message) {
		if !f.resting.Load() {
			f.arrives()
		}
	})
	return f
}

// start has three processes answer 200 people; for each who is answered another
// one writes.
func (f *fleet) start() {
	ctx, stop := context.WithCancel(f.t.Context())
	f.stopAll = stop
	for range fleetThreads {
		f.arrives()
	}
	for range fleetReplicas {
		cfg, err := readConfig(ctx, f.environ, needInbox)
		if err != nil {
			f.t.Fatal(err)
		}
		w, err := wire(ctx, cfg, loaded{}, &process{stdout: io.Discard, stderr: &logBook{}}, wiring{fresh: true, unpaced: true})
		if err != nil {
			f.t.Fatal(err)
		}
		w.model = bottest.NewModel(thinksFor(2*time.Second, 6*time.Second))
		if err := w.live.begin(ctx, needReplier); err != nil {
			f.t.Fatal(err)
		}
		b, err := w.newBot(func(h bot.Handled) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.handled = append(f.handled, h)
		})
		if err != nil {
			f.t.Fatal(err)
		}
		f.replicas = append(f.replicas, w)
		f.finished.Go(func() {
			defer w.close()
			if err := serve(ctx, cfg, w, b); err != nil {
				f.t.Errorf("serve: %v", err)
			}
		})
	}
}

// thinksFor is a model that takes so long that threads begin with one generation
// and end under another.
func thinksFor(least, most time.Duration) func(bot.Prompt) (string, error) {
	return func(bot.Prompt) (string, error) {
		time.Sleep(least + rand.N(most-least)) // what a model takes
		return decided(bot.Decision{Action: bot.Reply, Reply: "ok"}), nil
	}
}

// arrives has somebody new write.
func (f *fleet) arrives() {
	th := f.sim.AddThread(inboxapitest.NewThread{})
	f.sim.Receive(th.ID, "Hi")
}

var publishedAs = regexp.MustCompile(`^published: generation ([0-9a-f]+) is in force`)

// publish runs inboxbot publish on what the author has written, and notes the hash
// of what is good.
func (f *fleet) publish() (output string, code int) {
	var out, errs bytes.Buffer
	code = run(f.t.Context(), []string{"publish", f.author.base, "--by", "the author"}, f.environ, &out, &errs)
	if m := publishedAs.FindStringSubmatch(out.String()); m != nil {
		text, err := os.ReadFile(filepath.Join(f.author.base, rulesFile))
		f.author.must(err)
		f.last = m[1]
		f.good[f.last] = editionOf.FindStringSubmatch(string(text))[1]
	}
	return out.String() + errs.String(), code
}

// smuggle writes files past publish's check, as somebody with another version, or
// with redis-cli, could.
func (f *fleet) smuggle(files map[string]string) {
	texts := map[string]string{}
	sum := sha256.New()
	for name, text := range files {
		texts[strings.TrimPrefix(name, "prompts/")] = text
		fmt.Fprintln(sum, name, text)
	}
	if len(texts) == 0 {
		return
	}
	_, err := f.store.Publish(f.t.Context(), redisstore.Published{Hash: hex.EncodeToString(sum.Sum(nil)[:6]), By: "smuggler"}, texts, redisstore.Any)
	f.author.must(err)
}

// agree waits until all processes have the newest good edition in force or, when
// what is published is bad, refuse it and keep a good one.
func (f *fleet) agree(broken bool) {
	f.t.Helper()
	began := time.Now()
	for _, w := range f.replicas {
		for {
			hash, refused := w.live.current().Hash, w.live.refused()
			if !broken && hash == f.last && refused == nil || broken && refused != nil && f.good[hash] != "" {
				break
			}
			if limit := inForce + 5*f.late(); time.Since(began) > limit {
				f.t.Errorf("after %v: generation %s of edition %q is in force, refused: %v; published was %s (broken: %v)",
					limit, hash, f.good[hash], refused, f.last, broken)
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	if !broken {
		f.slowest = max(f.slowest, time.Since(began))
	}
}

// rest lets what is begun come to its end, and stops the processes.
func (f *fleet) rest() {
	f.resting.Store(true)
	for began := time.Now(); len(f.sim.Unanswered()) > 0; time.Sleep(50 * time.Millisecond) {
		if time.Since(began) > 30*time.Second {
			f.t.Errorf("%d people were not answered", len(f.sim.Unanswered()))
			break
		}
	}
	f.stopAll()
	f.finished.Wait()
}

// isOfOne fails unless everything about a handled thread is of one good edition:
// its hash, the guard that decided, and every file of its prompt.
func (f *fleet) isOfOne(h bot.Handled) {
	want := f.good[h.Generation]
	if want == "" {
		f.t.Errorf("thread %s was handled with generation %s, which was never good", h.Thread, h.Generation)
		return
	}
	found := editionOf.FindAllStringSubmatch(h.Guard+" "+h.Thought.Prompt.System, -1)
	if len(found) != 4 { // guard, part, template, facts
		f.t.Errorf("thread %s: %s by %s (%s) with %q", h.Thread, h.Outcome, h.Guard, h.Reason, h.Thought.Prompt.System)
		return
	}
	for _, e := range found {
		if e[1] != want {
			f.t.Errorf("thread %s of edition %s: guard %s with system text %q", h.Thread, want, h.Guard, h.Thought.Prompt.System)
			return
		}
	}
}

// TestAThousandPublishesUnderWork is an author who publishes 1,000 times, well and
// badly, for three processes that answer 200 people at a time; now and then what is
// broken gets into Redis past the check.
func TestAThousandPublishesUnderWork(t *testing.T) {
	edits, burst := 1000, 80
	if testing.Short() {
		edits = 120
	}
	f := newFleet(t)
	f.start()
	rng := rand.New(rand.NewPCG(4, 4))
	good, refused, smuggled, looks := 0, 0, 0, 0
	for i := 1; i <= edits && !t.Failed(); i++ {
		files, way := edition(i), rng.IntN(10)
		fault := faults[rng.IntN(len(faults))]
		if way < 4 {
			fault.do(files)
		}
		manners[0].save(f.author, files)
		switch {
		case way == 0: // past the check
			f.smuggle(files)
			smuggled++
		case way < 4:
			if out, code := f.publish(); code != exitUsage || out == "" {
				t.Errorf("edition %d, %s: publish ends with %d: %s", i, fault.name, code, out)
			}
			refused++
		default:
			if out, code := f.publish(); code != exitDone {
				t.Errorf("edition %d: publish ends with %d: %s", i, code, out)
			}
			good++
		}
		now, err := f.store.InForce(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if i%burst == 0 || i == edits {
			looks++
			f.agree(f.good[now.Hash] == "")
		}
	}
	f.rest()
	used := map[string]bool{}
	for _, h := range f.handled {
		f.isOfOne(h)
		used[h.Generation] = true
	}
	if twice := f.sim.AnsweredTwice(); len(twice) > 0 {
		t.Errorf("%d people were answered twice", len(twice))
	}
	t.Logf("%d publishes: %d good, %d refused, %d broken ones past the check; %d processes agreed %d times, the slowest good one was in force on all after %v; %d threads handled with %d generations, 0 of a mix, 0 answered twice; the machine woke sleepers up to %v late",
		edits, good, refused, smuggled, fleetReplicas, looks, f.slowest.Round(time.Millisecond), len(f.handled), len(used), f.late().Round(time.Millisecond))
	if len(f.handled) < fleetThreads || len(used) < 2 {
		t.Errorf("%d threads with %d generations: that proves nothing", len(f.handled), len(used))
	}
}
