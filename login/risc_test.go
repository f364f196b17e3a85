package login_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"sidegate/login/logintest"
)

// securityEvent posts a security event token as Google does.
func (s *site) securityEvent(token string) page {
	s.t.Helper()
	return s.notify("/_gate/risc", "application/secevent+jwt", token)
}

func wantAccepted(t *testing.T, what string, p page) {
	t.Helper()
	if p.status != http.StatusAccepted || p.body != "" || p.header.Get("Cache-Control") != "no-store" || p.header.Get("Set-Cookie") != "" {
		t.Errorf("%s: got %d %s, want 202 and nothing else", what, p.status, p.body)
	}
}

// wantNoEvent fails the test unless p is the answer of RFC 8935 2.3.
func wantNoEvent(t *testing.T, what string, p page) {
	t.Helper()
	if p.status != http.StatusBadRequest || !strings.Contains(p.body, `"err":"invalid_request"`) || p.header.Get("Content-Type") != "application/json" {
		t.Errorf("%s: got %d %s, want 400", what, p.status, p.body)
	}
}

// alice is the subject of an event, in Google's words.
func (s *site) alice() logintest.Object {
	return logintest.Object{"subject_type": "iss-sub", "iss": s.provider.Issuer + "/", "sub": "1001"}
}

// happened returns the events member for one event.
func happened(name string, subject logintest.Object, more ...string) logintest.Object {
	e := logintest.Object{}
	if subject != nil {
		e["subject"] = subject
	}
	for i := 0; i+1 < len(more); i += 2 {
		e[more[i]] = more[i+1]
	}
	return logintest.Object{name: e}
}

func asIs(*logintest.IDToken) {}

// SEC-OUT-10, REQ-21: what each event does, to its subject and to nobody else.
func TestSecurityEventsEndTheSessionsTheyAreAbout(t *testing.T) {
	const risc, oauth = logintest.RISCEvents, logintest.OAuthEvents
	for _, tt := range []struct {
		name, reason string
		ends         bool
	}{
		{risc + "sessions-revoked", "", true},
		{oauth + "tokens-revoked", "", true},
		{risc + "account-disabled", "hijacking", true},
		{risc + "account-disabled", "", true},
		{risc + "account-disabled", "bulk-account", false},
		{risc + "account-enabled", "", false},
		{risc + "account-credential-change-required", "", false},
		{oauth + "token-revoked", "", false},
		{risc + "verification", "", false},
		{oauth + "sessions-revoked", "", false}, // not Google's name
		{strings.ToUpper(risc + "sessions-revoked"), "", false},
		{"https://schemas.example/of-another-time", "", false},
	} {
		s := newSite(t)
		signInAs(s)
		alice, bob := s.newBrowser(), s.newBrowser()
		alice.signIn()
		bob.setCookie("provider-user", "bob")
		if got := bob.open("/").who().Sub; got != "bob" {
			t.Fatalf("signed in as %q, want bob", got)
		}
		wantAccepted(t, tt.name, s.securityEvent(s.provider.EventToken(happened(tt.name, s.alice(), "reason", tt.reason), asIs)))
		if in := alice.step("/").status == http.StatusOK; in == tt.ends {
			t.Errorf("%s, reason %q: Alice signed in: %t", tt.name, tt.reason, in)
		}
		if p := bob.step("/"); p.who().Sub != "bob" {
			t.Errorf("%s: Bob is not signed in any more: %d", tt.name, p.status)
		}
		if !strings.Contains(s.log.String(), "security event") || !strings.Contains(s.log.String(), "decision=security_event") {
			t.Errorf("%s: not in the log: %s", tt.name, s.log.String())
		}
	}
}

func TestSubjectsOfSecurityEvents(t *testing.T) {
	s := newSite(t)
	iss := s.provider.Issuer
	for name, tt := range map[string]struct {
		subject logintest.Object
		ends    bool
	}{
		"iss-sub":         {logintest.Object{"subject_type": "iss-sub", "iss": iss + "/", "sub": "1001"}, true},
		"iss_sub":         {logintest.Object{"subject_type": "iss_sub", "iss": iss + "/", "sub": "1001"}, true},
		"format":          {logintest.Object{"format": "iss_sub", "iss": iss + "/", "sub": "1001"}, true},
		"our own issuer":  {logintest.Object{"subject_type": "iss-sub", "iss": iss, "sub": "1001"}, true},
		"claims":          {logintest.Object{"subject_type": "id_token_claims", "iss": iss + "/", "sub": "1001", "email": "alice@corp.example"}, true},
		"another sub":     {logintest.Object{"subject_type": "iss-sub", "iss": iss + "/", "sub": "1003"}, false},
		"another issuer":  {logintest.Object{"subject_type": "iss-sub", "iss": "https://op.example/", "sub": "1001"}, false},
		"no issuer":       {logintest.Object{"subject_type": "iss-sub", "sub": "1001"}, false},
		"a number":        {logintest.Object{"subject_type": "iss-sub", "iss": iss + "/", "sub": 1001}, false},
		"an e-mail":       {logintest.Object{"subject_type": "email", "email": "Alice@corp.example"}, true},
		"format email":    {logintest.Object{"format": "email", "email": "alice@corp.example"}, true},
		"another e-mail":  {logintest.Object{"subject_type": "email", "email": "malice@corp.example"}, false},
		"no e-mail":       {logintest.Object{"subject_type": "email"}, false},
		"e-mail, unasked": {logintest.Object{"subject_type": "iss-sub", "iss": "https://op.example/", "sub": "1001", "email": "alice@corp.example"}, false},
		"a token":         {logintest.Object{"subject_type": "oauth_token", "token_type": "refresh_token", "token_identifier_alg": "prefix", "token": "canary-token-pref"}, false},
		"nobody":          {nil, false},
	} {
		b := s.newBrowser()
		b.signIn()
		wantAccepted(t, name, s.securityEvent(s.provider.EventToken(happened(logintest.RISCEvents+"sessions-revoked", tt.subject), asIs)))
		if tt.ends {
			wantOut(t, name, b)
		} else {
			wantStill(t, name, b)
		}
	}
	if strings.Contains(s.log.String(), "canary-token-pref") || strings.Contains(s.log.String(), "alice@") {
		t.Errorf("a token or an e-mail is in the log: %s", s.log.String())
	}
}

// SEC-OUT-10: forged, wrong aud and their kin.
func TestBadSecurityEventTokensEndNothing(t *testing.T) {
	s := newSite(t)
	b := s.newBrowser()
	b.signIn()
	revoked := happened(logintest.RISCEvents+"sessions-revoked", s.alice())
	stranger := logintest.NewKey(t, "ES256", "first")
	now := time.Now().Unix()
	for name, change := range map[string]func(*logintest.IDToken){
		"another key":          func(t *logintest.IDToken) { t.Key = stranger },
		"no signature":         func(t *logintest.IDToken) { t.Key = logintest.Key{} },
		"alg none":             func(t *logintest.IDToken) { t.Header["alg"], t.Key = "none", logintest.Key{} },
		"HS256 with secret":    hmacWith(s.provider.ClientSecret),
		"wrong aud":            claim("aud", "another client"),
		"no aud":               claim("aud", nil),
		"our ID tokens' iss":   claim("iss", s.provider.Issuer),
		"wrong iss":            claim("iss", "https://op.example/"),
		"no iss":               claim("iss", nil),
		"no iat":               claim("iat", nil),
		"iat a text":           claim("iat", strconv.FormatInt(now, 10)),
		"iat in the future":    claim("iat", now+120),
		"iat long ago":         claim("iat", now-8*24*3600),
		"no jti":               claim("jti", nil),
		"jti a number":         claim("jti", 7),
		"no events":            claim("events", nil),
		"events empty":         claim("events", logintest.Object{}),
		"events a list":        claim("events", []string{"x"}),
		"an event that is one": claim("events", logintest.Object{logintest.RISCEvents + "sessions-revoked": 1}),
		"a subject that is one": claim("events", logintest.Object{logintest.RISCEvents + "sessions-revoked": logintest.Object{
			"subject": "1001",
		}}),
		"a claim twice": func(t *logintest.IDToken) { t.Payload = `{"sub":"1002","sub":"1003",` + payloadOf(t)[1:] },
		"a subject with two subs": func(t *logintest.IDToken) {
			t.Payload = strings.Replace(payloadOf(t), `"sub":"1001"`, `"sub":"1002","sub":"1001"`, 1)
		},
		"no token":  func(t *logintest.IDToken) { t.Raw = "not.a.token" },
		"a form":    func(t *logintest.IDToken) { t.Raw = "token=" + t.Compact() },
		"too large": func(t *logintest.IDToken) { t.Raw = t.Compact() + strings.Repeat(" ", 64<<10) },
	} {
		wantNoEvent(t, name, s.securityEvent(s.provider.EventToken(revoked, change)))
		wantStill(t, name, b)
	}
	for _, method := range []string{"GET", "PUT"} {
		r, _ := http.NewRequestWithContext(t.Context(), method, s.URL+"/_gate/risc", strings.NewReader(s.provider.EventToken(revoked, asIs)))
		if p := s.answer(r); p.status != http.StatusBadRequest || p.header.Get("Allow") != "POST" {
			t.Errorf("%s: got %d, Allow %q", method, p.status, p.header.Get("Allow"))
		}
	}
	wantNoEvent(t, "nothing", s.securityEvent(""))
	// A logout token is good at its own address only, and the other way round.
	wantNoEvent(t, "a logout token", s.securityEvent(s.provider.LogoutToken(about("1001", ""))))
	wantNotTaken(t, "an event token", s.backchannel(s.provider.EventToken(revoked, about("1001", ""))))
	wantStill(t, "at last", b)
	wantAccepted(t, "the good one", s.securityEvent(s.provider.EventToken(revoked, asIs)))
	wantOut(t, "the good one", b)
}

// What the sender may do: several client ids, an event that "expired" (the time of
// an event is past by nature, and Google says not to look), white space around.
func TestGoodSecurityEventTokensOfOtherShapes(t *testing.T) {
	s := newSite(t)
	rs := logintest.NewKey(t, "RS256", "as Google signs")
	s.provider.Change(func(script *logintest.Script) { script.Published = append(script.Published, rs) })
	for name, change := range map[string]func(*logintest.IDToken){
		"several client ids": claim("aud", []string{"another.apps.example", s.provider.ClientID}),
		"expired":            claim("exp", time.Now().Unix()-3600),
		"a day old":          claim("iat", time.Now().Unix()-24*3600),
		"RS256":              func(t *logintest.IDToken) { t.Header["alg"], t.Header["kid"], t.Key = "RS256", rs.ID, rs },
		"typ":                header("typ", "secevent+jwt"),
		"no typ":             header("typ", nil),
		"white space":        func(t *logintest.IDToken) { t.Raw = "\n" + t.Compact() + "\r\n" },
		"two events": claim("events", logintest.Object{
			"https://x.example/unknown":                logintest.Object{},
			logintest.RISCEvents + "account-disabled":  logintest.Object{"subject": s.alice(), "reason": "bulk-account"},
			logintest.OAuthEvents + "tokens-revoked":   logintest.Object{"subject": s.alice()},
			logintest.RISCEvents + "sessions-revoked/": logintest.Object{"subject": s.alice()},
		}),
	} {
		b := s.newBrowser()
		b.signIn()
		wantAccepted(t, name, s.securityEvent(s.provider.EventToken(happened(logintest.RISCEvents+"sessions-revoked", s.alice()), change)))
		wantOut(t, name, b)
	}
	b := s.newBrowser()
	b.signIn()
	wantAccepted(t, "another type", s.notify("/_gate/risc", "text/plain", s.provider.EventToken(happened(logintest.RISCEvents+"sessions-revoked", s.alice()), asIs)))
	wantOut(t, "another type", b)
}
