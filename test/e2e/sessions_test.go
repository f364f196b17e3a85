package e2e

import (
	"strings"
	"testing"

	"sidegate/test/rig"
)

// SEC-OUT-04: a person sees in one browser where else they are signed in, and ends
// one sign-in, then all, by buttons that need no script.
func TestPeopleEndTheirOtherSignIns(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	g := newGate(t, map[string]string{"UPSTREAM": echoApp(t)})
	g.settings["ISSUER"] = startProvider(t, g.callback())
	g.serve(t)
	signedIn := func() *tab {
		p := b.profile(t)
		p.open(g.url + "/")
		p.signIn("alice@example.com")
		p.waitText("body", "X-User-Email: alice@example.com")
		return p
	}
	here, there, third := signedIn(), signedIn(), signedIn()
	here.open(g.url + "/_gate/")
	here.waitText("main", "Where you are signed in", "this one", "Chrome on Linux", "127.0.0.1", "Sign out everywhere")
	here.shoot("sessions")

	here.click(".places button")
	here.waitPath("/_gate/")
	here.waitText("main", "Where you are signed in")
	rig.Eventually(t, func() string { return "there are still three sign-ins\n" + here.state() }, func() bool {
		return here.eval(`String(document.querySelectorAll(".places li").length)`) == "2"
	})
	// Asked where no page load starts a new sign-in: the provider would let them in
	// again without a question.
	whoami := g.url + "/_gate/userinfo"
	var ended []string
	for _, p := range []*tab{there, third} {
		p.open(whoami)
		rig.Eventually(t, p.state, func() bool {
			return strings.Contains(p.text("body"), "alice@example.com") || strings.Contains(p.text("body"), "not signed in")
		})
		if strings.Contains(p.text("body"), "not signed in") {
			ended = append(ended, p.text("body"))
		}
	}
	if len(ended) != 1 {
		t.Errorf("%d of the two others have ended, want one", len(ended))
	}

	here.click(`button[value="all"]`)
	here.waitText("main", "You are signed out")
	for _, p := range []*tab{here, there, third} {
		p.open(whoami)
		p.waitText("body", "not signed in")
	}
}
