package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// chaosFleet is several bot processes. One that ends is started again, as a
// supervisor would.
type chaosFleet struct {
	t    *testing.T
	dice *dice
	log  string // path of what all processes write to stderr

	slots sync.WaitGroup
	mu    sync.Mutex
	spec  chaosSpec
	over  bool
	live  []*exec.Cmd
}

// startFleet starts n processes of this test binary.
func startFleet(t *testing.T, n int, spec chaosSpec) *chaosFleet {
	t.Helper()
	f := &chaosFleet{t: t, dice: newDice(spec.Seed + 1), log: filepath.Join(t.TempDir(), "fleet.log"), spec: spec, live: make([]*exec.Cmd, n)}
	for i := range n {
		f.slots.Go(func() { f.keep(i) })
	}
	t.Cleanup(f.end)
	return f
}

// keep keeps one process running until the fleet ends.
func (f *chaosFleet) keep(i int) {
	for {
		done, err := f.start(i)
		if err != nil {
			f.t.Errorf("start process %d: %v", i, err)
			return
		}
		if done == nil {
			return
		}
		done()
		time.Sleep(f.dice.between(20*time.Millisecond, 300*time.Millisecond))
	}
}

// start starts a process; wait blocks until it ends. It is nil when the fleet is
// over.
func (f *chaosFleet) start(i int) (wait func(), err error) {
	out, err := os.OpenFile(f.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.over {
		return nil, out.Close()
	}
	spec := f.spec
	spec.Name = string(rune('a' + i))
	spec.Seed = uint64(f.dice.n(1 << 30))
	raw, err := json.Marshal(spec)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), chaosEnv+"="+string(raw))
	cmd.Stderr = out
	leash, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	f.live[i] = cmd
	return func() {
		_ = cmd.Wait()
		_ = leash.Close()
		_ = out.Close()
	}, nil
}

// signal sends one to a process; one that has just ended does not mind.
func (f *chaosFleet) signal(i int, s syscall.Signal) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.live[i] != nil {
		_ = f.live[i].Process.Signal(s)
	}
}

// harass ends processes, by kill -9 or in order, and makes them sleep, for less
// or more than a lease, until ctx ends.
func (f *chaosFleet) harass(ctx context.Context, gap time.Duration, d *diary) {
	var sleeping sync.WaitGroup
	defer sleeping.Wait()
	for pause(ctx, f.dice.between(gap/9, gap)) == nil {
		i := f.dice.n(len(f.live))
		switch r := f.dice.float(); {
		case r < 0.5:
			d.note("kill", "process %c", 'a'+i)
			f.signal(i, syscall.SIGKILL)
		case r < 0.65:
			d.note("restart", "process %c", 'a'+i)
			f.signal(i, syscall.SIGTERM)
		default:
			nap := f.dice.between(chaosLease/10, chaosLease/2)
			if f.dice.float() < 0.4 {
				nap = f.dice.between(chaosLease, 2*chaosLease)
			}
			d.note("nap", "process %c for %s", 'a'+i, nap.Round(10*time.Millisecond))
			f.signal(i, syscall.SIGSTOP)
			sleeping.Go(func() {
				_ = pause(ctx, nap) // at the end of the chaos all wake up
				f.signal(i, syscall.SIGCONT)
			})
		}
	}
}

// replace kills all processes and starts ones that nothing happens to: they know
// only what is written down.
func (f *chaosFleet) replace() {
	f.mu.Lock()
	f.spec.Kill, f.spec.Stop = 0, 0
	f.mu.Unlock()
	for i := range f.live {
		f.signal(i, syscall.SIGKILL)
	}
}

// end kills all processes and waits for them.
func (f *chaosFleet) end() {
	f.mu.Lock()
	f.over = true
	f.mu.Unlock()
	for i := range f.live {
		f.signal(i, syscall.SIGKILL)
	}
	f.slots.Wait()
}

// logged are the lines of the processes' logs that hold all of the words.
func (f *chaosFleet) logged(words ...string) []string {
	raw, err := os.ReadFile(f.log)
	if err != nil {
		f.t.Errorf("fleet log: %v", err)
	}
	var lines []string
	for line := range bytes.Lines(raw) {
		has := true
		for _, word := range words {
			has = has && bytes.Contains(line, []byte(word))
		}
		if has {
			lines = append(lines, strings.TrimSpace(string(line)))
		}
	}
	return lines
}

// diary is what the harness did, and when.
type diary struct {
	mu      sync.Mutex
	entries []entry
}

type entry struct {
	at   time.Time
	what string
	text string
}

func (d *diary) note(what, format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.entries = append(d.entries, entry{time.Now(), what, fmt.Sprintf(format, args...)})
}

// times are when something was done.
func (d *diary) times(what string) []time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	var times []time.Time
	for _, e := range d.entries {
		if e.what == what {
			times = append(times, e.at)
		}
	}
	return times
}
