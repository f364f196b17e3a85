package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sidegate/identity"
	"sidegate/session"
)

// asks sends one request to a listener, as nobody's browser.
func asks(t *testing.T, method, address, host string, fields ...string) (status int, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = host
	for i := 0; i < len(fields); i += 2 {
		r.Header.Set(fields[i], fields[i+1])
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// connected makes a session with tokens.
func connected(t *testing.T, s *server, id identity.Identity) (session.Session, *http.Cookie) {
	t.Helper()
	w := httptest.NewRecorder()
	made, err := s.sessions.Create(w, httptest.NewRequest(http.MethodGet, "/", nil), session.SignIn{Identity: id, Tokens: session.Tokens{
		Access: "canary-access", Refresh: "canary-refresh", Obtained: time.Now(), Expires: time.Now().Add(time.Hour), Scopes: session.Scopes{"a"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return made, w.Result().Cookies()[0]
}

// A key that nobody needs is not handed out, and what it opens is not there.
func TestTokensAreThereWhereThereIsSomethingToAskFor(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, r.Method+" "+r.URL.Path+" "+r.Header.Get("X-User-Ticket"))
	}))
	defer app.Close()
	for setting, wanted := range map[string]bool{"SCOPES=a": true, "CONNECT_SCOPES=a": true, "NOTICE=false": false} {
		s := serving(t, "UPSTREAM="+app.URL, setting)
		id := identity.Identity{Issuer: s.config.Provider.Issuer, Subject: "1", Email: "alice@example.com", EmailVerified: true, HostedDomain: "example.com"}
		made, cookie := connected(t, s, id)
		ticket := s.sessions.Ticket(made).Reveal()
		public, admin := "http://"+s.public.Addr().String(), "http://"+s.admin.Addr().String()
		if _, body := asks(t, "GET", public+"/x", "localhost", "Cookie", cookie.String()); strings.HasSuffix(body, ticket) != wanted || !strings.HasPrefix(body, "GET /x") {
			t.Errorf("%s: the app got %q", setting, body)
		}
		status, body := asks(t, "GET", admin+"/token?scopes=a", "127.0.0.1", "X-User-Ticket", ticket)
		if wanted != (status == http.StatusOK && strings.Contains(body, "canary-access")) || !wanted && status != http.StatusNotFound {
			t.Errorf("%s: /token is answered %d %s", setting, status, body)
		}
		// On the public listener /token is the app's, and the ticket nothing.
		if status, body := asks(t, "GET", public+"/token?scopes=a", "localhost", "X-User-Ticket", ticket); strings.Contains(body, "canary") || status == http.StatusOK {
			t.Errorf("%s: in public: %d %s", setting, status, body)
		}
		status, body = asks(t, "GET", public+"/_gate/connect?scopes=b", "localhost", "Cookie", cookie.String(), "Accept", "text/html")
		if strings.Contains(body, "SIDEGATE_CONNECT_SCOPES") != wanted || wanted && status != http.StatusForbidden {
			t.Errorf("%s: /_gate/connect is answered %d %s", setting, status, body)
		}
		if _, body := asks(t, "GET", public+"/_gate/disconnect", "localhost", "Cookie", cookie.String()); strings.Contains(body, "method_refused") != wanted {
			t.Errorf("%s: /_gate/disconnect by GET: %s", setting, body)
		}
	}
}

// Off unless asked for; on, each request has it.
func TestATokenIsPushedUnderTheNameOfTheSettings(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, r.Header.Get("X-Forwarded-Access-Token"))
	}))
	defer app.Close()
	for header, want := range map[string]string{"": "", "X-Forwarded-Access-Token": "canary-access"} {
		s := serving(t, "UPSTREAM="+app.URL, "SCOPES=a", "TOKEN_HEADER="+header)
		_, cookie := connected(t, s, identity.Identity{Issuer: s.config.Provider.Issuer, Subject: "1", Email: "alice@example.com", EmailVerified: true})
		if _, body := asks(t, "GET", "http://"+s.public.Addr().String()+"/", "localhost", "Cookie", cookie.String(), "X-Forwarded-Access-Token", "forged"); body != want {
			t.Errorf("%q: the app got %q", header, body)
		}
	}
	settings(t, append(runnable(), "UPSTREAM=http://127.0.0.1:1", "SCOPES=a", "TOKEN_HEADER=X-User-Email")...)
	if code, _, err := do("serve"); code != 2 || !strings.Contains(err, "SIDEGATE_TOKEN_HEADER names X-User-Email") {
		t.Errorf("code %d, %s", code, err)
	}
}

// Web pages do not get at tokens, though a ticket should be in none: as /sessions.
func TestTokensAreNotForWebPages(t *testing.T) {
	s := serving(t, "SCOPES=a")
	id := identity.Identity{Issuer: s.config.Provider.Issuer, Subject: "1", Email: "alice@example.com", EmailVerified: true, HostedDomain: "example.com"}
	made, _ := connected(t, s, id)
	ticket := s.sessions.Ticket(made).Reveal()
	admin := "http://" + s.admin.Addr().String() + "/token"
	for name, tt := range map[string]struct {
		method, host string
		fields       []string
		status       int
	}{
		"a program":             {"GET", "127.0.0.1:8081", nil, 200},
		"another site's script": {"GET", "127.0.0.1:8081", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		"one by its origin":     {"GET", "127.0.0.1:8081", []string{"Origin", "https://evil.example"}, 403},
		"a name pointed here":   {"GET", "evil.example:8081", nil, 421},
		"a form":                {"POST", "127.0.0.1:8081", []string{"Content-Type", "application/json"}, 405},
	} {
		status, body := asks(t, tt.method, admin, tt.host, append(tt.fields, "X-User-Ticket", ticket)...)
		if status != tt.status || strings.Contains(body, "canary") != (status == 200) {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
}

// Who is taken off the list keeps the session and loses what it is good for, tokens
// too; a process that has only the store to go by knows who they are as well.
func TestTokensFollowTheAllowList(t *testing.T) {
	s := serving(t, "SCOPES=a", "ALLOWED_DOMAINS=example.com", "ALLOWED_EMAILS=", "ALLOW_ANYONE=", "DOMAIN_CLAIM=hd")
	for domain, want := range map[string]int{"example.com": 200, "elsewhere.example": 403} {
		made, _ := connected(t, s, identity.Identity{
			Issuer: s.config.Provider.Issuer, Subject: domain, Email: "alice@example.com", EmailVerified: true, HostedDomain: domain,
		})
		for _, copied := range []bool{true, false} {
			if !copied {
				s.sessions.Doubt(t.Context())
			}
			status, body := asks(t, "GET", "http://"+s.admin.Addr().String()+"/token", "127.0.0.1", "X-User-Ticket", s.sessions.Ticket(made).Reveal())
			if status != want {
				t.Errorf("%s, with a copy %v: %d %s", domain, copied, status, body)
			}
		}
	}
}
