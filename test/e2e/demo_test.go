package e2e

import (
	"testing"

	"sidegate/test/parts"
	"sidegate/test/rig"
)

func TestDemo(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	g := demo(t)
	g.serve(t, "demo")
	p := b.profile(t)
	p.open(g.url + "/?deep=link")
	p.waitText("main", "Who do you want to be?")
	p.shoot("demo-provider")
	p.signIn("alice@example.com")
	p.waitPath("/?deep=link")
	p.waitText("main", "alice@example.com", "X-User-Email")
	p.waitText("#state", "live")

	p.waitChange("#value") // the chart moves
	p.click("#send")
	p.waitText("#echo", "hello 1", "came back")
	p.shoot("demo-dashboard")

	live := p.another(t)
	live.open(g.url + "/")
	live.waitText("#state", "live")
	p.open(g.url + "/_gate/")
	p.waitText("body", "DEMO", "alice@example.com")
	p.click("main form button")
	p.waitText("main", "You are signed out")
	live.waitText("#ended", "Your session has ended.") // close code 1008 reached the page
}

func TestDemoInFrontOfStreamlit(t *testing.T) {
	t.Parallel()
	streamlit := part(t, parts.Cache.Streamlit)
	b := newBrowser(t)
	g := demo(t)
	g.serve(t, "demo", "--", streamlit, "run", exampleApp(t))
	p := b.profile(t)
	p.open(g.url + "/?item=42")
	p.signIn("bob@example.com")
	p.waitPath("/?item=42")
	p.waitText(".st-key-query", "Showing item 42")
	p.waitText(whoami, "st.user\n\nbob@example.com", "st.context.headers\n\nbob@example.com")
	p.click(".st-key-add button")
	p.waitText(".st-key-count", "Counted 1")
	g.stop(t) // and Streamlit with it
}

func TestDemoEndsWithItsAppAndKeepsItsExitCode(t *testing.T) {
	t.Parallel()
	g := demo(t)
	p := rig.Start(t, g.env(), program(t), "demo", "--", "sh", "-c", "exit 7")
	if code := p.ExitCode(t); code != 7 {
		t.Errorf("exit code = %d, want the app's own, 7", code)
	}
}

func TestDemoRefusesAnAddressThatOthersReach(t *testing.T) {
	t.Parallel()
	g := demo(t)
	g.settings["LISTEN"] = "0.0.0.0:8080"
	p := rig.Start(t, g.env(), program(t), "demo")
	if code := p.ExitCode(t); code == 0 {
		t.Error("exit code = 0, want a refusal")
	}
}

// demo is a sidegate that has only what the demo cannot choose itself here: ports
// that no other test uses.
func demo(t *testing.T) *gate {
	t.Helper()
	g := newGate(t, nil)
	for name := range g.settings {
		switch name {
		case "PUBLIC_URL", "LISTEN", "ADMIN_LISTEN":
		default:
			delete(g.settings, name)
		}
	}
	return g
}
