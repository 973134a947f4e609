package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// enough is an environment with nothing missing.
var enough = []string{"INBOX_API_TOKEN=inbox-secret", "OPENAI_API_KEY=openai-secret", "OPENAI_MODEL=gpt-5-mini", "REDIS_URL=redis://bot:redis-secret@localhost:6379/0"}

func with(vars ...string) []string { return append(slices.Clone(enough), vars...) }

func TestConfigDefaults(t *testing.T) {
	c, err := readConfig(t.Context(), enough, needInbox|needModel)
	if err != nil {
		t.Fatal(err)
	}
	// A silent bot with the limits of the documentation.
	for _, row := range []struct {
		name      string
		got, want any
	}{
		{"Inbox", c.InboxBaseURL, "https://inboxapp.com/api/v1"},
		{"model server", c.OpenAIBaseURL, "https://api.openai.com/v1"},
		{"response format", c.ResponseFormat, "json_schema"},
		{"live", c.Live(), false},
		{"rules", c.RulesFile, ""},
		{"prompts", c.PromptsDir, ""},
		{"zone", c.Location().String(), "UTC"},
		{"poll interval", c.PollInterval, 5 * time.Second},
		{"quota share", c.QuotaShare, 0.5},
		{"concurrency", c.Concurrency, 8},
		{"model timeout", c.ModelTimeout, 45 * time.Second},
		{"model patience", c.ModelPatience, 10 * time.Minute},
		{"settle", c.Settle, 15 * time.Second},
		{"settle max", c.SettleMax, time.Minute},
		{"takeover pause", c.TakeoverPause, 24 * time.Hour},
		{"max age", c.MaxAge, 24 * time.Hour},
		{"requests", c.AnswerRequests, false},
		{"max replies", c.MaxReplies, 25},
		{"tag", c.HandoffTag, "needs-human"},
		{"address", c.HTTPAddr, "127.0.0.1:8080"},
		{"shutdown", c.ShutdownTimeout, 30 * time.Second},
		{"log level", c.LogLevel, slog.LevelInfo},
		{"log format", c.LogFormat, "json"},
		{"warnings", len(c.Warnings()), 0},
	} {
		if row.got != row.want {
			t.Errorf("%s: %v, want %v", row.name, row.got, row.want)
		}
	}
	if c.InboxToken.Reveal() != "inbox-secret" || c.OpenAIKey.Reveal() != "openai-secret" {
		t.Error("a secret was not read")
	}
}

func TestConfigValues(t *testing.T) {
	for _, row := range []struct {
		name string
		env  string
		got  func(Config) any
		want any
	}{
		{"live", "BOT_MODE=live", func(c Config) any { return c.Live() }, true},
		{"a value pasted with a line break", "BOT_MODE= live\r\n", func(c Config) any { return c.Live() }, true},
		{"a secret pasted with a line break", "INBOX_API_TOKEN=ibt_1\n", func(c Config) any { return c.InboxToken.Reveal() }, "ibt_1"},
		{"empty is not set", "BOT_CONCURRENCY=", func(c Config) any { return c.Concurrency }, 8},
		{"blank is not set", "BOT_MODE=  ", func(c Config) any { return c.Mode }, "dry-run"},
		{"an empty address switches off", "BOT_HTTP_ADDR=", func(c Config) any { return c.HTTPAddr }, ""},
		{"every interface", "BOT_HTTP_ADDR=:8080", func(c Config) any { return c.HTTPAddr }, ":8080"},
		{"IPv6", "BOT_HTTP_ADDR=[::1]:9", func(c Config) any { return c.HTTPAddr }, "[::1]:9"},
		{"slashes at the end of a URL go", "OPENAI_BASE_URL=http://localhost:11434/v1//", func(c Config) any { return c.OpenAIBaseURL }, "http://localhost:11434/v1"},
		{"a duration of parts", "BOT_MAX_AGE=1h30m", func(c Config) any { return c.MaxAge }, 90 * time.Minute},
		{"no settling", "BOT_SETTLE=0", func(c Config) any { return c.Settle }, time.Duration(0)},
		{"the whole quota", "BOT_QUOTA_SHARE=1", func(c Config) any { return c.QuotaShare }, 1.0},
		{"a bool as a digit", "BOT_ANSWER_REQUESTS=1", func(c Config) any { return c.AnswerRequests }, true},
		{"log level in capitals", "LOG_LEVEL=DEBUG", func(c Config) any { return c.LogLevel }, slog.LevelDebug},
		{"a zone that is in the binary", "BOT_TIMEZONE=Europe/Berlin", func(c Config) any { return c.Location().String() }, "Europe/Berlin"},
		{"a tag in any script", "BOT_HANDOFF_TAG=für Menschen", func(c Config) any { return c.HandoffTag }, "für Menschen"},
		{"an equals sign in a value", "OPENAI_MODEL=a=b", func(c Config) any { return c.OpenAIModel }, "a=b"},
		{"Redis over TLS", "REDIS_URL=rediss://h:1", func(c Config) any { return c.RedisURL.Reveal() }, "rediss://h:1"},
		{"Redis sentinel", "REDIS_URL=redis+sentinel://h1:1,h2:2/main/0", func(c Config) any { return c.RedisURL.Reveal() }, "redis+sentinel://h1:1,h2:2/main/0"},
		{"Redis cluster", "REDIS_URL=rediss+cluster://h1:1,[::1]:2", func(c Config) any { return c.RedisURL.Reveal() }, "rediss+cluster://h1:1,[::1]:2"},
		{"Redis on a socket", "REDIS_URL=unix:///run/redis.sock", func(c Config) any { return c.RedisURL.Reveal() }, "unix:///run/redis.sock"},
	} {
		t.Run(row.name, func(t *testing.T) {
			c, err := readConfig(t.Context(), with(row.env), needInbox)
			if err != nil {
				t.Fatal(err)
			}
			if got := row.got(c); got != row.want {
				t.Errorf("got %v, want %v", got, row.want)
			}
		})
	}
}

func TestConfigProblems(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "rules.yaml")
	if err := os.WriteFile(file, []byte("version: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name string
		env  string
		want string
	}{
		{"a duration without unit", "BOT_POLL_INTERVAL=5", `BOT_POLL_INTERVAL: "5" has no unit: add a unit, such as 5s`},
		{"a duration in days", "BOT_MAX_AGE=1d", `BOT_MAX_AGE: "1d" is not a duration: write a number with a unit (ms, s, m, h), such as 24h`},
		{"a negative duration", "BOT_SETTLE=-1s", `BOT_SETTLE: -1s is out of range: write a value from 0s to 10m0s`},
		{"a poll without pause", "BOT_POLL_INTERVAL=0s", `BOT_POLL_INTERVAL: 0s is out of range: write a value from 100ms to 1h0m0s`},
		{"settling longer than its bound", "BOT_SETTLE=2m", `BOT_SETTLE_MAX: 1m0s is shorter than BOT_SETTLE, which is 2m0s: raise this one or lower that one`},
		{"a stop too short for a send", "BOT_SHUTDOWN_TIMEOUT=10s", `BOT_SHUTDOWN_TIMEOUT: 10s is out of range: write a value from 13s to 5m0s`},
		{"a model timeout of nothing", "BOT_MODEL_TIMEOUT=0", `BOT_MODEL_TIMEOUT: 0s is out of range: write a value from 100ms to 10m0s`},
		{"patience of nothing", "BOT_MODEL_PATIENCE=0s", `BOT_MODEL_PATIENCE: 0s is out of range: write a value from 1s to 24h0m0s`},
		{"a word for a number", "BOT_CONCURRENCY=many", `BOT_CONCURRENCY: "many" is not a whole number: write digits only, such as 8`},
		{"a fraction for a whole number", "BOT_MAX_REPLIES_PER_THREAD=2.5", `BOT_MAX_REPLIES_PER_THREAD: "2.5" is not a whole number: write digits only, such as 25`},
		{"nobody works", "BOT_CONCURRENCY=0", `BOT_CONCURRENCY: 0 is out of range: write a value from 1 to 256`},
		{"too many work", "BOT_CONCURRENCY=257", `BOT_CONCURRENCY: 257 is out of range: write a value from 1 to 256`},
		{"a number past all bounds", "BOT_CONCURRENCY=99999999999999999999", `BOT_CONCURRENCY: "99999999999999999999" is not a whole number: write digits only, such as 8`},
		{"no share", "BOT_QUOTA_SHARE=0", `BOT_QUOTA_SHARE: 0 is out of range: write a share above 0 and up to 1, such as 0.5`},
		{"a share in percent", "BOT_QUOTA_SHARE=50", `BOT_QUOTA_SHARE: 50 is out of range: write a share above 0 and up to 1, such as 0.5`},
		{"a share with a sign", "BOT_QUOTA_SHARE=50%", `BOT_QUOTA_SHARE: "50%" is not a number: write one such as 0.5`},
		{"a share that is no number", "BOT_QUOTA_SHARE=NaN", `BOT_QUOTA_SHARE: NaN is out of range: write a share above 0 and up to 1, such as 0.5`},
		{"yes", "BOT_ANSWER_REQUESTS=yes", `BOT_ANSWER_REQUESTS: "yes" is not known: write true or false`},
		{"a misspelt mode", "BOT_MODE=dryrun", `BOT_MODE: "dryrun" is not known: write dry-run, shadow, draft or live (did you mean dry-run?)`},
		{"a mode of other programs", "BOT_MODE=prod", `BOT_MODE: "prod" is not known: write dry-run, shadow, draft or live`},
		{"a mode in capitals", "BOT_MODE=LIVE", `BOT_MODE: "LIVE" is not known: write dry-run, shadow, draft or live (did you mean live?)`},
		{"a misspelt level", "LOG_LEVEL=warning", `LOG_LEVEL: "warning" is not known: write debug, info, warn or error (did you mean warn?)`},
		{"a misspelt log format", "LOG_FORMAT=txt", `LOG_FORMAT: "txt" is not known: write json or text (did you mean text?)`},
		{"a misspelt response format", "OPENAI_RESPONSE_FORMAT=json", `OPENAI_RESPONSE_FORMAT: "json" is not known: write json_schema, json_object or text`},
		{"a zone nobody has", "BOT_TIMEZONE=Europe/Berln", `BOT_TIMEZONE: "Europe/Berln" is not a time zone: write an IANA name such as Europe/Berlin or UTC`},
		{"the machine's own zone", "BOT_TIMEZONE=Local", `BOT_TIMEZONE: "Local" is not a time zone: write an IANA name such as Europe/Berlin or UTC`},
		{"a zone that climbs out", "BOT_TIMEZONE=../../etc/passwd", `BOT_TIMEZONE: "../../etc/passwd" is not a time zone: write an IANA name such as Europe/Berlin or UTC`},
		{"a URL without scheme", "INBOX_API_BASE_URL=inboxapp.com/api/v1", `INBOX_API_BASE_URL: not a URL: write it with scheme and host, such as https://example.com/v1`},
		{"a URL with a colon and no scheme", "OPENAI_BASE_URL=localhost:11434", `OPENAI_BASE_URL: not a URL: write it with scheme and host, such as https://example.com/v1`},
		{"a URL with a password", "OPENAI_BASE_URL=https://u:hunter2@h/v1", `OPENAI_BASE_URL: holds a user name or password: take it out, the key has a variable of its own`},
		{"a URL with a query", "OPENAI_BASE_URL=https://h/v1?key=hunter2", `OPENAI_BASE_URL: has a ? or # part: write only what comes before it`},
		{"a whole endpoint", "OPENAI_BASE_URL=https://h/v1/chat/completions/", `OPENAI_BASE_URL: ends in /chat/completions, which the bot adds itself: write only what comes before it`},
		{"a Redis URL that does not parse", "REDIS_URL=redis://:hunter2#%@h:6379", `REDIS_URL: not a URL: write redis://user:password@host:6379/0, with special characters of the password percent-encoded`},
		{"Redis without scheme", "REDIS_URL=localhost:6379", `REDIS_URL: does not start with redis:// or rediss://: write redis://host:6379/0, or rediss:// for TLS`},
		{"Redis over HTTP", "REDIS_URL=https://:hunter2@h", `REDIS_URL: does not start with redis:// or rediss://: write redis://host:6379/0, or rediss:// for TLS`},
		{"a cluster without hosts", "REDIS_URL=redis+cluster://", `REDIS_URL: names no host: write redis://host:6379/0`},
		{"Redis at a port there cannot be", "REDIS_URL=redis://:hunter2@h:66379/0", `REDIS_URL: after the host come a port up to 65535 and the number of a database: write redis://host:6379/0`},
		{"a database by name", "REDIS_URL=redis://:hunter2@h:6379/main", `REDIS_URL: after the host come a port up to 65535 and the number of a database: write redis://host:6379/0`},
		{"a sentinel that is not told whose", "REDIS_URL=redis+sentinel://:hunter2@h:26379", `REDIS_URL: redis+sentinel://host:26379/MASTER/DB lacks the master's name`},
		{"a password with a question mark", "REDIS_URL=redis://bot:12?hunter2@h:6379", `REDIS_URL: not one of redis://, rediss://, unix://, redis+sentinel:// and redis+cluster:// that can be read (special characters in user and password must be percent-encoded)`},
		{"a password with a hash sign", "REDIS_URL=redis://bot:12#hunter2@h:6379", `REDIS_URL: not one of redis://, rediss://, unix://, redis+sentinel:// and redis+cluster:// that can be read (special characters in user and password must be percent-encoded)`},
		{"an option that Redis does not have", "REDIS_URL=redis://:hunter2@h/0?fast=yes", `REDIS_URL: unexpected option: fast`},
		{"Redis without host", "REDIS_URL=redis:///0", `REDIS_URL: names no host: write redis://host:6379/0`},
		{"a token with a break inside", "INBOX_API_TOKEN=hunter\n2", `INBOX_API_TOKEN: holds a space, a line break or a character outside ASCII: copy it once more, without anything around it`},
		{"a key with a dash of another kind", "OPENAI_API_KEY=sk–hunter2", `OPENAI_API_KEY: holds a space, a line break or a character outside ASCII: copy it once more, without anything around it`},
		{"an address without port", "BOT_HTTP_ADDR=localhost", `BOT_HTTP_ADDR: "localhost" is not an address: write host:port, such as 127.0.0.1:8080, or leave it empty to switch it off`},
		{"a URL for an address", "BOT_HTTP_ADDR=http://0.0.0.0:8080", `BOT_HTTP_ADDR: "http://0.0.0.0:8080" is not an address: write host:port, such as 127.0.0.1:8080, or leave it empty to switch it off`},
		{"a port past all ports", "BOT_HTTP_ADDR=:65536", `BOT_HTTP_ADDR: ":65536" is not an address: write host:port, such as 127.0.0.1:8080, or leave it empty to switch it off`},
		{"a webhook without scheme", "BOT_ALERT_URL=hooks.example.com/hunter2", `BOT_ALERT_URL: not a URL: copy the whole webhook, which begins with https://`},
		{"a heartbeat of another kind", "BOT_HEARTBEAT_URL=ftp://h/hunter2", `BOT_HEARTBEAT_URL: not a URL: copy the whole webhook, which begins with https://`},
		{"a console token that can be guessed", "BOT_CONSOLE_TOKEN=hunter2", `BOT_CONSOLE_TOKEN: is shorter than 16 characters and could be guessed: make one with openssl rand -hex 16`},
		{"a token to look with and none to act with", "BOT_CONSOLE_READ_TOKEN=hunter2hunter2hunter2", `BOT_CONSOLE_READ_TOKEN: set, and BOT_CONSOLE_TOKEN is not: set both, or nobody could do more than look`},
		{"an unknown form of alerts", "BOT_ALERT_FORMAT=json", `BOT_ALERT_FORMAT: "json" is not known: write slack or plain`},
		{"no time to answer", "BOT_ANSWER_SLO=1s", `BOT_ANSWER_SLO: 1s is out of range: write a value from 1m0s to 720h0m0s`},
		{"rules that are not there", "BOT_RULES=" + dir + "/none", `BOT_RULES: there is no "` + dir + `/none": write the path of a file, or unset it for the built-in one`},
		{"a directory as rules", "BOT_RULES=" + dir, `BOT_RULES: "` + dir + `" is not a file: write the path of one`},
		{"a file as prompts", "BOT_PROMPTS=" + file, `BOT_PROMPTS: "` + file + `" is not a directory: write the path of one`},
		{"a path through a file", "BOT_PROMPTS=" + file + "/x", `BOT_PROMPTS: "` + file + `/x" cannot be read: write the path of a directory`},
		{"a tag with a line break inside", "BOT_HANDOFF_TAG=a\nb", `BOT_HANDOFF_TAG: holds characters that cannot be shown: write plain text`},
		{"a tag that is not UTF-8", "BOT_HANDOFF_TAG=a\xff", `BOT_HANDOFF_TAG: holds characters that cannot be shown: write plain text`},
		{"a tag longer than the API takes", "BOT_HANDOFF_TAG=" + strings.Repeat("ü", 256), `BOT_HANDOFF_TAG: is longer than a tag may be: write at most 255 characters`},
		{"a long value that may be a secret", "BOT_MODE=sk-proj-0123456789012345678901234567890123", `BOT_MODE: the value is not known: write dry-run, shadow, draft or live`},
		{"a misspelt variable", "BOT_POL=5s", `BOT_POL: unknown variable: did you mean BOT_MODE?`},
		{"a misspelt longer one", "BOT_POLL_INTERVALL=5s", `BOT_POLL_INTERVALL: unknown variable: did you mean BOT_POLL_INTERVAL?`},
		{"an unknown variable that is empty", "BOT_CONCURENCY=", `BOT_CONCURENCY: unknown variable: did you mean BOT_CONCURRENCY?`},
		{"a variable with a line break in its name", "BOT_MODE\nlevel=fatal=x", `"BOT_MODE\nlevel": unknown variable: did you mean BOT_MODE?`},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := readConfig(t.Context(), with(row.env), needInbox)
			if got := fmt.Sprint(err); got != row.want {
				t.Errorf("got  %s\nwant %s", got, row.want)
			}
			if strings.Contains(fmt.Sprint(err), "hunter") {
				t.Error("a secret is in the error")
			}
		})
	}
}

// Who may only look must not hold the token of those who may do everything.
func TestConsoleTokensDiffer(t *testing.T) {
	const token = "hunter2hunter2hunter2"
	_, err := readConfig(t.Context(), []string{"BOT_CONSOLE_TOKEN=" + token, "BOT_CONSOLE_READ_TOKEN=" + token}, 0)
	want := `BOT_CONSOLE_READ_TOKEN: is the same as BOT_CONSOLE_TOKEN: set another, or who may only look may do everything`
	if got := fmt.Sprint(err); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestConfigTellsAllProblemsAtOnce(t *testing.T) {
	_, err := readConfig(t.Context(), []string{
		"BOT_SETTLE=15", "BOT_SETTLE_MAX=1s", // compared only if both can be read
		"LOG_LEVEL=loud",
		"BOT_MOD=live",
		"BOT_CONCURRENCY=0",
		"OPENAI_KEY=hunter2",
		"BOT_AGE=1h",
		"PATH=/bin", "HOME=/root",
	}, needInbox|needModel)
	want := strings.TrimSpace(`
INBOX_API_TOKEN: not set: set it to an API token, made in Inbox under Settings, API
OPENAI_API_KEY: not set, and api.openai.com needs one: set it, or point OPENAI_BASE_URL at a local server
OPENAI_MODEL: not set, and the rules can reply: set it to the name of a model that OPENAI_BASE_URL serves
BOT_CONCURRENCY: 0 is out of range: write a value from 1 to 256
BOT_SETTLE: "15" has no unit: add a unit, such as 15s
LOG_LEVEL: "loud" is not known: write debug, info, warn or error
BOT_AGE: unknown variable: did you mean BOT_MODE?
BOT_MOD: unknown variable: did you mean BOT_MODE?
OPENAI_KEY: unknown variable: did you mean OPENAI_API_KEY?
`)
	if got := fmt.Sprint(err); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	var ce *configError
	if !errors.As(err, &ce) || len(ce.problems) != 9 {
		t.Errorf("%T is not a configError of nine problems", err)
	}
}

func TestConfigNeeds(t *testing.T) {
	const local = "OPENAI_BASE_URL=http://localhost:11434/v1"
	for _, row := range []struct {
		name string
		need need
		env  []string
		want string // variables named, in order
	}{
		{"a command that needs nothing", 0, nil, ""},
		{"the Inbox API", needInbox, nil, "INBOX_API_TOKEN"},
		{"a model of OpenAI's", needModel, nil, "OPENAI_API_KEY OPENAI_MODEL"},
		{"a local model", needModel, []string{local}, "OPENAI_MODEL"},
		{"a local model without key", needModel, []string{local, "OPENAI_MODEL=qwen"}, ""},
		{"a blank token is none", needInbox, []string{"INBOX_API_TOKEN= \n"}, "INBOX_API_TOKEN"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := readConfig(t.Context(), row.env, row.need)
			if got := named(err); got != row.want {
				t.Errorf("read: %q is named, want %q", got, row.want)
			}
			// The same need, known only after reading.
			c, err := readConfig(t.Context(), row.env, 0)
			if err != nil {
				t.Fatal(err)
			}
			if got := named(c.lacks(row.need)); got != row.want {
				t.Errorf("lacks: %q is named, want %q", got, row.want)
			}
		})
	}
}

// named returns the variables an error of readConfig names, sorted.
func named(err error) string {
	if err == nil {
		return ""
	}
	var names []string
	for line := range strings.Lines(err.Error()) {
		name, _, _ := strings.Cut(line, ":")
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

func TestConfigOtherProgramsVariables(t *testing.T) {
	for _, row := range []struct {
		name    string
		env     []string
		refused string
		warned  string
	}{
		{"the token's obvious name", []string{"INBOX_TOKEN=x"}, "INBOX_TOKEN", ""},
		{"the key's obvious name", []string{"OPENAI_KEY=x"}, "OPENAI_KEY", ""},
		{"the URL's obvious name", []string{"OPENAI_URL=x"}, "OPENAI_URL", ""},
		{"a slip", []string{"OPENAI_MODL=x"}, "OPENAI_MODL", ""},
		{"REDIS_URI", []string{"REDIS_URI=x"}, "REDIS_URI", ""},
		{"beside an empty one", []string{"INBOX_TOKEN=x", "INBOX_API_TOKEN="}, "INBOX_TOKEN", ""},
		{"beside the right one", append([]string{"INBOX_TOKEN=x"}, enough...), "", "INBOX_TOKEN"},
		{"OpenAI's own", []string{"OPENAI_ORG=x", "OPENAI_ORG_ID=x", "OPENAI_PROJECT=x", "OPENAI_API_BASE=x"}, "", "OPENAI_API_BASE OPENAI_ORG OPENAI_ORG_ID OPENAI_PROJECT"},
		{"a Redis nearby", []string{"REDIS_PORT=x", "REDIS_SERVICE_HOST=x", "REDIS_PORT_6379_TCP=x"}, "", ""},
		{"nobody's", []string{"BOTTLE=1", "BOT=1", "OPENAIX=1", "LOG_LEVELS=1"}, "BOT", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			c, err := readConfig(t.Context(), row.env, 0)
			if got := named(err); got != row.refused {
				t.Errorf("refused %q, want %q", got, row.refused)
			}
			var warned []string
			for _, w := range c.Warnings() {
				name, _, _ := strings.Cut(w, " ")
				warned = append(warned, name)
			}
			if got := strings.Join(warned, " "); got != row.warned {
				t.Errorf("warned of %q, want %q", got, row.warned)
			}
		})
	}
}

func TestConfigWarnsOfLiveWithoutRedis(t *testing.T) {
	c, err := readConfig(t.Context(), []string{"BOT_MODE=live"}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if w := c.Warnings(); len(w) != 1 || !strings.Contains(w[0], "REDIS_URL is not set") {
		t.Errorf("warnings %q, want one about REDIS_URL", w)
	}
}

func TestLeaseHoldsTwoModelCallsAndTheSend(t *testing.T) {
	for _, row := range []struct{ model, want time.Duration }{
		{time.Second, 2 * time.Minute},
		{45 * time.Second, 2 * time.Minute},
		{time.Minute, 150 * time.Second},
		{10 * time.Minute, 20*time.Minute + 30*time.Second},
	} {
		got := Config{ModelTimeout: row.model}.Lease()
		if got != row.want {
			t.Errorf("model timeout %v: lease %v, want %v", row.model, got, row.want)
		}
		if got < 2*row.model+17*time.Second {
			t.Errorf("model timeout %v: no room for look and send in %v", row.model, got)
		}
	}
}

func TestSecretsAreNeverShown(t *testing.T) {
	c, err := readConfig(t.Context(), enough, 0)
	if err != nil {
		t.Fatal(err)
	}
	hidden := struct{ inner Secret }{c.InboxToken} // fmt does not call methods here
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, verb+"\n", c)
		fmt.Fprintf(&out, verb+"\n", &c)
		fmt.Fprintf(&out, verb+"\n", c.InboxToken)
		fmt.Fprintf(&out, verb+"\n", hidden)
		fmt.Fprintf(&out, verb+"\n", []Secret{c.RedisURL})
	}
	data, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(data)
	text, err := c.OpenAIKey.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	out.Write(text)
	var logged bytes.Buffer
	for _, h := range []slog.Handler{slog.NewJSONHandler(&logged, nil), slog.NewTextHandler(&logged, nil)} {
		slog.New(h).Info("start", "config", c, "token", c.InboxToken, "hidden", hidden)
	}
	out.Write(logged.Bytes())

	for _, secret := range []string{"inbox-secret", "openai-secret", "redis-secret", fmt.Sprintf("%x", "inbox-secret")} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("%s is shown in\n%s", secret, out.String())
		}
	}
	if !strings.Contains(logged.String(), `"token":"[redacted]"`) {
		t.Errorf("the log does not say that a token is set: %s", logged.String())
	}
	if (Secret{}).String() != "" || (Secret{}).Set() || NewSecret("").Set() {
		t.Error("an unset secret looks set")
	}
}

// The table of variables people read and the one the bot reads are the same.
func TestVariablesAreDocumented(t *testing.T) {
	documented := tableOfVariables(readFile(t, "../../README.md"))
	for _, v := range variables() {
		def, ok := documented[v.Name]
		if !ok {
			t.Errorf("%s (default %q) is not in the table: %s", v.Name, v.Default, v.Help)
		} else if def != v.Default {
			t.Errorf("%s has default %q in the table, %q in the code", v.Name, def, v.Default)
		}
		delete(documented, v.Name)
	}
	for name := range documented {
		t.Errorf("%s is in the table, but the bot does not read it", name)
	}
}

// What we ship for deploying is a configuration the bot takes, and fits it.
func TestDeployFilesFitTheConfig(t *testing.T) {
	fly, docker := readFile(t, "../../fly.toml"), readFile(t, "../../Dockerfile")

	env := slices.Clone(enough)
	_, section, _ := strings.Cut(fly, "[env]\n")
	section, _, _ = strings.Cut(section, "\n[")
	for _, m := range regexp.MustCompile(`(?m)^ *([A-Z_]+) = "([^"]*)"`).FindAllStringSubmatch(section, -1) {
		env = append(env, m[1]+"="+m[2])
	}
	if len(env) == len(enough) {
		t.Fatal("fly.toml sets no variable")
	}
	c, err := readConfig(t.Context(), env, needInbox|needModel)
	if err != nil {
		t.Fatal("fly.toml:", err)
	}
	if c.Live() {
		t.Error("fly.toml: a first deploy would send messages")
	}

	kill := regexp.MustCompile(`(?m)^kill_timeout = (\d+)$`).FindStringSubmatch(fly)
	if kill == nil {
		t.Fatal("fly.toml has no kill_timeout in seconds")
	}
	if d, _ := time.ParseDuration(kill[1] + "s"); d <= c.ShutdownTimeout || d > maxShutdown {
		t.Errorf("fly.toml: kill_timeout %v, want more than BOT_SHUTDOWN_TIMEOUT (%v) and at most %v", d, c.ShutdownTimeout, maxShutdown)
	}
	for _, m := range regexp.MustCompile(`(?m)^ *port = (\d+)$`).FindAllStringSubmatch(fly, -1) {
		if !strings.HasSuffix(c.HTTPAddr, ":"+m[1]) {
			t.Errorf("fly.toml: asks port %s, but the bot listens on %s", m[1], c.HTTPAddr)
		}
	}

	image := regexp.MustCompile(`(?m)^ENV (.*)$`).FindStringSubmatch(docker)
	if image == nil {
		t.Fatal("Dockerfile has no ENV")
	}
	c, err = readConfig(t.Context(), append(slices.Clone(enough), strings.Fields(image[1])...), needInbox)
	if err != nil {
		t.Fatal("Dockerfile:", err)
	}
	if !strings.HasPrefix(c.HTTPAddr, ":") {
		t.Errorf("Dockerfile: %s cannot be reached from outside the container", c.HTTPAddr)
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

var (
	codeSpan     = regexp.MustCompile("`([^`]+)`")
	variableName = regexp.MustCompile(`^(BOT|INBOX|OPENAI|REDIS|LOG|OTEL)_[A-Z_]+$`)
)

// tableOfVariables reads rows like "| `A` / `B` | `1` / `2` | meaning |" as
// variable and default. A default is a code span in a cell of nothing else;
// without one it is empty.
func tableOfVariables(markdown string) map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(markdown) {
		cells := strings.Split(line, "|")
		if len(cells) < 4 {
			continue
		}
		names := codeSpan.FindAllStringSubmatch(cells[1], -1)
		defaults := codeSpan.FindAllStringSubmatch(cells[2], -1)
		if strings.Trim(codeSpan.ReplaceAllString(cells[2], ""), " /,") != "" {
			defaults = nil // words, such as "required by `run`"
		}
		for i, name := range names {
			if !variableName.MatchString(name[1]) {
				continue
			}
			out[name[1]] = ""
			if i < len(defaults) {
				out[name[1]] = defaults[i][1]
			}
		}
	}
	return out
}

func TestDistance(t *testing.T) {
	for _, row := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"", "abc", 3},
		{"BOT_MODE", "BOT_MODE", 0},
		{"BOT_MOD", "BOT_MODE", 1},
		{"BOT_MDOE", "BOT_MODE", 2},
		{"kitten", "sitting", 3},
	} {
		if got := distance(row.a, row.b); got != row.want {
			t.Errorf("from %q to %q: %d, want %d", row.a, row.b, got, row.want)
		}
		if got := distance(row.b, row.a); got != row.want {
			t.Errorf("from %q to %q: %d, want %d", row.b, row.a, got, row.want)
		}
	}
}

// Whatever stands in the environment, reading ends, each line names a variable,
// and what passes keeps to the limits.
func FuzzReadConfig(f *testing.F) {
	for _, v := range variables() {
		f.Add(v.Name, v.Default)
		f.Add(v.Name, "-1")
		f.Add(v.Name+"S", "")
	}
	f.Add("BOT_HANDOFF_TAG", "a\xff\x00b")
	f.Add("BOT_QUOTA_SHARE", "1e-999")
	f.Add("BOT_SETTLE", "9223372036854775807ns")
	f.Add("BOT_TIMEZONE", "/etc/localtime")
	f.Add("REDIS_URL", "redis://[::1")
	f.Add("BOT_\n", "x")
	f.Fuzz(func(t *testing.T, name, value string) {
		const marker = "S3CR3T-M4RK3R-0123456789-0123456789"
		c, err := readConfig(t.Context(), []string{name + "=" + value, "INBOX_API_TOKEN=" + marker}, needInbox)
		if err != nil {
			if strings.Contains(err.Error(), marker) {
				t.Errorf("the error shows the token: %v", err)
			}
			for line := range strings.Lines(err.Error()) {
				if n, _, ok := strings.Cut(line, ": "); !ok || strings.TrimSpace(n) == "" {
					t.Errorf("line %q names no variable", line)
				}
			}
			return
		}
		switch {
		case c.Concurrency < 1 || c.Concurrency > 256,
			c.Settle < 0 || c.Settle > c.SettleMax,
			!(c.QuotaShare > 0) || c.QuotaShare > 1 || math.IsNaN(c.QuotaShare),
			c.ShutdownTimeout < minShutdown,
			c.Lease() < 2*c.ModelTimeout+17*time.Second,
			c.Mode != "dry-run" && c.Mode != "live",
			c.Location() == nil:
			t.Errorf("%s=%q was let through: %+v", name, value, c)
		}
	})
}

func BenchmarkReadConfig(b *testing.B) {
	for b.Loop() {
		if _, err := readConfig(b.Context(), enough, needInbox|needModel); err != nil {
			b.Fatal(err)
		}
	}
}
