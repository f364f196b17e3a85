package main

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// memory is what the kernel says of a process, in KiB.
type memory struct{ resident, peak int }

func (m memory) String() string {
	return fmt.Sprintf("%d KiB resident, %d at most", m.resident, m.peak)
}

// result is the memory before, right after, and some time after the sockets were
// opened, and when all had ended, and how long that took.
type result struct {
	empty, opened, rested, ended memory
	took                         time.Duration
	ending                       ending
}

// each is what one of n sockets added, in KiB.
func (r result) each(m memory, n int) float64 {
	return float64(m.resident-r.empty.resident) / float64(n)
}

// warmUp is how many sockets come and go before the first look: what a process
// allocates once is not what a socket costs.
const warmUp = 50

// measure opens n sockets through the program and looks at its memory.
func measure(program, dir string, n int, rest time.Duration) (r result, err error) {
	app, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return r, err
	}
	defer app.Close()
	go serveApp(app)
	g, err := start(program, dir, app.Addr().String())
	if err != nil {
		return r, err
	}
	defer g.stop()
	if err := g.open(warmUp); err != nil {
		return r, err
	}
	g.closeAll()
	time.Sleep(time.Second)
	if r.empty, err = g.memory(); err != nil {
		return r, err
	}
	stop, asked := make(chan struct{}), make(chan error, 1)
	var requests ending
	go func() {
		var err error
		requests.asked, requests.slowest, err = g.askUntil(stop)
		asked <- err
	}()
	err = r.openAndRest(g, n, rest)
	close(stop)
	if err = errors.Join(err, <-asked); err != nil {
		return r, err
	}
	if r.ending, err = g.revokeAll(); err != nil {
		return r, err
	}
	r.ending.asked, r.ending.slowest = requests.asked, requests.slowest
	r.ended, err = g.memory()
	return r, err
}

func (r *result) openAndRest(g *gate, n int, rest time.Duration) (err error) {
	begin := time.Now()
	if err := g.open(n); err != nil {
		return err
	}
	r.took = time.Since(begin)
	if r.opened, err = g.memory(); err != nil {
		return err
	}
	time.Sleep(rest)
	if err := g.awake(); err != nil {
		return err
	}
	r.rested, err = g.memory()
	return err
}

// serveApp accepts WebSockets and echoes on them.
func serveApp(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			_ = c.(*net.TCPConn).SetLinger(0)
			in := bufio.NewReaderSize(c, 4<<10)
			r, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
			fmt.Fprintf(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: streamlit\r\n\r\n",
				base64.StdEncoding.EncodeToString(sum[:]))
			echo(c, in)
			_ = c.(*net.TCPConn).CloseWrite()
			_, _ = io.Copy(io.Discard, c)
		}()
	}
}

// echo is what io.Copy does without two more descriptors for each connection, through
// which the kernel would pass what comes (splice(2)).
func echo(c net.Conn, in io.Reader) {
	var b [64]byte
	for {
		n, err := in.Read(b[:])
		if err != nil {
			return
		}
		if _, err := c.Write(b[:n]); err != nil || b[0] == 0x88 { // a Close frame is the last
			return
		}
	}
}
