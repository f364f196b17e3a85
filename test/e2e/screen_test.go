package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sidegate/test/need"
	"sidegate/test/rig"
	"sidegate/test/stage"
)

// On a real terminal the start is a block for people, with colours unless they are
// unwanted; the app's exit code is kept.
func TestTheStartOnATerminalIsForPeople(t *testing.T) {
	t.Parallel()
	script := need.Program(t, "script", "bsdutils")
	for _, tt := range []struct {
		env    string
		colour bool
	}{{"TERM=xterm", true}, {"NO_COLOR=1", false}, {"TERM=dumb", false}} {
		listen := rig.Loopback(rig.FreePort(t))
		p := rig.Start(t, []string{
			"SIDEGATE_LISTEN=" + listen, "SIDEGATE_ADMIN_LISTEN=" + rig.Loopback(rig.FreePort(t)), "SIDEGATE_PUBLIC_URL=http://" + listen,
			"SIDEGATE_ISSUER=http://127.0.0.1:1", "SIDEGATE_CLIENT_ID=id", "SIDEGATE_CLIENT_SECRET=canary",
			"SIDEGATE_ALLOWED_DOMAINS=example.com", "SIDEGATE_DRAIN=2s", "SHELL=/bin/sh", tt.env,
		}, script, "-qefc", "'"+stage.Program(t)+"' run -- sh -c 'sleep 300'", "/dev/null")
		rig.Eventually(t, func() string { return "no start screen" }, func() bool {
			p.Alive(t)
			return strings.Contains(p.Output.String(), "  Starting ")
		})
		got := p.Output.String()
		for _, want := range []string{"  Redirect URI  http://" + listen + "/_gate/callback", "  May enter     @example.com", "  Mind "} {
			if !strings.Contains(got, want) {
				t.Errorf("%s: no %q", tt.env, want)
			}
		}
		if strings.Contains(got, "\x1b[") != tt.colour {
			t.Errorf("%s: colours %t, want %t", tt.env, !tt.colour, tt.colour)
		}
		if strings.Contains(got, `"msg"`) || strings.Contains(got, "canary") {
			t.Errorf("%s: a record of the log, or a secret, is on the screen", tt.env)
		}
		p.End()
	}
}

// A terminal whose window is closed takes sidegate and the app along, in good order.
func TestAClosedTerminalEndsSidegateAndTheApp(t *testing.T) {
	t.Parallel()
	script := need.Program(t, "script", "bsdutils")
	file := filepath.Join(t.TempDir(), "app")
	app := "trap \"echo TERM >> " + file + "; exit 0\" TERM; echo $$ $PPID > " + file + "; while :; do sleep 0.1; done"
	p := rig.Start(t, []string{
		"SIDEGATE_LISTEN=" + rig.Loopback(rig.FreePort(t)), "SIDEGATE_ADMIN_LISTEN=" + rig.Loopback(rig.FreePort(t)),
		"SIDEGATE_ISSUER=http://127.0.0.1:1", "SIDEGATE_CLIENT_ID=id", "SIDEGATE_CLIENT_SECRET=canary",
		"SIDEGATE_ALLOWED_DOMAINS=example.com", "SIDEGATE_DRAIN=2s", "SHELL=/bin/sh",
	}, script, "-qefc", "exec '"+stage.Program(t)+"' run -- sh -c '"+app+"' 2> "+file+".log", "/dev/null")
	var pids []string
	rig.Eventually(t, func() string { return "the app did not start" }, func() bool {
		p.Alive(t)
		text, _ := os.ReadFile(file)
		pids = strings.Fields(string(text))
		return len(pids) == 2
	})
	p.Kill() // the terminal is gone with it
	rig.Eventually(t, func() string { return "the app was not asked to end" }, func() bool {
		text, _ := os.ReadFile(file)
		return strings.Contains(string(text), "TERM")
	})
	for _, pid := range pids {
		rig.Eventually(t, func() string { return "process " + pid + " is still there" }, func() bool {
			stat, err := os.ReadFile("/proc/" + pid + "/stat")
			return err != nil || strings.Contains(string(stat), ") Z ")
		})
	}
	if log, _ := os.ReadFile(file + ".log"); !strings.Contains(string(log), "stopping") {
		t.Errorf("it did not end in good order:\n%s", log)
	}
}
