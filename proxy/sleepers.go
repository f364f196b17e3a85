package proxy

import (
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// drowsy is how long nothing has to come before a pipe is laid to sleep.
const drowsy = 500 * time.Millisecond

// sleepers are the pipes on which nothing happens. While one is awake a goroutine
// waits for it, which is the fastest way; while it sleeps it has none, since the two
// stacks of a tunnel would be most of what it costs (FLT-28). One goroutine waits
// for all that sleep, as long as any do. The zero sleepers is ready for use.
type sleepers struct {
	mu      sync.Mutex
	asleep  map[int32]*pipe
	last    int32    // the number given last
	bedroom *os.File // tells for which something came; nil: nobody sleeps
}

// lay has p sleep until something comes, or it is roused. false: it stays awake. After
// true p is another goroutine's.
func (s *sleepers) lay(p *pipe) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bedroom == nil && !s.open() {
		return false
	}
	number := s.free()
	if !watchFor(s.bedroom, p.from.raw, number) {
		s.closeEmpty()
		return false
	}
	p.number = number
	s.asleep[number] = p
	return true
}

func (s *sleepers) open() bool {
	bedroom, err := newBedroom()
	if err != nil {
		return false
	}
	s.bedroom, s.asleep = bedroom, make(map[int32]*pipe)
	go s.watch(bedroom)
	return true
}

// free returns a number that no sleeper has, nor one that is awake.
func (s *sleepers) free() int32 {
	for {
		s.last++
		if _, taken := s.asleep[s.last]; !taken && s.last != 0 {
			return s.last
		}
	}
}

// watch rouses whoever something came for. It ends with the bedroom.
func (s *sleepers) watch(bedroom *os.File) {
	var numbers []int32
	for {
		var err error
		if numbers, err = whoStirs(bedroom, numbers[:0]); err != nil {
			return
		}
		for _, number := range numbers {
			if p := s.find(number); p != nil {
				s.rouse(p)
			}
		}
	}
}

func (s *sleepers) find(number int32) *pipe {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asleep[number]
}

// rouse has a goroutine carry on, if p sleeps.
func (s *sleepers) rouse(p *pipe) {
	if s.take(p) {
		go p.tunnel.carry(p)
	}
}

// take takes p out, for one caller alone, and reports whether it slept.
func (s *sleepers) take(p *pipe) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.number == 0 {
		return false
	}
	delete(s.asleep, p.number)
	p.number = 0
	s.closeEmpty()
	return true
}

func (s *sleepers) closeEmpty() {
	if len(s.asleep) == 0 {
		s.bedroom.Close()
		s.bedroom = nil
	}
}

// wake is what a goroutine does first that carries on. Most of what comes to one that
// slept is alone, as a ping is: it is passed on, and the pipe sleeps again. When more
// came a moment ago, the goroutine stays and waits.
func (p *pipe) wake(ending *atomic.Bool) {
	if p.from.raw == nil {
		return // it never sleeps
	}
	now := time.Now()
	if p.from.hasty = now.Sub(p.woken) > drowsy; !p.from.hasty {
		p.stayAwake(ending)
	}
	p.woken = now
}

// stayAwake has the goroutine look up after a while whether anything came. It is
// one timer a while, and none for each message.
func (p *pipe) stayAwake(ending *atomic.Bool) {
	p.moved = false
	p.lookUp(ending, time.Now().Add(drowsy))
}

// lookUp sets when the goroutine looks up, unless the tunnel is ending: whoever ends it
// sets ending first, and the deadline then.
func (p *pipe) lookUp(ending *atomic.Bool, when time.Time) {
	p.from.SetReadDeadline(when)
	if ending.Load() {
		p.from.SetReadDeadline(time.Now())
	}
}

// rest is called when nothing comes. It reports that the pipe sleeps.
func (p *pipe) rest(ending *atomic.Bool) (asleep bool) {
	switch {
	case p.from.hasty:
		p.from.hasty = false
		asleep = p.sleep(ending)
	case !p.moved:
		p.lookUp(ending, time.Time{}) // or the next one to carry would look up at once
		asleep = p.sleep(ending)
	default:
		p.stayAwake(ending)
		return false
	}
	if !asleep { // it cannot: there is no need to try again
		p.lookUp(ending, time.Time{})
	}
	return asleep
}

// sleep lays the pipe to sleep, unless the tunnel is ending: whoever ends it sets
// ending first and rouses then, so that one of the two sees the other.
func (p *pipe) sleep(ending *atomic.Bool) bool {
	s := p.tunnel.sleepers
	if p.from.raw == nil || !s.lay(p) {
		return false
	}
	return !ending.Load() || !s.take(p)
}

// writeAtOnce writes what the kernel takes without waiting, and returns the rest.
func (s *sink) writeAtOnce(b []byte) (rest []byte) {
	if s.raw == nil {
		return b
	}
	s.rest = b
	_ = s.raw.Write(s.try) // an error is met again when the rest is written
	rest, s.rest = s.rest, nil
	return rest
}
