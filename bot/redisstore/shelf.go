package redisstore

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/redis/go-redis/v9"

	"inboxbot/bot"
)

var _ bot.Shelf = (*Store)(nil)

//go:embed lua/shelf.lua
var shelfLua string

//go:embed lua/shelve.lua
var shelveLua string

//go:embed lua/shelved.lua
var shelvedLua string

//go:embed lua/unshelve.lua
var unshelveLua string

var (
	shelveScript   = redis.NewScript(recordLua + shelfLua + shelveLua)
	shelvedScript  = redis.NewScript(recordLua + shelvedLua)
	unshelveScript = redis.NewScript(shelfLua + unshelveLua)
)

// shelfVersion changes with what the fields of a shelved thread mean. Another
// version's is as good as none.
const shelfVersion = 1

type shelvedText struct {
	Version int `json:"v"`
	bot.Shelved
}

// Shelve puts a thread's messages on the shelf. When it takes more than
// Options.ShelfBytes of memory, the threads shelved first make room. See bot.Shelf.
func (s *Store) Shelve(ctx context.Context, kept bot.Shelved) error {
	if kept.Thread == "" || len(kept.Messages) == 0 {
		return errors.New("redis shelve: it needs a thread and messages")
	}
	text, err := json.Marshal(shelvedText{shelfVersion, kept})
	if err != nil {
		return fmt.Errorf("redis shelve: %w", err)
	}
	if _, err := s.run(ctx, shelveScript, s.shelfKeys(), kept.Thread, deflate(text), ms(bot.KeptFor), s.opts.ShelfBytes); err != nil {
		return fmt.Errorf("redis shelve: %w", err)
	}
	return nil
}

// Shelved returns what the shelf has of a thread. See bot.Shelf.
func (s *Store) Shelved(ctx context.Context, thread string) (bot.Shelved, error) {
	answer, err := s.run(ctx, shelvedScript, s.shelfKeys(), thread, ms(bot.KeptFor))
	if err != nil {
		return bot.Shelved{}, fmt.Errorf("redis shelved: %w", err)
	}
	text, _ := answer.(string)
	kept, _ := readShelved(thread, text)
	return kept, nil
}

// readShelved reads what Shelve wrote, to the last byte.
func readShelved(thread, text string) (bot.Shelved, bool) {
	if text == "" {
		return bot.Shelved{}, false
	}
	plain, err := inflate(text)
	if err != nil {
		return bot.Shelved{}, false
	}
	dec := json.NewDecoder(bytes.NewReader(plain))
	dec.DisallowUnknownFields()
	var kept shelvedText
	if dec.Decode(&kept) != nil || kept.Version != shelfVersion || len(kept.Messages) == 0 {
		return bot.Shelved{}, false
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return bot.Shelved{}, false
	}
	kept.Thread = thread
	return kept.Shelved, true
}

// unshelve takes threads off the shelf.
func (s *Store) unshelve(ctx context.Context, threads []string) error {
	if _, err := s.run(ctx, unshelveScript, s.shelfKeys(), toAny(threads)...); err != nil {
		return fmt.Errorf("redis unshelve: %w", err)
	}
	return nil
}

// shelfKeys are the messages by thread, the threads by when they were shelved, and
// the bytes of all.
func (s *Store) shelfKeys() []string {
	return []string{s.shelfKey(), s.key("shelf:at"), s.key("shelf:bytes")}
}

func (s *Store) shelfKey() string { return s.key("shelf") }
