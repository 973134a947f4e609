package inboxapitest_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"inboxbot/inboxapi"
	"inboxbot/inboxapi/inboxapitest"
)

const sending = "threads.thread.messages.create"

// What a send shows its client under every fault, and whether the message is there
// at once and a minute later.
func TestSendFaults(t *testing.T) {
	const reset, timeout = "reset", "timeout"
	for name, tt := range map[string]struct {
		fault      inboxapitest.Fault
		want       string // status, or how it failed
		now, later int    // messages of ours in the thread
		took       time.Duration
	}{
		"no fault":              {inboxapitest.Fault{Operation: "team.get", Kind: inboxapitest.FailBefore}, "200", 1, 1, 0},
		"another thread's":      {inboxapitest.Fault{ThreadID: "other", Kind: inboxapitest.FailBefore}, "200", 1, 1, 0},
		"fail before":           {inboxapitest.Fault{Kind: inboxapitest.FailBefore}, "500", 0, 0, 0},
		"refused":               {inboxapitest.Fault{Kind: inboxapitest.FailBefore, Status: 422}, "422", 0, 0, 0},
		"fail after":            {inboxapitest.Fault{Kind: inboxapitest.FailAfter, Status: 503}, "503", 1, 1, 0},
		"reset before":          {inboxapitest.Fault{Kind: inboxapitest.ResetBefore}, reset, 0, 0, 0},
		"reset after":           {inboxapitest.Fault{Kind: inboxapitest.ResetAfter}, reset, 1, 1, 0},
		"hang before":           {inboxapitest.Fault{Kind: inboxapitest.HangBefore}, timeout, 0, 0, 10 * time.Second},
		"hang after":            {inboxapitest.Fault{Kind: inboxapitest.HangAfter}, timeout, 1, 1, 10 * time.Second},
		"late commit":           {inboxapitest.Fault{Kind: inboxapitest.LateCommit, Delay: 20 * time.Second}, "500", 0, 1, 0},
		"late commit reset":     {inboxapitest.Fault{Kind: inboxapitest.LateCommitReset, Delay: 20 * time.Second}, reset, 0, 1, 0},
		"late commit hang":      {inboxapitest.Fault{Kind: inboxapitest.LateCommitHang, Delay: 20 * time.Second}, timeout, 0, 1, 10 * time.Second},
		"rate limit":            {inboxapitest.Fault{Kind: inboxapitest.RateLimit, Delay: time.Hour}, "429", 0, 0, 0},
		"slow":                  {inboxapitest.Fault{Kind: inboxapitest.Slow, Delay: 3 * time.Second}, "200", 1, 1, 3 * time.Second},
		"too slow":              {inboxapitest.Fault{Kind: inboxapitest.Slow, Delay: 30 * time.Second}, timeout, 0, 0, 10 * time.Second},
		"slow after":            {inboxapitest.Fault{Kind: inboxapitest.SlowAfter, Delay: 3 * time.Second}, "200", 1, 1, 3 * time.Second},
		"too slow after":        {inboxapitest.Fault{Kind: inboxapitest.SlowAfter, Delay: 30 * time.Second}, timeout, 1, 1, 10 * time.Second},
		"a page instead of it":  {inboxapitest.Fault{Kind: inboxapitest.HTMLBody}, "200", 1, 1, 0},
		"a gateway's page":      {inboxapitest.Fault{Kind: inboxapitest.HTMLBody, Status: 502}, "502", 1, 1, 0},
		"half an answer":        {inboxapitest.Fault{Kind: inboxapitest.TruncatedJSON}, "200", 1, 1, 0},
		"an answer with extras": {inboxapitest.Fault{Kind: inboxapitest.ExtraFields}, "200", 1, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, inboxapitest.Options{}, func(s *inboxapitest.Server, a api) {
				id := s.AddThread(inboxapitest.NewThread{}).ID
				s.Receive(id, "hi")
				s.Inject(tt.fault)
				a.http.Timeout = 10 * time.Second
				begin := time.Now()
				got, err := a.try("POST", "/threads/"+id+"/messages", content("hello"))
				if outcome(got, err) != tt.want {
					t.Errorf("got %v %v, want %s", got, err, tt.want)
				}
				if took := time.Since(begin); took != tt.took {
					t.Errorf("took %v, want %v", took, tt.took)
				}
				synctest.Wait()
				if n := len(s.Transcript(id)) - 1; n != tt.now {
					t.Errorf("%d messages at once, want %d", n, tt.now)
				}
				time.Sleep(time.Minute)
				if n := len(s.Transcript(id)) - 1; n != tt.later {
					t.Errorf("%d messages later, want %d", n, tt.later)
				}
				entry := s.Log()[0]
				if entry.Persisted != (tt.later == 1) || (entry.MessageID != "") != entry.Persisted {
					t.Errorf("log: %+v", entry)
				}
				if answered := entry.Status != 0; answered != (err == nil) {
					t.Errorf("log: status %d, client %v", entry.Status, err)
				}
			})
		})
	}
}

// outcome is what a client can tell about a request.
func outcome(got answer, err error) string {
	switch netErr := net.Error(nil); {
	case errors.Is(err, syscall.ECONNRESET):
		return "reset"
	case errors.As(err, &netErr) && netErr.Timeout():
		return "timeout"
	case err != nil:
		return err.Error()
	}
	return strconv.Itoa(got.status)
}

// Faults happen so many times, by chance, until removed, and again alike with the
// same seed.
func TestWhenFaultsHappen(t *testing.T) {
	pattern := func(seed uint64, faults ...inboxapitest.Fault) string {
		s, a := startFreely(t, inboxapitest.Options{Seed: seed})
		for _, f := range faults {
			s.Inject(f)
		}
		var got strings.Builder
		for range 40 {
			if a.do("GET", "/team", "").status == 200 {
				got.WriteByte('.')
			} else {
				got.WriteByte('x')
			}
		}
		return got.String()
	}
	if got := pattern(1, inboxapitest.Fault{Kind: inboxapitest.FailBefore, Times: 3}); got != "xxx"+strings.Repeat(".", 37) {
		t.Errorf("three times: %s", got)
	}
	half := inboxapitest.Fault{Kind: inboxapitest.FailBefore, Probability: .5}
	once := pattern(1, half)
	if n := strings.Count(once, "x"); n < 10 || n > 30 {
		t.Errorf("half of the time: %s", once)
	}
	if again := pattern(1, half); again != once {
		t.Errorf("the same seed: %s, then %s", once, again)
	}
	if other := pattern(2, half); other == once {
		t.Errorf("another seed: %s again", other)
	}
	half.Times = 2
	if got := pattern(1, half); strings.Count(got, "x") != 2 || got[:2] == "xx" && once[:2] != "xx" {
		t.Errorf("twice by chance: %s", got)
	}

	s, a := startFreely(t, inboxapitest.Options{})
	remove := s.Inject(inboxapitest.Fault{Kind: inboxapitest.FailBefore})
	if got := a.do("GET", "/team", ""); got.status != 500 {
		t.Errorf("injected: %d", got.status)
	}
	remove()
	remove()
	if got := a.do("GET", "/team", ""); got.status != 200 {
		t.Errorf("removed: %d", got.status)
	}
	s.Inject(inboxapitest.Fault{Kind: inboxapitest.FailBefore})
	s.ClearFaults()
	if got := a.do("GET", "/team", ""); got.status != 200 {
		t.Errorf("cleared: %d", got.status)
	}
}

// A fault that could never happen is a mistake in the test, as is a name that is
// nowhere.
func TestMistakesInTests(t *testing.T) {
	s, _, id := waiting(t, inboxapitest.Options{})
	for name, f := range map[string]func(){
		"operation":    func() { s.Inject(inboxapitest.Fault{Operation: "threads.send", Kind: inboxapitest.FailBefore}) },
		"kind":         func() { s.Inject(inboxapitest.Fault{}) },
		"thread":       func() { s.Receive("nobody", "hi") },
		"message":      func() { s.EditMessage(id, "nothing", "hi") },
		"member":       func() { s.Assign(id, "nobody@example.com") },
		"account link": func() { s.AddThread(inboxapitest.NewThread{Account: "nobody"}) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if r, ok := recover().(string); !ok || !strings.HasPrefix(r, "inboxapitest: no "+name) {
					t.Errorf("panic %q", r)
				}
			}()
			f()
		})
	}
	if _, err := s.Dial(t.Context(), "tcp", "anywhere"); err != nil {
		t.Errorf("the Server is of no use after a mistake: %v", err)
	}
}

func TestRateLimitFault(t *testing.T) {
	s, a := startFreely(t, inboxapitest.Options{})
	s.Inject(inboxapitest.Fault{Kind: inboxapitest.RateLimit, Delay: 3599_500 * time.Millisecond, Times: 1})
	got := a.do("GET", "/team", "")
	if got.status != 429 || got.header.Get("Retry-After") != "3600" || s.Rejected() != 1 {
		t.Errorf("got %d, Retry-After %s, rejected %d", got.status, got.header.Get("Retry-After"), s.Rejected())
	}
	if log := s.Log(); log[0].Fault != inboxapitest.RateLimit {
		t.Errorf("log: %+v", log)
	}
}

// A lagging list is the list as it was: rows, order and view.
func TestLaggingList(t *testing.T) {
	inBubble(t, inboxapitest.Options{}, func(s *inboxapitest.Server, a api) {
		first := s.AddThread(inboxapitest.NewThread{Username: "first"}).ID
		s.Receive(first, "one")
		time.Sleep(time.Second)
		second := s.AddThread(inboxapitest.NewThread{Username: "second"}).ID
		s.Receive(second, "two")
		time.Sleep(time.Minute)
		s.Write(second, inboxapitest.PersonInX, "answered")
		time.Sleep(time.Second)
		s.Receive(first, "three")
		s.Receive(s.AddThread(inboxapitest.NewThread{}).ID, "new")
		shown := func(view string) string {
			var rows []string
			for _, row := range get[threadPage](a, "/threads?limit=2&inbox="+view).Threads {
				rows = append(rows, row.LastMessage.Content)
			}
			return strings.Join(rows, " ")
		}
		if got := shown("no-reply"); got != "new three" {
			t.Errorf("truth: %s", got)
		}
		s.Inject(inboxapitest.Fault{Operation: "threads.list", Kind: inboxapitest.LaggingList, Delay: 30 * time.Second})
		if got := shown("no-reply"); got != "two one" {
			t.Errorf("30 s ago: %s", got)
		}
		if got := get[inboxapi.Thread](a, "/threads/"+first).LastMessage.Content; got != "three" {
			t.Errorf("the thread itself lags: %s", got)
		}
		ids, _ := walk(a, "/threads?inbox=default", 1)
		if len(ids) != 2 || ids[0] != second || ids[1] != first {
			t.Errorf("pages of the lagging list: %v", ids)
		}
	})
}

func TestStaleMessages(t *testing.T) {
	inBubble(t, inboxapitest.Options{}, func(s *inboxapitest.Server, a api) {
		id := s.AddThread(inboxapitest.NewThread{}).ID
		s.Receive(id, "one")
		time.Sleep(time.Minute)
		s.Receive(id, "two")
		s.Inject(inboxapitest.Fault{Kind: inboxapitest.StaleMessages, Delay: 10 * time.Second, Times: 1})
		for _, want := range []string{"one", "two"} {
			if got := get[messagePage](a, "/threads/"+id+"/messages").Messages[0].Content; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		}
	})
}

func TestDuplicateRow(t *testing.T) {
	s, a := startFreely(t, inboxapitest.Options{})
	var id string
	for range 4 {
		id = s.AddThread(inboxapitest.NewThread{}).ID
	}
	for range 4 {
		s.Receive(id, "hi")
	}
	s.Inject(inboxapitest.Fault{Kind: inboxapitest.DuplicateRow})
	ids, pages := walk(a, "/threads?inbox=default", 2)
	if len(ids) != 6 || pages != 3 || ids[1] != ids[2] || ids[3] != ids[4] {
		t.Errorf("threads: %v on %d pages", ids, pages)
	}
	if ids, pages := walk(a, "/threads?inbox=default", 1); len(ids) != 4 || pages != 4 {
		t.Errorf("a walk by single rows must end: %v on %d pages", ids, pages)
	}
	one := get[messagePage](a, "/threads/"+id+"/messages?limit=2")
	two := get[messagePage](a, "/threads/"+id+"/messages?limit=2&cursorId="+one.NextCursor.ID+"&cursorTimestamp="+one.NextCursor.Timestamp)
	if two.Messages[0].ID != one.Messages[1].ID {
		t.Error("messages: no row twice")
	}
}

// The distorted bodies are still JSON, and X's IDs in them are exact.
func TestDistortedBodies(t *testing.T) {
	for name, tt := range map[string]struct {
		fault    inboxapitest.Fault
		has, not string
	}{
		"unknown enums":  {inboxapitest.Fault{Kind: inboxapitest.UnknownEnums}, `"origin":"somethingNew"`, `"external"`},
		"missing fields": {inboxapitest.Fault{Kind: inboxapitest.MissingFields}, `"content"`, `"deletedAt"`},
		"chosen fields":  {inboxapitest.Fault{Kind: inboxapitest.MissingFields, Fields: []string{"origin"}}, `"deletedAt"`, `"origin"`},
		"extra fields":   {inboxapitest.Fault{Kind: inboxapitest.ExtraFields}, `"somethingNew":{"nested":[1,null,"text"]}`, `"none"`},
	} {
		t.Run(name, func(t *testing.T) {
			s, a, id := waiting(t, inboxapitest.Options{})
			s.Inject(tt.fault)
			got := a.do("GET", "/threads/"+id+"/messages", "").body
			if !json.Valid([]byte(got)) || !strings.Contains(got, tt.has) || strings.Contains(got, tt.not) {
				t.Errorf("got %s", got)
			}
			if !strings.Contains(got, *s.Transcript(id)[0].PlatformID) {
				t.Errorf("the platform id is gone: %s", got)
			}
		})
	}
}

// The same faults over real sockets, where a reset is a TCP RST.
func TestFaultsOnSockets(t *testing.T) {
	s, _, id := waiting(t, inboxapitest.Options{})
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	post := func(ctx context.Context) error {
		url := server.URL + "/api/v1/threads/" + id + "/messages"
		r, err := http.NewRequestWithContext(ctx, "POST", url, strings.NewReader(content("hello")))
		if err != nil {
			return err
		}
		r.Header.Set("Authorization", "Bearer token")
		r.Header.Set("Content-Type", "application/json")
		res, err := server.Client().Do(r)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, res.Body)
		return errors.Join(err, res.Body.Close())
	}
	s.Inject(inboxapitest.Fault{Operation: sending, Kind: inboxapitest.ResetAfter, Times: 1})
	if err := post(t.Context()); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("reset: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	s.OnSend(func(inboxapi.Thread, inboxapi.Message) { cancel() })
	s.Inject(inboxapitest.Fault{Operation: sending, Kind: inboxapitest.HangAfter, Times: 1})
	if err := post(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("hang: %v", err)
	}
	if n := len(s.Transcript(id)); n != 3 {
		t.Errorf("%d messages, want 3", n)
	}
}

// Close answers nobody any more, and what was to be committed later is not.
func TestCloseEndsEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := inboxapitest.New(inboxapitest.Options{})
		a := api{t, s.HTTPClient()}
		id := s.AddThread(inboxapitest.NewThread{}).ID
		s.Receive(id, "hi")
		s.Inject(inboxapitest.Fault{Kind: inboxapitest.LateCommitHang, Delay: time.Minute, Operation: sending})
		s.Inject(inboxapitest.Fault{Kind: inboxapitest.Slow, Delay: time.Hour, Operation: "team.get"})
		failed := make(chan error)
		for _, request := range []string{"POST /threads/" + id + "/messages", "GET /team"} {
			method, path, _ := strings.Cut(request, " ")
			body := ""
			if method == "POST" {
				body = content("hello")
			}
			go func() {
				_, err := a.try(method, path, body)
				failed <- err
			}()
		}
		synctest.Wait()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		for range 2 {
			if err := <-failed; err == nil {
				t.Error("answered after Close")
			}
		}
		time.Sleep(time.Hour)
		if n := len(s.Transcript(id)); n != 1 {
			t.Errorf("%d messages, want 1", n)
		}
		if _, err := a.try("GET", "/team", ""); !errors.Is(err, net.ErrClosed) {
			t.Errorf("dial after Close: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("closed again: %v", err)
		}
	})
}
