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
	"strings"

	"sidegate/config"
)

// streams are where a command writes: what was asked for, and everything else.
type streams struct{ out, err io.Writer }

func main() {
	paceCollector(giveBackTime)
	os.Exit(command(os.Args[1:], streams{os.Stdout, os.Stderr}))
}

// command runs one command and returns the exit code: 0 done, 1 failed, 2 wrong
// use or wrong settings.
func command(args []string, to streams) int {
	args, named := takeEnvFile(args)
	v, rest := splitCommand(args)
	switch {
	case !named:
		fmt.Fprintf(to.err, "sidegate: --env-file needs the name of a file: --env-file FILE\n")
		return 2
	case v.run == nil:
		fmt.Fprintf(to.err, "sidegate: %s\n", unknownCommand(args))
		return 2
	case asksForHelp(rest):
		fmt.Fprint(to.out, v.help())
		return 0
	case !v.fits(rest):
		fmt.Fprintf(to.err, "sidegate: %s\n\n%s", v.misused(rest), v.help())
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), endSignals(v.name)...)
	defer stop()
	// After the first signal the second one ends the process at once.
	context.AfterFunc(ctx, stop)
	return report(to, v.run(ctx, rest, to))
}

// splitCommand returns the command that is meant, and what follows it.
func splitCommand(args []string) (verb, []string) {
	if len(args) == 0 {
		return verbNamed("serve"), nil
	}
	switch args[0] {
	case "-h", "-help", "--help":
		return verbNamed("help"), args[1:]
	case "-v", "-version", "--version":
		return verbNamed("version"), args[1:]
	}
	return verbNamed(args[0]), args[1:]
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
		if nothingSet(err) {
			fmt.Fprintf(to.err, "%s setup asks for what is missing, and writes it to %s.\n", calledAs(os.Args[0]), config.EnvFile)
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
	s.greet(to, nil)
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
