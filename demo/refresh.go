package demo

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// CreateAccessAndRefreshTokens keeps the refresh token of a grant the same, as Google does.
func (s *store) CreateAccessAndRefreshTokens(ctx context.Context, req op.TokenRequest, current string) (string, string, time.Time, error) {
	g, ok := req.(*grant)
	if !ok {
		return "", "", time.Time{}, errUnserved()
	}
	token := cmp.Or(current, rand.Text())
	s.refresh.put(token, g)
	id, ends, err := s.CreateAccessToken(ctx, g)
	return id, token, ends, err
}

func (s *store) TokenRequestByRefreshToken(_ context.Context, token string) (op.RefreshTokenRequest, error) {
	g, ok := s.refresh.get(token)
	if !ok || g.revoked.Load() {
		return nil, errors.New("unknown, revoked or expired refresh token")
	}
	return g, nil
}

// GetRefreshTokenInfo tells the library whether a token to revoke is a refresh token.
func (s *store) GetRefreshTokenInfo(_ context.Context, _, token string) (subject, id string, err error) {
	g, ok := s.refresh.get(token)
	if !ok {
		return "", "", op.ErrInvalidRefreshToken
	}
	return g.account.Subject, token, nil
}

// RevokeToken ends the grant that a refresh token, or an access token by its id, is of,
// and with it all of its tokens (RFC 7009, 2.1). A token nobody knows is as good as
// revoked (2.2).
func (s *store) RevokeToken(_ context.Context, token, _, _ string) *oidc.Error {
	for _, kind := range []*expiring[*grant]{s.refresh, s.tokens} {
		if g, ok := kind.get(token); ok {
			g.revoked.Store(true)
		}
	}
	return nil
}

// granted returns what an access token, by its id, stands for while it is good.
func (s *store) granted(id string) (*grant, bool) {
	g, ok := s.tokens.get(id)
	return g, ok && !g.revoked.Load()
}
