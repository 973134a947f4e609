package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"inboxbot/bot"
	"inboxbot/bot/redisstore"
	"inboxbot/inboxapi"
)

// chaosDesk is people who approve, edit and reject drafts, through the store as
// inboxbot drafts does: at random, at times two of them at once, and at times about
// drafts that they read a while ago.
type chaosDesk struct {
	store *redisstore.Store
	naive *inboxapi.Client // sends what is approved itself; nil: leaves it to the bot
	team  string
	dice  *dice

	mu     sync.Mutex
	drafts map[string]*deskDraft // by the mark in its text
	left   map[string]bool       // numbers of messages that nobody should answer
	late   int                   // decisions about drafts that were decided or gone
	edits  int
}

// deskDraft is a draft that somebody at the desk has read.
type deskDraft struct {
	bot.Draft
	decided []deskDecision
}

// deskDecision is one decision about a draft.
type deskDecision struct {
	began, ended time.Time // began in whole milliseconds, as the API's log has it
	to           bot.DraftState
	words        string // that may be sent
	edited, sure bool   // not sure: the answer was lost
}

// deskTally is what became of drafts.
type deskTally struct {
	drafts, approved, edited, rejected, handedDrafts, late int
	withdrawn, expired, draftsSent                         int
	// wrong are messages that were sent and should not have been.
	wrong []wrong
}

type wrong struct {
	finding
	what string
}

func openDesk(t *testing.T, p plan, spec chaosSpec, team string) *chaosDesk {
	t.Helper()
	k := &chaosDesk{
		store: openChaosStore(t, redisstore.Options{URL: spec.Redis, Team: team}), team: team,
		dice: newDice(p.seed + 4), drafts: map[string]*deskDraft{}, left: map[string]bool{},
	}
	if p.desk == deskNaive {
		var err error
		if k.naive, err = inboxapi.New(inboxapi.Options{BaseURL: spec.API, Token: "chaos", Timeout: 2 * time.Second}); err != nil {
			t.Fatal(err)
		}
	}
	return k
}

// work has two people at the desk until stop, which waits for them.
func (k *chaosDesk) work(ctx context.Context) (stop func()) {
	if k == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var people sync.WaitGroup
	for _, name := range []string{"ann", "bob"} {
		people.Go(func() { k.sit(ctx, name) })
	}
	return func() { cancel(); people.Wait() }
}

// sit is one person's day: some drafts are decided about as they are read, some
// later, some never.
func (k *chaosDesk) sit(ctx context.Context, name string) {
	var read []bot.Draft // and not decided about yet
	for pause(ctx, k.dice.between(50*time.Millisecond, 300*time.Millisecond)) == nil {
		waiting, err := k.store.WaitingDrafts(ctx, 100)
		if err != nil {
			continue // Redis is away
		}
		for _, d := range waiting {
			k.note(d)
			switch r := k.dice.float(); {
			case d.ID[0] <= '1': // one in eight is never decided about
			case r < 0.35:
				k.decide(ctx, d, name)
			case r < 0.45: // two people at once
				var both sync.WaitGroup
				both.Go(func() { k.decide(ctx, d, name) })
				both.Go(func() { k.decide(ctx, d, "her colleague") })
				both.Wait()
			case r < 0.6:
				read = append(read, d)
			}
		}
		if len(read) > 0 && k.dice.float() < 0.5 {
			k.decide(ctx, read[0], name)
			read = read[1:]
		}
	}
}

func (k *chaosDesk) note(d bot.Draft) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if mark := markOf.FindString(d.Text); k.drafts[mark] == nil {
		k.drafts[mark] = &deskDraft{Draft: d}
	}
}

// decide is a person's decision, or now and then only other words.
func (k *chaosDesk) decide(ctx context.Context, d bot.Draft, by string) {
	what := deskDecision{began: time.Now().Truncate(time.Millisecond), to: bot.DraftApproved, words: d.Words()}
	final := ""
	switch r := k.dice.float(); {
	case r < 0.25:
		what.edited = true
		final = k.edit(d)
		what.words = final
	case r < 0.35:
		what.to, what.words = bot.DraftRejected, ""
	case r < 0.45:
		what.to, what.words = bot.DraftHandoff, ""
	case r < 0.55 && k.naive == nil:
		_ = k.store.EditDraft(ctx, d.Thread, d.ID, k.edit(d), by) // whoever approves it later says what they read
		return
	case k.naive == nil:
		final = what.words // what was read, whatever a colleague made of it meanwhile
	}
	if k.naive != nil && what.to == bot.DraftApproved {
		k.sendNaively(ctx, d, what.words)
		k.keep(d, what, nil)
		_ = k.store.DecideDraft(ctx, d.Thread, d.ID, bot.DraftRejected, "", by) // or else the bot sends it too
		return
	}
	k.keep(d, what, k.store.DecideDraft(ctx, d.Thread, d.ID, what.to, final, by))
}

// edit is the draft in a person's words, unlike any other.
func (k *chaosDesk) edit(d bot.Draft) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.edits++
	return fmt.Sprintf("%s in other words, %s, the edit %d", answerTo(askedNumber.FindString(d.Text)), markOf.FindString(d.Text), k.edits)
}

// sendNaively sends as scripts do, once more when it seems to have failed.
func (k *chaosDesk) sendNaively(ctx context.Context, d bot.Draft, words string) {
	for range 2 {
		once, cancel := context.WithTimeout(ctx, chaosSend)
		_, err := k.naive.SendMessage(once, d.Thread, inboxapi.NewMessage{Content: words})
		cancel()
		if err == nil {
			return
		}
	}
}

// keep notes a decision that was accepted, or may have been.
func (k *chaosDesk) keep(d bot.Draft, what deskDecision, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if errors.Is(err, bot.ErrRecorded) {
		k.late++
		return
	}
	what.ended, what.sure = time.Now(), err == nil
	draft := k.drafts[markOf.FindString(d.Text)]
	draft.decided = append(draft.decided, what)
	if what.sure && what.to == bot.DraftRejected {
		numbers := askedNumber.FindAllString(d.Asked, -1)
		k.left[numbers[len(numbers)-1]] = true
	}
}

// isLeft reports whether a person decided that the message with this number, and
// what stands before it, needs no answer.
func (k *chaosDesk) isLeft(number string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.left[number]
}

// count holds what was sent against what was decided.
func (k *chaosDesk) count(w *chaosWorld, fleet *chaosFleet) deskTally {
	k.mu.Lock()
	defer k.mu.Unlock()
	t := deskTally{drafts: len(k.drafts), late: k.late}
	for _, d := range k.drafts {
		for _, what := range d.decided {
			t.countDecision(what)
		}
	}
	ended := map[string]time.Time{} // when a draft was first withdrawn or expired, by its ID
	for _, line := range fleet.logged("draft moved") {
		at, id, to := movedDraft(line)
		if to != bot.DraftWithdrawn && to != bot.DraftExpired {
			continue
		}
		if to == bot.DraftWithdrawn {
			t.withdrawn++
		} else {
			t.expired++
		}
		if _, again := ended[id]; !again {
			ended[id] = at
		}
	}
	sent := map[string]int{}
	for _, m := range w.sentMessages() {
		t.draftsSent++
		mark := markOf.FindString(m.text)
		sent[mark]++
		add := func(what string) { t.wrong = append(t.wrong, wrong{finding{m.thread, mark}, what}) }
		draft := k.drafts[mark]
		switch {
		case draft == nil:
			add("sent, and nobody has read it")
			continue
		case sent[mark] > 1:
			add("a draft was sent twice")
		case !draft.maySend(m):
			add("sent, and the last decision about the draft does not allow it")
		}
		if end, ok := ended[draft.ID]; ok && m.at.After(end) && !draft.approvedAfter(end, m) {
			add("sent after it was withdrawn or had expired")
		}
	}
	return t
}

func (t *deskTally) countDecision(d deskDecision) {
	switch d.to {
	case bot.DraftApproved:
		t.approved++
		if d.edited {
			t.edited++
		}
	case bot.DraftRejected:
		t.rejected++
	case bot.DraftHandoff:
		t.handedDrafts++
	default: // nobody decides anything else
	}
}

// maySend reports whether the message was approved in these words, and nothing
// else was decided between that and the send.
func (d *deskDraft) maySend(m sentMessage) bool {
	allowed := false
	decisions := slices.Clone(d.decided)
	slices.SortFunc(decisions, func(a, b deskDecision) int { return a.began.Compare(b.began) })
	for _, what := range decisions {
		same := what.to == bot.DraftApproved && what.words == m.text
		switch {
		case same && !what.began.After(m.at):
			allowed = true
		case !same && what.sure && what.ended.Before(m.at):
			// Decided otherwise after an approval that Redis lost, or that was lost on
			// its way.
			allowed = false
		}
	}
	return allowed
}

// approvedAfter reports whether these words were approved between end and the send.
func (d *deskDraft) approvedAfter(end time.Time, m sentMessage) bool {
	return slices.ContainsFunc(d.decided, func(what deskDecision) bool {
		return what.to == bot.DraftApproved && what.words == m.text && what.ended.After(end) && !what.began.After(m.at)
	})
}

// movedDraft reads a line that perilousDrafts logged.
func movedDraft(line string) (at time.Time, id string, to bot.DraftState) {
	for field := range strings.FieldsSeq(line) {
		switch name, value, _ := strings.Cut(field, "="); name {
		case "time":
			at, _ = time.Parse(time.RFC3339Nano, value)
		case "draft":
			id = value
		case "to":
			to = bot.DraftState(value)
		}
	}
	return at, id, to
}

// sentMessage is one message of ours that the API stored.
type sentMessage struct {
	thread, text string
	at           time.Time // when the request came in
}

// sentMessages are all messages of ours that the API stored, in the order of
// their requests.
func (w *chaosWorld) sentMessages() []sentMessage {
	texts := map[string]string{}
	for _, thread := range w.threads {
		for _, m := range w.api.Transcript(thread) {
			texts[m.ID] = m.Content
		}
	}
	var sent []sentMessage
	for _, r := range w.api.Log() {
		if r.Operation == chaosPost && r.Persisted {
			sent = append(sent, sentMessage{r.ThreadID, texts[r.MessageID], r.At})
		}
	}
	return sent
}
