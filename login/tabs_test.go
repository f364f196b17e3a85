package login_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"sidegate/login"
	"sidegate/login/logintest"
)

// callbacks returns the callbacks of n tabs that began to sign in, to /tab/0 and
// so on. When apart, none of them knew of another's flow cookie: all were opened
// at once, in a browser that had none, and the last cookie won.
func callbacks(b *browser, n int, apart bool) []string {
	b.t.Helper()
	var list []string
	for i := range n {
		returnTo := fmt.Sprint("/tab/", i)
		if !apart {
			list = append(list, b.callback(returnTo))
			continue
		}
		fresh := b.site.newBrowser()
		list = append(list, fresh.callback(returnTo))
		b.setCookie("sidegate-flow", fresh.cookies()["sidegate-flow"])
	}
	return list
}

func TestEveryTabEndsOnItsOwnPage(t *testing.T) { // SEC-FLOW-13
	orders := map[string]func(i, n int) int{
		"first to last": func(i, n int) int { return i },
		"last to first": func(i, n int) int { return n - 1 - i },
		"mixed":         func(i, n int) int { return i * 7 % n },
	}
	for name, order := range orders {
		for _, n := range []int{2, 10} {
			for _, apart := range []bool{false, true} {
				s := newSite(t)
				b := s.newBrowser()
				list := callbacks(b, n, apart)
				for i := range n {
					tab := order(i, n)
					if p := b.open(list[tab]); p.who().Path != fmt.Sprint("/tab/", tab) {
						t.Errorf("%s, %d tabs, apart %v: tab %d ended with %d at %s: %s", name, n, apart, tab, p.status, p.url, p.text())
					}
				}
				if made := s.store.made(); made != 1 {
					t.Errorf("%s, %d tabs, apart %v: %d sessions, want 1", name, n, apart, made)
				}
			}
		}
	}
}

func TestTabsThatFinishAtOnceEndOnTheirOwnPages(t *testing.T) { // SEC-FLOW-13
	for _, apart := range []bool{false, true} {
		s := newSite(t)
		b := s.newBrowser()
		var all sync.WaitGroup
		for tab, callback := range callbacks(b, 10, apart) {
			all.Go(func() {
				if p := b.open(callback); p.who().Path != fmt.Sprint("/tab/", tab) {
					t.Errorf("apart %v: tab %d ended with %d at %s: %s", apart, tab, p.status, p.url, p.text())
				}
			})
		}
		all.Wait()
	}
}

// FLT-25, FLT-26: a sign-in begun at one replica, or before a restart, ends at
// another, and once for both.
func TestAnotherReplicaFinishesWhatOneBegan(t *testing.T) {
	first := newSite(t)
	second := setup{provider: first.provider, store: first.store, public: first.URL}.start(t)
	b := first.newBrowser()
	callback := b.callback("/page")
	if p := b.step(second.here(callback)); p.status != http.StatusFound || p.location != "/page" {
		t.Errorf("at the other replica: got %d to %q %s", p.status, p.location, p.text())
	}
	thief := first.newBrowser()
	thief.setCookie("sidegate-flow", b.cookies()["sidegate-flow"])
	wantWayOn(t, "once more, at the first", thief.step(callback), 400)
	first.wantHits(logintest.TokenPath, 1)
}

// Mix-up (RFC 9700 4.4): sites that share a secret and a store, and differ in one
// thing only, do not take each other's states.
func TestStateOfAnotherConfigurationDoesNotOpen(t *testing.T) {
	s := newSite(t)
	b := s.newBrowser()
	callback := b.callback("/")
	for name, change := range map[string]func(*login.Options){
		"issuer":     func(o *login.Options) { o.Client.Issuer += "/other" },
		"client":     func(o *login.Options) { o.Client.ID = "other" },
		"public URL": func(o *login.Options) { o.Client.Public = "http://other.example" },
	} {
		other := setup{provider: s.provider, store: s.store, public: s.URL, change: change}.start(t)
		wantWayOn(t, "another "+name, b.step(other.here(callback)), 400)
	}
	s.wantHits(logintest.TokenPath, 0)
	if p := b.step(callback); p.location != "/" {
		t.Errorf("where it belongs: got %d to %q", p.status, p.location)
	}
}

func TestPeopleWhoSignInAtOnceGetTheirOwnSessions(t *testing.T) { // SEC-ISO-01
	t.Parallel()
	s := newSite(t)
	signInAs(s)
	var all sync.WaitGroup
	for i := range 200 {
		all.Go(func() {
			b := s.newBrowser()
			name := fmt.Sprint("user-", i)
			b.setCookie("provider-user", name)
			if got := b.open("/").who(); got.Sub != name || got.Email != name+"@corp.example" {
				t.Errorf("%s was signed in as %+v", name, got)
			}
		})
	}
	all.Wait()
	s.wantHits(logintest.TokenPath, 200)
	if n := s.store.made(); n != 200 {
		t.Errorf("%d sessions were made, want 200", n)
	}
	if n := s.provider.Hits(logintest.KeysPath); n > 2 {
		t.Errorf("the keys were fetched %d times", n)
	}
}
