package e2e

import (
	"path/filepath"
	"strings"
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
	g.Settings["NAME"], g.Settings["SIGN_IN_PAGE"] = "Sales desk", "true"
	g.Settings["LOGO"] = filepath.Join(stage.Checkout(t), "docs", "logo-example.svg")
	g.Serve(t, nil, "demo", "--", streamlit, "run", exampleApp(t))
	p := b.Profile(t)
	film := stage.NewFilm(t)
	p.Open(g.URL + "/?item=42")
	p.WaitText("body", "Sales desk", "Sign in with the demo provider")
	film.Take(p, "Open your dashboard: sidegate asks who you are", "")
	p.Click("a.choice")
	p.WaitText("h1", "Who do you want to be?")
	film.Take(p, "Sign in with Google (the demo has three people instead)", "")
	p.SignIn("bob@example.com")
	p.WaitPath("/?item=42")
	p.WaitText(".st-key-query", "Showing item 42")
	p.WaitText(whoami, "st.user\n\nbob@example.com", "st.context.headers\n\nbob@example.com")
	p.Click(".st-key-add button")
	p.WaitText(".st-key-count", "Counted 1")
	film.Take(p, "There it is: your app, unchanged, live over its WebSocket", "")
	film.Take(p, "st.user and the request's headers say who it is", whoami)
	film.Write(b)
	g.Stop(t) // and Streamlit with it
}

// The demo has all that the example needs: consent, tokens that live a minute, and an API
// that takes them.
func TestDemoInFrontOfTheYouTubeExample(t *testing.T) {
	t.Parallel()
	streamlit := stage.Part(t, streamlitWithGoogle)
	b := stage.NewBrowser(t)
	g := demo(t)
	g.Settings["CONNECT_SCOPES"] = youtube
	g.Serve(t, nil, "demo", "--", streamlit, "run", youtubeExample(t))
	p := b.Profile(t)
	p.Open(g.URL + "/")
	p.SignIn("alice@example.com")
	p.WaitText(".st-key-channels", "Connect YouTube")
	p.Shoot("youtube-connect")

	second := p.Opened(t, connectButton)
	second.SignIn("alice@example.com")
	second.WaitText("main", "wants access to your data", "alice@example.com", youtube)
	second.Shoot("demo-consent")
	second.Click(`input[name="scope"]`) // unticked
	second.Click(`button[value="allow"]`)
	second.WaitText(".st-key-channels", "Connect YouTube") // the app sees that it was not granted

	third := second.Opened(t, connectButton)
	third.SignIn("alice@example.com")
	third.Click(`button[value="allow"]`)
	third.WaitText(".st-key-channels", "Alice Archer's channel", "48,213", "1,024", "37")
	third.Shoot("youtube")
	p.Click(".st-key-refresh button")
	p.WaitText(".st-key-channels", "48,213")

	p.Open(g.URL + "/_gate/")
	p.WaitText("main", youtube)
	p.Click(`form[action="/_gate/disconnect"] button`)
	rig.Eventually(t, p.State, func() bool {
		text := p.Text("main")
		return text != "" && !strings.Contains(text, youtube)
	})
	third.Click(".st-key-refresh button")
	third.WaitText(".st-key-channels", "Connect YouTube")
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
