package session

import (
	"context"
	"sync"
	"time"

	"sidegate/identity"
)

// Reason is why an open connection is ended: a WebSocket close code (RFC 6455
// 7.4) and a short text of at most 123 bytes.
type Reason struct {
	Code uint16
	Text string
}

// Ended and Restarting are the two reasons for which we end a connection.
func Ended() Reason      { return Reason{Code: 1008, Text: "session ended"} }
func Restarting() Reason { return Reason{Code: 1012, Text: "service restart"} }

// Live is the registry of connections that outlive their request: each ends with
// the session it was opened under. The zero Live is ready for use.
type Live struct {
	mu    sync.Mutex
	conns map[*conn]struct{}
}

type conn struct {
	session string
	who     identity.Identity
	end     func(Reason)
	ended   bool // end was called; the connection is closing
}

// Add registers a connection opened under s. end is called at most once, must
// not block, and may be called before Add returns. The returned function takes
// the connection out again.
func (l *Live) Add(s Session, end func(Reason)) (remove func()) {
	c := &conn{session: s.ID, who: s.Identity, end: end}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conns == nil {
		l.conns = make(map[*conn]struct{})
	}
	l.conns[c] = struct{}{}
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.conns, c)
	}
}

// CloseSession ends the connections of one session and returns how many it were.
func (l *Live) CloseSession(id string) int {
	return l.close(Ended(), func(c *conn) bool { return c.session == id })
}

// CloseWho ends the connections of everybody for whom out reports true.
func (l *Live) CloseWho(out func(identity.Identity) bool) int {
	return l.close(Ended(), func(c *conn) bool { return out(c.who) })
}

func (l *Live) close(why Reason, match func(*conn) bool) int {
	matched := l.take(match, -1)
	for _, c := range matched {
		c.end(why)
	}
	return len(matched)
}

// take marks as ended, and returns, up to limit connections that match and are
// not ended yet; -1: all.
func (l *Live) take(match func(*conn) bool, limit int) []*conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	var taken []*conn
	for c := range l.conns {
		if len(taken) == limit {
			break
		}
		if !c.ended && match(c) {
			c.ended = true
			taken = append(taken, c)
		}
	}
	return taken
}

// Len returns how many connections are open, those that are closing included.
func (l *Live) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.conns)
}

// drainSteps is in how many portions Drain ends connections.
const drainSteps = 20

// Drain ends all connections, spread over the given time so that their browsers
// do not all come back in one moment, and returns when the last is closed or ctx
// is done.
func (l *Live) Drain(ctx context.Context, over time.Duration) {
	all := func(*conn) bool { return true }
	for left := drainSteps; left > 0 && l.Len() > 0 && ctx.Err() == nil; left-- {
		for _, c := range l.take(all, (l.Len()+left-1)/left) {
			c.end(Restarting())
		}
		pause(ctx, over/drainSteps)
	}
	for l.close(Restarting(), all); l.Len() > 0 && ctx.Err() == nil; {
		pause(ctx, 5*time.Millisecond)
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
