package bot

import (
	"context"
	"time"

	"inboxbot/inboxapi"
)

// Reader reads conversations without handling them. It knows of no ledger: a
// message of this bot's is one of an API client to it.
type Reader struct{ bot *Bot }

// NewReader returns a reader of the team's conversations. now is the API's clock.
func NewReader(inbox interface {
	Messages
	Directory
}, team inboxapi.Team, now func() time.Time,
) *Reader {
	b := &Bot{dir: newDirectory(inbox, team), said: newSaid(), kept: newKept()}
	b.Now = now
	b.Inbox = struct { // what is nil cannot be called: a reader sends nothing
		Threads
		Sender
		Handover
		Messages
		Directory
	}{Messages: inbox, Directory: inbox}
	return &Reader{b}
}

// Read returns the newest 100 messages of the thread that row is about. It costs
// one request, and now and then one for each of the team's lists. Its error
// matches inboxapi.ErrMalformed when messages do not decode.
func (r *Reader) Read(ctx context.Context, row *inboxapi.Thread) (*Conversation, error) {
	return r.bot.read(ctx, row, Record{Thread: row.ID})
}
