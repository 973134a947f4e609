package rules

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"inboxbot/bot"
	"inboxbot/inboxapi"
)

// TestNames is every name of the environment, and what it says of a conversation.
func TestNames(t *testing.T) {
	berlin := zone(t, "Europe/Berlin")
	about := func(f func(*bot.Conversation)) *bot.Conversation { return conv(says("Hi"), with(f)) }
	p := func(f func(*inboxapi.Prospect)) *bot.Conversation {
		return about(func(c *bot.Conversation) { f(&c.Thread.Prospect) })
	}
	for _, tt := range []struct {
		when string
		c    *bot.Conversation
		want bool
	}{
		{`now.Hour() == 13`, conv(), true}, // 12:00 UTC in Berlin
		{`now.Weekday().String() == "Wednesday"`, conv(), true},
		{`now.Hour() in 9..17`, conv(), true},
		{`now > date("2026-11-25 12:59", "2006-01-02 15:04", "Europe/Berlin")`, conv(), true},
		{`now > date("2026-11-25 13:00", "2006-01-02 15:04", "Europe/Berlin")`, conv(), false},

		{`thread.id == "t1"`, conv(), true},
		{`thread.assigned`, about(func(c *bot.Conversation) { c.Thread.AssigneeID = new("m1") }), true},
		{`thread.assigned`, conv(), false},
		{`thread.assignee == "robin@example.com"`, about(func(c *bot.Conversation) { c.Assignee = "robin@example.com" }), true},
		{`thread.request`, about(func(c *bot.Conversation) { c.Thread.IsRequest = true }), true},
		{`thread.syncing`, about(func(c *bot.Conversation) { c.Thread.IsSyncing = true }), true},
		{`thread.encrypted`, about(func(c *bot.Conversation) { c.Thread.Variant = inboxapi.VariantXChat }), true},
		{`thread.encrypted`, about(func(c *bot.Conversation) { c.Thread.Variant = "new in v2" }), false},
		{`now - thread.createdAt == duration("48h")`, conv(), true},

		{`prospect.username == "jane" and prospect.name == "Jane"`, conv(), true},
		{`prospect.bio == "" and prospect.location == "" and prospect.website == "" and prospect.notes == "" and prospect.status == ""`, conv(), true},
		{`prospect.bio == "b"`, p(func(p *inboxapi.Prospect) { p.Bio = new("b") }), true},
		{`prospect.location == "Oslo"`, p(func(p *inboxapi.Prospect) { p.Location = new("Oslo") }), true},
		{`prospect.website endsWith ".no"`, p(func(p *inboxapi.Prospect) { p.WebsiteURL = new("https://x.no") }), true},
		{`prospect.followers > 10000`, p(func(p *inboxapi.Prospect) { p.FollowerCount = 10001 }), true},
		{`prospect.followers > 10000`, p(func(p *inboxapi.Prospect) { p.FollowerCount = 1e300 }), true},
		{`prospect.followers == 0`, p(func(p *inboxapi.Prospect) { p.FollowerCount = -5 }), true},
		{`prospect.following == 7`, p(func(p *inboxapi.Prospect) { p.FollowingCount = 7 }), true},
		{`prospect.verified`, p(func(p *inboxapi.Prospect) { p.Verified = "business" }), true},
		{`prospect.verified`, p(func(p *inboxapi.Prospect) { p.Verified = "none" }), false},
		{`prospect.verified`, p(func(p *inboxapi.Prospect) { p.Verified = "" }), false}, // newer pages omit it
		{`prospect.protected`, p(func(p *inboxapi.Prospect) { p.IsProtected = true }), true},
		{`prospect.valuation >= 99.5`, p(func(p *inboxapi.Prospect) { p.Context.Valuation = new(99.5) }), true},
		{`prospect.valuation == 0`, conv(), true},
		{`prospect.notes contains "do not"`, p(func(p *inboxapi.Prospect) { p.Context.Notes = new("do not contact") }), true},
		{`prospect.status == "Won"`, about(func(c *bot.Conversation) { c.Status = "Won" }), true},
		{`"VIP" in prospect.tags`, conv(hasTags("VIP")), true},
		{`"VIP" in prospect.tags`, conv(hasTags("vip")), false},
		{`any(prospect.tags, # startsWith "vip-")`, conv(hasTags("a", "vip-gold")), true},

		{`account.username == "acme" and account.name == "Acme" and account.online`, conv(), true},
		{`account.online`, about(func(c *bot.Conversation) { c.Account.Status = inboxapi.AccountPaused }), false},
		{`account.online`, about(func(c *bot.Conversation) { c.Account = inboxapi.AccountLink{} }), false},

		{`tagged("VIP")`, conv(hasTags("vip ")), true},
		{`tagged("VIP")`, conv(), false},
		{`tagged("gold", "vip")`, conv(hasTags("VIP")), true},

		{`last.text == "two"`, conv(says("one", "two")), true},
		{`last.text == "two"`, conv(says("one", "two"), answered(bot.WriterBot, 0)), true},
		{`last.text == ""`, conv(), true},
		{`lower(last.text) matches "refund|lawyer"`, conv(says("I want a REFUND")), true},
		{`last.text matches "\\d+ pieces"`, conv(says("about 200 pieces")), true},
		{"last.text matches `^\\d+$`", conv(says("42")), true},
		{`now - last.at == duration("1m")`, conv(says("hi")), true},
		{`"image" in last.media`, about(func(c *bot.Conversation) { c.Turns[0].Media = []string{"image"} }), true},
		{`len(last.media) > 0`, conv(says("hi")), false},
		{`last.edited`, about(func(c *bot.Conversation) { c.Turns[0].Edited = true }), true},

		{`waiting == duration("2m")`, conv(says("one", "two")), true},
		{`waiting == duration("0s")`, conv(says("one"), answered(bot.WriterBot, 0)), true},
		{`unanswered == 2 and inbound == 3`, conv(says("a"), answered(bot.WriterPerson, time.Hour), says("b", "c")), true},
		{`outbound == 2 and replies == 1`, conv(answered(bot.WriterBot, 3*time.Hour), answered(bot.WriterPerson, time.Hour), says("b")), true},
		{`repliesToday == 1`, about(func(c *bot.Conversation) {
			c.Record.Own = map[string]time.Time{"a": noon.Add(-time.Hour), "b": noon.Add(-25 * time.Hour)}
		}), true},
		{`texts == ["b", "c"]`, conv(says("a"), answered(bot.WriterPerson, time.Hour), says("b", "c")), true},
		{`humanAgo == duration("1h")`, conv(answered(bot.WriterPerson, time.Hour), says("b")), true},
		{`humanAgo > duration("10000h")`, conv(answered(bot.WriterBot, time.Hour), says("b")), true},

		// Facts about the language that rule authors meet.
		{`1 / 0 > 1`, conv(), true}, // +Inf, as in floating point
		{`let words = ["price", "cost"]; any(words, {let w = #; any(texts, # contains w)})`, conv(says("a", "what does it cost")), true},
		{`sum(texts, len(#)) == 3`, conv(says("a", "bc")), true},
		{`count(texts, # == "?") > 1`, conv(says("?", "?")), true},
		{`unanswered + 1 == 2 and waiting + duration("1m") == duration("2m")`, conv(says("a")), true},
		{`last.text[0:2] == "ab"`, conv(says("abc")), true},
		{`(find(texts, # == "x") ?? "none") == "none"`, conv(says("a")), true},
		{`if unanswered > 1 { true } else { last.text == "a" }`, conv(says("a")), true},
		{`last.text | lower() | trim() == "a"`, conv(says(" A ")), true},
	} {
		t.Run(tt.when, func(t *testing.T) {
			s := load(t, Options{Timezone: berlin}, "guards:", guardLine("it", tt.when, bot.Skip), "default: reply")
			v := s.Judge(tt.c)
			if fired := v.Checks[0].Fired; fired != tt.want || v.Checks[0].Err != nil {
				t.Errorf("fired %v, err %v, want %v", fired, v.Checks[0].Err, tt.want)
			}
		})
	}
}

// TestRequests is which guards a list row can answer.
func TestRequests(t *testing.T) {
	for _, tt := range []struct {
		name, when string
		c          *bot.Conversation
		unread     bool
	}{
		{"what a row holds", `now.Hour() > 1 or thread.request or prospect.followers > 1 or account.online or tagged("a") or repliesToday > 1 or open("h")`, conv(says("a")), false},
		{"its newest message", `last.text == "a" and last.at < now`, conv(says("a")), false},
		{"optional chaining", `last?.text == "a"`, conv(says("a")), false},
		{"its newest message is ours", `last.text == ""`, conv(says("a"), answered(bot.WriterBot, 0)), true},
		{"media", `len(last.media) > 0`, conv(says("a")), true},
		{"edited", `last.edited`, conv(says("a")), true},
		{"last as a whole", `let l = last; l.text == "a"`, conv(says("a")), true},
		{"a field by name", `last["media"] == []`, conv(says("a")), true},
		{"behind an or", `last.text == "a" or unanswered > 1`, conv(says("a")), true},
		{"waiting", `waiting > duration("1m")`, conv(says("a")), true},
		{"unanswered", `unanswered > 1`, conv(says("a")), true},
		{"inbound", `inbound > 1`, conv(says("a")), true},
		{"outbound", `outbound > 1`, conv(says("a")), true},
		{"replies", `replies > 1`, conv(says("a")), true},
		{"texts", `len(texts) > 1`, conv(says("a")), true},
		{"texts in a loop", `any(texts, # == "a")`, conv(says("a")), true},
		{"humanAgo", `humanAgo > duration("1m")`, conv(says("a")), true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := load(t, Options{}, "hours: {h: {}}", "guards:",
				guardLine("first", `tagged("nobody has it")`, bot.Skip), guardLine("it", tt.when, bot.Skip), guardLine("never", "true", bot.Wait))
			row(tt.c)
			v := s.Judge(tt.c)
			if v.Unread() != tt.unread {
				t.Fatalf("unread %v, want %v: %+v", v.Unread(), tt.unread, v)
			}
			if tt.unread && (v.Guard != "it" || len(v.Checks) != 2) {
				t.Errorf("stopped at %q after %d checks", v.Guard, len(v.Checks))
			}
		})
	}
}

func TestVerdict(t *testing.T) {
	s := load(t, Options{HandoffTag: "needs-human"},
		"guards:",
		`  - {name: vip, when: 'tagged("VIP")', then: handoff, reason: VIPs get a person, tag: vip-waiting, assign: robin@example.com}`,
		`  - {name: price, when: 'last.text contains "price"', then: reply, prompt: pricing}`,
		`  - {name: spam, when: 'last.text == "spam"', then: skip}`,
		`  - {name: late, when: 'last.text == "later"', then: wait}`,
		`  - {name: tagless, when: 'last.text == "human"', then: handoff}`,
		"default: reply",
		"checks:",
		`  - {name: unsure, when: 'draft.confidence < 0.6', then: handoff, tag: unsure}`,
		`  - {name: nothing, when: 'draft.action == "skip" and draft.reason == "spam" and last.text != ""', then: skip}`,
	)
	for _, tt := range []struct {
		name  string
		c     *bot.Conversation
		guard string
		want  bot.Outcome
		asked int
	}{
		{"the first that fires", conv(hasTags("VIP"), says("price")), "vip", bot.Outcome{Action: bot.Handoff, Cause: bot.CauseRule, Reason: "VIPs get a person", Tag: "vip-waiting", Assign: "robin@example.com"}, 1},
		{"reply with a template", conv(says("price?")), "price", bot.Outcome{Action: bot.Reply, Reason: `guard "price" fired`, Prompt: "pricing"}, 2},
		{"skip", conv(says("spam")), "spam", bot.Outcome{Action: bot.Skip, Reason: `guard "spam" fired`}, 3},
		{"wait", conv(says("later")), "late", bot.Outcome{Action: bot.Wait, Reason: `guard "late" fired`}, 4},
		{"handoff with the bot's tag", conv(says("human")), "tagless", bot.Outcome{Action: bot.Handoff, Cause: bot.CauseRule, Reason: `guard "tagless" fired`}, 5},
		{"none", conv(says("hi")), "default", bot.Outcome{Action: bot.Reply, Reason: "no guard fired"}, 5},
		{"a reply to a list row", conv(says("price?"), row), "price", bot.Outcome{Action: bot.Reply, Reason: `guard "price" fired`, Prompt: "pricing"}, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := s.Judge(tt.c)
			if v.Guard != tt.guard || v.Outcome != tt.want || len(v.Checks) != tt.asked || v.Unread() {
				t.Errorf("got %+v", v)
			}
		})
	}

	t.Run("draft", func(t *testing.T) {
		for _, tt := range []struct {
			d     bot.Decision
			guard string
			want  bot.Outcome
		}{
			{bot.Decision{Action: bot.Reply, Reply: "Yes.", Confidence: 0.6}, "default", bot.Outcome{Action: bot.Reply, Reason: "no check fired", Text: "Yes."}},
			{bot.Decision{Action: bot.Reply, Reply: "Yes.", Confidence: 0.59}, "unsure", bot.Outcome{Action: bot.Handoff, Cause: bot.CauseCheck, Reason: `guard "unsure" fired`, Tag: "unsure"}},
			{bot.Decision{Action: bot.Skip, Reason: "spam", Confidence: 1}, "nothing", bot.Outcome{Action: bot.Skip, Reason: `guard "nothing" fired`}},
		} {
			if v := s.Review(conv(says("hi")), tt.d); v.Guard != tt.guard || v.Outcome != tt.want {
				t.Errorf("%+v: got %+v", tt.d, v)
			}
		}
	})
	t.Run("tags", func(t *testing.T) {
		if got := strings.Join(s.HandoffTags(), " "); got != "needs-human unsure vip-waiting" {
			t.Errorf("got %s", got)
		}
	})
}

// TestFails is how a guard can fail while it runs: never a reply, and never a
// word of the conversation in what is said about it.
func TestFails(t *testing.T) {
	const secret = "card 4111 1111 1111 1111"
	for _, tt := range []struct {
		name, when string
		c          *bot.Conversation
		want       string
	}{
		{"an index past the end", `texts[3] == "a"`, conv(says(secret)), "rules.yaml:3:41: index out of range"},
		{"no number", `int(last.text) > 3`, conv(says(secret)), "cannot be evaluated"},
		{"a division", `unanswered % outbound == 1`, conv(says(secret)), "divide by zero"},
		{"no fraction", `float(last.text) < 1`, conv(says(secret)), "cannot be evaluated"},
		{"a message of 300 KB", `last.text contains "a"`, conv(says(strings.Repeat(secret, 13_000))), "too long to be judged: the last message"},
		{"a flood", `any(texts, # contains "nothing")`, conv(says(strings.Split(strings.Repeat(secret+"\n", 300), "\n")...)), "too long to be judged: the unanswered messages"},
		{"endless notes", `prospect.notes contains "x"`, conv(func(c *bot.Conversation) { c.Thread.Prospect.Context.Notes = new(strings.Repeat(secret, 13_000)) }), "too long to be judged: the team's notes"},
		{"an endless profile", `prospect.bio contains "x"`, conv(func(c *bot.Conversation) { c.Thread.Prospect.Bio = new(strings.Repeat(secret, 13_000)) }), "too long to be judged: the profile"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := load(t, Options{}, "guards:", guardLine("it", tt.when, bot.Reply), "default: reply", "checks:", guardLine("check", tt.when, bot.Skip))
			for _, v := range []bot.Verdict{s.Judge(tt.c), s.Review(tt.c, bot.Decision{Action: bot.Reply, Reply: "Yes"})} {
				c := v.Checks[0]
				if v.Outcome.Action != bot.Handoff || v.Guard != c.Guard || c.Err == nil || !c.Fired {
					t.Fatalf("got %+v, want a handoff by a failed guard", v)
				}
				if !strings.Contains(v.Outcome.Reason, c.Guard) || !strings.Contains(c.Err.Error(), "rules.yaml:") {
					t.Errorf("reason %q, error %q: want the guard and its place", v.Outcome.Reason, c.Err)
				}
				if all := v.Outcome.Reason + c.Err.Error(); strings.Contains(all, "4111") {
					t.Errorf("what was written is in %q", all)
				}
			}
			if got := s.Judge(tt.c).Checks[0].Err.Error(); !strings.Contains(got, tt.want) {
				t.Errorf("error %q, want %q in it", got, tt.want)
			}
		})
	}
}

// A guard that does not read what is too long is not stopped by it.
func TestLongButNotRead(t *testing.T) {
	s := load(t, Options{}, "guards:", guardLine("vip", `tagged("VIP") and thread.id != ""`, bot.Skip))
	v := s.Judge(conv(hasTags("VIP"), says(strings.Repeat("a", 300_000))))
	if v.Guard != "vip" || v.Outcome.Action != bot.Skip {
		t.Errorf("got %+v", v)
	}
}

func TestReviewNeedsMessages(t *testing.T) {
	s := load(t, Options{}, "checks:", guardLine("short", "len(texts) > 3", bot.Skip))
	if v := s.Review(conv(says("a"), row), bot.Decision{Action: bot.Reply, Reply: "b"}); v.Outcome.Action != bot.Handoff {
		t.Errorf("got %+v, want a handoff: nobody knows the answer", v)
	}
}

func TestLongDraft(t *testing.T) {
	s := load(t, Options{}, "checks:", guardLine("words", `draft.text contains "x"`, bot.Skip))
	if v := s.Review(conv(says("a")), bot.Decision{Reply: strings.Repeat("a", 70_000)}); v.Outcome.Action != bot.Handoff {
		t.Errorf("got %s, want a handoff", v.Outcome.Action)
	}
}

func TestDefaults(t *testing.T) {
	for _, tt := range []struct {
		name  string
		lines []string
		want  bot.Action
		reply bool
	}{
		{"no default skips", nil, bot.Skip, false},
		{"reply", []string{"default: reply"}, bot.Reply, true},
		{"handoff", []string{"default: handoff"}, bot.Handoff, false},
		{"a guard replies", []string{"guards:", guardLine("a", "false", bot.Reply), "default: wait"}, bot.Wait, true},
		{"no guard replies", []string{"guards:", guardLine("a", "false", bot.Handoff), "default: wait"}, bot.Wait, false},
		{"empty lists", []string{"guards: []", "checks: []", "hours: {}"}, bot.Skip, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := load(t, Options{}, tt.lines...)
			if v := s.Judge(conv(says("hi"))); v.Outcome.Action != tt.want || v.Guard != "default" {
				t.Errorf("got %+v, want %s", v, tt.want)
			}
			if s.CanReply() != tt.reply {
				t.Errorf("CanReply is %v", s.CanReply())
			}
		})
	}
}

func TestHash(t *testing.T) {
	a, b := load(t, Options{}), load(t, Options{}, "default: reply")
	if a.Hash() == b.Hash() || a.Hash() != load(t, Options{}).Hash() || len(a.Hash()) != 64 {
		t.Errorf("%s and %s", a.Hash(), b.Hash())
	}
}

func TestProblemsAreErrors(t *testing.T) {
	_, err := Load("a.yaml", []byte("version: 1\nguards: 3\ndefault: 4\n"), Options{})
	var ps Problems
	var p Problem
	if !errors.As(err, &ps) || len(ps) != 2 || !errors.As(err, &p) || p.Line != 2 || p.File != "a.yaml" {
		t.Errorf("got %#v", err)
	}
}

// TestDesignExample reads the example of the documentation, which has every key.
func TestDesignExample(t *testing.T) {
	s, err := Load("rules.yaml", []byte(designExample), Options{Prompts: func(name string) bool { return name == "pricing" }})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name  string
		about func(*bot.Conversation)
		guard string
		want  bot.Outcome
	}{
		{"a VIP", hasTags("VIP"), "vip", bot.Outcome{Action: bot.Handoff, Cause: bot.CauseRule, Reason: "VIPs get a person", Tag: "vip-waiting", Assign: "robin@example.com"}},
		{"at night", func(c *bot.Conversation) { c.Now = noon.Add(12 * time.Hour) }, "closed", bot.Outcome{Action: bot.Wait, Reason: `guard "closed" fired`}},
		{"a price", says("PRICE?"), "pricing", bot.Outcome{Action: bot.Reply, Reason: `guard "pricing" fired`, Prompt: "pricing"}},
		{"anything else", says("Hi"), "default", bot.Outcome{Action: bot.Reply, Reason: "no guard fired"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if v := s.Judge(conv(tt.about)); v.Guard != tt.guard || v.Outcome != tt.want {
				t.Errorf("got %+v", v)
			}
		})
	}
}

// A Set is shared by all workers; the race detector watches.
func TestConcurrentJudging(t *testing.T) {
	s := load(t, Options{}, "guards:", guardLine("it", `any(texts, lower(#) matches "refund") or tagged("VIP")`, bot.Skip))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 100 {
				if v := s.Judge(conv(says("REFUND"))); v.Guard != "it" {
					t.Errorf("got %+v", v)
				}
			}
		})
	}
	wg.Wait()
}
