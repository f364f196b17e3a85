package e2e

import (
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	builtin "sidegate/demo"
	"sidegate/test/stage"
)

// twoProviders is a sidegate with two providers that share no code: the demo's is the
// main one, the independent one is called other. It returns the issuer of the latter.
func twoProviders(t *testing.T) (g *stage.Gate, other string) {
	t.Helper()
	g = stage.NewGate(t, map[string]string{"UPSTREAM": echoApp(t)})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	issuer := "http://" + l.Addr().String()
	provider, err := builtin.NewProvider(issuer, g.Callback(), stage.ClientSecret)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: provider}
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
	other = stage.StartProvider(t, g.Callback()+"/other")
	for name, value := range map[string]string{
		"ISSUER": issuer, "CLIENT_ID": builtin.ClientID, "PROVIDERS": "other", "OTHER_ISSUER": other,
		"OTHER_CLIENT_ID": "sidegate-e2e", "OTHER_CLIENT_SECRET": stage.ClientSecret, "OTHER_TITLE": "The Other One",
		"OTHER_EMAIL_DOMAINS": "example.com",
	} {
		g.Settings[name] = value
	}
	g.Serve(t, nil)
	return g, other
}

// REQ-04, SEC-OUT-07: people choose their provider in a real browser, come back as its
// account to the page they wanted, and sign out where they signed in.
func TestBothProvidersLeadInAndOut(t *testing.T) {
	t.Parallel()
	b := stage.NewBrowser(t)
	g, _ := twoProviders(t)
	p := b.Profile(t)
	p.Open(g.URL + "/deep?link=1")
	p.WaitText("main", "Sign in with The Other One")
	p.Shoot("choose")
	p.Click(`main a[href$="provider=other"]`)
	p.WaitText("h1", "Who are you?")
	p.SignIn("bob@example.com")
	p.WaitText("body", "X-User-Email: bob@example.com", "X-User-Id: other:")
	p.WaitPath("/deep?link=1")
	p.Open(g.URL + "/_gate/")
	p.Click("main form button")
	p.WaitText("main", "You are signed out")
	if at := p.Eval("location.pathname"); at != "/_gate/logout/done" {
		t.Errorf("the way out of the other provider ended at %s", at)
	}

	p.Open(g.URL + "/deep?link=2")
	p.WaitText("main", "Sign in with The Other One")
	p.Click(`main a[href$="provider=main"]`)
	p.WaitText("main", "Who do you want to be?")
	p.SignIn("alice@example.com")
	p.WaitText("body", "X-User-Email: alice@example.com", "X-User-Id: ")
	p.WaitPath("/deep?link=2")
	if text := p.Text("body"); strings.Contains(text, "X-User-Id: other:") {
		t.Errorf("the app takes her for the other provider's:\n%s", text)
	}
	p.Open(g.URL + "/_gate/")
	p.Click("main form button") // the demo has no place to sign out
	p.WaitText("main", "You are signed out")
	p.Open(g.URL + "/") // somebody who was at the other provider is asked there anew
	p.WaitText("main", "Sign in with The Other One")
	p.Click(`main a[href$="provider=other"]`)
	p.WaitText("h1", "Who are you?")
}

// SEC-OUT-08: the other provider's back channel ends its own people's sessions.
func TestSignOutAtAFurtherProviderEndsItsSessionHere(t *testing.T) {
	t.Parallel()
	g, other := twoProviders(t)
	alice, bob := newPerson(t), newPerson(t)
	alice.signIn(g.URL+"/_gate/login?rd=%2F&provider=other", "alice@example.com")
	bob.signIn(g.URL+"/_gate/login?rd=%2F&provider=other", "bob@example.com")
	if got := alice.get(g.URL + "/_gate/userinfo"); !strings.Contains(got.body, `"other:`) {
		t.Fatalf("not signed in: %s %s", got.Status, got.body)
	}
	asked := alice.get(other + "/session/end")
	_, rest, _ := strings.Cut(asked.body, `name="xsrf" value="`)
	xsrf, _, _ := strings.Cut(rest, `"`)
	alice.do(http.MethodPost, other+"/session/end/confirm", url.Values{"xsrf": {xsrf}, "logout": {"yes"}})
	alice.eventuallyGets(g.URL+"/_gate/userinfo", http.StatusUnauthorized)
	if got := bob.get(g.URL + "/_gate/userinfo"); got.StatusCode != http.StatusOK {
		t.Errorf("somebody else: %s, want still signed in", got.Status)
	}
}
