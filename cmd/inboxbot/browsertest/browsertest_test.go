package browsertest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"inboxbot/cmd/inboxbot/browsertest"
)

// TestFindings: what is wrong with a page is found. Otherwise pages are only as good
// as they look to a test that is asleep.
func TestFindings(t *testing.T) {
	const good = `<!doctype html><html lang="en"><title>A page</title><link rel="icon" href="data:,"><main><h1>A page</h1>%s</main>`
	for _, row := range []struct {
		name, body string
		want       string // "" for nothing
	}{
		{"nothing", `<p>All is well.</p>`, ""},
		{"a field without a label", `<input name="who">`, "critical label"},
		{"grey on grey", `<p style="color:#888;background:#999">Read me</p>`, "serious color-contrast"},
		{"wider than the window", `<p style="width:2000px" class="long">Far</p>`, "P.long Far"},
		{"a request to somebody else", `<img alt="" src="http://127.0.0.1:1/spy.png">`, "request: http://127.0.0.1:1/spy.png"},
		{"an exception", `<script>nothing.there()</script>`, "exception: "},
		{"a word to the console", `<script>console.log("debug")</script>`, "console: log"},
		{"what is missing", `<img alt="" src="/missing.png">`, "404"},
	} {
		t.Run(row.name, func(t *testing.T) {
			mux := http.NewServeMux()
			mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/html")
				fmt.Fprintf(w, good, row.body)
			})
			server := httptest.NewServer(mux)
			defer server.Close()
			b := browsertest.Open(t, server.URL)
			b.View(400, "light")
			b.Visit("/")
			b.Until(`document.readyState === 'complete'`)
			heard := &listener{TB: t}
			b.Fits(heard, "here")
			b.Accessible(heard, "here")
			b.Quiet(heard, "here")
			got := strings.Join(heard.said, "\n")
			if row.want == "" && got != "" || !strings.Contains(got, row.want) {
				t.Errorf("found %q, want %q", got, row.want)
			}
		})
	}
}

// listener hears what would fail a test.
type listener struct {
	testing.TB
	said []string
}

func (l *listener) Errorf(format string, args ...any) {
	l.said = append(l.said, fmt.Sprintf(format, args...))
}
