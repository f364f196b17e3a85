package pages

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"sidegate/demo"
	"sidegate/test/rig"
	"sidegate/test/stage"
)

const scope = "https://www.googleapis.com/auth/youtube.readonly"

// startDemo starts the program's demo with all that its pages can have.
func startDemo(t *testing.T) *stage.Gate {
	t.Helper()
	path := filepath.Join(t.TempDir(), "logo.svg")
	if err := os.WriteFile(path, []byte(logo), 0o600); err != nil {
		t.Fatal(err)
	}
	g := stage.NewGate(t, nil)
	for name := range g.Settings {
		if !strings.HasSuffix(name, "LISTEN") {
			delete(g.Settings, name)
		}
	}
	g.Settings["NAME"], g.Settings["LOGO"] = "Sales dashboard", path
	g.Settings["SIGN_IN_PAGE"], g.Settings["NOTICE"], g.Settings["CONNECT_SCOPES"] = "true", "true", scope
	g.Serve(t, nil, "demo")
	return g
}

// The pages that people see on their way through the demo, the sample dashboard and the
// notice over it included.
func TestTheDemoIsForEverybody(t *testing.T) {
	t.Parallel()
	b := stage.NewBrowser(t)
	g := startDemo(t)
	v := newViewer(t, b.Profile(t))
	shown := map[string]bool{}
	see := func(name, css, text string) {
		t.Helper()
		v.WaitText(css, text)
		shown[answer[string](v, "document.body.className")] = true
		v.judge(name)
		for _, address := range v.log.foreign(answer[string](v, "location.origin")) {
			if !strings.HasPrefix(address, g.URL) && !strings.HasPrefix(address, "http://127.0.0.1:") { // on the way to or from the provider
				t.Errorf("%s: the page asks %s", name, address)
			}
		}
	}
	v.Open(g.URL + "/?deep=link")
	see("way-signin", "h1", "Sign in")
	v.press(".choice")
	see("demo-signin", "h1", "Who do you want to be?")
	provider := answer[string](v, "location.origin")
	v.press(as("mallory@evil.example"))
	see("way-refused", "h1", "No access")
	v.press(".button")
	v.WaitText("h1", "Who do you want to be?")
	v.press(as("alice@example.com"))
	v.WaitText("#state", "live")
	v.press("#send")
	v.WaitText("#echo", "came back")
	see("demo-dashboard", "h1", "alice@example.com")
	v.Open(g.URL + "/_gate/connect?scopes=" + scope + "&rd=/_gate/")
	v.WaitText("h1", "Who do you want to be?")
	v.press(as("alice@example.com"))
	see("demo-consent", "h1", "wants access to your data")
	v.press(`button[value="allow"]`)
	v.WaitText("h2", "Where you are signed in")
	see("way-account", "main", scope)
	v.Open(provider + "/authorize")
	see("demo-message", "h1", "That did not work")

	first := v.Tab
	over := newViewer(t, first.Another(t))
	over.openShadows()
	over.Open(g.URL + "/")
	over.WaitText("#state", "live")
	v.Open(g.URL + "/_gate/logout")
	see("way-confirm", "h1", "Sign out?")
	v.press("main form button")
	see("way-signedout", "h1", "You are signed out")
	rig.Eventually(t, func() string { return "there is no notice\n" + over.State() }, func() bool {
		return over.Eval(`String(!!document.querySelector("sidegate-notice"))`) == "true"
	})
	over.judge("notice")

	for _, name := range templates(t, "demo/page") {
		if !shown[name] {
			t.Errorf("no test has looked at demo/page/%s.html", name)
		}
	}
}

// as is the button of an account on the demo provider's page.
func as(account string) string { return `button[value="` + account + `"]` }

// press presses something by keyboard: where a busy browser has not drawn the page yet,
// a mouse may hit what is beside it.
func (v *viewer) press(css string) {
	v.t.Helper()
	v.Do("pressing "+css, chromedp.Focus(chromedp.CSS(css)), chromedp.KeyEvent(kb.Enter))
}

// openShadows lets axe-core look into what is closed to the page's own scripts.
func (v *viewer) openShadows() {
	v.t.Helper()
	const script = `{ const attach = Element.prototype.attachShadow; Element.prototype.attachShadow = function () { return attach.call(this, {mode: "open"}); }; }`
	if _, err := chromedp.Call(v.Ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script}); err != nil {
		v.t.Fatal(err)
	}
}

// The sample dashboard without sidegate in front of it, and after its socket has closed.
func TestTheSampleDashboardOfNobodyIsForEverybody(t *testing.T) {
	t.Parallel()
	b := stage.NewBrowser(t)
	app := httptest.NewServer(demo.NewDashboard())
	t.Cleanup(app.Close)
	v := newViewer(t, b.Profile(t))
	v.Open(app.URL)
	v.WaitText("#state", "live")
	v.Eval(`socket.close(); ""`)
	v.WaitText("#ended", "Disconnected")
	v.judge("demo-disconnected")
}
