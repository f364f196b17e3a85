package dashboards

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sidegate/test/parts"
	"sidegate/test/rig"
	"sidegate/test/stage"
)

// slots are how many dashboards are tried at once: each is a server, a browser, a
// provider and sidegate.
var slots = make(chan struct{}, 2)

// dashboard is one that runs behind sidegate.
type dashboard struct {
	t       *testing.T
	gate    *stage.Gate
	browser *stage.Browser
}

// venv is the Python environment that holds what testdata/name/requirements.txt names.
func venv(name string) func(parts.Cache) string {
	return func(c parts.Cache) string { return c.App(name) }
}

// source is the path of a file in testdata/name.
func source(t *testing.T, name, file string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("testdata", name, file))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// start runs a dashboard by `sidegate run -- command`, with settings by their names
// less SIDEGATE_, and env for the app. It waits until the app answers and sidegate
// knows which it is; preset is which that has to be.
func start(t *testing.T, preset string, command, env []string, settings map[string]string) *dashboard {
	t.Helper()
	t.Parallel()
	slots <- struct{}{}
	t.Cleanup(func() { <-slots })

	d := &dashboard{t: t, browser: stage.NewBrowser(t), gate: stage.NewGate(t, settings)}
	d.gate.Settings["ISSUER"] = stage.StartProvider(t, d.gate.Callback())
	d.gate.Serve(t, env, append([]string{"run", "--"}, command...)...)
	rig.Eventually(t, func() string { return "the app does not answer; sidegate printed:\n" + d.gate.Output.Tail(4<<10) }, func() bool {
		d.gate.Alive(t)
		out := d.gate.Output.String()
		return strings.Contains(out, `"the app answers"`) && strings.Contains(out, `"preset":"`+preset+`"`)
	})
	return d
}

// visit opens a path in a profile of its own and signs in.
func (d *dashboard) visit(path, account string) *stage.Tab {
	d.t.Helper()
	p := d.browser.Profile(d.t)
	p.Open(d.gate.URL + path)
	p.SignIn(account)
	p.WaitPath(path)
	return p
}

// revoke ends all sessions of a person, as an operator does.
func (d *dashboard) revoke(email string) {
	d.t.Helper()
	revoke := exec.Command(stage.Program(d.t), "sessions", "revoke", email)
	revoke.Env = d.gate.Env()
	out, err := revoke.CombinedOutput()
	if err != nil || strings.Contains(string(out), "0 sessions") {
		d.t.Fatalf("sessions revoke: %v, it printed %q", err, out)
	}
}

// wantSignedOut checks that the tab's browser has no session any more. It leaves the
// page where it is.
func (d *dashboard) wantSignedOut(p *stage.Tab) {
	d.t.Helper()
	rig.Eventually(d.t, func() string { return "still signed in\n" + p.State() }, func() bool {
		return p.Cookie("sidegate") == "" || p.Eval(`(async () => String((await fetch("/_gate/userinfo")).status))()`) == "401"
	})
}

// file writes a file of n bytes to upload, and returns its path.
func file(t *testing.T, name string, n int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(strings.Repeat("0123456789abcdef", n/16)), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}
