package login

import (
	"context"
	"errors"
	"fmt"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"sidegate/session"
)

// Refresh gets a new access token (RFC 6749 6). session.ErrGrantLost: never again
// with this refresh token. Any other error is trouble, which passes. What comes has
// the refresh token that is good from now on, the same or another.
func (l *Login) Refresh(ctx context.Context, held session.Tokens) (session.Tokens, error) {
	ctx, cancel := context.WithTimeout(oidc.ClientContext(ctx, l.provider.http), l.Patience)
	defer cancel()
	m, err := l.provider.metadata.get(ctx)
	if err != nil {
		return session.Tokens{}, err
	}
	token, err := l.provider.oauth(m).TokenSource(ctx, &oauth2.Token{RefreshToken: held.Refresh}).Token()
	if err != nil {
		return session.Tokens{}, refreshFailed(err)
	}
	if token.Type() != "Bearer" {
		return session.Tokens{}, errors.New("token endpoint: token_type is not Bearer")
	}
	got := l.provider.tokens(token, held.Scopes)
	if got.Access == "" {
		return session.Tokens{}, errors.New("token endpoint: the access token is too long")
	}
	return got, nil // with the old refresh token, when the answer has no other
}

// refreshFailed keeps what the library quotes of the answer out of the log.
func refreshFailed(err error) error {
	answered, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok {
		return fmt.Errorf("token endpoint: %w", err)
	}
	why := fmt.Errorf("token endpoint: status %d, error %.64q", answered.Response.StatusCode, answered.ErrorCode)
	if answered.ErrorCode == "invalid_grant" {
		return errors.Join(session.ErrGrantLost, why)
	}
	return why
}

// RevokeGrant gives a token back because its person wants that (RFC 7009): at Google
// too, where it withdraws the consent for all apps of the project. errors.ErrUnsupported:
// the provider has no place for it, or the token is not its own: a session may be of one
// that has been replaced since, and one's tokens are not for another's eyes.
func (l *Login) RevokeGrant(ctx context.Context, issuer, token string) error {
	if issuer != l.Client.Issuer {
		return errors.ErrUnsupported
	}
	ctx, cancel := context.WithTimeout(ctx, l.Patience)
	defer cancel()
	m, err := l.provider.metadata.get(ctx)
	switch {
	case err != nil:
		return err
	case m.withdrawal == "":
		return errors.ErrUnsupported
	}
	return l.provider.revokeAt(ctx, m, m.withdrawal, token)
}
