package redisstore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"inboxbot/bot"
	"inboxbot/bot/bottest/storetest"
	"inboxbot/bot/redisstore"
)

// open opens a store and closes it with the test.
func open(t testing.TB, o redisstore.Options) *redisstore.Store {
	t.Helper()
	s, err := redisstore.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// mini starts a miniredis on net.Pipe that follows the bubble's clock.
func mini(t testing.TB) (*miniredis.Miniredis, *redis.Client) {
	m := miniredis.NewMiniRedis()
	m.ClockTTL(true)
	c := redis.NewClient(&redis.Options{
		Dialer:                func(context.Context, string, string) (net.Conn, error) { return m.Dial() },
		MaxRetries:            -1,
		ContextTimeoutEnabled: true,
		DisableIdentity:       true,
		// Otherwise the client looks its server's name up, outside the bubble.
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
	t.Cleanup(func() { _ = c.Close(); m.Close() })
	return m, c
}

// server is a real redis-server on a Unix socket, with nothing kept on disk.
type server struct {
	dir string
	cmd *exec.Cmd
}

func (s *server) url() string { return "unix://" + filepath.Join(s.dir, "redis.sock") }

// startRedis starts a redis-server that ends with the test. Without one in PATH
// the test is skipped.
func startRedis(t testing.TB) *server {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("redis-server is not installed")
	}
	s := &server{dir: t.TempDir()}
	s.start(t)
	t.Cleanup(s.kill)
	return s
}

func (s *server) start(t testing.TB) {
	t.Helper()
	s.cmd = exec.Command("redis-server", "--port", "0", "--unixsocket", filepath.Join(s.dir, "redis.sock"),
		"--save", "", "--appendonly", "no", "--dir", s.dir)
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := redis.NewClient(&redis.Options{Network: "unix", Addr: filepath.Join(s.dir, "redis.sock")})
	defer c.Close()
	for end := time.Now().Add(10 * time.Second); c.Ping(t.Context()).Err() != nil; {
		if time.Now().After(end) {
			t.Fatal("redis-server does not answer")
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// kill ends the server as a power cut does.
func (s *server) kill() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

func TestConformanceMiniredis(t *testing.T) {
	storetest.InBubble(t, func(t *testing.T) storetest.World {
		m, c := mini(t)
		o := redisstore.Options{
			Client: c, Team: "team", Fresh: true,
			Lease: 120 * time.Second, Send: 10 * time.Second, Quarantine: 160 * time.Second,
		}
		return storetest.World{
			Store: open(t, o), Lease: o.Lease, Send: o.Send, Quarantine: o.Quarantine, Wipe: m.FlushAll,
		}
	})
}

// TestConformanceRedis shares one server: every test has a team of its own, and a
// wipe is that of the team's keys.
func TestConformanceRedis(t *testing.T) {
	url := startRedis(t).url()
	c := redis.NewClient(must(redis.ParseURL(url)))
	t.Cleanup(func() { _ = c.Close() })
	var teams atomic.Int64
	// A group of its own: the server has to outlive the parallel tests in it.
	t.Run("suite", func(t *testing.T) {
		storetest.InRealTime(t, func(t *testing.T) storetest.World {
			o := redisstore.Options{
				URL: url, Team: fmt.Sprintf("team-%d", teams.Add(1)), Fresh: true,
				Lease: 2 * time.Second, Send: 300 * time.Millisecond, Quarantine: 2500 * time.Millisecond,
			}
			wipe := func() {
				keys, err := c.Keys(t.Context(), "inboxbot:{"+o.Team+"}:*").Result()
				if err != nil {
					t.Fatal(err)
				}
				if err := c.Del(t.Context(), keys...).Err(); err != nil {
					t.Fatal(err)
				}
			}
			return storetest.World{Store: open(t, o), Lease: o.Lease, Send: o.Send, Quarantine: o.Quarantine, Wipe: wipe}
		})
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func intent(id string) bot.Record {
	return bot.Record{
		State: bot.StateIntent, MessageID: id, MessageAt: time.UnixMilli(1_763_000_000_000),
		Text: "It is 20 €.", Base: "base", Asked: 1, Guard: "pricing", Reason: "asked for the price",
	}
}

// TestRedisRestartsEmpty is a failover that lost everything, and TestRedisTakesOver
// one that lost nothing but is another server.
func TestRedisRestartsEmpty(t *testing.T) {
	srv := startRedis(t)
	s := open(t, redisstore.Options{URL: srv.url(), Team: "team", Fresh: true, Quarantine: 1500 * time.Millisecond})
	ctx := t.Context()
	before := must(s.Claim(ctx, "thread"))
	begun := must(s.Claim(ctx, "begun"))
	if err := s.Advance(ctx, begun, intent("m"), time.Minute); err != nil {
		t.Fatal(err)
	}

	srv.kill()
	if _, err := s.Claim(ctx, "down"); err == nil || errors.Is(err, bot.ErrHeld) {
		t.Fatalf("claim without Redis: %v", err)
	}
	if err := s.Ping(ctx); err == nil {
		t.Fatal("ping without Redis succeeds")
	}
	srv.start(t)

	if err := s.Advance(ctx, before, intent("m"), time.Minute); !errors.Is(err, bot.ErrLeaseLost) {
		t.Fatalf("begin with a lease of the lost store: %v", err)
	}
	l := must(s.Claim(ctx, "begun"))
	if l.Record.State != bot.StateNone || l.Quarantine <= 0 || l.Generation == before.Generation {
		t.Fatalf("lease of the new store: %+v", l)
	}
	if err := s.Advance(ctx, l, intent("m"), time.Minute); !errors.Is(err, bot.ErrQuarantine) {
		t.Fatalf("begin in the quarantine: %v", err)
	}
	if err := s.Release(ctx, l); err != nil {
		t.Fatal(err)
	}
	time.Sleep(l.Quarantine + 10*time.Millisecond)
	l = must(s.Claim(ctx, "begun"))
	if err := s.Advance(ctx, l, intent("m"), time.Minute); err != nil {
		t.Fatalf("begin after the quarantine: %v", err)
	}
}

func TestRedisTakesOver(t *testing.T) {
	old, replica := startRedis(t), startRedis(t)
	oldURL, newURL := must(redis.ParseURL(old.url())), must(redis.ParseURL(replica.url()))
	now := atomic.Pointer[redis.Options]{}
	now.Store(oldURL)
	c := redis.NewClient(&redis.Options{
		MaxRetries: -1, ContextTimeoutEnabled: true,
		Dialer: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", now.Load().Addr)
		},
	})
	defer c.Close()
	ctx := t.Context()
	s := open(t, redisstore.Options{Client: c, Team: "team", Fresh: true})
	lease, begun := must(s.Claim(ctx, "thread")), must(s.Claim(ctx, "begun"))
	if err := s.Advance(ctx, begun, intent("m"), time.Minute); err != nil {
		t.Fatal(err)
	}

	// The replica has all of it, claims and generation included.
	from, to := redis.NewClient(oldURL), redis.NewClient(newURL)
	defer from.Close()
	defer to.Close()
	for _, key := range must(from.Keys(ctx, "*").Result()) {
		ttl := max(0, must(from.PTTL(ctx, key).Result()))
		if err := to.Restore(ctx, key, ttl, must(from.Dump(ctx, key).Result())).Err(); err != nil {
			t.Fatal(err)
		}
	}
	now.Store(newURL)
	old.kill()

	err := s.Advance(ctx, lease, intent("m"), time.Minute)
	if err == nil || !errors.Is(err, bot.ErrLeaseLost) {
		t.Fatalf("begin on the server that took over, by a claim it knows: %v", err)
	}
	if _, err := s.Claim(ctx, "thread"); !errors.Is(err, bot.ErrHeld) {
		t.Fatalf("claim that was carried over: %v", err)
	}
	if err := s.Release(ctx, lease); err != nil {
		t.Fatal(err)
	}
	l := must(s.Claim(ctx, "thread"))
	if l.Quarantine <= 0 || strings.HasPrefix(l.Generation, lease.Generation) {
		t.Fatalf("lease %+v of another server without quarantine", l)
	}
	if r := must(s.Records(ctx, []string{"begun"}))["begun"]; r.State != bot.StateIntent {
		t.Fatalf("record %+v", r)
	}
}

// TestAnswerLost cuts the connection after Redis has done as told, once: the
// store asks again and is none the wiser.
func TestAnswerLost(t *testing.T) {
	srv := startRedis(t)
	o := must(redis.ParseURL(srv.url()))
	var cut atomic.Bool
	c := redis.NewClient(&redis.Options{
		MaxRetries: -1, ContextTimeoutEnabled: true, DisableIdentity: true, Protocol: 2,
		Dialer: func(ctx context.Context, _, _ string) (net.Conn, error) {
			conn, err := (&net.Dialer{}).DialContext(ctx, "unix", o.Addr)
			return &cutConn{Conn: conn, cut: &cut}, err
		},
	})
	defer c.Close()
	s := open(t, redisstore.Options{Client: c, Team: "team", Fresh: true})
	ctx := t.Context()
	s.Warnings(ctx) // a connection is there and scripts are known

	cut.Store(true)
	l, err := s.Claim(ctx, "thread")
	if err != nil || cut.Load() {
		t.Fatalf("claim whose answer got lost: %v, cut: %t", err, !cut.Load())
	}
	for _, state := range []bot.State{bot.StateIntent, bot.StateSent} {
		next := intent("m")
		next.State = state
		cut.Store(true)
		if err := s.Advance(ctx, l, next, time.Minute); err != nil || cut.Load() {
			t.Fatalf("%s whose answer got lost: %v, cut: %t", state, err, !cut.Load())
		}
	}
	cut.Store(true)
	if err := s.Release(ctx, l); err != nil {
		t.Fatalf("release whose answer got lost: %v", err)
	}
	if r := must(s.Records(ctx, []string{"thread"}))["thread"]; r.State != bot.StateSent {
		t.Fatalf("record %+v", r)
	}
}

// cutConn loses one answer, when told to.
type cutConn struct {
	net.Conn
	cut *atomic.Bool
}

func (c *cutConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err == nil && c.cut.CompareAndSwap(true, false) {
		_ = c.Close()
		return 0, errors.New("cut")
	}
	return n, err
}

func TestOpenRefuses(t *testing.T) {
	for _, row := range []struct {
		name string
		o    redisstore.Options
		want string
	}{
		{"no team", redisstore.Options{URL: "redis://localhost"}, "team"},
		{"a team that breaks the hash tag", redisstore.Options{URL: "redis://localhost", Team: "a}b"}, "braces"},
		{"no URL", redisstore.Options{Team: "team"}, "URL"},
		{"another scheme", redisstore.Options{Team: "team", URL: "http://hunter2@localhost"}, "URL"},
		{"a slash in the password", redisstore.Options{Team: "team", URL: "redis://user:hun/ter2@localhost:6379/0"}, "percent-encoded"},
		{"a colon in the password", redisstore.Options{Team: "team", URL: "redis://user@hunter2:x:6379"}, "percent-encoded"},
		{"a database that is none", redisstore.Options{Team: "team", URL: "redis://localhost/hunter2"}, "URL"},
		{"an unknown option", redisstore.Options{Team: "team", URL: "redis://:hunter2@localhost?red_timeout=1s"}, "red_timeout"},
		{"sentinels without a master", redisstore.Options{Team: "team", URL: "redis+sentinel://:hunter2@localhost"}, "master"},
		{"a lease shorter than a send", redisstore.Options{Team: "team", URL: "redis://localhost", Lease: time.Second, Send: time.Second}, "too short"},
		{"nobody there", redisstore.Options{Team: "team", URL: "redis://:hunter2@127.0.0.1:1"}, "refused"},
		{"no sentinel there", redisstore.Options{Team: "team", URL: "redis+sentinel://:hunter2@127.0.0.1:1/main"}, "redis open"},
		{"no cluster there", redisstore.Options{Team: "team", URL: "redis+cluster://:hunter2@127.0.0.1:1,127.0.0.1:2"}, "redis open"},
	} {
		t.Run(row.name, func(t *testing.T) {
			start := time.Now()
			_, err := redisstore.Open(t.Context(), row.o)
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("error %v, want one about %q", err, row.want)
			}
			if err != nil && (strings.Contains(err.Error(), "hun") || strings.Contains(err.Error(), "ter2")) {
				t.Errorf("the error tells the password: %v", err)
			}
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
}

func TestWarnings(t *testing.T) {
	srv := startRedis(t)
	s := open(t, redisstore.Options{URL: srv.url(), Team: "team"})
	if w := s.Warnings(t.Context()); len(w) != 0 {
		t.Errorf("warnings about a good server: %q", w)
	}
	c := redis.NewClient(must(redis.ParseURL(srv.url())))
	defer c.Close()
	if err := c.ConfigSet(t.Context(), "maxmemory-policy", "allkeys-lru").Err(); err != nil {
		t.Fatal(err)
	}
	if w := s.Warnings(t.Context()); len(w) != 1 || !strings.Contains(w[0], "allkeys-lru") {
		t.Errorf("warnings about a server that evicts: %q", w)
	}
	// A server that says little, as managed ones do.
	for _, rule := range []string{"-config", "-info"} {
		if err := c.Do(t.Context(), "ACL", "SETUSER", "default", rule).Err(); err != nil {
			t.Fatal(err)
		}
	}
	quiet := open(t, redisstore.Options{URL: srv.url(), Team: "team"})
	if w := quiet.Warnings(t.Context()); len(w) != 1 || !strings.Contains(w[0], "run_id") {
		t.Errorf("warnings about a server that tells nothing: %q", w)
	}
}

// TestRunIDFromTheClient is a server whose scripts may not ask for INFO, as seen
// through a proxy of its INFO command: the identity comes from the connection.
func TestRunIDFromTheClient(t *testing.T) {
	m, _ := mini(t)
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	s := open(t, redisstore.Options{URL: "redis://" + m.Addr(), Team: "team", Fresh: true})
	ctx := t.Context()
	l := must(s.Claim(ctx, "thread"))
	redisstore.SetRunID(s, "another")
	if err := s.Advance(ctx, l, intent("m"), 0); !errors.Is(err, bot.ErrLeaseLost) {
		t.Fatalf("begin on another server: %v", err)
	}
	if err := s.Release(ctx, l); err != nil {
		t.Fatal(err)
	}
	if l := must(s.Claim(ctx, "thread")); l.Quarantine <= 0 {
		t.Fatalf("no quarantine on another server: %+v", l)
	}
}

func TestFreshOnlyTheFirstTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, c := mini(t)
		o := redisstore.Options{Client: c, Team: "team", Fresh: true}
		ctx := t.Context()
		s := open(t, o)
		if l := must(s.Claim(ctx, "a")); l.Quarantine != 0 {
			t.Errorf("quarantine %s of a first deployment", l.Quarantine)
		}
		m.FlushAll()
		if l := must(s.Claim(ctx, "a")); l.Quarantine != 160*time.Second {
			t.Errorf("quarantine %s after a wipe, want 160s", l.Quarantine)
		}
		if l := must(open(t, o).Claim(ctx, "b")); l.Quarantine == 0 {
			t.Error("a restart ends the quarantine")
		}
		if l := must(open(t, redisstore.Options{Client: c, Team: "new"}).Claim(ctx, "a")); l.Quarantine == 0 {
			t.Error("no quarantine for a team never seen")
		}
	})
}

func TestDryRunsKeepApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c := mini(t)
		ctx := t.Context()
		live := open(t, redisstore.Options{Client: c, Team: "team", Fresh: true})
		dry := open(t, redisstore.Options{Client: c, Team: "team", Namespace: "dry", Fresh: true})
		other := open(t, redisstore.Options{Client: c, Team: "other", Fresh: true})
		must(live.Claim(ctx, "thread"))
		l := must(dry.Claim(ctx, "thread"))
		must(other.Claim(ctx, "thread"))
		if err := dry.Advance(ctx, l, intent("m"), 0); err != nil {
			t.Fatal(err)
		}
		if r := must(live.Records(ctx, []string{"thread"}))["thread"]; r.State != bot.StateNone {
			t.Errorf("a dry run wrote %+v", r)
		}
	})
}

func TestEmbedded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, end, err := redisstore.Embedded(t.Context(), redisstore.Options{Team: "team", Lease: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		defer end()
		ctx := t.Context()
		l := must(s.Claim(ctx, "thread"))
		if l.Quarantine != 0 {
			t.Errorf("quarantine %s", l.Quarantine)
		}
		if err := s.Advance(ctx, l, intent("m"), 0); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Minute)
		must(s.Claim(ctx, "thread"))
		if w := s.Warnings(ctx); len(w) != 0 {
			t.Errorf("warnings %q", w)
		}
		if _, _, err := redisstore.Embedded(ctx, redisstore.Options{}); err == nil {
			t.Error("no team, no error")
		}
	})
}

func TestTerminalRecordsExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c := mini(t)
		s := open(t, redisstore.Options{Client: c, Team: "team", Fresh: true})
		ctx := t.Context()
		for _, id := range []string{"ended", "to be looked at", "open"} {
			l := must(s.Claim(ctx, id))
			if err := s.Advance(ctx, l, intent("m"), 0); err != nil {
				t.Fatal(err)
			}
		}
		sent := bot.Record{State: bot.StateSent, MessageID: "m", MessageAt: intent("m").MessageAt, SentID: "our"}
		if err := s.Advance(ctx, bot.Lease{Thread: "ended"}, sent, 0); err != nil {
			t.Fatal(err)
		}
		if err := s.Advance(ctx, bot.Lease{Thread: "to be looked at"}, sent, time.Minute); err != nil {
			t.Fatal(err)
		}
		time.Sleep(29 * 24 * time.Hour)
		if r := must(s.Records(ctx, []string{"ended"}))["ended"]; r.State != bot.StateSent {
			t.Errorf("after 29 days %+v", r)
		}
		time.Sleep(25 * time.Hour)
		r := must(s.Records(ctx, []string{"ended", "to be looked at", "open"}))
		if r["ended"].State != bot.StateNone {
			t.Errorf("after 30 days %+v", r["ended"])
		}
		if r["open"].State != bot.StateIntent || r["open"].Text == "" {
			t.Errorf("an open record after 30 days: %+v", r["open"])
		}
		// Due would name it for ever, without anything to take off the list.
		if due := must(s.Due(ctx, 9)); !slices.Contains(due, "to be looked at") || r["to be looked at"].State != bot.StateSent {
			t.Errorf("due %q after 30 days, with the record %+v", due, r["to be looked at"])
		}
	})
}

// TestTerminalRecordsStaySmall: however long the texts were, an ended record is
// kept in Redis's small encoding.
func TestTerminalRecordsStaySmall(t *testing.T) {
	srv := startRedis(t)
	s := open(t, redisstore.Options{URL: srv.url(), Team: "team", Fresh: true})
	ctx := t.Context()
	c := redis.NewClient(must(redis.ParseURL(srv.url())))
	defer c.Close()
	l := must(s.Claim(ctx, "thread"))
	next := intent("m")
	next.Text, next.Reason = strings.Repeat("long ", 1000), strings.Repeat("é", 500)
	if err := s.Advance(ctx, l, next, 0); err != nil {
		t.Fatal(err)
	}
	next.State = bot.StateSent
	next.Own = map[string]time.Time{}
	for i := range 200 {
		next.Own[fmt.Sprint("own-", i)] = time.Now()
	}
	if err := s.Advance(ctx, l, next, 0); err != nil {
		t.Fatal(err)
	}
	if got := must(c.ObjectEncoding(ctx, "inboxbot:{team}:r:thread").Result()); got != "listpack" {
		t.Errorf("encoding %s, want listpack", got)
	}
	if r := must(s.Records(ctx, []string{"thread"}))["thread"]; len(r.Own) != 64 || r.Reason != strings.Repeat("é", 32) {
		t.Errorf("%d own messages, reason %q", len(r.Own), r.Reason)
	}
}

func TestLead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c := mini(t)
		ctx := t.Context()
		a, b := open(t, redisstore.Options{Client: c, Team: "team"}), open(t, redisstore.Options{Client: c, Team: "team"})
		lead := func(s *redisstore.Store, want bool) {
			t.Helper()
			if got := must(s.Lead(ctx, 15*time.Second)); got != want {
				t.Errorf("leads: %t, want %t", got, want)
			}
		}
		lead(a, true)
		lead(b, false)
		time.Sleep(10 * time.Second)
		lead(a, true) // renewed
		time.Sleep(10 * time.Second)
		lead(b, false)
		time.Sleep(5 * time.Second)
		lead(b, true) // a went quiet
		lead(a, false)
		if err := a.Resign(ctx); err != nil {
			t.Fatal(err)
		}
		lead(a, false) // what is not held is not resigned
		if err := b.Resign(ctx); err != nil {
			t.Fatal(err)
		}
		lead(a, true)
	})
}

func TestPaused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c := mini(t)
		ctx := t.Context()
		s := open(t, redisstore.Options{Client: c, Team: "team"})
		other := open(t, redisstore.Options{Client: c, Team: "team", Namespace: "dry"})
		if _, _, ok, err := s.Paused(ctx); ok || err != nil {
			t.Fatalf("paused from the start: %t, %v", ok, err)
		}
		start := time.Now()
		if err := s.SetPaused(ctx, "wrong prices", "robin"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if err := s.SetPaused(ctx, "wrong prices, fixed soon", ""); err != nil {
			t.Fatal(err)
		}
		time.Sleep(1000 * time.Hour)
		reason, since, ok, err := other.Paused(ctx)
		if !ok || err != nil || reason != "wrong prices, fixed soon" || !since.Equal(start) {
			t.Errorf("paused %t since %s for %q, %v", ok, since, reason, err)
		}
		if err := other.Resume(ctx); err != nil {
			t.Fatal(err)
		}
		if _, _, ok, err := s.Paused(ctx); ok || err != nil {
			t.Errorf("paused after resume: %t, %v", ok, err)
		}
	})
}

// TestNoSecretsInTheDriversLog: what go-redis remarks is for debugging, goes
// where the store's owner says, and never holds the password.
func TestNoSecretsInTheDriversLog(t *testing.T) {
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	_, err := redisstore.Open(t.Context(), redisstore.Options{Team: "team", URL: "redis+sentinel://u:hunter2@127.0.0.1:1/main", Logger: logger})
	if err == nil {
		t.Fatal("no sentinel, no error")
	}
	if strings.Contains(log.String(), "hunter2") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("log %s, error %v", log.String(), err)
	}
	// Later tests must not write here.
	_, _ = redisstore.Open(t.Context(), redisstore.Options{Team: "team", URL: "redis://127.0.0.1:1"})
}
