package e2e

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"net/url"
	"testing"
	"time"
)

// socket is the client's side of an open WebSocket (RFC 6455), bytes only.
type socket struct {
	conn net.Conn
	in   *bufio.Reader
}

// openSocket opens Streamlit's own WebSocket through sidegate, with a session.
func openSocket(t *testing.T, g *gate, cookie string) *socket {
	t.Helper()
	u, err := url.Parse(g.url)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", loopbackOf(u))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(2 * patience))
	head := "GET /_stcore/stream HTTP/1.1\r\nHost: " + u.Host + "\r\nOrigin: " + g.url +
		"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13" +
		"\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: streamlit, PLACEHOLDER_AUTH_TOKEN" +
		"\r\nCookie: sidegate=" + cookie + "\r\n\r\n"
	if _, err := io.WriteString(conn, head); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("the WebSocket was answered %s", resp.Status)
	}
	if got := resp.Header.Get("Sec-WebSocket-Protocol"); got != "streamlit" {
		t.Errorf("subprotocol = %q, want the app's choice, streamlit", got)
	}
	return &socket{conn, in}
}

// loopbackOf is where a URL on localhost listens.
func loopbackOf(u *url.URL) string { return net.JoinHostPort("127.0.0.1", u.Port()) }

// closed reads to the Close frame and returns what it says.
func (s *socket) closed(t *testing.T) (code int, reason string) {
	t.Helper()
	for {
		opcode, payload := s.frame(t)
		if opcode != 8 {
			continue
		}
		if len(payload) < 2 {
			return 0, ""
		}
		return int(binary.BigEndian.Uint16(payload)), string(payload[2:])
	}
}

func (s *socket) frame(t *testing.T) (opcode byte, payload []byte) {
	t.Helper()
	head := s.bytes(t, 2)
	length := uint64(head[1] & 0x7f)
	switch length {
	case 126:
		length = uint64(binary.BigEndian.Uint16(s.bytes(t, 2)))
	case 127:
		length = binary.BigEndian.Uint64(s.bytes(t, 8))
	}
	return head[0] & 0xf, s.bytes(t, length)
}

func (s *socket) bytes(t *testing.T, n uint64) []byte {
	t.Helper()
	b := make([]byte, n)
	if _, err := io.ReadFull(s.in, b); err != nil {
		t.Fatalf("the WebSocket broke off without a Close frame: %v", err)
	}
	return b
}
