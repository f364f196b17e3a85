package login

import (
	"bytes"
	"cmp"
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"sidegate/identity"
	"sidegate/session"
)

// claims are what we read of an ID token or a userinfo answer. A claim of another
// type than expected is empty: an address that is a list is no address.
type claims struct {
	Subject       text   `json:"sub"`
	AuthorizedFor *text  `json:"azp"`
	Email         *text  `json:"email"`
	EmailVerified yes    `json:"email_verified"`
	HostedDomain  text   `json:"hd"`
	Name          text   `json:"name"`
	Picture       text   `json:"picture"`
	Groups        texts  `json:"-"` // of the claim that is configured
	SessionID     text   `json:"sid"`
	Expiry        number `json:"exp"`
	IssuedAt      number `json:"iat"`
}

type text string

func (t *text) UnmarshalJSON(data []byte) error {
	var s string
	if json.Unmarshal(data, &s) == nil {
		*t = text(s)
	}
	return nil
}

// yes is true for the JSON value true alone: "true", 1 and their kin are no
// statement by the provider that it verified an address (SEC-DOM-03).
type yes bool

func (y *yes) UnmarshalJSON(data []byte) error {
	*y = string(data) == "true"
	return nil
}

// number is true for a JSON number, as times must be (RFC 7519 2): go-oidc reads
// one in quotes as well (SEC-OIDC-06).
type number bool

func (n *number) UnmarshalJSON(data []byte) error {
	*n = data[0] == '-' || '0' <= data[0] && data[0] <= '9'
	return nil
}

type texts []string

func (t *texts) UnmarshalJSON(data []byte) error {
	var s []string
	if json.Unmarshal(data, &s) == nil {
		*t = s
	}
	return nil
}

// maxTokenAge is how old an ID token may be when it comes straight from the token
// endpoint.
const maxTokenAge = 10 * time.Minute

// verify checks the ID token of an answer of the token endpoint against the
// attempt it belongs to, by OpenID Connect Core 3.1.3.7, and returns who it is,
// with what a sign-out will need. go-oidc checks signature, iss, that we are in
// aud, exp and nbf; the rest is here.
func (p *provider) verify(ctx context.Context, m *metadata, token *oauth2.Token, a attempt) (session.SignIn, error) {
	if token.Type() != "Bearer" { // also when there is none
		return session.SignIn{}, errors.New("token_type is not Bearer") // section 3.1.3.3
	}
	raw, _ := token.Extra("id_token").(string)
	if raw == "" {
		return session.SignIn{}, errors.New("no id_token in the answer of the token endpoint")
	}
	idToken, err := m.verifier.Verify(ctx, raw)
	if _, expired := errors.AsType[*oidc.TokenExpiredError](err); expired {
		return session.SignIn{}, fmt.Errorf("%w: made a moment ago, so our clock and the provider's differ", err)
	}
	if err != nil {
		return session.SignIn{}, err
	}
	var payload json.RawMessage
	if err := idToken.Claims(&payload); err != nil {
		return session.SignIn{}, err
	}
	c, err := p.readClaims(payload)
	if err != nil {
		return session.SignIn{}, err
	}
	if err := p.checkToken(idToken, token, c, a); err != nil {
		return session.SignIn{}, err
	}
	// Only when there is no address at all: one that is no text is nobody's.
	if c.Email == nil && m.provider.UserInfoEndpoint() != "" {
		if c, err = p.userInfo(ctx, m, token, c); err != nil {
			return session.SignIn{}, err
		}
	}
	in := session.SignIn{
		Identity: c.identity(p.client), Provider: p.keep(m, token, string(c.SessionID)), Tokens: p.tokens(token, a.Scopes),
	}
	if !in.Tokens.IsZero() {
		in.Provider.Token = "" // what ends the grant is with the others, and changes
	}
	return in, nil
}

// checkToken checks what go-oidc's Verify says is its caller's to check.
func (p *provider) checkToken(t *oidc.IDToken, token *oauth2.Token, c claims, a attempt) error {
	now := p.now()
	switch {
	case subtle.ConstantTimeCompare([]byte(t.Nonce), []byte(a.nonce())) != 1:
		return errors.New("nonce is not this attempt's") // step 11
	case c.AuthorizedFor != nil && string(*c.AuthorizedFor) != p.client.ID:
		return errors.New("azp is another client") // step 5
	case c.AuthorizedFor == nil && len(t.Audience) > 1:
		return errors.New("several audiences and no azp") // step 4
	case !bool(c.Expiry && c.IssuedAt):
		return errors.New("exp or iat is missing or no number") // section 2: required
	case t.IssuedAt.After(now.Add(clockSkew)):
		return fmt.Errorf("iat is in the future: our clocks differ by more than %s", clockSkew) // step 10
	case t.IssuedAt.Before(now.Add(-maxTokenAge)):
		return fmt.Errorf("iat is more than %s ago: a late token, or our clocks differ", maxTokenAge)
	case !validSubject(string(c.Subject)):
		return errors.New("sub is missing or malformed") // section 2
	}
	if t.AccessTokenHash != "" {
		if err := t.VerifyAccessToken(token.AccessToken); err != nil {
			return fmt.Errorf("at_hash: %w", err) // section 3.1.3.8
		}
	}
	return nil
}

// userInfo asks for what the ID token left out. The answer must be about the same
// subject, else tokens of two people were mixed (OpenID Connect Core 5.3.2).
func (p *provider) userInfo(ctx context.Context, m *metadata, token *oauth2.Token, c claims) (claims, error) {
	info, err := m.provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return claims{}, fmt.Errorf("userinfo: %w", err)
	}
	var payload json.RawMessage
	if err := info.Claims(&payload); err != nil {
		return claims{}, fmt.Errorf("userinfo: %w", err)
	}
	more, err := p.readClaims(payload)
	if err != nil {
		return claims{}, fmt.Errorf("userinfo: %w", err)
	}
	if more.Subject != c.Subject {
		return claims{}, errors.New("userinfo: sub is not the ID token's")
	}
	c.Email, c.EmailVerified = more.Email, more.EmailVerified
	c.HostedDomain = cmp.Or(c.HostedDomain, more.HostedDomain)
	c.Name = cmp.Or(c.Name, more.Name)
	c.Picture = cmp.Or(c.Picture, more.Picture)
	if c.Groups == nil {
		c.Groups = more.Groups
	}
	return c, nil
}

func (p *provider) readClaims(payload []byte) (claims, error) {
	if err := checkMembers(payload); err != nil {
		return claims{}, fmt.Errorf("claims: %w", err)
	}
	var c claims
	if err := json.Unmarshal(payload, &c); err != nil {
		return claims{}, fmt.Errorf("claims: %w", err)
	}
	var byName map[string]json.RawMessage
	if err := json.Unmarshal(payload, &byName); err != nil {
		return claims{}, fmt.Errorf("claims: %w", err)
	}
	claim := p.client.groupsClaim()
	if groups, ok := byName[claim]; ok && claim != "" {
		_ = c.Groups.UnmarshalJSON(groups) // what is no list of names is none
	}
	return c, nil
}

// errTwice says that an object names a member twice: two readers of it may take
// different values (RFC 8259 4).
var errTwice = errors.New("a member comes twice")

// checkMembers returns errTwice, or another error for what is no JSON object.
func checkMembers(object []byte) error {
	seen := make(map[string]bool)
	d := json.NewDecoder(bytes.NewReader(object))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return errors.New("not a JSON object")
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		// encoding/json matches names without regard to case, so "Email" would
		// overwrite "email", and so would one with U+017F for the "s" in "iss".
		key := strings.ToLower(strings.ToUpper(fmt.Sprint(name)))
		if seen[key] {
			return fmt.Errorf("%w: %.64q", errTwice, name)
		}
		seen[key] = true
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return err
		}
	}
	return nil
}

// validSubject: at most 255 ASCII characters (OpenID Connect Core 2), and none
// that could not stand in a header.
func validSubject(sub string) bool {
	return sub != "" && len(sub) <= 255 && !strings.ContainsFunc(sub, func(r rune) bool { return r <= ' ' || r > '~' })
}

// Bounds of what goes into a session, in bytes. A provider lets people choose their
// names.
const (
	maxName    = 512
	maxPicture = 2048
	maxGroups  = 16 << 10 // they decide; the app is told of fewer, see access.Book
)

func (c claims) identity(at Client) identity.Identity {
	id := identity.Identity{
		Issuer: at.Issuer, Subject: at.subject(string(c.Subject)), EmailVerified: bool(c.EmailVerified),
		HostedDomain: string(c.HostedDomain), Name: cut(string(c.Name), maxName),
	}
	if c.Email != nil {
		id.Email = string(*c.Email)
	}
	if len(c.Picture) <= maxPicture && strings.HasPrefix(string(c.Picture), "https://") {
		id.Picture = string(c.Picture)
	}
	size := 0
	for _, g := range c.Groups {
		if size += len(g) + 1; size > maxGroups {
			break
		}
		id.Groups = append(id.Groups, g)
	}
	id.Groups = slices.Clip(id.Groups)
	return id
}

// cut shortens s to at most limit bytes of whole characters.
func cut(s string, limit int) string {
	s = strings.ToValidUTF8(s, "\ufffd")
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}
