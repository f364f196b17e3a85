package login

import (
	"cmp"
	"strings"

	"golang.org/x/oauth2"

	"sidegate/session"
)

// Bounds of what a session keeps of the provider's tokens, in bytes; a session's
// record has room for 64 KiB in all. What is longer is not kept, and the sign-out
// does without it.
const (
	maxSessionID = 255
	// maxHint: the ID token comes back as a parameter, and many servers take no
	// request line of more than 8 KiB.
	maxHint  = 6 << 10
	maxToken = 8 << 10
)

// keep returns what a sign-out will need at this provider, and nothing else: the
// less a session holds, the less there is to lose.
func (p *provider) keep(m *metadata, token *oauth2.Token, sid string) session.Provider {
	var kept session.Provider
	if validSessionID(sid) {
		kept.SessionID = sid
	}
	if raw, _ := token.Extra("id_token").(string); m.endSession != "" && len(raw) <= maxHint {
		kept.IDToken = raw
	}
	// Revoking the refresh token ends the access tokens with it (RFC 7009 2.1).
	if t := cmp.Or(token.RefreshToken, token.AccessToken); m.revocation != "" && len(t) <= maxToken {
		kept.Token = t
	}
	return kept
}

// validSessionID: printable ASCII, as a client id is (Front-Channel Logout 1.0,
// 3).
func validSessionID(sid string) bool {
	return sid != "" && len(sid) <= maxSessionID &&
		!strings.ContainsFunc(sid, func(r rune) bool { return r < ' ' || r > '~' })
}
