package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// patience is how long something may take that ought to be there at once.
const patience = 30 * time.Second

// process is a program that bench started, and ends.
type process struct {
	name   string
	log    string // file of what it printed
	cmd    *exec.Cmd
	exited chan struct{}
}

// start runs a program with the given environment and nothing else of ours. What it
// prints goes to a file, as it would on a server.
func start(dir, name string, env []string, path string, args ...string) (*process, error) {
	p := &process{name: name, log: filepath.Join(dir, name+".log"), exited: make(chan struct{})}
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	p.cmd = exec.Command(path, args...)
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH")}, env...)
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = dir, out, out
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that its children end with it
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	go func() {
		_ = p.cmd.Wait()
		close(p.exited)
	}()
	return p, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// stop asks the process to end, and makes it end when it does not.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.exited:
	case <-time.After(5 * time.Second):
	}
	_ = syscall.Kill(-p.pid(), syscall.SIGKILL) // whatever is left of its group
	<-p.exited
}

// failure is an error of the process, with what it printed last.
func (p *process) failure(what string) error {
	b, _ := os.ReadFile(p.log)
	return fmt.Errorf("%s %s; it printed:\n%s", p.name, what, b[max(0, len(b)-2000):])
}

// until calls ok until it is true or the process has ended.
func (p *process) until(ctx context.Context, what string, ok func() bool) error {
	for giveUp := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-p.exited:
			return p.failure("ended")
		default:
		}
		if time.Now().After(giveUp) {
			return p.failure("does not " + what)
		}
	}
	return nil
}

// answers waits until url is answered with one of the wanted statuses, on a connection
// of its own each time, and without following redirects.
func (p *process) answers(ctx context.Context, url string, want ...int) error {
	client := newClient(0)
	defer client.CloseIdleConnections()
	return p.until(ctx, "answer "+url, func() bool {
		status, _, err := get(ctx, client, url, "")
		return err == nil && slices.Contains(want, status)
	})
}

// newClient returns a client that follows nothing, keeps idle connections as told, and
// takes what is sent as it is.
func newClient(idle int) *http.Client {
	return &http.Client{
		Timeout: patience,
		Transport: &http.Transport{
			MaxIdleConnsPerHost: idle, DisableKeepAlives: idle == 0, DisableCompression: true,
			DialContext: (&net.Dialer{Timeout: patience}).DialContext,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// ports gives out each port once: between being found free and being listened on it
// must not be found again. The zero value is ready for use.
type ports struct {
	mu    sync.Mutex
	given []int
}

// free returns a port that nobody listens on, below those that the system gives to
// outgoing connections: one of these must not take it before a program does.
func (p *ports) free() (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for range 200 {
		port := 10_100 + rand.IntN(9_900)
		if slices.Contains(p.given, port) {
			continue
		}
		if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			p.given = append(p.given, port)
			return port, l.Close()
		}
	}
	return 0, errors.New("no free port")
}

// program finds a Debian package's program, also where only root has it in PATH.
func program(name, debianPackage string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	path := filepath.Join("/usr/sbin", name)
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("%s is missing: apt-get install %s, or leave it out with -only", name, debianPackage)
	}
	return path, nil
}

// build makes a program of this module.
func build(dir, pkg string) (string, error) {
	path := filepath.Join(dir, pkg[strings.LastIndexByte(pkg, '/')+1:])
	out, err := exec.Command("go", "build", "-o", path, pkg).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
}
