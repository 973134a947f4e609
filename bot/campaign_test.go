package bot_test

import (
	"strings"
	"testing"
	"time"

	"inboxbot/bot"
	"inboxbot/inboxapi"
	"inboxbot/inboxapi/inboxapitest"
)

// What a campaign sends to many answers nobody: who wrote before it and still waits
// is found behind it, at one request for each such message.
func TestACampaignAnswersNobody(t *testing.T) {
	for _, row := range []struct {
		name  string
		scene func(w *scene, th inboxapi.Thread)
		said  []string
		last  string // the guard that decided last, "" when nothing is told
		reads int    // of its messages at most; a reply has its history, its look and its second look
	}{
		{"seen only behind it", func(w *scene, th inboxapi.Thread) {
			w.sim.Receive(th.ID, "do you ship to Austria?")
			w.sim.Write(th.ID, inboxapitest.Campaign, "Our new Aricha is here.")
		}, []string{"ok"}, "default", 4},
		{"written before it, listed a moment after it", func(w *scene, th inboxapi.Thread) {
			written := time.Now()
			time.Sleep(2 * time.Second)
			w.sim.Write(th.ID, inboxapitest.Campaign, "Our new Aricha is here.")
			go func() {
				time.Sleep(20 * time.Second)
				w.sim.Receive(th.ID, "do you ship to Austria?", inboxapitest.At(written))
			}()
		}, []string{"ok"}, "default", 4},
		{"it comes while the prospect may still be writing", func(w *scene, th inboxapi.Thread) {
			w.cfg.Settle = 15 * time.Second
			w.sim.Receive(th.ID, "do you ship to Austria?")
			go func() {
				time.Sleep(8 * time.Second)
				w.sim.Write(th.ID, inboxapitest.Campaign, "Our new Aricha is here.")
			}()
		}, []string{"ok"}, "default", 4},
		{"it comes while the thread waits for a person who took over", func(w *scene, th inboxapi.Thread) {
			w.sim.Write(th.ID, inboxapitest.PersonInInbox, "Robin here")
			w.sim.Receive(th.ID, "do you ship to Austria?")
			w.sim.Write(th.ID, inboxapitest.Campaign, "Our new Aricha is here.")
		}, nil, "person-took-over", 1},
		{"behind it a person has the thread", func(w *scene, th inboxapi.Thread) {
			w.sim.Receive(th.ID, "do you ship to Austria?")
			w.sim.Write(th.ID, inboxapitest.Campaign, "Our new Aricha is here.")
			w.sim.TagProspect(th.ID, "needs-human")
		}, nil, "handed-over", 1},
		{"too old when it comes", func(w *scene, th inboxapi.Thread) {
			w.sim.Receive(th.ID, "do you ship to Austria?", inboxapitest.At(time.Now().Add(-48*time.Hour)))
			w.sim.Write(th.ID, inboxapitest.Campaign, "Our new Aricha is here.")
		}, nil, "too-old", 1},
		{"the bot has answered before it", func(w *scene, th inboxapi.Thread) {
			w.sim.Receive(th.ID, "do you ship to Austria?")
			w.once()
			time.Sleep(10 * time.Minute)
			w.sim.Write(th.ID, inboxapitest.Campaign, "Our new Aricha is here.")
		}, []string{"ok"}, "default", 4},
		{"a person has answered before it", func(w *scene, th inboxapi.Thread) {
			w.sim.Receive(th.ID, "do you ship to Austria?")
			w.sim.Write(th.ID, inboxapitest.PersonInX, "We do.")
			w.sim.Write(th.ID, inboxapitest.Campaign, "Our new Aricha is here.")
		}, nil, "", 1},
		{"nobody has ever written", func(w *scene, th inboxapi.Thread) {
			w.sim.Write(th.ID, inboxapitest.Campaign, "Our new Aricha is here.")
		}, nil, "", 1},
		{"the prospect answers it", func(w *scene, th inboxapi.Thread) {
			w.rules.judge = func(c *bot.Conversation) bot.Verdict {
				if n := len(c.Unanswered()); c.Read && n != 1 {
					t.Errorf("%d messages wait, want the one since the campaign's", n)
				}
				return alwaysReply(c)
			}
			w.sim.Receive(th.ID, "thanks", inboxapitest.At(time.Now().Add(-1000*time.Hour)))
			w.sim.Write(th.ID, inboxapitest.Campaign, "Our new Aricha is here.")
			w.sim.Receive(th.ID, "tell me more")
		}, []string{"ok"}, "default", 3},
	} {
		t.Run(row.name, func(t *testing.T) {
			inScene(t, func(w *scene) {
				th := w.sim.AddThread(inboxapitest.NewThread{})
				row.scene(w, th)
				w.during(time.Hour)
				w.said(th.ID, row.said...)
				got := ""
				if len(w.handled) > 0 {
					got = w.last(th.ID).Guard
				}
				if got != row.last {
					t.Errorf("decided by %q, want %q", got, row.last)
				}
				if n := w.sim.Requests()[opMessages]; n > row.reads {
					t.Errorf("its messages were read %d times, want %d at most", n, row.reads)
				}
			})
		})
	}
}

// A campaign to many costs a request for each of them, after all who are known to
// wait, and none at the sweeps that follow.
func TestACampaignToManyKeepsNobodyWaiting(t *testing.T) {
	inScene(t, func(w *scene) {
		w.cfg.Concurrency = 1
		for range 250 {
			w.sim.Write(w.thread().ID, inboxapitest.Campaign, "Our new Aricha is here.")
		}
		th := w.thread("do you ship to Austria?")
		before := -1 // reads of the campaign's threads before the reply
		w.sim.OnSend(func(inboxapi.Thread, inboxapi.Message) { before = w.sim.Requests()[opMessages] })
		w.during(3 * time.Hour)
		w.said(th.ID, "ok")
		if before > 3 {
			t.Errorf("%d reads of messages before the one who waits was answered", before)
		}
		if n := w.sim.Requests()[opMessages]; n > 250+3 {
			t.Errorf("%d reads of messages, want one for each message of the campaign", n)
		}
	})
}

// One sweep alone does not wait until a campaign's message may be read behind: a
// later one does that.
func TestOneSweepDoesNotWaitForACampaign(t *testing.T) {
	inScene(t, func(w *scene) {
		w.deps = func(d *bot.Deps) { d.Behind = w.store }
		th := w.thread("do you ship to Austria?")
		w.sim.Write(th.ID, inboxapitest.Campaign, "Our new Aricha is here.")
		start := time.Now()
		w.once()
		if took := time.Since(start); took > time.Second {
			t.Errorf("it took %s", took)
		}
		w.said(th.ID)
		time.Sleep(3 * time.Minute)
		w.once()
		w.said(th.ID, "ok")
	})
}

// What was read behind a campaign's messages is not read again by a process that
// starts; who could not be answered then is found by it.
func TestACampaignIsReadOnceByAllProcesses(t *testing.T) {
	inScene(t, func(w *scene) {
		w.deps = func(d *bot.Deps) { d.Behind = w.store }
		for range 250 {
			w.sim.Write(w.thread().ID, inboxapitest.Campaign, "Our new Aricha is here.")
		}
		th := w.thread("do you ship to Austria?")
		w.sim.Write(th.ID, inboxapitest.Campaign, "Our new Aricha is here.")
		w.rules.judge = func(*bot.Conversation) bot.Verdict {
			return bot.Verdict{Guard: "closed", Outcome: bot.Outcome{Action: bot.Wait, Reason: "closed"}}
		}
		w.during(5 * time.Minute)
		w.rules.judge = alwaysReply
		w.sim.ResetCounts()
		for range 3 {
			w.during(5 * time.Minute)
		}
		w.said(th.ID, "ok")
		if n := w.sim.Requests()[opMessages]; n > 5 {
			t.Errorf("%d reads of messages, want those of the one who waits", n)
		}
	})
}

// A campaign's message is not the reply whose send is in doubt, nor an answer that
// would end the matter: a person gets the thread.
func TestACampaignIsNotTheSendInDoubt(t *testing.T) {
	inScene(t, func(w *scene) {
		th := w.thread("do you ship to Austria?")
		w.sim.Inject(inboxapitest.Fault{Operation: opSend, Kind: inboxapitest.ResetBefore, Times: 1})
		go func() {
			time.Sleep(4 * time.Second)
			w.sim.Write(th.ID, inboxapitest.Campaign, "Our new Aricha is here.")
		}()
		w.during(10 * time.Minute)
		w.said(th.ID)
		if tags := strings.Join(w.sim.TagNames(th.ID), ","); tags != "needs-human" {
			t.Errorf("tags %q, want needs-human", tags)
		}
	})
}

// Who is hidden behind a campaign's message is found also when the list shows the
// thread for a while as it was before.
func TestAListThatLagsForAWhileHidesNobody(t *testing.T) {
	inScene(t, func(w *scene) {
		w.cfg.EveryMax = 5 * time.Second
		w.model = modelOf(func() (string, error) { return decision(bot.Decision{Action: bot.Skip, Confidence: 1}), nil })
		th := w.thread("thanks")
		w.during(time.Minute)
		w.model = modelOf(func() (string, error) { return answer("ok"), nil })
		go func() {
			time.Sleep(2*time.Minute + time.Second) // between two sweeps
			w.sim.Receive(th.ID, "do you ship to Austria?")
			w.sim.Write(th.ID, inboxapitest.Campaign, "Our new Aricha is here.")
			time.Sleep(20 * time.Second)
			caughtUp := w.sim.Inject(inboxapitest.Fault{Operation: "threads.list", Kind: inboxapitest.LaggingList, Delay: time.Minute})
			time.Sleep(20 * time.Second)
			caughtUp()
		}()
		w.during(time.Hour)
		w.said(th.ID, "ok")
	})
}

// Two machines that answer each other are known behind a campaign's message too.
func TestALoopIsSeenBehindACampaign(t *testing.T) {
	inScene(t, func(w *scene) {
		th := w.thread()
		for range 3 {
			w.sim.Receive(th.ID, "I am away until Monday.")
			w.once()
			time.Sleep(time.Minute)
		}
		w.sim.Receive(th.ID, "I am away until Monday.")
		w.sim.Write(th.ID, inboxapitest.Campaign, "Our new Aricha is here.")
		w.during(10 * time.Minute)
		w.said(th.ID, "ok", "ok", "ok")
		w.outcome(th.ID, bot.Handoff, "loop")
	})
}

// A reply that was not delivered has answered nobody, a campaign's message behind it
// or not.
func TestACampaignBehindAnUndeliveredReply(t *testing.T) {
	inScene(t, func(w *scene) {
		th := w.thread("are you open today?")
		w.sim.OnSend(func(_ inboxapi.Thread, m inboxapi.Message) {
			go func() {
				time.Sleep(20 * time.Second)
				w.sim.FailMessage(th.ID, m.ID)
				w.sim.Write(th.ID, inboxapitest.Campaign, "Our new Aricha is here.")
			}()
		})
		w.during(10 * time.Minute)
		w.outcome(th.ID, bot.Handoff, "in-doubt")
	})
}
