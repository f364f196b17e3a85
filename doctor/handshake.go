package doctor

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // RFC 6455 4.2.2 says so; nothing secret rests on it
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// dialURL connects to http://host[:port], https://host[:port] or unix:/path.
func dialURL(ctx context.Context, u *url.URL) (net.Conn, error) {
	dialer := &net.Dialer{Timeout: 3 * time.Second}
	if u.Scheme == "unix" {
		return dialer.DialContext(ctx, "unix", u.Path)
	}
	port := u.Port()
	if port == "" {
		port = map[bool]string{true: "443", false: "80"}[u.Scheme == "https"]
	}
	addr := net.JoinHostPort(u.Hostname(), port)
	if u.Scheme == "https" {
		return (&tls.Dialer{NetDialer: dialer, Config: &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}}).DialContext(ctx, "tcp", addr)
	}
	return dialer.DialContext(ctx, "tcp", addr)
}

// handshake is a WebSocket's (RFC 6455 4.1).
type handshake struct {
	Path, Host, Origin string
	Protocols          []string
	Cookie             string
	More               http.Header
}

// answer is what a server said to one.
type answer struct {
	status int
	header http.Header
	fault  string // in a 101 that is none
	body   []byte // of any other answer, its beginning
}

// shake makes a handshake over conn, which the caller closes. The bytes are written by
// hand: a library would add what we want to see missing.
func shake(ctx context.Context, conn net.Conn, h handshake) (answer, error) {
	if at, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(at)
	}
	nonce := make([]byte, 16)
	_, _ = rand.Read(nonce)
	key := base64.StdEncoding.EncodeToString(nonce)
	head := http.Header{
		"Origin": {h.Origin}, "Connection": {"Upgrade"}, "Upgrade": {"websocket"},
		"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {key},
	}
	if len(h.Protocols) > 0 {
		head.Set("Sec-Websocket-Protocol", spelled(h.Protocols))
	}
	if h.Cookie != "" {
		head.Set("Cookie", h.Cookie)
	}
	for name, values := range h.More {
		head[name] = values
	}
	out := bufio.NewWriter(conn)
	fmt.Fprintf(out, "GET %s HTTP/1.1\r\nHost: %s\r\n", h.Path, h.Host)
	_ = head.Write(out)
	fmt.Fprint(out, "\r\n")
	if err := out.Flush(); err != nil {
		return answer{}, err
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: http.MethodGet})
	if err != nil {
		return answer{}, err
	}
	a := answer{status: res.StatusCode, header: res.Header}
	if res.StatusCode == http.StatusSwitchingProtocols {
		a.fault = wrongSwitch(res.Header, key, h.Protocols)
		return a, nil
	}
	a.body, _ = io.ReadAll(io.LimitReader(res.Body, 64<<10)) // half of it says enough
	return a, nil
}

// acceptOf is what a server answers to a key (RFC 6455 4.2.2).
func acceptOf(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // as above
	return base64.StdEncoding.EncodeToString(sum[:])
}

// wrongSwitch says what a client must not accept in a 101 (RFC 6455 4.1).
func wrongSwitch(h http.Header, key string, offered []string) string {
	chosen := h.Get("Sec-Websocket-Protocol")
	switch {
	case h.Get("Sec-Websocket-Accept") != acceptOf(key):
		return "its Sec-WebSocket-Accept is not the one of this handshake"
	case !strings.EqualFold(h.Get("Upgrade"), "websocket"):
		return "it switches to no WebSocket"
	case chosen != "" && !slices.Contains(offered, chosen):
		return "it chose a subprotocol that was not offered"
	}
	return ""
}
