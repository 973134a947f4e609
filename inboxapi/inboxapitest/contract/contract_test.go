package contract

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"inboxbot/inboxapi"
	"inboxbot/inboxapi/inboxapitest"
)

// witness is a test that keeps what it is told.
type witness struct {
	testing.TB
	errors   []string
	cleanups []func()
}

func (w *witness) Helper()          {}
func (w *witness) Cleanup(f func()) { w.cleanups = append(w.cleanups, f) }
func (w *witness) Errorf(format string, v ...any) {
	w.errors = append(w.errors, fmt.Sprintf(format, v...))
}

func needDocument(t *testing.T) {
	t.Helper()
	if !Available() {
		t.Skip("the API's OpenAPI document is not here")
	}
}

func ask(t *testing.T, h http.Handler, method, path, contentType, body string) {
	r := httptest.NewRequestWithContext(t.Context(), method, basePath+path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer token")
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	h.ServeHTTP(httptest.NewRecorder(), r)
}

func TestRequestsHeldToTheDocument(t *testing.T) {
	needDocument(t)
	const asJSON = "application/json"
	for name, tt := range map[string]struct {
		method, path, contentType, body string
		want                            string // part of the error; "" for none
	}{
		"plain list":               {"GET", "/threads?inbox=default&limit=100", "", "", ""},
		"encoded brackets":         {"GET", "/threads?filters%5Btags%5D%5BselectedIds%5D%5B0%5D=a", "", "", ""},
		"flag":                     {"GET", "/threads?filters[tags][noTags]=true", "", "", ""},
		"one of a list":            {"GET", "/threads?accountLinkIds[]=a", "", "", ""},
		"path not in the document": {"GET", "/chats", "", "", "not in the document"},
		"method not there":         {"PUT", "/team", "", "", "not in the document"},
		"misspelt parameter":       {"GET", "/threads?view=default", "", "", `"view" is not in the document`},
		"misspelt filter":          {"GET", "/threads?filters[tag][noTags]=true", "", "", `"tag" is not in the document`},
		"view nobody knows":        {"GET", "/threads?inbox=all", "", "", "inbox"},
		"limit too large":          {"GET", "/threads?limit=101", "", "", "limit"},
		"limit in words":           {"GET", "/threads?limit=many", "", "", "limit"},
		"flag in words":            {"GET", "/threads?filters[tags][noTags]=yes", "", "", "noTags"},
		"bare value for a list":    {"GET", "/threads?accountLinkIds=a", "", "", "accountLinkIds"},
		"list with a wrong id":     {"GET", "/threads?accountLinkIds[]=A-B", "", "", "accountLinkIds"},
		"half an object cursor":    {"GET", "/threads?cursor[id]=a", "", "", "cursor"},
		"time that is none":        {"GET", "/threads?cursorId=a&cursorTimestamp=now", "", "", "cursorTimestamp"},
		"id with a dash":           {"GET", "/threads/a-b", "", "", "threadId"},
		"required one is missing":  {"GET", "/prospects/lookup", "", "", "platformId: required"},
		"send":                     {"POST", "/threads/a/messages", asJSON, `{"content":"hi"}`, ""},
		"send nothing":             {"POST", "/threads/a/messages", asJSON, `{"content":""}`, "content"},
		"send by the old name":     {"POST", "/threads/a/messages", asJSON, `{"text":"hi"}`, "content"},
		"send no body":             {"POST", "/threads/a/messages", asJSON, ``, "no body"},
		"send a form":              {"POST", "/threads/a/messages", "application/x-www-form-urlencoded", `content=hi`, "content type"},
		"send half":                {"POST", "/threads/a/messages", asJSON, `{"content":`, "body"},
		"body on a read":           {"GET", "/team", asJSON, `{}`, "a body"},
		"unassign":                 {"PATCH", "/threads/a", asJSON, `{"assigneeId":null}`, ""},
		"archive with null":        {"PATCH", "/threads/a", asJSON, `{"done":null}`, "done"},
	} {
		t.Run(name, func(t *testing.T) {
			w := &witness{TB: t}
			empty := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
			ask(t, Middleware(w, empty), tt.method, tt.path, tt.contentType, tt.body)
			got := strings.Join(w.errors, "\n")
			if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// Every field of real answers is dropped, and every value replaced by one of
// another type: the document must notice wherever it says anything.
func TestAnswersHeldToTheDocument(t *testing.T) {
	needDocument(t)
	s := inboxapitest.New(inboxapitest.Options{})
	t.Cleanup(func() { _ = s.Close() })
	id := s.AddThread(inboxapitest.NewThread{Tags: []string{"VIP"}, Status: "Won"}).ID
	s.AddMember(inboxapi.Member{})
	s.Receive(id, "hi")
	thread, _ := s.Thread(id)
	for _, path := range []string{
		"/team", "/threads?inbox=default", "/threads/" + id, "/threads/" + id + "/messages", "/account-links", "/members",
		"/tags", "/statuses", "/prospects/" + *thread.Prospect.ExternalID, "/events", "/colors",
		"/threads/" + id + "/messages/" + thread.LastMessage.ID + "/history",
	} {
		t.Run(path, func(t *testing.T) {
			w := httptest.NewRecorder()
			r := httptest.NewRequestWithContext(t.Context(), "GET", basePath+path, nil)
			r.Header.Set("Authorization", "Bearer token")
			s.ServeHTTP(w, r)
			if got := violations(t, path, w.Body.Bytes()); got != nil {
				t.Fatalf("as it is: %q", got)
			}
			var v any
			if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
				t.Fatal(err)
			}
			mutate(t, "", v, func(what string) {
				body, _ := json.Marshal(v)
				if violations(t, path, body) == nil {
					t.Errorf("%s went unnoticed", what)
				}
			})
		})
	}
}

// free are fields the document leaves out or says nothing about.
var free = []string{"replyData", "forwardData", "entities", "attachment", "expandedData", "rawData", "data", "context/threads"}

// mutate changes one thing of v after the other, calls check, and takes it back.
func mutate(t *testing.T, at string, v any, check func(what string)) {
	switch v := v.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			was := v[key]
			here := at + "/" + key
			if slices.ContainsFunc(free, func(f string) bool { return strings.HasSuffix(here, "/"+f) }) {
				continue
			}
			delete(v, key)
			check("without " + here)
			if _, same := was.(map[string]any); !same {
				v[key] = map[string]any{"an": "object"}
				check("an object for " + here)
			}
			v[key] = was
			mutate(t, here, was, check)
		}
	case []any:
		for _, item := range v {
			mutate(t, at+"/0", item, check)
		}
	}
}

// violations returns what the document has against an answer to a read.
func violations(t *testing.T, path string, body []byte) []string {
	t.Helper()
	w := &witness{TB: t}
	ask(t, Middleware(w, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = bytes.NewReader(body).WriteTo(w)
	})), "GET", path, "", "")
	return w.errors
}

func TestNothingAfterTheEnd(t *testing.T) {
	needDocument(t)
	w := &witness{TB: t}
	h := Middleware(w, http.NotFoundHandler())
	for _, f := range w.cleanups {
		f()
	}
	ask(t, h, "GET", "/chats", "", "")
	if len(w.errors) != 0 {
		t.Errorf("an ended test was told %q", w.errors)
	}
}
