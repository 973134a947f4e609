package alert_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"inboxbot/cmd/inboxbot/alert"
)

// office is where alerts arrive, and the bot's problems as a test sets them.
type office struct {
	t     *testing.T
	began time.Time

	mu       sync.Mutex
	problems map[string]alert.Problem
	follows  bool // the process does not lead
	answers  func(*http.Request) (*http.Response, error)
	got      []delivery
	log      strings.Builder // written through Write
	counted  map[bool]int
}

type delivery struct {
	at     time.Duration // since the test began
	body   string
	header http.Header
	method string
}

const secretURL = "https://hooks.example.com/services/T0/B0/s3cr3t?token=t0k3n"

// in opens an office in a synctest bubble.
func in(t *testing.T, f func(o *office)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		t.Helper()
		o := &office{t: t, began: time.Now(), problems: map[string]alert.Problem{}, counted: map[bool]int{}}
		f(o)
		if text := o.logged(); strings.Contains(text, "s3cr3t") || strings.Contains(text, "t0k3n") {
			t.Errorf("the log shows the URL:\n%s", text)
		}
	})
}

// Write is the log.
func (o *office) Write(line []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.log.Write(line)
}

func (o *office) logged() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.log.String()
}

func (o *office) count(sent bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.counted[sent]++
}

// deliveries are all that nobody has checked yet.
func (o *office) deliveries() []delivery {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.got)
}

func (o *office) attempts(sent bool) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.counted[sent]
}

// RoundTrip implements http.RoundTripper.
func (o *office) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	o.mu.Lock()
	answers := o.answers
	o.mu.Unlock()
	if answers != nil {
		return answers(r)
	}
	if r.URL.String() != secretURL {
		o.t.Errorf("%s was asked", r.URL)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.got = append(o.got, delivery{time.Since(o.began), string(body), r.Header, r.Method})
	return answer(http.StatusOK), nil
}

func answer(status int) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(""))}
}

func (o *office) look() alert.Look {
	o.mu.Lock()
	defer o.mu.Unlock()
	l := alert.Look{Leads: !o.follows}
	for _, p := range o.problems {
		l.Problems = append(l.Problems, p)
	}
	return l
}

func (o *office) options() alert.Options {
	return alert.Options{
		URL: secretURL, Format: alert.Slack, Source: "Kestrel", Look: o.look, Transport: o,
		Logger: slog.New(slog.NewTextHandler(o, nil)),
		Count:  o.count,
	}
}

// run starts an alerter of a process; stop ends the process.
func (o *office) run(options alert.Options) (stop func()) {
	ctx, cancel := context.WithCancel(o.t.Context())
	done := make(chan error)
	go func() { done <- alert.New(options).Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			o.t.Error(err)
		}
	}
}

// wrong makes problems appear, well makes them go.
func (o *office) wrong(all ...alert.Problem) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, p := range all {
		o.problems[p.Name] = p
	}
}

func (o *office) well(names ...string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, name := range names {
		delete(o.problems, name)
	}
}

func (o *office) refuse(answers func(*http.Request) (*http.Response, error)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.answers = answers
}

// heard checks what has arrived since the last time, message by message: states
// and names, such as "started model, over redis".
func (o *office) heard(want ...string) []delivery {
	o.t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	var told []string
	for _, d := range o.got {
		var m struct {
			Alerts []struct{ Name, State string }
		}
		if err := json.Unmarshal([]byte(d.body), &m); err != nil {
			o.t.Fatalf("%v in %s", err, d.body)
		}
		var all []string
		for _, a := range m.Alerts {
			all = append(all, a.State+" "+a.Name)
		}
		told = append(told, strings.Join(all, ", "))
	}
	if fmt.Sprintf("%q", told) != fmt.Sprintf("%q", want) {
		o.t.Errorf("after %s heard %q, want %q", time.Since(o.began), told, want)
	}
	got := o.got
	o.got = nil
	return got
}

func model() alert.Problem {
	return alert.Problem{Name: "model", Text: "the model is away", Do: "look at it", After: time.Minute}
}

func redis() alert.Problem {
	return alert.Problem{Name: "redis", Text: "Redis is away", Do: "bring it back", After: time.Minute, Mine: true}
}

func TestToldOnceHourlyAndWhenItIsOver(t *testing.T) {
	in(t, func(o *office) {
		defer o.run(o.options())()
		o.wrong(model())
		time.Sleep(55 * time.Second)
		o.heard() // it may pass
		time.Sleep(25 * time.Second)
		o.heard("started model")
		time.Sleep(59 * time.Minute)
		o.heard()
		time.Sleep(2 * time.Minute)
		o.heard("still model")
		time.Sleep(61 * time.Minute)
		o.heard("still model")
		o.well("model")
		time.Sleep(4 * time.Minute)
		o.heard()
		time.Sleep(2 * time.Minute)
		last := o.heard("over model")
		if len(last) == 1 && !strings.Contains(last[0].body, "OVER after 2h 3m: the model is away") {
			t.Errorf("how long it was is not told: %s", last[0].body)
		}
		time.Sleep(24 * time.Hour)
		o.heard()
	})
}

func TestABlipIsNotTold(t *testing.T) {
	in(t, func(o *office) {
		defer o.run(o.options())()
		for range 20 { // 40 s in every five minutes
			o.wrong(model())
			time.Sleep(40 * time.Second)
			o.well("model")
			time.Sleep(260 * time.Second)
		}
		o.heard()
	})
}

func TestFlappingIsOneAlertUntilItIsCalm(t *testing.T) {
	in(t, func(o *office) {
		defer o.run(o.options())()
		for range 12 { // half an hour of 90 s there, 60 s gone
			o.wrong(model())
			time.Sleep(90 * time.Second)
			o.well("model")
			time.Sleep(time.Minute)
		}
		o.heard("started model")
		time.Sleep(5 * time.Minute)
		o.heard("over model")
	})
}

func TestWhatComesBackIsToldLessAndLess(t *testing.T) {
	in(t, func(o *office) {
		defer o.run(o.options())()
		for range 48 { // eight hours of 2 minutes there, 8 minutes gone
			o.wrong(model())
			time.Sleep(2 * time.Minute)
			o.well("model")
			time.Sleep(8 * time.Minute)
		}
		time.Sleep(40 * time.Minute)
		o.mu.Lock()
		defer o.mu.Unlock()
		if n := len(o.got); n < 4 || n > 12 {
			t.Errorf("%d messages about something that came and went 48 times", n)
		}
		if first := o.got[2].body; !strings.Contains(first, "WRONG AGAIN: the model is away") {
			t.Errorf("that it is there again is not told: %s", first)
		}
	})
}

func TestManyAtOnceAreOneMessage(t *testing.T) {
	in(t, func(o *office) {
		defer o.run(o.options())()
		for i := range 30 {
			p := model()
			p.Name = fmt.Sprintf("account-%02d", i)
			o.wrong(p)
		}
		time.Sleep(2 * time.Minute)
		o.mu.Lock()
		defer o.mu.Unlock()
		if len(o.got) != 1 {
			t.Fatalf("%d messages, want 1", len(o.got))
		}
		if text := textOf(t, o.got[0]); strings.Count(text, "\n") != 13 || !strings.Contains(text, "and 18 more") {
			t.Errorf("too long or nothing is said of the others:\n%s", text)
		}
	})
}

func TestNeverAStorm(t *testing.T) {
	in(t, func(o *office) {
		defer o.run(o.options())()
		for i := range 600 { // something new every second
			p := model()
			p.Name, p.After = fmt.Sprintf("p%03d", i), 0
			o.wrong(p)
			time.Sleep(time.Second)
		}
		time.Sleep(time.Minute)
		o.mu.Lock()
		defer o.mu.Unlock()
		told := 0
		for i, d := range o.got {
			told += strings.Count(d.body, `"state":"started"`)
			if i > 0 && d.at-o.got[i-1].at < 30*time.Second {
				t.Errorf("two messages within %s", d.at-o.got[i-1].at)
			}
		}
		if told != 600 {
			t.Errorf("%d of 600 were told", told)
		}
	})
}

func TestAReminderNamesAllThatIsWrong(t *testing.T) {
	in(t, func(o *office) {
		defer o.run(o.options())()
		o.wrong(model())
		time.Sleep(30 * time.Minute)
		o.wrong(redis())
		once := model()
		once.Name, once.Once = "budget", true
		o.wrong(once)
		time.Sleep(29 * time.Minute)
		o.heard("started model", "started budget, started redis")
		time.Sleep(3 * time.Minute)
		o.heard("still model, still redis")
		time.Sleep(59 * time.Minute)
		o.heard() // and not half an hour later again
	})
}

func TestAnEventIsToldAndHasNoEnd(t *testing.T) {
	in(t, func(o *office) {
		defer o.run(o.options())()
		loop := alert.Problem{Name: "loop", Text: "1 conversation", Event: true, Mine: true}
		o.wrong(loop)
		time.Sleep(15 * time.Second)
		o.heard("started loop")
		time.Sleep(49 * time.Minute)
		o.well("loop")
		time.Sleep(time.Hour)
		o.heard()
		o.wrong(loop) // another one
		time.Sleep(15 * time.Second)
		o.heard("started loop")
	})
}

func TestAnUndeliveredAlertIsTriedAgain(t *testing.T) {
	for _, row := range []struct {
		name    string
		answers func(r *http.Request) (*http.Response, error)
		log     string
	}{
		{"refused", func(*http.Request) (*http.Response, error) { return answer(403), nil }, "answered Forbidden 403"},
		{"a redirect to somebody else", func(*http.Request) (*http.Response, error) {
			res := answer(302)
			res.Header.Set("Location", "https://elsewhere.example.com/")
			return res, nil
		}, "answered Found 302"},
		{"no connection", func(r *http.Request) (*http.Response, error) {
			return nil, fmt.Errorf("dial %s: refused", r.URL) // an unfriendly transport names it
		}, "refused"},
		{"no answer", func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}, "deadline"},
	} {
		t.Run(row.name, func(t *testing.T) {
			in(t, func(o *office) {
				defer o.run(o.options())()
				o.refuse(row.answers)
				o.wrong(model())
				time.Sleep(time.Hour)
				tries := o.attempts(false)
				if tries < 8 || tries > 40 {
					t.Errorf("%d attempts in an hour", tries)
				}
				if n := strings.Count(o.logged(), "alert not delivered"); n < 5 || n > 60 {
					t.Errorf("%d lines in an hour:\n%s", n, o.logged())
				}
				if !strings.Contains(o.logged(), row.log) {
					t.Errorf("the log does not say %q:\n%s", row.log, o.logged())
				}
				o.refuse(nil)
				time.Sleep(10 * time.Minute)
				o.heard("started model")
				if n := o.attempts(true); n != 1 {
					t.Errorf("%d attempts count as sent, want 1", n)
				}
			})
		})
	}
}

func TestWhatNobodyCouldBeToldOfIsToldWhenItIsOver(t *testing.T) {
	in(t, func(o *office) {
		defer o.run(o.options())()
		o.refuse(func(*http.Request) (*http.Response, error) { return nil, errors.New("no network") })
		o.wrong(model(), alert.Problem{Name: "loop", Text: "1 conversation", Event: true, Mine: true})
		time.Sleep(20 * time.Minute)
		o.well("model", "loop")
		time.Sleep(20 * time.Minute)
		o.refuse(nil)
		time.Sleep(10 * time.Minute)
		o.heard("started loop, over model")
	})
}

func TestRetryAfterIsObeyed(t *testing.T) {
	in(t, func(o *office) {
		defer o.run(o.options())()
		o.refuse(func(*http.Request) (*http.Response, error) {
			res := answer(429)
			res.Header.Set("Retry-After", "1800")
			return res, nil
		})
		o.wrong(model())
		time.Sleep(25 * time.Minute)
		if tries := o.attempts(false); tries != 1 {
			t.Errorf("%d attempts in the half hour that the server asked for", tries)
		}
	})
}

// shelf is what several processes keep together.
type shelf struct {
	mu    sync.Mutex
	state []byte
	err   error
	saves int
}

// LoadAlerts implements alert.Memory.
func (s *shelf) LoadAlerts(context.Context) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state, s.err
}

// SaveAlerts implements alert.Memory.
func (s *shelf) SaveAlerts(_ context.Context, state []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.saves++
	if s.err == nil {
		s.state = state
	}
	return s.err
}

func (s *shelf) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func TestANewLeaderGoesOnWhereTheOldOneStopped(t *testing.T) {
	in(t, func(o *office) {
		options := o.options()
		kept := &shelf{}
		options.Memory = kept
		stop := o.run(options)
		o.wrong(model())
		time.Sleep(30 * time.Minute)
		o.heard("started model")
		stop()
		time.Sleep(time.Minute)
		stop = o.run(options)
		time.Sleep(25 * time.Minute)
		o.heard()
		time.Sleep(6 * time.Minute)
		o.heard("still model") // an hour after the first process told it
		stop()
		o.well("model") // between two processes
		defer o.run(options)()
		time.Sleep(10 * time.Minute)
		o.heard("over model")
		if kept.saves > 5 {
			t.Errorf("saved %d times, want once for every change", kept.saves)
		}
	})
}

func TestOnlyWhoLeadsTellsAndEveryProcessTellsOfItself(t *testing.T) {
	in(t, func(o *office) {
		kept := &shelf{}
		leader := o.options()
		leader.Memory = kept
		follower := leader
		follower.Look = func() alert.Look { l := o.look(); l.Leads = false; return l }
		defer o.run(leader)()
		defer o.run(follower)()
		o.wrong(model())
		time.Sleep(5 * time.Minute)
		o.heard("started model")
		o.wrong(redis())
		time.Sleep(5 * time.Minute)
		o.heard("started redis", "started redis")
	})
}

func TestWithoutItsMemoryALeaderTellsOnlyOfItself(t *testing.T) {
	in(t, func(o *office) {
		kept := &shelf{err: errors.New("connection refused")}
		options := o.options()
		options.Memory = kept
		defer o.run(options)()
		o.wrong(model(), redis())
		time.Sleep(10 * time.Minute)
		o.heard("started redis") // what else is wrong may have been told by another process
		o.well("redis")
		kept.fail(nil)
		time.Sleep(10 * time.Minute)
		o.heard("started model", "over redis")
	})
}

func TestBrokenMemoryIsNoMemory(t *testing.T) {
	in(t, func(o *office) {
		options := o.options()
		options.Memory = &shelf{state: []byte(`[{"name":`)}
		defer o.run(options)()
		o.wrong(model())
		time.Sleep(2 * time.Minute)
		o.heard("started model")
	})
}

func textOf(t *testing.T, d delivery) string {
	t.Helper()
	var m struct{ Text string }
	if err := json.Unmarshal([]byte(d.body), &m); err != nil {
		t.Fatal(err)
	}
	return m.Text
}

func TestNobodyIsCalledAndNothingIsALink(t *testing.T) {
	for _, text := range []string{
		"<!channel> <!here> <@U123> <https://evil.example.com|click>", "@channel @here @all @robin",
		"a\nb\r\n🔴 WRONG: invented", "\x1b[31mred\x07", "\u202eesrever \u2066 \u200b", strings.Repeat("@", 5000), "bad \xff bytes",
	} {
		in(t, func(o *office) {
			for _, format := range []alert.Format{alert.Slack, alert.Plain} {
				options := o.options()
				options.Format = format
				stop := o.run(options)
				o.wrong(alert.Problem{Name: "x", Text: text, Do: text})
				time.Sleep(time.Minute)
				stop()
				all := o.deliveries()
				d := all[len(all)-1]
				said := d.body
				if format == alert.Slack {
					said = textOf(t, d)
					if strings.ContainsAny(said, "<>") {
						t.Errorf("%q is told as %q", text, said)
					}
				}
				for _, bad := range []string{"@c", "@h", "@a", "@r", "@@", "\x1b", "\r", "\u202e", "\u2066", "\xff"} {
					if strings.Contains(said, bad) {
						t.Errorf("%q is told as %q, with %q", text, said, bad)
					}
				}
				if strings.Count(said, "\n") != 1 || len(said) > 4000 {
					t.Errorf("%q is told in more than its line: %q", text, said)
				}
			}
		})
	}
}

func TestPlainIsTextAndSlackIsJSON(t *testing.T) {
	in(t, func(o *office) {
		plain := o.options()
		plain.Format = alert.Plain
		stop := o.run(plain)
		o.wrong(model())
		time.Sleep(2 * time.Minute)
		stop()
		d := o.deliveries()[0]
		if want := "inboxbot, Kestrel\n🔴 WRONG: the model is away. look at it"; d.body != want || d.method != http.MethodPost {
			t.Errorf("%s %q, want POST %q", d.method, d.body, want)
		}
		if got := d.header.Get("Content-Type"); got != "text/plain; charset=utf-8" {
			t.Errorf("plain comes as %s", got)
		}
		defer o.run(o.options())()
		time.Sleep(2 * time.Minute)
		if d := o.deliveries()[1]; d.header.Get("Content-Type") != "application/json" || textOf(t, d) == "" {
			t.Errorf("%s: %s", d.header.Get("Content-Type"), d.body)
		}
	})
}

func TestHeartbeatStopsWhenTheBotIsNotWell(t *testing.T) {
	in(t, func(o *office) {
		var mu sync.Mutex
		ill := true
		set := func(to bool) { mu.Lock(); defer mu.Unlock(); ill = to }
		beat := alert.Heartbeat{
			URL: secretURL, Transport: o, Logger: slog.New(slog.NewTextHandler(o, nil)),
			Well:  func() bool { mu.Lock(); defer mu.Unlock(); return !ill },
			Count: o.count,
		}
		ctx, cancel := context.WithCancel(o.t.Context())
		done := make(chan error)
		go func() { done <- beat.Run(ctx) }()
		defer func() { cancel(); <-done }()
		beats := func() int { o.mu.Lock(); defer o.mu.Unlock(); n := len(o.got); o.got = nil; return n }

		time.Sleep(time.Hour)
		if n := beats(); n != 0 {
			t.Errorf("%d beats of a bot that is not ready", n)
		}
		set(false)
		time.Sleep(time.Hour)
		if n := beats(); n < 59 || n > 61 {
			t.Errorf("%d beats in an hour", n)
		}
		set(true)
		time.Sleep(10 * time.Second)
		beats()
		time.Sleep(time.Hour)
		if n := beats(); n != 0 {
			t.Errorf("%d beats of a bot that is ill", n)
		}
		set(false)
		o.refuse(func(*http.Request) (*http.Response, error) { return answer(500), nil })
		time.Sleep(10 * time.Minute)
		if n := o.attempts(false); n < 8 || n > 30 {
			t.Errorf("%d attempts in ten minutes at a URL that does not answer", n)
		}
		o.refuse(nil)
		time.Sleep(2 * time.Minute)
		if n := beats(); n < 1 || n > 3 {
			t.Errorf("%d beats after the URL came back", n)
		}
		if !strings.Contains(o.logged(), "heartbeat not delivered") {
			t.Error("that beats did not arrive is not logged")
		}
	})
}
