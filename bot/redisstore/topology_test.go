package redisstore_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"inboxbot/bot"
	"inboxbot/bot/redisstore"
)

// freePort returns a port that was free a moment ago, as was its twin 10000
// higher, which a cluster node wants for itself.
func freePort(t *testing.T) int {
	t.Helper()
	for range 100 {
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		l.Close()
		if port+10000 < 65536 {
			return port
		}
	}
	t.Skip("no free port with a free twin")
	return 0
}

// redisOn starts a redis-server with args and waits until it answers there.
func redisOn(t *testing.T, port int, args ...string) *redis.Client {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("redis-server is not installed")
	}
	dir := t.TempDir()
	for i, arg := range args {
		args[i] = strings.ReplaceAll(arg, "DIR", dir)
	}
	if args[0] != "--port" {
		// a sentinel writes its configuration
		if err := os.WriteFile(filepath.Join(dir, "sentinel.conf"), []byte(args[0]), 0o600); err != nil {
			t.Fatal(err)
		}
		args[0] = filepath.Join(dir, "sentinel.conf")
	}
	cmd := exec.Command("redis-server", args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := redis.NewClient(&redis.Options{Addr: fmt.Sprintf("127.0.0.1:%d", port)})
	t.Cleanup(func() {
		_ = c.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		err := c.Ping(t.Context()).Err()
		if err == nil || strings.Contains(err.Error(), "NOAUTH") {
			return c
		}
		if time.Now().After(end) {
			t.Fatalf("redis-server does not answer: %v", err)
		}
	}
}

// goThrough uses everything a store has once.
func goThrough(t *testing.T, s *redisstore.Store) {
	t.Helper()
	ctx := t.Context()
	l := must(s.Claim(ctx, "thread"))
	next := intent("m")
	for _, state := range []bot.State{bot.StateIntent, bot.StateHanding, bot.StateHandoff} {
		next.State = state
		if err := s.Advance(ctx, l, next, 0); err != nil {
			t.Fatal(err)
		}
	}
	if r := must(s.Records(ctx, []string{"thread", "other"})); r["thread"].State != bot.StateHandoff {
		t.Errorf("records %+v", r)
	}
	must(s.Due(ctx, 10))
	must(s.Lead(ctx, time.Second))
	b := s.Budget(redisstore.Quota{})
	must(b.Take(ctx, 1, redisstore.PriorityPost))
	for _, err := range []error{
		s.Postpone(ctx, "thread", 0), s.Resign(ctx), b.Seen(ctx, 1, 300), b.Pause(ctx, time.Second),
		s.SetPaused(ctx, "a", "b"), s.Resume(ctx), s.Release(ctx, l), s.Ping(ctx),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	must(publish(ctx, s, 1, ""))
	must(s.Files(ctx, must(s.InForce(ctx)).Hash))
	must(s.History(ctx))
	if w := s.Warnings(ctx); len(w) != 0 {
		t.Errorf("warnings %q", w)
	}
}

// TestCluster runs a cluster of one node: it refuses scripts whose keys are not in
// one slot.
func TestCluster(t *testing.T) {
	port := freePort(t)
	c := redisOn(t, port, "--port", fmt.Sprint(port), "--cluster-enabled", "yes", "--dir", "DIR", "--save", "")
	if err := c.Do(t.Context(), "CLUSTER", "ADDSLOTSRANGE", 0, 16383).Err(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(20 * time.Second); !strings.Contains(c.ClusterInfo(t.Context()).Val(), "cluster_state:ok"); {
		if time.Now().After(end) {
			t.Fatal("the cluster does not come up")
		}
		time.Sleep(20 * time.Millisecond)
	}
	goThrough(t, open(t, redisstore.Options{
		URL: fmt.Sprintf("redis+cluster://127.0.0.1:%d,localhost:%d?read_timeout=5s", port, port), Team: "team", Fresh: true,
	}))
}

// TestSentinel finds a master with a password through a sentinel without one.
func TestSentinel(t *testing.T) {
	port, watch := freePort(t), freePort(t)
	redisOn(t, port, "--port", fmt.Sprint(port), "--save", "", "--dir", "DIR", "--requirepass", "p@ss/word")
	redisOn(t, watch, fmt.Sprintf("port %d\nsentinel monitor main 127.0.0.1 %d 1\nsentinel auth-pass main p@ss/word\n", watch, port), "--sentinel")
	goThrough(t, open(t, redisstore.Options{
		URL: fmt.Sprintf("redis+sentinel://:p%%40ss%%2Fword@127.0.0.1:1,127.0.0.1:%d/main/2", watch), Team: "team", Fresh: true,
	}))
}

func TestUnixSocket(t *testing.T) {
	goThrough(t, open(t, redisstore.Options{URL: startRedis(t).url() + "?db=3", Team: "team", Fresh: true}))
}
