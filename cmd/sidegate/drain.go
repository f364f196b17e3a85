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
	// unused is how long a connection is open without a word when none is taken to come:
	// the first request of one that is younger may be on its way.
	unused = 250 * time.Millisecond
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
	_ = s.public.Close() // the listener's end is what we want; Serve reports it to nobody
	s.traffic.hangUp(ctx)
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

// lastAnswers has each answer close its connection once we are stopping.
func (s *server) lastAnswers(next http.Handler) http.Handler {
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
	silent map[net.Conn]time.Time // over which nothing was asked yet, and since when
}

// note is an http.Server's ConnState.
func (t *traffic) note(c net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.silent == nil {
			t.silent = make(map[net.Conn]time.Time)
		}
		t.silent[c] = time.Now()
	case http.StateActive:
		t.last.Store(time.Now().UnixNano())
		fallthrough
	case http.StateClosed:
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.silent, c)
	}
}

// hangUp closes connections over which nothing was asked, as browsers open some ahead
// of need: http.Server.Shutdown would wait five seconds for each, and then not answer.
func (t *traffic) hangUp(ctx context.Context) {
	for left := 1; left > 0 && ctx.Err() == nil; {
		if left = t.hangUpUnused(); left > 0 {
			time.Sleep(5 * time.Millisecond)
		}
	}
}

// hangUpUnused returns how many are too young to be closed.
func (t *traffic) hangUpUnused() (young int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for c, since := range t.silent {
		if time.Since(since) < unused {
			young++
			continue
		}
		c.Close()
	}
	return young
}

// busy reports whether something was asked just now, over whichever connection.
func (t *traffic) busy() bool { return time.Since(time.Unix(0, t.last.Load())) < quiet }
