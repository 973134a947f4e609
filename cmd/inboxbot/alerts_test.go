package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"inboxbot/bot"
	"inboxbot/inboxapi/inboxapitest"
)

func TestSigns(t *testing.T) {
	wrong := errors.New("GET /threads: secret-text")
	for _, row := range []struct {
		name    string
		health  bot.Health
		refused error
		want    string // the problems' names
		says    string // in the text of one
	}{
		{"all is well", bot.Health{}, nil, "", ""},
		{"paused on purpose", bot.Health{Paused: "paused since noon"}, nil, "", ""},
		{"waiting, not for long", bot.Health{OldestUnanswered: 14 * time.Minute, Waiting: 3}, nil, "", ""},
		{"waiting too long", bot.Health{OldestUnanswered: 75 * time.Minute, Waiting: 1}, nil, "unanswered", "has waited for 1h 15m (BOT_ANSWER_SLO is 15m), 1 thread waits"},
		{"the token is refused", bot.Health{TokenRefused: wrong, SweepErr: wrong}, nil, "token-refused", "does not take the token"},
		{"Inbox is away", bot.Health{SweepErr: wrong}, nil, "inbox-away", "never since the start"},
		{"Redis is away", bot.Health{StoreErr: wrong}, nil, "redis-away", "nothing is sent"},
		{"the model stumbled", bot.Health{ModelDown: 50 * time.Second}, nil, "", ""},
		{"the model is down", bot.Health{ModelDown: 3 * time.Minute}, nil, "model-down", "has not answered for 3m"},
		{"two accounts are offline", bot.Health{AccountsOffline: []string{"one", "two"}}, nil, "account-offline:one account-offline:two", "link two is offline"},
		{"an account with a name of its own", bot.Health{AccountsOffline: []string{"<!channel> @here\n"}}, nil, "account-offline:channelhere", "link channelhere is"},
		{"broken rules", bot.Health{}, wrong, "generation-refused", "the last good ones stay in force"},
		{"most of the budget is used", bot.Health{TokensUsed: 0.83, USDUsed: 0.2}, nil, "budget-80:tokens", "83 % of the day's budget of tokens"},
		{"the budget is used up", bot.Health{USDUsed: 1}, nil, "budget-100:money budget-80:money", "until midnight"},
		{"a send in doubt", bot.Health{InDoubt: 1, DoubtfulSends: 1}, nil, "sends-in-doubt", "1 send was lost"},
		{"a send in doubt that was found", bot.Health{DoubtfulSends: 1}, nil, "", ""},
		{"many sends in doubt", bot.Health{DoubtfulSends: 3}, nil, "sends-in-doubt", "3 sends was lost within ten minutes"},
		{"a loop was stopped", bot.Health{LoopsStopped: 1}, nil, "loop", "1 conversation handed over"},
		{"a handoff without its tag", bot.Health{UntaggedHandoffs: 2}, nil, "untagged", "2 threads handed over without"},
		{"somebody else replies", bot.Health{ForeignReplies: 1}, nil, "foreign-replies", "1 reply was sent"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := &signs{slo: 15 * time.Minute, poll: 5 * time.Second, began: time.Now()}
			s.health = func() bot.Health { return row.health }
			s.refused = func() error { return row.refused }
			var names, texts []string
			for _, p := range s.look().Problems {
				names = append(names, p.Name)
				texts = append(texts, p.Text, p.Do)
				if p.Do == "" {
					t.Errorf("%s does not say what to do", p.Name)
				}
			}
			slices.Sort(names)
			if got := strings.Join(names, " "); got != row.want {
				t.Errorf("wrong is %q, want %q", got, row.want)
			}
			all := strings.Join(texts, "\n")
			if !strings.Contains(all, row.says) {
				t.Errorf("%q does not say %q", all, row.says)
			}
			if strings.Contains(all, "secret-text") {
				t.Errorf("an error's text is in %q", all)
			}
		})
	}
}

// Who waits for the team to approve a draft waits no less than others.
func TestUnapprovedDraftsAreASign(t *testing.T) {
	for _, row := range []struct {
		name   string
		health bot.Health
		oldest time.Duration
		n      int
		want   string
	}{
		{"none", bot.Health{Leads: true}, 0, 0, ""},
		{"new ones", bot.Health{Leads: true}, 14 * time.Minute, 2, ""},
		{"an old one", bot.Health{Leads: true}, 16 * time.Minute, 2, "unapproved"},
		{"another process tells", bot.Health{}, 16 * time.Minute, 2, ""},
		{"Redis is away", bot.Health{Leads: true, StoreErr: errors.New("refused")}, 16 * time.Minute, 2, "redis-away"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := &signs{slo: 15 * time.Minute, began: time.Now(), refused: func() error { return nil }}
			s.health = func() bot.Health { return row.health }
			s.drafts = func() (time.Duration, int) { return row.oldest, row.n }
			var names []string
			for _, p := range s.look().Problems {
				names = append(names, p.Name)
			}
			if got := strings.Join(names, " "); got != row.want {
				t.Errorf("wrong is %q, want %q", got, row.want)
			}
		})
	}
}

// watched starts a bot and all that watches it, whose webhook is a pigeonhole.
func (s *stage) watched() (hole *pigeonhole, end func()) {
	hole = &pigeonhole{}
	s.parts.webhooks = hole
	b := s.start()
	ctx, cancel := context.WithCancel(s.t.Context())
	var all sync.WaitGroup
	all.Go(func() { _ = b.Run(ctx) })
	for _, watch := range s.parts.watchers(b, b.Ready) {
		all.Go(func() { _ = watch(ctx) })
	}
	return hole, func() { cancel(); all.Wait() }
}

// In draft mode the team hears of a draft that nobody decides about, and of its end.
func TestABotTellsOfADraftThatNobodyApproves(t *testing.T) {
	o := setting{
		rules: "version: 1\ndefault: reply\n",
		env:   []string{"BOT_MODE=draft", "BOT_ALERT_URL=https://hooks.example.com/T0/" + stageToken},
		model: func(bot.Prompt) (string, error) {
			return decided(bot.Decision{Action: bot.Reply, Reply: "ok"}), nil
		},
	}
	onStage(t, o, func(s *stage) {
		hole, end := s.watched()
		defer end()
		s.sim.Receive(s.sim.AddThread(inboxapitest.NewThread{}).ID, "how much is it?")
		time.Sleep(20 * time.Minute)
		if got := hole.told(t); !slices.Equal(got, []string{"started unapproved"}) {
			s.t.Fatalf("told %q of a draft that has waited for 20 minutes", got)
		}
		if n, oldest := gauge(t, s.parts.reg, "inboxbot_drafts_waiting"), gauge(t, s.parts.reg, "inboxbot_oldest_draft_seconds"); n != 1 || oldest < 18*60 || oldest > 20*60 {
			t.Errorf("measured: %v drafts wait, the oldest for %v s", n, oldest)
		}
		waiting, err := s.parts.store.WaitingDrafts(s.t.Context(), 10)
		if err != nil || len(waiting) != 1 {
			s.t.Fatalf("%d drafts wait, %v", len(waiting), err)
		}
		if err := s.parts.store.DecideDraft(s.t.Context(), waiting[0].Thread, waiting[0].ID, bot.DraftApproved, "", "robin"); err != nil {
			s.t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		if got := hole.told(t); !slices.Equal(got, []string{"started unapproved", "over unapproved"}) {
			s.t.Errorf("told %q after it was approved", got)
		}
		if n, oldest := gauge(t, s.parts.reg, "inboxbot_drafts_waiting"), gauge(t, s.parts.reg, "inboxbot_oldest_draft_seconds"); n != 0 || oldest != 0 {
			t.Errorf("measured after it was approved: %v drafts wait, the oldest for %v s", n, oldest)
		}
	})
}

// What is known of the drafts is what the store last said, and a scrape does not
// ask it.
func TestDraftsAreCountedBetweenScrapes(t *testing.T) {
	now, asked := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC), 0
	var found []bot.Draft
	var fails error
	d := &draftWatch{now: func() time.Time { return now }, ask: func(context.Context, int) ([]bot.Draft, error) { asked++; return found, fails }}
	reg := prometheus.NewRegistry()
	d.measure(reg)
	for _, row := range []struct {
		name   string
		health bot.Health
		found  []bot.Draft
		fails  error
		n      float64
		oldest float64
		asked  int
	}{
		{"none", bot.Health{Leads: true}, nil, nil, 0, 0, 1},
		{"two", bot.Health{Leads: true}, []bot.Draft{{MadeAt: now.Add(-time.Minute)}, {MadeAt: now}}, nil, 2, 60, 2},
		{"the store does not say", bot.Health{Leads: true}, nil, errors.New("refused"), 2, 60, 3},
		{"another process tells", bot.Health{}, nil, nil, 0, 0, 3},
	} {
		found, fails = row.found, row.fails
		d.look(t.Context(), row.health)
		for range 3 {
			n, oldest := gauge(t, reg, "inboxbot_drafts_waiting"), gauge(t, reg, "inboxbot_oldest_draft_seconds")
			if n != row.n || oldest != row.oldest || asked != row.asked {
				t.Errorf("%s: %v drafts wait, the oldest for %v s; the store was asked %d times", row.name, n, oldest, asked)
			}
		}
	}
}

// gauge is what a gauge without labels says.
func gauge(t *testing.T, reg *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatalf("nobody tells %s", name)
	return 0
}

func TestSignsForgetWhatHappenedLongAgo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := bot.Health{LoopsStopped: 1, DoubtfulSends: 3, Leads: true}
		s := &signs{
			slo: time.Minute, began: time.Now(), refused: func() error { return nil },
			health: func() bot.Health { h.LastSweep = time.Now(); return h },
		}
		if n := len(s.look().Problems); n != 2 {
			t.Errorf("%d problems, want 2", n)
		}
		time.Sleep(10 * time.Minute)
		if all := s.look().Problems; len(all) != 1 || all[0].Name != "loop" {
			t.Errorf("ten minutes later: %+v", all)
		}
		time.Sleep(40 * time.Minute)
		if all := s.look().Problems; len(all) != 0 {
			t.Errorf("an hour later: %+v", all)
		}
	})
}

func TestASweepThatNeverEndsIsASign(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := bot.Health{Leads: true}
		s := &signs{slo: time.Minute, poll: 5 * time.Second, began: time.Now(), refused: func() error { return nil }, health: func() bot.Health { return h }}
		time.Sleep(14 * time.Minute)
		if all := s.look().Problems; len(all) != 0 {
			t.Errorf("a quarter of an hour is not over: %+v", all)
		}
		time.Sleep(2 * time.Minute)
		if all := s.look().Problems; len(all) != 1 || all[0].Name != "inbox-away" {
			t.Errorf("nobody has read the inbox: %+v", all)
		}
		h.Leads = false // another process reads it
		if all := s.look().Problems; len(all) != 0 {
			t.Errorf("of a process that does not poll: %+v", all)
		}
	})
}

func TestWhoDidNotLeadTellsOfRedisLater(t *testing.T) {
	for leads, want := range map[bool]time.Duration{true: time.Minute, false: 10 * time.Minute} {
		s := &signs{slo: time.Hour, began: time.Now(), refused: func() error { return nil }}
		s.health = func() bot.Health { return bot.Health{Leads: leads, StoreErr: errors.New("refused")} }
		if all := s.look().Problems; len(all) != 1 || all[0].After != want || !all[0].Mine {
			t.Errorf("leads %t: %+v, want it after %s", leads, all, want)
		}
	}
}

// pigeonhole takes webhooks.
type pigeonhole struct {
	mu     sync.Mutex
	bodies []string
	beats  int
}

// RoundTrip implements http.RoundTripper.
func (p *pigeonhole) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.Method == http.MethodGet {
		p.beats++
	} else {
		p.bodies = append(p.bodies, string(body))
	}
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader("ok")), Header: http.Header{}}, err
}

// told is what has arrived so far: states and names.
func (p *pigeonhole) told(t *testing.T) []string {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	var told []string
	for _, body := range p.bodies {
		var m struct {
			Alerts []struct{ Name, State string }
		}
		if err := json.Unmarshal([]byte(body), &m); err != nil {
			t.Fatalf("%v in %s", err, body)
		}
		for _, a := range m.Alerts {
			told = append(told, a.State+" "+a.Name)
		}
	}
	return told
}

func (p *pigeonhole) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.beats
}

// A bot whose model goes away and comes back tells so, from the wiring to the
// webhook, and its heart stands still meanwhile.
func TestABotTellsThatItsModelIsAway(t *testing.T) {
	const hidden = "my card is 4111 1111 1111 1111 <!channel>"
	var away atomic.Bool
	o := setting{
		rules: "version: 1\ndefault: reply\n",
		env: []string{
			"BOT_ALERT_URL=https://hooks.example.com/T0/" + stageToken, "BOT_HEARTBEAT_URL=https://beat.example.com/" + stageToken,
			"BOT_MODEL_PATIENCE=12h", "LOG_LEVEL=debug",
		},
		model: func(bot.Prompt) (string, error) {
			if away.Load() {
				return "", fmt.Errorf("%w: %s", bot.ErrModelUnavailable, hidden)
			}
			return decided(bot.Decision{Action: bot.Reply, Reply: "ok"}), nil
		},
	}
	onStage(t, o, func(s *stage) {
		hole, end := s.watched()
		defer end()
		s.asks("hello")
		time.Sleep(30 * time.Minute)
		if told, beats := hole.told(t), hole.count(); len(told) != 0 || beats < 29 || beats > 31 {
			t.Errorf("of a bot that is well: %q and %d beats in half an hour", told, beats)
		}

		away.Store(true)
		before := hole.count()
		s.asks(hidden)
		time.Sleep(20 * time.Minute)
		if told, want := hole.told(t), []string{"started model-down", "started unanswered"}; !slices.Equal(told, want) {
			t.Errorf("told %q, want %q", told, want)
		}
		if beats := hole.count() - before; beats > 1 {
			t.Errorf("%d beats of a bot without a model", beats)
		}

		away.Store(false)
		time.Sleep(20 * time.Minute)
		if told, want := hole.told(t)[2:], []string{"over model-down", "over unanswered"}; !slices.Equal(told, want) {
			t.Errorf("told %q, want %q", told, want)
		}
		if text := strings.Join(hole.bodies, "\n"); strings.Contains(text, "4111") || strings.Contains(text, stageToken) || strings.Contains(text, "<!") {
			t.Errorf("a prospect's text or a secret is told: %s", text)
		}
	})
}
