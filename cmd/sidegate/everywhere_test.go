package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"sidegate/session/sessiontest"
)

// socketApp is an app that keeps WebSockets open.
func socketApp(t *testing.T) string {
	t.Helper()
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true}) // sidegate looks at the origin
		if err != nil {
			return
		}
		c.Read(r.Context())
		c.CloseNow()
	}))
	t.Cleanup(app.Close)
	return app.URL
}

// openSocket opens a WebSocket and returns how it was closed, once it is.
func openSocket(t *testing.T, s *server, cookie *http.Cookie) <-chan websocket.StatusCode {
	t.Helper()
	c, _, err := websocket.Dial(t.Context(), "ws://"+s.public.Addr().String()+"/stream", &websocket.DialOptions{
		HTTPHeader: http.Header{"Cookie": {cookie.String()}, "Origin": {"http://localhost:8080"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.CloseNow() })
	closed := make(chan websocket.StatusCode, 1)
	go func() {
		_, _, err := c.Read(context.WithoutCancel(t.Context()))
		closed <- websocket.CloseStatus(err)
	}()
	return closed
}

// wantClosed fails the test unless the socket is closed as its session ended.
func wantClosed(t *testing.T, what string, closed <-chan websocket.StatusCode) {
	t.Helper()
	select {
	case code := <-closed:
		if code != websocket.StatusPolicyViolation {
			t.Errorf("%s was closed with code %d, want 1008", what, code)
		}
	case <-time.After(10 * time.Second):
		t.Errorf("%s is still open", what)
	}
}

func wantOpen(t *testing.T, what string, closed <-chan websocket.StatusCode) {
	t.Helper()
	select {
	case code := <-closed:
		t.Errorf("%s was closed with code %d", what, code)
	case <-time.After(200 * time.Millisecond):
	}
}

// wantStatus asks the app of s with the cookie.
func wantStatus(t *testing.T, s *server, cookie *http.Cookie, want int) {
	t.Helper()
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.public.Addr().String()+"/_gate/userinfo", nil)
	r.AddCookie(cookie)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != want {
		t.Errorf("userinfo was answered %s, want %d", res.Status, want)
	}
}

// replicas are two processes' worth of sidegate on one Redis.
func replicas(t *testing.T) (a, b *server) {
	t.Helper()
	redis := sessiontest.Redis(t)
	shared := []string{
		"SESSION_STORE=" + redis.URL, "SECRET=" + strings.Repeat("0123456789abcdef", 2), "UPSTREAM=" + socketApp(t),
		"ALLOWED_DOMAINS=example.com", "DOMAIN_CLAIM=email",
	}
	return serving(t, shared...), running(t, shared...)
}

// SEC-OUT-11, FLT-34: the operator's word counts on every replica, for sessions
// that it knows by heart and for open sockets.
func TestTheOperatorsRevocationReachesEveryReplica(t *testing.T) {
	a, b := replicas(t)
	for _, revoke := range []string{"alice@example.com", "sub:alice-1", "id:", "--all"} {
		alice, cookie := signIn(t, a.sessions, person("alice"), linuxFirefox, "")
		_, bobs := signIn(t, b.sessions, person("bob"), linuxFirefox, "")
		wantStatus(t, a, cookie, 200)
		wantStatus(t, b, cookie, 200)
		onA, onB, bob := openSocket(t, a, cookie), openSocket(t, b, cookie), openSocket(t, a, bobs)
		if revoke == "id:" {
			revoke += alice.ID
		}
		began := time.Now()
		if code, _, err := do("sessions", "revoke", revoke); code != 0 { // through b's listener
			t.Fatalf("revoke %s: code %d, %s", revoke, code, err)
		}
		wantClosed(t, "the socket on the other replica", onA)
		wantClosed(t, "the socket on this replica", onB)
		t.Logf("SEC-OUT-11: %s: sockets on both replicas closed after %v", revoke, time.Since(began).Round(time.Millisecond))
		wantStatus(t, a, cookie, 401)
		wantStatus(t, b, cookie, 401)
		if revoke == "--all" {
			wantClosed(t, "bob's", bob)
			continue
		}
		wantOpen(t, "bob's", bob)
		wantStatus(t, a, bobs, 200)
	}
}

// SEC-OUT-04: signed out everywhere means on every device, with every socket.
func TestSigningOutEverywhereReachesEveryReplica(t *testing.T) {
	a, b := replicas(t)
	_, laptop := signIn(t, a.sessions, person("alice"), linuxFirefox, "")
	phone, phones := signIn(t, b.sessions, person("alice"), "Mozilla/5.0 (iPhone)", "")
	_, bobs := signIn(t, b.sessions, person("bob"), linuxFirefox, "")
	_, tablets := signIn(t, b.sessions, person("alice"), linuxFirefox, "")
	sockets := map[string]<-chan websocket.StatusCode{"laptop": openSocket(t, a, laptop), "phone": openSocket(t, b, phones)}
	tablet, bob := openSocket(t, a, tablets), openSocket(t, a, bobs)
	press := func(end string) *http.Response {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+a.public.Addr().String()+"/_gate/sessions", strings.NewReader(url.Values{"end": {end}}.Encode()))
		r.AddCookie(laptop)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		res, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res
	}
	if res := press(phone.ID); res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/_gate/" {
		t.Errorf("one: %s to %q", res.Status, res.Header.Get("Location"))
	}
	wantClosed(t, "the phone's socket", sockets["phone"])
	wantOpen(t, "the laptop's socket", sockets["laptop"])
	wantStatus(t, b, phones, 401)
	if res := press("all"); res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/_gate/logout" || !strings.Contains(res.Header.Get("Set-Cookie"), "Max-Age=0") {
		t.Errorf("all: %s to %q, cookie %q", res.Status, res.Header.Get("Location"), res.Header.Get("Set-Cookie"))
	}
	wantClosed(t, "the laptop's socket", sockets["laptop"])
	wantClosed(t, "the tablet's socket", tablet)
	for _, s := range []*server{a, b} {
		wantStatus(t, s, laptop, 401)
		wantStatus(t, s, tablets, 401)
		wantStatus(t, s, bobs, 200)
	}
	wantOpen(t, "bob's", bob)
}
