package login_test

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"sidegate/login"
	"sidegate/login/logintest"
)

// wantUnavailable fails the test unless p asks for patience.
func wantUnavailable(t *testing.T, what string, p page) {
	t.Helper()
	if p.status != http.StatusServiceUnavailable || p.header.Get("Retry-After") == "" || p.header.Get("Set-Cookie") != "" {
		t.Errorf("%s: got %d, Retry-After %q, cookie %q; want 503 and nothing kept", what, p.status, p.header.Get("Retry-After"), p.header.Get("Set-Cookie"))
	}
}

func TestSignInWorksOnceTheProviderIsUp(t *testing.T) { // FLT-13
	p := logintest.New(t)
	p.Down()
	s := setup{provider: p}.start(t)
	b := s.newBrowser()
	if err := s.login.Ready(); err == nil {
		t.Error("ready before the provider was asked")
	}
	for range 5 {
		wantUnavailable(t, "down", b.open("/page"))
		s.clock.Advance(10 * time.Second) // the pause is as long as it gets
	}
	if s.login.Ready() == nil {
		t.Error("ready though the provider is down")
	}
	wantUnavailable(t, "down", b.open("/page"))
	p.Up(t)
	s.clock.Advance(time.Second)
	if got := b.open("/page").who().Path; got != "/page" {
		t.Errorf("a second after the provider came back, the sign-in ended at %q", got)
	}
	if err := s.login.Ready(); err != nil {
		t.Errorf("not ready: %v", err)
	}
}

func TestDiscoverKeepsAskingUntilTheProviderIsUp(t *testing.T) { // FLT-13
	t.Parallel()
	p := logintest.New(t)
	p.Down()
	s := setup{provider: p}.start(t)
	found := make(chan struct{})
	go func() {
		defer close(found)
		s.login.Discover(t.Context())
	}()
	for s.login.Ready() == nil || strings.Contains(s.login.Ready().Error(), "not asked") {
		time.Sleep(time.Millisecond)
	}
	p.Up(t)
	select {
	case <-found:
	case <-time.After(20 * time.Second):
		t.Fatal("Discover did not notice")
	}
	if err := s.login.Ready(); err != nil {
		t.Errorf("Ready: %v", err)
	}
}

func TestDiscoverEndsWithItsContext(t *testing.T) {
	s := newSite(t)
	s.provider.Down()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.login.Discover(ctx)
	}()
	cancel()
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Error("it goes on")
	}
}

func TestProviderGoingDownTouchesNobodySignedIn(t *testing.T) { // FLT-14
	s := newSite(t)
	b, late := s.newBrowser(), s.newBrowser()
	b.signIn()
	callback := late.callback("/page")
	s.provider.Down()
	if got := b.open("/page").who().Sub; got != "1001" {
		t.Errorf("signed in as %q", got)
	}
	wantWayOn(t, "callback", late.step(callback), 503)
	if p := b.step("/_gate/login?rd=/page"); p.location != "/page" {
		t.Errorf("got %d to %q", p.status, p.location)
	}
	s.provider.Up(t)
	if got := late.open("/page").who().Path; got != "/page" {
		t.Errorf("afterwards the sign-in ended at %q", got)
	}
}

// A restart while somebody is at the provider, and while that is down for us: the
// page that says so loads itself again, and must then still be good.
func TestCallbackIsNotSpentWhileTheProviderIsUnknown(t *testing.T) { // FLT-13, FLT-26
	before := newSite(t)
	b := before.newBrowser()
	callback := b.callback("/page")
	after := setup{provider: before.provider, store: before.store, public: before.URL}.start(t)
	callback = after.here(callback)
	after.provider.Replace(logintest.DiscoveryPath, logintest.Answer(500, "text/plain", "oops"))
	wantUnavailable(t, "callback", b.step(callback))
	after.provider.Replace(logintest.DiscoveryPath, nil)
	after.clock.Advance(time.Second)
	if p := b.step(callback); p.status != http.StatusFound || p.location != "/page" {
		t.Errorf("loaded again: got %d to %q %s", p.status, p.location, p.text())
	}
}

func TestACrowdSharesOneDiscovery(t *testing.T) {
	s := newSite(t)
	enough := make(chan struct{})
	s.provider.Replace(logintest.DiscoveryPath, func(http.ResponseWriter, *http.Request) {
		<-enough
		panic(http.ErrAbortHandler)
	})
	var all sync.WaitGroup
	for range 30 {
		all.Go(func() { wantUnavailable(t, "crowd", s.newBrowser().open("/")) })
	}
	for s.provider.Hits(logintest.DiscoveryPath) == 0 {
		time.Sleep(time.Millisecond)
	}
	close(enough)
	all.Wait()
	if n := s.provider.Hits(logintest.DiscoveryPath); n > 4 { // net/http asks once more after a cut connection
		t.Errorf("asked %d times", n)
	}
}

func TestAfterAFailureThereIsAPause(t *testing.T) {
	now := time.Now()
	s := setup{change: func(o *login.Options) { o.Now = func() time.Time { return now } }}.start(t)
	s.provider.Replace(logintest.DiscoveryPath, logintest.Answer(500, "text/plain", "oops"))
	for range 50 {
		wantUnavailable(t, "pause", s.newBrowser().open("/"))
	}
	s.wantHits(logintest.DiscoveryPath, 1)
}

// Whoever has waited long enough leaves; the discovery that others may wait for
// goes on.
func TestOnesPatienceDoesNotEndTheDiscovery(t *testing.T) {
	s := setup{change: func(o *login.Options) { o.Patience = time.Second }}.start(t)
	enough := make(chan struct{})
	s.provider.Wrap(logintest.DiscoveryPath, func(next http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			<-enough
			next(w, r)
		}
	})
	wantUnavailable(t, "silence", s.newBrowser().open("/"))
	if err := s.login.Ready(); err == nil || !strings.Contains(err.Error(), "not asked yet") {
		t.Errorf("Ready: %v; want that the answer is still to come", err)
	}
	close(enough)
	s.newBrowser().signIn()
	s.wantHits(logintest.DiscoveryPath, 1)
}

func TestDiscoveryOfAnotherIssuerIsRefused(t *testing.T) { // SEC-OIDC-16
	for _, change := range []func(string) any{
		func(issuer string) any { return issuer + "/" },
		func(string) any { return "https://evil.example" },
		func(issuer string) any { return strings.ToUpper(issuer) },
		func(string) any { return nil },
	} {
		s := newSite(t)
		s.provider.Change(func(script *logintest.Script) {
			script.Metadata = func(o logintest.Object) { o["issuer"] = change(s.provider.Issuer) }
		})
		wantUnavailable(t, "issuer", s.newBrowser().open("/"))
		if err := s.login.Ready(); err == nil || !strings.Contains(err.Error(), "issuer") {
			t.Errorf("Ready: %v, want the issuer", err)
		}
	}
}

func TestUnusableMetadataIsRefused(t *testing.T) { // SEC-OIDC-17
	for _, name := range []string{"authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint", "token_endpoint_auth_methods_supported"} {
		for _, value := range []any{"/relative", "ftp://evil.example/x", "javascript:alert(1)", "//evil.example/x", "http://", "%zz", ""} {
			if name == "userinfo_endpoint" && value == "" {
				continue // it is optional
			}
			s := newSite(t)
			s.provider.Change(func(script *logintest.Script) {
				script.Metadata = func(o logintest.Object) { o[name] = value }
			})
			wantUnavailable(t, name, s.newBrowser().open("/"))
			if err := s.login.Ready(); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("%s %q: Ready: %v", name, value, err)
			}
		}
	}
}

func TestHostileDiscoveryIsBoundedAndRefused(t *testing.T) { // SEC-OIDC-17, SEC-DOS-05
	t.Parallel()
	evil := logintest.New(t)
	for name, h := range map[string]func(*logintest.Provider) http.HandlerFunc{
		"redirect": func(*logintest.Provider) http.HandlerFunc {
			return logintest.Redirect(evil.Issuer + logintest.DiscoveryPath)
		},
		"no JSON": func(*logintest.Provider) http.HandlerFunc { return logintest.Answer(200, "text/html", "<p>") },
		"a list":  func(*logintest.Provider) http.HandlerFunc { return logintest.Answer(200, "application/json", "[]") },
		"404": func(*logintest.Provider) http.HandlerFunc {
			return logintest.Answer(404, "text/plain", strings.Repeat("no ", 1<<16))
		},
		"slow drip": func(p *logintest.Provider) http.HandlerFunc { return p.Drip(10 * time.Millisecond) },
		"no answer": func(p *logintest.Provider) http.HandlerFunc { return p.Hang },
		"100 MB":    func(*logintest.Provider) http.HandlerFunc { return logintest.Huge(100<<20, wantLittle(t)) },
		"huge error": func(*logintest.Provider) http.HandlerFunc {
			return logintest.Answer(500, "text/plain", strings.Repeat("x", 8<<20))
		},
	} {
		s := setup{change: func(o *login.Options) { o.Patience = 1500 * time.Millisecond }}.start(t)
		s.provider.Replace(logintest.DiscoveryPath, h(s.provider))
		wantUnavailable(t, name, s.newBrowser().open("/"))
	}
	if n := evil.Hits(logintest.DiscoveryPath); n != 0 {
		t.Errorf("a redirect was followed %d times", n)
	}
}

// wantLittle is called with how many bytes of a huge answer went over the wire.
// Buffers of the system take some more than the 1 MiB that is read.
func wantLittle(t *testing.T) func(int) {
	return func(sent int) {
		if sent > 32<<20 {
			t.Errorf("%d bytes of a huge answer were taken", sent)
		}
	}
}

func TestProviderWithoutATrustedCertificateIsRefused(t *testing.T) { // SEC-OIDC-24
	for name, config := range map[string]*tls.Config{"self-signed": {}, "TLS 1.1": {MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}} {
		server := httptest.NewUnstartedServer(http.NotFoundHandler())
		server.TLS, server.Config.ErrorLog = config, log.New(io.Discard, "", 0)
		server.StartTLS()
		t.Cleanup(server.Close)
		s := setup{change: func(o *login.Options) { o.Client.Issuer = server.URL }}.start(t)
		wantUnavailable(t, name, s.newBrowser().open("/"))
		if err := s.login.Ready(); err == nil || !strings.Contains(err.Error(), "tls: ") {
			t.Errorf("%s: Ready: %v", name, err)
		}
	}
}
