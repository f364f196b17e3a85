package upstream

import (
	"errors"
	"sync"
)

// ErrCut says that a request's Line was cut, and not because its context was done.
var ErrCut = errors.New("upstream: the request was cut off")

// Line lets a request be cut off by who knows better than its context, or sooner. A
// context costs several allocations to watch and this costs none. The zero Line is
// ready for use.
type Line struct {
	mu    sync.Mutex
	isCut bool
	end   func()
}

// Cut ends the request that holds the line, and whichever would.
func (l *Line) Cut() {
	l.mu.Lock()
	end := l.end
	l.isCut, l.end = true, nil
	l.mu.Unlock()
	if end != nil {
		end()
	}
}

// Hold has Cut call end, until Release. It reports false when the line is cut already.
func (l *Line) Hold(end func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.end = end
	return !l.isCut
}

// Release reports whether the line was never cut.
func (l *Line) Release() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.end = nil
	return !l.isCut
}
