package dashboards

import (
	"path/filepath"
	"testing"

	"sidegate/test/stage"
)

func TestSolara(t *testing.T) {
	bin := filepath.Join(stage.Part(t, venv("solara")), "bin")
	const add = `document.querySelector(".add")`
	_, command := recipe(t, "solara", bin)
	d := start(t, "solara", command, nil, map[string]string{"NOTICE": "true"})

	p := d.visit("/?quarter=3", "bob@example.com")
	p.WaitText("body", "Hello, Bob Błażej! Your address is bob@example.com", "Counted 0", "Drop file here")
	d.with(p, add, "e.click()")
	p.WaitText("body", "Counted 1")
	if got := p.Eval(`(async () => String((await fetch("/resourcez")).status))()`); got != "404" {
		t.Errorf("what is for the server's operator is answered %s", got)
	}
	p.Shoot("solara")

	d.revoke("bob@example.com")
	d.wantSignedOut(p)
	d.with(p, add, "e.click()")
	p.WaitText("body", "Counted 1") // nothing of its own tells
	waitCovered(t, p, true)
	p.Shoot("solara-ended")
	p.Reload() // the provider remembers him
	p.WaitPath("/?quarter=3")
	p.WaitText("body", "Your address is bob@example.com", "Counted 0")

	d.followLogout(p, "#logout")
	d.saw(row{
		App: "Solara", Version: release(t, "solara", "solara"),
		Who: "`solara.lab.headers`", Live: "a button, over the WebSocket",
		Logout: "a link to `/_gate/logout`",
		Ended:  "with `SIDEGATE_NOTICE=true` that it has ended, within seconds; loading it again leads to sign in and back. Without, nothing: buttons are dead",
	})
}
