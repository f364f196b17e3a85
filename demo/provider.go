package demo

import (
	"crypto/rand"
	"errors"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

const (
	maxQuery = 8 << 10  // bytes of an authorization request: it is kept in memory
	maxBody  = 64 << 10 // bytes of a form or token request
)

// Provider is an OpenID provider for one client on this machine. It has no
// goroutines, no files and no log.
type Provider struct {
	issuer   *url.URL
	redirect *url.URL
	store    *store
	op       *op.Provider
	page     *template.Template
	handler  http.Handler
}

// NewProvider returns a provider that is reached at issuer, such as
// "http://127.0.0.1:9000", and sends people back to redirectURI and nowhere
// else. Both must be loopback addresses: anyone who reaches the provider can be
// anyone.
//
// Prefer an issuer on 127.0.0.1 when people use sidegate at localhost (or the
// other way round): browsers send cookies to every port of a host name, and so
// sidegate's would be sent to the provider as well.
func NewProvider(issuer, redirectURI, clientSecret string) (*Provider, error) {
	at, err := loopbackURL(issuer)
	if err != nil || issuer != "http://"+at.Host {
		return nil, fmt.Errorf("demo: issuer %q: want http://, a loopback host, a port and nothing after it", issuer)
	}
	redirect, err := loopbackURL(redirectURI)
	if err != nil {
		return nil, fmt.Errorf("demo: redirect URI %q: %w", redirectURI, err)
	}
	if clientSecret == "" {
		return nil, errors.New("demo: the client secret is empty")
	}
	p := &Provider{issuer: at, redirect: redirect}
	if p.page, err = template.ParseFS(pages, "page/signin.html"); err != nil {
		return nil, err
	}
	if p.store, err = newStore(redirectURI, clientSecret); err != nil {
		return nil, err
	}
	config := &op.Config{CodeMethodS256: true}
	rand.Read(config.CryptoKey[:])
	if p.op, err = op.NewProvider(config, p.store, op.StaticIssuer(issuer), op.WithAllowInsecure()); err != nil {
		return nil, err
	}
	p.handler = p.guard(p.routes())
	return p, nil
}

// loopbackURL parses an http or https URL whose host cannot be anywhere but on
// this machine.
func loopbackURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, err
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("want http:// or https://")
	}
	if u.Hostname() != "localhost" && !net.ParseIP(u.Hostname()).IsLoopback() {
		return nil, errors.New("the demo works on loopback addresses only (localhost, 127.0.0.1)")
	}
	return u, nil
}

func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) { p.handler.ServeHTTP(w, r) }

// routes opens what the authorization code flow and refresh tokens need. The library's
// own router would add device, introspection and log-out endpoints, answer
// cross-origin requests of any site, and log to the process-wide logger.
func (p *Provider) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+oidc.DiscoveryEndpoint, p.discover)
	mux.HandleFunc("GET /authorize", p.authorize)
	mux.HandleFunc("POST /signin", p.signIn)
	mux.HandleFunc("POST /consent", p.consent)
	mux.HandleFunc("POST /token", p.token)
	mux.HandleFunc("POST /revoke", func(w http.ResponseWriter, r *http.Request) { op.Revoke(w, r, p.op) })
	mux.HandleFunc("GET /youtube/v3/channels", p.channels)
	mux.HandleFunc("GET /userinfo", func(w http.ResponseWriter, r *http.Request) { op.Userinfo(w, r, p.op) })
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, r *http.Request) { op.Keys(w, r, p.store) })
	mux.HandleFunc("GET /demo.css", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, pages, "page/demo.css")
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		p.notice(w, http.StatusNotFound, "There is nothing here. This address belongs to the demo's sign-in page.")
	})
	return mux
}

// guard is in front of every route. It refuses other host names, so that a site
// that points its own name at 127.0.0.1 cannot press the buttons (DNS
// rebinding), and posts from other sites, so that nobody is signed in by a page
// they happen to visit.
func (p *Provider) guard(next http.Handler) http.Handler {
	forgery := http.NewCrossOriginProtection()
	forgery.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		p.notice(w, http.StatusForbidden, "Another site sent this form. Nobody was signed in.")
	}))
	checked := forgery.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.setHeaders(w.Header())
		if r.Host != p.issuer.Host {
			p.notice(w, http.StatusMisdirectedRequest, "The demo's sign-in page has another address: "+p.issuer.String())
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		checked.ServeHTTP(w, r.WithContext(op.ContextWithIssuer(r.Context(), p.issuer.String())))
	})
}

// setHeaders is the policy of every answer: no script, no frame, no cache.
// form-action names sidegate's origin because browsers hold the redirect that
// answers a form to it as well. The referrer policy is not "no-referrer": with
// that, browsers send "Origin: null" with the form, and the cross-site check
// has nothing to go by in those that lack Sec-Fetch-Site.
func (p *Provider) setHeaders(h http.Header) {
	app := p.redirect.Scheme + "://" + p.redirect.Host
	if strings.HasPrefix(p.redirect.Host, "[") {
		app = p.redirect.Scheme + ":" // CSP has no syntax for an IPv6 host
	}
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; base-uri 'none'; "+
		"frame-ancestors 'none'; form-action 'self' "+app)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}

func (p *Provider) discover(w http.ResponseWriter, _ *http.Request) {
	issuer := p.issuer.String()
	op.Discover(w, &oidc.DiscoveryConfiguration{
		Issuer:                            issuer,
		AuthorizationEndpoint:             issuer + "/authorize",
		TokenEndpoint:                     issuer + "/token",
		UserinfoEndpoint:                  issuer + "/userinfo",
		RevocationEndpoint:                issuer + "/revoke",
		JwksURI:                           issuer + "/keys",
		ScopesSupported:                   []string{oidc.ScopeOpenID, oidc.ScopeEmail, oidc.ScopeProfile, oidc.ScopeOfflineAccess},
		ResponseTypesSupported:            []string{string(oidc.ResponseTypeCode)},
		ResponseModesSupported:            []string{string(oidc.ResponseModeQuery)},
		GrantTypesSupported:               grantTypes(),
		SubjectTypesSupported:             []string{"public"},
		IDTokenSigningAlgValuesSupported:  []string{"RS256"},
		TokenEndpointAuthMethodsSupported: []oidc.AuthMethod{oidc.AuthMethodBasic, oidc.AuthMethodPost},
		CodeChallengeMethodsSupported:     []oidc.CodeChallengeMethod{oidc.CodeChallengeMethodS256},
		ClaimsSupported:                   []string{"sub", "email", "email_verified", "name", "groups"},
	})
}
