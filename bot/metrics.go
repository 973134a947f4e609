package bot

import (
	"errors"
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
	trouble    *prometheus.CounterVec
	overtaken  prometheus.Counter
	inDoubt    prometheus.Counter
	seenAfter  prometheus.Histogram
	untagged   prometheus.Counter
	listLag    prometheus.Counter
	foreign    prometheus.Counter
	seen       prometheus.Histogram
}

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
		tokens:     counters("model_tokens_total", "Tokens used.", "kind"),
		trouble:    counters("trouble_total", "Failures outside of any one decision, by the part that failed.", "part"),
		overtaken:  counter("drafts_overtaken_total", "Drafts thrown away because the thread changed while the model thought."),
		inDoubt:    counter("sends_in_doubt_total", "Sends whose answer was lost and that had to be looked up."),
		seenAfter:  seconds("reconcile_seen_after_seconds", "How long after the intent a send in doubt was seen in its thread.", .5, 1, 2, 5, 10, 20, 30, 60, 120),
		untagged:   counter("handoffs_untagged_total", "Threads handed over that could not be tagged: nobody finds them by their tag."),
		foreign:    counter("foreign_replies_total", "Replies that another client of the API sent while this bot was live: a second deployment on another Redis would look like this."),
		seen:       seconds("seen_wait_seconds", "From the prospect's message until the bot saw it.", 1, 2, 5, 10, 20, 30, 60, 120, 600),
		listLag:    counter("list_lag_total", "Times a thread list was seen to lag behind a thread's messages."),
	}
	if reg != nil {
		reg.MustRegister(m.handled, m.waited, m.took, m.modelTook, m.modelCalls, m.tokens, m.trouble,
			m.overtaken, m.inDoubt, m.seenAfter, m.untagged, m.listLag, m.foreign, m.seen)
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
		age, _ := b.work.oldest(b.Now())
		return age.Seconds()
	})
	gauge("unanswered_threads", "Threads the bot should bring to an outcome and has not.", func() float64 {
		_, n := b.work.oldest(b.Now())
		return float64(n)
	})
	gauge("ready", "1 when the bot does its work.", func() float64 { return truth(b.Ready() == nil) })
	gauge("paused", "1 while the team has stopped the bot.", func() float64 { return truth(b.state.isPaused()) })
	gauge("model_down_seconds", "How long the model has been out of reach.", func() float64 {
		return b.model.downFor(time.Now()).Seconds()
	})
	gauge("accounts_offline", "Account links that cannot send.", func() float64 {
		n := 0
		for _, a := range b.dir.allAccounts() {
			if a.Status != "active" {
				n++
			}
		}
		return float64(n)
	})
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
