package login_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sidegate/access"
	"sidegate/login"
	"sidegate/login/logintest"
	"sidegate/session"
	"sidegate/web"
)

// setup says what is special about a site. The zero setup is a site over plain
// http with a provider of its own that lets in corp.example.
type setup struct {
	provider *logintest.Provider
	https    bool
	rules    access.Rules
	store    *store               // shared by the replicas of a site; nil: one of its own
	feed     bool                 // it hears what other replicas revoke
	public   string               // where browsers reach it; empty: where it listens
	change   func(*login.Options) // the last word
}

// site is package login behind an HTTP server, in front of an app that tells who
// it was asked by.
type site struct {
	*httptest.Server
	t        *testing.T
	provider *logintest.Provider
	login    *login.Login
	sessions *session.Manager
	store    *store
	clock    *clock
	log      *lines
}

func newSite(t *testing.T) *site { return setup{}.start(t) }

func (c setup) start(t *testing.T) *site {
	t.Helper()
	s := &site{t: t, provider: c.provider, store: c.store, clock: &clock{}, log: &lines{}}
	if s.provider == nil {
		s.provider = logintest.New(t)
	}
	s.provider.Change(func(script *logintest.Script) { script.Now = s.clock.Now })
	if s.store == nil {
		s.store = newStore(t)
	}
	s.Server = httptest.NewUnstartedServer(nil)
	public := "http://" + s.Listener.Addr().String()
	if c.https {
		public = "https://" + s.Listener.Addr().String()
	}
	if c.public != "" {
		public = c.public
	}
	ours := &web.Site{HTTPS: c.https}
	o := s.options(public, c.rules, ours)
	if c.change != nil {
		c.change(&o)
	}
	log := slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	o.Log = log
	s.login, s.sessions = login.New(o), o.Sessions
	if c.feed {
		go s.sessions.Follow(t.Context(), func(bool, error) {})
	}
	s.Config.Handler = s.log.after(ours.Record(log, ours.Handle(s.serve)))
	if c.https {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s
}

func (s *site) options(public string, rules access.Rules, ours *web.Site) login.Options {
	s.t.Helper()
	keys, err := session.NewKeys(strings.Repeat("canary-server-secret ", 2))
	if err != nil {
		s.t.Fatal(err)
	}
	if len(rules.Domains)+len(rules.Emails)+len(rules.Groups) == 0 && !rules.Anyone {
		rules.Domains = []string{"corp.example"}
	}
	policy, err := access.NewPolicy(rules)
	if err != nil {
		s.t.Fatal(err)
	}
	book := new(access.Book)
	book.Set(policy)
	manager := session.NewManager(session.Options{
		Store: s.store, Keys: keys, Live: new(session.Live), Audience: public,
		Limits: session.Limits{Idle: 12 * time.Hour, Max: 168 * time.Hour}, Now: s.clock.Now,
	})
	return login.Options{
		Client: login.Client{
			Issuer: s.provider.Issuer, ID: s.provider.ClientID, Secret: s.provider.ClientSecret, Public: public,
		},
		Keys: keys, Store: s.store, Sessions: manager, Policy: book, Site: ours, Now: s.clock.Now,
	}
}

// serve routes as the program does.
func (s *site) serve(w http.ResponseWriter, r *http.Request) error {
	path, _, _ := strings.Cut(r.RequestURI, "?")
	for _, p := range s.login.Further {
		if path == p.Client.CallbackPath() {
			return p.Callback(w, r)
		}
	}
	switch path {
	case "/_gate/login":
		return web.Only(s.login.Start, http.MethodGet)(w, r)
	case "/_gate/callback":
		return s.login.Callback(w, r)
	case "/_gate/logout":
		return web.Only(s.login.Logout, http.MethodGet, http.MethodPost)(w, r)
	case login.ConnectPath:
		return web.Only(s.login.Connect, http.MethodGet)(w, r)
	case "/_gate/ended":
		return web.Only(s.login.Ended, http.MethodGet)(w, r)
	case "/auth/login":
		return web.Only(s.login.AppLogin, http.MethodGet)(w, r)
	case "/_gate/sessions":
		return web.Only(s.login.EndSessions, http.MethodPost)(w, r)
	case login.BackchannelPath:
		return s.login.BackchannelLogout(w, r)
	case login.RISCPath:
		return s.login.SecurityEvent(w, r)
	case login.LandingPath:
		return web.Only(s.login.LoggedOut, http.MethodGet)(w, r)
	}
	return s.app(w, r)
}

// whom is the app's answer.
type whom struct{ Sub, Email, Name, Picture, Groups, Path string }

func (s *site) app(w http.ResponseWriter, r *http.Request) error {
	found, err := s.sessions.Find(r)
	if errors.Is(err, session.ErrNone) {
		w.Header().Set("Location", "/_gate/login?rd="+url.QueryEscape(r.RequestURI))
		w.WriteHeader(http.StatusFound)
		return nil
	}
	if err != nil {
		return err
	}
	id := found.Identity
	return json.NewEncoder(w).Encode(whom{id.Subject, id.Email, id.Name, id.Picture, strings.Join(id.Groups, " "), r.RequestURI})
}

// here returns an address of another replica as one of this. They share a host
// name, and with it the cookies.
func (s *site) here(address string) string {
	s.t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.URL + u.RequestURI()
}

// wantNobody fails the test if anybody got a session.
func (s *site) wantNobody() {
	s.t.Helper()
	if n := s.store.made(); n != 0 {
		s.t.Errorf("%d sessions were made, want none", n)
	}
}

// wantHits fails the test unless the provider's endpoint got n requests.
func (s *site) wantHits(path string, n int) {
	s.t.Helper()
	if got := s.provider.Hits(path); got != n {
		s.t.Errorf("%s got %d requests, want %d", path, got, n)
	}
}

// clock is real time plus what tests add to it.
type clock struct{ offset atomic.Int64 }

func (c *clock) Now() time.Time          { return time.Now().Add(time.Duration(c.offset.Load())) }
func (c *clock) Advance(d time.Duration) { c.offset.Add(int64(d)) }

// lines collects the log. An answer can arrive before the line about it is written, so
// who reads waits for requests under way.
type lines struct {
	underWay sync.WaitGroup
	mu       sync.Mutex
	buf      bytes.Buffer
}

func (l *lines) after(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.underWay.Add(1)
		defer l.underWay.Done()
		next.ServeHTTP(w, r)
	})
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.underWay.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// store is a session.Store that counts, and fails when told to.
type store struct {
	session.Store
	down func(method string) error
	seen func(key string, ttl time.Duration) // told of each mark

	mu       sync.Mutex
	sessions map[string]int // how often each session's record was put
}

var errDown = errors.New("the store is down")

func newStore(t *testing.T) *store {
	memory := session.NewMemory(20_000)
	t.Cleanup(func() { memory.Close() })
	return &store{Store: memory, sessions: make(map[string]int)}
}

// fail makes the named methods fail, all of them when none is named, until mend.
func (s *store) fail(methods ...string) {
	s.setDown(func(method string) error {
		for _, m := range methods {
			if m == method {
				return errDown
			}
		}
		if len(methods) == 0 {
			return errDown
		}
		return nil
	})
}

func (s *store) mend() { s.setDown(nil) }

func (s *store) setDown(f func(string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = f
}

func (s *store) trouble(method string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down == nil {
		return nil
	}
	return s.down(method)
}

// made returns how many sessions were ever made.
func (s *store) made() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sessions)
}

func (s *store) Get(ctx context.Context, key string) ([]byte, error) {
	if err := s.trouble("Get"); err != nil {
		return nil, err
	}
	return s.Store.Get(ctx, key)
}

func (s *store) Put(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	if err := s.trouble("Put"); err != nil {
		return err
	}
	s.mu.Lock()
	s.sessions[key]++
	s.mu.Unlock()
	return s.Store.Put(ctx, key, value, ttl)
}

func (s *store) PutIfAbsent(ctx context.Context, key string, value []byte, ttl time.Duration) (bool, error) {
	if err := s.trouble("PutIfAbsent"); err != nil {
		return false, err
	}
	if s.seen != nil {
		s.seen(key, ttl)
	}
	return s.Store.PutIfAbsent(ctx, key, value, ttl)
}

func (s *store) Replace(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	if err := s.trouble("Replace"); err != nil {
		return err
	}
	if s.seen != nil {
		s.seen(key, ttl)
	}
	return s.Store.Replace(ctx, key, value, ttl)
}

func (s *store) Revoke(ctx context.Context, keys ...string) error {
	if err := s.trouble("Revoke"); err != nil {
		return err
	}
	return s.Store.Revoke(ctx, keys...)
}
