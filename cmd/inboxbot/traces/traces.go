// Package traces shows a tracing system how threads are handled: a span for each
// thread that is read, and below it one for each step that leaves the process. It
// speaks OTLP over HTTP, names model calls by OpenTelemetry's conventions for
// generative AI, and holds nobody's words or name unless it is told to.
//
// Start at New, then Deps, which puts itself between a bot and what it stands on.
// Nothing waits for the tracing system: spans that find no room are left out.
// Neither Inbox nor the model's server is sent a trace context; they are others'.
package traces

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"inboxbot/bot"
)

// Options says where spans go and what they hold.
type Options struct {
	Endpoint string // OTEL_EXPORTER_OTLP_ENDPOINT, the part before /v1/traces
	Content  bool   // prompts and completions too
	Version  string // of this program
	Model    string // the model that is asked, and where its server is
	ModelURL string
	Log      *slog.Logger
}

// Traces sends spans until Close.
type Traces struct {
	opts     Options
	provider *sdk.TracerProvider
	tracer   trace.Tracer
}

// Bounds of what waits for the tracing system.
const (
	exportTimeout = 10 * time.Second
	flushTimeout  = 2 * time.Second
	complainEvery = time.Minute
)

// New returns traces that go to the endpoint. It asks nobody: whether somebody
// listens shows later, in the log. The SDK reads the other OTEL_ variables itself,
// among them those for the service's name, the sampler and the exporter's headers.
func New(ctx context.Context, o Options) (*Traces, error) {
	exporter, err := otlptracehttp.New(ctx,
		otlptracehttp.WithEndpointURL(strings.TrimRight(o.Endpoint, "/")+"/v1/traces"), otlptracehttp.WithTimeout(exportTimeout))
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	who := resource.NewSchemaless(attribute.String("service.name", "inboxbot"), attribute.String("service.version", o.Version))
	told, err := resource.New(ctx, resource.WithFromEnv(), resource.WithTelemetrySDK())
	if err != nil {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	if who, err = resource.Merge(who, told); err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	otel.SetErrorHandler(&complaints{log: o.Log})
	provider := sdk.NewTracerProvider(sdk.WithBatcher(exporter), sdk.WithResource(who))
	return &Traces{opts: o, provider: provider, tracer: provider.Tracer("inboxbot")}, nil
}

// Close sends what is left, for two seconds at most, also when ctx has ended.
func (t *Traces) Close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
	defer cancel()
	_ = t.provider.Shutdown(ctx) // what cannot be sent by now is lost
}

// Deps returns d with spans around what it holds.
func (t *Traces) Deps(d bot.Deps) bot.Deps {
	d.Trace = t.thread
	d.Inbox = inbox{d.Inbox, t}
	d.Ledger = ledger{d.Ledger, t}
	if d.Model != nil {
		d.Model = model{d.Model, t}
	}
	return d
}

// thread is bot.Deps.Trace.
func (t *Traces) thread(ctx context.Context, id string) (context.Context, func(bot.Handled)) {
	ctx, span := t.tracer.Start(ctx, "handle thread", trace.WithAttributes(attribute.String("inboxbot.thread", id)))
	return ctx, func(h bot.Handled) {
		span.SetAttributes(
			attribute.String("inboxbot.outcome", string(h.Outcome)), attribute.String("inboxbot.guard", h.Guard), attribute.String("inboxbot.cause", string(h.Cause)),
			attribute.String("inboxbot.generation", h.Generation), attribute.String("inboxbot.mode", h.Mode),
			attribute.Int("inboxbot.tokens", h.Tokens.Total()), attribute.Float64("inboxbot.usd", h.USD))
		span.End()
	}
}

// step begins a span below that of a thread. Outside of one, as in a sweep, there
// is none.
func (t *Traces) step(ctx context.Context, name string, kind trace.SpanKind) (context.Context, trace.Span) {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		return ctx, trace.SpanFromContext(context.Background())
	}
	return t.tracer.Start(ctx, name, trace.WithSpanKind(kind))
}

// end ends a span with how its step failed: by what kind of error, for its text may
// quote what others wrote.
func end(span trace.Span, kind string) {
	if kind != "" {
		span.SetStatus(codes.Error, kind)
		span.SetAttributes(attribute.String("error.type", kind))
	}
	span.End()
}

// complaints says that spans cannot be sent, once a minute at most.
type complaints struct {
	log *slog.Logger

	mu   sync.Mutex
	said time.Time
}

// Handle implements otel.ErrorHandler. An URL in err may hold a secret.
func (c *complaints) Handle(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.said) < complainEvery {
		return
	}
	c.said = time.Now()
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	c.log.Warn("traces cannot be sent and are left out; handling goes on", "err", err)
}

// Host is the endpoint's, for the log.
func (t *Traces) Host() string {
	u, err := url.Parse(t.opts.Endpoint)
	if err != nil {
		return ""
	}
	return u.Host
}
