package redisstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"inboxbot/bot"
)

// batch is how many records are asked for in one round trip.
const batch = 1000

// longest is how many bytes a text of a terminal record may have: one longer
// value makes Redis keep the whole hash several times as large
// (hash-max-listpack-value).
const longest = 64

// Advance moves a record. See bot.Ledger for what each state needs, and besides:
//
//   - a lease begins a message once; after its retry a new claim is needed.
//     bot.ErrLeaseLost tells.
//   - intent, retry, handing and skipped of a record that is about something else
//     by now give bot.ErrRecorded, and so does a fact about an older message.
//   - sent and answered are also taken for a newer message than the record's,
//     unless that one is intent or handing: after a wipe the fact is all we have.
//   - a refused move still leaves what it knew: the bot's own messages, and that
//     a newer message came. The thread then stays open, and is due at once, when
//     the record reaches its end.
//   - again 0 closes a thread in a terminal state, in waiting, and in retry when it
//     stands there already; to close one that has nothing to do, repeat its state
//     with again 0. An intent, a handoff under way and a new retry stay open.
//   - Reason and Guard of a terminal record are cut to 64 bytes.
//   - Own and SentID are added to what is known, never taken away; the 64 newest
//     are kept, however old. SentSum, HandedAt and HandedTag stay until there are
//     others, HeldAt is Hold's alone, and Seen is added to what was seen before.
//   - Records that are not open are forgotten after Options.Retention.
func (s *Store) Advance(ctx context.Context, l bot.Lease, next bot.Record, again time.Duration) error {
	rid := s.runID.Load()
	args, err := s.move(l, next, again, *rid)
	if err != nil {
		return fmt.Errorf("redis advance: %w", err)
	}
	answer, err := s.run(ctx, advanceScript,
		[]string{s.claimKey(l.Thread), s.recordKey(l.Thread), s.key("gen"), s.key("open")}, args...)
	if err != nil {
		return fmt.Errorf("redis advance to %s: %w", next.State, err)
	}
	if next.State == bot.StateIntent && s.changedSince(rid) {
		return bot.ErrLeaseLost
	}
	return moved(answer, next.State)
}

// move is what the script takes of one.
func (s *Store) move(l bot.Lease, next bot.Record, again time.Duration, rid string) ([]any, error) {
	if l.Thread == "" {
		return nil, errNoThread
	}
	fields, err := fieldsFor(next)
	if err != nil {
		return nil, err
	}
	return append([]any{
		l.Token, l.Generation, string(next.State), next.MessageID, unixMS(next.MessageAt),
		max(0, ms(again)), ms(need(s.opts.Send)), rid, ms(s.opts.Retention), l.Thread,
	}, fields...), nil
}

// moved reads the script's answer.
func moved(answer any, to bot.State) error {
	switch answer {
	case "ok":
		return nil
	case "lost":
		return bot.ErrLeaseLost
	case "quarantine":
		return bot.ErrQuarantine
	case "recorded":
		return bot.ErrRecorded
	}
	return fmt.Errorf("redis advance to %s: %w", to, errAnswer)
}

// noteBatch is how many records are moved in one round trip: more would keep
// others waiting, for Redis does one thing at a time.
const noteBatch = 100

// Note moves records to waiting. See Advance and bot.Ledger.
func (s *Store) Note(ctx context.Context, notes []bot.Note) error {
	var errs []error
	for some := range slices.Chunk(notes, noteBatch) {
		keys, args := []string{s.key("gen"), s.key("open")}, []any{}
		for _, n := range some {
			n.Record.State = bot.StateWaiting
			move, err := s.move(bot.Lease{Thread: n.Record.Thread}, n.Record, n.Again, *s.runID.Load())
			if err != nil {
				errs = append(errs, fmt.Errorf("redis note: %w", err))
				continue
			}
			keys = append(keys, s.recordKey(n.Record.Thread))
			args = append(append(args, len(move)), move...)
		}
		answer, err := s.run(ctx, noteScript, keys, args...)
		if err != nil {
			return errors.Join(append(errs, fmt.Errorf("redis note: %w", err))...)
		}
		answers, _ := answer.([]any)
		if len(answers) != len(keys)-2 {
			return errors.Join(append(errs, fmt.Errorf("redis note: %w", errAnswer))...)
		}
		for _, a := range answers {
			errs = append(errs, moved(a, bot.StateWaiting))
		}
	}
	return errors.Join(errs...)
}

// Hold keeps HeldAt of threads that are known. See bot.Ledger.
func (s *Store) Hold(ctx context.Context, held map[string]time.Time) error {
	for some := range slices.Chunk(slices.Sorted(maps.Keys(held)), noteBatch) {
		keys, args := make([]string, len(some)), make([]any, len(some))
		for i, thread := range some {
			keys[i], args[i] = s.recordKey(thread), unixMS(held[thread])
		}
		if _, err := s.run(ctx, holdScript, keys, args...); err != nil {
			return fmt.Errorf("redis hold: %w", err)
		}
	}
	return nil
}

// Records returns the threads' records. One that is not known has its Thread
// and nothing else.
func (s *Store) Records(ctx context.Context, threadIDs []string) (map[string]bot.Record, error) {
	records := make(map[string]bot.Record, len(threadIDs))
	for ids := range slices.Chunk(threadIDs, batch) {
		keys := make([]string, len(ids))
		for i, id := range ids {
			keys[i] = s.recordKey(id)
		}
		// A script and not a pipeline: its answer begins when the question has
		// been read, which the unbuffered pipe of an embedded store needs.
		answer, err := s.run(ctx, recordsScript, keys)
		if err != nil {
			return nil, fmt.Errorf("redis records: %w", err)
		}
		hashes, ok := answer.([]any)
		if !ok || len(hashes) != len(ids) {
			return nil, fmt.Errorf("redis records: %w", errAnswer)
		}
		for i, id := range ids {
			flat, _ := hashes[i].([]any)
			records[id] = readRecord(id, fieldsOf(flat))
		}
	}
	return records, nil
}

// Due returns up to limit open threads whose time has come, the longest due
// first.
func (s *Store) Due(ctx context.Context, limit int) ([]string, error) {
	if limit <= 0 {
		return nil, nil
	}
	answer, err := s.run(ctx, dueScript, []string{s.key("open")}, limit)
	if err != nil {
		return nil, fmt.Errorf("redis due: %w", err)
	}
	flat, ok := answer.([]any)
	if !ok {
		return nil, fmt.Errorf("redis due: %w", errAnswer)
	}
	threads := make([]string, 0, len(flat))
	for _, v := range flat {
		if id, ok := v.(string); ok {
			threads = append(threads, id)
		}
	}
	return threads, nil
}

// Postpone makes an open thread due again after d. A thread that is not open
// stays so.
func (s *Store) Postpone(ctx context.Context, threadID string, d time.Duration) error {
	if _, err := s.run(ctx, postponeScript, []string{s.key("open")}, threadID, ms(d)); err != nil {
		return fmt.Errorf("redis postpone: %w", err)
	}
	return nil
}

// Names of the record's fields in Redis. State, message, time and token are set
// by the script.
const (
	fieldState   = "st"
	fieldMessage = "mid"
	fieldMsgAt   = "mat"
	fieldSeen    = "seen"
	fieldAt      = "at"
	fieldGuard   = "guard"
	fieldReason  = "why"
	fieldToken   = "tok"
	fieldText    = "text"
	fieldBase    = "base"
	fieldLooked  = "look"
	fieldSent    = "sent"
	fieldEnded   = "end" // ms and ID of the message that ended before this one
	fieldSentSum = "sum"
	fieldReplyTo = "n"
	fieldInbox   = "in"
	fieldTag     = "tag"
	fieldAssign  = "assign"
	fieldRules   = "rules"
	fieldCause   = "cause"
	fieldSay     = "say"
	fieldHanded  = "handed"
	fieldHandTag = "htag"
	fieldHeld    = "held"
	fieldTagSeen = "t:" // and the tag's name; a field each, for one long value costs more than many short
	fieldOwn     = "o:" // and the message's ID
)

// fieldsFor returns what next adds to the record: names and values in turn, only
// of what the state keeps.
func fieldsFor(next bot.Record) ([]any, error) {
	if next.MessageID == "" {
		return nil, errors.New("no message id")
	}
	var flat []any
	add := func(name, value string) {
		if value != "" {
			flat = append(flat, name, value)
		}
	}
	guard, reason := next.Guard, next.Reason
	switch next.State {
	case bot.StateWaiting, bot.StateRetry:
		if next.Unarchived && next.State == bot.StateWaiting {
			add(fieldInbox, "1")
		}
	case bot.StateIntent:
		add(fieldText, next.Text)
		add(fieldBase, next.Base)
		add(fieldLooked, unixMSOrNone(next.LookedAt))
		if next.Asked > 0 {
			add(fieldReplyTo, strconv.Itoa(next.Asked))
		}
		add(fieldTag, next.Tag)
		add(fieldAssign, next.Assign)
		add(fieldSay, next.Say)
	case bot.StateHanding:
		add(fieldTag, next.Tag)
		add(fieldAssign, next.Assign)
		add(fieldSay, next.Say)
	case bot.StateSent, bot.StateHandoff, bot.StateAnswered, bot.StateSkipped:
		guard, reason = cut(guard), cut(reason)
	case bot.StateNone:
		fallthrough
	default:
		return nil, fmt.Errorf("%q is not a state to move to", next.State)
	}
	add(fieldGuard, guard)
	add(fieldReason, reason)
	add(fieldSeen, unixMSOrNone(next.SeenAt))
	add(fieldRules, next.Generation)
	add(fieldSentSum, next.SentSum)
	add(fieldCause, string(next.Cause))
	add(fieldHanded, unixMSOrNone(next.HandedAt))
	add(fieldHandTag, next.HandedTag)
	for i, tag := range next.Seen {
		if tag != "" {
			add(fieldTagSeen+tag, strconv.Itoa(i))
		}
	}
	for id, at := range next.Own {
		add(fieldOwn+id, unixMSOrNone(at))
	}
	if next.State == bot.StateSent && next.SentID != "" {
		add(fieldSent, next.SentID)
		if next.Own[next.SentID].IsZero() {
			add(fieldOwn+next.SentID, "now") // the script's now
		}
	}
	return flat, nil
}

// readRecord is the record a hash holds. Fields it does not know, of a newer
// version perhaps, are passed over.
func readRecord(thread string, h map[string]string) bot.Record {
	r := bot.Record{
		Thread:     thread,
		State:      bot.State(h[fieldState]),
		MessageID:  h[fieldMessage],
		MessageAt:  readMS(h[fieldMsgAt]),
		SeenAt:     readMS(h[fieldSeen]),
		At:         readMS(h[fieldAt]),
		Guard:      h[fieldGuard],
		Reason:     h[fieldReason],
		Token:      h[fieldToken],
		Text:       h[fieldText],
		Base:       h[fieldBase],
		LookedAt:   readMS(h[fieldLooked]),
		SentID:     h[fieldSent],
		SentSum:    h[fieldSentSum],
		Tag:        h[fieldTag],
		Assign:     h[fieldAssign],
		Generation: h[fieldRules],
		Cause:      bot.Cause(h[fieldCause]),
		Say:        h[fieldSay],
		HandedAt:   readMS(h[fieldHanded]),
		HandedTag:  h[fieldHandTag],
		HeldAt:     readMS(h[fieldHeld]),
		Seen:       readSeen(h),
		Unarchived: h[fieldInbox] != "",
	}
	if r.State != bot.StateIntent {
		r.Token = "" // kept to know repeats by
	}
	r.Asked, _ = strconv.Atoi(h[fieldReplyTo])
	if at, id, ok := strings.Cut(h[fieldEnded], ":"); ok {
		r.EndedAt, r.EndedID = readMS(at), id
	}
	for name, at := range h {
		if id, ok := strings.CutPrefix(name, fieldOwn); ok {
			if r.Own == nil {
				r.Own = map[string]time.Time{}
			}
			r.Own[id] = readMS(at)
		}
	}
	return r
}

// readSeen returns the tags seen, in order of their numbers.
func readSeen(h map[string]string) []string {
	var tags []string
	at := map[string]int{}
	for name, n := range h {
		if tag, ok := strings.CutPrefix(name, fieldTagSeen); ok {
			at[tag], _ = strconv.Atoi(n)
			tags = append(tags, tag)
		}
	}
	slices.SortFunc(tags, func(a, b string) int { return cmp.Compare(at[a], at[b]) })
	return tags
}

func fieldsOf(flat []any) map[string]string {
	h := make(map[string]string, len(flat)/2)
	for i := 0; i+1 < len(flat); i += 2 {
		name, _ := flat[i].(string)
		h[name], _ = flat[i+1].(string)
	}
	return h
}

// unixMS is t in Unix ms, 0 for no time.
func unixMS(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func unixMSOrNone(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return strconv.FormatInt(t.UnixMilli(), 10)
}

func readMS(s string) time.Time {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n == 0 {
		return time.Time{}
	}
	return time.UnixMilli(n).UTC()
}

// cut shortens s to at most longest bytes, at a character's end.
func cut(s string) string {
	if len(s) <= longest {
		return s
	}
	end := longest
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end]
}
