package replay_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"inboxbot/bot"
	"inboxbot/bot/bottest"
	"inboxbot/cmd/inboxbot/replay"
	"inboxbot/prompts"
	"inboxbot/rules"
)

// today and tomorrow are rules for the sample.
const (
	today = `version: 1
guards:
  - name: vip
    when: tagged("VIP")
    then: handoff
  - name: money-back
    when: 'any(texts, # matches "(?i)refund")'
    then: handoff
    reason: about money
default: reply
`
	tomorrow = `version: 1
guards:
  - name: prices
    when: 'any(texts, # matches "(?i)price|cost")'
    then: handoff
  - name: price-of-a-kilo
    when: 'any(texts, # matches "price of a kilo")'
    then: skip
  - name: boxes
    when: tagged("VIP")
    then: handoff
    tag: vip-waiting
  - name: never-said
    when: last.text == "xyzzy"
    then: skip
  - name: thanks
    when: last.text matches "(?i)thank|gracias"
    then: skip
default: reply
`
)

// side makes a side of a rule file and the shipped prompts.
func side(t testing.TB, name, ruleFile string) replay.Side {
	t.Helper()
	set, err := rules.Load(name, []byte(ruleFile), rules.Options{HandoffTag: "needs-human"})
	if err != nil {
		t.Fatal(err)
	}
	templates, err := prompts.Load(prompts.Default(), "prompts", prompts.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return replay.Side{
		Name: name, JudgeAll: set.JudgeAll,
		Generation: bot.Generation{Hash: set.Hash()[:12], Guards: set, Prompter: templates, HandoffTags: set.HandoffTags()},
	}
}

// run replays the sample with today's rules and tomorrow's.
func run(t testing.TB, o replay.Options) *replay.Report {
	t.Helper()
	next := side(t, "tomorrow.yaml", tomorrow)
	o.Settle = 15 * time.Second
	return replay.Run(t.Context(), sample(t), side(t, "today.yaml", today), &next, o)
}

func cutsOf(r *replay.Report) map[string]*replay.Cut {
	cuts := map[string]*replay.Cut{}
	for _, c := range r.Conversations {
		for _, cut := range c.Cuts {
			cuts[cut.ID] = cut
		}
	}
	return cuts
}

func TestCuts(t *testing.T) {
	r := run(t, replay.Options{})
	var got []string
	for _, c := range r.Conversations {
		for _, cut := range c.Cuts {
			got = append(got, fmt.Sprintf("%s after %d at %s: %.24s", cut.ID, cut.Turn+1, cut.At.UTC().Format("15:04:05"), strings.ReplaceAll(cut.Said, "\n", "/")))
		}
	}
	want := []string{
		"shipping#1 after 1 at 14:00:15: Hi! Do you ship to Austr",
		"shipping#2 after 3 at 14:02:15: And how long does it tak",
		"shipping#3 after 5 at 14:04:15: Great, thank you!",
		"burst#1 after 4 at 14:03:15: hey/so I have the Aricha",    // four messages in a row are one cut, at its end
		"campaign#1 after 2 at 14:01:15: yes please, and what doe", // and nothing is cut behind what we said
		"money#1 after 1 at 14:00:15: Two bags arrived open. A",
		"money#2 after 3 at 14:02:15: K-20931. I want a refund",
		"robin#1 after 1 at 08:30:15: My grinder chokes since ",
		"robin#2 after 3 at 08:32:15: ok that helped. is the p",
		"vip#1 after 1 at 18:20:15: Can we get 30 gift boxes",
		"photo#1 after 1 at 14:00:15: [image]",
		"photo#2 after 3 at 14:02:15: It is <b>yours</b> & it ",
		"spanish#1 after 1 at 14:00:15: Hola! ¿Cuánto cuesta el ",
		"spanish#2 after 3 at 14:02:15: Perfecto, gracias 👍",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestWhatChanges(t *testing.T) {
	r := run(t, replay.Options{})
	for _, row := range []struct {
		cut, before, after string
		change             replay.Kind
	}{
		{"shipping#1", "reply by default", "reply by default", ""},
		{"shipping#3", "reply by default", "skip by thanks", replay.Outcome},
		{"burst#1", "reply by default", "handoff by prices", replay.Outcome},
		{"money#2", "handoff by money-back", "reply by default", replay.Outcome},
		{"robin#2", "reply by default", "handoff by prices", replay.Outcome}, // though a person had taken over
		{"vip#1", "handoff by vip", "handoff by boxes", replay.Otherwise},
	} {
		c := cutsOf(r)[row.cut]
		before, after := c.Current.Outcome+" by "+c.Current.Guard, c.Candidate.Outcome+" by "+c.Candidate.Guard
		if before != row.before || after != row.after || c.Change != row.change {
			t.Errorf("%s: %s -> %s (%q), want %s -> %s (%q)", row.cut, before, after, c.Change, row.before, row.after, row.change)
		}
	}
	if r.Cuts != 14 || r.Changed != 6 || r.Otherwise != 1 {
		t.Errorf("%d cuts, %d change outcome, %d otherwise; want 14, 6, 1", r.Cuts, r.Changed, r.Otherwise)
	}
	var ways []string
	for _, w := range r.Ways() {
		ways = append(ways, fmt.Sprintf("%d %s-%s", w.Cuts, w.From, w.To))
	}
	if want := []string{"3 reply-handoff", "2 reply-skip", "1 handoff-reply"}; !slices.Equal(ways, want) {
		t.Errorf("ways %q, want %q", ways, want)
	}
}

func TestGuardsThatDoNothing(t *testing.T) {
	r := run(t, replay.Options{})
	always := side(t, "always.yaml", "version: 1\nguards:\n  - name: everybody\n    when: inbound > 0\n    then: skip\n  - name: nobody-left\n    when: inbound > 0\n    then: reply\n  - name: broken\n    when: texts[unanswered] == \"\"\n    then: skip\n")
	alone := replay.Run(t.Context(), sample(t), always, nil, replay.Options{})
	for _, row := range []struct {
		total *replay.Total
		want  replay.Guard
	}{
		{r.Current, replay.Guard{Name: "vip", Fired: 1, Decided: 1}},
		{r.Candidate, replay.Guard{Name: "prices", Fired: 3, Decided: 3}},
		{r.Candidate, replay.Guard{Name: "price-of-a-kilo", Fired: 1, Finding: replay.Shadowed, By: []string{"prices"}}},
		{r.Candidate, replay.Guard{Name: "never-said", Finding: replay.Never}},
		{r.Candidate, replay.Guard{Name: "default", Fired: 8, Decided: 8}},
		{alone.Current, replay.Guard{Name: "everybody", Fired: 14, Decided: 14, Finding: replay.Always}},
		{alone.Current, replay.Guard{Name: "nobody-left", Fired: 14, Finding: replay.Shadowed, By: []string{"everybody"}}},
		{alone.Current, replay.Guard{Name: "broken", Fired: 14, Failed: 14, Finding: replay.Shadowed, By: []string{"everybody"}}},
	} {
		i := slices.IndexFunc(row.total.Guards, func(g replay.Guard) bool { return g.Name == row.want.Name })
		if got := row.total.Guards[i]; fmt.Sprint(got) != fmt.Sprint(row.want) {
			t.Errorf("got %+v, want %+v", got, row.want)
		}
	}
}

// A person took over in one conversation. What the rules say there is shown all
// the same, unless the bot's own guards are to decide.
func TestTheBotsOwnGuards(t *testing.T) {
	apart := run(t, replay.Options{})
	if c := cutsOf(apart)["robin#2"]; c.Current.Outcome != "reply" || c.Current.Own != "person-took-over" {
		t.Errorf("apart: %s by %s, own guard %q", c.Current.Outcome, c.Current.Guard, c.Current.Own)
	}
	decide := run(t, replay.Options{OwnGuards: true})
	if c := cutsOf(decide)["robin#2"]; c.Current.Outcome != "wait" || c.Current.Guard != "person-took-over" || c.Change != "" {
		t.Errorf("deciding: %s by %s, change %q", c.Current.Outcome, c.Current.Guard, c.Change)
	}
	for _, r := range []*replay.Report{apart, decide} {
		if got := fmt.Sprint(r.Current.Own); got != "[{person-took-over 1}]" {
			t.Errorf("own guards: %s", got)
		}
	}
}

// decide is a model that is sure of what a text says.
func decide(d bot.Decision) (string, error) {
	text, err := json.Marshal(d)
	return string(text), err
}

func TestAsking(t *testing.T) {
	model := bottest.NewModel(func(p bot.Prompt) (string, error) {
		asked := p.Chat[len(p.Chat)-1].Text
		switch {
		case strings.Contains(asked, "Two bags"):
			return "", fmt.Errorf("status 503: %w", bot.ErrModelUnavailable)
		case strings.Contains(asked, "gracias"):
			return decide(bot.Decision{Action: bot.Skip, Confidence: 1})
		case strings.Contains(asked, "refund"):
			return decide(bot.Decision{Action: bot.Reply, Reply: "You get it back.", Confidence: 0.2})
		}
		return decide(bot.Decision{Action: bot.Reply, Reply: "We have it noted.", Confidence: 0.9})
	})
	cautious := side(t, "cautious.yaml", strings.Replace(tomorrow, "default: reply", "default: reply\nchecks:\n  - name: unsure\n    when: draft.confidence < 0.5\n    then: handoff", 1))
	r := replay.Run(t.Context(), sample(t), side(t, "today.yaml", today), &cautious, replay.Options{
		Settle: 15 * time.Second, Model: model, Prices: replay.Prices{Input: 2, Output: 10},
	})
	cuts := cutsOf(r)
	if a := cuts["shipping#1"].Current; !a.Asked || a.Draft != "We have it noted." || a.Confidence != 0.9 {
		t.Errorf("an answer: %+v", a)
	}
	if a := cuts["money#2"].Candidate; a.Outcome != "handoff" || a.Guard != "unsure" || a.Check != "unsure" || a.Draft != "You get it back." {
		t.Errorf("a draft that a check objects to: %+v", a)
	}
	if c := cuts["spanish#2"]; c.Current.Outcome != "skip" || c.Change != replay.Otherwise {
		t.Errorf("the model skips what the candidate's guard skips: %+v, %q", c.Current, c.Change)
	}
	if c := cuts["money#1"]; c.Current.Error == "" || c.Current.Outcome != "reply" || c.Change != "" {
		t.Errorf("a model that is away changes nothing: %+v, %q", c.Current, c.Change)
	}
	if r.ModelErrors != 1 || fmt.Sprint(r.Candidate.Checks) != "[{unsure 1}]" {
		t.Errorf("%d model errors, checks %v", r.ModelErrors, r.Candidate.Checks)
	}
	bothAsk := 7 // shipping#1, #2, money#1, robin#1, photo#1, #2, spanish#1
	asked := 0
	for _, c := range cuts {
		for _, a := range []*replay.Answer{c.Current, c.Candidate} {
			if a.Asked {
				asked++
			}
		}
	}
	// What both sides ask the same goes to the model once, but for the cut that
	// failed: that one was tried for each.
	if got, want := len(model.Prompts()), asked-(bothAsk-1)+2; got != want {
		t.Errorf("the model was asked %d times, want %d", got, want)
	}
	if r.Spent.USD <= 0 || r.Spent.USD >= r.Current.Spent.USD+r.Candidate.Spent.USD {
		t.Errorf("spent %v, the sides alone would have %v and %v", r.Spent.USD, r.Current.Spent.USD, r.Candidate.Spent.USD)
	}
	if want := (float64(r.Spent.Prompt)*2 + float64(r.Spent.Completion)*10) / 1e6; r.Spent.USD < want*0.999 || r.Spent.USD > want*1.001 {
		t.Errorf("%d and %d tokens cost %v, want %v", r.Spent.Prompt, r.Spent.Completion, r.Spent.USD, want)
	}
}

// counting is a model that knows how many ask it at once.
type counting struct{ now, most atomic.Int64 }

func (m *counting) Complete(context.Context, bot.Prompt) (bot.Completion, error) {
	defer m.now.Add(-1)
	for n := m.now.Add(1); ; {
		if most := m.most.Load(); n <= most || m.most.CompareAndSwap(most, n) {
			break
		}
	}
	time.Sleep(time.Millisecond)
	text, err := decide(bot.Decision{Action: bot.Skip, Confidence: 1})
	return bot.Completion{Text: text}, err
}

func TestConcurrencyIsBounded(t *testing.T) {
	m := &counting{}
	run(t, replay.Options{Model: m, Config: bot.Config{Concurrency: 3}})
	if most := m.most.Load(); most > 3 {
		t.Errorf("%d asked at once, want at most 3", most)
	}
}

func TestInterruption(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	var asked atomic.Int64
	model := bottest.NewModel(func(bot.Prompt) (string, error) {
		if asked.Add(1) == 3 {
			stop()
			return "", errors.New("cut off")
		}
		return decide(bot.Decision{Action: bot.Handoff, Confidence: 1})
	})
	next := side(t, "tomorrow.yaml", tomorrow)
	r := replay.Run(ctx, sample(t), side(t, "today.yaml", today), &next, replay.Options{
		Model: model, Settle: 15 * time.Second, Config: bot.Config{Concurrency: 1},
	})
	if !r.Interrupted || r.Cuts != 14 || r.ModelErrors != 0 {
		t.Errorf("interrupted %v, %d cuts, %d model errors", r.Interrupted, r.Cuts, r.ModelErrors)
	}
	if a := cutsOf(r)["shipping#1"].Current; !a.Asked || a.Outcome != "handoff" {
		t.Errorf("what was asked before is kept: %+v", a)
	}
	if c := cutsOf(r)["photo#2"]; c.Current.Asked || c.Current.Outcome != "reply" || c.Change != "" {
		t.Errorf("what was not asked stands as the guards left it: %+v", c.Current)
	}
}

// The JSON is a contract: these names are used by scripts.
func TestJSONNames(t *testing.T) {
	data, err := json.Marshal(run(t, replay.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{
		"version", "source", "notes", "judgedMs", "cuts", "changed", "changes.0.from", "changes.0.toGuard", "current.outcomes.reply", "current.outcomes.draft",
		"candidate.guards.1.shadowedBy.0", "current.botsOwnGuards.0.name", "conversations.0.turns.0.by", "conversations.0.cuts.2.change", "conversations.0.cuts.0.current.fired",
	} {
		var at any = doc
		for _, key := range strings.Split(path, ".") {
			if list, ok := at.([]any); ok {
				i := int(key[0] - '0')
				if i >= len(list) {
					at = nil
					break
				}
				at = list[i]
				continue
			}
			at = at.(map[string]any)[key]
		}
		if at == nil {
			t.Errorf("%s is missing", path)
		}
	}
}

const sharedConversations = "../../../../shared/data/conversations.jsonl"

func shared(t testing.TB) replay.Corpus {
	t.Helper()
	if _, err := os.Stat(sharedConversations); err != nil {
		t.Skip(sharedConversations, "is not here")
	}
	return fromFile(t, sharedConversations)
}

// Each message of the prospect that one of ours follows, or nothing, is a cut.
func TestSharedConversations(t *testing.T) {
	current := side(t, "shipped", string(rules.Default()))
	next := side(t, "tomorrow.yaml", tomorrow)
	past := shared(t)
	r := replay.Run(t.Context(), past, current, &next, replay.Options{Settle: 15 * time.Second})
	if len(r.Conversations) != 91 || r.Cuts != 686 {
		t.Errorf("%d conversations, %d cuts; want 91 and 686", len(r.Conversations), r.Cuts)
	}
	sum := 0
	for _, n := range r.Candidate.Outcomes {
		sum += n
	}
	if sum != r.Cuts || r.Changed == 0 {
		t.Errorf("%d outcomes of %d cuts, %d changed", sum, r.Cuts, r.Changed)
	}
}

func BenchmarkReplay91(b *testing.B) {
	current := side(b, "shipped", string(rules.Default()))
	next := side(b, "tomorrow.yaml", tomorrow)
	past := shared(b)
	for b.Loop() {
		replay.Run(b.Context(), past, current, &next, replay.Options{Settle: 15 * time.Second})
	}
}
