// Package redisstore keeps the bot's claims and ledger on Redis, with what its
// replicas share besides: who polls, the team's request budget, whether the bot
// is stopped, and the rules and prompts that were published for them.
//
// Everything that decides is a Lua script (lua/*.lua), so that one atomic step
// sees claim, record and generation together. Each may be repeated with the same
// token, and the Store repeats it once when an answer got lost. Start reading at
// lua/advance.lua, the state machine; lua/record.lua holds what it stands on.
//
// Keys, {team} being the hash tag that keeps them in one cluster slot, and
// namespace a part of its own when there is one:
//
//	inboxbot:{team}:c:<thread>  string  the claim: a token, gone with the lease
//	inboxbot:{team}:r:<thread>  hash    the record; expires only when the thread is not open
//	inboxbot:{team}:open        zset    open threads by the ms they are due
//	inboxbot:{team}:gen         hash    run id, generation, end of the quarantine
//	inboxbot:{team}:lead        string  the replica that polls
//	inboxbot:{team}:d:<thread>  hash    the thread's draft; gone 7 days after its end
//	inboxbot:{team}:drafts      zset    threads whose draft waits for a person, by the ms it was made
//	inboxbot:{team}:e:<sum>     zset    threads a text was for within a day, by ms
//	inboxbot:{team}:looked:<thread> string the message of ours behind which nobody waits, and when that was seen; gone after BOT_MAX_AGE
//	inboxbot:{team}:shelf       hash    by thread, what was last said in the active ones, deflated; gone an hour after the last
//	inboxbot:{team}:shelf:at    zset    those threads by the ms they were shelved
//	inboxbot:{team}:shelf:bytes string  memory they take
//	inboxbot:{team}:log         stream  decisions, naming nobody
//	inboxbot:{team}:log:words   hash    by the decision's ID, who it was about and what was said
//	inboxbot:{team}:log:details hash    by the decision's ID, prompt, draft and checks, deflated
//	inboxbot:{team}:log:state   hash    bytes of the details, and where they begin
//	inboxbot:{team}:log:last    hash    by thread, its last decision
//	inboxbot:{team}:log:batch:* string  what a replica appended last, for an hour
//	inboxbot:{team}:spent:<day> hash    what the model cost, for a month; shared by all namespaces, as all below
//	inboxbot:{team}:stop        hash    reason, by, since
//	inboxbot:{team}:rl          hash    the request budget's buckets
//	inboxbot:{team}:own         hash    own requests of the last minute, by 5 s
//	inboxbot:{team}:pause       string  exists while the API wants to be left alone
//	inboxbot:{team}:published   stream  who put which generation of rules and prompts in force, newest last
//	inboxbot:{team}:texts       hash    the files of those generations by hash, as JSON
//
// A Redis that may evict keys, or that serves two deployments of different
// teams under one team id, breaks the promise; see Warnings.
package redisstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"inboxbot/bot"
)

var (
	_ bot.Claims = (*Store)(nil)
	_ bot.Ledger = (*Store)(nil)
)

// Options say which Redis to use and how long things last. Team and one of URL
// and Client are required; the zero value of the rest is sensible.
type Options struct {
	// URL is one of
	//
	//	redis://user:password@host:6379/0   one server, rediss:// with TLS
	//	unix:///run/redis.sock?db=0
	//	redis+sentinel://user:password@host:26379,host2:26379/master/0
	//	redis+cluster://user:password@host:6379,host2:6379
	//
	// and rediss+sentinel, rediss+cluster. User and password are those of Redis
	// itself; those of the sentinels are ?sentinel_username= and
	// ?sentinel_password=. Other query parameters are go-redis's, such as
	// ?read_timeout=2s or ?skip_verify=true.
	URL string
	// Client is used instead of URL, and stays the caller's to close. It should
	// not retry (MaxRetries -1) and should obey contexts (ContextTimeoutEnabled).
	Client redis.UniversalClient

	Team      string // the team's ID; holds no braces
	Namespace string // "", "dry" or "shadow": what is not sent is kept apart from what is

	Lease      time.Duration // how long a claim lasts, default 120 s
	Send       time.Duration // the deadline of one send, default 10 s; beginning needs that and a fifth of it left
	Quarantine time.Duration // how long nothing begins after Redis lost its memory, default Lease + Send + 30 s
	Retention  time.Duration // how long terminal records are kept, default 30 days

	LogKeep    time.Duration // how long decisions are kept, default 30 days
	LogEntries int           // most decisions that are kept, default 100,000
	LogDetails int64         // most bytes of their details, compressed; the oldest go first; default 64 MiB
	ShelfBytes int64         // most bytes of memory for the messages of active threads; default 32 MiB

	// Fresh says that this Redis has never served this team, so that the first
	// generation needs no quarantine. It means nothing once there is one.
	Fresh bool

	Logger *slog.Logger // for the driver's own remarks, at debug; default: none
}

// Defaults of Options. settle is how late a send may become visible after its
// deadline; reliability figures assume the same.
const (
	defaultLease     = 120 * time.Second
	defaultSend      = 10 * time.Second
	defaultSettle    = 30 * time.Second
	defaultRetention = 30 * 24 * time.Hour

	defaultLogEntries = 100_000
	defaultLogDetails = 64 << 20
	defaultShelfBytes = 32 << 20
)

func (o *Options) defaults() error {
	if o.Team == "" || strings.ContainsAny(o.Team, "{}") {
		return errors.New("redis store: the team id must not be empty nor hold braces")
	}
	o.Lease = cmpDuration(o.Lease, defaultLease)
	o.Send = cmpDuration(o.Send, defaultSend)
	o.Quarantine = cmpDuration(o.Quarantine, o.Lease+o.Send+defaultSettle)
	o.Retention = cmpDuration(o.Retention, defaultRetention)
	o.LogKeep = cmpDuration(o.LogKeep, defaultRetention)
	if o.LogEntries <= 0 {
		o.LogEntries = defaultLogEntries
	}
	if o.LogDetails <= 0 {
		o.LogDetails = defaultLogDetails
	}
	if o.ShelfBytes <= 0 {
		o.ShelfBytes = defaultShelfBytes
	}
	if o.Lease <= need(o.Send) {
		return fmt.Errorf("redis store: a lease of %s is too short for sends of %s", o.Lease, o.Send)
	}
	return nil
}

func cmpDuration(d, or time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return or
}

// need is what a lease must have left for a send to begin: the send's deadline
// and a fifth of it for what lies between.
func need(send time.Duration) time.Duration { return send + send/5 }

// Store is bot.Claims and bot.Ledger on Redis. It is safe for concurrent use;
// every method is at most two round trips and ends with its context.
type Store struct {
	rdb     redis.UniversalClient
	opts    Options
	replica string // this process among its like
	close   func() error

	// runID is the server's identity as the last connection learned it. It is
	// used where scripts may not ask themselves.
	runID atomic.Pointer[string]
	// scriptRunID says that scripts learn the identity themselves.
	scriptRunID bool
	info        string // INFO server and memory as seen by Open
}

// Open connects to Redis and looks at it once. It fails when Redis cannot be
// reached; ctx bounds that attempt alone.
func Open(ctx context.Context, o Options) (*Store, error) {
	if err := o.defaults(); err != nil {
		return nil, err
	}
	s := &Store{opts: o, replica: rand.Text()[:10], close: func() error { return nil }}
	unknown := "unknown"
	s.runID.Store(&unknown)
	if o.Client != nil {
		s.rdb = o.Client
	} else {
		rdb, err := dial(o.URL, s.learn, o.Logger)
		if err != nil {
			return nil, err
		}
		s.rdb, s.close = rdb, rdb.Close
	}
	if err := s.look(ctx); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// look runs the opening script: it proves that scripts run at all and learns
// what they may see.
func (s *Store) look(ctx context.Context) error {
	fresh := "0"
	if s.opts.Fresh {
		fresh = "1"
	}
	answer, err := s.run(ctx, openScript, []string{s.key("gen")}, rand.Text(), *s.runID.Load(), fresh)
	if err != nil {
		return fmt.Errorf("redis open: %w", err)
	}
	sections, ok := answer.([]any)
	if !ok || len(sections) != 2 {
		return fmt.Errorf("redis open: %w", errAnswer)
	}
	server, _ := sections[0].(string)
	memory, _ := sections[1].(string)
	s.info = server + "\n" + memory
	s.scriptRunID = infoField(server, "run_id") != ""
	return nil
}

// learn notes the identity of a server just connected to. Sentinels have one
// too, which is of no interest.
func (s *Store) learn(ctx context.Context, cn *redis.Conn) error {
	info, err := cn.Info(ctx, "server").Result()
	if err != nil {
		return nil //nolint:nilerr // not allowed to ask: the store works without, and warns
	}
	if id := infoField(info, "run_id"); id != "" && infoField(info, "redis_mode") == "standalone" {
		s.runID.Store(&id)
	}
	return nil
}

func infoField(info, name string) string {
	m := regexp.MustCompile(`(?m)^` + name + `:([^\r\n]*)`).FindStringSubmatch(info)
	if m == nil {
		return ""
	}
	return m[1]
}

// Embedded returns a store in this process's memory, for demos and tests. It
// needs no socket and follows the clock of a testing/synctest bubble. Its memory
// ends with the process, so there is nothing to be quarantined from. The
// function closes it.
func Embedded(ctx context.Context, o Options) (*Store, func(), error) {
	m := miniredis.NewMiniRedis()
	m.ClockTTL(true)
	o.Client = redis.NewClient(&redis.Options{
		Dialer:                   func(context.Context, string, string) (net.Conn, error) { return m.Dial() },
		MaxRetries:               -1,
		ContextTimeoutEnabled:    true,
		DisableIdentity:          true,
		PoolSize:                 64,
		MaintNotificationsConfig: noMaintNotifications(),
	})
	o.Fresh = true
	end := func() {
		_ = o.Client.Close() // nothing is behind it that could be lost
		m.Close()
	}
	s, err := Open(ctx, o)
	if err != nil {
		end()
		return nil, nil, err
	}
	return s, end, nil
}

// Close closes the connections the store opened itself.
func (s *Store) Close() error { return s.close() }

// Ping reports whether Redis answers.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.rdb.Ping(ctx).Err(); err != nil {
		return fmt.Errorf("redis ping: %w", err)
	}
	return nil
}

// tested is the major version of Redis the scripts are tested with.
const tested = 7

// Warnings says what about this Redis may break the promises of the store, one
// sentence each, for an operator to read at start, and whenever another server may
// have taken over. What Redis does not tell is not warned about.
func (s *Store) Warnings(ctx context.Context) []string {
	var warnings []string
	policy := infoField(s.info, "maxmemory_policy")
	if info, err := s.rdb.Info(ctx, "memory").Result(); err == nil {
		policy = infoField(info, "maxmemory_policy")
	}
	if got, err := s.rdb.ConfigGet(ctx, "maxmemory-policy").Result(); err == nil && got["maxmemory-policy"] != "" {
		policy = got["maxmemory-policy"]
	}
	if policy != "" && policy != "noeviction" {
		warnings = append(warnings, fmt.Sprintf("maxmemory-policy is %s: Redis may forget that a message was sent; set it to noeviction", policy))
	}
	if version := infoField(s.info, "redis_version"); version != "" {
		major, _, _ := strings.Cut(version, ".")
		if n, err := strconv.Atoi(major); err == nil && n < tested {
			warnings = append(warnings, fmt.Sprintf("Redis is version %s; older than %d is not tested", version, tested))
		}
	}
	if s.opts.Client == nil && !s.scriptRunID && *s.runID.Load() == "unknown" {
		warnings = append(warnings, "Redis does not tell its run_id (INFO server): a failover is only noticed when it lost everything")
	}
	return warnings
}

// key names one of the namespace's keys.
func (s *Store) key(name string) string {
	if s.opts.Namespace != "" {
		name = s.opts.Namespace + ":" + name
	}
	return s.teamKey(name)
}

// teamKey names a key that all namespaces of the team share.
func (s *Store) teamKey(name string) string { return "inboxbot:{" + s.opts.Team + "}:" + name }

func ms(d time.Duration) int64 { return d.Milliseconds() }
