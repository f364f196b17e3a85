package login_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"sidegate/login"
	"sidegate/login/logintest"
	"sidegate/session"
)

// forgetful is a cookie jar that keeps no cookie of the given name.
type forgetful struct {
	http.CookieJar
	name string
}

func (f *forgetful) SetCookies(u *url.URL, cookies []*http.Cookie) {
	var kept []*http.Cookie
	for _, c := range cookies {
		if c.Name != f.name {
			kept = append(kept, c)
		}
	}
	f.CookieJar.SetCookies(u, kept)
}

// A browser that loses the session cookie would go round and round: the provider knows
// the person. When it comes back for the second time it is told, and nobody is asked for a
// third.
func TestALostSessionCookieIsNoticedAtTheSecondTurn(t *testing.T) {
	s := newSite(t)
	b := s.newBrowser()
	jar := &forgetful{b.client.Jar, "sidegate"}
	b.client.Jar = jar
	p := b.open("/page?a=1")
	if p.status != http.StatusBadRequest || !strings.Contains(p.url, "/_gate/login?") {
		t.Fatalf("got %d at %s: %s", p.status, p.url, p.text())
	}
	for _, want := range []string{"without our cookie", "Allow cookies", `href="/_gate/login?rd=%2Fpage%3Fa%3D1&amp;loop=ended"`, "sidegate explain sign_in_loop"} {
		if !strings.Contains(p.body, want) {
			t.Errorf("no %q in %s", want, p.text())
		}
	}
	s.wantHits(logintest.TokenPath, 2)
	if !strings.Contains(s.log.String(), "sign_in_loop") {
		t.Error("the log has no word of it")
	}
	// The button tries once more, and ends here again as long as nothing has changed.
	if p := b.open("/_gate/login?rd=%2Fpage%3Fa%3D1&loop=ended"); p.status != http.StatusBadRequest || !strings.Contains(p.body, "sign_in_loop") {
		t.Errorf("tried again: %d at %s: %s", p.status, p.url, p.text())
	}
	s.wantHits(logintest.TokenPath, 3)
	jar.name = "" // cookies are allowed now
	if got := b.open("/_gate/login?rd=%2Fpage%3Fa%3D1&loop=ended").who(); got.Path != "/page?a=1" {
		t.Errorf("with cookies: at %q", got.Path)
	}
}

// It is noticed whichever provider the person chose, and a sign-out is still none.
func TestALostSessionCookieIsNoticedAtAFurtherProvider(t *testing.T) {
	p := newPair(t)
	b := p.newBrowser()
	b.client.Jar = &forgetful{b.client.Jar, "sidegate"}
	for range 2 {
		b.open("/_gate/login?rd=%2Fpage&provider=okta")
	}
	if got := b.open("/page"); got.status != http.StatusBadRequest || !strings.Contains(got.body, "sidegate explain sign_in_loop") {
		t.Errorf("got %d at %s: %s", got.status, got.url, got.text())
	}
	b = p.newBrowser()
	for range 4 {
		b.signInAt("okta", "okta:1001")
		b.send(fromOurPage(b.request(http.MethodPost, "/_gate/logout", "x=1")))
	}
	b.signInAt("okta", "okta:1001")
}

// A tab that asks while another one's cookie is on its way signs in as ever.
func TestOneSignInAloneIsNoLoop(t *testing.T) {
	s := newSite(t)
	b := s.newBrowser()
	b.signIn()
	tab := s.newBrowser()
	tab.setCookie("sidegate-flow", b.cookies()["sidegate-flow"])
	if p := tab.step("/_gate/login?rd=/"); p.status != http.StatusFound || !strings.HasPrefix(p.location, s.provider.Issuer) {
		t.Errorf("got %d to %q: %s", p.status, p.location, p.text())
	}
}

// Whoever signs out and in, as often and as fast as they like, is in no loop.
func TestSigningOutAndInQuicklyIsNoLoop(t *testing.T) {
	for name, leave := range map[string]func(b *browser){
		"here": func(b *browser) { b.send(fromOurPage(b.request(http.MethodPost, "/_gate/logout", "x=1"))) },
		"everywhere": func(b *browser) {
			b.send(fromOurPage(b.request(http.MethodPost, "/_gate/sessions", "end=all")))
		},
	} {
		s := newSite(t)
		b := s.newBrowser()
		for i := range 4 {
			b.signIn()
			leave(b)
			if _, in := b.cookies()["sidegate"]; in {
				t.Fatalf("%s: not signed out, time %d", name, i)
			}
		}
		b.signIn()
	}
}

func fromOurPage(r *http.Request) *http.Request {
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return r
}

// A session that somebody ended is not a cookie that is missing.
func TestASessionThatIsRevokedAtOnceIsNoLoop(t *testing.T) {
	s := newSite(t)
	b := s.newBrowser()
	for range 4 {
		b.signIn()
		if n, err := s.sessions.EndSubject(t.Context(), s.provider.Issuer, logintest.Alice()["sub"].(string)); err != nil || n == 0 {
			t.Fatalf("%d sessions ended, %v", n, err)
		}
	}
	b.signIn()
}

// A browser that keeps no cookie at all is told at the first turn.
func TestBlockedCookiesAreNoticedAtTheFirstTurn(t *testing.T) {
	s := newSite(t)
	b := s.newBrowser()
	b.client.Jar = nil
	p := b.open("/page")
	if p.status != http.StatusBadRequest || !strings.Contains(p.body, "browser_not_bound") || !strings.Contains(p.body, "Allow cookies") || strings.Contains(p.body, "set up for") {
		t.Errorf("got %d at %s: %s", p.status, p.url, p.text())
	}
	s.wantHits(logintest.TokenPath, 0)
}

// Cookies of 127.0.0.1 are not sent to localhost. Which address it was is not shown: a
// state can be somebody else's.
func TestASignInAtAnotherAddressIsExplained(t *testing.T) {
	s := newSite(t)
	other := setup{provider: s.provider, store: s.store, public: "https://app.example.org"}.start(t)
	b := other.newBrowser()
	p := b.step("/_gate/login?rd=/")
	fresh := other.newBrowser() // at the public address, without the cookie of the other one
	got := fresh.step(other.here("/_gate/callback?code=x&state=" + query(t, p.location, "state")))
	if got.status != http.StatusBadRequest || !strings.Contains(got.text(), "set up for https://app.example.org") || !strings.Contains(got.text(), "open https://app.example.org") {
		t.Errorf("got %d: %s", got.status, got.text())
	}
	if strings.Contains(got.text(), strings.TrimPrefix(other.URL, "http://")) {
		t.Errorf("the address is shown: %s", got.text())
	}
}

// With an https address the cookie is Secure: over plain http browsers drop it.
func TestASecureCookieOverPlainHTTPIsExplained(t *testing.T) {
	var host string
	s := setup{change: func(o *login.Options) {
		host = strings.TrimPrefix(o.Client.Public, "http://")
		o.Client.Public = "https://" + host
	}}.start(t)
	for _, proto := range []string{"http", "https"} {
		b := s.newBrowser()
		b.header.Set("X-Forwarded-Proto", proto)
		p := b.step("/_gate/login?rd=/")
		got := s.newBrowser().step(s.URL + "/_gate/callback?code=x&state=" + query(t, p.location, "state"))
		if says := strings.Contains(got.text(), "by plain http"); got.status != http.StatusBadRequest || says != (proto == "http") {
			t.Errorf("%s: got %d: %s", proto, got.status, got.text())
		}
	}
}

// At the loop's end the request itself shows where it came to.
func TestALoopNamesTheWrongAddress(t *testing.T) {
	s := newSite(t)
	b := s.newBrowser()
	b.client.Jar = &forgetful{b.client.Jar, "sidegate"}
	b.open("/")
	r := b.request(http.MethodGet, "/_gate/login?rd=/", "")
	r.Host = "192.0.2.7:8080"
	r.AddCookie(&http.Cookie{Name: "sidegate-flow", Value: b.cookies()["sidegate-flow"]}) // the jar goes by Host
	if p := b.send(r); p.status != http.StatusBadRequest || !strings.Contains(p.text(), "You came to 192.0.2.7:8080") || !strings.Contains(p.text(), "open "+s.URL) {
		t.Errorf("got %d: %s", p.status, p.text())
	}
}

// A session shorter than the mark may be over, cookie and all, while the mark is there.
func TestAMarkIsShorterThanASession(t *testing.T) {
	for most, want := range map[time.Duration]time.Duration{168 * time.Hour: 30 * time.Second, 10 * time.Second: 5 * time.Second} {
		s := setup{change: func(o *login.Options) {
			limits := o.Sessions.Options
			limits.Limits = session.Limits{Max: most}
			o.Sessions = session.NewManager(limits)
		}}.start(t)
		var got time.Duration
		s.store.seen = func(key string, ttl time.Duration) {
			if strings.HasPrefix(key, "l:") {
				got = ttl
			}
		}
		s.newBrowser().open("/")
		if got != want {
			t.Errorf("session of %s: the mark lives %s, want %s", most, got, want)
		}
	}
}

// A store that cannot say costs the explanation, and no sign-in.
func TestWithoutAMarkPeopleSignIn(t *testing.T) {
	s := newSite(t)
	b := s.newBrowser()
	b.client.Jar = &forgetful{b.client.Jar, "sidegate"}
	b.open("/")
	s.store.fail("Get")
	if p := b.step("/_gate/login?rd=/"); p.status != http.StatusFound || !strings.HasPrefix(p.location, s.provider.Issuer) {
		t.Errorf("got %d to %q: %s", p.status, p.location, p.text())
	}
}
