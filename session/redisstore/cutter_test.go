package redisstore_test

import (
	"context"
	"io"
	"net"
	"sync"
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

// cutter is a way to a server on which connections are reset amid a call.
type cutter struct {
	addr string
	cuts atomic.Int32

	mu   sync.Mutex
	busy map[net.Conn]bool // with a command under way
}

func startCutter(t *testing.T, to string) *cutter {
	c := &cutter{busy: make(map[net.Conn]bool)}
	c.addr = serve(t, func(conn net.Conn) {
		inside, err := net.Dial("tcp", to)
		if err != nil {
			return
		}
		defer inside.Close()
		go func() {
			defer inside.Close()
			pass(inside, conn, func() { c.mark(conn, true) })
		}()
		pass(conn, inside, func() {
			time.Sleep(2 * time.Millisecond)
			c.mark(conn, false)
		})
		c.mark(conn, false)
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

func (c *cutter) mark(conn net.Conn, busy bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if busy {
		c.busy[conn] = true
	} else {
		delete(c.busy, conn)
	}
}

func (c *cutter) cutEvery(ctx context.Context, pause time.Duration) {
	for ctx.Err() == nil {
		time.Sleep(pause)
		c.mu.Lock()
		for conn := range c.busy {
			conn.(*net.TCPConn).SetLinger(0) // a reset, and no orderly end
			conn.Close()
			delete(c.busy, conn)
			c.cuts.Add(1)
			break
		}
		c.mu.Unlock()
	}
}
