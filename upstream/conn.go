package upstream

import (
	"errors"
	"io"
	"net"
	"syscall"
	"time"
)

// bufferSize holds nearly all heads, and small answers as a whole.
const bufferSize = 4 << 10

// conn is one connection to the app, for one request at a time.
type conn struct {
	net.Conn
	raw syscall.RawConn // nil: it cannot be read without waiting
	try func(fd uintptr) bool

	buf  []byte // what was read ahead is buf[r:w]
	r, w int

	kept  bool // it was used before
	since time.Time
	stop  func() bool // ends the watch over the request's context; nil: line
	line  *Line       // of the request; nil: stop
	abort func()      // is for when nobody waits for the answer any more
	send  *sending    // the body under way; nil: none

	// Of exchange:
	unsent []byte
	waits  bool // for the answer, once all is sent
	asked  bool
	err    error

	body *Body // whose reader is told before a read that may wait; nil: nobody
}

func newConn(c net.Conn) *conn {
	own := &conn{Conn: c, buf: make([]byte, bufferSize)}
	own.abort = func() { c.Close() }
	if plain, ok := c.(syscall.Conn); ok && canTry {
		own.raw, _ = plain.SyscallConn()
		own.try = own.exchange
	}
	return own
}

// letGo ends the watch over the request, and reports false when that has ended the
// connection.
func (c *conn) letGo() bool {
	switch {
	case c.line != nil:
		return c.line.Release()
	case c.stop != nil:
		return c.stop()
	}
	return true
}

// discard ends a connection and what is under way over it.
func (c *conn) discard() {
	c.letGo()
	c.Conn.Close()
	if c.send != nil {
		c.send.cancel()
	}
}

var errSpoke = errors.New("upstream: the app spoke before it was asked")

// put sends the head. A connection on which something came meanwhile, or the end, is
// not used: errStale, and nothing was sent.
func (c *conn) put(h *head) error {
	if c.raw == nil {
		_, err := c.Conn.Write(h.bytes)
		return err
	}
	c.unsent, c.waits, c.asked, c.err = h.bytes, h.whole, false, nil
	err := c.raw.Read(c.try)
	rest := c.unsent
	c.unsent = nil
	switch {
	case err != nil:
		return c.orStale(err)
	case c.err != nil:
		return c.err
	case len(rest) > 0:
		_, err = c.Conn.Write(rest)
	}
	return err
}

// orStale is err, or errStale where nothing was sent.
func (c *conn) orStale(err error) error {
	if c.kept && !c.asked {
		return errStale
	}
	return err
}

// fill reads more, into a larger buffer if it must, up to limit bytes.
func (c *conn) fill(limit int) error {
	if c.r > 0 {
		c.w = copy(c.buf, c.buf[c.r:c.w])
		c.r = 0
	}
	if c.w == len(c.buf) {
		if c.w >= limit {
			return errTooLong
		}
		c.buf = append(make([]byte, 0, 2*len(c.buf)), c.buf...)
		c.buf = c.buf[:cap(c.buf)]
	}
	if c.body != nil {
		c.body.beforeWait()
	}
	n, err := c.Conn.Read(c.buf[c.w:])
	c.w += n
	if n > 0 {
		return nil
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return err
}

func (c *conn) buffered() []byte { return c.buf[c.r:c.w] }
