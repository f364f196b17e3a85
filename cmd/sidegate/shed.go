package main

import (
	"io"
	"log/slog"
	"net"
	"syscall"
	"time"
)

// shedding is a listener that turns new connections away, with a 503, when the
// process has few descriptors left: those that are open shall go on, and each may
// still need another one towards the app.
type shedding struct {
	net.Listener
	limit uintptr // how many descriptors the process may have; 0: not known
	log   *slog.Logger
	said  time.Time
}

func newShedding(l net.Listener, log *slog.Logger) *shedding {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		limit.Cur = 0
	}
	return &shedding{Listener: l, limit: uintptr(min(limit.Cur, 1<<30)), log: log}
}

// Accept implements net.Listener; it is for one caller at a time. From three
// quarters of the limit on it turns connections away, and in the last eighth
// one after the other, so that they take no more.
func (l *shedding) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil || l.limit == 0 {
			return c, err
		}
		number := descriptor(c)
		if number <= l.limit*3/4 {
			return c, nil
		}
		if time.Since(l.said) > time.Second {
			l.said = time.Now()
			l.log.Warn("too many connections are open: new ones are turned away. Raise the limit of open files (ulimit -n)", "limit", l.limit)
		}
		if number > l.limit*7/8 {
			turnAway(c, 2*time.Millisecond)
			continue
		}
		go turnAway(c, 200*time.Millisecond)
	}
}

// descriptor returns c's number. The system gives the lowest that is free, so that
// it tells how many are in use.
func descriptor(c net.Conn) (fd uintptr) {
	if raw, ok := c.(syscall.Conn); ok {
		if control, err := raw.SyscallConn(); err == nil {
			_ = control.Control(func(n uintptr) { fd = n })
		}
	}
	return fd
}

const tooMany = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\n" +
	"Cache-Control: no-store\r\nContent-Type: text/plain\r\nContent-Length: 39\r\n\r\n" +
	"Too many connections. Try again soon.\r\n"

// turnAway answers whatever is asked. The question is read, or else closing would
// reset the connection, and the answer might be lost; but not for longer than the
// given patience.
func turnAway(c net.Conn, patience time.Duration) {
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, tooMany); err != nil {
		return
	}
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	_, _ = io.CopyN(io.Discard, c, 64<<10)
}
