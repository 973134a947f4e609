package live_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"inboxbot/bot/live"
)

// rules stands for something that is loaded from files people edit.
type rules struct{ a, b int }

func good(n int) func() (*rules, error) {
	return func() (*rules, error) { return &rules{n, n}, nil }
}

var errTypo = errors.New("rules.yaml:3:9: unknown name tgas")

func typo() (*rules, error) { return &rules{-1, -2}, errTypo }

func TestValueKeepsTheLastGoodVersion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var v live.Value[*rules]
		start := time.Now()
		steps := []struct {
			name   string
			load   func() (*rules, error)
			want   int // in force afterwards, 0 for nothing
			loaded time.Duration
			err    error
		}{
			{"a first load may fail, and nothing is in force", typo, 0, -1, errTypo},
			{"the first good one comes into force", good(1), 1, 2 * time.Minute, nil},
			{"a broken one does not", typo, 1, 2 * time.Minute, errTypo},
			{"nor does it the second time", typo, 1, 2 * time.Minute, errTypo},
			{"the repaired one does, and the error is gone", good(2), 2, 5 * time.Minute, nil},
		}
		if s := v.Status(); v.Get() != nil || s.Err != nil || !s.Tried.IsZero() || !s.Loaded.IsZero() {
			t.Errorf("an empty value has status %+v and holds %v", s, v.Get())
		}
		for i, step := range steps {
			time.Sleep(time.Minute)
			if err := v.Load(step.load); !errors.Is(err, step.err) {
				t.Errorf("%s: Load returned %v, want %v", step.name, err, step.err)
			}
			time.Sleep(time.Second) // a status that is read later says the same

			got := 0
			if r := v.Get(); r != nil {
				got = r.a
			}
			if got != step.want {
				t.Errorf("%s: version %d is in force, want %d", step.name, got, step.want)
			}
			s := v.Status()
			if s.Value != v.Get() {
				t.Errorf("%s: status shows another value than Get", step.name)
			}
			if !errors.Is(s.Err, step.err) {
				t.Errorf("%s: status error %v, want %v", step.name, s.Err, step.err)
			}
			if want := start.Add(time.Duration(i+1)*time.Minute + time.Duration(i)*time.Second); !s.Tried.Equal(want) {
				t.Errorf("%s: tried at %v, want %v", step.name, s.Tried, want)
			}
			switch {
			case step.loaded < 0 && !s.Loaded.IsZero():
				t.Errorf("%s: loaded at %v, want never", step.name, s.Loaded)
			case step.loaded >= 0 && s.Loaded.Sub(start).Truncate(time.Minute) != step.loaded:
				t.Errorf("%s: loaded after %v, want %v", step.name, s.Loaded.Sub(start), step.loaded)
			}
		}
	})
}

func TestValueStaysAsOldAsItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var v live.Value[*rules]
		if err := v.Load(good(1)); err != nil {
			t.Fatal(err)
		}
		first := v.Status()
		time.Sleep(time.Minute)
		_ = v.Load(typo)
		time.Sleep(time.Minute)
		err := v.Load(func() (*rules, error) { return nil, fmt.Errorf("undone: %w", live.ErrSame) })
		if s := v.Status(); err != nil || s.Err != nil || s.Value != first.Value || !s.Loaded.Equal(first.Loaded) || !s.Tried.Equal(time.Now()) {
			t.Errorf("after a load of the same version: %v, status %+v, want that of %v", err, s, first.Loaded)
		}
	})
}

func TestValueReadersDoNotWaitForALoad(t *testing.T) {
	var v live.Value[*rules]
	if err := v.Load(good(1)); err != nil {
		t.Fatal(err)
	}
	err := v.Load(func() (*rules, error) {
		// Would deadlock here, were readers to wait.
		if got := v.Get().a; got != 1 {
			return nil, fmt.Errorf("during the load version %d is in force, want 1", got)
		}
		return &rules{2, 2}, v.Status().Err
	})
	if err != nil {
		t.Error(err)
	}
	if got := v.Get().a; got != 2 {
		t.Errorf("after the load version %d is in force, want 2", got)
	}
}

func TestValueIsNeverSeenHalfLoaded(t *testing.T) {
	var v live.Value[rules] // by value: two words that must not be torn
	var wg sync.WaitGroup
	for n := range 4 {
		wg.Go(func() {
			for i := range 500 {
				_ = v.Load(func() (rules, error) {
					if i%3 == 0 {
						return rules{-1, -2}, errTypo
					}
					return rules{n*1000 + i, n*1000 + i}, nil
				})
			}
		})
		wg.Go(func() {
			for range 2000 {
				if r := v.Get(); r.a != r.b || r.a < 0 {
					t.Errorf("saw %+v: half a version or a broken one", r)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestValueSurvivesALoadThatPanics(t *testing.T) {
	var v live.Value[*rules]
	if err := v.Load(good(1)); err != nil {
		t.Fatal(err)
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		_ = v.Load(func() (*rules, error) { panic("loader") })
	}()
	if err := v.Load(good(2)); err != nil { // the lock is free again
		t.Fatal(err)
	}
	if got := v.Get().a; got != 2 {
		t.Errorf("version %d is in force, want 2", got)
	}
}

func BenchmarkGet(b *testing.B) {
	var v live.Value[*rules]
	if err := v.Load(good(1)); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		_ = v.Get()
	}
}
