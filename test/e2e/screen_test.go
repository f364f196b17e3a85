package e2e

import (
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
