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
	"sidegate/test/stage"
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
		_, _ = io.WriteString(w, "* { display: none; pointer-events: none; font: 40px fantasy; color: red; } html, body, h1, input, button, p { display: block; pointer-events: auto; }")
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
func reports(t *testing.T, more map[string]string) *stage.Gate {
	t.Helper()
	g := stage.NewGate(t, map[string]string{"UPSTREAM": reportApp(t), "NOTICE": "true"})
	for name, value := range more {
		g.Settings[name] = value
	}
	g.Settings["ISSUER"] = stage.StartProvider(t, g.Callback())
	g.Serve(t, nil)
	return g
}

// revoke ends all sessions of somebody, as the operator does.
func revoke(t *testing.T, g *stage.Gate, who string) {
	t.Helper()
	res, err := http.Post(g.Admin+"/sessions/revoke", "application/json", strings.NewReader(fmt.Sprintf(`{"who":[%q]}`, who)))
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
func questions(g *stage.Gate, status string) (n int) {
	for line := range strings.Lines(g.Output.String()) {
		if strings.Contains(line, `"path":"/_gate/userinfo"`) && strings.Contains(line, `"status":`+status) {
			n++
		}
	}
	return n
}

// waitAsked waits until that has happened n times and somebody was signed in.
func waitAsked(t *testing.T, p *stage.Tab, g *stage.Gate, n int) {
	t.Helper()
	rig.Eventually(t, func() string {
		return fmt.Sprintf("who is signed in was asked %d times, want %d\n%s", questions(g, "200"), n, p.State())
	}, func() bool { return questions(g, "200") >= n })
}

// aboveAll reports whether the notice is what a person sees and types into.
func aboveAll(p *stage.Tab) bool {
	return p.Eval(`String([[5, 5], [innerWidth / 2, innerHeight / 2], [innerWidth - 5, innerHeight - 5]].every(
		([x, y]) => document.elementFromPoint(x, y)?.localName === "sidegate-notice") && document.activeElement.localName === "sidegate-notice" &&
		getComputedStyle(document.body).opacity === "0")`) == "true"
}

// waitCovered waits until the page is covered, and returns how long that took.
func waitCovered(t *testing.T, p *stage.Tab, why string) time.Duration {
	t.Helper()
	d := took(func() {
		rig.Eventually(t, func() string { return why + ": the page is not covered\n" + p.State() }, func() bool { return aboveAll(p) })
	})
	t.Logf("%s: covered after %s", why, d.Round(10*time.Millisecond))
	return d
}

func covered(p *stage.Tab) bool {
	return p.Eval(`String(!!document.querySelector("sidegate-notice"))`) != "false"
}

func waitUncovered(t *testing.T, p *stage.Tab, why string) {
	t.Helper()
	rig.Eventually(t, func() string { return why + ": the page is still covered\n" + p.State() }, func() bool { return !covered(p) })
}

// heard is what a screen reader finds in the page: "role name" of each node.
func heard(t *testing.T, p *stage.Tab) string {
	t.Helper()
	all, err := chromedp.Call(p.Ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	if err != nil {
		t.Fatal(err)
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
func before(t *testing.T, p *stage.Tab, script string) {
	t.Helper()
	if _, err := chromedp.Call(p.Ctx, cdppage.AddScriptToEvaluateOnNewDocument, cdppage.AddScriptToEvaluateOnNewDocumentParams{Source: script}); err != nil {
		t.Fatal(err)
	}
}

// A page whose call is refused since the session has ended is covered, under the
// strictest policy; nothing in the page gets past the cover, and the way out leads back.
func TestTheNoticeCoversThePageOfAnEndedSession(t *testing.T) {
	t.Parallel()
	b := stage.NewBrowser(t)
	g := reports(t, nil)
	p := b.Profile(t)
	p.Open(g.URL + "/")
	p.SignIn("alice@example.com")
	p.WaitText("h1", "Turnover 4711, for alice@example.com")
	waitAsked(t, p, g, 1)
	p.Open(g.URL + "/report?week=7&x=a%20b#chart")
	p.WaitText("h1", "Turnover 4711")
	p.Click("#call")
	p.WaitText("#answer", "got 200")
	waitAsked(t, p, g, 2)
	p.Do("typing", chromedp.Click(chromedp.CSS("#field")), chromedp.KeyEvent("unsaved"))

	revoke(t, g, "alice@example.com")
	p.Click("#call")
	if d := waitCovered(t, p, "a call was refused"); d > 10*time.Second {
		t.Errorf("covered after %s, want a few seconds", d)
	}
	found := heard(t, p)
	for _, want := range []string{"dialog Your session has ended modal=true", "link Sign in again focused=true"} {
		if !strings.Contains(found, want) {
			t.Errorf("a screen reader does not find %q in\n%s", want, found)
		}
	}
	if strings.Contains(found, "4711") || strings.Contains(found, "button More") {
		t.Errorf("a screen reader finds what is covered:\n%s", found)
	}
	p.Shoot("notice")

	keys := p.Eval("String(keys)")
	p.Do("pressing keys", chromedp.KeyEvent(kb.Escape), chromedp.KeyEvent(kb.Escape), chromedp.KeyEvent("x"), chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Tab))
	p.Eval(`field.focus(); call.focus(); ""`)
	if !aboveAll(p) {
		waitCovered(t, p, "after keys and calls of focus()")
	}
	if now := p.Eval("String(keys)"); now != keys {
		t.Errorf("the app received %s keys before the cover, and %s after it", keys, now)
	}
	for what, does := range map[string]string{
		"the app opens a modal dialog": `const theirs = document.createElement("dialog"); theirs.append(document.createElement("input")); document.body.append(theirs); theirs.showModal(); ""`,
		"the app tidies up":            `document.querySelector("sidegate-notice").remove(); document.adoptedStyleSheets = []; ""`,
		"the app goes elsewhere":       `history.pushState(null, "", "/report?week=8&x=a%20b#table"); ""`,
	} {
		p.Eval(does)
		waitCovered(t, p, what)
	}
	if got := p.Eval(`violations.join("\n")`); got != "" {
		t.Errorf("the page's policy was violated: %s", got)
	}
	time.Sleep(1500 * time.Millisecond) // the link keeps up with the address once a second
	p.Eval(`globalThis.former = "the former page"`)
	p.Do("signing in again", chromedp.KeyEvent(kb.Enter))
	rig.Eventually(t, func() string { return "not back at the page\n" + p.State() }, func() bool { // and that in this very tab
		return p.Eval(`location.pathname + location.search + location.hash + (globalThis.former ?? "")`) == "/report?week=8&x=a%20b#table"
	})
	p.WaitText("h1", "Turnover 4711, for alice@example.com")
	waitUncovered(t, p, "signed in again")
	p.Eval(`document.querySelector("#call").click(); ""`)
	p.WaitText("#answer", "got 200")
}

// hiding lets a test say whether the page is visible, and makes a long interval of the
// page's 10 times shorter, or has it stand still.
const hiding = `
Object.defineProperty(document, "hidden", {get: () => !!globalThis.away});
const show = (visible) => { globalThis.away = !visible; document.dispatchEvent(new Event("visibilitychange")); return ""; };
const patient = setInterval;
globalThis.setInterval = (f, ms) => ms < 10_000 ? patient(f, ms) : patient(() => { if (!globalThis.still) f(); }, ms / 10);`

// Without any call of the page's: the person comes back to it, or looks at it for long,
// or does something in another tab.
func TestTheNoticeNoticesByItself(t *testing.T) {
	t.Parallel()
	b := stage.NewBrowser(t)
	g := reports(t, nil)
	p := b.Profile(t)
	before(t, p, hiding)
	p.Open(g.URL + "/")
	p.SignIn("alice@example.com")
	p.WaitText("h1", "alice@example.com")
	other := p.Another(t)
	p.Do("typing", chromedp.Click(chromedp.CSS("#field")), chromedp.KeyEvent("unsaved"))
	waitAsked(t, p, g, 3) // by and by

	p.Eval("show(false)")
	revoke(t, g, "alice@example.com")
	time.Sleep(4 * time.Second) // a question under way, and then more than an interval
	asked := questions(g, "")
	time.Sleep(4 * time.Second)
	if now := questions(g, ""); now != asked {
		t.Errorf("a hidden page asked %d times", now-asked)
	}
	p.Eval("globalThis.still = true; show(true)")
	waitCovered(t, p, "the person comes back")

	other.Open(g.URL + "/_gate/login?rd=/elsewhere") // the provider remembers alice
	other.WaitText("h1", "alice@example.com")
	waitUncovered(t, p, "alice signed in in another tab")
	if got := p.Eval(`[field.value, document.activeElement === field, getComputedStyle(document.body).opacity, document.adoptedStyleSheets.length].join()`); got != "unsaved,true,1,0" {
		t.Errorf("uncovered, the page has %q, want what was typed, the focus there, and no style left", got)
	}

	p.Eval(`globalThis.still = false; ""`)
	other.Open("about:blank")
	revoke(t, g, "alice@example.com")
	if d := waitCovered(t, p, "nothing at all happens, with an interval of 3 s for 30 s"); d > 10*time.Second {
		t.Errorf("covered after %s", d)
	}
	other.Open(g.URL + "/_gate/login?rd=/&prompt=select_account")
	other.SignIn("bob@example.com")
	other.WaitText("h1", "bob@example.com")
	p.WaitText("h1", "bob@example.com")
	waitUncovered(t, p, "bob signed in in another tab")
	if got := p.Eval("field.value"); got != "" {
		t.Errorf("bob finds %q, which alice typed", got)
	}

	p.Eval("show(false)") // neither the interval nor a focus, then, but only the message
	other.Open(g.URL + "/_gate/")
	other.Click("main form button")
	other.WaitText("main", "You are signed out")
	waitCovered(t, p, "bob signed out in another tab")
}

// A store that cannot be asked signs nobody out, and so covers nothing.
func TestTheNoticeSaysNothingOfAnOutage(t *testing.T) {
	t.Parallel()
	b := stage.NewBrowser(t)
	redis := sessiontest.Redis(t)
	g := reports(t, map[string]string{"SESSION_STORE": redis.URL, "SECRET": sessionSecret, "STORE_GRACE": "1s"})
	p := b.Profile(t)
	p.Open(g.URL + "/")
	p.SignIn("alice@example.com")
	p.WaitText("h1", "alice@example.com")
	redis.Pause()
	rig.Eventually(t, func() string { return "the notice meets no outage" }, func() bool {
		p.Eval(`dispatchEvent(new Event("online")); ""`)
		return questions(g, "503") > 0
	})
	time.Sleep(time.Second)
	if covered(p) {
		t.Errorf("the page is covered in an outage\n%s", p.State())
	}
	redis.Resume()
	seen := questions(g, "200")
	rig.Eventually(t, func() string { return "the notice does not ask again after the outage" }, func() bool {
		p.Eval(`dispatchEvent(new Event("online")); ""`)
		return questions(g, "200") > seen
	})
	if covered(p) {
		t.Errorf("the page is covered after an outage\n%s", p.State())
	}
	time.Sleep(14 * time.Second) // an answer of the last ten seconds is not asked for anew for that
	revoke(t, g, "alice@example.com")
	p.Do("pressing a key", chromedp.KeyEvent("x"))
	if d := waitCovered(t, p, "the person does something, after an outage"); d > 5*time.Second {
		t.Errorf("covered after %s", d)
	}
}
