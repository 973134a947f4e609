package main

import (
	"net"
	"strings"
	"testing"

	"inboxbot/inboxapi/inboxapitest"
)

// TestDemoFindsAPort: two demos on one machine have a console each.
func TestDemoFindsAPort(t *testing.T) {
	first := withConsole(t.Context(), Config{HTTPAddr: freeAddress}).HTTPAddr
	l, err := net.Listen("tcp", first)
	if err != nil {
		t.Fatalf("not free: %v", err)
	}
	defer l.Close()
	if second := withConsole(t.Context(), Config{HTTPAddr: freeAddress}).HTTPAddr; second == first || !strings.HasPrefix(second, "127.0.0.1:80") {
		t.Errorf("the second is at %s, the first at %s", second, first)
	}
}

// TestInvitation: what a newcomer is told, and who needs a token.
func TestInvitation(t *testing.T) {
	for _, row := range []struct {
		name, addr, token string
		want              string
		asks              bool // for a token
	}{
		{"this machine", "127.0.0.1:9", "", "http://127.0.0.1:9/\n", false},
		{"by name", "localhost:9", "", "http://localhost:9/\n", false},
		{"every interface", ":9", "", "http://localhost:9/\n", true},
		{"a network", "10.0.0.7:9", "", "http://10.0.0.7:9/\n", true},
		{"a token of one's own", ":9", "my own token, long", "http://localhost:9/\n", true},
		{"none", "", "", "", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			cfg := withConsole(t.Context(), Config{HTTPAddr: row.addr, ConsoleToken: NewSecret(row.token)})
			said := invitation(cfg)
			if !strings.Contains(said, row.want) || (row.want == "") != (said == "") {
				t.Errorf("said %q, want %q", said, row.want)
			}
			token := cfg.ConsoleToken.Reveal()
			if row.asks != (len(token) >= 16) || row.token != "" && token != row.token || strings.Contains(said, "token: "+token+"\n") != row.asks {
				t.Errorf("token %q, said %q", token, said)
			}
		})
	}
}

// TestFactsOfTheScript: what the script says of prices is what the facts say, and
// without the fact nothing is said.
func TestFactsOfTheScript(t *testing.T) {
	facts, err := demoFiles.ReadFile("demo/prompts/facts.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range scripted {
		if got, known := withFacts(s.reply, string(facts)); !known || strings.ContainsAny(got, "{}") {
			t.Errorf("%q became %q", s.reply, got)
		}
	}
	for _, row := range []struct {
		name, reply, facts, want string
		known                    bool
	}{
		{"a price", "It is {eu}.", "Germany 3 EUR; EU 7.50 EUR, fast", "It is 7.50 EUR.", true},
		{"a decimal comma", "Son {eu,}.", "EU 7.50 EUR", "Son 7,50 EUR.", true},
		{"gone", "It is {eu}.", "Germany 3 EUR", "It is {eu}.", false},
	} {
		if got, known := withFacts(row.reply, row.facts); got != row.want || known != row.known {
			t.Errorf("%s: %q, %v", row.name, got, known)
		}
	}
}

// TestWhoIsNotDoneWritesOnFirst: before the bot takes half of what they want for all
// of it.
func TestWhoIsNotDoneWritesOnFirst(t *testing.T) {
	sim := inboxapitest.New(inboxapitest.Options{Seed: 1})
	defer sim.Close()
	s := openShop(sim, demoStart)
	if !s.writeOn(make([]int, len(demoThreads))) {
		t.Fatal("nobody has more to say")
	}
	for i, d := range demoThreads {
		want := len(d.lines)
		if d.notDone {
			want++
		}
		if got := len(sim.Transcript(s.threads[i])); got != want {
			t.Errorf("@%s has %d messages, want %d", d.username, got, want)
		}
	}
}
