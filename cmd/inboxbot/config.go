package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // BOT_TIMEZONE works where the system has no time zones: the image is empty
	"unicode"
	"unicode/utf8"

	"github.com/sethvargo/go-envconfig"

	"inboxbot/bot/redisstore"
)

// Config is what the environment says. Get one from readConfig, which has
// checked every value. The tags are the only list of variables there is:
// variables reads them, and so does the test of the README's table.
type Config struct {
	InboxToken   Secret `env:"INBOX_API_TOKEN" help:"token of the team's Inbox API; required by run"`
	InboxBaseURL string `env:"INBOX_API_BASE_URL, default=https://inboxapp.com/api/v1" help:"where the Inbox API is"`

	OpenAIKey      Secret `env:"OPENAI_API_KEY" help:"key of the model's server; may be empty for local servers"`
	OpenAIBaseURL  string `env:"OPENAI_BASE_URL, default=https://api.openai.com/v1" help:"any OpenAI-compatible server"`
	OpenAIModel    string `env:"OPENAI_MODEL" help:"name of the model; required by run when a guard can reply"`
	ResponseFormat string `env:"OPENAI_RESPONSE_FORMAT, default=json_schema" help:"json_schema, or json_object or text for servers that know less"`

	PriceInput  float64 `env:"OPENAI_PRICE_INPUT, default=0" help:"USD per million input tokens; with prices, costs are counted"`
	PriceCached float64 `env:"OPENAI_PRICE_CACHED, default=0" help:"USD per million input tokens that the server had cached; 0: as input"`
	PriceOutput float64 `env:"OPENAI_PRICE_OUTPUT, default=0" help:"USD per million output tokens"`

	RedisURL Secret `env:"REDIS_URL" help:"redis://, rediss://, sentinel or cluster URL; empty: embedded, in memory, forgotten at exit"`

	Mode       string        `env:"BOT_MODE, default=dry-run" help:"dry-run logs outcomes; shadow keeps drafts to compare with what people answer; draft has people approve replies; live carries all out"`
	DraftTTL   time.Duration `env:"BOT_DRAFT_TTL, default=24h" help:"how long a draft waits for approval before a person gets the thread"`
	Source     string        `env:"BOT_SOURCE, default=files" help:"where rules and prompts come from: files, or redis, where inboxbot publish puts them"`
	RulesFile  string        `env:"BOT_RULES" help:"path of the rule file; empty: the built-in rules"`
	PromptsDir string        `env:"BOT_PROMPTS" help:"directory of templates; empty: the built-in prompts"`
	Timezone   string        `env:"BOT_TIMEZONE, default=UTC" help:"IANA name of the time zone that rules and prompts see"`

	PollInterval  time.Duration `env:"BOT_POLL_INTERVAL, default=5s" help:"shortest time between sweeps; idle sweeps slow down on their own"`
	QuotaShare    float64       `env:"BOT_QUOTA_SHARE, default=0.5" help:"most of the Inbox API's daily quota that polling may use, above 0 and up to 1"`
	Concurrency   int           `env:"BOT_CONCURRENCY, default=8" help:"threads in work at once"`
	ModelTimeout  time.Duration `env:"BOT_MODEL_TIMEOUT, default=45s" help:"for one model call; lease and quarantine follow from it"`
	ModelPatience time.Duration `env:"BOT_MODEL_PATIENCE, default=10m" help:"how long a model may be down before waiting threads go to people"`

	Settle        time.Duration `env:"BOT_SETTLE, default=15s" help:"quiet time after the last inbound message before it is answered"`
	SettleMax     time.Duration `env:"BOT_SETTLE_MAX, default=60s" help:"longest that a burst of messages puts the answer off"`
	TakeoverPause time.Duration `env:"BOT_TAKEOVER_PAUSE, default=24h" help:"silence after a person on our side wrote"`
	MaxAge        time.Duration `env:"BOT_MAX_AGE, default=24h" help:"messages already older than this when first seen are left to people"`

	MaxTokensPerDay int64   `env:"BOT_MAX_TOKENS_PER_DAY, default=0" help:"tokens of the model a day, all processes together; past it, handoff; 0: no bound"`
	MaxUSDPerDay    float64 `env:"BOT_MAX_USD_PER_DAY, default=0" help:"what the model may cost a day, needs prices; past it, handoff; 0: no bound"`

	AnswerRequests bool   `env:"BOT_ANSWER_REQUESTS, default=false" help:"whether message requests are answered too"`
	MaxReplies     int    `env:"BOT_MAX_REPLIES_PER_THREAD, default=25" help:"replies to one thread in 24 hours; past it, handoff"`
	MaxReplyChars  int    `env:"BOT_MAX_REPLY_CHARS, default=2000" help:"longest reply in characters as X counts them (UTF-16), up to 10000; a longer draft goes to a person"`
	HandoffTag     string `env:"BOT_HANDOFF_TAG, default=needs-human" help:"tag that hands a prospect to people; removing it gives them back"`

	LedgerDays int `env:"BOT_LEDGER_DAYS, default=30" help:"days that decisions are kept to be read; what keeps anybody from being answered twice stays 30 days in any case"`

	HTTPAddr string `env:"BOT_HTTP_ADDR, default=127.0.0.1:8080" help:"serves the console, /healthz, /readyz and /metrics; set but empty: off"`

	ConsoleToken     Secret `env:"BOT_CONSOLE_TOKEN" help:"lets an operator into the console, at least 16 characters; empty: a console only if BOT_HTTP_ADDR is a loopback address, without a login"`
	ConsoleReadToken Secret `env:"BOT_CONSOLE_READ_TOKEN" help:"lets somebody into the console who may only look, at least 16 characters"`

	AlertURL     Secret        `env:"BOT_ALERT_URL" help:"webhook that hears what is wrong, once, hourly and when it is over; empty: nobody does"`
	AlertFormat  string        `env:"BOT_ALERT_FORMAT, default=slack" help:"slack (Mattermost too) or plain (ntfy and the like)"`
	AnswerSLO    time.Duration `env:"BOT_ANSWER_SLO, default=15m" help:"how old the oldest unanswered message may become before somebody is told"`
	HeartbeatURL Secret        `env:"BOT_HEARTBEAT_URL" help:"asked once a minute while the bot is ready: who watches it hears when the bot is gone"`

	ShutdownTimeout time.Duration `env:"BOT_SHUTDOWN_TIMEOUT, default=30s" help:"for finishing what is begun after SIGTERM"`

	TraceEndpoint string `env:"OTEL_EXPORTER_OTLP_ENDPOINT" help:"OTLP over HTTP, such as http://localhost:4318: traces of handled threads go there, without anybody's words; other OTEL_ variables count too; empty: none"`
	TraceContent  bool   `env:"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT, default=false" help:"whether traces hold prompts and completions too"`

	LogLevel  slog.Level `env:"LOG_LEVEL, default=info" help:"debug, info, warn or error"`
	LogFormat string     `env:"LOG_FORMAT, default=json" help:"json, or text for a terminal"`

	warnings []string
}

// The modes of BOT_MODE.
const (
	modeDry    = "dry-run"
	modeShadow = "shadow"
	modeDraft  = "draft"
	modeLive   = "live"
)

// Live reports whether outcomes are carried out and not only logged.
func (c Config) Live() bool { return c.Mode == modeLive || c.Mode == modeDraft }

// FromRedis reports whether rules and prompts are those published in Redis.
func (c Config) FromRedis() bool { return c.Source == "redis" }

// Location is the time zone BOT_TIMEZONE names.
func (c Config) Location() *time.Location {
	loc, err := time.LoadLocation(c.Timezone)
	if err != nil {
		return time.UTC // unreachable: readConfig has loaded it
	}
	return loc
}

// Lease is how long the right to act on a thread lasts. Within it fit two model
// calls (an unusable answer is asked for once more), the look (5s), the send
// (10s) and a margin (2s), with room for a slow store; never less than two minutes.
func (c Config) Lease() time.Duration {
	return max(2*time.Minute, 2*c.ModelTimeout+30*time.Second)
}

// Warnings are remarks on a usable configuration, one line each, for the log at start.
func (c Config) Warnings() []string { return c.warnings }

// Secret is a value that is never shown: it redacts itself in fmt, encoding and
// log/slog. It holds a pointer so that even fmt's reflection over a struct that
// keeps a Secret in an unexported field prints an address. The zero value is unset.
type Secret struct{ value *string }

// NewSecret makes a Secret of s; of an empty s, an unset one.
func NewSecret(s string) Secret {
	if s == "" {
		return Secret{}
	}
	return Secret{&s}
}

// Reveal returns the value, "" when unset. Hand it to the client that needs it, to nothing else.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// Set reports whether there is a value.
func (s Secret) Set() bool { return s.value != nil }

// String says only whether there is a value.
func (s Secret) String() string {
	if s.Set() {
		return "[redacted]"
	}
	return ""
}

// GoString is String for %#v.
func (s Secret) GoString() string { return strconv.Quote(s.String()) }

// MarshalText is String for JSON, YAML and whatever else encodes text.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalJSON is String as a JSON string.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(s.GoString()), nil }

// LogValue is String for log/slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// EnvDecode reads the value from the environment; it cannot fail, so that
// envconfig never has a reason to print it.
func (s *Secret) EnvDecode(v string) error {
	*s = NewSecret(v)
	return nil
}

// need is what a command cannot do without, beyond valid values.
type need uint8

const (
	needInbox   need = 1 << iota // the Inbox API: run, explain, check --online
	needModel                    // a model: run, when a guard can reply
	needReplier                  // a model if the rules can reply: see loaded.lacks
)

// configError is every problem of a configuration, a line each, none showing a
// secret. A command that gets one exits with status 2.
type configError struct{ problems []string }

// Error returns all problems, one a line.
func (e *configError) Error() string { return strings.Join(e.problems, "\n") }

// about reports whether one of the problems is with one of the variables.
func (e *configError) about(variables ...string) bool {
	return slices.ContainsFunc(e.problems, func(p string) bool {
		name, _, _ := strings.Cut(p, ":")
		return slices.Contains(variables, name)
	})
}

func newConfigError(problems []string) error {
	if len(problems) == 0 {
		return nil
	}
	return &configError{problems}
}

// readConfig reads the environment, given as KEY=VALUE like os.Environ. A value
// is taken without the white space around it; an empty one counts as not set,
// but for BOT_HTTP_ADDR. The error is a *configError with every problem there is;
// the Config beside it has the default in place of each bad value, which is good
// enough to look for further problems with, and for nothing else.
func readConfig(ctx context.Context, environ []string, n need) (Config, error) {
	r := newEnvReader(environ)
	c, err := r.decode(ctx)
	if err != nil {
		return Config{}, err
	}
	r.check(&c)
	r.checkUnknown()
	for _, m := range c.missing(n) {
		r.problem(m.name, "%s", m.text)
	}
	if c.Live() && !c.RedisURL.Set() {
		r.warnings = append(r.warnings, "REDIS_URL is not set: in live mode, what was sent is forgotten when the bot stops")
	}
	c.warnings = r.warnings
	return c, newConfigError(r.report())
}

// lacks returns a *configError that names what n needs and c has not, or nil. It
// is for needs known only after reading, such as a model for rules that can reply.
func (c Config) lacks(n need) error {
	var problems []string
	for _, m := range c.missing(n) {
		problems = append(problems, m.name+": "+m.text)
	}
	return newConfigError(problems)
}

type problem struct{ name, text string }

func (c Config) missing(n need) []problem {
	var out []problem
	if n&needInbox != 0 && !c.InboxToken.Set() {
		out = append(out, problem{"INBOX_API_TOKEN", "not set: set it to an API token, made in Inbox under Settings, API"})
	}
	if n&needModel == 0 {
		return out
	}
	if c.OpenAIModel == "" {
		out = append(out, problem{"OPENAI_MODEL", "not set, and the rules can reply: set it to the name of a model that OPENAI_BASE_URL serves"})
	}
	if u, err := url.Parse(c.OpenAIBaseURL); err == nil && u.Hostname() == "api.openai.com" && !c.OpenAIKey.Set() {
		out = append(out, problem{"OPENAI_API_KEY", "not set, and api.openai.com needs one: set it, or point OPENAI_BASE_URL at a local server"})
	}
	return out
}

// variable is one row of the table of variables.
type variable struct {
	Name, Default, Help string
	kind                reflect.Type
}

// variables lists every variable the bot reads, in the order of the README's table.
func variables() []variable {
	var out []variable
	for f := range reflect.TypeFor[Config]().Fields() {
		name, def, _ := strings.Cut(f.Tag.Get("env"), ", default=")
		if name != "" {
			out = append(out, variable{name, def, f.Tag.Get("help"), f.Type})
		}
	}
	return out
}

// envReader collects problems by variable: the first found about one is the
// one reported.
type envReader struct {
	vars     []variable
	values   map[string]string // what is set, trimmed
	last     string            // the variable envconfig asked for last
	problems map[string]string
	unknown  []string // problems with variables that are not ours
	warnings []string
}

func newEnvReader(environ []string) *envReader {
	r := &envReader{vars: variables(), values: map[string]string{}, problems: map[string]string{}}
	for _, kv := range environ {
		name, value, _ := strings.Cut(kv, "=")
		r.values[name] = strings.TrimSpace(value)
	}
	return r
}

// Lookup is envconfig's way to read a variable.
func (r *envReader) Lookup(name string) (string, bool) {
	r.last = name
	v, ok := r.values[name]
	return v, ok && (v != "" || name == "BOT_HTTP_ADDR")
}

func (r *envReader) problem(name, format string, args ...any) {
	if _, ok := r.problems[name]; !ok {
		r.problems[name] = fmt.Sprintf(format, args...)
	}
}

// ok reports whether nothing is wrong with the variables so far; what compares
// two of them asks first, as a bad one has been replaced by its default.
func (r *envReader) ok(names ...string) bool {
	return !slices.ContainsFunc(names, func(n string) bool { return r.problems[n] != "" })
}

func (r *envReader) report() []string {
	var lines []string
	for _, v := range r.vars {
		if p, ok := r.problems[v.Name]; ok {
			lines = append(lines, v.Name+": "+p)
		}
	}
	return append(lines, r.unknown...)
}

// decode fills a Config. envconfig stops at the first bad value, names the Go
// field and prints the value; so the variable it asked for last gets our words,
// is set aside, and decoding starts again without it.
func (r *envReader) decode(ctx context.Context) (Config, error) {
	for {
		var c Config
		err := envconfig.ProcessWith(ctx, &envconfig.Config{Target: &c, Lookuper: r})
		if err == nil {
			return c, nil
		}
		value, set := r.values[r.last]
		i := slices.IndexFunc(r.vars, func(v variable) bool { return v.Name == r.last })
		if !set || i < 0 {
			return c, fmt.Errorf("read environment: %w", err) // unreachable: only a wrong tag fails without a value
		}
		r.problem(r.last, "%s", badValue(r.vars[i], value))
		delete(r.values, r.last)
	}
}

// badValue says what a value that cannot be decoded should look like.
func badValue(v variable, value string) string {
	shown := showValue(value)
	switch v.kind {
	case reflect.TypeFor[time.Duration]():
		if n, err := strconv.Atoi(value); err == nil {
			return fmt.Sprintf("%s has no unit: add a unit, such as %ds", shown, n)
		}
		return fmt.Sprintf("%s is not a duration: write a number with a unit (ms, s, m, h), such as %s", shown, v.Default)
	case reflect.TypeFor[slog.Level]():
		return notOneOf(value, "debug", "info", "warn", "error")
	case reflect.TypeFor[bool]():
		return notOneOf(value, "true", "false")
	case reflect.TypeFor[int](), reflect.TypeFor[int64]():
		return fmt.Sprintf("%s is not a whole number: write digits only, such as %s", shown, v.Default)
	default:
		return fmt.Sprintf("%s is not a number: write one such as %s", shown, v.Default)
	}
}

// Limits of values. What the API caps is from its documentation, the rest is
// where a value can only be a mistake.
const (
	maxTagLength = 255              // of the API, for a tag's name, in characters
	minShutdown  = 13 * time.Second // a begun send may take 10s, its record 2s
	maxShutdown  = 5 * time.Minute  // what platforms grant at most before they kill
	day          = 24 * time.Hour
)

func (r *envReader) check(c *Config) {
	r.checkHeader("INBOX_API_TOKEN", c.InboxToken)
	r.checkHeader("OPENAI_API_KEY", c.OpenAIKey)
	c.InboxBaseURL = r.checkBaseURL("INBOX_API_BASE_URL", c.InboxBaseURL)
	c.OpenAIBaseURL = r.checkBaseURL("OPENAI_BASE_URL", c.OpenAIBaseURL)
	if c.TraceEndpoint != "" {
		c.TraceEndpoint = r.checkBaseURL("OTEL_EXPORTER_OTLP_ENDPOINT", c.TraceEndpoint)
	}
	r.checkRedis("REDIS_URL", c.RedisURL.Reveal())

	r.checkOneOf("OPENAI_RESPONSE_FORMAT", c.ResponseFormat, "json_schema", "json_object", "text")
	r.checkOneOf("BOT_MODE", c.Mode, modeDry, modeShadow, modeDraft, modeLive)
	checkRange(r, "BOT_DRAFT_TTL", c.DraftTTL, time.Minute, 30*day)
	r.checkWebhook("BOT_ALERT_URL", c.AlertURL)
	r.checkWebhook("BOT_HEARTBEAT_URL", c.HeartbeatURL)
	r.checkOneOf("BOT_ALERT_FORMAT", c.AlertFormat, "slack", "plain")
	checkRange(r, "BOT_ANSWER_SLO", c.AnswerSLO, time.Minute, 30*day)
	r.checkOneOf("LOG_FORMAT", c.LogFormat, "json", "text")

	r.checkSource(c)
	r.checkPath("BOT_RULES", c.RulesFile, false)
	r.checkPath("BOT_PROMPTS", c.PromptsDir, true)
	r.checkZone("BOT_TIMEZONE", c.Timezone)
	r.checkTag("BOT_HANDOFF_TAG", c.HandoffTag)
	r.checkAddr("BOT_HTTP_ADDR", c.HTTPAddr)
	r.checkConsole(c)

	checkRange(r, "BOT_POLL_INTERVAL", c.PollInterval, 100*time.Millisecond, time.Hour)
	checkRange(r, "BOT_CONCURRENCY", c.Concurrency, 1, 256)
	checkRange(r, "BOT_MODEL_TIMEOUT", c.ModelTimeout, 100*time.Millisecond, 10*time.Minute)
	checkRange(r, "BOT_MODEL_PATIENCE", c.ModelPatience, time.Second, day)
	checkRange(r, "BOT_SETTLE", c.Settle, 0, 10*time.Minute)
	checkRange(r, "BOT_SETTLE_MAX", c.SettleMax, 0, time.Hour)
	checkRange(r, "BOT_TAKEOVER_PAUSE", c.TakeoverPause, 0, 365*day)
	checkRange(r, "BOT_MAX_AGE", c.MaxAge, time.Minute, 365*day)
	checkRange(r, "BOT_MAX_REPLIES_PER_THREAD", c.MaxReplies, 1, 10_000)
	checkRange(r, "BOT_MAX_REPLY_CHARS", c.MaxReplyChars, 20, 10_000) // X's limit of a direct message
	checkRange(r, "BOT_MAX_TOKENS_PER_DAY", c.MaxTokensPerDay, 0, 1e15)
	for name, usd := range map[string]float64{
		"OPENAI_PRICE_INPUT": c.PriceInput, "OPENAI_PRICE_CACHED": c.PriceCached, "OPENAI_PRICE_OUTPUT": c.PriceOutput, "BOT_MAX_USD_PER_DAY": c.MaxUSDPerDay,
	} {
		if !(usd >= 0 && usd <= 1e6) { // NaN too
			r.problem(name, "%v is out of range: write USD from 0 to 1000000", usd)
		}
	}
	if c.MaxUSDPerDay > 0 && c.PriceInput == 0 && c.PriceOutput == 0 {
		r.problem("BOT_MAX_USD_PER_DAY", "needs prices to count with: set OPENAI_PRICE_INPUT and OPENAI_PRICE_OUTPUT, in USD per million tokens")
	}
	checkRange(r, "BOT_LEDGER_DAYS", c.LedgerDays, 1, 366)
	checkRange(r, "BOT_SHUTDOWN_TIMEOUT", c.ShutdownTimeout, minShutdown, maxShutdown)
	if !(c.QuotaShare > 0 && c.QuotaShare <= 1) { // written so that NaN fails too
		r.problem("BOT_QUOTA_SHARE", "%v is out of range: write a share above 0 and up to 1, such as 0.5", c.QuotaShare)
	}
	if r.ok("BOT_SETTLE", "BOT_SETTLE_MAX") && c.Settle > c.SettleMax {
		r.problem("BOT_SETTLE_MAX", "%v is shorter than BOT_SETTLE, which is %v: raise this one or lower that one", c.SettleMax, c.Settle)
	}
}

func checkRange[T int | int64 | time.Duration](r *envReader, name string, v, low, high T) {
	if v < low || v > high {
		r.problem(name, "%v is out of range: write a value from %v to %v", v, low, high)
	}
}

func (r *envReader) checkOneOf(name, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		r.problem(name, "%s", notOneOf(value, allowed...))
	}
}

// checkHeader refuses a secret that cannot travel in an HTTP header.
func (r *envReader) checkHeader(name string, s Secret) {
	bad := func(c rune) bool { return c <= ' ' || c > '~' }
	if strings.ContainsFunc(s.Reveal(), bad) {
		r.problem(name, "holds a space, a line break or a character outside ASCII: copy it once more, without anything around it")
	}
}

// checkBaseURL returns the URL without slashes at its end. What is wrong is said
// without showing any of it: an URL may hold a password.
func (r *envReader) checkBaseURL(name, value string) string {
	u, err := url.Parse(value)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		r.problem(name, "not a URL: write it with scheme and host, such as https://example.com/v1")
	case u.User != nil:
		r.problem(name, "holds a user name or password: take it out, the key has a variable of its own")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		r.problem(name, "has a ? or # part: write only what comes before it")
	case strings.HasSuffix(strings.TrimRight(u.Path, "/"), "/chat/completions"):
		r.problem(name, "ends in /chat/completions, which the bot adds itself: write only what comes before it")
	}
	return strings.TrimRight(value, "/")
}

// checkWebhook refuses what cannot be asked, and shows nothing of it: whoever has
// such a URL can use it.
func (r *envReader) checkWebhook(name string, s Secret) {
	if !s.Set() {
		return
	}
	u, err := url.Parse(s.Reveal())
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		r.problem(name, "not a URL: copy the whole webhook, which begins with https://")
	}
}

var redisScheme = regexp.MustCompile(`^(unix|rediss?(\+(sentinel|cluster))?)$`)

// checkRedis shows nothing of the URL. The store, which takes it apart, has the
// last word; what people mistype most is told with what to write instead.
func (r *envReader) checkRedis(name, value string) {
	if value == "" {
		return
	}
	scheme, rest, _ := strings.Cut(value, "://")
	single := scheme == "redis" || scheme == "rediss"
	u, err := url.Parse(value)
	unread := redisstore.CheckURL(value)
	switch {
	case !redisScheme.MatchString(scheme):
		r.problem(name, "does not start with redis:// or rediss://: write redis://host:6379/0, or rediss:// for TLS")
	case rest == "", single && err == nil && u.Host == "":
		r.problem(name, "names no host: write redis://host:6379/0")
	case single && err != nil:
		r.problem(name, "not a URL: write redis://user:password@host:6379/0, with special characters of the password percent-encoded")
	case single && (!isPort(cmp.Or(u.Port(), "6379")) || !isPort(cmp.Or(strings.Trim(u.Path, "/"), "0"))):
		r.problem(name, "after the host come a port up to 65535 and the number of a database: write redis://host:6379/0")
	case unread != nil:
		r.problem(name, "%s", strings.TrimPrefix(unread.Error(), "redis URL: "))
	}
}

// checkSource refuses to guess which of two sources of rules and prompts is meant.
func (r *envReader) checkSource(c *Config) {
	r.checkOneOf("BOT_SOURCE", c.Source, "files", "redis")
	if !c.FromRedis() {
		return
	}
	if !c.RedisURL.Set() {
		r.problem("BOT_SOURCE", "redis, and REDIS_URL is not set: set REDIS_URL, or BOT_SOURCE=files")
	}
	for name, value := range map[string]string{"BOT_RULES": c.RulesFile, "BOT_PROMPTS": c.PromptsDir} {
		if value != "" {
			r.problem(name, "set, and BOT_SOURCE=redis does not read it: unset it and put its files in force with inboxbot publish DIR, or set BOT_SOURCE=files")
		}
	}
}

func (r *envReader) checkPath(name, path string, wantDir bool) {
	if path == "" {
		return
	}
	what := "file"
	if wantDir {
		what = "directory"
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		r.problem(name, "there is no %q: write the path of a %s, or unset it for the built-in one", path, what)
	case errors.Is(err, os.ErrPermission):
		r.problem(name, "%q may not be read by this user: change its permissions", path)
	case err != nil:
		r.problem(name, "%q cannot be read: write the path of a %s", path, what)
	case info.IsDir() != wantDir:
		r.problem(name, "%q is not a %s: write the path of one", path, what)
	}
}

func (r *envReader) checkZone(name, zone string) {
	// "Local" loads too, but is another zone on every machine.
	if _, err := time.LoadLocation(zone); err != nil || zone == "Local" {
		r.problem(name, "%s is not a time zone: write an IANA name such as Europe/Berlin or UTC", showValue(zone))
	}
}

func (r *envReader) checkTag(name, tag string) {
	switch {
	case !utf8.ValidString(tag) || strings.ContainsFunc(tag, unicode.IsControl):
		r.problem(name, "holds characters that cannot be shown: write plain text")
	case utf8.RuneCountInString(tag) > maxTagLength:
		r.problem(name, "is longer than a tag may be: write at most %d characters", maxTagLength)
	}
}

func (r *envReader) checkAddr(name, addr string) {
	if addr == "" {
		return
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil || !isPort(port) || strings.ContainsAny(host, " /") {
		r.problem(name, "%s is not an address: write host:port, such as 127.0.0.1:8080, or leave it empty to switch it off", showValue(addr))
	}
}

// isPort reports whether s is a number from 0 to 65535.
func isPort(s string) bool {
	_, err := strconv.ParseUint(s, 10, 16)
	return err == nil
}

// checkConsole refuses tokens that could be guessed or mixed up.
func (r *envReader) checkConsole(c *Config) {
	const least = 16 // characters
	for name, token := range map[string]Secret{"BOT_CONSOLE_TOKEN": c.ConsoleToken, "BOT_CONSOLE_READ_TOKEN": c.ConsoleReadToken} {
		if n := utf8.RuneCountInString(token.Reveal()); token.Set() && n < least {
			r.problem(name, "is shorter than %d characters and could be guessed: make one with openssl rand -hex 16", least)
		}
	}
	switch {
	case !c.ConsoleReadToken.Set():
	case !c.ConsoleToken.Set():
		r.problem("BOT_CONSOLE_READ_TOKEN", "set, and BOT_CONSOLE_TOKEN is not: set both, or nobody could do more than look")
	case c.ConsoleToken.Reveal() == c.ConsoleReadToken.Reveal():
		r.problem("BOT_CONSOLE_READ_TOKEN", "is the same as BOT_CONSOLE_TOKEN: set another, or who may only look may do everything")
	}
}

// checkUnknown finds misspelt variables. BOT_ is ours alone, so whatever is
// unknown there is a mistake. The other prefixes are shared with other programs:
// a name is refused only if it is nearly that of a variable which is not set.
func (r *envReader) checkUnknown() {
	var names []string
	for _, v := range r.vars {
		names = append(names, v.Name)
	}
	for name := range r.values {
		if slices.Contains(names, name) || r.problems[name] != "" {
			continue
		}
		prefix, _, _ := strings.Cut(name, "_")
		switch prefix {
		case "BOT":
			r.unknown = append(r.unknown, fmt.Sprintf("%s: unknown variable: did you mean %s?", showName(name), nearest(name, names)))
		case "INBOX", "OPENAI", "REDIS":
			r.checkForeign(name, prefix, names)
		}
	}
	slices.Sort(r.unknown)
	slices.Sort(r.warnings)
}

func (r *envReader) checkForeign(name, prefix string, names []string) {
	// INBOX_TOKEN and OPENAI_URL are the names people try first.
	short := strings.NewReplacer("_API", "", "_BASE", "")
	for _, ours := range names {
		near := short.Replace(name) == short.Replace(ours) || distance(name, ours) <= 2
		if near && r.values[ours] == "" {
			r.unknown = append(r.unknown, fmt.Sprintf("%s: unknown variable: did you mean %s?", showName(name), ours))
			return
		}
	}
	if prefix != "REDIS" { // a Redis nearby often leaves a dozen of its own
		r.warnings = append(r.warnings, showName(name)+" is set but not read by inboxbot")
	}
}

// showValue shows a value, unless it is so long that it may be a secret put in the
// wrong variable.
func showValue(value string) string {
	const longest = 32 // bytes; tokens and keys are longer
	if len(value) > longest {
		return "the value"
	}
	return strconv.Quote(value)
}

// showName shows a name, quoted only if it is not a plain one.
func showName(name string) string {
	if q := strconv.Quote(name); len(q) != len(name)+2 {
		return q
	}
	return name
}

// notOneOf names what a value may be. It suggests one only if it is near: who
// wrote "prod" for a mode should not be told to write "live".
func notOneOf(value string, allowed ...string) string {
	last := len(allowed) - 1
	text := fmt.Sprintf("%s is not known: write %s or %s", showValue(value), strings.Join(allowed[:last], ", "), allowed[last])
	lower := strings.ToLower(value)
	if near := nearest(lower, allowed); distance(lower, near) <= len(lower)/2 {
		text += " (did you mean " + near + "?)"
	}
	return text
}

// nearest returns the candidate that takes the fewest edits to reach from s, the
// first of several.
func nearest(s string, candidates []string) string {
	return slices.MinFunc(candidates, func(a, b string) int { return distance(s, a) - distance(s, b) })
}

// distance is Levenshtein's: how many bytes to insert, drop or replace to make b
// of a. It looks at the first 64 bytes: names are shorter, what is set may be huge.
func distance(a, b string) int {
	a, b = a[:min(len(a), 64)], b[:min(len(b), 64)]
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
