// Idle measures what an open WebSocket on which nothing happens costs: it starts
// the real program, opens many of them through it, lets them sleep, and reads from
// the kernel how much memory the program holds. Then it has everybody signed out, and
// looks how long it takes until the last has ended.
//
//	go run ./test/idle -n 10000 -rest 5s
//
// The program needs three descriptors for each (ulimit -n), one of them in reserve.
//
// The browsers and the app are in this process, so that what is counted is
// sidegate alone.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

func main() {
	n := flag.Int("n", 5000, "how many WebSockets")
	rest := flag.Duration("rest", 5*time.Second, "how long they sleep before the last look")
	program := flag.String("program", "", "a sidegate that is built; empty: build the one here")
	flag.Parse()
	if err := show(*program, *n, *rest); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func show(program string, n int, rest time.Duration) error {
	dir, err := os.MkdirTemp("", "sidegate-idle-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if program == "" {
		if program, err = build(dir); err != nil {
			return err
		}
	}
	r, err := measure(program, dir, n, rest)
	if err != nil {
		return err
	}
	fmt.Printf("sockets  %d, opened in %v\nempty    %s\nopened   %s\nrested   %s\n", n, r.took.Round(time.Millisecond), r.empty, r.opened, r.rested)
	fmt.Printf("a socket %.1f KiB opened, %.1f KiB rested\n", r.each(r.opened, n), r.each(r.rested, n))
	fmt.Printf("ended    %s\nall signed out: %s\n", r.ended, r.ending)
	return nil
}

// build makes the program.
func build(dir string) (string, error) {
	path := filepath.Join(dir, "sidegate")
	out, err := exec.Command("go", "build", "-o", path, "sidegate/cmd/sidegate").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
}
