package demo

import (
	"context"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// unserved is the part of op.Storage that belongs to flows the demo does not
// offer: token exchange, introspection, provider log-out. None of their routes is open (Provider.routes); should one be opened
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

func (unserved) TerminateSession(context.Context, string, string) error { return errUnserved() }

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
