package proxy

import (
	"cmp"
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

	over bool // has ended; the tunnel's note
}

// begin has the pipe carry from one connection to another, first what came early.
func (p *pipe) begin(from net.Conn, early []byte, to net.Conn, buffers *bufferPool) {
	p.from.open(from, early, buffers)
	p.to.open(to)
}

// carry copies until a side is done. Once ending is set it stops at the next
// frame boundary, and reports so; a frame under way gets a grace to finish.
func (p *pipe) carry(ending *atomic.Bool) (whole bool) {
	for graced := false; ; {
		end := ending.Load()
		if end && p.frames.boundary() {
			return true
		}
		err := p.carryOnce(end)
		if err == nil {
			continue
		}
		if graced || !ending.Load() || !errors.Is(err, os.ErrDeadlineExceeded) {
			return false
		}
		graced = true
		p.from.SetReadDeadline(time.Now().Add(endGrace))
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
	if p.look != nil && !p.look(b) {
		p.look = nil
	}
	failed := p.to.write(b)
	if failed == nil && p.frames.feed(b) && p.onData != nil {
		p.onData()
	}
	p.from.buffers.Put(b)
	return cmp.Or(failed, err)
}
