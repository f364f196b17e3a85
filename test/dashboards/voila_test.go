package dashboards

import (
	"path/filepath"
	"testing"

	"sidegate/test/stage"
)

func TestVoila(t *testing.T) {
	bin := filepath.Join(stage.Part(t, venv("voila")), "bin")
	_, command := recipe(t, "voila", bin)
	d := start(t, "voila", command, nil, map[string]string{"NOTICE": "true"})

	p := d.visit("/?quarter=3", "bob@example.com")
	p.WaitText("body", "Hello, Bob Błażej! Your address is bob@example.com", "Counted 0")
	d.press(p, "Add one")
	p.WaitText("body", "Counted 1")
	// The button makes an input that is in no page, and clicks it: the test puts it into this one.
	p.Eval(`HTMLInputElement.prototype.click = function() { document.body.append(this) }, ""`)
	p.Click("button .fa-upload")
	p.Upload(`input[type="file"]`, file(t, "upload.bin", 1<<20))
	p.WaitText("body", "Received 1048576 bytes, aca1cd027e979588")
	p.Shoot("voila")

	d.revoke("bob@example.com")
	d.wantSignedOut(p)
	d.press(p, "Add one")
	p.WaitText("body", "Counted 1") // nothing of its own tells
	waitCovered(t, p, true)
	p.Shoot("voila-ended")
	p.Reload() // the provider remembers him
	p.WaitPath("/?quarter=3")
	p.WaitText("body", "Your address is bob@example.com", "Counted 0")

	p.Click(`a[href="/_gate/logout"]`) // in a tab of its own
	d.wantSignedOut(p)
	d.saw(row{
		App: "Voilà", Version: release(t, "voila", "voila"),
		Who: "`os.environ[\"HTTP_X_USER_EMAIL\"]`", Live: "a button, over the WebSocket", Upload: "1 MiB",
		Logout: "a link to `/_gate/logout`, in a new tab",
		Ended:  "with `SIDEGATE_NOTICE=true` that it has ended, within seconds; loading it again leads to sign in and back. Without, nothing: buttons are dead",
	})
}
