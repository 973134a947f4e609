package redisstore

import (
	"github.com/redis/go-redis/v9"

	"inboxbot/bot"
	"inboxbot/bot/history"
)

// SetRunID is what happens when a new connection reaches another server.
func SetRunID(s *Store, id string) { s.runID.Store(&id) }

// URLHelp is what is said of a URL that cannot be read.
var URLHelp = errURL.Error()

// TryURL makes a client for the URL, without connecting.
func TryURL(raw string) error {
	c, err := dial(raw, nil, nil)
	if err != nil {
		return err
	}
	return c.Close()
}

// ReadEntry reads a row of the log.
func ReadEntry(id, facts, words string) history.Entry {
	return readEntry(redis.XMessage{ID: id, Values: map[string]any{"e": facts, "t": "thread"}}, words)
}

// ReadShelved reads what stands on the shelf, from what it is before it is deflated.
func ReadShelved(thread, plain string) (bot.Shelved, bool) {
	return readShelved(thread, deflate([]byte(plain)))
}

// Deflate is how texts stand in Redis.
func Deflate(plain string) string { return deflate([]byte(plain)) }

// ReadDetail reads a detail of the log.
var ReadDetail = readDetail
