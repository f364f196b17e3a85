package proxy_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"
	"time"

	"sidegate/identity"
	"sidegate/proxy"
	"sidegate/proxy/apps"
	"sidegate/session"
)

func (g *rig) lastHit(t *testing.T) request {
	t.Helper()
	hits := g.app.hits()
	if len(hits) == 0 {
		t.Fatal("nothing reached the app")
	}
	return hits[len(hits)-1]
}

func preset(a apps.App) *proxy.Preset {
	var p proxy.Preset
	p.Set(a)
	return &p
}

func streamlit() *proxy.Preset { return preset(apps.Named("streamlit")) }

func bob() identity.Identity {
	id := alice()
	id.Subject, id.Email = "1002", "bob@app.example"
	return id
}

// What an app serves for its operator's machines is nobody's in a browser: in no
// spelling that a server may read as the same path, signed in or not, public or not.
func TestDeniedPathsReachNoApp(t *testing.T) {
	g := start(t, setup{preset: streamlit(), paths: []string{"/_stcore/"}})
	cookie := g.signIn(t, alice())
	for _, target := range []string{
		"/_stcore/metrics", "/_stcore/metrics?x=1", "/_stcore/metrics/", "/a/_stcore/metrics", "/_stcore/%6detrics", "/_stcore/%256detrics",
		"//_stcore//metrics", "/_STCORE/Metrics", "/_stcore%2fmetrics", "/_stcore/metrics;x", "/_stcore/script-health-check",
	} {
		for _, lines := range [][]string{{cookie}, nil} {
			if res, _ := g.ask(t, message("GET", target, lines...)); res.StatusCode < 400 {
				t.Errorf("%s was answered %s", target, res.Status)
			}
		}
	}
	g.app.wantNoHits(t)
	if res, _ := g.ask(t, message("GET", "/_stcore/metricsx", cookie)); res.StatusCode != http.StatusOK {
		t.Errorf("another path was answered %s, want the app's 200", res.Status)
	}
	if res, _ := start(t, setup{}).ask(t, message("GET", "/_stcore/metrics")); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("of an app that is not Streamlit it was answered %s, want 401", res.Status)
	}
}

// The app's own buttons lead to us, under any base path of the app's; without the
// preset those paths are the app's.
func TestTheAppsOwnButtonsAreAnswered(t *testing.T) {
	g, plain := start(t, setup{preset: streamlit()}), start(t, setup{})
	for target, want := range map[string]string{
		"/auth/logout": "log-out", "/base/auth/logout": "log-out", "/auth/login?provider=x": "log-in", "/auth/logoutx": "", "/oauth2callback": "",
	} {
		if res, _ := g.ask(t, message("GET", target, g.signIn(t, alice()))); res.Header.Get("Button") != want {
			t.Errorf("%s was answered by %q, want %q", target, res.Header.Get("Button"), want)
		}
		if res, _ := plain.ask(t, message("GET", target, plain.signIn(t, alice()))); res.Header.Get("Button") != "" {
			t.Errorf("%s of another app was answered by %q", target, res.Header.Get("Button"))
		}
	}
}

// A cookie of st.login, from before, says who somebody is in words that our headers do
// not all replace.
func TestTheAppsOwnIdentityCookiesAreDropped(t *testing.T) {
	g, plain := start(t, setup{preset: streamlit()}), start(t, setup{})
	const cookies = `; _streamlit_user=x; _streamlit_xsrf=y; "_Streamlit_user_tokens"=z; _streamlit_user__1=w`
	g.ask(t, message("GET", "/", g.signIn(t, alice())+cookies))
	if got := g.lastHit(t).get("Cookie"); got != "_streamlit_xsrf=y" {
		t.Errorf("Streamlit got the cookies %q", got)
	}
	plain.ask(t, message("GET", "/", plain.signIn(t, alice())+cookies))
	if got := plain.lastHit(t).get("Cookie"); got != strings.TrimPrefix(cookies, "; ") {
		t.Errorf("another app got the cookies %q", got)
	}
}

// A live Streamlit page is led to our page by the message that st.login uses, right
// before the Close frame; nothing of it is sent to the app, at a restart, or into the
// middle of a message in fragments.
func TestALivePageIsLedAwayWhenItsSessionEnds(t *testing.T) {
	const redirect = "c2010e0a0c2f5f676174652f656e646564" // as Streamlit's own protobuf writes it
	for _, tt := range []struct {
		name  string
		end   func(g *rig, cookie string)
		begun []byte // by the app
		want  bool
	}{
		{"a sign-out", func(g *rig, cookie string) { g.endSession(t, cookie) }, frame(0x82, []byte("hello"), false), true},
		{"a restart", func(g *rig, _ string) { g.live.Drain(context.Background(), 0) }, nil, false},
		{"a message in fragments", func(g *rig, cookie string) { g.endSession(t, cookie) }, frame(0x02, []byte("hel"), false), false},
		{"a Ping between fragments", func(g *rig, cookie string) { g.endSession(t, cookie) },
			append(frame(0x02, []byte("hel"), false), frame(0x89, nil, false)...), false},
		{"the last fragment", func(g *rig, cookie string) { g.endSession(t, cookie) },
			append(frame(0x02, []byte("hel"), false), frame(0x80, []byte("lo"), false)...), true},
	} {
		g := start(t, setup{preset: streamlit()})
		cookie := g.signIn(t, alice())
		browser, app := g.socket(t, cookie)
		if len(tt.begun) > 0 {
			app.Write(tt.begun)
			if _, err := browser.in.Peek(len(tt.begun)); err != nil {
				t.Fatal(err)
			}
		}
		tt.end(g, cookie)
		fromApp, fromBrowser := listen(browser.in), listen(app.in)
		var got []byte
		if n := len(fromApp.frames); n > 0 {
			got = fromApp.frames[n-1]
		}
		if (hex.EncodeToString(got) == redirect) != tt.want {
			t.Errorf("%s: the page's last message was %x", tt.name, got)
		}
		if len(fromBrowser.frames) > 0 {
			t.Errorf("%s: the app got %x", tt.name, fromBrowser.frames)
		}
		if fromApp.code == 0 || fromBrowser.code == 0 {
			t.Errorf("%s: Close %d to the browser and %d to the app", tt.name, fromApp.code, fromBrowser.code)
		}
	}
}

// A message that is text is sent as text: a page that reads JSON would take the binary
// one for something else.
func TestALivePageIsToldInItsOwnKindOfMessage(t *testing.T) {
	g := start(t, setup{preset: preset(apps.App{Socket: apps.Socket{Farewell: func(href string) []byte { return []byte("to " + href) }, Text: true}})})
	cookie := g.signIn(t, alice())
	browser, _ := g.socket(t, cookie)
	g.endSession(t, cookie)
	first, err := browser.in.Peek(1)
	if err != nil {
		t.Fatal(err)
	}
	if first[0] != 0x81 {
		t.Errorf("the last message begins with %#x, want a text frame of its own, 0x81", first[0])
	}
	got := listen(browser.in)
	if len(got.frames) != 1 || string(got.frames[0]) != "to /_gate/ended" || got.code != 1008 {
		t.Errorf("the page got %q and Close %d, want the message and 1008", got.frames, got.code)
	}
}

// Some pages take a 401 to one call for the end of what they show, and wait on a 424.
// All else is a 401, of that call too when the app is another one.
func TestACallWhosePageWaitsIsAnsweredSo(t *testing.T) {
	waits := preset(apps.App{Waits: func(path string) bool { return path == "/kernel" }})
	g, plain := start(t, setup{preset: waits}), start(t, setup{})
	for target, want := range map[string]int{
		"/kernel?now": http.StatusFailedDependency, "/kernels": http.StatusUnauthorized, "/": http.StatusUnauthorized,
	} {
		res, body := g.ask(t, message("GET", target))
		if res.StatusCode != want || !strings.Contains(body, "session_required") || res.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s is answered %s %s, want %d", target, res.Status, body, want)
		}
		if res, _ := plain.ask(t, message("GET", target)); res.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s of another app is answered %s, want 401", target, res.Status)
		}
	}
	g.app.wantNoHits(t)
}

// newSession is Streamlit's first message, which gives the page its session id.
func newSession(id string) []byte {
	nest := func(tag byte, b []byte) []byte { return append([]byte{tag, byte(len(b))}, b...) }
	return append([]byte{0x12, 0x02, 0x08, 0x01}, nest(4<<3|2, append(nest(3<<3|2, []byte("name")), nest(1<<3|2, nest(6<<3|2, []byte(id)))...))...)
}

// resume opens a socket as a page does that had the session id, and returns the
// subprotocols that the app received.
func (g *rig) resume(t *testing.T, cookie string, protocols ...string) []string {
	t.Helper()
	for i, p := range protocols {
		protocols[i] = "Sec-WebSocket-Protocol: " + p
	}
	g.socket(t, cookie, protocols...)
	return g.lastHit(t).all("Sec-WebSocket-Protocol")
}

// In a browser that two people share, the second one's page names the session that the
// first one's had, and Streamlit would hand it over with all that is in it.
func TestAResumedStateIsItsOwnersAlone(t *testing.T) {
	g := start(t, setup{preset: streamlit()})
	const id = "0c5fd1a2-6f0e-4a55-9a51-3d5f1f0b7a11"
	hers, his := g.signIn(t, alice()), g.signIn(t, bob())
	browser, app := g.socket(t, hers, "Sec-WebSocket-Protocol: streamlit, token")
	first := frame(0x82, newSession(id), false)
	app.Write(first[:7]) // in pieces, as a network may bring it
	time.Sleep(20 * time.Millisecond)
	app.Write(first[7:])
	wantBytes(t, browser, first, "the browser")
	for _, tt := range []struct {
		who, cookie string
		asked, want []string
	}{
		{"bob", his, []string{"streamlit, token, " + id}, []string{"streamlit, token"}},
		{"alice", hers, []string{"streamlit, token, " + id}, []string{"streamlit, token, " + id}},
		{"alice, signed in anew", g.signIn(t, alice()), []string{"streamlit, token, " + id}, []string{"streamlit, token, " + id}},
		{"bob, in two lines", his, []string{"streamlit", "token," + id}, []string{"streamlit, token"}},
		{"bob, in the second line", his, []string{"streamlit, token", "a, b, " + id}, []string{"streamlit, token"}},
		{"bob, two in one", his, []string{"streamlit, token, " + id + "\u00a0"}, []string{"streamlit, token"}},
		{"bob, one of nobody's", his, []string{"streamlit, token, 11111111-6f0e-4a55-9a51-3d5f1f0b7a11"}, []string{"streamlit, token"}},
		{"bob, without", his, []string{"streamlit, token"}, []string{"streamlit, token"}},
		{"bob, with an empty one", his, []string{"streamlit, token, "}, []string{"streamlit, token,"}},
	} {
		got := g.resume(t, tt.cookie, tt.asked...)
		if strings.ReplaceAll(strings.Join(got, "|"), " ", "") != strings.ReplaceAll(strings.Join(tt.want, "|"), " ", "") {
			t.Errorf("%s asked with %q, and the app got %q, want %q", tt.who, tt.asked, got, tt.want)
		}
	}
	plain := start(t, setup{})
	if got := plain.resume(t, plain.signIn(t, bob()), "bokeh, token, "+id); len(got) != 1 || got[0] != "bokeh, token, "+id {
		t.Errorf("another app got %q", got)
	}
}

// After a restart nobody knows any more whose a state is: who was signed in before
// keeps theirs, and the first to name one has it from then on.
func TestARestartLosesNobodysState(t *testing.T) {
	store := session.NewMemory(100)
	defer store.Close()
	before := start(t, setup{preset: streamlit(), store: store})
	hers, his := before.signIn(t, alice()), before.signIn(t, bob())
	time.Sleep(time.Millisecond)
	g := start(t, setup{preset: streamlit(), store: store})
	const id = "streamlit, token, 0c5fd1a2-6f0e-4a55-9a51-3d5f1f0b7a11"
	if got := g.resume(t, hers, id); len(got) != 1 || got[0] != id {
		t.Errorf("alice, signed in before the restart, asked for her state and the app got %q", got)
	}
	if got := g.resume(t, his, id); len(got) != 1 || got[0] == id {
		t.Errorf("bob asked for hers, and the app got %q", got)
	}
	late := g.signIn(t, bob())
	if got := g.resume(t, late, "streamlit, token, 2c5fd1a2-6f0e-4a55-9a51-3d5f1f0b7a22"); got[0] != "streamlit, token" {
		t.Errorf("bob, signed in after the restart, asked for one of before, and the app got %q", got)
	}
}

// The token of a page that is left open would go on as the person before, for whoever
// signs in next in the same browser: the first who connects to a session of Bokeh's has
// it alone, signed in before a restart or since.
func TestASessionOfBokehsIsWhoseItWasFirst(t *testing.T) {
	var preset proxy.Preset
	preset.Set(apps.Named("bokeh"))
	g := start(t, setup{preset: &preset})
	token := func(id string) string {
		return base64.RawURLEncoding.EncodeToString([]byte(`{"session_id": "`+id+`"}`)) + ".signature"
	}
	hers, his := g.signIn(t, alice()), g.signIn(t, bob())
	for _, tt := range []struct{ who, cookie, asked, want string }{
		{"alice", hers, "bokeh, " + token("a"), "bokeh, " + token("a")},
		{"bob, with hers", his, "bokeh, " + token("a"), "bokeh"},
		{"bob, with another signature", his, "bokeh, " + token("a") + "x", "bokeh"},
		{"bob", his, "bokeh, " + token("b"), "bokeh, " + token("b")},
		{"alice, again", hers, "bokeh, " + token("a"), "bokeh, " + token("a")},
		{"alice, signed in anew", g.signIn(t, alice()), "bokeh, " + token("a"), "bokeh, " + token("a")},
		{"bob, with none that can be read", his, "bokeh, x.y", "bokeh"},
	} {
		if got := g.resume(t, tt.cookie, tt.asked); len(got) != 1 || got[0] != tt.want {
			t.Errorf("%s connects with %q, and the app got %q, want %q", tt.who, tt.asked, got, tt.want)
		}
	}
}

// A page that says for whom it was made, unsigned, is believed nothing: the app would
// take anybody's word.
func TestAnUnsignedPageConnectsToNothing(t *testing.T) {
	var preset proxy.Preset
	preset.Set(apps.Named("panel"))
	g, plain := start(t, setup{preset: &preset}), start(t, setup{})
	protocols := "Sec-WebSocket-Protocol: bokeh, " + base64.RawURLEncoding.EncodeToString([]byte(`{"session_id": "a", "headers": {"X-User-Email": "bob@app.example"}}`))
	res, body := g.ask(t, handshake(g.signIn(t, alice()), protocols))
	if res.StatusCode != http.StatusForbidden || !strings.Contains(body, "sidegate recipe panel") {
		t.Errorf("answered %s %s, want 403 and what to do", res.Status, body)
	}
	g.app.wantNoHits(t)
	plain.socket(t, plain.signIn(t, alice()), protocols)
}

// A link could name a session that its maker has open too, and would see what its
// reader does there: none is followed, signed in or not, public or not.
func TestALinkChoosesNoSession(t *testing.T) {
	var preset proxy.Preset
	preset.Set(apps.Named("panel"))
	g, plain := start(t, setup{preset: &preset, paths: []string{"/open/"}}), start(t, setup{})
	for _, target := range []string{"/app?bokeh-session-id=x", "/app?a=1&bokeh%2Dtoken=x", "/open/app?bokeh-session-id=x", "/app/autoload.js?bokeh-session-id=x"} {
		for _, lines := range [][]string{{g.signIn(t, alice())}, nil} {
			want := http.StatusForbidden
			if lines == nil && !strings.HasPrefix(target, "/open/") {
				want = http.StatusUnauthorized // first of all
			}
			if res, _ := g.ask(t, message("GET", target, lines...)); res.StatusCode != want {
				t.Errorf("%s was answered %s, want %d", target, res.Status, want)
			}
		}
	}
	g.app.wantNoHits(t)
	if res, _ := plain.ask(t, message("GET", "/app?bokeh-session-id=x", plain.signIn(t, alice()))); res.StatusCode != http.StatusOK {
		t.Errorf("of another app it was answered %s, want the app's 200", res.Status)
	}
}

// As long as nobody knows which app it is, nobody gets to it: what guards the people
// behind one may not begin later than the app.
func TestNobodyGetsToAnAppThatIsNotKnownYet(t *testing.T) {
	var preset proxy.Preset
	preset.Expect()
	g := start(t, setup{preset: &preset, paths: []string{"/public"}})
	cookie := g.signIn(t, alice())
	for _, m := range []string{message("GET", "/", cookie), message("GET", "/public"), handshake(cookie)} {
		if res, _ := g.ask(t, m); res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
			t.Errorf("%.20s was answered %s, want 503 with Retry-After", m, res.Status)
		}
	}
	g.app.wantNoHits(t)
	time.AfterFunc(100*time.Millisecond, func() { preset.Set(apps.Named("streamlit")) })
	if res, _ := g.ask(t, message("GET", "/_stcore/metrics", cookie)); res.StatusCode != http.StatusNotFound {
		t.Errorf("a path that turns out to be denied was answered %s, want 404", res.Status)
	}
	if res, _ := g.ask(t, message("GET", "/", cookie)); res.StatusCode != http.StatusOK {
		t.Errorf("who came a moment before was answered %s, want the app's 200", res.Status)
	}
}
