package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"inboxbot/bot"
	"inboxbot/inboxapi/inboxapitest"
)

// tracing is a tracing system that keeps what it is sent.
type tracing struct {
	*httptest.Server
	mu    sync.Mutex
	spans []*tracepb.Span
	raw   strings.Builder
}

func startTracing(t *testing.T) *tracing {
	tr := &tracing{}
	tr.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var got collector.ExportTraceServiceRequest
		if err != nil || r.URL.Path != "/v1/traces" || proto.Unmarshal(body, &got) != nil {
			t.Errorf("not an OTLP request: %s %v", r.URL.Path, err)
		}
		tr.mu.Lock()
		defer tr.mu.Unlock()
		tr.raw.Write(body)
		for _, resource := range got.GetResourceSpans() {
			for _, scope := range resource.GetScopeSpans() {
				tr.spans = append(tr.spans, scope.GetSpans()...)
			}
		}
	}))
	t.Cleanup(tr.Close)
	return tr
}

// tree is the spans as they stand below each other, in the order they began.
func (tr *tracing) tree() string {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	slices.SortFunc(tr.spans, func(a, b *tracepb.Span) int { return int(a.GetStartTimeUnixNano()) - int(b.GetStartTimeUnixNano()) })
	var text strings.Builder
	for _, root := range tr.spans {
		if len(root.GetParentSpanId()) > 0 {
			continue
		}
		fmt.Fprintf(&text, "%s %s by %s\n", root.GetName(), tr.attribute(root, "inboxbot.outcome"), tr.attribute(root, "inboxbot.guard"))
		for _, s := range tr.spans {
			if string(s.GetParentSpanId()) == string(root.GetSpanId()) {
				fmt.Fprintf(&text, "  %s %s\n", s.GetName(), tr.attribute(s, "error.type"))
			}
		}
	}
	return strings.ReplaceAll(text.String(), " \n", "\n")
}

func (tr *tracing) attribute(s *tracepb.Span, key string) string {
	for _, a := range s.GetAttributes() {
		if a.GetKey() == key {
			if i, ok := a.GetValue().GetValue().(interface{ GetIntValue() int64 }); ok {
				return fmt.Sprint(i.GetIntValue())
			}
			return a.GetValue().GetStringValue()
		}
	}
	return ""
}

func TestTraces(t *testing.T) {
	for _, test := range []struct {
		name string
		do   func(s *stage)
		want string
	}{
		{"a reply", func(s *stage) { s.asks("do you ship to Austria?") }, `handle thread reply by default
  threads.thread.messages.list
  chat asked-model
  threads.thread.messages.list
  record intent
  threads.thread.messages.create
  record sent
`},
		{"a handoff", func(s *stage) { s.asks("I want my money back") }, `handle thread handoff by money-back
  threads.thread.messages.list
  record handing
  tags.create
  prospects.get
  prospects.update
  record handoff
`},
		{"a send that is refused", func(s *stage) {
			s.sim.Inject(inboxapitest.Fault{Operation: sendOp, Kind: inboxapitest.FailBefore, Status: http.StatusUnprocessableEntity})
			s.asks("do you ship to Austria?")
		}, `handle thread handoff by send-refused
  threads.thread.messages.list
  chat asked-model
  threads.thread.messages.list
  record intent
  threads.thread.messages.create 422
  record handing
  tags.create
  prospects.get
  prospects.update
  record handoff
`},
	} {
		t.Run(test.name, func(t *testing.T) {
			tr := startTracing(t)
			s := traced(t, tr)
			s.once()
			tr.spans = nil
			test.do(s)
			s.once()
			s.close() // what is left is sent
			if got := tr.tree(); got != test.want {
				t.Errorf("spans:\n%swant:\n%s", got, test.want)
			}
		})
	}
}

func traced(t *testing.T, tr *tracing, env ...string) *stage {
	return openStage(t, setting{
		socket: true, unpaced: true,
		env: append(env, "OTEL_EXPORTER_OTLP_ENDPOINT="+tr.URL, "OPENAI_MODEL=asked-model", "OPENAI_API_KEY=key-in-no-span"),
		model: func(p bot.Prompt) (string, error) {
			if strings.Contains(p.Chat[len(p.Chat)-1].Text, "money") {
				return decided(bot.Decision{Action: bot.Handoff, Reason: "reason-in-no-span"}), nil
			}
			return decided(bot.Decision{Action: bot.Reply, Reply: "Yes, reply-in-no-span.", Reason: "reason-in-no-span"}), nil
		},
	}, "")
}

// A tracing system is others': nobody's words or names are in a span, unless
// somebody asks for them.
func TestTracesHoldNoWords(t *testing.T) {
	for _, asked := range []bool{false, true} {
		t.Run(fmt.Sprint("asked for: ", asked), func(t *testing.T) {
			tr := startTracing(t)
			s := traced(t, tr, fmt.Sprint("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=", asked))
			th := s.sim.AddThread(inboxapitest.NewThread{
				Username: "name_in_no_span", Name: "Name-in-no-span", Bio: "bio-in-no-span", Notes: "notes-in-no-span", Tags: []string{"tag-in-no-span"},
			})
			s.sim.Receive(th.ID, "text-in-no-span?")
			other := s.asks("text-in-no-span, my money back")
			s.once()
			s.close()
			tr.mu.Lock()
			defer tr.mu.Unlock()
			sent := tr.raw.String()
			if !strings.Contains(sent, th.ID) || !strings.Contains(sent, other) {
				t.Fatalf("the threads were not traced: %q", sent)
			}
			for _, word := range []string{"name_in", "Name-in", "bio-in", "notes-in", "text-in", "reply-in", "reason-in"} {
				// The team's notes and names are part of the prompt.
				if got := strings.Contains(sent, word+"_no_span") || strings.Contains(sent, word+"-no-span"); got != asked {
					t.Errorf("%q is in a span: %t, want %t", word, got, asked)
				}
			}
			for _, secret := range []string{stageToken, "key-in-no-span"} {
				if strings.Contains(sent, secret) {
					t.Errorf("%q is in a span", secret)
				}
			}
		})
	}
}

// A tracing system that is away holds nobody up.
func TestTracesNobodyTakes(t *testing.T) {
	tr := startTracing(t)
	tr.Close()
	s := traced(t, tr)
	id := s.asks("do you ship to Austria?")
	s.once()
	s.close()
	if got := s.sim.Transcript(id); len(got) != 2 {
		t.Errorf("%d messages, want the question and its answer", len(got))
	}
}
