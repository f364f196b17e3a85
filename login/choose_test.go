package login_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"sidegate/login"
)

// askingFirst is a site whose sign-in begins with a page of ours.
func askingFirst(t *testing.T) *site {
	return setup{change: func(o *login.Options) { o.AskFirst, o.Client.Title = true, "Corp & Co" }}.start(t)
}

func TestTheSignInPageLeadsToTheProviderAndBackToTheDeepLink(t *testing.T) {
	s := askingFirst(t)
	b := s.newBrowser()
	p := b.step("/_gate/login?rd=" + url.QueryEscape("/report?week=7&x=a;b"))
	if p.status != http.StatusOK || p.location != "" || !strings.Contains(p.body, "<span>Sign in with Corp &amp; Co</span>") {
		t.Fatalf("got %d to %q: %s", p.status, p.location, p.body)
	}
	if p.header.Get("Set-Cookie") != "" || len(s.provider.TokenRequests()) > 0 {
		t.Error("a page that only asks has begun a sign-in")
	}
	link := regexp.MustCompile(`class="choice" href="([^"]*)"`).FindStringSubmatch(p.body)
	if link == nil {
		t.Fatalf("no button: %s", p.body)
	}
	if p := b.open(html.UnescapeString(link[1])); p.who().Sub == "" || !strings.HasSuffix(p.url, "/report?week=7&x=a;b") {
		t.Errorf("the button leads to %s: %d %s", p.url, p.status, p.body)
	}
	if p := b.step("/_gate/login?rd=/report"); p.status != http.StatusFound || p.location != "/report" {
		t.Errorf("somebody signed in is asked how to sign in: %d to %q", p.status, p.location)
	}
}

// Who has just chosen is not asked again: whoever wants another account, or whose
// sign-in begins anew by itself.
func TestTheSignInPageIsLeftOutWhereItHasBeenAnswered(t *testing.T) {
	for more, asked := range map[string]bool{
		"": true, "&provider=": true, "&provider=other": true, "&prompt=none": true,
		"&provider=main": false, "&prompt=select_account": false, "&again=1": false,
	} {
		p := askingFirst(t).newBrowser().step("/_gate/login?rd=/" + more)
		if got := p.status == http.StatusOK; got != asked || !asked && query(t, p.location, "state") == "" {
			t.Errorf("%q: asked: %t, want %t (%d to %q)", more, got, asked, p.status, p.location)
		}
	}
	if p := newSite(t).newBrowser().step("/_gate/login?rd=/&provider=google"); p.status != http.StatusFound {
		t.Errorf("without the setting there is a page: %d %s", p.status, p.body)
	}
}

// The page is for people: what follows redirects by itself gets the 401 that it knows.
func TestTheSignInPageIsForPeople(t *testing.T) {
	s := askingFirst(t)
	b := s.newBrowser()
	r := b.request("GET", "/_gate/login?rd=/", "")
	r.Header.Set("Sec-Fetch-Mode", "cors")
	if p := b.send(r); p.status != http.StatusUnauthorized {
		t.Errorf("a script got %d %s", p.status, p.body)
	}
}

func TestGoogleHasItsOwnButton(t *testing.T) {
	s := setup{change: func(o *login.Options) {
		o.AskFirst, o.Client.Issuer, o.Client.Title = true, login.GoogleIssuer, "Google"
	}}.start(t)
	if p := s.newBrowser().step("/_gate/login?rd=/"); !strings.Contains(p.body, `class="choice google" href="/_gate/login?rd=%2F&amp;provider=main"`) ||
		!strings.Contains(p.body, "Sign in with Google") {
		t.Errorf("Google's button is not there: %s", p.body)
	}
}
