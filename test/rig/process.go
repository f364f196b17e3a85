// Package rig holds what the tests that start the real program have in common:
// building it, running programs and waiting for them, free ports, and the client's
// side of a WebSocket in bytes.
package rig

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Patience is how long a test waits for something that should happen soon. It is
// long because machines are noisy: a test fails by what happens, not by when.
const Patience = 2 * time.Minute

// Process is a program that a test started. It ends with the test, and what it
// printed is shown if the test fails.
type Process struct {
	Output *Output
	name   string
	cmd    *exec.Cmd
	exited chan struct{}
}

// Start runs a program with a clean environment: what this process has in its own
// says nothing about what users have.
func Start(t testing.TB, env []string, path string, args ...string) *Process {
	t.Helper()
	p := &Process{name: path[strings.LastIndexByte(path, '/')+1:], Output: &Output{}, exited: make(chan struct{})}
	p.cmd = exec.Command(path, args...)
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}, env...)
	p.cmd.Dir = t.TempDir()
	p.cmd.Stdout, p.cmd.Stderr = p.Output, p.Output
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that its children end with it
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("cannot start %s: %v", p.name, err)
	}
	unguard := Guard(t, "kill -9 -$0", strconv.Itoa(p.Pid()))
	go func() {
		_ = p.cmd.Wait()
		unguard() // it knows only a number, which is free now
		close(p.exited)
	}()
	t.Cleanup(func() {
		p.End()
		if t.Failed() {
			t.Logf("what %s printed:\n%s", p.name, p.Output.Tail(8<<10))
		}
	})
	return p
}

// Guard has a shell carry out a script, with one argument as $0, if this process
// goes without Cleanup, as it does after a panic or at go test's time limit. The
// shell waits for its input to end, which happens however we do. The function
// returned calls it off.
func Guard(t testing.TB, script, arg string) (off func()) {
	t.Helper()
	guard := exec.Command("/bin/sh", "-c", "read nothing; "+script, arg)
	if _, err := guard.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := guard.Start(); err != nil {
		t.Fatalf("sh: %v", err)
	}
	return func() {
		_ = guard.Process.Kill()
		_ = guard.Wait()
	}
}

// End asks the process to stop, and makes it stop when it does not.
func (p *Process) End() {
	p.Signal(syscall.SIGTERM)
	select {
	case <-p.exited:
	case <-time.After(15 * time.Second):
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // whatever is left of its group
	<-p.exited
}

// Signal sends a signal, and does not mind when there is nobody left to get it.
func (p *Process) Signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) }

// Pid is the number of the process.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Kill ends the process as a crash does, and waits until it is gone.
func (p *Process) Kill() {
	p.Signal(syscall.SIGKILL)
	<-p.exited
}

// ExitCode waits until the process has ended by itself.
func (p *Process) ExitCode(t testing.TB) int {
	t.Helper()
	select {
	case <-p.exited:
	case <-time.After(Patience):
		t.Fatalf("%s still runs; it printed:\n%s", p.name, p.Output.Tail(4<<10))
	}
	return p.cmd.ProcessState.ExitCode()
}

// Alive fails the test when the process has ended.
func (p *Process) Alive(t testing.TB) {
	t.Helper()
	select {
	case <-p.exited:
		t.Fatalf("%s ended: %v; it printed:\n%s", p.name, p.cmd.ProcessState, p.Output.Tail(4<<10))
	default:
	}
}

// Answers waits until url answers 200.
func (p *Process) Answers(t testing.TB, url string) {
	t.Helper()
	client := http.Client{Timeout: 5 * time.Second}
	var last string
	Eventually(t, func() string { return p.name + " does not answer " + url + ": " + last }, func() bool {
		p.Alive(t)
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

// Output is everything a process prints, to both of its streams.
type Output struct {
	mu  sync.Mutex
	all bytes.Buffer
}

// Write implements io.Writer.
func (o *Output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.all.Write(b)
}

// String returns all of it so far.
func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.all.String()
}

// Tail returns the last n bytes, less what says nothing: the app's many scripts.
func (o *Output) Tail(n int) string {
	var kept strings.Builder
	for line := range strings.Lines(o.String()) {
		if !strings.Contains(line, `"path":"/static/`) {
			kept.WriteString(line)
		}
	}
	return kept.String()[max(0, kept.Len()-n):]
}

// Eventually waits until ok, and fails with what failure says otherwise.
func Eventually(t testing.TB, failure func() string, ok func() bool) {
	t.Helper()
	for giveUp := time.Now().Add(Patience); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(giveUp) {
			t.Fatal(failure())
		}
	}
}

// FreePort returns a port that nobody listens on, below those that the system
// gives to outgoing connections: one of these must not take it during a restart.
func FreePort(t testing.TB) int {
	t.Helper()
	for range 100 {
		port := 10_100 + rand.IntN(9_900) // above 10080, which browsers refuse to open
		if l, err := net.Listen("tcp", Loopback(port)); err == nil {
			l.Close()
			return port
		}
	}
	t.Fatal("no free port")
	return 0
}

// Loopback is the address of a port of this machine that no other reaches.
func Loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }
