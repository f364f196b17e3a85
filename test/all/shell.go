package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// shell runs commands in the checkout.
type shell struct {
	ctx context.Context
	dir string
	env []string // besides this process's own
}

func (s shell) command(name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(s.ctx, name, args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), s.env...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 20 * time.Second
	return cmd
}

// show runs a command whose output people want to see as it comes.
func (s shell) show(name string, args ...string) error {
	cmd := s.command(name, args...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return named(cmd.Run(), name, args)
}

// quiet runs a command whose output matters only when it fails.
func (s shell) quiet(name string, args ...string) error {
	var out bytes.Buffer
	cmd := s.command(name, args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	err := named(cmd.Run(), name, args)
	if err != nil {
		os.Stdout.Write(tail(out.Bytes(), 4<<10))
	}
	return err
}

// output returns what a command printed.
func (s shell) output(name string, args ...string) (string, error) {
	var complaints bytes.Buffer
	cmd := s.command(name, args...)
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%w\n%s", named(err, name, args), tail(complaints.Bytes(), 4<<10))
	}
	return strings.TrimSpace(string(out)), nil
}

func named(err error, name string, args []string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
}

// tail returns the last n bytes of b.
func tail(b []byte, n int) []byte { return b[max(0, len(b)-n):] }
