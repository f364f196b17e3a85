package login

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"sidegate/login/logintest"
	"sidegate/session"
)

// SEC-OIDC-21: Google's tokens may name their issuer without the scheme. What
// goes into the identity is always the configured issuer, or one person would be
// two.
func TestGooglesIssuerWithoutSchemeIsTheSameIssuer(t *testing.T) {
	key := logintest.NewKey(t, "ES256", "k")
	a := newAttempt("/", session.NewToken(), time.Now())
	for _, tt := range []struct {
		ours, theirs string
		want         bool
	}{
		{GoogleIssuer, GoogleIssuer, true}, {GoogleIssuer, "accounts.google.com", true}, {GoogleIssuer, "http://accounts.google.com", false},
		{GoogleIssuer, "accounts.google.com.evil.example", false}, {"https://other.example", "accounts.google.com", false},
	} {
		p := newProvider(Client{Issuer: tt.ours, ID: "client"}, newHTTPClient(time.Second), time.Now)
		m := &metadata{verifier: oidc.NewVerifier(tt.ours, &oidc.StaticKeySet{PublicKeys: []crypto.PublicKey{key.Public()}}, &oidc.Config{ClientID: "client", SupportedSigningAlgs: []string{"ES256"}})}
		raw := logintest.IDToken{
			Header: logintest.Object{"alg": "ES256"}, Key: key,
			Claims: logintest.Object{
				"iss": tt.theirs, "aud": "client", "sub": "1", "nonce": a.nonce(), "email": "a@b.example",
				"iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
			},
		}.Compact()
		token := (&oauth2.Token{AccessToken: "x"}).WithExtra(map[string]any{"id_token": raw})
		in, err := p.verify(t.Context(), m, token, a)
		if (err == nil) != tt.want || tt.want && in.Identity.Issuer != tt.ours {
			t.Errorf("%s at %s: %+v, %v", tt.theirs, tt.ours, in, err)
		}
	}
}

func TestEndpointsInClearTextAreRefusedOffLoopback(t *testing.T) { // SEC-OIDC-17
	for _, tt := range []struct {
		issuer, endpoint string
		want             bool
	}{
		{GoogleIssuer, "https://oauth2.googleapis.com/token", true}, {GoogleIssuer, "http://oauth2.googleapis.com/token", false},
		{GoogleIssuer, "http://127.0.0.1/token", false}, {"http://127.0.0.1:9", "http://127.0.0.1:9/token", true},
		{"http://127.0.0.1:9", "https://127.0.0.1:9/token", true}, {"http://127.0.0.1:9", "ftp://127.0.0.1:9/token", false},
	} {
		p := newProvider(Client{Issuer: tt.issuer}, nil, time.Now)
		if err := p.checkEndpoint(tt.endpoint); (err == nil) != tt.want {
			t.Errorf("%s at %s: %v", tt.endpoint, tt.issuer, err)
		}
	}
}

func TestSigningAlgorithmsAreAsymmetricOnes(t *testing.T) { // SEC-OIDC-07, SEC-OIDC-08, SEC-OIDC-09
	for announced, want := range map[string]string{
		"": "RS256", "none": "RS256", "HS256 none": "RS256", "RS256 HS256 ES256": "RS256 ES256", "ES384 EdDSA none": "ES384 EdDSA", "rs256": "RS256", "ES256K": "RS256",
	} {
		if got := strings.Join(signingAlgs(strings.Fields(announced)), " "); got != want {
			t.Errorf("announced %q: %q, want %q", announced, got, want)
		}
	}
}

// What a provider lets people choose goes into each request's headers.
func TestClaimsAreBounded(t *testing.T) {
	c := claims{Name: text(strings.Repeat("ü", 400)), Picture: text("https://x/" + strings.Repeat("p", 2100))}
	for range 1000 {
		c.Groups = append(c.Groups, "group-of-16-bytes")
	}
	id := c.identity(Client{Issuer: "https://issuer.example"})
	if len(id.Name) != 512 || strings.Trim(id.Name, "ü") != "" || id.Picture != "" || len(strings.Join(id.Groups, " ")) > 16<<10 || len(id.Groups) < 900 {
		t.Errorf("name %d, picture %d, groups %d", len(id.Name), len(id.Picture), len(id.Groups))
	}
	if got := cut("\xff\xfe", 512); got != "\ufffd" {
		t.Errorf("broken UTF-8 became %q", got)
	}
	if got := cut("aü", 2); got != "a" {
		t.Errorf("cut inside a character: %q", got)
	}
	for picture, want := range map[string]string{"https://x/y.png": "https://x/y.png", "http://x/y.png": "", "javascript:x": "", "data:x": "", "": ""} {
		if got := (claims{Picture: text(picture)}).identity(Client{Issuer: "i"}).Picture; got != want {
			t.Errorf("picture %q became %q", picture, got)
		}
	}
}

func TestUnknownReadersOfAClaimSeeTheSame(t *testing.T) { // SEC-OIDC-22
	for _, tt := range []struct {
		object string
		want   error
	}{
		{`{}`, nil}, {`{"a":1,"b":{"a":1,"a":2}}`, nil}, {`{"a":1,"a":1}`, errTwice}, {`{"a":1,"A":1}`, errTwice},
		{`{"a":1,"\u0061":1}`, errTwice}, {`{"iss":1,"i\u017fs":1}`, errTwice}, {`{"sub":1,"\u017fub":1}`, errTwice}, {`{"k":1,"\u212a":1}`, errTwice},
	} {
		if err := checkMembers([]byte(tt.object)); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.object, err, tt.want)
		}
	}
	for _, no := range []string{"", "[]", `"x"`, "null", `{"a"`, `{"a":`, `{1:2}`, "x"} {
		if err := checkMembers([]byte(no)); err == nil || errors.Is(err, errTwice) {
			t.Errorf("%s: %v", no, err)
		}
	}
}

// lateKeys is a key set in which another request's fetch ends between our look at
// the cache and our turn.
type lateKeys struct{ asked int }

func (k *lateKeys) VerifySignature(context.Context, string) ([]byte, error) {
	if k.asked++; k.asked == 1 {
		return nil, fmt.Errorf("fetching keys %w", errMomentAgo)
	}
	return []byte("payload"), nil
}

func TestKeysThatSomebodyElseJustFetchedAreUsed(t *testing.T) {
	k := &keySet{remote: &lateKeys{}, door: &door{now: time.Now}}
	if payload, err := k.VerifySignature(t.Context(), "x"); string(payload) != "payload" || err != nil {
		t.Errorf("got %q, %v", payload, err)
	}
}

// At Google a revoked token takes the person's consent with it, for every app of
// the project.
func TestGooglesTokensAreNotGivenBack(t *testing.T) {
	for issuer, want := range map[string]string{GoogleIssuer: "", "https://op.example": "https://op.example/revoke"} {
		p := newProvider(Client{Issuer: issuer}, nil, time.Now)
		if got := p.revocation(document{Revocation: "https://op.example/revoke"}); got != want {
			t.Errorf("%s: %q, want %q", issuer, got, want)
		}
	}
}
