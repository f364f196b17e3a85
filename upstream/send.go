package upstream

import (
	"io"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// continueTime is how long a body waits for 100 Continue: some servers never say
	// it (RFC 9110 10.1.1).
	continueTime = time.Second
	// lateTime is how long an answer that is whole waits for the last of the request to
	// be sent, before its connection is given up.
	lateTime = 50 * time.Millisecond
)

// sending is a request's body on its way to the app, beside the answer's on its way
// back: an app may answer before it has heard everything.
type sending struct {
	conn *conn
	r    *Request

	wanted   chan struct{} // closed when the app wants the body
	unwanted chan struct{} // closed when nobody does any more
	dropped  atomic.Bool   // the same, for reads of the body
	answered atomic.Bool   // the final answer has begun
	over     chan struct{} // closed at the end
	err      error         // how it ended; after over
}

func (c *conn) startSending(r *Request) {
	c.send = &sending{conn: c, r: r, wanted: make(chan struct{}), unwanted: make(chan struct{}), over: make(chan struct{})}
	if !r.Expect {
		c.send.want()
	}
	go c.send.run()
}

// want and cancel are for one caller at a time.
func (s *sending) want() {
	select {
	case <-s.wanted:
	default:
		close(s.wanted)
	}
}

// cancel ends it. The connection is closed by now, so that no write waits.
func (s *sending) cancel() {
	if !s.dropped.Swap(true) {
		close(s.unwanted)
	}
	select {
	case <-s.over:
		return
	default:
	}
	if s.r.Peer != nil {
		s.r.Peer.Stop()
	}
	<-s.over
}

// whole reports whether all was sent.
func (s *sending) whole() bool {
	select {
	case <-s.over:
		return s.err == nil
	default:
	}
	select {
	case <-s.wanted:
	default:
		return false // the app has answered instead
	}
	select {
	case <-s.over:
		return s.err == nil
	case <-time.After(lateTime):
		return false
	}
}

// failed returns what the request's body broke off with, if it did.
func (s *sending) failed() error {
	select {
	case <-s.over:
		if broken, ok := s.err.(*bodyError); ok {
			return broken
		}
	default:
	}
	return nil
}

func (s *sending) run() {
	err := s.await()
	if err == nil && s.r.Length == chunked {
		err = s.chunks()
	} else if err == nil {
		err = s.counted()
	}
	s.err = err
	close(s.over)
	if _, broken := err.(*bodyError); broken {
		s.breakOff()
	}
}

// breakOff tells the app that the rest does not come: or it would wait for that, and
// we for the app. An answer that has begun may come to its end; with net/http's server
// it is the answer that ends the reading of a body.
func (s *sending) breakOff() {
	if half, ok := s.conn.Conn.(interface{ CloseWrite() error }); ok && s.answered.Load() {
		half.CloseWrite()
		return
	}
	s.conn.Conn.Close()
}

func (s *sending) await() error {
	if !s.r.Expect {
		return nil
	}
	late := time.NewTimer(continueTime)
	defer late.Stop()
	select {
	case <-s.wanted:
	case <-late.C:
	case <-s.unwanted:
		return io.ErrClosedPipe
	}
	return nil
}

// read reads from the body, and ends with it.
func (s *sending) read(p []byte) (int, error) {
	if s.dropped.Load() {
		return 0, &bodyError{io.ErrClosedPipe}
	}
	n, err := s.r.Body.Read(p)
	if err != nil && err != io.EOF {
		err = &bodyError{err}
	}
	return n, err
}

// counted sends a body of known length.
func (s *sending) counted() error {
	buf := lend()
	defer giveBack(buf)
	for left := s.r.Length; left > 0; {
		n, err := s.read(buf[:min(int64(len(buf)), left)])
		left -= int64(n)
		if n > 0 {
			if _, err := s.conn.Conn.Write(buf[:n]); err != nil {
				return err
			}
		}
		if err == io.EOF && left > 0 {
			err = &bodyError{io.ErrUnexpectedEOF}
		}
		if err != nil && err != io.EOF {
			return err
		}
	}
	return nil
}

// sizeRoom is what a chunk's size takes, and its line's end.
const sizeRoom = 8

// chunks sends a body of unknown length, each part as it comes, and the trailers.
func (s *sending) chunks() error {
	buf := lend()
	defer giveBack(buf)
	for {
		n, err := s.read(buf[sizeRoom : len(buf)-2])
		if n > 0 {
			if _, err := s.conn.Conn.Write(frameChunk(buf[:], n)); err != nil {
				return err
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	last := []byte("0\r\n")
	for name, values := range s.r.Trailer {
		for _, value := range values {
			// net/http looks for controls in the values of a head, and not in these.
			if !token(name) || !visible(value) {
				return &bodyError{errInjected}
			}
			last = appendField(last, name, value)
		}
	}
	last = append(last, "\r\n"...)
	_, err := s.conn.Conn.Write(last)
	return err
}

// frameChunk puts size and end around the n bytes from sizeRoom on.
func frameChunk(buf []byte, n int) []byte {
	var size [sizeRoom]byte
	line := append(strconv.AppendInt(size[:0], int64(n), 16), "\r\n"...)
	at := sizeRoom - len(line)
	copy(buf[at:], line)
	return append(buf[at:sizeRoom+n], "\r\n"...)
}

// buffers are lent to bodies that are longer than a connection's own buffer.
var buffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}

func lend() *[32 << 10]byte      { return buffers.Get().(*[32 << 10]byte) }
func giveBack(b *[32 << 10]byte) { buffers.Put(b) }
