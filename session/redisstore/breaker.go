package redisstore

import (
	"errors"
	"sync"
	"time"
)

const (
	// breakAfter is how many calls in a row have to fail for the breaker to open.
	breakAfter = 3
	// probeEvery is how often an open breaker lets a call through.
	probeEvery = 500 * time.Millisecond
)

// errOpen is the answer of an open breaker.
var errOpen = errors.New("redis: not asked, since it failed just now")

// verdict is what a call tells about the server.
type verdict int

const (
	unknown verdict = iota // nothing: its caller gave up first
	works
	fails
)

// breaker answers for a server that is in trouble. A hung one would cost every
// request the whole time of a call, and take a goroutine and a connection for it.
// The zero breaker is closed: it lets calls through.
type breaker struct {
	mu       sync.Mutex
	failures int       // in a row
	next     time.Time // when a call is let through, while open
}

// ask says whether a call may be made, and whether it is the one that an open breaker
// lets through. Whoever may make it has to tell afterwards.
func (b *breaker) ask() (probe bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failures < breakAfter {
		return false, nil
	}
	now := time.Now()
	if now.Before(b.next) {
		return false, errOpen
	}
	b.next = now.Add(probeEvery)
	return true, nil
}

// tell says what became of a call, and returns whether the breaker is open.
func (b *breaker) tell(probe bool, v verdict) (open bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case v == works:
		b.failures = 0
	case v == fails:
		b.failures++
		b.next = time.Now().Add(probeEvery)
	case probe:
		b.next = time.Time{} // nothing was learnt: the next call is the probe
	}
	return b.failures >= breakAfter
}

// forget closes the breaker, when what failed has been replaced.
func (b *breaker) forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failures = 0
}
