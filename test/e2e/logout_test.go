package e2e

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"sidegate/test/rig"
	"sidegate/test/stage"
	"time"
)

// SEC-OUT-07, SEC-OUT-08: somebody signs out in a real browser, by the form of our
// own page: that leads through a certified provider, which ends its session too,
// and back. Its back channel then ends what the person has open elsewhere under
// the same session of the provider's, and no other.
func TestSignOutReachesTheProviderAndBack(t *testing.T) {
	t.Parallel()
	b := stage.NewBrowser(t)
	g := stage.NewGate(t, map[string]string{"UPSTREAM": echoApp(t)})
	g.Settings["ISSUER"] = stage.StartProvider(t, g.Callback())
	g.Serve(t, nil)
	other := newPerson(t) // Alice on another device: another session at the provider
	other.signIn(g.URL+"/", "alice@example.com")

	p := b.Profile(t)
	p.Open(g.URL + "/")
	p.SignIn("alice@example.com")
	p.WaitText("body", "X-User-Email: alice@example.com")
	cookie := p.Cookie("sidegate")
	p.Open(g.URL + "/_gate/")
	p.Click("main form button")
	p.WaitText("main", "You are signed out")
	if at := p.Eval("location.pathname"); at != "/_gate/logout/done" {
		t.Errorf("the way out ended at %s", at)
	}
	if got := status(t, g, cookie); got != http.StatusUnauthorized {
		t.Errorf("status with the former cookie = %d, want 401", got)
	}
	rig.Eventually(t, func() string {
		return "the provider did not send the browser back with our state:\n" + g.Output.Tail(64<<10)
	}, func() bool { return strings.Contains(g.Output.String(), "signed_out_at_provider") })
	p.Open(g.URL + "/") // its own session is over as well: it asks
	p.WaitText("h1", "Who are you?")
	if got := other.get(g.URL + "/_gate/userinfo"); got.StatusCode != http.StatusOK {
		t.Errorf("on another device: %s, want still signed in", got.Status)
	}
}

// SEC-OUT-08: the person signs out at the provider, or of another app there, and
// sidegate hears of it from the provider's server alone.
func TestSignOutAtTheProviderEndsTheSessionHere(t *testing.T) {
	t.Parallel()
	g := stage.NewGate(t, map[string]string{"UPSTREAM": echoApp(t)})
	issuer := stage.StartProvider(t, g.Callback())
	g.Settings["ISSUER"] = issuer
	g.Serve(t, nil)
	alice, bob := newPerson(t), newPerson(t)
	alice.signIn(g.URL+"/", "alice@example.com")
	bob.signIn(g.URL+"/", "bob@example.com")

	asked := alice.get(issuer + "/session/end")
	_, rest, _ := strings.Cut(asked.body, `name="xsrf" value="`)
	xsrf, _, _ := strings.Cut(rest, `"`)
	start := time.Now()
	alice.do(http.MethodPost, issuer+"/session/end/confirm", url.Values{"xsrf": {xsrf}, "logout": {"yes"}})
	alice.eventuallyGets(g.URL+"/_gate/userinfo", http.StatusUnauthorized)
	t.Logf("SEC-OUT-08: the session here ended within %s of the sign-out at the provider", time.Since(start).Round(time.Millisecond))
	if got := bob.get(g.URL + "/_gate/userinfo"); got.StatusCode != http.StatusOK {
		t.Errorf("somebody else: %s, want still signed in", got.Status)
	}
}

// status asks who the holder of a session cookie is.
func status(t *testing.T, g *stage.Gate, cookie string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, g.URL+"/_gate/userinfo", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Cookie", "sidegate="+cookie)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	return res.StatusCode
}
