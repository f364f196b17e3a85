package web

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// SEC-PAGE-02: the stylesheet fetches nothing either, and is the one the policy
// allows, byte for byte.
func TestStyleIsTheOneThePolicyAllows(t *testing.T) {
	for _, word := range []string{"url(", "@import", "@font-face", "expression", "<", "//"} {
		if strings.Contains(CSS(), word) {
			t.Errorf("stylesheet has %q", word)
		}
	}
	_, rest, _ := strings.Cut(render(t, SignedOut{}), "<style>")
	inline, _, _ := strings.Cut(rest, "</style>")
	sum := sha256.Sum256([]byte(inline))
	if want := "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; StyleSource() != want {
		t.Errorf("policy allows %s, the page's style is %s", StyleSource(), want)
	}
	if inline != CSS() {
		t.Error("the page's style is not CSS() as it is")
	}
}

// The header's no-referrer makes browsers send "Origin: null" with a form, which
// no check of the origin can tell from a foreign one.
func TestPagesWithFormsLetTheOriginThrough(t *testing.T) {
	for field, p := range pagesWith("/plain") {
		page := render(t, p)
		form := strings.Contains(page, "<form ")
		if form != strings.Contains(page, `<meta name="referrer" content="same-origin">`) {
			t.Errorf("%s: form %t, but the referrer policy does not follow", field, form)
		}
		if form && !strings.Contains(page, `<form method="post"`) {
			t.Errorf("%s: a form that is not a POST", field)
		}
	}
}

func TestDemoBannerIsOnEveryPageOfADemoAndNoOther(t *testing.T) {
	const banner = "anyone on this machine can be anyone"
	r := httptest.NewRequest("GET", "/", nil)
	for field, p := range pagesWith("/plain") {
		for _, demo := range []bool{true, false} {
			body, err := (&Site{Demo: demo}).render(r, 200, p)
			if err != nil || strings.Contains(string(body), banner) != demo {
				t.Errorf("%s, demo %t: banner %t, error %v", field, demo, !demo, err)
			}
		}
	}
}

func TestPagesSayWhatPeopleNeed(t *testing.T) {
	now := time.Now()
	for _, tt := range []struct {
		page Page
		want []string
	}{
		{SignedOut{SignIn: "/_gate/login?rd=%2F&prompt=select_account", Provider: "Google"},
			[]string{"You are signed out", `href="/_gate/login?rd=%2F&amp;prompt=select_account"`, "still be signed in at Google"}},
		{SignedOut{}, []string{"still be signed in at your identity provider"}},
		{Ended{SignIn: "/_gate/login?rd=%2Fa"}, []string{"Your session has ended", `href="/_gate/login?rd=%2Fa"`, "Sign in again"}},
		{SignInPage{Choices: []Choice{{Name: "Google", Href: "/_gate/login?rd=%2Fa&provider=google", Google: true}, {Name: "Keycloak", Href: "/k"}}},
			[]string{"<h1>Sign in</h1>", `class="choice google" href="/_gate/login?rd=%2Fa&amp;provider=google"><svg`, "<span>Sign in with Google</span>",
				`class="choice" href="/k"><span>Sign in with Keycloak</span>`}},
		{problem{Error: Error{Status: 503, Title: "Waiting", Since: now.Add(-3 * time.Minute), Retry: time.Second}, Reload: 15},
			[]string{"<h1>Waiting</h1>", "like this for 3 minutes", "reloads by itself in 15 seconds"}},
		{problem{Error: Error{Status: 503, Since: now.Add(-12500 * time.Millisecond)}, Reload: 1}, []string{"like this for 12 seconds. This page reloads by itself in a second."}},
		{Leaving{Next: "/_gate/logout?left"}, []string{"Signing out", `href="/_gate/logout?left"`}},
		{Refused{Email: "mallory@example.com", Switch: "/s"},
			[]string{"mallory@example.com", "Use another account", `href="/s"`, "Ask whoever runs this site to add this address"}},
		{signingOut{Provider: "https://op.example", Onward: &url.URL{Scheme: "https", Host: "op.example", Path: "/out", RawQuery: "a=1&b=2"}},
			[]string{"Signed out of this site", "has ended", "on your way to https://op.example", `href="https://op.example/out?a=1&amp;b=2"`}},
		{ConfirmSignOut{Email: "alice@example.com"},
			[]string{"alice@example.com", `method="post" action="/_gate/logout"`, "Stay signed in"}},
		{Account{Person: Person{Name: "Zoë", Email: "zoe@example.com", Subject: "42", Issuer: "https://op.example"},
			Times:   Times{SignedIn: now.Add(-3 * time.Hour), Expires: now.Add(6*24*time.Hour + time.Minute)},
			Headers: []Header{{"X-User-Email", "zoe@example.com"}}, App: "/", SignOut: "/_gate/logout"},
			[]string{"<h1>Zoë</h1>", ">Z</span>", "42", "https://op.example", "3 hours ago", "in 6 days", "X-User-Email", "Open the app", `action="/_gate/logout"`}},
		{Account{SignIns: SignIns{More: 3, End: "/_gate/sessions", Shown: []SignIn{
			{ID: "id-1", Browser: "Chrome on Linux", Address: "192.0.2.1", Since: now.Add(-3 * time.Hour), LastSeen: now.Add(-5 * time.Minute), This: true},
			{ID: "id-2", Browser: "Safari on iPhone", Address: "192.0.2.2", Since: now.Add(-2 * 24 * time.Hour), LastSeen: now.Add(-time.Hour)},
		}}}, []string{"Where you are signed in", "Chrome on Linux", "this one", "192.0.2.1", "3 hours ago", "5 minutes ago", "Safari on iPhone", "2 days ago",
			`method="post" action="/_gate/sessions"`, `name="end" value="id-2" aria-label="Sign out Safari on iPhone, 192.0.2.2"`, `name="end" value="all"`, "And 3 more"}},
		{Account{SignIns: SignIns{Unknown: true}}, []string{"Where you are signed in", "cannot look this up at the moment", "Nobody has been signed out"}},
	} {
		page := render(t, tt.page)
		for _, want := range tt.want {
			if !strings.Contains(page, want) {
				t.Errorf("%T lacks %q", tt.page, want)
			}
		}
	}
	if page := render(t, problem{Error: Error{Status: 503, Since: now}, Reload: 2}); strings.Contains(page, "like this for") {
		t.Error("a trouble that has just begun has lasted")
	}
	if page := render(t, Account{}); strings.Contains(page, "0001") || strings.Contains(page, "What the app is told") || strings.Contains(page, "Where you are") {
		t.Error("an empty Account shows rows without content")
	}
	here := render(t, Account{SignIns: SignIns{End: "/e", Shown: []SignIn{{ID: "id-1", This: true}}}})
	if strings.Contains(here, "id-1") || !strings.Contains(here, `value="all"`) {
		t.Error("the sign-in that asks has a button of its own beside the large one, or there is none to end all")
	}
}

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "a moment", 40 * time.Second: "a moment", time.Minute: "1 minute", 59 * time.Minute: "59 minutes",
		time.Hour: "1 hour", 100 * time.Minute: "2 hours", 23*time.Hour + 50*time.Minute: "24 hours",
		24 * time.Hour: "1 day", 165 * time.Hour: "7 days",
	} {
		if got := span(d); got != want {
			t.Errorf("span(%v) = %q, want %q", d, got, want)
		}
	}
}

func TestTimesAreSaidFromNow(t *testing.T) {
	now := time.Now()
	for d, want := range map[time.Duration]string{-3 * time.Minute: "3 minutes ago", -time.Second: "a moment ago", 6 * 24 * time.Hour: "in 6 days"} {
		if got := Relative(now.Add(d), now); got != want {
			t.Errorf("%v from now is %q, want %q", d, got, want)
		}
	}
}

// A 502 or 503 may be the provider's fault as well as the app's, and "one moment"
// is a promise that the page tries again.
func TestTitleNeverGuessesWhatFailed(t *testing.T) {
	for _, tt := range []struct {
		err  Error
		want string
	}{
		{Error{Status: 400}, "That did not work"},
		{Error{Status: 401}, "Please sign in"},
		{Error{Status: 403}, "No access"},
		{Error{Status: 500}, "Sorry, that failed"},
		{Error{Status: 502}, "Sorry, that failed"},
		{Error{Status: 503}, "Sorry, that failed"},
		{Error{Status: 503, Retry: time.Second}, "One moment"},
	} {
		if _, got := (problem{Error: tt.err}).about(); got != tt.want {
			t.Errorf("%d, retry %v: %q, want %q", tt.err.Status, tt.err.Retry, got, tt.want)
		}
	}
}
