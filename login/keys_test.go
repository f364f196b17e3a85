package login_test

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"sidegate/login/logintest"
	"sidegate/web"
)

// rotate gives the provider a new key and takes the old one away.
func (s *site) rotate(id string) {
	s.t.Helper()
	key := logintest.NewKey(s.t, "ES256", id)
	s.provider.Change(func(script *logintest.Script) { script.Signing, script.Published = key, []logintest.Key{key} })
}

func TestKeyRotationCostsOneFetch(t *testing.T) { // SEC-OIDC-14
	s := newSite(t)
	s.newBrowser().signIn()
	s.newBrowser().signIn()
	s.wantHits(logintest.KeysPath, 1)

	s.rotate("second")
	s.newBrowser().signIn()
	s.newBrowser().signIn()
	s.wantHits(logintest.KeysPath, 2)

	b := s.newBrowser() // now while somebody is at the provider
	callback := b.callback("/")
	s.rotate("third")
	if b.open(callback).who().Sub == "" {
		t.Error("rotation just before signing: not signed in")
	}
	s.wantHits(logintest.KeysPath, 3)

	s.rotate("third") // another key under the same kid
	s.newBrowser().signIn()
	s.wantHits(logintest.KeysPath, 4)
}

// forge makes the token endpoint answer with tokens of unknown keys, and returns
// a function that finishes one sign-in, without the detour over the browser.
func forge(s *site) (finish func() int) {
	stranger := logintest.NewSecret("", []byte("cheap to sign with"))
	s.provider.Replace(logintest.TokenPath, func(w http.ResponseWriter, _ *http.Request) {
		token := logintest.IDToken{
			Header: logintest.Object{"alg": "ES256", "kid": rand.Text()},
			Claims: logintest.Object{"iss": s.provider.Issuer, "aud": s.provider.ClientID}, Key: stranger,
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(logintest.Object{"access_token": "a", "token_type": "Bearer", "id_token": token.Compact()})
	})
	ours := &web.Site{}
	start, callback := ours.Handle(s.login.Start), ours.Handle(s.login.Callback)
	return func() int {
		begun := httptest.NewRecorder()
		start.ServeHTTP(begun, httptest.NewRequest(http.MethodGet, "/_gate/login", nil))
		state := query(s.t, begun.Header().Get("Location"), "state")
		r := httptest.NewRequest(http.MethodGet, "/_gate/callback?"+url.Values{"state": {state}, "code": {"x"}}.Encode(), nil)
		for _, c := range begun.Result().Cookies() {
			r.AddCookie(c)
		}
		ended := httptest.NewRecorder()
		callback.ServeHTTP(ended, r)
		return ended.Code
	}
}

func TestUnknownKeysDoNotHammerTheProvider(t *testing.T) { // SEC-OIDC-15, FLT-16
	t.Parallel()
	s := newSite(t)
	s.newBrowser().signIn()
	fetched := s.provider.Hits(logintest.KeysPath)
	finish := forge(s)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 125 {
				if got := finish(); got != http.StatusBadGateway {
					t.Errorf("got %d, want 502", got)
				}
			}
		})
	}
	all.Wait()
	if n := s.provider.Hits(logintest.KeysPath) - fetched; n > 2 {
		t.Errorf("1,000 forged tokens caused %d fetches, want at most one in ten seconds", n)
	}
	if n := s.store.made(); n != 1 {
		t.Errorf("%d sessions, want the first one alone", n)
	}
	s.provider.Replace(logintest.TokenPath, nil)
	s.newBrowser().signIn() // known keys are not affected
	s.rotate("second")
	s.clock.Advance(10 * time.Second)
	s.newBrowser().signIn()
}

func TestKnownKeysOutliveTroubleWithTheKeySet(t *testing.T) { // FLT-16
	s := newSite(t)
	s.newBrowser().signIn()
	s.provider.Replace(logintest.KeysPath, logintest.Answer(503, "text/plain", "later"))
	s.newBrowser().signIn()
	s.wantHits(logintest.KeysPath, 1)
}

func TestSignInWorksOnceTheKeySetIsBack(t *testing.T) { // FLT-16
	for name, h := range map[string]http.HandlerFunc{
		"503": logintest.Answer(503, "text/plain", "later"), "redirect": logintest.Redirect("http://127.0.0.1:1/"),
		"HTML": logintest.Answer(200, "text/html", "<p>maintenance"+strings.Repeat("!", 1<<16)), "huge": logintest.Huge(2<<20, nil),
	} {
		s := newSite(t)
		s.provider.Replace(logintest.KeysPath, h)
		b := s.newBrowser()
		for range 20 {
			if p := b.open("/"); p.status != http.StatusBadGateway {
				t.Errorf("%s: got %d, want 502", name, p.status)
			}
		}
		if n := s.provider.Hits(logintest.KeysPath); n > 3 { // one a second
			t.Errorf("%s: fetched %d times", name, n)
		}
		s.provider.Replace(logintest.KeysPath, nil)
		wait := time.Second
		if name == "HTML" || name == "huge" { // an answer, but a fruitless one
			wait = 10 * time.Second
		}
		s.clock.Advance(wait)
		b.signIn()
	}
}
