package proxy

import (
	"errors"
	"net"
	"os"
	"sync/atomic"
	"time"
)

// pipe is one direction of a tunnel.
type pipe struct {
	from   source
	to     sink
	frames frames
	onData func()                     // called after a data frame began; may be nil
	look   func(b []byte) (more bool) // sees what will be passed on, as long as it wants; may be nil

	tunnel *tunnel
	woken  time.Time // when a goroutine last began to carry
	over   bool      // has ended; the tunnel's note
	moved  bool      // something came since the goroutine looked up last
	number int32     // among those that sleep, theirs to set; 0: awake
}

// begin has the pipe carry from one connection to another, first what came early.
func (p *pipe) begin(from net.Conn, early []byte, to net.Conn, buffers *bufferPool) {
	p.from.open(from, early, buffers)
	p.to.open(to)
}

// outcome is why a pipe stopped.
type outcome int

const (
	broken outcome = iota // a side is done
	whole                 // at a frame boundary, as it was told to
	asleep                // something else will carry on when anything comes
)

// errNotTaken is a write's failure, which is nobody's deadline for reading.
var errNotTaken = errors.New("the other side does not take it")

// carry copies until a side is done, or nothing comes. Once ending is set it stops at
// the next frame boundary; a frame under way gets a grace to finish.
func (p *pipe) carry(ending *atomic.Bool) outcome {
	p.wake(ending)
	for graced := false; ; {
		end := ending.Load()
		if end && p.frames.boundary() {
			return whole
		}
		err := p.carryOnce(end)
		switch {
		case err == nil:
		case err != errNothingYet && !errors.Is(err, os.ErrDeadlineExceeded):
			return broken
		case !ending.Load():
			if p.rest(ending) {
				return asleep
			}
		case graced:
			return broken
		default: // once it is set, nobody is hasty
			graced, p.from.hasty = true, false
			p.from.SetReadDeadline(time.Now().Add(endGrace))
		}
	}
}

// carryOnce reads once and passes it on; toBoundary keeps it from reading into the
// next frame.
func (p *pipe) carryOnce(toBoundary bool) error {
	limit := largeBuffer
	if toBoundary {
		limit = p.frames.need()
	}
	b, err := p.from.read(limit, p.frames.left > smallBuffer)
	if len(b) == 0 {
		return err
	}
	p.moved = true
	if p.look != nil && !p.look(b) {
		p.look = nil
	}
	if p.to.write(b) != nil {
		err = errNotTaken
	} else if p.frames.feed(b) && p.onData != nil {
		p.onData()
	}
	p.from.buffers.Put(b)
	return err
}
