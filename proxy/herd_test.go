package proxy_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// percentile returns the pth percentile of d.
func percentile(d []time.Duration, p int) time.Duration {
	slices.Sort(d)
	return d[min(len(d)-1, len(d)*p/100)]
}

// FLT-29: when everybody's browser comes back in one moment, everybody gets in, and
// soon.
func TestAThousandSocketsReconnectAtOnce(t *testing.T) {
	checkLeaks(t)
	g := start(t, setup{})
	const sockets, people = 1000, 100
	var cookies []string
	for range people {
		cookies = append(cookies, g.signIn(t, alice()))
	}
	g.sockets(t)
	took, gun := make([]time.Duration, sockets), make(chan struct{})
	var all sync.WaitGroup
	for i := range sockets {
		all.Go(func() {
			<-gun
			begin := time.Now()
			c := g.dial(t)
			c.send(t, handshake(cookies[i%people]))
			if res, _ := c.answer(t, "GET"); res.StatusCode != http.StatusSwitchingProtocols {
				t.Errorf("a handshake was answered %s", res.Status)
			}
			took[i] = time.Since(begin)
		})
	}
	close(gun)
	all.Wait()
	if n := g.live.Len(); n != sockets {
		t.Errorf("%d sockets are open, want %d", n, sockets)
	}
	p99 := percentile(took, 99)
	t.Logf("of %d sockets at once half were open after %v, 99 of 100 after %v", sockets, percentile(took, 50), p99)
	if p99 > busy*2*time.Second {
		t.Errorf("99 of 100 sockets were open after %v, want 2 s", p99)
	}
}

// FLT-19: when the app dies, everybody hears of it at once, however it died.
func TestTheAppsDeathIsHeardAtOnce(t *testing.T) {
	checkLeaks(t)
	g := start(t, setup{})
	const sockets = 200
	cookie := g.signIn(t, alice())
	var browsers []*client
	var apps []*appConn
	for range sockets {
		browser, app := g.socket(t, cookie)
		browsers, apps = append(browsers, browser), append(apps, app)
	}
	took := make([]time.Duration, sockets)
	var all sync.WaitGroup
	begin := time.Now()
	for i, c := range browsers {
		all.Go(func() {
			wantEOF(t, c.in, "a browser, after the app's death")
			took[i] = time.Since(begin)
			c.Close()
		})
	}
	for i, c := range apps {
		if i%2 == 0 { // as the kernel does where something was not read
			c.Conn.(*net.TCPConn).SetLinger(0)
		}
		c.Close()
	}
	all.Wait()
	last := slices.Max(took)
	t.Logf("the last of %d browsers heard of it after %v", sockets, last)
	if last > busy*time.Second {
		t.Errorf("the last of %d browsers heard of it after %v, want 1 s", sockets, last)
	}
	eventually(t, "the end of all tunnels", func() bool { return g.live.Len() == 0 })
}

// mortal is an app that can be stopped and started again at the same address.
type mortal struct {
	addr  string
	posts atomic.Int32
	http  *http.Server
}

func (m *mortal) start(t *testing.T) {
	t.Helper()
	l, err := net.Listen("tcp", m.addr)
	if err != nil {
		t.Fatal(err)
	}
	m.addr = l.Addr().String()
	m.http = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			m.posts.Add(1)
		}
		time.Sleep(time.Millisecond)
		io.WriteString(w, "ok")
	})}
	go m.http.Serve(l)
}

// FLT-17: an app that is restarted in good order costs nobody a page: what had
// begun is finished, what had not is tried again, and while nobody listens the
// answer is 503. A form reaches it once at most.
func TestRestartsOfTheAppAreNoFailures(t *testing.T) {
	checkLeaks(t)
	m := &mortal{addr: "127.0.0.1:0"}
	m.start(t)
	g := start(t, setup{upstream: "http://" + m.addr})
	cookie := g.signIn(t, alice())
	const browsers = 6
	var stop atomic.Bool
	var answers [600]atomic.Int32
	var asked atomic.Int32
	var served [browsers]atomic.Int32
	var all sync.WaitGroup
	for i := range browsers {
		method := []string{"GET", "GET", "POST"}[i%3]
		c := g.dial(t)
		all.Go(func() {
			for !stop.Load() {
				if method == "POST" {
					asked.Add(1)
				}
				c.SetDeadline(time.Now().Add(patience))
				c.send(t, message(method, "/", cookie, map[string]string{"POST": "Content-Length: 0"}[method]))
				res, body := c.answer(t, method)
				if res.StatusCode == http.StatusOK {
					served[i].Add(1)
					if body != "ok" {
						t.Errorf("the answer is %q", body)
					}
				}
				if method == "GET" {
					answers[res.StatusCode].Add(1)
				}
			}
			c.Close()
		})
	}
	for range 50 {
		// Everybody has seen this app alive, and no request meets two restarts.
		for i := range served {
			before := served[i].Load()
			eventually(t, "an answer to each browser", func() bool { return served[i].Load() > before+1 })
		}
		if err := m.http.Shutdown(context.Background()); err != nil {
			t.Fatal(err)
		}
		m.start(t)
	}
	stop.Store(true)
	all.Wait()
	m.http.Close()
	var got string
	for status := range answers {
		if n := answers[status].Load(); n > 0 {
			got += fmt.Sprintf(" %d × %d", n, status)
			if status != http.StatusOK && status != http.StatusServiceUnavailable {
				t.Errorf("%d pages were answered %d", n, status)
			}
		}
	}
	t.Log("over 50 restarts pages were answered", got)
	if answers[http.StatusOK].Load() < 100 {
		t.Error("hardly a page was answered")
	}
	if n := m.posts.Load(); n > asked.Load() {
		t.Errorf("%d forms reached the app, of %d that were sent", n, asked.Load())
	}
}
