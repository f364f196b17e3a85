package proxy

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sidegate/upstream"
)

// slowApp is an Upstream whose connections are made when the test says so.
type slowApp struct {
	*Upstream
	begun   chan context.Context // a dial that had its turn
	end     chan struct{}        // lets one of them end
	dialing atomic.Int32
	most    atomic.Int32
}

var errSlow = errors.New("slow")

func newSlowApp() *slowApp {
	u := &slowApp{
		Upstream: NewUpstream(&url.URL{Scheme: "http", Host: "127.0.0.1:1"}),
		begun:    make(chan context.Context, 10*maxDials), end: make(chan struct{}),
	}
	u.dialer = func(ctx context.Context, _, _ string) (net.Conn, error) {
		n := u.dialing.Add(1)
		defer u.dialing.Add(-1)
		u.most.Store(max(u.most.Load(), n))
		u.begun <- ctx
		<-u.end
		return nil, errSlow
	}
	return u
}

// ways are how connections to the app come about: for a tunnel, and for a request.
func (u *slowApp) ways() []func(context.Context) error {
	return []func(context.Context) error{
		func(ctx context.Context) error { _, err := u.dial(ctx); return err },
		func(ctx context.Context) error {
			_, err := u.ask.RoundTrip(ctx, &upstream.Request{Method: http.MethodGet, Target: "/", Host: "127.0.0.1:1"})
			return err
		},
	}
}

// FLT-29: however many come at once, only so many connections to the app are made
// at the same time, for tunnels and for requests together; the others have their
// turn in the order they came.
func TestDialsWaitInLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newSlowApp()
		ways := u.ways()
		type who struct{}
		const waiting = 50
		for i := range maxDials + waiting {
			go ways[i%2](context.WithValue(t.Context(), who{}, i))
			synctest.Wait()
		}
		if n := u.dialing.Load(); n != maxDials {
			t.Errorf("%d connections are made at the same time, want %d", n, maxDials)
		}
		for range maxDials {
			<-u.begun
		}
		for i := range waiting {
			u.end <- struct{}{}
			if got := (<-u.begun).Value(who{}); got != maxDials+i {
				t.Errorf("turn %d was taken by %v", maxDials+i, got)
			}
		}
		for range maxDials {
			u.end <- struct{}{}
		}
		synctest.Wait()
		if n := u.most.Load(); n != maxDials {
			t.Errorf("%d at most at the same time, want %d", n, maxDials)
		}
	})
}

// FLT-29: whoever does not wait any longer gives up their place, and holds up
// nobody behind.
func TestWhoLeavesTheLineGivesUpTheirPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newSlowApp()
		for range maxDials {
			go u.dial(t.Context())
		}
		synctest.Wait()
		impatient, leave := context.WithCancel(t.Context())
		left := make(chan error, 100)
		for i := range cap(left) {
			go func() { left <- u.ways()[i%2](impatient) }()
		}
		synctest.Wait()
		patient := make(chan error, 1)
		go func() { patient <- u.ways()[0](t.Context()) }()
		synctest.Wait()
		leave()
		for range cap(left) {
			if err := <-left; !errors.Is(err, context.Canceled) {
				t.Errorf("who left was told %v", err)
			}
		}
		for range maxDials + 1 {
			u.end <- struct{}{}
		}
		if err := <-patient; err != errSlow {
			t.Errorf("who stayed was told %v, want a dial", err)
		}
		synctest.Wait()
		if n := len(u.begun); n != maxDials+1 {
			t.Errorf("%d dials began, want %d: not those who left", n, maxDials+1)
		}
	})
}

// FLT-29: the time that a connection may take begins with its turn.
func TestWaitingInLineIsNotDialing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newSlowApp()
		for range maxDials {
			go u.dial(t.Context())
		}
		synctest.Wait()
		for range maxDials {
			<-u.begun
		}
		for _, way := range u.ways() {
			go way(t.Context())
			time.Sleep(3 * dialTime)
			u.end <- struct{}{}
			ctx := <-u.begun
			if at, ok := ctx.Deadline(); ctx.Err() != nil || ok && time.Until(at) < dialTime {
				t.Errorf("at its turn a dial has %v left, %v", time.Until(at), ctx.Err())
			}
		}
		for range maxDials {
			u.end <- struct{}{}
		}
	})
}
