package main

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"sidegate/identity"
	"sidegate/session"
	"sidegate/session/filestore"
)

// gate is a running program, and the browsers' ends of its sockets.
type gate struct {
	cmd         *exec.Cmd
	addr, admin string
	cookies     []string // of persons

	mu    sync.Mutex
	socks []net.Conn
}

// memoryLimit is what the program is told to keep to, as in a small container.
const memoryLimit = "256MiB"

// start signs people in, by writing the session where the program will find it,
// and starts the program. The provider is not there, and not needed.
func start(program, dir, app string) (*gate, error) {
	addrs, err := freeAddrs(2)
	if err != nil {
		return nil, err
	}
	g := &gate{addr: addrs[0], admin: addrs[1]}
	secret, store, public := rand.Text()+rand.Text(), filepath.Join(dir, "sessions"), "http://"+g.addr
	if g.cookies, err = signIn(secret, store, public); err != nil {
		return nil, err
	}
	g.cmd = exec.Command(program)
	g.cmd.Env = []string{
		"SIDEGATE_UPSTREAM=http://" + app, "SIDEGATE_PUBLIC_URL=" + public, "SIDEGATE_LISTEN=" + g.addr, "SIDEGATE_ADMIN_LISTEN=" + addrs[1],
		"SIDEGATE_ISSUER=http://127.0.0.1:9", "SIDEGATE_CLIENT_ID=id", "SIDEGATE_CLIENT_SECRET=" + rand.Text(), "SIDEGATE_ALLOW_ANYONE=true",
		"SIDEGATE_SESSION_STORE=file:" + store, "SIDEGATE_SECRET=" + secret, "SIDEGATE_LOG_LEVEL=error", "SIDEGATE_DRAIN=1s", "GOMEMLIMIT=" + memoryLimit,
		"SIDEGATE_APP=none", // it speaks WebSocket alone
	}
	g.cmd.Stderr = os.Stderr
	if err := g.cmd.Start(); err != nil {
		return nil, err
	}
	for range 100 {
		if c, err := net.Dial("tcp", g.addr); err == nil {
			return g, c.Close()
		}
		time.Sleep(50 * time.Millisecond)
	}
	g.stop()
	return nil, errors.New("the program does not listen")
}

// stop ends the program.
func (g *gate) stop() {
	g.closeAll()
	g.cmd.Process.Signal(syscall.SIGTERM)
	g.cmd.Wait()
}

// freeAddrs returns loopback addresses where nobody listens.
func freeAddrs(n int) (addrs []string, err error) {
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		addrs = append(addrs, l.Addr().String())
	}
	return addrs, nil
}

// persons is how many are signed in. The sockets are theirs in turn.
const persons = 50

// signIn makes sessions and returns their cookies.
func signIn(secret, path, public string) (cookies []string, err error) {
	store, err := filestore.Open(path)
	if err != nil {
		return nil, err
	}
	keys, err := session.NewKeys(secret)
	if err != nil {
		return nil, err
	}
	m := session.NewManager(session.Options{
		Store: store, Keys: keys, Live: &session.Live{}, Audience: public,
		Limits: session.Limits{Idle: 12 * time.Hour, Max: 168 * time.Hour}, Now: time.Now,
	})
	for i := range persons {
		w := httptest.NewRecorder()
		if _, err := m.Create(w, httptest.NewRequest(http.MethodGet, "/", nil), session.SignIn{Identity: identity.Identity{
			Issuer: "http://127.0.0.1:9", Subject: strconv.Itoa(1000 + i), Email: "alice@app.example", EmailVerified: true, Name: "Alice Ay",
		}}); err != nil {
			return nil, errors.Join(err, store.Close())
		}
		c := w.Result().Cookies()[0]
		cookies = append(cookies, c.Name+"="+c.Value)
	}
	return cookies, store.Close()
}

// openers is how many browsers open sockets at the same time.
const openers = 16

// open opens n sockets, as a browser does.
func (g *gate) open(n int) error {
	work, failed := make(chan struct{}, n), make(chan error, openers)
	for range n {
		work <- struct{}{}
	}
	close(work)
	var all sync.WaitGroup
	for range openers {
		all.Go(func() {
			for range work {
				if err := g.openOne(); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	all.Wait()
	close(failed)
	return <-failed
}

func (g *gate) openOne() error {
	c, err := net.Dial("tcp", g.addr)
	if err != nil {
		return err
	}
	g.mu.Lock()
	cookie := g.cookies[len(g.socks)%len(g.cookies)]
	g.socks = append(g.socks, c)
	g.mu.Unlock()
	fmt.Fprintf(c, "GET /_stcore/stream HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nPragma: no-cache\r\nCache-Control: no-cache\r\n"+
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\n"+
		"Upgrade: websocket\r\nOrigin: http://%[1]s\r\nSec-WebSocket-Version: 13\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n"+
		"Accept-Language: en-US,en;q=0.9\r\nCookie: _streamlit_xsrf=2|8d6a3f0e|5b0b2c8a9f1d4e6c7a8b9c0d1e2f3a4b|1757000000; %s\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"+
		"Sec-WebSocket-Protocol: streamlit, 2|8d6a3f0e|5b0b2c8a9f1d4e6c7a8b9c0d1e2f3a4b|1757000000, 0e7f3d3c-8f7c-4a4e-9d0b-2f3a4b5c6d7e\r\n\r\n", g.addr, cookie)
	res, err := http.ReadResponse(bufio.NewReaderSize(c, 1<<10), nil)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusSwitchingProtocols {
		return fmt.Errorf("a handshake was answered %s", res.Status)
	}
	return nil
}

// awake checks that every socket still carries a message there and back.
func (g *gate) awake() error {
	for _, c := range g.socks {
		const message = "\x82\x81\x01\x02\x03\x04x"
		c.SetDeadline(time.Now().Add(10 * time.Second))
		if _, err := io.WriteString(c, message); err != nil {
			return err
		}
		got := make([]byte, len(message))
		if _, err := io.ReadFull(c, got); err != nil || string(got) != message {
			return fmt.Errorf("a socket that slept answered %q, %w", got, err)
		}
	}
	return nil
}

// closeAll resets what is open: thousands of connections that are closed in order
// hold their ports for a minute, and the next run finds none.
func (g *gate) closeAll() {
	for _, c := range g.socks {
		_ = c.(*net.TCPConn).SetLinger(0)
		c.Close()
	}
	g.socks = nil
}

// memory reads what the kernel counts for the program.
func (g *gate) memory() (m memory, err error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", g.cmd.Process.Pid))
	if err != nil {
		return m, err
	}
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		kib, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(value), " kB"))
		switch name {
		case "VmRSS":
			m.resident = kib
		case "VmHWM":
			m.peak = kib
		}
	}
	return m, nil
}
