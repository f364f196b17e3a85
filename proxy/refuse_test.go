package proxy_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"sidegate/identity"
)

// SEC-WS-01, SEC-WS-02, SEC-WS-03: sockets are open to our own pages and to listed
// origins, to the letter.
func TestForeignOriginsOpenNoSockets(t *testing.T) {
	g := start(t, setup{})
	cookie := g.signIn(t, alice())
	for _, origin := range []string{
		"Origin: https://evil.example", "Origin: https://app.example.evil.com", "Origin: https://evilapp.example", "Origin: http://app.example",
		"Origin: https://app.example:444", "Origin: https://app.example:443", "Origin: null", "Origin: https://sub.app.example", "Origin: https://app.example/",
		"Origin: https://app.example@evil.com", "Origin: HTTPS://APP.EXAMPLE", "Origin: https://app.example.", "Origin: app.example", "Origin: *", "Origin:", "",
		"Origin: https://app.example, https://evil.example", "Origin: https://app.example https://evil.example",
		"Origin: https://app.example\r\nOrigin: https://evil.example", "Origin: https://app.example\r\nOrigin: https://app.example",
		"Origin: https://partner.example.evil.com", "Sec-WebSocket-Origin: https://app.example",
	} {
		raw := strings.Replace(handshake(cookie), "Origin: https://app.example\r\n", strings.TrimPrefix(origin+"\r\n", "\r\n"), 1)
		if res, _ := g.ask(t, raw); res.StatusCode != http.StatusForbidden {
			t.Errorf("a socket with %q was answered %s, want 403", origin, res.Status)
		}
	}
	g.app.wantNoHits(t)
	for _, origin := range []string{"https://app.example", "https://partner.example"} {
		raw := strings.Replace(handshake(cookie), "Origin: https://app.example", "Origin: "+origin, 1)
		if res, _ := g.ask(t, raw); res.StatusCode != http.StatusSwitchingProtocols {
			t.Errorf("a socket from %s was answered %s, want 101", origin, res.Status)
		}
	}
}

// SEC-WS-04, SEC-PAGE-03: without a session a page load is sent to sign in, and
// anything else gets a 401 that tells programs where.
func TestWithoutSessionOnlyPageLoadsAreRedirected(t *testing.T) {
	g := start(t, setup{})
	ended := g.signIn(t, alice())
	g.endSession(t, ended)
	for _, cookie := range []string{"", ended} {
		for _, c := range []struct {
			raw  string
			want int
		}{
			{message("GET", "/a?b=c", cookie, "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"), 302},
			{message("GET", "/a?b=c", cookie, "Accept: text/html"), 302},
			{message("HEAD", "/a?b=c", cookie, "Accept: text/html"), 302},
			{message("GET", "/a", cookie, "Sec-Fetch-Mode: cors", "Accept: text/html"), 401},
			{message("GET", "/a", cookie, "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image"), 401},
			{message("GET", "/a", cookie, "Accept: */*"), 401},
			{message("GET", "/a", cookie), 401},
			{message("POST", "/a", cookie, "Accept: text/html"), 401},
			{message("PUT", "/a", cookie, "Sec-Fetch-Mode: cors"), 401},
			{message("DELETE", "/a", cookie), 401},
			{strings.Replace(handshake(cookie), "/_stcore/", "/", 1), 401},
			{handshake(cookie, "Accept: text/html"), 401},
		} {
			res, body := g.ask(t, c.raw)
			if res.StatusCode != c.want {
				t.Errorf("%q was answered %s, want %d", c.raw, res.Status, c.want)
			}
			if got := res.Header["Set-Cookie"]; got != nil {
				t.Errorf("%q set cookies: %q", c.raw, got)
			}
			if got := res.Header.Get("Cache-Control"); got != "no-store" {
				t.Errorf("%q: Cache-Control = %q, want no-store", c.raw, got)
			}
			if got, want := res.Header.Get("Location"), "/_gate/login?rd=%2Fa%3Fb%3Dc"; c.want == 302 && got != want {
				t.Errorf("%q: Location = %q, want %q", c.raw, got, want)
			}
			if c.want == 401 && !strings.Contains(c.raw, "Accept: text/html") {
				checkJSON(t, res, body)
			}
		}
	}
	g.app.wantNoHits(t)
}

func checkJSON(t *testing.T, res *http.Response, body string) {
	t.Helper()
	var got struct {
		Error    string `json:"error"`
		LoginURL string `json:"login_url"`
	}
	if err := json.Unmarshal([]byte(body), &got); err != nil || got.Error != "session_required" || got.LoginURL != "/_gate/login?rd=%2F" {
		t.Errorf("the 401 says %s, want session_required and login_url", body)
	}
	if res.Header.Get("WWW-Authenticate") == "" || res.Header.Get("Content-Type") != "application/json" {
		t.Errorf("the 401 comes with %v", res.Header)
	}
}

// Streamlit shows the body of a 401 to its own calls if, and only if, it is a JSON
// string; they are made at any depth.
func TestStreamlitCallsGetAJSONString(t *testing.T) {
	g := start(t, setup{})
	for _, target := range []string{"/_stcore/health", "/reports/_stcore/health?x=1", "/a/b/_stcore/host-config", "/_stcore/upload_file/x/y"} {
		res, body := g.ask(t, message("GET", target, "Sec-Fetch-Mode: cors"))
		var text string
		if err := json.Unmarshal([]byte(body), &text); res.StatusCode != http.StatusUnauthorized || err != nil || !strings.Contains(text, "sign in") {
			t.Errorf("%s was answered %s %s, want 401 and a JSON string", target, res.Status, body)
		}
	}
	for _, target := range []string{"/x?y=/_stcore/", "/_stcorex/health", "/x_stcore/"} {
		if _, body := g.ask(t, message("GET", target)); strings.HasPrefix(body, `"`) {
			t.Errorf("%s got Streamlit's answer", target)
		}
	}
}

// SEC-ERR-05, SEC-DOM-11, SEC-DOM-13: who may not pass is told which account it
// was, and sees nothing of the app; the policy is asked on every request.
func TestWhoMayNotPassSeesNothingOfTheApp(t *testing.T) {
	g := start(t, setup{})
	g.app.says("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret", true)
	cookie := g.signIn(t, alice())
	if _, body := g.ask(t, message("GET", "/", cookie)); body != "secret" {
		t.Fatalf("alice was answered %q", body)
	}
	g.admit(t, "bob@app.example")
	hits := len(g.app.hits())
	for _, target := range []string{"/a?b=c", "/_gate/", "/_gate/userinfo"} {
		res, body := g.ask(t, message("GET", target, cookie, "Sec-Fetch-Mode: navigate"))
		if res.StatusCode != http.StatusForbidden || !strings.Contains(body, "alice@app.example") || strings.Contains(body, "secret") ||
			!strings.Contains(body, "prompt=select_account") {
			t.Errorf("%s was answered %s %.2000s, want 403 with the account and the way to another", target, res.Status, body)
		}
	}
	for _, raw := range []string{message("GET", "/", cookie), handshake(cookie), message("POST", "/x", cookie), message("GET", "/_gate/userinfo", cookie)} {
		if res, body := g.ask(t, raw); res.StatusCode != http.StatusForbidden || !strings.Contains(body, "not_allowed") {
			t.Errorf("%q was answered %s %s, want 403 not_allowed", raw, res.Status, body)
		}
	}
	if len(g.app.hits()) != hits {
		t.Error("somebody who may not pass reached the app")
	}
	eventually(t, "the decision in the log", func() bool { return strings.Contains(g.log.String(), `"decision":"refused_not_listed"`) })
}

// SEC-LEAK-03: GET /_gate/ and /_gate/userinfo say who somebody is, to that person alone.
func TestAccountPages(t *testing.T) {
	g := start(t, setup{})
	cookie := g.signIn(t, alice())
	_, body := g.ask(t, message("GET", "/_gate/", cookie, "Sec-Fetch-Mode: navigate"))
	for _, want := range []string{"alice@app.example", "X-User-Email", "X-User-Groups", "staff,a%2Cb", "/_gate/logout"} {
		if !strings.Contains(body, want) {
			t.Errorf("/_gate/ does not show %s", want)
		}
	}
	res, body := g.ask(t, message("GET", "/_gate/userinfo", cookie))
	var got identity.Identity
	if err := json.Unmarshal([]byte(body), &got); err != nil || got.Email != "alice@app.example" || got.Subject != "1001" || got.Issuer == "" {
		t.Errorf("/_gate/userinfo says %s, %v", body, err)
	}
	if res.Header.Get("Cache-Control") != "no-store" || res.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("/_gate/userinfo came with %v", res.Header)
	}
	if res, _ := g.ask(t, message("GET", "/_gate/userinfo", "Sec-Fetch-Mode: navigate")); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("/_gate/userinfo without a session was answered %s, want 401", res.Status)
	}
	if res, _ := g.ask(t, message("GET", "/_gate/", "Sec-Fetch-Mode: navigate")); res.StatusCode != http.StatusFound {
		t.Errorf("/_gate/ without a session was answered %s, want 302", res.Status)
	}
	if token := cookie[strings.LastIndex(cookie, "=")+1:]; strings.Contains(body, token) || strings.Contains(g.log.String(), token) {
		t.Error("the token is in a page or in the log")
	}
	g.app.wantNoHits(t)
}
