package bot

import (
	"context"
	"errors"
	"fmt"
	"time"

	"inboxbot/inboxapi"
)

// Memory tells how far back the store remembers.
type Memory interface {
	// Forgot reports whether the store has ever lost its memory, and how long ago
	// that was noticed. Asking notices it.
	Forgot(ctx context.Context) (ago time.Duration, ever bool, err error)
}

// A message that comes while our reply to an earlier one is on its way stands
// before that reply: the thread looks answered. As long as the ledger knows which
// message the reply was for, a second look finds it (see Conversation.Unanswered).
// When the store loses its memory between the send and the second look, nothing
// but the messages themselves is left to tell, so the threads of that time are
// looked at once, and a person gets those in which somebody may be hidden.

const safetyHidden = "hidden"

var errForgot = errors.New("the store has lost its memory: nothing is sent until what is on its way has shown up, and threads answered last are looked at again")

// remember asks the store how far back it remembers.
func (b *Bot) remember(ctx context.Context) {
	if b.Memory == nil {
		return
	}
	ago, ever, err := b.Memory.Forgot(ctx)
	switch {
	case err != nil && ctx.Err() == nil:
		b.complain("redis", fmt.Errorf("memory: %w", err))
	case err == nil && ever && b.state.forgot(b.Now().Add(-ago)):
		if ago < time.Minute {
			b.complain("memory", errForgot)
		}
	}
}

// forgot keeps when the store lost its memory, on the API's clock, and reports
// whether that is news: the next sweep is a deep one then.
func (s *status) forgot(at time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !at.After(s.forgotAt.Add(time.Second)) { // two readings of two clocks differ by a little
		return false
	}
	s.forgotAt, s.deep = at, time.Time{}
	return true
}

// beforeLoss reports whether what the store knew of that time is lost.
func (s *status) beforeLoss(at time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return at.Before(s.forgotAt)
}

// forgotten reports whether the store may have lost the record of a reply that
// was sent at this time, before its second look: one that was on its way when
// the memory was lost appears a little later.
func (b *Bot) forgotten(at time.Time) bool {
	b.state.mu.Lock()
	defer b.state.mu.Unlock()
	lost := b.state.forgotAt
	return b.cfg.Live && !lost.IsZero() &&
		at.After(lost.Add(-b.cfg.FollowUp-b.cfg.inDoubtFor())) && at.Before(lost.Add(b.cfg.inDoubtFor()))
}

// mayHide reports whether somebody may be hidden behind the newest message of a
// row, which is ours. It does so once for each such message.
func (b *Bot) mayHide(row *inboxapi.Thread) bool {
	m := row.LastMessage
	return m.CampaignID == nil && b.forgotten(m.CreatedAt) && b.said.first("hidden "+row.ID, m.ID)
}

// hidden finds the message that nobody may have answered: it came so shortly
// before our reply that it may not have been seen, after another one that the
// reply may have been for instead.
func hidden(j *judge, c *Conversation) (Outcome, bool) {
	if !c.forgotten {
		return Outcome{}, false
	}
	i := len(c.Turns) - 1
	for i >= 0 && c.Turns[i].Side == SideOurs {
		i--
	}
	if i < 1 || i == len(c.Turns)-1 || c.Turns[i].Side != SideProspect || c.Turns[i-1].Side != SideProspect {
		return Outcome{}, false
	}
	if _, handed := handedOver(j, c); handed {
		return Outcome{}, false
	}
	last, reply := c.Turns[i], c.Turns[i+1]
	if c.Record.Done(last.ID, last.At) || reply.At.Sub(last.At) > j.cfg.inDoubtFor() {
		return Outcome{}, false
	}
	return Outcome{
		Action: Handoff, Cause: CauseDoubt,
		Reason: fmt.Sprintf("written %s before our reply, which may have been for an earlier message", reply.At.Sub(last.At).Round(time.Second)),
	}, true
}
