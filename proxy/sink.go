package proxy

import (
	"errors"
	"net"
	"os"
	"syscall"
	"time"
)

// writeTime is how long a peer may take nothing at all.
const writeTime = 45 * time.Second

// sink writes to a connection. Nearly always the kernel takes all at once: then no
// deadline is set, which would be a timer for each message, and more stack than a
// goroutine begins with.
type sink struct {
	net.Conn
	raw syscall.RawConn // nil: the connection has none
	try func(fd uintptr) bool

	rest []byte // what try has not written yet
}

func (s *sink) open(c net.Conn) {
	s.Conn = c
	if plain, ok := c.(syscall.Conn); ok && canTry {
		s.raw, _ = plain.SyscallConn()
		s.try = s.tryWrite
	}
}

// write passes b on, however slowly the peer takes it.
func (s *sink) write(b []byte) error {
	if s.raw != nil {
		s.rest = b
		err := s.raw.Write(s.try)
		b, s.rest = s.rest, nil
		if err == nil && len(b) == 0 || err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		// Not all was taken, or an old deadline had passed.
	}
	return s.writeWaiting(b)
}

func (s *sink) writeWaiting(b []byte) error {
	defer s.SetWriteDeadline(time.Time{}) // else the next message, in an hour, would be late
	for {
		s.SetWriteDeadline(time.Now().Add(writeTime))
		n, err := s.Write(b)
		if n == 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		b = b[n:]
	}
}
