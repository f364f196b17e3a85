package e2e

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"sidegate/test/need"
	"sidegate/test/rig"
	"sidegate/test/stage"
)

// whoApp is a web app that believes its environ, as WSGI apps do: the server has
// folded "-" and "_" in header names into one by then.
const whoApp = `
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    lines = ["%s=%s\n" % (k, v) for k, v in sorted(environ.items()) if k.startswith(("HTTP_X_USER", "HTTP_REMOTE", "REMOTE_USER"))]
    return ["".join(lines).encode()]

if __name__ == "__main__":
    import sys
    from wsgiref.simple_server import make_server
    make_server("127.0.0.1", int(sys.argv[1]), app).serve_forever()
`

// SEC-HDR-13: real servers that take X_User_Email for X-User-Email tell the app
// who it really is, whatever the browser sends.
func TestServersThatFoldHeaderNamesSeeTheRightPerson(t *testing.T) {
	t.Parallel()
	python, gunicorn := need.Program(t, "python3", "python3"), need.Program(t, "gunicorn", "gunicorn")
	for name, serve := range map[string]func(dir string, port int) *rig.Process{
		"wsgiref": func(dir string, port int) *rig.Process {
			return rig.Start(t, nil, python, filepath.Join(dir, "who.py"), strconv.Itoa(port))
		},
		"gunicorn": func(dir string, port int) *rig.Process {
			return rig.Start(t, nil, gunicorn, "--chdir", dir, "--bind", rig.Loopback(port), "who:app")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, port := t.TempDir(), rig.FreePort(t)
			if err := os.WriteFile(filepath.Join(dir, "who.py"), []byte(whoApp), 0o600); err != nil {
				t.Fatal(err)
			}
			app := "http://" + rig.Loopback(port)
			serve(dir, port).Answers(t, app)
			if got := ask(t, http.DefaultClient, app); !strings.Contains(got, "HTTP_X_USER_EMAIL=") || !strings.Contains(got, "mallory") {
				t.Logf("this release of %s is not fooled without sidegate either", name)
			}
			g := stage.NewGate(t, map[string]string{"UPSTREAM": app})
			g.Settings["ISSUER"] = stage.StartProvider(t, g.Callback())
			g.Serve(t, nil)
			alice := newPerson(t)
			alice.signIn(g.URL+"/", "alice@example.com")
			got := ask(t, &alice.client, g.URL)
			if strings.Contains(got, "mallory") || !strings.Contains(got, "HTTP_X_USER_EMAIL=alice@example.com\n") {
				t.Errorf("the app was told:\n%s", got)
			}
		})
	}
}

// ask sends every alias that HTTP lets through and returns what the app saw.
func ask(t *testing.T, client *http.Client, address string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"X_User_Email", "x_user_email", "X-User_Email", "X_User-Email", "X.User.Email", "X~User~Email", "X!User#Email",
		"X_User_Id", "X_User_Groups", "Remote_User", "X_Remote_User",
	} {
		r.Header[name] = []string{"mallory@evil.example"}
	}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var body strings.Builder
	if _, err := io.Copy(&body, resp.Body); err != nil {
		t.Fatal(err)
	}
	return body.String()
}
