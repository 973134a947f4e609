package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"

	"inboxbot/bot"
	"inboxbot/bot/history"
	"inboxbot/bot/redisstore"
)

// said is a decision about somebody's words.
func said(name, id, thread, message, asked string) history.Item {
	item := decision(thread, message, bot.Reply)
	item.Entry.Person = history.Person{Prospect: name, ProspectID: id, Asked: asked, Reason: "answered", Reply: "Two days."}
	item.Detail = history.Detail{Asked: asked, System: "The prospect is @" + name + ".", Chat: []history.Turn{{Role: "user", Text: asked}}}
	return item
}

// town is a store where mira, who was mira_k before, wrote in two threads, and
// others did too.
func town(t testing.TB, live, dry *redisstore.Store) {
	ctx := t.Context()
	appendAll(t, live,
		said("mira_k", "1700123456789", "t1", "m1", "I am at 12 Harbour Street, \"second\" floor"),
		said("bo", "1800", "t2", "m2", "Do you ship to Norway?"),
		said("Mira_Koch", "1700123456789", "t1", "m3", "My number is 0151 2345678 please call"),
		said("mira_koch", "1700123456789", "t3", "m4", "ok"),
		said("cleo", "1900", "t4", "m5", "My friend @mira_koch sent me here"),
	)
	appendAll(t, dry, said("mira_koch", "1700123456789", "t1", "m3", "My number is 0151 2345678 please call"))
	for thread, name := range map[string]string{"t1": "mira_koch", "t2": "bo"} {
		d := waiting(thread)
		d.Prospect, d.ProspectID, d.Text = name, map[string]string{"t1": "1700123456789", "t2": "1800"}[thread], "Hello "+name
		if err := live.KeepDraft(ctx, bot.Lease{}, d); err != nil {
			t.Fatal(err)
		}
		_ = must(live.Echo(ctx, "f00d", thread))
		for _, s := range []*redisstore.Store{live, dry} {
			kept := talk(thread, 3)
			kept.ProspectID, kept.Messages[0].Text = d.ProspectID, map[string]string{"t1": "I am at 12 Harbour Street", "t2": "Norway it is"}[thread]
			if err := s.Shelve(ctx, kept); err != nil {
				t.Fatal(err)
			}
		}
		l := must(live.Claim(ctx, thread))
		r := intent("m3")
		r.Text, r.Reason, r.SentID, r.SentSum = "Dear "+name, name+" asked for it", "our", "5f2b1a9c"
		for _, state := range []bot.State{bot.StateIntent, bot.StateSent} {
			r.State = state
			if err := live.Advance(ctx, l, r, 0); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestForget(t *testing.T) {
	for _, row := range []struct {
		name string
		who  redisstore.Who
	}{
		{"by the name of today", redisstore.Who{Name: "@MIRA_koch"}},
		{"by the name of then", redisstore.Who{Name: "mira_k"}},
		{"by the ID", redisstore.Who{ID: "1700123456789"}},
		{"by a thread", redisstore.Who{Threads: []string{"t3"}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, o redisstore.Options) { forgetMira(t, o, row.who) })
		})
	}
}

func forgetMira(t *testing.T, o redisstore.Options, who redisstore.Who) {
	dryOptions := o
	dryOptions.Namespace = "dry"
	s, dry, ctx := open(t, o), open(t, dryOptions), t.Context()
	town(t, s, dry)
	view := history.NewView(0)
	view.Add(everything(t, s)...)

	known := must(s.Known(ctx, who))
	if known.Entries != 4 || known.Drafts != 1 || known.Records != 1 || known.Echoes != 1 || known.Shelved != 2 || known.Searched.Keys != 0 {
		t.Errorf("known: %+v", known)
	}
	if all := everything(t, s); len(all) != 5 {
		t.Fatalf("asking what is known erased something: %d entries", len(all))
	}
	if err := s.Release(ctx, bot.Lease{Thread: "t1"}); err != nil {
		t.Fatal(err)
	}
	got := must(s.Forget(ctx, who))
	if got.Entries != 4 || got.Drafts != 1 || got.Records != 1 || got.Echoes != 1 || got.Shelved != 2 ||
		!slices.Equal(got.Threads, []string{"t1", "t3"}) || !slices.Equal(got.IDs, []string{"1700123456789"}) {
		t.Errorf("forgotten: %+v", got)
	}
	if got.Searched.Keys < 10 || got.Searched.Values < 20 || got.Searched.Bytes == 0 {
		t.Errorf("searched %+v", got.Searched)
	}
	for _, p := range got.Left { // cleo wrote of mira: that is cleo's, and the prompt made of it
		if !strings.HasPrefix(p.Key, "log:") || p.What != "name" {
			t.Errorf("left: %+v", p)
		}
	}
	if len(got.Left) != 2 {
		t.Errorf("left %+v, want cleo's words and their detail", got.Left)
	}

	after := everything(t, s)
	if last := after[len(after)-1]; messages(after) != "m2 m5 " || len(last.Erased) != 3 {
		t.Errorf("log after it: %s, %+v", messages(after), last)
	}
	view.Add(after[len(after)-1])
	if found, _ := view.Query(history.Filter{}); messages(found) != "m5 m2" {
		t.Errorf("a view that had read it shows %s", messages(found))
	}
	if left := everything(t, dry); messages(left) != "" {
		t.Errorf("the dry run's log: %s", messages(left))
	}
	if d := must(s.Draft(ctx, "t1")); d != (bot.Draft{}) {
		t.Errorf("draft %+v", d)
	}
	for _, in := range []*redisstore.Store{s, dry} {
		if kept := must(in.Shelved(ctx, "t1")); len(kept.Messages) > 0 {
			t.Errorf("on the shelf: %+v", kept)
		}
		if kept := must(in.Shelved(ctx, "t2")); len(kept.Messages) != 3 {
			t.Errorf("of bo on the shelf: %+v", kept)
		}
	}
	if d := must(s.Draft(ctx, "t2")); d.Prospect != "bo" {
		t.Errorf("bo's draft %+v", d)
	}
	records := must(s.Records(ctx, []string{"t1", "t2"}))
	if r := records["t1"]; r.State != bot.StateSent || r.MessageID != "m3" || r.SentID != "our" || r.Own["our"].IsZero() || r.Reason != "" {
		t.Errorf("record: %+v", r)
	}
	if r := records["t2"]; r.Reason != "bo asked for it" {
		t.Errorf("bo's record: %+v", r)
	}
	if n := must(s.Echo(ctx, "f00d", "t9")); n != 1 {
		t.Errorf("the text was for %d others, want bo alone", n)
	}
	raw(t, clientOf(t, o), "Harbour", "0151 2345678", "1700123456789", "Dear mira")

	// What was told before is not written down again by a process that starts.
	appendAll(t, open(t, o), said("mira_koch", "1700123456789", "t1", "m3", "My number is 0151 2345678 please call"))
	if all := everything(t, s); messages(all) != "m2 m5 " {
		t.Errorf("log after a restart: %s", messages(all))
	}
	if again := must(s.Forget(ctx, redisstore.Who{Name: "mira_koch"})); !again.Nothing() {
		t.Errorf("a second time: %+v", again)
	}
}

// TestForgetShelf: messages of a thread that the log knows nothing of are found by
// the ID, and what others wrote of the person is told of.
func TestForgetShelf(t *testing.T) {
	onBoth(t, func(t *testing.T, o redisstore.Options) {
		s, ctx := open(t, o), t.Context()
		mira, bo := talk("t1", 4), talk("t2", 4)
		mira.ProspectID, bo.Messages[1].Text = "1700123456789", "Ask @mira_koch about it"
		for _, kept := range []bot.Shelved{mira, bo} {
			if err := s.Shelve(ctx, kept); err != nil {
				t.Fatal(err)
			}
		}
		got := must(s.Forget(ctx, redisstore.Who{ID: "1700123456789", Name: "mira_koch"}))
		want := []redisstore.Place{{Key: "shelf", Field: "t2", What: "name"}}
		if got.Shelved != 1 || !slices.Equal(got.Threads, []string{"t1"}) || !slices.Equal(got.Left, want) {
			t.Errorf("forgotten: %+v", got)
		}
		c := clientOf(t, o)
		if n := must(c.Get(ctx, "inboxbot:{team}:shelf:bytes").Int()) - 300; n != len(must(c.HGet(ctx, "inboxbot:{team}:shelf", "t2").Result())) {
			t.Errorf("%d bytes are counted", n)
		}
		// Another version's goes by its thread.
		if err := c.HSet(ctx, "inboxbot:{team}:shelf", "t2", "not to be read").Err(); err != nil {
			t.Fatal(err)
		}
		if got := must(s.Forget(ctx, redisstore.Who{Threads: []string{"t2"}})); got.Shelved != 1 || len(got.Left) > 0 {
			t.Errorf("of another version: %+v", got)
		}
	})
}

// TestForgetShadow: a draft nobody saw and what a person answered go too.
func TestForgetShadow(t *testing.T) {
	onBoth(t, func(t *testing.T, o redisstore.Options) {
		live := open(t, o)
		o.Namespace = "shadow"
		shadow := open(t, o)
		item := said("mira_koch", "1700123456789", "t1", "m1", "hello")
		item.Entry.Shadow = &history.Shadow{Guard: "default"}
		item.Detail.Shadow = &history.Compared{Draft: "Dear Harbour Street", Answer: "Hello Mira of Harbour Street"}
		appendAll(t, shadow, item)
		if got := must(live.Forget(t.Context(), redisstore.Who{Name: "mira_koch"})); got.Entries != 1 {
			t.Errorf("forgotten: %+v", got)
		}
		if left := everything(t, shadow); messages(left) != "" {
			t.Errorf("left: %s", messages(left))
		}
		raw(t, clientOf(t, o), "Harbour", "1700123456789")
	})
}

// raw fails the test when any of the words is in any value, as Redis itself has it.
func raw(t *testing.T, c interface {
	Keys(ctx context.Context, pattern string) *redis.StringSliceCmd
	Dump(ctx context.Context, key string) *redis.StringCmd
}, words ...string,
) {
	t.Helper()
	for _, key := range must(c.Keys(t.Context(), "*").Result()) {
		dump, err := c.Dump(t.Context(), key).Result()
		if err != nil {
			continue // miniredis dumps texts alone
		}
		for _, w := range words {
			if strings.Contains(dump, w) {
				t.Errorf("%s still holds %q", key, w)
			}
		}
	}
}

func TestForgetRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c := mini(t)
		s, ctx := open(t, redisstore.Options{Client: c, Team: "team", Fresh: true}), t.Context()
		for _, who := range []redisstore.Who{{}, {Name: "@"}, {Name: "  "}} {
			if _, err := s.Forget(ctx, who); err == nil {
				t.Errorf("forgot %+v", who)
			}
		}
		if f := must(s.Forget(ctx, redisstore.Who{Name: "nobody"})); !f.Nothing() || len(f.Left) != 0 || f.Searched.Keys == 0 {
			t.Errorf("nobody: %+v", f)
		}
	})
}

// TestForgetWaitsForAReply: the words of a reply that is on its way are needed to
// find it again.
func TestForgetWaitsForAReply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c := mini(t)
		s, ctx := open(t, redisstore.Options{Client: c, Team: "team", Fresh: true}), t.Context()
		appendAll(t, s, said("mira_koch", "1700123456789", "t1", "m1", "hello"))
		l := must(s.Claim(ctx, "t1"))
		if err := s.Advance(ctx, l, intent("m1"), time.Minute); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Forget(ctx, redisstore.Who{Name: "mira_koch"}); !errors.Is(err, redisstore.ErrUnderWay) {
			t.Fatalf("while a reply is on its way: %v", err)
		}
		if r := must(s.Records(ctx, []string{"t1"}))["t1"]; r.Text != intent("m1").Text {
			t.Fatalf("record %+v", r)
		}
		go func() {
			time.Sleep(10 * time.Second)
			r := intent("m1")
			r.State, r.SentID = bot.StateSent, "our"
			if err := s.Advance(ctx, l, r, 0); err != nil {
				t.Error(err)
			}
		}()
		f, err := s.Forget(ctx, redisstore.Who{Threads: []string{"t1"}})
		if err != nil || f.Records != 1 {
			t.Errorf("after it arrived: %+v, %v", f, err)
		}
		if r := must(s.Records(ctx, []string{"t1"}))["t1"]; r.State != bot.StateSent || r.Reason != "" {
			t.Errorf("record %+v", r)
		}
	})
}

// TestForgetWhileReplicasRun: others go on writing, about others and about the
// person, until it is told.
func TestForgetWhileReplicasRun(t *testing.T) {
	o := redisstore.Options{URL: startRedis(t).url(), Team: "team", Fresh: true}
	s, other := open(t, o), open(t, o)
	ctx, stop := context.WithCancel(t.Context())
	view := history.NewView(0)
	followed := make(chan error, 1)
	go func() { followed <- view.Follow(ctx, other) }()
	for i := range 300 {
		name, id, thread := "mira_koch", "1700123456789", "t-mira"
		if i%3 > 0 {
			name, id, thread = fmt.Sprint("other_", i), fmt.Sprint(1800000000000+i), fmt.Sprint("t-", i)
		}
		appendAll(t, s, said(name, id, thread, fmt.Sprint("m", i), fmt.Sprintf("It is about order number %d of mine", i)))
	}
	wrote := make(chan error, 1)
	go func() {
		var err error
		for i := 0; ctx.Err() == nil && err == nil; i++ {
			item := said("busy", "1999999999999", fmt.Sprint("busy-", i), fmt.Sprint("n", i), "Is this still going on?")
			err = other.LogAppendAll(context.WithoutCancel(ctx), []history.Item{item})
		}
		wrote <- err
	}()
	f := must(s.Forget(t.Context(), redisstore.Who{Name: "mira_koch"}))
	if f.Entries != 100 || len(f.Left) != 0 {
		t.Errorf("forgotten %d entries, left %v", f.Entries, f.Left)
	}
	gone := func() bool { found, _ := view.Query(history.Filter{Person: "mira_koch"}); return len(found) == 0 }
	for end := time.Now().Add(10 * time.Second); !gone() || view.Len() < 200; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the view still shows them: gone %t, %d entries", gone(), view.Len())
		}
	}
	stop()
	if err := errors.Join(<-followed, <-wrote); err != nil {
		t.Error(err)
	}
}
