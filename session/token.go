package session

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
)

// Token is what a cookie of ours holds: 256 random bits. Whoever has a session's
// token has the session; it is never stored, logged or sent to the app.
type Token [32]byte

// tokenEncoding is strict: the last character of 43 carries four bits that no
// token uses, and a second spelling of a token must not be taken for it.
var tokenEncoding = base64.RawURLEncoding.Strict()

// NewToken draws a token.
func NewToken() Token {
	var t Token
	rand.Read(t[:]) // never fails: crypto/rand ends the process instead
	return t
}

// ParseToken reads a cookie's value, and reports whether it is a token at all.
func ParseToken(s string) (Token, bool) {
	var t Token
	if len(s) != tokenEncoding.EncodedLen(len(t)) {
		return Token{}, false
	}
	if n, err := tokenEncoding.Decode(t[:], []byte(s)); err != nil || n != len(t) {
		return Token{}, false
	}
	return t, true
}

// Cookie returns the token as a cookie's value: 43 characters.
func (t Token) Cookie() string { return tokenEncoding.EncodeToString(t[:]) }

// String keeps a token out of logs.
func (t Token) String() string { return "[token]" }

// GoString keeps a token out of logs.
func (t Token) GoString() string { return "[token]" }

// key names the token's record in a store. The audience is part of it: a cookie
// of one app finds nothing for another app on the same store.
func (t Token) key(audience string) string {
	var room [128]byte // no allocation: every request comes here
	text := append(append(append(room[:0], "sidegate session\x00"...), audience...), 0)
	sum := sha256.Sum256(append(text, t[:]...))
	key := [2 + 2*sha256.Size]byte{'s', ':'}
	hex.Encode(key[2:], sum[:])
	return string(key[:])
}
