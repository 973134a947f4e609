package bot

import (
	"context"
	"time"
)

// DraftState is where a draft that is not sent at once stands.
type DraftState string

// The states of a draft. Only a waiting draft can be decided about, and only an
// approved one is sent.
const (
	DraftWaiting   DraftState = "waiting"   // for a person of the team
	DraftApproved  DraftState = "approved"  // to be sent, if the thread is still as it was
	DraftRejected  DraftState = "rejected"  // the thread is left alone
	DraftHandoff   DraftState = "handoff"   // a person of the team answers instead
	DraftWithdrawn DraftState = "withdrawn" // overtaken: the prospect or a person wrote meanwhile
	DraftExpired   DraftState = "expired"   // nobody decided in time; a person gets the thread
	DraftSent      DraftState = "sent"
	DraftShadow    DraftState = "shadow" // nobody is asked: it is kept to be compared with what a person answers
)

// Next are the states that a draft may move to from s.
func (s DraftState) Next() []DraftState {
	switch s {
	case DraftWaiting:
		return []DraftState{DraftApproved, DraftRejected, DraftHandoff, DraftWithdrawn, DraftExpired}
	case DraftApproved:
		return []DraftState{DraftSent, DraftWithdrawn}
	case DraftShadow:
		return []DraftState{DraftWithdrawn}
	case DraftRejected, DraftHandoff, DraftWithdrawn, DraftExpired, DraftSent:
	}
	return nil
}

// Draft is a reply that waits for a person's approval. There is one per thread
// and message; a newer one of the thread takes its place.
type Draft struct {
	ID        string // new for every draft
	Thread    string
	MessageID string // the newest inbound message it answers
	State     DraftState
	Text      string // as the model wrote it
	Final     string // as a person edited it, "" when unchanged

	Prospect, ProspectID, Account string // for people: who it is for
	Asked                         string // the text it answers
	Reason, Guard, Generation     string
	MadeAt, Until                 time.Time // on the API's clock; a waiting draft expires at Until

	By        string // who decided, and when
	DecidedAt time.Time
}

// Words is what would be sent.
func (d Draft) Words() string {
	if d.Final != "" {
		return d.Final
	}
	return d.Text
}

// Drafts keeps drafts, one per thread.
type Drafts interface {
	// Draft returns a thread's draft, a zero Draft when there is none.
	Draft(ctx context.Context, thread string) (Draft, error)
	// KeepDraft puts d in place of whatever draft the thread has.
	KeepDraft(ctx context.Context, d Draft) error
	// MoveDraft moves the draft with this ID to a state that Next allows. The same
	// move may be repeated. It returns ErrRecorded when the draft is elsewhere by
	// now, or another one has taken its place.
	MoveDraft(ctx context.Context, thread, id string, to DraftState) error
}

// Spent is what the model has cost on one day.
type Spent struct {
	Tokens   int64
	MicroUSD int64 // millionths of a dollar
}

// Purse counts what the model costs, for all processes of the team.
type Purse interface {
	// Spend adds s to the day's account and returns what it comes to; a zero s only
	// asks. Days are named by their date, 2006-01-02, and forgotten after a month.
	Spend(ctx context.Context, day string, s Spent) (Spent, error)
}

// Echoes remembers to whom a text was said.
type Echoes interface {
	// Echo notes that the text with this Fingerprint is for the thread, and returns
	// how many other threads it was for within the last 24 hours, at most 100.
	Echo(ctx context.Context, sum, thread string) (others int, err error)
}
