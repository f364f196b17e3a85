package dashboards

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"sidegate/proxy/apps"
	"sidegate/test/rig"
	"sidegate/test/stage"
)

// The server runs as the recipe says.
func TestJupyterLab(t *testing.T) {
	recipe := apps.Named("jupyter").Recipe
	bin := filepath.Join(stage.Part(t, venv("jupyter")), "bin")
	home := t.TempDir()
	for _, f := range recipe.Files {
		write(t, filepath.Join(home, f.Name), []byte(f.Content))
	}
	notebook, err := os.ReadFile(source(t, "jupyter", "figures.ipynb"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(home, "figures.ipynb"), notebook)
	command := []string{"env", "--chdir=" + home, "PATH=" + bin + ":" + os.Getenv("PATH")}
	d := start(t, "jupyter", append(command, recipe.Command...), nil, map[string]string{"NOTICE": "true"})

	p := d.visit("/lab/tree/figures.ipynb?reset", "bob@example.com")
	p.WaitText("#jp-main-statusbar", "Python 3 (ipykernel) | Idle") // before, a cell that is run is not
	if who := p.Eval(`(async () => (await fetch("/api/me")).text())()`); !strings.Contains(who, `"username": "bob@example.com"`) ||
		!strings.Contains(who, `Bob B\u0142a\u017cej`) {
		t.Errorf("Jupyter says that this is %s", who)
	}
	runCell(p)
	p.WaitText(".jp-Notebook", "The answer is 42") // over the kernel's WebSocket
	if status := p.Eval(`(async () => String((await fetch("/api/shutdown", {method: "POST"})).status))()`); status != "404" {
		t.Errorf("a browser may end the server: %s, want 404", status)
	}
	p.Shoot("JupyterLab")

	jupyterEnded(t, d, p)

	const logout = `.lm-Menu-item[data-command="filemenu:logout"]`
	p.ClickUntil(`.lm-MenuBar-item:first-of-type`, logout, "Log Out") // File
	clickItem(t, p, logout)
	p.WaitText("main", "You are signed out")
	d.wantSignedOut(p)

	d.saw(row{
		App: "JupyterLab", Version: release(t, "jupyter", "jupyterlab"), Who: "`GET /api/me`",
		Live: "a cell, over the kernel's WebSocket", Logout: "File > Log Out",
		Ended: "with `SIDEGATE_NOTICE=true` that it has ended, within seconds; after a sign-in in another tab it goes on, with its kernel and what is not saved",
	})
}

// jupyterEnded: the session ends under a page with work that is not saved, and nothing
// of it is lost.
func jupyterEnded(t *testing.T, d *dashboard, p *stage.Tab) {
	t.Helper()
	p.Eval(`(Math.random = () => 0, "")`) // it asks for its kernel every 10 to 30 seconds, at random
	d.revoke("bob@example.com")
	// What its dialog shows when it cannot save, where no notice covers it.
	refused := p.Eval(`(async () => (await (await fetch("/api/contents/figures.ipynb", {method: "PUT"})).json()).message)()`)
	if !strings.Contains(refused, "nothing on this page is lost") {
		t.Errorf("a save is refused with %q", refused)
	}
	waitCovered(t, p, true)
	p.Shoot("JupyterLab-ended")
	if text := p.Text("body"); strings.Contains(text, "Kernel died") {
		t.Errorf("the page takes its kernel for dead: %s", text)
	}

	other := p.Another(t)
	other.Open(d.gate.URL + "/lab/workspaces/other") // the provider remembers him
	waitCovered(t, p, false)
	other.Close()
	runCell(p)
	p.WaitText(".jp-Notebook", "[2]:") // the kernel is the one that counted 1 before
	p.Click(`jp-button[data-command="docmanager:save"]`)
	rig.Eventually(t, func() string { return "the notebook is not saved\n" + p.State() }, func() bool {
		return p.Eval(`document.querySelector(".jp-mod-dirty") ? "" : "saved"`) == "saved"
	})
}

// runCell runs the first cell of the notebook.
func runCell(p *stage.Tab) {
	p.Click(".jp-CodeCell .cm-content")
	p.Click(`jp-button[data-command="notebook:run-cell-and-select-next"]`)
}

// clickItem takes an item of an open menu: a click counts for the one alone that the
// mouse moved to.
func clickItem(t *testing.T, p *stage.Tab, css string) {
	t.Helper()
	var x, y float64
	at := p.Eval(fmt.Sprintf(`(() => {
		const r = document.querySelector(%q).getBoundingClientRect()
		return (r.x + r.width / 2) + " " + (r.y + r.height / 2)
	})()`, css))
	if _, err := fmt.Sscan(at, &x, &y); err != nil {
		t.Fatalf("no menu item %s: %v\n%s", css, err, p.State())
	}
	p.Do("moving the mouse", chromedp.MouseEvent(chromedp.MouseMoved, x, y))
	p.Do("clicking "+css, chromedp.MouseClickXY(x, y))
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}
