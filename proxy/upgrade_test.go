package proxy_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// wantNoTunnel checks that raw is answered status, and that the connection carries
// nothing more: what somebody sent ahead is not read as a request (RFC 9931).
func (g *rig) wantNoTunnel(t *testing.T, raw string, status int) {
	t.Helper()
	const ahead = "GET /smuggled HTTP/1.1\r\nHost: app.example\r\n\r\n"
	c := g.dial(t)
	defer c.Close()
	c.send(t, raw+ahead)
	method, _, _ := strings.Cut(raw, " ")
	if res, body := c.answer(t, method); res.StatusCode != status {
		t.Errorf("%.300q was answered %s, want %d: %s", raw, res.Status, status, body)
	}
	c.wantClosed(t)
	for _, hit := range g.app.hits() {
		if hit.target() == "/smuggled" || strings.Contains(hit.body, "smuggled") {
			t.Errorf("after %.300q the bytes behind it reached the app", raw)
		}
	}
}

// SEC-UPG-01, SEC-UPG-02: nothing but a lone "websocket" upgrades; the rest is
// forwarded as a plain request, and an app that upgrades all the same is refused.
func TestOnlyWebSocketUpgrades(t *testing.T) {
	g := start(t, setup{paths: publicPaths()})
	cookie := g.signIn(t, alice())
	for _, upgrade := range []string{
		"h2c", "websocket, h2c", "h2c,websocket", "foo", "TLS/1.0", "websocket/13", "websocket,", "", " ", "web socket", "websocket\r\nUpgrade: h2c",
		"h2c\r\nUpgrade: websocket", "websocket\r\nUpgrade: websocket", "webſocket",
	} {
		for _, target := range []string{"/", "/public/x"} {
			for _, connection := range []string{"Upgrade, HTTP2-Settings", "Upgrade"} {
				raw := message("GET", target, cookie, "Connection: "+connection, "Upgrade: "+upgrade, "HTTP2-Settings: AAMAAABkAAQAAP__",
					"Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: "+socketKey, "Origin: https://app.example")
				hits := len(g.app.hits())
				g.wantNoTunnel(t, raw, http.StatusOK)
				got := g.app.hits()
				if len(got) != hits+1 {
					t.Fatalf("Upgrade %q: the app was reached %d times, want once", upgrade, len(got)-hits)
				}
				for _, name := range []string{"Upgrade", "Connection"} {
					if v := got[hits].all(name); v != nil {
						t.Errorf("Upgrade %q: the app received %s: %q", upgrade, name, v)
					}
				}
			}
		}
	}
	g.app.answers(func(c *appConn, req request) bool {
		io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
		io.Copy(io.Discard, c.in)
		return false
	})
	g.wantNoTunnel(t, message("GET", "/", cookie, "Connection: Upgrade", "Upgrade: h2c"), http.StatusBadGateway)
}

// SEC-UPG-02: protocol names have no case (RFC 9110 7.8).
func TestWebSocketInAnyCaseUpgrades(t *testing.T) {
	g := start(t, setup{})
	for _, lines := range []string{
		"Connection: Upgrade\r\nUpgrade: WebSocket", "Connection: keep-alive, upgrade\r\nUpgrade: WEBSOCKET", "connection: UPGRADE\r\nupgrade: websocket",
	} {
		raw := strings.Replace(handshake(g.signIn(t, alice())), "Connection: Upgrade\r\nUpgrade: websocket", lines, 1)
		if res, _ := g.ask(t, raw); res.StatusCode != http.StatusSwitchingProtocols {
			t.Errorf("%q was answered %s, want 101", lines, res.Status)
		}
	}
}

// SEC-UPG-03: a handshake that is not one by RFC 6455 4.2.1 is refused before the
// app hears of it, and nothing behind it is read.
func TestUnsoundHandshakesAreRefused(t *testing.T) {
	g := start(t, setup{})
	cookie := g.signIn(t, alice())
	for _, c := range []struct {
		replace, with string
		status        int
	}{
		{"GET ", "POST ", 400},
		{"GET ", "OPTIONS ", 400},
		{"GET ", "get ", 400},
		{"HTTP/1.1", "HTTP/1.0", 400},
		{"Connection: Upgrade\r\n", "", 400},
		{"Connection: Upgrade", "Connection: keep-alive", 400},
		{"Connection: Upgrade", "Connection: xupgrade", 400},
		{"Upgrade: websocket\r\n", "Upgrade: websocket\r\nContent-Length: 3\r\n", 400},
		{"Upgrade: websocket\r\n", "Upgrade: websocket\r\nTransfer-Encoding: chunked\r\n", 400},
		{"Sec-WebSocket-Version: 13\r\n", "", 426},
		{"Version: 13", "Version: 7", 426},
		{"Version: 13", "Version: 77", 426},
		{"Version: 13", "Version: 13, 8", 426},
		{"Version: 13", "Version: 13\r\nSec-WebSocket-Version: 13", 426},
		{"Sec-WebSocket-Key: " + socketKey + "\r\n", "", 400},
		{socketKey, "", 400},
		{socketKey, "c2hvcnQ=", 400},
		{socketKey, "not base64 at all!!!!!!!", 400},
		{socketKey, "dGhlIHNhbXBsZSBub25jZR==", 400},
		{socketKey, "dGhlIHNhbXBsZSBub25jZSEhIQ==", 400},
		{socketKey, socketKey + "\r\nSec-WebSocket-Key: " + socketKey, 400},
	} {
		raw := handshake(cookie)
		if !strings.Contains(raw, c.replace) {
			t.Fatalf("no %q in the handshake", c.replace)
		}
		g.wantNoTunnel(t, strings.Replace(raw, c.replace, c.with, 1), c.status)
	}
	g.app.wantNoHits(t)
}

// SEC-UPG-04: an app that answers a handshake with something else than its one
// answer, or upgrades what did not ask, is cut off.
func TestWrongAnswersToUpgradesAreRefused(t *testing.T) {
	checkLeaks(t)
	g := start(t, setup{})
	cookie := g.signIn(t, alice())
	const sum = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" // answers socketKey, RFC 6455 1.3
	head := "HTTP/1.1 101 Switching Protocols\r\n"
	for _, answer := range []string{
		head + "Connection: Upgrade\r\nUpgrade: h2c\r\nSec-WebSocket-Accept: " + sum + "\r\n\r\n",
		head + "Connection: Upgrade\r\nUpgrade: webſocket\r\nSec-WebSocket-Accept: " + sum + "\r\n\r\n",
		head + "Connection: Upgrade\r\nUpgrade: websocket, h2c\r\nSec-WebSocket-Accept: " + sum + "\r\n\r\n",
		head + "Connection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c\r\nSec-WebSocket-Accept: " + sum + "\r\n\r\n",
		head + "Connection: Upgrade\r\nSec-WebSocket-Accept: " + sum + "\r\n\r\n",
		head + "Upgrade: websocket\r\nSec-WebSocket-Accept: " + sum + "\r\n\r\n",
		head + "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
		head + "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
		head + "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: " + sum + "\r\nSec-WebSocket-Accept: x\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret", "HTTP/1.1 204 No Content\r\n\r\n", "SSH-2.0-x\r\n", "",
		strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", 50), "HTTP/1.1 101 S\r\nX: " + strings.Repeat("x", 100_000) + "\r\n\r\n",
	} {
		g.app.says(answer, false)
		res, body := g.ask(t, handshake(cookie))
		if res.StatusCode != http.StatusBadGateway || strings.Contains(body, "secret") {
			t.Errorf("after %.200q the browser was answered %s %s, want 502", answer, res.Status, body)
		}
	}
	for _, raw := range []string{message("GET", "/", cookie), message("POST", "/", cookie, "Content-Length: 0")} {
		g.app.answers(func(c *appConn, req request) bool {
			accept(c, req)
			io.Copy(io.Discard, c.in) // until it is cut off
			return false
		})
		if res, _ := g.ask(t, raw); res.StatusCode != http.StatusBadGateway {
			t.Errorf("a plain request that the app upgraded was answered %s, want 502", res.Status)
		}
	}
	eventually(t, "the end of the app's connections", func() bool {
		g.app.mu.Lock()
		defer g.app.mu.Unlock()
		return len(g.app.conns) == 0
	})
}

// An app may say no to a handshake: its answer is passed on, cleaned, and whole
// or cut.
func TestAppsRefusalOfAHandshakePasses(t *testing.T) {
	g := start(t, setup{})
	cookie := g.signIn(t, alice())
	g.app.says("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\nX-Why: origin\r\nKeep-Alive: timeout=5\r\n"+
		"Connection: X-Hop\r\nX-Hop: 1\r\nSet-Cookie: __Host-sidegate=evil\r\nSet-Cookie: a=b\r\n\r\nnope", false)
	res, body := g.ask(t, handshake(cookie))
	if res.StatusCode != http.StatusForbidden || body != "nope" || res.Header.Get("X-Why") != "origin" {
		t.Errorf("the app's 403 came as %s %q %v", res.Status, body, res.Header)
	}
	for _, name := range []string{"Keep-Alive", "X-Hop"} {
		if res.Header.Get(name) != "" {
			t.Errorf("the app's %s came through", name)
		}
	}
	if got := fmt.Sprint(res.Header["Set-Cookie"]); got != "[a=b]" {
		t.Errorf("Set-Cookie = %s, want a=b alone", got)
	}

	g.app.says("HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", false)
	c := g.dial(t)
	c.send(t, handshake(cookie))
	res, err := http.ReadResponse(c.in, nil)
	if err == nil {
		_, err = io.ReadAll(res.Body)
	}
	if err == nil {
		t.Error("half an answer of the app's looks like a whole one")
	}
}

// SEC-UPG-05, SEC-UPG-06: CONNECT and TRACE are refused, the first with the
// connection, since its body would be read as requests.
func TestConnectAndTraceAreRefused(t *testing.T) {
	g := start(t, setup{paths: publicPaths()})
	cookie := g.signIn(t, alice())
	for _, raw := range []string{
		message("CONNECT", "evil.example:443"), message("CONNECT", "evil.example:443", cookie), message("CONNECT", "/public/x", cookie),
		message("TRACE", "/"), message("TRACE", "/", cookie), message("TRACE", "/public/x"),
	} {
		g.wantNoTunnel(t, raw, http.StatusMethodNotAllowed)
	}
	g.app.wantNoHits(t)
}

// SEC-UPG-08: of the app's 101 what concerns the connection between us stays here,
// and it cannot set our cookies.
func TestAcceptedHandshakeIsCleaned(t *testing.T) {
	g := start(t, setup{})
	g.app.answers(func(c *appConn, req request) bool {
		accept(c, req, "Keep-Alive: timeout=5", "Connection: X-Hop", "X-Hop: 1", "X-Kept: 1", "Set-Cookie: __Host-sidegate=evil", "Set-Cookie: a=b",
			"Proxy-Authenticate: Basic", "Sec-WebSocket-Protocol: streamlit", "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover")
		return false
	})
	res, _ := g.ask(t, handshake(g.signIn(t, alice())))
	want := http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Accept": {"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="}, "X-Kept": {"1"}, "Set-Cookie": {"a=b"},
		"Sec-Websocket-Protocol": {"streamlit"}, "Sec-Websocket-Extensions": {"permessage-deflate; server_no_context_takeover"},
	}
	if res.StatusCode != http.StatusSwitchingProtocols || fmt.Sprint(res.Header) != fmt.Sprint(want) {
		t.Errorf("the 101 came with %v, want %v", res.Header, want)
	}
}

// SEC-UPG-09: of an upgrade without a session not a byte reaches the app.
func TestUpgradeWithoutSessionEndsTheConnection(t *testing.T) {
	g := start(t, setup{paths: publicPaths()})
	g.wantNoTunnel(t, handshake(), http.StatusUnauthorized)
	g.wantNoTunnel(t, strings.Replace(handshake("Content-Length: 3"), "\r\n\r\n", "\r\n\r\nabc", 1), http.StatusUnauthorized)
	g.wantNoTunnel(t, strings.Replace(handshake(), "/_stcore/stream", "/public/x", 1), http.StatusUnauthorized)
	g.app.wantNoHits(t)
}

// The handshake that reaches the app is the browser's, less what is between it and
// us, and with nothing that net/http would add (SEC-WS-08).
func TestHandshakeReachesTheAppAsItWas(t *testing.T) {
	g := start(t, setup{})
	protocol := "streamlit, 2|a1b2|c3d4|1700000000, 9f1c-session"
	raw := handshake(g.signIn(t, alice())+"; a=b", "Connection: close", "Sec-WebSocket-Protocol: "+protocol, "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
		"Sec-WebSocket-Protocol: second", "X-Unknown: 1", "Keep-Alive: 5", "TE: gzip", "Proxy-Authorization: x", "Proxy-Connection: x", "Trailer: X-T", "Cache-Control: no-cache")
	g.ask(t, raw)
	got := map[string][]string{}
	for _, f := range g.app.only(t).fields {
		if !strings.HasPrefix(f.name, "X-User-") && !strings.HasPrefix(f.name, "X-Forwarded-") {
			got[f.name] = append(got[f.name], f.value)
		}
	}
	want := map[string][]string{
		"Host": {"app.example"}, "Origin": {"https://app.example"}, "Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"},
		"Sec-Websocket-Key": {socketKey}, "Sec-Websocket-Protocol": {protocol, "second"}, "Cookie": {"a=b"},
		"Sec-Websocket-Extensions": {"permessage-deflate; client_max_window_bits"}, "X-Unknown": {"1"}, "Cache-Control": {"no-cache"},
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the app received %v\nwant %v", got, want)
	}
	eventually(t, "the log line", func() bool { return strings.Contains(g.log.String(), `"status":101`) })
	if strings.Contains(g.log.String(), "9f1c") {
		t.Error("the subprotocols, which carry a session of the app's, are in the log")
	}
}
