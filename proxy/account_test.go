package proxy_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sidegate/identity"
	"sidegate/proxy"
	"sidegate/session"
)

// signInWith returns the session and the Cookie line of a sign-in by some browser.
func (g *rig) signInWith(t *testing.T, id identity.Identity, userAgent, address string) (session.Session, string) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("User-Agent", userAgent)
	w := httptest.NewRecorder()
	s, err := g.sessions.Create(w, r, session.SignIn{Identity: id, Address: address})
	if err != nil {
		t.Fatal(err)
	}
	c := w.Result().Cookies()[0]
	return s, "Cookie: " + c.Name + "=" + c.Value
}

func (g *rig) accountPage(t *testing.T, cookie string) string {
	t.Helper()
	res, body := g.ask(t, message("GET", "/_gate/", cookie, "Sec-Fetch-Mode: navigate"))
	if res.StatusCode != http.StatusOK {
		t.Fatalf("/_gate/ was answered %s", res.Status)
	}
	return body
}

const linuxChrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"

// The page lists the person's own sessions, with what helps to recognise them and
// a button for each other one; what a browser calls itself does not become markup
// (SEC-PAGE-01).
func TestTheAccountPageShowsWhereSomebodyIsSignedIn(t *testing.T) {
	g := start(t, setup{})
	bob := alice()
	bob.Subject, bob.Email = "1002", "bob@app.example"
	here, cookie := g.signInWith(t, alice(), linuxChrome, "192.0.2.1")
	there, _ := g.signInWith(t, alice(), `Firefox/144.0 (iPhone) "><script>alert(1)</script>`, "192.0.2.2")
	other, _ := g.signInWith(t, bob, "curl/8", "192.0.2.3")
	body := g.accountPage(t, cookie)
	for _, want := range []string{
		"Where you are signed in", "Chrome on Linux", "192.0.2.1", "this one", "Firefox on iPhone", "192.0.2.2",
		`name="end" value="` + there.ID + `"`, `action="/_gate/sessions"`, `name="end" value="all"`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the page does not show %q", want)
		}
	}
	for _, never := range []string{"<script", "192.0.2.3", other.ID, `value="` + here.ID + `"`} {
		if strings.Contains(body, never) {
			t.Errorf("the page shows %q", never)
		}
	}
}

func TestAVeryLongListOfSignInsIsCut(t *testing.T) {
	g := start(t, setup{})
	_, cookie := g.signInWith(t, alice(), linuxChrome, "192.0.2.200")
	for i := range 60 {
		g.signInWith(t, alice(), linuxChrome, fmt.Sprintf("192.0.2.%d", i))
	}
	body := g.accountPage(t, cookie)
	if n := strings.Count(body, "<li>"); n != 50 || !strings.Contains(body, "And 11 more") {
		t.Errorf("%d of 61 are shown, and it says how many more: %v", n, strings.Contains(body, "And 11 more"))
	}
	if strings.Count(body, "this one") != 1 || strings.Count(body, "192.0.2.200") != 1 {
		t.Error("the one that asks is not shown once")
	}
}

// noList is a Finder whose store cannot list.
type noList struct{ proxy.Finder }

func (noList) Sessions(context.Context, identity.Identity) ([]session.Info, error) {
	return nil, errors.New("connection refused 10.9.8.7")
}

// The rest of the page needs no list, and no list is not an empty one.
func TestAStoreThatCannotListCostsThePageNoMore(t *testing.T) {
	g := start(t, setup{finder: func(_ *rig, f proxy.Finder) proxy.Finder { return noList{f} }})
	body := g.accountPage(t, g.signIn(t, alice()))
	for _, want := range []string{"alice@app.example", "X-User-Email", "/_gate/logout", "cannot look this up at the moment"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page does not show %q", want)
		}
	}
	if strings.Contains(body, "10.9.8.7") || strings.Contains(body, "/_gate/sessions") {
		t.Error("the page tells of the store, or offers to end what it cannot list")
	}
	eventually(t, "the cause in the log", func() bool { return strings.Contains(g.log.String(), "10.9.8.7") })
}

// slowList is a Finder whose store does not answer when it is asked for a list.
type slowList struct{ proxy.Finder }

func (slowList) Sessions(ctx context.Context, _ identity.Identity) ([]session.Info, error) {
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(patience):
		return nil, nil
	}
}

func TestTheAccountPageDoesNotWaitForAStoreThatHangs(t *testing.T) {
	g := start(t, setup{finder: func(_ *rig, f proxy.Finder) proxy.Finder { return slowList{f} }})
	began := time.Now()
	if body := g.accountPage(t, g.signIn(t, alice())); !strings.Contains(body, "cannot look this up at the moment") || time.Since(began) > patience/2 {
		t.Errorf("the page came after %v", time.Since(began))
	}
}
