package inboxapitest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"inboxbot/inboxapi"
	"inboxbot/inboxapi/inboxapitest"
	"inboxbot/inboxapi/inboxapitest/contract"
)

// start returns a Server that ends with the test, and a client of it. Every
// request and answer is held to the API's document.
func start(t *testing.T, o inboxapitest.Options) (*inboxapitest.Server, api) {
	t.Helper()
	o.Wrap = func(h http.Handler) http.Handler { return contract.Middleware(t, h) }
	return startFreely(t, o)
}

// startFreely is start for tests that break the document on purpose.
func startFreely(t *testing.T, o inboxapitest.Options) (*inboxapitest.Server, api) {
	t.Helper()
	s := inboxapitest.New(o)
	t.Cleanup(func() { _ = s.Close() })
	return s, api{t, s.HTTPClient()}
}

// api is a client that knows no more than HTTP and JSON.
type api struct {
	t    testing.TB
	http *http.Client
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// try makes one request. A body that begins with "{" is sent as JSON.
func (a api) try(method, path, body string) (answer, error) {
	a.t.Helper()
	r, err := http.NewRequestWithContext(a.t.Context(), method, inboxapitest.BaseURL+path, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer token")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	res, err := a.http.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, string(text)}, err
}

// do is try for requests that must be answered.
func (a api) do(method, path, body string) answer {
	a.t.Helper()
	got, err := a.try(method, path, body)
	if err != nil {
		a.t.Fatalf("%s %s: %v", method, path, err)
	}
	return got
}

// get is do for reads that must succeed, decoded.
func get[T any](a api, path string) T {
	a.t.Helper()
	return decode[T](a, a.do("GET", path, ""))
}

func decode[T any](a api, got answer) T {
	a.t.Helper()
	var v T
	if got.status != http.StatusOK {
		a.t.Fatalf("status %d: %s", got.status, got.body)
	}
	if err := json.Unmarshal([]byte(got.body), &v); err != nil {
		a.t.Fatalf("%v in %s", err, got.body)
	}
	return v
}

// send answers a thread.
func (a api) send(threadID, text string) answer {
	a.t.Helper()
	return a.do("POST", "/threads/"+threadID+"/messages", content(text))
}

func content(text string) string {
	b, _ := json.Marshal(map[string]string{"content": text})
	return string(b)
}

type cursor struct{ ID, Timestamp string }

type threadPage struct {
	Threads    []inboxapi.Thread
	NextCursor *cursor
}

type messagePage struct {
	Messages   []inboxapi.Message
	NextCursor *cursor
	IsSyncing  bool
}

// waiting returns a Server with one thread that waits for us.
func waiting(t *testing.T, o inboxapitest.Options) (*inboxapitest.Server, api, string) {
	t.Helper()
	s, a := startFreely(t, o)
	thread := s.AddThread(inboxapitest.NewThread{Username: "jordan"})
	s.Receive(thread.ID, "what does it cost?")
	return s, a, thread.ID
}

func TestErrorShapes(t *testing.T) {
	for name, tt := range map[string]struct {
		shape inboxapitest.ErrorShape
		want  string
	}{
		"none said":  {0, `{"error":{"code":"THREAD_NOT_FOUND","message":"Thread with ID 'nobody' not found","status":404}}`},
		"documented": {inboxapitest.ShapeDocumented, `{"error":{"code":"THREAD_NOT_FOUND","message":"Thread with ID 'nobody' not found","status":404}}`},
		"old":        {inboxapitest.ShapeOld, `{"error":"Not Found","message":"Thread with ID 'nobody' not found"}`},
		"framework":  {inboxapitest.ShapeFramework, `{"code":"THREAD_NOT_FOUND","data":null,"defined":false,"message":"Thread with ID 'nobody' not found","status":404}`},
		"proxy":      {inboxapitest.ShapeHTML, "<!DOCTYPE html>\n<html><head><title>404 Not Found</title></head><body><h1>Not Found</h1></body></html>\n"},
	} {
		t.Run(name, func(t *testing.T) {
			_, a := start(t, inboxapitest.Options{Switches: inboxapitest.Switches{ErrorShape: tt.shape}})
			got := a.do("GET", "/threads/nobody", "")
			if got.status != http.StatusNotFound || got.body != tt.want {
				t.Errorf("got %d %s, want 404 %s", got.status, got.body, tt.want)
			}
		})
	}
}

// What a request is refused for. None of these may reach the world.
func TestRefused(t *testing.T) {
	long, tooLong := strings.Repeat("ü", 10_000), strings.Repeat("ü", 10_001)
	for name, tt := range map[string]struct {
		method, path, body string
		status             int
		code               string
	}{
		"id with capitals":             {"GET", "/threads/ABC", "", 400, "BAD_REQUEST"},
		"unknown thread":               {"GET", "/threads/1876543210987654321", "", 404, "THREAD_NOT_FOUND"},
		"unknown prospect":             {"GET", "/prospects/nobody", "", 404, "PROSPECT_NOT_FOUND"},
		"unknown member":               {"GET", "/members/nobody", "", 404, "NOT_FOUND"},
		"unknown tag":                  {"DELETE", "/tags/nobody", "", 404, "NOT_FOUND"},
		"unknown status":               {"GET", "/statuses/nobody", "", 404, "NOT_FOUND"},
		"unknown message":              {"GET", "/threads/{thread}/messages/nobody/history", "", 404, "NOT_FOUND"},
		"unknown path":                 {"GET", "/nothing", "", 404, "NOT_FOUND"},
		"path with a slash too many":   {"GET", "/threads/", "", 404, "NOT_FOUND"},
		"path that is not clean":       {"GET", "/threads//lookup", "", 404, "NOT_FOUND"},
		"wrong method":                 {"DELETE", "/team", "", 405, "METHOD_NOT_SUPPORTED"},
		"literal path as an id":        {"PATCH", "/threads/lookup", "{}", 404, "THREAD_NOT_FOUND"},
		"view nobody knows":            {"GET", "/threads?inbox=everything", "", 400, "BAD_REQUEST"},
		"view left empty":              {"GET", "/threads?inbox=", "", 400, "BAD_REQUEST"},
		"limit 0":                      {"GET", "/threads?limit=0", "", 400, "BAD_REQUEST"},
		"limit 101":                    {"GET", "/threads?limit=101", "", 400, "BAD_REQUEST"},
		"limit in words":               {"GET", "/threads?limit=ten", "", 400, "BAD_REQUEST"},
		"limit twice":                  {"GET", "/threads?limit=1&limit=2", "", 400, "BAD_REQUEST"},
		"half a cursor":                {"GET", "/threads?cursorId=abc", "", 400, "BAD_REQUEST"},
		"half an object cursor":        {"GET", "/threads?cursor[timestamp]=2025-11-10T18:03:16.000Z", "", 400, "BAD_REQUEST"},
		"both cursors":                 {"GET", "/threads?cursorId=abc&cursorTimestamp=2025-11-10T18:03:16.000Z&cursor[id]=abc", "", 400, "BAD_REQUEST"},
		"cursor without a time":        {"GET", "/threads?cursorId=abc&cursorTimestamp=yesterday", "", 400, "BAD_REQUEST"},
		"cursor without an id":         {"GET", "/threads?cursorId=A-B&cursorTimestamp=2025-11-10T18:03:16.000Z", "", 400, "BAD_REQUEST"},
		"one bare account link":        {"GET", "/threads?accountLinkIds=abc", "", 400, "BAD_REQUEST"},
		"account link with capitals":   {"GET", "/threads?accountLinkIds[]=ABC", "", 400, "BAD_REQUEST"},
		"flag that is no boolean":      {"GET", "/threads?filters[tags][noTags]=yes", "", 400, "BAD_REQUEST"},
		"order nobody knows":           {"GET", "/threads?filters[sortOrder]=random", "", 400, "BAD_REQUEST"},
		"broken escape":                {"GET", "/threads?limit=%zz", "", 400, "BAD_REQUEST"},
		"messages limit 101":           {"GET", "/threads/{thread}/messages?limit=101", "", 400, "BAD_REQUEST"},
		"messages half a cursor":       {"GET", "/threads/{thread}/messages?cursorId=abc", "", 400, "BAD_REQUEST"},
		"events limit 1001":            {"GET", "/events?limit=1001", "", 400, "BAD_REQUEST"},
		"events before the first":      {"GET", "/events?afterSeq=-1", "", 400, "BAD_REQUEST"},
		"lookup without account":       {"GET", "/threads/lookup?externalPlatformId=1", "", 400, "BAD_REQUEST"},
		"lookup without a person":      {"GET", "/threads/lookup?accountLinkId=abc", "", 400, "BAD_REQUEST"},
		"lookup of no name":            {"GET", "/threads/lookup-by-username", "", 400, "BAD_REQUEST"},
		"lookup of no platform id":     {"GET", "/prospects/lookup", "", 400, "BAD_REQUEST"},
		"send nothing":                 {"POST", "/threads/{thread}/messages", `{"content":""}`, 400, "BAD_REQUEST"},
		"send without content":         {"POST", "/threads/{thread}/messages", `{"text":"hi"}`, 400, "BAD_REQUEST"},
		"send null":                    {"POST", "/threads/{thread}/messages", `{"content":null}`, 400, "BAD_REQUEST"},
		"send a number":                {"POST", "/threads/{thread}/messages", `{"content":7}`, 400, "BAD_REQUEST"},
		"send broken JSON":             {"POST", "/threads/{thread}/messages", `{"content":"hi"`, 400, "BAD_REQUEST"},
		"send a list":                  {"POST", "/threads/{thread}/messages", `["hi"]`, 400, "BAD_REQUEST"},
		"send JSON null":               {"POST", "/threads/{thread}/messages", `null`, 400, "BAD_REQUEST"},
		"send no body":                 {"POST", "/threads/{thread}/messages", ``, 400, "BAD_REQUEST"},
		"send one character too many":  {"POST", "/threads/{thread}/messages", content(tooLong), 422, "UNPROCESSABLE_CONTENT"},
		"send more than a server eats": {"POST", "/threads/{thread}/messages", content(strings.Repeat(long, 60)), 413, "PAYLOAD_TOO_LARGE"},
		"send to nowhere":              {"POST", "/threads/nowhere/messages", content("hi"), 404, "THREAD_NOT_FOUND"},
		"reply to no message":          {"POST", "/threads/{thread}/messages", `{"content":"hi","replyToMessageId":"nothing"}`, 404, "NOT_FOUND"},
		"first message to a stranger":  {"POST", "/threads/{empty}/messages", content("hi"), 403, "FORBIDDEN"},
		"quick send to a stranger":     {"POST", "/threads/messages", `{"accountLinkId":"{account}","externalPlatformId":"77","content":"hi"}`, 403, "FORBIDDEN"},
		"quick send to no account":     {"POST", "/threads/messages", `{"accountLinkId":"nobody","externalPlatformId":"77","content":"hi"}`, 404, "NOT_FOUND"},
		"quick send to nobody":         {"POST", "/threads/messages", `{"accountLinkId":"{account}","content":"hi"}`, 400, "BAD_REQUEST"},
		"edit on a plain thread":       {"PATCH", "/threads/{thread}/messages/{message}", content("hi"), 409, "CONFLICT"},
		"delete on a plain thread":     {"DELETE", "/threads/{thread}/messages/{message}", "", 409, "CONFLICT"},
		"archive with a word":          {"PATCH", "/threads/{thread}", `{"done":"yes"}`, 400, "BAD_REQUEST"},
		"archive with null":            {"PATCH", "/threads/{thread}", `{"done":null}`, 400, "BAD_REQUEST"},
		"assign to nobody known":       {"PATCH", "/threads/{thread}", `{"assigneeId":"nobody"}`, 404, "NOT_FOUND"},
		"tag nobody made":              {"PATCH", "/prospects/{prospect}/context", `{"addTags":["nothing"]}`, 404, "NOT_FOUND"},
		"tags that are no list":        {"PATCH", "/prospects/{prospect}/context", `{"addTags":"vip"}`, 400, "BAD_REQUEST"},
		"valuation in words":           {"PATCH", "/prospects/{prospect}/context", `{"valuation":"much"}`, 400, "BAD_REQUEST"},
		"tag without a name":           {"POST", "/tags", `{"color":"red"}`, 400, "BAD_REQUEST"},
		"tag with an empty name":       {"POST", "/tags", `{"name":""}`, 400, "BAD_REQUEST"},
		"tag with a long name":         {"POST", "/tags", `{"name":"` + strings.Repeat("x", 256) + `"}`, 400, "BAD_REQUEST"},
		"tag that is there":            {"POST", "/tags", `{"name":"vip"}`, 409, "CONFLICT"},
		"status that is there":         {"POST", "/statuses", `{"name":"WON"}`, 409, "CONFLICT"},
	} {
		t.Run(name, func(t *testing.T) {
			s, a, id := waiting(t, inboxapitest.Options{})
			s.AddTag("VIP")
			s.AddStatus("Won")
			thread, _ := s.Thread(id)
			empty := s.AddThread(inboxapitest.NewThread{Username: "stranger"})
			fill := strings.NewReplacer("{thread}", id, "{empty}", empty.ID, "{account}", thread.AccountLinkID,
				"{prospect}", *thread.Prospect.ExternalID, "{message}", thread.LastMessage.ID)
			got := a.do(tt.method, fill.Replace(tt.path), fill.Replace(tt.body))
			if got.status != tt.status || !strings.Contains(got.body, `"code":"`+tt.code+`"`) {
				t.Errorf("got %d %.200s, want %d %s", got.status, got.body, tt.status, tt.code)
			}
			if n := len(s.Transcript(id)) + len(s.Threads()); n != 3 {
				t.Errorf("the world changed: %d messages and threads, want 3", n)
			}
		})
	}
}

func TestTokens(t *testing.T) {
	for name, tt := range map[string]struct {
		accepted, header string
		want             int
	}{
		"any token will do":     {"", "Bearer ibt_1", 200},
		"no token":              {"", "", 401},
		"an empty token":        {"", "Bearer ", 401},
		"another scheme":        {"", "Basic abc", 401},
		"the token":             {"ibt_1", "Bearer ibt_1", 200},
		"another token":         {"ibt_1", "Bearer ibt_2", 401},
		"the token and a bit":   {"ibt_1", "Bearer ibt_1 ", 401},
		"the token, no scheme":  {"ibt_1", "ibt_1", 401},
		"nothing, one accepted": {"ibt_1", "", 401},
	} {
		t.Run(name, func(t *testing.T) {
			s := inboxapitest.New(inboxapitest.Options{Token: tt.accepted})
			defer s.Close()
			r := httptest.NewRequestWithContext(t.Context(), "GET", "/api/v1/team", nil)
			r.Header["Authorization"] = []string{tt.header}
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			if w.Code != tt.want {
				t.Errorf("got %d, want %d", w.Code, tt.want)
			}
			counted := s.Requests()["team.get"] == 1
			if counted != (tt.want == 200) {
				t.Errorf("counted against the quota: %v", counted)
			}
		})
	}
}

// Who wrote a message shows in four fields, and only in those.
func TestHands(t *testing.T) {
	s, _, id := waiting(t, inboxapitest.Options{})
	member := s.AddMember(inboxapi.Member{Email: "robin@example.com"})
	thread, _ := s.Thread(id)
	prospect := *thread.Prospect.ExternalID
	for name, tt := range map[string]struct {
		got                        inboxapi.Message
		author, origin, user, camp string
	}{
		"prospect":         {s.Receive(id, "x"), prospect, "external", "", ""},
		"person in Inbox":  {s.Write(id, inboxapitest.PersonInInbox, "x"), thread.AccountLinkID, "internal", member.UserID, ""},
		"person in X":      {s.Write(id, inboxapitest.PersonInX, "x"), thread.AccountLinkID, "external", "", ""},
		"campaign":         {s.Write(id, inboxapitest.Campaign, "x"), thread.AccountLinkID, "internal", "", "set"},
		"other API client": {s.Write(id, inboxapitest.OtherAPIClient, "x"), thread.AccountLinkID, "api", member.UserID, ""},
		"legacy row":       {s.Write(id, inboxapitest.LegacyRow, "x"), thread.AccountLinkID, "", "", ""},
		"removed account":  {s.Write(id, inboxapitest.PersonInX, "x", inboxapitest.By("gone")), "gone", "external", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			m := tt.got
			if m.AuthorID != tt.author || text(m.Origin) != tt.origin || text(m.UserID) != tt.user {
				t.Errorf("author %s origin %q user %q", m.AuthorID, text(m.Origin), text(m.UserID))
			}
			if (m.CampaignID != nil) != (tt.camp != "") {
				t.Errorf("campaign %q", text(m.CampaignID))
			}
		})
	}
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func TestProspectAuthorSwitch(t *testing.T) {
	for name, tt := range map[string]struct {
		author inboxapitest.ProspectAuthor
		null   bool
		want   func(inboxapi.Prospect) string
	}{
		"the external id":              {"", false, func(p inboxapi.Prospect) string { return *p.ExternalID }},
		"the platform id if none":      {inboxapitest.AuthorExternal, true, func(p inboxapi.Prospect) string { return p.PlatformID }},
		"the platform id":              {inboxapitest.AuthorPlatform, false, func(p inboxapi.Prospect) string { return p.PlatformID }},
		"an id that is found nowhere":  {inboxapitest.AuthorLegacy, false, nil},
		"the same for one not known":   {inboxapitest.AuthorLegacy, true, nil},
		"platform, and one not known ": {inboxapitest.AuthorPlatform, true, func(p inboxapi.Prospect) string { return p.PlatformID }},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := start(t, inboxapitest.Options{Switches: inboxapitest.Switches{ProspectAuthor: tt.author}})
			thread := s.AddThread(inboxapitest.NewThread{NullExternalID: tt.null})
			m := s.Receive(thread.ID, "hi")
			if tt.want != nil && m.AuthorID != tt.want(thread.Prospect) {
				t.Errorf("authorId %s", m.AuthorID)
			}
			if tt.want == nil && !strings.HasPrefix(m.AuthorID, "user_") {
				t.Errorf("authorId %s is not opaque", m.AuthorID)
			}
		})
	}
}

// The bytes of one message, so that a change of the wire is seen in review.
func TestWire(t *testing.T) {
	at := time.Date(2025, 11, 10, 18, 3, 16, 0, time.UTC)
	s, a := start(t, inboxapitest.Options{Now: func() time.Time { return at }, Seed: 7})
	thread := s.AddThread(inboxapitest.NewThread{Username: "jordan"})
	m := s.Receive(thread.ID, "")
	got := a.do("GET", "/threads/"+thread.ID+"/messages", "").body
	want := `{"teamId":"` + m.TeamID + `","threadId":"` + thread.ID + `","messages":[{"id":"` + m.ID + `","teamId":"` + m.TeamID +
		`","threadId":"` + thread.ID + `","platform":"twitter","platformId":"` + *m.PlatformID + `","content":"","authorId":"` + m.AuthorID +
		`","userId":null,"campaignId":null,"origin":"external","isEncrypted":false,"isEdited":false,` +
		`"createdAt":"2025-11-10T18:03:16.000Z","updatedAt":null,"deletedAt":null,"platformDeletedAt":null,"replyData":null,` +
		`"forwardData":null,"entities":null,"attachment":null,"reactions":[]}],"nextCursor":null,"isSyncing":false}`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestSeedDecidesIDs(t *testing.T) {
	id := func(seed uint64) string {
		s, _ := start(t, inboxapitest.Options{Seed: seed})
		return s.AddThread(inboxapitest.NewThread{}).ID
	}
	one, again, two := id(1), id(1), id(2)
	if one != again || one == two {
		t.Errorf("seed 1: %s, then %s; seed 2: %s", one, again, two)
	}
}
