package inboxapitest_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"inboxbot/inboxapi"
	"inboxbot/inboxapi/inboxapitest"
)

// A story is told in words: "<x" the prospect writes x, ">x" a request sends x,
// "~x" a request sends x that is stored a minute after it, "!x" a person in X
// writes x, "-" deletes the newest message, "." lets two minutes pass.
func tell(s *inboxapitest.Server, a api, id, story string) {
	for step := range strings.FieldsSeq(story) {
		switch text := step[1:]; step[0] {
		case '<':
			s.Receive(id, text)
		case '>':
			a.send(id, text)
		case '~':
			s.Inject(inboxapitest.Fault{Kind: inboxapitest.LateCommit, Delay: time.Minute, Times: 1})
			a.send(id, text)
		case '!':
			s.Write(id, inboxapitest.PersonInX, text)
		case '-':
			transcript := s.Transcript(id)
			s.DeleteMessage(id, transcript[len(transcript)-1].ID)
		case '.':
			time.Sleep(2 * time.Minute)
		}
	}
}

func TestAnswers(t *testing.T) {
	for name, tt := range map[string]struct {
		story      string
		want       string // inbound:replies/between for each
		twice      string
		unanswered bool
	}{
		"nothing said":                    {"", "", "", false},
		"waiting":                         {"<a", "a:/0", "", true},
		"answered":                        {"<a >1", "a:1/1", "", false},
		"a burst, answered once":          {"<a <b <c >1", "a:/0 b:/0 c:1/1", "", false},
		"each answered":                   {"<a >1 <b >2", "a:1/1 b:2/1", "", false},
		"answered twice":                  {"<a >1 >2", "a:12/2", "a", false},
		"late, but still before the next": {"<a ~1 . <b", "a:1/1 b:/0", "", true},
		"late, after the next":            {"<a ~1 <b .", "a:1/0 b:/1", "", false},
		"late, and the next answered":     {"<a ~1 <b . >2", "a:1/0 b:2/2", "", false},
		"late, and sent again":            {"<a ~1 >1 .", "a:11/2", "a", false},
		"by a person":                     {"<a !1", "a:/0", "", false},
		"by a person and by us":           {"<a !1 >2", "a:2/1", "", false},
		"the answer was deleted":          {"<a >1 -", "a:1/1", "", true},
		"the question was deleted":        {"<a -", "a:/0", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, inboxapitest.Options{}, func(s *inboxapitest.Server, a api) {
				id := s.AddThread(inboxapitest.NewThread{}).ID
				tell(s, a, id, tt.story)
				var got, twice []string
				for _, answer := range s.Answers() {
					row := answer.Inbound.Content + ":"
					for _, m := range answer.Replies {
						row += m.Content
					}
					got = append(got, row+"/"+string(rune('0'+answer.Between)))
				}
				for _, answer := range s.AnsweredTwice() {
					twice = append(twice, answer.Inbound.Content)
				}
				if strings.Join(got, " ") != tt.want || strings.Join(twice, " ") != tt.twice {
					t.Errorf("got %q, twice %q, want %q, twice %q", got, twice, tt.want, tt.twice)
				}
				if got := len(s.Unanswered()) == 1; got != tt.unanswered {
					t.Errorf("unanswered %v, want %v", got, tt.unanswered)
				}
			})
		})
	}
}

func TestLog(t *testing.T) {
	s, a, id := waiting(t, inboxapitest.Options{})
	sent := decode[inboxapi.Message](a, a.send(id, "hello"))
	a.do("GET", "/threads?inbox=default", "")
	a.do("GET", "/threads/nobody", "")
	a.do("GET", "/nothing", "")
	want := []inboxapitest.Request{
		{Operation: "threads.thread.messages.create", ThreadID: id, MessageID: sent.ID, Status: 200, Persisted: true},
		{Operation: "threads.list", Status: 200},
		{Operation: "threads.thread.get", ThreadID: "nobody", Status: 404},
		{Status: 404},
	}
	got := s.Log()
	for i := range got {
		if got[i].At.IsZero() {
			t.Error("no time")
		}
		got[i].At = time.Time{}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	s.ResetCounts()
	if len(s.Log())+len(s.Requests())+s.Rejected() != 0 {
		t.Error("counts are left after ResetCounts")
	}
}

// Hooks may use the Server: the demo's prospects answer from one.
func TestOnSend(t *testing.T) {
	s, a, id := waiting(t, inboxapitest.Options{})
	var seen []string
	s.OnSend(func(thread inboxapi.Thread, m inboxapi.Message) {
		seen = append(seen, thread.ID+" "+m.Content+" "+thread.LastMessage.Content)
		s.Receive(thread.ID, "thanks")
	})
	a.send(id, "12 euros")
	s.Write(id, inboxapitest.PersonInInbox, "or less")
	if want := []string{id + " 12 euros 12 euros"}; !slices.Equal(seen, want) {
		t.Errorf("got %q, want %q", seen, want)
	}
	if got := s.Transcript(id); len(got) != 4 || got[2].Content != "thanks" {
		t.Errorf("%d messages", len(got))
	}
}

func TestEvents(t *testing.T) {
	inBubble(t, inboxapitest.Options{}, func(s *inboxapitest.Server, a api) {
		thread := s.AddThread(inboxapitest.NewThread{})
		s.Receive(thread.ID, "hi")
		a.send(thread.ID, "hello")
		s.TagProspect(thread.ID, "VIP")
		s.TagProspect(thread.ID, "VIP") // no change, no event
		s.Archive(thread.ID, true)
		type page struct {
			Events  []inboxapi.Event
			HasMore bool
			LastSeq *int64
		}
		all := get[page](a, "/events")
		var kinds []string
		for _, e := range all.Events {
			kinds = append(kinds, e.Type)
		}
		want := []string{
			"prospect.created", "thread.created", "message.created", "message.created", "prospect.tagsChanged", "thread.archived",
		}
		if !slices.Equal(kinds, want) || all.HasMore || *all.LastSeq != all.Events[5].Seq {
			t.Errorf("got %q, more %v, last %d", kinds, all.HasMore, *all.LastSeq)
		}
		// Events name the prospect by X's user ID, unlike everything else.
		if data := string(all.Events[2].Data); !strings.Contains(data, `"authorId":"`+thread.Prospect.PlatformID+`"`) {
			t.Errorf("inbound event: %s", data)
		}
		some := get[page](a, "/events?limit=2&afterSeq=2")
		if len(some.Events) != 2 || some.Events[0].Seq != 3 || !some.HasMore || *some.LastSeq != 4 {
			t.Errorf("two after 2: %+v", some)
		}
		if none := get[page](a, "/events?afterSeq=6"); len(none.Events) != 0 || none.HasMore || none.LastSeq != nil {
			t.Errorf("after the last: %+v", none)
		}
		time.Sleep(7*24*time.Hour + time.Millisecond)
		if gone := get[page](a, "/events"); len(gone.Events) != 0 {
			t.Errorf("%d events are older than 7 days", len(gone.Events))
		}
	})
}

// Everything at once, for the race detector and for whoever counts: nothing is
// lost and nothing is stored twice.
func TestConcurrentUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := inboxapitest.New(inboxapitest.Options{Limits: inboxapitest.Limits{Minute: -1}})
		defer s.Close()
		a := api{t, s.HTTPClient()}
		const threads, rounds = 8, 20
		done := make(chan struct{})
		for range threads {
			id := s.AddThread(inboxapitest.NewThread{}).ID
			go func() {
				defer func() { done <- struct{}{} }()
				for range rounds {
					s.Receive(id, "question")
					if got := a.send(id, "answer"); got.status != 200 {
						t.Errorf("send: %d %s", got.status, got.body)
					}
					a.do("GET", "/threads?inbox=no-reply", "")
					a.do("GET", "/threads/"+id+"/messages", "")
					s.TagProspect(id, "VIP")
					s.Threads()
				}
			}()
		}
		for range threads {
			<-done
		}
		if n := len(s.Answers()); n != threads*rounds || len(s.AnsweredTwice()) != 0 || len(s.Unanswered()) != 0 {
			t.Errorf("%d questions, %d answered twice, %d unanswered", n, len(s.AnsweredTwice()), len(s.Unanswered()))
		}
	})
}
