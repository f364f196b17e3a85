package demo

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
)

// dialLive opens the dashboard's WebSocket. ended returns when its handler has.
func dialLive(t *testing.T) (conn *websocket.Conn, ended func()) {
	t.Helper()
	var handlers sync.WaitGroup
	app := NewDashboard()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handlers.Add(1)
		defer handlers.Done()
		app.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	conn, _, err := websocket.Dial(t.Context(), server.URL+"/live", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.CloseNow() })
	return conn, handlers.Wait
}

func receive(t *testing.T, conn *websocket.Conn) message {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var m message
	if err := wsjson.Read(ctx, conn, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestLiveSendsTheLastMinuteThenTicks(t *testing.T) {
	conn, _ := dialLive(t)
	history := receive(t, conn).Samples
	if got, want := len(history), historySize; got != want {
		t.Fatalf("got %d samples at first, want %d", got, want)
	}
	before := history[len(history)-1].At
	for range 2 {
		tick := receive(t, conn).Samples
		if len(tick) != 1 || tick[0].At <= before {
			t.Fatalf("got %v after %d, want one later sample", tick, before)
		}
		before = tick[0].At
	}
}

func TestLiveEchoesTextAndRefusesTheRest(t *testing.T) {
	conn, ended := dialLive(t)
	if err := conn.Write(t.Context(), websocket.MessageText, []byte("hello ✓")); err != nil {
		t.Fatal(err)
	}
	m := receive(t, conn)
	for m.Echo == "" {
		m = receive(t, conn)
	}
	if got, want := m.Echo, "hello ✓"; got != want {
		t.Errorf("got echo %q, want %q", got, want)
	}
	if err := conn.Write(t.Context(), websocket.MessageBinary, []byte{0}); err != nil {
		t.Fatal(err)
	}
	if got, want := closeStatus(t, conn), websocket.StatusUnsupportedData; got != want {
		t.Errorf("after a binary message: got %v, want %v", got, want)
	}
	ended()
}

func TestLiveRefusesALongMessage(t *testing.T) {
	conn, ended := dialLive(t)
	conn.Write(t.Context(), websocket.MessageText, []byte(strings.Repeat("x", maxMessage+1)))
	if got, want := closeStatus(t, conn), websocket.StatusMessageTooBig; got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	ended()
}

// closeStatus reads until the server closes the connection.
func closeStatus(t *testing.T, conn *websocket.Conn) websocket.StatusCode {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for {
		if _, _, err := conn.Read(ctx); err != nil {
			return websocket.CloseStatus(err)
		}
	}
}

func TestLiveEndsWithTheBrowser(t *testing.T) {
	for name, leave := range map[string]func(*websocket.Conn){
		"closed":   func(c *websocket.Conn) { c.Close(websocket.StatusPolicyViolation, "session ended") },
		"vanished": func(c *websocket.Conn) { c.CloseNow() },
	} {
		t.Run(name, func(t *testing.T) {
			conn, ended := dialLive(t)
			receive(t, conn)
			leave(conn)
			ended() // hangs if the handler, or its echo, is left behind
		})
	}
}

func TestLiveRefusesAnotherOrigin(t *testing.T) {
	server := httptest.NewServer(NewDashboard())
	t.Cleanup(server.Close)
	for origin, want := range map[string]int{"https://evil.example": 403, server.URL: 101} {
		conn, res, err := websocket.Dial(t.Context(), server.URL+"/live", &websocket.DialOptions{
			HTTPHeader: http.Header{"Origin": {origin}},
		})
		if res == nil {
			t.Fatal(err)
		}
		if res.StatusCode != want {
			t.Errorf("origin %s: got %d, want %d", origin, res.StatusCode, want)
		}
		if conn != nil {
			conn.CloseNow()
		}
	}
}

func TestSamplesStayOnTheChart(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 5000 {
		if v := sampleAt(start.Add(time.Duration(i) * sampleEvery)).Value; v < 0 || v > 100 {
			t.Fatalf("sample %d: got %v, want 0 to 100", i, v)
		}
	}
}
