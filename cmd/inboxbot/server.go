package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"inboxbot/inboxapi"
)

// handler serves /healthz, which says that the process lives, /readyz, which
// says whether it does its work and, if not, why, and /metrics; all else is the
// console's, if there is one.
func handler(reg prometheus.Gatherer, ready func() error, console http.Handler) http.Handler {
	mux := http.NewServeMux()
	if console != nil {
		mux.Handle("/", console)
	}
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "alive")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := ready(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ready")
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
	return mux
}

// serveHTTP serves h on addr until ctx ends.
func serveHTTP(ctx context.Context, addr string, h http.Handler) error {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("BOT_HTTP_ADDR: %w", err)
	}
	srv := newServer(ctx, h)
	stop := context.AfterFunc(ctx, func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = srv.Shutdown(ctx) // what is left is closed with the process
	})
	defer stop()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

// newServer serves h to browsers that take their time, and lets go of those that
// send or take nothing: nobody can hold connections without end. A stream of events
// sets its own times.
func newServer(ctx context.Context, h http.Handler) *http.Server {
	return &http.Server{
		Handler: h, BaseContext: func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second, // the body included
		WriteTimeout:      3 * time.Minute,  // more than a model may think about an explanation
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    128 << 10, // an expression and a draft to try it on, escaped, fit
	}
}

// registerProcess has reg tell of the process itself and of which build it is.
func registerProcess(reg prometheus.Registerer) {
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "inboxbot_build_info", Help: "1 for the build that runs.",
		ConstLabels: prometheus.Labels{"version": version, "commit": commit},
	})
	build.Set(1)
	reg.MustRegister(build, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
}

// apiMetrics counts requests to the Inbox API.
type apiMetrics struct {
	requests  *prometheus.CounterVec
	seconds   prometheus.Histogram
	remaining prometheus.Gauge
	limit     prometheus.Gauge
	last      *atomic.Pointer[inboxapi.RateLimit] // for the console
}

func newAPIMetrics(reg prometheus.Registerer, last *atomic.Pointer[inboxapi.RateLimit]) *apiMetrics {
	m := &apiMetrics{
		last: last,
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "inboxbot_api_requests_total", Help: "Requests to the Inbox API, by operation and status (0: no answer). Divided by the replies of inboxbot_handled_total in the same time they are the requests per reply.",
		}, []string{"operation", "status"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "inboxbot_api_seconds", Help: "Time of a request to the Inbox API.", Buckets: prometheus.DefBuckets,
		}),
		remaining: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "inboxbot_api_remaining", Help: "Requests left in the window that the last answer told of.",
		}),
		limit: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "inboxbot_api_limit", Help: "Requests allowed in the window that the last answer told of.",
		}),
	}
	reg.MustRegister(m.requests, m.seconds, m.remaining, m.limit)
	return m
}

func (m *apiMetrics) observe(o inboxapi.Observation) {
	m.requests.WithLabelValues(o.Operation, strconv.Itoa(o.Status)).Inc()
	m.seconds.Observe(o.Duration.Seconds())
	if o.RateLimit != nil {
		m.remaining.Set(float64(o.RateLimit.Remaining))
		m.limit.Set(float64(o.RateLimit.Limit))
		m.last.Store(o.RateLimit)
	}
}
