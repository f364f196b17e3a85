package e2e

import (
	"testing"

	"sidegate/test/parts"
	"sidegate/test/rig"
	"sidegate/test/stage"
)

func TestDemo(t *testing.T) {
	t.Parallel()
	b := stage.NewBrowser(t)
	g := demo(t)
	g.Serve(t, nil, "demo")
	p := b.Profile(t)
	p.Open(g.URL + "/?deep=link")
	p.WaitText("main", "Who do you want to be?")
	p.Shoot("demo-provider")
	p.SignIn("alice@example.com")
	p.WaitPath("/?deep=link")
	p.WaitText("main", "alice@example.com", "X-User-Email")
	p.WaitText("#state", "live")

	p.WaitChange("#value") // the chart moves
	p.Click("#send")
	p.WaitText("#echo", "hello 1", "came back")
	p.Shoot("demo-dashboard")

	live := p.Another(t)
	live.Open(g.URL + "/")
	live.WaitText("#state", "live")
	p.Open(g.URL + "/_gate/")
	p.WaitText("body", "DEMO", "alice@example.com")
	p.Click("main form button")
	p.WaitText("main", "You are signed out")
	live.WaitText("#ended", "Your session has ended.") // close code 1008 reached the page
}

func TestDemoInFrontOfStreamlit(t *testing.T) {
	t.Parallel()
	streamlit := stage.Part(t, parts.Cache.Streamlit)
	b := stage.NewBrowser(t)
	g := demo(t)
	g.Serve(t, nil, "demo", "--", streamlit, "run", exampleApp(t))
	p := b.Profile(t)
	p.Open(g.URL + "/?item=42")
	p.SignIn("bob@example.com")
	p.WaitPath("/?item=42")
	p.WaitText(".st-key-query", "Showing item 42")
	p.WaitText(whoami, "st.user\n\nbob@example.com", "st.context.headers\n\nbob@example.com")
	p.Click(".st-key-add button")
	p.WaitText(".st-key-count", "Counted 1")
	g.Stop(t) // and Streamlit with it
}

func TestDemoEndsWithItsAppAndKeepsItsExitCode(t *testing.T) {
	t.Parallel()
	g := demo(t)
	p := rig.Start(t, g.Env(), stage.Program(t), "demo", "--", "sh", "-c", "exit 7")
	if code := p.ExitCode(t); code != 7 {
		t.Errorf("exit code = %d, want the app's own, 7", code)
	}
}

func TestDemoRefusesAnAddressThatOthersReach(t *testing.T) {
	t.Parallel()
	g := demo(t)
	g.Settings["LISTEN"] = "0.0.0.0:8080"
	p := rig.Start(t, g.Env(), stage.Program(t), "demo")
	if code := p.ExitCode(t); code == 0 {
		t.Error("exit code = 0, want a refusal")
	}
}

// demo is a sidegate that has only what the demo cannot choose itself here: ports
// that no other test uses.
func demo(t *testing.T) *stage.Gate {
	t.Helper()
	g := stage.NewGate(t, nil)
	for name := range g.Settings {
		switch name {
		case "PUBLIC_URL", "LISTEN", "ADMIN_LISTEN":
		default:
			delete(g.Settings, name)
		}
	}
	return g
}
