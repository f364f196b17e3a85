package demo

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"log"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestCodeFlowSignsTheChosenAccountIn(t *testing.T) {
	f := newFlow(t)
	for _, account := range Accounts() {
		res := f.exchange(f.code(account.Email), nil, testSecret)
		if res.StatusCode != 200 {
			t.Fatalf("token endpoint: got %d %s", res.StatusCode, res.body)
		}
		tokens := decode[struct {
			IDToken     string `json:"id_token"`
			AccessToken string `json:"access_token"`
		}](t, res.body)
		claims := f.verify(tokens.IDToken)
		for name, want := range map[string]any{
			"iss": f.issuer, "nonce": "the nonce", "azp": ClientID, "sub": account.Subject,
			"email": account.Email, "email_verified": true, "name": account.Name,
		} {
			if got := claims[name]; got != want {
				t.Errorf("ID token, %s: got %v, want %v", name, got, want)
			}
		}
		if exp := time.Unix(int64(claims["exp"].(float64)), 0); !exp.After(time.Now()) {
			t.Errorf("ID token is born expired: %v", exp)
		}
		r, _ := http.NewRequest("GET", f.issuer+"/userinfo", nil)
		r.Header.Set("Authorization", "Bearer "+tokens.AccessToken)
		info := decode[map[string]any](t, f.do(r).body)
		for name, want := range map[string]any{"sub": account.Subject, "email": account.Email, "name": account.Name} {
			if got := info[name]; got != want {
				t.Errorf("userinfo, %s: got %v, want %v", name, got, want)
			}
		}
	}
}

func TestDiscoveryNamesWhatThereIs(t *testing.T) {
	f := newFlow(t)
	doc := decode[map[string]any](t, f.get("/.well-known/openid-configuration").body)
	for name, want := range map[string]any{
		"issuer": f.issuer, "authorization_endpoint": f.issuer + "/authorize", "token_endpoint": f.issuer + "/token",
		"userinfo_endpoint": f.issuer + "/userinfo", "jwks_uri": f.issuer + "/keys",
		"revocation_endpoint":    f.issuer + "/revoke",
		"introspection_endpoint": nil, "device_authorization_endpoint": nil,
	} {
		if got := doc[name]; got != want {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
	for _, path := range []string{"/oauth/token", "/oauth/introspect", "/end_session", "/device_authorization", "/authorize/callback"} {
		if got := f.post(path, nil, nil).StatusCode; got != 404 {
			t.Errorf("%s: got %d, want 404", path, got)
		}
	}
}

func TestUserinfoRefusesAnUnknownToken(t *testing.T) {
	f := newFlow(t)
	for _, token := range []string{"", "made up"} {
		r, _ := http.NewRequest("GET", f.issuer+"/userinfo", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		if got := f.do(r).StatusCode; got != 401 {
			t.Errorf("token %q: got %d, want 401", token, got)
		}
	}
}

func TestUserinfoRefusesAForgottenToken(t *testing.T) {
	f := newFlow(t)
	res := f.exchange(f.code("alice@example.com"), nil, testSecret)
	r, _ := http.NewRequest("GET", f.issuer+"/userinfo", nil)
	r.Header.Set("Authorization", "Bearer "+decode[map[string]any](t, res.body)["access_token"].(string))
	if got := f.do(r).StatusCode; got != 200 {
		t.Fatalf("got %d, want 200", got)
	}
	tokens := f.provider.store.tokens
	tokens.mu.Lock()
	clear(tokens.entries)
	tokens.mu.Unlock()
	if got := f.do(r); got.StatusCode != 403 || strings.Contains(got.body, "alice") {
		t.Errorf("got %d %s, want 403 and no claims", got.StatusCode, got.body)
	}
}

func TestTokenRefuses(t *testing.T) {
	f := newFlow(t)
	for name, c := range map[string]struct {
		edits  url.Values
		secret string
		want   string
	}{
		"a wrong verifier":       {url.Values{"code_verifier": {"another verifier, long enough to be one, as RFC 7636 wants"}}, testSecret, "invalid_grant"},
		"no verifier":            {url.Values{"code_verifier": nil}, testSecret, "invalid_request"},
		"the challenge itself":   {url.Values{"code_verifier": {"challenge"}}, testSecret, "invalid_grant"},
		"another redirect URI":   {url.Values{"redirect_uri": {callback + "/x"}}, testSecret, "invalid_grant"},
		"a wrong secret":         {nil, testSecret + "x", "invalid_client"},
		"no secret":              {nil, "", "invalid_client"},
		"a code nobody was sent": {url.Values{"code": {"guess"}}, testSecret, "invalid_grant"},
		"another grant type":     {url.Values{"grant_type": {"password"}}, testSecret, "unsupported_grant_type"},
	} {
		t.Run(name, func(t *testing.T) {
			code := f.code("alice@example.com")
			if c.edits.Get("code_verifier") == "challenge" {
				sum := sha256.Sum256([]byte(f.verifier))
				c.edits.Set("code_verifier", base64.RawURLEncoding.EncodeToString(sum[:]))
			}
			res := f.exchange(code, c.edits, c.secret)
			if got := decode[map[string]any](t, res.body)["error"]; got != c.want || res.StatusCode/100 != 4 {
				t.Errorf("got %d %v, want 4xx %v", res.StatusCode, got, c.want)
			}
			if strings.Contains(res.body, "token\"") {
				t.Errorf("a token was given: %s", res.body)
			}
		})
	}
}

func TestCodeIsGoodForOneExchange(t *testing.T) {
	f := newFlow(t)
	code := f.code("alice@example.com")
	if got := f.exchange(code, nil, testSecret).StatusCode; got != 200 {
		t.Fatalf("first exchange: got %d, want 200", got)
	}
	if got := f.exchange(code, nil, testSecret).StatusCode; got != 400 {
		t.Errorf("second exchange: got %d, want 400", got)
	}
	code = f.code("alice@example.com")
	f.exchange(code, url.Values{"code_verifier": {"wrong"}}, testSecret)
	if got := f.exchange(code, nil, testSecret).StatusCode; got != 400 {
		t.Errorf("exchange after a failed one: got %d, want 400", got)
	}
}

func TestNothingIsLogged(t *testing.T) {
	var logged bytes.Buffer
	was, out, flags := slog.Default(), log.Writer(), log.Flags()
	slog.SetDefault(slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug})))
	t.Cleanup(func() {
		slog.SetDefault(was)
		log.SetOutput(out) // SetDefault turned package log to the buffer too
		log.SetFlags(flags)
	})
	f := newFlow(t)
	f.exchange(f.code("bob@example.com"), nil, testSecret)
	f.exchange("guess", nil, testSecret)
	f.get("/authorize?" + f.query(url.Values{"redirect_uri": {"https://evil.example/"}}))
	f.get("/authorize?" + f.query(url.Values{"code_challenge": nil}))
	f.get("/authorize?" + f.query(url.Values{"scope": nil}))
	f.get("/authorize?max_age=x")
	f.get("/userinfo")
	if got := logged.String(); got != "" {
		t.Errorf("got log lines, want none:\n%s", got)
	}
}
