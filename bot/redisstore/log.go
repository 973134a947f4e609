package redisstore

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/flate"
	"github.com/redis/go-redis/v9"

	"inboxbot/bot/history"
)

var (
	_ history.Appender = (*Store)(nil)
	_ history.Source   = (*Store)(nil)
)

//go:embed lua/logappend.lua
var logAppendLua string

var logAppendScript = redis.NewScript(recordLua + logAppendLua)

// logPage is the most entries that one call reads.
const logPage = 1000

// LogAppend appends a decision to the log. See LogAppendAll.
func (s *Store) LogAppend(ctx context.Context, e history.Entry, d history.Detail) error {
	return s.LogAppendAll(ctx, []history.Item{{Entry: e, Detail: d}})
}

// LogAppendAll appends decisions to the log in order, all or none, and takes out
// what Options.LogKeep, LogEntries and LogDetails leave no room for. IDs are given
// here; those of the items are not looked at. What was last told of a thread is
// not told again, by whichever process. The same items may be appended again when
// it is not known whether they arrived.
func (s *Store) LogAppendAll(ctx context.Context, items []history.Item) error {
	if len(items) == 0 {
		return nil
	}
	sum := sha256.New()
	args := []any{"", ms(s.opts.LogKeep), s.opts.LogEntries, s.opts.LogDetails}
	for _, item := range items {
		parts, err := encodeItem(item)
		if err != nil {
			return fmt.Errorf("redis log: %w", err)
		}
		for _, p := range parts {
			fmt.Fprintf(sum, "%d:%s", len(p), p)
			args = append(args, p)
		}
	}
	args[0] = hex.EncodeToString(sum.Sum(nil)[:12])
	if _, err := asInt(s.run(ctx, logAppendScript, append(s.logKeys(), s.key("log:batch:"+s.replica)), args...)); err != nil {
		return fmt.Errorf("redis log: %w", err)
	}
	return nil
}

// logKeys are the keys of the log: the entries, their words, their details, what
// is known of all, and each thread's last decision.
func (s *Store) logKeys() []string {
	return []string{s.key("log"), s.wordsKey(), s.detailsKey(), s.key("log:state"), s.key("log:last")}
}

func (s *Store) wordsKey() string   { return s.key("log:words") }
func (s *Store) detailsKey() string { return s.key("log:details") }

// encodeItem is thread, digest, facts, words and detail as the script takes them.
func encodeItem(item history.Item) ([5]string, error) {
	e := item.Entry
	var words, detail string
	if e.Person != (history.Person{}) {
		text, err := json.Marshal(e.Person)
		if err != nil {
			return [5]string{}, err
		}
		words = string(text)
	}
	if text, err := json.Marshal(item.Detail); err != nil {
		return [5]string{}, err
	} else if len(text) > len("{}") {
		detail = deflate(text)
	}
	thread := e.Thread
	digest := sha256.Sum256([]byte(strings.Join([]string{e.Message, string(e.Outcome), e.Guard, e.Mode}, "\n")))
	e.ID, e.Thread, e.Person = "", "", history.Person{}
	facts, err := json.Marshal(e)
	return [5]string{thread, hex.EncodeToString(digest[:6]), string(facts), words, detail}, err
}

// LogAfter returns up to limit entries (at most 1,000) after that with this ID,
// "" for the beginning, the oldest first. It does not wait for any to come. What
// this version cannot read is an Entry with an ID alone.
func (s *Store) LogAfter(ctx context.Context, id string, limit int) ([]history.Entry, error) {
	from := "-"
	if id != "" {
		from = "(" + id
	}
	rows, err := s.rdb.XRangeN(ctx, s.key("log"), from, "+", int64(min(max(limit, 1), logPage))).Result()
	return s.withWords(ctx, rows, err)
}

// LogBefore returns up to limit entries (at most 1,000) before that with this ID,
// "" for the end, the newest first.
func (s *Store) LogBefore(ctx context.Context, id string, limit int) ([]history.Entry, error) {
	from := "+"
	if id != "" {
		from = "(" + id
	}
	rows, err := s.rdb.XRevRangeN(ctx, s.key("log"), from, "-", int64(min(max(limit, 1), logPage))).Result()
	return s.withWords(ctx, rows, err)
}

// withWords reads rows of the log and the words that belong to them.
func (s *Store) withWords(ctx context.Context, rows []redis.XMessage, err error) ([]history.Entry, error) {
	if err != nil {
		return nil, fmt.Errorf("redis log: %w", err)
	}
	if len(rows) == 0 {
		return nil, nil
	}
	ids := make([]string, len(rows))
	for i, row := range rows {
		ids[i] = row.ID
	}
	words, err := s.rdb.HMGet(ctx, s.wordsKey(), ids...).Result()
	if err != nil {
		return nil, fmt.Errorf("redis log: %w", err)
	}
	entries := make([]history.Entry, len(rows))
	for i, row := range rows {
		text, _ := words[i].(string)
		entries[i] = readEntry(row, text)
	}
	return entries, nil
}

// readEntry reads one row; of what it does not understand only the ID is left.
func readEntry(row redis.XMessage, words string) history.Entry {
	var e history.Entry
	facts, _ := row.Values["e"].(string)
	if json.Unmarshal([]byte(facts), &e) != nil {
		return history.Entry{ID: row.ID}
	}
	if words != "" && json.Unmarshal([]byte(words), &e.Person) != nil {
		e.Person = history.Person{}
	}
	e.ID = row.ID
	e.Thread, _ = row.Values["t"].(string)
	return e
}

// ErrNoDetail is returned for an entry whose detail is not kept any more, or that
// never had one.
var ErrNoDetail = errors.New("no detail is kept of this decision")

// LogDetail returns what the entry with this ID leaves out, or ErrNoDetail.
func (s *Store) LogDetail(ctx context.Context, id string) (history.Detail, error) {
	text, err := s.rdb.HGet(ctx, s.detailsKey(), id).Result()
	if errors.Is(err, redis.Nil) {
		return history.Detail{}, ErrNoDetail
	} else if err != nil {
		return history.Detail{}, fmt.Errorf("redis log detail: %w", err)
	}
	return readDetail(text)
}

func readDetail(text string) (history.Detail, error) {
	var d history.Detail
	plain, err := inflate(text)
	if err != nil || json.Unmarshal(plain, &d) != nil {
		return history.Detail{}, fmt.Errorf("redis log detail: it cannot be read: %w", ErrNoDetail)
	}
	return d, nil
}

// biggestDetail is more bytes than any detail has: its texts are bounded, but
// JSON may need six bytes for one.
const biggestDetail = 2 << 20

// deflate makes prompts about a third as long.
func deflate(text []byte) string {
	var out strings.Builder
	out.Grow(len(text) / 2)
	_ = flate.StatelessDeflate(&out, text, true, nil) // into memory
	return out.String()
}

func inflate(text string) ([]byte, error) {
	return io.ReadAll(io.LimitReader(flate.NewReader(strings.NewReader(text)), biggestDetail))
}
