package proxy

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"
)

const (
	// writeTime is how long a peer may take nothing at all.
	writeTime = 45 * time.Second

	// smallBuffer is held by an idle pipe, largeBuffer lent to one in the middle of
	// a long frame.
	smallBuffer = 2 << 10
	largeBuffer = 32 << 10
)

// pipe is one direction of a tunnel.
type pipe struct {
	from   net.Conn
	reader io.Reader // what came early, then from
	to     net.Conn
	frames frames
	onData func() // called after a data frame began; may be nil

	over bool // has ended; the tunnel's note

	buffers *bufferPool
}

// newPipe carries from one connection to another, beginning with the bytes that
// a reader of from has taken in already: a browser may send its first frame with
// the handshake, an app with its answer, and neither must be lost (SEC-WS-06).
func newPipe(from net.Conn, ahead *bufio.Reader, to net.Conn, buffers *bufferPool) *pipe {
	early, _ := ahead.Peek(ahead.Buffered())
	return &pipe{from: from, reader: io.MultiReader(bytes.NewReader(bytes.Clone(early)), from), to: to, buffers: buffers}
}

// carry copies until a side is done. Once ending is set it stops at the next
// frame boundary, and reports so; a frame under way gets a grace to finish.
func (p *pipe) carry(ending *atomic.Bool) (whole bool) {
	small := make([]byte, smallBuffer)
	for graced := false; ; {
		end := ending.Load()
		if end && p.frames.boundary() {
			return true
		}
		err := p.carryOnce(small, end)
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
func (p *pipe) carryOnce(small []byte, toBoundary bool) error {
	buf := small
	if p.frames.left > smallBuffer {
		buf = p.buffers.Get()
		defer p.buffers.Put(buf)
	}
	if toBoundary {
		buf = buf[:min(len(buf), p.frames.need())]
	}
	n, err := p.reader.Read(buf)
	if n == 0 {
		return err
	}
	if err := p.write(buf[:n]); err != nil {
		return err
	}
	if p.frames.feed(buf[:n]) && p.onData != nil {
		p.onData()
	}
	return err
}

// write passes b on, however slowly the peer takes it.
func (p *pipe) write(b []byte) error {
	for {
		p.to.SetWriteDeadline(time.Now().Add(writeTime))
		n, err := p.to.Write(b)
		if n == 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		b = b[n:]
	}
}
