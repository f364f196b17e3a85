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

// Ended, Restarting and Renewed are the reasons for which we end a connection. Renewed
// is for one whose app was told of groups or roles that are others now: it has the code
// of a restart, after which pages connect again by themselves.
func Ended() Reason      { return Reason{Code: 1008, Text: "session ended"} }
func Restarting() Reason { return Reason{Code: 1012, Text: "service restart"} }
func Renewed() Reason    { return Reason{Code: 1012, Text: "groups or roles changed"} }

// Live is the registry of connections that outlive their request: each ends with
// the session it was opened under. The zero Live is ready for use.
type Live struct {
	mu       sync.Mutex
	sessions map[string]*held // by session id
	open     int
}

// held is a session that has connections.
type held struct {
	session Session
	conns   map[*conn]struct{}
}

type conn struct {
	id    string             // of its session
	told  *identity.Identity // whom the app was told it is, for as long as it is open; nil: see Add
	ender Ender
	ended bool // ender was called; the connection is closing
}

// Ender ends a connection when its session has.
type Ender interface {
	// SessionEnded is called at most once, must not block, and may be called before the
	// connection's registration returns.
	SessionEnded(Reason)
}

// enderFunc is an Ender that is a function.
type enderFunc func(Reason)

func (f enderFunc) SessionEnded(why Reason) { f(why) }

// Place is a connection's in Live, for Enter.
type Place struct{ conn conn }

// Enter is Add for who brings the place: every plain request comes and goes, and to
// register it costs no allocation. The place must stay where it is until Leave.
func (l *Live) Enter(s Session, p *Place, ender Ender) {
	p.conn = conn{id: s.ID, ender: ender}
	l.add(s, &p.conn)
}

// Leave takes the connection out again.
func (l *Live) Leave(p *Place) { l.remove(&p.conn) }

// Add registers a connection opened under s. end is called at most once, must
// not block, and may be called before Add returns. The returned function takes
// the connection out again.
func (l *Live) Add(s Session, end func(Reason)) (remove func()) {
	c := &conn{id: s.ID, ender: enderFunc(end)}
	l.add(s, c)
	return func() { l.remove(c) }
}

// AddTold is Add for a connection that Renew may end: its app reads once, when it is
// opened, who somebody is, and was told told.
func (l *Live) AddTold(s Session, told identity.Identity, end func(Reason)) (remove func()) {
	c := &conn{id: s.ID, told: &told, ender: enderFunc(end)}
	l.add(s, c)
	return func() { l.remove(c) }
}

func (l *Live) add(s Session, c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sessions == nil {
		l.sessions = make(map[string]*held)
	}
	h := l.sessions[s.ID]
	if h == nil {
		h = &held{session: s, conns: make(map[*conn]struct{})}
		l.sessions[s.ID] = h
	}
	h.conns[c] = struct{}{}
	l.open++
}

func (l *Live) remove(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.sessions[c.id]
	if h == nil {
		return
	}
	if _, there := h.conns[c]; !there {
		return
	}
	l.open--
	if delete(h.conns, c); len(h.conns) == 0 {
		delete(l.sessions, c.id)
	}
}

// CloseSession ends the connections of one session and returns how many it were.
func (l *Live) CloseSession(id string) int {
	return end(Ended(), l.take(id))
}

// CloseWho ends the connections of everybody for whom out reports true.
func (l *Live) CloseWho(out func(identity.Identity) bool) int {
	n := 0
	for _, s := range l.Sessions() {
		if out(s.Identity) {
			n += l.CloseSession(s.ID)
		}
	}
	return n
}

// Renew ends the connections whose app was told what is no longer so, and returns how
// many it were. The others of the same session go on.
func (l *Live) Renew(stale func(s Session, told identity.Identity) bool) int {
	var conns []*conn
	for c, s := range l.told() {
		if stale(s, *c.told) && l.takeOne(c) {
			conns = append(conns, c)
		}
	}
	return end(Renewed(), conns)
}

// told returns the connections that were told something, with their sessions.
func (l *Live) told() map[*conn]Session {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make(map[*conn]Session)
	for _, h := range l.sessions {
		for c := range h.conns {
			if c.told != nil && !c.ended {
				all[c] = h.session
			}
		}
	}
	return all
}

func (l *Live) takeOne(c *conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	taken := !c.ended
	c.ended = true
	return taken
}

// Sessions returns the sessions that have connections.
func (l *Live) Sessions() []Session {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []Session
	for _, h := range l.sessions {
		all = append(all, h.session)
	}
	return all
}

func end(why Reason, conns []*conn) int {
	for _, c := range conns {
		c.ender.SessionEnded(why)
	}
	return len(conns)
}

// take marks as ended, and returns, those connections of a session that were not.
func (l *Live) take(id string) []*conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	if h := l.sessions[id]; h != nil {
		return unended(h.conns, -1)
	}
	return nil
}

// takeAny does the same for up to limit connections of anybody; -1: all.
func (l *Live) takeAny(limit int) []*conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	var taken []*conn
	for _, h := range l.sessions {
		if limit >= 0 && len(taken) >= limit {
			break
		}
		taken = append(taken, unended(h.conns, limit-len(taken))...)
	}
	return taken
}

func unended(conns map[*conn]struct{}, limit int) []*conn {
	var taken []*conn
	for c := range conns {
		if len(taken) == limit {
			break
		}
		if !c.ended {
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
	return l.open
}

// drainSteps is in how many portions Drain ends connections.
const drainSteps = 20

// Drain ends all connections, spread over the given time so that their browsers
// do not all come back in one moment, and returns when the last is closed or ctx
// is done.
func (l *Live) Drain(ctx context.Context, over time.Duration) {
	for left := drainSteps; left > 0 && l.Len() > 0 && ctx.Err() == nil; left-- {
		end(Restarting(), l.takeAny((l.Len()+left-1)/left))
		pause(ctx, over/drainSteps)
	}
	for end(Restarting(), l.takeAny(-1)); l.Len() > 0 && ctx.Err() == nil; {
		pause(ctx, 5*time.Millisecond)
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
