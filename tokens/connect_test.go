package tokens_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sidegate/login"
	"sidegate/login/logintest"
	"sidegate/session"
)

func must(address string) *url.URL {
	u, err := url.Parse(address)
	if err != nil {
		panic(err)
	}
	return u
}

// asked returns the authorization requests that a browser was sent to the provider
// with.
func (b *browser) asked() (all []url.Values) {
	for _, v := range b.visited {
		if u := must(v); u.Path == logintest.AuthorizePath {
			all = append(all, u.Query())
		}
	}
	return all
}

// More is asked for when a page needs it, and the WebSocket that has the ticket since
// before sees it too.
func TestAPageAsksForMoreWhenItNeedsIt(t *testing.T) {
	s := setup{replicas: 2}.start(t)
	b := s.newBrowser()
	ticket := b.signIn()
	if q := b.asked()[0]; q.Get("scope") != "openid email profile" || q.Has("prompt") || q.Has("access_type") {
		t.Errorf("a sign-in that needs nothing asks for %v", q)
	}
	a := s.replicas[1].token(t, ticket, read)
	s.wantError("nothing connected", a, http.StatusForbidden, "insufficient_scope")
	if !strings.HasPrefix(a.Connect, s.replicas[0].URL+"/_gate/connect?scopes=") {
		t.Fatalf("connect_url is %q", a.Connect)
	}
	if p := b.do("GET", a.Connect+"&rd=%2Fback%3Fa%3Db"); p.path != "/back?a=b" || p.body != ticket {
		t.Fatalf("connecting led to %d %s", p.status, p.path)
	}
	if q := b.asked()[1]; q.Get("scope") != "openid email profile "+read+" offline_access" || q.Get("prompt") != "consent" || q.Get("login_hint") == "" {
		t.Errorf("connecting asks for %v", q)
	}
	s.want("connected", s.replicas[1].token(t, ticket, read), read)
	s.wantError("more", s.replicas[1].token(t, ticket, read, write), http.StatusForbidden, "insufficient_scope")
	b.connect(write)
	if q := b.asked()[2]; q.Get("scope") != "openid email profile "+read+" "+write+" offline_access" || q.Has("prompt") {
		t.Errorf("with a refresh token in hand it asks for %v", q)
	}
	s.want("more", s.replicas[1].token(t, ticket, read, write), read, write)
	if b.connect(read); len(b.asked()) != 3 {
		t.Error("what is granted is asked for again")
	}
}

// Google's way: people untick what they do not like, and what they left is what counts.
func TestWhatWasGrantedCountsNotWhatWasAsked(t *testing.T) {
	s := setup{}.start(t)
	s.provider.Change(func(script *logintest.Script) {
		script.API.Untick = func([]string) []string { return []string{write} }
	})
	b := s.newBrowser()
	ticket := b.signIn()
	if p := b.connect(read, write); p.path != "/back" {
		t.Fatalf("led to %s", p.path)
	}
	a := s.replicas[0].token(t, ticket, read, write)
	s.wantError("unticked", a, http.StatusForbidden, "insufficient_scope")
	if len(a.Missing) != 1 || a.Missing[0] != read {
		t.Errorf("missing are %v", a.Missing)
	}
	s.want("left", s.replicas[0].token(t, ticket, write), write)
	// A provider that says nothing has granted everything (RFC 6749 5.1).
	s.provider.Change(func(script *logintest.Script) { script.API.Untick, script.API.Silent = nil, true })
	b.connect(read)
	s.want("silently", s.replicas[0].token(t, ticket, read, write), write, read)
}

// A link from anywhere can name scopes; what is not listed is not asked for.
func TestOnlyListedScopesCanBeAskedFor(t *testing.T) {
	s := setup{}.start(t)
	b := s.newBrowser()
	b.signIn()
	before := len(b.asked())
	for _, q := range []string{"?scopes=https://api.example/everything", "?scopes=" + read + "+x", "?scopes=openid", "?scopes=", "", "?scopes=a%00"} {
		if p := b.do("GET", "/_gate/connect"+q); p.status != http.StatusForbidden {
			t.Errorf("%s: %d at %s", q, p.status, p.path)
		}
	}
	if p := b.do("GET", "/_gate/connect?scopes="+read, "Sec-Fetch-Mode", "no-cors"); p.status != http.StatusUnauthorized {
		t.Errorf("as an image: %d", p.status)
	}
	if len(b.asked()) != before {
		t.Error("the provider was asked")
	}
	if p := b.do("GET", "/_gate/connect?scopes="+read+"&rd=//evil.example/"); p.path != "/" {
		t.Errorf("led to %s", p.path)
	}
}

// Whoever is not signed in signs in on the way.
func TestConnectingSignsInOnTheWay(t *testing.T) {
	s := setup{}.start(t)
	b := s.newBrowser()
	p := b.connect(read)
	if _, ok := session.ParseTicket(p.body); !ok || p.path != "/back" {
		t.Fatalf("%d at %s", p.status, p.path)
	}
	s.want("at once", s.replicas[0].token(t, p.body, read), read)
}

// SEC-ISO-01: consent of another account is not this session's.
func TestAnotherAccountsConsentIsNotTaken(t *testing.T) {
	s := setup{}.start(t)
	b := s.newBrowser()
	ticket := b.signIn()
	s.provider.Change(func(script *logintest.Script) {
		script.User = func(*http.Request) logintest.Object {
			return logintest.Object{"sub": "2002", "email": "bob@corp.example", "email_verified": true}
		}
	})
	p := b.connect(read)
	if p.status != http.StatusForbidden || !strings.Contains(p.body, "another account") {
		t.Errorf("%d at %s: %s", p.status, p.path, p.body)
	}
	if again := b.signIn(); again != ticket {
		t.Error("the session is another one")
	}
	s.wantError("afterwards", s.replicas[0].token(t, ticket, read), http.StatusForbidden, "insufficient_scope")
}

func TestWhoRefusesGoesOnWithout(t *testing.T) {
	s := setup{}.start(t)
	b := s.newBrowser()
	ticket := b.signIn()
	s.provider.Change(func(script *logintest.Script) {
		script.Redirect = func(answer url.Values) {
			answer.Del("code")
			answer.Set("error", "access_denied")
		}
	})
	if p := b.connect(read); p.status != http.StatusForbidden || !strings.Contains(p.body, `href="/back"`) {
		t.Errorf("%d: %s", p.status, p.body)
	}
	if b.signIn() != ticket {
		t.Error("the sign-in did not survive")
	}
}

func TestDisconnectingRevokesAndForgets(t *testing.T) { // RFC 7009
	s := setup{replicas: 2, signIn: session.Scopes{read}}.start(t)
	b := s.newBrowser()
	ticket := b.signIn()
	s.clock.Advance(2 * time.Minute)
	given := s.replicas[1].token(t, ticket, read)
	s.want("before", given, read)
	if p := b.do("POST", "/_gate/disconnect", "Sec-Fetch-Site", "cross-site"); p.status != http.StatusForbidden {
		t.Errorf("from another site: %d", p.status)
	}
	s.want("still", s.replicas[1].token(t, ticket, read), read)
	if p := b.disconnect(); p.path != "/_gate/" || p.status != http.StatusNoContent {
		t.Errorf("led to %d %s", p.status, p.path)
	}
	if _, good := s.provider.Access(given.Access); good {
		t.Error("the token that was given is still good at the provider")
	}
	if got := s.provider.Revocations(); len(got) != 1 || !strings.HasPrefix(got[0].Form.Get("token"), "canary-refresh-") {
		t.Errorf("the provider got %v", got)
	}
	for _, r := range s.replicas {
		s.wantError("afterwards", r.token(t, ticket, read), http.StatusForbidden, "insufficient_scope")
	}
	if b.signIn() != ticket {
		t.Error("the sign-in did not survive")
	}
	b.disconnect() // with nothing to do
	b.connect(read)
	s.want("connected again", s.replicas[1].token(t, ticket, read), read)
}

// What the provider does not confirm is forgotten here all the same, and said.
func TestADisconnectThatTheProviderDoesNotConfirmSaysSo(t *testing.T) {
	s := setup{signIn: session.Scopes{read}}.start(t)
	b := s.newBrowser()
	ticket := b.signIn()
	s.provider.Replace(logintest.RevocationPath, logintest.Answer(503, "text/html", ""))
	if p := b.disconnect(); p.status != http.StatusBadGateway || !strings.Contains(p.body, "did not confirm") {
		t.Errorf("%d: %s", p.status, p.body)
	}
	s.wantError("afterwards", s.replicas[0].token(t, ticket, read), http.StatusForbidden, "insufficient_scope")
}

// A session may be of a provider that has been replaced since. The one in its place does
// not get to see its tokens.
func TestATokenIsGivenBackToWhomItIsOfAlone(t *testing.T) {
	s := setup{signIn: session.Scopes{read}}.start(t)
	b := s.newBrowser()
	ticket := b.signIn()
	other := logintest.New(t)
	other.Change(func(script *logintest.Script) { script.Revocation = true })
	r := s.replicas[0]
	r.keeper.Provider = login.New(login.Options{
		Client: login.Client{Issuer: other.Issuer, ID: other.ClientID, Secret: other.ClientSecret, Public: r.URL}, Now: s.clock.Now,
	})
	if p := b.disconnect(); p.status != http.StatusBadGateway || !strings.Contains(p.body, "did not confirm") {
		t.Errorf("%d: %s", p.status, p.body)
	}
	if got := other.Revocations(); len(got) != 0 {
		t.Errorf("the provider in its place got %v", got)
	}
	s.wantError("afterwards", r.token(t, ticket, read), http.StatusForbidden, "insufficient_scope")
}

func TestAStoreInTroubleDisconnectsNothing(t *testing.T) {
	s := setup{signIn: session.Scopes{read}}.start(t)
	b := s.newBrowser()
	ticket := b.signIn()
	s.store.failing(func(method, key string) error {
		if method == "Revoke" && strings.HasPrefix(key, "t:") {
			return errDown
		}
		return nil
	})
	if p := b.disconnect(); p.status != http.StatusServiceUnavailable || !strings.Contains(p.body, "Nothing has been disconnected") {
		t.Errorf("%d: %s", p.status, p.body)
	}
	if n := len(s.provider.Revocations()); n != 0 {
		t.Errorf("%d revocations", n)
	}
	s.want("still", s.replicas[0].token(t, ticket, read), read)
}

// A sign-out gives back the token of now: that of the sign-in was spent long ago.
func TestSignOutGivesTheLastTokenBack(t *testing.T) {
	s := setup{signIn: session.Scopes{read}}.start(t)
	b := s.newBrowser()
	ticket := b.signIn()
	s.clock.Advance(2 * time.Minute)
	given := s.replicas[0].token(t, ticket, read)
	s.want("before", given, read)
	b.do("POST", "/_gate/logout", "Sec-Fetch-Site", "same-origin")
	s.eventually("the token is given back", func() bool { _, good := s.provider.Access(given.Access); return !good })
}

// While somebody disconnects, a refresh under way brings nothing back.
func TestARefreshUnderWayDoesNotUndoADisconnect(t *testing.T) {
	t.Parallel()
	s := setup{replicas: 2, signIn: session.Scopes{read}}.start(t)
	b := s.newBrowser()
	ticket := b.signIn()
	s.clock.Advance(2 * time.Minute)
	var last atomic.Value // refresh token that the provider gave
	s.provider.Change(func(script *logintest.Script) {
		script.Token = func(answer logintest.Object) { last.Store(answer["refresh_token"]) }
	})
	s.provider.Wrap(logintest.TokenPath, func(next http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			late := httptest.NewRecorder()
			next(late, r)
			time.Sleep(time.Second)
			w.Header().Set("Content-Type", "application/json")
			w.Write(late.Body.Bytes())
		}
	})
	done := make(chan answer)
	go func() { done <- s.replicas[1].token(t, ticket, read) }()
	s.eventually("a refresh is under way", func() bool { return s.refreshes() == 1 })
	b.disconnect()
	given := <-done
	if got := s.provider.Revocations(); len(got) != 1 || got[0].Form.Get("token") != last.Load() {
		t.Error("what was given back is not what the refresh brought")
	}
	if _, good := s.provider.Access(given.Access); good {
		t.Error("what the refresh brought is still good")
	}
	s.wantError("afterwards", s.replicas[0].token(t, ticket, read), http.StatusForbidden, "insufficient_scope")
}

// A person who connects again while the old grant's refresh hangs does not wait for it,
// and what it brings in the end undoes nothing.
func TestARefreshThatHangsDoesNotUndoAConsent(t *testing.T) {
	t.Parallel()
	s := setup{replicas: 2, signIn: session.Scopes{read}, patience: 9 * time.Second}.start(t)
	b := s.newBrowser()
	ticket := b.signIn()
	s.clock.Advance(2 * time.Minute)
	s.provider.Wrap(logintest.TokenPath, func(next http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			late := httptest.NewRecorder()
			next(late, r)
			if r.PostForm.Get("grant_type") == "refresh_token" {
				time.Sleep(7 * time.Second)
			}
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(late.Code)
			w.Write(late.Body.Bytes())
		}
	})
	done := make(chan answer)
	go func() { done <- s.replicas[1].token(t, ticket, read) }()
	s.eventually("a refresh is under way", func() bool { return s.refreshes() == 1 })
	if p := b.connect(read, write); p.path != "/back" || p.body != ticket {
		t.Fatalf("led to %d %s", p.status, p.path)
	}
	s.want("at once", s.replicas[0].token(t, ticket, write), read, write)
	s.want("the one that waited", <-done, read, write)
	s.want("afterwards", s.replicas[0].token(t, ticket, write), read, write)
}
