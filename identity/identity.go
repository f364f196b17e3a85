// Package identity says who a person is: a plain value, and its place in a
// request's context. It knows nothing of cookies, providers or proxies, so that
// every other package can speak of people without importing one another.
package identity

import "context"

// Identity is what a verified ID token (or userinfo answer) said about a person
// at sign-in. The pair Issuer and Subject is the only stable key (OpenID Connect
// Core 5.7): addresses are renamed and handed on.
//
// The zero Identity is nobody.
type Identity struct {
	Issuer        string   `json:"iss"`
	Subject       string   `json:"sub"`
	Email         string   `json:"email,omitempty"`
	EmailVerified bool     `json:"email_verified,omitempty"`
	HostedDomain  string   `json:"hd,omitempty"`
	Name          string   `json:"name,omitempty"`
	Picture       string   `json:"picture,omitempty"`
	Groups        []string `json:"groups,omitempty"`

	// Roles are not the provider's to say, and not kept: they are what our own role
	// map says at this moment, and empty until it was asked.
	Roles []string `json:"-"`
}

// IsZero reports whether i names nobody.
func (i Identity) IsZero() bool { return i.Issuer == "" || i.Subject == "" }

// Same reports whether i and o are the same account at the same provider. Two
// nobodies are not the same person.
func (i Identity) Same(o Identity) bool {
	return !i.IsZero() && i.Issuer == o.Issuer && i.Subject == o.Subject
}

type contextKey struct{}

// NewContext returns a context that carries i.
func NewContext(ctx context.Context, i Identity) context.Context {
	return context.WithValue(ctx, contextKey{}, i)
}

// FromContext returns the identity that ctx carries, and whether there is one.
func FromContext(ctx context.Context) (Identity, bool) {
	i, ok := ctx.Value(contextKey{}).(Identity)
	return i, ok && !i.IsZero()
}
