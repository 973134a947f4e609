package bot_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"inboxbot/bot"
	"inboxbot/inboxapi"
	"inboxbot/inboxapi/inboxapitest"
)

// A message hidden behind our late reply must survive a wait at its second look:
// the wait must not make the ledger forget which reply of ours was the late one.
func TestAMessageHiddenByALateReplySurvivesAWait(t *testing.T) {
	for _, row := range []struct {
		name   string
		settle time.Duration
		closed bool // the rules say wait for ten minutes
	}{
		{"no wait at all", -1, false},
		{"it has to settle", 15 * time.Second, false},
		{"out of hours at the second look", -1, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			inScene(t, func(w *scene) {
				w.cfg.Settle = row.settle
				start := time.Now()
				w.rules.judge = func(c *bot.Conversation) bot.Verdict {
					if at := time.Since(start); row.closed && at > 5*time.Second && at < 10*time.Minute {
						return bot.Verdict{Guard: "closed", Outcome: bot.Outcome{Action: bot.Wait, Reason: "closed"}}
					}
					return alwaysReply(c)
				}
				th := w.thread("first")
				defer w.sim.Inject(inboxapitest.Fault{Operation: opSend, Kind: inboxapitest.Slow, Delay: 9 * time.Second, Times: 1})()
				go func() {
					time.Sleep(max(0, row.settle) + 2*time.Second)
					w.sim.Receive(th.ID, "second")
				}()
				w.during(20 * time.Minute)
				w.said(th.ID, "ok", "ok")
			})
		})
	}
}

// A prospect who takes the newest message back leaves the older ones to be
// answered, once, and without asking the model again and again.
func TestTheNewestMessageOfABurstIsTakenBack(t *testing.T) {
	for name, after := range map[string]time.Duration{
		"before it is answered":      5 * time.Second,
		"after it has been answered": 40 * time.Second,
	} {
		t.Run(name, func(t *testing.T) {
			inScene(t, func(w *scene) {
				w.cfg.Settle = 15 * time.Second
				th := w.thread("do you ship to Austria?")
				time.Sleep(time.Second)
				second := w.sim.Receive(th.ID, "forget it")
				go func() {
					time.Sleep(after)
					w.sim.DeleteMessage(th.ID, second.ID)
				}()
				w.during(10 * time.Minute)
				w.said(th.ID, "ok")
				if n := len(w.model.Prompts()); n > 2 {
					t.Errorf("the model was asked %d times within 10 minutes", n)
				}
				if open := w.store.Open(); len(open) > 0 {
					t.Errorf("still open: %v", open)
				}
			})
		})
	}
}

// A member that cannot be assigned must not keep the tag from the prospect.
func TestARefusedAssignmentStillTags(t *testing.T) {
	inScene(t, func(w *scene) {
		w.sim.AddMember(inboxapi.Member{Email: "robin@example.com"})
		th := w.thread("call me")
		w.rules.judge = func(*bot.Conversation) bot.Verdict {
			return bot.Verdict{Guard: "vip", Outcome: bot.Outcome{Action: bot.Handoff, Reason: "VIP", Assign: "robin@example.com"}}
		}
		defer w.sim.Inject(inboxapitest.Fault{Operation: "threads.thread.update", Kind: inboxapitest.FailBefore, Status: 422})()
		w.once()
		if tags := strings.Join(w.sim.TagNames(th.ID), ","); tags != "needs-human" {
			t.Errorf("tags %q, want needs-human", tags)
		}
	})
}

// brief is an Inbox that takes no long notes.
type brief struct{ bot.Inbox }

func (b brief) UpdateProspectContext(ctx context.Context, id string, u inboxapi.ContextUpdate) (*inboxapi.Prospect, error) {
	if notes, _ := u.Notes.Get(); notes != nil && len(*notes) > 10_000 {
		return nil, &inboxapi.Error{Status: 422, Message: "notes are too long"}
	}
	return b.Inbox.UpdateProspectContext(ctx, id, u)
}

// Notes that have no room for one more keep the tag from nobody.
func TestNotesThatAreFullKeepTheTagFromNobody(t *testing.T) {
	inScene(t, func(w *scene) {
		w.rules.judge = asks
		w.deps = func(d *bot.Deps) { d.Inbox = brief{d.Inbox} }
		th := w.thread("a human please")
		full := strings.Repeat("x", 10_000)
		w.sim.SetNotes(th.ID, full)
		w.during(10 * time.Minute)
		if tags := w.sim.TagNames(th.ID); !slices.Equal(tags, []string{"needs-human"}) {
			t.Errorf("tags %q, want needs-human", tags)
		}
		if notes := *w.sim.Prospect(th.ID).Context.Notes; notes != full {
			t.Errorf("the notes are %d bytes long, want them as they were", len(notes))
		}
	})
}

// What was seen before a long outage is not answered days later.
func TestALongOutageDoesNotAnswerDaysLater(t *testing.T) {
	inScene(t, func(w *scene) {
		w.cfg.Settle = 15 * time.Second
		th := w.thread("are you open today?")
		w.during(5 * time.Second) // seen, settling; then the process is gone
		time.Sleep(72 * time.Hour)
		w.during(10 * time.Minute)
		w.said(th.ID)
	})
}

// follower never polls.
type follower struct{}

func (follower) Lead(context.Context, time.Duration) (bool, error) { return false, nil }

// A thread whose older messages never end being imported goes to a person, however
// short the time is after which messages are too old.
func TestAnImportWithoutEndGoesToAPerson(t *testing.T) {
	for _, maxAge := range []time.Duration{24 * time.Hour, 3 * time.Hour, 20 * time.Minute} {
		t.Run(bot.Brief(maxAge), func(t *testing.T) {
			inScene(t, func(w *scene) {
				w.cfg.MaxAge = maxAge
				th := w.sim.AddThread(inboxapitest.NewThread{Syncing: true})
				w.sim.Receive(th.ID, "do you ship to Austria?")
				w.during(3 * time.Hour)
				w.outcome(th.ID, bot.Handoff, "syncing")
			})
		})
	}
}

// crowd adds threads in which people wrote last, more than fit on a page: the threads
// from before them are listed on pages behind, and once they are older than MaxAge
// they are not walked to any more.
func (w *scene) crowd() {
	for range 110 {
		w.sim.Write(w.thread().ID, inboxapitest.PersonInInbox, "bye")
	}
}

// closedFor has all threads wait for opening hours, which begin after d.
func (w *scene) closedFor(d time.Duration) {
	began := time.Now()
	w.rules.judge = func(c *bot.Conversation) bot.Verdict {
		if time.Since(began) < d {
			return bot.Verdict{Guard: "closed", Outcome: bot.Outcome{Action: bot.Wait, Reason: "closed"}}
		}
		return alwaysReply(c)
	}
}

// Whoever waits for longer than lists are walked back is answered when what they wait
// for has come: what people change meanwhile shows in no list.
func TestWhatIsChangedBeyondTheListsIsSeen(t *testing.T) {
	closed := bot.Verdict{Guard: "closed", Outcome: bot.Outcome{Action: bot.Wait, Reason: "closed"}}
	for _, row := range []struct {
		name   string
		judge  func(c *bot.Conversation, now time.Duration) bot.Verdict
		change func(w *scene, th inboxapi.Thread) // after two hours
	}{
		{"the tag that made it wait is taken off", func(c *bot.Conversation, _ time.Duration) bot.Verdict {
			return guard("robin", bot.Outcome{Action: bot.Wait, Reason: "Robin is on it"})(c)
		}, func(w *scene, th inboxapi.Thread) {
			w.sim.UntagProspect(th.ID, "robin")
		}},
		{"the tag that would leave it alone is taken off while it waits for opening hours", func(c *bot.Conversation, now time.Duration) bot.Verdict {
			if now < 130*time.Minute {
				return closed
			}
			return guard("robin", bot.Outcome{Action: bot.Skip, Reason: "Robin answers"})(c)
		}, func(w *scene, th inboxapi.Thread) {
			w.sim.UntagProspect(th.ID, "robin")
		}},
		{"it is taken from the person who would answer while it waits for opening hours", func(c *bot.Conversation, now time.Duration) bot.Verdict {
			if now < 130*time.Minute {
				return closed
			}
			if c.Assignee != "" {
				return bot.Verdict{Guard: "assigned", Outcome: bot.Outcome{Action: bot.Skip}}
			}
			return alwaysReply(c)
		}, func(w *scene, th inboxapi.Thread) {
			w.sim.Assign(th.ID, "")
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			inScene(t, func(w *scene) {
				w.cfg.MaxAge, w.cfg.Every = 30*time.Minute, 10*time.Minute
				began := time.Now()
				w.rules.judge = func(c *bot.Conversation) bot.Verdict { return row.judge(c, time.Since(began)) }
				w.sim.AddMember(inboxapi.Member{Email: "robin@example.com"})
				th := w.sim.AddThread(inboxapitest.NewThread{Tags: []string{"robin"}, Assignee: "robin@example.com"})
				w.sim.Receive(th.ID, "do you ship to Austria?")
				go func() {
					time.Sleep(5 * time.Minute)
					w.crowd()
					time.Sleep(115 * time.Minute)
					row.change(w, th)
				}()
				w.during(4 * time.Hour)
				w.said(th.ID, "ok")
				if n := w.sim.Requests()[opThread]; n > 5 {
					t.Errorf("the thread was read %d times, want once an hour and once before it is answered", n)
				}
			})
		})
	}
}

// What was left alone for a while and then waits again is in the ledger again, for a
// process that starts when no list shows it any more.
func TestWhatWaitsAgainIsNotForgotten(t *testing.T) {
	for _, row := range []struct {
		name        string
		leave, back func(w *scene, th inboxapi.Thread)
	}{
		{
			"a person took it over and gave it back",
			func(w *scene, th inboxapi.Thread) { w.sim.TagProspect(th.ID, "needs-human") },
			func(w *scene, th inboxapi.Thread) { w.sim.UntagProspect(th.ID, "needs-human") },
		},
		{
			"it was moved to the requests and back",
			func(w *scene, th inboxapi.Thread) {
				w.sim.ChangeThread(th.ID, func(th *inboxapi.Thread) { th.IsRequest = true })
			},
			func(w *scene, th inboxapi.Thread) {
				w.sim.ChangeThread(th.ID, func(th *inboxapi.Thread) { th.IsRequest = false })
			},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			inScene(t, func(w *scene) {
				w.cfg.MaxAge, w.cfg.Every = 2*time.Hour, 5*time.Minute
				w.closedFor(3 * time.Hour)
				th := w.thread("do you ship to Austria?")
				stop := w.inBackground()
				time.Sleep(10 * time.Minute)
				w.crowd()
				time.Sleep(55 * time.Minute)
				row.leave(w, th)
				time.Sleep(17 * time.Minute)
				row.back(w, th)
				time.Sleep(8 * time.Minute)
				stop() // an hour and a half after the message
				time.Sleep(50 * time.Minute)
				w.during(2 * time.Hour)
				w.said(th.ID, "ok")
			})
		})
	}
}

// An account that is unlinked for a while, to sign it in again, loses nobody who
// waits, also who has waited for longer than lists are walked back.
func TestAnAccountLinkedAgainLosesNobody(t *testing.T) {
	for _, row := range []struct {
		name  string
		after time.Duration // that somebody has waited for opening hours
		away  time.Duration
		said  []string
	}{
		{"at once", 0, 10 * time.Minute, []string{"ok"}},
		{"after hours", 2 * time.Hour, 10 * time.Minute, []string{"ok"}},
		{"for longer than messages are answered", 2 * time.Hour, 70 * time.Minute, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			inScene(t, func(w *scene) {
				w.cfg.MaxAge, w.cfg.Every = 30*time.Minute, 5*time.Minute
				began := time.Now()
				w.rules.judge = func(c *bot.Conversation) bot.Verdict {
					if time.Since(began) < row.after+90*time.Minute {
						return bot.Verdict{Guard: "closed", Outcome: bot.Outcome{Action: bot.Wait, Reason: "closed"}}
					}
					return alwaysReply(c)
				}
				th := w.thread("do you ship to Austria?")
				go func() {
					time.Sleep(time.Second)
					w.crowd()
					time.Sleep(row.after)
					link := w.sim.Accounts()[0]
					w.sim.RemoveAccount(link.ID)
					time.Sleep(row.away)
					w.sim.AddAccount(link)
				}()
				w.during(row.after + 3*time.Hour)
				w.said(th.ID, row.said...)
			})
		})
	}
}

// A draft that nobody approved in time goes to a person also while its account could
// not send it.
func TestADraftExpiresThoughItsAccountIsOffline(t *testing.T) {
	inScene(t, func(w *scene) {
		w.approving()
		th := w.thread("when do you open?")
		go func() {
			time.Sleep(time.Minute)
			w.sim.SetAccountStatus(th.AccountLinkID, "offline")
		}()
		w.during(23 * time.Hour)
		w.outcome(th.ID, bot.Wait, "account-offline")
		w.during(2 * time.Hour)
		w.said(th.ID)
		w.outcome(th.ID, bot.Handoff, "approval")
		if d := w.draft(th.ID); d.State != bot.DraftExpired {
			t.Errorf("the draft is %s, want expired", d.State)
		}
	})
}

// Whether a message reopens an archived thread is not documented. If it does not,
// whoever writes into one is found however many threads are archived after it.
func TestWhoWritesIntoAnArchivedThreadIsFound(t *testing.T) {
	for name, at := range map[string]time.Duration{"before the bot starts": time.Minute, "while it runs": 4 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			inScene(t, func(w *scene) {
				w.sim = inboxapitest.New(inboxapitest.Options{Switches: inboxapitest.Switches{InboundStaysArchived: true}})
				defer w.sim.Close()
				th := w.sim.AddThread(inboxapitest.NewThread{Archived: true})
				go func() {
					time.Sleep(at)
					w.sim.Receive(th.ID, "do you ship to Austria?")
					time.Sleep(time.Second)
					w.crowd()
					for _, other := range w.sim.Threads() {
						w.sim.Archive(other.ID, true)
					}
				}()
				time.Sleep(2 * time.Minute)
				w.during(time.Hour)
				w.said(th.ID, "ok")
			})
		})
	}
}

// So is who writes after our reply was archived, when the second look finds them: that
// knows the thread by a row from before the message, and from before the archive.
func TestWhoWritesIntoTheArchiveBehindOurReplyIsFound(t *testing.T) {
	inScene(t, func(w *scene) {
		w.sim = inboxapitest.New(inboxapitest.Options{Switches: inboxapitest.Switches{InboundStaysArchived: true}})
		defer w.sim.Close()
		w.cfg.Settle = 15 * time.Second
		th := w.thread("hello")
		stop := w.inBackground()
		time.Sleep(30 * time.Second)
		w.said(th.ID, "ok")
		w.sim.Archive(th.ID, true)
		time.Sleep(95 * time.Second)
		w.sim.Receive(th.ID, "do you ship to Norway?")
		time.Sleep(time.Hour)
		stop()
		w.said(th.ID, "ok", "ok")
	})
}

// A thread that is read right after a campaign's message, because its second look was
// due or another campaign came, is read again when all can be seen that was written
// before it.
func TestBehindACampaignIsNotReadTooEarly(t *testing.T) {
	for _, row := range []struct {
		name  string
		scene func(w *scene, th inboxapi.Thread) // ends just before the campaign's message
	}{
		{"it comes just before the second look", func(w *scene, th inboxapi.Thread) {
			w.sim.Receive(th.ID, "hi")
			time.Sleep(110 * time.Second)
		}},
		{"it comes just after another", func(w *scene, th inboxapi.Thread) {
			w.sim.Receive(th.ID, "hi")
			time.Sleep(10 * time.Minute)
			w.sim.Write(th.ID, inboxapitest.Campaign, "Our new Aricha is here.")
			time.Sleep(110 * time.Second)
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			inScene(t, func(w *scene) {
				w.deps = func(d *bot.Deps) { d.Behind = w.store }
				th := w.sim.AddThread(inboxapitest.NewThread{})
				stop := w.inBackground()
				row.scene(w, th)
				written := time.Now()
				time.Sleep(time.Second)
				w.sim.Write(th.ID, inboxapitest.Campaign, "Only today: Aricha for two.")
				time.Sleep(100 * time.Second)
				w.sim.Receive(th.ID, "do you ship to Austria?", inboxapitest.At(written))
				time.Sleep(time.Hour)
				stop()
				w.said(th.ID, "ok", "ok")
			})
		})
	}
}

// forgiving is an Inbox that does what it can of a change: a tag that it does not
// know it leaves out, without a word.
type forgiving struct {
	*inboxapi.Client
	sim *inboxapitest.Server
}

func (f forgiving) UpdateProspectContext(ctx context.Context, id string, u inboxapi.ContextUpdate) (*inboxapi.Prospect, error) {
	u.AddTags = slices.DeleteFunc(slices.Clone(u.AddTags), func(id string) bool {
		return !slices.ContainsFunc(f.sim.Tags(), func(tag inboxapi.Tag) bool { return tag.ID == id })
	})
	return f.Client.UpdateProspectContext(ctx, id, u)
}

// A tag that somebody has deleted a moment ago is made anew also where the API does
// not refuse it.
func TestATagThatIsLeftOutIsMadeAnew(t *testing.T) {
	inScene(t, func(w *scene) {
		w.rules.judge = asks
		w.deps = func(d *bot.Deps) { d.Inbox = forgiving{w.client(), w.sim} }
		w.thread("a human please")
		th := w.sim.AddThread(inboxapitest.NewThread{})
		go func() {
			time.Sleep(30 * time.Second)
			w.deleteTag("needs-human")
			w.sim.Receive(th.ID, "a human for me too")
		}()
		w.during(10 * time.Minute)
		if tags := w.sim.TagNames(th.ID); !slices.Equal(tags, []string{"needs-human"}) {
			t.Errorf("tags %q, want needs-human", tags)
		}
	})
}

// smudged is an Inbox in which one message of a thread cannot be decoded.
type smudged struct {
	bot.Inbox
	text string
}

func (s smudged) ListMessages(ctx context.Context, thread string, q inboxapi.MessageQuery) (*inboxapi.MessagePage, error) {
	page, err := s.Inbox.ListMessages(ctx, thread, q)
	if err != nil {
		return nil, err
	}
	page.Messages = slices.DeleteFunc(page.Messages, func(m inboxapi.Message) bool {
		if m.Content == s.text {
			page.Malformed = append(page.Malformed, inboxapi.MalformedRow{ID: m.ID, Err: inboxapi.ErrMalformed})
		}
		return m.Content == s.text
	})
	return page, nil
}

// A message that cannot be read goes to a person, once, also when it stands before
// our reply to an earlier one.
func TestAnUnreadableMessageBehindOurReplyGoesToAPerson(t *testing.T) {
	inScene(t, func(w *scene) {
		w.deps = func(d *bot.Deps) { d.Inbox = smudged{d.Inbox, "and to Norway?"} }
		th := w.thread("do you ship to Austria?")
		defer w.sim.Inject(inboxapitest.Fault{Operation: opSend, Kind: inboxapitest.Slow, Delay: 9 * time.Second, Times: 1})()
		time.AfterFunc(6*time.Second, func() { w.sim.Receive(th.ID, "and to Norway?") })
		w.during(time.Hour)
		w.said(th.ID, "ok")
		w.outcome(th.ID, bot.Handoff, "unreadable")
		if tags := w.sim.TagNames(th.ID); !slices.Equal(tags, []string{"needs-human"}) {
			t.Errorf("tags %q, want needs-human", tags)
		}
		if n := w.sim.Requests()[opMessages]; n > 5 {
			t.Errorf("its messages were read %d times in an hour", n)
		}
	})
}

// Who has waited for opening hours for longer than lists are walked back is not too
// old because the store has forgotten them: their process has not.
func TestWhoWaitsIsKnownAfterTheStoreForgot(t *testing.T) {
	inScene(t, func(w *scene) {
		w.deps = func(d *bot.Deps) { d.Memory = w.store }
		w.cfg.MaxAge, w.cfg.Every = 30*time.Minute, 5*time.Minute
		w.closedFor(3 * time.Hour)
		th := w.thread("do you ship to Austria?")
		stop := w.inBackground()
		time.Sleep(time.Minute)
		w.crowd()
		time.Sleep(90 * time.Minute)
		w.store.Wipe()
		time.Sleep(10 * time.Minute)
		stop()
		w.during(3 * time.Hour) // in the ledger again, for another process
		w.said(th.ID, "ok")
	})
}

// Inbox says for a while that there is no such thread, and then there is.
func TestAThreadThatIsNotFoundForAWhile(t *testing.T) {
	for _, row := range []struct {
		name  string
		night time.Duration // until then the rules say wait
		send  inboxapitest.Kind
		from  time.Duration // it is not found for a quarter of an hour
		said  []string
		tags  []string
	}{
		{"when it is to be answered", 0, "", 0, []string{"ok"}, nil},
		{"while it waits for opening hours, for longer than lists go back", 150 * time.Minute, "", 85 * time.Minute, []string{"ok"}, nil},
		{"when opening hours begin", 150 * time.Minute, "", 145 * time.Minute, []string{"ok"}, nil},
		{"while a send in doubt is looked up", 0, inboxapitest.FailBefore, 2 * time.Second, nil, []string{"needs-human"}},
		{"before the second look finds who is behind the reply", 0, inboxapitest.LateCommit, 20 * time.Second, []string{"ok", "ok"}, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			inScene(t, func(w *scene) {
				w.cfg.MaxAge, w.cfg.Every = 30*time.Minute, 5*time.Minute
				began := time.Now()
				w.rules.judge = func(c *bot.Conversation) bot.Verdict {
					if time.Since(began) < row.night {
						return bot.Verdict{Guard: "closed", Outcome: bot.Outcome{Action: bot.Wait, Reason: "closed"}}
					}
					return alwaysReply(c)
				}
				th := w.thread("do you ship to Austria?")
				if row.send != "" {
					w.sim.Inject(inboxapitest.Fault{Operation: opSend, Kind: row.send, Times: 1, Delay: 5 * time.Second})
				}
				if row.send == inboxapitest.LateCommit {
					time.AfterFunc(2*time.Second, func() { w.sim.Receive(th.ID, "and to Norway?") })
				}
				time.AfterFunc(time.Minute, w.crowd)
				time.AfterFunc(row.from, func() {
					back := w.sim.Inject(inboxapitest.Fault{ThreadID: th.ID, Kind: inboxapitest.FailBefore, Status: 404})
					time.AfterFunc(15*time.Minute, back)
				})
				w.during(4 * time.Hour)
				w.said(th.ID, row.said...)
				if tags := w.sim.TagNames(th.ID); !slices.Equal(tags, row.tags) {
					t.Errorf("tags %q, want %q", tags, row.tags)
				}
			})
		})
	}
}
