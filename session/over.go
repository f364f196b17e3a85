package session

import "time"

// freshAbsent is how long the store's word is taken that there is no such session. No
// session comes into being later than its cookie, but a server that lags behind may
// not have it yet.
const freshAbsent = 5 * time.Second

// isOver reports whether a session was revoked, or was not there when the store was
// asked a moment ago.
//
// Precondition: mu is held.
func (c *copies) isOver(key string, now time.Time) bool {
	_, dead := c.dead[key]
	_, gone := c.gone[key]
	at, absent := c.absent[key]
	return dead || gone || absent && now.Sub(at) < freshAbsent
}

// bury remembers that a session was revoked. Redis copies to its replicas after it has
// answered, so that a failover can bring a record back. A token is drawn once: what
// was revoked never is again.
func (c *copies) bury(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.dead) >= maxGeneration {
		c.dead, c.gone = make(map[string]struct{}), c.dead
	}
	c.dead[key] = struct{}{}
}

// miss remembers for a while that a session is over: tabs that nobody looks at go on
// asking, some of them several times a second.
func (c *copies) miss(key string, at time.Time) {
	if len(c.absent) >= maxGeneration {
		clear(c.absent)
	}
	c.absent[key] = at
}
