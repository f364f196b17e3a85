package login_test

import (
	"net/http"
	"testing"

	"sidegate/login/logintest"
)

// withoutEmail makes the provider keep the address for its userinfo endpoint.
func withoutEmail(t *logintest.IDToken) {
	for _, name := range []string{"email", "email_verified", "hd", "name", "picture", "groups"} {
		delete(t.Claims, name)
	}
}

func TestUserInfoFillsInWhatTheTokenLeftOut(t *testing.T) {
	k := newTokens(t)
	k.accepts("with an address", nil)
	k.wantHits(logintest.UserInfoPath, 0)
	got := k.try(withoutEmail).who()
	want := whom{"1001", "alice@corp.example", "Alice Example", "https://img.example/alice.png", "staff admins", "/page"}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	got = k.try(func(t *logintest.IDToken) {
		withoutEmail(t)
		t.Claims["name"], t.Claims["picture"], t.Claims["groups"] = "Signed Name", "https://img.example/signed.png", []string{"signed"}
	}).who()
	if got.Name != "Signed Name" || got.Picture != "https://img.example/signed.png" || got.Groups != "signed" {
		t.Errorf("userinfo overwrote what was signed: %+v", got)
	}
	if p := k.try(func(t *logintest.IDToken) {
		withoutEmail(t)
		t.Claims["hd"] = "other.example"
	}); p.status != http.StatusForbidden {
		t.Errorf("userinfo overwrote the signed hd: got %d, want 403", p.status)
	}
	k.wantHits(logintest.UserInfoPath, 3)
}

func TestProviderNeedNotHaveUserInfo(t *testing.T) {
	p := logintest.New(t)
	p.Change(func(s *logintest.Script) {
		s.Metadata = func(o logintest.Object) { delete(o, "userinfo_endpoint") }
	})
	k := &tokens{site: setup{provider: p}.start(t)}
	k.accepts("with an address", nil)
	if p := k.try(withoutEmail); p.status != http.StatusForbidden {
		t.Errorf("without an address: got %d, want 403", p.status)
	}
}

func TestUserInfoAboutSomebodyElseIsRejected(t *testing.T) { // SEC-OIDC-13
	k := newTokens(t)
	for _, sub := range []any{"1002", "", nil, 1001, []string{"1001"}, "1001 "} {
		k.provider.Change(func(s *logintest.Script) {
			s.UserInfo = func(o logintest.Object) {
				if o["sub"] = sub; sub == nil {
					delete(o, "sub")
				}
			}
		})
		k.rejects("sub", withoutEmail)
	}
	k.wantNobody()
}

func TestUserInfoInTroubleSignsNobodyIn(t *testing.T) {
	k := newTokens(t)
	for name, h := range map[string]http.HandlerFunc{
		"500": logintest.Answer(500, "text/plain", "oops"), "401": logintest.Answer(401, "application/json", "{}"),
		"HTML": logintest.Answer(200, "text/html", "<p>"), "a list": logintest.Answer(200, "application/json", "[]"),
		"twice":                    logintest.Answer(200, "application/json", `{"sub":"1001","email":"alice@corp.example","email":"b@corp.example","email_verified":true,"hd":"corp.example"}`),
		"redirect":                 logintest.Redirect(k.provider.Issuer + logintest.DiscoveryPath),
		"a JWT that nobody signed": logintest.Answer(200, "application/jwt", "e30.e30."),
	} {
		k.provider.Replace(logintest.UserInfoPath, h)
		k.rejects(name, withoutEmail)
	}
	k.provider.Replace(logintest.UserInfoPath, nil)
	k.provider.Change(func(s *logintest.Script) {
		s.UserInfo = func(o logintest.Object) { o["email_verified"] = false }
	})
	if p := k.try(func(t *logintest.IDToken) {
		withoutEmail(t)
		t.Claims["email_verified"] = true // of no address at all
	}); p.status != http.StatusForbidden {
		t.Errorf("an unverified address: got %d, want 403", p.status)
	}
	k.wantNobody()
}
