package dashboards

import (
	"path/filepath"
	"testing"

	"sidegate/test/stage"
)

func TestMarimo(t *testing.T) {
	bin := filepath.Join(stage.Part(t, venv("marimo")), "bin")
	// What its widgets are made of is out of a selector's reach.
	const button = `document.querySelector("marimo-button")?.shadowRoot.querySelector("button")`
	const input = `document.querySelector("marimo-file")?.shadowRoot.querySelector("input[type=file]")`
	_, command := recipe(t, "marimo", bin)
	d := start(t, "marimo", command, nil, map[string]string{"NOTICE": "true"})

	p := d.visit("/?quarter=3", "bob@example.com")
	p.WaitText("body", "Hello, Bob Błażej! Your address is bob@example.com", "Counted 0 for bob@example.com")
	d.with(p, button, "e.click()")
	p.WaitText("body", "Counted 1")
	d.with(p, input, `
		const files = new DataTransfer()
		files.items.add(new File(["0123456789abcdef".repeat(65536)], "upload.bin"))
		e.files = files.files
		e.dispatchEvent(new Event("change", {bubbles: true}))`)
	p.WaitText("body", "Received 1048576 bytes, aca1cd027e979588")
	p.Shoot("marimo")

	d.revoke("bob@example.com")
	p.WaitText("body", "kernel not found")
	d.with(p, button, "e.click()") // its call gets 401
	waitCovered(t, p, true)
	p.Shoot("marimo-ended")
	back := p.Another(t)
	back.Open(d.gate.URL + "/_gate/") // the provider remembers him
	back.WaitText("main", "bob@example.com")
	p.WaitText("body", "Counted 1") // by itself, and with its state
	d.waitGone(p, "kernel not found")
	waitCovered(t, p, false)
	d.with(p, button, "e.click()")
	p.WaitText("body", "Counted 2 for bob@example.com")

	d.followLogout(p, "#logout")
	d.saw(row{
		App: "marimo", Version: release(t, "marimo", "marimo"),
		Who: "`mo.app_meta().request.headers`", Live: "a button, over POST and WebSocket", Upload: "1 MiB",
		Logout: "a link to `/_gate/logout`",
		Ended:  "with `SIDEGATE_NOTICE=true` that it has ended, at the next click; it goes on, with its state, after a sign-in in another tab. Without, it turns red: “kernel not found”",
	})
}
