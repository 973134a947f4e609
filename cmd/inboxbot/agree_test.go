package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"inboxbot/bot"
	"inboxbot/bot/redisstore"
	"inboxbot/inboxapi"
)

// followers are processes whose rules and prompts come from one Redis, in a bubble
// of testing/synctest.
type followers struct {
	*testing.T
	store  *redisstore.Store // the author's
	client *redis.Client
	all    []*generations
	log    logBook
	writes noWrites
}

// followersOf has edition 1 in force in a process for each of recent, which are how
// many messages of a person the conversation has that it read last; 0: it read none.
func followersOf(t *testing.T, recent ...int) *followers {
	t.Helper()
	m := miniredis.NewMiniRedis()
	r := &followers{T: t, client: redis.NewClient(&redis.Options{
		Dialer:     func(context.Context, string, string) (net.Conn, error) { return m.Dial() },
		MaxRetries: -1, DisableIdentity: true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})}
	t.Cleanup(func() { _ = r.client.Close(); m.Close() })
	r.client.AddHook(&r.writes)
	r.store = r.open()
	r.publish("1", edition(1))
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(func() { cancel(); synctest.Wait() })
	log := slog.New(slog.NewTextHandler(&r.log, nil))
	cfg := Config{HandoffTag: "needs-human", OpenAIModel: "some-model", Source: "redis"}
	for _, n := range recent {
		g := newGenerations(cfg, published{r.open(), log}, loaded{}, log)
		if err := g.begin(ctx, needReplier); err != nil {
			t.Fatal(err)
		}
		lately := func() []*bot.Conversation { return personWrote(n) }
		g.recent.Store(&lately)
		r.all = append(r.all, g)
		go func() { _ = g.follow(ctx) }()
		time.Sleep(370 * time.Millisecond) // they do not ask at the same moments
	}
	return r
}

func (r *followers) open() *redisstore.Store {
	r.Helper()
	s, err := redisstore.Open(r.Context(), redisstore.Options{Client: r.client, Team: "team", Fresh: true})
	if err != nil {
		r.Fatal(err)
	}
	return s
}

// personWrote is a conversation in which a person wrote n messages, none for 0.
func personWrote(n int) []*bot.Conversation {
	if n == 0 {
		return nil
	}
	c := waitingQuestion()
	c.Thread = inboxapi.Thread{ID: "t1", CreatedAt: c.Now}
	for len(c.Turns) < n {
		c.Turns = append(c.Turns, c.Turns[0])
	}
	return []*bot.Conversation{c}
}

// fragile is an edition that loads, and cannot be evaluated for who wrote fewer
// than four messages.
func fragile(n int) map[string]string {
	files := edition(n)
	change("rules.yaml", "unanswered > 1000", `texts[3] == "x"`)(files)
	return files
}

// publish puts files in force under a hash that ends in name.
func (r *followers) publish(name string, files map[string]string) string {
	r.Helper()
	return r.put(redisstore.Published{Hash: "abc" + name, By: "mira"}, files)
}

func (r *followers) put(g redisstore.Published, files map[string]string) string {
	r.Helper()
	texts := map[string]string{}
	for name, text := range files {
		texts[strings.TrimPrefix(name, "prompts/")] = text
	}
	if _, err := r.store.Publish(r.Context(), g, texts, redisstore.Any); err != nil {
		r.Fatal(err)
	}
	return g.Hash
}

// agree fails unless within two seconds every process has the generation in force
// that is newest in the history, and it is the one wanted.
func (r *followers) agree(want string) {
	r.Helper()
	time.Sleep(inForce)
	synctest.Wait()
	for i, g := range r.all {
		if now := g.current().Hash; now != want {
			r.Errorf("process %d has %s in force, want %s; refused: %v", i, now, want, g.refused())
		}
	}
	if now := r.history()[0]; now.Hash != want {
		r.Errorf("the history says that %+v is in force, want %s", now, want)
	}
}

// refuse fails unless every process says that a generation was refused, with words.
func (r *followers) refuse(words ...string) {
	r.Helper()
	for i, g := range r.all {
		err := g.refused()
		for _, word := range words {
			if err == nil || !strings.Contains(err.Error(), word) {
				r.Errorf("process %d says refused: %v, want %q", i, err, word)
			}
		}
		if words == nil && err != nil {
			r.Errorf("process %d says refused: %v", i, err)
		}
	}
}

func (r *followers) history() []redisstore.Published {
	r.Helper()
	all, err := r.store.History(r.Context())
	if err != nil {
		r.Fatal(err)
	}
	return all
}

// TestProcessesAgree is about generations that load everywhere and fail on a
// conversation that only some of the processes have read.
func TestProcessesAgree(t *testing.T) {
	tests := []struct {
		name   string
		recent []int
		want   string // in force after the fragile edition 2 was published
	}{
		{"nobody has read such a conversation", []int{4, 0, 4}, "abc2"},
		{"one of three has", []int{4, 1, 0}, "abc1"},
		{"all have, and refuse it at once", []int{1, 1, 1}, "abc1"},
		{"the only one has", []int{1}, "abc1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := followersOf(t, tt.recent...)
				r.agree("abc1")
				r.publish("2", fragile(2))
				r.agree(tt.want)
				if tt.want == "abc2" {
					r.refuse()
					return
				}
				r.refuse("generation abc2 was taken back", "by process ", "rules.yaml:4:16: index out of range", "tried on thread t1", "generation abc1 stays in force")
				time.Sleep(time.Minute) // and so it stays
				r.agree(tt.want)
				all := r.history()
				if len(all) != 3 {
					t.Fatalf("the history has %d entries: %+v", len(all), all)
				}
				back := all[0]
				if !back.Back || !back.Refused || back.Before != "abc2" || !strings.HasPrefix(back.By, "process ") || !strings.Contains(back.Message, "tried on thread t1") || strings.Contains(back.Message, "\n") {
					t.Errorf("the newest entry is %+v", back)
				}
				if said := r.log.String(); strings.Count(said, "generation taken back") != len(r.all) {
					t.Errorf("not every process logged once that it was taken back:\n%s", said)
				}

				r.publish("3", edition(3))
				r.agree("abc3")
				r.refuse()
			})
		})
	}
}

// TestGoingBackIsNotTried: what a person returns to takes effect everywhere, even if
// it fails on a conversation, and so can a person insist on what was taken back.
func TestGoingBackIsNotTried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := followersOf(t, 1, 4)
		r.publish("2", fragile(2))
		r.agree("abc1")
		r.put(redisstore.Published{Hash: "abc2", By: "robin", Back: true}, fragile(2))
		r.agree("abc2")
		r.refuse()
	})
}

// TestAPersonKeepsWhatIsInForce: who has seen that a generation was taken back says
// so by putting in force what is.
func TestAPersonKeepsWhatIsInForce(t *testing.T) {
	for name, g := range map[string]redisstore.Published{
		"rolled back to": {Hash: "abc1", By: "robin", Back: true},
		"published":      {Hash: "abc1", By: "robin"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := followersOf(t, 1, 4)
				r.publish("2", fragile(2))
				r.agree("abc1")
				r.refuse("taken back")
				r.put(g, edition(1))
				r.agree("abc1")
				r.refuse()
			})
		})
	}
}

// TestAProcessThatStartsIsTold: one that was not there when it happened says the same.
func TestAProcessThatStartsIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := followersOf(t, 1)
		r.publish("2", fragile(2))
		r.agree("abc1")
		late := newGenerations(r.all[0].cfg, published{r.open(), slog.New(slog.DiscardHandler)}, loaded{}, slog.New(slog.DiscardHandler))
		if err := late.begin(t.Context(), needReplier); err != nil {
			t.Errorf("it does not begin: %v", err)
		}
		r.all = append(r.all, late)
		r.refuse("generation abc2 was taken back")
	})
}

// TestTakingBackIsTriedAgain: while Redis takes no writes, the process that refuses
// stays with what it has, says so once, and takes it back as soon as it can.
func TestTakingBackIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := followersOf(t, 1, 4)
		r.publish("2", fragile(2))
		r.writes.away.Store(true)
		time.Sleep(time.Minute)
		synctest.Wait()
		if a, b := r.all[0].current().Hash, r.all[1].current().Hash; a != "abc1" || b != "abc2" {
			t.Errorf("in force are %s and %s", a, b)
		}
		if said := r.log.String(); strings.Count(said, "generation refused") != 1 || strings.Count(said, "level=WARN") != 1 {
			t.Errorf("the log says:\n%s", said)
		}
		r.writes.away.Store(false)
		r.agree("abc1")
		r.refuse("taken back")
	})
}

// TestTheHistoryTellsWhatWasTakenBack is inboxbot generations.
func TestTheHistoryTellsWhatWasTakenBack(t *testing.T) {
	at := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	var out strings.Builder
	err := listGenerations(&out, []redisstore.Published{
		{Hash: "abc1", By: "process QX4", Message: "rules.yaml:4:16: index out of range (tried on thread t1)", Back: true, Refused: true, Before: "abc2", At: at},
		{Hash: "abc2", By: "mira", Message: "refunds", Before: "abc1", At: at},
		{Hash: "abc1", Back: true, Before: "abc0", At: at},
	}, time.UTC)
	want := `HASH            WHEN                     WHO          WHAT            MESSAGE
abc1  in force  2026-11-25 12:00:00 UTC  process QX4  taken back to   refuses abc2: rules.yaml:4:16: index out of range (tried on thread t1)
abc2            2026-11-25 12:00:00 UTC  mira         published       refunds
abc1            2026-11-25 12:00:00 UTC  somebody     rolled back to  
`
	if err != nil || out.String() != want {
		t.Errorf("printed, with %v:\n%s\nwant:\n%s", err, out.String(), want)
	}
}

// TestRollbackAfterAProcessWentBack: the first one keeps what is in force, the next
// one goes further back.
func TestRollbackAfterAProcessWentBack(t *testing.T) {
	history := []redisstore.Published{
		{Hash: "abc1", By: "process QX4", Back: true, Refused: true, Before: "abc2"},
		{Hash: "abc2", Before: "abc1"},
		{Hash: "abc1", Before: "abc0"},
		{Hash: "abc0"},
	}
	for _, want := range []string{"abc1", "abc0"} {
		g, err := returnTo(history, "")
		if err != nil || g.Hash != want {
			t.Errorf("returns to %+v (%v), want %s", g, err, want)
		}
		history = append([]redisstore.Published{{Hash: g.Hash, By: "robin", Back: true, Before: history[0].Hash}}, history...)
	}
}

// noWrites is a Redis that only answers reads while it is away.
type noWrites struct {
	redis.Hook
	away atomic.Bool
}

func (n *noWrites) DialHook(next redis.DialHook) redis.DialHook { return next }
func (n *noWrites) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (n *noWrites) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if n.away.Load() && strings.HasPrefix(cmd.Name(), "eval") {
			cmd.SetErr(errors.New("READONLY You can't write against a read only replica"))
			return cmd.Err()
		}
		return next(ctx, cmd)
	}
}
