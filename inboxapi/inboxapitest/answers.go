package inboxapitest

import (
	"maps"
	"net/http"
	"slices"
	"time"

	"inboxbot/inboxapi"
)

// Request is one request s got.
type Request struct {
	At        time.Time
	Operation string // operationId; "" for a path or method that is none
	ThreadID  string // that its path names
	MessageID string // that it stored
	Status    int    // of the answer; zero: none was given
	Persisted bool   // what it asked for was done, whatever the answer
	Fault     Kind   // what went wrong with it on purpose
}

// maxLog is how many requests the log keeps, so that a simulation that runs for
// weeks stays small.
const maxLog = 500_000

func (s *Server) logRequest(op operation, r *http.Request) *Request {
	entry := &Request{At: s.now(), Operation: op.id, ThreadID: r.PathValue("threadId")}
	s.log = append(s.log, entry)
	if len(s.log) >= 2*maxLog {
		s.log = slices.Clone(s.log[maxLog:])
	}
	return entry
}

// logAnswer logs a request that was refused at the door.
func (s *Server) logAnswer(op operation, r *http.Request, status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logRequest(op, r).Status = status
}

// Log returns the requests since the last ResetCounts, oldest first, at least the
// newest half million of them.
func (s *Server) Log() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	log := make([]Request, len(s.log))
	for i, entry := range s.log {
		log[i] = *entry
	}
	return log
}

// Requests returns how many requests of each operation counted against the quota
// since the last ResetCounts: not those refused with 401, 413 or by the limiter.
func (s *Server) Requests() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.counts)
}

// Rejected returns how many requests were answered 429 since the last ResetCounts,
// by the limiter or a RateLimit fault. The log tells them apart.
func (s *Server) Rejected() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rejected
}

// ResetCounts forgets Requests, Rejected and the Log. The quota is not touched.
func (s *Server) ResetCounts() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.counts)
	s.rejected, s.log = 0, nil
}

// Spend uses up n requests of the team's quota, as another integration of the team
// would, as far as there is room.
func (s *Server) Spend(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range n {
		s.limiter.take(s.now())
	}
}

// Answer is one inbound message and what was sent for it through this API.
//
// Replies are the messages whose request came while the inbound message was the
// thread's newest, even if they were stored after a newer one. A client that read
// the thread before a newer message and sent after it is thus counted for the
// newer one. Between counts what stands between the inbound message and the next,
// as a reader of the thread sees it. Failed and deleted replies count: they were
// sent.
type Answer struct {
	Thread  string // ID
	Inbound inboxapi.Message
	Replies []inboxapi.Message
	Between int
}

// Answers returns an Answer for every inbound message, by thread and oldest first.
func (s *Server) Answers() []Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	var answers []Answer
	for _, t := range s.order {
		first := len(answers)
		place := map[string]int{}
		for _, m := range t.messages {
			if m.inbound {
				place[m.ID] = len(answers)
				answers = append(answers, Answer{Thread: t.ID, Inbound: m.Message})
			}
			if m.request && len(answers) > first {
				answers[len(answers)-1].Between++
			}
		}
		for _, m := range t.messages {
			if i, ok := place[m.answers]; ok && m.request {
				answers[i].Replies = append(answers[i].Replies, m.Message)
			}
		}
	}
	return answers
}

// AnsweredTwice returns the inbound messages with more than one reply.
func (s *Server) AnsweredTwice() []Answer {
	return slices.DeleteFunc(s.Answers(), func(a Answer) bool { return len(a.Replies) < 2 })
}

// Unanswered returns the threads whose newest inbound message has no message of
// our side after it, by whatever hand. Deleted and failed messages do not count on
// either side.
func (s *Server) Unanswered() []inboxapi.Thread {
	s.mu.Lock()
	defer s.mu.Unlock()
	var threads []inboxapi.Thread
	for _, t := range s.order {
		for _, m := range slices.Backward(t.messages) {
			if !m.Live() {
				continue
			}
			if m.inbound {
				threads = append(threads, s.view(t))
			}
			break
		}
	}
	return threads
}
