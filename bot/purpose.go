package bot

import "context"

// Purpose says what requests to Inbox are made for, where their operation does not:
// the same list of messages is a conversation to be read, a look before a send, and
// the search for a send in doubt.
type Purpose string

// The purposes that come before reading a conversation, most urgent first, and the
// zero value for everything else.
const (
	ForAnything  Purpose = ""
	ForReconcile Purpose = "reconcile" // what became of a send
	ForHandover  Purpose = "handover"  // a person gets the thread
	ForLook      Purpose = "look"      // the look before a send
)

type purposeKey struct{}

// forPurpose has requests made with ctx be for p. It is the one value that travels in
// a context: it has to pass the client, which knows nothing of the bot, to the limiter.
func forPurpose(ctx context.Context, p Purpose) context.Context {
	return context.WithValue(ctx, purposeKey{}, p)
}

// PurposeOf returns what requests made with ctx are for; the limiter of a client asks.
func PurposeOf(ctx context.Context) Purpose {
	p, _ := ctx.Value(purposeKey{}).(Purpose)
	return p
}
