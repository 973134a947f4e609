package main

import (
	"context"
	"io"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// chaosRedis is what the fleet keeps its records on.
type chaosRedis interface {
	url() string
	// wipe kills the master and, after a while, starts it again empty.
	wipe(ctx context.Context, away time.Duration)
	// failOver makes the replica the master, after it has been cut off for lag: what
	// the old master took in meanwhile is lost. It does nothing and says so when
	// the replica has not caught up with the failover before.
	failOver(ctx context.Context, lag time.Duration) bool
	// open names the threads that the ledger holds open. It fails while Redis is away.
	open(team string) ([]string, error)
}

// redisPair is a Redis, its replica, and the one address the fleet knows.
type redisPair struct {
	t       *testing.T
	door    *door
	master  *redisServer
	replica *redisServer
}

func startRedisPair(t *testing.T) *redisPair {
	t.Helper()
	master := startRedis(t.Context(), t, freePort(t), "")
	replica := startRedis(t.Context(), t, freePort(t), master.port)
	return &redisPair{t: t, door: openDoor(t, master.addr()), master: master, replica: replica}
}

func (p *redisPair) url() string {
	return "redis://" + p.door.addr() + "/0?dial_timeout=1s&read_timeout=1s&write_timeout=1s"
}

func (p *redisPair) wipe(ctx context.Context, away time.Duration) {
	p.master.kill()
	time.Sleep(away)
	p.master = startRedis(ctx, p.t, p.master.port, "")
}

func (p *redisPair) failOver(ctx context.Context, lag time.Duration) bool {
	if !p.replica.inSync(ctx) {
		return false
	}
	p.replica.do(ctx, "REPLICAOF", "NO", "ONE")
	time.Sleep(lag)
	p.master.kill()
	p.master, p.replica = p.replica, p.master
	p.door.leadTo(p.master.addr())
	p.replica = startRedis(ctx, p.t, p.replica.port, p.master.port)
	return true
}

func (p *redisPair) open(team string) ([]string, error) {
	return p.master.rdb.ZRange(p.t.Context(), "inboxbot:{"+team+"}:open", 0, -1).Result()
}

// redisServer is a redis-server of the test's own, with nothing on disk.
type redisServer struct {
	t    testing.TB
	port string
	cmd  *exec.Cmd
	rdb  *redis.Client
}

// startRedis starts a server, a replica of the one at masterPort unless that is
// "", and waits until it answers.
func startRedis(ctx context.Context, t testing.TB, port, masterPort string) *redisServer {
	args := []string{
		"--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", t.TempDir(),
		"--repl-diskless-sync-delay", "0", "--maxmemory-policy", "noeviction",
	}
	if masterPort != "" {
		args = append(args, "--replicaof", "127.0.0.1", masterPort)
	}
	s := &redisServer{t: t, port: port, cmd: exec.Command("redis-server", args...)}
	s.cmd.Stdout, s.cmd.Stderr = io.Discard, io.Discard
	s.rdb = redis.NewClient(&redis.Options{Addr: s.addr(), MaxRetries: -1, DialerRetries: 1, DialTimeout: time.Second})
	if err := s.cmd.Start(); err != nil {
		t.Errorf("redis-server: %v", err)
		return s
	}
	t.Cleanup(s.kill)
	for began := time.Now(); s.rdb.Ping(ctx).Err() != nil; time.Sleep(10 * time.Millisecond) {
		if time.Since(began) > 10*time.Second {
			t.Errorf("redis-server at port %s does not answer", port)
			return s
		}
	}
	return s
}

func (s *redisServer) addr() string { return "127.0.0.1:" + s.port }

// kill ends the server as kill -9 does. It can be repeated.
func (s *redisServer) kill() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
	_ = s.rdb.Close()
}

func (s *redisServer) do(ctx context.Context, args ...any) {
	if err := s.rdb.Do(ctx, args...).Err(); err != nil {
		s.t.Errorf("redis %v: %v", args, err)
	}
}

func (s *redisServer) inSync(ctx context.Context) bool {
	info, err := s.rdb.Info(ctx, "replication").Result()
	return err == nil && strings.Contains(info, "master_link_status:up") && strings.Contains(info, "master_sync_in_progress:0")
}

func freePort(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

// door is an address that leads to another one, and later to a third.
type door struct {
	listener net.Listener

	mu    sync.Mutex
	to    string
	inUse map[net.Conn]struct{}
}

func openDoor(t *testing.T, to string) *door {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &door{listener: l, to: to, inUse: map[net.Conn]struct{}{}}
	t.Cleanup(func() {
		_ = l.Close()
		d.leadTo("")
	})
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go d.pass(conn)
		}
	}()
	return d
}

func (d *door) addr() string { return d.listener.Addr().String() }

// leadTo shows everybody out who is in, and leads to another address from now on.
func (d *door) leadTo(to string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.to = to
	for conn := range d.inUse {
		_ = conn.Close()
	}
	clear(d.inUse)
}

func (d *door) pass(outside net.Conn) {
	d.mu.Lock()
	inside, err := net.DialTimeout("tcp", d.to, time.Second)
	if err != nil {
		d.mu.Unlock()
		_ = outside.Close()
		return
	}
	d.inUse[outside], d.inUse[inside] = struct{}{}, struct{}{}
	d.mu.Unlock()
	go func() {
		_, _ = io.Copy(inside, outside)
		_ = inside.Close()
	}()
	_, _ = io.Copy(outside, inside)
	_ = outside.Close()
	d.mu.Lock()
	delete(d.inUse, outside)
	delete(d.inUse, inside)
	d.mu.Unlock()
}

// needRedis skips a test on a machine without redis-server.
func needRedis(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skipf("needs redis-server: %v", err)
	}
}
