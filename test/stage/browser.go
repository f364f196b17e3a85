package stage

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"

	"sidegate/test/rig"
)

// Browser is one Chromium. Profiles in it share nothing, as two people's browsers
// do; tabs of a profile share cookies.
type Browser struct{ ctx context.Context }

// NewBrowser starts one that ends with the test.
func NewBrowser(t *testing.T) *Browser {
	t.Helper()
	return startBrowser(t, t.TempDir())
}

// NewBrowserWithoutCookies starts one that blocks the cookies of one origin, as people do
// in its settings.
func NewBrowserWithoutCookies(t *testing.T, origin string) *Browser {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "Default"), 0o755); err != nil {
		t.Fatal(err)
	}
	settings := `{"profile":{"content_settings":{"exceptions":{"cookies":{"` + origin + `,*":{"setting":2}}}}}}`
	if err := os.WriteFile(filepath.Join(dir, "Default", "Preferences"), []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	return startBrowser(t, dir)
}

func startBrowser(t *testing.T, dir string) *Browser {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chromium(t)),
		chromedp.UserDataDir(dir),
		chromedp.WindowSize(1280, 900),
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.WSURLReadTimeout(rig.Patience),
	)
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium has none for root
	}
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, _ = chromedp.NewContext(ctx)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("cannot start Chromium: %v", err)
	}
	t.Cleanup(func() { _ = chromedp.Cancel(ctx) })
	return &Browser{ctx}
}

// Tab is a page of a profile.
type Tab struct {
	t   *testing.T
	Ctx context.Context
}

// Profile opens a tab in a profile of its own.
func (b *Browser) Profile(t *testing.T) *Tab {
	t.Helper()
	return openTab(t, b.ctx, chromedp.WithNewBrowserContext())
}

// Another opens a further tab of the same profile.
func (p *Tab) Another(t *testing.T) *Tab {
	t.Helper()
	return openTab(t, p.Ctx)
}

func openTab(t *testing.T, parent context.Context, options ...chromedp.ContextOption) *Tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(parent, options...)
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(1280, 900)); err != nil {
		cancel()
		t.Fatalf("cannot open a tab: %v", err)
	}
	t.Cleanup(cancel)
	return &Tab{t, ctx}
}

// Opened presses an element that opens another tab, and returns that. The browser does
// not say by whom a tab was opened that must not know (rel="noreferrer"), so it is the
// one that was not there before.
func (p *Tab) Opened(t *testing.T, css string) *Tab {
	t.Helper()
	before := p.targets(t)
	p.Click(css)
	var opened target.ID
	rig.Eventually(t, func() string { return "pressing " + css + " opens no tab\n" + p.State() }, func() bool {
		for id := range p.targets(t) {
			if !before[id] {
				opened = id
			}
		}
		return opened != ""
	})
	return openTab(t, p.Ctx, chromedp.WithTargetID(opened))
}

// targets are the pages that are open, in whichever profile.
func (p *Tab) targets(t *testing.T) map[target.ID]bool {
	t.Helper()
	all, err := chromedp.Targets(p.Ctx)
	if err != nil {
		t.Fatal(err)
	}
	pages := make(map[target.ID]bool)
	for _, info := range all {
		if info.Type == "page" {
			pages[info.TargetID] = true
		}
	}
	return pages
}

// Close closes the tab, and with it the connections of its page.
func (p *Tab) Close() { _ = chromedp.Cancel(p.Ctx) }

// Do carries out steps, or fails the test with what they were for.
func (p *Tab) Do(what string, steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.Ctx, rig.Patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.t.Fatalf("%s: %v\n%s", what, err, p.State())
	}
}

// Open goes to an address.
func (p *Tab) Open(url string) {
	p.t.Helper()
	p.Do("opening "+url, chromedp.Navigate(url))
}

// Reload loads the page again.
func (p *Tab) Reload() {
	p.t.Helper()
	p.Do("reloading", chromedp.Reload())
}

// Upload chooses a file in an input, which may be hidden behind a button.
func (p *Tab) Upload(css, path string) {
	p.t.Helper()
	p.Do("choosing a file", chromedp.SetUploadFiles(chromedp.CSS(css), []string{path}, chromedp.NodeReady))
}

// WaitText waits until the element holds each of the texts.
func (p *Tab) WaitText(css string, wants ...string) {
	p.t.Helper()
	var got string
	rig.Eventually(p.t, func() string {
		return fmt.Sprintf("%s = %q, want %q in it\n%s", css, got, wants, p.State())
	}, func() bool {
		got = p.Text(css)
		for _, want := range wants {
			if !strings.Contains(got, want) {
				return false
			}
		}
		return true
	})
}

// WaitChange waits until the element reads differently than now.
func (p *Tab) WaitChange(css string) {
	p.t.Helper()
	before := p.Text(css)
	rig.Eventually(p.t, func() string { return fmt.Sprintf("%s still reads %q\n%s", css, before, p.State()) }, func() bool {
		now := p.Text(css)
		return now != "" && now != before
	})
}

// WaitPath waits until the address bar shows the path and query.
func (p *Tab) WaitPath(want string) {
	p.t.Helper()
	var got string
	rig.Eventually(p.t, func() string { return fmt.Sprintf("address = %q, want %q\n%s", got, want, p.State()) }, func() bool {
		got = p.Eval("location.pathname + location.search")
		return got == want
	})
}

// Text returns what a person reads in the element; empty when it is not there.
func (p *Tab) Text(css string) string {
	return p.Eval(fmt.Sprintf(`document.querySelector(%q)?.innerText ?? ""`, css))
}

// Eval returns the value of an expression, or of its promise, or nothing while the page changes.
func (p *Tab) Eval(expression string) string {
	ctx, cancel := context.WithTimeout(p.Ctx, 5*time.Second)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[string](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		return ""
	}
	return value
}

// State describes the page, for failure messages.
func (p *Tab) State() string {
	text := p.Eval("document.body?.innerText ?? ''")
	return fmt.Sprintf("the page: %s %q\n%.1500s", p.Eval("location.href"), p.Eval("document.title"), text)
}

// Cookie returns the value of a cookie that the page's address is sent.
func (p *Tab) Cookie(name string) string {
	p.t.Helper()
	found, err := chromedp.Call(p.Ctx, network.GetCookies, network.GetCookiesParams{})
	if err != nil {
		p.t.Fatalf("reading cookies: %v", err)
	}
	for _, c := range found.Cookies {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

// Shoot leaves pictures of the page in the folder SCREENSHOTS, if that is set: as
// on a desk in light colours, and as on a phone in dark ones.
func (p *Tab) Shoot(name string) {
	p.t.Helper()
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		return
	}
	defer p.Look(1280, 900, "light")
	for _, l := range []struct {
		suffix, scheme string
		width, height  int64
	}{{"desk", "light", 1280, 800}, {"phone", "dark", 390, 844}} {
		p.Look(l.width, l.height, l.scheme)
		p.Do("letting the page settle", chromedp.Sleep(time.Second))
		ctx, cancel := context.WithTimeout(p.Ctx, rig.Patience)
		picture, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
		cancel()
		if err != nil {
			p.t.Fatalf("taking a picture: %v", err)
		}
		if err := os.WriteFile(filepath.Join(dir, name+"-"+l.suffix+".png"), picture, 0o644); err != nil {
			p.t.Fatal(err)
		}
	}
}

// Look changes the size of the window and the colours that its person prefers.
func (p *Tab) Look(width, height int64, scheme string) {
	p.t.Helper()
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
	p.Do("changing the window", chromedp.EmulateViewport(width, height), func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, media)
		return chromedp.Void{}, err
	})
}
