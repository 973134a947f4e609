package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"inboxbot/bot"
	"inboxbot/inboxapi"
	"inboxbot/inboxapi/inboxapitest"
	"inboxbot/inboxapi/inboxapitest/contract"
)

// conversation is one line of a conversations.jsonl.
type conversation struct {
	ID       string `json:"id"`
	Messages []struct {
		From string `json:"from"` // prospect or us
		Text string `json:"text"`
	} `json:"messages"`
}

// Real customer conversations from elsewhere, which are not part of this
// repository, and a few of our own, so that the tests are never empty.
const (
	sharedConversations = "../../../shared/data/conversations.jsonl"
	ownConversations    = "testdata/conversations.jsonl"
)

func conversations(t *testing.T) []conversation {
	t.Helper()
	all := readConversations(t, ownConversations)
	if _, err := os.Stat(sharedConversations); errors.Is(err, fs.ErrNotExist) {
		t.Logf("%s is not here: only our own %d conversations are tested", sharedConversations, len(all))
		return all
	}
	return append(all, readConversations(t, sharedConversations)...)
}

func readConversations(t *testing.T, file string) []conversation {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []conversation
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var c conversation
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil || len(c.Messages) == 0 {
			t.Fatalf("%s, line %d: %v", file, len(all)+1, err)
		}
		all = append(all, c)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// think is the model of these tests: it leaves a thank-you alone, is not sure
// about long stories, and answers everything else.
func think(asked string) bot.Decision {
	switch {
	case strings.Contains(strings.ToLower(asked), "thank") && !strings.Contains(asked, "?"):
		return bot.Decision{Action: bot.Skip, Confidence: 1, Reason: "a thank-you"}
	case len(asked) > 400:
		return bot.Decision{Action: bot.Reply, Reply: "Maybe?", Confidence: 0.3, Reason: "a long story"}
	}
	return bot.Decision{Action: bot.Reply, Reply: "We have it noted.", Confidence: 0.9, Reason: "known"}
}

// thinking asks think about what waits at the end of the prompt.
func thinking(p bot.Prompt) (string, error) {
	return decided(think(p.Chat[len(p.Chat)-1].Text)), nil
}

// cut is a conversation up to one of the prospect's messages.
type cut struct {
	name   string
	thread string
	want   bot.Action
}

// cuts puts every conversation, cut after each message of the prospect, into the
// inbox as a thread of its own, and says what must become of it.
func (s *stage) cuts(all []conversation) []cut {
	var cuts []cut
	for _, c := range all {
		for n, m := range c.Messages {
			if m.From == "prospect" {
				cuts = append(cuts, s.cut(c, n+1))
			}
		}
	}
	return cuts
}

func (s *stage) cut(c conversation, length int) cut {
	name := fmt.Sprintf("%s, %d messages", c.ID, length)
	th := s.sim.AddThread(inboxapitest.NewThread{Username: fmt.Sprintf("%s-%d", c.ID, length)})
	judged := &bot.Conversation{Thread: th, Read: true}
	for i, m := range c.Messages[:length] {
		at := inboxapitest.At(time.Now().Add(-time.Duration(length-i) * time.Minute))
		turn := bot.Turn{Text: m.Text, Side: bot.SideProspect}
		if m.From == "us" {
			turn.Side, turn.Writer = bot.SideOurs, bot.WriterAPI
			turn.ID = s.sim.Write(th.ID, inboxapitest.OtherAPIClient, m.Text, at).ID
		} else {
			turn.ID = s.sim.Receive(th.ID, m.Text, at).ID
		}
		judged.Turns = append(judged.Turns, turn)
	}
	return cut{name, th.ID, s.expected(judged)}
}

// expected is what the rules, asked directly, and then the model make of a
// conversation: the stations between must change nothing about it.
func (s *stage) expected(c *bot.Conversation) bot.Action {
	v := s.parts.live.current().Guards.Judge(c)
	if v.Outcome.Action != bot.Reply {
		return v.Outcome.Action
	}
	var asked []string
	for _, t := range c.Unanswered() {
		asked = append(asked, strings.TrimSpace(t.Text))
	}
	d := think(strings.Join(asked, "\n"))
	if d.Action == bot.Reply && d.Confidence < 0.6 { // the built-in check "unsure"
		return bot.Handoff
	}
	return d.Action
}

func TestEveryConversationIsBroughtToItsOutcomeOnce(t *testing.T) {
	t.Parallel()
	onStage(t, setting{model: thinking, unpaced: true}, func(s *stage) {
		cuts := s.cuts(conversations(t))
		seen := map[bot.Action]int{}
		s.once()
		for _, c := range cuts {
			s.checkCut(c, len(s.replies(c)))
			seen[c.want]++
		}
		t.Logf("%d threads: %d answered, %d handed over, %d left alone", len(cuts), seen[bot.Reply], seen[bot.Handoff], seen[bot.Skip])
		for _, a := range []bot.Action{bot.Reply, bot.Handoff, bot.Skip} {
			if seen[a] == 0 {
				t.Errorf("no conversation ends in %s: this shows too little", a)
			}
		}
		if len(cuts) >= 600 && seen[bot.Reply] < len(cuts)/4 {
			t.Errorf("only %d of %d are answered: this shows too little", seen[bot.Reply], len(cuts))
		}

		// The same again, in another process with the same store: nothing happens.
		tagged, told, asked := s.sim.Requests()["prospects.update"], len(s.handled), len(s.model.Prompts())
		s.once()
		s.during(3 * time.Minute)
		for _, c := range cuts {
			s.checkCut(c, len(s.replies(c)))
		}
		if n := s.sim.Requests()["prospects.update"]; n != tagged {
			t.Errorf("the second run updated %d prospects", n-tagged)
		}
		if n := len(s.handled); n != told {
			t.Errorf("the second run told of %d threads; of the first it was %s", n-told, s.story(s.handled[told].Thread))
		}
		if n := len(s.model.Prompts()); n != asked {
			t.Errorf("the second run asked the model %d times", n-asked)
		}
	})
}

// replies is what the bot said in a cut, behind what was there.
func (s *stage) replies(c cut) []inboxapi.Message {
	messages := s.sim.Transcript(c.thread)
	last := 0
	for i, m := range messages {
		if m.AuthorID != s.sim.Accounts()[0].ID {
			last = i
		}
	}
	return messages[last+1:]
}

func (s *stage) checkCut(c cut, replies int) {
	s.t.Helper()
	told := s.told(c.thread)
	switch {
	case len(told) != 1:
		s.t.Errorf("%s: told of %d times, want once; %s", c.name, len(told), s.story(c.thread))
	case told[0].Outcome != c.want || told[0].Guard == "":
		s.t.Errorf("%s: %s by guard %q (%s), want %s", c.name, told[0].Outcome, told[0].Guard, told[0].Reason, c.want)
	case c.want == bot.Reply && replies != 1, c.want != bot.Reply && replies != 0:
		s.t.Errorf("%s: %s, and %d replies in the thread", c.name, c.want, replies)
	case s.handedOver(c.thread) != (c.want == bot.Handoff):
		s.t.Errorf("%s: %s, and the tags are %q", c.name, c.want, s.sim.TagNames(c.thread))
	}
}

// The same conversations as they happen: the prospects write their next message
// every 40 minutes, whatever the bot answered, and it is restarted in between. A
// third of them is enough here; the test above has them all.
func TestConversationsAsTheyHappen(t *testing.T) {
	t.Parallel()
	onStage(t, setting{model: thinking, unpaced: true, env: []string{"BOT_SETTLE=15s"}}, func(s *stage) {
		var all []conversation
		for i, c := range conversations(t) {
			if i%3 == 0 || strings.HasPrefix(c.ID, "own-") {
				all = append(all, c)
			}
		}
		threads := make([]string, len(all))
		for i, c := range all {
			threads[i] = s.sim.AddThread(inboxapitest.NewThread{Username: c.ID}).ID
		}
		for step := 0; s.speak(all, threads, step); step++ {
			s.during(90 * time.Second)
			time.Sleep(38 * time.Minute)
		}
		for _, a := range s.sim.AnsweredTwice() {
			t.Errorf("answered twice: %q got %d replies", a.Inbound.Content, len(a.Replies))
		}
		s.checkNobodyIsLeftOver(all, threads)
	})
}

// speak lets every prospect say their message number step, and reports whether
// anybody had one.
func (s *stage) speak(all []conversation, threads []string, step int) bool {
	spoke := false
	for i, c := range all {
		n := 0
		for _, m := range c.Messages {
			if m.From != "prospect" {
				continue
			}
			if n == step {
				s.sim.Receive(threads[i], m.Text)
				spoke = true
			}
			n++
		}
	}
	return spoke
}

func (s *stage) checkNobodyIsLeftOver(all []conversation, threads []string) {
	s.t.Helper()
	replied := 0
	for i, thread := range threads {
		messages := s.sim.Transcript(thread)
		newest := messages[len(messages)-1]
		replied += len(s.sent(thread))
		last := s.outcome(thread)
		answered := last.Outcome == bot.Reply && newest.Origin != nil && *newest.Origin == inboxapi.OriginAPI
		left := last.Outcome == bot.Skip && last.Guard != "" && last.Message == newest.ID
		if !answered && !left && !s.handedOver(thread) {
			s.t.Errorf("%s is left over; %s", all[i].ID, s.story(thread))
		}
	}
	if replied == 0 {
		s.t.Error("nobody was answered: this shows nothing")
	}
	s.t.Logf("%d conversations, %d replies", len(all), replied)
}

// mutedRules leave muted prospects alone, which a list row tells, and answer the rest.
const mutedRules = `
version: 1
guards:
  - name: muted
    when: tagged("muted")
    then: skip
    reason: not for the bot
  - name: person
    when: tagged("person")
    then: handoff
default: reply
`

// Of 10,000 waiting threads a guard skips all but 100, one on each page of the list.
func TestASweepOver10000ThreadsReadsOnlyWhatItHandles(t *testing.T) {
	t.Parallel()
	const all, each = 10_000, 100
	onStage(t, setting{rules: mutedRules, unpaced: true}, func(s *stage) {
		handled := map[string]bool{}
		for i := range all {
			tags := []string{"muted"}
			if i%each == each/2 {
				tags = nil
			}
			th := s.sim.AddThread(inboxapitest.NewThread{Tags: tags, CreatedAt: time.Now().Add(-24 * time.Hour)})
			s.sim.Receive(th.ID, "hello?", inboxapitest.At(time.Now().Add(-time.Duration(all-i)*time.Second)))
			if tags == nil {
				handled[th.ID] = true
			}
		}
		s.once()
		lists := s.sim.Requests()["threads.list"]
		perThread := map[string]map[string]int{}
		for _, r := range s.sim.Log() {
			if r.ThreadID == "" {
				continue
			}
			if !handled[r.ThreadID] {
				t.Fatalf("%s was asked of a thread that its list row decides", r.Operation)
			}
			if perThread[r.ThreadID] == nil {
				perThread[r.ThreadID] = map[string]int{}
			}
			perThread[r.ThreadID][r.Operation]++
		}
		t.Logf("%d threads, %d answered: %v", all, len(handled), s.sim.Requests())
		if lists > all/100 {
			t.Errorf("%d list requests, want at most %d", lists, all/100)
		}
		if len(perThread) != len(handled) {
			t.Errorf("%d threads were worked on, want %d", len(perThread), len(handled))
		}
		for id, n := range perThread {
			if reads := n["threads.thread.messages.list"]; reads != 2 {
				t.Errorf("thread %s was read %d times, want once and the look", id, reads)
			}
			if n["threads.thread.get"] > 0 {
				t.Errorf("thread %s was asked for, though its list row is at hand", id)
			}
			if n["threads.thread.messages.create"] != 1 || len(s.sent(id)) != 1 {
				t.Errorf("thread %s got %d replies", id, n["threads.thread.messages.create"])
			}
		}
		if n := len(s.handled); n != all {
			t.Errorf("%d threads were told of, want all %d", n, all)
		}
	})
}

// A burst of 100 waiting threads: one list page is the look for all of them.
func TestBurstEconomy(t *testing.T) {
	t.Parallel()
	const waiting, most = 100, 2.1
	onStage(t, setting{env: []string{"BOT_POLL_INTERVAL=5s"}}, func(s *stage) {
		for range waiting {
			s.asks("do you ship to Austria?")
		}
		ctx, cancel := context.WithTimeout(s.t.Context(), time.Hour)
		defer cancel()
		var replies atomic.Int64
		s.sim.OnSend(func(inboxapi.Thread, inboxapi.Message) {
			if replies.Add(1) == waiting {
				cancel()
			}
		})
		began := time.Now()
		if err := s.start().Run(ctx); err != nil {
			t.Errorf("run: %v", err)
		}
		if n := replies.Load(); n != waiting {
			t.Fatalf("%d replies, want %d", n, waiting)
		}
		cost := float64(s.requests()) / waiting
		t.Logf("%.2f requests a reply, %s for all: %s", cost, time.Since(began).Round(time.Second), s.operations())
		if cost > most {
			t.Errorf("a reply of a burst costs %.2f requests, want at most %.1f: %s", cost, most, s.operations())
		}
	})
}

// operations lists what was asked of the API, the most frequent first.
func (s *stage) operations() string {
	counts := s.sim.Requests()
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(counts[b]-counts[a], strings.Compare(a, b))
	})
	for i, name := range names {
		names[i] = fmt.Sprintf("%s %d", name, counts[name])
	}
	return strings.Join(names, ", ")
}

func TestAnIdleHourCostsLittle(t *testing.T) {
	t.Parallel()
	const most = 720 // one request per BOT_POLL_INTERVAL of 5s
	onStage(t, setting{env: []string{"BOT_POLL_INTERVAL=5s"}}, func(s *stage) {
		for range 120 { // an inbox of two pages in which all is said
			s.sim.Write(s.asks("hi"), inboxapitest.OtherAPIClient, "hello")
		}
		s.asks("and me?")
		s.during(time.Minute)
		s.sim.ResetCounts()
		s.during(time.Hour)
		t.Logf("an idle hour: %d requests: %s", s.requests(), s.operations())
		if n := s.requests(); n > most || n == 0 {
			t.Errorf("an idle hour costs %d requests, want some and at most %d", n, most)
		}
	})
}

// Everything a bot does, held to the vendor's own description of the API.
func TestAWholeRunKeepsToTheContract(t *testing.T) {
	t.Parallel()
	if !contract.Available() {
		t.Skip("the API's OpenAPI document is not here")
	}
	rules := mutedRules + `
checks:
  - name: unsure
    when: draft.confidence < 0.6
    then: handoff
    tag: check-this
    assign: robin@example.com
`
	model := func(p bot.Prompt) (string, error) {
		d := bot.Decision{Action: bot.Reply, Reply: "Yes — our café is open. 🙂", Confidence: 0.9}
		if strings.Contains(p.Chat[len(p.Chat)-1].Text, "unsure") {
			d.Confidence = 0.2
		}
		return decided(d), nil
	}
	o := setting{rules: rules, model: model, env: []string{"BOT_ANSWER_REQUESTS=true"}, wrap: contract.Middleware}
	onStage(t, o, func(s *stage) {
		typing := s.everyKindOfThread()
		s.once()
		s.model.Delay(2 * time.Second)
		s.sim.Receive(typing, "and how much is it?") // alone: there is time to show that somebody types
		s.during(30 * time.Minute)                   // the side views and the second look too
		asked := s.sim.Requests()
		for _, op := range []string{
			"threads.list", "threads.thread.messages.list", "threads.thread.messages.create", "threads.thread.typing",
			"threads.thread.update", "prospects.get", "prospects.update", "tags.list", "tags.create",
			"statuses.list", "members.list", "accountLinks.list",
		} {
			if asked[op] == 0 {
				t.Errorf("the run never asked %s: %s", op, s.operations())
			}
		}
	})
}

// everyKindOfThread fills the inbox with what a bot meets in a week, and returns a
// thread that can show typing.
func (s *stage) everyKindOfThread() (typing string) {
	robin := s.sim.AddMember(inboxapi.Member{Email: "robin@example.com"})
	s.asks("hello?")
	s.asks("unsure what to ask")
	s.threadOf(inboxapitest.NewThread{Tags: []string{"person"}, Notes: "pays late"}, "call me")
	s.threadOf(inboxapitest.NewThread{Tags: []string{"muted"}}, "hi")
	s.threadOf(inboxapitest.NewThread{Status: "Won", Assignee: robin.ID}, "one more?")
	s.threadOf(inboxapitest.NewThread{Request: true}, "may I ask?")
	s.threadOf(inboxapitest.NewThread{NullExternalID: true}, "who am I?")
	s.sim.Archive(s.asks("archived?"), true)
	talked := s.asks("hi")
	s.sim.Write(talked, inboxapitest.Campaign, "our news")
	s.sim.Receive(talked, "tell me more")
	for range 120 { // more than a page
		s.sim.Write(s.asks("hi"), inboxapitest.OtherAPIClient, "hello")
	}
	return talked
}
