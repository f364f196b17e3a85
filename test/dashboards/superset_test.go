package dashboards

import (
	"path/filepath"
	"testing"

	"sidegate/test/stage"
)

func TestSuperset(t *testing.T) {
	bin := filepath.Join(stage.Part(t, venv("superset")), "bin")
	dir, command := recipe(t, "superset", bin)
	env := []string{
		"SUPERSET_CONFIG_PATH=superset_config.py", "SUPERSET_HOME=" + dir,
		"SUPERSET_SECRET_KEY=for-a-test-only-for-a-test-only-for-a-test-only",
	}
	prepare(t, dir, env, filepath.Join(bin, "superset"), "db", "upgrade")
	prepare(t, dir, env, filepath.Join(bin, "superset"), "init")
	d := start(t, "superset", command, env, nil)

	const me = `(async () => (await (await fetch("/api/v1/me/")).text()))()`
	p := d.visit("/superset/welcome/?quarter=3", "bob@example.com")
	d.waitEval(p, me, `"email":"bob@example.com"`, `"first_name":"Bob"`, `"last_name":"B\u0142a\u017cej"`)
	p.Open(d.gate.URL + "/chart/list/")
	p.Click(`th[title="Name"]`) // asks for the list in another order
	d.waitEval(p, "location.search", "sortColumn=slice_name")
	p.Shoot("superset")

	d.revoke("bob@example.com")
	p.Click(`th[title="Type"]`) // its call gets 401; the provider remembers him
	d.waitEval(p, me, `"email":"bob@example.com"`)
	d.waitEval(p, "location.pathname", "/chart/list/")

	p.Open(d.gate.URL + "/superset/welcome/")
	d.hover(p, "Settings")
	d.with(p, `document.querySelector('a[href="/logout/"]')`, "e.click()") // a pointer that moves there would close the menu
	p.WaitText("main", "You are signed out")
	d.wantSignedOut(p)
	// Superset's own session is still in this browser.
	d.signInAs(p, "alice@example.com")
	p.Open(d.gate.URL + "/chart/list/")
	d.waitEval(p, me, `"email":"alice@example.com"`, `"first_name":"Alice"`)

	d.saw(row{
		App: "Superset", Version: release(t, "superset", "apache-superset"),
		Who: "the account, made at the first visit", Live: "a list in another order, by a call",
		Logout: "Settings, Logout",
		Ended:  "with the next call it goes to sign in by itself, and comes back",
	})
}
