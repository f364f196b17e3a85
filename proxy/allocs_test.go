package proxy_test

import (
	"io"
	"testing"
)

// A request that passes allocates so much and no more, net/http's server, which makes
// about twenty of them, and the record of the request included. Those that were made
// for every request once are the reason: a context and a copy of the request at each
// step, a copy of each header.
func TestAPassingRequestAllocatesLittle(t *testing.T) {
	g := start(t, setup{})
	answer := []byte("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok")
	g.app.answers(func(c *appConn, _ request) bool {
		for in := make([]byte, 4096); ; { // from here on without an allocation
			if _, err := c.Write(answer); err != nil {
				return false
			}
			if _, err := c.in.Read(in); err != nil {
				return false
			}
		}
	})
	c := g.dial(t)
	raw, in := []byte(message("GET", "/", g.signIn(t, alice()), "Accept: text/html", "User-Agent: test")), make([]byte, 4096)
	got := testing.AllocsPerRun(300, func() {
		if _, err := c.Write(raw); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAtLeast(c, in, 20); err != nil {
			t.Fatal(err)
		}
	})
	t.Logf("%.0f allocations", got)
	const most = 46 + raceAllocates
	if got > most {
		t.Errorf("a request that passes made %.0f allocations, want at most %d", got, most)
	}
}
