package redisstore

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"inboxbot/bot/history"
)

//go:embed lua/logerase.lua
var logEraseLua string

//go:embed lua/forgetrecord.lua
var forgetRecordLua string

var (
	logEraseScript     = redis.NewScript(recordLua + logEraseLua)
	forgetRecordScript = redis.NewScript(recordLua + forgetRecordLua)
)

// namespaces are all that a team can have.
var namespaces = []string{"", "dry", "shadow"}

// Who names a person of whom nothing is to be kept: by the username, by the ID on
// X, or both. Somebody who took the name over from another is only told apart by
// the ID.
type Who struct {
	Name    string   // with or without @
	ID      string   // on X
	Threads []string // known to be theirs, beyond those the store finds
}

// Forgotten is what was found of a person, and what is left.
type Forgotten struct {
	Names   []string // every username found for them
	IDs     []string // on X
	Threads []string

	Entries int // decisions in the log, with their words and details
	Drafts  int
	Records int // reduced to IDs and times; see Forget
	Echoes  int // notes that a text was for one of the threads
	Shelved int // threads whose messages were kept to be answered soon

	Searched Searched // zero before anything was erased
	Left     []Place  // where the search found something all the same
}

// Nothing reports whether the store knows nothing of them.
func (f Forgotten) Nothing() bool { return f.Entries+f.Drafts+f.Records+f.Echoes+f.Shelved == 0 }

// Searched is what a search looked through.
type Searched struct {
	Keys, Values int
	Bytes        int64
}

// Place is where the search found something.
type Place struct {
	Key, Field string // Field: of a hash; the ID of a stream's entry; "" elsewhere
	What       string // name, id or words
}

// Known tells what Forget would erase, and erases nothing.
func (s *Store) Known(ctx context.Context, who Who) (Forgotten, error) {
	t, err := s.trace(ctx, who)
	return t.Forgotten, err
}

// Forget erases what the store keeps of a person, in dry runs too: decisions with
// all that was said and the prompts made of it, drafts, the messages of active
// threads, and the notes to whom a text was said. The records of their threads
// stay, reduced to states, times, IDs and a fingerprint of our last reply: without
// them a message could be answered a second time. Views that hold the decisions
// drop them within a second, and what running bots write about the person meanwhile
// is erased too.
//
// Then it looks through every value of every key of the team for the names, the
// IDs and the words, and tells where any is Left: in what somebody else wrote,
// for instance, which is theirs. It blocks for up to a minute while a reply to the
// person is on its way, and for seconds when much is kept.
//
// It reaches neither Redis's own files (AOF, RDB), which forget at their next
// rewrite, nor copies of them.
func (s *Store) Forget(ctx context.Context, who Who) (Forgotten, error) {
	const rounds = 4
	var sum trace
	for range rounds {
		t, err := s.trace(ctx, who)
		if err != nil {
			return sum.Forgotten, err
		}
		if sum.add(t); t.Nothing() {
			break
		}
		if err := s.erase(ctx, t); err != nil {
			return sum.Forgotten, err
		}
		who.Threads = t.Threads
	}
	err := s.search(ctx, &sum)
	return sum.Forgotten, err
}

// trace is what was found of a person, and where.
type trace struct {
	Forgotten
	entries map[string][]string // IDs of decisions, by namespace
	drafts  map[string][]string // threads, by namespace
	echoes  map[string][]string // threads, by key
	shelved map[string][]string // threads, by namespace
	words   []string            // what they wrote, to be searched for
}

// add counts what t found to what was found before.
func (sum *trace) add(t trace) {
	sum.Names, sum.IDs = union(sum.Names, t.Names), union(sum.IDs, t.IDs)
	sum.Threads, sum.words = union(sum.Threads, t.Threads), union(sum.words, t.words)
	sum.Entries += t.Entries
	sum.Drafts += t.Drafts
	sum.Records += t.Records
	sum.Echoes += t.Echoes
	sum.Shelved += t.Shelved
}

func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// person is how one thing in the store tells whose it is.
type person struct {
	name, id, thread string
}

// circle grows from a name or an ID to every name, ID and thread of the person.
type circle struct {
	name         string
	ids, threads map[string]bool
}

// take reports whether p is the person, and learns from it.
func (c *circle) take(p person) bool {
	named := c.name != "" && strings.EqualFold(p.name, c.name)
	if !named && !c.ids[p.id] && !c.threads[p.thread] {
		return false
	}
	if p.id != "" {
		c.ids[p.id] = true
	}
	if p.thread != "" {
		c.threads[p.thread] = true
	}
	return true
}

// found is one thing in the store that may be the person's.
type found struct {
	person
	namespace string
	entry     string // the ID of a decision, "" for what is one of a thread
	shelved   bool   // the thread's messages on the shelf, else a draft
	asked     string
}

var errNobody = errors.New("no name and no id")

// trace looks for everything of a person.
func (s *Store) trace(ctx context.Context, who Who) (trace, error) {
	c := circle{strings.TrimPrefix(strings.TrimSpace(who.Name), "@"), map[string]bool{}, map[string]bool{}}
	if c.name == "" && who.ID == "" && len(who.Threads) == 0 {
		return trace{}, fmt.Errorf("redis forget: %w", errNobody)
	}
	if who.ID != "" {
		c.ids[who.ID] = true
	}
	for _, th := range who.Threads {
		c.threads[th] = true
	}
	all, err := s.everybody(ctx)
	if err != nil {
		return trace{}, err
	}
	for size := -1; size != len(c.ids)+len(c.threads); { // what is learned last may lead to more
		size = len(c.ids) + len(c.threads)
		for i := range all {
			c.take(all[i].person)
		}
	}
	t := trace{entries: map[string][]string{}, drafts: map[string][]string{}, shelved: map[string][]string{}}
	names := map[string]bool{}
	if c.name != "" {
		names[c.name] = true
	}
	for _, f := range all {
		if !c.take(f.person) {
			continue
		}
		if f.name != "" {
			names[f.name] = true
		}
		t.words = append(t.words, f.asked)
		switch {
		case f.entry != "":
			t.entries[f.namespace] = append(t.entries[f.namespace], f.entry)
			t.Entries++
		case f.shelved && slices.Contains(t.shelved[f.namespace], f.thread): // a scan may tell of one twice
		case f.shelved:
			t.shelved[f.namespace] = append(t.shelved[f.namespace], f.thread)
			t.Shelved++
		default:
			t.drafts[f.namespace] = append(t.drafts[f.namespace], f.thread)
			t.Drafts++
		}
	}
	t.Names, t.IDs, t.Threads = slices.Sorted(maps.Keys(names)), slices.Sorted(maps.Keys(c.ids)), slices.Sorted(maps.Keys(c.threads))
	t.words = tellingWords(t.words)
	return t, errors.Join(s.traceRecords(ctx, &t), s.traceEchoes(ctx, &t))
}

// everybody is every decision, draft and shelved thread of the team, as what tells
// whose it is.
func (s *Store) everybody(ctx context.Context) ([]found, error) {
	var all []found
	for _, ns := range namespaces {
		in := s.in(ns)
		for last := ""; ; {
			page, err := in.LogAfter(ctx, last, logPage)
			if err != nil {
				return nil, err
			}
			if len(page) == 0 {
				break
			}
			for _, e := range page {
				all = append(all, found{person: person{e.Prospect, e.ProspectID, e.Thread}, namespace: ns, entry: e.ID, asked: e.Asked})
			}
			last = page[len(page)-1].ID
		}
		err := in.eachKey(ctx, in.draftKey(""), func(key string) error {
			thread := strings.TrimPrefix(key, in.draftKey(""))
			d, err := in.Draft(ctx, thread)
			all = append(all, found{person: person{d.Prospect, d.ProspectID, thread}, namespace: ns, asked: d.Asked})
			return err
		})
		if err != nil {
			return nil, err
		}
		// What cannot be read counts as well: another version's, which is erased by its thread.
		err = eachPair(func(cursor uint64) ([]string, uint64, error) {
			return s.rdb.HScan(ctx, in.shelfKey(), cursor, "", scanPage).Result()
		}, func(thread, text string) {
			kept, _ := readShelved(thread, text)
			all = append(all, found{person: person{"", kept.ProspectID, thread}, namespace: ns, shelved: true})
		})
		if err != nil {
			return nil, fmt.Errorf("redis forget: %w", err)
		}
	}
	return all, nil
}

// traceRecords counts the records that tell more than they must.
func (s *Store) traceRecords(ctx context.Context, t *trace) error {
	for _, ns := range namespaces {
		records, err := s.in(ns).Records(ctx, t.Threads)
		if err != nil {
			return err
		}
		for _, r := range records {
			if r.Reason != "" || r.Text != "" {
				t.Records++
			}
		}
	}
	return nil
}

func (s *Store) traceEchoes(ctx context.Context, t *trace) error {
	t.echoes = map[string][]string{}
	if len(t.Threads) == 0 {
		return nil
	}
	for _, ns := range namespaces {
		in := s.in(ns)
		err := in.eachKey(ctx, in.echoKey(""), func(key string) error {
			scores, err := s.rdb.ZMScore(ctx, key, t.Threads...).Result()
			if err != nil {
				return fmt.Errorf("redis forget: %w", err)
			}
			for i, score := range scores {
				if score > 0 {
					t.echoes[key] = append(t.echoes[key], t.Threads[i])
					t.Echoes++
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// erase erases what was traced.
func (s *Store) erase(ctx context.Context, t trace) error {
	for _, ns := range namespaces {
		in := s.in(ns)
		for ids := range slices.Chunk(t.entries[ns], 500) {
			if err := in.eraseEntries(ctx, ids); err != nil {
				return err
			}
		}
		for _, thread := range t.drafts[ns] {
			if err := errors.Join(s.rdb.Del(ctx, in.draftKey(thread)).Err(), s.rdb.ZRem(ctx, in.key("drafts"), thread).Err()); err != nil {
				return fmt.Errorf("redis forget: %w", err)
			}
		}
		for threads := range slices.Chunk(t.shelved[ns], 500) {
			if err := in.unshelve(ctx, threads); err != nil {
				return err
			}
		}
		for _, thread := range t.Threads {
			if err := in.forgetRecord(ctx, thread); err != nil {
				return err
			}
		}
	}
	for key, threads := range t.echoes {
		if err := s.rdb.ZRem(ctx, key, toAny(threads)...).Err(); err != nil {
			return fmt.Errorf("redis forget: %w", err)
		}
	}
	return nil
}

func (s *Store) eraseEntries(ctx context.Context, ids []string) error {
	mark, err := json.Marshal(history.Entry{Erased: ids})
	if err != nil {
		return fmt.Errorf("redis forget: %w", err)
	}
	if _, err := s.run(ctx, logEraseScript, s.logKeys()[:4], append([]any{string(mark)}, toAny(ids)...)...); err != nil {
		return fmt.Errorf("redis forget: %w", err)
	}
	return nil
}

// ErrUnderWay is returned when a reply to the person has been on its way for a
// minute: its words cannot be erased before it is known whether it arrived.
var ErrUnderWay = errors.New("a reply is on its way: try again in a minute")

func (s *Store) forgetRecord(ctx context.Context, thread string) error {
	for tries := 0; ; tries++ {
		n, err := asInt(s.run(ctx, forgetRecordScript, []string{s.recordKey(thread)}))
		switch {
		case err != nil:
			return fmt.Errorf("redis forget: %w", err)
		case n >= 0:
			return nil
		case tries == 60:
			return fmt.Errorf("redis forget: thread %s: %w", thread, ErrUnderWay)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("redis forget: %w", ctx.Err())
		case <-time.After(time.Second):
		}
	}
}

// in is the store for another namespace of the team.
func (s *Store) in(namespace string) *Store {
	o := s.opts
	o.Namespace = namespace
	other := &Store{rdb: s.rdb, opts: o, replica: s.replica, scriptRunID: s.scriptRunID, close: func() error { return nil }}
	other.runID.Store(s.runID.Load())
	return other
}

func toAny(texts []string) []any {
	all := make([]any, len(texts))
	for i, t := range texts {
		all[i] = t
	}
	return all
}
