package proxy_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"sidegate/identity"
	"sidegate/proxy"
	"sidegate/session"
)

// streaming starts an app whose answers go on until they are cut; left is told.
func streaming(t *testing.T, limits session.Limits) (g *rig, begun, left chan string) {
	t.Helper()
	begun, left = make(chan string, 100), make(chan string, 100)
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/quick":
			return
		case "/stream":
			fmt.Fprint(w, "data: 1\n\n")
			w.(http.Flusher).Flush()
		case "/flood":
			w.(http.Flusher).Flush()
			begun <- r.URL.Path
			io.Copy(w, zero{})
		case "/upload":
			begun <- r.URL.Path
			io.Copy(io.Discard, r.Body)
		}
		begun <- r.URL.Path
		<-r.Context().Done()
		left <- r.URL.Path
	}))
	t.Cleanup(app.Close)
	return start(t, setup{upstream: app.URL, limits: limits}), begun, left
}

// A stream of events and a download end with the session they were opened under,
// whether the browser reads or not, and do not look whole.
func TestStreamsEndWithTheirSession(t *testing.T) {
	checkLeaks(t)
	g, begun, left := streaming(t, session.Limits{})
	for _, path := range []string{"/stream", "/flood"} {
		cookie := g.signIn(t, alice())
		c := g.dial(t)
		c.send(t, message("GET", path, cookie))
		<-begun
		res, err := http.ReadResponse(c.in, nil)
		if err != nil {
			t.Fatal(err)
		}
		g.endSession(t, cookie)
		if got := <-left; got != path {
			t.Errorf("the app was told that %s was left, want %s", got, path)
		}
		eventually(t, "the end of "+path, func() bool { return g.live.Len() == 0 })
		if n, err := io.Copy(io.Discard, res.Body); err == nil {
			t.Errorf("%s was cut after %d bytes, and looks whole", path, n)
		}
		c.Close()
	}
}

// What another replica ends is heard by the store's feed, and ends sockets, streams,
// downloads that nobody reads and uploads under way here as well (SEC-WS-05).
func TestTheFeedEndsEverything(t *testing.T) {
	checkLeaks(t)
	store := session.NewMemory(1000)
	defer store.Close()
	begun, left := make(chan string), make(chan string, 10)
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { left <- r.URL.Path }()
		begun <- r.URL.Path
		switch r.URL.Path {
		case "/upload":
			io.Copy(io.Discard, r.Body)
		case "/flood":
			io.Copy(w, zero{})
		case "/stream":
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}
	}))
	defer app.Close()
	g, other := start(t, setup{upstream: app.URL, store: store}), start(t, setup{store: store})
	following, stop := context.WithCancel(t.Context())
	defer stop()
	up := make(chan bool, 10)
	go g.sessions.Follow(following, func(is bool, _ error) { up <- is })
	if !<-up {
		t.Fatal("the feed is down")
	}
	cookie := g.signIn(t, alice())
	var all sync.WaitGroup
	for _, raw := range []string{
		message("GET", "/stream", cookie), message("GET", "/flood", cookie), message("POST", "/upload", cookie, "Content-Length: 100000000000"),
	} {
		c := g.dial(t)
		defer c.Close()
		c.send(t, raw)
		<-begun
		if strings.HasPrefix(raw, "POST") {
			all.Go(func() { io.Copy(c, zeros(100_000_000_000)) })
		}
	}
	time.Sleep(50 * time.Millisecond) // what can be full is
	begin := time.Now()
	other.endSession(t, cookie)
	for range 3 {
		<-left
	}
	eventually(t, "the end of all three", func() bool { return g.live.Len() == 0 })
	took := time.Since(begin)
	t.Logf("everything had ended after %v", took)
	if took > busy*time.Second {
		t.Errorf("the end took %v, want 1 s", took)
	}
	all.Wait()
}

// A request that had no answer when its session ended gets a 401, and nothing of
// the app's; others are not touched.
func TestPendingRequestsEndWithTheirSession(t *testing.T) {
	t.Parallel()
	g, begun, left := streaming(t, session.Limits{})
	other := g.dial(t)
	other.send(t, message("GET", "/pending", g.signIn(t, alice())))
	<-begun
	for _, raw := range []string{message("GET", "/pending"), message("POST", "/upload", "Content-Length: 1000")} {
		cookie := g.signIn(t, alice())
		c := g.dial(t)
		c.send(t, strings.Replace(raw, "\r\n\r\n", "\r\n"+cookie+"\r\n\r\n", 1))
		<-begun
		g.endSession(t, cookie)
		<-left
		if res, body := c.answer(t, "GET"); res.StatusCode != http.StatusUnauthorized || !strings.Contains(body, "session_required") {
			t.Errorf("%.20s was answered %s %s, want 401", raw, res.Status, body)
		}
		c.wantClosed(t)
		c.Close()
		eventually(t, "the end of the request", func() bool { return g.live.Len() == 1 })
	}
	select {
	case <-left:
		t.Error("another session's request was cut")
	default:
	}
	other.Close()
	<-left
}

// A session, or a right, that ends between the gate's look and the registration is
// noticed while the answer is still on its way.
func TestStreamWhoseSessionEndedBefore(t *testing.T) {
	t.Parallel()
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))
	t.Cleanup(app.Close)
	h := &hooks{}
	g := start(t, setup{upstream: app.URL, finder: func(_ *rig, f proxy.Finder) proxy.Finder { h.Finder = f; return h }})
	cookie := ""
	for name, end := range map[string]func(){
		"session": func() { g.endSession(t, cookie) }, "right": func() { g.admit(t, "bob@app.example") },
	} {
		g.admit(t, "alice@app.example")
		cookie = g.signIn(t, alice())
		h.touch = func() error { end(); return nil }
		c := g.dial(t)
		c.send(t, message("GET", "/stream", cookie))
		res, err := http.ReadResponse(c.in, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(res.Body); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: the stream ended with %v, want to be cut", name, err)
		}
	}
}

// A request that was over before its session leaves its connection as it was.
func TestFinishedRequestsAreNotCut(t *testing.T) {
	g, _, _ := streaming(t, session.Limits{})
	c := g.dial(t)
	for range 100 {
		cookie := g.signIn(t, alice())
		c.send(t, message("GET", "/quick", cookie))
		ended := make(chan struct{})
		go func() { defer close(ended); g.endSession(t, cookie) }()
		res, err := http.ReadResponse(c.in, nil)
		<-ended
		if err != nil || res.StatusCode != http.StatusOK {
			c = g.dial(t) // the session ended first
			continue
		}
		c.send(t, message("GET", "/quick", g.signIn(t, alice())))
		if res, _ := c.answer(t, "GET"); res.StatusCode != http.StatusOK {
			t.Errorf("the next request was answered %s, want 200", res.Status)
		}
	}
	eventually(t, "the end of all requests", func() bool { return g.live.Len() == 0 })
}

// At a restart a request under way may finish; somebody else's sign-out is no
// reason either.
func TestStreamsOutliveWhatIsNotTheirEnd(t *testing.T) {
	g, begun, left := streaming(t, session.Limits{})
	bob := identity.Identity{Issuer: "i", Subject: "b", Email: "bob@app.example", EmailVerified: true}
	cookie, bobs := g.signIn(t, alice()), g.signIn(t, bob)
	c := g.dial(t)
	c.send(t, message("GET", "/stream", cookie))
	<-begun
	g.endSession(t, bobs)
	go g.live.Drain(t.Context(), time.Millisecond)
	select {
	case <-left:
		t.Error("the stream was cut")
	case <-time.After(100 * time.Millisecond):
	}
	c.Close()
	<-left
}
