package proxy_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"sidegate/identity"
	"sidegate/proxy"
)

// heard is what one end read until the connection was over.
type heard struct {
	frames [][]byte // payloads of whole data frames
	code   int      // of the Close frame; 0: none came
	text   string
	masked bool  // the Close frame was
	err    error // what stood at the end; nil: FIN between two frames
}

// listen reads frames to the end. What follows a Close frame is an error.
func listen(in *bufio.Reader) (h heard) {
	for {
		head, err := in.Peek(2)
		if err == io.EOF && len(head) == 0 {
			return h
		}
		if h.code != 0 && err == nil {
			err = errors.New("something follows the Close frame")
		}
		if err != nil {
			h.err = err
			return h
		}
		first, masked := head[0], head[1]&0x80 != 0
		payload, err := readPayload(in)
		switch {
		case err != nil:
			h.err = err
			return h
		case first == 0x88:
			h.code, h.text, h.masked = int(binary.BigEndian.Uint16(payload)), string(payload[2:]), masked
		default:
			h.frames = append(h.frames, payload)
		}
	}
}

// readPayload reads a frame and returns its payload as it is on the wire.
func readPayload(in *bufio.Reader) ([]byte, error) {
	head := make([]byte, 2)
	in.Read(head)
	n := uint64(head[1] & 0x7f)
	switch n {
	case 126:
		b := make([]byte, 2)
		io.ReadFull(in, b)
		n = uint64(binary.BigEndian.Uint16(b))
	case 127:
		b := make([]byte, 8)
		io.ReadFull(in, b)
		n = binary.BigEndian.Uint64(b)
	}
	if head[1]&0x80 != 0 {
		mask := make([]byte, 4)
		io.ReadFull(in, mask)
		if !bytes.Equal(mask, []byte{0, 0, 0, 0}) && !bytes.Equal(mask, []byte{1, 2, 3, 4}) {
			return nil, errors.New("out of step")
		}
	}
	payload := make([]byte, n)
	_, err := io.ReadFull(in, payload)
	return payload, err
}

func (h heard) wantClose(t *testing.T, what string, code int, text string) {
	t.Helper()
	if h.err != nil || h.code != code || h.text != text {
		t.Errorf("%s: heard Close %d %q and %v at the end; want %d %q and FIN", what, h.code, h.text, h.err, code, text)
	}
}

// SEC-WS-05, SEC-WS-10: when the session ends, both ends get a Close frame between
// two whole frames, whatever is under way, and then the end.
func TestSessionsEndClosesTheTunnelAtAFrameBoundary(t *testing.T) {
	checkLeaks(t)
	g := start(t, setup{})
	for _, size := range []int{0, 1, 125, 126, 2048, 5000, 32_768, 65_536, 70_000} {
		cookie := g.signIn(t, alice())
		browser, app := g.socket(t, cookie)
		browser.SetReadBuffer(64 << 10) // else megabytes stand before the Close frame
		app.Conn.(*net.TCPConn).SetReadBuffer(64 << 10)
		payload := bytes.Repeat([]byte{'p'}, size)
		stop := make(chan struct{})
		var flood sync.WaitGroup
		for _, end := range []struct {
			w      io.Writer
			masked bool
		}{{browser, true}, {app, false}} {
			flood.Go(func() {
				for f := frame(0x82, payload, end.masked); ; {
					select {
					case <-stop:
						return
					default:
					}
					if _, err := end.w.Write(f); err != nil {
						return
					}
				}
			})
		}
		var fromApp, fromBrowser heard
		flood.Go(func() { fromBrowser = listen(app.in) })
		flood.Go(func() { fromApp = listen(browser.in) })
		time.Sleep(5 * time.Millisecond)
		g.endSession(t, cookie)
		eventually(t, "the end of the tunnel", func() bool { return g.live.Len() == 0 })
		close(stop)
		browser.CloseRead()
		flood.Wait()
		fromApp.wantClose(t, fmt.Sprint("the browser, size ", size), 1008, "session ended")
		if fromBrowser.code != 1008 || !fromBrowser.masked || fromApp.masked {
			t.Errorf("size %d: the app heard %d masked %v (%v), the browser's was masked %v", size, fromBrowser.code, fromBrowser.masked, fromBrowser.err, fromApp.masked)
		}
		for _, h := range []heard{fromApp, fromBrowser} {
			for _, got := range h.frames {
				if !bytes.Equal(got, payload) {
					t.Fatalf("size %d: a frame came as %d bytes", size, len(got))
				}
			}
		}
		browser.Close()
		app.Close()
	}
}

// SEC-WS-10: a frame under way may finish; one that does not costs its own
// direction the Close frame, and not the other.
func TestSessionsEndInTheMiddleOfAFrame(t *testing.T) {
	checkLeaks(t)
	g := start(t, setup{})
	long := bytes.Repeat([]byte{'p'}, 70_000)
	for _, c := range []struct {
		name               string
		fromBrowser        bool
		cut                int // bytes of the frame sent before the end
		finishes           bool
		browserHas, appHas int // close codes
	}{
		{"browser finishes", true, 30_000, true, 1008, 1008},
		{"browser finishes a head", true, 1, true, 1008, 1008},
		{"browser does not finish", true, 30_000, false, 1008, 0},
		{"browser does not finish a head", true, 3, false, 1008, 0},
		{"app finishes", false, 30_000, true, 1008, 1008},
		{"app finishes a head", false, 9, true, 1008, 1008},
		{"app does not finish", false, 30_000, false, 0, 1008},
	} {
		cookie := g.signIn(t, alice())
		browser, app := g.socket(t, cookie)
		var from, to io.ReadWriter = app, browser
		whole := frame(0x82, long, c.fromBrowser)
		if c.fromBrowser {
			from, to = browser, app
		}
		from.Write(whole[:c.cut])
		if c.cut > 9 {
			wantBytes(t, to, whole[:c.cut], c.name)
		} else {
			time.Sleep(10 * time.Millisecond)
		}
		g.endSession(t, cookie)
		time.Sleep(10 * time.Millisecond)
		if c.finishes {
			from.Write(whole[c.cut:])
			if c.cut <= 9 {
				wantBytes(t, to, whole, c.name)
			} else {
				wantBytes(t, to, whole[c.cut:], c.name)
			}
		}
		var onApp heard
		done := make(chan struct{})
		go func() { defer close(done); onApp = listen(app.in) }()
		onBrowser := listen(browser.in)
		<-done
		if onBrowser.code != c.browserHas || onApp.code != c.appHas {
			t.Errorf("%s: the browser heard %d (%v), the app %d (%v); want %d and %d", c.name, onBrowser.code, onBrowser.err, onApp.code, onApp.err, c.browserHas, c.appHas)
		}
		browser.Close()
		app.Close()
	}
}

// SEC-WS-11: a browser that reads nothing cannot hold its tunnel open.
func TestSessionsEndWithABrowserThatDoesNotRead(t *testing.T) {
	checkLeaks(t)
	g := start(t, setup{})
	cookie := g.signIn(t, alice())
	browser, app := g.socket(t, cookie)
	go io.Copy(app, zeros(1<<30))
	time.Sleep(50 * time.Millisecond) // the way to the browser is full
	g.endSession(t, cookie)
	eventually(t, "the end of the tunnel", func() bool { return g.live.Len() == 0 })
	browser.Close()
	app.Close()
}

// SEC-WS-05: each way for a session to end ends its tunnels, and no others.
func TestEveryEndOfASessionEndsItsTunnels(t *testing.T) {
	g := start(t, setup{})
	bob := identity.Identity{Issuer: "i", Subject: "b", Email: "bob@app.example", EmailVerified: true}
	for name, c := range map[string]struct {
		end  func(cookie string)
		code int
		text string
	}{
		"sign-out":   {func(cookie string) { g.endSession(t, cookie) }, 1008, "session ended"},
		"allow-list": {func(string) { g.live.CloseWho(func(id identity.Identity) bool { return id.Subject == "1001" }) }, 1008, "session ended"},
	} {
		cookie := g.signIn(t, alice())
		first, _ := g.socket(t, cookie)
		second, _ := g.socket(t, cookie)
		others, app := g.socket(t, g.signIn(t, bob))
		c.end(cookie)
		listen(first.in).wantClose(t, name+", first tab", c.code, c.text)
		listen(second.in).wantClose(t, name+", second tab", c.code, c.text)
		others.send(t, "\x82\x01x")
		wantBytes(t, app.in, []byte("\x82\x01x"), name+", somebody else's app")
		others.Close()
	}
	browser, _ := g.socket(t, g.signIn(t, alice()))
	go g.live.Drain(t.Context(), 10*time.Millisecond)
	listen(browser.in).wantClose(t, "shutdown", 1012, "service restart")
}

// A session, or a right, that ends between the gate's look and the registration of
// the tunnel is seen: nothing reaches the app, or the tunnel ends at once.
func TestSessionThatEndsWhileItsTunnelOpens(t *testing.T) {
	h := &hooks{}
	g := start(t, setup{finder: func(_ *rig, f proxy.Finder) proxy.Finder { h.Finder = f; return h }})
	cookie := g.signIn(t, alice())
	for name, end := range map[string]func(){
		"session": func() { g.endSession(t, cookie) },
		"right": func() {
			g.admit(t, "bob@app.example")
			g.live.CloseWho(func(id identity.Identity) bool { return !g.policy.Decide(id).Allowed })
		},
	} {
		g.admit(t, "alice@app.example")
		cookie = g.signIn(t, alice())
		ended := sync.OnceFunc(end)
		h.refresh = func() error { ended(); return nil }
		if res, _ := g.ask(t, handshake(cookie)); res.StatusCode != 401 {
			t.Errorf("%s: the handshake was answered %s, want 401", name, res.Status)
		}
		g.app.wantNoHits(t)
	}
	h.refresh = nil
	g.admit(t, "alice@app.example")
	cookie = g.signIn(t, alice())
	g.app.answers(func(c *appConn, req request) bool {
		g.endSession(t, cookie)
		accept(c, req)
		io.Copy(io.Discard, c.in)
		return false
	})
	c := g.dial(t)
	c.send(t, handshake(cookie))
	c.answer(t, "GET")
	listen(c.in).wantClose(t, "ended during the handshake", 1008, "session ended")
}
