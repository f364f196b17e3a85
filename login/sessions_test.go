package login_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"sidegate/identity"
	"sidegate/login/logintest"
)

// idOf returns the id of the browser's session.
func (b *browser) idOf() string {
	b.t.Helper()
	r := b.request(http.MethodGet, "/", "")
	r.AddCookie(&http.Cookie{Name: "sidegate", Value: b.cookies()["sidegate"]})
	s, err := b.site.sessions.Find(r)
	if err != nil {
		b.t.Fatal(err)
	}
	return s.ID
}

// end posts the account page's form, as that page does.
func (b *browser) end(which string) page {
	b.t.Helper()
	return b.endAs(url.Values{"end": {which}}.Encode(), map[string]string{"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate", "Origin": b.site.URL})
}

func (b *browser) endAs(form string, fields map[string]string) page {
	b.t.Helper()
	r := b.request(http.MethodPost, "/_gate/sessions", form)
	r.Header = http.Header{"Accept": {"text/html"}, "Content-Type": {"application/x-www-form-urlencoded"}}
	for name, value := range fields {
		r.Header.Set(name, value)
	}
	return b.send(r)
}

// wantOut fails the test unless the browser's token is dead.
func wantOut(t *testing.T, what string, b *browser) {
	t.Helper()
	if p := b.step("/"); p.status != http.StatusFound {
		t.Errorf("%s: still signed in: %d", what, p.status)
	}
}

func (s *site) signedIn() *browser {
	s.t.Helper()
	b := s.newBrowser()
	b.signIn()
	return b
}

// signInAs gets in somebody of that subject.
func (s *site) signInAs(subject string) *browser {
	s.t.Helper()
	alice := logintest.Alice()
	alice["sub"] = subject
	s.provider.Change(func(c *logintest.Script) { c.User = func(*http.Request) logintest.Object { return alice } })
	defer s.provider.Change(func(c *logintest.Script) { c.User = func(*http.Request) logintest.Object { return logintest.Alice() } })
	b := s.newBrowser()
	if p := b.open("/"); p.who().Sub != subject {
		s.t.Fatalf("sign-in: got %d at %s: %s", p.status, p.url, p.text())
	}
	return b
}

func TestAPersonEndsOneOtherSession(t *testing.T) {
	s := newSite(t)
	here, there, third := s.signedIn(), s.signedIn(), s.signedIn()
	id := there.idOf()
	for range 2 { // pressing the button twice is no error
		if p := here.end(id); p.status != http.StatusSeeOther || p.location != "/_gate/" || p.header.Get("Set-Cookie") != "" {
			t.Errorf("got %d to %q, cookie %q", p.status, p.location, p.header.Get("Set-Cookie"))
		}
	}
	wantOut(t, "the other", there)
	wantStill(t, "this one", here)
	wantStill(t, "a third", third)
}

func TestEndingThePresentSessionIsSigningOut(t *testing.T) {
	s := newSite(t)
	here, there := s.signedIn(), s.signedIn()
	p := here.end(here.idOf())
	if _, kept := here.cookies()["sidegate"]; p.status != http.StatusSeeOther || p.location != "/_gate/logout" || kept {
		t.Errorf("got %d to %q, cookie kept %v", p.status, p.location, kept)
	}
	wantOut(t, "this one", here)
	wantStill(t, "the other", there)
}

// SEC-OUT-04: everywhere is everywhere, and nobody else.
func TestSigningOutEverywhereEndsAllSessionsOfThePersonAlone(t *testing.T) {
	s := newSite(t)
	bob := s.signInAs("2002")
	here, there := s.signedIn(), s.signedIn()
	former := here.cookies()["sidegate"]
	p := here.end("all")
	if _, kept := here.cookies()["sidegate"]; p.status != http.StatusSeeOther || p.location != "/_gate/logout" || kept {
		t.Errorf("got %d to %q, cookie kept %v", p.status, p.location, kept)
	}
	if p = here.open(s.URL + p.location); p.status != http.StatusOK || !strings.Contains(p.text(), "You are signed out") {
		t.Errorf("then got %d: %s", p.status, p.text())
	}
	wantOut(t, "the other", there)
	thief := s.newBrowser()
	thief.header.Set("Cookie", "sidegate="+former)
	wantOut(t, "the former cookie", thief)
	if p := bob.step("/"); p.who().Sub != "2002" {
		t.Errorf("somebody else is out as well: %d", p.status)
	}
}

// An id is no secret: it must be of no use to anybody else.
func TestNobodyEndsTheSessionsOfOthers(t *testing.T) {
	s := newSite(t)
	alice, mallory := s.signedIn(), s.signInAs("666")
	if p := mallory.end(alice.idOf()); p.status != http.StatusSeeOther || p.location != "/_gate/" {
		t.Errorf("got %d to %q", p.status, p.location)
	}
	wantStill(t, "alice", alice)
	wantStillAs(t, mallory, "666")
}

func wantStillAs(t *testing.T, b *browser, subject string) {
	t.Helper()
	if p := b.step("/"); p.who().Sub != subject {
		t.Errorf("%s is no longer signed in: %d", subject, p.status)
	}
}

func TestOnlyOurOwnPagesEndSessions(t *testing.T) { // SEC-OUT-05
	s := newSite(t)
	for _, tt := range logoutCases(s.URL, "http://evil.example") {
		if tt.method != http.MethodPost {
			continue // nothing else gets here
		}
		for _, form := range []string{"end=all", "end=ID", "end=OWN"} {
			here, there := s.signedIn(), s.signedIn()
			fields := make(map[string]string)
			for name, value := range map[string]string{"Sec-Fetch-Site": tt.site, "Sec-Fetch-Mode": tt.mode, "Origin": tt.origin} {
				if value != "" {
					fields[name] = value
				}
			}
			p := here.endAs(strings.NewReplacer("ID", there.idOf(), "OWN", here.idOf()).Replace(form), fields)
			if tt.ends {
				if p.status != http.StatusSeeOther {
					t.Errorf("%s, %+v: got %d, want the end", form, tt, p.status)
				}
				continue
			}
			if p.status != http.StatusForbidden || p.header.Get("Set-Cookie") != "" || p.location != "" {
				t.Errorf("%s, %+v: got %d to %q, cookie %q; want 403", form, tt, p.status, p.location, p.header.Get("Set-Cookie"))
			}
			wantStill(t, form, here)
			wantStill(t, form, there)
		}
	}
}

func TestSessionsAreEndedByOurFormAlone(t *testing.T) {
	s := newSite(t)
	here, there := s.signedIn(), s.signedIn()
	own := map[string]string{"Sec-Fetch-Site": "same-origin"}
	for _, form := range []string{"", "end=", "x=all", "end=all&end=all", "end=%zz", "end=all&" + strings.Repeat("x", 2000)} {
		if p := here.endAs(form, own); p.status != http.StatusBadRequest {
			t.Errorf("%.50q: got %d, want 400", form, p.status)
		}
	}
	r := here.request(http.MethodPost, "/_gate/sessions?end=all", "")
	r.Header = http.Header{"Sec-Fetch-Site": {"same-origin"}}
	if p := here.send(r); p.status != http.StatusBadRequest {
		t.Errorf("in the query: got %d, want 400", p.status)
	}
	for _, method := range []string{"GET", "HEAD", "PUT", "DELETE"} {
		r := here.request(method, "/_gate/sessions?end=all", "")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		if p := here.send(r); p.status != http.StatusMethodNotAllowed || p.header.Get("Allow") != "POST" {
			t.Errorf("%s: got %d, Allow %q", method, p.status, p.header.Get("Allow"))
		}
	}
	wantStill(t, "this one", here)
	wantStill(t, "the other", there)
}

// SEC-DOS-02: a form that does not come holds its connection for seconds.
func TestAFormThatNeverComesIsNotWaitedFor(t *testing.T) {
	s := newSite(t)
	b := s.signedIn()
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	fmt.Fprintf(conn, "POST /_gate/sessions HTTP/1.1\r\nHost: %s\r\nCookie: sidegate=%s\r\nSec-Fetch-Site: same-origin\r\n"+
		"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 7\r\n\r\nend=", s.Listener.Addr(), b.cookies()["sidegate"])
	answer, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 400 ") {
		t.Errorf("got %.30q, %v; want 400 and the end of the connection", answer, err)
	}
	wantStill(t, "whose form it was", b)
}

func TestWithoutASessionThereIsNobodyToSignOut(t *testing.T) {
	s := newSite(t)
	there, b := s.signedIn(), s.newBrowser()
	p := b.end("all")
	if p.status != http.StatusUnauthorized || !strings.Contains(p.body, "/_gate/login?rd=%2F_gate%2F") {
		t.Errorf("got %d: %s", p.status, p.text())
	}
	wantStill(t, "somebody", there)
}

// SEC-OUT-06: while the store fails nobody is told that somebody is out, and the
// cookie stays to try again.
func TestNobodyIsToldThatOthersAreOutWhileTheyAreNot(t *testing.T) {
	s := newSite(t)
	here, there := s.signedIn(), s.signedIn()
	id := there.idOf()
	for _, which := range []string{id, "all"} {
		for _, methods := range [][]string{nil, {"Get"}, {"Revoke"}, {"Members"}} {
			s.store.fail(methods...)
			p := here.end(which)
			if p.status != http.StatusServiceUnavailable || p.header.Get("Set-Cookie") != "" || p.location != "" ||
				!strings.Contains(p.text(), "Probably nobody was signed out") || !strings.Contains(p.text(), "Try again") {
				t.Errorf("end=%s, store fails in %v: got %d, cookie %q: %s", which, methods, p.status, p.header.Get("Set-Cookie"), p.text())
			}
			s.store.mend()
			wantStill(t, "this one after the outage", here)
			wantStill(t, "the other after the outage", there)
		}
	}
	here.end("all")
	wantOut(t, "after the outage", here)
	wantOut(t, "after the outage", there)
	if left, err := s.sessions.Sessions(t.Context(), identity.Identity{Issuer: s.provider.Issuer, Subject: "1001"}); err != nil || len(left) > 0 {
		t.Errorf("left over: %v, %v", left, err)
	}
}

func (s *store) Members(ctx context.Context, group string) ([]string, error) {
	if err := s.trouble("Members"); err != nil {
		return nil, err
	}
	return s.Store.Members(ctx, group)
}
