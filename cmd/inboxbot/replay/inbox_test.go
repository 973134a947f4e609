package replay_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"inboxbot/cmd/inboxbot/replay"
	"inboxbot/inboxapi"
	"inboxbot/inboxapi/inboxapitest"
)

var views = []inboxapi.View{inboxapi.ViewDefault, inboxapi.ViewArchived}

// inInbox runs a test beside a simulated inbox of some past conversations: one an
// hour, every third of them archived. No time passes but the simulation's.
func inInbox(t *testing.T, threads, requests int, f func(t *testing.T, sim *inboxapitest.Server, client *inboxapi.Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		sim := inboxapitest.New(inboxapitest.Options{Seed: 1})
		defer sim.Close()
		for i := range threads {
			th := sim.AddThread(inboxapitest.NewThread{Username: fmt.Sprintf("p%03d", i), Tags: []string{"Lead"}})
			at := func(minutes int) inboxapitest.MessageOption {
				return inboxapitest.At(time.Now().Add(-time.Duration(i)*time.Hour - time.Duration(60-minutes)*time.Minute))
			}
			sim.Receive(th.ID, "what is the price?", at(0))
			sim.Write(th.ID, inboxapitest.OtherAPIClient, "13 EUR", at(1))
			sim.Receive(th.ID, "thanks", at(2))
			sim.Write(th.ID, inboxapitest.PersonInInbox, "Robin here, any time", at(3))
			if i%3 == 2 {
				sim.Archive(th.ID, true)
			}
		}
		client, err := inboxapi.New(inboxapi.Options{
			BaseURL: inboxapitest.BaseURL, Token: "t", Dial: sim.Dial, Limiter: replay.NewBudget(requests), Retries: -1,
		})
		if err != nil {
			t.Fatal(err)
		}
		sim.ResetCounts()
		f(t, sim, client)
	})
}

func usernames(c replay.Corpus) string {
	var names []string
	for _, p := range c.Past {
		names = append(names, p.Thread.Prospect.Username)
	}
	return strings.Join(names, " ")
}

func total(counts map[string]int) int {
	n := 0
	for _, c := range counts {
		n += c
	}
	return n
}

func TestReadInbox(t *testing.T) {
	inInbox(t, 7, 200, func(t *testing.T, sim *inboxapitest.Server, client *inboxapi.Client) {
		past, err := replay.ReadInbox(t.Context(), client, views, func(int) {})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := usernames(past), "p000 p001 p002 p003 p004 p005 p006"; got != want {
			t.Errorf("read %s, want %s: the newest first, archived ones among them", got, want)
		}
		var writers []string
		for _, turn := range past.Past[0].Turns {
			writers = append(writers, string(turn.Side)+":"+string(turn.Writer))
		}
		if want := []string{"prospect:", "ours:bot", "prospect:", "ours:person"}; !slices.Equal(writers, want) {
			t.Errorf("written by %q, want %q", writers, want)
		}
		if got := past.Past[0].Tags; !slices.Equal(got, []string{"Lead"}) {
			t.Errorf("tags %q", got)
		}
		// The team, three of its lists, a page of threads for each view, and each thread.
		if n := total(sim.Requests()); n > 4+2+7 {
			t.Errorf("%d requests for 7 threads: %v", n, sim.Requests())
		}
		r := replay.Run(t.Context(), past, side(t, "tomorrow.yaml", tomorrow), nil, replay.Options{})
		if r.Cuts != 14 || r.Current.Outcomes["handoff"] != 7 || r.Current.Outcomes["skip"] != 7 {
			t.Errorf("%d cuts: %v", r.Cuts, r.Current.Outcomes)
		}
	})
}

// Whatever the budget, it is kept to, and what it left out is said.
func TestRequestBudget(t *testing.T) {
	for _, requests := range []int{6, 20, 150, 500} {
		inInbox(t, 120, requests, func(t *testing.T, sim *inboxapitest.Server, client *inboxapi.Client) {
			past, err := replay.ReadInbox(t.Context(), client, views, func(int) {})
			if err != nil {
				t.Fatal(err)
			}
			n := total(sim.Requests())
			if n > requests {
				t.Errorf("%d requests of %d", n, requests)
			}
			if want := min(120, requests-5); len(past.Past) < want {
				t.Errorf("a budget of %d reads %d conversations, want %d at least", requests, len(past.Past), want)
			}
			all := len(past.Past) == 120
			if told := strings.Contains(strings.Join(past.Notes, "\n"), "budget is used up"); told == all {
				t.Errorf("%d conversations; the notes say %q", len(past.Past), past.Notes)
			}
			for _, r := range sim.Log() {
				if !strings.Contains(r.Operation, "list") && r.Operation != "team.get" {
					t.Errorf("it asked for %s", r.Operation)
				}
			}
		})
	}
}

func TestTooSmallABudget(t *testing.T) {
	inInbox(t, 3, 2, func(t *testing.T, _ *inboxapitest.Server, client *inboxapi.Client) {
		if _, err := replay.ReadInbox(t.Context(), client, views, func(int) {}); !errors.Is(err, replay.ErrBudget) {
			t.Errorf("got %v, want %v", err, replay.ErrBudget)
		}
	})
}

// A client with a Budget cannot send, whatever it is asked.
func TestNothingIsSent(t *testing.T) {
	inInbox(t, 1, 200, func(t *testing.T, sim *inboxapitest.Server, client *inboxapi.Client) {
		thread := sim.Threads()[0].ID
		_, sent := client.SendMessage(t.Context(), thread, inboxapi.NewMessage{Content: "hi"})
		_, tag := client.CreateTag(t.Context(), "x", "")
		_, done := client.UpdateThread(t.Context(), thread, inboxapi.ThreadUpdate{})
		if sent == nil || tag == nil || done == nil || total(sim.Requests()) > 0 {
			t.Errorf("errors %v, %v, %v; requests %v", sent, tag, done, sim.Requests())
		}
	})
}

// What has been read before the API fails is worth a replay.
func TestTheAPIFailsInBetween(t *testing.T) {
	inInbox(t, 10, 200, func(t *testing.T, sim *inboxapitest.Server, client *inboxapi.Client) {
		past, err := replay.ReadInbox(t.Context(), client, views, func(n int) {
			if n == 4 {
				sim.Inject(inboxapitest.Fault{Kind: inboxapitest.FailBefore, Status: 503, Probability: 1})
			}
		})
		if err != nil || len(past.Past) != 4 {
			t.Fatalf("%d conversations, %v", len(past.Past), err)
		}
		if notes := strings.Join(past.Notes, "\n"); !strings.Contains(notes, "reading ended early") || !strings.Contains(notes, "503") {
			t.Errorf("the notes say %q", past.Notes)
		}
	})
}

// A thread that cannot be read, and one in which nobody has written, are counted.
func TestThreadsWithoutAConversation(t *testing.T) {
	inInbox(t, 2, 200, func(t *testing.T, sim *inboxapitest.Server, client *inboxapi.Client) {
		quiet := sim.AddThread(inboxapitest.NewThread{Username: "quiet"})
		sim.Write(quiet.ID, inboxapitest.Campaign, "Our new Aricha is here")
		sim.AddThread(inboxapitest.NewThread{Username: "empty"})
		past, err := replay.ReadInbox(t.Context(), client, views, func(int) {})
		if err != nil || usernames(past) != "p000 p001" {
			t.Fatalf("read %s, %v", usernames(past), err)
		}
		if !slices.ContainsFunc(past.Notes, func(n string) bool { return strings.HasPrefix(n, "2 threads without a message of the prospect") }) {
			t.Errorf("the notes say %q", past.Notes)
		}
	})
}
