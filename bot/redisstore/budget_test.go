package redisstore_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"inboxbot/bot/redisstore"
)

// asked are the times of requests, oldest first.
type asked []time.Time

// most returns the most requests in any window of that width.
func (a asked) most(width time.Duration) int {
	most, from := 0, 0
	for to, at := range a {
		for at.Sub(a[from]) >= width {
			from++
		}
		most = max(most, to-from+1)
	}
	return most
}

// greedy takes one request after the other as soon as it may, for d.
func greedy(t *testing.T, b *redisstore.Budget, p redisstore.Priority, d time.Duration) asked {
	t.Helper()
	var all asked
	for end := time.Now().Add(d); time.Now().Before(end); {
		wait, err := b.Take(t.Context(), 1, p)
		if err != nil {
			t.Fatal(err)
		}
		if wait == 0 {
			all = append(all, time.Now())
		}
		time.Sleep(wait)
	}
	return all
}

func inBudget(t *testing.T, q redisstore.Quota, f func(*testing.T, *redisstore.Store, *redisstore.Budget)) {
	synctest.Test(t, func(t *testing.T) {
		_, c := mini(t)
		s := open(t, redisstore.Options{Client: c, Team: "team"})
		f(t, s, s.Budget(q))
	})
}

func TestBudgetKeepsEveryWindow(t *testing.T) {
	small := redisstore.Quota{
		Minute: redisstore.Window{Quota: 30}, Hour: redisstore.Window{Quota: 200}, Day: redisstore.Window{Quota: 1000},
	}
	for _, row := range []struct {
		name                 string
		q                    redisstore.Quota
		d                    time.Duration
		minute, hour, day    int // the quotas
		perMinute, perWindow int // and what of them must be usable: in a minute, and in all of d
	}{
		{"the documented quotas, five minutes", redisstore.Quota{}, 5 * time.Minute, 300, 10_000, 100_000, 285, 1_400},
		{"small quotas, two days", small, 48 * time.Hour, 30, 200, 1000, 20, 1500},
	} {
		t.Run(row.name, func(t *testing.T) {
			inBudget(t, row.q, func(t *testing.T, _ *redisstore.Store, b *redisstore.Budget) {
				all := greedy(t, b, redisstore.PriorityReconcile, row.d)
				for _, w := range []struct {
					width time.Duration
					quota int
				}{{time.Minute, row.minute}, {time.Hour, row.hour}, {24 * time.Hour, row.day}} {
					if most := all.most(w.width); most > w.quota {
						t.Errorf("%d requests in one window of %s, quota %d", most, w.width, w.quota)
					}
				}
				if most := all.most(time.Minute); most < row.perMinute {
					t.Errorf("at most %d requests a minute, want at least %d", most, row.perMinute)
				}
				if len(all) < row.perWindow {
					t.Errorf("%d requests in %s, want at least %d", len(all), row.d, row.perWindow)
				}
			})
		})
	}
}

// TestBudgetDrainsABacklog: 1,000 waiting threads at 2.1 requests each, and a list
// request every 5 s, within 8 minutes (7.0 is what the quota allows).
func TestBudgetDrainsABacklog(t *testing.T) {
	inBudget(t, redisstore.Quota{}, func(t *testing.T, _ *redisstore.Store, b *redisstore.Budget) {
		start, polled := time.Now(), time.Now()
		for left := 2100; left > 0; {
			wait, err := b.Take(t.Context(), 1, redisstore.PriorityPost)
			if err != nil {
				t.Fatal(err)
			}
			if wait == 0 {
				left--
			}
			if time.Since(polled) >= 5*time.Second {
				polled = time.Now()
				if _, err := b.Take(t.Context(), 1, redisstore.PriorityList); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(wait)
		}
		took := time.Since(start)
		t.Logf("took %s", took)
		if took > 8*time.Minute {
			t.Errorf("took %s", took)
		}
	})
}

// TestBudgetPriorities: when little is left, the less urgent waits first, and what
// has begun can always be finished.
func TestBudgetPriorities(t *testing.T) {
	order := []redisstore.Priority{
		redisstore.PriorityList, redisstore.PriorityHistory, redisstore.PriorityLook,
		redisstore.PriorityTag, redisstore.PriorityPost, redisstore.PriorityReconcile,
	}
	q := redisstore.Quota{
		Minute: redisstore.Window{Quota: 400, Burst: 100},
		Hour:   redisstore.Window{Quota: 20_000}, Day: redisstore.Window{Quota: 200_000},
	}
	inBudget(t, q, func(t *testing.T, _ *redisstore.Store, b *redisstore.Budget) {
		var got []int
		for _, p := range order {
			n := 0
			for {
				wait, err := b.Take(t.Context(), 1, p)
				if err != nil {
					t.Fatal(err)
				}
				if wait > 0 {
					break
				}
				n++
			}
			got = append(got, n)
		}
		want := []int{70, 10, 10, 4, 3, 3}
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("granted %v, want %v: list, history, look, tag, post, reconcile", got, want)
			}
		}
	})
}

func TestBudgetTakesAllOrNone(t *testing.T) {
	q := redisstore.Quota{Minute: redisstore.Window{Quota: 60, Burst: 10}}
	inBudget(t, q, func(t *testing.T, _ *redisstore.Store, b *redisstore.Budget) {
		for _, step := range []struct {
			n    int
			wait time.Duration
		}{
			{8, 0},
			{3, 1200 * time.Millisecond}, // 2 left, one more at 50 a minute
			{2, 0},
			{1, 1200 * time.Millisecond},
		} {
			if got := must(b.Take(t.Context(), step.n, redisstore.PriorityReconcile)); got != step.wait {
				t.Fatalf("taking %d: wait %s, want %s", step.n, got, step.wait)
			}
		}
		// More than the bucket holds waits until it is full, not for ever.
		time.Sleep(time.Minute)
		if got := must(b.Take(t.Context(), 25, redisstore.PriorityList)); got != 0 {
			t.Fatalf("taking 25 from a full bucket of 10: wait %s", got)
		}
		if got := must(b.Take(t.Context(), 1, redisstore.PriorityReconcile)); got != 16*1200*time.Millisecond {
			t.Fatalf("wait %s after taking on credit", got)
		}
	})
}

func TestBudgetPause(t *testing.T) {
	inBudget(t, redisstore.Quota{}, func(t *testing.T, s *redisstore.Store, b *redisstore.Budget) {
		replica := s.Budget(redisstore.Quota{})
		for _, d := range []time.Duration{time.Minute, time.Second, 0, -time.Second} { // a shorter one changes nothing
			if err := b.Pause(t.Context(), d); err != nil {
				t.Fatal(err)
			}
		}
		wait := must(replica.Take(t.Context(), 1, redisstore.PriorityReconcile))
		if wait < time.Minute || wait > 66*time.Second {
			t.Fatalf("wait %s, want 60 s and up to a tenth", wait)
		}
		time.Sleep(wait)
		if wait := must(replica.Take(t.Context(), 1, redisstore.PriorityReconcile)); wait != 0 {
			t.Fatalf("wait %s after the pause", wait)
		}
	})
}

// TestBudgetBelievesTheServer: what the API says is left is less than we thought.
func TestBudgetBelievesTheServer(t *testing.T) {
	for _, row := range []struct {
		name             string
		remaining, limit int
		waits            bool
	}{
		{"plenty left", 200, 300, false},
		{"nothing left of the minute", 0, 300, true},
		{"nothing left of the hour", 0, 10_000, true},
		{"nothing left of the day", 0, 100_000, true},
		{"nothing left of a window we do not know", 0, 77, true},
		{"nonsense", 0, 0, false},
		{"more nonsense", -5, 300, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			inBudget(t, redisstore.Quota{}, func(t *testing.T, _ *redisstore.Store, b *redisstore.Budget) {
				if err := b.Seen(t.Context(), row.remaining, row.limit); err != nil {
					t.Fatal(err)
				}
				if wait := must(b.Take(t.Context(), 1, redisstore.PriorityReconcile)); (wait > 0) != row.waits {
					t.Errorf("wait %s", wait)
				}
			})
		})
	}
}

// TestBudgetLeavesRoomForOthers: another program uses the team's quota steadily.
// We learn of it from the headers alone, and after a while together stay within
// the quota.
func TestBudgetLeavesRoomForOthers(t *testing.T) {
	for _, others := range []int{60, 150, 240} { // requests a minute
		t.Run(fmt.Sprint(others, " a minute"), func(t *testing.T) {
			inBudget(t, redisstore.Quota{}, func(t *testing.T, _ *redisstore.Store, b *redisstore.Budget) {
				var server, ours asked
				refused, next, start := 0, time.Now(), time.Now()
				for time.Since(start) < 8*time.Minute {
					for !next.After(time.Now()) {
						server = append(server, next)
						next = next.Add(time.Minute / time.Duration(others))
					}
					wait := must(b.Take(t.Context(), 1, redisstore.PriorityPost))
					if wait == 0 {
						used := 0
						for i := len(server) - 1; i >= 0 && time.Since(server[i]) < time.Minute; i-- {
							used++
						}
						if used >= 300 {
							refused++
							if time.Since(start) > 4*time.Minute {
								t.Fatalf("refused after %s", time.Since(start))
							}
						} else {
							server, ours = append(server, time.Now()), append(ours, time.Now())
						}
						if err := b.Seen(t.Context(), max(0, 300-used-1), 300); err != nil {
							t.Fatal(err)
						}
					}
					time.Sleep(max(wait, 10*time.Millisecond))
				}
				left, rate := 300-others, float64(len(ours))/time.Since(start).Minutes()
				t.Logf("%d refused at first; %.0f of the %d a minute that were left used", refused, rate, left)
				if rate < 0.6*float64(left) {
					t.Errorf("%.0f requests a minute, although %d were left to us", rate, left)
				}
			})
		})
	}
}
