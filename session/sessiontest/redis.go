package sessiontest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"sidegate/test/need"
)

// startTimeout is how long a Redis server may take to start, on a busy machine.
const startTimeout = 20 * time.Second

// RedisServer is a real Redis server, a child of the test, that keeps nothing on
// disk. Its methods fail the test when they cannot do what they say; they are for
// the test's own goroutine.
type RedisServer struct {
	URL string // redis://127.0.0.1:PORT/0, with the password if there is one

	t        testing.TB
	program  string
	dir      string
	port     int
	password string
	args     func() []string // after the port is chosen
	child    *exec.Cmd       // nil while it is not running
	guard    *exec.Cmd
}

// Redis starts a Redis server on a free port of the loopback interface, and ends
// it with the test. args are further redis-server options; --requirepass is
// understood by Do and URL. Without the program the test ends as package need says.
func Redis(t testing.TB, args ...string) *RedisServer {
	t.Helper()
	r := newServer(t, password(args))
	r.args = func() []string { return args }
	r.startAnywhere()
	return r
}

// newServer returns a server that does not run yet.
func newServer(t testing.TB, password string) *RedisServer {
	t.Helper()
	r := &RedisServer{t: t, program: need.Program(t, "redis-server", "redis-server"), dir: t.TempDir(), password: password}
	t.Cleanup(r.end)
	return r
}

// password returns what follows --requirepass.
func password(args []string) string {
	if i := slices.Index(args, "--requirepass"); i >= 0 && i+1 < len(args) {
		return args[i+1]
	}
	return ""
}

// userinfo is what stands before the host in the URL of a server with that password.
func userinfo(password string) string {
	if password == "" {
		return ""
	}
	return url.UserPassword("", password).String() + "@"
}

// startAnywhere starts the server on a port that is free.
func (r *RedisServer) startAnywhere() {
	r.t.Helper()
	for range 10 {
		r.port = newPort()
		r.URL = fmt.Sprintf("redis://%s%s/0", userinfo(r.password), r.Addr())
		if r.start() {
			return
		}
		if !r.portTaken() {
			break
		}
	}
	r.t.Fatalf("redis-server does not start: %s", r.log())
}

// newPort is below the ports that the system gives to outgoing connections: one of
// those must not take ours between Kill and Start.
func newPort() int { return 20_000 + rand.IntN(12_000) }

// Addr is the server's HOST:PORT.
func (r *RedisServer) Addr() string { return fmt.Sprintf("127.0.0.1:%d", r.port) }

// Start starts the server again, empty, on the port it had.
func (r *RedisServer) Start() {
	r.t.Helper()
	if r.child != nil {
		r.t.Fatal("redis-server is running already")
	}
	if !r.start() {
		r.t.Fatalf("redis-server does not start again: %s", r.log())
	}
}

// Kill ends the server without notice, as a crash does.
func (r *RedisServer) Kill() {
	r.t.Helper()
	if r.child == nil {
		r.t.Fatal("redis-server is not running")
	}
	r.end()
}

// Pause makes the server hang: connections to it open, and nothing is answered.
func (r *RedisServer) Pause() {
	r.t.Helper()
	r.signal(syscall.SIGSTOP)
	for r.answers(50 * time.Millisecond) { // until the signal has arrived
	}
}

// Resume ends Pause.
func (r *RedisServer) Resume() {
	r.t.Helper()
	r.signal(syscall.SIGCONT)
	if !r.waitReady() {
		r.t.Fatal("redis-server does not answer after Resume")
	}
}

// Do sends one command, such as Do("PTTL", key), and returns the answer: a string,
// a number in decimals, "(nil)", or the elements of an array on a line each.
func (r *RedisServer) Do(args ...string) string {
	r.t.Helper()
	answer, err := r.do(startTimeout, args...)
	if err != nil {
		r.t.Fatalf("redis %s: %v", args[0], err)
	}
	return answer
}

// start reports whether a server runs. It does not if the port is in use.
func (r *RedisServer) start() bool {
	log, err := os.Create(r.logFile())
	if err != nil {
		r.t.Fatal(err)
	}
	defer log.Close()
	r.child = exec.Command(r.program, append(r.args(),
		"--bind", "127.0.0.1", "--port", fmt.Sprint(r.port), "--dir", r.dir,
		"--save", "", "--appendonly", "no", "--daemonize", "no",
	)...)
	r.child.Stdout, r.child.Stderr = log, log
	if err := r.child.Start(); err != nil {
		r.t.Fatalf("redis-server: %v", err)
	}
	r.startGuard()
	if r.waitReady() {
		return true
	}
	r.end()
	return false
}

// waitReady reports whether our child answers, rather than another server that
// had the port before.
func (r *RedisServer) waitReady() bool {
	for giveUp := time.Now().Add(startTimeout); time.Now().Before(giveUp); time.Sleep(10 * time.Millisecond) {
		if r.answers(time.Second) {
			return true
		}
		if r.portTaken() {
			return false
		}
	}
	return false
}

func (r *RedisServer) answers(within time.Duration) bool {
	info, err := r.do(within, "INFO", "server")
	return err == nil && strings.Contains(info, fmt.Sprintf("process_id:%d\r\n", r.child.Process.Pid))
}

// startGuard starts a shell that ends the server if this process goes without
// Cleanup, as it does after a panic or at go test's time limit. It waits for its
// input to end, which happens however we do.
func (r *RedisServer) startGuard() {
	r.guard = exec.Command("sh", "-c", "read nothing; kill -9 $0", fmt.Sprint(r.child.Process.Pid))
	if _, err := r.guard.StdinPipe(); err != nil {
		r.t.Fatal(err)
	}
	if err := r.guard.Start(); err != nil {
		r.t.Fatalf("sh: %v", err)
	}
}

func (r *RedisServer) end() {
	if r.guard != nil && r.guard.Process != nil { // first: it knows only a number, which is free afterwards
		r.guard.Process.Kill()
		r.guard.Wait()
	}
	if r.child != nil && r.child.Process != nil {
		r.child.Process.Kill() // ends a stopped process as well
		r.child.Wait()
	}
	r.child, r.guard = nil, nil
}

func (r *RedisServer) signal(s syscall.Signal) {
	r.t.Helper()
	if r.child == nil {
		r.t.Fatal("redis-server is not running")
	}
	if err := r.child.Process.Signal(s); err != nil {
		r.t.Fatalf("redis-server: %v", err)
	}
}

func (r *RedisServer) logFile() string { return filepath.Join(r.dir, "log") }

func (r *RedisServer) portTaken() bool {
	return bytes.Contains(r.log(), []byte("Address already in use"))
}

func (r *RedisServer) log() []byte {
	log, _ := os.ReadFile(r.logFile())
	return log
}

// do uses a connection of its own, so that no earlier trouble is in its way.
func (r *RedisServer) do(within time.Duration, args ...string) (string, error) {
	conn, err := net.DialTimeout("tcp", r.Addr(), within)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(within))
	c := newRESP(conn)
	if r.password != "" {
		if _, err := c.do("AUTH", r.password); err != nil {
			return "", err
		}
	}
	return c.do(args...)
}
