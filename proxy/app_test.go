package proxy_test

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// app is an upstream that speaks bytes: what it keeps of a request is what came
// over the wire, in order and in the spelling that was sent.
type app struct {
	addr   string
	listen net.Listener

	mu     sync.Mutex
	taken  int // connections
	seen   []request
	conns  map[net.Conn]bool
	answer func(*appConn, request) (keep bool)
}

// appConn is one connection to an app.
type appConn struct {
	net.Conn
	in *bufio.Reader
}

// request is one that an app received.
type request struct {
	line   string
	fields []field
	body   string // as on the wire, chunks and trailers included
}

type field struct{ name, value string }

func startApp(t *testing.T) *app {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a := &app{addr: l.Addr().String()}
	a.serve(t, l)
	return a
}

// serve answers on l until the test is over.
func (a *app) serve(t *testing.T, l net.Listener) {
	a.listen, a.conns = l, map[net.Conn]bool{}
	t.Cleanup(a.stop)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			a.mu.Lock()
			a.conns[c] = true
			a.taken++
			a.mu.Unlock()
			go a.converse(&appConn{c, bufio.NewReader(c)})
		}
	}()
}

// stop ends the listener and every connection.
func (a *app) stop() {
	a.listen.Close()
	a.mu.Lock()
	defer a.mu.Unlock()
	for c := range a.conns {
		c.Close()
	}
}

func (a *app) converse(c *appConn) {
	defer func() {
		c.Close()
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.conns, c.Conn)
	}()
	for {
		req, err := readRequest(c.in)
		if err != nil {
			return
		}
		a.mu.Lock()
		a.seen = append(a.seen, req)
		answer := a.answer
		a.mu.Unlock()
		if answer == nil {
			answer = answerOK
		}
		if !answer(c, req) {
			return
		}
	}
}

// answers has the app answer so from now on.
func (a *app) answers(f func(*appConn, request) (keep bool)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answer = f
}

// says has the app answer everything with these bytes, then close or go on.
func (a *app) says(bytes string, keep bool) {
	a.answers(func(c *appConn, _ request) bool {
		io.WriteString(c, bytes)
		return keep
	})
}

// hits returns the requests received so far.
func (a *app) hits() []request {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]request(nil), a.seen...)
}

// connections returns how many were made to the app so far.
func (a *app) connections() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.taken
}

// only returns the one request received.
func (a *app) only(t *testing.T) request {
	t.Helper()
	hits := a.hits()
	if len(hits) != 1 {
		t.Fatalf("the app received %d requests, want 1: %v", len(hits), hits)
	}
	return hits[0]
}

func (a *app) wantNoHits(t *testing.T) {
	t.Helper()
	if hits := a.hits(); len(hits) != 0 {
		t.Errorf("the app received %v, want nothing", hits)
	}
}

// answerOK accepts a WebSocket and echoes on it, and answers 200 to the rest.
func answerOK(c *appConn, req request) bool {
	if req.get("Upgrade") != "" {
		accept(c, req)
		io.Copy(c, c.in)
		return false
	}
	body := "ok"
	if strings.HasPrefix(req.line, "HEAD ") {
		body = ""
	}
	io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"+body)
	return true
}

// accept writes the 101 that belongs to a handshake, with more fields if given.
func accept(c io.Writer, req request, more ...string) {
	sum := sha1.Sum([]byte(req.get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	lines := append([]string{
		"HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade",
		"Sec-WebSocket-Accept: " + base64.StdEncoding.EncodeToString(sum[:]),
	}, more...)
	io.WriteString(c, strings.Join(lines, "\r\n")+"\r\n\r\n")
}

func readRequest(in *bufio.Reader) (req request, err error) {
	if req.line, err = readLine(in); err != nil {
		return req, err
	}
	for {
		line, err := readLine(in)
		if err != nil {
			return req, err
		}
		if line == "" {
			break
		}
		name, value, _ := strings.Cut(line, ":")
		req.fields = append(req.fields, field{name, strings.TrimLeft(value, " ")})
	}
	if req.get("Transfer-Encoding") != "" {
		req.body, err = readChunks(in)
		return req, err
	}
	n, _ := strconv.Atoi(req.get("Content-Length"))
	body := make([]byte, n)
	_, err = io.ReadFull(in, body)
	req.body = string(body)
	return req, err
}

func readLine(in *bufio.Reader) (string, error) {
	line, err := in.ReadString('\n')
	return strings.TrimSuffix(line, "\r\n"), err
}

// readChunks returns a chunked body as it is on the wire, to the end of its
// trailers.
func readChunks(in *bufio.Reader) (string, error) {
	var raw strings.Builder
	for last := false; ; {
		line, err := in.ReadString('\n')
		raw.WriteString(line)
		if err != nil || last && line == "\r\n" {
			return raw.String(), err
		}
		if last {
			continue
		}
		size, err := strconv.ParseInt(strings.TrimSuffix(line, "\r\n"), 16, 32)
		if err != nil {
			return raw.String(), err
		}
		if last = size == 0; !last {
			io.CopyN(&raw, in, size+2)
		}
	}
}

// all returns the values of the fields with exactly this name.
func (r request) all(name string) (values []string) {
	for _, f := range r.fields {
		if strings.EqualFold(f.name, name) {
			values = append(values, f.value)
		}
	}
	return values
}

func (r request) get(name string) string { return strings.Join(r.all(name), ", ") }

// target is the request target in the request line.
func (r request) target() string {
	_, rest, _ := strings.Cut(r.line, " ")
	return strings.TrimSuffix(rest, " HTTP/1.1")
}
