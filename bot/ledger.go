package bot

import (
	"context"
	"slices"
	"time"
)

// State is where a thread's record stands. See the package doc for the machine.
type State string

// The states of a record.
const (
	StateNone     State = ""         // nothing is known of this thread
	StateWaiting  State = "waiting"  // seen, to be judged again: a guard said wait, or the model could not be asked
	StateIntent   State = "intent"   // one POST may leave, or has left: never a second one
	StateRetry    State = "retry"    // the POST certainly did not happen
	StateHanding  State = "handing"  // a person must get it; the tag may not be there yet
	StateSent     State = "sent"     // terminal: our reply is in the thread
	StateHandoff  State = "handoff"  // terminal: a person has it
	StateAnswered State = "answered" // terminal: somebody else answered, or something we cannot tell from it
	StateSkipped  State = "skipped"  // terminal: the model said there is nothing to answer
)

// Terminal reports whether a record in this state is done with its message.
func (s State) Terminal() bool {
	return s == StateSent || s == StateHandoff || s == StateAnswered || s == StateSkipped
}

// Record is what the bot intended for the newest inbound message of a thread,
// and how it ended. There is one per thread.
type Record struct {
	Thread    string
	State     State
	MessageID string    // the newest inbound message this record is about
	MessageAt time.Time // when that message was created, on the API's clock
	SeenAt    time.Time // when this bot saw it and could have judged it, on the API's clock; kept fresh while a guard makes it wait
	At        time.Time // the store's clock at the last transition
	Guard     string    // the guard that decided
	Reason    string    // why, one line
	Cause     Cause     // why a person gets it; "" for everything else

	// Unarchived says that the thread was not in the archive when its message was noted.
	// StateWaiting, and kept until the message comes to its end.
	Unarchived bool

	Token string // StateIntent: the lease that began it
	Text  string // StateIntent: what was or will be sent
	Base  string // StateIntent: the ID of the newest message at the look before the send
	// LookedAt is the API's clock at that look: a message of ours from before it
	// is not the one this intent sent.
	LookedAt time.Time

	// Asked is how many of the prospect's messages the reply is to, up to MessageID:
	// one that is listed late, and stands among them, makes them more. StateIntent, and
	// kept until there is a newer message.
	Asked int

	SentID string // the ID of our last message, when known; outlives the message it answered
	// SentSum is Fingerprint of the text that was last sent. It knows our own
	// message again when the API lists it under another ID or origin.
	SentSum string
	// StateHanding, and StateIntent where what is sent is the message that tells the
	// prospect of it:
	Tag    string // the tag to give
	Assign string // the member to assign, email or ID
	Say    string // the name of that message, "" when the intent is a reply

	// HandedAt is when the newest handoff of this thread was decided, on the API's
	// clock, HandedTag the ID of the tag that was given then, for names change, and
	// HeldAt when the newest message was written that the thread was seen with while
	// the prospect had that tag. All outlive the message: a thread given back is known
	// by its missing tag, and what came up to HeldAt was before that.
	HandedAt  time.Time
	HandedTag string
	HeldAt    time.Time
	// Seen names the tags the prospect had whenever the thread was recorded, newest
	// last, at most SeenMax. They outlive their removal and the message.
	Seen []string

	// EndedID and EndedAt name the newest inbound message that came to an end
	// before this record's: nothing up to it is answered again. Stores set them.
	EndedID string
	EndedAt time.Time

	Generation string // the hash of the rules and prompts that decided

	// Own is when each of the bot's own messages in this thread was sent, by message
	// ID, the newest of them for as long as the record is kept. It outlives the
	// messages the record is about.
	Own map[string]time.Time
}

// SeenMax is how many tags a record remembers.
const SeenMax = 20

// WithSeen returns r.Seen with the tags behind it: one that is seen again becomes
// the newest, and the oldest make room.
func (r Record) WithSeen(tags ...string) []string {
	var seen []string
	for _, tag := range slices.Backward(slices.Concat(r.Seen, tags)) {
		if tag != "" && len(seen) < SeenMax && !slices.Contains(seen, tag) {
			seen = append(seen, tag)
		}
	}
	slices.Reverse(seen)
	return seen
}

// Newer reports whether the inbound message (id, at) is newer than the one the
// record is about.
func (r Record) Newer(id string, at time.Time) bool {
	switch {
	case r.MessageID == "":
		return true
	case id == r.MessageID:
		return false
	}
	return !at.Before(r.MessageAt)
}

// ended is the newest inbound message that has come to an end.
func (r Record) ended() (id string, at time.Time) {
	if r.State.Terminal() {
		return r.MessageID, r.MessageAt
	}
	return r.EndedID, r.EndedAt
}

// Done reports whether the record is terminal for the inbound message (id, at),
// or already about a newer one.
func (r Record) Done(id string, at time.Time) bool {
	return r.State.Terminal() && !r.Newer(id, at)
}

// Note says that a thread's message was seen and waits, to be looked at again after
// a time.
type Note struct {
	Record Record // its State counts for nothing
	Again  time.Duration
}

// Ledger keeps the records. A record is moved by a lease, except where a fact is
// recorded (sent, waiting). Every move may be repeated: a store that lost its
// answer asks again, and the same move by the same lease succeeds.
//
// Everything that is not terminal, and every thread due for a second look, is
// open: Due names it until it is moved to an end. That, not the API's lists, is
// why nobody is lost.
type Ledger interface {
	// Advance moves l's thread to next.State, with again telling when an open
	// record is due next (0: it is not open any more, for terminal states).
	//
	//	intent    the lease is live for at least the send, its generation is the
	//	          store's, the quarantine is over, the record is neither intent nor
	//	          handing, and the message is newer than the record's, or the same
	//	          and not terminal. Errors: ErrLeaseLost, ErrQuarantine, ErrRecorded.
	//	sent      the message is the record's: a fact, no lease needed. A newer
	//	          inbound message known to be waiting stays open. l is released
	//	          with it, for there is nothing left to do.
	//	answered  the same, but a judgement: the lease is live.
	//	retry     the record is this lease's own intent.
	//	handing,  the lease is live; the record is none, waiting, retry or intent,
	//	skipped   or terminal for an older message.
	//	handoff   the record is handing.
	//	waiting   the record is none or waiting or retry for this message, or
	//	          terminal for an older one. No lease needed (l may be zero but for
	//	          Thread); retry stays retry. again 0 takes it off the open threads.
	Advance(ctx context.Context, l Lease, next Record, again time.Duration) error
	// Note moves records to waiting as Advance does without a lease, in one round
	// trip for up to 100. One that is refused keeps no other from being moved.
	Note(ctx context.Context, notes []Note) error
	// Hold keeps the HeldAt of known threads, where it is later than what is known. No
	// other move changes it.
	Hold(ctx context.Context, held map[string]time.Time) error
	// Records returns what is known of the threads; one that is not known has a
	// zero State. One round trip for up to 1,000 threads.
	Records(ctx context.Context, threadIDs []string) (map[string]Record, error)
	// Due returns up to limit open threads whose time has come, the longest due
	// first.
	Due(ctx context.Context, limit int) ([]string, error)
	// Postpone makes an open thread due again after d. A thread that is not open
	// stays so.
	Postpone(ctx context.Context, threadID string, d time.Duration) error
}
