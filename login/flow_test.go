package login_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"sidegate/login/logintest"
)

// wantWayOn fails the test unless p is a page that refuses and leads on.
func wantWayOn(t *testing.T, what string, p page, status int) {
	t.Helper()
	if p.status != status || !strings.Contains(p.body, `href="/_gate/login?rd=`) {
		t.Errorf("%s: got %d, want %d and a way on; location %q, page %s", what, p.status, status, p.location, p.text())
	}
}

func TestCallbackWithoutStateAsksNothingOfTheProvider(t *testing.T) { // SEC-FLOW-01
	s := newSite(t)
	for _, path := range []string{"", "?", "?code=x", "?state=&code=x", "?state=x&code=x", "?state=%00&code=x", "?code=x&state=" + strings.Repeat("A", 400), "?error=access_denied"} {
		wantWayOn(t, path, s.newBrowser().step("/_gate/callback"+path), 400)
		b := s.newBrowser()
		b.begin("/") // with a flow cookie it is no better
		wantWayOn(t, path+" with the cookie", b.step("/_gate/callback"+path), 400)
	}
	s.wantHits(logintest.TokenPath, 0)
	s.wantNobody()
}

// The code of an attacker's account must not sign the victim in to it.
func TestCallbackOfAnotherBrowserSignsNobodyIn(t *testing.T) { // SEC-FLOW-02, SEC-FLOW-01
	s := newSite(t)
	callback := s.newBrowser().callback("/")
	wantWayOn(t, "no flow cookie", s.newBrowser().step(callback), 400)
	garbage := s.newBrowser()
	garbage.setCookie("sidegate-flow", "garbage")
	wantWayOn(t, "no flow cookie of ours", garbage.step(callback), 400)
	s.wantHits(logintest.TokenPath, 0)
	s.wantNobody()
}

func TestForeignCallbackIsAnsweredWithASignInOfOnesOwn(t *testing.T) { // SEC-FLOW-03
	s := newSite(t)
	signInAs(s)
	attacker, victim := s.newBrowser(), s.newBrowser()
	attacker.setCookie("provider-user", "mallory")
	victim.setCookie("provider-user", "victim")
	victim.begin("/mine")
	callback := attacker.callback("/")
	if p := victim.step(callback); !strings.HasPrefix(p.location, "/_gate/login?") {
		t.Errorf("got %d to %q, want a sign-in of their own", p.status, p.location)
	}
	s.wantHits(logintest.TokenPath, 0)
	s.wantNobody()
	if got := victim.open(callback).who().Sub; got != "victim" {
		t.Errorf("the victim ended as %q", got)
	}

	// Somebody who is signed in stays who they are.
	if p := victim.open(attacker.callback("/theirs")); p.who().Sub != "victim" {
		t.Errorf("a signed-in victim ended as %q", p.who().Sub)
	}
	if p := victim.step("/_gate/callback?state=x&code=y"); p.status != http.StatusFound || p.location != "/" {
		t.Errorf("signed in, with a state that is not ours: got %d to %q", p.status, p.location)
	}
	s.wantHits(logintest.TokenPath, 1)
}

func TestChangedStateAsksNothingOfTheProvider(t *testing.T) { // SEC-FLOW-04, SEC-FLOW-06
	s := newSite(t)
	b := s.newBrowser()
	callback := b.callback("/")
	state := query(t, callback, "state")
	asked := s.provider.Hits(logintest.DiscoveryPath)
	for i := 0; i < len(state); i += 7 {
		changed := []byte(state)
		changed[i] ^= 1
		wantWayOn(t, fmt.Sprint("byte ", i), b.step(withQuery(t, callback, "state", string(changed))), 400)
	}
	s.wantHits(logintest.TokenPath, 0)
	s.wantHits(logintest.KeysPath, 0)
	s.wantHits(logintest.DiscoveryPath, asked)
	s.wantNobody()
	if p := b.step(callback + "&rd=//evil.example&return_to=//evil.example"); p.location != "/" {
		t.Errorf("the unchanged state led to %d %q", p.status, p.location)
	}
}

func TestRepeatedCallbackSpendsTheCodeOnce(t *testing.T) { // SEC-FLOW-05
	s := newSite(t)
	b := s.newBrowser()
	callback := b.callback("/page")
	for range 3 { // the browser's reload: there is a session by then
		if p := b.step(callback); p.status != http.StatusFound || p.location != "/page" {
			t.Errorf("got %d to %q", p.status, p.location)
		}
	}
	s.wantHits(logintest.TokenPath, 1)
	if n := s.store.made(); n != 1 {
		t.Errorf("%d sessions were made, want 1", n)
	}
	flow := b.cookies()["sidegate-flow"]
	thief := s.newBrowser() // has the flow cookie, but no session
	thief.setCookie("sidegate-flow", flow)
	wantWayOn(t, "without the session", thief.step(callback), 400)
	s.wantHits(logintest.TokenPath, 1)
}

func TestFiftyCallbacksAtOnceMakeOneSession(t *testing.T) { // SEC-FLOW-05
	s := newSite(t)
	b := s.newBrowser()
	callback := b.callback("/page")
	var all sync.WaitGroup
	start := make(chan struct{})
	answers := make(chan page, 50)
	for range 50 {
		all.Go(func() {
			<-start
			answers <- b.step(callback)
		})
	}
	close(start)
	all.Wait()
	close(answers)
	for p := range answers {
		if home := p.status == http.StatusFound && p.location == "/page"; !home && p.status != http.StatusBadRequest {
			t.Errorf("got %d to %q, want 302 home or 400", p.status, p.location)
		}
	}
	s.wantHits(logintest.TokenPath, 1)
	if n := s.store.made(); n != 1 {
		t.Errorf("%d sessions were made, want 1", n)
	}
	if p := b.open("/page"); p.who().Sub != "1001" {
		t.Errorf("afterwards: got %d", p.status)
	}
}

func TestCallbackTakesEachParameterOnceAndFromTheQueryAlone(t *testing.T) { // SEC-FLOW-07, SEC-DOS-04
	s := newSite(t)
	b := s.newBrowser()
	callback := b.callback("/")
	for name, tt := range map[string]struct {
		add    string
		status int
	}{
		"state":     {"&state=" + query(t, callback, "state"), 400},
		"code":      {"&code=other", 400},
		"iss":       {"&iss=" + url.QueryEscape(s.provider.Issuer) + "&iss=x", 400},
		"error":     {"&error=a&error=b", 400},
		"escape":    {"&x=%zz", 400},
		"semicolon": {"&x=1;code=2", 400},
		"long":      {"&x=" + strings.Repeat("a", 16<<10), 414},
	} {
		wantWayOn(t, name, b.step(callback+tt.add), tt.status)
	}
	_, parameters, _ := strings.Cut(callback, "?")
	wantWayOn(t, "form", b.send(b.request(http.MethodPost, "/_gate/callback", parameters)), 400)
	wantWayOn(t, "huge form", b.send(b.request(http.MethodPost, "/_gate/callback", "x="+strings.Repeat("a", 1<<20))), 400)
	wantWayOn(t, "form and query", b.send(b.request(http.MethodPost, callback, parameters)), 400)
	if p := b.send(b.request(http.MethodHead, callback, "")); p.status != 400 {
		t.Errorf("HEAD: got %d, want 400", p.status)
	}
	s.wantHits(logintest.TokenPath, 0)
	if p := b.step(callback); p.location != "/" {
		t.Errorf("after all that the callback itself: got %d %s", p.status, p.text())
	}
	wantWayOn(t, "twice, signed in", b.step(callback+"&state=x"), 400)
}

func TestIssuerInTheCallbackIsComparedWhenItIsThere(t *testing.T) { // SEC-FLOW-10
	s := newSite(t) // whose metadata announces nothing of the kind, as Google's
	for iss, want := range map[string]int{
		"https://evil.example": 400, s.provider.Issuer + "/": 400, strings.ToUpper(s.provider.Issuer): 400,
		s.provider.Issuer: 302, "": 302,
	} {
		b := s.newBrowser()
		callback := b.callback("/")
		if iss != "" {
			callback = withQuery(t, callback, "iss", iss)
		}
		hits := s.provider.Hits(logintest.TokenPath)
		if p := b.step(callback); p.status != want {
			t.Errorf("iss %q: got %d, want %d", iss, p.status, want)
		}
		if asked := s.provider.Hits(logintest.TokenPath) > hits; asked != (want == 302) {
			t.Errorf("iss %q: asked the token endpoint: %v", iss, asked)
		}
	}
}

func TestErrorOfTheProviderIsExplainedAndNotRepeated(t *testing.T) { // SEC-FLOW-11, SEC-PAGE-01
	s := newSite(t)
	const script = "<script>alert(1)</script>"
	for failure, want := range map[string]int{
		"access_denied": 403, "temporarily_unavailable": 503, "server_error": 503, "invalid_scope": 502, script: 502, strings.Repeat("x", 9000): 502,
	} {
		b := s.newBrowser()
		state := query(t, b.callback("/a"), "state")
		back := "/_gate/callback?" + url.Values{"error": {failure}, "error_description": {script}, "error_uri": {"https://evil.example"}, "state": {state}}.Encode()
		p := b.step(back)
		wantWayOn(t, failure, p, want)
		for _, leak := range []string{"alert(1)", "evil.example", strings.Repeat("x", 99)} {
			if strings.Contains(p.body, leak) || strings.Contains(s.log.String(), strings.Repeat("x", 99)) {
				t.Errorf("%.20s: %s is shown or logged", failure, leak)
			}
		}
		if b.open("/a").who().Path != "/a" {
			t.Errorf("%.20s: the next sign-in failed", failure)
		}
	}
	b := s.newBrowser()
	state := query(t, b.callback("/a"), "state")
	hits := s.provider.Hits(logintest.TokenPath)
	if p := b.step(withQuery(t, "/_gate/callback?error=access_denied&code=x", "state", state)); p.status != 403 {
		t.Errorf("error with a code: got %d, want 403", p.status)
	}
	wantWayOn(t, "neither", b.step("/_gate/callback?state="+state), 400)
	s.wantHits(logintest.TokenPath, hits)
	if p := b.step("/_gate/callback?error=access_denied&state=" + state); !strings.Contains(p.body, "prompt=select_account") {
		t.Errorf("who cancelled is not offered another account: %s", p.text())
	}
}
