// Command all installs what the tests need and runs every check there is:
//
//	go run ./test/all
//
// It works on a fresh Debian machine that has only Go: programs come from Debian's
// packages, Streamlit from PyPI, a second OpenID provider from npm, each through
// its ordinary client. A second run installs nothing and starts at once. Parts
// that are missing make the tests fail here, where plain `go test ./...` skips.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"sidegate/test/parts"
)

func main() {
	noInstall := flag.Bool("no-install", false, "use what is installed, and change nothing on this machine")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, !*noInstall); err != nil {
		fmt.Fprintln(os.Stderr, "test/all:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, installs bool) error {
	root, err := moduleRoot(ctx)
	if err != nil {
		return err
	}
	cache, err := parts.UserCache()
	if err != nil {
		return err
	}
	r := &report{out: os.Stdout}
	sh := shell{ctx: ctx, dir: root}
	if installs {
		if err := (&installer{shell: sh, report: r, cache: cache}).all(); err != nil {
			return err
		}
	}
	if err := (&checks{shell: sh, report: r}).all(); err != nil {
		return err
	}
	return r.close()
}

// moduleRoot lets the command be started anywhere in the checkout.
func moduleRoot(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOMOD: %w", err)
	}
	file := strings.TrimSpace(string(out))
	if filepath.Base(file) != "go.mod" {
		return "", fmt.Errorf("start this in sidegate's checkout")
	}
	return filepath.Dir(file), nil
}
