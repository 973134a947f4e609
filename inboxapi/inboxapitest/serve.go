package inboxapitest

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"
)

// maxBody is the largest request body read.
const maxBody = 1 << 20

// operation is one entry of the API's document.
type operation struct {
	id     string // its operationId
	method string
	path   string // a ServeMux pattern below basePath
	writes bool
	// handle does it, under the Server's lock, and returns the response body.
	handle func(*Server, *call) ([]byte, error)
}

// operations lists all operations of the API's document.
func operations() []operation {
	const thread, message = "/threads/{threadId}", "/threads/{threadId}/messages/{messageId}"
	return []operation{
		{"team.get", "GET", "/team", false, (*Server).getTeam},
		{"threads.list", "GET", "/threads", false, (*Server).listThreads},
		{"threads.create", "POST", "/threads", true, (*Server).createThread},
		{"threads.lookup", "GET", "/threads/lookup", false, (*Server).lookupThread},
		{"threads.lookupByUsername", "GET", "/threads/lookup-by-username", false, (*Server).lookupUsername},
		{"threads.thread.get", "GET", thread, false, (*Server).getThread},
		{"threads.thread.update", "PATCH", thread, true, (*Server).updateThread},
		{"threads.thread.delete", "DELETE", thread, true, (*Server).deleteThread},
		{"threads.thread.typing", "POST", thread + "/typing", true, (*Server).typing},
		{"threads.thread.settings", "PATCH", thread + "/settings", true, (*Server).settings},
		{"threads.thread.messages.list", "GET", thread + "/messages", false, (*Server).listMessages},
		{"threads.thread.messages.create", "POST", thread + "/messages", true, (*Server).createMessage},
		{"threads.thread.messages.message.edit", "PATCH", message, true, (*Server).editMessage},
		{"threads.thread.messages.message.delete", "DELETE", message, true, (*Server).deleteMessage},
		{"threads.thread.messages.message.history", "GET", message + "/history", false, (*Server).history},
		// The doubled segment is what the document says.
		{"threads.thread.messages.message.reactions.add", "POST", message + "/reactions/reactions", true, (*Server).addReaction},
		{"threads.thread.messages.message.reactions.remove", "DELETE", message + "/reactions/reactions", true, (*Server).removeReaction},
		{"threads.messages.quickSend", "POST", "/threads/messages", true, (*Server).quickSend},
		{"accountLinks.list", "GET", "/account-links", false, (*Server).listAccounts},
		{"members.list", "GET", "/members", false, (*Server).listMembers},
		{"members.get", "GET", "/members/{memberId}", false, (*Server).getMember},
		{"prospects.get", "GET", "/prospects/{prospectId}", false, (*Server).getProspect},
		{"prospects.update", "PATCH", "/prospects/{prospectId}/context", true, (*Server).updateProspect},
		{"prospects.lookup", "GET", "/prospects/lookup", false, (*Server).lookupProspect},
		{"tags.list", "GET", "/tags", false, (*Server).listTags},
		{"tags.create", "POST", "/tags", true, (*Server).createTag},
		{"tags.get", "GET", "/tags/{tagId}", false, (*Server).getTag},
		{"tags.update", "PATCH", "/tags/{tagId}", true, (*Server).updateTag},
		{"tags.delete", "DELETE", "/tags/{tagId}", true, (*Server).deleteTag},
		{"tags.colors", "GET", "/tags/colors", false, (*Server).colors},
		{"statuses.list", "GET", "/statuses", false, (*Server).listStatuses},
		{"statuses.create", "POST", "/statuses", true, (*Server).createStatus},
		{"statuses.get", "GET", "/statuses/{statusId}", false, (*Server).getStatus},
		{"statuses.update", "PATCH", "/statuses/{statusId}", true, (*Server).updateStatus},
		{"statuses.delete", "DELETE", "/statuses/{statusId}", true, (*Server).deleteStatus},
		{"statuses.colors", "GET", "/statuses/colors", false, (*Server).colors},
		{"colors.list", "GET", "/colors", false, (*Server).colors},
		{"events.list", "GET", "/events", false, (*Server).listEvents},
	}
}

// call is one request on its way through an operation.
type call struct {
	op      operation
	r       *http.Request
	body    []byte
	entry   *Request
	fault   chosen   // the zero value when nothing goes wrong
	answers string   // newest inbound message of the thread when the request came
	sent    []func() // hooks to call once the lock is free
}

// ServeHTTP serves the API below /api/v1. A fault that resets or never answers
// aborts the handler with http.ErrAbortHandler where the connection cannot be
// taken over.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if path.Clean(r.URL.Path) != r.URL.Path {
		s.serveUnknown(w, r) // ServeMux would redirect
		return
	}
	s.mux.ServeHTTP(w, r)
}

// serveUnknown answers requests that are no operation.
func (s *Server) serveUnknown(w http.ResponseWriter, r *http.Request) {
	err := statusError(http.StatusNotFound, "No such route")
	for _, method := range []string{"GET", "POST", "PATCH", "DELETE"} {
		other := &http.Request{Method: method, URL: r.URL, Host: r.Host}
		if _, pattern := s.mux.Handler(other); pattern != "/" && pattern != "" && path.Clean(r.URL.Path) == r.URL.Path {
			err = statusError(http.StatusMethodNotAllowed, "Method not supported")
		}
	}
	s.serve(w, r, operation{handle: func(*Server, *call) ([]byte, error) { return nil, err }})
}

// serve is the way of every request: token, quota, fault, operation, answer.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, op operation) {
	w.Header().Set("Date", s.now().Format(http.TimeFormat))
	if !s.authorized(r) {
		s.logAnswer(op, r, http.StatusUnauthorized)
		s.answer(w, statusError(http.StatusUnauthorized, "Invalid or missing authentication token").in(s.opts.ErrorShape))
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if tooLarge := (*http.MaxBytesError)(nil); err != nil && !errors.As(err, &tooLarge) {
		panic(http.ErrAbortHandler) // the client went away, nobody reads an answer
	} else if err != nil {
		s.logAnswer(op, r, http.StatusRequestEntityTooLarge)
		s.answer(w, statusError(http.StatusRequestEntityTooLarge, "Body too large").in(s.opts.ErrorShape))
		return
	}
	c := &call{op: op, r: r, body: body}
	q := s.admit(c)
	q.setHeaders(w.Header())
	if q.wait > 0 {
		s.answer(w, tooMany(q.wait).in(s.opts.ErrorShape))
		return
	}
	s.perform(r.Context(), w, c)
}

func (s *Server) authorized(r *http.Request) bool {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if s.opts.Token == "" {
		return ok && strings.TrimSpace(token) != ""
	}
	return ok && token == s.opts.Token
}

// admit counts the request against the team's quota, logs it and throws the dice
// for its fault.
func (s *Server) admit(c *call) quota {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	c.entry = s.logRequest(c.op, c.r)
	q := s.limiter.take(now)
	if q.wait > 0 {
		c.entry.Status = http.StatusTooManyRequests
		s.rejected++
		return q
	}
	s.counts[c.op.id]++
	c.fault = s.chooseFault(c.op, c.entry.ThreadID)
	c.entry.Fault = c.fault.Kind
	if c.fault.Kind == RateLimit {
		s.rejected++
	}
	if t := s.threads[c.r.PathValue("threadId")]; t != nil {
		c.answers = t.newestInbound()
	}
	return q
}

// apply does the operation and then tells the hooks. The answer's status is the
// caller's to log: a fault may answer something else.
func (s *Server) apply(c *call) response {
	s.mu.Lock()
	body, err := c.op.handle(s, c)
	c.entry.Persisted = c.op.writes && err == nil
	s.mu.Unlock()
	for _, tell := range c.sent {
		tell()
	}
	c.sent = nil
	if refused := (*apiError)(nil); errors.As(err, &refused) {
		return refused.in(s.opts.ErrorShape)
	}
	return response{status: http.StatusOK, body: body}
}

// stored runs the hooks once the operation is done.
func (s *Server) stored(c *call, t *thread, m *message) {
	view, stored := s.view(t), m.Message
	c.entry.MessageID = m.ID
	for _, hook := range s.hooks {
		c.sent = append(c.sent, func() { hook(view, stored) })
	}
}

// answer writes res.
func (s *Server) answer(w http.ResponseWriter, res response) {
	if res.html {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
	} else {
		w.Header().Set("Content-Type", "application/json")
	}
	w.WriteHeader(res.status)
	_, _ = w.Write(res.body) // the client may be gone
}

// wait holds the request for d. It reports false when the client or s is gone.
func (s *Server) wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
	case <-s.done:
	}
	return false
}

// hang never answers.
func (s *Server) hang(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-s.done:
	}
	panic(http.ErrAbortHandler)
}

// reset resets the connection without an answer.
func reset(w http.ResponseWriter) {
	connection, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // HTTP/2 or a recorder
	}
	switch c := connection.(type) {
	case *conn:
		c.reset()
	case *net.TCPConn:
		_ = c.SetLinger(0) // close sends RST
	}
	_ = connection.Close()
	panic(http.ErrAbortHandler)
}

// fields is a JSON object of a request body. Its methods take values out, typed
// and checked; the first mistake is kept in err.
type fields struct {
	m   map[string]json.RawMessage
	err error
}

// object reads the body as a JSON object; an empty body is an empty object.
func (c *call) object() *fields {
	f := &fields{m: map[string]json.RawMessage{}}
	if len(c.body) == 0 {
		return f
	}
	kind, _, _ := strings.Cut(c.r.Header.Get("Content-Type"), ";")
	if strings.TrimSpace(kind) != "application/json" {
		f.err = statusError(http.StatusUnsupportedMediaType, "Content-Type must be application/json")
		return f
	}
	if err := json.Unmarshal(c.body, &f.m); err != nil || f.m == nil {
		f.err = badRequest("Body must be a JSON object")
	}
	return f
}

// has reports whether a field is there, null included.
func (f *fields) has(name string) bool {
	_, ok := f.m[name]
	return ok
}

// into decodes a field into v, a pointer. A field that is null or absent leaves v
// alone; null is a mistake unless nullable.
func (f *fields) into(name string, v any, nullable bool) {
	raw, ok := f.m[name]
	if !ok || f.err != nil {
		return
	}
	isNull := string(raw) == "null"
	if isNull && nullable {
		return
	}
	if isNull || json.Unmarshal(raw, v) != nil {
		f.err = badRequest("Invalid value for %s", name)
	}
}

// text returns a string field of at least min characters, "" if it is absent.
func (f *fields) text(name string, required bool, minimum, maximum int) string {
	var v string
	if required && !f.has(name) && f.err == nil {
		f.err = badRequest("%s is required", name)
	}
	f.into(name, &v, false)
	if n := len([]rune(v)); f.err == nil && f.has(name) && (n < minimum || maximum > 0 && n > maximum) {
		f.err = badRequest("%s must have at least %d characters and no more than allowed", name, minimum)
	}
	return v
}

// id returns an Inbox ID field, "" if it is absent, or null where that is allowed.
func (f *fields) id(name string, required, nullable bool) string {
	var v string
	if required && !f.has(name) && f.err == nil {
		f.err = badRequest("%s is required", name)
	}
	f.into(name, &v, nullable)
	if f.err == nil && f.has(name) && string(f.m[name]) != "null" && !idPattern.MatchString(v) {
		f.err = badRequest("Invalid value for %s", name)
	}
	return v
}

// ids returns a field that is a list of Inbox IDs.
func (f *fields) ids(name string) []string {
	var list []*string
	f.into(name, &list, false)
	var ids []string
	for _, id := range list {
		if id == nil || !idPattern.MatchString(*id) {
			f.err = badRequest("Invalid value in %s", name)
			return nil
		}
		ids = append(ids, *id)
	}
	return ids
}

// pathID returns the Inbox ID at a place of the path.
func (c *call) pathID(name string) (string, error) {
	id := c.r.PathValue(name)
	if !idPattern.MatchString(id) {
		return "", badRequest("Invalid value for %s", name)
	}
	return id, nil
}

// thread returns the thread the path names.
func (s *Server) thread(c *call) (*thread, error) {
	id, err := c.pathID("threadId")
	if err != nil {
		return nil, err
	}
	t, ok := s.threads[id]
	if !ok {
		return nil, notFound("THREAD_NOT_FOUND", "Thread", id)
	}
	return t, nil
}

// newestInbound is the ID of the newest message of the prospect, "" if none.
func (t *thread) newestInbound() string {
	for _, m := range slices.Backward(t.messages) {
		if m.inbound {
			return m.ID
		}
	}
	return ""
}
