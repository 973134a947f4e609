package bot

import (
	"context"
	"fmt"
	"time"

	"inboxbot/inboxapi"
)

// Memory tells how far back the store remembers.
type Memory interface {
	// Forgot reports whether the store has ever lost its memory, and when it last
	// did. Asking notices it.
	Forgot(ctx context.Context) (last Loss, ever bool, err error)
}

// Loss is one loss of a store's memory: by a wipe, by a failover to a server that
// knows less, or because it is new to the team and nobody has said so.
type Loss struct {
	Ago        time.Duration // since it was noticed
	Quarantine time.Duration // how long nothing may be begun yet; 0: now
}

// A message that comes while our reply to an earlier one is on its way stands
// before that reply: the thread looks answered. As long as the ledger knows which
// message the reply was for, a second look finds it (see Conversation.Unanswered),
// and it may then wait for hours, as every other. When the store loses its memory,
// nothing but the messages themselves is left to tell, so every thread that was
// answered within MaxAge is looked at once, after everybody who is known to wait,
// and a person gets those in which somebody may be hidden.

const safetyHidden = "hidden"

// remember asks the store how far back it remembers.
func (b *Bot) remember(ctx context.Context) {
	if b.Memory == nil {
		return
	}
	loss, ever, err := b.Memory.Forgot(ctx)
	if err != nil {
		if ctx.Err() == nil {
			b.complain("redis", fmt.Errorf("memory: %w", err))
		}
		return
	}
	if ever && b.state.forgot(b.Now().Add(-loss.Ago)) && loss.Quarantine > 0 {
		b.complain("memory", errQuarantined(loss.Quarantine))
	}
	b.state.quarantined(time.Now().Add(loss.Quarantine))
}

// errQuarantined says for how long nothing is begun, and why.
func errQuarantined(left time.Duration) error {
	return fmt.Errorf("nothing is sent for %s: Redis does not know what was sent before, for it was emptied, failed over, or is new to this team (run --fresh says so)",
		left.Round(time.Second))
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

// quarantined keeps until when nothing may be begun.
func (s *status) quarantined(until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.quietTo = until
}

// beforeLoss reports whether what the store knew of that time is lost.
func (s *status) beforeLoss(at time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return at.Before(s.forgotAt)
}

// forgotten is how long before a reply of ours, sent at this time, somebody may
// have written whom the reply does not answer and the store has forgotten; 0 when it
// has forgotten nothing of that time. The look before a send misses what comes until
// its end; of the last sends before the loss, which had no second look, it is not
// even known whether they ended in time.
func (b *Bot) forgotten(at time.Time) time.Duration {
	b.state.mu.Lock()
	lost := b.state.forgotAt
	b.state.mu.Unlock()
	switch doubt := b.cfg.inDoubtFor(); {
	case !b.cfg.Live, lost.IsZero(), at.Before(lost.Add(-b.cfg.MaxAge)), at.After(lost.Add(doubt)):
		return 0
	case at.After(lost.Add(-b.cfg.FollowUp - doubt)):
		return doubt
	}
	return lookAge + b.cfg.Send
}

// mayHide reports whether somebody may be hidden behind the newest message of a
// row, which is ours. It does so once for each such message.
func (b *Bot) mayHide(row *inboxapi.Thread) bool {
	m := row.LastMessage
	return m.CampaignID == nil && b.forgotten(m.CreatedAt) > 0 && b.said.first("hidden "+row.ID, m.ID)
}

// hidden finds the message that nobody may have answered: it came so shortly
// before our reply that it may not have been seen, after another one that the
// reply may have been for instead.
func hidden(j *judge, c *Conversation) (Outcome, bool) {
	if c.forgotten == 0 {
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
	if c.Record.Done(last.ID, last.At) || reply.At.Sub(last.At) > c.forgotten {
		return Outcome{}, false
	}
	return Outcome{
		Action: Handoff, Cause: CauseDoubt,
		Reason: fmt.Sprintf("written %s before our reply, which may have been for an earlier message", reply.At.Sub(last.At).Round(time.Second)),
	}, true
}
