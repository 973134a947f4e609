package inboxapitest

import (
	"bytes"
	"context"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// Kind is a way in which the API misbehaves.
type Kind string

// Faults of any operation. "Before" means nothing was done, "after" that it was
// done all the same, which a client cannot tell apart.
const (
	FailBefore      Kind = "fail before"       // answers Status
	FailAfter       Kind = "fail after"        // does it, then answers Status
	ResetBefore     Kind = "reset before"      // resets the connection
	ResetAfter      Kind = "reset after"       // does it, then resets the connection
	HangBefore      Kind = "hang before"       // never answers
	HangAfter       Kind = "hang after"        // does it, then never answers
	LateCommit      Kind = "late commit"       // answers Status now, does it Delay later
	LateCommitReset Kind = "late commit reset" // resets the connection now, does it Delay later
	LateCommitHang  Kind = "late commit hang"  // never answers, does it Delay later
	RateLimit       Kind = "rate limit"        // 429 with Delay as Retry-After
	Slow            Kind = "slow"              // waits for Delay first; nothing is done if the client leaves meanwhile
	SlowAfter       Kind = "slow after"        // does it, waits for Delay, then answers
	HTMLBody        Kind = "html body"         // does it, then answers a page with Status, 200 if that is zero
	TruncatedJSON   Kind = "truncated json"    // does it, then answers the first half of the body
)

// Faults of what is read. The world is not changed by them.
const (
	LaggingList   Kind = "lagging list"   // a thread list as it was Delay ago, archiving and tags apart
	DuplicateRow  Kind = "duplicate row"  // a page begins with the last row of the page before
	StaleMessages Kind = "stale messages" // a message list as it was Delay ago
	UnknownEnums  Kind = "unknown enums"  // every enumerated value is one nobody knows
	MissingFields Kind = "missing fields" // Fields are left out of every object
	ExtraFields   Kind = "extra fields"   // every object has a field nobody knows
)

// Fault says what goes wrong for which requests. With Times it happens to the next
// so many of them, with Probability to each by chance, with both by chance and at
// most so often, with neither to every one until it is removed. Faults are tried
// in the order they were injected and the first to happen wins; Slow and SlowAfter
// happen beside others.
type Fault struct {
	Operation   string // operationId; "": every operation
	ThreadID    string // "": every thread
	Kind        Kind
	Probability float64
	Times       int
	Delay       time.Duration // default one second
	Status      int           // default 500
	Fields      []string      // default: what the API's own examples leave out
}

// fault is an injected Fault.
type fault struct {
	Fault
	dice *rand.Rand
	left int // requests it may still happen to; negative: any number
}

// leftOut are the required fields that pages and examples of the API's
// documentation lack.
var leftOut = []string{"isEncrypted", "deletedAt", "platformDeletedAt", "image", "verified", "profileType", "source"}

// kinds are all there are.
var kinds = []Kind{
	FailBefore, FailAfter, ResetBefore, ResetAfter, HangBefore, HangAfter, LateCommit, LateCommitReset, LateCommitHang,
	RateLimit, Slow, SlowAfter, HTMLBody, TruncatedJSON,
	LaggingList, DuplicateRow, StaleMessages, UnknownEnums, MissingFields, ExtraFields,
}

// Inject lets f happen from now on. The function returned ends it and can be
// repeated. Inject panics when there is no such kind or operation: the fault would
// never happen and the test prove nothing.
func (s *Server) Inject(f Fault) (remove func()) {
	isIt := func(op operation) bool { return op.id == f.Operation }
	if f.Operation != "" && !slices.ContainsFunc(operations(), isIt) {
		panic("inboxapitest: no operation " + f.Operation)
	}
	if !slices.Contains(kinds, f.Kind) {
		panic("inboxapitest: no kind of fault " + string(f.Kind))
	}
	if f.Delay == 0 {
		f.Delay = time.Second
	}
	if f.Status == 0 && f.Kind != HTMLBody {
		f.Status = http.StatusInternalServerError
	}
	if f.Fields == nil {
		f.Fields = leftOut
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.injected++
	injected := &fault{Fault: f, dice: rand.New(rand.NewPCG(s.opts.Seed, 1+s.injected)), left: -1}
	if f.Times > 0 {
		injected.left = f.Times
	}
	s.faults = append(s.faults, injected)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.faults = slices.DeleteFunc(s.faults, func(o *fault) bool { return o == injected })
	}
}

// ClearFaults ends every fault.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// chosen is what goes wrong with one request.
type chosen struct {
	Fault
	before, after time.Duration // Slow and SlowAfter
}

// chooseFault throws the dice of every fault that is meant for the request.
func (s *Server) chooseFault(op operation, threadID string) chosen {
	var c chosen
	for _, f := range s.faults {
		switch {
		case f.left == 0,
			f.Operation != "" && f.Operation != op.id,
			f.ThreadID != "" && f.ThreadID != threadID,
			f.Probability > 0 && f.dice.Float64() >= f.Probability:
			continue
		}
		switch {
		case f.Kind == Slow:
			c.before += f.Delay
		case f.Kind == SlowAfter:
			c.after += f.Delay
		case c.Kind != "":
			continue
		default:
			c.Fault = f.Fault
		}
		if f.left > 0 {
			f.left--
		}
	}
	return c
}

// perform does the operation and answers it, as well as the request's fault lets it.
func (s *Server) perform(ctx context.Context, w http.ResponseWriter, c *call) {
	if !s.wait(ctx, c.fault.before) {
		panic(http.ErrAbortHandler)
	}
	var res response
	switch c.fault.Kind {
	case FailBefore, ResetBefore, HangBefore:
	case LateCommit, LateCommitReset, LateCommitHang:
		s.applyLater(c)
	case RateLimit:
		w.Header().Set("Retry-After", strconv.Itoa(wholeSeconds(c.fault.Delay)))
		res = tooMany(c.fault.Delay).in(s.opts.ErrorShape)
	default:
		res = s.apply(c)
	}
	if !s.wait(ctx, c.fault.after) {
		panic(http.ErrAbortHandler)
	}
	switch c.fault.Kind {
	case FailBefore, FailAfter, LateCommit:
		res = statusError(c.fault.Status, "Something went wrong").in(s.opts.ErrorShape)
	case ResetBefore, ResetAfter, LateCommitReset:
		reset(w)
	case HangBefore, HangAfter, LateCommitHang:
		s.hang(ctx)
	case HTMLBody:
		res = htmlPage(max(c.fault.Status, http.StatusOK))
	case TruncatedJSON:
		res.body = res.body[:len(res.body)/2]
	case UnknownEnums, MissingFields, ExtraFields:
		res.body = c.fault.distort(res.body)
	default:
	}
	s.mu.Lock()
	c.entry.Status = res.status
	s.mu.Unlock()
	s.answer(w, res)
}

// applyLater does the operation after the fault's delay, unless s is closed by then.
func (s *Server) applyLater(c *call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	var timer *time.Timer
	timer = time.AfterFunc(c.fault.Delay, func() {
		s.mu.Lock()
		_, pending := s.timers[timer]
		delete(s.timers, timer)
		s.mu.Unlock()
		if pending {
			s.apply(c)
		}
	})
	s.timers[timer] = struct{}{}
}

// enumerated are the fields whose values the API's document enumerates.
var enumerated = []string{"platform", "status", "variant", "origin", "role", "verified", "profileType", "source", "type"}

// distort rewrites a JSON body as the fault wants it.
func (f *Fault) distort(body []byte) []byte {
	var v any
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber() // X's IDs do not fit a float
	if d.Decode(&v) != nil {
		return body
	}
	f.walk(v)
	return encode(v)
}

func (f *Fault) walk(v any) {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			f.walk(item)
		}
	case map[string]any:
		for key, item := range v {
			f.walk(item)
			if _, text := item.(string); f.Kind == UnknownEnums && text && slices.Contains(enumerated, key) {
				v[key] = "somethingNew"
			}
			if f.Kind == MissingFields && slices.Contains(f.Fields, key) {
				delete(v, key)
			}
		}
		if f.Kind == ExtraFields {
			v["somethingNew"] = map[string]any{"nested": []any{json.Number("1"), nil, "text"}}
		}
	}
}
