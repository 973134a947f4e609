package inboxapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"inboxbot/inboxapi"
)

// What every operation puts on the wire, with its URI decoded.
var operations = []struct {
	name   string
	call   func(context.Context, *inboxapi.Client) error
	op     string
	want   string // METHOD URI below the base URL
	body   string // of the request
	answer string
}{
	{
		"team", func(ctx context.Context, c *inboxapi.Client) error { _, err := c.Team(ctx); return err },
		"team.get", "GET /team", "", `{"id":"te1","name":"Shop"}`,
	},
	{
		"threads, nothing said: the default view and full pages", func(ctx context.Context, c *inboxapi.Client) error {
			_, err := c.ListThreads(ctx, inboxapi.ThreadQuery{})
			return err
		}, "threads.list", "GET /threads?inbox=default&limit=100", "", `{"threads":[],"nextCursor":null}`,
	},
	{
		"threads, everything said", func(ctx context.Context, c *inboxapi.Client) error {
			_, err := c.ListThreads(ctx, inboxapi.ThreadQuery{
				View:           inboxapi.ViewNoReply,
				AccountLinkIDs: []string{"al1"},
				Tags:           inboxapi.Filter{IDs: []string{"t1", "t2"}},
				Statuses:       inboxapi.Filter{None: true},
				Assignees:      inboxapi.Filter{IDs: []string{"me1"}},
				Campaigns:      inboxapi.Filter{None: true},
				Ascending:      true,
				Cursor:         &inboxapi.Cursor{ID: "th7", Timestamp: "2026-11-10T18:03:16.000Z"},
				Limit:          20,
			})
			return err
		}, "threads.list", "GET /threads?accountLinkIds[0]=al1&cursorId=th7&cursorTimestamp=2026-11-10T18:03:16.000Z" +
			"&filters[assignees][selectedIds][0]=me1&filters[campaigns][noCampaign]=true&filters[sortOrder]=asc" +
			"&filters[statuses][noStatus]=true&filters[tags][selectedIds][0]=t1&filters[tags][selectedIds][1]=t2" +
			"&inbox=no-reply&limit=20", "", `{"threads":[],"nextCursor":null}`,
	},
	{
		"thread", func(ctx context.Context, c *inboxapi.Client) error { _, err := c.GetThread(ctx, "th1"); return err },
		"threads.thread.get", "GET /threads/th1", "", aThread,
	},
	{
		"thread by person", func(ctx context.Context, c *inboxapi.Client) error {
			_, err := c.LookupThread(ctx, inboxapi.LookupQuery{AccountLinkID: "al1", ExternalPlatformID: "77"})
			return err
		}, "threads.lookup", "GET /threads/lookup?accountLinkId=al1&externalPlatformId=77", "", aThread,
	},
	{
		"threads by username", func(ctx context.Context, c *inboxapi.Client) error {
			_, err := c.LookupThreadsByUsername(ctx, "@jo", "al1")
			return err
		}, "threads.lookupByUsername", "GET /threads/lookup-by-username?accountLinkIds[0]=al1&username=jo", "", "[" + aThread + "]",
	},
	{
		"archive", func(ctx context.Context, c *inboxapi.Client) error {
			_, err := c.UpdateThread(ctx, "th1", inboxapi.ThreadUpdate{Done: new(true)})
			return err
		}, "threads.thread.update", "PATCH /threads/th1", `{"done":true}`, aThread,
	},
	{
		"reopen and assign", func(ctx context.Context, c *inboxapi.Client) error {
			_, err := c.UpdateThread(ctx, "th1", inboxapi.ThreadUpdate{Done: new(false), Assignee: inboxapi.Set("me1")})
			return err
		}, "threads.thread.update", "PATCH /threads/th1", `{"done":false,"assigneeId":"me1"}`, aThread,
	},
	{
		"unassign and leave the rest", func(ctx context.Context, c *inboxapi.Client) error {
			_, err := c.UpdateThread(ctx, "th1", inboxapi.ThreadUpdate{Assignee: inboxapi.Clear[string]()})
			return err
		}, "threads.thread.update", "PATCH /threads/th1", `{"assigneeId":null}`, aThread,
	},
	{
		"messages", func(ctx context.Context, c *inboxapi.Client) error {
			_, err := c.ListMessages(ctx, "th1", inboxapi.MessageQuery{Limit: 5})
			return err
		}, "threads.thread.messages.list", "GET /threads/th1/messages?limit=5", "", `{"messages":[],"nextCursor":null,"isSyncing":false}`,
	},
	{
		"send", func(ctx context.Context, c *inboxapi.Client) error {
			_, err := c.SendMessage(ctx, "th1", inboxapi.NewMessage{Content: "Hello!"})
			return err
		}, "threads.thread.messages.create", "POST /threads/th1/messages", `{"content":"Hello!"}`, aMessage,
	},
	{
		"reply to one message", func(ctx context.Context, c *inboxapi.Client) error {
			_, err := c.SendMessage(ctx, "th1", inboxapi.NewMessage{Content: "<b> & ü", ReplyToMessageID: "m1"})
			return err
		}, "threads.thread.messages.create", "POST /threads/th1/messages", `{"content":"<b> & ü","replyToMessageId":"m1"}`, aMessage,
	},
	{
		"typing", func(ctx context.Context, c *inboxapi.Client) error { _, err := c.Typing(ctx, "th1"); return err },
		"threads.thread.typing", "POST /threads/th1/typing", `{}`, `{"status":"sent"}`,
	},
	{
		"account links", func(ctx context.Context, c *inboxapi.Client) error { _, err := c.AccountLinks(ctx); return err },
		"accountLinks.list", "GET /account-links", "", `[{"id":"x1"}]`,
	},
	{
		"members", func(ctx context.Context, c *inboxapi.Client) error { _, err := c.Members(ctx); return err },
		"members.list", "GET /members", "", `[{"id":"x1"}]`,
	},
	{
		"tags", func(ctx context.Context, c *inboxapi.Client) error { _, err := c.Tags(ctx); return err },
		"tags.list", "GET /tags", "", `[{"id":"x1"}]`,
	},
	{
		"new tag", func(ctx context.Context, c *inboxapi.Client) error {
			_, err := c.CreateTag(ctx, "VIP", "")
			return err
		}, "tags.create", "POST /tags", `{"name":"VIP"}`, `{"id":"t1","name":"VIP"}`,
	},
	{
		"new tag with a color", func(ctx context.Context, c *inboxapi.Client) error {
			_, err := c.CreateTag(ctx, "VIP", "red")
			return err
		}, "tags.create", "POST /tags", `{"name":"VIP","color":"red"}`, `{"id":"t1","name":"VIP","color":"red"}`,
	},
	{
		"statuses", func(ctx context.Context, c *inboxapi.Client) error { _, err := c.Statuses(ctx); return err },
		"statuses.list", "GET /statuses", "", `[{"id":"x1"}]`,
	},
	{
		"events from the start", func(ctx context.Context, c *inboxapi.Client) error {
			_, err := c.Events(ctx, inboxapi.EventQuery{})
			return err
		}, "events.list", "GET /events", "", `{"events":[],"hasMore":false,"lastSeq":null}`,
	},
	{
		"events after the first", func(ctx context.Context, c *inboxapi.Client) error {
			_, err := c.Events(ctx, inboxapi.EventQuery{AfterSeq: new(int64(0)), Limit: 1000})
			return err
		}, "events.list", "GET /events?afterSeq=0&limit=1000", "", `{"events":[],"hasMore":false,"lastSeq":null}`,
	},
	{
		"prospect", func(ctx context.Context, c *inboxapi.Client) error { _, err := c.Prospect(ctx, "px1"); return err },
		"prospects.get", "GET /prospects/px1", "", aPerson,
	},
	{
		"prospect by X ID", func(ctx context.Context, c *inboxapi.Client) error {
			_, err := c.LookupProspect(ctx, "77")
			return err
		}, "prospects.lookup", "GET /prospects/lookup?platformId=77", "", aPerson,
	},
	{
		"tag and note", func(ctx context.Context, c *inboxapi.Client) error {
			_, err := c.UpdateProspectContext(ctx, "px1", inboxapi.ContextUpdate{
				Notes: inboxapi.Set("asked for a person"), AddTags: []string{"t1"}, RemoveTags: []string{"t2"},
			})
			return err
		}, "prospects.update", "PATCH /prospects/px1/context",
		`{"notes":"asked for a person","addTags":["t1"],"removeTags":["t2"]}`, aPerson,
	},
	{
		"clear what a prospect has", func(ctx context.Context, c *inboxapi.Client) error {
			_, err := c.UpdateProspectContext(ctx, "px1", inboxapi.ContextUpdate{
				Notes: inboxapi.Clear[string](), Valuation: inboxapi.Clear[float64](),
				StatusID: inboxapi.Clear[string](), AssigneeID: inboxapi.Clear[string](),
			})
			return err
		}, "prospects.update", "PATCH /prospects/px1/context",
		`{"notes":null,"valuation":null,"statusId":null,"assigneeId":null}`, aPerson,
	},
	{
		"a valuation of nothing is a value", func(ctx context.Context, c *inboxapi.Client) error {
			_, err := c.UpdateProspectContext(ctx, "px1", inboxapi.ContextUpdate{Valuation: inboxapi.Set(0.0)})
			return err
		}, "prospects.update", "PATCH /prospects/px1/context", `{"valuation":0}`, aPerson,
	},
}

func TestRequests(t *testing.T) {
	for _, tt := range operations {
		t.Run(tt.name, func(t *testing.T) {
			var got, body string
			var header http.Header
			w := serve(t, func(w http.ResponseWriter, r *http.Request) {
				raw, _ := io.ReadAll(r.Body)
				got, body, header = r.Method+" "+strings.TrimPrefix(r.URL.Path, "/api/v1"), string(raw), r.Header
				if q := r.URL.Query(); len(q) > 0 {
					var parts []string
					for name, v := range q {
						parts = append(parts, name+"="+strings.Join(v, ","))
					}
					slices.Sort(parts)
					got += "?" + strings.Join(parts, "&")
				}
				says(200, tt.answer)(w, r)
			})
			if err := tt.call(t.Context(), client(t, w)); err != nil {
				t.Fatal(err)
			}
			if got != tt.want {
				t.Errorf("asked for\n  %s\nwant\n  %s", got, tt.want)
			}
			if !sameJSON(body, tt.body) {
				t.Errorf("sent %s, want %s", body, tt.body)
			}
			if a := header.Get("Authorization"); a != "Bearer "+testToken {
				t.Errorf("Authorization: %q", a)
			}
			if ct := header.Get("Content-Type"); (ct == "application/json") != (tt.body != "") {
				t.Errorf("Content-Type: %q", ct)
			}
			for name := range header { // net/http repeats a POST that has one
				if strings.Contains(strings.ToLower(name), "idempotency") {
					t.Errorf("header %s", name)
				}
			}
		})
	}
}

func sameJSON(a, b string) bool {
	if a == "" || b == "" {
		return a == b
	}
	var x, y any
	if json.Unmarshal([]byte(a), &x) != nil || json.Unmarshal([]byte(b), &y) != nil {
		return false
	}
	return fmt.Sprint(x) == fmt.Sprint(y)
}

// Operation names and paths are those of the vendor's document.
func TestOperationsAreTheVendors(t *testing.T) {
	const document = "../../shared/inbox-api/openapi-v1.json"
	raw, err := os.ReadFile(document)
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("no " + document)
	}
	var doc struct {
		Paths map[string]map[string]struct{ OperationID string }
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	id := regexp.MustCompile(`^(/threads|/prospects)/(th1|px1)`)
	names := map[string]string{"/threads": "{threadId}", "/prospects": "{prospectId}"}
	for _, tt := range operations {
		method, uri, _ := strings.Cut(tt.want, " ")
		path, _, _ := strings.Cut(uri, "?")
		path = id.ReplaceAllStringFunc(path, func(s string) string {
			prefix := s[:strings.LastIndex(s, "/")]
			return prefix + "/" + names[prefix]
		})
		if got := doc.Paths[path][strings.ToLower(method)].OperationID; got != tt.op {
			t.Errorf("%s: %s %s is operation %q, want %q", tt.name, method, path, got, tt.op)
		}
	}
}

// Wait and Observe hear the operation of every attempt.
func TestLimiterAndObserver(t *testing.T) {
	for _, tt := range operations {
		t.Run(tt.name, func(t *testing.T) {
			var asked []string
			var seen []inboxapi.Observation
			w := serve(t, func(w http.ResponseWriter, r *http.Request) {
				h := w.Header()
				h.Set("X-RateLimit-Limit", "300")
				h.Set("X-RateLimit-Remaining", "299")
				h.Set("X-RateLimit-Reset", "1794333796")
				h.Set("Date", "Tue, 10 Nov 2026 18:03:16 GMT")
				says(200, tt.answer)(w, r)
			})
			c := client(t, w, func(o *inboxapi.Options) {
				o.Limiter = limiter(func(op string) error { asked = append(asked, op); return nil })
				o.Observe = func(s inboxapi.Observation) { seen = append(seen, s) }
			})
			if err := tt.call(t.Context(), c); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(asked, []string{tt.op}) {
				t.Errorf("the limiter was asked for %q, want %q", asked, tt.op)
			}
			if len(seen) != 1 {
				t.Fatalf("%d observations, want 1", len(seen))
			}
			s := seen[0]
			if s.Operation != tt.op || s.Status != 200 || s.Err != nil || s.Duration <= 0 {
				t.Errorf("observed %+v", s)
			}
			if s.RateLimit == nil || s.RateLimit.Limit != 300 || s.RateLimit.Remaining != 299 || s.RateLimit.Reset.Unix() != 1794333796 {
				t.Errorf("rate limit %+v", s.RateLimit)
			}
			if want := time.Date(2026, 11, 10, 18, 3, 16, 0, time.UTC); !s.Date.Equal(want) {
				t.Errorf("date %s, want %s", s.Date, want)
			}
		})
	}
}

type limiter func(op string) error

func (f limiter) Wait(_ context.Context, op string) error { return f(op) }

func TestLimiterRefuses(t *testing.T) {
	full := errors.New("the day's quota is spent")
	var reached atomic.Int64
	c := client(t, serve(t, counted(&reached, says(200, `[]`))), func(o *inboxapi.Options) {
		o.Limiter = limiter(func(string) error { return full })
	})
	if _, err := c.Tags(t.Context()); !errors.Is(err, full) {
		t.Errorf("tags: %v", err)
	}
	_, err := c.SendMessage(t.Context(), "th1", inboxapi.NewMessage{Content: "hi"})
	if !errors.Is(err, full) || !errors.Is(err, inboxapi.ErrNotSent) || inboxapi.Ambiguous(err) {
		t.Errorf("send: %v", err)
	}
	if n := reached.Load(); n != 0 {
		t.Errorf("%d requests in spite of the limiter", n)
	}
}

func TestRetries(t *testing.T) {
	get := func(ctx context.Context, c *inboxapi.Client) error { _, err := c.Tags(ctx); return err }
	patch := func(ctx context.Context, c *inboxapi.Client) error {
		_, err := c.UpdateThread(ctx, "th1", inboxapi.ThreadUpdate{Done: new(true)})
		return err
	}
	tag := func(ctx context.Context, c *inboxapi.Client) error { _, err := c.CreateTag(ctx, "VIP", ""); return err }
	typing := func(ctx context.Context, c *inboxapi.Client) error { _, err := c.Typing(ctx, "th1"); return err }
	send := func(ctx context.Context, c *inboxapi.Client) error {
		_, err := c.SendMessage(ctx, "th1", inboxapi.NewMessage{Content: "hi"})
		return err
	}
	busy := func(after string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", after)
			says(429, `{"error":{"code":"RATE_LIMITED","message":"Rate limit exceeded.","status":429}}`)(w, r)
		}
	}
	hang := func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}
	down := says(503, `<html><title>503</title></html>`)
	fine := says(200, `[]`)
	cut := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		io.WriteString(w, `[{"id":`)
	}
	const s = time.Second
	tests := []struct {
		name     string
		call     func(context.Context, *inboxapi.Client) error
		api      http.HandlerFunc
		deadline time.Duration // of the caller, 0: none
		tries    int
		min, max time.Duration // until the call returns
		want     error         // nil: success
	}{
		{"fine at once", get, fine, 0, 1, 0, 0, nil},
		{"down, then fine", get, inTurn(down, down, fine), 0, 3, 1500 * time.Millisecond, 4500 * time.Millisecond, nil},
		{"down for good", get, down, 0, 5, 7 * s, 23 * s, inboxapi.ErrServer},
		{"connection lost", get, inTurn(hangUp, fine), 0, 2, s / 2, 2 * s, nil},
		{"body lost", get, inTurn(cut, fine), 0, 2, s / 2, 2 * s, nil},
		{"body always lost", get, cut, 0, 5, 7 * s, 23 * s, inboxapi.ErrMalformed},
		{"one attempt hangs", get, inTurn(hang, fine), 0, 2, 15*s + s/2, 17 * s, nil},
		{"every attempt hangs, the caller goes", get, hang, 20 * s, 2, 20 * s, 20 * s, context.DeadlineExceeded},
		{"asked to wait an hour", get, inTurn(busy("3600"), fine), 0, 2, 3600 * s, 3602 * s, nil},
		{"asked to wait longer than the caller can", get, busy("60"), 30 * s, 1, 0, 0, inboxapi.ErrRateLimited},
		{"not found is final", get, says(404, ``), 0, 1, 0, 0, inboxapi.ErrNotFound},
		{"so is a bad token", get, says(401, ``), 0, 1, 0, 0, inboxapi.ErrUnauthorized},
		{"so is 408", get, says(408, ``), 0, 1, 0, 0, &inboxapi.Error{}},
		{"so is HTML", get, says(200, `<html>`), 0, 1, 0, 0, inboxapi.ErrMalformed},
		{"a patch is repeated", patch, inTurn(down, busy("2"), hangUp, says(200, aThread)), 0, 4, 5*s + s/2, 13 * s, nil},
		{"a refused patch is not", patch, says(422, ``), 0, 1, 0, 0, inboxapi.ErrInvalid},
		{"a new tag is tried once", tag, down, 0, 1, 0, 0, inboxapi.ErrServer},
		{"so is typing", typing, down, 0, 1, 0, 0, inboxapi.ErrServer},
		{"so is a message: 503", send, down, 0, 1, 0, 0, inboxapi.ErrServer},
		{"so is a message: 429", send, busy("1"), 0, 1, 0, 0, inboxapi.ErrRateLimited},
		{"so is a message: lost", send, hangUp, 0, 1, 0, 0, io.EOF},
		{"so is a message: no answer", send, hang, 0, 1, 15 * s, 15 * s, context.DeadlineExceeded},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var tries atomic.Int64
				c := client(t, serve(t, counted(&tries, tt.api)))
				ctx := t.Context()
				if tt.deadline > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, tt.deadline)
					defer cancel()
				}
				start := time.Now()
				err := tt.call(ctx, c)
				took := time.Since(start)
				var status *inboxapi.Error
				switch {
				case errors.As(tt.want, &status):
					if !errors.As(err, &status) {
						t.Errorf("error %v, want an API error", err)
					}
				case !errors.Is(err, tt.want):
					t.Errorf("error %v, want %v", err, tt.want)
				}
				if n := int(tries.Load()); n != tt.tries {
					t.Errorf("%d requests, want %d", n, tt.tries)
				}
				if took < tt.min || took > tt.max {
					t.Errorf("took %s, want %s to %s", took, tt.min, tt.max)
				}
			})
		})
	}
}

// A caller who leaves while a call waits for its next try gets both errors.
func TestCancelWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := client(t, serve(t, says(503, ``)))
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(100*time.Millisecond, cancel)
		start := time.Now()
		_, err := c.Tags(ctx)
		if !errors.Is(err, context.Canceled) || !errors.Is(err, inboxapi.ErrServer) {
			t.Errorf("error %v", err)
		}
		if took := time.Since(start); took != 100*time.Millisecond {
			t.Errorf("took %s after the cancel", took)
		}
	})
}

func TestClock(t *testing.T) {
	tests := []struct {
		name string
		skew time.Duration // the API's clock ahead of ours
		slow time.Duration // how long it takes to answer
		want time.Duration // Now ahead of ours
	}{
		{"agree", 0, 0, 0},
		{"within what the header can tell", 1900 * time.Millisecond, 0, 0},
		{"behind, within it", -1500 * time.Millisecond, 0, 0},
		{"an hour ahead", time.Hour, 0, time.Hour},
		{"ten minutes behind", -10 * time.Minute, 0, -10 * time.Minute},
		{"ahead, answering in a second", time.Hour, time.Second, time.Hour},
		{"too slow to tell", time.Hour, 3 * time.Second, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := client(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
					time.Sleep(tt.slow)
					w.Header().Set("Date", time.Now().Add(tt.skew).UTC().Format(http.TimeFormat))
					says(200, `[]`)(w, r)
				}))
				if got := time.Until(c.Now()); got != 0 {
					t.Errorf("before any response: %s off", got)
				}
				if _, err := c.Tags(t.Context()); err != nil {
					t.Fatal(err)
				}
				if got := time.Until(c.Now()); (got - tt.want).Abs() > time.Second {
					t.Errorf("%s off, want %s", got, tt.want)
				}
			})
		})
	}
}

// The offset goes away when the clocks agree again.
func TestClockIsCorrected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		skew := time.Hour
		c := client(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Date", time.Now().Add(skew).UTC().Format(http.TimeFormat))
			says(200, `[]`)(w, r)
		}))
		for _, skew = range []time.Duration{time.Hour, 0} {
			if _, err := c.Tags(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := time.Until(c.Now()); (got - skew).Abs() > time.Second {
				t.Errorf("%s off, want %s", got, skew)
			}
		}
	})
}

// One answer with a wrong date moves no clock: everybody who waits would be too old.
func TestOneWrongDateIsNotBelieved(t *testing.T) {
	const wrong = 48 * time.Hour
	for _, row := range []struct {
		name string
		says []time.Duration // what each answer's date is ahead of ours
		want time.Duration   // Now ahead of ours after the last
	}{
		{"it is right again", []time.Duration{0, wrong, 0}, 0},
		{"just now", []time.Duration{0, wrong}, 0},
		{"our own clock is wrong", []time.Duration{time.Hour, time.Hour, wrong, time.Hour}, time.Hour},
		{"twice", []time.Duration{0, wrong, wrong}, wrong},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var ahead time.Duration
				c := client(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Date", time.Now().Add(ahead).UTC().Format(http.TimeFormat))
					says(200, `[]`)(w, r)
				}))
				for _, ahead = range row.says {
					if _, err := c.Tags(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				if got := time.Until(c.Now()); (got - row.want).Abs() > time.Second {
					t.Errorf("%s off, want %s", got, row.want)
				}
			})
		})
	}
}

func TestNewRefuses(t *testing.T) {
	tests := []struct {
		name, baseURL, token, agent string
		ok                          bool
	}{
		{"all defaults", "", testToken, "", true},
		{"a local server", "http://127.0.0.1:8081/api/v1/", testToken, "", true},
		{"a newline after the token", "", testToken + "\n", "", true},
		{"no token", "", "", "", false},
		{"a token of spaces", "", " \n", "", false},
		{"a header within the token", "", testToken + "\r\nX-Evil: 1", "", false},
		{"two words", "", "Bearer " + testToken, "", false},
		{"no scheme", "inboxapp.com/api/v1", testToken, "", false},
		{"another scheme", "ftp://inboxapp.com", testToken, "", false},
		{"no host", "https:///api/v1", testToken, "", false},
		{"unreadable", "https://[::1", testToken, "", false},
		{"credentials", "https://me:" + testToken + "@inboxapp.com", "other-token", "", false},
		{"a query", "https://inboxapp.com/?token=" + testToken, "other-token", "", false},
		{"a newline in the user agent", "", testToken, "a\nb", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := inboxapi.New(inboxapi.Options{BaseURL: tt.baseURL, Token: tt.token, UserAgent: tt.agent})
			if (err == nil) != tt.ok {
				t.Errorf("error %v, want ok %v", err, tt.ok)
			}
			if err != nil && strings.Contains(err.Error(), testToken) {
				t.Errorf("the error shows the token: %v", err)
			}
		})
	}
}

func TestTokenIsNotPrinted(t *testing.T) {
	c := client(t, newWire())
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if s := fmt.Sprintf(format, c); strings.Contains(s, testToken) {
			t.Errorf("%s shows the token", format)
		}
	}
}

// One client serves many goroutines; the race detector watches.
func TestConcurrentUse(t *testing.T) {
	c := client(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			says(200, aMessage)(w, r)
			return
		}
		says(200, aThread)(w, r)
	}), func(o *inboxapi.Options) { o.Observe = func(inboxapi.Observation) {} })
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				if _, err := c.GetThread(t.Context(), "th1"); err != nil {
					t.Error(err)
				}
				m := inboxapi.NewMessage{Content: "hi", NotAfter: time.Now().Add(time.Minute)}
				if _, err := c.SendMessage(t.Context(), "th1", m); err != nil {
					t.Error(err)
				}
				c.Now()
			}
		})
	}
	wg.Wait()
}

func TestLocalRefusals(t *testing.T) {
	var reached atomic.Int64
	c := client(t, serve(t, counted(&reached, says(200, `{}`))))
	for _, id := range []string{"", ".", ".."} {
		for name, call := range map[string]func() error{
			"thread":   func() error { _, err := c.GetThread(t.Context(), id); return err },
			"update":   func() error { _, err := c.UpdateThread(t.Context(), id, inboxapi.ThreadUpdate{}); return err },
			"messages": func() error { _, err := c.ListMessages(t.Context(), id, inboxapi.MessageQuery{}); return err },
			"send": func() error {
				_, err := c.SendMessage(t.Context(), id, inboxapi.NewMessage{Content: "hi"})
				if !errors.Is(err, inboxapi.ErrNotSent) {
					t.Errorf("send to %q: %v, want ErrNotSent", id, err)
				}
				return err
			},
			"typing":   func() error { _, err := c.Typing(t.Context(), id); return err },
			"prospect": func() error { _, err := c.Prospect(t.Context(), id); return err },
			"context": func() error {
				_, err := c.UpdateProspectContext(t.Context(), id, inboxapi.ContextUpdate{})
				return err
			},
		} {
			if err := call(); !errors.Is(err, inboxapi.ErrInvalid) {
				t.Errorf("%s %q: %v, want ErrInvalid", name, id, err)
			}
		}
	}
	for name, call := range map[string]func() error{
		"nobody to look up": func() error {
			_, err := c.LookupThread(t.Context(), inboxapi.LookupQuery{AccountLinkID: "al1"})
			return err
		},
		"no account link": func() error {
			_, err := c.LookupThread(t.Context(), inboxapi.LookupQuery{ExternalID: "px1", ExternalPlatformID: "77"})
			return err
		},
		"no username":    func() error { _, err := c.LookupThreadsByUsername(t.Context(), "@"); return err },
		"no platform ID": func() error { _, err := c.LookupProspect(t.Context(), ""); return err },
		"no tag name":    func() error { _, err := c.CreateTag(t.Context(), "", ""); return err },
		"a valuation that is no number": func() error {
			_, err := c.UpdateProspectContext(t.Context(), "px1", inboxapi.ContextUpdate{Valuation: inboxapi.Set(math.NaN())})
			return err
		},
		"no content": func() error {
			_, err := c.SendMessage(t.Context(), "th1", inboxapi.NewMessage{})
			if !errors.Is(err, inboxapi.ErrNotSent) {
				t.Errorf("no content: %v, want ErrNotSent", err)
			}
			return err
		},
		"a tag both ways": func() error {
			_, err := c.UpdateProspectContext(t.Context(), "px1", inboxapi.ContextUpdate{AddTags: []string{"t1"}, RemoveTags: []string{"t1"}})
			return err
		},
	} {
		if err := call(); !errors.Is(err, inboxapi.ErrInvalid) {
			t.Errorf("%s: %v, want ErrInvalid", name, err)
		}
	}
	if n := reached.Load(); n != 0 {
		t.Errorf("%d requests were made", n)
	}
}

// An ID is data: it cannot leave its place in the path.
func TestIDsAreEscaped(t *testing.T) {
	var got string
	c := client(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = r.RequestURI
		says(200, aThread)(w, r)
	}))
	if _, err := c.GetThread(t.Context(), "../team?x=1#\n"); err != nil {
		t.Fatal(err)
	}
	if want := "/api/v1/threads/..%2Fteam%3Fx=1%23%0A"; got != want {
		t.Errorf("asked for %s, want %s", got, want)
	}
}
