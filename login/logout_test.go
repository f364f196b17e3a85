package login_test

import (
	"net/http"
	"strings"
	"testing"
)

// wantStill fails the test unless the browser is signed in.
func wantStill(t *testing.T, what string, b *browser) {
	t.Helper()
	if p := b.step("/"); p.who().Sub != "1001" {
		t.Errorf("%s: no longer signed in: %d", what, p.status)
	}
}

// logout sends one request to /_gate/logout with the given header fields alone.
func (b *browser) logout(method string, fields map[string]string) page {
	b.t.Helper()
	target := "/_gate/logout"
	if method == http.MethodGet {
		target += "?left" // the second step, see TestALinkLetsGoOfThePageFirst
	}
	r := b.request(method, target, "")
	r.Header = http.Header{"Accept": {"text/html"}}
	for name, value := range fields {
		r.Header.Set(name, value)
	}
	return b.send(r)
}

// logoutCase is a request to /_gate/logout; empty fields are not sent.
type logoutCase struct {
	method, site, mode, origin string
	ends                       bool
}

func logoutCases(own, other string) []logoutCase {
	return []logoutCase{
		{"GET", "same-origin", "navigate", "", true},
		{"GET", "cross-site", "navigate", "", false},
		{"GET", "same-site", "navigate", "", false},
		{"GET", "none", "navigate", "", false},
		{"GET", "cross-site", "no-cors", "", false}, // an image elsewhere
		{"GET", "same-origin", "no-cors", "", false},
		{"GET", "same-origin", "cors", "", false},
		{"GET", "same-origin", "", "", false},
		{"GET", "", "navigate", "", false},
		{"GET", "", "", "", false},
		{"GET", "", "", own, false},
		{"HEAD", "same-origin", "navigate", "", false},
		{"POST", "same-origin", "navigate", own, true},
		{"POST", "same-origin", "cors", own, true},
		{"POST", "same-origin", "", "", true},
		{"POST", "none", "navigate", "", true},
		{"POST", "cross-site", "navigate", other, false},
		{"POST", "cross-site", "navigate", own, false},
		{"POST", "cross-site", "", "", false},
		{"POST", "same-site", "navigate", own, false},
		{"POST", "", "", own, true},
		{"POST", "", "", other, false},
		{"POST", "", "", "null", false},
		{"POST", "", "", own + "0", false},
		{"POST", "", "", "", true}, // no browser of today leaves both out
	}
}

func TestOnlyOurOwnPagesSignPeopleOut(t *testing.T) { // SEC-OUT-05
	s := newSite(t)
	for _, tt := range logoutCases(s.URL, "http://evil.example") {
		b := s.newBrowser()
		b.signIn()
		fields := make(map[string]string)
		for name, value := range map[string]string{"Sec-Fetch-Site": tt.site, "Sec-Fetch-Mode": tt.mode, "Origin": tt.origin} {
			if value != "" {
				fields[name] = value
			}
		}
		p := b.logout(tt.method, fields)
		if tt.ends {
			if _, in := b.cookies()["sidegate"]; in || p.location != "/_gate/logout" {
				t.Errorf("%+v: got %d to %q, cookie kept %v; want the end", tt, p.status, p.location, in)
			}
			continue
		}
		if p.status != http.StatusOK || p.header.Get("Set-Cookie") != "" {
			t.Errorf("%+v: got %d, cookie %q; want a question", tt, p.status, p.header.Get("Set-Cookie"))
		}
		if tt.method != http.MethodHead && !strings.Contains(p.body, `<form method="post" action="/_gate/logout">`) {
			t.Errorf("%+v: no way to sign out: %s", tt, p.text())
		}
		wantStill(t, tt.method, b)
	}
}

func TestSignedOutMeansThatTheTokenIsDead(t *testing.T) { // SEC-OUT-01, SEC-OUT-02, SEC-OUT-03
	for _, tt := range []struct {
		https bool
		name  string
		clear string
	}{
		{false, "sidegate", "sidegate=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"},
		{true, "__Host-sidegate", "__Host-sidegate=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax"},
	} {
		s := setup{https: tt.https}.start(t)
		b := s.newBrowser()
		b.signIn()
		former := b.cookies()[tt.name]
		p := b.logout("POST", map[string]string{"Sec-Fetch-Site": "same-origin"})
		if p.status != http.StatusSeeOther || p.header.Get("Set-Cookie") != tt.clear || p.header.Get("Cache-Control") != "no-store" {
			t.Errorf("got %d, cookie %q, Cache-Control %q", p.status, p.header.Get("Set-Cookie"), p.header.Get("Cache-Control"))
		}
		if p = b.open(s.URL + p.location); p.status != http.StatusOK || !strings.Contains(p.text(), "You are signed out") ||
			!strings.Contains(p.body, "prompt=select_account") {
			t.Errorf("then got %d: %s", p.status, p.text())
		}
		thief := s.newBrowser()
		thief.header.Set("Cookie", tt.name+"="+former)
		if p := thief.step("/"); former == "" || p.status != http.StatusFound {
			t.Errorf("the former cookie %q: got %d", former, p.status)
		}
	}
}

func TestSigningOutTwiceIsNoError(t *testing.T) {
	s := newSite(t)
	b := s.newBrowser()
	b.setCookie("sidegate", "stale")
	p := b.logout("GET", map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"})
	if p.status != http.StatusOK || p.header.Get("Set-Cookie") != "" || !strings.Contains(p.text(), "You are signed out") {
		t.Errorf("from elsewhere: got %d, cookie %q", p.status, p.header.Get("Set-Cookie"))
	}
	p = b.logout("POST", map[string]string{"Sec-Fetch-Site": "same-origin"})
	if _, in := b.cookies()["sidegate"]; p.status != http.StatusOK || in {
		t.Errorf("got %d, stale cookie kept: %v", p.status, in)
	}
}

func TestNobodyIsToldTheyAreOutWhileTheyAreNot(t *testing.T) { // SEC-OUT-06
	s := newSite(t)
	b := s.newBrowser()
	b.signIn()
	own := map[string]string{"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate"}
	for _, methods := range [][]string{nil, {"Get"}, {"Revoke"}} {
		s.store.fail(methods...)
		p := b.logout("POST", own)
		if p.status != http.StatusServiceUnavailable || p.header.Get("Set-Cookie") != "" ||
			!strings.Contains(p.text(), "You are still signed in") || !strings.Contains(p.body, `href="/_gate/logout"`) {
			t.Errorf("store fails in %v: got %d, cookie %q: %s", methods, p.status, p.header.Get("Set-Cookie"), p.text())
		}
		s.store.mend()
		wantStill(t, "after the outage", b)
	}
	// A cookie without a session, and a store that could not say so: the same.
	stale := s.newBrowser()
	stale.setCookie("sidegate", strings.Repeat("A", 43))
	s.store.fail("Get")
	if p := stale.logout("POST", own); p.status != http.StatusServiceUnavailable || p.header.Get("Set-Cookie") != "" {
		t.Errorf("stale cookie: got %d, cookie %q", p.status, p.header.Get("Set-Cookie"))
	}
	s.store.mend()
	b.logout("POST", own)
	if _, in := b.cookies()["sidegate"]; in {
		t.Error("after the outage the sign-out does not work")
	}
}
