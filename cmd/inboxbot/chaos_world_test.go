package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"inboxbot/inboxapi"
	"inboxbot/inboxapi/inboxapitest"
)

// chaosWorld is the simulated API behind a real socket, and the people around it:
// prospects who write, teammates who answer now and then, and a teammate who
// takes care of what is handed over.
type chaosWorld struct {
	api     *inboxapitest.Server
	base    string // URL of the API
	dice    *dice
	threads []string
	left    func(number string) bool // whether a person decided not to answer this message

	mu       sync.Mutex
	quiet    bool     // nobody writes any more
	asked    int      // messages so far
	recent   []string // threads lately written in
	handed   map[string]int
	teammate int // messages of people on our side
}

func newChaosWorld(t *testing.T, p plan) *chaosWorld {
	t.Helper()
	limits := inboxapitest.Limits{Minute: -1, Hour: -1, Day: -1}
	if p.paced {
		limits = inboxapitest.Limits{} // those that the API documents
	}
	w := &chaosWorld{
		api:    inboxapitest.New(inboxapitest.Options{Seed: p.seed, Limits: limits}),
		dice:   newDice(p.seed),
		left:   func(string) bool { return false },
		handed: map[string]int{},
	}
	t.Cleanup(func() { _ = w.api.Close() })
	w.api.AddTag(chaosTag)
	for range p.threads {
		w.threads = append(w.threads, w.api.AddThread(inboxapitest.NewThread{}).ID)
	}
	w.api.OnSend(func(th inboxapi.Thread, _ inboxapi.Message) {
		if w.dice.float() < 0.05 { // some people answer at once
			w.ask(th.ID)
		}
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(w.serve), ErrorLog: log.New(io.Discard, "", 0)}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	w.base = "http://" + l.Addr().String() + "/api/v1"
	return w
}

// serve is the API. Now and then somebody writes just while our message arrives.
func (w *chaosWorld) serve(rw http.ResponseWriter, r *http.Request) {
	parts := strings.Split(r.URL.Path, "/") // "", api, v1, threads, ID, messages
	if r.Method == http.MethodPost && len(parts) == 6 && parts[5] == "messages" && w.dice.float() < 0.06 {
		w.ask(parts[4])
	}
	w.api.ServeHTTP(rw, r)
}

// misbehave breaks four sends in ten, in seven ways, and some of what is read
// and tagged.
func (w *chaosWorld) misbehave() {
	const post = "threads.thread.messages.create"
	sends := []inboxapitest.Fault{
		{Kind: inboxapitest.FailBefore},
		{Kind: inboxapitest.FailAfter},
		{Kind: inboxapitest.ResetBefore},
		{Kind: inboxapitest.ResetAfter},
		{Kind: inboxapitest.HangAfter},
		{Kind: inboxapitest.RateLimit, Delay: time.Second},
		{Kind: inboxapitest.LateCommit, Delay: chaosLate / 3},
		{Kind: inboxapitest.LateCommitReset, Delay: chaosLate * 2 / 3},
		{Kind: inboxapitest.LateCommitHang, Delay: chaosLate},
	}
	// The first six get 2/35 each, the three forms of the seventh 2/105: 0.4 in all.
	left := 1.0
	for i, f := range sends {
		share := 0.4 / 7
		if i >= 6 {
			share /= 3
		}
		f.Operation, f.Probability = post, share/left
		left -= share
		w.api.Inject(f)
	}
	for _, op := range []string{"threads.list", "threads.thread.get", "threads.thread.messages.list", "prospects.get"} {
		for _, f := range []inboxapitest.Fault{
			{Kind: inboxapitest.FailBefore, Probability: 0.015},
			{Kind: inboxapitest.ResetBefore, Probability: 0.01},
			{Kind: inboxapitest.TruncatedJSON, Probability: 0.005},
			{Kind: inboxapitest.HTMLBody, Probability: 0.005},
			{Kind: inboxapitest.RateLimit, Probability: 0.005},
			{Kind: inboxapitest.Slow, Probability: 0.05, Delay: 300 * time.Millisecond},
		} {
			f.Operation = op
			w.api.Inject(f)
		}
	}
	for _, f := range []inboxapitest.Fault{
		{Operation: "threads.list", Kind: inboxapitest.LaggingList, Probability: 0.03, Delay: chaosStale},
		{Operation: "threads.list", Kind: inboxapitest.DuplicateRow, Probability: 0.03},
		{Operation: "threads.thread.messages.list", Kind: inboxapitest.StaleMessages, Probability: 0.02, Delay: chaosStale},
		{Operation: "prospects.update", Kind: inboxapitest.FailBefore, Probability: 0.05},
		{Operation: "prospects.update", Kind: inboxapitest.FailAfter, Probability: 0.05},
		{Operation: "prospects.update", Kind: inboxapitest.ResetAfter, Probability: 0.05},
		{Operation: "prospects.update", Kind: inboxapitest.HangAfter, Probability: 0.02},
	} {
		w.api.Inject(f)
	}
}

// chaosWords make messages unlike each other: the loop guard knows a canned text.
var chaosWords = strings.Fields(`anchor bridge candle dragon ember forest garden harbor island jungle kettle ladder meadow
	needle orchard pepper quartz river saddle temple umbrella velvet window yellow zebra bottle copper dollar engine
	feather guitar hammer iron jacket kitten lemon marble napkin ocean pencil rabbit silver tunnel violet walnut`)

// ask is a prospect writing something that names itself.
func (w *chaosWorld) ask(thread string) {
	w.mu.Lock()
	if w.quiet {
		w.mu.Unlock()
		return
	}
	w.asked++
	text := fmt.Sprintf("ask-%d", w.asked)
	w.recent = append(w.recent[max(0, len(w.recent)-30):], thread)
	w.mu.Unlock()
	for range 4 + w.dice.n(8) {
		text += " " + chaosWords[w.dice.n(len(chaosWords))]
	}
	switch r := w.dice.float(); {
	case r < 0.02:
		text += " may I talk to a person"
	case r < 0.04:
		text += " " + nothingToAnswer
	}
	w.api.Receive(thread, text)
}

// live has people write until ctx ends, rate messages a second on average, and
// teammates do their part.
func (w *chaosWorld) live(ctx context.Context, rate float64) {
	var people sync.WaitGroup
	defer people.Wait()
	people.Go(func() { w.helpOut(ctx) })
	people.Go(func() { w.takeCare(ctx) })
	every := time.Duration(float64(time.Second) * 1.9 / rate) // 1.9 messages a turn, the answers to ours not counted
	for pause(ctx, w.dice.between(0, 2*every)) == nil {
		switch r := w.dice.float(); {
		case r < 0.02: // everybody at once
			for range 20 {
				w.ask(w.anyThread())
			}
		case r < 0.25: // in several messages
			thread := w.anyThread()
			people.Go(func() {
				for range 2 + w.dice.n(3) {
					w.ask(thread)
					if pause(ctx, w.dice.between(0, chaosThinking)) != nil {
						return
					}
				}
			})
		case r < 0.45: // where something is going on
			w.ask(w.recentThread())
		default:
			w.ask(w.anyThread())
		}
	}
}

// hush makes everybody stop writing, for good.
func (w *chaosWorld) hush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.quiet = true
}

func (w *chaosWorld) anyThread() string { return w.threads[w.dice.n(len(w.threads))] }

func (w *chaosWorld) recentThread() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.recent) == 0 {
		return w.threads[0]
	}
	return w.recent[w.dice.n(len(w.recent))]
}

// helpOut is teammates answering by themselves now and then, in Inbox or in X.
func (w *chaosWorld) helpOut(ctx context.Context) {
	for pause(ctx, w.dice.between(0, 3*time.Second)) == nil {
		w.writeAs(w.recentThread(), inboxapitest.Hand(w.dice.n(2)))
	}
}

func (w *chaosWorld) writeAs(thread string, by inboxapitest.Hand) {
	w.mu.Lock()
	w.teammate++
	text := fmt.Sprintf("a teammate, for the %dth time", w.teammate)
	w.mu.Unlock()
	w.api.Write(thread, by, text)
}

// takeCare is a teammate answering what was handed over, a few seconds later,
// and giving it back to the bot.
func (w *chaosWorld) takeCare(ctx context.Context) {
	since := map[string]time.Time{}
	for pause(ctx, 300*time.Millisecond) == nil {
		for _, thread := range w.threads {
			if !w.isHanded(thread) {
				continue
			}
			if since[thread].IsZero() {
				since[thread] = time.Now().Add(w.dice.between(0, 3*time.Second))
			}
			if time.Now().After(since[thread]) {
				delete(since, thread)
				w.countHanded(thread)
				w.api.SetNotes(thread, "")
				w.writeAs(thread, inboxapitest.PersonInInbox)
				w.api.UntagProspect(thread, chaosTag)
			}
		}
	}
}

func (w *chaosWorld) isHanded(thread string) bool { return len(w.api.TagNames(thread)) > 0 }

// countHanded counts what the notes of a thread say was handed over, by cause.
func (w *chaosWorld) countHanded(thread string) {
	notes := w.api.Prospect(thread).Context.Notes
	if notes == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for line := range strings.Lines(*notes) {
		if _, rest, ok := strings.Cut(line, "handed over ("); ok {
			cause, _, _ := strings.Cut(rest, ")")
			w.handed[cause]++
		}
	}
}

// handedOver is how many threads were handed over, and how many of them because
// a send stayed in doubt.
func (w *chaosWorld) handedOver() (all, inDoubt int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, n := range w.handed {
		all += n
	}
	return all, w.handed["in doubt"]
}
