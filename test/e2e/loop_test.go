package e2e

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"sidegate/test/stage"
)

// A person who blocks cookies is told so where they would else go in circles.
func TestABrowserThatBlocksCookiesIsTold(t *testing.T) {
	t.Parallel()
	g := stage.NewGate(t, map[string]string{"UPSTREAM": echoApp(t)})
	g.Settings["ISSUER"] = stage.StartProvider(t, g.Callback())
	g.Serve(t, nil)
	p := stage.NewBrowserWithoutCookies(t, g.URL).Profile(t)
	p.Open(g.URL + "/page")
	p.SignIn("alice@example.com")
	p.WaitText("main", "your browser did not keep our cookie", "Allow cookies for this site", "Try again")
	p.Click("summary")
	p.WaitText("details", "browser_not_bound", "sidegate explain browser_not_bound")
}

// A proxy in front that keeps the session's cookie for itself makes a loop that never
// ends by itself. It ends at its second turn, with a page; the way on works as soon as the
// proxy does.
func TestALoopOfSignInsEndsOnAPage(t *testing.T) {
	t.Parallel()
	g := stage.NewGate(t, map[string]string{"UPSTREAM": echoApp(t)})
	inner, err := url.Parse(g.URL)
	if err != nil {
		t.Fatal(err)
	}
	front := httputil.NewSingleHostReverseProxy(inner) // passes Host on
	mended := make(chan struct{})
	front.ModifyResponse = func(res *http.Response) error {
		select {
		case <-mended:
		default:
			for i, c := range res.Header.Values("Set-Cookie") {
				if strings.HasPrefix(c, "sidegate=") {
					res.Header["Set-Cookie"][i] = "lost=1"
				}
			}
		}
		return nil
	}
	outer := httptest.NewServer(front)
	defer outer.Close()
	public := "http://localhost:" + outer.URL[strings.LastIndexByte(outer.URL, ':')+1:]
	g.Settings["PUBLIC_URL"] = public
	g.Settings["ISSUER"] = stage.StartProvider(t, public+"/_gate/callback")
	g.Serve(t, nil)

	p := stage.NewBrowser(t).Profile(t)
	p.Open(public + "/page?a=1")
	p.SignIn("alice@example.com") // once: from then on the provider knows who it is
	p.WaitText("main", "came back without our cookie", "Allow cookies for this site")
	p.Shoot("sign-in-loop")
	close(mended)
	p.Click("main a.button")
	p.WaitPath("/page?a=1")
}
