package proxy_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"sidegate/proxy"
	"sidegate/session"
	"sidegate/web"
)

// hooks calls functions of a test in front of a Finder.
type hooks struct {
	proxy.Finder
	find, touch, refresh func() error
}

func call(f func() error) error {
	if f == nil {
		return nil
	}
	return f()
}

func (h *hooks) Find(r *http.Request) (session.Session, error) {
	if err := call(h.find); err != nil {
		return session.Session{}, err
	}
	return h.Finder.Find(r)
}

func (h *hooks) Touch(ctx context.Context, s session.Session) (session.Session, error) {
	if err := call(h.touch); err != nil {
		return session.Session{}, err
	}
	return h.Finder.Touch(ctx, s)
}

func (h *hooks) Refresh(ctx context.Context, s session.Session) (session.Session, error) {
	if err := call(h.refresh); err != nil {
		return session.Session{}, err
	}
	return h.Finder.Refresh(ctx, s)
}

// SEC-ERR-01, SEC-ERR-06: whatever goes wrong while it is found out who asks,
// nothing reaches the app; a panic is one 500 and a closed connection.
func TestNothingPassesWhenTheGateFails(t *testing.T) {
	h := &hooks{}
	g := start(t, setup{finder: func(_ *rig, f proxy.Finder) proxy.Finder { h.Finder = f; return h }})
	cookie := g.signIn(t, alice())
	boom := errors.New("boom at 10.9.8.7:6379")
	for _, c := range []struct {
		name string
		fail func()
		want int
	}{
		{"store error", func() { h.find = func() error { return boom } }, 503},
		{"deadline", func() { h.find = func() error { return context.DeadlineExceeded } }, 503},
		{"cancelled inside the store", func() { h.find = func() error { return context.Canceled } }, 503},
		{"panic", func() { h.find = func() error { panic(boom) } }, 500},
		{"ended while it was noted", func() { h.touch = func() error { return session.ErrNone } }, 401},
		{"panic while it was noted", func() { h.touch = func() error { panic("boom") } }, 500},
		{"no sessions", func() { g.gate.Sessions = nil }, 500},
		{"no policy", func() { g.gate.Sessions, g.gate.Policy = h, nil }, 500},
	} {
		*h = hooks{Finder: h.Finder}
		c.fail()
		for _, raw := range []string{message("GET", "/", cookie), message("POST", "/", cookie, "Content-Length: 0"), handshake(cookie)} {
			conn := g.dial(t)
			conn.send(t, raw)
			res, body := conn.answer(t, "GET")
			if res.StatusCode != c.want {
				t.Errorf("%s: answered %s, want %d", c.name, res.Status, c.want)
			}
			if strings.Contains(body, "boom") || strings.Contains(body, "10.9.8.7") {
				t.Errorf("%s: the answer tells why: %s", c.name, body)
			}
			if res.Header["Set-Cookie"] != nil {
				t.Errorf("%s: the answer sets cookies: %v", c.name, res.Header)
			}
			if c.want == 500 {
				conn.wantClosed(t)
			}
		}
	}
	g.app.wantNoHits(t)
}

// SEC-ERR-03: a store that cannot say is a 503 that asks to come back; the person
// is neither signed out nor let in.
func TestStoreOutageIsNoSignOut(t *testing.T) {
	h := &hooks{find: func() error { return errors.New("connection refused 10.9.8.7") }}
	g := start(t, setup{paths: publicPaths(), finder: func(_ *rig, f proxy.Finder) proxy.Finder { h.Finder = f; return h }})
	cookie := g.signIn(t, alice())
	for _, raw := range []string{
		message("GET", "/", cookie), message("GET", "/", cookie, "Accept: text/html"), handshake(cookie), message("GET", "/"),
		message("GET", "/_gate/", cookie), message("GET", "/_gate/userinfo", cookie),
	} {
		res, body := g.ask(t, raw)
		if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") != "5" || res.Header["Set-Cookie"] != nil || res.Header.Get("Location") != "" {
			t.Errorf("%q was answered %s %v, want a bare 503 with Retry-After", raw, res.Status, res.Header)
		}
		if strings.Contains(body, "10.9.8.7") {
			t.Errorf("the page tells of the store: %s", body)
		}
	}
	g.app.wantNoHits(t)
	if res, _ := g.ask(t, message("GET", "/public/x", cookie)); res.StatusCode != http.StatusOK {
		t.Errorf("a public path was answered %s during the outage, want 200", res.Status)
	}
}

// A failure to note activity costs the person nothing.
func TestStoreOutageWhileActivityIsNotedIsNotFelt(t *testing.T) {
	h := &hooks{touch: func() error { return errors.New("timeout") }}
	g := start(t, setup{finder: func(_ *rig, f proxy.Finder) proxy.Finder { h.Finder = f; return h }})
	if res, _ := g.ask(t, message("GET", "/", g.signIn(t, alice()))); res.StatusCode != http.StatusOK {
		t.Errorf("answered %s, want 200", res.Status)
	}
}

// SEC-ERR-02: what is no token is no session: never a 5xx, never the app.
func TestMalformedCookiesAreNoSession(t *testing.T) {
	g := start(t, setup{})
	good := strings.TrimPrefix(g.signIn(t, alice()), "Cookie: __Host-sidegate=")
	for _, value := range []string{
		"", "x", good[:42], good + "A", good + "=", strings.Repeat("A", 43), strings.Repeat("A", 20_000), `"` + good, "%00", "..%2f", "*", "{}", "é",
		good[:20] + " " + good[20:], strings.ToUpper(good), "\x80\x81", "$Version=1", good + "\t" + good,
	} {
		res, _ := g.ask(t, message("GET", "/", "Cookie: __Host-sidegate="+value))
		if res.StatusCode != http.StatusUnauthorized {
			t.Errorf("cookie %.60q was answered %s, want 401", value, res.Status)
		}
	}
	for _, name := range []string{"sidegate", "__host-sidegate", "__Host-sidegate-flow", "Sidegate"} {
		if res, _ := g.ask(t, message("GET", "/", "Cookie: "+name+"="+good)); res.StatusCode != http.StatusUnauthorized {
			t.Errorf("the token as %s was answered %s, want 401", name, res.Status)
		}
	}
	g.app.wantNoHits(t)
}

// SEC-ERR-04: what cannot be parsed is refused before the gate looks at it.
func TestMalformedRequestsAreRefused(t *testing.T) {
	var looked atomic.Int32
	g := start(t, setup{finder: func(_ *rig, f proxy.Finder) proxy.Finder {
		return &hooks{Finder: f, find: func() error { looked.Add(1); return nil }}
	}})
	cookie := g.signIn(t, alice())
	for _, raw := range []string{
		message("GET", "/%zz", cookie), message("GET", "/%", cookie), message("GET", "/a%00b", cookie), message("GET", "/..", cookie),
		message("GET", "/a/../b", cookie), message("GET", "noslash", cookie), message("GET", "/a#b", cookie), message("GET", "?x", cookie),
		message("GET", "/ /x", cookie), message("", "/", cookie), message("G(T", "/", cookie), message("POST", "*", cookie), message("GET", "/%0d%0aX:y", cookie),
		message("GET", "/", cookie, "Bad Name: x"), message("GET", "/", cookie, "X: a\x00b"), message("GET", "/", cookie, ": x"), message("PRI", "*"),
		"GET /\r\n\r\n", "GET / HTTP/9.9\r\nHost: app.example\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
	} {
		res, _ := g.ask(t, raw)
		if res.StatusCode != http.StatusBadRequest && res.StatusCode != http.StatusHTTPVersionNotSupported {
			t.Errorf("%q was answered %s, want 400", raw, res.Status)
		}
	}
	g.ask(t, message("OPTIONS", "*", cookie)) // net/http answers for the server as a whole
	g.app.wantNoHits(t)
	if n := looked.Load(); n != 0 {
		t.Errorf("the gate looked at %d of them", n)
	}
}

// SEC-ERR-01: the zero value of what decides lets nobody through.
func TestZeroGateServesNobody(t *testing.T) {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	site := &web.Site{}
	h := site.Record(slog.New(slog.DiscardHandler), site.Handle((&proxy.Routes{Gate: &proxy.Gate{Site: site}, Public: proxy.Public{Scheme: "http", Host: "example.com"}}).Serve))
	h.ServeHTTP(w, r)
	if w.Code != http.StatusInternalServerError {
		t.Errorf("the zero Gate answered %d, want 500", w.Code)
	}
}
