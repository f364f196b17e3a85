//go:build unix

package proxy

import "syscall"

// canTry says that a descriptor can be read without waiting.
const canTry = true

// tryRead reads what is there and reports false when nothing is, for RawConn.Read
// to wait. It has to try: the runtime tells of a change once, and would not tell
// again of what an earlier read left.
func (s *source) tryRead(fd uintptr) (done bool) {
	buf := s.lend(s.want)
	for {
		n, err := syscall.Read(int(fd), buf)
		switch err {
		case syscall.EINTR:
			continue
		case syscall.EAGAIN:
			s.buffers.Put(buf)
			s.err = errNothingYet
			return s.hasty
		}
		s.take(buf, n, err)
		return true
	}
}

// tryWrite writes what the kernel takes now. An error will be met again where there
// is somebody to tell.
func (s *sink) tryWrite(fd uintptr) (done bool) {
	n, err := syscall.Write(int(fd), s.rest)
	if err == nil {
		s.rest = s.rest[n:]
	}
	return true
}
