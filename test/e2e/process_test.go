package e2e

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// process is a program that a test started. It ends with the test, and what it
// printed is shown if the test fails.
type process struct {
	name   string
	cmd    *exec.Cmd
	output *output
	exited chan struct{}
}

// start runs a program with a clean environment: what this process has in its own
// says nothing about what users have.
func start(t *testing.T, env []string, path string, args ...string) *process {
	t.Helper()
	p := &process{name: path[strings.LastIndexByte(path, '/')+1:], output: &output{}, exited: make(chan struct{})}
	p.cmd = exec.Command(path, args...)
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}, env...)
	p.cmd.Dir = t.TempDir()
	p.cmd.Stdout, p.cmd.Stderr = p.output, p.output
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that its children end with it
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("cannot start %s: %v", p.name, err)
	}
	go func() {
		_ = p.cmd.Wait()
		close(p.exited)
	}()
	t.Cleanup(func() {
		p.end()
		if t.Failed() {
			t.Logf("what %s printed:\n%s", p.name, p.output.tail(8<<10))
		}
	})
	return p
}

// end asks the process to stop, and makes it stop when it does not.
func (p *process) end() {
	p.signal(syscall.SIGTERM)
	select {
	case <-p.exited:
	case <-time.After(15 * time.Second):
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // whatever is left of its group
	<-p.exited
}

func (p *process) signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) }

// exitCode waits until the process has ended by itself.
func (p *process) exitCode(t *testing.T) int {
	t.Helper()
	select {
	case <-p.exited:
	case <-time.After(patience):
		t.Fatalf("%s still runs; it printed:\n%s", p.name, p.output.tail(4<<10))
	}
	return p.cmd.ProcessState.ExitCode()
}

// alive fails the test when the process has ended.
func (p *process) alive(t *testing.T) {
	t.Helper()
	select {
	case <-p.exited:
		t.Fatalf("%s ended: %v; it printed:\n%s", p.name, p.cmd.ProcessState, p.output.tail(4<<10))
	default:
	}
}

// answers waits until url answers 200.
func (p *process) answers(t *testing.T, url string) {
	t.Helper()
	client := http.Client{Timeout: 5 * time.Second}
	var last string
	eventually(t, func() string { return p.name + " does not answer " + url + ": " + last }, func() bool {
		p.alive(t)
		resp, err := client.Get(url)
		if err != nil {
			last = err.Error()
			return false
		}
		resp.Body.Close()
		last = resp.Status
		return resp.StatusCode == http.StatusOK
	})
}

// output is everything a process prints, to both of its streams.
type output struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.all.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.all.String()
}

// tail returns the last n bytes, less what says nothing: the app's many scripts.
func (o *output) tail(n int) string {
	var kept strings.Builder
	for line := range strings.Lines(o.String()) {
		if !strings.Contains(line, `"path":"/static/`) {
			kept.WriteString(line)
		}
	}
	return kept.String()[max(0, kept.Len()-n):]
}

// eventually waits until ok, and fails with what failure says otherwise.
func eventually(t *testing.T, failure func() string, ok func() bool) {
	t.Helper()
	for giveUp := time.Now().Add(patience); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(giveUp) {
			t.Fatal(failure())
		}
	}
}

// freePort returns a port that nobody listens on, below those that the system
// gives to outgoing connections: one of these must not take it during a restart.
func freePort(t *testing.T) int {
	t.Helper()
	for range 100 {
		port := 10_000 + rand.IntN(10_000)
		if l, err := net.Listen("tcp", loopback(port)); err == nil {
			l.Close()
			return port
		}
	}
	t.Fatal("no free port")
	return 0
}

func loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }
