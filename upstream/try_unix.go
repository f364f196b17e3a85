//go:build unix

package upstream

import (
	"io"
	"syscall"
)

// canTry says that a descriptor can be read without waiting.
const canTry = true

// exchange sends what is unsent and, if it shall, waits for the first bytes of the
// answer. It is the function of one RawConn.Read, which waits whenever it returns
// false.
//
// The read ahead of the write has to find nothing: that is the check of a kept
// connection. It costs nothing, since net.Conn's Read would try once in vain after the
// write; and nothing is missed, as the runtime tells of whatever comes after it.
func (c *conn) exchange(fd uintptr) (done bool) {
	for {
		n, err := syscall.Read(int(fd), c.buf[c.w:])
		if err == syscall.EINTR {
			continue
		}
		switch empty := err == syscall.EAGAIN; {
		case c.asked && empty:
			return false
		case c.asked:
			c.w += max(n, 0)
			// The end and errors will be met again by who reads on.
			return true
		case n > 0:
			c.err = c.orStale(errSpoke)
			return true
		case err == nil:
			c.err = c.orStale(io.EOF)
			return true
		case !empty:
			c.err = c.orStale(err)
			return true
		}
		return c.write(fd)
	}
}

func (c *conn) write(fd uintptr) (done bool) {
	n, err := syscall.Write(int(fd), c.unsent)
	switch {
	case n > 0:
		c.asked = true
		c.unsent = c.unsent[n:]
		return len(c.unsent) > 0 || !c.waits
	case err == syscall.EAGAIN || err == syscall.EINTR:
		c.asked = true // by who waits
		return true
	}
	c.err = c.orStale(err)
	return true
}

// silent reports whether a kept connection is open and nothing came over it.
func (c *conn) silent() bool {
	silent := false
	err := c.raw.Read(func(fd uintptr) bool {
		var b [1]byte
		_, err := syscall.Read(int(fd), b[:])
		silent = err == syscall.EAGAIN || err == syscall.EINTR
		return true
	})
	return err == nil && silent
}
