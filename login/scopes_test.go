package login

import (
	"net/url"
	"testing"

	"golang.org/x/oauth2"

	"sidegate/session"
)

// Google and everybody else want to be asked for a refresh token in ways of their own,
// and Google refuses the others' (SEC-FLOW-17).
func TestEachProviderIsAskedItsOwnWay(t *testing.T) {
	api := session.Scopes{"https://api.example/read"}
	for _, tt := range []struct {
		name, issuer string
		offline      bool
		attempt      attempt
		scope        string
		want         map[string]string
	}{
		{"Google, who it is", GoogleIssuer, true, attempt{}, "openid email profile", nil},
		{"Google, APIs", GoogleIssuer, true, attempt{Scopes: api, Consent: true}, "openid email profile https://api.example/read",
			map[string]string{"access_type": "offline", "include_granted_scopes": "true", "prompt": "consent"}},
		{"Google, with a refresh token in hand", GoogleIssuer, true, attempt{Scopes: api}, "openid email profile https://api.example/read",
			map[string]string{"access_type": "offline", "include_granted_scopes": "true"}},
		{"Google, another account", GoogleIssuer, true, attempt{Scopes: api, Consent: true, Switch: true}, "openid email profile https://api.example/read",
			map[string]string{"access_type": "offline", "include_granted_scopes": "true", "prompt": "select_account consent"}},
		{"another", "https://op.example", true, attempt{Scopes: api, Consent: true}, "openid email profile https://api.example/read offline_access",
			map[string]string{"prompt": "consent"}},
		{"another without refresh tokens", "https://op.example", false, attempt{Scopes: api, Consent: true}, "openid email profile https://api.example/read",
			map[string]string{"prompt": "consent"}},
	} {
		p := &provider{client: Client{Issuer: tt.issuer}}
		m := &metadata{offline: tt.offline, oauth: oauth2.Config{Scopes: identityScopes(), Endpoint: oauth2.Endpoint{AuthURL: "https://op.example/"}}}
		tt.attempt.Seed = make([]byte, 32)
		l := &Login{provider: p}
		u, err := url.Parse(m.oauth.AuthCodeURL("state", append(l.parameters(tt.attempt), p.askForAPI(m, tt.attempt)...)...))
		if err != nil {
			t.Fatal(err)
		}
		q := u.Query()
		if got := q.Get("scope"); got != tt.scope {
			t.Errorf("%s: scope %q", tt.name, got)
		}
		for _, name := range []string{"access_type", "include_granted_scopes", "prompt"} {
			if got := q.Get(name); got != tt.want[name] {
				t.Errorf("%s: %s is %q, want %q", tt.name, name, got, tt.want[name])
			}
		}
	}
}

// What Google says was granted has other names for who it is, which are no APIs.
func TestWhoItIsIsNoGrant(t *testing.T) {
	p := &provider{}
	said := (&oauth2.Token{}).WithExtra(map[string]any{"scope": "openid https://www.googleapis.com/auth/userinfo.email https://www.googleapis.com/auth/userinfo.profile profile email a"})
	if got := p.granted(said, session.Scopes{"b"}); got.String() != "a" {
		t.Errorf("granted %v", got)
	}
	for _, silent := range []*oauth2.Token{{}, (&oauth2.Token{}).WithExtra(map[string]any{"scope": 1})} {
		if got := p.granted(silent, session.Scopes{"b"}); got.String() != "b" {
			t.Errorf("an answer that says nothing grants %v", got)
		}
	}
}
