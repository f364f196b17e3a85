package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"sidegate/config"
	"sidegate/identity"
	"sidegate/session"
)

// stoppable is a server that the test stops by itself.
func stoppable(t *testing.T, pairs ...string) (s *server, stop func(), ended <-chan error) {
	t.Helper()
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/public/slow" {
			time.Sleep(time.Second)
		}
		fmt.Fprint(w, "the app")
	}))
	t.Cleanup(app.Close)
	settings(t, append(append(runnable(), "UPSTREAM="+app.URL, "PUBLIC_PATHS=/public/"), pairs...)...)
	c, err := config.Load()
	if err != nil {
		t.Fatal(err)
	}
	if s, err = newServer(c, config.Load, streams{&output{}, &output{}}); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	t.Cleanup(stop)
	done := make(chan error, 1)
	go func() { done <- s.serve(ctx) }()
	return s, stop, done
}

func within(t *testing.T, ended <-chan error, bound time.Duration) {
	t.Helper()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("serve ended with %v", err)
		}
	case <-time.After(bound):
		t.Fatalf("the process is still there after %v", bound)
	}
}

// FLT-23: whoever has nothing open does not wait.
func TestAnIdleProcessEndsAtOnce(t *testing.T) {
	_, stop, ended := stoppable(t, "DRAIN=30s")
	stop()
	within(t, ended, 5*time.Second)
}

// Nor for a connection over which nothing was asked for long.
func TestAQuietConnectionIsNotWaitedFor(t *testing.T) {
	s, stop, ended := stoppable(t, "DRAIN=100s") // of which it would linger three
	conn, err := net.Dial("tcp", s.public.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	get(t, conn, bufio.NewReader(conn), "/public/")
	stop()
	within(t, ended, 5*time.Second)
}

func get(t *testing.T, conn net.Conn, in *bufio.Reader, path string) *http.Response {
	t.Helper()
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: localhost:8080\r\n\r\n", path)
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(res.Body); err != nil || string(body) != "the app" {
		t.Fatalf("%s, %q, %v", res.Status, body, err)
	}
	return res
}

// FLT-22: with traffic the door stays open for a moment, with the sign turned, and
// what is under way finishes.
func TestABusyProcessLingers(t *testing.T) {
	s, stop, ended := stoppable(t, "DRAIN=8s")
	conn, err := net.Dial("tcp", s.public.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	in := bufio.NewReader(conn)
	if res := get(t, conn, in, "/public/"); res.Close {
		t.Error("a connection is closed although nothing stops")
	}
	stop()
	for !s.draining.Load() {
		time.Sleep(time.Millisecond)
	}
	if res, err := http.Get("http://" + s.admin.Addr().String() + "/readyz"); err != nil || res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("/readyz while stopping: %v, %v", res, err)
	}
	slow := make(chan *http.Response)
	go func() {
		late, err := net.Dial("tcp", s.public.Addr().String())
		if err != nil {
			t.Error("the door is shut at once")
			close(slow)
			return
		}
		defer late.Close()
		slow <- get(t, late, bufio.NewReader(late), "/public/slow")
	}()
	if res := get(t, conn, in, "/public/"); !res.Close {
		t.Error("a stopping process invites further requests: no Connection: close")
	}
	if res := <-slow; res == nil || !res.Close {
		t.Error("a request under way did not finish")
	}
	within(t, ended, 9*time.Second)
	if _, err := net.Dial("tcp", s.public.Addr().String()); err == nil {
		t.Error("the door is still open")
	}
}

// What stays open is not waited for beyond DRAIN.
func TestDrainEndsInTime(t *testing.T) {
	s, stop, ended := stoppable(t, "DRAIN=400ms")
	s.live.Add(session.Session{ID: "a"}, func(session.Reason) {}) // never closes
	stop()
	start := time.Now()
	within(t, ended, 5*time.Second)
	if d := time.Since(start); d < 300*time.Millisecond {
		t.Errorf("it ended after %v, with something open and 400 ms to wait", d)
	}
}

// FLT-28: with few descriptors left new connections are turned away with an answer; the limit is of what is open, not of how many
// came.
func TestConnectionsOverTheLimitAreTurnedAway(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { l.Close() }()
	log, _ := newLogger(config.Log{}, streams{&output{}, &output{}})
	s := newShedding(l, log)
	dial := func() net.Conn {
		t.Helper()
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		c.SetDeadline(time.Now().Add(10 * time.Second))
		return c
	}
	accept := func() {
		t.Helper()
		dial() // the system takes it in
		c, err := s.Accept()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
	}
	accept()
	for name, share := range map[string]float64{"in the last quarter": 1.2, "in the last eighth": 1} {
		conn := dial()
		fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		s.limit = uintptr(share * float64(nextDescriptor(t)))
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.Accept() // turns conn away, and waits until the listener is closed
		}()
		answer, _ := io.ReadAll(conn)
		if got := string(answer); !strings.HasPrefix(got, "HTTP/1.1 503 ") || !strings.HasSuffix(got, "soon.\r\n") {
			t.Errorf("%s: answered %q, want 503", name, got)
		}
		l.Close()
		<-done
		if l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		s.Listener, s.limit = l, 1<<20
	}
	accept()
}

// nextDescriptor is the lowest number that is free.
func nextDescriptor(t *testing.T) uintptr {
	t.Helper()
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return f.Fd()
}

// FLT-23: browsers open connections ahead of need. One over which nothing was ever
// asked is not waited for, as net/http would for five seconds.
func TestAConnectionThatWasNeverUsedIsNotWaitedFor(t *testing.T) {
	s, stop, ended := stoppable(t, "DRAIN=30s")
	conn, err := net.Dial("tcp", s.public.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	time.Sleep(50 * time.Millisecond) // it is taken in
	stop()
	within(t, ended, 3*time.Second)
}

// A stopping process hears of revocations as long as it serves.
func TestAStoppingProcessStillHearsOfRevocations(t *testing.T) {
	s, stop, _ := stoppable(t, "DRAIN=20s")
	for !s.feedUp.Load() {
		time.Sleep(time.Millisecond)
	}
	made, err := s.sessions.Create(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil),
		session.SignIn{Identity: identity.Identity{Issuer: "i", Subject: "s"}})
	if err != nil {
		t.Fatal(err)
	}
	const connections = 20
	ended := make(chan session.Reason, connections)
	for range connections {
		s.live.Add(made, func(why session.Reason) { ended <- why })
	}
	stop()
	for !s.draining.Load() {
		time.Sleep(time.Millisecond)
	}
	// As another replica does it: nobody here is told but by the feed.
	if err := s.store.Each(t.Context(), "s:", func(key string, _ []byte) error { return s.store.Revoke(t.Context(), key) }); err != nil {
		t.Fatal(err)
	}
	// A few may have been closed for the restart by then.
	revoked := 0
	late := time.After(10 * time.Second)
	for range connections {
		select {
		case why := <-ended:
			if why == session.Ended() {
				revoked++
			}
		case <-late:
			t.Fatal("connections of a revoked session are still open")
		}
	}
	if revoked < connections/2 {
		t.Errorf("of %d connections %d were closed because the session ended", connections, revoked)
	}
}

// A connection that has just come may have its first request on the way: it is not
// closed with those that were never used.
func TestARequestOnItsWayIsNotCutOff(t *testing.T) {
	s, stop, ended := stoppable(t, "DRAIN=30s")
	conn, err := net.Dial("tcp", s.public.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	time.Sleep(50 * time.Millisecond) // it is taken in
	stop()
	for !s.draining.Load() {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(100 * time.Millisecond) // the listener is closed by now
	get(t, conn, bufio.NewReader(conn), "/public/")
	within(t, ended, 5*time.Second)
}
