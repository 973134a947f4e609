package inboxapitest_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"inboxbot/inboxapi"
	"inboxbot/inboxapi/inboxapitest"
)

// Pages of messages are newest first, whole, and end with the oldest.
func TestMessagePages(t *testing.T) {
	s, a := start(t, inboxapitest.Options{})
	id := s.AddThread(inboxapitest.NewThread{Syncing: true}).ID
	at := time.Date(2025, 11, 10, 18, 3, 16, 0, time.UTC)
	for i := range 7 { // two at a time
		s.Receive(id, "x", inboxapitest.At(at.Add(time.Duration(i/2)*time.Second)))
	}
	var want []string
	for _, m := range slices.Backward(s.Transcript(id)) {
		want = append(want, m.ID)
	}
	for _, limit := range []string{"1", "3", "6", "7", "8"} {
		var got []string
		next := ""
		for {
			page := get[messagePage](a, "/threads/"+id+"/messages?limit="+limit+next)
			for _, m := range page.Messages {
				got = append(got, m.ID)
			}
			if !page.IsSyncing {
				t.Error("not syncing")
			}
			if page.NextCursor == nil {
				break
			}
			next = "&" + url.Values{"cursor[id]": {page.NextCursor.ID}, "cursor[timestamp]": {page.NextCursor.Timestamp}}.Encode()
		}
		if !slices.Equal(got, want) {
			t.Errorf("limit %s: got %v, want %v", limit, got, want)
		}
	}
	s.SetSyncing(id, false)
	empty := s.AddThread(inboxapitest.NewThread{}).ID
	got := a.do("GET", "/threads/"+empty+"/messages", "").body
	if !strings.Contains(got, `"messages":[],"nextCursor":null,"isSyncing":false`) {
		t.Errorf("empty thread: %s", got)
	}
}

// Messages of one thread written in the same instant stand in the order they came.
func TestBurstKeepsItsOrder(t *testing.T) {
	frozen := time.Date(2025, 11, 10, 18, 3, 16, 0, time.UTC)
	s, _ := start(t, inboxapitest.Options{Now: func() time.Time { return frozen }})
	id := s.AddThread(inboxapitest.NewThread{}).ID
	want := "abcdefgh"
	for _, c := range want {
		s.Receive(id, string(c))
	}
	got := ""
	for i, m := range s.Transcript(id) {
		got += m.Content
		if m.CreatedAt.Sub(frozen) != time.Duration(i)*time.Millisecond {
			t.Errorf("%s at %v", m.Content, m.CreatedAt)
		}
	}
	if got != want {
		t.Errorf("got %s", got)
	}
	older := s.Receive(id, "imported", inboxapitest.At(frozen.Add(-time.Hour)))
	if first := s.Transcript(id)[0]; first.ID != older.ID {
		t.Errorf("an older message is not first but %q", first.Content)
	}
	if thread, _ := s.Thread(id); thread.LastMessage.Content != "h" {
		t.Errorf("an older message is the last: %q", thread.LastMessage.Content)
	}
}

func TestSentMessage(t *testing.T) {
	s, a := start(t, inboxapitest.Options{Switches: inboxapitest.Switches{SentWithoutPlatformID: true}})
	member := s.AddMember(inboxapi.Member{})
	thread := s.AddThread(inboxapitest.NewThread{})
	asked := s.Receive(thread.ID, "what does it cost?")
	m := decode[inboxapi.Message](a, a.do("POST", "/threads/"+thread.ID+"/messages",
		`{"content":"12 € 🙂 \ud800","replyToMessageId":"`+asked.ID+`"}`))
	if m.Content != "12 € 🙂 \ufffd" || m.AuthorID != thread.AccountLinkID || text(m.Origin) != "api" || text(m.UserID) != member.UserID {
		t.Errorf("got %+v", m)
	}
	if m.CampaignID != nil || m.PlatformID != nil || !m.Live() || !strings.Contains(string(m.ReplyData), asked.ID) {
		t.Errorf("got %+v", m)
	}
}

// A message that is changed after it was listed.
func TestEditsAndDeletions(t *testing.T) {
	for name, tt := range map[string]struct {
		switches inboxapitest.Switches
		change   func(s *inboxapitest.Server, id, message string)
		last     string // content of the row's last message
		listed   string // contents, newest first; deleted and failed ones in brackets
	}{
		"nothing":                    {inboxapitest.Switches{}, func(*inboxapitest.Server, string, string) {}, "two", "two one"},
		"edited":                     {inboxapitest.Switches{}, func(s *inboxapitest.Server, id, m string) { s.EditMessage(id, m, "2") }, "2", "2 one"},
		"deleted":                    {inboxapitest.Switches{}, (*inboxapitest.Server).DeleteMessage, "one", "(two) one"},
		"failed":                     {inboxapitest.Switches{}, (*inboxapitest.Server).FailMessage, "two", "(two) one"},
		"deleted and dropped":        {inboxapitest.Switches{DropsDeleted: true}, (*inboxapitest.Server).DeleteMessage, "one", "one"},
		"deleted and still the last": {inboxapitest.Switches{LastMessageMayBeGone: true}, (*inboxapitest.Server).DeleteMessage, "two", "(two) one"},
	} {
		t.Run(name, func(t *testing.T) {
			s, a := start(t, inboxapitest.Options{Switches: tt.switches})
			id := s.AddThread(inboxapitest.NewThread{}).ID
			s.Receive(id, "one")
			second := s.Receive(id, "two")
			before := get[inboxapi.Thread](a, "/threads/"+id)
			tt.change(s, id, second.ID)
			row := get[inboxapi.Thread](a, "/threads/"+id)
			if row.LastMessage.Content != tt.last || !row.SortTime().Equal(before.SortTime()) {
				t.Errorf("last message %q, lifted by %v", row.LastMessage.Content, row.SortTime().Sub(before.SortTime()))
			}
			var listed []string
			for _, m := range get[messagePage](a, "/threads/"+id+"/messages").Messages {
				if m.Live() {
					listed = append(listed, m.Content)
				} else {
					listed = append(listed, "("+m.Content+")")
				}
			}
			if got := strings.Join(listed, " "); got != tt.listed {
				t.Errorf("listed %s, want %s", got, tt.listed)
			}
		})
	}
}

func TestHistoryAndReactions(t *testing.T) {
	s, a := start(t, inboxapitest.Options{})
	id := s.AddThread(inboxapitest.NewThread{}).ID
	inbound := s.Receive(id, "hi")
	sent := decode[inboxapi.Message](a, a.send(id, "one"))
	path := "/threads/" + id + "/messages/" + sent.ID
	a.do("PATCH", path, content("two"))
	a.do("PATCH", path, content("three"))
	a.do("DELETE", path, `{}`)
	type history struct {
		Versions []inboxapi.Message
		Deletion *struct{ DeletionType, Origin string }
	}
	got := get[history](a, path+"/history")
	var versions []string
	for _, v := range got.Versions {
		versions = append(versions, v.Content)
	}
	if !slices.Equal(versions, []string{"one", "two", "three"}) || got.Deletion == nil || got.Deletion.DeletionType != "all" {
		t.Errorf("got %q, %+v", versions, got.Deletion)
	}
	if got := a.do("PATCH", "/threads/"+id+"/messages/"+inbound.ID, content("mine")); got.status != 403 {
		t.Errorf("editing theirs: %d", got.status)
	}
	if got := a.do("PATCH", "/threads/"+id+"/settings", ""); got.status != 200 {
		t.Errorf("settings without a body: %d %s", got.status, got.body)
	}

	s.React(id, inbound.ID, "👍", true)
	reactions := "/threads/" + id + "/messages/" + inbound.ID + "/reactions/reactions"
	a.do("POST", reactions, `{"emoji":"👍"}`)
	a.do("DELETE", reactions, `{"emoji":"👍"}`) // ours only
	a.do("DELETE", reactions, `{"emoji":"👍"}`) // not there any more
	thread, _ := s.Thread(id)
	left := s.Transcript(id)[0].Reactions
	if len(left) != 1 || !strings.Contains(string(left[0]), thread.Prospect.PlatformID) {
		t.Errorf("reactions left: %s", left)
	}
}

// X's conversation ID has the numerically smaller user first.
func TestConversationID(t *testing.T) {
	for name, tt := range map[string]struct{ account, prospect, want string }{
		"account smaller":          {"15", "16", "15:16"},
		"prospect smaller":         {"16", "15", "15:16"},
		"shorter is smaller":       {"1876543210987654321", "99", "99:1876543210987654321"},
		"shorter is still smaller": {"99", "1876543210987654321", "99:1876543210987654321"},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := start(t, inboxapitest.Options{})
			account := s.AddAccount(inboxapi.AccountLink{PlatformID: tt.account})
			thread := s.AddThread(inboxapitest.NewThread{
				Account: account.ID, Profile: func(p *inboxapi.Prospect) { p.PlatformID = tt.prospect },
			})
			if text(thread.PlatformID) != tt.want {
				t.Errorf("got %s, want %s", text(thread.PlatformID), tt.want)
			}
		})
	}
}

// No query and no body makes the simulator panic, hang or answer anything but JSON.
func FuzzRequest(f *testing.F) {
	f.Add("GET", "/threads?inbox=default&limit=1", "")
	f.Add("GET", "/threads?filters[tags][selectedIds][0]=a&filters[tags][noTags]=true", "")
	f.Add("GET", "/threads?cursor[id]=a&cursor[timestamp]=2025-11-10T18:03:16.000Z", "")
	f.Add("GET", "/threads?cursorId=a&cursorTimestamp=0000-01-01T00:00:00Z", "")
	f.Add("GET", "/threads?accountLinkIds[-1]=a&accountLinkIds[99999999999999999999]=b", "")
	f.Add("GET", "/events?afterSeq=9007199254740991&limit=1000", "")
	f.Add("POST", "/threads/messages", `{"accountLinkId":"a","externalPlatformId":"1","content":"x"}`)
	f.Add("POST", "/threads", `{"accountLinkId":"a","externalId":null}`)
	f.Add("PATCH", "/threads/lookup", `{"done":true}`)
	f.Add("POST", "/tags", `{"name":"\u0000","color":{}}`)
	f.Add("DELETE", "/threads/%2F", "null")
	f.Fuzz(func(t *testing.T, method, path, body string) {
		r, err := http.NewRequestWithContext(t.Context(), method, "http://inbox.test/api/v1"+path, strings.NewReader(body))
		if err != nil {
			t.Skip("not a request")
		}
		r.Header.Set("Authorization", "Bearer token")
		r.Header.Set("Content-Type", "application/json")
		s := inboxapitest.New(inboxapitest.Options{Switches: inboxapitest.Switches{OutboundAddOn: true}})
		defer s.Close()
		s.AddAccount(inboxapi.AccountLink{ID: "a"})
		s.Receive(s.AddThread(inboxapitest.NewThread{Tags: []string{"VIP"}}).ID, "hi")
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code >= 500 || !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s %q %q: %d %s", method, path, body, w.Code, w.Body)
		}
	})
}
