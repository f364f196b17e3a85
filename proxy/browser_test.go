package proxy_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// client is a browser's end, in bytes.
type client struct {
	*net.TCPConn
	in *bufio.Reader
}

func (g *rig) dial(t *testing.T) *client {
	t.Helper()
	c, err := net.Dial("tcp", g.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(2 * patience))
	return &client{c.(*net.TCPConn), bufio.NewReader(c)}
}

func (c *client) send(t *testing.T, s string) {
	t.Helper()
	if _, err := io.WriteString(c, s); err != nil {
		t.Fatal(err)
	}
}

// answer reads one whole answer to a request with the given method.
func (c *client) answer(t *testing.T, method string) (*http.Response, string) {
	t.Helper()
	res, err := http.ReadResponse(c.in, &http.Request{Method: method})
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	if res.StatusCode == http.StatusSwitchingProtocols {
		return res, ""
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("the answer broke off: %v", err)
	}
	return res, string(body)
}

// wantClosed checks that nothing more comes but the end.
func (c *client) wantClosed(t *testing.T) {
	t.Helper()
	rest, err := io.ReadAll(c.in)
	if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
		t.Error("the connection is still open")
	}
	if len(rest) > 0 {
		t.Errorf("after the answer came %q", rest)
	}
}

// ask sends one request on a connection of its own.
func (g *rig) ask(t *testing.T, raw string) (*http.Response, string) {
	t.Helper()
	c := g.dial(t)
	defer c.Close()
	c.send(t, raw)
	method, _, _ := strings.Cut(raw, " ")
	return c.answer(t, method)
}

// message writes a request without a body.
func message(method, target string, lines ...string) string {
	var kept []string
	for _, l := range append([]string{fmt.Sprintf("%s %s HTTP/1.1", method, target), "Host: app.example"}, lines...) {
		if l != "" {
			kept = append(kept, l)
		}
	}
	return strings.Join(kept, "\r\n") + "\r\n\r\n"
}

const socketKey = "dGhlIHNhbXBsZSBub25jZQ=="

// handshake writes a sound WebSocket handshake.
func handshake(lines ...string) string {
	return message("GET", "/_stcore/stream", append([]string{
		"Origin: https://app.example", "Connection: Upgrade", "Upgrade: websocket",
		"Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: " + socketKey,
	}, lines...)...)
}
