// Package logintest is an OpenID provider for tests, over real HTTP on loopback.
// Left alone it behaves as a good one: it checks client, redirect URI, PKCE
// verifier and that a code comes once, and signs in Alice without asking. A
// Script changes any part of that, up to the bytes of the ID token, and every
// request is counted:
//
//	p := logintest.New(t)
//	p.Change(func(s *logintest.Script) {
//		s.IDToken = func(t *logintest.IDToken) { t.Claims["nonce"] = "another" }
//	})
//	// … a browser goes to an address that redirects it to p.Issuer …
//	if p.Hits(logintest.TokenPath) != 1 { … }
package logintest

import (
	"crypto/rand"
	"encoding/json"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"
)

// The endpoints, as paths under the issuer.
const (
	DiscoveryPath = "/.well-known/openid-configuration"
	AuthorizePath = "/authorize"
	TokenPath     = "/token"
	KeysPath      = "/jwks"
	UserInfoPath  = "/userinfo"
)

// Object is a JSON object: claims, a JWT header, an answer.
type Object = map[string]any

// Script is how a Provider behaves. A nil function changes nothing.
type Script struct {
	User      func(r *http.Request) Object // who signs in with this authorization request
	Redirect  func(answer url.Values)      // changes what is sent back to the redirect URI
	IDToken   func(t *IDToken)             // changes the ID token before it is signed
	Token     func(answer Object)          // changes the token endpoint's answer
	UserInfo  func(answer Object)          // changes the userinfo endpoint's answer
	Metadata  func(document Object)        // changes the discovery document
	Signing   Key                          // signs ID tokens
	Published []Key                        // what the key set holds
	Now       func() time.Time             // the clock; nil: the real one
	Secret    string                       // the client's secret, when not Provider.ClientSecret any more
	Wrap      map[string]Wrapper           // gets in between, by endpoint

	API        *API // what it has besides signing people in; nil: nothing
	EndSession bool // people can sign out here (RP-Initiated Logout)
	Revocation bool // tokens can be given back (RFC 7009)
}

// Wrapper gets in between a request and the provider's own answer: it may look at
// either, change them, or answer in next's place.
type Wrapper func(next http.HandlerFunc) http.HandlerFunc

// Provider is a running provider. New makes one; the fields do not change.
type Provider struct {
	Issuer       string
	ClientID     string
	ClientSecret string

	mu        sync.Mutex
	script    Script
	hits      map[string]int
	grants    map[string]grant  // by code
	users     map[string]Object // by access token
	issued    map[string]bool   // ID tokens
	asked     []TokenRequest
	revoked   []TokenRequest
	logouts   []url.Values
	access    map[string]access   // by access token, of an API
	refreshed map[string]*consent // by refresh token, spent ones too
	running   *running
}

// running is what ends when the provider goes down.
type running struct {
	server *httptest.Server
	ended  chan struct{}
}

// Alice is who signs in unless the Script says otherwise.
func Alice() Object {
	return Object{
		"sub": "1001", "email": "alice@corp.example", "email_verified": true,
		"hd": "corp.example", "name": "Alice Example", "picture": "https://img.example/alice.png",
		"groups": []string{"staff", "admins"},
	}
}

// New starts a provider, which ends with the test.
func New(t testing.TB) *Provider {
	t.Helper()
	key := NewKey(t, "ES256", "first")
	p := &Provider{
		ClientID: "logintest client", ClientSecret: "canary:client%secret " + rand.Text(),
		script: Script{Signing: key, Published: []Key{key}, Wrap: make(map[string]Wrapper)},
		hits:   make(map[string]int), grants: make(map[string]grant), users: make(map[string]Object),
		issued: make(map[string]bool), access: make(map[string]access), refreshed: make(map[string]*consent),
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("logintest: %v", err)
	}
	p.Issuer = "http://" + l.Addr().String()
	p.start(l)
	t.Cleanup(p.Down)
	return p
}

func (p *Provider) start(l net.Listener) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(p.serve))
	server.Listener.Close()
	server.Listener = l
	server.Start()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running = &running{server: server, ended: make(chan struct{})}
}

// Down ends the server: connections are refused until Up.
func (p *Provider) Down() {
	p.mu.Lock()
	was := p.running
	p.running = nil
	p.mu.Unlock()
	if was != nil {
		close(was.ended)
		was.server.Close()
	}
}

// Up brings the provider back, at the same address and with all it knew.
func (p *Provider) Up(t testing.TB) {
	t.Helper()
	l, err := net.Listen("tcp", p.Issuer[len("http://"):])
	if err != nil {
		t.Fatalf("logintest: %v", err)
	}
	p.start(l)
}

// Change changes the script.
func (p *Provider) Change(change func(*Script)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.script)
}

// Wrap puts w in front of an endpoint, in place of what was there; nil takes it
// away.
func (p *Provider) Wrap(path string, w Wrapper) {
	p.Change(func(s *Script) { s.Wrap[path] = w })
}

// Replace answers an endpoint with h from now on; nil gives it back.
func (p *Provider) Replace(path string, h http.HandlerFunc) {
	if h == nil {
		p.Wrap(path, nil)
		return
	}
	p.Wrap(path, func(http.HandlerFunc) http.HandlerFunc { return h })
}

// Hits returns how many requests an endpoint got.
func (p *Provider) Hits(path string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.hits[path]
}

func (p *Provider) serve(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.hits[r.URL.Path]++
	script, wrap := p.script, p.script.Wrap[r.URL.Path]
	p.mu.Unlock()
	h := func(w http.ResponseWriter, r *http.Request) { p.answer(w, r, script) }
	if wrap != nil {
		h = wrap(h)
	}
	h(w, r)
}

func (p *Provider) answer(w http.ResponseWriter, r *http.Request, script Script) {
	switch r.URL.Path {
	case DiscoveryPath:
		writeJSON(w, http.StatusOK, p.discovery(script))
	case AuthorizePath:
		p.authorize(w, r, script)
	case TokenPath:
		p.token(w, r, script)
	case KeysPath, RISCKeysPath:
		keys := make([]Object, 0, len(script.Published))
		for _, k := range script.Published {
			keys = append(keys, k.JWK())
		}
		writeJSON(w, http.StatusOK, Object{"keys": keys})
	case UserInfoPath:
		p.userInfo(w, r, script)
	case EndSessionPath:
		p.endSession(w, r)
	case RevocationPath:
		p.revoke(w, r, script)
	case RISCPath:
		writeJSON(w, http.StatusOK, p.riscConfiguration())
	default:
		http.NotFound(w, r)
	}
}

func (p *Provider) discovery(script Script) Object {
	document := Object{
		"issuer":                                p.Issuer,
		"authorization_endpoint":                p.Issuer + AuthorizePath,
		"token_endpoint":                        p.Issuer + TokenPath,
		"jwks_uri":                              p.Issuer + KeysPath,
		"userinfo_endpoint":                     p.Issuer + UserInfoPath,
		"response_types_supported":              []string{"code"},
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": []string{"RS256", "ES256"},
		"token_endpoint_auth_methods_supported": []string{"client_secret_post", "client_secret_basic"},
	}
	if script.EndSession {
		document["end_session_endpoint"] = p.Issuer + EndSessionPath
	}
	if script.Revocation {
		document["revocation_endpoint"] = p.Issuer + RevocationPath
	}
	if script.Metadata != nil {
		script.Metadata(document)
	}
	return document
}

func (p *Provider) userInfo(w http.ResponseWriter, r *http.Request, script Script) {
	const prefix = "Bearer "
	access := r.Header.Get("Authorization")
	p.mu.Lock()
	user, known := p.users[access[min(len(prefix), len(access)):]]
	p.mu.Unlock()
	if !known {
		writeJSON(w, http.StatusUnauthorized, Object{"error": "invalid_token"})
		return
	}
	info := maps.Clone(user)
	if script.UserInfo != nil {
		script.UserInfo(info)
	}
	writeJSON(w, http.StatusOK, info)
}

func writeJSON(w http.ResponseWriter, status int, o Object) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(o)
}

// now is the provider's time as a NumericDate (RFC 7519 2).
func (s Script) now() int64 {
	if s.Now == nil {
		return time.Now().Unix()
	}
	return s.Now().Unix()
}
