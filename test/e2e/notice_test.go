package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"sidegate/session/sessiontest"
	"sidegate/test/rig"
)

// strictPolicy allows a page no more than what the notice needs, and no code from text.
const strictPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; require-trusted-types-for 'script'"

// reportApp is a plain app that says nothing when its calls fail: a page with
// somebody's figures, a field to fill in, and a button that asks for more.
func reportApp(t *testing.T) string {
	t.Helper()
	app := http.NewServeMux()
	app.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", strictPolicy)
		w.Header().Set("ETag", `"always the same"`)
		if r.Header.Get("If-None-Match") == `"always the same"` {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		fmt.Fprintf(w, `<!doctype html><html><head><base href="/elsewhere/" target="_blank"><title>Report</title>
<link rel="stylesheet" href="/app.css"><script src="/app.js" defer></script></head>
<body><h1>Turnover 4711, for %s</h1><input id="field"><button id="call">More</button><p id="answer"></p></body></html>`, r.Header.Get("X-User-Email"))
	})
	app.HandleFunc("/more", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "more") })
	app.HandleFunc("/app.css", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/css")
		_, _ = io.WriteString(w, "* { display: none; font: 40px fantasy; color: red; } html, body, h1, input, button, p { display: block; }")
	})
	app.HandleFunc("/app.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		_, _ = io.WriteString(w, `
var keys = 0, violations = [];
document.addEventListener("keydown", () => keys++);
document.addEventListener("securitypolicyviolation", (e) => violations.push(e.violatedDirective + " " + e.blockedURI));
call.onclick = async () => { const a = await fetch("/more"); await a.text(); answer.textContent = "got " + a.status; };`)
	})
	s := httptest.NewServer(app)
	t.Cleanup(s.Close)
	return s.URL
}

// reports is a sidegate with the notice in front of that app.
func reports(t *testing.T, more map[string]string) *gate {
	t.Helper()
	g := newGate(t, map[string]string{"UPSTREAM": reportApp(t), "NOTICE": "true"})
	for name, value := range more {
		g.settings[name] = value
	}
	g.settings["ISSUER"] = startProvider(t, g.callback())
	g.serve(t)
	return g
}

// revoke ends all sessions of somebody, as the operator does.
func (g *gate) revoke(t *testing.T, who string) {
	t.Helper()
	res, err := http.Post(g.admin+"/sessions/revoke", "application/json", strings.NewReader(fmt.Sprintf(`{"who":[%q]}`, who)))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, _ := io.ReadAll(res.Body); res.StatusCode != http.StatusOK || !strings.Contains(string(body), `"revoked":1`) {
		t.Fatalf("revoking: %s %s", res.Status, body)
	}
}

// questions counts what the notice has asked, by the log, and how often the answer
// had the status.
func (g *gate) questions(status string) (n int) {
	for line := range strings.Lines(g.Output.String()) {
		if strings.Contains(line, `"path":"/_gate/userinfo"`) && strings.Contains(line, `"status":`+status) {
			n++
		}
	}
	return n
}

// aboveAll reports whether the notice is what a person sees and types into.
func (p *tab) aboveAll() bool {
	return p.eval(`String([[5, 5], [innerWidth / 2, innerHeight / 2], [innerWidth - 5, innerHeight - 5]].every(
		([x, y]) => document.elementFromPoint(x, y)?.localName === "sidegate-notice") && document.activeElement.localName === "sidegate-notice" &&
		getComputedStyle(document.body).opacity === "0")`) == "true"
}

// waitCovered waits until the page is covered, and returns how long that took.
func (p *tab) waitCovered(why string) time.Duration {
	p.t.Helper()
	d := took(func() {
		rig.Eventually(p.t, func() string { return why + ": the page is not covered\n" + p.state() }, p.aboveAll)
	})
	p.t.Logf("%s: covered after %s", why, d.Round(10*time.Millisecond))
	return d
}

func (p *tab) covered() bool {
	return p.eval(`String(!!document.querySelector("sidegate-notice"))`) != "false"
}

func (p *tab) waitUncovered(why string) {
	p.t.Helper()
	rig.Eventually(p.t, func() string { return why + ": the page is still covered\n" + p.state() }, func() bool { return !p.covered() })
}

// heard is what a screen reader finds in the page: "role name" of each node.
func (p *tab) heard() string {
	p.t.Helper()
	all, err := chromedp.Call(p.ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	if err != nil {
		p.t.Fatal(err)
	}
	var b strings.Builder
	for _, n := range all.Nodes {
		if n.Ignored || n.Role == nil || n.Name == nil {
			continue
		}
		fmt.Fprintf(&b, "%s %s", word(n.Role), word(n.Name))
		for _, property := range n.Properties {
			if s := string(property.Name); s == "modal" || s == "focused" {
				fmt.Fprintf(&b, " %s=%s", s, word(property.Value))
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

func word(v *accessibility.Value) string { return strings.Trim(string(v.Value), `"`) }

// before has a script run in each page to come before its own.
func (p *tab) before(script string) {
	p.t.Helper()
	if _, err := chromedp.Call(p.ctx, cdppage.AddScriptToEvaluateOnNewDocument, cdppage.AddScriptToEvaluateOnNewDocumentParams{Source: script}); err != nil {
		p.t.Fatal(err)
	}
}

// A page whose call is refused since the session has ended is covered, under the
// strictest policy; nothing in the page gets past the cover, and the way out leads back.
func TestTheNoticeCoversThePageOfAnEndedSession(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	g := reports(t, nil)
	p := b.profile(t)
	p.open(g.url + "/")
	p.signIn("alice@example.com")
	p.waitText("h1", "Turnover 4711, for alice@example.com")
	p.open(g.url + "/report?week=7&x=a%20b#chart")
	p.waitText("h1", "Turnover 4711")
	p.click("#call")
	p.waitText("#answer", "got 200")
	rig.Eventually(t, func() string { return "the notice never asked who is signed in" }, func() bool { return g.questions("200") >= 2 })
	p.do("typing", chromedp.Click(chromedp.CSS("#field")), chromedp.KeyEvent("unsaved"))

	g.revoke(t, "alice@example.com")
	p.click("#call")
	if d := p.waitCovered("a call was refused"); d > 10*time.Second {
		t.Errorf("covered after %s, want a few seconds", d)
	}
	heard := p.heard()
	for _, want := range []string{"dialog Your session has ended modal=true", "link Sign in again focused=true"} {
		if !strings.Contains(heard, want) {
			t.Errorf("a screen reader does not find %q in\n%s", want, heard)
		}
	}
	if strings.Contains(heard, "4711") || strings.Contains(heard, "button More") {
		t.Errorf("a screen reader finds what is covered:\n%s", heard)
	}
	p.shoot("notice")

	keys := p.eval("String(keys)")
	p.do("pressing keys", chromedp.KeyEvent(kb.Escape), chromedp.KeyEvent(kb.Escape), chromedp.KeyEvent("x"), chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Tab))
	p.eval(`field.focus(); call.focus(); ""`)
	if !p.aboveAll() {
		p.waitCovered("after keys and calls of focus()")
	}
	if now := p.eval("String(keys)"); now != keys {
		t.Errorf("the app received %s keys before the cover, and %s after it", keys, now)
	}
	for what, does := range map[string]string{
		"the app opens a modal dialog": `const theirs = document.createElement("dialog"); theirs.append(document.createElement("input")); document.body.append(theirs); theirs.showModal(); ""`,
		"the app tidies up":            `document.querySelector("sidegate-notice").remove(); document.adoptedStyleSheets = []; ""`,
		"the app goes elsewhere":       `history.pushState(null, "", "/report?week=8&x=a%20b#table"); ""`,
	} {
		p.eval(does)
		p.waitCovered(what)
	}
	if got := p.eval(`violations.join("\n")`); got != "" {
		t.Errorf("the page's policy was violated: %s", got)
	}
	time.Sleep(1500 * time.Millisecond) // the link keeps up with the address once a second
	p.do("signing in again", chromedp.KeyEvent(kb.Enter))
	rig.Eventually(t, func() string { return "not back at the page\n" + p.state() }, func() bool {
		return p.eval("location.pathname + location.search + location.hash") == "/report?week=8&x=a%20b#table"
	})
	p.waitText("h1", "Turnover 4711, for alice@example.com")
	p.waitUncovered("signed in again")
	p.eval(`document.querySelector("#call").click(); ""`)
	p.waitText("#answer", "got 200")
}

// hiding lets a test say whether the page is visible, and makes an interval of the
// page's 10 times shorter.
const hiding = `
Object.defineProperty(document, "hidden", {get: () => !!globalThis.away});
const show = (visible) => { globalThis.away = !visible; document.dispatchEvent(new Event("visibilitychange")); return ""; };
const patient = setInterval;
globalThis.setInterval = (f, ms) => patient(f, ms >= 10_000 ? ms / 10 : ms);`

// Without any call of the page's: the person comes back to it, or looks at it for long,
// or does something in another tab.
func TestTheNoticeNoticesByItself(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	g := reports(t, nil)
	p := b.profile(t)
	p.before(hiding)
	p.open(g.url + "/")
	p.signIn("alice@example.com")
	p.waitText("h1", "alice@example.com")
	other := p.another(t)
	p.do("typing", chromedp.Click(chromedp.CSS("#field")), chromedp.KeyEvent("unsaved"))
	rig.Eventually(t, func() string { return "it does not ask by and by" }, func() bool { return g.questions("200") >= 3 })

	p.eval("show(false)")
	g.revoke(t, "alice@example.com")
	time.Sleep(4 * time.Second) // a question under way, and then more than an interval
	asked := g.questions("")
	time.Sleep(4 * time.Second)
	if now := g.questions(""); now != asked {
		t.Errorf("a hidden page asked %d times", now-asked)
	}
	p.eval("show(true)")
	p.waitCovered("the person comes back")

	other.open(g.url + "/_gate/login?rd=/elsewhere") // the provider remembers alice
	other.waitText("h1", "alice@example.com")
	p.waitUncovered("alice signed in in another tab")
	if got := p.eval(`[field.value, document.activeElement === field, getComputedStyle(document.body).opacity, document.adoptedStyleSheets.length].join()`); got != "unsaved,true,1,0" {
		t.Errorf("uncovered, the page has %q, want what was typed, the focus there, and no style left", got)
	}

	other.open("about:blank")
	g.revoke(t, "alice@example.com")
	if d := p.waitCovered("nothing at all happens, with an interval of 3 s for 30 s"); d > 10*time.Second {
		t.Errorf("covered after %s", d)
	}
	other.open(g.url + "/_gate/login?rd=/&prompt=select_account")
	other.signIn("bob@example.com")
	other.waitText("h1", "bob@example.com")
	p.waitText("h1", "bob@example.com")
	p.waitUncovered("bob signed in in another tab")
	if got := p.eval("field.value"); got != "" {
		t.Errorf("bob finds %q, which alice typed", got)
	}

	p.eval("show(false)") // neither the interval nor a focus, then, but only the message
	other.open(g.url + "/_gate/")
	other.click("main form button")
	other.waitText("main", "You are signed out")
	p.waitCovered("bob signed out in another tab")
}

// A store that cannot be asked signs nobody out, and so covers nothing.
func TestTheNoticeSaysNothingOfAnOutage(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	redis := sessiontest.Redis(t)
	g := reports(t, map[string]string{"SESSION_STORE": redis.URL, "SECRET": sessionSecret, "STORE_GRACE": "1s"})
	p := b.profile(t)
	p.open(g.url + "/")
	p.signIn("alice@example.com")
	p.waitText("h1", "alice@example.com")
	redis.Pause()
	rig.Eventually(t, func() string { return "the notice meets no outage" }, func() bool {
		p.eval(`dispatchEvent(new Event("online")); ""`)
		return g.questions("503") > 0
	})
	time.Sleep(time.Second)
	if p.covered() {
		t.Errorf("the page is covered in an outage\n%s", p.state())
	}
	redis.Resume()
	seen := g.questions("200")
	rig.Eventually(t, func() string { return "the notice does not ask again after the outage" }, func() bool {
		p.eval(`dispatchEvent(new Event("online")); ""`)
		return g.questions("200") > seen
	})
	if p.covered() {
		t.Errorf("the page is covered after an outage\n%s", p.state())
	}
	time.Sleep(14 * time.Second) // an answer of the last ten seconds is not asked for anew for that
	g.revoke(t, "alice@example.com")
	p.do("pressing a key", chromedp.KeyEvent("x"))
	if d := p.waitCovered("the person does something, after an outage"); d > 5*time.Second {
		t.Errorf("covered after %s", d)
	}
}
