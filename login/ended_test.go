package login_test

import (
	"net/http"
	"strings"
	"testing"
)

// A link to the sign-out is followed on a page of the app's, which may be a live one:
// the browser lets go of that page before the session ends.
func TestALinkLetsGoOfThePageFirst(t *testing.T) {
	s := newSite(t)
	b := s.newBrowser()
	b.signIn()
	r := b.request(http.MethodGet, "/_gate/logout", "")
	r.Header = http.Header{"Accept": {"text/html"}, "Sec-Fetch-Site": {"same-origin"}, "Sec-Fetch-Mode": {"navigate"}}
	p := b.send(r)
	if to := p.header.Get("Refresh"); p.status != http.StatusOK || to != "0; url=/_gate/logout?left" || !strings.Contains(p.text(), "Signing out") {
		t.Fatalf("a link's first step was answered %d, Refresh %q, %q", p.status, to, p.text())
	}
	if b.step(s.URL+"/").who().Sub == "" {
		t.Error("the session ended while its page was open")
	}
	r = b.request(http.MethodGet, "/_gate/logout?left", "")
	r.Header = http.Header{"Accept": {"text/html"}, "Sec-Fetch-Site": {"cross-site"}, "Sec-Fetch-Mode": {"navigate"}}
	if b.send(r); b.step(s.URL+"/").who().Sub == "" {
		t.Error("the second step can be begun from another site (SEC-OUT-05)")
	}
	if b.logout(http.MethodGet, own()); b.step(s.URL+"/").who().Sub != "" {
		t.Error("the second step did not end the session")
	}
}

// Where a live page is led whose session ended: nothing signs in by itself, and the
// way back is the page it was, if that was one of ours (SEC-REDIR).
func TestAnEndedPageLeadsBackToWhereItWas(t *testing.T) {
	s := newSite(t)
	b := s.newBrowser()
	ask := func(path, referer string) page {
		r := b.request(http.MethodGet, path, "")
		r.Header = http.Header{"Accept": {"text/html"}, "Sec-Fetch-Site": {"same-origin"}, "Sec-Fetch-Mode": {"navigate"}}
		if referer != "" {
			r.Header.Set("Referer", referer)
		}
		return b.send(r)
	}
	for _, tt := range []struct{ referer, want string }{
		{s.URL + "/reports?quarter=3", "%2Freports%3Fquarter%3D3"},
		{"", "%2F"},
		{"http://evil.example/reports", "%2F"},
		{s.URL + "//evil.example", "%2F"},
		{s.URL + "/_gate/logout", "%2F"},
		{s.URL + "/a/..//evil.example", "%2F"},
		{"::", "%2F"},
	} {
		p := ask("/_gate/ended", tt.referer)
		if p.status != http.StatusOK || !strings.Contains(p.body, `href="/_gate/login?rd=`+tt.want+`"`) {
			t.Errorf("from %s: %d, %s; want a button that leads back to %s", tt.referer, p.status, p.body, tt.want)
		}
		if to := ask("/auth/login", tt.referer).location; !strings.HasSuffix(to, "/_gate/login?rd="+tt.want) {
			t.Errorf("the app's log-in button on %s leads to %s", tt.referer, to)
		}
	}
	b.signIn()
	for _, path := range []string{"/_gate/ended", "/auth/login"} {
		if to := ask(path, s.URL+"/reports?quarter=3").location; to != "/reports?quarter=3" {
			t.Errorf("signed in again, %s leads to %q, want back", path, to)
		}
		if to := ask(path, s.URL+"//evil.example/").location; to != "/" {
			t.Errorf("signed in again, %s leads to %q", path, to)
		}
	}
}
