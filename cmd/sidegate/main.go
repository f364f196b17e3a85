// Command sidegate is an authenticating sidecar: it stands in front of a web app
// that knows nothing of sign-in, sends browsers without a session to an OpenID
// provider, and tells the app who everybody else is.
//
// This package is the only one that knows all others; serve.go wires them.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"

	"sidegate/config"
	"sidegate/login"
)

const usage = `sidegate puts a web app behind sign-in with Google or any OpenID provider.

Usage:
  sidegate [serve]          stand in front of the app at SIDEGATE_UPSTREAM
  sidegate run -- CMD…      start the app as a child and stand in front of it
  sidegate demo [-- CMD…]   the same with a built-in provider and, without CMD, a
                            sample dashboard: needs no account and no settings
  sidegate config           print the effective settings, secrets masked
  sidegate settings         print the table of all settings
  sidegate recipe APP [--compose|--systemd|--kubernetes]
                            print a ready configuration for a dashboard
  sidegate sessions list [--json]
                            who is signed in at the running sidegate
  sidegate sessions revoke WHO…
                            end sessions: WHO is an e-mail, sub:SUBJECT or id:ID;
                            --all in its place ends everybody's
  sidegate risc register    have Google tell this sidegate when an account is hijacked,
                            disabled or signed out (also: verify, status)
  sidegate healthcheck      ask the running sidegate whether it serves
  sidegate version          print the version

Settings come from the environment, see "sidegate settings". For example:

  sidegate demo
  sidegate demo -- streamlit run app.py
  SIDEGATE_CLIENT_JSON=client_secret.json SIDEGATE_ALLOWED_DOMAINS=example.com \
      sidegate run -- streamlit run app.py
`

// streams are where a command writes: what was asked for, and everything else.
type streams struct{ out, err io.Writer }

func main() {
	os.Exit(command(os.Args[1:], streams{os.Stdout, os.Stderr}))
}

// command runs one command and returns the exit code: 0 done, 1 failed, 2 wrong
// use or wrong settings.
func command(args []string, to streams) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// After the first signal the second one ends the process at once.
	context.AfterFunc(ctx, stop)

	name, rest, ok := splitCommand(args)
	if !ok {
		fmt.Fprintf(to.err, "sidegate: unknown command %q\n\n%s", strings.Join(args, " "), usage)
		return 2
	}
	switch name {
	case "serve":
		return report(to, serveCommand(ctx, to))
	case "run":
		return report(to, runCommand(ctx, rest, to))
	case "demo":
		return report(to, demoCommand(ctx, rest, to))
	case "config":
		return report(to, configCommand(to))
	case "settings":
		fmt.Fprint(to.out, config.Table())
	case "recipe":
		return report(to, recipeCommand(rest, to))
	case "sessions":
		order, _ := parseSessions(rest)
		return report(to, sessionsCommand(ctx, order, to))
	case "risc":
		return report(to, riscCommand(ctx, rest[0], login.RISCBase, to))
	case "healthcheck":
		return report(to, healthCommand(ctx))
	case "version":
		fmt.Fprintln(to.out, "sidegate", version())
	case "help":
		fmt.Fprint(to.out, usage)
	}
	return 0
}

// splitCommand reads "NAME [-- CMD…]", "risc WHAT", and "sessions" with what
// belongs to it.
func splitCommand(args []string) (name string, rest []string, ok bool) {
	if len(args) == 0 {
		return "serve", nil, true
	}
	name = args[0]
	switch name {
	case "-h", "-help", "--help":
		name = "help"
	case "-v", "-version", "--version":
		name = "version"
	}
	rest = args[1:]
	switch name {
	case "recipe":
		return name, rest, true
	case "sessions":
		_, ok = parseSessions(rest)
		return name, rest, ok
	case "run", "demo":
		if len(rest) > 0 && rest[0] == "--" {
			return name, rest[1:], len(rest) > 1
		}
		return name, nil, len(rest) == 0 && name == "demo"
	case "risc":
		return name, rest, len(rest) == 1 && slices.Contains([]string{"register", "verify", "status"}, rest[0])
	case "serve", "config", "settings", "healthcheck", "version", "help":
		return name, nil, len(rest) == 0
	}
	return "", nil, false
}

// exitCode is an error that only says with which code to end.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

func report(to streams, err error) int {
	var code exitCode
	var fault *config.Fault
	switch {
	case err == nil:
		return 0
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &fault):
		fmt.Fprintf(to.err, "sidegate cannot start with these settings:\n")
		for line := range strings.Lines(err.Error()) {
			fmt.Fprintf(to.err, "  %s\n", strings.TrimRight(line, "\n"))
		}
		return 2
	}
	fmt.Fprintf(to.err, "sidegate: %v\n", err)
	return 1
}

func serveCommand(ctx context.Context, to streams) error {
	c, err := config.Load()
	if err != nil {
		return err
	}
	s, err := newServer(c, config.Load, to)
	if err != nil {
		return err
	}
	s.greet()
	return s.serve(ctx)
}

func configCommand(to streams) error {
	c, err := config.Load()
	if err != nil {
		return err
	}
	if _, err := appHeaders(c.Proxy.Headers, nil); err != nil {
		return err
	}
	return c.Describe(to.out)
}

func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}
