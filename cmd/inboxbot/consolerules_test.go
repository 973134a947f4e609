package main

import (
	"log/slog"
	"maps"
	"strings"
	"testing"
	"time"

	"inboxbot/bot"
	"inboxbot/inboxapi"
)

// TestPressroomCheck: what the console says of files before they are published.
func TestPressroomCheck(t *testing.T) {
	cfg := Config{HandoffTag: "needs-human", OpenAIModel: "m"}
	src, err := configured(cfg)
	if err != nil {
		t.Fatal(err)
	}
	first, err := src.load(cfg)
	if err != nil {
		t.Fatal(err)
	}
	g := newGenerations(cfg, files{}, first, slog.New(slog.DiscardHandler))
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	recent := func() []*bot.Conversation {
		return []*bot.Conversation{{
			Now: now, Read: true, Thread: inboxapi.Thread{ID: "t1", CreatedAt: now, Prospect: inboxapi.Prospect{Username: "mira"}},
			Turns: []bot.Turn{{ID: "m1", Text: "I want a giraffe", Side: bot.SideProspect, At: now}},
		}}
	}
	g.recent.Store(&recent)
	p := pressroom{generations: g}

	texts, where := rulebook{g}.Texts()
	if texts[rulesFile] == "" || texts["system.tmpl"] == "" || !strings.Contains(where, "BOT_RULES") {
		t.Errorf("in force: %d files, %s", len(texts), where)
	}
	if got := p.Check(texts, ""); got.Problems != "" || got.Tried != 1 || len(got.Changes) != 0 || got.Hash != first.Hash {
		t.Errorf("as it is: %+v, want %s", got, first.Hash)
	}
	rules := "version: 1\nguards:\n  - {name: giraffes, when: 'last.text contains \"giraffe\"', then: handoff}\ndefault: skip\n"
	with := func(name, text string) map[string]string {
		out := maps.Clone(texts)
		out[name] = text
		return out
	}
	got := p.Check(with(rulesFile, rules), "")
	if got.Problems != "" || len(got.Changes) != 1 || got.Changes[0].After != "handoff, guard giraffes" || got.Changes[0].Prospect != "mira" || got.Hash == first.Hash {
		t.Errorf("a new guard: %+v", got)
	}
	for _, row := range []struct{ name, file, text, want string }{
		{"a broken rule", rulesFile, "version: 1\ndefault: skp\n", `rules.yaml:2:10: unknown outcome "skp"; did you mean "skip"?`},
		{"a failing test", rulesFile, rules + "tests:\n  - {name: t, given: {message: hi}, expect: {outcome: handoff}}\n", "rules.yaml:6:"},
		{"a broken template", "system.tmpl", "{{.Prospct.Name}}", "system.tmpl:1"},
		{"a guard that fails on a real conversation", rulesFile, "version: 1\nguards:\n  - {name: g, when: 'texts[3] == \"x\"', then: skip}\n", "tried on thread t1"},
		{"a file of another kind", "notes.txt", "x", `"notes.txt": a generation has rules.yaml`},
		{"a path", "a/b.tmpl", "x", `"a/b.tmpl": a generation has`},
		{"too much", "much.md", strings.Repeat("x", 3<<20), "a generation is at most 2048 KB"},
	} {
		if got := p.Check(with(row.file, row.text), ""); !strings.Contains(got.Problems, row.want) {
			t.Errorf("%s: %q, want %q", row.name, got.Problems, row.want)
		}
	}
	if got := p.Check(with(rulesFile, "version: 1\nguards:\n  - {name: g, when: 'texts[3] == \"x\"', then: skip}\n"), "abc1"); got.Problems != "" || got.Hash != "abc1" {
		t.Errorf("returning to what fails on a real conversation: %+v", got)
	}
	p.cfg.OpenAIModel = ""
	if got := p.Check(texts, ""); !strings.Contains(got.Problems, "OPENAI_MODEL") {
		t.Errorf("without a model: %+v", got)
	}
	if _, err := (rulebook{newGenerations(cfg, files{}, loaded{}, slog.New(slog.DiscardHandler))}).Try("true", false); err == nil {
		t.Error("tried without rules")
	}
}
