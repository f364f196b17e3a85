package login_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"sidegate/login"
	"sidegate/login/logintest"
)

func TestTroubleAtTheTokenEndpointIsExplained(t *testing.T) { // SEC-OIDC-18
	s := newSite(t)
	const canary = "canary-body"
	for name, tt := range map[string]struct {
		answer http.HandlerFunc
		status int
	}{
		"invalid_grant":       {logintest.Answer(400, "application/json", `{"error":"invalid_grant","error_description":"canary-body"}`), 400},
		"invalid_client":      {logintest.Answer(401, "application/json", `{"error":"invalid_client"}`), 502},
		"unauthorized_client": {logintest.Answer(400, "application/json", `{"error":"unauthorized_client"}`), 502},
		"another error":       {logintest.Answer(400, "application/json", `{"error":"invalid_scope"}`), 503},
		"an error with 200":   {logintest.Answer(200, "application/json", `{"error":"invalid_grant","access_token":"a"}`), 400},
		"401":                 {logintest.Answer(401, "text/html", canary), 503},
		"429":                 {logintest.Answer(429, "text/plain", canary), 503},
		"500":                 {logintest.Answer(500, "text/html", "<h1>canary-body</h1>"), 503},
		"HTML":                {logintest.Answer(200, "text/html", "<h1>canary-body</h1>"), 503},
		"nothing":             {logintest.Answer(200, "application/json", ""), 503},
		"no access token":     {logintest.Answer(200, "application/json", `{"id_token":"canary-body"}`), 503},
		"no ID token":         {logintest.Answer(200, "application/json", `{"access_token":"canary-body","token_type":"Bearer"}`), 502},
		"an ID token object":  {logintest.Answer(200, "application/json", `{"access_token":"a","token_type":"Bearer","id_token":{"a":"canary-body"}}`), 502},
		"100 MB":              {logintest.Huge(100<<20, wantLittle(t)), 503},
		"cut connection":      {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 503},
	} {
		s.provider.Replace(logintest.TokenPath, tt.answer)
		b, asked := s.newBrowser(), s.provider.Hits(logintest.TokenPath)
		p := b.step(b.callback("/page"))
		wantWayOn(t, name, p, tt.status)
		if n := s.provider.Hits(logintest.TokenPath) - asked; n != 1 {
			t.Errorf("%s: the code was sent %d times", name, n)
		}
		if strings.Contains(p.body, canary) || strings.Contains(s.log.String(), canary) {
			t.Errorf("%s: the provider's words are shown or logged", name)
		}
	}
	s.wantNobody()
	for _, cause := range []string{`error \"invalid_client\"`, "status 429", "no id_token"} {
		if !strings.Contains(s.log.String(), cause) {
			t.Errorf("the log does not say %s", cause)
		}
	}
}

func TestAmbiguousTokenAnswersAreRejected(t *testing.T) { // SEC-OIDC-18
	k := newTokens(t)
	for _, kind := range []string{"mac", "DPoP", "Basic", "id_token"} {
		k.provider.Change(func(s *logintest.Script) {
			s.Token = func(o logintest.Object) { o["token_type"] = kind }
		})
		k.rejects("token_type "+kind, nil)
	}
	for _, kind := range []any{"bearer", "BEARER", "", nil} {
		k.provider.Change(func(s *logintest.Script) {
			s.Token = func(o logintest.Object) { o["token_type"] = kind }
		})
		k.accepts("token_type", nil)
	}
}

func TestTokenAnswerWithTwoIDTokensIsRejected(t *testing.T) { // SEC-OIDC-18
	k := newTokens(t)
	add := func(member string) {
		k.provider.Wrap(logintest.TokenPath, func(next http.HandlerFunc) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				good := httptest.NewRecorder()
				next(good, r)
				w.Header().Set("Content-Type", "application/json")
				io.WriteString(w, strings.TrimSuffix(strings.TrimSpace(good.Body.String()), "}")+member+"}")
			}
		})
	}
	add(`,"scope":"openid"`)
	k.accepts("a member more", nil)
	for _, member := range []string{
		`,"x":1}` + strings.Repeat(" ", 1<<20), // whole, as far as we read
		`,"id_token":"x"`, `,"ID_TOKEN":"x"`, `,"access_token":"x"`, `,"id\u005ftoken":"x"`,
	} {
		add(member)
		b := k.newBrowser()
		wantWayOn(t, member, b.step(b.callback("/")), 503)
	}
	if n := k.store.made(); n != 1 {
		t.Errorf("%d sessions were made, want the first alone", n)
	}
}

func TestTokenEndpointsRedirectIsNotFollowed(t *testing.T) { // SEC-OIDC-19
	s := newSite(t)
	evil := logintest.New(t)
	s.provider.Replace(logintest.TokenPath, logintest.Redirect(evil.Issuer+logintest.TokenPath))
	b := s.newBrowser()
	wantWayOn(t, "redirect", b.step(b.callback("/")), 503)
	if n := evil.Hits(logintest.TokenPath); n != 0 {
		t.Errorf("followed %d times, with the code and our secret", n)
	}
}

func TestClientProvesItselfAsTheProviderAsks(t *testing.T) { // SEC-OIDC-20
	for name, tt := range map[string]struct {
		methods any
		basic   bool
	}{
		"both": {[]string{"client_secret_post", "client_secret_basic"}, true}, "basic": {[]string{"client_secret_basic"}, true},
		"post": {[]string{"client_secret_post"}, false}, "nothing said": {nil, true},
	} {
		s := newSite(t)
		s.provider.Change(func(script *logintest.Script) {
			script.Metadata = func(o logintest.Object) {
				if o["token_endpoint_auth_methods_supported"] = tt.methods; tt.methods == nil {
					delete(o, "token_endpoint_auth_methods_supported")
				}
			}
		})
		s.newBrowser().signIn() // with an id and a secret that hold " ", ":" and "%"
		asked := s.provider.TokenRequests()
		if len(asked) != 1 || asked[0].Basic != tt.basic || asked[0].Form.Has("client_secret") == tt.basic {
			t.Errorf("%s: %d requests, basic %v", name, len(asked), asked[0].Basic)
		}
	}
	for _, secret := range []string{"a:b", "a%b", "a+b c", "ünïcode-パスワード", "a&b=c", `"\`} {
		p := logintest.New(t)
		p.ClientID, p.ClientSecret = secret, secret
		setup{provider: p}.start(t).newBrowser().signIn()
	}
}

// SEC-LEAK-02: what each endpoint gets, and nobody else.
func TestSecretsGoToTheirEndpointsAlone(t *testing.T) {
	s := newSite(t)
	seen := make(chan string, 100)
	s.provider.Change(func(script *logintest.Script) { script.IDToken = withoutEmail })
	for _, path := range []string{logintest.DiscoveryPath, logintest.AuthorizePath, logintest.KeysPath, logintest.UserInfoPath} {
		s.provider.Wrap(path, func(next http.HandlerFunc) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				seen <- path + " " + r.URL.RawQuery + " " + r.Header.Get("Authorization")
				next(w, r)
			}
		})
	}
	s.newBrowser().signIn()
	close(seen)
	asked := s.provider.TokenRequests()[0]
	access := 0
	for request := range seen {
		for _, secret := range []string{asked.Form.Get("code"), asked.Form.Get("code_verifier"), url.QueryEscape(s.provider.ClientSecret)} {
			if strings.Contains(request, secret) {
				t.Errorf("%s carries %s", request, secret)
			}
		}
		if strings.Contains(request, "canary-access") {
			access++
			if !strings.HasPrefix(request, logintest.UserInfoPath+"  Bearer ") {
				t.Errorf("%s carries the access token", request)
			}
		}
	}
	if access != 1 {
		t.Errorf("the access token was used %d times, want 1", access)
	}
}

func TestProviderHasTenSecondsInAll(t *testing.T) { // FLT-15
	if got := newSite(t).login.Patience; got != 10*time.Second {
		t.Errorf("patience %v, want 10s", got)
	}
}

func TestSilentProviderCostsNoMoreThanItsTime(t *testing.T) { // FLT-15, SEC-DOS-05
	for _, path := range []string{logintest.TokenPath, logintest.UserInfoPath, logintest.KeysPath} {
		for _, silence := range []string{"hangs", "drips"} {
			t.Run(path+" "+silence, func(t *testing.T) {
				t.Parallel()
				s := setup{change: func(o *login.Options) { o.Patience = 1500 * time.Millisecond }}.start(t)
				s.provider.Change(func(script *logintest.Script) { script.IDToken = withoutEmail })
				left := make(chan struct{})
				s.provider.Replace(path, func(w http.ResponseWriter, r *http.Request) {
					defer close(left)
					if silence == "hangs" {
						s.provider.Hang(w, r)
					} else {
						s.provider.Drip(20*time.Millisecond)(w, r)
					}
				})
				b := s.newBrowser()
				wantWayOn(t, "callback", b.step(b.callback("/page")), 503)
				select {
				case <-left:
				case <-time.After(20 * time.Second):
					t.Error("the request to the provider goes on")
				}
				s.wantNobody()
				s.provider.Replace(path, nil)
				for range 100 { // what hung may take a moment to end on our side
					if b.open("/").who().Sub != "" {
						return
					}
					s.clock.Advance(time.Second)
				}
				t.Error("afterwards nobody can sign in")
			})
		}
	}
}

// Who makes up codes leaves little in the store, and has each looked at once (SEC-DOS-09).
func TestMadeUpCodesDoNotFillTheStore(t *testing.T) {
	s := newSite(t)
	marks := make(map[string]time.Duration)
	s.store.seen = func(key string, ttl time.Duration) {
		if before, made := marks[key]; !made || ttl < before { // a second mark changes none
			marks[key] = ttl
		}
	}
	b := s.newBrowser()
	for range 3 {
		callback := withQuery(t, b.callback("/"), "code", "made-up")
		if p := b.step(callback); p.status != http.StatusBadRequest || !strings.Contains(p.body, "too long or was used") {
			t.Fatalf("got %d: %s", p.status, p.text())
		}
		if p := b.step(callback); p.status != http.StatusBadRequest || !strings.Contains(p.body, "used already. If") {
			t.Errorf("again: %d: %s", p.status, p.text())
		}
	}
	s.wantHits(logintest.TokenPath, 3)
	if len(marks) != 3 {
		t.Errorf("%d marks", len(marks))
	}
	for key, ttl := range marks {
		if ttl > time.Minute {
			t.Errorf("%s is kept for %v", key, ttl)
		}
	}
}
