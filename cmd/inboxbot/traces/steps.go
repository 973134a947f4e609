package traces

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"inboxbot/bot"
	"inboxbot/inboxapi"
)

// inbox is the Inbox API, a span for each request of a thread.
type inbox struct {
	bot.Inbox
	t *Traces
}

// asked makes one request in a span that is named as the API names the operation.
func asked[T any](ctx context.Context, t *Traces, operation string, ask func(context.Context) (T, error)) (T, error) {
	ctx, span := t.step(ctx, operation, trace.SpanKindClient)
	got, err := ask(ctx)
	kind := ""
	if err != nil {
		kind = "no answer"
		if refused, ok := errors.AsType[*inboxapi.Error](err); ok {
			kind = strconv.Itoa(refused.Status)
			span.SetAttributes(attribute.Int("http.response.status_code", refused.Status))
		}
	}
	end(span, kind)
	return got, err
}

func (i inbox) ListThreads(ctx context.Context, q inboxapi.ThreadQuery) (*inboxapi.ThreadPage, error) {
	return asked(ctx, i.t, "threads.list", func(ctx context.Context) (*inboxapi.ThreadPage, error) { return i.Inbox.ListThreads(ctx, q) })
}

func (i inbox) GetThread(ctx context.Context, id string) (*inboxapi.Thread, error) {
	return asked(ctx, i.t, "threads.get", func(ctx context.Context) (*inboxapi.Thread, error) { return i.Inbox.GetThread(ctx, id) })
}

func (i inbox) ListMessages(ctx context.Context, thread string, q inboxapi.MessageQuery) (*inboxapi.MessagePage, error) {
	return asked(ctx, i.t, "threads.thread.messages.list", func(ctx context.Context) (*inboxapi.MessagePage, error) {
		return i.Inbox.ListMessages(ctx, thread, q)
	})
}

func (i inbox) SendMessage(ctx context.Context, thread string, m inboxapi.NewMessage) (*inboxapi.Message, error) {
	return asked(ctx, i.t, "threads.thread.messages.create", func(ctx context.Context) (*inboxapi.Message, error) {
		return i.Inbox.SendMessage(ctx, thread, m)
	})
}

func (i inbox) Prospect(ctx context.Context, id string) (*inboxapi.Prospect, error) {
	return asked(ctx, i.t, "prospects.get", func(ctx context.Context) (*inboxapi.Prospect, error) { return i.Inbox.Prospect(ctx, id) })
}

func (i inbox) UpdateProspectContext(ctx context.Context, id string, u inboxapi.ContextUpdate) (*inboxapi.Prospect, error) {
	return asked(ctx, i.t, "prospects.update", func(ctx context.Context) (*inboxapi.Prospect, error) {
		return i.Inbox.UpdateProspectContext(ctx, id, u)
	})
}

func (i inbox) UpdateThread(ctx context.Context, id string, u inboxapi.ThreadUpdate) (*inboxapi.Thread, error) {
	return asked(ctx, i.t, "threads.thread.update", func(ctx context.Context) (*inboxapi.Thread, error) { return i.Inbox.UpdateThread(ctx, id, u) })
}

func (i inbox) CreateTag(ctx context.Context, name, color string) (*inboxapi.Tag, error) {
	return asked(ctx, i.t, "tags.create", func(ctx context.Context) (*inboxapi.Tag, error) { return i.Inbox.CreateTag(ctx, name, color) })
}

// ledger is the ledger, a span for each record that is moved.
type ledger struct {
	bot.Ledger
	t *Traces
}

// Advance implements bot.Ledger.
func (l ledger) Advance(ctx context.Context, lease bot.Lease, next bot.Record, again time.Duration) error {
	ctx, span := l.t.step(ctx, "record "+string(next.State), trace.SpanKindClient)
	err := l.Ledger.Advance(ctx, lease, next, again)
	kind := ""
	switch {
	case err == nil:
	case errors.Is(err, bot.ErrLeaseLost):
		kind = "lease lost"
	case errors.Is(err, bot.ErrRecorded):
		kind = "recorded"
	case errors.Is(err, bot.ErrQuarantine):
		kind = "quarantine"
	default:
		kind = "store"
	}
	end(span, kind)
	return err
}

// model is the model, a span for each completion: see
// https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/.
type model struct {
	bot.Model
	t *Traces
}

// Complete implements bot.Model.
func (m model) Complete(ctx context.Context, p bot.Prompt) (bot.Completion, error) {
	ctx, span := m.t.step(ctx, "chat "+m.t.opts.Model, trace.SpanKindClient)
	span.SetAttributes(attribute.String("gen_ai.operation.name", "chat"), attribute.String("gen_ai.provider.name", "openai"),
		attribute.String("gen_ai.request.model", m.t.opts.Model), attribute.String("inboxbot.template", p.Template))
	if u, err := url.Parse(m.t.opts.ModelURL); err == nil {
		span.SetAttributes(attribute.String("server.address", u.Hostname()))
		if port, err := strconv.Atoi(u.Port()); err == nil {
			span.SetAttributes(attribute.Int("server.port", port))
		}
	}
	c, err := m.Model.Complete(ctx, p)
	span.SetAttributes(attribute.Int("gen_ai.usage.input_tokens", c.Tokens.Prompt), attribute.Int("gen_ai.usage.output_tokens", c.Tokens.Completion))
	if c.Model != "" {
		span.SetAttributes(attribute.String("gen_ai.response.model", c.Model))
	}
	if m.t.opts.Content {
		span.SetAttributes(content(p, c)...)
	}
	kind := ""
	switch {
	case err == nil:
	case errors.Is(err, bot.ErrModelUnavailable):
		kind = "unavailable"
	default:
		kind = "unusable"
	}
	end(span, kind)
	return c, err
}

// message and part are how the conventions write chats.
type message struct {
	Role  string `json:"role"`
	Parts []part `json:"parts"`
}

type part struct {
	Type    string `json:"type"`
	Content string `json:"content"`
}

// content is what was said to the model and what it said.
func content(p bot.Prompt, c bot.Completion) []attribute.KeyValue {
	text := func(s string) []part { return []part{{"text", s}} }
	var chat []message
	for _, m := range p.Chat {
		chat = append(chat, message{string(m.Role), text(m.Text)})
	}
	encoded := func(key string, v any) attribute.KeyValue {
		raw, err := json.Marshal(v)
		if err != nil {
			return attribute.String(key, "cannot be written as JSON")
		}
		return attribute.String(key, string(raw))
	}
	return []attribute.KeyValue{
		encoded("gen_ai.system_instructions", text(p.System)), encoded("gen_ai.input.messages", chat),
		encoded("gen_ai.output.messages", []message{{"assistant", text(c.Text)}}),
	}
}
