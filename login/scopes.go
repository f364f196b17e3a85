package login

import (
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"sidegate/session"
)

// API is what an app may want of the provider's APIs in a person's name.
type API struct {
	SignIn  session.Scopes // asked for at each sign-in
	Connect session.Scopes // asked for when a page needs them, by /_gate/connect
}

// refused returns what of asked the operator has not listed: a link from anywhere can
// name any scope, and people press "Allow".
func (a API) refused(asked session.Scopes) session.Scopes {
	return a.SignIn.And(a.Connect...).Missing(asked)
}

// identityScopes are those of any sign-in.
func identityScopes() session.Scopes { return session.Scopes{oidc.ScopeOpenID, "email", "profile"} }

// askForAPI returns the parameters that ask for scopes besides who it is, with a
// refresh token. Such a token comes with consent alone (Core 11; at Google with
// each account's first), so that without one the person is asked for it.
func (p *provider) askForAPI(m *metadata, a attempt) []oauth2.AuthCodeOption {
	if len(a.Scopes) == 0 {
		return nil
	}
	scopes := identityScopes().And(a.Scopes...)
	var options []oauth2.AuthCodeOption
	switch {
	case p.client.Issuer == GoogleIssuer: // which refuses offline_access
		options = append(options, oauth2.AccessTypeOffline, oauth2.SetAuthURLParam("include_granted_scopes", "true"))
	case m.offline:
		scopes = scopes.And(oidc.ScopeOfflineAccess)
	}
	return append(options, oauth2.SetAuthURLParam("scope", scopes.String()))
}

// prompt is what the person is asked besides (Core 3.1.2.1), empty: nothing.
func (a attempt) prompt() string {
	var all []string
	if a.Switch {
		all = append(all, "select_account")
	}
	if a.Consent {
		all = append(all, "consent")
	}
	return strings.Join(all, " ")
}

// maxAccess bounds an access token that is kept, in bytes. Some providers put a
// person's groups into it.
const maxAccess = 16 << 10

// tokens returns what was granted, given what was asked for. None: the attempt asked
// for nothing but who it is.
func (p *provider) tokens(token *oauth2.Token, asked session.Scopes) session.Tokens {
	if len(asked) == 0 || len(token.AccessToken) > maxAccess {
		return session.Tokens{}
	}
	t := session.Tokens{
		Access: token.AccessToken, Obtained: p.now(), Scopes: p.granted(token, asked),
	}
	if len(token.RefreshToken) <= maxToken {
		t.Refresh = token.RefreshToken
	}
	t.Expires = p.expiry(token)
	return t
}

// usualLife is taken for the life of an access token whose answer does not say it
// (RFC 6749 5.1 only recommends to).
const usualLife = time.Hour

func (p *provider) expiry(token *oauth2.Token) time.Time {
	life := time.Duration(token.ExpiresIn) * time.Second
	if life <= 0 || life > 30*24*time.Hour {
		life = usualLife
	}
	return p.now().Add(life)
}

// granted returns the scopes that an answer of the token endpoint says it is for: at
// Google people can untick any of them. Saying nothing means all (RFC 6749 5.1).
func (p *provider) granted(token *oauth2.Token, asked session.Scopes) session.Scopes {
	said, _ := token.Extra("scope").(string)
	scopes, ok := session.ParseScopes(said)
	if said == "" || !ok {
		return asked
	}
	return slices.DeleteFunc(scopes, func(s string) bool {
		return slices.Contains([]string{
			oidc.ScopeOpenID, oidc.ScopeOfflineAccess, "email", "profile",
			"https://www.googleapis.com/auth/userinfo.email", "https://www.googleapis.com/auth/userinfo.profile",
		}, s)
	})
}
