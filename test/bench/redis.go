package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
)

// redisServer is a real one, of bench's own, that keeps nothing on disk.
type redisServer struct {
	*process
	addr string
}

func (s *site) startRedis(ctx context.Context, name string) (*redisServer, error) {
	path, err := program("redis-server", "redis-server")
	if err != nil {
		return nil, err
	}
	port, err := s.ports.free()
	if err != nil {
		return nil, err
	}
	p, err := start(s.dir, name, nil, path, "--bind", "127.0.0.1", "--port", strconv.Itoa(port),
		"--save", "", "--appendonly", "no", "--dir", s.dir)
	if err != nil {
		return nil, err
	}
	r := &redisServer{p, fmt.Sprintf("127.0.0.1:%d", port)}
	return r, p.until(ctx, "answer", func() bool {
		answer, err := r.ask("PING")
		return err == nil && answer == "PONG"
	})
}

// url is how sidegate is told of it.
func (r *redisServer) url() string { return "redis://" + r.addr + "/0" }

// ask sends one command on a connection of its own.
func (r *redisServer) ask(args ...string) (any, error) {
	c, err := dialRedis(r.addr)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return c.do(args...)
}

// redisConn speaks the protocol (RESP2) directly: bench counts commands, and a client
// library sends some of its own.
type redisConn struct {
	net.Conn
	in *bufio.Reader
}

func dialRedis(addr string) (*redisConn, error) {
	c, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return nil, err
	}
	return &redisConn{c, bufio.NewReader(c)}, nil
}

func (c *redisConn) do(args ...string) (any, error) {
	if err := c.send(args...); err != nil {
		return nil, err
	}
	return c.answer()
}

// send writes a command; several may be under way.
func (c *redisConn) send(args ...string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(args))
	for _, a := range args {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(a), a)
	}
	_ = c.SetDeadline(time.Now().Add(patience))
	_, err := io.WriteString(c, b.String())
	return err
}

// answer reads one: a string, an int64, a []any, or nil.
func (c *redisConn) answer() (any, error) {
	line, err := c.in.ReadString('\n')
	if err != nil {
		return nil, err
	}
	kind, rest := line[0], strings.TrimSuffix(line[1:], "\r\n")
	switch kind {
	case '+':
		return rest, nil
	case '-':
		return nil, errors.New("redis: " + rest)
	case ':':
		return strconv.ParseInt(rest, 10, 64)
	}
	n, err := strconv.Atoi(rest)
	if err != nil || n < 0 {
		return nil, err
	}
	if kind == '$' {
		b := make([]byte, n+2)
		_, err := io.ReadFull(c.in, b)
		return string(b[:n]), err
	}
	all := make([]any, n)
	for i := range all {
		if all[i], err = c.answer(); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// calls is how often each command was called.
type calls map[string]int64

// counts reads how often each command was called, by the server's own account.
func (r *redisServer) counts() (calls, error) {
	answer, err := r.ask("INFO", "commandstats")
	if err != nil {
		return nil, err
	}
	text, _ := answer.(string)
	return parseCounts(text), nil
}

// parseCounts reads lines such as "cmdstat_get:calls=3,usec=9,…". What bench asks
// itself does not count, nor what opens a connection.
func parseCounts(text string) calls {
	own := []string{"info", "memory|usage", "scan", "hello", "client|setinfo", "client|maint_notifications", "select", "subscribe"}
	all := make(calls)
	for line := range strings.Lines(text) {
		name, rest, ok := strings.Cut(strings.TrimPrefix(line, "cmdstat_"), ":calls=")
		number, _, _ := strings.Cut(rest, ",")
		n, err := strconv.ParseInt(number, 10, 64)
		if ok && err == nil && !slices.Contains(own, name) {
			all[name] = n
		}
	}
	return all
}

// since is what was called between two counts.
func (c calls) since(before calls) calls {
	more := make(calls)
	for name, n := range c {
		if n > before[name] {
			more[name] = n - before[name]
		}
	}
	return more
}

// sum counts all but those named.
func (c calls) sum(but ...string) (n int64) {
	for name, m := range c {
		if !slices.Contains(but, name) {
			n += m
		}
	}
	return n
}

// bytesOf sums what the server says each key takes (MEMORY USAGE), by the first of
// kinds that the key begins with, and counts them.
func (r *redisServer) bytesOf(kinds ...string) (bytes, count map[string]int64, err error) {
	c, err := dialRedis(r.addr)
	if err != nil {
		return nil, nil, err
	}
	defer c.Close()
	bytes, count = make(map[string]int64), make(map[string]int64)
	for cursor := "0"; ; {
		answer, err := c.do("SCAN", cursor, "COUNT", "500")
		if err != nil {
			return nil, nil, err
		}
		page, ok := answer.([]any)
		if !ok || len(page) != 2 {
			return nil, nil, errors.New("redis: SCAN answers otherwise")
		}
		keys, _ := page[1].([]any)
		for _, key := range keys {
			key, _ := key.(string)
			kind := kindOf(key, kinds)
			size, err := c.do("MEMORY", "USAGE", key, "SAMPLES", "0")
			if err != nil {
				return nil, nil, err
			}
			if n, ok := size.(int64); ok { // else it is gone by now
				bytes[kind] += n
				count[kind]++
			}
		}
		if cursor, _ = page[0].(string); cursor == "0" {
			return bytes, count, nil
		}
	}
}

func kindOf(key string, kinds []string) string {
	for _, k := range kinds {
		if strings.HasPrefix(key, k) {
			return k
		}
	}
	return ""
}
