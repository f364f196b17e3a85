package proxy_test

import (
	"bytes"
	"cmp"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sidegate/access"
	"sidegate/identity"
	"sidegate/proxy"
	"sidegate/session"
	"sidegate/web"
)

// patience bounds every wait of a test that goes well in far less.
const patience = 10 * time.Second

// busy is by how much a test may miss a time that is promised: the machine may have
// others to serve. What was measured is in the test's log.
const busy = 4

// setup says how a rig differs from the usual one.
type setup struct {
	public   string         // PUBLIC_URL; empty: https://app.example
	upstream string         // empty: a recording app of the rig's own
	trusted  string         // a network whose X-Forwarded-For counts
	paths    []string       // public paths, "METHOD /path" or "/path"
	limits   session.Limits // zero: 12 h and 168 h
	store    session.Store  // nil: in memory
	preset   *proxy.Preset
	finder   func(*rig, proxy.Finder) proxy.Finder
	headers  []proxy.HeaderRule // nil: preset sidegate
	tickets  bool               // the app gets them
	policy   *access.Book       // its rules are replaced; nil: a new one
}

// rig is sidegate's public listener, as cmd/sidegate builds it, with an app
// behind it that keeps the bytes it receives.
type rig struct {
	app      *app
	addr     string
	public   *url.URL
	sessions *session.Manager
	live     *session.Live
	keys     session.Keys
	clock    atomic.Int64 // by how much the assertions' clock is ahead
	policy   *access.Book
	headers  *proxy.Headers
	gate     *proxy.Gate
	log      *lockedBuffer
}

// button answers where an app's own button leads.
func button(which string) web.Handler {
	return func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("Button", which)
		return nil
	}
}

func alice() identity.Identity {
	return identity.Identity{
		Issuer: "https://accounts.google.com", Subject: "1001", Email: "alice@app.example",
		EmailVerified: true, Name: "Alice Ay", Picture: "https://pics.example/a.png", Groups: []string{"staff", "a,b"},
	}
}

func start(t *testing.T, s setup) *rig {
	t.Helper()
	g := &rig{live: &session.Live{}, policy: cmp.Or(s.policy, &access.Book{}), log: &lockedBuffer{}}
	if s.upstream == "" {
		g.app = startApp(t)
		s.upstream = "http://" + g.app.addr
	}
	if s.public == "" {
		s.public = "https://app.example"
	}
	if s.limits == (session.Limits{}) {
		s.limits = session.Limits{Idle: 12 * time.Hour, Max: 168 * time.Hour}
	}
	if s.store == nil {
		s.store = session.NewMemory(100_000)
		t.Cleanup(func() { s.store.Close() })
	}
	g.admit(t, "alice@app.example", "bob@app.example", "zoe@app.example")
	g.public = parseURL(t, s.public)
	var err error
	if g.keys, err = session.NewKeys(strings.Repeat("k", 32)); err != nil {
		t.Fatal(err)
	}
	g.sessions = session.NewManager(session.Options{
		Store: s.store, Keys: g.keys, Live: g.live, Audience: s.public, Limits: s.limits, Now: time.Now,
	})
	g.serve(t, s)
	return g
}

func (g *rig) serve(t *testing.T, s setup) {
	t.Helper()
	var finder proxy.Finder = g.sessions
	if s.finder != nil {
		finder = s.finder(g, finder)
	}
	var paths access.PublicPaths
	for _, rule := range s.paths {
		method, path, ok := strings.Cut(rule, " ")
		if !ok {
			method, path = "", rule
		}
		if err := paths.Add(method, path); err != nil {
			t.Fatal(err)
		}
	}
	public := proxy.Public{Scheme: g.public.Scheme, Host: g.public.Host}
	site := &web.Site{HTTPS: public.Scheme == "https"}
	assertions, err := proxy.NewAssertions(s.public, g.keys, func() time.Time { return time.Now().Add(time.Duration(g.clock.Load())) })
	if err != nil {
		t.Fatal(err)
	}
	if s.headers == nil {
		s.headers = []proxy.HeaderRule{{Preset: "sidegate"}}
	}
	headers, err := proxy.NewHeaders(s.headers, assertions)
	if err != nil {
		t.Fatal(err)
	}
	g.headers = headers
	forward := proxy.NewForwarder(proxy.NewUpstream(parseURL(t, s.upstream)), public, headers, site, s.preset)
	g.gate = &proxy.Gate{
		Sessions: finder, Policy: g.policy, Public: paths, Site: site, Forward: forward,
		Origins: proxy.Origins{Allowed: []string{s.public, "https://partner.example"}},
		Tunnels: proxy.NewTunnels(forward, finder, g.live),
	}
	if s.tickets {
		g.gate.Tokens = g.sessions
	}
	routes := &proxy.Routes{
		Own: map[string]web.Handler{
			"/_gate/":          web.Only(g.gate.WhoAmI, http.MethodGet),
			"/_gate/userinfo":  web.Only(g.gate.UserInfo, http.MethodGet),
			"/_gate/jwks.json": web.Only(assertions.JWKS, http.MethodGet),
		},
		Gate: g.gate, Public: public,
		Login: button("log-in"), Logout: button("log-out"),
	}
	if s.trusted != "" {
		routes.Client.Trusted = []netip.Prefix{netip.MustParsePrefix(s.trusted)}
	}
	g.listen(t, site.Record(slog.New(slog.NewJSONHandler(g.log, nil)), site.Handle(routes.Serve)))
}

// listen serves with the limits of cmd/sidegate.
func (g *rig) listen(t *testing.T, h http.Handler) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
	g.addr = l.Addr().String()
}

// admit puts a policy in force that lets in the given addresses.
func (g *rig) admit(t *testing.T, emails ...string) {
	t.Helper()
	policy, err := access.NewPolicy(access.Rules{Emails: emails})
	if err != nil {
		t.Fatal(err)
	}
	g.policy.Set(policy)
}

// giveRoles puts a role map in force.
func (g *rig) giveRoles(t *testing.T, text string) {
	t.Helper()
	m, err := access.ParseRoles(text, access.EmailDomain, nil)
	if err != nil {
		t.Fatal(err)
	}
	g.policy.SetRoles(m)
}

// signIn returns the Cookie line of a new session.
func (g *rig) signIn(t *testing.T, id identity.Identity) string {
	t.Helper()
	w := httptest.NewRecorder()
	if _, err := g.sessions.Create(w, httptest.NewRequest(http.MethodGet, "/", nil), session.SignIn{Identity: id}); err != nil {
		t.Fatal(err)
	}
	c := w.Result().Cookies()[0]
	return "Cookie: " + c.Name + "=" + c.Value
}

// endSession signs out whoever has the Cookie line.
func (g *rig) endSession(t *testing.T, cookie string) {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	r.Header.Set("Cookie", strings.TrimPrefix(cookie, "Cookie: "))
	if _, err := g.sessions.End(httptest.NewRecorder(), r); err != nil {
		t.Error(err)
	}
}

func parseURL(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// checkLeaks fails the test when goroutines or descriptors outlive it. Call it
// first, and not in a parallel test.
func checkLeaks(t *testing.T) {
	t.Helper()
	goroutines, files := runtime.NumGoroutine(), openFiles(t)
	t.Cleanup(func() {
		for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
			g, f := runtime.NumGoroutine(), openFiles(t)
			if g <= goroutines && f <= files {
				return
			}
			runtime.GC() // package net keeps pipes for splice(2) until then
			if time.Now().After(end) {
				stacks := make([]byte, 1<<16)
				t.Errorf("left over: %d goroutines (had %d), %d descriptors (had %d)\n%s",
					g, goroutines, f, files, stacks[:runtime.Stack(stacks, true)])
				return
			}
		}
	})
}

// openFiles counts this process's descriptors, where that can be done.
func openFiles(t *testing.T) int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil && !os.IsNotExist(err) {
		t.Error(err)
	}
	return len(entries)
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
