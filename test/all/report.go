package main

import (
	"errors"
	"fmt"
	"io"
	"time"
)

// report says line by line what happens, how long it took, and at the end what
// failed.
type report struct {
	out    io.Writer
	done   []result
	second []string // tests that passed at their second try
}

type result struct {
	name string
	took time.Duration
	err  error
}

// step runs do and reports it under name. What is quick and went well takes one
// line.
func (r *report) step(name string, do func() error) error {
	fmt.Fprintf(r.out, "==> %s\n", name)
	start := time.Now()
	err := do()
	took := time.Since(start).Round(100 * time.Millisecond)
	r.done = append(r.done, result{name, took, err})
	if err != nil {
		fmt.Fprintf(r.out, "    FAILED after %v: %v\n", took, err)
		return err
	}
	fmt.Fprintf(r.out, "    ok, %v\n", took)
	return nil
}

// note adds a line to the step that runs.
func (r *report) note(format string, args ...any) {
	fmt.Fprintf(r.out, "    "+format+"\n", args...)
}

// close prints the summary and returns an error when a step failed.
func (r *report) close() error {
	var total time.Duration
	failed := 0
	fmt.Fprintln(r.out, "\nsummary")
	for _, d := range r.done {
		verdict := "ok    "
		if d.err != nil {
			verdict = "FAILED"
			failed++
		}
		total += d.took
		fmt.Fprintf(r.out, "  %s %8v  %s\n", verdict, d.took, d.name)
	}
	fmt.Fprintf(r.out, "%d steps ok, %d failed, %v together\n", len(r.done)-failed, failed, total)
	for _, s := range r.second {
		fmt.Fprintln(r.out, "passed at the second try only:", s)
	}
	if failed > 0 {
		return errors.New("not everything passed")
	}
	return nil
}
