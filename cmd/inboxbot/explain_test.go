package main

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"inboxbot/bot"
	"inboxbot/inboxapi"
	"inboxbot/rules"
)

// TestAnEntryForTheRuleFileReadsWell: what explain --as-test prints has whole seconds,
// unless the outcome hangs on less.
func TestAnEntryForTheRuleFileReadsWell(t *testing.T) {
	cfg := Config{HandoffTag: "needs-human", OpenAIModel: "m", MaxAge: 7 * day, Settle: time.Hour, SettleMax: 2 * time.Hour}
	src := publishedSource("abc1", map[string]string{
		rulesFile:     "version: 1\nguards:\n  - {name: late, when: 'waiting > duration(\"2m\")', then: handoff}\ndefault: skip\n",
		"system.tmpl": "Be brief.",
	})
	gen, err := newGenerations(cfg, files{}, loaded{}, slog.New(slog.DiscardHandler)).try(src, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name  string
		asked time.Duration // ago
		want  string
	}{
		{"a message", 10*time.Minute + 11433874407, "  - name: t1\n    given:\n      now: 2026-11-25T12:00:00Z\n      thread: {id: t1}\n      messages: [{from: prospect, text: Hi, ago: 10m11s}]\n    expect: {outcome: handoff, guard: late}\n"},
		{"one on the edge", 2*time.Minute + 1, "ago: 2m0.000000001s"},
		{"one of long ago", 50*time.Hour + 1, "at: 2026-11-23T10:00:00Z}]"},
	} {
		now := time.Date(2026, 11, 25, 12, 0, 0, 433874407, time.UTC)
		conv := &bot.Conversation{Now: now, Read: true}
		conv.Thread.ID = "t1"
		conv.Thread.Prospect.Username = "ann"
		conv.Account = inboxapi.AccountLink{ID: "a", Username: "us", Status: inboxapi.AccountActive}
		conv.Turns = []bot.Turn{{ID: "m1", Text: "Hi", Side: bot.SideProspect, At: now.Add(-tt.asked)}}
		v := bot.Judge(cfg.testConfig(), gen.Generation, conv)
		entry := string(asTest(cfg, gen.Generation, "t1", conv).ShortYAML())
		if !strings.Contains(entry, tt.want) {
			t.Errorf("%s: got\n%s\nwant in it\n%s", tt.name, entry, tt.want)
		}
		read, err := rules.LoadCases("case.yaml", []byte(entry))
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		back := read[0].Conversation(cfg.Location())
		if got := bot.Judge(cfg.testConfig(), gen.Generation, back); got.Guard != v.Guard || got.Outcome.Action != v.Outcome.Action {
			t.Errorf("%s: %s by %s, want %s by %s:\n%s", tt.name, got.Outcome.Action, got.Guard, v.Outcome.Action, v.Guard, entry)
		}
	}
}
