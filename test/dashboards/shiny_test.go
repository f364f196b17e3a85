package dashboards

import (
	"crypto/md5" //nolint:gosec // R's own checksum of a file
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"sidegate/test/need"
	"sidegate/test/rig"
	"sidegate/test/stage"
)

func TestShiny(t *testing.T) {
	program := need.Program(t, "Rscript", "r-base-core r-cran-shiny")
	version, err := exec.Command(program, "-e", `cat(format(packageVersion("shiny")))`).Output()
	if err != nil {
		t.Fatalf("this test needs the Debian package r-cran-shiny: %v", err)
	}
	shiny(t, "shiny", []string{"env", "LANG=C.UTF-8", program, "-e", "shiny::runApp('" + filepath.Dir(source(t, "shiny", "app.R")) + "', port = {port})"}, row{
		App: "Shiny (R)", Version: string(version), Who: "`session$request$HTTP_X_USER_EMAIL`",
	})
}

func TestShinyForPython(t *testing.T) {
	program := filepath.Join(stage.Part(t, venv("shiny-python")), "bin", "shiny")
	shiny(t, "shiny-python", []string{program, "run", "--no-dev-mode", "--port", "{port}", source(t, "shiny-python", "app.py")}, row{
		App: "Shiny for Python", Version: release(t, "shiny-python", "shiny"), Who: "`session.http_conn.headers[\"X-User-Email\"]`",
	})
}

// shiny runs an app that knows nothing of sidegate but the names of two headers and
// the address of a link.
func shiny(t *testing.T, preset string, command []string, r row) {
	d := start(t, preset, command, []string{"PYTHONDONTWRITEBYTECODE=1"}, nil)
	p := d.visit("/?region=north", "bob@example.com")
	p.WaitText("body", "Signed in as bob@example.com", "Bob Błażej", "Looking at ?region=north", "Counted 0")
	p.Click("#add")
	p.WaitText("#count", "Counted 1")

	path := file(t, "upload.bin", 1<<20)
	p.Upload("#file", path)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sum := md5.Sum(content)
	p.WaitText("#received", "Received 1048576 bytes "+hex.EncodeToString(sum[:]))
	p.Shoot(r.App)

	// The page stays, grey, and says why; its link leads back to the same address.
	d.revoke("bob@example.com")
	p.WaitText("#shiny-notification-sidegate", "Your session has ended.", "Sign in again")
	rig.Eventually(t, func() string { return "the page is not grey\n" + p.State() }, func() bool {
		return p.Eval(`document.querySelector("#shiny-disconnected-overlay") ? "grey" : ""`) == "grey"
	})
	p.Shoot(r.App + "-ended")
	p.Click("#shiny-notification-sidegate a")
	p.WaitPath("/?region=north") // the provider remembers him
	p.WaitText("body", "Signed in as bob@example.com", "Counted 0")

	p.Click("#logout")
	p.WaitText("main", "You are signed out")
	d.wantSignedOut(p)

	r.Live, r.Upload, r.Logout = "a button, over the WebSocket", "1 MiB", "a link to `/_gate/logout`"
	r.Ended = "at once it goes grey, and its own kind of notification says so; its link leads back to the same address"
	d.saw(r)
}
