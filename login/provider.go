package login

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

const (
	// discoveryTime bounds one attempt at discovery.
	discoveryTime = 5 * time.Second
	// discoveryWait is the longest pause between attempts.
	discoveryWait = time.Second
)

// GoogleIssuer is Google's issuer.
const GoogleIssuer = "https://accounts.google.com"

// Client is our registration at the provider.
type Client struct {
	Name   string // of a further provider; empty: the main one
	Title  string // on its button, where there are several
	Issuer string // exact, as in the provider's metadata
	ID     string
	Secret string // the first one; SetClientSecret replaces it
	Public string // our origin, PUBLIC_URL

	GroupsClaim string // of the ID token, lists the person's groups; empty: "groups", of a further provider none
}

// RedirectURI is where the provider sends people back to.
func (c Client) RedirectURI() string { return c.Public + c.CallbackPath() }

// CallbackPath is the redirect URI's path. Each provider has another: not all of them
// say in their answer who they are (RFC 9207), so that one could pass its answer off as
// another's (RFC 9700 4.4.2.2).
func (c Client) CallbackPath() string {
	if c.Name == "" {
		return "/_gate/callback"
	}
	return "/_gate/callback/" + c.Name
}

// subject returns what we call somebody whom the provider calls sub. The app knows
// people by that alone, and one provider's 1001 is another person than another's. The
// main provider's keep their names; what of those looks like a further one's is refused
// by access.Providers.
func (c Client) subject(sub string) string {
	if c.Name == "" || sub == "" {
		return sub
	}
	return c.Name + ":" + sub
}

// groupsClaim: a group is a name alone, whoever says that somebody is in it, and rules
// are written for the main provider's. Another's count when somebody wanted that.
func (c Client) groupsClaim() string {
	if c.GroupsClaim == "" && c.Name == "" {
		return "groups"
	}
	return c.GroupsClaim
}

// setting names a setting of this provider's.
func (c Client) setting(name string) string {
	if c.Name == "" {
		return "SIDEGATE_" + name
	}
	return "SIDEGATE_" + strings.ToUpper(c.Name) + "_" + name
}

// bind is what states of this client are sealed for.
func (c Client) bind() []byte {
	bind := c.Issuer + "\x00" + c.ID + "\x00" + c.Public
	if c.Name != "" {
		bind += "\x00" + c.Name
	}
	return []byte(bind)
}

// provider is the OpenID provider as far as we know it. Its metadata is fetched
// when first needed and again until that succeeds; sidegate starts, and serves
// who is signed in, while the provider is down.
type provider struct {
	client   Client
	http     *http.Client
	now      func() time.Time
	metadata lazy[metadata]
	risc     lazy[risc]
	secret   atomic.Pointer[string] // the client secret; may be replaced at any time
}

// metadata is what discovery gave, made ready for use.
type metadata struct {
	oauth    oauth2.Config // without the client secret: see provider.oauth
	verifier *oidc.IDTokenVerifier
	provider *oidc.Provider

	endSession string // where people sign out of the provider; empty: nowhere
	revocation string // where tokens are given back at a sign-out; empty: nowhere
	withdrawal string // where they are when a person disconnects; empty: nowhere
	offline    bool   // offline_access may be asked for
}

func newProvider(c Client, client *http.Client, now func() time.Time) *provider {
	p := &provider{client: c, http: client, now: now}
	p.metadata = lazy[metadata]{fetch: p.discover, now: now, longest: discoveryWait}
	p.risc = lazy[risc]{fetch: p.fetchRISC, now: now, longest: riscWait}
	p.secret.Store(&c.Secret)
	return p
}

// oauth returns the client with the secret of this moment.
func (p *provider) oauth(m *metadata) *oauth2.Config {
	c := m.oauth
	c.ClientSecret = *p.secret.Load()
	return &c
}

// document is what we read of the provider's metadata (OpenID Connect Discovery
// 3, RP-Initiated Logout 2.1, RFC 8414 2).
type document struct {
	Auth       string   `json:"authorization_endpoint"`
	Token      string   `json:"token_endpoint"`
	Keys       string   `json:"jwks_uri"`
	UserInfo   string   `json:"userinfo_endpoint"`
	EndSession string   `json:"end_session_endpoint"`
	Revocation string   `json:"revocation_endpoint"`
	Scopes     []string `json:"scopes_supported"`
	Methods    []string `json:"token_endpoint_auth_methods_supported"`
	Algs       []string `json:"id_token_signing_alg_values_supported"`
}

// discover fetches the metadata (OpenID Connect Discovery 4). go-oidc compares
// the issuer, exactly.
func (p *provider) discover(ctx context.Context) (*metadata, error) {
	found, err := oidc.NewProvider(oidc.ClientContext(ctx, p.http), p.client.Issuer)
	if err != nil {
		return nil, fmt.Errorf("discovery at %s: %w", p.client.Issuer, err)
	}
	var doc document
	if err := found.Claims(&doc); err != nil {
		return nil, fmt.Errorf("discovery at %s: %w", p.client.Issuer, err)
	}
	if err := p.checkEndpoints(doc); err != nil {
		return nil, fmt.Errorf("discovery at %s: %w", p.client.Issuer, err)
	}
	m := &metadata{provider: found, endSession: doc.EndSession, revocation: p.revocation(doc), withdrawal: doc.Revocation, oauth: oauth2.Config{
		ClientID: p.client.ID, RedirectURL: p.client.RedirectURI(),
		Scopes:   identityScopes(),
		Endpoint: oauth2.Endpoint{AuthURL: doc.Auth, TokenURL: doc.Token, AuthStyle: authStyle(doc.Methods)},
	}}
	// A list may leave out scopes that there are (Discovery 3), but hardly this one.
	m.offline = len(doc.Scopes) == 0 || slices.Contains(doc.Scopes, oidc.ScopeOfflineAccess)
	m.verifier = oidc.NewVerifier(p.client.Issuer, newKeySet(p.http, doc.Keys, p.now), &oidc.Config{
		ClientID:             p.client.ID,
		SupportedSigningAlgs: signingAlgs(doc.Algs),
		// go-oidc compares exp with this clock and leaves no room for skew.
		Now: func() time.Time { return p.now().Add(-clockSkew) },
	})
	return m, nil
}

// revocation is where tokens are given back. Google has such a place as well, but
// there revoking any token withdraws the person's whole consent for the project:
// each later sign-in would ask for it again.
func (p *provider) revocation(d document) string {
	if p.client.Issuer == GoogleIssuer {
		return ""
	}
	return d.Revocation
}

func (p *provider) checkEndpoints(d document) error {
	for _, endpoint := range []struct {
		name, url string
		required  bool
	}{
		{"authorization_endpoint", d.Auth, true}, {"token_endpoint", d.Token, true}, {"jwks_uri", d.Keys, true},
		{"userinfo_endpoint", d.UserInfo, false}, {"end_session_endpoint", d.EndSession, false},
		{"revocation_endpoint", d.Revocation, false},
	} {
		if endpoint.url == "" && !endpoint.required {
			continue
		}
		if err := p.checkEndpoint(endpoint.url); err != nil {
			return fmt.Errorf("%s: %w", endpoint.name, err)
		}
	}
	return nil
}

// checkEndpoint refuses an endpoint in clear text, unless the issuer itself is
// on loopback.
func (p *provider) checkEndpoint(endpoint string) error {
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" {
		return errors.New("not an absolute URL")
	}
	if u.Scheme != "https" && !(u.Scheme == "http" && strings.HasPrefix(p.client.Issuer, "http://")) {
		return fmt.Errorf("scheme %q is not https", u.Scheme)
	}
	return nil
}

// authStyle chooses how the client proves itself at the token endpoint. The
// default is client_secret_basic (OpenID Connect Discovery 3). Trying one after
// the other, as x/oauth2 does by itself, would spend the code on the first try.
func authStyle(methods []string) oauth2.AuthStyle {
	if len(methods) > 0 && !slices.Contains(methods, "client_secret_basic") {
		return oauth2.AuthStyleInParams
	}
	return oauth2.AuthStyleInHeader
}

// signingAlgs keeps those announced algorithms that prove who signed: asymmetric
// ones. "none" and the HMAC family, whose key would be our own client secret or,
// by the old trick, the provider's public key, are never among them.
func signingAlgs(announced []string) []string {
	known := asymmetric()
	kept := slices.DeleteFunc(slices.Clone(announced), func(alg string) bool { return !slices.Contains(known, alg) })
	if len(kept) == 0 {
		return []string{oidc.RS256} // OpenID Connect Discovery 3: must be supported
	}
	return kept
}

// asymmetric lists the algorithms that prove who signed.
func asymmetric() []string {
	return []string{
		oidc.RS256, oidc.RS384, oidc.RS512, oidc.PS256, oidc.PS384, oidc.PS512,
		oidc.ES256, oidc.ES384, oidc.ES512, oidc.EdDSA,
	}
}
