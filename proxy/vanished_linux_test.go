package proxy_test

import (
	"net"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// userTimeout returns TCP_USER_TIMEOUT (tcp(7)) of the socket of this process that
// leads from one port to another.
func userTimeout(t *testing.T, from, to net.Addr) time.Duration {
	t.Helper()
	const option = 0x12
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("no list of descriptors: ", err)
	}
	for _, e := range entries {
		fd, _ := strconv.Atoi(e.Name())
		local, _ := syscall.Getsockname(fd)
		peer, _ := syscall.Getpeername(fd)
		if port(local) != from.(*net.TCPAddr).Port || port(peer) != to.(*net.TCPAddr).Port {
			continue
		}
		ms, err := syscall.GetsockoptInt(fd, syscall.IPPROTO_TCP, option)
		if err != nil {
			t.Fatal(err)
		}
		return time.Duration(ms) * time.Millisecond
	}
	t.Fatalf("no socket from %v to %v", from, to)
	return 0
}

func port(a syscall.Sockaddr) int {
	switch a := a.(type) {
	case *syscall.SockaddrInet4:
		return a.Port
	case *syscall.SockaddrInet6:
		return a.Port
	}
	return 0
}

// SEC-WS-07, FLT-20: both ends of a tunnel notice within a minute a peer that
// vanished with bytes under way, when keep-alive does not ask.
func TestBothEndsOfATunnelNoticeAVanishedPeer(t *testing.T) {
	g := start(t, setup{})
	browser, app := g.socket(t, g.signIn(t, alice()))
	for name, got := range map[string]time.Duration{
		"browser": userTimeout(t, browser.RemoteAddr(), browser.LocalAddr()), "app": userTimeout(t, app.RemoteAddr(), app.LocalAddr()),
	} {
		if got <= 0 || got > time.Minute {
			t.Errorf("the bound towards the %s is %v, want up to a minute", name, got)
		}
	}
	browser.Close()
	app.Close()
}
