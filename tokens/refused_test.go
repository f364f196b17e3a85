package tokens_test

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"sidegate/login/logintest"
	"sidegate/session"
	"sidegate/tokens"
)

// An API refuses a token long before its end when its person took the grant back: the
// app says so, and is told at once that it has to be given again.
func TestARefusedTokenIsRenewedOrHasToBeGivenAgain(t *testing.T) {
	s := setup{replicas: 2, signIn: session.Scopes{read}}.start(t)
	b := s.newBrowser()
	ticket := b.signIn()
	refuse := func(replica int, access string) answer {
		return s.replicas[replica].ask(t, "?scopes="+read, tokens.TicketHeader, ticket, tokens.RefusedHeader, access)
	}
	first := s.replicas[0].token(t, ticket, read)
	if a := refuse(0, first.Access); a.Access != first.Access || s.refreshes() != 0 {
		t.Errorf("a token that has just come is renewed (%d refreshes)", s.refreshes())
	}
	s.clock.Advance(10 * time.Second) // a minute is its life
	for _, other := range []string{"", "another one"} {
		if a := refuse(0, other); a.Access != first.Access {
			t.Errorf("%q was refused, and another token was renewed", other)
		}
	}
	var all sync.WaitGroup
	for n := range 20 {
		all.Go(func() {
			if a := refuse(n%2, first.Access); a.Access == first.Access || a.status != http.StatusOK {
				t.Errorf("for a token that was refused: %d %s", a.status, a.body)
			}
		})
	}
	all.Wait()
	if n := s.refreshes(); n != 1 {
		t.Errorf("20 apps were refused the same token: %d refreshes, want one", n)
	}

	second := s.replicas[1].token(t, ticket, read)
	s.provider.Withdraw()
	s.clock.Advance(10 * time.Second)
	a := refuse(0, second.Access)
	s.wantError("withdrawn", a, http.StatusConflict, "reconnect_required")
	if p := b.do("GET", a.Connect+"&rd=%2Fback"); p.path != "/back" {
		t.Fatalf("connecting again led to %d %s", p.status, p.path)
	}
	s.want("connected again", s.replicas[1].token(t, ticket, read), read)
}

// Nobody is given again what is known to be of no use, also while no other can be had.
func TestARefusedTokenIsNotHandedOutAgain(t *testing.T) {
	s := setup{signIn: session.Scopes{read}}.start(t)
	ticket := s.newBrowser().signIn()
	first := s.replicas[0].token(t, ticket, read)
	s.clock.Advance(10 * time.Second)
	s.provider.Replace(logintest.TokenPath, logintest.Answer(500, "text/plain", "down"))
	a := s.replicas[0].ask(t, "?scopes="+read, tokens.TicketHeader, ticket, tokens.RefusedHeader, first.Access)
	s.wantError("refused, and the provider is down", a, http.StatusServiceUnavailable, "token_unavailable")
	if a := s.replicas[0].token(t, ticket, read); a.Access != first.Access {
		t.Errorf("who was refused nothing got %d %s", a.status, a.body)
	}
}
