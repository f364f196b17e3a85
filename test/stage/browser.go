package e2e

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
	"github.com/chromedp/chromedp"

	"sidegate/test/rig"
)

// browser is one Chromium. Profiles in it share nothing, as two people's browsers
// do; tabs of a profile share cookies.
type browser struct{ ctx context.Context }

func newBrowser(t *testing.T) *browser {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chromium(t)),
		chromedp.UserDataDir(t.TempDir()),
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
	return &browser{ctx}
}

// tab is a page of a profile.
type tab struct {
	t   *testing.T
	ctx context.Context
}

// profile opens a tab in a profile of its own.
func (b *browser) profile(t *testing.T) *tab {
	t.Helper()
	return openTab(t, b.ctx, chromedp.WithNewBrowserContext())
}

// another opens a further tab of the same profile.
func (p *tab) another(t *testing.T) *tab {
	t.Helper()
	return openTab(t, p.ctx)
}

func openTab(t *testing.T, parent context.Context, options ...chromedp.ContextOption) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(parent, options...)
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(1280, 900)); err != nil {
		cancel()
		t.Fatalf("cannot open a tab: %v", err)
	}
	t.Cleanup(cancel)
	return &tab{t, ctx}
}

func (p *tab) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, rig.Patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.t.Fatalf("%s: %v\n%s", what, err, p.state())
	}
}

func (p *tab) open(url string) {
	p.t.Helper()
	p.do("opening "+url, chromedp.Navigate(url))
}

func (p *tab) reload() {
	p.t.Helper()
	p.do("reloading", chromedp.Reload())
}

func (p *tab) click(css string) {
	p.t.Helper()
	p.do("clicking "+css, chromedp.Click(chromedp.CSS(css)))
}

// signIn presses the button of an account on the provider's page.
func (p *tab) signIn(account string) {
	p.t.Helper()
	p.click(fmt.Sprintf(`button[name="account"][value=%q]`, account))
}

// waitText waits until the element holds each of the texts.
func (p *tab) waitText(css string, wants ...string) {
	p.t.Helper()
	var got string
	rig.Eventually(p.t, func() string {
		return fmt.Sprintf("%s = %q, want %q in it\n%s", css, got, wants, p.state())
	}, func() bool {
		got = p.text(css)
		for _, want := range wants {
			if !strings.Contains(got, want) {
				return false
			}
		}
		return true
	})
}

// waitChange waits until the element reads differently than now.
func (p *tab) waitChange(css string) {
	p.t.Helper()
	before := p.text(css)
	rig.Eventually(p.t, func() string { return fmt.Sprintf("%s still reads %q\n%s", css, before, p.state()) }, func() bool {
		now := p.text(css)
		return now != "" && now != before
	})
}

// waitPath waits until the address bar shows the path and query.
func (p *tab) waitPath(want string) {
	p.t.Helper()
	var got string
	rig.Eventually(p.t, func() string { return fmt.Sprintf("address = %q, want %q\n%s", got, want, p.state()) }, func() bool {
		got = p.eval("location.pathname + location.search")
		return got == want
	})
}

// text returns what a person reads in the element; empty when it is not there.
func (p *tab) text(css string) string {
	return p.eval(fmt.Sprintf(`document.querySelector(%q)?.innerText ?? ""`, css))
}

// eval returns the value of an expression, or nothing while the page changes.
func (p *tab) eval(expression string) string {
	ctx, cancel := context.WithTimeout(p.ctx, 5*time.Second)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[string](expression))
	if err != nil {
		return ""
	}
	return value
}

// state describes the page, for failure messages.
func (p *tab) state() string {
	text := p.eval("document.body?.innerText ?? ''")
	return fmt.Sprintf("the page: %s %q\n%.1500s", p.eval("location.href"), p.eval("document.title"), text)
}

// cookie returns the value of a cookie that the page's address is sent.
func (p *tab) cookie(name string) string {
	p.t.Helper()
	found, err := chromedp.Call(p.ctx, network.GetCookies, network.GetCookiesParams{})
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

// shoot leaves pictures of the page in the folder SCREENSHOTS, if that is set: as
// on a desk in light colours, and as on a phone in dark ones.
func (p *tab) shoot(name string) {
	p.t.Helper()
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		return
	}
	defer p.look(1280, 900, "light")
	for _, l := range []struct {
		suffix, scheme string
		width, height  int64
	}{{"desk", "light", 1280, 800}, {"phone", "dark", 390, 844}} {
		p.look(l.width, l.height, l.scheme)
		p.do("letting the page settle", chromedp.Sleep(time.Second))
		ctx, cancel := context.WithTimeout(p.ctx, rig.Patience)
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

func (p *tab) look(width, height int64, scheme string) {
	p.t.Helper()
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
	p.do("changing the window", chromedp.EmulateViewport(width, height), func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, media)
		return chromedp.Void{}, err
	})
}
