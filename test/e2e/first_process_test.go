package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"sidegate/test/need"
	"sidegate/test/rig"
	"sidegate/test/stage"
)

// startFirst starts `sidegate run` with an app that is a shell script, as the first
// process of a container: in a process namespace of its own.
func startFirst(t *testing.T, script string) *rig.Process {
	t.Helper()
	unshare := need.Program(t, "unshare", "util-linux")
	need.Root(t, "a process namespace of its own")
	args := []string{"--pid", "--fork", "--mount-proc", "--kill-child"}
	env := []string{
		"SIDEGATE_LISTEN=" + rig.Loopback(rig.FreePort(t)), "SIDEGATE_ADMIN_LISTEN=" + rig.Loopback(rig.FreePort(t)),
		"SIDEGATE_ISSUER=http://127.0.0.1:1", "SIDEGATE_CLIENT_ID=id", "SIDEGATE_CLIENT_SECRET=secret",
		"SIDEGATE_ALLOWED_DOMAINS=example.com", "SIDEGATE_DRAIN=2s",
	}
	return rig.Start(t, env, unshare, append(args, stage.Program(t), "run", "--", "sh", "-c", script)...)
}

// A process whose parent is gone becomes a child of the container's first process. Where
// that one does not ask after it, it stays as a zombie, until the container has no numbers
// left.
func TestTheFirstProcessOfAContainerLeavesNoZombies(t *testing.T) {
	t.Parallel()
	p := startFirst(t, `
		echo "sidegate is $(cat /proc/1/comm), parent $PPID"
		for i in 1 2 3 4 5; do sh -c 'sleep 0.2 & exit 0'; done
		for i in $(seq 300); do
			sleep 0.1
			left=$(cat /proc/[0-9]*/stat 2>/dev/null | grep -c '(sleep) [A-Z] 1 ')
			[ $left = 0 ] && [ $i -gt 4 ] && break
		done
		echo "left: $left"
		exit 7`)
	if code := p.ExitCode(t); code != 7 {
		t.Errorf("exit code %d, want the app's 7", code)
	}
	for _, want := range []string{"sidegate is sidegate, parent 1", "left: 0"} {
		if !strings.Contains(p.Output.String(), want) {
			t.Errorf("no %q", want)
		}
	}
}

// What a container engine sends ends the app in good order, and with it the container.
func TestTheFirstProcessOfAContainerEndsWhenItIsAsked(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"TERM", "INT"} {
		p := startFirst(t, `trap 'echo app got its TERM; exit 0' TERM; echo up; kill -`+name+` 1; while :; do sleep 0.1; done`)
		if code := p.ExitCode(t); code != 0 || !strings.Contains(p.Output.String(), "app got its TERM") {
			t.Errorf("%s: exit code %d", name, code)
		}
	}
}

// SIGHUP without a terminal is for the app, which may load itself anew by it; and so are
// the signals that have no meaning of their own.
func TestSignalsForTheAppArePassedOn(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "up")
	p := rig.Start(t, []string{
		"SIDEGATE_LISTEN=" + rig.Loopback(rig.FreePort(t)), "SIDEGATE_ADMIN_LISTEN=" + rig.Loopback(rig.FreePort(t)),
		"SIDEGATE_ISSUER=http://127.0.0.1:1", "SIDEGATE_CLIENT_ID=id", "SIDEGATE_CLIENT_SECRET=secret",
		"SIDEGATE_ALLOWED_DOMAINS=example.com", "SIDEGATE_DRAIN=2s",
	}, stage.Program(t), "run", "--", "sh", "-c", `
		trap 'echo app: HUP' HUP; trap 'echo app: USR1' USR1; trap 'echo app: USR2' USR2; trap 'exit 0' TERM
		touch `+file+`; while :; do sleep 0.1; done`)
	rig.Eventually(t, func() string { return "the app did not start" }, func() bool {
		_, err := os.Stat(file)
		return err == nil
	})
	for name, s := range map[string]syscall.Signal{"HUP": syscall.SIGHUP, "USR1": syscall.SIGUSR1, "USR2": syscall.SIGUSR2} {
		p.Signal(s)
		rig.Eventually(t, func() string { return "the app did not get " + name }, func() bool {
			p.Alive(t)
			return strings.Contains(p.Output.String(), "app: "+name)
		})
	}
	p.Signal(syscall.SIGTERM)
	if code := p.ExitCode(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
