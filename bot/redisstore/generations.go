package redisstore

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/redis/go-redis/v9"
)

// Published is one entry of the history of what was in force: a generation of
// rules and prompts, and who put it there. The newest entry is in force.
//
// Dry runs and live ones share it: rules are the same for both, and a dry run is
// how people look at what they published.
type Published struct {
	Hash    string    // what the generation is called: 4 to 64 hexadecimal digits
	By      string    // who; "" unknown
	Message string    // why; may be empty
	Back    bool      // it had been in force before and was returned to
	Refused bool      // Back, by a process that cannot answer by what it replaced: By and Message say which and why
	Before  string    // the hash it replaced; "": it was the first
	At      time.Time // on Redis's clock, UTC
}

// What a generation may be, and how much of the past is kept.
const (
	MaxGeneration = 2 << 20 // bytes of all its files with their names
	MaxHistory    = 50      // entries, the one in force among them
	maxWords      = 1000    // bytes of By and of Message
)

// Any is what Publish takes for "whatever is in force".
const Any = "*"

var (
	// ErrInForce is returned for a generation that is in force already.
	ErrInForce = errors.New("it is in force already")
	// ErrOvertaken is returned when another generation is in force than was expected.
	ErrOvertaken = errors.New("another generation is in force")
	// ErrNoText is returned for a generation whose text is not there: it was never
	// published, is no longer kept, or was lost.
	ErrNoText = errors.New("the text of this generation is not kept")
	// ErrForeign is returned when Redis holds what no Store has written there.
	ErrForeign = errors.New("this is not what inboxbot keeps in Redis")
)

// Publish puts a generation in force for all replicas: files by name, without
// directories, under g.Hash; of g it keeps By, Message and Back too. It does so
// only while the generation expected is the one in force: its hash, "" for none,
// or Any. before is the hash it replaced, or, beside ErrInForce and ErrOvertaken,
// which change nothing, the one in force. What is in force because a process
// refused another may be put in force once more: that says that it shall be. What
// no entry of the history names any more is forgotten.
func (s *Store) Publish(ctx context.Context, g Published, files map[string]string, expected string) (before string, err error) {
	if err := errors.Join(g.check(), checkFiles(files)); err != nil {
		return "", err
	}
	text, err := json.Marshal(files)
	if err != nil {
		return "", fmt.Errorf("publish: %w", err) // unreachable: texts by name
	}
	answer, err := s.run(ctx, publishScript, []string{s.teamKey("published"), s.teamKey("texts")},
		rand.Text(), g.Hash, text, g.By, g.Message, g.back(), expected, MaxHistory)
	if err != nil {
		return "", fmt.Errorf("redis publish: %w", err)
	}
	parts, ok := answer.([]any)
	if !ok || len(parts) != 2 {
		return "", fmt.Errorf("redis publish: %w", errAnswer)
	}
	before, _ = parts[1].(string)
	switch parts[0] {
	case "done":
		return before, nil
	case "same":
		return before, ErrInForce
	case "other":
		return before, ErrOvertaken
	}
	return "", fmt.Errorf("redis publish: %w", errAnswer)
}

// InForce returns the newest entry of the history; its Hash is "" when nothing
// was published yet. It is one small request, for asking every second.
func (s *Store) InForce(ctx context.Context) (Published, error) {
	newest, err := s.history(ctx, 1)
	if err != nil || len(newest) == 0 {
		return Published{}, err
	}
	return newest[0], nil
}

// History returns what was put in force, newest first: the first is in force.
func (s *Store) History(ctx context.Context) ([]Published, error) { return s.history(ctx, MaxHistory) }

func (s *Store) history(ctx context.Context, most int64) ([]Published, error) {
	entries, err := s.rdb.XRevRangeN(ctx, s.teamKey("published"), "+", "-", most).Result()
	if err != nil {
		return nil, fmt.Errorf("redis generations: %w", err)
	}
	var out []Published
	for _, e := range entries {
		field := func(name string) string { v, _ := e.Values[name].(string); return v }
		at, _, _ := strings.Cut(e.ID, "-")
		p := Published{
			Hash: field("hash"), By: field("by"), Message: field("message"),
			Back: field("back") != "", Refused: field("back") == backRefused, Before: field("before"), At: readMS(at),
		}
		if err := p.check(); err != nil {
			return nil, fmt.Errorf("redis generations: %w: %w", ErrForeign, err)
		}
		out = append(out, p)
	}
	return out, nil
}

const backRefused = "refused"

// back is how the history says that a generation was returned to.
func (p Published) back() string {
	switch {
	case p.Refused:
		return backRefused
	case p.Back:
		return "1"
	}
	return ""
}

// Files returns the files of a generation of the history by name, or ErrNoText.
func (s *Store) Files(ctx context.Context, hash string) (map[string]string, error) {
	text, err := s.rdb.HGet(ctx, s.teamKey("texts"), hash).Bytes()
	if errors.Is(err, redis.Nil) {
		return nil, ErrNoText
	} else if err != nil {
		return nil, fmt.Errorf("redis generation: %w", err)
	}
	var files map[string]string
	if json.Unmarshal(text, &files) != nil { // its error would quote the text
		return nil, fmt.Errorf("generation %s: %w: not a set of files", hash, ErrForeign)
	}
	if err := checkFiles(files); err != nil {
		return nil, fmt.Errorf("generation %s: %w: %w", hash, ErrForeign, err)
	}
	return files, nil
}

var saneHash = regexp.MustCompile(`^[0-9a-f]{4,64}$`)

// check refuses what is not an entry of ours: both what is to be written and,
// as anybody may write to a Redis, what was read.
func (p Published) check() error {
	switch {
	case !saneHash.MatchString(p.Hash):
		return fmt.Errorf("%q is not the hash of a generation", p.Hash)
	case len(p.By) > maxWords || len(p.Message) > maxWords:
		return fmt.Errorf("generation %s: who and why are at most %d bytes each", p.Hash, maxWords)
	}
	return nil
}

// checkFiles refuses files that could not be kept as they are.
func checkFiles(files map[string]string) error {
	if len(files) == 0 {
		return errors.New("a generation without files")
	}
	var errs []error
	size := 0
	for _, name := range slices.Sorted(maps.Keys(files)) {
		size += len(name) + len(files[name])
		switch {
		case !saneName(name):
			errs = append(errs, fmt.Errorf("%q is no name of a file of a generation: it needs one without directories that can be printed", name))
		case !utf8.ValidString(files[name]):
			errs = append(errs, fmt.Errorf("%s: not valid UTF-8", name))
		}
	}
	if size > MaxGeneration {
		errs = append(errs, fmt.Errorf("%d KB of rules and prompts: a generation is at most %d KB", size>>10, MaxGeneration>>10))
	}
	return errors.Join(errs...)
}

func saneName(name string) bool {
	return fs.ValidPath(name) && name != "." && len(name) <= 255 && !strings.ContainsAny(name, `/\`) &&
		!strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) })
}
