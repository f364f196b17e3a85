package tokens_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"sidegate/session"
	"sidegate/tokens"
)

func TestTheAnswerHasAnAccessTokenAndNothingElseOfIt(t *testing.T) { // SEC-LEAK-03
	s := setup{signIn: session.Scopes{read}}.start(t)
	ticket := s.newBrowser().signIn()
	a := s.replicas[0].token(t, ticket, read)
	s.want("a token", a, read)
	var members map[string]any
	if err := json.Unmarshal([]byte(a.body), &members); err != nil || len(members) != 3 || strings.Contains(a.body, "canary-refresh") {
		t.Errorf("%s: %v", a.body, err)
	}
	if a.header.Get("Cache-Control") != "no-store" || a.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("headers: %v", a.header)
	}
	if b := s.replicas[0].ask(t, "?scopes="+read, "Authorization", "Bearer "+ticket); b.Access != a.Access {
		t.Errorf("as a bearer token: %d %s", b.status, b.body)
	}
}

// SEC-ISO-02: one person's ticket brings that person's token, whoever else asks.
func TestEachTicketHasItsOwnTokens(t *testing.T) {
	s := setup{replicas: 2, signIn: session.Scopes{read}}.start(t)
	one, two := s.newBrowser().signIn(), s.newBrowser().signIn()
	a, b := s.replicas[0].token(t, one, read), s.replicas[0].token(t, two, read)
	s.want("one", a, read)
	s.want("two", b, read)
	if one == two || a.Access == b.Access {
		t.Error("two sessions share a token")
	}
	// A ticket is both its halves: neither of them leads to anything alone.
	mixed := one[:43] + two[43:]
	got := s.replicas[0].token(t, mixed, read)
	s.wantError("half of each", got, http.StatusUnauthorized, "session_ended")
	got = s.replicas[1].token(t, mixed, read) // which has only the store to go by
	if got.status == http.StatusOK || got.Access != "" {
		t.Errorf("half of each, at another replica: %d %s", got.status, got.body)
	}
}

func TestATicketOfNoSessionIsRefused(t *testing.T) {
	s := setup{signIn: session.Scopes{read}}.start(t)
	b := s.newBrowser()
	ticket := b.signIn()
	for name, ask := range map[string]struct {
		query, code string
		status      int
		fields      []string
	}{
		"none":                {"", "ticket_required", 401, nil},
		"in the address":      {"?ticket=" + ticket + "&X-User-Ticket=" + ticket, "ticket_required", 401, nil},
		"empty":               {"", "session_ended", 401, []string{tokens.TicketHeader, ""}},
		"a stranger's":        {"", "session_ended", 401, []string{tokens.TicketHeader, strings.Repeat("A", 86)}},
		"cut":                 {"", "session_ended", 401, []string{tokens.TicketHeader, ticket[:85]}},
		"longer":              {"", "session_ended", 401, []string{tokens.TicketHeader, ticket + "A"}},
		"spelt otherwise":     {"", "session_ended", 401, []string{tokens.TicketHeader, otherwise(ticket)}},
		"another scheme":      {"", "session_ended", 401, []string{"Authorization", "Basic " + ticket}},
		"two":                 {"", "two_tickets", 400, []string{tokens.TicketHeader, ticket, "Authorization", "Bearer " + strings.Repeat("A", 86)}},
		"scopes that none is": {"?scopes=a%22b", "bad_scopes", 400, []string{tokens.TicketHeader, ticket}},
		"scopes twice":        {"?scopes=a&scopes=b", "bad_scopes", 400, []string{tokens.TicketHeader, ticket}},
	} {
		a := s.replicas[0].ask(t, ask.query, ask.fields...)
		s.wantError(name, a, ask.status, ask.code)
	}
	if b.do("POST", "/_gate/logout", "Sec-Fetch-Site", "same-origin"); s.replicas[0].token(t, ticket).status != http.StatusUnauthorized {
		t.Error("the ticket outlives the sign-out")
	}
}

// otherwise changes the bits of the last character that carry nothing.
func otherwise(ticket string) string {
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(digits, ticket[len(ticket)-1])
	return ticket[:len(ticket)-1] + string(digits[last^1])
}

// Half of a session's cookie is not in the ticket, nor the other way round.
func TestATicketIsNoCookieAndACookieIsNoTicket(t *testing.T) {
	s := setup{signIn: session.Scopes{read}}.start(t)
	b := s.newBrowser()
	ticket := b.signIn()
	stranger := s.newBrowser()
	for _, value := range []string{ticket, ticket[:43], ticket[43:]} {
		p := stranger.do("GET", "/_gate/login?rd=%2F_gate%2F", "Cookie", "sidegate="+value)
		if len(stranger.visited) == 0 {
			t.Errorf("the ticket opened a session: %d %s", p.status, p.path)
		}
		stranger.visited = nil
	}
	for _, c := range b.Jar.Cookies(must(s.replicas[0].URL)) {
		s.wantError("a cookie", s.replicas[0].token(t, c.Value, read), 401, "session_ended")
	}
}

func TestSomebodyWhoMayNotPassAnyMoreGetsNoToken(t *testing.T) {
	s := setup{signIn: session.Scopes{read}}.start(t)
	ticket := s.newBrowser().signIn()
	s.barred.Store(true)
	s.wantError("off the list", s.replicas[0].token(t, ticket, read), 403, "not_allowed")
	s.barred.Store(false)
	s.want("on it again", s.replicas[0].token(t, ticket, read), read)
}

// FLT-12 for tokens: "none" and "cannot say" are different answers.
func TestAStoreInTroubleIsNoEndedSession(t *testing.T) {
	s := setup{signIn: session.Scopes{read}}.start(t)
	ticket := s.newBrowser().signIn()
	s.store.failing(func(string, string) error { return errDown })
	a := s.replicas[0].token(t, ticket, read)
	if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" {
		t.Errorf("got %d %s", a.status, a.body)
	}
	s.store.failing(nil)
	s.want("afterwards", s.replicas[0].token(t, ticket, read), read)
}

// A rotated refresh token is stored before anybody gets the access token: until then
// it exists in one process alone.
func TestNobodyIsHandedATokenThatIsNotStored(t *testing.T) {
	s := setup{replicas: 2, signIn: session.Scopes{read}}.start(t)
	ticket := s.newBrowser().signIn()
	s.clock.Advance(2 * time.Minute)
	s.store.failing(func(method, key string) error {
		if method == "Replace" && strings.HasPrefix(key, "t:") {
			return errDown
		}
		return nil
	})
	done := make(chan answer)
	go func() { done <- s.replicas[0].token(t, ticket, read) }()
	s.eventually("the provider is asked", func() bool { return s.refreshes() == 1 })
	select {
	case a := <-done:
		t.Errorf("before it was stored: %d %s", a.status, a.body)
	case <-time.After(time.Second):
	}
	s.store.failing(nil)
	s.want("once it is stored", <-done, read)
	s.want("by the other replica", s.replicas[1].token(t, ticket, read), read)
	if n := s.refreshes(); n != 1 {
		t.Errorf("%d refreshes", n)
	}
}

// What a session leaves in the store goes with it, by whichever way it ends.
func TestTokensEndWithTheirSession(t *testing.T) {
	for name, end := range map[string]func(*site, *browser){
		"sign-out":        func(s *site, b *browser) { b.do("POST", "/_gate/logout", "Sec-Fetch-Site", "same-origin") },
		"another sign-in": func(s *site, b *browser) { b.do("GET", "/_gate/login?prompt=select_account&rd=%2F") },
		"the operator": func(s *site, b *browser) {
			if _, err := s.replicas[1].sessions.EndWhere(t.Context(), func(session.Info) bool { return true }); err != nil {
				t.Error(err)
			}
		},
		"everywhere": func(s *site, b *browser) {
			if _, err := s.replicas[1].sessions.EndSubject(t.Context(), s.provider.Issuer, "1001"); err != nil {
				t.Error(err)
			}
		},
	} {
		s := setup{replicas: 2, signIn: session.Scopes{read}}.start(t)
		b := s.newBrowser()
		ticket := b.signIn()
		keys, _, err := s.store.dump(t.Context())
		before := slices.DeleteFunc(keys, func(k string) bool { return !strings.HasPrefix(k, "t:") })
		if err != nil || len(before) != 1 {
			t.Fatalf("%s: %v %v", name, keys, err)
		}
		end(s, b)
		keys, _, _ = s.store.dump(t.Context())
		if slices.Contains(keys, before[0]) {
			t.Errorf("%s: the tokens are still there", name)
		}
		for _, r := range s.replicas {
			s.wantError(name, r.token(t, ticket, read), 401, "session_ended")
		}
	}
}
