package redisstore

import (
	"context"
	"crypto/rand"
	_ "embed"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"inboxbot/bot"
)

var (
	_ bot.Purse  = (*Store)(nil)
	_ bot.Echoes = (*Store)(nil)
)

//go:embed lua/spend.lua
var spendLua string

//go:embed lua/echo.lua
var echoLua string

var (
	spendScript = redis.NewScript(spendLua)
	echoScript  = redis.NewScript(recordLua + echoLua)
)

const (
	spentKept  = 32 * 24 * time.Hour // a month and a day more
	echoWindow = 24 * time.Hour
	echoMost   = 100
)

// Spend adds to the day's account and returns what it comes to. All namespaces
// share the accounts: a dry run's tokens are paid for too. See bot.Purse.
func (s *Store) Spend(ctx context.Context, day string, add bot.Spent) (bot.Spent, error) {
	if _, err := time.Parse(time.DateOnly, day); err != nil {
		return bot.Spent{}, fmt.Errorf("redis spend: %q is not a day such as 2006-01-02", day)
	}
	answer, err := s.run(ctx, spendScript, []string{s.teamKey("spent:" + day), s.teamKey("spent:once:" + rand.Text())},
		add.Tokens, add.MicroUSD, ms(spentKept))
	if err != nil {
		return bot.Spent{}, fmt.Errorf("redis spend: %w", err)
	}
	parts, _ := answer.([]any)
	if len(parts) != 2 {
		return bot.Spent{}, fmt.Errorf("redis spend: %w", errAnswer)
	}
	tokens, err1 := readInt(parts[0])
	usd, err2 := readInt(parts[1])
	if err1 != nil || err2 != nil {
		return bot.Spent{}, fmt.Errorf("redis spend: %w", errAnswer)
	}
	return bot.Spent{Tokens: tokens, MicroUSD: usd}, nil
}

func readInt(v any) (int64, error) {
	text, _ := v.(string)
	return strconv.ParseInt(text, 10, 64)
}

// Echo notes that the text with this fingerprint is for the thread, and returns
// how many others it was for of late. See bot.Echoes.
func (s *Store) Echo(ctx context.Context, sum, thread string) (int, error) {
	n, err := asInt(s.run(ctx, echoScript, []string{s.echoKey(sum)}, thread, ms(echoWindow), echoMost))
	if err != nil {
		return 0, fmt.Errorf("redis echo: %w", err)
	}
	return int(n), nil
}

func (s *Store) echoKey(sum string) string { return s.key("e:" + sum) }
