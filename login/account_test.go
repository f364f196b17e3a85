package login_test

import (
	"net/http"
	"strings"
	"testing"

	"sidegate/access"
	"sidegate/login/logintest"
)

// signInAs lets the cookie provider-user choose who signs in.
func signInAs(s *site) {
	s.provider.Change(func(script *logintest.Script) {
		script.User = func(r *http.Request) logintest.Object {
			user := logintest.Alice()
			if c, err := r.Cookie("provider-user"); err == nil {
				user["sub"], user["email"] = c.Value, c.Value+"@corp.example"
			}
			return user
		}
	})
}

func TestLoginFromAnotherSiteDoesNotReplaceASession(t *testing.T) { // SEC-FLOW-18
	s := newSite(t)
	signInAs(s)
	b := s.newBrowser()
	b.setCookie("provider-user", "first")
	if got := b.open("/").who().Sub; got != "first" {
		t.Fatalf("signed in as %q", got)
	}
	b.setCookie("provider-user", "second") // the account at the provider has changed
	b.header.Set("Sec-Fetch-Site", "cross-site")
	if p := b.open("/_gate/login?rd=/"); p.who().Sub != "first" {
		t.Errorf("now signed in as %q", p.who().Sub)
	}
}

// SEC-SESS-04: and the former session ends.
func TestChoosingAnotherAccountReplacesTheSession(t *testing.T) {
	s := newSite(t)
	signInAs(s)
	b := s.newBrowser()
	b.setCookie("provider-user", "first")
	b.open("/")
	former := b.cookies()["sidegate"]
	b.setCookie("provider-user", "second")
	callback := b.approve(b.step("/_gate/login?rd=/page&prompt=select_account").location)
	for range 2 { // the second time it is a reload, and keeps the session
		if got := b.open(callback).who(); got.Sub != "second" || got.Path != "/page" {
			t.Errorf("signed in as %q at %q", got.Sub, got.Path)
		}
	}
	if n := s.store.made(); n != 2 {
		t.Errorf("%d sessions were made, want 2", n)
	}
	thief := s.newBrowser()
	thief.setCookie("sidegate", former)
	if p := thief.step("/"); former == b.cookies()["sidegate"] || p.status != http.StatusFound {
		t.Errorf("the former session lives on: %d", p.status)
	}
}

func TestRefusedAccountIsToldAndOfferedAnother(t *testing.T) { // SEC-DOM-11, SEC-DOM-12
	s := setup{rules: access.Rules{Emails: []string{"bob@corp.example"}}}.start(t)
	signInAs(s)
	b := s.newBrowser()
	b.setCookie("provider-user", "alice")
	callback := b.callback("/page")
	p := b.step(callback)
	if p.status != http.StatusForbidden || !strings.Contains(p.body, "alice@corp.example") ||
		!strings.Contains(p.body, `href="/_gate/login?rd=%2Fpage&amp;prompt=select_account"`) {
		t.Errorf("got %d %s", p.status, p.text())
	}
	wantWayOn(t, "reloaded", b.step(callback), 400)
	if _, in := b.cookies()["sidegate"]; in {
		t.Error("a refused account has a session cookie")
	}
	s.wantNobody()
	if p := b.open("/page"); p.status != http.StatusForbidden { // ends, and not in a loop
		t.Errorf("another try: got %d", p.status)
	}
	b.setCookie("provider-user", "bob")
	if got := b.open("/_gate/login?rd=%2Fpage&prompt=select_account").who(); got.Email != "bob@corp.example" || got.Path != "/page" {
		t.Errorf("the other account: %+v", got)
	}
}

// An account that is renamed stays itself; its sessions say the current address.
func TestSessionNamesTheSubjectAndTheCurrentAddress(t *testing.T) { // SEC-DOM-15
	s := newSite(t)
	for _, tt := range []struct{ sub, email string }{{"7", "old@corp.example"}, {"7", "new@corp.example"}, {"8", "new@corp.example"}} {
		s.provider.Change(func(script *logintest.Script) {
			script.IDToken = func(t *logintest.IDToken) { t.Claims["sub"], t.Claims["email"] = tt.sub, tt.email }
		})
		if got := s.newBrowser().open("/").who(); got.Sub != tt.sub || got.Email != tt.email {
			t.Errorf("got %q %q, want %q %q", got.Sub, got.Email, tt.sub, tt.email)
		}
	}
}
