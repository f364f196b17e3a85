package proxy

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"sidegate/session"
)

// ends returns both ends of a connection over TCP.
func ends(t *testing.T) (here, there net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if here, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if there, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { here.Close(); there.Close() })
	return here, there
}

// SEC-WS-05: the end of a session roused whoever slept, and then nobody may fall
// asleep, or put off when the goroutine looks up.
func TestNobodyFallsAsleepOnceTheTunnelEnds(t *testing.T) {
	ours, _ := ends(t)
	tun := newTunnel(nil, session.Session{}, &sleepers{})
	p := &tun.client
	p.begin(ours, nil, ours, &bufferPool{})
	if !p.sleep(&tun.ending) || !tun.sleepers.take(p) {
		t.Fatal("a pipe does not sleep, or cannot be taken out")
	}
	tun.ending.Store(true)
	if p.sleep(&tun.ending) || len(tun.sleepers.asleep) > 0 || tun.sleepers.bedroom != nil {
		t.Error("a pipe sleeps that nobody will rouse")
	}
	p.lookUp(&tun.ending, time.Now().Add(5*time.Second))
	begin := time.Now()
	if _, err := p.from.read(1, false); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(begin) > 2*time.Second {
		t.Errorf("the goroutine looks up after %v, %v", time.Since(begin), err)
	}
}

// A browser has a while to take our Close frame, also when its tunnel has just woken.
func TestALastWordIsWaitedFor(t *testing.T) {
	ours, theirs := ends(t)
	var s source
	s.open(ours, nil, &bufferPool{})
	s.hasty = true
	over := make(chan struct{})
	go func() { defer close(over); s.discard() }()
	select {
	case <-over:
		t.Fatal("nobody waits")
	case <-time.After(50 * time.Millisecond):
	}
	io.WriteString(theirs, "its Close frame")
	theirs.Close()
	<-over
}

// SEC-WS-11: a browser that reads nothing holds up neither the end of its tunnel, which
// slept, nor the app's Close frame.
func TestATunnelThatSleptEndsThoughItsBrowserTakesNothing(t *testing.T) {
	ours, browser := ends(t)
	toApp, app := ends(t)
	for refused := 0; refused < 5; { // what is on its way makes room for a while
		ours.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
		if n, err := ours.Write(make([]byte, 16)); err == nil || n > 0 {
			refused = 0
			ours.Write(make([]byte, 64<<10))
			continue
		}
		refused++
	}
	ours.SetWriteDeadline(time.Time{})
	tun := newTunnel(nil, session.Session{Expires: time.Now().Add(time.Hour)}, &sleepers{})
	tun.leave = func() {}
	buffers := &bufferPool{}
	tun.client.begin(ours, nil, toApp, buffers)
	tun.app.begin(toApp, nil, ours, buffers)
	ended := make(chan string, 1)
	tun.start(func(why string) { ended <- why })
	go tun.end("session_ended", session.Ended())
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Error("the tunnel lives on")
	}
	heard, err := io.ReadAll(app)
	if want := string(closeFrame(session.Ended(), true)); string(heard) != want || err != nil {
		t.Errorf("the app heard %q, %v, want %q", heard, err, want)
	}
	browser.Close()
}

// Numbers begin anew when all were given once, after months: none is 0, which says that
// a pipe is awake. Such a one would never wake.
func TestEverySleeperHasANumber(t *testing.T) {
	ours, theirs := ends(t)
	tun := newTunnel(nil, session.Session{}, &sleepers{last: -1})
	p := &tun.client
	p.begin(ours, nil, ours, &bufferPool{})
	if !p.sleep(&tun.ending) || p.number == 0 || !tun.sleepers.take(p) {
		t.Error("a pipe sleeps that nobody can rouse")
	}
	theirs.Close()
}

// FLT-28: a pipe that was awake for a while is passed one message on by one goroutine all
// the same, and sleeps again: its old deadline does not wake it twice.
func TestAPipeThatWasAwakeSleepsAsLightly(t *testing.T) {
	ours, theirs := ends(t)
	tun := newTunnel(nil, session.Session{}, &sleepers{})
	p := &tun.client
	p.begin(ours, nil, ours, &bufferPool{})
	p.stayAwake(&tun.ending)
	if _, err := p.from.read(1, false); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
	if !p.rest(&tun.ending) || !tun.sleepers.take(p) {
		t.Fatal("it does not sleep")
	}
	io.WriteString(theirs, "m")
	p.woken = time.Now().Add(-time.Hour)
	p.wake(&tun.ending)
	for {
		b, err := p.from.read(1, false)
		if err == errNothingYet {
			continue // it is on its way
		}
		if string(b) != "m" || err != nil {
			t.Errorf("a message to a sleeper: read %q, %v", b, err)
		}
		return
	}
}
