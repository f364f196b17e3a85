package dashboards

import (
	"path/filepath"
	"testing"

	"sidegate/test/stage"
)

func TestNiceGUI(t *testing.T) {
	bin := filepath.Join(stage.Part(t, venv("nicegui")), "bin")
	_, command := recipe(t, "nicegui", bin)
	d := start(t, "nicegui", command, nil, map[string]string{"NOTICE": "true"})

	p := d.visit("/?quarter=3", "bob@example.com")
	p.WaitText("body", "Hello, Bob Błażej! Your address is bob@example.com", "Counted 0")
	p.ClickUntil(".add", "body", "Counted 1")
	p.Upload(`input[type="file"]`, file(t, "upload.bin", 1<<20))
	p.WaitText("body", "Received 1048576 bytes, aca1cd027e979588")
	p.Shoot("nicegui")

	d.revoke("bob@example.com")
	p.WaitText("body", "Connection lost")
	waitCovered(t, p, true)
	p.Shoot("nicegui-ended")
	back := p.Another(t)
	back.Open(d.gate.URL + "/_gate/") // the provider remembers him
	back.WaitText("main", "bob@example.com")
	d.waitGone(p, "Connection lost")
	waitCovered(t, p, false)
	p.WaitPath("/?quarter=3")
	// It counts on where somebody is back within NiceGUI's three seconds, and from 0 where
	// it loaded itself again.
	p.ClickUntil(".add", "body", "Counted 2")

	d.followLogout(p, ".logout")
	d.saw(row{
		App: "NiceGUI", Version: release(t, "nicegui", "nicegui"),
		Who: "`request.headers` of the page's `fastapi.Request`", Live: "a button, over the WebSocket", Upload: "1 MiB",
		Logout: "a button that leads to `/_gate/logout`",
		Ended:  "with `SIDEGATE_NOTICE=true` that it has ended, within seconds; it goes on, or loads itself again, after a sign-in in another tab. Without, “Connection lost”",
	})
}
