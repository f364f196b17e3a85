package e2e

import (
	"strings"
	"testing"

	"sidegate/test/rig"
	"sidegate/test/stage"
)

// SEC-OUT-04: a person sees in one browser where else they are signed in, and ends
// one sign-in, then all, by buttons that need no script.
func TestPeopleEndTheirOtherSignIns(t *testing.T) {
	t.Parallel()
	b := stage.NewBrowser(t)
	g := stage.NewGate(t, map[string]string{"UPSTREAM": echoApp(t)})
	g.Settings["ISSUER"] = stage.StartProvider(t, g.Callback())
	g.Serve(t, nil)
	signedIn := func() *stage.Tab {
		p := b.Profile(t)
		p.Open(g.URL + "/")
		p.SignIn("alice@example.com")
		p.WaitText("body", "X-User-Email: alice@example.com")
		return p
	}
	here, there, third := signedIn(), signedIn(), signedIn()
	here.Open(g.URL + "/_gate/")
	here.WaitText("main", "Where you are signed in", "this one", "Chrome on Linux", "127.0.0.1", "Sign out everywhere")
	here.Shoot("sessions")

	here.Click(".places button")
	here.WaitPath("/_gate/")
	here.WaitText("main", "Where you are signed in")
	rig.Eventually(t, func() string { return "there are still three sign-ins\n" + here.State() }, func() bool {
		return here.Eval(`String(document.querySelectorAll(".places li").length)`) == "2"
	})
	// Asked where no page load starts a new sign-in: the provider would let them in
	// again without a question.
	whoami := g.URL + "/_gate/userinfo"
	var ended []string
	for _, p := range []*stage.Tab{there, third} {
		p.Open(whoami)
		rig.Eventually(t, p.State, func() bool {
			return strings.Contains(p.Text("body"), "alice@example.com") || strings.Contains(p.Text("body"), "not signed in")
		})
		if strings.Contains(p.Text("body"), "not signed in") {
			ended = append(ended, p.Text("body"))
		}
	}
	if len(ended) != 1 {
		t.Errorf("%d of the two others have ended, want one", len(ended))
	}

	here.Click(`button[value="all"]`)
	here.WaitText("main", "You are signed out")
	for _, p := range []*stage.Tab{here, there, third} {
		p.Open(whoami)
		p.WaitText("body", "not signed in")
	}
}
