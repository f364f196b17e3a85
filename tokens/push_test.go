package tokens_test

import (
	"net/http"
	"testing"
	"time"

	"sidegate/login/logintest"
	"sidegate/session"
)

// What is pushed is good for the way, or not there; and a provider that hangs does not
// hold up the app's pages for long.
func TestAPushedTokenIsGoodOrNotThere(t *testing.T) {
	t.Parallel()
	s := setup{signIn: session.Scopes{read}, patience: 8 * time.Second}.start(t)
	b := s.newBrowser()
	b.signIn()
	asks := &http.Request{Header: make(http.Header)}
	for _, c := range b.Jar.Cookies(must(s.replicas[0].URL)) {
		asks.AddCookie(c)
	}
	here, err := s.replicas[0].sessions.Find(asks)
	if err != nil {
		t.Fatal(err)
	}
	push := func() string { return s.replicas[0].keeper.Access(t.Context(), here) }
	for range 3 {
		if scopes, good := s.provider.Access(push()); !good || len(scopes) != 1 {
			t.Error("what is pushed is not good")
		}
		s.clock.Advance(45 * time.Second)
	}
	s.provider.Replace(logintest.TokenPath, s.provider.Hang)
	s.clock.Advance(10 * time.Second)
	began := time.Now()
	if got := push(); got != "" {
		t.Error("what is nearly over is pushed")
	}
	if waited := time.Since(began); waited > 4*time.Second {
		t.Errorf("the page waited %v", waited)
	}
	s.provider.Replace(logintest.TokenPath, nil)
	s.provider.Withdraw()
	s.clock.Advance(time.Hour)
	s.eventually("the grant is lost", func() bool {
		a := s.replicas[0].token(t, s.replicas[0].sessions.Ticket(here).Reveal())
		return a.Error == "reconnect_required"
	})
	if got := push(); got != "" {
		t.Errorf("of a lost grant %q is pushed", got)
	}
	// What has no refresh token is over when it is over.
	over := session.Tokens{Access: "over", Obtained: s.clock.Now().Add(-time.Hour), Expires: s.clock.Now().Add(-time.Minute), Scopes: session.Scopes{read}}
	if err := s.replicas[0].sessions.PutTokens(t.Context(), s.replicas[0].sessions.Ticket(here), here.Ends, over); err != nil {
		t.Fatal(err)
	}
	if got := push(); got != "" {
		t.Errorf("%q is pushed", got)
	}
}
