package upstream

import (
	"sync"
	"time"
)

const (
	// maxIdle is how many connections are kept.
	maxIdle = 256
	// idleTime is for how long one is.
	idleTime = time.Minute
	// sweepStep is how often the kept ones are looked after: those that the app has
	// closed, or spoken on unasked, hold a descriptor on both sides.
	sweepStep = time.Second
)

// pool keeps connections that nobody uses. The one used last is used first: under
// little traffic the others grow old. The zero pool is ready for use.
type pool struct {
	mu    sync.Mutex
	conns []*conn // the one used last is last
	sweep *time.Timer
}

// take returns a connection, or nil.
func (p *pool) take() *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := len(p.conns) - 1
	if last < 0 {
		return nil
	}
	c := p.conns[last]
	p.conns[last] = nil
	p.conns = p.conns[:last]
	return c
}

// put keeps a connection.
func (p *pool) put(c *conn) {
	c.kept, c.since = true, time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.conns) >= maxIdle {
		c.Close()
		return
	}
	p.conns = append(p.conns, c)
	if p.sweep == nil {
		p.sweep = time.AfterFunc(sweepStep, p.clean)
	}
}

// clean closes what is of no use any more, and comes back as long as there is
// something left.
func (p *pool) clean() {
	p.mu.Lock()
	defer p.mu.Unlock()
	left := p.conns[:0]
	for _, c := range p.conns {
		if time.Since(c.since) < idleTime && c.silent() {
			left = append(left, c)
		} else {
			c.Close()
		}
	}
	clear(p.conns[len(left):])
	if p.conns = left; len(left) == 0 {
		p.sweep = nil
		return
	}
	p.sweep.Reset(sweepStep)
}

func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.Close()
	}
	clear(p.conns)
	p.conns = p.conns[:0]
}
