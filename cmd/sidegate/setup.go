package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"sidegate/config"
	"sidegate/setup"
)

// setupOrder is what the arguments of sidegate setup ask for.
type setupOrder struct {
	yes   bool
	given setup.Answers
}

func parseSetup(args []string) (setupOrder, error) {
	var o setupOrder
	flags := flag.NewFlagSet("setup", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.BoolVar(&o.yes, "yes", false, "")
	flags.StringVar(&o.given.PublicURL, "public-url", "", "")
	flags.StringVar(&o.given.ClientJSON, "client-json", "", "")
	flags.StringVar(&o.given.Store, "store", "", "")
	several := func(to *string) func(string) error {
		return func(value string) error {
			*to = strings.TrimPrefix(*to+","+value, ",")
			return nil
		}
	}
	flags.Func("domain", "", several(&o.given.Domains))
	flags.Func("email", "", several(&o.given.Emails))
	err := flags.Parse(args)
	if err == nil && flags.NArg() > 0 {
		err = fmt.Errorf("%q is no flag", flags.Arg(0))
	}
	return o, err
}

// setupCommand: sidegate setup.
func setupCommand(ctx context.Context, args []string, in io.Reader, to streams) error {
	order, err := parseSetup(args)
	if err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintf(to.err, "sidegate: setup: %v\n\n", err)
		}
		fmt.Fprint(to.err, verbNamed("setup").help())
		return exitCode(2)
	}
	if !order.yes && !isTerminal(in) {
		fmt.Fprintln(to.err, "sidegate: setup asks questions and needs a terminal; in a script give the answers as flags, with --yes.")
		return exitCode(2)
	}
	path := os.Getenv("SIDEGATE_ENV_FILE")
	if path == "" {
		path = config.EnvFile
	}
	err = setup.Run(ctx, setup.Options{
		In: in, Out: to.out, Yes: order.yes, EnvFile: path, Program: calledAs(os.Args[0]), Look: downloads(path), Given: order.given,
		Judge:    func(text string) map[string]string { return judge(path, text) },
		Redirect: config.RedirectURI,
		Doctor:   func(ctx context.Context) int { return report(to, doctorCommand(ctx, doctorOrder{early: true}, to)) },
	})
	if errors.Is(err, setup.ErrStopped) {
		fmt.Fprintf(to.err, "sidegate: %v\n", err)
		return exitCode(130) // as a shell reports what Ctrl-C ended
	}
	return err
}

// calledAs is how to call this program again in a shell in the same folder: one that was
// just built is on nobody's PATH.
func calledAs(program string) string {
	if strings.HasPrefix(program, "./") {
		return program
	}
	return "sidegate"
}

// judge says what config would say of an env file, for an app that is not named: run
// knows where that is.
func judge(path, text string) map[string]string {
	raw, err := config.FromEnvText(path, text)
	if raw.Upstream == "" {
		raw.Upstream = "http://127.0.0.1:8501"
	}
	_, faults := raw.Parse()
	problems := make(map[string]string)
	for _, f := range config.Faults(errors.Join(err, faults)) {
		problems[f.Name] = f.Problem
		if !missing(f) && f.Example != "" && !strings.Contains(f.Problem, ";") { // what to do stands behind one
			problems[f.Name] += "; write it like " + f.Example
		}
	}
	return problems
}

// downloads are the folders in which a browser may have put the client's file; under WSL
// that is one of Windows.
func downloads(envFile string) []string {
	folders := []string{filepath.Dir(envFile)}
	if home, err := os.UserHomeDir(); err == nil {
		folders = append(folders, filepath.Join(home, "Downloads"))
	}
	windows, _ := filepath.Glob("/mnt/c/Users/*/Downloads")
	return append(folders, windows...)
}
