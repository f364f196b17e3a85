package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"sidegate/access"
	"sidegate/config"
	"sidegate/doctor"
	"sidegate/login"
	"sidegate/proxy"
	"sidegate/proxy/apps"
	"sidegate/session"
	"sidegate/session/filestore"
	"sidegate/session/redisstore"
	"sidegate/tokens"
	"sidegate/web"
)

// maxMemoryRecords bounds store "memory:"; a session is two or three records: itself,
// its place in the index, and its API tokens.
const maxMemoryRecords = 200_000

// server is one sidegate, wired and listening.
type server struct {
	config   config.Config
	log      *slog.Logger
	lines    *heldLines // of the log; nil: they never wait
	login    *login.Login
	upstream *proxy.Upstream
	preset   proxy.Preset
	store    session.Store
	sessions *session.Manager
	tokens   *tokens.Keeper
	live     *session.Live
	policy   *policyFile
	public   listener
	admin    listener
	draining atomic.Bool
	feedUp   atomic.Bool
	feedLost atomic.Bool
	traffic  traffic
	keys     session.Keys
	secrets  *secrets
	probes   doctor.Probes
}

// listener is a socket and who answers on it.
type listener struct {
	net.Listener
	http *http.Server
}

// newServer wires everything and opens the listeners, but answers nothing yet.
// load reads the settings anew, for secrets that change; nil: none can.
func newServer(c config.Config, load func() (config.Config, error), to streams) (*server, error) {
	s := &server{config: c, live: &session.Live{}}
	s.log, s.lines = newLogger(c.Log, to)
	boundMemory(os.DirFS("/"), s.log)
	s.secrets = &secrets{server: s, load: load, held: c}
	public := proxy.Public{Scheme: c.Public.Scheme, Host: c.Public.Host}
	origin := public.Scheme + "://" + public.Host

	policy, err := openPolicy(c.Access, judged(c), s.live, s.log)
	if err != nil {
		return nil, err
	}
	directory, err := openDirectory(c.Groups, c.Provider.Issuer, s.log)
	if err != nil {
		return nil, err
	}
	if directory != nil {
		policy.useDirectory(directory)
	}
	if s.keys, err = openKeys(c.Session); err != nil {
		return nil, err
	}
	paths, err := publicPaths(c.Proxy.PublicPaths)
	if err != nil {
		return nil, err
	}
	if s.store, err = openStore(c.Session.Store); err != nil {
		return nil, err
	}
	sessions := session.NewManager(session.Options{
		Store: s.store, Keys: s.keys, Live: s.live, Audience: origin, Now: time.Now,
		Limits: session.Limits{Idle: c.Session.Idle, Max: c.Session.Max, Grace: c.Session.Grace},
		Tokens: s.wantsTokens(),
	})
	s.sessions = sessions
	site := &web.Site{HTTPS: public.Scheme == "https", Demo: c.Provider.ClientID == demoClient, Notice: c.Proxy.Notice, Brand: brand(c.Pages)}
	s.policy = policy
	options := login.Options{
		Client: login.Client{
			Title: providerTitle(c), Issuer: c.Provider.Issuer, ID: c.Provider.ClientID,
			Secret: c.Provider.ClientSecret.Reveal(), Public: origin,
			GroupsClaim: c.Provider.GroupsClaim,
		},
		Keys: s.keys, Store: s.store, Sessions: sessions, Policy: &policy.book, Site: site, AskFirst: c.Pages.SignInPage, Now: time.Now, Log: s.log,
	}
	options.Further = furtherLogins(c.Further, options)
	options.API = login.API{SignIn: c.Provider.Scopes, Connect: c.Provider.Connect}
	options.Hint = domainHint(c)
	s.login = login.New(options)
	s.tokens = s.newKeeper(origin, site)
	assertions, err := proxy.NewAssertions(origin, s.keys, time.Now)
	if err != nil {
		return nil, err
	}
	headers, err := appHeaders(c.Proxy.Headers, assertions)
	if err != nil {
		return nil, err
	}
	s.upstream = proxy.NewUpstream(c.Upstream)
	if s.preset.Set(apps.Named(c.Proxy.App)); c.Proxy.App == "auto" {
		s.preset.Expect()
	}
	forward := proxy.NewForwarder(s.upstream, public, headers, site, &s.preset)
	if c.Proxy.Notice {
		forward.AddNotice()
	}
	gate := &proxy.Gate{
		Sessions: sessions, Policy: &policy.book, Public: paths,
		Origins: proxy.Origins{Allowed: append([]string{origin}, c.Proxy.Origins...)},
		Forward: forward, Tunnels: proxy.NewTunnels(forward, sessions, s.live), Site: site,
	}
	own := ownPaths(s.login, gate, assertions, site)
	if gate.Push, err = s.push(headers); err != nil {
		return nil, err
	}
	if s.wantsTokens() {
		gate.Tokens = sessions
		own[login.ConnectPath] = web.Only(s.login.Connect, http.MethodGet)
		own[tokens.DisconnectPath] = web.Only(s.tokens.Disconnect, http.MethodPost)
	}
	routes := &proxy.Routes{
		Own: own, Gate: gate,
		Login: web.Only(s.login.AppLogin, http.MethodGet), Logout: web.Only(s.login.Logout, http.MethodGet),
		Client: proxy.Client{Trusted: c.Proxy.Trusted}, Public: public,
	}
	own[doctor.ProbePath] = s.probe(routes.Behind)
	return s, s.listen(s.lastAnswers(site.Record(s.log, site.Handle(routes.Serve))))
}

// ownPaths are the exact paths on the public listener that are not the app's.
func ownPaths(l *login.Login, g *proxy.Gate, a *proxy.Assertions, site *web.Site) map[string]web.Handler {
	own := map[string]web.Handler{
		"/_gate/":         web.Only(g.WhoAmI, http.MethodGet),
		"/_gate/userinfo": web.Only(g.UserInfo, http.MethodGet),
		"/_gate/login":    web.Only(l.Start, http.MethodGet),
		"/_gate/callback": l.Callback,
		"/_gate/logout":   web.Only(l.Logout, http.MethodGet, http.MethodPost),
		proxy.EndedPath:   web.Only(l.Ended, http.MethodGet),
		"/_gate/sessions": web.Only(l.EndSessions, http.MethodPost),
		// For the app: the keys of X-User-Assertion.
		"/_gate/jwks.json": web.Only(a.JWKS, http.MethodGet),
		// From the provider: browsers on their way back, and its servers.
		login.LandingPath:     web.Only(l.LoggedOut, http.MethodGet),
		login.BackchannelPath: l.BackchannelLogout,
		login.RISCPath:        l.SecurityEvent,
		"/_gate/healthz": web.Only(func(w http.ResponseWriter, r *http.Request) error {
			site.JSON(w, r, http.StatusOK, map[string]string{"status": "ok"})
			return nil
		}, http.MethodGet),
	}
	for _, p := range l.Further {
		own[p.Client.CallbackPath()] = p.Callback
	}
	if site.Notice {
		own[web.NoticePath] = web.Only(site.NoticeScript, http.MethodGet)
	}
	return own
}

func (s *server) listen(handler http.Handler) error {
	public, err := net.Listen("tcp", s.config.Listen)
	if err != nil {
		return listenError("SIDEGATE_LISTEN", s.config.Listen, err)
	}
	admin, err := net.Listen("tcp", s.config.AdminListen)
	if err != nil {
		return listenError("SIDEGATE_ADMIN_LISTEN", s.config.AdminListen, err)
	}
	s.public = listener{newShedding(public, s.log), newHTTPServer(handler, s.log)}
	s.public.http.ConnState = s.traffic.note
	s.admin = listener{admin, newHTTPServer(s.adminHandler(), s.log)}
	return nil
}

func listenError(name, addr string, err error) error {
	return fmt.Errorf("cannot listen on %s: %w. Stop what uses it, or set %s to another address", addr, errors.Unwrap(err), name)
}

// newHTTPServer bounds what a client can hold: the head of a request by size and
// time, an idle connection by time. Bodies and answers have no limit in time,
// since uploads, streams and WebSockets take as long as they take.
func newHTTPServer(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// serve answers until ctx is done, then drains. It ends with an error only when
// a listener broke.
func (s *server) serve(ctx context.Context) error {
	defer s.store.Close()
	// Until all is over: a process that stops still hears of revocations.
	background, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	for _, p := range s.providers() {
		go p.Discover(background)
	}
	go s.policy.watch(background)
	go s.secrets.watch(background)
	go s.sessions.Follow(background, s.feedChanged)
	if s.config.Proxy.App == "auto" {
		go s.recognise(background)
	}

	broken := make(chan error, 2)
	for _, l := range []listener{s.public, s.admin} {
		go func() {
			if err := l.http.Serve(l.Listener); !errors.Is(err, http.ErrServerClosed) {
				broken <- err
			}
		}()
	}
	defer s.lines.letGo()
	select {
	case err := <-broken:
		return err
	case <-ctx.Done():
		s.lines.letGo() // the next signal ends the process at once
		return s.drain()
	}
}

// feedChanged says in the log what holds for revocations by other replicas.
func (s *server) feedChanged(up bool, why error) {
	s.feedUp.Store(up)
	if up {
		level := slog.LevelDebug // as everybody expects
		if s.feedLost.Swap(false) {
			level = slog.LevelInfo
		}
		s.log.Log(context.Background(), level, "the session store's revocation feed is up")
		return
	}
	s.feedLost.Store(true)
	s.log.Warn("the session store's revocation feed is down: until it is back, sign-outs on other replicas take effect here within seconds, and on open WebSockets when it is back", "error", why)
}

func openStore(c config.Store) (session.Store, error) {
	switch c.Kind {
	case config.StoreFile:
		return filestore.Open(c.Path)
	case config.StoreRedis:
		return redisstore.Open(c.URL.Reveal())
	}
	return session.NewMemory(maxMemoryRecords), nil
}

func openKeys(c config.Session) (session.Keys, error) {
	secrets, err := c.OpenSecrets()
	if err != nil {
		return session.Keys{}, err
	}
	return session.NewKeys(reveal(secrets)...)
}

func publicPaths(rules []config.PathRule) (paths access.PublicPaths, err error) {
	for _, rule := range rules {
		err = errors.Join(err, paths.Add(rule.Method, rule.Path))
	}
	return paths, err
}

// domainHint lets Google offer the right account first, when there is one right
// domain. It is a courtesy: what counts is the hd claim that comes back.
func domainHint(c config.Config) string {
	if c.Provider.Google && len(c.Access.Domains) == 1 && len(c.Access.Emails) == 0 && len(c.Access.Groups) == 0 && c.Access.EmailsFile == "" && !c.Access.Anyone {
		return c.Access.Domains[0]
	}
	return ""
}
