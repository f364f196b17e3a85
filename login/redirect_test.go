package login_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"sidegate/login/logintest"
)

// signInTo signs a new browser in by a login address and returns where the
// callback sent it.
func signInTo(t *testing.T, s *site, address string) (location string) {
	t.Helper()
	b := s.newBrowser()
	start := b.step(address)
	if !strings.HasPrefix(start.location, s.provider.Issuer+"/") {
		t.Fatalf("%s: got %d to %q, want the provider", address, start.status, start.location)
	}
	end := b.step(b.approve(start.location))
	if end.status != http.StatusFound || len(b.cookies()["sidegate"]) == 0 {
		t.Fatalf("%s: callback answered %d, cookies %v", address, end.status, b.cookies())
	}
	for name, values := range end.header {
		if strings.ContainsAny(strings.Join(values, ""), "\r\n") {
			t.Errorf("%s: header field %s: %q", address, name, values)
		}
	}
	return end.location
}

// SEC-REDIR-01, -02, -03, -04, -05, -06, SEC-REDIR-12: whole sign-ins, with the target encoded and,
// where a URL can hold it, as it is.
func TestSignInNeverEndsOnAnotherOrigin(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, target := range slices.Concat(foreign(), odd(), ours()) {
		addresses := []string{"/_gate/login?rd=" + url.QueryEscape(target)}
		if !strings.ContainsFunc(target, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune("#&", r) }) {
			addresses = append(addresses, "/_gate/login?rd="+target)
		}
		for _, address := range addresses {
			if got := signInTo(t, s, address); !local(got) || slices.Contains(ours(), got) {
				t.Errorf("%s ended at %q", address, got)
			}
		}
	}
}

// SEC-REDIR-11, contract: back to the same path and query.
func TestSignInEndsAtTheVeryTarget(t *testing.T) {
	s := newSite(t)
	for _, target := range harmless() {
		if got := signInTo(t, s, "/_gate/login?rd="+url.QueryEscape(target)); got != target {
			t.Errorf("target %q became %q", target, got)
		}
	}
	if got := signInTo(t, s, "/_gate/login?rd=/a;b=c"); got != "/a;b=c" {
		t.Errorf("a target with a bare semicolon became %q", got)
	}
	if got := signInTo(t, s, "/_gate/login?rd="+url.QueryEscape("/"+strings.Repeat("x", 2048))); got != "/" {
		t.Errorf("a target over the limit became %.40q", got)
	}
}

// SEC-REDIR-09: the app's own addresses are targets as well.
func TestSignInFromAnOddAddressEndsOnOurOrigin(t *testing.T) {
	s := newSite(t)
	for _, target := range []string{"//evil.example/x", `/\evil.example`, "/%09/evil", "/%5Cevil.example", "/..//evil", "/%2e%2e//evil", "/.//evil"} {
		b := s.newBrowser()
		r := b.request(http.MethodGet, "/", "")
		r.URL.Opaque = target
		if strings.HasPrefix(target, "//") { // or net/http would read a host in it
			r.URL.Opaque, r.URL.Path, r.URL.RawPath = "", target, target
		}
		first := b.send(r)
		if !strings.HasPrefix(first.location, "/_gate/login?rd=") {
			t.Fatalf("%s: got %d to %q", target, first.status, first.location)
		}
		if got := signInTo(t, s, first.location); !local(got) {
			t.Errorf("from %s the sign-in ended at %q", target, got)
		}
	}
}

// SEC-REDIR-10: log-out takes no target at all.
func TestLogoutLeadsNowhereElse(t *testing.T) {
	s := newSite(t)
	b := s.newBrowser()
	b.signIn()
	for _, target := range foreign() {
		for _, name := range []string{"return_to", "rd", "next", "post_logout_redirect_uri"} {
			r := b.request(http.MethodPost, "/_gate/logout?"+url.Values{name: {target}}.Encode(), url.Values{name: {target}}.Encode())
			r.Header.Set("Sec-Fetch-Site", "same-origin")
			if p := b.send(r); p.location != "" && p.location != "/_gate/logout" {
				t.Errorf("%s=%q: sent to %q", name, target, p.location)
			}
		}
	}
}

// SEC-REDIR-12: a signed-in person is sent on at once; not in circles, and not out.
func TestLoginWhileSignedInLeadsOnButNotOut(t *testing.T) {
	s := newSite(t)
	b := s.newBrowser()
	b.signIn()
	asked := s.provider.Hits(logintest.AuthorizePath)
	if p := b.step("/_gate/login?rd=/there"); p.status != http.StatusFound || p.location != "/there" {
		t.Errorf("got %d to %q, want 302 to /there", p.status, p.location)
	}
	for _, target := range append(ours(), foreign()...) {
		if p := b.step("/_gate/login?rd=" + url.QueryEscape(target)); p.location != "/" {
			t.Errorf("rd=%q: sent to %q", target, p.location)
		}
	}
	if p := b.open("/still"); p.who().Path != "/still" {
		t.Errorf("no longer signed in: %d at %s", p.status, p.url)
	}
	s.wantHits(logintest.AuthorizePath, asked)
}

// A target full of "&" is an everyday thing for dashboards; encoded as JSON text
// each would take six bytes of the provider's URL.
func TestTheLongestTargetFitsIntoTheAuthorizationRequest(t *testing.T) {
	s := newSite(t)
	target := "/?" + strings.Repeat("&", 2046)
	b := s.newBrowser()
	if authorization := b.begin(target); len(authorization) > 4096 {
		t.Errorf("the authorization request takes %d bytes, want at most 4096", len(authorization))
	}
	if got := signInTo(t, s, "/_gate/login?rd="+url.QueryEscape(target)); got != target {
		t.Errorf("ended at %.40q", got)
	}
}
