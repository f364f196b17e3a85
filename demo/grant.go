package demo

import (
	"sync/atomic"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// grant is an authorization request after somebody chose an account: what a
// code, and later access and refresh tokens, stand for. It is the library's
// op.AuthRequest, and its op.RefreshTokenRequest.
type grant struct {
	request *oidc.AuthRequest
	account Account
	scopes  []string  // granted: people may untick some
	at      time.Time // of the choice
	revoked atomic.Bool
}

func (g *grant) GetID() string                      { return "" } // codes name grants, ids do not
func (g *grant) GetACR() string                     { return "" }
func (g *grant) GetAMR() []string                   { return nil } // no password, no second factor: nothing to claim
func (g *grant) GetAudience() []string              { return []string{ClientID} }
func (g *grant) GetAuthTime() time.Time             { return g.at }
func (g *grant) GetClientID() string                { return g.request.ClientID }
func (g *grant) GetNonce() string                   { return g.request.Nonce }
func (g *grant) GetRedirectURI() string             { return g.request.RedirectURI }
func (g *grant) GetResponseType() oidc.ResponseType { return g.request.ResponseType }
func (g *grant) GetResponseMode() oidc.ResponseMode { return oidc.ResponseModeQuery }
func (g *grant) GetScopes() []string                { return g.scopes }
func (g *grant) GetState() string                   { return g.request.State }
func (g *grant) GetSubject() string                 { return g.account.Subject }
func (g *grant) Done() bool                         { return true }

// SetCurrentScopes would narrow a refreshed token. Nobody asks for that here, and a
// provider may leave it (RFC 6749, 3.3): the answer says what the token is for.
func (g *grant) SetCurrentScopes([]string) {}

func (g *grant) GetCodeChallenge() *oidc.CodeChallenge {
	return &oidc.CodeChallenge{Challenge: g.request.CodeChallenge, Method: g.request.CodeChallengeMethod}
}

// client is sidegate as the provider sees it: confidential, code flow and refresh, one
// redirect URI, compared whole.
type client struct{ redirectURI string }

func (client) GetID() string                        { return ClientID }
func (c client) RedirectURIs() []string             { return []string{c.redirectURI} }
func (client) PostLogoutRedirectURIs() []string     { return nil }
func (client) ApplicationType() op.ApplicationType  { return op.ApplicationTypeWeb }
func (client) AuthMethod() oidc.AuthMethod          { return oidc.AuthMethodBasic }
func (client) ResponseTypes() []oidc.ResponseType   { return []oidc.ResponseType{oidc.ResponseTypeCode} }
func (client) GrantTypes() []oidc.GrantType         { return grantTypes() }
func (client) LoginURL(string) string               { return "" } // /authorize is the sign-in page itself
func (client) AccessTokenType() op.AccessTokenType  { return op.AccessTokenTypeBearer }
func (client) IDTokenLifetime() time.Duration       { return idTokenTTL }
func (client) IsScopeAllowed(string) bool           { return true } // the person decides, on the consent page
func (client) IDTokenUserinfoClaimsAssertion() bool { return true } // e-mail and name in the ID token, as Google does
func (client) ClockSkew() time.Duration             { return 0 }

// DevMode allows http redirect URIs for every response type, so that a wrong
// type is reported to the client and not taken for a wrong redirect URI.
func (client) DevMode() bool { return true }

func (client) RestrictAdditionalIdTokenScopes() func([]string) []string { return keepScopes }

func (client) RestrictAdditionalAccessTokenScopes() func([]string) []string { return keepScopes }

func grantTypes() []oidc.GrantType {
	return []oidc.GrantType{oidc.GrantTypeCode, oidc.GrantTypeRefreshToken}
}

func keepScopes(scopes []string) []string { return scopes }
