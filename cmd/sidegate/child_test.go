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

// The end of an app is its own, whatever it has started keeps of its output; doctor, which
// collects that, would never end.
func TestAnAppHasEndedWhenItsOutputIsStillHeld(t *testing.T) {
	c, err := newChild([]string{"sh", "-c", "echo $$; sleep 300 & exit 3"})
	if err != nil {
		t.Fatal(err)
	}
	kept := &lockedWriter{}
	if err := c.start(streams{kept, kept}); err != nil {
		t.Fatal(err)
	}
	defer syscall.Kill(-c.proc.Pid, syscall.SIGKILL)
	select {
	case <-c.done:
	case <-time.After(30 * time.Second):
		t.Fatal("it is waited for")
	}
	if got := strings.TrimSpace(kept.tail(100)); c.code != 3 || got != strconv.Itoa(c.proc.Pid) {
		t.Errorf("code %d, output %q", c.code, got)
	}
	c.stop(time.Second)
}

func TestOfAnAppsOutputTheEndIsKept(t *testing.T) {
	w := &lockedWriter{}
	for range 10 {
		w.Write(make([]byte, maxKept))
	}
	w.Write([]byte("the end"))
	if w.tail(7) != "the end" || len(w.to) > maxKept {
		t.Errorf("%d bytes are kept, and end in %q", len(w.to), w.tail(7))
	}
}

// An app that may ask for tokens is told where, and one that may not is told nothing.
func TestTheAppIsToldWhereToAskForTokens(t *testing.T) {
	for name, c := range map[string]struct {
		set  []string
		want string
	}{
		"with scopes": {[]string{"CONNECT_SCOPES=https://www.googleapis.com/auth/youtube.readonly", "ADMIN_LISTEN=127.0.0.1:29391"}, "http://127.0.0.1:29391"},
		"on all addresses": {
			[]string{"CONNECT_SCOPES=https://www.googleapis.com/auth/youtube.readonly", "ADMIN_LISTEN=:29391"}, "http://127.0.0.1:29391",
		},
		"without": {[]string{"ADMIN_LISTEN=127.0.0.1:29391"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			settings(t, append(runnable(), c.set...)...)
			file := filepath.Join(t.TempDir(), "env")
			if code, _, out := do("run", "--", "sh", "-c", "env > "+file); code != 0 {
				t.Fatalf("code %d: %s", code, out)
			}
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Contains("\n"+string(b), "\nGATE_ADMIN_URL="+c.want+"\n"); got != (c.want != "") {
				t.Errorf("the app's environment:\n%s", b)
			}
			if c.want == "" && strings.Contains(string(b), "GATE_ADMIN_URL") {
				t.Errorf("the app is told where to ask for nothing:\n%s", b)
			}
		})
	}
}
