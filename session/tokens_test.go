package session

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func someTokens(now time.Time) Tokens {
	return Tokens{Access: "canary-access", Refresh: "canary-refresh", Obtained: now, Expires: now.Add(time.Hour), Scopes: Scopes{"read"}}
}

// connected is a rig with one session that has tokens.
func connected(t *testing.T) (r rig, s Session, ticket Ticket) {
	t.Helper()
	r = newRig(t, "https://app.example", Limits{Idle: time.Hour, Max: 24 * time.Hour})
	r.restart(func(o *Options) { o.Tokens = true })
	s, err := r.Create(httptest.NewRecorder(), request(), SignIn{Identity: alice(), Tokens: someTokens(r.clock.Now())})
	if err != nil {
		t.Fatal(err)
	}
	return r, s, r.Ticket(s)
}

func TestATicketLeadsToItsSessionsTokens(t *testing.T) {
	r, s, ticket := connected(t)
	again, ok := ParseTicket(ticket.Reveal())
	if !ok || again != ticket || len(ticket.Reveal()) != 86 {
		t.Fatalf("%q does not read back", ticket.Reveal())
	}
	r.restart(func(*Options) {}) // with no copies: by the store alone
	who, err := r.Holder(t.Context(), again)
	if err != nil || who.ID != s.ID || who.Identity.Subject != "alice" || !who.Identity.EmailVerified || !who.Ends.Equal(s.Ends) {
		t.Errorf("holder %+v, %v", who, err)
	}
	got, err := r.Tokens(t.Context(), again)
	if want := someTokens(r.clock.Now()); err != nil || got.Access != want.Access || got.Refresh != want.Refresh || !got.Expires.Equal(want.Expires) || got.Scopes.String() != "read" {
		t.Errorf("tokens %#v, %v", got, err)
	}
}

// A WebSocket has the ticket of its handshake: secrets that come and go do not change
// it, and what an older one sealed opens as long as that is in force.
func TestATicketStaysTheSameUnderOtherSecrets(t *testing.T) {
	r, s, ticket := connected(t)
	for _, secrets := range [][]string{{secretB, secretA}, {secretA}} {
		r.restart(func(o *Options) { o.Keys = keys(t, secrets...) })
		if r.Ticket(s) != ticket {
			t.Error("the ticket has changed")
		}
		if _, err := r.Tokens(t.Context(), ticket); err != nil {
			t.Errorf("with %d secrets: %v", len(secrets), err)
		}
	}
	r.restart(func(o *Options) { o.Keys = keys(t, secretB) })
	if _, err := r.Tokens(t.Context(), ticket); err != ErrNone {
		t.Errorf("once the secret is retired: %v", err)
	}
}

// SEC-SESS-07: who reads the store learns neither tokens nor tickets; who has the
// ticket, or the secret, and not the other, learns nothing either.
func TestTokensAreSealedByTheTicketAndTheSecret(t *testing.T) {
	r, _, ticket := connected(t)
	key := tokensKey(ticket.key())
	for name, value := range r.store.records {
		if strings.Contains(string(value), "canary") || strings.Contains(name+string(value), ticket.Reveal()[43:]) {
			t.Errorf("%s is readable", name)
		}
	}
	if r.store.records[key] == nil {
		t.Error("there is no record")
	}
	other := ticket
	other.proof[0] ^= 1
	if _, err := r.Tokens(t.Context(), other); err != ErrNone {
		t.Errorf("with half a ticket: %v", err)
	}
	r.restart(func(o *Options) { o.Audience = "https://other.example" })
	if _, err := r.Tokens(t.Context(), ticket); err != ErrNone {
		t.Errorf("as another app on the same store: %v", err)
	}
}

// A replica writes a session's record from a copy of its own; that does nothing to the
// tokens that another has renewed meanwhile.
func TestActivityDoesNotTouchTheTokens(t *testing.T) {
	r, s, ticket := connected(t)
	newer := someTokens(r.clock.Now())
	newer.Refresh = "canary-refresh-2"
	if err := r.ReplaceTokens(t.Context(), ticket, s.Expires, newer); err != nil {
		t.Fatal(err)
	}
	r.clock.advance(5 * time.Minute)
	if _, err := r.Touch(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if got, err := r.Tokens(t.Context(), ticket); err != nil || got.Refresh != "canary-refresh-2" {
		t.Errorf("%v, %v", got.Refresh, err)
	}
}

// The tokens' record lives as long as the session's, a little longer at most, however
// its limits move.
func TestTokensExpireWithTheirSession(t *testing.T) {
	r, s, ticket := connected(t)
	own, theirs := ticket.key(), tokensKey(ticket.key())
	for n := range 30 {
		if over := r.store.ttls[theirs] - r.store.ttls[own]; over < 0 || over > tokensSlack {
			t.Errorf("after %d quarters of an hour the session lives for %v, its tokens for %v", n, r.store.ttls[own], r.store.ttls[theirs])
		}
		if n%5 == 4 { // a refresh
			if err := r.ReplaceTokens(t.Context(), ticket, s.Expires, someTokens(r.clock.Now())); err != nil {
				t.Fatal(err)
			}
		}
		r.clock.advance(15 * time.Minute)
		delete(r.store.ttls, theirs) // so that only what is written now counts
		var err error
		if s, err = r.Touch(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	r.restart(func(o *Options) { o.Tokens = false })
	r.clock.advance(15 * time.Minute)
	delete(r.store.ttls, theirs)
	if _, err := r.Touch(t.Context(), s); err != nil || r.store.ttls[theirs] != 0 {
		t.Errorf("where nobody has tokens the store is asked all the same: %v", err)
	}
}

func TestNoTokensComeToASessionThatHasEnded(t *testing.T) {
	r, s, ticket := connected(t)
	was := r.store.records[ticket.key()]
	if _, err := r.EndSubject(t.Context(), s.Identity.Issuer, s.Identity.Subject); err != nil {
		t.Fatal(err)
	}
	r.store.records[ticket.key()] = was // as a failover may bring it back
	if _, err := r.Holder(t.Context(), ticket); err != ErrNone {
		t.Errorf("the session, brought back: %v", err)
	}
	delete(r.store.records, ticket.key())
	if _, err := r.Holder(t.Context(), ticket); err != ErrNone {
		t.Errorf("the session: %v", err)
	}
	if err := r.ReplaceTokens(t.Context(), ticket, s.Expires, someTokens(r.clock.Now())); err != ErrNone {
		t.Errorf("a refresh: %v", err)
	}
	if err := r.PutTokens(t.Context(), ticket, s.Expires, someTokens(r.clock.Now())); !errors.Is(err, ErrNone) {
		t.Errorf("a consent: %v", err)
	}
	if len(r.store.records) != 0 {
		t.Errorf("left in the store: %d records", len(r.store.records))
	}
}

// An idle session is over for its ticket too, whatever the app asks meanwhile.
func TestAskingIsNoActivity(t *testing.T) {
	r, _, ticket := connected(t)
	for range 4 {
		if _, err := r.Holder(t.Context(), ticket); err != nil {
			t.Fatal(err)
		}
		r.clock.advance(15 * time.Minute)
	}
	if _, err := r.Holder(t.Context(), ticket); err != ErrNone {
		t.Errorf("after an idle hour: %v", err)
	}
}

func TestTokensAndTicketsDoNotPrint(t *testing.T) { // SEC-LEAK-05
	_, _, ticket := connected(t)
	printed := prints(ticket) + prints(someTokens(time.Now())) + prints(&ticket)
	for _, secret := range []string{"canary", ticket.Reveal()[:20], "proof"} {
		if strings.Contains(printed, secret) {
			t.Errorf("%q is in %s", secret, printed)
		}
	}
}

func TestTurnsAreTakenOneAtATime(t *testing.T) {
	store := NewMemory(1000)
	t.Cleanup(func() { store.Close() })
	r, _, ticket := connected(t)
	r.restart(func(o *Options) { o.Store = store })
	turn, taken, err := r.TakeTurn(t.Context(), ticket)
	if err != nil || !taken {
		t.Fatal(err)
	}
	if _, taken, err := r.TakeTurn(t.Context(), ticket); err != nil || taken {
		t.Errorf("taken twice: %v", err)
	}
	turn.End(t.Context())
	next, taken, err := r.TakeTurn(t.Context(), ticket)
	if err != nil || !taken {
		t.Fatalf("not to be had again: %v", err)
	}
	// One that lost its lease ends nobody else's turn.
	if err := store.Put(t.Context(), next.key, []byte("another's"), time.Minute); err != nil {
		t.Fatal(err)
	}
	next.End(t.Context())
	if mark, err := store.Get(t.Context(), next.key); err != nil || string(mark) != "another's" {
		t.Errorf("another's turn was ended: %q, %v", mark, err)
	}
}

func TestScopesAreReadOnceEach(t *testing.T) {
	for text, want := range map[string]string{
		"": "", " a  b,c , a": "a b c", "https://a.example/x.read": "https://a.example/x.read", "a\tb": "-", `a"b`: "-", `a\b`: "-",
		"ü": "-", "a\nb": "-", strings.Repeat("x", 257): "-", "!#[]~": "!#[]~",
	} {
		got, ok := ParseScopes(text)
		if (want == "-") == ok || ok && got.String() != want {
			t.Errorf("%q is read as %q, %v", text, got, ok)
		}
	}
	var many strings.Builder
	for n := range maxScopes + 1 {
		many.WriteString(strings.Repeat("a", n+1) + " ")
	}
	if _, ok := ParseScopes(many.String()); ok {
		t.Error("any number is taken")
	}
	if missing := (Scopes{"a", "b"}).Missing(Scopes{"b", "c", "B"}); missing.String() != "c B" {
		t.Errorf("missing %v", missing)
	}
}

// prints returns v as logs would have it.
func prints(v any) string { return fmt.Sprintf("%v %+v %#v %s", v, v, v, v) }
