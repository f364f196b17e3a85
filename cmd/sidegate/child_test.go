package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// An app that starts its server as a process of its own, and does not take it along,
// leaves none behind that still listens.
func TestNothingOfTheAppIsLeft(t *testing.T) {
	settings(t, runnable()...)
	file := filepath.Join(t.TempDir(), "pid")
	if code, _, out := do("run", "--", "sh", "-c", "sleep 300 >/dev/null 2>&1 & echo $! > "+file); code != 0 {
		t.Fatalf("code %d: %s", code, out)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if syscall.Kill(pid, 0) != nil {
			return
		}
		if stat, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat"); strings.Contains(string(stat), ") Z ") {
			return // ended; whoever adopted it has not looked yet
		}
		time.Sleep(50 * time.Millisecond)
	}
	syscall.Kill(pid, syscall.SIGKILL)
	t.Error("what the app had started is still there")
}
