package redisstore

import (
	"context"
	_ "embed"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
)

//go:embed lua/record.lua
var recordLua string

//go:embed lua/bucket.lua
var bucketLua string

//go:embed lua/open.lua
var openLua string

//go:embed lua/claim.lua
var claimLua string

//go:embed lua/forgot.lua
var forgotLua string

//go:embed lua/release.lua
var releaseLua string

//go:embed lua/advance.lua
var advanceLua string

//go:embed lua/note.lua
var noteLua string

//go:embed lua/hold.lua
var holdLua string

//go:embed lua/records.lua
var recordsLua string

//go:embed lua/due.lua
var dueLua string

//go:embed lua/postpone.lua
var postponeLua string

//go:embed lua/lead.lua
var leadLua string

//go:embed lua/stop.lua
var stopLua string

//go:embed lua/take.lua
var takeLua string

//go:embed lua/seen.lua
var seenLua string

//go:embed lua/pause.lua
var pauseLua string

//go:embed lua/publish.lua
var publishLua string

var (
	openScript     = redis.NewScript(recordLua + openLua)
	claimScript    = redis.NewScript(recordLua + claimLua)
	forgotScript   = redis.NewScript(recordLua + forgotLua)
	releaseScript  = redis.NewScript(releaseLua)
	advanceScript  = redis.NewScript(recordLua + advanceLua)
	noteScript     = redis.NewScript(recordLua + "local function advance(KEYS, ARGV)\n" + advanceLua + "end\n" + noteLua)
	holdScript     = redis.NewScript(holdLua)
	recordsScript  = redis.NewScript(recordsLua)
	dueScript      = redis.NewScript(recordLua + dueLua)
	postponeScript = redis.NewScript(recordLua + postponeLua)
	leadScript     = redis.NewScript(leadLua)
	stopScript     = redis.NewScript(recordLua + stopLua)
	takeScript     = redis.NewScript(bucketLua + takeLua)
	seenScript     = redis.NewScript(bucketLua + seenLua)
	pauseScript    = redis.NewScript(pauseLua)
	publishScript  = redis.NewScript(publishLua)
)

// run runs a script that may be repeated, and repeats it once when its answer
// did not arrive. What Redis itself answered, an error included, is final.
func (s *Store) run(ctx context.Context, script *redis.Script, keys []string, args ...any) (any, error) {
	answer, err := script.Run(ctx, s.rdb, keys, args...).Result()
	if err == nil || answered(err) || ctx.Err() != nil {
		return answer, err
	}
	return script.Run(ctx, s.rdb, keys, args...).Result()
}

// answered reports whether err is what the server said, not how it failed to.
func answered(err error) bool {
	var reply redis.Error
	return errors.As(err, &reply)
}

// errAnswer is returned for a script answer this version does not understand,
// such as one of another version's script.
var errAnswer = errors.New("unexpected answer from script")

func asInt(answer any, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	n, ok := answer.(int64)
	if !ok {
		return 0, fmt.Errorf("%w: %T", errAnswer, answer)
	}
	return n, nil
}
