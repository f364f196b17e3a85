package e2e

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"sidegate/session/sessiontest"
	"sidegate/test/rig"
	"sidegate/test/stage"
)

// TestPagesOfTroubleGoAwayByThemselves starts with everything down and lets one
// part after the other come up, as after a power cut. The person only waits.
func TestPagesOfTroubleGoAwayByThemselves(t *testing.T) {
	t.Parallel()
	b := stage.NewBrowser(t)
	redis := sessiontest.Redis(t)
	provider, app := rig.FreePort(t), rig.FreePort(t)
	g := stage.NewGate(t, map[string]string{
		"UPSTREAM": "http://" + rig.Loopback(app), "ISSUER": "http://" + rig.Loopback(provider),
		"SESSION_STORE": redis.URL, "SECRET": sessionSecret, "STORE_GRACE": "1s",
	})
	g.Serve(t, nil)
	p := b.Profile(t)
	p.Open(g.URL + "/deep?link=1")
	p.WaitText("main", "One moment", "sign-in service", "reloads by itself")
	p.Shoot("provider-down")
	stage.StartProviderAt(t, provider, g.Callback())
	p.WaitText("h1", "Who are you?")
	p.SignIn("alice@example.com")

	p.WaitText("main", "Waiting for the app to start", "reloads by itself")
	p.Shoot("app-starting")
	running := startApp(t, app, "the app at last")
	p.WaitText("body", "the app at last")
	p.WaitPath("/deep?link=1")

	p.Open(g.URL + "/deep?link=1#part") // for which a browser may think that it need not reload
	running.Close()
	rig.Eventually(t, func() string { return "the app's end is never seen\n" + p.State() }, func() bool {
		p.Reload()
		return strings.Contains(p.Text("main"), "The app does not answer")
	})
	p.WaitText("main", "It has been like this for") // the second time that the page comes
	p.Shoot("app-down")
	startApp(t, app, "the app at last")
	p.WaitText("body", "the app at last")
	p.WaitPath("/deep?link=1")

	redis.Pause()
	rig.Eventually(t, func() string { return "the store's outage is never seen\n" + p.State() }, func() bool {
		p.Reload() // for a moment the page goes on without the store
		return strings.Contains(p.Text("body"), "One moment")
	})
	p.WaitText("main", "One moment", "Nobody has been signed out")
	p.Shoot("store-down")
	redis.Resume()
	p.WaitText("body", "the app at last")
}

func TestSmallPages(t *testing.T) {
	t.Parallel()
	b := stage.NewBrowser(t)
	g := stage.NewGate(t, map[string]string{"UPSTREAM": echoApp(t)})
	g.Settings["ISSUER"] = stage.StartProvider(t, g.Callback())
	g.Serve(t, nil)
	p := b.Profile(t)
	p.Open(g.URL + "/_gate/callback?code=made-up&state=made-up")
	p.WaitText("main", "That did not work", "Start from the beginning")
	p.Shoot("callback-invalid")
	p.Open(g.URL + "/")
	p.SignIn("alice@example.com")
	p.WaitText("body", "X-User-Email: alice@example.com")
	p.Open(g.URL + "/_gate/logout") // typed in, or a link from anywhere: not to be trusted
	p.WaitText("main", "Sign out?", "alice@example.com")
	p.Shoot("confirm")
	p.Click("main form button")
	p.WaitText("main", "You are signed out")
}

// startApp starts an app on a port that was chosen before.
func startApp(t *testing.T, port int, says string) *httptest.Server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port))
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<!doctype html><title>app</title>"+says)
	}))
	s.Listener.Close()
	s.Listener = l
	s.Start()
	t.Cleanup(s.Close)
	return s
}
