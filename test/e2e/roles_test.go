package e2e

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"sidegate/test/parts"
	"sidegate/test/rig"
	"sidegate/test/stage"
)

const rolesScript = `
import streamlit as st

st.session_state.setdefault("n", 0)
if st.button("Add", key="add"):
    st.session_state.n += 1
with st.container(key="roles"):
    st.text(f"roles {st.context.headers.get('X-User-Roles', 'none')}, counted {st.session_state.n}")
`

// In a real Streamlit page the socket is opened anew when roles change, and the page
// goes on where it was: the next run of the script sees the new roles. Streamlit does
// not run it by itself.
func TestAStreamlitPageGoesOnWithItsNewRoles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	script, roles := filepath.Join(dir, "app.py"), filepath.Join(dir, "roles.txt")
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(script, rolesScript)
	write(roles, "editor: alice@example.com\n")
	port := rig.FreePort(t)
	env := append(streamlitEnv(), "STREAMLIT_SERVER_ADDRESS=127.0.0.1", "STREAMLIT_SERVER_PORT="+strconv.Itoa(port))
	app := "http://" + rig.Loopback(port)
	rig.Start(t, env, stage.Part(t, parts.Cache.Streamlit), "run", script).Answers(t, app+"/_stcore/health")

	b := stage.NewBrowser(t)
	g := stage.NewGate(t, map[string]string{"UPSTREAM": app, "APP": "streamlit", "ROLES_FILE": roles})
	g.Settings["ISSUER"] = stage.StartProvider(t, g.Callback())
	g.Serve(t, nil)
	p := b.Profile(t)
	p.Open(g.URL + "/")
	p.SignIn("alice@example.com")
	p.WaitText(".st-key-roles", "roles editor, counted 0")
	p.Click(".st-key-add button")
	p.WaitText(".st-key-roles", "roles editor, counted 1")

	write(roles, "admin: alice@example.com\n")
	changed := time.Now()
	for !strings.Contains(g.Output.String(), "roles_changed") {
		if time.Since(changed) > rig.Patience {
			t.Fatal("the socket was not opened anew")
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Logf("the socket was closed %v after the role map changed; five seconds are promised", time.Since(changed).Round(10*time.Millisecond))
	for !strings.Contains(newPerson(t).get(g.Admin+"/metrics").body, "\nsidegate_open 1\n") {
		if time.Since(changed) > rig.Patience {
			t.Fatal("the page opened no other socket")
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Logf("the page had another one after %v", time.Since(changed).Round(10*time.Millisecond))
	// A press while the page is still about to say hello on its new socket is lost.
	rig.Eventually(t, func() string { return "the script does not know of the new role\n" + p.State() }, func() bool {
		p.Eval(`document.querySelector(".st-key-add button")?.click(), ""`)
		time.Sleep(300 * time.Millisecond)
		return strings.Contains(p.Text(".st-key-roles"), "roles admin, counted ")
	})
	if text := p.Text(".st-key-roles"); strings.HasSuffix(text, "counted 0") || strings.HasSuffix(text, "counted 1") {
		t.Errorf("the page lost its state: %s", text)
	}
}
