package demo

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/subtle"
	"errors"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

const (
	maxPending = 1000             // sign-in pages open at once
	pendingTTL = 10 * time.Minute // how long a sign-in page may stay open
	maxCodes   = 1000
	codeTTL    = time.Minute // RFC 6749, 4.1.2: at most ten minutes
	maxTokens  = 1000
	idTokenTTL = time.Hour
	accessTTL  = time.Minute // short, so that one sees them renewed
	refreshTTL = 24 * time.Hour
	keyBits    = 2048
)

// store is the provider's memory, and the op.Storage the library works on.
type store struct {
	unserved
	client  client
	secret  string
	key     signingKey
	pending *expiring[*oidc.AuthRequest] // by the id hidden in the sign-in page
	choices *expiring[choice]            // by the id hidden in the consent page
	codes   *expiring[*grant]            // by authorization code
	tokens  *expiring[*grant]            // by the id inside the access token
	refresh *expiring[*grant]            // by refresh token
}

func newStore(redirectURI, secret string) (*store, error) {
	key, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return nil, err
	}
	return &store{
		client:  client{redirectURI},
		secret:  secret,
		key:     signingKey{rand.Text(), key},
		pending: newExpiring[*oidc.AuthRequest](pendingTTL, maxPending),
		choices: newExpiring[choice](pendingTTL, maxPending),
		codes:   newExpiring[*grant](codeTTL, maxCodes),
		tokens:  newExpiring[*grant](accessTTL, maxTokens),
		refresh: newExpiring[*grant](refreshTTL, maxTokens),
	}, nil
}

func (s *store) GetClientByClientID(_ context.Context, id string) (op.Client, error) {
	if id != ClientID {
		return nil, errors.New("unknown client")
	}
	return s.client, nil
}

func (s *store) AuthorizeClientIDSecret(_ context.Context, id, secret string) error {
	if id != ClientID || subtle.ConstantTimeCompare([]byte(secret), []byte(s.secret)) != 1 {
		return errors.New("wrong client secret")
	}
	return nil
}

// AuthRequestByCode gives a code away: whatever comes of this exchange, there
// is no second one (RFC 6749, 4.1.2).
func (s *store) AuthRequestByCode(_ context.Context, code string) (op.AuthRequest, error) {
	g, ok := s.codes.take(code)
	if !ok {
		return nil, errors.New("unknown, used or expired code")
	}
	return g, nil
}

// DeleteAuthRequest has nothing to do: AuthRequestByCode kept nothing.
func (s *store) DeleteAuthRequest(context.Context, string) error { return nil }

func (s *store) CreateAccessToken(_ context.Context, req op.TokenRequest) (string, time.Time, error) {
	g, ok := req.(*grant)
	if !ok {
		return "", time.Time{}, errUnserved()
	}
	id := rand.Text()
	s.tokens.put(id, g)
	return id, time.Now().Add(accessTTL), nil
}

func (s *store) SetUserinfoFromRequest(_ context.Context, info *oidc.UserInfo, req op.IDTokenRequest, scopes []string) error {
	g, ok := req.(*grant)
	if !ok {
		return errUnserved()
	}
	g.account.describe(info, scopes)
	return nil
}

func (s *store) SetUserinfoFromToken(_ context.Context, info *oidc.UserInfo, tokenID, _, _ string) error {
	g, ok := s.granted(tokenID)
	if !ok {
		return errors.New("unknown or expired access token")
	}
	g.account.describe(info, g.GetScopes())
	return nil
}

// describe fills in what the scopes ask for (OpenID Connect Core, 5.4).
func (a Account) describe(info *oidc.UserInfo, scopes []string) {
	info.Subject = a.Subject
	if slices.Contains(scopes, oidc.ScopeEmail) {
		info.Email, info.EmailVerified = a.Email, true
	}
	if slices.Contains(scopes, oidc.ScopeProfile) {
		info.Name = a.Name
		info.AppendClaims("groups", append([]string{}, a.Groups...))
	}
}

func (s *store) SigningKey(context.Context) (op.SigningKey, error) { return s.key, nil }

func (s *store) SignatureAlgorithms(context.Context) ([]jose.SignatureAlgorithm, error) {
	return []jose.SignatureAlgorithm{jose.RS256}, nil
}

func (s *store) KeySet(context.Context) ([]op.Key, error) {
	return []op.Key{publicKey{s.key.id, &s.key.private.PublicKey}}, nil
}

func (s *store) Health(context.Context) error { return nil }

// signingKey is made at each start. Its id is new as well: a client that kept
// the keys of an earlier demo asks again instead of refusing every token.
type signingKey struct {
	id      string
	private *rsa.PrivateKey
}

func (k signingKey) ID() string                                { return k.id }
func (signingKey) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.RS256 }
func (k signingKey) Key() any                                  { return k.private }

type publicKey struct {
	id  string
	key *rsa.PublicKey
}

func (k publicKey) ID() string                       { return k.id }
func (publicKey) Algorithm() jose.SignatureAlgorithm { return jose.RS256 }
func (publicKey) Use() string                        { return "sig" }
func (k publicKey) Key() any                         { return k.key }
