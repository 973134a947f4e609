package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"inboxbot/bot/redisstore"
)

// onEveryRedis runs a test on miniredis and on a real one, each with a team of its
// own and another process's view of it.
func onEveryRedis(t *testing.T, f func(t *testing.T, s, other *redisstore.Store, c redis.UniversalClient)) {
	t.Helper()
	t.Run("miniredis", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			_, c := mini(t)
			f(t, open(t, redisstore.Options{Client: c, Team: "team"}), open(t, redisstore.Options{Client: c, Team: "team", Namespace: "dry"}), c)
		})
	})
	t.Run("redis", func(t *testing.T) {
		url := startRedis(t).url()
		c := redis.NewClient(must(redis.ParseURL(url)))
		t.Cleanup(func() { _ = c.Close() })
		f(t, open(t, redisstore.Options{URL: url, Team: "team"}), open(t, redisstore.Options{URL: url, Team: "team", Namespace: "dry"}), c)
	})
}

func text(n int) map[string]string {
	return map[string]string{"rules.yaml": fmt.Sprintf("version: %d\n", n), "system.tmpl": "Be <b>brief</b> & kind. Grüße, \u2028\x01\r\n"}
}

func hashOf(n int) string { return fmt.Sprintf("%012x", n) }

// publish puts edition n in force.
func publish(ctx context.Context, s *redisstore.Store, n int, expected string) (string, error) {
	return s.Publish(ctx, redisstore.Published{Hash: hashOf(n), By: "mira", Message: fmt.Sprint("edition ", n)}, text(n), expected)
}

func TestPublishing(t *testing.T) {
	onEveryRedis(t, func(t *testing.T, s, other *redisstore.Store, _ redis.UniversalClient) {
		ctx := t.Context()
		if now := must(s.InForce(ctx)); now != (redisstore.Published{}) || len(must(s.History(ctx))) != 0 {
			t.Errorf("in force before anything is: %+v", now)
		}
		if _, err := s.Files(ctx, hashOf(1)); !errors.Is(err, redisstore.ErrNoText) {
			t.Errorf("files of what was never published: %v", err)
		}
		steps := []struct {
			name, expected string
			edition        int
			before         string
			err            error
			inForce        int
		}{
			{"expecting another than none", hashOf(9), 1, "", redisstore.ErrOvertaken, 0},
			{"the first", "", 1, "", nil, 1},
			{"the same once more", redisstore.Any, 1, hashOf(1), redisstore.ErrInForce, 1},
			{"the same, expecting another", hashOf(9), 1, hashOf(1), redisstore.ErrInForce, 1},
			{"expecting none where there is one", "", 2, hashOf(1), redisstore.ErrOvertaken, 1},
			{"expecting the right one", hashOf(1), 2, hashOf(1), nil, 2},
			{"overtaken", hashOf(1), 3, hashOf(2), redisstore.ErrOvertaken, 2},
			{"whatever is there", redisstore.Any, 3, hashOf(2), nil, 3},
			{"an old one again", hashOf(3), 1, hashOf(3), nil, 1},
		}
		history := 0
		for _, step := range steps {
			before, err := publish(ctx, s, step.edition, step.expected)
			if before != step.before || !errors.Is(err, step.err) || (err == nil) != (step.err == nil) {
				t.Errorf("%s: %q, %v; want %q, %v", step.name, before, err, step.before, step.err)
			}
			if err == nil {
				history++
			}
			want := ""
			if step.inForce > 0 {
				want = hashOf(step.inForce)
			}
			// Another process, a dry run, sees the same.
			if now := must(other.InForce(ctx)); now.Hash != want {
				t.Errorf("%s: %q is in force, want %q", step.name, now.Hash, want)
			}
		}
		all := must(other.History(ctx))
		if len(all) != history {
			t.Fatalf("a history of %d, want %d: %+v", len(all), history, all)
		}
		for i, want := range []struct{ hash, before string }{{hashOf(1), hashOf(3)}, {hashOf(3), hashOf(2)}, {hashOf(2), hashOf(1)}, {hashOf(1), ""}} {
			if g := all[i]; g.Hash != want.hash || g.Before != want.before || g.By != "mira" || g.Back || !strings.HasPrefix(g.Message, "edition ") || time.Since(g.At).Abs() > time.Minute {
				t.Errorf("entry %d is %+v, want %+v", i, g, want)
			}
		}
		for n := 1; n <= 3; n++ {
			if files := must(other.Files(ctx, hashOf(n))); !maps.Equal(files, text(n)) {
				t.Errorf("edition %d has the files %q, want %q", n, files, text(n))
			}
		}
	})
}

func TestReturningIsKept(t *testing.T) {
	onEveryRedis(t, func(t *testing.T, s, _ *redisstore.Store, _ redis.UniversalClient) {
		must(publish(t.Context(), s, 1, ""))
		must(publish(t.Context(), s, 2, redisstore.Any))
		must(s.Publish(t.Context(), redisstore.Published{Hash: hashOf(1), Back: true}, text(1), hashOf(2)))
		if g := must(s.InForce(t.Context())); g.Hash != hashOf(1) || !g.Back || g.By != "" || g.Message != "" {
			t.Errorf("in force is %+v", g)
		}
	})
}

// TestWhatAProcessRefusesIsTakenBackOnce is about several processes that refuse what
// is in force, and about the person who has seen it.
func TestWhatAProcessRefusesIsTakenBackOnce(t *testing.T) {
	onEveryRedis(t, func(t *testing.T, s, other *redisstore.Store, _ redis.UniversalClient) {
		ctx := t.Context()
		must(publish(ctx, s, 1, ""))
		must(publish(ctx, s, 2, redisstore.Any))
		back := redisstore.Published{Hash: hashOf(1), By: "process A", Message: "guard x fails", Back: true, Refused: true}
		if before, err := s.Publish(ctx, back, text(1), hashOf(2)); before != hashOf(2) || err != nil {
			t.Errorf("the first one takes it back: %q, %v", before, err)
		}
		for name, to := range map[string]int{"to the same": 1, "to another": 3} {
			again := back
			again.Hash = hashOf(to)
			if before, err := other.Publish(ctx, again, text(to), hashOf(2)); before != hashOf(1) || !errors.Is(err, redisstore.ErrOvertaken) {
				t.Errorf("a second one, %s: %q, %v", name, before, err)
			}
		}
		if g := must(other.InForce(ctx)); !g.Back || !g.Refused || g.Before != hashOf(2) || g.By != "process A" || g.Message != "guard x fails" {
			t.Errorf("in force is %+v", g)
		}
		if before, err := publish(ctx, s, 1, redisstore.Any); before != hashOf(1) || err != nil {
			t.Errorf("a person who keeps it: %q, %v", before, err)
		}
		if g := must(other.InForce(ctx)); g.Hash != hashOf(1) || g.Back || g.Refused {
			t.Errorf("in force is %+v, want it kept by a person", g)
		}
		if _, err := publish(ctx, s, 1, redisstore.Any); !errors.Is(err, redisstore.ErrInForce) {
			t.Errorf("kept twice: %v", err)
		}
	})
}

// TestHistoryIsBounded publishes more than is kept: neither the one in force nor a
// text that an entry names is ever forgotten, and nothing else is kept.
func TestHistoryIsBounded(t *testing.T) {
	onEveryRedis(t, func(t *testing.T, s, _ *redisstore.Store, c redis.UniversalClient) {
		ctx := t.Context()
		for n := 1; n <= 2*redisstore.MaxHistory; n++ {
			must(publish(ctx, s, n, redisstore.Any))
			if n%10 == 0 { // every now and then the first one is returned to
				must(publish(ctx, s, 1, redisstore.Any))
			}
		}
		all := must(s.History(ctx))
		if len(all) != redisstore.MaxHistory || all[0].Hash != hashOf(1) {
			t.Fatalf("%d entries, newest %+v", len(all), all[0])
		}
		names := map[string]bool{}
		for _, g := range all {
			names[g.Hash] = true
			if _, err := s.Files(ctx, g.Hash); err != nil {
				t.Errorf("files of %s: %v", g.Hash, err)
			}
		}
		if kept := must(c.HLen(ctx, "inboxbot:{team}:texts").Result()); int(kept) != len(names) {
			t.Errorf("%d texts are kept of %d generations", kept, len(names))
		}
		if _, err := s.Files(ctx, hashOf(2)); !errors.Is(err, redisstore.ErrNoText) {
			t.Errorf("files of a forgotten generation: %v", err)
		}
	})
}

// TestOneOfManyPublishes lets ten authors publish at once, each expecting what all
// of them saw: one of them does, and the others are told who.
func TestOneOfManyPublishes(t *testing.T) {
	onEveryRedis(t, func(t *testing.T, s, other *redisstore.Store, _ redis.UniversalClient) {
		must(publish(t.Context(), s, 1, ""))
		var mu sync.Mutex
		var wg sync.WaitGroup
		won, told := "", map[string]int{}
		for n := range 10 {
			wg.Go(func() {
				store := s
				if n%2 == 1 {
					store = other
				}
				before, err := publish(t.Context(), store, 10+n, hashOf(1))
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil && won == "":
					won = hashOf(10 + n)
				case errors.Is(err, redisstore.ErrOvertaken):
					told[before]++
				default:
					t.Errorf("author %d: %v, with %q published", n, err, won)
				}
			})
		}
		wg.Wait()
		if now := must(s.InForce(t.Context())); now.Hash != won || told[won] != 9 {
			t.Errorf("%s is in force, %s was published, told: %v", now.Hash, won, told)
		}
	})
}

func TestWhatIsNoGeneration(t *testing.T) {
	_, c := mini(t)
	s := open(t, redisstore.Options{Client: c, Team: "team"})
	half := strings.Repeat("x", redisstore.MaxGeneration/2)
	good := redisstore.Published{Hash: hashOf(1)}
	tests := []struct {
		name  string
		g     redisstore.Published
		files map[string]string
		want  string // "" is good
	}{
		{"one file", good, map[string]string{"a": "b"}, ""},
		{"as large as can be", redisstore.Published{Hash: hashOf(2)}, map[string]string{"a": half, "b": half[2:]}, ""},
		{"too large", good, map[string]string{"a": half, "b": half}, "2048 KB of rules and prompts: a generation is at most 2048 KB"},
		{"no files", good, nil, "without files"},
		{"no hash", redisstore.Published{}, text(1), `"" is not the hash`},
		{"a hash that is none", redisstore.Published{Hash: "a\x1b[2J"}, text(1), `"a\x1b[2J" is not the hash`},
		{"a long message", redisstore.Published{Hash: hashOf(1), Message: half}, text(1), "at most 1000 bytes"},
		{"a path", good, map[string]string{"a/b": ""}, `"a/b" is no name`},
		{"a way out", good, map[string]string{"..": ""}, `".." is no name`},
		{"no name", good, map[string]string{"": ""}, `"" is no name`},
		{"a name that moves the cursor", good, map[string]string{"a\n\x1b[2J": ""}, `"a\n\x1b[2J" is no name`},
		{"text that is none", good, map[string]string{"a": "\xff", "b\\": ""}, "a: not valid UTF-8\n\"b\\\\\" is no name"},
	}
	for _, tt := range tests {
		_, err := s.Publish(t.Context(), tt.g, tt.files, redisstore.Any)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

// TestForeignGenerations is about a Redis that others write to, or that lost a part.
func TestForeignGenerations(t *testing.T) {
	const history, texts = "inboxbot:{team}:published", "inboxbot:{team}:texts"
	onEveryRedis(t, func(t *testing.T, s, _ *redisstore.Store, c redis.UniversalClient) {
		ctx := t.Context()
		must(publish(ctx, s, 1, ""))
		for name, text := range map[string]string{
			"no JSON": "version: 1", "no files": "{}", "no texts": `{"a":1}`, "a bad name": `{"../a":""}`, "null": "null",
			"too much": `{"a":"` + strings.Repeat("x", redisstore.MaxGeneration) + `"}`,
		} {
			must(c.HSet(ctx, texts, hashOf(1), text).Result())
			if files, err := s.Files(ctx, hashOf(1)); !errors.Is(err, redisstore.ErrForeign) || files != nil {
				t.Errorf("%s: files %q, %v", name, files, err)
			}
		}
		must(c.Del(ctx, texts).Result())
		if _, err := s.Files(ctx, hashOf(1)); !errors.Is(err, redisstore.ErrNoText) {
			t.Errorf("files of a lost text: %v", err)
		}
		// Publishing what is in force brings its text back.
		if _, err := publish(ctx, s, 1, redisstore.Any); !errors.Is(err, redisstore.ErrInForce) {
			t.Errorf("publishing it again: %v", err)
		}
		if files := must(s.Files(ctx, hashOf(1))); !maps.Equal(files, text(1)) {
			t.Errorf("files %q after it was published again", files)
		}
		must(c.XAdd(ctx, &redis.XAddArgs{Stream: history, Values: []string{"hash", "\x1b[2J"}}).Result())
		if _, err := s.InForce(ctx); !errors.Is(err, redisstore.ErrForeign) || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("in force with a foreign entry: %v", err)
		}
		must(c.Del(ctx, history).Result())
		must(c.Set(ctx, history, "a text", 0).Result())
		if _, err := s.History(ctx); err == nil || errors.Is(err, redisstore.ErrForeign) {
			t.Errorf("history of a key of another type: %v", err)
		}
	})
}

// TestALostAnswerPublishesOnce cuts the connection between the script and its
// answer: the one repetition finds what it did.
func TestALostAnswerPublishesOnce(t *testing.T) {
	_, c := mini(t)
	s := open(t, redisstore.Options{Client: c, Team: "team"})
	must(publish(t.Context(), s, 1, ""))
	c.AddHook(&losesAnswers{of: 1})
	before, err := publish(t.Context(), s, 2, hashOf(1))
	if before != hashOf(1) || err != nil {
		t.Errorf("published instead of %q, %v", before, err)
	}
	if all := must(s.History(t.Context())); len(all) != 2 || all[0].Hash != hashOf(2) {
		t.Errorf("history %+v", all)
	}
}

// losesAnswers lets a number of scripts run and their answers get lost.
type losesAnswers struct {
	redis.Hook
	of int
}

func (l *losesAnswers) DialHook(next redis.DialHook) redis.DialHook { return next }
func (l *losesAnswers) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (l *losesAnswers) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		if err == nil && l.of > 0 && strings.HasPrefix(cmd.Name(), "eval") {
			l.of--
			cmd.SetErr(errors.New("connection reset"))
			return cmd.Err()
		}
		return err
	}
}

// TestFilesComeBackAsTheyWere is about every text.
func TestFilesComeBackAsTheyWere(t *testing.T) {
	_, c := mini(t)
	s := open(t, redisstore.Options{Client: c, Team: "team"})
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		files := rapid.MapOfN(rapid.StringMatching(`[a-zäЖ_][a-z .\-]{0,9}`), rapid.String(), 1, 5).Draw(t, "files")
		_, err := s.Publish(context.Background(), redisstore.Published{Hash: hashOf(n)}, files, redisstore.Any)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := s.Files(context.Background(), hashOf(n)); err != nil || !maps.Equal(back, files) {
			t.Fatalf("published %q, came back %q (%v)", files, back, err)
		}
	})
}

// BenchmarkInForce is what following costs a process once a second.
func BenchmarkInForce(b *testing.B) {
	s := open(b, redisstore.Options{URL: startRedis(b).url(), Team: "team"})
	for n := 1; n <= redisstore.MaxHistory; n++ {
		must(publish(b.Context(), s, n, redisstore.Any))
	}
	for b.Loop() {
		must(s.InForce(b.Context()))
	}
}
