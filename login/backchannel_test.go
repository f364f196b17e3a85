package login_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"sidegate/login/logintest"
)

// notify posts a notice as a provider's server does: no cookie, no Origin, no
// Sec-Fetch fields.
func (s *site) notify(path, contentType, body string) page {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.URL+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Content-Type", contentType)
	return s.answer(r)
}

func (s *site) answer(r *http.Request) page {
	s.t.Helper()
	res, err := s.Client().Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return page{status: res.StatusCode, header: res.Header, body: string(got)}
}

const formType = "application/x-www-form-urlencoded"

// backchannel posts a logout token.
func (s *site) backchannel(token string) page {
	s.t.Helper()
	return s.notify("/_gate/backchannel-logout", formType, url.Values{"logout_token": {token}}.Encode())
}

// about makes a token name a subject, a session, or both.
func about(sub, sid string) func(*logintest.IDToken) {
	return func(t *logintest.IDToken) {
		if sub != "" {
			t.Claims["sub"] = sub
		}
		if sid != "" {
			t.Claims["sid"] = sid
		}
	}
}

// withSID signs Alice in under a session of the provider's.
func (s *site) withSID(sid string) *browser {
	s.t.Helper()
	s.provider.Change(func(script *logintest.Script) { script.IDToken = claim("sid", sid) })
	b := s.newBrowser()
	b.signIn()
	return b
}

func wantDone(t *testing.T, what string, p page) {
	t.Helper()
	if p.status != http.StatusOK || p.header.Get("Cache-Control") != "no-store" || p.header.Get("Set-Cookie") != "" {
		t.Errorf("%s: got %d, Cache-Control %q: %s", what, p.status, p.header.Get("Cache-Control"), p.body)
	}
}

// wantNotTaken fails the test unless p is the answer of section 2.8.
func wantNotTaken(t *testing.T, what string, p page) {
	t.Helper()
	if p.status != http.StatusBadRequest || !strings.Contains(p.body, `"error":"invalid_request"`) ||
		p.header.Get("Content-Type") != "application/json" || p.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%s: got %d, Cache-Control %q: %s; want 400", what, p.status, p.header.Get("Cache-Control"), p.body)
	}
}

// SEC-OUT-08, REQ-23: oidcc-client-test-rp-backchannel-logout.
func TestBackchannelLogoutEndsTheSessionThatItNames(t *testing.T) {
	for _, tt := range []struct {
		name, sub, sid string
		first, second  bool // which of Alice's two sessions ends
	}{
		{"by sid", "", "sid-1", true, false},
		{"by sid and sub", "1001", "sid-1", true, false},
		{"by sub", "1001", "", true, true},
		{"an unknown sid", "", "sid-3", false, false},
		{"an unknown sid of a known sub", "1001", "sid-3", false, false},
		{"an unknown sub", "1002", "", false, false},
	} {
		s := newSite(t)
		first, second := s.withSID("sid-1"), s.withSID("sid-2")
		wantDone(t, tt.name, s.backchannel(s.provider.LogoutToken(about(tt.sub, tt.sid))))
		for b, ended := range map[*browser]bool{first: tt.first, second: tt.second} {
			if ended {
				wantOut(t, tt.name, b)
			} else {
				wantStill(t, tt.name, b)
			}
		}
	}
}

// Every replica's sessions end, whichever of them the provider reaches.
func TestBackchannelLogoutReachesSessionsOfOtherReplicas(t *testing.T) {
	a := setup{feed: true}.start(t)
	b := a.withSID("sid-1")
	other := setup{provider: a.provider, store: a.store, public: a.URL}.start(t)
	wantDone(t, "at the other replica", other.backchannel(a.provider.LogoutToken(about("", "sid-1"))))
	wantOutSoon(t, "signed in at the first", b)
}

// With a session that its provider did not name, the subject alone leads there.
func TestSessionsWithoutSIDEndBySubject(t *testing.T) {
	s := newSite(t)
	for _, sid := range []any{nil, "", 7, strings.Repeat("s", 256), "line\nbreak"} {
		s.provider.Change(func(script *logintest.Script) { script.IDToken = claim("sid", sid) })
		b := s.newBrowser()
		b.signIn()
		if found, err := s.sessions.Find(b.asRequest()); err != nil || found.Provider.SessionID != "" {
			t.Errorf("sid %v was kept as %q, %v", sid, found.Provider.SessionID, err)
		}
		wantDone(t, "by sub", s.backchannel(s.provider.LogoutToken(about("1001", ""))))
		wantOut(t, "by sub", b)
	}
}

// both makes both changes to a token.
func both(a, b func(*logintest.IDToken)) func(*logintest.IDToken) {
	return func(t *logintest.IDToken) {
		a(t)
		b(t)
	}
}

// hmacWith signs with a secret in place of a key.
func hmacWith(secret string) func(*logintest.IDToken) {
	return func(t *logintest.IDToken) {
		t.Header["alg"], t.Key = "HS256", logintest.NewSecret("", []byte(secret))
	}
}

func payloadOf(t *logintest.IDToken) string {
	payload, err := json.Marshal(t.Claims)
	if err != nil {
		panic(err)
	}
	return string(payload)
}

// badLogoutTokens change a good token about Alice into one that must be refused.
func badLogoutTokens(t *testing.T, p *logintest.Provider) map[string]func(*logintest.IDToken) {
	stranger := logintest.NewKey(t, "ES256", "first")
	now := time.Now().Unix()
	return map[string]func(*logintest.IDToken){
		"alg none":               func(t *logintest.IDToken) { t.Header["alg"], t.Key = "none", logintest.Key{} }, // …-alg-none
		"alg HS256 with secret":  hmacWith(p.ClientSecret),
		"alg not announced":      func(t *logintest.IDToken) { t.Header["alg"] = "ES384" }, // …-wrong-alg
		"another key":            func(t *logintest.IDToken) { t.Key = stranger },          // …-invalid-signature
		"no signature":           func(t *logintest.IDToken) { t.Key = logintest.Key{} },
		"wrong aud":              claim("aud", "another client"), // …-wrong-aud
		"no aud":                 claim("aud", nil),
		"wrong iss":              claim("iss", p.Issuer+"/"), // …-wrong-issuer
		"no iss":                 claim("iss", nil),
		"no events":              claim("events", nil),                                                                     // …-no-event
		"events empty":           claim("events", logintest.Object{}),                                                      // …-no-event
		"another event":          claim("events", logintest.Object{logintest.RISCEvents + "sessions-revoked": struct{}{}}), // …-wrong-event
		"event in other letters": claim("events", logintest.Object{strings.ToUpper(logintest.LogoutEvent): struct{}{}}),
		"event no object":        claim("events", logintest.Object{logintest.LogoutEvent: "{}"}),
		"event null":             claim("events", logintest.Object{logintest.LogoutEvent: nil}),
		"events a list":          claim("events", []string{logintest.LogoutEvent}),
		"with nonce":             claim("nonce", "x"), // …-with-nonce
		"with an empty nonce":    claim("nonce", ""),
		"with a null nonce":      func(t *logintest.IDToken) { t.Claims["nonce"] = nil },
		"no sub and no sid":      claim("sub", nil), // …-no-sub-and-no-sid
		"sub empty":              claim("sub", ""),
		"sub a number":           claim("sub", 1001),
		"sub malformed":          claim("sub", "1001\n"),
		"sid malformed":          claim("sid", "a\nb"),
		"no iat":                 claim("iat", nil),
		"iat a text":             claim("iat", strconv.FormatInt(now, 10)),
		"iat in the future":      claim("iat", now+120),
		"iat long ago":           func(t *logintest.IDToken) { t.Claims["iat"], t.Claims["exp"] = now-3700, now+7200 },
		"no exp":                 claim("exp", nil),
		"exp a text":             claim("exp", "9999999999"),
		"expired":                claim("exp", now-61),
		"no jti":                 claim("jti", nil),
		"jti empty":              claim("jti", ""),
		"typ JWT":                header("typ", "JWT"),
		"no typ":                 func(t *logintest.IDToken) { delete(t.Header, "typ") },
		"a claim twice": func(t *logintest.IDToken) {
			t.Payload = string(payloadOf(t)[:1]) + `"sub":"1002",` + payloadOf(t)[1:]
		},
		"an event twice": func(t *logintest.IDToken) {
			t.Payload = strings.Replace(payloadOf(t), `"events":{`, `"events":{"`+logintest.LogoutEvent+`":{},`, 1)
		},
		"no token": func(t *logintest.IDToken) { t.Raw = "not.a.token" },
		"JSON":     func(t *logintest.IDToken) { t.Raw = payloadOf(t) },
	}
}

func TestBadLogoutTokensEndNothing(t *testing.T) { // SEC-OUT-09
	s := newSite(t)
	b := s.withSID("sid-1")
	for name, change := range badLogoutTokens(t, s.provider) {
		p := s.backchannel(s.provider.LogoutToken(func(t *logintest.IDToken) {
			about("1001", "")(t)
			change(t)
		}))
		wantNotTaken(t, name, p)
		wantStill(t, name, b)
	}
	// An ID token is none either, though the same keys sign it.
	wantNotTaken(t, "an ID token", s.backchannel(s.provider.LogoutToken(func(t *logintest.IDToken) {
		about("1001", "")(t)
		delete(t.Claims, "events")
		t.Header["typ"], t.Claims["nonce"] = "JWT", "x"
	})))
	wantStill(t, "an ID token", b)
	wantDone(t, "the good one", s.backchannel(s.provider.LogoutToken(about("1001", ""))))
	wantOut(t, "the good one", b)
}

// What a good provider may write differently.
func TestGoodLogoutTokensOfOtherShapes(t *testing.T) {
	s := newSite(t)
	for name, change := range map[string]func(*logintest.IDToken){
		"several audiences": claim("aud", []string{"another", s.provider.ClientID}),
		"typ in full":       header("typ", "application/logout+jwt"),
		"typ in capitals":   header("typ", "Logout+JWT"),
		"just expired":      claim("exp", time.Now().Unix()-30),
		"iat a bit ahead":   claim("iat", time.Now().Unix()+30),
		"more events":       claim("events", logintest.Object{logintest.LogoutEvent: struct{}{}, "https://x.example/e": struct{}{}}),
		"more claims":       claim("trace_id", "x"),
	} {
		b := s.withSID("sid-1")
		wantDone(t, name, s.backchannel(s.provider.LogoutToken(func(t *logintest.IDToken) {
			about("1001", "sid-1")(t)
			change(t)
		})))
		wantOut(t, name, b)
	}
}

// SEC-OUT-09: GET, duplicate parameter and their kin.
func TestBadLogoutRequestsEndNothing(t *testing.T) {
	s := newSite(t)
	b := s.withSID("sid-1")
	token := s.provider.LogoutToken(about("1001", ""))
	form := url.Values{"logout_token": {token}}.Encode()
	const path = "/_gate/backchannel-logout"
	for name, p := range map[string]page{
		"no parameter":        s.notify(path, formType, ""),
		"another parameter":   s.notify(path, formType, "token="+token),
		"twice":               s.notify(path, formType, form+"&"+form),
		"once and once empty": s.notify(path, formType, form+"&logout_token="),
		"malformed":           s.notify(path, formType, form+"&x=%zz"),
		"semicolon":           s.notify(path, formType, form+";x=1"),
		"in the query":        s.notify(path+"?"+form, formType, ""),
		"JSON":                s.notify(path, "application/json", `{"logout_token":"`+token+`"}`),
		"another type":        s.notify(path, "text/plain", form),
		"no type":             s.notify(path, "", form),
		"multipart":           s.notify(path, "multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"logout_token\"\r\n\r\n"+token+"\r\n--x--\r\n"),
		"too large":           s.notify(path, formType, form+"&x="+strings.Repeat("x", 64<<10)),
	} {
		wantNotTaken(t, name, p)
	}
	for _, method := range []string{"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "post"} {
		r, _ := http.NewRequestWithContext(t.Context(), method, s.URL+path+"?"+form, strings.NewReader(form))
		r.Header.Set("Content-Type", formType)
		if p := s.answer(r); p.status != http.StatusBadRequest || p.header.Get("Allow") != "POST" {
			t.Errorf("%s: got %d, Allow %q", method, p.status, p.header.Get("Allow"))
		}
	}
	wantStill(t, "after all of them", b)
	wantDone(t, "with a charset", s.notify(path, formType+"; charset=utf-8", form))
	wantOut(t, "after the good one", b)
}

// The provider's server is on another site and behind no browser; whatever such a
// request looks like, it is the signature that counts.
func TestBackchannelLogoutAsksForNoOrigin(t *testing.T) {
	s := newSite(t)
	for name, value := range map[string]string{
		"Origin": "https://op.example", "Sec-Fetch-Site": "cross-site", "Accept": "text/html", "Cookie": "sidegate=" + strings.Repeat("A", 43),
	} {
		b := s.withSID("sid-1")
		form := url.Values{"logout_token": {s.provider.LogoutToken(about("", "sid-1"))}}.Encode()
		r, _ := http.NewRequestWithContext(t.Context(), "POST", s.URL+"/_gate/backchannel-logout", strings.NewReader(form))
		r.Header.Set("Content-Type", formType)
		r.Header.Set(name, value)
		wantDone(t, name, s.answer(r))
		wantOut(t, name, b)
	}
}
