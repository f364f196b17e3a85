package proxy_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"sidegate/identity"
)

// socket opens a WebSocket and returns both its ends.
func (g *rig) socket(t *testing.T, cookie string, lines ...string) (browser *client, app *appConn) {
	t.Helper()
	ends := g.sockets(t)
	browser = g.dial(t)
	browser.send(t, handshake(append(lines, cookie)...))
	if res, body := browser.answer(t, "GET"); res.StatusCode != 101 {
		t.Fatalf("the handshake was answered %s %s", res.Status, body)
	}
	return browser, <-ends
}

// sockets has the app accept WebSockets and hand them to the test.
func (g *rig) sockets(t *testing.T) <-chan *appConn {
	ends, over := make(chan *appConn, 1000), make(chan struct{})
	t.Cleanup(func() { close(over) })
	g.app.answers(func(c *appConn, req request) bool {
		accept(c, req)
		c.SetDeadline(time.Now().Add(2 * patience))
		ends <- c
		<-over
		return false
	})
	return ends
}

// frame builds a WebSocket frame; the mask is part of it as from a browser.
func frame(head byte, payload []byte, masked bool) []byte {
	out := []byte{head, 0}
	switch n := len(payload); {
	case n < 126:
		out[1] = byte(n)
	case n < 1<<16:
		out = binary.BigEndian.AppendUint16([]byte{head, 126}, uint16(n))
	default:
		out = binary.BigEndian.AppendUint64([]byte{head, 127}, uint64(n))
	}
	if masked {
		out[1] |= 0x80
		out = append(out, 1, 2, 3, 4)
	}
	return append(out, payload...)
}

func wantBytes(t *testing.T, r io.Reader, want []byte, what string) {
	t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(r, got); !bytes.Equal(got, want) {
		t.Fatalf("%s: got %d bytes %.40x, %v; want %d bytes %.40x", what, n, got[:n], err, len(want), want)
	}
}

func wantEOF(t *testing.T, r io.Reader, what string) {
	t.Helper()
	if n, err := io.Copy(io.Discard, r); n != 0 || err != nil {
		t.Errorf("%s: got %d bytes and %v, want the end", what, n, err)
	}
}

// SEC-WS-06: bytes that come with the handshake, or with its answer, are neither
// lost nor changed.
func TestEarlyBytesArrive(t *testing.T) {
	checkLeaks(t)
	g := start(t, setup{})
	cookie := g.signIn(t, alice())
	for _, size := range []int{1, 100, 3000, 5000, 70_000} {
		fromBrowser := frame(0x82, bytes.Repeat([]byte{'b'}, size), true)
		fromApp := frame(0x82, bytes.Repeat([]byte{'a'}, size), false)
		received := make(chan []byte)
		g.app.answers(func(c *appConn, req request) bool {
			var answer bytes.Buffer
			accept(&answer, req)
			c.Write(append(answer.Bytes(), fromApp...))
			got := make([]byte, len(fromBrowser))
			io.ReadFull(c.in, got)
			received <- got
			return false
		})
		c := g.dial(t)
		go io.WriteString(c, handshake(cookie)+string(fromBrowser))
		c.answer(t, "GET")
		wantBytes(t, c.in, fromApp, "the app's first frame")
		if got := <-received; !bytes.Equal(got, fromBrowser) {
			t.Errorf("the browser's first frame of %d bytes came as %.40x", size, got)
		}
		c.Close()
	}
}

// SEC-WS-07: the end of one side reaches the other, which can still finish what it
// has to say.
func TestFINReachesTheOtherSide(t *testing.T) {
	checkLeaks(t)
	g := start(t, setup{})
	cookie := g.signIn(t, alice())
	last := frame(0x82, []byte("last words"), false)

	browser, app := g.socket(t, cookie)
	browser.CloseWrite()
	wantEOF(t, app.in, "the app, after the browser's FIN")
	app.Write(last)
	app.Close()
	wantBytes(t, browser.in, last, "the browser, after its FIN")
	wantEOF(t, browser.in, "the browser")

	browser, app = g.socket(t, cookie)
	app.Conn.(*net.TCPConn).CloseWrite()
	wantEOF(t, browser.in, "the browser, after the app's FIN")
	browser.Write(last)
	browser.Close()
	wantBytes(t, app.in, last, "the app, after its FIN")
	wantEOF(t, app.in, "the app")
	eventually(t, "the end of both tunnels", func() bool { return g.live.Len() == 0 })
}

// SEC-WS-07: a side that stays silent after the other's FIN is not waited for
// longer than half a minute.
func TestHalfOpenTunnelsEnd(t *testing.T) {
	t.Parallel()
	g := start(t, setup{})
	cookie := g.signIn(t, alice())
	browser1, app1 := g.socket(t, cookie)
	browser2, app2 := g.socket(t, cookie)
	browser1.CloseWrite()
	app2.Conn.(*net.TCPConn).CloseWrite()
	for _, end := range []io.Reader{app1.in, browser1.in, app2.in, browser2.in} {
		wantEOF(t, end, "an end of a half-open tunnel")
	}
	eventually(t, "the end of both tunnels", func() bool { return g.live.Len() == 0 })
}

// SEC-WS-07, FLT-19: a side that is killed takes the other along at once.
func TestKilledSideEndsTheTunnel(t *testing.T) {
	checkLeaks(t)
	g := start(t, setup{})
	cookie := g.signIn(t, alice())
	browser, app := g.socket(t, cookie)
	app.Conn.(*net.TCPConn).SetLinger(0)
	app.Close()
	wantEOF(t, browser.in, "the browser of an app that was killed")
	browser.Close()
	browser, app = g.socket(t, cookie)
	browser.SetLinger(0)
	browser.Close()
	wantEOF(t, app.in, "the app of a browser that was killed")
	app.Close()
	eventually(t, "the end of both tunnels", func() bool { return g.live.Len() == 0 })
}

// SEC-WS-11: a browser that does not read costs a buffer, and nobody else anything;
// what it reads later is all there.
func TestSlowReaderHoldsABoundedBuffer(t *testing.T) {
	checkLeaks(t)
	g := start(t, setup{})
	cookie := g.signIn(t, alice())
	slow, flood := g.socket(t, cookie)
	other, echo := g.socket(t, cookie)
	long := frame(0x82, bytes.Repeat([]byte{'x'}, 100_000), false)
	const frames = 500
	var sent sync.WaitGroup
	peak := peakHeap(func() {
		sent.Go(func() {
			for range frames {
				flood.Write(long)
			}
			flood.Close()
		})
		for range 100 {
			other.send(t, "\x82\x01x")
			wantBytes(t, echo.in, []byte("\x82\x01x"), "another tunnel's app")
			time.Sleep(2 * time.Millisecond)
		}
	})
	if bound := uint64(8 << 20); peak > bound {
		t.Errorf("an unread tunnel held %d kB, want at most %d", peak>>10, bound>>10)
	}
	want := int64(frames * len(long))
	if n, err := io.Copy(io.Discard, slow.in); n != want || err != nil {
		t.Errorf("the slow reader got %d bytes, %v; want %d", n, err, want)
	}
	sent.Wait()
	slow.Close()
	other.Close()
	echo.Close()
}

// One record tells of a tunnel when it is over: who it was, and how it ended.
func TestTunnelLeavesOneRecord(t *testing.T) {
	g := start(t, setup{})
	id := identity.Identity{Issuer: "i", Subject: "sub-1", Email: "bob@app.example", EmailVerified: true}
	browser, app := g.socket(t, g.signIn(t, id))
	browser.Close()
	app.Close()
	eventually(t, "the record", func() bool { return strings.Contains(g.log.String(), `"status":101`) })
	if got := g.log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, `"sub":"sub-1"`) || !strings.Contains(got, `"decision":"closed"`) {
		t.Errorf("the log is %s", got)
	}
}
