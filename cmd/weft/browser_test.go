package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	cdp "github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// patience is how long a page may take to become what it should be.
const patience = 90 * time.Second

// browser is a tab of a real Chromium.
type browser struct {
	t   *testing.T
	ctx context.Context

	mu       sync.Mutex
	said     []string // warnings and errors on the console, and exceptions
	requests []string // addresses that were asked for
}

// newBrowser opens a tab. Where there is no Chromium the test is skipped, but
// for a check that has installed one.
func newBrowser(t *testing.T) *browser {
	t.Helper()
	program, err := chromium()
	switch {
	case err != nil && os.Getenv("CI") != "":
		t.Fatalf("no Chromium is on the PATH: %v", err)
	case err != nil:
		t.Skipf("no Chromium is on the PATH; make test installs it: %v", err)
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(program), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-quic", true))
	ctx, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, closeTab := chromedp.NewContext(ctx, chromedp.WithErrorf(t.Logf))
	b := &browser{t: t, ctx: ctx}
	t.Cleanup(func() {
		end, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		if err := chromedp.Cancel(end); err != nil {
			t.Logf("the browser: %v", err)
		}
		closeTab()
		stop()
	})
	if err := chromedp.Do(ctx); err != nil { // starts it, to live as long as this context
		t.Fatalf("the browser does not start: %v", err)
	}
	b.listen()
	return b
}

func chromium() (string, error) {
	var err error
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		var path string
		if path, err = exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", err
}

// listen keeps what the page says and asks for, until the tab is closed.
func (b *browser) listen() {
	messages := chromedp.Console(b.ctx)
	asked := chromedp.Events(b.ctx, cdp.RequestWillBeSent)
	go func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			if s := m.String(); m.IsException() || m.Type == "error" || m.Type == "warning" {
				b.mu.Lock()
				b.said = append(b.said, s)
				b.mu.Unlock()
			}
		}
	}()
	go func() {
		for e, err := range asked {
			if err != nil {
				return
			}
			b.mu.Lock()
			b.requests = append(b.requests, e.Request.URL)
			b.mu.Unlock()
		}
	}()
}

// heard returns what the page said and asked for so far.
func (b *browser) heard() (said, requests []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.said), slices.Clone(b.requests)
}

func (b *browser) act(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		b.t.Fatalf("the browser: %v\n%s", err, b.text("main"))
	}
}

// eval runs an expression in the page.
func eval[T any](b *browser, expression string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v", briefly(expression), err)
	}
	return v
}

// briefly keeps a script out of messages.
func briefly(s string) string { return s[:min(len(s), 200)] }

// until waits for an expression to be true.
func (b *browser) until(what, expression string) {
	b.t.Helper()
	for end := time.Now().Add(patience); !eval[bool](b, expression); {
		if time.Now().After(end) {
			b.t.Fatalf("did not come to be: %s\n%s", what, b.text("main"))
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// text is what is to be read in an element.
func (b *browser) text(selector string) string {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	s, err := chromedp.Run(ctx, chromedp.Evaluate[string](fmt.Sprintf(`document.querySelector(%q)?.innerText ?? ""`, selector)))
	if err != nil {
		return err.Error()
	}
	return strings.Join(strings.Fields(strings.ReplaceAll(s, "\u00a0", " ")), " ")
}

// look sets how the page is looked at.
func (b *browser) look(scheme string, width int64) {
	b.t.Helper()
	params := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}}
	if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, params); err != nil {
		b.t.Fatal(err)
	}
	b.act(chromedp.EmulateViewport(width, 900))
}

// keys presses keys, one after the other.
func (b *browser) keys(keys ...string) {
	b.t.Helper()
	for _, k := range keys {
		b.act(chromedp.KeyEvent(k))
	}
}

// tabTo presses Tab until the element has the focus, as one does who has no mouse.
func (b *browser) tabTo(selector string) {
	b.t.Helper()
	for range 300 {
		if eval[bool](b, fmt.Sprintf(`document.activeElement?.matches(%q) ?? false`, selector)) {
			return
		}
		b.keys(kb.Tab)
	}
	b.t.Fatalf("Tab does not lead to %s", selector)
}

// axe returns what the accessibility checker has against the page.
func (b *browser) axe() []string {
	b.t.Helper()
	if !eval[bool](b, `"axe" in window`) {
		source, err := os.ReadFile(filepath.Join("testdata", "axe", "axe.min.js"))
		if err != nil {
			b.t.Fatal(err)
		}
		eval[bool](b, string(source)+"\n;true") // as the debugger it passes the page's policy
	}
	raw := eval[string](b, `axe.run(document, {resultTypes: ["violations"], runOnly: {type: "tag", values:
		["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}}).then(r => JSON.stringify(r.violations.map(v =>
		v.id + ": " + v.help + " at " + v.nodes.map(n => n.target.join(" ") + " (" + n.failureSummary + ")").join("; "))))`)
	var found []string
	if err := json.Unmarshal([]byte(raw), &found); err != nil {
		b.t.Fatal(err)
	}
	return found
}

// picture writes the whole page down for those who want to look at it.
func (b *browser) picture(name string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil || !bytes.HasPrefix(png, []byte("\x89PNG")) {
		b.t.Fatalf("no picture of %s: %v", name, err)
	}
	dir := filepath.Join("..", "..", "dist", "console")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
		b.t.Fatal(err)
	}
}
