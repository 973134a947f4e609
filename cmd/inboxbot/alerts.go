package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"inboxbot/bot"
	"inboxbot/cmd/inboxbot/alert"
)

// watchers are what tells the team by itself how the bot is, as far as they are
// set up: each blocks until its context ends.
func (w *parts) watchers(b *bot.Bot, ready func() error) []func(context.Context) error {
	count := newAlertMetrics(w.reg, w.cfg.AnswerSLO)
	drafts := &draftWatch{ask: w.store.WaitingDrafts, now: w.client.Now}
	drafts.measure(w.reg)
	s := &signs{slo: w.cfg.AnswerSLO, poll: w.cfg.PollInterval, health: b.Health, refused: w.live.refused, drafts: drafts.waiting, began: time.Now()}
	var all []func(context.Context) error
	if w.cfg.Live() {
		all = append(all, func(ctx context.Context) error { return drafts.follow(ctx, b.Health) })
	}
	if w.cfg.AlertURL.Set() {
		all = append(all, alert.New(alert.Options{
			URL: w.cfg.AlertURL.Reveal(), Format: alert.Format(w.cfg.AlertFormat), Source: w.source(),
			Look: s.look, Memory: w.store, Logger: w.log, Transport: w.webhooks, Count: count("alerts"),
		}).Run)
	}
	if w.cfg.HeartbeatURL.Set() {
		beat := alert.Heartbeat{
			URL: w.cfg.HeartbeatURL.Reveal(), Logger: w.log, Transport: w.webhooks, Count: count("heartbeats"),
			Well: func() bool { return ready() == nil && b.Health().Leads },
		}
		all = append(all, beat.Run)
	}
	return all
}

// source is who tells: whose bot, in which mode, on which machine.
func (w *parts) source() string {
	host, _ := os.Hostname() // without a name nothing is lost
	return fmt.Sprintf("%s, %s on %s", cmp.Or(w.team.Name, w.team.ID), w.cfg.Mode, cmp.Or(host, "a machine without a name"))
}

// newAlertMetrics counts what is delivered, and tells the limit that alerts and
// Prometheus rules share.
func newAlertMetrics(reg prometheus.Registerer, slo time.Duration) (count func(what string) func(sent bool)) {
	counters := map[string]*prometheus.CounterVec{
		"alerts": prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "inboxbot_alerts_total", Help: "Attempts to deliver a message to BOT_ALERT_URL, by how they ended.",
		}, []string{"result"}),
		"heartbeats": prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "inboxbot_heartbeats_total", Help: "Attempts to ask BOT_HEARTBEAT_URL, by how they ended.",
		}, []string{"result"}),
	}
	for _, c := range counters {
		c.WithLabelValues("sent")
		c.WithLabelValues("failed")
		reg.MustRegister(c)
	}
	limit := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "inboxbot_answer_slo_seconds", Help: "BOT_ANSWER_SLO: how old the oldest unanswered message may become.",
	})
	limit.Set(slo.Seconds())
	reg.MustRegister(limit)
	return func(what string) func(bool) {
		return func(sent bool) {
			result := "failed"
			if sent {
				result = "sent"
			}
			counters[what].WithLabelValues(result).Inc()
		}
	}
}

// signs reads off the bot what is wrong. What it says is in our own words: no
// text of a prospect, of an API or of an error is in it.
type signs struct {
	slo, poll time.Duration
	health    func() bot.Health
	refused   func() error // why the rules and prompts on disk are not in force
	drafts    func() (oldest time.Duration, waiting int)
	began     time.Time

	doubts, loops, untagged, foreign recent
}

const (
	modelAway      = time.Minute
	inboxAway      = 5 * time.Minute
	sweepLate      = 15 * time.Minute
	storeAway      = time.Minute
	storeAwayAlone = 10 * time.Minute // for who did not lead: the one that did has told by then
	happened       = 50 * time.Minute // how long what happened counts: less than until it is told again
	doubtsIn       = 10 * time.Minute
	tooManyDoubts  = 3
)

// look implements alert.Options.Look.
func (s *signs) look() alert.Look {
	h, now := s.health(), time.Now()
	var all []alert.Problem
	add := func(wrong bool, p alert.Problem) {
		if wrong {
			all = append(all, p)
		}
	}
	s.reach(add, h, now)
	s.work(add, h, now)
	s.happened(add, h, now)
	return alert.Look{Leads: h.Leads, Problems: all}
}

type adder = func(wrong bool, p alert.Problem)

// reach is about what the bot needs: Inbox, Redis, the model, X.
func (s *signs) reach(add adder, h bot.Health, now time.Time) {
	add(h.TokenRefused != nil, alert.Problem{
		Name: "token-refused", After: 30 * time.Second,
		Text: "Inbox does not take the token any more, so nothing is read or answered",
		Do:   "Set INBOX_API_TOKEN to a new one (Inbox: Settings, API) and restart",
	})
	last := h.LastSweep
	if last.Before(s.began) {
		last = s.began
	}
	late := h.Leads && now.Sub(last) > max(sweepLate, 3*s.poll)
	add(h.TokenRefused == nil && (h.SweepErr != nil || late), alert.Problem{
		Name: "inbox-away", After: inboxAway,
		Text: "The inbox cannot be read: the last time it could was " + ago(h.LastSweep, now),
		Do:   "Messages wait and are answered when Inbox is back. /readyz says what it answers",
	})
	patience := storeAway
	if !h.Leads {
		patience = storeAwayAlone
	}
	add(h.StoreErr != nil, alert.Problem{
		Name: "redis-away", After: patience, Mine: true,
		Text: "Redis does not answer, so nothing is sent",
		Do:   "Bring back what REDIS_URL names. Nothing is lost meanwhile, and no restart is needed",
	})
	add(h.ModelDown > modelAway, alert.Problem{
		Name: "model-down",
		Text: fmt.Sprintf("The model has not answered for %s", alert.Span(h.ModelDown)),
		Do:   "Check the server at OPENAI_BASE_URL, the key and the credit. Past BOT_MODEL_PATIENCE waiting threads go to people",
	})
	for _, name := range h.AccountsOffline {
		add(true, alert.Problem{
			Name: "account-offline:" + handle(name), After: 2 * time.Minute,
			Text: fmt.Sprintf("The account link %s is offline: its threads wait", handle(name)),
			Do:   "Sign the account in again in Inbox",
		})
	}
}

// work is about what should get done, and with what.
func (s *signs) work(add adder, h bot.Health, now time.Time) {
	add(h.OldestUnanswered > s.slo, alert.Problem{
		Name: "unanswered",
		Text: fmt.Sprintf("The oldest unanswered message has waited for %s (BOT_ANSWER_SLO is %s), %s",
			alert.Span(h.OldestUnanswered), alert.Span(s.slo), some(h.Waiting, "thread waits", "threads wait")),
		Do: "See what else is wrong; if nothing is, answer in Inbox and look into the log",
	})
	if oldest, n := s.unapproved(h); n > 0 {
		add(oldest > s.slo, alert.Problem{
			Name: "unapproved",
			Text: fmt.Sprintf("The oldest draft has waited for %s to be approved (BOT_ANSWER_SLO is %s), %s",
				alert.Span(oldest), alert.Span(s.slo), some(n, "draft waits", "drafts wait")),
			Do: "Decide at /drafts of the console, or with inboxbot drafts; past BOT_DRAFT_TTL a person gets the thread",
		})
	}
	add(s.refused() != nil, alert.Problem{
		Name: "generation-refused", After: time.Minute,
		Text: "The rules or prompts were changed and are broken: the last good ones stay in force",
		Do:   "/readyz names every problem with file and line, as inboxbot check does; where a process took the generation back, inboxbot generations says why",
	})
	for kind, used := range map[string]float64{"tokens": h.TokensUsed, "money": h.USDUsed} {
		add(used >= 0.8, alert.Problem{
			Name: "budget-80:" + kind, Once: true,
			Text: fmt.Sprintf("%.0f %% of the day's budget of %s is used", 100*used, kind),
			Do:   "At 100 % people get what the bot would have answered: raise BOT_MAX_TOKENS_PER_DAY or BOT_MAX_USD_PER_DAY, or see what asks so much",
		})
		add(used >= 1, alert.Problem{
			Name: "budget-100:" + kind,
			Text: fmt.Sprintf("The day's budget of %s is used up: people get every message until midnight (BOT_TIMEZONE)", kind),
			Do:   "Raise BOT_MAX_TOKENS_PER_DAY or BOT_MAX_USD_PER_DAY and restart, or let people answer",
		})
	}
	doubts := s.doubts.within(h.DoubtfulSends, doubtsIn, now)
	patience := 2 * time.Minute
	if doubts >= tooManyDoubts {
		patience = 0
	}
	add(h.InDoubt > 0 || doubts >= tooManyDoubts, alert.Problem{
		Name: "sends-in-doubt", After: patience, Mine: true,
		Text: fmt.Sprintf("Inbox's answer to %s was lost within ten minutes; whether they arrived is open for %d",
			some(doubts, "send", "sends"), h.InDoubt),
		Do: "They are looked up, never repeated; who cannot be told gets a person. Check the network and Inbox's status",
	})
}

// unapproved are the drafts that wait for people, for the process that tells of
// what is true of all.
func (s *signs) unapproved(h bot.Health) (oldest time.Duration, waiting int) {
	if !h.Leads || h.StoreErr != nil || s.drafts == nil {
		return 0, 0
	}
	return s.drafts()
}

const (
	draftsEvery  = 10 * time.Second
	draftsWithin = 2 * time.Second // the store says so, or what it said before counts
	mostDrafts   = 100             // are counted
)

// draftWatch knows which drafts wait for approval, so that neither an alert nor a
// scrape has to ask the store.
type draftWatch struct {
	ask func(ctx context.Context, limit int) ([]bot.Draft, error)
	now func() time.Time // the API's clock

	mu    sync.Mutex
	first time.Time // when the oldest was made
	n     int
}

// follow keeps it up to date until ctx ends, in the process that tells of what is
// true of all; in the others none wait.
func (d *draftWatch) follow(ctx context.Context, health func() bot.Health) error {
	for {
		d.look(ctx, health())
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(draftsEvery):
		}
	}
}

func (d *draftWatch) look(ctx context.Context, h bot.Health) {
	var found []bot.Draft
	if h.Leads {
		var err error
		ctx, cancel := context.WithTimeout(ctx, draftsWithin)
		found, err = d.ask(ctx, mostDrafts)
		cancel()
		if err != nil {
			return // Health tells of it
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.n = len(found)
	if d.n > 0 {
		d.first = found[0].MadeAt
	}
}

// waiting is how many wait, at most mostDrafts, and for how long the oldest has.
func (d *draftWatch) waiting() (oldest time.Duration, n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.n == 0 {
		return 0, 0
	}
	return max(0, d.now().Sub(d.first)), d.n
}

// measure has Prometheus see it.
func (d *draftWatch) measure(reg prometheus.Registerer) {
	reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "inboxbot_drafts_waiting", Help: "Drafts that wait for approval, 100 being 100 or more; 0 in processes that do not poll.",
	}, func() float64 {
		_, n := d.waiting()
		return float64(n)
	}), prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "inboxbot_oldest_draft_seconds", Help: "How long the oldest draft has waited for approval, 0 when none does.",
	}, func() float64 {
		oldest, _ := d.waiting()
		return oldest.Seconds()
	}))
}

// happened is about what has happened and is over.
func (s *signs) happened(add adder, h bot.Health, now time.Time) {
	event := func(n int, name, text, do string) {
		add(n > 0, alert.Problem{Name: name, Mine: true, Event: true, Text: text, Do: do})
	}
	n := s.loops.within(h.LoopsStopped, happened, now)
	event(n, "loop", "The bot was talking to another bot and has stopped: "+some(n, "conversation", "conversations")+" handed over",
		"Look at the threads that are handed over with the guard loop; block or tag the other bot")
	n = s.untagged.within(h.UntaggedHandoffs, happened, now)
	event(n, "untagged", some(n, "thread", "threads")+" handed over without the tag: nobody finds them by it",
		`The log names them ("handed over without its tag"). See whether the token may still tag`)
	n = s.foreign.within(h.ForeignReplies, happened, now)
	event(n, "foreign-replies", some(n, "reply was", "replies were")+" sent by another client of the API",
		"If that is a second inboxbot on another Redis, stop one: two of them answer twice")
}

// recent counts what happened of late from a count that only grows.
type recent struct {
	total int
	at    []time.Time
}

// within is how much of total, as it is now, was not there d ago.
func (r *recent) within(total int, d time.Duration, now time.Time) int {
	for ; r.total < total; r.total++ {
		r.at = append(r.at, now)
	}
	for len(r.at) > 0 && now.Sub(r.at[0]) >= d {
		r.at = r.at[1:]
	}
	return len(r.at)
}

// handle is a username as X allows it, and nothing else that a name could hold.
func handle(name string) string {
	clean := strings.Map(func(r rune) rune {
		if r == '_' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' {
			return r
		}
		return -1
	}, name)
	return cmp.Or(clip(clean, 30), "without a name")
}

func some(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func ago(at, now time.Time) string {
	if at.IsZero() {
		return "never since the start"
	}
	return alert.Span(now.Sub(at)) + " ago"
}
