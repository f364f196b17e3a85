package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// socket is the browser's end of a WebSocket.
type socket struct {
	net.Conn
	in io.Reader
}

// openSocket opens one through a candidate, as a browser does.
func openSocket(c *candidate) (*socket, error) {
	conn, err := net.DialTimeout("tcp", c.addr(), patience)
	if err != nil {
		return nil, err
	}
	_ = conn.SetDeadline(time.Now().Add(patience))
	h := browserHeader()
	h.Set("Origin", c.url)
	h.Set("Sec-Fetch-Dest", "websocket")
	h.Set("Sec-Fetch-Mode", "websocket")
	h.Set("Sec-Fetch-Site", "same-origin")
	h.Set("Connection", "Upgrade")
	h.Set("Upgrade", "websocket")
	h.Set("Sec-WebSocket-Version", "13")
	h.Set("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
	if c.cookie != "" {
		h.Set("Cookie", c.cookie)
	}
	out := bufio.NewWriter(conn)
	fmt.Fprintf(out, "GET %s HTTP/1.1\r\nHost: %s\r\n", pathWS, c.addr())
	_ = h.Write(out)
	fmt.Fprint(out, "\r\n")
	err = out.Flush()
	in := bufio.NewReaderSize(conn, 1<<10)
	if err == nil {
		err = taken(in)
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("%s: a WebSocket: %w", c.name, err)
	}
	return &socket{conn, in}, nil
}

func taken(in *bufio.Reader) error {
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		return fmt.Errorf("was answered %s", resp.Status)
	}
	return nil
}

// message is a masked text frame of 64 bytes (RFC 6455 5.2), which is what a click on a
// dashboard's button comes to.
func message() []byte {
	frame := append(make([]byte, 0, 70), 0x81, 0x80|64, 1, 2, 3, 4)
	for i := range 64 {
		frame = append(frame, byte('a'+i%26)^frame[2+i%4])
	}
	return frame
}

// roundTrip sends a message and waits until it is back.
func (s *socket) roundTrip(message, buffer []byte) (time.Duration, error) {
	_ = s.SetDeadline(time.Now().Add(patience))
	begin := time.Now()
	if _, err := s.Write(message); err != nil {
		return 0, err
	}
	if _, err := io.ReadFull(s.in, buffer[:len(message)]); err != nil {
		return 0, err
	}
	took := time.Since(begin)
	if string(buffer[:len(message)]) != string(message) {
		return 0, fmt.Errorf("a message came back as another")
	}
	return took, nil
}

// talk has messages go to and fro on several sockets at a time, and returns how long
// each was under way.
func talk(c *candidate, sockets, messages int) (waits []time.Duration, err error) {
	var (
		all sync.WaitGroup
		mu  sync.Mutex
	)
	open, err := openSockets(c, sockets)
	defer closeSockets(open)
	if err != nil {
		return nil, err
	}
	for _, s := range open {
		all.Go(func() {
			m, buffer := message(), make([]byte, 128)
			mine := make([]time.Duration, 0, messages)
			var fault error
			for range messages {
				took, err := s.roundTrip(m, buffer)
				if err != nil {
					fault = fmt.Errorf("%s: on a WebSocket: %w", c.name, err)
					break
				}
				mine = append(mine, took)
			}
			mu.Lock()
			defer mu.Unlock()
			waits = append(waits, mine...)
			if fault != nil {
				err = fault
			}
		})
	}
	all.Wait()
	return waits, err
}

// openSockets opens many, some at a time.
func openSockets(c *candidate, n int) (open []*socket, err error) {
	var (
		all  sync.WaitGroup
		mu   sync.Mutex
		turn = make(chan struct{}, 16)
	)
	for range n {
		turn <- struct{}{}
		all.Go(func() {
			defer func() { <-turn }()
			s, fault := openSocket(c)
			mu.Lock()
			defer mu.Unlock()
			if fault != nil {
				err = fault
				return
			}
			open = append(open, s)
		})
	}
	all.Wait()
	return open, err
}

func closeSockets(open []*socket) {
	for _, s := range open {
		s.Close()
	}
}

// sleep opens n sockets, uses each once, lets them rest, and returns by how much the
// memory of the candidate has grown for each, in KiB.
func sleep(c *candidate, n int, rest time.Duration) (float64, error) {
	// What is allocated once is not what a socket costs.
	if _, err := talk(c, 50, 1); err != nil {
		return 0, err
	}
	time.Sleep(rest)
	before, err := memoryOf(c.pids...)
	if err != nil {
		return 0, err
	}
	open, err := openSockets(c, n)
	defer closeSockets(open)
	if err != nil {
		return 0, err
	}
	for _, s := range open {
		if _, err := s.roundTrip(message(), make([]byte, 128)); err != nil {
			return 0, fmt.Errorf("%s: %w", c.name, err)
		}
	}
	time.Sleep(rest)
	after, err := memoryOf(c.pids...)
	return (after - before) / float64(n), err
}
