package tokens_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
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
	"sidegate/tokens"
	"sidegate/web"
)

const (
	read  = "https://api.example/read"
	write = "https://api.example/write"
)

// site is sidegate's sign-in and token endpoint, in one or more replicas on one
// store, in front of an app that answers with its ticket.
type site struct {
	t        *testing.T
	provider *logintest.Provider
	store    *store
	replicas []*replica
	clock    clock
	log      lines
	barred   atomic.Bool // nobody may pass any more
}

// replica is one process: both of its listeners.
type replica struct {
	*httptest.Server
	sessions *session.Manager
	keeper   *tokens.Keeper
}

// setup says what is special about a site.
type setup struct {
	replicas int           // 0: one
	store    session.Store // nil: in memory
	signIn   session.Scopes
	patience time.Duration
}

func (c setup) start(t *testing.T) *site {
	t.Helper()
	s := &site{t: t, provider: logintest.New(t), store: &store{Store: c.store}}
	if c.store == nil {
		memory := session.NewMemory(20_000)
		t.Cleanup(func() { memory.Close() })
		s.store.Store = memory
	}
	s.provider.Change(func(script *logintest.Script) {
		script.Now, script.Revocation = s.clock.Now, true
		script.API = &logintest.API{Life: time.Minute, Rotate: true, Offline: true}
	})
	for range max(c.replicas, 1) {
		s.replicas = append(s.replicas, &replica{Server: httptest.NewUnstartedServer(nil)})
	}
	public := "http://" + s.replicas[0].Listener.Addr().String()
	for _, r := range s.replicas {
		s.wire(r, public, c)
		r.Start()
		t.Cleanup(r.Close)
	}
	return s
}

func (s *site) wire(r *replica, public string, c setup) {
	s.t.Helper()
	keys, err := session.NewKeys(strings.Repeat("canary-server-secret ", 2))
	if err != nil {
		s.t.Fatal(err)
	}
	policy, err := access.NewPolicy(access.Rules{Anyone: true})
	if err != nil {
		s.t.Fatal(err)
	}
	book := new(access.Book)
	book.Set(policy)
	r.sessions = session.NewManager(session.Options{
		Store: s.store, Keys: keys, Live: new(session.Live), Audience: public,
		Limits: session.Limits{Idle: 12 * time.Hour, Max: 168 * time.Hour}, Now: s.clock.Now,
	})
	go r.sessions.Follow(s.t.Context(), func(bool, error) {})
	ours, log := &web.Site{}, slog.New(slog.NewTextHandler(&s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	l := login.New(login.Options{
		Client: login.Client{Issuer: s.provider.Issuer, ID: s.provider.ClientID, Secret: s.provider.ClientSecret, Public: public},
		API:    login.API{SignIn: c.signIn, Connect: session.Scopes{read, write}}, Patience: c.patience,
		Keys: keys, Store: s.store, Sessions: r.sessions, Policy: book, Site: ours, Now: s.clock.Now, Log: log,
	})
	r.keeper = tokens.NewKeeper(tokens.Options{
		Sessions: r.sessions, Provider: l, Allowed: func(session.Info) bool { return !s.barred.Load() },
		Connect: login.ConnectQuery, Public: public, Site: ours, Now: s.clock.Now, Log: log,
	})
	own := map[string]web.Handler{
		"/_gate/login": l.Start, "/_gate/callback": l.Callback, login.ConnectPath: l.Connect, "/_gate/logout": l.Logout,
		tokens.DisconnectPath: r.keeper.Disconnect, "/token": r.keeper.Token,
		"/_gate/": func(w http.ResponseWriter, r *http.Request) error { w.WriteHeader(http.StatusNoContent); return nil },
	}
	r.Config.Handler = ours.Record(log, ours.Handle(func(w http.ResponseWriter, q *http.Request) error {
		if h, ok := own[q.URL.Path]; ok {
			return h(w, q)
		}
		return r.app(w, q)
	}))
}

// app answers with its ticket, as it was received.
func (r *replica) app(w http.ResponseWriter, q *http.Request) error {
	s, err := r.sessions.Find(q)
	if errors.Is(err, session.ErrNone) {
		w.Header().Set("Location", "/_gate/login?rd="+url.QueryEscape(q.RequestURI))
		w.WriteHeader(http.StatusFound)
		return nil
	}
	if err == nil {
		_, err = io.WriteString(w, r.sessions.Ticket(s).Reveal())
	}
	return err
}

// browser keeps cookies and remembers where it was sent.
type browser struct {
	site *site
	http.Client
	visited []string
}

func (s *site) newBrowser() *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	b := &browser{site: s}
	b.Client = http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		b.visited = append(b.visited, r.URL.String())
		return nil
	}}
	return b
}

// page is an answer that was read to its end.
type page struct {
	status int
	path   string
	body   string
	header http.Header
}

func (b *browser) do(method, path string, fields ...string) page {
	b.site.t.Helper()
	if strings.HasPrefix(path, "/") {
		path = b.site.replicas[0].URL + path
	}
	r, err := http.NewRequestWithContext(b.site.t.Context(), method, path, nil)
	if err != nil {
		b.site.t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html")
	for i := 0; i < len(fields); i += 2 {
		r.Header.Set(fields[i], fields[i+1])
	}
	res, err := b.Do(r)
	if err != nil {
		b.site.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.site.t.Fatal(err)
	}
	return page{res.StatusCode, res.Request.URL.RequestURI(), string(body), res.Header}
}

// signIn returns the ticket that the app is given.
func (b *browser) signIn() string {
	b.site.t.Helper()
	p := b.do("GET", "/")
	if _, ok := session.ParseTicket(p.body); !ok || p.status != http.StatusOK {
		b.site.t.Fatalf("sign-in: %d at %s: %s", p.status, p.path, p.body)
	}
	return p.body
}

// connect grants scopes, and comes back to the app.
func (b *browser) connect(scopes ...string) page {
	b.site.t.Helper()
	return b.do("GET", login.ConnectQuery(scopes)+"&rd=%2Fback")
}

func (b *browser) disconnect() page {
	return b.do("POST", tokens.DisconnectPath, "Sec-Fetch-Site", "same-origin")
}

// answer is what GET /token says.
type answer struct {
	status  int
	body    string
	header  http.Header
	Access  string   `json:"access_token"`
	Expires int64    `json:"expires_at"`
	Scopes  []string `json:"scopes"`
	Error   string   `json:"error"`
	Connect string   `json:"connect_url"`
	Missing []string `json:"missing_scopes"`
}

func (r *replica) token(t *testing.T, ticket string, scopes ...string) answer {
	t.Helper()
	return r.ask(t, "?"+url.Values{"scopes": {strings.Join(scopes, " ")}}.Encode(), tokens.TicketHeader, ticket)
}

// ask may run in a goroutine of its own: it does not stop the test.
func (r *replica) ask(t *testing.T, query string, fields ...string) (a answer) {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.URL+"/token"+query, nil)
	if err != nil {
		t.Error(err)
		return a
	}
	for i := 0; i < len(fields); i += 2 {
		q.Header.Add(fields[i], fields[i+1])
	}
	res, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Error(err)
		return a
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Error(err)
	}
	a.status, a.body, a.header = res.StatusCode, string(body), res.Header
	if err := json.Unmarshal(body, &a); err != nil {
		t.Errorf("no JSON: %s", body)
	}
	return a
}

// want fails the test unless the answer is a token that the provider's APIs take now.
func (s *site) want(what string, a answer, scopes ...string) {
	s.t.Helper()
	good, ok := s.provider.Access(a.Access)
	if a.status != http.StatusOK || !ok || strings.Join(good, " ") != strings.Join(scopes, " ") {
		s.t.Errorf("%s: got %d %s, which is good for %v", what, a.status, a.body, good)
	}
	if left := time.Unix(a.Expires, 0).Sub(s.clock.Now()); left <= 0 || left > time.Minute {
		s.t.Errorf("%s: it says it is good for %v", what, left)
	}
}

func (s *site) wantError(what string, a answer, status int, code string) {
	s.t.Helper()
	if a.status != status || a.Error != code || a.Access != "" {
		s.t.Errorf("%s: got %d %s, want %d %s", what, a.status, a.body, status, code)
	}
}

// refreshes returns how often the provider was asked for new tokens.
func (s *site) refreshes() (n int) {
	for _, r := range s.provider.TokenRequests() {
		if r.Form.Get("grant_type") == "refresh_token" {
			n++
		}
	}
	return n
}

// clock is real time plus what tests add to it.
type clock struct{ offset atomic.Int64 }

func (c *clock) Now() time.Time          { return time.Now().Add(time.Duration(c.offset.Load())) }
func (c *clock) Advance(d time.Duration) { c.offset.Add(int64(d)) }

// lines collects the log.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}
