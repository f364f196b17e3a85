package stage

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/chromedp/chromedp"

	"sidegate/test/rig"
)

// arm has the document say whether the next press of the mouse lands on an element, or
// on the button that the element is the picture of.
const arm = `(() => {
	const css = %q;
	window.pressed = "armed";
	window.addEventListener("pointerdown", e => {
		const on = e.composedPath(), button = on[0].closest?.("button, a, label");
		window.pressed = on.some(n => n.matches?.(css)) || button?.querySelector(css) ? "landed" : "missed";
	}, {capture: true, once: true});
	return window.pressed;
})()`

// Click presses an element, once: it tries again only when the press did not land on
// it, as happens when the page moves between the look at it and the press, or when a
// tab in the background is too busy to take one.
func (p *Tab) Click(css string) {
	p.t.Helper()
	rig.Eventually(p.t, func() string { return "no press lands on " + css + "\n" + p.State() }, func() bool {
		if p.Eval(fmt.Sprintf(arm, css)) != "armed" {
			return false // between two documents
		}
		ctx, cancel := context.WithTimeout(p.Ctx, 30*time.Second)
		defer cancel()
		if err := chromedp.Do(ctx, chromedp.Click(chromedp.CSS(css))); err != nil {
			return p.Eval(`window.pressed ?? "gone"`) == "landed"
		}
		return p.landed()
	})
}

// landed waits for word of a press. A document that is there no longer went because
// of it.
func (p *Tab) landed() bool {
	for giveUp := time.Now().Add(5 * time.Second); time.Now().Before(giveUp); time.Sleep(50 * time.Millisecond) {
		switch p.Eval(`window.pressed ?? "gone"`) {
		case "landed", "gone":
			return true
		case "missed":
			return false
		}
	}
	return false
}

// SignIn presses the button of an account on the provider's page, until that page is
// left: it is the way in here, and not what is tried.
func (p *Tab) SignIn(account string) {
	p.t.Helper()
	button := fmt.Sprintf(`button[name="account"][value=%q]`, account)
	p.Click(button)
	pressed := time.Now()
	rig.Eventually(p.t, func() string { return "the provider's page stays\n" + p.State() }, func() bool {
		if time.Since(pressed) > 10*time.Second {
			pressed = time.Now()
			p.Eval(fmt.Sprintf(`document.querySelector(%q)?.click()`, button))
		}
		return p.Eval(fmt.Sprintf(`document.querySelector(%q) ? "" : "left"`, button)) == "left"
	})
}

// ClickUntil presses an element until the page shows what the press is for: pages of
// many frameworks draw a button before they listen to it.
func (p *Tab) ClickUntil(css, where, want string) {
	p.t.Helper()
	var pressed time.Time
	rig.Eventually(p.t, func() string {
		return fmt.Sprintf("pressing %s does not show %q in %s\n%s", css, want, where, p.State())
	}, func() bool {
		if strings.Contains(p.Text(where), want) {
			return true
		}
		if time.Since(pressed) > 15*time.Second {
			p.Click(css)
			pressed = time.Now()
		}
		return false
	})
}
