package proxy

import (
	"errors"
	"io"
	"net"
	"syscall"
)

// errNothingYet is what a hasty source returns in place of waiting.
var errNothingYet = errors.New("nothing has come yet")

// source reads from a connection, and holds no buffer while nothing comes: most
// WebSockets sleep most of the time, and a buffer each would be most of what they
// cost (FLT-28).
type source struct {
	net.Conn
	early   []byte          // what came before the tunnel was there
	raw     syscall.RawConn // nil: the connection has none, as over TLS
	buffers *bufferPool
	try     func(fd uintptr) bool // the method of that name, made once
	hasty   bool                  // try does not wait: errNothingYet

	want int    // what try shall read at most, and lend for
	got  []byte // what it read
	err  error
}

// open takes over a connection and what was read from it ahead.
func (s *source) open(c net.Conn, early []byte, buffers *bufferPool) {
	s.Conn, s.early, s.buffers = c, early, buffers
	if plain, ok := c.(syscall.Conn); ok && canTry {
		s.raw, _ = plain.SyscallConn()
		s.try = s.tryRead
	}
}

// read waits for bytes, and returns at most limit of them in a buffer that the
// caller gives back. long says that many are to come.
func (s *source) read(limit int, long bool) ([]byte, error) {
	if len(s.early) > 0 {
		return s.readEarly(limit), nil
	}
	if s.want = min(limit, largeBuffer); s.raw == nil {
		if !long { // the buffer is held until something comes
			s.want = min(limit, smallBuffer)
		}
		return s.readHolding()
	}
	if err := s.raw.Read(s.try); err != nil { // closed, or past its deadline
		return nil, err
	}
	b := s.got
	s.got = nil
	return b, s.err
}

func (s *source) readEarly(limit int) []byte {
	buf := s.lend(min(limit, smallBuffer))
	n := copy(buf, s.early)
	if s.early = s.early[n:]; len(s.early) == 0 {
		s.early = nil // not the end of what holds it
	}
	return buf[:n]
}

// readHolding is for what cannot be asked whether something has come.
func (s *source) readHolding() ([]byte, error) {
	buf := s.lend(s.want)
	n, err := s.Conn.Read(buf)
	if n == 0 {
		s.buffers.Put(buf)
		return nil, err
	}
	return buf[:n], err
}

// discard reads to the end. All tunnels may end in one moment: none holds a buffer.
func (s *source) discard() {
	s.hasty = false
	for {
		b, err := s.read(largeBuffer, false)
		if b != nil {
			s.buffers.Put(b)
		}
		if err != nil {
			return
		}
	}
}

func (s *source) lend(n int) []byte {
	if n > smallBuffer {
		return s.buffers.Get()[:n]
	}
	return s.buffers.getSmall()[:n]
}

// take notes the outcome of a read that did not have to wait.
func (s *source) take(buf []byte, n int, err error) {
	if n <= 0 {
		s.buffers.Put(buf)
		if s.err = err; err == nil {
			s.err = io.EOF
		}
		return
	}
	s.got, s.err = buf[:n], nil
}
