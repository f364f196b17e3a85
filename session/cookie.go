package session

import (
	"net/http"
	"net/textproto"
	"strings"
	"time"
)

// Cookie is one of our cookies. It is set and cleared by this type alone, with
// the same attributes: a browser ignores the deletion of a __Host- cookie that
// lacks Secure.
type Cookie struct {
	name   string
	secure bool
	life   time.Duration
}

// The names without prefix are for plain http on loopback only.
const (
	sessionName = "sidegate"
	flowName    = "sidegate-flow"
	hostPrefix  = "__Host-"
)

// NewCookie returns the session cookie, kept by the browser for life. https says
// that browsers reach us by https (PUBLIC_URL).
func NewCookie(https bool, life time.Duration) Cookie { return newCookie(sessionName, https, life) }

// NewFlowCookie returns the cookie that binds sign-in attempts to a browser.
func NewFlowCookie(https bool, life time.Duration) Cookie { return newCookie(flowName, https, life) }

func newCookie(name string, https bool, life time.Duration) Cookie {
	if https {
		// RFC 6265bis 4.1.3.2: with this prefix a browser takes the cookie only
		// from this very host, over https, for every path.
		name = hostPrefix + name
	}
	return Cookie{name: name, secure: https, life: life}
}

// CookieNames lists every name our cookies can have, over http and https. The
// app must neither receive nor set any of them.
func CookieNames() []string {
	return []string{sessionName, flowName, hostPrefix + sessionName, hostPrefix + flowName}
}

// Name returns the cookie's name.
func (c Cookie) Name() string { return c.name }

// Set gives the browser value. The answer becomes uncacheable.
func (c Cookie) Set(w http.ResponseWriter, value string) {
	c.write(w, value, int(c.life/time.Second))
}

// Clear takes the cookie away.
func (c Cookie) Clear(w http.ResponseWriter) { c.write(w, "", -1) }

func (c Cookie) write(w http.ResponseWriter, value string, maxAge int) {
	w.Header().Set("Cache-Control", "no-store")
	http.SetCookie(w, &http.Cookie{
		Name: c.name, Value: value, Path: "/", MaxAge: maxAge,
		Secure: c.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// maxCandidates bounds how many cookies of one name are looked at.
const maxCandidates = 4

// Tokens returns the well-formed tokens the request carries under the cookie's
// name, at most four. There can be several: over plain http another site on the
// same host name can toss a cookie at us, and must not lock the person out by it.
func (c Cookie) Tokens(r *http.Request) []Token { return c.appendTokens(nil, r) }

// appendTokens reads cookies as net/http does, and keeps nothing of them: every
// request comes here.
func (c Cookie) appendTokens(tokens []Token, r *http.Request) []Token {
	for _, line := range r.Header["Cookie"] {
		for part := range strings.SplitSeq(line, ";") {
			name, value, _ := strings.Cut(textproto.TrimString(part), "=")
			if textproto.TrimString(name) != c.name {
				continue
			}
			if t, ok := ParseToken(unquoted(value)); ok && len(tokens) < maxCandidates {
				tokens = append(tokens, t)
			}
		}
	}
	return tokens
}

// unquoted takes the quotes off that a cookie's value may stand in (RFC 6265 4.1.1).
func unquoted(value string) string {
	if len(value) > 1 && value[0] == '"' && value[len(value)-1] == '"' {
		return value[1 : len(value)-1]
	}
	return value
}
