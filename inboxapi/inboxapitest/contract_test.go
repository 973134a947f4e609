package inboxapitest_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"inboxbot/inboxapi"
	"inboxbot/inboxapi/inboxapitest"
	"inboxbot/inboxapi/inboxapitest/contract"
)

// A run of every operation, with every kind of thread, message and person in the
// world, validated both ways against the API's document.
func TestContract(t *testing.T) {
	if !contract.Available() {
		t.Skip("the API's OpenAPI document is not here")
	}
	s, a := start(t, inboxapitest.Options{Switches: inboxapitest.Switches{OutboundAddOn: true}})
	robin := s.AddMember(inboxapi.Member{Email: "robin@example.com"})
	s.AddMember(inboxapi.Member{})
	account := s.AddAccount(inboxapi.AccountLink{})
	other := s.AddAccount(inboxapi.AccountLink{Status: inboxapi.AccountOffline})
	vip, won := s.AddTag("VIP"), s.AddStatus("Won")
	id := everyKind(s, other.ID, robin.ID)
	thread, _ := s.Thread(id)
	prospect := *thread.Prospect.ExternalID

	page := get[threadPage](a, "/threads?inbox=default&limit=1")
	next := "cursorId=" + page.NextCursor.ID + "&cursorTimestamp=" + page.NextCursor.Timestamp
	object := "cursor[id]=" + page.NextCursor.ID + "&cursor[timestamp]=" + page.NextCursor.Timestamp
	sent := decode[inboxapi.Message](a, a.send(id, "hello"))
	message := "/threads/" + id + "/messages/" + sent.ID
	for _, request := range []string{
		"GET /team", "GET /account-links", "GET /members", "GET /members/" + robin.ID,
		"GET /colors", "GET /tags/colors", "GET /statuses/colors",
		"GET /threads", "GET /threads?inbox=no-reply&" + next, "GET /threads?inbox=requests&" + object,
		"GET /threads?inbox=archived&limit=100&filters[sortOrder]=asc",
		"GET /threads?accountLinkIds[0]=" + account.ID + "&accountLinkIds[1]=" + other.ID,
		"GET /threads?accountLinkIds=" + account.ID + "&accountLinkIds=" + other.ID,
		"GET /threads?accountLinkIds%5B%5D=" + account.ID,
		"GET /threads?filters[tags][selectedIds][0]=" + vip.ID + "&filters[tags][noTags]=true&filters[statuses][noStatus]=false",
		"GET /threads?filters[assignees][noAssignee]=true&filters[campaigns][noCampaign]=true",
		"GET /threads/lookup?accountLinkId=" + account.ID + "&externalId=" + prospect,
		"GET /threads/lookup?accountLinkId=" + account.ID + "&externalPlatformId=1",
		"GET /threads/lookup-by-username?username=JORDAN",
		"GET /threads/lookup-by-username?username=nobody&accountLinkIds[]=" + account.ID,
		"GET /threads/" + id,
		"PATCH /threads/" + id + ` {"done":true,"assigneeId":"` + robin.ID + `"}`,
		"PATCH /threads/" + id + ` {"done":false,"assigneeId":null}`,
		"PATCH /threads/" + id,
		"POST /threads/" + id + "/typing", "POST /threads/" + id + "/typing {}",
		"PATCH /threads/" + id + `/settings {"typingIndicatorsEnabled":false}`,
		"POST /threads/" + id + "/typing",
		"PATCH /threads/" + id + `/settings {"typingIndicatorsEnabled":null}`,
		"GET /threads/" + id + "/messages", "GET /threads/" + id + "/messages?limit=1",
		"POST /threads/" + id + `/messages {"content":"hi","replyToMessageId":"` + sent.ID + `"}`,
		"POST " + message + `/reactions/reactions {"emoji":"❤️"}`,
		"DELETE " + message + `/reactions/reactions {"emoji":"❤️"}`,
		"PATCH " + message + ` {"content":"hello!"}`,
		"GET " + message + "/history",
		"DELETE " + message + ` {"deleteForAll":false}`,
		"GET " + message + "/history",
		"POST /threads" + ` {"accountLinkId":"` + account.ID + `","externalPlatformId":"42"}`,
		"POST /threads" + ` {"accountLinkId":"` + account.ID + `","externalId":"` + prospect + `"}`,
		"POST /threads/messages" + ` {"accountLinkId":"` + account.ID + `","externalPlatformId":"43","content":"hello"}`,
		"GET /prospects/" + prospect, "GET /prospects/lookup?platformId=42", "GET /prospects/lookup?platformId=1",
		"PATCH /prospects/" + prospect + `/context {"notes":"n","valuation":12.5,"statusId":"` + won.ID +
			`","addTags":["` + vip.ID + `"],"assigneeId":"` + robin.ID + `","done":true}`,
		"PATCH /prospects/" + prospect + `/context {"notes":null,"valuation":null,"statusId":null,"removeTags":["` + vip.ID +
			`"],"assigneeId":null,"done":false}`,
		"PATCH /prospects/" + prospect + "/context",
		`POST /tags {"name":"new","color":null}`, "GET /tags", "GET /tags/" + vip.ID,
		"PATCH /tags/" + vip.ID + ` {"name":"VIPs","color":"red"}`, "DELETE /tags/" + vip.ID,
		`POST /statuses {"name":"new"}`, "GET /statuses", "GET /statuses/" + won.ID,
		"PATCH /statuses/" + won.ID + ` {"color":"#22c55e"}`, "DELETE /statuses/" + won.ID + " {}",
		"DELETE /threads/" + id,
		"GET /events", "GET /events?limit=1000&afterSeq=3", "GET /events?afterSeq=9007199254740991",
	} {
		method, rest, _ := strings.Cut(request, " ")
		path, body, _ := strings.Cut(rest, " ")
		if got := a.do(method, path, body); got.status != http.StatusOK {
			t.Errorf("%s: %d %s", request, got.status, got.body)
		}
	}
	if n := len(s.Requests()); n != 38 {
		t.Errorf("%d of the 38 operations were asked: %v", n, s.Requests())
	}
}

// everyKind fills the world with one of each kind and returns the thread that has
// most of them.
func everyKind(s *inboxapitest.Server, otherAccount, member string) string {
	id := s.AddThread(inboxapitest.NewThread{
		Username: "jordan", Name: "Jordan", Bio: "shop owner", Tags: []string{"VIP", "new to us"}, Status: "Won", Notes: "pays",
		Assignee: member, Syncing: true, CreatedAt: time.Now().Add(-48 * time.Hour),
	}).ID
	s.Receive(id, "old", inboxapitest.At(time.Now().Add(-24*time.Hour)))
	s.Receive(id, "", inboxapitest.Media("image"))
	for hand := inboxapitest.PersonInInbox; hand <= inboxapitest.LegacyRow; hand++ {
		s.Write(id, hand, "from us")
	}
	edited, deleted, failed := s.Receive(id, "frist"), s.Receive(id, "oops"), s.Write(id, inboxapitest.PersonInX, "lost")
	s.EditMessage(id, edited.ID, "first")
	s.DeleteMessage(id, deleted.ID)
	s.FailMessage(id, failed.ID)
	s.React(id, edited.ID, "👍", true)
	s.AddThread(inboxapitest.NewThread{Username: "jordan", Account: otherAccount})
	s.AddThread(inboxapitest.NewThread{Request: true})
	s.AddThread(inboxapitest.NewThread{Idle: true})
	s.AddThread(inboxapitest.NewThread{Archived: true})
	s.Receive(s.AddThread(inboxapitest.NewThread{NullExternalID: true}).ID, "hi")
	return id
}
