package login_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"sidegate/access"
	"sidegate/login"
	"sidegate/login/logintest"
	"sidegate/session"
)

// pair is a site with two providers, at which our client even has the same id: Google's
// part is played by main, and okta may be anything, hostile too.
type pair struct {
	*site
	main, okta *logintest.Provider
}

func newPair(t *testing.T) *pair { t.Helper(); return startPair(t, func(*login.Options) {}) }

// startPair lets change have the last word on the main provider's options.
func startPair(t *testing.T, change func(*login.Options)) *pair {
	t.Helper()
	p := &pair{main: withEndSession(logintest.New(t)), okta: withEndSession(logintest.New(t))}
	p.site = setup{
		provider: p.main,
		rules: access.Rules{Domains: []string{"corp.example"}, Providers: access.Providers{
			p.main.Issuer: {Claim: access.HostedDomain},
			p.okta.Issuer: {Name: "okta", Claim: access.EmailDomain},
		}},
		change: func(o *login.Options) {
			o.Client.Title = "Main"
			further := *o
			further.Client = login.Client{
				Name: "okta", Title: "Okta", Issuer: p.okta.Issuer, ID: p.okta.ClientID, Secret: p.okta.ClientSecret,
				Public: o.Client.Public, GroupsClaim: "teams",
			}
			o.Further = []*login.Login{login.New(further)}
			change(o)
		},
	}.start(t)
	p.okta.Change(func(s *logintest.Script) { s.Now = p.clock.Now })
	return p
}

// beginAt starts a sign-in at one of the two and returns the authorization request.
func (b *browser) beginAt(provider string) (authorization string) {
	b.t.Helper()
	p := b.step("/_gate/login?rd=%2F&provider=" + provider)
	if p.status != http.StatusFound {
		b.t.Fatalf("login at %s: got %d %s", provider, p.status, p.text())
	}
	return p.location
}

// signInAt gets Alice in, or ends the test.
func (b *browser) signInAt(provider, subject string) {
	b.t.Helper()
	if p := b.open("/_gate/login?rd=%2F&provider=" + provider); p.who().Sub != subject {
		b.t.Fatalf("sign-in at %s: got %d at %s: %s", provider, p.status, p.url, p.text()+p.body)
	}
}

// REQ-04: with several providers people choose, and nothing was begun at any until then.
func TestPeopleChooseAmongProviders(t *testing.T) {
	p := newPair(t)
	b := p.newBrowser()
	for _, address := range []string{"/page?a=b", "/_gate/login?rd=%2Fpage%3Fa%3Db", "/_gate/login?rd=%2Fpage%3Fa%3Db&provider=gone"} {
		got := b.open(address)
		for _, want := range []string{
			`href="/_gate/login?rd=%2Fpage%3Fa%3Db&amp;provider=main"`, `Sign in with Main<`,
			`href="/_gate/login?rd=%2Fpage%3Fa%3Db&amp;provider=okta"`, `Sign in with Okta<`,
		} {
			if got.status != http.StatusOK || !strings.Contains(got.text(), want) {
				t.Errorf("%s: %d without %s:\n%s", address, got.status, want, got.text())
			}
		}
	}
	if again := b.open("/_gate/login?rd=%2F&prompt=select_account").text(); strings.Count(again, "rd=%2F&amp;prompt=select_account&amp;provider=") != 2 {
		t.Errorf("another account: the choice forgets the prompt:\n%s", again)
	}
	if got := b.cookies(); len(got) != 0 || p.main.Hits(logintest.AuthorizePath)+p.okta.Hits(logintest.AuthorizePath) != 0 {
		t.Errorf("before the choice: cookies %v", got)
	}
	b.signInAt("okta", "okta:1001")
	other := p.newBrowser()
	other.signInAt("main", "1001")
	wantStillAs(t, b, "okta:1001")
	to := p.newBrowser().step("/_gate/login?rd=%2F&provider=okta&prompt=select_account").location
	if !strings.HasPrefix(to, p.okta.Issuer) || query(t, to, "prompt") != "select_account" {
		t.Errorf("another account at one of them: sent to %s", to)
	}
}

func TestOneProviderIsNoChoice(t *testing.T) {
	s := newSite(t)
	for _, query := range []string{"", "&provider=main", "&provider=okta"} {
		if p := s.newBrowser().step("/_gate/login?rd=%2F" + query); !strings.HasPrefix(p.location, s.provider.Issuer) {
			t.Errorf("%q: %d to %q", query, p.status, p.location)
		}
	}
}

// RFC 9700 4.4.2.2: each provider has a redirect URI of its own, and the token
// endpoints get what is meant for them.
func TestProvidersShareNothing(t *testing.T) {
	p := newPair(t)
	p.newBrowser().signInAt("main", "1001")
	p.newBrowser().signInAt("okta", "okta:1001")
	for path, provider := range map[string]*logintest.Provider{"/_gate/callback": p.main, "/_gate/callback/okta": p.okta} {
		got := provider.TokenRequests()
		if len(got) != 1 || got[0].ClientSecret != provider.ClientSecret || got[0].Form.Get("redirect_uri") != p.URL+path {
			t.Errorf("%s: the token endpoint got %+v", path, got)
		}
	}
}

// RFC 9700 4.4.1, REQ-04: whichever of the two is hostile and leads the browser on to
// the other, the honest one's code goes nowhere.
func TestMixUpGetsNoCode(t *testing.T) {
	for _, tt := range []struct{ evil, honest string }{{"okta", "main"}, {"main", "okta"}} {
		p := newPair(t)
		b := p.newBrowser()
		// The hostile provider sends the browser on, with its own state and challenge.
		_, asked, _ := strings.Cut(b.beginAt(tt.evil), "?")
		lead := p.at(tt.honest).Issuer + logintest.AuthorizePath + "?" + asked
		back := b.approve(withQuery(t, lead, "redirect_uri", p.URL+callbackOf(tt.honest)))
		wantWayOn(t, tt.evil+" leads on to "+tt.honest, b.step(back), http.StatusBadRequest)
		// Or it begins the honest sign-in in the browser, and has its answer arrive at
		// the address where codes are its own.
		_, answer, _ := strings.Cut(b.approve(b.beginAt(tt.honest)), "?")
		wantWayOn(t, "an answer of "+tt.honest+" at the address of "+tt.evil, b.step(callbackOf(tt.evil)+"?"+answer), http.StatusBadRequest)
		p.wantNoTokenRequests(tt.evil + " is hostile")
		p.wantNobody()
	}
}

func (p *pair) at(name string) *logintest.Provider {
	return map[string]*logintest.Provider{"main": p.main, "okta": p.okta}[name]
}

func callbackOf(name string) string {
	return map[string]string{"main": "/_gate/callback", "okta": "/_gate/callback/okta"}[name]
}

func (p *pair) wantNoTokenRequests(what string) {
	p.t.Helper()
	for _, name := range []string{"main", "okta"} {
		if n := p.at(name).Hits(logintest.TokenPath); n != 0 {
			p.t.Errorf("%s: the token endpoint of %s got %d requests", what, name, n)
		}
	}
}

// RFC 9207 2.4, SEC-FLOW-10: an answer that says it is another provider's is not taken,
// one that says nothing is.
func TestIssuerInTheAnswerIsThatOfTheProviderAsked(t *testing.T) {
	for _, tt := range []struct{ asked, other string }{{"okta", "main"}, {"main", "okta"}} {
		p := newPair(t)
		b := p.newBrowser()
		wrong := withQuery(t, b.approve(b.beginAt(tt.asked)), "iss", p.at(tt.other).Issuer)
		wantWayOn(t, tt.asked, b.step(wrong), http.StatusBadRequest)
		p.wantNoTokenRequests(tt.asked)
		right := withQuery(t, b.approve(b.beginAt(tt.asked)), "iss", p.at(tt.asked).Issuer)
		if got := b.open(right); got.who().Email != "alice@corp.example" {
			t.Errorf("%s with its own iss: %d %s", tt.asked, got.status, got.text())
		}
	}
}

// SEC-OIDC-01, SEC-OIDC-02: a token that is in order at one provider is nothing at the
// other, though both are for a client of the same id.
func TestIDTokenOfOneProviderIsNothingAtAnother(t *testing.T) {
	for _, tt := range []struct{ asked, other string }{{"okta", "main"}, {"main", "okta"}} {
		p := newPair(t)
		key := logintest.NewKey(t, "ES256", "first") // the kid of both providers' keys
		p.at(tt.other).Change(func(s *logintest.Script) { s.Signing, s.Published = key, []logintest.Key{key} })
		for name, forge := range map[string]func(*logintest.IDToken){
			"whole":           func(t *logintest.IDToken) { t.Key, t.Claims["iss"] = key, p.at(tt.other).Issuer },
			"with other keys": func(t *logintest.IDToken) { t.Key = key },
			"of other issuer": func(t *logintest.IDToken) { t.Claims["iss"] = p.at(tt.other).Issuer },
		} {
			p.at(tt.asked).Change(func(s *logintest.Script) { s.IDToken = forge })
			b := p.newBrowser()
			wantWayOn(t, tt.asked+", "+name, b.open(b.approve(b.beginAt(tt.asked))), http.StatusBadGateway)
		}
		p.wantNobody()
	}
}

// SEC-DOM-15: the app knows people by their subject, so no two may have the same.
func TestSubjectsOfProvidersCannotMeet(t *testing.T) {
	p := newPair(t)
	alice := logintest.Alice()
	alice["sub"] = "okta:1001"
	p.main.Change(func(s *logintest.Script) { s.User = func(*http.Request) logintest.Object { return alice } })
	b := p.newBrowser()
	if got := b.open("/_gate/login?rd=%2F&provider=main"); got.status != http.StatusForbidden {
		t.Errorf("the main provider's okta:1001: %d %s", got.status, got.text())
	}
	p.wantNobody()
}

// A group is a name alone: a further provider's count where its claim was set.
func TestGroupsOfAFurtherProviderCountWhenTheyAreAskedFor(t *testing.T) {
	for claim, want := range map[string]string{"": "", "teams": "red"} {
		alice := logintest.Alice() // who is in "staff" and "admins", by the claim groups
		alice["teams"], alice[""] = []string{"red"}, []string{"admins"}
		p := startPair(t, func(o *login.Options) {
			further := o.Further[0].Options
			further.Client.GroupsClaim = claim
			o.Further = []*login.Login{login.New(further)}
		})
		p.okta.Change(func(s *logintest.Script) { s.User = func(*http.Request) logintest.Object { return alice } })
		if got := p.newBrowser().open("/_gate/login?rd=%2F&provider=okta").who(); got.Sub != "okta:1001" || got.Groups != want {
			t.Errorf("claim %q: %+v", claim, got)
		}
	}
}

// SEC-OUT-07: people sign out where they signed in, and no other provider sees what
// was theirs.
func TestSignOutGoesToTheProviderOfTheSession(t *testing.T) {
	for _, tt := range []struct{ at, other, subject string }{{"okta", "main", "okta:1001"}, {"main", "okta", "1001"}} {
		p := newPair(t)
		for _, name := range []string{"main", "okta"} {
			p.at(name).Change(func(s *logintest.Script) { s.Revocation = true })
			p.newBrowser().open("/_gate/login?rd=%2F&provider=" + name) // both are known
		}
		b := p.newBrowser()
		b.signInAt(tt.at, tt.subject)
		to := b.logout("POST", own()).onward()
		if !strings.HasPrefix(to, p.at(tt.at).Issuer+logintest.EndSessionPath) || strings.Count(query(t, to, "id_token_hint"), ".") != 2 {
			t.Fatalf("%s: sent to %q", tt.at, to)
		}
		if end := b.open(to); !strings.Contains(end.text(), "You are signed out") {
			t.Errorf("%s: ended at %s: %s", tt.at, end.url, end.text())
		}
		s := *p.site
		s.provider = p.at(tt.at)
		if got := s.wantRevoked(1)[0]; got.ClientSecret != s.provider.ClientSecret {
			t.Errorf("%s: the token was given back with %+v", tt.at, got)
		}
		if n := len(p.at(tt.other).Revocations()) + len(p.at(tt.other).LogoutRequests()); n != 0 {
			t.Errorf("%s: the other provider heard of it %d times", tt.at, n)
		}
	}
}

// SEC-OUT-08, SEC-OUT-09: a provider ends its own people's sessions, under its own name
// and keys.
func TestBackchannelLogoutEndsTheSendersSessions(t *testing.T) {
	for _, tt := range []struct{ from, other string }{{"okta", "main"}, {"main", "okta"}} {
		p := newPair(t)
		in := map[string]*browser{"main": p.newBrowser(), "okta": p.newBrowser()}
		in["main"].signInAt("main", "1001")
		in["okta"].signInAt("okta", "okta:1001")
		forged := p.at(tt.from).LogoutToken(func(l *logintest.IDToken) {
			l.Claims["sub"], l.Claims["iss"] = "1001", p.at(tt.other).Issuer
		})
		if got := p.backchannel(forged); got.status != http.StatusBadRequest {
			t.Errorf("%s in the other's name: %d", tt.from, got.status)
		}
		for _, sub := range []string{"okta:1001", "main:1001"} {
			if got := p.backchannel(p.at(tt.from).LogoutToken(about(sub, ""))); got.status != http.StatusOK {
				t.Errorf("%s about nobody: %d %s", tt.from, got.status, got.body)
			}
		}
		wantStillAs(t, in["main"], "1001")
		wantStillAs(t, in["okta"], "okta:1001")
		if got := p.backchannel(p.at(tt.from).LogoutToken(about("1001", ""))); got.status != http.StatusOK {
			t.Errorf("%s: %d %s", tt.from, got.status, got.body)
		}
		wantOut(t, tt.from, in[tt.from])
		wantStillAs(t, in[tt.other], map[string]string{"main": "1001", "okta": "okta:1001"}[tt.other])
	}
}

// SEC-OUT-10: Google may be a further provider.
func TestSecurityEventsEndTheSendersSessions(t *testing.T) {
	p := newPair(t)
	main, okta := p.newBrowser(), p.newBrowser()
	main.signInAt("main", "1001")
	okta.signInAt("okta", "okta:1001")
	about := logintest.Object{"subject_type": "iss-sub", "iss": p.okta.Issuer + "/", "sub": "1001"}
	wantAccepted(t, "of okta", p.securityEvent(p.okta.EventToken(happened(logintest.RISCEvents+"sessions-revoked", about), asIs)))
	wantOut(t, "okta", okta)
	wantStillAs(t, main, "1001")
}

func TestProviderThatIsDownStopsNobodyElse(t *testing.T) {
	for _, tt := range []struct{ down, up, subject string }{{"okta", "main", "1001"}, {"main", "okta", "okta:1001"}} {
		p := newPair(t)
		p.at(tt.down).Down()
		b := p.newBrowser()
		if got := b.open("/"); strings.Count(got.text(), "Sign in with") != 2 {
			t.Errorf("%s is down: no choice: %d %s", tt.down, got.status, got.text())
		}
		if got := b.open("/_gate/login?rd=%2F&provider=" + tt.down); got.status != http.StatusServiceUnavailable {
			t.Errorf("%s is down: %d %s", tt.down, got.status, got.text())
		}
		b.signInAt(tt.up, tt.subject)
	}
}

// A sign-in that begins again by itself stays where it was.
func TestLateCallbackBeginsAnewAtItsProvider(t *testing.T) { // SEC-FLOW-12
	for _, name := range []string{"main", "okta"} {
		p := newPair(t)
		b := p.newBrowser()
		back := b.approve(b.beginAt(name))
		p.clock.Advance(16 * time.Minute)
		again := b.step(back).location
		if to := b.step(again).location; !strings.HasPrefix(to, p.at(name).Issuer+logintest.AuthorizePath) {
			t.Errorf("%s: begun again at %q, then %q", name, again, to)
		}
	}
}

// Scopes are the main provider's: no other is asked for them, none of its tokens is
// kept, and the page says so.
func TestAccessToAPIsIsGrantedAtTheMainProviderAlone(t *testing.T) {
	p := startPair(t, func(o *login.Options) { o.API = login.API{SignIn: session.Scopes{"read"}} })
	p.okta.Change(func(s *logintest.Script) {
		s.Token = func(answer logintest.Object) { answer["refresh_token"] = "canary-refresh" }
	})
	b := p.newBrowser()
	to := b.beginAt("okta")
	if got := query(t, to, "scope"); got != "openid email profile" || query(t, to, "prompt") != "" {
		t.Errorf("okta was asked for %q", to)
	}
	b.signInAt("okta", "okta:1001")
	r := b.request(http.MethodGet, "/", "")
	for name, value := range b.cookies() {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	s, err := p.sessions.Find(r)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := p.sessions.Tokens(t.Context(), p.sessions.Ticket(s)); err != session.ErrNone {
		t.Errorf("tokens are kept: %v %v", got, err)
	}
	got := b.step(login.ConnectPath + "?scopes=read&rd=%2Fpage")
	if got.status != http.StatusForbidden || !strings.Contains(got.text(), "granted at Main") || !strings.Contains(got.text(), `href="/page"`) {
		t.Errorf("connect: %d to %q: %s", got.status, got.location, got.text())
	}
	other := p.newBrowser()
	if to := other.beginAt("main"); !strings.Contains(query(t, to, "scope"), "read") {
		t.Errorf("main was asked for %q", to)
	}
}

// The page of a wrong secret names the setting that is wrong.
func TestRejectedClientIsNamed(t *testing.T) {
	for name, want := range map[string]string{"main": "SIDEGATE_CLIENT_SECRET", "okta": "SIDEGATE_OKTA_CLIENT_SECRET"} {
		p := newPair(t)
		p.at(name).Change(func(s *logintest.Script) { s.Secret = "another" })
		b := p.newBrowser()
		got := b.open("/_gate/login?rd=%2F&provider=" + name)
		wantWayOn(t, name, got, http.StatusBadGateway)
		if !strings.Contains(got.text(), want) || !strings.Contains(got.text(), url.QueryEscape("/")+"&amp;provider="+name) {
			t.Errorf("%s: %s", name, got.text())
		}
	}
}
