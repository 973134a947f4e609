// Package inboxapitest is the Inbox API, simulated: one implementation for the
// sim and demo commands and for every test that talks to the API.
//
// It holds a small world (account links, prospects, threads, messages) that a
// test builds and changes as people would, serves it over HTTP with the API's
// validation, errors, rate limits, ordering and cursors, misbehaves on demand,
// and counts. Where the API's documentation is silent it does what Switches
// describes. Everything is safe for concurrent use.
//
// Start reading at New and Server.ServeHTTP; world.go builds worlds, faults.go
// breaks things, answers.go says who was answered how often. The operations
// are in threads.go, messages.go, prospects.go and team.go.
//
//	s := inboxapitest.New(inboxapitest.Options{})
//	defer s.Close()
//	thread := s.AddThread(inboxapitest.NewThread{Username: "jordan"})
//	s.Receive(thread.ID, "what does it cost?")
//	// s.HTTPClient() reaches it at inboxapitest.BaseURL without a network
package inboxapitest

import (
	"cmp"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"inboxbot/inboxapi"
)

// BaseURL is where clients that connect through Server.Dial find the API.
const BaseURL = "http://inbox.test" + basePath

const basePath = "/api/v1"

// Options tunes a Server. The zero value is a fresh team with the limits of the
// real API that accepts any bearer token.
type Options struct {
	Token  string           // the only token accepted; "" accepts any that is not empty
	Now    func() time.Time // the API's clock, also behind its Date header; nil: time.Now
	Limits Limits
	Team   string                          // its name; "": Acme
	Wrap   func(http.Handler) http.Handler // around what Dial reaches, such as the contract package's Middleware
	Seed   uint64                          // of ids and of the faults' dice; the same seed and calls give the same ids
	Switches
}

// Switches turns each behaviour that the API's documentation leaves open away
// from its default.
type Switches struct {
	NoReplyMeansTheirTurn  bool           // view no-reply holds threads where our side wrote last
	NoReplyCountsReactions bool           // a reaction is activity: the prospect's puts a thread into no-reply, ours takes it out
	InboxOmittedMeansAll   bool           // a list without a view has every thread, instead of the default view's
	InboundStaysArchived   bool           // an inbound message does not reopen an archived thread
	LastMessageMayBeGone   bool           // lastMessage is the newest message even when it was deleted
	DropsDeleted           bool           // message lists leave deleted messages out, instead of stamping them
	OutboundAddOn          bool           // the team may write first to people who never wrote
	SentWithoutPlatformID  bool           // the message a send returns has no platformId yet
	ProspectAuthor         ProspectAuthor // what authorId says of a prospect's messages
	ErrorShape             ErrorShape     // how error bodies look
}

// ProspectAuthor says which id the prospect's messages carry as authorId.
type ProspectAuthor string

// The forms the documentation shows. The zero value is AuthorExternal.
const (
	AuthorExternal ProspectAuthor = "external" // the prospect's externalId; its platformId when that is null
	AuthorPlatform ProspectAuthor = "platform" // the prospect's platformId
	AuthorLegacy   ProspectAuthor = "legacy"   // an opaque id found nowhere else
)

// Server is a simulated Inbox API for one team. It is an http.Handler for real
// sockets; Dial and HTTPClient reach it without any.
type Server struct {
	opts    Options
	mux     *http.ServeMux
	front   http.Handler  // what Dial reaches
	done    chan struct{} // closed by Close
	tokenID string        // the user a token belongs to, before there are members

	mu       sync.Mutex // guards everything below
	ids      *rand.Rand
	lastID   uint64 // the newest X id
	team     inboxapi.Team
	accounts []inboxapi.AccountLink
	members  []inboxapi.Member
	tags     []inboxapi.Tag
	statuses []inboxapi.Status
	people   map[string]*prospect // by platform ID
	byExtID  map[string]*prospect // by external ID
	byName   map[string]*prospect // by username in lower case
	threads  map[string]*thread   // by ID
	order    []*thread            // ascending by sort time and ID
	events   eventLog
	limiter  limiter
	faults   []*fault
	injected uint64 // faults so far: each has dice of its own
	log      []*Request
	counts   map[string]int
	rejected int
	hooks    []func(inboxapi.Thread, inboxapi.Message)
	timers   map[*time.Timer]struct{} // commits still to come
	closed   bool

	listener listener
}

// New returns a Server with a team and nothing in it. Inside a synctest bubble
// both New and Close must be called in the bubble.
func New(o Options) *Server {
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Server{
		opts:    o,
		mux:     http.NewServeMux(),
		done:    make(chan struct{}),
		ids:     rand.New(rand.NewPCG(o.Seed, 1)),
		lastID:  1_800_000_000_000_000_000,
		people:  map[string]*prospect{},
		byExtID: map[string]*prospect{},
		byName:  map[string]*prospect{},
		threads: map[string]*thread{},
		counts:  map[string]int{},
		timers:  map[*time.Timer]struct{}{},
	}
	s.limiter.init(o.Limits)
	s.listener.init()
	s.tokenID = s.newID()
	s.front = s
	if o.Wrap != nil {
		s.front = o.Wrap(s)
	}
	s.team = inboxapi.Team{
		ID: s.newID(), Name: cmp.Or(o.Team, "Acme"), Slug: "acme", Currency: "USD",
		CreatedAt: s.now().AddDate(-1, 0, 0),
	}
	for _, op := range operations() {
		s.mux.HandleFunc(op.method+" "+basePath+op.path, func(w http.ResponseWriter, r *http.Request) {
			s.serve(w, r, op)
		})
	}
	s.mux.HandleFunc("/", s.serveUnknown)
	return s
}

// Close ends every connection made with Dial, answers still held back and
// commits still to come, and waits until they are gone. It can be repeated.
// It must not be called from an OnSend hook.
func (s *Server) Close() error {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.done)
		for t := range s.timers {
			t.Stop()
		}
		clear(s.timers)
	}
	s.mu.Unlock()
	return s.listener.close()
}

// HTTPClient returns a client of its own that reaches s without a network,
// whatever host its requests name. Its connections end with s.
func (s *Server) HTTPClient() *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext:         s.Dial,
		MaxIdleConnsPerHost: 64,
	}}
}

// now is the API's time, at the resolution its JSON has.
func (s *Server) now() time.Time {
	return s.opts.Now().UTC().Truncate(time.Millisecond)
}
