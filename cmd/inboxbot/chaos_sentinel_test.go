package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// sentinelPair is a Redis and its replica, watched by three sentinels, of whom the
// fleet asks which of the two to use.
type sentinelPair struct {
	*redisPair
	sentinels []string // addresses
	asking    *redis.SentinelClient
}

const (
	sentinelMaster = "main"
	sentinelDown   = 500 * time.Millisecond // when a sentinel takes the master for dead
	sentinelTakes  = 30 * time.Second       // at most, to agree on another one
)

func startSentinels(t *testing.T) *sentinelPair {
	t.Helper()
	p := &sentinelPair{redisPair: startRedisPair(t)}
	for range 3 {
		p.sentinels = append(p.sentinels, startSentinel(t, p.master.port))
	}
	p.asking = redis.NewSentinelClient(&redis.Options{Addr: p.sentinels[0], MaxRetries: -1})
	t.Cleanup(func() { _ = p.asking.Close() })
	for began := time.Now(); !p.isWatched(t.Context()); time.Sleep(50 * time.Millisecond) {
		if time.Since(began) > sentinelTakes {
			t.Fatal("the sentinels do not find the replica and each other")
		}
	}
	return p
}

// startSentinel starts one that watches the master at port, and returns its address.
func startSentinel(t *testing.T, master string) string {
	t.Helper()
	port, dir := freePort(t), t.TempDir()
	conf := fmt.Sprintf("port %s\nbind 127.0.0.1\ndir %s\nsentinel monitor %[3]s 127.0.0.1 %[4]s 2\n"+
		"sentinel down-after-milliseconds %[3]s %[5]d\nsentinel failover-timeout %[3]s 3000\n",
		port, dir, sentinelMaster, master, sentinelDown.Milliseconds())
	path := filepath.Join(dir, "sentinel.conf")
	if err := os.WriteFile(path, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("redis-server", path, "--sentinel")
	cmd.Stdout, cmd.Stderr = io.Discard, io.Discard
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return "127.0.0.1:" + port
}

// isWatched reports whether a sentinel knows the replica and its two like, and
// takes the master for sound.
func (p *sentinelPair) isWatched(ctx context.Context) bool {
	m, err := p.asking.Master(ctx, sentinelMaster).Result()
	return err == nil && m["flags"] == "master" && m["num-slaves"] == "1" && m["num-other-sentinels"] == "2" && m["port"] == p.master.port
}

func (p *sentinelPair) url() string {
	return "redis+sentinel://" + strings.Join(p.sentinels, ",") + "/" + sentinelMaster + "/0?dial_timeout=1s&read_timeout=1s&write_timeout=1s"
}

// failOver cuts the replica off, kills the master a moment later, and waits until
// the sentinels have made the replica the master. The old one comes back, empty,
// as its replica.
func (p *sentinelPair) failOver(ctx context.Context, lag time.Duration) bool {
	if !p.replica.inSync(ctx) || !p.isWatched(ctx) {
		return false
	}
	// As if the network between the two were gone: what its socket holds already
	// would still arrive if it were only stopped.
	p.replica.do(ctx, "REPLICAOF", "127.0.0.1", freePort(p.t))
	time.Sleep(lag)
	p.master.kill()
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		addr, err := p.asking.GetMasterAddrByName(ctx, sentinelMaster).Result()
		if err == nil && len(addr) == 2 && addr[1] == p.replica.port {
			break
		}
		if time.Since(began) > sentinelTakes {
			p.t.Errorf("the sentinels have not chosen another master for %s", sentinelTakes)
			return true
		}
	}
	p.master, p.replica = p.replica, p.master
	p.replica = startRedis(ctx, p.t, p.replica.port, p.master.port)
	return true
}
