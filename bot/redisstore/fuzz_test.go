package redisstore_test

import (
	"context"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"inboxbot/bot"
	"inboxbot/bot/redisstore"
)

// FuzzURL: whatever stands in REDIS_URL, nothing panics, and no error quotes the
// password.
func FuzzURL(f *testing.F) {
	for _, seed := range []string{
		"redis://localhost:6379/0",
		"rediss://user:PASSWORD@host:6380/1?read_timeout=2s",
		"unix://user:PASSWORD@/run/redis.sock?db=2",
		"redis+sentinel://user:PASSWORD@host:26379,host2,[::1]:26380/main/3?sentinel_password=PASSWORD",
		"rediss+sentinel://host/main?skip_verify=true",
		"redis+cluster://:PASSWORD@host:6379,host2:6379?max_redirects=3",
		"redis://user:PASS%WORD@host", "redis://user:PASSWORD/@host", "redis://:PASSWORD:6379", "redis+sentinel://,/", "redis+cluster://@",
		"redis+sentinel:///main", "redis+cluster://[::1", "://", "redis+sentinel://h/m?%zz=1", "redis://h?addr=x&PASSWORD=1",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		err := redisstore.TryURL(raw)
		if err == nil {
			return
		}
		u, parseErr := url.Parse(raw)
		if parseErr != nil || u.User == nil {
			return
		}
		if p, ok := u.User.Password(); ok && len(p) > 4 && strings.Contains(err.Error(), p) && !strings.Contains(redisstore.URLHelp, p) {
			t.Errorf("the error tells the password %q: %v", p, err)
		}
	})
}

// FuzzRecord: whatever prospects and rule authors write goes into a record and
// comes out the same, and nothing in it is taken for a part of the record.
func FuzzRecord(f *testing.F) {
	f.Add("thread", "message", "It is 20 €.", "asked", "own-1", int64(1_763_000_000_000), "VIP")
	f.Add("t}{:*", "m\n", "{{.Secret}}\x00\xff\r\n$5\r\n", "o:x\nst\nsent", "o:", int64(-1), "t:\r\n")
	f.Add("dry:r:x", "o:1", "st", strings.Repeat("é", 40), "\n", int64(0), "")
	_, c := mini(f)
	s, err := redisstore.Open(f.Context(), redisstore.Options{Client: c, Team: "team", Fresh: true})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, thread, message, text, reason, own string, at int64, tag string) {
		ctx := context.Background()
		next := bot.Record{
			State: bot.StateIntent, MessageID: message, MessageAt: time.UnixMilli(at % (1 << 50)).UTC(),
			Text: text, Reason: reason, Guard: text, Base: own,
			Own: map[string]time.Time{own: time.Now().UTC().Truncate(time.Millisecond)},
		}
		if tag != "" {
			next.Seen, next.HandedTag, next.Say, next.Cause = []string{tag}, tag, tag, bot.Cause(tag)
		}
		l, err := s.Claim(ctx, thread)
		if thread == "" {
			if err == nil {
				t.Error("claimed no thread")
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		defer c.Del(ctx, "inboxbot:{team}:r:"+thread, "inboxbot:{team}:c:"+thread)
		if err := s.Advance(ctx, l, next, 0); (err == nil) != (message != "") {
			t.Fatal(err)
		} else if err != nil {
			return
		}
		got := must(s.Records(ctx, []string{thread}))[thread]
		if got.Token != l.Token || got.At.IsZero() {
			t.Errorf("token %q, at %s", got.Token, got.At)
		}
		next.Thread, got.Token, got.At = thread, "", time.Time{}
		if next.MessageAt.UnixMilli() == 0 {
			next.MessageAt = time.Time{}
		}
		if !reflect.DeepEqual(got, next) {
			t.Errorf("got  %+v\nwant %+v", got, next)
		}
	})
}
