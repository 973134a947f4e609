package replay_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"inboxbot/cmd/inboxbot/replay"
)

// TestPageInABrowser reads the page as its reader does, in Chromium: with strangers'
// scripts in every field, narrow and wide, light and dark, with and without script.
func TestPageInABrowser(t *testing.T) {
	file := filepath.Join(t.TempDir(), "replay.html")
	if err := os.WriteFile(file, []byte(pageOf(t, attacked(t))), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name   string
		width  int64
		scheme string
		dark   bool
	}{
		{"narrow, light", 400, "light", false},
		{"narrow, dark", 400, "dark", true},
		{"wide, light", 1400, "light", false},
		{"wide, dark", 1400, "dark", true},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := openBrowser(t)
			b.do(
				chromedp.EmulateViewport(row.width, 900), prefers(row.scheme),
				chromedp.Navigate("file://"+file),
			)
			b.wants("false", `"owned" in window`)
			b.wants("true", `document.querySelectorAll("details").forEach(d => d.open = true), document.documentElement.scrollWidth <= innerWidth`)
			b.wants("true", `[...document.querySelectorAll(".text")].some(e => e.textContent.includes("<script>window.owned"))`)
			b.wants(map[bool]string{true: "true", false: "false"}[row.dark], `getComputedStyle(document.body).backgroundColor !== "rgb(255, 255, 255)"`)
			b.quiet()
		})
	}
}

func TestPageFilters(t *testing.T) {
	file := filepath.Join(t.TempDir(), "replay.html")
	if err := os.WriteFile(file, []byte(pageOf(t, run(t, replay.Options{}))), 0o600); err != nil {
		t.Fatal(err)
	}
	const choose = `const choose = (id, v) => { const s = document.getElementById(id); s.value = v; s.dispatchEvent(new Event("change", {bubbles: true})); return document.getElementById("count").textContent };`
	b := openBrowser(t)
	b.do(chromedp.Navigate("file://" + file))
	b.wants("false", `document.getElementById("filter").hidden`)
	b.wants("6 cuts in 6 conversations", `document.getElementById("count").textContent`) // those that change, to begin with
	b.wants("14 cuts in 8 conversations", `{`+choose+`choose("change", "")}`)
	b.wants("3 cuts in 3 conversations", `{`+choose+`choose("change", "handoff-reply"); choose("change", "reply-handoff"); choose("guard", "prices")}`)
	b.wants("1 cuts in 1 conversations", `{`+choose+`choose("change", ""); choose("guard", "price-of-a-kilo")}`)
	b.quiet()

	b = openBrowser(t)
	b.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	}), chromedp.Navigate("file://"+file))
	b.wants("true", `document.getElementById("filter").hidden && [...document.querySelectorAll(".conversation")].every(c => !c.hidden)`)
}

// browser is a tab, and what went wrong in it.
type browser struct {
	t   *testing.T
	ctx context.Context //nolint:containedctx // the browser is the context, in chromedp

	mu    sync.Mutex
	wrong []string
}

func openBrowser(t *testing.T) *browser {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not here")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox)...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b := &browser{t: t, ctx: ctx}
	b.do()
	if err := chromedp.Listen(ctx, b.notice); err != nil {
		t.Fatal(err)
	}
	return b
}

// notice keeps what a page must not do: complain, or ask somebody for something.
func (b *browser) notice(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		b.wrong = append(b.wrong, "exception: "+e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		b.wrong = append(b.wrong, "console: "+string(e.Type))
	case *log.EventEntryAdded:
		b.wrong = append(b.wrong, "log: "+e.Entry.Text)
	case *network.EventRequestWillBeSent:
		if !strings.HasPrefix(e.Request.URL, "file://") {
			b.wrong = append(b.wrong, "request: "+e.Request.URL)
		}
	}
}

func (b *browser) quiet() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, w := range b.wrong {
		b.t.Errorf("in the browser: %s", w)
	}
}

func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// wants compares what an expression is worth, as text.
func (b *browser) wants(want, expression string) {
	b.t.Helper()
	got, err := chromedp.Run(b.ctx, chromedp.Evaluate[any](expression))
	if err != nil {
		b.t.Fatal(err)
	}
	if text := fmt.Sprint(got); text != want {
		b.t.Errorf("%s\nis %q, want %q", expression, text, want)
	}
}

func prefers(scheme string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
		return err
	})
}
