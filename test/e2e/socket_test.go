package e2e

import (
	"net"
	"net/http"
	"net/url"
	"testing"
	"time"

	"sidegate/test/rig"
	"sidegate/test/stage"
)

// socket is the client's side of an open WebSocket.
type socket struct{ *rig.Socket }

// openSocket opens Streamlit's own WebSocket through sidegate, with a session.
func openSocket(t *testing.T, g *stage.Gate, cookie string) *socket {
	t.Helper()
	u, err := url.Parse(g.URL)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", loopbackOf(u))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(2 * rig.Patience))
	s, err := rig.OpenSocket(conn, "/_stcore/stream", http.Header{
		"Host": {u.Host}, "Origin": {g.URL}, "Cookie": {"sidegate=" + cookie},
		"Sec-Websocket-Protocol": {"streamlit, PLACEHOLDER_AUTH_TOKEN"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Answer.Header.Get("Sec-WebSocket-Protocol"); got != "streamlit" {
		t.Errorf("subprotocol = %q, want the app's choice, streamlit", got)
	}
	return &socket{s}
}

// loopbackOf is where a URL on localhost listens.
func loopbackOf(u *url.URL) string { return net.JoinHostPort("127.0.0.1", u.Port()) }

// closed reads to the Close frame and returns what it says.
func (s *socket) closed(t *testing.T) (code int, reason string) {
	t.Helper()
	for {
		opcode, payload, err := s.Frame()
		if err != nil {
			t.Fatalf("the WebSocket broke off without a Close frame: %v", err)
		}
		if opcode == rig.OpClose {
			return rig.CloseCode(payload)
		}
	}
}
