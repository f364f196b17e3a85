package redisstore_test

import (
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"
)

// join forwards between a connection and a server.
func join(conn net.Conn, to string) {
	inside, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer inside.Close()
	go io.Copy(inside, conn)
	io.Copy(conn, inside)
}

// cutter is a way to a server that takes 2 ms, and on which, if it shall, a connection
// is reset in place of every so many answers.
type cutter struct {
	addr    string
	every   atomic.Int32 // 0: never
	answers atomic.Int32
	cuts    atomic.Int32
}

func startCutter(t *testing.T, to string) *cutter {
	c := &cutter{}
	c.addr = serve(t, func(conn net.Conn) {
		inside, err := net.Dial("tcp", to)
		if err != nil {
			return
		}
		defer inside.Close()
		go func() {
			defer inside.Close()
			pass(inside, conn, func() {})
		}()
		pass(conn, inside, func() {
			time.Sleep(2 * time.Millisecond)
			if every := c.every.Load(); every > 0 && c.answers.Add(1)%every == 0 {
				conn.(*net.TCPConn).SetLinger(0) // a reset, and no orderly end
				conn.Close()
				c.cuts.Add(1)
			}
		})
	})
	return c
}

// pass copies, and calls before each piece it passes on.
func pass(to, from net.Conn, before func()) {
	for b := make([]byte, 64<<10); ; {
		n, err := from.Read(b)
		if err != nil {
			return
		}
		before()
		if _, err := to.Write(b[:n]); err != nil {
			return
		}
	}
}
