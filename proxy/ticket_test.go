package proxy_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sidegate/proxy"
	"sidegate/session"
)

// The ticket goes with every request of a session, and is the same for as long as
// that; a browser's own never arrives (SEC-HDR-01).
func TestTheAppGetsTheTicketOfTheSession(t *testing.T) {
	for _, tickets := range []bool{true, false} {
		g := start(t, setup{tickets: tickets, paths: []string{"/open"}})
		s, cookie := g.signInWith(t, alice(), "", "")
		_, other := g.signInWith(t, alice(), "", "")
		want := []string{g.sessions.Ticket(s).Reveal()}
		if !tickets {
			want = nil
		}
		forged := "X_User.Ticket: " + strings.Repeat("A", 86)
		for _, f := range []surface{{name: "page", method: "GET", target: "/"}, {name: "post", method: "POST", target: "/x"}, {name: "socket", socket: true}} {
			for range 2 {
				arrived := g.reach(t, f, cookie, forged, "X-User-Ticket: "+strings.Repeat("B", 86))
				for _, field := range arrived.fields {
					if strings.Contains(field.value, "AAAA") || strings.Contains(field.value, "BBBB") {
						t.Errorf("tickets %v, %s: a browser's own arrived as %s", tickets, f.name, field.name)
					}
				}
				if got := arrived.all("X-User-Ticket"); strings.Join(got, " ") != strings.Join(want, " ") {
					t.Errorf("tickets %v, %s: the app got %q, want %q", tickets, f.name, got, want)
				}
			}
			if got := g.reach(t, f, other).all("X-User-Ticket"); tickets && (len(got) != 1 || got[0] == want[0]) {
				t.Errorf("%s: another session's ticket is %q", f.name, got)
			}
		}
		// Public paths are nobody's.
		if got := g.reach(t, surface{name: "public", method: "GET", target: "/open"}, cookie, forged).all("X-User-Ticket"); got != nil {
			t.Errorf("on a public path: %q", got)
		}
		body := g.accountPage(t, cookie)
		if strings.Contains(body, "X-User-Ticket") != tickets || strings.Contains(body, g.sessions.Ticket(s).Reveal()) {
			t.Errorf("tickets %v: the account page says\n%s", tickets, body)
		}
		if strings.Contains(g.log.String(), g.sessions.Ticket(s).Reveal()) {
			t.Error("the ticket is in the log")
		}
	}
}

func TestATicketIsNoHeaderOfTheSettings(t *testing.T) {
	for _, name := range []string{"X-User-Ticket", "x_user_ticket"} {
		if _, err := proxy.NewHeaders([]proxy.HeaderRule{{Name: name, Value: []proxy.HeaderPart{{Text: "x"}}}}, nil); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

// For apps that read a token and do not ask: a good one, or none, and never a
// browser's own.
func TestATokenIsPushedWhereThatIsWanted(t *testing.T) {
	g := start(t, setup{tickets: true})
	access := ""
	if err := g.headers.Reserve("X-My-Token"); err != nil {
		t.Fatal(err)
	}
	g.gate.Push = &proxy.Push{Header: "X-My-Token", Access: func(context.Context, session.Session) string { return access }}
	cookie := g.signIn(t, alice())
	for _, access = range []string{"one", "", "two"} {
		for _, f := range []surface{{name: "page", method: "GET", target: "/"}, {name: "socket", socket: true}} {
			if got := g.reach(t, f, cookie, "X-My-Token: forged", "x_my_token: forged").all("X-My-Token"); strings.Join(got, " ") != access {
				t.Errorf("%s: the app got %q, want %q", f.name, got, access)
			}
		}
	}
	for _, name := range []string{"x-user-email", "X_User_Ticket", "x-my-token"} {
		if err := g.headers.Reserve(name); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

// troubled cannot look tokens up.
type troubled struct{ *session.Manager }

func (troubled) Tokens(context.Context, session.Ticket) (session.Tokens, error) {
	return session.Tokens{}, errors.New("connection refused")
}

// The account page shows what was granted, and no token.
func TestTheAccountPageShowsWhatTheAppCanDo(t *testing.T) {
	g := start(t, setup{tickets: true})
	w := httptest.NewRecorder()
	s, err := g.sessions.Create(w, httptest.NewRequest(http.MethodGet, "/", nil), session.SignIn{
		Identity: alice(), Tokens: session.Tokens{Access: "canary-access", Refresh: "canary-refresh", Scopes: session.Scopes{"https://api.example/<b>"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	cookie := "Cookie: " + w.Result().Cookies()[0].Name + "=" + w.Result().Cookies()[0].Value
	body := g.accountPage(t, cookie)
	if !strings.Contains(body, "https://api.example/&lt;b&gt;") || !strings.Contains(body, `action="/_gate/disconnect"`) ||
		strings.Contains(body, "Connect again") || strings.Contains(body, "canary") {
		t.Errorf("connected:\n%s", body)
	}
	lost := session.Tokens{Scopes: session.Scopes{"a"}, Lost: true}
	if err := g.sessions.PutTokens(t.Context(), g.sessions.Ticket(s), time.Now().Add(time.Hour), lost); err != nil {
		t.Fatal(err)
	}
	if body := g.accountPage(t, cookie); !strings.Contains(body, `href="/_gate/connect?rd=%2F_gate%2F&amp;scopes=a"`) {
		t.Errorf("lost:\n%s", body)
	}
	g.gate.Tokens = troubled{g.sessions}
	if body := g.accountPage(t, cookie); !strings.Contains(body, "cannot look this up") || strings.Contains(body, "disconnect") {
		t.Errorf("in trouble:\n%s", body)
	}
	g.gate.Tokens = nil
	if body := g.accountPage(t, cookie); strings.Contains(body, "in your name") {
		t.Errorf("without:\n%s", body)
	}
}
