package pages

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"sidegate/test/parts"
	"sidegate/test/rig"
	"sidegate/test/stage"
)

// look is a window and the colours that its person prefers. A page of 1280 pixels that
// is magnified four times has 320 (WCAG 2.2, 1.4.10).
type look struct {
	width  int64
	scheme string
}

func looks() []look {
	return []look{{1280, "light"}, {1280, "dark"}, {390, "light"}, {320, "dark"}}
}

// viewer is somebody who looks closely.
type viewer struct {
	*stage.Tab
	t   *testing.T
	axe string
	log *requests
}

// newViewer opens a tab in a profile of its own.
func newViewer(t *testing.T, p *stage.Tab) *viewer {
	t.Helper()
	axe, err := os.ReadFile(stage.Part(t, parts.Cache.AxeScript))
	if err != nil {
		t.Fatal(err)
	}
	v := &viewer{Tab: p, t: t, axe: string(axe), log: &requests{}}
	// A window that is not in front shows no focus.
	if _, err := chromedp.Call(p.Ctx, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true}); err != nil {
		t.Fatal(err)
	}
	if err := chromedp.Listen(p.Ctx, v.log.note); err != nil {
		t.Fatal(err)
	}
	return v
}

// requests are the addresses that a tab has asked for.
type requests struct {
	mu   sync.Mutex
	urls []string
}

func (r *requests) note(event any) {
	if e, ok := event.(*network.EventRequestWillBeSent); ok {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.urls = append(r.urls, e.Request.URL)
	}
}

// foreign returns those of other origins than the one.
func (r *requests) foreign(origin string) (list []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, address := range r.urls {
		u, err := url.Parse(address)
		if err == nil && u.Scheme != "data" && u.Scheme+"://"+u.Host != origin {
			list = append(list, address)
		}
	}
	r.urls = nil
	return list
}

// judge looks at the page that is open, in every way there is.
func (v *viewer) judge(name string) {
	v.t.Helper()
	answer[int](v, v.axe+"; 0")
	answer[int](v, `document.querySelectorAll("details").forEach(d => d.open = true), 0`)
	for _, l := range looks() {
		v.Look(l.width, 800, l.scheme)
		where := fmt.Sprintf("%s, %d pixels, %s", name, l.width, l.scheme)
		for _, violation := range v.violations() {
			v.t.Errorf("%s: %s", where, violation)
		}
		if wider := answer[int](v, `document.documentElement.scrollWidth - innerWidth`); wider > 0 {
			v.t.Errorf("%s: the page is %d pixels wider than the window", where, wider)
		}
		v.shoot(fmt.Sprintf("%s-%d-%s", name, l.width, l.scheme))
	}
	v.Look(1280, 800, "light")
	v.byKeyboard(name)
}

// violations are what axe-core finds. It looks into what is in a page's shadow too.
func (v *viewer) violations() []string {
	v.t.Helper()
	const run = `axe.run(document, {resultTypes: ["violations"], runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}).then(
		({violations, passes}) => violations.flatMap(({id, help, nodes}) => nodes.map((n) => id + " (" + help + "): " + n.html.slice(0, 200) + " " + n.failureSummary)).concat(
			passes.length > 10 ? [] : ["axe-core looked at next to nothing"]))`
	return answer[[]string](v, run)
}

// answer returns the value of an expression, or of its promise, however busy the
// browser is.
func answer[T any](v *viewer, expression string) T {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.Ctx, rig.Patience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		v.t.Fatalf("asking the page: %v\n%s", err, v.State())
	}
	return value
}

// reachable marks what a mouse can press, and counts it.
const reachable = `
globalThis.inFocus = () => { let e = document.activeElement; while (e?.shadowRoot?.activeElement) e = e.shadowRoot.activeElement; return e; };
globalThis.root = document.querySelector("sidegate-notice")?.shadowRoot ?? document;
globalThis.missing = new Set([...root.querySelectorAll("a[href], button:not([disabled]), input:not([type=hidden])")].filter((e) => e.checkVisibility()));
inFocus()?.blur();
missing.size`

// seen takes the element in focus off the list, and says what is wrong with it.
const seen = `(() => {
	const e = inFocus();
	if (!missing.delete(e)) return "";
	const s = getComputedStyle(e);
	return s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2 ? "" : "the focus does not show on " + e.outerHTML.slice(0, 200);
})()`

// byKeyboard presses Tab until everything has had the focus.
func (v *viewer) byKeyboard(name string) {
	v.t.Helper()
	for range answer[int](v, reachable) + 2 {
		v.Do("pressing Tab", chromedp.KeyEvent(kb.Tab))
		if problem := answer[string](v, seen); problem != "" {
			v.t.Errorf("%s: %s", name, problem)
		}
	}
	if left := answer[string](v, `[...missing].map((e) => e.outerHTML.slice(0, 200)).join("\n")`); left != "" {
		v.t.Errorf("%s: the Tab key does not reach\n%s", name, left)
	}
}

// shoot leaves a picture of the page as it is, if SCREENSHOTS is set.
func (v *viewer) shoot(name string) {
	v.t.Helper()
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		return
	}
	picture, err := chromedp.Run(v.Ctx, chromedp.FullScreenshot(100))
	if v.Eval(`String(!!document.querySelector("sidegate-notice"))`) == "true" { // which is as large as the window
		picture, err = chromedp.Run(v.Ctx, chromedp.CaptureScreenshot())
	}
	if err != nil {
		v.t.Fatalf("taking a picture: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o644); err != nil {
		v.t.Fatal(err)
	}
}
