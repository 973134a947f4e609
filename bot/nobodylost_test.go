package bot_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"inboxbot/bot"
	"inboxbot/inboxapi"
	"inboxbot/inboxapi/inboxapitest"
)

// A tag that somebody deletes between two handoffs is made anew: without it nobody
// of the team would see the second.
func TestADeletedTagIsMadeAnew(t *testing.T) {
	inScene(t, func(w *scene) {
		w.rules.judge = asks
		w.thread("a human please")
		second := make(chan inboxapi.Thread, 1)
		go func() {
			time.Sleep(30 * time.Second)
			w.deleteTag("needs-human")
			second <- w.thread("a human for me too")
		}()
		w.during(10 * time.Minute)
		th := <-second
		if tags := strings.Join(w.sim.TagNames(th.ID), ","); tags != "needs-human" {
			t.Errorf("tags %q, want needs-human", tags)
		}
	})
}

func (w *scene) deleteTag(name string) {
	w.t.Helper()
	client := w.sim.HTTPClient()
	defer client.CloseIdleConnections()
	for _, tag := range w.sim.Tags() {
		if tag.Name != name {
			continue
		}
		req, err := http.NewRequestWithContext(w.t.Context(), http.MethodDelete, inboxapitest.BaseURL+"/tags/"+tag.ID, http.NoBody)
		if err != nil {
			w.t.Error(err)
			return
		}
		req.Header.Set("Authorization", "Bearer secret-token")
		res, err := client.Do(req)
		if err != nil || res.StatusCode != http.StatusOK {
			w.t.Errorf("delete the tag: %v, %v", res, err)
			return
		}
		res.Body.Close()
	}
}

// shifting is an Inbox that lists two messages of one instant the other way round
// each time.
type shifting struct {
	bot.Inbox
	odd bool
}

func (s *shifting) ListMessages(ctx context.Context, thread string, q inboxapi.MessageQuery) (*inboxapi.MessagePage, error) {
	page, err := s.Inbox.ListMessages(ctx, thread, q)
	if s.odd = !s.odd; err == nil && s.odd {
		page.Messages[0], page.Messages[1] = page.Messages[1], page.Messages[0]
	}
	return page, err
}

// A thread that is another at each look gets no reply. That must not ask the model
// for ever, and a person gets it.
func TestAThreadThatIsNeverTheSameGoesToAPerson(t *testing.T) {
	inScene(t, func(w *scene) {
		th := w.thread()
		now := time.Now()
		w.sim.Receive(th.ID, "one", inboxapitest.At(now))
		w.sim.Receive(th.ID, "two", inboxapitest.At(now))
		w.deps = func(d *bot.Deps) { d.Inbox = &shifting{Inbox: d.Inbox} }
		w.during(time.Hour)
		if n := len(w.model.Prompts()); n > 30 {
			t.Errorf("the model was asked %d times", n)
		}
		w.outcome(th.ID, bot.Handoff, "cannot-send")
	})
}

// Other words than those of a send in doubt may be the send, rewritten on its way. A
// message from before it would then be answered by nobody.
func TestAMessageHiddenByARewrittenReplyGoesToAPerson(t *testing.T) {
	inScene(t, func(w *scene) {
		th := w.thread("first")
		w.sim.Inject(inboxapitest.Fault{Operation: opSend, Kind: inboxapitest.LateCommitReset, Delay: 5 * time.Second, Times: 1})
		w.sim.OnSend(func(_ inboxapi.Thread, m inboxapi.Message) { w.sim.EditMessage(th.ID, m.ID, "okay") })
		go func() {
			time.Sleep(3 * time.Second)
			w.sim.Receive(th.ID, "second")
		}()
		w.during(10 * time.Minute)
		w.said(th.ID, "okay")
		w.outcome(th.ID, bot.Handoff, "in-doubt")
	})
}

// An account that was signed out of X for days does not answer what came then.
func TestAnAccountThatWasAwayForDaysDoesNotAnswerWhatIsOld(t *testing.T) {
	for name, row := range map[string]struct {
		away time.Duration
		said []string
	}{
		"for hours": {10 * time.Hour, []string{"ok"}},
		"for days":  {72 * time.Hour, nil},
	} {
		t.Run(name, func(t *testing.T) {
			inScene(t, func(w *scene) {
				th := w.thread("are you open today?")
				w.sim.SetAccountStatus(th.AccountLinkID, "offline")
				go func() {
					time.Sleep(row.away)
					w.sim.SetAccountStatus(th.AccountLinkID, inboxapi.AccountActive)
				}()
				w.during(row.away + time.Hour)
				w.said(th.ID, row.said...)
			})
		})
	}
}

// While there are no requests to spare, nobody waits for a person because of a
// message that would tell of one.
func TestAHandoffDoesNotWaitForItsMessage(t *testing.T) {
	inScene(t, func(w *scene) {
		w.rules.judge, w.gen = asks, farewell
		w.deps = func(d *bot.Deps) {
			d.Reserve = func(ctx context.Context) (bool, error) {
				<-ctx.Done()
				return true, ctx.Err()
			}
		}
		th := w.thread("a human please")
		w.during(3 * time.Minute)
		w.said(th.ID)
		w.outcome(th.ID, bot.Handoff, "asks")
	})
}
