package redisstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// Timeouts of one dial, read or write, unless the URL says otherwise. Redis
// answers in milliseconds; one that takes seconds is as good as down, and with
// one repeat a call still ends well within a lease.
const (
	dialTimeout = 2 * time.Second
	ioTimeout   = 2 * time.Second
)

// errURL says nothing of the URL itself: what is wrong with one is often that
// its password was read as something else.
var errURL = errors.New("redis URL: not one of redis://, rediss://, unix://, redis+sentinel:// and redis+cluster:// that can be read" +
	" (special characters in user and password must be percent-encoded)")

// CheckURL tells what is wrong with a URL for Options.URL, without asking the Redis
// that it names. Its error shows neither user nor password.
func CheckURL(raw string) error {
	rdb, err := dial(raw, nil, nil)
	if err != nil {
		return err
	}
	return rdb.Close()
}

// dial returns a client for the URL, not yet connected. onConnect is called for
// every connection to a Redis.
func dial(raw string, onConnect func(context.Context, *redis.Conn) error, logger *slog.Logger) (redis.UniversalClient, error) {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	redis.SetLogger(driverLog{logger})
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok {
		return nil, errURL
	}
	// A ? or # of a password would make its rest an option, or drop host and all.
	if _, options, _ := strings.Cut(rest, "?"); strings.Contains(options, "@") || strings.Contains(rest, "#") {
		return nil, errURL
	}
	switch kind := strings.TrimPrefix(strings.TrimPrefix(scheme, "rediss"), "redis"); {
	case scheme == "unix" || kind == "":
		return dialOne(raw, onConnect)
	case kind == "+sentinel":
		return dialSentinel(strings.TrimSuffix(scheme, kind), rest, onConnect)
	case kind == "+cluster":
		return dialCluster(strings.TrimSuffix(scheme, kind), rest, onConnect)
	}
	return nil, errURL
}

func dialOne(raw string, onConnect func(context.Context, *redis.Conn) error) (redis.UniversalClient, error) {
	o, err := redis.ParseURL(raw)
	if err != nil {
		return nil, hidden(err)
	}
	if host, _, err := net.SplitHostPort(o.Addr); err == nil && strings.Contains(host, ":") && net.ParseIP(host) == nil {
		return nil, errURL // a password where the host should be, perhaps
	}
	o.OnConnect = onConnect
	o.MaxRetries, o.DialerRetries, o.ContextTimeoutEnabled = -1, 1, true
	o.DialTimeout = cmpDuration(o.DialTimeout, dialTimeout)
	o.ReadTimeout, o.WriteTimeout = cmpDuration(o.ReadTimeout, ioTimeout), cmpDuration(o.WriteTimeout, ioTimeout)
	o.MaintNotificationsConfig = noMaintNotifications()
	return redis.NewClient(o), nil
}

// dialSentinel translates user:password@host,host2/master/db into the form of
// go-redis, which spells user and password of the URL for the sentinels.
func dialSentinel(scheme, rest string, onConnect func(context.Context, *redis.Conn) error) (redis.UniversalClient, error) {
	p, err := split(rest)
	if err != nil {
		return nil, err
	}
	master, db, _ := strings.Cut(p.path, "/")
	if master == "" {
		return nil, errors.New("redis URL: redis+sentinel://host:26379/MASTER/DB lacks the master's name")
	}
	user, pass := p.query.Get("sentinel_username"), p.query.Get("sentinel_password")
	p.query.Del("sentinel_username")
	p.query.Del("sentinel_password")
	p.query.Set("master_name", master)
	o, err := redis.ParseFailoverURL(p.url(scheme, "26379", db))
	if err != nil {
		return nil, hidden(err)
	}
	o.SentinelUsername, o.SentinelPassword = user, pass
	o.Username, o.Password = p.user.Username(), password(p.user)
	if o.TLSConfig != nil {
		o.TLSConfig.ServerName = "" // each node is asked for by its own name
	}
	o.OnConnect = onConnect
	o.MaxRetries, o.DialerRetries, o.ContextTimeoutEnabled = -1, 1, true
	o.DialTimeout = cmpDuration(o.DialTimeout, dialTimeout)
	o.ReadTimeout, o.WriteTimeout = cmpDuration(o.ReadTimeout, ioTimeout), cmpDuration(o.WriteTimeout, ioTimeout)
	return redis.NewFailoverClient(o), nil
}

func dialCluster(scheme, rest string, onConnect func(context.Context, *redis.Conn) error) (redis.UniversalClient, error) {
	p, err := split(rest)
	if err != nil {
		return nil, err
	}
	o, err := redis.ParseClusterURL(p.url(scheme, "6379", ""))
	if err != nil {
		return nil, hidden(err)
	}
	o.Username, o.Password = p.user.Username(), password(p.user)
	if o.TLSConfig != nil {
		o.TLSConfig.ServerName = ""
	}
	o.OnConnect = onConnect
	o.MaxRetries, o.DialerRetries, o.ContextTimeoutEnabled = -1, 1, true
	o.DialTimeout = cmpDuration(o.DialTimeout, dialTimeout)
	o.ReadTimeout, o.WriteTimeout = cmpDuration(o.ReadTimeout, ioTimeout), cmpDuration(o.WriteTimeout, ioTimeout)
	o.MaintNotificationsConfig = noMaintNotifications()
	return redis.NewClusterClient(o), nil
}

// parts is a URL with several hosts, which net/url does not read.
type parts struct {
	user  *url.Userinfo
	hosts []string
	path  string // without slashes at the ends
	query url.Values
}

func split(rest string) (parts, error) {
	rest, rawQuery, _ := strings.Cut(rest, "?")
	authority, path, _ := strings.Cut(rest, "/")
	var p parts
	if i := strings.LastIndex(authority, "@"); i >= 0 {
		u, err := url.Parse("redis://" + authority[:i] + "@host")
		if err != nil {
			return p, errURL
		}
		p.user, authority = u.User, authority[i+1:]
	}
	query, err := url.ParseQuery(rawQuery)
	if err != nil || authority == "" {
		return p, errURL
	}
	p.hosts, p.path, p.query = strings.Split(authority, ","), strings.Trim(path, "/"), query
	return p, nil
}

// url is p as go-redis has it: one host in front, the others as parameters.
func (p parts) url(scheme, port, path string) string {
	for i, h := range p.hosts[1:] {
		if strings.LastIndex(h, ":") <= strings.LastIndex(h, "]") {
			p.hosts[i+1] = h + ":" + port
		}
		p.query.Add("addr", p.hosts[i+1])
	}
	first := p.hosts[0]
	if strings.LastIndex(first, ":") <= strings.LastIndex(first, "]") {
		first += ":" + port
	}
	return scheme + "://" + first + "/" + path + "?" + p.query.Encode()
}

func password(u *url.Userinfo) string {
	p, _ := u.Password()
	return p
}

// hidden passes on what go-redis says about an option's name. Everything else it
// says may quote the URL, and with it the password.
func hidden(err error) error {
	if text := err.Error(); strings.HasPrefix(text, "redis: unexpected option: ") {
		return fmt.Errorf("redis URL: %s", strings.TrimPrefix(text, "redis: "))
	}
	return errURL
}

func noMaintNotifications() *maintnotifications.Config {
	return &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
}

// driverLog brings go-redis's own remarks into the log. Every failure it talks of
// is also returned as an error, so they are for debugging.
type driverLog struct{ logger *slog.Logger }

func (l driverLog) Printf(ctx context.Context, format string, v ...any) {
	l.logger.DebugContext(ctx, "redis driver", "text", fmt.Sprintf(format, v...))
}
