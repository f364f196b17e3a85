package proxy

import (
	"net"
	"testing"
	"time"

	"sidegate/session"
)

// SEC-ERR-06: a panic in a tunnel ends that tunnel, and not the process: no net/http
// is around it any more.
func TestAPanicInATunnelEndsThatTunnelAlone(t *testing.T) {
	browser, ours := net.Pipe()
	app, toApp := net.Pipe()
	defer browser.Close()
	defer app.Close()
	tun := newTunnel(nil, session.Session{Expires: time.Now().Add(time.Hour)}, &sleepers{})
	tun.leave = func() {}
	buffers := &bufferPool{}
	tun.client.begin(ours, nil, toApp, buffers)
	tun.app.begin(toApp, nil, ours, buffers)
	ended := make(chan string, 1)
	tun.start(func(why string) { ended <- why })
	tun.client.onData = func() { panic("in the middle of a frame") }
	go app.Read(make([]byte, 100))
	if _, err := browser.Write([]byte{0x82, 0x80, 0, 0, 0, 0}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Fatal("the tunnel lives on")
	}
}
