package dashboards

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sidegate/test/rig"
	"sidegate/test/stage"
)

func TestDash(t *testing.T) {
	python := filepath.Join(stage.Part(t, venv("dash")), "bin", "python")
	d := start(t, "dash", []string{python, source(t, "dash", "app.py")}, nil, map[string]string{"NOTICE": "true"})

	p := d.visit("/?quarter=3", "alice@example.com")
	p.WaitText("body", "Hello, Alice Example! Your address is alice@example.com", "Query ?quarter=3", "Counted 0")
	p.Click("#add")
	p.WaitText("#count", "Counted 1 for alice@example.com")
	p.WaitChange("#tick")
	p.Upload(`#upload input[type="file"]`, file(t, "upload.bin", 1<<20))
	p.WaitText("#received", "Received 1048576 bytes", "aca1cd027e979588")
	p.Shoot("dash")

	bob := d.visit("/", "bob@example.com")
	bob.WaitText("#who", "Hello, Bob Błażej! Your address is bob@example.com")

	d.revoke("alice@example.com")
	waitCovered(t, p, true)
	p.Shoot("dash-ended")
	second := p.Another(t)
	second.Open(d.gate.URL + "/?quarter=4") // the provider remembers her
	second.WaitText("#who", "alice@example.com")
	waitCovered(t, p, false)
	p.WaitChange("#tick")
	p.Click("#add")
	p.WaitText("#count", "Counted 2 for alice@example.com")

	p.Click("#logout")
	p.WaitText("main", "You are signed out")
	d.wantSignedOut(p)
	d.saw(row{
		App: "Dash", Version: release(t, "dash", "dash"),
		Who: "`flask.request.headers[\"X-User-Email\"]`", Live: "a button and a clock, by callbacks", Upload: "1 MiB",
		Logout: "a link to `/_gate/logout`",
		Ended:  "with `SIDEGATE_NOTICE=true` that it has ended, within seconds; it goes on after a sign-in in another tab. Without, nothing: buttons are dead",
	})
}

// waitCovered waits until the notice covers the page, or does not any more.
func waitCovered(t *testing.T, p *stage.Tab, want bool) {
	t.Helper()
	rig.Eventually(t, func() string { return fmt.Sprintf("covered is not %v\n%s", want, p.State()) }, func() bool {
		return p.Eval(`String(!!document.querySelector("sidegate-notice"))`) == fmt.Sprint(want)
	})
}

// release is the version of a package in an environment.
func release(t *testing.T, env, name string) string {
	t.Helper()
	python := filepath.Join(stage.Part(t, venv(env)), "bin", "python")
	out, err := exec.Command(python, "-c", "import importlib.metadata, sys; print(importlib.metadata.version(sys.argv[1]))", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}
