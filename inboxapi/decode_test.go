package inboxapi_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"inboxbot/inboxapi"
)

func TestThreadPage(t *testing.T) {
	tests := []struct {
		name string
		body string
		ids  string // of the rows, joined by a space
		bad  string // IDs of the malformed rows; ? for one without
		next *inboxapi.Cursor
		err  bool
	}{
		{name: "nothing waits", body: `{"threads":[],"nextCursor":null}`},
		{name: "null list", body: `{"threads":null,"nextCursor":null}`},
		{name: "no cursor at all", body: `{"threads":[{"id":"a"}]}`, ids: "a"},
		{
			name: "a page", body: `{"threads":[{"id":"a"},{"id":"b"}],"nextCursor":{"id":"b","timestamp":"2025-11-10T18:03:16.000Z"}}`,
			ids: "a b", next: &inboxapi.Cursor{ID: "b", Timestamp: "2025-11-10T18:03:16.000Z"},
		},
		{
			name: "a cursor of another form", body: `{"threads":[],"nextCursor":{"id":"b","timestamp":1762797796000}}`,
			next: &inboxapi.Cursor{ID: "b", Timestamp: "1762797796000"},
		},
		{
			name: "new fields and values", body: `{"threads":[{"id":"a","status":"snoozed","variant":"zChat","mood":{"x":[1]}}],"total":7}`,
			ids: "a",
		},
		{name: "nulls everywhere", body: `{"threads":[{"id":"a","done":null,"createdAt":null,"prospect":null,"status":null}]}`, ids: "a"},
		{name: "a broken row between", body: `{"threads":[{"id":"a"},{"id":"b","done":"maybe"},{"id":"c"}]}`, ids: "a c", bad: "b"},
		{name: "a date that is none", body: `{"threads":[{"id":"a","createdAt":"yesterday"}]}`, bad: "a"},
		{name: "a row that is no object", body: `{"threads":["a",{"id":"b"},null]}`, ids: "b", bad: "? ?"},
		{name: "a row without an ID", body: `{"threads":[{"done":true},{"id":"b"}]}`, ids: "b", bad: "?"},
		{name: "an ID that is a number", body: `{"threads":[{"id":12345678901234567890,"prospect":{"documentId":3}}]}`, ids: "12345678901234567890"},
		{name: "an ID that is an object", body: `{"threads":[{"id":{}}]}`, bad: "?"},
		{name: "invalid UTF-8", body: "{\"threads\":[{\"id\":\"a\",\"status\":\"\xff\"}]}", ids: "a"},
		{name: "a byte order mark", body: "\uFEFF{\"threads\":[{\"id\":\"a\"}]}", ids: "a"},
		{name: "half a cursor", body: `{"threads":[],"nextCursor":{"id":"b"}}`, err: true},
		{name: "a cursor that is text", body: `{"threads":[],"nextCursor":"b"}`, err: true},
		{name: "no list", body: `{"nextCursor":null}`, err: true},
		{name: "an error under 200", body: `{"error":{"code":"INTERNAL","message":"no"}}`, err: true},
		{name: "a list that is none", body: `{"threads":{"a":1}}`, err: true},
		{name: "a bare list", body: `[{"id":"a"}]`, err: true},
		{name: "null", body: `null`, err: true},
		{name: "HTML", body: `<!doctype html><html></html>`, err: true},
		{name: "cut off", body: `{"threads":[{"id":"a"},{"id":`, err: true},
		{name: "nothing", body: ` `, err: true},
		{name: "two values", body: `{"threads":[]}{"threads":[]}`, err: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := client(t, serve(t, says(200, tt.body)), once)
			page, err := c.ListThreads(t.Context(), inboxapi.ThreadQuery{})
			if tt.err {
				if !errors.Is(err, inboxapi.ErrMalformed) {
					t.Fatalf("error %v, want ErrMalformed", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var ids, bad []string
			for _, row := range page.Threads {
				ids = append(ids, row.ID)
			}
			for _, row := range page.Malformed {
				bad = append(bad, row.ID)
				if row.ID == "" {
					bad[len(bad)-1] = "?"
				}
				if !errors.Is(row.Err, inboxapi.ErrMalformed) {
					t.Errorf("row %q: %v, want ErrMalformed", row.ID, row.Err)
				}
			}
			if got := strings.Join(ids, " "); got != tt.ids {
				t.Errorf("threads %q, want %q", got, tt.ids)
			}
			if got := strings.Join(bad, " "); got != tt.bad {
				t.Errorf("malformed %q, want %q", got, tt.bad)
			}
			if (page.Next == nil) != (tt.next == nil) || page.Next != nil && *page.Next != *tt.next {
				t.Errorf("next %v, want %v", page.Next, tt.next)
			}
		})
	}
}

// The fields of a full row end where they belong.
func TestMessageFields(t *testing.T) {
	c := client(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", "Tue, 10 Nov 2026 18:03:16 GMT")
		says(200, `{"teamId":"te1","threadId":"th1","isSyncing":true,"nextCursor":null,"messages":[
			{"id":"m2","content":"\u0000\ud800 hi \ud83d\ude00","authorId":"px1","origin":"telepathy","failed":true,"createdAt":"2026-11-10T18:03:16.123Z",
			 "attachment":{"type":"image`+"\xff"+`"},"reactions":[{"emoji":"x"}],"deletedAt":"2026-11-10T18:04:16.000Z"},
			{"id":"m1"}]}`)(w, r)
	}))
	page, err := c.ListMessages(t.Context(), "th1", inboxapi.MessageQuery{})
	if err != nil {
		t.Fatal(err)
	}
	if !page.IsSyncing || len(page.Messages) != 2 || page.Date.Unix() != 1794333796 {
		t.Fatalf("page %+v", page)
	}
	m := page.Messages[0]
	if m.ID != "m2" || m.Content != "\x00\uFFFD hi 😀" || *m.Origin != "telepathy" || !m.Failed || m.Live() ||
		string(m.Attachment) != `{"type":"image`+"\uFFFD"+`"}` || len(m.Reactions) != 1 || m.CreatedAt.UnixMilli() != 1794333796123 {
		t.Errorf("message %+v", m)
	}
	if m := page.Messages[1]; m.ID != "m1" || !m.Live() || m.Origin != nil {
		t.Errorf("a message of nothing but an ID: %+v", m)
	}
}

func TestSortTime(t *testing.T) {
	at := func(day int) time.Time { return time.Date(2026, 11, day, 0, 0, 0, 0, time.UTC) }
	tests := []struct {
		name string
		th   inboxapi.Thread
		want time.Time
	}{
		{"as computed", inboxapi.Thread{ComputedSortTimestamp: new(at(4)), LastMessageTimestamp: new(at(3)), CreatedAt: at(1)}, at(4)},
		{"the last message's", inboxapi.Thread{LastMessageTimestamp: new(at(3)), LastMessage: &inboxapi.LastMessage{CreatedAt: at(2)}, CreatedAt: at(1)}, at(3)},
		{"the excerpt's", inboxapi.Thread{LastMessage: &inboxapi.LastMessage{CreatedAt: at(2)}, CreatedAt: at(1)}, at(2)},
		{"the thread's, when it is empty", inboxapi.Thread{CreatedAt: at(1)}, at(1)},
	}
	for _, tt := range tests {
		if got := tt.th.SortTime(); !got.Equal(tt.want) {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestSingleObjects(t *testing.T) {
	get := func(c *inboxapi.Client, t *testing.T) error { _, err := c.GetThread(t.Context(), "th1"); return err }
	team := func(c *inboxapi.Client, t *testing.T) error { _, err := c.Team(t.Context()); return err }
	find := func(c *inboxapi.Client, t *testing.T) error {
		_, err := c.LookupThread(t.Context(), inboxapi.LookupQuery{AccountLinkID: "al1", ExternalID: "px1"})
		return err
	}
	who := func(c *inboxapi.Client, t *testing.T) error {
		_, err := c.LookupProspect(t.Context(), "77")
		return err
	}
	tests := []struct {
		name string
		call func(*inboxapi.Client, *testing.T) error
		body string
		want error
	}{
		{"a thread", get, aThread, nil},
		{"an empty object", get, `{}`, inboxapi.ErrMalformed},
		{"null", get, `null`, inboxapi.ErrMalformed},
		{"an array", get, `[]`, inboxapi.ErrMalformed},
		{"an error under 200", team, `{"error":"no"}`, inboxapi.ErrMalformed},
		{"no thread with them", find, ` null `, inboxapi.ErrNotFound},
		{"a thread with them", find, aThread, nil},
		{"an unknown person", who, `null`, inboxapi.ErrNotFound},
		{"a person who is not imported", who, `{"platformId":"77","externalId":null}`, nil},
		{"a person without any ID", who, `{"username":"jo"}`, inboxapi.ErrMalformed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.call(client(t, serve(t, says(200, tt.body)), once), t)
			if !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
		})
	}
}

// A broken row of a list that has no pages costs that row, and is told.
func TestFlatListWithBrokenRow(t *testing.T) {
	c := client(t, serve(t, says(200, `[{"id":"t1","name":"VIP"},{"id":"t2","name":7},{"id":"t3","name":"new"}]`)), once)
	tags, err := c.Tags(t.Context())
	if !errors.Is(err, inboxapi.ErrMalformed) || !strings.Contains(err.Error(), `"t2"`) {
		t.Errorf("error %v, want ErrMalformed about t2", err)
	}
	if len(tags) != 2 || tags[0].ID != "t1" || tags[1].ID != "t3" {
		t.Errorf("tags %+v", tags)
	}
}

func TestEvents(t *testing.T) {
	c := client(t, serve(t, says(200, `{"events":[{"id":"e1","seq":4,"type":"message.created","data":{"x":1}},{"id":"e2","seq":"five"}],"hasMore":true,"lastSeq":9007199254740991}`)), once)
	page, err := c.Events(t.Context(), inboxapi.EventQuery{})
	if err != nil {
		t.Fatal(err)
	}
	if !page.HasMore || *page.LastSeq != 9007199254740991 || len(page.Events) != 1 || page.Events[0].Seq != 4 {
		t.Errorf("page %+v", page)
	}
	if len(page.Malformed) != 1 || page.Malformed[0].ID != "e2" {
		t.Errorf("malformed %+v", page.Malformed)
	}
}

func TestBodyIsBounded(t *testing.T) {
	body := `[{"id":"t1","name":"` + strings.Repeat("x", 1000) + `"}]`
	for limit, ok := range map[int64]bool{int64(len(body)): true, int64(len(body)) - 1: false} {
		var tries atomic.Int64
		c := client(t, serve(t, counted(&tries, says(200, body))), func(o *inboxapi.Options) { o.MaxBody = limit })
		_, err := c.Tags(t.Context())
		if ok != (err == nil) || !ok && !errors.Is(err, inboxapi.ErrMalformed) {
			t.Errorf("a body of %d under a limit of %d: %v", len(body), limit, err)
		}
		if n := tries.Load(); n != 1 {
			t.Errorf("%d tries", n)
		}
	}
	// An endless error is cut, and is still the error its status says.
	c := client(t, serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(404)
		for {
			if _, err := w.Write([]byte(strings.Repeat("x", 4096))); err != nil {
				return
			}
		}
	}))
	_, err := c.Tags(t.Context())
	if !errors.Is(err, inboxapi.ErrNotFound) || len(err.Error()) > 500 {
		t.Errorf("an endless 404: %.200v", err)
	}
}

// pages serves the bodies in turn and counts them.
func pages(t *testing.T, n *atomic.Int64, bodies ...string) *inboxapi.Client {
	hs := make([]http.HandlerFunc, len(bodies))
	for i, b := range bodies {
		hs[i] = says(200, b)
	}
	return client(t, serve(t, counted(n, inTurn(hs...))), once)
}

func walked[T any](seq iter.Seq2[*T, error], id func(*T) string) (ids []string, errs []error) {
	for row, err := range seq {
		if err != nil {
			errs = append(errs, err)
			continue
		}
		ids = append(ids, id(row))
	}
	return ids, errs
}

func TestThreadsWalk(t *testing.T) {
	page := func(next string, ids ...string) string {
		rows := make([]string, len(ids))
		for i, id := range ids {
			rows[i] = `{"id":"` + id + `"}`
		}
		cursor := "null"
		if next != "" {
			cursor = `{"id":"` + next + `","timestamp":"2026-11-10T18:03:16.000Z"}`
		}
		return `{"threads":[` + strings.Join(rows, ",") + `],"nextCursor":` + cursor + `}`
	}
	tests := []struct {
		name     string
		pages    []string
		ids      string
		errs     int
		requests int
	}{
		{"one page", []string{page("", "a", "b")}, "a b", 0, 1},
		{"three pages", []string{page("b", "a", "b"), page("c", "c"), page("", "d")}, "a b c d", 0, 3},
		{"a short and an empty page in the middle", []string{page("a", "a"), page("x"), page("", "b")}, "a b", 0, 3},
		{"a thread that comes again", []string{page("b", "a", "b"), page("", "b", "a", "c")}, "a b c", 0, 2},
		{"a cursor that stays", []string{page("b", "a", "b"), page("b", "c")}, "a b c", 1, 2},
		{"cursors in a circle", []string{page("a", "a"), page("b", "b"), page("a", "c")}, "a b c", 1, 3},
		{
			"a broken row in the middle",
			[]string{`{"threads":[{"id":"a"},{"id":"b","done":3},{"id":"c"}],"nextCursor":{"id":"c","timestamp":"t"}}`, page("", "d")},
			"a c d", 1, 2,
		},
		{"a broken page", []string{page("a", "a"), `<html>`}, "a", 1, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var n atomic.Int64
			c := pages(t, &n, tt.pages...)
			ids, errs := walked(c.Threads(t.Context(), inboxapi.ThreadQuery{}), func(th *inboxapi.Thread) string { return th.ID })
			if got := strings.Join(ids, " "); got != tt.ids {
				t.Errorf("threads %q, want %q", got, tt.ids)
			}
			if len(errs) != tt.errs {
				t.Errorf("errors %v, want %d", errs, tt.errs)
			}
			for _, err := range errs {
				if !errors.Is(err, inboxapi.ErrMalformed) {
					t.Errorf("error %v, want ErrMalformed", err)
				}
			}
			if got := int(n.Load()); got != tt.requests {
				t.Errorf("%d requests, want %d", got, tt.requests)
			}
		})
	}
}

func TestWalkStopsAsking(t *testing.T) {
	var n atomic.Int64
	c := pages(t, &n, `{"messages":[{"id":"m2"},{"id":"m1"}],"nextCursor":{"id":"m1","timestamp":"t"}}`)
	for m, err := range c.Messages(t.Context(), "th1", inboxapi.MessageQuery{}) {
		if err != nil || m.ID != "m2" {
			t.Errorf("the newest message is %v, %v", m, err)
		}
		break
	}
	if got := n.Load(); got != 1 {
		t.Errorf("%d requests for one message", got)
	}
}

// A list without end ends, and says that it did not see the end.
func TestWalkIsBounded(t *testing.T) {
	var n atomic.Int64
	c := client(t, serve(t, counted(&n, func(w http.ResponseWriter, r *http.Request) {
		says(200, fmt.Sprintf(`{"messages":[{"id":"m%[1]d"}],"nextCursor":{"id":"m%[1]d","timestamp":"t"}}`, n.Load()))(w, r)
	})))
	ids, errs := walked(c.Messages(t.Context(), "th1", inboxapi.MessageQuery{}), func(m *inboxapi.Message) string { return m.ID })
	if got := n.Load(); got != 1000 || len(ids) != 1000 || len(errs) != 1 {
		t.Errorf("%d requests, %d messages, errors %v", got, len(ids), errs)
	}
}

// The walk hands the cursor back as it came.
func TestWalkFollowsTheCursor(t *testing.T) {
	var got []string
	c := client(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		got = append(got, q.Get("cursorId")+" "+q.Get("cursorTimestamp")+" "+q.Get("limit"))
		if q.Has("cursorId") {
			says(200, `{"messages":[{"id":"m1"}],"nextCursor":null}`)(w, r)
			return
		}
		says(200, `{"messages":[{"id":"m2"}],"nextCursor":{"id":"m2","timestamp":"2026-11-10T18:03:16+00:00 "}}`)(w, r)
	}))
	_, errs := walked(c.Messages(t.Context(), "th1", inboxapi.MessageQuery{Limit: 2}), func(m *inboxapi.Message) string { return m.ID })
	want := []string{"  2", "m2 2026-11-10T18:03:16+00:00  2"}
	if !slices.Equal(got, want) || errs != nil {
		t.Errorf("asked with %q, want %q; errors %v", got, want, errs)
	}
}

func TestOptional(t *testing.T) {
	tests := []struct {
		name  string
		o     inboxapi.Optional[string]
		value *string
		there bool
		json  string
	}{
		{"absent", inboxapi.Optional[string]{}, nil, false, `{}`},
		{"a value", inboxapi.Set("x"), new("x"), true, `{"assigneeId":"x"}`},
		{"the empty value", inboxapi.Set(""), new(""), true, `{"assigneeId":""}`},
		{"null", inboxapi.Clear[string](), nil, true, `{"assigneeId":null}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v, there := tt.o.Get()
			if there != tt.there || (v == nil) != (tt.value == nil) || v != nil && *v != *tt.value {
				t.Errorf("Get: %v, %v", v, there)
			}
			raw, err := json.Marshal(inboxapi.ThreadUpdate{Assignee: tt.o})
			if err != nil || string(raw) != tt.json {
				t.Errorf("encoded as %s (%v), want %s", raw, err, tt.json)
			}
		})
	}
}

// pageSeeds are shapes a page can have, good and bad; %s is the list's name.
var pageSeeds = []string{
	`{"%s":[],"nextCursor":null}`,
	`{"%s":null,"isSyncing":true}`,
	`{"%s":[{"id":"a","createdAt":"2025-11-10T18:03:16.000Z","prospect":{"followerCount":1e9}}],"nextCursor":{"id":"a","timestamp":"2025-11-10T18:03:16.000Z"}}`,
	`{"%s":[{"id":7,"prospect":{"platformId":12345678901234567890,"documentId":3}}]}`,
	`{"%s":[{"id":"a","done":"x","isEdited":[]},null,[],1,"x",{}]}`,
	`{"%s":[{"id":"a","content":"\ud800\u0000"}],"nextCursor":{"id":"","timestamp":""}}`,
	"{\"%s\":[{\"id\":\"\xff\xfe\"}]}",
	`{"%s":[{"id":"e","seq":1e400,"createdAt":"0000-00-00T00:00:00Z"}],"lastSeq":1.5,"hasMore":"no"}`,
	`{"%s":{"id":"a"}}`,
	`<html><title>%s</title>`,
	`[[[[[[[[[[`,
	`null`,
	``,
}

func addPageSeeds(f *testing.F, list string) {
	for _, s := range pageSeeds {
		f.Add([]byte(strings.ReplaceAll(s, "%s", list)))
	}
}

// checkPage is what holds for every page, whatever the bytes were.
func checkPage[T any](t *testing.T, rows []T, id func(T) string, bad []inboxapi.MalformedRow, next *inboxapi.Cursor, err error) {
	if err != nil {
		if !errors.Is(err, inboxapi.ErrMalformed) {
			t.Errorf("error %v, want ErrMalformed", err)
		}
		checkLine(t, err.Error())
		return
	}
	for _, row := range rows {
		if id(row) == "" {
			t.Error("a row without an ID")
		}
	}
	for _, b := range bad {
		if !errors.Is(b.Err, inboxapi.ErrMalformed) {
			t.Errorf("row error %v, want ErrMalformed", b.Err)
		}
		checkLine(t, b.Err.Error())
	}
	if next != nil && (next.ID == "" || next.Timestamp == "") {
		t.Errorf("half a cursor: %+v", next)
	}
}

func checkLine(t *testing.T, s string) {
	if len(s) > 1000 || strings.ContainsAny(s, "\n\r\x1b") || !utf8.ValidString(s) {
		t.Errorf("not fit for a log: %q", s)
	}
}

func FuzzDecodeThreadPage(f *testing.F) {
	addPageSeeds(f, "threads")
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := inboxapi.DecodeThreadPage(body)
		if err != nil {
			p = &inboxapi.ThreadPage{}
		}
		checkPage(t, p.Threads, func(th inboxapi.Thread) string { return th.ID }, p.Malformed, p.Next, err)
		for i := range p.Threads {
			p.Threads[i].SortTime()
		}
	})
}

func FuzzDecodeMessagePage(f *testing.F) {
	addPageSeeds(f, "messages")
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := inboxapi.DecodeMessagePage(body)
		if err != nil {
			p = &inboxapi.MessagePage{}
		}
		checkPage(t, p.Messages, func(m inboxapi.Message) string { return m.ID }, p.Malformed, p.Next, err)
	})
}

func FuzzDecodeEventPage(f *testing.F) {
	addPageSeeds(f, "events")
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := inboxapi.DecodeEventPage(body)
		if err != nil {
			p = &inboxapi.EventPage{}
		}
		checkPage(t, p.Events, func(e inboxapi.Event) string { return e.ID }, p.Malformed, nil, err)
	})
}

// threadPage is a page as the API sends it, of n rows with full profiles.
func threadPage(n int) []byte {
	rows := make([]string, n)
	for i := range rows {
		at := time.Date(2026, 11, 10, 18, 0, i, 0, time.UTC).Format("2006-01-02T15:04:05.000Z")
		rows[i] = fmt.Sprintf(`{"id":"l44e15irdq4db30i77cg%04d","platform":"twitter","platformId":"1566123362161725440:1876543210987654321",
"done":false,"assigneeId":null,"lastMessageTimestamp":%[2]q,"computedSortTimestamp":%[2]q,"createdAt":%[2]q,"status":"active","variant":"xChat",
"accountLinkId":"hz1","isSyncing":false,"isRequest":false,"typingIndicatorsEnabled":null,"lastMessage":{"id":"m%[1]d","content":%[3]q,
"authorId":"px","createdAt":%[2]q,"userId":null,"campaignId":null},"prospect":{"platform":"twitter","platformId":"77","externalId":"px","documentId":null,
"displayName":"Jo","username":"jo","handle":"@jo","image":null,"imageNormalized":null,"bio":%[3]q,"location":"Oslo","profileUrl":"https://x.com/jo",
"websiteUrl":null,"websiteDomain":null,"verified":"none","profileType":"personal","isProtected":false,"followerCount":10,"followingCount":10,
"postCount":10,"engagementCount":null,"listedCount":0,"platformCreatedAt":%[2]q,"firstSeenAt":%[2]q,"lastUpdatedAt":%[2]q,"lastEnrichedAt":null,
"lastActiveAt":null,"source":"cached","isFresh":true,"isStale":false,"confidence":0.9,"platformData":{"isVerifiedBlue":false,"rawData":{"a":[1,2,3]}},
"context":{"tags":["t1"],"statusId":null,"valuation":null,"notes":null}}}`, i, at, strings.Repeat("some words ", 15))
	}
	return []byte(`{"threads":[` + strings.Join(rows, ",") + `],"nextCursor":null}`)
}

func BenchmarkDecodeThreadPage(b *testing.B) {
	body := threadPage(100)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if p, err := inboxapi.DecodeThreadPage(body); err != nil || len(p.Threads) != 100 {
			b.Fatal(err)
		}
	}
}

// One broken row makes the page be read row by row.
func BenchmarkDecodeThreadPageWithBrokenRow(b *testing.B) {
	body := []byte(strings.Replace(string(threadPage(100)), `"done":false`, `"done":"?"`, 1))
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if p, err := inboxapi.DecodeThreadPage(body); err != nil || len(p.Threads) != 99 || len(p.Malformed) != 1 {
			b.Fatal(err)
		}
	}
}
