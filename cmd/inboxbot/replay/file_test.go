package replay_test

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"inboxbot/bot"
	"inboxbot/cmd/inboxbot/replay"
)

// sample is the eight conversations of testdata.
func sample(t testing.TB) replay.Corpus {
	t.Helper()
	return fromFile(t, "testdata/conversations.jsonl")
}

func fromFile(t testing.TB, path string) replay.Corpus {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c, err := replay.ReadFile(path, f, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A conversation of one line, for rows.
func said(text string) string {
	return `{"id":"a","messages":[{"from":"prospect","text":"` + text + `"}]}`
}

func TestFileProblems(t *testing.T) {
	good := said("hi")
	for _, row := range []struct{ name, text, want string }{
		{"an empty file", "", `f.jsonl: no conversations in it: write one JSON object a line`},
		{"only blank lines", "\n \n", `f.jsonl: no conversations in it`},
		{"a table", "id,text\na,hi\n", `f.jsonl:1:1: not JSON: invalid character 'i' looking for beginning of value`},
		{"an array", "[" + good + "]", `f.jsonl:1:1: a JSON array: write one object a line; jq -c '.[]'`},
		{"a text", good + "\n\"hi\"\n", `f.jsonl:2: a JSON string: write one JSON object a line`},
		{"half a line", good + "\n" + `{"id":"b","messages":[{"from":"pros`, `f.jsonl:2:35: not JSON: unexpected end of JSON input`},
		{"a comma too many, counted in characters", `{"id":"äöü",}`, `f.jsonl:1:13: not JSON: invalid character '}'`},
		{"a number for an id", `{"id":7,"messages":[]}`, `f.jsonl:1: "id" is a JSON number, which it cannot be: it takes a text`},
		{"messages that are none", `{"id":"a","messages":"hi"}`, `f.jsonl:1: "messages" is a JSON string, which it cannot be: it takes a list`},
		{"no messages", `{"id":"a"}`, `f.jsonl:1: no messages: write "messages": [`},
		{"a message that is a text", `{"id":"a","messages":["hi"]}`, `f.jsonl:1: message 1: a JSON string`},
		{"a misspelt key", `{"id":"a","messages":[{"form":"us","text":"hi"}]}`, `f.jsonl:1: message 1: unknown key "form": a message has from, text, by, media and at`},
		{"a list of another kind", `{"id":"a","messages":[{"role":"user","content":"hi"}]}`, `f.jsonl:1: message 1: unknown key "role"`},
		{"nobody", `{"id":"a","messages":[{"text":"hi"}]}`, `f.jsonl:1: message 1: "from" is "": write "prospect" or "us"`},
		{"somebody else", `{"id":"a","messages":[{"from":"bot","text":"hi"}]}`, `"from" is "bot": write "prospect" or "us"`},
		{"who of us", `{"id":"a","messages":[{"from":"us","by":"robin","text":"hi"}]}`, `"by" is "robin": write "bot", "person" or "campaign"`},
		{"who of them", `{"id":"a","messages":[{"from":"prospect","by":"person","text":"hi"}]}`, `"by" says who of us wrote it`},
		{"nothing said", `{"id":"a","messages":[{"from":"us"}]}`, `f.jsonl:1: message 1: neither text nor media`},
		{"a date that is none", `{"id":"a","at":"yesterday","messages":[{"from":"us","text":"hi"}]}`, `f.jsonl:1: "at" is "yesterday": write a time such as 2026-03-03T14:05:00Z`},
		{"a number for a time", `{"id":"a","messages":[{"from":"us","text":"hi","at":1772546700}]}`, `f.jsonl:1: message 1: "at" is a JSON number, which it cannot be: it takes a text`},
		{"newest first", `{"id":"a","messages":[{"from":"us","text":"b","at":"2026-03-03T15:00:00Z"},{"from":"us","text":"a","at":"2026-03-03T14:00:00Z"}]}`, `f.jsonl:1: message 2: it is older than the one before: write the oldest first`},
		{"the same id", good + "\n\n" + good, `f.jsonl:3: the id "a" is that of line 1 already`},
		{"a huge line", good + "\n" + said(strings.Repeat("x", 9<<20)) + "\n" + `{"id":"b"}`, "f.jsonl:2: the line is longer than 8 MiB: write one conversation a line\nf.jsonl:3: no messages"},
		{"text that would forge a line", `{"id":"a","messages":[{"from":"x\nf.jsonl:9: ok","text":"hi"}]}`, `"from" is "x f.jsonl:9: ok"`},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := replay.ReadFile("f.jsonl", strings.NewReader(row.text), time.UTC)
			if _, ok := errors.AsType[replay.Problems](err); !ok {
				t.Fatalf("got %v, want problems", err)
			}
			if !strings.Contains(err.Error(), row.want) {
				t.Errorf("got  %s\nwant %s", err, row.want)
			}
		})
	}
}

func TestFileProblemsAreBounded(t *testing.T) {
	_, err := replay.ReadFile("f.jsonl", strings.NewReader(strings.Repeat("x\n", 1000)), time.UTC)
	if n := strings.Count(err.Error(), "\n") + 1; n != 20 {
		t.Errorf("%d problems are told, want the first 20", n)
	}
}

func TestAFileThatBreaksOff(t *testing.T) {
	broken := errors.New("disk on fire")
	_, err := replay.ReadFile("f.jsonl", io.MultiReader(strings.NewReader(said("hi")+"\n"), iotest.ErrReader(broken)), time.UTC)
	if !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
}

func TestTimesAndWriters(t *testing.T) {
	byID := map[string]*bot.Conversation{}
	for _, c := range sample(t).Past {
		byID[c.Thread.ID] = c
	}
	clock := func(id string, turn int) string { return byID[id].Turns[turn].At.Format("Mon 15:04 -0700") }
	for _, row := range []struct{ what, got, want string }{
		{"made up: a Tuesday afternoon", clock("shipping", 0), "Tue 14:00 +0000"},
		{"a minute apart", clock("shipping", 4), "Tue 14:04 +0000"},
		{"the conversation's own time", clock("robin", 0), "Sat 09:30 +0100"},
		{"and on from there", clock("robin", 2), "Sat 09:32 +0100"},
		{"the message's own time", clock("vip", 0), "Wed 18:20 +0000"},
		{"ours are the bot's", string(byID["shipping"].Turns[1].Writer), "bot"},
		{"unless the line says so", string(byID["robin"].Turns[1].Writer), "person"},
		{"a campaign", string(byID["campaign"].Turns[0].Writer), "campaign"},
		{"a name on X", byID["vip"].Thread.Prospect.Username, "nadia_events"},
		{"a tag", strings.Join(byID["vip"].Tags, ","), "VIP"},
	} {
		if row.got != row.want {
			t.Errorf("%s: got %q, want %q", row.what, row.got, row.want)
		}
	}
}

func FuzzReadFile(f *testing.F) {
	sample, err := os.ReadFile("testdata/conversations.jsonl")
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{string(sample), said("hi"), "[]", "{", "\ufeff" + said("hi") + "\r\n", `{"id":null,"messages":[null]}`, `{"messages":[{"from":"us","text":"a","at":"0000-01-01T00:00:00Z"}]}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := replay.ReadFile("f", strings.NewReader(text), time.UTC)
		if (err == nil) == (len(c.Past) == 0) {
			t.Fatalf("%d conversations and the error %v", len(c.Past), err)
		}
		if err != nil {
			return
		}
		for _, conv := range c.Past {
			for i, turn := range conv.Turns {
				if i > 0 && turn.At.Before(conv.Turns[i-1].At) {
					t.Errorf("%s: turn %d is older than the one before", conv.Thread.ID, i)
				}
			}
		}
	})
}
