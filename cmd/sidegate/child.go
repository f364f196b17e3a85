package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"sidegate/config"
	"sidegate/proxy"
)

// child is the app when sidegate starts it.
type child struct {
	addr string // where it is told to listen, on loopback
	args []string
	app  string        // its name, or "auto"
	open *url.URL      // where browsers reach it
	env  []string      // what it is told besides
	done chan struct{} // closed when it has ended
	code int           // its exit code, once done
	proc *os.Process
}

// newChild picks a free port on loopback for the app that args start.
func newChild(args []string) (*child, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("find a port for the app: %w", err)
	}
	defer l.Close()
	return &child{addr: l.Addr().String(), args: args, done: make(chan struct{})}, nil
}

// url is the app's address.
func (c *child) url() string { return "http://" + c.addr }

// start runs the app. It learns its port from the environment, or from {port} in
// its arguments; our own settings, secrets among them, are kept from it.
func (c *child) start(to streams) error {
	_, port, _ := net.SplitHostPort(c.addr)
	args := make([]string, len(c.args))
	for i, a := range c.args {
		args[i] = strings.ReplaceAll(a, "{port}", port)
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = to.err, to.err
	cmd.Env = append(withoutSettings(os.Environ()), "PORT="+port, "HOST=127.0.0.1")
	cmd.Env = append(append(cmd.Env, c.environment()...), c.env...)
	cmd.SysProcAttr = childAttributes()
	// What the app leaves behind may hold on to its output for ever: where that is no file,
	// it is not waited for.
	cmd.WaitDelay = time.Second

	started := make(chan error)
	go func() {
		// The kernel ends the child with the thread that started it, not with the
		// process: this one must stay.
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			c.code = wait(cmd)
			close(c.done)
		}
	}()
	if err := <-started; err != nil {
		return startError(args[0], err)
	}
	c.proc = cmd.Process
	return nil
}

// startError says why a program did not start, and what to do.
func startError(program string, err error) error {
	if errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf("cannot start the app: there is no program %q on the PATH. Install it, or activate the environment that has it (for Python: . .venv/bin/activate)", program)
	}
	return fmt.Errorf("cannot start the app: %w", err)
}

func codeOf(err error) int {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return 0
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok {
		return codeOfStatus(status)
	}
	return exit.ExitCode()
}

func withoutSettings(env []string) []string {
	var kept []string
	for _, e := range env {
		if !strings.HasPrefix(e, "SIDEGATE_") {
			kept = append(kept, e)
		}
	}
	return kept
}

// stop asks the app to end, and insists after the given time. What it leaves behind is
// asked as well, such as the server that Dash starts for FastAPI and forgets.
func (c *child) stop(patience time.Duration) {
	c.proc.Signal(syscall.SIGTERM)
	select {
	case <-c.done:
	case <-time.After(patience):
		c.proc.Kill()
		<-c.done
	}
	// The group is its own (childAttributes); without members it is no more.
	syscall.Kill(-c.proc.Pid, syscall.SIGTERM)
}

// hintTime is how long an app may take before we say what it has to do: one of the times
// of awaitReady, which double.
const hintTime = 20 * time.Second

// awaitReady reports when the app answers, that it does not yet, and helps when it does
// not for long.
func (c *child) awaitReady(ctx context.Context, up *proxy.Upstream, g greeter) {
	start := time.Now()
	next := 5 * time.Second // after which it is said again
	g.starting(c.url(), 0)
	for {
		if up.Check(ctx) == nil {
			g.ready(c.url(), c.open.String(), time.Since(start))
			c.warnExposed(ctx, outside(), g.log)
			return
		}
		if past := time.Since(start); past > next {
			g.starting(c.url(), past)
			if next == hintTime {
				g.log.Warn("the app does not answer yet. It has to listen at 127.0.0.1 on the port in $PORT, or write {port} into its arguments", "at", c.url())
			}
			next *= 2
		}
		select {
		case <-ctx.Done():
			return
		case <-c.done:
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// warnExposed says when the app listens on more than loopback.
func (c *child) warnExposed(ctx context.Context, others []netip.Addr, log *slog.Logger) {
	host, port, _ := net.SplitHostPort(c.addr)
	if host != "127.0.0.1" {
		return // where it is was not for us to say
	}
	if at := exposed(ctx, others, port); at != "" {
		log.Warn("the app listens on other addresses than 127.0.0.1 too: whoever reaches it there needs no sign-in, and can say that they are anybody. Have it listen on 127.0.0.1 alone", "reached_at", at)
	}
}

// serveChild serves in front of the app, and ends with it: with its exit code if
// it ended by itself, with 0 if we were told to stop.
func serveChild(ctx context.Context, s *server, c *child, to streams) error {
	if at, err := reachable(s.config.AdminListen); err == nil && s.wantsTokens() {
		c.env = append(c.env, "GATE_ADMIN_URL=http://"+at) // no SIDEGATE_…: it is no setting
	}
	if err := c.start(to); err != nil {
		s.store.Close()
		return err
	}
	defer c.passSignals()()
	serving, cancel := context.WithCancel(ctx)
	defer cancel()
	go c.awaitReady(serving, s.upstream, s.greeter(to))
	go func() {
		<-c.done
		cancel()
	}()
	err := s.serve(serving)
	told := ctx.Err() != nil
	if !told {
		s.greeter(to).ended(c)
	}
	c.stop(s.config.Drain)
	if err == nil && !told && c.code != 0 {
		return exitCode(c.code)
	}
	return err
}

// settings are those of the environment, in front of this app.
func (c *child) settings(args []string) (config.Config, error) {
	raw, unknown := config.FromEnv()
	raw.App = appOf(raw.App, args)
	if raw.Upstream == "" {
		raw.Upstream = c.url()
	} else if u, err := url.Parse(raw.Upstream); err == nil {
		c.addr = u.Host // the app knows its port already
	}
	parsed, faults := raw.Parse()
	c.app, c.open = parsed.Proxy.App, parsed.Public
	return parsed, config.Join(unknown, faults)
}

// runCommand: sidegate run -- CMD…
func runCommand(ctx context.Context, args []string, to streams) error {
	c, err := newChild(args)
	if err != nil {
		return err
	}
	load := func() (config.Config, error) { return c.settings(args) }
	parsed, err := load()
	if err != nil {
		return err
	}
	s, err := newServer(parsed, load, to)
	if err != nil {
		return err
	}
	s.greet(to, args)
	return serveChild(ctx, s, c, to)
}
