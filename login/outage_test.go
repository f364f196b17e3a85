package login_test

import (
	"net/http"
	"testing"
	"time"

	"sidegate/login/logintest"
)

// SEC-ERR-03, FLT-01: never a sign-in, never a cleared cookie.
func TestStoreThatCannotSayStartsNoSignIn(t *testing.T) {
	s := newSite(t)
	b := s.newBrowser()
	b.signIn()
	s.clock.Advance(time.Minute) // past what a copy of the session answers
	s.store.fail("Get")
	wantUnavailable(t, "login", b.step("/_gate/login?rd=/"))
	wantUnavailable(t, "callback with nonsense", b.step("/_gate/callback?state=x&code=y"))
	other := s.newBrowser()
	callback := other.callback("/")
	b.setCookie("sidegate-flow", other.cookies()["sidegate-flow"])
	wantUnavailable(t, "callback", b.step(callback))
	s.wantHits(logintest.TokenPath, 1)
	s.store.mend()
	wantStill(t, "after the outage", b)
}

// The page that says "again by itself" must be good the second time.
func TestCallbackSurvivesAStoreThatIsDownBeforeItIsSpent(t *testing.T) {
	s := newSite(t)
	b := s.newBrowser()
	callback := b.callback("/page")
	s.store.fail()
	wantUnavailable(t, "callback", b.step(callback))
	s.wantHits(logintest.TokenPath, 0)
	s.store.mend()
	if p := b.step(callback); p.status != http.StatusFound || p.location != "/page" {
		t.Errorf("loaded again: got %d to %q", p.status, p.location)
	}
}

func TestSessionThatCannotBeKeptIsNoHalfSession(t *testing.T) { // FLT-09, SEC-SESS-17
	s := newSite(t)
	b := s.newBrowser()
	s.store.fail("Put")
	p := b.step(b.callback("/page"))
	wantWayOn(t, "no room", p, 503)
	if p.header.Get("Set-Cookie") != "" || p.header.Get("Refresh") != "" {
		t.Errorf("cookie %q, Refresh %q: want neither, the code is spent", p.header.Get("Set-Cookie"), p.header.Get("Refresh"))
	}
	s.store.mend()
	if got := b.open("/page").who().Path; got != "/page" {
		t.Errorf("afterwards the sign-in ended at %q", got)
	}
}
