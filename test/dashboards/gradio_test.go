package dashboards

import (
	"path/filepath"
	"testing"

	"sidegate/test/stage"
)

func TestGradio(t *testing.T) {
	python := filepath.Join(stage.Part(t, venv("gradio")), "bin", "python")
	d := start(t, "gradio", []string{python, source(t, "gradio", "app.py")}, nil, nil)

	p := d.visit("/?quarter=3", "alice@example.com")
	p.WaitText("body", "Hello, Alice Example! Your address is alice@example.com", "Query quarter=3")
	p.Click("#add")
	p.WaitText("#count", "Counted 1 for alice@example.com")
	p.Upload(`#upload input[type="file"]`, file(t, "upload.bin", 1<<20))
	p.WaitText("#received", "Received 1048576 bytes", "aca1cd027e979588")
	p.WaitText("#back", "upload")
	if size := p.Eval(`(async () => String((await (await fetch(document.querySelector("#back a").href)).blob()).size))()`); size != "1048576" {
		t.Errorf("the file that the app gives back has %q bytes", size)
	}
	p.Shoot("gradio")

	bob := d.visit("/", "bob@example.com")
	bob.WaitText("#who", "Hello, Bob Błażej! Your address is bob@example.com")

	// At the next click its own box says so. A sign-in in the tab that the link in it
	// opens, and the page goes on with all that was in it.
	const box = `[data-testid="toast-body"]`
	d.revoke("alice@example.com")
	p.Click("#add")
	p.WaitText(box, "Your session has ended", "Sign in again")
	p.Shoot("gradio-ended")
	if href := p.Eval(`document.querySelector('` + box + ` a').href`); href != d.gate.URL+"/_gate/ended" {
		t.Errorf("its link leads to %q", href)
	}
	second := p.Another(t)
	second.Open(d.gate.URL + "/_gate/ended")
	second.WaitText("main", "Your session has ended")
	second.Click("main a.button") // the provider remembers her
	second.WaitText("#who", "alice@example.com")
	p.Click("#add")
	p.WaitText("#count", "Counted 2 for alice@example.com")

	// While something runs, the page notices at once, and loads itself again after a
	// sign-in.
	p.Click("#slowly")
	p.WaitText("#step", "Step 3")
	d.revoke("alice@example.com")
	p.WaitText("body", "Connection to the server was lost")
	second.Open(d.gate.URL + "/?quarter=4")
	second.WaitText("#who", "alice@example.com")
	p.WaitText("#count", "Counted 0")
	p.WaitPath("/?quarter=3")
	p.WaitText("#who", "alice@example.com") // it is alive again

	p.Click("#logout")
	p.WaitText("main", "You are signed out")
	d.wantSignedOut(p)
	d.saw(row{
		App: "Gradio", Version: release(t, "gradio", "gradio"),
		Who: "`request.headers[\"X-User-Email\"]` of a `gr.Request`", Live: "a button, results as they come", Upload: "1 MiB, and back",
		Logout: "a button with `link=\"/logout\"`",
		Ended:  "at the next click a box of its own with a link to sign in, and it goes on; while something runs at once “Connection to the server was lost”, and it loads itself again after a sign-in",
	})
}
