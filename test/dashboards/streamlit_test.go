package dashboards

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sidegate/test/parts"
	"sidegate/test/rig"
	"sidegate/test/stage"
)

func TestNewestStreamlit(t *testing.T) { streamlit(t, "Streamlit", parts.Cache.Venv) }

// The oldest one that fills st.user from headers.
func TestOldestStreamlit(t *testing.T) { streamlit(t, "Streamlit, oldest", venv("streamlit-oldest")) }

// streamlit runs an app that was written for st.login, unmodified.
func streamlit(t *testing.T, name string, venv func(parts.Cache) string) {
	program := filepath.Join(stage.Part(t, venv), "bin", "streamlit")
	// The folder of the app has the [auth] section that st.login wants.
	d := start(t, "streamlit", []string{program, "run", source(t, "streamlit", "app.py")},
		[]string{"STREAMLIT_SERVER_FILE_WATCHER_TYPE=none"}, nil)

	p := d.visit("/?quarter=3", "alice@example.com")
	p.WaitText("body", "Hello, Alice Example!", "Your address is alice@example.com", "Counted 0")
	if text := p.Text("body"); strings.Contains(text, "Log in\n") {
		t.Errorf("the app's own sign-in is shown: %s", text)
	}
	p.Click(".st-key-add button")
	p.WaitText("body", "Counted 1")
	p.Upload(`.st-key-upload input[type="file"]`, file(t, "upload.bin", 1<<20))
	p.WaitText("body", "Received 1048576 bytes", "aca1cd027e979588")
	p.Shoot(name)

	streamlitResumes(t, d, p)
	p.Click(".st-key-login button") // st.login: nobody is asked anything, and the page is the same
	p.WaitPath("/?quarter=3")
	p.WaitText("body", "Hello, Alice Example!")

	d.revoke("alice@example.com")
	p.WaitText("main", "Your session has ended")
	p.Click("main a.button")
	p.WaitPath("/?quarter=3") // the provider remembers her
	p.WaitText("body", "Hello, Alice Example!")

	p.Click(".st-key-logout button")
	p.WaitText("main", "You are signed out")
	d.wantSignedOut(p)

	out, err := exec.Command(program, "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	d.saw(row{
		App: name, Version: strings.TrimSpace(strings.TrimPrefix(string(out), "Streamlit, version")),
		Who: "`st.user.email`, `st.user.name`", Live: "a button, over the WebSocket", Upload: "1 MiB",
		Logout: "`st.logout()`; `st.login()` leads back to the page",
		Ended:  "at once a page that says so; its button leads back to the same address",
	})
}

// streamlitResumes: a page that lost its connection gets its state back, and nobody
// else does by naming it. Streamlit itself hands it to anybody before 1.62.
func streamlitResumes(t *testing.T, d *dashboard, alice *stage.Tab) {
	t.Helper()
	gone := alice.Another(t)
	gone.Open(d.gate.URL + "/")
	gone.WaitText("code", "-")
	id := strings.TrimSpace(gone.Text("code"))
	if len(id) != 36 {
		t.Fatalf("the app shows %q as its session's id", id)
	}
	hers := alice.Another(t)
	hers.Open(d.gate.URL + "/")
	his := d.visit("/", "bob@example.com")
	his.WaitText("body", "bob@example.com")
	gone.Close() // its state is kept for a while
	for _, tt := range []struct {
		who  *stage.Tab
		want bool
	}{{his, false}, {hers, true}} {
		rig.Eventually(t, func() string { return fmt.Sprintf("resumed is not %v\n%s", tt.want, tt.who.State()) }, func() bool {
			return resume(tt.who, id) == fmt.Sprint(tt.want)
		})
	}
}

// resume connects as Streamlit's page does after its connection was lost, has the
// script run, and returns whether the server's first messages name the old session.
func resume(p *stage.Tab, id string) string {
	return p.Eval(fmt.Sprintf(`new Promise(done => {
		const ws = new WebSocket(location.origin.replace("http", "ws") + "/_stcore/stream", ["streamlit", "PLACEHOLDER_AUTH_TOKEN", %q])
		ws.binaryType = "arraybuffer"
		let heard = ""
		ws.onopen = () => ws.send(new Uint8Array([0x5a, 0x00])) // BackMsg.rerun_script
		ws.onmessage = m => { heard += new TextDecoder("latin1").decode(m.data) }
		setTimeout(() => { ws.close(); done(heard.length < 100 ? "silent" : String(heard.includes(%q))) }, 1500)
	})`, id, id))
}
