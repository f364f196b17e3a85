package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// written is what a run comes to: tables and a chart.
type written struct {
	*run
	costs  costs
	growth []curve
	took   time.Duration
}

const (
	page  = "docs/performance.md"
	chart = "docs/performance.svg"
)

// tables are the blocks of docs/performance.md that are not written by hand, by the
// name between their markers.
func (w written) tables() map[string]string {
	t := map[string]string{
		"machine":    w.machine(),
		"cost":       w.costTable(),
		"waits":      w.waitTable(),
		"transfers":  w.transferTable(),
		"websockets": w.socketTable(),
		"start":      w.startTable(),
		"sign-ins":   w.signInTable(),
	}
	if len(w.growth) > 0 {
		t["growth"] = growthTables(w.growth)
		t["hot path"] = w.costs.hotPath()
		t["redis"] = w.costs.table()
		t["limits"] = w.costs.limits()
	}
	return t
}

// text is all of it, for a terminal.
func (w written) text() string {
	var b strings.Builder
	t := w.tables()
	for _, name := range []string{"machine", "cost", "waits", "transfers", "websockets", "start", "sign-ins", "growth", "hot path", "redis", "limits"} {
		if t[name] != "" {
			fmt.Fprintf(&b, "%s\n\n", t[name])
		}
	}
	return b.String()
}

// write rewrites the page's blocks, and the chart, in the checkout at root.
func (w written) write(root string) error {
	path := filepath.Join(root, page)
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	renewed := string(text)
	for name, block := range w.tables() {
		if renewed, err = replace(renewed, name, block); err != nil {
			return fmt.Errorf("%s: %w", page, err)
		}
	}
	if err := os.WriteFile(path, []byte(renewed), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(root, chart), []byte(w.chart()), 0o644)
}

// replace puts a block between its markers, which stay.
func replace(text, name, block string) (string, error) {
	from, to := "<!-- bench: "+name+" -->\n", "<!-- end -->"
	before, rest, ok := strings.Cut(text, from)
	_, after, closed := strings.Cut(rest, to)
	if !ok || !closed {
		return "", fmt.Errorf("no block %q", strings.TrimSpace(from))
	}
	return before + from + block + "\n" + to + after, nil
}
