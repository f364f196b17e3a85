package proxy_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"sidegate/identity"
	"sidegate/proxy"
	"sidegate/session"
)

// keepSending writes b every step until the connection is gone or ctx is done.
func keepSending(ctx context.Context, w io.Writer, b string, step time.Duration) {
	for tick := time.NewTicker(step); ctx.Err() == nil; <-tick.C {
		if _, err := io.WriteString(w, b); err != nil {
			return
		}
	}
}

// SEC-WS-05, SEC-SESS-14: what keeps a session alive is what a person does: data
// from the browser. Pings, and what the app sends, are no activity.
func TestIdleLimitOnTunnels(t *testing.T) {
	t.Parallel()
	const idle, step = 1500 * time.Millisecond, 50 * time.Millisecond
	g := start(t, setup{limits: session.Limits{Idle: idle, Max: time.Hour}})
	var all sync.WaitGroup
	for _, c := range []struct {
		name                 string
		fromBrowser, fromApp string
		active               time.Duration // how long the browser sends; 0: to the end
	}{
		{name: "silence"},
		{name: "browser's pings", fromBrowser: "\x89\x80\x01\x02\x03\x04"},
		{name: "browser's pongs", fromBrowser: "\x8a\x80\x01\x02\x03\x04"},
		{name: "app's data", fromApp: "\x82\x01x"},
		{name: "data", fromBrowser: "\x82\x81\x01\x02\x03\x04x", active: 2 * idle},
		{name: "fragments", fromBrowser: "\x00\x81\x01\x02\x03\x04x", active: 2 * idle},
	} {
		begin := time.Now()
		browser, app := g.socket(t, g.signIn(t, alice()))
		sending, stop := context.WithCancel(t.Context())
		if c.active > 0 {
			sending, stop = context.WithTimeout(sending, c.active)
		}
		t.Cleanup(stop)
		if c.fromBrowser != "" {
			go keepSending(sending, browser, c.fromBrowser, step)
		}
		if c.fromApp != "" {
			go keepSending(sending, app, c.fromApp, step)
		}
		go io.Copy(io.Discard, app.in)
		all.Go(func() {
			listen(browser.in).wantClose(t, c.name, 1008, "session ended")
			// Both the limit and activity are kept in steps.
			took, least := time.Since(begin), idle-idle/10
			if c.active > 0 {
				least = c.active + idle - idle/3
			}
			if took < least {
				t.Errorf("%s: the session ended after %v, want at least %v", c.name, took, least)
			}
		})
	}
	all.Wait()
}

// Two tabs are one session: activity in one keeps the other's tunnel open.
func TestActivityElsewhereKeepsATunnelOpen(t *testing.T) {
	t.Parallel()
	const idle = 1500 * time.Millisecond
	g := start(t, setup{limits: session.Limits{Idle: idle, Max: time.Hour}})
	cookie := g.signIn(t, alice())
	browser, _ := g.socket(t, cookie)
	begin := time.Now()
	go func() {
		for time.Since(begin) < 2*idle {
			g.ask(t, message("HEAD", "/", cookie))
			time.Sleep(100 * time.Millisecond)
		}
	}()
	listen(browser.in).wantClose(t, "a silent tab", 1008, "session ended")
	if took, least := time.Since(begin), 2*idle; took < least {
		t.Errorf("the silent tab was closed after %v, want at least %v", took, least)
	}
}

// SEC-WS-12: a socket goes on when its session is renewed, by whatever the person
// does, and stays that session's: when somebody else signs in with the same browser
// it ends, and the new person's end is not its end.
func TestASocketStaysWithItsSession(t *testing.T) {
	t.Parallel()
	const idle = 1500 * time.Millisecond
	g := start(t, setup{limits: session.Limits{Idle: idle, Max: time.Hour}})
	cookie := g.signIn(t, alice())
	socket, app := g.socket(t, cookie)
	for begin := time.Now(); time.Since(begin) < 2*idle; time.Sleep(idle / 10) {
		g.ask(t, message("HEAD", "/", cookie))
		socket.send(t, "\x82\x81\x01\x02\x03\x04x")
		wantBytes(t, app.in, []byte("\x82\x81\x01\x02\x03\x04x"), "the app of a session that was renewed")
	}
	bob := identity.Identity{Issuer: "i", Subject: "b", Email: "bob@app.example", EmailVerified: true}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Cookie", strings.TrimPrefix(cookie, "Cookie: "))
	w := httptest.NewRecorder()
	if _, err := g.sessions.Create(w, r, session.SignIn{Identity: bob}); err != nil {
		t.Fatal(err)
	}
	listen(socket.in).wantClose(t, "alice's socket, when bob signed in", 1008, "session ended")
	bobs, app := g.socket(t, "Cookie: "+w.Result().Cookies()[0].Name+"="+w.Result().Cookies()[0].Value)
	for _, hit := range g.app.hits() {
		if hit.get("Upgrade") != "" && hit.get("X-User-Email") == "" {
			t.Error("a socket carries nobody")
		}
	}
	g.live.CloseWho(func(id identity.Identity) bool { return id.Email == "alice@app.example" })
	bobs.send(t, "\x82\x81\x01\x02\x03\x04x")
	wantBytes(t, app.in, []byte("\x82\x81\x01\x02\x03\x04x"), "bob's app, after alice's end")
	if hits := g.app.hits(); hits[len(hits)-1].get("X-User-Email") != "bob@app.example" {
		t.Errorf("bob's socket carries %s", hits[len(hits)-1].get("X-User-Email"))
	}
}

// SEC-WS-05: a session of which the store knows no more when activity is noted has
// ended, whether its registry has heard of it or not.
func TestNotingActivityFindsTheSessionEnded(t *testing.T) {
	h := &hooks{}
	g := start(t, setup{finder: func(_ *rig, f proxy.Finder) proxy.Finder { h.Finder = f; return h }})
	socket, _ := g.socket(t, g.signIn(t, alice()))
	h.touch = func() error { return session.ErrNone }
	socket.send(t, "\x82\x81\x01\x02\x03\x04x")
	listen(socket.in).wantClose(t, "a session that was gone", 1008, "session ended")
}

// SEC-WS-05, FLT-02: a store that hangs while activity is noted holds up
// neither what is said nor the end of the session.
func TestAStoreThatHangsIsNotInTheWay(t *testing.T) {
	checkLeaks(t)
	hang, asked := make(chan struct{}), make(chan struct{}, 1000)
	h := &hooks{}
	g := start(t, setup{finder: func(_ *rig, f proxy.Finder) proxy.Finder { h.Finder = f; return h }})
	cookie := g.signIn(t, alice())
	socket, app := g.socket(t, cookie)
	h.touch = func() error { asked <- struct{}{}; <-hang; return errors.New("timeout") }
	const data = "\x82\x81\x01\x02\x03\x04x"
	socket.send(t, data)
	wantBytes(t, app.in, []byte(data), "the app")
	<-asked
	begin := time.Now()
	for time.Since(begin) < 3*activityStep {
		socket.send(t, data)
		wantBytes(t, app.in, []byte(data), "the app, while the store hangs")
		app.Write([]byte("\x82\x01x"))
		wantBytes(t, socket.in, []byte("\x82\x01x"), "the browser, while the store hangs")
	}
	if n := len(asked); n != 0 {
		t.Errorf("a store that hangs was asked %d times more", n)
	}
	begin = time.Now()
	g.endSession(t, cookie)
	listen(socket.in).wantClose(t, "while the store hangs", 1008, "session ended")
	if took := time.Since(begin); took > busy*time.Second {
		t.Errorf("the session's end reached the browser after %v", took)
	}
	eventually(t, "the end of the tunnel", func() bool { return g.live.Len() == 0 })
	close(hang)
	socket.Close()
	app.Close()
}

// activityStep is how often a tunnel's activity is noted.
const activityStep = 250 * time.Millisecond

// SEC-WS-05: no activity reaches past the absolute limit; and a store that cannot
// say ends nothing before it.
func TestAbsoluteLimitOnTunnels(t *testing.T) {
	t.Parallel()
	const limit = 1500 * time.Millisecond
	var all sync.WaitGroup
	for name, outage := range map[string]error{"activity": nil, "outage": errors.New("timeout")} {
		h := &hooks{refresh: func() error { return outage }}
		limits := session.Limits{Idle: time.Minute, Max: limit}
		if outage != nil {
			limits.Idle = limit / 5
		}
		g := start(t, setup{limits: limits, finder: func(_ *rig, f proxy.Finder) proxy.Finder { h.Finder = f; return h }})
		begin := time.Now()
		browser, _ := g.socket(t, g.signIn(t, alice()))
		if outage == nil {
			go keepSending(t.Context(), browser, "\x82\x81\x01\x02\x03\x04x", 50*time.Millisecond)
		}
		all.Go(func() {
			listen(browser.in).wantClose(t, name, 1008, "session ended")
			if took := time.Since(begin); took < limit-10*time.Millisecond {
				t.Errorf("%s: the tunnel was closed after %v, want %v", name, took, limit)
			}
		})
	}
	all.Wait()
}

// The limits of a session hold for streams as for tunnels: what other requests do
// keeps one open, the absolute limit does not wait.
func TestLimitsOnStreams(t *testing.T) {
	t.Parallel()
	const idle = 1500 * time.Millisecond
	var all sync.WaitGroup
	for _, c := range []struct {
		name   string
		limits session.Limits
		active time.Duration
		least  time.Duration
	}{
		{"idle", session.Limits{Idle: idle, Max: time.Hour}, 0, idle - idle/10},
		{"activity elsewhere", session.Limits{Idle: idle, Max: time.Hour}, 2 * idle, 2 * idle},
		{"absolute", session.Limits{Max: idle}, time.Hour, idle - 10*time.Millisecond},
	} {
		g, begun, left := streaming(t, c.limits)
		cookie := g.signIn(t, alice())
		begin := time.Now()
		stream, other := g.dial(t), g.dial(t)
		stream.send(t, message("GET", "/stream", cookie))
		<-begun
		active, stop := context.WithTimeout(t.Context(), c.active)
		t.Cleanup(stop)
		go keepSending(active, other, message("GET", "/quick", cookie), 100*time.Millisecond)
		all.Go(func() {
			<-left
			if took := time.Since(begin); took < c.least {
				t.Errorf("%s: the stream was cut after %v, want at least %v", c.name, took, c.least)
			}
		})
	}
	all.Wait()
}
