package inboxapitest_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"inboxbot/inboxapi"
	"inboxbot/inboxapi/inboxapitest"
)

// walk reads all pages of a list.
func walk(a api, path string, limit int) (ids []string, pages int) {
	a.t.Helper()
	next := ""
	for {
		page := get[threadPage](a, fmt.Sprintf("%s&limit=%d%s", path, limit, next))
		for _, row := range page.Threads {
			ids = append(ids, row.ID)
		}
		if pages++; page.NextCursor == nil {
			return ids, pages
		}
		next = "&" + url.Values{"cursorId": {page.NextCursor.ID}, "cursorTimestamp": {page.NextCursor.Timestamp}}.Encode()
	}
}

// Every walk meets every thread once, in order, and ends with the page that holds
// the last: also when many threads have the same time.
func TestThreadPages(t *testing.T) {
	s, a := start(t, inboxapitest.Options{})
	begin := time.Date(2025, 11, 10, 18, 3, 16, 0, time.UTC)
	var want []string
	for i := range 23 {
		at := begin.Add(time.Duration(i/5) * time.Second) // five at a time
		want = append(want, s.AddThread(inboxapitest.NewThread{CreatedAt: at}).ID)
	}
	byID := map[string]int{}
	for i, id := range want {
		byID[id] = i / 5
	}
	slices.SortFunc(want, func(x, y string) int {
		if byID[x] != byID[y] {
			return byID[y] - byID[x]
		}
		return strings.Compare(y, x)
	})
	for _, limit := range []int{1, 2, 5, 22, 23, 24, 100} {
		pages := (23 + limit - 1) / limit
		got, n := walk(a, "/threads?inbox=default", limit)
		if !slices.Equal(got, want) || n != pages {
			t.Errorf("limit %d: %d threads on %d pages, want 23 on %d", limit, len(got), n, pages)
		}
		got, n = walk(a, "/threads?inbox=default&filters[sortOrder]=asc", limit)
		slices.Reverse(got)
		if !slices.Equal(got, want) || n != pages {
			t.Errorf("limit %d ascending: %d threads on %d pages, want 23 on %d", limit, len(got), n, pages)
		}
	}
}

// A thread that gets a message while somebody pages jumps to the front: the rest
// of the walk is not disturbed.
func TestWalkWhileMessagesCome(t *testing.T) {
	s, a := start(t, inboxapitest.Options{})
	var ids []string
	for i := range 6 {
		ids = append(ids, s.AddThread(inboxapitest.NewThread{CreatedAt: time.Now().Add(time.Duration(i-10) * time.Minute)}).ID)
	}
	page := get[threadPage](a, "/threads?inbox=default&limit=2")
	s.Receive(ids[4], "me again") // the cursor's own row
	s.Receive(ids[0], "me too")   // one that was still to come
	rest := get[threadPage](a, "/threads?inbox=default&cursor[id]="+page.NextCursor.ID+"&cursor[timestamp]="+page.NextCursor.Timestamp)
	var got []string
	for _, row := range rest.Threads {
		got = append(got, row.ID)
	}
	if want := []string{ids[3], ids[2], ids[1]}; !slices.Equal(got, want) || rest.NextCursor != nil {
		t.Errorf("got %v then %v, want %v", got, rest.NextCursor, want)
	}
}

// The kinds of threads that TestViews looks for. We wrote last in "answered".
func viewsWorld(s *inboxapitest.Server) map[string]string {
	names := map[string]string{}
	add := func(name string, n inboxapitest.NewThread, inbound, outbound bool) string {
		id := s.AddThread(n).ID
		if inbound {
			s.Receive(id, "hello")
		}
		if outbound {
			s.Write(id, inboxapitest.PersonInX, "hello")
		}
		if n.Archived {
			s.Archive(id, true)
		}
		names[id] = name
		return id
	}
	add("empty", inboxapitest.NewThread{}, false, false)
	add("waiting", inboxapitest.NewThread{}, true, false)
	add("answered", inboxapitest.NewThread{}, true, true)
	add("request", inboxapitest.NewThread{Request: true}, true, false)
	add("idle", inboxapitest.NewThread{Idle: true}, true, false)
	add("archived", inboxapitest.NewThread{Archived: true}, true, false)
	add("archived request", inboxapitest.NewThread{Archived: true, Request: true}, true, false)
	liked := add("answered, then liked", inboxapitest.NewThread{}, true, true)
	s.React(liked, s.Transcript(liked)[1].ID, "👍", true)
	unsaid := add("answer deleted", inboxapitest.NewThread{}, true, true)
	s.DeleteMessage(unsaid, s.Transcript(unsaid)[1].ID)
	return names
}

func TestViews(t *testing.T) {
	ours := []string{"waiting", "answer deleted"}
	active := []string{"empty", "waiting", "answered", "answered, then liked", "answer deleted"}
	for name, tt := range map[string]struct {
		switches inboxapitest.Switches
		query    string
		want     []string
	}{
		"default":                         {inboxapitest.Switches{}, "inbox=default", active},
		"no-reply":                        {inboxapitest.Switches{}, "inbox=no-reply", ours},
		"requests":                        {inboxapitest.Switches{}, "inbox=requests", []string{"request"}},
		"archived":                        {inboxapitest.Switches{}, "inbox=archived", []string{"archived", "archived request"}},
		"no view named":                   {inboxapitest.Switches{}, "", active},
		"no view named means all":         {inboxapitest.Switches{InboxOmittedMeansAll: true}, "", append([]string{"request", "idle", "archived", "archived request"}, active...)},
		"no-reply means their turn":       {inboxapitest.Switches{NoReplyMeansTheirTurn: true}, "inbox=no-reply", []string{"answered", "answered, then liked"}},
		"no-reply counts reactions":       {inboxapitest.Switches{NoReplyCountsReactions: true}, "inbox=no-reply", append([]string{"answered, then liked"}, ours...)},
		"the last message may be deleted": {inboxapitest.Switches{LastMessageMayBeGone: true}, "inbox=no-reply", []string{"waiting"}},
	} {
		t.Run(name, func(t *testing.T) {
			s, a := start(t, inboxapitest.Options{Switches: tt.switches})
			names := viewsWorld(s)
			ids, _ := walk(a, "/threads?"+tt.query, 100)
			var got []string
			for _, id := range ids {
				got = append(got, names[id])
			}
			slices.Sort(got)
			want := slices.Sorted(slices.Values(tt.want))
			if !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestFilters(t *testing.T) {
	s, a := start(t, inboxapitest.Options{})
	one, two := s.AddAccount(inboxapi.AccountLink{}), s.AddAccount(inboxapi.AccountLink{})
	robin := s.AddMember(inboxapi.Member{})
	vip, late, won := s.AddTag("VIP"), s.AddTag("late"), s.AddStatus("Won")
	ids := map[string]string{}
	for name, n := range map[string]inboxapitest.NewThread{
		"plain":    {Account: one.ID},
		"vip":      {Account: one.ID, Tags: []string{"vip"}},
		"late vip": {Account: two.ID, Tags: []string{"VIP", "late"}},
		"late":     {Account: one.ID, Tags: []string{"late"}, Status: "Won"},
		"robin's":  {Account: two.ID, Assignee: robin.Email},
	} {
		ids[s.AddThread(n).ID] = name
	}
	campaign := s.AddThread(inboxapitest.NewThread{Account: one.ID}).ID
	ids[campaign] = "campaign"
	id := *s.Write(campaign, inboxapitest.Campaign, "our sale").CampaignID
	everybody := []string{"campaign", "late", "late vip", "plain", "robin's", "vip"}
	for name, tt := range map[string]struct {
		query string
		want  []string
	}{
		"none":                      {"", everybody},
		"one tag":                   {"filters[tags][selectedIds][0]=" + vip.ID, []string{"late vip", "vip"}},
		"either of two tags":        {"filters[tags][selectedIds][]=" + vip.ID + "&filters[tags][selectedIds][]=" + late.ID, []string{"late", "late vip", "vip"}},
		"two tags, key repeated":    {"filters[tags][selectedIds]=" + vip.ID + "&filters[tags][selectedIds]=" + late.ID, []string{"late", "late vip", "vip"}},
		"brackets escaped":          {"filters%5Btags%5D%5BselectedIds%5D%5B0%5D=" + late.ID, []string{"late", "late vip"}},
		"no tags":                   {"filters[tags][noTags]=true", []string{"campaign", "plain", "robin's"}},
		"false does nothing":        {"filters[tags][noTags]=false", everybody},
		"a tag or none":             {"filters[tags][noTags]=true&filters[tags][selectedIds][0]=" + vip.ID, []string{"campaign", "late vip", "plain", "robin's", "vip"}},
		"a tag and a status":        {"filters[tags][selectedIds][0]=" + late.ID + "&filters[statuses][selectedIds][0]=" + won.ID, []string{"late"}},
		"no status":                 {"filters[statuses][noStatus]=true&filters[tags][selectedIds][0]=" + late.ID, []string{"late vip"}},
		"somebody's":                {"filters[assignees][selectedIds][0]=" + robin.ID, []string{"robin's"}},
		"nobody's":                  {"filters[assignees][noAssignee]=true&filters[tags][noTags]=true", []string{"campaign", "plain"}},
		"by user instead of member": {"filters[assignees][selectedIds][0]=" + robin.UserID, nil},
		"a campaign":                {"filters[campaigns][selectedIds][0]=" + id, []string{"campaign"}},
		"no campaign":               {"filters[campaigns][noCampaign]=true&accountLinkIds[]=" + one.ID, []string{"late", "plain", "vip"}},
		"one account":               {"accountLinkIds[0]=" + two.ID, []string{"late vip", "robin's"}},
		"both accounts":             {"accountLinkIds=" + one.ID + "&accountLinkIds=" + two.ID, everybody},
		"any account":               {"accountLinkIds=", everybody},
		"an account nobody has":     {"accountLinkIds[]=nobody", nil},
		"a tag nobody has":          {"filters[tags][selectedIds][0]=nothing", nil},
	} {
		t.Run(name, func(t *testing.T) {
			found, _ := walk(api{t, a.http}, "/threads?inbox=default&"+tt.query, 2)
			var got []string
			for _, id := range found {
				got = append(got, ids[id])
			}
			slices.Sort(got)
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// What a message does to its thread, by whoever wrote it.
func TestMessagesChangeTheirThread(t *testing.T) {
	for name, tt := range map[string]struct {
		switches inboxapitest.Switches
		thread   inboxapitest.NewThread
		write    func(s *inboxapitest.Server, a api, id string)
		want     string // done, request, variant, last message
	}{
		"inbound alone":              {write: inbound, want: "false false unencrypted hi"},
		"inbound to a request":       {thread: inboxapitest.NewThread{Request: true}, write: inbound, want: "false true unencrypted hi"},
		"inbound reopens":            {thread: inboxapitest.NewThread{Archived: true}, write: inbound, want: "false false unencrypted hi"},
		"inbound stays archived":     {switches: inboxapitest.Switches{InboundStaysArchived: true}, thread: inboxapitest.NewThread{Archived: true}, write: inbound, want: "true false unencrypted hi"},
		"a send accepts the request": {thread: inboxapitest.NewThread{Request: true}, write: both, want: "false false xChat hello"},
		"a send leaves it archived":  {switches: inboxapitest.Switches{InboundStaysArchived: true}, thread: inboxapitest.NewThread{Archived: true}, write: both, want: "true false xChat hello"},
		"a first message":            {switches: inboxapitest.Switches{OutboundAddOn: true}, write: send, want: "false false unencrypted hello"},
	} {
		t.Run(name, func(t *testing.T) {
			s, a := start(t, inboxapitest.Options{Switches: tt.switches})
			id := s.AddThread(tt.thread).ID
			tt.write(s, a, id)
			th := get[inboxapi.Thread](a, "/threads/"+id)
			got := fmt.Sprint(th.Done, th.IsRequest, " ", th.Variant, " ", th.LastMessage.Content)
			if got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			if !th.LastMessageTimestamp.Equal(th.LastMessage.CreatedAt) || !th.ComputedSortTimestamp.Equal(th.LastMessage.CreatedAt) {
				t.Errorf("times %v and %v, want %v", th.LastMessageTimestamp, th.ComputedSortTimestamp, th.LastMessage.CreatedAt)
			}
		})
	}
}

func inbound(s *inboxapitest.Server, _ api, id string) { s.Receive(id, "hi") }
func send(_ *inboxapitest.Server, a api, id string)    { a.send(id, "hello") }
func both(s *inboxapitest.Server, a api, id string) {
	inbound(s, a, id)
	send(s, a, id)
}

func TestTyping(t *testing.T) {
	inBubble(t, inboxapitest.Options{}, func(s *inboxapitest.Server, a api) {
		id := s.AddThread(inboxapitest.NewThread{}).ID
		path := "/threads/" + id
		s.Receive(id, "hi")
		want := func(want string) {
			t.Helper()
			if got := a.do("POST", path+"/typing", "").body; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		}
		want(`{"reason":"unsupported","status":"skipped"}`)
		a.send(id, "hello")
		want(`{"status":"sent"}`)
		want(`{"reason":"rateLimited","status":"skipped"}`)
		time.Sleep(2500 * time.Millisecond)
		want(`{"status":"sent"}`)
		a.do("PATCH", path+"/settings", `{"typingIndicatorsEnabled":false}`)
		want(`{"reason":"typingDisabled","status":"skipped"}`)
	})
}

// One person in two threads: what the team keeps about them is in both at once.
func TestProspectAcrossThreads(t *testing.T) {
	s, a := start(t, inboxapitest.Options{})
	robin := s.AddMember(inboxapi.Member{})
	one := s.AddThread(inboxapitest.NewThread{Username: "jordan"})
	two := s.AddThread(inboxapitest.NewThread{Username: "Jordan", Account: s.AddAccount(inboxapi.AccountLink{}).ID})
	if again := s.AddThread(inboxapitest.NewThread{Username: "jordan"}); again.ID != one.ID || one.ID == two.ID {
		t.Fatalf("threads %s, %s and %s", one.ID, two.ID, again.ID)
	}
	tag := s.AddTag("VIP")
	get[threadPage](a, "/threads?inbox=default") // rows that now go stale
	got := decode[inboxapi.Prospect](a, a.do("PATCH", "/prospects/"+*one.Prospect.ExternalID+"/context",
		`{"notes":"n","addTags":["`+tag.ID+`","`+tag.ID+`"],"assigneeId":"`+robin.ID+`","done":true}`))
	if len(got.Context.Threads) != 2 {
		t.Errorf("%d threads in the context", len(got.Context.Threads))
	}
	for _, row := range get[threadPage](a, "/threads?inbox=archived").Threads {
		c := row.Prospect.Context
		if !slices.Equal(c.Tags, []string{tag.ID}) || text(c.Notes) != "n" || text(row.AssigneeID) != robin.ID || c.Threads != nil {
			t.Errorf("row %s: %+v", row.ID, c)
		}
	}
	s.UntagProspect(two.ID, "vip")
	if names := s.TagNames(one.ID); names != nil {
		t.Errorf("tags %q left", names)
	}
	s.TagProspect(one.ID, "asked us to stop")
	if names := s.TagNames(two.ID); !slices.Equal(names, []string{"asked us to stop"}) {
		t.Errorf("tags %q", names)
	}
}

// Usernames change, and profiles; people stay who they are.
func TestProfileChanges(t *testing.T) {
	s, a := start(t, inboxapitest.Options{})
	id := s.AddThread(inboxapitest.NewThread{Username: "jordan"}).ID
	lookup := func(name string) int {
		return len(get[[]inboxapi.Thread](a, "/threads/lookup-by-username?username="+name))
	}
	if lookup("JORDAN") != 1 {
		t.Error("not found whatever the case")
	}
	s.ChangeProspect(id, func(p *inboxapi.Prospect) { p.Username, p.PlatformID = "jordan_r", "1" })
	s.ChangeThread(id, func(th *inboxapi.Thread) { th.IsRequest, th.ID = true, "1" })
	if lookup("jordan") != 0 || lookup("jordan_r") != 1 {
		t.Error("not found by the new name")
	}
	row := get[threadPage](a, "/threads?inbox=requests").Threads[0]
	if row.ID != id || row.Prospect.Username != "jordan_r" || row.Prospect.PlatformID == "1" {
		t.Errorf("row %s of %s, %s", row.ID, row.Prospect.Username, row.Prospect.PlatformID)
	}
}

// A row that was listed before must show what has changed since.
func TestRowsAreFresh(t *testing.T) {
	s, a := start(t, inboxapitest.Options{})
	s.AddMember(inboxapi.Member{Email: "robin@example.com"})
	id := s.AddThread(inboxapitest.NewThread{Tags: []string{"VIP"}, Status: "Won", CreatedAt: time.Now().Add(-time.Hour)}).ID
	first := s.Receive(id, "hi")
	seen := map[string]string{}
	for name, change := range map[string]func(){
		"message":  func() { s.Receive(id, "hello?") },
		"answer":   func() { a.send(id, "hello") },
		"edit":     func() { s.EditMessage(id, s.Receive(id, "x").ID, "y") },
		"deletion": func() { s.DeleteMessage(id, s.Receive(id, "z").ID) },
		"tag":      func() { s.TagProspect(id, "new") },
		"notes":    func() { s.SetNotes(id, "n") },
		"assignee": func() { s.Assign(id, "Robin@example.com") },
		"syncing":  func() { s.SetSyncing(id, true) },
		"settings": func() { a.do("PATCH", "/threads/"+id+"/settings", `{"typingIndicatorsEnabled":true}`) },
		"status":   func() { a.do("DELETE", "/statuses/"+s.AddStatus("Won").ID, "") },
		"tags":     func() { a.do("DELETE", "/tags/"+s.AddTag("VIP").ID, "") },
	} {
		before := a.do("GET", "/threads/"+id, "").body
		change()
		after := a.do("GET", "/threads/"+id, "").body
		if before == after {
			t.Errorf("%s: the row is as before", name)
		}
		if list := a.do("GET", "/threads?inbox=default", "").body; !strings.Contains(list, after) {
			t.Errorf("%s: the list shows another row than the thread", name)
		}
		if was, ok := seen[after]; ok {
			t.Errorf("%s: the row is as after %s", name, was)
		}
		seen[after] = name
	}
	s.Assign(id, "")
	s.SetNotes(id, "")
	if row, _ := s.Thread(id); row.AssigneeID != nil || row.Prospect.Context.Notes != nil || s.Transcript(id)[0].ID != first.ID {
		t.Errorf("not taken back: %+v", row)
	}
}

func TestSendNeedsAnAccount(t *testing.T) {
	s, a, id := waiting(t, inboxapitest.Options{})
	thread, _ := s.Thread(id)
	for _, status := range []string{inboxapi.AccountOffline, inboxapi.AccountPaused} {
		s.SetAccountStatus(thread.AccountLinkID, status)
		if got := a.send(id, "hi"); got.status != 409 || !strings.Contains(got.body, status) {
			t.Errorf("%s: got %d %s", status, got.status, got.body)
		}
	}
	s.SetAccountStatus(thread.AccountLinkID, inboxapi.AccountActive)
	if got := a.send(id, strings.Repeat("🙂", 10_000)); got.status != 200 {
		t.Errorf("active: got %d %.100s", got.status, got.body)
	}
	s.RemoveAccount(thread.AccountLinkID)
	if got := a.send(id, "hi"); got.status != 409 {
		t.Errorf("removed: got %d %s", got.status, got.body)
	}
	if links := get[[]inboxapi.AccountLink](a, "/account-links"); len(links) != 0 {
		t.Errorf("%d links left", len(links))
	}
}

// The figure of the package: a page of 100 rows in an inbox of 10,000 threads, as
// it is, and when every row has changed since it was last asked for.
func BenchmarkThreadPage(b *testing.B) {
	s := inboxapitest.New(inboxapitest.Options{Limits: inboxapitest.Limits{Minute: -1, Hour: -1, Day: -1}})
	defer s.Close()
	var ids []string
	for range 10_000 {
		ids = append(ids, s.AddThread(inboxapitest.NewThread{}).ID)
		s.Receive(ids[len(ids)-1], "what does it cost?")
	}
	for name, path := range map[string]string{
		"default":            "/threads?inbox=default&limit=100",
		"view with no match": "/threads?inbox=requests&limit=100",
	} {
		b.Run(name, func(b *testing.B) { benchmarkGet(b, s, path, func() {}) })
	}
	b.Run("all changed", func(b *testing.B) {
		benchmarkGet(b, s, "/threads?inbox=default&limit=100", func() {
			b.StopTimer()
			for _, id := range ids[:100] {
				s.Receive(id, "hello?")
			}
			b.StartTimer()
		})
	})
}
