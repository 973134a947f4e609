package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/rogpeppe/go-internal/testscript"

	"inboxbot/bot"
	"inboxbot/inboxapi"
)

// Secrets of the scripts. None may ever be printed or logged.
const (
	scriptToken    = "tok-5e7c1d90a2"
	scriptKey      = "sk-0b41f6cc83"
	scriptPassword = "pw-93dd17e2ab"
)

// TestScripts runs the program as its operator meets it: each file of
// testdata/script is a story. Its commands beyond testscript's own are
//
//	exits N CMD      runs CMD, which must exit with status N
//	inbox [args]     starts inboxbot sim with args and points INBOX_API_BASE_URL at it
//	said N           the bot has sent N messages in all
//	aThread          sets THREAD to the ID of one that waits for an answer
//	model [delay]    starts a model that answers "We have it noted." after delay
//	model prose      starts one that answers so without a decision around it
//	terminate        sends SIGTERM to what runs in the background
//	modelAsked       waits until the model has been asked
//	redis            starts a Redis with a password and sets REDIS_URL
//	get URL          prints what a GET answers, once something listens there
//	freePort NAME    sets NAME to an address nobody listens on
//	longLine FILE    writes a file of one line of 9 MiB
//
// What the program prints in any script is searched for the secrets.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.RunT(noSecrets{T: t}, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("INBOX_API_TOKEN", scriptToken)
			e.Setenv("OPENAI_API_KEY", scriptKey)
			e.Setenv("BOT_HTTP_ADDR", "")
			e.Setenv("LOG_FORMAT", "text")
			e.Values[world{}] = &world{}
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits": exits, "inbox": startInbox, "said": checkSaid, "aThread": nameThread, "model": startModel,
			"modelAsked": waitForModel, "redis": startRedisServer, "terminate": terminate, "get": get, "freePort": nameFreePort,
			"longLine": writeLongLine, "draft": nameDraft,
		},
	})
}

// noSecrets looks through everything a script and its commands print.
type noSecrets struct{ *testing.T }

func (n noSecrets) Parallel() { n.T.Parallel() }

// Verbose keeps the whole output for Log to see.
func (n noSecrets) Verbose() bool { return true }

// Run implements testscript.T.
func (n noSecrets) Run(name string, f func(testscript.T)) {
	n.T.Run(name, func(t *testing.T) { f(noSecrets{t}) })
}

// Log implements testscript.T.
func (n noSecrets) Log(args ...any) {
	n.Helper()
	text := fmt.Sprintln(args...)
	for _, secret := range leaks(text) {
		n.Errorf("the output shows the secret %s", secret)
	}
	n.T.Log(text)
}

// leaks returns the secrets that a script's log shows below the list of the
// environment that it begins with.
func leaks(log string) []string {
	for _, set := range []string{"INBOX_API_TOKEN=" + scriptToken, "OPENAI_API_KEY=" + scriptKey} {
		log = strings.Replace(log, "\n"+set+"\n", "\n\n", 1)
	}
	var found []string
	for _, secret := range []string{scriptToken, scriptKey, scriptPassword} {
		if strings.Contains(log, secret) {
			found = append(found, secret)
		}
	}
	return found
}

func TestLeaksAreFound(t *testing.T) {
	environment := "WORK=$WORK\nINBOX_API_TOKEN=" + scriptToken + "\nOPENAI_API_KEY=" + scriptKey + "\nHOME=/\n\n"
	for _, row := range []struct {
		name, log string
		want      int
	}{
		{"the environment alone", environment + "> exec inboxbot run\n", 0},
		{"a token in an error", environment + "[stderr]\nGET /team: Bearer " + scriptToken + "\n", 1},
		{"a key on a line of its own", environment + "[stdout]\nOPENAI_API_KEY=" + scriptKey + "\n", 1},
		{"a password in a URL", environment + "dial redis://:" + scriptPassword + "@127.0.0.1\n", 1},
	} {
		if got := leaks(row.log); len(got) != row.want {
			t.Errorf("%s: found %q, want %d", row.name, got, row.want)
		}
	}
}

// world is what a script has started.
type world struct {
	url   string // of the Inbox API
	asked chan struct{}
}

func worldOf(ts *testscript.TestScript) *world { return ts.Value(world{}).(*world) }

// patience bounds every wait for something that must happen.
const patience = 20 * time.Second

func exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if failed := (*exec.ExitError)(nil); errors.As(err, &failed) {
		got = failed.ExitCode()
	} else if err != nil {
		ts.Fatalf("%s: %v", args[1], err)
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

// startInbox is the program's own sim command, in the background.
func startInbox(ts *testscript.TestScript, _ bool, args []string) {
	program, err := exec.LookPath("inboxbot")
	ts.Check(err)
	ctx, cancel := context.WithCancel(context.Background())
	sim := exec.CommandContext(ctx, program, append([]string{"sim", "--addr", "127.0.0.1:0"}, args...)...)
	sim.Env = []string{"PATH=" + ts.Getenv("PATH")}
	out, err := sim.StdoutPipe()
	ts.Check(err)
	ts.Check(sim.Start())
	ts.Defer(func() {
		cancel()
		_ = sim.Wait() // killed
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	ts.Check(err)
	name, url, _ := strings.Cut(strings.TrimSpace(line), "=")
	ts.Setenv(name, url)
	worldOf(ts).url = url
}

func inboxOf(ts *testscript.TestScript) *inboxapi.Client {
	client, err := inboxapi.New(inboxapi.Options{BaseURL: worldOf(ts).url, Token: scriptToken})
	ts.Check(err)
	return client
}

func checkSaid(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	said := 0
	client := inboxOf(ts)
	for th, err := range client.Threads(context.Background(), inboxapi.ThreadQuery{View: inboxapi.ViewDefault}) {
		ts.Check(err)
		for m, err := range client.Messages(context.Background(), th.ID, inboxapi.MessageQuery{}) {
			ts.Check(err)
			if m.Origin != nil && *m.Origin == inboxapi.OriginAPI {
				said++
			}
		}
	}
	if (said == want) == neg {
		ts.Fatalf("the bot has sent %d messages, asked about %d", said, want)
	}
}

func nameThread(ts *testscript.TestScript, _ bool, _ []string) {
	for th, err := range inboxOf(ts).Threads(context.Background(), inboxapi.ThreadQuery{View: inboxapi.ViewDefault}) {
		ts.Check(err)
		if th.Prospect.Username == "mira_koch" { // the first of the demo's: asks about shipping
			ts.Setenv("THREAD", th.ID)
			return
		}
	}
	ts.Fatalf("no thread of mira_koch")
}

// startModel serves chat completions as OpenAI does.
func startModel(ts *testscript.TestScript, _ bool, args []string) {
	delay, text := time.Duration(0), decided(bot.Decision{Action: bot.Reply, Reply: "We have it noted.", Confidence: 0.9, Reason: "known"})
	if slices.Equal(args, []string{"prose"}) {
		text = "We have it noted."
	} else if len(args) > 0 {
		var err error
		delay, err = time.ParseDuration(args[0])
		ts.Check(err)
	}
	w := worldOf(ts)
	w.asked = make(chan struct{})
	var once sync.Once
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Authorization") != "Bearer "+scriptKey:
			http.Error(rw, `{"error":{"message":"no"}}`, http.StatusUnauthorized)
			return
		case r.URL.Path == "/v1/models/fake":
			fmt.Fprint(rw, `{"id":"fake","object":"model"}`)
			return
		case r.URL.Path != "/v1/chat/completions":
			http.Error(rw, `{"error":{"message":"no such path"}}`, http.StatusNotFound)
			return
		}
		_, _ = io.Copy(io.Discard, r.Body) // else a client that leaves is not noticed
		once.Do(func() { close(w.asked) })
		select {
		case <-r.Context().Done():
		case <-time.After(delay):
		}
		_ = json.NewEncoder(rw).Encode(map[string]any{
			"id": "1", "object": "chat.completion", "model": "fake",
			"choices": []any{map[string]any{"index": 0, "finish_reason": "stop", "message": map[string]string{"role": "assistant", "content": text}}},
			"usage":   map[string]int{"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110},
		})
	}))
	ts.Defer(func() {
		server.CloseClientConnections()
		server.Close()
	})
	ts.Setenv("OPENAI_BASE_URL", server.URL+"/v1")
	ts.Setenv("OPENAI_MODEL", "fake")
}

func waitForModel(ts *testscript.TestScript, _ bool, _ []string) {
	select {
	case <-worldOf(ts).asked:
	case <-time.After(patience):
		ts.Fatalf("the model was not asked within %s", patience)
	}
}

func terminate(ts *testscript.TestScript, _ bool, _ []string) {
	for _, cmd := range ts.BackgroundCmds() {
		ts.Check(cmd.Process.Signal(syscall.SIGTERM))
	}
}

func startRedisServer(ts *testscript.TestScript, _ bool, _ []string) {
	m := miniredis.NewMiniRedis()
	m.ClockTTL(true)
	m.RequireAuth(scriptPassword)
	ts.Check(m.Start())
	ts.Defer(m.Close)
	ts.Setenv("REDIS_URL", "redis://:"+scriptPassword+"@"+m.Addr()+"/0")
}

// get waits until something listens, then prints status and body of one answer;
// with a second argument it asks again until the answer holds that.
func get(ts *testscript.TestScript, _ bool, args []string) {
	var last string
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		res, err := http.Get(args[0])
		if err != nil {
			last = err.Error()
			continue
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		ts.Check(err)
		last = fmt.Sprintf("%s\n%s", res.Status, body)
		if len(args) < 2 || strings.Contains(last, args[1]) {
			fmt.Fprint(ts.Stdout(), last)
			return
		}
	}
	ts.Fatalf("get %s: %s", args[0], last)
}

func nameFreePort(ts *testscript.TestScript, _ bool, args []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Setenv(args[0], l.Addr().String())
	ts.Check(l.Close())
}

func writeLongLine(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), bytes.Repeat([]byte("x"), 9<<20), 0o600))
}

// nameDraft sets a variable to the name of the draft for somebody, from the list
// that was printed last.
func nameDraft(ts *testscript.TestScript, _ bool, args []string) {
	for line := range strings.Lines(ts.ReadFile("stdout")) {
		if name, rest, _ := strings.Cut(line, "  "); strings.HasPrefix(rest, args[1]+" ") {
			ts.Setenv(args[0], name)
			return
		}
	}
	ts.Fatalf("no draft for %s", args[1])
}
