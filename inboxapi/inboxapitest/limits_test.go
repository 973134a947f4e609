package inboxapitest_test

import (
	"maps"
	"net/http"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"inboxbot/inboxapi/inboxapitest"
)

// inBubble runs f against a Server in a synctest bubble.
func inBubble(t *testing.T, o inboxapitest.Options, f func(*inboxapitest.Server, api)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := inboxapitest.New(o)
		defer s.Close()
		f(s, api{t, s.HTTPClient()})
	})
}

func header(t *testing.T, got answer, name string) int {
	t.Helper()
	n, err := strconv.Atoi(got.header.Get(name))
	if err != nil {
		t.Fatalf("%s: %q", name, got.header.Get(name))
	}
	return n
}

// The windows slide: what was served leaves each of them one by one, a window's
// length after it came.
func TestWindowsSlide(t *testing.T) {
	inBubble(t, inboxapitest.Options{Limits: inboxapitest.Limits{Minute: 3, Hour: 5, Day: 7}}, func(s *inboxapitest.Server, a api) {
		begin := time.Now()
		for _, step := range []struct {
			at     time.Duration // since begin
			status int
			limit  int // of the window the headers describe
			left   int
			retry  string
		}{
			{0, 200, 3, 2, ""},
			{10 * time.Second, 200, 3, 1, ""},
			{20 * time.Second, 200, 3, 0, ""},
			{20 * time.Second, 429, 3, 0, "40"},         // the first leaves after a minute
			{59_500 * time.Millisecond, 429, 3, 0, "1"}, // rounded up; the call before did not count
			{60 * time.Second, 200, 3, 0, ""},           // exactly a minute later it is out
			{60 * time.Second, 429, 3, 0, "10"},
			{70 * time.Second, 200, 3, 0, ""},           // the fifth of the hour
			{3 * time.Minute, 429, 5, 0, "3420"},        // the hour bites though the minute is empty
			{time.Hour, 200, 3, 2, ""},                  //
			{time.Hour + 5*time.Second, 429, 5, 0, "5"}, //
			{time.Hour + 10*time.Second, 200, 3, 1, ""}, // the seventh of the day
			{3 * time.Hour, 429, 7, 0, "75600"},         // the day bites: do not cap this at a minute
			{24 * time.Hour, 200, 3, 2, ""},             //
			{24 * time.Hour, 429, 7, 0, "10"},           //
			{24*time.Hour + 10*time.Second, 200, 3, 1, ""},
		} {
			time.Sleep(time.Until(begin.Add(step.at)))
			got := a.do("GET", "/team", "")
			if got.status != step.status || got.header.Get("Retry-After") != step.retry {
				t.Errorf("after %v: %d, Retry-After %q, want %d, %q", step.at, got.status, got.header.Get("Retry-After"), step.status, step.retry)
			}
			limit, left := header(t, got, "X-RateLimit-Limit"), header(t, got, "X-RateLimit-Remaining")
			if limit != step.limit || left != step.left {
				t.Errorf("after %v: %d of %d left, want %d of %d", step.at, left, limit, step.left, step.limit)
			}
		}
		if want := map[string]int{"team.get": 9}; !maps.Equal(s.Requests(), want) || s.Rejected() != 7 {
			t.Errorf("served %v, rejected %d", s.Requests(), s.Rejected())
		}
	})
}

func TestQuotaHeaders(t *testing.T) {
	inBubble(t, inboxapitest.Options{}, func(_ *inboxapitest.Server, a api) {
		first := time.Now()
		a.do("GET", "/team", "")
		time.Sleep(1500 * time.Millisecond)
		got := a.do("GET", "/nothing", "") // a 404 counts too
		if n := header(t, got, "X-RateLimit-Limit"); n != 300 {
			t.Errorf("limit %d", n)
		}
		if n := header(t, got, "X-RateLimit-Remaining"); n != 298 {
			t.Errorf("remaining %d", n)
		}
		if n := header(t, got, "X-RateLimit-Reset"); int64(n) != first.Add(time.Minute).Unix() {
			t.Errorf("reset %d, want %d", n, first.Add(time.Minute).Unix())
		}
		if want := time.Now().UTC().Format(http.TimeFormat); got.header.Get("Date") != want {
			t.Errorf("date %s, want %s", got.header.Get("Date"), want)
		}
	})
}

func TestStandardLimits(t *testing.T) {
	inBubble(t, inboxapitest.Options{}, func(s *inboxapitest.Server, a api) {
		for range 40 { // 300 a minute until the hour is used up
			s.Spend(300)
			time.Sleep(time.Minute)
		}
		got := a.do("GET", "/team", "")
		if got.status != 429 || header(t, got, "X-RateLimit-Limit") != 10_000 {
			t.Errorf("got %d %v", got.status, got.header)
		}
		want := `{"error":{"code":"RATE_LIMITED","message":"Rate limit exceeded. Try again in 1200 seconds.","status":429}}`
		if got.body != want {
			t.Errorf("got %s, want %s", got.body, want)
		}
	})
}

func TestNoLimits(t *testing.T) {
	inBubble(t, inboxapitest.Options{Limits: inboxapitest.Limits{Minute: -1, Hour: -1, Day: -1}}, func(s *inboxapitest.Server, a api) {
		s.Spend(200_000)
		got := a.do("GET", "/team", "")
		if got.status != 200 || got.header.Get("X-RateLimit-Limit") != "" {
			t.Errorf("got %d %v", got.status, got.header)
		}
	})
}

// Clocks may differ: the API's own is in its Date header and its times.
func TestOwnClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ahead := func() time.Time { return time.Now().Add(90 * time.Second) }
		s := inboxapitest.New(inboxapitest.Options{Now: ahead})
		defer s.Close()
		m := s.Receive(s.AddThread(inboxapitest.NewThread{}).ID, "hi")
		if d := time.Until(m.CreatedAt); d != 90*time.Second {
			t.Errorf("the message is %v ahead", d)
		}
		got := api{t, s.HTTPClient()}.do("GET", "/team", "")
		if date, err := http.ParseTime(got.header.Get("Date")); err != nil || time.Until(date) != 90*time.Second {
			t.Errorf("date %v, %v", date, err)
		}
	})
}

// What has left the longest window is forgotten, and nothing else with it.
func TestWindowsForget(t *testing.T) {
	inBubble(t, inboxapitest.Options{Limits: inboxapitest.Limits{Minute: 4000, Hour: -1, Day: 3000}}, func(s *inboxapitest.Server, a api) {
		for day := range 3 {
			s.Spend(2999)
			for _, want := range []int{200, 429} {
				if got := a.do("GET", "/team", ""); got.status != want {
					t.Errorf("day %d: got %d, want %d", day, got.status, want)
				}
			}
			time.Sleep(24 * time.Hour)
		}
	})
}
