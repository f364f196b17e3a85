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
)

// TestPagesOfTroubleGoAwayByThemselves starts with everything down and lets one
// part after the other come up, as after a power cut. The person only waits.
func TestPagesOfTroubleGoAwayByThemselves(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	redis := sessiontest.Redis(t)
	provider, app := rig.FreePort(t), rig.FreePort(t)
	g := newGate(t, map[string]string{
		"UPSTREAM": "http://" + rig.Loopback(app), "ISSUER": "http://" + rig.Loopback(provider),
		"SESSION_STORE": redis.URL, "SECRET": sessionSecret, "STORE_GRACE": "1s",
	})
	g.serve(t)
	p := b.profile(t)
	p.open(g.url + "/deep?link=1")
	p.waitText("main", "One moment", "sign-in service", "reloads by itself")
	p.shoot("provider-down")
	startProviderAt(t, provider, g.callback())
	p.waitText("h1", "Who are you?")
	p.signIn("alice@example.com")

	p.waitText("main", "The app does not answer")
	p.shoot("app-down")
	startApp(t, app, "the app at last")
	p.waitText("body", "the app at last")
	p.waitPath("/deep?link=1")

	redis.Pause()
	rig.Eventually(t, func() string { return "the store's outage is never seen\n" + p.state() }, func() bool {
		p.reload() // for a moment the page goes on without the store
		return strings.Contains(p.text("body"), "One moment")
	})
	p.waitText("main", "One moment", "Nobody has been signed out")
	p.shoot("store-down")
	redis.Resume()
	p.waitText("body", "the app at last")
}

func TestSmallPages(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	g := newGate(t, map[string]string{"UPSTREAM": echoApp(t)})
	g.settings["ISSUER"] = startProvider(t, g.callback())
	g.serve(t)
	p := b.profile(t)
	p.open(g.url + "/_gate/callback?code=made-up&state=made-up")
	p.waitText("main", "That did not work", "Start from the beginning")
	p.shoot("callback-invalid")
	p.open(g.url + "/")
	p.signIn("alice@example.com")
	p.waitText("body", "X-User-Email: alice@example.com")
	p.open(g.url + "/_gate/logout") // typed in, or a link from anywhere: not to be trusted
	p.waitText("main", "Sign out?", "alice@example.com")
	p.shoot("confirm")
	p.click("main form button")
	p.waitText("main", "You are signed out")
}

// startApp starts an app on a port that was chosen before.
func startApp(t *testing.T, port int, says string) {
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
}
