package proxy_test

import (
	"io"
	"runtime"
	"sync"
	"testing"
	"time"
)

const (
	ping = "\x82\x81\x01\x02\x03\x04x" // from the browser
	pong = "\x82\x01x"                 // from the app
)

// FLT-28: a WebSocket on which nothing happens has no goroutine, neither before nor
// after it carried something, and wakes for whatever comes from either side.
func TestSleepingTunnelsHaveNoGoroutines(t *testing.T) {
	checkLeaks(t)
	g := start(t, setup{})
	cookie := g.signIn(t, alice())
	const n, few = 100, 20
	before := runtime.NumGoroutine()
	browsers, apps := make([]*client, n), make([]*appConn, n)
	for i := range n {
		browsers[i], apps[i] = g.socket(t, cookie)
	}
	wantRest := func(when string) {
		t.Helper()
		eventually(t, "rest "+when, func() bool { return runtime.NumGoroutine()-before-n < few }) // n are the app's
	}
	wantRest("at first")
	for _, times := range []int{1, 3} { // one alone, and several in a moment
		for i := range n {
			for range times {
				browsers[i].send(t, ping)
				wantBytes(t, apps[i].in, []byte(ping), "the app, what woke the tunnel")
				io.WriteString(apps[i], pong)
				wantBytes(t, browsers[i].in, []byte(pong), "the browser, what woke the tunnel")
			}
		}
		wantRest("after they carried something")
	}
	for i := range n { // both ends wake a tunnel by going
		if i%2 == 0 {
			browsers[i].Close()
			wantEOF(t, apps[i].in, "the app")
			apps[i].Close()
			continue
		}
		apps[i].Close()
		wantEOF(t, browsers[i].in, "the browser")
		browsers[i].Close()
	}
	eventually(t, "the end of all tunnels", func() bool { return g.live.Len() == 0 })
}

// SEC-WS-05: no tunnel misses the end of its session because it falls asleep, or
// wakes, in the same moment.
func TestSessionsEndWhileTunnelsFallAsleep(t *testing.T) {
	checkLeaks(t)
	g := start(t, setup{})
	for round := range 25 {
		cookie := g.signIn(t, alice())
		const n = 8
		var all sync.WaitGroup
		for range n {
			browser, app := g.socket(t, cookie)
			all.Go(func() {
				defer app.Close()
				defer browser.Close()
				io.WriteString(app, pong)
				if h := listen(browser.in); h.code != 1008 {
					t.Errorf("round %d: the browser heard %d, %v", round, h.code, h.err)
				}
			})
			all.Go(func() { io.WriteString(browser, ping) })
		}
		if round%2 == 0 {
			time.Sleep(time.Duration(round) * 40 * time.Microsecond)
		}
		g.endSession(t, cookie)
		all.Wait()
	}
}
