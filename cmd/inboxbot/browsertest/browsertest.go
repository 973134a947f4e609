// Package browsertest reads pages in tests as their readers do: in Chromium. Start
// at Open. Tests are skipped by name where there is no Chromium.
package browsertest

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// Keys that Press takes, beside letters.
const (
	Tab    = kb.Tab
	Enter  = kb.Enter
	Escape = kb.Escape
)

// axe is axe-core, which finds what keeps people from reading a page; see
// testdata/LICENSES.md.
//
//go:embed testdata/axe.min.js
var axe string

// Browser is a tab of a browser of its own, and what went wrong in it.
type Browser struct {
	t   *testing.T
	ctx context.Context //nolint:containedctx // the browser is the context, in chromedp
	own string

	mu    sync.Mutex
	wrong []string
}

// longest is how long one test may use its browser.
const longest = 3 * time.Minute

// Open starts a browser that lives as long as the test. Its pages may ask for
// addresses that begin with own, and for no other.
func Open(t *testing.T, own string) *Browser {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not here")
	}
	ctx, cancel := context.WithTimeout(t.Context(), longest)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox)...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b := &Browser{t: t, ctx: ctx, own: own}
	b.Do()
	if err := chromedp.Listen(ctx, b.notice); err != nil {
		t.Fatal(err)
	}
	return b
}

// notice keeps what a page must not do: complain, open a dialog, or ask somebody
// else for something.
func (b *Browser) notice(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		b.wrong = append(b.wrong, "exception: "+e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		b.wrong = append(b.wrong, "console: "+string(e.Type))
	case *log.EventEntryAdded:
		b.wrong = append(b.wrong, "log: "+e.Entry.Text+" "+e.Entry.URL)
	case *page.EventJavascriptDialogOpening:
		b.wrong = append(b.wrong, "dialog: "+e.Message)
	case *network.EventRequestWillBeSent:
		if !strings.HasPrefix(e.Request.URL, b.own) && !strings.HasPrefix(e.Request.URL, "data:,") {
			b.wrong = append(b.wrong, "request: "+e.Request.URL)
		}
	}
}

// Quiet fails the test for everything that went wrong since the last call, which
// was on the page that at names.
func (b *Browser) Quiet(t testing.TB, at string) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, w := range b.wrong {
		t.Errorf("%s: in the browser: %s", at, w)
	}
	b.wrong = nil
}

// Do takes the steps, one after the other, or ends the test.
func (b *Browser) Do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// Visit opens an address, without own at its beginning.
func (b *Browser) Visit(path string) {
	b.t.Helper()
	b.Do(chromedp.Navigate(b.own + path))
}

// View makes the window so wide, in pixels, and prefer light or dark.
func (b *Browser) View(width int64, scheme string) {
	b.t.Helper()
	b.Do(chromedp.EmulateViewport(width, 900), prefers(scheme))
}

// WithoutScript has pages live without theirs.
func (b *Browser) WithoutScript() {
	b.t.Helper()
	b.Do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	}))
}

// Click clicks the first element that the selector finds, once it can be seen.
func (b *Browser) Click(selector string) {
	b.t.Helper()
	b.Do(chromedp.ScrollIntoView(chromedp.CSS(selector)), chromedp.Click(chromedp.CSS(selector)))
}

// Fill puts text in place of all that a field holds, as by pasting it.
func (b *Browser) Fill(selector, text string) {
	b.t.Helper()
	b.Click(selector)
	b.Eval("document.activeElement.select()")
	b.Do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, input.InsertText, input.InsertTextParams{Text: text})
		return err
	}))
}

// Press presses keys, wherever the focus is.
func (b *Browser) Press(keys string) {
	b.t.Helper()
	b.Do(chromedp.KeyEvent(keys))
}

// Eval is what an expression is worth, as text. A promise is waited for.
func (b *Browser) Eval(expression string) string {
	b.t.Helper()
	got, err := chromedp.Run(b.ctx, chromedp.Evaluate[any](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s\n%v", expression, err)
	}
	return fmt.Sprint(got)
}

// Wants compares what an expression is worth.
func (b *Browser) Wants(want, expression string) {
	b.t.Helper()
	if got := b.Eval(expression); got != want {
		b.t.Errorf("%s\nis %q, want %q", expression, got, want)
	}
}

// Reads waits until the page's words, as a reader sees them, hold want.
func (b *Browser) Reads(want string) {
	b.t.Helper()
	b.Until(fmt.Sprintf("(document.body?.innerText ?? '').replace(/\\s+/g, ' ').includes(%q)", want))
}

// At waits until a page whose address holds part is there.
func (b *Browser) At(part string) {
	b.t.Helper()
	b.Until(fmt.Sprintf("location.href.includes(%q) && document.readyState === 'complete'", part))
}

// patience is how long Until waits.
const patience = 30 * time.Second

// Until waits until the expression is true, over changes of the page.
func (b *Browser) Until(expression string) {
	b.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		got, err := chromedp.Run(b.ctx, chromedp.Evaluate[any](expression))
		if err == nil && got == true {
			return
		}
		if b.ctx.Err() != nil {
			b.t.Fatal(b.ctx.Err())
		}
	}
	b.t.Fatalf("not within %s: %s\n%s", patience, expression, b.Eval("location.href + '\\n' + document.body.innerText"))
}

// Accessible fails the test for every serious or critical finding of axe-core on
// the page that at names.
func (b *Browser) Accessible(t testing.TB, at string) {
	t.Helper()
	found := b.Eval("(() => {" + axe + "\n})();" + `
		axe.run(document, {resultTypes: ['violations']}).then(r => JSON.stringify(r.violations
			.filter(v => v.impact === 'serious' || v.impact === 'critical')
			.map(v => v.impact + ' ' + v.id + ': ' + v.help + '\n' + v.nodes.slice(0, 5).map(n => n.html + '\n  ' + n.failureSummary).join('\n'))))`)
	var problems []string
	if err := json.Unmarshal([]byte(found), &problems); err != nil {
		t.Fatalf("axe said %q: %v", found, err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", at, p)
	}
}

// Fits fails the test when the page is wider than its window.
func (b *Browser) Fits(t testing.TB, at string) {
	t.Helper()
	if got := b.Eval(widest); got != "" {
		t.Errorf("%s: wider than the window: %s", at, got)
	}
}

// widest names what stands out of the window, of a page that can be moved sideways.
const widest = `document.documentElement.scrollWidth <= innerWidth ? '' : 'by ' + (document.documentElement.scrollWidth - innerWidth) + ' px, ' +
	[...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1).slice(0, 5)
		.map(e => e.tagName + '.' + e.className + ' ' + e.textContent.slice(0, 60)).join(' | ')`

// Screenshot is the window as a PNG, down to the end of the page if whole.
func (b *Browser) Screenshot(whole bool) []byte {
	b.t.Helper()
	shot := chromedp.CaptureScreenshot()
	if whole {
		shot = chromedp.FullScreenshot(100)
	}
	png, err := chromedp.Run(b.ctx, shot)
	if err != nil {
		b.t.Fatal(err)
	}
	return png
}

func prefers(scheme string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
		return err
	})
}
