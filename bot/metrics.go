package bot

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics is what the bot counts. All names start with inboxbot_.
type Metrics struct {
	reg        prometheus.Registerer
	handled    *prometheus.CounterVec
	waited     prometheus.Histogram
	took       prometheus.Histogram
	modelTook  prometheus.Histogram
	modelCalls *prometheus.CounterVec
	tokens     *prometheus.CounterVec
	usd        prometheus.Counter
	trouble    *prometheus.CounterVec
	overtaken  prometheus.Counter
	inDoubt    *tally
	seenAfter  prometheus.Histogram
	untagged   *tally
	listLag    prometheus.Counter
	foreign    *tally
	seen       prometheus.Histogram
	loops      atomic.Int64
}

// tally is a counter that Health can read as well.
type tally struct {
	prometheus.Counter
	n atomic.Int64
}

// Inc counts one.
func (t *tally) Inc() {
	t.Counter.Inc()
	t.n.Add(1)
}

func (t *tally) count() int { return int(t.n.Load()) }

// parts are what complain names. Each is counted from 0, so that a first failure
// is an increase.
var parts = []string{"foreign", "inbox", "memory", "model", "patience", "redis", "row"}

// NewMetrics registers the bot's metrics with reg; nil registers them nowhere.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "inboxbot_" + name, Help: help})
	}
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "inboxbot_" + name, Help: help}, labels)
	}
	seconds := func(name, help string, buckets ...float64) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{Name: "inboxbot_" + name, Help: help, Buckets: buckets})
	}
	m := &Metrics{
		reg:        reg,
		handled:    counters("handled_total", "Messages brought to an outcome.", "outcome", "guard", "mode"),
		waited:     seconds("answer_wait_seconds", "From the prospect's message to our reply.", 5, 15, 30, 60, 120, 300, 900, 3600, 14400),
		took:       seconds("handle_seconds", "Work on one thread, the model included.", .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120),
		modelTook:  seconds("model_seconds", "One call of the model.", .1, .25, .5, 1, 2.5, 5, 10, 20, 45, 90),
		modelCalls: counters("model_calls_total", "Calls of the model, by how they ended.", "result"),
		usd:        counter("model_usd_total", "What the model's tokens cost, in USD, where prices are given."),
		tokens:     counters("model_tokens_total", "Tokens used.", "kind"),
		trouble:    counters("trouble_total", "Failures outside of any one decision, by the part that failed.", "part"),
		overtaken:  counter("drafts_overtaken_total", "Drafts thrown away because the thread changed while the model thought."),
		inDoubt:    &tally{Counter: counter("sends_in_doubt_total", "Sends whose answer was lost and that had to be looked up.")},
		seenAfter:  seconds("reconcile_seen_after_seconds", "How long after the intent a send in doubt was seen in its thread.", .5, 1, 2, 5, 10, 20, 30, 60, 120),
		untagged:   &tally{Counter: counter("handoffs_untagged_total", "Threads handed over that could not be tagged: nobody finds them by their tag.")},
		foreign:    &tally{Counter: counter("foreign_replies_total", "Replies that another client of the API sent while this bot was live: a second deployment on another Redis would look like this.")},
		seen:       seconds("seen_wait_seconds", "From the prospect's message until the bot saw it.", 1, 2, 5, 10, 20, 30, 60, 120, 600),
		listLag:    counter("list_lag_total", "Times a thread list was seen to lag behind a thread's messages."),
	}
	for _, part := range parts {
		m.trouble.WithLabelValues(part)
	}
	for _, result := range []string{"ok", "unavailable", "unusable"} {
		m.modelCalls.WithLabelValues(result)
	}
	for _, kind := range []string{"prompt", "cached", "completion"} {
		m.tokens.WithLabelValues(kind)
	}
	if reg != nil {
		reg.MustRegister(m.handled, m.waited, m.took, m.modelTook, m.modelCalls, m.tokens, m.usd, m.trouble,
			m.overtaken, m.inDoubt.Counter, m.seenAfter, m.untagged.Counter, m.listLag, m.foreign.Counter, m.seen)
	}
	return m
}

// watch registers what is read off the bot when it is asked for.
func (m *Metrics) watch(b *Bot) {
	if m.reg == nil {
		return
	}
	gauge := func(name, help string, f func() float64) {
		m.reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "inboxbot_" + name, Help: help}, f))
	}
	gauge("oldest_unanswered_seconds", "Age of the oldest message the bot should answer and has not.", func() float64 {
		return b.Health().OldestUnanswered.Seconds()
	})
	gauge("unanswered_threads", "Threads the bot should bring to an outcome and has not.", func() float64 {
		return float64(b.Health().Waiting)
	})
	gauge("ready", "1 when the bot does its work.", func() float64 { return truth(b.Ready() == nil) })
	gauge("paused", "1 while the team has stopped the bot.", func() float64 { return truth(b.Health().Paused != "") })
	gauge("leads", "1 in the process that polls for all.", func() float64 { return truth(b.Health().Leads) })
	gauge("token_refused", "1 while Inbox does not take INBOX_API_TOKEN.", func() float64 { return truth(b.Health().TokenRefused != nil) })
	gauge("redis_away", "1 while Redis does not answer: nothing is sent meanwhile.", func() float64 { return truth(b.Health().StoreErr != nil) })
	gauge("quarantine_seconds", "How long nothing is begun yet, because Redis lost its memory or is new.", func() float64 {
		return b.Health().Quarantine.Seconds()
	})
	gauge("sends_unresolved", "Sends in doubt of which nobody knows yet whether they arrived.", func() float64 {
		return float64(b.Health().InDoubt)
	})
	gauge("model_down_seconds", "How long the model has been out of reach.", func() float64 { return b.Health().ModelDown.Seconds() })
	for kind, used := range map[string]func() float64{
		"tokens": func() float64 { tokens, _ := b.BudgetUsed(); return tokens },
		"usd":    func() float64 { _, usd := b.BudgetUsed(); return usd },
	} {
		m.reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "inboxbot_budget_used_ratio", Help: "Share of the day's budget that is used, 1 being all of it; 0 without a budget.",
			ConstLabels: prometheus.Labels{"kind": kind},
		}, used))
	}
	gauge("accounts_offline", "Account links that cannot send.", func() float64 { return float64(len(b.Health().AccountsOffline)) })
	gauge("last_sweep_timestamp_seconds", "When this process last went through the inbox without an error, 0: never.", func() float64 {
		if at := b.Health().LastSweep; !at.IsZero() {
			return float64(at.UnixMilli()) / 1000
		}
		return 0
	})
	m.handled.WithLabelValues(string(Handoff), safetyLoop, b.mode()) // the first is an increase
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func (m *Metrics) handledThread(h Handled) {
	m.handled.WithLabelValues(string(h.Outcome), h.Guard, h.Mode).Inc()
	m.took.Observe(h.Elapsed.Seconds())
	if h.Guard == safetyLoop {
		m.loops.Add(1)
	}
	if h.Outcome == Reply {
		m.waited.Observe(h.Waited.Seconds())
	}
}

func (m *Metrics) model(took time.Duration, t Tokens, err error) {
	m.modelTook.Observe(took.Seconds())
	m.tokens.WithLabelValues("prompt").Add(float64(t.Prompt))
	m.tokens.WithLabelValues("cached").Add(float64(t.Cached))
	m.tokens.WithLabelValues("completion").Add(float64(t.Completion))
	result := "ok"
	switch {
	case errors.Is(err, ErrModelUnavailable):
		result = "unavailable"
	case err != nil:
		result = "unusable"
	}
	m.modelCalls.WithLabelValues(result).Inc()
}
