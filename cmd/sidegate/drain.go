package main

import (
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxLinger is how long a stopping process goes on to accept connections at most:
	// so long may it take until whoever sends them knows that it stops.
	maxLinger = 3 * time.Second
	// quiet is how long nothing was asked when nobody is taken to send more.
	quiet = 700 * time.Millisecond
)

// drain ends in at most DRAIN. Readiness is off at once. While there is traffic the
// listener stays for a moment, and answers say that their connection will not be used
// again: a balancer learns with a delay that we stop, and nobody shall meet a
// closed door meanwhile. Then there are no new connections, requests under way
// finish, and WebSockets are closed one after the other, so that their browsers
// do not all come back at once.
func (s *server) drain() error {
	s.draining.Store(true)
	s.log.Info("stopping", "drain", s.config.Drain.String(), "open", s.live.Len())
	ctx, cancel := context.WithTimeout(context.Background(), s.config.Drain)
	defer cancel()
	linger := min(s.config.Drain/4, maxLinger)
	s.linger(ctx, linger)
	s.traffic.hangUp()
	tunnels := make(chan struct{})
	go func() {
		defer close(tunnels)
		s.live.Drain(ctx, (s.config.Drain-linger)*3/4)
	}()
	if err := s.public.http.Shutdown(ctx); err != nil {
		s.log.Warn("some requests did not finish in time and are cut off")
		s.public.http.Close()
	}
	<-tunnels
	return s.admin.http.Close()
}

// linger waits while somebody may send requests that were meant for us.
func (s *server) linger(ctx context.Context, most time.Duration) {
	late := time.After(most)
	for s.live.Len() > 0 || s.traffic.busy() {
		select {
		case <-ctx.Done():
			return
		case <-late:
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// hangUp has each answer close its connection once we are stopping.
func (s *server) hangUp(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.draining.Load() {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

// traffic notes what happens on the public listener.
type traffic struct {
	last atomic.Int64 // when something was last asked, Unix nanoseconds

	mu     sync.Mutex
	silent map[net.Conn]struct{} // over which nothing was asked yet
}

// note is an http.Server's ConnState.
func (t *traffic) note(c net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.silent == nil {
			t.silent = make(map[net.Conn]struct{})
		}
		t.silent[c] = struct{}{}
	case http.StateActive:
		t.last.Store(time.Now().UnixNano())
		fallthrough
	case http.StateClosed:
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.silent, c)
	}
}

// hangUp closes connections over which nothing was ever asked, as browsers open some
// ahead of need: http.Server.Shutdown would give each five seconds.
func (t *traffic) hangUp() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for c := range t.silent {
		c.Close()
	}
}

// busy reports whether something was asked just now, over whichever connection.
func (t *traffic) busy() bool { return time.Since(time.Unix(0, t.last.Load())) < quiet }
