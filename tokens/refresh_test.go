package tokens_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"sidegate/login/logintest"
	"sidegate/session"
	"sidegate/session/redisstore"
	"sidegate/session/sessiontest"
)

// crowd asks all replicas for the same person's token, a hundred times at once. On a
// busy machine Redis may not answer in the time of a call: then it is asked again, as
// Retry-After says.
func (s *site) crowd(ticket string) (all []answer) {
	answers := make([]answer, 100)
	var wg sync.WaitGroup
	for n := range answers {
		wg.Go(func() {
			for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(time.Second) {
				answers[n] = s.replicas[n%len(s.replicas)].token(s.t, ticket, read)
				if answers[n].Error != "store_unavailable" {
					return
				}
			}
		})
	}
	wg.Wait()
	return answers
}

func redis(t *testing.T) session.Store {
	t.Helper()
	store, err := redisstore.Open(sessiontest.Redis(t).URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return store
}

// The provider ends the grant when a refresh token comes twice, so that a second
// refresh would be seen in every answer.
func TestAHundredCallsOnTwoReplicasAreOneRefresh(t *testing.T) {
	for name, c := range map[string]setup{
		"in memory": {}, "in Redis": {store: redis(t)},
	} {
		c.replicas, c.signIn = 2, session.Scopes{read}
		s := c.start(t)
		ticket := s.newBrowser().signIn()
		for round := 1; round <= 3; round++ {
			s.clock.Advance(45 * time.Second) // a third of the minute is left, or less
			for _, a := range s.crowd(ticket) {
				s.want(name, a, read)
			}
			if n := s.refreshes(); n != round {
				t.Fatalf("%s: %d refreshes in round %d", name, n, round)
			}
			// Those who wait here do not ask the store each for themselves.
			if n := s.store.turns.Swap(0); n > 40 {
				t.Errorf("%s: the turn was asked for %d times", name, n)
			}
		}
	}
}

func TestATokenThatIsGoodIsHandedOutWithoutARefresh(t *testing.T) {
	s := setup{signIn: session.Scopes{read}}.start(t)
	ticket := s.newBrowser().signIn()
	first := s.replicas[0].token(t, ticket, read)
	s.want("the first", first, read)
	s.clock.Advance(35 * time.Second)
	if again := s.replicas[0].token(t, ticket); again.Access != first.Access || s.refreshes() != 0 {
		t.Errorf("%d refreshes, %s", s.refreshes(), again.body)
	}
}

// A tab that stays open for five lifetimes.
func TestATokenIsFreshForAsLongAsTheSession(t *testing.T) {
	s := setup{signIn: session.Scopes{read}}.start(t)
	ticket := s.newBrowser().signIn()
	for range 20 {
		s.clock.Advance(17 * time.Second)
		s.want("a quarter of a life later", s.replicas[0].token(t, ticket, read), read)
	}
	if n := s.refreshes(); n < 5 || n > 10 {
		t.Errorf("%d refreshes in 340 seconds", n)
	}
}

// The provider's trouble is nobody's end: what is good is handed out, then 503, and
// when the provider is back all is as before.
func TestAProviderInTroubleEndsNothing(t *testing.T) {
	t.Parallel()
	for name, trouble := range map[string]http.HandlerFunc{
		"500": logintest.Answer(500, "text/html", "sorry"), "503": logintest.Answer(503, "application/json", `{"error":"temporarily_unavailable"}`),
		"429": logintest.Answer(429, "application/json", `{}`), "no JSON": logintest.Answer(200, "application/json", `{`),
		"no token":             logintest.Answer(200, "application/json", `{"token_type":"Bearer"}`),
		"another kind":         logintest.Answer(200, "application/json", `{"access_token":"a","token_type":"mac"}`),
		"the client's trouble": logintest.Answer(401, "application/json", `{"error":"invalid_client"}`), "hangs": nil,
	} {
		s := setup{signIn: session.Scopes{read}, patience: 6 * time.Second}.start(t)
		b := s.newBrowser()
		ticket := b.signIn()
		if trouble == nil {
			trouble = s.provider.Hang
		}
		s.provider.Replace(logintest.TokenPath, trouble)
		s.clock.Advance(45 * time.Second)
		began := time.Now()
		s.want(name+", a good token left", s.replicas[0].token(t, ticket, read), read)
		if waited := time.Since(began); waited > 4*time.Second {
			t.Errorf("%s: waited %v for what was there", name, waited)
		}
		s.clock.Advance(10 * time.Second)
		a := s.replicas[0].token(t, ticket, read)
		s.wantError(name+", none left", a, http.StatusServiceUnavailable, "token_unavailable")
		if a.header.Get("Retry-After") == "" {
			t.Errorf("%s: no Retry-After", name)
		}
		if b.signIn() != ticket {
			t.Errorf("%s: another ticket", name)
		}
		s.provider.Replace(logintest.TokenPath, nil)
		s.eventually(name+", when it is over", func() bool { return s.replicas[0].token(t, ticket, read).status == http.StatusOK })
		s.want(name+", when it is over", s.replicas[0].token(t, ticket, read), read)
	}
}

func (s *site) eventually(what string, ok func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("%s: never; log:\n%s", what, s.log.String())
		}
	}
}

// A provider that is down is not asked once for each call.
func TestAProviderInTroubleIsNotHammered(t *testing.T) {
	t.Parallel()
	s := setup{signIn: session.Scopes{read}}.start(t)
	ticket := s.newBrowser().signIn()
	before := s.provider.Hits(logintest.TokenPath)
	s.provider.Replace(logintest.TokenPath, logintest.Answer(500, "text/html", ""))
	s.clock.Advance(time.Hour)
	for range 50 {
		s.wantError("while it is down", s.replicas[0].token(t, ticket, read), http.StatusServiceUnavailable, "token_unavailable")
	}
	if n := s.provider.Hits(logintest.TokenPath) - before; n > 5 {
		t.Errorf("50 calls were %d tries", n)
	}
}

// invalid_grant drops the tokens and keeps the sign-in; connecting again mends it.
func TestAWithdrawnGrantHasToBeGivenAgain(t *testing.T) {
	s := setup{replicas: 2, signIn: session.Scopes{read}}.start(t)
	b := s.newBrowser()
	ticket := b.signIn()
	s.provider.Withdraw()
	s.clock.Advance(45 * time.Second)
	for _, a := range s.crowd(ticket) {
		s.wantError("withdrawn", a, http.StatusConflict, "reconnect_required")
	}
	if n := s.refreshes(); n != 1 {
		t.Errorf("%d tries with a refresh token that is of no use", n)
	}
	if b.signIn() != ticket {
		t.Error("the sign-in did not survive")
	}
	a := s.replicas[1].token(t, ticket, write)
	s.wantError("withdrawn, and more is wanted", a, http.StatusConflict, "reconnect_required")
	if p := b.do("GET", a.Connect+"&rd=%2Fback"); p.path != "/back" || p.body != ticket {
		t.Fatalf("connecting again led to %d %s", p.status, p.path)
	}
	s.want("connected again", s.replicas[0].token(t, ticket, read, write), read, write)
	s.clock.Advance(45 * time.Second)
	s.want("and refreshed", s.replicas[1].token(t, ticket, write), read, write)
}

// A process that dies in the middle of a refresh is in the way of the others for the
// rest of its lease, and no longer.
func TestADeadHoldersLeaseRunsOut(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]setup{"in memory": {}, "in Redis": {store: redis(t)}} {
		c.signIn = session.Scopes{read}
		s := c.start(t)
		ticket := s.newBrowser().signIn()
		keys, _, err := s.store.dump(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range keys {
			if id, ok := strings.CutPrefix(key, "t:"); ok { // what a process leaves that dies in its turn
				if err := s.store.Put(t.Context(), "l:"+id, []byte("another process"), 5*time.Second); err != nil {
					t.Fatal(err)
				}
			}
		}
		s.clock.Advance(2 * time.Minute)
		began := time.Now()
		s.want(name, s.replicas[0].token(t, ticket, read), read)
		if waited := time.Since(began); waited < 2*time.Second || waited > 10*time.Second {
			t.Errorf("%s: waited %v for a lease of five seconds", name, waited)
		}
	}
}

// A refresh that takes longer than a lease keeps its turn.
func TestALeaseIsRenewedWhileTheProviderIsSlow(t *testing.T) {
	t.Parallel()
	s := setup{replicas: 2, signIn: session.Scopes{read}}.start(t)
	ticket := s.newBrowser().signIn()
	s.provider.Wrap(logintest.TokenPath, func(next http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(7 * time.Second)
			next(w, r)
		}
	})
	s.clock.Advance(2 * time.Minute)
	for _, a := range s.crowd(ticket) {
		s.want("a slow provider", a, read)
	}
	if n := s.refreshes(); n != 1 {
		t.Errorf("%d refreshes", n)
	}
}

// Google's refresh tokens stay the same, and come with a consent alone.
func TestARefreshTokenIsKeptUntilAnotherComes(t *testing.T) {
	s := setup{signIn: session.Scopes{read}}.start(t)
	s.provider.Change(func(script *logintest.Script) { script.API.Rotate = false })
	b := s.newBrowser()
	ticket := b.signIn()
	for range 3 {
		s.clock.Advance(45 * time.Second)
		s.want("with the first refresh token", s.replicas[0].token(t, ticket, read), read)
	}
	b.connect(read, write) // without consent, and so without a refresh token
	s.clock.Advance(45 * time.Second)
	a := s.replicas[0].token(t, ticket, read)
	s.want("with the first refresh token, after connecting more", a, read)
	if n := s.refreshes(); n != 4 {
		t.Errorf("%d refreshes", n)
	}
	// That refresh token was for less, and this is noticed.
	s.wantError("more", s.replicas[0].token(t, ticket, write), http.StatusForbidden, "insufficient_scope")
}

// A token has to last for the way to the API.
func TestATokenThatIsNearlyOverIsNotHandedOut(t *testing.T) {
	s := setup{signIn: session.Scopes{read}}.start(t)
	ticket := s.newBrowser().signIn()
	s.provider.Replace(logintest.TokenPath, logintest.Answer(500, "text/html", ""))
	s.clock.Advance(55 * time.Second)
	s.wantError("five seconds before its end", s.replicas[0].token(t, ticket, read), http.StatusServiceUnavailable, "token_unavailable")
}

// A process that was taken for dead, and comes back with tokens, finds newer ones: what
// a person granted meanwhile, or another process got.
func TestNewerTokensAreNotOverwritten(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{"with tokens": nil, "refused": logintest.Answer(400, "application/json", `{"error":"invalid_grant"}`)} {
		s := setup{signIn: session.Scopes{read}}.start(t)
		text := s.newBrowser().signIn()
		ticket, _ := session.ParseTicket(text)
		newer := session.Tokens{
			Access: "newer", Refresh: "newer too", Obtained: s.clock.Now(), Expires: s.clock.Now().Add(time.Hour), Scopes: session.Scopes{read},
		}
		s.clock.Advance(45 * time.Second)
		s.provider.Wrap(logintest.TokenPath, func(next http.HandlerFunc) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				if err := s.replicas[0].sessions.PutTokens(t.Context(), ticket, s.clock.Now().Add(time.Hour), newer); err != nil {
					t.Error(err)
				}
				if answer != nil {
					next = answer
				}
				next(w, r)
			}
		})
		for range 2 {
			if a := s.replicas[0].token(t, text, read); a.Access != "newer" {
				t.Errorf("%s: got %d %s", name, a.status, a.body)
			}
		}
	}
}
