package login_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"sidegate/login/logintest"
)

func TestLateCallbackBeginsAnew(t *testing.T) { // SEC-FLOW-12
	s := newSite(t)
	b := s.newBrowser()
	callback := b.callback("/page")
	s.clock.Advance(15*time.Minute + 2*time.Second)
	if p := b.step(callback); p.status != http.StatusFound || !strings.HasPrefix(p.location, "/_gate/login?rd=%2Fpage") {
		t.Errorf("got %d to %q, want a new sign-in", p.status, p.location)
	}
	s.wantHits(logintest.TokenPath, 0)
	if got := b.open(callback).who().Path; got != "/page" {
		t.Errorf("followed, it ended at %q", got)
	}
	// With a session by then, it just goes on.
	if p := b.step(callback); p.status != http.StatusFound || p.location != "/page" {
		t.Errorf("late and signed in: got %d to %q", p.status, p.location)
	}
	s.wantHits(logintest.TokenPath, 1)
}

// One new beginning is a service, two are a loop: with clocks too far apart it
// would never end.
func TestCallbackThatIsLateAgainExplainsItself(t *testing.T) { // SEC-FLOW-12
	s := newSite(t)
	b := s.newBrowser()
	late := func(callback string) page {
		s.clock.Advance(16 * time.Minute)
		return b.step(callback)
	}
	first := late(b.callback("/page"))
	second := late(b.approve(b.step(first.location).location))
	wantWayOn(t, "late again", second, 400)
	if strings.Contains(second.body, "cookie") || !strings.Contains(second.body, "too long") {
		t.Errorf("the page explains something else: %s", second.text())
	}
	s.clock.Advance(-time.Hour) // an attempt from the future
	if p := b.step(b.callback("/")); p.location != "/" {
		t.Errorf("a fresh sign-in: got %d to %q", p.status, p.location)
	}
}

func TestAttemptFromTheFutureIsLate(t *testing.T) { // SEC-FLOW-12
	s := newSite(t)
	b := s.newBrowser()
	s.clock.Advance(10 * time.Minute)
	callback := b.callback("/")
	s.clock.Advance(-10 * time.Minute)
	if p := b.step(callback); !strings.HasPrefix(p.location, "/_gate/login?") {
		t.Errorf("got %d to %q", p.status, p.location)
	}
	s.wantHits(logintest.TokenPath, 0)
}

// The account chooser must not get lost on the way: the refused account would be
// taken again.
func TestNewBeginningKeepsTheAccountChooser(t *testing.T) {
	s := newSite(t)
	b := s.newBrowser()
	p := b.step("/_gate/login?rd=/page&prompt=select_account")
	callback := b.approve(p.location)
	s.clock.Advance(16 * time.Minute)
	again := b.step(b.step(callback).location)
	if got := query(t, again.location, "prompt"); got != "select_account" {
		t.Errorf("prompt = %q", got)
	}
}
