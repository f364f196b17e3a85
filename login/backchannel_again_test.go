package login_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"sidegate/login"
	"sidegate/login/logintest"
	"sidegate/web"
)

func TestLogoutTokenIsGoodOnce(t *testing.T) { // SEC-OUT-09: replayed jti
	s := newSite(t)
	s.withSID("sid-1")
	token := s.provider.LogoutToken(about("1001", ""))
	wantDone(t, "first", s.backchannel(token))
	b := s.withSID("sid-2") // signed in again: the old token is no word about this
	wantNotTaken(t, "again", s.backchannel(token))
	other := setup{provider: s.provider, store: s.store, public: s.URL}.start(t)
	wantNotTaken(t, "at another replica", other.backchannel(token))
	wantStill(t, "after the replay", b)
	// The same jti in another token is a replay as well.
	jti := "one and the same"
	wantDone(t, "jti", s.backchannel(s.provider.LogoutToken(both(about("1002", ""), claim("jti", jti)))))
	wantNotTaken(t, "jti again", s.backchannel(s.provider.LogoutToken(both(about("1001", ""), claim("jti", jti)))))
	wantStill(t, "after another token with that jti", b)
}

// Sidegates of several apps on one store each get their own token, or the same.
func TestLogoutTokenIsGoodOnceForEachApp(t *testing.T) {
	a := newSite(t)
	b := setup{provider: a.provider, store: a.store}.start(t)
	token := a.provider.LogoutToken(about("1001", ""))
	for _, s := range []*site{a, b} {
		in := s.withSID("sid-1")
		wantDone(t, s.URL, s.backchannel(token))
		wantOut(t, s.URL, in)
	}
}

// A token must not be spent for a logout that did not happen: the provider comes
// again, and then it works.
func TestLogoutThatTheStorePreventedCanBeRepeated(t *testing.T) {
	for _, methods := range [][]string{nil, {"PutIfAbsent"}, {"Revoke"}, {"Members"}, {"Replace"}} {
		s := newSite(t)
		b := s.withSID("sid-1")
		token := s.provider.LogoutToken(about("1001", ""))
		s.store.fail(methods...)
		if p := s.backchannel(token); p.status != http.StatusServiceUnavailable || p.header.Get("Retry-After") == "" ||
			p.header.Get("Cache-Control") != "no-store" || strings.Contains(p.body, "invalid") {
			t.Errorf("store fails in %v: got %d %s", methods, p.status, p.body)
		}
		s.store.mend()
		wantDone(t, "after the outage", s.backchannel(token))
		wantOut(t, "after the outage", b)
		wantNotTaken(t, "a third time", s.backchannel(token))
		s.store.fail("Get")
		if p := s.backchannel(token); p.status != http.StatusServiceUnavailable {
			t.Errorf("a mark that cannot be read: got %d", p.status)
		}
	}
}

// Who cannot verify says so, and does not call the token bad.
func TestLogoutThatTheProviderPreventedCanBeRepeated(t *testing.T) {
	s := setup{feed: true}.start(t)
	b := s.withSID("sid-1")
	fresh := setup{provider: s.provider, store: s.store, public: s.URL}.start(t) // knows neither metadata nor keys
	token := s.provider.LogoutToken(about("1001", ""))
	for _, path := range []string{logintest.DiscoveryPath, logintest.KeysPath} {
		s.provider.Replace(path, logintest.Answer(500, "text/plain", "later"))
		if p := fresh.backchannel(token); p.status != http.StatusServiceUnavailable {
			t.Errorf("%s fails: got %d %s", path, p.status, p.body)
		}
		s.provider.Replace(path, nil)
		fresh.clock.Advance(2 * time.Second)
	}
	wantStill(t, "before", b)
	wantDone(t, "after", fresh.backchannel(token))
	wantOutSoon(t, "after", b)
}

// SEC-DOS-02: anybody can begin a notice, and hold a connection by never ending it.
func TestNoticesThatNeverEndAreNotWaitedFor(t *testing.T) {
	s := setup{change: func(o *login.Options) { o.Patience = 200 * time.Millisecond }}.start(t)
	for _, path := range []string{"/_gate/backchannel-logout", "/_gate/risc"} {
		conn, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(5 * time.Second))
		fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: 1000\r\n\r\nlogout_", path, formType)
		if answer, err := io.ReadAll(conn); err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 400 ") {
			t.Errorf("%s: got %.80q, %v", path, answer, err)
		}
	}
}

// A provider's server may not wait for the answer. What it said holds.
func TestLogoutIsDoneForAProviderThatDoesNotWait(t *testing.T) {
	s := newSite(t)
	b := s.withSID("sid-1")
	form := url.Values{"logout_token": {s.provider.LogoutToken(about("", "sid-1"))}}.Encode()
	gone, leave := context.WithCancel(t.Context())
	leave()
	r := httptest.NewRequestWithContext(gone, "POST", "/_gate/backchannel-logout", strings.NewReader(form))
	r.Header.Set("Content-Type", formType)
	w := httptest.NewRecorder()
	(&web.Site{}).Handle(s.login.BackchannelLogout).ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	wantOut(t, "by a provider that has gone", b)
}

// Anybody can post; nobody makes us hammer the provider by it, or spend memory.
func TestForgedLogoutTokensDoNotHammerTheProvider(t *testing.T) {
	s := newSite(t)
	b := s.withSID("sid-1")
	before := s.provider.Hits(logintest.KeysPath)
	stranger := logintest.NewSecret("", []byte("cheap to sign with"))
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 100 {
				s.backchannel(s.provider.LogoutToken(both(about("1001", ""), func(t *logintest.IDToken) {
					t.Key, t.Header["kid"] = stranger, t.Claims["jti"]
				})))
			}
		})
	}
	all.Wait()
	if n := s.provider.Hits(logintest.KeysPath) - before; n > 2 {
		t.Errorf("400 forged tokens caused %d fetches", n)
	}
	n := 0
	if err := s.store.Each(t.Context(), "n:", func(string, []byte) error { n++; return nil }); err != nil || n != 0 {
		t.Errorf("they left %d marks, %v", n, err)
	}
	wantStill(t, "after forged tokens", b)
}

// The log says that it happened and to whom; the token is a bearer of the word.
func TestLogoutTokensAreNotLogged(t *testing.T) { // SEC-LEAK-05
	s := newSite(t)
	found := &secrets{list: make(map[string]string)}
	for _, change := range []func(*logintest.IDToken){claim("x", "y"), claim("iss", "https://x.example"), claim("exp", 1), header("typ", "JWT"), claim("jti", nil)} {
		token := s.provider.LogoutToken(both(about("1001", ""), change))
		parts := strings.Split(token, ".")
		found.add("claims", parts[1])
		found.add("signature", parts[2])
		s.backchannel(token)
		s.backchannel(token)
	}
	found.wantNone(t, "log", s.log.String())
	if !strings.Contains(s.log.String(), "sub=1001 decision=backchannel_logout") || strings.Contains(s.log.String(), "canary-jti") {
		t.Errorf("log: %s", s.log.String())
	}
}

// lifeOfMarks returns where the lifetime of the last mark will be.
func (s *site) lifeOfMarks() *time.Duration {
	life := new(time.Duration)
	s.store.seen = func(key string, ttl time.Duration) {
		if strings.HasPrefix(key, "n:") {
			*life = ttl
		}
	}
	return life
}

func TestMarksAreForgottenWhenTheirTokenIs(t *testing.T) {
	s := newSite(t)
	life := s.lifeOfMarks()
	wantDone(t, "token", s.backchannel(s.provider.LogoutToken(about("1001", ""))))
	if *life < time.Hour || *life > 2*time.Hour {
		t.Errorf("a mark is kept for %s; its token is good for an hour", *life)
	}
}
