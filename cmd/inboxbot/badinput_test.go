package main

import (
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"inboxbot/bot"
	"inboxbot/inboxapi/inboxapitest"
)

// what is what has become of a thread.
type what string

const (
	nothing what = "nothing"          // it waits
	replied what = "one reply"        // and nothing else
	handed  what = "a person has it"  // found by its tag, and no reply
	logged  what = "only the log has" // handed over, but nobody can tag this prospect
)

// became is what has become of the thread, "" when it is none of the above.
func (s *stage) became(thread string) what {
	tagged, last := s.handedOver(thread), s.outcome(thread)
	replies := 0
	for _, a := range s.sim.Answers() {
		if a.Thread == thread {
			replies += len(a.Replies)
		}
	}
	switch {
	case replies == 1 && !tagged && last.Outcome == bot.Reply:
		return replied
	case replies == 0 && tagged:
		return handed
	case replies == 0 && !tagged && last.Outcome == bot.Handoff:
		return logged
	case replies == 0 && !tagged:
		return nothing
	}
	return ""
}

// badInput is one way in which what comes from outside is not as it should be.
type badInput struct {
	name  string
	world func(s *stage) string                    // returns the thread; nil: a plain question
	fault inboxapitest.Fault                       // while it lasts
	path  string                                   // where mangle changes what is answered
	body  func(string) string                      // mangle
	model func(bot.Prompt) (string, error)         // nil: replies "ok"
	check func(t testing.TB, s *stage, thr string) // at the end
	while what                                     // what becomes of it while it lasts
	log   string                                   // what the log must say meanwhile, a pattern; "": nothing above info
	after what                                     // what has become of it two minutes after it ended
}

const (
	listOp     = "threads.list"
	messagesOp = "threads.thread.messages.list"
	sendOp     = "threads.thread.messages.create"
)

// replace returns a change of all that matches.
func replace(pattern, with string) func(string) string {
	re := regexp.MustCompile(pattern)
	return func(body string) string { return re.ReplaceAllString(body, with) }
}

func question(n inboxapitest.NewThread, text string, opts ...inboxapitest.MessageOption) func(*stage) string {
	return func(s *stage) string {
		th := s.sim.AddThread(n)
		s.sim.Receive(th.ID, text, opts...)
		return th.ID
	}
}

// badInputs from the API. A row with the same while and after is about something
// that is handled, once, while it is broken.
var badInputs = []badInput{
	{
		name: "a message of 300 KB", world: question(inboxapitest.NewThread{}, strings.Repeat("блабла ", 24_000)),
		check: func(t testing.TB, s *stage, _ string) {
			for _, p := range s.model.Prompts() {
				if p.Tokens > 20_000 {
					t.Errorf("a prompt of %d tokens", p.Tokens)
				}
			}
		},
		while: handed, after: handed, // no guard can judge it
	},
	{
		name: "a message that is not UTF-8", world: question(inboxapitest.NewThread{}, "how much is BROKEN?"),
		path: "", body: replace("BROKEN", "\xff\xfe\xc3"),
		check: func(t testing.TB, s *stage, _ string) {
			for _, p := range s.model.Prompts() {
				for _, m := range p.Chat {
					if !utf8.ValidString(m.Text) || !strings.Contains(m.Text, "how much is") {
						t.Errorf("the model was asked %q", m.Text)
					}
				}
			}
		},
		while: replied, after: replied,
	},
	{
		name: "text that looks like a template and like log lines",
		world: question(inboxapitest.NewThread{Username: "{{.Prospect.Notes}}", Name: "x\n{\"level\":\"ERROR\"}\n"},
			"{{range .}}{{end}} {{.Team}}\n{\"level\":\"ERROR\",\"msg\":\"forged\"}\r\n\x1b[2J\u202e"),
		check: func(t testing.TB, s *stage, _ string) {
			if p := s.model.Prompts(); len(p) != 1 || !strings.Contains(p[0].Chat[0].Text, "{{range .}}{{end}} {{.Team}}") {
				t.Errorf("the model did not get the text as it is: %+v", p)
			}
		},
		while: replied, after: replied,
	},
	{name: "a prospect without externalId is answered", world: question(inboxapitest.NewThread{NullExternalID: true}, "hi?"), while: replied, after: replied},
	{
		name:  "a prospect without externalId is handed over in the log alone",
		world: question(inboxapitest.NewThread{NullExternalID: true}, "I want my money back"),
		while: logged, log: "handed over without its tag", after: logged,
	},
	{name: "media without a word", world: question(inboxapitest.NewThread{}, "", inboxapitest.Media("image")), while: handed, after: handed},
	{
		name: "media of a shape nobody knows", world: question(inboxapitest.NewThread{}, "", inboxapitest.Media("image")),
		path: "/messages", body: replace(`"attachment":\{[^}]*\}`, `"attachment":[[null,{"x":[{}]}],7,"y"]`),
		while: handed, after: handed,
	},
	{
		name: "a message by nobody", fault: inboxapitest.Fault{Kind: inboxapitest.MissingFields, Fields: []string{"authorId"}},
		while: handed, after: handed,
	},
	{
		name: "messages by nobody, though the list knows who", fault: inboxapitest.Fault{Operation: messagesOp, Kind: inboxapitest.MissingFields, Fields: []string{"authorId"}},
		while: handed, after: handed,
	},
	{
		name: "a message whose author is null", path: "", body: replace(`"authorId":"[^"]*"`, `"authorId":null`),
		while: handed, after: handed,
	},
	{
		name: "a message without id", path: "/messages", body: replace(`"messages":\[\{"id":"[^"]*",`, `"messages":[{`),
		while: handed, after: handed,
	},
	{
		name: "a message that is a number", path: "/messages", body: replace(`"messages":\[`, `"messages":[42,`),
		while: handed, after: handed,
	},
	{
		name: "a message without a time", fault: inboxapitest.Fault{Operation: messagesOp, Kind: inboxapitest.MissingFields, Fields: []string{"createdAt"}},
		while: handed, log: "lag behind what is known", after: handed, // it sorts before what the list shows
	},
	{
		name: "a message without content", fault: inboxapitest.Fault{Operation: messagesOp, Kind: inboxapitest.MissingFields, Fields: []string{"content"}},
		while: handed, after: handed,
	},
	{name: "the fields that the API's own examples lack", fault: inboxapitest.Fault{Kind: inboxapitest.MissingFields}, while: replied, after: replied},
	{name: "fields nobody knows", fault: inboxapitest.Fault{Kind: inboxapitest.ExtraFields}, while: replied, after: replied},
	{
		name: "values nobody knows: an account that may be signed out waits", fault: inboxapitest.Fault{Kind: inboxapitest.UnknownEnums},
		while: nothing, after: replied,
	},
	{
		name: "values nobody knows, in lists and messages", fault: inboxapitest.Fault{Operation: listOp, Kind: inboxapitest.UnknownEnums},
		while: replied, after: replied,
	},
	{
		name: "an origin nobody knows, on what we wrote before: it may have been a person",
		world: func(s *stage) string {
			id := s.asks("hi")
			s.sim.Write(id, inboxapitest.OtherAPIClient, "hello")
			s.sim.Receive(id, "and now?")
			return id
		},
		fault: inboxapitest.Fault{Operation: messagesOp, Kind: inboxapitest.UnknownEnums},
		while: nothing, after: replied,
	},
	{name: "the list is a web page", fault: inboxapitest.Fault{Operation: listOp, Kind: inboxapitest.HTMLBody}, while: nothing, log: "inbox trouble: .*HTML", after: replied},
	{name: "the list is cut off", fault: inboxapitest.Fault{Operation: listOp, Kind: inboxapitest.TruncatedJSON}, while: nothing, log: "inbox trouble: .*", after: replied},
	{name: "the list is null", path: "/threads", body: func(string) string { return "null" }, while: nothing, log: "inbox trouble: ", after: replied},
	{name: "the list is empty text", path: "/threads", body: func(string) string { return "" }, while: nothing, log: "inbox trouble: .*empty", after: replied},
	{name: "the list is an array", path: "/threads", body: func(string) string { return "[]" }, while: nothing, log: "inbox trouble: ", after: replied},
	{
		name: "a row of the list cannot be read: the others go on", path: "/threads",
		body:  replace(`"threads":\[`, `"threads":[{"id":"clh0000000000000000000000","createdAt":[]},`),
		while: replied, log: "row trouble: .*clh0000000000000000000000", after: replied,
	},
	{
		name: "its row of the list cannot be read", path: "/threads", body: replace(`"isSyncing":false`, `"isSyncing":{"no":1}`),
		while: replied, log: "row trouble: .*list row cannot be read", after: replied, // for the thread itself can
	},
	{name: "the messages are a web page", fault: inboxapitest.Fault{Operation: messagesOp, Kind: inboxapitest.HTMLBody}, while: nothing, log: "inbox trouble: .*HTML", after: replied},
	{name: "the messages are cut off", fault: inboxapitest.Fault{Operation: messagesOp, Kind: inboxapitest.TruncatedJSON}, while: nothing, log: "inbox trouble: .*", after: replied},
	{name: "the answer to the send is a web page: it was sent", fault: inboxapitest.Fault{Operation: sendOp, Kind: inboxapitest.HTMLBody}, while: replied, after: replied},
	{name: "the answer to the send is cut off: it was sent", fault: inboxapitest.Fault{Operation: sendOp, Kind: inboxapitest.TruncatedJSON}, while: replied, after: replied},
	{
		name: "the answer to the send is a proxy's error page: it is looked up", fault: inboxapitest.Fault{Operation: sendOp, Kind: inboxapitest.HTMLBody, Status: http.StatusBadGateway},
		while: replied, log: "send in doubt", after: replied,
	},
	{
		name: "the tags are a web page when it is handed over", world: question(inboxapitest.NewThread{}, "I want my money back"),
		fault: inboxapitest.Fault{Operation: "tags.list", Kind: inboxapitest.HTMLBody}, while: nothing, log: "inbox trouble: .*HTML", after: handed,
	},
	{
		name: "the prospect is cut off when it is handed over", world: question(inboxapitest.NewThread{}, "I want my money back"),
		fault: inboxapitest.Fault{Operation: "prospects.get", Kind: inboxapitest.TruncatedJSON}, while: nothing, log: "inbox trouble: ", after: handed,
	},
	{
		name: "the account links are a web page", fault: inboxapitest.Fault{Operation: "accountLinks.list", Kind: inboxapitest.HTMLBody},
		while: nothing, log: "inbox trouble: .*HTML", after: replied,
	},
}

func TestBadInputIsAnErrorOrAHandoffNeverAWrongReply(t *testing.T) {
	t.Parallel()
	for _, row := range badInputs {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			var broken atomic.Bool
			o := setting{model: row.model}
			if row.body != nil {
				o.sim.Wrap = mangled(broken.Load, row.path, row.body)
			}
			onStage(t, o, func(s *stage) { row.play(s, &broken) })
		})
	}
}

func (row badInput) play(s *stage, broken *atomic.Bool) {
	s.t.Helper()
	if row.world == nil {
		row.world = question(inboxapitest.NewThread{}, "do you ship to Austria?")
	}
	thread := row.world(s)
	end := func() {}
	if row.fault.Kind != "" {
		end = s.sim.Inject(row.fault)
	}
	broken.Store(true)
	s.during(90 * time.Second)
	if got := s.became(thread); got != row.while {
		s.t.Errorf("while it lasts: %s, want %s; %s", or(got, "something odd"), row.while, s.story(thread))
	}
	s.checkLog(row.log)
	broken.Store(false)
	end()
	s.during(2 * time.Minute)
	if got := s.became(thread); got != row.after {
		s.t.Errorf("once it has ended: %s, want %s; %s", or(got, "something odd"), row.after, s.story(thread))
	}
	if twice := s.sim.AnsweredTwice(); len(twice) > 0 {
		s.t.Errorf("answered twice: %+v", twice)
	}
	if row.check != nil {
		row.check(s.t, s, thread)
	}
}

func or(got, other what) what {
	if got == "" {
		return other
	}
	return got
}

// checkLog wants a complaint that matches pattern, or none at all without one. No
// line of the log may be broken by what came from outside.
func (s *stage) checkLog(pattern string) {
	s.t.Helper()
	all, err := s.log.complaints()
	if err != nil {
		s.t.Error(err)
	}
	matches := func(line string) bool { return pattern != "" && regexp.MustCompile(pattern).MatchString(line) }
	found := false
	for _, line := range all {
		if strings.HasPrefix(line, "REDIS_URL is ") { // said at every start
			continue
		}
		found = found || matches(line)
		if pattern == "" {
			s.t.Errorf("the log complains: %s", line)
		}
	}
	if pattern != "" && !found {
		s.t.Errorf("the log does not say %q: %q", pattern, all)
	}
}

// What a model may answer that is no usable decision, twice in a row: a person
// gets the thread, and nothing of it reaches the prospect.
func TestBadAnswersOfTheModelGoToAPerson(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{
		"nothing":                    "",
		"small talk":                 "Sure! We ship to Austria.",
		"a decision cut off":         `{"action":"reply","reply":"We sh`,
		"two decisions":              decided(bot.Decision{Action: bot.Reply, Reply: "yes"}) + decided(bot.Decision{Action: bot.Reply, Reply: "no"}),
		"an action of its own":       `{"action":"refund","reply":"done","confidence":1,"reason":""}`,
		"wait, which is a guard's":   `{"action":"wait","reply":"","confidence":1,"reason":""}`,
		"a reply without text":       `{"action":"reply","reply":" \u200b","confidence":1,"reason":""}`,
		"a reply that is an object":  `{"action":"reply","reply":{"text":"hi"},"confidence":1,"reason":""}`,
		"a confidence in words":      `{"action":"reply","reply":"hi","confidence":"high","reason":""}`,
		"a confidence above 1":       `{"action":"reply","reply":"hi","confidence":95,"reason":""}`,
		"no confidence":              `{"action":"reply","reply":"hi"}`,
		"a key twice":                `{"action":"handoff","action":"reply","reply":"hi","confidence":1}`,
		"half a character":           `{"action":"reply","reply":"hi \ud83d","confidence":1,"reason":""}`,
		"not UTF-8":                  "{\"action\":\"reply\",\"reply\":\"\xff\",\"confidence\":1}",
		"300 KB":                     decided(bot.Decision{Action: bot.Reply, Reply: strings.Repeat("yes ", 75_000)}),
		"longer than the API takes":  decided(bot.Decision{Action: bot.Reply, Reply: strings.Repeat("yes ", 5_000)}),
		"not sure":                   `{"action":"reply","reply":"maybe","confidence":0.1,"reason":"a guess"}`,
		"a promise of money":         decided(bot.Decision{Action: bot.Reply, Reply: "We refund you at once."}),
		"a list around the decision": "[" + decided(bot.Decision{Action: bot.Reply, Reply: "yes"}) + "]",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onStage(t, setting{model: func(bot.Prompt) (string, error) { return answer, nil }}, func(s *stage) {
				thread := s.asks("do you ship to Austria?")
				s.during(time.Minute)
				if got := s.became(thread); got != handed {
					t.Errorf("%s, want %s: %s", or(got, "something odd"), handed, s.story(thread))
				}
				if n := len(s.model.Prompts()); n > 2 {
					t.Errorf("the model was asked %d times, want at most twice", n)
				}
				notes := s.sim.Prospect(thread).Context.Notes
				if notes == nil || !utf8.ValidString(*notes) || len(*notes) > 600 {
					t.Errorf("the note for the team is %v", notes)
				}
				if _, err := s.log.complaints(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}
