package proxy_test

import (
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sidegate/proxy"
)

// trapped counts requests to the proxy that the environment names.
var trapped atomic.Int32

// TestMain gives the process, before crypto/x509 and net/http read them once, a
// root that signs test servers and a proxy that nobody may use for the app.
func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	server := httptest.NewUnstartedServer(nil)
	server.StartTLS()
	server.Close()
	roots := filepath.Join(dir, "roots.pem")
	block := &pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}
	if err := os.WriteFile(roots, pem.EncodeToMemory(block), 0o600); err != nil {
		log.Fatal(err)
	}
	outbound := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { trapped.Add(1) }))
	os.Setenv("SSL_CERT_FILE", roots)
	os.Setenv("HTTP_PROXY", outbound.URL)
	os.Setenv("HTTPS_PROXY", outbound.URL)
	log.SetOutput(io.Discard) // net/http tells it of what tests do to it
	code := m.Run()
	outbound.Close()
	os.RemoveAll(dir)
	os.Exit(code)
}

// SEC-CFG-07: what is for the app never goes through the environment's proxy.
func TestEnvironmentProxyIsNotUsedForTheApp(t *testing.T) {
	const app = "http://app.invalid:1"
	if u, err := http.ProxyFromEnvironment(httptest.NewRequest("GET", app, nil)); u == nil || err != nil {
		t.Fatalf("the environment names no proxy: %v", err)
	}
	for _, upstream := range []string{app, "https://app.invalid:1"} {
		g := start(t, setup{upstream: upstream})
		cookie := g.signIn(t, alice())
		for _, raw := range []string{message("GET", "/", cookie), handshake(cookie)} {
			if res, _ := g.ask(t, raw); res.StatusCode != http.StatusServiceUnavailable {
				t.Errorf("an app that cannot be found was answered %s, want 503", res.Status)
			}
		}
	}
	if n := trapped.Load(); n != 0 {
		t.Errorf("the proxy saw %d requests", n)
	}
}

// The app can be behind a unix socket, HTTP and WebSocket alike.
func TestAppOnAUnixSocket(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "app.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	a := &app{}
	a.serve(t, l)
	for _, upstream := range []string{"unix:" + socket, "unix://" + socket} {
		g := start(t, setup{upstream: upstream})
		g.app = a
		s := surface{name: "page", method: "GET", target: "/x?y=1", signedIn: true}
		got := g.reach(t, s)
		checkIdentity(t, s, got, upstream)
		if got.get("Host") != "app.example" || got.target() != "/x?y=1" {
			t.Errorf("%s: the app received %s for %s", upstream, got.target(), got.get("Host"))
		}
		checkIdentity(t, s, g.reach(t, surface{name: "socket", signedIn: true, socket: true}), upstream)
		if err := proxy.NewUpstream(parseURL(t, upstream)).Check(t.Context()); err != nil {
			t.Errorf("Check(%s) = %v", upstream, err)
		}
	}
	if err := proxy.NewUpstream(&url.URL{Scheme: "unix", Path: socket + "x"}).Check(t.Context()); err == nil {
		t.Error("Check of a socket that is not there = nil")
	}
}

// An https app must prove its name, to the tunnel as to the transport.
func TestAppOverTLS(t *testing.T) {
	echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" {
			fmt.Fprint(w, r.Proto, " ", r.Header.Get("X-User-Email"))
			return
		}
		conn, buf, _ := http.NewResponseController(w).Hijack()
		defer conn.Close()
		accept(conn, request{fields: []field{{"Sec-WebSocket-Key", r.Header.Get("Sec-WebSocket-Key")}}})
		io.Copy(conn, buf)
	})
	server := httptest.NewUnstartedServer(echo)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	g := start(t, setup{upstream: server.URL})
	cookie := g.signIn(t, alice())
	if _, body := g.ask(t, message("GET", "/", cookie)); body != "HTTP/1.1 alice@app.example" {
		t.Errorf("the app answered %q, want alice over HTTP/1.1", body)
	}
	c := g.dial(t)
	c.send(t, handshake(cookie)+"\x82\x03abc")
	c.answer(t, "GET")
	got := make([]byte, 5)
	if _, err := io.ReadFull(c.in, got); string(got) != "\x82\x03abc" {
		t.Errorf("the echo came as %q, %v", got, err)
	}
	// FIN reaches the app as close_notify, and its end comes back.
	c.CloseWrite()
	c.wantClosed(t)

	// The certificate is for example.com and loopback, not for this name.
	other := start(t, setup{upstream: strings.Replace(server.URL, "127.0.0.1", "localhost", 1)})
	cookie = other.signIn(t, alice())
	for _, raw := range []string{message("GET", "/", cookie), handshake(cookie)} {
		if res, body := other.ask(t, raw); res.StatusCode != http.StatusBadGateway || strings.Contains(body, "alice") {
			t.Errorf("an app with another's certificate was answered %s %s, want 502", res.Status, body)
		}
	}
}

// SEC-LEAK-07, FLT-17: an app that is down is a 503 that asks to come back, and
// the answer says nothing of where it should be.
func TestAppDown(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	g := start(t, setup{upstream: "http://" + addr, paths: publicPaths()})
	cookie := g.signIn(t, alice())
	for raw, kind := range map[string]string{
		message("GET", "/", cookie, "Sec-Fetch-Mode: navigate"): "text/html; charset=utf-8", message("GET", "/public/x", "Accept: text/html"): "text/html; charset=utf-8",
		message("GET", "/", cookie): "application/json", message("POST", "/hook", "Content-Length: 0"): "application/json", handshake(cookie): "application/json",
	} {
		res, body := g.ask(t, raw)
		if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") != "2" || res.Header.Get("Content-Type") != kind {
			t.Errorf("%.60q was answered %s %v, want 503 as %s with Retry-After", raw, res.Status, res.Header, kind)
		}
		if page := strings.HasPrefix(kind, "text/html"); page != strings.HasPrefix(res.Header.Get("Refresh"), "2; url=/") {
			t.Errorf("%.60q: Refresh = %q", raw, res.Header.Get("Refresh"))
		}
		for _, secret := range []string{addr, "connection refused", "dial"} {
			if strings.Contains(body, secret) {
				t.Errorf("%.60q: the answer says %q: %s", raw, secret, body)
			}
		}
	}
	if err := proxy.NewUpstream(parseURL(t, "http://"+addr)).Check(t.Context()); err == nil {
		t.Error("Check of an app that is down = nil")
	}
}

// Half an answer must not look like a whole one: what the app breaks off, we do.
func TestAppThatBreaksOffIsCut(t *testing.T) {
	g := start(t, setup{})
	cookie := g.signIn(t, alice())
	for _, half := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nzz\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nhalf",
	} {
		g.app.says(half, false)
		c := g.dial(t)
		c.send(t, message("GET", "/", cookie))
		res, err := http.ReadResponse(c.in, nil)
		if err != nil {
			continue // nothing at all is no answer either
		}
		if body, err := io.ReadAll(res.Body); err == nil {
			t.Errorf("after %q the browser took %q for a whole answer", half, body)
		}
	}
	for _, none := range []string{"", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nContent-Le", "garbage\r\n\r\n", "HTTP/1.1 200 OK\r\n: x\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nsecret"} {
		g.app.says(none, false)
		if res, body := g.ask(t, message("GET", "/", cookie)); res.StatusCode != http.StatusBadGateway || strings.Contains(body, "secret") {
			t.Errorf("after %q the browser was answered %s %s, want 502", none, res.Status, body)
		}
	}
}

// FLT-17: a connection to the app that went stale costs a page nothing.
func TestStaleConnectionsAreTriedAgain(t *testing.T) {
	g := start(t, setup{})
	g.app.says("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", false) // and closes without a word
	c := g.dial(t)
	cookie := g.signIn(t, alice())
	for range 100 {
		c.send(t, message("GET", "/", cookie))
		if res, _ := c.answer(t, "GET"); res.StatusCode != http.StatusOK {
			t.Fatalf("answered %s, want 200", res.Status)
		}
	}
}

// FLT-17: a page is asked for once more when the app cut its connection before it
// said anything; a form, or what had an answer begun, is not: the app may have acted
// on it.
func TestOnlyPagesWithoutAnyAnswerAreAskedForTwice(t *testing.T) {
	g := start(t, setup{})
	cookie := g.signIn(t, alice())
	for _, c := range []struct {
		raw, says  string
		once, kept int // times that the app was asked: over a new connection, and over a kept one
	}{
		{message("GET", "/", cookie), "", 2, 3}, {message("HEAD", "/", cookie), "", 2, 3}, {message("OPTIONS", "/", cookie), "", 1, 2},
		{message("GET", "/", cookie), "H", 1, 1}, {message("GET", "/", cookie), "HTTP/1.1 103 Early Hints\r\n\r\n", 1, 1},
		{message("POST", "/", cookie, "Content-Length: 0"), "", 1, 1}, {message("POST", "/", cookie, "Content-Length: 2") + "ab", "", 1, 1},
		{message("DELETE", "/", cookie), "", 1, 1}, {message("GET", "/", cookie, "Content-Length: 2") + "ab", "", 1, 1},
	} {
		for kept, want := range map[bool]int{false: c.once, true: c.kept} {
			if g.app.answers(answerOK); kept {
				g.ask(t, message("GET", "/", cookie)) // leaves a connection
			}
			before, connections := len(g.app.hits()), g.app.connections()
			g.app.says(c.says, false)
			conn := g.dial(t)
			conn.send(t, strings.Replace(c.raw, "\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1))
			io.Copy(io.Discard, conn.in)
			conn.Close()
			if n := len(g.app.hits()) - before; n != want {
				t.Errorf("kept %v: %.20q, cut after %q, reached the app %d times, want %d", kept, c.raw, c.says, n, want)
			}
			// Nor does half of it: what asks anew asks over a connection of its own.
			if n := g.app.connections() - connections; !kept && n != want {
				t.Errorf("%.20q, cut after %q, cost %d connections, want %d", c.raw, c.says, n, want)
			}
		}
	}
}

// FLT-18: when the browser goes away, the app hears of it, before its answer and
// in the middle.
func TestAppHearsThatTheBrowserLeft(t *testing.T) {
	checkLeaks(t)
	started, left := make(chan bool), make(chan bool)
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/middle" {
			io.WriteString(w, "begun")
			w.(http.Flusher).Flush()
		}
		started <- true
		<-r.Context().Done()
		left <- true
	}))
	t.Cleanup(app.Close)
	g := start(t, setup{upstream: app.URL})
	cookie := g.signIn(t, alice())
	for _, raw := range []string{message("GET", "/before", cookie), message("GET", "/middle", cookie), handshake(cookie)} {
		c := g.dial(t)
		c.send(t, raw)
		<-started
		c.Close()
		select {
		case <-left:
		case <-time.After(patience):
			t.Fatalf("%.20s: the app was not told", raw)
		}
	}
	eventually(t, "a log line for the socket", func() bool { return strings.Count(g.log.String(), `"decision"`) == 3 })
	if n := strings.Count(g.log.String(), `"status":502`); n != 0 {
		t.Errorf("%d of them were logged as a failure of the app's:\n%s", n, g.log)
	}
}

// Whoever waits for an app that starts is told something else than whoever had it.
func TestThePageOfAnAppThatIsAwayKnowsWhetherItWasThere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	g := start(t, setup{upstream: "http://" + addr})
	page := message("GET", "/", g.signIn(t, alice()), "Sec-Fetch-Mode: navigate")
	if _, body := g.ask(t, page); !strings.Contains(body, "<h1>Waiting for the app to start</h1>") {
		t.Errorf("before the app was there: %s", body)
	}
	if l, err = net.Listen("tcp", addr); err != nil {
		t.Fatal(err)
	}
	app := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Connection", "close") }))
	app.Listener.Close()
	app.Listener = l
	app.Start()
	if res, _ := g.ask(t, page); res.StatusCode != http.StatusOK {
		t.Errorf("with the app there: %s", res.Status)
	}
	app.Close()
	if _, body := g.ask(t, page); !strings.Contains(body, "<h1>The app does not answer</h1>") || !strings.Contains(body, "It did before") {
		t.Errorf("after the app was there: %s", body)
	}
}
