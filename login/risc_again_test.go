package login_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"sidegate/login/logintest"
)

// SEC-OUT-10: a replay ends no session that began after the event. It is accepted
// all the same: the sender repeats what it believes lost (RFC 8935 2).
func TestSecurityEventIsActedUponOnce(t *testing.T) {
	s := newSite(t)
	b := s.newBrowser()
	b.signIn()
	token := s.provider.EventToken(happened(logintest.RISCEvents+"sessions-revoked", s.alice()), asIs)
	wantAccepted(t, "first", s.securityEvent(token))
	wantOut(t, "first", b)
	b.signIn()
	wantAccepted(t, "again", s.securityEvent(token))
	wantStill(t, "after the replay", b)
	other := setup{provider: s.provider, store: s.store, public: s.URL}.start(t)
	wantAccepted(t, "at another replica", other.securityEvent(token))
	wantStill(t, "after the replay at another replica", b)
	if n := strings.Count(s.log.String(), `msg="security event"`); n != 1 {
		t.Errorf("acted %d times", n)
	}
	if !strings.Contains(s.log.String(), "security_event_repeated") {
		t.Error("the replay is not in the log")
	}
}

func TestSecurityEventThatTheStorePreventedCanBeRepeated(t *testing.T) {
	for _, methods := range [][]string{nil, {"PutIfAbsent"}, {"Members"}, {"Revoke"}, {"Replace"}} {
		s := newSite(t)
		b := s.newBrowser()
		b.signIn()
		token := s.provider.EventToken(happened(logintest.OAuthEvents+"tokens-revoked", s.alice()), asIs)
		s.store.fail(methods...)
		if p := s.securityEvent(token); p.status != http.StatusServiceUnavailable || p.header.Get("Retry-After") == "" {
			t.Errorf("store fails in %v: got %d %s", methods, p.status, p.body)
		}
		s.store.mend()
		wantAccepted(t, "after the outage", s.securityEvent(token))
		wantOut(t, "after the outage", b)
	}
}

// The mark outlives the token, or it could be used again.
func TestMarksOfEventsAreKeptAsLongAsTheirToken(t *testing.T) {
	s := newSite(t)
	life := s.lifeOfMarks()
	wantAccepted(t, "event", s.securityEvent(s.provider.EventToken(happened("https://x.example/e", nil), asIs)))
	if *life < 7*24*time.Hour || *life > 8*24*time.Hour {
		t.Errorf("a mark is kept for %s; its token is good for a week", *life)
	}
}

func TestVerificationTellsItsState(t *testing.T) {
	s := newSite(t)
	events := happened(logintest.RISCEvents+"verification", nil, "state", "from sidegate risc verify")
	wantAccepted(t, "verification", s.securityEvent(s.provider.EventToken(events, asIs)))
	if !strings.Contains(s.log.String(), `event=verification`) || !strings.Contains(s.log.String(), `state="from sidegate risc verify"`) {
		t.Errorf("log: %s", s.log.String())
	}
}

// Nobody asks for the configuration before the first event, nor twice after it.
func TestRISCConfigurationIsFetchedOnce(t *testing.T) {
	s := newSite(t)
	s.newBrowser().signIn()
	s.wantHits(logintest.RISCPath, 0)
	for range 5 {
		wantAccepted(t, "event", s.securityEvent(s.provider.EventToken(happened("https://x.example/e", nil), asIs)))
	}
	s.wantHits(logintest.RISCPath, 1)
	s.wantHits(logintest.RISCKeysPath, 1)
}

// Anybody can post; nobody makes us hammer the provider by it.
func TestJunkDoesNotHammerTheProvider(t *testing.T) { // SEC-OIDC-15's kin
	junk := func(s *site, n, want int) {
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for range n / 4 {
					if p := s.securityEvent(s.provider.EventToken(happened("https://x.example/e", nil), func(t *logintest.IDToken) {
						t.Key, t.Header["kid"] = logintest.NewSecret("", []byte("cheap")), t.Claims["jti"]
					})); p.status != want {
						t.Errorf("junk: got %d %s, want %d", p.status, p.body, want)
					}
				}
			})
		}
		all.Wait()
	}
	s := newSite(t)
	s.provider.Replace(logintest.RISCPath, logintest.Answer(500, "text/plain", "later"))
	junk(s, 200, http.StatusServiceUnavailable)
	if n := s.provider.Hits(logintest.RISCPath); n > 4 { // pauses of ¼, ½, 1, … seconds
		t.Errorf("a configuration that fails was fetched %d times", n)
	}
	for range 20 { // hours later the pause is a minute
		s.clock.Advance(time.Minute)
		junk(s, 4, http.StatusServiceUnavailable)
	}
	before := s.provider.Hits(logintest.RISCPath)
	for range 59 {
		s.clock.Advance(time.Second)
		junk(s, 4, http.StatusServiceUnavailable)
	}
	if n := s.provider.Hits(logintest.RISCPath) - before; n > 1 {
		t.Errorf("%d fetches within a minute", n)
	}
	s.provider.Replace(logintest.RISCPath, nil)
	s.clock.Advance(time.Minute)
	wantAccepted(t, "once it is there", s.securityEvent(s.provider.EventToken(happened("https://x.example/e", nil), asIs)))
	junk(s, 200, http.StatusBadRequest)
	if n := s.provider.Hits(logintest.RISCKeysPath); n > 3 {
		t.Errorf("keys were fetched %d times", n)
	}
}

func TestBadRISCConfigurationsAcceptNothing(t *testing.T) {
	for name, tt := range map[string]struct {
		answer http.HandlerFunc
		want   int
	}{
		"none":          {http.NotFound, http.StatusBadRequest}, // the provider does not do this
		"HTML":          {logintest.Answer(200, "text/html", "<p>hello"), 503},
		"empty":         {logintest.Answer(200, "application/json", "{}"), 503},
		"no keys":       {logintest.Answer(200, "application/json", `{"issuer":"https://x.example/"}`), 503},
		"keys nowhere":  {logintest.Answer(200, "application/json", `{"issuer":"https://x.example/","jwks_uri":"ftp://x.example/"}`), 503},
		"a redirection": {logintest.Redirect("http://127.0.0.1:1/"), 503},
		"huge":          {logintest.Huge(2<<20, nil), 503},
	} {
		s := newSite(t)
		b := s.newBrowser()
		b.signIn()
		s.provider.Replace(logintest.RISCPath, tt.answer)
		token := s.provider.EventToken(happened(logintest.RISCEvents+"sessions-revoked", s.alice()), asIs)
		if p := s.securityEvent(token); p.status != tt.want {
			t.Errorf("%s: got %d %s, want %d", name, p.status, p.body, tt.want)
		}
		wantStill(t, name, b)
		if name == "keys nowhere" && !strings.Contains(s.log.String(), "jwks_uri: scheme") {
			t.Errorf("%s: the log does not say why: %s", name, s.log.String())
		}
	}
}

// A configuration that names no issuer would let in tokens that name none.
func TestRISCConfigurationNeedsAnIssuer(t *testing.T) {
	s := newSite(t)
	b := s.newBrowser()
	b.signIn()
	s.provider.Replace(logintest.RISCPath, logintest.Answer(200, "application/json", `{"jwks_uri":"`+s.provider.Issuer+logintest.RISCKeysPath+`"}`))
	own := logintest.Object{"subject_type": "iss-sub", "iss": s.provider.Issuer, "sub": "1001"}
	token := s.provider.EventToken(happened(logintest.RISCEvents+"sessions-revoked", own), claim("iss", nil))
	if p := s.securityEvent(token); p.status != http.StatusServiceUnavailable {
		t.Errorf("got %d, want 503", p.status)
	}
	wantStill(t, "without an issuer", b)
}

// The same address at another provider, from before a change of the settings, is
// another account.
func TestEMailMeansTheAccountAtThisProvider(t *testing.T) {
	former, present := setup{}.start(t), logintest.New(t)
	b := former.newBrowser()
	b.signIn()
	now := setup{provider: present, store: former.store, public: former.URL}.start(t)
	subject := logintest.Object{"subject_type": "email", "email": "alice@corp.example"}
	wantAccepted(t, "event", now.securityEvent(present.EventToken(happened(logintest.RISCEvents+"sessions-revoked", subject), asIs)))
	if _, err := now.sessions.Find(b.asRequest()); err != nil {
		t.Errorf("the session of the other provider's account: %v", err)
	}
}

func TestSecurityEventWaitsForTheKeys(t *testing.T) {
	s := newSite(t)
	s.provider.Replace(logintest.RISCKeysPath, logintest.Answer(500, "text/plain", "later"))
	token := s.provider.EventToken(happened("https://x.example/e", nil), asIs)
	if p := s.securityEvent(token); p.status != http.StatusServiceUnavailable {
		t.Errorf("got %d, want 503", p.status)
	}
	s.provider.Replace(logintest.RISCKeysPath, nil)
	s.clock.Advance(2 * time.Second)
	wantAccepted(t, "later", s.securityEvent(token))
}

func TestSecurityEventTokensAreNotLogged(t *testing.T) { // SEC-LEAK-05
	s := newSite(t)
	found := &secrets{list: make(map[string]string)}
	long := strings.Repeat("x", 5000) + "\x1b[2J"
	subject := logintest.Object{"iss": s.provider.Issuer, "sub": long}
	for _, change := range []func(*logintest.IDToken){asIs, claim("iss", "x"), claim("jti", nil)} {
		token := s.provider.EventToken(happened("https://x.example/"+long, subject, "state", long, "reason", long), change)
		found.add("claims", strings.Split(token, ".")[1])
		found.add("signature", strings.Split(token, ".")[2])
		s.securityEvent(token)
	}
	log := s.log.String()
	found.wantNone(t, "log", log)
	for line := range strings.Lines(log) {
		if len(line) > 2000 || strings.Contains(line, "\x1b") {
			t.Errorf("a line of %d bytes: %.200q", len(line), line)
		}
	}
}
