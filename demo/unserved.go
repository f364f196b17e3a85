package demo

import (
	"context"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// unserved is the part of op.Storage that belongs to flows the demo does not
// offer: refresh tokens, token exchange, introspection, revocation, provider
// log-out. None of their routes is open (Provider.routes); should one be opened
// by mistake, it is refused here.
type unserved struct{}

func errUnserved() *oidc.Error {
	return oidc.ErrServerError().WithDescription("the demo provider does not offer this")
}

func (unserved) CreateAuthRequest(context.Context, *oidc.AuthRequest, string) (op.AuthRequest, error) {
	return nil, errUnserved()
}

func (unserved) AuthRequestByID(context.Context, string) (op.AuthRequest, error) {
	return nil, errUnserved()
}

func (unserved) SaveAuthCode(context.Context, string, string) error { return errUnserved() }

func (unserved) CreateAccessAndRefreshTokens(context.Context, op.TokenRequest, string) (string, string, time.Time, error) {
	return "", "", time.Time{}, errUnserved()
}

func (unserved) TokenRequestByRefreshToken(context.Context, string) (op.RefreshTokenRequest, error) {
	return nil, errUnserved()
}

func (unserved) TerminateSession(context.Context, string, string) error { return errUnserved() }

func (unserved) RevokeToken(context.Context, string, string, string) *oidc.Error {
	return errUnserved()
}

func (unserved) GetRefreshTokenInfo(context.Context, string, string) (string, string, error) {
	return "", "", op.ErrInvalidRefreshToken
}

// SetUserinfoFromScopes is called by the library but superseded by
// SetUserinfoFromRequest, which store has.
func (unserved) SetUserinfoFromScopes(context.Context, *oidc.UserInfo, string, string, []string) error {
	return nil
}

func (unserved) SetIntrospectionFromToken(context.Context, *oidc.IntrospectionResponse, string, string, string) error {
	return errUnserved()
}

func (unserved) GetPrivateClaimsFromScopes(context.Context, string, string, []string) (map[string]any, error) {
	return nil, errUnserved()
}

func (unserved) GetKeyByIDAndClientID(context.Context, string, string) (*jose.JSONWebKey, error) {
	return nil, errUnserved()
}

func (unserved) ValidateJWTProfileScopes(context.Context, string, []string) ([]string, error) {
	return nil, errUnserved()
}
