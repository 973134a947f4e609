package console

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// pauseState is whether the bot is stopped.
type pauseState struct {
	On      bool
	Reason  string // with who said so
	Since   time.Time
	Unknown bool // the store does not answer
}

// storeTimeout is how long a page waits for the store.
const storeTimeout = 2 * time.Second

func (c *Console) pauseState(ctx context.Context) pauseState {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	reason, since, on, err := c.Switch.Paused(ctx)
	return pauseState{On: on, Reason: reason, Since: c.shownAt(since), Unknown: err != nil}
}

const longestReason = 200 // characters

func (c *Console) pause(w http.ResponseWriter, r *http.Request, v *visit) error {
	reason := line(longestReason+1, r.PostForm.Get("reason"))
	switch n := utf8.RuneCountInString(reason); {
	case n == 0:
		return problem(http.StatusUnprocessableEntity, "Say why, so that whoever finds the bot paused knows. Nothing was changed.")
	case n > longestReason:
		return problem(http.StatusUnprocessableEntity, "Say it in at most %d characters. Nothing was changed.", longestReason)
	}
	ctx, cancel := context.WithTimeout(r.Context(), storeTimeout)
	defer cancel()
	if err := c.Switch.SetPaused(ctx, reason, v.By()); err != nil {
		return err
	}
	c.audit(v, "pause: "+reason, "")
	c.back(w, r, r.PostForm.Get("back"), "paused")
	return nil
}

func (c *Console) resume(w http.ResponseWriter, r *http.Request, v *visit) error {
	ctx, cancel := context.WithTimeout(r.Context(), storeTimeout)
	defer cancel()
	if err := c.Switch.Resume(ctx); err != nil {
		return err
	}
	c.audit(v, "resume", "")
	c.back(w, r, r.PostForm.Get("back"), "resumed")
	return nil
}

// audits are the last things people did here, for the first page.
type audits struct {
	mu   sync.Mutex
	last []deed // newest first
}

// deed is one thing a person did.
type deed struct {
	At               time.Time
	By, What, Thread string
}

const mostDeeds = 8

// audit tells the log, and this process's first page, what a person did. thread is
// "" when it was about none.
func (c *Console) audit(v *visit, what, thread string) {
	c.Logger.Info("audit", "audit", strings.ReplaceAll(what, "\n", " "), "who", v.who(), "address", v.Address, "thread", thread)
	c.audits.mu.Lock()
	defer c.audits.mu.Unlock()
	c.audits.last = append([]deed{{c.Now(), v.By(), what, thread}}, c.audits.last...)
	c.audits.last = c.audits.last[:min(mostDeeds, len(c.audits.last))]
}

func (v *visit) who() string {
	if v.local {
		return "loopback"
	}
	return string(v.Role)
}

func (a *audits) all() []deed {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]deed(nil), a.last...)
}
