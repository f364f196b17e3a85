package login_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"sidegate/login/logintest"
)

// wantRevoked waits for n revocations.
func (s *site) wantRevoked(n int) []logintest.TokenRequest {
	s.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if got := s.provider.Revocations(); len(got) >= n {
			return got
		}
	}
	s.t.Fatalf("%d revocations, want %d", len(s.provider.Revocations()), n)
	return nil
}

func TestSignOutGivesTheTokenBack(t *testing.T) { // RFC 7009
	for _, tt := range []struct {
		name, refresh, want string
		methods             []string
	}{
		{"an access token", "", "canary-access-", nil},
		{"a refresh token", "canary-refresh", "canary-refresh", nil},
		{"a client that proves itself in the form", "canary-refresh", "canary-refresh", []string{"client_secret_post"}},
	} {
		s := newSite(t)
		s.provider.Change(func(script *logintest.Script) {
			script.Revocation = true
			script.Token = func(answer logintest.Object) {
				if tt.refresh != "" {
					answer["refresh_token"] = tt.refresh
				}
			}
			script.Metadata = func(document logintest.Object) {
				if tt.methods != nil {
					document["token_endpoint_auth_methods_supported"] = tt.methods
				}
			}
		})
		b := s.newBrowser()
		b.signIn()
		s.login.SetClientSecret("x") // what counts is the secret of the moment
		s.login.SetClientSecret(s.provider.ClientSecret)
		if p := b.logout("POST", own()); p.location != "/_gate/logout" {
			t.Errorf("%s: got %d to %q", tt.name, p.status, p.location)
		}
		got := s.wantRevoked(1)[0]
		if !strings.HasPrefix(got.Form.Get("token"), tt.want) || got.ClientID != s.provider.ClientID ||
			got.ClientSecret != s.provider.ClientSecret || got.Basic != (tt.methods == nil) {
			t.Errorf("%s: the provider got %+v", tt.name, got)
		}
	}
}

// What cannot be given back is the log's business alone, and the token not even
// the log's.
func TestARevocationThatFailsIsLoggedWithoutTheToken(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"500": func(w http.ResponseWriter, r *http.Request) {
			r.ParseForm()
			logintest.Answer(500, "application/json", r.PostForm.Encode())(w, r)
		},
		"redirect": logintest.Redirect("http://127.0.0.1:1/"), "huge": logintest.Huge(2<<20, nil), "twice": logintest.Answer(200, "application/json", `{"a":1,"a":2}`),
	} {
		s := newSite(t)
		s.provider.Change(func(script *logintest.Script) { script.Revocation = true })
		s.provider.Replace(logintest.RevocationPath, h)
		found := collect(s)
		b := s.newBrowser()
		b.signIn()
		b.logout("POST", own())
		wantOut(t, name, b)
		for deadline := time.Now().Add(10 * time.Second); !strings.Contains(s.log.String(), "token not revoked"); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%s: nothing in the log: %s", name, s.log.String())
			}
		}
		found.wantNone(t, name, s.log.String())
	}
}

// A provider that hangs makes no pile of revocations here.
func TestRevocationsAreBounded(t *testing.T) {
	s := newSite(t)
	s.provider.Change(func(script *logintest.Script) { script.Revocation = true })
	s.provider.Replace(logintest.RevocationPath, s.provider.Hang)
	for range 20 {
		b := s.newBrowser()
		b.signIn()
		b.logout("POST", own())
		wantOut(t, "while the provider hangs", b)
	}
	if n := s.provider.Hits(logintest.RevocationPath); n > 16 {
		t.Errorf("%d revocations at once", n)
	}
	if !strings.Contains(s.log.String(), "too many revocations") {
		t.Error("what was left out is not in the log")
	}
}

func TestTheWayOutHoldsNoSecretInTheLog(t *testing.T) { // SEC-LEAK-05
	s := newSite(t)
	s.provider.Change(func(script *logintest.Script) { script.EndSession, script.Revocation = true, true })
	found := collect(s)
	b := s.newBrowser()
	b.signIn()
	found.cookies(b)
	to := b.logout("POST", own()).onward()
	found.add("state of the way out", query(t, to, "state"))
	b.open(to)
	s.wantRevoked(1)
	found.wantNone(t, "log", s.log.String())
	if _, err := url.Parse(to); err != nil || !strings.Contains(s.log.String(), "logout/done") {
		t.Errorf("%v, log: %s", err, s.log.String())
	}
}
