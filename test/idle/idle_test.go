package main

import (
	"testing"
	"time"

	"sidegate/test/parts"
)

// FLT-28: a sleeping WebSocket costs at most so much of the program's memory, both
// directions, both before and after it has carried something. With two goroutines each
// it was 13, with buffers and what net/http holds 50.
const mostKiB = 10

// SEC-WS-05: so long it may take until all have ended with their sessions. A second is
// promised; this machine may be busy, and the browsers and the app are on it as well.
const mostEnding = 5 * time.Second

func TestSleepingWebSocketsCostLittleAndAllEndAtOnce(t *testing.T) {
	if _, err := parts.Checkout(); err != nil { // so that go test sees when the program changes
		t.Fatal(err)
	}
	dir := t.TempDir()
	program, err := build(dir)
	if err != nil {
		t.Fatal(err)
	}
	const n = 2000
	r, err := measure(program, dir, n, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("empty: %s; %d sockets: %s, %.1f KiB each; when each has carried a message: %s, %.1f KiB each",
		r.empty, n, r.opened, r.each(r.opened, n), r.rested, r.each(r.rested, n))
	for _, m := range []memory{r.opened, r.rested} {
		if each := r.each(m, n); each > mostKiB {
			t.Errorf("a sleeping WebSocket costs %.1f KiB, want at most %d", each, mostKiB)
		}
	}
	t.Logf("all signed out: %s", r.ending)
	if r.ending.p99 > mostEnding {
		t.Errorf("the sockets ended after %v, want at most %v", r.ending.p99, mostEnding)
	}
}
