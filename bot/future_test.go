package bot_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"inboxbot/bot"
	"inboxbot/inboxapi"
	"inboxbot/inboxapi/inboxapitest"
)

// A message that is dated a week ahead is answered as one that has just come.
func TestAMessageFromTheFutureIsAnsweredNow(t *testing.T) {
	inScene(t, func(w *scene) {
		w.cfg.Settle = 15 * time.Second
		th := w.thread()
		w.sim.Receive(th.ID, "do you ship to Austria?", inboxapitest.At(time.Now().Add(7*24*time.Hour)))
		var took time.Duration
		began := time.Now()
		w.sim.OnSend(func(inboxapi.Thread, inboxapi.Message) { took = time.Since(began) })
		w.during(10 * time.Minute)
		w.said(th.ID, "ok")
		if took < 15*time.Second || took > time.Minute {
			t.Errorf("answered after %s, want once it had settled", took)
		}
		if n := w.sim.Requests()[opMessages]; n > 6 {
			t.Errorf("its messages were read %d times", n)
		}
	})
}

// ahead is an Inbox that shows one message as written a week later than it was.
type ahead struct {
	bot.Inbox
	message string
}

func (a *ahead) ListMessages(ctx context.Context, thread string, q inboxapi.MessageQuery) (*inboxapi.MessagePage, error) {
	page, err := a.Inbox.ListMessages(ctx, thread, q)
	if err != nil {
		return nil, err
	}
	for i := range page.Messages {
		if m := &page.Messages[i]; m.ID == a.message {
			m.CreatedAt = m.CreatedAt.Add(7 * 24 * time.Hour)
		}
	}
	slices.SortStableFunc(page.Messages, func(x, y inboxapi.Message) int { return y.CreatedAt.Compare(x.CreatedAt) })
	return page, nil
}

// Nothing in a thread is answered twice because of a message that is dated ahead of
// all that follows it: once nobody can tell any more whether it was answered, a person
// gets the thread.
func TestAMessageFromTheFutureIsNotAnsweredTwice(t *testing.T) {
	inScene(t, func(w *scene) {
		a := &ahead{}
		w.deps = func(d *bot.Deps) { a.Inbox, d.Inbox = d.Inbox, a }
		th := w.thread()
		a.message = w.sim.Receive(th.ID, "do you ship to Austria?").ID
		w.during(10 * time.Minute)
		w.said(th.ID, "ok")
		w.sim.Receive(th.ID, "and to Norway?")
		w.during(10 * time.Minute)
		w.said(th.ID, "ok", "ok")
		w.sim.Receive(th.ID, "and to Iceland?")
		w.during(10 * time.Minute)
		w.said(th.ID, "ok", "ok")
		if tags := w.sim.TagNames(th.ID); !slices.Equal(tags, []string{"needs-human"}) {
			t.Errorf("tags %q, want needs-human", tags)
		}
	})
}

// A clock that is ahead of ours by an hour makes no difference.
func TestMessagesFromAClockThatIsAhead(t *testing.T) {
	inScene(t, func(w *scene) {
		w.cfg.Settle = 15 * time.Second
		th := w.thread()
		for i := range 4 {
			w.sim.Receive(th.ID, fmt.Sprint("question ", i), inboxapitest.At(time.Now().Add(time.Hour)))
			w.during(10 * time.Minute)
		}
		w.said(th.ID, "ok", "ok", "ok", "ok")
		if tags := w.sim.TagNames(th.ID); len(tags) > 0 {
			t.Errorf("tags %q", tags)
		}
		w.sim.Receive(th.ID, "a human, please", inboxapitest.At(time.Now().Add(time.Hour)))
		w.sim.Write(th.ID, inboxapitest.PersonInInbox, "Robin here")
		w.sim.Receive(th.ID, "hello", inboxapitest.At(time.Now().Add(time.Hour+time.Minute)))
		w.during(10 * time.Minute)
		w.said(th.ID, "ok", "ok", "ok", "ok")
	})
}

// A thread that the lists put first because it is dated ahead hides nobody.
func TestAThreadFromTheFutureHidesNobody(t *testing.T) {
	inScene(t, func(w *scene) {
		w.cfg.Concurrency = 50
		w.sim.Receive(w.thread().ID, "hi", inboxapitest.At(time.Now().Add(7*24*time.Hour)))
		threads := make(chan inboxapi.Thread, 250)
		go func() {
			defer close(threads)
			time.Sleep(time.Minute)
			for i := range cap(threads) {
				threads <- w.thread(fmt.Sprint("question ", i))
			}
		}()
		w.during(8 * time.Minute)
		for th := range threads {
			w.said(th.ID, "ok")
		}
	})
}
