package login_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"sidegate/login/logintest"
)

// own are the fields of a form that one of our pages sent.
func own() map[string]string {
	return map[string]string{"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate"}
}

// withEndSession makes the provider one at which people can sign out.
func withEndSession(p *logintest.Provider) *logintest.Provider {
	p.Change(func(s *logintest.Script) { s.EndSession = true })
	return p
}

// wantOutSoon is wantOut where another replica ended the session.
func wantOutSoon(t *testing.T, what string, b *browser) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if b.step("/").status == http.StatusFound {
			return
		}
	}
	t.Errorf("%s: still signed in after 5 s", what)
}

// onward returns where a page leads by itself.
func (p page) onward() string { return strings.TrimPrefix(p.header.Get("Refresh"), "0; url=") }

// SEC-OUT-07, REQ-22: oidcc-client-test-rp-init-logout.
func TestSignOutGoesOnToTheProvider(t *testing.T) {
	for name, out := range map[string]func(b *browser) string{
		"form":       func(b *browser) string { return b.logout("POST", own()).onward() },
		"link":       func(b *browser) string { return b.logout("GET", own()).location },
		"everywhere": func(b *browser) string { return b.end("all").onward() },
	} {
		s := setup{provider: withEndSession(logintest.New(t))}.start(t)
		b := s.newBrowser()
		b.signIn()
		former := s.newBrowser()
		former.setCookie("sidegate", b.cookies()["sidegate"])
		wantStill(t, name, former)
		to := out(b)
		wantOut(t, name+", before the provider was asked", b)
		wantOut(t, name+", with the former cookie", former)
		s.wantHits(logintest.EndSessionPath, 0)
		p := b.open(to)
		if p.url != s.URL+"/_gate/logout/done?state="+query(t, to, "state") || !strings.Contains(p.text(), "You are signed out") {
			t.Fatalf("%s: %q ended at %s: %d %s", name, to, p.url, p.status, p.text())
		}
		got := s.provider.LogoutRequests()[0]
		if got.Get("client_id") != s.provider.ClientID || strings.Count(got.Get("id_token_hint"), ".") != 2 ||
			got.Get("post_logout_redirect_uri") != s.URL+"/_gate/logout/done" || len(got) != 4 {
			t.Errorf("%s: the provider was asked %v", name, got)
		}
		if !strings.Contains(s.log.String(), "decision=signed_out_at_provider") {
			t.Errorf("%s: the state that came back was not known: %s", name, s.log.String())
		}
	}
}

func TestEndSessionEndpointKeepsItsOwnQuery(t *testing.T) {
	s := newSite(t)
	s.provider.Change(func(script *logintest.Script) {
		script.Metadata = func(document logintest.Object) {
			document["end_session_endpoint"] = s.provider.Issuer + "/logout?tenant=a%26b"
		}
	})
	b := s.newBrowser()
	b.signIn()
	if to := b.logout("GET", own()).location; query(t, to, "tenant") != "a&b" || query(t, to, "id_token_hint") == "" {
		t.Errorf("sent to %q", to)
	}
}

// SEC-OUT-07: oidcc-client-test-rp-init-logout-no-state, -other-state. Nothing
// depends on what comes back, and a link to the landing page ends no session.
func TestTheLandingPageIgnoresTheState(t *testing.T) {
	s := setup{provider: withEndSession(logintest.New(t))}.start(t)
	in := s.newBrowser()
	in.signIn()
	for _, state := range []string{"", "?state=", "?state=another", "?state=a&state=b", "?state=%zz", "?error=x&state=" + strings.Repeat("A", 43)} {
		b := s.newBrowser()
		b.signIn()
		b.logout("POST", own())
		p := b.step("/_gate/logout/done" + state)
		if p.status != http.StatusOK || !strings.Contains(p.text(), "You are signed out") || p.header.Get("Set-Cookie") != "" {
			t.Errorf("%q: got %d, cookie %q: %s", state, p.status, p.header.Get("Set-Cookie"), p.text())
		}
		wantOut(t, state, b)
		// Whoever is signed in, again or still, is not told otherwise.
		if p := in.step("/_gate/logout/done" + state); p.status != http.StatusFound || p.location != "/_gate/" {
			t.Errorf("%q, signed in: got %d to %q", state, p.status, p.location)
		}
		wantStill(t, state, in)
	}
	if strings.Contains(s.log.String(), "signed_out_at_provider") {
		t.Error("a state that was not ours was taken for ours")
	}
}

// The state is good in the browser that left with it alone.
func TestStateOfTheWayOutIsBoundToTheBrowser(t *testing.T) {
	s := setup{provider: withEndSession(logintest.New(t))}.start(t)
	a, b := s.newBrowser(), s.newBrowser()
	a.signIn()
	b.signIn()
	ofA := query(t, a.logout("GET", own()).location, "state")
	b.logout("GET", own())
	b.step("/_gate/logout/done?state=" + ofA)
	if strings.Contains(s.log.String(), "signed_out_at_provider") {
		t.Error("another browser's state was taken")
	}
	a.step("/_gate/logout/done?state=" + ofA)
	if !strings.Contains(s.log.String(), "signed_out_at_provider") {
		t.Error("the browser's own state was not taken")
	}
}

// The end of our own session waits for nobody: not for a provider that is down,
// nor for one that has not been heard of since the start.
func TestSignOutDoesNotWaitForTheProvider(t *testing.T) {
	p := withEndSession(logintest.New(t))
	p.Change(func(s *logintest.Script) { s.Revocation = true })
	first := setup{provider: p}.start(t)
	known, unknown := first.newBrowser(), first.newBrowser()
	known.signIn()
	unknown.signIn()
	second := setup{provider: p, store: first.store, public: first.URL}.start(t) // a restart: it knows no metadata
	for path := range map[string]bool{logintest.EndSessionPath: true, logintest.RevocationPath: true, logintest.DiscoveryPath: true} {
		p.Replace(path, p.Hang)
	}
	start := time.Now()
	if to := known.logout("POST", own()).onward(); !strings.HasPrefix(to, p.Issuer) {
		t.Errorf("metadata known: sent to %q", to)
	}
	wantOut(t, "metadata known", known)
	r := unknown.request("POST", second.URL+"/_gate/logout", "")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if got := unknown.send(r); got.location != "/_gate/logout" {
		t.Errorf("metadata unknown: got %d to %q", got.status, got.location)
	}
	wantOut(t, "metadata unknown", unknown)
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("signing out took %s", took)
	}
}

// The token is kept where it is of use, sealed, and nowhere else: nothing of it
// is seen before the sign-out, and providers without the endpoint leave nothing.
func TestIDTokenIsKeptOnlyForAnEndSessionEndpoint(t *testing.T) {
	for _, tt := range []struct {
		name string
		set  func(*logintest.Script)
		want bool
	}{
		{"no endpoint", func(*logintest.Script) {}, false},
		{"endpoint", func(s *logintest.Script) { s.EndSession = true }, true},
		{"a huge token", func(s *logintest.Script) {
			s.EndSession = true
			s.IDToken = claim("extra", strings.Repeat("x", 8<<10))
		}, false},
	} {
		s := newSite(t)
		s.provider.Change(tt.set)
		b := s.newBrowser()
		b.signIn()
		found, err := s.sessions.Find(b.asRequest())
		if err != nil || (found.Provider.IDToken != "") != tt.want || found.Provider.Token != "" {
			t.Errorf("%s: kept %d bytes and %d of a token, %v", tt.name, len(found.Provider.IDToken), len(found.Provider.Token), err)
		}
		if tt.name == "a huge token" { // the sign-out does without it
			if p := b.open(b.logout("GET", own()).location); !strings.Contains(p.text(), "You are signed out") {
				t.Errorf("%s: got %d %s", tt.name, p.status, p.text())
			}
		}
	}
}

// asRequest returns a request with the browser's cookies.
func (b *browser) asRequest() *http.Request {
	r := b.request("GET", "/", "")
	for name, value := range b.cookies() {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	return r
}

// After a change of the settings one provider's tokens are not sent to the other.
func TestAnotherProvidersTokensStayHere(t *testing.T) {
	whole := func(s *logintest.Script) { s.EndSession, s.Revocation = true, true }
	former, present := logintest.New(t), logintest.New(t)
	former.Change(whole)
	present.Change(whole)
	a := setup{provider: former}.start(t)
	b := a.newBrowser()
	b.signIn()
	now := setup{provider: present, store: a.store, public: a.URL}.start(t)
	now.newBrowser().begin("/") // the metadata is there
	r := b.request("POST", now.URL+"/_gate/logout", "")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if p := b.send(r); p.location != "/_gate/logout" || p.header.Get("Refresh") != "" {
		t.Errorf("got %d to %q, %q", p.status, p.location, p.header.Get("Refresh"))
	}
	wantOut(t, "signed in at another provider", b)
	time.Sleep(50 * time.Millisecond) // a revocation would be on its way
	if len(present.Revocations()) != 0 || len(present.LogoutRequests()) != 0 {
		t.Error("the present provider got the former's tokens")
	}
}

func TestEndpointsOfSigningOutAreCheckedAsTheOthers(t *testing.T) { // SEC-OIDC-17
	for _, name := range []string{"end_session_endpoint", "revocation_endpoint"} {
		s := newSite(t)
		s.provider.Change(func(script *logintest.Script) {
			script.Metadata = func(document logintest.Object) { document[name] = "ftp://op.example/out" }
		})
		wantUnavailable(t, name, s.newBrowser().open("/"))
		if !strings.Contains(s.log.String(), name) {
			t.Errorf("%s is not named in the log: %s", name, s.log.String())
		}
	}
}
