package rules

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"inboxbot/bot"
	"inboxbot/inboxapi"
	"inboxbot/prompts"
)

// oneCase reads a file of one case that has no problem.
func oneCase(t testing.TB, lines ...string) Case {
	t.Helper()
	cases, err := LoadCases("case.yaml", []byte(strings.Join(lines, "\n")))
	if err != nil || len(cases) != 1 {
		t.Fatalf("%d cases, %v", len(cases), err)
	}
	return cases[0]
}

// given is a case with these lines below given.
func given(t testing.TB, lines ...string) Case {
	t.Helper()
	return oneCase(t, append(append([]string{"name: it", "given:"}, lines...), "expect: {outcome: reply}")...)
}

// TestGiven is what a case's keys make of the conversation, asked in the language
// of guards.
func TestGiven(t *testing.T) {
	for _, tt := range []struct{ given, when string }{
		{`  {}`, `now.Hour() == 12 and now.Weekday().String() == "Wednesday" and texts == [] and unanswered == 0`},
		{`  {}`, `account.online and account.username == "us" and prospect.username == "ann" and thread.id == "thread"`},
		{`  {}`, `not thread.assigned and not thread.request and now - thread.createdAt == duration("168h")`},
		{`  now: 2026-11-23T22:15:00`, `now.Hour() == 22 and now.Day() == 23`},
		{`  now: 2026-11-23 22:15`, `now.Hour() == 22 and now.Minute() == 15`},
		{`  now: 2026-11-23T22:15:00Z`, `now.Hour() == 23`}, // in Berlin
		{`  message: How much?`, `last.text == "How much?" and unanswered == 1 and waiting == duration("1m")`},
		{`  messages: [{text: a}, {text: b}]`, `texts == ["a", "b"] and waiting == duration("2m") and inbound == 2`},
		{`  messages: [{text: a, ago: 3h}, {from: us, text: b}, {text: c}]`, `texts == ["c"] and humanAgo == duration("2m") and outbound == 1 and replies == 0`},
		{`  messages: [{from: bot, text: b, ago: 1h}, {text: c}]`, `replies == 1 and repliesToday == 1 and humanAgo > duration("10000h")`},
		{`  messages: [{from: bot, text: b, ago: 30h}, {text: c}]`, `replies == 1 and repliesToday == 0`},
		{`  messages: [{from: campaign}, {from: api}, {text: c}]`, `outbound == 2 and replies == 0 and humanAgo > duration("10000h")`},
		{`  messages: [{from: person-x, ago: 2h}, {text: c}]`, `humanAgo == duration("2h")`},
		{`  messages: [{text: c, at: 2026-11-25T11:00:00}]`, `waiting == duration("1h")`},
		{`  messages: [{text: "", media: [image, video], edited: true}]`, `last.media == ["image", "video"] and last.edited and last.text == ""`},
		{`  {messages: [{from: bot}, {text: c}], repliesToday: 5}`, `repliesToday == 5 and replies == 1`},
		{`  {messages: [{from: bot}, {from: bot}, {text: c}], repliesToday: 1}`, `repliesToday == 1 and replies == 2`},
		{`  prospect: {username: bea, name: Bea, bio: b, location: Oslo, website: "https://x.no", notes: n}`, `prospect.username == "bea" and prospect.name == "Bea" and prospect.bio == "b" and prospect.location == "Oslo" and prospect.website endsWith ".no" and prospect.notes == "n"`},
		{`  prospect: {followers: 1200, following: 7, verified: true, protected: true, valuation: 99.5, status: Won}`, `prospect.followers == 1200 and prospect.following == 7 and prospect.verified and prospect.protected and prospect.valuation == 99.5 and prospect.status == "Won"`},
		{`  prospect: {tags: [VIP, "2027"]}`, `tagged("vip") and "2027" in prospect.tags`},
		{`  account: {username: acme, name: Acme, online: false}`, `account.username == "acme" and account.name == "Acme" and not account.online`},
		{`  account: {status: offline}`, `not account.online`},
		{`  thread: {assignee: robin@example.com}`, `thread.assigned and thread.assignee == "robin@example.com"`},
		{`  thread: {assigned: true}`, `thread.assigned and thread.assignee == ""`},
		{`  thread: {id: t9, request: true, syncing: true, encrypted: true, createdAt: 2026-11-25T10:00:00}`, `thread.id == "t9" and thread.request and thread.syncing and thread.encrypted and now - thread.createdAt == duration("2h")`},
		{`  {messages: [{text: a}, {text: b}], record: {state: handoff, message: 1}}`, `texts == ["b"]`},
		{`  {messages: [{text: a}, {text: b}], record: {state: waiting, message: 2}}`, `texts == ["a", "b"]`},
		{`  {messages: [{text: a}, {text: b}, {from: bot, text: to a}], record: {state: sent, message: 1, sent: 3}}`, `texts == ["b"]`}, // the reply was overtaken
	} {
		t.Run(tt.given, func(t *testing.T) {
			c := given(t, tt.given)
			s := load(t, Options{Timezone: zone(t, "Europe/Berlin")}, "guards:", guardLine("it", tt.when, bot.Skip), "default: reply")
			v := s.Judge(c.Conversation(s.zone))
			if v.Guard != "it" {
				t.Errorf("%s is not so: %+v\n%v", tt.when, v, s.Parts(c.Conversation(s.zone), nil, "it"))
			}
		})
	}
}

// TestGivenIsWhole fails when guards get a name that a case cannot give.
func TestGivenIsWhole(t *testing.T) {
	fromMessages := []string{"last", "waiting", "unanswered", "inbound", "outbound", "replies", "texts", "humanAgo"}
	elsewhere := append(fromMessages, "weekday") // of now
	keys, _ := keyed(reflect.ValueOf(Given{}))
	for f := range reflect.TypeFor[Env]().Fields() {
		name := f.Tag.Get("expr")
		if f.Type.Kind() != reflect.Func && !slices.Contains(keys, name) && !slices.Contains(elsewhere, name) {
			t.Errorf("no case can say what %s is", name)
		}
	}
	for _, of := range []struct{ env, given any }{{Prospect{}, CaseProspect{}}, {Account{}, CaseAccount{}}, {Message{}, CaseMessage{}}} {
		keys, _ := keyed(reflect.ValueOf(of.given))
		for _, name := range fieldNames(reflect.TypeOf(of.env)) {
			if !slices.Contains(keys, name) {
				t.Errorf("no case can say what %s of %T is", name, of.env)
			}
		}
	}
}

// TestWrittenCase is how a conversation reads when it is written down.
func TestWrittenCase(t *testing.T) {
	c := conv(says("first", "Do you ship?\nTo Norway, I mean"), hasTags("VIP", "#1"), func(c *bot.Conversation) {
		c.Thread.Prospect.Bio = new("true")
		c.Account.ID = "a"
		c.Record.Own = map[string]time.Time{"x": c.Turns[0].At}
		c.Turns = slices.Insert(c.Turns, 1, bot.Turn{ID: "x", Text: "yes?", At: c.Turns[0].At, Side: bot.SideOurs, Writer: bot.WriterBot})
	})
	got := NewCase("ships to Norway", c, bot.Verdict{Guard: "default", Outcome: bot.Outcome{Action: bot.Reply}})
	const want = `  - name: ships to Norway
    given:
      now: 2026-11-25T12:00:00Z
      prospect: {username: jane, name: Jane, bio: "true", tags: [VIP, "#1"]}
      account: {username: acme, name: Acme}
      thread: {id: t1, createdAt: 2026-11-23T12:00:00Z}
      messages:
        - {from: prospect, text: first, ago: 2m}
        - {from: bot, text: "yes?", ago: 2m}
        - from: prospect
          text: |-
            Do you ship?
            To Norway, I mean
          ago: 1m
    expect: {outcome: reply, guard: default}
`
	if s := string(got.ShortYAML()); s != want {
		t.Errorf("got:\n%s\nwant:\n%s", s, want)
	}
	whole := string(got.YAML())
	for _, line := range []string{"followers: 0", "verified: false", "request: false"} {
		if !strings.Contains(whole, line) {
			t.Errorf("no %q in\n%s", line, whole)
		}
	}
}

// TestCaseInSeconds is for people who read it: what is read back has whole seconds too.
func TestCaseInSeconds(t *testing.T) {
	c := conv(says("first", "Hi"), func(c *bot.Conversation) {
		c.Now = c.Now.Add(433874407)
		c.Thread.CreatedAt = c.Now.Add(-72 * time.Hour)
		c.Turns[0].At, c.Turns[1].At = c.Now.Add(-50*time.Hour), c.Now.Add(-611*time.Second-433874407)
		c.Record = bot.Record{State: bot.StateWaiting, MessageID: c.Turns[1].ID, MessageAt: c.Now, SeenAt: c.Now, EndedAt: c.Now}
	})
	exact := NewCase("t", c, bot.Verdict{Guard: "default"})
	before := string(exact.YAML())
	round := exact.InSeconds()
	yaml := string(round.YAML())
	if !strings.Contains(before, "433874407") || strings.Contains(yaml, ".") || !strings.Contains(yaml, "ago: 10m11s") {
		t.Errorf("before:\n%s\nin seconds:\n%s", before, yaml)
	}
	if again := string(exact.YAML()); again != before {
		t.Errorf("the exact one is changed:\n%s", again)
	}
	read, err := LoadCases("case.yaml", []byte(yaml))
	if err != nil || !reflect.DeepEqual(read[0].Given, round.Given) {
		t.Errorf("read back: %+v (%v)\nwritten: %+v", read, err, round)
	}
}

// TestUnlinkedCase is an account link that is gone but still has a status.
func TestUnlinkedCase(t *testing.T) {
	c := NewCase("gone", conv(says("Hi")), bot.Verdict{Guard: "account-offline"})
	for _, yaml := range [][]byte{c.YAML(), c.ShortYAML()} {
		cases, err := LoadCases("case.yaml", yaml)
		if err != nil || cases[0].Conversation(nil).Account.ID != "" {
			t.Errorf("%v\n%s", err, yaml)
		}
	}
}

// caseText is text as strangers write it, and as nobody does.
func caseText() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.String(),
		rapid.SampledFrom([]string{
			"", " ", "\n", "a\nb", " a\nb", "a \nb", "a\n\nb", "a\n", "# no comment", "- a\n- b", "key: value", "a: b\nc: d", "{{.Now}}", "'", `"`, `\`, "null", "~", "yes", "007", "1e3",
			"2026-01-01", "---\na", "a\n---\nb", "...", "%YAML", "&a", "*a", "!x", "|", ">", "a\tb", "\ta", "a\r\nb", "\ufeffa", "a\u2028b", "\u202eevil", "\x00\x1b[31m", "👩‍👩‍👧", "日本語\n日本", "[a, b]", "{a: b}", "a, b",
			"a #b", "a\n  indented\nback", "@a", "`a`", "?", "? a", ": a", "-", "<<", "=", "a:", ":a", "a\u00a0\nb", "𝒳\n𝒴",
		}),
		rapid.StringMatching(`([a-z#:'"\-{}\[\],&*!|>%@\\ ]{0,8}\n?){0,5}`),
	)
}

// anyConversation is one that has been read, as the bot makes them: turns in the
// order of time, IDs that are there and different.
func anyConversation() *rapid.Generator[*bot.Conversation] {
	return rapid.Custom(func(t *rapid.T) *bot.Conversation {
		text := func(name string) string { return strings.ToValidUTF8(caseText().Draw(t, name), "") }
		maybe := func(name string) *string { return known(text(name)) }
		when := func(name string) time.Time {
			return noon.Add(-time.Duration(rapid.Int64Range(0, int64(72*time.Hour)/1e6).Draw(t, name)) * time.Millisecond)
		}
		c := &bot.Conversation{Now: noon.Add(time.Millisecond), Read: true, More: rapid.Bool().Draw(t, "more")}
		c.Tags = rapid.SliceOfN(rapid.Map(caseText(), func(s string) string { return strings.ToValidUTF8(s, "") }), 0, 3).Draw(t, "tags")
		c.Status = text("status")
		c.Team = inboxapi.Team{Name: text("team"), Currency: text("currency")}
		c.Account = inboxapi.AccountLink{ID: "a", Username: text("account"), Name: text("account name"), Status: rapid.SampledFrom([]string{"active", "paused", "offline", "new"}).Draw(t, "online")}
		if rapid.IntRange(0, 9).Draw(t, "linked") == 0 {
			c.Account = inboxapi.AccountLink{} // what the bot has when the team has unlinked it
		}
		c.Thread = inboxapi.Thread{
			ID: text("thread"), IsRequest: rapid.Bool().Draw(t, "request"), IsSyncing: rapid.Bool().Draw(t, "syncing"),
			Variant: rapid.SampledFrom([]string{inboxapi.VariantXChat, inboxapi.VariantUnencrypted}).Draw(t, "variant"), CreatedAt: when("created"),
		}
		if rapid.Bool().Draw(t, "assigned") {
			c.Thread.AssigneeID, c.Assignee = new("m"), text("assignee")
		}
		c.Thread.Prospect = inboxapi.Prospect{
			PlatformID: "1" + text("id"), Username: text("username"), DisplayName: text("name"), Bio: maybe("bio"), Location: maybe("location"), WebsiteURL: maybe("website"),
			FollowerCount: float64(rapid.Uint32().Draw(t, "followers")), FollowingCount: float64(rapid.Uint32().Draw(t, "following")),
			Verified: rapid.SampledFrom([]string{"", "none", "business"}).Draw(t, "verified"), IsProtected: rapid.Bool().Draw(t, "protected"),
		}
		c.Thread.Prospect.Context = inboxapi.ProspectContext{Notes: maybe("notes"), Valuation: new(rapid.Float64().Draw(t, "valuation") + 0)}
		addTurns(t, c)
		return c
	})
}

// addTurns gives c turns, and a record about some of them.
func addTurns(t *rapid.T, c *bot.Conversation) {
	at := c.Now.Add(-time.Duration(rapid.Int64Range(0, int64(60*time.Hour)).Draw(t, "first")))
	for i := range rapid.IntRange(0, 8).Draw(t, "turns") {
		turn := bot.Turn{ID: fmt.Sprint("id", i), Text: strings.ToValidUTF8(caseText().Draw(t, "text"), ""), At: at, Edited: rapid.Bool().Draw(t, "edited"), Side: bot.SideProspect}
		turn.Media = rapid.SliceOfN(rapid.SampledFrom([]string{"image", "video", "x y"}), 0, 2).Draw(t, "media")
		switch side := rapid.IntRange(0, 9).Draw(t, "side"); {
		case side == 0:
			turn.Side = bot.SideUnknown
		case side < 5:
			turn.Side = bot.SideOurs
			turn.Writer = rapid.SampledFrom([]bot.Writer{bot.WriterBot, bot.WriterBot, bot.WriterAPI, bot.WriterPerson, bot.WriterPersonX, bot.WriterCampaign, bot.WriterUnsure}).Draw(t, "writer")
		}
		c.Turns = append(c.Turns, turn)
		at = at.Add(time.Duration(rapid.SampledFrom([]int64{0, 1, 1e6, 6e10, 36e11, 9e13}).Draw(t, "gap")))
	}
	id := func(name string) string {
		return rapid.SampledFrom([]string{"", "id0", "id1", "id2", "id3", "id4", "id5", "elsewhere"}).Draw(t, name)
	}
	written := func(name, id string) time.Time {
		for _, turn := range c.Turns {
			if turn.ID == id && rapid.IntRange(0, 4).Draw(t, "exact") > 0 {
				return turn.At
			}
		}
		return c.Now.Add(-time.Duration(rapid.Int64Range(0, int64(70*time.Hour)).Draw(t, name)))
	}
	r := &c.Record
	r.State = rapid.SampledFrom([]bot.State{bot.StateNone, bot.StateWaiting, bot.StateIntent, bot.StateSent, bot.StateHandoff, bot.StateSkipped}).Draw(t, "state")
	r.MessageID, r.EndedID, r.SentID = id("message"), id("ended"), id("sent")
	r.MessageAt, r.EndedAt = written("message at", r.MessageID), written("ended at", r.EndedID)
	if n := len(c.Turns); n > 0 && rapid.Bool().Draw(t, "copied") {
		r.SentSum = bot.Fingerprint(c.Turns[rapid.IntRange(0, n-1).Draw(t, "sum")].Text)
	}
	r.Own = map[string]time.Time{}
	for i := range rapid.IntRange(0, 4).Draw(t, "own") {
		r.Own[fmt.Sprint("id", i)] = c.Now.Add(-time.Duration(rapid.Int64Range(0, int64(40*time.Hour)).Draw(t, "own at")))
	}
	r.Seen = rapid.SliceOfN(rapid.SampledFrom([]string{"VIP", "a b"}), 0, 2).Draw(t, "seen")
}

// same fails when two values differ that a case must keep.
func same(t *rapid.T, what string, got, want any) {
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s is %+v, was %+v", what, got, want)
	}
}

// TestCaseRoundTrip writes down any conversation, reads it back, and finds the
// same conversation: for guards, for prompts, and for the bot's own guards.
func TestCaseRoundTrip(t *testing.T) {
	s := load(t, Options{Timezone: zone(t, "Asia/Tokyo")}, "default: reply")
	templates := must(prompts.Load(prompts.Default(), "prompts", prompts.Options{Timezone: s.zone}))(t)
	rapid.Check(t, func(t *rapid.T) {
		c := anyConversation().Draw(t, "conversation")
		written := NewCase(caseText().Draw(t, "case"), c, s.Judge(c))
		for _, yaml := range [][]byte{written.YAML(), written.ShortYAML()} {
			read, err := LoadCases("case.yaml", yaml)
			if err != nil || len(read) != 1 {
				t.Fatalf("%v\n%s", err, yaml)
			}
			same(t, "name", read[0].Name, written.Name)
			same(t, "expectation", read[0].Expect, written.Expect)
			back := read[0].Conversation(s.zone)
			sameToGuards(t, s, back, c)
			got, gotErr := templates.Prompt(back, "", "default")
			want, wantErr := templates.Prompt(c, "", "default")
			same(t, "prompt", got, want)
			same(t, "prompt error", gotErr, wantErr)
			if t.Failed() {
				t.Logf("%s", yaml)
			}
		}
	})
}

// TestCasesJudgeAsTheBotDoes writes down what the bot decides about any conversation
// as a test of the shipped rules: it holds, by whichever guard that was, the bot's
// own included.
func TestCasesJudgeAsTheBotDoes(t *testing.T) {
	o := Options{Timezone: zone(t, "Asia/Tokyo")}
	gen := bot.Generation{Guards: must(Load("rules.yaml", Default(), o))(t)}
	cfg := bot.Config{Settle: -1}
	judge := func(c *bot.Conversation) bot.Verdict { return bot.Judge(cfg, gen, c) }
	decided := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		c := anyConversation().Draw(t, "conversation")
		if rapid.Bool().Draw(t, "for the authors") { // nothing keeps the bot out of it
			c.Account.ID, c.Account.Status, c.Record = "a", inboxapi.AccountActive, bot.Record{}
			c.Thread.IsRequest, c.Thread.IsSyncing, c.Thread.Variant = false, false, inboxapi.VariantUnencrypted
			text := rapid.SampledFrom([]string{"Do you ship?", "I want a refund", "", "THIS IS A SCAM"}).Draw(t, "asked")
			c.Turns = []bot.Turn{{ID: "id0", Text: text, At: c.Now.Add(-time.Minute), Side: bot.SideProspect}}
		}
		want := judge(c)
		entry := NewCase("found by chance", c, want).ShortYAML()
		s, err := Load("rules.yaml", slices.Concat(Default(), []byte("\n"), entry), o)
		if err != nil {
			t.Fatalf("%v\n%s", err, entry)
		}
		for _, f := range s.Test(Whole{Judge: judge, Review: s.afterDraft}) {
			if f.Case.Name == "found by chance" { // the authors' tests are about the authors' guards
				t.Errorf("%v\n%s", f, entry)
			}
		}
		decided[want.Guard]++
	})
	t.Log(decided)
	if decided["default"]+decided["money-back"]+decided["media-only"]+decided["angry"] == 0 || len(decided) < 4 {
		t.Errorf("only %v decided: that proves little", decided)
	}
}

// sameToGuards compares all that guards, and the bot's own guards, read.
func sameToGuards(t *rapid.T, s *Set, got, want *bot.Conversation) {
	a, b := s.env(got), s.env(want)
	va, vb := reflect.ValueOf(a), reflect.ValueOf(b)
	for i, name := range names(Env{}) {
		if f := va.Field(i); f.Kind() != reflect.Func {
			x, y := f.Interface(), vb.Field(i).Interface()
			if f.Kind() == reflect.Struct && f.Type() != timeType || f.Kind() == reflect.Slice {
				x, y = fmt.Sprintf("%+q", x), fmt.Sprintf("%+q", y) // nil lists are empty lists
			}
			same(t, name, x, y)
		}
	}
	same(t, "tags seen", fmt.Sprint(got.Record.Seen), fmt.Sprint(want.Record.Seen))
	same(t, "prospect", got.Thread.Prospect.PlatformID, want.Thread.Prospect.PlatformID)
	same(t, "linked", got.Account.ID == "", want.Account.ID == "")
	same(t, "account status", got.Account.Status, want.Account.Status)
	same(t, "state", got.Record.State, want.Record.State)
	same(t, "seen", got.Record.SeenAt.Equal(want.Record.SeenAt), true)
	same(t, "more", got.More, want.More)
	same(t, "turns", len(got.Turns), len(want.Turns))
	for i := range got.Turns {
		x, y := got.Turns[i], want.Turns[i]
		same(t, "text", x.Text, y.Text)
		same(t, "time", x.At.Equal(y.At), true)
		same(t, "author", []string{string(x.Side), string(x.Writer)}, []string{string(y.Side), string(y.Writer)})
	}
}

// FuzzCaseText puts a text wherever strangers and the team write; it comes back as
// it was, and nothing else changes.
func FuzzCaseText(f *testing.F) {
	for _, s := range []string{"", "a: b # c", "- a\n- b", "a\n\n  b\n", "\"'\\", "\x00\x1b[31m", "\ufeff", "a\r\nb", "{{.}} ${x} %s", "\u2028\u202e", "---", "a\n---\n...\nb", " x", "x ", "# x\ny", "\t"} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		a, b = strings.ToValidUTF8(a, "?"), strings.ToValidUTF8(b, "?")
		c := conv(says(a, b, a+"\n"+b), hasTags(a, b), func(c *bot.Conversation) {
			c.Turns[0].Media = []string{b}
			p := &c.Thread.Prospect
			p.Username, p.DisplayName, p.Bio, p.Context.Notes = b, a, new(a), new(b)
			c.Account.ID, c.Account.Name, c.Assignee, c.Thread.ID = "a", b, "", a
		})
		written := NewCase(a, c, bot.Verdict{Guard: "default", Outcome: bot.Outcome{Action: bot.Reply}})
		for _, yaml := range [][]byte{written.YAML(), written.ShortYAML()} {
			read, err := LoadCases("case.yaml", yaml)
			if err != nil || len(read) != 1 {
				t.Fatalf("%v\n%s", err, yaml)
			}
			if got := read[0]; got.Name != written.Name || !reflect.DeepEqual(got.Given, written.Given) || got.Expect != written.Expect {
				t.Errorf("read:\n%+v\nwritten:\n%+v\n%s", got, written, yaml)
			}
			if strings.ContainsAny(string(yaml), "\x00\x1b\r\u2028\u202e") {
				t.Errorf("control characters in %q", yaml)
			}
		}
	})
}
