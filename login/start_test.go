package login_test

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"sidegate/login"
	"sidegate/login/logintest"
	"sidegate/session"
	"sidegate/web"
)

func TestAuthorizationRequestAsksForACodeWithPKCE(t *testing.T) { // SEC-FLOW-08, SEC-FLOW-17
	s := newSite(t)
	b := s.newBrowser()
	authorization := b.begin("/")
	u, err := url.Parse(authorization)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	for name, want := range map[string]string{
		"response_type": "code", "client_id": s.provider.ClientID, "redirect_uri": s.URL + "/_gate/callback",
		"scope": "openid email profile", "code_challenge_method": "S256",
	} {
		if got := q[name]; len(got) != 1 || got[0] != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	var names []string
	for name := range q {
		names = append(names, name)
	}
	slices.Sort(names)
	if got, want := strings.Join(names, " "), "client_id code_challenge code_challenge_method nonce redirect_uri response_type scope state"; got != want {
		t.Errorf("parameters %s, want %s", got, want)
	}
	if b.open(authorization).who().Sub == "" {
		t.Fatal("not signed in")
	}
	asked := s.provider.TokenRequests()
	if len(asked) != 1 {
		t.Fatalf("%d token requests, want 1", len(asked))
	}
	verifier := asked[0].Form.Get("code_verifier")
	sum := sha256.Sum256([]byte(verifier))
	if len(verifier) < 43 || len(verifier) > 128 || base64.RawURLEncoding.EncodeToString(sum[:]) != q.Get("code_challenge") {
		t.Errorf("verifier of %d characters does not fit challenge %q", len(verifier), q.Get("code_challenge"))
	}
	for _, place := range []string{authorization, fmt.Sprint(b.cookies()), s.log.String()} {
		if strings.Contains(place, verifier) {
			t.Errorf("the verifier is in %s", place)
		}
	}
}

func TestAuthorizationRequestOffersTheHintAndTheChooser(t *testing.T) { // SEC-FLOW-17
	s := setup{change: func(o *login.Options) { o.Hint = "corp.example" }}.start(t)
	b := s.newBrowser()
	if got := query(t, b.begin("/"), "hd"); got != "corp.example" {
		t.Errorf("hd = %q", got)
	}
	p := b.step("/_gate/login?rd=/&prompt=select_account")
	if got := query(t, p.location, "prompt"); got != "select_account" {
		t.Errorf("prompt = %q", got)
	}
	if got := query(t, b.step("/_gate/login?rd=/&prompt=none").location, "prompt"); got != "" {
		t.Errorf("prompt = %q: anybody can write it into a link", got)
	}
	// The hint is a courtesy: another domain that comes back is refused.
	s.provider.Change(func(script *logintest.Script) {
		script.IDToken = func(t *logintest.IDToken) { t.Claims["hd"] = "other.example" }
	})
	if p := b.open("/"); p.status != http.StatusForbidden {
		t.Errorf("hd of another domain: got %d, want 403", p.status)
	}
	s.wantNobody()
}

func TestTenThousandAttemptsShareNothing(t *testing.T) { // SEC-FLOW-09, SEC-DOS-09
	t.Parallel()
	s := newSite(t)
	s.newBrowser().begin("/") // so that the provider is known
	s.store.fail()            // SEC-DOS-08, SEC-DOS-09: strangers cause no record
	h := (&web.Site{}).Handle(s.login.Start)
	seen := make(map[string]bool)
	r := httptest.NewRequest(http.MethodGet, "/_gate/login?rd=/", nil)
	for range 10_000 {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		u, err := url.Parse(w.Header().Get("Location"))
		if err != nil || w.Code != http.StatusFound {
			t.Fatalf("got %d, %v", w.Code, err)
		}
		q := u.Query()
		for _, name := range []string{"state", "nonce", "code_challenge"} { // the challenge stands for the verifier
			if v := q.Get(name); len(v) < 22 || seen[v] { // 22 characters: 128 bits and more
				t.Fatalf("%s of %d characters, seen before: %v", name, len(v), seen[v])
			}
			seen[q.Get(name)] = true
		}
	}
}

func TestUnusableFlowCookiesDoNotStandInTheWay(t *testing.T) { // SEC-FLOW-14
	s := newSite(t)
	for name, header := range map[string]string{
		"garbage": "sidegate-flow=garbage", "empty": "sidegate-flow=", "quoted": `sidegate-flow="x"`,
		"foreign": "sidegate-flow=TOKEN", "two": "sidegate-flow=x; sidegate-flow=TOKEN",
		"five":   strings.Repeat("sidegate-flow=TOKEN; ", 5) + "a=b",
		"prefix": "__Host-sidegate-flow=TOKEN", "case": "SIDEGATE-FLOW=TOKEN",
	} {
		b := s.newBrowser()
		// Each has one of its own: who signs in again and again with the same one and no
		// session cookie is in a loop.
		header = strings.ReplaceAll(header, "TOKEN", session.NewToken().Cookie())
		b.header.Set("Cookie", header) // sent beside those of the jar
		if got := b.open("/page").who().Path; got != "/page" {
			t.Errorf("%s: the sign-in ended at %q", name, got)
		}
	}
}

func TestLoginAnswersPageLoadsAlone(t *testing.T) { // SEC-FLOW-15
	s := newSite(t)
	b := s.newBrowser()
	b.header.Set("Accept", "*/*")
	for _, mode := range []string{"cors", "no-cors", "same-origin", "websocket"} {
		b.header.Set("Sec-Fetch-Mode", mode)
		for range 250 {
			p := b.step("/_gate/login?rd=/")
			if p.status != http.StatusUnauthorized || p.header.Get("Set-Cookie") != "" || p.location != "" {
				t.Fatalf("%s: got %d, cookie %q, location %q", mode, p.status, p.header.Get("Set-Cookie"), p.location)
			}
		}
	}
	s.wantHits(logintest.DiscoveryPath, 0)
}

func TestFlowCookieIsOneHoweverManyAttempts(t *testing.T) { // SEC-FLOW-15, SEC-SESS-05
	s := setup{https: true}.start(t)
	b := s.newBrowser()
	var values []string
	for range 100 {
		p := b.step("/_gate/login?rd=/")
		cookies := p.header.Values("Set-Cookie")
		if len(cookies) != 1 {
			t.Fatalf("%d cookies: %q", len(cookies), cookies)
		}
		value, attributes, _ := strings.Cut(cookies[0], "; ")
		values = append(values, value)
		if !strings.HasPrefix(value, "__Host-sidegate-flow=") || attributes != "Path=/; Max-Age=86400; HttpOnly; Secure; SameSite=Lax" {
			t.Fatalf("cookie %q", cookies[0])
		}
	}
	if values = slices.Compact(values); len(values) != 1 || len(values[0]) > 100 {
		t.Errorf("%d flow cookies of %d bytes for one browser", len(values), len(values[0]))
	}
	if got := b.open("/x").who().Path; got != "/x" {
		t.Errorf("over https the sign-in ended at %q", got)
	}
}

func TestRedirectsNeverCarryABodyOn(t *testing.T) { // SEC-FLOW-16, SEC-FLOW-18, SEC-LEAK-04, SEC-LEAK-10
	s := newSite(t)
	b := s.newBrowser()
	start := b.step("/_gate/login?rd=/")
	end := b.step(b.approve(start.location))
	again := b.step("/_gate/login?rd=/")
	for name, p := range map[string]page{"start": start, "end": end, "again": again} {
		if p.status != http.StatusFound && p.status != http.StatusSeeOther {
			t.Errorf("%s: got %d, want 302 or 303", name, p.status)
		}
		for field, want := range map[string]string{"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY"} {
			if got := p.header.Get(field); got != want {
				t.Errorf("%s: %s = %q, want %q", name, field, got, want)
			}
		}
		if !strings.Contains(p.header.Get("Content-Security-Policy"), "frame-ancestors 'none'") {
			t.Errorf("%s: can be framed", name)
		}
	}
	if p := b.send(b.request(http.MethodPost, "/_gate/login?rd=/", "a=b")); p.status != http.StatusMethodNotAllowed || p.location != "" {
		t.Errorf("POST to login: got %d to %q", p.status, p.location)
	}
}
