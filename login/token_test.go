package login_test

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"sidegate/login/logintest"
)

// tokens tries ID tokens against one site, each in a browser of its own.
type tokens struct {
	*site
}

func newTokens(t *testing.T) *tokens { return &tokens{site: newSite(t)} }

// try signs in with an ID token that change has changed, and returns the page at
// the end.
func (k *tokens) try(change func(*logintest.IDToken)) page {
	k.t.Helper()
	k.provider.Change(func(s *logintest.Script) { s.IDToken = change })
	return k.newBrowser().open("/page")
}

func (k *tokens) rejects(name string, change func(*logintest.IDToken)) {
	k.t.Helper()
	made := k.store.made()
	p := k.try(change)
	if k.store.made() != made || p.who().Sub != "" {
		k.t.Errorf("%s: accepted, as %+v", name, p.who())
	}
	if p.status != http.StatusBadGateway || !strings.Contains(p.body, `href="/_gate/login?rd=%2Fpage"`) {
		k.t.Errorf("%s: got %d, want 502 and a way on: %s", name, p.status, p.text())
	}
}

func (k *tokens) accepts(name string, change func(*logintest.IDToken)) {
	k.t.Helper()
	if p := k.try(change); p.who().Sub == "" {
		k.t.Errorf("%s: got %d, want a session; log: %s", name, p.status, k.lastLine())
	}
}

func (k *tokens) lastLine() string {
	all := strings.Split(strings.TrimSpace(k.log.String()), "\n")
	return all[len(all)-1]
}

// claim returns a change that sets one claim, or takes it out when value is nil.
func claim(name string, value any) func(*logintest.IDToken) {
	return func(t *logintest.IDToken) {
		if t.Claims[name] = value; value == nil {
			delete(t.Claims, name)
		}
	}
}

// header returns a change that sets one header parameter, nil: takes it out.
func header(name string, value any) func(*logintest.IDToken) {
	return func(t *logintest.IDToken) {
		if t.Header[name] = value; value == nil {
			delete(t.Header, name)
		}
	}
}

func TestTokenOfAnotherIssuerIsRejected(t *testing.T) { // SEC-OIDC-01, SEC-OIDC-21
	k := newTokens(t)
	issuer := k.provider.Issuer
	for _, iss := range []any{"https://evil.example", issuer + "/", strings.TrimPrefix(issuer, "http://"), strings.ToUpper(issuer), "accounts.google.com", "", nil, 1, []string{issuer}} {
		k.rejects("iss", claim("iss", iss))
	}
}

func TestTokenWithoutAProperSubjectIsRejected(t *testing.T) { // SEC-OIDC-02
	k := newTokens(t)
	for _, sub := range []any{nil, "", strings.Repeat("s", 256), 7, true, []string{"s"}, map[string]any{}, "a b", "a\nb", "a\x00", "ü", "\x7f"} {
		k.rejects("sub", claim("sub", sub))
	}
	k.accepts("the longest", claim("sub", strings.Repeat("s", 255)))
}

func TestTokenForAnotherClientIsRejected(t *testing.T) { // SEC-OIDC-03, SEC-OIDC-04
	k := newTokens(t)
	us := k.provider.ClientID
	for _, aud := range []any{"other", nil, "", []string{}, []string{"other", "third"}, strings.ToUpper(us), us + " ", 1, map[string]any{us: us}} {
		k.rejects("aud", claim("aud", aud))
	}
	both := func(azp any) func(*logintest.IDToken) {
		return func(t *logintest.IDToken) {
			t.Claims["aud"] = []string{us, "other"}
			claim("azp", azp)(t)
		}
	}
	k.rejects("two audiences, no azp", both(nil))
	k.rejects("two audiences, azp of the other", both("other"))
	k.accepts("two audiences, azp ours", both(us))
	for _, azp := range []any{"other", "", 5, []string{us}} {
		k.rejects("one audience, azp another", claim("azp", azp))
	}
	k.accepts("one audience, no azp", claim("azp", nil))
	k.accepts("one audience in a list", claim("aud", []string{us}))
}

func TestTokenOutOfItsTimeIsRejected(t *testing.T) { // SEC-OIDC-05, SEC-OIDC-06, FLT-21
	k := newTokens(t)
	in := func(d time.Duration) int64 { return time.Now().Add(d).Unix() }
	for _, iat := range []any{nil, 0, -1, in(-24 * time.Hour), in(-11 * time.Minute), in(2 * time.Minute), in(9999 * time.Hour), "now", time.Now().Format(time.RFC3339), 1e300, true} {
		k.rejects("iat", claim("iat", iat))
	}
	k.rejects("iat in quotes", func(t *logintest.IDToken) { t.Claims["iat"] = base10(in(0)) })
	for _, exp := range []any{nil, 0, in(-time.Hour), in(-2 * time.Minute), "soon", 1e300, -1e300, true, "", []int{1}} {
		k.rejects("exp", claim("exp", exp))
	}
	k.rejects("exp in quotes", func(t *logintest.IDToken) { t.Claims["exp"] = base10(in(time.Hour)) })
	k.rejects("nbf", claim("nbf", in(time.Hour)))
	k.accepts("exp half a minute ago", claim("exp", in(-30*time.Second)))
	k.accepts("iat in half a minute", claim("iat", in(30*time.Second)))
	k.accepts("iat nine minutes ago", claim("iat", in(-9*time.Minute)))
	k.accepts("times with a fraction", claim("iat", float64(in(0))+0.5))
}

// base10 is a NumericDate as text.
func base10(n int64) string { return strconv.FormatInt(n, 10) }

func TestTokenWithoutSignatureIsRejected(t *testing.T) { // SEC-OIDC-07
	k := newTokens(t)
	for _, alg := range []any{"none", "None", "NONE", "nOnE", "", nil} {
		k.rejects("unsigned", func(t *logintest.IDToken) {
			t.Key = logintest.Key{}
			header("alg", alg)(t)
		})
		k.rejects("signed all the same", header("alg", alg))
	}
	// Announcing it does not help.
	k.provider.Change(func(s *logintest.Script) {
		s.Metadata = func(o logintest.Object) {
			o["id_token_signing_alg_values_supported"] = []string{"none", "HS256"}
		}
	})
	announced := setup{provider: k.provider}.start(t)
	k.site = announced
	k.rejects("announced none", func(t *logintest.IDToken) { t.Key, t.Header["alg"] = logintest.Key{}, "none" })
	k.rejects("announced HS256", func(t *logintest.IDToken) {
		t.Key, t.Header["alg"] = logintest.NewSecret("first", []byte(announced.provider.ClientSecret)), "HS256"
	})
}

func TestTokenSignedByAnotherKeyIsRejected(t *testing.T) { // SEC-OIDC-08
	k := newTokens(t)
	rsa := logintest.NewKey(t, "RS256", "rsa")
	k.provider.Change(func(s *logintest.Script) { s.Signing, s.Published = rsa, []logintest.Key{rsa} })
	k.accepts("RS256", nil)

	der, err := x509.MarshalPKIXPublicKey(rsa.Public())
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	for name, key := range map[string]logintest.Key{
		"ES256 of a stranger under our kid":  logintest.NewKey(t, "ES256", "rsa"),
		"EdDSA of a stranger":                logintest.NewKey(t, "EdDSA", "rsa"),
		"HS256 with the client secret":       logintest.NewSecret("rsa", []byte(k.provider.ClientSecret)),
		"HS256 with the public key as PEM":   logintest.NewSecret("rsa", text),
		"HS256 with the public key as DER":   logintest.NewSecret("rsa", der),
		"HS256 with the public key, trimmed": logintest.NewSecret("rsa", []byte(strings.TrimSpace(string(text)))),
	} {
		k.rejects(name, func(t *logintest.IDToken) { t.Key, t.Header["alg"] = key, key.Alg })
		k.rejects(name+", said to be RS256", func(t *logintest.IDToken) { t.Key = key })
	}
	k.rejects("the payload changed afterwards", func(t *logintest.IDToken) {
		parts := strings.Split(t.Compact(), ".")
		t.Claims["sub"] = "1"
		changed := strings.Split(t.Compact(), ".")
		t.Raw = parts[0] + "." + changed[1] + "." + parts[2]
	})
	k.rejects("one bit of the signature changed", func(t *logintest.IDToken) {
		raw := []byte(t.Compact())
		raw[len(raw)-20] ^= 1
		t.Raw = string(raw)
	})
}

func TestKeyInTheTokenItselfIsNotUsed(t *testing.T) { // SEC-OIDC-09
	k := newTokens(t)
	evil := logintest.New(t)
	stranger := logintest.NewKey(t, "ES256", "stranger")
	evil.Change(func(s *logintest.Script) { s.Published = []logintest.Key{stranger} })
	keys := evil.Issuer + logintest.KeysPath
	for name, value := range map[string]any{"jwk": stranger.JWK(), "jku": keys, "x5u": keys, "kid": keys} {
		k.rejects(name, func(t *logintest.IDToken) {
			t.Key, t.Header["kid"] = stranger, "stranger"
			t.Header[name] = value
		})
		k.rejects(name+" and our kid", func(t *logintest.IDToken) { t.Key, t.Header[name] = stranger, value })
	}
	if n := evil.Hits(logintest.KeysPath); n != 0 {
		t.Errorf("an address inside a token was asked %d times", n)
	}
	k.rejects("crit", func(t *logintest.IDToken) { t.Header["crit"], t.Header["x"] = []string{"x"}, 1 })
	eddsa := logintest.NewKey(t, "EdDSA", "eddsa")
	k.provider.Change(func(s *logintest.Script) { s.Signing, s.Published = eddsa, []logintest.Key{eddsa} })
	k.clock.Advance(time.Minute) // past the pause after fruitless fetches
	k.rejects("EdDSA, published but not announced", nil)
}

func TestTokenWithoutKeyIDIsTriedWithEveryKey(t *testing.T) { // SEC-OIDC-10
	k := newTokens(t)
	k.accepts("one key", header("kid", nil))
	k.provider.Change(func(s *logintest.Script) {
		s.Published = append([]logintest.Key{logintest.NewKey(t, "ES256", "other")}, s.Published...)
	})
	k.accepts("several keys", header("kid", nil))
}

func TestTokenOfAnotherAttemptIsRejected(t *testing.T) { // SEC-OIDC-11
	k := newTokens(t)
	var replayed any
	k.accepts("the control", func(t *logintest.IDToken) { replayed = t.Claims["nonce"] })
	for _, nonce := range []any{"wrong", "", nil, replayed, 5} {
		k.rejects("nonce", claim("nonce", nonce))
	}
}

func TestAccessTokenHashIsComparedWhenItIsThere(t *testing.T) { // SEC-OIDC-12
	k := newTokens(t)
	k.rejects("wrong", claim("at_hash", base64.RawURLEncoding.EncodeToString(make([]byte, 16))))
	k.rejects("not a hash", claim("at_hash", "x"))
	k.accepts("none", claim("at_hash", nil))
}

func TestHostileTokensAreRejected(t *testing.T) { // SEC-OIDC-22, SEC-OIDC-23, SEC-DOS-06
	k := newTokens(t)
	payload := func(extra string) func(*logintest.IDToken) {
		return func(t *logintest.IDToken) {
			whole := t.Compact()
			decoded, _ := base64.RawURLEncoding.DecodeString(strings.Split(whole, ".")[1])
			t.Payload = strings.TrimSuffix(string(decoded), "}") + extra + "}"
		}
	}
	k.accepts("a claim more", payload(`,"x":{"email":"b","email":"c"}`))
	for name, extra := range map[string]string{
		"email twice": `,"email":"b@corp.example"`, "email twice, escaped": `,"\u0065mail":"b@corp.example"`,
		"Email": `,"Email":"b@corp.example"`, "sub by another letter": `,"\u017fub":"2"`, "kelvin": `,"k":1,"\u212a":2`,
		"trailing": `}{"a":1`, "deep": `,"x":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000), "broken": `,"x":`,
	} {
		k.rejects(name, payload(extra))
	}
	for name, raw := range map[string]string{
		"JWE":            "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ.AA.AA.AA.AA",
		"JWE with PBES2": "eyJhbGciOiJQQkVTMi1IUzI1NitBMTI4S1ciLCJlbmMiOiJBMTI4R0NNIiwicDJjIjo5OTk5OTk5OTk5LCJwMnMiOiJBQSIsInppcCI6IkRFRiJ9.AA.AA.AA.AA",
		"dots":           strings.Repeat(".", 10_000), "two dots": "..", "no dot": "x", "padding": "e30=.e30=.e30=",
	} {
		k.rejects(name, func(t *logintest.IDToken) { t.Raw = raw })
	}
	for _, raw := range []string{`[]`, `"x"`, `null`, `1`, `x`, ` `} {
		k.rejects("payload "+raw, func(t *logintest.IDToken) { t.Payload = raw })
	}
	k.rejects("nested", func(t *logintest.IDToken) {
		inner := t.Compact()
		t.Header["cty"], t.Payload = "JWT", inner
	})
}

func TestClaimsOfTheWrongTypeReadAsAbsent(t *testing.T) { // SEC-DOM-03, SEC-DOM-10
	k := newTokens(t)
	for name, values := range map[string][]any{
		"email_verified": {nil, false, "true", "false", 1, []bool{true}},
		"email":          {[]string{"alice@corp.example"}, 5, map[string]any{"email": "alice@corp.example"}, strings.Repeat("a", 10_000) + "@corp.example"},
		"hd":             {nil, []string{"corp.example"}, 5, true},
	} {
		for _, value := range values {
			if p := k.try(claim(name, value)); p.status != http.StatusForbidden && p.status != http.StatusBadGateway {
				t.Errorf("%s = %v: got %d", name, value, p.status)
			}
		}
	}
	k.wantNobody()
	p := k.try(func(t *logintest.IDToken) {
		t.Claims["name"], t.Claims["picture"], t.Claims["groups"] = 5, "javascript:alert(1)", "not a list"
	})
	if got := p.who(); got.Sub == "" || got.Name != "" || got.Picture != "" {
		t.Errorf("got %d %+v", p.status, got)
	}
}
