package upstream_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sidegate/upstream"
)

// patience bounds every wait of a test that goes well in far less.
const patience = 30 * time.Second

// app is an upstream that speaks bytes.
type app struct {
	net.Listener
	client *upstream.Client

	mu    sync.Mutex
	heads []string // of the requests that came
	conns []net.Conn
}

// conversation is one connection to an app, as the app sees it.
type conversation struct {
	net.Conn
	in *bufio.Reader
	n  int // requests so far
}

// start has an app answer each request by answer, which reads bodies itself and
// reports whether the connection goes on.
func start(t *testing.T, network string, answer func(c *conversation, head string) bool) *app {
	t.Helper()
	addr := "127.0.0.1:0"
	if network == "unix" {
		addr = filepath.Join(t.TempDir(), "app")
	}
	l, err := net.Listen(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	a := &app{Listener: l}
	a.client = &upstream.Client{Dial: func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, l.Addr().String())
	}}
	t.Cleanup(func() {
		a.client.CloseIdle()
		l.Close()
		a.hangUp()
	})
	go a.serve(answer)
	return a
}

func (a *app) serve(answer func(*conversation, string) bool) {
	for {
		conn, err := a.Accept()
		if err != nil {
			return
		}
		a.mu.Lock()
		a.conns = append(a.conns, conn)
		a.mu.Unlock()
		go func() {
			defer conn.Close()
			for c := (&conversation{Conn: conn, in: bufio.NewReader(conn)}); ; {
				head, err := readHead(c.in)
				if err != nil {
					return
				}
				a.mu.Lock()
				a.heads = append(a.heads, head)
				a.mu.Unlock()
				if c.n++; !answer(c, head) {
					return
				}
			}
		}()
	}
}

// hangUp ends all connections.
func (a *app) hangUp() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range a.conns {
		c.Close()
	}
}

func (a *app) counts() (requests, connections int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.heads), len(a.conns)
}

func readHead(in *bufio.Reader) (string, error) {
	var head strings.Builder
	for {
		line, err := in.ReadString('\n')
		head.WriteString(line)
		if err != nil || line == "\r\n" {
			return head.String(), err
		}
	}
}

// says is an app that answers everything with the same bytes, then goes on or closes.
func says(bytes string, keep bool) func(*conversation, string) bool {
	return func(c *conversation, _ string) bool {
		io.WriteString(c, bytes)
		return keep
	}
}

func get() *upstream.Request {
	return &upstream.Request{Method: "GET", Target: "/", Host: "app.example", Header: http.Header{}}
}

// ask makes one request and reads the whole answer.
func (a *app) ask(r *upstream.Request) (res *http.Response, body string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if res, err = a.client.RoundTrip(ctx, r); err != nil {
		return nil, "", err
	}
	defer res.Body.Close()
	all, err := io.ReadAll(res.Body)
	return res, string(all), err
}

// wantOK makes one request that has to be answered "ok".
func (a *app) wantOK(t *testing.T) {
	t.Helper()
	if res, body, err := a.ask(get()); err != nil || res.StatusCode != 200 || body != "ok" {
		t.Fatalf("answered %v %q, %v; want 200 ok", res, body, err)
	}
}

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
