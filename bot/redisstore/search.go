package redisstore

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/redis/go-redis/v9"
)

// search looks through every value of the team for the person.
func (s *Store) search(ctx context.Context, t *trace) error {
	look := newFinder(*t)
	return s.eachKey(ctx, s.teamKey(""), func(key string) error {
		t.Searched.Keys++
		return s.eachValue(ctx, key, func(field, value string) {
			t.Searched.Values++
			t.Searched.Bytes += int64(len(value))
			if what, ok := look.find(value); ok {
				t.Left = append(t.Left, Place{strings.TrimPrefix(key, s.teamKey("")), field, what})
			}
		})
	})
}

// finder knows a person when it sees one.
type finder struct {
	names *regexp.Regexp // as a word of its own, in any case
	ids   *regexp.Regexp
	words []string
}

func newFinder(t trace) finder {
	var names, ids []string
	for _, name := range t.Names {
		names = append(names, `(?:^|[^a-z0-9_])`+regexp.QuoteMeta(name)+`(?:$|[^a-z0-9_])`)
	}
	for _, id := range t.IDs {
		id = regexp.QuoteMeta(id)
		if len(id) < telling {
			id = `(?:"` + id + `"|\n` + id + `$)` // else any number would do
		}
		ids = append(ids, id)
	}
	return finder{anyOf(names), anyOf(ids), t.words}
}

// telling is how long an ID is that no other number happens to be.
const telling = 8

func anyOf(patterns []string) *regexp.Regexp {
	if len(patterns) == 0 {
		return nil
	}
	return regexp.MustCompile(`(?i)` + strings.Join(patterns, "|"))
}

func (f finder) find(value string) (what string, ok bool) {
	switch {
	case f.names != nil && f.names.MatchString(value):
		return "name", true
	case f.ids != nil && f.ids.MatchString(value):
		return "id", true
	}
	return "words", slices.ContainsFunc(f.words, func(w string) bool { return strings.Contains(value, w) })
}

// What of somebody's words is searched for: the longest of their texts, and of
// each a run that is the same in every encoding. Shorter ones are anybody's.
const (
	mostWords    = 20
	leastTelling = 20 // bytes
)

func tellingWords(texts []string) []string {
	var runs []string
	for _, text := range texts {
		longest := ""
		for _, run := range strings.FieldsFunc(text, func(r rune) bool {
			return unicode.IsControl(r) || strings.ContainsRune("\"\\<>&\u2028\u2029\uFFFD…", r)
		}) {
			if len(run) > len(longest) {
				longest = run
			}
		}
		if len(longest) >= leastTelling {
			runs = append(runs, longest)
		}
	}
	slices.Sort(runs)
	runs = slices.Compact(runs)
	slices.SortStableFunc(runs, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	return runs[:min(mostWords, len(runs))]
}

const scanPage = 1000

// eachKey calls f for every key that begins with prefix, perhaps more than once.
// All keys of a team are on one server, also of a cluster.
func (s *Store) eachKey(ctx context.Context, prefix string, f func(key string) error) error {
	var node redis.Cmdable = s.rdb
	if cluster, ok := s.rdb.(*redis.ClusterClient); ok {
		master, err := cluster.MasterForKey(ctx, prefix)
		if err != nil {
			return fmt.Errorf("redis scan: %w", err)
		}
		node = master
	}
	pattern := regexp.MustCompile(`[\\*?\[\]]`).ReplaceAllString(prefix, `\$0`) + "*"
	for cursor := uint64(0); ; {
		keys, next, err := node.Scan(ctx, cursor, pattern, scanPage).Result()
		if err != nil {
			return fmt.Errorf("redis scan: %w", err)
		}
		for _, key := range keys {
			if err := f(key); err != nil {
				return err
			}
		}
		if cursor = next; cursor == 0 {
			return nil
		}
	}
}

// eachValue calls f for every value a key holds, with what names it there. Details
// of the log and shelved messages are handed over as they were before they were
// deflated.
func (s *Store) eachValue(ctx context.Context, key string, f func(field, value string)) error {
	kind, err := s.rdb.Type(ctx, key).Result()
	if err != nil {
		return fmt.Errorf("redis search: %w", err)
	}
	switch kind {
	case "none": // gone meanwhile
	case "string":
		var value string
		if value, err = s.rdb.Get(ctx, key).Result(); err == nil {
			f("", value)
		}
	case "hash":
		err = eachPair(func(cursor uint64) ([]string, uint64, error) {
			return s.rdb.HScan(ctx, key, cursor, "", scanPage).Result()
		}, func(field, value string) {
			if strings.HasSuffix(key, ":log:details") || strings.HasSuffix(key, ":shelf") {
				if plain, err := inflate(value); err == nil {
					value = string(plain)
				}
			}
			f(field, field+"\n"+value)
		})
	case "zset":
		err = eachPair(func(cursor uint64) ([]string, uint64, error) {
			return s.rdb.ZScan(ctx, key, cursor, "", scanPage).Result()
		}, func(member, _ string) { f(member, member) })
	case "set":
		var members []string
		members, err = s.rdb.SMembers(ctx, key).Result()
		for _, m := range members {
			f(m, m)
		}
	case "list":
		var items []string
		items, err = s.rdb.LRange(ctx, key, 0, -1).Result()
		for _, item := range items {
			f("", item)
		}
	case "stream":
		err = s.eachRow(ctx, key, f)
	default:
		return fmt.Errorf("redis search: %s is a %s, which cannot be looked through", key, kind)
	}
	if err != nil && err != redis.Nil { //nolint:errorlint // the driver returns it bare; gone meanwhile
		return fmt.Errorf("redis search %s: %w", key, err)
	}
	return nil
}

func eachPair(scan func(cursor uint64) ([]string, uint64, error), f func(name, value string)) error {
	for cursor := uint64(0); ; {
		flat, next, err := scan(cursor)
		if err != nil {
			return err
		}
		for i := 0; i+1 < len(flat); i += 2 {
			f(flat[i], flat[i+1])
		}
		if cursor = next; cursor == 0 {
			return nil
		}
	}
}

func (s *Store) eachRow(ctx context.Context, key string, f func(field, value string)) error {
	for from := "-"; ; {
		rows, err := s.rdb.XRangeN(ctx, key, from, "+", logPage).Result()
		if err != nil || len(rows) == 0 {
			return err
		}
		for _, row := range rows {
			for name, v := range row.Values {
				text, _ := v.(string)
				f(row.ID, name+"\n"+text)
			}
		}
		from = "(" + rows[len(rows)-1].ID
	}
}
